/* SPDX-License-Identifier: Apache-2.0 */
/* What fpu-a64.c and fpu-a64-guest.c say to each other: one answer for each question, in batches.
 */
#ifndef TESTS_DIFF_FPU_A64_H
#define TESTS_DIFF_FPU_A64_H

#include <stdint.h>

enum { FPU_A64_BATCH = 512 };

typedef struct FpuQuestion {
    uint64_t op, fpcr;
    uint64_t a[2], b[2], c[2]; /* v0, v1, v2; x9 is a[0] too */
} FpuQuestion;

typedef struct FpuAnswer {
    uint64_t v[2]; /* v3, zero before */
    uint64_t x;    /* x10, zero before */
    uint32_t fpsr, nzcv;
} FpuAnswer;

#endif
