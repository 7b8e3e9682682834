/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 Advanced SIMD: copies, permutations, tables, immediates.
 * Spec: Arm ARM DDI 0487, C7.2; shared pseudocode AdvSIMDExpandImm.
 */
#include "target/arm/a64-simd.h"

#include "target/arm/a64-decode.h"

/* ---- copies ---- */

static unsigned vperm_size(unsigned imm5)
{
    return __builtin_ctz(imm5 | 0x10);
}

bool trans_dup_elem(Trans *t, const ArgsVcopy *a)
{
    unsigned size = vperm_size(a->imm5);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(size, a->q, a->scalar) | (unsigned)a->imm5 >> (size + 1) << 16;

    arm_set_v(t, a->rd, ir_v1(t->ir, IR_VDUPLANE, d, arm_v(t, a->rn)));
    return true;
}

bool trans_ins_elem(Trans *t, const ArgsVcopy *a)
{
    unsigned size = vperm_size(a->imm5);
    unsigned to = a->imm5 >> (size + 1), from = a->imm4 >> size;

    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd,
              ir_v2(t->ir, IR_VINSLANE, ir_desc_imm(size, IR_W128, to | from << 8), arm_v(t, a->rd),
                    arm_v(t, a->rn)));
    return true;
}

bool trans_dup_gen(Trans *t, const ArgsVgen *a)
{
    unsigned size = vperm_size(a->imm5);

    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd, ir_vdup(t->ir, size, a->q ? IR_W128 : IR_W64, arm_r(t, size == 3, a->rn)));
    return true;
}

bool trans_ins_gen(Trans *t, const ArgsVgen *a)
{
    unsigned size = vperm_size(a->imm5);

    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rd,
              ir_vinsert(t->ir, size, a->imm5 >> (size + 1), arm_v(t, a->rd),
                         arm_r(t, size == 3, a->rn)));
    return true;
}

static bool vperm_mov(Trans *t, const ArgsVgen *a, IrType type, bool is_signed)
{
    unsigned size = vperm_size(a->imm5);

    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_r(t, a->rd,
              ir_vextract(t->ir, type, size, a->imm5 >> (size + 1), is_signed, arm_v(t, a->rn)));
    return true;
}

bool trans_smov(Trans *t, const ArgsVgen *a)
{
    return vperm_mov(t, a, a64_type(a->q), true);
}

bool trans_umov(Trans *t, const ArgsVgen *a)
{
    return vperm_mov(t, a, a64_type(a->q), false);
}

/* ---- permutations ---- */

static bool vperm_lanes(Trans *t, const ArgsVperm *a, IrOpcode op, unsigned variant)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = ir_desc_with_variant(simd_desc(a->size, a->q, false), variant);

    arm_set_v(t, a->rd, ir_v2(t->ir, op, d, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

bool trans_uzp1(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VUZP, 0);
}

bool trans_uzp2(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VUZP, 1);
}

bool trans_trn1(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VTRN, 0);
}

bool trans_trn2(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VTRN, 1);
}

bool trans_zip1(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VZIP, 0);
}

bool trans_zip2(Trans *t, const ArgsVperm *a)
{
    return vperm_lanes(t, a, IR_VZIP, 1);
}

bool trans_ext_v(Trans *t, const ArgsVext *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(0, a->q, false) | (unsigned)a->imm4 << 16;

    arm_set_v(t, a->rd, ir_v2(t->ir, IR_VEXT, d, arm_v(t, a->rn), arm_v(t, a->rm)));
    return true;
}

/* ---- tables ---- */

/* Look up in the len + 1 registers from rn; what no register holds stays @v. */
static IrVal vperm_table(Trans *t, const ArgsVtbl *a, IrVal v, unsigned first)
{
    for (unsigned i = first; i <= a->len; i++) {
        IrDesc d = simd_desc(0, a->q, false) | 16 * i << 16;

        v = ir_v3(t->ir, IR_VTBX, d, v, arm_v(t, (a->rn + i) & 31), arm_v(t, a->rm));
    }
    return v;
}

bool trans_tbl_v(Trans *t, const ArgsVtbl *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = ir_v2(t->ir, IR_VTBL, simd_desc(0, a->q, false), arm_v(t, a->rn), arm_v(t, a->rm));

    arm_set_v(t, a->rd, vperm_table(t, a, v, 1));
    return true;
}

bool trans_tbx_v(Trans *t, const ArgsVtbl *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal v = vperm_table(t, a, arm_v(t, a->rd), 0);

    arm_set_v(t, a->rd, v);
    return true;
}

/* ---- immediates ---- */

/* AdvSIMDExpandImm, but for FMOV of half precision (o2). */
static uint64_t vperm_expand_imm(unsigned op, unsigned cmode, uint64_t imm8)
{
    uint64_t v = 0;

    switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
        return (imm8 << (cmode >> 1) * 8) * 0x100000001;
    case 4:
    case 5:
        return (imm8 << (cmode >> 1 & 1) * 8) * 0x0001000100010001;
    case 6:
        return (cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff) * 0x100000001;
    default:
        break;
    }
    if (!(cmode & 1)) {
        if (!op) {
            return imm8 * 0x0101010101010101;
        }
        for (unsigned i = 0; i < 8; i++) {
            v |= (imm8 >> i & 1 ? 0xffull : 0) << 8 * i;
        }
        return v;
    }
    return op ? a64_fp_imm(3, imm8) : a64_fp_imm(2, imm8) * 0x100000001;
}

bool trans_mod_imm(Trans *t, const ArgsVimm *a)
{
    uint64_t imm = a->o2 ? a64_fp_imm(1, a->imm8) * 0x0001000100010001
                         : vperm_expand_imm(a->op, a->cmode, a->imm8);
    /* cmode 0xx1 and 10x1: combine with rd. */
    bool combine = a->cmode < 12 && (a->cmode & 1);
    bool invert = a->op && a->cmode < 14;

    if (!arm_fp_check(t)) {
        return true;
    }

    IrDesc d = simd_desc(3, a->q, false);

    if (combine) {
        IrVal v = ir_vconst(t->ir, (IrV128){ .u64 = { imm, imm } });

        arm_set_v(t, a->rd, ir_v2(t->ir, invert ? IR_VANDC : IR_VOR, d, arm_v(t, a->rd), v));
        return true;
    }
    imm = invert ? ~imm : imm;
    arm_set_v(t, a->rd, ir_vconst(t->ir, (IrV128){ .u64 = { imm, a->q ? imm : 0 } }));
    return true;
}
