/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_IR_IR_PRIV_H
#define ACCEL_TCG_IR_IR_PRIV_H

#include "accel/tcg/ir/ir.h"

#include <glib.h>
#include <string.h>

/* Append an operation as it is. */
IrVal ir_emit(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm);
IrVal ir_emit_args(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                   const IrVal *arg, unsigned n);

#endif
