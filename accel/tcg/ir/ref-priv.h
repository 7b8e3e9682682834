/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes for the reference functions. Integer arithmetic only: these are leaf objects. */
#ifndef ACCEL_TCG_IR_REF_PRIV_H
#define ACCEL_TCG_IR_REF_PRIV_H

#include "accel/tcg/ir/ir-ref.h"

#define REF_INLINE static inline __attribute__((always_inline))

REF_INLINE unsigned ref_bits(unsigned esize)
{
    return 8u << esize;
}

REF_INLINE uint64_t ref_mask(unsigned esize)
{
    return UINT64_MAX >> (64 - ref_bits(esize));
}

/* Lane @i, zero-extended. */
REF_INLINE uint64_t ref_u(const IrV128 *v, unsigned esize, unsigned i)
{
    switch (esize) {
    case 0:
        return v->u8[i & 15];
    case 1:
        return v->u16[i & 7];
    case 2:
        return v->u32[i & 3];
    default:
        return v->u64[i & 1];
    }
}

/* Lane @i, sign-extended. */
REF_INLINE int64_t ref_s(const IrV128 *v, unsigned esize, unsigned i)
{
    switch (esize) {
    case 0:
        return v->s8[i & 15];
    case 1:
        return v->s16[i & 7];
    case 2:
        return v->s32[i & 3];
    default:
        return v->s64[i & 1];
    }
}

REF_INLINE int64_t ref_lane(const IrV128 *v, unsigned esize, unsigned i, bool is_signed)
{
    return is_signed ? ref_s(v, esize, i) : (int64_t)ref_u(v, esize, i);
}

REF_INLINE void ref_put(IrV128 *v, unsigned esize, unsigned i, uint64_t x)
{
    switch (esize) {
    case 0:
        v->u8[i & 15] = x;
        break;
    case 1:
        v->u16[i & 7] = x;
        break;
    case 2:
        v->u32[i & 3] = x;
        break;
    default:
        v->u64[i & 1] = x;
        break;
    }
}

REF_INLINE void ref_zero(IrV128 *d)
{
    d->u64[0] = d->u64[1] = 0;
}

/* Clear what lies beyond the desc's width. */
REF_INLINE void ref_trim(IrV128 *d, IrDesc desc)
{
    switch (ir_desc_width(desc)) {
    case IR_SCALAR:
        d->u64[0] &= ref_mask(ir_desc_esize(desc));
        d->u64[1] = 0;
        break;
    case IR_W64:
        d->u64[1] = 0;
        break;
    default:
        break;
    }
}

/* Bytes of the desc's width. */
REF_INLINE unsigned ref_bytes(IrDesc desc)
{
    return ir_desc_lanes(desc) << ir_desc_esize(desc);
}

/* Saturate an exact value to a lane; notes in @st that it did. */
REF_INLINE uint64_t ref_sat_s(__int128 x, unsigned esize, IrFpState *st)
{
    int64_t max = (int64_t)(ref_mask(esize) >> 1), min = -max - 1;

    if (x > max) {
        st->saturated = 1;
        return max;
    }
    if (x < min) {
        st->saturated = 1;
        return min;
    }
    return (uint64_t)x;
}

REF_INLINE uint64_t ref_sat_u(__int128 x, unsigned esize, IrFpState *st)
{
    if (x < 0) {
        st->saturated = 1;
        return 0;
    }
    if (x > (__int128)ref_mask(esize)) {
        st->saturated = 1;
        return ref_mask(esize);
    }
    return (uint64_t)x;
}

/* Maps over the lanes of the desc, for functions of one lane that are inlined. */
typedef uint64_t RefLane1(uint64_t a, unsigned esize);
typedef uint64_t RefLane2(uint64_t a, uint64_t b);

REF_INLINE void ref_map1(IrV128 *d, const IrV128 *arg, IrDesc desc, bool is_signed, RefLane1 *f)
{
    unsigned esize = ir_desc_esize(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, f(ref_lane(&arg[0], esize, i, is_signed), esize));
    }
}

REF_INLINE void ref_map2(IrV128 *d, const IrV128 *arg, IrDesc desc, bool is_signed, RefLane2 *f)
{
    unsigned esize = ir_desc_esize(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i,
                f(ref_lane(&arg[0], esize, i, is_signed), ref_lane(&arg[1], esize, i, is_signed)));
    }
}

#endif
