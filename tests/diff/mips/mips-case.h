/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case of the differential test of MIPS instructions: state and code in, state out. The same
 * struct is read and written by the oracle (mips-oracle.c, a MIPS Linux program) and by us.
 */
#ifndef TESTS_DIFF_MIPS_CASE_H
#define TESTS_DIFF_MIPS_CASE_H

#include "../case.h"

enum {
    CASE_INSNS = 32,
    CASE_ENDS = 4, /* BREAKs after the code: a branch may go past the first */
    CASE_BREAK = 0x0123000d,
    CASE_BREAK_M16 = 0xe8a5,
    CASE_BREAK_MICROMIPS = 0x4680,
    CASE_OTHER_ISA = 0x100, /* where in the code the other instruction set is */
};

enum { CASE_ISA_MIPS32, CASE_ISA_MIPS16, CASE_ISA_MICROMIPS };

/* Of CPUs of 32 bits registers are zero-extended. */
typedef struct MipsState {
    uint64_t f[32][2]; /* [0]: with 32-bit registers (FR 0) only the even ones count; [1]: MSA's */
    uint64_t r[32], hi[4], lo[4], pc;
    uint32_t fcr31, msacsr, dspcontrol;
    uint32_t isa; /* CASE_ISA_*; when done: bit 0, of the pc */
} MipsState;

typedef struct MipsCase {
    uint64_t seed; /* of the scratch memory's content */
    /* With in.isa halfwords, the first one of each two in the low half. */
    uint32_t code[CASE_INSNS];
    uint8_t at[CASE_INSNS + 1]; /* with in.isa: the halfword that each instruction begins at */
    MipsState in;
} MipsCase;

/*
 * The code and the BREAKs behind it as they lie in memory, on a machine of the guest's byte order;
 * further behind it what jumps to the other instruction set lead to: BREAKs as well. (That of
 * microMIPS is a harmless MIPS16e instruction.)
 */
static inline void case_code(void *to, const MipsCase *c, uint32_t isa_break)
{
    uint32_t *word = (uint32_t *)to;
    uint16_t *half = (uint16_t *)to;

    for (unsigned i = 0; i < CASE_INSNS + CASE_ENDS; i++) {
        uint32_t insn = i < CASE_INSNS ? c->code[i] : CASE_BREAK;

        if (c->in.isa) {
            insn = i < CASE_INSNS ? insn : isa_break << 16 | isa_break;
            half[2 * i] = (uint16_t)insn;
            half[2 * i + 1] = (uint16_t)(insn >> 16);
        } else {
            word[i] = insn;
        }
    }
    if (c->in.isa) {
        word[CASE_OTHER_ISA / 4] = CASE_BREAK;
    } else {
        half[CASE_OTHER_ISA / 2] = CASE_BREAK_MICROMIPS;
        half[CASE_OTHER_ISA / 2 + 1] = CASE_BREAK_M16;
    }
}

typedef struct MipsResult {
    uint64_t memory;  /* hash of the scratch memory */
    uint64_t fault;   /* address, for CASE_FAULT */
    uint32_t end;     /* CASE_*; OTHER: a trap, an overflow, a floating-point exception */
    uint32_t signal;  /* the oracle's, or our ExcCode; for the report */
    uint32_t in_slot; /* ended in a delay slot (ours): pc is the branch's */
    uint32_t unused;
    MipsState out;
} MipsResult;

#endif
