/* SPDX-License-Identifier: Apache-2.0 */
/* MIPS branches and jumps. Spec: Volume II-A; delay slots: Volume I-A, 4.1.3. */
#include "target/mips/translate.h"

#include "target/mips/mips-decode.h"

bool mips_branch_begin(Trans *t)
{
    t->indirect = t->near_known = t->compact = t->switches = false;
    return !t->in_slot;
}

void mips_branch_link(Trans *t, unsigned reg)
{
    mips_set_r(t, reg, ir_pc(t->ir, t->next + (int32_t)t->slot_bytes + t->isa16));
}

/* Where an address of this CPU wraps (32 bits) the delta does it as well: pages are whole. */
static int64_t branch_delta(const Trans *t, int64_t offset)
{
    return t->next + offset;
}

IrVal mips_zero(Trans *t)
{
    return t->is64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);
}

static bool branch_if(Trans *t, IrCmp cmp, IrVal a, IrVal b, int64_t offset, bool likely)
{
    static const IrCmp inverse[] = {
        [IR_EQ] = IR_NE,   [IR_NE] = IR_EQ,   [IR_LTS] = IR_GES,
        [IR_GES] = IR_LTS, [IR_LES] = IR_GTS, [IR_GTS] = IR_LES,
    };

    t->target = branch_delta(t, offset);
    if (likely) { /* not taken: the slot is not executed */
        ir_exit_cmp(t->ir, inverse[cmp], a, b, t->next + 4);
        t->slot = SLOT_ALWAYS;
        return true;
    }
    t->slot = SLOT_IF;
    t->cmp = cmp;
    t->a = a;
    t->b = b;
    return true;
}

bool mips_branch_if(Trans *t, IrCmp cmp, IrVal a, IrVal b, int64_t offset)
{
    return branch_if(t, cmp, a, b, offset, false);
}

static bool branch_br2(Trans *t, const ArgsBr2 *a, IrCmp cmp, bool likely)
{
    if (!mips_branch_begin(t)) {
        return false;
    }
    if (a->rs == a->rt) {
        if (cmp == IR_EQ) {
            t->slot = SLOT_ALWAYS;
            t->target = branch_delta(t, a->offset);
            return true;
        }
        if (likely) {
            t->next += 4;
        }
        return true;
    }
    return branch_if(t, cmp, mips_rx(t, a->rs), mips_rx(t, a->rt), a->offset, likely);
}

static bool branch_br1(Trans *t, const ArgsBr1 *a, IrCmp cmp, bool link, bool likely)
{
    IrVal v;

    if (!mips_branch_begin(t)) {
        return false;
    }
    v = mips_rx(t, a->rs);
    if (link) {
        mips_branch_link(t, 31);
    }
    if (!a->rs && (cmp == IR_GES || cmp == IR_LES)) { /* B, BAL */
        t->slot = SLOT_ALWAYS;
        t->target = branch_delta(t, a->offset);
        return true;
    }
    return branch_if(t, cmp, v, mips_zero(t), a->offset, likely);
}

#define BR2(name, cmp, likely)                   \
    bool mips_##name(Trans *t, const ArgsBr2 *a) \
    {                                            \
        return branch_br2(t, a, cmp, likely);    \
    }
#define BR1(name, cmp, link, likely)                \
    bool mips_##name(Trans *t, const ArgsBr1 *a)    \
    {                                               \
        return branch_br1(t, a, cmp, link, likely); \
    }

BR2(beq, IR_EQ, false)
BR2(bne, IR_NE, false)
BR2(beql, IR_EQ, true)
BR2(bnel, IR_NE, true)
BR1(blez, IR_LES, false, false)
BR1(bgtz, IR_GTS, false, false)
BR1(bltz, IR_LTS, false, false)
BR1(bgez, IR_GES, false, false)
BR1(bltzal, IR_LTS, true, false)
BR1(bgezal, IR_GES, true, false)
BR1(blezl, IR_LES, false, true)
BR1(bgtzl, IR_GTS, false, true)
BR1(bltzl, IR_LTS, false, true)
BR1(bgezl, IR_GES, false, true)
BR1(bltzall, IR_LTS, true, true)
BR1(bgezall, IR_GES, true, true)

/*
 * J and JAL go to a place in the 256 MiB (microMIPS: 128 MiB) of the delay slot. A block serves
 * every address that its page is mapped at: where that is not known to be one, the distance is
 * looked at again.
 */
bool mips_branch_jump(Trans *t, uint32_t target, unsigned bits, bool link)
{
    uint64_t region = (1ull << bits) - 1;
    int64_t near = t->near & (int64_t)region, here = near + t->next;

    if (!mips_branch_begin(t)) {
        return false;
    }
    if (link) {
        mips_branch_link(t, 31);
    }
    t->slot = SLOT_ALWAYS;
    t->target = (int64_t)target - near;
    if (t->unmapped && here <= (int64_t)region) {
        return true;
    }
    t->indirect = true;
    t->near_known = here <= (int64_t)region;
    t->to = ir_or(t->ir, ir_andi(t->ir, ir_pc(t->ir, t->next), ~region), ir_i64(t->ir, target));
    return true;
}

bool mips_j(Trans *t, const ArgsJump *a)
{
    return mips_branch_jump(t, a->target, 28, false);
}

bool mips_jal(Trans *t, const ArgsJump *a)
{
    return mips_branch_jump(t, a->target, 28, true);
}

bool mips_jalx(Trans *t, const ArgsJump *a)
{
    bool ok = mips_branch_jump(t, a->target, 28, true);

    t->switches = true;
    return ok;
}

bool mips_branch_register(Trans *t, unsigned rs, unsigned rd)
{
    if (!mips_branch_begin(t)) {
        return false;
    }
    t->slot = SLOT_ALWAYS;
    t->indirect = true;
    t->to = mips_addr_of(t, mips_r(t, rs));
    if (t->isa16) {
        t->to = ir_xor(t->ir, t->to, ir_i64(t->ir, 1));
    }
    mips_branch_link(t, rd);
    return true;
}

bool mips_jr(Trans *t, const ArgsJr *a)
{
    return mips_branch_register(t, a->rs, 0);
}

bool mips_jalr(Trans *t, const ArgsJalr *a)
{
    return mips_branch_register(t, a->rs, a->rd);
}
