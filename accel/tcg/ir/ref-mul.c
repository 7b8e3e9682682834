/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: multiplications that widen, saturate, or sum (vops.def). */
#include "accel/tcg/ir/ref-priv.h"

void ir_ref_vqdmulh(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), bits = ref_bits(esize);
    int64_t round = ir_desc_variant(desc) & 1 ? 1ll << (bits - 2) : 0;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        /* Half of the doubled product, so that the greatest one stays within 64 bits. */
        int64_t x = ref_s(&arg[0], esize, i) * ref_s(&arg[1], esize, i);
        ref_put(d, esize, i, ref_sat_s((x + round) >> (bits - 1), esize, st));
    }
}

void ir_ref_vqrdmlah(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), bits = ref_bits(esize);
    bool subtract = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 product = (__int128)ref_s(&arg[1], esize, i) * ref_s(&arg[2], esize, i) * 2;
        __int128 acc = (__int128)ref_s(&arg[0], esize, i) * ((__int128)1 << bits);
        __int128 x = (subtract ? acc - product : acc + product) + ((__int128)1 << (bits - 1));
        ref_put(d, esize, i, ref_sat_s(x >> bits, esize, st));
    }
}

void ir_ref_vmull(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    unsigned narrow = (esize - 1) & 3, from = variant & 2 ? ir_desc_lanes(desc) : 0;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        uint64_t x = ref_lane(&arg[0], narrow, from + i, variant & 1);
        uint64_t y = ref_lane(&arg[1], narrow, from + i, variant & 1);
        ref_put(d, esize, i, x * y);
    }
}

void ir_ref_vqdmull(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), narrow = (esize - 1) & 3;
    unsigned from = ir_desc_variant(desc) & 2 ? ir_desc_lanes(desc) : 0;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x = (__int128)ref_s(&arg[0], narrow, from + i) * ref_s(&arg[1], narrow, from + i);
        ref_put(d, esize, i, ref_sat_s(x * 2, esize, st));
    }
}

/* The product of two 8-bit polynomials over GF(2). */
static unsigned ref_poly8(unsigned a, unsigned b)
{
    unsigned product = 0;

    for (unsigned i = 0; i < 8; i++) {
        product ^= (b >> i & 1) ? a << i : 0;
    }
    return product;
}

void ir_ref_vpmul(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        d->u8[i] = ref_poly8(arg[0].u8[i], arg[1].u8[i]);
    }
}

void ir_ref_vpmull(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned high = ir_desc_variant(desc) >> 1 & 1;

    ref_zero(d);
    if (ir_desc_esize(desc) == 1) {
        for (unsigned i = 0; i < 8; i++) {
            d->u16[i] = ref_poly8(arg[0].u8[8 * high + i], arg[1].u8[8 * high + i]);
        }
        return;
    }

    uint64_t a = arg[0].u64[high], b = arg[1].u64[high];

    for (unsigned i = 0; i < 64; i++) {
        uint64_t take = 0 - (b >> i & 1);

        d->u64[0] ^= take & a << i;
        d->u64[1] ^= take & a >> 1 >> (63 - i);
    }
}

/* The sum of @n products of bytes from byte @i of @b and byte @j of @c. */
static uint32_t ref_dot(const IrV128 *b, unsigned i, const IrV128 *c, unsigned j, unsigned n,
                        unsigned variant)
{
    uint32_t sum = 0;

    for (unsigned k = 0; k < n; k++) {
        sum += (uint32_t)ref_lane(b, 0, i + k, variant == 1) *
               (uint32_t)ref_lane(c, 0, j + k, variant != 0);
    }
    return sum;
}

void ir_ref_vdot(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        d->u32[i] =
            arg[0].u32[i] + ref_dot(&arg[1], 4 * i, &arg[2], 4 * i, 4, ir_desc_variant(desc));
    }
}

void ir_ref_vmmla(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 4; i++) {
        d->u32[i] = arg[0].u32[i] +
                    ref_dot(&arg[1], i / 2 * 8, &arg[2], i % 2 * 8, 8, ir_desc_variant(desc));
    }
}

void ir_ref_vurecpe(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        d->u32[i] = fp_urecpe(arg[0].u32[i]);
    }
}

void ir_ref_vursqrte(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        d->u32[i] = fp_ursqrte(arg[0].u32[i]);
    }
}
