/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions: between formats, to and from integers and fixed point, to integral values.
 * Spec: IEEE 754-2008 ch. 5.4, 5.8, 5.9; Arm ARM DDI 0487, FPConvert, FPToFixed, FixedToFP,
 * FPRoundInt, FPRoundIntN, FPToFixedJS, FPConvertBF.
 */
#include "fpu/fpu-priv.h"

FP_INLINE uint64_t convert_nan(const FpFormat *from, const FpFormat *to, uint64_t a, FpEnv *env)
{
    bool signaling = fp_is_snan(from, a, env);
    uint64_t sign = fp_zero(to, fp_sign_of(from, a)), frac = a & fp_frac_mask(from);

    if (to->may_be_alt && env->alt_half) {
        env->flags |= FP_INVALID;
        return sign;
    }
    env->flags |= signaling ? FP_INVALID : 0;
    frac =
        to->frac > from->frac ? frac << (to->frac - from->frac) : frac >> (from->frac - to->frac);
    if (env->nan_rule != FP_NAN_MIPS_LEGACY) {
        frac |= 1ull << (to->frac - 1);
    }
    if (env->default_nan || env->nan_rule == FP_NAN_RISCV || !frac ||
        (env->nan_rule == FP_NAN_MIPS_LEGACY && signaling)) {
        return fp_default_nan(to, env);
    }
    return sign | fp_inf(to, false) | frac;
}

FP_INLINE uint64_t convert_format(const FpFormat *from, const FpFormat *to, uint64_t a,
                                  unsigned round, FpEnv *env)
{
    FpParts x = fp_unpack(from, a, env);

    if (FP_LIKELY(x.cls <= FP_CLASS_NORMAL)) {
        return fp_pack_parts(to, x, round, env);
    }
    if (x.cls >= FP_CLASS_QNAN) {
        return convert_nan(from, to, a, env);
    }
    if (to->may_be_alt && env->alt_half) {
        env->flags |= FP_INVALID;
        return fp_zero(to, x.sign) | (fp_sign_bit(to) - 1);
    }
    return fp_inf(to, x.sign);
}

/*
 * |x| * 2^scale, rounded to an integer. @inexact says whether it lost anything; @large that it is
 * 2^64 or more.
 */
FP_INLINE uint64_t convert_to_magnitude(FpParts x, unsigned scale, unsigned round, bool *inexact,
                                        bool *large)
{
    int exp = x.exp + (int)scale;

    *inexact = false;
    *large = exp >= 64;
    if (exp >= 62) {
        return *large ? 0 : x.sig >> (63 - exp); /* the low bits of sig are clear */
    }
    /* Two bits of fraction: the half and all that is less. */
    uint64_t v = fp_shift_jam(x.sig, 61 - exp);
    *inexact = v & 3;
    return (v + fp_round_add(round, x.sign, v & 4, 3)) >> 2;
}

/* What an invalid conversion gives. */
static uint64_t convert_int_invalid(FpParts x, unsigned bits, bool is_signed, FpEnv *env)
{
    bool nan = x.cls >= FP_CLASS_QNAN;
    uint64_t max = ~0ull >> (64 - bits + is_signed), min = is_signed ? ~max : 0;

    env->flags |= FP_INVALID;
    switch (env->nan_rule) {
    case FP_NAN_RISCV:
        return x.sign && !nan ? min : max;
    case FP_NAN_MIPS_LEGACY:
        return max;
    case FP_NAN_X86:
        return is_signed ? min : max;
    default:
        return nan ? 0 : x.sign ? min : max;
    }
}

FP_INLINE uint64_t convert_to_int(const FpFormat *f, uint64_t a, unsigned bits, unsigned frac,
                                  bool is_signed, unsigned round, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env);
    bool inexact, large;

    if (x.cls == FP_CLASS_ZERO) {
        return 0;
    }
    if (FP_UNLIKELY(x.cls != FP_CLASS_NORMAL)) {
        return convert_int_invalid(x, bits, is_signed, env);
    }
    uint64_t mag = convert_to_magnitude(x, frac, round, &inexact, &large);
    uint64_t limit = ~0ull >> (64 - bits + is_signed);
    if (x.sign) {
        limit = is_signed ? limit + 1 : 0;
    }
    if (large || mag > limit) {
        return convert_int_invalid(x, bits, is_signed, env);
    }
    env->flags |= inexact ? FP_INEXACT : 0;
    return x.sign ? -mag : mag;
}

FP_INLINE uint64_t convert_from_int(const FpFormat *f, uint64_t mag, bool sign, unsigned frac,
                                    unsigned round, FpEnv *env)
{
    if (mag == 0) {
        return 0;
    }
    unsigned lead = __builtin_clzll(mag);
    return fp_pack(f, sign, 63 - (int)lead - (int)frac, mag << lead, round, env);
}

/* @a, a finite number, rounded to an integral value. */
FP_INLINE uint64_t convert_round(const FpFormat *f, uint64_t a, unsigned round, bool *inexact)
{
    int exp = (int)fp_exp_of(f, a) - f->bias;
    uint64_t sign = a & fp_sign_bit(f), mag = a ^ sign;

    *inexact = false;
    if (exp >= f->frac || !mag) {
        return a;
    }
    if (exp < 0) {
        /* Two bits of fraction: more than, just, or less than a half. */
        uint64_t half = (uint64_t)(f->bias - 1) << f->frac;
        uint64_t v = mag > half ? 3 : mag == half ? 2 : 1;
        bool one = (v + fp_round_add(round, sign, false, 3)) >> 2;
        *inexact = true;
        return sign | (one ? (uint64_t)f->bias << f->frac : 0);
    }
    uint64_t unit = 1ull << (f->frac - exp), mask = unit - 1;
    bool odd = exp == 0 || (a & unit);
    *inexact = a & mask;
    return (a + fp_round_add(round, sign, odd, mask)) & ~mask;
}

FP_INLINE uint64_t convert_round_to_int(const FpFormat *f, uint64_t a, unsigned round, bool exact,
                                        FpEnv *env)
{
    bool inexact;

    if (FP_UNLIKELY(fp_is_nan(f, a))) {
        return fp_nan_pick(f, &a, 1, env);
    }
    uint64_t r = convert_round(f, fp_squash(f, a, env), round, &inexact);
    env->flags |= inexact && exact ? FP_INEXACT : 0;
    return r;
}

FP_INLINE uint64_t convert_round_to_int_sized(const FpFormat *f, uint64_t a, unsigned bits,
                                              unsigned round, FpEnv *env)
{
    uint64_t least = fp_sign_bit(f) | ((uint64_t)(f->bias + bits - 1) << f->frac);
    bool inexact;

    a = fp_squash(f, a, env);
    if (fp_exp_of(f, a) == f->exp_max) {
        env->flags |= FP_INVALID;
        return least;
    }
    uint64_t r = convert_round(f, a, round, &inexact);
    if (r != least && fp_exp_of(f, r) >= f->bias + bits - 1) {
        env->flags |= FP_INVALID;
        return least;
    }
    env->flags |= inexact ? FP_INEXACT : 0;
    return r;
}

uint32_t fp16_to_fp32(uint16_t a, FpEnv *env)
{
    return convert_format(&fp_half_cvt, &fp_single, a, env->round, env);
}

uint64_t fp16_to_fp64(uint16_t a, FpEnv *env)
{
    return convert_format(&fp_half_cvt, &fp_double, a, env->round, env);
}

uint16_t fp32_to_fp16(uint32_t a, FpEnv *env)
{
    return convert_format(&fp_single, &fp_half_cvt, a, env->round, env);
}

uint64_t fp32_to_fp64(uint32_t a, FpEnv *env)
{
    return convert_format(&fp_single, &fp_double, a, env->round, env);
}

uint16_t fp64_to_fp16(uint64_t a, FpEnv *env)
{
    return convert_format(&fp_double, &fp_half_cvt, a, env->round, env);
}

uint32_t fp64_to_fp32(uint64_t a, FpEnv *env)
{
    return convert_format(&fp_double, &fp_single, a, env->round, env);
}

uint32_t fp64_to_fp32_odd(uint64_t a, FpEnv *env)
{
    return convert_format(&fp_double, &fp_single, a, FP_ODD, env);
}

uint16_t fp32_to_bf16(uint32_t a, FpEnv *env)
{
    FpParts x = fp_unpack(&fp_single, a, env);

    if (x.cls == FP_CLASS_NORMAL) {
        return fp_pack_bf16(x.sign, x.exp, x.sig, env->round, env);
    }
    if (x.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(&fp_single, (uint64_t[]){ a }, 1, env) >> 16;
    }
    return (x.cls == FP_CLASS_INF ? fp_inf(&fp_single, x.sign) : fp_zero(&fp_single, x.sign)) >> 16;
}

uint32_t fp64_to_int32_js(uint64_t a, bool *exact, FpEnv *env)
{
    FpParts x = fp_unpack(&fp_double, a, env);
    bool inexact = false, large;
    uint64_t mag = 0;

    *exact = a == 0;
    if (x.cls == FP_CLASS_ZERO) {
        return 0;
    }
    if (x.cls != FP_CLASS_NORMAL) {
        env->flags |= FP_INVALID;
        return 0;
    }
    if (x.exp < 64) {
        mag = convert_to_magnitude(x, 0, FP_RTZ, &inexact, &large);
    } else if (x.exp < 64 + 32) {
        mag = x.sig << (x.exp - 63); /* all that matters is the low 32 bits */
    }
    if (x.exp >= 64 || mag > INT32_MAX + (uint64_t)x.sign) {
        env->flags |= FP_INVALID;
    } else if (inexact) {
        env->flags |= FP_INEXACT;
    } else {
        *exact = true;
    }
    return x.sign ? -mag : mag;
}

uint16_t fp16_round_to_int(uint16_t a, FpRound round, bool exact, FpEnv *env)
{
    return convert_round_to_int(&fp_half, a, round, exact, env);
}

int64_t fp16_to_sint(uint16_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_half, a, bits, frac, true, round, env);
}

uint64_t fp16_to_uint(uint16_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_half, a, bits, frac, false, round, env);
}

uint16_t fp16_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_half, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, frac, round, env);
}

uint16_t fp16_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_half, v, false, frac, round, env);
}

uint32_t fp32_round_to_int(uint32_t a, FpRound round, bool exact, FpEnv *env)
{
    return convert_round_to_int(&fp_single, a, round, exact, env);
}

uint32_t fp32_round_to_int_sized(uint32_t a, unsigned bits, FpRound round, FpEnv *env)
{
    return convert_round_to_int_sized(&fp_single, a, bits, round, env);
}

int64_t fp32_to_sint(uint32_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_single, a, bits, frac, true, round, env);
}

uint64_t fp32_to_uint(uint32_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_single, a, bits, frac, false, round, env);
}

uint32_t fp32_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_single, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, frac, round,
                            env);
}

uint32_t fp32_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_single, v, false, frac, round, env);
}

uint64_t fp64_round_to_int(uint64_t a, FpRound round, bool exact, FpEnv *env)
{
    return convert_round_to_int(&fp_double, a, round, exact, env);
}

uint64_t fp64_round_to_int_sized(uint64_t a, unsigned bits, FpRound round, FpEnv *env)
{
    return convert_round_to_int_sized(&fp_double, a, bits, round, env);
}

int64_t fp64_to_sint(uint64_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_double, a, bits, frac, true, round, env);
}

uint64_t fp64_to_uint(uint64_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_to_int(&fp_double, a, bits, frac, false, round, env);
}

uint64_t fp64_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_double, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, frac, round,
                            env);
}

uint64_t fp64_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env)
{
    return convert_from_int(&fp_double, v, false, frac, round, env);
}
