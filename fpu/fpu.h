/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point, exact to the bit, with its environment in an argument.
 * Spec: IEEE 754-2008; Arm ARM DDI 0487, shared pseudocode "Floating point".
 *
 * Values are bit patterns: uint16_t (binary16), uint32_t (binary32), uint64_t (binary64).
 * Every function raises its exceptions into env->flags (sticky) and touches nothing else.
 * Integer arithmetic only; no function allocates, calls out, or keeps state.
 */
#ifndef FPU_FPU_H
#define FPU_FPU_H

#include <stdbool.h>
#include <stdint.h>

/* The first four are in the order of the Arm FPCR.RMode. */
typedef enum FpRound {
    FP_RNE, /* to nearest, ties to even */
    FP_RUP, /* towards +infinity */
    FP_RDN, /* towards -infinity */
    FP_RTZ, /* towards zero */
    FP_RNA, /* to nearest, ties away from zero */
    FP_ODD, /* to odd: an inexact result gets its last bit set; overflow gives the greatest finite
             */
} FpRound;

/* The same bits as the Arm FPSR. */
enum {
    FP_INVALID = 1,
    FP_DIVZERO = 2,
    FP_OVERFLOW = 4,
    FP_UNDERFLOW = 8,
    FP_INEXACT = 16,
    FP_INPUT_DENORMAL = 128, /* raised only where a subnormal operand was flushed */
};

/*
 * How NaNs are made and chosen, and what an invalid conversion to an integer gives:
 *   ARM          first signalling NaN, then first quiet one (fma: addend, a, b); default +qNaN;
 *                to int: saturate, NaN gives 0
 *   RISCV        always the default +qNaN; min/max are the 2019 minimumNumber/maximumNumber;
 *                to int: saturate, NaN gives the greatest
 *   MIPS_LEGACY  signalling is fraction msb = 1; default all ones below that bit;
 *                to int: every invalid gives the greatest
 *   MIPS_2008    as ARM, but 0 * inf + NaN gives the NaN
 *   X86          first operand that is a NaN (fma: a, b, c); default -qNaN; 0 * inf + qNaN is not
 *                invalid; min/max give b for NaNs and zeros, invalid for every NaN;
 *                to int: every invalid gives the least (signed) or all ones (unsigned)
 */
typedef enum FpNanRule {
    FP_NAN_ARM,
    FP_NAN_RISCV,
    FP_NAN_MIPS_LEGACY,
    FP_NAN_MIPS_2008,
    FP_NAN_X86,
} FpNanRule;

/* All zero: Arm after reset. */
typedef struct FpEnv {
    uint8_t round;    /* FpRound */
    uint8_t nan_rule; /* FpNanRule */
    bool default_nan; /* every NaN result is the default one (Arm FPCR.DN) */
    /* Arm FPCR.FZ sets the first two (binary32, binary64), FZ16 the others (binary16). */
    bool flush_inputs;  /* subnormal operands read as zero, raising FP_INPUT_DENORMAL */
    bool flush_outputs; /* tiny results become zero, raising FP_UNDERFLOW */
    bool flush_inputs16;
    bool flush_outputs16;
    bool flush_inexact; /* a flushed result raises FP_INEXACT too (x86 FTZ) */
    bool tiny_after_rounding;
    bool alt_half; /* Arm FPCR.AHP: binary16 in conversions has no infinities and NaNs */
    uint8_t flags; /* sticky, or-ed in */
} FpEnv;

typedef enum FpCompare {
    FP_LESS,
    FP_EQUAL,
    FP_GREATER,
    FP_UNORDERED,
} FpCompare;

/*
 * For each width (W = 16, 32, 64):
 *
 * fpW_fma(a, b, c)    a * b + c with one rounding. Arm: FPMulAdd(c, a, b): NaNs are looked for in
 * c, a, b order; 0 * inf + qNaN is invalid and gives the default NaN. The other forms flip sign
 * bits before the call, of NaNs too: FMSUB is fma(-a, b, c). fpW_min, max        a NaN wins; -0 <
 * +0 (Arm FMIN/FMAX). fpW_minnum, maxnum  a number wins over a quiet NaN (Arm FMINNM/FMAXNM; IEEE
 * 754-2008). fpW_mulx            Arm FMULX: 0 * inf is 2 with the sign of the product.
 * fpW_recip_step      Arm FRECPS: 2 - a * b, one rounding. fpW_rsqrt_step: FRSQRTS, (3 - a * b)
 * / 2. A NaN in a comes out with its sign flipped, as the pseudocode has it. fpW_recip_estimate,
 * rsqrt_estimate, recpx   Arm FRECPE, FRSQRTE, FRECPX. fpW_compare         quiet: invalid for
 * signalling NaNs only; compare_signaling: for every NaN. fpW_eq (quiet), ge, gt (signalling) Arm
 * FCMEQ, FCMGE, FCMGT. fpW_round_to_int    to an integral value in @round; raises FP_INEXACT only
 * if @exact. fpW_round_to_int_sized  Arm FRINT32Z/X, FRINT64Z/X: @bits is 32 or 64; what does not
 * fit, NaN and infinity give -2^(bits-1) and FP_INVALID. Always raises FP_INEXACT. fpW_to_sint,
 * to_uint    a * 2^frac rounded by @round to @bits (16, 32, 64); @frac 0..64. The result is sign-
 * or zero-extended from @bits. fpW_from_sint, from_uint    v / 2^frac, rounded by @round.
 */
uint16_t fp16_add(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_sub(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_mul(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_div(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_sqrt(uint16_t a, FpEnv *env);
uint16_t fp16_fma(uint16_t a, uint16_t b, uint16_t c, FpEnv *env);
uint16_t fp16_min(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_max(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_minnum(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_maxnum(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_mulx(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_recip_step(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_rsqrt_step(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_recip_estimate(uint16_t a, FpEnv *env);
uint16_t fp16_rsqrt_estimate(uint16_t a, FpEnv *env);
uint16_t fp16_recpx(uint16_t a, FpEnv *env);
FpCompare fp16_compare(uint16_t a, uint16_t b, FpEnv *env);
FpCompare fp16_compare_signaling(uint16_t a, uint16_t b, FpEnv *env);
bool fp16_eq(uint16_t a, uint16_t b, FpEnv *env);
bool fp16_ge(uint16_t a, uint16_t b, FpEnv *env);
bool fp16_gt(uint16_t a, uint16_t b, FpEnv *env);
uint16_t fp16_round_to_int(uint16_t a, FpRound round, bool exact, FpEnv *env);
int64_t fp16_to_sint(uint16_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint64_t fp16_to_uint(uint16_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint16_t fp16_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env);
uint16_t fp16_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env);

uint32_t fp32_add(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_sub(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_mul(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_div(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_sqrt(uint32_t a, FpEnv *env);
uint32_t fp32_fma(uint32_t a, uint32_t b, uint32_t c, FpEnv *env);
uint32_t fp32_min(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_max(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_minnum(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_maxnum(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_mulx(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_recip_step(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_rsqrt_step(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_recip_estimate(uint32_t a, FpEnv *env);
uint32_t fp32_rsqrt_estimate(uint32_t a, FpEnv *env);
uint32_t fp32_recpx(uint32_t a, FpEnv *env);
FpCompare fp32_compare(uint32_t a, uint32_t b, FpEnv *env);
FpCompare fp32_compare_signaling(uint32_t a, uint32_t b, FpEnv *env);
bool fp32_eq(uint32_t a, uint32_t b, FpEnv *env);
bool fp32_ge(uint32_t a, uint32_t b, FpEnv *env);
bool fp32_gt(uint32_t a, uint32_t b, FpEnv *env);
uint32_t fp32_round_to_int(uint32_t a, FpRound round, bool exact, FpEnv *env);
uint32_t fp32_round_to_int_sized(uint32_t a, unsigned bits, FpRound round, FpEnv *env);
int64_t fp32_to_sint(uint32_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint64_t fp32_to_uint(uint32_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint32_t fp32_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env);
uint32_t fp32_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env);

uint64_t fp64_add(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_sub(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_mul(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_div(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_sqrt(uint64_t a, FpEnv *env);
uint64_t fp64_fma(uint64_t a, uint64_t b, uint64_t c, FpEnv *env);
uint64_t fp64_min(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_max(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_minnum(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_maxnum(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_mulx(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_recip_step(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_rsqrt_step(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_recip_estimate(uint64_t a, FpEnv *env);
uint64_t fp64_rsqrt_estimate(uint64_t a, FpEnv *env);
uint64_t fp64_recpx(uint64_t a, FpEnv *env);
FpCompare fp64_compare(uint64_t a, uint64_t b, FpEnv *env);
FpCompare fp64_compare_signaling(uint64_t a, uint64_t b, FpEnv *env);
bool fp64_eq(uint64_t a, uint64_t b, FpEnv *env);
bool fp64_ge(uint64_t a, uint64_t b, FpEnv *env);
bool fp64_gt(uint64_t a, uint64_t b, FpEnv *env);
uint64_t fp64_round_to_int(uint64_t a, FpRound round, bool exact, FpEnv *env);
uint64_t fp64_round_to_int_sized(uint64_t a, unsigned bits, FpRound round, FpEnv *env);
int64_t fp64_to_sint(uint64_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint64_t fp64_to_uint(uint64_t a, unsigned bits, unsigned frac, FpRound round, FpEnv *env);
uint64_t fp64_from_sint(int64_t v, unsigned frac, FpRound round, FpEnv *env);
uint64_t fp64_from_uint(uint64_t v, unsigned frac, FpRound round, FpEnv *env);

/*
 * Between formats, rounded by env->round. As in Arm FCVT, binary16 is never flushed here
 * (FZ16 has no say) and env->alt_half decides what it holds.
 */
uint32_t fp16_to_fp32(uint16_t a, FpEnv *env);
uint64_t fp16_to_fp64(uint16_t a, FpEnv *env);
uint16_t fp32_to_fp16(uint32_t a, FpEnv *env);
uint64_t fp32_to_fp64(uint32_t a, FpEnv *env);
uint16_t fp64_to_fp16(uint64_t a, FpEnv *env);
uint32_t fp64_to_fp32(uint64_t a, FpEnv *env);
uint32_t fp64_to_fp32_odd(uint64_t a, FpEnv *env); /* Arm FCVTXN */
uint16_t fp32_to_bf16(uint32_t a, FpEnv *env);     /* Arm BFCVT */

/* Arm FJCVTZS: to int32 modulo 2^32, towards zero; *exact is what goes to PSTATE.Z. */
uint32_t fp64_to_int32_js(uint64_t a, bool *exact, FpEnv *env);

/* Arm URECPE, URSQRTE: fixed-point estimates; no exceptions. */
uint32_t fp_urecpe(uint32_t a);
uint32_t fp_ursqrte(uint32_t a);

/* Arm FMLAL, FMLSL (flip a's sign): binary16 a * b, exact, + binary32 c, one rounding. */
uint32_t fp32_fma_fp16(uint16_t a, uint16_t b, uint32_t c, FpEnv *env);
/* Arm BFMLALB, BFMLALT: bfloat16 a * b + binary32 c; the environment as for fp32_fma. */
uint32_t fp32_fma_bf16(uint16_t a, uint16_t b, uint32_t c, FpEnv *env);

/*
 * Arm BFDOT for one lane without FEAT_EBF16: acc + (a0 * b0 + a1 * b1), elements 0 in the low
 * halves; every step rounds to odd, flushes, gives default NaNs, and raises nothing.
 */
uint32_t fp_bfdot(uint32_t acc, uint32_t a, uint32_t b);
/* Arm BFMMLA: acc (2 x 2) += a (2 x 4) * transposed b (2 x 4); rows first, pairs in a word. */
void fp_bfmmla(uint32_t acc[4], const uint32_t a[4], const uint32_t b[4]);

#endif
