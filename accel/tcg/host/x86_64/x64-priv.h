/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 back end: one forward pass over a block's IR.
 *
 * Registers: rbp is the env pointer; rax, rcx, rdx are scratch; six caller-saved registers are
 * pinned to guest registers (the Cpu's copy is stale while generated code runs: thunks spill them
 * around calls into C); the callee-saved ones are allocated to values of the block, so that calls
 * leave them alone. xmm0-3 are scratch, xmm4-15 allocated. SETs of state that is not pinned are
 * stored at once, so the state is precise wherever a fault may be.
 */
#ifndef ACCEL_TCG_HOST_X86_64_X64_PRIV_H
#define ACCEL_TCG_HOST_X86_64_X64_PRIV_H

#include "accel/tcg/counters.h"
#include "accel/tcg/host/x86_64/asm.h"
#include "accel/tcg/ir/ir.h"

#include <glib.h>

enum {
    X64_MAX_PINS = 6,
    X64_PIN_AT = 64,
    X64_SPANS = 32,
    X64_SLOTS = 512,  /* of 8 bytes, for integers and flags */
    X64_VSLOTS = 192, /* of 16 bytes */
    X64_MODES = 16,
    X64_NONE_BYTES = 10, /* of each piece of X64Thunks.none */
    X64_LENGTHS = 6,     /* of accesses: 1, 2, 4, ... 32 bytes */
    /* the frame, from rsp; what generated code names most has displacements of a byte */
    X64_FRAME_SLOT = 0,
    X64_FRAME_ARG =
        X64_FRAME_SLOT + X64_SLOTS * 8, /* 5 vectors: operands and result of reference functions */
    X64_FRAME_MXCSR = X64_FRAME_ARG + 80,       /* the host's; then 4 bytes of scratch */
    X64_FRAME_XSAVE = X64_FRAME_MXCSR + 16,     /* 12 vectors: xmm4-15 around slow paths */
    X64_FRAME_REGS = X64_FRAME_XSAVE + 12 * 16, /* 16 general registers around slow paths */
    X64_FRAME_VSLOT = X64_FRAME_REGS + 16 * 8,
    X64_FRAME_BYTES = X64_FRAME_VSLOT + X64_VSLOTS * 16 + 8, /* keeps rsp aligned after 6 pushes */
};

/* What generated code may use: the host's, less what the tier asked for hides. */
typedef struct X64Features {
    bool aes, pclmul, sha;
    bool avx, avx2, bmi1, bmi2, lzcnt, movbe, f16c, fma;
    bool avx512f, avx512bw, avx512cd, avx512dq, avx512vl;
    bool gfni, vbmi, vbmi2, vnni, bitalg;
    bool avx512; /* all of F, BW, CD, DQ, VL: the EVEX forms of 128 bits */
} X64Features;

/* Displacements from rbp of what generated code touches. */
typedef struct X64Layout {
    int32_t cpu;   /* of the Cpu itself; offsets of guest state count from there */
    int32_t pc;    /* Target.pc_offset */
    int32_t flags; /* Target.flags_offset */
    int32_t fp;    /* IrFpState */
    int32_t pc_page, poll, raised, leave_exit, leave_as, leave_restart, host_stack, scratch;
    int32_t excl_addr, excl_size, excl_val, spins;
    int32_t consts; /* X64FpConst */
    int32_t tlb_mask[X64_MODES], tlb_read[X64_MODES], tlb_write[X64_MODES];
    int32_t fast; /* pointer to TCG_FAST_SIZE entries of {page, table of host addresses} */
    unsigned n_pins;
    uint32_t pin_base;          /* offset from the Cpu of the first word that pin_at speaks of */
    uint8_t pin_at[X64_PIN_AT]; /* by words of 8 bytes: register of the pin, or X64_NO_REG */
    int32_t pin[X64_MAX_PINS];  /* of the state pinned to x64_pin_reg[n] */
    int64_t to_rw;              /* of an address of execution in the code cache that of writing */
    bool icount_on;             /* take executed instructions off a counter (TcgHost.enter) */
    int32_t icount_left, icount_rest;
    int32_t clock_line; /* pointer to a ClockLine, or 0: the clock is asked by a call */
    bool count_on;      /* count what runs (count.c), here: */
    int32_t count_guest, count_host, count_stub, count_read, count_write, count_cycles, host_data;
} X64Layout;

/* Entry points of the common code, as offsets from the start of the code cache. */
typedef struct X64Thunks {
    uint32_t enter;
    uint32_t spill;           /* store pins, nothing else changes */
    uint32_t call;            /* rax(cpu, rsi, rdx, rcx, r8), then reload pins */
    uint32_t call_raises;     /* the same; leaves the block when cpu->raised is set */
    uint32_t full;            /* call and call_raises for C code that may use floating point or */
    uint32_t full_raises;     /* look at the guest's: the host's MXCSR is loaded meanwhile */
    uint32_t keep;            /* rcx(cpu, rax, rdx), which keeps registers (IR_HELPER_KEEPS) */
    uint32_t slow;            /* x64_slow_run() of the record behind the jump at the return address;
                                 every register is kept or a result */
    uint32_t slow_xmm;        /* the same with xmm4-15 */
    uint32_t exit_link;       /* called: behind the call stands the distance of the TcgExit */
    uint32_t exit_request;    /* ecx delta */
    uint32_t exit_request_at; /* rax pc */
    uint32_t exit_next_at;    /* rax pc: not found */
    uint32_t exit_next;       /* ecx delta: the same */
    uint32_t none;            /* for each place of a page: exit_next with that delta */
    uint32_t exit_loop;       /* ecx delta */
    uint32_t exit_loop_at;    /* rax pc */
    uint32_t raise_here;      /* called: spill, then exit_raised for the NOPs behind the call */
    uint32_t exit_raised;     /* rax: address of the NOPs of x64_fault_here */
    /* rdx address of 1 << [n] bytes: rcx as x64_tlb's, BE: found; uses rax */
    uint32_t tlb_read[X64_MODES][X64_LENGTHS], tlb_write[X64_MODES][X64_LENGTHS];
    uint32_t end;
} X64Thunks;

/* Where a value is. It may be in several places at once. */
typedef struct X64Val {
    uint16_t last;      /* index of its last use; 0: none */
    uint16_t uses;      /* how many */
    uint16_t next;      /* of the values in the same register */
    int16_t slot;       /* of the frame; -1: none */
    uint8_t reg;        /* X64_NO_REG: none */
    uint8_t hint;       /* register of the pin that it will be SET to, or X64_NO_REG */
    bool homed;         /* guest state at `home` holds it */
    union {             /* by its type */
        bool zext;      /* an integer whose register's upper half is known to be 0 if it is I32 */
        uint8_t demand; /* of a V128: bytes from the lowest that anything looks at */
        uint8_t cond;   /* of a bundle in a slot: 0: the slot holds its word; else 1 + the even
                           IrCond that is all anybody wants of it: the slot holds that, 0 or 1 */
    };
    int32_t home; /* displacement from rbp; before the walk, of `hint`: index of the SET */
} X64Val;

/* Emitted early together with another; taken into the operation that uses it (peep.c), which gives
 * it no place; nobody uses the value. */
enum { X64_DONE = 1, X64_FOLDED = 2, X64_UNUSED = 4 };

/* In X64Emit.order. Live: the state's flag word, as the operations before set it, may be read there
 * or later. */
enum { X64_ORDER = IR_MAX_INSNS - 1, X64_FLAGS_LIVE = 1 << 15 };

_Static_assert((IR_MAX_INSNS & X64_ORDER) == 0 && X64_ORDER < X64_FLAGS_LIVE, "X64Emit.order");

typedef enum X64StubKind {
    STUB_LD,
    STUB_ST,
    STUB_LDP,
    STUB_STP,
    STUB_RMW,
    STUB_CAS,
    STUB_LL,
    STUB_SC,
    STUB_SC_FAIL,
    STUB_CAS_FAIL,
    STUB_SPIN,
    STUB_EXIT,
    STUB_RAISE,
    STUB_POLL,
    STUB_NEXT, /* a direct exit whose page is not in the view */
    STUB_FP,
    STUB_ICOUNT,
    STUB_STALE,
    STUB_ZERO,
    STUB_CLOCK,
} X64StubKind;

/* EFLAGS as UCOMIS leaves them: Z is ZF, N is CF, C is not CF, V is PF. */
enum { X64_FLAGS_FCMP = 2 };

enum { OPD_REG, OPD_MEM, OPD_IMM };

/* An operand as an instruction can take it; OPD_REG of a V128 is an xmm. Small enough to be passed
 * in registers. */
typedef struct X64Opd {
    uint8_t kind; /* OPD_* */
    uint8_t reg;
    union {
        X64Mem m;
        int64_t imm;
    };
} X64Opd;

/* Code out of line, emitted after the block. */
typedef struct X64Stub {
    X64StubKind kind;
    X64Label entry, back;
    uint16_t guest; /* index of the guest instruction */
    uint8_t type, op, sub;
    uint8_t addr;   /* register of the address */
    uint8_t dst[2]; /* registers of results; X64_NO_REG: none */
    uint8_t span;   /* X64_SPAN_*, of a group of accesses (span.c) */
    uint8_t length; /* log2 of the bytes that must be in one page; what is aligned always is */
    bool write;
    int16_t slot;           /* of the group */
    X64Label direct;        /* the access itself */
    int32_t disp;           /* added to `addr` */
    bool save_flags;        /* EFLAGS hold flags that the state word still needs */
    uint8_t flags_inverted; /* as in X64Emit */
    uint8_t unordered;      /* of STUB_FP: EFLAGS afterwards, or 0: nobody cares */
    uint16_t xmm_live;
    uint32_t memop;
    int32_t delta;          /* of an exit */
    const IrHelper *helper; /* of STUB_RAISE */
    X64Opd val[3];
} X64Stub;

/* X64Stub.span: no group, its first access, another. */
enum { X64_SPAN_NONE, X64_SPAN_FIRST, X64_SPAN_NEXT };

/* Accesses of a block at [min, max) from one value. */
typedef struct X64Span {
    uint16_t root;
    uint8_t mode;
    bool write;    /* the check is that of a store */
    uint8_t n;     /* accesses */
    uint8_t align; /* the first address is to be a multiple of this + 1 */
    int16_t slot;
    int32_t first; /* where that lies */
    int32_t min, max;
} X64Span;

/* An address: register plus displacement. */
typedef struct X64Addr {
    unsigned reg;
    int32_t disp;
} X64Addr;

typedef struct X64ExitRec {
    uint32_t patch;  /* offset in the block of the rel32 */
    uint32_t tail;   /* offset of where it leads while not linked */
    uint32_t record; /* offset of 4 bytes that hold the distance of the TcgExit from there */
    int32_t delta;
} X64ExitRec;

/* Four bytes of code that receive the distance of a constant. */
typedef struct X64PoolRef {
    uint32_t at;
    uint8_t tail; /* bytes of the instruction behind them */
    uint16_t index;
} X64PoolRef;

/* State of emitting one block; reused. */
typedef struct X64Emit {
    X64Asm a;
    IrBlock *ir;
    const struct TcgBlock *block; /* that is made of it; NULL in tests */
    const X64Layout *lay;
    const X64Thunks *thunk;
    const X64Features *feat;
    const struct X64Estimates *est; /* NULL in tests */
    int64_t base;                   /* offset of a.start in the code cache */
    unsigned i;                     /* current instruction */
    unsigned at;                    /* its place in order[] */
    unsigned killed;                /* the last instruction whose operands were released */
    unsigned guest;                 /* of operation i, if it is not behind: x64_guest() */
    unsigned next_guest;            /* of ir->guest, the first that was not watched yet */
    bool watched;                   /* where one begins something is made */
    uint32_t locked;                /* registers of the current operands: not evicted */
    uint32_t xlocked;
    uint16_t flags_id;      /* bundle in EFLAGS; 0: none */
    uint8_t flags_inverted; /* 1: CF is "not C"; X64_FLAGS_FCMP */
    uint32_t fcmp_stub;     /* index of the stub of the comparison in EFLAGS, in that form */
    uint16_t flags_pending; /* bundle that the state's flag word still has to receive; 0: none */
    uint16_t logic_id;      /* value whose N and Z EFLAGS show, with CF = OF = 0; 0: none */
    uint16_t cond_id;       /* comparison that EFLAGS show, by condition cond_cc; 0: none */
    uint8_t cond_cc;
    uint16_t head[16]; /* first value in each general register */
    uint16_t xhead[16];
    X64Stub *stub; /* max_stubs of them, and of exits */
    uint32_t n_stubs, n_exits, max_stubs;
    X64ExitRec *exit;  /* as many */
    GArray *pool;      /* IrV128: constants behind the block's code */
    GArray *pool_refs; /* X64PoolRef */
    uint64_t slot_used[X64_SLOTS / 64];
    uint64_t vslot_used[X64_VSLOTS / 64];
    uint64_t slot_dying[X64_SLOTS / 64]; /* free after the current operation */
    uint64_t vslot_dying[X64_VSLOTS / 64];
    bool slots_dying;
    bool xmm_used;         /* a value was in a vector register */
    GArray *marks;         /* TcgHostMark; NULL: not wanted */
    TcgCounters *counters; /* by name; NULL: nothing is counted */
    uint32_t count_at;     /* offset of the immediate that waits for the length of its piece */
    uint32_t count_from;   /* a.n_insns where the piece began */
    uint32_t linked;       /* offset where chained exits enter */
    /* X_LOCK; 0 where no other thread runs guest code: devices load and store, so atomics need not
     * be locked, and what x86 orders anyway is enough for STLR. DMB and DSB stay barriers: drivers
     * and devices tell each other by them. */
    X64Op lock;
    X64Span span[X64_SPANS];
    unsigned n_spans, spans_closed;  /* those before take no more accesses */
    uint8_t span_of[IR_MAX_INSNS];   /* group of the access + 1; 0: none */
    int32_t span_off[IR_MAX_INSNS];  /* of it from the group's root */
    uint16_t accesses[IR_MAX_INSNS]; /* operations that span.c wants to see, the last one first */
    /* What the walk goes over, from order[from] to the end: constants and what was dropped are left
     * out. X64_ORDER: the operation; X64_FLAGS_LIVE; << 16: if the value is SET at once to 8 bytes,
     * their offset from the Cpu / 8; that SET has no entry then. */
    uint32_t order[IR_MAX_INSNS + 1];
    unsigned from;
    X64Val val[IR_MAX_INSNS + 4] __attribute__((aligned(16))); /* more are cleared at once */
    uint8_t done[IR_MAX_INSNS + 4];                            /* X64_DONE... of the operations */
    uint32_t n_homes;
    uint8_t kind[IR_N_OPS];           /* what x64_prepare() does for a row */
    uint16_t homes[2 * IR_MAX_INSNS]; /* values with a home; an operation gives at most two */
} X64Emit;

extern const uint8_t x64_pin_reg[X64_MAX_PINS];

static inline const IrInsn *x64_insn(const X64Emit *e, unsigned id)
{
    return &e->ir->insn[id];
}

/* The guest instruction of the current operation. Few ask for it. */
static inline unsigned x64_guest(X64Emit *e)
{
    while (e->ir->guest[e->guest + 1].ir < e->i) {
        e->guest++;
    }
    return e->guest;
}

static inline X64Mem x64_env(int32_t disp)
{
    return x64_mem(RBP, disp);
}

static inline bool x64_is_vec(const X64Emit *e, unsigned id)
{
    return e->ir->insn[id].type == IR_V128;
}

static inline bool x64_flags_live(const X64Emit *e, unsigned at)
{
    return e->order[at] & X64_FLAGS_LIVE;
}

static inline bool x64_wide(const IrInsn *insn)
{
    return insn->type == IR_I64;
}

static inline bool x64_is_const(const X64Emit *e, unsigned id)
{
    return e->ir->insn[id].op == IR_CONST;
}

static inline bool x64_folded(const X64Emit *e, unsigned id)
{
    return e->done[id] & X64_FOLDED;
}

static inline void x64_done(X64Emit *e, unsigned id)
{
    e->done[id] |= X64_DONE;
}

/* Whether the block uses the value @n times. */
static inline bool x64_uses_are(const X64Emit *e, unsigned id, unsigned n)
{
    return e->val[id].uses == n;
}

/* ---- regs.c: values and registers ---- */

void x64_regs_begin(X64Emit *e);
/* The register pinned to state at @offset (from the Cpu), or X64_NO_REG. */
static inline unsigned x64_pin_of(const X64Emit *e, uint32_t offset)
{
    uint32_t at = offset - e->lay->pin_base;

    at = at << 29 | at >> 3; /* what is no multiple of 8 is far away */
    return at < X64_PIN_AT ? e->lay->pin_at[at] : (unsigned)X64_NO_REG;
}

/* The value in a register: where it is, else loaded to a free register or to @tmp. */
unsigned x64_reg(X64Emit *e, unsigned id, unsigned tmp);
/* As an operand: imm32 if @imm, register, or memory. A constant that is no imm32 goes to @tmp. */
X64Opd x64_opd(X64Emit *e, unsigned id, unsigned tmp, bool imm);
/* Where the value is now, with no code emitted (constants: any 64-bit OPD_IMM). */
X64Opd x64_where(X64Emit *e, unsigned id);
/* The same; a register is not evicted during the operation. */
X64Opd x64_where_locked(X64Emit *e, unsigned id);
/* Load into the given register. EFLAGS are left alone. */
void x64_load(X64Emit *e, unsigned id, unsigned reg);
void x64_load_opd(X64Emit *e, X64Opd o, bool w, unsigned reg);
void x64_release_arg(X64Emit *e, unsigned id);

/* @id is an operand of operation @i: it ends here if that is its last use. */
static inline void x64_release_last(X64Emit *e, unsigned id, unsigned i)
{
    X64Val *v = &e->val[id];

    if (v->last > i) {
        return;
    }
    v->homed = false;
    if (v->reg != X64_NO_REG || v->slot >= 0 || e->done[id] & X64_FOLDED) {
        x64_release_arg(e, id);
    }
}

/* Release the operands of @insn, which is operation @i, or was taken into it. */
static inline void x64_release_args(X64Emit *e, const IrInsn *insn, unsigned i)
{
    uint64_t arg;

    __builtin_memcpy(&arg, insn->arg, sizeof(arg));
    x64_release_last(e, arg & 0xffff, i);
    x64_release_last(e, arg >> 16 & 0xffff, i);
    if (__builtin_expect(arg >> 32, 0)) {
        x64_release_last(e, arg >> 32 & 0xffff, i);
        x64_release_last(e, (unsigned)(arg >> 48), i);
    }
}

/* Registers of operands that are not used after the current instruction become free. */
static inline void x64_kill_args(X64Emit *e)
{
    unsigned i = e->killed = e->i;

    x64_release_args(e, x64_insn(e, i), i);
}

/* A register for the result; its old contents may still be an operand if x64_kill_args was
 * called before, else it differs from all operands. */
unsigned x64_def(X64Emit *e, unsigned id);
/* The same; register @near (of an operand, or X64_NO_REG), once it is free, comes first. */
unsigned x64_def_in(X64Emit *e, unsigned id, unsigned near);

static inline unsigned x64_def_near(X64Emit *e, unsigned id, X64Opd near)
{
    return x64_def_in(e, id, near.kind == OPD_REG ? near.reg : X64_NO_REG);
}
/* The value lives in @reg from now on (as well as others). */
void x64_assign(X64Emit *e, unsigned id, unsigned reg);
void x64_release(X64Emit *e, unsigned id);
/* End of an operation: slots of dead values (slots_dying) can be used again. */
void x64_slots_sweep(X64Emit *e);
/* Copy values that outlive the current instruction out of pinned register @reg. */
void x64_vacate(X64Emit *e, unsigned reg);
/* State at [disp, disp + bytes) is about to be written: save live values that only live there. */
void x64_home_clobber(X64Emit *e, int32_t disp, unsigned bytes);
static inline void x64_home_set(X64Emit *e, unsigned id, int32_t disp)
{
    X64Val *v = &e->val[id];

    if (!v->homed) {
        e->homes[e->n_homes++] = (uint16_t)id;
    }
    v->homed = true;
    v->home = disp;
}

/* All of the state may change, in registers and in memory (a helper that writes). */
void x64_state_clobber(X64Emit *e);
/* Make sure that values living on in xmm registers survive a call. */
void x64_xmm_clobber(X64Emit *e);
uint16_t x64_xmm_live(const X64Emit *e);
int x64_slot_new(X64Emit *e, bool vec);
static inline X64Mem x64_slot_mem(int slot, bool vec)
{
    return x64_mem(RSP, vec ? X64_FRAME_VSLOT + slot * 16 : X64_FRAME_SLOT + slot * 8);
}
unsigned x64_xreg(X64Emit *e, unsigned id, unsigned tmp);
unsigned x64_xdef(X64Emit *e, unsigned id);
/* A register for the current operation alone. */
unsigned x64_xtmp(X64Emit *e);

/* ---- flags.c: bundles ---- */

/* EFLAGS are about to be destroyed: store the bundle there if anything still needs it. Uses rax. */
void x64_flags_save(X64Emit *e);
/* Store a pending bundle to the state's flag word. Uses rax; EFLAGS may be changed. */
void x64_flags_sync(X64Emit *e);
/* The host condition for @cond of bundle @id, true after the code emitted (uses rax). */
X64Cc x64_flags_cc(X64Emit *e, unsigned id, IrCond cond);
/* The bundle's word in the boundary format into @reg (bits beside N, Z, C, V undefined). */
void x64_flags_word(X64Emit *e, unsigned id, unsigned reg);
/* EFLAGS now are bundle @id. */
void x64_flags_now(X64Emit *e, unsigned id, unsigned inverted);
/* Store EFLAGS in the boundary format to the state's word (out of line). */
void x64_flags_store(X64Emit *e, unsigned inverted);
bool x64_flags_wanted(const X64Emit *e);
/* Whether the state's flag word may be read by @insn or, as @live says, behind it. */
bool x64_flags_read_by(const X64Emit *e, const IrInsn *insn, bool live);
/* NZCV in bits 3..0 of eax becomes bundle @id. Uses rcx. */
void x64_flags_def_nzcv(X64Emit *e, unsigned id);
/*
 * CF := C of bundle @id, or not C, which is returned; EFLAGS belong to nobody then. Operations from
 * @until on still find the bundle. Uses rax.
 */
bool x64_flags_carry_in(X64Emit *e, unsigned id, unsigned until);
/* @d := @d @alu @b, an operand of any kind. */
void x64_flags_alu(X64Emit *e, X64Alu alu, bool w, unsigned d, X64Opd b);
/* FLAGS_CARRY @id and the sum with carry that it is for, as one ADC or SBB (carry.c). */
bool x64_carry_chain(X64Emit *e, unsigned id, const IrInsn *insn);
/* The flag operation after the current instruction that has the same operands, or 0. */
unsigned x64_flags_pair(const X64Emit *e, IrOpcode op);

/* ---- rows ---- */

typedef void X64EmitFn(X64Emit *e, unsigned id, const IrInsn *insn);
extern X64EmitFn *const x64_emit_table[IR_N_OPS];

/* The value of operation @id, which was just made, is SET to the 8 bytes at @offset from the Cpu.
 */
void x64_place(X64Emit *e, unsigned id, uint32_t offset);

#define IR_OP(name, result, args, effects, doc) X64EmitFn x64_op_##name;
#define IR_VOP(name, reference, args, effects, doc)
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP

/* All of vops.def: inline where there is a sequence, else through the reference function. */
X64EmitFn x64_vector;

/* The pool of constants, behind the code (vec.c). */
void x64_pool_emit(X64Emit *e);

/* ---- prepare.c ---- */

/* Once for an emitter. */
void x64_prepare_init(X64Emit *e);
/* Before the walk over e->ir. */
void x64_prepare(X64Emit *e);

/* ---- peep.c ---- */

/* Before the walk: whether the only operation that uses value @p takes over all that is to do. */
bool x64_peep(const X64Emit *e, unsigned p, const IrInsn *insn);
/* SF and ZF of the value, CF = OF = 0. Destroys EFLAGS. Uses rcx, rdx. */
void x64_test(X64Emit *e, unsigned id);
/* The operand of LD, ST, LDP or STP. Uses rdx. */
X64Addr x64_addr(X64Emit *e, const IrInsn *access);
/* ADD of a folded shift; false: there is none. */
bool x64_add_index(X64Emit *e, unsigned id, const IrInsn *insn);

/* Compare two integer operands by insn->sub (IrCmp). */
X64Cc x64_compare(X64Emit *e, const IrInsn *insn);

/* Call C code: rax(cpu, ...) with operands by value; the result is in rax. */
typedef struct X64Call {
    const void *fn;
    unsigned n_args;
    struct {
        bool is_imm;
        bool is_env; /* the address at displacement imm from rbp */
        uint16_t id;
        uint64_t imm;
    } arg[4];
    bool raises, writes;
    bool full; /* through the thunks of that name */
} X64Call;

void x64_emit_call(X64Emit *e, const X64Call *c);
/* The end of such a call: operands are in their registers, pins in the Cpu. @name: to count it by;
 * NULL: the caller does. */
void x64_call_fn(X64Emit *e, const void *fn, bool full, bool raises, unsigned guest,
                 const char *name);
/*
 * Describe guest instruction @guest just after a call that may raise: two long NOPs whose
 * displacements are its delta and restart word, which the thunk finds by its return address.
 */
void x64_fault_here(X64Emit *e, unsigned guest);
void x64_thunk_call(X64Emit *e, uint32_t thunk);
void x64_thunk_jmp(X64Emit *e, uint32_t thunk);

/* The form of @op for values of 1 << @size bytes. */
X64Op x64_sized(X64Op op8, X64Op op, unsigned size);
/* @reg := zero-extended (1 << @size) bytes at @m; rax := its low bytes. */
void x64_load_sized(X64Emit *e, unsigned size, unsigned reg, X64Mem m);
void x64_zext_rax(X64Emit *e, unsigned size);

/*
 * Compare and exchange 16 bytes at the guest's address in @addr; rcx is as x64_tlb leaves it. The
 * operands are vectors in registers or memory. ZF: stored; rax, rdx: what was there.
 */
void x64_cmpxchg16(X64Emit *e, unsigned addr, X64Opd expected, X64Opd desired);
/* Put a V128 value into scratch[n] of the vCPU. */
void x64_to_scratch(X64Emit *e, unsigned id, unsigned n);
/*
 * rcx := what added to the address in @addr (not rax, rcx) gives the host address of the access of
 * @total bytes, else to @slow; @align: low bits of the address that must be 0. Uses rax; destroys
 * EFLAGS.
 */
void x64_tlb(X64Emit *e, unsigned addr, IrMemOp mo, unsigned total, bool write, unsigned align,
             X64Label *slow);

/* ---- span.c: one check for several accesses ---- */

/* Before the walk, in order. */
void x64_span_note(X64Emit *e, unsigned i, const IrInsn *insn);
/*
 * The check for access @id of @total bytes at @at (not rax, rcx), whose stub @s has its memop: the
 * operand of the access. Uses rax, rcx, rdx; destroys EFLAGS; fills in s->addr and s->disp.
 */
X64Mem x64_span_check(X64Emit *e, X64Stub *s, unsigned id, X64Addr at, unsigned total, bool write,
                      unsigned align);
/* The beginning of the stub: look again, for this access alone. */
void x64_span_stub(X64Emit *e, X64Stub *s);
/* Emit the thunk that does, for 1 << @length bytes. */
uint32_t x64_span_thunk(X64Asm *a, const X64Layout *lay, unsigned mode, bool write,
                        unsigned length);

/* The block's head, its stub, and an exit behind instruction @guest, where executed instructions
 * are taken off a counter. They destroy EFLAGS. */
void x64_icount_begin(X64Emit *e);
void x64_icount_stub(X64Emit *e, X64Stub *s);
void x64_icount_exit(X64Emit *e, unsigned guest);
/* Before a call: tell which instruction it belongs to. */
void x64_icount_call(X64Emit *e, unsigned guest);

/* The head of a block that looks at its own source, and its stub. Destroys EFLAGS, rax to rdx. */
void x64_source_check(X64Emit *e);
void x64_stale_stub(X64Emit *e, X64Stub *s);

/* Out-of-line code of a memory operation or exit. */
void x64_mem_stub(X64Emit *e, X64Stub *s);
void x64_exit_stub(X64Emit *e, X64Stub *s);
void x64_raise_stub(X64Emit *e, X64Stub *s);
void x64_poll_stub(X64Emit *e, X64Stub *s);
void x64_sc_fail_stub(X64Emit *e, X64Stub *s);
void x64_cas_fail_stub(X64Emit *e, X64Stub *s);
/* Does the block, as far as operation @end, wait for a store of another thread if it is repeated?
 */
bool x64_is_spin(const X64Emit *e, unsigned end);
/* One turn of such a loop. Destroys EFLAGS. */
void x64_spin(X64Emit *e);
void x64_spin_stub(X64Emit *e, X64Stub *s);
/* Room for the stubs and exits of a block of @n_ops operations: of each, at most so many more
 * follow from an operation, and one from a stub. */
enum { X64_STUB_ROOM = 16 };

void x64_stub_room(X64Emit *e, unsigned n_ops);

/* For code behind the block. @val is not set, and what stands behind it not either. */
static inline X64Stub *x64_stub_add(X64Emit *e, X64StubKind kind)
{
    X64Stub *s = &e->stub[e->n_stubs++];

    s->kind = kind;
    s->entry = s->back = s->direct = X64_LABEL;
    s->guest = (uint16_t)x64_guest(e);
    s->type = s->op = s->sub = s->addr = 0;
    s->dst[0] = s->dst[1] = X64_NO_REG;
    s->span = X64_SPAN_NONE;
    s->write = s->save_flags = false;
    s->slot = 0;
    s->disp = s->delta = 0;
    s->flags_inverted = s->unordered = 0;
    s->xmm_live = 0;
    s->memop = 0;
    s->helper = NULL;
    return s;
}

/* Where the exits lead while they are not linked. */
void x64_exit_tails(X64Emit *e);

/* ---- count.c: what runs, exactly ---- */

typedef enum X64CountKind {
    X64_COUNT_GUEST, /* a guest instruction begins */
    X64_COUNT_LINE,  /* code of the block's usual way */
    X64_COUNT_STUB,  /* a slow path */
} X64CountKind;

/* A straight piece of code begins; the one before ends. Uses rax; EFLAGS stay. */
void x64_count_piece(X64Emit *e, X64CountKind kind);

static inline void x64_count_open(X64Emit *e, X64CountKind kind)
{
    if (e->lay->count_on) {
        x64_count_piece(e, kind);
    }
}

void x64_count_close(X64Emit *e);
/* An access that looks in the TLB. Uses rax; EFLAGS stay. */
void x64_count_access_made(X64Emit *e, bool write);

static inline void x64_count_access(X64Emit *e, bool write)
{
    if (e->lay->count_on) {
        x64_count_access_made(e, write);
    }
}

/* Around a call of C code in a thunk: the cycles between. Destroys EFLAGS. */
void x64_count_cycles(X64Asm *a, const X64Layout *lay, bool end);
/* One more in the counter of that name (static strings). Uses rax; destroys EFLAGS. */
void x64_count_event_seen(X64Emit *e, const char *group, const char *name);

static inline void x64_count_event(X64Emit *e, const char *group, const char *name)
{
    if (__builtin_expect(e->counters != NULL, 0)) {
        x64_count_event_seen(e, group, name);
    }
}

void x64_mark_add(X64Emit *e, unsigned kind, unsigned guest);

/* What follows is code of guest instruction @guest; @kind a TCG_MARK_*. */
static inline void x64_mark(X64Emit *e, unsigned kind, unsigned guest)
{
    if (e->marks) {
        x64_mark_add(e, kind, guest);
    }
}

/* ---- whole blocks ---- */

X64Emit *x64_emit_new(void);
void x64_emit_free(X64Emit *e);
/* Emit @ir at @buf; false: no room (or failed). On success e->exits is filled. Operations without
 * effect are dropped from @ir. */
bool x64_emit_block(X64Emit *e, IrBlock *ir, uint8_t *buf, size_t room, int64_t base);

/* Emit the common code; the number of bytes, 0 if there is no room. */
size_t x64_thunks_emit(X64Thunks *t, const X64Layout *lay, uint8_t *buf, size_t room);

/* ---- features.c ---- */

void x64_features_read(X64Features *f, bool *usable);
/* Hide what is above @tier: v2, v3, v4 or max; NULL: nothing. False: no such tier, or the host
 * does not reach it. */
bool x64_features_limit(X64Features *f, const char *tier, GError **err);
/* Set the fields that follow from others. */
void x64_features_derive(X64Features *f);

#endif
