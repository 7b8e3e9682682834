/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop for input and output: fibers, io_uring with a pool of threads behind it, descriptors and
 * timers. Tools run one on their only thread; a machine has one or more on threads of their own
 * (the main loop stays a GMainContext). A loop belongs to no machine.
 */
#ifndef CORE_EVENT_IOLOOP_H
#define CORE_EVENT_IOLOOP_H

#include "util/error.h"
#include "util/fiber.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct IoLoop IoLoop;

/* How the file operations of a loop are done: io_uring where the host has it, else threads. */
typedef enum IoEngine { IO_ENGINE_AUTO, IO_ENGINE_URING, IO_ENGINE_THREADS } IoEngine;

/* Without a thread: runs inside ioloop_run. @name is for messages and thread names. */
IoLoop *ioloop_new(const char *name, IoEngine engine, GError **err);
/* With a thread of its own. */
IoLoop *ioloop_new_thread(const char *name, IoEngine engine, GError **err);
/* Nothing may be under way on it any more. Ends its thread. */
void ioloop_free(IoLoop *l);
const char *ioloop_name(const IoLoop *l);
/* "io_uring" or "threads". */
const char *ioloop_engine_name(const IoLoop *l);

/* Its thread's id, as the host numbers them; 0: it has none. */
int ioloop_tid(const IoLoop *l);

/*
 * Looking before sleeping: while waits turn out to be short, the loop looks for what comes for up
 * to @max_ns (0: never) instead of sleeping, since a wake-up costs more. The time grows by @grow
 * (0: doubles) when looking a little longer would have done, and shrinks by @shrink (0: to none)
 * after a long sleep. For loops with a thread. Context: ANY_THREAD.
 */
typedef struct IoPolling {
    uint64_t max_ns, grow, shrink;
} IoPolling;
void ioloop_set_polling(IoLoop *l, IoPolling p);

enum { IO_POOL_MAX = 64 };

/* @batch: requests that go to the kernel together at most (0: all of a round). The pool has at
 * least
 * @pool_min threads from now on, and begins none beyond @pool_max (1 to IO_POOL_MAX). ANY_THREAD */
typedef struct IoLimits {
    uint64_t batch;
    unsigned pool_min, pool_max;
} IoLimits;
void ioloop_set_limits(IoLoop *l, IoLimits limits);
/* Threads of the pool. ANY_THREAD */
unsigned ioloop_pool_size(IoLoop *l);

/* The loop of the running fiber (or of the thread, for one with a thread); NULL elsewhere. */
IoLoop *ioloop_self(void);

/* Run @fn on @l, in a fiber of its own, in the order of posting, and never before this returns.
 * Context: ANY_THREAD. */
void ioloop_post(IoLoop *l, FiberFn *fn, void *arg);
/*
 * Run @fn in a fiber of @l and return when it has ended. From another thread: waits. On a loop
 * without a thread and outside of any fiber: runs the loop until then. In a fiber of @l: calls.
 */
void ioloop_run(IoLoop *l, FiberFn *fn, void *arg);

/* ---- FIBER: each waits for its end, other fibers run meanwhile. 0 or -errno. ---- */

/* All bytes, or an error; a file's end reads as zeros. @direct: memory and range are aligned. */
int io_read(int fd, const struct iovec *iov, unsigned n, uint64_t off);
/* @fua: on stable storage when it ends (RWF_DSYNC). */
int io_write(int fd, const struct iovec *iov, unsigned n, uint64_t off, bool fua);
int io_fdatasync(int fd);
/* The same by an engine that the caller chose; io_engine_is_there says whether this loop has it. */
bool io_engine_is_there(IoEngine engine);
/* @cached: by the page cache. What it has is read at once on a loop that has no thread. */
int io_read_by(IoEngine engine, int fd, const struct iovec *iov, unsigned n, uint64_t off,
               bool cached);
/*
 * @cached: the bytes go to the page cache. That is a copy, done at once on the loop's thread while
 * it is quick: the kernel's workers, which io_uring gives such writes to, cost several times as
 * much. Where one has waited for the disk, the next ones are done elsewhere for some time.
 */
int io_write_by(IoEngine engine, int fd, const struct iovec *iov, unsigned n, uint64_t off,
                bool fua, bool cached);
int io_fdatasync_by(IoEngine engine, int fd);
int io_fallocate(int fd, int mode, uint64_t off, uint64_t len);
/* @fn on a thread of the pool: for what blocks or computes (compression, open, fsync, stat). */
void io_work(FiberFn *fn, void *arg);
void io_sleep_ns(uint64_t ns);
/* Until @fd has one of @events (POLLIN, POLLOUT) or an error; the events it has.
 * @timeout_ns 0: no limit; returns 0 when it has passed. */
int io_wait_fd(int fd, unsigned events, uint64_t timeout_ns);
/* Let the others run: for long loops. */
void io_pause(void);

#endif
