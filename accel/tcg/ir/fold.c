/* SPDX-License-Identifier: Apache-2.0 */
/* The builder's arithmetic: constant folding and identities at construction. */
#include "accel/tcg/ir/ir.h"

#include "accel/tcg/ir/ir-priv.h"
#include "util/error.h"

static uint64_t fold_mask(IrType t)
{
    return t == IR_I32 ? UINT32_MAX : UINT64_MAX;
}

static unsigned fold_width(IrType t)
{
    return t == IR_I32 ? 32 : 64;
}

static int64_t fold_signed(IrType t, uint64_t v)
{
    return t == IR_I32 ? (int32_t)v : (int64_t)v;
}

static uint64_t fold_shift(IrOpcode op, IrType t, uint64_t a, unsigned n)
{
    unsigned w = fold_width(t);

    n %= w;
    switch (op) {
    case IR_SHL:
        return a << n;
    case IR_SHR:
        return a >> n;
    case IR_SAR:
        return (uint64_t)(fold_signed(t, a) >> n);
    default: /* IR_ROR */
        return n ? a >> n | a << (w - n) : a;
    }
}

/* Operands are reduced to the type; the result is reduced by the caller. False: not folded. */
static bool fold_consts(IrOpcode op, IrType t, uint64_t a, uint64_t b, uint64_t *r)
{
    switch (op) {
    case IR_ADD:
        *r = a + b;
        return true;
    case IR_SUB:
        *r = a - b;
        return true;
    case IR_MUL:
        *r = a * b;
        return true;
    case IR_AND:
        *r = a & b;
        return true;
    case IR_OR:
        *r = a | b;
        return true;
    case IR_XOR:
        *r = a ^ b;
        return true;
    case IR_ANDC:
        *r = a & ~b;
        return true;
    case IR_ORC:
        *r = a | ~b;
        return true;
    case IR_EQV:
        *r = a ^ ~b;
        return true;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROR:
        *r = fold_shift(op, t, a, (unsigned)(b % 64));
        return true;
    default:
        return false;
    }
}

/* One operand is the constant @c: what the operation comes to without computing, or IR_NONE. */
static IrVal fold_identity(IrBlock *ir, IrOpcode op, IrType t, IrVal a, IrVal b, uint64_t c,
                           bool c_is_second)
{
    IrVal x = c_is_second ? a : b;

    switch (op) {
    case IR_ADD:
    case IR_OR:
    case IR_XOR:
        if (c == 0) {
            return x;
        }
        return op == IR_OR && c == fold_mask(t) ? ir_const(ir, t, c) : IR_NONE;
    case IR_SUB:
    case IR_ANDC:
        return c_is_second && c == 0 ? x : IR_NONE;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROR:
        return c_is_second && c % fold_width(t) == 0 ? x : IR_NONE;
    case IR_AND:
        if (c == 0) {
            return ir_const(ir, t, 0);
        }
        return c == fold_mask(t) ? x : IR_NONE;
    case IR_MUL:
        if (c == 0) {
            return ir_const(ir, t, 0);
        }
        return c == 1 ? x : IR_NONE;
    default:
        return IR_NONE;
    }
}

/* What the rows of ops.def give as the type of the result: beside the types, those of operands. */
enum {
    FOLD_VOID = IR_VOID,
    FOLD_I32 = IR_I32,
    FOLD_I64 = IR_I64,
    FOLD_V128 = IR_V128,
    FOLD_FLAGS = IR_FLAGS,
    FOLD_INT, /* of the first */
    FOLD_ANY, /* of the last */
};

static const uint8_t fold_results[IR_N_OPS] = {
#define IR_OP(name, result, args, effects, doc)     [IR_##name] = FOLD_##result,
#define IR_VOP(name, reference, args, effects, doc) [IR_##name] = FOLD_V128,
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
};

static IrType fold_result(const IrBlock *ir, IrOpcode op, IrVal a, IrVal last)
{
    unsigned r = fold_results[op];

    return r < FOLD_INT ? (IrType)r : ir_type(ir, r == FOLD_INT ? a : last);
}

IrVal ir_op1(IrBlock *ir, IrOpcode op, IrVal a)
{
    uint64_t c;
    IrType t = fold_result(ir, op, a, a);

    if (ir_is_const(ir, a, &c)) {
        switch (op) {
        case IR_NOT:
            return ir_const(ir, t, ~c & fold_mask(t));
        case IR_NEG:
            return ir_const(ir, t, (0 - c) & fold_mask(t));
        case IR_TRUNC:
            return ir_i32(ir, (uint32_t)c);
        case IR_ZEXT64:
            return ir_i64(ir, c);
        case IR_SEXT64:
            return ir_i64(ir, (uint64_t)(int64_t)(int32_t)c);
        default:
            break;
        }
    }
    return ir_emit1(ir, op, t, 0, 0, a);
}

IrVal ir_op2(IrBlock *ir, IrOpcode op, IrVal a, IrVal b)
{
    IrType t = fold_result(ir, op, a, b);
    uint64_t ca, cb, r;
    bool ka, kb;

    ka = ir->insn[a.id].op == IR_CONST;
    kb = ir->insn[b.id].op == IR_CONST;
    if (!(ka | kb)) {
        return ir_emit2(ir, op, t, 0, 0, a, b);
    }
    ca = ka ? ir_const_value(&ir->insn[a.id]) : 0;
    cb = kb ? ir_const_value(&ir->insn[b.id]) : 0;
    if (t == IR_I32 || t == IR_I64) {
        IrVal v = IR_NONE;

        if (ka && kb && fold_consts(op, t, ca, cb, &r)) {
            return ir_const(ir, t, r & fold_mask(t));
        }
        if (kb) {
            v = fold_identity(ir, op, t, a, b, cb, true);
        } else if (ka) {
            v = fold_identity(ir, op, t, a, b, ca, false);
        }
        if (v.id) {
            return v;
        }
        /* Constants second, where the order is free: back ends have immediates there. */
        if (ka && !kb && (op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR)) {
            return ir_emit2(ir, op, t, 0, 0, b, a);
        }
    }
    return ir_emit2(ir, op, t, 0, 0, a, b);
}

IrVal ir_op3(IrBlock *ir, IrOpcode op, IrVal a, IrVal b, IrVal c)
{
    return ir_emit3(ir, op, fold_result(ir, op, a, c), 0, 0, a, b, c);
}

IrVal ir_add(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_ADD, a, b);
}

IrVal ir_addi(IrBlock *ir, IrVal a, int64_t b)
{
    const IrInsn *i = &ir->insn[a.id];
    IrType t = ir_type(ir, a);
    uint64_t c;

    if (b == 0) {
        return a;
    }
    if (i->op == IR_PC && (int32_t)(i->imm + b) == (int32_t)i->imm + b) {
        return ir_pc(ir, (int32_t)i->imm + (int32_t)b);
    }
    if (i->op == IR_ADD && ir_is_const(ir, (IrVal){ i->arg[1] }, &c)) {
        a = (IrVal){ i->arg[0] };
        b = (int64_t)(c + (uint64_t)b);
        if (((uint64_t)b & fold_mask(t)) == 0) {
            return a;
        }
    } else if (i->op == IR_CONST) {
        return ir_const(ir, t, (ir_const_value(i) + (uint64_t)b) & fold_mask(t));
    }
    return ir_emit2(ir, IR_ADD, t, 0, 0, a, ir_const(ir, t, (uint64_t)b & fold_mask(t)));
}

IrVal ir_sub(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_SUB, a, b);
}

IrVal ir_mul(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_MUL, a, b);
}

IrVal ir_and(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_AND, a, b);
}

IrVal ir_andi(IrBlock *ir, IrVal a, uint64_t b)
{
    IrType t = ir_type(ir, a);

    return ir_op2(ir, IR_AND, a, ir_const(ir, t, b & fold_mask(t)));
}

IrVal ir_or(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_OR, a, b);
}

IrVal ir_xor(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_XOR, a, b);
}

IrVal ir_andc(IrBlock *ir, IrVal a, IrVal b)
{
    return ir_op2(ir, IR_ANDC, a, b);
}

IrVal ir_not(IrBlock *ir, IrVal a)
{
    return ir_op1(ir, IR_NOT, a);
}

IrVal ir_neg(IrBlock *ir, IrVal a)
{
    return ir_op1(ir, IR_NEG, a);
}

static IrVal fold_shifti(IrBlock *ir, IrOpcode op, IrVal a, unsigned count)
{
    IrType t = ir_type(ir, a);

    CHECK(count < fold_width(t));
    return ir_op2(ir, op, a, ir_const(ir, t, count));
}

IrVal ir_shli(IrBlock *ir, IrVal a, unsigned count)
{
    return fold_shifti(ir, IR_SHL, a, count);
}

IrVal ir_shri(IrBlock *ir, IrVal a, unsigned count)
{
    return fold_shifti(ir, IR_SHR, a, count);
}

IrVal ir_sari(IrBlock *ir, IrVal a, unsigned count)
{
    return fold_shifti(ir, IR_SAR, a, count);
}

IrVal ir_rori(IrBlock *ir, IrVal a, unsigned count)
{
    return fold_shifti(ir, IR_ROR, a, count);
}
