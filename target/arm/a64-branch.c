/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 branches, exception generation, hints, barriers and pointer authentication.
 * Spec: Arm ARM DDI 0487, C6.2, D1.3 (exceptions), D8.10 (pointer authentication).
 */
#include "target/arm/a64.h"

#include "core/icount.h"
#include "target/arm/a64-decode.h"
#include "target/arm/helper.h"

enum {
    A64_SYNDROME_IL = 1 << 25,
    A64_SYNDROME_SVC = 0x15u << 26 | A64_SYNDROME_IL,
    A64_SYNDROME_BRK = 0x3cu << 26 | A64_SYNDROME_IL,
};

#define A64_HELPER(name, result, args, flags)                         \
    {                                                                 \
#name, (void (*)(void))arm_helper_##name, result, args, flags \
    }

static const IrHelper a64_helper_eret =
    A64_HELPER(eret, IR_I64, 1, IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper a64_helper_hvc =
    A64_HELPER(hvc, IR_VOID, 1, IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper a64_helper_smc =
    A64_HELPER(smc, IR_VOID, 1, IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper a64_helper_wfi =
    A64_HELPER(wfi, IR_VOID, 0, IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper a64_helper_wfe =
    A64_HELPER(wfe, IR_VOID, 0, IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper a64_helper_yield = A64_HELPER(yield, IR_VOID, 0, 0);
static const IrHelper a64_helper_sev = A64_HELPER(sev, IR_VOID, 0, IR_HELPER_WRITES);
static const IrHelper a64_helper_dsb = A64_HELPER(dsb, IR_VOID, 0, 0);
/* They read system registers, which no pinned register holds. */
static const IrHelper a64_helper_pac[] = {
    [A64_KEY_IA] = A64_HELPER(pacia, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_IB] = A64_HELPER(pacib, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_DA] = A64_HELPER(pacda, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_DB] = A64_HELPER(pacdb, IR_I64, 2, IR_KEEPS_FLAG),
};
static const IrHelper a64_helper_aut[] = {
    [A64_KEY_IA] = A64_HELPER(autia, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_IB] = A64_HELPER(autib, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_DA] = A64_HELPER(autda, IR_I64, 2, IR_KEEPS_FLAG),
    [A64_KEY_DB] = A64_HELPER(autdb, IR_I64, 2, IR_KEEPS_FLAG),
};
static const IrHelper a64_helper_xpac = A64_HELPER(xpac, IR_I64, 2, IR_KEEPS_FLAG);
static const IrHelper a64_helper_pacga = A64_HELPER(pacga, IR_I64, 2, IR_KEEPS_FLAG);

static IrVal a64_call(Trans *t, const IrHelper *h, IrVal a)
{
    return ir_call(t->ir, h, a, IR_NONE, IR_NONE, IR_NONE);
}

/* Call a helper after which mode, masks or the run state may be others. */
static bool a64_call_and_leave(Trans *t, const IrHelper *h, IrVal a)
{
    a64_call(t, h, a);
    ir_exit_loop(t->ir, t->delta + 4);
    t->ended = true;
    return true;
}

/* ---- pointer authentication ---- */

static bool a64_key_on(const Trans *t, unsigned key)
{
    return t->mode_word >> (ARM_MW_PAUTH_SHIFT + key) & 1;
}

IrVal a64_pac(Trans *t, unsigned key, IrVal ptr, IrVal modifier)
{
    if (!a64_key_on(t, key)) {
        return ptr;
    }
    return ir_call(t->ir, &a64_helper_pac[key], ptr, modifier, IR_NONE, IR_NONE);
}

IrVal a64_aut(Trans *t, unsigned key, IrVal ptr, IrVal modifier)
{
    if (!a64_key_on(t, key)) {
        return ptr;
    }
    return ir_call(t->ir, &a64_helper_aut[key], ptr, modifier, IR_NONE, IR_NONE);
}

static bool a64_do_pac(Trans *t, unsigned key, unsigned rd, IrVal modifier)
{
    arm_set_r(t, rd, a64_pac(t, key, arm_x(t, rd), modifier));
    return true;
}

static bool a64_do_aut(Trans *t, unsigned key, unsigned rd, IrVal modifier)
{
    arm_set_r(t, rd, a64_aut(t, key, arm_x(t, rd), modifier));
    return true;
}

bool trans_pacia(Trans *t, const ArgsPac *a)
{
    return a64_do_pac(t, A64_KEY_IA, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_pacib(Trans *t, const ArgsPac *a)
{
    return a64_do_pac(t, A64_KEY_IB, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_pacda(Trans *t, const ArgsPac *a)
{
    return a64_do_pac(t, A64_KEY_DA, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_pacdb(Trans *t, const ArgsPac *a)
{
    return a64_do_pac(t, A64_KEY_DB, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_autia(Trans *t, const ArgsPac *a)
{
    return a64_do_aut(t, A64_KEY_IA, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_autib(Trans *t, const ArgsPac *a)
{
    return a64_do_aut(t, A64_KEY_IB, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_autda(Trans *t, const ArgsPac *a)
{
    return a64_do_aut(t, A64_KEY_DA, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_autdb(Trans *t, const ArgsPac *a)
{
    return a64_do_aut(t, A64_KEY_DB, a->rd, arm_r_sp(t, true, a->rn));
}

bool trans_paciza(Trans *t, const ArgsPacz *a)
{
    return a64_do_pac(t, A64_KEY_IA, a->rd, ir_i64(t->ir, 0));
}

bool trans_pacizb(Trans *t, const ArgsPacz *a)
{
    return a64_do_pac(t, A64_KEY_IB, a->rd, ir_i64(t->ir, 0));
}

bool trans_pacdza(Trans *t, const ArgsPacz *a)
{
    return a64_do_pac(t, A64_KEY_DA, a->rd, ir_i64(t->ir, 0));
}

bool trans_pacdzb(Trans *t, const ArgsPacz *a)
{
    return a64_do_pac(t, A64_KEY_DB, a->rd, ir_i64(t->ir, 0));
}

bool trans_autiza(Trans *t, const ArgsPacz *a)
{
    return a64_do_aut(t, A64_KEY_IA, a->rd, ir_i64(t->ir, 0));
}

bool trans_autizb(Trans *t, const ArgsPacz *a)
{
    return a64_do_aut(t, A64_KEY_IB, a->rd, ir_i64(t->ir, 0));
}

bool trans_autdza(Trans *t, const ArgsPacz *a)
{
    return a64_do_aut(t, A64_KEY_DA, a->rd, ir_i64(t->ir, 0));
}

bool trans_autdzb(Trans *t, const ArgsPacz *a)
{
    return a64_do_aut(t, A64_KEY_DB, a->rd, ir_i64(t->ir, 0));
}

static bool a64_do_xpac(Trans *t, unsigned rd, bool is_data)
{
    IrVal v =
        ir_call(t->ir, &a64_helper_xpac, arm_x(t, rd), ir_i64(t->ir, is_data), IR_NONE, IR_NONE);

    arm_set_r(t, rd, v);
    return true;
}

bool trans_xpaci(Trans *t, const ArgsPacz *a)
{
    return a64_do_xpac(t, a->rd, false);
}

bool trans_xpacd(Trans *t, const ArgsPacz *a)
{
    return a64_do_xpac(t, a->rd, true);
}

bool trans_xpaclri(Trans *t, const ArgsNone *a)
{
    return a64_do_xpac(t, 30, false);
}

bool trans_pacga(Trans *t, const ArgsRrr *a)
{
    arm_set_r(t, a->rd,
              ir_call(t->ir, &a64_helper_pacga, arm_x(t, a->rn), arm_r_sp(t, true, a->rm), IR_NONE,
                      IR_NONE));
    return true;
}

bool trans_pac1716(Trans *t, const ArgsKey *a)
{
    return a64_do_pac(t, a->key, 17, arm_x(t, 16));
}

bool trans_aut1716(Trans *t, const ArgsKey *a)
{
    return a64_do_aut(t, a->key, 17, arm_x(t, 16));
}

bool trans_pacz(Trans *t, const ArgsKey *a)
{
    return a64_do_pac(t, a->key, 30, ir_i64(t->ir, 0));
}

bool trans_autz(Trans *t, const ArgsKey *a)
{
    return a64_do_aut(t, a->key, 30, ir_i64(t->ir, 0));
}

bool trans_pacsp(Trans *t, const ArgsKey *a)
{
    return a64_do_pac(t, a->key, 30, arm_r_sp(t, true, 31));
}

bool trans_autsp(Trans *t, const ArgsKey *a)
{
    return a64_do_aut(t, a->key, 30, arm_r_sp(t, true, 31));
}

/* ---- branches ---- */

bool trans_b(Trans *t, const ArgsB *a)
{
    arm_trans_goto(t, t->delta + (int64_t)a->offset);
    return true;
}

bool trans_bl(Trans *t, const ArgsB *a)
{
    arm_set_r(t, 30, arm_pc(t, 4));
    arm_trans_goto(t, t->delta + (int64_t)a->offset);
    return true;
}

bool trans_bcond(Trans *t, const ArgsBcond *a)
{
    if (a->cond >= IR_COND_AL) {
        arm_trans_goto(t, t->delta + (int64_t)a->offset);
    } else {
        ir_exit_flags(t->ir, ir_get_flags(t->ir), (IrCond)a->cond, t->delta + a->offset);
        arm_trans_peek(t, t->delta + a->offset);
    }
    return true;
}

bool trans_cbz(Trans *t, const ArgsCbz *a)
{
    ir_exit_cmp(t->ir, IR_EQ, arm_r(t, a->sf, a->rt), ir_const(t->ir, a64_type(a->sf), 0),
                t->delta + a->offset);
    arm_trans_peek(t, t->delta + a->offset);
    return true;
}

bool trans_cbnz(Trans *t, const ArgsCbz *a)
{
    ir_exit_if(t->ir, arm_r(t, a->sf, a->rt), t->delta + a->offset);
    arm_trans_peek(t, t->delta + a->offset);
    return true;
}

bool trans_tbz(Trans *t, const ArgsTbz *a)
{
    ir_exit_bit(t->ir, arm_x(t, a->rt), a->bit, false, t->delta + a->offset);
    arm_trans_peek(t, t->delta + a->offset);
    return true;
}

bool trans_tbnz(Trans *t, const ArgsTbz *a)
{
    ir_exit_bit(t->ir, arm_x(t, a->rt), a->bit, true, t->delta + a->offset);
    arm_trans_peek(t, t->delta + a->offset);
    return true;
}

/* Tags are the run loop's to strip (Target.jump_pc): hardly any branch has one. */
static bool a64_jump(Trans *t, IrVal target, unsigned btype, bool link)
{
    if (link) {
        arm_set_r(t, 30, arm_pc(t, 4));
    }
    if (btype) {
        arm_trans_set_btype(t, btype);
    }
    ir_exit_indirect(t->ir, target);
    t->ended = true;
    return true;
}

/* BTYPE of BR and its like: X16 and X17 are the linkers' veneers'. */
static unsigned a64_btype_of_jump(const Trans *t, unsigned rn)
{
    return rn == 16 || rn == 17 || !t->guarded ? 1 : 3;
}

bool trans_br(Trans *t, const ArgsBr *a)
{
    return a64_jump(t, arm_x(t, a->rn), a64_btype_of_jump(t, a->rn), false);
}

bool trans_blr(Trans *t, const ArgsBr *a)
{
    return a64_jump(t, arm_x(t, a->rn), 2, true);
}

bool trans_ret(Trans *t, const ArgsBr *a)
{
    return a64_jump(t, arm_x(t, a->rn), 0, false);
}

static IrVal a64_brp_target(Trans *t, const ArgsBrp *a)
{
    IrVal modifier = a->zero ? ir_i64(t->ir, 0) : arm_r_sp(t, true, a->rm);

    return a64_aut(t, a->key, arm_x(t, a->rn), modifier);
}

bool trans_bra(Trans *t, const ArgsBrp *a)
{
    return a64_jump(t, a64_brp_target(t, a), a64_btype_of_jump(t, a->rn), false);
}

bool trans_blra(Trans *t, const ArgsBrp *a)
{
    return a64_jump(t, a64_brp_target(t, a), 2, true);
}

bool trans_reta(Trans *t, const ArgsKey *a)
{
    return a64_jump(t, a64_aut(t, a->key, arm_x(t, 30), arm_r_sp(t, true, 31)), 0, false);
}

/* ---- exceptions ---- */

bool trans_udf(Trans *t, const ArgsExc *a)
{
    return false;
}

bool trans_svc(Trans *t, const ArgsExc *a)
{
    arm_trans_exception(t, A64_SYNDROME_SVC | a->imm, t->el ? t->el : 1, true);
    return true;
}

bool trans_hvc(Trans *t, const ArgsExc *a)
{
    return t->el && a64_call_and_leave(t, &a64_helper_hvc, ir_i64(t->ir, a->imm));
}

bool trans_smc(Trans *t, const ArgsExc *a)
{
    return t->el && a64_call_and_leave(t, &a64_helper_smc, ir_i64(t->ir, a->imm));
}

bool trans_brk(Trans *t, const ArgsExc *a)
{
    arm_trans_exception(t, A64_SYNDROME_BRK | a->imm, t->el ? t->el : 1, false);
    return true;
}

/* Halting debug is never enabled. */
bool trans_hlt(Trans *t, const ArgsExc *a)
{
    return false;
}

bool trans_drps(Trans *t, const ArgsNone *a)
{
    return false;
}

static IrVal a64_elr(Trans *t)
{
    return ir_get(t->ir, IR_I64, offsetof(ArmCpu, elr_el) + t->el * 8, 3);
}

static bool a64_do_eret(Trans *t, IrVal elr)
{
    ir_exit_loop_at(t->ir, a64_call(t, &a64_helper_eret, elr));
    t->ended = true;
    return true;
}

bool trans_eret(Trans *t, const ArgsNone *a)
{
    return t->el && a64_do_eret(t, a64_elr(t));
}

bool trans_ereta(Trans *t, const ArgsKey *a)
{
    return t->el && a64_do_eret(t, a64_aut(t, a->key, a64_elr(t), arm_r_sp(t, true, 31)));
}

/* ---- hints and barriers ---- */

bool trans_hint(Trans *t, const ArgsHint *a)
{
    return true;
}

bool trans_bti(Trans *t, const ArgsBti *a)
{
    return true;
}

bool trans_yield(Trans *t, const ArgsNone *a)
{
    if (icount_is_single(t->cpu->cpu.dev.machine)) {
        return a64_call_and_leave(t, &a64_helper_yield, IR_NONE); /* who it waits for may run */
    }
    if (machine_n_cpus(t->cpu->cpu.dev.machine) > 1) {
        a64_call(t, &a64_helper_yield, IR_NONE);
    }
    return true;
}

bool trans_wfe(Trans *t, const ArgsNone *a)
{
    return a64_call_and_leave(t, &a64_helper_wfe, IR_NONE);
}

bool trans_wfi(Trans *t, const ArgsNone *a)
{
    return a64_call_and_leave(t, &a64_helper_wfi, IR_NONE);
}

bool trans_sev(Trans *t, const ArgsNone *a)
{
    a64_call(t, &a64_helper_sev, IR_NONE);
    return true;
}

bool trans_sevl(Trans *t, const ArgsNone *a)
{
    ir_set(t->ir, offsetof(ArmCpu, event), 0, ir_i32(t->ir, 1));
    return true;
}

bool trans_clrex(Trans *t, const ArgsBarrier *a)
{
    ir_clrex(t->ir);
    return true;
}

static void a64_barrier(Trans *t, unsigned type)
{
    switch (type & 3) {
    case 1:
        ir_fence(t->ir, IR_FENCE_LL | IR_FENCE_LS);
        break;
    case 2:
        ir_fence(t->ir, IR_FENCE_SS);
        break;
    default:
        ir_fence(t->ir, IR_FENCE_ALL);
        break;
    }
}

bool trans_dmb(Trans *t, const ArgsBarrier *a)
{
    a64_barrier(t, a->type);
    return true;
}

bool trans_dsb(Trans *t, const ArgsBarrier *a)
{
    ir_fence(t->ir, IR_FENCE_ALL);
    /* Alone, there is nobody whose answer is waited for. */
    if (t->el && machine_n_cpus(t->cpu->cpu.dev.machine) > 1) {
        a64_call(t, &a64_helper_dsb, IR_NONE);
    }
    return true;
}

/* Whatever changes how code is translated ends its block by itself. */
bool trans_isb(Trans *t, const ArgsBarrier *a)
{
    ir_exit(t->ir, t->delta + 4);
    t->ended = true;
    return true;
}

bool trans_sb(Trans *t, const ArgsNone *a)
{
    return true;
}

/* ---- system registers and PSTATE fields: one table decides ---- */

bool trans_sys(Trans *t, const ArgsSys *a)
{
    return arm_trans_sysreg(t, a->read, a->op0, a->op1, a->crn, a->crm, a->op2, a->rt);
}

bool trans_msr_i(Trans *t, const ArgsMsrI *a)
{
    return arm_trans_sysreg(t, false, 0, a->op1, 4, a->imm, a->op2, 31);
}
