/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/ir/ir.h"
#include "tests/unit.h"

#include <glib.h>

static unsigned count_ops(const IrBlock *ir, IrOpcode op)
{
    unsigned n = 0;

    for (uint32_t k = 1; k < ir->n; k++) {
        n += ir->insn[k].op == op || (op == IR_SET && ir->set[k]);
    }
    return n;
}

TEST(ir, folds_constants_and_identities)
{
    IrBlock *ir = ir_block_new();
    IrVal a;
    uint64_t c = 0;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    a = ir_get(ir, IR_I64, 64, 3);
    EXPECT_EQ(ir_addi(ir, a, 0).id, a.id);
    EXPECT(ir_is_const(ir, ir_sub(ir, ir_i32(ir, 1), ir_i32(ir, 2)), &c));
    EXPECT_EQ(c, 0xffffffff);
    EXPECT(ir_is_const(ir, ir_sext(ir, ir_i64(ir, 0x80), 8), &c));
    EXPECT_EQ(c, 0xffffffffffffff80);
    EXPECT(ir_is_const(ir, ir_addi(ir, ir_i64(ir, UINT64_MAX), 2), &c));
    EXPECT_EQ(c, 1);
    a = ir_addi(ir, ir_addi(ir, a, 8), -8 + 0x123456789a);
    EXPECT(ir_is_const(ir, (IrVal){ ir->insn[a.id].arg[1] }, &c));
    EXPECT_EQ(c, 0x123456789a);
    ir_exit(ir, 4);
    ir_finish(ir);
    EXPECT(ir_verify(ir) == NULL);
    ir_block_free(ir);
}

TEST(ir, extends_by_sign_what_may_have_one)
{
    IrBlock *ir = ir_block_new();
    IrVal a;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    a = ir_get(ir, IR_I32, 64, 2);
    EXPECT_EQ(ir->insn[ir_sext64(ir, a).id].op, IR_SEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_shri(ir, a, 0)).id].op, IR_SEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_shri(ir, a, 1)).id].op, IR_ZEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_sari(ir, a, 1)).id].op, IR_SEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_zext(ir, a, 31)).id].op, IR_ZEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_sext(ir, a, 31)).id].op, IR_SEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_extract(ir, a, 2, 29)).id].op, IR_ZEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_op2(ir, IR_AND, a, ir_i32(ir, INT32_MAX))).id].op,
              IR_ZEXT64);
    EXPECT_EQ(ir->insn[ir_sext64(ir, ir_op2(ir, IR_AND, a, ir_i32(ir, 1u << 31))).id].op,
              IR_SEXT64);
    ir_exit(ir, 4);
    ir_finish(ir);
    EXPECT(ir_verify(ir) == NULL);
    ir_block_free(ir);
}

TEST(ir, forwards_state_and_drops_what_is_overwritten)
{
    IrBlock *ir = ir_block_new();
    IrVal one, two;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    one = ir_i64(ir, 1);
    two = ir_i64(ir, 2);
    ir_set(ir, 64, 3, one);
    EXPECT_EQ(ir_get(ir, IR_I64, 64, 3).id, one.id);
    ir_insn(ir, 4, 4, 0);
    ir_set(ir, 64, 3, two); /* drops the first */
    ir_st(ir, 3, two, one); /* may fault: observes */
    ir_set(ir, 64, 3, one);
    ir_exit(ir, 8);
    ir_finish(ir);
    EXPECT_EQ(count_ops(ir, IR_SET), 2);
    EXPECT(ir_verify(ir) == NULL);
    ir_block_free(ir);
}

TEST(ir, sets_are_a_part_of_what_makes_the_value)
{
    IrBlock *ir = ir_block_new();
    IrVal a, b, c;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    a = ir_addi(ir, ir_get(ir, IR_I64, 64, 3), 1);
    ir_set(ir, 72, 3, a);
    ir_set(ir, 80, 3, a); /* one at most */
    EXPECT_EQ(ir->set[a.id], 72 / 8);
    EXPECT_EQ(ir->insn[ir->n - 1].op, IR_SET);
    EXPECT_EQ(ir_get(ir, IR_I64, 72, 3).id, a.id);
    b = ir_addi(ir, a, 1);
    ir_set(ir, 72, 3, b); /* drops the first */
    EXPECT_EQ(ir->set[a.id], 0);
    EXPECT_EQ(ir->set[b.id], 72 / 8);
    c = ir_ld(ir, IR_I64, 3, b); /* may fault: observes */
    ir_set(ir, 72, 3, c);
    EXPECT_EQ(ir->set[b.id], 72 / 8);
    EXPECT_EQ(ir->set[c.id], 72 / 8);
    ir_set(ir, 96, 2, ir_trunc(ir, c)); /* of 8 bytes alone */
    EXPECT_EQ(ir->insn[ir->n - 1].op, IR_SET);
    ir_exit(ir, 4);
    ir_finish(ir);
    EXPECT_EQ(count_ops(ir, IR_SET), 4);
    EXPECT_EQ(count_ops(ir, IR_CONST), 0);
    EXPECT_EQ(ir->insn[ir->consts].op, IR_CONST);
    EXPECT(ir_verify(ir) == NULL);
    ir_begin(ir, 0);
    EXPECT_EQ(ir->set[b.id] | ir->set[c.id], 0);
    EXPECT_EQ(ir->consts, IR_MAX_INSNS);
    ir_block_free(ir);
}

TEST(ir, state_is_zero_where_chained_exits_enter)
{
    IrBlock *ir = ir_block_new();
    IrVal v;

    ir_begin(ir, 0);
    v = ir_get(ir, IR_I32, 64, 2);
    ir_set(ir, 68, 2, v);
    ir_linked(ir, 64);
    ir_insn(ir, 0, 4, 0);
    EXPECT(ir_get(ir, IR_I32, 64, 2).id != v.id);
    EXPECT_EQ(ir_get(ir, IR_I32, 68, 2).id, v.id);
    ir_exit(ir, 4);
    EXPECT(ir_verify(ir) == NULL);
    ir_block_free(ir);
}

TEST(ir, overlapping_state_is_not_forwarded)
{
    IrBlock *ir = ir_block_new();
    IrVal v, w;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    v = ir_i64(ir, 5);
    ir_set(ir, 64, 3, v);
    ir_set(ir, 68, 2, ir_i32(ir, 7));
    w = ir_get(ir, IR_I64, 64, 3);
    EXPECT(w.id != v.id);
    ir_set(ir, 72, 3, w);
    ir_exit(ir, 4);
    ir_finish(ir);
    EXPECT_EQ(count_ops(ir, IR_SET), 3);
    EXPECT_EQ(count_ops(ir, IR_GET), 1);
    ir_block_free(ir);
}

TEST(ir, verifier_finds_faults)
{
    IrBlock *ir = ir_block_new();

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    EXPECT(ir_verify(ir) != NULL); /* no end */
    ir_exit(ir, 4);
    EXPECT(ir_verify(ir) == NULL);
    ir->insn[1].op = IR_EXIT_IF; /* no operand */
    EXPECT(ir_verify(ir) != NULL);
    ir_block_free(ir);
}

TEST(ir, distances_of_accesses)
{
    static const struct {
        int64_t disp;
        unsigned size;
        int sub; /* 0: an operation of its own */
    } at[] = {
        { 8, 3, 1 },     { -8, 3, -1 }, { 1016, 3, 127 }, { -1024, 3, -128 }, { 1024, 3, 0 },
        { -1032, 3, 0 }, { 4, 3, 0 },   { 127, 0, 127 },  { -256, 0, 0 },     { 2032, 4, 127 },
    };
    IrBlock *ir = ir_block_new();

    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        const IrInsn *ld, *add;
        IrVal base, v;
        uint64_t c = 0;

        ir_begin(ir, 0);
        ir_insn(ir, 0, 4, 0);
        base = ir_get(ir, IR_I64, 64, 3);
        v = ir_ld_at(ir, at[i].size == 4 ? IR_V128 : IR_I64, at[i].size, base, at[i].disp);
        ld = &ir->insn[v.id];
        EXPECT_EQ((int8_t)ld->sub, at[i].sub);
        if (at[i].sub) {
            EXPECT_EQ(ld->arg[0], base.id);
            EXPECT_EQ(ir_access_disp(ld), at[i].disp);
        } else {
            add = &ir->insn[ld->arg[0]];
            EXPECT(add->op == IR_ADD && add->arg[0] == base.id);
            EXPECT(ir_is_const(ir, (IrVal){ add->arg[1] }, &c));
            EXPECT_EQ((int64_t)c, at[i].disp);
        }
        ir_set(ir, 72, 3, base);
        ir_exit(ir, 4);
        EXPECT(ir_verify(ir) == NULL);
    }
    ir_block_free(ir);
}
