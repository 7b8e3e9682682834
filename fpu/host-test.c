/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpu/ against the host's own floating point: all pairs (triples for fma) of values where something
 * happens, in the four rounding modes, results and flags. Which NaN rule the host has is asked of
 * it.
 */
#include "fpu/fpu.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

#include "tests/unit.h"

enum { MAX_VALUES = 80 };

typedef struct Host {
    uint64_t values[MAX_VALUES];
    unsigned count;
    FpEnv env; /* the host's rules */
    const char *what;
    unsigned wrong;
} Host;

static const int host_rounds[] = {
    [FP_RNE] = FE_TONEAREST, [FP_RUP] = FE_UPWARD, [FP_RDN] = FE_DOWNWARD, [FP_RTZ] = FE_TOWARDZERO
};

static double host_double(uint64_t v)
{
    double d;

    memcpy(&d, &v, sizeof(d));
    return d;
}

static uint64_t host_bits(double d)
{
    uint64_t v;

    memcpy(&v, &d, sizeof(v));
    return v;
}

static float host_float(uint32_t v)
{
    float d;

    memcpy(&d, &v, sizeof(d));
    return d;
}

static uint32_t host_bits32(float d)
{
    uint32_t v;

    memcpy(&v, &d, sizeof(v));
    return v;
}

/* The library's rint: what compilers put in its place is right when rounding to nearest alone. */
static double host_rint(double a)
{
    double (*volatile function)(double) = rint;

    return function(a);
}

static float host_rintf(float a)
{
    float (*volatile function)(float) = rintf;

    return function(a);
}

static uint8_t host_flags(void)
{
    int f = fetestexcept(FE_ALL_EXCEPT);

    return (f & FE_INVALID ? FP_INVALID : 0) | (f & FE_DIVBYZERO ? FP_DIVZERO : 0) |
           (f & FE_OVERFLOW ? FP_OVERFLOW : 0) | (f & FE_UNDERFLOW ? FP_UNDERFLOW : 0) |
           (f & FE_INEXACT ? FP_INEXACT : 0);
}

static void host_init(Host *h, unsigned width)
{
    unsigned frac = width == 64 ? 52 : 23, bias = width == 64 ? 1023 : 127;
    uint64_t sign = 1ull << (width - 1), top = 1ull << frac, inf = (2ull * bias + 1) << frac;
    uint64_t one = (uint64_t)bias << frac;
    const uint64_t positive[] = {
        0,
        1,
        2,
        top / 2,
        top - 1,
        top,
        top + 1,
        2 * top - 1,
        2 * top,
        (frac + 1) * top,
        one - frac * top,
        one - 2 * top,
        one - top,
        one - top + 1,
        one - 1,
        one,
        one + 1,
        one + 2,
        one + top / 2,
        one + top / 2 + 1,
        one + top - 1,
        one + top,
        one + top + top / 4,
        one + top + top / 2,
        one + top * (frac - 1) + 3,
        one + top * frac + 1,
        one + top * 30 + top - 1,
        one + top * 31,
        one + top * 62 + top - 1,
        one + top * 63,
        inf - 2 * top,
        inf - top,
        inf - 2,
        inf - 1,
        inf,
        inf + top / 2 + 5,
        inf + 7,
    };

    memset(h, 0, sizeof(*h));
    for (unsigned i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
        h->values[h->count++] = positive[i];
        h->values[h->count++] = positive[i] | sign;
    }
    volatile double zero = 0;
    bool x86 = host_bits(zero / zero) >> 63;
    h->env.nan_rule = x86 ? FP_NAN_X86 : FP_NAN_ARM;
    h->env.tiny_after_rounding = x86;
}

static bool host_is_nan(uint64_t v)
{
    return v << 1 > 0xffe0000000000000;
}

static void host_check(Host *h, uint64_t ours, uint8_t flags, uint64_t theirs, uint8_t their_flags,
                       const uint64_t *v)
{
    if ((ours != theirs || flags != their_flags) && h->wrong++ < 5) {
        test_fail(__FILE__, __LINE__,
                  "%s %" PRIx64 " %" PRIx64 " %" PRIx64 " round %d: ours %" PRIx64
                  " %02x host %" PRIx64 " %02x",
                  h->what, v[0], v[1], v[2], h->env.round, ours, flags, theirs, their_flags);
    }
}

/* The host's answer. @op: f fma, s sqrt, r rint, n the other width, i to and F from int64. */
static uint64_t host_double_op(char op, const uint64_t *v)
{
    volatile double a = host_double(v[0]), b = host_double(v[1]);

    switch (op) {
    case '+':
        return host_bits(a + b);
    case '-':
        return host_bits(a - b);
    case '*':
        return host_bits(a * b);
    case '/':
        return host_bits(a / b);
    case 'f':
        return host_bits(fma(a, b, host_double(v[2])));
    case 's':
        return host_bits(sqrt(a));
    case 'r':
        return host_bits(host_rint(a));
    case 'n':
        return host_bits32((float)a);
    case 'i':
        return llrint(a);
    case 'F':
        return host_bits((double)(int64_t)v[0]);
    case '<':
        return a < b;
    default:
        return a == b;
    }
}

static uint64_t host_our_double(char op, const uint64_t *v, FpEnv *env)
{
    switch (op) {
    case '+':
        return fp64_add(v[0], v[1], env);
    case '-':
        return fp64_sub(v[0], v[1], env);
    case '*':
        return fp64_mul(v[0], v[1], env);
    case '/':
        return fp64_div(v[0], v[1], env);
    case 'f':
        return fp64_fma(v[0], v[1], v[2], env);
    case 's':
        return fp64_sqrt(v[0], env);
    case 'r':
        return fp64_round_to_int(v[0], env->round, true, env);
    case 'n':
        return fp64_to_fp32(v[0], env);
    case 'i':
        return fp64_to_sint(v[0], 64, 0, env->round, env);
    case 'F':
        return fp64_from_sint(v[0], 0, env->round, env);
    case '<':
        return fp64_compare_signaling(v[0], v[1], env) == FP_LESS;
    default:
        return fp64_eq(v[0], v[1], env);
    }
}

static uint64_t host_float_op(char op, const uint64_t *v)
{
    volatile float a = host_float(v[0]), b = host_float(v[1]);

    switch (op) {
    case '+':
        return host_bits32(a + b);
    case '-':
        return host_bits32(a - b);
    case '*':
        return host_bits32(a * b);
    case '/':
        return host_bits32(a / b);
    case 'f':
        return host_bits32(fmaf(a, b, host_float(v[2])));
    case 's':
        return host_bits32(sqrtf(a));
    case 'r':
        return host_bits32(host_rintf(a));
    case 'n':
        return host_bits((double)a);
    case 'i':
        return llrintf(a);
    case 'F':
        return host_bits32((float)(int64_t)v[0]);
    case '<':
        return a < b;
    default:
        return a == b;
    }
}

static uint64_t host_our_float(char op, const uint64_t *v, FpEnv *env)
{
    switch (op) {
    case '+':
        return fp32_add(v[0], v[1], env);
    case '-':
        return fp32_sub(v[0], v[1], env);
    case '*':
        return fp32_mul(v[0], v[1], env);
    case '/':
        return fp32_div(v[0], v[1], env);
    case 'f':
        return fp32_fma(v[0], v[1], v[2], env);
    case 's':
        return fp32_sqrt(v[0], env);
    case 'r':
        return fp32_round_to_int(v[0], env->round, true, env);
    case 'n':
        return fp32_to_fp64(v[0], env);
    case 'i':
        return fp32_to_sint(v[0], 64, 0, env->round, env);
    case 'F':
        return fp32_from_sint(v[0], 0, env->round, env);
    case '<':
        return fp32_compare_signaling(v[0], v[1], env) == FP_LESS;
    default:
        return fp32_eq(v[0], v[1], env);
    }
}

/* Which NaN of several a commutative operation gives is the compiler's choice of operand order. */
static bool host_nan_is_open(char op, unsigned width, const uint64_t *v)
{
    unsigned nans = 0;

    for (unsigned i = 0; i < (op == 'f' ? 3 : 2); i++) {
        nans += host_is_nan(width == 64 ? v[i] : v[i] << 32 | ((v[i] & 0x7fffff) ? 0xe0000000 : 0));
    }
    return nans > 1 && strchr("+*f", op);
}

static void host_one(Host *h, unsigned width, char op, const uint64_t *v)
{
    FpEnv env = h->env;
    uint64_t ours = width == 64 ? host_our_double(op, v, &env) : host_our_float(op, v, &env);

    feclearexcept(FE_ALL_EXCEPT);
    uint64_t theirs = width == 64 ? host_double_op(op, v) : host_float_op(op, v);
    uint8_t flags = host_flags();
    host_check(h, ours, env.flags, host_nan_is_open(op, width, v) ? ours : theirs, flags, v);
}

static void host_run(unsigned width, char op, const char *what, unsigned operands)
{
    Host h;

    host_init(&h, width);
    h.what = what;
    for (unsigned round = FP_RNE; round <= FP_RTZ; round++) {
        h.env.round = round;
        fesetround(host_rounds[round]);
        for (unsigned i = 0; i < h.count; i++) {
            for (unsigned j = 0; j < (operands > 1 ? h.count : 1); j++) {
                for (unsigned k = 0; k < (operands > 2 ? h.count : 1); k += 5) {
                    unsigned third = (k + i + j) % h.count;
                    host_one(&h, width, op,
                             (uint64_t[]){ h.values[i], h.values[j], h.values[third] });
                }
            }
        }
        fesetround(FE_TONEAREST);
    }
    EXPECT_EQ(h.wrong, 0);
    EXPECT(h.count > 60);
}

static void host_run_both(char op, const char *what, unsigned operands)
{
    host_run(64, op, what, operands);
    host_run(32, op, what, operands);
}

TEST(fpu_host, add)
{
    host_run_both('+', "add", 2);
}

TEST(fpu_host, sub)
{
    host_run_both('-', "sub", 2);
}

TEST(fpu_host, mul)
{
    host_run_both('*', "mul", 2);
}

TEST(fpu_host, div)
{
    host_run_both('/', "div", 2);
}

TEST(fpu_host, fma)
{
    host_run_both('f', "fma", 3);
}

TEST(fpu_host, sqrt)
{
    host_run_both('s', "sqrt", 1);
}

TEST(fpu_host, rint)
{
    host_run_both('r', "rint", 1);
}

TEST(fpu_host, convert_format)
{
    host_run_both('n', "to the other width", 1);
}

TEST(fpu_host, convert_int)
{
    host_run_both('i', "to int64", 1);
    host_run_both('F', "from int64", 1);
}

TEST(fpu_host, compare)
{
    host_run_both('<', "less", 2);
    host_run_both('=', "equal", 2);
}
