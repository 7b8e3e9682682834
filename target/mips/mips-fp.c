/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIPS floating point. Spec: Volume II-A; registers: Volume I-A, 5.5.
 *
 * With Status.FR 0 doubles are pairs of registers, named by the even one: register 2n + 1 is the
 * upper half of what lies in f[2n].
 *
 * Where FCSR enables no exception and flushes nothing, operations are those of the engine, whose
 * flags are FCSR's Flags; Cause, which is the last operation's alone, is found by doing that again:
 * MipsCpu.fp_last.
 */
#include "target/mips/translate.h"

#include "target/mips/fp.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

enum { FMT_S = 16, FMT_D = 17, FMT_W = 20, FMT_L = 21, FMT_PS = 22 };

static const IrHelper fp_op = { "fp", (void (*)(void))mips_helper_fp, IR_I64, 3,
                                IR_HELPER_RAISES | IR_HELPER_WRITES };
static const IrHelper fp_op3 = { "fp3", (void (*)(void))mips_helper_fp3, IR_I64, 4,
                                 IR_HELPER_RAISES | IR_HELPER_WRITES };
static const IrHelper fp_cfc1 = { "cfc1", (void (*)(void))mips_helper_cfc1, IR_I64, 1,
                                  IR_HELPER_RAISES | IR_HELPER_READS };
static const IrHelper fp_ctc1 = { "ctc1", (void (*)(void))mips_helper_ctc1, IR_VOID, 2,
                                  IR_HELPER_RAISES | IR_HELPER_WRITES };

/* ---- registers ---- */

static bool fp_is_fr(const Trans *t)
{
    return t->mode_word & MIPS_MW_FR;
}

static uint32_t fp_at(const Trans *t, unsigned reg, bool is64)
{
    uint32_t base = offsetof(MipsCpu, f), high = 0;

    if (!fp_is_fr(t) && reg & 1) {
        high = is64 ? 0 : 4;
        reg &= ~1u;
    }
    return base + reg * (uint32_t)sizeof(IrV128) + high;
}

static IrVal fp_get32(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_I32, fp_at(t, reg, false), 2);
}

static IrVal fp_get64(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_I64, fp_at(t, reg, true), 3);
}

static void fp_set32(Trans *t, unsigned reg, IrVal v)
{
    ir_set(t->ir, fp_at(t, reg, false), 2, v);
}

static void fp_set64(Trans *t, unsigned reg, IrVal v)
{
    ir_set(t->ir, fp_at(t, reg, true), 3, v);
}

static bool fp_is_wide(unsigned fmt)
{
    return fmt == FMT_D || fmt == FMT_L || fmt == FMT_PS;
}

/* As lane 0 of a vector (a pair: both), for the engine's operations. */
static IrVal fp_getv(Trans *t, unsigned fmt, unsigned reg)
{
    return ir_get(t->ir, IR_V128, fp_at(t, reg, fp_is_wide(fmt)), fp_is_wide(fmt) ? 3 : 2);
}

static void fp_setv(Trans *t, unsigned fmt, unsigned reg, IrVal v)
{
    ir_set(t->ir, fp_at(t, reg, fp_is_wide(fmt)), fp_is_wide(fmt) ? 3 : 2, v);
}

static IrVal fp_get(Trans *t, unsigned fmt, unsigned reg)
{
    return fp_is_wide(fmt) ? fp_get64(t, reg) : ir_zext64(t->ir, fp_get32(t, reg));
}

static void fp_set(Trans *t, unsigned fmt, unsigned reg, IrVal v)
{
    if (fp_is_wide(fmt)) {
        fp_set64(t, reg, v);
    } else {
        fp_set32(t, reg, ir_trunc(t->ir, v));
    }
}

/* With FR 0 an odd register names no double, and there are no long integers and pairs: reserved. */
static bool fp_is_bad(const Trans *t, unsigned fmt, unsigned reg)
{
    return fp_is_wide(fmt) && (reg & 1 || fmt != FMT_D) && !fp_is_fr(t);
}

/* ---- moves ---- */

bool mips_mfc1(Trans *t, const ArgsFmove *a)
{
    if (mips_check_cp1(t)) {
        mips_set_r32(t, a->rt, fp_get32(t, a->fs));
    }
    return true;
}

bool mips_mtc1(Trans *t, const ArgsFmove *a)
{
    if (mips_check_cp1(t)) {
        fp_set32(t, a->fs, mips_r32(t, a->rt));
    }
    return true;
}

/* The upper half: with FR 0 of the pair. */
static uint32_t fp_upper(const Trans *t, unsigned reg)
{
    return fp_at(t, reg, true) + 4;
}

bool mips_mfhc1(Trans *t, const ArgsFmove *a)
{
    if (mips_check_cp1(t)) {
        mips_set_r32(t, a->rt, ir_get(t->ir, IR_I32, fp_upper(t, a->fs), 2));
    }
    return true;
}

bool mips_mthc1(Trans *t, const ArgsFmove *a)
{
    if (mips_check_cp1(t)) {
        ir_set(t->ir, fp_upper(t, a->fs), 2, mips_r32(t, a->rt));
    }
    return true;
}

bool mips_dmfc1(Trans *t, const ArgsFmove *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    if (mips_check_cp1(t)) {
        mips_set_r(t, a->rt, fp_get64(t, a->fs));
    }
    return true;
}

bool mips_dmtc1(Trans *t, const ArgsFmove *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    if (mips_check_cp1(t)) {
        fp_set64(t, a->fs, mips_r(t, a->rt));
    }
    return true;
}

bool mips_cfc1(Trans *t, const ArgsFctl *a)
{
    if (mips_check_cp1(t)) {
        IrVal v = ir_call(t->ir, &fp_cfc1, ir_i64(t->ir, a->fs), IR_NONE, IR_NONE, IR_NONE);

        mips_set_r32(t, a->rt, ir_trunc(t->ir, v));
    }
    return true;
}

bool mips_ctc1(Trans *t, const ArgsFctl *a)
{
    if (mips_check_cp1(t)) {
        ir_call(t->ir, &fp_ctc1, ir_i64(t->ir, a->fs), mips_r(t, a->rt), IR_NONE, IR_NONE);
        mips_trans_leave(t); /* MIPS_MW_FP_EXACT */
    }
    return true;
}

static IrVal fp_condition(Trans *t, unsigned cc)
{
    return ir_andi(t->ir, ir_get(t->ir, IR_I32, offsetof(MipsCpu, fcr31), 2),
                   1u << mips_fcc_bit(cc));
}

bool mips_bc1(Trans *t, const ArgsBc *a)
{
    IrCmp cmp = a->tf ? IR_NE : IR_EQ;
    IrVal zero = ir_i32(t->ir, 0);

    if (!mips_branch_begin(t)) {
        return false;
    }
    if (!mips_check_cp1(t)) {
        return true;
    }
    t->target = t->next + a->offset;
    t->a = fp_condition(t, a->cc);
    t->b = zero;
    if (a->nd) {
        ir_exit_cmp(t->ir, a->tf ? IR_EQ : IR_NE, t->a, zero, t->next + 4);
        t->slot = SLOT_ALWAYS;
    } else {
        t->slot = SLOT_IF;
        t->cmp = cmp;
    }
    return true;
}

/* ---- operations ---- */

static bool fp_is_inline(const Trans *t)
{
    return !(t->mode_word & MIPS_MW_FP_EXACT);
}

static IrDesc fp_desc(unsigned fmt)
{
    return ir_desc(fmt == FMT_D ? 3 : 2, fmt == FMT_PS ? IR_W64 : IR_SCALAR);
}

static uint64_t fp_code(MipsFpOp op, unsigned fmt)
{
    return (uint64_t)op | (uint64_t)fmt << MIPS_FP_FMT_SHIFT;
}

/* What Cause is made of. The builder drops what the next operation replaces unseen. */
static void fp_record(Trans *t, uint64_t op, const IrVal *arg, unsigned n)
{
    ir_set(t->ir, offsetof(MipsCpu, fp_last_op), 2, ir_i32(t->ir, (uint32_t)op));
    for (unsigned k = 0; k < n; k++) {
        ir_set(t->ir, offsetof(MipsCpu, fp_last) + k * 8, 3, arg[k]);
    }
}

static const uint8_t fp_op2[] = {
    [MIPS_FP_ADD] = IR_VFADD - IR_VFADD,
    [MIPS_FP_SUB] = IR_VFSUB - IR_VFADD,
    [MIPS_FP_MUL] = IR_VFMUL - IR_VFADD,
    [MIPS_FP_DIV] = IR_VFDIV - IR_VFADD,
};

static bool fp_three(Trans *t, const ArgsF3 *a, MipsFpOp op)
{
    uint64_t code = fp_code(op, a->fmt);

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, a->fmt, a->fd | a->fs | a->ft)) {
        return false;
    }
    if (fp_is_inline(t)) {
        IrVal arg[2] = { fp_getv(t, a->fmt, a->fs), fp_getv(t, a->fmt, a->ft) };
        IrVal v = ir_v2(t->ir, IR_VFADD + fp_op2[op], fp_desc(a->fmt), arg[0], arg[1]);

        fp_record(t, code, arg, 2);
        fp_setv(t, a->fmt, a->fd, v);
        return true;
    }
    fp_set(t, a->fmt, a->fd,
           ir_call(t->ir, &fp_op, ir_i64(t->ir, code), fp_get(t, a->fmt, a->fs),
                   fp_get(t, a->fmt, a->ft), IR_NONE));
    return true;
}

static bool fp_two(Trans *t, const ArgsF2 *a, MipsFpOp op, unsigned to)
{
    if (fp_is_bad(t, a->fmt, a->fs) || fp_is_bad(t, to, a->fd)) {
        return false;
    }
    fp_set(t, to, a->fd,
           ir_call(t->ir, &fp_op, ir_i64(t->ir, fp_code(op, a->fmt)), fp_get(t, a->fmt, a->fs),
                   ir_i64(t->ir, 0), IR_NONE));
    return true;
}

static IrVal fp_one(Trans *t, unsigned fmt)
{
    return ir_vconst(t->ir, (IrV128){ .u64 = { fmt == FMT_D ? 0x3ff0000000000000 : 0x3f800000 } });
}

/* Square root and reciprocals, which are correctly rounded: of a root, root and quotient each. */
static bool fp_root(Trans *t, const ArgsF2 *a, MipsFpOp op)
{
    IrDesc d = fp_desc(a->fmt);
    IrVal arg, v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_inline(t) || fp_is_bad(t, a->fmt, a->fs | a->fd)) {
        return fp_two(t, a, op, a->fmt);
    }
    v = arg = fp_getv(t, a->fmt, a->fs);
    if (op != MIPS_FP_RECIP) {
        v = ir_v1(t->ir, IR_VFSQRT, d, v);
    }
    if (op != MIPS_FP_SQRT) {
        v = ir_v2(t->ir, IR_VFDIV, d, fp_one(t, a->fmt), v);
    }
    fp_record(t, fp_code(op, a->fmt), &arg, 1);
    fp_setv(t, a->fmt, a->fd, v);
    return true;
}

/* To an integer. */
static bool fp_to_int(Trans *t, const ArgsF2 *a, MipsFpOp op, unsigned to, unsigned round)
{
    unsigned size = to == FMT_L ? 3 : 2;
    IrVal arg, v;
    IrDesc d;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_inline(t) || fp_is_bad(t, a->fmt, a->fs) || fp_is_bad(t, to, a->fd)) {
        return fp_two(t, a, op, to);
    }
    arg = fp_getv(t, a->fmt, a->fs);
    d = ir_desc_with_round(ir_desc_with_variant(fp_desc(a->fmt), 1 | size << 1), round);
    v = ir_v1(t->ir, IR_VFTOI, d, arg);
    v = ir_vextract(t->ir, size == 3 ? IR_I64 : IR_I32, size, 0, false, v);
    fp_record(t, fp_code(op, a->fmt), &arg, 1);
    ir_set(t->ir, fp_at(t, a->fd, size == 3), size, v);
    return true;
}

/* Between formats and from integers. */
static bool fp_convert(Trans *t, const ArgsF2 *a, MipsFpOp op, unsigned to)
{
    IrDesc d = fp_desc(to);
    IrVal arg, v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_inline(t) || fp_is_bad(t, a->fmt, a->fs) || fp_is_bad(t, to, a->fd)) {
        return fp_two(t, a, op, to);
    }
    if (a->fmt == FMT_S || a->fmt == FMT_D) {
        arg = fp_getv(t, a->fmt, a->fs);
        v = ir_v1(t->ir, IR_VFCVT, ir_desc_with_variant(d, a->fmt == FMT_D ? 3 : 2), arg);
    } else {
        IrVal n = a->fmt == FMT_L ? fp_get64(t, a->fs) : fp_get32(t, a->fs);

        arg = fp_get(t, a->fmt, a->fs);
        d = ir_desc_with_variant(d, 1 | (a->fmt == FMT_L ? 3 : 2) << 1);
        v = ir_v1(t->ir, IR_VITOF, d, ir_vfrom(t->ir, n));
    }
    fp_record(t, fp_code(op, a->fmt), &arg, 1);
    fp_setv(t, to, a->fd, v);
    return true;
}

#define FP3(name, op)                           \
    bool mips_##name(Trans *t, const ArgsF3 *a) \
    {                                           \
        return fp_three(t, a, op);              \
    }
#define FP_ROOT(name, op)                       \
    bool mips_##name(Trans *t, const ArgsF2 *a) \
    {                                           \
        return fp_root(t, a, op);               \
    }
#define FP_TO_INT(name, op, to, round)          \
    bool mips_##name(Trans *t, const ArgsF2 *a) \
    {                                           \
        return fp_to_int(t, a, op, to, round);  \
    }
#define FP_CONVERT(name, op, to)                \
    bool mips_##name(Trans *t, const ArgsF2 *a) \
    {                                           \
        return fp_convert(t, a, op, to);        \
    }

FP3(add_f, MIPS_FP_ADD)
FP3(sub_f, MIPS_FP_SUB)
FP3(mul_f, MIPS_FP_MUL)
FP3(div_f, MIPS_FP_DIV)
FP_ROOT(sqrt_f, MIPS_FP_SQRT)
FP_ROOT(recip, MIPS_FP_RECIP)
FP_ROOT(rsqrt, MIPS_FP_RSQRT)
FP_TO_INT(round_l, MIPS_FP_ROUND_L, FMT_L, FP_RNE)
FP_TO_INT(trunc_l, MIPS_FP_TRUNC_L, FMT_L, FP_RTZ)
FP_TO_INT(ceil_l, MIPS_FP_CEIL_L, FMT_L, FP_RUP)
FP_TO_INT(floor_l, MIPS_FP_FLOOR_L, FMT_L, FP_RDN)
FP_TO_INT(round_w, MIPS_FP_ROUND_W, FMT_W, FP_RNE)
FP_TO_INT(trunc_w, MIPS_FP_TRUNC_W, FMT_W, FP_RTZ)
FP_TO_INT(ceil_w, MIPS_FP_CEIL_W, FMT_W, FP_RUP)
FP_TO_INT(floor_w, MIPS_FP_FLOOR_W, FMT_W, FP_RDN)
FP_TO_INT(cvt_w, MIPS_FP_CVT_W, FMT_W, IR_ROUND_ENV)
FP_TO_INT(cvt_l, MIPS_FP_CVT_L, FMT_L, IR_ROUND_ENV)
FP_CONVERT(cvt_s, MIPS_FP_CVT_S, FMT_S)
FP_CONVERT(cvt_d, MIPS_FP_CVT_D, FMT_D)

/* ABS and NEG of legacy FPUs are arithmetic on NaNs (ABS2008 0); what is seen here is the sign. */
static bool fp_bits(Trans *t, const ArgsF2 *a, IrOpcode op)
{
    IrVal v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, a->fmt, a->fs | a->fd)) {
        return false;
    }
    v = fp_getv(t, a->fmt, a->fs);
    fp_setv(t, a->fmt, a->fd, op == IR_NOP ? v : ir_v1(t->ir, op, fp_desc(a->fmt), v));
    return true;
}

bool mips_mov_f(Trans *t, const ArgsF2 *a)
{
    return fp_bits(t, a, IR_NOP);
}

bool mips_abs_f(Trans *t, const ArgsF2 *a)
{
    return fp_bits(t, a, IR_VFABS);
}

bool mips_neg_f(Trans *t, const ArgsF2 *a)
{
    return fp_bits(t, a, IR_VFNEG);
}

static bool fp_move_if(Trans *t, IrCmp cmp, IrVal v, unsigned fmt, unsigned fd, unsigned fs)
{
    IrVal zero = ir_type(t->ir, v) == IR_I64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);
    IrVal c = ir_setcond(t->ir, IR_I32, cmp, v, zero);

    if (fp_is_bad(t, fmt, fd | fs)) {
        return false;
    }
    fp_setv(t, fmt, fd, ir_select(t->ir, c, fp_getv(t, fmt, fs), fp_getv(t, fmt, fd)));
    return true;
}

/* MOVF.PS, MOVT.PS: each half by its own condition. */
static bool fp_move_halves(Trans *t, const ArgsFmovcf *a)
{
    IrVal c[2], v[2];

    if (fp_is_bad(t, FMT_PS, a->fd | a->fs)) {
        return false;
    }
    for (unsigned k = 0; k < 2; k++) {
        uint32_t at = 4 * k;

        c[k] = ir_setcond(t->ir, IR_I32, a->tf ? IR_NE : IR_EQ, fp_condition(t, (a->cc + k) & 7),
                          ir_i32(t->ir, 0));
        v[k] = ir_select(t->ir, c[k], ir_get(t->ir, IR_I32, fp_at(t, a->fs, true) + at, 2),
                         ir_get(t->ir, IR_I32, fp_at(t, a->fd, true) + at, 2));
    }
    ir_set(t->ir, fp_at(t, a->fd, true), 2, v[0]);
    ir_set(t->ir, fp_at(t, a->fd, true) + 4, 2, v[1]);
    return true;
}

bool mips_movcf(Trans *t, const ArgsFmovcf *a)
{
    if (a->fmt == FMT_PS) {
        return !mips_check_cp1(t) || fp_move_halves(t, a);
    }
    return !mips_check_cp1(t) ||
           fp_move_if(t, a->tf ? IR_NE : IR_EQ, fp_condition(t, a->cc), a->fmt, a->fd, a->fs);
}

bool mips_movz_f(Trans *t, const ArgsFmovr *a)
{
    return !mips_check_cp1(t) || fp_move_if(t, IR_EQ, mips_rx(t, a->rt), a->fmt, a->fd, a->fs);
}

bool mips_movn_f(Trans *t, const ArgsFmovr *a)
{
    return !mips_check_cp1(t) || fp_move_if(t, IR_NE, mips_rx(t, a->rt), a->fmt, a->fd, a->fs);
}

/* Whether the condition (less 4, equal 2, unordered 1) holds, 0 or 1. */
static IrVal fp_holds(Trans *t, IrVal f, unsigned cond)
{
    static const uint8_t conds[8] = {
        [1] = IR_COND_VS, [2] = IR_COND_EQ, [4] = IR_COND_MI,
        [5] = IR_COND_LT, [6] = IR_COND_LS, [7] = IR_COND_LE,
    };

    if (cond == 3) { /* neither less nor greater */
        return ir_or(t->ir, ir_flags_cond(t->ir, f, IR_COND_EQ),
                     ir_flags_cond(t->ir, f, IR_COND_VS));
    }
    return cond ? ir_flags_cond(t->ir, f, (IrCond)conds[cond]) : ir_i32(t->ir, 0);
}

static void fp_compare(Trans *t, const ArgsFcond *a, uint64_t op)
{
    uint32_t fcr31 = offsetof(MipsCpu, fcr31), bit = mips_fcc_bit(a->cc);
    IrVal arg[2] = { fp_getv(t, a->fmt, a->fs), fp_getv(t, a->fmt, a->ft) };
    IrVal f = ir_flags_fcmp(t->ir, a->fmt == FMT_D ? 3 : 2, a->cond & 8, arg[0], arg[1]);
    IrVal v = fp_holds(t, f, a->cond & 7);

    fp_record(t, op, arg, 2);
    ir_set(t->ir, fcr31, 2,
           ir_or(t->ir, ir_andi(t->ir, ir_get(t->ir, IR_I32, fcr31, 2), ~(1u << bit)),
                 ir_shli(t->ir, v, bit)));
}

bool mips_c_cond(Trans *t, const ArgsFcond *a)
{
    uint64_t op = fp_code(MIPS_FP_COMPARE, a->fmt) | (uint64_t)a->cond << MIPS_FP_COND_SHIFT |
                  (uint64_t)a->cc << MIPS_FP_CC_SHIFT;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, a->fmt, a->fs | a->ft)) {
        return false;
    }
    if (fp_is_inline(t) && a->fmt != FMT_PS) {
        fp_compare(t, a, op);
        return true;
    }
    ir_call(t->ir, &fp_op, ir_i64(t->ir, op), fp_get(t, a->fmt, a->fs), fp_get(t, a->fmt, a->ft),
            IR_NONE);
    return true;
}

/* Product and sum are rounded each (Volume II-A, MADD.fmt). */
static void fp_madd(Trans *t, const ArgsF4 *a, uint64_t op)
{
    IrDesc d = fp_desc(a->fmt);
    IrVal arg[3] = { fp_getv(t, a->fmt, a->fs), fp_getv(t, a->fmt, a->ft),
                     fp_getv(t, a->fmt, a->fr) };
    IrVal v = ir_v2(t->ir, IR_VFMUL, d, arg[0], arg[1]);

    v = ir_v2(t->ir, a->op & 1 ? IR_VFSUB : IR_VFADD, d, v, arg[2]);
    fp_record(t, op, arg, 3);
    fp_setv(t, a->fmt, a->fd, a->op & 2 ? ir_v1(t->ir, IR_VFNEG, d, v) : v);
}

bool mips_madd_f(Trans *t, const ArgsF4 *a)
{
    uint64_t op = fp_code(MIPS_FP_MADD + a->op, a->fmt);

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, a->fmt, a->fd | a->fs | a->ft | a->fr)) {
        return false;
    }
    if (fp_is_inline(t)) {
        fp_madd(t, a, op);
        return true;
    }
    fp_set(t, a->fmt, a->fd,
           ir_call(t->ir, &fp_op3, ir_i64(t->ir, op), fp_get(t, a->fmt, a->fs),
                   fp_get(t, a->fmt, a->ft), fp_get(t, a->fmt, a->fr)));
    return true;
}

/* ---- pairs of singles ---- */

/* What raises nothing: Cause is cleared. */
static void fp_no_cause(Trans *t)
{
    uint64_t op = fp_code(MIPS_FP_NOTHING, FMT_W);

    if (fp_is_inline(t)) {
        fp_record(t, op, NULL, 0);
    } else {
        ir_call(t->ir, &fp_op, ir_i64(t->ir, op), ir_i64(t->ir, 0), ir_i64(t->ir, 0), IR_NONE);
    }
}

/* CVT.S.PL, CVT.S.PU: one half. */
bool mips_cvt_s_half(Trans *t, const ArgsF2 *a)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_fr(t)) {
        return false;
    }
    fp_set32(t, a->fd, ir_get(t->ir, IR_I32, fp_at(t, a->fs, true) + (a->fmt ? 0 : 4), 2));
    fp_no_cause(t);
    return true;
}

static void fp_set_pair(Trans *t, unsigned reg, IrVal upper, IrVal lower)
{
    fp_set64(t, reg, ir_deposit(t->ir, ir_zext64(t->ir, lower), ir_zext64(t->ir, upper), 32, 32));
}

bool mips_cvt_ps_s(Trans *t, const ArgsF3 *a)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_fr(t)) {
        return false;
    }
    fp_set_pair(t, a->fd, fp_get32(t, a->fs), fp_get32(t, a->ft));
    return true;
}

/* PLL, PLU, PUL, PUU: a half of fs above one of ft. */
bool mips_ps_halves(Trans *t, const ArgsF4 *a)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_fr(t)) {
        return false;
    }
    fp_set_pair(t, a->fd, ir_get(t->ir, IR_I32, fp_at(t, a->fs, true) + (a->op & 2 ? 4 : 0), 2),
                ir_get(t->ir, IR_I32, fp_at(t, a->ft, true) + (a->op & 1 ? 4 : 0), 2));
    return true;
}

/* By the low bits of rs: 0 fs, 4 the halves next to each other of the two in memory's order. */
bool mips_alnv_ps(Trans *t, const ArgsAlnv *a)
{
    bool be = t->mode_word & MIPS_MW_BE;
    IrVal fs, ft, v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (!fp_is_fr(t)) {
        return false;
    }
    fs = fp_get64(t, a->fs);
    ft = fp_get64(t, a->ft);
    v = be ? ir_op2(t->ir, IR_OR, ir_shli(t->ir, fs, 32), ir_shri(t->ir, ft, 32))
           : ir_op2(t->ir, IR_OR, ir_shli(t->ir, ft, 32), ir_shri(t->ir, fs, 32));
    fp_set64(t, a->fd, ir_select(t->ir, ir_andi(t->ir, mips_r(t, a->rs), 7), v, fs));
    return true;
}

/* ---- memory ---- */

static bool fp_load(Trans *t, unsigned reg, unsigned size, IrVal addr)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, size == 3 ? FMT_D : FMT_S, reg)) {
        return false;
    }
    fp_setv(t, size == 3 ? FMT_D : FMT_S, reg, ir_ld(t->ir, IR_V128, mips_memop(t, size, 0), addr));
    return true;
}

static bool fp_store(Trans *t, unsigned reg, unsigned size, IrVal addr)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    if (fp_is_bad(t, size == 3 ? FMT_D : FMT_S, reg)) {
        return false;
    }
    ir_st(t->ir, mips_memop(t, size, 0), addr, fp_getv(t, size == 3 ? FMT_D : FMT_S, reg));
    return true;
}

bool mips_lwc1(Trans *t, const ArgsFmem *a)
{
    return fp_load(t, a->ft, 2, mips_addr(t, a->base, a->offset));
}

bool mips_ldc1(Trans *t, const ArgsFmem *a)
{
    return fp_load(t, a->ft, 3, mips_addr(t, a->base, a->offset));
}

bool mips_swc1(Trans *t, const ArgsFmem *a)
{
    return fp_store(t, a->ft, 2, mips_addr(t, a->base, a->offset));
}

bool mips_sdc1(Trans *t, const ArgsFmem *a)
{
    return fp_store(t, a->ft, 3, mips_addr(t, a->base, a->offset));
}

static IrVal fp_indexed(Trans *t, unsigned base, unsigned index, uint64_t mask)
{
    IrVal sum = ir_add(t->ir, mips_r(t, base), mips_r(t, index));

    return ir_andi(t->ir, mips_addr_of(t, sum), mask);
}

bool mips_lwxc1(Trans *t, const ArgsFidx *a)
{
    return fp_load(t, a->fd, 2, fp_indexed(t, a->base, a->index, ~0ull));
}

bool mips_ldxc1(Trans *t, const ArgsFidx *a)
{
    return fp_load(t, a->fd, 3, fp_indexed(t, a->base, a->index, ~0ull));
}

/* The low three bits of the address are ignored; with FR 0 not defined, so reserved. */
bool mips_luxc1(Trans *t, const ArgsFidx *a)
{
    if (!fp_is_fr(t)) { /* reserved, where there is the coprocessor */
        return !mips_check_cp1(t);
    }
    return fp_load(t, a->fd, 3, fp_indexed(t, a->base, a->index, ~7ull));
}

bool mips_swxc1(Trans *t, const ArgsSfidx *a)
{
    return fp_store(t, a->fs, 2, fp_indexed(t, a->base, a->index, ~0ull));
}

bool mips_sdxc1(Trans *t, const ArgsSfidx *a)
{
    return fp_store(t, a->fs, 3, fp_indexed(t, a->base, a->index, ~0ull));
}

bool mips_suxc1(Trans *t, const ArgsSfidx *a)
{
    if (!fp_is_fr(t)) {
        return !mips_check_cp1(t);
    }
    return fp_store(t, a->fs, 3, fp_indexed(t, a->base, a->index, ~7ull));
}

bool mips_prefx(Trans *t, const ArgsPrefx *a)
{
    mips_check_cp1(t);
    return true;
}
