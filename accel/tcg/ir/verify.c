/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations as data, the end of building, the verifier and the printer. */
#include "accel/tcg/ir/ir-priv.h"

#include "util/error.h"

enum {
    PURE = IR_EFF_PURE,
    STATE_RD = IR_EFF_STATE_RD,
    STATE_WR = IR_EFF_STATE_WR,
    MEM_RD = IR_EFF_MEM_RD,
    MEM_WR = IR_EFF_MEM_WR,
    FAULT = IR_EFF_FAULT,
    EXITS = IR_EFF_EXITS,
    END = IR_EFF_END,
    PINNED = IR_EFF_PINNED,
    CALLS = IR_EFF_CALLS,
};

const IrOpInfo ir_op_info[IR_N_OPS] = {
    [IR_NOP] = { "NOP", "VOID", "", "nothing: an operation that was dropped", PINNED, false },
#define IR_OP(name, result, args, effects, doc) \
    [IR_##name] = { #name, #result, args, doc, effects, false },
#define IR_VOP(name, reference, args, effects, doc) \
    [IR_##name] = { #name, "V128", args, doc, effects, true },
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
};

const uint16_t ir_op_effects[IR_N_OPS] = {
    [IR_NOP] = PINNED,
#define IR_OP(name, result, args, effects, doc)     [IR_##name] = effects,
#define IR_VOP(name, reference, args, effects, doc) [IR_##name] = effects,
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
};

/* Rows that are dropped when nobody uses their value (of CALLs those of pure helpers), and those
 * that are listed for the back end. */
enum { FINISH_DROP = 1, FINISH_LIST = 2 };

static const uint8_t ir_op_finish[IR_N_OPS] = {
#define IR_OP(name, result, args, effects, doc)                         \
    [IR_##name] = ((effects) & ~(STATE_RD | CALLS) ? 0 : FINISH_DROP) | \
                  (IR_##name == IR_CONST || IR_##name == IR_INSN ? 0 : FINISH_LIST),
#define IR_VOP(name, reference, args, effects, doc) \
    [IR_##name] = ((effects) & ~STATE_RD ? 0 : FINISH_DROP) | FINISH_LIST,
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
};

/* An unused operation; false: it must stay. */
static bool ir_drop(IrBlock *ir, IrInsn *i)
{
    if (i->op == IR_CALL && !(ir->helper[i->imm]->flags & IR_HELPER_PURE)) {
        return false;
    }
    for (unsigned n = 0; n < 4 && i->arg[n] && i->op != IR_CONST; n++) {
        ir->uses[i->arg[n]]--;
    }
    memset(i, 0, sizeof(*i)); /* IR_NOP */
    return true;
}

void ir_finish(IrBlock *ir)
{
    uint16_t *order = ir->order_space + IR_MAX_INSNS;

    IrInsn *i = &ir->insn[ir->n];

    for (uint32_t k = ir->n; --k != 0;) {
        unsigned what = ir_op_finish[(--i)->op];

        /* Unused and droppable are each hard to predict, both together seldom. */
        if ((ir->uses[k] == 0) & what && ir_drop(ir, i)) {
            continue;
        }
        order[-1] = (uint16_t)k;
        order -= what / FINISH_LIST;
    }
    ir->guest[ir->n_guest].ir = ir->guest[ir->n_guest + 1].ir = UINT16_MAX;
    ir->order = order;
    ir->n_order = (uint32_t)(ir->order_space + IR_MAX_INSNS - order);
}

static bool verify_arg(const IrBlock *ir, const IrInsn *i, char want, uint16_t id, IrType first)
{
    IrType t = (IrType)ir->insn[id].type;
    bool is_int = t == IR_I32 || t == IR_I64;

    switch (want) {
    case 'i':
        return t == IR_I32;
    case 'q':
        return t == IR_I64;
    case 'n':
        return is_int && t == i->type;
    case 'm':
        return is_int && (!first || first == t);
    case 'v':
        return t == IR_V128;
    case 'f':
        return t == IR_FLAGS;
    case 'a':
        return t == i->type;
    default:
        return is_int || t == IR_V128;
    }
}

static const char *verify_insn(const IrBlock *ir, uint32_t k)
{
    const IrInsn *i = &ir->insn[k];
    const char *args = ir_op_info[i->op].args;
    IrType first_m = IR_VOID;
    unsigned n = i->op == IR_CALL ? i->sub : (unsigned)strlen(args);

    if ((i->op == IR_CALL || i->op == IR_RAISE_IF) && (i->imm >= ir->n_helpers || n > 4)) {
        return "a call names no helper of the block";
    }
    if (i->op == IR_CONST) {
        return i->type == IR_I32 || i->type == IR_I64 ? NULL : "a constant is no integer";
    }
    for (unsigned a = 0; a < n; a++) {
        uint16_t id = i->arg[a];

        if (!id || id >= k || ir->insn[id].op == IR_NOP) {
            return "an operand is not defined before its use";
        }
        if (!verify_arg(ir, i, i->op == IR_CALL ? 'x' : args[a], id, first_m)) {
            return "an operand has the wrong type";
        }
        if (i->op != IR_CALL && args[a] == 'm' && !first_m) {
            first_m = (IrType)ir->insn[id].type;
        }
    }
    if (i->op == IR_LDP && (k + 1 >= ir->n || ir->insn[k + 1].op != IR_SECOND)) {
        return "LDP without SECOND";
    }
    if (i->op == IR_SECOND && (ir->insn[k - 1].op != IR_LDP || i->arg[0] != k - 1)) {
        return "SECOND without LDP";
    }
    return NULL;
}

const char *ir_verify(const IrBlock *ir)
{
    bool ended = false;

    for (uint32_t k = 1; k < ir->n; k++) {
        const IrInsn *i = &ir->insn[k];
        const char *bad;

        if (i->op >= IR_N_OPS) {
            return "an opcode is out of range";
        }
        if (i->op == IR_NOP) {
            continue;
        }
        if (ended) {
            return "something follows the end of the block";
        }
        bad = verify_insn(ir, k);
        if (bad) {
            return bad;
        }
        ended = (ir_op_info[i->op].effects & IR_EFF_END) != 0;
    }
    return ended ? NULL : "the block has no end";
}

void ir_print(const IrBlock *ir, struct _GString *out)
{
    ir_print_range(ir, 1, ir->n, out);
}

void ir_print_range(const IrBlock *ir, uint32_t from, uint32_t to, struct _GString *out)
{
    static const char *const types[] = { "", "i32", "i64", "v128", "flags" };

    for (uint32_t k = from; k < to; k++) {
        const IrInsn *i = &ir->insn[k];

        if (i->op == IR_NOP) {
            continue;
        }
        if (i->op == IR_INSN) {
            g_string_append_printf(out, " ---- +0x%x\n", i->imm);
            continue;
        }
        if (i->type != IR_VOID) {
            g_string_append_printf(out, "  v%u:%s = ", k, types[i->type]);
        } else {
            g_string_append(out, "  ");
        }
        g_string_append(out, ir_op_info[i->op].name);
        if (i->op == IR_CONST) {
            g_string_append_printf(out, " 0x%" G_GINT64_MODIFIER "x\n", ir_const_value(i));
            continue;
        }
        for (unsigned a = 0; a < 4 && i->arg[a]; a++) {
            g_string_append_printf(out, "%s v%u", a ? "," : "", i->arg[a]);
        }
        if (i->op == IR_RAISE_IF) {
            g_string_append_printf(out, " [%u]", i->sub);
        }
        if (i->op == IR_CALL || i->op == IR_RAISE_IF) {
            g_string_append_printf(out, " %s", ir->helper[i->imm]->name);
        } else if (i->sub || i->imm) {
            g_string_append_printf(out, " [%u, 0x%x]", i->sub, i->imm);
        }
        g_string_append_c(out, '\n');
    }
}
