/* SPDX-License-Identifier: Apache-2.0 */
/* The test rows that stand beside the instructions in the .insn files, run on a machine. */
#include "tests/diff/a64-run.h"

#include "target/arm/a64-decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the value of that name lies; NULL: nothing a case can set. */
static uint64_t *rows_place(A64State *s, const InsnValue *v)
{
    if (!strcmp(v->name, "x") && v->number >= 0 && v->number < 31) {
        return &s->x[v->number];
    }
    if ((!strcmp(v->name, "v") || !strcmp(v->name, "d") || !strcmp(v->name, "s")) &&
        v->number >= 0 && v->number < 32) {
        return &s->v[v->number][0];
    }
    return !strcmp(v->name, "sp") ? &s->sp : !strcmp(v->name, "nzcv") ? &s->nzcv : NULL;
}

static uint64_t rows_value(const InsnValue *v)
{
    return strcmp(v->name, "nzcv") ? v->value : v->value << 28;
}

/* 1: as the row says; 0: not; -1: the row needs what a case cannot give. */
static int rows_run(const InsnPattern *p, const InsnTest *t)
{
    A64Case c = { .seed = 1 };
    A64Result r;
    int ok = 1;

    for (unsigned i = 0; i < CASE_INSNS; i++) {
        c.code[i] = 0xd503201f;
    }
    c.code[0] = t->insn;
    c.in.sp = CASE_SCRATCH + 0x2000;
    for (int i = 0; i < t->n_in; i++) {
        uint64_t *at = rows_place(&c.in, &t->in[i]);

        if (!at) {
            return -1;
        }
        *at = rows_value(&t->in[i]);
    }
    a64_run(&c, &r);
    if (r.end != CASE_DONE) {
        printf("%s, line %d: the case ended with exception class 0x%x\n", p->name, t->line,
               r.signal);
        return 0;
    }
    for (int i = 0; i < t->n_out; i++) {
        uint64_t *at = rows_place(&r.out, &t->out[i]);

        if (!at) {
            return -1;
        }
        if (*at != rows_value(&t->out[i])) {
            printf("%s, line %d: %s%d is 0x%" PRIx64 ", the row says 0x%" PRIx64 "\n", p->name,
                   t->line, t->out[i].name, t->out[i].number, *at, rows_value(&t->out[i]));
            ok = 0;
        }
    }
    return ok;
}

int a64_rows(void)
{
    unsigned passed = 0, failed = 0, left = 0;

    for (unsigned i = 0; i < A64_ID_COUNT; i++) {
        const InsnPattern *p = &a64_patterns[i];

        for (int k = 0; p->name && k < p->n_tests; k++) {
            int ok = rows_run(p, &p->tests[k]);

            passed += ok > 0;
            failed += ok == 0;
            left += ok < 0;
        }
    }
    printf("test rows: %u passed, %u failed, %u need an address of their own\n", passed, failed,
           left);
    return failed || !passed ? 1 : 0;
}
