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

/* Whether nothing is lost with an operation whose value nobody uses. */
static bool ir_droppable(const IrBlock *ir, const IrInsn *i)
{
    if (i->op == IR_CALL) {
        return ir->helper[i->imm]->flags & IR_HELPER_PURE;
    }
    return !(ir_op_effects[i->op] & ~STATE_RD);
}

void ir_finish(IrBlock *ir)
{
    bool used[IR_MAX_INSNS];

    memset(used, 0, ir->n * sizeof(used[0]));
    for (uint32_t k = ir->n; --k != 0;) {
        IrInsn *i = &ir->insn[k];

        if (!used[k] && !ir->set[k] && ir_droppable(ir, i)) {
            memset(i, 0, sizeof(*i)); /* IR_NOP */
        } else {
            for (unsigned n = 0; n < 4; n++) {
                used[i->arg[n]] = true;
            }
        }
    }
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

        if (!id || (id >= k && id < ir->consts) || ir->insn[id].op == IR_NOP) {
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

    for (uint32_t k = ir->consts; k < IR_MAX_INSNS; k++) {
        if (ir->insn[k].op != IR_CONST || verify_insn(ir, k)) {
            return "a constant is none";
        }
    }
    for (uint32_t k = 1; k < ir->n; k++) {
        const IrInsn *i = &ir->insn[k];
        const char *bad;

        if (i->op >= IR_N_OPS) {
            return "an opcode is out of range";
        }
        if (ir->set[k] && i->type != IR_I64) {
            return "what is SET at once has no 8 bytes";
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
    uint32_t from = 1;

    for (uint32_t g = 0; g < ir->n_guest; g++) {
        ir_print_range(ir, from, ir->guest[g].ir + 1u, out);
        g_string_append_printf(out, " ---- +0x%x\n", ir->guest[g].delta);
        from = ir->guest[g].ir + 1u;
    }
    ir_print_range(ir, from, ir->n, out);
}

void ir_print_range(const IrBlock *ir, uint32_t from, uint32_t to, struct _GString *out)
{
    static const char *const types[] = { "", "i32", "i64", "v128", "flags" };

    for (uint32_t k = from; k < to; k++) {
        const IrInsn *i = &ir->insn[k];

        if (i->op == IR_NOP) {
            continue;
        }
        if (i->type != IR_VOID) {
            g_string_append_printf(out, "  v%u:%s = ", k, types[i->type]);
        } else {
            g_string_append(out, "  ");
        }
        g_string_append(out, ir_op_info[i->op].name);
        for (unsigned a = 0; a < 4 && i->arg[a]; a++) {
            const IrInsn *of = &ir->insn[i->arg[a]];

            g_string_append(out, a ? ", " : " ");
            if (of->op == IR_CONST) {
                g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", ir_const_value(of));
            } else {
                g_string_append_printf(out, "v%u", i->arg[a]);
            }
        }
        if (i->op == IR_RAISE_IF) {
            g_string_append_printf(out, " [%u]", i->sub);
        }
        if (i->op == IR_CALL || i->op == IR_RAISE_IF) {
            g_string_append_printf(out, " %s", ir->helper[i->imm]->name);
        } else if (i->sub || i->imm) {
            g_string_append_printf(out, " [%u, 0x%x]", i->sub, i->imm);
        }
        if (ir->set[k]) {
            g_string_append_printf(out, "; SET [3, 0x%x]", ir->set[k] * 8u);
        }
        g_string_append_c(out, '\n');
    }
}
