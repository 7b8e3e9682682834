/* SPDX-License-Identifier: Apache-2.0 */
#include "fpu/mpfr-ref.h"

#include <mpfr.h>

const MpfrFormat mpfr_formats[] = { { 16, 11, 15 }, { 32, 24, 127 }, { 64, 53, 1023 } };

static void check_load(mpfr_t x, const MpfrFormat *f, uint64_t v)
{
    unsigned frac_bits = f->prec - 1;
    uint64_t frac = v & ((1ull << frac_bits) - 1);
    int exp = (v >> frac_bits) & (2 * f->bias + 1);

    mpfr_set_prec(x, 64);
    mpfr_set_uj_2exp(x, exp ? frac | 1ull << frac_bits : frac,
                     (exp ? exp : 1) - f->bias - (int)frac_bits, MPFR_RNDN);
    mpfr_setsign(x, x, v >> (f->width - 1) & 1, MPFR_RNDN);
}

static uint64_t check_store(mpfr_t x, const MpfrFormat *f)
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
static int check_compute(const MpfrCase *t, mpfr_t r, mpfr_rnd_t round)
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

static int check_clamp(mpfr_t r, const MpfrFormat *f, int ternary, mpfr_rnd_t round)
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
static bool check_is_tie(const MpfrCase *t, mpfr_t toward, mpfr_t away)
{
    static const unsigned wide[] = { 200, 1000, 7000 };
    mpfr_t exact, middle;

    mpfr_init2(exact, wide[t->in ? t->in - mpfr_formats : 2]);
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

static mpfr_rnd_t check_rnd(const MpfrCase *t, mpfr_t toward, mpfr_t away)
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

MpfrResult mpfr_rounded(const MpfrCase *t)
{
    const MpfrFormat *f = t->out;
    mpfr_t r, toward, away, least;
    MpfrResult out = { 0 };

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
        out = (MpfrResult){ ((uint64_t)(2 * f->bias + 1) << 1 | 1) << (f->prec - 2), FP_INVALID };
    } else if (mpfr_divby0_p() || (t->op == OP_DIV && !(t->b << (65 - t->in->width)))) {
        out.flags = FP_DIVZERO;
    }
    mpfr_clears(r, toward, away, least, (mpfr_ptr)NULL);
    return out;
}

MpfrResult mpfr_integer(const MpfrCase *t)
{
    static int (*const round_to[])(mpfr_ptr, mpfr_srcptr) = { mpfr_roundeven, mpfr_ceil, mpfr_floor,
                                                              mpfr_trunc, mpfr_round };
    mpfr_t a, r;
    MpfrResult out = { 0 };

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
            out = (MpfrResult){ max, FP_INVALID };
        } else {
            mpfr_set_si(bound, is_signed ? -1 : 0, MPFR_RNDN);
            mpfr_mul_2ui(bound, bound, t->bits - 1, MPFR_RNDN);
            if (mpfr_cmp(r, bound) < 0) {
                out = (MpfrResult){ is_signed ? ~max : 0, FP_INVALID };
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
