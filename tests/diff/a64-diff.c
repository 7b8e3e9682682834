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

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 256, MAX_REPORTS = 20 };

typedef struct Diff {
    const InsnPattern *pattern[A64_ID_COUNT];
    unsigned n_patterns;
    uint64_t reached[A64_ID_COUNT];
    uint64_t executed, differences, undefined;
    FILE *to, *from;
    A64Case batch[BATCH];
    uint16_t index[BATCH][CASE_INSNS];
} Diff;

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
static bool diff_equal(const A64Result *a, const A64Result *b)
{
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

/* The shortest beginning of the case that differs: its last instruction is the culprit. */
static unsigned diff_shrink(Diff *d, const A64Case *c, A64Case *small, A64Result *ours,
                            A64Result *theirs)
{
    for (unsigned n = 1; n <= CASE_INSNS; n++) {
        *small = *c;
        for (unsigned i = n; i < CASE_INSNS; i++) {
            small->code[i] = 0xd4200000 | CASE_END << 5;
        }
        if (fwrite(small, sizeof(*small), 1, d->to) != 1 || fflush(d->to)) {
            return 0;
        }
        a64_run(small, ours);
        /* The oracle answers batches: it takes what has come. */
        if (fread(theirs, sizeof(*theirs), 1, d->from) != 1) {
            return 0;
        }
        if (!diff_equal(ours, theirs)) {
            return n;
        }
    }
    return 0;
}

static void diff_report(Diff *d, unsigned k)
{
    static const char *const ends[] = { "done", "undefined", "fault", "other" };
    A64Case small;
    A64Result ours, theirs;
    unsigned n;

    d->differences++;
    if (d->differences > MAX_REPORTS) {
        return;
    }
    n = diff_shrink(d, &d->batch[k], &small, &ours, &theirs);
    if (!n) {
        printf("DIFFERENCE that goes away when the case is shortened (seed %" PRIx64 ")\n",
               d->batch[k].seed);
        return;
    }
    printf("DIFFERENCE at %08x %s (instruction %u), fpcr %08" PRIx64 ": ours %s, oracle %s%s\n",
           small.code[n - 1], d->pattern[d->index[k][n - 1]]->name, n, small.in.fpcr,
           ends[ours.end], ends[theirs.end],
           ours.memory != theirs.memory ? ", memory differs" : "");
    if (ours.fault != theirs.fault || ours.end != theirs.end) {
        printf("    fault at %" PRIx64 "/%" PRIx64 ", class 0x%x/signal %u\n", ours.fault,
               theirs.fault, ours.signal, theirs.signal);
    }
    diff_state(&ours.out, &theirs.out);
    fflush(stdout);
}

static void diff_count(Diff *d, unsigned k, const A64Result *r)
{
    unsigned n = (unsigned)((r->out.pc - CASE_CODE) / 4);

    if (n > CASE_INSNS) {
        n = CASE_INSNS;
    }
    for (unsigned i = 0; i < n; i++) {
        d->reached[d->index[k][i]]++;
    }
    d->executed += n;
    d->undefined += r->end == CASE_UNDEFINED;
}

static bool diff_batch(Diff *d, uint64_t *seed)
{
    A64Result ours[BATCH], theirs[BATCH];

    for (unsigned k = 0; k < BATCH; k++) {
        gen_case(&d->batch[k], d->pattern, d->n_patterns, d->index[k], seed);
    }
    if (fwrite(d->batch, sizeof(A64Case), BATCH, d->to) != BATCH || fflush(d->to)) {
        return false;
    }
    for (unsigned k = 0; k < BATCH; k++) {
        a64_run(&d->batch[k], &ours[k]);
    }
    if (fread(theirs, sizeof(A64Result), BATCH, d->from) != BATCH) {
        return false;
    }
    for (unsigned k = 0; k < BATCH; k++) {
        diff_count(d, k, &theirs[k]);
        if (!diff_equal(&ours[k], &theirs[k])) {
            diff_report(d, k);
        }
    }
    return true;
}

static void diff_summary(const Diff *d)
{
    unsigned unreached = 0;

    for (unsigned i = 0; i < d->n_patterns; i++) {
        uint64_t sum = 0;

        for (unsigned k = 0; k < d->n_patterns; k++) {
            if (!strcmp(d->pattern[k]->group, d->pattern[i]->group)) {
                sum += d->reached[k];
                if (k < i) {
                    sum = 0;
                    break;
                }
            }
        }
        if (sum) {
            printf("%-24s %12" PRIu64 " executed\n", d->pattern[i]->group, sum);
        }
        if (!d->reached[i]) {
            printf("never reached: %s (%s)\n", d->pattern[i]->name, d->pattern[i]->group);
            unreached++;
        }
    }
    printf("%" PRIu64 " instructions, %u patterns, %u unreached, %" PRIu64
           " cases ended undefined, %" PRIu64 " cases differ\n",
           d->executed, d->n_patterns, unreached, d->undefined, d->differences);
}

int main(int argc, char **argv)
{
    Diff *d = calloc(1, sizeof(*d));
    uint64_t want = 1000000, seed = 1;
    const char *group = NULL, *pattern = NULL, *backend = NULL, *more = NULL;
    bool rows = false;
    int opt;

    while ((opt = getopt(argc, argv, "n:s:g:p:b:a:t")) != -1) {
        switch (opt) {
        case 'n':
            want = strtoull(optarg, NULL, 0);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'g':
            group = optarg;
            break;
        case 'p':
            pattern = optarg;
            break;
        case 'b':
            backend = optarg;
            break;
        case 'a':
            more = optarg;
            break;
        case 't':
            rows = true;
            break;
        default:
            return 2;
        }
    }
    if (rows) {
        return a64_run_init(backend, more) ? a64_rows() : 2;
    }
    for (unsigned i = 0; i < A64_ID_COUNT; i++) {
        const InsnPattern *p = &a64_patterns[i];

        if (p->name && !gen_is_excluded(p) && (!group || !strcmp(group, p->group)) &&
            (!pattern || !strncmp(pattern, p->name, strlen(pattern)))) {
            d->pattern[d->n_patterns++] = p;
        }
    }
    if (!d->n_patterns || optind >= argc || !a64_run_init(backend, more) ||
        !a64_start_oracle(argv + optind, &d->to, &d->from)) {
        return 2;
    }
    while (d->executed < want) {
        if (!diff_batch(d, &seed)) {
            fprintf(stderr, "the oracle ended\n");
            return 77;
        }
    }
    diff_summary(d);
    return d->differences ? 1 : 0;
}
