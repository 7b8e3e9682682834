/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: bits and integer arithmetic of lanes (vops.def). */
#include "accel/tcg/ir/ref-priv.h"

/* ---- bits ---- */

void ir_ref_vlow(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    *d = arg[0];
    ref_trim(d, desc);
}

void ir_ref_vand(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] & arg[1].u64[0];
    d->u64[1] = arg[0].u64[1] & arg[1].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vor(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] | arg[1].u64[0];
    d->u64[1] = arg[0].u64[1] | arg[1].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vxor(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] ^ arg[1].u64[0];
    d->u64[1] = arg[0].u64[1] ^ arg[1].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vandc(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] & ~arg[1].u64[0];
    d->u64[1] = arg[0].u64[1] & ~arg[1].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vorc(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = arg[0].u64[0] | ~arg[1].u64[0];
    d->u64[1] = arg[0].u64[1] | ~arg[1].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vnot(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    d->u64[0] = ~arg[0].u64[0];
    d->u64[1] = ~arg[0].u64[1];
    ref_trim(d, desc);
}

void ir_ref_vbsl(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 2; i++) {
        d->u64[i] = (arg[0].u64[i] & arg[1].u64[i]) | (~arg[0].u64[i] & arg[2].u64[i]);
    }
    ref_trim(d, desc);
}

/* ---- modular arithmetic ---- */

static uint64_t ref_add(uint64_t a, uint64_t b)
{
    return a + b;
}

static uint64_t ref_sub(uint64_t a, uint64_t b)
{
    return a - b;
}

static uint64_t ref_mul(uint64_t a, uint64_t b)
{
    return a * b;
}

static uint64_t ref_neg(uint64_t a, unsigned esize)
{
    return 0 - a;
}

static uint64_t ref_abs(uint64_t a, unsigned esize)
{
    return (int64_t)a < 0 ? 0 - a : a;
}

static uint64_t ref_umin(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t ref_umax(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t ref_smin(uint64_t a, uint64_t b)
{
    return (int64_t)a < (int64_t)b ? a : b;
}

static uint64_t ref_smax(uint64_t a, uint64_t b)
{
    return (int64_t)a > (int64_t)b ? a : b;
}

void ir_ref_vadd(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, false, ref_add);
}

void ir_ref_vsub(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, false, ref_sub);
}

void ir_ref_vmul(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, false, ref_mul);
}

void ir_ref_vneg(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, false, ref_neg);
}

void ir_ref_vabs(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, true, ref_abs);
}

void ir_ref_vumin(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, false, ref_umin);
}

void ir_ref_vumax(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, false, ref_umax);
}

void ir_ref_vsmin(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, true, ref_smin);
}

void ir_ref_vsmax(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map2(d, arg, desc, true, ref_smax);
}

void ir_ref_vcmp(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), cmp = ir_desc_variant(desc);
    bool is_signed = cmp >= IR_LTS;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        bool yes = ir_ref_compare(cmp, ref_lane(&arg[0], esize, i, is_signed),
                                  ref_lane(&arg[1], esize, i, is_signed));
        ref_put(d, esize, i, yes ? UINT64_MAX : 0);
    }
}

/* ---- exact sums and differences, reduced ---- */

REF_INLINE __int128 ref_exact(const IrV128 *v, unsigned esize, unsigned i, bool is_signed)
{
    return is_signed ? (__int128)ref_s(v, esize, i) : (__int128)ref_u(v, esize, i);
}

void ir_ref_vabd(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);
    bool is_signed = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x = ref_exact(&arg[0], esize, i, is_signed);
        __int128 y = ref_exact(&arg[1], esize, i, is_signed);
        ref_put(d, esize, i, (uint64_t)(x < y ? y - x : x - y));
    }
}

void ir_ref_vhadd(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 sum = ref_exact(&arg[0], esize, i, variant & 1) +
                       ref_exact(&arg[1], esize, i, variant & 1) + (variant >> 1 & 1);
        ref_put(d, esize, i, (uint64_t)(sum >> 1));
    }
}

void ir_ref_vhsub(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 difference =
            ref_exact(&arg[0], esize, i, variant & 1) - ref_exact(&arg[1], esize, i, variant & 1);
        ref_put(d, esize, i, (uint64_t)(difference >> 1));
    }
}

void ir_ref_vqadd(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    bool a_signed = variant == 1 || variant == 2, b_signed = variant & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 sum =
            ref_exact(&arg[0], esize, i, a_signed) + ref_exact(&arg[1], esize, i, b_signed);
        ref_put(d, esize, i, a_signed ? ref_sat_s(sum, esize, st) : ref_sat_u(sum, esize, st));
    }
}

void ir_ref_vqsub(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);
    bool is_signed = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x =
            ref_exact(&arg[0], esize, i, is_signed) - ref_exact(&arg[1], esize, i, is_signed);
        ref_put(d, esize, i, is_signed ? ref_sat_s(x, esize, st) : ref_sat_u(x, esize, st));
    }
}

void ir_ref_vqabs(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x = ref_s(&arg[0], esize, i);
        ref_put(d, esize, i, ref_sat_s(x < 0 ? -x : x, esize, st));
    }
}
