/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of MIPS translation: the shape of a block, delay slots, access to registers.
 *
 * A branch and its delay slot are one unit: what the branch compares is taken before the slot, the
 * jump is done behind it. An exception in the slot is one of the branch (Vol. III, 9.6, Cause.BD),
 * so nothing of it need be in the state. Where the slot lies on the next page a block ends between
 * the two: MipsCpu.in_slot and .target.
 */
#include "target/mips/translate.h"

#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

enum { PAGE_BYTES = 4096, RESTART_SLOT = 1 };

static const IrHelper translate_raise = { "raise", (void (*)(void))mips_helper_raise, IR_VOID, 2,
                                          IR_HELPER_RAISES };

uint64_t mips_helper_raise(Cpu *cpu, uint64_t code, uint64_t coprocessor)
{
    mips_cpu(cpu)->exc = (MipsException){ .code = (uint8_t)code, .ce = (uint8_t)coprocessor };
    cpu->raised = true;
    return 0;
}

/* ---- registers ---- */

IrVal mips_r(Trans *t, unsigned reg)
{
    return reg ? ir_get(t->ir, IR_I64, offsetof(MipsCpu, r) + reg * 8, 3) : ir_i64(t->ir, 0);
}

IrVal mips_r32(Trans *t, unsigned reg)
{
    return reg ? ir_trunc(t->ir, mips_r(t, reg)) : ir_i32(t->ir, 0);
}

IrVal mips_rx(Trans *t, unsigned reg)
{
    return t->is64 ? mips_r(t, reg) : mips_r32(t, reg);
}

void mips_set_r(Trans *t, unsigned reg, IrVal v)
{
    if (reg) {
        ir_set(t->ir, offsetof(MipsCpu, r) + reg * 8, 3, v);
    }
}

IrVal mips_extend(Trans *t, IrVal v)
{
    return t->is64 ? ir_sext64(t->ir, v) : ir_zext64(t->ir, v);
}

void mips_set_r32(Trans *t, unsigned reg, IrVal v)
{
    if (reg) {
        mips_set_r(t, reg, mips_extend(t, v));
    }
}

/* ---- memory ---- */

IrVal mips_addr_of(Trans *t, IrVal v)
{
    if (t->mode_word & MIPS_MW_ADDR64) {
        return v;
    }
    return mips_extend(t, ir_trunc(t->ir, v));
}

IrVal mips_addr(Trans *t, unsigned base, int64_t offset)
{
    if (t->mode_word & MIPS_MW_ADDR64) {
        return ir_addi(t->ir, mips_r(t, base), offset);
    }
    return mips_extend(t, ir_addi(t->ir, mips_r32(t, base), offset));
}

IrMemOp mips_memop(Trans *t, unsigned size, uint32_t extra)
{
    return size | extra | (size ? IR_MO_ALIGN_NATURAL : 0) |
           (t->mode_word & MIPS_MW_BE ? IR_MO_BE : 0) | t->mode << IR_MO_MODE_SHIFT;
}

/* ---- exceptions ---- */

void mips_trans_raise(Trans *t, unsigned code, unsigned coprocessor)
{
    ir_call(t->ir, &translate_raise, ir_i64(t->ir, code), ir_i64(t->ir, coprocessor), IR_NONE,
            IR_NONE);
    ir_exit_raised(t->ir);
    t->ended = true;
}

bool mips_check_cp0(Trans *t)
{
    if (!(t->mode_word & MIPS_MW_CP0)) {
        mips_trans_raise(t, EXC_CPU, 0);
        return false;
    }
    return true;
}

bool mips_check_cp1(Trans *t)
{
    if (!(t->mode_word & MIPS_MW_CP1)) {
        mips_trans_raise(t, EXC_CPU, 1);
        return false;
    }
    return true;
}

/* ---- the block ---- */

static uint32_t translate_word(const Trans *t, const uint8_t *page, int32_t delta)
{
    uint32_t w;

    memcpy(&w, page + delta, sizeof(w));
    return t->mode_word & MIPS_MW_BE ? GUINT32_FROM_BE(w) : GUINT32_FROM_LE(w);
}

static void translate_insn(Trans *t, const uint8_t *page)
{
    t->insn = translate_word(t, page, t->delta);
    t->next = t->delta + 4;
    if (!mips_decode_trans(t, t->insn)) {
        mips_trans_raise(t, EXC_RI, 0);
    }
}

/* A jump to @delta of this page: forward inside it the block goes on there. */
static void translate_goto(Trans *t, int64_t delta)
{
    if (delta > t->delta && delta < PAGE_BYTES && !t->leave) {
        t->next = (int32_t)delta;
        return;
    }
    if (t->leave) {
        ir_exit_loop(t->ir, (int32_t)delta);
    } else {
        ir_exit(t->ir, (int32_t)delta);
    }
    t->ended = true;
}

/* The branch is done, behind its delay slot at t->delta. */
static void translate_jump(Trans *t)
{
    MipsSlot slot = t->slot;

    t->slot = SLOT_NONE;
    if (t->indirect) {
        if (t->near_known) { /* J and JAL: where they go hangs on where the page is mapped */
            ir_exit_cmp(t->ir, IR_EQ, t->to, ir_pc(t->ir, (int32_t)t->target), (int32_t)t->target);
        }
        if (t->leave) {
            ir_exit_loop_at(t->ir, t->to);
        } else {
            ir_exit_indirect(t->ir, t->to);
        }
        t->ended = true;
        return;
    }
    if (slot == SLOT_IF) {
        if (t->leave) { /* both ways by the run loop */
            IrVal c = ir_setcond(t->ir, IR_I32, t->cmp, t->a, t->b);

            ir_exit_loop_at(t->ir, ir_select(t->ir, c, ir_pc(t->ir, (int32_t)t->target),
                                             ir_pc(t->ir, t->delta + 4)));
            t->ended = true;
            return;
        }
        ir_exit_cmp(t->ir, t->cmp, t->a, t->b, (int32_t)t->target);
        t->next = t->delta + 4;
        return;
    }
    translate_goto(t, t->target);
}

/* The slot is on the next page: remember where the branch goes, and go to the slot. */
static void translate_split(Trans *t)
{
    IrVal to = t->to;

    if (!t->indirect) {
        to = ir_pc(t->ir, (int32_t)t->target);
        if (t->slot == SLOT_IF) {
            IrVal c = ir_setcond(t->ir, IR_I32, t->cmp, t->a, t->b);

            to = ir_select(t->ir, c, to, ir_pc(t->ir, t->delta + 8));
        }
    }
    ir_set(t->ir, offsetof(MipsCpu, target), 3, to);
    ir_set(t->ir, offsetof(MipsCpu, in_slot), 2, ir_i32(t->ir, 1));
    ir_exit_loop(t->ir, t->delta + 4);
    t->ended = true;
}

static void translate_slot(Trans *t, const uint8_t *page)
{
    if (t->delta + 4 >= PAGE_BYTES) {
        translate_split(t);
        return;
    }
    t->delta += 4;
    ir_insn(t->ir, (uint16_t)t->delta, 4, RESTART_SLOT);
    t->in_slot = true;
    translate_insn(t, page);
    t->in_slot = false;
    if (!t->ended) {
        translate_jump(t);
    }
    t->leave = false;
}

/* The one instruction of a block behind a page's end whose branch is before it. */
static void translate_lone_slot(Trans *t, const uint8_t *page)
{
    IrVal to = ir_get(t->ir, IR_I64, offsetof(MipsCpu, target), 3);

    t->in_slot = true;
    translate_insn(t, page);
    if (!t->ended) {
        ir_set(t->ir, offsetof(MipsCpu, in_slot), 2, ir_i32(t->ir, 0));
        ir_exit_loop_at(t->ir, to);
        t->ended = true;
    }
}

void mips_trans_leave(Trans *t)
{
    if (t->in_slot) {
        t->leave = true;
        return;
    }
    ir_exit_loop(t->ir, t->delta + 4);
    t->ended = true;
}

static void translate_unaligned(Trans *t)
{
    static const IrHelper h = { "pc_unaligned", (void (*)(void))mips_helper_pc_unaligned, IR_VOID,
                                1, IR_HELPER_RAISES };

    ir_call(t->ir, &h, ir_pc(t->ir, t->delta), IR_NONE, IR_NONE, IR_NONE);
    ir_exit_raised(t->ir);
    t->ended = true;
}

void mips_translate(Cpu *cpu, IrBlock *ir, GuestVirt pc, const uint8_t *page, uint64_t mode,
                    uint8_t code_attr, unsigned max_insns)
{
    Trans t = {
        .ir = ir,
        .cpu = mips_cpu(cpu),
        .mode_word = mode,
        .features = mips_cpu(cpu)->features,
        .mode = mode & MIPS_MW_MODE,
        .is64 = mips_cpu_has(mips_cpu(cpu), MIPS_FEAT_M64),
        .next = (int32_t)(pc % PAGE_BYTES),
        .near = (int64_t)(pc & 0x0ffff000),
        .unmapped = code_attr & MIPS_CODE_UNMAPPED,
    };

    max_insns = MIN(max_insns, IR_MAX_GUEST_INSNS - 2);
    if (mode & MIPS_MW_STEP) {
        max_insns = 1;
    }
    ir_begin(ir, (uint16_t)t.next);
    t.delta = t.next;
    if (pc & 3) {
        ir_insn(ir, (uint16_t)t.delta, 1, 0);
        translate_unaligned(&t);
        return;
    }
    if (mode & MIPS_MW_SLOT) {
        ir_insn(ir, (uint16_t)t.delta, 4, 0);
        translate_lone_slot(&t, page);
        return;
    }
    for (unsigned n = 0; !t.ended; n++) {
        if ((n && ir->n_guest >= max_insns) || t.next >= PAGE_BYTES || !ir_has_room(ir)) {
            ir_exit(ir, t.next);
            break;
        }
        t.delta = t.next;
        ir_insn(ir, (uint16_t)t.delta, 4, 0);
        translate_insn(&t, page);
        if (!t.ended && t.slot != SLOT_NONE) {
            translate_slot(&t, page);
        }
    }
}
