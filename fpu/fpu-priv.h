/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unpacked form that the three widths share, and what every file of the folder needs of it.
 * The helpers are always inlined with a constant format, so each width gets code of its own.
 */
#ifndef FPU_FPU_PRIV_H
#define FPU_FPU_PRIV_H

#include "fpu/fpu.h"

#define FP_INLINE      static inline __attribute__((always_inline))
#define FP_LIKELY(x)   __builtin_expect(!!(x), 1)
#define FP_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef unsigned __int128 FpWide;

/* One more rounding: to odd, but overflow gives infinity (Arm BFRound). */
enum { FP_ODD_INF = FP_ODD + 1 };

/* Which control flushes the format's subnormals. */
typedef enum FpFlush {
    FP_FLUSH_NEVER,
    FP_FLUSH_FZ,
    FP_FLUSH_FZ16,
} FpFlush;

typedef struct FpFormat {
    uint8_t width, frac; /* bits in all, bits of the fraction */
    uint8_t flush;       /* FpFlush */
    bool may_be_alt;     /* env->alt_half applies */
    int16_t exp_max;     /* the biased exponent of infinity */
    int16_t bias;
} FpFormat;

static const FpFormat fp_half = { 16, 10, FP_FLUSH_FZ16, false, 31, 15 };
static const FpFormat fp_half_cvt = { 16, 10, FP_FLUSH_NEVER, true, 31, 15 };
static const FpFormat fp_single = { 32, 23, FP_FLUSH_FZ, false, 255, 127 };
static const FpFormat fp_double = { 64, 52, FP_FLUSH_FZ, false, 2047, 1023 };

typedef enum FpClass {
    FP_CLASS_ZERO,
    FP_CLASS_NORMAL,
    FP_CLASS_INF,
    FP_CLASS_QNAN,
    FP_CLASS_SNAN,
} FpClass;

/* A number of FP_CLASS_NORMAL is sig / 2^63 * 2^exp, with bit 63 of sig set. */
typedef struct FpParts {
    uint64_t sig;
    int32_t exp;
    uint8_t cls;
    bool sign;
} FpParts;

/* Round and pack sig / 2^63 * 2^exp; bit 0 of sig may be sticky. */
uint16_t fp_pack16(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env);
uint16_t fp_pack16_cvt(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env);
uint16_t fp_pack_bf16(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env);
uint32_t fp_pack32(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env);
uint64_t fp_pack64(bool sign, int exp, uint64_t sig, unsigned round, FpEnv *env);

/* The result of an operation on @n operands, in order of preference, one or more being a NaN. */
uint64_t fp_nan_pick(const FpFormat *f, const uint64_t *v, unsigned n, FpEnv *env);
/* Raise FP_INVALID and give the default NaN. */
uint64_t fp_invalid(const FpFormat *f, FpEnv *env);
uint64_t fp_default_nan(const FpFormat *f, const FpEnv *env);
bool fp_is_snan(const FpFormat *f, uint64_t a, const FpEnv *env);

FP_INLINE uint64_t fp_sign_bit(const FpFormat *f)
{
    return 1ull << (f->width - 1);
}

FP_INLINE uint64_t fp_frac_mask(const FpFormat *f)
{
    return (1ull << f->frac) - 1;
}

FP_INLINE unsigned fp_exp_of(const FpFormat *f, uint64_t a)
{
    return (a >> f->frac) & f->exp_max;
}

FP_INLINE bool fp_sign_of(const FpFormat *f, uint64_t a)
{
    return (a >> (f->width - 1)) & 1;
}

FP_INLINE uint64_t fp_zero(const FpFormat *f, bool sign)
{
    return sign ? fp_sign_bit(f) : 0;
}

FP_INLINE uint64_t fp_inf(const FpFormat *f, bool sign)
{
    return fp_zero(f, sign) | ((uint64_t)f->exp_max << f->frac);
}

FP_INLINE uint64_t fp_max_normal(const FpFormat *f, bool sign)
{
    return fp_inf(f, sign) - 1;
}

FP_INLINE bool fp_is_nan(const FpFormat *f, uint64_t a)
{
    return (a & (fp_sign_bit(f) - 1)) > fp_inf(f, false);
}

FP_INLINE bool fp_flushes_inputs(const FpFormat *f, const FpEnv *env)
{
    return (f->flush == FP_FLUSH_FZ && env->flush_inputs) ||
           (f->flush == FP_FLUSH_FZ16 && env->flush_inputs16);
}

FP_INLINE bool fp_flushes_outputs(const FpFormat *f, const FpEnv *env)
{
    return (f->flush == FP_FLUSH_FZ && env->flush_outputs) ||
           (f->flush == FP_FLUSH_FZ16 && env->flush_outputs16);
}

/* @a with a subnormal replaced by zero where operands are flushed. */
FP_INLINE uint64_t fp_squash(const FpFormat *f, uint64_t a, FpEnv *env)
{
    if (FP_UNLIKELY(fp_exp_of(f, a) == 0) && fp_flushes_inputs(f, env) && (a & fp_frac_mask(f))) {
        if (f->flush == FP_FLUSH_FZ) {
            env->flags |= FP_INPUT_DENORMAL;
        }
        return a & fp_sign_bit(f);
    }
    return a;
}

/* v >> n, with the lost bits or-ed into bit 0. */
FP_INLINE uint64_t fp_shift_jam(uint64_t v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    if (n >= 64) {
        return v != 0;
    }
    return (v >> n) | ((v << (64 - n)) != 0);
}

FP_INLINE FpWide fp_shift_jam_wide(FpWide v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    if (n >= 128) {
        return v != 0;
    }
    return (v >> n) | ((v << (128 - n)) != 0);
}

/* What to add before dropping the bits of @mask; @odd: the bit above them is set. */
FP_INLINE uint64_t fp_round_add(unsigned round, bool sign, bool odd, uint64_t mask)
{
    switch (round) {
    case FP_RNE:
        return (mask >> 1) + odd;
    case FP_RNA:
        return (mask >> 1) + 1;
    case FP_RUP:
        return sign ? 0 : mask;
    case FP_RDN:
        return sign ? mask : 0;
    case FP_RTZ:
        return 0;
    default:
        return odd ? 0 : mask;
    }
}

FP_INLINE FpParts fp_unpack_special(const FpFormat *f, uint64_t a, FpEnv *env)
{
    FpParts p = { .sign = fp_sign_of(f, a) };

    if (fp_exp_of(f, a) != 0) {
        if (!(a & fp_frac_mask(f))) {
            p.cls = FP_CLASS_INF;
        } else {
            p.cls = fp_is_snan(f, a, env) ? FP_CLASS_SNAN : FP_CLASS_QNAN;
        }
        return p;
    }
    uint64_t frac = fp_squash(f, a, env) & fp_frac_mask(f);
    if (frac) {
        unsigned lead = __builtin_clzll(frac);

        p.cls = FP_CLASS_NORMAL;
        p.sig = frac << lead;
        p.exp = 1 - f->bias + 63 - f->frac - (int)lead;
    }
    return p;
}

FP_INLINE FpParts fp_unpack(const FpFormat *f, uint64_t a, FpEnv *env)
{
    unsigned exp = fp_exp_of(f, a);

    if (FP_UNLIKELY(exp - 1 >= (unsigned)f->exp_max - 1) &&
        !(f->may_be_alt && env->alt_half && exp)) {
        return fp_unpack_special(f, a, env);
    }
    return (FpParts){
        .sig = (1ull << 63) | ((a & fp_frac_mask(f)) << (63 - f->frac)),
        .exp = (int)exp - f->bias,
        .cls = FP_CLASS_NORMAL,
        .sign = fp_sign_of(f, a),
    };
}

FP_INLINE uint64_t fp_pack(const FpFormat *f, bool sign, int exp, uint64_t sig, unsigned round,
                           FpEnv *env)
{
    if (f->width == 64) {
        return fp_pack64(sign, exp, sig, round, env);
    }
    if (f->width == 32) {
        return fp_pack32(sign, exp, sig, round, env);
    }
    return f->may_be_alt ? fp_pack16_cvt(sign, exp, sig, round, env)
                         : fp_pack16(sign, exp, sig, round, env);
}

/* Pack a zero or a normal number. */
FP_INLINE uint64_t fp_pack_parts(const FpFormat *f, FpParts p, unsigned round, FpEnv *env)
{
    return p.cls == FP_CLASS_ZERO ? fp_zero(f, p.sign)
                                  : fp_pack(f, p.sign, p.exp, p.sig, round, env);
}

/* An exact sum of zero is positive, but negative when rounding down. */
FP_INLINE FpParts fp_parts_cancelled(unsigned round)
{
    return (FpParts){ .cls = FP_CLASS_ZERO, .sign = round == FP_RDN };
}

/* x + y, both normal, with at least two low bits of each sig clear. */
FP_INLINE FpParts fp_parts_add(FpParts x, FpParts y, unsigned round)
{
    if (x.exp < y.exp || (x.exp == y.exp && x.sig < y.sig)) {
        FpParts t = x;
        x = y;
        y = t;
    }
    uint64_t big = x.sig >> 1;
    uint64_t small = fp_shift_jam(y.sig >> 1, x.exp - y.exp);
    uint64_t sum = x.sign == y.sign ? big + small : big - small;

    if (sum == 0) {
        return fp_parts_cancelled(round);
    }
    unsigned lead = __builtin_clzll(sum);
    x.sig = sum << lead;
    x.exp += 1 - (int)lead;
    return x;
}

/* x * y, both normal; exact for binary16 and binary32, sticky in bit 0 for binary64. */
FP_INLINE FpParts fp_parts_mul(const FpFormat *f, FpParts x, FpParts y)
{
    FpParts r = { .cls = FP_CLASS_NORMAL, .sign = x.sign ^ y.sign, .exp = x.exp + y.exp + 1 };

    if (f->width < 64) {
        r.sig = (x.sig >> 32) * (y.sig >> 32);
    } else {
        FpWide p = (FpWide)x.sig * y.sig;
        r.sig = (uint64_t)(p >> 64) | ((uint64_t)p != 0);
    }
    if (!(r.sig >> 63)) {
        r.sig <<= 1;
        r.exp--;
    }
    return r;
}

/* x * y + z, all normal (z may be zero), unrounded but for a sticky bit 0. */
FP_INLINE FpParts fp_parts_muladd(const FpFormat *f, FpParts x, FpParts y, FpParts z,
                                  unsigned round)
{
    if (z.cls == FP_CLASS_ZERO) {
        return fp_parts_mul(f, x, y);
    }
    if (f->width < 64) {
        return fp_parts_add(fp_parts_mul(f, x, y), z, round);
    }
    FpWide big = (FpWide)x.sig * y.sig, small = (FpWide)z.sig << 64;
    FpParts r = { .cls = FP_CLASS_NORMAL, .sign = x.sign ^ y.sign, .exp = x.exp + y.exp + 1 };
    int small_exp = z.exp;
    bool subtract = r.sign != z.sign;

    if (!(big >> 127)) {
        big <<= 1;
        r.exp--;
    }
    if (r.exp < small_exp || (r.exp == small_exp && big < small)) {
        FpWide t = big;
        big = small;
        small = t;
        small_exp = r.exp;
        r.exp = z.exp;
        r.sign = z.sign;
    }
    small = fp_shift_jam_wide(small >> 1, r.exp - small_exp);
    FpWide sum = subtract ? (big >> 1) - small : (big >> 1) + small;
    if (sum == 0) {
        return fp_parts_cancelled(round);
    }
    uint64_t high = sum >> 64;
    unsigned lead = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)sum);
    sum <<= lead;
    r.sig = (uint64_t)(sum >> 64) | ((uint64_t)sum != 0);
    r.exp += 1 - (int)lead;
    return r;
}

#endif
