/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_IR_IR_PRIV_H
#define ACCEL_TCG_IR_IR_PRIV_H

#include "accel/tcg/ir/ir.h"
#include "util/error.h"

#include <glib.h>
#include <string.h>

/* Append an operation as it is. */
static inline IrVal ir_emit(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm)
{
    uint32_t id = ir->n;

    CHECK(id < IR_MAX_INSNS);
    ir->insn[id] =
        (IrInsn){ .op = (uint16_t)op, .type = (uint8_t)type, .sub = (uint8_t)sub, .imm = imm };
    ir->n = id + 1;
    return (IrVal){ (uint16_t)id };
}

static inline IrVal ir_emit1(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a)
{
    IrVal v = ir_emit(ir, op, type, sub, imm);

    DCHECK(a.id && a.id < v.id);
    ir->insn[v.id].arg[0] = a.id;
    return v;
}

static inline IrVal ir_emit2(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a, IrVal b)
{
    IrVal v = ir_emit1(ir, op, type, sub, imm, a);

    DCHECK(b.id && b.id < v.id);
    ir->insn[v.id].arg[1] = b.id;
    return v;
}

static inline IrVal ir_emit3(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a, IrVal b, IrVal c)
{
    IrVal v = ir_emit2(ir, op, type, sub, imm, a, b);

    DCHECK(c.id && c.id < v.id);
    ir->insn[v.id].arg[2] = c.id;
    return v;
}

IrVal ir_emit_args(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                   const IrVal *arg, unsigned n);

#endif
