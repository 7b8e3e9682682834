/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case of the differential test of A64 instructions: state and code in, state out. The same
 * struct is read and written by the oracle (a64-oracle.c, an AArch64 Linux program) and by us.
 */
#ifndef TESTS_DIFF_A64_CASE_H
#define TESTS_DIFF_A64_CASE_H

#include <stdint.h>

enum {
    CASE_INSNS = 32,
    CASE_SCRATCH = 0x50000000, /* data: CASE_SCRATCH_BYTES, the only memory beside the code */
    CASE_SCRATCH_BYTES = 0x4000,
    CASE_CODE = 0x60000000,
    CASE_CODE_BYTES = 0x1000,
    CASE_END = 0x5e4d, /* immediate of the BRK that ends a case */
};

/* How a case ended. */
enum { CASE_DONE, CASE_UNDEFINED, CASE_FAULT, CASE_OTHER };

typedef struct A64State {
    uint64_t x[31], sp, pc, nzcv;
    uint64_t fpcr, fpsr;
    uint64_t v[32][2];
} A64State;

typedef struct A64Case {
    uint64_t seed;             /* of the scratch memory's content */
    uint32_t code[CASE_INSNS]; /* followed by BRK #CASE_END */
    A64State in;
} A64Case;

typedef struct A64Result {
    uint32_t end;    /* CASE_* */
    uint32_t signal; /* the oracle's, for the report */
    uint64_t fault;  /* address, for CASE_FAULT */
    uint64_t memory; /* hash of the scratch memory */
    A64State out;
} A64Result;

static inline uint64_t case_random(uint64_t *s)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline void case_fill(uint64_t *mem, uint64_t seed)
{
    for (unsigned i = 0; i < CASE_SCRATCH_BYTES / 8; i++) {
        mem[i] = case_random(&seed);
    }
}

static inline uint64_t case_hash(const uint64_t *mem)
{
    uint64_t h = 0;

    for (unsigned i = 0; i < CASE_SCRATCH_BYTES / 8; i++) {
        h = (h ^ mem[i]) * 0x9fb21c651e98df25;
        h ^= h >> 29;
    }
    return h;
}

#endif
