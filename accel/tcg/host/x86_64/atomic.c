/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic operations, DC ZVA. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

/* rax := its low (1 << size) bytes. */
void x64_zext_rax(X64Emit *e, unsigned size)
{
    if (size < 2) {
        x64_rr(&e->a, size ? XO_MOVZX16 : XO_MOVZX8, RAX, RAX);
    } else if (size == 2) {
        x64_mov_rr(&e->a, false, RAX, RAX);
    }
}

void x64_load_sized(X64Emit *e, unsigned size, unsigned reg, X64Mem m)
{
    if (size < 2) {
        x64_rm(&e->a, size ? XO_MOVZX16 : XO_MOVZX8, reg, m);
    } else {
        x64_rm(&e->a, XO_MOV_R_RM | X_W_IF(size == 3), reg, m);
    }
}

X64Op x64_sized(X64Op op8, X64Op op, unsigned size)
{
    return size == 0 ? op8 : op | (size == 1 ? X_66 : 0) | X_W_IF(size == 3);
}

/* rdx := old (rax) combined with the operand. */
static void x64_rmw_combine(X64Emit *e, IrRmw op, bool w, X64Opd v)
{
    static const uint8_t keep[] = {
        [IR_RMW_SMAX] = CC_L,
        [IR_RMW_SMIN] = CC_G,
        [IR_RMW_UMAX] = CC_B,
        [IR_RMW_UMIN] = CC_A,
    };
    X64Alu alu = op == IR_RMW_OR ? ALU_OR : op == IR_RMW_XOR ? ALU_XOR : ALU_AND;

    switch (op) {
    case IR_RMW_ANDC:
        x64_load_opd(e, v, w, RDX);
        x64_rr(&e->a, 0xf7 | X_W_IF(w), 2, RDX);
        x64_alu_rr(&e->a, ALU_AND, w, RDX, RAX);
        break;
    case IR_RMW_SMAX:
    case IR_RMW_SMIN:
    case IR_RMW_UMAX:
    case IR_RMW_UMIN:
        x64_load_opd(e, v, w, RDX);
        x64_alu_rr(&e->a, ALU_CMP, w, RAX, RDX);
        x64_rr(&e->a, (XO_CMOV + (keep[op] ^ 1)) | X_W_IF(w), RDX, RAX);
        break;
    default:
        x64_load_opd(e, v, w, RDX);
        x64_alu_rr(&e->a, alu, w, RDX, RAX);
        break;
    }
}

/* The same where no other thread may come between. */
static void x64_rmw_alone(X64Emit *e, IrRmw op, unsigned size, X64Opd v)
{
    static const X64Op store[4] = { XO_MOV8_RM_R, XO_MOV16_RM_R, XO_MOV_RM_R, XO_MOV_RM_R | X_W };

    x64_load_sized(e, size, RAX, x64_mem(RCX, 0));
    if (op == IR_RMW_SWAP) {
        x64_load_opd(e, v, size == 3, RDX);
    } else {
        x64_rmw_combine(e, op, size == 3, v);
    }
    x64_rm(&e->a, store[size], RDX, x64_mem(RCX, 0));
}

/* rax := old value at [rcx], memory := combined. */
static void x64_rmw_inline(X64Emit *e, IrRmw op, unsigned size, X64Opd v)
{
    X64Mem m = x64_mem(RCX, 0);

    if (!e->lock && op != IR_RMW_ADD) {
        x64_rmw_alone(e, op, size, v);
        return;
    }
    if (op == IR_RMW_ADD || op == IR_RMW_SWAP) {
        x64_load_opd(e, v, size == 3, RAX);
        if (op == IR_RMW_ADD) {
            x64_rm(&e->a, x64_sized(XO_XADD8, XO_XADD, size) | e->lock, RAX, m);
        } else {
            x64_rm(&e->a, x64_sized(XO_XCHG8, XO_XCHG, size), RAX, m);
        }
        x64_zext_rax(e, size);
        return;
    }

    X64Label again = X64_LABEL;

    x64_load_sized(e, size, RAX, m);
    x64_bind(&e->a, &again);
    x64_rmw_combine(e, op, size == 3, v);
    x64_rm(&e->a, x64_sized(XO_CMPXCHG8, XO_CMPXCHG, size) | e->lock, RDX, m);
    x64_jcc(&e->a, CC_NE, &again);
    x64_zext_rax(e, size);
}

static bool x64_rmw_is_inline(IrRmw op, IrMemOp mo)
{
    bool minmax = op >= IR_RMW_SMAX && op <= IR_RMW_UMIN;

    return !(mo & IR_MO_BE) && (!minmax || (mo & IR_MO_SIZE) >= 2);
}

void x64_op_ATOMIC_RMW(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    unsigned size = mo & IR_MO_SIZE, addr;

    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);

    X64Opd v = x64_where(e, insn->arg[1]);

    if (v.kind == OPD_REG) {
        e->locked |= 1u << v.reg;
    }
    x64_kill_args(e);

    unsigned d = x64_def(e, id);
    X64Stub *s = x64_stub_add(e, STUB_RMW);

    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = insn->type;
    s->sub = insn->sub;
    s->memop = mo;
    s->val[0] = v;
    s->xmm_live = x64_xmm_live(e);
    if (!x64_rmw_is_inline((IrRmw)insn->sub, mo)) {
        x64_jmp(&e->a, &s->entry);
    } else {
        x64_tlb(e, addr, mo, 1u << size, true, (1u << size) - 1, &s->entry);
        x64_alu_rr(&e->a, ALU_ADD, true, RCX, addr); /* frees rdx */
        x64_rmw_inline(e, (IrRmw)insn->sub, size, v);
        if (mo & IR_MO_LLSC) {
            x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), 0);
        }
        x64_mov_rr(&e->a, x64_wide(insn), d, RAX);
    }
    x64_bind(&e->a, &s->back);
}

/* rax, rdx := 16 bytes. */
static void x64_load16(X64Emit *e, X64Opd v, unsigned lo, unsigned hi)
{
    if (v.kind == OPD_MEM) {
        X64Mem m = v.m;

        x64_rm(&e->a, XO_MOV_R_RM | X_W, lo, m);
        m.disp += 8;
        x64_rm(&e->a, XO_MOV_R_RM | X_W, hi, m);
    } else {
        x64_v2(&e->a, XO_MOVD_ST | X_W, v.reg, lo);
        x64_v2i(&e->a, XO_PEXTRD | X_W, v.reg, hi, 1);
    }
}

void x64_cmpxchg16(X64Emit *e, unsigned addr, X64Opd expected, X64Opd desired)
{
    X64Mem rbx = x64_mem(RSP, X64_FRAME_ARG), rdi = x64_mem(RSP, X64_FRAME_ARG + 8);

    x64_rm(&e->a, XO_MOV_RM_R | X_W, RBX, rbx);
    x64_rm(&e->a, XO_MOV_RM_R | X_W, RDI, rdi);
    x64_rm(&e->a, XO_LEA | X_W, RDI, x64_mem_index(RCX, addr, 0, 0));
    x64_load16(e, expected, RAX, RDX);
    x64_load16(e, desired, RBX, RCX);
    x64_rm(&e->a, XO_CMPXCHG16 | e->lock, 1, x64_mem(RDI, 0));
    x64_rm(&e->a, XO_MOV_R_RM | X_W, RDI, rdi);
    x64_rm(&e->a, XO_MOV_R_RM | X_W, RBX, rbx);
}

/*
 * The end of a compare-exchange that stands for a pair of exclusives: ZF tells whether it stored,
 * rax (and rdx) is what was there, the monitor's address is set already.
 */
static void x64_cas_monitor(X64Emit *e, IrMemOp mo, unsigned stub)
{
    X64Stub *f = &e->stub[stub];

    f->memop = mo;
    x64_jcc(&e->a, CC_NE, &f->entry);
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), 0);
    x64_bind(&e->a, &f->back);
}

/* What was loaded did not suit: the monitor stays armed, as the load left it. */
void x64_cas_fail_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_LINE);
    x64_rbp(&e->a, XO_MOV_RM_R | X_W, RAX, e->lay->excl_val);
    if (ir_memop_bytes(s->memop) == 16) {
        x64_rbp(&e->a, XO_MOV_RM_R | X_W, RDX, e->lay->excl_val + 8);
    }
    x64_mov_mi(&e->a, true, x64_env(e->lay->excl_size), (int32_t)ir_memop_bytes(s->memop));
    x64_jmp(&e->a, &s->back);
}

/* The exchange itself; rcx: as x64_tlb leaves it. ZF: stored; rax (and rdx): what was there. */
static void x64_cas_exchange(X64Emit *e, unsigned addr, unsigned size, const X64Opd v[2])
{
    if (size == 4) {
        x64_cmpxchg16(e, addr, v[0], v[1]);
        return;
    }
    x64_alu_rr(&e->a, ALU_ADD, true, RCX, addr); /* frees rdx */
    x64_load_opd(e, v[0], size == 3, RAX);
    x64_load_opd(e, v[1], size == 3, RDX);
    x64_rm(&e->a, x64_sized(XO_CMPXCHG8, XO_CMPXCHG, size) | e->lock, RDX, x64_mem(RCX, 0));
    x64_zext_rax(e, size);
}

void x64_op_ATOMIC_CAS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    unsigned size = mo & IR_MO_SIZE, addr;
    bool monitor = mo & IR_MO_LLSC && !(mo & IR_MO_BE), vec = insn->type == IR_V128;
    X64Opd v[2];

    x64_flags_save(e);
    addr = x64_reg(e, insn->arg[0], RDX);
    v[0] = x64_where_locked(e, insn->arg[1]);
    v[1] = x64_where_locked(e, insn->arg[2]);
    x64_kill_args(e);

    unsigned d = vec ? x64_xdef(e, id) : x64_def(e, id), fail = e->n_stubs;
    X64Stub *s;

    if (monitor) {
        x64_stub_add(e, STUB_CAS_FAIL);
    }
    s = x64_stub_add(e, STUB_CAS);
    s->addr = (uint8_t)addr;
    s->dst[0] = (uint8_t)d;
    s->type = insn->type;
    s->memop = mo;
    s->val[0] = v[0];
    s->val[1] = v[1];
    s->xmm_live = x64_xmm_live(e);
    if (mo & IR_MO_BE) {
        x64_jmp(&e->a, &s->entry);
    } else {
        x64_tlb(e, addr, mo, 1u << size, true, (1u << size) - 1, &s->entry);
        if (monitor) {
            x64_rbp(&e->a, XO_MOV_RM_R | X_W, addr, e->lay->excl_addr);
        }
        x64_cas_exchange(e, addr, size, v);
        if (monitor) {
            x64_cas_monitor(e, mo, fail);
        }
        if (vec) {
            x64_v2(&e->a, XO_MOVD_LD | X_W, d, RAX);
            x64_vins(&e->a, XO_PINSRD | X_W, d, d, RDX, 1);
        } else {
            x64_mov_rr(&e->a, x64_wide(insn), d, RAX);
        }
    }
    s = &e->stub[fail + monitor];
    x64_bind(&e->a, &s->back);
}
