/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of disks share. */
#ifndef BLOCK_CORE_BACKEND_PRIV_H
#define BLOCK_CORE_BACKEND_PRIV_H

#include "block/block.h"
#include "block/core/core-priv.h"
#include "block/core/throttle.h"
#include "util/lock.h"

typedef enum BlockOp { OP_READ, OP_WRITE, OP_FLUSH, OP_DISCARD, OP_ZEROES } BlockOp;

/* The loop and graph of a machine; backends may outlive it. */
typedef struct BlockHost {
    gint refs;
    IoLoop *loop;
    BlockGraph *graph;
    GPtrArray *threads; /* of IoThread *; NULL: none. LOOP_THREAD */
} BlockHost;

typedef struct BlockRequest {
    BlockBackend *b;
    struct BlockRequest *next; /* of BlockBackend.ended or .held */
    BlockOp op;
    uint64_t offset, len;
    unsigned n_iov;
    BlockDoneFn *done;
    void *opaque;
    int result;
    uint64_t start_ns;
    struct iovec iov[];
} BlockRequest;

typedef struct BlockRequests {
    BlockRequest *first, **last;
} BlockRequests;

/* Where a backend's nodes are: whose thread alone touches them. */
typedef enum BackendWhere {
    WHERE_HOME,   /* the graph's loop */
    WHERE_GOING,  /* it still; requests wait, and when none is under way it will be AWAY */
    WHERE_AWAY,   /* the iothread's loop */
    WHERE_COMING, /* it still; requests wait, and when none is under way it is HOME */
} BackendWhere;

struct IoThread {
    char *id;
    IoLoop *loop;
    IoPolling polling;
    IoLimits limits;
    unsigned users; /* LOOP_THREAD */
};

struct BlockBackend {
    gint refs; /* the owner's, and one a job in virtual time */
    Machine *machine;
    BlockHost *host;
    BlockHolder *hold; /* moves along when the node is replaced */
    char *id, *path;
    uint64_t size;
    bool read_only, nameless, guessed;
    const void *owner;     /* LOOP_THREAD */
    bool shared;           /* its owner is not alone */
    const BlockTray *tray; /* LOOP_THREAD */
    void *tray_opaque;
    bool tray_open, tray_locked; /* atomic */
    BlockErrorAction on_read, on_write;
    BlockErrorFn *error_fn;
    void *error_opaque;
    BlockWantedFn *wanted;
    ThrottleGroup *limits; /* of the graph's loop */
    unsigned hurry;        /* atomic: who waits for all requests does not wait for limits */
    BlockStats stats GUARDED_BY(lock);
    const char *io_status;
    BlockRequests held; /* LOOP_THREAD: wait for block_retry after an error */
    Mutex lock;
    Cond idle;
    bool posted GUARDED_BY(lock);        /* backend_ended is on its way to the main loop */
    unsigned working GUARDED_BY(lock);   /* requests under way */
    unsigned in_flight GUARDED_BY(lock); /* those whose completion has not run */
    BlockRequests ended GUARDED_BY(lock);

    /* With an iothread (lease.c). */
    IoThread *thread; /* LOOP_THREAD */
    IoLoop *far GUARDED_BY(lock);
    const BlockMonitor *monitor; /* as long as `far` */
    void *monitor_opaque;
    BackendWhere where GUARDED_BY(lock);
    BlockRequests waiting GUARDED_BY(lock); /* until it is known where they run */
    BlockRequests ended_far GUARDED_BY(lock);
    bool far_posted GUARDED_BY(lock); /* backend_ended_far is on its way to `far` */
    unsigned since;                   /* of the graph's loop: requests since it tried to leave */
};

static inline void backend_list_add(BlockRequests *l, BlockRequest *r)
{
    r->next = NULL;
    if (!l->first) {
        l->last = &l->first;
    }
    *l->last = r;
    l->last = &r->next;
}

/* The machine's, made when first asked for. */
BlockHost *backend_host(Machine *m, GError **err);
/* On a loop: one request, from its beginning to its end. */
void backend_posted(void *request);
/* On the iothread's loop: completions of what has ended. */
void backend_ended_far(void *backend);

/* ---- lease.c ---- */

/* On the graph's loop, with no request of @b under way: away if nothing speaks against it. */
void lease_settle(BlockBackend *b);
/* On the graph's loop: those that may go do. */
void lease_grant(void *graph);
/* Waits until the graph's loop alone touches nodes, and keeps it so until lease_scatter. Nothing on
 * the graph's loop itself. */
void lease_gather(BlockGraph *g);
void lease_scatter(BlockGraph *g);

#endif
