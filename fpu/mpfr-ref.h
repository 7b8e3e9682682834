/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What MPFR says of an operation whose result is a rounded real number, on finite operands: for
 * tests of fpu/ and of generated code.
 */
#ifndef FPU_MPFR_REF_H
#define FPU_MPFR_REF_H

#include "fpu/fpu.h"

typedef enum MpfrOp {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_SQRT,
    OP_FMA,
    OP_TO16,
    OP_TO32,
    OP_TO64,
    OP_FROM_SINT,
    OP_FROM_UINT,
    OP_TO_SINT,
    OP_TO_UINT,
    OP_INTEGRAL,
    OP_COUNT,
} MpfrOp;

typedef struct MpfrFormat {
    unsigned width, prec; /* prec counts the hidden bit */
    int bias;
} MpfrFormat;

/* binary16, 32, 64 */
extern const MpfrFormat mpfr_formats[3];

typedef struct MpfrCase {
    MpfrOp op;
    const MpfrFormat *in, *out;
    uint64_t a, b, c;
    unsigned frac, bits;
    FpEnv env;
} MpfrCase;

typedef struct MpfrResult {
    uint64_t bits;
    uint8_t flags;
} MpfrResult;

/* Of a MpfrCase whose op is below OP_TO_SINT; else mpfr_integer(). */
MpfrResult mpfr_rounded(const MpfrCase *t);
/* To an integer of a format or of bits. */
MpfrResult mpfr_integer(const MpfrCase *t);

#endif
