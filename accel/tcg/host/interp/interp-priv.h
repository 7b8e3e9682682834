/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_HOST_INTERP_INTERP_PRIV_H
#define ACCEL_TCG_HOST_INTERP_INTERP_PRIV_H

#include "accel/tcg/ir/ir.h"

/* @nzcv in bits 31..28 satisfies @cond (IrCond). */
bool interp_cond(unsigned cond, uint32_t nzcv);
/* a `cmp` (IrCmp) b, operands of @type. */
bool interp_compare(unsigned cmp, IrType type, uint64_t a, uint64_t b);
/* An operation without effects, not on vectors' lanes: its value into @d. */
void interp_pure(const IrInsn *i, const IrInsn *insn, const IrV128 *val, IrV128 *d);

#endif
