/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks on threads of their own (iothreads).
 *
 * Nodes are touched by one thread at a time and need no locks. At home that is the graph's loop,
 * where commands, jobs and exports run. What a disk stands on goes away to the loop of the disk's
 * iothread as long as nobody else has business with it: its requests then run there, beside those
 * of other disks. Nothing of a node at rest belongs to a loop (files are descriptors, fibers are
 * gone), so going and coming is to wait until no request is under way, and to send the next ones
 * elsewhere.
 *
 * - Who wants to run something on the graph's loop from outside gathers all disks first
 *   (block_graph_run), and scatters them after.
 * - What stays on the graph's loop for longer keeps disks at home: a job (BlockGraph.busy), an
 *   export (it holds the node), hooks, limits, drivers with fibers of their own (.stays).
 */
#include "block/core/backend-priv.h"
#include "core/event/loop.h"

#include <inttypes.h>

/* ---- May it go? On the graph's loop, under lease_lock ---- */

static void lease_add(GPtrArray *seen, BlockNode *n)
{
    if (!g_ptr_array_find(seen, n, NULL)) {
        g_ptr_array_add(seen, n);
    }
}

static bool lease_node_may(const BlockNode *n, const BlockHolder *mine, bool now)
{
    if (n->drv->stays || n->hooks || n->drained || (now && n->in_flight)) {
        return false;
    }
    for (const BlockHolder *h = n->holders; h; h = h->next) {
        if (h != mine && !h->idle) {
            return false;
        }
    }
    return true;
}

/* @now: also, nothing is under way. All that can be reached from its node has to agree. */
static bool lease_may(const BlockBackend *b, bool now)
{
    g_autoptr(GPtrArray) seen = g_ptr_array_new();

    if (!b->hold->node || b->limits || b->host->graph->busy) {
        return false;
    }
    g_ptr_array_add(seen, b->hold->node);
    for (unsigned i = 0; i < seen->len; i++) {
        const BlockNode *n = seen->pdata[i];

        if (!lease_node_may(n, b->hold, now)) {
            return false;
        }
        for (unsigned k = 0; k < n->children->len; k++) {
            lease_add(seen, g_array_index(n->children, BlockChild, k).node);
        }
        for (unsigned k = 0; k < n->parents->len; k++) {
            lease_add(seen, n->parents->pdata[k]);
        }
    }
    return true;
}

/* ---- Going and coming ---- */

/* It is known where they run now. Under the backend's lock. */
static void lease_start_waiting(BlockBackend *b)
{
    IoLoop *loop = b->where == WHERE_AWAY ? b->far : b->host->loop;
    BlockRequest *r = b->waiting.first, *next;

    b->waiting = (BlockRequests){ 0 };
    for (; r; r = next) {
        next = r->next;
        b->working++;
        ioloop_post(loop, backend_posted, r);
    }
    cond_broadcast(&b->idle);
}

static void lease_settle_locked(BlockBackend *b)
{
    BlockGraph *g = b->host->graph;
    bool away = !g->gathered && lease_may(b, true);

    mutex_lock(&b->lock);
    if (b->where == WHERE_GOING) {
        b->where = away && b->far ? WHERE_AWAY : WHERE_HOME;
        lease_start_waiting(b);
    }
    mutex_unlock(&b->lock);
}

void lease_settle(BlockBackend *b)
{
    BlockGraph *g = b->host->graph;

    mutex_lock(&g->lease_lock);
    lease_settle_locked(b);
    mutex_unlock(&g->lease_lock);
}

void lease_grant(void *graph)
{
    BlockGraph *g = graph;

    mutex_lock(&g->lease_lock);
    for (unsigned i = 0; !g->gathered && i < g->leases->len; i++) {
        BlockBackend *b = g->leases->pdata[i];
        bool settle = false;

        if (!lease_may(b, false)) {
            continue;
        }
        mutex_lock(&b->lock);
        if (b->where == WHERE_HOME) {
            b->where = WHERE_GOING;
            settle = !b->working;
        }
        mutex_unlock(&b->lock);
        if (settle) {
            lease_settle_locked(b);
        }
    }
    mutex_unlock(&g->lease_lock);
}

/* Its requests end on the iothread, whatever lock the caller holds. */
static void lease_await(BlockBackend *b)
{
    mutex_lock(&b->lock);
    while (b->where == WHERE_COMING && b->working) {
        cond_wait(&b->idle, &b->lock);
    }
    if (b->where == WHERE_COMING) {
        b->where = WHERE_HOME;
        lease_start_waiting(b);
    }
    mutex_unlock(&b->lock);
}

void lease_gather(BlockGraph *g)
{
    if (ioloop_self() == g->loop) {
        return;
    }
    mutex_lock(&g->lease_lock);
    g->gathered++;
    for (unsigned i = 0; i < g->leases->len; i++) { /* all begin to, then wait */
        BlockBackend *b = g->leases->pdata[i];

        mutex_lock(&b->lock);
        if (b->where == WHERE_AWAY) {
            b->where = WHERE_COMING;
        }
        mutex_unlock(&b->lock);
    }
    for (unsigned i = 0; i < g->leases->len; i++) {
        lease_await(g->leases->pdata[i]);
    }
    mutex_unlock(&g->lease_lock);
}

void lease_scatter(BlockGraph *g)
{
    if (ioloop_self() == g->loop) {
        return;
    }
    mutex_lock(&g->lease_lock);
    CHECK(g->gathered);
    if (!--g->gathered && g->leases->len) {
        ioloop_post(g->loop, lease_grant, g);
    }
    mutex_unlock(&g->lease_lock);
}

void block_graph_gather(BlockGraph *g)
{
    lease_gather(g);
}

void block_graph_scatter(BlockGraph *g)
{
    lease_scatter(g);
}

void block_graph_run(BlockGraph *g, FiberFn *fn, void *arg)
{
    lease_gather(g);
    ioloop_run(g->loop, fn, arg);
    lease_scatter(g);
}

void block_graph_set_busy(BlockGraph *g, bool busy)
{
    CHECK(busy || g->busy);
    g->busy += busy ? 1 : -1;
    mutex_lock(&g->lease_lock);
    if (!g->busy && g->leases->len) {
        ioloop_post(g->loop, lease_grant, g);
    }
    mutex_unlock(&g->lease_lock);
}

/* ---- Iothreads ---- */

static void lease_nothing(void *arg)
{
}

/* Where it was last: nothing of it is under way there any more. */
static void lease_leave(BlockBackend *b)
{
    IoLoop *far = b->thread->loop;

    mutex_lock(&b->lock);
    b->far = NULL;
    while (b->far_posted) {
        cond_wait(&b->idle, &b->lock);
    }
    mutex_unlock(&b->lock);
    mutex_lock(&b->host->graph->lease_lock);
    g_ptr_array_remove(b->host->graph->leases, b);
    mutex_unlock(&b->host->graph->lease_lock);
    ioloop_run(far, lease_nothing, NULL); /* completions are out of the device's lock */
    b->thread->users--;
    b->thread = NULL;
}

void block_set_iothread(BlockBackend *b, IoThread *t, const BlockMonitor *monitor, void *opaque)
{
    BlockGraph *g = b->host->graph;

    if (loop_is_ordered(b->machine) || t == b->thread) {
        return;
    }
    lease_gather(g);
    if (b->thread) {
        lease_leave(b);
    }
    if (t) {
        b->thread = t;
        t->users++;
        b->monitor = monitor;
        b->monitor_opaque = opaque;
        mutex_lock(&b->lock);
        b->far = t->loop;
        mutex_unlock(&b->lock);
        mutex_lock(&g->lease_lock);
        g_ptr_array_add(g->leases, b);
        mutex_unlock(&g->lease_lock);
    }
    lease_scatter(g);
}

bool block_is_away(BlockBackend *b)
{
    bool away;

    mutex_lock(&b->lock);
    away = b->where == WHERE_AWAY;
    mutex_unlock(&b->lock);
    return away;
}

IoThread *block_iothread(const BlockBackend *b)
{
    return b->thread;
}

static void iothread_free(void *p)
{
    IoThread *t = p;

    if (t->loop) {
        ioloop_free(t->loop);
    }
    g_free(t->id);
    g_free(t);
}

static bool iothread_limits(IoLimits *l, Options *o, GError **err)
{
    uint64_t min, max;

    if (!options_get_number(o, "aio-max-batch", 0, &l->batch, err) ||
        !options_get_number(o, "thread-pool-min", 0, &min, err) ||
        !options_get_number(o, "thread-pool-max", IO_POOL_MAX, &max, err)) {
        return false;
    }
    if (max < 1 || max > IO_POOL_MAX || min > max) {
        return error_set(err,
                         "thread-pool-min=%" PRIu64 ", thread-pool-max=%" PRIu64
                         ": the latter is 1 to %d, the former not more",
                         min, max, IO_POOL_MAX);
    }
    l->pool_min = (unsigned)min;
    l->pool_max = (unsigned)max;
    return true;
}

static bool iothread_parse(IoThread *t, Options *o, GError **err)
{
    return options_get_number(o, "poll-max-ns", 32768, &t->polling.max_ns, err) &&
           options_get_number(o, "poll-grow", 0, &t->polling.grow, err) &&
           options_get_number(o, "poll-shrink", 0, &t->polling.shrink, err) &&
           iothread_limits(&t->limits, o, err);
}

bool block_main_loop_set(Machine *m, Options *o, GError **err)
{
    static const char *const known[] = { "qom-type", "id", "aio-max-batch", "thread-pool-min",
                                         "thread-pool-max" };
    BlockHost *h = backend_host(m, err);
    IoLimits limits;

    (void)options_get(o, "qom-type");
    if (!h) {
        return false;
    }
    if (!options_get(o, "id")) {
        return error_set(err, "Parameter 'id' is missing");
    }
    if (!iothread_limits(&limits, o, err) ||
        !options_all_used(o, known, G_N_ELEMENTS(known), err)) {
        return false;
    }
    ioloop_set_limits(h->loop, limits);
    return true;
}

IoThread *block_iothread_new(Machine *m, Options *o, GError **err)
{
    static const char *const known[] = { "qom-type",        "id",
                                         "poll-max-ns",     "poll-grow",
                                         "poll-shrink",     "aio-max-batch",
                                         "thread-pool-min", "thread-pool-max" };
    const char *id = options_get(o, "id");
    BlockHost *h = id ? backend_host(m, err) : NULL;
    IoThread *t;

    (void)options_get(o, "qom-type");
    if (!h) {
        (void)(id || error_set(err, "Parameter 'id' is missing"));
        return NULL;
    }
    t = g_new0(IoThread, 1);
    t->id = g_strdup(id);
    if (!iothread_parse(t, o, err) || !options_all_used(o, known, G_N_ELEMENTS(known), err) ||
        !(t->loop = ioloop_new_thread("iothread", IO_ENGINE_AUTO, err))) {
        iothread_free(t);
        return NULL;
    }
    ioloop_set_polling(t->loop, t->polling);
    ioloop_set_limits(t->loop, t->limits);
    if (!h->threads) {
        h->threads = g_ptr_array_new_with_free_func(iothread_free);
    }
    g_ptr_array_add(h->threads, t);
    return t;
}

bool block_iothread_free(Machine *m, IoThread *t, GError **err)
{
    BlockHost *h = backend_host(m, err);

    if (t->users) {
        return error_set(err, "object '%s' is in use, can not be deleted", t->id);
    }
    return h && g_ptr_array_remove(h->threads, t);
}

BlockIothreadInfo block_iothread_info(const IoThread *t)
{
    return (BlockIothreadInfo){ t->id,           ioloop_tid(t->loop), t->polling.max_ns,
                                t->polling.grow, t->polling.shrink,   t->limits.batch };
}

void block_iothread_use(IoThread *t, bool use)
{
    CHECK(use || t->users);
    t->users += use ? 1 : -1;
}

IoLoop *block_iothread_loop(const IoThread *t)
{
    return t->loop;
}
