/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every A64 floating-point instruction of the decoder's tables, in every form, on special values
 * crossed with each other, in every rounding mode and with the bits of FPCR that change results:
 * through generated code of each tier of host instructions and the interpreter, against QEMU's
 * user-mode emulator (or an Arm host) and, where the result is a rounded real number, MPFR.
 *
 *   fp-matrix [-n TUPLES] [-m EVERY] [-e FORMS] [-p PATTERN] [-s SEED] -- ORACLE COMMAND
 *
 * TUPLES: combinations of operands for each form and mode, one batch of FM_BATCH at least: all
 * pairs of the core values, then others; 30000 make the whole cross. One of EVERY results of a kind
 * that MPFR knows is held against it. FORMS: encodings of a pattern at most. Status 77: no oracle.
 */
#include "tests/diff/fp-matrix.h"

#include "fpu/fpu.h"
#include "target/arm/a64-decode.h"
#include "tests/diff/a64-gen.h"
#include "tests/diff/a64-run.h"
#include "tests/diff/fp-matrix-mpfr.h"
#include "tests/diff/fp-values.h"
#include "tests/diff/oracle.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FM_IN = 0x52000000,
    FM_OUT = 0x52020000,
    MAX_FORMS = 200,
    N_RANDOM = 8, /* values of a kind that are random */
    N_PAIRS = 4 * N_CORE * N_CORE,
    SHOWN = 4, /* differences of a form */
    FLAGS = (int)0xf800009f,
};

typedef enum Kind { KIND_HALF = 1, KIND_SINGLE, KIND_DOUBLE, KIND_INT, KIND_MIXED } Kind;

/* RMode, and what changes results: DN, FZ, both, FZ16, AHP, all. */
static const uint32_t mode_bits[] = { 0, 1 << 25, 1 << 24, 3 << 24, 1 << 19, 1 << 26, 0x07080000 };

typedef struct Runner {
    const char *name;
    A64Machine machine;
} Runner;

typedef struct Matrix {
    Runner runner[8];
    unsigned n_runners, tuples, every, forms;
    uint64_t seed;
    FILE *to, *from;
    FmAsk ask;
    FmResult theirs[FM_BATCH];
    uint8_t *in, *out;
    const char *name;
    uint64_t checks, mpfr_checks, wrong, n_forms;
    unsigned shown;
} Matrix;

/* ---- values ---- */

static unsigned matrix_n_values(Kind k)
{
    static const unsigned n[] = { [KIND_HALF] = G_N_ELEMENTS(values16),
                                  [KIND_SINGLE] = G_N_ELEMENTS(values32),
                                  [KIND_DOUBLE] = G_N_ELEMENTS(values64),
                                  [KIND_INT] = G_N_ELEMENTS(values_int) };

    return 2 * n[k] + N_RANDOM;
}

/* Value @n of the kind, once. */
static uint64_t matrix_value(Matrix *m, Kind k, unsigned n)
{
    uint64_t r, sign = n & 1;

    if (n >= matrix_n_values(k) - N_RANDOM) {
        r = case_random(&m->seed);
        if (n & 1) { /* of modest size, so that something is inexact */
            return k == KIND_HALF     ? (r & 0x87ff) | 0x3800
                   : k == KIND_SINGLE ? (r & 0x83ffffff) | 0x3c000000
                   : k == KIND_DOUBLE ? (r & 0x807fffffffffffff) | 0x3f80000000000000
                                      : r >> (r & 63);
        }
        return r;
    }
    switch (k) {
    case KIND_HALF:
        return values16[n / 2] | sign << 15;
    case KIND_SINGLE:
        return values32[n / 2] | sign << 31;
    case KIND_DOUBLE:
        return values64[n / 2] | sign << 63;
    default:
        return sign ? -values_int[n / 2] : values_int[n / 2];
    }
}

static unsigned matrix_lane(Kind k)
{
    return k == KIND_HALF ? 2 : k == KIND_SINGLE ? 4 : 8;
}

/* Value @n of the core, both signs. */
static uint64_t matrix_core(Kind k, unsigned n)
{
    uint64_t sign = n & 1;

    switch (k) {
    case KIND_HALF:
        return core16[n / 2] | sign << 15;
    case KIND_SINGLE:
        return core32[n / 2] | sign << 31;
    case KIND_DOUBLE:
        return core64[n / 2] | sign << 63;
    default:
        return sign ? -values_int[n / 2] : values_int[n / 2];
    }
}

/* A register whose lane 0 is value @n, the others near ones in the list or any. */
static void matrix_fill(Matrix *m, Kind k, unsigned n, uint64_t v[2])
{
    unsigned bytes = matrix_lane(k), all = matrix_n_values(k);

    for (unsigned i = 0; i < 16 / bytes; i++) {
        uint64_t x = matrix_value(m, k, i ? (unsigned)(case_random(&m->seed) >> 8) % all : n);

        memcpy((uint8_t *)v + i * bytes, &x, bytes);
    }
    if (k == KIND_INT && n & 2) { /* narrower lanes with values of their own */
        for (unsigned i = 1; i < 8; i++) {
            uint64_t x = matrix_value(m, k, (unsigned)(case_random(&m->seed) >> 8) % all);

            memcpy((uint8_t *)v + i * 2, &x, 2);
        }
    }
}

/* ---- one batch ---- */

static void matrix_ours(Matrix *m, unsigned k, FmResult *r)
{
    A64Case c = { .seed = 1 };
    A64Result result;
    Runner *runner = &m->runner[k];

    a64_run_swap(&runner->machine);
    memcpy(c.code, m->ask.code, FM_WORDS * 4);
    for (unsigned i = FM_WORDS; i < CASE_INSNS; i++) {
        c.code[i] = 0xd4200000 | CASE_END << 5;
    }
    memcpy(a64_run_memory(FM_IN), m->ask.in, sizeof(m->ask.in));
    c.in.x[0] = FM_IN;
    c.in.x[1] = FM_OUT;
    c.in.x[2] = m->ask.n;
    c.in.x[4] = m->ask.fpsr;
    c.in.x[5] = m->ask.nzcv;
    c.in.fpcr = m->ask.fpcr;
    a64_run(&c, &result);
    memcpy(r, a64_run_memory(FM_OUT), sizeof(m->theirs));
    if (result.end != CASE_DONE) {
        printf("%s on %s: ended by %u\n", m->name, runner->name, result.signal);
        m->wrong++;
    }
    a64_run_swap(&runner->machine);
}

/* QEMU 7.2 leaves bits above the 16th of these, and Z set by FJCVTZS of a flushed subnormal. */
static bool matrix_same(const Matrix *m, const FmResult *a, const FmResult *b)
{
    FmResult x = *a, y = *b;

    x.flags &= (uint32_t)FLAGS;
    y.flags &= (uint32_t)FLAGS;
    if (!strcmp(m->name, "fcvtzs_vf.sh") || !strcmp(m->name, "fcvtzu_vf.sh")) {
        x.v3[0] &= UINT16_MAX;
        y.v3[0] &= UINT16_MAX;
    }
    if (!strcmp(m->name, "fjcvtzs") && x.flags & FP_INPUT_DENORMAL) {
        x.flags &= UINT16_MAX;
        y.flags &= UINT16_MAX;
    }
    return !memcmp(&x, &y, sizeof(x));
}

static void matrix_show(Matrix *m, const char *who, unsigned i, const FmResult *ours,
                        const FmResult *theirs)
{
    const FmOperands *o = &m->ask.in[i];

    m->wrong++;
    if (m->shown++ >= SHOWN) {
        return;
    }
    printf("%08x %s on %s, fpcr %08" PRIx64 " fpsr %" PRIx64 "\n  of", m->ask.code[FM_INSN],
           m->name, who, m->ask.fpcr, m->ask.fpsr);
    for (unsigned k = 0; k < 3; k++) {
        printf(" %016" PRIx64 "%016" PRIx64, o->v[k][1], o->v[k][0]);
    }
    for (unsigned k = 0; k < 2; k++) {
        const FmResult *r = k ? theirs : ours;

        printf("\n  %s v3 %016" PRIx64 "%016" PRIx64 " v10 %016" PRIx64 "%016" PRIx64
               " x10 %016" PRIx64 " flags %08" PRIx64,
               k ? "want" : "got ", r->v3[1], r->v3[0], r->v10[1], r->v10[0], r->x10,
               r->flags & (uint32_t)FLAGS);
    }
    printf("\n");
}

static bool matrix_batch(Matrix *m)
{
    FmResult ours[FM_BATCH];

    if (fwrite(&m->ask, sizeof(m->ask), 1, m->to) != 1 || fflush(m->to)) {
        return false;
    }
    for (unsigned k = 0; k < m->n_runners; k++) {
        matrix_ours(m, k, ours);
        if (k == 0 && fread(m->theirs, sizeof(m->theirs), 1, m->from) != 1) {
            return false;
        }
        for (unsigned i = 0; i < FM_BATCH; i++) {
            if (!matrix_same(m, &ours[i], &m->theirs[i])) {
                matrix_show(m, m->runner[k].name, i, &ours[i], &m->theirs[i]);
            }
        }
        m->checks += FM_BATCH;
    }
    for (unsigned i = (unsigned)(case_random(&m->seed) >> 8) % m->every; i < FM_BATCH;
         i += m->every) {
        FmResult want = ours[i];
        int known = fm_mpfr(m->name, m->ask.code[FM_INSN], (uint32_t)m->ask.fpcr,
                            (uint32_t)m->ask.fpsr, &m->ask.in[i], &want);

        if (known && memcmp(&want, &ours[i], sizeof(want))) {
            matrix_show(m, "MPFR", i, &ours[i], &want);
        }
        m->mpfr_checks += known;
    }
    return true;
}

/* ---- one form ---- */

static uint32_t matrix_put(const InsnPattern *p, uint32_t insn, const char *field, uint32_t value)
{
    for (int i = 0; i < p->n_fields; i++) {
        const InsnField *f = &p->fields[i];

        if (!strcmp(f->name, field)) {
            uint32_t mask = ((1u << f->width) - 1) << f->lo & ~p->mask;

            insn = (insn & ~mask) | (value << f->lo & mask);
        }
    }
    return insn;
}

static bool matrix_has(const InsnPattern *p, const char *field)
{
    for (int i = 0; i < p->n_fields; i++) {
        if (!strcmp(p->fields[i].name, field)) {
            return true;
        }
    }
    return false;
}

/* The operands' format. */
static Kind matrix_kind(const InsnPattern *p, uint32_t insn)
{
    bool half = g_str_has_suffix(p->name, ".h") || g_str_has_suffix(p->name, ".sh");
    bool bit22 = insn >> 22 & 1;

    if (g_str_has_prefix(p->name, "scvtf") || g_str_has_prefix(p->name, "ucvtf")) {
        return KIND_INT;
    }
    if (g_str_has_prefix(p->name, "fcvt.")) {
        return p->name[5] == 'h' ? KIND_HALF : p->name[5] == 'd' ? KIND_DOUBLE : KIND_SINGLE;
    }
    if (g_str_has_prefix(p->name, "fmlal") || g_str_has_prefix(p->name, "fmlsl")) {
        return KIND_MIXED;
    }
    if (g_str_has_prefix(p->name, "bf") || !strcmp(p->name, "fcvt")) {
        return KIND_SINGLE;
    }
    if (!strcmp(p->name, "fcvtxn_v") || !strcmp(p->name, "fcvtxn_v.s") ||
        !strcmp(p->name, "fjcvtzs")) {
        return KIND_DOUBLE;
    }
    if (!strcmp(p->name, "fcvtl_v")) {
        return bit22 ? KIND_SINGLE : KIND_HALF;
    }
    if (!strcmp(p->group, "simd-fp-fixed")) {
        return bit22 ? KIND_DOUBLE : insn >> 21 & 1 ? KIND_SINGLE : KIND_HALF;
    }
    if (g_str_has_prefix(p->name, "fcmla") || g_str_has_prefix(p->name, "fcadd")) {
        return (Kind)(insn >> 22 & 3);
    }
    return half ? KIND_HALF : bit22 ? KIND_DOUBLE : KIND_SINGLE;
}

/* Combination @at of all, in an order of its own. */
static void matrix_tuple(Matrix *m, Kind k, bool pairs, uint64_t at, FmOperands *o)
{
    Kind of[3] = { k, k, k };
    uint64_t n, all;

    if (k == KIND_MIXED) {
        of[0] = of[1] = KIND_HALF;
        of[2] = KIND_SINGLE;
    }
    n = matrix_n_values(of[0]);
    all = pairs ? n * n : n;
    at = at % all * 7919 % all; /* a prime that divides no number of values */
    matrix_fill(m, of[0], (unsigned)(at % n), o->v[0]);
    matrix_fill(m, of[1], (unsigned)(at / n), o->v[1]);
    matrix_fill(m, of[2], (unsigned)(case_random(&m->seed) >> 8) % matrix_n_values(of[2]), o->v[2]);
    if ((case_random(&m->seed) & 15) == 0 && k != KIND_MIXED && k != KIND_INT) {
        memcpy(o->v[2], o->v[at & 1], 16); /* sums that cancel */
        o->v[2][0] ^= 1ull << (8 * matrix_lane(k) - 1);
    }
}

/* Combination @n of the core's pairs, which every mode has: into lane 0. */
static void matrix_pair(Kind k, unsigned n, FmOperands *o)
{
    Kind of = k == KIND_MIXED ? KIND_HALF : k;
    uint64_t a = matrix_core(of, n % (2 * N_CORE)), b = matrix_core(of, n / (2 * N_CORE));

    memcpy(&o->v[0][0], &a, matrix_lane(of));
    memcpy(&o->v[1][0], &b, matrix_lane(of));
}

static bool matrix_form(Matrix *m, const InsnPattern *p, uint32_t insn)
{
    Kind k = matrix_kind(p, insn);
    bool pairs = matrix_has(p, "rm");
    uint64_t at = case_random(&m->seed) >> 20;

    m->n_forms++;
    m->shown = 0;
    m->ask.code[FM_INSN] = insn;
    m->ask.n = FM_BATCH;
    for (unsigned mode = 0; mode < 4 * G_N_ELEMENTS(mode_bits); mode++) {
        m->ask.fpcr = mode_bits[mode / 4] | (mode & 3) << 22;
        for (unsigned done = 0; done < m->tuples; done += FM_BATCH) {
            m->ask.fpsr = case_random(&m->seed) >> 9 & 1 ? FP_INEXACT : 0;
            m->ask.nzcv = case_random(&m->seed) & 0xf0000000;
            for (unsigned i = 0; i < FM_BATCH; i++) {
                matrix_tuple(m, k, pairs, at++, &m->ask.in[i]);
                if (done + i < N_PAIRS) {
                    matrix_pair(k, done + i, &m->ask.in[i]);
                }
            }
            if (!matrix_batch(m)) {
                return false;
            }
        }
    }
    return true;
}

/* Encodings of @p with our registers, as many as there are or m->forms. */
static bool matrix_pattern(Matrix *m, const InsnPattern *p)
{
    uint32_t seen[MAX_FORMS];
    unsigned n = 0;
    bool integers = !strcmp(p->group, "fp-int");

    m->name = p->name;
    for (unsigned tries = 0; tries < 20 * m->forms && n < m->forms; tries++) {
        uint32_t insn = gen_insn(p, &m->seed);
        bool known = false;

        insn = matrix_put(p, insn, "rd", integers ? 10 : 3);
        insn = matrix_put(p, insn, "rn", integers ? 9 : 0);
        insn = matrix_put(p, insn, "rm", 1);
        insn = matrix_put(p, insn, "ra", 2);
        insn = matrix_put(p, insn, "m", 0);
        for (unsigned i = 0; i < n; i++) {
            known |= seen[i] == insn;
        }
        if (known || (insn & p->mask) != p->value || (p->when && !p->when(insn)) ||
            (p->avoid && p->avoid(insn))) {
            continue;
        }
        seen[n++] = insn;
        if (!matrix_form(m, p, insn)) {
            return false;
        }
    }
    return true;
}

static bool matrix_wants(const InsnPattern *p, const char *only)
{
    bool fp = g_str_has_prefix(p->group, "fp-") || g_str_has_prefix(p->group, "simd-fp") ||
              (!strcmp(p->group, "simd-element") && (*p->name == 'f' || *p->name == 'b'));

    return fp && (!only || g_str_has_prefix(p->name, only));
}

static void matrix_machines(Matrix *m)
{
    static const char *const tiers[] = { "v2", "v3", "v4", "max" };

    for (unsigned k = 0; k < 5; k++) {
        g_autofree char *options = k < 4 ? g_strdup_printf("host-cpu=%s", tiers[k]) : NULL;
        A64Machine none = { 0 };

        /* a tier that the host has not is left out */
        if (a64_run_init(k < 4 ? "x86_64" : "interp", options)) {
            Runner *r = &m->runner[m->n_runners++];

            r->name = k < 4 ? tiers[k] : "interp";
            a64_run_map(FM_IN, sizeof(m->ask.in));
            a64_run_map(FM_OUT, sizeof(m->theirs));
            r->machine = none;
            a64_run_swap(&r->machine);
        }
    }
}

int main(int argc, char **argv)
{
    Matrix *m = g_new0(Matrix, 1);
    const char *only = NULL;
    int opt;

    m->tuples = FM_BATCH;
    m->every = 16;
    m->forms = 12;
    while ((opt = getopt(argc, argv, "n:m:e:p:s:")) != -1) {
        uint64_t n = strtoull(optarg, NULL, 0);

        switch (opt) {
        case 'n':
            m->tuples = (unsigned)n;
            break;
        case 'm':
            m->every = n ? (unsigned)n : 1;
            break;
        case 'e':
            m->forms = MIN((unsigned)n, MAX_FORMS);
            break;
        case 'p':
            only = optarg;
            break;
        case 's':
            m->seed = n;
            break;
        default:
            return 2;
        }
    }
    if (optind >= argc) {
        puts("no oracle: skipped");
        return 77;
    }
    matrix_machines(m);
    if (!m->n_runners || !oracle_start(argv + optind, &m->to, &m->from)) {
        return 2;
    }
    memcpy(m->ask.code, fm_loop, sizeof(fm_loop));
    m->ask.code[FM_WORDS] = 0xd65f03c0; /* ret */
    for (unsigned i = 0; i < A64_ID_COUNT; i++) {
        const InsnPattern *p = &a64_patterns[i];

        if (p->name && matrix_wants(p, only) && !matrix_pattern(m, p)) {
            fprintf(stderr, "the oracle ended at %s\n", p->name);
            return 77;
        }
    }
    printf("%" PRIu64 " forms, %u ways of running them, %" PRIu64 " results compared, %" PRIu64
           " with MPFR, %" PRIu64 " differ\n",
           m->n_forms, m->n_runners, m->checks, m->mpfr_checks, m->wrong);
    return m->wrong ? 1 : 0;
}
