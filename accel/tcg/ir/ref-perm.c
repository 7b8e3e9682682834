/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: reductions and permutations of lanes (vops.def). */
#include "accel/tcg/ir/ref-priv.h"

void ir_ref_vaddv(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);
    uint64_t sum = 0;

    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        sum += ref_u(&arg[0], esize, i);
    }
    ref_zero(d);
    ref_put(d, esize, 0, sum);
}

void ir_ref_vminmaxv(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    bool is_signed = variant & 2, is_max = variant & 1;
    uint64_t best = ref_lane(&arg[0], esize, 0, is_signed);

    for (unsigned i = 1; i < ir_desc_lanes(desc); i++) {
        uint64_t x = ref_lane(&arg[0], esize, i, is_signed);
        bool less = is_signed ? (int64_t)x < (int64_t)best : x < best;

        if (x != best && less != is_max) {
            best = x;
        }
    }
    ref_zero(d);
    ref_put(d, esize, 0, best);
}

void ir_ref_vzip(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), lanes = ir_desc_lanes(desc);
    unsigned from = ir_desc_variant(desc) & 1 ? lanes / 2 : 0;

    ref_zero(d);
    for (unsigned i = 0; i < lanes; i++) {
        ref_put(d, esize, i, ref_u(&arg[i & 1], esize, from + i / 2));
    }
}

void ir_ref_vuzp(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), lanes = ir_desc_lanes(desc);
    unsigned odd = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < lanes; i++) {
        bool second = i >= lanes / 2;
        ref_put(d, esize, i, ref_u(&arg[second], esize, 2 * (i - (second ? lanes / 2 : 0)) + odd));
    }
}

void ir_ref_vtrn(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), odd = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_u(&arg[i & 1], esize, (i & ~1u) + odd));
    }
}

void ir_ref_vrev(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);
    unsigned last = (1u << (ir_desc_variant(desc) & 3) >> esize) - 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_u(&arg[0], esize, i ^ last));
    }
}

void ir_ref_vext(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned bytes = ref_bytes(desc), from = ir_desc_immediate(desc);

    ref_zero(d);
    for (unsigned i = 0; i < bytes; i++) {
        unsigned j = from + i;
        d->u8[i] = j < bytes ? arg[0].u8[j & 15] : arg[1].u8[(j - bytes) & 15];
    }
}

void ir_ref_vduplane(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);
    uint64_t x = ref_u(&arg[0], esize, ir_desc_immediate(desc));

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, x);
    }
}

void ir_ref_vinslane(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), imm = ir_desc_immediate(desc);

    *d = arg[0];
    ref_put(d, esize, imm & 15, ref_u(&arg[1], esize, imm >> 8));
}

void ir_ref_vtbl(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_zero(d);
    for (unsigned i = 0; i < ref_bytes(desc); i++) {
        unsigned from = arg[1].u8[i];
        d->u8[i] = from < 16 ? arg[0].u8[from] : 0;
    }
}

void ir_ref_vtbx(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned base = ir_desc_immediate(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ref_bytes(desc); i++) {
        unsigned from = arg[2].u8[i] - base;
        d->u8[i] = from < 16 ? arg[1].u8[from] : arg[0].u8[i];
    }
}
