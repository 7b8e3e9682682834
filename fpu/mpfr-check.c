/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds fpu/ against MPFR: every operation whose result is a rounded real number, in all six
 * rounding modes and both kinds of tininess, on finite operands with many subnormals.
 *     fpu-mpfr [CASES-PER-OPERATION [SEED]]
 */
#include "fpu/fpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <mpfr.h>

typedef enum Op {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_SQRT,
    OP_FMA,
    OP_TO16,
    OP_TO32,
    OP_TO64,
    OP_FROM_SINT,
    OP_FROM_UINT,
    OP_TO_SINT,
    OP_TO_UINT,
    OP_INTEGRAL,
    OP_COUNT,
} Op;

static const char *const op_names[] = { "add",     "sub",        "mul",       "div",
                                        "sqrt",    "fma",        "to fp16",   "to fp32",
                                        "to fp64", "from sint",  "from uint", "to sint",
                                        "to uint", "to integral" };

typedef struct Format {
    unsigned width, prec; /* prec counts the hidden bit */
    int bias;
} Format;

static const Format formats[] = { { 16, 11, 15 }, { 32, 24, 127 }, { 64, 53, 1023 } };

typedef struct Case {
    Op op;
    const Format *in, *out;
    uint64_t a, b, c;
    unsigned frac, bits;
    FpEnv env;
} Case;

typedef struct Result {
    uint64_t bits;
    uint8_t flags;
} Result;

static uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* A finite number, its exponent often at an end or about the middle. */
static uint64_t check_operand(const Format *f, uint64_t *state)
{
    uint64_t r = check_random(state), s = check_random(state);
    unsigned frac_bits = f->prec - 1, exp_max = 2 * f->bias + 1, exp;
    uint64_t mask = (1ull << frac_bits) - 1, frac = s & mask;

    switch (r & 7) {
    case 0:
    case 1:
        exp = (r >> 8) & 3;
        break;
    case 2:
        exp = exp_max - 1 - ((r >> 8) & 3);
        break;
    case 3:
        exp = (r >> 8) % exp_max;
        break;
    default:
        exp = f->bias - frac_bits / 2 + (r >> 8) % frac_bits;
    }
    if (r & 0x1000000) { /* long runs of equal bits */
        frac = (mask >> (s >> 58) % f->prec) ^ ((r >> 30 & 1) ? mask : 0) ^ (r >> 31 & 3);
        frac &= mask;
    }
    return (r >> 63) << (f->width - 1) | (uint64_t)exp << frac_bits | frac;
}

static void check_load(mpfr_t x, const Format *f, uint64_t v)
{
    unsigned frac_bits = f->prec - 1;
    uint64_t frac = v & ((1ull << frac_bits) - 1);
    int exp = (v >> frac_bits) & (2 * f->bias + 1);

    mpfr_set_prec(x, 64);
    mpfr_set_uj_2exp(x, exp ? frac | 1ull << frac_bits : frac,
                     (exp ? exp : 1) - f->bias - (int)frac_bits, MPFR_RNDN);
    mpfr_setsign(x, x, v >> (f->width - 1) & 1, MPFR_RNDN);
}

static uint64_t check_store(mpfr_t x, const Format *f)
{
    uint64_t sign = (uint64_t)(mpfr_signbit(x) != 0) << (f->width - 1);
    unsigned frac_bits = f->prec - 1;
    mpfr_t y;

    if (mpfr_inf_p(x)) {
        return sign | (uint64_t)(2 * f->bias + 1) << frac_bits;
    }
    if (mpfr_zero_p(x)) {
        return sign;
    }
    int exp = mpfr_get_exp(x) - 1;
    int low = exp < 1 - f->bias ? 1 - f->bias : exp;
    mpfr_init2(y, 64);
    mpfr_abs(y, x, MPFR_RNDN);
    mpfr_mul_2si(y, y, (int)frac_bits - low, MPFR_RNDN);
    uint64_t v = mpfr_get_uj(y, MPFR_RNDN);
    mpfr_clear(y);
    return sign | (v + ((uint64_t)(low + f->bias - 1) << frac_bits));
}

/* The operation at r's precision; gives MPFR's ternary value. */
static int check_compute(const Case *t, mpfr_t r, mpfr_rnd_t round)
{
    mpfr_t a, b, c;
    int ternary;

    mpfr_inits2(64, a, b, c, (mpfr_ptr)NULL);
    if (t->op == OP_FROM_SINT || t->op == OP_FROM_UINT) {
        if (t->op == OP_FROM_SINT) {
            mpfr_set_sj(a, (int64_t)t->a, MPFR_RNDN);
        } else {
            mpfr_set_uj(a, t->a, MPFR_RNDN);
        }
        mpfr_div_2ui(a, a, t->frac, MPFR_RNDN);
    } else {
        check_load(a, t->in, t->a);
        check_load(b, t->in, t->b);
        check_load(c, t->in, t->c);
    }
    switch (t->op) {
    case OP_ADD:
        ternary = mpfr_add(r, a, b, round);
        break;
    case OP_SUB:
        ternary = mpfr_sub(r, a, b, round);
        break;
    case OP_MUL:
        ternary = mpfr_mul(r, a, b, round);
        break;
    case OP_DIV:
        ternary = mpfr_div(r, a, b, round);
        break;
    case OP_SQRT:
        ternary = mpfr_sqrt(r, a, round);
        break;
    case OP_FMA:
        ternary = mpfr_fma(r, a, b, c, round);
        break;
    default:
        ternary = mpfr_set(r, a, round);
    }
    mpfr_clears(a, b, c, (mpfr_ptr)NULL);
    return ternary;
}

static int check_clamp(mpfr_t r, const Format *f, int ternary, mpfr_rnd_t round)
{
    mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();

    mpfr_set_emin(3 - f->bias - (int)f->prec);
    mpfr_set_emax(f->bias + 1);
    ternary = mpfr_check_range(r, ternary, round);
    ternary = mpfr_subnormalize(r, ternary, round);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    return ternary;
}

/* Whether the exact result lies half way between its two neighbours. */
static bool check_is_tie(const Case *t, mpfr_t toward, mpfr_t away)
{
    static const unsigned wide[] = { 200, 1000, 7000 };
    mpfr_t exact, middle;

    mpfr_init2(exact, wide[t->in ? t->in - formats : 2]);
    mpfr_init2(middle, 64);
    int ternary = check_compute(t, exact, MPFR_RNDZ);
    if (mpfr_inf_p(away)) { /* its neighbour is what infinity stands for */
        mpfr_set_ui_2exp(middle, 1, t->out->bias + 1, MPFR_RNDN);
        mpfr_setsign(middle, middle, mpfr_signbit(toward), MPFR_RNDN);
        mpfr_add(middle, middle, toward, MPFR_RNDN);
    } else {
        mpfr_add(middle, toward, away, MPFR_RNDN);
    }
    mpfr_div_2ui(middle, middle, 1, MPFR_RNDN);
    bool tie = ternary == 0 && mpfr_equal_p(exact, middle);
    mpfr_clears(exact, middle, (mpfr_ptr)NULL);
    return tie;
}

static mpfr_rnd_t check_rnd(const Case *t, mpfr_t toward, mpfr_t away)
{
    switch (t->env.round) {
    case FP_RNE:
        return MPFR_RNDN;
    case FP_RUP:
        return MPFR_RNDU;
    case FP_RDN:
        return MPFR_RNDD;
    case FP_RNA:
        return check_is_tie(t, toward, away) ? MPFR_RNDA : MPFR_RNDN;
    default:
        return MPFR_RNDZ;
    }
}

static Result check_theirs(const Case *t)
{
    const Format *f = t->out;
    mpfr_t r, toward, away, least;
    Result out = { 0 };

    mpfr_inits2(f->prec, r, toward, away, least, (mpfr_ptr)NULL);
    int ternary = check_compute(t, toward, MPFR_RNDZ);
    mpfr_set_ui_2exp(least, 1, 1 - f->bias, MPFR_RNDN);
    bool tiny = mpfr_cmpabs(toward, least) < 0;
    check_clamp(toward, f, ternary, MPFR_RNDZ);
    check_clamp(away, f, check_compute(t, away, MPFR_RNDA), MPFR_RNDA);

    mpfr_rnd_t round = check_rnd(t, toward, away);
    ternary = check_compute(t, r, round);
    if (t->env.tiny_after_rounding) {
        /* Rounding here is to the full precision, where a tie may be another one. */
        mpfr_rnd_t full = t->env.round == FP_RNA ? MPFR_RNDN : round;
        if (t->env.round == FP_ODD) {
            full = MPFR_RNDZ;
        }
        mpfr_t unbounded;
        mpfr_init2(unbounded, f->prec);
        check_compute(t, unbounded, full);
        tiny = mpfr_cmpabs(unbounded, least) < 0;
        mpfr_clear(unbounded);
    }
    mpfr_clear_flags();
    ternary = check_clamp(r, f, ternary, round);
    bool over = mpfr_overflow_p();
    out.bits = check_store(r, f);
    if (ternary && t->env.round == FP_ODD) {
        out.bits |= 1;
    }
    out.flags = (ternary || over ? FP_INEXACT : 0) | (over ? FP_OVERFLOW : 0) |
                (tiny && ternary ? FP_UNDERFLOW : 0);
    if (mpfr_nan_p(r)) { /* the root of a negative number, 0 / 0 */
        out = (Result){ ((uint64_t)(2 * f->bias + 1) << 1 | 1) << (f->prec - 2), FP_INVALID };
    } else if (mpfr_divby0_p() || (t->op == OP_DIV && !(t->b << (65 - t->in->width)))) {
        out.flags = FP_DIVZERO;
    }
    mpfr_clears(r, toward, away, least, (mpfr_ptr)NULL);
    return out;
}

/* To an integer of a format or of bits. */
static Result check_theirs_integer(const Case *t)
{
    static int (*const round_to[])(mpfr_ptr, mpfr_srcptr) = { mpfr_roundeven, mpfr_ceil, mpfr_floor,
                                                              mpfr_trunc, mpfr_round };
    mpfr_t a, r;
    Result out = { 0 };

    mpfr_inits2(64, a, r, (mpfr_ptr)NULL);
    check_load(a, t->in, t->a);
    mpfr_mul_2ui(a, a, t->frac, MPFR_RNDN);
    round_to[t->env.round](r, a);
    bool inexact = !mpfr_equal_p(r, a), is_signed = t->op == OP_TO_SINT;
    if (t->op == OP_INTEGRAL) {
        out.bits = check_store(r, t->in);
    } else {
        uint64_t max = ~0ull >> (64 - t->bits + is_signed);
        mpfr_t bound;
        mpfr_init2(bound, 65);
        mpfr_set_uj(bound, max, MPFR_RNDN);
        if (mpfr_cmp(r, bound) > 0) {
            out = (Result){ max, FP_INVALID };
        } else {
            mpfr_set_si(bound, is_signed ? -1 : 0, MPFR_RNDN);
            mpfr_mul_2ui(bound, bound, t->bits - 1, MPFR_RNDN);
            if (mpfr_cmp(r, bound) < 0) {
                out = (Result){ is_signed ? ~max : 0, FP_INVALID };
            } else {
                out.bits =
                    is_signed ? (uint64_t)mpfr_get_sj(r, MPFR_RNDN) : mpfr_get_uj(r, MPFR_RNDN);
            }
        }
        mpfr_clear(bound);
    }
    out.flags |= inexact && !out.flags ? FP_INEXACT : 0;
    mpfr_clears(a, r, (mpfr_ptr)NULL);
    return out;
}

static uint64_t check_ours16(const Case *t, FpEnv *e)
{
    uint16_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp16_add(a, b, e);
    case OP_SUB:
        return fp16_sub(a, b, e);
    case OP_MUL:
        return fp16_mul(a, b, e);
    case OP_DIV:
        return fp16_div(a, b, e);
    case OP_SQRT:
        return fp16_sqrt(a, e);
    case OP_FMA:
        return fp16_fma(a, b, c, e);
    case OP_TO32:
        return fp16_to_fp32(a, e);
    case OP_TO64:
        return fp16_to_fp64(a, e);
    case OP_TO_SINT:
        return fp16_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp16_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp16_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours32(const Case *t, FpEnv *e)
{
    uint32_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp32_add(a, b, e);
    case OP_SUB:
        return fp32_sub(a, b, e);
    case OP_MUL:
        return fp32_mul(a, b, e);
    case OP_DIV:
        return fp32_div(a, b, e);
    case OP_SQRT:
        return fp32_sqrt(a, e);
    case OP_FMA:
        return fp32_fma(a, b, c, e);
    case OP_TO16:
        return fp32_to_fp16(a, e);
    case OP_TO64:
        return fp32_to_fp64(a, e);
    case OP_TO_SINT:
        return fp32_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp32_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp32_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours64(const Case *t, FpEnv *e)
{
    uint64_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp64_add(a, b, e);
    case OP_SUB:
        return fp64_sub(a, b, e);
    case OP_MUL:
        return fp64_mul(a, b, e);
    case OP_DIV:
        return fp64_div(a, b, e);
    case OP_SQRT:
        return fp64_sqrt(a, e);
    case OP_FMA:
        return fp64_fma(a, b, c, e);
    case OP_TO16:
        return fp64_to_fp16(a, e);
    case OP_TO32:
        return fp64_to_fp32(a, e);
    case OP_TO_SINT:
        return fp64_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp64_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp64_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours_from(const Case *t, FpEnv *e)
{
    bool is_signed = t->op == OP_FROM_SINT;

    switch (t->out->width) {
    case 16:
        return is_signed ? fp16_from_sint(t->a, t->frac, e->round, e)
                         : fp16_from_uint(t->a, t->frac, e->round, e);
    case 32:
        return is_signed ? fp32_from_sint(t->a, t->frac, e->round, e)
                         : fp32_from_uint(t->a, t->frac, e->round, e);
    default:
        return is_signed ? fp64_from_sint(t->a, t->frac, e->round, e)
                         : fp64_from_uint(t->a, t->frac, e->round, e);
    }
}

static Result check_ours(const Case *t)
{
    FpEnv env = t->env;
    Result out = { 0 };

    if (!t->in) {
        out.bits = check_ours_from(t, &env);
    } else if (t->in->width == 16) {
        out.bits = check_ours16(t, &env);
    } else {
        out.bits = t->in->width == 32 ? check_ours32(t, &env) : check_ours64(t, &env);
    }
    out.flags = env.flags;
    return out;
}

static void check_make(Case *t, uint64_t *state)
{
    uint64_t r = check_random(state);
    bool integral = t->op >= OP_TO_SINT;

    t->env = (FpEnv){ .round = r % (integral ? 5 : 6), .tiny_after_rounding = r >> 8 & 1 };
    if (t->env.round == FP_RNA && t->out->width == 64 && (r >> 9 & 7)) {
        t->env.round = FP_RNE; /* the check is slow */
    }
    if (!t->in) {
        t->a = check_random(state) >> (r >> 16 & 63);
        t->a = r >> 24 & 1 ? -t->a : t->a;
        t->frac = (r >> 32) % 65;
        return;
    }
    t->a = check_operand(t->in, state);
    t->b = check_operand(t->in, state);
    t->c = check_operand(t->in, state);
    if ((r >> 16 & 7) == 0) {
        t->b = t->a ^ (r >> 20 & 3) ^ (r >> 24 & 1) << (t->in->width - 1);
        t->b &= ~0ull >> (64 - t->in->width);
    }
    t->bits = (unsigned[]){ 16, 32, 64, 64 }[r >> 40 & 3];
    t->frac = t->op == OP_TO_SINT || t->op == OP_TO_UINT ? (r >> 44) % 65 : 0;
}

/* Which operations a format has: none to itself. */
static bool check_exists(Op op, const Format *f)
{
    return op < OP_TO16 || op > OP_TO64 || &formats[op - OP_TO16] != f;
}

static uint64_t check_run(Case *t, uint64_t cases, uint64_t *state)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < cases; i++) {
        check_make(t, state);
        Result ours = check_ours(t);
        Result theirs = t->op >= OP_TO_SINT ? check_theirs_integer(t) : check_theirs(t);
        if ((ours.bits != theirs.bits || ours.flags != theirs.flags) && wrong++ < 4) {
            printf("%s fp%u a %016" PRIx64 " b %016" PRIx64 " c %016" PRIx64
                   " round %d after %d frac %u bits %u: ours %016" PRIx64 " %02x theirs %016" PRIx64
                   " %02x\n",
                   op_names[t->op], t->in ? t->in->width : t->out->width, t->a, t->b, t->c,
                   t->env.round, t->env.tiny_after_rounding, t->frac, t->bits, ours.bits,
                   ours.flags, theirs.bits, theirs.flags);
        }
    }
    return wrong;
}

int main(int argc, char **argv)
{
    uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000;
    uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t wrong = 0, done = 0;

    for (Op op = 0; op < OP_COUNT; op++) {
        for (unsigned i = 0; i < 3; i++) {
            const Format *f = &formats[i];
            bool from = op == OP_FROM_SINT || op == OP_FROM_UINT;
            Case t = { .op = op, .in = from ? NULL : f, .out = f };
            if (!check_exists(op, f)) {
                continue;
            }
            if (op >= OP_TO16 && op <= OP_TO64) {
                t.out = &formats[op - OP_TO16];
            }
            wrong += check_run(&t, cases, &state);
            done += cases;
        }
    }
    mpfr_free_cache();
    printf("%" PRIu64 " cases, %" PRIu64 " differ\n", done, wrong);
    return wrong != 0;
}
