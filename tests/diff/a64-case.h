/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case of the differential test of A64 instructions: state and code in, state out. The same
 * struct is read and written by the oracle (a64-oracle.c, an AArch64 Linux program) and by us.
 */
#ifndef TESTS_DIFF_A64_CASE_H
#define TESTS_DIFF_A64_CASE_H

#include "case.h"

enum {
    CASE_INSNS = 32,
    CASE_END = 0x5e4d, /* immediate of the BRK that ends a case */
};

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

#endif
