/* SPDX-License-Identifier: Apache-2.0 */
/* State of an Arm CPU. Spec: Arm Architecture Reference Manual for A-profile, DDI 0487. */
#ifndef TARGET_ARM_CPU_H
#define TARGET_ARM_CPU_H

#include "accel/tcg/ir/ir-ref.h"
#include "core/cpu.h"
#include "core/target.h"
#include "target/arm/features.h"

/* MMU modes: indices of the software TLB, one for each translation regime and privilege. */
enum {
    ARM_MODE_E10_0,     /* EL1&0 regime, unprivileged */
    ARM_MODE_E10_1,     /* EL1&0 regime, privileged */
    ARM_MODE_E10_1_PAN, /* the same with PSTATE.PAN set */
    ARM_MODE_E2,
    ARM_MODE_E3,
    ARM_N_MODES
};

/* The exception recorded by whoever raises; entered by the run loop. */
typedef struct ArmException {
    uint32_t kind;      /* ARM_EXC_* of exception.h */
    uint32_t syndrome;  /* ESR_ELx as it will be */
    uint64_t far;       /* FAR_ELx, where has_far */
    bool has_far;
    uint8_t target_el;
    bool next_insn;     /* return address: after this instruction (SVC) */
} ArmException;

typedef struct ArmCpu {
    Cpu cpu; /* first */

    uint64_t x[31];
    uint64_t sp;        /* of the current EL and SPSel; the others in sp_el[] */
    uint64_t pc;
    uint32_t flags;     /* NZCV, boundary format of ir.h */
    uint32_t btype;     /* PSTATE.BTYPE */
    IrV128 v[32];
    IrFpState fp;       /* follows from fpcr; sticky flags are FPSR's */
    uint64_t sp_el[4];  /* SP_ELx where not the current one */
    uint64_t elr_el[4], spsr_el[4];
    uint64_t fpcr;      /* as written, RES0 bits clear */
    uint8_t el;         /* PSTATE.EL */
    uint8_t sp_sel;     /* PSTATE.SP */
    uint8_t daif;       /* D, A, I, F in bits 3..0 */
    uint8_t pan, uao, ssbs, dit, il, ss, tco;
    uint8_t event;      /* event register of WFE */

    uint64_t features;  /* ARM_FEAT_* of features.h, one bit each */
    ArmException exc;

    /* System registers that are plain storage lie in sysreg-state.h's struct, which the table in
     * sysreg*.c describes. */
    struct ArmSysState *sys;
} ArmCpu;

static inline ArmCpu *arm_cpu(Cpu *cpu)
{
    return (ArmCpu *)cpu;
}

extern const Target target_aarch64;

#endif
