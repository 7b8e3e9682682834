/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks as devices see them, over nodes. A machine's graph runs on a loop with a thread of its own;
 * requests are posted there, and end on the machine's main loop.
 */
#include "block/core/backend-priv.h"
#include "core/event/loop.h"
#include "util/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- The graph of a machine ---- */

static void backend_host_unref(void *p)
{
    BlockHost *h = p;

    if (g_atomic_int_dec_and_test(&h->refs)) {
        if (h->graph) {
            block_graph_free(h->graph);
        }
        if (h->loop) {
            ioloop_free(h->loop);
        }
        if (h->threads) {
            g_ptr_array_unref(h->threads);
        }
        g_free(h);
    }
}

BlockHost *backend_host(Machine *m, GError **err)
{
    BlockHost *h = loop_kept(m);

    if (h) {
        return h;
    }
    h = g_new0(BlockHost, 1);
    h->refs = 1;
    h->loop = ioloop_new_thread("block", IO_ENGINE_AUTO, err);
    if (!h->loop) {
        backend_host_unref(h);
        return NULL;
    }
    h->graph = block_graph_new(h->loop);
    block_graph_set_fdsets(h->graph, machine_fdsets(m));
    loop_keep(m, h, backend_host_unref);
    return h;
}

BlockGraph *block_machine_graph(Machine *m, GError **err)
{
    BlockHost *h = backend_host(m, err);

    return h ? h->graph : NULL;
}

/* ---- Requests, on the graph's loop ---- */

/* The rest of a last sector that the image has not wholly. */
static int backend_read(BlockRequest *r)
{
    return block_read_padded(block_holder_node(r->b->hold), r->offset, r->iov, r->n_iov, 0);
}

static bool backend_hurry(void *opaque)
{
    const BlockBackend *b = opaque;

    return __atomic_load_n(&b->hurry, __ATOMIC_ACQUIRE) || !b->limits;
}

static int backend_do(BlockRequest *r)
{
    BlockNode *n;

    if (r->b->limits && r->op != OP_FLUSH) {
        throttle_enter(r->b->host->graph, r->b->limits, r->op != OP_READ, r->len, backend_hurry,
                       r->b);
    }
    n = block_holder_node(r->b->hold);
    if (!n) {
        return -ENOMEDIUM;
    }
    switch (r->op) {
    case OP_READ:
        return backend_read(r);
    case OP_WRITE:
        return block_node_writev(n, r->offset, r->iov, r->n_iov, 0);
    case OP_FLUSH:
        return block_node_flush(n);
    case OP_DISCARD:
        return block_node_discard(n, r->offset, r->len);
    case OP_ZEROES:
        return block_node_write_zeroes(n, r->offset, r->len, BLOCK_REQ_UNMAP);
    }
    return -EINVAL;
}

static void backend_fiber(void *arg)
{
    BlockRequest *r = arg;

    if (!r->result) {
        r->result = backend_do(r);
    }
}

/* ---- Completion, on the main loop ---- */

/* True: it is held until somebody tries it again. */
static bool backend_error(BlockBackend *b, BlockRequest *r)
{
    BlockErrorAction a = r->op == OP_READ ? b->on_read : b->on_write;

    if (a == BLOCK_ERROR_ENOSPC) {
        a = r->result == -ENOSPC ? BLOCK_ERROR_STOP : BLOCK_ERROR_REPORT;
    }
    if (b->error_fn) {
        b->error_fn(b->error_opaque, b, r->op != OP_READ, -r->result, a);
    }
    if (a == BLOCK_ERROR_IGNORE) {
        r->result = 0;
    }
    if (a == BLOCK_ERROR_STOP) {
        b->io_status = r->result == -ENOSPC ? "nospace" : "failed";
    }
    return a == BLOCK_ERROR_STOP;
}

static uint64_t backend_now_ns(void)
{
    return (uint64_t)g_get_monotonic_time() * 1000;
}

/* Under the lock. */
static void backend_count(BlockBackend *b, const BlockRequest *r)
{
    unsigned kind = r->op == OP_READ      ? BLOCK_STAT_READ
                    : r->op == OP_FLUSH   ? BLOCK_STAT_FLUSH
                    : r->op == OP_DISCARD ? BLOCK_STAT_UNMAP
                                          : BLOCK_STAT_WRITE;
    uint64_t now = backend_now_ns(), took = now - r->start_ns;
    BlockHistogram *h = &b->stats.of[kind].histogram;
    unsigned bin = 0;

    b->stats.last_ns = now;
    if (r->result == -EINVAL || r->result == -EROFS) {
        b->stats.of[kind].invalid++;
        return;
    }
    b->stats.of[kind].time_ns += took;
    if (r->result) {
        b->stats.of[kind].failed++;
        return;
    }
    b->stats.of[kind].requests++;
    b->stats.of[kind].bytes += r->len;
    while (bin < h->n && took >= h->bounds[bin]) {
        bin++;
    }
    if (h->bins) {
        h->bins[bin]++;
    }
}

/* A request whose error somebody else decides of. */
static bool backend_is_error(const BlockRequest *r)
{
    return r->result < 0 && r->result != -EINVAL && r->result != -EROFS;
}

static BlockRequest *backend_list_take(BlockRequests *l)
{
    BlockRequest *r = l->first;

    if (r) {
        l->first = r->next;
    }
    return r;
}

static void backend_complete_all(BlockBackend *b)
{
    BlockRequest *r;

    mutex_lock(&b->lock);
    while ((r = backend_list_take(&b->ended)) || (r = backend_list_take(&b->ended_far))) {
        b->in_flight--;
        mutex_unlock(&b->lock);
        if (backend_is_error(r) && backend_error(b, r)) {
            backend_list_add(&b->held, r);
        } else {
            r->done(r->opaque, r->result);
            g_free(r);
        }
        mutex_lock(&b->lock);
    }
    mutex_unlock(&b->lock);
}

void block_monitor_enter(const BlockMonitor *m, void *opaque)
{
    enum { TRIES = 16, LATER_NS = 20000 };

    for (unsigned i = 0; !m->try_enter(opaque); i++) {
        if (i < TRIES) {
            io_pause();
        } else {
            io_sleep_ns(LATER_NS);
        }
    }
}

/* The device's lock is taken before a request is: who has it may complete the rest himself. */
void backend_ended_far(void *arg)
{
    BlockBackend *b = arg;
    const BlockMonitor *monitor = b->monitor;
    void *opaque = b->monitor_opaque;
    BlockRequest *r;

    block_monitor_enter(monitor, opaque);
    mutex_lock(&b->lock);
    while ((r = backend_list_take(&b->ended_far))) {
        mutex_unlock(&b->lock);
        r->done(r->opaque, r->result);
        g_free(r);
        mutex_lock(&b->lock);
        b->in_flight--;
    }
    b->far_posted = false;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
    monitor->leave(opaque);
}

static void backend_ended(void *arg)
{
    BlockBackend *b = arg;

    mutex_lock(&b->lock);
    b->posted = false;
    mutex_unlock(&b->lock);
    backend_complete_all(b);
}

enum { BACKEND_RETRY = 256 }; /* requests between two looks whether its nodes may go away */

void backend_posted(void *arg)
{
    BlockRequest *r = arg;
    BlockBackend *b = r->b;
    Machine *m = b->machine;
    bool settle, grant;

    backend_fiber(r);
    mutex_lock(&b->lock);
    backend_count(b, r);
    grant = b->where == WHERE_HOME && b->far && ++b->since % BACKEND_RETRY == 0;
    mutex_unlock(&b->lock);
    if (grant) {
        lease_grant(b->host->graph);
    }
    mutex_lock(&b->lock);
    settle = b->where == WHERE_GOING && b->working == 1; /* by this very grant, too */
    mutex_unlock(&b->lock);
    if (settle) {
        lease_settle(b);
    }
    mutex_lock(&b->lock);
    /* Posted before anybody who waits may free the backend. */
    if (b->far && !backend_is_error(r)) {
        backend_list_add(&b->ended_far, r);
        if (!b->far_posted) {
            b->far_posted = true;
            ioloop_post(b->far, backend_ended_far, b);
        }
    } else {
        backend_list_add(&b->ended, r);
        if (!b->posted) {
            b->posted = true;
            loop_post(m, backend_ended, b);
        }
    }
    b->working--;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
    loop_release(m);
}

/* ---- In a deterministic machine: done at once, ended at a moment of virtual time ---- */

/* The request itself may have ended, and be gone, in a drain. */
typedef struct BackendJob {
    BlockBackend *b;
    BlockRequest *r;
} BackendJob;

static void backend_job_work(void *arg)
{
    BackendJob *job = arg;
    BlockBackend *b = job->b;

    ioloop_run(b->host->loop, backend_fiber, job->r);
    mutex_lock(&b->lock);
    backend_count(b, job->r);
    backend_list_add(&b->ended, job->r);
    b->working--;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
}

static void backend_unref(BlockBackend *b);

static void backend_job_done(void *arg)
{
    BackendJob *job = arg;

    backend_complete_all(job->b);
    backend_unref(job->b);
    g_free(job);
}

/* ---- Submitting ---- */

static void backend_start(BlockRequest *r)
{
    BlockBackend *b = r->b;
    bool ordered = loop_is_ordered(b->machine), wait;
    IoLoop *loop;

    r->start_ns = backend_now_ns();
    if (!ordered) {
        loop_hold(b->machine);
    }
    mutex_lock(&b->lock);
    b->in_flight++;
    wait = b->where == WHERE_GOING || b->where == WHERE_COMING;
    loop = b->where == WHERE_AWAY ? b->far : b->host->loop;
    if (wait) {
        backend_list_add(&b->waiting, r);
    } else {
        b->working++;
    }
    mutex_unlock(&b->lock);
    if (wait) {
        return;
    }
    if (ordered) {
        BackendJob *job = g_new(BackendJob, 1);

        *job = (BackendJob){ b, r };
        g_atomic_int_inc(&b->refs);
        loop_work(b->machine, backend_job_work, backend_job_done, job);
    } else {
        ioloop_post(loop, backend_posted, r);
    }
}

static void backend_submit(BlockBackend *b, BlockOp op, uint64_t offset, uint64_t len,
                           const struct iovec *iov, unsigned n, BlockDoneFn *done, void *opaque)
{
    BlockRequest *r = g_malloc(sizeof(*r) + n * sizeof(*iov));

    *r = (BlockRequest){ .b = b, .op = op, .offset = offset, .len = len };
    r->done = done;
    r->opaque = opaque;
    r->n_iov = n;
    if (n) {
        memcpy(r->iov, iov, n * sizeof(*iov));
        r->len = iov_length(iov, n); /* the lengths of a guest: UINT64_MAX if they wrap */
    }
    if (op != OP_FLUSH && (offset > b->size || r->len > b->size - offset)) {
        r->result = -EINVAL;
    }
    if (op != OP_FLUSH && op != OP_READ && b->read_only) {
        r->result = -EROFS;
    }
    backend_start(r);
}

void block_read(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                BlockDoneFn *done, void *opaque)
{
    backend_submit(b, OP_READ, offset, 0, iov, n, done, opaque);
}

void block_write(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                 BlockDoneFn *done, void *opaque)
{
    backend_submit(b, OP_WRITE, offset, 0, iov, n, done, opaque);
}

void block_flush(BlockBackend *b, BlockDoneFn *done, void *opaque)
{
    backend_submit(b, OP_FLUSH, 0, 0, NULL, 0, done, opaque);
}

void block_discard(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done, void *opaque)
{
    backend_submit(b, OP_DISCARD, offset, len, NULL, 0, done, opaque);
}

void block_write_zeroes(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done,
                        void *opaque)
{
    backend_submit(b, OP_ZEROES, offset, len, NULL, 0, done, opaque);
}

/* ---- Waiting ---- */

void block_wait(BlockBackend *b)
{
    __atomic_add_fetch(&b->hurry, 1, __ATOMIC_RELEASE);
    mutex_lock(&b->lock);
    while (b->working || b->waiting.first) {
        cond_wait(&b->idle, &b->lock);
    }
    mutex_unlock(&b->lock);
    __atomic_sub_fetch(&b->hurry, 1, __ATOMIC_RELEASE);
}

/* Completions under way on an iothread. */
static void backend_wait_far(BlockBackend *b)
{
    mutex_lock(&b->lock);
    while (b->in_flight && !b->working && !b->waiting.first && !b->ended.first &&
           !b->ended_far.first) {
        cond_wait(&b->idle, &b->lock);
    }
    mutex_unlock(&b->lock);
}

void block_drain(BlockBackend *b)
{
    do {
        block_wait(b);
        backend_complete_all(b);
        backend_wait_far(b);
    } while (block_in_flight(b));
    mutex_lock(&b->lock);
    if (b->posted) { /* it has nothing left to do, and the backend may go */
        loop_unpost(b->machine, backend_ended, b);
        b->posted = false;
    }
    mutex_unlock(&b->lock);
}

unsigned block_in_flight(BlockBackend *b)
{
    unsigned n;

    mutex_lock(&b->lock);
    n = b->in_flight;
    mutex_unlock(&b->lock);
    return n;
}

/* ---- Requests held after an error ---- */

static BlockRequest *backend_take_held(BlockBackend *b)
{
    BlockRequest *r = b->held.first;

    b->held = (BlockRequests){ 0 };
    return r;
}

static void backend_retry(BlockBackend *b, BlockWantedFn *wanted)
{
    for (BlockRequest *r = backend_take_held(b), *next; r; r = next) {
        next = r->next;
        if (!wanted || wanted(r->opaque)) {
            r->result = 0;
            backend_start(r);
        } else {
            r->done(r->opaque, r->result);
            g_free(r);
        }
    }
}

void block_retry(BlockBackend *b)
{
    b->io_status = "ok";
    if (!b->wanted) {
        backend_retry(b, NULL);
    }
}

void block_set_wanted(BlockBackend *b, BlockWantedFn *fn)
{
    b->wanted = fn;
}

void block_retry_wanted(BlockBackend *b)
{
    backend_retry(b, b->wanted);
}

void block_end_held(BlockBackend *b)
{
    for (BlockRequest *r = backend_take_held(b), *next; r; r = next) {
        next = r->next;
        r->done(r->opaque, r->result);
        g_free(r);
    }
}

unsigned block_held(const BlockBackend *b)
{
    unsigned n = 0;

    for (const BlockRequest *r = b->held.first; r; r = r->next) {
        n++;
    }
    return n;
}

void block_on_error(BlockBackend *b, BlockErrorAction on_read, BlockErrorAction on_write,
                    BlockErrorFn *fn, void *opaque)
{
    b->on_read = on_read;
    b->on_write = on_write;
    b->error_fn = fn;
    b->error_opaque = opaque;
}

/* ---- Opening ---- */

typedef struct BackendOpen {
    BlockHost *host;
    Options *options;
    const char *node_name;
    unsigned flags;
    BlockNode *node;
    BlockHolder *hold;
    const char *id;
    ThrottleGroup *limits;
    GError *err;
} BackendOpen;

/* The group, which is left where limits are taken off. */
static bool backend_limits(BlockGraph *g, ThrottleGroup **limits, const char *name,
                           const ThrottleConfig *c, GError **err)
{
    ThrottleGroup *t = NULL, *old = *limits;

    if (!throttle_config_check(c, err)) {
        return false;
    }
    if (throttle_config_any(c)) {
        t = throttle_join(g, name);
        if (!throttle_set(t, c, err)) {
            throttle_leave(g, t);
            return false;
        }
    }
    *limits = t;
    if (old) {
        throttle_leave(g, old);
    }
    return true;
}

/* throttling.*; a group alone has limits from who was there first. */
static bool backend_open_limits(BackendOpen *o)
{
    const char *group = options_get(o->options, "throttling.group");
    ThrottleGroup *there = group ? throttle_find(o->host->graph, group) : NULL;
    ThrottleConfig c;

    if (there) {
        c = *throttle_config(there);
    } else {
        throttle_config_init(&c);
    }
    return throttle_config_parse(&c, o->options, "throttling.", &o->err) &&
           backend_limits(o->host->graph, &o->limits, group ? group : o->id, &c, &o->err);
}

static void backend_open_here(BackendOpen *o)
{
    if (o->options && !backend_open_limits(o)) {
        return;
    }
    if (!o->node_name && (o->flags & BLOCK_OPEN_SNAPSHOT)) {
        unsigned flags = o->flags & ~(unsigned)(BLOCK_OPEN_SNAPSHOT | BLOCK_OPEN_WRITE);

        o->node = block_node_open(o->host->graph, o->options, flags, &o->err);
        if (o->node) {
            o->node = block_node_overlay(o->host->graph, o->node, flags, &o->err);
        }
        return;
    }
    if (!o->node_name) {
        o->node = block_node_open(o->host->graph, o->options, o->flags, &o->err);
        return;
    }
    o->node = block_graph_find(o->host->graph, o->node_name);
    if (o->node) {
        block_node_ref(o->node);
        if (!block_node_want_write(o->node, &o->err)) {
            block_node_unref(o->node);
            o->node = NULL;
        }
    } else {
        error_set(&o->err, "there is no node with node-name=%s", o->node_name);
    }
}

static void backend_open_fiber(void *arg)
{
    BackendOpen *o = arg;

    backend_open_here(o);
    if (o->node) {
        o->hold = g_new0(BlockHolder, 1);
        block_hold(o->hold, o->node);
        block_node_unref(o->node);
    } else if (o->limits) {
        throttle_leave(o->host->graph, o->limits);
    }
}

static void backend_close_fiber(void *arg)
{
    BlockBackend *b = arg;

    if (b->limits) {
        throttle_leave(b->host->graph, b->limits);
    }
    block_let_go(b->hold);
    g_free(b->hold);
}

static BlockBackend *backend_alloc(Machine *m, const char *id, const BackendOpen *o)
{
    BlockBackend *b = g_new0(BlockBackend, 1);

    b->refs = 1;
    b->machine = m;
    b->host = o->host;
    g_atomic_int_inc(&b->host->refs);
    b->hold = o->hold;
    b->limits = o->limits;
    b->id = g_strdup(id);
    mutex_init(&b->lock);
    cond_init(&b->idle);
    return b;
}

BlockBackend *block_open_empty(Machine *m, const char *id, GError **err)
{
    BackendOpen o = { .host = backend_host(m, err) };
    BlockBackend *b;

    if (!o.host) {
        return NULL;
    }
    o.hold = g_new0(BlockHolder, 1);
    b = backend_alloc(m, id, &o);
    if (!id) {
        b->id = g_strdup_printf("#empty%p", (void *)b);
        b->nameless = true;
    }
    return b;
}

static BlockBackend *backend_new(Machine *m, const char *id, BackendOpen *o, GError **err)
{
    BlockBackend *b;

    o->host = backend_host(m, err);
    if (!o->host) {
        return NULL;
    }
    o->id = id;
    block_graph_run(o->host->graph, backend_open_fiber, o);
    if (!o->node) {
        g_propagate_prefixed_error(err, o->err, "drive '%s': ", id);
        return NULL;
    }
    b = backend_alloc(m, id, o);
    b->path = g_strdup(block_node_filename(o->node));
    b->size = bits_align_up(block_node_size(o->node), BLOCK_SECTOR);
    b->read_only = block_node_is_read_only(o->node);
    b->guessed = !b->read_only && block_node_flags(o->node) & BLOCK_OPEN_PROBED;
    b->nameless = !strcmp(id, block_node_name(o->node));
    b->hold->idle = b->nameless; /* until a device claims it */
    b->hold->owns = b->nameless && !o->node_name;
    if (b->size > block_node_size(o->node) && !block_maps(o->node)) {
        o->node->grows = true; /* writes fill the last sector */
    }
    return b;
}

BlockBackend *block_open_options(Machine *m, const char *id, Options *options, unsigned flags,
                                 GError **err)
{
    BackendOpen o = { .options = options, .flags = flags };

    return backend_new(m, id, &o, err);
}

BlockBackend *block_open_node(Machine *m, const char *id, const char *node_name, GError **err)
{
    BackendOpen o = { .node_name = node_name };

    return backend_new(m, id, &o, err);
}

static BlockBackend *backend_open_raw(Machine *m, const char *id, const char *path, unsigned flags,
                                      unsigned open_flags, GError **err)
{
    Options o = { 0 };
    BlockBackend *b;

    options_add(&o, "driver", "raw");
    options_add(&o, "filename", path);
    open_flags |= flags & BLOCK_READ_ONLY ? 0 : BLOCK_OPEN_WRITE;
    open_flags |= flags & BLOCK_UNSAFE ? BLOCK_OPEN_UNSAFE : 0;
    b = block_open_options(m, id, &o, open_flags | BLOCK_OPEN_DISCARD, err);
    options_deinit(&o);
    return b;
}

BlockBackend *block_open(Machine *m, const char *id, const char *path, unsigned flags, GError **err)
{
    return backend_open_raw(m, id, path, flags, 0, err);
}

/* Who has the descriptor has agreed with others already. */
BlockBackend *block_open_fd(Machine *m, const char *id, int take_fd, unsigned flags, GError **err)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", take_fd);
    BlockBackend *b = backend_open_raw(m, id, path, flags, BLOCK_OPEN_LOCK_OFF, err);

    close(take_fd);
    return b;
}

static void backend_unref(BlockBackend *b)
{
    if (g_atomic_int_dec_and_test(&b->refs)) {
        mutex_deinit(&b->lock);
        cond_deinit(&b->idle);
        for (unsigned i = 0; i < BLOCK_STATS; i++) {
            g_free(b->stats.of[i].histogram.bounds);
            g_free(b->stats.of[i].histogram.bins);
        }
        g_free(b->id);
        g_free(b->path);
        g_free(b);
    }
}

void block_close(BlockBackend *b)
{
    if (block_in_flight(b)) {
        block_drain(b);
    }
    block_end_held(b);
    block_graph_run(b->host->graph, backend_close_fiber, b);
    backend_host_unref(b->host);
    backend_unref(b);
}

const char *block_id(const BlockBackend *b)
{
    return b->id;
}

bool block_is_guessed(const BlockBackend *b)
{
    return b->guessed;
}

bool block_is_nameless(const BlockBackend *b)
{
    return b->nameless;
}

const char *block_path(const BlockBackend *b)
{
    return b->path;
}

uint64_t block_size(const BlockBackend *b)
{
    return b->size;
}

static void backend_size_fiber(void *arg)
{
    BlockBackend *b = arg;

    BlockNode *n = b->hold->node; /* NULL: a drive without a medium */

    b->size = n ? bits_align_up(block_node_size(n), BLOCK_SECTOR) : 0;
}

void block_size_changed(BlockBackend *b)
{
    block_graph_run(b->host->graph, backend_size_fiber, b);
}

bool block_is_read_only(const BlockBackend *b)
{
    return b->read_only;
}

BlockNode *block_backend_node(const BlockBackend *b)
{
    return b->hold->node;
}

void block_eject(BlockBackend *b)
{
    if (b->limits) {
        throttle_leave(b->host->graph, b->limits);
        b->limits = NULL;
    }
    block_let_go(b->hold);
    b->size = 0;
}

void block_insert(BlockBackend *b, BlockNode *n)
{
    block_hold(b->hold, n);
    g_free(b->path);
    b->path = g_strdup(block_node_filename(n));
    b->size = bits_align_up(block_node_size(n), BLOCK_SECTOR);
    b->read_only = block_node_is_read_only(n);
    if (b->owner) {
        __atomic_store_n(&b->hold->sole_writer, b->read_only ? NULL : b->id, __ATOMIC_RELEASE);
    }
}

typedef struct BackendWant {
    BlockNode *node;
    GError *err;
} BackendWant;

static void backend_want_fiber(void *arg)
{
    BackendWant *w = arg;

    (void)!block_node_want_write(w->node, &w->err);
}

void block_set_tray(BlockBackend *b, const BlockTray *tray, void *opaque)
{
    b->tray = tray;
    b->tray_opaque = opaque;
}

const BlockTray *block_tray(const BlockBackend *b, void **opaque)
{
    *opaque = b->tray_opaque;
    return b->tray;
}

void block_tray_is(BlockBackend *b, bool open, bool locked)
{
    __atomic_store_n(&b->tray_open, open, __ATOMIC_RELEASE);
    __atomic_store_n(&b->tray_locked, locked, __ATOMIC_RELEASE);
}

bool block_tray_is_open(const BlockBackend *b)
{
    return __atomic_load_n(&b->tray_open, __ATOMIC_ACQUIRE);
}

bool block_tray_is_locked(const BlockBackend *b)
{
    return __atomic_load_n(&b->tray_locked, __ATOMIC_ACQUIRE);
}

bool block_claim_tray(BlockBackend *b, const void *owner, GError **err)
{
    if (b->hold->node || b->owner) {
        return block_claim(b, owner, err);
    }
    b->owner = owner;
    b->read_only = true;
    return true;
}

static bool backend_claim(BlockBackend *b, const void *owner, GError **err)
{
    BackendWant w = { .node = b->hold->node };

    if (b->owner && b->owner != owner) {
        return error_set(err,
                         "drive '%s' is in use by another device (several may have it if "
                         "all of them say share-rw=on)",
                         b->id);
    }
    if (!b->hold->node) {
        return error_set(err, "drive '%s' was deleted", b->id);
    }
    if (!b->read_only) {
        block_graph_run(b->host->graph, backend_want_fiber, &w);
    }
    if (w.err) {
        g_propagate_prefixed_error(err, w.err, "drive '%s': ", b->id);
        return false;
    }
    b->owner = owner;
    __atomic_store_n(&b->hold->sole_writer, b->read_only ? NULL : b->id, __ATOMIC_RELEASE);
    b->hold->idle = false;
    return true;
}

bool block_claim(BlockBackend *b, const void *owner, GError **err)
{
    bool ok;

    lease_gather(b->host->graph); /* until it is known whose the node is */
    ok = backend_claim(b, owner, err);
    lease_scatter(b->host->graph);
    return ok;
}

void block_release(BlockBackend *b, const void *owner)
{
    if (b->owner == owner) {
        lease_gather(b->host->graph);
        b->owner = NULL;
        __atomic_store_n(&b->hold->sole_writer, NULL, __ATOMIC_RELEASE);
        b->hold->idle = b->nameless;
        lease_scatter(b->host->graph);
    }
}

const BlockStats *block_stats(const BlockBackend *b)
{
    return &b->stats;
}

bool block_set_histogram(BlockBackend *b, unsigned kind, const uint64_t *bounds, unsigned n)
{
    BlockHistogram *h = &b->stats.of[kind].histogram;

    for (unsigned i = 0; i < n; i++) {
        if (bounds[i] <= (i ? bounds[i - 1] : 0)) {
            return false;
        }
    }
    g_free(h->bounds);
    g_free(h->bins);
    *h = (BlockHistogram){ 0 };
    if (n) {
        h->n = n;
        h->bounds = g_memdup2(bounds, n * sizeof(*bounds));
        h->bins = g_new0(uint64_t, n + 1);
    }
    return true;
}

const char *block_io_status(const BlockBackend *b)
{
    bool stops = b->on_read == BLOCK_ERROR_STOP || b->on_write == BLOCK_ERROR_STOP ||
                 b->on_write == BLOCK_ERROR_ENOSPC;

    return !stops ? NULL : b->io_status ? b->io_status : "ok";
}

bool block_set_limits(BlockBackend *b, const char *group, const ThrottleConfig *limits,
                      GError **err)
{
    return backend_limits(b->host->graph, &b->limits,
                          group       ? group
                          : b->limits ? throttle_name(b->limits)
                                      : b->id,
                          limits, err);
}

ThrottleGroup *block_limits(const BlockBackend *b)
{
    return b->limits;
}

const void *block_owner(const BlockBackend *b)
{
    return b->owner;
}

typedef struct BackendName {
    BlockBackend *b;
    char *name;
} BackendName;

static void backend_name_fiber(void *arg)
{
    BackendName *n = arg;

    n->name = g_strdup(n->b->hold->node ? block_node_name(n->b->hold->node) : "");
}

char *block_current_node_name(BlockBackend *b)
{
    BackendName n = { .b = b };

    block_graph_run(b->host->graph, backend_name_fiber, &n);
    return n.name;
}

void block_set_shared(BlockBackend *b, bool shared)
{
    b->shared = shared;
}

bool block_is_shared(const BlockBackend *b)
{
    return b->owner && b->shared;
}

BlockBackend *block_share(BlockBackend *b, GError **err)
{
    BackendOpen o = { .node_name = block_node_name(b->hold->node) };
    BlockBackend *other = backend_new(b->machine, b->id, &o, err);

    if (other) {
        block_on_error(other, b->on_read, b->on_write, b->error_fn, b->error_opaque);
    }
    return other;
}
