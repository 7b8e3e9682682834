/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 loads and stores of general registers, exclusives and atomics.
 * Spec: Arm ARM DDI 0487, C6.2; B2.2 (atomicity), B2.9 (exclusives), B2.5 (alignment).
 *
 * An instruction does all its accesses before it writes a register, so that a fault leaves the
 * state before it. Where base and target overlap with writeback the outcome is constrained
 * unpredictable: the loaded value wins.
 */
#include "target/arm/a64.h"

#include "target/arm/a64-decode.h"

enum { LDST_ZERO, LDST_SIGN64, LDST_SIGN32 };           /* ArgsX.ext */
enum { LDST_OFFSET, LDST_POST, LDST_UNPRIV, LDST_PRE }; /* ArgsX.mode */

static void ldst_load(Trans *t, unsigned rt, unsigned size, unsigned ext, uint32_t extra,
                      IrVal addr, int64_t disp)
{
    IrType type = ext == LDST_SIGN32 ? IR_I32 : IR_I64;

    if (ext != LDST_ZERO) {
        extra |= IR_MO_SIGN;
    }
    arm_set_r(t, rt, ir_ld_at(t->ir, type, arm_memop(t, size, extra), addr, disp));
}

static void ldst_store(Trans *t, unsigned rt, unsigned size, uint32_t extra, IrVal addr,
                       int64_t disp)
{
    ir_st_at(t->ir, arm_memop(t, size, extra), addr, disp, arm_x(t, rt));
}

bool trans_prfm(Trans *t, const ArgsPrfm *a)
{
    return true;
}

bool trans_ldr_lit(Trans *t, const ArgsLit *a)
{
    ldst_load(t, a->rt, a->size, a->ext, 0, arm_pc(t, a->offset), 0);
    return true;
}

/* ---- pairs ---- */

/* What is to be added to the address beside; with writeback the sum is wanted anyway. */
static int64_t ldst_pair_addr(Trans *t, const ArgsPair *a, IrVal *base, int64_t offset)
{
    if (a->mode == LDST_PRE) {
        *base = ir_addi(t->ir, *base, offset);
    }
    return a->mode == LDST_OFFSET ? offset : 0;
}

static void ldst_pair_writeback(Trans *t, const ArgsPair *a, IrVal base, int64_t offset)
{
    if (a->mode != LDST_OFFSET) {
        arm_set_r_sp(t, a->rn, ir_addi(t->ir, base, offset));
    }
}

/*
 * With FEAT_LSE2 a pair inside 16 aligned bytes is one access (B2.2.1.1). Pairs on the stack are
 * nearly all loads and stores of a thread's own: these are left as two.
 */
static uint32_t ldst_pair_order(const Trans *t, const ArgsPair *a)
{
    return trans_has(t, ARM_FEAT_LSE2) && a->rn != 31 ? IR_MO_ATOMIC : 0;
}

bool trans_ldp(Trans *t, const ArgsPair *a)
{
    int64_t offset = (int64_t)a->imm * (1 << a->size);
    IrVal base = arm_base(t, a->rn), addr = base, out[2];
    int64_t disp = ldst_pair_addr(t, a, &addr, offset);

    ir_ldp_at(t->ir, IR_I64,
              arm_memop(t, a->size, ldst_pair_order(t, a) | (a->ext ? IR_MO_SIGN : 0)), addr, disp,
              out);
    ldst_pair_writeback(t, a, base, offset);
    arm_set_r(t, a->rt, out[0]);
    arm_set_r(t, a->rt2, out[1]);
    return true;
}

bool trans_stp(Trans *t, const ArgsPair *a)
{
    int64_t offset = (int64_t)a->imm * (1 << a->size);
    IrVal base = arm_base(t, a->rn), addr = base;
    int64_t disp = ldst_pair_addr(t, a, &addr, offset);

    ir_stp_at(t->ir, arm_memop(t, a->size, ldst_pair_order(t, a)), addr, disp, arm_x(t, a->rt),
              arm_x(t, a->rt2));
    ldst_pair_writeback(t, a, base, offset);
    return true;
}

/* ---- one register ---- */

static int64_t ldst_addr(Trans *t, const ArgsLdstI *a, IrVal *base)
{
    if (a->mode == LDST_PRE) {
        *base = ir_addi(t->ir, *base, a->imm);
    }
    return a->mode & 1 ? 0 : a->imm;
}

static bool ldst_load_i(Trans *t, const ArgsLdstI *a, uint32_t extra)
{
    IrVal base = arm_base(t, a->rn), addr = base;
    IrType type = a->ext == LDST_SIGN32 ? IR_I32 : IR_I64;
    IrMemOp mo = arm_memop(t, a->size, extra | (a->ext ? IR_MO_SIGN : 0));
    int64_t disp = ldst_addr(t, a, &addr);
    IrVal v = ir_ld_at(t->ir, type, mo, addr, disp);

    if (a->mode & 1) {
        arm_set_r_sp(t, a->rn, ir_addi(t->ir, base, a->imm));
    }
    arm_set_r(t, a->rt, v);
    return true;
}

static bool ldst_store_i(Trans *t, const ArgsLdstI *a, uint32_t extra)
{
    IrVal base = arm_base(t, a->rn), addr = base;
    int64_t disp = ldst_addr(t, a, &addr);

    ldst_store(t, a->rt, a->size, extra, addr, disp);
    if (a->mode & 1) {
        arm_set_r_sp(t, a->rn, ir_addi(t->ir, base, a->imm));
    }
    return true;
}

bool trans_ldr_i(Trans *t, const ArgsLdstI *a)
{
    return ldst_load_i(t, a, 0);
}

bool trans_str_i(Trans *t, const ArgsLdstI *a)
{
    return ldst_store_i(t, a, 0);
}

bool trans_ldtr(Trans *t, const ArgsLdstI *a)
{
    return ldst_load_i(t, a, IR_MO_UNPRIV);
}

bool trans_sttr(Trans *t, const ArgsLdstI *a)
{
    return ldst_store_i(t, a, IR_MO_UNPRIV);
}

bool trans_ldr_u(Trans *t, const ArgsLdstU *a)
{
    ldst_load(t, a->rt, a->size, a->ext, 0, arm_base(t, a->rn), (int64_t)a->imm * (1 << a->size));
    return true;
}

bool trans_str_u(Trans *t, const ArgsLdstU *a)
{
    ldst_store(t, a->rt, a->size, 0, arm_base(t, a->rn), (int64_t)a->imm * (1 << a->size));
    return true;
}

static IrVal ldst_r_addr(Trans *t, const ArgsLdstR *a)
{
    IrVal offset = a64_extended(t, true, a->rm, a->option, a->s ? a->size : 0);

    return ir_add(t->ir, arm_base(t, a->rn), offset);
}

bool trans_ldr_r(Trans *t, const ArgsLdstR *a)
{
    ldst_load(t, a->rt, a->size, a->ext, 0, ldst_r_addr(t, a), 0);
    return true;
}

bool trans_str_r(Trans *t, const ArgsLdstR *a)
{
    ldst_store(t, a->rt, a->size, 0, ldst_r_addr(t, a), 0);
    return true;
}

bool trans_ldra(Trans *t, const ArgsLdra *a)
{
    IrVal modifier = ir_i64(t->ir, 0);
    IrVal base = a64_aut(t, a->key ? A64_KEY_DB : A64_KEY_DA, arm_base(t, a->rn), modifier);
    IrVal addr = ir_addi(t->ir, base, (int64_t)a->imm * 8);
    IrVal v = ir_ld(t->ir, IR_I64, arm_memop(t, 3, 0), addr);

    if (a->writeback) {
        arm_set_r_sp(t, a->rn, addr);
    }
    arm_set_r(t, a->rt, v);
    return true;
}

/* ---- ordered ---- */

/* FEAT_LSE2 lets ordered and atomic accesses be unaligned inside 16 bytes. */
static uint32_t ldst_ordered_align(const Trans *t)
{
    if (!trans_has(t, ARM_FEAT_LSE2)) {
        return IR_MO_ALIGN_NATURAL;
    }
    return t->mode_word & ARM_MW_NAA ? 0 : IR_MO_ALIGN_WITHIN_16;
}

bool trans_ldar(Trans *t, const ArgsOrdered *a)
{
    ldst_load(t, a->rt, a->size, LDST_ZERO, IR_MO_ACQ | ldst_ordered_align(t), arm_base(t, a->rn),
              0);
    return true;
}

bool trans_stlr(Trans *t, const ArgsOrdered *a)
{
    ldst_store(t, a->rt, a->size, IR_MO_REL | ldst_ordered_align(t), arm_base(t, a->rn), 0);
    return true;
}

bool trans_ldapr(Trans *t, const ArgsOrdered *a)
{
    ldst_load(t, a->rt, a->size, LDST_ZERO, IR_MO_ACQPC | ldst_ordered_align(t), arm_base(t, a->rn),
              0);
    return true;
}

bool trans_ldapur(Trans *t, const ArgsRcpc2 *a)
{
    ldst_load(t, a->rt, a->size, a->ext, IR_MO_ACQPC | ldst_ordered_align(t), arm_base(t, a->rn),
              a->imm);
    return true;
}

bool trans_stlur(Trans *t, const ArgsRcpc2 *a)
{
    ldst_store(t, a->rt, a->size, IR_MO_REL | ldst_ordered_align(t), arm_base(t, a->rn), a->imm);
    return true;
}

/* ---- exclusives ---- */

/* The first register of a pair lies at the lower address, in either endianness. */
IrVal a64_join(Trans *t, unsigned size, IrVal first, IrVal second)
{
    bool be = t->mode_word & ARM_MW_BE;
    IrVal lo = be ? second : first, hi = be ? first : second;

    return size == 2 ? ir_deposit(t->ir, lo, hi, 32, 32) : ir_vpack(t->ir, lo, hi);
}

void a64_split(Trans *t, unsigned size, IrVal v, IrVal out[2])
{
    bool be = t->mode_word & ARM_MW_BE;

    if (size == 2) {
        out[be] = ir_zext(t->ir, v, 32);
        out[!be] = ir_shri(t->ir, v, 32);
    } else {
        out[be] = ir_vextract(t->ir, IR_I64, 3, 0, false, v);
        out[!be] = ir_vextract(t->ir, IR_I64, 3, 1, false, v);
    }
}

bool trans_ldxr(Trans *t, const ArgsExcl *a)
{
    uint32_t extra = IR_MO_ALIGN_NATURAL | (a->ordered ? IR_MO_ACQ : 0);

    if (a64_llsc_fuse(t)) {
        return true;
    }
    arm_set_r(t, a->rt, ir_ll(t->ir, IR_I64, arm_memop(t, a->size, extra), arm_base(t, a->rn)));
    return true;
}

bool trans_ldxp(Trans *t, const ArgsExcl *a)
{
    uint32_t extra = IR_MO_ALIGN_NATURAL | (a->ordered ? IR_MO_ACQ : 0);
    IrType type = a->size == 2 ? IR_I64 : IR_V128;
    IrVal v, out[2];

    if (a64_llsc_fuse(t)) {
        return true;
    }
    v = ir_ll(t->ir, type, arm_memop(t, a->size + 1, extra), arm_base(t, a->rn));
    a64_split(t, a->size, v, out);
    arm_set_r(t, a->rt, out[0]);
    arm_set_r(t, a->rt2, out[1]);
    return true;
}

bool trans_stxr(Trans *t, const ArgsExcl *a)
{
    uint32_t extra = IR_MO_ALIGN_NATURAL | (a->ordered ? IR_MO_REL : 0);

    arm_set_r(t, a->rs,
              ir_sc(t->ir, arm_memop(t, a->size, extra), arm_base(t, a->rn), arm_x(t, a->rt)));
    return true;
}

bool trans_stxp(Trans *t, const ArgsExcl *a)
{
    uint32_t extra = IR_MO_ALIGN_NATURAL | (a->ordered ? IR_MO_REL : 0);
    IrVal v = a64_join(t, a->size, arm_x(t, a->rt), arm_x(t, a->rt2));

    arm_set_r(t, a->rs, ir_sc(t->ir, arm_memop(t, a->size + 1, extra), arm_base(t, a->rn), v));
    return true;
}

/* ---- atomics ---- */

static uint32_t ldst_atomic_order(const Trans *t, bool acquire, bool release)
{
    return ldst_ordered_align(t) | IR_MO_ATOMIC | (acquire ? IR_MO_ACQ : 0) |
           (release ? IR_MO_REL : 0);
}

bool trans_cas(Trans *t, const ArgsCas *a)
{
    IrMemOp mo = arm_memop(t, a->size, ldst_atomic_order(t, a->acquire, a->release));
    bool wide = a->size == 3;
    IrVal expected = arm_r(t, wide, a->rs);

    if (a->size < 2) {
        expected = ir_zext(t->ir, expected, 8u << a->size);
    }
    arm_set_r(t, a->rs, ir_cas(t->ir, mo, arm_base(t, a->rn), expected, arm_r(t, wide, a->rt)));
    return true;
}

bool trans_casp(Trans *t, const ArgsCas *a)
{
    uint32_t extra = IR_MO_ATOMIC | IR_MO_ALIGN_NATURAL | (a->acquire ? IR_MO_ACQ : 0) |
                     (a->release ? IR_MO_REL : 0);
    IrMemOp mo = arm_memop(t, a->size + 1, extra);
    IrVal s0 = arm_x(t, a->rs), s1 = arm_x(t, a->rs + 1);
    IrVal t0 = arm_x(t, a->rt), t1 = arm_x(t, a->rt + 1);
    IrVal addr = arm_base(t, a->rn), out[2];

    a64_split(t, a->size,
              ir_cas(t->ir, mo, addr, a64_join(t, a->size, s0, s1), a64_join(t, a->size, t0, t1)),
              out);
    arm_set_r(t, a->rs, out[0]);
    arm_set_r(t, a->rs + 1, out[1]);
    return true;
}

static bool ldst_rmw(Trans *t, const ArgsAtomic *a, IrRmw op)
{
    IrMemOp mo = arm_memop(t, a->size, ldst_atomic_order(t, a->acquire, a->release));

    arm_set_r(t, a->rt, ir_rmw(t->ir, op, mo, arm_base(t, a->rn), arm_r(t, a->size == 3, a->rs)));
    return true;
}

bool trans_ldadd(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_ADD);
}

bool trans_ldclr(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_ANDC);
}

bool trans_ldeor(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_XOR);
}

bool trans_ldset(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_OR);
}

bool trans_ldsmax(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_SMAX);
}

bool trans_ldsmin(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_SMIN);
}

bool trans_ldumax(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_UMAX);
}

bool trans_ldumin(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_UMIN);
}

bool trans_swp(Trans *t, const ArgsAtomic *a)
{
    return ldst_rmw(t, a, IR_RMW_SWAP);
}
