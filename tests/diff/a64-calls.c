/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which A64 instructions call C code from the usual way of their generated code, on a tier of host
 * instructions: held against a table, so that a sequence that is lost is noticed, and one that is
 * new is written down.
 *
 *   a64-calls [-n TIMES] [-f FPCR] [-p PATTERN] [-w] TIER [TABLE]
 *
 * Without a table: prints a row for each pattern that calls, and what. A table has rows of a
 * pattern and the tiers on which it may call; -w prints those of this tier.
 * Each pattern is tried TIMES times with random fields. Status 77: the host has no such tier.
 */
#include "tests/diff/a64-run.h"

#include "accel/accel.h"
#include "target/arm/a64-decode.h"
#include "tests/diff/a64-gen.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Calls {
    const char *tier;
    unsigned times;
    uint64_t fpcr, seed;
    GHashTable *allowed; /* names of patterns that may call */
    bool write;
    unsigned called, wrong;
} Calls;

/* Name and number of each call made so far. */
static GHashTable *calls_now(void)
{
    GHashTable *h = g_hash_table_new(g_str_hash, g_str_equal);
    GArray *all = a64_run_counters();

    for (guint i = 0; i < all->len; i++) {
        const AccelCounter *c = &g_array_index(all, AccelCounter, i);

        /* not accesses that miss in the TLB, nor what ends a case */
        if (!strcmp(c->group, "calls") && strncmp(c->name, "slow ", 5) &&
            strcmp(c->name, "raise") && strcmp(c->name, "wfi")) {
            g_hash_table_insert(h, (gpointer)c->name, GSIZE_TO_POINTER(c->value));
        }
    }
    g_array_free(all, TRUE);
    return h;
}

/* The names of what was called between the two. */
static char *calls_between(GHashTable *before, GHashTable *after)
{
    GString *s = g_string_new(NULL);
    GHashTableIter i;
    gpointer name, n;

    g_hash_table_iter_init(&i, after);
    while (g_hash_table_iter_next(&i, &name, &n)) {
        if (n != g_hash_table_lookup(before, name)) {
            g_string_append_printf(s, " %s", (char *)name);
        }
    }
    return g_string_free(s, FALSE);
}

static void calls_try(Calls *c, const InsnPattern *p)
{
    GHashTable *before = calls_now(), *after;
    g_autofree char *names = NULL;
    bool may = c->allowed && g_hash_table_contains(c->allowed, p->name);

    for (unsigned n = 0; n < c->times; n++) {
        A64Case k = { .seed = 1 };
        A64Result r;

        gen_state(&k.in, CASE_SCRATCH, CASE_CODE + 4 * CASE_INSNS, &c->seed);
        k.in.fpcr = c->fpcr;
        k.in.fpsr = 0x10;
        for (unsigned i = 0; i < CASE_INSNS; i++) {
            k.code[i] = 0xd4200000 | CASE_END << 5;
        }
        k.code[0] = gen_insn(p, &c->seed);
        a64_run(&k, &r);
    }
    after = calls_now();
    names = calls_between(before, after);
    g_hash_table_unref(before);
    g_hash_table_unref(after);
    c->called += *names != 0;
    if (c->write ? *names != 0 : !c->allowed && *names) {
        printf("%-20s %s\n", p->name, c->write ? c->tier : names);
    }
    if (c->allowed && may != (*names != 0)) {
        c->wrong++;
        printf(*names ? "%s calls%s on %s\n" : "%s does not call C code%s on %s any more\n",
               p->name, names, c->tier);
    }
}

static bool calls_table(Calls *c, const char *file)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) line = NULL;

    if (!g_file_get_contents(file, &text, NULL, NULL)) {
        return false;
    }
    c->allowed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    line = g_strsplit(text, "\n", -1);
    for (unsigned n = 0; line[n]; n++) {
        g_auto(GStrv) word = g_strsplit_set(line[n], " ", -1);

        for (unsigned k = 1; *line[n] && *line[n] != '#' && word[k]; k++) {
            if (!strcmp(word[k], c->tier)) {
                g_hash_table_add(c->allowed, g_strdup(word[0]));
            }
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    Calls c = { .times = 40, .seed = 1 };
    const char *only = NULL;
    g_autofree char *options = NULL;
    int opt;

    while ((opt = getopt(argc, argv, "n:f:p:w")) != -1) {
        switch (opt) {
        case 'n':
            c.times = (unsigned)strtoul(optarg, NULL, 0);
            break;
        case 'f':
            c.fpcr = strtoull(optarg, NULL, 0);
            break;
        case 'p':
            only = optarg;
            break;
        case 'w':
            c.write = true;
            break;
        default:
            return 2;
        }
    }
    if (optind >= argc) {
        return 2;
    }
    c.tier = argv[optind];
    options = g_strdup_printf("count=on,host-cpu=%s", c.tier);
    if (!a64_run_init("x86_64", options)) {
        return 77;
    }
    if (optind + 1 < argc && !calls_table(&c, argv[optind + 1])) {
        return 2;
    }
    for (unsigned i = 0; i < A64_ID_COUNT; i++) {
        const InsnPattern *p = &a64_patterns[i];

        /* patterns that the comparison with the oracle leaves out are wanted here but for these */
        if (p->name &&
            (!gen_is_excluded(p) || strstr(p->group, "fp") || strstr(p->group, "simd")) &&
            (!only || !strncmp(only, p->name, strlen(only)))) {
            calls_try(&c, p);
        }
    }
    printf("%s: %u patterns call C code, %u otherwise than the table has it\n", c.tier, c.called,
           c.wrong);
    return c.wrong ? 1 : 0;
}
