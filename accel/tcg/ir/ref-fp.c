/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: floating-point arithmetic of lanes (vops.def), by fpu/. */
#include "accel/tcg/ir/ref-priv.h"

/* Functions of one lane for each format (lane sizes 1, 2, 3). */
typedef struct RefFp1 {
    uint16_t (*f16)(uint16_t a, FpEnv *env);
    uint32_t (*f32)(uint32_t a, FpEnv *env);
    uint64_t (*f64)(uint64_t a, FpEnv *env);
} RefFp1;

typedef struct RefFp2 {
    uint16_t (*f16)(uint16_t a, uint16_t b, FpEnv *env);
    uint32_t (*f32)(uint32_t a, uint32_t b, FpEnv *env);
    uint64_t (*f64)(uint64_t a, uint64_t b, FpEnv *env);
} RefFp2;

static void ref_fp1(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st, RefFp1 f)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        switch (ir_desc_esize(desc)) {
        case 1:
            d->u16[i] = f.f16(arg[0].u16[i], &st->env);
            break;
        case 2:
            d->u32[i] = f.f32(arg[0].u32[i], &st->env);
            break;
        case 3:
            d->u64[i] = f.f64(arg[0].u64[i], &st->env);
            break;
        }
    }
}

static void ref_fp2(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st, RefFp2 f)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        switch (ir_desc_esize(desc)) {
        case 1:
            d->u16[i] = f.f16(arg[0].u16[i], arg[1].u16[i], &st->env);
            break;
        case 2:
            d->u32[i] = f.f32(arg[0].u32[i], arg[1].u32[i], &st->env);
            break;
        case 3:
            d->u64[i] = f.f64(arg[0].u64[i], arg[1].u64[i], &st->env);
            break;
        }
    }
}

/* The sign bit of every lane. */
static uint64_t ref_signs(unsigned esize)
{
    static const uint64_t signs[4] = { 0x8080808080808080, 0x8000800080008000, 0x8000000080000000,
                                       0x8000000000000000 };

    return signs[esize];
}

void ir_ref_vfabs(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] & ~ref_signs(ir_desc_esize(desc));
    d->u64[1] = arg[0].u64[1] & ~ref_signs(ir_desc_esize(desc));
    ref_trim(d, desc);
}

void ir_ref_vfneg(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] ^ ref_signs(ir_desc_esize(desc));
    d->u64[1] = arg[0].u64[1] ^ ref_signs(ir_desc_esize(desc));
    ref_trim(d, desc);
}

void ir_ref_vfadd(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_add, fp32_add, fp64_add });
}

void ir_ref_vfsub(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_sub, fp32_sub, fp64_sub });
}

void ir_ref_vfmul(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_mul, fp32_mul, fp64_mul });
}

void ir_ref_vfmulx(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_mulx, fp32_mulx, fp64_mulx });
}

void ir_ref_vfdiv(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_div, fp32_div, fp64_div });
}

void ir_ref_vfmin(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_min, fp32_min, fp64_min });
}

void ir_ref_vfmax(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_max, fp32_max, fp64_max });
}

void ir_ref_vfminnm(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_minnum, fp32_minnum, fp64_minnum });
}

void ir_ref_vfmaxnm(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_maxnum, fp32_maxnum, fp64_maxnum });
}

void ir_ref_vfrecps(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_recip_step, fp32_recip_step, fp64_recip_step });
}

void ir_ref_vfrsqrts(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp2(d, arg, desc, st, (RefFp2){ fp16_rsqrt_step, fp32_rsqrt_step, fp64_rsqrt_step });
}

void ir_ref_vfsqrt(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp1(d, arg, desc, st, (RefFp1){ fp16_sqrt, fp32_sqrt, fp64_sqrt });
}

void ir_ref_vfrecpe(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp1(d, arg, desc, st,
            (RefFp1){ fp16_recip_estimate, fp32_recip_estimate, fp64_recip_estimate });
}

void ir_ref_vfrsqrte(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp1(d, arg, desc, st,
            (RefFp1){ fp16_rsqrt_estimate, fp32_rsqrt_estimate, fp64_rsqrt_estimate });
}

void ir_ref_vfrecpx(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_fp1(d, arg, desc, st, (RefFp1){ fp16_recpx, fp32_recpx, fp64_recpx });
}

/* @a + @b * @c of lane size @esize, in the lane's format. */
static uint64_t ref_fma(unsigned esize, uint64_t a, uint64_t b, uint64_t c, IrFpState *st)
{
    switch (esize) {
    case 1:
        return fp16_fma(b, c, a, &st->env);
    case 2:
        return fp32_fma(b, c, a, &st->env);
    default:
        return fp64_fma(b, c, a, &st->env);
    }
}

void ir_ref_vfma(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    uint64_t sign = 1ull << (ref_bits(esize) - 1);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        uint64_t a = ref_u(&arg[0], esize, i) ^ (variant & 2 ? sign : 0);
        uint64_t b = ref_u(&arg[1], esize, i) ^ (variant & 1 ? sign : 0);
        ref_put(d, esize, i, ref_fma(esize, a, b, ref_u(&arg[2], esize, i), st));
    }
}

/* ---- comparisons ---- */

static bool ref_fcompare(unsigned esize, unsigned variant, uint64_t a, uint64_t b, FpEnv *env)
{
    switch (esize) {
    case 1:
        return variant == 0   ? fp16_eq(a, b, env)
               : variant == 1 ? fp16_ge(a, b, env)
                              : fp16_gt(a, b, env);
    case 2:
        return variant == 0   ? fp32_eq(a, b, env)
               : variant == 1 ? fp32_ge(a, b, env)
                              : fp32_gt(a, b, env);
    default:
        return variant == 0   ? fp64_eq(a, b, env)
               : variant == 1 ? fp64_ge(a, b, env)
                              : fp64_gt(a, b, env);
    }
}

void ir_ref_vfcmp(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        bool yes = ref_fcompare(esize, ir_desc_variant(desc), ref_u(&arg[0], esize, i),
                                ref_u(&arg[1], esize, i), &st->env);
        ref_put(d, esize, i, yes ? UINT64_MAX : 0);
    }
}

unsigned ir_ref_fcmp(const IrV128 *a, const IrV128 *b, unsigned esize, bool signalling,
                     IrFpState *st)
{
    FpCompare r;

    switch (esize) {
    case 1:
        r = signalling ? fp16_compare_signaling(a->u16[0], b->u16[0], &st->env)
                       : fp16_compare(a->u16[0], b->u16[0], &st->env);
        break;
    case 2:
        r = signalling ? fp32_compare_signaling(a->u32[0], b->u32[0], &st->env)
                       : fp32_compare(a->u32[0], b->u32[0], &st->env);
        break;
    default:
        r = signalling ? fp64_compare_signaling(a->u64[0], b->u64[0], &st->env)
                       : fp64_compare(a->u64[0], b->u64[0], &st->env);
        break;
    }
    return r == FP_LESS ? 8 : r == FP_EQUAL ? 6 : r == FP_GREATER ? 2 : 3;
}
