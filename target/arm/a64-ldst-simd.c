/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 loads and stores of SIMD and floating-point registers.
 * Spec: Arm ARM DDI 0487, C7.2 (LD1 to ST4, LDR, STR, LDP, STP of SIMD&FP).
 */
#include "target/arm/a64.h"

#include "target/arm/a64-decode.h"

enum { VMODE_OFFSET, VMODE_POST, VMODE_PRE = 3 };

static IrVal vldst_load(Trans *t, unsigned size, IrVal addr)
{
    return ir_ld(t->ir, IR_V128, arm_memop(t, size, 0), addr);
}

static void vldst_store(Trans *t, unsigned size, IrVal addr, unsigned rt)
{
    ir_st(t->ir, arm_memop(t, size, 0), addr, arm_v(t, rt));
}

bool trans_ldr_v_lit(Trans *t, const ArgsLitV *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rt, vldst_load(t, a->size, arm_pc(t, a->offset)));
    return true;
}

/* ---- pairs ---- */

static void vldst_pair_writeback(Trans *t, const ArgsPairV *a, IrVal base, int64_t offset)
{
    if (a->mode != VMODE_OFFSET) {
        arm_set_r_sp(t, a->rn, ir_addi(t->ir, base, offset));
    }
}

bool trans_ldp_v(Trans *t, const ArgsPairV *a)
{
    int64_t offset = (int64_t)a->imm * (1 << a->size);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn), out[2];

    ir_ldp_at(t->ir, IR_V128, arm_memop(t, a->size, 0), base, a->mode == VMODE_POST ? 0 : offset,
              out);
    vldst_pair_writeback(t, a, base, offset);
    arm_set_v(t, a->rt, out[0]);
    arm_set_v(t, a->rt2, out[1]);
    return true;
}

bool trans_stp_v(Trans *t, const ArgsPairV *a)
{
    int64_t offset = (int64_t)a->imm * (1 << a->size);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn);

    ir_stp_at(t->ir, arm_memop(t, a->size, 0), base, a->mode == VMODE_POST ? 0 : offset,
              arm_v(t, a->rt), arm_v(t, a->rt2));
    vldst_pair_writeback(t, a, base, offset);
    return true;
}

/* ---- one register ---- */

bool trans_ldr_v_i(Trans *t, const ArgsLdstVi *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn), moved = ir_addi(t->ir, base, a->imm);
    IrVal v = vldst_load(t, a->size, a->mode == VMODE_POST ? base : moved);

    if (a->mode != VMODE_OFFSET) {
        arm_set_r_sp(t, a->rn, moved);
    }
    arm_set_v(t, a->rt, v);
    return true;
}

bool trans_str_v_i(Trans *t, const ArgsLdstVi *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn), moved = ir_addi(t->ir, base, a->imm);

    vldst_store(t, a->size, a->mode == VMODE_POST ? base : moved, a->rt);
    if (a->mode != VMODE_OFFSET) {
        arm_set_r_sp(t, a->rn, moved);
    }
    return true;
}

bool trans_ldr_v_u(Trans *t, const ArgsLdstVu *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn);

    arm_set_v(
        t, a->rt,
        ir_ld_at(t->ir, IR_V128, arm_memop(t, a->size, 0), base, (int64_t)a->imm * (1 << a->size)));
    return true;
}

bool trans_str_v_u(Trans *t, const ArgsLdstVu *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    ir_st_at(t->ir, arm_memop(t, a->size, 0), arm_base(t, a->rn), (int64_t)a->imm * (1 << a->size),
             arm_v(t, a->rt));
    return true;
}

static IrVal vldst_addr_r(Trans *t, const ArgsLdstVr *a)
{
    IrVal offset = a64_extended(t, true, a->rm, a->option, a->s ? a->size : 0);

    return ir_add(t->ir, arm_base(t, a->rn), offset);
}

bool trans_ldr_v_r(Trans *t, const ArgsLdstVr *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    arm_set_v(t, a->rt, vldst_load(t, a->size, vldst_addr_r(t, a)));
    return true;
}

bool trans_str_v_r(Trans *t, const ArgsLdstVr *a)
{
    if (!arm_fp_check(t)) {
        return true;
    }
    vldst_store(t, a->size, vldst_addr_r(t, a), a->rt);
    return true;
}

/* ---- multiple structures ---- */

/* Registers and interleaving of an opcode of LD1..LD4. */
static void vldst_shape(unsigned opcode, unsigned *registers, unsigned *interleave)
{
    switch (opcode) {
    case 0:
        *registers = *interleave = 4;
        return;
    case 4:
        *registers = *interleave = 3;
        return;
    case 8:
        *registers = *interleave = 2;
        return;
    default:
        *interleave = 1;
        *registers = opcode == 2 ? 4 : opcode == 6 ? 3 : opcode == 10 ? 2 : 1;
        return;
    }
}

/* Whether elements may be accessed together: in order, and aligned no more than the whole is. */
static bool vldst_whole(const Trans *t, unsigned size, bool q)
{
    return size == (q ? 4 : 3) || !(t->mode_word & (ARM_MW_ALIGN | ARM_MW_BE | ARM_MW_MMU_OFF));
}

/* The register at @addr, elements of @size in memory order. */
static IrVal vldst_load_elements(Trans *t, unsigned size, bool q, IrVal addr)
{
    if (vldst_whole(t, size, q)) {
        return vldst_load(t, q ? 4 : 3, addr);
    }

    IrVal v = vldst_load(t, size, addr);

    for (unsigned i = 1; i < (q ? 16u : 8u) >> size; i++) {
        IrVal element = ir_ld_at(t->ir, IR_I64, arm_memop(t, size, 0), addr, (int64_t)i << size);
        v = ir_vinsert(t->ir, size, i, v, element);
    }
    return v;
}

static void vldst_store_elements(Trans *t, unsigned size, bool q, IrVal addr, IrVal v)
{
    if (vldst_whole(t, size, q)) {
        ir_st(t->ir, arm_memop(t, q ? 4 : 3, 0), addr, v);
        return;
    }
    for (unsigned i = 0; i < (q ? 16u : 8u) >> size; i++) {
        ir_st(t->ir, arm_memop(t, size, 0), ir_addi(t->ir, addr, (int64_t)i << size),
              ir_vextract(t->ir, IR_I64, size, i, false, v));
    }
}

/* Bytes gathered from three registers: byte i of the result is byte from[i] of their row. */
static IrVal vldst_gather(Trans *t, const IrVal in[3], const uint8_t from[16], bool q)
{
    unsigned bytes = q ? 16 : 8;
    IrDesc desc = ir_desc(0, q ? IR_W128 : IR_W64);
    IrVal v = IR_NONE;

    for (unsigned k = 0; k < 3; k++) {
        IrV128 pick;

        for (unsigned i = 0; i < 16; i++) {
            pick.u8[i] = i < bytes && from[i] / bytes == k ? from[i] % bytes : 0xff;
        }

        IrVal part = ir_v2(t->ir, IR_VTBL, desc, in[k], ir_vconst(t->ir, pick));

        v = k == 0 ? part : ir_v2(t->ir, IR_VOR, desc, v, part);
    }
    return v;
}

/* What element order means for three registers: as loaded to registers, or back. */
static void vldst_three(Trans *t, unsigned size, bool q, bool load, const IrVal in[3], IrVal out[3])
{
    unsigned bytes = q ? 16 : 8, mask = (1 << size) - 1;

    for (unsigned k = 0; k < 3; k++) {
        uint8_t from[16] = { 0 };

        for (unsigned i = 0; i < bytes; i++) {
            if (load) {
                from[i] = (((i >> size) * 3 + k) << size) + (i & mask);
            } else {
                unsigned at = k * bytes + i, element = at >> size;
                from[i] = element % 3 * bytes + (element / 3 << size) + (at & mask);
            }
        }
        out[k] = vldst_gather(t, in, from, q);
    }
}

static IrVal vldst_pick(Trans *t, IrOpcode op, IrDesc desc, unsigned variant, IrVal a, IrVal b)
{
    return ir_v2(t->ir, op, ir_desc_with_variant(desc, variant), a, b);
}

/* Registers @r := the structures that lie in memory order in @m. */
static void vldst_deinterleave(Trans *t, unsigned n, unsigned size, bool q, const IrVal *m,
                               IrVal *r)
{
    IrDesc d = ir_desc(size, q ? IR_W128 : IR_W64);

    if (n == 2) {
        r[0] = vldst_pick(t, IR_VUZP, d, 0, m[0], m[1]);
        r[1] = vldst_pick(t, IR_VUZP, d, 1, m[0], m[1]);
    } else if (n == 3) {
        vldst_three(t, size, q, true, m, r);
    } else {
        IrVal even[2], odd[2];

        for (unsigned i = 0; i < 2; i++) {
            even[i] = vldst_pick(t, IR_VUZP, d, 0, m[2 * i], m[2 * i + 1]);
            odd[i] = vldst_pick(t, IR_VUZP, d, 1, m[2 * i], m[2 * i + 1]);
        }
        for (unsigned i = 0; i < 2; i++) {
            r[2 * i] = vldst_pick(t, IR_VUZP, d, i, even[0], even[1]);
            r[2 * i + 1] = vldst_pick(t, IR_VUZP, d, i, odd[0], odd[1]);
        }
    }
}

static void vldst_interleave(Trans *t, unsigned n, unsigned size, bool q, const IrVal *r, IrVal *m)
{
    IrDesc d = ir_desc(size, q ? IR_W128 : IR_W64);

    if (n == 2) {
        m[0] = vldst_pick(t, IR_VZIP, d, 0, r[0], r[1]);
        m[1] = vldst_pick(t, IR_VZIP, d, 1, r[0], r[1]);
    } else if (n == 3) {
        vldst_three(t, size, q, false, r, m);
    } else {
        for (unsigned i = 0; i < 2; i++) {
            IrVal even = vldst_pick(t, IR_VZIP, d, i, r[0], r[2]);
            IrVal odd = vldst_pick(t, IR_VZIP, d, i, r[1], r[3]);

            m[2 * i] = vldst_pick(t, IR_VZIP, d, 0, even, odd);
            m[2 * i + 1] = vldst_pick(t, IR_VZIP, d, 1, even, odd);
        }
    }
}

/* Post-index by a register, or by the @bytes accessed where that is number 31. */
static void vldst_post(Trans *t, bool post, unsigned rn, unsigned rm, IrVal base, unsigned bytes)
{
    if (post) {
        arm_set_r_sp(t, rn,
                     rm == 31 ? ir_addi(t->ir, base, bytes) : ir_add(t->ir, base, arm_x(t, rm)));
    }
}

bool trans_ld_multi(Trans *t, const ArgsLdstVm *a)
{
    unsigned n, interleave, bytes = a->q ? 16 : 8;
    IrVal m[4], r[4];

    if (!arm_fp_check(t)) {
        return true;
    }
    vldst_shape(a->opcode, &n, &interleave);

    IrVal base = arm_base(t, a->rn);

    for (unsigned i = 0; i < n; i++) {
        m[i] = vldst_load_elements(t, a->size, a->q, ir_addi(t->ir, base, i * bytes));
    }
    if (interleave > 1) {
        vldst_deinterleave(t, n, a->size, a->q, m, r);
    }
    vldst_post(t, a->post, a->rn, a->rm, base, n * bytes);
    for (unsigned i = 0; i < n; i++) {
        arm_set_v(t, (a->rt + i) & 31, interleave > 1 ? r[i] : m[i]);
    }
    return true;
}

bool trans_st_multi(Trans *t, const ArgsLdstVm *a)
{
    unsigned n, interleave, bytes = a->q ? 16 : 8;
    IrVal m[4], r[4];

    if (!arm_fp_check(t)) {
        return true;
    }
    vldst_shape(a->opcode, &n, &interleave);

    IrVal base = arm_base(t, a->rn);

    for (unsigned i = 0; i < n; i++) {
        r[i] = arm_v(t, (a->rt + i) & 31);
    }
    if (interleave > 1) {
        vldst_interleave(t, n, a->size, a->q, r, m);
    }
    for (unsigned i = 0; i < n; i++) {
        vldst_store_elements(t, a->size, a->q, ir_addi(t->ir, base, i * bytes),
                             interleave > 1 ? m[i] : r[i]);
    }
    vldst_post(t, a->post, a->rn, a->rm, base, n * bytes);
    return true;
}

/* ---- single structures ---- */

/* Element size and index of a single structure. */
static unsigned vldst_element(const ArgsLdstVs *a, unsigned *index)
{
    unsigned all = a->q << 3 | a->s << 2 | a->size;

    switch (a->opcode >> 1) {
    case 0:
        *index = all;
        return 0;
    case 1:
        *index = all >> 1;
        return 1;
    default:
        *index = a->size ? a->q : all >> 2;
        return a->size ? 3 : 2;
    }
}

bool trans_ld_single(Trans *t, const ArgsLdstVs *a)
{
    unsigned n = ((a->opcode & 1) << 1 | a->r) + 1, index, size = vldst_element(a, &index);
    IrVal v[4];

    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn);

    for (unsigned i = 0; i < n; i++) {
        v[i] =
            ir_ld(t->ir, IR_I64, arm_memop(t, size, 0), ir_addi(t->ir, base, (int64_t)i << size));
    }
    vldst_post(t, a->post, a->rn, a->rm, base, n << size);
    for (unsigned i = 0; i < n; i++) {
        unsigned rt = (a->rt + i) & 31;

        arm_set_v(t, rt, ir_vinsert(t->ir, size, index, arm_v(t, rt), v[i]));
    }
    return true;
}

bool trans_st_single(Trans *t, const ArgsLdstVs *a)
{
    unsigned n = ((a->opcode & 1) << 1 | a->r) + 1, index, size = vldst_element(a, &index);

    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn);

    for (unsigned i = 0; i < n; i++) {
        IrVal v = ir_vextract(t->ir, IR_I64, size, index, false, arm_v(t, (a->rt + i) & 31));

        ir_st(t->ir, arm_memop(t, size, 0), ir_addi(t->ir, base, (int64_t)i << size), v);
    }
    vldst_post(t, a->post, a->rn, a->rm, base, n << size);
    return true;
}

bool trans_ld_rep(Trans *t, const ArgsLdstVs *a)
{
    unsigned n = ((a->opcode & 1) << 1 | a->r) + 1;
    IrVal v[4];

    if (!arm_fp_check(t)) {
        return true;
    }

    IrVal base = arm_base(t, a->rn);

    for (unsigned i = 0; i < n; i++) {
        v[i] = ir_ld(t->ir, IR_I64, arm_memop(t, a->size, 0),
                     ir_addi(t->ir, base, (int64_t)i << a->size));
    }
    vldst_post(t, a->post, a->rn, a->rm, base, n << a->size);
    for (unsigned i = 0; i < n; i++) {
        arm_set_v(t, (a->rt + i) & 31, ir_vdup(t->ir, a->size, a->q ? IR_W128 : IR_W64, v[i]));
    }
    return true;
}
