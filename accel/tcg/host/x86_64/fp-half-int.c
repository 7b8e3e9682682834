/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between half precision and integers, by way of singles (F16C), which hold every half and every
 * 16-bit integer exactly. A greater integer that a single does not hold overflows a half however it
 * was rounded, so that rounding twice changes nothing, unless it is scaled: that calls.
 * Spec: Arm ARM DDI 0487, shared pseudocode FPToFixed, FixedToFP.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

enum { HI_MXCSR = 4, HI_QUIET = 8 };

typedef struct HalfInt {
    X64Emit *e;
    X64Vec v; /* for the pieces of vec.c */
    X64Stub *s;
    IrDesc desc;
    bool scalar, is_signed;
    unsigned t[2];
} HalfInt;

/* t[0], singles, times 2^n. Uses xmm0. */
static void hi_scale(HalfInt *h, int n)
{
    uint64_t by = xv_lanes(2, (uint64_t)(127 + n) << 23);

    if (n) {
        xv_const(h->e, 0, by, by);
        x64_v3(&h->e->a, XO_MULPS, h->t[0], h->t[0], 0);
    }
}

/*
 * @d := the lower four halves of @x as 16-bit integers, zero above; one that does not fit to the
 * stub. Uses xmm0, xmm2, xmm3, rax.
 */
static void hi_to_int(HalfInt *h, unsigned d, unsigned x)
{
    unsigned round = ir_desc_round(h->desc), imm, t = h->t[0], u = h->t[1];
    X64Asm *a = &h->e->a;

    x64_v2(a, XO_CVTPH2PS, t, x);
    if (h->scalar) {
        x64_fp_low(h->e, 4, t, t);
    }
    hi_scale(h, (int)ir_desc_immediate(h->desc));
    if (x64_fp_round(round, &imm)) {
        x64_v2i(a, XO_ROUND, u, t, (uint8_t)(imm | HI_QUIET));
    } else {
        x64_fp_round_away(h->e, 2, false, t);
        x64_vmov(a, u, 3);
    }
    x64_v2(a, XO_CVTTPS2DQ, u, u);
    if (h->is_signed) { /* the upper halves are zero then */
        xv_with2(&h->v, XO_PADDD, 0, u, xv_lanes(2, 0x8000));
        x64_vshift(a, XO_PSHIFTD_I, XV_RIGHT, 0, 0, 16);
    } else {
        x64_vshift(a, XO_PSHIFTD_I, XV_RIGHT, 0, u, 16);
    }
    x64_v2(a, XO_PTEST, 0, 0);
    x64_jcc(a, CC_NE, &h->s->entry);
    x64_v2i(a, XO_ROUND, t, t, FP_RTZ); /* is it inexact? */
    x64_v3(a, XO_PXOR, 0, 0, 0);
    x64_v3(a, h->is_signed ? XV_PACKSSDW : XV_PACKUSDW, d, u, 0);
}

/* @d := the lower four 16-bit integers of @x as halves, zero above. Uses xmm0. */
static void hi_from_int(HalfInt *h, unsigned d, unsigned x)
{
    unsigned t = h->t[0];

    x64_v2(&h->e->a, h->is_signed ? XO_PMOVSXWD : XO_PMOVZXWD, t, x);
    if (h->scalar) {
        x64_fp_low(h->e, 4, t, t);
    }
    x64_v2(&h->e->a, XO_CVTDQ2PS, t, t);
    hi_scale(h, -(int)ir_desc_immediate(h->desc));
    x64_vex_rri(&h->e->a, XO_CVTPS2PH, t, 0, d, HI_MXCSR);
}

bool x64_fp_half_integer(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool to = insn->op == IR_VFTOI;
    unsigned round = ir_desc_round(desc), x, d;
    HalfInt h = { .e = e,
                  .v = { .e = e, .a = &e->a, .f = e->feat },
                  .desc = desc,
                  .scalar = ir_desc_width(desc) == IR_SCALAR,
                  .is_signed = ir_desc_variant(desc) & 1 };

    if ((!to && insn->op != IR_VITOF) || !e->feat->f16c || round == FP_ODD) {
        return false;
    }
    if ((ir_desc_variant(desc) >> 1 & 3) != 1) {
        return x64_fp_convert(e, id, insn);
    }
    if ((!to && round != IR_ROUND_ENV) || ir_desc_immediate(desc) > 16) {
        return false;
    }
    x64_flags_save(e);
    x = x64_xreg(e, insn->arg[0], 1);
    e->xlocked |= 1u << x | 1u << 1 | 1u << 2 | 1u << 3;
    h.t[0] = x64_xtmp(e);
    h.t[1] = x64_xtmp(e);
    d = x64_xdef(e, id);
    h.s = x64_fp_slow(e, insn, d, &x, 1);
    for (unsigned high = 0; high <= (ir_desc_width(desc) == IR_W128); high++) {
        unsigned to_reg = high ? h.t[1] : d, from = x;

        if (high) {
            x64_v2i(&e->a, XO_PSHUFD, h.t[0], x, 0xee);
            from = h.t[0];
        }
        (to ? hi_to_int : hi_from_int)(&h, to_reg, from);
        if (high) {
            x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, h.t[1]);
        }
    }
    x64_bind(&e->a, &h.s->back);
    return true;
}
