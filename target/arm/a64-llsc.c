/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of a load-exclusive, one operation and a store-exclusive to the same place, as
 * compilers and kernels write atomics without FEAT_LSE:
 *
 *     ldxr  rt, [rn]             ldxr  rt, [rn]
 *     op    rd, rt, ...          cmp   rt, re        (or eor and cbnz, or cbnz alone)
 *     stxr  rs, rd, [rn]         b.ne  out
 *                                stxr  rs, rn, [rn]
 *
 * become one atomic operation, which stands where the load stands: the execution in which the
 * store succeeds at once is one that the architecture allows (DDI 0487 B2.9.5), and rs is 0. The
 * instructions between are translated as ever, with what the operation found in memory. The
 * engine (IR_MO_LLSC) sees to it that faults are those of the load or, with the load done, of the
 * store. A branch to the middle begins another block, in which nothing is fused.
 * Spec: Arm ARM DDI 0487, C6.2; B2.9 (exclusives).
 */
#include "target/arm/a64.h"

#include "core/icount.h"
#include "target/arm/a64-decode.h"

enum { LLSC_PAGE = 4096, LLSC_MAX = 6 };

typedef struct Llsc {
    unsigned rt, rt2, rn, size; /* of the load; size is log2 of bytes of an element */
    uint32_t word[LLSC_MAX];    /* behind the load */
    unsigned n;                 /* of them belong to the sequence, the store being the last */
    uint32_t store;
    bool is_pair;
    unsigned bits; /* of one element */
} Llsc;

static unsigned llsc_field(uint32_t w, unsigned lo, unsigned n)
{
    return w >> lo & ((1u << n) - 1);
}

static unsigned llsc_rd(uint32_t w)
{
    return w & 31;
}

static unsigned llsc_rn(uint32_t w)
{
    return llsc_field(w, 5, 5);
}

static unsigned llsc_rm(uint32_t w)
{
    return llsc_field(w, 16, 5);
}

/* Word @k is the store-exclusive that belongs to the load. */
static bool llsc_is_store(const Llsc *s, unsigned k)
{
    uint32_t w = s->word[k], size = s->size, rs = llsc_rm(w);
    uint32_t expected = s->is_pair ? 0x88200000 | (size & 1) << 30 : 0x08007c00 | size << 30;

    if ((w & (s->is_pair ? 0xffe00000 : 0xffe07c00)) != expected || llsc_rn(w) != s->rn ||
        rs == s->rn || rs == llsc_rd(w)) {
        return false;
    }
    return !s->is_pair || rs != llsc_field(w, 10, 5);
}

/* Read ahead; false: the sequence cannot be here. */
static bool llsc_begin(Llsc *s, const Trans *t)
{
    uint32_t w = t->insn;

    *s = (Llsc){ .rt = llsc_rd(w),
                 .rt2 = llsc_field(w, 10, 5),
                 .rn = llsc_rn(w),
                 .size = llsc_field(w, 30, 2),
                 .is_pair = w >> 21 & 1,
                 .bits = 8u << (w >> 30) };
    if (!t->page || t->delta + 4 * (LLSC_MAX + 1) > LLSC_PAGE ||
        t->ir->n_guest + LLSC_MAX >= IR_MAX_GUEST_INSNS || s->rt == 31 || s->rt == s->rn ||
        icount_is_single(t->cpu->cpu.dev.machine)) {
        return false;
    }
    for (unsigned k = 0; k < LLSC_MAX; k++) {
        const uint8_t *p = t->page + t->delta + 4 * (k + 1);

        s->word[k] = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
    }
    return true;
}

/* ---- one operation ---- */

typedef struct LlscOp {
    IrRmw op;
    IrVal operand; /* I64 or I32; the low bits count */
} LlscOp;

static IrVal llsc_shifted(Trans *t, uint32_t w)
{
    bool sf = w >> 31;
    unsigned amount = llsc_field(w, 10, 6);
    IrVal v = arm_r(t, sf, llsc_rm(w));

    switch (llsc_field(w, 22, 2)) {
    case 0:
        return ir_shli(t->ir, v, amount);
    case 1:
        return ir_shri(t->ir, v, amount);
    case 2:
        return ir_sari(t->ir, v, amount);
    default:
        return ir_rori(t->ir, v, amount);
    }
}

/* Add, subtract: immediate, shifted, extended register. */
static bool llsc_addsub(Trans *t, uint32_t w, unsigned rt, LlscOp *o)
{
    bool sf = w >> 31, sub = w >> 30 & 1;
    IrVal v;

    o->op = IR_RMW_ADD;
    if (llsc_field(w, 23, 6) == 0x22 && llsc_rn(w) == rt) {
        uint64_t imm = (uint64_t)llsc_field(w, 10, 12) << (w >> 22 & 1 ? 12 : 0);

        v = ir_const(t->ir, a64_type(sf), imm);
    } else if (llsc_field(w, 24, 5) != 0x0b) {
        return false;
    } else if (w >> 21 & 1) {
        if (llsc_field(w, 22, 2) || llsc_rn(w) != rt || llsc_rm(w) == rt ||
            llsc_field(w, 10, 3) > 4) {
            return false;
        }
        v = a64_extended(t, sf, llsc_rm(w), llsc_field(w, 13, 3), llsc_field(w, 10, 3));
    } else {
        bool swapped = llsc_rm(w) == rt && !llsc_field(w, 10, 6) && !sub;

        if (llsc_field(w, 22, 2) == 3 || (!sf && llsc_field(w, 15, 1)) ||
            (llsc_rn(w) == rt) == swapped || (llsc_rm(w) == rt && !swapped)) {
            return false;
        }
        v = swapped ? arm_r(t, sf, llsc_rn(w)) : llsc_shifted(t, w);
    }
    o->operand = sub ? ir_neg(t->ir, v) : v;
    return true;
}

static bool llsc_logic(Trans *t, uint32_t w, unsigned rt, LlscOp *o)
{
    static const uint8_t op[4] = { IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR, IR_RMW_AND };
    unsigned opc = llsc_field(w, 29, 2);
    bool sf = w >> 31, invert = w >> 21 & 1;
    IrVal v;

    o->op = op[opc];
    if (llsc_field(w, 23, 6) == 0x24 && llsc_rn(w) == rt) {
        unsigned n = w >> 22 & 1, imms = llsc_field(w, 10, 6);
        unsigned len = 31 - (unsigned)__builtin_clz((n << 6 | (~imms & 63)) | 1);

        if ((n && !sf) || len == 0 || (imms & ((1u << len) - 1)) == (1u << len) - 1) {
            return false; /* not allocated */
        }
        o->operand = ir_const(t->ir, a64_type(sf),
                              a64_bitmask(n, llsc_field(w, 16, 6), imms) & a64_ones(sf));
        return true;
    }
    if (llsc_field(w, 24, 5) != 0x0a || (!sf && llsc_field(w, 15, 1))) {
        return false;
    }
    if (llsc_rn(w) == rt && llsc_rm(w) != rt) {
        v = llsc_shifted(t, w);
    } else if (llsc_rm(w) == rt && llsc_rn(w) != rt && !llsc_field(w, 10, 6) && !invert) {
        v = arm_r(t, sf, llsc_rn(w));
    } else {
        return false;
    }
    if (invert && o->op == IR_RMW_AND) {
        o->op = IR_RMW_ANDC;
    } else if (invert) {
        v = ir_not(t->ir, v);
    }
    o->operand = v;
    return true;
}

/* What the store writes is an operation on what was loaded, or something else altogether. */
static bool llsc_rmw(Trans *t, Llsc *s, LlscOp *o)
{
    unsigned rt = s->rt;

    if (llsc_is_store(s, 0)) {
        s->n = 1;
        s->store = s->word[0];
        o->op = IR_RMW_SWAP;
        o->operand = arm_x(t, llsc_rd(s->store));
        return llsc_rd(s->store) != rt;
    }

    uint32_t w = s->word[0];
    unsigned rd = llsc_rd(w);

    if (!llsc_is_store(s, 1) || rd == 31 || rd == s->rn || rd != llsc_rd(s->word[1]) ||
        (s->bits == 64 && !(w >> 31))) {
        return false;
    }
    s->n = 2;
    s->store = s->word[1];
    return llsc_addsub(t, w, rt, o) || llsc_logic(t, w, rt, o);
}

/* ---- compare and exchange ---- */

/* B.NE to anywhere. */
static bool llsc_is_bne(uint32_t w)
{
    return (w & 0xff00001f) == 0x54000001;
}

/* CBNZ of @reg, in 64 bits or where 32 are all there can be. */
static bool llsc_is_cbnz(uint32_t w, unsigned reg, bool wide)
{
    return (w & 0x7f000000) == 0x35000000 && llsc_rd(w) == reg && (w >> 31 || !wide);
}

/*
 * CMP of @rt, whose upper bits are 0: what equal means for the value. A register that is compared
 * as a whole with a byte or halfword must be extended, else it might have more bits.
 */
static bool llsc_compared(Trans *t, const Llsc *s, uint32_t w, unsigned rt, IrVal *expected)
{
    bool sf = w >> 31, wide = s->bits == 64;

    if (llsc_rn(w) != rt || llsc_rd(w) != 31 || sf != wide) {
        return false;
    }
    if ((w & 0x7f800000) == 0x71000000) { /* SUBS (immediate) */
        uint64_t imm = (uint64_t)llsc_field(w, 10, 12) << (w >> 22 & 1 ? 12 : 0);

        *expected = ir_const(t->ir, a64_type(wide), imm);
        return s->bits > 31 || !(imm >> s->bits);
    }
    if (llsc_rm(w) == rt) {
        return false;
    }
    if ((w & 0x7fe0fc00) == 0x6b000000 && s->bits >= 32) { /* SUBS (register), not shifted */
        *expected = arm_r(t, wide, llsc_rm(w));
        return true;
    }
    if ((w & 0x7fe0dc00) == 0x6b200000 && s->bits == (w >> 13 & 1 ? 16u : 8u)) { /* UXTB, UXTH */
        *expected = ir_zext(t->ir, arm_w(t, llsc_rm(w)), s->bits);
        return true;
    }
    return false;
}

/* The instructions from the load to the branch change neither the address nor what is stored. */
static bool llsc_keeps(const Llsc *s, unsigned rd)
{
    return rd != s->rn && rd != llsc_rd(s->store) &&
           !(s->is_pair && rd == llsc_field(s->store, 10, 5));
}

static bool llsc_ends(Llsc *s, unsigned k)
{
    s->n = k + 1;
    s->store = s->word[k];
    return llsc_is_store(s, k) && llsc_keeps(s, s->rt) && (!s->is_pair || llsc_keeps(s, s->rt2));
}

static bool llsc_cas(Trans *t, Llsc *s, IrVal *expected)
{
    unsigned rt = s->rt;
    bool wide = s->bits == 64;
    uint32_t w = s->word[0];

    if (llsc_is_cbnz(w, rt, wide) && llsc_ends(s, 1)) {
        *expected = ir_const(t->ir, a64_type(wide), 0);
        return true;
    }
    if (!llsc_ends(s, 2)) {
        return false;
    }
    if (llsc_is_bne(s->word[1])) {
        return llsc_compared(t, s, w, rt, expected);
    }
    /* EOR tmp, rt, re; CBNZ tmp */
    if ((w & 0x7fe0fc00) == 0x4a000000 && (w >> 31) == wide && s->bits >= 32 && llsc_rd(w) != 31 &&
        llsc_keeps(s, llsc_rd(w)) && llsc_is_cbnz(s->word[1], llsc_rd(w), wide) &&
        (llsc_rn(w) == rt) != (llsc_rm(w) == rt)) {
        *expected = arm_r(t, wide, llsc_rn(w) == rt ? llsc_rm(w) : llsc_rn(w));
        return true;
    }
    return false;
}

/*
 * Pairs: CMP and CCMP #0, EQ, then B.NE; or two EORs into registers of their own, ORR, then CBNZ.
 * expected[]: of the lower and the higher address.
 */
static bool llsc_pair_cas(Trans *t, Llsc *s, IrVal expected[2])
{
    bool wide = s->bits == 64;
    uint32_t *w = s->word, sf = (uint32_t)wide << 31;
    unsigned a = llsc_rd(w[0]), b = llsc_rd(w[1]), c = llsc_rd(w[2]);

    if (llsc_ends(s, 3)) {
        if ((w[0] & 0xffe0fc1f) != (sf | 0x6b00001f) || llsc_rn(w[0]) != s->rt ||
            (w[1] & 0xffe0fc1f) != (sf | 0x7a400000) || llsc_rn(w[1]) != s->rt2 ||
            !llsc_is_bne(w[2])) {
            return false;
        }
    } else if (llsc_ends(s, 4)) {
        if ((w[0] & 0xffe0fc00) != (sf | 0x4a000000) || llsc_rn(w[0]) != s->rt || a == 31 ||
            (w[1] & 0xffe0fc00) != (sf | 0x4a000000) || llsc_rn(w[1]) != s->rt2 || b == 31 ||
            (w[2] & 0xffe0fc00) != (sf | 0x2a000000) || a == b || a == s->rt2 ||
            a == llsc_rm(w[1]) || c == 31 || !llsc_is_cbnz(w[3], c, wide) || !llsc_keeps(s, a) ||
            !llsc_keeps(s, b) || !llsc_keeps(s, c) ||
            !((llsc_rn(w[2]) == a && llsc_rm(w[2]) == b) ||
              (llsc_rn(w[2]) == b && llsc_rm(w[2]) == a))) {
            return false;
        }
    } else {
        return false;
    }
    for (unsigned k = 0; k < 2; k++) {
        unsigned rm = llsc_rm(w[k]);

        if (rm == s->rt || rm == s->rt2) {
            return false;
        }
        expected[k] = arm_x(t, rm);
    }
    return true;
}

/* ---- the whole ---- */

static IrMemOp llsc_memop(Trans *t, const Llsc *s)
{
    uint32_t regs = s->rt | s->rt2 << 5 | (uint32_t)s->is_pair << 10;

    return arm_memop(t, s->size + s->is_pair,
                     IR_MO_LLSC | IR_MO_ALIGN_NATURAL | regs << IR_MO_TARGET_SHIFT |
                         (t->insn >> 15 & 1 ? IR_MO_ACQ : 0) |
                         (s->store >> 15 & 1 ? IR_MO_REL : 0));
}

/* The instructions behind the load, but for the store as they stand; and the branch that would
 * begin again. */
static void llsc_rest(Trans *t, const Llsc *s)
{
    unsigned rs = llsc_rm(s->store), n = s->n + llsc_is_cbnz(s->word[s->n], rs, false);

    for (unsigned k = 0; k < n && !t->ended; k++) {
        t->delta += 4;
        t->insn = s->word[k];
        t->next = t->delta + 4;
        ir_insn(t->ir, (uint16_t)t->delta, 4, 0);
        if (k + 1 == s->n) {
            arm_set_r(t, rs, ir_i64(t->ir, 0));
        } else if (k < s->n && !a64_decode_trans(t, t->insn)) {
            arm_trans_undefined(t);
        }
    }
}

static bool llsc_fuse_pair(Trans *t, Llsc *s)
{
    IrVal expected[2], desired[2], old;

    if (s->rt2 == 31 || s->rt2 == s->rn || s->rt2 == s->rt || !llsc_pair_cas(t, s, expected)) {
        return false;
    }
    desired[0] = arm_x(t, llsc_rd(s->store));
    desired[1] = arm_x(t, llsc_field(s->store, 10, 5));
    old = ir_cas(t->ir, llsc_memop(t, s), arm_base(t, s->rn),
                 a64_join(t, s->size, expected[0], expected[1]),
                 a64_join(t, s->size, desired[0], desired[1]));
    a64_split(t, s->size, old, desired);
    arm_set_r(t, s->rt, desired[0]);
    arm_set_r(t, s->rt2, desired[1]);
    return true;
}

static bool llsc_fuse_one(Trans *t, Llsc *s)
{
    bool wide = s->bits == 64;
    IrVal expected, old;
    LlscOp o;

    if (llsc_rmw(t, s, &o)) {
        old = ir_rmw(t->ir, o.op, llsc_memop(t, s), arm_base(t, s->rn),
                     wide ? ir_zext64(t->ir, o.operand) : ir_trunc(t->ir, o.operand));
    } else if (llsc_cas(t, s, &expected)) {
        old = ir_cas(t->ir, llsc_memop(t, s), arm_base(t, s->rn), expected,
                     arm_r(t, wide, llsc_rd(s->store)));
    } else {
        return false;
    }
    arm_set_r(t, s->rt, old);
    return true;
}

bool a64_llsc_fuse(Trans *t)
{
    Llsc s;

    if (!llsc_begin(&s, t) || !(s.is_pair ? llsc_fuse_pair(t, &s) : llsc_fuse_one(t, &s))) {
        return false;
    }
    llsc_rest(t, &s);
    return true;
}

/* ---- at run time ---- */

/* The load alone was done: as if it had been translated alone. */
void a64_llsc_loaded(Cpu *cpu, uint32_t memop, const uint64_t value[2])
{
    ArmCpu *c = arm_cpu(cpu);
    unsigned regs = memop >> IR_MO_TARGET_SHIFT, rt = regs & 31, rt2 = regs >> 5 & 31;
    bool be = memop & IR_MO_BE;

    if (!(regs >> 10 & 1)) {
        c->x[rt] = value[0];
    } else if (ir_memop_bytes(memop) == 16) {
        c->x[rt] = value[be];
        c->x[rt2] = value[!be];
    } else {
        c->x[be ? rt2 : rt] = (uint32_t)value[0];
        c->x[be ? rt : rt2] = value[0] >> 32;
    }
    c->pc += 4;
}
