/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flag bundles. A bundle is in EFLAGS (N, Z, V as SF, ZF, OF; C as CF or, after a subtraction,
 * inverted) or as a word in the boundary format (LAHF and SETO in AX) in guest state or a slot.
 */
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <string.h>

void x64_flags_now(X64Emit *e, unsigned id, unsigned inverted)
{
    e->flags_id = (uint16_t)id;
    e->flags_inverted = (uint8_t)inverted;
    e->logic_id = e->cond_id = 0;
}

static bool x64_flags_in_memory(const X64Emit *e, unsigned id)
{
    return e->val[id].homed || e->val[id].slot >= 0;
}

bool x64_flags_wanted(const X64Emit *e)
{
    unsigned id = e->flags_id;

    return id &&
           (e->flags_pending == id || (e->val[id].last >= e->i && !x64_flags_in_memory(e, id)));
}

/* A comparison's EFLAGS to ax, through a table; they stay. */
static void x64_flags_fcmp_to_ax(X64Emit *e)
{
    X64Mem table = x64_fp_const(e, offsetof(X64FpConst, flags));

    x64_op0(&e->a, 0x9f);                 /* lahf */
    x64_rr(&e->a, 0xb6 | X_0F, RAX, RSP); /* movzx eax, ah */
    table.index = RAX;
    table.scale = 1;
    x64_rm(&e->a, XO_MOVZX16, RAX, table);
}

static void x64_flags_to_ax(X64Emit *e)
{
    if (e->flags_inverted == X64_FLAGS_FCMP) {
        x64_flags_fcmp_to_ax(e);
        return;
    }
    if (e->flags_inverted) {
        x64_op0(&e->a, 0xf5); /* cmc */
        e->flags_inverted = false;
    }
    x64_op0(&e->a, 0x9f); /* lahf */
    x64_setcc(&e->a, CC_O, RAX);
}

void x64_flags_store(X64Emit *e, unsigned inverted)
{
    if (inverted == X64_FLAGS_FCMP) {
        x64_flags_fcmp_to_ax(e);
    } else {
        if (inverted) {
            x64_op0(&e->a, 0xf5);
        }
        x64_op0(&e->a, 0x9f);
        x64_setcc(&e->a, CC_O, RAX);
    }
    x64_rbp(&e->a, XO_MOV16_RM_R, RAX, e->lay->flags);
}

/* The word in ax becomes the state's, whose other users have left it. */
static void x64_flags_set_home(X64Emit *e, unsigned id)
{
    x64_rbp(&e->a, XO_MOV16_RM_R, RAX, e->lay->flags);
    x64_home_set(e, id, e->lay->flags);
    e->flags_pending = 0;
}

_Static_assert(IR_EXIT_BIT == IR_EXIT + 4, "the direct exits are adjacent rows");

bool x64_flags_read_by(const X64Emit *e, const IrInsn *insn, bool live)
{
    unsigned effects = ir_op_effects[insn->op];

    if (insn->op == IR_CALL) {
        unsigned sees = IR_HELPER_RAISES | IR_HELPER_READS | IR_HELPER_WRITES;

        return live || (e->ir->helper[insn->imm]->flags & sees);
    }
    if (effects & IR_EFF_EXITS) {
        bool direct = insn->op >= IR_EXIT && insn->op <= IR_EXIT_BIT;
        bool dead = direct && insn->sub & IR_EXIT_FLAGS_DEAD;

        return !dead || (live && !(effects & IR_EFF_END));
    }
    return live || insn->op == IR_GET_FLAGS || (effects & IR_EFF_FAULT && e->ir->exact_flags);
}

void x64_flags_sync(X64Emit *e)
{
    unsigned id = e->flags_pending;

    if (!id) {
        return;
    }
    if (e->flags_id == id) {
        x64_home_clobber(e, e->lay->flags, 4);
        x64_flags_to_ax(e);
        x64_flags_set_home(e, id);
    } else {
        X64Val *v = &e->val[id];

        g_assert(v->slot >= 0 || v->homed);
        if (!(v->homed && v->home == e->lay->flags)) {
            x64_home_clobber(e, e->lay->flags, 4);
            x64_rm(&e->a, XO_MOV_R_RM, RAX,
                   v->slot >= 0 ? x64_slot_mem(v->slot, false) : x64_env(v->home));
            x64_flags_set_home(e, id);
        }
        e->flags_pending = 0;
    }
}

/* Whether one condition, or its opposite, is all that the rest of the block wants of @id. */
static bool x64_flags_one_cond(const X64Emit *e, unsigned id, IrCond *cond)
{
    unsigned last = e->val[id].last, found = IR_COND_AL;

    for (unsigned j = e->i; j <= last; j++) {
        const IrInsn *k = x64_insn(e, j);
        unsigned c = k->op == IR_FLAGS_CARRY ? IR_COND_CS : k->sub & 15;

        if (k->arg[0] != id && k->arg[1] != id && k->arg[2] != id && k->arg[3] != id) {
            continue;
        }
        if ((k->op != IR_SELECT_FLAGS && k->op != IR_EXIT_FLAGS && k->op != IR_FLAGS_COND &&
             k->op != IR_FLAGS_CARRY) ||
            c >= IR_COND_AL || (found != IR_COND_AL && found != (c & ~1u))) {
            return false;
        }
        found = c & ~1u;
    }
    *cond = (IrCond)found;
    return found != IR_COND_AL;
}

/* EFLAGS' bundle to a slot; it stays there as well. Uses rax. */
static void x64_flags_to_slot(X64Emit *e)
{
    unsigned id = e->flags_id;
    X64Val *v = &e->val[id];
    IrCond cond;

    if (e->flags_inverted != X64_FLAGS_FCMP && x64_flags_one_cond(e, id, &cond)) {
        X64Cc cc = x64_flags_cc(e, id, cond);

        x64_setcc(&e->a, cc, RAX);
        v->cond = (uint8_t)(1 + cond);
    } else {
        x64_flags_to_ax(e);
    }
    v->slot = (int16_t)x64_slot_new(e, false);
    x64_rm(&e->a, XO_MOV_RM_R, RAX, x64_slot_mem(v->slot, false));
}

void x64_flags_save(X64Emit *e)
{
    unsigned id = e->flags_id;

    e->logic_id = e->cond_id = 0;
    if (!id) {
        return;
    }
    /* What the block itself still uses may be read again after a fault, from the state. */
    if (e->flags_pending == id && !x64_flags_live(e, e->at) && e->val[id].last < e->i) {
        e->flags_pending = 0;
    }
    if (e->flags_pending == id) {
        x64_flags_sync(e);
    } else if (x64_flags_wanted(e)) {
        x64_flags_to_slot(e);
    }
    e->flags_id = 0;
}

static X64Mem x64_flags_mem(X64Emit *e, unsigned id)
{
    const X64Val *v = &e->val[id];

    g_assert(x64_flags_in_memory(e, id));
    return v->slot >= 0 ? x64_slot_mem(v->slot, false) : x64_env(v->home);
}

static X64Cc x64_flags_cc_of(IrCond cond, bool inverted)
{
    static const uint8_t cc[16] = {
        [IR_COND_EQ] = CC_E, [IR_COND_NE] = CC_NE, [IR_COND_CS] = CC_B,  [IR_COND_CC] = CC_AE,
        [IR_COND_MI] = CC_S, [IR_COND_PL] = CC_NS, [IR_COND_VS] = CC_O,  [IR_COND_VC] = CC_NO,
        [IR_COND_HI] = CC_A, [IR_COND_LS] = CC_BE, [IR_COND_GE] = CC_GE, [IR_COND_LT] = CC_L,
        [IR_COND_GT] = CC_G, [IR_COND_LE] = CC_LE,
    };

    if (inverted && (cond == IR_COND_CS || cond == IR_COND_CC)) {
        return (X64Cc)(cc[cond] ^ 1);
    }
    return (X64Cc)cc[cond];
}

/* Bring EFLAGS to @id from its word. */
static void x64_flags_restore(X64Emit *e, unsigned id)
{
    x64_rm(&e->a, XO_MOVZX16, RAX, x64_flags_mem(e, id));
    x64_op0(&e->a, 0x04); /* add al, 127: OF */
    x64_byte(&e->a, 0x7f);
    x64_op0(&e->a, 0x9e); /* sahf */
    x64_flags_now(e, id, false);
}

/*
 * The condition after UCOMIS. Unordered operands must look like greater ones for some conditions
 * and like less ones for others, which the stub of the comparison is told. False: it was told the
 * other way before.
 */
static bool x64_flags_fcmp_cc(X64Emit *e, IrCond cond, X64Cc *cc)
{
    static const struct {
        uint8_t cc, unordered;
    } of[14] = {
        [IR_COND_EQ] = { CC_E, 0 },
        [IR_COND_NE] = { CC_NE, 0 },
        [IR_COND_CS] = { CC_AE, X64_UNORDERED_GT },
        [IR_COND_CC] = { CC_B, X64_UNORDERED_GT },
        [IR_COND_MI] = { CC_B, X64_UNORDERED_GT },
        [IR_COND_PL] = { CC_AE, X64_UNORDERED_GT },
        [IR_COND_VS] = { CC_P, 0 },
        [IR_COND_VC] = { CC_NP, 0 },
        [IR_COND_HI] = { CC_A, X64_UNORDERED_GT },
        [IR_COND_LS] = { CC_BE, X64_UNORDERED_GT },
        [IR_COND_GE] = { CC_AE, X64_UNORDERED_LT },
        [IR_COND_LT] = { CC_B, X64_UNORDERED_LT },
        [IR_COND_GT] = { CC_A, X64_UNORDERED_LT },
        [IR_COND_LE] = { CC_BE, X64_UNORDERED_LT },
    };
    X64Stub *s = &e->stub[e->fcmp_stub];

    if (of[cond].unordered && s->unordered && s->unordered != of[cond].unordered) {
        return false;
    }
    s->unordered = s->unordered ? s->unordered : of[cond].unordered;
    *cc = (X64Cc)of[cond].cc;
    return true;
}

X64Cc x64_flags_cc(X64Emit *e, unsigned id, IrCond cond)
{
    static const uint16_t bit[4] = { IR_FLAG_Z, IR_FLAG_C, IR_FLAG_N, IR_FLAG_V };
    X64Cc cc;

    if (e->flags_id == id && e->flags_inverted == X64_FLAGS_FCMP) {
        if (x64_flags_fcmp_cc(e, cond, &cc)) {
            return cc;
        }
        x64_flags_save(e);
    }
    if (e->flags_id != id) {
        x64_flags_save(e);
        if (e->val[id].cond) {
            x64_rmi(&e->a, 0xf6, 0, x64_flags_mem(e, id), 1);
            return cond & 1 ? CC_E : CC_NE;
        }
        if (cond < IR_COND_HI) {
            unsigned mask = bit[cond / 2];
            X64Mem m = x64_flags_mem(e, id);

            m.disp += mask > 255;
            x64_rmi(&e->a, 0xf6, 0, m, (uint8_t)(mask > 255 ? mask >> 8 : mask));
            return cond & 1 ? CC_E : CC_NE;
        }
        x64_flags_restore(e, id);
    }
    if ((cond == IR_COND_HI || cond == IR_COND_LS) && !e->flags_inverted) {
        x64_op0(&e->a, 0xf5);
        e->flags_inverted = true;
    }
    return x64_flags_cc_of(cond, e->flags_inverted);
}

void x64_flags_word(X64Emit *e, unsigned id, unsigned reg)
{
    if (e->flags_id == id) {
        x64_flags_to_ax(e);
        if (reg != RAX) {
            x64_mov_rr(&e->a, false, reg, RAX);
        }
    } else {
        x64_rm(&e->a, XO_MOVZX16, reg, x64_flags_mem(e, id));
    }
}

unsigned x64_flags_pair(const X64Emit *e, IrOpcode op)
{
    const IrInsn *insn = x64_insn(e, e->i);

    if (!ir_sets_flags(e->ir)) { /* most blocks */
        return 0;
    }
    for (unsigned j = e->i + 1; j < e->ir->n && j < e->i + 6; j++) {
        const IrInsn *k = x64_insn(e, j);
        bool logic = k->op == IR_FLAGS_LOGIC;

        if (k->op == op && !e->done[j]) {
            bool alike =
                logic ? k->arg[0] == e->i : k->arg[0] == insn->arg[0] && k->arg[1] == insn->arg[1];

            if (alike) {
                return j;
            }
        }
        if (k->op != IR_SET_FLAGS && k->op != IR_ZEXT64 && k->op != IR_SET && k->op != IR_NOP) {
            return 0;
        }
        if ((op == IR_ADD || op == IR_SUB) &&
            (e->ir->set[j] || (k->op == IR_SET && x64_insn(e, k->arg[0])->type != IR_FLAGS))) {
            return 0; /* the result would be written before this SET */
        }
    }
    return 0;
}

/* ---- rows ---- */

void x64_op_GET_FLAGS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_sync(e);
    x64_home_set(e, id, e->lay->flags);
}

void x64_op_SET_FLAGS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned f = insn->arg[0];

    if (e->flags_pending && e->flags_pending != f) {
        e->flags_pending = 0; /* overwritten before anything could see it */
    }
    if (e->val[f].homed && e->val[f].home == e->lay->flags) {
        return;
    }
    /* Other bundles that live in the state's word must leave before it is written. */
    e->flags_pending = (uint16_t)f;
    if (e->flags_id != f) {
        e->flags_pending = 0;
        if (x64_flags_live(e, e->at + 1) || e->val[f].last > e->i) {
            x64_flags_save(e);
            e->flags_pending = (uint16_t)f;
            x64_flags_sync(e);
        }
    }
}

void x64_flags_alu(X64Emit *e, X64Alu alu, bool w, unsigned d, X64Opd b)
{
    if (b.kind == OPD_IMM) {
        x64_alu_ri(&e->a, alu, w, d, (int32_t)b.imm);
    } else if (b.kind == OPD_MEM) {
        x64_alu_rm(&e->a, alu, w, d, b.m);
    } else {
        x64_alu_rr(&e->a, alu, w, d, b.reg);
    }
}

/* Compute value @j, whose operands are those of the current instruction, and its flags. */
static void x64_flags_fused(X64Emit *e, const IrInsn *insn, X64Alu alu, unsigned j)
{
    bool w = x64_wide(x64_insn(e, j));
    unsigned a = x64_reg(e, insn->arg[0], RCX), i = e->i;
    X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

    e->i = j;
    x64_kill_args(e);

    unsigned d = x64_def(e, j);

    e->i = i;
    if (b.kind == OPD_REG && b.reg == d && a != d) {
        x64_mov_rr(&e->a, w, RCX, a);
        x64_flags_alu(e, alu, w, RCX, b);
        x64_mov_rr(&e->a, w, d, RCX);
        return;
    }
    if (a != d) {
        x64_mov_rr(&e->a, w, d, a);
    }
    x64_flags_alu(e, alu, w, d, b);
}

/*
 * N, Z and V of a + k are those of a - (-k), and C is "no borrow" there, but for k = 0 and the
 * least number. Needs no register to be destroyed.
 */
static bool x64_flags_add_by_cmp(X64Emit *e, const IrInsn *insn, bool w)
{
    int64_t k;

    if (!x64_is_const(e, insn->arg[1])) {
        return false;
    }
    k = (int64_t)ir_const_value(x64_insn(e, insn->arg[1]));
    k = w ? k : (int32_t)k;
    if (k == 0 || k != (int32_t)k || k == INT32_MIN) {
        return false;
    }
    x64_alu_ri(&e->a, ALU_CMP, w, x64_reg(e, insn->arg[0], RCX), (int32_t)-k);
    return true;
}

/* The operands' comparison sets EFLAGS; fused with the arithmetic operation when it follows. */
static void x64_flags_arith(X64Emit *e, unsigned id, const IrInsn *insn, X64Alu alu, IrOpcode pair)
{
    bool w = x64_wide(x64_insn(e, insn->arg[0]));
    unsigned j = x64_flags_pair(e, pair);

    x64_flags_save(e);
    if (j) {
        x64_flags_fused(e, insn, alu, j);
        x64_done(e, j);
    } else if (alu == ALU_SUB) {
        unsigned a = x64_reg(e, insn->arg[0], RCX);
        X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

        x64_flags_alu(e, ALU_CMP, w, a, b);
    } else if (x64_flags_add_by_cmp(e, insn, w)) {
        x64_flags_now(e, id, true);
        return;
    } else {
        X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

        x64_load(e, insn->arg[0], RCX);
        x64_flags_alu(e, alu, w, RCX, b);
    }
    x64_flags_now(e, id, alu == ALU_SUB);
}

void x64_op_FLAGS_ADD(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_arith(e, id, insn, ALU_ADD, IR_ADD);
}

void x64_op_FLAGS_SUB(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_arith(e, id, insn, ALU_SUB, IR_SUB);
}

static void x64_flags_carry_op(X64Emit *e, unsigned id, const IrInsn *insn, bool sub)
{
    bool w = x64_wide(x64_insn(e, insn->arg[0]));

    x64_flags_save(e);

    X64Opd b = x64_opd(e, insn->arg[1], RDX, true);

    x64_load(e, insn->arg[2], RAX);
    x64_load(e, insn->arg[0], RCX);
    /* CF := c for adc, not c for sbb */
    x64_alu_ri(&e->a, sub ? ALU_CMP : ALU_ADD, false, RAX, sub ? 1 : -1);
    x64_flags_alu(e, sub ? ALU_SBB : ALU_ADC, w, RCX, b);
    x64_flags_now(e, id, sub);
}

void x64_op_FLAGS_ADC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_carry_op(e, id, insn, false);
}

void x64_op_FLAGS_SBC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_carry_op(e, id, insn, true);
}

void x64_op_FLAGS_LOGIC(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (e->logic_id != insn->arg[0] || !e->logic_id) {
        x64_flags_save(e);
        x64_test(e, insn->arg[0]);
    }
    x64_flags_now(e, id, false);
}

/* The word in eax becomes bundle @id. */
static void x64_flags_def_word(X64Emit *e, unsigned id)
{
    X64Val *v = &e->val[id];

    v->slot = (int16_t)x64_slot_new(e, false);
    x64_rm(&e->a, XO_MOV_RM_R, RAX, x64_slot_mem(v->slot, false));
}

void x64_op_FLAGS_CONST(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Val *v = &e->val[id];

    v->slot = (int16_t)x64_slot_new(e, false);
    x64_mov_mi(&e->a, false, x64_slot_mem(v->slot, false), (int32_t)ir_flags_pack(insn->imm << 28));
}

/* Boundary words by NZCV, for code that indexes it. */
static const uint32_t x64_flags_words[16] = {
    0x0000, 0x0001, 0x0100, 0x0101, 0x4000, 0x4001, 0x4100, 0x4101,
    0x8000, 0x8001, 0x8100, 0x8101, 0xc000, 0xc001, 0xc100, 0xc101,
};

/* eax: NZCV in bits 3..0, becomes bundle @id. Uses rcx. */
static void x64_flags_from_nzcv(X64Emit *e, unsigned id)
{
    x64_mov_imm(&e->a, RCX, (uintptr_t)x64_flags_words);
    x64_rm(&e->a, XO_MOV_R_RM, RAX, x64_mem_index(RCX, RAX, 2, 0));
    x64_flags_def_word(e, id);
}

void x64_op_FLAGS_MAKE(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_save(e);
    x64_load(e, insn->arg[0], RAX);
    x64_shift_ri(&e->a, SH_SHR, false, RAX, 28);
    x64_flags_from_nzcv(e, id);
}

void x64_op_FLAGS_MERGE(X64Emit *e, unsigned id, const IrInsn *insn)
{
    uint32_t mask = ir_flags_pack(insn->imm << 28);

    x64_flags_word(e, insn->arg[0], RDX);
    x64_flags_word(e, insn->arg[1], RCX);
    x64_flags_save(e);
    x64_alu_ri(&e->a, ALU_AND, false, RDX, (int32_t)~mask);
    x64_alu_ri(&e->a, ALU_AND, false, RCX, (int32_t)mask);
    x64_mov_rr(&e->a, false, RAX, RCX);
    x64_alu_rr(&e->a, ALU_OR, false, RAX, RDX);
    x64_flags_def_word(e, id);
}

void x64_op_FLAGS_SELECT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_word(e, insn->arg[1], RDX);
    x64_flags_word(e, insn->arg[2], RCX);
    if (insn->sub < IR_COND_AL) {
        X64Cc cc = x64_flags_cc(e, insn->arg[0], (IrCond)insn->sub);

        x64_rr(&e->a, (XO_CMOV + cc), RCX, RDX);
        x64_flags_save(e);
        x64_mov_rr(&e->a, false, RAX, RCX);
    } else {
        x64_flags_save(e);
        x64_mov_rr(&e->a, false, RAX, RDX);
    }
    x64_flags_def_word(e, id);
}

/* Call C of bundle @id, of which no more is needed than operations after @until ask for, CF. */
bool x64_flags_carry_in(X64Emit *e, unsigned id, unsigned until)
{
    unsigned i = e->i;
    bool here = e->flags_id == id && e->flags_inverted != X64_FLAGS_FCMP;

    if (!here) {
        X64Mem m;

        x64_flags_save(e);
        m = x64_flags_mem(e, id);
        x64_rmi(&e->a, 0xba | X_0F, 4, m, e->val[id].cond ? 0 : 8); /* bt */
        return false;
    }
    e->i = until;
    x64_flags_save(e); /* EFLAGS stay, but for CF, as flags_inverted tells */
    e->i = i;
    return e->flags_inverted;
}

void x64_op_FLAGS_CARRY(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (x64_carry_chain(e, id, insn)) {
        return;
    }

    X64Cc cc = x64_flags_cc(e, insn->arg[0], IR_COND_CS);

    x64_setcc(&e->a, cc, RCX);
    x64_kill_args(e);
    x64_rr(&e->a, XO_MOVZX8, x64_def(e, id), RCX);
}

void x64_op_FLAGS_COND(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (insn->sub >= IR_COND_AL) {
        x64_mov_imm(&e->a, x64_def(e, id), 1);
        return;
    }

    X64Cc cc = x64_flags_cc(e, insn->arg[0], (IrCond)insn->sub);

    x64_setcc(&e->a, cc, RCX);
    x64_kill_args(e);
    x64_rr(&e->a, XO_MOVZX8, x64_def(e, id), RCX);
}

void x64_op_FLAGS_BITS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    x64_flags_word(e, insn->arg[0], RDX);
    x64_flags_save(e);
    x64_kill_args(e);

    unsigned d = x64_def(e, id);
    static const struct {
        uint8_t from, to;
    } bit[4] = { { 15, 31 }, { 14, 30 }, { 8, 29 }, { 0, 28 } };

    /* N and Z are adjacent in both formats. */
    x64_mov_rr(&e->a, false, RAX, RDX);
    x64_alu_ri(&e->a, ALU_AND, false, RAX, IR_FLAG_N | IR_FLAG_Z);
    x64_shift_ri(&e->a, SH_SHL, false, RAX, bit[0].to - bit[0].from);
    for (unsigned n = 2; n < 4; n++) {
        x64_mov_rr(&e->a, false, RCX, RDX);
        x64_alu_ri(&e->a, ALU_AND, false, RCX, 1 << bit[n].from);
        x64_shift_ri(&e->a, SH_SHL, false, RCX, bit[n].to - bit[n].from);
        x64_alu_rr(&e->a, ALU_OR, false, RAX, RCX);
    }
    x64_mov_rr(&e->a, false, d, RAX);
}

void x64_op_SELECT_FLAGS(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned a = insn->arg[1], b = insn->arg[2];
    X64Cc cc;

    if (insn->type == IR_V128) {
        X64Label other = X64_LABEL;
        unsigned x = x64_xreg(e, a, 1), y = x64_xreg(e, b, 2);

        cc = insn->sub >= IR_COND_AL ? CC_O : x64_flags_cc(e, insn->arg[0], (IrCond)insn->sub);

        unsigned d = x64_xdef(e, id); /* differs from x and y; moves leave EFLAGS */

        x64_vmov(&e->a, d, x);
        if (insn->sub < IR_COND_AL) {
            x64_jcc(&e->a, cc, &other);
            x64_vmov(&e->a, d, y);
            x64_bind(&e->a, &other);
        }
        return;
    }

    bool w = x64_wide(insn);
    unsigned y = x64_reg(e, b, RDX);
    X64Opd x = x64_opd(e, a, RCX, false);

    if (insn->sub >= IR_COND_AL) {
        x64_load_opd(e, x, w, RAX);
        x64_kill_args(e);
        x64_mov_rr(&e->a, w, x64_def(e, id), RAX);
        return;
    }
    cc = x64_flags_cc(e, insn->arg[0], (IrCond)insn->sub);
    x64_kill_args(e);

    unsigned d = x64_def(e, id); /* at most stores: EFLAGS stay */

    if (x.kind == OPD_REG && d == x.reg && d != y) {
        x64_rr(&e->a, (XO_CMOV + (cc ^ 1)) | X_W_IF(w), d, y);
        return;
    }
    if (x.kind == OPD_MEM) {
        x64_load_opd(e, x, w, RCX);
        x.reg = RCX;
    }
    if (d != y) {
        x64_mov_rr(&e->a, w, d, y);
    }
    x64_rr(&e->a, (XO_CMOV + cc) | X_W_IF(w), d, x.reg);
}

void x64_flags_def_nzcv(X64Emit *e, unsigned id)
{
    x64_flags_from_nzcv(e, id);
}
