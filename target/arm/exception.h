/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of an Arm CPU. Spec: Arm ARM DDI 0487, D1.3 and D24.2 (ESR_ELx). */
#ifndef TARGET_ARM_EXCEPTION_H
#define TARGET_ARM_EXCEPTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ArmCpu ArmCpu;
typedef struct Cpu Cpu;

/* ArmException.kind, in the order of the vectors */
enum { ARM_EXC_SYNC, ARM_EXC_IRQ, ARM_EXC_FIQ, ARM_EXC_SERROR };

/* Exception classes (ESR_ELx.EC) and the bits every syndrome has. */
enum {
    ARM_EC_UNKNOWN = 0x00,
    ARM_EC_WFX = 0x01,
    ARM_EC_ILLEGAL = 0x0e,
    ARM_EC_SYSREG = 0x18,
    ARM_EC_FETCH_LOWER = 0x20,
    ARM_EC_PC_ALIGN = 0x22,
    ARM_EC_DATA_LOWER = 0x24,
};

static inline uint32_t arm_syndrome(unsigned ec, uint32_t iss)
{
    return ec << 26 | 1u << 25 | iss;
}

/* Bits of a saved program status register. */
enum {
    SPSR_SP = 1 << 0,
    SPSR_EL_SHIFT = 2,
    SPSR_AARCH32 = 1 << 4,
    SPSR_DAIF_SHIFT = 6,
    SPSR_BTYPE_SHIFT = 10,
    SPSR_SSBS = 1 << 12,
    SPSR_IL = 1 << 20,
    SPSR_SS = 1 << 21,
    SPSR_PAN = 1 << 22,
    SPSR_UAO = 1 << 23,
    SPSR_DIT = 1 << 24,
    SPSR_TCO = 1 << 25,
};

/* Bits of ArmCpu.daif. */
enum { ARM_MASK_F = 1, ARM_MASK_I = 2, ARM_MASK_A = 4, ARM_MASK_D = 8 };

/* PSTATE in the form of SPSR_ELx, and back (no checks; switches the stack pointer). */
uint32_t arm_pstate(const ArmCpu *c);
void arm_set_pstate(ArmCpu *c, uint32_t spsr);
/* Change EL and SPSel, and with them the stack pointer in use. */
void arm_set_el(ArmCpu *c, unsigned el, unsigned sp_sel);

/* Record a synchronous exception of the current instruction; to EL1 or the current higher EL. */
void arm_raise(ArmCpu *c, uint32_t syndrome);
void arm_raise_far(ArmCpu *c, uint32_t syndrome, uint64_t far, unsigned target_el);

/* Of Target. */
void arm_exception_enter(Cpu *cpu);
bool arm_interrupt_enter(Cpu *cpu);
bool arm_has_work(const Cpu *cpu);

/* PSCI 1.1 and SMCCC 1.1: the call of x0..x3; the result goes to x0. */
void arm_psci_call(ArmCpu *c);

#endif
