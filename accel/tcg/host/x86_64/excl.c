/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load-exclusive and store-exclusive. The load records address, size and value in the vCPU; the
 * store compares address and size and exchanges if memory still holds the value. That a location
 * was changed and changed back is not seen.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

/* Pairs of 64 bits, and big-endian ones. */
static void x64_ll_call(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool vec = insn->type == IR_V128;
    X64Call c = { .fn = vec ? (const void *)(uintptr_t)tcg_llv_slow
                            : (const void *)(uintptr_t)tcg_ll_slow,
                  .n_args = vec ? 3 : 2,
                  .raises = true };

    c.arg[0].id = insn->arg[0];
    c.arg[1].is_imm = true;
    c.arg[1].imm = insn->imm;
    c.arg[2].is_env = true;
    c.arg[2].imm = (uint64_t)(int64_t)e->lay->scratch;
    x64_emit_call(e, &c);
    x64_kill_args(e);
    if (vec) {
        x64_v2m(&e->a, XO_MOVDQU_LD, x64_xdef(e, id), x64_env(e->lay->scratch));
    } else {
        x64_mov_rr(&e->a, x64_wide(insn), x64_def(e, id), RAX);
    }
}

static void x64_sc_call(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool vec = x64_is_vec(e, insn->arg[1]);
    X64Call c = { .fn = vec ? (const void *)(uintptr_t)tcg_scv_slow
                            : (const void *)(uintptr_t)tcg_sc_slow,
                  .n_args = 3,
                  .raises = true };

    if (vec) {
        x64_to_scratch(e, insn->arg[1], 0);
        c.arg[2].is_env = true;
        c.arg[2].imm = (uint64_t)(int64_t)e->lay->scratch;
    } else {
        c.arg[2].id = insn->arg[1];
    }
    c.arg[0].id = insn->arg[0];
    c.arg[1].is_imm = true;
    c.arg[1].imm = insn->imm;
    x64_emit_call(e, &c);
    x64_kill_args(e);
    x64_mov_rr(&e->a, false, x64_def(e, id), RAX);
}

static bool x64_excl_is_inline(const X64Emit *e, unsigned value, IrMemOp mo)
{
    return !x64_is_vec(e, value) && !(mo & IR_MO_BE);
}

void x64_op_LL(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    unsigned bytes = ir_memop_bytes(mo), addr;

    if (!x64_excl_is_inline(e, id, mo)) {
        x64_ll_call(e, id, insn);
        return;
    }
    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);
    x64_kill_args(e);

    unsigned d = x64_def(e, id);
    X64Stub *s = x64_stub_add(e, STUB_LL);

    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = insn->type;
    s->memop = mo;
    s->xmm_live = x64_xmm_live(e);
    x64_tlb(e, addr, mo, bytes, false, bytes - 1, &s->entry);
    x64_load_sized(e, mo & IR_MO_SIZE, RAX, x64_mem_index(RCX, addr, 0, 0));
    x64_rm(&e->a, XO_MOV_RM_R | X_W, addr, x64_env(e->lay->excl_addr));
    x64_rm(&e->a, XO_MOV_RM_R | X_W, RAX, x64_env(e->lay->excl_val));
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), (int32_t)bytes);
    x64_mov_rr(&e->a, x64_wide(insn), d, RAX);
    x64_bind(&e->a, &s->back);
}

void x64_op_SC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    unsigned size = mo & IR_MO_SIZE, bytes = 1u << size, addr;

    if (!x64_excl_is_inline(e, insn->arg[1], mo)) {
        x64_sc_call(e, id, insn);
        return;
    }
    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);

    X64Opd v = x64_where(e, insn->arg[1]);

    if (v.kind == OPD_REG) {
        e->locked |= 1u << v.reg;
    }
    x64_kill_args(e);

    unsigned d = x64_def(e, id), fail, slow;
    X64Stub *s = x64_stub_add(e, STUB_SC_FAIL);

    s->dst[0] = (uint8_t)d;
    fail = e->stubs->len - 1;
    s = x64_stub_add(e, STUB_SC);
    slow = e->stubs->len - 1;
    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = x64_insn(e, insn->arg[1])->type;
    s->memop = mo;
    s->val[0] = v;
    s->xmm_live = x64_xmm_live(e);

    X64Stub *f = &g_array_index(e->stubs, X64Stub, fail);

    x64_alu_rm(&e->a, ALU_CMP, true, addr, x64_env(e->lay->excl_addr));
    x64_jcc(&e->a, CC_NE, &f->entry);
    x64_alu_mi(&e->a, ALU_CMP, true, x64_env(e->lay->excl_size), (int32_t)bytes);
    x64_jcc(&e->a, CC_NE, &f->entry);
    s = &g_array_index(e->stubs, X64Stub, slow);
    x64_tlb(e, addr, mo, bytes, true, bytes - 1, &s->entry);
    x64_alu_rr(&e->a, ALU_ADD, true, RCX, addr); /* frees rdx */
    x64_rm(&e->a, XO_MOV_R_RM | X_W, RAX, x64_env(e->lay->excl_val));
    x64_load_opd(e, v, size == 3, RDX);
    x64_rm(&e->a, x64_sized(XO_CMPXCHG8, XO_CMPXCHG, size) | X_LOCK, RDX, x64_mem(RCX, 0));
    x64_setcc(&e->a, CC_NE, RAX);
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_addr), -1);
    x64_rr(&e->a, XO_MOVZX8, d, RAX);
    x64_bind(&e->a, &s->back);
    x64_bind(&e->a, &f->back);
}

void x64_sc_fail_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_LINE);
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_addr), -1);
    x64_mov_imm(&e->a, s->dst[0], 1);
    x64_jmp(&e->a, &s->back);
}

void x64_op_CLREX(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_addr), -1);
}
