/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding to odd, which the host has not: doubles to singles so rounded (FCVTXN), by way of that
 * to halves, and the sums of products of bfloat16 (BFDOT, BFMMLA). Spec: Arm ARM DDI 0487, shared
 * pseudocode FPRoundingMode_ODD, BFDotAdd, BFMul, BFAdd.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

enum {
    CMP_LT = 1,
    CMP_UNORD = 3,
    CMP_NEQ = 4,
    CMP_NLE = 6,
    MXCSR_OVERFLOW = 8,
    FRAME_GUEST = X64_FRAME_MXCSR + 4, /* the guest's MXCSR meanwhile */
    FRAME_FLAGS = X64_FRAME_ARG,       /* 4 of those after parts of an operation */
};

/* What differs between the narrowings. */
typedef struct Odd {
    X64Emit *e;
    X64Vec v; /* for the pieces of vec.c */
    X64Stub *s;
    bool scalar;
    unsigned a, d, t, u; /* operand, result, temporaries */
} Odd;

static void odd_no(Odd *o, unsigned mask)
{
    x64_v2(&o->e->a, XO_MOVMSKPS | X_66, RAX, mask);
    if (o->scalar) {
        x64_test_ri(&o->e->a, RAX, 1);
    } else {
        x64_rr(&o->e->a, XO_TEST, RAX, RAX);
    }
    x64_jcc(&o->e->a, CC_NE, &o->s->entry);
}

/*
 * d := the doubles as singles rounded to odd, with the host raising what is due: all but zeros and
 * numbers that are normal singles in any rounding go to the stub. Uses xmm0, xmm3, rax.
 */
static void odd_narrow(Odd *o)
{
    static const uint64_t abs = INT64_MAX, least = 0x3810000000000000, most = 0x47efffffe0000000;
    X64Asm *a = &o->e->a;
    X64Op cmp = x64_fp_op(XO_CMPPS, 3, false);

    xv_with2(&o->v, XO_PAND, o->u, o->a, abs);
    xv_const(o->e, 3, least, least);
    x64_v3i(a, cmp, o->t, o->u, 3, CMP_LT);
    x64_v3(a, XO_PXOR, 0, 0, 0);
    x64_v3i(a, cmp, 0, 0, o->u, CMP_LT);
    x64_v3(a, XO_PAND, o->t, o->t, 0);
    xv_const(o->e, 3, most, most);
    x64_v3i(a, cmp, 0, o->u, 3, CMP_NLE);
    x64_v3(a, XO_POR, o->t, o->t, 0);
    odd_no(o, o->t);
    if (o->scalar) {
        x64_v3(a, XO_XORPS, o->d, o->d, o->d);
        x64_v3(a, XO_CVTFP | X_F2, o->d, o->d, o->a);
        x64_v3(a, XO_XORPS, o->t, o->t, o->t);
        x64_v3(a, XO_CVTFP | X_F3, o->t, o->t, o->d);
    } else {
        x64_v2(a, XO_CVTFP | X_66, o->d, o->a);
        x64_v2(a, XO_CVTFP, o->t, o->d);
    }
    /* One less where the magnitude grew, then odd where it changed. */
    x64_v3i(a, cmp, 3, o->t, o->a, CMP_NEQ);
    xv_with2(&o->v, XO_PAND, o->t, o->t, abs);
    x64_v3i(a, cmp, o->u, o->u, o->t, CMP_LT);
    x64_v2i(a, XO_PSHUFD, o->u, o->u, 0x08);
    x64_v3(a, XO_PADDD, o->d, o->d, o->u);
    x64_v2i(a, XO_PSHUFD, 3, 3, 0x08);
    xv_with2(&o->v, XO_PAND, 3, 3, xv_lanes(2, 1));
    x64_v3(a, XO_POR, o->d, o->d, 3);
    x64_fp_low(o->e, o->scalar ? 4 : 8, o->d, o->d);
}

bool x64_fp_narrow_odd(X64Emit *e, unsigned id, const IrInsn *insn)
{
    enum { HALF_ABS = 0x7fff, HALF_LEAST = 0x0400 };
    bool half = ir_desc_esize(insn->imm) == 1;
    Odd o = { .e = e,
              .v = { .e = e, .a = &e->a, .f = e->feat },
              .scalar = ir_desc_width(insn->imm) == IR_SCALAR };

    if (half && (!o.scalar || !e->feat->f16c)) {
        return false;
    }
    x64_flags_save(e);
    o.a = x64_xreg(e, insn->arg[0], 1);
    e->xlocked |= 1u << o.a | 1u << 1 | 1u << 2 | 1u << 3;
    o.t = x64_xtmp(e);
    o.u = x64_xtmp(e);
    o.d = x64_xdef(e, id);
    o.s = x64_fp_slow(e, insn, o.d, &o.a, 1);
    odd_narrow(&o);
    if (half) { /* tiny ones may have been rounded to the least: Arm has that an underflow */
        x64_vex_rri(&e->a, XO_CVTPS2PH, o.d, 0, o.d, 4 /* by MXCSR */);
        x64_v2(&e->a, XO_MOVD_ST, o.d, RAX);
        x64_alu_ri(&e->a, ALU_AND, false, RAX, HALF_ABS);
        x64_alu_ri(&e->a, ALU_CMP, false, RAX, HALF_LEAST);
        x64_jcc(&e->a, CC_E, &o.s->entry);
    }
    x64_bind(&e->a, &o.s->back);
    return true;
}

/* ---- bfloat16 ---- */

/*
 * The products are exact, but for overflow; each of the two sums is made rounded down and up, under
 * an MXCSR that flushes, as the instruction does whatever FPCR says. It raises nothing, so the
 * guest's MXCSR is as before afterwards.
 */
typedef struct BfDot {
    X64Emit *e;
    X64Vec v;
    unsigned d, t[4], flags; /* flags: words of FRAME_FLAGS in use */
} BfDot;

static void bf_mxcsr(BfDot *b, unsigned up)
{
    x64_rm(&b->e->a, XO_MXCSR, 2,
           x64_fp_const(b->e, offsetof(X64FpConst, odd_mxcsr) + up * sizeof(uint32_t)));
}

static void bf_flags(BfDot *b)
{
    x64_rm(&b->e->a, XO_MXCSR, 3, x64_mem(RSP, FRAME_FLAGS + (int32_t)(4 * b->flags++)));
}

/* d := the one of less magnitude of @down and @up, odd if they differ. Destroys @down. */
static void bf_odd(BfDot *b, unsigned d, unsigned down, unsigned up)
{
    x64_v3i(&b->e->a, XO_CMPPS, 0, down, up, CMP_NEQ);
    x64_v3(&b->e->a, XO_PMINUD, d, down, up);
    xv_with2(&b->v, XO_PAND, 0, 0, xv_lanes(2, 1));
    x64_v3(&b->e->a, XO_POR, d, d, 0);
}

/* d := acc + the sums of both products. Uses t[], xmm0. */
static void bf_dot(BfDot *b, unsigned acc, unsigned x, unsigned y)
{
    X64Asm *a = &b->e->a;
    unsigned *t = b->t;

    bf_mxcsr(b, 0);
    x64_vshift(a, XO_PSHIFTD_I, XV_LEFT, t[0], x, 16);
    x64_vshift(a, XO_PSHIFTD_I, XV_LEFT, t[1], y, 16);
    xv_with2(&b->v, XO_PAND, t[2], x, xv_lanes(2, 0xffff0000));
    xv_with2(&b->v, XO_PAND, t[3], y, xv_lanes(2, 0xffff0000));
    x64_v3(a, XO_MULPS, t[0], t[0], t[1]);
    x64_v3(a, XO_MULPS, t[2], t[2], t[3]);
    x64_v3(a, XO_ADDPS, t[1], t[0], t[2]);
    bf_flags(b);
    bf_mxcsr(b, 1);
    x64_v3(a, XO_ADDPS, t[3], t[0], t[2]);
    bf_odd(b, t[0], t[1], t[3]);
    x64_v3(a, XO_ADDPS, t[3], acc, t[0]);
    bf_mxcsr(b, 0);
    x64_v3(a, XO_ADDPS, t[1], acc, t[0]);
    bf_flags(b);
    bf_odd(b, b->d, t[1], t[3]);
}

bool x64_fp_bfdot(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool matrix = insn->op == IR_VBFMMLA;
    BfDot b = { .e = e, .v = { .e = e, .a = &e->a, .f = e->feat } };
    unsigned x[3], r[2];
    X64Mem guest = x64_mem(RSP, FRAME_GUEST);
    X64Stub *s;

    x64_flags_save(e);
    for (unsigned k = 0; k < 3; k++) {
        x[k] = x64_xreg(e, insn->arg[k], k + 1);
        e->xlocked |= 1u << x[k];
    }
    r[0] = x[1];
    r[1] = x[2];
    for (unsigned k = 0; k < 4; k++) {
        b.t[k] = x64_xtmp(e);
    }
    for (unsigned k = 0; k < 2 && matrix; k++) {
        r[k] = x64_xtmp(e);
    }
    b.d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, b.d, x, 3);
    x64_rm(&e->a, XO_MXCSR, 3, guest);
    if (matrix) {
        x64_v2i(&e->a, XO_PSHUFD, r[0], x[1], 0xa0);
        x64_v2i(&e->a, XO_PSHUFD, r[1], x[2], 0x88);
    }
    bf_dot(&b, x[0], r[0], r[1]);
    if (matrix) {
        x64_v2i(&e->a, XO_PSHUFD, r[0], x[1], 0xf5);
        x64_v2i(&e->a, XO_PSHUFD, r[1], x[2], 0xdd);
        bf_dot(&b, b.d, r[0], r[1]);
    }
    x64_rm(&e->a, XO_MXCSR, 2, guest);
    x64_rm(&e->a, XO_MOV_R_RM, RAX, x64_mem(RSP, FRAME_FLAGS));
    for (unsigned k = 1; k < b.flags; k++) {
        x64_alu_rm(&e->a, ALU_OR, false, RAX, x64_mem(RSP, FRAME_FLAGS + (int32_t)(4 * k)));
    }
    x64_test_ri(&e->a, RAX, MXCSR_OVERFLOW);
    x64_jcc(&e->a, CC_NE, &s->entry);
    x64_v3i(&e->a, XO_CMPPS, 0, b.d, b.d, CMP_UNORD);
    x64_fp_check_mask(e, s, 0);
    if (ir_desc_width(insn->imm) == IR_W64) {
        x64_fp_low(e, 8, b.d, b.d);
    }
    x64_bind(&e->a, &s->back);
    return true;
}
