/* SPDX-License-Identifier: Apache-2.0 */
/* One block: the walk over the IR, out-of-line code. */
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

X64Emit *x64_emit_new(void)
{
    X64Emit *e = g_new0(X64Emit, 1);

    e->pool = g_array_new(false, false, sizeof(IrV128));
    e->pool_refs = g_array_new(false, false, sizeof(X64PoolRef));
    x64_prepare_init(e);
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
static __attribute__((noinline)) void x64_watch(X64Emit *e, unsigned i)
{
    const IrGuestInsn *guest = e->ir->guest;

    for (; guest[e->next_guest].ir < i; e->next_guest++) {
        x64_mark(e, TCG_MARK_LINE, e->next_guest);
        x64_count_open(e, X64_COUNT_GUEST);
    }
}

/* What was emitted with another, or whose result nobody wants. */
static __attribute__((noinline)) void x64_one_seldom(X64Emit *e, unsigned i, const IrInsn *insn,
                                                     unsigned place)
{
    if (!(e->done[i] & X64_DONE)) {
        x64_emit_table[insn->op](e, i, insn);
    }
    if (e->killed != i) {
        x64_kill_args(e);
    }
    if (place) {
        x64_place(e, i, place * 8);
    } else if (insn->type != IR_VOID && e->val[i].last <= i) {
        x64_release(e, i);
    }
}

static void x64_walk(X64Emit *e)
{
    for (unsigned at = e->from; at != IR_MAX_INSNS && !e->a.overflow; at++) {
        unsigned i = e->order[at] & X64_ORDER, place = e->order[at] >> 16;
        const IrInsn *insn = x64_insn(e, i);

        e->at = at;
        e->i = i;
        e->locked = e->xlocked = 0;
        if (__builtin_expect(e->watched, 0)) {
            x64_watch(e, i);
        }
        if (__builtin_expect(e->done[i], 0)) {
            x64_one_seldom(e, i, insn, place);
        } else {
            x64_emit_table[insn->op](e, i, insn);
            if (e->killed != i) {
                x64_release_args(e, insn, i);
            }
            if (place) {
                x64_place(e, i, place * 8);
            }
        }
        if (__builtin_expect(e->slots_dying, 0)) {
            x64_slots_sweep(e);
        }
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

bool x64_emit_block(X64Emit *e, IrBlock *ir, uint8_t *buf, size_t room, int64_t base)
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
    e->linked = 0;
    e->flags_id = e->flags_pending = e->logic_id = e->cond_id = 0;
    e->n_stubs = e->n_exits = e->pool->len = e->pool_refs->len = 0;
    e->n_spans = e->spans_closed = 0;
    x64_regs_begin(e);
    x64_prepare(e);
    x64_stub_room(e, IR_MAX_INSNS - e->from);
    if (ir->guest[0].ir) {
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
    return !e->a.overflow;
}
