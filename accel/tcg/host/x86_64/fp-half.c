/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half precision by way of singles (F16C). A single has more than twice the bits of a half and two,
 * so that a sum, difference, product, quotient or root of halves that is rounded twice is what one
 * rounding gives, in every mode, and none of them leaves the range of singles; what is inexact the
 * first time is inexact. Left to the reference functions, as with the other formats: NaNs, and the
 * least normal number, to which Arm lets a tiny one underflow.
 *
 * A fused sum may have more bits. Rounded to nearest twice it is wrong only where the single lies
 * half-way between two halves; those and tiny ones go out of line.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

enum {
    HALF_MXCSR = 4, /* the rounding of VCVTPS2PH */
    HALF_QUIET = 8, /* of ROUNDPS: never inexact */
    HALF_ABS = 0x7fff,
    HALF_INF = 0x7c00,
    HALF_LEAST = 0x0400, /* normal number */
    CMP_EQ = 0,
    CMP_LT = 1,
    CMP_LE = 2,
    CMP_UNORD = 3,
};

typedef struct Half {
    X64Emit *e;
    X64Vec v; /* for the pieces of vec.c */
    const IrInsn *insn;
    X64Stub *s;
    bool scalar;
    unsigned n, x[3], t[3], d; /* operands, the same as singles, result */
} Half;

static void half_no(Half *h, unsigned mask)
{
    x64_v2(&h->e->a, XO_MOVMSKPS, RAX, mask);
    if (h->scalar) {
        x64_test_ri(&h->e->a, RAX, 1);
    } else {
        x64_rr(&h->e->a, XO_TEST, RAX, RAX);
    }
    x64_jcc(&h->e->a, CC_NE, &h->s->entry);
}

static X64Op half_op(const Half *h, X64Op op)
{
    return x64_fp_op(op, 2, h->scalar);
}

/* To the stub where operands are unordered. */
static void half_ordered(Half *h)
{
    x64_v3i(&h->e->a, XO_CMPPS, 0, h->t[0], h->t[h->n > 1], CMP_UNORD);
    half_no(h, 0);
}

static void half_minmax(Half *h, bool min)
{
    X64Op op = min ? XO_MINPS : XO_MAXPS;

    half_ordered(h);
    x64_v3(&h->e->a, op, 0, h->t[0], h->t[1]);
    x64_v3(&h->e->a, op, h->t[0], h->t[1], h->t[0]);
    x64_v3(&h->e->a, min ? XO_ORPS : XO_ANDPS, h->t[0], h->t[0], 0);
}

/* Lanes of t[0] that are half-way, tiny but not zero, or NaNs, to the stub. */
static void half_check_fused(Half *h)
{
    enum { BELOW = 0x1fff, MIDDLE = 0x1000, LEAST = 0x38800000 };
    unsigned r = h->t[0], t = h->t[1], u = h->t[2];
    X64Asm *a = &h->e->a;

    xv_with2(&h->v, XO_PAND, t, r, xv_lanes(2, BELOW));
    xv_with2(&h->v, XO_PCMPEQD, t, t, xv_lanes(2, MIDDLE));
    xv_with2(&h->v, XO_PAND, u, r, xv_lanes(2, INT32_MAX));
    x64_v3(a, XO_PCMPEQD, 0, 0, 0);
    x64_v3(a, XO_PADDD, u, u, 0); /* less one: 0 is the greatest */
    xv_with2(&h->v, XO_PMINUD, 0, u, xv_lanes(2, LEAST - 1));
    x64_v3(a, XO_PCMPEQD, u, u, 0);
    x64_v3(a, XO_POR, t, t, u);
    x64_v3i(a, XO_CMPPS, 0, r, r, CMP_UNORD);
    x64_v3(a, XO_POR, t, t, 0);
    half_no(h, t);
}

static void half_compare(Half *h)
{
    unsigned variant = ir_desc_variant(h->insn->imm);

    half_ordered(h);
    if (variant == 0) {
        x64_v3i(&h->e->a, XO_CMPPS, h->t[0], h->t[0], h->t[1], CMP_EQ);
    } else { /* a >= b is b <= a */
        x64_v3i(&h->e->a, XO_CMPPS, h->t[0], h->t[1], h->t[0], variant == 1 ? CMP_LE : CMP_LT);
    }
}

/* 2 - a * b, (3 - a * b) / 2: fused sums. */
static void half_step(Half *h)
{
    bool rsqrt = h->insn->op == IR_VFRSQRTS;
    uint64_t first = rsqrt ? 0x40400000 : 0x40000000;

    xv_const(h->e, h->t[2], xv_lanes(2, first), xv_lanes(2, first));
    x64_vex_rr(&h->e->a, XO_FMA231 + h->scalar + 4, h->t[2], h->t[0], h->t[1]);
    if (rsqrt) {
        x64_fp_opm(h->e, half_op(h, XO_MULPS), h->t[2], h->t[2],
                   x64_fp_const(h->e, offsetof(X64FpConst, half32)));
    }
    x64_vmov(&h->e->a, h->t[0], h->t[2]);
    half_check_fused(h);
}

static void half_rint(Half *h)
{
    IrDesc desc = h->insn->imm;
    X64Op op = XO_ROUND + (h->scalar ? 2 : 0);
    unsigned imm;

    if (!x64_fp_round(ir_desc_round(desc), &imm)) {
        x64_fp_round_away(h->e, 2, h->scalar, h->t[0]);
        x64_vmov(&h->e->a, h->t[0], 3);
        return;
    }
    imm |= ir_desc_variant(desc) & 1 ? 0 : HALF_QUIET;
    if (h->scalar) {
        x64_v3i(&h->e->a, op, h->t[0], h->t[0], h->t[0], (uint8_t)imm);
    } else {
        x64_v2i(&h->e->a, op, h->t[0], h->t[0], (uint8_t)imm);
    }
}

/* t[0] := the operation on the singles in t[]. */
static void half_single(Half *h)
{
    static const X64Op arith[] = { [IR_VFADD - IR_VFADD] = XO_ADDPS,
                                   [IR_VFSUB - IR_VFADD] = XO_SUBPS,
                                   [IR_VFMUL - IR_VFADD] = XO_MULPS,
                                   [IR_VFMULX - IR_VFADD] = XO_MULPS,
                                   [IR_VFDIV - IR_VFADD] = XO_DIVPS };
    unsigned variant = ir_desc_variant(h->insn->imm);

    switch (h->insn->op) {
    case IR_VFSQRT:
        x64_v3(&h->e->a, XO_XORPS, 0, 0, 0);
        if (h->scalar) {
            x64_v3(&h->e->a, half_op(h, XO_SQRTPS), h->t[0], 0, h->t[0]);
        } else {
            x64_v2(&h->e->a, XO_SQRTPS, h->t[0], h->t[0]);
        }
        break;
    case IR_VFMA:
        x64_vex_rr(&h->e->a, XO_FMA231 + h->scalar + (variant & 2 ? 2 : 0) + (variant & 1 ? 4 : 0),
                   h->t[0], h->t[1], h->t[2]);
        half_check_fused(h);
        break;
    case IR_VFMIN:
    case IR_VFMINNM:
        half_minmax(h, true);
        break;
    case IR_VFMAX:
    case IR_VFMAXNM:
        half_minmax(h, false);
        break;
    case IR_VFCMP:
        half_compare(h);
        break;
    case IR_VFRECPS:
    case IR_VFRSQRTS:
        half_step(h);
        break;
    case IR_VFRINT:
        half_rint(h);
        break;
    default:
        x64_v3(&h->e->a, half_op(h, arith[h->insn->op - IR_VFADD]), h->t[0], h->t[0], h->t[1]);
        break;
    }
}

/* One number, or four from the low or the high half of the operands, to @d. */
static void half_pass(Half *h, bool high, unsigned d)
{
    X64Asm *a = &h->e->a;

    for (unsigned k = 0; k < h->n; k++) {
        unsigned x = h->x[k];

        if (high) {
            x64_v2i(a, XO_PSHUFD, h->t[k], x, 0xee);
            x = h->t[k];
        }
        x64_v2(a, XO_CVTPH2PS, h->t[k], x);
    }
    half_single(h);
    if (h->scalar) {
        x64_fp_low(h->e, 4, h->t[0], h->t[0]);
    }
    if (h->insn->op == IR_VFCMP) {
        x64_v3(a, XO_PXOR, 0, 0, 0);
        x64_v3(a, XV_PACKSSDW, d, h->t[0], 0);
        if (h->scalar) {
            xv_with(&h->v, XO_PAND, d, d, 0xffff, 0);
        }
    } else {
        x64_vex_rri(a, XO_CVTPS2PH, h->t[0], 0, d, HALF_MXCSR);
    }
}

/* NaNs, and with @tiny the least normal number, in the result to the stub. */
static void half_check(Half *h, bool tiny)
{
    X64Asm *a = &h->e->a;

    xv_with2(&h->v, XO_PAND, 0, h->d, xv_lanes(1, HALF_ABS));
    if (tiny) {
        xv_with2(&h->v, XO_PCMPEQW, h->t[0], 0, xv_lanes(1, HALF_LEAST));
    }
    xv_with2(&h->v, XO_PCMPGTW, 0, 0, xv_lanes(1, HALF_INF));
    if (tiny) {
        x64_v3(a, XO_POR, 0, 0, h->t[0]);
    }
    x64_v2(a, XO_PTEST, 0, 0);
    x64_jcc(a, CC_NE, &h->s->entry);
}

static unsigned half_args(const X64Emit *e, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFMULX:
    case IR_VFDIV:
    case IR_VFMIN:
    case IR_VFMAX:
    case IR_VFMINNM:
    case IR_VFMAXNM:
    case IR_VFCMP:
        return 2;
    case IR_VFSQRT:
        return 1;
    case IR_VFRINT: /* to odd and ties away, inexact: nobody has that */
        return ir_desc_round(insn->imm) == FP_ODD ||
                       (ir_desc_round(insn->imm) == FP_RNA && (ir_desc_variant(insn->imm) & 1))
                   ? 0
                   : 1;
    case IR_VFMA:
        return e->feat->fma ? 3 : 0;
    case IR_VFRECPS:
    case IR_VFRSQRTS:
        return e->feat->fma ? 2 : 0;
    default:
        return 0;
    }
}

bool x64_fp_half(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrWidth width = ir_desc_width(insn->imm);
    Half h = { .e = e, .insn = insn, .scalar = width == IR_SCALAR, .n = half_args(e, insn) };
    bool tiny = insn->op == IR_VFMUL || insn->op == IR_VFMULX || insn->op == IR_VFDIV;

    if (!h.n || !e->feat->f16c) {
        return false;
    }
    h.v = (X64Vec){ .e = e, .a = &e->a, .f = e->feat };
    x64_flags_save(e);
    for (unsigned k = 0; k < h.n; k++) {
        h.x[k] = x64_xreg(e, insn->arg[k], k + 1);
        e->xlocked |= 1u << h.x[k];
    }
    if (insn->op == IR_VFRINT) {
        e->xlocked |= 1u << 2 | 1u << 3; /* which rounding away uses */
    }
    for (unsigned k = 0; k < (h.n == 1 ? 1u : 3u); k++) {
        h.t[k] = x64_xtmp(e);
    }
    h.d = x64_xdef(e, id);
    h.s = x64_fp_slow(e, insn, h.d, h.x, h.n);
    half_pass(&h, false, h.d);
    if (width == IR_W128) {
        half_pass(&h, true, h.t[0]);
        x64_v3(&e->a, XO_PUNPCKLQDQ, h.d, h.d, h.t[0]);
    }
    if (tiny || insn->op == IR_VFADD || insn->op == IR_VFSUB || insn->op == IR_VFSQRT ||
        insn->op == IR_VFRINT) {
        half_check(&h, tiny);
    }
    x64_bind(&e->a, &h.s->back);
    return true;
}
