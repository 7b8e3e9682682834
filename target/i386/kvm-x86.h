/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of x86 under KVM share. */
#ifndef TARGET_I386_KVM_X86_H
#define TARGET_I386_KVM_X86_H

#include "accel/kvm/kvm.h"
#include "target/i386/cpu.h"

#include <linux/kvm.h>

/* KVM_SET_CPUID2 by the model and properties (kvm-cpuid.c). */
bool kvm_x86_set_cpuid(Cpu *cpu, GError **err);

/* General and system registers (kvm.c). */
bool kvm_x86_put_regs(Cpu *cpu, GError **err);
bool kvm_x86_get_regs(Cpu *cpu, GError **err);

/* KvmTarget.emulate (kvm-emulate.c). */
bool kvm_x86_emulate(Cpu *cpu);
/* Is the guest where KVM's emulator forgets the base of SS: protected mode, privilege 0? */
bool kvm_x86_must_deliver(Cpu *cpu);
/* Enter the handler of the interrupt @vector. False: not by us. The CPU's last exit has ended. */
bool kvm_x86_deliver(Cpu *cpu, unsigned vector);

/* A debugger's break- and watchpoints and steps (kvm-debug.c). */
bool kvm_x86_put_debug(Cpu *cpu, GError **err);
bool kvm_x86_is_debug(Cpu *cpu, struct kvm_run *run);
void kvm_x86_debug_enter(Cpu *cpu);

/* Breakpoints in memory (kvm-soft.c). VCPU_THREAD. */
void kvm_x86_soft_init(Machine *m);
void kvm_x86_soft_free(Machine *m);
void kvm_x86_soft_cpu_free(Cpu *cpu);
/* The CPU begins to run, with these; or other ones than it had. */
void kvm_x86_soft_enter(Cpu *cpu, const GuestVirt *addrs, unsigned n);
/* It stops to. */
void kvm_x86_soft_leave(Cpu *cpu);
bool kvm_x86_soft_hit(Cpu *cpu, GuestVirt pc);

/* Interrupts where controllers are ours (kvm-irq.c). */
bool kvm_x86_irq_init(Machine *m, GError **err);
void kvm_x86_before_run(Cpu *cpu, struct kvm_run *run);
void kvm_x86_after_run(Cpu *cpu, struct kvm_run *run);
KvmHandled kvm_x86_exit(Cpu *cpu, struct kvm_run *run);

#endif
