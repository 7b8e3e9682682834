/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference functions of the vector operations: their exact meaning, and what a host back end
 * calls for operations that it does not emit inline.
 *
 * Each is `void f(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)`; arg[0..3] are the
 * operands (the row's count); d may not overlap them. They touch nothing but d and st.
 */
#ifndef ACCEL_TCG_IR_IR_REF_H
#define ACCEL_TCG_IR_IR_REF_H

#include "accel/tcg/ir/ir.h"
#include "fpu/fpu.h"

/* The guest's floating-point modes and sticky results; lies in the Cpu at Target.fp_offset. */
typedef struct IrFpState {
    FpEnv env;
    uint8_t saturated; /* sticky: a saturating operation clipped (Arm FPSR.QC) */
} IrFpState;

typedef void IrRefFn(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st);

/* Indexed by opcode; NULL for what is no vector operation. */
extern IrRefFn *const ir_ref_fn[IR_N_OPS];

#define IR_OP(name, result, args, effects, doc)
#define IR_VOP(name, reference, args, effects, doc) IrRefFn reference;
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP

/* Whether @cmp holds of two numbers of 64 bits, or of narrower ones sign-extended, which keeps the
 * order of unsigned ones, too. */
static inline bool ir_ref_compare(IrCmp cmp, uint64_t a, uint64_t b)
{
    switch (cmp) {
    case IR_EQ:
        return a == b;
    case IR_NE:
        return a != b;
    case IR_LTU:
        return a < b;
    case IR_GEU:
        return a >= b;
    case IR_LEU:
        return a <= b;
    case IR_GTU:
        return a > b;
    case IR_LTS:
        return (int64_t)a < (int64_t)b;
    case IR_GES:
        return (int64_t)a >= (int64_t)b;
    case IR_LES:
        return (int64_t)a <= (int64_t)b;
    default:
        return (int64_t)a > (int64_t)b;
    }
}

/* Floating-point compare for FLAGS_FCMP: NZCV in bits 3..0. */
unsigned ir_ref_fcmp(const IrV128 *a, const IrV128 *b, unsigned esize, bool signalling,
                     IrFpState *st);

#endif
