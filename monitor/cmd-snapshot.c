/* SPDX-License-Identifier: Apache-2.0 */
/* savevm, loadvm, delvm, info snapshots; snapshot-save, -load and -delete, which are jobs. */
#include "monitor/block-call.h"

#include "core/event/loop.h"
#include "monitor/vmsnap.h"

#include <errno.h>
#include <string.h>

/* ---- Lines ---- */

static bool hmp_snap_name(MonCall *c, const char *command, bool needed, char **name, GError **err)
{
    g_autofree char *more = NULL;

    *name = mon_call_word(c);
    more = *name ? mon_call_word(c) : NULL;
    if (more) {
        return error_set(err, "%s: extraneous characters at the end of line", command);
    }
    if (!*name && needed) {
        return error_set(err, "%s: the name of a snapshot is missing", command);
    }
    return true;
}

bool hmp_savevm(MonCall *c, GError **err)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *name = NULL;
    SnapCall s = { .h = c->host, .replace = true };

    if (!hmp_snap_name(c, "savevm", false, &name, err)) {
        return false;
    }
    if (!name || !*name) {
        g_free(name);
        name = g_date_time_format(now, "vm-%Y%m%d%H%M%S");
    }
    s.name = name;
    c->plain_error = true;
    return vmsnap_save(&s, err);
}

bool mon_loadvm(MonHost *h, const char *name, GError **err)
{
    return vmsnap_load(&(SnapCall){ .h = h, .name = name }, err);
}

bool hmp_loadvm(MonCall *c, GError **err)
{
    g_autofree char *name = NULL;

    if (!hmp_snap_name(c, "loadvm", true, &name, err)) {
        return false;
    }
    c->plain_error = true;
    return mon_loadvm(c->host, name, err);
}

bool hmp_delvm(MonCall *c, GError **err)
{
    g_autofree char *name = NULL;

    if (!hmp_snap_name(c, "delvm", true, &name, err)) {
        return false;
    }
    c->plain_error = true;
    return vmsnap_delete(&(SnapCall){ .h = c->host, .name = name }, err);
}

bool hmp_info_snapshots(MonCall *c, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (!vmsnap_info(c->host, c->text, &why)) {
        g_string_append_printf(c->text, "%s\n", why->message);
    }
    return true;
}

/* ---- Jobs ---- */

typedef bool SnapFn(const SnapCall *c, GError **err);

/* A job's fiber waits while the main loop does the work. */
typedef struct SnapJob {
    SnapCall call;
    SnapFn *fn;
    char *name, *vmstate;
    GPtrArray *devices; /* of char *, NULL at its end */
    bool done;
    FiberQueue waiters;
    GError *err;
} SnapJob;

static void snap_job_done(void *arg)
{
    SnapJob *s = arg;

    s->done = true;
    fiber_queue_wake_all(&s->waiters);
}

static void snap_job_main(void *arg)
{
    SnapJob *s = arg;
    Machine *m = s->call.h->machine;
    IoLoop *loop = block_graph_loop(job_graph(s->call.job));

    (void)!s->fn(&s->call, &s->err);
    ioloop_post(loop, snap_job_done, s);
    loop_release(m);
}

static int snap_job_run(BlockJob *j)
{
    SnapJob *s = block_job_priv(j);

    loop_hold(s->call.h->machine);
    loop_post(s->call.h->machine, snap_job_main, s);
    while (!s->done) {
        fiber_queue_wait(&s->waiters);
    }
    return s->err ? job_fail(j, -EIO, "%s", s->err->message) : 0;
}

static void snap_job_clean(BlockJob *j)
{
    SnapJob *s = block_job_priv(j);

    g_clear_error(&s->err);
    g_free(s->name);
    g_free(s->vmstate);
    g_ptr_array_unref(s->devices);
}

static const BlockJobType snap_job_save = {
    .name = "snapshot-save",
    .size = sizeof(SnapJob),
    .run = snap_job_run,
    .clean = snap_job_clean,
};

static const BlockJobType snap_job_load = {
    .name = "snapshot-load",
    .size = sizeof(SnapJob),
    .run = snap_job_run,
    .clean = snap_job_clean,
};

static const BlockJobType snap_job_delete = {
    .name = "snapshot-delete",
    .size = sizeof(SnapJob),
    .run = snap_job_run,
    .clean = snap_job_clean,
};

static bool snap_job(BlkCall *b, const BlockJobType *type, SnapFn *fn, GError **err)
{
    JobOptions o = { .id = blk_str(b, "job-id"), .flags = JOB_MANUAL_DISMISS | JOB_NOT_BLOCK };
    BlockJob *j = block_job_new(b->g, type, &o, err);
    SnapJob *s = j ? block_job_priv(j) : NULL;

    if (!j) {
        return false;
    }
    s->fn = fn;
    s->name = g_strdup(blk_str(b, "tag"));
    s->vmstate = g_strdup(blk_str(b, "vmstate"));
    s->devices = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0;; i++) {
        g_autofree char *key = g_strdup_printf("devices.%u", i);

        g_ptr_array_add(s->devices, g_strdup(blk_str(b, key)));
        if (!blk_str(b, key)) {
            break;
        }
    }
    s->call = (SnapCall){ .h = b->c->host,
                          .name = s->name,
                          .vmstate = s->vmstate,
                          .devices = (char *const *)s->devices->pdata,
                          .job = j };
    block_job_start(j);
    return true;
}

static bool snap_save(BlkCall *b, GError **err)
{
    return snap_job(b, &snap_job_save, vmsnap_save, err);
}

static bool snap_load(BlkCall *b, GError **err)
{
    return snap_job(b, &snap_job_load, vmsnap_load, err);
}

static bool snap_delete(BlkCall *b, GError **err)
{
    return snap_job(b, &snap_job_delete, vmsnap_delete, err);
}

BLK_COMMAND(cmd_snapshot_save, snap_save)
BLK_COMMAND(cmd_snapshot_load, snap_load)
BLK_COMMAND(cmd_snapshot_delete, snap_delete)
