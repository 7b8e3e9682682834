/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Release 6: compact branches, PC-relative instructions, what took the place of removed ones.
 * Spec: MIPS Architecture For Programmers, Volume II-A, release 6 (MD00086, MD00087).
 */
#include "target/mips/translate.h"

#include "target/mips/fp.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"
#include "target/mips/mipsr6-decode.h"

enum { R6_FMT_D = 17, R6_RA = 31 };

/* ---- sums, bits ---- */

static IrVal r6_zero(Trans *t, IrType type)
{
    return type == IR_I64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);
}

bool mipsr6_lsa(Trans *t, const ArgsR6sa *a)
{
    mips_set_r32(t, a->rd,
                 ir_add(t->ir, ir_shli(t->ir, mips_r32(t, a->rs), a->sa), mips_r32(t, a->rt)));
    return true;
}

bool mipsr6_dlsa(Trans *t, const ArgsR6sa *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_add(t->ir, ir_shli(t->ir, mips_r(t, a->rs), a->sa), mips_r(t, a->rt)));
    return true;
}

/* The bytes of rt and rs one behind the other, from byte @sa of the upper end on. */
bool mipsr6_align(Trans *t, const ArgsR6sa *a)
{
    IrVal both = ir_deposit(t->ir, ir_zext64(t->ir, mips_r32(t, a->rs)), mips_r(t, a->rt), 32, 32);

    mips_set_r32(t, a->rd, ir_trunc(t->ir, ir_shri(t->ir, both, 32 - 8u * a->sa)));
    return true;
}

bool mipsr6_dalign(Trans *t, const ArgsR6sa *a)
{
    IrVal rt = mips_r(t, a->rt);

    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, a->sa ? ir_extr(t->ir, rt, mips_r(t, a->rs), 64 - 8u * a->sa) : rt);
    return true;
}

static bool r6_select(Trans *t, const ArgsR6r3 *a, IrCmp cmp)
{
    IrVal rt = mips_rx(t, a->rt);
    IrVal c = ir_setcond(t->ir, IR_I32, cmp, rt, r6_zero(t, ir_type(t->ir, rt)));

    mips_set_r(t, a->rd, ir_select(t->ir, c, mips_r(t, a->rs), ir_i64(t->ir, 0)));
    return true;
}

bool mipsr6_seleqz(Trans *t, const ArgsR6r3 *a)
{
    return r6_select(t, a, IR_EQ);
}

bool mipsr6_selnez(Trans *t, const ArgsR6r3 *a)
{
    return r6_select(t, a, IR_NE);
}

bool mipsr6_aui(Trans *t, const ArgsR6imm *a)
{
    mips_set_r32(t, a->rt, ir_addi(t->ir, mips_r32(t, a->rs), (int32_t)((uint32_t)a->imm << 16)));
    return true;
}

/* An immediate to bits 16, 32 or 48 and up. */
static bool r6_add_upper(Trans *t, unsigned rt, unsigned rs, int64_t imm, unsigned shift)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, rt, ir_addi(t->ir, mips_r(t, rs), (int64_t)((uint64_t)imm << shift)));
    return true;
}

bool mipsr6_daui(Trans *t, const ArgsR6imm *a)
{
    return r6_add_upper(t, a->rt, a->rs, a->imm, 16);
}

bool mipsr6_dahi(Trans *t, const ArgsR6reg *a)
{
    return r6_add_upper(t, a->rt, a->rt, a->offset, 32);
}

bool mipsr6_dati(Trans *t, const ArgsR6reg *a)
{
    return r6_add_upper(t, a->rt, a->rt, a->offset, 48);
}

/* The bits of each byte in reverse: all of them, then the bytes back. */
bool mipsr6_bitswap(Trans *t, const ArgsR6unary *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_BSWAP, ir_op1(t->ir, IR_RBIT, mips_r32(t, a->rt))));
    return true;
}

bool mipsr6_dbitswap(Trans *t, const ArgsR6unary *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_BSWAP, ir_op1(t->ir, IR_RBIT, mips_r(t, a->rt))));
    return true;
}

static bool r6_count(Trans *t, const ArgsR6rds *a, bool is64, bool ones)
{
    IrVal v = is64 ? mips_r(t, a->rs) : mips_r32(t, a->rs);

    if (is64 && !mips_is_64(t)) {
        return false;
    }
    v = ir_op1(t->ir, IR_CLZ, ones ? ir_not(t->ir, v) : v);
    mips_set_r(t, a->rd, ir_zext64(t->ir, v));
    return true;
}

bool mipsr6_clz(Trans *t, const ArgsR6rds *a)
{
    return r6_count(t, a, false, false);
}

bool mipsr6_clo(Trans *t, const ArgsR6rds *a)
{
    return r6_count(t, a, false, true);
}

bool mipsr6_dclz(Trans *t, const ArgsR6rds *a)
{
    return r6_count(t, a, true, false);
}

bool mipsr6_dclo(Trans *t, const ArgsR6rds *a)
{
    return r6_count(t, a, true, true);
}

/* ---- products and quotients ---- */

static bool r6_product32(Trans *t, const ArgsR6r3 *a, bool sign, bool high)
{
    IrVal x = mips_r32(t, a->rs), y = mips_r32(t, a->rt), p;

    p = sign ? ir_mul(t->ir, ir_sext64(t->ir, x), ir_sext64(t->ir, y))
             : ir_mul(t->ir, ir_zext64(t->ir, x), ir_zext64(t->ir, y));
    mips_set_r32(t, a->rd, ir_trunc(t->ir, high ? ir_shri(t->ir, p, 32) : p));
    return true;
}

static bool r6_op64(Trans *t, const ArgsR6r3 *a, IrOpcode op)
{
    IrVal x = mips_r(t, a->rs), y = mips_r(t, a->rt);

    if (!mips_is_64(t)) {
        return false;
    }
    if (op >= IR_DIVU && op <= IR_REMS) { /* by zero is not defined: as in mips-int.c */
        y = ir_or(t->ir, y, ir_setcond(t->ir, IR_I64, IR_EQ, y, ir_i64(t->ir, 0)));
    }
    mips_set_r(t, a->rd, ir_op2(t->ir, op, x, y));
    return true;
}

static bool r6_divide32(Trans *t, const ArgsR6r3 *a, IrOpcode op)
{
    IrVal y = mips_r32(t, a->rt);

    y = ir_or(t->ir, y, ir_setcond(t->ir, IR_I32, IR_EQ, y, ir_i32(t->ir, 0)));
    mips_set_r32(t, a->rd, ir_op2(t->ir, op, mips_r32(t, a->rs), y));
    return true;
}

#define PRODUCT32(name, sign, high)                 \
    bool mipsr6_##name(Trans *t, const ArgsR6r3 *a) \
    {                                               \
        return r6_product32(t, a, sign, high);      \
    }
#define DIVIDE32(name, op)                          \
    bool mipsr6_##name(Trans *t, const ArgsR6r3 *a) \
    {                                               \
        return r6_divide32(t, a, op);               \
    }
#define OP64(name, op)                              \
    bool mipsr6_##name(Trans *t, const ArgsR6r3 *a) \
    {                                               \
        return r6_op64(t, a, op);                   \
    }

PRODUCT32(mul, true, false)
PRODUCT32(muh, true, true)
PRODUCT32(mulu, false, false)
PRODUCT32(muhu, false, true)
DIVIDE32(div, IR_DIVS)
DIVIDE32(mod, IR_REMS)
DIVIDE32(divu, IR_DIVU)
DIVIDE32(modu, IR_REMU)
OP64(dmul, IR_MUL)
OP64(dmuh, IR_MULHS)
OP64(dmulu, IR_MUL)
OP64(dmuhu, IR_MULHU)
OP64(ddiv, IR_DIVS)
OP64(dmod, IR_REMS)
OP64(ddivu, IR_DIVU)
OP64(dmodu, IR_REMU)

/* ---- relative to the pc ---- */

static void r6_set_pc(Trans *t, unsigned reg, IrVal pc)
{
    if (t->is64) {
        mips_set_r(t, reg, pc);
    } else {
        mips_set_r32(t, reg, ir_trunc(t->ir, pc));
    }
}

bool mipsr6_addiupc(Trans *t, const ArgsR6pc *a)
{
    r6_set_pc(t, a->rt, ir_pc(t->ir, t->delta + a->offset));
    return true;
}

bool mipsr6_auipc(Trans *t, const ArgsR6pcu *a)
{
    r6_set_pc(t, a->rt, ir_addi(t->ir, ir_pc(t->ir, t->delta), a->offset));
    return true;
}

bool mipsr6_aluipc(Trans *t, const ArgsR6pcu *a)
{
    IrVal pc = ir_addi(t->ir, ir_pc(t->ir, t->delta), a->offset);

    r6_set_pc(t, a->rt, ir_andi(t->ir, pc, ~0xffffull));
    return true;
}

static IrVal r6_pc_address(Trans *t, int32_t delta)
{
    return mips_addr_of(t, ir_pc(t->ir, delta));
}

bool mipsr6_lwpc(Trans *t, const ArgsR6pc *a)
{
    mips_set_r32(t, a->rt,
                 ir_ld(t->ir, IR_I32, mips_memop(t, 2, 0), r6_pc_address(t, t->delta + a->offset)));
    return true;
}

bool mipsr6_lwupc(Trans *t, const ArgsR6pc *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rt,
               ir_ld(t->ir, IR_I64, mips_memop(t, 2, 0), r6_pc_address(t, t->delta + a->offset)));
    return true;
}

bool mipsr6_ldpc(Trans *t, const ArgsR6pc *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(
        t, a->rt,
        ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), r6_pc_address(t, (t->delta & ~7) + a->offset)));
    return true;
}

/* ---- branches with a delay slot ---- */

static void r6_link(Trans *t, int32_t delta)
{
    r6_set_pc(t, R6_RA, ir_pc(t->ir, delta));
}

/* Not taken, but with a slot of its own: as a branch to what is behind the slot. */
bool mipsr6_nal(Trans *t, const ArgsR6none *a)
{
    r6_link(t, t->delta + 8);
    t->indirect = t->near_known = false;
    t->slot = SLOT_ALWAYS;
    t->target = t->delta + 8;
    return true;
}

bool mipsr6_bal(Trans *t, const ArgsR6bal *a)
{
    r6_link(t, t->delta + 8);
    t->indirect = t->near_known = false;
    t->slot = SLOT_ALWAYS;
    t->target = t->delta + 4 + a->offset;
    return true;
}

static IrVal r6_f(Trans *t, bool is64, unsigned reg)
{
    uint32_t at = offsetof(MipsCpu, f) + reg * (uint32_t)sizeof(IrV128);

    return ir_get(t->ir, is64 ? IR_I64 : IR_I32, at, is64 ? 3 : 2);
}

static void r6_set_f(Trans *t, bool is64, unsigned reg, IrVal v)
{
    uint32_t at = offsetof(MipsCpu, f) + reg * (uint32_t)sizeof(IrV128);

    ir_set(t->ir, at, is64 ? 3 : 2, v);
}

static bool r6_bc1(Trans *t, const ArgsR6bc1 *a, IrCmp cmp)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    t->indirect = t->near_known = false;
    t->slot = SLOT_IF;
    t->cmp = cmp;
    t->a = ir_andi(t->ir, r6_f(t, false, a->ft), 1);
    t->b = ir_i32(t->ir, 0);
    t->target = t->delta + 4 + a->offset;
    return true;
}

bool mipsr6_bc1eqz(Trans *t, const ArgsR6bc1 *a)
{
    return r6_bc1(t, a, IR_EQ);
}

bool mipsr6_bc1nez(Trans *t, const ArgsR6bc1 *a)
{
    return r6_bc1(t, a, IR_NE);
}

/* ---- compact branches: no delay slot; behind one that is not taken no other may stand ---- */

static bool r6_if(Trans *t, IrCmp cmp, IrVal x, IrVal y, int32_t offset)
{
    ir_exit_cmp(t->ir, cmp, x, y, t->delta + 4 + offset);
    t->forbidden = true;
    return true;
}

bool mipsr6_bc(Trans *t, const ArgsR6off *a)
{
    ir_exit(t->ir, t->delta + 4 + a->offset);
    t->ended = true;
    return true;
}

bool mipsr6_balc(Trans *t, const ArgsR6off *a)
{
    r6_link(t, t->delta + 4);
    return mipsr6_bc(t, a);
}

static bool r6_jump(Trans *t, const ArgsR6reg *a, bool link)
{
    IrVal to = mips_addr_of(t, ir_addi(t->ir, mips_r(t, a->rt), a->offset));

    if (link) {
        r6_link(t, t->delta + 4);
    }
    ir_exit_indirect(t->ir, to);
    t->ended = true;
    return true;
}

bool mipsr6_jic(Trans *t, const ArgsR6reg *a)
{
    return r6_jump(t, a, false);
}

bool mipsr6_jialc(Trans *t, const ArgsR6reg *a)
{
    return r6_jump(t, a, true);
}

static bool r6_if_zero(Trans *t, IrCmp cmp, unsigned reg, bool link, int32_t offset)
{
    IrVal v = mips_rx(t, reg);

    if (link) {
        r6_link(t, t->delta + 4);
    }
    return r6_if(t, cmp, v, r6_zero(t, ir_type(t->ir, v)), offset);
}

#define ZERO(name, Args, reg, cmp, link)                    \
    bool mipsr6_##name(Trans *t, const Args *a)             \
    {                                                       \
        return r6_if_zero(t, cmp, a->reg, link, a->offset); \
    }
#define COMPARE(name, cmp)                                                     \
    bool mipsr6_##name(Trans *t, const ArgsR6br2 *a)                           \
    {                                                                          \
        return r6_if(t, cmp, mips_rx(t, a->rs), mips_rx(t, a->rt), a->offset); \
    }

ZERO(beqzc, ArgsR6br1, rs, IR_EQ, false)
ZERO(bnezc, ArgsR6br1, rs, IR_NE, false)
ZERO(blezalc, ArgsR6brt, rt, IR_LES, true)
ZERO(bgtzalc, ArgsR6brt, rt, IR_GTS, true)
ZERO(beqzalc, ArgsR6brt, rt, IR_EQ, true)
ZERO(bnezalc, ArgsR6brt, rt, IR_NE, true)
ZERO(blezc, ArgsR6brt, rt, IR_LES, false)
ZERO(bgtzc, ArgsR6brt, rt, IR_GTS, false)
ZERO(bgezalc, ArgsR6br2, rt, IR_GES, true)
ZERO(bltzalc, ArgsR6br2, rt, IR_LTS, true)
ZERO(bgezc, ArgsR6br2, rt, IR_GES, false)
ZERO(bltzc, ArgsR6br2, rt, IR_LTS, false)
COMPARE(bgeuc, IR_GEU)
COMPARE(bltuc, IR_LTU)
COMPARE(bgec, IR_GES)
COMPARE(bltc, IR_LTS)
COMPARE(beqc, IR_EQ)
COMPARE(bnec, IR_NE)

/* Not 0 where the sum of words does not fit; on 64 bits where an operand is no word, too. */
static IrVal r6_overflow(Trans *t, const ArgsR6br2 *a)
{
    IrVal x = ir_sext64(t->ir, mips_r32(t, a->rs)), y = ir_sext64(t->ir, mips_r32(t, a->rt));
    IrVal sum = ir_add(t->ir, x, y);
    IrVal v = ir_xor(t->ir, sum, ir_sext64(t->ir, ir_trunc(t->ir, sum)));

    if (t->is64) {
        v = ir_or(t->ir, v, ir_xor(t->ir, x, mips_r(t, a->rs)));
        v = ir_or(t->ir, v, ir_xor(t->ir, y, mips_r(t, a->rt)));
    }
    return v;
}

bool mipsr6_bovc(Trans *t, const ArgsR6br2 *a)
{
    return r6_if(t, IR_NE, r6_overflow(t, a), ir_i64(t->ir, 0), a->offset);
}

bool mipsr6_bnvc(Trans *t, const ArgsR6br2 *a)
{
    return r6_if(t, IR_EQ, r6_overflow(t, a), ir_i64(t->ir, 0), a->offset);
}

/* ---- memory ---- */

bool mipsr6_ll(Trans *t, const ArgsR6mem *a)
{
    return mips_load_linked(t, a->rt, a->base, a->offset, 2);
}

bool mipsr6_sc(Trans *t, const ArgsR6mem *a)
{
    return mips_store_conditional(t, a->rt, a->base, a->offset, 2);
}

bool mipsr6_lld(Trans *t, const ArgsR6mem *a)
{
    return mips_is_64(t) && mips_load_linked(t, a->rt, a->base, a->offset, 3);
}

bool mipsr6_scd(Trans *t, const ArgsR6mem *a)
{
    return mips_is_64(t) && mips_store_conditional(t, a->rt, a->base, a->offset, 3);
}

/* Caches are not modelled. */
bool mipsr6_cache(Trans *t, const ArgsR6cache *a)
{
    mips_check_cp0(t);
    return true;
}

/* Hints from 24 on are reserved. */
bool mipsr6_pref(Trans *t, const ArgsR6cache *a)
{
    return a->op < 24;
}

bool mipsr6_sdbbp(Trans *t, const ArgsR6code *a)
{
    mips_trans_raise(t, EXC_BP, 0);
    return true;
}

/* ---- floating point ---- */

static const IrHelper r6_fp = { "fp6", (void (*)(void))mips_helper_fp6, IR_I64, 4,
                                IR_HELPER_RAISES | IR_HELPER_WRITES };

static IrVal r6_f64(Trans *t, unsigned fmt, unsigned reg)
{
    return ir_zext64(t->ir, r6_f(t, fmt == R6_FMT_D, reg));
}

/* @fd is an operand of MADDF and MSUBF. */
static bool r6_fp_op(Trans *t, MipsFp6Op op, unsigned cond, const ArgsR6f3 *a)
{
    uint64_t how = op | a->fmt << MIPS_FP_FMT_SHIFT | cond << MIPS_FP_COND_SHIFT;
    IrVal v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!(t->mode_word & MIPS_MW_FR)) {
        return false;
    }
    v = ir_call(t->ir, &r6_fp, ir_i64(t->ir, how), r6_f64(t, a->fmt, a->fs),
                r6_f64(t, a->fmt, a->ft), r6_f64(t, a->fmt, a->fd));
    r6_set_f(t, a->fmt == R6_FMT_D, a->fd, a->fmt == R6_FMT_D ? v : ir_trunc(t->ir, v));
    return true;
}

bool mipsr6_cmp_f(Trans *t, const ArgsR6cmp *a)
{
    ArgsR6f3 f = { .fmt = (uint8_t)(16 + (a->fmt & 1)), .ft = a->ft, .fs = a->fs, .fd = a->fd };

    return r6_fp_op(t, MIPS_FP6_CMP, a->cond, &f);
}

#define FP3(name, op)                               \
    bool mipsr6_##name(Trans *t, const ArgsR6f3 *a) \
    {                                               \
        return r6_fp_op(t, op, 0, a);               \
    }
#define FP2(name, op)                                                          \
    bool mipsr6_##name(Trans *t, const ArgsR6f2 *a)                            \
    {                                                                          \
        ArgsR6f3 f = { .fmt = a->fmt, .ft = a->fs, .fs = a->fs, .fd = a->fd }; \
                                                                               \
        return r6_fp_op(t, op, 0, &f);                                         \
    }

FP3(maddf, MIPS_FP6_MADDF)
FP3(msubf, MIPS_FP6_MSUBF)
FP3(min_f, MIPS_FP6_MIN)
FP3(mina_f, MIPS_FP6_MINA)
FP3(max_f, MIPS_FP6_MAX)
FP3(maxa_f, MIPS_FP6_MAXA)
FP2(rint_f, MIPS_FP6_RINT)
FP2(class_f, MIPS_FP6_CLASS)
FP2(recip_f, MIPS_FP6_RECIP)
FP2(rsqrt_f, MIPS_FP6_RSQRT)

/* Bit 0 of @by decides between @yes (it is 1) and @no. */
static bool r6_fp_select(Trans *t, const ArgsR6f3 *a, unsigned by, IrVal yes, IrVal no)
{
    IrVal c = ir_andi(t->ir, r6_f(t, false, by), 1);

    r6_set_f(t, a->fmt == R6_FMT_D, a->fd, ir_select(t->ir, c, yes, no));
    return true;
}

bool mipsr6_sel_f(Trans *t, const ArgsR6f3 *a)
{
    bool d = a->fmt == R6_FMT_D;

    return !mips_check_cp1(t) || r6_fp_select(t, a, a->fd, r6_f(t, d, a->ft), r6_f(t, d, a->fs));
}

bool mipsr6_seleqz_f(Trans *t, const ArgsR6f3 *a)
{
    bool d = a->fmt == R6_FMT_D;

    return !mips_check_cp1(t) ||
           r6_fp_select(t, a, a->ft, r6_zero(t, d ? IR_I64 : IR_I32), r6_f(t, d, a->fs));
}

bool mipsr6_selnez_f(Trans *t, const ArgsR6f3 *a)
{
    bool d = a->fmt == R6_FMT_D;

    return !mips_check_cp1(t) ||
           r6_fp_select(t, a, a->ft, r6_f(t, d, a->fs), r6_zero(t, d ? IR_I64 : IR_I32));
}

/* ---- the table before the earlier one ---- */

enum { R6_PAUSE = 5 << 6 }; /* SLL $0, $0, 5 */

/* What may stand in no delay or forbidden slot: branches, jumps, ERET, DERET, WAIT, PAUSE. */
bool mips_r6_is_transfer(uint32_t insn)
{
    static const uint64_t opcodes = 1ull << 2 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 |
                                    1ull << 7 | 1ull << 8 | 1ull << 22 | 1ull << 23 | 1ull << 24 |
                                    1ull << 50 | 1ull << 54 | 1ull << 58 | 1ull << 62;
    unsigned op = insn >> 26, rs = insn >> 21 & 31, rt = insn >> 16 & 31, func = insn & 63;

    if (opcodes >> op & 1 || insn == R6_PAUSE) {
        return true;
    }
    switch (op) {
    case 0:
        return func == 8 || func == 9; /* JR, JALR */
    case 1:
        return (rt & 0xe) == 0; /* BLTZ, BGEZ, NAL, BAL */
    case 16:
        return rs >= 16 && (func == 0x18 || func == 0x1f || func == 0x20);
    case 17:
        return rs == 9 || rs == 13;
    default:
        return false;
    }
}

bool mips_r6_translate(Trans *t, uint32_t insn)
{
    bool forbidden = t->forbidden || t->in_slot;

    t->forbidden = false;
    return !(forbidden && mips_r6_is_transfer(insn)) &&
           (mipsr6_decode_trans(t, insn) || mips_decode_trans(t, insn));
}
