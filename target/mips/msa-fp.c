/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSA's floating point at run time. Spec: Volume IV-j (MD00866): 3.4.2 (MSACSR), 3.5 (exceptions),
 * chapter 4; NaNs are those of IEEE 754-2008.
 */
#include "target/mips/msa.h"

#include "target/mips/helper.h"

enum {
    CAUSE_I = 1,
    CAUSE_U = 2,
    CAUSE_O = 4,
    CAUSE_Z = 8,
    CAUSE_V = 16,
    CAUSE_E = 32, /* not implemented: always enabled */
    SINGLE_FRACTION = 23,
    DOUBLE_FRACTION = 52,
};

#define SINGLE_ONE 0x3f800000u
#define DOUBLE_ONE 0x3ff0000000000000ull

/* ---- one lane; df is 2 (single) or 3 (double) ---- */

static bool fp_is_nan(uint64_t v, unsigned df)
{
    return df == 2 ? (v & 0x7fffffff) > 0x7f800000 : (v & ~0ull >> 1) > 0x7ff0000000000000ull;
}

static uint64_t fp_sign(unsigned df)
{
    return df == 2 ? 1ull << 31 : 1ull << 63;
}

#define ARITH(name)                                                                       \
    static uint64_t fp_##name(uint64_t a, uint64_t b, unsigned df, FpEnv *e)              \
    {                                                                                     \
        return df == 2 ? fp32_##name((uint32_t)a, (uint32_t)b, e) : fp64_##name(a, b, e); \
    }

ARITH(add)
ARITH(sub)
ARITH(mul)
ARITH(div)
ARITH(minnum)
ARITH(maxnum)
ARITH(compare)
ARITH(compare_signaling)

static uint64_t fp_one(unsigned df)
{
    return df == 2 ? SINGLE_ONE : DOUBLE_ONE;
}

static uint64_t fp_fma(uint64_t a, uint64_t b, uint64_t c, unsigned df, FpEnv *e)
{
    return df == 2 ? fp32_fma((uint32_t)a, (uint32_t)b, (uint32_t)c, e) : fp64_fma(a, b, c, e);
}

static uint64_t fp_sqrt(uint64_t a, unsigned df, FpEnv *e)
{
    return df == 2 ? fp32_sqrt((uint32_t)a, e) : fp64_sqrt(a, e);
}

static uint64_t fp_flush(uint64_t a, unsigned df, FpEnv *e)
{
    uint64_t inf = df == 2 ? 0x7f800000 : 0x7ff0000000000000ull;

    if (!e->flush_inputs || a & inf || !(a & ~fp_sign(df))) {
        return a;
    }
    e->flags |= FP_INPUT_DENORMAL;
    return a & fp_sign(df);
}

/* By magnitude: FMAX_A, FMIN_A. */
static uint64_t fp_by_magnitude(uint64_t a, uint64_t b, unsigned df, bool max, FpEnv *e)
{
    uint64_t x, y;

    a = fp_flush(a, df, e);
    b = fp_flush(b, df, e);
    x = a & ~fp_sign(df);
    y = b & ~fp_sign(df);
    if (fp_is_nan(a, df) || fp_is_nan(b, df) || x == y) {
        return max ? fp_maxnum(a, b, df, e) : fp_minnum(a, b, df, e);
    }
    return (x > y) == max ? a : b;
}

/* A double of exponent @exponent, which is clamped to what normal ones have. */
static uint64_t fp_power(int64_t exponent)
{
    exponent = CLAMP(exponent, -1022, 1023);
    return (uint64_t)(exponent + 1023) << DOUBLE_FRACTION;
}

/* a * 2^n, rounded once. */
static uint64_t fp64_scale(uint64_t a, int64_t n, FpEnv *e)
{
    const uint64_t fields = 0x7ffull << DOUBLE_FRACTION;
    int64_t exponent, want;

    n = CLAMP(n, -5000, 5000);
    a = fp64_mul(a, DOUBLE_ONE, e);
    if ((a & fields) == fields || !(a << 1)) {
        return a;
    }
    if (!(a & fields)) {
        a = fp64_mul(a, fp_power(64), e);
        n -= 64;
    }
    exponent = (int64_t)(a >> DOUBLE_FRACTION & 0x7ff) - 1023;
    want = exponent + n;
    a = (a & ~fields) | fp_power(want);
    if (want > 1023) {
        return fp64_mul(a, fp_power(want - 1023), e);
    }
    return want < -1022 ? fp64_mul(a, fp_power(want + 1022), e) : a;
}

static uint64_t fp_scale(uint64_t a, int64_t n, unsigned df, FpEnv *e)
{
    uint64_t wide;

    if (df == 3) {
        return fp64_scale(a, n, e);
    }
    a = fp32_mul((uint32_t)a, SINGLE_ONE, e);
    wide = fp32_to_fp64((uint32_t)a, e);
    if (fp_is_nan(wide, 3)) {
        return a;
    }
    return fp64_to_fp32(fp64_scale(wide, CLAMP(n, -400, 400), e), e);
}

/* 1 / v: of a finite operand @s an approximation, which is always inexact and no more. */
static uint64_t fp_reciprocal(uint64_t s, uint64_t v, unsigned df, FpEnv *e)
{
    uint64_t inf = df == 2 ? 0x7f800000 : 0x7ff0000000000000ull;

    v = fp_div(fp_one(df), v, df, e);
    e->flags &= FP_INVALID | FP_DIVZERO | FP_INPUT_DENORMAL;
    if (!e->flags && (s & inf) != inf) {
        e->flags = FP_INEXACT;
    }
    return v;
}

/* Halves are not flushed by the conversions themselves. */
static uint64_t fp_flush16(uint64_t v, uint8_t flags, FpEnv *e)
{
    if (!e->flush_inputs || v & 0x7c00 || !(v & 0x3ff)) {
        return v;
    }
    e->flags |= flags;
    return v & 0x8000;
}

/* The exponent, logB of IEEE 754-2008. */
static uint64_t fp_log2(uint64_t a, unsigned df, FpEnv *e)
{
    unsigned fraction = df == 2 ? SINGLE_FRACTION : DOUBLE_FRACTION;
    uint64_t inf = df == 2 ? 0x7f800000 : 0x7ff0000000000000ull, magnitude;
    int64_t v;

    if (fp_is_nan(a, df)) {
        return fp_mul(a, fp_one(df), df, e);
    }
    magnitude = fp_mul(a, fp_one(df), df, e) & ~fp_sign(df); /* flushes */
    if (a & fp_sign(df) && magnitude) {
        return fp_sqrt(a, df, e); /* invalid */
    }
    if (!magnitude) {
        e->flags |= FP_DIVZERO;
        return inf | fp_sign(df);
    }
    if (magnitude == inf) {
        return inf;
    }
    v = (int64_t)(magnitude >> fraction) - (df == 2 ? 127 : 1023);
    if (!(magnitude >> fraction)) {
        v = 64 - __builtin_clzll(magnitude) - (int64_t)fraction + (df == 2 ? -127 : -1023);
    }
    return df == 2 ? fp32_from_sint(v, 0, FP_RNE, e) : fp64_from_sint(v, 0, FP_RNE, e);
}

/* FCLASS: one bit of ten. */
static uint64_t fp_class(uint64_t a, unsigned df)
{
    unsigned fraction = df == 2 ? SINGLE_FRACTION : DOUBLE_FRACTION;
    uint64_t m = a & ~fp_sign(df), inf = df == 2 ? 0x7f800000 : 0x7ff0000000000000ull;
    unsigned kind = m == inf ? 2 : !m ? 5 : m >> fraction ? 3 : 4;

    if (m > inf) {
        return m >> (fraction - 1) & 1 ? 2 : 1;
    }
    return 1u << (kind + (a & fp_sign(df) ? 0 : 4));
}

static uint64_t fp_to_int(uint64_t a, unsigned df, bool is_signed, FpRound r, FpEnv *e)
{
    if (df == 2) {
        return is_signed ? (uint64_t)fp32_to_sint((uint32_t)a, 32, 0, r, e)
                         : fp32_to_uint((uint32_t)a, 32, 0, r, e);
    }
    return is_signed ? (uint64_t)fp64_to_sint(a, 64, 0, r, e) : fp64_to_uint(a, 64, 0, r, e);
}

/* Of a lane of half the size, with all but one of its bits behind the point. */
static uint64_t fp_from_fixed(int64_t v, unsigned df, FpEnv *e)
{
    FpRound r = (FpRound)e->round;

    return df == 2 ? fp32_from_sint(v, 15, r, e) : fp64_from_sint(v, 31, r, e);
}

/* FTQ: what is out of range saturates, which is an overflow. */
static uint64_t fp_to_fixed(uint64_t a, unsigned df, FpEnv *e)
{
    unsigned bits = df == 2 ? 16 : 32;
    FpRound r = (FpRound)e->round;
    int64_t v = df == 2 ? fp32_to_sint((uint32_t)a, bits, bits - 1, r, e)
                        : fp64_to_sint(a, bits, bits - 1, r, e);

    if (e->flags & FP_INVALID && !fp_is_nan(a, df)) {
        e->flags = (uint8_t)((e->flags & ~FP_INVALID) | FP_OVERFLOW | FP_INEXACT);
    }
    return (uint64_t)v;
}

/* ---- exceptions ---- */

static FpEnv fp_env(const MipsCpu *c)
{
    static const uint8_t round[4] = { FP_RNE, FP_RTZ, FP_RUP, FP_RDN };

    return (FpEnv){
        .round = round[c->msacsr & MSACSR_RM],
        .nan_rule = FP_NAN_MIPS_2008,
        .flush_inputs = c->msacsr & MSACSR_FS,
        .flush_outputs = c->msacsr & MSACSR_FS,
        .flush_inexact = true,
        /* What is tiny before it is rounded is flushed, as QEMU 7.2 has it. */
        .tiny_after_rounding = !(c->msacsr & MSACSR_FS),
    };
}

/* What a lane's flags are in Cause. */
static unsigned fp_cause(uint8_t flags, unsigned enables)
{
    unsigned v = (flags & FP_INVALID ? CAUSE_V : 0) | (flags & FP_DIVZERO ? CAUSE_Z : 0) |
                 (flags & FP_OVERFLOW ? CAUSE_O : 0) | (flags & FP_UNDERFLOW ? CAUSE_U : 0) |
                 (flags & FP_INEXACT ? CAUSE_I : 0);

    if (flags & FP_INPUT_DENORMAL) {
        v |= CAUSE_I;
    }
    if (v & CAUSE_O && !(enables & CAUSE_O)) {
        v |= CAUSE_I;
    }
    if (v & CAUSE_U && !(enables & CAUSE_U) && !(v & CAUSE_I)) {
        v &= ~(unsigned)CAUSE_U;
    }
    return v;
}

typedef struct MsaFp {
    FpEnv env;
    uint32_t msacsr;
    unsigned op, enables;
} MsaFp;

/* Of the results of these tininess alone is an underflow, where that is enabled. */
static bool fp_is_arithmetic(unsigned op)
{
    return op <= MSA_fexdo || op == MSA_fsqrt;
}

static bool fp_is_tiny(uint64_t v, unsigned bytes_log2)
{
    static const uint64_t exponent[4] = { 0, 0x7c00, 0x7f800000, 0x7ff0000000000000ull };

    return !(v & exponent[bytes_log2 & 3]) && v << (64 - (8u << bytes_log2) + 1);
}

/* Lane done: its Cause; with NX one that would trap gives a signalling NaN that names it. */
static uint64_t fp_lane_done(MsaFp *f, uint64_t v, unsigned bytes_log2)
{
    static const uint64_t snan[4] = { 0, 0x7c00, 0x7f800000, 0x7ff0000000000000ull };
    unsigned cause = fp_cause(f->env.flags, f->enables);

    if (f->op >= MSA_fcaf && f->op <= MSA_fsne) { /* whatever was flushed */
        cause &= CAUSE_V;
    }
    if (f->enables & CAUSE_U && fp_is_arithmetic(f->op) && fp_is_tiny(v, bytes_log2)) {
        cause |= CAUSE_U;
    }
    f->env.flags = 0;
    if (cause & f->enables && f->msacsr & MSACSR_NX) {
        return snan[bytes_log2 & 3] | cause;
    }
    f->msacsr |= cause << MSACSR_CAUSE_SHIFT;
    return v;
}

/* ---- operations ---- */

static uint64_t fp_op3(unsigned op, uint64_t d, uint64_t s, uint64_t t, unsigned df, FpEnv *e)
{
    switch (op) {
    case MSA_fadd:
        return fp_add(s, t, df, e);
    case MSA_fsub:
        return fp_sub(s, t, df, e);
    case MSA_fmul:
        return fp_mul(s, t, df, e);
    case MSA_fdiv:
        return fp_div(s, t, df, e);
    case MSA_fmadd:
        return fp_fma(s, t, d, df, e);
    case MSA_fmsub:
        return fp_fma(fp_is_nan(s, df) ? s : s ^ fp_sign(df), t, d, df, e);
    case MSA_fexp2:
        return fp_scale(s, df == 2 ? (int32_t)t : (int64_t)t, df, e);
    case MSA_fmin:
        return fp_minnum(s, t, df, e);
    case MSA_fmax:
        return fp_maxnum(s, t, df, e);
    default:
        return fp_by_magnitude(s, t, df, op == MSA_fmax_a, e);
    }
}

static uint64_t fp_op2(unsigned op, uint64_t s, unsigned df, FpEnv *e)
{
    FpRound r = (FpRound)e->round;

    switch (op) {
    case MSA_fclass:
        return fp_class(s, df);
    case MSA_ftrunc_s:
    case MSA_ftrunc_u:
        return fp_to_int(s, df, op == MSA_ftrunc_s, FP_RTZ, e);
    case MSA_ftint_s:
    case MSA_ftint_u:
        return fp_to_int(s, df, op == MSA_ftint_s, r, e);
    case MSA_fsqrt:
        return fp_sqrt(s, df, e);
    case MSA_frsqrt:
        return fp_reciprocal(s, fp_sqrt(s, df, e), df, e);
    case MSA_frcp:
        return fp_reciprocal(s, s, df, e);
    case MSA_frint:
        return df == 2 ? fp32_round_to_int((uint32_t)s, r, true, e)
                       : fp64_round_to_int(s, r, true, e);
    case MSA_flog2:
        return fp_log2(s, df, e);
    case MSA_ffint_s:
        return df == 2 ? fp32_from_sint((int32_t)s, 0, r, e) : fp64_from_sint((int64_t)s, 0, r, e);
    default:
        return df == 2 ? fp32_from_uint((uint32_t)s, 0, r, e) : fp64_from_uint(s, 0, r, e);
    }
}

/* Outcomes of a comparison: bits 1 << FpCompare; from MSA_fsaf on (and FSOR, ...) it signals. */
static uint64_t fp_compare_lane(unsigned op, uint64_t s, uint64_t t, unsigned df, FpEnv *e)
{
    enum { LT = 1 << FP_LESS, EQ = 1 << FP_EQUAL, GT = 1 << FP_GREATER, UN = 1 << FP_UNORDERED };
    static const uint8_t set[] = { 0, UN, EQ, UN | EQ, LT, UN | LT, LT | EQ, UN | LT | EQ };
    static const uint8_t negated[] = { LT | EQ | GT, UN | LT | GT, LT | GT };
    unsigned i = op - MSA_fcaf, holds;
    bool signals = (i >= 8 && i < 16) || i >= 19;

    holds = i < 16 ? set[i & 7] : negated[(i - 16) % 3];
    i = (unsigned)(signals ? fp_compare_signaling(s, t, df, e) : fp_compare(s, t, df, e));
    return holds >> i & 1 ? ~0ull : 0;
}

static uint64_t fp_lane(const IrV128 *v, unsigned df, unsigned i)
{
    return df == 1 ? v->u16[i] : df == 2 ? v->u32[i] : v->u64[i];
}

static void fp_put(IrV128 *v, unsigned df, unsigned i, uint64_t x)
{
    if (df == 1) {
        v->u16[i] = (uint16_t)x;
    } else if (df == 2) {
        v->u32[i] = (uint32_t)x;
    } else {
        v->u64[i] = x;
    }
}

/* From lanes of twice the size: ws makes the upper half, wt the lower. */
static void fp_narrow(MsaFp *f, unsigned op, IrV128 *v, const IrV128 *s, const IrV128 *t,
                      unsigned df)
{
    unsigned n = 16u >> df;

    for (unsigned i = 0; i < 2 * n; i++) {
        uint64_t a = fp_lane(i < n ? t : s, df, i % n), x;

        if (op == MSA_ftq) {
            x = fp_to_fixed(a, df, &f->env);
        } else {
            x = df == 2 ? fp_flush16(fp32_to_fp16((uint32_t)a, &f->env), FP_UNDERFLOW | FP_INEXACT,
                                     &f->env)
                        : fp64_to_fp32(a, &f->env);
        }
        fp_put(v, df - 1, i, fp_lane_done(f, x, df - 1));
    }
}

/* From the lanes of half the size of ws's left (upper) or right half. */
static void fp_widen(MsaFp *f, unsigned op, IrV128 *v, const IrV128 *s, unsigned df)
{
    unsigned n = 16u >> df, base = op == MSA_fexupl || op == MSA_ffql ? n : 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t a = fp_lane(s, df - 1, base + i), x;

        if (op == MSA_ffql || op == MSA_ffqr) {
            x = fp_from_fixed(df == 2 ? (int16_t)a : (int32_t)a, df, &f->env);
        } else {
            x = df == 2 ? fp16_to_fp32((uint16_t)fp_flush16(a, FP_INPUT_DENORMAL, &f->env), &f->env)
                        : fp32_to_fp64((uint32_t)a, &f->env);
        }
        fp_put(v, df, i, fp_lane_done(f, x, df));
    }
}

static IrV128 fp_vector(MsaFp *f, unsigned op, const MipsCpu *c, uint64_t regs)
{
    const IrV128 *d = &c->f[regs >> MSA_WD_SHIFT & 31], *s = &c->f[regs >> MSA_WS_SHIFT & 31];
    const IrV128 *t = &c->f[regs >> MSA_WT_SHIFT & 31];
    unsigned df = regs >> MSA_DF_SHIFT & 3;
    IrV128 v = { 0 };

    if (op == MSA_fexdo || op == MSA_ftq) {
        fp_narrow(f, op, &v, s, t, df);
        return v;
    }
    if (op >= MSA_fexupl && op <= MSA_ffqr) {
        fp_widen(f, op, &v, s, df);
        return v;
    }
    for (unsigned i = 0; i < 16u >> df; i++) {
        uint64_t a = fp_lane(s, df, i), b = fp_lane(t, df, i), x;

        if (op >= MSA_fclass) {
            x = fp_op2(op, a, df, &f->env);
        } else if (op >= MSA_fcaf) {
            x = fp_compare_lane(op, a, b, df, &f->env);
        } else {
            x = fp_op3(op, fp_lane(d, df, i), a, b, df, &f->env);
        }
        fp_put(&v, df, i, fp_lane_done(f, x, df));
    }
    return v;
}

/* Vol. IV-j, 3.5.4: where a lane's exception is enabled nothing but Cause changes. */
uint64_t mips_helper_msa_fp(Cpu *cpu, uint64_t op, uint64_t regs)
{
    MipsCpu *c = mips_cpu(cpu);
    MsaFp f = {
        .env = fp_env(c),
        .op = (unsigned)op,
        .msacsr = c->msacsr & ~(0x3fu << MSACSR_CAUSE_SHIFT),
        .enables = (c->msacsr >> MSACSR_ENABLES_SHIFT & 0x1f) | CAUSE_E,
    };
    IrV128 v = fp_vector(&f, (unsigned)op, c, regs);
    unsigned cause = f.msacsr >> MSACSR_CAUSE_SHIFT & 0x3f;

    if (op == MSA_fclass || op == MSA_ffql || op == MSA_ffqr) { /* never an exception */
        c->f[regs >> MSA_WD_SHIFT & 31] = v;
        return 0;
    }
    c->msacsr = f.msacsr;
    if (cause & f.enables) {
        mips_helper_raise(cpu, EXC_MSAFPE, 0);
        return 0;
    }
    c->msacsr |= cause << MSACSR_FLAGS_SHIFT;
    c->f[regs >> MSA_WD_SHIFT & 31] = v;
    return 0;
}

uint64_t mips_helper_ctcmsa(Cpu *cpu, uint64_t reg, uint64_t val)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned enables;

    if (reg != 1) {
        return 0;
    }
    c->msacsr = (uint32_t)val & MSACSR_WRITABLE;
    enables = (c->msacsr >> MSACSR_ENABLES_SHIFT & 0x1f) | CAUSE_E;
    if (c->msacsr >> MSACSR_CAUSE_SHIFT & 0x3f & enables) {
        mips_helper_raise(cpu, EXC_MSAFPE, 0);
    }
    return 0;
}
