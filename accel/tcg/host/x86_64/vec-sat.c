/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector operations that saturate. Each leaves a vector whose lanes are not zero where a result
 * was clipped, which sets IrFpState.saturated without a branch.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"

/* 8- and 16-bit lanes: the host's saturating form against the plain one. */
static void x64_vec_sat_native(X64Vec *v, X64Op sat, X64Op plain)
{
    xv3(v, plain, v->t[0], v->x[0], v->x[1]);
    xv3(v, sat, v->d, v->x[0], v->x[1]);
    xv3(v, XO_PXOR, v->t[0], v->t[0], v->d);
    xv_saturated(v, v->t[0], v->esize);
}

/*
 * d := a + b or a - b of signed lanes of 32 and 64 bits, saturated; @u, a temporary, all ones where
 * it was. Uses @t and @w.
 */
static void x64_vec_sat_signed(X64Vec *v, bool add, unsigned a, unsigned b)
{
    unsigned d = v->d, t = v->t[0], u = v->t[1], w = v->t[2];

    xv3(v, add ? xv_add_op(v->esize) : xv_sub_op(v->esize), d, a, b);
    xv3(v, XO_PXOR, u, a, d);
    if (v->f->avx512) {
        xv_mov(v, t, u);
        xv3i(v, XV_PTERNLOGD, t, a, b, add ? 0x90 : 0x60); /* t & ~(a ^ b), t & (a ^ b) */
    } else {
        xv3(v, XO_PXOR, t, a, b);
        xv3(v, add ? XO_PANDN : XO_PAND, t, t, u);
    }
    xv_signmask(v, v->esize, u, t);
    xv_signmask(v, v->esize, w, d);
    xv_with2(v, XO_PXOR, w, w, xv_signs(v->esize)); /* the other end */
    xv3(v, XO_PXOR, w, w, d);
    xv3(v, XO_PAND, w, w, u);
    xv3(v, XO_PXOR, d, d, w);
}

/* a + b = min(a, ~b) + b; a - b = max(a, b) - b. The first temporary says where it was clipped. */
static void x64_vec_sat_unsigned(X64Vec *v, bool add, unsigned a, unsigned b)
{
    unsigned d = v->d, t = v->t[0], u = v->t[1], w = v->t[2];

    if (add) {
        xv_not(v, w, b, w);
    }
    xv_minmax(v, false, !add, v->esize, d, a, add ? w : b, t, u);
    xv3(v, XO_PXOR, t, d, a);
    xv3(v, add ? xv_add_op(v->esize) : xv_sub_op(v->esize), d, d, b);
}

/* Both of 32 and 64 bits, by one name. */
static void x64_vec_sat_wide(X64Vec *v, bool add, bool is_signed)
{
    if (is_signed) {
        x64_vec_sat_signed(v, add, v->x[0], v->x[1]);
    } else {
        x64_vec_sat_unsigned(v, add, v->x[0], v->x[1]);
    }
    xv_saturated(v, v->t[is_signed], v->esize);
}

/*
 * Operands of mixed signs: with the top bit of @a and of the result inverted, a sum with an
 * unsigned number is an unsigned one, and with a signed number a signed one.
 */
static void x64_vec_sat_mixed(X64Vec *v, X64Op sat)
{
    unsigned a = v->x[0], turned = v->t[3], clipped = v->t[v->esize > 1 && v->variant & 1];

    xv_with2(v, XO_PXOR, turned, a, xv_signs(v->esize));
    if (v->esize > 1 && v->variant & 1) {
        x64_vec_sat_signed(v, true, turned, v->x[1]);
    } else if (v->esize > 1) {
        x64_vec_sat_unsigned(v, true, turned, v->x[1]);
    } else {
        xv3(v, xv_add_op(v->esize), clipped, turned, v->x[1]);
        xv3(v, sat, v->d, turned, v->x[1]);
        xv3(v, XO_PXOR, clipped, clipped, v->d);
    }
    xv_with2(v, XO_PXOR, v->d, v->d, xv_signs(v->esize));
    xv_trim(v, v->d, v->esize);
    xv_saturated(v, clipped, v->esize);
    v->clean = true;
}

bool x64_vec_qadd(X64Vec *v)
{
    static const X64Op sat[2][2] = { { XV_PADDUSB, XV_PADDUSW }, { XV_PADDSB, XV_PADDSW } };

    if (v->variant > 1) {
        x64_vec_sat_mixed(v, sat[v->variant & 1][v->esize & 1]);
        return true;
    }
    if (v->esize < 2) {
        x64_vec_sat_native(v, sat[v->variant][v->esize], xv_add_op(v->esize));
    } else {
        x64_vec_sat_wide(v, true, v->variant);
    }
    return true;
}

bool x64_vec_qsub(X64Vec *v)
{
    static const X64Op sat[2][2] = { { XV_PSUBUSB, XV_PSUBUSW }, { XV_PSUBSB, XV_PSUBSW } };

    if (v->esize < 2) {
        x64_vec_sat_native(v, sat[v->variant & 1][v->esize], xv_sub_op(v->esize));
    } else {
        x64_vec_sat_wide(v, false, v->variant & 1);
    }
    return true;
}

/* The absolute value as an unsigned number, at most the greatest signed one. */
bool x64_vec_qabs(X64Vec *v)
{
    static const X64Op abs[4] = { XO_PABSB, XO_PABSW, XO_PABSD, XV_PABSQ };
    static const X64Op min[4] = { XO_PMINUB, XO_PMINUW, XO_PMINUD, XV_PMINUQ };

    if (v->esize == 3 && !v->f->avx512) { /* the least stays negative: its complement */
        xv_signmask(v, 3, v->t[0], v->x[0]);
        xv3(v, XO_PXOR, v->d, v->x[0], v->t[0]);
        xv3(v, XO_PSUBQ, v->d, v->d, v->t[0]);
        xv_signmask(v, 3, v->t[0], v->d);
        xv3(v, XO_PXOR, v->d, v->d, v->t[0]);
        xv_saturated(v, v->t[0], 3);
        return true;
    }
    xv2(v, abs[v->esize], v->t[0], v->x[0]);
    xv_with2(v, min[v->esize], v->d, v->t[0],
             xv_lanes(v->esize, (1ull << ((8 << v->esize) - 1)) - 1));
    xv3(v, XO_PXOR, v->t[0], v->t[0], v->d);
    xv_saturated(v, v->t[0], v->esize);
    return true;
}

/* (a << 15 +- b * c + 2^14) >> 15, of which 32 bits hold every step, for four lanes. */
static void x64_vec_mlah_half(X64Vec *v, bool high, unsigned d, unsigned low_bits,
                              unsigned high_bits)
{
    unsigned w = v->t[2];

    xv_zero(v, w);
    xv3(v, high ? XO_PUNPCKHWD : XO_PUNPCKLWD, w, w, v->x[0]);
    xv_shift(v, 2, XV_ARITH, w, w, 1);
    xv3(v, high ? XO_PUNPCKHWD : XO_PUNPCKLWD, d, low_bits, high_bits);
    xv3(v, v->variant & 1 ? XO_PSUBD : XO_PADDD, d, w, d);
    xv_with2(v, XO_PADDD, d, d, xv_lanes(2, 0x4000));
    xv_shift(v, 2, XV_ARITH, d, d, 15);
}

static void x64_vec_mlah16(X64Vec *v)
{
    unsigned d = v->d, lo = v->t[0], hi = v->t[1], t = v->t[3], u = v->t[4];

    xv3(v, XO_PMULLW, t, v->x[1], v->x[2]);
    xv3(v, XV_PMULHW, u, v->x[1], v->x[2]);
    x64_vec_mlah_half(v, false, lo, t, u);
    if (v->width == IR_W128) {
        x64_vec_mlah_half(v, true, hi, t, u);
        xv3(v, XV_PACKSSDW, d, lo, hi);
        xv2i(v, XO_PSHUFD, t, d, 0xee);
        xv2(v, XO_PMOVSXWD, t, t);
        xv3(v, XO_PXOR, hi, hi, t);
    } else {
        xv_zero(v, hi);
        xv3(v, XV_PACKSSDW, d, lo, hi);
    }
    xv2(v, XO_PMOVSXWD, t, d);
    xv3(v, XO_PXOR, lo, lo, t);
    xv3(v, XO_POR, lo, lo, hi);
    if (v->width == IR_W64) { /* four lanes, now of 32 bits */
        v->width = IR_W128;
        xv_saturated(v, lo, 2);
        v->width = IR_W64;
    } else {
        xv_saturated(v, lo, 2);
    }
}

/*
 * a + ((+-b * c + 2^30) >> 31), where the second is a signed number of 32 bits but for 2^31, of
 * MIN * MIN: then MAX, and one more in @a if that is negative; else it clips for sure.
 */
static void x64_vec_mlah32(X64Vec *v)
{
    unsigned q = v->t[3], a = v->t[4], s = v->t[5], t = v->t[0];

    xv2i(v, XO_PSHUFD, t, v->x[1], 0xf5);
    xv2i(v, XO_PSHUFD, q, v->x[2], 0xf5);
    xv3(v, XO_PMULDQ, t, t, q);
    xv3(v, XO_PMULDQ, q, v->x[1], v->x[2]);
    if (v->variant & 1) {
        xv_const(v->e, a, 1ull << 30, 1ull << 30);
        xv3(v, XO_PSUBQ, t, a, t);
        xv3(v, XO_PSUBQ, q, a, q);
    } else {
        xv_with2(v, XO_PADDQ, t, t, 1ull << 30);
        xv_with2(v, XO_PADDQ, q, q, 1ull << 30);
    }
    xv_shift(v, 3, XV_RIGHT, q, q, 31);
    xv_shift(v, 3, XV_LEFT, t, t, 1);
    xv3i(v, XO_PBLENDW, q, q, t, 0xcc);
    if (v->variant & 1) {
        x64_vec_sat_signed(v, true, v->x[0], q);
    } else {
        xv_const(v->e, t, xv_signs(2), xv_signs(2));
        xv3(v, XO_PCMPEQD, s, v->x[1], t);
        xv3(v, XO_PCMPEQD, t, v->x[2], t);
        xv3(v, XO_PAND, s, s, t);
        xv3(v, XO_PXOR, q, q, s);
        xv_signmask(v, 2, a, v->x[0]);
        xv3(v, XO_PAND, t, a, s);
        xv3(v, XO_PANDN, s, a, s); /* clips */
        xv3(v, XO_PSUBD, a, v->x[0], t);
        x64_vec_sat_signed(v, true, a, q);
        xv3(v, XO_POR, v->t[1], v->t[1], s);
    }
    xv_saturated(v, v->t[1], 2);
}

bool x64_vec_qrdmlah(X64Vec *v)
{
    if (v->esize != 1 && v->esize != 2) {
        return false;
    }
    (v->esize == 1 ? x64_vec_mlah16 : x64_vec_mlah32)(v);
    return true;
}

/* Only MIN * MIN overflows, to MIN, which no other product gives: make it MAX. */
static void x64_vec_sat_min(X64Vec *v, unsigned d, unsigned t)
{
    xv_with2(v, xv_eq_op(v->esize), t, d, xv_signs(v->esize));
    xv3(v, XO_PXOR, d, d, t);
    xv_saturated(v, t, v->esize);
}

bool x64_vec_qdmulh(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], u = v->t[1];
    bool round = v->variant & 1;

    if (v->esize == 1 && round) {
        xv3(v, XV_PMULHRSW, d, a, b);
    } else if (v->esize == 1) {
        xv3(v, XO_PMULLW, t, a, b);
        xv3(v, XV_PMULHW, d, a, b);
        xv_shift(v, 1, XV_RIGHT, t, t, 15);
        xv3(v, XO_PADDW, d, d, d);
        xv3(v, XO_PADDW, d, d, t);
    } else if (v->esize == 2) {
        /* even lanes: bits 62..31 of the product moved down; odd ones: moved up */
        xv_shift(v, 3, XV_RIGHT, t, a, 32);
        xv_shift(v, 3, XV_RIGHT, u, b, 32);
        xv3(v, XO_PMULDQ, t, t, u);
        xv3(v, XO_PMULDQ, u, a, b);
        if (round) {
            xv_with2(v, XO_PADDQ, t, t, 1ull << 30);
            xv_with2(v, XO_PADDQ, u, u, 1ull << 30);
        }
        xv_shift(v, 3, XV_RIGHT, u, u, 31);
        xv3(v, XO_PADDQ, t, t, t);
        xv3i(v, XO_PBLENDW, d, u, t, 0xcc);
    } else {
        return false;
    }
    x64_vec_sat_min(v, d, t);
    return true;
}

bool x64_vec_qdmull(X64Vec *v)
{
    unsigned d = v->d, t = v->t[0];

    if (v->esize < 2 || !xv_mull(v, v->esize, true, v->variant & 2, d, v->x[0], v->x[1], t)) {
        return false;
    }
    xv3(v, xv_add_op(v->esize), d, d, d);
    x64_vec_sat_min(v, d, t);
    return true;
}

/* ---- narrowing ---- */

/* 64-bit lanes to 32 bits; @wrong: bits not zero in the wide lanes that were clipped. */
static bool x64_vec_qnarrow64(X64Vec *v, unsigned wrong)
{
    unsigned d = v->d, a = v->x[0], t = v->t[0], u = v->t[1];

    if (v->variant == 1) {
        /* it fits where the high half repeats the low half's sign */
        xv2i(v, XO_PSHUFD, d, a, 0x08);
        xv2i(v, XO_PSHUFD, u, a, 0x0d);
        xv_signmask(v, 2, t, d);
        xv3(v, XO_PCMPEQD, t, t, u); /* fits: d, else the end on the high half's side */
        xv_signmask(v, 2, u, u);
        xv_with2(v, XO_PXOR, u, u, xv_lanes(2, 0x7fffffff));
        xv3(v, XO_PXOR, d, d, u);
        xv3(v, XO_PAND, d, d, t);
        xv3(v, XO_PXOR, d, d, u);
        xv2i(v, XO_PSHUFD, t, t, 0x50); /* a word for each wide lane's halves */
        xv_with2(v, XO_PXOR, wrong, t, UINT64_MAX);
        return true;
    }
    /* unsigned: all ones where the high half is not zero, 0 where a signed one is negative */
    xv_zero(v, t);
    xv2i(v, XO_PSHUFD, u, a, 0x0d);
    xv3(v, XO_PCMPEQD, t, t, u); /* fits */
    xv2i(v, XO_PSHUFD, d, a, 0x08);
    if (v->variant == 2) {
        xv_signmask(v, 2, u, u);
        xv3(v, XO_PAND, d, d, t);
        xv3(v, XO_POR, u, u, t); /* negative or fits: no ones */
        xv_with2(v, XO_PXOR, u, u, UINT64_MAX);
    } else {
        xv_with2(v, XO_PXOR, u, t, UINT64_MAX);
    }
    xv3(v, XO_POR, d, d, u);
    xv2i(v, XO_PSHUFD, t, t, 0x50);
    xv_with2(v, XO_PXOR, wrong, t, UINT64_MAX);
    return true;
}

bool x64_vec_qnarrow(X64Vec *v)
{
    static const X64Op pack[2][2] = { { XV_PACKUSWB, XV_PACKUSDW }, { XV_PACKSSWB, XV_PACKSSDW } };
    static const X64Op widen[2][2] = { { XO_PMOVZXBW, XO_PMOVZXWD }, { XO_PMOVSXBW, XO_PMOVSXWD } };
    static const X64Op min[2] = { XO_PMINUW, XO_PMINUD };
    unsigned d = v->d, a = v->x[0], wrong = v->t[2];
    bool is_signed = v->variant == 1;

    if (v->esize == 3 || v->width == IR_W128) {
        return false;
    }
    if (v->esize == 2) {
        if (!x64_vec_qnarrow64(v, wrong)) {
            return false;
        }
    } else {
        if (v->variant == 0) { /* too great a number looks negative to the host */
            xv_with2(v, min[v->esize], d, a, xv_lanes(v->esize + 1, (1ull << (8 << v->esize)) - 1));
        } else {
            xv_mov(v, d, a);
        }
        xv3(v, pack[is_signed][v->esize], d, d, d);
        xv2(v, widen[is_signed][v->esize], wrong, d);
        xv3(v, XO_PXOR, wrong, wrong, a);
    }
    if (v->width == IR_W64) {
        v->width = IR_W128; /* all of the wide lanes count */
        xv_saturated(v, wrong, v->esize + 1);
        v->width = IR_W64;
    } else {
        xv_saturated(v, wrong, v->esize + 1);
    }
    return true;
}
