/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons, minima and maxima.
 * Spec: IEEE 754-2008 ch. 5.3.1, 5.11; IEEE 754-2019 ch. 9.6; Arm ARM DDI 0487, FPMax, FPMaxNum,
 * FPCompare; Intel SDM, MINSS.
 */
#include "fpu/fpu-priv.h"

/* Neither is a NaN. */
FP_INLINE FpCompare compare_order(const FpFormat *f, uint64_t a, uint64_t b)
{
    bool a_negative = fp_sign_of(f, a);

    if (a == b || !((a | b) & (fp_sign_bit(f) - 1))) {
        return FP_EQUAL;
    }
    if (a_negative != fp_sign_of(f, b)) {
        return a_negative ? FP_LESS : FP_GREATER;
    }
    return (a < b) != a_negative ? FP_LESS : FP_GREATER;
}

FP_INLINE FpCompare compare_values(const FpFormat *f, uint64_t a, uint64_t b, bool signaling,
                                   FpEnv *env)
{
    a = fp_squash(f, a, env);
    b = fp_squash(f, b, env);
    if (FP_UNLIKELY(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        if (signaling || fp_is_snan(f, a, env) || fp_is_snan(f, b, env)) {
            env->flags |= FP_INVALID;
        }
        return FP_UNORDERED;
    }
    return compare_order(f, a, b);
}

/* One operand or both are NaNs; @number: a number wins over a quiet NaN. */
FP_INLINE uint64_t compare_pick_nan(const FpFormat *f, uint64_t a, uint64_t b, bool number,
                                    FpEnv *env)
{
    bool a_nan = fp_is_nan(f, a), b_nan = fp_is_nan(f, b);
    bool signaling = fp_is_snan(f, a, env) || fp_is_snan(f, b, env);

    if (number && a_nan != b_nan && (!signaling || env->nan_rule == FP_NAN_RISCV)) {
        env->flags |= signaling ? FP_INVALID : 0;
        return a_nan ? b : a;
    }
    if (env->nan_rule == FP_NAN_X86 && !number) {
        env->flags |= FP_INVALID;
        return b;
    }
    return fp_nan_pick(f, (uint64_t[]){ a, b }, 2, env);
}

FP_INLINE uint64_t compare_pick(const FpFormat *f, uint64_t a, uint64_t b, bool max, bool number,
                                FpEnv *env)
{
    a = fp_squash(f, a, env);
    b = fp_squash(f, b, env);
    if (FP_UNLIKELY(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        return compare_pick_nan(f, a, b, number, env);
    }
    FpCompare order = compare_order(f, a, b);
    if (order != FP_EQUAL) {
        return (order == FP_GREATER) == max ? a : b;
    }
    if (env->nan_rule == FP_NAN_X86 && !number) {
        return b;
    }
    return max ? a & b : a | b; /* the same, or two zeros */
}

uint16_t fp16_min(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_pick(&fp_half, a, b, false, false, env);
}

uint16_t fp16_max(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_pick(&fp_half, a, b, true, false, env);
}

uint16_t fp16_minnum(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_pick(&fp_half, a, b, false, true, env);
}

uint16_t fp16_maxnum(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_pick(&fp_half, a, b, true, true, env);
}

FpCompare fp16_compare(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_values(&fp_half, a, b, false, env);
}

FpCompare fp16_compare_signaling(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_values(&fp_half, a, b, true, env);
}

bool fp16_eq(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_values(&fp_half, a, b, false, env) == FP_EQUAL;
}

bool fp16_ge(uint16_t a, uint16_t b, FpEnv *env)
{
    FpCompare order = compare_values(&fp_half, a, b, true, env);

    return order == FP_GREATER || order == FP_EQUAL;
}

bool fp16_gt(uint16_t a, uint16_t b, FpEnv *env)
{
    return compare_values(&fp_half, a, b, true, env) == FP_GREATER;
}

uint32_t fp32_min(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_pick(&fp_single, a, b, false, false, env);
}

uint32_t fp32_max(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_pick(&fp_single, a, b, true, false, env);
}

uint32_t fp32_minnum(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_pick(&fp_single, a, b, false, true, env);
}

uint32_t fp32_maxnum(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_pick(&fp_single, a, b, true, true, env);
}

FpCompare fp32_compare(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_values(&fp_single, a, b, false, env);
}

FpCompare fp32_compare_signaling(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_values(&fp_single, a, b, true, env);
}

bool fp32_eq(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_values(&fp_single, a, b, false, env) == FP_EQUAL;
}

bool fp32_ge(uint32_t a, uint32_t b, FpEnv *env)
{
    FpCompare order = compare_values(&fp_single, a, b, true, env);

    return order == FP_GREATER || order == FP_EQUAL;
}

bool fp32_gt(uint32_t a, uint32_t b, FpEnv *env)
{
    return compare_values(&fp_single, a, b, true, env) == FP_GREATER;
}

uint64_t fp64_min(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_pick(&fp_double, a, b, false, false, env);
}

uint64_t fp64_max(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_pick(&fp_double, a, b, true, false, env);
}

uint64_t fp64_minnum(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_pick(&fp_double, a, b, false, true, env);
}

uint64_t fp64_maxnum(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_pick(&fp_double, a, b, true, true, env);
}

FpCompare fp64_compare(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_values(&fp_double, a, b, false, env);
}

FpCompare fp64_compare_signaling(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_values(&fp_double, a, b, true, env);
}

bool fp64_eq(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_values(&fp_double, a, b, false, env) == FP_EQUAL;
}

bool fp64_ge(uint64_t a, uint64_t b, FpEnv *env)
{
    FpCompare order = compare_values(&fp_double, a, b, true, env);

    return order == FP_GREATER || order == FP_EQUAL;
}

bool fp64_gt(uint64_t a, uint64_t b, FpEnv *env)
{
    return compare_values(&fp_double, a, b, true, env) == FP_GREATER;
}
