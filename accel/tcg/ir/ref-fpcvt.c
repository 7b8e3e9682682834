/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: floating-point conversions and mixed formats (vops.def), by fpu/. */
#include "accel/tcg/ir/ref-priv.h"

static FpRound ref_round(IrDesc desc, const IrFpState *st)
{
    return (FpRound)(ir_desc_round(desc) == IR_ROUND_ENV ? st->env.round : ir_desc_round(desc));
}

void ir_ref_vfrint(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    FpRound round = ref_round(desc, st);
    bool exact = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        switch (ir_desc_esize(desc)) {
        case 1:
            d->u16[i] = fp16_round_to_int(arg[0].u16[i], round, exact, &st->env);
            break;
        case 2:
            d->u32[i] = fp32_round_to_int(arg[0].u32[i], round, exact, &st->env);
            break;
        case 3:
            d->u64[i] = fp64_round_to_int(arg[0].u64[i], round, exact, &st->env);
            break;
        }
    }
}

void ir_ref_vfrintsized(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    FpRound round = ref_round(desc, st);
    unsigned bits = ir_desc_variant(desc) & 1 ? 64 : 32;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        if (ir_desc_esize(desc) == 3) {
            d->u64[i] = fp64_round_to_int_sized(arg[0].u64[i], bits, round, &st->env);
        } else {
            d->u32[i] = fp32_round_to_int_sized(arg[0].u32[i], bits, round, &st->env);
        }
    }
}

static uint64_t ref_to_int(unsigned esize, uint64_t a, bool is_signed, unsigned bits, unsigned frac,
                           FpRound round, FpEnv *env)
{
    switch (esize) {
    case 1:
        return is_signed ? (uint64_t)fp16_to_sint(a, bits, frac, round, env)
                         : fp16_to_uint(a, bits, frac, round, env);
    case 2:
        return is_signed ? (uint64_t)fp32_to_sint(a, bits, frac, round, env)
                         : fp32_to_uint(a, bits, frac, round, env);
    default:
        return is_signed ? (uint64_t)fp64_to_sint(a, bits, frac, round, env)
                         : fp64_to_uint(a, bits, frac, round, env);
    }
}

void ir_ref_vftoi(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    unsigned to = variant >> 1 & 3;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, to, i,
                ref_to_int(esize, ref_u(&arg[0], esize, i), variant & 1, ref_bits(to),
                           ir_desc_immediate(desc), ref_round(desc, st), &st->env));
    }
}

static uint64_t ref_from_int(unsigned esize, uint64_t a, bool is_signed, unsigned frac,
                             FpRound round, FpEnv *env)
{
    switch (esize) {
    case 1:
        return is_signed ? fp16_from_sint(a, frac, round, env)
                         : fp16_from_uint(a, frac, round, env);
    case 2:
        return is_signed ? fp32_from_sint(a, frac, round, env)
                         : fp32_from_uint(a, frac, round, env);
    default:
        return is_signed ? fp64_from_sint(a, frac, round, env)
                         : fp64_from_uint(a, frac, round, env);
    }
}

void ir_ref_vitof(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i,
                ref_from_int(esize, ref_lane(&arg[0], variant >> 1 & 3, i, variant & 1),
                             variant & 1, ir_desc_immediate(desc), ref_round(desc, st), &st->env));
    }
}

/* @a of lane size @from in the format of lane size @to. */
static uint64_t ref_convert(unsigned from, unsigned to, uint64_t a, bool odd, FpEnv *env)
{
    switch (from << 2 | to) {
    case 1 << 2 | 2:
        return fp16_to_fp32(a, env);
    case 1 << 2 | 3:
        return fp16_to_fp64(a, env);
    case 2 << 2 | 1:
        return fp32_to_fp16(a, env);
    case 2 << 2 | 3:
        return fp32_to_fp64(a, env);
    case 3 << 2 | 1:
        return fp64_to_fp16(a, env);
    case 3 << 2 | 2:
        return odd ? fp64_to_fp32_odd(a, env) : fp64_to_fp32(a, env);
    default:
        return a;
    }
}

void ir_ref_vfcvt(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned to = ir_desc_esize(desc), variant = ir_desc_variant(desc), from = variant & 3;
    unsigned first = variant & 4 ? 8u >> from : 0;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, to, i,
                ref_convert(from, to, ref_u(&arg[0], from, first + i), variant & 8, &st->env));
    }
}

void ir_ref_vfjcvtzs(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    bool exact;

    ref_zero(d);
    d->u32[0] = fp64_to_int32_js(arg[0].u64[0], &exact, &st->env);
    d->u32[1] = exact;
}

/* ---- mixed formats ---- */

void ir_ref_vfmlal(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned lanes = ir_desc_lanes(desc), variant = ir_desc_variant(desc);
    unsigned from = variant & 1 ? lanes : 0;
    uint16_t flip = variant & 2 ? 0x8000 : 0;

    ref_zero(d);
    for (unsigned i = 0; i < lanes; i++) {
        d->u32[i] = fp32_fma_fp16(arg[1].u16[from + i] ^ flip, arg[2].u16[from + i], arg[0].u32[i],
                                  &st->env);
    }
}

void ir_ref_vbfcvt(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned lanes = ir_desc_lanes(desc) & 7;

    ref_zero(d);
    for (unsigned i = 0; i < lanes && i < 4; i++) {
        d->u16[i] = fp32_to_bf16(arg[0].u32[i], &st->env);
    }
}

void ir_ref_vbfdot(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        d->u32[i] = fp_bfdot(arg[0].u32[i], arg[1].u32[i], arg[2].u32[i]);
    }
}

void ir_ref_vbfmmla(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    *d = arg[0];
    fp_bfmmla(d->u32, arg[1].u32, arg[2].u32);
}
