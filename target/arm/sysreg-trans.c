/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of MRS, MSR, SYS and SYSL by the table of system registers: plain storage inline,
 * the rest through helpers. Spec: Arm ARM DDI 0487, C5.2, D24.2.40 (ISS of EC 0x18).
 */
#include "target/arm/sysreg.h"

#include "core/icount.h"
#include "target/arm/exception.h"
#include "target/arm/helper.h"
#include "target/arm/translate.h"

/* ---- at run time ---- */

static uint64_t sysreg_helper_read(Cpu *cpu, uint64_t row)
{
    const ArmSysReg *r = (const ArmSysReg *)(uintptr_t)row;

    return r->read(arm_cpu(cpu), r);
}

static uint64_t sysreg_helper_write(Cpu *cpu, uint64_t row, uint64_t val)
{
    const ArmSysReg *r = (const ArmSysReg *)(uintptr_t)row;

    r->write(arm_cpu(cpu), r, val);
    return 0;
}

static uint64_t sysreg_helper_check(Cpu *cpu, uint64_t trap, uint64_t syndrome)
{
    ArmCpu *c = arm_cpu(cpu);

    if (arm_sys_traps(c, (unsigned)trap)) {
        arm_raise(c, (uint32_t)syndrome);
    }
    return 0;
}

static uint64_t sysreg_helper_intc_read(Cpu *cpu, uint64_t id)
{
    uint64_t val = 0;

    if (!cpu_intc_read(cpu, (uint32_t)id, &val)) {
        arm_raise(arm_cpu(cpu), arm_syndrome(ARM_EC_UNKNOWN, 0));
    }
    return val;
}

static uint64_t sysreg_helper_intc_write(Cpu *cpu, uint64_t id, uint64_t val)
{
    if (!cpu_intc_write(cpu, (uint32_t)id, val)) {
        arm_raise(arm_cpu(cpu), arm_syndrome(ARM_EC_UNKNOWN, 0));
    }
    return 0;
}

#define SYSREG_HELPER(name, result, args, flags)                                \
    {                                                                           \
        "sys_" #name, (void (*)(void))sysreg_helper_##name, result, args, flags \
    }

static const IrHelper sysreg_read = SYSREG_HELPER(read, IR_I64, 1, IR_HELPER_READS);
static const IrHelper sysreg_read_raises =
    SYSREG_HELPER(read, IR_I64, 1, IR_HELPER_READS | IR_HELPER_RAISES);
static const IrHelper sysreg_write =
    SYSREG_HELPER(write, IR_VOID, 2, IR_HELPER_READS | IR_HELPER_WRITES);
static const IrHelper sysreg_write_raises =
    SYSREG_HELPER(write, IR_VOID, 2, IR_HELPER_READS | IR_HELPER_WRITES | IR_HELPER_RAISES);
static const IrHelper sysreg_check =
    SYSREG_HELPER(check, IR_VOID, 2, IR_HELPER_READS | IR_HELPER_RAISES);
static const IrHelper sysreg_intc_read =
    SYSREG_HELPER(intc_read, IR_I64, 1, IR_HELPER_READS | IR_HELPER_RAISES);
static const IrHelper sysreg_intc_write =
    SYSREG_HELPER(intc_write, IR_VOID, 2, IR_HELPER_READS | IR_HELPER_RAISES);

/* ---- at translation time ---- */

typedef struct SysAccess {
    uint32_t id;
    bool is_read;
    unsigned rt;
    uint32_t syndrome; /* of a trap */
} SysAccess;

static void sysreg_leave(Trans *t)
{
    ir_exit_loop(t->ir, t->delta + 4);
    t->ended = true;
}

/*
 * Interrupts may be unmasked: leave the block by an exit that polls, and let the poll see a line
 * that is high. Nothing else that translation depends on has changed.
 */
static void sysreg_unmasked(Trans *t)
{
    IrBlock *ir = t->ir;
    uint32_t poll = offsetof(ArmCpu, cpu.poll_counter);
    IrVal lines = ir_get(ir, IR_I32, offsetof(ArmCpu, cpu.irq_lines), 2);

    if (icount_is_single(t->cpu->cpu.dev.machine)) {
        /* as icount_hold */
        uint32_t left = offsetof(ArmCpu, cpu.icount_left), kept = offsetof(ArmCpu, cpu.icount_kept);
        IrVal held = ir_select(ir, lines, ir_i32(ir, ICOUNT_HELD), ir_i32(ir, 0));

        ir_set(ir, left, 2, ir_sub(ir, ir_get(ir, IR_I32, left, 2), held));
        ir_set(ir, kept, 2, ir_add(ir, ir_get(ir, IR_I32, kept, 2), held));
    } else {
        IrVal count = ir_get(ir, IR_I32, poll, 2);

        ir_set(ir, poll, 2, ir_select(ir, lines, ir_i32(ir, UINT32_MAX), count));
    }
    ir_exit_indirect(ir, arm_pc(t, 4));
    t->ended = true;
}

/* The traps that the mode word knows: 1 traps, 0 does not, -1 must be asked at run time. */
static int sysreg_known_trap(const Trans *t, unsigned trap)
{
    switch (trap) {
    case SYS_TRAP_NONE:
        return 0;
    case SYS_TRAP_UCI:
        return !(t->mode_word & ARM_MW_UCI);
    case SYS_TRAP_UCT:
        return !(t->mode_word & ARM_MW_UCT);
    case SYS_TRAP_DZE:
        return !(t->mode_word & ARM_MW_DZE);
    case SYS_TRAP_VCT:
        return !(t->mode_word & ARM_MW_VCT);
    default:
        return -1;
    }
}

/* False: an exception was emitted, or the access is undefined (*@undefined). */
static bool sysreg_may_access(Trans *t, const ArmSysReg *r, const SysAccess *a, bool *undefined)
{
    unsigned least = a->is_read ? r->read_el : r->write_el;

    *undefined = false;
    if (r->trap == SYS_TRAP_FP) {
        return arm_fp_check(t);
    }
    if (t->el < least) {
        bool idst = t->cpu->id.aa64mmfr2 >> 36 & 15;

        if (t->el == 0 && a->is_read && r->flags & SYS_ID && idst) {
            arm_trans_exception(t, a->syndrome, 1, false);
        } else {
            *undefined = true;
        }
        return false;
    }
    if (t->el != 0) {
        return true;
    }
    switch (sysreg_known_trap(t, r->trap)) {
    case 0:
        return true;
    case 1:
        arm_trans_exception(t, a->syndrome, 1, false);
        return false;
    default:
        ir_call(t->ir, &sysreg_check, ir_i64(t->ir, r->trap), ir_i64(t->ir, a->syndrome), IR_NONE,
                IR_NONE);
        return true;
    }
}

/* The hot ones that are no plain storage. False: not one of them. */
static bool sysreg_read_inline(Trans *t, const ArmSysReg *r, IrVal *v)
{
    IrBlock *ir = t->ir;

    switch (r->id) {
    case SYSID(3, 3, 14, 0, 1): /* CNTPCT_EL0 */
    case SYSID(3, 3, 14, 0, 2): /* CNTVCT_EL0 */
        *v = ir_shri(ir, ir_clock(ir), ARM_TIMER_TICK_BITS);
        if (r->id == SYSID(3, 3, 14, 0, 2)) {
            *v = ir_sub(ir, *v, ir_get(ir, IR_I64, offsetof(ArmCpu, sys.cntvoff[0]), 3));
        }
        return true;
    case SYSID(3, 0, 4, 1, 0): /* SP_EL0 */
        if (t->mode_word & ARM_MW_SP0) {
            return false;
        }
        *v = ir_get(ir, IR_I64, offsetof(ArmCpu, sp_el), 3);
        return true;
    case SYSID(3, 0, 4, 2, 2): /* CurrentEL */
        *v = ir_i64(ir, t->el << 2);
        return true;
    case SYSID(3, 3, 4, 2, 0): /* NZCV */
        *v = ir_zext64(ir, ir_op1(ir, IR_FLAGS_BITS, ir_get_flags(ir)));
        return true;
    case SYSID(3, 3, 4, 2, 1): /* DAIF */
        *v = ir_shli(ir, ir_get(ir, IR_I64, offsetof(ArmCpu, daif), 0), SPSR_DAIF_SHIFT);
        return true;
    default:
        return false;
    }
}

/* *@leave: whether the block must end all the same. */
static bool sysreg_write_inline(Trans *t, const ArmSysReg *r, IrVal v, unsigned imm, bool *leave)
{
    IrBlock *ir = t->ir;
    uint32_t daif = offsetof(ArmCpu, daif);

    *leave = (r->flags & SYS_LEAVES) != 0;
    switch (r->id) {
    case SYSID(3, 3, 4, 4, 1): /* FPSR: the mode word knows IXC */
        *leave = t->mode_word & ARM_MW_FP_FLUSH;
        return false;
    case SYSID(3, 0, 4, 1, 0): /* SP_EL0 */
        if (t->mode_word & ARM_MW_SP0) {
            return false;
        }
        ir_set(ir, offsetof(ArmCpu, sp_el), 3, v);
        return true;
    case SYSID(3, 3, 4, 2, 0): /* NZCV */
        ir_set_flags(ir, ir_op1(ir, IR_FLAGS_MAKE, ir_trunc(ir, v)));
        return true;
    case SYSID(3, 3, 4, 2, 1): /* DAIF */
        ir_set(ir, daif, 0, ir_andi(ir, ir_shri(ir, v, SPSR_DAIF_SHIFT), 15));
        sysreg_unmasked(t);
        *leave = false;
        return true;
    case SYSID(0, 3, 4, 0, 7): /* DAIFClr */
        ir_set(ir, daif, 0, ir_andi(ir, ir_get(ir, IR_I64, daif, 0), ~(uint64_t)imm & 15));
        sysreg_unmasked(t);
        *leave = false;
        return true;
    case SYSID(0, 3, 4, 0, 6): /* DAIFSet: only masks more */
        ir_set(ir, daif, 0, ir_op2(ir, IR_OR, ir_get(ir, IR_I64, daif, 0), ir_i64(ir, imm)));
        *leave = false;
        return true;
    default:
        return false;
    }
}

static void sysreg_emit_read(Trans *t, const ArmSysReg *r, const SysAccess *a)
{
    IrBlock *ir = t->ir;
    IrVal v;

    if (sysreg_read_inline(t, r, &v)) {
        /* done */
    } else if (r->read) {
        v = ir_call(ir, r->flags & SYS_RAISES ? &sysreg_read_raises : &sysreg_read,
                    ir_i64(ir, (uintptr_t)r), IR_NONE, IR_NONE, IR_NONE);
    } else if (r->at) {
        v = ir_get(ir, IR_I64, r->at, 3);
    } else {
        v = ir_i64(ir, 0);
    }
    arm_set_r(t, a->rt, v);
}

static void sysreg_emit_write(Trans *t, const ArmSysReg *r, const SysAccess *a, IrVal v,
                              unsigned imm)
{
    IrBlock *ir = t->ir;
    bool leave;

    if (sysreg_write_inline(t, r, v, imm, &leave)) {
        /* done */
    } else if (r->write) {
        ir_call(ir, r->flags & SYS_RAISES ? &sysreg_write_raises : &sysreg_write,
                ir_i64(ir, (uintptr_t)r), v, IR_NONE, IR_NONE);
    } else if (r->at) {
        ir_set(ir, r->at, 3, r->mask ? ir_andi(ir, v, r->mask) : v);
    }
    if (leave) {
        sysreg_leave(t);
    }
}

/* Registers of the interrupt controller's CPU interface: ICC_*_EL1, ICC_PMR_EL1. */
static bool sysreg_is_intc(uint32_t id)
{
    uint32_t crn = id >> 7 & 15, crm = id >> 3 & 15;

    return id >> 11 == SYSID(3, 0, 0, 0, 0) >> 11 &&
           ((crn == 12 && crm >= 8 && crm <= 12) || (crn == 4 && crm == 6));
}

static bool sysreg_intc(Trans *t, const SysAccess *a)
{
    IrVal id = ir_i64(t->ir, a->id);

    if (!t->el) {
        return false;
    }
    if (a->is_read) {
        arm_set_r(t, a->rt, ir_call(t->ir, &sysreg_intc_read, id, IR_NONE, IR_NONE, IR_NONE));
    } else {
        ir_call(t->ir, &sysreg_intc_write, id, arm_x(t, a->rt), IR_NONE, IR_NONE);
        sysreg_leave(t);
    }
    return true;
}

static bool sysreg_zero_block(Trans *t, const SysAccess *a)
{
    unsigned log2_bytes = 2 + (t->cpu->id.dczid & 15);

    ir_zero_block(t->ir, log2_bytes, arm_memop(t, 0, 0), arm_x(t, a->rt));
    return true;
}

/* As arm_sys_find(), which looks through all tables: what was found is kept. */
static const ArmSysReg *sysreg_find(ArmCpu *c, uint32_t id)
{
    const ArmSysReg **kept = &c->sys_kept[(id ^ id >> 5) % G_N_ELEMENTS(c->sys_kept)];
    const ArmSysReg *r = *kept;

    if (sysreg_is_intc(id)) {
        return NULL;
    }
    if (!r || r->id != id || (r->need && !arm_has(c, r->need - 1))) {
        r = *kept = arm_sys_find(c, id);
    }
    return r;
}

bool arm_trans_sysreg(Trans *t, bool is_read, unsigned op0, unsigned op1, unsigned crn,
                      unsigned crm, unsigned op2, unsigned rt)
{
    unsigned row_crm = op0 == 0 ? 0 : crm; /* MSR (immediate): CRm is the value */
    SysAccess a = {
        .id = SYSID(op0, op1, crn, row_crm, op2),
        .is_read = is_read,
        .rt = rt,
        .syndrome = arm_syndrome(ARM_EC_SYSREG, op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 |
                                                    rt << 5 | crm << 1 | is_read),
    };
    const ArmSysReg *r = sysreg_find(t->cpu, a.id);
    bool undefined;

    if (!r) {
        return sysreg_is_intc(a.id) && sysreg_intc(t, &a);
    }
    if (!sysreg_may_access(t, r, &a, &undefined)) {
        return !undefined;
    }
    if (r->id == SYSID(1, 3, 7, 4, 1)) {
        return sysreg_zero_block(t, &a);
    }
    if (is_read) {
        sysreg_emit_read(t, r, &a);
    } else {
        sysreg_emit_write(t, r, &a, op0 == 0 ? ir_i64(t->ir, crm) : arm_x(t, rt), crm);
    }
    return true;
}
