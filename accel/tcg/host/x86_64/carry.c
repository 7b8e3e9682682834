/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums with carry: the carry of a bundle, two additions and the new bundle are one ADC or SBB, and
 * in a row of them the carry stays in CF.
 */
#include "accel/tcg/host/x86_64/x64-priv.h"

/* What follows FLAGS_CARRY. */
typedef struct Carry {
    unsigned wide, inverse, first, sum, flags; /* ZEXT64, NOT, ADDs, FLAGS_ADC or _SBC; 0: none */
    unsigned n, m;                             /* operands; m 0: zero */
    bool sub;
} Carry;

static unsigned carry_next(const X64Emit *e, unsigned j)
{
    do {
        j++;
    } while (j < e->ir->n && x64_insn(e, j)->op == IR_NOP);
    return j < e->ir->n ? j : 0;
}

static bool carry_is_zero(const X64Emit *e, unsigned id)
{
    return x64_is_const(e, id) && ir_const_value(x64_insn(e, id)) == 0;
}

/* ADD @j of @a and any, which goes to @b. */
static bool carry_is_add(const X64Emit *e, unsigned j, unsigned a, unsigned *b)
{
    const IrInsn *k = x64_insn(e, j);

    if (!j || k->op != IR_ADD || e->done[j] || (k->arg[0] != a && k->arg[1] != a)) {
        return false;
    }
    *b = k->arg[k->arg[0] == a];
    return true;
}

/* The new bundle, if it is of the same sum. */
static bool carry_flags(const X64Emit *e, Carry *c, unsigned id, unsigned j)
{
    const IrInsn *k = x64_insn(e, j);
    unsigned m;

    if (!j || (k->op != IR_FLAGS_ADC && k->op != IR_FLAGS_SBC) || k->arg[2] != id ||
        k->arg[0] != c->n || (k->op == IR_FLAGS_SBC) != c->sub) {
        return false;
    }
    m = k->arg[1];
    if (c->m ? m != c->m : !carry_is_zero(e, m)) {
        return false;
    }
    c->flags = j;
    return true;
}

static bool carry_match(const X64Emit *e, unsigned id, Carry *c)
{
    unsigned j = carry_next(e, id), carry = id, other;

    if (j && x64_insn(e, j)->op == IR_ZEXT64 && x64_insn(e, j)->arg[0] == id) {
        c->wide = carry = j;
        j = carry_next(e, j);
    }
    if (j && x64_insn(e, j)->op == IR_NOT) {
        c->inverse = j;
        c->sub = true;
        j = carry_next(e, j);
    }
    if (!j || x64_insn(e, j)->op != IR_ADD || e->done[j] ||
        (c->wide && !x64_uses_are(e, c->wide, 1))) {
        return false;
    }
    if (carry_is_add(e, j, carry, &other)) { /* n + carry */
        c->n = other;
        c->sum = j;
        if (c->inverse) {
            return false;
        }
    } else {
        const IrInsn *k = x64_insn(e, j);

        c->first = j;
        c->n = k->arg[0];
        c->m = c->sub ? x64_insn(e, c->inverse)->arg[0] : k->arg[1];
        if ((c->sub && (k->arg[1] != c->inverse || !x64_uses_are(e, c->inverse, 1))) ||
            !x64_uses_are(e, j, 1)) {
            return false;
        }
        c->sum = carry_next(e, j);
        if (!carry_is_add(e, c->sum, c->first, &other) || other != carry) {
            return false;
        }
    }
    carry_flags(e, c, id, carry_next(e, c->sum));
    /* nothing else may ask for the carry as a number, and operands must have a place */
    return x64_uses_are(e, id, 1u + (c->flags != 0)) && !x64_folded(e, c->n) &&
           !(c->m && x64_folded(e, c->m));
}

bool x64_carry_chain(X64Emit *e, unsigned id, const IrInsn *insn)
{
    Carry c = { 0 };
    unsigned last, a, d, i = e->i;
    bool inverted, w;
    X64Opd b = { .kind = OPD_IMM };

    if (!carry_match(e, id, &c)) {
        return false;
    }
    last = MAX(c.sum, c.flags);
    w = x64_wide(x64_insn(e, c.sum));
    /* First: then places of what ends before @last may be forgotten. Moves leave EFLAGS alone. */
    a = x64_reg(e, c.n, RCX);
    if (c.m) {
        b = x64_opd(e, c.m, RDX, true);
    }
    inverted = x64_flags_carry_in(e, insn->arg[0], last);
    if (inverted != c.sub) {
        x64_op0(&e->a, 0xf5); /* cmc */
    }
    e->i = last;
    if (e->val[c.n].last <= last) {
        x64_release_arg(e, c.n);
    }
    if (c.m && c.m != c.n && e->val[c.m].last <= last) {
        x64_release_arg(e, c.m);
    }
    d = x64_def(e, c.sum);
    e->i = i;
    if (b.kind == OPD_REG && b.reg == d && a != d) {
        x64_mov_rr(&e->a, w, RCX, a);
        x64_flags_alu(e, c.sub ? ALU_SBB : ALU_ADC, w, RCX, b);
        x64_mov_rr(&e->a, w, d, RCX);
    } else {
        if (a != d) {
            x64_mov_rr(&e->a, w, d, a);
        }
        x64_flags_alu(e, c.sub ? ALU_SBB : ALU_ADC, w, d, b);
    }
    x64_done(e, c.wide);
    x64_done(e, c.inverse);
    x64_done(e, c.first);
    x64_done(e, c.sum);
    e->done[0] = 0;
    if (c.flags) {
        x64_done(e, c.flags);
        x64_flags_now(e, c.flags, c.sub);
    }
    return true;
}
