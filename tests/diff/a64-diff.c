/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential test: random A64 instructions by us and by an oracle, which must leave the same
 * registers, flags and memory.
 *
 *   a64-diff [-b BACKEND] [-a OPTIONS] [-n INSTRUCTIONS] [-s SEED] [-g GROUP] [-p PATTERN] --
 *            ORACLE COMMAND
 *   a64-diff [-b BACKEND] -t      the test rows of the instruction tables
 *
 * OPTIONS are further ones of -accel tcg. Prints how many instructions of each group were executed,
 * and every pattern that was never reached. Status 0: no difference; 1: differences; 77: no oracle.
 */
#include "tests/diff/a64-run.h"

#include "target/arm/a64-decode.h"
#include "tests/diff/a64-gen.h"
#include "tests/diff/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void diff_state(const A64State *a, const A64State *b)
{
    for (unsigned i = 0; i < 31; i++) {
        if (a->x[i] != b->x[i]) {
            printf("    x%u: ours %016" PRIx64 ", oracle %016" PRIx64 "\n", i, a->x[i], b->x[i]);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        if (a->v[i][0] != b->v[i][0] || a->v[i][1] != b->v[i][1]) {
            printf("    v%u: ours %016" PRIx64 "%016" PRIx64 ", oracle %016" PRIx64 "%016" PRIx64
                   "\n",
                   i, a->v[i][1], a->v[i][0], b->v[i][1], b->v[i][0]);
        }
    }
    if (a->sp != b->sp || a->pc != b->pc) {
        printf("    sp %" PRIx64 "/%" PRIx64 " pc %" PRIx64 "/%" PRIx64 "\n", a->sp, b->sp, a->pc,
               b->pc);
    }
    if (a->nzcv != b->nzcv || a->fpsr != b->fpsr || a->fpcr != b->fpcr) {
        printf("    nzcv %08" PRIx64 "/%08" PRIx64 " fpsr %08" PRIx64 "/%08" PRIx64
               " fpcr %08" PRIx64 "/%08" PRIx64 "\n",
               a->nzcv, b->nzcv, a->fpsr, b->fpsr, a->fpcr, b->fpcr);
    }
}

/*
 * The oracle has no FEAT_LSE2: an alignment fault of its own (SIGBUS, 7) says nothing of us. Of
 * addresses that its host cannot have it gives 0, and never their tag byte. Without exact-flags
 * the flags at a fault may be older ones.
 */
static bool diff_equal(const void *ours, const void *oracle)
{
    const A64Result *a = ours, *b = oracle;
    A64State out = b->out;

    if (a->end == CASE_FAULT) {
        out.nzcv = a->out.nzcv;
    }
    if (b->end == CASE_FAULT && b->signal == 7) {
        return true;
    }
    return a->end == b->end && a->memory == b->memory &&
           ((a->fault ^ b->fault) << 8 == 0 || !b->fault) && !memcmp(&a->out, &out, sizeof(out));
}

static void diff_shorten(void *c, unsigned n)
{
    A64Case *small = c;

    for (unsigned i = n; i < CASE_INSNS; i++) {
        small->code[i] = 0xd4200000 | CASE_END << 5;
    }
}

static DiffEnd diff_end(const void *c, const void *result)
{
    const A64Result *r = result;
    uint64_t n = (r->out.pc - CASE_CODE) / 4;

    return (DiffEnd){ .executed = n > CASE_INSNS ? CASE_INSNS : (unsigned)n, .end = r->end };
}

static uint64_t diff_seed_of(const void *c)
{
    return ((const A64Case *)c)->seed;
}

static void diff_report(const void *c, unsigned n, const char *name, const void *a, const void *b)
{
    static const char *const ends[] = { "done", "undefined", "fault", "other" };
    const A64Case *small = c;
    const A64Result *ours = a, *oracle = b;

    printf("DIFFERENCE at %08x %s (instruction %u), fpcr %08" PRIx64 ": ours %s, oracle %s%s\n",
           small->code[n - 1], name, n, small->in.fpcr, ends[ours->end], ends[oracle->end],
           ours->memory != oracle->memory ? ", memory differs" : "");
    if (ours->fault != oracle->fault || ours->end != oracle->end) {
        printf("    fault at %" PRIx64 "/%" PRIx64 ", class 0x%x/signal %u\n", ours->fault,
               oracle->fault, ours->signal, oracle->signal);
    }
    diff_state(&ours->out, &oracle->out);
}

static void diff_generate(void *c, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
                          uint64_t *seed)
{
    gen_case(c, patterns, n, index, seed);
}

static void diff_run(const void *c, void *result)
{
    a64_run(c, result);
}

static const DiffGuest diff_a64 = {
    .case_bytes = sizeof(A64Case),
    .result_bytes = sizeof(A64Result),
    .patterns = a64_patterns,
    .n_patterns = A64_ID_COUNT,
    .excluded = gen_is_excluded,
    .generate = diff_generate,
    .run = diff_run,
    .equal = diff_equal,
    .end = diff_end,
    .shorten = diff_shorten,
    .report = diff_report,
    .seed_of = diff_seed_of,
};

int main(int argc, char **argv)
{
    DiffOptions o = { .instructions = 1000000, .seed = 1 };
    bool rows = false;
    int opt;

    while ((opt = getopt(argc, argv, DIFF_OPTIONS "t")) != -1) {
        switch (opt) {
        case 't':
            rows = true;
            break;
        default:
            if (!diff_option(&o, opt, optarg)) {
                return 2;
            }
        }
    }
    if (!a64_run_init(o.backend, o.more)) {
        return 2;
    }
    return rows ? a64_rows() : diff_main(&diff_a64, &o, argv + optind);
}
