/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 Advanced SIMD, integers: three registers.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

/* rd := op(rn, rm) */
static bool simd3_plain(Trans *t, const ArgsV3 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* rd := op(even lanes of rm:rn, odd lanes of rm:rn) */
static bool simd3_pairs(Trans *t, const ArgsV3 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(
        t, a->rd,
        simd_pairwise(t, op, simd_desc(a->size, a->q, false), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* rd := acc_op(rd, op(rn, rm)) */
static bool simd3_acc(Trans *t, const ArgsV3 *a, IrOpcode acc_op, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, a->scalar);
    IrVal v = ir_v2(t->ir, op, ir_desc_with_variant(d, variant), arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v2(t->ir, acc_op, d, arm_v(t, a->rd), v));
    return true;
}

/* rd := bits of b where mask, else of c; the three are rd, rn, rm in some order */
static bool simd3_select(Trans *t, const ArgsV3 *a, unsigned mask, unsigned b, unsigned c)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(
        t, a->rd,
        ir_v3(t->ir, IR_VBSL, simd_desc(0, a->q, false), arm_v(t, mask), arm_v(t, b), arm_v(t, c)));
    return true;
}

/* ---- lanes of one size ---- */

bool trans_shadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHADD, 1);
}

bool trans_srhadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHADD, 3);
}

bool trans_shsub_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHSUB, 1);
}

bool trans_sqadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQADD, 1);
}

bool trans_sqsub_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSUB, 1);
}

bool trans_sshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSHLV, 1);
}

bool trans_sqshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSHLV, 1);
}

bool trans_srshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSHLV, 3);
}

bool trans_sqrshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSHLV, 3);
}

bool trans_smax_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSMAX, 0);
}

bool trans_smin_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSMIN, 0);
}

bool trans_sabd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VABD, 1);
}

bool trans_saba_v(Trans *t, const ArgsV3 *a)
{
    return simd3_acc(t, a, IR_VADD, IR_VABD, 1);
}

bool trans_smaxp_v(Trans *t, const ArgsV3 *a)
{
    return simd3_pairs(t, a, IR_VSMAX);
}

bool trans_sminp_v(Trans *t, const ArgsV3 *a)
{
    return simd3_pairs(t, a, IR_VSMIN);
}

bool trans_uhadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHADD, 0);
}

bool trans_urhadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHADD, 2);
}

bool trans_uhsub_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VHSUB, 0);
}

bool trans_uqadd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQADD, 0);
}

bool trans_uqsub_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSUB, 0);
}

bool trans_ushl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSHLV, 0);
}

bool trans_uqshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSHLV, 0);
}

bool trans_urshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSHLV, 2);
}

bool trans_uqrshl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQSHLV, 2);
}

bool trans_umax_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VUMAX, 0);
}

bool trans_umin_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VUMIN, 0);
}

bool trans_uabd_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VABD, 0);
}

bool trans_uaba_v(Trans *t, const ArgsV3 *a)
{
    return simd3_acc(t, a, IR_VADD, IR_VABD, 0);
}

bool trans_umaxp_v(Trans *t, const ArgsV3 *a)
{
    return simd3_pairs(t, a, IR_VUMAX);
}

bool trans_uminp_v(Trans *t, const ArgsV3 *a)
{
    return simd3_pairs(t, a, IR_VUMIN);
}

bool trans_cmgt_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VCMP, IR_GTS);
}

bool trans_cmhi_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VCMP, IR_GTU);
}

bool trans_cmge_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VCMP, IR_GES);
}

bool trans_cmhs_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VCMP, IR_GEU);
}

bool trans_cmeq_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VCMP, IR_EQ);
}

bool trans_add_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VADD, 0);
}

bool trans_sub_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VSUB, 0);
}

bool trans_cmtst_v(Trans *t, const ArgsV3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, a->scalar);
    IrVal v = ir_v2(t->ir, IR_VAND, d, arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VCMP, ir_desc_with_variant(d, IR_NE), v, simd_zero(t)));
    return true;
}

bool trans_mul_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VMUL, 0);
}

bool trans_pmul_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VPMUL, 0);
}

bool trans_mla_v(Trans *t, const ArgsV3 *a)
{
    return simd3_acc(t, a, IR_VADD, IR_VMUL, 0);
}

bool trans_mls_v(Trans *t, const ArgsV3 *a)
{
    return simd3_acc(t, a, IR_VSUB, IR_VMUL, 0);
}

bool trans_addp_v(Trans *t, const ArgsV3 *a)
{
    return simd3_pairs(t, a, IR_VADD);
}

bool trans_sqdmulh_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQDMULH, 0);
}

bool trans_sqrdmulh_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VQDMULH, 1);
}

bool trans_and_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VAND, 0);
}

bool trans_bic_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VANDC, 0);
}

bool trans_orr_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VOR, 0);
}

bool trans_orn_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VORC, 0);
}

bool trans_eor_v(Trans *t, const ArgsV3 *a)
{
    return simd3_plain(t, a, IR_VXOR, 0);
}

bool trans_bsl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_select(t, a, a->rd, a->rn, a->rm);
}

bool trans_bit_v(Trans *t, const ArgsV3 *a)
{
    return simd3_select(t, a, a->rm, a->rn, a->rd);
}

bool trans_bif_v(Trans *t, const ArgsV3 *a)
{
    return simd3_select(t, a, a->rm, a->rd, a->rn);
}

/* ---- three same, extra ---- */

/* rd := op(rd, rn, rm) */
static bool simd3_third(Trans *t, const ArgsV3 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v3(t->ir, op, d, arm_v(t, a->rd), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_sqrdmlah_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VQRDMLAH, 0);
}

bool trans_sqrdmlsh_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VQRDMLAH, 1);
}

bool trans_sdot_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VDOT, 1);
}

bool trans_udot_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VDOT, 0);
}

bool trans_usdot_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VDOT, 2);
}

bool trans_smmla_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VMMLA, 1);
}

bool trans_ummla_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VMMLA, 0);
}

bool trans_usmmla_v(Trans *t, const ArgsV3 *a)
{
    return simd3_third(t, a, IR_VMMLA, 2);
}

/* ---- three different: wide and narrow lanes; a->size is of the narrow, q the high half ---- */

static IrDesc simd3_wide(const ArgsV3 *a)
{
    return ir_desc(a->size + 1, a->scalar ? IR_SCALAR : IR_W128);
}

static IrVal simd3_widen(Trans *t, const ArgsV3 *a, unsigned reg, bool is_signed)
{
    return ir_v1(t->ir, IR_VWIDEN, ir_desc_with_variant(simd3_wide(a), is_signed | a->q << 1),
                 arm_v(t, reg));
}

/* rd := op(widened rn, widened rm), or with rn wide already */
static bool simd3_long(Trans *t, const ArgsV3 *a, IrOpcode op, bool is_signed, bool n_wide)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal n = n_wide ? arm_v(t, a->rn) : simd3_widen(t, a, a->rn, is_signed);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, simd3_wide(a), n, simd3_widen(t, a, a->rm, is_signed)));
    return true;
}

/* rd := |rn - rm| widened, or rd + that */
static bool simd3_abd_long(Trans *t, const ArgsV3 *a, bool is_signed, bool accumulate)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd3_wide(a);
    IrVal v = ir_v2(t->ir, IR_VABD, ir_desc_with_variant(d, is_signed),
                    simd3_widen(t, a, a->rn, is_signed), simd3_widen(t, a, a->rm, is_signed));

    arm_set_v(t, a->rd, accumulate ? ir_v2(t->ir, IR_VADD, d, arm_v(t, a->rd), v) : v);
    return true;
}

/* rd := narrow high halves of op(rn, rm) of wide lanes, rounded or not */
static bool simd3_high_narrow(Trans *t, const ArgsV3 *a, IrOpcode op, bool round)
{
    unsigned half = 8u << a->size;

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(a->size + 1, IR_W128);
    IrVal v = ir_v2(t->ir, op, d, arm_v(t, a->rn), arm_v(t, a->rm));

    if (round) {
        v = ir_v2(t->ir, IR_VADD, d, v, simd_const(t, a->size + 1, IR_W128, 1ull << (half - 1)));
    }
    v = ir_v1(t->ir, IR_VSHRI, ir_desc_imm(a->size + 1, IR_W128, half), v);
    simd_set_narrow(t, a->rd, a->q, ir_v1(t->ir, IR_VNARROW, ir_desc(a->size, IR_W64), v));
    return true;
}

/* rd := the wide product, or acc_op(rd, product); IR_NOP: no accumulation */
static bool simd3_mul_long(Trans *t, const ArgsV3 *a, IrOpcode acc_op, IrOpcode op, bool is_signed)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd3_wide(a);
    IrVal v = ir_v2(t->ir, op, ir_desc_with_variant(d, is_signed | a->q << 1), arm_v(t, a->rn),
                    arm_v(t, a->rm));

    if (acc_op != IR_NOP) {
        unsigned variant = acc_op == IR_VQADD || acc_op == IR_VQSUB;

        v = ir_v2(t->ir, acc_op, ir_desc_with_variant(d, variant), arm_v(t, a->rd), v);
    }
    arm_set_v(t, a->rd, v);
    return true;
}

bool trans_saddl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VADD, true, false);
}

bool trans_saddw_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VADD, true, true);
}

bool trans_ssubl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VSUB, true, false);
}

bool trans_ssubw_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VSUB, true, true);
}

bool trans_sabal_v(Trans *t, const ArgsV3 *a)
{
    return simd3_abd_long(t, a, true, true);
}

bool trans_sabdl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_abd_long(t, a, true, false);
}

bool trans_smlal_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VADD, IR_VMULL, true);
}

bool trans_smlsl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VSUB, IR_VMULL, true);
}

bool trans_smull_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_NOP, IR_VMULL, true);
}

bool trans_uaddl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VADD, false, false);
}

bool trans_uaddw_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VADD, false, true);
}

bool trans_usubl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VSUB, false, false);
}

bool trans_usubw_v(Trans *t, const ArgsV3 *a)
{
    return simd3_long(t, a, IR_VSUB, false, true);
}

bool trans_uabal_v(Trans *t, const ArgsV3 *a)
{
    return simd3_abd_long(t, a, false, true);
}

bool trans_uabdl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_abd_long(t, a, false, false);
}

bool trans_umlal_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VADD, IR_VMULL, false);
}

bool trans_umlsl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VSUB, IR_VMULL, false);
}

bool trans_umull_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_NOP, IR_VMULL, false);
}

bool trans_addhn_v(Trans *t, const ArgsV3 *a)
{
    return simd3_high_narrow(t, a, IR_VADD, false);
}

bool trans_raddhn_v(Trans *t, const ArgsV3 *a)
{
    return simd3_high_narrow(t, a, IR_VADD, true);
}

bool trans_subhn_v(Trans *t, const ArgsV3 *a)
{
    return simd3_high_narrow(t, a, IR_VSUB, false);
}

bool trans_rsubhn_v(Trans *t, const ArgsV3 *a)
{
    return simd3_high_narrow(t, a, IR_VSUB, true);
}

bool trans_sqdmlal_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VQADD, IR_VQDMULL, true);
}

bool trans_sqdmlsl_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_VQSUB, IR_VQDMULL, true);
}

bool trans_sqdmull_v(Trans *t, const ArgsV3 *a)
{
    return simd3_mul_long(t, a, IR_NOP, IR_VQDMULL, true);
}

bool trans_pmull_v(Trans *t, const ArgsV3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(ir_desc(a->size ? 3 : 1, IR_W128), a->q << 1);

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VPMULL, d, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}
