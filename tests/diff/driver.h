/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random instructions by us and by an oracle, which must leave the same state: the part of it that
 * no guest is named in.
 */
#ifndef TESTS_DIFF_DRIVER_H
#define TESTS_DIFF_DRIVER_H

#include "target/insn.h"

#include <stddef.h>

enum { DIFF_INSNS = 32 }; /* of a case */

/* What is seen of a result. */
typedef struct DiffEnd {
    unsigned executed; /* instructions, at most DIFF_INSNS */
    unsigned end;      /* CASE_* */
} DiffEnd;

typedef struct DiffGuest {
    size_t case_bytes, result_bytes;
    const InsnPattern *patterns;
    unsigned n_patterns;
    bool (*excluded)(const InsnPattern *p);
    /* A case of instructions of the @n @patterns; @index gets which stands where. */
    void (*generate)(void *c, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
                     uint64_t *seed);
    void (*run)(const void *c, void *result);
    bool (*equal)(const void *ours, const void *oracle);
    DiffEnd (*end)(const void *c, const void *result);
    /* Leave the first @n instructions of it. */
    void (*shorten)(void *c, unsigned n);
    /* Say how the results differ of @c, whose last instruction is number @n (from 1). */
    void (*report)(const void *c, unsigned n, const char *name, const void *ours,
                   const void *oracle);
    uint64_t (*seed_of)(const void *c);
} DiffGuest;

typedef struct DiffOptions {
    const char *backend, *more; /* of -accel tcg */
    const char *group, *pattern;
    uint64_t instructions, seed;
} DiffOptions;

/* Options for getopt() of every such program: -n instructions, -s seed, -g group, -p pattern, -b
 * backend, -a more of the accelerator. */
#define DIFF_OPTIONS "n:s:g:p:b:a:"

/* Take one of them. False: @opt is none. */
bool diff_option(DiffOptions *o, int opt, const char *arg);

/* Compare until @o's instructions are done; prints how many of each group were executed and every
 * pattern that was never reached. Exit status: 0 no difference, 1 differences, 2 no pattern or no
 * oracle, 77 the oracle ended. */
int diff_main(const DiffGuest *g, const DiffOptions *o, char **oracle);

#endif
