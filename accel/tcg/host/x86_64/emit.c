/* SPDX-License-Identifier: Apache-2.0 */
/* One block: last uses, hints, the walk over the IR, out-of-line code. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <string.h>

#define IR_OP(name, result, args, effects, doc)     [IR_##name] = x64_op_##name,
#define IR_VOP(name, reference, args, effects, doc) [IR_##name] = x64_vector,
static X64EmitFn x64_nop;

X64EmitFn *const x64_emit_table[IR_N_OPS] = {
    [IR_NOP] = x64_nop,
#include "accel/tcg/ir/ops.def"
};
#undef IR_OP
#undef IR_VOP

static void x64_nop(X64Emit *e, unsigned id, const IrInsn *insn)
{
}

/* ---- before the walk ---- */

typedef struct X64Hints {
    unsigned barrier; /* last operation that may leave the block or call */
    unsigned last_get[X64_MAX_PINS], last_set[X64_MAX_PINS];
} X64Hints;

/* Value @v of this SET may be computed straight into its pinned register. */
static void x64_hint(X64Emit *e, const X64Hints *h, unsigned v, int pin)
{
    for (;;) {
        const IrInsn *insn = x64_insn(e, v);

        if (h->barrier > v || h->last_get[pin] > v || h->last_set[pin] > v ||
            insn->type == IR_V128 || insn->op == IR_GET) {
            return;
        }
        if (e->val[v].hint == X64_NO_REG) {
            e->val[v].hint = x64_pin_reg[pin];
        }
        if (insn->op != IR_ZEXT64) {
            return;
        }
        v = insn->arg[0];
    }
}

static void x64_prepare_state(X64Emit *e, X64Hints *h, unsigned i, const IrInsn *insn)
{
    int pin = x64_pin_index(e, insn->imm);

    if (pin < 0) {
        return;
    }
    if (insn->op == IR_GET) {
        h->last_get[pin] = i;
        return;
    }
    if (insn->sub == 3) {
        x64_hint(e, h, insn->arg[0], pin);
    }
    h->last_set[pin] = i;
}

static void x64_prepare_vectors(X64Emit *e, const IrInsn *insn)
{
    for (unsigned n = 0; n < 4 && insn->arg[n] && insn->op != IR_CONST; n++) {
        X64Val *v = &e->val[insn->arg[n]];

        if (x64_insn(e, insn->arg[n])->type == IR_V128) {
            v->demand = MAX(v->demand, (uint8_t)x64_fp_demand(insn, n));
        }
    }
}

/* The rows that x64_peep() and x64_span_note() know, and those behind which hints end. */
enum { PREPARE_PEEP = 1, PREPARE_BARRIER = 2, PREPARE_STATE = 4, PREPARE_SPAN = 8 };

static unsigned x64_prepare_kind(unsigned op)
{
    switch (op) {
    case IR_GET:
    case IR_SET:
        return PREPARE_STATE;
    case IR_ADD:
    case IR_FLAGS_LOGIC:
        return PREPARE_PEEP;
    case IR_RAISE_IF:
    case IR_EXIT_CMP:
    case IR_EXIT_IF:
        return PREPARE_PEEP | PREPARE_BARRIER;
    case IR_LD:
    case IR_LDP:
    case IR_ST:
    case IR_STP:
        return PREPARE_PEEP | PREPARE_SPAN | PREPARE_BARRIER;
    case IR_CALL:
        return PREPARE_SPAN | PREPARE_BARRIER;
    case IR_LINKED:
        return PREPARE_SPAN;
    default:
        return ir_op_effects[op] & (IR_EFF_FAULT | IR_EFF_EXITS | IR_EFF_CALLS) ? PREPARE_BARRIER
                                                                                : 0;
    }
}

static void x64_prepare_values(X64Emit *e, unsigned n)
{
    static const X64Val fresh = { .reg = X64_NO_REG, .hint = X64_NO_REG, .slot = -1 };
    X64Val four[4] = { fresh, fresh, fresh, fresh };

    for (unsigned i = 0; i < n; i += 4) {
        memcpy(&e->val[i], four, sizeof(four));
    }
    memset(e->done, 0, n);
    memset(e->folded, 0, n);
    memset(e->span_of, 0, n);
}

static void x64_prepare(X64Emit *e)
{
    const IrBlock *ir = e->ir;
    bool vectors = false; /* so far */
    X64Val *val = e->val;
    X64Hints h = { 0 };

    x64_prepare_values(e, ir->n);
    for (const uint16_t *p = ir->order, *end = p + ir->n_order; p != end; p++) {
        unsigned i = *p, kind;
        const IrInsn *insn = &ir->insn[i];
        uint64_t arg;

        /* "No value" has a record of its own: that is cheaper than to look. */
        memcpy(&arg, insn->arg, sizeof(arg));
        val[arg & 0xffff].last = (uint16_t)i;
        val[arg >> 16 & 0xffff].last = (uint16_t)i;
        if (__builtin_expect(arg >> 32, 0)) {
            val[arg >> 32 & 0xffff].last = (uint16_t)i;
            val[arg >> 48].last = (uint16_t)i;
        }
        if (vectors) {
            x64_prepare_vectors(e, insn);
        }
        vectors |= insn->type == IR_V128;
        kind = e->kind[insn->op];
        if (!kind) {
            continue;
        }
        if (kind & PREPARE_STATE) {
            x64_prepare_state(e, &h, i, insn);
            continue;
        }
        if (kind & PREPARE_PEEP) {
            x64_peep(e, i, insn);
        }
        if (kind & PREPARE_SPAN) {
            x64_span_note(e, i, insn);
        }
        h.barrier = kind & PREPARE_BARRIER ? i : h.barrier;
    }
    e->val[0].last = UINT16_MAX; /* never released */
    x64_flags_liveness(e);
}

X64Emit *x64_emit_new(void)
{
    X64Emit *e = g_new0(X64Emit, 1);

    e->pool = g_array_new(false, false, sizeof(IrV128));
    e->pool_refs = g_array_new(false, false, sizeof(X64PoolRef));
    for (unsigned n = 0; n < IR_N_OPS; n++) {
        e->kind[n] = (uint8_t)x64_prepare_kind(n);
    }
    return e;
}

void x64_emit_free(X64Emit *e)
{
    if (e) {
        g_free(e->stub);
        g_free(e->exit);
        g_array_free(e->pool, true);
        g_array_free(e->pool_refs, true);
        g_free(e);
    }
}

/* ---- the walk ---- */

/* Count or mark the guest instructions that begin before operation @i. */
static void x64_watch(X64Emit *e, unsigned i)
{
    const IrGuestInsn *guest = e->ir->guest;

    for (; guest[e->next_guest].ir < i; e->next_guest++) {
        x64_op_INSN(e, e->next_guest, NULL);
    }
}

static inline void x64_one(X64Emit *e, unsigned i)
{
    const IrInsn *insn = x64_insn(e, i);

    e->i = i;
    e->locked = e->xlocked = 0;
    if (__builtin_expect(!e->done[i], 1)) {
        x64_emit_table[insn->op](e, i, insn);
    }
    if (e->killed != i) {
        x64_kill_args(e);
    }
    if (insn->type != IR_VOID && __builtin_expect(e->val[i].last <= i, 0)) {
        x64_release(e, i);
    }
    if (__builtin_expect(e->slots_dying, 0)) {
        x64_slots_sweep(e);
    }
}

static void x64_walk(X64Emit *e)
{
    const uint16_t *order = e->ir->order;
    unsigned end = e->ir->n_order;

    for (unsigned at = 0; at != end && !e->a.overflow && !e->failed; at++) {
        e->at = at;
        if (__builtin_expect(e->watched, 0)) {
            x64_watch(e, order[at]);
        }
        x64_one(e, order[at]);
    }
}

void x64_mark_add(X64Emit *e, unsigned kind, unsigned guest)
{
    TcgHostMark m = { x64_pos(&e->a), (uint16_t)guest, (uint8_t)kind };

    g_array_append_val(e->marks, m);
}

/* Code out of line; it may add more of it. */
static void x64_stub(X64Emit *e, X64Stub *s)
{
    switch (s->kind) {
    case STUB_POLL:
    case STUB_NEXT:
        x64_poll_stub(e, s);
        break;
    case STUB_EXIT:
        x64_exit_stub(e, s);
        break;
    case STUB_SC_FAIL:
        x64_sc_fail_stub(e, s);
        break;
    case STUB_CAS_FAIL:
        x64_cas_fail_stub(e, s);
        break;
    case STUB_SPIN:
        x64_spin_stub(e, s);
        break;
    case STUB_RAISE:
        x64_raise_stub(e, s);
        break;
    case STUB_FP:
        x64_fp_stub(e, s);
        break;
    case STUB_STALE:
        x64_stale_stub(e, s);
        break;
    case STUB_ICOUNT:
        x64_icount_stub(e, s);
        break;
    default:
        x64_mem_stub(e, s);
        break;
    }
}

bool x64_emit_block(X64Emit *e, const IrBlock *ir, uint8_t *buf, size_t room, int64_t base)
{
    if (room < X64_MARGIN) {
        return false;
    }
    e->ir = ir;
    e->a = x64_asm(buf, room, e->feat->avx);
    e->count_at = 0;
    e->base = base;
    e->i = e->guest = e->next_guest = 0;
    e->watched = e->marks || e->lay->count_on;
    e->killed = 0;
    e->failed = false;
    e->linked = 0;
    e->flags_id = e->flags_pending = e->logic_id = 0;
    e->n_stubs = e->n_exits = e->pool->len = e->pool_refs->len = 0;
    e->n_spans = e->spans_closed = 0;
    x64_regs_begin(e);
    x64_prepare(e);
    x64_stub_room(e, ir->n_order);
    if (ir->insn[1].op != IR_INSN) {
        x64_count_open(e, X64_COUNT_LINE); /* what entries by address run first */
    }
    x64_source_check(e);
    x64_icount_begin(e);
    x64_walk(e);
    for (unsigned n = 0; n < e->n_stubs && !e->a.overflow; n++) {
        x64_mark(e, TCG_MARK_STUB, e->stub[n].guest);
        x64_stub(e, &e->stub[n]);
    }
    x64_count_close(e);
    x64_mark(e, TCG_MARK_TAIL, 0);
    x64_exit_tails(e);
    x64_mark(e, TCG_MARK_DATA, 0);
    x64_pool_emit(e);
    return !e->a.overflow && !e->failed;
}
