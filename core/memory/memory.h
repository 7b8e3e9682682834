/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: RAM blocks, the tree of regions, and the flat map that everybody reads.
 *
 * A region is a container, RAM, ROM, a ROM device (reads from RAM, writes trapped), an alias or a
 * window of a device. An AddressSpace flattens a root region into a sorted immutable array of
 * FlatRange and publishes it; readers take no lock. A FlatRange stays valid
 *  - for a vCPU thread: until its next cpu_quiescent (it drops them on REQ_TLB_FLUSH first);
 *  - for any other thread: between aspace_enter and aspace_leave.
 *
 * Values of accesses are integers whose lowest byte is the byte at the lowest address, whatever
 * the order of guest and device; dispatch swaps for big-endian devices.
 */
#ifndef CORE_MEMORY_MEMORY_H
#define CORE_MEMORY_MEMORY_H

#include "core/types.h"
#include "util/error.h"
#include "util/lock.h"

/* ---- RAM blocks ---- */

typedef enum DirtyClient {
    DIRTY_MIGRATION,
    DIRTY_DISPLAY,
    DIRTY_CODE, /* clear: the page has translated code and stores to it must be seen */
    DIRTY_CHECKPOINT,
    DIRTY_CLIENTS,
} DirtyClient;

typedef enum RamFlags {
    RAM_SHARED = 1 << 0,   /* memfd, MAP_SHARED: windows, vhost-user, other processes */
    RAM_ROM = 1 << 1,      /* the guest cannot write it (the content is still saved) */
    RAM_NO_SAVE = 1 << 2,  /* content is not part of the state (rebuilt on load) */
    RAM_PREALLOC = 1 << 3, /* touch every page now */
    RAM_MAIN = 1 << 4,     /* (a part of) what -m is about */
} RamFlags;

struct RamBlock {
    Machine *machine;
    RamBlock *next;   /* list of the machine, in order of creation */
    char *name;       /* unique in the machine; the name in state files */
    uint8_t *host;    /* page aligned, followed by an inaccessible guard page */
    uint64_t size;    /* bytes, a multiple of GUEST_PAGE_SIZE */
    uint64_t n_pages; /* of GUEST_PAGE_SIZE */
    int fd;           /* the memfd, or -1 */
    uint32_t id;      /* 0, 1, ...: index in order of creation */
    uint32_t flags;
    uint32_t log_clients;           /* atomic; bit per DirtyClient whose log is on */
    uint64_t *dirty[DIRTY_CLIENTS]; /* atomic words, a bit a page; 1: dirty */
    void *code;                     /* atomic: the translator's pages, which it frees */
};

/*
 * Errors: says how much was asked and what to do. @size is rounded up to whole pages.
 * Owned by the machine. Initially zero, DIRTY_CODE all dirty (no code), other logs off.
 */
RamBlock *ram_new(Machine *m, const char *name, uint64_t size, unsigned flags, GError **err);
/* The same behind @take_fd (-1: none), a file of @size bytes or more: with RAM_SHARED it sees what
 * is written, without it stays as it is. */
RamBlock *ram_new_fd(Machine *m, const char *name, uint64_t size, unsigned flags, int take_fd,
                     GError **err);
RamBlock *ram_find(Machine *m, const char *name);
RamBlock *ram_first(Machine *m);
/* The block and offset behind a host pointer; NULL if it is no guest RAM. */
RamBlock *ram_from_host(Machine *m, const void *host, uint64_t *offset);

/*
 * DIRTY_CODE is always "on"; the others only after ram_log_start. Setting marks dirty in every
 * client whose log is on. Offsets are in bytes. Context: ANY_THREAD, lock-free.
 */
void ram_dirty_set(RamBlock *ram, uint64_t off, uint64_t len);
bool ram_dirty_test(const RamBlock *ram, DirtyClient c, uint64_t off, uint64_t len);
/*
 * Clear @c's bits and tell MemListener.write_revoked, so that writers are trapped again; true if
 * any was set. Read the bytes only after the revocation is complete (rules.md 7).
 */
bool ram_dirty_clear(RamBlock *ram, DirtyClient c, uint64_t off, uint64_t len);
/*
 * Bring the logs up to date with what accelerators know of stores. False: one of them cannot tell,
 * and every page may have been written. Context: ANY_THREAD.
 */
bool ram_log_sync(RamBlock *ram);
void ram_log_start(RamBlock *ram, DirtyClient c);
void ram_log_stop(RamBlock *ram, DirtyClient c);
/* May a CPU store to the page at @off directly? False: some log that is on, or code, must see it.
 */
bool ram_write_is_free(const RamBlock *ram, uint64_t off);

/* The translator: page(s) now have / no longer have translated code (DIRTY_CODE clear / set). */
void ram_code_set(RamBlock *ram, uint64_t off, uint64_t len);
void ram_code_clear(RamBlock *ram, uint64_t off, uint64_t len);
bool ram_has_code(const RamBlock *ram, uint64_t off, uint64_t len);
/*
 * Every writer that is not generated code calls this after the bytes are in place: tells
 * MemListener.code_write where translated code is hit, and sets the dirty logs.
 */
void ram_wrote(RamBlock *ram, uint64_t off, uint64_t len);
/* Give pages back to the host; they read as zero. Whole pages. */
void ram_discard(RamBlock *ram, uint64_t off, uint64_t len);

/*
 * Make every byte @byte; where it can be done (true) this takes no memory until a page is written.
 * For private RAM that nobody uses yet.
 */
bool ram_fill(RamBlock *ram, uint8_t byte);

/* ---- Regions ---- */

/* All owned by the machine. @size 0 is 2^64, for containers. Changes publish a new map before
 * they return, and post REQ_TLB_FLUSH to every CPU. Context: ANY_THREAD, device locks allowed. */
MemRegion *region_new_container(Machine *m, const char *name, uint64_t size);
MemRegion *region_new_ram(Machine *m, const char *name, RamBlock *ram, uint64_t off, uint64_t len);
/* Reads come from @ram, writes go nowhere. */
MemRegion *region_new_rom(Machine *m, const char *name, RamBlock *ram, uint64_t off, uint64_t len);
MemRegion *region_new_alias(Machine *m, const char *name, MemRegion *target, uint64_t off,
                            uint64_t len);

/* A higher @priority hides a lower one where they overlap; later additions win among equals. */
void region_add(MemRegion *parent, MemRegion *child, GuestPhys addr, int priority);
void region_remove(MemRegion *child);
void region_set_enabled(MemRegion *r, bool enabled);
void region_set_address(MemRegion *r, GuestPhys addr);
void region_set_readonly(MemRegion *r, bool readonly);
/* A device's region becomes a ROM device backed by @ram while @reads_ram, plain MMIO else. */
void region_set_romd(MemRegion *r, RamBlock *ram, uint64_t ram_off, bool reads_ram);
/* Alias: where in its target it begins. */
void region_set_alias_offset(MemRegion *r, uint64_t off);
/* Alias: place, beginning in its target and length at once. */
void region_set_window(MemRegion *r, GuestPhys addr, uint64_t off, uint64_t len);
const char *region_name(const MemRegion *r);
uint64_t region_size(const MemRegion *r);
Device *region_device(const MemRegion *r);

/* Many changes, one new map. Nests. */
void map_change_begin(Machine *m);
void map_change_end(Machine *m);

/* ---- Address spaces ---- */

typedef enum FlatKind { FLAT_RAM, FLAT_ROM, FLAT_ROMD, FLAT_MMIO } FlatKind;

struct FlatRange {
    GuestPhys start;
    uint64_t len;    /* never 0, never wraps */
    uint64_t offset; /* of `start`: in `ram`, or in `region` for FLAT_MMIO */
    RamBlock *ram;   /* NULL for FLAT_MMIO */
    MemRegion *region;
    uint64_t region_offset; /* of `start` in `region` (FLAT_ROMD writes) */
    uint8_t kind;           /* FlatKind */
};

static inline void *flat_host(const FlatRange *f, GuestPhys gpa)
{
    return f->ram->host + f->offset + (gpa - f->start);
}

/* Owned by the machine. machine_memory() makes the first one. */
AddressSpace *aspace_new(Machine *m, const char *name, MemRegion *root);
MemRegion *aspace_root(AddressSpace *as);
const char *aspace_name(const AddressSpace *as);
Machine *aspace_machine(const AddressSpace *as);
/* Counts published maps: a cache made under another number is stale. */
uint64_t aspace_generation(const AddressSpace *as);

typedef struct AspaceReader {
    uint64_t *slot;
} AspaceReader;

/* Keep FlatRanges alive on a thread that is no running vCPU. Short; nests; takes no lock. */
AspaceReader aspace_enter(AddressSpace *as);
void aspace_leave(AspaceReader r);

/* The range that holds @gpa, or NULL. See the top for how long it lives. */
const FlatRange *aspace_lookup(AddressSpace *as, GuestPhys gpa);

/*
 * An access of any length by a device, loader or debugger. Ranges are split as needed; on an
 * error the rest is still tried (reads give zeros there) and the first error is returned.
 * RAM is accessed directly; writes feed ram_wrote. While a device lock is held, writes to device
 * registers are posted to the work list and reads of them fail with MEM_DEVICE_ERROR
 * (rules.md 1). With attrs.debug devices are never reached.
 */
MemResult aspace_read(AddressSpace *as, GuestPhys gpa, void *buf, uint64_t len, MemAttrs attrs);
MemResult aspace_write(AddressSpace *as, GuestPhys gpa, const void *buf, uint64_t len,
                       MemAttrs attrs);
MemResult aspace_fill(AddressSpace *as, GuestPhys gpa, uint8_t byte, uint64_t len);
/* One naturally aligned little-endian value; in RAM a single access. @size is 1, 2, 4 or 8. */
MemResult aspace_load(AddressSpace *as, GuestPhys gpa, unsigned size, uint64_t *val, MemAttrs at);
MemResult aspace_store(AddressSpace *as, GuestPhys gpa, unsigned size, uint64_t val, MemAttrs at);
/* Write into RAM and ROM alike, no attributes: loaders and debuggers. */
MemResult aspace_write_rom(AddressSpace *as, GuestPhys gpa, const void *buf, uint64_t len);
/* Each range of the present map, in order of addresses. Short: the map is kept meanwhile. */
void aspace_each(AddressSpace *as, void (*fn)(const FlatRange *f, void *arg), void *arg);
/* What lies where, for `info mtree`; the caller frees. */
char *aspace_text(AddressSpace *as);

/*
 * One device access of @size 1, 2, 4 or 8 bytes at @off in the range's region
 * (flat->region_offset + gpa - flat->start), not crossing the range's end. Takes the device's
 * lock, settles it, drops it, drains the work list. Context: ANY_THREAD holding no device lock.
 * The access may have changed the map: a vCPU looks for REQ_TLB_FLUSH when it returns.
 */
MemResult mmio_read(const FlatRange *flat, uint64_t off, unsigned size, MemAttrs attrs,
                    uint64_t *val);
MemResult mmio_write(const FlatRange *flat, uint64_t off, unsigned size, MemAttrs attrs,
                     uint64_t val);

/* ---- Listeners ---- */

/* Called under the map lock or by any writer: must only post (no device lock, no map change). */
typedef struct MemListener {
    /* A new map of @as is published; [lo, last] covers all that differs. REQ_TLB_FLUSH is posted
     * to all CPUs by the core. */
    void (*map_changed)(void *opaque, AddressSpace *as, GuestPhys lo, GuestPhys last);
    /* Bytes of pages with translated code were written by something else than generated code. */
    void (*code_write)(void *opaque, RamBlock *ram, uint64_t off, uint64_t len);
    /* Direct stores to these pages must be trapped from now on. */
    void (*write_revoked)(void *opaque, RamBlock *ram, uint64_t off, uint64_t len);
    /* Put the stores that only the accelerator knows of into the logs (ram_dirty_set). False: it
     * does not know them. NULL: there are none. */
    bool (*log_sync)(void *opaque, RamBlock *ram);
    void *opaque;
} MemListener;

/* @l must live as long as the machine. */
void mem_listener_add(Machine *m, const MemListener *l);

/* ---- ROM blobs ---- */

/*
 * Bytes that are in memory at every (cold and warm) reset: firmware, -kernel, -initrd, FDT.
 * Copies @data. Errors: overlap with another blob (names it), nothing writable there.
 */
NODISCARD bool rom_add(Machine *m, AddressSpace *as, GuestPhys addr, const void *data, uint64_t len,
                       const char *name, GError **err);
/* The same of the bytes at @data, which lie in @bytes: not copied, a reference is held. */
NODISCARD bool rom_add_bytes(Machine *m, AddressSpace *as, GuestPhys addr, GBytes *bytes,
                             const uint8_t *data, uint64_t len, const char *name, GError **err);
NODISCARD bool rom_add_file(Machine *m, AddressSpace *as, GuestPhys addr, const char *path,
                            uint64_t max_len, uint64_t *len, GError **err);
/* What lies at @addr, or NULL: for messages and `info roms`. */
const char *rom_name_at(Machine *m, AddressSpace *as, GuestPhys addr);
char *rom_text(Machine *m);

#endif
