/* SPDX-License-Identifier: Apache-2.0 */
/* The contract between the translator's run time and host back ends (accel/tcg/host). */
#ifndef ACCEL_TCG_HOST_H
#define ACCEL_TCG_HOST_H

#include "accel/tcg/counters.h"
#include "accel/tcg/tcg-cpu.h"

#include <glib.h>

typedef struct TcgCache TcgCache;

/* A direct exit of a block, to `delta` of the same page when it is inside [0, 4096). */
struct TcgExit {
    TcgBlock *owner;
    int32_t delta;
    uint8_t *patch;   /* the host's: where to patch (address of execution) */
    void *host_stub;  /* the host's: where it goes when not linked */
    TcgBlock *to;     /* linked to; changes under the cache's lock */
    TcgExit *next_in; /* list of the exits that are linked to `to` */
};

/* From @offset of a block's code on: code of guest instruction @guest (index). */
typedef struct TcgHostMark {
    uint32_t offset;
    uint16_t guest;
    uint8_t kind; /* TCG_MARK_* */
} TcgHostMark;

enum {
    TCG_MARK_LINE,
    TCG_MARK_STUB, /* out of line: slow paths, exits */
    TCG_MARK_TAIL, /* what exits lead to until they are linked */
    TCG_MARK_DATA, /* constants */
};

/* Bytes of a page that a block was made of, and where their copy is. */
typedef struct TcgRun {
    uint16_t from, len; /* in the page */
    uint32_t at;        /* in TcgBlock.source */
} TcgRun;

/* One translation. Allocated from its chunk; lives until the chunk is reused. */
struct TcgBlock {
    /* Key. */
    RamBlock *ram;     /* NULL: not kept */
    uint64_t page_off; /* of the page, in ram */
    uint64_t mode_word;
    const Target *target;
    uint16_t start_delta; /* of the first instruction in its page */

    bool dead; /* atomic: invalidated */
    bool want_marks;
    uint16_t n_guest;
    uint32_t n_exits;
    TcgExit *exits;
    IrGuestInsn *guest; /* n_guest entries: delta and restart; NULL: nobody wants them */
    void *host_entry;   /* given to TcgHost.enter; the generated code's address */
    void *link_entry;   /* the host's: where chained exits enter (IR_LINKED) */
    uint32_t host_size;
    TcgHostMark *marks; /* what the host code is of, in order; NULL: not wanted */
    uint32_t n_marks;

    TcgChunk *chunk;
    TcgBlock *hash_next;  /* atomic */
    TcgBlock *page_next;  /* blocks of one page */
    TcgBlock *chunk_next; /* blocks of one chunk */
    TcgExit *incoming;
    uint64_t granules; /* 64-byte parts of the page that the block was made from */
    uint8_t *source;   /* copy of those parts, one after another */
    /*
     * Stores to the page are not watched: whoever enters the block by any way compares these bytes
     * with the copy first, and leaves with TCG_LEAVE_REQUEST, nothing done, where they differ.
     */
    TcgRun *runs;
    uint32_t n_runs; /* 0: the page is watched */
};

/* Where code is put: a piece of the cache that one thread fills. */
struct TcgChunk {
    TcgCache *cache;
    uint8_t *code, *code_end; /* free room, addresses of writing; the host advances `code` */
    uint8_t *code_start;
    bool populated; /* the host was asked for its memory */
    TcgBlock *blocks;
    /* the cache's own */
    GPtrArray *meta;
    uint8_t *meta_ptr, *meta_end;
    size_t meta_bytes;
    TcgChunk *next;
    uint64_t retired_at;
    uint32_t index;
};

/* Lives as long as the machine's translator. */
struct TcgCache {
    uint8_t *rw, *rx; /* the same memory, to be written and to be executed; NULL: none wanted */
    size_t size;
    size_t n_prologue; /* bytes at the start that init() used */
    /* What stands for no block in a table of entries, for its first place and each further one:
     * leaves with TCG_LEAVE_NEXT. Set by init(). */
    uintptr_t entry_none;
    size_t entry_none_step;
    const struct TcgHost *host;
    void *host_state;      /* the host's, made by init() */
    char *host_cpu;        /* option host-cpu for init(); NULL: all that the host CPU has */
    TcgCounters *counters; /* generated code counts what it does; NULL: it does not */
    bool icount;           /* see TcgHost.enter */
    bool clock_line;       /* TcgCpu.clock_line may be read by generated code */
    bool single;           /* all guest code runs on one host thread */
    void *priv;            /* of cache.c */
};

static inline void *tcg_entry_none(const TcgCache *c, unsigned i)
{
    return (void *)(c->entry_none + i * c->entry_none_step);
}

static inline uint8_t *tcg_rx(const TcgCache *c, uint8_t *rw)
{
    return c->rx + (rw - c->rw);
}

static inline uint8_t *tcg_rw(const TcgCache *c, uint8_t *rx)
{
    return c->rw + (rx - c->rx);
}

/* Zeroed memory that lives as long as the chunk; 16-byte aligned. NULL: a chunk of code is full. */
void *tcg_chunk_alloc(TcgChunk *chunk, size_t bytes);
/* Do the bytes that the block was made of still stand where they were? */
bool tcg_block_holds(const TcgBlock *b);

/*
 * Why enter() came back. Always: pinned registers are in the Cpu, and the target's pc is valid.
 */
typedef enum TcgLeave {
    TCG_LEAVE_NEXT,    /* look pc up and go on */
    TCG_LEAVE_LINK,    /* the same by a direct exit that may be linked: tc->leave_exit */
    TCG_LEAVE_REQUEST, /* a poll saw poll_counter or the request word */
    TCG_LEAVE_RAISED,  /* cpu->raised; pc is that of the instruction, tc->leave_restart its word;
                          the state is the one before it */
    TCG_LEAVE_LOOP,    /* EXIT_LOOP: the mode word may have changed */
} TcgLeave;

typedef struct TcgHost {
    const char *name;
    const char *doc;
    uint16_t elf_machine; /* of the code, as in an ELF header */
    bool needs_code;      /* wants cache->rw and rx */
    bool needs_guest;     /* wants TcgBlock.guest when the block runs */
    /* Emit what is shared by all blocks at cache->rw; sets cache->n_prologue. */
    bool (*init)(TcgCache *cache, const Target *target, GError **err);
    void (*free)(TcgCache *cache);
    /*
     * Make host code of @ir, of which operations without effect are dropped. @block has its key and
     * n_guest (guest[]: needs_guest); the host fills n_exits, exits[] (owner, delta, its own
     * fields), host_entry, host_size, and marks if want_marks. False: the chunk is full; nothing
     * has changed. Context: the vCPU's thread; runs in parallel with others.
     */
    bool (*emit)(TcgCache *cache, TcgChunk *chunk, IrBlock *ir, TcgBlock *block);
    /*
     * Run from @host_entry; tc->pc_page and tc->fast are set. A poll happens at backward direct
     * exits and at indirect ones: poll_counter goes down by one (or more) and below zero, or
     * cpu->request is not 0: TCG_LEAVE_REQUEST with pc the target of the exit.
     * A direct exit inside the page goes to what it is linked to, else TCG_LEAVE_LINK. A direct
     * exit to another page and EXIT_INDIRECT look the page up in tc->fast, set tc->pc_page and go
     * where the page's table says, else TCG_LEAVE_NEXT.
     *
     * Where cache->icount is set each block begins by taking its number of guest instructions off
     * cpu->icount_left; if that is then below zero it puts them back and leaves with
     * TCG_LEAVE_REQUEST, pc its own. An exit in its middle puts back those behind it. Before each
     * call of C code cpu->icount_rest is set to the number of those behind the instruction. There
     * need be no other polls: requests of the vCPU to itself make icount_left negative
     * (icount_hold), and there are no others meanwhile.
     */
    TcgLeave (*enter)(Cpu *cpu, void *host_entry);
    /* Context: under the cache's lock; while other vCPUs may run through the exit. */
    void (*link)(TcgCache *cache, TcgExit *exit, TcgBlock *to);
    void (*unlink)(TcgCache *cache, TcgExit *exit);
    /*
     * Slow paths run in the guest's floating-point environment of the host's unit: around code
     * that may use floating point (devices) it is put away and brought back. May be NULL.
     */
    uint32_t (*fp_suspend)(void);
    void (*fp_resume)(uint32_t saved);
    uint64_t (*cycles)(void); /* of the host's clock */
} TcgHost;

extern const TcgHost tcg_host_interp;
extern const TcgHost tcg_host_x86_64;

/*
 * What the run loop would do after this exit (NEXT, LOOP or RAISED; the Cpu is as enter() leaves
 * it), done without leaving, if it is what happens all day: where to go on (pc_page is set). NULL:
 * leave, as tc->leave_as says. May change all state but the floating-point environment of the
 * host's unit.
 */
void *tcg_go_on(Cpu *cpu, unsigned leave);

/*
 * Slow paths: any address, any alignment, both pages checked before a store, devices, big-endian,
 * atomics. @memop is an IrMemOp. On a fault cpu->raised is set and the value is to be ignored: the
 * caller leaves with TCG_LEAVE_RAISED. Values are sign-extended to 64 bits where the memop says.
 * IrV128 forms: any size of element, the rest of a loaded value is zero.
 */
uint64_t tcg_ld_slow(Cpu *cpu, uint64_t va, uint32_t memop);
void tcg_st_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t value);
void tcg_ldv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *out);
void tcg_stv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *value);
/* Pairs: memop is of one element. */
void tcg_ldp_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t out[2]);
void tcg_stp_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t a, uint64_t b);
void tcg_ldpv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 out[2]);
void tcg_stpv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *a, const IrV128 *b);
/* Read-modify-write: values zero-extended. @op is an IrRmw. */
uint64_t tcg_rmw_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint32_t op, uint64_t value);
uint64_t tcg_cas_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t expected, uint64_t desired);
/* 16 bytes: *expected becomes the old value. */
void tcg_casv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *expected, const IrV128 *desired);
uint64_t tcg_ll_slow(Cpu *cpu, uint64_t va, uint32_t memop);
void tcg_llv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *out);
/* 0: stored, 1: not. */
uint64_t tcg_sc_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t value);
uint64_t tcg_scv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *value);
/* A loop that waits for another thread has gone round for a while. */
uint64_t tcg_spins(Cpu *cpu);
void tcg_zero_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint32_t log2_bytes);

/*
 * Copy an access of 1 to 16 bytes, each aligned element of up to 16 bytes once and as a whole:
 * where another vCPU takes a lock that a store frees, the C library's memcpy may store twice.
 */
void tcg_copy(void *to, const void *from, unsigned len);

#endif
