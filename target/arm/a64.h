/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the A64 translators: short forms of translate.h, and the run-time helpers. */
#ifndef TARGET_ARM_A64_H
#define TARGET_ARM_A64_H

#include "target/arm/translate.h"

static inline IrType a64_type(bool sf)
{
    return sf ? IR_I64 : IR_I32;
}

static inline unsigned a64_bits(bool sf)
{
    return sf ? 64 : 32;
}

static inline uint64_t a64_ones(bool sf)
{
    return sf ? UINT64_MAX : UINT32_MAX;
}

/* The value of a bitmask immediate (DecodeBitMasks), replicated to 64 bits; must be valid. */
uint64_t a64_bitmask(unsigned n, unsigned immr, unsigned imms);
/* ExtendReg: @option as in the instruction (UXTB..SXTX), then shifted left. */
IrVal a64_extended(Trans *t, bool sf, unsigned rm, unsigned option, unsigned shift);

/* The registers of a pair of 1 << @size bytes each (2, 3) as one value, and back. */
IrVal a64_join(Trans *t, unsigned size, IrVal first, IrVal second);
void a64_split(Trans *t, unsigned size, IrVal v, IrVal out[2]);

/* Translate this load-exclusive and what follows, as far as the store-exclusive, as one atomic
 * operation (a64-llsc.c). False: nothing was done. */
bool a64_llsc_fuse(Trans *t);
/* Target.llsc_loaded. */
void a64_llsc_loaded(Cpu *cpu, uint32_t memop, const uint64_t value[2]);

/* Keys of pointer authentication, as bits of the mode word's PAUTH field and as the helpers'
 * operand. */
enum { A64_KEY_IA, A64_KEY_IB, A64_KEY_DA, A64_KEY_DB };

/* AddPAC, Auth and Strip; the value itself where the key is not enabled. */
IrVal a64_pac(Trans *t, unsigned key, IrVal ptr, IrVal modifier);
IrVal a64_aut(Trans *t, unsigned key, IrVal ptr, IrVal modifier);

#endif
