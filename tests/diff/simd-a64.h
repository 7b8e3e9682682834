/* SPDX-License-Identifier: Apache-2.0 */
/* What simd-a64 and its guest program exchange: an instruction with the state before or after. */
#ifndef TESTS_DIFF_SIMD_A64_H
#define TESTS_DIFF_SIMD_A64_H

#include <stdint.h>

enum {
    SIMD_A64_BATCH = 64,
    SIMD_A64_MEM = 512,
    SIMD_A64_MEM_BASE = 0x20000000, /* where the guest program maps mem[] */
    SIMD_A64_X = 28,                /* registers 28 to 31 are not used */
};

typedef struct SimdState {
    uint64_t v[32][2];
    uint64_t x[SIMD_A64_X];
    uint64_t fpcr, fpsr, nzcv;
    uint32_t insn, fault; /* fault: the signal it raised, or 0 */
    uint8_t mem[SIMD_A64_MEM];
} SimdState;

#endif
