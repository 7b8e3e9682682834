/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving a block: chained jumps, other pages, polls. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"
#include "accel/tcg/tcg-cpu.h"

enum { X64_GUEST_PAGE = 4096 };

void x64_thunk_call(X64Emit *e, uint32_t thunk)
{
    x64_call_to(&e->a, (int64_t)thunk - e->base);
}

void x64_thunk_jmp(X64Emit *e, uint32_t thunk)
{
    x64_jmp_to(&e->a, (int64_t)thunk - e->base);
}

static void x64_thunk_jcc(X64Emit *e, X64Cc cc, uint32_t thunk)
{
    x64_jcc_to(&e->a, cc, (int64_t)thunk - e->base);
}

static bool x64_in_page(int32_t delta)
{
    return delta >= 0 && delta < X64_GUEST_PAGE;
}

static bool x64_is_backward(const X64Emit *e, unsigned guest, int32_t delta)
{
    return delta <= e->ir->guest[guest].delta;
}

/*
 * The counter and the request word behind it as one number: above INT32_MAX when the counter is
 * negative or a request is there. The counter itself goes down on every entry (x64_enter).
 */
static void x64_poll_test(X64Emit *e)
{
    x64_alu_mi(&e->a, ALU_CMP, true, x64_env(e->lay->poll), INT32_MAX);
}

/* The registers are always the same here: these are the bytes of the instructions. */

/* rcx := the place in the current view of the page of the address in rax. */
static uint8_t *x64_view_slot(X64Emit *e)
{
    uint8_t *p;

    _Static_assert((TCG_FAST_SIZE - 1) << 4 > INT8_MAX, "and ecx, imm32");
    if (e->feat->bmi2) {
        p = x64_put_rorx(x64_open(&e->a, 3), false, RCX, RAX, 8);
    } else {
        p = x64_put(x64_open(&e->a, 4), 0x08e9c148c88b48, 7); /* mov rcx, rax; shr rcx, 8 */
    }
    p = x64_put(p, 0xe181 | (uint64_t)((TCG_FAST_SIZE - 1) << 4) << 16, 6); /* and ecx, imm32 */
    return x64_put_rm(p, 0x03, 1, X64_REX_W, RCX, x64_env(e->lay->fast));   /* add */
}

/* To @place behind the address in rax, whose page is in @page; rcx: its place in the view. */
static void x64_enter_page(X64Emit *e, unsigned page, int32_t place)
{
    uint8_t *p;

    x64_rbp(&e->a, XO_MOV_RM_R | X_W, page, e->lay->pc_page);
    p = x64_put(x64_open(&e->a, 2), 0x08498b48, 4); /* mov rcx, [rcx + 8] */
    e->a.p =
        x64_put_rm(p, 0xff, 1, 0, 4, /* jmp */
                   x64_mem_index(RCX, RAX, 3 - TCG_ENTRY_SHIFT, place << (3 - TCG_ENTRY_SHIFT)));
}

/* Go on at the address in rax. The low bits that make it no place of an instruction are compared
 * with those of the page. */
static void x64_probe(X64Emit *e)
{
    uint8_t *p;

    if (!e->lay->icount_on) { /* else the next block looks (x64_icount_begin) */
        x64_poll_test(e);
        x64_thunk_jcc(e, CC_A, e->thunk->exit_request_at);
    }
    p = x64_view_slot(e);
    p = x64_put(p, 0xe28148d08b48, 6); /* mov rdx, rax; and rdx, imm32 */
    p = x64_put(p, ~(uint32_t)(X64_GUEST_PAGE - (1 << TCG_ENTRY_SHIFT)), 4);
    p = x64_put(p, 0x113b48, 3); /* cmp rdx, [rcx] */
    e->a.p = p;
    e->a.n_insns += 3;
    x64_thunk_jcc(e, CC_NE, e->thunk->exit_next_at);
    x64_enter_page(e, RDX, 0);
}

/* To @delta, of another page. */
static void x64_leave_page(X64Emit *e, int32_t delta)
{
    int32_t place = delta & (X64_GUEST_PAGE - 1);
    X64Stub *s;

    if (place & ((1 << TCG_ENTRY_SHIFT) - 1)) { /* tables have no such place: the run loop's */
        x64_rbp(&e->a, XO_MOV_R_RM | X_W, RAX, e->lay->pc_page);
        x64_alu_ri(&e->a, ALU_ADD, true, RAX, delta);
        x64_probe(e);
        return;
    }
    s = x64_stub_add(e, STUB_NEXT);
    s->delta = delta;
    x64_rbp(&e->a, XO_MOV_R_RM | X_W, RAX, e->lay->pc_page);
    x64_alu_ri(&e->a, ALU_ADD, true, RAX, delta - place);
    e->a.p = x64_put(x64_view_slot(e), 0x013b48, 3); /* cmp rax, [rcx] */
    e->a.n_insns++;
    x64_jcc(&e->a, CC_NE, &s->entry);
    x64_enter_page(e, RAX, place);
}

/* To @delta of this page: rel32 that the run time patches, leading to a tail out of line. */
static void x64_chain(X64Emit *e, int32_t delta, int cc)
{
    X64ExitRec r = { .delta = delta };

    x64_align_patch(&e->a, cc < 0 ? 1 : 2);
    if (cc < 0) {
        x64_op0(&e->a, 0xe9);
    } else {
        x64_op0(&e->a, 0x0f);
        x64_byte(&e->a, 0x80 | (unsigned)cc);
    }
    r.patch = x64_pos(&e->a);
    x64_u32(&e->a, 0);
    e->exit[e->n_exits++] = r;
}

static void x64_poll(X64Emit *e, int32_t delta)
{
    X64Stub *s;

    if (e->lay->icount_on) {
        return;
    }
    if (delta == e->ir->start_delta && e->lock && x64_is_spin(e, e->i)) {
        x64_spin(e);
    }
    s = x64_stub_add(e, STUB_POLL);
    s->delta = delta;
    x64_poll_test(e);
    x64_jcc(&e->a, CC_A, &s->entry);
}

void x64_poll_stub(X64Emit *e, X64Stub *s)
{
    uint32_t thunk = s->kind == STUB_NEXT ? e->thunk->exit_next : e->thunk->exit_request;
    int64_t at;
    uint8_t *p;

    x64_bind(&e->a, &s->entry);
    p = x64_open(&e->a, 0);                                      /* rarely run */
    p = x64_put(p, 0xb9 | (uint64_t)(uint32_t)s->delta << 8, 5); /* mov ecx, imm32 */
    at = p + 5 - e->a.start;
    e->a.p = x64_put(p, 0xe9 | (uint64_t)(uint32_t)(thunk - e->base - at) << 8, 5);
}

/* ---- executed instructions taken off a counter ---- */

/* Those of the block behind instruction @guest that are counted already. */
static unsigned x64_icount_behind(const X64Emit *e, unsigned guest)
{
    return e->lay->icount_on ? e->ir->n_guest - 1 - guest : 0;
}

void x64_icount_begin(X64Emit *e)
{
    X64Stub *s;

    if (!e->lay->icount_on) {
        return;
    }
    x64_count_open(e, X64_COUNT_LINE);
    x64_alu_mi(&e->a, ALU_SUB, false, x64_env(e->lay->icount_left), (int32_t)e->ir->n_guest);
    s = x64_stub_add(e, STUB_ICOUNT);
    x64_jcc(&e->a, CC_S, &s->entry);
}

void x64_icount_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_alu_mi(&e->a, ALU_ADD, false, x64_env(e->lay->icount_left), (int32_t)e->ir->n_guest);
    x64_mov_imm(&e->a, RCX, e->ir->guest[0].delta);
    x64_thunk_jmp(e, e->thunk->exit_request);
}

void x64_icount_exit(X64Emit *e, unsigned guest)
{
    unsigned behind = x64_icount_behind(e, guest);

    if (behind) {
        x64_alu_mi(&e->a, ALU_ADD, false, x64_env(e->lay->icount_left), (int32_t)behind);
    }
}

void x64_icount_call(X64Emit *e, unsigned guest)
{
    if (e->lay->icount_on) {
        x64_mov_mi(&e->a, false, x64_env(e->lay->icount_rest),
                   (int32_t)(e->ir->n_guest - 1 - guest));
    }
}

/* Leave for @delta: flags are in place. */
static void x64_leave(X64Emit *e, unsigned guest, int32_t delta)
{
    x64_icount_exit(e, guest);
    if (x64_is_backward(e, guest, delta)) {
        x64_poll(e, delta);
    }
    if (x64_in_page(delta)) {
        x64_chain(e, delta, -1);
    } else {
        x64_leave_page(e, delta);
    }
}

/* Leave for @delta when EFLAGS say @cc. */
static void x64_leave_if(X64Emit *e, X64Cc cc, int32_t delta)
{
    bool dead = x64_insn(e, e->i)->sub & IR_EXIT_FLAGS_DEAD;
    bool store = e->flags_id && e->flags_pending == e->flags_id && !dead;

    if (!store && x64_in_page(delta) && !x64_icount_behind(e, x64_guest(e))) {
        X64Label stay = X64_LABEL;

        if (!x64_is_backward(e, x64_guest(e), delta)) {
            x64_chain(e, delta, cc);
            return;
        }
        /* Most likely a loop: the way back is the straight one. */
        x64_jcc(&e->a, (X64Cc)(cc ^ 1), &stay);
        x64_poll(e, delta);
        x64_chain(e, delta, -1);
        x64_bind(&e->a, &stay);
        return;
    }

    X64Stub *s = x64_stub_add(e, STUB_EXIT);

    s->delta = delta;
    s->save_flags = store;
    s->flags_inverted = e->flags_inverted;
    x64_jcc(&e->a, cc, &s->entry);
}

void x64_exit_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_LINE);
    if (s->save_flags) {
        x64_flags_store(e, s->flags_inverted);
    }
    x64_leave(e, s->guest, s->delta);
}

/* Where exits lead until they are linked. */
void x64_exit_tails(X64Emit *e)
{
    for (unsigned n = 0; n < e->n_exits; n++) {
        X64ExitRec *r = &e->exit[n];
        int32_t rel = (int32_t)(x64_pos(&e->a) - r->patch - 4);

        r->tail = x64_pos(&e->a);
        if (!e->a.overflow) {
            __builtin_memcpy(e->a.start + r->patch, &rel, 4);
        }
        x64_thunk_call(e, e->thunk->exit_link);
        r->record = x64_pos(&e->a);
        x64_u32(&e->a, 0);
    }
}

/* ---- rows ---- */

void x64_op_EXIT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_leave(e, x64_guest(e), (int32_t)insn->imm);
}

void x64_op_EXIT_IF(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_test(e, insn->arg[0]);
    x64_leave_if(e, CC_NE, (int32_t)insn->imm);
}

void x64_op_EXIT_CMP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Cc cc = x64_compare(e, insn);

    x64_leave_if(e, cc, (int32_t)insn->imm);
}

void x64_op_EXIT_FLAGS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrCond cond = (IrCond)(insn->sub & 15);

    if (cond >= IR_COND_AL) {
        x64_flags_save(e);
        x64_leave(e, x64_guest(e), (int32_t)insn->imm);
        return;
    }
    x64_leave_if(e, x64_flags_cc(e, insn->arg[0], cond), (int32_t)insn->imm);
}

void x64_op_EXIT_BIT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned bit = insn->sub & 63;
    bool set = insn->sub >> 6 & 1;

    x64_flags_save(e);

    unsigned a = x64_reg(e, insn->arg[0], RCX);

    if (bit < 31) {
        x64_test_ri(&e->a, a, 1u << bit);
        x64_leave_if(e, set ? CC_NE : CC_E, (int32_t)insn->imm);
    } else {
        x64_bt_ri(&e->a, x64_wide(x64_insn(e, insn->arg[0])), a, bit);
        x64_leave_if(e, set ? CC_B : CC_AE, (int32_t)insn->imm);
    }
}

void x64_op_EXIT_INDIRECT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_load(e, insn->arg[0], RAX);
    x64_probe(e);
}

void x64_op_EXIT_LOOP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_mov_imm(&e->a, RCX, insn->imm);
    x64_thunk_jmp(e, e->thunk->exit_loop);
}

void x64_op_EXIT_LOOP_AT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_load(e, insn->arg[0], RAX);
    x64_thunk_jmp(e, e->thunk->exit_loop_at);
}

void x64_op_EXIT_RAISED(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_thunk_call(e, e->thunk->raise_here);
    x64_fault_here(e, x64_guest(e));
}

void x64_op_RAISE_IF(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Cc cc = x64_compare(e, insn);
    X64Stub *s = x64_stub_add(e, STUB_RAISE);

    s->helper = e->ir->helper[insn->imm];
    s->save_flags = e->flags_id && e->flags_pending == e->flags_id;
    s->flags_inverted = e->flags_inverted;
    x64_jcc(&e->a, cc, &s->entry);
}

void x64_raise_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_LINE);
    if (s->save_flags) {
        x64_flags_store(e, s->flags_inverted);
    }
    x64_thunk_call(e, e->thunk->spill);
    x64_call_fn(e, (const void *)(uintptr_t)s->helper->fn, true, true, s->guest, s->helper->name);
}

void x64_op_LINKED(X64Emit *e, unsigned id, const IrInsn *insn)
{
    int32_t disp = e->lay->cpu + (int32_t)insn->imm;

    if (insn->imm) {
        x64_home_clobber(e, disp, 4);
        x64_mov_mi(&e->a, false, x64_env(disp), 0);
    }
    /* Every entry is counted, or checked: chained exits come in by the head (what is here does no
     * harm). */
    e->linked = e->lay->icount_on || (e->block && e->block->n_runs) ? 0 : x64_pos(&e->a);
}
