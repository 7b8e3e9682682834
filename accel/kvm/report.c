/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU did before it could not go on, for people.
 * Spec: Documentation/virt/kvm/api.rst, section 5.
 */
#include "accel/kvm/kvm-priv.h"

#include "util/log.h"

#include <inttypes.h>

void kvm_note_exit(KvmCpu *k, const struct kvm_run *run)
{
    KvmExit *e = &k->last[k->n_last++ % KVM_LAST_EXITS];

    *e = (KvmExit){ .reason = run->exit_reason };
    if (run->exit_reason == KVM_EXIT_IO) {
        e->addr = run->io.port;
        e->len = (uint8_t)run->io.size;
        e->write = run->io.direction == KVM_EXIT_IO_OUT;
    } else if (run->exit_reason == KVM_EXIT_MMIO) {
        e->addr = run->mmio.phys_addr;
        e->len = (uint8_t)run->mmio.len;
        e->write = run->mmio.is_write;
    }
}

static const char *kvm_exit_name(unsigned reason)
{
    static const char *const names[] = {
        [KVM_EXIT_EXCEPTION] = "exception",
        [KVM_EXIT_IO] = "port",
        [KVM_EXIT_HYPERCALL] = "hypercall",
        [KVM_EXIT_DEBUG] = "debug",
        [KVM_EXIT_HLT] = "halt",
        [KVM_EXIT_MMIO] = "MMIO",
        [KVM_EXIT_IRQ_WINDOW_OPEN] = "interrupt window",
        [KVM_EXIT_SHUTDOWN] = "triple fault",
        [KVM_EXIT_FAIL_ENTRY] = "failed entry",
        [KVM_EXIT_INTR] = "signal",
        [KVM_EXIT_INTERNAL_ERROR] = "internal error",
        [KVM_EXIT_SYSTEM_EVENT] = "system event",
        [KVM_EXIT_IOAPIC_EOI] = "end of interrupt",
    };

    return reason < G_N_ELEMENTS(names) && names[reason] ? names[reason] : "other";
}

void kvm_report_exits(const KvmCpu *k, GString *s)
{
    unsigned n = MIN(k->n_last, KVM_LAST_EXITS);

    g_string_append_printf(s, "  the last of %" PRIu64 " exits:", k->exits);
    for (unsigned i = k->n_last - n; i != k->n_last; i++) {
        const KvmExit *e = &k->last[i % KVM_LAST_EXITS];

        g_string_append_printf(s, "%s %s", i == k->n_last - n ? "" : ",", kvm_exit_name(e->reason));
        if (e->len) {
            g_string_append_printf(s, " %s 0x%" PRIx64 "/%u", e->write ? "write" : "read", e->addr,
                                   e->len);
        }
    }
    g_string_append_c(s, '\n');
}

/* Where the program counter leads, by the guest's own tables. */
void kvm_report_walk(Cpu *cpu, GString *s)
{
    GuestVirt pc = cpu->target_ops && cpu->target_ops->get_pc ? cpu->target_ops->get_pc(cpu) : 0;
    MemAttrs attrs = { .debug = 1 };
    GuestPhys pa;

    if (cpu_debug_translate(cpu, pc, &pa, &attrs)) {
        g_string_append_printf(s, "  0x%" PRIx64 " is at physical 0x%" PRIx64 "\n", pc, pa);
    } else {
        g_string_append_printf(s, "  0x%" PRIx64 " is not mapped by the guest's page tables\n", pc);
    }
}

/* The instruction at the program counter. */
void kvm_report_code(Cpu *cpu, GString *s)
{
    Machine *m = cpu->dev.machine;
    GuestVirt pc = 0;
    uint8_t code[16] = { 0 };

    if (cpu->target_ops && cpu->target_ops->get_pc) {
        pc = cpu->target_ops->get_pc(cpu);
    }
    if (!cpu_debug_rw(cpu, pc, code, sizeof(code), false)) {
        g_string_append_printf(s, "  the instruction at 0x%" PRIx64 " cannot be read\n", pc);
        return;
    }
    g_string_append(s, "  code:");
    for (unsigned i = 0; i < sizeof(code); i++) {
        g_string_append_printf(s, " %02x", code[i]);
    }
    g_string_append_c(s, '\n');
    if (machine_disas(m)) {
        g_string_append(s, "  ");
        machine_disas(m)(cpu, pc, code, sizeof(code), s);
    }
}

/* A guest may end itself so on purpose: one line, and all of it with -d cpu_reset. */
void kvm_report_triple(Cpu *cpu)
{
    LogSink *log = machine_log(cpu->dev.machine);
    g_autoptr(GString) s = g_string_new("");
    g_autoptr(GError) err = NULL;

    if (!cpu->target->kvm->get(cpu, &err)) {
        return;
    }
    g_string_append_printf(s,
                           "CPU %d: triple fault (an exception while it entered the handler of "
                           "a double fault) at 0x%" PRIx64 ": a reset",
                           cpu->index, cpu->target_ops->get_pc(cpu));
    if (log_on(log, LOG_CPU_RESET)) {
        g_string_append_c(s, '\n');
        if (cpu->target->dump) {
            cpu->target->dump(cpu, s);
        }
        kvm_report_code(cpu, s);
        kvm_report_walk(cpu, s);
        kvm_report_exits(kvm_cpu(cpu), s);
    }
    log_message(log, LOG_LEVEL_WARN, "kvm", "%s", s->str);
}
