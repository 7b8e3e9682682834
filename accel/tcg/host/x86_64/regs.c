/* SPDX-License-Identifier: Apache-2.0 */
/* Where values are: registers, frame slots, guest state. */
#include "accel/tcg/host/x86_64/x64-priv.h"

#include "util/error.h"

#include <string.h>

const uint8_t x64_pin_reg[X64_MAX_PINS] = { RSI, RDI, R8, R9, R10, R11 };

/* Callee-saved: values survive calls. */
static const uint8_t x64_alloc_reg[] = { RBX, R12, R13, R14, R15 };

enum { X64_FIRST_XMM = 4 };

void x64_regs_begin(X64Emit *e)
{
    memset(e->head, 0, sizeof(e->head));
    memset(e->xhead, 0, sizeof(e->xhead));
    memset(e->slot_used, 0, sizeof(e->slot_used));
    memset(e->vslot_used, 0, sizeof(e->vslot_used));
    memset(e->slot_dying, 0, sizeof(e->slot_dying));
    memset(e->vslot_dying, 0, sizeof(e->vslot_dying));
    e->slots_dying = e->xmm_used = false;
    e->n_homes = 0;
}

/* ---- slots ---- */

int x64_slot_new(X64Emit *e, bool vec)
{
    uint64_t *used = vec ? e->vslot_used : e->slot_used;
    unsigned words = vec ? X64_VSLOTS / 64 : X64_SLOTS / 64;

    for (unsigned w = 0; w < words; w++) {
        if (~used[w]) {
            unsigned bit = (unsigned)__builtin_ctzll(~used[w]);

            used[w] |= 1ull << bit;
            return (int)(w * 64 + bit);
        }
    }
    e->a.overflow = true;
    return 0;
}

/* Operands may still be read from their slots: those become free after the operation. */
static void x64_slot_free(X64Emit *e, int slot, bool vec)
{
    (vec ? e->vslot_dying : e->slot_dying)[slot / 64] |= 1ull << slot % 64;
    e->slots_dying = true;
}

void x64_slots_sweep(X64Emit *e)
{
    for (unsigned w = 0; w < X64_SLOTS / 64; w++) {
        e->slot_used[w] &= ~e->slot_dying[w];
    }
    for (unsigned w = 0; w < X64_VSLOTS / 64; w++) {
        e->vslot_used[w] &= ~e->vslot_dying[w];
    }
    memset(e->slot_dying, 0, sizeof(e->slot_dying));
    memset(e->vslot_dying, 0, sizeof(e->vslot_dying));
    e->slots_dying = false;
}

/* ---- lists of values in a register ---- */

static inline uint16_t *x64_head_of(X64Emit *e, unsigned id, unsigned reg)
{
    return x64_is_vec(e, id) ? &e->xhead[reg] : &e->head[reg];
}

static inline void x64_unlink(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];
    uint16_t *p;

    if (v->reg == X64_NO_REG) {
        return;
    }
    p = x64_head_of(e, id, v->reg);
    while (__builtin_expect(*p != id && *p, 0)) {
        p = &e->val[*p].next;
    }
    *p = v->next;
    v->reg = X64_NO_REG;
    v->next = 0;
}

void x64_assign(X64Emit *e, unsigned id, unsigned reg)
{
    X64Val *v = &e->val[id];
    uint16_t *head;

    x64_unlink(e, id);
    if (__builtin_expect(v->last <= e->i && id != e->i && v->last, 0)) {
        return; /* dead */
    }
    head = x64_head_of(e, id, reg);
    e->xmm_used |= x64_is_vec(e, id);
    v->reg = (uint8_t)reg;
    v->next = *head;
    *head = (uint16_t)id;
}

/* The same of an integer that has no register yet and is wanted. */
static inline void x64_assign_new(X64Emit *e, unsigned id, unsigned reg)
{
    X64Val *v = &e->val[id];

    v->reg = (uint8_t)reg;
    v->next = e->head[reg];
    e->head[reg] = (uint16_t)id;
}

void x64_release(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];

    x64_unlink(e, id);
    if (v->slot >= 0) {
        x64_slot_free(e, v->slot, x64_is_vec(e, id));
        v->slot = -1;
    }
    v->homed = false;
}

static __attribute__((noinline)) void x64_release_rest(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];

    if (v->slot >= 0) {
        x64_slot_free(e, v->slot, x64_is_vec(e, id));
        v->slot = -1;
    }
    if (e->done[id] & X64_FOLDED) { /* its operands end with it */
        x64_release_args(e, x64_insn(e, id), e->i);
    }
}

void x64_release_arg(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];

    x64_unlink(e, id);
    if (__builtin_expect(v->slot >= 0 || e->done[id] & X64_FOLDED, 0)) {
        x64_release_rest(e, id);
    }
}

/* ---- loading ---- */

X64Opd x64_where(X64Emit *e, unsigned id)
{
    const X64Val *v = &e->val[id];

    if (v->reg != X64_NO_REG) {
        return (X64Opd){ .kind = OPD_REG, .reg = v->reg };
    }
    if (x64_is_const(e, id)) {
        return (X64Opd){ .kind = OPD_IMM, .imm = (int64_t)ir_const_value(x64_insn(e, id)) };
    }
    if (v->homed) {
        return (X64Opd){ .kind = OPD_MEM, .m = x64_env(v->home) };
    }
    g_assert(v->slot >= 0);
    return (X64Opd){ .kind = OPD_MEM, .m = x64_slot_mem(v->slot, x64_is_vec(e, id)) };
}

void x64_load_opd(X64Emit *e, X64Opd o, bool w, unsigned reg)
{
    if (o.kind == OPD_IMM) {
        x64_mov_imm(&e->a, reg, w ? (uint64_t)o.imm : (uint32_t)o.imm);
    } else if (o.kind == OPD_MEM && o.m.base == RBP) {
        x64_rbp(&e->a, XO_MOV_R_RM | X_W_IF(w), reg, o.m.disp);
    } else if (o.kind == OPD_MEM) {
        x64_rm(&e->a, XO_MOV_R_RM | X_W_IF(w), reg, o.m);
    } else if (o.reg != reg || !w) {
        x64_mov_rr(&e->a, w, reg, o.reg);
    }
}

void x64_load(X64Emit *e, unsigned id, unsigned reg)
{
    X64Opd o = x64_where(e, id);

    if (x64_is_vec(e, id)) {
        if (o.kind == OPD_REG) {
            x64_vmov(&e->a, reg, o.reg);
        } else {
            unsigned bytes = e->val[id].demand;

            x64_v2m(&e->a,
                    bytes == 4   ? XO_MOVD_LD
                    : bytes == 8 ? XO_MOVQ_LD
                                 : XO_MOVDQU_LD,
                    reg, o.m);
        }
        return;
    }
    if (o.kind == OPD_REG && o.reg == reg) {
        return;
    }
    x64_load_opd(e, o, x64_wide(x64_insn(e, id)), reg);
}

static unsigned x64_free_reg(const X64Emit *e)
{
    for (unsigned n = 0; n < sizeof(x64_alloc_reg); n++) {
        unsigned r = x64_alloc_reg[n];

        if (!e->head[r] && !(e->locked >> r & 1)) {
            return r;
        }
    }
    return X64_NO_REG;
}

static bool x64_has_copy(const X64Emit *e, unsigned id)
{
    return e->val[id].homed || e->val[id].slot >= 0 || x64_is_const(e, id);
}

/* Give every value in general register @r another place, then empty it. */
static void x64_evict(X64Emit *e, unsigned r)
{
    while (e->head[r]) {
        unsigned id = e->head[r];
        X64Val *v = &e->val[id];

        if (!x64_has_copy(e, id)) {
            v->slot = (int16_t)x64_slot_new(e, false);
            x64_rm(&e->a, XO_MOV_RM_R | X_W, r, x64_slot_mem(v->slot, false));
        }
        v->zext = v->zext || (v->homed || v->slot >= 0);
        x64_unlink(e, id);
    }
}

static unsigned x64_last_of(const X64Emit *e, unsigned head)
{
    unsigned last = 0;

    for (unsigned id = head; id; id = e->val[id].next) {
        last = MAX(last, e->val[id].last);
    }
    return last;
}

/* An allocatable register, evicting the values that are needed last. */
static unsigned x64_alloc(X64Emit *e)
{
    unsigned best = x64_free_reg(e), best_last = 0;

    if (best != X64_NO_REG) {
        return best;
    }
    for (unsigned n = 0; n < sizeof(x64_alloc_reg); n++) {
        unsigned r = x64_alloc_reg[n];

        if (!(e->locked >> r & 1) && x64_last_of(e, e->head[r]) >= best_last) {
            best = r;
            best_last = x64_last_of(e, e->head[r]);
        }
    }
    if (best == X64_NO_REG) {
        e->a.overflow = true;
        return RBX;
    }
    x64_evict(e, best);
    return best;
}

unsigned x64_reg(X64Emit *e, unsigned id, unsigned tmp)
{
    X64Val *v = &e->val[id];

    if (v->reg == X64_NO_REG) {
        unsigned r = v->last > e->i && !x64_is_const(e, id) ? x64_free_reg(e) : X64_NO_REG;

        if (r == X64_NO_REG) {
            x64_load(e, id, tmp);
            return tmp;
        }
        x64_load(e, id, r);
        x64_assign(e, id, r);
        v->zext = true;
    }
    e->locked |= 1u << v->reg;
    return v->reg;
}

X64Opd x64_opd(X64Emit *e, unsigned id, unsigned tmp, bool imm)
{
    X64Opd o = x64_where(e, id);

    if (o.kind == OPD_IMM) {
        if (!x64_wide(x64_insn(e, id))) {
            o.imm = (int32_t)o.imm;
        }
        if (!imm || o.imm != (int32_t)o.imm) {
            x64_mov_imm(&e->a, tmp, (uint64_t)o.imm);
            o.kind = OPD_REG;
            o.reg = (uint8_t)tmp;
        }
    } else if (o.kind == OPD_MEM && e->val[id].last > e->i && x64_free_reg(e) != X64_NO_REG) {
        o.kind = OPD_REG;
        o.reg = (uint8_t)x64_reg(e, id, tmp);
    }
    if (o.kind == OPD_REG) {
        e->locked |= 1u << o.reg;
    }
    return o;
}

static bool x64_is_alloc(unsigned r)
{
    return r == RBX || (r >= R12 && r <= R15);
}

unsigned x64_def(X64Emit *e, unsigned id)
{
    return x64_def_in(e, id, X64_NO_REG);
}

unsigned x64_def_in(X64Emit *e, unsigned id, unsigned near)
{
    X64Val *v = &e->val[id];
    unsigned r = v->hint;

    if (r == X64_NO_REG || e->head[r]) {
        bool free = x64_is_alloc(near) && !e->head[near];

        r = free ? near : x64_alloc(e);
    }
    x64_assign_new(e, id, r);
    v->zext = true;
    e->locked |= 1u << r;
    return r;
}

void x64_vacate(X64Emit *e, unsigned reg)
{
    unsigned to = X64_NO_REG;

    for (unsigned id = e->head[reg], next; id; id = next) {
        next = e->val[id].next;
        if (e->val[id].last <= e->i) {
            x64_release(e, id);
        }
    }
    for (unsigned id = e->head[reg], next; id; id = next) {
        next = e->val[id].next;
        if (x64_has_copy(e, id)) {
            x64_unlink(e, id);
            continue;
        }
        if (to == X64_NO_REG) {
            to = x64_alloc(e);
            x64_mov_rr(&e->a, true, to, reg);
            e->locked |= 1u << to;
        }
        x64_assign(e, id, to);
    }
}

/* ---- guest state as the place of a value ---- */

/* Give @id, which lives in guest state alone, another place. */
static void x64_home_leave(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];
    IrType type = (IrType)x64_insn(e, id)->type;

    if (v->reg == X64_NO_REG && v->slot < 0) {
        v->slot = (int16_t)x64_slot_new(e, type == IR_V128);
        if (type == IR_V128) {
            x64_v2m(&e->a, XO_MOVDQU_LD, 0, x64_env(v->home));
            x64_v2m(&e->a, XO_MOVDQU_ST, 0, x64_slot_mem(v->slot, true));
        } else {
            x64_rbp(&e->a, XO_MOV_R_RM | X_W_IF(type == IR_I64), RAX, v->home);
            x64_rm(&e->a, XO_MOV_RM_R | X_W, RAX, x64_slot_mem(v->slot, false));
        }
    }
    v->homed = false;
}

static unsigned x64_type_bytes(IrType type)
{
    return type == IR_V128 ? 16 : type == IR_I64 ? 8 : 4;
}

/* Uses rax and xmm0 where a value must be kept. */
void x64_home_clobber(X64Emit *e, int32_t disp, unsigned bytes)
{
    unsigned n = 0;

    for (unsigned k = 0; k < e->n_homes; k++) {
        uint16_t id = e->homes[k];
        X64Val *v = &e->val[id];

        if (!v->homed) {
            continue;
        }
        if (v->last < e->i) {
            v->homed = false;
            continue;
        }
        if (v->home < disp + (int32_t)bytes &&
            disp < v->home + (int32_t)x64_type_bytes((IrType)x64_insn(e, id)->type)) {
            x64_home_leave(e, id); /* the current operation may still want it */
            continue;
        }
        e->homes[n++] = id;
    }
    e->n_homes = n;
}

void x64_state_clobber(X64Emit *e)
{
    x64_home_clobber(e, INT32_MIN / 2, INT32_MAX);
    for (unsigned n = 0; n < X64_MAX_PINS; n++) {
        x64_vacate(e, x64_pin_reg[n]);
    }
}

/* ---- vectors ---- */

void x64_xmm_clobber(X64Emit *e)
{
    if (!e->xmm_used) {
        return;
    }
    for (unsigned r = X64_FIRST_XMM; r < 16; r++) {
        unsigned id = e->xhead[r];

        if (!id) {
            continue;
        }
        X64Val *v = &e->val[id];

        if (v->last > e->i && !v->homed && v->slot < 0) {
            v->slot = (int16_t)x64_slot_new(e, true);
            x64_v2m(&e->a, XO_MOVDQU_ST, r, x64_slot_mem(v->slot, true));
        }
        x64_unlink(e, id);
    }
}

uint16_t x64_xmm_live(const X64Emit *e)
{
    uint16_t live = 0;

    if (!e->xmm_used) {
        return 0;
    }
    for (unsigned r = X64_FIRST_XMM; r < 16; r++) {
        if (e->xhead[r] && e->val[e->xhead[r]].last > e->i) {
            live |= (uint16_t)(1u << r);
        }
    }
    return live;
}

static unsigned x64_xfree(const X64Emit *e)
{
    for (unsigned r = X64_FIRST_XMM; r < 16; r++) {
        if (!e->xhead[r] && !(e->xlocked >> r & 1)) {
            return r;
        }
    }
    return X64_NO_REG;
}

unsigned x64_xreg(X64Emit *e, unsigned id, unsigned tmp)
{
    X64Val *v = &e->val[id];

    if (v->reg == X64_NO_REG) {
        unsigned r = v->last > e->i ? x64_xfree(e) : X64_NO_REG;

        if (r == X64_NO_REG) {
            x64_load(e, id, tmp);
            return tmp;
        }
        x64_load(e, id, r);
        x64_assign(e, id, r);
    }
    e->xlocked |= 1u << v->reg;
    return v->reg;
}

/* A free register, or that of the value needed last, which is put elsewhere. */
static unsigned x64_xalloc(X64Emit *e)
{
    unsigned best = x64_xfree(e), best_last = 0;

    if (best != X64_NO_REG) {
        return best;
    }
    for (unsigned r = X64_FIRST_XMM; r < 16; r++) {
        unsigned last = x64_last_of(e, e->xhead[r]);

        if (!(e->xlocked >> r & 1) && last >= best_last) {
            best = r;
            best_last = last;
        }
    }

    while (e->xhead[best]) {
        unsigned old = e->xhead[best];
        X64Val *v = &e->val[old];

        if (!v->homed && v->slot < 0) {
            v->slot = (int16_t)x64_slot_new(e, true);
            x64_v2m(&e->a, XO_MOVDQU_ST, best, x64_slot_mem(v->slot, true));
        }
        x64_unlink(e, old);
    }
    return best;
}

unsigned x64_xdef(X64Emit *e, unsigned id)
{
    unsigned r = x64_xalloc(e);

    x64_assign(e, id, r);
    e->xlocked |= 1u << r;
    return r;
}

unsigned x64_xtmp(X64Emit *e)
{
    for (unsigned r = 1; r < X64_FIRST_XMM; r++) {
        if (!(e->xlocked >> r & 1)) {
            e->xlocked |= 1u << r;
            return r;
        }
    }

    unsigned r = x64_xalloc(e);

    e->xlocked |= 1u << r;
    return r;
}
