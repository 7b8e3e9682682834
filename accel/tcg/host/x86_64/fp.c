/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point by the host's unit (its MXCSR as C leaves it: to nearest, nothing flushed).
 *
 * The conditions under which it gives the reference's result and flags: the guest rounds to
 * nearest and flushes nothing, its inexact flag stands already, and the result is a normal number
 * greater than the least one (so there was no overflow, underflow, invalid operand or NaN) or an
 * exact zero. Conversions and comparisons look at their operands instead.
 */
#include "accel/tcg/host/x86_64/x64-fp.h"

#include <math.h>
#include <string.h>

typedef union Fp32 {
    uint32_t u;
    float f;
} Fp32;

typedef union Fp64 {
    uint64_t u;
    double f;
} Fp64;

static bool fp_is_plain(const IrFpState *st)
{
    const FpEnv *e = &st->env;

    return e->round == FP_RNE && e->nan_rule == FP_NAN_ARM && !e->flush_inputs && !e->flush_outputs;
}

/* Neither zero, subnormal or least normal, nor infinite or a NaN. */
static bool fp_good32(uint32_t u)
{
    return (u & 0x7fffffff) - 0x00800001 < 0x7f800000 - 0x00800001;
}

static bool fp_good64(uint64_t u)
{
    return (u & INT64_MAX) - 0x0010000000000001 < 0x7ff0000000000000 - 0x0010000000000001;
}

static bool fp_zero32(uint32_t u)
{
    return !(u & 0x7fffffff);
}

static bool fp_zero64(uint64_t u)
{
    return !(u & INT64_MAX);
}

/* Whether a result of zero is exact, and no operand makes an exception: both are finite, and for
 * products and quotients the dividend or a factor is zero. */
static bool fp_zero_ok32(unsigned op, uint32_t a, uint32_t b)
{
    bool finite = (a & 0x7f800000) != 0x7f800000 && (b & 0x7f800000) != 0x7f800000;

    switch (op) {
    case IR_VFADD:
    case IR_VFSUB:
        return finite;
    case IR_VFMUL:
        return finite && (fp_zero32(a) || fp_zero32(b));
    case IR_VFDIV:
        return finite && fp_zero32(a) && !fp_zero32(b);
    default:
        return fp_zero32(a); /* square root */
    }
}

static bool fp_zero_ok64(unsigned op, uint64_t a, uint64_t b)
{
    const uint64_t inf = 0x7ff0000000000000;
    bool finite = (a & inf) != inf && (b & inf) != inf;

    switch (op) {
    case IR_VFADD:
    case IR_VFSUB:
        return finite;
    case IR_VFMUL:
        return finite && (fp_zero64(a) || fp_zero64(b));
    case IR_VFDIV:
        return finite && fp_zero64(a) && !fp_zero64(b);
    default:
        return fp_zero64(a); /* square root */
    }
}

/* ---- arithmetic ---- */

static bool fp_arith32(unsigned op, unsigned n, IrV128 *d, const IrV128 *arg)
{
    for (unsigned i = 0; i < n; i++) {
        Fp32 a = { arg[0].u32[i] }, b = { op == IR_VFSQRT ? 0 : arg[1].u32[i] }, r;

        switch (op) {
        case IR_VFADD:
            r.f = a.f + b.f;
            break;
        case IR_VFSUB:
            r.f = a.f - b.f;
            break;
        case IR_VFMUL:
            r.f = a.f * b.f;
            break;
        case IR_VFDIV:
            r.f = a.f / b.f;
            break;
        default:
            if ((int32_t)a.u < 0) {
                return false;
            }
            r.f = __builtin_sqrtf(a.f);
            break;
        }
        if (!fp_good32(r.u) && !(fp_zero32(r.u) && fp_zero_ok32(op, a.u, b.u))) {
            return false;
        }
        d->u32[i] = r.u;
    }
    return true;
}

static bool fp_arith64(unsigned op, unsigned n, IrV128 *d, const IrV128 *arg)
{
    for (unsigned i = 0; i < n; i++) {
        Fp64 a = { arg[0].u64[i] }, b = { op == IR_VFSQRT ? 0 : arg[1].u64[i] }, r;

        switch (op) {
        case IR_VFADD:
            r.f = a.f + b.f;
            break;
        case IR_VFSUB:
            r.f = a.f - b.f;
            break;
        case IR_VFMUL:
            r.f = a.f * b.f;
            break;
        case IR_VFDIV:
            r.f = a.f / b.f;
            break;
        default:
            if ((int64_t)a.u < 0) {
                return false;
            }
            r.f = __builtin_sqrt(a.f);
            break;
        }
        if (!fp_good64(r.u) && !(fp_zero64(r.u) && fp_zero_ok64(op, a.u, b.u))) {
            return false;
        }
        d->u64[i] = r.u;
    }
    return true;
}

__attribute__((target("fma"))) static bool fp_fma(IrDesc desc, IrV128 *d, const IrV128 *arg)
{
    unsigned variant = ir_desc_variant(desc), n = ir_desc_lanes(desc);

    for (unsigned i = 0; i < n; i++) {
        if (ir_desc_esize(desc) == 2) {
            Fp32 a = { arg[0].u32[i] ^ (variant & 2) << 30 }, r;
            Fp32 b = { arg[1].u32[i] ^ (variant & 1u) << 31 }, c = { arg[2].u32[i] };

            r.f = __builtin_fmaf(b.f, c.f, a.f);
            if (!fp_good32(r.u)) {
                return false;
            }
            d->u32[i] = r.u;
        } else {
            Fp64 a = { arg[0].u64[i] ^ (uint64_t)(variant & 2) << 62 }, r;
            Fp64 b = { arg[1].u64[i] ^ (uint64_t)(variant & 1) << 63 }, c = { arg[2].u64[i] };

            r.f = __builtin_fma(b.f, c.f, a.f);
            if (!fp_good64(r.u)) {
                return false;
            }
            d->u64[i] = r.u;
        }
    }
    return true;
}

/* ---- conversions ---- */

/* To integers, towards zero, signed, in range. */
static bool fp_to_int(IrDesc desc, IrV128 *d, const IrV128 *arg)
{
    unsigned variant = ir_desc_variant(desc), to = variant >> 1 & 3, n = ir_desc_lanes(desc);

    if (ir_desc_immediate(desc) || ir_desc_round(desc) != FP_RTZ || !(variant & 1) || to < 2) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        double limit = to == 2 ? 0x1p31 : 0x1p63;
        double a = ir_desc_esize(desc) == 2 ? (double)((Fp32){ arg[0].u32[i] }).f
                                            : ((Fp64){ arg[0].u64[i] }).f;

        if (!(fabs(a) < limit)) {
            return false;
        }
        if (to == 2) {
            d->s32[i] = (int32_t)a;
        } else {
            d->s64[i] = (int64_t)a;
        }
    }
    return true;
}

/* From signed integers. */
static bool fp_from_int(IrDesc desc, IrV128 *d, const IrV128 *arg)
{
    unsigned variant = ir_desc_variant(desc), from = variant >> 1 & 3, n = ir_desc_lanes(desc);

    if (ir_desc_immediate(desc) || ir_desc_round(desc) != IR_ROUND_ENV || !(variant & 1) ||
        from < 2) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        int64_t x = from == 2 ? arg[0].s32[i] : arg[0].s64[i];

        if (ir_desc_esize(desc) == 2) {
            Fp32 r = { .f = (float)x };
            d->u32[i] = r.u;
        } else {
            Fp64 r = { .f = (double)x };
            d->u64[i] = r.u;
        }
    }
    return true;
}

/* Between single and double, lane 0. */
static bool fp_convert(IrDesc desc, IrV128 *d, const IrV128 *arg)
{
    unsigned to = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    if (ir_desc_width(desc) != IR_SCALAR) {
        return false;
    }
    if (to == 3 && variant == 2) {
        Fp32 a = { arg[0].u32[0] };
        Fp64 r = { .f = a.f };

        d->u64[0] = r.u;
        return fp_good64(r.u) || fp_zero32(a.u);
    }
    if (to == 2 && variant == 3) {
        Fp64 a = { arg[0].u64[0] };
        Fp32 r = { .f = (float)a.f };

        d->u32[0] = r.u;
        return fp_good32(r.u) || fp_zero64(a.u);
    }
    return false;
}

bool x64_fp_fast(unsigned op, IrDesc desc, IrV128 *d, const IrV128 *arg, const IrFpState *st)
{
    unsigned n = ir_desc_lanes(desc), esize = ir_desc_esize(desc);

    if (esize < 2 || !fp_is_plain(st) || !(st->env.flags & FP_INEXACT)) {
        return false;
    }
    d->u64[0] = d->u64[1] = 0;
    switch (op) {
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFDIV:
    case IR_VFSQRT:
        return esize == 2 ? fp_arith32(op, n, d, arg) : fp_arith64(op, n, d, arg);
    case IR_VFMA:
        return __builtin_cpu_supports("fma") && fp_fma(desc, d, arg);
    case IR_VFTOI:
        return fp_to_int(desc, d, arg);
    case IR_VITOF:
        return fp_from_int(desc, d, arg);
    case IR_VFCVT:
        return fp_convert(desc, d, arg);
    default:
        return false;
    }
}

int x64_fp_fast_compare(const IrV128 *a, const IrV128 *b, unsigned esize, const IrFpState *st)
{
    double x, y;

    if (esize < 2 || !fp_is_plain(st)) {
        return -1;
    }
    if (esize == 2) {
        x = ((Fp32){ a->u32[0] }).f;
        y = ((Fp32){ b->u32[0] }).f;
    } else {
        x = ((Fp64){ a->u64[0] }).f;
        y = ((Fp64){ b->u64[0] }).f;
    }
    return x == y ? 6 : x < y ? 8 : x > y ? 2 : -1;
}
