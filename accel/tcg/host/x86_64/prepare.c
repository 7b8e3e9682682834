/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the walk: one pass over a block's operations, from the last to the first. What nobody uses
 * is dropped, since all that could use it was seen before; values learn their last use and how many
 * there are, and operations are taken into those that use them (peep.c), before the walk's list has
 * them.
 */
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <string.h>

/* By rows (X64Emit.kind): dropped when nobody uses the value, of CALLs those of pure helpers; part
 * of the walk; x64_peep() or x64_span_note() know it; and what the names say. */
enum {
    PREPARE_DROP = 1,
    PREPARE_LIST = 2,
    PREPARE_PEEP = 4,
    PREPARE_SPAN = 8,
    PREPARE_GET = 16,
    PREPARE_BARRIER = 32, /* may leave the block or call */
    PREPARE_FLAGS = 64,   /* changes whether the state's flags may be read, whatever faults do */
    PREPARE_SET = 128,
    PREPARE_MORE = PREPARE_SET | PREPARE_SPAN | PREPARE_GET | PREPARE_BARRIER | PREPARE_FLAGS,
};

static unsigned prepare_kind(unsigned op)
{
    unsigned effects = ir_op_effects[op], kind = PREPARE_LIST;

    kind |= effects & ~(unsigned)(IR_EFF_STATE_RD | IR_EFF_CALLS) ? 0 : PREPARE_DROP;
    kind |= effects & (IR_EFF_FAULT | IR_EFF_EXITS | IR_EFF_CALLS) ? PREPARE_BARRIER : 0;
    kind |= effects & (IR_EFF_EXITS | IR_EFF_CALLS) ? PREPARE_FLAGS : 0;
    switch (op) {
    case IR_NOP:
        return PREPARE_DROP;
    case IR_GET:
        return kind | PREPARE_GET;
    case IR_SET:
        return kind | PREPARE_SET;
    case IR_GET_FLAGS:
    case IR_SET_FLAGS:
        return kind | PREPARE_FLAGS;
    case IR_ADD:
    case IR_SUB:
    case IR_SHL:
    case IR_AND:
    case IR_SETCOND:
        return kind | PREPARE_PEEP;
    case IR_LD:
    case IR_LDP:
    case IR_ST:
    case IR_STP:
    case IR_CALL:
    case IR_LINKED:
        return kind | PREPARE_SPAN;
    default:
        return kind;
    }
}

void x64_prepare_init(X64Emit *e)
{
    for (unsigned n = 0; n < IR_N_OPS; n++) {
        e->kind[n] = (uint8_t)prepare_kind(n);
    }
}

typedef struct Prepare {
    /* Of the operations behind the present one, the nearest of each kind; by registers of pins. */
    unsigned barrier;
    unsigned get[17], set[17]; /* the last: no pin */
    uint32_t live;             /* X64_FLAGS_LIVE or 0 */
    unsigned flags;            /* kinds of operations that may change that */
    unsigned n_accesses;
    bool types[IR_FLAGS + 1]; /* of values */
} Prepare;

/* Value @k may be computed straight into the register of the pin that is SET to it, if nothing in
 * between wants what is there, or all that is in registers. */
static void prepare_hint(X64Emit *e, const Prepare *p, unsigned k, const IrInsn *insn)
{
    X64Val *v = &e->val[k];
    unsigned set = (unsigned)v->home, reg = v->hint;

    /* Each of these is hard to predict. */
    if ((p->barrier < set) | (p->get[reg] < set) | (p->set[reg] != set) | (insn->type == IR_V128) |
        (insn->op == IR_GET)) {
        v->hint = X64_NO_REG;
    } else if (insn->op == IR_ZEXT64) {
        X64Val *a = &e->val[insn->arg[0]];

        if (a->hint == X64_NO_REG || a->home > v->home) {
            a->hint = v->hint;
            a->home = v->home;
        }
    }
}

/* What is seen first is the last use; both counts in one word. */
static inline void prepare_use(X64Val *v, unsigned k)
{
    uint32_t w;

    _Static_assert(offsetof(X64Val, last) == 0 && offsetof(X64Val, uses) == 2, "one word");
    memcpy(&w, v, sizeof(w));
    w = (w ? w : k) + (1u << 16);
    memcpy(v, &w, sizeof(w));
}

/* @v is SET to that register by operation @k. */
static inline void prepare_set(Prepare *p, X64Val *v, unsigned pin, unsigned k)
{
    bool is_pin = pin != X64_NO_REG; /* hard to predict */

    v->hint = (uint8_t)(is_pin ? pin : v->hint);
    v->home = is_pin ? (int32_t)k : v->home;
    p->set[pin] = k;
}

/* Operation @k is that of @v, and SETs it at once to @place, which is a use. */
static inline void prepare_place(X64Emit *e, Prepare *p, X64Val *v, unsigned place, unsigned k)
{
    prepare_set(p, v, x64_pin_of(e, place * 8), k);
    prepare_use(v, k);
}

/* The same of an operand of what is taken into operation @k, behind it. */
static inline void prepare_use_behind(X64Val *v, unsigned k)
{
    v->last = (uint16_t)MAX(v->last, k);
    v->uses++;
}

static void prepare_uses_behind(X64Emit *e, const IrInsn *insn, unsigned k)
{
    for (unsigned n = 0; n < 4; n++) {
        prepare_use_behind(&e->val[insn->arg[n]], k);
    }
}

_Static_assert(sizeof(X64Val) == 16, "prepare_val");

/* The record whose number is in bits 19..4 of @at. */
static inline X64Val *prepare_val(X64Emit *e, uint64_t at)
{
    return (X64Val *)(void *)((uint8_t *)e->val + (at & 0xffff0));
}

/* "No value" has a record of its own: that is cheaper than to look. */
static inline void prepare_uses(X64Emit *e, const IrInsn *insn, unsigned k)
{
    uint64_t arg;

    memcpy(&arg, insn->arg, sizeof(arg));
    prepare_use(prepare_val(e, arg << 4), k);
    prepare_use(prepare_val(e, arg >> 12), k);
    if (__builtin_expect(arg >> 32, 0)) {
        prepare_use(prepare_val(e, arg >> 28), k);
        prepare_use(prepare_val(e, arg >> 44), k);
    }
}

static void prepare_vectors(X64Emit *e)
{
    for (unsigned at = e->from; at < IR_MAX_INSNS; at++) {
        const IrInsn *insn = x64_insn(e, e->order[at] & X64_ORDER);

        for (unsigned n = 0; n < 4 && insn->arg[n]; n++) {
            X64Val *v = &e->val[insn->arg[n]];

            if (x64_insn(e, insn->arg[n])->type == IR_V128) {
                v->demand = MAX(v->demand, (uint8_t)x64_fp_demand(insn, n));
            }
        }
    }
}

/* Those of operations @from to @n, and some beside them. */
static inline void prepare_values(X64Emit *e, unsigned from, unsigned n)
{
    static const X64Val fresh = { .reg = X64_NO_REG, .hint = X64_NO_REG, .slot = -1 };
    X64Val four[4] = { fresh, fresh, fresh, fresh };

    for (unsigned i = from & ~3u; i < n; i += 4) {
        memcpy(&e->val[i], four, sizeof(four));
    }
}

static bool prepare_drop(X64Emit *e, IrInsn *insn)
{
    if (insn->op == IR_CALL && !(e->ir->helper[insn->imm]->flags & IR_HELPER_PURE)) {
        return false;
    }
    memset(insn, 0, sizeof(*insn)); /* IR_NOP */
    return true;
}

/* The rows of PREPARE_MORE. */
static inline void prepare_more(X64Emit *e, Prepare *p, unsigned kind, unsigned k,
                                const IrInsn *insn)
{
    if (kind & PREPARE_SET) {
        unsigned pin = x64_pin_of(e, insn->imm);

        if (insn->sub == 3) {
            prepare_set(p, &e->val[insn->arg[0]], pin, k);
        }
        p->set[pin] = k;
        return;
    }
    if (kind & PREPARE_GET) {
        p->get[x64_pin_of(e, insn->imm)] = k; /* X64_NO_REG is one of them */
        return;
    }
    e->accesses[p->n_accesses] = (uint16_t)k;
    p->n_accesses += kind / PREPARE_SPAN & 1;
    p->barrier ^= (p->barrier ^ k) & (0 - (kind / PREPARE_BARRIER & 1));
    if (kind & p->flags) {
        p->live =
            insn->op != IR_SET_FLAGS && x64_flags_read_by(e, insn, p->live) ? X64_FLAGS_LIVE : 0;
    }
}

static void prepare_spans(X64Emit *e, unsigned n_accesses)
{
    if (n_accesses == 1) {
        e->span_of[e->accesses[0]] = 0;
        return;
    }
    while (n_accesses > 0) {
        unsigned k = e->accesses[--n_accesses];

        x64_span_note(e, k, x64_insn(e, k));
    }
}

static void prepare_begin(X64Emit *e, Prepare *p)
{
    IrBlock *ir = e->ir;

    memset(p, 0, sizeof(*p));
    memset(p->get, 0xff, sizeof(p->get));
    memset(p->set, 0xff, sizeof(p->set));
    p->barrier = UINT16_MAX;
    p->live = X64_FLAGS_LIVE;
    p->flags = PREPARE_FLAGS | (ir->exact_flags ? PREPARE_BARRIER : 0);
    ir->guest[ir->n_guest].ir = ir->guest[ir->n_guest + 1].ir = UINT16_MAX;
    prepare_values(e, 0, ir->n);
    prepare_values(e, ir->consts, IR_MAX_INSNS);
    memset(&e->done[ir->consts], 0, IR_MAX_INSNS - ir->consts);
    e->done[0] = 0;
}

void x64_prepare(X64Emit *e)
{
    IrBlock *ir = e->ir;
    uint32_t *order = &e->order[IR_MAX_INSNS];
    IrInsn *insn = &ir->insn[ir->n - 1];
    X64Val *v = &e->val[ir->n - 1];
    Prepare p;

    prepare_begin(e, &p);
    *order = X64_FLAGS_LIVE;
    for (unsigned k = ir->n - 1; k != 0; k--, insn--, v--) {
        unsigned kind = e->kind[insn->op], place = ir->set[k];

        if (place) {
            prepare_place(e, &p, v, place, k);
        }
        /* Unused and droppable are each hard to predict, both together seldom. */
        if ((v->uses == 0) & kind && prepare_drop(e, insn)) {
            continue;
        }
        if (v->hint != X64_NO_REG) {
            prepare_hint(e, &p, k, insn);
        }
        if (kind & PREPARE_PEEP && v->uses == 1 && !place && x64_peep(e, k, insn)) {
            e->done[k] = X64_DONE | X64_FOLDED;
            prepare_uses_behind(e, insn, v->last);
            continue;
        }
        prepare_uses(e, insn, k);
        e->done[k] = (uint8_t)(((v->uses == 0) & (insn->type != IR_VOID)) * X64_UNUSED);
        if (kind & PREPARE_MORE) {
            prepare_more(e, &p, kind, k, insn);
        }
        p.types[insn->type] = true;
        *--order = k | place << 16 | p.live;
    }
    e->val[0] = (X64Val){ .last = UINT16_MAX, .reg = X64_NO_REG, .slot = -1 }; /* never released */
    e->from = (unsigned)(order - e->order);
    prepare_spans(e, p.n_accesses);
    if (p.types[IR_V128]) {
        prepare_vectors(e);
    }
}
