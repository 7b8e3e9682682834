/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point of release 6 at run time. Spec: Volume II-A (MD00086, MD00087); IEEE 754-2008. */
#include "target/mips/fp.h"

#include "target/mips/helper.h"

enum { FP6_D = 17 };

/* What differs between the formats; values of singles are in the low half. */
typedef struct Fp6 {
    bool d;
    uint64_t sign, inf, quiet;
} Fp6;

static Fp6 fp6_format(bool d)
{
    return d ? (Fp6){ true, 1ull << 63, 0x7ffull << 52, 1ull << 51 }
             : (Fp6){ false, 1u << 31, 0xff << 23, 1 << 22 };
}

static bool fp6_is_nan(const Fp6 *f, uint64_t a)
{
    return (a & ~f->sign) > f->inf;
}

static uint64_t fp6_minmax(const Fp6 *f, bool max, uint64_t a, uint64_t b, FpEnv *e)
{
    if (f->d) {
        return max ? fp64_maxnum(a, b, e) : fp64_minnum(a, b, e);
    }
    return max ? fp32_maxnum((uint32_t)a, (uint32_t)b, e)
               : fp32_minnum((uint32_t)a, (uint32_t)b, e);
}

/* By magnitude; where these are equal, by sign. */
static uint64_t fp6_magnitude(const Fp6 *f, bool max, uint64_t a, uint64_t b, FpEnv *e)
{
    uint64_t x = a & ~f->sign, y = b & ~f->sign;

    if (fp6_is_nan(f, a) || fp6_is_nan(f, b) || x == y) {
        return fp6_minmax(f, max, a, b, e);
    }
    return (x > y) == max ? a : b;
}

/* Volume II-A, CLASS.fmt: from bit 2, infinity, normal, subnormal, zero; from 6 the positive ones.
 */
static uint64_t fp6_class(const Fp6 *f, uint64_t a)
{
    uint64_t x = a & ~f->sign;
    unsigned kind = x == f->inf ? 0 : x & f->inf ? 1 : x ? 2 : 3;

    if (x > f->inf) {
        return x & f->quiet ? 2 : 1;
    }
    return 1ull << ((a & f->sign ? 2 : 6) + kind);
}

/* Bit 0 unordered, 1 equal, 2 less; 3: every NaN is invalid; 4: the opposite. */
static uint64_t fp6_compare(const Fp6 *f, unsigned cond, uint64_t a, uint64_t b, FpEnv *e)
{
    bool signalling = cond & 8, holds;
    FpCompare r;

    if (f->d) {
        r = signalling ? fp64_compare_signaling(a, b, e) : fp64_compare(a, b, e);
    } else {
        r = signalling ? fp32_compare_signaling((uint32_t)a, (uint32_t)b, e)
                       : fp32_compare((uint32_t)a, (uint32_t)b, e);
    }
    holds = (cond & 1 && r == FP_UNORDERED) || (cond & 2 && r == FP_EQUAL) ||
            (cond & 4 && r == FP_LESS);
    return holds != !!(cond & 16) ? ~0ull : 0;
}

/* c + a * b or c - a * b; a NaN keeps its sign. */
static uint64_t fp6_fma(const Fp6 *f, bool subtract, const uint64_t *arg, FpEnv *e)
{
    uint64_t a = arg[0];

    if (subtract && !fp6_is_nan(f, a)) {
        a ^= f->sign;
    }
    return f->d ? fp64_fma(a, arg[1], arg[2], e)
                : fp32_fma((uint32_t)a, (uint32_t)arg[1], (uint32_t)arg[2], e);
}

static uint64_t fp6_unary(const Fp6 *f, unsigned op, uint64_t a, FpEnv *e)
{
    const uint64_t one = 0x3ff0000000000000;

    if (op == MIPS_FP6_RINT) {
        return f->d ? fp64_round_to_int(a, (FpRound)e->round, true, e)
                    : fp32_round_to_int((uint32_t)a, (FpRound)e->round, true, e);
    }
    if (op == MIPS_FP6_RSQRT) {
        a = f->d ? fp64_sqrt(a, e) : fp32_sqrt((uint32_t)a, e);
    }
    return f->d ? fp64_div(one, a, e) : fp32_div(0x3f800000, (uint32_t)a, e);
}

static uint64_t fp6_do(uint64_t op, const uint64_t *arg, FpEnv *e)
{
    Fp6 f = fp6_format((op >> MIPS_FP_FMT_SHIFT & 0x1f) == FP6_D);

    switch (op & 0xff) {
    case MIPS_FP6_CMP:
        return fp6_compare(&f, op >> MIPS_FP_COND_SHIFT & 31, arg[0], arg[1], e);
    case MIPS_FP6_MADDF:
    case MIPS_FP6_MSUBF:
        return fp6_fma(&f, (op & 0xff) == MIPS_FP6_MSUBF, arg, e);
    case MIPS_FP6_MIN:
    case MIPS_FP6_MAX:
        return fp6_minmax(&f, (op & 0xff) == MIPS_FP6_MAX, arg[0], arg[1], e);
    case MIPS_FP6_MINA:
    case MIPS_FP6_MAXA:
        return fp6_magnitude(&f, (op & 0xff) == MIPS_FP6_MAXA, arg[0], arg[1], e);
    default:
        return fp6_unary(&f, op & 0xff, arg[0], e);
    }
}

uint64_t mips_helper_fp6(Cpu *cpu, uint64_t op, uint64_t a, uint64_t b, uint64_t add)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned cause = 0;
    uint32_t fcr31;
    uint64_t v;
    uint8_t flags;

    if ((op & 0xff) == MIPS_FP6_CLASS) { /* raises nothing, and no Cause is of it */
        Fp6 f = fp6_format((op >> MIPS_FP_FMT_SHIFT & 0x1f) == FP6_D);

        return fp6_class(&f, a);
    }
    fcr31 = mips_fp_control(c);
    mips_fp_set_control(c, fcr31); /* what is pending is in it now */
    v = fp6_do(op, (uint64_t[]){ a, b, add }, &c->fp.env);
    flags = c->fp.env.flags;
    c->fp.env.flags = 0;
    cause = (flags & FP_INVALID ? 16 : 0) | (flags & FP_DIVZERO ? 8 : 0) |
            (flags & FP_OVERFLOW ? 4 : 0) | (flags & FP_UNDERFLOW ? 2 : 0) |
            (flags & FP_INEXACT ? 1 : 0);
    c->fcr31 = (fcr31 & ~(0x3fu << FCSR_CAUSE_SHIFT)) | cause << FCSR_CAUSE_SHIFT;
    if (cause & (fcr31 >> FCSR_ENABLES_SHIFT & 0x1f)) {
        mips_helper_raise(cpu, EXC_FPE, 0);
    } else {
        c->fcr31 |= cause << FCSR_FLAGS_SHIFT;
    }
    return v;
}
