/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving, going back to and deleting snapshots of the machine. The main loop makes or reads the
 * state; a fiber of the graph's loop moves its bytes to or from the image meanwhile, through a pair
 * of sockets.
 */
#include "monitor/vmsnap.h"

#include "core/clock.h"
#include "core/icount.h"
#include "core/state/state.h"
#include "monitor/commands.h"
#include "monitor/vmsnap-priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SNAP_PIECE = 1 << 20 };

bool snap_run(SnapSet *s, FiberFn *fn)
{
    block_graph_run(s->g, fn, s);
    return !s->err;
}

static bool snap_begin(SnapSet *s, const SnapCall *c, GError **err)
{
    *s = (SnapSet){ .call = c, .m = c->h->machine, .g = block_machine_graph(c->h->machine, err) };
    if (!s->g) {
        return false;
    }
    if (machine_run_state(s->m) == RUN_INMIGRATE) {
        return error_set(err, "Guest is waiting for an incoming migration");
    }
    block_graph_gather(s->g); /* fibers of the graph's loop go on between the calls */
    return true;
}

static void snap_end_fiber(void *arg)
{
    snap_deinit(arg);
}

static bool snap_end(SnapSet *s, GError **err)
{
    block_graph_run(s->g, snap_end_fiber, s);
    block_graph_scatter(s->g);
    if (s->err) {
        g_propagate_error(err, s->err);
        return false;
    }
    return true;
}

/* ---- The bytes of the state ---- */

typedef struct SnapPipe {
    StateSink sink;
    SnapSet *set;
    int main_fd, fiber_fd;
    uint64_t bytes;
    bool failed; /* the fiber has; what follows is dropped. Atomic */
    bool ended;
    FiberQueue waiters;
    GError *err; /* the fiber's */
} SnapPipe;

static bool snap_pipe_open(SnapPipe *p, SnapSet *s)
{
    int fds[2];

    *p = (SnapPipe){ .set = s };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
        return error_set(&s->err, "sockets for the machine's state: %s", g_strerror(errno));
    }
    p->main_fd = fds[0];
    p->fiber_fd = fds[1];
    return true;
}

/* The fiber's part is over. On the graph's loop. */
static void snap_pipe_ended(SnapPipe *p)
{
    close(p->fiber_fd);
    p->ended = true;
    fiber_queue_wake_all(&p->waiters);
}

static void snap_pipe_wait(void *arg)
{
    SnapPipe *p = arg;

    while (!p->ended) {
        fiber_queue_wait(&p->waiters);
    }
}

/* The fiber ends at the latest when it sees that main_fd is closed. The fiber's error explains
 * that of the main loop's side. */
static bool snap_pipe_close(SnapPipe *p, GError *main_err)
{
    close(p->main_fd);
    block_graph_run(p->set->g, snap_pipe_wait, p);
    if (p->err) {
        g_clear_error(&main_err);
        main_err = p->err;
    }
    if (main_err) {
        g_propagate_error(&p->set->err, main_err);
    }
    return !main_err;
}

static bool snap_sink_write(StateSink *sink, const void *data, size_t len, GError **err)
{
    SnapPipe *p = (SnapPipe *)sink;
    const uint8_t *from = data;

    while (len) {
        ssize_t n = send(p->main_fd, from, len, MSG_NOSIGNAL);

        if (__atomic_load_n(&p->failed, __ATOMIC_ACQUIRE) || (n < 0 && errno != EINTR)) {
            return error_set(err, "cannot write the machine's state");
        }
        if (n > 0) {
            from += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* Up to @len bytes; fewer at the end, -errno. FIBER */
static ssize_t snap_receive(int fd, uint8_t *buf, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = recv(fd, buf + have, len - have, MSG_DONTWAIT);

        if (n == 0) {
            break;
        }
        if (n > 0) {
            have += (size_t)n;
        } else if (errno == EAGAIN) {
            io_wait_fd(fd, POLLIN, 0);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return (ssize_t)have;
}

static void snap_save_fiber(void *arg)
{
    SnapPipe *p = arg;
    SnapDisk *vm = p->set->vm;
    g_autofree uint8_t *buf = g_malloc(SNAP_PIECE);
    ssize_t n;

    while ((n = snap_receive(p->fiber_fd, buf, SNAP_PIECE)) > 0) {
        int ret = p->err ? 0 : block_vmstate_write(vm->node, p->bytes, buf, (uint64_t)n);

        if (ret) {
            error_set(&p->err, "Device '%s': cannot write the machine's state to %s: %s", vm->name,
                      block_node_filename(vm->node), g_strerror(-ret));
            __atomic_store_n(&p->failed, true, __ATOMIC_RELEASE);
        }
        p->bytes += (uint64_t)n;
        if (p->set->call->job) {
            job_done(p->set->call->job, (uint64_t)n);
        }
    }
    snap_pipe_ended(p);
}

/* False: nobody reads any more. FIBER */
static bool snap_send(int fd, const uint8_t *buf, size_t len)
{
    while (len) {
        ssize_t n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            buf += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            io_wait_fd(fd, POLLOUT, 0);
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

static void snap_load_fiber(void *arg)
{
    SnapPipe *p = arg;
    SnapDisk *vm = p->set->vm;
    g_autofree uint8_t *buf = g_malloc(SNAP_PIECE);
    bool go = block_vmstate_peek(vm->node, vm->id, &p->err);

    for (uint64_t off = 0, n; go && off < p->bytes; off += n) {
        int ret;

        n = MIN(p->bytes - off, SNAP_PIECE);
        ret = block_vmstate_read(vm->node, off, buf, n);
        if (ret) {
            error_set(&p->err, "Device '%s': cannot read the machine's state from %s: %s", vm->name,
                      block_node_filename(vm->node), g_strerror(-ret));
        }
        go = !ret && snap_send(p->fiber_fd, buf, n);
        if (p->set->call->job) {
            job_done(p->set->call->job, n);
        }
        if (!go || off + n >= p->bytes) {
            block_vmstate_peek_end(vm->node);
        }
    }
    snap_pipe_ended(p);
}

/* ---- Saving ---- */

/* The name must be free, or what has it is to go. */
static bool snap_find_old(SnapSet *s)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        SnapDisk *d = snap_disk(s, i);
        BlockSnapshot *list = NULL;
        unsigned n = 0;

        if (!block_snapshot_list(d->node, &list, &n, &s->err)) {
            return false;
        }
        for (unsigned k = 0; k < n && !d->old_id; k++) {
            if (!strcmp(list[k].name, s->call->name)) {
                d->old_id = g_strdup(list[k].id);
            }
        }
        block_snapshot_list_free(list, n);
        if (d->old_id && !s->call->replace) {
            return error_set(&s->err, "Snapshot '%s' already exists in one or more devices",
                             s->call->name);
        }
    }
    return true;
}

static void snap_save_prepare(void *arg)
{
    SnapSet *s = arg;
    int ret;

    if (!snap_collect(s) || !snap_check_all(s) || !snap_find_vm(s) || !snap_find_old(s)) {
        return;
    }
    ret = block_vmstate_discard(s->vm->node); /* what a cut has left */
    if (ret) {
        error_set(&s->err, "Device '%s': cannot make room for the machine's state: %s", s->vm->name,
                  g_strerror(-ret));
    }
}

typedef struct SnapMake {
    SnapSet *set;
    BlockSnapshot info;
} SnapMake;

static void snap_delete_made(SnapSet *s)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        SnapDisk *d = snap_disk(s, i);
        g_autoptr(GError) ignored = NULL;

        if (d->id) {
            (void)!block_snapshot_delete(d->node, d->id, &ignored);
        }
    }
}

/* Old ones of the name go last: a cut leaves one set of that name whole at any moment. */
static bool snap_delete_old(SnapSet *s)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        SnapDisk *d = snap_disk(s, i);

        while (d->old_id) {
            if (!block_snapshot_delete(d->node, d->old_id, &s->err)) {
                g_prefix_error(&s->err,
                               "Device '%s': the snapshot is made, but the one that it replaces "
                               "cannot be deleted: ",
                               d->name);
                return false;
            }
            g_clear_pointer(&d->old_id, g_free);
        }
    }
    return true;
}

/* All disks at one point: nobody writes while the snapshots are made. */
static void snap_make_all(void *arg)
{
    SnapMake *k = arg;
    SnapSet *s = k->set;
    bool ok = true;

    for (unsigned i = 0; i < s->disks->len; i++) {
        block_node_drain(snap_disk(s, i)->node);
    }
    for (unsigned i = 0; i < s->disks->len && ok; i++) {
        SnapDisk *d = snap_disk(s, i);
        BlockSnapshot one = k->info;

        one.vm_state_size = d == s->vm ? k->info.vm_state_size : 0;
        one.disk_size = block_node_size(d->node);
        ok = block_snapshot_create(d->node, &one, &s->err);
        d->id = ok ? one.id : NULL;
        if (!ok) {
            g_prefix_error(&s->err, "Device '%s': ", d->name);
        }
    }
    if (!ok) {
        snap_delete_made(s);
    } else {
        ok = snap_delete_old(s);
    }
    for (unsigned i = s->disks->len; i--;) {
        block_node_undrain(snap_disk(s, i)->node);
    }
}

static void snap_forget_state(void *arg)
{
    SnapSet *s = arg;

    (void)block_vmstate_discard(s->vm->node);
}

static void snap_save_paused(SnapSet *s)
{
    int64_t us = g_get_real_time();
    SnapMake k = { .set = s };
    GError *err = NULL;
    SnapPipe p;

    k.info = (BlockSnapshot){ .name = (char *)s->call->name,
                              .date_sec = (uint32_t)(us / G_USEC_PER_SEC),
                              .date_nsec = (uint32_t)(us % G_USEC_PER_SEC * 1000),
                              .vm_clock_ns = (uint64_t)machine_now_ns(s->m),
                              .icount = icount_config(s->m) ? icount_total(s->m) : UINT64_MAX };
    if (!snap_pipe_open(&p, s)) {
        return;
    }
    p.sink.write = snap_sink_write;
    ioloop_post(block_graph_loop(s->g), snap_save_fiber, &p);
    (void)!machine_save_to(s->m, &p.sink, &err);
    if (snap_pipe_close(&p, err)) {
        k.info.vm_state_size = p.bytes;
        if (s->call->job) {
            job_set_total(s->call->job, p.bytes);
        }
        block_graph_run(s->g, snap_make_all, &k);
    }
    if (s->err) {
        GError *keep = g_steal_pointer(&s->err);

        snap_run(s, snap_forget_state);
        s->err = keep;
    }
}

static void snap_resume(SnapSet *s)
{
    g_autoptr(GError) err = NULL;

    if (!machine_resume(s->m, &err)) {
        machine_set_run_state(s->m, RUN_INTERNAL_ERROR);
    }
}

bool vmsnap_save(const SnapCall *c, GError **err)
{
    bool was_running = machine_is_running(c->h->machine);
    SnapSet s;

    if (!snap_begin(&s, c, err)) {
        return false;
    }
    if (snap_run(&s, snap_save_prepare)) {
        if (was_running) {
            mon_hint_free_pages(s.m);
            machine_pause(s.m, RUN_SAVE_VM);
        }
        snap_save_paused(&s);
        if (was_running) {
            snap_resume(&s);
        }
    }
    return snap_end(&s, err);
}

/* ---- Going back ---- */

/* What copies a disk would not see that all of it changes. */
static bool snap_no_jobs(SnapSet *s)
{
    BlockJobs *js = block_jobs(s->g);

    for (BlockJob *j = NULL; (j = block_job_next(js, j));) {
        JobInfo i = block_job_info(j);

        if (i.node && j != s->call->job && i.status != JOB_CONCLUDED) {
            return error_set(&s->err, "Node '%s' is busy: block device is in use by block job: %s",
                             block_node_name(i.node), i.type);
        }
    }
    return true;
}

/* Ours, before anything of the machine is touched. */
static bool snap_check_state(SnapSet *s, uint64_t size)
{
    static const char magic[8] = "TNMSTATE";
    char got[8] = { 0 };
    int ret;

    if (!block_vmstate_peek(s->vm->node, s->vm->id, &s->err)) {
        return false;
    }
    ret = size < sizeof(got) ? 0 : block_vmstate_read(s->vm->node, 0, got, sizeof(got));
    block_vmstate_peek_end(s->vm->node);
    if (ret) {
        return error_set(&s->err, "Device '%s': cannot read the machine's state: %s", s->vm->name,
                         g_strerror(-ret));
    }
    return !memcmp(got, magic, sizeof(got)) ||
           error_set(&s->err,
                     "Snapshot '%s' holds the state of another program's machine, which cannot be "
                     "read here; its disks can be had by qemu-img snapshot -a",
                     s->call->name);
}

typedef struct SnapLoad {
    SnapSet *set;
    uint64_t bytes;
} SnapLoad;

static void snap_load_prepare(void *arg)
{
    SnapLoad *l = arg;
    SnapSet *s = l->set;
    BlockSnapshot *list = NULL;
    unsigned n = 0;

    if (!snap_no_jobs(s) || !snap_collect(s) || !snap_check_all(s) || !snap_find_vm(s) ||
        !snap_find(s) || !block_snapshot_list(s->vm->node, &list, &n, &s->err)) {
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(list[i].id, s->vm->id)) {
            l->bytes = list[i].vm_state_size;
        }
    }
    block_snapshot_list_free(list, n);
    if (!l->bytes) {
        error_set(&s->err, "This is a disk-only snapshot. Revert to it  offline using qemu-img");
        return;
    }
    (void)!snap_check_state(s, l->bytes);
}

static void snap_apply_all(void *arg)
{
    SnapSet *s = arg;

    for (unsigned i = 0; i < s->disks->len; i++) {
        block_node_drain(snap_disk(s, i)->node);
    }
    for (unsigned i = 0; i < s->disks->len && !s->err; i++) {
        SnapDisk *d = snap_disk(s, i);

        if (!block_snapshot_apply(d->node, d->id, &s->err)) {
            g_prefix_error(&s->err, "Device '%s': ", d->name);
        }
    }
    for (unsigned i = s->disks->len; i--;) {
        block_node_undrain(snap_disk(s, i)->node);
    }
}

/* A disk may have had another size. */
static void snap_new_sizes(Machine *m)
{
    const char **ids = machine_backend_ids(m, "drive");

    for (const char **id = ids; *id; id++) {
        block_size_changed(machine_find_backend(m, "drive", *id));
    }
    g_free(ids);
}

/* The state first: what is wrong with it leaves the disks alone. */
static void snap_load_paused(SnapLoad *l)
{
    SnapSet *s = l->set;
    GError *err = NULL;
    SnapPipe p;

    if (!snap_pipe_open(&p, s)) {
        return;
    }
    p.bytes = l->bytes;
    if (s->call->job) {
        job_set_total(s->call->job, l->bytes);
    }
    ioloop_post(block_graph_loop(s->g), snap_load_fiber, &p);
    (void)!machine_load(s->m, p.main_fd, &err);
    if (snap_pipe_close(&p, err) && snap_run(s, snap_apply_all)) {
        snap_new_sizes(s->m);
        return;
    }
    machine_set_run_state(s->m, RUN_INTERNAL_ERROR);
}

bool vmsnap_load(const SnapCall *c, GError **err)
{
    RunState before = machine_run_state(c->h->machine);
    bool was_running = before == RUN_RUNNING;
    SnapSet s;
    SnapLoad l = { .set = &s };

    if (!snap_begin(&s, c, err)) {
        return false;
    }
    block_graph_run(s.g, snap_load_prepare, &l);
    if (!s.err) {
        if (was_running) {
            machine_pause(s.m, RUN_RESTORE_VM);
        } else if (before != RUN_PRELAUNCH) { /* what stopped it is not in the snapshot */
            machine_reset(s.m, RESET_COLD, CAUSE_NONE);
            machine_set_run_state(s.m, RUN_PAUSED);
        }
        snap_load_paused(&l);
        if (was_running && !s.err) {
            snap_resume(&s);
        }
    }
    return snap_end(&s, err);
}

/* ---- Deleting ---- */

static void snap_delete_fiber(void *arg)
{
    SnapSet *s = arg;

    if (!snap_collect(s) || !snap_check_all(s) || !snap_find_vm(s)) {
        return;
    }
    for (unsigned i = 0; i < s->disks->len && !s->err; i++) {
        SnapDisk *d = snap_disk(s, i);
        BlockSnapshot *list = NULL;
        unsigned n = 0;

        if (!block_snapshot_list(d->node, &list, &n, &s->err)) {
            return;
        }
        for (unsigned k = 0; k < n && !s->err; k++) {
            if (!strcmp(list[k].name, s->call->name) &&
                !block_snapshot_delete(d->node, list[k].id, &s->err)) {
                g_prefix_error(&s->err, "Device '%s': ", d->name);
            }
        }
        block_snapshot_list_free(list, n);
    }
}

bool vmsnap_delete(const SnapCall *c, GError **err)
{
    SnapSet s;

    if (!snap_begin(&s, c, err)) {
        return false;
    }
    snap_run(&s, snap_delete_fiber);
    return snap_end(&s, err);
}

/* ---- Listing ---- */

typedef struct SnapInfo {
    SnapSet set;
    GString *out;
} SnapInfo;

/* Has every disk a snapshot of @name? */
static bool snap_everywhere(SnapSet *s, BlockSnapshot *const *lists, const unsigned *n,
                            const char *name)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        bool has = false;

        for (unsigned k = 0; k < n[i] && !has; k++) {
            has = !strcmp(lists[i][k].name, name);
        }
        if (!has) {
            return false;
        }
    }
    return true;
}

/* Those of a disk that are on every disk, or that are not: how many there are. */
static unsigned snap_keep(SnapSet *s, BlockSnapshot **lists, const unsigned *n, unsigned disk,
                          bool whole, BlockSnapshot *out)
{
    unsigned kept = 0;

    for (unsigned k = 0; k < n[disk]; k++) {
        if (snap_everywhere(s, lists, n, lists[disk][k].name) == whole) {
            out[kept++] = lists[disk][k];
        }
    }
    return kept;
}

static void snap_info_text(SnapInfo *i, BlockSnapshot **lists, const unsigned *n)
{
    SnapSet *s = &i->set;
    unsigned vm = (unsigned)(s->vm - snap_disk(s, 0)), kept;
    g_autofree BlockSnapshot *some = g_new0(BlockSnapshot, n[vm] + 1);

    g_string_append(i->out, "List of snapshots present on all disks:\n");
    kept = snap_keep(s, lists, n, vm, true, some);
    for (unsigned k = 0; k < kept; k++) {
        some[k].id = (char *)"--";
    }
    if (kept) {
        block_snapshot_text(i->out, some, kept);
    } else {
        g_string_append(i->out, "None\n");
    }
    for (unsigned d = 0; d < s->disks->len; d++) {
        g_autofree BlockSnapshot *rest = g_new0(BlockSnapshot, n[d] + 1);

        kept = snap_keep(s, lists, n, d, false, rest);
        if (kept) {
            g_string_append_printf(i->out, "\nList of partial (non-loadable) snapshots on '%s':\n",
                                   snap_disk(s, d)->name);
            block_snapshot_text(i->out, rest, kept);
        }
    }
}

static void snap_info_fiber(void *arg)
{
    SnapInfo *i = arg;
    SnapSet *s = &i->set;
    g_autofree BlockSnapshot **lists = NULL;
    g_autofree unsigned *n = NULL;
    bool any = false;

    if (!snap_collect(s) || !snap_find_vm(s)) {
        return;
    }
    lists = g_new0(BlockSnapshot *, s->disks->len);
    n = g_new0(unsigned, s->disks->len);
    for (unsigned d = 0; d < s->disks->len && !s->err; d++) {
        BlockNode *node = snap_disk(s, d)->node;

        any |= node && block_snapshot_list(node, &lists[d], &n[d], &s->err) && n[d];
    }
    if (!any && !s->err) {
        g_string_append(i->out, "There is no snapshot available.\n");
    } else if (!s->err) {
        snap_info_text(i, lists, n);
    }
    for (unsigned d = 0; d < s->disks->len; d++) {
        block_snapshot_list_free(lists[d], n[d]);
    }
}

bool vmsnap_info(MonHost *h, GString *out, GError **err)
{
    SnapCall c = { .h = h };
    SnapInfo i = { .out = out };

    if (!snap_begin(&i.set, &c, err)) {
        return false;
    }
    block_graph_run(i.set.g, snap_info_fiber, &i);
    return snap_end(&i.set, err);
}
