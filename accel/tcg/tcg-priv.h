/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_TCG_PRIV_H
#define ACCEL_TCG_TCG_PRIV_H

#include "accel/accel.h"
#include "accel/tcg/host.h"
#include "accel/tcg/tcg.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "util/error.h"
#include "util/lock.h"

#include <string.h>

enum {
    TCG_HASH_SIZE = 1 << 18,
    TCG_CHUNK_BYTES = 1 << 20,
    TCG_TLB_ENTRIES = 1024,
    TCG_SPINS = 50000,    /* of a few tens of ns each: nobody holds a lock so long who runs */
    REQ_TCG = REQ_ACCEL0, /* messages of other vCPUs wait */
    REQ_TCG_VIEWS = REQ_ACCEL0 << 1, /* forget the code that was found */
    TCG_ENTRY_TABLES = 8192,
    TCG_ENTRY_HASH = 8192,
};

/* Blocks of a page that is debugged: one instruction each, never linked. */
#define TCG_MODE_DEBUG ((uint64_t)1 << 63)
/* Blocks that are never linked or left in generated code, so that each entry can be told. */
#define TCG_MODE_TRACE ((uint64_t)1 << 62)

/* TlbResult.code_attr of the page. */
enum { TCG_MODE_ATTR_SHIFT = 48 };
/* The target's part of a block's mode word. */
#define TCG_MODE_TARGET (((uint64_t)1 << TCG_MODE_ATTR_SHIFT) - 1)

/* What to drop: addresses in @space, or with @bytes 0 its pages that are not global. */
typedef struct TcgFlush {
    GuestVirt va;
    uint64_t bytes;
    uint64_t space; /* or TCG_ANY_SPACE */
    uint32_t modes;
    uint32_t how; /* TCG_FLUSH_* */
} TcgFlush;

typedef struct TcgRevoke {
    RamBlock *ram;
    uint64_t off, len;
} TcgRevoke;

/* The blocks of one page and mode word by place (entries.c). */
typedef struct TcgEntries {
    RamBlock *ram;
    uint64_t page_off, mode_word;
    const Target *target;
    void **host; /* atomic: TCG_ENTRIES host entries */
    struct TcgEntries *hash_next;
} TcgEntries;

/* Changed under the translator's lock. */
typedef struct TcgEntryPool {
    void *map; /* NULL: there are none */
    size_t map_bytes;
    void **tables;
    TcgEntries *list;
    TcgEntries *hash[TCG_ENTRY_HASH]; /* atomic */
    unsigned n;
    uint64_t drained_at; /* epoch in which all were taken away; 0: they are in use */
} TcgEntryPool;

typedef struct TcgPerf TcgPerf;

/* Of a page of RAM: RamBlock.code is an array of these. Guarded by the translator's lock. */
typedef struct TcgPage {
    TcgBlock *blocks;
    uint64_t granules; /* atomic: 64-byte parts that some block was made of since there was none */
    unsigned quiet;    /* stores that were seen since it had no block */
    uint32_t heat;     /* atomic: stores that were seen, those that hit code counting more */
    bool checked;      /* atomic: its blocks have runs, stores are not watched */
    uint64_t changed;  /* Tcg.inserted when a block last died */
} TcgPage;

/* The translator of a machine. */
struct Tcg {
    Machine *machine;
    TcgCache cache;
    const TcgHost *host;
    TcgPerf *perf; /* NULL: nobody looks */
    bool host_ready;
    bool strict_llsc; /* store-exclusives fail if another vCPU ran since the load */
    bool one_insn;
    bool verify;          /* check every block's IR */
    bool exact_flags;     /* faults see flags that nothing reads afterwards */
    uint32_t stress_slow; /* of 100 accesses that go the slow way though they need not */
    uint64_t chunk_bytes; /* of each chunk that are used */
    MemListener listener;
    TcgBlock *hash[TCG_HASH_SIZE]; /* heads: atomic; changed under `lock` */
    TcgEntryPool entries;
    Mutex lock;       /* blocks, links, chunks */
    TcgChunk *chunks; /* all, n_chunks */
    uint32_t n_chunks;
    TcgChunk *free_chunks, *full_first, *full_last, *retired;
    uint64_t epoch;    /* atomic: counts retirements of chunks and of tables */
    uint64_t inserted; /* blocks */
    uint64_t evictions, invalidations;
    uint64_t clock_cycles, clock_ns; /* the same time on two clocks */
    uint64_t filtered; /* stores to pages of code that met none; relaxed, may miss some */
    uint64_t to_checked, from_checked; /* pages */
    uint64_t failed_checks;
};

/* Guest memory may change while it is copied or compared: whole words, each as it is at some time.
 * The pointers are aligned to 8. */
static inline uint64_t tcg_guest_word(const void *host)
{
    return __atomic_load_n((const uint64_t *)host, __ATOMIC_RELAXED);
}

static inline void tcg_copy_page(uint8_t *to, const uint8_t *host)
{
    for (unsigned i = 0; i < GUEST_PAGE_SIZE; i += 8) {
        *(uint64_t *)(void *)(to + i) = tcg_guest_word(host + i);
    }
}

/* ---- blocks (cache.c) ---- */

bool tcg_cache_init(Tcg *t, uint64_t bytes, GError **err);
void tcg_cache_free(Tcg *t);
TcgBlock *tcg_block_find(Tcg *t, RamBlock *ram, uint64_t page_off, unsigned delta, uint64_t mode,
                         const Target *target);
/*
 * Put a new block into the registry, or drop it for one that was quicker: the one to use. NULL: the
 * page no longer holds the block's source, nothing is kept.
 */
TcgBlock *tcg_block_insert(Tcg *t, TcgBlock *b);
void tcg_block_link(Tcg *t, TcgExit *exit, TcgBlock *to);
/* A chunk with room, for this vCPU alone. */
TcgChunk *tcg_chunk_new(Cpu *cpu);
/* Pages that direct stores may have reached after they were translated: drop the blocks whose
 * bytes have changed. */
void tcg_code_check(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len);
/* Bytes were written: drop the blocks made of them. */
void tcg_code_written(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len);
/* The same in one page for the usual case that no block is there: true: that is all. */
bool tcg_code_beside(Tcg *t, const RamBlock *ram, uint64_t off, uint64_t len);
/* Are blocks of the page to check their source? */
bool tcg_page_is_checked(const RamBlock *ram, uint64_t page_off);
/* A check has failed, or may have. */
void tcg_block_stale(Tcg *t, TcgBlock *b);

/* This vCPU is out of generated code: it forgets what was retired. */
void tcg_pass(Cpu *cpu);
/* Make the others do so soon. */
void tcg_call_others(Tcg *t);
/* Has every vCPU been out of generated code since, and forgotten what it had found? */
bool tcg_all_passed(Tcg *t, uint64_t epoch);
/* The blocks of a page, by page_next. Context: the lock is held. */
TcgBlock *tcg_page_blocks(RamBlock *ram, uint64_t page_off);

/* ---- where blocks begin (entries.c) ---- */

void tcg_entries_init(Tcg *t);
void tcg_entries_free(Tcg *t);
/* The table of a page; NULL: there is none at present. Until the vCPU's next poll. */
void **tcg_entries_get(Tcg *t, RamBlock *ram, uint64_t page_off, uint64_t mode,
                       const Target *target);
/* Context: the lock is held; the block is in the registry (still). */
void tcg_entries_add(Tcg *t, const TcgBlock *b);
void tcg_entries_remove(Tcg *t, const TcgBlock *b);

/* ---- TLB (tlb.c) ---- */

void tcg_tlb_init(Cpu *cpu);
void tcg_tlb_flush_all(Cpu *cpu);
/* What the slow path needs of a page, after a walk where needed; NULL: cpu->raised. */
TcgTlbFull *tcg_tlb_page(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop);
/* The page of code at @pc; false: cpu->raised. */
bool tcg_tlb_fetch(Cpu *cpu, GuestVirt pc, unsigned mode, TcgTlbFull *f);
/* The range of memory at @phys; on the vCPU's own thread, alive until its next poll. */
const FlatRange *tcg_flat(Cpu *cpu, GuestPhys phys, bool secure);
/* Act on what other vCPUs asked. */
void tcg_messages(Cpu *cpu);
void tcg_post_revoke(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len);

/* ---- address spaces (space.c) ---- */

/* Nothing counts any more, and the target has not said which space it is in. */
void tcg_space_init(TcgCpu *tc);
/* Make @space that of @modes; true: it was another. */
bool tcg_space_select(TcgCpu *tc, uint32_t modes, uint64_t space);
/* Nothing that was kept of @space counts any more; true: it is the current one of some mode. */
bool tcg_space_renew(TcgCpu *tc, uint32_t modes, uint64_t space);
/* May what was kept of @mode with the number @id, and is not global, be of @space? */
bool tcg_space_may_be(const TcgCpu *tc, unsigned mode, uint64_t space, uint64_t id);
/* Nothing of these modes counts any more, global or not, in any space. */
void tcg_space_renew_modes(TcgCpu *tc, uint32_t modes);

/* ---- finding code (code-tlb.c) ---- */

/* Virtual addresses without their tag byte. */
#define TCG_ADDRESS_BITS 0x00ffffffffffffffull

/* Does a mapping of @span bytes that holds @page hold an address of the flush? */
static inline bool tcg_flush_hits(const TcgFlush *f, uint64_t page, uint64_t span)
{
    uint64_t mask = f->how & TCG_FLUSH_ANY_TAG ? TCG_ADDRESS_BITS : UINT64_MAX;
    uint64_t start = page & ~(span - 1) & mask;

    return ((f->va - start) & mask) < span || ((start - f->va) & mask) < f->bytes;
}

void tcg_code_tlb_init(Cpu *cpu);
/* The code page of @pc; NULL: cpu->raised. */
TcgCodePage *tcg_code_page(Cpu *cpu, GuestVirt pc);
/* Where the page's blocks of the present mode word begin (tcg_entries_get). */
void **tcg_code_entries(Cpu *cpu, TcgCodePage *p);
void tcg_code_flush_modes(Cpu *cpu, uint32_t modes);
void tcg_code_flush_page(Cpu *cpu, const TcgFlush *f);
/* These modes are in another space now: tcg_cpu(cpu)->space_id says in which. */
void tcg_code_space_switch(Cpu *cpu, uint32_t modes, uint64_t space);
/* Pages of @space that are not global have changed; current or not. Its id is another already. */
void tcg_code_flush_space(Cpu *cpu, uint32_t modes, uint64_t space);
/* Forget all code that was found by address. */
void tcg_views_flush(Cpu *cpu);
/* Make tc->fast the view of @mode_word and the present spaces. */
void tcg_view_select(Cpu *cpu, uint64_t mode_word);
/* @entry is the table of the page at @pc; @global: the page is. */
void tcg_view_add(Cpu *cpu, GuestVirt pc, void **entry, bool global);

/* ---- the run loop (tcg.c) ---- */

/* The block at the present pc, or NULL: cpu->raised. */
TcgBlock *tcg_find(Cpu *cpu, GuestVirt pc, bool debug);

/* ---- counted execution (icount.c) ---- */

/* Nothing is left of the slice. Ends what held the vCPU. */
bool tcg_icount_over(Cpu *cpu);
/* tcg_find, or a block of one instruction (*@alone), where more than one would not be exact. */
TcgBlock *tcg_icount_find(Cpu *cpu, GuestVirt pc, bool *alone);
/* TCG_RAISED_RETRY: the instruction runs again, alone. */
void tcg_icount_retry(Cpu *cpu);

/* ---- -d (trace.c) ---- */

/* A new block, of the bytes of @page. */
void tcg_trace_block(Cpu *cpu, const TcgBlock *b, GuestVirt pc, const uint8_t *page);
/* Is every entry of a block wanted? */
bool tcg_trace_wants_marks(Cpu *cpu);
bool tcg_trace_each_block(Cpu *cpu);
void tcg_trace_enter(Cpu *cpu, const TcgBlock *b, GuestVirt pc);
void tcg_trace_exception(Cpu *cpu, const char *what, GuestVirt from);

/* ---- for perf (perf.c) ---- */

bool tcg_perf_open(Tcg *t, bool map, bool dump, GError **err);
void tcg_perf_close(Tcg *t);
/* A new block; t->perf is not NULL. */
void tcg_perf_block(Tcg *t, const TcgBlock *b, GuestVirt pc);

/* ---- what was done (stats.c) ---- */

void tcg_phase_begin(TcgCpu *tc, TcgPhase phase);

/* From here on the thread does this. */
static inline void tcg_phase(TcgCpu *tc, TcgPhase phase)
{
    if (__builtin_expect(tc->tcg->cache.counters != NULL, 0)) {
        tcg_phase_begin(tc, phase);
    }
}

/* From here on the host's cycles are compared with time. */
void tcg_clock_start(Tcg *t);

/* AccelCounter rows of everything counted, to @out. */
void tcg_stats(void *state, GArray *out);
void tcg_info(void *state, GString *out);

#endif
