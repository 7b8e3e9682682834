/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point by the host's unit.
 *
 * While generated code runs, MXCSR holds the guest's rounding mode and, in ZE, OE, UE and PE, flags
 * that IrFpState has still to receive (thunk.c folds them). An operation goes to a temporary and
 * is checked; where the host's result or flags may differ from the guest's, code out of line calls
 * the reference function with the operands, which are alive. That is: NaN results and unordered
 * comparisons (which NaN; IE), the least normal number (tininess before rounding), integers out
 * of range. What the host raised by then is what the exact operation raises too, but for IE and
 * DE, which are never looked at.
 */
#ifndef ACCEL_TCG_HOST_X86_64_X64_FP_H
#define ACCEL_TCG_HOST_X86_64_X64_FP_H

#include "accel/tcg/host/x86_64/x64-priv.h"
#include "accel/tcg/ir/ir-ref.h"
#include "accel/tcg/tcg-cpu.h"

/* What AH is when operands were unordered, for SAHF: PF, and looking like greater or like less. */
enum { X64_UNORDERED_GT = 4, X64_UNORDERED_LT = 5 };

/* Constants that generated code reads through the env pointer (TcgCpu.host_const). */
typedef struct X64FpConst {
    uint32_t abs32[4];
    uint64_t abs64[2];
    uint32_t min32[4]; /* least normal numbers */
    uint64_t min64[2];
    uint32_t sign32[4], half32[4], one32[4];
    uint64_t sign64[2], half64[2], one64[2];
    uint32_t int_min[4];
    uint32_t pos_max[4];   /* the greatest single below 2^31 */
    uint32_t mxcsr[8];     /* by FpRound */
    uint32_t odd_mxcsr[2]; /* down and up, flushing (fp-odd.c) */
    uint16_t flags[72];    /* the state's flag word by what LAHF gives after a comparison */
} X64FpConst;

_Static_assert(sizeof(X64FpConst) <= sizeof(((TcgCpu *)0)->host_const), "host_const is too small");

void x64_fp_const_init(X64FpConst *c);

/* Fractions of estimates, by the upper bits of the number's; square roots: with the exponent's
 * lowest bit before them. */
typedef struct X64Estimates {
    uint32_t recip32[256], rsqrt32[512];
    uint64_t recip64[256], rsqrt64[512];
} X64Estimates;

void x64_estimates_init(X64Estimates *t);

static inline X64Mem x64_fp_const(const X64Emit *e, size_t offset)
{
    return x64_env(e->lay->consts + (int32_t)offset);
}

uint32_t x64_fp_suspend(void);
void x64_fp_resume(uint32_t mxcsr);

/* Emit a vector operation if it is one of floating point and can be inline. */
bool x64_fp_emit(X64Emit *e, unsigned id, const IrInsn *insn);
bool x64_fp_convert(X64Emit *e, unsigned id, const IrInsn *insn);
bool x64_fp_half(X64Emit *e, unsigned id, const IrInsn *insn);
/* Conversions between halves and integers. */
bool x64_fp_half_integer(X64Emit *e, unsigned id, const IrInsn *insn);
bool x64_fp_mixed(X64Emit *e, unsigned id, const IrInsn *insn);
/* VFCVT to odd, or of doubles to halves. */
bool x64_fp_narrow_odd(X64Emit *e, unsigned id, const IrInsn *insn);
bool x64_fp_bfdot(X64Emit *e, unsigned id, const IrInsn *insn);
bool x64_fp_estimate(X64Emit *e, unsigned id, const IrInsn *insn);
/* The same for VFROM, together with the conversion of the integer that follows it. */
bool x64_fp_from(X64Emit *e, unsigned id, const IrInsn *insn);
void x64_fp_stub(X64Emit *e, X64Stub *s);
/* Parts of the stub of a comparison (fp-compare.c): the call, and EFLAGS. */
void x64_fp_compare_stub(X64Emit *e, X64Stub *s);
void x64_fp_unordered(X64Emit *e, const X64Stub *s);
/* How many of the low bytes of operand @n are looked at. */
unsigned x64_fp_demand(const IrInsn *insn, unsigned n);
/* The same for rows of vec.c; of any operand. */
unsigned x64_vec_demand(const IrInsn *insn);

/* Run reference function @op on the vCPU's scratch vectors: 0.. to 4. */
uint64_t x64_ref_call(Cpu *cpu, uint64_t op, uint64_t desc);
/* The same for a slow path, counting why it is one (fp-why.c). */
uint64_t x64_ref_call_counted(Cpu *cpu, uint64_t op, uint64_t desc);

/* ---- pieces (fp-emit.c) ---- */

/* Operand @k with nothing above the width that could raise flags; @dup: its own lanes again. Uses
 * xmm[k + 1]. */
unsigned x64_fp_operand(X64Emit *e, const IrInsn *insn, unsigned k, bool dup);
/* @op with the prefix of the lane size and of scalar or packed. */
X64Op x64_fp_op(X64Op op, unsigned esize, bool scalar);
/* Bytes from the lowest of @id beyond which all are zero. */
unsigned x64_fp_width(const X64Emit *e, unsigned id);
/* Zero what is above @bytes (4, 8) of @d; from @s. */
void x64_fp_low(X64Emit *e, unsigned bytes, unsigned d, unsigned s);
/* d := op(s, memory operand that is aligned) */
void x64_fp_opm(X64Emit *e, X64Op op, unsigned d, unsigned s, X64Mem m);
/* A stub that calls the reference function for @insn, with operands in these registers. */
X64Stub *x64_fp_slow(X64Emit *e, const IrInsn *insn, unsigned d, const unsigned *x, unsigned n);
/* ROUNDSD's number of a rounding; false: it has none (ties away and such). */
bool x64_fp_round(unsigned round, unsigned *imm);
/*
 * xmm3 := @a rounded to nearest, ties away from zero, raising nothing: the fraction is exact, and
 * so is the sum. Uses xmm0, xmm2; nothing above a scalar.
 */
void x64_fp_round_away(X64Emit *e, unsigned esize, bool scalar, unsigned a);
/* To the stub when a lane of @x and @y is unordered. Uses xmm0, rax. */
void x64_fp_check_nan(X64Emit *e, X64Stub *s, IrDesc desc, unsigned x, unsigned y);
/* To the stub when a lane of @x is a NaN or the least normal number. Uses xmm0, xmm3, rax. */
void x64_fp_check_tiny(X64Emit *e, X64Stub *s, IrDesc desc, unsigned x);
/* Where the guest flushes: to the stub when a lane of an operand is subnormal. Uses xmm0, xmm3,
 * rax. */
void x64_fp_check_inputs(X64Emit *e, X64Stub *s, unsigned esize, bool scalar, const unsigned *x,
                         unsigned n);
/* Whether the block's modes leave nothing but the reference functions. */
static inline bool x64_fp_calls(const X64Emit *e)
{
    return e->ir->fp_exact || (e->ir->fp_flush && !e->a.avx);
}
/* To the stub when a top bit of the 32-bit lanes of @x is set. Uses rax. */
void x64_fp_check_mask(X64Emit *e, X64Stub *s, unsigned x);

#endif
