/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating-point operations of mixed formats and those that only Arm has, inline: FMLAL, BFCVT,
 * FRINT32Z and its like, FRECPX, FJCVTZS.
 * Specs: Intel SDM vol. 2; Arm ARM DDI 0487, shared pseudocode FPMulAddH, FPConvertBF,
 * FPRoundIntN, FPRecpX, FPToFixedJS.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

enum { ROUND_MXCSR = 4, ROUND_TRUNCATE = 3, ROUND_QUIET = 8, CMP_NLT = 5 };

/* Singles a + halves b * c. A half is a single exactly; NaNs show in the result. */
static bool mixed_fmlal(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool narrow = ir_desc_width(desc) == IR_W64, high = ir_desc_variant(desc) & 1;
    bool minus = ir_desc_variant(desc) & 2;
    unsigned x[3], t[2], d;
    X64Stub *s;

    if (!e->feat->fma || !e->feat->f16c) {
        return false;
    }
    x64_flags_save(e);
    e->xlocked |= 1u << 3; /* which the checks use */
    for (unsigned k = 0; k < 3; k++) {
        x[k] = x64_xreg(e, insn->arg[k], k < 2 ? k + 1 : 0);
        if (x[k] == 0) {
            x[k] = x64_xtmp(e);
            x64_vmov(&e->a, x[k], 0);
        }
        e->xlocked |= 1u << x[k];
    }
    t[0] = x64_xtmp(e);
    t[1] = x64_xtmp(e);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, x, 3);
    if (narrow) {
        x64_fp_low(e, 8, d, x[0]);
    } else {
        x64_vmov(&e->a, d, x[0]);
    }
    x64_fp_check_inputs(e, s, 2, false, &d, 1);
    for (unsigned k = 0; k < 2; k++) {
        unsigned from = x[k + 1];

        if (high) {
            x64_v2i(&e->a, XO_PSHUFD, t[k], from, narrow ? 0x55 : 0xee);
            from = t[k];
        }
        x64_v2(&e->a, XO_CVTPH2PS, t[k], from);
        if (narrow) {
            x64_fp_low(e, 8, t[k], t[k]);
        }
    }
    x64_vex_rr(&e->a, XO_FMA231 + (minus ? 4 : 0), d, t[0], t[1]);
    x64_fp_check_tiny(e, s, desc, d);
    if (narrow) {
        x64_fp_low(e, 8, d, d); /* sums of zeros of both signs */
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* ---- to bfloat16 ---- */

/*
 * d := the two lower singles of @a rounded to the 8 bits of a bfloat16: as doubles, adding and
 * taking away +-1.5 * 2^(45 + exponent) rounds there, in the guest's mode, and raises what is due.
 * Uses xmm0, xmm3.
 */
static void mixed_bf_round(X64Emit *e, X64Vec *v, bool scalar, unsigned d, unsigned a)
{
    enum { UP = 45 };

    x64_v2(&e->a, XO_CVTFP, d, a);
    xv_with2(v, XO_PAND, 0, d, 0xfff0000000000000);
    xv_with2(v, XO_PADDQ, 0, 0, (uint64_t)UP << 52 | 1ull << 51);
    x64_v3(&e->a, x64_fp_op(XO_ADDPS, 3, scalar), d, d, 0);
    x64_v3(&e->a, x64_fp_op(XO_SUBPS, 3, scalar), d, d, 0);
    x64_v2(&e->a, XO_CVTFP | X_66, d, d);
}

static bool mixed_bfcvt(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool scalar = ir_desc_width(insn->imm) == IR_SCALAR;
    X64Vec v = { .e = e, .a = &e->a, .f = e->feat };
    unsigned a, x, d, t;
    X64Stub *s;

    x64_flags_save(e);
    a = x = x64_xreg(e, insn->arg[0], 1);
    e->xlocked |= 1u << a | 1u << 1 | 1u << 2 | 1u << 3;
    t = x64_xtmp(e);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    if (scalar) {
        x64_fp_low(e, 4, 2, a);
        x = 2;
    }
    /* zeros and normal numbers */
    xv_with2(&v, XO_PAND, 0, x, xv_lanes(2, INT32_MAX));
    xv_with2(&v, XO_PSUBD, 3, 0, xv_lanes(2, 0x00800000));
    xv_with2(&v, XO_PMINUD, d, 3, xv_lanes(2, 0x7effffff));
    x64_v3(&e->a, XO_PCMPEQD, 3, 3, d);
    x64_v3(&e->a, XO_PXOR, d, d, d);
    x64_v3(&e->a, XO_PCMPEQD, 0, 0, d);
    x64_v3(&e->a, XO_POR, 0, 0, 3);
    x64_v2(&e->a, XO_MOVMSKPS, RAX, 0);
    x64_alu_ri(&e->a, ALU_CMP, false, RAX, 15);
    x64_jcc(&e->a, CC_NE, &s->entry);
    mixed_bf_round(e, &v, scalar, d, x);
    if (!scalar) {
        x64_v2i(&e->a, XO_PSHUFD, 3, x, 0xee);
        mixed_bf_round(e, &v, false, t, 3);
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, t);
    }
    xv_with2(&v, XO_PAND, 0, x, xv_signs(2));
    xv_with2(&v, XO_PAND, d, d, xv_lanes(2, INT32_MAX)); /* zeros have a sign by rounding now */
    x64_v3(&e->a, XO_POR, d, d, 0);
    x64_vshift(&e->a, XO_PSHIFTD_I, XV_RIGHT, d, d, 16);
    x64_v3(&e->a, XO_PXOR, 0, 0, 0);
    x64_v3(&e->a, XV_PACKUSDW, d, d, 0);
    x64_bind(&e->a, &s->back);
    return true;
}

/* ---- to integral values that fit an integer ---- */

static bool mixed_rint_sized(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR, dbl = ir_desc_esize(desc) == 3;
    bool to64 = ir_desc_variant(desc) & 1;
    X64Op op = XO_ROUND + dbl + (scalar ? 2 : 0);
    uint8_t imm = ir_desc_round(desc) == IR_ROUND_ENV ? ROUND_MXCSR : ROUND_TRUNCATE;
    uint64_t end = dbl ? (to64 ? 0x43e0000000000000 : 0x41e0000000000000)
                       : xv_lanes(2, to64 ? 0x5f000000 : 0x4f000000);
    X64Mem abs = x64_fp_const(e, dbl ? offsetof(X64FpConst, abs64) : offsetof(X64FpConst, abs32));
    unsigned a, d;
    X64Stub *s;

    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    if (ir_desc_width(desc) == IR_W64 && x64_fp_width(e, insn->arg[0]) > 8) {
        x64_fp_low(e, 8, 1, a);
        a = 1;
    }
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, &a, 1);
    if (scalar) {
        x64_v3(&e->a, XO_XORPS, d, d, d);
        x64_v3i(&e->a, op, d, d, a, imm | ROUND_QUIET);
    } else {
        x64_v2i(&e->a, op, d, a, imm | ROUND_QUIET);
    }
    x64_fp_opm(e, XO_ANDPS, 0, d, abs);
    xv_const(e, 3, end, end);
    if (scalar) {
        x64_v2(&e->a, XO_UCOMIS | (dbl ? X_66 : 0), 3, 0);
        x64_jcc(&e->a, CC_BE, &s->entry); /* or unordered */
    } else {
        x64_v3i(&e->a, x64_fp_op(XO_CMPPS, ir_desc_esize(desc), false), 0, 0, 3, CMP_NLT);
        x64_fp_check_mask(e, s, 0);
    }
    if (scalar) { /* is it inexact? */
        x64_v3i(&e->a, op, 3, 3, a, imm);
    } else {
        x64_v2i(&e->a, op, 3, a, imm);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* ---- exponents ---- */

/* Normal numbers: all bits of the exponent the other way, no fraction. */
static bool mixed_recpx(X64Emit *e, unsigned id, const IrInsn *insn)
{
    static const uint64_t exponents[4] = { 0, 0x7c00, 0x7f800000, 0x7ff0000000000000 };
    static const uint64_t signs[4] = { 0, 0x8000, 0x80000000, 0x8000000000000000 };
    unsigned esize = ir_desc_esize(insn->imm), a, d;
    bool w = esize == 3;
    X64Stub *s;

    if (ir_desc_width(insn->imm) != IR_SCALAR) {
        return false;
    }
    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_v2(&e->a, XO_MOVD_ST | X_W_IF(w), a, RAX);
    x64_mov_imm(&e->a, RDX, exponents[esize]);
    x64_mov_rr(&e->a, w, RCX, RAX);
    x64_alu_rr(&e->a, ALU_AND, w, RCX, RDX);
    x64_jcc(&e->a, CC_E, &s->entry); /* zero, subnormal */
    x64_alu_rr(&e->a, ALU_XOR, w, RCX, RDX);
    x64_jcc(&e->a, CC_E, &s->entry); /* infinity, NaN */
    x64_mov_imm(&e->a, RDX, signs[esize]);
    x64_alu_rr(&e->a, ALU_AND, w, RAX, RDX);
    x64_alu_rr(&e->a, ALU_OR, w, RAX, RCX);
    x64_v2(&e->a, XO_MOVD_LD | X_W_IF(w), d, RAX);
    x64_bind(&e->a, &s->back);
    return true;
}

/* To 32 bits; what does not fit goes to the stub. Lane 1: whether it was exact (-0 is not). */
static bool mixed_jcvt(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned a, d;
    X64Stub *s;

    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, 3, true, &a, 1);
    x64_v2(&e->a, x64_fp_op(XO_CVTTF2SI, 3, true), RCX, a);
    x64_alu_ri(&e->a, ALU_CMP, false, RCX, 1); /* overflows for the least integer alone */
    x64_jcc(&e->a, CC_O, &s->entry);
    x64_v3(&e->a, XO_XORPS, 0, 0, 0);
    if (e->a.avx) {
        x64_vex_rr(&e->a, x64_fp_op(XO_CVTSI2F, 3, true), 0, 0, RCX);
    } else {
        x64_rr(&e->a, x64_fp_op(XO_CVTSI2F, 3, true), 0, RCX);
    }
    x64_v2(&e->a, XO_MOVD_ST | X_W, 0, RAX);
    x64_v2(&e->a, XO_MOVD_ST | X_W, a, RDX);
    x64_alu_rr(&e->a, ALU_CMP, true, RAX, RDX);
    x64_setcc(&e->a, CC_E, RAX);
    x64_rr(&e->a, XO_MOVZX8, RAX, RAX);
    x64_shift_ri(&e->a, SH_SHL, true, RAX, 32);
    x64_alu_rr(&e->a, ALU_OR, true, RAX, RCX);
    x64_v2(&e->a, XO_MOVD_LD | X_W, d, RAX);
    x64_bind(&e->a, &s->back);
    return true;
}

bool x64_fp_mixed(X64Emit *e, unsigned id, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_VFMLAL:
        return mixed_fmlal(e, id, insn);
    case IR_VBFCVT:
        return mixed_bfcvt(e, id, insn);
    case IR_VFRINTSIZED:
        return mixed_rint_sized(e, id, insn);
    case IR_VFRECPX:
        return mixed_recpx(e, id, insn);
    case IR_VFJCVTZS:
        return mixed_jcvt(e, id, insn);
    default:
        return false;
    }
}
