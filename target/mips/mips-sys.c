/* SPDX-License-Identifier: Apache-2.0 */
/* MIPS system instructions. Spec: Volume II-A, Volume III. */
#include "target/mips/translate.h"

#include "target/mips/cp0.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

#define HELPER(name, result, n, flags)                                                         \
    static const IrHelper sys_##name = { #name, (void (*)(void))mips_helper_##name, result, n, \
                                         flags }

HELPER(mfc0, IR_I64, 1, IR_HELPER_READS);
HELPER(mtc0, IR_VOID, 2, IR_HELPER_WRITES);
HELPER(set_ie, IR_I64, 1, IR_HELPER_WRITES);
HELPER(rdhwr, IR_I64, 2, IR_HELPER_READS);
HELPER(tlbr, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbwi, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbwr, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbp, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbinv, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbinvf, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(mfhc0, IR_I64, 1, IR_HELPER_READS);
HELPER(mthc0, IR_VOID, 2, IR_HELPER_WRITES);
HELPER(eret, IR_I64, 0, IR_HELPER_WRITES);
HELPER(wait, IR_VOID, 0, IR_HELPER_WRITES);

bool mips_syscall(Trans *t, const ArgsCode *a)
{
    mips_trans_raise(t, EXC_SYS, 0);
    return true;
}

bool mips_break(Trans *t, const ArgsCode *a)
{
    mips_trans_raise(t, EXC_BP, 0);
    return true;
}

/* No debugger is attached to EJTAG: as a breakpoint of the program's. */
bool mips_sdbbp(Trans *t, const ArgsCode *a)
{
    mips_trans_raise(t, EXC_BP, 0);
    return true;
}

static unsigned sys_reg(const ArgsCop0 *a)
{
    return a->rd * 8u + a->sel;
}

static bool sys_move_from(Trans *t, const ArgsCop0 *a, bool is64)
{
    IrVal v;

    if (!mips_check_cp0(t)) {
        return true;
    }
    if (mips_cp0_is_plain(t->cpu, sys_reg(a))) {
        v = ir_get(t->ir, IR_I64, offsetof(MipsCpu, cp0) + sys_reg(a) * 8, 3);
    } else {
        v = ir_call(t->ir, &sys_mfc0, ir_i64(t->ir, sys_reg(a)), IR_NONE, IR_NONE, IR_NONE);
    }
    if (is64) {
        mips_set_r(t, a->rt, v);
    } else {
        mips_set_r32(t, a->rt, ir_trunc(t->ir, v));
    }
    return true;
}

static bool sys_move_to(Trans *t, const ArgsCop0 *a, bool is64)
{
    IrVal v;

    if (!mips_check_cp0(t)) {
        return true;
    }
    v = is64 ? mips_r(t, a->rt) : mips_extend(t, mips_r32(t, a->rt));
    ir_call(t->ir, &sys_mtc0, ir_i64(t->ir, sys_reg(a)), v, IR_NONE, IR_NONE);
    if (mips_cp0_leaves(sys_reg(a))) {
        mips_trans_leave(t);
    }
    return true;
}

bool mips_mfc0(Trans *t, const ArgsCop0 *a)
{
    return sys_move_from(t, a, false);
}

bool mips_mtc0(Trans *t, const ArgsCop0 *a)
{
    return sys_move_to(t, a, false);
}

bool mips_dmfc0(Trans *t, const ArgsCop0 *a)
{
    return mips_is_64(t) && sys_move_from(t, a, true);
}

bool mips_dmtc0(Trans *t, const ArgsCop0 *a)
{
    return mips_is_64(t) && sys_move_to(t, a, true);
}

static bool sys_interrupts(Trans *t, unsigned rt, uint64_t on)
{
    if (mips_check_cp0(t)) {
        IrVal old = ir_call(t->ir, &sys_set_ie, ir_i64(t->ir, on), IR_NONE, IR_NONE, IR_NONE);

        mips_set_r32(t, rt, ir_trunc(t->ir, old));
        if (on) {
            mips_trans_leave(t);
        }
    }
    return true;
}

bool mips_di(Trans *t, const ArgsRt *a)
{
    return sys_interrupts(t, a->rt, 0);
}

bool mips_ei(Trans *t, const ArgsRt *a)
{
    return sys_interrupts(t, a->rt, 1);
}

/* There is one register set. */
bool mips_rdpgpr(Trans *t, const ArgsGpr2 *a)
{
    if (mips_check_cp0(t)) {
        mips_set_r(t, a->rd, mips_r(t, a->rt));
    }
    return true;
}

bool mips_wrpgpr(Trans *t, const ArgsGpr2 *a)
{
    return mips_rdpgpr(t, a);
}

static bool sys_tlb(Trans *t, const IrHelper *h)
{
    if (!trans_has(t, MIPS_FEAT_TLB)) {
        return false;
    }
    if (mips_check_cp0(t)) {
        ir_call(t->ir, h, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        if (h != &sys_tlbp) {
            mips_trans_leave(t);
        }
    }
    return true;
}

bool mips_tlbr(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbr);
}

bool mips_tlbwi(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbwi);
}

bool mips_tlbwr(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbwr);
}

bool mips_tlbp(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbp);
}

bool mips_tlbinv(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbinv);
}

bool mips_tlbinvf(Trans *t, const ArgsNone *a)
{
    return sys_tlb(t, &sys_tlbinvf);
}

bool mips_mfhc0(Trans *t, const ArgsCop0 *a)
{
    if (mips_check_cp0(t)) {
        IrVal reg = ir_i64(t->ir, sys_reg(a));

        mips_set_r32(t, a->rt,
                     ir_trunc(t->ir, ir_call(t->ir, &sys_mfhc0, reg, IR_NONE, IR_NONE, IR_NONE)));
    }
    return true;
}

bool mips_mthc0(Trans *t, const ArgsCop0 *a)
{
    if (mips_check_cp0(t)) {
        ir_call(t->ir, &sys_mthc0, ir_i64(t->ir, sys_reg(a)), mips_r(t, a->rt), IR_NONE, IR_NONE);
    }
    return true;
}

bool mips_eret(Trans *t, const ArgsNone *a)
{
    if (t->in_slot) {
        return false;
    }
    if (mips_check_cp0(t)) {
        ir_exit_loop_at(t->ir, ir_call(t->ir, &sys_eret, IR_NONE, IR_NONE, IR_NONE, IR_NONE));
        t->ended = true;
    }
    return true;
}

bool mips_wait(Trans *t, const ArgsCode *a)
{
    if (t->in_slot) {
        return false;
    }
    if (mips_check_cp0(t)) {
        ir_call(t->ir, &sys_wait, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
        mips_trans_leave(t);
    }
    return true;
}

/* HWREna decides in user mode: bits 0 to 3 and 29 are in the mode word. */
bool mips_rdhwr(Trans *t, const ArgsRdhwr *a)
{
    bool known = a->rd <= 3 || a->rd == 29;
    unsigned bit = a->rd == 29 ? 4 : a->rd;

    if (!known || a->sel) {
        return false;
    }
    if (!(t->mode_word & MIPS_MW_CP0) && !(t->mode_word >> (MIPS_MW_HWRENA_SHIFT + bit) & 1)) {
        return false;
    }
    if (a->rd == 29) {
        mips_set_r(t, a->rt, ir_get(t->ir, IR_I64, offsetof(MipsCpu, cp0) + CP0_USERLOCAL * 8, 3));
        return true;
    }
    mips_set_r32(t, a->rt,
                 ir_trunc(t->ir, ir_call(t->ir, &sys_rdhwr, ir_i64(t->ir, a->rd),
                                         ir_i64(t->ir, a->sel), IR_NONE, IR_NONE)));
    return true;
}
