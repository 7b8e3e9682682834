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
HELPER(rdhwr, IR_I64, 2, IR_HELPER_READS);
HELPER(tlbr, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbwi, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbwr, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbp, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbinv, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(tlbinvf, IR_VOID, 0, IR_HELPER_WRITES);
HELPER(mfhc0, IR_I64, 1, IR_HELPER_READS);
HELPER(mthc0, IR_VOID, 2, IR_HELPER_WRITES);
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

/* As cp0_read_cause has it. */
static IrVal sys_cause(Trans *t)
{
    enum { TIMER = 1 << MIPS_LINE_TIMER, IP7 = CAUSE_IP_SHIFT + 7, TI = 30 };
    IrVal v = ir_trunc(t->ir, ir_get(t->ir, IR_I64, offsetof(MipsCpu, cp0) + CP0_CAUSE * 8, 3));
    IrVal lines = ir_get(t->ir, IR_I32, offsetof(MipsCpu, cpu.irq_lines), 2);
    IrVal timer = ir_andi(t->ir, lines, TIMER);

    v = ir_andi(t->ir, v, ~(0xffull << CAUSE_IP_SHIFT));
    v = ir_or(t->ir, v, ir_shli(t->ir, ir_andi(t->ir, lines, 0xff), CAUSE_IP_SHIFT));
    v = ir_or(t->ir, v, ir_shli(t->ir, timer, IP7 - MIPS_LINE_TIMER));
    if (trans_has(t, MIPS_FEAT_R2)) {
        v = ir_or(t->ir, v, ir_shli(t->ir, timer, TI - MIPS_LINE_TIMER));
    }
    return ir_sext64(t->ir, v);
}

static bool sys_move_from(Trans *t, const ArgsCop0 *a, bool is64)
{
    IrVal v;

    if (!mips_check_cp0(t)) {
        return true;
    }
    if (mips_cp0_is_plain(t->cpu, sys_reg(a))) {
        v = ir_get(t->ir, IR_I64, offsetof(MipsCpu, cp0) + sys_reg(a) * 8, 3);
    } else if (sys_reg(a) == CP0_CAUSE && !is64) {
        v = sys_cause(t);
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

static void sys_write_bits(Trans *t, unsigned reg, IrVal v, uint64_t writable)
{
    uint64_t all = t->is64 ? UINT64_MAX : UINT32_MAX;
    uint32_t at = (uint32_t)offsetof(MipsCpu, cp0) + reg * 8;

    if (writable != all) {
        v = ir_or(t->ir, ir_andi(t->ir, v, writable),
                  ir_andi(t->ir, ir_get(t->ir, IR_I64, at, 3), ~writable & all));
    }
    ir_set(t->ir, at, 3, v);
}

static bool sys_move_to(Trans *t, const ArgsCop0 *a, bool is64)
{
    uint64_t writable;
    IrVal v;

    if (!mips_check_cp0(t)) {
        return true;
    }
    v = is64 ? mips_r(t, a->rt) : mips_extend(t, mips_r32(t, a->rt));
    if (mips_cp0_is_simple(t->cpu, sys_reg(a), &writable)) {
        sys_write_bits(t, sys_reg(a), v, writable);
    } else {
        ir_call(t->ir, &sys_mtc0, ir_i64(t->ir, sys_reg(a)), v, IR_NONE, IR_NONE);
    }
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
        uint32_t at = (uint32_t)offsetof(MipsCpu, cp0) + CP0_STATUS * 8;
        IrVal old = ir_get(t->ir, IR_I64, at, 3), ie = ir_i64(t->ir, STATUS_IE);

        ir_set(t->ir, at, 3,
               on ? ir_or(t->ir, old, ie) : ir_andi(t->ir, old, ~(uint64_t)STATUS_IE));
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

static IrVal sys_cp0(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_I64, (uint32_t)offsetof(MipsCpu, cp0) + reg * 8, 3);
}

/* As mips_helper_eretnc has it. */
static void sys_return(Trans *t)
{
    IrVal status = sys_cp0(t, CP0_STATUS);
    IrVal error = ir_andi(t->ir, ir_trunc(t->ir, status), STATUS_ERL);
    IrVal to = ir_select(t->ir, error, sys_cp0(t, CP0_ERROREPC), sys_cp0(t, CP0_EPC));
    IrVal bit = ir_select(t->ir, error, ir_i64(t->ir, STATUS_ERL), ir_i64(t->ir, STATUS_EXL));

    ir_set(t->ir, (uint32_t)offsetof(MipsCpu, cp0) + CP0_STATUS * 8, 3,
           ir_op2(t->ir, IR_ANDC, status, bit));
    if (trans_has(t, MIPS_FEAT_ISA16)) {
        ir_set(t->ir, offsetof(MipsCpu, half), 2, ir_i32(t->ir, 0));
        ir_set(t->ir, offsetof(MipsCpu, isa16), 2, ir_andi(t->ir, ir_trunc(t->ir, to), 1));
        to = ir_andi(t->ir, to, ~1ull);
    }
    ir_exit_loop_at(t->ir, to);
    t->ended = true;
}

bool mips_eret(Trans *t, const ArgsNone *a)
{
    if (t->in_slot) {
        return false;
    }
    if (mips_check_cp0(t)) {
        ir_clrex(t->ir);
        sys_return(t);
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
