/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates of reciprocals and of square roots' reciprocals, and the steps that make them better.
 * Estimates of normal numbers that are normal depend on the upper bits of the fraction alone (and
 * the lowest of the exponent): a table; they raise nothing and are not rounded. All else goes out
 * of line. Spec: Arm ARM DDI 0487, shared pseudocode FPRecipEstimate, FPRSqrtEstimate,
 * FPRecipStepFused, FPRSqrtStepFused.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"

#include "fpu/fpu.h"

/* What the formats differ in. */
typedef struct EstFormat {
    unsigned frac;      /* bits */
    unsigned max;       /* exponents from which on a reciprocal is not normal */
    unsigned recip_sum; /* of the exponents of a number and its reciprocal's estimate */
    unsigned rsqrt_sum; /* of its exponent and twice that of the estimate */
    unsigned n_exp;     /* the greatest exponent of normal numbers */
    unsigned first;     /* the least */
} EstFormat;

/* Single, double, and halves as singles. */
enum { EST_SINGLE, EST_DOUBLE, EST_HALF };
static const EstFormat est_formats[3] = { { 23, 253, 253, 380, 254, 1 },
                                          { 52, 2045, 2045, 3068, 2046, 1 },
                                          { 23, 141, 253, 380, 142, 113 } };

void x64_estimates_init(X64Estimates *t)
{
    for (unsigned i = 0; i < 512; i++) {
        uint64_t exp = i >> 8 ? 1023 : 1024, frac = i & 255;
        FpEnv env = { 0 };

        t->rsqrt32[i] =
            fp32_rsqrt_estimate((uint32_t)((exp - 1023 + 127) << 23 | frac << 15), &env) &
            0x007fffff;
        t->rsqrt64[i] = fp64_rsqrt_estimate(exp << 52 | frac << 44, &env) & 0x000fffffffffffff;
        if (i < 256) {
            t->recip32[i] = fp32_recip_estimate(0x3f800000 | i << 15, &env) & 0x007fffff;
            t->recip64[i] =
                fp64_recip_estimate(0x3ff0000000000000 | frac << 44, &env) & 0x000fffffffffffff;
        }
    }
}

static uintptr_t est_table(const X64Emit *e, bool dbl, bool rsqrt)
{
    const X64Estimates *t = e->est;

    return dbl ? (uintptr_t)(rsqrt ? t->rsqrt64 : t->recip64)
               : (uintptr_t)(rsqrt ? t->rsqrt32 : t->recip32);
}

/* One number in general registers. */
static void est_scalar(X64Emit *e, X64Stub *s, bool dbl, bool rsqrt, unsigned d, unsigned a)
{
    const EstFormat *f = &est_formats[dbl];
    X64Asm *m = &e->a;
    unsigned w = X_W_IF(dbl);

    x64_v2(m, XO_MOVD_ST | w, a, RAX);
    x64_mov_rr(m, dbl, RCX, RAX);
    x64_shift_ri(m, SH_SHR, dbl, RCX, f->frac); /* with the sign */
    if (!rsqrt) {
        x64_mov_rr(m, false, RDX, RCX);
        x64_alu_ri(m, ALU_AND, false, RDX, dbl ? 0x7ff : 0xff);
        x64_alu_ri(m, ALU_SUB, false, RDX, 1);
        x64_alu_ri(m, ALU_CMP, false, RDX, (int32_t)f->max - 1);
        x64_jcc(m, CC_AE, &s->entry);
        x64_mov_imm(m, RDX, f->recip_sum); /* minus sign and exponent: the sign stays */
        x64_alu_rr(m, ALU_SUB, false, RDX, RCX);
        x64_mov_rr(m, false, RCX, RDX);
    } else {
        x64_rm(m, XO_LEA, RDX, x64_mem(RCX, -1));
        x64_alu_ri(m, ALU_CMP, false, RDX, (int32_t)f->n_exp);
        x64_jcc(m, CC_AE, &s->entry);
        x64_rr(m, 0xf7, 3, RCX); /* neg */
        x64_alu_ri(m, ALU_ADD, false, RCX, (int32_t)f->rsqrt_sum);
        x64_shift_ri(m, SH_SHR, false, RCX, 1);
    }
    x64_shift_ri(m, SH_SHL, dbl, RCX, f->frac);
    x64_shift_ri(m, SH_SHR, dbl, RAX, f->frac - 8);
    x64_alu_ri(m, ALU_AND, false, RAX, rsqrt ? 511 : 255);
    x64_mov_imm(m, RDX, est_table(e, dbl, rsqrt));
    x64_alu_rm(m, ALU_OR, dbl, RCX, x64_mem_index(RDX, RAX, dbl ? 3 : 2, 0));
    x64_v2(m, XO_MOVD_LD | w, d, RCX);
}

static uint64_t est_lanes(bool dbl, uint64_t v)
{
    return dbl ? v : v * 0x100000001ull;
}

static void est_shift(X64Emit *e, bool dbl, unsigned group, unsigned d, unsigned s, unsigned n)
{
    x64_vshift(&e->a, dbl ? XO_PSHIFTQ_I : XO_PSHIFTD_I, group, d, s, (uint8_t)n);
}

/* Exponent in each lane of @x to the stub unless @first <= x < @end. Uses d, xmm2, rax. */
static void est_check(X64Emit *e, X64Stub *s, bool dbl, unsigned first, unsigned end, unsigned d,
                      unsigned x)
{
    X64Op sub = dbl ? XO_PSUBQ : XO_PSUBD;
    /* the upper halves of 64 bits are 0, or all ones for exponent 0 like the lower ones */
    uint64_t most =
        dbl ? 0xffffffff00000000 | (end - first - 1) : est_lanes(false, end - first - 1);

    xv_const(e, 2, est_lanes(dbl, first), est_lanes(dbl, first));
    x64_v3(&e->a, sub, d, x, 2);
    xv_const(e, 2, most, most);
    x64_v3(&e->a, XO_PMINUD, 2, 2, d);
    x64_v3(&e->a, XO_PCMPEQD, 2, 2, d);
    x64_v2(&e->a, XO_MOVMSKPS, RAX, 2);
    x64_alu_ri(&e->a, ALU_CMP, false, RAX, 15);
    x64_jcc(&e->a, CC_NE, &s->entry);
}

/* All lanes, by a gather. Uses xmm0, xmm2, xmm3. */
static void est_lanes_of(X64Emit *e, X64Stub *s, unsigned format, bool rsqrt, unsigned d,
                         unsigned a)
{
    const EstFormat *f = &est_formats[format];
    bool dbl = format == EST_DOUBLE;
    X64Asm *m = &e->a;
    X64Op sub = dbl ? XO_PSUBQ : XO_PSUBD;
    uint64_t mask = est_lanes(dbl, rsqrt ? 511 : 255);
    uint64_t sum = est_lanes(dbl, rsqrt ? f->rsqrt_sum : f->recip_sum);

    est_shift(e, dbl, 2, 3, a, f->frac); /* with the sign */
    if (rsqrt) {
        est_check(e, s, dbl, f->first, f->n_exp + 1, d, 3);
    } else {
        est_shift(e, dbl, 6, 0, a, 1);
        est_shift(e, dbl, 2, 0, 0, f->frac + 1);
        est_check(e, s, dbl, f->first, f->max, d, 0);
    }
    xv_const(e, 0, sum, sum);
    x64_v3(m, sub, 3, 0, 3);
    if (rsqrt) {
        est_shift(e, dbl, 2, 3, 3, 1);
    }
    est_shift(e, dbl, 6, 3, 3, f->frac);
    est_shift(e, dbl, 2, 0, a, f->frac - 8);
    xv_const(e, 2, mask, mask);
    x64_v3(m, XO_PAND, 0, 0, 2);
    x64_v3(m, XO_PCMPEQD, 2, 2, 2);
    x64_v3(m, XO_PXOR, d, d, d);
    x64_mov_imm(m, RAX, est_table(e, dbl, rsqrt));
    x64_vex_rm(m, dbl ? XV_PGATHERQQ : XV_PGATHERDD, d, 2,
               (X64Mem){ .base = RAX, .index = 0, .scale = dbl ? 3 : 2 });
    x64_v3(m, XO_POR, d, d, 3);
}

static bool est_emit(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool dbl = ir_desc_esize(desc) == 3, scalar = ir_desc_width(desc) == IR_SCALAR;
    unsigned a, d;
    X64Stub *s;

    if (!e->est || (!scalar && !e->feat->avx2)) {
        return false;
    }
    x64_flags_save(e);
    a = x64_fp_operand(e, insn, 0, true);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    if (scalar) {
        est_scalar(e, s, dbl, insn->op == IR_VFRSQRTE, d, a);
    } else {
        est_lanes_of(e, s, dbl, insn->op == IR_VFRSQRTE, d, a);
        if (ir_desc_width(desc) == IR_W64) {
            x64_fp_low(e, 8, d, d);
        }
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* Halves by the table of singles, of whose fractions 8 bits are not zero. */
static bool est_half(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrWidth width = ir_desc_width(insn->imm);
    unsigned a, d, t[2];
    X64Stub *s;

    if (!e->est || !e->feat->avx2 || !e->feat->f16c) {
        return false;
    }
    x64_flags_save(e);
    a = x64_xreg(e, insn->arg[0], 1);
    e->xlocked |= 1u << a | 1u << 1 | 1u << 2 | 1u << 3;
    t[0] = x64_xtmp(e);
    t[1] = x64_xtmp(e);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, &a, 1);
    for (unsigned high = 0; high <= (width == IR_W128); high++) {
        unsigned to = high ? t[1] : d;

        if (high) {
            x64_v2i(&e->a, XO_PSHUFD, t[0], a, 0xee);
        }
        x64_v2(&e->a, XO_CVTPH2PS, t[0], high ? t[0] : a);
        if (width == IR_SCALAR) {
            x64_v2i(&e->a, XO_PSHUFD, t[0], t[0], 0);
        }
        est_lanes_of(e, s, EST_HALF, insn->op == IR_VFRSQRTE, to, t[0]);
        if (width == IR_SCALAR) {
            x64_fp_low(e, 4, to, to);
        }
        x64_vex_rri(&e->a, XO_CVTPS2PH, to, 0, to, 4 /* exact */);
    }
    if (width == IR_W128) {
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, t[1]);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

/* Each lane the constant, nothing above a scalar. */
static void step_const(X64Emit *e, IrDesc desc, unsigned d, uint64_t v32, uint64_t v64)
{
    bool dbl = ir_desc_esize(desc) == 3;

    if (ir_desc_width(desc) == IR_SCALAR) {
        xv_const(e, d, dbl ? v64 : v32, 0);
    } else {
        xv_const(e, d, est_lanes(dbl, dbl ? v64 : v32), est_lanes(dbl, dbl ? v64 : v32));
    }
}

/*
 * 2 - a * b, and (3 - a * b) / 2 as 1.5 - (a / 2) * b, so that nothing overflows which does not
 * after halving; a / 2 is exact but for the smallest numbers.
 */
static bool step_emit(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    unsigned esize = ir_desc_esize(desc), x[2], d, by;
    bool dbl = esize == 3, scalar = ir_desc_width(desc) == IR_SCALAR;
    bool rsqrt = insn->op == IR_VFRSQRTS;
    X64Stub *s;

    if (!e->feat->fma) {
        return false;
    }
    x64_flags_save(e);
    x[0] = by = x64_fp_operand(e, insn, 0, true);
    x[1] = x64_fp_operand(e, insn, 1, true);
    d = x64_xdef(e, id);
    s = x64_fp_slow(e, insn, d, x, 2);
    x64_fp_check_inputs(e, s, esize, scalar, x, 2);
    if (rsqrt) {
        X64Mem abs =
            x64_fp_const(e, dbl ? offsetof(X64FpConst, abs64) : offsetof(X64FpConst, abs32));
        X64Mem half =
            x64_fp_const(e, dbl ? offsetof(X64FpConst, half64) : offsetof(X64FpConst, half32));

        x64_fp_opm(e, XO_ANDPS, 0, x[0], abs);
        step_const(e, desc, 3, 0x01000000, 0x0020000000000000);
        if (scalar) {
            x64_v2(&e->a, XO_UCOMIS | (dbl ? X_66 : 0), 0, 3);
            x64_jcc(&e->a, CC_B, &s->entry);
        } else {
            x64_v3i(&e->a, x64_fp_op(XO_CMPPS, esize, false), 0, 0, 3, 1 /* less */);
            x64_fp_check_mask(e, s, 0);
        }
        x64_fp_opm(e, x64_fp_op(XO_MULPS, esize, scalar), 3, x[0], half);
        by = 3;
    }
    if (rsqrt) {
        step_const(e, desc, d, 0x3fc00000, 0x3ff8000000000000);
    } else {
        step_const(e, desc, d, 0x40000000, 0x4000000000000000);
    }
    x64_vex_rr(&e->a, (XO_FMA231 + scalar + 4) | X_W_IF(dbl), d, by, x[1]);
    x64_fp_check_nan(e, s, desc, d, d);
    if (ir_desc_width(desc) == IR_W64) {
        x64_fp_low(e, 8, d, d);
    }
    x64_bind(&e->a, &s->back);
    return true;
}

bool x64_fp_estimate(X64Emit *e, unsigned id, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_VFRECPE:
    case IR_VFRSQRTE:
        if (ir_desc_esize(insn->imm) == 1) {
            return est_half(e, id, insn);
        }
        return est_emit(e, id, insn);
    case IR_VFRECPS:
    case IR_VFRSQRTS:
        return ir_desc_esize(insn->imm) > 1 && step_emit(e, id, insn);
    default:
        return false;
    }
}
