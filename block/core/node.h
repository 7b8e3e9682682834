/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of nodes under a disk: a format over a protocol, filters between, backing images.
 *
 * A graph runs on one IoLoop: every function marked FIBER is called in a fiber of that loop, and no
 * lock is needed among them. Devices, which are on other threads, use block/block.h.
 * Results are 0 or -errno for requests; false or NULL with *err for what opens and changes.
 * Offsets and lengths are bytes everywhere.
 */
#ifndef BLOCK_CORE_NODE_H
#define BLOCK_CORE_NODE_H

#include "core/event/ioloop.h"
#include "util/error.h"
#include "util/options.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct BlockGraph BlockGraph;
typedef struct BlockNode BlockNode;
typedef struct BlockDriver BlockDriver;

enum {
    BLOCK_NAME_MAX = 31,         /* of a node, by the protocol's tradition */
    BLOCK_DEPTH_MAX = 1000,      /* of a chain of backing images */
    BLOCK_REQUEST_MAX = 1 << 30, /* larger ones are split by the core before a driver sees them */
};
#define BLOCK_SIZE_MAX ((uint64_t)INT64_MAX - ((uint64_t)1 << 30))

/* ---- Graphs ---- */

struct FdSets;

/* Owned by a machine or a tool. The loop must outlive it. */
BlockGraph *block_graph_new(IoLoop *loop);
/* Closes every node that is left, top first. Not in a fiber. */
void block_graph_free(BlockGraph *g);
/* Whoever uses nodes without being one of them (jobs, exports) gives them up in @fn: called in a
 * fiber at the graph's end, the last added first. FIBER */
void block_graph_on_end(BlockGraph *g, FiberFn *fn, void *opaque);
/* The same now; the graph goes on, empty of them. Not in a fiber. */
void block_graph_end(BlockGraph *g);
IoLoop *block_graph_loop(BlockGraph *g);
/* What /dev/fdset/ID means for its files; NULL: nothing. */
void block_graph_set_fdsets(BlockGraph *g, struct FdSets *sets);
struct FdSets *block_graph_fdsets(const BlockGraph *g);
/* ioloop_run on the graph's loop, which has all nodes meanwhile: those of disks with iothreads too
 * (lease.c). Whoever comes from outside uses this. */
void block_graph_run(BlockGraph *g, FiberFn *fn, void *arg);
/* The same for more than one call. Nests. Nothing on the graph's loop itself. */
void block_graph_gather(BlockGraph *g);
void block_graph_scatter(BlockGraph *g);
/* On the graph's loop: somebody is at work there for longer. Counts. */
void block_graph_set_busy(BlockGraph *g, bool busy);
BlockNode *block_graph_find(BlockGraph *g, const char *node_name);
/* All, in the order of opening; NULL after the last. */
BlockNode *block_graph_next(BlockGraph *g, BlockNode *after);

typedef enum BlockEvent {
    BLOCK_EVENT_WARNING,
    BLOCK_EVENT_DEBUG,     /* of blkdebug: a request is held, or goes on */
    BLOCK_EVENT_CORRUPTED, /* a node's image is damaged: BLOCK_IMAGE_CORRUPTED */
    BLOCK_EVENT_THRESHOLD, /* a write went beyond the mark that was set: BLOCK_WRITE_THRESHOLD */
} BlockEvent;

/* Of the event that is being told of. */
typedef struct BlockEventData {
    const char *what;  /* CORRUPTED */
    bool fatal;        /* CORRUPTED */
    int64_t off, len;  /* CORRUPTED: -1: nowhere in particular */
    uint64_t mark, by; /* THRESHOLD: the mark, and how far beyond it */
} BlockEventData;
/* @text is a sentence for people. On the graph's loop. */
typedef void BlockEventFn(void *opaque, BlockNode *n, BlockEvent event, const char *text);
const BlockEventData *block_node_event(const BlockNode *n);
/* Who hears what happens beside requests; nobody at first. */
void block_graph_on_event(BlockGraph *g, BlockEventFn *fn, void *opaque);

/* What options name by id (secrets, TLS credentials): of a kind, owned by the graph. */
NODISCARD bool block_graph_add_object(BlockGraph *g, const char *kind, const char *id, void *take,
                                      GDestroyNotify free_fn, GError **err);
void *block_graph_find_object(BlockGraph *g, const char *kind, const char *id);
/* False: there is none. */
bool block_graph_remove_object(BlockGraph *g, const char *kind, const char *id);

/* ---- Opening ---- */

typedef enum BlockOpenFlags {
    BLOCK_OPEN_WRITE = 1 << 0,
    BLOCK_OPEN_NO_BACKING = 1 << 1,
    BLOCK_OPEN_NO_IO = 1 << 2,  /* metadata alone: info of an encrypted image without its key */
    BLOCK_OPEN_CHECK = 1 << 3,  /* for check and repair: a damaged image opens */
    BLOCK_OPEN_SHARE = 1 << 4,  /* -U: take no lock that others could mind */
    BLOCK_OPEN_UNSAFE = 1 << 5, /* cache=unsafe: flush does nothing */
    BLOCK_OPEN_DIRECT = 1 << 6, /* cache=none, directsync: O_DIRECT */
    BLOCK_OPEN_WRITETHROUGH = 1 << 7, /* each write is followed by a flush */
    BLOCK_OPEN_DISCARD = 1 << 8,      /* discard=unmap; without it discards are dropped */
    BLOCK_OPEN_PROBED = 1 << 9,       /* raw by guess: writing another format's magic is refused */
    BLOCK_OPEN_INTERNAL = 1 << 10,    /* a child: not listed by query-block, not deletable */
    BLOCK_OPEN_LOCK_OFF = 1 << 11,    /* locking=off */
    BLOCK_OPEN_SNAPSHOT = 1 << 12,    /* of block_open_options: writes go to a temporary overlay */
    BLOCK_OPEN_AIO_THREADS = 1 << 13, /* aio=, unless the file's own options have it */
    BLOCK_OPEN_AIO_NATIVE = 1 << 14,
    BLOCK_OPEN_AIO_URING = 1 << 15,
} BlockOpenFlags;
enum { BLOCK_OPEN_AIO = BLOCK_OPEN_AIO_THREADS | BLOCK_OPEN_AIO_NATIVE | BLOCK_OPEN_AIO_URING };

/*
 * A node from options as -blockdev takes them, nested by dots (driver=qcow2,file.driver=file,
 * file.filename=...). Without driver=: `filename` is looked at: "json:{...}", "PROTOCOL:...", a
 * path; the format is probed. Options that nobody used are an error that names the nearest.
 * The caller holds a reference. FIBER
 * Errors: start with the file's name, say the field and its value, and what would be right.
 */
BlockNode *block_node_open(BlockGraph *g, Options *options, unsigned flags, GError **err);
/* cache=@text (none, off, writeback, writethrough, directsync, unsafe) onto *@flags; false: not
 * known. */
NODISCARD bool block_cache_flags(const char *text, unsigned *flags);
/* aio=@text into *@flags; false: not known. */
NODISCARD bool block_aio_flags(const char *text, unsigned *flags);
/* The same for a file name and a format (NULL: probe). */
BlockNode *block_node_open_name(BlockGraph *g, const char *filename, const char *format,
                                unsigned flags, GError **err);
/* A qcow2 file in $TMPDIR (else /var/tmp) above @take_base, which is gone with its node; @flags as
 * of block_node_open, beside being written. FIBER */
BlockNode *block_node_overlay(BlockGraph *g, BlockNode *take_base, unsigned flags, GError **err);
BlockNode *block_node_ref(BlockNode *n);
/* The last one closes: drains, writes what is cached, lets go of the children. FIBER */
void block_node_unref(BlockNode *n);
/* New flags (read-only, cache, discard), and options beside those that it has (NULL: none): all or
 * nothing. FIBER */
NODISCARD bool block_node_reopen(BlockNode *n, Options *options, unsigned flags, GError **err);
/* New options for the nodes that they name, as blockdev-reopen takes them, of all or none; what is
 * not given has its default. FIBER */
NODISCARD bool block_nodes_reopen(BlockGraph *g, Options *options, unsigned count, GError **err);

/* Somebody is going to write through @n, not read only: nodes below that are open for reading until
 * then (auto-read-only) change now rather than at the first write. FIBER */
NODISCARD bool block_node_want_write(BlockNode *n, GError **err);

/* ---- What a node is ---- */

const char *block_node_name(const BlockNode *n);
/* As the user would give it: a path, "nbd://...", or "json:{...}". */
const char *block_node_filename(const BlockNode *n);
/* As `info` tells it: a file's name, or json:{...} where that does not say all. Free it. */
char *block_node_image_name(const BlockNode *n);
const BlockDriver *block_node_driver(const BlockNode *n);
const char *block_node_format(const BlockNode *n); /* the driver's name */
uint64_t block_node_size(const BlockNode *n);      /* virtual size, bytes */
unsigned block_node_flags(const BlockNode *n);     /* BLOCK_OPEN_* as they are now */
bool block_node_is_read_only(const BlockNode *n);
const char *block_node_detect_zeroes(const BlockNode *n); /* off, on, unmap */
BlockGraph *block_node_graph(const BlockNode *n);
/* Requests need this alignment (1 to 4096): the core pads for users of a node; drivers may rely on
 * it. Buffers of O_DIRECT files are bounced where needed. */
uint32_t block_node_align(const BlockNode *n);
/* The first child in the role of the data below ("file"), the backing image ("backing"), or a role
 * of the driver's ("data-file", "target"); NULL. */
BlockNode *block_node_child(const BlockNode *n, const char *role);
/* The child of number @i in any role; NULL after the last. */
BlockNode *block_node_child_at(const BlockNode *n, unsigned i, const char **role);
BlockNode *block_node_backing(const BlockNode *n);
/* As the image's header names it; NULL. Also when it is not open. */
const char *block_node_backing_name(const BlockNode *n);
const char *block_node_backing_format(const BlockNode *n);
/* The node below filters (throttle, copy-on-read, ...): itself if it is none. */
BlockNode *block_node_skip_filters(BlockNode *n);
/* Bytes that the image takes on its host; -errno where that is unknown. FIBER */
int64_t block_node_allocated(BlockNode *n);

/* ---- Requests: FIBER, 0 or -errno ---- */

typedef enum BlockReqFlags {
    BLOCK_REQ_FUA = 1 << 0,   /* on stable storage when it ends */
    BLOCK_REQ_UNMAP = 1 << 1, /* write_zeroes may free the space */
    BLOCK_REQ_COMPRESSED =
        1 << 2, /* write whole clusters compressed; -ENOTSUP where it cannot be */
    BLOCK_REQ_NO_FALLBACK = 1 << 3,  /* write_zeroes: -ENOTSUP rather than writing bytes */
    BLOCK_REQ_COPY_ON_READ = 1 << 4, /* a read allocates what comes from the backing image */
    BLOCK_REQ_UNCHANGED = 1 << 5,    /* writes what reads there anyway: allowed under readers */
    BLOCK_REQ_COPY_BEYOND = 1 << 7,  /* COPY_ON_READ of zeros beyond its end, too */
    BLOCK_REQ_SERIALISE = 1 << 6,    /* no overlapping request at the same time */
} BlockReqFlags;

/* Ranges beyond the node's size are -EIO (a device checks before); read-only nodes give -EROFS. */
int block_node_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags);
/* The same, where what lies beyond its end reads as zeros. FIBER */
int block_read_padded(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags);
int block_node_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags);
int block_node_read(BlockNode *n, uint64_t off, void *buf, uint64_t len);
int block_node_write(BlockNode *n, uint64_t off, const void *buf, uint64_t len, unsigned flags);
int block_node_write_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int block_node_discard(BlockNode *n, uint64_t off, uint64_t len);
/* What has ended before is on stable storage after: data, then the metadata that points to it. */
int block_node_flush(BlockNode *n);
/* Copy within the host where possible (copy_file_range), else through memory. */
int block_node_copy(BlockNode *from, uint64_t from_off, BlockNode *to, uint64_t to_off,
                    uint64_t len, unsigned flags);

typedef enum BlockPrealloc {
    BLOCK_PREALLOC_OFF,
    BLOCK_PREALLOC_METADATA,
    BLOCK_PREALLOC_FALLOC,
    BLOCK_PREALLOC_FULL,
} BlockPrealloc;

/* @exact: the node has exactly this size after, else it may be rounded up. */
NODISCARD bool block_node_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                                 GError **err);

/* What a range is. Bits as qemu-img map shows them. */
typedef enum BlockStatusBits {
    BLOCK_STATUS_DATA = 1 << 0,      /* has bytes stored (here or below) */
    BLOCK_STATUS_ZERO = 1 << 1,      /* reads as zeros */
    BLOCK_STATUS_ALLOCATED = 1 << 2, /* decided by this node, not by its backing image */
    BLOCK_STATUS_OFFSET = 1 << 3,    /* .file and .offset say where the bytes lie */
    BLOCK_STATUS_COMPRESSED = 1 << 4,
    BLOCK_STATUS_EOF = 1 << 5, /* the range reaches the node's end */
} BlockStatusBits;

typedef struct BlockStatus {
    unsigned bits;
    uint64_t len;    /* from the offset asked for; at least 1, never beyond what was asked for */
    BlockNode *file; /* the node that holds the bytes, at the bottom */
    uint64_t offset; /* in it */
    unsigned depth;  /* 0: this node; 1: its backing image; ... */
} BlockStatus;

/* This node alone; then through backing images down to, without, @base (NULL: all). */
int block_node_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
int block_node_status_above(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len,
                            BlockStatus *out);

/* Nothing is under way, and nothing begins until block_node_undrain: for changes of the graph,
 * snapshots, resize. Nests. FIBER */
void block_node_drain(BlockNode *n);
void block_node_undrain(BlockNode *n);

/* ---- Changes of the graph: FIBER ---- */

/* A reference that moves along when its node is replaced: of a device, an export. */
typedef struct BlockHolder {
    BlockNode *node;
    struct BlockHolder *next;
    bool fixed;              /* stays with its node */
    const char *sole_writer; /* a device that shares writing with nobody: its name; else NULL */
    bool idle;               /* for who might come: the node counts as nobody's */
    bool owns; /* its reference is the user's who made the node: that stays when it moves on */
} BlockHolder;

void block_hold(BlockHolder *h, BlockNode *n);
void block_let_go(BlockHolder *h);
/* A device, job or export has it. */
bool block_node_is_held(const BlockNode *n);
/* The device that shares writing of @n with nobody; NULL. */
const char *block_node_sole_writer(const BlockNode *n);
/* Nobody but whoever made the node refers to it. */
bool block_node_is_alone(const BlockNode *n);
/* Its first parent that has it in @role (NULL: any); NULL. */
BlockNode *block_node_parent(const BlockNode *n, const char *role);
/* No holder has it, and no other parent. */
bool block_node_is_only_below(const BlockNode *n, const BlockNode *parent);
/* Lets go of a node that is alone, for whoever made it. */
void block_node_forget(BlockNode *n);
/* For one request now: waits while the node is drained, since it may be replaced meanwhile. */
/* NULL: it holds nothing. */
BlockNode *block_holder_node(BlockHolder *h);
/*
 * Every parent and holder of @from has @to instead, but what lies below @to (an overlay keeps its
 * backing image). Requests that waited go to the new one. Errors: sizes differ.
 */
NODISCARD bool block_node_replace(BlockNode *from, BlockNode *to, GError **err);

/* Who watches the writes, zeros and discards of a node: before they begin, in their fiber (may
 * yield), and after they have ended, whatever their result. Hooks may not be removed in a call. */
typedef struct BlockHook BlockHook;
struct BlockHook {
    void (*before)(BlockHook *h, uint64_t off, uint64_t len);
    void (*after)(BlockHook *h, uint64_t off, uint64_t len);
    BlockHook *next;
};
void block_hook_add(BlockNode *n, BlockHook *hook);
/* The node is drained, or has no requests. */
void block_hook_remove(BlockNode *n, BlockHook *hook);

/* ---- Breakpoints: of the first blkdebug at or below @n; 0 or -errno ---- */

/* The next request that does @event waits, under the name @tag. */
int block_debug_break(BlockNode *n, const char *event, const char *tag);
/* And what waits under that name goes on. */
int block_debug_remove_break(BlockNode *n, const char *tag);
int block_debug_resume(BlockNode *n, const char *tag);
bool block_debug_is_suspended(BlockNode *n, const char *tag);

/* ---- Images as a whole: FIBER ---- */

typedef struct BlockSnapshot {
    char *id, *name;
    uint64_t vm_state_size; /* bytes */
    uint64_t disk_size;     /* bytes; 0 where the image does not say */
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_ns;
    uint64_t icount; /* UINT64_MAX: not known */
} BlockSnapshot;

/* A format's findings, in the image's terms. */
typedef struct BlockCheck {
    uint64_t corruptions, leaks, errors; /* left after repair */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t image_end; /* bytes */
    uint64_t clusters, allocated, fragmented, compressed;
    /* A line for each finding, or NULL; progress in [0, 1]. */
    void (*say)(void *opaque, const char *line);
    void (*progress)(void *opaque, double done);
    void *opaque;
} BlockCheck;
/* A finding: to .say. */
void block_check_say(const BlockCheck *c, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
enum { BLOCK_FIX_LEAKS = 1, BLOCK_FIX_ERRORS = 2 };

typedef struct BlockMeasure {
    uint64_t required, fully_allocated;
    uint64_t bitmaps; /* UINT64_MAX: the format has none */
} BlockMeasure;

NODISCARD bool block_node_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err);
/* A new image by a format's (or, for files, protocol's) table of create options. */
NODISCARD bool block_image_create(BlockGraph *g, const BlockDriver *format, const char *filename,
                                  uint64_t size, Options *options, unsigned flags, GError **err);
/* Rewrites the header's names; NULL for none. The graph itself is unchanged. */
NODISCARD bool block_node_set_backing_name(BlockNode *n, const char *filename, const char *format,
                                           GError **err);
/* Puts @backing (or none) under @n in the graph. */
NODISCARD bool block_node_set_backing(BlockNode *n, BlockNode *backing, GError **err);
NODISCARD bool block_node_amend(BlockNode *n, Options *options, bool force, BlockCheck *progress,
                                GError **err);
NODISCARD bool block_snapshot_list(BlockNode *n, BlockSnapshot **list, unsigned *count,
                                   GError **err);
void block_snapshot_list_free(BlockSnapshot *list, unsigned count);
NODISCARD bool block_snapshot_create(BlockNode *n, BlockSnapshot *s, GError **err);
NODISCARD bool block_snapshot_apply(BlockNode *n, const char *id_or_name, GError **err);
NODISCARD bool block_snapshot_delete(BlockNode *n, const char *id_or_name, GError **err);
/* A read-only node shows the disk as it was at a snapshot from now on. */
NODISCARD bool block_snapshot_view(BlockNode *n, const char *id_or_name, GError **err);
/* The image has no data of its own any more: its backing image shows through. */
NODISCARD bool block_node_make_empty(BlockNode *n, GError **err);
/* The machine's state beside a snapshot (qcow2): bytes after the disk. */
int block_vmstate_write(BlockNode *n, uint64_t off, const void *buf, uint64_t len);
int block_vmstate_read(BlockNode *n, uint64_t off, void *buf, uint64_t len);
/* What was written since the last snapshot, or is left of one that was gone to, is not needed. */
int block_vmstate_discard(BlockNode *n);
/* Drains the node and lets block_vmstate_read see the state of a snapshot, in this fiber alone,
 * until block_vmstate_peek_end; the disk is not changed. */
NODISCARD bool block_vmstate_peek(BlockNode *n, const char *id, GError **err);
void block_vmstate_peek_end(BlockNode *n);
/* The node that a snapshot of @n is made in: below filters. NULL: it cannot have any, and *why (to
 * be freed) says the reason. */
BlockNode *block_snapshot_node(BlockNode *n, char **why);
/* As `qemu-img snapshot -l` lists them, with the line of headings. */
void block_snapshot_text(GString *out, const BlockSnapshot *list, unsigned n);

/*
 * What the format tells of itself (the "format-specific" part of qemu-img info): a dictionary
 * a{sv} in the order in which people read it, NULL for none. Lists are av, enums strings.
 */
GVariant *block_node_specific(BlockNode *n);
/* What its driver alone counts, likewise. */
GVariant *block_node_stats(BlockNode *n);
uint64_t block_node_cluster_size(const BlockNode *n); /* 0: none */
bool block_node_is_dirty(const BlockNode *n);         /* was not closed in order */
bool block_node_is_encrypted(const BlockNode *n);
uint64_t block_node_highest(const BlockNode *n); /* the end of the farthest write since opening */
/* The next write that ends beyond @mark is an event, once; 0: none. */
void block_node_set_threshold(BlockNode *n, uint64_t mark);
uint64_t block_node_threshold(const BlockNode *n);
bool block_node_keeps_bitmaps(BlockNode *n); /* persistent ones, in the image */

#endif
