/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load-exclusive and store-exclusive. The load records address, size and value in the vCPU; the
 * store compares address and size and exchanges if memory still holds the value. That a location
 * was changed and changed back is not seen.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

/* The monitor := address, size and the value in rax or xmm @d. */
static void x64_excl_arm(X64Emit *e, unsigned addr, unsigned bytes, unsigned d)
{
    x64_rbp(&e->a, XO_MOV_RM_R | X_W, addr, e->lay->excl_addr);
    if (bytes == 16) {
        x64_v2m(&e->a, XO_MOVDQU_ST, d, x64_env(e->lay->excl_val));
    } else {
        x64_rbp(&e->a, XO_MOV_RM_R | X_W, RAX, e->lay->excl_val);
    }
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), (int32_t)bytes);
}

/* Big-endian ones and, where the host does not say that it loads 16 bytes at once, pairs are done
 * in C. */
static bool x64_excl_is_inline(const X64Emit *e, IrMemOp mo)
{
    return !(mo & IR_MO_BE) && (e->feat->avx || ir_memop_bytes(mo) < 16);
}

void x64_op_LL(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    bool vec = insn->type == IR_V128;
    unsigned bytes = ir_memop_bytes(mo), addr;

    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);
    x64_kill_args(e);

    unsigned d = vec ? x64_xdef(e, id) : x64_def(e, id);
    X64Stub *s = x64_stub_add(e, STUB_LL);

    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = insn->type;
    s->memop = mo;
    s->xmm_live = x64_xmm_live(e);
    if (!x64_excl_is_inline(e, mo)) {
        x64_jmp(&e->a, &s->entry);
    } else {
        X64Mem m = x64_mem_index(RCX, addr, 0, 0);

        x64_tlb(e, addr, mo, bytes, false, bytes - 1, &s->entry);
        if (vec) {
            x64_v2m(&e->a, XO_MOVDQA_LD, d, m);
        } else {
            x64_load_sized(e, mo & IR_MO_SIZE, RAX, m);
        }
        x64_excl_arm(e, addr, bytes, d);
        if (!vec) {
            x64_mov_rr(&e->a, x64_wide(insn), d, RAX);
        }
    }
    x64_bind(&e->a, &s->back);
}

/* The exchange of a store-exclusive; rcx: as x64_tlb leaves it. ZF: stored. */
static void x64_sc_exchange(X64Emit *e, unsigned addr, unsigned size, X64Opd v)
{
    X64Opd expected = { .kind = OPD_MEM, .m = x64_env(e->lay->excl_val) };

    if (size == 4) {
        x64_cmpxchg16(e, addr, expected, v);
        return;
    }
    x64_alu_rr(&e->a, ALU_ADD, true, RCX, addr); /* frees rdx */
    x64_load_opd(e, expected, true, RAX);
    x64_load_opd(e, v, size == 3, RDX);
    x64_rm(&e->a, x64_sized(XO_CMPXCHG8, XO_CMPXCHG, size) | e->lock, RDX, x64_mem(RCX, 0));
}

void x64_op_SC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    unsigned bytes = ir_memop_bytes(mo), addr;

    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);

    X64Opd v = x64_where_locked(e, insn->arg[1]);

    x64_kill_args(e);

    unsigned d = x64_def(e, id), fail, slow;
    X64Stub *s = x64_stub_add(e, STUB_SC_FAIL);

    s->dst[0] = (uint8_t)d;
    fail = e->n_stubs - 1;
    s = x64_stub_add(e, STUB_SC);
    slow = e->n_stubs - 1;
    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = x64_insn(e, insn->arg[1])->type;
    s->memop = mo;
    s->val[0] = v;
    s->xmm_live = x64_xmm_live(e);

    X64Stub *f = &e->stub[fail];

    x64_alu_rm(&e->a, ALU_CMP, true, addr, x64_env(e->lay->excl_addr));
    x64_jcc(&e->a, CC_NE, &f->entry);
    x64_alu_mi(&e->a, ALU_CMP, true, x64_env(e->lay->excl_size), (int32_t)bytes);
    x64_jcc(&e->a, CC_NE, &f->entry);
    s = &e->stub[slow];
    if (!x64_excl_is_inline(e, mo)) {
        x64_jmp(&e->a, &s->entry);
    } else {
        x64_tlb(e, addr, mo, bytes, true, bytes - 1, &s->entry);
        x64_sc_exchange(e, addr, mo & IR_MO_SIZE, v);
        x64_setcc(&e->a, CC_NE, RAX);
        x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), 0);
        x64_rr(&e->a, XO_MOVZX8, d, RAX);
    }
    x64_bind(&e->a, &s->back);
    x64_bind(&e->a, &f->back);
}

void x64_sc_fail_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_LINE);
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), 0);
    x64_mov_imm(&e->a, s->dst[0], 1);
    x64_jmp(&e->a, &s->back);
}

void x64_op_CLREX(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), 0);
}
