/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: the software TLB inline, slow paths out of line. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

void x64_stub_room(X64Emit *e, unsigned n_ops)
{
    unsigned room = 2 * X64_STUB_ROOM * (n_ops + 1); /* what stands before the first operation */

    if (room > e->max_stubs) {
        e->max_stubs = room * 2;
        e->stub = g_renew(X64Stub, e->stub, e->max_stubs);
        e->exit = g_renew(X64ExitRec, e->exit, e->max_stubs);
    }
}

/* ---- calls ---- */

/* An integer operand to an argument register after the pins were spilled and partly overwritten. */
static void x64_arg_load(X64Emit *e, X64Opd o, bool w, unsigned reg)
{
    for (unsigned n = 0; o.kind == OPD_REG && n < e->lay->n_pins; n++) {
        if (o.reg == x64_pin_reg[n]) {
            o.kind = OPD_MEM;
            o.m = x64_env(e->lay->pin[n]);
        }
    }
    x64_load_opd(e, o, w, reg);
}

void x64_fault_here(X64Emit *e, unsigned guest)
{
    const IrGuestInsn *g = &e->ir->guest[guest];
    uint32_t word[2] = { g->delta, g->restart };

    for (unsigned n = 0; n < 2; n++) {
        x64_op0(&e->a, 0x0f);
        x64_byte(&e->a, 0x1f);
        x64_byte(&e->a, 0x80);
        x64_u32(&e->a, word[n]);
    }
}

void x64_call_fn(X64Emit *e, const void *fn, bool full, bool raises, unsigned guest,
                 const char *name)
{
    const X64Thunks *t = e->thunk;

    if (name) {
        x64_count_event(e, "calls", name);
    }
    x64_icount_call(e, guest);
    x64_rbp(&e->a, XO_LEA | X_W, RDI, e->lay->cpu);
    x64_mov_imm(&e->a, RAX, (uintptr_t)fn);
    if (full) {
        x64_thunk_call(e, raises ? t->full_raises : t->full);
    } else {
        x64_thunk_call(e, raises ? t->call_raises : t->call);
    }
    if (raises) {
        x64_fault_here(e, guest);
    }
}

void x64_emit_call(X64Emit *e, const X64Call *c)
{
    static const uint8_t reg[4] = { RSI, RDX, RCX, R8 };
    const IrInsn *insn = x64_insn(e, e->i);
    X64Opd opd[4];

    x64_flags_save(e);
    for (unsigned n = 0; n < c->n_args; n++) {
        if (c->arg[n].is_imm || c->arg[n].is_env) {
            opd[n] = (X64Opd){ .kind = OPD_IMM, .imm = (int64_t)c->arg[n].imm };
        } else {
            opd[n] = x64_where(e, c->arg[n].id);
            if (opd[n].kind == OPD_REG) {
                e->locked |= 1u << opd[n].reg;
            }
        }
    }
    x64_xmm_clobber(e);
    if (c->writes) {
        x64_state_clobber(e);
    }
    x64_thunk_call(e, e->thunk->spill);
    for (unsigned n = 0; n < c->n_args; n++) {
        if (c->arg[n].is_env) {
            x64_rbp(&e->a, XO_LEA | X_W, reg[n], (int32_t)opd[n].imm);
            continue;
        }
        x64_arg_load(e, opd[n], c->arg[n].is_imm || x64_wide(x64_insn(e, c->arg[n].id)), reg[n]);
    }
    x64_call_fn(e, c->fn, c->full, c->raises, x64_guest(e),
                insn->op == IR_CALL ? e->ir->helper[insn->imm]->name : ir_op_info[insn->op].name);
}

void x64_to_scratch(X64Emit *e, unsigned id, unsigned n)
{
    X64Opd o = x64_where(e, id);

    if (o.kind == OPD_MEM) {
        x64_v2m(&e->a, XO_MOVDQU_LD, 0, o.m);
        o.reg = 0;
    }
    x64_v2m(&e->a, XO_MOVDQU_ST, o.reg, x64_env(e->lay->scratch + (int32_t)n * 16));
}

/* A call's result: its operands have been read, and all that may hold one can be locked by then. */
static void x64_def_from(X64Emit *e, unsigned id, unsigned r)
{
    x64_kill_args(e);
    e->locked = 0;
    x64_mov_rr(&e->a, x64_wide(x64_insn(e, id)), x64_def(e, id), r);
}

/* No register moves, none is spilled: only rax, rdx and rcx are used. */
static void x64_call_keep(X64Emit *e, unsigned id, const IrInsn *insn, const IrHelper *h)
{
    x64_flags_save(e);
    x64_count_event(e, "calls", h->name);
    x64_load(e, insn->arg[0], RAX);
    x64_load(e, insn->arg[1], RDX);
    x64_mov_imm(&e->a, RCX, (uintptr_t)h->fn);
    x64_thunk_call(e, e->thunk->keep);
    x64_def_from(e, id, RAX);
}

void x64_op_CALL(X64Emit *e, unsigned id, const IrInsn *insn)
{
    const IrHelper *h = e->ir->helper[insn->imm];
    X64Call c = { .fn = (const void *)(uintptr_t)h->fn,
                  .n_args = insn->sub,
                  .raises = h->flags & IR_HELPER_RAISES,
                  .full = !(h->flags & (IR_HELPER_PURE | IR_HELPER_LEAF)),
                  .writes = h->flags & IR_HELPER_WRITES };

    if (h->flags & IR_HELPER_KEEPS) {
        x64_call_keep(e, id, insn, h);
        return;
    }
    for (unsigned n = 0; n < c.n_args; n++) {
        c.arg[n].id = insn->arg[n];
    }
    x64_emit_call(e, &c);
    if (insn->type != IR_VOID) {
        x64_def_from(e, id, RAX);
    }
}

/* ---- the software TLB ---- */

static unsigned x64_align_mask(IrMemOp mo, unsigned total)
{
    switch (mo & IR_MO_ALIGN) {
    case IR_MO_ALIGN_NATURAL:
        return ir_memop_bytes(mo) - 1;
    case 0:
        return 0;
    default:
        return total - 1; /* the slow path knows what is allowed */
    }
}

void x64_tlb(X64Emit *e, unsigned addr, IrMemOp mo, unsigned total, bool write, unsigned align,
             X64Label *slow)
{
    unsigned mode = ir_memop_mode(mo);
    int32_t tlb = write ? e->lay->tlb_write[mode] : e->lay->tlb_read[mode];
    uint8_t *p;

    x64_count_access(e, write);
    if (e->feat->bmi2) {
        p = x64_put_rorx(x64_open(&e->a, 7), true, RAX, addr, 8);
    } else {
        p = x64_put_rr(x64_open(&e->a, 8), XO_MOV_R_RM, 1, X64_REX_W, RAX, addr);
        p = x64_put(p, 0x08e8c148, 4); /* shr rax, 8 */
    }
    p = x64_put_rm(p, 0x23, 1, 0, RAX, x64_env(e->lay->tlb_mask[mode])); /* and */
    p = x64_put_rm(p, XO_MOV_R_RM, 1, X64_REX_W, RCX, x64_mem_index(RBP, RAX, 0, tlb));
    p = x64_put_rr(p, 0x33, 1, X64_REX_W, RCX, addr); /* xor */
    if (align && total <= align + 1) {
        /* What is aligned crosses no page: test rcx, imm32 of the page's and the low bits. */
        p = x64_put(p, 0xc1f748 | (uint64_t)(0xfffff000 | align) << 24, 7);
        p = x64_put_label(&e->a, x64_put(p, 0x0f | 0x8000 | CC_NE << 8, 2), slow);
    } else {
        unsigned low = align ? 32 - (unsigned)__builtin_clz(align) : 0;

        if (align) { /* bits that are to be 0 go to the top: ror rcx, imm8 */
            p = x64_put(p, 0xc9c148 | (uint64_t)low << 24, 4);
        }
        p = x64_put(p, 0xf98148 | (uint64_t)((4096 - total) >> low) << 24, 7); /* cmp rcx, imm32 */
        p = x64_put_label(&e->a, x64_put(p, 0x0f | 0x8000 | CC_A << 8, 2), slow);
    }
    e->a.p = x64_put_rm(p, XO_MOV_R_RM, 1, X64_REX_W, RCX, x64_mem_index(RBP, RAX, 0, tlb + 8));
}

static void x64_ld_int(X64Emit *e, IrMemOp mo, bool w, unsigned d, X64Mem m)
{
    bool sign = mo & IR_MO_SIGN;
    unsigned size = mo & IR_MO_SIZE;
    uint8_t *p;

    if (mo & IR_MO_BE && size) {
        x64_rm(&e->a, size == 1 ? XO_MOVZX16 : size == 2 ? XO_MOV_R_RM : XO_MOV_R_RM | X_W, d, m);
        x64_bswap(&e->a, size == 3, d);
        if (size == 1) {
            x64_shift_ri(&e->a, sign ? SH_SAR : SH_SHR, false, d, 16);
        }
        if (sign && w && size < 3) {
            x64_rr(&e->a, XO_MOVSXD, d, d);
        }
        return;
    }
    if (size < 2) { /* movsx, movzx */
        p = x64_put_host(x64_open(&e->a, 1), 0x0f | (sign ? 0xbe00 : 0xb600) | size << 8, 2,
                         sign && w ? X64_REX_W : 0, d, m);
    } else {
        bool movsxd = (size == 2) & sign & w;

        p = x64_put_host(x64_open(&e->a, 1), movsxd ? 0x63 : XO_MOV_R_RM, 1,
                         movsxd || size == 3 ? X64_REX_W : 0, d, m);
    }
    e->a.p = p;
}

static void x64_ld_vec(X64Emit *e, IrMemOp mo, unsigned d, X64Mem m)
{
    switch (mo & IR_MO_SIZE) {
    case 4:
        x64_v2m(&e->a, XO_MOVDQU_LD, d, m);
        break;
    case 3:
        x64_v2m(&e->a, XO_MOVQ_LD, d, m);
        break;
    case 2:
        x64_v2m(&e->a, XO_MOVD_LD, d, m);
        break;
    default:
        x64_rm(&e->a, mo & IR_MO_SIZE ? XO_MOVZX16 : XO_MOVZX8, RAX, m);
        x64_v2(&e->a, XO_MOVD_LD, d, RAX);
        break;
    }
}

/* Big-endian vectors always take the slow path. */
static bool x64_vec_slow(IrMemOp mo)
{
    return mo & IR_MO_BE;
}

static void x64_slow_only(X64Emit *e, X64Stub *s, X64Addr at)
{
    s->addr = (uint8_t)at.reg;
    s->disp = at.disp;
    x64_jmp(&e->a, &s->entry);
}

static X64Mem x64_behind(X64Mem m, unsigned bytes)
{
    m.disp += (int32_t)bytes;
    return m;
}

void x64_op_LD(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    bool vec = insn->type == IR_V128;
    unsigned total = ir_memop_bytes(mo);
    X64Addr addr;
    X64Mem m;

    x64_flags_save(e);
    addr = x64_addr(e, insn);
    x64_kill_args(e);

    unsigned d = vec ? x64_xdef(e, id) : x64_def(e, id);
    X64Stub *s = x64_stub_add(e, STUB_LD);

    s->dst[0] = (uint8_t)d;
    s->type = insn->type;
    s->memop = mo;
    s->xmm_live = x64_xmm_live(e);
    if (vec && x64_vec_slow(mo)) {
        x64_slow_only(e, s, addr);
    } else {
        m = x64_span_check(e, s, id, addr, total, false, x64_align_mask(mo, total));
        if (vec) {
            x64_ld_vec(e, mo, d, m);
        } else {
            x64_ld_int(e, mo, x64_wide(insn), d, m);
        }
    }
    x64_bind(&e->a, &s->back);
}

/*
 * Two general registers that other threads must see as one, when they lie in 16 aligned bytes
 * (FEAT_LSE2): hosts with AVX load and store 16 aligned bytes at once.
 */
static bool x64_pair_at_once(const X64Emit *e, IrMemOp mo)
{
    return mo & IR_MO_ATOMIC && e->lock && e->feat->avx && (mo & IR_MO_SIZE) >= 2 &&
           !(mo & IR_MO_BE);
}

static void x64_ldp_at_once(X64Emit *e, IrMemOp mo, bool w, const unsigned d[2], X64Mem m)
{
    X64Op wide = X_W_IF((mo & IR_MO_SIZE) == 3);

    x64_v2m(&e->a, wide ? XO_MOVDQU_LD : XO_MOVQ_LD, 0, m);
    x64_v2(&e->a, XO_MOVD_ST | wide, 0, d[0]);
    x64_v2i(&e->a, XO_PEXTRD | wide, 0, d[1], 1);
    for (unsigned n = 0; mo & IR_MO_SIGN && w && !wide && n < 2; n++) {
        x64_rr(&e->a, XO_MOVSXD, d[n], d[n]);
    }
}

static unsigned x64_in_reg(X64Emit *e, X64Opd v, unsigned tmp)
{
    if (v.kind == OPD_REG) {
        return v.reg;
    }
    x64_load_opd(e, v, true, tmp);
    return tmp;
}

static void x64_stp_at_once(X64Emit *e, IrMemOp mo, X64Opd v0, X64Opd v1, X64Mem m)
{
    X64Op wide = X_W_IF((mo & IR_MO_SIZE) == 3);

    x64_v2(&e->a, XO_MOVD_LD | wide, 0, x64_in_reg(e, v0, RAX));
    x64_vins(&e->a, XO_PINSRD | wide, 0, 0, x64_in_reg(e, v1, RAX), 1);
    x64_v2m(&e->a, wide ? XO_MOVDQU_ST : XO_MOVQ_ST, 0, m);
}

void x64_op_LDP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    bool vec = insn->type == IR_V128;
    unsigned bytes = ir_memop_bytes(mo);
    X64Addr addr;
    X64Mem m;

    x64_flags_save(e);
    addr = x64_addr(e, insn);
    x64_kill_args(e);

    unsigned d0 = vec ? x64_xdef(e, id) : x64_def(e, id);
    unsigned d1 = vec ? x64_xdef(e, id + 1) : x64_def(e, id + 1);
    X64Stub *s = x64_stub_add(e, STUB_LDP);

    x64_done(e, id + 1);
    s->dst[0] = (uint8_t)d0;
    s->dst[1] = (uint8_t)d1;
    s->type = insn->type;
    s->memop = mo;
    s->xmm_live = x64_xmm_live(e);
    if (vec && x64_vec_slow(mo)) {
        x64_slow_only(e, s, addr);
    } else {
        m = x64_span_check(e, s, id, addr, bytes * 2, false, x64_align_mask(mo, bytes * 2));
        if (vec) {
            x64_ld_vec(e, mo, d0, m);
            x64_ld_vec(e, mo, d1, x64_behind(m, bytes));
        } else if (x64_pair_at_once(e, mo)) {
            x64_ldp_at_once(e, mo, x64_wide(insn), (unsigned[]){ d0, d1 }, m);
        } else {
            bool last = d0 == (unsigned)m.index; /* the address is overwritten last */

            for (unsigned n = 0; n < 2; n++, last = !last) {
                x64_ld_int(e, mo, x64_wide(insn), last ? d1 : d0, last ? x64_behind(m, bytes) : m);
            }
        }
    }
    x64_bind(&e->a, &s->back);
}

void x64_op_SECOND(X64Emit *e, unsigned id, const IrInsn *insn)
{
    g_assert_not_reached(); /* made by LDP */
}

/* Store the low bytes of an operand at @m. Uses rax. */
static void x64_st_int(X64Emit *e, IrMemOp mo, X64Opd v, X64Mem m)
{
    static const X64Op store[2] = { XO_MOV8_RM_R, XO_MOV16_RM_R };
    unsigned size = mo & IR_MO_SIZE;
    bool swap = mo & IR_MO_BE && size;

    if (v.kind == OPD_IMM && !swap && (size == 2 || (size == 3 && v.imm == (int32_t)v.imm))) {
        x64_mov_mi(&e->a, size == 3, m, (int32_t)v.imm);
        return;
    }
    if (v.kind != OPD_REG || swap) {
        x64_load_opd(e, v, size == 3, RAX);
        v.reg = RAX;
    }
    if (swap) {
        x64_bswap(&e->a, size == 3, RAX);
        if (size == 1) {
            x64_shift_ri(&e->a, SH_SHR, false, RAX, 16);
        }
    }
    if (size < 2) {
        x64_rm(&e->a, store[size], v.reg, m);
        return;
    }
    e->a.p = x64_put_host(x64_open(&e->a, 1), XO_MOV_RM_R, 1, size == 3 ? X64_REX_W : 0, v.reg, m);
}

static void x64_st_vec(X64Emit *e, IrMemOp mo, X64Opd v, X64Mem m)
{
    if (v.kind == OPD_MEM) {
        x64_v2m(&e->a, XO_MOVDQU_LD, 0, v.m);
        v.reg = 0;
    }
    switch (mo & IR_MO_SIZE) {
    case 4:
        x64_v2m(&e->a, XO_MOVDQU_ST, v.reg, m);
        break;
    case 3:
        x64_v2m(&e->a, XO_MOVQ_ST, v.reg, m);
        break;
    case 2:
        x64_v2m(&e->a, XO_MOVD_ST, v.reg, m);
        break;
    default:
        x64_v2(&e->a, XO_MOVD_ST, v.reg, RAX);
        x64_rm(&e->a, mo & IR_MO_SIZE ? XO_MOV16_RM_R : XO_MOV8_RM_R, RAX, m);
        break;
    }
}

X64Opd x64_where_locked(X64Emit *e, unsigned id)
{
    X64Opd o = x64_where(e, id);

    if (o.kind == OPD_REG && x64_is_vec(e, id)) {
        e->xlocked |= 1u << o.reg;
    } else if (o.kind == OPD_REG) {
        e->locked |= 1u << o.reg;
    }
    return o;
}

/* The operand of a store, without a scratch register. */
static X64Opd x64_st_opd(X64Emit *e, unsigned id)
{
    if (!x64_is_const(e, id) && !x64_is_vec(e, id)) {
        X64Opd o = x64_opd(e, id, RAX, true);

        g_assert(o.kind != OPD_REG || o.reg != RAX);
        return o;
    }

    return x64_where_locked(e, id);
}

static void x64_barrier(X64Emit *e)
{
    x64_rm(&e->a, 0x83 | X_LOCK, ALU_OR, x64_mem(RSP, -8));
    x64_byte(&e->a, 0);
}

void x64_op_ST(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    bool vec = x64_is_vec(e, insn->arg[1]);
    unsigned total = ir_memop_bytes(mo);
    X64Addr addr;
    X64Mem m;

    x64_flags_save(e);
    addr = x64_addr(e, insn);

    X64Opd v = x64_st_opd(e, insn->arg[1]);
    X64Stub *s = x64_stub_add(e, STUB_ST);

    s->type = x64_insn(e, insn->arg[1])->type;
    s->memop = mo;
    s->val[0] = v;
    s->xmm_live = x64_xmm_live(e);
    if (vec && x64_vec_slow(mo)) {
        x64_slow_only(e, s, addr);
    } else {
        m = x64_span_check(e, s, id, addr, total, true, x64_align_mask(mo, total));
        if (vec) {
            x64_st_vec(e, mo, v, m);
        } else {
            x64_st_int(e, mo, v, m);
        }
        if (mo & IR_MO_REL && e->lock) {
            x64_barrier(e);
        }
    }
    x64_bind(&e->a, &s->back);
}

void x64_op_STP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrMemOp mo = insn->imm;
    bool vec = x64_is_vec(e, insn->arg[1]);
    unsigned bytes = ir_memop_bytes(mo);
    X64Addr addr;
    X64Mem m;

    x64_flags_save(e);
    addr = x64_addr(e, insn);

    X64Opd v0 = x64_st_opd(e, insn->arg[1]), v1 = x64_st_opd(e, insn->arg[2]);
    X64Stub *s = x64_stub_add(e, STUB_STP);

    s->type = x64_insn(e, insn->arg[1])->type;
    s->memop = mo;
    s->val[0] = v0;
    s->val[1] = v1;
    s->xmm_live = x64_xmm_live(e);
    if (vec && x64_vec_slow(mo)) {
        x64_slow_only(e, s, addr);
    } else {
        m = x64_span_check(e, s, id, addr, bytes * 2, true, x64_align_mask(mo, bytes * 2));
        if (vec) {
            x64_st_vec(e, mo, v0, m);
            x64_st_vec(e, mo, v1, x64_behind(m, bytes));
        } else if (x64_pair_at_once(e, mo)) {
            x64_stp_at_once(e, mo, v0, v1, m);
        } else {
            x64_st_int(e, mo, v0, m);
            x64_st_int(e, mo, v1, x64_behind(m, bytes));
        }
    }
    x64_bind(&e->a, &s->back);
}

void x64_op_ZERO_BLOCK(X64Emit *e, unsigned id, const IrInsn *insn)
{
    enum { LARGEST = 8 }; /* a block of 256 bytes by 8 or 16 stores */
    unsigned bytes = 1u << insn->sub, unit = e->a.avx ? 32 : 16;
    X64Stub *s;

    x64_flags_save(e);
    x64_load(e, insn->arg[0], RDX);
    s = x64_stub_add(e, STUB_ZERO);
    s->addr = RDX;
    s->sub = insn->sub;
    s->type = IR_I64;
    s->memop = insn->imm;
    s->xmm_live = x64_xmm_live(e);
    if (insn->sub < 4 || insn->sub > LARGEST || insn->imm & IR_MO_ALIGN) {
        x64_jmp(&e->a, &s->entry);
    } else {
        x64_alu_ri(&e->a, ALU_AND, true, RDX, -(int32_t)bytes);
        x64_tlb(e, RDX, insn->imm, bytes, true, 0, &s->entry);
        x64_v3(&e->a, XO_PXOR, 0, 0, 0);
        unit = MIN(unit, bytes);
        for (unsigned n = 0; n < bytes; n += unit) {
            X64Mem m = x64_mem_index(RCX, RDX, 0, (int32_t)n);

            if (unit == 32) { /* the upper half is 0 as well, and stays unused */
                x64_vex_rm(&e->a, XO_MOVDQU_ST | X_L256, 0, 0, m);
            } else {
                x64_v2m(&e->a, XO_MOVDQU_ST, 0, m);
            }
        }
    }
    x64_bind(&e->a, &s->back);
}

void x64_op_FENCE(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (insn->sub & IR_FENCE_SL) {
        x64_flags_save(e);
        x64_barrier(e);
    }
}
