/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What A64 translators work with. `trans_*` functions (called by the generated decoder) return
 * false for an encoding that is undefined after all.
 */
#ifndef TARGET_ARM_TRANSLATE_H
#define TARGET_ARM_TRANSLATE_H

#include "target/arm/cpu.h"

/* The mode word, as Target.mode_word makes it: all that a translation depends on. */
enum {
    ARM_MW_MODE = 7 << 0,         /* MMU mode of data accesses */
    ARM_MW_EL_SHIFT = 3,          /* 2 bits */
    ARM_MW_FP_TRAP = 1 << 5,      /* FP and SIMD trap (to the EL of FP_TRAP_EL_SHIFT) */
    ARM_MW_UNPRIV_SHIFT = 6,      /* 3 bits: MMU mode of LDTR and STTR */
    ARM_MW_BT = 1 << 11,          /* SCTLR.BT: PACIxSP is no landing pad for BTYPE 3 */
    ARM_MW_PAUTH_SHIFT = 12,      /* 4 bits: IA, IB, DA, DB enabled (SCTLR.EnIA...) */
    ARM_MW_ALIGN = 1 << 16,       /* SCTLR.A: every access must be aligned */
    ARM_MW_SP_ALIGN = 1 << 17,    /* SCTLR.SA or SA0: SP must be 16-byte aligned as a base */
    ARM_MW_BE = 1 << 18,          /* data is big-endian (SCTLR.EE, E0E) */
    ARM_MW_STEP = 1 << 19,        /* one instruction a block (debugger) */
    ARM_MW_MMU_OFF = 1 << 20,     /* stage 1 off: data is Device-nGnRnE, must be aligned */
    ARM_MW_TBI_SHIFT = 21,        /* 2 bits: TBI0, TBI1 for instruction addresses */
    ARM_MW_UCI = 1 << 23,         /* EL0 may do cache maintenance */
    ARM_MW_FP_TRAP_EL_SHIFT = 24, /* 2 bits */
    ARM_MW_NAA = 1 << 26,         /* SCTLR.nAA: LSE2 accesses are not checked */
    ARM_MW_DZE = 1 << 27,         /* EL0 may do DC ZVA */
    ARM_MW_UCT = 1 << 28,         /* EL0 may read CTR_EL0 */
    ARM_MW_VCT = 1 << 29,         /* EL0 may read CNTVCT_EL0 */
    ARM_MW_IL = 1 << 30,          /* PSTATE.IL: every instruction faults */
};

/* TlbResult.code_attr: the page's GP attribute. */
enum { ARM_CODE_GUARDED = 1 };

#define ARM_MW_SP0      (1ull << 32) /* PSTATE.SP is 0: SP is SP_EL0 */
#define ARM_MW_FP_EXACT (1ull << 33) /* FPCR.FZ16 or AHP, or FZ while FPSR.IXC is 0 */
#define ARM_MW_FP_FLUSH (1ull << 34) /* FPCR.FZ alone, FPSR.IXC is 1 */

typedef struct Trans {
    IrBlock *ir;
    ArmCpu *cpu; /* features and model only: no state, a translation is shared */
    uint64_t mode_word;
    uint64_t features;
    int32_t delta; /* of this instruction from the start of its page */
    uint32_t insn; /* its word */
    unsigned el, mode, unpriv_mode;
    int32_t next;        /* of the instruction to translate next */
    bool ended;          /* the last operation was an END one */
    bool guarded;        /* the page's GP attribute: indirect branches must land on a pad */
    IrVal sp_checked;    /* a value of SP known to be a multiple of 16 */
    const uint8_t *page; /* its bytes, to look ahead; NULL: may not */
} Trans;

static inline bool trans_has(const Trans *t, ArmFeature f)
{
    return t->features >> f & 1;
}

/* General registers. Number 31 reads as zero and is discarded when written, or is SP in *_sp. */
IrVal arm_x(Trans *t, unsigned reg);            /* I64 */
IrVal arm_w(Trans *t, unsigned reg);            /* I32 */
IrVal arm_r(Trans *t, bool is64, unsigned reg); /* I64 or I32 */
IrVal arm_r_sp(Trans *t, bool is64, unsigned reg);
void arm_set_r(Trans *t, unsigned reg, IrVal v); /* I32 zero-extends */
void arm_set_r_sp(Trans *t, unsigned reg, IrVal v);
/* Vector registers, whole; a V128 result of a narrower operation has zeros above. */
IrVal arm_v(Trans *t, unsigned reg);
void arm_set_v(Trans *t, unsigned reg, IrVal v);

/* Address of this instruction + @offset (an I64 value). */
IrVal arm_pc(Trans *t, int64_t offset);
/* Base register of a load or store, with the SP alignment check where it applies. */
IrVal arm_base(Trans *t, unsigned reg);
/* Memory operation of @size (log2) in the block's mode and endianness, alignment as SCTLR says;
 * @extra: more IR_MO_* bits. @rt and the rest make the syndrome of an abort (ISV = 0 suffices). */
IrMemOp arm_memop(Trans *t, unsigned size, uint32_t extra);

/* End the block with an exception of this instruction: syndrome as ESR_ELx. */
void arm_trans_undefined(Trans *t);
void arm_trans_exception(Trans *t, uint32_t syndrome, unsigned target_el, bool next_insn);
/* FP and SIMD translators begin with `if (!arm_fp_check(t)) return true;`: emits the trap. */
bool arm_fp_check(Trans *t);

/* MRS, MSR, SYS, SYSL: the table of system registers decides (sysreg-trans.c). MSR of a PSTATE
 * field comes with op0 = 0, crn = 4, the immediate in crm, rt = 31. */
bool arm_trans_sysreg(Trans *t, bool is_read, unsigned op0, unsigned op1, unsigned crn,
                      unsigned crm, unsigned op2, unsigned rt);

/* An indirect branch sets PSTATE.BTYPE; every other instruction clears it. */
void arm_trans_set_btype(Trans *t, unsigned btype);
/* Go on at @delta: in the block where its shape allows, else leave it. */
void arm_trans_goto(Trans *t, int64_t delta);

/* The direct exit that was just built goes to @delta: mark it if the flags are dead there. */
void arm_trans_peek(Trans *t, int64_t delta);

/* Target.translate. */
void arm_a64_translate(Cpu *cpu, IrBlock *ir, GuestVirt pc, const uint8_t *page, uint64_t mode,
                       uint8_t code_attr, unsigned max_insns);

#endif
