/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 Advanced SIMD, floating point.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

/* ---- three registers ---- */

/* rd := op(rn, rm) */
static bool vfp3(Trans *t, const ArgsV3 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* rd := op(rd, rn, rm) */
static bool vfp3_acc(Trans *t, const ArgsV3 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v3(t->ir, op, d, arm_v(t, a->rd), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

static bool vfp_fma(Trans *t, const ArgsV3 *a, unsigned variant)
{
    return vfp3_acc(t, a, IR_VFMA, variant);
}

static bool vfp_abs_compare(Trans *t, const ArgsV3 *a, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, a->scalar);
    IrVal n = ir_v1(t->ir, IR_VFABS, d, arm_v(t, a->rn));
    IrVal m = ir_v1(t->ir, IR_VFABS, d, arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VFCMP, ir_desc_with_variant(d, variant), n, m));
    return true;
}

static bool vfp_abd(Trans *t, const ArgsV3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, a->scalar);
    IrVal v = ir_v2(t->ir, IR_VFSUB, d, arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VFABS, d, v));
    return true;
}

static bool vfp_pairs(Trans *t, const ArgsV3 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(
        t, a->rd,
        simd_pairwise(t, op, simd_desc(a->size, a->q, false), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* ---- complex numbers: pairs of lanes, real and imaginary ---- */

/* The lanes of each pair exchanged. */
static IrVal vfp_swap(Trans *t, IrDesc d, IrVal v)
{
    unsigned size = ir_desc_esize(d);
    IrDesc bytes = ir_desc(0, ir_desc_width(d));

    return size == 3 ? ir_v2(t->ir, IR_VEXT, bytes | 8u << 16, v, v)
                     : ir_v1(t->ir, IR_VREV, ir_desc_with_variant(d, size + 1), v);
}

/* The signs of even lanes, of odd lanes, inverted. */
static IrVal vfp_flip(Trans *t, IrDesc d, bool even, bool odd, IrVal v)
{
    unsigned lane = ir_desc_esize(d);
    IrV128 c = { 0 };

    for (unsigned n = 0; n < ir_desc_lanes(d); n++) {
        c.u8[((n + 1) << lane) - 1] = (n & 1 ? odd : even) ? 0x80 : 0;
    }
    return even || odd ? ir_v2(t->ir, IR_VXOR, ir_desc(0, ir_desc_width(d)), v, ir_vconst(t->ir, c))
                       : v;
}

IrVal simd_fcmla(Trans *t, IrDesc d, unsigned rot, IrVal a, IrVal n, IrVal m)
{
    bool odd = rot & 1;
    IrVal part = ir_v2(t->ir, IR_VTRN, ir_desc_with_variant(d, odd), n, n);

    m = vfp_flip(t, d, rot == 1 || rot == 2, rot >= 2, odd ? vfp_swap(t, d, m) : m);
    return ir_v3(t->ir, IR_VFMA, d, a, part, m);
}

bool trans_fcmla_v(Trans *t, const ArgsVrot *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd,
              simd_fcmla(t, simd_desc(a->size, a->q, false), a->rot, arm_v(t, a->rd),
                         arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_fcadd_v(Trans *t, const ArgsVrot *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, false);
    IrVal m = vfp_flip(t, d, !a->rot, a->rot, vfp_swap(t, d, arm_v(t, a->rm)));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VFADD, d, arm_v(t, a->rn), m));
    return true;
}

/* ---- bfloat16: the upper half of a single ---- */

static IrVal vfp_bf16(Trans *t, bool odd, IrVal v)
{
    IrDesc d = ir_desc(2, IR_W128);

    return odd ? ir_v2(t->ir, IR_VAND, ir_desc(0, IR_W128), v,
                       simd_const(t, 2, IR_W128, 0xffff0000))
               : ir_v1(t->ir, IR_VSHLI, d | 16u << 16, v);
}

IrVal simd_bfmlal(Trans *t, bool odd, IrVal a, IrVal n, IrVal m)
{
    return ir_v3(t->ir, IR_VFMA, ir_desc(2, IR_W128), a, vfp_bf16(t, odd, n), vfp_bf16(t, odd, m));
}

/* BFMLALB, BFMLALT: q says which lanes; the result is 128 bits. */
bool trans_bfmlal_v(Trans *t, const ArgsV3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, simd_bfmlal(t, a->q, arm_v(t, a->rd), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_fmaxnm_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMAXNM, 0);
}

bool trans_fadd_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFADD, 0);
}

bool trans_fmulx_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMULX, 0);
}

bool trans_fmax_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMAX, 0);
}

bool trans_frecps_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFRECPS, 0);
}

bool trans_fminnm_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMINNM, 0);
}

bool trans_fsub_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFSUB, 0);
}

bool trans_fmin_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMIN, 0);
}

bool trans_frsqrts_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFRSQRTS, 0);
}

bool trans_fmul_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFMUL, 0);
}

bool trans_fdiv_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFDIV, 0);
}

bool trans_fcmeq_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFCMP, 0);
}

bool trans_fcmge_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFCMP, 1);
}

bool trans_fcmgt_v(Trans *t, const ArgsV3 *a)
{
    return vfp3(t, a, IR_VFCMP, 2);
}

bool trans_facge_v(Trans *t, const ArgsV3 *a)
{
    return vfp_abs_compare(t, a, 1);
}

bool trans_facgt_v(Trans *t, const ArgsV3 *a)
{
    return vfp_abs_compare(t, a, 2);
}

bool trans_fmla_v(Trans *t, const ArgsV3 *a)
{
    return vfp_fma(t, a, 0);
}

bool trans_fmls_v(Trans *t, const ArgsV3 *a)
{
    return vfp_fma(t, a, 1);
}

bool trans_fabd_v(Trans *t, const ArgsV3 *a)
{
    return vfp_abd(t, a);
}

bool trans_fmaxnmp_v(Trans *t, const ArgsV3 *a)
{
    return vfp_pairs(t, a, IR_VFMAXNM);
}

bool trans_faddp_v(Trans *t, const ArgsV3 *a)
{
    return vfp_pairs(t, a, IR_VFADD);
}

bool trans_fmaxp_v(Trans *t, const ArgsV3 *a)
{
    return vfp_pairs(t, a, IR_VFMAX);
}

bool trans_fminnmp_v(Trans *t, const ArgsV3 *a)
{
    return vfp_pairs(t, a, IR_VFMINNM);
}

bool trans_fminp_v(Trans *t, const ArgsV3 *a)
{
    return vfp_pairs(t, a, IR_VFMIN);
}

bool trans_fmlal_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VFMLAL, 0);
}

bool trans_fmlsl_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VFMLAL, 2);
}

bool trans_fmlal2_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VFMLAL, 1);
}

bool trans_fmlsl2_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VFMLAL, 3);
}

bool trans_bfdot_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VBFDOT, 0);
}

bool trans_bfmmla_v(Trans *t, const ArgsV3 *a)
{
    return vfp3_acc(t, a, IR_VBFMMLA, 0);
}

/* ---- two registers ---- */

static bool vfp2(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant, unsigned round)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd, ir_v1(t->ir, op, ir_desc_with_round(d, round), arm_v(t, a->rn)));
    return true;
}

static bool vfp_to_int(Trans *t, const ArgsV2 *a, unsigned is_signed, unsigned round)
{
    return vfp2(t, a, IR_VFTOI, is_signed | a->size << 1, round);
}

static bool vfp_from_int(Trans *t, const ArgsV2 *a, unsigned is_signed)
{
    return vfp2(t, a, IR_VITOF, is_signed | a->size << 1, IR_ROUND_ENV);
}

static bool vfp_compare_zero(Trans *t, const ArgsV2 *a, unsigned variant, bool zero_first)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);
    IrVal n = arm_v(t, a->rn), zero = simd_zero(t);

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VFCMP, d, zero_first ? zero : n, zero_first ? n : zero));
    return true;
}

bool trans_fcvtl_v(Trans *t, const ArgsV2 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(ir_desc(a->size + 1, IR_W128), a->size | a->q << 2);

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VFCVT, d, arm_v(t, a->rn)));
    return true;
}

static bool vfp_narrow(Trans *t, const ArgsV2 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, false, a->scalar), variant);

    simd_set_narrow(t, a->rd, a->q, ir_v1(t->ir, op, d, arm_v(t, a->rn)));
    return true;
}

bool trans_fcvtn_v(Trans *t, const ArgsV2 *a)
{
    return vfp_narrow(t, a, IR_VFCVT, a->size + 1);
}

bool trans_fcvtxn_v(Trans *t, const ArgsV2 *a)
{
    return vfp_narrow(t, a, IR_VFCVT, 3 | 8);
}

bool trans_bfcvtn_v(Trans *t, const ArgsV2 *a)
{
    return vfp_narrow(t, a, IR_VBFCVT, 0);
}

bool trans_fabs_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFABS, 0, IR_ROUND_ENV);
}

bool trans_fneg_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFNEG, 0, IR_ROUND_ENV);
}

bool trans_fsqrt_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFSQRT, 0, IR_ROUND_ENV);
}

bool trans_frecpe_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRECPE, 0, IR_ROUND_ENV);
}

bool trans_frsqrte_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRSQRTE, 0, IR_ROUND_ENV);
}

bool trans_frecpx_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRECPX, 0, IR_ROUND_ENV);
}

bool trans_frintn_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, FP_RNE);
}

bool trans_frintm_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, FP_RDN);
}

bool trans_frintp_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, FP_RUP);
}

bool trans_frintz_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, FP_RTZ);
}

bool trans_frinta_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, FP_RNA);
}

bool trans_frintx_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 1, IR_ROUND_ENV);
}

bool trans_frinti_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINT, 0, IR_ROUND_ENV);
}

bool trans_frint32z_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINTSIZED, 0, FP_RTZ);
}

bool trans_frint64z_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINTSIZED, 1, FP_RTZ);
}

bool trans_frint32x_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINTSIZED, 0, IR_ROUND_ENV);
}

bool trans_frint64x_v(Trans *t, const ArgsV2 *a)
{
    return vfp2(t, a, IR_VFRINTSIZED, 1, IR_ROUND_ENV);
}

bool trans_fcvtns_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 1, FP_RNE);
}

bool trans_fcvtnu_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 0, FP_RNE);
}

bool trans_fcvtms_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 1, FP_RDN);
}

bool trans_fcvtmu_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 0, FP_RDN);
}

bool trans_fcvtas_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 1, FP_RNA);
}

bool trans_fcvtau_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 0, FP_RNA);
}

bool trans_fcvtps_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 1, FP_RUP);
}

bool trans_fcvtpu_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 0, FP_RUP);
}

bool trans_fcvtzs_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 1, FP_RTZ);
}

bool trans_fcvtzu_v(Trans *t, const ArgsV2 *a)
{
    return vfp_to_int(t, a, 0, FP_RTZ);
}

bool trans_scvtf_v(Trans *t, const ArgsV2 *a)
{
    return vfp_from_int(t, a, 1);
}

bool trans_ucvtf_v(Trans *t, const ArgsV2 *a)
{
    return vfp_from_int(t, a, 0);
}

bool trans_fcmgt_vz(Trans *t, const ArgsV2 *a)
{
    return vfp_compare_zero(t, a, 2, false);
}

bool trans_fcmeq_vz(Trans *t, const ArgsV2 *a)
{
    return vfp_compare_zero(t, a, 0, false);
}

bool trans_fcmlt_vz(Trans *t, const ArgsV2 *a)
{
    return vfp_compare_zero(t, a, 2, true);
}

bool trans_fcmge_vz(Trans *t, const ArgsV2 *a)
{
    return vfp_compare_zero(t, a, 1, false);
}

bool trans_fcmle_vz(Trans *t, const ArgsV2 *a)
{
    return vfp_compare_zero(t, a, 1, true);
}

/* ---- across lanes ---- */

/* Pairs of neighbours, then pairs of those, as the architecture's Reduce() does. */
static bool vfp_across(Trans *t, const ArgsV2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, false);
    IrVal v = arm_v(t, a->rn);

    /* Lanes beyond those that count repeat them, so that they raise nothing of their own. */
    for (unsigned lanes = ir_desc_lanes(d); lanes > 1; lanes /= 2) {
        v = simd_pairwise(t, op, d, v, v);
    }
    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VLOW, ir_desc(a->size, IR_SCALAR), v));
    return true;
}

static bool vfp_scalar_pair(Trans *t, const ArgsV2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(a->size, IR_SCALAR);
    IrVal n = arm_v(t, a->rn);
    IrVal second = ir_v1(t->ir, IR_VDUPLANE, d | 1u << 16, n);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, n, second));
    return true;
}

bool trans_fmaxnmv(Trans *t, const ArgsV2 *a)
{
    return vfp_across(t, a, IR_VFMAXNM);
}

bool trans_fmaxv(Trans *t, const ArgsV2 *a)
{
    return vfp_across(t, a, IR_VFMAX);
}

bool trans_fminnmv(Trans *t, const ArgsV2 *a)
{
    return vfp_across(t, a, IR_VFMINNM);
}

bool trans_fminv(Trans *t, const ArgsV2 *a)
{
    return vfp_across(t, a, IR_VFMIN);
}

bool trans_fmaxnmp_s(Trans *t, const ArgsV2 *a)
{
    return vfp_scalar_pair(t, a, IR_VFMAXNM);
}

bool trans_faddp_s(Trans *t, const ArgsV2 *a)
{
    return vfp_scalar_pair(t, a, IR_VFADD);
}

bool trans_fmaxp_s(Trans *t, const ArgsV2 *a)
{
    return vfp_scalar_pair(t, a, IR_VFMAX);
}

bool trans_fminnmp_s(Trans *t, const ArgsV2 *a)
{
    return vfp_scalar_pair(t, a, IR_VFMINNM);
}

bool trans_fminp_s(Trans *t, const ArgsV2 *a)
{
    return vfp_scalar_pair(t, a, IR_VFMIN);
}

/* ---- fixed point ---- */

static bool vfp_fixed(Trans *t, const ArgsVshi *a, IrOpcode op, unsigned is_signed)
{
    unsigned size = 31 - __builtin_clz(a->immh | 1);
    unsigned frac = (16u << size) - (a->immh << 3 | a->immb);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(size, a->q, a->scalar), is_signed | size << 1);

    if (op == IR_VFTOI) {
        d = ir_desc_with_round(d, FP_RTZ);
    }
    arm_set_v(t, a->rd, ir_v1(t->ir, op, d | frac << 16, arm_v(t, a->rn)));
    return true;
}

bool trans_scvtf_vf(Trans *t, const ArgsVshi *a)
{
    return vfp_fixed(t, a, IR_VITOF, 1);
}

bool trans_ucvtf_vf(Trans *t, const ArgsVshi *a)
{
    return vfp_fixed(t, a, IR_VITOF, 0);
}

bool trans_fcvtzs_vf(Trans *t, const ArgsVshi *a)
{
    return vfp_fixed(t, a, IR_VFTOI, 1);
}

bool trans_fcvtzu_vf(Trans *t, const ArgsVshi *a)
{
    return vfp_fixed(t, a, IR_VFTOI, 0);
}
