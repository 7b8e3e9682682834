/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: shifts that saturate, by a constant or by lanes. */
#include "accel/tcg/host/x86_64/vec-priv.h"

/* The count that all lanes have; -1: they differ, or are not known now. */
static int x64_vec_same_count(const X64Vec *v)
{
    const IrInsn *c = x64_insn(v->e, v->insn->arg[1]);
    const IrV128 *k;
    unsigned bytes = ir_desc_lanes(v->desc) << v->esize;

    if (c->op != IR_VCONST) {
        return -1;
    }
    k = &v->e->ir->vconst[c->imm];
    for (unsigned n = 0; n < bytes; n += 1u << v->esize) {
        if (k->u8[n] != k->u8[0]) {
            return -1;
        }
    }
    return k->u8[0] < 8u << v->esize ? k->u8[0] : -1;
}

/* It fits where shifting back gives what there was; else the end on the operand's side. */
static bool x64_vec_qshl_constant(X64Vec *v, unsigned n)
{
    unsigned d = v->d, a = v->x[0], fits = v->t[0], end = v->t[1];
    bool is_signed = v->variant & 1, to_signed = (v->variant & 5) == 1;

    xv_lane_shift(v, XV_LEFT, end, a, n);
    xv_lane_shift(v, to_signed ? XV_ARITH : XV_RIGHT, fits, end, n);
    xv3(v, xv_eq_op(v->esize), fits, fits, a);
    if (to_signed) {
        xv_signmask(v, v->esize, d, a);
        xv_with2(v, XO_PXOR, d, d, ~xv_signs(v->esize));
        xv3(v, XO_PXOR, end, end, d);
        xv3(v, XO_PAND, end, end, fits);
        xv3(v, XO_PXOR, d, d, end);
    } else if (is_signed) { /* negative ones become 0 */
        xv_signmask(v, v->esize, d, a);
        xv3(v, XO_PANDN, fits, d, fits);
        xv3(v, XO_PAND, end, end, fits);
        xv3(v, XO_POR, d, d, fits);
        xv_with2(v, XO_PXOR, d, d, UINT64_MAX);
        xv3(v, XO_POR, d, d, end);
    } else {
        xv_with2(v, XO_PXOR, d, fits, UINT64_MAX);
        xv3(v, XO_POR, d, d, end);
    }
    xv_with2(v, XO_PXOR, fits, fits, UINT64_MAX);
    xv_saturated(v, fits, v->esize);
    return true;
}

/* ---- by lanes ---- */

/* Part of a wider lane that holds a narrow one in its upper bits. */
typedef struct Part {
    unsigned wide; /* size of the wider lane; the operation's own: no parts */
    uint64_t top;  /* mask of the narrow lane's place */
    uint64_t half; /* half a unit of the narrow lane */
} Part;

/*
 * @d := @a shifted by @c, @ok := all ones where nothing was lost: shifting back gives what there
 * was (or the count is negative). Uses t[2], t[3].
 */
static void x64_vec_qshl_lanes(X64Vec *v, const Part *p, unsigned d, unsigned ok, unsigned a,
                               unsigned c)
{
    unsigned right = v->variant & 1 ? XV_ARITH : XV_RIGHT, sign = v->t[2], t = v->t[3];

    xv_by_lane(v, p->wide, XV_LEFT, ok, a, c);
    xv_by_lane(v, p->wide, right, ok, ok, c);
    xv3(v, xv_eq_op(p->wide), ok, ok, a);
    xv_signmask(v, p->wide, sign, c);
    xv3(v, XO_POR, ok, ok, sign);
    if (p->wide == v->esize) {
        xv_shlv_lanes(v, p->wide, d, a, c);
        return;
    }
    /* The bits below the narrow lane hold what is shifted out of it. */
    xv_zero(v, t);
    xv3(v, xv_sub_op(p->wide), t, t, c);
    xv_by_lane(v, p->wide, right, t, a, t);
    if (v->variant & 2) {
        xv_with2(v, xv_add_op(p->wide), t, t, p->half);
    }
    xv3(v, XO_PAND, t, t, sign);
    xv_by_lane(v, p->wide, XV_LEFT, d, a, c);
    xv3(v, XO_POR, d, d, t);
}

/* @d := @ok ? @d : the end on the side of @a. Uses t[2]. */
static void x64_vec_qshl_end(X64Vec *v, unsigned esize, unsigned d, unsigned ok, unsigned a)
{
    unsigned end = v->t[2];

    if (v->variant & 1) {
        xv_signmask(v, esize, end, a);
        xv_with2(v, XO_PXOR, end, end, ~xv_signs(esize));
    } else {
        xv_ones(v, end);
    }
    xv3(v, XO_PXOR, d, d, end);
    xv3(v, XO_PAND, d, d, ok);
    xv3(v, XO_PXOR, d, d, end);
}

/* Lanes that the host cannot shift one by one: each as the upper part of a wider one. */
static void x64_vec_qshl_parts(X64Vec *v, Part *p)
{
    unsigned d = v->d, a = v->t[0], c = v->t[1], r = v->t[4], ok = v->t[5], bad = v->t[6];
    unsigned narrow = 8u << v->esize, bits = 8u << p->wide;
    unsigned parts = v->width == IR_SCALAR ? 1 : bits / narrow;

    p->top = xv_lanes(p->wide, ((1ull << narrow) - 1) << (bits - narrow));
    p->half = xv_lanes(p->wide, 1ull << (bits - narrow - 1));
    for (unsigned n = 0; n < parts; n++) {
        unsigned up = bits - narrow * (n + 1);

        xv_shift(v, p->wide, XV_LEFT, a, v->x[0], up);
        xv_with2(v, XO_PAND, a, a, p->top);
        xv_shift(v, p->wide, XV_LEFT, c, v->x[1], bits - 8 - narrow * n); /* its low byte */
        xv_shift(v, p->wide, XV_ARITH, c, c, bits - 8);
        x64_vec_qshl_lanes(v, p, r, ok, a, c);
        x64_vec_qshl_end(v, p->wide, r, ok, a);
        xv_with2(v, XO_PXOR, ok, ok, UINT64_MAX);
        xv_with2(v, XO_PAND, ok, ok, p->top);
        xv_with2(v, XO_PAND, r, r, p->top);
        xv_shift(v, p->wide, XV_RIGHT, n ? r : d, r, up);
        xv_shift(v, p->wide, XV_RIGHT, n ? ok : bad, ok, up);
        if (n) {
            xv3(v, XO_POR, d, d, r);
            xv3(v, XO_POR, bad, bad, ok);
        }
    }
    xv_saturated(v, bad, v->esize);
}

bool x64_vec_qshlv(X64Vec *v)
{
    int n = x64_vec_same_count(v);
    bool native = v->esize >= 2 || (v->esize == 1 && v->f->avx512);
    Part p = { .wide = native ? v->esize : v->f->avx512 ? 1 : 2 };

    if (n >= 0) {
        return x64_vec_qshl_constant(v, (unsigned)n);
    }
    if (!v->f->avx2 || v->variant & 4) {
        return false;
    }
    if (!native) {
        x64_vec_qshl_parts(v, &p);
        return true;
    }
    xv_counts(v, v->esize, v->t[1], v->x[1]);
    x64_vec_qshl_lanes(v, &p, v->d, v->t[0], v->x[0], v->t[1]);
    x64_vec_qshl_end(v, v->esize, v->d, v->t[0], v->x[0]);
    xv_with2(v, XO_PXOR, v->t[0], v->t[0], UINT64_MAX);
    xv_saturated(v, v->t[0], v->esize);
    return true;
}
