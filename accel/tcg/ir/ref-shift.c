/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions: counts, shifts, and changes of the lane size (vops.def). */
#include "accel/tcg/ir/ref-priv.h"

/* ---- bits of a lane ---- */

static uint64_t ref_clz(uint64_t a, unsigned esize)
{
    return a ? __builtin_clzll(a) - (64 - ref_bits(esize)) : ref_bits(esize);
}

static uint64_t ref_cls(uint64_t a, unsigned esize)
{
    uint64_t same = a ^ a << 1; /* bit i: whether bits i and i - 1 of the lane differ */

    same &= ref_mask(esize) & ~1ull;
    return same ? ref_clz(same, esize) : ref_bits(esize) - 1;
}

static uint64_t ref_cnt(uint64_t a, unsigned esize)
{
    unsigned n = 0;

    for (; a; a &= a - 1) {
        n++;
    }
    return n;
}

static uint64_t ref_rbit(uint64_t a, unsigned esize)
{
    a = (a >> 4 & 0x0f) | (a & 0x0f) << 4;
    a = (a >> 2 & 0x33) | (a & 0x33) << 2;
    return (a >> 1 & 0x55) | (a & 0x55) << 1;
}

void ir_ref_vclz(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, false, ref_clz);
}

void ir_ref_vcls(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, false, ref_cls);
}

void ir_ref_vcnt(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, false, ref_cnt);
}

void ir_ref_vrbit(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    ref_map1(d, arg, desc, false, ref_rbit);
}

/* ---- by a constant ---- */

void ir_ref_vshli(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), count = ir_desc_immediate(desc) & 63;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_u(&arg[0], esize, i) << count);
    }
}

void ir_ref_vshri(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), count = ir_desc_immediate(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, count >= 64 ? 0 : ref_u(&arg[0], esize, i) >> count);
    }
}

void ir_ref_vsari(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), count = ir_desc_immediate(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_s(&arg[0], esize, i) >> (count >= 64 ? 63 : count));
    }
}

void ir_ref_vrshri(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), count = ir_desc_immediate(desc);
    bool is_signed = ir_desc_variant(desc) & 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x =
            is_signed ? (__int128)ref_s(&arg[0], esize, i) : (__int128)ref_u(&arg[0], esize, i);
        x += (__int128)1 << ((count - 1) & 63);
        ref_put(d, esize, i, (uint64_t)(x >> (count & 127)));
    }
}

void ir_ref_vrori(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), bits = ref_bits(esize);
    unsigned count = ir_desc_immediate(desc) & (bits - 1);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        uint64_t x = ref_u(&arg[0], esize, i);
        ref_put(d, esize, i, x >> count | x << ((bits - count) & (bits - 1)));
    }
}

/* ---- by a lane ---- */

/* @x shifted right by @count (more than 0), rounded to nearest (ties up) or down. */
static __int128 ref_shift_right(__int128 x, unsigned count, bool round)
{
    if (count > 64) {
        return round || x >= 0 ? 0 : -1;
    }
    return (x + (round ? (__int128)1 << (count - 1) : 0)) >> count;
}

void ir_ref_vshlv(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        int count = (int8_t)ref_u(&arg[1], esize, i);
        __int128 x =
            variant & 1 ? (__int128)ref_s(&arg[0], esize, i) : (__int128)ref_u(&arg[0], esize, i);

        if (count < 0) {
            x = ref_shift_right(x, -count, variant & 2);
        } else {
            x = count >= 64 ? 0 : (__int128)((uint64_t)x << count);
        }
        ref_put(d, esize, i, (uint64_t)x);
    }
}

void ir_ref_vqshlv(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    bool to_signed = (variant & 5) == 1;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        int count = (int8_t)ref_u(&arg[1], esize, i);
        __int128 x =
            variant & 1 ? (__int128)ref_s(&arg[0], esize, i) : (__int128)ref_u(&arg[0], esize, i);

        if (count < 0) {
            x = ref_shift_right(x, -count, variant & 2);
        } else {
            /* 64 places and more make everything but 0 too great, and keep its sign. */
            const __int128 huge = (__int128)1 << 100;

            x = count < 64 ? x * ((__int128)1 << count) : x > 0 ? huge : x < 0 ? -huge : 0;
        }
        ref_put(d, esize, i, to_signed ? ref_sat_s(x, esize, st) : ref_sat_u(x, esize, st));
    }
}

/* ---- sizes ---- */

void ir_ref_vwiden(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    unsigned from = variant & 2 ? ir_desc_lanes(desc) : 0;

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_lane(&arg[0], (esize - 1) & 3, from + i, variant & 1));
    }
}

void ir_ref_vnarrow(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        ref_put(d, esize, i, ref_u(&arg[0], esize + 1, i));
    }
}

void ir_ref_vqnarrow(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    ref_zero(d);
    for (unsigned i = 0; i < ir_desc_lanes(desc); i++) {
        __int128 x = variant ? (__int128)ref_s(&arg[0], esize + 1, i)
                             : (__int128)ref_u(&arg[0], esize + 1, i);
        ref_put(d, esize, i, variant == 1 ? ref_sat_s(x, esize, st) : ref_sat_u(x, esize, st));
    }
}
