/* SPDX-License-Identifier: Apache-2.0 */
/* What MIPS16e has of its own. Spec: Volume IV-a (MD00076, MD00077). */
#include "target/mips/translate.h"

#include "target/mips/mips16x-decode.h"

enum { REG_A0 = 4, REG_A3 = 7, REG_S0 = 16, REG_S1, REG_S2, REG_SP = 29, REG_S8, REG_RA };

/* ---- branches: those that compare have no delay slot; the slot of a jump is of two bytes ---- */

bool mips_m16_b(Trans *t, const ArgsM16B *a)
{
    if (!mips_branch_begin(t)) {
        return false;
    }
    t->compact = true;
    t->slot = SLOT_ALWAYS;
    t->target = t->next + a->offset;
    return true;
}

static bool m16_branch_zero(Trans *t, const ArgsM16Bz *a, IrCmp cmp)
{
    if (!mips_branch_begin(t)) {
        return false;
    }
    t->compact = true;
    return mips_branch_if(t, cmp, mips_rx(t, a->rs), mips_zero(t), a->offset);
}

bool mips_m16_beqz(Trans *t, const ArgsM16Bz *a)
{
    return m16_branch_zero(t, a, IR_EQ);
}

bool mips_m16_bnez(Trans *t, const ArgsM16Bz *a)
{
    return m16_branch_zero(t, a, IR_NE);
}

bool mips_m16_jal(Trans *t, const ArgsJump *a)
{
    t->slot_bytes = 2;
    return mips_branch_jump(t, a->target, 28, true);
}

bool mips_m16_jalx(Trans *t, const ArgsJump *a)
{
    bool ok = mips_m16_jal(t, a);

    t->switches = true;
    return ok;
}

bool mips_m16_jalr(Trans *t, const ArgsJr *a)
{
    t->slot_bytes = 2;
    return mips_branch_register(t, a->rs, REG_RA);
}

bool mips_m16_jrc(Trans *t, const ArgsJr *a)
{
    bool ok = mips_branch_register(t, a->rs, 0);

    t->compact = true;
    return ok;
}

bool mips_m16_jalrc(Trans *t, const ArgsJr *a)
{
    bool ok;

    t->slot_bytes = 0;
    ok = mips_branch_register(t, a->rs, REG_RA);
    t->compact = true;
    return ok;
}

/* ---- what is relative to the pc: in a delay slot that of the jump ---- */

static IrVal m16_pc(Trans *t, int32_t offset, int32_t align)
{
    return ir_pc(t->ir, ((t->in_slot ? t->branch : t->delta) & -align) + offset);
}

bool mips_m16_addiupc(Trans *t, const ArgsM16Pc *a)
{
    mips_set_r(t, a->rt, m16_pc(t, a->offset, 4));
    return true;
}

bool mips_m16_lwpc(Trans *t, const ArgsM16Pc *a)
{
    IrVal v = ir_ld(t->ir, IR_I32, mips_memop(t, 2, IR_MO_SIGN), m16_pc(t, a->offset, 4));

    mips_set_r32(t, a->rt, v);
    return true;
}

bool mips_m16_ldpc(Trans *t, const ArgsM16Pc *a)
{
    mips_set_r(t, a->rt, ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), m16_pc(t, a->offset, 8)));
    return true;
}

/* ---- SAVE and RESTORE ---- */

/* aregs: of $4 to $7 how many are arguments, stored above the frame, and how many (from $7 down)
 * are kept in it. */
static const uint8_t m16_args[16] = { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 0, 3, 3, 4, 0 };
static const uint8_t m16_statics[16] = { 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 0, 0 };

/* The registers kept, from the top of the frame down. */
static unsigned m16_list(const ArgsM16Save *a, uint8_t *list)
{
    unsigned n = 0;

    if (a->ra) {
        list[n++] = REG_RA;
    }
    for (unsigned i = a->xs; i > 0; i--) {
        list[n++] = i == 7 ? REG_S8 : (uint8_t)(REG_S2 + i - 1);
    }
    if (a->s1) {
        list[n++] = REG_S1;
    }
    if (a->s0) {
        list[n++] = REG_S0;
    }
    for (unsigned i = 0; i < m16_statics[a->aregs]; i++) {
        list[n++] = (uint8_t)(REG_A3 - i);
    }
    return n;
}

bool mips_m16_save(Trans *t, const ArgsM16Save *a)
{
    int64_t top = a->save ? 0 : a->frame * 8, sp = a->save ? -a->frame * 8 : a->frame * 8;
    IrMemOp mo = mips_memop(t, 2, IR_MO_SIGN);
    uint8_t list[16];
    unsigned n = m16_list(a, list);
    IrVal v[16], new_sp = mips_addr_of(t, mips_addr(t, REG_SP, sp));

    for (unsigned i = 0; a->save && i < m16_args[a->aregs]; i++) {
        ir_st(t->ir, mo, mips_addr(t, REG_SP, i * 4), mips_r32(t, REG_A0 + i));
    }
    for (unsigned i = 0; i < n; i++) {
        IrVal at = mips_addr(t, REG_SP, top - 4 * (int64_t)(i + 1));

        if (a->save) {
            ir_st(t->ir, mo, at, mips_r32(t, list[i]));
        } else {
            v[i] = ir_ld(t->ir, IR_I32, mo, at);
        }
    }
    for (unsigned i = 0; !a->save && i < n; i++) {
        mips_set_r32(t, list[i], v[i]);
    }
    mips_set_r(t, REG_SP, new_sp);
    return true;
}
