/* SPDX-License-Identifier: Apache-2.0 */
/* The builder: makes operations, folds constants, forwards guest state inside the block. */
#include "accel/tcg/ir/ir.h"

#include "accel/tcg/ir/ir-priv.h"
#include "util/error.h"

#include <string.h>

enum { IR_SLOTS = 512 };

/* What the builder knows of one place in guest state. */
typedef struct IrSlot {
    uint64_t key;   /* ir_slot_key(): of another epoch than the builder's, it is free */
    uint16_t value; /* its present value, as SET or GET last saw it */
    uint16_t set;   /* its last SET, or the operation that does it, which counts if it is behind the
                       builder's `observed` */
} IrSlot;

struct IrBuildState {
    IrSlot slot[IR_SLOTS];
    IrSlot none; /* stands for a place that has no slot */
    uint32_t epoch;
    uint16_t slots_used[IR_SLOTS];
    uint32_t n_slots;
    bool wide;          /* some of them have 16 bytes */
    bool overlaps;      /* some of them may overlap */
    uint16_t flags;     /* present flags bundle; 0: unknown */
    uint16_t set_flags; /* the last SET_FLAGS, likewise */
    uint32_t observed;  /* what the operations before this one set may have been seen */
    bool sets_flags;    /* there is a SET_FLAGS */
};

IrBlock *ir_block_new(void)
{
    IrBlock *ir = g_new0(IrBlock, 1);

    ir->build = g_new0(IrBuildState, 1);
    return ir;
}

void ir_block_free(IrBlock *ir)
{
    if (ir) {
        if (ir->emitter_free) {
            ir->emitter_free(ir->emitter);
        }
        g_free(ir->build);
        g_free(ir);
    }
}

static void ir_forget_state(IrBlock *ir)
{
    ir->build->epoch++;
    ir->build->n_slots = 0;
    ir->build->wide = ir->build->overlaps = false;
    ir->build->flags = 0;
    ir->build->set_flags = 0;
    ir->build->observed = ir->n;
}

void ir_begin(IrBlock *ir, uint16_t delta)
{
    memset(ir->set, 0, ir->n * sizeof(ir->set[0]));
    ir->n = 1;
    ir->consts = IR_MAX_INSNS;
    ir->n_helpers = ir->n_vconsts = ir->n_guest = 0;
    ir->start_delta = delta;
    ir->peeked = 0;
    ir->addr32 = ir->build->sets_flags = false;
    ir->fp_exact = ir->fp_flush = false;
    memset(&ir->insn[0], 0, sizeof(ir->insn[0]));
    ir_forget_state(ir);
}

IrVal ir_emit_args(IrBlock *ir, IrOpcode op, IrType type, unsigned sub, uint32_t imm,
                   const IrVal *arg, unsigned n)
{
    uint16_t id[4] = { 0 };

    for (unsigned k = 0; k < n; k++) {
        id[k] = arg[k].id;
    }
    return ir_put(ir, op, type, sub, imm, id);
}

/* Everything set so far may be observed (fault, exit, helper): no SET may be dropped later. */
static inline IrBlock *ir_observe(IrBlock *ir)
{
    ir->build->observed = ir->n;
    return ir;
}

void ir_insn_none_left(void)
{
    check_failed("n_guest < IR_MAX_GUEST_INSNS", __FILE__, __LINE__);
}

/* ---- constants ---- */

IrVal ir_const(IrBlock *ir, IrType type, uint64_t value)
{
    uint64_t high = type == IR_I64 ? value >> 32 : 0;
    uint32_t id = ir->consts - 1;

    CHECK(id >= ir->n);
    ir->consts = id;
    return ir_put_at(ir, id, IR_CONST, type, 0, (uint32_t)value,
                     (const uint16_t[4]){ 0, 0, (uint16_t)high, (uint16_t)(high >> 16) });
}

IrVal ir_i32(IrBlock *ir, uint32_t value)
{
    return ir_const(ir, IR_I32, value);
}

IrVal ir_i64(IrBlock *ir, uint64_t value)
{
    return ir_const(ir, IR_I64, value);
}

IrVal ir_vconst(IrBlock *ir, IrV128 value)
{
    uint32_t k;

    for (k = 0; k < ir->n_vconsts; k++) {
        if (!memcmp(&ir->vconst[k], &value, sizeof(value))) {
            break;
        }
    }
    if (k == ir->n_vconsts) {
        CHECK(k < IR_MAX_VCONSTS);
        ir->vconst[ir->n_vconsts++] = value;
    }
    return ir_emit(ir, IR_VCONST, IR_V128, 0, k);
}

IrVal ir_pc(IrBlock *ir, int32_t delta)
{
    return ir_emit(ir, IR_PC, IR_I64, 0, (uint32_t)delta);
}

/* ---- guest state ---- */

/* Epoch, offset and log2 of bytes. */
static inline uint64_t ir_slot_key(const IrBuildState *b, uint32_t offset, unsigned size)
{
    return (uint64_t)b->epoch << 32 | offset << 3 | size;
}

static inline uint32_t ir_slot_offset(const IrSlot *s)
{
    return (uint32_t)s->key >> 3;
}

static inline uint32_t ir_slot_bytes(const IrSlot *s)
{
    return 1u << (s->key & 7);
}

/* A place whose own slot is taken by another: by one of the same 8 bytes, or far from it. Where too
 * many fall together it has none. */
static IrSlot *ir_slot_probe(IrBuildState *b, uint64_t key, uint32_t h)
{
    b->overlaps = true;
    for (unsigned probe = 0; probe < 8; probe++) {
        IrSlot *s = &b->slot[++h % IR_SLOTS];

        if (s->key >> 32 != b->epoch) {
            *s = (IrSlot){ .key = key };
            b->slots_used[b->n_slots++] = (uint16_t)(h % IR_SLOTS);
            return s;
        }
        if (s->key == key) {
            return s;
        }
    }
    b->none = (IrSlot){ 0 };
    return &b->none;
}

/*
 * Make the place's slot. Registers are neighbours in guest state and have neighbouring slots of
 * their own; what overlaps a place has the same slot or, of 16 bytes, the one before.
 */
static __attribute__((noinline)) IrSlot *ir_slot_make(IrBuildState *b, uint64_t key)
{
    uint32_t h = (uint32_t)key >> 6, size = key & 7;
    IrSlot *s = &b->slot[h %= IR_SLOTS];

    if (s->key >> 32 == b->epoch || (uint32_t)key >> 3 & ((1u << size) - 1)) {
        return ir_slot_probe(b, key, h);
    }
    if (__builtin_expect(b->wide | (size == 4), 0)) {
        const IrSlot *by = &b->slot[(size == 4 ? h + 1 : h - 1) % IR_SLOTS];

        b->overlaps |= (by->key >> 32 == b->epoch) & (size == 4 || (by->key & 7) == 4);
        b->wide = true;
    }
    *s = (IrSlot){ .key = key };
    b->slots_used[b->n_slots++] = (uint16_t)h;
    return s;
}

/* Forget places that overlap [offset, offset + 2^size) other than the one itself. A place whose
 * pending SET is read by other means must keep it. */
static void ir_overlaps_found(IrBuildState *b, uint32_t offset, unsigned size, bool is_write)
{
    uint64_t key = ir_slot_key(b, offset, size);

    for (uint32_t k = 0; k < b->n_slots; k++) {
        IrSlot *s = &b->slot[b->slots_used[k]];
        uint32_t at = ir_slot_offset(s);

        if (s->key != key && at < offset + (1u << size) && offset < at + ir_slot_bytes(s)) {
            s->set = 0;
            if (is_write) {
                s->value = 0;
            }
        }
    }
}

static inline void ir_overlaps(IrBuildState *b, uint32_t offset, unsigned size, bool is_write)
{
    if (__builtin_expect(b->overlaps, 0)) {
        ir_overlaps_found(b, offset, size, is_write);
    }
}

/*
 * The place's own slot, made if nothing has it: most are registers of 8 bytes that the block did
 * not touch before. NULL: ir_slot_make() knows.
 */
static inline IrSlot *ir_slot_quick(IrBuildState *b, uint64_t key)
{
    uint32_t h = (uint32_t)key >> 6 & (IR_SLOTS - 1);
    IrSlot *s = &b->slot[h];

    if (__builtin_expect(b->wide | b->overlaps, 0)) {
        return NULL;
    }
    if (s->key != key) {
        if (s->key >> 32 == b->epoch || (key & 63) != 3) {
            return NULL;
        }
        *s = (IrSlot){ .key = key };
        b->slots_used[b->n_slots++] = (uint16_t)h;
    }
    return s;
}

/* @s: the slot of the place, if it has been made. */
static __attribute__((noinline)) IrVal ir_get_new(IrBlock *ir, IrType type, uint64_t key, IrSlot *s)
{
    IrBuildState *b = ir->build;
    uint32_t offset = (uint32_t)key >> 3;
    unsigned size = key & 7;
    IrVal v;

    if (s->key != key) {
        s = ir_slot_make(b, key);
        if (s->value && ir->insn[s->value].type == type) { /* it has another's slot */
            return (IrVal){ s->value };
        }
    }
    ir_overlaps(b, offset, size, false);
    v = ir_emit(ir, IR_GET, type, size, offset);
    s->set = 0;
    s->value = v.id;
    return v;
}

IrVal ir_get(IrBlock *ir, IrType type, uint32_t offset, unsigned size)
{
    uint64_t key = ir_slot_key(ir->build, offset, size);
    IrSlot *s = &ir->build->slot[offset / 8 % IR_SLOTS], *quick;

    if (s->key == key && s->value && ir->insn[s->value].type == type) {
        return (IrVal){ s->value };
    }
    quick = ir_slot_quick(ir->build, key);
    if (!quick) {
        return ir_get_new(ir, type, key, s);
    }
    quick->set = 0;
    quick->value = ir_emit(ir, IR_GET, type, size, offset).id;
    return (IrVal){ quick->value };
}

static unsigned ir_type_size(IrType t)
{
    return t + 1u;
}

_Static_assert(IR_I32 == 1 && IR_I64 == 2 && IR_V128 == 3,
               "the logarithm of their bytes is one more");

/* Bytes of a vector beyond which it is known to be zero. */
static unsigned ir_vector_bytes(const IrInsn *v)
{
    switch (v->op) {
    case IR_GET:
        return 1u << v->sub;
    case IR_LD:
        return ir_memop_bytes(v->imm);
    case IR_VFABS:
    case IR_VFNEG:
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFDIV:
    case IR_VFSQRT:
    case IR_VFCVT:
    case IR_VITOF:
        return ir_desc_width(v->imm) == IR_SCALAR ? 1u << ir_desc_esize(v->imm) : 16;
    default:
        return 16;
    }
}

/* Take back a SET, or that of an operation. */
static void ir_kill(IrBlock *ir, uint16_t id)
{
    if (ir->set[id]) {
        ir->set[id] = 0;
        return;
    }
    memset(&ir->insn[id], 0, sizeof(ir->insn[id])); /* IR_NOP */
}

static inline void ir_set_at(IrBlock *ir, IrSlot *s, uint32_t offset, unsigned size, IrVal v)
{
    uint32_t place = offset << 29 | offset >> 3; /* far away if it is no multiple */

    if (s->set >= ir->build->observed) {
        ir_kill(ir, s->set);
    }
    /* A narrower store does not read back as the value unless its upper bits are 0. */
    s->value = ir_type_size(ir_type(ir, v)) == size ||
                       (ir_type(ir, v) == IR_V128 && ir_vector_bytes(&ir->insn[v.id]) <= 1u << size)
                   ? v.id
                   : 0;
    if ((v.id == ir->n - 1) & (size == 3) & (ir_type(ir, v) == IR_I64) & (place <= UINT16_MAX) &
        !ir->set[v.id]) {
        ir->set[v.id] = (uint16_t)place;
        s->set = v.id;
        return;
    }
    s->set = ir_emit1(ir, IR_SET, IR_VOID, size, offset, v).id;
}

static __attribute__((noinline)) void ir_set_new(IrBlock *ir, uint32_t offset, unsigned size,
                                                 IrVal v)
{
    IrBuildState *b = ir->build;
    uint64_t key = ir_slot_key(b, offset, size);
    IrSlot *s = &b->slot[offset / 8 % IR_SLOTS];

    if (s->key != key) {
        s = ir_slot_make(b, key);
    }
    ir_overlaps(b, offset, size, true);
    ir_set_at(ir, s, offset, size, v);
}

void ir_set(IrBlock *ir, uint32_t offset, unsigned size, IrVal v)
{
    IrSlot *s = ir_slot_quick(ir->build, ir_slot_key(ir->build, offset, size));

    if (!s) {
        ir_set_new(ir, offset, size, v);
        return;
    }
    ir_set_at(ir, s, offset, size, v);
}

IrVal ir_get_flags(IrBlock *ir)
{
    if (!ir->build->flags) {
        ir->build->flags = ir_emit(ir, IR_GET_FLAGS, IR_FLAGS, 0, 0).id;
    }
    return (IrVal){ ir->build->flags };
}

void ir_set_flags(IrBlock *ir, IrVal f)
{
    if (ir->build->set_flags >= ir->build->observed) {
        ir_kill(ir, ir->build->set_flags);
    }
    ir->build->set_flags = ir_emit1(ir, IR_SET_FLAGS, IR_VOID, 0, 0, f).id;
    ir->build->flags = f.id;
    ir->build->sets_flags = true;
}

bool ir_sets_flags(const IrBlock *ir)
{
    return ir->build->sets_flags;
}

/* ---- memory, calls, exits: what observes state ---- */

/* Where @disp is no number of elements that fits, the sum is an operation. */
static inline unsigned ir_access_sub(IrBlock *ir, IrMemOp mo, IrVal *addr, int64_t disp)
{
    int64_t n = disp >> (mo & IR_MO_SIZE);

    if (__builtin_expect(n != (int8_t)n || n * (1 << (mo & IR_MO_SIZE)) != disp, 0)) {
        *addr = ir_addi(ir, *addr, disp);
        return 0;
    }
    return (uint8_t)n;
}

IrVal ir_ld_at(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr, int64_t disp)
{
    unsigned sub = ir_access_sub(ir, mo, &addr, disp);

    return ir_emit1(ir_observe(ir), IR_LD, type, sub, mo, addr);
}

void ir_st_at(IrBlock *ir, IrMemOp mo, IrVal addr, int64_t disp, IrVal v)
{
    unsigned sub = ir_access_sub(ir, mo, &addr, disp);

    ir_emit2(ir_observe(ir), IR_ST, IR_VOID, sub, mo, addr, v);
}

void ir_ldp_at(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr, int64_t disp, IrVal out[2])
{
    unsigned sub = ir_access_sub(ir, mo, &addr, disp);

    out[0] = ir_emit1(ir_observe(ir), IR_LDP, type, sub, mo, addr);
    out[1] = ir_emit1(ir, IR_SECOND, type, 0, 0, out[0]);
}

void ir_stp_at(IrBlock *ir, IrMemOp mo, IrVal addr, int64_t disp, IrVal a, IrVal b)
{
    unsigned sub = ir_access_sub(ir, mo, &addr, disp);

    ir_emit3(ir_observe(ir), IR_STP, IR_VOID, sub, mo, addr, a, b);
}

IrVal ir_rmw(IrBlock *ir, IrRmw op, IrMemOp mo, IrVal addr, IrVal v)
{
    return ir_emit2(ir_observe(ir), IR_ATOMIC_RMW, ir_type(ir, v), op, mo, addr, v);
}

IrVal ir_cas(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal expected, IrVal desired)
{
    return ir_emit3(ir_observe(ir), IR_ATOMIC_CAS, ir_type(ir, desired), 0, mo, addr, expected,
                    desired);
}

IrVal ir_ll(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr)
{
    return ir_emit1(ir_observe(ir), IR_LL, type, 0, mo, addr);
}

IrVal ir_sc(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal v)
{
    return ir_emit2(ir_observe(ir), IR_SC, IR_I32, 0, mo, addr, v);
}

void ir_clrex(IrBlock *ir)
{
    ir_emit(ir, IR_CLREX, IR_VOID, 0, 0);
}

void ir_fence(IrBlock *ir, unsigned mask)
{
    ir_emit(ir, IR_FENCE, IR_VOID, mask, 0);
}

IrVal ir_clock(IrBlock *ir)
{
    return ir_emit(ir, IR_CLOCK, IR_I64, 0, 0);
}

void ir_zero_block(IrBlock *ir, unsigned log2_bytes, IrMemOp mo, IrVal addr)
{
    ir_emit1(ir_observe(ir), IR_ZERO_BLOCK, IR_VOID, log2_bytes, mo, addr);
}

static uint32_t ir_helper_index(IrBlock *ir, const IrHelper *h)
{
    uint32_t k;

    for (k = 0; k < ir->n_helpers && ir->helper[k] != h; k++) {
    }
    if (k == ir->n_helpers) {
        CHECK(k < IR_MAX_HELPERS);
        ir->helper[ir->n_helpers++] = h;
    }
    return k;
}

void ir_raise_if(IrBlock *ir, IrCmp cmp, IrVal a, IrVal b, const IrHelper *h)
{
    ir_emit2(ir_observe(ir), IR_RAISE_IF, IR_VOID, cmp, ir_helper_index(ir, h), a, b);
}

void ir_linked(IrBlock *ir, uint32_t zero)
{
    IrBuildState *b = ir->build;
    IrSlot *s = &b->slot[zero / 8 % IR_SLOTS];

    if (s->key == ir_slot_key(b, zero, 2)) {
        s->value = s->set = 0;
    }
    ir_overlaps(b, zero, 2, true);
    ir_emit(ir, IR_LINKED, IR_VOID, 0, zero);
}

IrVal ir_call(IrBlock *ir, const IrHelper *h, IrVal a, IrVal b, IrVal c, IrVal d)
{
    const IrVal arg[4] = { a, b, c, d };
    uint32_t k = ir_helper_index(ir, h);
    IrVal v;

    if (!(h->flags & IR_HELPER_PURE)) {
        ir_observe(ir);
    }
    v = ir_emit_args(ir, IR_CALL, (IrType)h->result, h->n_args, k, arg, h->n_args);
    if (h->flags & IR_HELPER_WRITES) {
        ir_forget_state(ir);
    }
    return h->result == IR_VOID ? IR_NONE : v;
}

void ir_exit(IrBlock *ir, int32_t delta)
{
    ir_emit(ir_observe(ir), IR_EXIT, IR_VOID, 0, (uint32_t)delta);
}

void ir_exit_flags_dead(IrBlock *ir)
{
    ir->insn[ir->n - 1].sub |= IR_EXIT_FLAGS_DEAD;
}

void ir_exit_indirect(IrBlock *ir, IrVal addr)
{
    ir_emit1(ir_observe(ir), IR_EXIT_INDIRECT, IR_VOID, 0, 0, addr);
}

void ir_exit_loop(IrBlock *ir, int32_t delta)
{
    ir_emit(ir_observe(ir), IR_EXIT_LOOP, IR_VOID, 0, (uint32_t)delta);
}

void ir_exit_loop_at(IrBlock *ir, IrVal addr)
{
    ir_emit1(ir_observe(ir), IR_EXIT_LOOP_AT, IR_VOID, 0, 0, addr);
}

void ir_exit_raised(IrBlock *ir)
{
    ir_emit(ir_observe(ir), IR_EXIT_RAISED, IR_VOID, 0, 0);
}

void ir_exit_if(IrBlock *ir, IrVal c, int32_t delta)
{
    ir_emit1(ir_observe(ir), IR_EXIT_IF, IR_VOID, 0, (uint32_t)delta, c);
}

void ir_exit_cmp(IrBlock *ir, IrCmp cmp, IrVal a, IrVal b, int32_t delta)
{
    ir_emit2(ir_observe(ir), IR_EXIT_CMP, IR_VOID, cmp, (uint32_t)delta, a, b);
}

void ir_exit_flags(IrBlock *ir, IrVal f, IrCond cond, int32_t delta)
{
    if (cond >= IR_COND_AL) {
        ir_exit_if(ir, ir_i32(ir, 1), delta);
        return;
    }
    ir_emit1(ir_observe(ir), IR_EXIT_FLAGS, IR_VOID, cond, (uint32_t)delta, f);
}

void ir_exit_bit(IrBlock *ir, IrVal a, unsigned bit, bool set, int32_t delta)
{
    ir_emit1(ir_observe(ir), IR_EXIT_BIT, IR_VOID, bit | (unsigned)set << 6, (uint32_t)delta, a);
}
