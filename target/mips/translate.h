/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What MIPS translators work with. `mips_trans_*` functions (called by the generated decoder)
 * return false for an encoding that is reserved after all.
 */
#ifndef TARGET_MIPS_TRANSLATE_H
#define TARGET_MIPS_TRANSLATE_H

#include "target/mips/cpu.h"

/* The mode word, as Target.mode_word makes it: all that a translation depends on. */
enum {
    MIPS_MW_MODE = 3 << 0, /* MMU mode */
    MIPS_MW_CP0 = 1 << 2,  /* coprocessor 0 may be used */
    MIPS_MW_CP1 = 1 << 3,
    MIPS_MW_FR = 1 << 4,      /* Status.FR: 32 floating-point registers of 64 bits */
    MIPS_MW_64 = 1 << 5,      /* 64-bit operations */
    MIPS_MW_ADDR64 = 1 << 6,  /* 64-bit addresses */
    MIPS_MW_SLOT = 1 << 7,    /* the first instruction is in a delay slot */
    MIPS_MW_STEP = 1 << 8,    /* one instruction a block (debugger) */
    MIPS_MW_HWRENA_SHIFT = 9, /* bits 0..3 and 29 of HWREna */
    MIPS_MW_BE = 1 << 14,
    MIPS_MW_FORBIDDEN = 1 << 15, /* the first instruction is in a forbidden slot */
    MIPS_MW_ISA16 = 1 << 28,     /* MIPS16e or microMIPS code */
    /* The first half of an instruction, at the end of the page before: bits 32 to 47. */
    MIPS_MW_HALF = 1 << 29,
    MIPS_MW_HALF_SHIFT = 32,
    MIPS_MW_MX = 1 << 20,  /* Status.MX: DSP */
    MIPS_MW_MSA = 1 << 21, /* Config5.MSAEn */
    MIPS_MW_CP2 = 1 << 22,
    MIPS_MW_FP_EXACT = 1 << 24, /* FCSR enables exceptions or flushes subnormals: FP by helpers */
};

/* TlbResult.code_attr: the page is in a segment that the TLB does not map (its place in 256 MiB is
 * that in memory). */
enum {
    MIPS_CODE_UNMAPPED = 1,
    MIPS_CODE_WATCHED = 2, /* a WatchLo may be of an instruction on the page */
};

/* IrMemOp of a part of a word: a fault shows MipsCpu.part_va. */
enum { MIPS_MO_PART = 1 << IR_MO_TARGET_SHIFT };

enum { MIPS_TAKEN = 64 };

typedef enum MipsSlot {
    SLOT_NONE,
    SLOT_ALWAYS, /* to `target` or `to` */
    SLOT_IF,     /* to `target` where the comparison holds, else behind the slot */
} MipsSlot;

typedef struct Trans {
    IrBlock *ir;
    const uint8_t *page;
    unsigned max_insns;
    MipsCpu *cpu; /* features and model only: no state, a translation is shared */
    uint64_t mode_word;
    uint64_t features;
    int32_t delta; /* of this instruction from the start of its page */
    int32_t next;
    int32_t branch; /* whose delay slot it is, where in_slot */
    uint32_t insn;
    unsigned mode;
    bool is64;  /* registers of 64 bits */
    bool isa16; /* MIPS16e or microMIPS code */
    bool half;  /* the instruction begins on the page before */
    bool ended; /* the last operation was an END one */
    bool in_slot;
    bool leave;    /* what translations depend on may have changed: leave by the run loop */
    bool watched;  /* MIPS_CODE_WATCHED */
    bool unmapped; /* the page is in a segment without a TLB: MIPS_CODE_UNMAPPED */
    int64_t near;  /* the page's place in its 256 MiB */
    /* What the branch just translated wants done behind its delay slot. */
    bool forbidden; /* a compact branch of release 6 is before this instruction */
    MipsSlot slot;
    bool compact;    /* no delay slot */
    bool switches;   /* to the other instruction set */
    bool indirect;   /* to `to`; bit 0: to the other instruction set (mips_jump_pc) */
    bool near_known; /* where the page is mapped as now, that is `target` */
    IrCmp cmp;
    IrVal a, b, to;
    int64_t target;      /* delta */
    unsigned slot_bytes; /* of the instruction in the slot, for the link register */
    /* Deltas of instructions that are done already (parts of words, mips-ldst.c). */
    uint16_t taken[MIPS_TAKEN];
    unsigned n_taken;
} Trans;

static inline bool trans_has(const Trans *t, MipsFeature f)
{
    return t->features >> f & 1;
}

/* General registers. Number 0 reads as zero and is discarded when written. */
IrVal mips_r(Trans *t, unsigned reg);   /* I64: the whole register */
IrVal mips_r32(Trans *t, unsigned reg); /* I32: its low half */
/* What comparisons look at: I32 on CPUs of 32 bits. */
IrVal mips_rx(Trans *t, unsigned reg);
void mips_set_r(Trans *t, unsigned reg, IrVal v);   /* I64 as it is */
void mips_set_r32(Trans *t, unsigned reg, IrVal v); /* I32, extended as the CPU does */
IrVal mips_extend(Trans *t, IrVal v);               /* I32 to a register's content */

/* base + offset as an address (I64) for loads and stores alone: on a CPU of 32 bits it may be
 * beyond them (mips_addr_of mends that). */
IrVal mips_addr(Trans *t, unsigned base, int64_t offset);
IrVal mips_addr_of(Trans *t, IrVal v);
/* LL and SC of @size (log2); they need natural alignment in every release. */
bool mips_load_linked(Trans *t, unsigned rt, unsigned base, int64_t offset, unsigned size);
bool mips_store_conditional(Trans *t, unsigned rt, unsigned base, int64_t offset, unsigned size);
/* LWL, LWR, LDL, LDR: what is at @addr, merged into @old; I64 with MIPS_PART_64 in @how, else I32.
 */
IrVal mips_load_part(Trans *t, IrVal addr, IrVal old, uint64_t how);
/* Memory operation of @size (log2) in the block's mode and endianness; natural alignment. */
IrMemOp mips_memop(Trans *t, unsigned size, uint32_t extra);

/* The instruction @n behind the next one, where that may be translated with this one (not a
 * compressed one, not in a delay slot) as far as the page goes. */
bool mips_trans_peek(const Trans *t, unsigned n, uint32_t *insn);

/* An exception of this instruction; ends the block. */
void mips_trans_raise(Trans *t, unsigned code, unsigned coprocessor);
/* Whether the instruction is allowed: else its exception is raised and false returned. */
bool mips_check_cp0(Trans *t);
bool mips_check_cp1(Trans *t);
/* 64-bit operations are enabled; else a reserved instruction (the caller returns false). */
static inline bool mips_is_64(const Trans *t)
{
    return (t->mode_word & MIPS_MW_64) != 0;
}
/* Leave the block behind this instruction: what translations depend on may have changed. In a
 * delay slot the branch is done first. */
void mips_trans_leave(Trans *t);

/* Branches (mips-branch.c). */
/* To be called first; false: a branch in a delay slot (UNPREDICTABLE, here reserved). */
bool mips_branch_begin(Trans *t);
/* Register @reg := the address behind the delay slot, with the instruction set in bit 0. */
void mips_branch_link(Trans *t, unsigned reg);
/* To the address that register @rs has. */
bool mips_branch_register(Trans *t, unsigned rs, unsigned rd);
/* Where @cmp holds, to the instruction behind this one + @offset. */
bool mips_branch_if(Trans *t, IrCmp cmp, IrVal a, IrVal b, int64_t offset);
/* To @target in the 1 << @bits bytes that the next instruction lies in. */
bool mips_branch_jump(Trans *t, uint32_t target, unsigned bits, bool link);
IrVal mips_zero(Trans *t); /* as mips_rx(t, 0) */

/* A word of release 6 or, where it did not change them, of an earlier one (mips-r6.c). */
bool mips_r6_translate(Trans *t, uint32_t insn);
bool mips_r6_is_transfer(uint32_t insn); /* may stand in no delay or forbidden slot */

void mips_translate(Cpu *cpu, IrBlock *ir, GuestVirt pc, const uint8_t *page, uint64_t mode,
                    uint8_t code_attr, unsigned max_insns);

#endif
