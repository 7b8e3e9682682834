/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_IR_IR_PRIV_H
#define ACCEL_TCG_IR_IR_PRIV_H

#include "accel/tcg/ir/ir.h"
#include "util/error.h"

#include <glib.h>
#include <string.h>

/* Operation @id as it is: in two stores, since there are so many. */
static inline IrVal ir_put_at(IrBlock *ir, uint32_t id, IrOpcode op, IrType type, unsigned sub,
                              uint32_t imm, const uint16_t arg[4])
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t w[2] = { op | type << 16 | (uint64_t)(uint8_t)sub << 24 | (uint64_t)arg[0] << 32 |
                          (uint64_t)arg[1] << 48,
                      arg[2] | (uint64_t)arg[3] << 16 | (uint64_t)imm << 32 };

    memcpy(&ir->insn[id], w, sizeof(w));
#else
    ir->insn[id] = (IrInsn){ .op = (uint16_t)op,
                             .type = (uint8_t)type,
                             .sub = (uint8_t)sub,
                             .arg = { arg[0], arg[1], arg[2], arg[3] },
                             .imm = imm };
#endif
    return (IrVal){ (uint16_t)id };
}

/* Append an operation. */
static inline IrVal ir_put(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                           const uint16_t arg[4])
{
    uint32_t id = ir->n;

    CHECK(id < ir->consts);
    ir->n = id + 1;
    return ir_put_at(ir, id, op, type, sub, imm, arg);
}

static inline IrVal ir_emit(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm)
{
    return ir_put(ir, op, type, sub, imm, (const uint16_t[4]){ 0 });
}

static inline IrVal ir_emit1(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a)
{
    return ir_put(ir, op, type, sub, imm, (const uint16_t[4]){ a.id });
}

static inline IrVal ir_emit2(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a, IrVal b)
{
    return ir_put(ir, op, type, sub, imm, (const uint16_t[4]){ a.id, b.id });
}

static inline IrVal ir_emit3(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                             IrVal a, IrVal b, IrVal c)
{
    return ir_put(ir, op, type, sub, imm, (const uint16_t[4]){ a.id, b.id, c.id });
}

IrVal ir_emit_args(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                   const IrVal *arg, unsigned n);

#endif
