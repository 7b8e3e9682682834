/* SPDX-License-Identifier: Apache-2.0 */
/* Which loops are taken for such that wait. */
#include "accel/tcg/host/x86_64/x64-priv.h"

#include "tests/unit.h"

enum { SPIN_X = 0x100, SPIN_MO = 3 };

static const IrHelper spin_helper = { "helper", NULL, IR_VOID, 0, 0 };

typedef enum SpinKind {
    SPIN_WAITS,   /* x0 := [x1]; until it is x2 */
    SPIN_SCANS,   /* x1 moves on */
    SPIN_COUNTS,  /* x2 goes down, what is loaded is not looked at */
    SPIN_STORES,  /* x2 to [x1] */
    SPIN_CALLS,   /* a helper */
    SPIN_NOTHING, /* no load */
} SpinKind;

static IrVal spin_get(IrBlock *ir, unsigned n)
{
    return ir_get(ir, IR_I64, SPIN_X + n * 8, 3);
}

static bool spin_of(SpinKind kind)
{
    IrBlock *ir = ir_block_new();
    X64Emit *e = x64_emit_new();
    IrVal addr, v;
    bool is;

    ir_begin(ir, 0);
    ir_insn(ir, 0, 4, 0);
    addr = spin_get(ir, 1);
    v = kind == SPIN_NOTHING ? spin_get(ir, 3) : ir_ld(ir, IR_I64, SPIN_MO, addr);
    ir_set(ir, SPIN_X, 3, v);
    if (kind == SPIN_SCANS || kind == SPIN_COUNTS) {
        unsigned n = kind == SPIN_SCANS ? 1 : 2;

        ir_set(ir, SPIN_X + n * 8, 3, ir_addi(ir, spin_get(ir, n), 8));
    } else if (kind == SPIN_STORES) {
        ir_st(ir, SPIN_MO, addr, spin_get(ir, 2));
    } else if (kind == SPIN_CALLS) {
        ir_call(ir, &spin_helper, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    }
    ir_insn(ir, 4, 4, 0);
    ir_exit_cmp(ir, IR_NE, v, spin_get(ir, 2), 0);
    ir_exit(ir, 8);
    ir_finish(ir);
    e->ir = ir;
    is = x64_is_spin(e, ir->n - 1);
    x64_emit_free(e);
    ir_block_free(ir);
    return is;
}

TEST(x64_spin, loops_that_wait)
{
    EXPECT(spin_of(SPIN_WAITS));
    EXPECT(!spin_of(SPIN_SCANS));
    EXPECT(!spin_of(SPIN_COUNTS));
    EXPECT(!spin_of(SPIN_STORES));
    EXPECT(!spin_of(SPIN_CALLS));
    EXPECT(!spin_of(SPIN_NOTHING));
}
