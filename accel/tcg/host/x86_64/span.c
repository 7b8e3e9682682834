/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at the TLB for several accesses: those of a block whose addresses are one value plus
 * constants. The first of a group checks that all of the bytes which any of them wants lie in one
 * page, and keeps what makes host addresses of that page in a slot of the frame; the others take it
 * from there. When the bytes cross a page the slot is 0, and each access looks for itself, out of
 * line.
 *
 * Accesses that ask for natural alignment are aligned when the first one is to the largest of them,
 * if their distances from it are multiples of their own: the check of the page is that of
 * alignment, too.
 *
 * What was found holds as long as nothing flushes: other vCPUs' requests wait for a poll, and so
 * for the end of the block; helpers that are not pure end the groups. Entries that other accesses
 * push out of the table meanwhile do not matter.
 */
#include "accel/tcg/host/x86_64/x64-priv.h"

enum { SPAN_MAX = 256, SPAN_DEPTH = 8, SPAN_DISP = 1 << 20, SPAN_NEAR = 2048 };

typedef struct SpanAddr {
    unsigned root;
    int64_t off;
} SpanAddr;

static bool span_step(const X64Emit *e, unsigned id, int64_t *add)
{
    const IrInsn *insn = x64_insn(e, id);

    if (insn->type != IR_I64 || (insn->op != IR_ADD && insn->op != IR_SUB) ||
        !x64_is_const(e, insn->arg[1])) {
        return false;
    }
    *add = (int64_t)ir_const_value(x64_insn(e, insn->arg[1]));
    if (*add < -SPAN_DISP || *add > SPAN_DISP) {
        return false;
    }
    *add = insn->op == IR_SUB ? -*add : *add;
    return true;
}

/*
 * Where addresses have 32 bits, a register that is a sum of 32 bits is that sum but for wrapping
 * around; where one of two addresses in a page has and the other has not, the page is the first or
 * the last, which is in no table (TcgTlbFull.end).
 */
static bool span_step_32(const X64Emit *e, SpanAddr *a)
{
    const IrInsn *insn = x64_insn(e, a->root);
    SpanAddr to = *a;

    if (!e->ir->addr32 || insn->op != IR_ZEXT64 || a->off < -SPAN_NEAR || a->off > SPAN_NEAR) {
        return false;
    }
    to.root = insn->arg[0];
    insn = x64_insn(e, to.root);
    for (unsigned n = 0; n < SPAN_DEPTH && insn->op == IR_ADD && x64_is_const(e, insn->arg[1]);
         n++) {
        int64_t add = (int32_t)ir_const_value(x64_insn(e, insn->arg[1]));

        if (add < -SPAN_NEAR || add > SPAN_NEAR) {
            return false;
        }
        to.off += add;
        to.root = insn->arg[0];
        insn = x64_insn(e, to.root);
    }
    if (insn->op == IR_TRUNC) { /* of a register, whose upper half is 0 */
        to.root = insn->arg[0];
    }
    *a = to;
    return true;
}

static SpanAddr span_addr(const X64Emit *e, const IrInsn *access)
{
    SpanAddr a = { access->arg[0], ir_access_disp(access) };
    int64_t add;

    for (unsigned n = 0; n < SPAN_DEPTH; n++) {
        if (span_step(e, a.root, &add)) {
            a.root = x64_insn(e, a.root)->arg[0];
            a.off += add;
        } else if (!span_step_32(e, &a)) {
            break;
        }
    }
    return a;
}

/* Join group @g; false: it would be too long, or @off says nothing of alignment. */
static bool span_join(X64Span *g, int64_t off, unsigned bytes, unsigned align)
{
    int64_t min = MIN(g->min, off), max = MAX(g->max, off + bytes);

    if (max - min > SPAN_MAX || (off - g->first) & align) {
        return false;
    }
    g->align = (uint8_t)MAX(g->align, align);
    g->min = (int32_t)min;
    g->max = (int32_t)max;
    g->n++;
    return true;
}

/* The newest group that may take an access; 0: none, else its number + 1. */
static unsigned span_find(X64Emit *e, SpanAddr a, unsigned mode, bool write, unsigned bytes,
                          unsigned align)
{
    for (unsigned k = e->n_spans; k-- > e->spans_closed;) {
        X64Span *g = &e->span[k];

        if (g->root == a.root && g->mode == mode && (g->write || !write) &&
            span_join(g, a.off, bytes, align)) {
            return k + 1;
        }
    }
    return 0;
}

/* One less than what an address of it is a multiple of. */
static unsigned span_align(IrMemOp mo)
{
    return mo & IR_MO_ALIGN ? ir_memop_bytes(mo) - 1 : 0;
}

static void span_access(X64Emit *e, unsigned i, unsigned bytes, bool write)
{
    const IrInsn *insn = x64_insn(e, i);
    IrMemOp mo = insn->imm;
    SpanAddr a = span_addr(e, insn);
    unsigned k;

    e->span_of[i] = 0;
    if (mo & (IR_MO_ACQ | IR_MO_ACQPC | IR_MO_REL) || a.off != (int32_t)a.off ||
        (mo & IR_MO_ALIGN && (mo & IR_MO_ALIGN) != IR_MO_ALIGN_NATURAL)) {
        return;
    }
    k = span_find(e, a, ir_memop_mode(mo), write, bytes, span_align(mo));
    if (!k && e->n_spans < X64_SPANS) {
        e->span[e->n_spans] = (X64Span){ .root = (uint16_t)a.root,
                                         .mode = (uint8_t)ir_memop_mode(mo),
                                         .write = write,
                                         .n = 1,
                                         .align = (uint8_t)span_align(mo),
                                         .first = (int32_t)a.off,
                                         .slot = -1,
                                         .min = (int32_t)a.off,
                                         .max = (int32_t)a.off + (int32_t)bytes };
        k = ++e->n_spans;
    }
    e->span_of[i] = (uint8_t)k;
    e->span_off[i] = (int32_t)a.off;
}

void x64_span_note(X64Emit *e, unsigned i, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_LD:
        span_access(e, i, ir_memop_bytes(insn->imm), false);
        break;
    case IR_LDP:
        span_access(e, i, ir_memop_bytes(insn->imm) * 2, false);
        break;
    case IR_ST:
        span_access(e, i, ir_memop_bytes(insn->imm), true);
        break;
    case IR_STP:
        span_access(e, i, ir_memop_bytes(insn->imm) * 2, true);
        break;
    case IR_CALL:
        if (!(e->ir->helper[insn->imm]->flags & (IR_HELPER_PURE | IR_HELPER_KEEPS))) {
            e->spans_closed = e->n_spans;
        }
        break;
    case IR_LINKED: /* chained exits have not run what stands before */
        e->spans_closed = e->n_spans;
        break;
    default:
        break;
    }
}

/* An operation of @reg and the group's slot. */
static inline uint8_t *span_slot(uint8_t *p, unsigned op, unsigned reg, int slot)
{
    return x64_put_rm(p, op, 1, X64_REX_W, reg, x64_slot_mem(slot, false));
}

/* lea rdx, [@base + @disp] */
static inline uint8_t *span_lea(uint8_t *p, unsigned base, int32_t disp)
{
    return x64_put_rm(p, XO_LEA, 1, X64_REX_W, RDX, x64_mem((X64Reg)base, disp));
}

X64Mem x64_span_check(X64Emit *e, X64Stub *s, unsigned id, X64Addr at, unsigned total, bool write,
                      unsigned align)
{
    X64Span *g = e->span_of[id] ? &e->span[e->span_of[id] - 1] : NULL;
    unsigned page = at.reg;
    int32_t ahead;
    uint8_t *p;

    if (!g || g->n < 2) {
        if (at.disp) {
            e->a.p = span_lea(x64_open(&e->a, 1), at.reg, at.disp);
            at.reg = RDX;
        }
        s->addr = (uint8_t)at.reg;
        x64_tlb(e, at.reg, s->memop, total, write, align, &s->entry);
        return x64_mem_index(RCX, (X64Reg)at.reg, 0, 0);
    }
    s->write = write;
    s->length = align && total <= align + 1 ? 0 : (uint8_t)__builtin_ctz(total);
    if (g->slot >= 0) {
        s->span = X64_SPAN_NEXT;
        s->slot = g->slot;
        p = span_slot(x64_open(&e->a, 3), XO_MOV_R_RM, RCX, g->slot);
        p = x64_put(p, 0x840fc98548, 5); /* test rcx, rcx; je */
        e->a.p = x64_put_label(&e->a, p, &s->entry);
    } else {
        g->slot = (int16_t)x64_slot_new(e, false);
        s->span = X64_SPAN_FIRST;
        s->slot = g->slot;
        /* What is looked up is aligned where the first address is. */
        g->min = g->first - ((g->first - g->min + g->align) & ~(int32_t)g->align);
        ahead = at.disp + g->min - e->span_off[id];
        if (ahead) {
            e->a.p = span_lea(x64_open(&e->a, 1), at.reg, ahead);
            at.disp -= at.reg == RDX ? ahead : 0;
            page = RDX;
        }
        s->disp = at.disp;
        x64_tlb(e, page, s->memop, (unsigned)(g->max - g->min), write, g->align, &s->entry);
        e->a.p = span_slot(x64_open(&e->a, 1), XO_MOV_RM_R, RCX, g->slot);
    }
    s->addr = (uint8_t)at.reg;
    s->disp = at.disp;
    x64_bind(&e->a, &s->direct);
    return x64_mem_index(RCX, (X64Reg)at.reg, 0, at.disp);
}

void x64_span_stub(X64Emit *e, X64Stub *s)
{
    const X64Thunks *t = e->thunk;
    bool moved = s->addr == RDX && s->disp;
    unsigned align = span_align(s->memop);
    uint32_t thunk;
    int64_t at;
    uint8_t *p;

    if (!s->span) {
        return;
    }
    if (s->span == X64_SPAN_FIRST) {
        p = span_slot(x64_open(&e->a, 1), 0xc7, 0, s->slot);
        e->a.p = x64_put(p, 0, 4);
    }
    thunk = (s->write ? t->tlb_write : t->tlb_read)[ir_memop_mode(s->memop)][s->length];
    p = span_lea(x64_open(&e->a, 3 + moved + 2 * !!align), s->addr, s->disp);
    if (align) {
        p = x64_put(p, 0x057500c2f6 | align << 16, 5); /* test dl, align; jne behind the call */
    }
    at = p - e->a.start;
    p = x64_put(p, 0xe8 | (uint64_t)(uint32_t)(thunk - e->base - at - 5) << 8, 5); /* call */
    if (moved) {
        p = span_lea(p, RDX, -s->disp);
    }
    at = p - e->a.start; /* jbe to what is bound */
    e->a.p = x64_put(p, 0x860f | (uint64_t)(uint32_t)(s->direct.pos - at - 6) << 16, 6);
}

uint32_t x64_span_thunk(X64Asm *a, const X64Layout *lay, unsigned mode, bool write, unsigned length)
{
    int32_t tlb = write ? lay->tlb_write[mode] : lay->tlb_read[mode];
    uint32_t at = x64_pos(a);

    x64_mov_rr(a, true, RAX, RDX);
    x64_shift_ri(a, SH_SHR, true, RAX, 8);
    x64_alu_rm(a, ALU_AND, false, RAX, x64_env(lay->tlb_mask[mode]));
    x64_rm(a, XO_MOV_R_RM | X_W, RCX, x64_mem_index(RBP, RAX, 0, tlb));
    x64_alu_rr(a, ALU_XOR, true, RCX, RDX);
    x64_alu_ri(a, ALU_CMP, true, RCX, 4096 - (1 << length));
    x64_rm(a, XO_MOV_R_RM | X_W, RCX, x64_mem_index(RBP, RAX, 0, tlb + 8));
    x64_op0(a, 0xc3);
    return at;
}
