/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, guest state and integer operations. */
#include "accel/tcg/host/x86_64/x64-priv.h"

static bool x64_in_reg(const X64Emit *e, unsigned id)
{
    return e->val[id].reg != X64_NO_REG;
}

/* The value is also what @arg is (the low part of it). */
static void x64_alias(X64Emit *e, unsigned id, unsigned arg, bool zext)
{
    unsigned r = e->val[arg].reg;

    x64_kill_args(e);
    x64_assign(e, id, r);
    e->val[id].zext = zext;
}

void x64_op_CONST(X64Emit *e, unsigned id, const IrInsn *insn)
{
}

void x64_op_PC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned d = x64_def(e, id);
    uint8_t *p;

    x64_rbp(&e->a, XO_MOV_R_RM | X_W, d, e->lay->pc_page);
    if (insn->imm) {
        p = x64_open(&e->a, 1);
        e->a.p = x64_put_rm(p, XO_LEA, 1, X64_REX_W, d, x64_mem((X64Reg)d, (int32_t)insn->imm));
    }
}

/* ---- guest state ---- */

void x64_op_GET(X64Emit *e, unsigned id, const IrInsn *insn)
{
    int32_t disp = e->lay->cpu + (int32_t)insn->imm;
    unsigned pin = x64_pin_of(e, insn->imm);

    if (insn->type == IR_V128) {
        if (insn->sub == 4) {
            x64_home_set(e, id, disp);
        } else {
            x64_v2m(&e->a, insn->sub == 3 ? XO_MOVQ_LD : XO_MOVD_LD, x64_xdef(e, id),
                    x64_env(disp));
        }
        return;
    }
    if (pin != X64_NO_REG) {
        if (insn->sub == 3 || (insn->sub == 2 && insn->type == IR_I32)) {
            x64_assign(e, id, pin);
            e->val[id].zext = false;
            return;
        }

        unsigned d = x64_def(e, id);

        if (insn->sub == 2) {
            x64_mov_rr(&e->a, false, d, pin);
        } else {
            x64_rr(&e->a, insn->sub ? XO_MOVZX16 : XO_MOVZX8, d, pin);
        }
        return;
    }
    if (insn->sub == (insn->type == IR_I64 ? 3 : 2)) {
        x64_home_set(e, id, disp);
        return;
    }

    unsigned d = x64_def(e, id);

    x64_rm(&e->a,
           insn->sub == 0   ? XO_MOVZX8
           : insn->sub == 1 ? XO_MOVZX16
                            : XO_MOV_R_RM,
           d, x64_env(disp));
}

static void x64_set_pin(X64Emit *e, const IrInsn *insn, unsigned pin)
{
    unsigned v = insn->arg[0];

    if (e->val[v].reg == pin && (insn->sub == 3)) {
        return;
    }
    if (insn->sub != 3) { /* a part: through memory, rare */
        X64Mem m = x64_env(e->lay->cpu + (int32_t)insn->imm);
        unsigned s;

        x64_load(e, v, RCX);
        s = RCX;
        x64_vacate(e, pin);
        x64_rm(&e->a, XO_MOV_RM_R | X_W, pin, m);
        x64_rm(&e->a,
               insn->sub == 2   ? XO_MOV_RM_R
               : insn->sub == 1 ? XO_MOV16_RM_R
                                : XO_MOV8_RM_R,
               s, m);
        x64_rm(&e->a, XO_MOV_R_RM | X_W, pin, m);
        return;
    }
    if (x64_in_reg(e, v)) {
        e->locked |= 1u << e->val[v].reg;
    }
    x64_vacate(e, pin);
    x64_load(e, v, pin);
    if (!x64_is_const(e, v) && e->val[v].last > e->i && e->val[v].reg >= RSI &&
        e->val[v].reg <= R11 && x64_in_reg(e, v)) {
        return; /* stays in its other pin */
    }
    if (!x64_is_const(e, v) && e->val[v].last > e->i) {
        x64_assign(e, v, pin);
    }
}

static __attribute__((noinline)) void x64_set_any(X64Emit *e, const IrInsn *insn)
{
    static const X64Op store[4] = { XO_MOV8_RM_R, XO_MOV16_RM_R, XO_MOV_RM_R, XO_MOV_RM_R | X_W };
    int32_t disp = e->lay->cpu + (int32_t)insn->imm;
    unsigned pin = x64_pin_of(e, insn->imm), v = insn->arg[0];
    IrType type = (IrType)x64_insn(e, v)->type;

    if (pin != X64_NO_REG && type != IR_V128) {
        x64_set_pin(e, insn, pin);
        return;
    }
    if (insn->sub == 3 && x64_is_const(e, v)) {
        int64_t imm = (int64_t)ir_const_value(x64_insn(e, v));

        if (imm == (int32_t)imm) {
            x64_home_clobber(e, disp, 8);
            x64_mov_mi(&e->a, true, x64_env(disp), (int32_t)imm);
            return;
        }
    }
    if (type == IR_V128) {
        unsigned x = x64_xreg(e, v, 1);

        x64_home_clobber(e, disp, 1u << insn->sub);
        x64_v2m(&e->a,
                insn->sub == 4   ? XO_MOVDQU_ST
                : insn->sub == 3 ? XO_MOVQ_ST
                                 : XO_MOVD_ST,
                x, x64_env(disp));
        if (insn->sub == 4) {
            x64_home_set(e, v, disp);
        }
        return;
    }

    X64Opd o = x64_opd(e, v, RCX, true);

    if (o.kind == OPD_MEM) {
        x64_load_opd(e, o, type == IR_I64, RCX);
        o.kind = OPD_REG;
        o.reg = RCX;
    }
    x64_home_clobber(e, disp, 1u << insn->sub);
    if (o.kind == OPD_IMM && insn->sub >= 2) {
        x64_mov_mi(&e->a, insn->sub == 3, x64_env(disp), (int32_t)o.imm);
    } else {
        if (o.kind == OPD_IMM) {
            x64_mov_imm(&e->a, RCX, (uint32_t)o.imm);
            o.reg = RCX;
        }
        x64_rbp(&e->a, store[insn->sub], o.reg, disp);
    }
    if (insn->sub == (type == IR_I64 ? 3 : 2) && !x64_is_const(e, v)) {
        x64_home_set(e, v, disp);
    }
}

/* Value @v is in the 8 bytes of state at @disp; so is, in the low ones, what it was extended from.
 */
static void x64_home_both(X64Emit *e, unsigned v, int32_t disp)
{
    const IrInsn *insn = x64_insn(e, v);
    unsigned from = insn->arg[0];

    if (e->val[v].last > e->i) {
        x64_home_set(e, v, disp);
    }
    if ((insn->op == IR_ZEXT64 || insn->op == IR_SEXT64) && e->val[from].last > e->i &&
        !e->val[from].homed && e->val[from].slot < 0 && !x64_is_const(e, from)) {
        x64_home_set(e, from, disp);
    }
}

void x64_op_SET(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned v = insn->arg[0], reg = e->val[v].reg, pin;
    int32_t disp;

    if (insn->sub != 3 || reg == X64_NO_REG || x64_is_vec(e, v)) {
        x64_set_any(e, insn);
        return;
    }
    pin = x64_pin_of(e, insn->imm);
    if (pin != X64_NO_REG) {
        if (pin != reg) {
            x64_set_pin(e, insn, pin);
        }
        return;
    }
    disp = e->lay->cpu + (int32_t)insn->imm;
    x64_home_clobber(e, disp, 8);
    x64_rbp(&e->a, XO_MOV_RM_R | X_W, reg, disp);
    x64_home_both(e, v, disp);
}

void x64_place(X64Emit *e, unsigned id, uint32_t offset)
{
    X64Val *v = &e->val[id];
    unsigned pin = x64_pin_of(e, offset);

    if (pin == X64_NO_REG && v->reg != X64_NO_REG) {
        int32_t disp = e->lay->cpu + (int32_t)offset;

        x64_home_clobber(e, disp, 8);
        x64_rbp(&e->a, XO_MOV_RM_R | X_W, v->reg, disp);
        x64_home_both(e, id, disp);
    } else if (pin != v->reg || pin == X64_NO_REG) {
        e->locked = 0;
        x64_op_SET(e, id, &(IrInsn){ .sub = 3, .arg = { (uint16_t)id }, .imm = offset });
    }
    if (v->last <= id) {
        x64_release(e, id);
    }
}

/* ---- two operands ---- */

static void x64_alu_opd(X64Emit *e, X64Alu op, bool w, unsigned d, X64Opd b)
{
    if (b.kind == OPD_IMM) {
        x64_alu_ri(&e->a, op, w, d, (int32_t)b.imm);
    } else if (b.kind == OPD_MEM) {
        x64_alu_rm(&e->a, op, w, d, b.m);
    } else {
        x64_alu_rr(&e->a, op, w, d, b.reg);
    }
}

/* d = a op b, EFLAGS set by the operation. */
static unsigned x64_alu(X64Emit *e, unsigned id, const IrInsn *insn, X64Alu op)
{
    bool w = x64_wide(insn), commutes = op != ALU_SUB;
    unsigned x = insn->arg[0], y = insn->arg[1];

    if (commutes &&
        (x64_is_const(e, x) || (!x64_in_reg(e, x) && x64_in_reg(e, y) && !x64_is_const(e, y)))) {
        unsigned t = x;

        x = y;
        y = t;
    }
    x64_flags_save(e);

    X64Opd b = x64_opd(e, y, RDX, true);
    X64Opd a = x64_where(e, x);

    if (a.kind == OPD_REG) {
        e->locked |= 1u << a.reg;
    }
    x64_kill_args(e);

    unsigned d = x64_def_near(e, id, a);

    if (b.kind == OPD_REG && b.reg == d && !(a.kind == OPD_REG && a.reg == d)) {
        if (commutes && a.kind != OPD_IMM) {
            X64Opd t = a;

            a = b;
            b = t;
        } else {
            x64_load_opd(e, a, w, RCX);
            x64_alu_opd(e, op, w, RCX, b);
            x64_mov_rr(&e->a, w, d, RCX);
            return d;
        }
    }
    if (!(a.kind == OPD_REG && a.reg == d)) {
        x64_load_opd(e, a, w, d);
    }
    x64_alu_opd(e, op, w, d, b);
    return d;
}

/* ADD and SUB by LEA, which leaves EFLAGS alone and needs no copy. */
static bool x64_try_lea(X64Emit *e, unsigned id, const IrInsn *insn, bool sub)
{
    bool w = x64_wide(insn);
    unsigned x = insn->arg[0], y = insn->arg[1];

    if (!sub && x64_is_const(e, x)) {
        unsigned t = x;

        x = y;
        y = t;
    }
    if (x64_is_const(e, x) || !x64_in_reg(e, x)) {
        return false;
    }

    unsigned a = e->val[x].reg;

    if (x64_is_const(e, y)) {
        int64_t imm = (int64_t)ir_const_value(x64_insn(e, y));

        imm = w ? imm : (int32_t)imm;
        /* The least number is its own negative, and no displacement either way. */
        imm = sub ? (int64_t)(0 - (uint64_t)imm) : imm;
        if (imm != (int32_t)imm) {
            return false;
        }
        e->locked |= 1u << a;
        x64_kill_args(e);

        unsigned d = x64_def(e, id);

        if (d == a && !x64_flags_wanted(e)) {
            x64_flags_save(e);
            x64_alu_ri(&e->a, ALU_ADD, w, d, (int32_t)imm);
        } else {
            x64_rm(&e->a, XO_LEA | X_W_IF(w), d, x64_mem(a, (int32_t)imm));
        }
        return true;
    }
    if (sub || !x64_in_reg(e, y)) {
        return false;
    }

    unsigned b = e->val[y].reg;

    e->locked |= 1u << a | 1u << b;
    x64_kill_args(e);

    unsigned d = x64_def(e, id);

    if ((d == a || d == b) && !x64_flags_wanted(e)) {
        x64_flags_save(e);
        x64_alu_rr(&e->a, ALU_ADD, w, d, d == a ? b : a);
    } else {
        x64_rm(&e->a, XO_LEA | X_W_IF(w), d, x64_mem_index(a, b, 0, 0));
    }
    return true;
}

static void x64_add_sub(X64Emit *e, unsigned id, const IrInsn *insn, bool sub)
{
    unsigned j;

    if (!sub && x64_add_index(e, id, insn)) {
        return;
    }
    j = x64_flags_pair(e, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD);
    if (!j && x64_try_lea(e, id, insn, sub)) {
        return;
    }
    x64_alu(e, id, insn, sub ? ALU_SUB : ALU_ADD);
    if (j) {
        x64_done(e, j);
        x64_flags_now(e, j, sub);
    }
}

void x64_op_ADD(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_add_sub(e, id, insn, false);
}

void x64_op_SUB(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_add_sub(e, id, insn, true);
}

/* A mask of 8, 16 or 32 ones, by a move, which leaves EFLAGS alone. */
static bool x64_and_by_move(X64Emit *e, unsigned id, const IrInsn *insn)
{
    uint64_t mask = x64_is_const(e, insn->arg[1]) ? ir_const_value(x64_insn(e, insn->arg[1])) : 0;
    unsigned a;

    if ((mask != 0xff && mask != 0xffff && (mask != UINT32_MAX || !x64_wide(insn))) ||
        x64_is_const(e, insn->arg[0])) {
        return false;
    }
    a = x64_reg(e, insn->arg[0], RCX);
    x64_kill_args(e);
    x64_rr(&e->a,
           mask == 0xff     ? (X64Op)XO_MOVZX8
           : mask == 0xffff ? (X64Op)XO_MOVZX16
                            : (X64Op)XO_MOV_R_RM,
           x64_def(e, id), a);
    return true;
}

void x64_op_AND(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (x64_and_by_move(e, id, insn)) {
        return;
    }
    x64_alu(e, id, insn, ALU_AND);
    e->logic_id = (uint16_t)id;
}

void x64_op_OR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_alu(e, id, insn, ALU_OR);
}

void x64_op_XOR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_alu(e, id, insn, ALU_XOR);
}

/* rcx := ~b, then op with a. */
static void x64_alu_not(X64Emit *e, unsigned id, const IrInsn *insn, X64Alu op)
{
    bool w = x64_wide(insn);

    x64_flags_save(e);

    X64Opd a = x64_opd(e, insn->arg[0], RDX, true);

    x64_load(e, insn->arg[1], RCX);
    x64_rr(&e->a, 0xf7 | X_W_IF(w), 2, RCX);
    x64_alu_opd(e, op, w, RCX, a);
    x64_kill_args(e);
    x64_mov_rr(&e->a, w, x64_def(e, id), RCX);
}

void x64_op_ANDC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (!e->feat->bmi1) {
        x64_alu_not(e, id, insn, ALU_AND);
        return;
    }
    x64_flags_save(e);

    unsigned b = x64_reg(e, insn->arg[1], RCX), a = x64_reg(e, insn->arg[0], RDX);

    x64_kill_args(e);
    x64_vex_rr(&e->a, XO_ANDN | X_W_IF(x64_wide(insn)), x64_def(e, id), b, a);
    e->logic_id = (uint16_t)id;
}

void x64_op_ORC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_alu_not(e, id, insn, ALU_OR);
}

void x64_op_EQV(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_alu_not(e, id, insn, ALU_XOR);
}

/* d := a in a register of its own, to be changed in place. */
static unsigned x64_copy_def(X64Emit *e, unsigned id, unsigned arg)
{
    bool w = x64_wide(x64_insn(e, id));
    X64Opd a = x64_where(e, arg);

    if (a.kind == OPD_REG) {
        e->locked |= 1u << a.reg;
    }
    x64_kill_args(e);

    unsigned d = x64_def_near(e, id, a);

    if (!(a.kind == OPD_REG && a.reg == d)) {
        x64_load_opd(e, a, w, d);
    }
    return d;
}

void x64_op_NOT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned d = x64_copy_def(e, id, insn->arg[0]);

    x64_rr(&e->a, 0xf7 | X_W_IF(x64_wide(insn)), 2, d);
}

void x64_op_NEG(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);

    unsigned d = x64_copy_def(e, id, insn->arg[0]);

    x64_rr(&e->a, 0xf7 | X_W_IF(x64_wide(insn)), 3, d);
}

/* ---- sizes ---- */

void x64_op_TRUNC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned a = insn->arg[0];

    if (x64_in_reg(e, a)) {
        x64_alias(e, id, a, false);
    } else if (e->val[a].homed) {
        int32_t home = e->val[a].home;

        x64_kill_args(e);
        x64_home_set(e, id, home);
    } else {
        x64_load_opd(e, x64_where(e, a), false, RCX);
        x64_kill_args(e);
        x64_mov_rr(&e->a, false, x64_def(e, id), RCX);
    }
}

void x64_op_ZEXT64(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned a = insn->arg[0];

    if (x64_in_reg(e, a) && e->val[a].zext) {
        x64_alias(e, id, a, true);
        return;
    }

    X64Opd o = x64_where(e, a);

    if (o.kind == OPD_REG) {
        e->locked |= 1u << o.reg;
    }
    x64_kill_args(e);
    if (o.kind == OPD_REG) {
        x64_mov_rr(&e->a, false, x64_def(e, id), o.reg);
    } else {
        x64_load_opd(e, o, false, x64_def(e, id));
    }
}

void x64_op_SEXT64(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Opd a = x64_opd(e, insn->arg[0], RCX, false);

    x64_kill_args(e);
    if (a.kind == OPD_MEM) {
        x64_rm(&e->a, XO_MOVSXD, x64_def(e, id), a.m);
    } else {
        x64_rr(&e->a, XO_MOVSXD, x64_def(e, id), a.reg);
    }
}
