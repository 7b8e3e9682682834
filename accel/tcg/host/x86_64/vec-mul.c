/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: products that widen, sums of products. */
#include "accel/tcg/host/x86_64/vec-priv.h"

bool xv_mull(X64Vec *v, unsigned esize, bool is_signed, bool high, unsigned d, unsigned a,
             unsigned b, unsigned t)
{
    if (esize == 0 || (high && v->width != IR_W128)) {
        return false;
    }
    switch (esize) {
    case 1:
        if (high) {
            xv2i(v, XO_PSHUFD, t, a, 0xee);
            xv2i(v, XO_PSHUFD, d, b, 0xee);
            a = t;
            b = d;
        }
        xv2(v, is_signed ? XO_PMOVSXBW : XO_PMOVZXBW, t, a);
        xv2(v, is_signed ? XO_PMOVSXBW : XO_PMOVZXBW, d, b);
        xv3(v, XO_PMULLW, d, d, t);
        return true;
    case 2:
        xv3(v, XO_PMULLW, d, a, b);
        xv3(v, is_signed ? XV_PMULHW : XV_PMULHUW, t, a, b);
        xv3(v, high ? XO_PUNPCKHWD : XO_PUNPCKLWD, d, d, t);
        return true;
    default: /* the even lanes of both count */
        xv2i(v, XO_PSHUFD, d, a, high ? 0x32 : 0x10);
        xv2i(v, XO_PSHUFD, t, b, high ? 0x32 : 0x10);
        xv3(v, is_signed ? XO_PMULDQ : XO_PMULUDQ, d, d, t);
        return true;
    }
}

bool x64_vec_mull(X64Vec *v)
{
    return xv_mull(v, v->esize, v->variant & 1, v->variant & 2, v->d, v->x[0], v->x[1], v->t[0]);
}

/* Polynomial products bit by bit, from the top of @b's lanes: d = 2 d ^ (bit ? a : 0). */
static void x64_vec_pmul_lanes(X64Vec *v, unsigned esize, unsigned a, unsigned b)
{
    unsigned d = v->d, m = v->t[2];

    for (unsigned n = 0; n < 8; n++) {
        xv_signmask(v, esize, m, b);
        xv3(v, XO_PAND, m, m, a);
        if (n == 0) {
            xv_mov(v, d, m);
        } else {
            xv3(v, xv_add_op(esize), d, d, d);
            xv3(v, XO_PXOR, d, d, m);
        }
        if (n < 7) {
            xv3(v, xv_add_op(esize), b, b, b);
        }
    }
}

bool x64_vec_pmul(X64Vec *v)
{
    xv_mov(v, v->t[0], v->x[1]);
    x64_vec_pmul_lanes(v, 0, v->x[0], v->t[0]);
    return true;
}

bool x64_vec_pmull(X64Vec *v)
{
    unsigned a = v->t[0], b = v->t[1];

    if (v->esize == 1) { /* of bytes: those of b in the upper halves of the lanes */
        xv_zero(v, b);
        xv3(v, v->variant & 2 ? XO_PUNPCKHBW : XO_PUNPCKLBW, b, b, v->x[1]);
        if (v->variant & 2) {
            xv2i(v, XO_PSHUFD, a, v->x[0], 0xee);
            xv2(v, XO_PMOVZXBW, a, a);
        } else {
            xv2(v, XO_PMOVZXBW, a, v->x[0]);
        }
        x64_vec_pmul_lanes(v, 1, a, b);
        return true;
    }
    if (!v->f->pclmul || v->esize != 3) {
        return false;
    }
    xv3i(v, XO_PCLMULQDQ, v->d, v->x[0], v->x[1], v->variant & 2 ? 0x11 : 0);
    v->clean = true;
    return true;
}

/*
 * VPDPBUSD multiplies unsigned by signed bytes. With c = (c ^ 80) + 128 an unsigned c becomes a
 * signed one and 128 times the sum of b, which is twice a product with 64; with b = (b ^ 80) - 128
 * a signed b becomes an unsigned one less 128 times the sum of c.
 */
static void x64_vec_dot_vnni(X64Vec *v, unsigned b, unsigned c)
{
    unsigned d = v->d, t = v->t[0], u = v->t[1];

    switch (v->variant) {
    case 0:
        xv_with2(v, XO_PXOR, t, c, xv_signs(0));
        xv3(v, XV_PDPBUSD, d, b, t);
        xv_const(v->e, t, xv_lanes(0, 0x40), xv_lanes(0, 0x40));
        xv3(v, XV_PDPBUSD, d, b, t);
        xv3(v, XV_PDPBUSD, d, b, t);
        break;
    case 1:
        xv_const(v->e, u, xv_signs(0), xv_signs(0));
        xv3(v, XO_PXOR, t, b, u);
        xv3(v, XV_PDPBUSD, d, t, c);
        xv_zero(v, t);
        xv3(v, XV_PDPBUSD, t, u, c);
        xv3(v, XO_PSUBD, d, d, t);
        break;
    default:
        xv3(v, XV_PDPBUSD, d, b, c);
        break;
    }
}

/* d += the sums of four products; uses t[0] and t[1]. */
static void x64_vec_dot_add(X64Vec *v, unsigned b, unsigned c)
{
    if (v->f->vnni) {
        x64_vec_dot_vnni(v, b, c);
        return;
    }
    for (unsigned odd = 0; odd < 2; odd++) {
        xv_wide_bytes(v, v->t[0], b, odd, v->variant == 1);
        xv_wide_bytes(v, v->t[1], c, odd, v->variant != 0);
        xv3(v, XV_PMADDWD, v->t[0], v->t[0], v->t[1]);
        xv3(v, XO_PADDD, v->d, v->d, v->t[0]);
    }
}

bool x64_vec_dot(X64Vec *v)
{
    xv_mov(v, v->d, v->x[0]);
    x64_vec_dot_add(v, v->x[1], v->x[2]);
    return true;
}

/* The halves of the rows as the four lanes want them. */
bool x64_vec_mmla(X64Vec *v)
{
    unsigned b = v->t[2], c = v->t[3];

    xv_mov(v, v->d, v->x[0]);
    xv2i(v, XO_PSHUFD, b, v->x[1], 0xa0);
    xv2i(v, XO_PSHUFD, c, v->x[2], 0x88);
    x64_vec_dot_add(v, b, c);
    xv2i(v, XO_PSHUFD, b, v->x[1], 0xf5);
    xv2i(v, XO_PSHUFD, c, v->x[2], 0xdd);
    x64_vec_dot_add(v, b, c);
    return true;
}
