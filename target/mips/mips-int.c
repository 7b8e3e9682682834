/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIPS integer instructions. Spec: Volume II-A (MD00086, MD00087).
 *
 * What the architecture leaves open for 32-bit operations on values that are not sign-extended
 * (CPUs of 64 bits) is computed from the low halves.
 */
#include "target/mips/translate.h"

#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

static uint64_t int_overflow(Cpu *cpu)
{
    return mips_helper_raise(cpu, EXC_OV, 0);
}

static uint64_t int_trap(Cpu *cpu)
{
    return mips_helper_raise(cpu, EXC_TR, 0);
}

static const IrHelper int_raise_overflow = { "overflow", (void (*)(void))int_overflow, IR_VOID, 0,
                                             IR_HELPER_RAISES };
static const IrHelper int_raise_trap = { "trap", (void (*)(void))int_trap, IR_VOID, 0,
                                         IR_HELPER_RAISES };

/* ---- shifts ---- */

#define SHIFT32(name, op)                                                     \
    bool mips_##name(Trans *t, const ArgsShift *a)                            \
    {                                                                         \
        mips_set_r32(t, a->rd, ir_##op##i(t->ir, mips_r32(t, a->rt), a->sa)); \
        return true;                                                          \
    }
#define SHIFT64(name, op)                                                 \
    bool mips_##name(Trans *t, const ArgsShift *a)                        \
    {                                                                     \
        if (!mips_is_64(t)) {                                             \
            return false;                                                 \
        }                                                                 \
        mips_set_r(t, a->rd, ir_##op##i(t->ir, mips_r(t, a->rt), a->sa)); \
        return true;                                                      \
    }
#define SHIFTV32(name, op)                                                                 \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                            \
    {                                                                                      \
        mips_set_r32(t, a->rd, ir_op2(t->ir, op, mips_r32(t, a->rt), mips_r32(t, a->rs))); \
        return true;                                                                       \
    }
#define SHIFTV64(name, op)                                                           \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                      \
    {                                                                                \
        if (!mips_is_64(t)) {                                                        \
            return false;                                                            \
        }                                                                            \
        mips_set_r(t, a->rd, ir_op2(t->ir, op, mips_r(t, a->rt), mips_r(t, a->rs))); \
        return true;                                                                 \
    }

SHIFT32(sll, shl)
SHIFT32(srl, shr)
SHIFT32(sra, sar)
SHIFT32(rotr, ror)
SHIFT64(dsll, shl)
SHIFT64(dsrl, shr)
SHIFT64(dsra, sar)
SHIFT64(drotr, ror)
SHIFTV32(sllv, IR_SHL)
SHIFTV32(srlv, IR_SHR)
SHIFTV32(srav, IR_SAR)
SHIFTV32(rotrv, IR_ROR)
SHIFTV64(dsllv, IR_SHL)
SHIFTV64(dsrlv, IR_SHR)
SHIFTV64(dsrav, IR_SAR)
SHIFTV64(drotrv, IR_ROR)

/* ---- sums ---- */

/* The sum or difference of sign-extended halves, which traps where it does not fit. */
static bool int_trapping32(Trans *t, unsigned rd, IrOpcode op, IrVal a, IrVal b)
{
    IrVal wide = ir_op2(t->ir, op, ir_sext64(t->ir, a), ir_sext64(t->ir, b));
    IrVal v = ir_trunc(t->ir, wide);

    ir_raise_if(t->ir, IR_NE, wide, ir_sext64(t->ir, v), &int_raise_overflow);
    mips_set_r32(t, rd, v);
    return true;
}

/* (a ^ v) & (b ^ v) of a sum, (a ^ b) & (a ^ v) of a difference, has the sign bit. */
static bool int_trapping64(Trans *t, unsigned rd, IrOpcode op, IrVal a, IrVal b)
{
    IrVal v = ir_op2(t->ir, op, a, b);
    IrVal x = ir_xor(t->ir, a, op == IR_ADD ? v : b);
    IrVal y = op == IR_ADD ? ir_xor(t->ir, b, v) : ir_xor(t->ir, a, v);

    ir_raise_if(t->ir, IR_LTS, ir_and(t->ir, x, y), ir_i64(t->ir, 0), &int_raise_overflow);
    mips_set_r(t, rd, v);
    return true;
}

bool mips_add(Trans *t, const ArgsR3 *a)
{
    return int_trapping32(t, a->rd, IR_ADD, mips_r32(t, a->rs), mips_r32(t, a->rt));
}

bool mips_sub(Trans *t, const ArgsR3 *a)
{
    return int_trapping32(t, a->rd, IR_SUB, mips_r32(t, a->rs), mips_r32(t, a->rt));
}

bool mips_addi(Trans *t, const ArgsSimm *a)
{
    return int_trapping32(t, a->rt, IR_ADD, mips_r32(t, a->rs), ir_i32(t->ir, (uint32_t)a->imm));
}

bool mips_dadd(Trans *t, const ArgsR3 *a)
{
    return mips_is_64(t) && int_trapping64(t, a->rd, IR_ADD, mips_r(t, a->rs), mips_r(t, a->rt));
}

bool mips_dsub(Trans *t, const ArgsR3 *a)
{
    return mips_is_64(t) && int_trapping64(t, a->rd, IR_SUB, mips_r(t, a->rs), mips_r(t, a->rt));
}

bool mips_daddi(Trans *t, const ArgsSimm *a)
{
    return mips_is_64(t) &&
           int_trapping64(t, a->rt, IR_ADD, mips_r(t, a->rs), ir_i64(t->ir, (uint64_t)a->imm));
}

#define ARITH32(name, op)                                                               \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                         \
    {                                                                                   \
        mips_set_r32(t, a->rd, ir_##op(t->ir, mips_r32(t, a->rs), mips_r32(t, a->rt))); \
        return true;                                                                    \
    }
#define ARITH64(name, op)                                                         \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                   \
    {                                                                             \
        if (!mips_is_64(t)) {                                                     \
            return false;                                                         \
        }                                                                         \
        mips_set_r(t, a->rd, ir_##op(t->ir, mips_r(t, a->rs), mips_r(t, a->rt))); \
        return true;                                                              \
    }
/* Of extended registers the result is extended, but for NOR of zero-extended ones. */
#define LOGIC(name, op)                                                           \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                   \
    {                                                                             \
        mips_set_r(t, a->rd, ir_##op(t->ir, mips_r(t, a->rs), mips_r(t, a->rt))); \
        return true;                                                              \
    }

ARITH32(addu, add)
ARITH32(subu, sub)
ARITH32(mul, mul)
ARITH64(daddu, add)
ARITH64(dsubu, sub)
LOGIC(and, and)
LOGIC(or, or)
LOGIC(xor, xor)

bool mips_nor(Trans *t, const ArgsR3 *a)
{
    if (t->is64) {
        mips_set_r(t, a->rd, ir_not(t->ir, ir_or(t->ir, mips_r(t, a->rs), mips_r(t, a->rt))));
    } else {
        mips_set_r32(t, a->rd, ir_not(t->ir, ir_or(t->ir, mips_r32(t, a->rs), mips_r32(t, a->rt))));
    }
    return true;
}

bool mips_addiu(Trans *t, const ArgsSimm *a)
{
    mips_set_r32(t, a->rt, ir_addi(t->ir, mips_r32(t, a->rs), a->imm));
    return true;
}

bool mips_daddiu(Trans *t, const ArgsSimm *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rt, ir_addi(t->ir, mips_r(t, a->rs), a->imm));
    return true;
}

static bool int_set(Trans *t, unsigned rd, IrCmp cmp, IrVal a, IrVal b)
{
    if (t->is64) {
        mips_set_r(t, rd, ir_setcond(t->ir, IR_I64, cmp, a, b));
    } else {
        mips_set_r32(t, rd, ir_setcond(t->ir, IR_I32, cmp, a, b));
    }
    return true;
}

static IrVal int_const(Trans *t, int64_t v)
{
    return t->is64 ? ir_i64(t->ir, (uint64_t)v) : ir_i32(t->ir, (uint32_t)v);
}

bool mips_slt(Trans *t, const ArgsR3 *a)
{
    return int_set(t, a->rd, IR_LTS, mips_rx(t, a->rs), mips_rx(t, a->rt));
}

bool mips_sltu(Trans *t, const ArgsR3 *a)
{
    return int_set(t, a->rd, IR_LTU, mips_rx(t, a->rs), mips_rx(t, a->rt));
}

bool mips_slti(Trans *t, const ArgsSimm *a)
{
    return int_set(t, a->rt, IR_LTS, mips_rx(t, a->rs), int_const(t, a->imm));
}

bool mips_sltiu(Trans *t, const ArgsSimm *a)
{
    return int_set(t, a->rt, IR_LTU, mips_rx(t, a->rs), int_const(t, a->imm));
}

bool mips_andi(Trans *t, const ArgsUimm *a)
{
    mips_set_r(t, a->rt, ir_andi(t->ir, mips_r(t, a->rs), a->imm));
    return true;
}

bool mips_ori(Trans *t, const ArgsUimm *a)
{
    mips_set_r(t, a->rt, ir_or(t->ir, mips_r(t, a->rs), ir_i64(t->ir, a->imm)));
    return true;
}

bool mips_xori(Trans *t, const ArgsUimm *a)
{
    mips_set_r(t, a->rt, ir_xor(t->ir, mips_r(t, a->rs), ir_i64(t->ir, a->imm)));
    return true;
}

bool mips_lui(Trans *t, const ArgsLui *a)
{
    mips_set_r32(t, a->rt, ir_i32(t->ir, (uint32_t)a->imm << 16));
    return true;
}

/* ---- conditional moves ---- */

static void int_move_if(Trans *t, IrCmp cmp, IrVal a, unsigned rd, unsigned rs)
{
    IrVal zero = ir_type(t->ir, a) == IR_I64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);
    IrVal c = ir_setcond(t->ir, IR_I32, cmp, a, zero);

    mips_set_r(t, rd, ir_select(t->ir, c, mips_r(t, rs), mips_r(t, rd)));
}

bool mips_movz(Trans *t, const ArgsR3 *a)
{
    int_move_if(t, IR_EQ, mips_rx(t, a->rt), a->rd, a->rs);
    return true;
}

bool mips_movn(Trans *t, const ArgsR3 *a)
{
    int_move_if(t, IR_NE, mips_rx(t, a->rt), a->rd, a->rs);
    return true;
}

/* FCSR bits 23 (condition 0) and 25 to 31. */
bool mips_movci(Trans *t, const ArgsMovci *a)
{
    if (mips_check_cp1(t)) {
        IrVal fcsr = ir_get(t->ir, IR_I32, offsetof(MipsCpu, fcr31), 2);

        int_move_if(t, a->tf ? IR_NE : IR_EQ, ir_andi(t->ir, fcsr, 1u << (a->cc ? 24 + a->cc : 23)),
                    a->rd, a->rs);
    }
    return true;
}

/* ---- HI and LO ---- */

static IrVal int_hilo(Trans *t, size_t at)
{
    return ir_get(t->ir, IR_I64, (uint32_t)at, 3);
}

static void int_set_hilo(Trans *t, IrVal hi, IrVal lo)
{
    ir_set(t->ir, offsetof(MipsCpu, hi), 3, hi);
    ir_set(t->ir, offsetof(MipsCpu, lo), 3, lo);
}

/* The halves of a 64-bit result, each extended. */
static void int_set_acc(Trans *t, IrVal acc)
{
    if (t->is64) {
        int_set_hilo(t, ir_sari(t->ir, acc, 32), ir_sext(t->ir, acc, 32));
    } else {
        int_set_hilo(t, ir_shri(t->ir, acc, 32), ir_zext(t->ir, acc, 32));
    }
}

bool mips_mfhi(Trans *t, const ArgsRd *a)
{
    mips_set_r(t, a->rd, int_hilo(t, offsetof(MipsCpu, hi)));
    return true;
}

bool mips_mflo(Trans *t, const ArgsRd *a)
{
    mips_set_r(t, a->rd, int_hilo(t, offsetof(MipsCpu, lo)));
    return true;
}

bool mips_mthi(Trans *t, const ArgsRs *a)
{
    ir_set(t->ir, offsetof(MipsCpu, hi), 3, mips_r(t, a->rs));
    return true;
}

bool mips_mtlo(Trans *t, const ArgsRs *a)
{
    ir_set(t->ir, offsetof(MipsCpu, lo), 3, mips_r(t, a->rs));
    return true;
}

static IrVal int_product(Trans *t, const ArgsR2 *a, bool sign)
{
    IrVal x = mips_r32(t, a->rs), y = mips_r32(t, a->rt);

    if (!sign && !t->is64) { /* they are zero-extended */
        return ir_mul(t->ir, mips_r(t, a->rs), mips_r(t, a->rt));
    }
    return sign ? ir_mul(t->ir, ir_sext64(t->ir, x), ir_sext64(t->ir, y))
                : ir_mul(t->ir, ir_zext64(t->ir, x), ir_zext64(t->ir, y));
}

static bool int_accumulate(Trans *t, const ArgsR2 *a, bool sign, bool subtract)
{
    IrVal hi = int_hilo(t, offsetof(MipsCpu, hi)), lo = int_hilo(t, offsetof(MipsCpu, lo));
    IrVal acc = ir_deposit(t->ir, lo, hi, 32, 32), p = int_product(t, a, sign);

    int_set_acc(t, subtract ? ir_sub(t->ir, acc, p) : ir_add(t->ir, acc, p));
    return true;
}

bool mips_mult(Trans *t, const ArgsR2 *a)
{
    int_set_acc(t, int_product(t, a, true));
    return true;
}

bool mips_multu(Trans *t, const ArgsR2 *a)
{
    int_set_acc(t, int_product(t, a, false));
    return true;
}

bool mips_madd(Trans *t, const ArgsR2 *a)
{
    return int_accumulate(t, a, true, false);
}

bool mips_maddu(Trans *t, const ArgsR2 *a)
{
    return int_accumulate(t, a, false, false);
}

bool mips_msub(Trans *t, const ArgsR2 *a)
{
    return int_accumulate(t, a, true, true);
}

bool mips_msubu(Trans *t, const ArgsR2 *a)
{
    return int_accumulate(t, a, false, true);
}

/* By zero is not defined: as by one, which is what programs have seen of emulators. */
static IrVal int_divisor(Trans *t, IrType type, IrVal y)
{
    IrVal zero = type == IR_I64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);

    return ir_or(t->ir, y, ir_setcond(t->ir, type, IR_EQ, y, zero));
}

static bool int_divide(Trans *t, const ArgsR2 *a, IrOpcode div, IrOpcode rem)
{
    IrVal x = mips_r32(t, a->rs), y = int_divisor(t, IR_I32, mips_r32(t, a->rt));

    int_set_hilo(t, mips_extend(t, ir_op2(t->ir, rem, x, y)),
                 mips_extend(t, ir_op2(t->ir, div, x, y)));
    return true;
}

bool mips_div(Trans *t, const ArgsR2 *a)
{
    return int_divide(t, a, IR_DIVS, IR_REMS);
}

bool mips_divu(Trans *t, const ArgsR2 *a)
{
    return int_divide(t, a, IR_DIVU, IR_REMU);
}

static bool int_pair64(Trans *t, const ArgsR2 *a, IrOpcode hi, IrOpcode lo)
{
    IrVal x = mips_r(t, a->rs), y = mips_r(t, a->rt);

    if (!mips_is_64(t)) {
        return false;
    }
    if (lo == IR_DIVS || lo == IR_DIVU) {
        y = int_divisor(t, IR_I64, y);
    }
    int_set_hilo(t, ir_op2(t->ir, hi, x, y), ir_op2(t->ir, lo, x, y));
    return true;
}

bool mips_dmult(Trans *t, const ArgsR2 *a)
{
    return int_pair64(t, a, IR_MULHS, IR_MUL);
}

bool mips_dmultu(Trans *t, const ArgsR2 *a)
{
    return int_pair64(t, a, IR_MULHU, IR_MUL);
}

bool mips_ddiv(Trans *t, const ArgsR2 *a)
{
    return int_pair64(t, a, IR_REMS, IR_DIVS);
}

bool mips_ddivu(Trans *t, const ArgsR2 *a)
{
    return int_pair64(t, a, IR_REMU, IR_DIVU);
}

/* ---- bits ---- */

bool mips_clz(Trans *t, const ArgsRds *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_CLZ, mips_r32(t, a->rs)));
    return true;
}

bool mips_clo(Trans *t, const ArgsRds *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_CLZ, ir_not(t->ir, mips_r32(t, a->rs))));
    return true;
}

bool mips_dclz(Trans *t, const ArgsRds *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_CLZ, mips_r(t, a->rs)));
    return true;
}

bool mips_dclo(Trans *t, const ArgsRds *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_CLZ, ir_not(t->ir, mips_r(t, a->rs))));
    return true;
}

bool mips_wsbh(Trans *t, const ArgsUnary *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_BSWAP16, mips_r32(t, a->rt)));
    return true;
}

bool mips_seb(Trans *t, const ArgsUnary *a)
{
    mips_set_r32(t, a->rd, ir_sext(t->ir, mips_r32(t, a->rt), 8));
    return true;
}

bool mips_seh(Trans *t, const ArgsUnary *a)
{
    mips_set_r32(t, a->rd, ir_sext(t->ir, mips_r32(t, a->rt), 16));
    return true;
}

bool mips_dsbh(Trans *t, const ArgsUnary *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_BSWAP16, mips_r(t, a->rt)));
    return true;
}

/* Halfwords in reverse order: bytes reversed, then exchanged in each. */
bool mips_dshd(Trans *t, const ArgsUnary *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_BSWAP16, ir_op1(t->ir, IR_BSWAP, mips_r(t, a->rt))));
    return true;
}

bool mips_ext(Trans *t, const ArgsField *a)
{
    mips_set_r32(t, a->rt, ir_extract(t->ir, mips_r32(t, a->rs), a->pos, a->size));
    return true;
}

bool mips_ins(Trans *t, const ArgsField *a)
{
    mips_set_r32(t, a->rt,
                 ir_deposit(t->ir, mips_r32(t, a->rt), mips_r32(t, a->rs), a->pos, a->size));
    return true;
}

bool mips_dext(Trans *t, const ArgsField *a)
{
    if (!mips_is_64(t) || a->pos + a->size > 64) {
        return false;
    }
    mips_set_r(t, a->rt, ir_extract(t->ir, mips_r(t, a->rs), a->pos, a->size));
    return true;
}

bool mips_dins(Trans *t, const ArgsField *a)
{
    if (!mips_is_64(t) || a->pos + a->size > 64) {
        return false;
    }
    mips_set_r(t, a->rt, ir_deposit(t->ir, mips_r(t, a->rt), mips_r(t, a->rs), a->pos, a->size));
    return true;
}

/* ---- traps ---- */

static bool int_trap_if(Trans *t, IrCmp cmp, unsigned rs, IrVal b)
{
    ir_raise_if(t->ir, cmp, mips_rx(t, rs), b, &int_raise_trap);
    return true;
}

#define TRAP(name, cmp)                                       \
    bool mips_##name(Trans *t, const ArgsTrap *a)             \
    {                                                         \
        return int_trap_if(t, cmp, a->rs, mips_rx(t, a->rt)); \
    }
#define TRAPI(name, cmp)                                         \
    bool mips_##name(Trans *t, const ArgsTrapi *a)               \
    {                                                            \
        return int_trap_if(t, cmp, a->rs, int_const(t, a->imm)); \
    }

TRAP(tge, IR_GES)
TRAP(tgeu, IR_GEU)
TRAP(tlt, IR_LTS)
TRAP(tltu, IR_LTU)
TRAP(teq, IR_EQ)
TRAP(tne, IR_NE)
TRAPI(tgei, IR_GES)
TRAPI(tgeiu, IR_GEU)
TRAPI(tlti, IR_LTS)
TRAPI(tltiu, IR_LTU)
TRAPI(teqi, IR_EQ)
TRAPI(tnei, IR_NE)
