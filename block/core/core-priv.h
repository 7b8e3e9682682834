/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of block/core share. */
#ifndef BLOCK_CORE_CORE_PRIV_H
#define BLOCK_CORE_CORE_PRIV_H

#include "block/core/bitmap.h"
#include "block/core/driver.h"
#include "util/lock.h"

enum {
    BLOCK_TABLES_MAX = 1 << 30,   /* bytes of block_try_array in a node */
    BLOCK_PROBE_LEN = 64 << 10,   /* what probes see */
    BLOCK_STACK_SPARE = 48 << 10, /* of a fiber, before a request goes one node deeper */
    BLOCK_ROLES_MAX = 4100,       /* children of a node: the extents of a vmdk */
    BLOCK_REQ_BYTES = 1 << 16,    /* a write that is to remain one: no look for zeros */
};

/* ---- Requests under way ---- */

/* What a request under way minds (docs/dev/block.md). */
typedef enum TrackKind {
    TRACK_READ,  /* leases what it has mapped */
    TRACK_WRITE, /* in place: minds nobody but TRACK_ALL */
    TRACK_ROOM,  /* makes room in units: one at a time in each */
    TRACK_ALL,   /* alone in its range */
} TrackKind;

/* On the stack of its fiber; in the node's list in the order of coming. */
typedef struct BlockTrack {
    struct BlockTrack *next, **prev;
    uint64_t off, end;
    TrackKind kind;
    bool active; /* has waited for those before */
    Fiber *owner;
    FiberQueue waiters;
} BlockTrack;

enum {
    BLOCK_OPEN_AUTO_RO = 1 << 16,  /* without WRITE where the file cannot be written */
    BLOCK_OPEN_PROTOCOL = 1 << 17, /* without driver=: a protocol, no probing of formats */
};

typedef enum DetectZeroes { DETECT_OFF, DETECT_ON, DETECT_UNMAP } DetectZeroes;

typedef struct BlockChild {
    char *role;
    BlockNode *node;
} BlockChild;

typedef struct BlockArray {
    struct BlockArray *next, **prev;
    size_t bytes;
    max_align_t data[];
} BlockArray;

typedef struct BlockUnpacked {
    uint64_t off; /* UINT64_MAX: empty */
    uint64_t used;
    void *buf;
} BlockUnpacked;

enum { BLOCK_UNPACKED = 4 };

struct BlockNode {
    BlockGraph *graph;
    BlockNode *next, **prev; /* of the graph */
    const BlockDriver *drv;
    void *priv;
    char *name, *filename;
    unsigned refs, flags;
    bool backing_done; /* opened, or there is to be none */
    bool opened;       /* .open has succeeded: .close is called */

    uint64_t size, unit, zero_align, zero_max;
    uint32_t align;
    bool encrypted, dirty, corrupt;
    bool grows; /* writes beyond the end extend it */
    DetectZeroes detect_zeroes;
    char *backing_name, *backing_format;
    Options options; /* its driver's own, as they were given */

    GArray *children; /* of BlockChild */
    BlockNode *file, *backing;
    GPtrArray *parents; /* of BlockNode *, once for each of their children that is this */

    BlockArray *arrays;
    size_t array_bytes;

    BlockTrack *tracks, **tracks_last;
    unsigned n_strict; /* tracks that are TRACK_ROOM or TRACK_ALL */
    unsigned in_flight, drained;
    FiberQueue idle, undrained;
    GPtrArray *drain_sets; /* of GPtrArray of BlockNode *, one for each drain */

    BlockBitmap *bitmaps;
    BlockHolder *holders;
    BlockHook *hooks;

    uint64_t highest, threshold;
    BlockEventData event;

    uint64_t hollow_written;   /* .written when .hollow was found out */
    bool hollow_known, hollow; /* status.c */
    uint64_t written, flushed; /* counts of writes ended, and at the last flush's start */
    bool flushing;
    FiberQueue flush_queue;

    BlockUnpacked unpacked[BLOCK_UNPACKED];
    uint64_t unpacked_clock, unpacked_gen;
};

struct BlockGraph {
    IoLoop *loop;
    struct FdSets *fdsets;
    BlockNode *first, **last;
    unsigned names;      /* made for nodes without one */
    GHashTable *objects; /* by KIND:ID, of GraphObject; NULL: none yet */
    GHashTable *secrets; /* secret.c's; NULL: none */
    struct ThrottleGroup *throttles;
    GArray *enders; /* of GraphEnder */
    Mutex lease_lock;
    GPtrArray *leases;                        /* of BlockBackend *, GUARDED_BY(lease_lock) */
    unsigned gathered GUARDED_BY(lease_lock); /* how many want all nodes at home */
    unsigned busy;                            /* of the loop: jobs */
    BlockEventFn *on_event;
    void *opaque;
};

/* ---- track.c ---- */

/* A user's request begins: waits while the node is drained. */
void block_enter(BlockNode *n);
void block_leave(BlockNode *n);
/* Waits for whom it minds. */
void track_begin(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t len);
/* Another kind and range, within the old one rounded to units: minds less than before. */
void track_ease(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t len);
/* Until no other of @kind is active in [off, end). New ones may come. */
void track_wait(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t end);
/* Alone in its range from now on. */
void track_raise(BlockNode *n, BlockTrack *t);
void track_end(BlockNode *n, BlockTrack *t);

/* ---- iov.c ---- */

typedef struct BlockIov {
    const struct iovec *iov;
    unsigned n;
    uint64_t len;
    struct iovec here[16];
    struct iovec *heap;
} BlockIov;

uint64_t iov_length(const struct iovec *iov, unsigned n);
/* The bytes [skip, skip + len) of @iov, with room for @extra ranges before and after. */
void iov_slice(BlockIov *out, const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len);
void iov_slice_free(BlockIov *s);
void iov_zero(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len);
void iov_from(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf, uint64_t len);
void iov_to(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, uint64_t len);
bool iov_is_zero(const struct iovec *iov, unsigned n);
bool mem_is_zero(const void *buf, size_t len);

/* ---- engine.c: mapping formats ---- */

static inline bool block_maps(const BlockNode *n)
{
    return n->drv->map && !n->drv->readv;
}

/* All within the node's size, aligned to its align; tracked by the caller. */
int engine_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov);
int engine_write(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                 unsigned flags);
int engine_copy_up(BlockNode *n, uint64_t off, uint64_t len, bool beyond);
int engine_write_packed(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov);
int engine_map(BlockNode *n, uint64_t off, uint64_t len, Extent *x);
void engine_forget(BlockNode *n, uint64_t off, uint64_t len);

/* ---- request.c ---- */

/* The driver's, or what the children can. No checks, no tracking. */
int block_driver_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags);
int block_check_write(const BlockNode *n);
/* A write up to @end begins: for statistics, and who wants to hear of it. */
void block_note_write(BlockNode *n, uint64_t end);

/* ---- replace.c ---- */

void block_hooks_before(BlockNode *n, uint64_t off, uint64_t len);
void block_hooks_after(BlockNode *n, uint64_t off, uint64_t len);

/* ---- open.c, graph.c ---- */

BlockNode *block_node_new(BlockGraph *g, const BlockDriver *drv, const char *name, unsigned flags,
                          GError **err);
void block_node_delete(BlockNode *n);
void block_node_attach(BlockNode *n, const char *role, BlockNode *take_child);
void block_node_detach(BlockNode *n, const char *role);
bool block_open_backing(BlockNode *n, Options *o, GError **err);
/* read-only, cache.*, ...: of any node. */
bool block_options_common(Options *o, unsigned *flags, DetectZeroes *zeroes, GError **err);
/* For a reopening: those that the driver's table has. */
void block_options_keep(BlockNode *n, const Options *o);
/* "PROTO:" at the start of a file name: its driver; NULL for paths. */
const BlockDriver *block_protocol_of(const char *filename, GError **err);
bool block_options_sub(Options *o, const char *role, Options *sub);
char *block_relative(const char *image, const char *name);

#endif
