/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of A64 translation: the shape of a block, access to registers and memory, exceptions.
 *
 * A block goes on past not-taken conditional branches and follows direct jumps forward inside the
 * page. Backward jumps always leave it, so that every loop passes a poll.
 */
#include "target/arm/translate.h"

#include "target/arm/a64-decode.h"
#include "target/arm/exception.h"
#include "target/arm/helper.h"

enum {
    ARM_PAGE_BYTES = 4096,
    ARM_SYNDROME_IL = 1 << 25,
    ARM_SYNDROME_ILLEGAL = 0x0eu << 26 | ARM_SYNDROME_IL,
    ARM_SYNDROME_PC_ALIGN = 0x22u << 26 | ARM_SYNDROME_IL,
    ARM_SYNDROME_SP_ALIGN = 0x26u << 26 | ARM_SYNDROME_IL,
    ARM_SYNDROME_BTI = 0x0du << 26 | ARM_SYNDROME_IL,
};

static ArmCpu *translate_record(Cpu *cpu, uint32_t syndrome, unsigned target_el)
{
    ArmCpu *c = arm_cpu(cpu);

    c->exc = (ArmException){
        .kind = ARM_EXC_SYNC,
        .syndrome = syndrome,
        .target_el = target_el,
    };
    cpu->raised = true;
    return c;
}

uint64_t arm_helper_raise(Cpu *cpu, uint64_t syndrome, uint64_t target_el, uint64_t next_insn)
{
    ArmCpu *c = translate_record(cpu, (uint32_t)syndrome, (unsigned)target_el);

    c->exc.next_insn = next_insn;
    return 0;
}

uint64_t arm_helper_pc_unaligned(Cpu *cpu, uint64_t pc)
{
    ArmCpu *c = arm_cpu(cpu);

    translate_record(cpu, ARM_SYNDROME_PC_ALIGN, c->el ? c->el : 1);
    c->exc.has_far = true;
    c->exc.far = pc;
    return 0;
}

uint64_t arm_helper_sp_unaligned(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    translate_record(cpu, ARM_SYNDROME_SP_ALIGN, c->el ? c->el : 1);
    return 0;
}

uint64_t arm_helper_branch_target(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    translate_record(cpu, ARM_SYNDROME_BTI | (c->btype & 3), c->el ? c->el : 1);
    return 0;
}

static const IrHelper translate_raise = { "raise", (void (*)(void))arm_helper_raise, IR_VOID, 3,
                                          IR_HELPER_RAISES };
static const IrHelper translate_pc_unaligned = { "pc_unaligned",
                                                 (void (*)(void))arm_helper_pc_unaligned, IR_VOID,
                                                 1, IR_HELPER_RAISES };

static const IrHelper translate_sp_unaligned = { "sp_unaligned",
                                                 (void (*)(void))arm_helper_sp_unaligned, IR_VOID,
                                                 0, IR_HELPER_RAISES };
static const IrHelper translate_branch_target = { "branch_target",
                                                  (void (*)(void))arm_helper_branch_target, IR_VOID,
                                                  0, IR_HELPER_RAISES };

/* ---- registers ---- */

IrVal arm_x(Trans *t, unsigned reg)
{
    if (reg == 31) {
        return ir_i64(t->ir, 0);
    }
    return ir_get(t->ir, IR_I64, offsetof(ArmCpu, x) + reg * 8, 3);
}

IrVal arm_w(Trans *t, unsigned reg)
{
    return reg == 31 ? ir_i32(t->ir, 0) : ir_trunc(t->ir, arm_x(t, reg));
}

IrVal arm_r(Trans *t, bool is64, unsigned reg)
{
    return is64 ? arm_x(t, reg) : arm_w(t, reg);
}

IrVal arm_r_sp(Trans *t, bool is64, unsigned reg)
{
    if (reg != 31) {
        return arm_r(t, is64, reg);
    }

    IrVal sp = ir_get(t->ir, IR_I64, offsetof(ArmCpu, sp), 3);

    return is64 ? sp : ir_trunc(t->ir, sp);
}

void arm_set_r(Trans *t, unsigned reg, IrVal v)
{
    if (reg != 31) {
        ir_set(t->ir, offsetof(ArmCpu, x) + reg * 8, 3, ir_zext64(t->ir, v));
    }
}

void arm_set_r_sp(Trans *t, unsigned reg, IrVal v)
{
    if (reg == 31) {
        ir_set(t->ir, offsetof(ArmCpu, sp), 3, ir_zext64(t->ir, v));
    } else {
        arm_set_r(t, reg, v);
    }
}

IrVal arm_v(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_V128, offsetof(ArmCpu, v) + reg * sizeof(IrV128), 4);
}

void arm_set_v(Trans *t, unsigned reg, IrVal v)
{
    ir_set(t->ir, offsetof(ArmCpu, v) + reg * sizeof(IrV128), 4, v);
}

IrVal arm_pc(Trans *t, int64_t offset)
{
    return ir_pc(t->ir, (int32_t)(t->delta + offset));
}

/* ---- memory ---- */

/* Whether @v is @known, which is a multiple of 16, moved by a multiple of 16, or masked to one. */
static bool translate_is_aligned(const IrBlock *ir, IrVal v, IrVal known)
{
    for (unsigned n = 0; n < 8; n++) {
        const IrInsn *i = &ir->insn[v.id];
        uint64_t c;

        if (v.id == known.id) {
            return true;
        }
        if ((i->op != IR_ADD && i->op != IR_SUB && i->op != IR_AND) ||
            !ir_is_const(ir, (IrVal){ i->arg[1] }, &c) || c % 16) {
            return false;
        }
        if (i->op == IR_AND) {
            return true;
        }
        v.id = i->arg[0];
    }
    return false;
}

/* D1.8.2: SP alignment checking. */
IrVal arm_base(Trans *t, unsigned reg)
{
    IrVal base = arm_r_sp(t, true, reg);

    if (reg == 31 && t->mode_word & ARM_MW_SP_ALIGN) {
        if (!translate_is_aligned(t->ir, base, t->sp_checked)) {
            ir_raise_if(t->ir, IR_NE, ir_andi(t->ir, base, 15), ir_i64(t->ir, 0),
                        &translate_sp_unaligned);
        }
        t->sp_checked = base;
    }
    return base;
}

IrMemOp arm_memop(Trans *t, unsigned size, uint32_t extra)
{
    IrMemOp mo = size | extra;
    unsigned mode = extra & IR_MO_UNPRIV ? t->unpriv_mode : t->mode;

    if (t->mode_word & (ARM_MW_ALIGN | ARM_MW_MMU_OFF) && (mo & IR_MO_ALIGN) != IR_MO_ALIGN_WHOLE) {
        mo = (mo & ~(IrMemOp)IR_MO_ALIGN) | IR_MO_ALIGN_NATURAL;
    }
    if (t->mode_word & ARM_MW_BE) {
        mo |= IR_MO_BE;
    }
    return mo | mode << IR_MO_MODE_SHIFT;
}

/* ---- exceptions ---- */

void arm_trans_exception(Trans *t, uint32_t syndrome, unsigned target_el, bool next_insn)
{
    ir_call(t->ir, &translate_raise, ir_i64(t->ir, syndrome), ir_i64(t->ir, target_el),
            ir_i64(t->ir, next_insn), IR_NONE);
    ir_exit_raised(t->ir);
    t->ended = true;
}

void arm_trans_undefined(Trans *t)
{
    arm_trans_exception(t, ARM_SYNDROME_IL, t->el ? t->el : 1, false);
}

bool arm_fp_check(Trans *t)
{
    if (!(t->mode_word & ARM_MW_FP_TRAP)) {
        return true;
    }
    /* EC 7: access to FP or SIMD; CV = 1, COND = 14. */
    arm_trans_exception(t, 0x07u << 26 | ARM_SYNDROME_IL | 1u << 24 | 0xeu << 20,
                        t->mode_word >> ARM_MW_FP_TRAP_EL_SHIFT & 3, false);
    return false;
}

/* ---- branch targets ---- */

void arm_trans_set_btype(Trans *t, unsigned btype)
{
    if (trans_has(t, ARM_FEAT_BTI)) {
        ir_set(t->ir, offsetof(ArmCpu, btype), 2, ir_i32(t->ir, btype));
    }
}

/* The BTYPEs (a bit each) with which this instruction of a guarded page may not be reached. */
static unsigned translate_btypes_refused(const Trans *t, uint32_t insn)
{
    bool is_breakpoint = (insn & 0xffe0001f) == 0xd4200000; /* BRK */
    bool is_halt = (insn & 0xffe0001f) == 0xd4400000;       /* HLT */

    if ((insn & 0xffffff3f) == 0xd503241f) { /* BTI: C refuses 3, J 2, JC none */
        static const uint8_t refused[4] = { 0xe, 0x8, 0x4, 0 };

        return refused[insn >> 6 & 3];
    }
    if ((insn & 0xffffffbf) == 0xd503233f) { /* PACIASP, PACIBSP */
        return t->mode_word & ARM_MW_BT ? 0x8 : 0;
    }
    return is_breakpoint || is_halt ? 0 : 0xe;
}

/*
 * Where an indirect branch may come in: check its landing (D8.4.3.1 and the pseudocode
 * BranchTargetCheck), then BTYPE is as after this instruction. The SPSR of a fault of the first
 * instruction shows BTYPE 0, which can be seen in pages that are not guarded only.
 */
static void translate_landing(Trans *t, uint32_t insn)
{
    uint32_t at = offsetof(ArmCpu, btype);

    if (!trans_has(t, ARM_FEAT_BTI)) {
        return;
    }
    if (t->guarded) {
        unsigned refused = translate_btypes_refused(t, insn);
        IrVal btype = ir_get(t->ir, IR_I32, at, 2);

        if (refused == 0xe) {
            ir_raise_if(t->ir, IR_NE, btype, ir_i32(t->ir, 0), &translate_branch_target);
        } else if (refused) {
            ir_raise_if(t->ir, IR_EQ, btype, ir_i32(t->ir, refused == 0x8 ? 3 : 2),
                        &translate_branch_target);
        }
    }
    ir_linked(t->ir, at);
}

/* ---- the block ---- */

void arm_trans_goto(Trans *t, int64_t delta)
{
    if (delta > t->delta && delta < ARM_PAGE_BYTES) {
        t->next = (int32_t)delta;
        return;
    }
    ir_exit(t->ir, (int32_t)delta);
    arm_trans_peek(t, delta);
    t->ended = true;
}

static uint32_t translate_word(const uint8_t *page, int32_t delta)
{
    uint32_t le;

    memcpy(&le, page + delta, sizeof(le));
    return GUINT32_FROM_LE(le);
}

static void translate_insn(Trans *t, const uint8_t *page)
{
    t->insn = translate_word(page, t->delta);
    t->next = t->delta + 4;
    if (!a64_decode_trans(t, t->insn)) {
        arm_trans_undefined(t);
    }
}

void arm_a64_translate(Cpu *cpu, IrBlock *ir, GuestVirt pc, const uint8_t *page, uint64_t mode,
                       uint8_t code_attr, unsigned max_insns)
{
    Trans t = {
        .ir = ir,
        .cpu = arm_cpu(cpu),
        .mode_word = mode,
        .features = arm_cpu(cpu)->features,
        .el = mode >> ARM_MW_EL_SHIFT & 3,
        .mode = mode & ARM_MW_MODE,
        .unpriv_mode = mode >> ARM_MW_UNPRIV_SHIFT & 7,
        .next = (int32_t)(pc % ARM_PAGE_BYTES),
        .guarded = (code_attr & ARM_CODE_GUARDED) != 0,
    };

    if (max_insns > IR_MAX_GUEST_INSNS) {
        max_insns = IR_MAX_GUEST_INSNS;
    }
    if (t.mode_word & ARM_MW_STEP) {
        max_insns = 1;
    }
    t.page = max_insns > 1 ? page : NULL;
    ir_begin(ir, (uint16_t)t.next);
    ir->fp_exact = mode & ARM_MW_FP_EXACT;
    ir->fp_flush = mode & ARM_MW_FP_FLUSH;
    if (t.mode_word & ARM_MW_IL) {
        t.delta = t.next;
        ir_insn(ir, (uint16_t)t.delta, 1, 0); /* whatever is there */
        arm_trans_exception(&t, ARM_SYNDROME_ILLEGAL, t.el ? t.el : 1, false);
    } else if (pc & 3) {
        t.delta = t.next;
        ir_insn(ir, (uint16_t)t.delta, 1, 0); /* 4 bytes may go beyond the page */
        ir_call(ir, &translate_pc_unaligned, arm_pc(&t, 0), IR_NONE, IR_NONE, IR_NONE);
        ir_exit_raised(ir);
        t.ended = true;
    } else {
        translate_landing(&t, translate_word(page, t.next));
    }
    for (unsigned n = 0; !t.ended; n++) {
        if ((n && ir->n_guest >= max_insns) || t.next >= ARM_PAGE_BYTES || !ir_has_room(ir)) {
            ir_exit(ir, t.next);
            arm_trans_peek(&t, t.next);
            break;
        }
        t.delta = t.next;
        ir_insn(ir, (uint16_t)t.delta, 4, 0);
        translate_insn(&t, page);
    }
}
