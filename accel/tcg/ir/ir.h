/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation of translated guest code: a linear array of operations in SSA
 * form for one extended block (one entry, side exits), built by a target's translators, consumed
 * by a host back end (accel/tcg/host).
 *
 * A value is the index of the instruction that makes it. Constants have indices of their own, from
 * the end of the array down. Guest registers appear as GET and SET of state by byte offset from the
 * Cpu; the builder forwards SET to GET inside the block and drops a SET that is overwritten before
 * anything could observe it. Most SETs come right behind the operation that makes the value, and
 * are a part of it then (IrBlock.set). Flags are bundle values that nobody expands to bits until
 * bits are needed.
 *
 * Precise state: the state before each guest instruction (IrBlock.guest) must be recoverable at
 * each operation that may fault. Translators therefore do all memory accesses of an instruction
 * before its SETs.
 */
#ifndef ACCEL_TCG_IR_IR_H
#define ACCEL_TCG_IR_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Cpu Cpu;

typedef enum IrType { IR_VOID, IR_I32, IR_I64, IR_V128, IR_FLAGS } IrType;

typedef enum IrOpcode {
    IR_NOP,
#define IR_OP(name, result, args, effects, doc)     IR_##name,
#define IR_VOP(name, reference, args, effects, doc) IR_##name,
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
    IR_N_OPS
} IrOpcode;

/* Effects of a row (named without the prefix in ops.def). */
enum {
    IR_EFF_PURE = 0,
    IR_EFF_STATE_RD = 1 << 0,
    IR_EFF_STATE_WR = 1 << 1,
    IR_EFF_MEM_RD = 1 << 2,
    IR_EFF_MEM_WR = 1 << 3,
    IR_EFF_FAULT = 1 << 4,
    IR_EFF_EXITS = 1 << 5,
    IR_EFF_END = 1 << 6,
    IR_EFF_PINNED = 1 << 7, /* stays where it is */
    IR_EFF_CALLS = 1 << 8,  /* effects are the helper's */
};

/* A value of the block under construction; id 0 is "no value". */
typedef struct IrVal {
    uint16_t id;
} IrVal;

#define IR_NONE ((IrVal){ 0 })

/* 16 bytes; `sub` and `imm` as the row of ops.def says. */
typedef struct IrInsn {
    uint16_t op;
    uint8_t type; /* IrType of the result */
    uint8_t sub;
    uint16_t arg[4]; /* 0 behind the last; of a CONST the last two hold the upper half */
    uint32_t imm;
} IrInsn;

typedef union IrV128 {
    uint8_t u8[16];
    uint16_t u16[8];
    uint32_t u32[4];
    uint64_t u64[2];
    int8_t s8[16];
    int16_t s16[8];
    int32_t s32[4];
    int64_t s64[2];
} __attribute__((aligned(16))) IrV128;

typedef enum IrCmp {
    IR_EQ,
    IR_NE,
    IR_LTU,
    IR_GEU,
    IR_LEU,
    IR_GTU,
    IR_LTS,
    IR_GES,
    IR_LES,
    IR_GTS,
} IrCmp;

/* Conditions on a bundle, in the Arm ARM's order (C1.2.4); xor 1 inverts (not AL). */
typedef enum IrCond {
    IR_COND_EQ,
    IR_COND_NE,
    IR_COND_CS,
    IR_COND_CC,
    IR_COND_MI,
    IR_COND_PL,
    IR_COND_VS,
    IR_COND_VC,
    IR_COND_HI,
    IR_COND_LS,
    IR_COND_GE,
    IR_COND_LT,
    IR_COND_GT,
    IR_COND_LE,
    IR_COND_AL,
} IrCond;

/*
 * The guest's flags at block boundaries: one 32-bit word of state (Target.flags_offset). The bits
 * lie where an x86 host's LAHF and SETO leave them in AX, so that both directions are short.
 */
enum { IR_FLAG_N = 1 << 15, IR_FLAG_Z = 1 << 14, IR_FLAG_C = 1 << 8, IR_FLAG_V = 1 << 0 };

/* NZCV in bits 31..28 to the boundary format and back. */
static inline uint32_t ir_flags_pack(uint32_t nzcv)
{
    return (nzcv >> 31 & 1) << 15 | (nzcv >> 30 & 1) << 14 | (nzcv >> 29 & 1) << 8 |
           (nzcv >> 28 & 1);
}

static inline uint32_t ir_flags_unpack(uint32_t flags)
{
    return (flags >> 15 & 1) << 31 | (flags >> 14 & 1) << 30 | (flags >> 8 & 1) << 29 |
           (flags & 1) << 28;
}

typedef enum IrRmw {
    IR_RMW_ADD,
    IR_RMW_ANDC, /* old & ~operand */
    IR_RMW_XOR,
    IR_RMW_OR,
    IR_RMW_SMAX,
    IR_RMW_SMIN,
    IR_RMW_UMAX,
    IR_RMW_UMIN,
    IR_RMW_SWAP,
    IR_RMW_AND,
} IrRmw;

enum { IR_FENCE_LL = 1, IR_FENCE_LS = 2, IR_FENCE_SL = 4, IR_FENCE_SS = 8, IR_FENCE_ALL = 15 };

/*
 * How memory is accessed; size is log2 of the bytes of one element. Alignment: none (the target
 * still faults on device memory); NATURAL: to the element; WHOLE: to the whole access of a pair;
 * WITHIN_16: may not cross a 16-byte boundary (FEAT_LSE2). A violation is the target's alignment
 * fault.
 */
enum {
    IR_MO_SIZE = 7,      /* 0..4: 1 to 16 bytes */
    IR_MO_SIGN = 1 << 3, /* sign-extend to the result's type */
    IR_MO_BE = 1 << 4,   /* big-endian */
    IR_MO_ALIGN_NATURAL = 1 << 5,
    IR_MO_ALIGN_WHOLE = 2 << 5,
    IR_MO_ALIGN_WITHIN_16 = 3 << 5,
    IR_MO_ALIGN = 3 << 5,
    IR_MO_ACQ = 1 << 7,      /* load-acquire, RCsc */
    IR_MO_REL = 1 << 8,      /* store-release */
    IR_MO_ACQPC = 1 << 9,    /* load-acquire, RCpc */
    IR_MO_ATOMIC = 1 << 10,  /* single-copy atomic as a whole, 16 bytes and aligned pairs too */
    IR_MO_UNPRIV = 1 << 11,  /* unprivileged access (LDTR), for the target */
    IR_MO_MODE_SHIFT = 12,   /* 4 bits: MMU mode, index of the software TLB */
    IR_MO_LLSC = 1 << 16,    /* ATOMIC_RMW, ATOMIC_CAS: stands for a load-exclusive and the
                                store-exclusive behind it; see Target.llsc_loaded */
    IR_MO_TARGET_SHIFT = 17, /* 15 bits for the target */
};
typedef uint32_t IrMemOp;

static inline unsigned ir_memop_bytes(IrMemOp mo)
{
    return 1u << (mo & IR_MO_SIZE);
}

static inline unsigned ir_memop_mode(IrMemOp mo)
{
    return mo >> IR_MO_MODE_SHIFT & 15;
}

typedef enum IrWidth {
    IR_SCALAR, /* lane 0 alone */
    IR_W64,    /* the low 64 bits */
    IR_W128,
} IrWidth;

/*
 * What a vector operation works on. Bits 1..0: lane size (0..3: 8 to 64 bits; floating point: 1
 * half, 2 single, 3 double); 3..2: IrWidth; 7..4: rounding (an FpRound, or IR_ROUND_ENV: the
 * guest's current mode); 15..8: variant of the operation; 31..16: immediate.
 */
typedef uint32_t IrDesc;

enum { IR_ROUND_ENV = 15 };

static inline IrDesc ir_desc(unsigned esize, IrWidth width)
{
    return esize | (uint32_t)width << 2 | IR_ROUND_ENV << 4;
}

static inline IrDesc ir_desc_imm(unsigned esize, IrWidth width, uint16_t imm)
{
    return ir_desc(esize, width) | (uint32_t)imm << 16;
}

static inline IrDesc ir_desc_with_round(IrDesc d, unsigned round)
{
    return (d & ~0xf0u) | round << 4;
}

static inline IrDesc ir_desc_with_variant(IrDesc d, unsigned variant)
{
    return (d & ~0xff00u) | variant << 8;
}

static inline unsigned ir_desc_esize(IrDesc d)
{
    return d & 3;
}

static inline IrWidth ir_desc_width(IrDesc d)
{
    return (IrWidth)(d >> 2 & 3);
}

static inline unsigned ir_desc_round(IrDesc d)
{
    return d >> 4 & 15;
}

static inline unsigned ir_desc_variant(IrDesc d)
{
    return d >> 8 & 0xff;
}

static inline uint16_t ir_desc_immediate(IrDesc d)
{
    return d >> 16;
}

static inline unsigned ir_desc_lanes(IrDesc d)
{
    return ir_desc_width(d) == IR_SCALAR
               ? 1
               : (ir_desc_width(d) == IR_W64 ? 8u : 16u) >> ir_desc_esize(d);
}

/*
 * A run-time function that generated code calls: uint64_t fn(Cpu *, uint64_t, ...) with up to 4
 * integer operands (I32 operands arrive zero-extended; of an I32 result the low half counts).
 * A helper that raises records the exception in the Cpu, sets cpu->raised and returns: the block
 * is left at that guest instruction, with the state before it.
 */
enum {
    IR_HELPER_RAISES = 1 << 0, /* may set cpu->raised; implies READS */
    IR_HELPER_READS = 1 << 1,  /* reads guest state: it is in the Cpu when called */
    IR_HELPER_WRITES = 1 << 2, /* writes guest state: it is read again afterwards; implies READS */
    IR_HELPER_LEAF = 1 << 3,   /* from a leaf object: uses general registers only */
    IR_HELPER_PURE = 1 << 4,   /* the value depends on the operands alone */
    /* Has two operands and keeps all registers but that of the result; what it reads of the state
     * is no pinned register. Looks at no time, memory of the guest or request. */
    IR_HELPER_KEEPS = 1 << 5,
};

typedef struct IrHelper {
    const char *name;
    void (*fn)(void); /* cast from uint64_t (*)(Cpu *, uint64_t...) */
    uint8_t result;   /* IR_VOID, IR_I32 or IR_I64 */
    uint8_t n_args;
    uint8_t flags;
} IrHelper;

enum {
    IR_MAX_INSNS = 8192, /* values of a block */
    IR_ROOM = 1024,      /* no guest instruction needs more; translators stop when less is left */
    IR_MAX_GUEST_INSNS = 64,
    IR_MAX_HELPERS = 256,
    IR_MAX_VCONSTS = 256,
};

/*
 * Bit of `sub` of a direct exit (EXIT, EXIT_IF, EXIT_CMP, EXIT_FLAGS, EXIT_BIT): what is there
 * overwrites all flags before it reads them, so the state's flag word need not be right.
 */
enum { IR_EXIT_FLAGS_DEAD = 1 << 7 };

/* One guest instruction of a block. */
typedef struct IrGuestInsn {
    uint16_t ir;         /* index of the operation before its first one */
    uint16_t delta : 12; /* from the start of the page */
    uint16_t len : 4;    /* bytes */
    uint32_t restart;    /* the target's word to restore what depends on position (IT state) */
} IrGuestInsn;

typedef struct IrBuildState IrBuildState;

typedef struct IrBlock {
    uint32_t n;      /* used entries of insn[] from its start; insn[0] is not used */
    uint32_t consts; /* from here to the end of insn[] are CONSTs, which no walk sees */
    uint32_t n_helpers, n_vconsts, n_guest;
    uint16_t start_delta; /* of the first guest instruction, from the start of the page */
    bool exact_flags;     /* a fault sees the flags as they are even when nothing reads them after;
                             set by who begins the block */
    bool addr32;          /* registers have 32 bits, zero-extended, and so have addresses; sums
                             beyond that are left to Target.data_va. Set by the translator */
    bool no_peek;         /* the translator looks at nothing beside what it translates */
    uint64_t peeked;      /* 64-byte parts of the page that the translator looked at beside the
                             block's own instructions */
    /* The guest flushes subnormals or has another half format: "fp" rows by reference functions.
     * Else they need not look at FpEnv's modes but for `round` and `default_nan`. */
    bool fp_exact;
    /* It flushes subnormal singles and doubles, in and out, and its inexact flag stands. */
    bool fp_flush;
    const IrHelper *helper[IR_MAX_HELPERS];
    IrV128 vconst[IR_MAX_VCONSTS];
    IrGuestInsn guest[IR_MAX_GUEST_INSNS + 2]; /* back ends may put two ends behind the last */
    IrInsn insn[IR_MAX_INSNS];
    /* By operations: when it is done, its value is SET to 8 bytes of state at this offset / 8; 0:
     * it is not. */
    uint16_t set[IR_MAX_INSNS];
    IrBuildState *build; /* the builder's tables */
    void *emitter;       /* a back end's, freed with the block */
    void (*emitter_free)(void *emitter);
} IrBlock;

/* One row of the table of operations. */
typedef struct IrOpInfo {
    const char *name, *result, *args, *doc;
    uint16_t effects;
    bool is_vector;
} IrOpInfo;

extern const IrOpInfo ir_op_info[IR_N_OPS];
extern const uint16_t ir_op_effects[IR_N_OPS]; /* the same as in the rows, close together */

/* ---- the builder ---- */

IrBlock *ir_block_new(void);
void ir_block_free(IrBlock *ir);
/* Empty @ir for a block whose first instruction lies @delta bytes into its page. */
void ir_begin(IrBlock *ir, uint16_t delta);
/* Remove operations without effect of a whole block, whose last one is an END one. */
void ir_finish(IrBlock *ir);
_Static_assert(sizeof(IrGuestInsn) == 8, "stored as one word");

/* Our own bug: no return. */
void ir_insn_none_left(void) __attribute__((noreturn, cold));

/* Mark the start of the guest instruction of @len bytes at @delta. */
static inline void ir_insn(IrBlock *ir, uint16_t delta, unsigned len, uint32_t restart)
{
    uint32_t k = ir->n_guest;

    if (k >= IR_MAX_GUEST_INSNS) {
        ir_insn_none_left();
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t w = (ir->n - 1) | (delta & 0xfffu) << 16 | len << 28 | (uint64_t)restart << 32;

    __builtin_memcpy(&ir->guest[k], &w, sizeof(w));
#else
    ir->guest[k] = (IrGuestInsn){ (uint16_t)(ir->n - 1), delta & 0xfffu, len & 15, restart };
#endif
    ir->n_guest = k + 1;
}

_Static_assert(IR_MAX_HELPERS == IR_MAX_VCONSTS, "ir_has_room looks at both at once");

/* Whether another guest instruction fits. */
static inline bool ir_has_room(const IrBlock *ir)
{
    return (ir->n + IR_ROOM < ir->consts) & (ir->n_guest < IR_MAX_GUEST_INSNS) &
           ((ir->n_helpers | ir->n_vconsts) < IR_MAX_HELPERS / 2);
}

static inline IrType ir_type(const IrBlock *ir, IrVal v)
{
    return (IrType)ir->insn[v.id].type;
}

/* Of a CONST. */
static inline uint64_t ir_const_value(const IrInsn *insn)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t w; /* the upper half comes first */

    __builtin_memcpy(&w, &insn->arg[2], sizeof(w));
    return w >> 32 | w << 32;
#else
    return insn->imm | (uint64_t)insn->arg[2] << 32 | (uint64_t)insn->arg[3] << 48;
#endif
}

static inline bool ir_is_const(const IrBlock *ir, IrVal v, uint64_t *value)
{
    const IrInsn *i = &ir->insn[v.id];

    if (i->op != IR_CONST) {
        return false;
    }
    *value = ir_const_value(i);
    return true;
}

IrVal ir_const(IrBlock *ir, IrType type, uint64_t value);
IrVal ir_i32(IrBlock *ir, uint32_t value);
IrVal ir_i64(IrBlock *ir, uint64_t value);
IrVal ir_vconst(IrBlock *ir, IrV128 value);
IrVal ir_pc(IrBlock *ir, int32_t delta);

/* Guest state; @offset from the Cpu; @size log2 of bytes, zero-extended on reading. */
IrVal ir_get(IrBlock *ir, IrType type, uint32_t offset, unsigned size);
void ir_set(IrBlock *ir, uint32_t offset, unsigned size, IrVal v);
IrVal ir_get_flags(IrBlock *ir);
void ir_set_flags(IrBlock *ir, IrVal f);

/* Operations that need no imm or sub, by opcode; they fold constants and identities. The type of
 * an INT or ANY result is that of its operands. */
IrVal ir_op1(IrBlock *ir, IrOpcode op, IrVal a);
IrVal ir_op2(IrBlock *ir, IrOpcode op, IrVal a, IrVal b);
IrVal ir_op3(IrBlock *ir, IrOpcode op, IrVal a, IrVal b, IrVal c);

IrVal ir_add(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_addi(IrBlock *ir, IrVal a, int64_t b);
IrVal ir_sub(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_mul(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_and(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_andi(IrBlock *ir, IrVal a, uint64_t b);
IrVal ir_or(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_xor(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_andc(IrBlock *ir, IrVal a, IrVal b);
IrVal ir_not(IrBlock *ir, IrVal a);
IrVal ir_neg(IrBlock *ir, IrVal a);
IrVal ir_shli(IrBlock *ir, IrVal a, unsigned count);
IrVal ir_shri(IrBlock *ir, IrVal a, unsigned count);
IrVal ir_sari(IrBlock *ir, IrVal a, unsigned count);
IrVal ir_rori(IrBlock *ir, IrVal a, unsigned count);
IrVal ir_extr(IrBlock *ir, IrVal hi, IrVal lo, unsigned count);
IrVal ir_zext(IrBlock *ir, IrVal a, unsigned bits); /* within the type */
IrVal ir_sext(IrBlock *ir, IrVal a, unsigned bits);
IrVal ir_trunc(IrBlock *ir, IrVal a);  /* to I32; an I32 stays */
IrVal ir_zext64(IrBlock *ir, IrVal a); /* to I64; an I64 stays */
IrVal ir_sext64(IrBlock *ir, IrVal a);
IrVal ir_extract(IrBlock *ir, IrVal a, unsigned pos, unsigned len);
IrVal ir_sextract(IrBlock *ir, IrVal a, unsigned pos, unsigned len);
IrVal ir_deposit(IrBlock *ir, IrVal a, IrVal b, unsigned pos, unsigned len);
IrVal ir_setcond(IrBlock *ir, IrType type, IrCmp cmp, IrVal a, IrVal b);
IrVal ir_select(IrBlock *ir, IrVal c, IrVal a, IrVal b);
IrVal ir_select_flags(IrBlock *ir, IrVal f, IrCond cond, IrVal a, IrVal b);
IrVal ir_crc32(IrBlock *ir, bool castagnoli, unsigned size, IrVal acc, IrVal data);

IrVal ir_flags_fcmp(IrBlock *ir, unsigned esize, bool signalling, IrVal a, IrVal b);
IrVal ir_flags_const(IrBlock *ir, unsigned nzcv);
IrVal ir_flags_merge(IrBlock *ir, IrVal old_flags, IrVal new_flags, unsigned mask);
IrVal ir_flags_select(IrBlock *ir, IrVal f, IrCond cond, IrVal a, IrVal b);
IrVal ir_flags_cond(IrBlock *ir, IrVal f, IrCond cond);

/* Of LD, ST, LDP and STP: `sub` counts elements that are added to the address. */
static inline int32_t ir_access_disp(const IrInsn *insn)
{
    return (int8_t)insn->sub * (1 << (insn->imm & IR_MO_SIZE));
}

/* The accesses at @addr + @disp. */
IrVal ir_ld_at(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr, int64_t disp);
void ir_st_at(IrBlock *ir, IrMemOp mo, IrVal addr, int64_t disp, IrVal v);
void ir_ldp_at(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr, int64_t disp, IrVal out[2]);
void ir_stp_at(IrBlock *ir, IrMemOp mo, IrVal addr, int64_t disp, IrVal a, IrVal b);

static inline IrVal ir_ld(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr)
{
    return ir_ld_at(ir, type, mo, addr, 0);
}

static inline void ir_st(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal v)
{
    ir_st_at(ir, mo, addr, 0, v);
}

static inline void ir_ldp(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr, IrVal out[2])
{
    ir_ldp_at(ir, type, mo, addr, 0, out);
}

static inline void ir_stp(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal a, IrVal b)
{
    ir_stp_at(ir, mo, addr, 0, a, b);
}

IrVal ir_rmw(IrBlock *ir, IrRmw op, IrMemOp mo, IrVal addr, IrVal v); /* type of @v */
IrVal ir_cas(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal expected, IrVal desired);
IrVal ir_ll(IrBlock *ir, IrType type, IrMemOp mo, IrVal addr);
IrVal ir_sc(IrBlock *ir, IrMemOp mo, IrVal addr, IrVal v);
void ir_clrex(IrBlock *ir);
void ir_fence(IrBlock *ir, unsigned mask);
/* Machine time, ns. */
IrVal ir_clock(IrBlock *ir);
void ir_zero_block(IrBlock *ir, unsigned log2_bytes, IrMemOp mo, IrVal addr);

/* Call a helper with its n_args operands (IR_NONE for the rest); no value for IR_VOID. */
IrVal ir_call(IrBlock *ir, const IrHelper *h, IrVal a, IrVal b, IrVal c, IrVal d);

/* Where the condition holds the helper, which takes no operand and always raises, is called. */
void ir_raise_if(IrBlock *ir, IrCmp cmp, IrVal a, IrVal b, const IrHelper *h);
/* Chained exits of other blocks come in here and not at the start: what was built until now, of
 * which no value may be used later, is for entries by address (the run loop, indirect exits), and
 * so is that the 4 bytes of state at @zero become 0 (if it is not 0 itself). */
void ir_linked(IrBlock *ir, uint32_t zero);

void ir_exit(IrBlock *ir, int32_t delta);
void ir_exit_if(IrBlock *ir, IrVal c, int32_t delta);
void ir_exit_cmp(IrBlock *ir, IrCmp cmp, IrVal a, IrVal b, int32_t delta);
void ir_exit_flags(IrBlock *ir, IrVal f, IrCond cond, int32_t delta);
void ir_exit_bit(IrBlock *ir, IrVal a, unsigned bit, bool set, int32_t delta);
/* Whether the block has set the flags so far (a SET_FLAGS of it may be dropped since). */
bool ir_sets_flags(const IrBlock *ir);
/* Mark the direct exit that was just built: IR_EXIT_FLAGS_DEAD. */
void ir_exit_flags_dead(IrBlock *ir);
void ir_exit_indirect(IrBlock *ir, IrVal addr);
void ir_exit_loop(IrBlock *ir, int32_t delta);
void ir_exit_loop_at(IrBlock *ir, IrVal addr);
void ir_exit_raised(IrBlock *ir);

/* Vector operations of vops.def, with as many operands as the row says. */
IrVal ir_v1(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a);
IrVal ir_v2(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b);
IrVal ir_v3(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b, IrVal c);
IrVal ir_v4(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b, IrVal c, IrVal d);
IrVal ir_vpack(IrBlock *ir, IrVal lo, IrVal hi);
IrVal ir_vfrom(IrBlock *ir, IrVal a);
IrVal ir_vdup(IrBlock *ir, unsigned esize, IrWidth width, IrVal a);
IrVal ir_vinsert(IrBlock *ir, unsigned esize, unsigned lane, IrVal v, IrVal a);
IrVal ir_vextract(IrBlock *ir, IrType type, unsigned esize, unsigned lane, bool sign, IrVal v);

/* ---- checks and printing ---- */

/* Check types, operand order, LDP/SECOND, END: NULL, or what is wrong first. */
const char *ir_verify(const IrBlock *ir);
/* Append a readable listing to @out. */
struct _GString;
void ir_print(const IrBlock *ir, struct _GString *out);
/* The same of insn[from] to insn[to - 1]. */
void ir_print_range(const IrBlock *ir, uint32_t from, uint32_t to, struct _GString *out);

#endif
