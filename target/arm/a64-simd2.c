/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 Advanced SIMD, integers: two registers, across lanes, shifts by constants.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

/* rd := op(rn) */
static bool simd2_plain(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v1(t->ir, op, d, arm_v(t, a->rn)));
    return true;
}

/* rd := op(rn, 0), or op(0, rn) */
static bool simd2_with_zero(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant,
                            bool zero_first)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);
    IrVal n = arm_v(t, a->rn), zero = simd_zero(t);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, zero_first ? zero : n, zero_first ? n : zero));
    return true;
}

/* rd := op(rd, rn) */
static bool simd2_acc(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, arm_v(t, a->rd), arm_v(t, a->rn)));
    return true;
}

/* rd := wide sums of adjacent lanes of rn, or rd + those; a->size is of the narrow lanes */
static bool simd2_add_pairs(Trans *t, const ArgsV2 *a, bool is_signed, bool accumulate)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size + 1, a->q, false);
    IrVal v = simd_add_long_pairs(t, d, is_signed, arm_v(t, a->rn));

    arm_set_v(t, a->rd, accumulate ? ir_v2(t->ir, IR_VADD, d, arm_v(t, a->rd), v) : v);
    return true;
}

static bool simd2_add_long_across(Trans *t, const ArgsV2 *a, bool is_signed)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size + 1, a->q, false);
    IrVal v = simd_add_long_pairs(t, d, is_signed, arm_v(t, a->rn));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VADDV, d, v));
    return true;
}

static bool simd2_narrow(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, false, a->scalar), variant);

    simd_set_narrow(t, a->rd, a->q, ir_v1(t->ir, op, d, arm_v(t, a->rn)));
    return true;
}

bool trans_rev64_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VREV, 3);
}

bool trans_rev32_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VREV, 2);
}

bool trans_rev16_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VREV, 1);
}

bool trans_cls_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VCLS, 0);
}

bool trans_clz_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VCLZ, 0);
}

bool trans_cnt_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VCNT, 0);
}

bool trans_not_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VNOT, 0);
}

bool trans_rbit_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VRBIT, 0);
}

bool trans_sqabs_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VQABS, 0);
}

bool trans_abs_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VABS, 0);
}

bool trans_neg_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VNEG, 0);
}

bool trans_sqneg_v(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VQSUB, 1, true);
}

bool trans_cmgt_z(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VCMP, IR_GTS, false);
}

bool trans_cmeq_z(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VCMP, IR_EQ, false);
}

bool trans_cmlt_z(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VCMP, IR_LTS, false);
}

bool trans_cmge_z(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VCMP, IR_GES, false);
}

bool trans_cmle_z(Trans *t, const ArgsV2 *a)
{
    return simd2_with_zero(t, a, IR_VCMP, IR_LES, false);
}

bool trans_saddlp_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_pairs(t, a, true, false);
}

bool trans_sadalp_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_pairs(t, a, true, true);
}

bool trans_uaddlp_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_pairs(t, a, false, false);
}

bool trans_uadalp_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_pairs(t, a, false, true);
}

bool trans_suqadd_v(Trans *t, const ArgsV2 *a)
{
    return simd2_acc(t, a, IR_VQADD, 2);
}

bool trans_usqadd_v(Trans *t, const ArgsV2 *a)
{
    return simd2_acc(t, a, IR_VQADD, 3);
}

bool trans_xtn_v(Trans *t, const ArgsV2 *a)
{
    return simd2_narrow(t, a, IR_VNARROW, 0);
}

bool trans_sqxtn_v(Trans *t, const ArgsV2 *a)
{
    return simd2_narrow(t, a, IR_VQNARROW, 1);
}

bool trans_sqxtun_v(Trans *t, const ArgsV2 *a)
{
    return simd2_narrow(t, a, IR_VQNARROW, 2);
}

bool trans_uqxtn_v(Trans *t, const ArgsV2 *a)
{
    return simd2_narrow(t, a, IR_VQNARROW, 0);
}

bool trans_shll_v(Trans *t, const ArgsV2 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(a->size + 1, IR_W128);
    IrVal v = ir_v1(t->ir, IR_VWIDEN, ir_desc_with_variant(d, a->q << 1), arm_v(t, a->rn));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VSHLI, d | (8u << a->size) << 16, v));
    return true;
}

bool trans_urecpe_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VURECPE, 0);
}

bool trans_ursqrte_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VURSQRTE, 0);
}

/* ---- across lanes ---- */

bool trans_saddlv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_long_across(t, a, true);
}

bool trans_uaddlv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_add_long_across(t, a, false);
}

bool trans_smaxv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VMINMAXV, 3);
}

bool trans_sminv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VMINMAXV, 2);
}

bool trans_umaxv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VMINMAXV, 1);
}

bool trans_uminv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VMINMAXV, 0);
}

bool trans_addv_v(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VADDV, 0);
}

bool trans_addp_d(Trans *t, const ArgsV2 *a)
{
    return simd2_plain(t, a, IR_VADDV, 0);
}

/* ---- shifts by constants ---- */

/* Lane size: the highest one of immh. */
static unsigned simd_shift_size(const ArgsVshi *a)
{
    return 31 - __builtin_clz(a->immh | 1);
}

static IrDesc simd_shift_desc(const ArgsVshi *a)
{
    return simd_desc(simd_shift_size(a), a->q, a->scalar);
}

/* 1 to the lane's bits */
static unsigned simd_shift_right_count(const ArgsVshi *a)
{
    return (16u << simd_shift_size(a)) - (a->immh << 3 | a->immb);
}

/* 0 to the lane's bits less one */
static unsigned simd_shift_left_count(const ArgsVshi *a)
{
    return (a->immh << 3 | a->immb) - (8u << simd_shift_size(a));
}

static bool simd_shift_right(Trans *t, const ArgsVshi *a, IrOpcode op, unsigned variant,
                             bool accumulate)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_shift_desc(a);
    IrVal v = ir_v1(t->ir, op, ir_desc_with_variant(d, variant) | simd_shift_right_count(a) << 16,
                    arm_v(t, a->rn));

    arm_set_v(t, a->rd, accumulate ? ir_v2(t->ir, IR_VADD, d, arm_v(t, a->rd), v) : v);
    return true;
}

/* SRI, SLI: the bits shifted in are rd's. */
static bool simd_shift_insert(Trans *t, const ArgsVshi *a, bool right)
{
    unsigned size = simd_shift_size(a);
    unsigned count = right ? simd_shift_right_count(a) : simd_shift_left_count(a);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_shift_desc(a);
    uint64_t ones = UINT64_MAX >> (64 - (8u << size));
    uint64_t mask = right ? (count > 63 ? 0 : ones >> count) : ones << count;
    IrVal v = ir_v1(t->ir, right ? IR_VSHRI : IR_VSHLI, d | count << 16, arm_v(t, a->rn));

    arm_set_v(
        t, a->rd,
        ir_v3(t->ir, IR_VBSL, d, simd_const(t, size, ir_desc_width(d), mask), v, arm_v(t, a->rd)));
    return true;
}

static bool simd_shift_left_saturate(Trans *t, const ArgsVshi *a, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_shift_desc(a);
    IrVal count = simd_const(t, ir_desc_esize(d), ir_desc_width(d), simd_shift_left_count(a));

    arm_set_v(t, a->rd,
              ir_v2(t->ir, IR_VQSHLV, ir_desc_with_variant(d, variant), arm_v(t, a->rn), count));
    return true;
}

/* The lane size of immh is the narrow one's. */
static bool simd_shift_narrow(Trans *t, const ArgsVshi *a, IrOpcode shift, unsigned shift_variant,
                              IrOpcode narrow, unsigned narrow_variant)
{
    unsigned size = simd_shift_size(a);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc wide = ir_desc_imm(size + 1, a->scalar ? IR_SCALAR : IR_W128, simd_shift_right_count(a));
    IrDesc d = ir_desc_with_variant(simd_desc(size, false, a->scalar), narrow_variant);
    IrVal v = ir_v1(t->ir, shift, ir_desc_with_variant(wide, shift_variant), arm_v(t, a->rn));

    simd_set_narrow(t, a->rd, a->q, ir_v1(t->ir, narrow, d, v));
    return true;
}

static bool simd_shift_long(Trans *t, const ArgsVshi *a, unsigned is_signed)
{
    unsigned count = simd_shift_left_count(a);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(simd_shift_size(a) + 1, IR_W128);
    IrVal v =
        ir_v1(t->ir, IR_VWIDEN, ir_desc_with_variant(d, is_signed | a->q << 1), arm_v(t, a->rn));

    arm_set_v(t, a->rd, count ? ir_v1(t->ir, IR_VSHLI, d | count << 16, v) : v);
    return true;
}

bool trans_sshr_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VSARI, 0, false);
}

bool trans_ssra_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VSARI, 0, true);
}

bool trans_srshr_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VRSHRI, 1, false);
}

bool trans_srsra_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VRSHRI, 1, true);
}

bool trans_ushr_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VSHRI, 0, false);
}

bool trans_usra_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VSHRI, 0, true);
}

bool trans_urshr_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VRSHRI, 0, false);
}

bool trans_ursra_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_right(t, a, IR_VRSHRI, 0, true);
}

bool trans_sri_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_insert(t, a, true);
}

bool trans_sli_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_insert(t, a, false);
}

bool trans_shl_i(Trans *t, const ArgsVshi *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_shift_desc(a) | simd_shift_left_count(a) << 16;

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VSHLI, d, arm_v(t, a->rn)));
    return true;
}

bool trans_sqshl_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_left_saturate(t, a, 1);
}

bool trans_uqshl_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_left_saturate(t, a, 0);
}

bool trans_sqshlu_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_left_saturate(t, a, 5);
}

bool trans_shrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VSHRI, 0, IR_VNARROW, 0);
}

bool trans_rshrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VRSHRI, 0, IR_VNARROW, 0);
}

bool trans_sqshrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VSARI, 0, IR_VQNARROW, 1);
}

bool trans_sqrshrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VRSHRI, 1, IR_VQNARROW, 1);
}

bool trans_sqshrun_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VSARI, 0, IR_VQNARROW, 2);
}

bool trans_sqrshrun_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VRSHRI, 1, IR_VQNARROW, 2);
}

bool trans_uqshrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VSHRI, 0, IR_VQNARROW, 0);
}

bool trans_uqrshrn_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_narrow(t, a, IR_VRSHRI, 0, IR_VQNARROW, 0);
}

bool trans_sshll_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_long(t, a, 1);
}

bool trans_ushll_i(Trans *t, const ArgsVshi *a)
{
    return simd_shift_long(t, a, 0);
}
