/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fp-matrix.c and fp-matrix-guest.c share: a loop around one instruction, which takes operands
 * from memory and leaves results there, and how it is sent.
 */
#ifndef TESTS_DIFF_FP_MATRIX_H
#define TESTS_DIFF_FP_MATRIX_H

#include <stdint.h>

enum { FM_BATCH = 512, FM_WORDS = 17, FM_INSN = 9 /* its place in the loop */ };

/* v0 (also v9 and x9), v1, v2 (also v3) */
typedef struct FmOperands {
    uint64_t v[3][2];
} FmOperands;

typedef struct FmResult {
    uint64_t v3[2], v10[2];
    uint64_t x10;
    uint64_t flags; /* FPSR | NZCV */
} FmResult;

typedef struct FmAsk {
    uint32_t code[FM_WORDS + 1]; /* the last: RET */
    uint32_t n;
    uint64_t fpcr, fpsr, nzcv;
    FmOperands in[FM_BATCH];
} FmAsk;

/* x0 operands, x1 results, x2 how many, x4 FPSR, x5 NZCV */
static const uint32_t fm_loop[FM_WORDS] = {
    0xacc10400, /* ldp q0, q1, [x0], #32 */
    0x3cc10402, /* ldr q2, [x0], #16 */
    0xf85d0009, /* ldur x9, [x0, #-48] */
    0x4ea21c43, /* mov v3.16b, v2.16b */
    0x4ea01c09, /* mov v9.16b, v0.16b */
    0x6f00e40a, /* movi v10.2d, #0 */
    0xd280000a, /* mov x10, #0 */
    0xd51b4424, /* msr fpsr, x4 */
    0xd51b4205, /* msr nzcv, x5 */
    0xd503201f, /* the instruction */
    0xd53b442b, /* mrs x11, fpsr */
    0xd53b420c, /* mrs x12, nzcv */
    0xaa0c016b, /* orr x11, x11, x12 */
    0xac812823, /* stp q3, q10, [x1], #32 */
    0xa8812c2a, /* stp x10, x11, [x1], #16 */
    0xf1000442, /* subs x2, x2, #1 */
    0x54fffe01, /* b.ne the first */
};

#endif
