/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating-point conversions inline: between formats, to and from integers, to integral values.
 * Specs: Intel SDM vol. 2; Arm ARM DDI 0487, shared pseudocode FPToFixed, FixedToFP, FPRoundInt.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

/* AVX-512 */
enum {
    XF_CVTUSI2SD = 0x7b | X_0F | X_F2,
    XF_CVTUSI2SS = 0x7b | X_0F | X_F3,
    XF_CVTUDQ2PS = 0x7a | X_0F | X_F2 | X_EVEX,
    XF_CVTUQQ2PD = 0x7a | X_0F | X_F3 | X_W | X_EVEX,
    XF_CVTQQ2PD = 0xe6 | X_0F | X_F3 | X_W | X_EVEX,
};

enum { ROUND_MXCSR = 4, ROUND_QUIET = 8, FP_CMP_NLT = 5 };

bool x64_fp_round(unsigned round, unsigned *imm)
{
    static const uint8_t mode[4] = { [FP_RNE] = 0, [FP_RUP] = 2, [FP_RDN] = 1, [FP_RTZ] = 3 };

    *imm = round == IR_ROUND_ENV ? ROUND_MXCSR : mode[round & 3];
    return round == IR_ROUND_ENV || round <= FP_RTZ;
}

static X64Op fp_round_op(unsigned esize, bool scalar)
{
    return XO_ROUND + (esize == 3) + (scalar ? 2 : 0);
}

void x64_fp_round_away(X64Emit *e, unsigned esize, bool scalar, unsigned a)
{
    bool dbl = esize == 3;
    X64Mem abs = x64_fp_const(e, dbl ? offsetof(X64FpConst, abs64) : offsetof(X64FpConst, abs32));
    X64Mem sign =
        x64_fp_const(e, dbl ? offsetof(X64FpConst, sign64) : offsetof(X64FpConst, sign32));
    X64Mem half =
        x64_fp_const(e, dbl ? offsetof(X64FpConst, half64) : offsetof(X64FpConst, half32));
    X64Mem one = x64_fp_const(e, dbl ? offsetof(X64FpConst, one64) : offsetof(X64FpConst, one32));

    if (scalar) {
        x64_v3(&e->a, XO_XORPS, 3, 3, 3);
        x64_v3i(&e->a, fp_round_op(esize, true), 3, 3, a, FP_RTZ | ROUND_QUIET);
    } else {
        x64_v2i(&e->a, fp_round_op(esize, false), 3, a, FP_RTZ | ROUND_QUIET);
    }
    x64_v3(&e->a, x64_fp_op(XO_SUBPS, esize, scalar), 0, a, 3);
    x64_fp_opm(e, XO_ANDPS, 0, 0, abs);
    x64_fp_opm(e, x64_fp_op(XO_CMPPS, esize, false), 0, 0, half);
    x64_byte(&e->a, FP_CMP_NLT);
    x64_fp_opm(e, XO_ANDPS, 0, 0, one);
    x64_fp_opm(e, XO_ANDPS, 2, a, sign);
    x64_v3(&e->a, XO_ORPS, 0, 0, 2); /* 1 or 0 with the sign of a */
    x64_v3(&e->a, x64_fp_op(XO_ADDPS, esize, scalar), 3, 3, 0);
}

/* The operand, with zeros above the width when that is W64. Uses xmm1. */
static unsigned fp_source(X64Emit *e, const IrInsn *insn)
{
    unsigned id = insn->arg[0], a = x64_xreg(e, id, 1);

    if (ir_desc_width(insn->imm) == IR_W64 && x64_fp_width(e, id) > 8) {
        x64_fp_low(e, 8, 1, a);
        return 1;
    }
    return a;
}

/* The operation after this one when it alone uses this one's value; 0: none. */
static unsigned fp_only_use(const X64Emit *e, unsigned id, IrOpcode op)
{
    unsigned j = id + 1;

    while (j < e->ir->n && x64_insn(e, j)->op == IR_NOP) {
        j++;
    }
    return j < e->ir->n && x64_insn(e, j)->op == op && x64_insn(e, j)->arg[0] == id &&
                   e->val[id].last == j
               ? j
               : 0;
}

/* ---- to integral values and between formats ---- */

static bool fp_rint(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR;
    X64Op op = fp_round_op(ir_desc_esize(desc), scalar);
    bool away = ir_desc_round(desc) == FP_RNA;
    unsigned imm, a, d;
    X64Stub *s;

    if (!x64_fp_round(ir_desc_round(desc), &imm) && (!away || ir_desc_variant(desc) & 1)) {
        return false;
    }
    imm |= ir_desc_variant(desc) & 1 ? 0 : ROUND_QUIET;
    x64_flags_save(e);
    a = fp_source(e, insn);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, &a, 1);
    if (away) {
        x64_fp_round_away(e, ir_desc_esize(desc), scalar, a);
        x64_vmov(&e->a, d, 3);
    } else if (scalar) {
        x64_v3(&e->a, XO_XORPS, d, d, d);
        x64_v3i(&e->a, op, d, d, a, (uint8_t)imm);
    } else {
        x64_v2i(&e->a, op, d, a, (uint8_t)imm);
    }
    x64_fp_check_nan(e, s, desc, d, d);
    x64_bind(&e->a, &s->back);
    return true;
}

/* Singles to halves: a number, or four. */
static bool fp_to_half(X64Emit *e, unsigned id, const IrInsn *insn)
{
    enum { HALF_ABS = 0x7fff, HALF_LEAST = 0x0400 };
    bool scalar = ir_desc_width(insn->imm) == IR_SCALAR;
    uint64_t lanes = scalar ? 1 : 0x0001000100010001;
    unsigned a, d, x;
    X64Stub *s;

    if (!e->feat->f16c || ir_desc_variant(insn->imm) != 2) {
        return false;
    }
    x64_flags_save(e);
    a = x = x64_xreg(e, insn->arg[0], 1);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, 2, scalar, &a, 1);
    x64_fp_check_nan(e, s, ir_desc(2, scalar ? IR_SCALAR : IR_W128), a, a);
    if (scalar && x64_fp_width(e, insn->arg[0]) > 4) {
        x64_fp_low(e, 4, 3, a);
        x = 3;
    }
    x64_vex_rri(&e->a, XO_CVTPS2PH, x, 0, d, ROUND_MXCSR);
    /* Which a tiny number may have been rounded to: Arm has that an underflow. */
    xv_const(e, 0, lanes * HALF_ABS, 0);
    x64_v3(&e->a, XO_PAND, 0, 0, d);
    xv_const(e, 3, lanes * HALF_LEAST, 0);
    x64_v3(&e->a, XO_PCMPEQW, 0, 0, 3);
    x64_v2(&e->a, XO_MOVD_ST | X_W, 0, RAX);
    if (scalar) {
        x64_rr(&e->a, 0x84 | X_BYTE, RAX, RAX); /* the lanes above are equal */
    } else {
        x64_rr(&e->a, XO_TEST | X_W, RAX, RAX);
    }
    x64_jcc(&e->a, CC_NE, &s->entry);
    x64_bind(&e->a, &s->back);
    return true;
}

/* Single and double; half to either. */
static bool fp_format(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned to = ir_desc_esize(desc), variant = ir_desc_variant(desc), from = variant & 3;
    bool scalar = ir_desc_width(desc) == IR_SCALAR, high = variant & 4;
    unsigned a, d;
    X64Stub *s;

    if (variant & 8 || (to == 1 && from == 3)) {
        return x64_fp_narrow_odd(e, id, insn);
    }
    if (to == 1) {
        return fp_to_half(e, id, insn);
    }
    if (from == to || from == 0 || (from == 1 && !e->feat->f16c) ||
        (from == 1 && to == 3 && !scalar)) {
        return false;
    }
    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    if (from >= 2) { /* half is not flushed by what flushes the others */
        x64_fp_check_inputs(e, s, from, scalar, &a, 1);
    }
    if (high) {
        x64_v2i(&e->a, XO_PSHUFD, 3, a, 0xee);
        a = 3;
    }
    if (from == 1) {
        x64_v2(&e->a, XO_CVTPH2PS, d, a);
        if (scalar) {
            x64_fp_low(e, 4, d, d);
        }
        a = d;
    } else if (scalar) {
        x64_v3(&e->a, XO_XORPS, d, d, d);
    }
    if (scalar && !(from == 1 && to == 2)) {
        x64_v3(&e->a, x64_fp_op(XO_CVTFP, from, true), d, d, a);
    } else if (from != 1) {
        x64_v2(&e->a, x64_fp_op(XO_CVTFP, from, false), d, a);
    }
    if (from == 3) {
        x64_fp_check_tiny(e, s, desc, d);
    } else {
        x64_fp_check_nan(e, s, desc, d, d);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* ---- to integers ---- */

/* Exponents from which on a positive value, rounded, may not fit; sign and exponent of the value
 * as one number are compared, so negative ones are out too. */
static unsigned fp_unsigned_limit(unsigned esize, unsigned to, bool truncates)
{
    unsigned bits = to == 3 ? 63 : truncates ? 32 : 31;

    return (esize == 3 ? 1023 : 127) + bits;
}

/* xmm3 := @a rounded by @round, raising nothing, or, if @loud, inexact where it is due. */
static void fp_to_integral(X64Emit *e, unsigned esize, unsigned round, bool loud, unsigned a)
{
    unsigned imm;

    if (x64_fp_round(round, &imm)) {
        x64_v3i(&e->a, fp_round_op(esize, true), 3, a, a,
                (uint8_t)(imm | (loud ? 0 : ROUND_QUIET)));
    } else {
        if (loud) {
            x64_v3i(&e->a, fp_round_op(esize, true), 3, a, a, FP_RTZ);
        }
        x64_fp_round_away(e, esize, true, a);
    }
}

/* xmm3 := @a * 2^frac, exactly: what may overflow goes to the stub. Uses rax. */
static void fp_scale_up(X64Emit *e, X64Stub *s, unsigned esize, unsigned frac, unsigned a)
{
    bool dbl = esize == 3;

    x64_v2(&e->a, XO_MOVD_ST | X_W_IF(dbl), a, RAX);
    x64_alu_rr(&e->a, ALU_ADD, dbl, RAX, RAX);
    x64_shift_ri(&e->a, SH_SHR, dbl, RAX, dbl ? 53 : 24);
    x64_alu_ri(&e->a, ALU_CMP, false, RAX, (dbl ? 1023 : 127) + 62);
    x64_jcc(&e->a, CC_A, &s->entry);
    x64_mov_imm(&e->a, RAX, dbl ? (uint64_t)(1023 + frac) << 52 : (127 + frac) << 23);
    x64_v2(&e->a, XO_MOVD_LD | X_W, 3, RAX);
    x64_v3(&e->a, x64_fp_op(XO_MULPS, esize, true), 3, 3, a);
}

/* General register @r := @a as an integer, or to the stub. Uses rax, xmm0, xmm2, xmm3. */
static void fp_to_int(X64Emit *e, X64Stub *s, IrDesc desc, unsigned r, unsigned a)
{
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);
    unsigned to = variant >> 1 & 3, round = ir_desc_round(desc), from = a;
    bool env = round == IR_ROUND_ENV, given = !env && round != FP_RTZ;
    X64Op op = x64_fp_op(env ? XO_CVTF2SI : XO_CVTTF2SI, esize, true);

    x64_fp_check_inputs(e, s, esize, true, &a, 1);
    if (ir_desc_immediate(desc)) {
        fp_scale_up(e, s, esize, ir_desc_immediate(desc), a);
        from = a = 3;
    }
    if (!(variant & 1)) {
        x64_v2(&e->a, XO_MOVD_ST | X_W_IF(esize == 3), a, RAX);
        x64_shift_ri(&e->a, SH_SHR, esize == 3, RAX, esize == 3 ? 52 : 23);
        x64_alu_ri(&e->a, ALU_CMP, false, RAX,
                   (int32_t)fp_unsigned_limit(esize, to, !env && !given));
        x64_jcc(&e->a, CC_AE, &s->entry);
        if (given) {
            fp_to_integral(e, esize, round, true, a);
            from = 3;
        }
        x64_v2(&e->a, op | X_W, r, from);
        return;
    }
    if (given) { /* quietly: what is out of range must not be inexact */
        fp_to_integral(e, esize, round, false, a);
        from = 3;
    }
    x64_v2(&e->a, op | X_W_IF(to == 3), r, from);
    x64_alu_ri(&e->a, ALU_CMP, to == 3, r, 1); /* overflows for the least integer alone */
    x64_jcc(&e->a, CC_O, &s->entry);
    if (given) {
        x64_v3i(&e->a, fp_round_op(esize, true), 3, a, a, FP_RTZ); /* is it inexact? */
    }
}

/* The register of the lanes of @a * 2^imm, exactly: what may overflow goes to the stub. */
static unsigned fp_scale_lanes(X64Emit *e, X64Stub *s, IrDesc desc, unsigned a, unsigned t)
{
    bool dbl = ir_desc_esize(desc) == 3;
    unsigned frac = ir_desc_immediate(desc);
    X64Mem abs = x64_fp_const(e, dbl ? offsetof(X64FpConst, abs64) : offsetof(X64FpConst, abs32));
    uint64_t most = dbl ? (uint64_t)(1023 + 62) << 52 : xv_lanes(2, (127 + 62) << 23);
    uint64_t by = dbl ? (uint64_t)(1023 + frac) << 52 : xv_lanes(2, (127 + frac) << 23);

    if (!frac) {
        return a;
    }
    x64_fp_opm(e, XO_ANDPS, 0, a, abs);
    xv_const(e, 3, most, most);
    x64_v3i(&e->a, x64_fp_op(XO_CMPPS, dbl ? 3 : 2, false), 0, 0, 3, FP_CMP_NLT);
    x64_fp_check_mask(e, s, 0);
    xv_const(e, 3, by, by);
    x64_v3(&e->a, x64_fp_op(XO_MULPS, dbl ? 3 : 2, false), t, a, 3);
    return t;
}

/* A register for that which is none of those used meanwhile. */
static unsigned fp_scale_tmp(X64Emit *e, unsigned a)
{
    e->xlocked |= 1u << a | 1u << 1 | 1u << 2 | 1u << 3;
    return x64_xtmp(e);
}

/* One lane of @a to general register rcx; what does not fit goes to the stub. */
static void fp_ftoi_lane(X64Emit *e, X64Stub *s, unsigned round, unsigned a)
{
    X64Op op = round == IR_ROUND_ENV ? XO_CVTF2SI : XO_CVTTF2SI;

    x64_v2(&e->a, x64_fp_op(op, 3, true) | X_W, RCX, a);
    x64_alu_ri(&e->a, ALU_CMP, true, RCX, 1);
    x64_jcc(&e->a, CC_O, &s->entry);
}

/* Two doubles. Unsigned: what has a sign goes out of line as well. */
static bool fp_ftoi_double(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned round = ir_desc_round(desc), imm = 0, a, d, x, t;
    X64Stub *s;

    if (ir_desc_width(desc) != IR_W128 || round == FP_ODD) {
        return false;
    }
    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    t = fp_scale_tmp(e, a);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, 3, false, &a, 1);
    a = x = fp_scale_lanes(e, s, desc, a, t);
    if (!(ir_desc_variant(desc) & 1)) {
        x64_v2(&e->a, XO_MOVMSKPS | X_66, RAX, a);
        x64_rr(&e->a, XO_TEST, RAX, RAX);
        x64_jcc(&e->a, CC_NE, &s->entry);
    }
    if (!x64_fp_round(round, &imm)) {
        x64_fp_round_away(e, 3, false, a);
        x = 3;
    } else if (round != IR_ROUND_ENV && round != FP_RTZ) {
        x64_v2i(&e->a, fp_round_op(3, false), 3, a, (uint8_t)(imm | ROUND_QUIET));
        x = 3;
    }
    fp_ftoi_lane(e, s, round, x);
    x64_v2(&e->a, XO_MOVD_LD | X_W, d, RCX);
    x64_v2i(&e->a, XO_PSHUFD, 2, x, 0xee);
    fp_ftoi_lane(e, s, round, 2);
    x64_v2(&e->a, XO_MOVD_LD | X_W, 0, RCX);
    x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, 0);
    if (x == 3) { /* is it inexact? */
        x64_v2i(&e->a, fp_round_op(3, false), 3, a, FP_RTZ);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

static bool fp_ftoi_lanes(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned round = ir_desc_round(desc), imm = 0, a, d, x, t;
    bool away = !x64_fp_round(round, &imm);
    X64Stub *s;

    if (ir_desc_esize(desc) == 3) {
        return fp_ftoi_double(e, id, insn);
    }
    if (ir_desc_esize(desc) != 2 || round == FP_ODD) {
        return false;
    }
    x64_flags_save(e);
    a = fp_source(e, insn);
    t = fp_scale_tmp(e, a);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    x64_fp_check_inputs(e, s, 2, false, &a, 1);
    a = x = fp_scale_lanes(e, s, desc, a, t);
    if (!(ir_desc_variant(desc) & 1)) { /* from +0 to below 2^31 */
        x64_fp_opm(e, XO_PMINUD, 0, a, x64_fp_const(e, offsetof(X64FpConst, pos_max)));
        x64_v3(&e->a, XO_PCMPEQD, 0, 0, a);
        x64_v2(&e->a, XO_MOVMSKPS, RAX, 0);
        x64_alu_ri(&e->a, ALU_CMP, false, RAX, 15);
        x64_jcc(&e->a, CC_NE, &s->entry);
    }
    if (away) {
        x64_fp_round_away(e, 2, false, a);
        x = 3;
    } else if (round != IR_ROUND_ENV && round != FP_RTZ) { /* singles out of range are integral */
        x64_v2i(&e->a, fp_round_op(2, false), 3, a, (uint8_t)imm);
        x = 3;
    }
    x64_v2(&e->a, round == IR_ROUND_ENV ? XO_CVTPS2DQ : XO_CVTTPS2DQ, d, x);
    if (ir_desc_variant(desc) & 1) {
        x64_fp_opm(e, XO_PCMPEQD, 0, d, x64_fp_const(e, offsetof(X64FpConst, int_min)));
        x64_fp_check_mask(e, s, 0);
    }
    if (away) { /* is it inexact? */
        x64_v2i(&e->a, fp_round_op(2, false), 3, a, FP_RTZ);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

static bool fp_ftoi(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned to = ir_desc_variant(desc) >> 1 & 3, round = ir_desc_round(desc), i = e->i, j;
    unsigned a, from, d;
    bool half = ir_desc_esize(desc) == 1;
    X64Stub *s;

    if (ir_desc_width(desc) != IR_SCALAR) {
        return fp_ftoi_lanes(e, id, insn);
    }
    if (to < 2 || (ir_desc_immediate(desc) && round != FP_RTZ) || round == FP_ODD ||
        ir_desc_immediate(desc) > 64) {
        return false;
    }
    x64_flags_save(e);
    a = from = x64_xreg(e, insn->arg[0], 1);
    if (half) { /* as a single */
        from = fp_scale_tmp(e, a);
        x64_v2(&e->a, XO_CVTPH2PS, from, a);
        desc = (desc & ~3u) | 2;
    }
    j = fp_only_use(e, id, IR_VEXTRACT);
    if (j && (x64_wide(x64_insn(e, j)) != (to == 3) || ir_desc_esize(x64_insn(e, j)->imm) != to ||
              ir_desc_immediate(x64_insn(e, j)->imm))) {
        j = 0;
    }
    if (j) { /* straight to the general register */
        e->i = j;
        d = x64_def(e, j);
        e->i = i;
        x64_done(e, j);
        s = x64_fp_slow(e, insn, 0, &a, 1);
        s->type = to == 3 ? IR_I64 : IR_I32;
        s->dst[0] = (uint8_t)d;
        fp_to_int(e, s, desc, d, from);
    } else {
        d = x64_xdef(e, id);
        s = x64_fp_slow(e, insn, d, &a, 1);
        fp_to_int(e, s, desc, RCX, from);
        x64_v2(&e->a, XO_MOVD_LD | X_W_IF(to == 3), d, RCX);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* ---- from integers ---- */

/* d := d / 2^frac, exactly: the least is 2^-64. Uses rax, xmm0. */
static void fp_scale(X64Emit *e, IrDesc desc, unsigned d)
{
    unsigned frac = ir_desc_immediate(desc), esize = ir_desc_esize(desc);
    bool scalar = ir_desc_width(desc) == IR_SCALAR;

    if (!frac) {
        return;
    }
    x64_mov_imm(&e->a, RAX, esize == 3 ? (uint64_t)(1023 - frac) << 52 : (127 - frac) << 23);
    x64_v2(&e->a, XO_MOVD_LD | X_W, 0, RAX);
    if (!scalar) {
        x64_v2i(&e->a, XO_PSHUFD, 0, 0, esize == 3 ? 0x44 : 0);
    }
    x64_v3(&e->a, x64_fp_op(XO_MULPS, esize, scalar), d, d, 0);
}

static void fp_from_signed(X64Emit *e, unsigned esize, bool wide, unsigned d, unsigned r)
{
    X64Op op = x64_fp_op(XO_CVTSI2F, esize, true) | X_W_IF(wide);

    if (e->a.avx) {
        x64_vex_rr(&e->a, op, d, d, r);
    } else {
        x64_rr(&e->a, op, d, r);
    }
}

/* 64 bits; from 2^63 on twice the half, whose lowest bit stands for those shifted out. */
static void fp_from_unsigned(X64Emit *e, unsigned esize, unsigned d, unsigned r)
{
    X64Label small = X64_LABEL, even = X64_LABEL, end = X64_LABEL;

    if (e->feat->avx512) {
        x64_evex_rr(&e->a, (esize == 3 ? XF_CVTUSI2SD : XF_CVTUSI2SS) | X_W, d, d, r);
        return;
    }
    x64_mov_rr(&e->a, true, RAX, r);
    x64_rr(&e->a, XO_TEST | X_W, RAX, RAX);
    x64_jcc(&e->a, CC_NS, &small);
    x64_shift_ri(&e->a, SH_SHR, true, RAX, 1);
    x64_jcc(&e->a, CC_AE, &even);
    x64_alu_ri(&e->a, ALU_OR, true, RAX, 1);
    x64_bind(&e->a, &even);
    fp_from_signed(e, esize, true, d, RAX);
    x64_v3(&e->a, x64_fp_op(XO_ADDPS, esize, true), d, d, d);
    x64_jmp(&e->a, &end);
    x64_bind(&e->a, &small);
    fp_from_signed(e, esize, true, d, RAX);
    x64_bind(&e->a, &end);
}

/* @d := the integer in general register @r, which is not rax. Uses rax. */
static void fp_from_int(X64Emit *e, IrDesc desc, unsigned d, unsigned r)
{
    unsigned variant = ir_desc_variant(desc), from = variant >> 1 & 3;
    unsigned esize = MAX(ir_desc_esize(desc), 2u); /* halves as singles first */
    bool wide = from == 3;

    x64_v3(&e->a, XO_XORPS, d, d, d);
    if (!(variant & 1) && wide) {
        fp_from_unsigned(e, esize, d, r);
    } else if (!(variant & 1)) {
        x64_mov_rr(&e->a, false, RAX, r);
        fp_from_signed(e, esize, true, d, RAX);
    } else {
        fp_from_signed(e, esize, wide, d, r);
    }
    if (ir_desc_esize(desc) == 1) {
        x64_vex_rri(&e->a, XO_CVTPS2PH, d, 0, d, ROUND_MXCSR);
    } else {
        fp_scale(e, desc, d);
    }
}

static bool fp_itof_is_inline(const X64Emit *e, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned esize = ir_desc_esize(desc), frac = ir_desc_immediate(desc);

    return !x64_fp_calls(e) && (esize >= 2 || (esize == 1 && !frac && e->feat->f16c)) &&
           frac <= 64 && (ir_desc_variant(desc) >> 1 & 3) >= 2 &&
           ir_desc_round(desc) == IR_ROUND_ENV;
}

/* Unsigned: the sum of both halves is rounded once. Uses xmm0, xmm3. */
static void fp_itof_single(X64Emit *e, bool is_signed, unsigned d, unsigned a)
{
    X64Vec v = { .e = e, .a = &e->a, .f = e->feat };

    if (is_signed) {
        x64_v2(&e->a, XO_CVTDQ2PS, d, a);
    } else if (e->feat->avx512) {
        x64_v2(&e->a, XF_CVTUDQ2PS, d, a);
    } else {
        xv_with2(&v, XO_PAND, 3, a, xv_lanes(2, 0xffff));
        x64_v2(&e->a, XO_CVTDQ2PS, 3, 3);
        x64_vshift(&e->a, XO_PSHIFTD_I, XV_RIGHT, d, a, 16);
        x64_v2(&e->a, XO_CVTDQ2PS, d, d);
        xv_with2(&v, XO_MULPS, d, d, xv_lanes(2, 0x47800000));
        x64_v3(&e->a, XO_ADDPS, d, d, 3);
    }
}

static bool fp_itof_lanes(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool is_signed = ir_desc_variant(desc) & 1;
    unsigned a, d;

    x64_flags_save(e);
    a = fp_source(e, insn);
    d = x64_xdef(e, id);
    if (ir_desc_esize(desc) == 2) {
        fp_itof_single(e, is_signed, d, a);
        fp_scale(e, desc, d);
    } else if (e->feat->avx512) {
        x64_v2(&e->a, is_signed ? XF_CVTQQ2PD : XF_CVTUQQ2PD, d, a);
        fp_scale(e, desc, d);
    } else {
        IrDesc one = (desc & 0xffff & ~(3u << 2)) | IR_SCALAR << 2;

        x64_v2(&e->a, XO_MOVD_ST | X_W, a, RCX);
        fp_from_int(e, one, d, RCX);
        x64_v2i(&e->a, XO_PEXTRD | X_W, a, RCX, 1);
        fp_from_int(e, one, 3, RCX);
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, 3);
        fp_scale(e, desc, d);
    }
    return true;
}

static bool fp_itof(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned a, d;

    if (!fp_itof_is_inline(e, insn)) {
        return false;
    }
    if (ir_desc_width(desc) != IR_SCALAR) {
        return fp_itof_lanes(e, id, insn);
    }
    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    d = x64_xdef(e, id);
    x64_v2(&e->a, XO_MOVD_ST | X_W, a, RCX);
    fp_from_int(e, desc, d, RCX);
    return true;
}

bool x64_fp_from(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned j = fp_only_use(e, id, IR_VITOF), i = e->i, r, d;
    const IrInsn *k = x64_insn(e, j);

    if (!j || ir_desc_width(k->imm) != IR_SCALAR || !fp_itof_is_inline(e, k) ||
        (ir_desc_variant(k->imm) >> 1 & 3) != (x64_wide(x64_insn(e, insn->arg[0])) ? 3 : 2)) {
        return false;
    }
    x64_flags_save(e);
    r = x64_reg(e, insn->arg[0], RCX);
    e->i = j;
    d = x64_xdef(e, j);
    e->i = i;
    x64_done(e, j);
    fp_from_int(e, k->imm, d, r);
    return true;
}

bool x64_fp_convert(X64Emit *e, unsigned id, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_VFRINT:
        return fp_rint(e, id, insn);
    case IR_VFCVT:
        return fp_format(e, id, insn);
    case IR_VFTOI:
        return fp_ftoi(e, id, insn);
    case IR_VITOF:
        return fp_itof(e, id, insn);
    default:
        return false;
    }
}
