/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 Advanced SIMD, vector by element: the element is copied to every lane, the rest is as of the
 * vector forms.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

/* Lanes of log2 @size bytes, each the element that the fields name. */
static IrVal velem_value(Trans *t, const ArgsVelem *a, unsigned size)
{
    unsigned rm = size == 1 ? a->rm : a->m << 4 | a->rm;
    unsigned index = size == 1 ? a->h << 2 | a->l << 1 | a->m : size == 2 ? a->h << 1 | a->l : a->h;

    return ir_v1(t->ir, IR_VDUPLANE, ir_desc_imm(size, IR_W128, index), arm_v(t, rm));
}

/* rd := op(rn, element), or acc_op(rd, that) */
static bool velem_mul(Trans *t, const ArgsVelem *a, IrOpcode acc_op, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, a->scalar);
    IrVal v = ir_v2(t->ir, op, ir_desc_with_variant(d, variant), arm_v(t, a->rn),
                    velem_value(t, a, a->size));

    arm_set_v(t, a->rd, acc_op == IR_NOP ? v : ir_v2(t->ir, acc_op, d, arm_v(t, a->rd), v));
    return true;
}

/* rd := op(rd, rn, element) */
static bool velem_third(Trans *t, const ArgsVelem *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, a->scalar), variant);

    arm_set_v(t, a->rd,
              ir_v3(t->ir, op, d, arm_v(t, a->rd), arm_v(t, a->rn), velem_value(t, a, a->size)));
    return true;
}

/* rd := wide op(rn, element), or acc_op(rd, that) */
static bool velem_long(Trans *t, const ArgsVelem *a, IrOpcode acc_op, IrOpcode op,
                       unsigned is_signed)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc(a->size + 1, a->scalar ? IR_SCALAR : IR_W128);
    IrVal v = ir_v2(t->ir, op, ir_desc_with_variant(d, is_signed | a->q << 1), arm_v(t, a->rn),
                    velem_value(t, a, a->size));

    if (acc_op != IR_NOP) {
        unsigned variant = acc_op == IR_VQADD || acc_op == IR_VQSUB;

        v = ir_v2(t->ir, acc_op, ir_desc_with_variant(d, variant), arm_v(t, a->rd), v);
    }
    arm_set_v(t, a->rd, v);
    return true;
}

/* rd := op(rd, rn, element) of 32 bits, or with rn and the element exchanged */
static bool velem_dot(Trans *t, const ArgsVelem *a, IrOpcode op, unsigned variant, bool exchange)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(2, a->q, false), variant);
    IrVal n = arm_v(t, a->rn), m = velem_value(t, a, 2);

    arm_set_v(t, a->rd, ir_v3(t->ir, op, d, arm_v(t, a->rd), exchange ? m : n, exchange ? n : m));
    return true;
}

/* 16-bit elements, 32-bit results. */
static bool velem_fmlal(Trans *t, const ArgsVelem *a, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(2, a->q, false), variant);

    arm_set_v(t, a->rd,
              ir_v3(t->ir, IR_VFMLAL, d, arm_v(t, a->rd), arm_v(t, a->rn), velem_value(t, a, 1)));
    return true;
}

/* BFMLALB, BFMLALT: q says which lanes. */
static bool velem_bfmlal(Trans *t, const ArgsVelem *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    arm_set_v(t, a->rd,
              simd_bfmlal(t, a->q, arm_v(t, a->rd), arm_v(t, a->rn), velem_value(t, a, 1)));
    return true;
}

/* The element is a pair: as wide as two lanes. */
bool trans_fcmla_e(Trans *t, const ArgsVelrot *a)
{
    unsigned index = a->size == 1 ? a->h << 1 | a->l : a->h;

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(a->size, a->q, false);
    IrVal m = ir_v1(t->ir, IR_VDUPLANE, ir_desc_imm(a->size + 1, IR_W128, index),
                    arm_v(t, a->m << 4 | a->rm));

    arm_set_v(t, a->rd, simd_fcmla(t, d, a->rot, arm_v(t, a->rd), arm_v(t, a->rn), m));
    return true;
}

bool trans_mul_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_NOP, IR_VMUL, 0);
}

bool trans_mla_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_VADD, IR_VMUL, 0);
}

bool trans_mls_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_VSUB, IR_VMUL, 0);
}

bool trans_sqdmulh_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_NOP, IR_VQDMULH, 0);
}

bool trans_sqrdmulh_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_NOP, IR_VQDMULH, 1);
}

bool trans_sqrdmlah_e(Trans *t, const ArgsVelem *a)
{
    return velem_third(t, a, IR_VQRDMLAH, 0);
}

bool trans_sqrdmlsh_e(Trans *t, const ArgsVelem *a)
{
    return velem_third(t, a, IR_VQRDMLAH, 1);
}

bool trans_smull_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_NOP, IR_VMULL, 1);
}

bool trans_smlal_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VADD, IR_VMULL, 1);
}

bool trans_smlsl_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VSUB, IR_VMULL, 1);
}

bool trans_umull_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_NOP, IR_VMULL, 0);
}

bool trans_umlal_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VADD, IR_VMULL, 0);
}

bool trans_umlsl_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VSUB, IR_VMULL, 0);
}

bool trans_sqdmull_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_NOP, IR_VQDMULL, 1);
}

bool trans_sqdmlal_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VQADD, IR_VQDMULL, 1);
}

bool trans_sqdmlsl_e(Trans *t, const ArgsVelem *a)
{
    return velem_long(t, a, IR_VQSUB, IR_VQDMULL, 1);
}

bool trans_sdot_e(Trans *t, const ArgsVelem *a)
{
    return velem_dot(t, a, IR_VDOT, 1, false);
}

bool trans_udot_e(Trans *t, const ArgsVelem *a)
{
    return velem_dot(t, a, IR_VDOT, 0, false);
}

bool trans_usdot_e(Trans *t, const ArgsVelem *a)
{
    return velem_dot(t, a, IR_VDOT, 2, false);
}

bool trans_sudot_e(Trans *t, const ArgsVelem *a)
{
    return velem_dot(t, a, IR_VDOT, 2, true);
}

bool trans_bfdot_e(Trans *t, const ArgsVelem *a)
{
    return velem_dot(t, a, IR_VBFDOT, 0, false);
}

bool trans_bfmlal_e(Trans *t, const ArgsVelem *a)
{
    return velem_bfmlal(t, a);
}

bool trans_fmlal_e(Trans *t, const ArgsVelem *a)
{
    return velem_fmlal(t, a, 0);
}

bool trans_fmlsl_e(Trans *t, const ArgsVelem *a)
{
    return velem_fmlal(t, a, 2);
}

bool trans_fmlal2_e(Trans *t, const ArgsVelem *a)
{
    return velem_fmlal(t, a, 1);
}

bool trans_fmlsl2_e(Trans *t, const ArgsVelem *a)
{
    return velem_fmlal(t, a, 3);
}

bool trans_fmla_e(Trans *t, const ArgsVelem *a)
{
    return velem_third(t, a, IR_VFMA, 0);
}

bool trans_fmls_e(Trans *t, const ArgsVelem *a)
{
    return velem_third(t, a, IR_VFMA, 1);
}

bool trans_fmul_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_NOP, IR_VFMUL, 0);
}

bool trans_fmulx_e(Trans *t, const ArgsVelem *a)
{
    return velem_mul(t, a, IR_NOP, IR_VFMULX, 0);
}
