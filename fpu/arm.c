/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only Arm has: reciprocal estimates, and the products of narrow formats.
 * Spec: Arm ARM DDI 0487, FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate,
 * UnsignedRSqrtEstimate, FPMulAddH, BFMulAdd, BFMul, BFAdd, BFRound.
 */
#include "fpu/fpu-priv.h"

/* Nine bits to nine bits: 1/a for a in units of 1/512, from a half to one. */
static unsigned arm_recip_estimate(unsigned a)
{
    unsigned b = (1u << 19) / (2 * a + 1);

    return (b + 1) / 2;
}

/* 1/sqrt(a) for a in units of 1/512, from a quarter to one. */
static unsigned arm_rsqrt_estimate(unsigned a)
{
    unsigned b = 512;

    a = a < 256 ? 2 * a + 1 : ((a & ~1u) + 1) * 2;
    while (a * (b + 1) * (b + 1) < 1u << 28) {
        b++;
    }
    return (b + 1) / 2;
}

/* The reciprocal of a number too small for one. */
static uint64_t arm_recip_overflow(const FpFormat *f, bool sign, FpEnv *env)
{
    bool to_inf = env->round == FP_RNE || env->round == (sign ? FP_RDN : FP_RUP);

    env->flags |= FP_OVERFLOW | FP_INEXACT;
    return to_inf ? fp_inf(f, sign) : fp_max_normal(f, sign);
}

FP_INLINE uint64_t arm_recip(const FpFormat *f, uint64_t a, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env);

    if (x.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, &a, 1, env);
    }
    if (x.cls == FP_CLASS_INF) {
        return fp_zero(f, x.sign);
    }
    if (x.cls == FP_CLASS_ZERO) {
        env->flags |= FP_DIVZERO;
        return fp_inf(f, x.sign);
    }
    if (x.exp < -f->bias - 1) {
        return arm_recip_overflow(f, x.sign, env);
    }
    if (x.exp >= f->bias - 1 && fp_flushes_outputs(f, env)) {
        env->flags |= FP_UNDERFLOW;
        return fp_zero(f, x.sign);
    }
    uint64_t frac = (uint64_t)(arm_recip_estimate(x.sig >> 55) & 0xff) << (f->frac - 8);
    int exp = f->bias - 1 - x.exp; /* biased; -1 at the least */
    if (exp <= 0) {
        frac = (frac | 1ull << f->frac) >> (1 - exp);
        exp = 0;
    }
    return fp_zero(f, x.sign) | (uint64_t)exp << f->frac | frac;
}

FP_INLINE uint64_t arm_rsqrt(const FpFormat *f, uint64_t a, FpEnv *env)
{
    FpParts x = fp_unpack(f, a, env);

    if (x.cls >= FP_CLASS_QNAN) {
        return fp_nan_pick(f, &a, 1, env);
    }
    if (x.cls == FP_CLASS_ZERO) {
        env->flags |= FP_DIVZERO;
        return fp_inf(f, x.sign);
    }
    if (x.sign) {
        return fp_invalid(f, env);
    }
    if (x.cls == FP_CLASS_INF) {
        return 0;
    }
    /* An odd biased exponent, as the bias is odd, means an even one. */
    bool even = !(x.exp & 1);
    uint64_t estimate = arm_rsqrt_estimate(x.sig >> (even ? 56 : 55));
    uint64_t exp = (3 * f->bias - 1 - (x.exp + f->bias)) / 2;
    return exp << f->frac | (estimate & 0xff) << (f->frac - 8);
}

FP_INLINE uint64_t arm_recpx(const FpFormat *f, uint64_t a, FpEnv *env)
{
    uint64_t exp_mask = fp_inf(f, false);

    if (fp_is_nan(f, a)) {
        return fp_nan_pick(f, &a, 1, env);
    }
    a = fp_squash(f, a, env);
    if (!(a & exp_mask)) {
        return (a & fp_sign_bit(f)) | (uint64_t)(f->exp_max - 1) << f->frac;
    }
    return (a & fp_sign_bit(f)) | (~a & exp_mask);
}

uint32_t fp_urecpe(uint32_t a)
{
    return a >> 31 ? arm_recip_estimate(a >> 23) << 23 : UINT32_MAX;
}

uint32_t fp_ursqrte(uint32_t a)
{
    return a >> 30 ? arm_rsqrt_estimate(a >> 23) << 23 : UINT32_MAX;
}

/* Exact, raising nothing; a signalling NaN stays one. */
static uint32_t arm_widen_half(uint16_t a, const FpEnv *env)
{
    FpEnv local = *env;
    FpParts x = fp_unpack(&fp_half, a, &local);

    switch (x.cls) {
    case FP_CLASS_ZERO:
        return fp_zero(&fp_single, x.sign);
    case FP_CLASS_NORMAL:
        return fp_zero(&fp_single, x.sign) | ((uint32_t)(x.exp + 127) << 23) |
               ((x.sig >> 40) & fp_frac_mask(&fp_single));
    default:
        return fp_inf(&fp_single, x.sign) | (uint32_t)(a & fp_frac_mask(&fp_half)) << 13;
    }
}

uint32_t fp32_fma_fp16(uint16_t a, uint16_t b, uint32_t c, FpEnv *env)
{
    return fp32_fma(arm_widen_half(a, env), arm_widen_half(b, env), c, env);
}

uint32_t fp32_fma_bf16(uint16_t a, uint16_t b, uint32_t c, FpEnv *env)
{
    return fp32_fma((uint32_t)a << 16, (uint32_t)b << 16, c, env);
}

uint32_t fp_bfdot(uint32_t acc, uint32_t a, uint32_t b)
{
    FpEnv env = {
        .round = FP_ODD_INF,
        .default_nan = true,
        .flush_inputs = true,
        .flush_outputs = true,
    };
    uint32_t low = fp32_mul(a << 16, b << 16, &env);
    uint32_t high = fp32_mul(a & 0xffff0000, b & 0xffff0000, &env);

    return fp32_add(acc, fp32_add(low, high, &env), &env);
}

void fp_bfmmla(uint32_t acc[4], const uint32_t a[4], const uint32_t b[4])
{
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 2; j++) {
            uint32_t sum = fp_bfdot(acc[2 * i + j], a[2 * i], b[2 * j]);
            acc[2 * i + j] = fp_bfdot(sum, a[2 * i + 1], b[2 * j + 1]);
        }
    }
}

uint16_t fp16_recip_estimate(uint16_t a, FpEnv *env)
{
    return arm_recip(&fp_half, a, env);
}

uint16_t fp16_rsqrt_estimate(uint16_t a, FpEnv *env)
{
    return arm_rsqrt(&fp_half, a, env);
}

uint16_t fp16_recpx(uint16_t a, FpEnv *env)
{
    return arm_recpx(&fp_half, a, env);
}

uint32_t fp32_recip_estimate(uint32_t a, FpEnv *env)
{
    return arm_recip(&fp_single, a, env);
}

uint32_t fp32_rsqrt_estimate(uint32_t a, FpEnv *env)
{
    return arm_rsqrt(&fp_single, a, env);
}

uint32_t fp32_recpx(uint32_t a, FpEnv *env)
{
    return arm_recpx(&fp_single, a, env);
}

uint64_t fp64_recip_estimate(uint64_t a, FpEnv *env)
{
    return arm_recip(&fp_double, a, env);
}

uint64_t fp64_rsqrt_estimate(uint64_t a, FpEnv *env)
{
    return arm_rsqrt(&fp_double, a, env);
}

uint64_t fp64_recpx(uint64_t a, FpEnv *env)
{
    return arm_recpx(&fp_double, a, env);
}
