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
    PREPARE_STATE = 16,   /* GET and SET */
    PREPARE_BARRIER = 32, /* may leave the block or call */
    PREPARE_FLAGS = 64,   /* GET_FLAGS and SET_FLAGS */
    PREPARE_MORE = PREPARE_SPAN | PREPARE_STATE | PREPARE_BARRIER | PREPARE_FLAGS,
};

static unsigned prepare_kind(unsigned op)
{
    unsigned effects = ir_op_effects[op], kind = PREPARE_LIST;

    kind |= effects & ~(unsigned)(IR_EFF_STATE_RD | IR_EFF_CALLS) ? 0 : PREPARE_DROP;
    kind |= effects & (IR_EFF_FAULT | IR_EFF_EXITS | IR_EFF_CALLS) ? PREPARE_BARRIER : 0;
    switch (op) {
    case IR_NOP:
    case IR_CONST: /* an unused one does no harm */
        return 0;
    case IR_GET:
    case IR_SET:
        return kind | PREPARE_STATE;
    case IR_GET_FLAGS:
    case IR_SET_FLAGS:
        return kind | PREPARE_FLAGS;
    case IR_ADD:
    case IR_SUB:
    case IR_SHL:
    case IR_AND:
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

/* Of the operations behind the present one, the nearest of each kind; by registers of pins. */
typedef struct Prepare {
    unsigned barrier;
    unsigned get[16], set[16];
    bool live; /* flags */
} Prepare;

/* Value @k may be computed straight into the register of the pin that is SET to it, if nothing in
 * between wants what is there, or all that is in registers. */
static void prepare_hint(X64Emit *e, const Prepare *p, unsigned k, const IrInsn *insn)
{
    X64Val *v = &e->val[k];
    unsigned set = (unsigned)v->home, reg = v->hint;

    if (p->barrier < set || p->get[reg] < set || p->set[reg] != set || insn->type == IR_V128 ||
        insn->op == IR_GET) {
        v->hint = X64_NO_REG;
    } else if (insn->op == IR_ZEXT64) {
        X64Val *a = &e->val[insn->arg[0]];

        if (a->hint == X64_NO_REG || a->home > v->home) {
            a->hint = v->hint;
            a->home = v->home;
        }
    }
}

static void prepare_state(X64Emit *e, Prepare *p, unsigned k, const IrInsn *insn)
{
    unsigned pin = x64_pin_of(e, insn->imm);

    if (pin == X64_NO_REG) {
        return;
    }
    if (insn->op == IR_GET) {
        p->get[pin] = k;
        return;
    }
    if (insn->sub == 3) {
        e->val[insn->arg[0]].hint = (uint8_t)pin;
        e->val[insn->arg[0]].home = (int32_t)k;
    }
    p->set[pin] = k;
}

static inline void prepare_use(X64Val *v, unsigned k)
{
    v->last = (uint16_t)(v->last > k ? v->last : k); /* what is taken into another is behind it */
    v->uses = (uint8_t)(v->uses * 2 + 1);
}

/* "No value" has a record of its own: that is cheaper than to look. */
static inline void prepare_uses(X64Emit *e, const IrInsn *insn, unsigned k)
{
    uint64_t arg;

    memcpy(&arg, insn->arg, sizeof(arg));
    prepare_use(&e->val[arg & 0xffff], k);
    prepare_use(&e->val[arg >> 16 & 0xffff], k);
    if (__builtin_expect(arg >> 32, 0)) {
        prepare_use(&e->val[arg >> 32 & 0xffff], k);
        prepare_use(&e->val[arg >> 48], k);
    }
}

static void prepare_vectors(X64Emit *e)
{
    for (unsigned at = e->from; at < IR_MAX_INSNS; at++) {
        const IrInsn *insn = x64_insn(e, e->order[at]);

        for (unsigned n = 0; n < 4 && insn->arg[n]; n++) {
            X64Val *v = &e->val[insn->arg[n]];

            if (x64_insn(e, insn->arg[n])->type == IR_V128) {
                v->demand = MAX(v->demand, (uint8_t)x64_fp_demand(insn, n));
            }
        }
    }
}

static void prepare_values(X64Emit *e, unsigned n)
{
    static const X64Val fresh = { .reg = X64_NO_REG, .hint = X64_NO_REG, .slot = -1 };
    X64Val four[4] = { fresh, fresh, fresh, fresh };

    for (unsigned i = 0; i < n; i += 4) {
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

/* The rows of PREPARE_MORE; the number of accesses so far. */
static unsigned prepare_more(X64Emit *e, Prepare *p, unsigned kind, unsigned k, unsigned n)
{
    const IrInsn *insn = x64_insn(e, k);

    if (kind & PREPARE_STATE) {
        prepare_state(e, p, k, insn);
        return n;
    }
    if (kind & (PREPARE_FLAGS | PREPARE_BARRIER)) {
        p->live = insn->op != IR_SET_FLAGS && x64_flags_read_by(e, insn, p->live);
    }
    if (kind & PREPARE_SPAN) {
        e->accesses[n++] = (uint16_t)k;
    }
    p->barrier = kind & PREPARE_BARRIER ? k : p->barrier;
    return n;
}

void x64_prepare(X64Emit *e)
{
    IrBlock *ir = e->ir;
    unsigned at = IR_MAX_INSNS, n_accesses = 0;
    bool vectors = false;
    Prepare p = { .barrier = UINT16_MAX, .live = true };

    memset(p.get, 0xff, sizeof(p.get));
    memset(p.set, 0xff, sizeof(p.set));
    ir->guest[ir->n_guest].ir = ir->guest[ir->n_guest + 1].ir = UINT16_MAX;
    prepare_values(e, ir->n);
    for (unsigned k = ir->n; --k != 0;) {
        IrInsn *insn = &ir->insn[k];
        X64Val *v = &e->val[k];
        unsigned kind = e->kind[insn->op];

        /* Unused and droppable are each hard to predict, both together seldom. */
        if (!kind || ((v->uses == 0) & kind && prepare_drop(e, insn))) {
            continue;
        }
        if (v->hint != X64_NO_REG) {
            prepare_hint(e, &p, k, insn);
        }
        if (kind & PREPARE_PEEP && v->uses == 1 && x64_peep(e, k, insn)) {
            v->done = X64_DONE | X64_FOLDED;
            prepare_uses(e, insn, v->last);
            continue;
        }
        prepare_uses(e, insn, k);
        if ((v->uses == 0) & (insn->type != IR_VOID)) {
            v->done = X64_UNUSED;
        }
        if (kind & PREPARE_MORE) {
            n_accesses = prepare_more(e, &p, kind, k, n_accesses);
        }
        vectors |= insn->type == IR_V128;
        e->order[--at] = (uint16_t)k;
        e->flags_live[at] = p.live;
    }
    e->val[0] = (X64Val){ .last = UINT16_MAX, .reg = X64_NO_REG, .slot = -1 }; /* never released */
    e->flags_live[IR_MAX_INSNS] = true;
    e->from = at;
    if (n_accesses == 1) {
        e->span_of[e->accesses[--n_accesses]] = 0;
    }
    while (n_accesses > 0) {
        unsigned k = e->accesses[--n_accesses];

        x64_span_note(e, k, x64_insn(e, k));
    }
    if (vectors) {
        prepare_vectors(e);
    }
}
