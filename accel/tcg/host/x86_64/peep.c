/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that cost nothing of their own because the one operation that uses them takes them
 * into its instruction: a shifted index into LEA, a mask into TEST.
 */
#include "accel/tcg/host/x86_64/x64-priv.h"

static bool peep_const(const X64Emit *e, unsigned id, uint64_t *v)
{
    if (!x64_is_const(e, id)) {
        return false;
    }
    *v = ir_const_value(x64_insn(e, id));
    return true;
}

static bool peep_is_zero(const X64Emit *e, unsigned id)
{
    uint64_t v;

    return peep_const(e, id, &v) && v == 0;
}

/* Whether flags of the same sum are made close by: then ADD is that operation. */
static bool peep_has_flags(const X64Emit *e, unsigned i)
{
    const IrInsn *add = x64_insn(e, i);

    if (!ir_sets_flags(e->ir)) {
        return false;
    }
    for (unsigned j = i > 4 ? i - 4 : 1; j < i + 3 && j < e->ir->n; j++) {
        const IrInsn *k = x64_insn(e, j);

        if (k->op == IR_FLAGS_ADD && k->arg[0] == add->arg[0] && k->arg[1] == add->arg[1]) {
            return true;
        }
    }
    return false;
}

/* SHL by 1 to 3 as the index of an address: of ADD @user, one at most. */
static bool peep_is_index(const X64Emit *e, unsigned p, const IrInsn *insn, unsigned user)
{
    const IrInsn *add = x64_insn(e, user);
    unsigned other = add->arg[add->arg[0] == p];
    uint64_t n;

    return add->op == IR_ADD && (add->arg[0] == p || add->arg[1] == p) &&
           peep_const(e, insn->arg[1], &n) && n >= 1 && n <= 3 && !x64_is_const(e, other) &&
           !x64_folded(e, other) && !peep_has_flags(e, user);
}

/* The AND that a comparison with zero, or the making of N and Z, is all about. */
static bool peep_is_mask(const X64Emit *e, unsigned p, const IrInsn *user)
{
    if (user->arg[0] != p) {
        return false;
    }
    switch (user->op) {
    case IR_EXIT_CMP:
    case IR_RAISE_IF:
        return (user->sub & 15) <= IR_NE && peep_is_zero(e, user->arg[1]);
    case IR_EXIT_IF:
    case IR_FLAGS_LOGIC:
        return true;
    default:
        return false;
    }
}

/* A sum with a constant that is an address alone. */
static bool peep_is_offset(const X64Emit *e, unsigned p, const IrInsn *insn, const IrInsn *user)
{
    uint64_t n;

    return (user->op == IR_LD || user->op == IR_LDP || user->op == IR_ST || user->op == IR_STP) &&
           user->arg[0] == p && insn->type == IR_I64 && peep_const(e, insn->arg[1], &n) &&
           n + (1 << 20) <= 2 << 20 && !x64_is_const(e, insn->arg[0]) && !peep_has_flags(e, p);
}

/* The last use may be that of a value which @p was taken into: then it is none of @p itself. */
bool x64_peep(const X64Emit *e, unsigned p, const IrInsn *insn)
{
    unsigned user = e->val[p].last;

    switch (insn->op) {
    case IR_SHL:
        return peep_is_index(e, p, insn, user);
    case IR_AND:
        return peep_is_mask(e, p, x64_insn(e, user));
    case IR_SETCOND: /* of a choice between integers */
        return x64_insn(e, user)->op == IR_SELECT && x64_insn(e, user)->arg[0] == p &&
               !x64_is_vec(e, user);
    default: /* ADD, SUB */
        return peep_is_offset(e, p, insn, x64_insn(e, user));
    }
}

X64Addr x64_addr(X64Emit *e, const IrInsn *access)
{
    unsigned id = access->arg[0];
    int32_t disp = ir_access_disp(access);

    if (x64_folded(e, id)) {
        const IrInsn *insn = x64_insn(e, id);
        int32_t n = (int32_t)ir_const_value(x64_insn(e, insn->arg[1]));

        disp += insn->op == IR_SUB ? -n : n;
        id = insn->arg[0];
    }
    return (X64Addr){ x64_reg(e, id, RDX), disp };
}

void x64_test(X64Emit *e, unsigned id)
{
    const IrInsn *insn = x64_insn(e, id);
    bool w = x64_wide(insn);

    if (!x64_folded(e, id)) {
        unsigned a = x64_reg(e, id, RCX);

        x64_rr(&e->a, XO_TEST | X_W_IF(w), a, a);
        return;
    }

    unsigned a = x64_reg(e, insn->arg[0], RCX);
    X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

    if (b.kind == OPD_MEM) {
        x64_rm(&e->a, XO_TEST | X_W_IF(w), a, b.m);
    } else if (b.kind == OPD_REG) {
        x64_rr(&e->a, XO_TEST | X_W_IF(w), a, b.reg);
    } else if (b.imm >= 0 && b.imm < 128) {
        x64_test_ri(&e->a, a, (uint32_t)b.imm); /* N is 0 in any width */
    } else {
        x64_rr(&e->a, 0xf7 | X_W_IF(w), 0, a);
        x64_u32(&e->a, (uint32_t)b.imm);
    }
}

bool x64_add_index(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned n = x64_folded(e, insn->arg[1]) ? 1 : 0;
    const IrInsn *index = x64_insn(e, insn->arg[n]);

    if (!x64_folded(e, insn->arg[n])) {
        return false;
    }

    unsigned x = x64_reg(e, index->arg[0], RCX), b = x64_reg(e, insn->arg[1 - n], RDX);
    unsigned shift = (unsigned)ir_const_value(x64_insn(e, index->arg[1]));

    x64_kill_args(e);
    x64_release_args(e, index, e->i);

    unsigned d = x64_def(e, id);

    x64_rm(&e->a, XO_LEA | X_W_IF(x64_wide(insn)), d, x64_mem_index(b, x, shift, 0));
    return true;
}
