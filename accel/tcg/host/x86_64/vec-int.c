/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: bits, sums, products, comparisons, counts in lanes. */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

X64Op xv_add_op(unsigned esize)
{
    static const X64Op op[4] = { XO_PADDB, XO_PADDW, XO_PADDD, XO_PADDQ };

    return op[esize];
}

X64Op xv_sub_op(unsigned esize)
{
    static const X64Op op[4] = { XO_PSUBB, XO_PSUBW, XO_PSUBD, XO_PSUBQ };

    return op[esize];
}

X64Op xv_eq_op(unsigned esize)
{
    static const X64Op op[4] = { XO_PCMPEQB, XO_PCMPEQW, XO_PCMPEQD, XO_PCMPEQQ };

    return op[esize];
}

X64Op xv_gt_op(unsigned esize)
{
    static const X64Op op[4] = { XO_PCMPGTB, XO_PCMPGTW, XO_PCMPGTD, XO_PCMPGTQ };

    return op[esize];
}

/* ---- bits ---- */

bool x64_vec_logic(X64Vec *v)
{
    switch (v->op) {
    case IR_VAND:
        xv3(v, XO_PAND, v->d, v->x[0], v->x[1]);
        return true;
    case IR_VOR:
        xv3(v, XO_POR, v->d, v->x[0], v->x[1]);
        return true;
    case IR_VXOR:
        xv3(v, XO_PXOR, v->d, v->x[0], v->x[1]);
        return true;
    case IR_VANDC:
        xv3(v, XO_PANDN, v->d, v->x[1], v->x[0]);
        return true;
    default: /* VORC */
        if (v->f->avx512) {
            xv3i(v, XV_PTERNLOGD, v->d, v->x[0], v->x[1], 0xdd);
        } else {
            xv_not(v, v->t[0], v->x[1], v->t[0]);
            xv3(v, XO_POR, v->d, v->x[0], v->t[0]);
        }
        return true;
    }
}

bool x64_vec_not(X64Vec *v)
{
    xv_not(v, v->d, v->x[0], v->t[0]);
    return true;
}

bool x64_vec_bsl(X64Vec *v)
{
    if (v->f->avx512) {
        xv_mov(v, v->d, v->x[0]);
        xv3i(v, XV_PTERNLOGD, v->d, v->x[1], v->x[2], 0xca); /* d ? second : third */
        return true;
    }
    xv3(v, XO_PXOR, v->d, v->x[1], v->x[2]);
    xv3(v, XO_PAND, v->d, v->d, v->x[0]);
    xv3(v, XO_PXOR, v->d, v->d, v->x[2]);
    return true;
}

bool x64_vec_fsign(X64Vec *v)
{
    uint64_t sign = xv_signs(v->esize);

    if (v->op == IR_VFNEG) {
        xv_with2(v, XO_PXOR, v->d, v->x[0], sign);
    } else {
        xv_with2(v, XO_PAND, v->d, v->x[0], ~sign);
    }
    return true;
}

/* ---- sums and products ---- */

bool x64_vec_arith(X64Vec *v)
{
    xv3(v, v->op == IR_VADD ? xv_add_op(v->esize) : xv_sub_op(v->esize), v->d, v->x[0], v->x[1]);
    return true;
}

bool x64_vec_neg(X64Vec *v)
{
    xv_zero(v, v->d);
    xv3(v, xv_sub_op(v->esize), v->d, v->d, v->x[0]);
    return true;
}

void xv_signmask(X64Vec *v, unsigned esize, unsigned d, unsigned a)
{
    if (esize == 1 || esize == 2) {
        xv_shift(v, esize, XV_ARITH, d, a, 31);
    } else if (v->f->avx512 && esize == 3) {
        x64_vshift(v->a, XV_PSRAQ_I, XV_ARITH, d, a, 63);
    } else {
        xv_zero(v, d);
        xv3(v, xv_gt_op(esize), d, d, a);
    }
}

bool x64_vec_abs(X64Vec *v)
{
    static const X64Op op[4] = { XO_PABSB, XO_PABSW, XO_PABSD, XV_PABSQ };

    if (v->esize < 3 || v->f->avx512) {
        xv2(v, op[v->esize], v->d, v->x[0]);
        return true;
    }
    xv_signmask(v, 3, v->t[0], v->x[0]);
    xv3(v, XO_PXOR, v->d, v->x[0], v->t[0]);
    xv3(v, XO_PSUBQ, v->d, v->d, v->t[0]);
    return true;
}

bool x64_vec_mul(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], u = v->t[1];

    switch (v->esize) {
    case 0: /* even bytes as they are; odd ones as (a >> 8) * (b & ff00) */
        xv_shift(v, 1, XV_RIGHT, t, a, 8);
        xv_with2(v, XO_PAND, u, b, xv_lanes(1, 0xff00));
        xv3(v, XO_PMULLW, t, t, u);
        xv3(v, XO_PMULLW, d, a, b);
        xv_with2(v, XO_PAND, d, d, xv_lanes(1, 0xff));
        xv3(v, XO_POR, d, d, t);
        return true;
    case 1:
        xv3(v, XO_PMULLW, d, a, b);
        return true;
    case 2:
        xv3(v, XO_PMULLD, d, a, b);
        return true;
    default:
        if (v->f->avx512) {
            xv3(v, XV_PMULLQ, d, a, b);
            return true;
        }
        xv_shift(v, 3, XV_RIGHT, t, a, 32);
        xv3(v, XO_PMULUDQ, t, t, b);
        xv_shift(v, 3, XV_RIGHT, u, b, 32);
        xv3(v, XO_PMULUDQ, u, u, a);
        xv3(v, XO_PADDQ, t, t, u);
        xv_shift(v, 3, XV_LEFT, t, t, 32);
        xv3(v, XO_PMULUDQ, d, a, b);
        xv3(v, XO_PADDQ, d, d, t);
        return true;
    }
}

/* ---- comparisons ---- */

void xv_minmax(X64Vec *v, bool is_signed, bool max, unsigned esize, unsigned d, unsigned a,
               unsigned b, unsigned t0, unsigned t1)
{
    static const X64Op op[4][4] = {
        { XO_PMINUB, XO_PMINUW, XO_PMINUD, XV_PMINUQ },
        { XO_PMAXUB, XO_PMAXUW, XO_PMAXUD, XV_PMAXUQ },
        { XO_PMINSB, XO_PMINSW, XO_PMINSD, XV_PMINSQ },
        { XO_PMAXSB, XO_PMAXSW, XO_PMAXSD, XV_PMAXSQ },
    };

    if (esize < 3 || v->f->avx512) {
        xv3(v, op[2 * is_signed + max][esize], d, a, b);
        return;
    }
    if (is_signed) {
        xv3(v, XO_PCMPGTQ, t0, a, b);
    } else {
        xv_with2(v, XO_PXOR, t0, a, xv_signs(3));
        xv_with2(v, XO_PXOR, t1, b, xv_signs(3));
        xv3(v, XO_PCMPGTQ, t0, t0, t1);
    }
    xv3(v, XO_PXOR, t1, a, b);
    xv3(v, max ? XO_PAND : XO_PANDN, t0, t0, t1);
    xv3(v, XO_PXOR, d, b, t0);
}

bool x64_vec_minmax(X64Vec *v)
{
    bool is_signed = v->op == IR_VSMIN || v->op == IR_VSMAX;
    bool max = v->op == IR_VUMAX || v->op == IR_VSMAX;

    xv_minmax(v, is_signed, max, v->esize, v->d, v->x[0], v->x[1], v->t[0], v->t[1]);
    return true;
}

/* Unsigned 64-bit lanes: greater, with the signs inverted. */
static void x64_vec_cmp_u64(X64Vec *v, unsigned a, unsigned b)
{
    xv_with2(v, XO_PXOR, v->t[0], a, xv_signs(3));
    xv_with2(v, XO_PXOR, v->t[1], b, xv_signs(3));
    xv3(v, XO_PCMPGTQ, v->d, v->t[0], v->t[1]);
}

static bool x64_vec_cmp_unsigned(X64Vec *v, IrCmp cmp)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1];

    if (v->esize == 3) {
        bool swap = cmp == IR_LTU || cmp == IR_GEU;

        x64_vec_cmp_u64(v, swap ? b : a, swap ? a : b);
        return cmp == IR_GEU || cmp == IR_LEU;
    }
    /* a >= b where max(a, b) = a */
    xv_minmax(v, false, cmp == IR_GEU || cmp == IR_LTU, v->esize, d, a, b, 0, 0);
    xv3(v, xv_eq_op(v->esize), d, d, a);
    return cmp == IR_LTU || cmp == IR_GTU;
}

bool x64_vec_cmp(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1];
    IrCmp cmp = (IrCmp)v->variant;
    bool invert = false;

    switch (cmp) {
    case IR_EQ:
    case IR_NE:
        xv3(v, xv_eq_op(v->esize), d, a, b);
        invert = cmp == IR_NE;
        break;
    case IR_GTS:
    case IR_LES:
        xv3(v, xv_gt_op(v->esize), d, a, b);
        invert = cmp == IR_LES;
        break;
    case IR_LTS:
    case IR_GES:
        xv3(v, xv_gt_op(v->esize), d, b, a);
        invert = cmp == IR_GES;
        break;
    default:
        invert = x64_vec_cmp_unsigned(v, cmp);
        break;
    }
    if (invert) {
        xv_not(v, d, d, v->t[0]);
    }
    return true;
}

/* ---- differences and means ---- */

bool x64_vec_abd(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0];
    bool is_signed = v->variant & 1;

    if (v->esize < 2 && !is_signed) {
        xv3(v, v->esize ? XV_PSUBUSW : XV_PSUBUSB, t, a, b);
        xv3(v, v->esize ? XV_PSUBUSW : XV_PSUBUSB, d, b, a);
        xv3(v, XO_POR, d, d, t);
        return true;
    }
    xv_minmax(v, is_signed, false, v->esize, t, a, b, v->t[1], v->t[2]);
    xv_minmax(v, is_signed, true, v->esize, d, a, b, v->t[1], v->t[2]);
    xv3(v, xv_sub_op(v->esize), d, d, t);
    return true;
}

/* (a ^ b) >> 1, signed or not, of lanes of 16 bits and more. */
static bool x64_vec_half_xor(X64Vec *v, bool is_signed, unsigned d)
{
    if (is_signed && v->esize == 3 && !v->f->avx512) {
        return false;
    }
    xv3(v, XO_PXOR, d, v->x[0], v->x[1]);
    if (is_signed && v->esize == 3) {
        x64_vshift(v->a, XV_PSRAQ_I, XV_ARITH, d, d, 1);
    } else {
        xv_shift(v, v->esize, is_signed ? XV_ARITH : XV_RIGHT, d, d, 1);
    }
    return true;
}

/* (a + b) >> 1 = (a & b) + ((a ^ b) >> 1), rounded up (a | b) - ((a ^ b) >> 1); bytes by PAVGB. */
bool x64_vec_hadd(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], u = v->t[1];
    bool is_signed = v->variant & 1, up = v->variant & 2;
    uint64_t sign = xv_signs(v->esize);

    if (v->esize == 0 || (v->esize == 1 && !is_signed && up)) {
        if (is_signed) {
            xv_with2(v, XO_PXOR, t, a, sign);
            xv_with2(v, XO_PXOR, u, b, sign);
        }
        xv3(v, v->esize ? XO_PAVGW : XO_PAVGB, d, is_signed ? t : a, is_signed ? u : b);
        if (is_signed) {
            xv_with2(v, XO_PXOR, d, d, sign);
        }
        if (!up) { /* it rounds up where the lowest bits differ */
            xv3(v, XO_PXOR, t, a, b);
            xv_with2(v, XO_PAND, t, t, xv_lanes(v->esize, 1));
            xv3(v, xv_sub_op(v->esize), d, d, t);
        }
        return true;
    }
    if (!x64_vec_half_xor(v, is_signed, t)) {
        return false;
    }
    xv3(v, up ? XO_POR : XO_PAND, d, a, b);
    xv3(v, up ? xv_sub_op(v->esize) : xv_add_op(v->esize), d, d, t);
    return true;
}

/* (a - b) >> 1 = ((a ^ b) >> 1) - (~a & b); bytes: the mean of a and ~b, 80 less. */
bool x64_vec_hsub(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0];
    bool is_signed = v->variant & 1;

    if (v->esize == 0) {
        if (is_signed) {
            xv_with2(v, XO_PXOR, t, a, xv_signs(0));
            xv_with2(v, XO_PXOR, d, b, ~xv_signs(0));
            a = t;
        } else {
            xv_with2(v, XO_PXOR, d, b, UINT64_MAX);
        }
        xv3(v, XO_PAVGB, d, a, d);
        xv_with2(v, XO_PXOR, d, d, xv_signs(0));
        return true;
    }
    if (!x64_vec_half_xor(v, is_signed, t)) {
        return false;
    }
    xv3(v, XO_PANDN, d, a, b);
    xv3(v, xv_sub_op(v->esize), d, t, d);
    return true;
}

/* ---- bits of lanes ---- */

/* @d := table[low 4 bits of each byte of @a], @a having no others. */
static void x64_vec_nibbles(X64Vec *v, unsigned d, unsigned a, uint64_t lo, uint64_t hi)
{
    xv_const(v->e, d, lo, hi);
    xv3(v, XO_PSHUFB, d, d, a);
}

/* @lo and @hi := the nibbles of each byte of @a. */
static void x64_vec_split(X64Vec *v, unsigned lo, unsigned hi, unsigned a)
{
    xv_shift(v, 1, XV_RIGHT, hi, a, 4);
    xv_with2(v, XO_PAND, hi, hi, xv_lanes(0, 0x0f));
    xv_with2(v, XO_PAND, lo, a, xv_lanes(0, 0x0f));
}

bool x64_vec_cnt(X64Vec *v)
{
    if (v->f->bitalg) {
        xv2(v, XV_POPCNTB, v->d, v->x[0]);
        return true;
    }
    x64_vec_split(v, v->t[0], v->t[1], v->x[0]);
    x64_vec_nibbles(v, v->d, v->t[0], 0x0302020102010100, 0x0403030203020201);
    x64_vec_nibbles(v, v->t[0], v->t[1], 0x0302020102010100, 0x0403030203020201);
    xv3(v, XO_PADDB, v->d, v->d, v->t[0]);
    return true;
}

bool x64_vec_rbit(X64Vec *v)
{
    if (v->f->gfni) {
        xv_with_imm(v, XV_GF2P8AFFINEQB | X_W, v->d, v->x[0], 0x8040201008040201,
                    0x8040201008040201, 0);
        return true;
    }
    x64_vec_split(v, v->t[0], v->t[1], v->x[0]);
    x64_vec_nibbles(v, v->d, v->t[0], 0xe060a020c0408000, 0xf070b030d0509010);
    x64_vec_nibbles(v, v->t[0], v->t[1], 0x0e060a020c040800, 0x0f070b030d050901);
    xv3(v, XO_POR, v->d, v->d, v->t[0]);
    return true;
}

/* Leading zeros of the lanes of @a, which may be t[2]; uses t[0] and t[1]. */
static void x64_vec_clz_of(X64Vec *v, unsigned d, unsigned a)
{
    unsigned t = v->t[0], u = v->t[1];

    if (v->f->avx512 && v->esize >= 2) {
        xv2(v, XV_PLZCNTD | X_W_IF(v->esize == 3), d, a);
        return;
    }
    /* bytes: those of the high nibble, and where it is 0 those of the low one */
    x64_vec_split(v, t, u, a);
    x64_vec_nibbles(v, d, t, 0x0101010102020304, 0);
    x64_vec_nibbles(v, t, u, 0x0101010102020304, 0);
    xv_with2(v, XO_PCMPEQB, u, t, xv_lanes(0, 4));
    xv3(v, XO_PAND, d, d, u);
    xv3(v, XO_PADDB, d, d, t);
    for (unsigned esize = 1; esize <= v->esize; esize++) {
        unsigned half = 4u << esize;

        xv_shift(v, esize, XV_RIGHT, t, d, half);
        xv_with2(v, XO_PAND, d, d, xv_lanes(esize, (1ull << half) - 1));
        xv_with2(v, xv_eq_op(esize), u, t, xv_lanes(esize, half));
        xv3(v, XO_PAND, d, d, u);
        xv3(v, xv_add_op(esize), d, d, t);
    }
}

bool x64_vec_clz(X64Vec *v)
{
    x64_vec_clz_of(v, v->d, v->x[0]);
    return true;
}

/* Leading zeros after the bits were inverted in negative lanes, less the sign itself. */
bool x64_vec_cls(X64Vec *v)
{
    xv_signmask(v, v->esize, v->t[2], v->x[0]);
    xv3(v, XO_PXOR, v->t[2], v->t[2], v->x[0]);
    x64_vec_clz_of(v, v->d, v->t[2]);
    xv_with2(v, xv_sub_op(v->esize), v->d, v->d, xv_lanes(v->esize, 1));
    return true;
}

/* ---- estimates of integers ---- */

/* The fractions of floating-point estimates, by a gather; what is too small gives all ones. */
bool x64_vec_estimate(X64Vec *v)
{
    const X64Estimates *est = v->e->est;
    bool rsqrt = v->op == IR_VURSQRTE;
    unsigned d = v->d, a = v->x[0], i = v->t[0], t = v->t[1], u = v->t[2];

    if (!est || !v->f->avx2) {
        return false;
    }
    xv_shift(v, 2, XV_RIGHT, i, a, 23);
    xv_with2(v, XO_PAND, i, i, xv_lanes(2, 255));
    if (rsqrt) { /* those below a half have a table of their own, behind it */
        xv_shift(v, 2, XV_RIGHT, t, a, 22);
        xv_with2(v, XO_PAND, t, t, xv_lanes(2, 255));
        xv_with2(v, XO_POR, t, t, xv_lanes(2, 256));
        xv_signmask(v, 2, u, a);
        xv3(v, XO_PXOR, i, i, t);
        xv3(v, XO_PAND, i, i, u);
        xv3(v, XO_PXOR, i, i, t);
    }
    x64_mov_imm(v->a, RAX, (uintptr_t)(rsqrt ? est->rsqrt32 : est->recip32));
    xv_ones(v, t);
    xv_zero(v, d);
    x64_vex_rm(v->a, XV_PGATHERDD, d, t, (X64Mem){ .base = RAX, .index = (int8_t)i, .scale = 2 });
    xv_shift(v, 2, XV_LEFT, d, d, 8);
    xv_with2(v, XO_POR, d, d, xv_signs(2));
    if (rsqrt) {
        xv_shift(v, 2, XV_LEFT, t, a, 1);
        xv3(v, XO_POR, t, t, a);
        a = t;
    }
    xv_signmask(v, 2, t, a);
    xv_with2(v, XO_PXOR, t, t, UINT64_MAX);
    xv3(v, XO_POR, d, d, t);
    return true;
}
