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
};

/* Of CPUs of 32 bits registers are zero-extended. */
typedef struct MipsState {
    uint64_t f[32][2]; /* [0]: with 32-bit registers (FR 0) only the even ones count; [1]: MSA's */
    uint64_t r[32], hi[4], lo[4], pc;
    uint32_t fcr31, msacsr, dspcontrol;
    uint32_t isa; /* 1: MIPS16e or microMIPS */
} MipsState;

typedef struct MipsCase {
    uint64_t seed; /* of the scratch memory's content */
    uint32_t code[CASE_INSNS];
    MipsState in;
} MipsCase;

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
