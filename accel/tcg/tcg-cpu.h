/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator's state of one vCPU. It lies in memory directly in front of the Cpu, so that
 * generated code reaches it, the Cpu and the target's state from one base register.
 *
 * Everything here belongs to the vCPU's own thread but for what is marked.
 */
#ifndef ACCEL_TCG_TCG_CPU_H
#define ACCEL_TCG_TCG_CPU_H

#include "accel/tcg/ir/ir.h"
#include "core/cpu.h"
#include "core/target.h"

typedef struct Tcg Tcg;
typedef struct TcgBlock TcgBlock;
typedef struct TcgChunk TcgChunk;
typedef struct TcgExit TcgExit;

enum {
    TCG_TLB_MAX = 8192, /* entries reserved for each MMU mode and kind */
    TCG_MODES = 16,
    TCG_USED_MAX = 512,
    TCG_ENTRY_SHIFT = 2, /* log2 of the distance between places where instructions can begin */
    TCG_ENTRIES = GUEST_PAGE_SIZE >> TCG_ENTRY_SHIFT,
    TCG_VIEWS = 32,
    TCG_FAST_SIZE = 4096, /* pages of a view */
    TCG_CODE_SEEN_BITS = 1 << 16,
    TCG_CODE_LARGE = 16,
    TCG_PAGE_COPIES = 16,
    TCG_CODE_TLB_SIZE = 4096,
    TCG_CODE_ENTRIES = 2,
    TCG_IO_SIZE = 64,
    TCG_KEPT_SETS = 1024,
    TCG_KEPT_WAYS = 8,
    TCG_LARGE_SETS = 32,
    TCG_LARGE_WAYS = 4,
    TCG_LARGE_HASH = 1 << 16,
    TCG_KEY_FETCH = 1 << 4, /* in TcgCpu.kept_key: found by a fetch */
    TCG_SPACES = 64,        /* address spaces remembered, one for each hash of its name */
};

/* Never the page of an access: not page aligned. */
#define TCG_NO_TAG UINT64_MAX

/*
 * What an empty slot of the fast tables holds. Any fixed value is some address that a guest may
 * use; one whose index bits are another slot's can never match what is looked up in this one.
 */
static inline uint64_t tcg_empty_tag(unsigned slot)
{
    return (uint64_t)(slot ^ 1) << 12;
}

/* cpu->raised when it is no exception of the target: run this instruction again, alone in its
 * block (where instructions are counted it reaches a device: its time must be exact). */
enum { TCG_RAISED_RETRY = 2 };
/* The same for: of a fused pair of exclusives the load is done (TcgCpu.excl_*, llsc_memop); the
 * store cannot be done along with it. */
enum { TCG_RAISED_LOADED = 3 };
/* The same for: it meets a debugger's watchpoint, and was not done. */
enum { TCG_RAISED_WATCHPOINT = 4 };

/*
 * tag: virtual address of the page (tag bytes and all), or tcg_empty_tag(). addend: what makes host
 * addresses of the page's guest addresses: the load of the value then waits for one load of the
 * table alone, not for the tag. An access of `size` bytes at `va` is direct when
 * (va ^ tag) <= 4096 - size, unsigned.
 */
typedef struct TcgTlbEntry {
    uint64_t tag;
    uintptr_t addend;
} TcgTlbEntry;

static inline void *tcg_tlb_host(const TcgTlbEntry *e, uint64_t va)
{
    return (void *)(e->addend + va);
}

/* What the slow path knows of a page, beside each slot of the fast tables; same index. */
typedef struct TcgTlbFull {
    uint64_t page;  /* virtual, or TCG_NO_TAG */
    GuestPhys phys; /* of the page */
    RamBlock *ram;  /* NULL: no RAM */
    uint64_t ram_off;
    const FlatRange *flat; /* valid until the map changes; NULL: nothing there */
    uint8_t prot;          /* TLB_READ | TLB_WRITE | TLB_EXEC */
    uint8_t code_attr;     /* TlbResult.code_attr */
    uint8_t span_bits;     /* log2 of the guest's mapping */
    bool secure, device, aligned, global, rom; /* as in TlbResult */
    bool watched;                              /* as in TlbResult */
    bool end; /* of a space of 32 bits: accesses beside it wrap around (host/x86_64/span.c) */
} TcgTlbFull;

/* A mapping of more than 64 KiB, to fill pages from without a walk. */
typedef struct TcgTlbLarge {
    uint64_t base, id; /* @id 0: free */
    GuestPhys phys;
    uint8_t span_bits, prot, code_attr;
    uint8_t mode; /* | TCG_KEY_FETCH */
    bool secure, device, global;
} TcgTlbLarge;

/*
 * A mode whose space was left: generated code sees a table of two empty entries (the mask says
 * so), and its first access decides whether the pages that are not global are still of use. The
 * two slots' own entries wait here.
 */
typedef struct TcgTlbPark {
    bool on;
    TcgTlbEntry read[2], write[2];
} TcgTlbPark;

/* One page of code as the fetch sees it. */
typedef struct TcgCodePage {
    uint64_t page; /* virtual, or TCG_NO_TAG */
    uint64_t span;
    RamBlock *ram; /* NULL: not in RAM: blocks are not kept */
    uint64_t ram_off;
    GuestPhys phys;
    uint64_t id; /* the mode's global_id or space_id when it was found */
    uint8_t mode;
    uint8_t code_attr;
    bool global, secure;
    /* Tables of entries of this page of RAM, by mode word; until tables are taken away. */
    uint64_t entry_mode[TCG_CODE_ENTRIES];
    void **entry[TCG_CODE_ENTRIES]; /* NULL: not known */
} TcgCodePage;

/* A space that was current; see TcgCpu.space_id. */
typedef struct TcgSpace {
    uint64_t name, id;
    uint32_t modes; /* 0: free */
} TcgSpace;

/*
 * A page of code as generated code finds it: the table of where its blocks begin, by place in the
 * page (TCG_ENTRIES; what is no block leads out of generated code).
 */
typedef struct TcgCodeFast {
    uint64_t page;    /* virtual, or tcg_empty_tag() */
    uintptr_t addend; /* what makes places in the table of addresses: tcg_fast_entry() */
} TcgCodeFast;

static inline void **tcg_fast_entry(const TcgCodeFast *f, uint64_t pc)
{
    return (void **)(f->addend + (pc << (3 - TCG_ENTRY_SHIFT)));
}

/* The pages of code found in one mode word and address space. */
typedef struct TcgView {
    uint64_t global_id, space_id; /* of `mode`, when it was filled; space_id counts if has_local */
    uint64_t last_use;
    uint64_t used[TCG_FAST_SIZE / 64];
    uint8_t mode;   /* of fetches */
    bool has_local; /* a page is not global */
} TcgView;

/* A mapping greater than a page, of which code was found in some part. */
typedef struct TcgCodeLarge {
    uint64_t start, span;
    uint8_t mode;
} TcgCodeLarge;

/* What a vCPU's thread does, for cycles by phase (`count=on`). */
typedef enum TcgPhase {
    TCG_PHASE_LOOP, /* the run loop: looking blocks up, exceptions, requests */
    TCG_PHASE_LIFT, /* decoding, translators, the builder */
    TCG_PHASE_EMIT, /* the host back end */
    TCG_PHASE_KEEP, /* putting the block into the cache */
    TCG_PHASE_CODE, /* generated code and what it calls */
    TCG_N_PHASES,
} TcgPhase;

/* Why an access took the long way: the first that holds. */
typedef enum TcgSlowWhy {
    TCG_SLOW_UNALIGNED, /* an alignment fault */
    TCG_SLOW_FAULT,     /* no translation, or no permission */
    TCG_SLOW_CROSSING,  /* two pages */
    TCG_SLOW_DEVICE,    /* no RAM there */
    TCG_SLOW_WATCHED,   /* a store to a page of code, or one whose writes are logged */
    TCG_SLOW_MISS,      /* the page was not in the fast table */
    TCG_SLOW_OTHER,     /* what the fast path does not do: big-endian, some atomics */
    TCG_N_SLOW_WHY,
} TcgSlowWhy;

/* A page as it was when something of it was translated. */
typedef struct TcgPageCopy {
    const RamBlock *ram;
    uint64_t off;
    _Alignas(8) uint8_t bytes[GUEST_PAGE_SIZE];
} TcgPageCopy;

typedef struct TcgStats {
    uint64_t translations, guest_insns, host_bytes, translate_cycles;
    uint64_t lookups, links, tlb_fills, tlb_flushes, page_flushes, mmio, slow, smc, retries;
    uint64_t interrupts, exceptions, enters, went_on, space_switches;
    uint64_t code_fills, code_flushes, view_clears;
    uint64_t left[8]; /* by TcgLeave */
    uint64_t tlb_kept_hits, tlb_large_hits, tlb_settles, tlb_unparks, tlb_resizes;
    uint64_t tlb_scans, walk_reads;
    uint64_t walks_small, walks_large, walks_giant; /* answers of tlb_fill by size of mapping */
    uint64_t cycles[TCG_N_PHASES];
    uint64_t slow_why[TCG_N_SLOW_WHY];
} TcgStats;

/* What generated code adds to with `count=on`. */
enum {
    TCG_COUNT_GUEST,    /* guest instructions begun */
    TCG_COUNT_HOST,     /* host instructions on the blocks' usual way */
    TCG_COUNT_STUB,     /* host instructions of slow paths, C code apart */
    TCG_COUNT_READ,     /* loads that looked in the TLB */
    TCG_COUNT_WRITE,    /* stores and atomics that did */
    TCG_COUNT_C_CYCLES, /* last: host cycles in C code that generated code called */
    TCG_N_COUNTS,
};

typedef struct TcgCpu {
    /* Index of a page: (va >> 12) & (n - 1); read and write entries apart. */
    _Alignas(64) TcgTlbEntry read[TCG_MODES][TCG_TLB_MAX];
    TcgTlbEntry write[TCG_MODES][TCG_TLB_MAX];
    TcgTlbFull full[TCG_MODES][TCG_TLB_MAX];
    /* Slots in use, by whether the page is global; a bit each. */
    uint64_t in_use[TCG_MODES][2][TCG_TLB_MAX / 64];
    uint32_t n_in_use[TCG_MODES][2];
    uint64_t local_id[TCG_MODES];  /* space_id of the pages that are not global */
    uint64_t size_mask[TCG_MODES]; /* what tlb_mask is while the mode is not parked */
    TcgTlbPark park[TCG_MODES];
    uint32_t n_conflicts[TCG_MODES], n_misses[TCG_MODES]; /* since the size was looked at */
    /*
     * The second level: pages of all spaces and modes, set-associative by address; key: page |
     * TCG_KEY_FETCH | mode. An entry counts in its mode while the id is the mode's space_id or
     * global_id.
     */
    _Alignas(64) uint64_t kept_key[TCG_KEPT_SETS][TCG_KEPT_WAYS];
    uint64_t kept_id[TCG_KEPT_SETS][TCG_KEPT_WAYS];
    TcgTlbFull kept[TCG_KEPT_SETS][TCG_KEPT_WAYS];
    uint8_t kept_next[TCG_KEPT_SETS];
    TcgTlbLarge large[TCG_LARGE_SETS][TCG_LARGE_WAYS];
    uint8_t large_next[TCG_LARGE_SETS];
    /* Mappings of more than 64 KiB in use, by hash of 2 MiB and 1 GiB; and the largest of the
     * others. */
    uint64_t large_2m[TCG_LARGE_HASH / 64], large_1g[TCG_LARGE_HASH / 64];
    uint8_t small_span_bits;
    const FlatRange *last_flat; /* of cpu->as, where the last fill went; or NULL */
    /*
     * What is kept of a page that is not global carries space_id of its mode, a global one
     * global_id; it counts while they are equal. No number is used twice: a space that was flushed
     * gets a new one, one that comes back has its old one.
     */
    uint64_t space_id[TCG_MODES], global_id[TCG_MODES];
    uint64_t space_name[TCG_MODES];
    uint64_t last_space_id;
    TcgSpace space[TCG_SPACES];
    uint64_t walk_epoch;
    TcgCodePage code_tlb[TCG_CODE_TLB_SIZE];
    TcgCodeLarge code_large[TCG_CODE_LARGE];
    unsigned n_code_large; /* TCG_CODE_LARGE + 1: too many to list */
    uint64_t code_seen[TCG_CODE_SEEN_BITS / 64];
    uint32_t code_seen_modes;
    uint64_t view_mode_word[TCG_VIEWS];
    TcgView view[TCG_VIEWS];
    TcgCodeFast view_fast[TCG_VIEWS][TCG_FAST_SIZE];
    unsigned view_now;      /* whose `fast` is */
    uint8_t view_guess[64]; /* by hash of the mode word: the view that was chosen last */
    uint64_t view_clock;
    uint64_t view_epoch; /* of the cache, when the views were last emptied for it */

    /* The run loop's. */
    Tcg *tcg;
    TcgChunk *chunk;        /* this thread emits here */
    IrBlock *ir;            /* scratch of translation */
    TcgPageCopy *page_copy; /* TCG_PAGE_COPIES */
    uint64_t mode_word;     /* of `fast` */
    TcgExit *leave_exit;    /* after TCG_LEAVE_LINK */
    uint32_t llsc_memop;    /* of TCG_RAISED_LOADED */
    uint32_t leave_restart; /* after TCG_LEAVE_RAISED: restart word of the instruction */
    TcgBlock *one_shot;     /* translation that is not kept */
    bool halted;            /* tcg_halt was called */
    bool go_on;       /* what ends a block may be done without leaving generated code (tcg_go_on) */
    uint8_t leave_as; /* TcgLeave, after tcg_go_on gave NULL */
    bool traced;      /* each entry of a block is logged */
    bool icount;      /* executed instructions are counted (core/icount.h) */
    bool alone;       /* the block that runs is one instruction, and nothing runs after it */
    bool retry;       /* the next block is to be like that */
    bool in_code;
    uint32_t stress_random;
    TcgStats stats;
    TcgPhase phase; /* with count=on, since phase_start */
    uint64_t phase_start;

    /* Messages from other vCPUs; guarded by `lock`. */
    Mutex lock;
    GArray *revoked;      /* of TcgRevoke: write tags to drop */
    GArray *page_flushes; /* of TcgFlush */
    uint32_t mode_flushes;
    uint64_t flush_asked; /* counts requests; flush_done follows (atomic) */
    uint64_t flush_done;
    bool sync_wanted; /* this vCPU has asked others since its last tcg_tlb_sync */
    uint64_t passed;  /* atomic: the cache's epoch seen at the last poll; 0: not running */

    /* Used by generated code; near the Cpu. */
    _Alignas(64) uint8_t host_const[384]; /* the host back end's: constants of generated code */
    _Alignas(64) IrV128 scratch[8];       /* arguments and results of slow paths and references */
    uint64_t tlb_mask[TCG_MODES];         /* (entries - 1) << 4 */
    TcgCodeFast *fast;                    /* of the current view: TCG_FAST_SIZE pages,
                                             index (pc >> 12) & (TCG_FAST_SIZE - 1) */
    uint64_t pc_page;                     /* virtual address of the page of the block that runs */
    uint64_t excl_addr;                   /* virtual */
    uint64_t excl_val[2];
    uint64_t excl_size; /* bytes; 0: monitor open */
    /* Debuggers' watchpoints (slow_meets_watchpoint). */
    bool may_stop;            /* generated code runs, so that an access may end its instruction */
    bool has_watch;           /* pages may be left out of the fast tables for them */
    bool watch_hit;           /* of TCG_RAISED_WATCHPOINT */
    uint64_t skip_breakpoint; /* go on from here once, though a breakpoint lies there */
    uint64_t host_stack;      /* the host back end's own */
    uint64_t host_data[4];
    const ClockLine *clock_line; /* where TcgCache.clock_line says so */
    int32_t spins; /* turns of loops that wait, until tcg_spins() is called; below 0: it is due */
    uint64_t count[TCG_N_COUNTS];
    _Alignas(64) uint8_t end[0];
} TcgCpu;

_Static_assert(sizeof(TcgCpu) % 64 == 0, "the Cpu behind it must be aligned");
_Static_assert(sizeof(TcgCpu) <= CPU_HEADROOM, "core/cpu.h reserves too little");

static inline TcgCpu *tcg_cpu(Cpu *cpu)
{
    return (TcgCpu *)((char *)cpu - sizeof(TcgCpu));
}

static inline Cpu *tcg_cpu_base(TcgCpu *tc)
{
    return (Cpu *)((char *)tc + sizeof(TcgCpu));
}

static inline uint64_t *tcg_pc(Cpu *cpu)
{
    return (uint64_t *)((char *)cpu + cpu->target->pc_offset);
}

#endif
