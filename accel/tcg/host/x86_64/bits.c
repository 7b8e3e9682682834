/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplication, division, shifts, bit fields, comparisons. */
#include "accel/tcg/host/x86_64/x64-priv.h"

/* The result is in @r (a scratch register): move it to where it lives. */
static void x64_result(X64Emit *e, unsigned id, unsigned r)
{
    x64_kill_args(e);
    x64_mov_rr(&e->a, x64_wide(x64_insn(e, id)), x64_def(e, id), r);
}

/* d := a in a register of its own, to be changed in place. */
static unsigned x64_bits_copy(X64Emit *e, unsigned id, unsigned arg)
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

void x64_op_MUL(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);

    x64_flags_save(e);

    X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

    if (b.kind == OPD_IMM) {
        unsigned a = x64_reg(e, insn->arg[0], RCX);

        x64_kill_args(e);
        x64_imul_rri(&e->a, w, x64_def(e, id), a, (int32_t)b.imm);
        return;
    }

    X64Opd a = x64_where(e, insn->arg[0]);

    if (a.kind == OPD_REG) {
        e->locked |= 1u << a.reg;
    }
    if (b.kind == OPD_REG && a.kind != OPD_IMM) { /* either may be the one that is overwritten */
        bool swap = a.kind != OPD_REG || e->val[insn->arg[0]].last > e->i;
        X64Opd t = a;

        a = swap ? b : a;
        b = swap ? t : b;
    }
    x64_kill_args(e);

    unsigned d = x64_def_near(e, id, a);

    if (b.kind == OPD_REG && b.reg == d) {
        X64Opd t = a;

        a = b;
        b = t;
    }
    if (a.kind != OPD_REG || a.reg != d) {
        x64_load_opd(e, a, w, d);
    }
    if (b.kind == OPD_IMM) {
        x64_load_opd(e, b, w, RCX);
        b = (X64Opd){ .kind = OPD_REG, .reg = RCX };
    }
    if (b.kind == OPD_MEM) {
        x64_rm(&e->a, XO_IMUL | X_W_IF(w), d, b.m);
    } else {
        x64_rr(&e->a, XO_IMUL | X_W_IF(w), d, b.reg);
    }
}

static void x64_mul_high(X64Emit *e, unsigned id, const IrInsn *insn, unsigned group)
{
    x64_flags_save(e);

    unsigned b = x64_reg(e, insn->arg[1], RCX);

    x64_load(e, insn->arg[0], RAX);
    x64_rr(&e->a, 0xf7 | X_W_IF(x64_wide(insn)), group, b);
    x64_result(e, id, RDX);
}

void x64_op_MULHU(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_mul_high(e, id, insn, 4);
}

void x64_op_MULHS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_mul_high(e, id, insn, 5);
}

static void x64_div(X64Emit *e, unsigned id, const IrInsn *insn, bool is_signed, bool rem)
{
    bool w = x64_wide(insn);
    X64Label zero = X64_LABEL, minus = X64_LABEL, done = X64_LABEL;

    x64_flags_save(e);
    x64_load(e, insn->arg[1], RCX);
    x64_load(e, insn->arg[0], RAX);
    x64_rr(&e->a, XO_TEST | X_W_IF(w), RCX, RCX);
    x64_jcc(&e->a, CC_E, &zero);
    if (is_signed) {
        x64_alu_ri(&e->a, ALU_CMP, w, RCX, -1);
        x64_jcc(&e->a, CC_E, &minus);
        if (w) {
            x64_byte(&e->a, 0x48);
        }
        x64_op0(&e->a, 0x99); /* cqo, cdq */
        x64_rr(&e->a, 0xf7 | X_W_IF(w), 7, RCX);
    } else {
        x64_alu_rr(&e->a, ALU_XOR, false, RDX, RDX);
        x64_rr(&e->a, 0xf7 | X_W_IF(w), 6, RCX);
    }
    x64_jmp(&e->a, &done);
    x64_bind(&e->a, &zero);
    x64_mov_rr(&e->a, true, RDX, RAX);
    x64_alu_rr(&e->a, ALU_XOR, false, RAX, RAX);
    if (is_signed) {
        x64_jmp(&e->a, &done);
        x64_bind(&e->a, &minus);
        x64_rr(&e->a, 0xf7 | X_W_IF(w), 3, RAX);
        x64_alu_rr(&e->a, ALU_XOR, false, RDX, RDX);
    }
    x64_bind(&e->a, &done);
    x64_result(e, id, rem ? RDX : RAX);
}

void x64_op_DIVU(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_div(e, id, insn, false, false);
}

void x64_op_DIVS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_div(e, id, insn, true, false);
}

void x64_op_REMU(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_div(e, id, insn, false, true);
}

void x64_op_REMS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_div(e, id, insn, true, true);
}

/* ---- shifts ---- */

static void x64_vex_opd(X64Emit *e, X64Op op, unsigned d, unsigned vvvv, X64Opd a)
{
    if (a.kind == OPD_MEM) {
        x64_vex_rm(&e->a, op, d, vvvv, a.m);
    } else {
        x64_vex_rr(&e->a, op, d, vvvv, a.reg);
    }
}

/* By a constant, with EFLAGS left alone; @bmi 0: to the right around. */
static void x64_shift_keeping(X64Emit *e, unsigned id, const IrInsn *insn, X64Op bmi, unsigned n)
{
    bool w = x64_wide(insn);
    X64Opd a = x64_opd(e, insn->arg[0], RDX, false);

    x64_kill_args(e);

    unsigned d = x64_def(e, id);

    if (bmi) {
        x64_mov_imm(&e->a, RCX, n);
        x64_vex_opd(e, bmi | X_W_IF(w), d, RCX, a);
    } else if (a.kind == OPD_MEM) {
        x64_vex_rmi(&e->a, XO_RORX | X_W_IF(w), d, 0, a.m, (uint8_t)n);
    } else {
        x64_vex_rri(&e->a, XO_RORX | X_W_IF(w), d, 0, a.reg, (uint8_t)n);
    }
}

static void x64_shift(X64Emit *e, unsigned id, const IrInsn *insn, X64Shift op, X64Op bmi)
{
    bool w = x64_wide(insn);
    unsigned b = insn->arg[1];

    if (x64_is_const(e, b)) {
        unsigned n = (unsigned)ir_const_value(x64_insn(e, b)) & (w ? 63 : 31);

        if (n && e->feat->bmi2 && (op == SH_ROR || x64_flags_wanted(e))) {
            x64_shift_keeping(e, id, insn, bmi, n);
            return;
        }
        x64_flags_save(e);

        unsigned d = x64_bits_copy(e, id, insn->arg[0]);

        if (n) {
            x64_shift_ri(&e->a, op, w, d, n);
        } else if (!w) {
            x64_mov_rr(&e->a, false, d, d);
        }
        return;
    }
    if (bmi && e->feat->bmi2) {
        unsigned count = x64_reg(e, b, RCX);
        X64Opd a = x64_opd(e, insn->arg[0], RDX, false);

        x64_kill_args(e);
        x64_vex_opd(e, bmi | X_W_IF(w), x64_def(e, id), count, a);
        return;
    }
    x64_flags_save(e);
    x64_load(e, b, RCX);
    x64_load(e, insn->arg[0], RAX);
    x64_shift_cl(&e->a, op, w, RAX);
    x64_result(e, id, RAX);
}

void x64_op_SHL(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_shift(e, id, insn, SH_SHL, XO_SHLX);
}

void x64_op_SHR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_shift(e, id, insn, SH_SHR, XO_SHRX);
}

void x64_op_SAR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_shift(e, id, insn, SH_SAR, XO_SARX);
}

void x64_op_ROR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_shift(e, id, insn, SH_ROR, 0);
}

void x64_op_EXTR(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);

    if (insn->arg[0] == insn->arg[1] && e->feat->bmi2) {
        unsigned a = x64_reg(e, insn->arg[0], RCX);

        x64_kill_args(e);
        x64_vex_rri(&e->a, XO_RORX | X_W_IF(w), x64_def(e, id), 0, a, (uint8_t)insn->imm);
        return;
    }
    x64_flags_save(e);

    unsigned hi = x64_reg(e, insn->arg[0], RCX);

    x64_load(e, insn->arg[1], RAX);
    if (insn->imm) {
        x64_rri(&e->a, XO_SHRD_I | X_W_IF(w), hi, RAX, (uint8_t)insn->imm);
    }
    x64_result(e, id, RAX);
}

/* ---- counting ---- */

/* eax := leading zeros of @a (any register but rdx). */
static void x64_count_leading(X64Emit *e, bool w, unsigned a)
{
    if (e->feat->lzcnt) {
        x64_rr(&e->a, XO_LZCNT | X_W_IF(w), RAX, a);
        return;
    }
    x64_mov_imm(&e->a, RDX, w ? 127 : 63);
    x64_rr(&e->a, XO_BSR | X_W_IF(w), RAX, a);
    x64_rr(&e->a, (XO_CMOV + CC_E) | X_W_IF(w), RAX, RDX);
    x64_alu_ri(&e->a, ALU_XOR, w, RAX, w ? 63 : 31);
}

void x64_op_CLZ(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_count_leading(e, x64_wide(insn), x64_reg(e, insn->arg[0], RCX));
    x64_result(e, id, RAX);
}

void x64_op_CTZ(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);

    x64_flags_save(e);

    unsigned a = x64_reg(e, insn->arg[0], RCX);

    x64_mov_imm(&e->a, RDX, w ? 64 : 32);
    x64_rr(&e->a, XO_BSF | X_W_IF(w), RAX, a);
    x64_rr(&e->a, (XO_CMOV + CC_E) | X_W_IF(w), RAX, RDX);
    x64_result(e, id, RAX);
}

void x64_op_CLS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);

    x64_flags_save(e);
    x64_load(e, insn->arg[0], RCX);
    x64_mov_rr(&e->a, w, RAX, RCX);
    x64_shift_ri(&e->a, SH_SAR, w, RAX, w ? 63 : 31);
    x64_alu_rr(&e->a, ALU_XOR, w, RCX, RAX);
    x64_count_leading(e, w, RCX);
    x64_alu_ri(&e->a, ALU_SUB, w, RAX, 1);
    x64_result(e, id, RAX);
}

void x64_op_POPCNT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);

    unsigned a = x64_reg(e, insn->arg[0], RCX);

    x64_kill_args(e);
    x64_rr(&e->a, XO_POPCNT | X_W_IF(x64_wide(insn)), x64_def(e, id), a);
}

/* ---- order of bytes and bits ---- */

void x64_op_BSWAP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned d = x64_bits_copy(e, id, insn->arg[0]);

    x64_bswap(&e->a, x64_wide(insn), d);
}

void x64_op_BSWAP32(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);

    unsigned d = x64_bits_copy(e, id, insn->arg[0]);

    x64_bswap(&e->a, x64_wide(insn), d);
    if (x64_wide(insn)) {
        x64_shift_ri(&e->a, SH_ROL, true, d, 32);
    }
}

/* rax := groups of @n bits of rax exchanged with their neighbours; @mask selects the low ones. */
static void x64_swap_groups(X64Emit *e, bool w, unsigned n, uint64_t mask)
{
    x64_mov_imm(&e->a, RDX, w ? mask : (uint32_t)mask);
    x64_mov_rr(&e->a, w, RCX, RAX);
    x64_shift_ri(&e->a, SH_SHR, w, RCX, n);
    x64_alu_rr(&e->a, ALU_AND, w, RAX, RDX);
    x64_alu_rr(&e->a, ALU_AND, w, RCX, RDX);
    x64_shift_ri(&e->a, SH_SHL, w, RAX, n);
    x64_alu_rr(&e->a, ALU_OR, w, RAX, RCX);
}

void x64_op_BSWAP16(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_load(e, insn->arg[0], RAX);
    x64_swap_groups(e, x64_wide(insn), 8, 0x00ff00ff00ff00ff);
    x64_result(e, id, RAX);
}

void x64_op_RBIT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);

    x64_flags_save(e);
    x64_load(e, insn->arg[0], RAX);
    x64_bswap(&e->a, w, RAX);
    x64_swap_groups(e, w, 4, 0x0f0f0f0f0f0f0f0f);
    x64_swap_groups(e, w, 2, 0x3333333333333333);
    x64_swap_groups(e, w, 1, 0x5555555555555555);
    x64_result(e, id, RAX);
}

/* ---- fields ---- */

static void x64_field(X64Emit *e, unsigned id, const IrInsn *insn, unsigned pos, unsigned len,
                      bool sign)
{
    bool w = x64_wide(insn), bytes = len == 8 || len == 16;
    unsigned width = w ? 64 : 32;
    X64Op move = sign ? (len == 8 ? XO_MOVSX8 : XO_MOVSX16) | X_W_IF(w)
                      : (X64Op)(len == 8 ? XO_MOVZX8 : XO_MOVZX16);

    if (bytes && !(pos & 7) && x64_where(e, insn->arg[0]).kind == OPD_MEM) {
        X64Mem m = x64_where(e, insn->arg[0]).m;

        m.disp += (int32_t)(pos / 8);
        x64_kill_args(e);
        x64_rm(&e->a, move, x64_def(e, id), m);
        return;
    }
    if (bytes && pos && pos + len < width && e->feat->bmi2) {
        unsigned a = x64_reg(e, insn->arg[0], RCX);

        x64_kill_args(e);
        x64_vex_rri(&e->a, XO_RORX | X_W_IF(w), RCX, 0, a, (uint8_t)pos);
        x64_rr(&e->a, move, x64_def(e, id), RCX);
        return;
    }
    if (pos == 0 && (len == 8 || len == 16 || len == 32)) {
        unsigned a = x64_reg(e, insn->arg[0], RCX);

        x64_kill_args(e);

        unsigned d = x64_def(e, id);

        if (len == 32) {
            move = sign && w ? (X64Op)XO_MOVSXD : (X64Op)XO_MOV_R_RM;
        }
        x64_rr(&e->a, move, d, a);
        return;
    }
    x64_flags_save(e);

    unsigned d = x64_bits_copy(e, id, insn->arg[0]);

    if (!w && pos + len == width && !pos) {
        x64_mov_rr(&e->a, false, d, d);
    } else if (pos + len == width) {
        if (pos) {
            x64_shift_ri(&e->a, sign ? SH_SAR : SH_SHR, w, d, pos);
        }
    } else if (!sign && len < 32) {
        if (pos) {
            x64_shift_ri(&e->a, SH_SHR, w, d, pos);
        }
        x64_alu_ri(&e->a, ALU_AND, false, d, (int32_t)((1u << len) - 1));
    } else {
        x64_shift_ri(&e->a, SH_SHL, w, d, width - pos - len);
        x64_shift_ri(&e->a, sign ? SH_SAR : SH_SHR, w, d, width - len);
    }
}

void x64_op_ZEXT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_field(e, id, insn, 0, insn->imm, false);
}

void x64_op_SEXT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_field(e, id, insn, 0, insn->imm, true);
}

void x64_op_EXTRACT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_field(e, id, insn, insn->imm & 0xff, insn->imm >> 8, false);
}

void x64_op_SEXTRACT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_field(e, id, insn, insn->imm & 0xff, insn->imm >> 8, true);
}

/* a & mask | bits, both constants */
static void x64_deposit_const(X64Emit *e, unsigned id, const IrInsn *insn, uint64_t mask,
                              uint64_t bits)
{
    bool w = x64_wide(insn);
    unsigned d = x64_bits_copy(e, id, insn->arg[0]);
    uint64_t keep = ~mask;

    if (!w || keep == (uint64_t)(int32_t)keep) {
        x64_alu_ri(&e->a, ALU_AND, w, d, (int32_t)keep);
    } else {
        x64_mov_imm(&e->a, RCX, keep);
        x64_alu_rr(&e->a, ALU_AND, true, d, RCX);
    }
    if (!bits) {
        return;
    }
    if (!w || bits == (uint64_t)(int32_t)bits) {
        x64_alu_ri(&e->a, ALU_OR, w, d, (int32_t)bits);
    } else {
        x64_mov_imm(&e->a, RCX, bits);
        x64_alu_rr(&e->a, ALU_OR, true, d, RCX);
    }
}

/* Whether no bit of @id from @len up is set, as the operation that makes it tells. */
static bool x64_is_short(const X64Emit *e, unsigned id, unsigned len)
{
    const IrInsn *insn = x64_insn(e, id);

    while (insn->op == IR_ZEXT64 || insn->op == IR_TRUNC) {
        insn = x64_insn(e, insn->arg[0]);
    }
    switch (insn->op) {
    case IR_EXTRACT:
        return insn->imm >> 8 <= len;
    case IR_ZEXT:
        return insn->imm <= len;
    case IR_SETCOND:
        return true;
    case IR_LD:
        return insn->type != IR_V128 && !(insn->imm & IR_MO_SIGN) &&
               8u << (insn->imm & IR_MO_SIZE) <= len;
    case IR_AND:
        return x64_is_const(e, insn->arg[1]) &&
               ir_const_value(x64_insn(e, insn->arg[1])) >> len == 0;
    default:
        return false;
    }
}

/* rcx := the low @len bits of operand @b, alone if @alone. */
static void x64_deposit_load(X64Emit *e, X64Opd b, bool w, unsigned len, bool alone)
{
    X64Op move = len == 8 ? XO_MOVZX8 : XO_MOVZX16;

    if (!alone || (len != 8 && len != 16)) {
        x64_load_opd(e, b, w, RCX);
        if (alone) {
            x64_alu_ri(&e->a, ALU_AND, false, RCX, (int32_t)((1u << len) - 1));
        }
    } else if (b.kind == OPD_MEM) {
        x64_rm(&e->a, move, RCX, b.m);
    } else {
        x64_rr(&e->a, move, RCX, b.reg);
    }
}

/* a & keep | b << pos: the mask is an immediate, the field less than 32 bits or the upper half. */
static void x64_deposit_or(X64Emit *e, unsigned id, const IrInsn *insn, unsigned pos, unsigned len)
{
    bool w = x64_wide(insn), upper = w && pos == 32;
    bool alone = pos + len != (w ? 64 : 32) && !x64_is_short(e, insn->arg[1], len);
    X64Opd a = x64_where_locked(e, insn->arg[0]), b = x64_where_locked(e, insn->arg[1]);
    bool loaded = alone || b.kind != OPD_REG || pos > 3;
    unsigned d, from = RCX;

    if (loaded) {
        x64_deposit_load(e, b, w, len, alone);
    }
    x64_kill_args(e);
    d = x64_def_near(e, id, a);
    if (!loaded && d == b.reg) {
        x64_load_opd(e, b, w, RCX);
    } else if (!loaded) {
        from = b.reg;
    }
    if (upper) {
        x64_load_opd(e, a, false, d);
    } else {
        if (a.kind != OPD_REG || a.reg != d) {
            x64_load_opd(e, a, w, d);
        }
        x64_alu_ri(&e->a, ALU_AND, w, d, (int32_t) ~(((1ull << len) - 1) << pos));
    }
    if (pos && pos <= 3) {
        x64_rm(&e->a, XO_LEA | X_W_IF(w), d, x64_mem_index((X64Reg)d, (X64Reg)from, pos, 0));
        return;
    }
    if (pos) {
        x64_shift_ri(&e->a, SH_SHL, w, from, pos);
    }
    x64_alu_rr(&e->a, ALU_OR, w, d, from);
}

void x64_op_DEPOSIT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn);
    unsigned pos = insn->imm & 0xff, len = insn->imm >> 8, width = w ? 64 : 32;
    uint64_t field = len == 64 ? UINT64_MAX : (1ull << len) - 1;

    x64_flags_save(e);
    if (len == width) {
        x64_load(e, insn->arg[1], RAX);
        x64_result(e, id, RAX);
        return;
    }
    if (x64_is_const(e, insn->arg[1])) {
        x64_deposit_const(e, id, insn, field << pos,
                          (ir_const_value(x64_insn(e, insn->arg[1])) & field) << pos);
        return;
    }
    if (!x64_is_const(e, insn->arg[0]) && len <= 32 &&
        (!w || pos + len < 32 || (pos == 32 && len == 32))) {
        x64_deposit_or(e, id, insn, pos, len);
        return;
    }
    /* Rotate the field to the bottom, drop it, shift the new one in, rotate back. */
    x64_load(e, insn->arg[1], RCX);
    x64_load(e, insn->arg[0], RAX);
    x64_shift_ri(&e->a, SH_SHL, w, RCX, width - len);
    if (pos) {
        x64_shift_ri(&e->a, SH_ROR, w, RAX, pos);
    }
    x64_shift_ri(&e->a, SH_SHR, w, RAX, len);
    x64_rri(&e->a, XO_SHLD_I | X_W_IF(w), RCX, RAX, (uint8_t)len);
    if (pos) {
        x64_shift_ri(&e->a, SH_ROL, w, RAX, pos);
    }
    x64_result(e, id, RAX);
}

/* ---- comparisons ---- */

void x64_op_SETCOND(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Cc cc = x64_compare(e, insn);

    x64_setcc(&e->a, cc, RCX);
    x64_kill_args(e);
    x64_rr(&e->a, XO_MOVZX8, x64_def(e, id), RCX);
    e->cond_id = (uint16_t)id;
    e->cond_cc = (uint8_t)cc;
}

/* Whether EFLAGS hold the comparison that made @id: *@cc is true where that is not 0. */
static bool x64_compared(const X64Emit *e, unsigned id, X64Cc *cc)
{
    while (x64_insn(e, id)->op == IR_TRUNC || x64_insn(e, id)->op == IR_ZEXT64) {
        id = x64_insn(e, id)->arg[0];
    }
    *cc = (X64Cc)e->cond_cc;
    return id == e->cond_id && id;
}

X64Cc x64_compare(X64Emit *e, const IrInsn *insn)
{
    static const uint8_t cc[] = {
        [IR_EQ] = CC_E,  [IR_NE] = CC_NE, [IR_LTU] = CC_B,  [IR_GEU] = CC_AE, [IR_LEU] = CC_BE,
        [IR_GTU] = CC_A, [IR_LTS] = CC_L, [IR_GES] = CC_GE, [IR_LES] = CC_LE, [IR_GTS] = CC_G,
    };
    bool w = x64_wide(x64_insn(e, insn->arg[0]));
    bool zero = x64_is_const(e, insn->arg[1]) && !ir_const_value(x64_insn(e, insn->arg[1]));
    X64Cc made;

    if (zero && (insn->sub & 15) <= IR_NE && x64_compared(e, insn->arg[0], &made)) {
        return (X64Cc)(made ^ ((insn->sub & 15) == IR_EQ));
    }
    x64_flags_save(e);
    if (x64_folded(e, insn->arg[0]) || zero) {
        x64_test(e, insn->arg[0]);
        return (X64Cc)cc[insn->sub & 15];
    }

    unsigned a = x64_reg(e, insn->arg[0], RCX);
    X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

    if (b.kind == OPD_IMM) {
        x64_alu_ri(&e->a, ALU_CMP, w, a, (int32_t)b.imm);
    } else if (b.kind == OPD_MEM) {
        x64_alu_rm(&e->a, ALU_CMP, w, a, b.m);
    } else {
        x64_alu_rr(&e->a, ALU_CMP, w, a, b.reg);
    }
    return (X64Cc)cc[insn->sub & 15];
}

void x64_op_SELECT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(insn), cw = x64_wide(x64_insn(e, insn->arg[0]));

    x64_flags_save(e);
    if (insn->type == IR_V128) {
        X64Label other = X64_LABEL;
        unsigned c = x64_reg(e, insn->arg[0], RCX);
        unsigned x = x64_xreg(e, insn->arg[1], 1), y = x64_xreg(e, insn->arg[2], 2);
        unsigned d = x64_xdef(e, id);

        x64_rr(&e->a, XO_TEST | X_W_IF(cw), c, c);
        x64_vmov(&e->a, d, x);
        x64_jcc(&e->a, CC_NE, &other);
        x64_vmov(&e->a, d, y);
        x64_bind(&e->a, &other);
        return;
    }

    X64Cc cc = CC_NE;

    if (x64_folded(e, insn->arg[0])) {
        cc = x64_compare(e, x64_insn(e, insn->arg[0]));
        e->locked = 0; /* the comparison's operands have been read */
    } else {
        unsigned c = x64_reg(e, insn->arg[0], RAX);

        x64_rr(&e->a, XO_TEST | X_W_IF(cw), c, c);
    }

    unsigned x = x64_reg(e, insn->arg[1], RCX), y = x64_reg(e, insn->arg[2], RDX);

    x64_kill_args(e);

    unsigned d = x64_def(e, id);

    if (d == x) {
        x64_rr(&e->a, (XO_CMOV + (cc ^ 1)) | X_W_IF(w), d, y);
        return;
    }
    if (d != y) {
        x64_mov_rr(&e->a, w, d, y);
    }
    x64_rr(&e->a, (XO_CMOV + cc) | X_W_IF(w), d, x);
}
