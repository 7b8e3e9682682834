/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding and packing, and the making and choosing of NaNs.
 * Spec: Arm ARM DDI 0487, FPRoundBase, FPProcessNaNs; IEEE 754-2008 ch. 4, 6, 7.
 */
#include "fpu/fpu-priv.h"

#include <stddef.h>

static const FpFormat pack_bf16 = { 16, 7, FP_FLUSH_FZ, false, 255, 127 };

static uint64_t pack_overflow(const FpFormat *f, bool sign, unsigned round, FpEnv *env)
{
    if (f->may_be_alt && env->alt_half) {
        env->flags |= FP_INVALID;
        return fp_zero(f, sign) | (fp_sign_bit(f) - 1);
    }
    env->flags |= FP_OVERFLOW | FP_INEXACT;
    switch (round) {
    case FP_RTZ:
    case FP_ODD:
        return fp_max_normal(f, sign);
    case FP_RUP:
        return sign ? fp_max_normal(f, sign) : fp_inf(f, sign);
    case FP_RDN:
        return sign ? fp_inf(f, sign) : fp_max_normal(f, sign);
    default:
        return fp_inf(f, sign);
    }
}

/* @biased, the exponent, is 0 or less. */
static uint64_t pack_tiny(const FpFormat *f, bool sign, int biased, uint64_t sig, unsigned round,
                          FpEnv *env)
{
    uint64_t unit = 1ull << (63 - f->frac), mask = unit - 1;
    /* Rounded as if the exponent had no end, it is tiny unless it carries into the least normal. */
    bool carries = biased == 0 && sig + fp_round_add(round, sign, sig & unit, mask) < sig;
    bool tiny = !env->tiny_after_rounding || !carries;

    if (tiny && fp_flushes_outputs(f, env)) {
        env->flags |= FP_UNDERFLOW | (env->flush_inexact ? FP_INEXACT : 0);
        return fp_zero(f, sign);
    }
    sig = fp_shift_jam(sig, 1 - biased);
    if (sig & mask) {
        env->flags |= FP_INEXACT | (tiny ? FP_UNDERFLOW : 0);
        sig += fp_round_add(round, sign, sig & unit, mask);
    }
    return fp_zero(f, sign) | (sig >> (63 - f->frac));
}

FP_INLINE uint64_t pack_round(const FpFormat *f, bool sign, int exp, uint64_t sig, unsigned round,
                              FpEnv *env)
{
    const uint64_t unit = 1ull << (63 - f->frac), mask = unit - 1;
    int biased = exp + f->bias;

    if (FP_UNLIKELY(biased <= 0)) {
        return pack_tiny(f, sign, biased, sig, round, env);
    }
    uint64_t out = sig + fp_round_add(round, sign, sig & unit, mask);
    if (out < sig) {
        out = 1ull << 63;
        biased++;
    }
    if (FP_UNLIKELY(biased >= f->exp_max + (f->may_be_alt && env->alt_half))) {
        return pack_overflow(f, sign, round, env);
    }
    env->flags |= sig & mask ? FP_INEXACT : 0;
    return fp_zero(f, sign) + ((uint64_t)(biased - 1) << f->frac) + (out >> (63 - f->frac));
}

uint16_t fp_pack16(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env)
{
    return pack_round(&fp_half, sign, exp, sig, round, env);
}

uint16_t fp_pack16_cvt(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env)
{
    return pack_round(&fp_half_cvt, sign, exp, sig, round, env);
}

uint16_t fp_pack_bf16(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env)
{
    return pack_round(&pack_bf16, sign, exp, sig, round, env);
}

uint32_t fp_pack32(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env)
{
    return pack_round(&fp_single, sign, exp, sig, round, env);
}

uint64_t fp_pack64(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env)
{
    return pack_round(&fp_double, sign, exp, sig, round, env);
}

bool fp_is_snan(const FpFormat *f, uint64_t a, const FpEnv *env)
{
    bool top = (a >> (f->frac - 1)) & 1;

    return fp_is_nan(f, a) && top == (env->nan_rule == FP_NAN_MIPS_LEGACY);
}

uint64_t fp_default_nan(const FpFormat *f, const FpEnv *env)
{
    uint64_t top = 1ull << (f->frac - 1);

    switch (env->nan_rule) {
    case FP_NAN_X86:
        return fp_inf(f, true) | top;
    case FP_NAN_MIPS_LEGACY:
        return fp_inf(f, false) | (top - 1);
    default:
        return fp_inf(f, false) | top;
    }
}

uint64_t fp_invalid(const FpFormat *f, FpEnv *env)
{
    env->flags |= FP_INVALID;
    return fp_default_nan(f, env);
}

uint64_t fp_nan_pick(const FpFormat *f, const uint64_t *v, unsigned n, FpEnv *env)
{
    const uint64_t *first_snan = NULL, *first_nan = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (!first_snan && fp_is_snan(f, v[i], env)) {
            first_snan = &v[i];
        }
        if (!first_nan && fp_is_nan(f, v[i])) {
            first_nan = &v[i];
        }
    }
    if (first_snan) {
        env->flags |= FP_INVALID;
    }
    if (env->default_nan || env->nan_rule == FP_NAN_RISCV ||
        (env->nan_rule == FP_NAN_MIPS_LEGACY && first_snan)) {
        return fp_default_nan(f, env);
    }
    if (env->nan_rule == FP_NAN_MIPS_LEGACY) {
        return *first_nan;
    }
    if (first_snan && env->nan_rule != FP_NAN_X86) {
        first_nan = first_snan;
    }
    return *first_nan | (1ull << (f->frac - 1));
}
