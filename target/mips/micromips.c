/* SPDX-License-Identifier: Apache-2.0 */
/* What microMIPS has of its own. Spec: Volume II-B (MD00582, MD00594). */
#include "target/mips/translate.h"

#include "target/mips/micromips-decode.h"

enum { REG_S0 = 16, REG_SP = 29, REG_S8, REG_RA };

/* ---- branches ---- */

bool mips_mm_j(Trans *t, const ArgsJump *a)
{
    return mips_branch_jump(t, a->target, 27, false);
}

bool mips_mm_jal(Trans *t, const ArgsJump *a)
{
    return mips_branch_jump(t, a->target, 27, true);
}

/* With S: the instruction in the delay slot has two bytes. */
bool mips_mm_jals(Trans *t, const ArgsJump *a)
{
    t->slot_bytes = 2;
    return mips_branch_jump(t, a->target, 27, true);
}

bool mips_mm_jalrs(Trans *t, const ArgsJalr *a)
{
    t->slot_bytes = 2;
    return mips_branch_register(t, a->rs, a->rd);
}

static bool micro_branch_links(Trans *t, const ArgsBr1 *a, IrCmp cmp)
{
    IrVal v = mips_rx(t, a->rs);

    if (!mips_branch_begin(t)) {
        return false;
    }
    t->slot_bytes = 2;
    mips_branch_link(t, REG_RA);
    return mips_branch_if(t, cmp, v, mips_zero(t), a->offset);
}

bool mips_mm_bltzals(Trans *t, const ArgsBr1 *a)
{
    return micro_branch_links(t, a, IR_LTS);
}

bool mips_mm_bgezals(Trans *t, const ArgsBr1 *a)
{
    return micro_branch_links(t, a, IR_GES);
}

/* ---- branches without a delay slot ---- */

static bool micro_branch_compact(Trans *t, const ArgsBr1 *a, IrCmp cmp)
{
    if (!mips_branch_begin(t)) {
        return false;
    }
    t->compact = true;
    return mips_branch_if(t, cmp, mips_rx(t, a->rs), mips_zero(t), a->offset);
}

bool mips_mm_beqzc(Trans *t, const ArgsBr1 *a)
{
    return micro_branch_compact(t, a, IR_EQ);
}

bool mips_mm_bnezc(Trans *t, const ArgsBr1 *a)
{
    return micro_branch_compact(t, a, IR_NE);
}

bool mips_mm_jrc(Trans *t, const ArgsJr *a)
{
    bool ok = mips_branch_register(t, a->rs, 0);

    t->compact = true;
    return ok;
}

static void micro_addiu(Trans *t, unsigned rt, unsigned rs, int64_t imm)
{
    mips_set_r32(t, rt, ir_addi(t->ir, mips_r32(t, rs), imm));
}

bool mips_mm_jraddiusp(Trans *t, const ArgsMmImm *a)
{
    bool ok = mips_branch_register(t, REG_RA, 0);

    t->compact = true;
    if (ok) {
        micro_addiu(t, REG_SP, REG_SP, a->imm);
    }
    return ok;
}

/* ---- arithmetic with encoded immediates ---- */

bool mips_mm_andi16(Trans *t, const ArgsMmEnc *a)
{
    static const uint16_t imm[16] = { 128, 1,  2,  3,  4,  7,   8,     15,
                                      16,  31, 32, 63, 64, 255, 32768, 65535 };

    mips_set_r(t, a->rt, ir_andi(t->ir, mips_r(t, a->rs), imm[a->enc]));
    return true;
}

bool mips_mm_addiur2(Trans *t, const ArgsMmEnc *a)
{
    static const int8_t imm[8] = { 1, 4, 8, 12, 16, 20, 24, -1 };

    micro_addiu(t, a->rt, a->rs, imm[a->enc & 7]);
    return true;
}

/* Words: 2 to 257 and -258 to -3; what would be -2 to 1 lies beyond the others. */
bool mips_mm_addiusp(Trans *t, const ArgsMmSp *a)
{
    int32_t words = a->enc < 256 ? a->enc : (int32_t)a->enc - 512;

    if (words >= -2 && words <= 1) {
        words += words < 0 ? -256 : 256;
    }
    micro_addiu(t, REG_SP, REG_SP, words * 4);
    return true;
}

bool mips_mm_li16(Trans *t, const ArgsMmLi *a)
{
    mips_set_r32(t, a->rt, ir_i32(t->ir, a->imm == 127 ? UINT32_MAX : a->imm));
    return true;
}

bool mips_mm_movep(Trans *t, const ArgsMmMovep *a)
{
    static const uint8_t to[8][2] = { { 5, 6 },  { 5, 7 }, { 6, 7 }, { 4, 21 },
                                      { 4, 22 }, { 4, 5 }, { 4, 6 }, { 4, 7 } };
    static const uint8_t from[8] = { 0, 17, 2, 3, 16, 18, 19, 20 };
    IrVal first = mips_r(t, from[a->rs]), second = mips_r(t, from[a->rt]);

    mips_set_r(t, to[a->dest][0], first);
    mips_set_r(t, to[a->dest][1], second);
    return true;
}

bool mips_mm_addiupc(Trans *t, const ArgsMmPc *a)
{
    mips_set_r(t, a->rt, ir_pc(t->ir, (t->delta & -4) + a->offset));
    return true;
}

/* ---- memory ---- */

bool mips_mm_lbu16(Trans *t, const ArgsMmEnc *a)
{
    IrVal at = mips_addr(t, a->rs, a->enc == 15 ? -1 : a->enc);

    mips_set_r32(t, a->rt, ir_ld(t->ir, IR_I32, mips_memop(t, 0, 0), at));
    return true;
}

bool mips_mm_lwxs(Trans *t, const ArgsMmXs *a)
{
    IrVal index = ir_shli(t->ir, mips_r(t, a->index), 2);
    IrVal at = mips_addr_of(t, ir_add(t->ir, mips_r(t, a->base), index));

    mips_set_r32(t, a->rd, ir_ld(t->ir, IR_I32, mips_memop(t, 2, IR_MO_SIGN), at));
    return true;
}

static bool micro_load(Trans *t, unsigned base, int32_t offset, const uint8_t *list, unsigned n)
{
    IrVal v[10];

    if (t->in_slot) {
        return false; /* UNPREDICTABLE */
    }
    for (unsigned i = 0; i < n; i++) {
        v[i] = ir_ld(t->ir, IR_I32, mips_memop(t, 2, IR_MO_SIGN),
                     mips_addr(t, base, offset + 4 * (int32_t)i));
    }
    for (unsigned i = 0; i < n; i++) {
        mips_set_r32(t, list[i], v[i]);
    }
    return true;
}

static bool micro_store(Trans *t, unsigned base, int32_t offset, const uint8_t *list, unsigned n)
{
    if (t->in_slot) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        ir_st(t->ir, mips_memop(t, 2, 0), mips_addr(t, base, offset + 4 * (int32_t)i),
              mips_r32(t, list[i]));
    }
    return true;
}

bool mips_mm_lwp(Trans *t, const ArgsMmPair *a)
{
    const uint8_t list[2] = { a->rd, a->rd + 1 };

    return micro_load(t, a->base, a->offset, list, 2);
}

bool mips_mm_swp(Trans *t, const ArgsMmPair *a)
{
    const uint8_t list[2] = { a->rd, a->rd + 1 };

    return micro_store(t, a->base, a->offset, list, 2);
}

/* The low four bits count from $16 on, the ninth being $30; bit 4: $31. */
static unsigned micro_list(unsigned code, uint8_t list[10])
{
    unsigned n = 0;

    for (; n < code % 16; n++) {
        list[n] = n == 8 ? REG_S8 : (uint8_t)(REG_S0 + n);
    }
    if (code & 16) {
        list[n++] = REG_RA;
    }
    return n;
}

bool mips_mm_lwm(Trans *t, const ArgsMmMulti *a)
{
    uint8_t list[10];

    return micro_load(t, a->base, a->offset, list, micro_list(a->list, list));
}

bool mips_mm_swm(Trans *t, const ArgsMmMulti *a)
{
    uint8_t list[10];

    return micro_store(t, a->base, a->offset, list, micro_list(a->list, list));
}
