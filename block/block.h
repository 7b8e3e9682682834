/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: what a device sees of an image. A BlockBackend is a backend of a machine
 * (machine_add_backend kind "drive"); one device at a time claims it.
 *
 * Requests are asynchronous: they run on the loop of the machine's block graph, in any order, and
 * end on its main loop with 0 or -errno. The memory of a request belongs to the backend until then.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "core/types.h"
#include "util/options.h"

#include <sys/uio.h>

typedef struct BlockBackend BlockBackend;

typedef enum BlockFlags {
    BLOCK_READ_ONLY = 1 << 0,
    BLOCK_UNSAFE = 1 << 1, /* flushes do nothing: cache=unsafe */
} BlockFlags;

enum { BLOCK_SECTOR = 512, BLOCK_ID_MAX = 128 };

/* 0, or -errno. */
typedef void BlockDoneFn(void *opaque, int result);

/*
 * Any image: @options as block_node_open takes them, and the disk's own limits as throttling.* (of
 * block/core/throttle.h; throttling.group, else the group of its id), @flags of BLOCK_OPEN_*
 * (block/core/node.h); or
 * a node that is open already. Owned by the caller. Context: LOOP_THREAD.
 */
BlockBackend *block_open_options(Machine *m, const char *id, Options *options, unsigned flags,
                                 GError **err);
BlockBackend *block_open_node(Machine *m, const char *id, const char *node_name, GError **err);
/* The machine's graph of nodes, on its loop's thread; made when first asked for. */
struct BlockGraph *block_machine_graph(Machine *m, GError **err);
struct BlockNode *block_backend_node(const BlockBackend *b);

/*
 * A raw image in a file or host block device. Errors: what could not be opened and why.
 * Owned by the caller. Context: LOOP_THREAD.
 */
BlockBackend *block_open(Machine *m, const char *id, const char *path, unsigned flags,
                         GError **err);
/* The same over a descriptor, which it takes over also when it fails. */
BlockBackend *block_open_fd(Machine *m, const char *id, int take_fd, unsigned flags, GError **err);
/* Waits for requests; those not ended yet end now. No device holds it any more (their machine may
 * be gone). LOOP_THREAD. */
void block_close(BlockBackend *b);

const char *block_id(const BlockBackend *b);
/* Its id is that of the node it was made of (-blockdev), which commands mean by that name: the
 * drive itself has none for them. */
bool block_is_nameless(const BlockBackend *b);
/* Raw because nothing else was found in it, and it may be written. */
bool block_is_guessed(const BlockBackend *b);
const char *block_path(const BlockBackend *b);
/* Bytes, a multiple of BLOCK_SECTOR: the rest of a last sector reads as zeros. */
uint64_t block_size(const BlockBackend *b);
/* Its node has another size than before. LOOP_THREAD, and no device of it is at work. */
void block_size_changed(BlockBackend *b);
bool block_is_read_only(const BlockBackend *b);

/* What is in a drive that no device has; the limits go with it. FIBER of the graph's loop. */
void block_eject(BlockBackend *b);
/* An empty one takes @n. */
void block_insert(BlockBackend *b, struct BlockNode *n);

/* Nothing is in it yet; without an id it is known by its device alone. */
BlockBackend *block_open_empty(Machine *m, const char *id, GError **err);

/* A device whose medium can be taken out while it has the drive. LOOP_THREAD, no lock. */
typedef struct BlockTray {
    /* Somebody wants it out; @force: the lock goes. */
    void (*request)(void *opaque, bool force);
    void (*move)(void *opaque, bool open);
    /* Another medium comes, in an open tray: from @begin until the end nothing reaches the drive.
     */
    void (*swap)(void *opaque, bool begin);
} BlockTray;
void block_set_tray(BlockBackend *b, const BlockTray *tray, void *opaque);
/* NULL: it keeps its medium. */
const BlockTray *block_tray(const BlockBackend *b, void **opaque);
/* The device tells how its tray is. ANY_THREAD */
void block_tray_is(BlockBackend *b, bool open, bool locked);
bool block_tray_is_open(const BlockBackend *b);
bool block_tray_is_locked(const BlockBackend *b);
/* block_claim of a drive that may be empty: what comes into it is for reading alone. */
NODISCARD bool block_claim_tray(BlockBackend *b, const void *owner, GError **err);

/* Errors: another device has it. */
NODISCARD bool block_claim(BlockBackend *b, const void *owner, GError **err);
void block_release(BlockBackend *b, const void *owner);
/* The owner lets other devices have the drive too; they then take a drive of their own of the same
 * node, by block_share (theirs to close; errors as of the first). */
void block_set_shared(BlockBackend *b, bool shared);
bool block_is_shared(const BlockBackend *b);
BlockBackend *block_share(BlockBackend *b, GError **err);

/*
 * Context of all: ANY_THREAD. The iovec array is copied. What lies outside of the image ends with
 * -EINVAL, writes to a read-only one with -EROFS; nothing is called before these return.
 */
void block_read(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                BlockDoneFn *done, void *opaque);
void block_write(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                 BlockDoneFn *done, void *opaque);
/* What has ended before is on stable storage after. */
void block_flush(BlockBackend *b, BlockDoneFn *done, void *opaque);
/* The content may be lost; where the host cannot, nothing happens. */
void block_discard(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done, void *opaque);
void block_write_zeroes(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done,
                        void *opaque);

/* Until no request touches memory or the image; completions may be still to come. ANY_THREAD. */
void block_wait(BlockBackend *b);
/* block_wait, and run the completions here and now. LOOP_THREAD. */
void block_drain(BlockBackend *b);
unsigned block_in_flight(BlockBackend *b);

/* ---- Threads of their own (docs/dev/block.md) ---- */

struct IoLoop;
typedef struct IoThread IoThread; /* a backend of the machine, kind "iothread" */

typedef struct BlockIothreadInfo {
    const char *id;
    int tid;
    uint64_t poll_max_ns, poll_grow, poll_shrink, batch;
} BlockIothreadInfo;

/* -object iothread; it is there until the machine ends, or it is freed. LOOP_THREAD
 * Errors: of options; it is there already; a disk has it. */
IoThread *block_iothread_new(Machine *m, Options *o, GError **err);
/* -object main-loop: aio-max-batch and the pool of threads of the block layer's own. LOOP_THREAD */
NODISCARD bool block_main_loop_set(Machine *m, Options *o, GError **err);
NODISCARD bool block_iothread_free(Machine *m, IoThread *t, GError **err);
BlockIothreadInfo block_iothread_info(const IoThread *t);
struct IoLoop *block_iothread_loop(const IoThread *t);
/* A device that has disks on it, or may have: it stays. LOOP_THREAD */
void block_iothread_use(IoThread *t, bool use);

/* What completions on another thread than the main loop run under: the device's lock. Whoever has
 * it may wait for requests that run on that thread, so the thread never waits for the lock. */
typedef struct BlockMonitor {
    bool (*try_enter)(void *opaque);
    void (*leave)(void *opaque);
} BlockMonitor;
/* On the thread, in a fiber: until it is in. */
void block_monitor_enter(const BlockMonitor *m, void *opaque);

/*
 * From now on requests run on @t where nothing speaks against it (else on the machine's block
 * thread), and completions of those that did not fail always do, within @monitor. NULL: the main
 * loop again; nothing of @b is under way on the thread any more. Ignored in a deterministic
 * machine. Context: LOOP_THREAD, without the device's lock.
 */
void block_set_iothread(BlockBackend *b, IoThread *t, const BlockMonitor *monitor, void *opaque);
/* NULL: none. LOOP_THREAD */
IoThread *block_iothread(const BlockBackend *b);
/* Do its requests run on its iothread now? */
bool block_is_away(BlockBackend *b);

/* ---- What it has done ---- */

enum { BLOCK_STAT_READ, BLOCK_STAT_WRITE, BLOCK_STAT_FLUSH, BLOCK_STAT_UNMAP, BLOCK_STATS };

/* How many requests took how long: n bounds in nanoseconds, ascending, make n + 1 bins. */
typedef struct BlockHistogram {
    unsigned n;
    uint64_t *bounds, *bins; /* NULL: none was asked for */
} BlockHistogram;

typedef struct BlockStats {
    struct {
        uint64_t bytes, requests, failed, invalid, time_ns;
        BlockHistogram histogram;
    } of[BLOCK_STATS];
    uint64_t last_ns; /* of CLOCK_MONOTONIC, when a request last ended; 0: never */
} BlockStats;

/* Requests count when they end. While no request is under way, or in a command (block_graph_run).
 */
const BlockStats *block_stats(const BlockBackend *b);
/* Begins anew; no bounds: ends it. False: they do not ascend. */
bool block_set_histogram(BlockBackend *b, unsigned kind, const uint64_t *bounds, unsigned n);
/* "ok", "nospace" or "failed": why requests are held; NULL: errors do not stop the machine. */
const char *block_io_status(const BlockBackend *b);
/* The device that has claimed it; NULL. */
const void *block_owner(const BlockBackend *b);
/* Of its node as it is now; the caller frees. Not on the graph's loop. */
char *block_current_node_name(BlockBackend *b);

/* ---- Limits ---- */

struct ThrottleConfig;
struct ThrottleGroup;
/* What the disk's requests wait for, with the others of the group; without limits it leaves its
 * group. FIBER of the graph's loop. Errors: what does not fit. */
NODISCARD bool block_set_limits(BlockBackend *b, const char *group,
                                const struct ThrottleConfig *limits, GError **err);
/* NULL: none. On the graph's loop. */
struct ThrottleGroup *block_limits(const BlockBackend *b);

/* ---- Errors: what -drive's rerror and werror say ---- */

typedef enum BlockErrorAction {
    BLOCK_ERROR_REPORT, /* the guest sees it */
    BLOCK_ERROR_IGNORE,
    BLOCK_ERROR_STOP,   /* the request is held, the machine is to pause */
    BLOCK_ERROR_ENOSPC, /* stop where the host has no space, else report */
} BlockErrorAction;

/* @error is a positive errno, @action what is done. LOOP_THREAD. */
typedef void BlockErrorFn(void *opaque, BlockBackend *b, bool write, int error,
                          BlockErrorAction action);
void block_on_error(BlockBackend *b, BlockErrorAction on_read, BlockErrorAction on_write,
                    BlockErrorFn *fn, void *opaque);
/* All of LOOP_THREAD. Held requests begin again (the machine goes on), or end with their error. */
void block_retry(BlockBackend *b);
void block_end_held(BlockBackend *b);
/* A device that can be reset meanwhile says which requests it still wants, and begins them again by
 * itself, in its own lock (block_retry leaves its drive alone); others end with their error. */
typedef bool BlockWantedFn(void *opaque);
void block_set_wanted(BlockBackend *b, BlockWantedFn *fn);
void block_retry_wanted(BlockBackend *b);
unsigned block_held(const BlockBackend *b);

#endif
