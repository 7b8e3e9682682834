/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 cryptography.
 * Spec: Arm ARM DDI 0487, C7.2 (instructions by name).
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

static const IrDesc crypto_desc = 3 | IR_W128 << 2 | IR_ROUND_ENV << 4;

/* rd := op(rn) */
static bool crypto_1(Trans *t, const ArgsC2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, ir_v1(t->ir, op, crypto_desc, arm_v(t, a->rn)));
    return true;
}

/* rd := op(rd ^ rn) */
static bool crypto_aes_round(Trans *t, const ArgsC2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rd), arm_v(t, a->rn));

    arm_set_v(t, a->rd, ir_v1(t->ir, op, crypto_desc, v));
    return true;
}

/* rd := op(rd, rn) */
static bool crypto_2(Trans *t, const ArgsC2 *a, IrOpcode op)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, ir_v2(t->ir, op, crypto_desc, arm_v(t, a->rd), arm_v(t, a->rn)));
    return true;
}

/* rd := op(rd, rn, rm) */
static bool crypto_3(Trans *t, const ArgsC3 *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd,
              ir_v3(t->ir, op, ir_desc_with_variant(crypto_desc, variant), arm_v(t, a->rd),
                    arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

static bool crypto_sm3tt(Trans *t, const ArgsCimm *a, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(crypto_desc, variant) | (unsigned)a->imm << 16;

    arm_set_v(t, a->rd,
              ir_v3(t->ir, IR_VSM3TT, d, arm_v(t, a->rd), arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_aese(Trans *t, const ArgsC2 *a)
{
    return crypto_aes_round(t, a, IR_VAESE);
}

bool trans_aesd(Trans *t, const ArgsC2 *a)
{
    return crypto_aes_round(t, a, IR_VAESD);
}

bool trans_aesmc(Trans *t, const ArgsC2 *a)
{
    return crypto_1(t, a, IR_VAESMC);
}

bool trans_aesimc(Trans *t, const ArgsC2 *a)
{
    return crypto_1(t, a, IR_VAESIMC);
}

bool trans_sha1c(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA1, 0);
}

bool trans_sha1p(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA1, 1);
}

bool trans_sha1m(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA1, 2);
}

bool trans_sha1su1(Trans *t, const ArgsC2 *a)
{
    return crypto_2(t, a, IR_VSHA1SU1);
}

bool trans_sha256h(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA256H, 0);
}

bool trans_sha256h2(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA256H, 1);
}

bool trans_sha256su1(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA256SU1, 0);
}

bool trans_sha256su0(Trans *t, const ArgsC2 *a)
{
    return crypto_2(t, a, IR_VSHA256SU0);
}

bool trans_sha512h(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA512H, 0);
}

bool trans_sha512h2(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA512H, 1);
}

bool trans_sha512su1(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSHA512SU1, 0);
}

bool trans_sha512su0(Trans *t, const ArgsC2 *a)
{
    return crypto_2(t, a, IR_VSHA512SU0);
}

bool trans_sm3tt1a(Trans *t, const ArgsCimm *a)
{
    return crypto_sm3tt(t, a, 0);
}

bool trans_sm3tt1b(Trans *t, const ArgsCimm *a)
{
    return crypto_sm3tt(t, a, 1);
}

bool trans_sm3tt2a(Trans *t, const ArgsCimm *a)
{
    return crypto_sm3tt(t, a, 2);
}

bool trans_sm3tt2b(Trans *t, const ArgsCimm *a)
{
    return crypto_sm3tt(t, a, 3);
}

bool trans_sm3partw1(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSM3PARTW1, 0);
}

bool trans_sm3partw2(Trans *t, const ArgsC3 *a)
{
    return crypto_3(t, a, IR_VSM3PARTW2, 0);
}

bool trans_sm4e(Trans *t, const ArgsC2 *a)
{
    return crypto_2(t, a, IR_VSM4E);
}

bool trans_sha1h(Trans *t, const ArgsC2 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VRORI, ir_desc_imm(2, IR_SCALAR, 2), arm_v(t, a->rn)));
    return true;
}

bool trans_sha1su0(Trans *t, const ArgsC3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal d = arm_v(t, a->rd);
    IrVal v = ir_v2(t->ir, IR_VEXT, ir_desc_imm(0, IR_W128, 8), d, arm_v(t, a->rn));

    v = ir_v2(t->ir, IR_VXOR, crypto_desc, v, d);
    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VXOR, crypto_desc, v, arm_v(t, a->rm)));
    return true;
}

bool trans_rax1(Trans *t, const ArgsC3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal m = ir_v1(t->ir, IR_VRORI, crypto_desc | 63u << 16, arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rn), m));
    return true;
}

bool trans_eor3(Trans *t, const ArgsC4 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rm), arm_v(t, a->ra));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rn), v));
    return true;
}

bool trans_bcax(Trans *t, const ArgsC4 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v2(t->ir, IR_VANDC, crypto_desc, arm_v(t, a->rm), arm_v(t, a->ra));

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rn), v));
    return true;
}

bool trans_xar(Trans *t, const ArgsCimm *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v2(t->ir, IR_VXOR, crypto_desc, arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VRORI, crypto_desc | (unsigned)a->imm << 16, v));
    return true;
}

bool trans_sm3ss1(Trans *t, const ArgsC4 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(
        t, a->rd,
        ir_v3(t->ir, IR_VSM3SS1, crypto_desc, arm_v(t, a->rn), arm_v(t, a->rm), arm_v(t, a->ra)));
    return true;
}

bool trans_sm4ekey(Trans *t, const ArgsC3 *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VSM4EKEY, crypto_desc, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}
