/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power control as firmware would do it.
 * Spec: Arm DEN 0022 (PSCI 1.1), DEN 0028 (SMC calling convention 1.1).
 */
#include "target/arm/exception.h"

#include "accel/tcg/tcg.h"
#include "target/arm/cpu.h"

enum {
    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF = 0x84000008,
    PSCI_SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    PSCI_SYSTEM_RESET2 = 0x84000012,
    SMCCC_VERSION = 0x80000000,
    SMCCC_ARCH_FEATURES = 0x80000001,
};

#define PSCI_64 0x40000000u /* the same function with 64-bit parameters */

enum {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_ALREADY_ON = -4,
    PSCI_ON_PENDING = -5,
    PSCI_INVALID_ADDRESS = -9,
    PSCI_IS_ON = 0,
    PSCI_IS_OFF = 1,
    PSCI_IS_PENDING = 2,
    PSCI_NO_TRUSTED_OS = 2,
    PSCI_VERSION_1_1 = 0x10001,
    SMCCC_VERSION_1_1 = 0x10001,
};

#define PSCI_AFFINITY 0xff00ffffffull

typedef struct PsciStart {
    uint64_t entry, context;
} PsciStart;

static ArmCpu *psci_find(ArmCpu *c, uint64_t affinity)
{
    Machine *m = c->cpu.dev.machine;

    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        ArmCpu *other = arm_cpu(machine_cpu(m, i));

        if ((other->id.mpidr & PSCI_AFFINITY) == affinity) {
            return other;
        }
    }
    return NULL;
}

/* 0: on, 1: off, 2: on its way */
static int psci_state(ArmCpu *c)
{
    int s;

    mutex_lock(&c->cpu.sleep_lock);
    s = c->cpu.powering ? PSCI_IS_PENDING : c->cpu.off ? PSCI_IS_OFF : PSCI_IS_ON;
    mutex_unlock(&c->cpu.sleep_lock);
    return s;
}

static void psci_started(Cpu *cpu, void *arg)
{
    g_autofree PsciStart *s = arg;

    arm_cpu(cpu)->pc = s->entry;
    arm_cpu(cpu)->x[0] = s->context;
}

static int64_t psci_cpu_on(ArmCpu *c, uint64_t affinity, uint64_t entry, uint64_t context)
{
    ArmCpu *other = psci_find(c, affinity & PSCI_AFFINITY);
    PsciStart *s;

    if (!other || affinity & ~PSCI_AFFINITY) {
        return PSCI_INVALID_PARAMETERS;
    }
    if (entry & 3) {
        return PSCI_INVALID_ADDRESS;
    }
    s = g_new(PsciStart, 1);
    *s = (PsciStart){ entry, context };
    if (cpu_power_on(&other->cpu, psci_started, s)) {
        return PSCI_SUCCESS;
    }
    g_free(s);
    return psci_state(other) == PSCI_IS_PENDING ? PSCI_ON_PENDING : PSCI_ALREADY_ON;
}

static int64_t psci_affinity_info(ArmCpu *c, uint64_t affinity, uint64_t level)
{
    ArmCpu *other = level ? NULL : psci_find(c, affinity & PSCI_AFFINITY);

    return other ? psci_state(other) : PSCI_INVALID_PARAMETERS;
}

/* The core finds `off` when the run function comes back. */
static void psci_cpu_off(ArmCpu *c)
{
    mutex_lock(&c->cpu.sleep_lock);
    c->cpu.off = true;
    mutex_unlock(&c->cpu.sleep_lock);
    cpu_request(&c->cpu, REQ_EXIT);
}

static int64_t psci_features(uint32_t fn)
{
    switch (fn & ~PSCI_64) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case PSCI_SYSTEM_RESET2:
    case SMCCC_VERSION:
        return PSCI_SUCCESS;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

/* The machine goes: this CPU executes nothing more. */
static void psci_system_end(ArmCpu *c, bool reset)
{
    Machine *m = c->cpu.dev.machine;

    if (reset) {
        machine_reset_request(m, CAUSE_GUEST_RESET);
    } else {
        machine_shutdown_request(m, CAUSE_GUEST_SHUTDOWN);
    }
    psci_cpu_off(c);
}

void arm_psci_call(ArmCpu *c)
{
    uint32_t fn = (uint32_t)c->x[0];
    bool is64 = fn & PSCI_64;
    uint64_t a1 = is64 ? c->x[1] : (uint32_t)c->x[1];
    uint64_t a2 = is64 ? c->x[2] : (uint32_t)c->x[2];
    uint64_t a3 = is64 ? c->x[3] : (uint32_t)c->x[3];
    int64_t r = PSCI_SUCCESS;

    switch (fn) {
    case PSCI_VERSION:
        r = PSCI_VERSION_1_1;
        break;
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | PSCI_64:
        /* Every state is a standby state: wait, go on. */
        tcg_halt(&c->cpu);
        break;
    case PSCI_CPU_OFF:
        psci_cpu_off(c);
        break;
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | PSCI_64:
        r = psci_cpu_on(c, a1, a2, a3);
        break;
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | PSCI_64:
        r = psci_affinity_info(c, a1, a2);
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        r = PSCI_NO_TRUSTED_OS;
        break;
    case PSCI_SYSTEM_OFF:
        psci_system_end(c, false);
        break;
    case PSCI_SYSTEM_RESET:
    case PSCI_SYSTEM_RESET2:
    case PSCI_SYSTEM_RESET2 | PSCI_64:
        psci_system_end(c, true);
        break;
    case PSCI_FEATURES:
        r = psci_features((uint32_t)a1);
        break;
    case SMCCC_VERSION:
        r = SMCCC_VERSION_1_1;
        break;
    case SMCCC_ARCH_FEATURES:
        r = a1 == SMCCC_VERSION || a1 == SMCCC_ARCH_FEATURES ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
        break;
    default:
        r = PSCI_NOT_SUPPORTED;
        break;
    }
    c->x[0] = (uint64_t)r;
}
