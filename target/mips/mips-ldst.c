/* SPDX-License-Identifier: Apache-2.0 */
/* MIPS loads and stores. Spec: Volume II-A. */
#include "target/mips/translate.h"

#include "accel/tcg/tcg.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

/* Loongson 3: a load to register 0 is a prefetch, which never faults (CPUCFG1.LSLDR0). */
static bool ldst_is_prefetch(const Trans *t, unsigned rt)
{
    return !rt && trans_has(t, MIPS_FEAT_LEXT);
}

static bool ldst_load(Trans *t, const ArgsMem *a, unsigned size, uint32_t extra)
{
    IrVal addr;

    if (ldst_is_prefetch(t, a->rt)) {
        return true;
    }
    addr = mips_addr(t, a->base, a->offset);
    if (t->is64) {
        mips_set_r(t, a->rt, ir_ld(t->ir, IR_I64, mips_memop(t, size, extra), addr));
    } else {
        mips_set_r32(t, a->rt, ir_ld(t->ir, IR_I32, mips_memop(t, size, extra), addr));
    }
    return true;
}

static bool ldst_store(Trans *t, const ArgsMem *a, unsigned size)
{
    IrVal v = size == 3 ? mips_r(t, a->rt) : mips_r32(t, a->rt);

    ir_st(t->ir, mips_memop(t, size, 0), mips_addr(t, a->base, a->offset), v);
    return true;
}

#define LOAD(name, size, extra)                  \
    bool mips_##name(Trans *t, const ArgsMem *a) \
    {                                            \
        return ldst_load(t, a, size, extra);     \
    }
#define STORE(name, size)                        \
    bool mips_##name(Trans *t, const ArgsMem *a) \
    {                                            \
        return ldst_store(t, a, size);           \
    }

LOAD(lb, 0, IR_MO_SIGN)
LOAD(lh, 1, IR_MO_SIGN)
LOAD(lw, 2, IR_MO_SIGN)
LOAD(lbu, 0, 0)
LOAD(lhu, 1, 0)
STORE(sb, 0)
STORE(sh, 1)
STORE(sw, 2)

bool mips_lwu(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_load(t, a, 2, 0);
}

bool mips_ld(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_load(t, a, 3, 0);
}

bool mips_sd(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_store(t, a, 3);
}

/* ---- parts of words ---- */

static const IrHelper ldst_store_part = { "store_part", (void (*)(void))mips_helper_store_part,
                                          IR_VOID, 3, IR_HELPER_RAISES };

/*
 * Of the word of 4 (8) bytes that @addr lies in, the left part is from @addr to its least
 * significant end in memory order, the right one from its most significant end to @addr. *@shift:
 * bits between the part's end and the register's.
 */
static unsigned part_bytes(uint64_t addr, uint64_t how, unsigned *shift)
{
    unsigned size = how & MIPS_PART_64 ? 8 : 4;
    unsigned at = addr & (size - 1), n;

    if (how & MIPS_PART_BE) {
        at = size - 1 - at;
    }
    n = how & MIPS_PART_RIGHT ? size - at : at + 1;
    *shift = (size - n) * 8;
    return n;
}

static uint64_t part_first(uint64_t addr, unsigned n, uint64_t how)
{
    bool down = !(how & MIPS_PART_RIGHT) == !(how & MIPS_PART_BE);

    return down ? addr - (n - 1) : addr;
}

uint64_t mips_helper_store_part(Cpu *cpu, uint64_t addr, uint64_t val, uint64_t how)
{
    unsigned shift, n = part_bytes(addr, how, &shift), mode = how >> MIPS_PART_MODE_SHIFT & 15;
    uint64_t first = part_first(addr, n, how);

    if (!(how & MIPS_PART_RIGHT)) {
        val >>= shift;
    }
    if (tcg_write_direct(cpu, first, mode, n,
                         how & MIPS_PART_BE ? __builtin_bswap64(val) >> (64 - 8 * n) : val)) {
        return 0;
    }
    for (unsigned i = 0; i < n;) {
        unsigned log = MIN((unsigned)__builtin_ctzll(first + i) & 63, 3), m;
        uint32_t memop = mode << IR_MO_MODE_SHIFT | (how & MIPS_PART_BE ? IR_MO_BE : 0);

        while (1u << log > n - i) {
            log--;
        }
        m = 1u << log;
        if (!tcg_write(cpu, first + i, mode, memop | log,
                       val >> (how & MIPS_PART_BE ? n - i - m : i) * 8)) {
            return 0;
        }
        i += m;
    }
    return 0;
}

static IrVal ldst_how(Trans *t, uint64_t how)
{
    return ir_i64(t->ir, how | (t->mode_word & MIPS_MW_BE ? MIPS_PART_BE : 0) |
                             t->mode << MIPS_PART_MODE_SHIFT);
}

static unsigned word_rs(uint32_t w)
{
    return w >> 21 & 31;
}

static unsigned word_rt(uint32_t w)
{
    return w >> 16 & 31;
}

/* The first of @bytes bytes that a word begins at which has a part at @offset. */
static int64_t ldst_part_first(const Trans *t, int64_t offset, bool is_right, unsigned bytes)
{
    bool low = is_right != !!(t->mode_word & MIPS_MW_BE);

    return low ? offset : offset - (int64_t)bytes + 1;
}

/* The other part of the word that @a has one of, whose bytes begin at *@offset from the base? */
static bool ldst_is_other(const Trans *t, const ArgsMem *a, uint32_t w, uint64_t how, bool store,
                          int64_t *offset)
{
    static const uint8_t left[4] = { 34, 42, 26, 44 }, right[4] = { 38, 46, 27, 45 }; /* opcodes */
    unsigned kind = store | (how & MIPS_PART_64 ? 2 : 0), bytes = how & MIPS_PART_64 ? 8 : 4;
    bool is_right = how & MIPS_PART_RIGHT;

    *offset = ldst_part_first(t, a->offset, is_right, bytes);
    return w >> 26 == (is_right ? left : right)[kind] && word_rs(w) == a->base &&
           word_rt(w) == a->rt && ldst_part_first(t, (int16_t)w, !is_right, bytes) == *offset;
}

/* A store by the same base, to no byte of the word that @a stores a part of. */
static bool ldst_is_beside(const Trans *t, const ArgsMem *a, uint32_t w, uint64_t how)
{
    enum { SWL = 42, SW = 43, SDL = 44, SDR = 45, SWR = 46, SD = 63 };
    unsigned op = w >> 26, own = op == SDL || op == SDR || op == SD ? 8 : 4;
    unsigned bytes = how & MIPS_PART_64 ? 8 : 4;
    int64_t at = (int16_t)w, first = ldst_part_first(t, a->offset, how & MIPS_PART_RIGHT, bytes);

    if (word_rs(w) != a->base || (op != SW && op != SD && (op < SWL || op > SWR))) {
        return false;
    }
    if (op != SW && op != SD) {
        at = ldst_part_first(t, at, op == SWR || op == SDR, own);
    }
    return at + own <= first || first + bytes <= at;
}

/*
 * An instruction between two parts that neither faults for itself (loads do, from the state behind
 * the whole word) nor has to do with what they access.
 */
static bool ldst_is_aside(const Trans *t, const ArgsMem *a, uint32_t w, bool store)
{
    enum { ADDIU = 9, LUI = 15, LDL = 26, LDR = 27, LB = 32, LWU = 39, PREF = 51 };
    /* shifts but SLLV's neighbour MOVCI, ADDU, SUBU, AND to NOR, SLT, SLTU */
    static const uint64_t plain = 0xddull | 0xfaull << 32 | 0xcull << 40;
    unsigned op = w >> 26, rs = word_rs(w), rt = word_rt(w), rd = w >> 11 & 31, to = rt;
    bool reads = rs == a->rt;

    if (op == 0) { /* SPECIAL */
        to = rd;
        reads |= rt == a->rt;
        if (!(plain >> (w & 63) & 1)) {
            return false;
        }
    } else if (op == LDL || op == LDR || (op >= LB && op <= LWU)) {
        if (store) {
            return false;
        }
        reads |= rt == a->rt;
    } else if (op == PREF) {
        return true;
    } else if (op < ADDIU || op > LUI) {
        return false;
    }
    return to != a->base && to != a->rt && (store || !reads);
}

/*
 * A branch by other registers than @a's, forward: *@to is the least number of words from t->next
 * that it may lead to. Where the other part is not before that, both ways come to it.
 */
static bool ldst_is_branch(const ArgsMem *a, uint32_t w, unsigned n, unsigned *to)
{
    enum { REGIMM = 1, BEQ = 4, BGTZ = 7, BGEZ = 1 };
    unsigned op = w >> 26;
    int16_t offset = (int16_t)w;

    if ((op < BEQ || op > BGTZ) && (op != REGIMM || word_rt(w) > BGEZ)) {
        return false;
    }
    *to = MAX(*to, n + 1 + (unsigned)offset);
    return offset >= 0 && word_rs(w) != a->rt && (op == REGIMM || word_rt(w) != a->rt);
}

/* The same of the branch in whose delay slot @t is. */
static bool ldst_is_slot_forward(const Trans *t, unsigned *to)
{
    int64_t ahead = t->target - t->next;

    *to = ahead >= 0 ? (unsigned)(ahead / 4) : 0;
    return t->slot == SLOT_IF && !t->indirect && !t->switches && ahead >= 0;
}

/*
 * LWL and LWR (SWL and SWR) of one word, close to each other, are an access that need not be
 * aligned, at *@offset, where the first stands. A fault of the two is one of the first. Should the
 * block end between them (for want of room, or by a fault there), the second is done again: it
 * finds, or writes, the same. So where a branch goes past some of what is between.
 */
static bool ldst_is_pair(Trans *t, const ArgsMem *a, uint64_t how, bool store, int64_t *offset)
{
    enum { NEAR = 16 };
    unsigned to = 0;
    uint32_t w;

    if (t->ir->no_peek || (!store && a->rt == a->base) ||
        (t->in_slot && !ldst_is_slot_forward(t, &to))) {
        return false;
    }
    for (unsigned n = 0; n < NEAR && t->n_taken < MIPS_TAKEN && mips_trans_peek(t, n, &w); n++) {
        if (n >= to && ldst_is_other(t, a, w, how, store, offset)) {
            int32_t at = t->next + (int32_t)n * 4;

            t->taken[t->n_taken++] = (uint16_t)at;
            t->ir->peeked |= 1ull << (at / 64);
            return true;
        }
        if (!ldst_is_aside(t, a, w, store) && !(store && ldst_is_beside(t, a, w, how)) &&
            !ldst_is_branch(a, w, n, &to)) {
            return false;
        }
    }
    return false;
}

/* This part was done with the other one. */
static bool ldst_is_taken(const Trans *t)
{
    for (unsigned n = 0; n < t->n_taken; n++) {
        if (t->taken[n] == t->delta && !t->isa16) {
            return true;
        }
    }
    return false;
}

static void ldst_set(Trans *t, unsigned rt, IrVal v)
{
    if (ir_type(t->ir, v) == IR_I64) {
        mips_set_r(t, rt, v);
    } else {
        mips_set_r32(t, rt, v);
    }
}

IrVal mips_load_part(Trans *t, IrVal addr, IrVal old, uint64_t how)
{
    IrType type = how & MIPS_PART_64 ? IR_I64 : IR_I32;
    uint64_t mask = type == IR_I64 ? 7 : 3;
    bool right = how & MIPS_PART_RIGHT, be = t->mode_word & MIPS_MW_BE;
    IrVal at, shift, v, ones;

    ir_set(t->ir, offsetof(MipsCpu, part_va), 3, addr);
    v = ir_ld(t->ir, type, mips_memop(t, type == IR_I64 ? 3 : 2, MIPS_MO_PART),
              ir_andi(t->ir, addr, ~mask));
    at = ir_andi(t->ir, type == IR_I64 ? addr : ir_trunc(t->ir, addr), mask);
    if (right == be) {
        at = ir_xor(t->ir, at, ir_const(t->ir, type, mask));
    }
    shift = ir_shli(t->ir, at, 3);
    ones = ir_const(t->ir, type, type == IR_I64 ? UINT64_MAX : UINT32_MAX);
    v = ir_op2(t->ir, right ? IR_SHR : IR_SHL, v, shift);
    return ir_or(t->ir, v,
                 ir_andc(t->ir, old, ir_op2(t->ir, right ? IR_SHR : IR_SHL, ones, shift)));
}

static IrMemOp ldst_unaligned(Trans *t, uint64_t how)
{
    return mips_memop(t, how & MIPS_PART_64 ? 3 : 2, 0) & ~(IrMemOp)IR_MO_ALIGN;
}

static bool ldst_load_at(Trans *t, const ArgsMem *a, uint64_t how)
{
    int64_t offset;

    if (ldst_is_taken(t)) {
        return true;
    }
    if (!ldst_is_pair(t, a, how, false, &offset)) {
        IrVal old = how & MIPS_PART_64 ? mips_r(t, a->rt) : mips_r32(t, a->rt);

        ldst_set(t, a->rt, mips_load_part(t, mips_addr(t, a->base, a->offset), old, how));
        return true;
    }
    ldst_set(t, a->rt,
             ir_ld(t->ir, how & MIPS_PART_64 ? IR_I64 : IR_I32, ldst_unaligned(t, how),
                   mips_addr(t, a->base, offset)));
    return true;
}

static bool ldst_store_at(Trans *t, const ArgsMem *a, uint64_t how)
{
    bool wide = how & MIPS_PART_64;
    int64_t offset;

    if (ldst_is_taken(t)) {
        return true;
    }
    if (ldst_is_pair(t, a, how, true, &offset)) {
        ir_st(t->ir, ldst_unaligned(t, how), mips_addr(t, a->base, offset),
              wide ? mips_r(t, a->rt) : mips_r32(t, a->rt));
        return true;
    }
    ir_call(t->ir, &ldst_store_part, mips_addr_of(t, mips_addr(t, a->base, a->offset)),
            wide ? mips_r(t, a->rt) : ir_zext64(t->ir, mips_r32(t, a->rt)), ldst_how(t, how),
            IR_NONE);
    return true;
}

bool mips_lwl(Trans *t, const ArgsMem *a)
{
    return ldst_load_at(t, a, 0);
}

bool mips_lwr(Trans *t, const ArgsMem *a)
{
    return ldst_load_at(t, a, MIPS_PART_RIGHT);
}

bool mips_swl(Trans *t, const ArgsMem *a)
{
    return ldst_store_at(t, a, 0);
}

bool mips_swr(Trans *t, const ArgsMem *a)
{
    return ldst_store_at(t, a, MIPS_PART_RIGHT);
}

bool mips_ldl(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_load_at(t, a, MIPS_PART_64);
}

bool mips_ldr(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_load_at(t, a, MIPS_PART_64 | MIPS_PART_RIGHT);
}

bool mips_sdl(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_store_at(t, a, MIPS_PART_64);
}

bool mips_sdr(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && ldst_store_at(t, a, MIPS_PART_64 | MIPS_PART_RIGHT);
}

/* ---- load linked, store conditional ---- */

bool mips_load_linked(Trans *t, unsigned rt, unsigned base, int64_t offset, unsigned size)
{
    IrVal v = ir_ll(t->ir, size == 3 ? IR_I64 : IR_I32, mips_memop(t, size, IR_MO_ALIGN_NATURAL),
                    mips_addr_of(t, mips_addr(t, base, offset)));

    ldst_set(t, rt, v);
    return true;
}

bool mips_store_conditional(Trans *t, unsigned rt, unsigned base, int64_t offset, unsigned size)
{
    IrVal v = size == 3 ? mips_r(t, rt) : mips_r32(t, rt);
    IrVal addr = mips_addr_of(t, mips_addr(t, base, offset));
    IrVal failed = ir_sc(t->ir, mips_memop(t, size, IR_MO_ALIGN_NATURAL), addr, v);

    mips_set_r(t, rt, ir_zext64(t->ir, ir_xor(t->ir, failed, ir_i32(t->ir, 1))));
    return true;
}

bool mips_ll(Trans *t, const ArgsMem *a)
{
    return mips_load_linked(t, a->rt, a->base, a->offset, 2);
}

bool mips_sc(Trans *t, const ArgsMem *a)
{
    return mips_store_conditional(t, a->rt, a->base, a->offset, 2);
}

bool mips_lld(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && mips_load_linked(t, a->rt, a->base, a->offset, 3);
}

bool mips_scd(Trans *t, const ArgsMem *a)
{
    return mips_is_64(t) && mips_store_conditional(t, a->rt, a->base, a->offset, 3);
}

/* Caches are not modelled: code that changes is seen at once. */
bool mips_cache(Trans *t, const ArgsCache *a)
{
    mips_check_cp0(t);
    return true;
}

bool mips_pref(Trans *t, const ArgsCache *a)
{
    return true;
}

/* What was stored counts from the next instruction on, though it needs a hazard barrier. */
bool mips_synci(Trans *t, const ArgsBr1 *a)
{
    mips_trans_leave(t);
    return true;
}

bool mips_sync(Trans *t, const ArgsCode *a)
{
    ir_fence(t->ir, IR_FENCE_ALL);
    return true;
}
