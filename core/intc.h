/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an interrupt controller and a CPU meet.
 *
 * Levels go over pins: every Cpu has input pins of its target's names (Arm: "irq", "fiq", "virq",
 * "vfiq") that set bits of cpu->irq_lines and kick it. What the CPU reads and writes of its own
 * interface (GICv3 ICC_* registers, a local APIC) goes through the CpuIntc that the
 * controller attached to it.
 */
#ifndef CORE_INTC_H
#define CORE_INTC_H

#include "core/types.h"

typedef struct CpuIntcOps {
    const char *name;
    /*
     * A system register of the interface; @regid is the target's own encoding of it (Arm:
     * op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2). False: no such register (undefined
     * instruction). Context: VCPU_THREAD with no lock held; takes the controller's own lock, and
     * returns with the thread's work list drained.
     */
    bool (*sysreg_read)(CpuIntc *intc, Cpu *cpu, uint32_t regid, uint64_t *val);
    bool (*sysreg_write)(CpuIntc *intc, Cpu *cpu, uint32_t regid, uint64_t val);
    /* Acknowledge and end, for controllers without registers (8259, local APIC): vector or -1. */
    int (*acknowledge)(CpuIntc *intc, Cpu *cpu);
    void (*end)(CpuIntc *intc, Cpu *cpu, int vector);
    /* The CPU changed what masks or routes interrupts (exception level, priority mask). */
    void (*cpu_changed)(CpuIntc *intc, Cpu *cpu);
} CpuIntcOps;

/* CR8 of x86 as a `regid`; others are numbers of MSRs. */
enum { INTC_X86_CR8 = 1 << 16 | 8 };

/* Embedded in the per-CPU part of a controller. */
struct CpuIntc {
    const CpuIntcOps *ops;
    Device *dev;
};

/* Once, while the machine is built. */
void cpu_intc_attach(Cpu *cpu, CpuIntc *intc);
/* False where there is no controller or it has no such register. */
bool cpu_intc_read(Cpu *cpu, uint32_t regid, uint64_t *val);
bool cpu_intc_write(Cpu *cpu, uint32_t regid, uint64_t val);

#endif
