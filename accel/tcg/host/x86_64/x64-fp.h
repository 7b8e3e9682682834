/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point by the host's unit, where that is certain to give the reference's result. */
#ifndef ACCEL_TCG_HOST_X86_64_X64_FP_H
#define ACCEL_TCG_HOST_X86_64_X64_FP_H

#include "accel/tcg/ir/ir-ref.h"

/*
 * Does the vector operation @op if it can: true, and @d is the result; no flag but inexact would
 * have been raised, and that one stands already. False: nothing is done, ask the reference.
 */
bool x64_fp_fast(unsigned op, IrDesc desc, IrV128 *d, const IrV128 *arg, const IrFpState *st);
/* The same of ir_ref_fcmp: NZCV in bits 3..0, or -1. */
int x64_fp_fast_compare(const IrV128 *a, const IrV128 *b, unsigned esize, const IrFpState *st);

#endif
