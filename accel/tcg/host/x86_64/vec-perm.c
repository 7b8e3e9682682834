/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: lanes moved, and reduced across the vector. */
#include "accel/tcg/host/x86_64/vec-priv.h"

bool x64_vec_low(X64Vec *v)
{
    if (v->width == IR_W64) {
        xv2(v, XO_MOVQ_LD, v->d, v->x[0]);
        v->clean = true;
    } else {
        xv_mov(v, v->d, v->x[0]);
    }
    return true;
}

/* ---- across lanes ---- */

/* @d := @op of the 32-bit lanes of @a, in lane 0. Uses t[0]. */
static void x64_vec_fold32(X64Vec *v, X64Op op, unsigned d, unsigned a)
{
    unsigned t = v->t[0];

    if (v->width == IR_W128) {
        xv2i(v, XO_PSHUFD, t, a, 0xee);
        xv3(v, op, d, a, t);
        a = d;
    }
    xv2i(v, XO_PSHUFD, t, a, 0x55);
    xv3(v, op, d, a, t);
}

static void x64_vec_keep_lane(X64Vec *v)
{
    v->width = IR_SCALAR;
    xv_trim(v, v->d, v->esize);
    v->clean = true;
}

bool x64_vec_addv(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], t = v->t[0];

    if (v->width == IR_SCALAR) {
        return false;
    }
    switch (v->esize) {
    case 0: /* PSADBW with 0 sums the bytes of each half */
        xv_zero(v, t);
        xv3(v, XV_PSADBW, d, a, t);
        if (v->width == IR_W128) {
            xv2i(v, XO_PSHUFD, t, d, 0xee);
            xv3(v, XO_PADDD, d, d, t);
        }
        break;
    case 1:
        xv_with2(v, XV_PMADDWD, d, a, xv_lanes(1, 1));
        x64_vec_fold32(v, XO_PADDD, d, d);
        break;
    case 2:
        x64_vec_fold32(v, XO_PADDD, d, a);
        break;
    default:
        if (v->width != IR_W128) {
            return false;
        }
        xv2i(v, XO_PSHUFD, t, a, 0xee);
        xv3(v, XO_PADDQ, d, a, t);
        break;
    }
    x64_vec_keep_lane(v);
    return true;
}

/* 8- and 16-bit lanes: PHMINPOSUW, the others turned into an unsigned minimum. */
bool x64_vec_minmaxv(X64Vec *v)
{
    static const X64Op op[4] = { XO_PMINUD, XO_PMAXUD, XO_PMINSD, XO_PMAXSD };
    unsigned d = v->d, a = v->x[0], t = v->t[0];
    uint64_t max = v->variant & 1 ? UINT64_MAX : 0;
    uint64_t flip = (v->variant & 2 ? xv_signs(v->esize) : 0) ^ max;

    if (v->width == IR_SCALAR || v->esize == 3) {
        return false;
    }
    if (v->esize == 2) {
        x64_vec_fold32(v, op[v->variant & 3], d, a);
        x64_vec_keep_lane(v);
        return true;
    }
    if (v->width == IR_W64) {
        xv2i(v, XO_PSHUFD, d, a, 0x44);
        a = d;
    }
    if (flip) {
        xv_with2(v, XO_PXOR, d, a, flip);
        a = d;
    }
    if (v->esize == 0) { /* the high bytes become 0 */
        xv_shift(v, 1, XV_RIGHT, t, a, 8);
        xv3(v, XO_PMINUB, d, a, t);
        a = d;
    }
    xv2(v, XV_PHMINPOSUW, d, a);
    if (flip) {
        xv_with2(v, XO_PXOR, d, d, flip);
    }
    x64_vec_keep_lane(v);
    return true;
}

/* ---- between two vectors ---- */

bool x64_vec_zip(X64Vec *v)
{
    static const X64Op lo[4] = { XO_PUNPCKLBW, XO_PUNPCKLWD, XO_PUNPCKLDQ, XO_PUNPCKLQDQ };
    static const X64Op hi[4] = { XO_PUNPCKHBW, XO_PUNPCKHWD, XO_PUNPCKHDQ, XO_PUNPCKHQDQ };

    if (v->width == IR_W128) {
        xv3(v, v->variant ? hi[v->esize] : lo[v->esize], v->d, v->x[0], v->x[1]);
        return true;
    }
    if (v->esize == 3) {
        return false;
    }
    xv3(v, lo[v->esize], v->d, v->x[0], v->x[1]);
    if (v->variant) {
        xv2i(v, XO_PSHUFD, v->d, v->d, 0xee);
    }
    return true;
}

/* Even or odd lanes of a, then of b. */
bool x64_vec_uzp(X64Vec *v)
{
    static const uint64_t pick[2][2] = { { 0x0e0c0a0806040200, 0x0f0d0b0907050301 },
                                         { 0x0d0c090805040100, 0x0f0e0b0a07060302 } };
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], odd = v->variant & 1;

    if (v->width == IR_SCALAR || (v->esize == 3 && v->width != IR_W128)) {
        return false;
    }
    if (v->esize == 3) {
        xv3(v, odd ? XO_PUNPCKHQDQ : XO_PUNPCKLQDQ, d, a, b);
    } else if (v->width == IR_W64) {
        xv3(v, XO_PUNPCKLQDQ, d, a, b);
        if (v->esize == 2) {
            xv2i(v, XO_PSHUFD, d, d, odd ? 0x0d : 0x08);
        } else {
            xv_with(v, XO_PSHUFB, d, d, pick[v->esize][odd], xv_signs(0));
            v->clean = true;
        }
    } else if (v->esize == 2) {
        xv3i(v, XO_SHUFPS, d, a, b, odd ? 0xdd : 0x88);
    } else {
        xv_with2(v, XO_PSHUFB, d, a, pick[v->esize][odd]);
        xv_with2(v, XO_PSHUFB, t, b, pick[v->esize][odd]);
        xv3(v, XO_PUNPCKLQDQ, d, d, t);
    }
    return true;
}

/* The lanes of the one vector stay, those of the other move by one lane. */
bool x64_vec_trn(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], t = v->t[0], bits = 8u << v->esize;
    bool odd = v->variant & 1;

    if (v->esize == 3) {
        if (v->width != IR_W128) {
            return false;
        }
        xv3(v, odd ? XO_PUNPCKHQDQ : XO_PUNPCKLQDQ, d, a, b);
        return true;
    }
    if (odd) {
        xv_shift(v, v->esize + 1, XV_RIGHT, t, a, bits);
    } else {
        xv_shift(v, v->esize + 1, XV_LEFT, t, b, bits);
    }
    if (v->esize) {
        xv3i(v, XO_PBLENDW, d, odd ? t : a, odd ? b : t, v->esize == 2 ? 0xcc : 0xaa);
        return true;
    }
    xv_with2(v, XO_PAND, d, odd ? b : a, xv_lanes(1, odd ? 0xff00 : 0x00ff));
    xv3(v, XO_POR, d, d, t);
    return true;
}

bool x64_vec_ext(X64Vec *v)
{
    if (v->width == IR_W128) {
        xv3i(v, XO_PALIGNR, v->d, v->x[1], v->x[0], v->imm);
    } else {
        xv3(v, XO_PUNPCKLQDQ, v->d, v->x[0], v->x[1]);
        xv_bytes(v, false, v->d, v->d, v->imm);
    }
    return true;
}

/* ---- within one vector ---- */

bool x64_vec_rev(X64Vec *v)
{
    unsigned group = 1u << v->variant, lane = 1u << v->esize;
    IrV128 m;

    for (unsigned n = 0; n < 16; n++) {
        unsigned in = n & (group - 1);

        m.u8[n] =
            (uint8_t)((n & ~(group - 1)) | (group - lane - (in & ~(lane - 1))) | (in & (lane - 1)));
    }
    xv_with(v, XO_PSHUFB, v->d, v->x[0], m.u64[0], m.u64[1]);
    return true;
}

bool x64_vec_duplane(X64Vec *v)
{
    static const X64Op load[4] = { XV_PBROADCASTB, XV_PBROADCASTW, XV_PBROADCASTD, XV_PBROADCASTQ };
    unsigned d = v->d, a = v->x[0], lane = v->imm;

    if (a == XV_MEM && v->f->avx2) {
        v->m.disp += (int32_t)(lane << v->esize);
        x64_v2m(v->a, load[v->esize], d, v->m);
        return true;
    }
    if (a == XV_MEM) {
        x64_v2m(v->a, XO_MOVDQU_LD, d, v->m);
        a = d;
    }
    if (v->esize >= 2) {
        xv2i(v, XO_PSHUFD, d, a, v->esize == 3 ? (lane ? 0xee : 0x44) : lane * 0x55);
    } else if (lane == 0 && v->f->avx2) {
        xv2(v, v->esize ? XV_PBROADCASTW : XV_PBROADCASTB, d, a);
    } else {
        xv_with2(v, XO_PSHUFB, d, a,
                 v->esize ? xv_lanes(1, (lane * 2 + 1) << 8 | lane * 2) : xv_lanes(0, lane));
    }
    return true;
}

bool x64_vec_inslane(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], b = v->x[1], to = v->imm & 15, from = v->imm >> 8;

    switch (v->esize) {
    case 3:
        if (to) {
            xv3i(v, XV_SHUFPD, d, a, b, from << 1);
        } else {
            xv3i(v, XV_SHUFPD, d, b, a, from | 2);
        }
        return true;
    case 2:
        xv3i(v, XV_INSERTPS, d, a, b, from << 6 | to << 4);
        return true;
    case 1:
        if (from != to) {
            xv_with2(v, XO_PSHUFB, v->t[0], b, xv_lanes(1, (from * 2 + 1) << 8 | from * 2));
            b = v->t[0];
        }
        xv3i(v, XO_PBLENDW, d, a, b, 1u << to);
        return true;
    default:
        x64_v2i(v->a, XO_PEXTRB, b, RAX, (uint8_t)from);
        x64_vins(v->a, XO_PINSRB, d, a, RAX, (uint8_t)to);
        return true;
    }
}

/* ---- tables ---- */

static bool x64_vec_tbl_const(X64Vec *v, const IrInsn *index)
{
    IrV128 m = v->e->ir->vconst[index->imm];

    for (unsigned n = 0; n < 16; n++) {
        if (m.u8[n] > 15 || (v->width == IR_W64 && n >= 8)) {
            m.u8[n] = 0x80;
        }
    }
    xv_with(v, XO_PSHUFB, v->d, v->x[0], m.u64[0], m.u64[1]);
    v->clean = v->width == IR_W64;
    return true;
}

/* An index of 16 or more gets bit 7 by a saturating addition of 112. */
bool x64_vec_tbl(X64Vec *v)
{
    const IrInsn *index = x64_insn(v->e, v->insn->arg[1]);

    if (index->op == IR_VCONST) {
        return x64_vec_tbl_const(v, index);
    }
    xv_with2(v, XV_PADDUSB, v->t[0], v->x[1], xv_lanes(0, 0x70));
    xv3(v, XO_PSHUFB, v->d, v->x[0], v->t[0]);
    return true;
}

bool x64_vec_tbx(X64Vec *v)
{
    unsigned d = v->d, t = v->t[0], index = v->x[2];

    if (v->imm) {
        xv_with2(v, XO_PSUBB, t, index, xv_lanes(0, v->imm));
        index = t;
    }
    xv_with2(v, XV_PADDUSB, t, index, xv_lanes(0, 0x70));
    xv3(v, XO_PSHUFB, d, v->x[1], t);
    xv_blend(v, d, v->x[0], t);
    return true;
}
