/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 scalar floating point.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

static bool fp1(Trans *t, const ArgsF1 *a, IrOpcode op, unsigned variant, unsigned round)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(ir_desc(a->size, IR_SCALAR), variant);

    arm_set_v(t, a->rd, ir_v1(t->ir, op, ir_desc_with_round(d, round), arm_v(t, a->rn)));
    return true;
}

static bool fp2(Trans *t, const ArgsF2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd,
              ir_v2(t->ir, op, ir_desc(a->size, IR_SCALAR), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* rd := +-ra +- rn * rm; @variant as of VFMA */
static bool fp3(Trans *t, const ArgsF3 *a, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(ir_desc(a->size, IR_SCALAR), variant);

    arm_set_v(t, a->rd,
              ir_v3(t->ir, IR_VFMA, d, arm_v(t, a->ra), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_fmov_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VLOW, 0, IR_ROUND_ENV);
}

bool trans_fabs_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFABS, 0, IR_ROUND_ENV);
}

bool trans_fneg_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFNEG, 0, IR_ROUND_ENV);
}

bool trans_fsqrt_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFSQRT, 0, IR_ROUND_ENV);
}

bool trans_frintn_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, FP_RNE);
}

bool trans_frintp_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, FP_RUP);
}

bool trans_frintm_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, FP_RDN);
}

bool trans_frintz_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, FP_RTZ);
}

bool trans_frinta_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, FP_RNA);
}

bool trans_frintx_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 1, IR_ROUND_ENV);
}

bool trans_frinti_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINT, 0, IR_ROUND_ENV);
}

bool trans_frint32z_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINTSIZED, 0, FP_RTZ);
}

bool trans_frint32x_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINTSIZED, 0, IR_ROUND_ENV);
}

bool trans_frint64z_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINTSIZED, 1, FP_RTZ);
}

bool trans_frint64x_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VFRINTSIZED, 1, IR_ROUND_ENV);
}

bool trans_fmul_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFMUL);
}

bool trans_fdiv_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFDIV);
}

bool trans_fadd_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFADD);
}

bool trans_fsub_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFSUB);
}

bool trans_fmax_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFMAX);
}

bool trans_fmin_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFMIN);
}

bool trans_fmaxnm_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFMAXNM);
}

bool trans_fminnm_s(Trans *t, const ArgsF2 *a)
{
    return fp2(t, a, IR_VFMINNM);
}

bool trans_fmadd_s(Trans *t, const ArgsF3 *a)
{
    return fp3(t, a, 0);
}

bool trans_fmsub_s(Trans *t, const ArgsF3 *a)
{
    return fp3(t, a, 1);
}

bool trans_fnmadd_s(Trans *t, const ArgsF3 *a)
{
    return fp3(t, a, 3);
}

bool trans_fnmsub_s(Trans *t, const ArgsF3 *a)
{
    return fp3(t, a, 2);
}

bool trans_fnmul_s(Trans *t, const ArgsF2 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(a->size, IR_SCALAR);
    IrVal v = ir_v2(t->ir, IR_VFMUL, d, arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VFNEG, d, v));
    return true;
}

bool trans_fcvt(Trans *t, const ArgsFcvt *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(ir_desc(a->to, IR_SCALAR), a->size);

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VFCVT, d, arm_v(t, a->rn)));
    return true;
}

bool trans_bfcvt_s(Trans *t, const ArgsF1 *a)
{
    return fp1(t, a, IR_VBFCVT, 0, IR_ROUND_ENV);
}

/* ---- comparisons and selections ---- */

static bool fp_compare(Trans *t, const ArgsFcmp *a, bool zero, bool signalling)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal m = zero ? simd_zero(t) : arm_v(t, a->rm);

    ir_set_flags(t->ir, ir_flags_fcmp(t->ir, a->size, signalling, arm_v(t, a->rn), m));
    return true;
}

bool trans_fcmp(Trans *t, const ArgsFcmp *a)
{
    return fp_compare(t, a, false, false);
}

bool trans_fcmpe(Trans *t, const ArgsFcmp *a)
{
    return fp_compare(t, a, false, true);
}

bool trans_fcmp_z(Trans *t, const ArgsFcmp *a)
{
    return fp_compare(t, a, true, false);
}

bool trans_fcmpe_z(Trans *t, const ArgsFcmp *a)
{
    return fp_compare(t, a, true, true);
}

/* Compare only where the condition holds, because a comparison raises exceptions: elsewhere the
 * operands are zeros, whose comparison raises none. */
static bool fp_ccompare(Trans *t, const ArgsFccmp *a, bool signalling)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal n = arm_v(t, a->rn), m = arm_v(t, a->rm);

    if (a->cond >= IR_COND_AL) {
        ir_set_flags(t->ir, ir_flags_fcmp(t->ir, a->size, signalling, n, m));
        return true;
    }

    IrCond cond = (IrCond)a->cond;
    IrVal f = ir_get_flags(t->ir), zero = simd_zero(t);

    n = ir_select_flags(t->ir, f, cond, n, zero);
    m = ir_select_flags(t->ir, f, cond, m, zero);
    ir_set_flags(t->ir,
                 ir_flags_select(t->ir, f, cond, ir_flags_fcmp(t->ir, a->size, signalling, n, m),
                                 ir_flags_const(t->ir, a->nzcv)));
    return true;
}

bool trans_fccmp(Trans *t, const ArgsFccmp *a)
{
    return fp_ccompare(t, a, false);
}

bool trans_fccmpe(Trans *t, const ArgsFccmp *a)
{
    return fp_ccompare(t, a, true);
}

bool trans_fcsel(Trans *t, const ArgsFcsel *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = arm_v(t, a->rn);

    if (a->cond < IR_COND_AL) {
        v = ir_select_flags(t->ir, ir_get_flags(t->ir), (IrCond)a->cond, v, arm_v(t, a->rm));
    }
    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VLOW, ir_desc(a->size, IR_SCALAR), v));
    return true;
}

bool trans_fmov_imm(Trans *t, const ArgsFimm *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, simd_const(t, a->size, IR_SCALAR, a64_fp_imm(a->size, a->imm8)));
    return true;
}

/* ---- to and from general registers ---- */

/* Variant of VFTOI and VITOF for a general register. */
static IrDesc fp_int_desc(const ArgsFint *a, bool is_signed, unsigned round)
{
    IrDesc d = ir_desc_imm(a->size, IR_SCALAR, a->frac);

    d = ir_desc_with_variant(d, is_signed | (a->sf ? 3 : 2) << 1);
    return ir_desc_with_round(d, round);
}

static bool fp_from_int(Trans *t, const ArgsFint *a, bool is_signed)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_vfrom(t->ir, arm_r(t, a->sf, a->rn));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VITOF, fp_int_desc(a, is_signed, IR_ROUND_ENV), v));
    return true;
}

static bool fp_to_int(Trans *t, const ArgsFint *a, bool is_signed, unsigned round)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v1(t->ir, IR_VFTOI, fp_int_desc(a, is_signed, round), arm_v(t, a->rn));

    arm_set_r(t, a->rd, ir_vextract(t->ir, a64_type(a->sf), a->sf ? 3 : 2, 0, false, v));
    return true;
}

bool trans_scvtf_x(Trans *t, const ArgsFint *a)
{
    return fp_from_int(t, a, true);
}

bool trans_ucvtf_x(Trans *t, const ArgsFint *a)
{
    return fp_from_int(t, a, false);
}

/* rmode has FpRound's order. */
bool trans_fcvts(Trans *t, const ArgsFint *a)
{
    return fp_to_int(t, a, true, a->rmode);
}

bool trans_fcvtu(Trans *t, const ArgsFint *a)
{
    return fp_to_int(t, a, false, a->rmode);
}

bool trans_fcvtas(Trans *t, const ArgsFint *a)
{
    return fp_to_int(t, a, true, FP_RNA);
}

bool trans_fcvtau(Trans *t, const ArgsFint *a)
{
    return fp_to_int(t, a, false, FP_RNA);
}

/* size 0: the top half of the register. */
bool trans_fmov_to_x(Trans *t, const ArgsFint *a)
{
    unsigned size = a->size ? a->size : 3;

    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_r(t, a->rd,
              ir_vextract(t->ir, a64_type(a->sf), size, a->size ? 0 : 1, false, arm_v(t, a->rn)));
    return true;
}

bool trans_fmov_from_x(Trans *t, const ArgsFint *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal x = arm_r(t, a->sf, a->rn);

    if (!a->size) {
        arm_set_v(t, a->rd, ir_vinsert(t->ir, 3, 1, arm_v(t, a->rd), x));
        return true;
    }
    if (a->size == 1) {
        x = ir_zext(t->ir, x, 16);
    }
    arm_set_v(t, a->rd, ir_vfrom(t->ir, x));
    return true;
}

bool trans_fjcvtzs(Trans *t, const ArgsFint *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v1(t->ir, IR_VFJCVTZS, ir_desc(2, IR_W64), arm_v(t, a->rn));
    IrVal exact = ir_vextract(t->ir, IR_I32, 2, 1, false, v);

    arm_set_r(t, a->rd, ir_vextract(t->ir, IR_I32, 2, 0, false, v));
    ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_MAKE, ir_shli(t->ir, exact, 30)));
    return true;
}
