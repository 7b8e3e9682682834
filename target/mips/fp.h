/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point at run time. Spec: Volume I-A, 5 (MD00083); IEEE 754. */
#ifndef TARGET_MIPS_FP_H
#define TARGET_MIPS_FP_H

#include "target/mips/cpu.h"

typedef enum MipsFpOp {
    MIPS_FP_ADD,
    MIPS_FP_SUB,
    MIPS_FP_MUL,
    MIPS_FP_DIV,
    MIPS_FP_SQRT,
    MIPS_FP_RECIP,
    MIPS_FP_RSQRT,
    MIPS_FP_CVT_S,
    MIPS_FP_CVT_D,
    MIPS_FP_CVT_W, /* by the mode's rounding */
    MIPS_FP_CVT_L,
    MIPS_FP_ROUND_W, /* then TRUNC, CEIL, FLOOR */
    MIPS_FP_TRUNC_W,
    MIPS_FP_CEIL_W,
    MIPS_FP_FLOOR_W,
    MIPS_FP_ROUND_L,
    MIPS_FP_TRUNC_L,
    MIPS_FP_CEIL_L,
    MIPS_FP_FLOOR_L,
    MIPS_FP_COMPARE, /* the condition in bits 16..19, its number in 20..22 */
    MIPS_FP_NOTHING, /* no exception: of what has none and clears Cause */
    MIPS_FP_MADD,    /* then MSUB, NMADD, NMSUB, in the order of their encodings */
} MipsFpOp;

/* Of release 6 (fp-r6.c). */
typedef enum MipsFp6Op {
    MIPS_FP6_CMP, /* the condition from MIPS_FP_COND_SHIFT on */
    MIPS_FP6_MADDF,
    MIPS_FP6_MSUBF,
    MIPS_FP6_MIN,
    MIPS_FP6_MAX,
    MIPS_FP6_MINA,
    MIPS_FP6_MAXA,
    MIPS_FP6_RINT,
    MIPS_FP6_CLASS,
    MIPS_FP6_RECIP,
    MIPS_FP6_RSQRT,
} MipsFp6Op;

enum {
    MIPS_FP_FMT_SHIFT = 8, /* of the operand, beside MipsFpOp in `op` */
    MIPS_FP_COND_SHIFT = 16,
    MIPS_FP_CC_SHIFT = 20,
};

enum {
    FCSR_RM = 3,
    FCSR_FLAGS_SHIFT = 2,
    FCSR_ENABLES_SHIFT = 7,
    FCSR_CAUSE_SHIFT = 12,
    FCSR_CAUSE_E = 1 << 17,
    FCSR_NAN2008 = 1 << 18,
    FCSR_FS = 1 << 24,
};

/* Bit of condition @cc in FCSR. */
static inline unsigned mips_fcc_bit(unsigned cc)
{
    return cc ? 24 + cc : 23;
}

uint32_t mips_fp_control(const MipsCpu *c);
/* Sets fcr31 and what follows from it; raises nothing. */
void mips_fp_set_control(MipsCpu *c, uint32_t val);

#endif
