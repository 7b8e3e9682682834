/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the loop share. */
#ifndef CORE_EVENT_IOLOOP_PRIV_H
#define CORE_EVENT_IOLOOP_PRIV_H

#include "core/event/ioloop.h"
#include "util/lock.h"

/* A function to run in a fiber, or a fiber that has waited. */
typedef struct IoItem {
    struct IoItem *next;
    FiberFn *fn; /* NULL: resume .fiber */
    void *arg;
    Fiber *fiber;
} IoItem;

typedef struct IoList {
    IoItem *first, **last;
} IoList;

/* On the stack of the fiber that waits for it. */
typedef struct IoJob {
    struct IoJob *next;
    FiberFn *fn;
    void *arg;
    IoLoop *loop;
    IoItem done;
} IoJob;

typedef struct IoTimer {
    uint64_t due_ns;
    unsigned at; /* in the heap, from 1; 0: not armed */
    bool fired;
    Fiber *fiber;
} IoTimer;

/* A wait for a descriptor, in the engine of threads. */
typedef struct IoPoll {
    struct IoPoll *next, **prev;
    int fd;
    short events, got;
    bool done;
    Fiber *fiber;
} IoPoll;

/* As many as make the copies of two processors; more wait for each other. */
enum { IO_HELPERS = 2 };

typedef struct IoPool {
    Mutex lock;
    Cond wake;
    IoJob *first GUARDED_BY(lock), **last GUARDED_BY(lock);
    unsigned idle GUARDED_BY(lock), queued GUARDED_BY(lock), n GUARDED_BY(lock);
    unsigned max GUARDED_BY(lock);
    bool stop GUARDED_BY(lock);
    pthread_t threads[IO_POOL_MAX];
} IoPool;

typedef struct IoUring IoUring;

struct IoLoop {
    char *name;
    IoUring *uring; /* NULL: the engine of threads */
    int event_fd;
    Mutex lock;
    IoList posted GUARDED_BY(lock); /* by other threads */
    bool notified GUARDED_BY(lock); /* event_fd was written since the last look */
    bool looking GUARDED_BY(lock);  /* it looks at `any_posted`, and needs no event */
    bool any_posted;                /* atomic */
    IoPolling polling GUARDED_BY(lock);
    bool polling_set; /* atomic */
    uint64_t look_ns; /* of its own thread: how long to look */
    IoPolling look;   /* likewise: the last `polling` */
    int tid;          /* atomic */
    IoList ready;     /* on its own thread */
    IoPoll *polls;
    unsigned n_polls;
    GPtrArray *timers; /* a heap of IoTimer *, from 1 */
    IoPool pool;
    IoPool helpers;                    /* where this thread is the program: iofile.c */
    unsigned writing, reading, paused; /* fibers that wait for them; that let others run */
    uint64_t batch;                    /* atomic; IoLimits */
    /* Writes done at once: not before this time (0: now), and how much in this round. */
    uint64_t at_once_ns, at_once_bytes;
    unsigned at_once_n;
    unsigned read_lately;             /* how many writes may have the helpers: not writes alone */
    unsigned read_misses, read_skips; /* reads that the page cache did not have; of the next ones */
    bool has_thread, has_helpers, stop;
    pthread_t thread;
};

void ioloop_list_add(IoList *list, IoItem *item);
/* ANY_THREAD. */
void ioloop_post_item(IoLoop *l, IoItem *item);
/* Wait for events up to @timeout_ns (UINT64_MAX: for ever) and run who waited for them. */
void ioloop_poll(IoLoop *l, uint64_t timeout_ns);
void ioloop_event_fd_clear(IoLoop *l);
uint64_t ioloop_now_ns(void);

void iopool_init(IoPool *p, unsigned max);
/* No job is left. */
void iopool_deinit(IoPool *p);
/* FIBER */
void iopool_run(IoLoop *l, FiberFn *fn, void *arg);
void iopool_run_in(IoLoop *l, IoPool *p, FiberFn *fn, void *arg);

/* The engine of io_uring; NULL where the host has none or forbids it. */
IoUring *iouring_new(IoLoop *l);
void iouring_free(IoUring *u);
void iouring_poll(IoLoop *l, uint64_t timeout_ns);
/* What was asked for goes to the kernel; has something ended? */
void iouring_submit(IoUring *u);
bool iouring_is_ready(IoUring *u);
bool iouring_is_waiting(IoUring *u); /* something is to be submitted */
bool iouring_is_busy(IoUring *u);    /* reads or writes are under way */
int iouring_rw(IoLoop *l, int fd, const struct iovec *iov, unsigned n, uint64_t off, bool write,
               bool fua);
int iouring_fdatasync(IoLoop *l, int fd);
int iouring_wait_fd(IoLoop *l, int fd, unsigned events, uint64_t timeout_ns);

#endif
