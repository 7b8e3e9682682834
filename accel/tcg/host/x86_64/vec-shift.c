/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: shifts, and lanes made wider or narrower. */
#include "accel/tcg/host/x86_64/vec-priv.h"

/* ---- by a constant ---- */

/* Bytes: the shift as a bit matrix (GF2P8AFFINEQB), row n giving bit n of the result. */
static uint64_t x64_vec_matrix(unsigned group, unsigned n)
{
    uint64_t m = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        unsigned from = group == XV_LEFT ? bit - n : bit + n;

        if (group == XV_ARITH && from > 7) {
            from = 7;
        }
        if (from < 8) {
            m |= (uint64_t)(1u << from) << (8 * (7 - bit));
        }
    }
    return m;
}

static void x64_vec_shift_bytes(X64Vec *v, unsigned group, unsigned d, unsigned a, unsigned n)
{
    unsigned mask = group == XV_LEFT ? 0xffu << n & 0xff : n >= 8 ? 0 : 0xffu >> n;

    n = MIN(n, group == XV_ARITH ? 7 : 8);
    if (group == XV_ARITH && n == 7) {
        xv_signmask(v, 0, d, a);
    } else if (v->f->gfni) {
        uint64_t m = x64_vec_matrix(group, n);

        xv_with_imm(v, XV_GF2P8AFFINEQB | X_W, d, a, m, m, 0);
    } else if (group == XV_ARITH) {
        /* as unsigned, then the sign's copies by (x ^ s) - s */
        xv_shift(v, 1, XV_RIGHT, d, a, n);
        xv_with2(v, XO_PAND, d, d, xv_lanes(0, 0xff >> n));
        xv_with2(v, XO_PXOR, d, d, xv_lanes(0, 0x80 >> n));
        xv_with2(v, XO_PSUBB, d, d, xv_lanes(0, 0x80 >> n));
    } else if (group == XV_LEFT && n == 1) {
        xv3(v, XO_PADDB, d, a, a);
    } else {
        xv_shift(v, 1, group, d, a, n);
        xv_with2(v, XO_PAND, d, d, xv_lanes(0, mask));
    }
}

void xv_lane_shift(X64Vec *v, unsigned group, unsigned d, unsigned a, unsigned n)
{
    if (v->esize == 0) {
        x64_vec_shift_bytes(v, group, d, a, n);
    } else if (group == XV_ARITH && v->esize == 3) {
        n = MIN(n, 63);
        if (v->f->avx512) {
            x64_vshift(v->a, XV_PSRAQ_I, XV_ARITH, d, a, (uint8_t)n);
        } else if (n == 63) {
            xv_signmask(v, 3, d, a);
        } else {
            xv_shift(v, 3, XV_RIGHT, d, a, n);
            xv_with2(v, XO_PXOR, d, d, 1ull << (63 - n));
            xv_with2(v, XO_PSUBQ, d, d, 1ull << (63 - n));
        }
    } else {
        xv_shift(v, v->esize, group, d, a, n);
    }
}

bool x64_vec_shift_imm(X64Vec *v)
{
    unsigned group = v->op == IR_VSHLI ? XV_LEFT : v->op == IR_VSHRI ? XV_RIGHT : XV_ARITH;

    xv_lane_shift(v, group, v->d, v->x[0], v->imm);
    return true;
}

/* (a >> n) + bit n - 1 of a. */
bool x64_vec_rshri(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], t = v->t[0];

    if (v->imm < 1) {
        return false;
    }
    xv_shift(v, v->esize ? v->esize : 1, XV_RIGHT, t, a, v->imm - 1);
    xv_with2(v, XO_PAND, t, t, xv_lanes(v->esize, 1));
    xv_lane_shift(v, v->variant & 1 ? XV_ARITH : XV_RIGHT, d, a, v->imm);
    xv3(v, xv_add_op(v->esize), d, d, t);
    return true;
}

bool x64_vec_rori(X64Vec *v)
{
    unsigned bits = 8u << v->esize, n = v->imm & (bits - 1);

    if (v->esize >= 2 && v->f->avx512) {
        x64_vshift(v->a, XV_PRORD_I | X_W_IF(v->esize == 3), 0, v->d, v->x[0], (uint8_t)n);
        return true;
    }
    if (n == 0) {
        xv_mov(v, v->d, v->x[0]);
        return true;
    }
    xv_lane_shift(v, XV_RIGHT, v->t[0], v->x[0], n);
    xv_lane_shift(v, XV_LEFT, v->d, v->x[0], bits - n);
    xv3(v, XO_POR, v->d, v->d, v->t[0]);
    return true;
}

/* ---- by lanes ---- */

void xv_by_lane(X64Vec *v, unsigned esize, unsigned group, unsigned d, unsigned a, unsigned n)
{
    static const X64Op op[3][3] = { { XV_PSLLVW, XV_PSRLVW, XV_PSRAVW },
                                    { XV_PSLLVD, XV_PSRLVD, XV_PSRAVD },
                                    { XV_PSLLVD | X_W, XV_PSRLVD | X_W, XV_PSRAVD | X_W } };
    X64Op o = op[esize - 1][group == XV_LEFT ? 0 : group == XV_RIGHT ? 1 : 2];

    if (esize == 3 && group == XV_ARITH && !v->f->avx512) { /* ~(~a >> n) of negative ones */
        xv_signmask(v, 3, 0, a);
        xv3(v, XO_PXOR, v->d, a, 0); /* which is written last of all */
        xv3(v, op[2][1], d, v->d, n);
        xv3(v, XO_PXOR, d, d, 0);
        return;
    }
    xv3(v, esize == 3 && group == XV_ARITH ? o | X_EVEX : o, d, a, n);
}

void xv_shlv_lanes(X64Vec *v, unsigned esize, unsigned d, unsigned a, unsigned c)
{
    unsigned t = v->t[2], u = v->t[3];
    bool is_signed = v->variant & 1, round = v->variant & 2;
    unsigned right = is_signed ? XV_ARITH : XV_RIGHT;

    xv_zero(v, t);
    xv3(v, xv_sub_op(esize), t, t, c);
    xv_by_lane(v, esize, right, t, a, t);
    if (round) { /* and the bit below */
        xv_not(v, u, c, u);
        xv_by_lane(v, esize, right, u, a, u);
        xv_with2(v, XO_PAND, u, u, xv_lanes(esize, 1));
        xv3(v, xv_add_op(esize), t, t, u);
    }
    if (is_signed || round) { /* right shifts where the count is negative */
        xv_signmask(v, esize, u, c);
        xv3(v, XO_PAND, t, t, u);
    }
    xv_by_lane(v, esize, XV_LEFT, d, a, c);
    xv3(v, XO_POR, d, d, t); /* a count of 0 gives a both ways */
}

void xv_counts(X64Vec *v, unsigned esize, unsigned d, unsigned b)
{
    unsigned n = (8u << esize) - 8;

    if (esize == 3 && !v->f->avx512) {
        xv_with(v, XO_PSHUFB, d, b, 0x0800, 0);
        xv2(v, XV_PMOVSXBQ, d, d);
    } else if (esize == 3) {
        xv_shift(v, 3, XV_LEFT, d, b, n);
        x64_vshift(v->a, XV_PSRAQ_I, XV_ARITH, d, d, (uint8_t)n);
    } else {
        xv_shift(v, esize, XV_LEFT, d, b, n);
        xv_shift(v, esize, XV_ARITH, d, d, n);
    }
}

/*
 * Bytes, by products: to the left with 2^n, to the right with 2^(8 - n), of which the upper byte
 * is wanted. Powers come from a table; the greatest index stands for all counts beyond.
 */
static void x64_vec_shlv_bytes(X64Vec *v)
{
    static const uint64_t left[2] = { 0x8040201008040201, 0 };
    unsigned d = v->d, a = v->x[0], b = v->x[1], l = v->t[0], r = v->t[1];
    unsigned t = v->t[2], u = v->t[3];
    bool is_signed = v->variant & 1, round = v->variant & 2;
    uint64_t beyond = is_signed && !round ? 0x0101010101010101 : 1; /* the sign; else nothing */

    xv_with2(v, XO_PMINUB, u, b, xv_lanes(0, 15));
    xv_const(v->e, l, left[0], left[1]);
    xv3(v, XO_PSHUFB, l, l, u);
    xv_zero(v, d);
    xv3(v, XO_PSUBB, u, d, b);
    xv_with2(v, XO_PMINUB, u, u, xv_lanes(0, 15));
    xv_const(v->e, r, 0x0204081020408000, beyond);
    xv3(v, XO_PSHUFB, r, r, u);
    xv_signmask(v, 0, u, b);
    xv3(v, XO_PAND, r, r, u); /* 0 where the count is not negative */
    for (unsigned odd = 0; odd < 2; odd++) {
        xv_wide_bytes(v, t, a, odd, is_signed);
        xv_wide_bytes(v, u, r, odd, false);
        xv3(v, XO_PMULLW, t, t, u);
        if (round) {
            xv_with2(v, XO_PADDW, t, t, xv_lanes(1, 0x80));
        }
        if (odd) {
            xv_with2(v, XO_PAND, t, t, xv_lanes(1, 0xff00));
            xv3(v, XO_POR, d, d, t);
        } else {
            xv_shift(v, 1, XV_RIGHT, d, t, 8);
        }
        xv_wide_bytes(v, t, a, odd, false);
        xv_wide_bytes(v, u, l, odd, false);
        xv3(v, XO_PMULLW, t, t, u);
        if (odd) {
            xv_shift(v, 1, XV_LEFT, t, t, 8);
        } else {
            xv_with2(v, XO_PAND, t, t, xv_lanes(1, 0xff));
        }
        xv3(v, XO_POR, d, d, t);
    }
}

bool x64_vec_shlv(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], c = v->t[1];
    unsigned group = v->variant & 1 ? XV_ARITH : XV_RIGHT, wide = v->esize + 1;
    unsigned bits = 8u << v->esize;

    if (!v->f->avx512 && v->esize == 0) {
        x64_vec_shlv_bytes(v);
        return true;
    }
    if (!v->f->avx512 && !v->f->avx2) {
        return false;
    }
    if (v->esize > 1 || (v->esize && v->f->avx512)) {
        xv_counts(v, v->esize, c, b);
        xv_shlv_lanes(v, v->esize, d, a, c);
        return true;
    }
    /* odd lanes, then even ones, as lanes of twice the size */
    xv_shift(v, wide, group, t, a, bits);
    if (v->esize) { /* the count is the lane's low byte */
        xv_shift(v, wide, XV_LEFT, c, b, 8);
        xv_shift(v, wide, XV_ARITH, c, c, 24);
    } else {
        xv_shift(v, wide, XV_ARITH, c, b, 8);
    }
    xv_shlv_lanes(v, wide, t, t, c);
    xv_shift(v, wide, XV_LEFT, t, t, bits);
    if (v->variant & 1) {
        xv_shift(v, wide, XV_LEFT, d, a, bits);
        xv_shift(v, wide, XV_ARITH, d, d, bits);
    } else {
        xv_with2(v, XO_PAND, d, a, xv_lanes(wide, (1u << bits) - 1));
    }
    xv_counts(v, wide, c, b);
    xv_shlv_lanes(v, wide, d, d, c);
    xv_with2(v, XO_PAND, d, d, xv_lanes(wide, (1u << bits) - 1));
    xv3(v, XO_POR, d, d, t);
    return true;
}

/* ---- sizes of lanes ---- */

bool x64_vec_widen(X64Vec *v)
{
    static const X64Op zx[4] = { 0, XO_PMOVZXBW, XO_PMOVZXWD, XO_PMOVZXDQ };
    static const X64Op sx[4] = { 0, XO_PMOVSXBW, XO_PMOVSXWD, XO_PMOVSXDQ };
    unsigned a = v->x[0];

    if (!v->esize) {
        return false;
    }
    if (v->variant & 2 && v->width != IR_W128) {
        return false;
    }
    if (a == XV_MEM) {
        v->m.disp += v->variant & 2 ? 8 : 0;
        x64_v2m(v->a, v->variant & 1 ? sx[v->esize] : zx[v->esize], v->d, v->m);
        return true;
    }
    if (v->variant & 2) { /* the high half of what the result's width needs */
        xv2i(v, XO_PSHUFD, v->d, a, 0xee);
        a = v->d;
    }
    xv2(v, v->variant & 1 ? sx[v->esize] : zx[v->esize], v->d, a);
    return true;
}

bool x64_vec_narrow(X64Vec *v)
{
    static const uint64_t pick[2] = { 0x0e0c0a0806040200, 0x0d0c090805040100 };

    if (v->esize == 3) {
        return false;
    }
    if (v->esize == 2) {
        xv2i(v, XO_PSHUFD, v->d, v->x[0], 0x08);
        return true;
    }
    xv_with(v, XO_PSHUFB, v->d, v->x[0], pick[v->esize], xv_signs(0));
    v->clean = v->width == IR_W64;
    return true;
}
