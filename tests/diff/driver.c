/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/driver.h"

#include "tests/diff/case.h"
#include "tests/diff/oracle.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, MAX_REPORTS = 20 };

typedef struct Diff {
    const DiffGuest *guest;
    const InsnPattern **pattern;
    unsigned n_patterns;
    uint64_t *reached;
    uint64_t executed, differences, undefined;
    FILE *to, *from;
    char *batch, *ours, *oracle;
    uint16_t index[BATCH][DIFF_INSNS];
} Diff;

/* The shortest beginning of the case that differs: its last instruction is the culprit. */
static unsigned diff_shrink(Diff *d, const void *c, void *small, void *ours, void *theirs)
{
    const DiffGuest *g = d->guest;

    for (unsigned n = 1; n <= DIFF_INSNS; n++) {
        memcpy(small, c, g->case_bytes);
        g->shorten(small, n);
        if (fwrite(small, g->case_bytes, 1, d->to) != 1 || fflush(d->to)) {
            return 0;
        }
        g->run(small, ours);
        /* The oracle answers batches: it takes what has come. */
        if (fread(theirs, g->result_bytes, 1, d->from) != 1) {
            return 0;
        }
        if (!g->equal(ours, theirs)) {
            return n;
        }
    }
    return 0;
}

static void diff_report(Diff *d, unsigned k)
{
    const DiffGuest *g = d->guest;
    const void *c = d->batch + k * g->case_bytes;
    g_autofree void *small = g_malloc0(g->case_bytes), *ours = g_malloc0(g->result_bytes),
                    *theirs = g_malloc0(g->result_bytes);
    unsigned n;

    if (++d->differences > MAX_REPORTS) {
        return;
    }
    n = diff_shrink(d, c, small, ours, theirs);
    if (!n) {
        printf("DIFFERENCE that goes away when the case is shortened (seed %" PRIx64 ")\n",
               g->seed_of(c));
        g->report(c, DIFF_INSNS, "the whole case", d->ours + k * g->result_bytes,
                  d->oracle + k * g->result_bytes);
    } else {
        g->report(small, n, d->pattern[d->index[k][n - 1]]->name, ours, theirs);
    }
    fflush(stdout);
}

static void diff_count(Diff *d, unsigned k)
{
    DiffEnd e =
        d->guest->end(d->batch + k * d->guest->case_bytes, d->oracle + k * d->guest->result_bytes);

    for (unsigned i = 0; i < e.executed; i++) {
        d->reached[d->index[k][i]]++;
    }
    d->executed += e.executed;
    d->undefined += e.end == CASE_UNDEFINED;
}

static bool diff_batch(Diff *d, uint64_t *seed)
{
    const DiffGuest *g = d->guest;

    for (unsigned k = 0; k < BATCH; k++) {
        g->generate(d->batch + k * g->case_bytes, d->pattern, d->n_patterns, d->index[k], seed);
    }
    if (fwrite(d->batch, g->case_bytes, BATCH, d->to) != BATCH || fflush(d->to)) {
        return false;
    }
    for (unsigned k = 0; k < BATCH; k++) {
        g->run(d->batch + k * g->case_bytes, d->ours + k * g->result_bytes);
    }
    if (fread(d->oracle, g->result_bytes, BATCH, d->from) != BATCH) {
        return false;
    }
    for (unsigned k = 0; k < BATCH; k++) {
        diff_count(d, k);
        if (!g->equal(d->ours + k * g->result_bytes, d->oracle + k * g->result_bytes)) {
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

bool diff_option(DiffOptions *o, int opt, const char *arg)
{
    switch (opt) {
    case 'n':
        o->instructions = strtoull(arg, NULL, 0);
        return true;
    case 's':
        o->seed = strtoull(arg, NULL, 0);
        return true;
    case 'g':
        o->group = arg;
        return true;
    case 'p':
        o->pattern = arg;
        return true;
    case 'b':
        o->backend = arg;
        return true;
    case 'a':
        o->more = arg;
        return true;
    default:
        return false;
    }
}

int diff_main(const DiffGuest *g, const DiffOptions *o, char **oracle)
{
    g_autofree Diff *d = g_new0(Diff, 1);
    g_autofree const InsnPattern **pattern = g_new0(const InsnPattern *, g->n_patterns);
    g_autofree uint64_t *reached = g_new0(uint64_t, g->n_patterns);
    g_autofree char *batch = g_malloc0(BATCH * g->case_bytes);
    g_autofree char *ours = g_malloc0(BATCH * g->result_bytes);
    g_autofree char *theirs = g_malloc0(BATCH * g->result_bytes);
    uint64_t seed = o->seed;

    *d = (Diff){ .guest = g, .pattern = pattern, .reached = reached, .batch = batch };
    d->ours = ours;
    d->oracle = theirs;
    for (unsigned i = 0; i < g->n_patterns; i++) {
        const InsnPattern *p = &g->patterns[i];

        if (p->name && !g->excluded(p) && (!o->group || !strcmp(o->group, p->group)) &&
            (!o->pattern || !strncmp(o->pattern, p->name, strlen(o->pattern)))) {
            d->pattern[d->n_patterns++] = p;
        }
    }
    if (!d->n_patterns || !*oracle || !oracle_start(oracle, &d->to, &d->from)) {
        return 2;
    }
    while (d->executed < o->instructions) {
        if (!diff_batch(d, &seed)) {
            fprintf(stderr, "the oracle ended\n");
            return 77;
        }
    }
    diff_summary(d);
    return d->differences ? 1 : 0;
}
