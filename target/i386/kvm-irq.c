/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of x86 vCPUs where the 8259s, or all controllers, are devices of ours; NMIs.
 * Spec: Documentation/virt/kvm/api.rst, 4.16 KVM_INTERRUPT, 4.64 KVM_NMI, 7.21
 * KVM_CAP_X86_USER_SPACE_MSR, and section 5 (kvm_run).
 */
#include "target/i386/kvm-x86.h"

#include "core/intc.h"

enum { MSR_APIC_BASE = 0x1b };

/* Without local APICs in the kernel, MSRs of x2APIC come to us, as others that it does not know. */
bool kvm_x86_irq_init(Machine *m, GError **err)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args = { KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN },
    };
    int rc = 0;

    if (kvm_irqchip(m) == KVM_IRQCHIP_OFF && kvm_check(m, KVM_CAP_X86_USER_SPACE_MSR)) {
        rc = kvm_vm_ioctl(m, KVM_ENABLE_CAP, &cap);
    }
    return rc >= 0 || error_set(err, "KVM_CAP_X86_USER_SPACE_MSR: %s", g_strerror(-rc));
}

static void kvm_x86_nmi(Cpu *cpu)
{
    if (cpu_lines(cpu) & 1u << X86_LINE_NMI) {
        cpu_set_line(cpu, X86_LINE_NMI, false);
        (void)kvm_vcpu_ioctl(cpu, KVM_NMI, NULL);
    }
}

static void kvm_x86_offer(Cpu *cpu, struct kvm_run *run)
{
    struct kvm_interrupt irq;
    bool deliver;
    int vector;

    if (!run->ready_for_interrupt_injection || !cpu->intc || !cpu->intc->ops->acknowledge) {
        return;
    }
    deliver = kvm_x86_must_deliver(cpu);
    if (deliver && (run->exit_reason == KVM_EXIT_IO || run->exit_reason == KVM_EXIT_MMIO)) {
        return; /* the instruction ends when KVM goes on; the window opens behind it */
    }
    vector = cpu->intc->ops->acknowledge(cpu->intc, cpu);
    if (vector >= 0) {
        irq.irq = (uint32_t)vector;
        if (!deliver || !kvm_x86_deliver(cpu, irq.irq)) {
            (void)kvm_vcpu_ioctl(cpu, KVM_INTERRUPT, &irq);
        }
        run->ready_for_interrupt_injection = 0; /* one at a time */
    }
}

void kvm_x86_before_run(Cpu *cpu, struct kvm_run *run)
{
    KvmIrqchip place = kvm_irqchip(cpu->dev.machine);
    uint64_t cr8;

    kvm_x86_nmi(cpu);
    if (place == KVM_IRQCHIP_ON) {
        return;
    }
    if (cpu_lines(cpu) & 1u << X86_LINE_INTR) {
        kvm_x86_offer(cpu, run);
    }
    run->request_interrupt_window = !!(cpu_lines(cpu) & 1u << X86_LINE_INTR);
    if (place == KVM_IRQCHIP_OFF && cpu_intc_read(cpu, INTC_X86_CR8, &cr8)) {
        run->cr8 = cr8;
    }
}

void kvm_x86_after_run(Cpu *cpu, struct kvm_run *run)
{
    uint64_t old;

    if (kvm_irqchip(cpu->dev.machine) != KVM_IRQCHIP_OFF) {
        return;
    }
    if (cpu_intc_read(cpu, INTC_X86_CR8, &old) && old != run->cr8) {
        cpu_intc_write(cpu, INTC_X86_CR8, run->cr8);
    }
    if (cpu_intc_read(cpu, MSR_APIC_BASE, &old) && old != run->apic_base) {
        cpu_intc_write(cpu, MSR_APIC_BASE, run->apic_base);
    }
}

KvmHandled kvm_x86_exit(Cpu *cpu, struct kvm_run *run)
{
    uint64_t val;

    switch (run->exit_reason) {
    case KVM_EXIT_IOAPIC_EOI:
        if (cpu->intc && cpu->intc->ops->end) {
            cpu->intc->ops->end(cpu->intc, cpu, run->eoi.vector);
        }
        return KVM_GO_ON;
    case KVM_EXIT_X86_RDMSR:
        val = 0;
        run->msr.error = !cpu_intc_read(cpu, run->msr.index, &val);
        run->msr.data = val;
        return KVM_GO_ON;
    case KVM_EXIT_X86_WRMSR:
        run->msr.error = !cpu_intc_write(cpu, run->msr.index, run->msr.data);
        return KVM_GO_ON;
    case KVM_EXIT_SET_TPR:
        return KVM_GO_ON;
    default:
        return KVM_UNKNOWN;
    }
}
