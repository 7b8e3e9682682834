/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the translators of A64 Advanced SIMD. */
#ifndef TARGET_ARM_A64_SIMD_H
#define TARGET_ARM_A64_SIMD_H

#include "target/arm/a64.h"

/* Lanes of log2 @size bytes in 64 or 128 bits, or lane 0 alone. */
static inline IrDesc simd_desc(unsigned size, bool q, bool scalar)
{
    return ir_desc(size, scalar ? IR_SCALAR : q ? IR_W128 : IR_W64);
}

/* A constant with every lane of the width @value. */
IrVal simd_const(Trans *t, unsigned size, IrWidth width, uint64_t value);
/* 128 bits of zero. */
IrVal simd_zero(Trans *t);
/* op(even lanes of b:a, odd lanes of b:a) */
IrVal simd_pairwise(Trans *t, IrOpcode op, IrDesc d, IrVal a, IrVal b);
/* A narrowed 64-bit result goes to the low half, the rest zero, or to the high half alone. */
void simd_set_narrow(Trans *t, unsigned rd, bool high, IrVal v);
/* FCMLA of rotation @rot * 90 degrees: @a + partial product of complex @n and @m. */
IrVal simd_fcmla(Trans *t, IrDesc d, unsigned rot, IrVal a, IrVal n, IrVal m);
/* Singles @a + products of the even or @odd bfloat16 lanes of @n and @m. */
IrVal simd_bfmlal(Trans *t, bool odd, IrVal a, IrVal n, IrVal m);
/* VFPExpandImm: the value of an 8-bit immediate in a format of log2 @size bytes. */
uint64_t a64_fp_imm(unsigned size, unsigned imm8);
/* Sums of pairs of narrow lanes of @v as lanes of log2 @size bytes. */
IrVal simd_add_long_pairs(Trans *t, IrDesc d, bool is_signed, IrVal v);

#endif
