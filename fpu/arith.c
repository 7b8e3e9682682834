/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add, subtract, multiply, divide, square root, fused multiply-add.
 * Spec: IEEE 754-2008 ch. 5.4.1; Arm ARM DDI 0487, FPAdd, FPMul, FPDiv, FPSqrt, FPMulAdd.
 */
#include "fpu/fpu-priv.h"

/* Neither operand need be a number; at least one is not normal. */
FP_INLINE uint64_t arith_add_special(const FpFormat *f, uint64_t a, uint64_t b, FpParts x,
                                     FpParts y, FpEnv *env)
{
    if (x.cls >= FP_CLASS_QNAN || y.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, (uint64_t[]){ a, b }, 2, env);
    }
    if (x.cls == FP_CLASS_INF) {
        bool opposed = y.cls == FP_CLASS_INF && x.sign != y.sign;
        return opposed ? fp_invalid(f, env) : fp_inf(f, x.sign);
    }
    if (y.cls == FP_CLASS_INF) {
        return fp_inf(f, y.sign);
    }
    if (x.cls == FP_CLASS_ZERO && y.cls == FP_CLASS_ZERO) {
        return fp_zero(f, x.sign == y.sign ? x.sign : env->round == FP_RDN);
    }
    return fp_pack_parts(f, x.cls == FP_CLASS_ZERO ? y : x, env->round, env);
}

FP_INLINE uint64_t arith_add(const FpFormat *f, uint64_t a, uint64_t b, bool subtract, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);

    y.sign ^= subtract;
    if (FP_UNLIKELY(x.cls != FP_CLASS_NORMAL || y.cls != FP_CLASS_NORMAL)) {
        return arith_add_special(f, a, b, x, y, env);
    }
    return fp_pack_parts(f, fp_parts_add(x, y, env->round), env->round, env);
}

FP_INLINE uint64_t arith_mul(const FpFormat *f, uint64_t a, uint64_t b, bool extended, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);
    bool sign = x.sign ^ y.sign;

    if (FP_LIKELY(x.cls == FP_CLASS_NORMAL && y.cls == FP_CLASS_NORMAL)) {
        FpParts r = fp_parts_mul(f, x, y);
        return fp_pack(f, r.sign, r.exp, r.sig, env->round, env);
    }
    if (x.cls >= FP_CLASS_QNAN || y.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, (uint64_t[]){ a, b }, 2, env);
    }
    if (x.cls != FP_CLASS_INF && y.cls != FP_CLASS_INF) {
        return fp_zero(f, sign);
    }
    if (x.cls != FP_CLASS_ZERO && y.cls != FP_CLASS_ZERO) {
        return fp_inf(f, sign);
    }
    return extended ? fp_zero(f, sign) | ((uint64_t)(f->bias + 1) << f->frac) : fp_invalid(f, env);
}

/* (high:low) / d for high < d and bit 63 of d set: two digits of 32 bits (Knuth, 4.3.1 D). */
static uint64_t arith_div_wide(uint64_t high, uint64_t low, uint64_t d, uint64_t *rest)
{
    uint64_t d1 = d >> 32, d0 = (uint32_t)d, q = 0;

    for (int i = 0; i < 2; i++) {
        uint64_t digit = high / d1, r = high % d1;
        uint64_t next = i == 0 ? low >> 32 : (uint32_t)low;

        while (digit >> 32 || digit * d0 > (r << 32 | next)) {
            digit--;
            r += d1;
            if (r >> 32) {
                break;
            }
        }
        high = (high << 32 | next) - digit * d;
        q = q << 32 | digit;
    }
    *rest = high;
    return q;
}

FP_INLINE FpParts arith_div_parts(const FpFormat *f, FpParts x, FpParts y)
{
    FpParts r = { .cls = FP_CLASS_NORMAL, .sign = x.sign ^ y.sign, .exp = x.exp - y.exp };
    uint64_t rest;

    if (f->width < 64) {
        /* The quotient has 32 or 33 bits; 26 are enough. */
        uint64_t d = y.sig >> 32, q = x.sig / d;
        rest = x.sig % d;
        unsigned lead = __builtin_clzll(q);
        r.sig = (q | (rest != 0)) << lead;
        r.exp += 31 - (int)lead;
        return r;
    }
    if (x.sig >= y.sig) {
        r.sig = arith_div_wide(x.sig >> 1, x.sig << 63, y.sig, &rest);
    } else {
        r.sig = arith_div_wide(x.sig, 0, y.sig, &rest);
        r.exp--;
    }
    r.sig |= rest != 0;
    return r;
}

FP_INLINE uint64_t arith_div(const FpFormat *f, uint64_t a, uint64_t b, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);
    bool sign = x.sign ^ y.sign;

    if (FP_LIKELY(x.cls == FP_CLASS_NORMAL && y.cls == FP_CLASS_NORMAL)) {
        FpParts r = arith_div_parts(f, x, y);
        return fp_pack(f, r.sign, r.exp, r.sig, env->round, env);
    }
    if (x.cls >= FP_CLASS_QNAN || y.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, (uint64_t[]){ a, b }, 2, env);
    }
    if (x.cls == y.cls) { /* 0 / 0, inf / inf */
        return fp_invalid(f, env);
    }
    if (x.cls == FP_CLASS_INF) {
        return fp_inf(f, sign);
    }
    if (y.cls == FP_CLASS_ZERO) {
        env->flags |= FP_DIVZERO;
        return fp_inf(f, sign);
    }
    return fp_zero(f, sign);
}

/* The square root of a 32-bit number of at least 2^30, bit by bit; *rest is n - root^2. */
static uint32_t arith_sqrt32(uint32_t n, uint32_t *rest)
{
    uint32_t root = 0;

    for (uint32_t bit = 1u << 15; bit; bit >>= 1) {
        uint32_t trial = (2 * root + bit) * bit;
        if (trial <= n) {
            n -= trial;
            root += bit;
        }
    }
    *rest = n;
    return root;
}

/* Zimmermann's step: from the root of the upper half of the digits to that of the whole. */
static uint32_t arith_sqrt64(uint64_t n, uint64_t *rest)
{
    uint32_t r;
    uint64_t s = arith_sqrt32(n >> 32, &r);
    uint64_t part = ((uint64_t)r << 16) | ((n >> 16) & 0xffff);
    uint64_t q = part / (2 * s), u = part % (2 * s);
    int64_t left = (int64_t)((u << 16) | (n & 0xffff)) - (int64_t)(q * q);

    s = (s << 16) + q;
    if (left < 0) {
        left += 2 * s - 1;
        s--;
    }
    *rest = left;
    return s;
}

/* The same once more; the divisor 2 * s is halved, so that everything fits 64 bits. */
static uint64_t arith_sqrt128(uint64_t high, uint64_t low, bool *inexact)
{
    uint64_t r, s = arith_sqrt64(high, &r);
    uint64_t part = (r << 31) | (low >> 33);
    uint64_t q = part / s, u = (part % s) << 1 | ((low >> 32) & 1);
    __int128 left = (((__int128)u << 32) | (uint32_t)low) - (__int128)q * q;

    s = (s << 32) + q;
    *inexact = left != 0;
    return left < 0 ? s - 1 : s;
}

FP_INLINE uint64_t arith_sqrt(const FpFormat *f, uint64_t a, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env);
    bool odd = x.exp & 1, inexact;

    if (x.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, &a, 1, env);
    }
    if (x.cls == FP_CLASS_ZERO) {
        return fp_zero(f, x.sign);
    }
    if (x.sign) {
        return fp_invalid(f, env);
    }
    if (x.cls == FP_CLASS_INF) {
        return fp_inf(f, false);
    }
    if (f->width < 64) {
        uint64_t rest;
        x.sig = (uint64_t)arith_sqrt64(odd ? x.sig : x.sig >> 1, &rest) << 32;
        inexact = rest != 0;
    } else {
        x.sig = odd ? arith_sqrt128(x.sig, 0, &inexact)
                    : arith_sqrt128(x.sig >> 1, x.sig << 63, &inexact);
    }
    return fp_pack(f, false, (x.exp - odd) / 2, x.sig | inexact, env->round, env);
}

FP_INLINE uint64_t arith_fma_nan(const FpFormat *f, uint64_t a, uint64_t b, uint64_t c,
                                 bool inf_times_zero, FpEnv *env)
{
    if (env->nan_rule == FP_NAN_X86) {
        return fp_nan_pick(f, (uint64_t[]){ a, b, c }, 3, env);
    }
    if (inf_times_zero && !fp_is_snan(f, c, env)) {
        env->flags |= FP_INVALID;
        if (env->nan_rule != FP_NAN_MIPS_2008) {
            return fp_default_nan(f, env);
        }
    }
    return fp_nan_pick(f, (uint64_t[]){ c, a, b }, 3, env);
}

FP_INLINE uint64_t arith_fma_special(const FpFormat *f, uint64_t a, uint64_t b, uint64_t c,
                                     const FpParts v[3], FpEnv *env)
{
    FpParts x = v[0], y = v[1], z = v[2];
    bool product_inf = x.cls == FP_CLASS_INF || y.cls == FP_CLASS_INF;
    bool product_zero = x.cls == FP_CLASS_ZERO || y.cls == FP_CLASS_ZERO;
    bool sign = x.sign ^ y.sign;

    if (x.cls >= FP_CLASS_QNAN || y.cls >= FP_CLASS_QNAN || z.cls >= FP_CLASS_QNAN) {
        bool numbers = x.cls < FP_CLASS_QNAN && y.cls < FP_CLASS_QNAN;
        return arith_fma_nan(f, a, b, c, numbers && product_inf && product_zero, env);
    }
    if (product_inf && (product_zero || (z.cls == FP_CLASS_INF && z.sign != sign))) {
        return fp_invalid(f, env);
    }
    if (product_inf || z.cls == FP_CLASS_INF) {
        return fp_inf(f, product_inf ? sign : z.sign);
    }
    if (z.cls == FP_CLASS_ZERO) {
        return fp_zero(f, sign == z.sign ? sign : env->round == FP_RDN);
    }
    return fp_pack(f, z.sign, z.exp, z.sig, env->round, env);
}

FP_INLINE uint64_t arith_fma(const FpFormat *f, uint64_t a, uint64_t b, uint64_t c, FpEnv *env)
{
    FpParts v[3] = { fp_unpack(f, a, env), fp_unpack(f, b, env), fp_unpack(f, c, env) };

    if (FP_UNLIKELY(v[0].cls != FP_CLASS_NORMAL || v[1].cls != FP_CLASS_NORMAL ||
                    v[2].cls > FP_CLASS_NORMAL)) {
        return arith_fma_special(f, a, b, c, v, env);
    }
    return fp_pack_parts(f, fp_parts_muladd(f, v[0], v[1], v[2], env->round), env->round, env);
}

/* Arm FRECPS (a constant of 2) and FRSQRTS (3, and halved): constant - a * b. */
FP_INLINE uint64_t arith_step(const FpFormat *f, uint64_t a, uint64_t b, bool rsqrt, FpEnv *env)
{
    a ^= fp_sign_bit(f);
    FpParts x = fp_unpack(f, a, env), y = fp_unpack(f, b, env);
    FpParts k = { .cls = FP_CLASS_NORMAL, .exp = 1, .sig = rsqrt ? 3ull << 62 : 1ull << 63 };

    if (x.cls >= FP_CLASS_QNAN || y.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, (uint64_t[]){ a, b }, 2, env);
    }
    if (x.cls == FP_CLASS_ZERO || y.cls == FP_CLASS_ZERO) {
        /* 2 or 1.5, for 0 * inf too. */
        return rsqrt ? ((uint64_t)f->bias << f->frac) | 1ull << (f->frac - 1)
                     : (uint64_t)(f->bias + 1) << f->frac;
    }
    if (x.cls == FP_CLASS_INF || y.cls == FP_CLASS_INF) {
        return fp_inf(f, x.sign ^ y.sign);
    }
    FpParts r = fp_parts_muladd(f, x, y, k, env->round);
    r.exp -= rsqrt;
    return fp_pack_parts(f, r, env->round, env);
}

uint16_t fp16_add(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_add(&fp_half, a, b, false, env);
}

uint16_t fp16_sub(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_add(&fp_half, a, b, true, env);
}

uint16_t fp16_mul(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_mul(&fp_half, a, b, false, env);
}

uint16_t fp16_mulx(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_mul(&fp_half, a, b, true, env);
}

uint16_t fp16_div(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_div(&fp_half, a, b, env);
}

uint16_t fp16_sqrt(uint16_t a, FpEnv *env)
{
    return arith_sqrt(&fp_half, a, env);
}

uint16_t fp16_fma(uint16_t a, uint16_t b, uint16_t c, FpEnv *env)
{
    return arith_fma(&fp_half, a, b, c, env);
}

uint16_t fp16_recip_step(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_step(&fp_half, a, b, false, env);
}

uint16_t fp16_rsqrt_step(uint16_t a, uint16_t b, FpEnv *env)
{
    return arith_step(&fp_half, a, b, true, env);
}

uint32_t fp32_add(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_add(&fp_single, a, b, false, env);
}

uint32_t fp32_sub(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_add(&fp_single, a, b, true, env);
}

uint32_t fp32_mul(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_mul(&fp_single, a, b, false, env);
}

uint32_t fp32_mulx(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_mul(&fp_single, a, b, true, env);
}

uint32_t fp32_div(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_div(&fp_single, a, b, env);
}

uint32_t fp32_sqrt(uint32_t a, FpEnv *env)
{
    return arith_sqrt(&fp_single, a, env);
}

uint32_t fp32_fma(uint32_t a, uint32_t b, uint32_t c, FpEnv *env)
{
    return arith_fma(&fp_single, a, b, c, env);
}

uint32_t fp32_recip_step(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_step(&fp_single, a, b, false, env);
}

uint32_t fp32_rsqrt_step(uint32_t a, uint32_t b, FpEnv *env)
{
    return arith_step(&fp_single, a, b, true, env);
}

uint64_t fp64_add(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_add(&fp_double, a, b, false, env);
}

uint64_t fp64_sub(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_add(&fp_double, a, b, true, env);
}

uint64_t fp64_mul(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_mul(&fp_double, a, b, false, env);
}

uint64_t fp64_mulx(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_mul(&fp_double, a, b, true, env);
}

uint64_t fp64_div(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_div(&fp_double, a, b, env);
}

uint64_t fp64_sqrt(uint64_t a, FpEnv *env)
{
    return arith_sqrt(&fp_double, a, env);
}

uint64_t fp64_fma(uint64_t a, uint64_t b, uint64_t c, FpEnv *env)
{
    return arith_fma(&fp_double, a, b, c, env);
}

uint64_t fp64_recip_step(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_step(&fp_double, a, b, false, env);
}

uint64_t fp64_rsqrt_step(uint64_t a, uint64_t b, FpEnv *env)
{
    return arith_step(&fp_double, a, b, true, env);
}
