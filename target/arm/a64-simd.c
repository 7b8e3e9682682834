/* SPDX-License-Identifier: Apache-2.0 */
/* What several translators of A64 Advanced SIMD are made of. */
#include "target/arm/a64-simd.h"

IrVal simd_const(Trans *t, unsigned size, IrWidth width, uint64_t value)
{
    static const uint64_t repeat[4] = { 0x0101010101010101, 0x0001000100010001, 0x0000000100000001,
                                        1 };
    uint64_t lane = value & UINT64_MAX >> (64 - (8u << size));
    uint64_t all = width == IR_SCALAR ? lane : lane * repeat[size & 3];

    return ir_vconst(t->ir, (IrV128){ .u64 = { all, width == IR_W128 ? all : 0 } });
}

IrVal simd_zero(Trans *t)
{
    return ir_vconst(t->ir, (IrV128){ .u64 = { 0, 0 } });
}

IrVal simd_pairwise(Trans *t, IrOpcode op, IrDesc d, IrVal a, IrVal b)
{
    IrVal even = ir_v2(t->ir, IR_VUZP, d, a, b);
    IrVal odd = ir_v2(t->ir, IR_VUZP, ir_desc_with_variant(d, 1), a, b);

    return ir_v2(t->ir, op, d, even, odd);
}

void simd_set_narrow(Trans *t, unsigned rd, bool high, IrVal v)
{
    if (high) {
        v = ir_v2(t->ir, IR_VZIP, ir_desc(3, IR_W128), arm_v(t, rd), v);
    }
    arm_set_v(t, rd, v);
}

IrVal simd_add_long_pairs(Trans *t, IrDesc d, bool is_signed, IrVal v)
{
    IrDesc half = d | (4u << ir_desc_esize(d)) << 16;
    IrOpcode shift = is_signed ? IR_VSARI : IR_VSHRI;
    IrVal even = ir_v1(t->ir, shift, half, ir_v1(t->ir, IR_VSHLI, half, v));

    return ir_v2(t->ir, IR_VADD, d, even, ir_v1(t->ir, shift, half, v));
}

uint64_t a64_fp_imm(unsigned size, unsigned imm8)
{
    static const uint8_t exponent_bits[4] = { 0, 5, 8, 11 };
    unsigned e = exponent_bits[size & 3], f = (8u << size) - 1 - e;
    uint64_t sign = imm8 >> 7 & 1, b6 = imm8 >> 6 & 1;
    /* The exponent: NOT(b6), b6 repeated, then bits 5 and 4. */
    uint64_t exponent =
        (1 - b6) << (e - 1) | (b6 ? (1ull << (e - 3)) - 1 : 0) << 2 | (imm8 >> 4 & 3);

    return sign << (e + f) | exponent << f | (uint64_t)(imm8 & 15) << (f - 4);
}
