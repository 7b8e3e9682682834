/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the core's vCPU threads and an accelerator.
 */
#include "accel/accel.h"

#include "core/cpu.h"
#include "core/machine.h"

static CpuExit accel_run(Cpu *cpu)
{
    switch (cpu->accel->run(cpu)) {
    case ACCEL_EXIT_HALTED:
        return CPU_EXIT_HALTED;
    case ACCEL_EXIT_DEBUG:
        return CPU_EXIT_DEBUG;
    case ACCEL_EXIT_REQUEST:
        break;
    }
    return CPU_EXIT_REQUEST;
}

static void accel_state_changed(Cpu *cpu)
{
    if (cpu->accel->state_changed) {
        cpu->accel->state_changed(cpu);
    }
}

static void accel_debug_changed(Cpu *cpu)
{
    if (cpu->accel->breakpoints_changed) {
        cpu->accel->breakpoints_changed(cpu);
    }
}

static void accel_cpu_free(Cpu *cpu)
{
    if (cpu->accel->cpu_free) {
        cpu->accel->cpu_free(cpu);
    }
}

static const CpuAccelOps accel_ops = {
    .name = "accel",
    .run = accel_run,
    .state_changed = accel_state_changed,
    .debug_changed = accel_debug_changed,
    .cpu_free = accel_cpu_free,
};

bool accel_attach(Machine *m, const Accel *accel, const char *options, GError **err)
{
    void *state = NULL;

    if (accel->machine_init) {
        state = accel->machine_init(m, options, err);
        if (*err) {
            return false;
        }
    }
    machine_set_accel(m, accel, state, accel->machine_free);
    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        Cpu *cpu = machine_cpu(m, i);

        cpu->accel = accel;
        if (accel->cpu_init && !accel->cpu_init(cpu, err)) {
            return false;
        }
        cpu->accel_ops = cpu->accel_ops ? cpu->accel_ops : &accel_ops;
    }
    return true;
}
