/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of MIPS translation: the shape of a block, delay slots, access to registers.
 *
 * A branch and its delay slot are one unit: what the branch compares is taken before the slot, the
 * jump is done behind it. An exception in the slot is one of the branch (Vol. III, 9.6, Cause.BD),
 * so nothing of it need be in the state. Where the slot lies on the next page a block ends between
 * the two: MipsCpu.in_slot and .target. A compressed instruction that begins on one page and ends
 * on the next is cut in the same way: MipsCpu.half, which is part of the mode word.
 */
#include "target/mips/translate.h"

#include "target/mips/compact.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

enum { PAGE_BYTES = 4096 };

/* MipsCpu.target: the branch was not taken, and how long its slot is was not known. */
#define NOT_TAKEN (~0ull)

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
    if (!t->is64) { /* a sum beyond 32 bits: Target.data_va */
        uint64_t value;
        IrVal sum = ir_addi(t->ir, mips_r(t, base), offset);

        return ir_is_const(t->ir, sum, &value) ? ir_i64(t->ir, (uint32_t)value) : sum;
    }
    return mips_extend(t, ir_addi(t->ir, mips_r32(t, base), offset));
}

IrMemOp mips_memop(Trans *t, unsigned size, uint32_t extra)
{
    return size | extra | (size && !trans_has(t, MIPS_FEAT_R6) ? IR_MO_ALIGN_NATURAL : 0) |
           (t->mode_word & MIPS_MW_BE ? IR_MO_BE : 0) | t->mode << IR_MO_MODE_SHIFT;
}

/* ---- exceptions ---- */

void mips_trans_raise(Trans *t, unsigned code, unsigned coprocessor)
{
    /* The fields before the address at once, as mips_helper_raise has them. */
    _Static_assert(offsetof(MipsException, ce) == 1 && offsetof(MipsException, va) == 8, "exc");
    ir_set(t->ir, offsetof(MipsCpu, exc), 3, ir_i64(t->ir, code | coprocessor << 8));
    ir_set(t->ir, offsetof(MipsCpu, cpu.raised), 0, ir_i32(t->ir, 1));
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

bool mips_trans_peek(const Trans *t, unsigned n, uint32_t *insn)
{
    int32_t delta = t->next + (int32_t)n * 4;

    if (t->isa16 || delta + 4 > PAGE_BYTES || t->ir->n_guest + n >= t->max_insns) {
        return false;
    }
    *insn = translate_word(t, t->page, delta);
    return true;
}

static uint32_t translate_halfword(const Trans *t, const uint8_t *page, int32_t delta)
{
    uint16_t w;

    memcpy(&w, page + delta, sizeof(w));
    return t->mode_word & MIPS_MW_BE ? GUINT16_FROM_BE(w) : GUINT16_FROM_LE(w);
}

/* Of the instruction at t->delta. The bytes may change: of one that is read again, t->insn has the
 * first half. */
static int32_t translate_length(Trans *t, const uint8_t *page)
{
    if (!t->isa16) {
        return 4;
    }
    t->insn = translate_halfword(t, page, t->delta);
    return mips_compact_length(t, t->insn);
}

/* Of @length bytes, whose first half is in t->insn. */
static void translate_compact(Trans *t, const uint8_t *page, int32_t length)
{
    if (length == 4) {
        t->insn = t->insn << 16 | translate_halfword(t, page, t->delta + 2);
    }
    if (!mips_compact_decode(t, t->insn, length)) {
        mips_trans_raise(t, EXC_RI, 0);
    }
}

/*
 * What nothing decodes. Instructions of a coprocessor that is not there find it unusable, so that
 * kernels emulate floating point (Vol. III, 6.2.27).
 */
static void translate_reserved(Trans *t)
{
    enum {
        SPECIAL = 0,
        MOVCI = 1,
        COP1 = 17,
        COP1X = 19,
        LWC1 = 49,
        LDC1 = 53,
        SWC1 = 57,
        SDC1 = 61
    };
    unsigned op = t->insn >> 26;
    bool fp = op == COP1 || op == COP1X || op == LWC1 || op == LDC1 || op == SWC1 || op == SDC1 ||
              (op == SPECIAL && (t->insn & 0x3f) == MOVCI);

    if (fp && !trans_has(t, MIPS_FEAT_FPU)) {
        mips_trans_raise(t, EXC_CPU, 1);
    } else {
        mips_trans_raise(t, EXC_RI, 0);
    }
}

static void translate_watch(Trans *t, int32_t length)
{
    static const IrHelper h = { "watch_fetch", (void (*)(void))mips_helper_watch_fetch, IR_VOID, 2,
                                IR_HELPER_RAISES | IR_HELPER_WRITES };

    if (t->watched) {
        ir_call(t->ir, &h, ir_pc(t->ir, t->delta), ir_i64(t->ir, (uint64_t)length), IR_NONE,
                IR_NONE);
    }
}

static void translate_insn(Trans *t, const uint8_t *page, int32_t length)
{
    translate_watch(t, length);
    t->next = t->delta + length;
    t->slot_bytes = 4;
    if (t->isa16) {
        translate_compact(t, page, length);
        return;
    }
    t->insn = translate_word(t, page, t->delta);
    if (!(trans_has(t, MIPS_FEAT_R6) ? mips_r6_translate(t, t->insn)
                                     : mips_decode_trans(t, t->insn))) {
        translate_reserved(t);
    }
}

/*
 * The instruction that begins at the page's last two bytes: its first half becomes part of the
 * state, and with the second one it is a block of the next page.
 */
static void translate_first_half(Trans *t)
{
    translate_watch(t, 2);
    ir_set(t->ir, offsetof(MipsCpu, half), 2, ir_i32(t->ir, MIPS_HALF | t->insn));
    ir_exit_loop(t->ir, PAGE_BYTES);
    t->ended = true;
}

static void translate_half_done(Trans *t)
{
    if (t->half) {
        ir_set(t->ir, offsetof(MipsCpu, half), 2, ir_i32(t->ir, 0));
        t->half = false;
    }
}

/* By the run loop to an address whose bit 0 says that the instruction set is the other one. */
static void translate_exit_at(Trans *t, IrVal to)
{
    if (trans_has(t, MIPS_FEAT_ISA16)) {
        IrVal other = ir_andi(t->ir, ir_trunc(t->ir, to), 1);

        ir_set(t->ir, offsetof(MipsCpu, isa16), 2, ir_xor(t->ir, other, ir_i32(t->ir, t->isa16)));
        to = ir_andi(t->ir, to, ~1ull);
    }
    ir_exit_loop_at(t->ir, to);
    t->ended = true;
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

/* The branch is done, behind its delay slot at t->delta, if it has one. */
static void translate_jump(Trans *t)
{
    MipsSlot slot = t->slot;

    t->slot = SLOT_NONE;
    if (t->switches) {
        IrVal to = t->indirect ? t->to : ir_pc(t->ir, (int32_t)t->target);

        translate_exit_at(t, ir_or(t->ir, to, ir_i64(t->ir, 1)));
        return;
    }
    if (t->indirect) {
        if (t->near_known) { /* J and JAL: where they go hangs on where the page is mapped */
            ir_exit_cmp(t->ir, IR_EQ, t->to, ir_pc(t->ir, (int32_t)t->target), (int32_t)t->target);
        }
        if (t->leave) {
            translate_exit_at(t, t->to);
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
                                             ir_pc(t->ir, t->next)));
            t->ended = true;
            return;
        }
        ir_exit_cmp(t->ir, t->cmp, t->a, t->b, (int32_t)t->target);
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

            to = ir_select(t->ir, c, to,
                           t->isa16 ? ir_i64(t->ir, NOT_TAKEN) : ir_pc(t->ir, t->next + 4));
        }
    }
    if (t->switches) {
        to = ir_or(t->ir, to, ir_i64(t->ir, 1));
    }
    ir_set(t->ir, offsetof(MipsCpu, target), 3, to);
    ir_set(t->ir, offsetof(MipsCpu, in_slot), 2, ir_i32(t->ir, (uint32_t)(t->next - t->delta)));
    ir_exit_loop(t->ir, t->next);
    t->ended = true;
}

static void translate_slot(Trans *t, const uint8_t *page)
{
    int32_t branch = t->delta, length;

    if (t->compact) {
        translate_jump(t);
        return;
    }
    if (t->next >= PAGE_BYTES) {
        translate_split(t);
        return;
    }
    t->delta = t->next;
    length = translate_length(t, page);
    if (t->delta + length > PAGE_BYTES) {
        t->delta = branch;
        translate_split(t);
        return;
    }
    ir_insn(t->ir, (uint16_t)t->delta, (unsigned)length, (uint32_t)(t->delta - branch));
    t->branch = branch;
    t->in_slot = true;
    translate_insn(t, page, length);
    t->in_slot = false;
    if (!t->ended) {
        translate_jump(t);
    }
    t->leave = false;
}

/* The one instruction of a block behind a page's end whose branch is before it. */
static void translate_lone_slot(Trans *t, const uint8_t *page, int32_t length)
{
    IrVal to = ir_get(t->ir, IR_I64, offsetof(MipsCpu, target), 3);

    t->branch = t->delta - 2; /* or 4: of no consequence, what uses it aligns it */
    t->in_slot = true;
    translate_insn(t, page, length);
    if (!t->ended) {
        if (t->isa16) {
            IrVal not = ir_setcond(t->ir, IR_I32, IR_EQ, to, ir_i64(t->ir, NOT_TAKEN));

            to = ir_select(t->ir, not, ir_pc(t->ir, t->next), to);
        }
        translate_half_done(t);
        ir_set(t->ir, offsetof(MipsCpu, in_slot), 2, ir_i32(t->ir, 0));
        translate_exit_at(t, to);
    }
}

void mips_trans_leave(Trans *t)
{
    if (t->in_slot) {
        t->leave = true;
        return;
    }
    translate_half_done(t);
    ir_exit_loop(t->ir, t->next);
    t->ended = true;
}

/* The delay slot or the second half that a block begins with. */
static void translate_begun(Trans *t, const uint8_t *page)
{
    int32_t length = 4;

    if (t->half) {
        ir_insn(t->ir, (uint16_t)t->delta, 2, 0);
        t->insn = (uint32_t)(t->mode_word >> MIPS_MW_HALF_SHIFT & 0xffff);
        t->delta -= 2;
    } else {
        length = translate_length(t, page);
        ir_insn(t->ir, (uint16_t)t->delta, (unsigned)MIN(length, PAGE_BYTES - t->delta), 0);
        if (t->delta + length > PAGE_BYTES) {
            translate_first_half(t);
            return;
        }
    }
    if (t->mode_word & MIPS_MW_SLOT) {
        translate_lone_slot(t, page, length);
        return;
    }
    translate_insn(t, page, length);
    if (!t->ended) {
        translate_half_done(t);
        if (t->slot != SLOT_NONE) {
            translate_slot(t, page);
        }
    }
}

/* An instruction, with its delay slot; number @n of the block. False: the block ends before it. */
static bool translate_one(Trans *t, const uint8_t *page, unsigned n)
{
    int32_t length;

    t->delta = t->next;
    length = translate_length(t, page);
    if (t->delta + length > PAGE_BYTES) {
        if (n) {
            ir_exit(t->ir, t->delta);
            return false;
        }
        ir_insn(t->ir, (uint16_t)t->delta, 2, 0);
        translate_first_half(t);
        return true;
    }
    ir_insn(t->ir, (uint16_t)t->delta, (unsigned)length, 0);
    translate_insn(t, page, length);
    if (!t->ended && t->slot != SLOT_NONE) {
        translate_slot(t, page);
    }
    return true;
}

/*
 * The block ends before t->next. Whether a compact branch is before that is state, so that it is
 * the same wherever blocks end; seen here already where the slot is on this page.
 */
static void translate_end(Trans *t)
{
    if (t->forbidden &&
        (t->next >= PAGE_BYTES || mips_r6_is_transfer(translate_word(t, t->page, t->next)))) {
        ir_set(t->ir, offsetof(MipsCpu, forbidden), 2, ir_i32(t->ir, 1));
        ir_exit_loop(t->ir, t->next);
    } else {
        ir_exit(t->ir, t->next);
    }
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
        .isa16 = mode & MIPS_MW_ISA16,
        .half = mode & MIPS_MW_HALF,
        .next = (int32_t)(pc % PAGE_BYTES),
        .near = (int64_t)(pc & 0x0ffff000),
        .watched = code_attr & MIPS_CODE_WATCHED,
        .unmapped = code_attr & MIPS_CODE_UNMAPPED,
    };

    max_insns = MIN(max_insns, IR_MAX_GUEST_INSNS - 2);
    if (mode & MIPS_MW_STEP) {
        max_insns = 1;
    }
    t.page = page;
    t.max_insns = max_insns;
    ir_begin(ir, (uint16_t)t.next);
    ir->addr32 = !t.is64;
    t.delta = t.next;
    if (pc & (t.isa16 ? 1 : 3)) {
        ir_insn(ir, (uint16_t)t.delta, 1, 0);
        translate_unaligned(&t);
        return;
    }
    if (mode & MIPS_MW_FORBIDDEN) {
        ir_set(ir, offsetof(MipsCpu, forbidden), 2, ir_i32(ir, 0));
        t.forbidden = true;
    }
    if (mode & (MIPS_MW_SLOT | MIPS_MW_HALF)) {
        translate_begun(&t, page);
    }
    for (unsigned n = ir->n_guest; !t.ended; n++) {
        if ((n && ir->n_guest >= max_insns) || t.next >= PAGE_BYTES || !ir_has_room(ir)) {
            translate_end(&t);
            break;
        }
        if (!translate_one(&t, page, n)) {
            break;
        }
    }
}
