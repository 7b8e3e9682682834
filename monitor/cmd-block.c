/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes, jobs, bitmaps and exports over QMP. Commands run in a fiber of the block graph's loop
 * while the main loop waits; their arguments are options by name. Events come back by the main
 * loop.
 */
#include "monitor/commands.h"

#include "block/block.h"
#include "block/core/bitmap.h"
#include "block/core/driver.h"
#include "block/job/jobs.h"
#include "core/event/loop.h"
#include "util/size.h"

#include <string.h>

typedef struct BlkCall BlkCall;
typedef bool BlkFn(BlkCall *b, GError **err);

struct BlkCall {
    MonCall *c;
    BlockGraph *g;
    Options o;
    BlkFn *fn;
    GError *err;
};

/* ---- Events ---- */

typedef struct BlkEvent {
    MonHost *h;
    const char *name;
    char *json;
} BlkEvent;

static void blk_event_emit(void *arg)
{
    BlkEvent *e = arg;

    mon_emit(e->h, e->name, e->json);
    g_free(e->json);
    g_free(e);
}

static const char *blk_event_name(JobEvent event)
{
    switch (event) {
    case JOB_EVENT_STATUS:
        return "JOB_STATUS_CHANGE";
    case JOB_EVENT_READY:
        return "BLOCK_JOB_READY";
    case JOB_EVENT_PENDING:
        return "BLOCK_JOB_PENDING";
    case JOB_EVENT_COMPLETED:
        return "BLOCK_JOB_COMPLETED";
    case JOB_EVENT_CANCELLED:
        return "BLOCK_JOB_CANCELLED";
    case JOB_EVENT_ERROR:
        break;
    }
    return "BLOCK_JOB_ERROR";
}

/* On the graph's loop. */
static void blk_job_event(void *opaque, BlockJob *j, JobEvent event)
{
    MonHost *h = opaque;
    JobInfo i = block_job_info(j);
    BlkEvent *e = g_new(BlkEvent, 1);
    GString *text = g_string_new("");
    JsonOut out;

    json_out_init(&out, text, false);
    json_out_begin(&out, NULL, '{');
    if (event == JOB_EVENT_STATUS) {
        json_out_str(&out, "status", job_status_name(i.status));
        json_out_str(&out, "id", i.id);
    } else if (event == JOB_EVENT_ERROR) {
        const char *action;
        bool write;

        job_event_error(j, &write, &action);
        json_out_str(&out, "device", i.id);
        json_out_str(&out, "operation", write ? "write" : "read");
        json_out_str(&out, "action", action);
    } else {
        if (event == JOB_EVENT_PENDING) {
            json_out_str(&out, "type", i.type);
            json_out_str(&out, "id", i.id);
        } else {
            json_out_str(&out, "device", i.id);
            json_out_uint(&out, "len", i.len);
            json_out_uint(&out, "offset", i.offset);
            json_out_uint(&out, "speed", i.speed);
            json_out_str(&out, "type", i.type);
            if (event == JOB_EVENT_COMPLETED && i.error) {
                json_out_str(&out, "error", i.error);
            }
        }
    }
    json_out_end(&out, '}');
    *e = (BlkEvent){ h, blk_event_name(event), g_string_free(text, FALSE) };
    loop_post(h->machine, blk_event_emit, e);
}

/* ---- Calls ---- */

static void blk_set(Options *o, const char *key, const char *value)
{
    o->list = g_renew(Option, o->list, o->n + 1);
    o->list[o->n++] = (Option){ .key = g_strdup(key), .value = g_strdup(value) };
}

static void blk_leaf(void *key, void *value, void *opaque)
{
    bool none = !strcmp(value, "null") && g_str_has_suffix(key, "backing");

    blk_set(opaque, key, none ? "" : value); /* no backing image */
}

static void blk_options(BlkCall *b)
{
    const MonCommand *cmd = b->c->cmd;

    b->o = (Options){ .text = g_strdup(cmd->name) };
    if (cmd->open_args) {
        g_hash_table_foreach(b->c->args[0].leaves, blk_leaf, &b->o);
        return;
    }
    for (unsigned i = 0; i < mon_command_n_args(cmd); i++) {
        const MonValue *v = &b->c->args[i];
        g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, v->num);

        if (!v->present) {
            continue;
        }
        if (v->leaves) {
            GHashTableIter at;
            void *key, *value;

            g_hash_table_iter_init(&at, v->leaves);
            while (g_hash_table_iter_next(&at, &key, &value)) {
                g_autofree char *path = g_strdup_printf("%s.%s", cmd->args[i].name, (char *)key);

                blk_set(&b->o, path, value);
            }
        } else {
            blk_set(&b->o, cmd->args[i].name,
                    cmd->args[i].type == MON_STR    ? v->str
                    : cmd->args[i].type == MON_BOOL ? (v->flag ? "on" : "off")
                                                    : number);
        }
    }
}

static void blk_in_fiber(void *arg)
{
    BlkCall *b = arg;

    block_jobs_on_event(block_jobs(b->g), blk_job_event, b->c->host);
    if (!b->fn(b, &b->err) && !b->err) {
        error_set(&b->err, "the command failed");
    }
}

static bool blk_call(MonCall *c, BlkFn *fn, GError **err)
{
    BlkCall b = { .c = c, .fn = fn, .g = block_machine_graph(c->m, err) };

    if (!b.g) {
        return false;
    }
    blk_options(&b);
    ioloop_run(block_graph_loop(b.g), blk_in_fiber, &b);
    options_deinit(&b.o);
    if (b.err) {
        g_propagate_error(err, b.err);
        return false;
    }
    return true;
}

static const char *blk_str(BlkCall *b, const char *key)
{
    return options_get(&b->o, key);
}

static uint64_t blk_num(BlkCall *b, const char *key, uint64_t def)
{
    g_autoptr(GError) ignored = NULL;
    uint64_t v;

    return options_get_number(&b->o, key, def, &v, &ignored) ? v : def;
}

static bool blk_flag(BlkCall *b, const char *key, bool def)
{
    g_autoptr(GError) ignored = NULL;
    bool v;

    return options_get_bool(&b->o, key, def, &v, &ignored) ? v : def;
}

/* A device's node, or one by its name. NULL for a NULL name. */
static BlockNode *blk_node_named(BlkCall *b, const char *name, GError **err)
{
    BlockBackend *drive = name ? machine_find_backend(b->c->m, "drive", name) : NULL;
    BlockNode *n = drive ? block_backend_node(drive) : name ? block_graph_find(b->g, name) : NULL;

    if (name && !n) {
        error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
    }
    return n;
}

static BlockNode *blk_node(BlkCall *b, const char *key, GError **err)
{
    return blk_node_named(b, blk_str(b, key), err);
}

/* ---- Nodes ---- */

static unsigned blk_open_flags(Options *o)
{
    g_autoptr(GError) ignored = NULL;
    unsigned flags = BLOCK_OPEN_WRITE;
    bool on;

    if (options_get_bool(o, "read-only", false, &on, &ignored) && on) {
        flags = 0;
    }
    if (options_get_bool(o, "cache.direct", false, &on, &ignored) && on) {
        flags |= BLOCK_OPEN_DIRECT;
    }
    if (options_get_bool(o, "cache.no-flush", false, &on, &ignored) && on) {
        flags |= BLOCK_OPEN_UNSAFE;
    }
    return options_get(o, "discard") && (!strcmp(options_get(o, "discard"), "unmap") ||
                                         !strcmp(options_get(o, "discard"), "on"))
               ? flags | BLOCK_OPEN_DISCARD
               : flags;
}

static bool blk_add(BlkCall *b, GError **err)
{
    if (!blk_str(b, "driver")) {
        return error_set(err, "Parameter 'driver' is missing");
    }
    if (!blk_str(b, "node-name")) {
        return error_set(err, "'node-name' must be specified for the root node");
    }
    return block_node_open(b->g, &b->o, blk_open_flags(&b->o), err) != NULL;
}

static bool blk_del(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name");
    BlockNode *n = block_graph_find(b->g, name);

    if (!n) {
        return error_set(err, "Failed to find node with node-name='%s'", name);
    }
    if (!block_node_is_alone(n)) {
        return error_set(err, "Block device %s is in use", name);
    }
    block_node_unref(n);
    return true;
}

static void blk_image_json(JsonOut *j, const char *key, BlockNode *n, unsigned depth)
{
    int64_t actual = block_node_allocated(n);

    json_out_begin(j, key, '{');
    json_out_uint(j, "virtual-size", block_node_size(n));
    json_out_str(j, "filename", block_node_filename(n));
    if (block_node_cluster_size(n)) {
        json_out_uint(j, "cluster-size", block_node_cluster_size(n));
    }
    json_out_str(j, "format", block_node_format(n));
    if (actual >= 0) {
        json_out_int(j, "actual-size", actual);
    }
    if (block_node_backing_name(n)) {
        json_out_str(j, "backing-filename", block_node_backing_name(n));
    }
    if (block_node_backing_format(n)) {
        json_out_str(j, "backing-filename-format", block_node_backing_format(n));
    }
    if (block_node_backing(n) && depth < 30) {
        blk_image_json(j, "backing-image", block_node_backing(n), depth + 1);
    }
    json_out_bool(j, "dirty-flag", block_node_is_dirty(n));
    json_out_end(j, '}');
}

static void blk_bitmaps_json(JsonOut *j, BlockNode *n)
{
    BlockBitmap *bm = block_bitmap_next(n, NULL);

    if (!bm) {
        return;
    }
    json_out_begin(j, "dirty-bitmaps", '[');
    for (; bm; bm = block_bitmap_next(n, bm)) {
        unsigned flags = block_bitmap_flags(bm);

        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", block_bitmap_name(bm));
        json_out_bool(j, "recording", flags & BLOCK_BITMAP_ENABLED);
        json_out_bool(j, "persistent", flags & BLOCK_BITMAP_PERSISTENT);
        if (flags & BLOCK_BITMAP_INCONSISTENT) {
            json_out_bool(j, "inconsistent", true);
        }
        json_out_bool(j, "busy", flags & BLOCK_BITMAP_BUSY);
        json_out_uint(j, "granularity", dirty_bits_granularity(block_bitmap_bits(bm)));
        json_out_uint(j, "count", dirty_bits_count(block_bitmap_bits(bm)));
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
}

static void blk_node_json(JsonOut *j, const char *key, BlockNode *n)
{
    unsigned flags = block_node_flags(n), depth = 0;
    static const char *const limits[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };

    for (BlockNode *b = block_node_backing(n); b; b = block_node_backing(b)) {
        depth++;
    }
    json_out_begin(j, key, '{');
    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        json_out_int(j, limits[i], 0);
    }
    blk_image_json(j, "image", n, 0);
    json_out_bool(j, "ro", block_node_is_read_only(n));
    json_out_str(j, "node-name", block_node_name(n));
    json_out_uint(j, "backing_file_depth", depth);
    if (block_node_backing_name(n)) {
        json_out_str(j, "backing_file", block_node_backing_name(n));
    }
    json_out_str(j, "drv", block_node_format(n));
    json_out_bool(j, "encrypted", block_node_is_encrypted(n));
    json_out_str(j, "detect_zeroes", "off");
    json_out_str(j, "file", block_node_filename(n));
    blk_bitmaps_json(j, n);
    json_out_begin(j, "cache", '{');
    json_out_bool(j, "no-flush", flags & BLOCK_OPEN_UNSAFE);
    json_out_bool(j, "direct", flags & BLOCK_OPEN_DIRECT);
    json_out_bool(j, "writeback", !(flags & BLOCK_OPEN_WRITETHROUGH));
    json_out_end(j, '}');
    json_out_int(j, "write_threshold", 0);
    json_out_end(j, '}');
}

static bool blk_query_nodes(BlkCall *b, GError **err)
{
    json_out_begin(b->c->out, NULL, '[');
    for (BlockNode *n = NULL; (n = block_graph_next(b->g, n));) {
        blk_node_json(b->c->out, NULL, n);
    }
    json_out_end(b->c->out, ']');
    return true;
}

static bool blk_query_block(BlkCall *b, GError **err)
{
    const char **ids = machine_backend_ids(b->c->m, "drive");
    JsonOut *j = b->c->out;

    json_out_begin(j, NULL, '[');
    for (const char **id = ids; id && *id; id++) {
        BlockBackend *drive = machine_find_backend(b->c->m, "drive", *id);

        json_out_begin(j, NULL, '{');
        json_out_str(j, "device", *id);
        json_out_bool(j, "locked", false);
        json_out_bool(j, "removable", false);
        blk_node_json(j, "inserted", block_backend_node(drive));
        json_out_str(j, "type", "unknown");
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    g_free(ids);
    return true;
}

static bool blk_resize(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name");
    BlockNode *n = blk_node_named(b, name ? name : blk_str(b, "device"), err);

    return n && block_node_resize(n, blk_num(b, "size", 0), true, BLOCK_PREALLOC_OFF, err);
}

/* The overlay, which is open already without a backing image, comes above the node. */
static bool blk_snapshot(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "node", err), *overlay = n ? blk_node(b, "overlay", err) : NULL;

    if (!overlay) {
        return false;
    }
    if (block_node_backing(overlay)) {
        return error_set(err, "The overlay already has a backing image");
    }
    return block_node_flush(n) == 0 && block_node_set_backing(overlay, n, err) &&
           block_node_replace(n, overlay, err);
}

/* ---- Jobs ---- */

static bool blk_policy(BlkCall *b, const char *key, JobOnError *out, GError **err)
{
    static const char *const names[] = { "report", "ignore", "stop", "enospc", NULL };
    const char *text = blk_str(b, key);

    *out = JOB_ERROR_REPORT;
    for (unsigned i = 0; text && names[i]; i++) {
        if (!strcmp(names[i], text)) {
            *out = (JobOnError)i;
            return true;
        }
    }
    return !text || !strcmp(text, "auto") ||
           error_set(err, "Parameter '%s' does not accept value '%s'", key, text);
}

static bool blk_job_options(BlkCall *b, JobOptions *o, BlockNode *n, GError **err)
{
    *o = (JobOptions){ .id = blk_str(b, "job-id"), .node = n, .speed = blk_num(b, "speed", 0) };
    o->id = o->id ? o->id : blk_str(b, "device");
    o->flags |= blk_flag(b, "auto-finalize", true) ? 0 : JOB_MANUAL_FINALIZE;
    o->flags |= blk_flag(b, "auto-dismiss", true) ? 0 : JOB_MANUAL_DISMISS;
    return blk_policy(b, blk_str(b, "on-error") ? "on-error" : "on-source-error",
                      &o->on_source_error, err) &&
           blk_policy(b, "on-target-error", &o->on_target_error, err);
}

static bool blk_start(BlockJob *j)
{
    if (j) {
        block_job_start(j);
    }
    return j != NULL;
}

static bool blk_sync(BlkCall *b, JobSync *out, GError **err)
{
    static const char *const names[] = { "full", "top", "none", "incremental", "bitmap", NULL };
    const char *text = blk_str(b, "sync");

    for (unsigned i = 0; text && names[i]; i++) {
        if (!strcmp(names[i], text)) {
            *out = (JobSync)i;
            return true;
        }
    }
    return error_set(err, "Parameter 'sync' does not accept value '%s'", text ? text : "");
}

static bool blk_mirror(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err);
    MirrorOptions m = { .granularity = blk_num(b, "granularity", 0) };
    const char *mode = blk_str(b, "copy-mode");
    JobOptions o;

    m.target = n ? blk_node(b, "target", err) : NULL;
    m.replaces = m.target ? blk_node(b, "replaces", err) : NULL;
    m.write_blocking = mode && !strcmp(mode, "write-blocking");
    return m.target && !*err && blk_job_options(b, &o, n, err) && blk_sync(b, &m.sync, err) &&
           (m.sync <= SYNC_NONE ||
            error_set(err, "Sync mode '%s' not supported", blk_str(b, "sync"))) &&
           blk_start(job_mirror_new(b->g, &o, &m, err));
}

static BlockJob *blk_backup_make(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err);
    BackupOptions bo = { .compress = blk_flag(b, "compress", false) };
    const char *bitmap = blk_str(b, "bitmap"), *mode = blk_str(b, "bitmap-mode");
    JobOptions o;

    bo.target = n ? blk_node(b, "target", err) : NULL;
    if (!bo.target || !blk_job_options(b, &o, n, err) || !blk_sync(b, &bo.sync, err)) {
        return NULL;
    }
    if (bitmap && !(bo.bitmap = block_bitmap_find(n, bitmap))) {
        error_set(err, "Bitmap '%s' could not be found", bitmap);
        return NULL;
    }
    bo.bitmap_mode = mode && !strcmp(mode, "never")    ? BITMAP_NEVER
                     : mode && !strcmp(mode, "always") ? BITMAP_ALWAYS
                                                       : BITMAP_ON_SUCCESS;
    return job_backup_new(b->g, &o, &bo, err);
}

static bool blk_backup(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err);
    BlockJob *j;

    if (!n) {
        return false;
    }
    block_node_drain(n); /* the copy is of one moment */
    j = blk_backup_make(b, err);
    block_node_undrain(n);
    return blk_start(j);
}

/* By node name, or by the file's name in the chain below @top. */
static BlockNode *blk_in_chain(BlkCall *b, BlockNode *top, const char *node_key,
                               const char *file_key, GError **err)
{
    const char *file = blk_str(b, file_key);

    if (blk_str(b, node_key)) {
        return blk_node(b, node_key, err);
    }
    for (BlockNode *n = top; n && file; n = block_node_backing(n)) {
        if (!strcmp(block_node_filename(n), file)) {
            return n;
        }
    }
    if (file) {
        error_set(err, "Can't find '%s' in the backing chain", file);
    }
    return NULL;
}

static bool blk_commit(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err), *top, *base;
    JobOptions o;

    if (!n || !blk_job_options(b, &o, n, err)) {
        return false;
    }
    top = blk_in_chain(b, n, "top-node", "top", err);
    base = *err ? NULL : blk_in_chain(b, n, "base-node", "base", err);
    top = top ? top : n;
    if (*err) {
        return false;
    }
    if (!base) { /* the bottom of the chain */
        for (base = top; block_node_backing(base); base = block_node_backing(base)) {
        }
    }
    return blk_start(job_commit_new(b->g, &o, n, top, base, blk_str(b, "backing-file"), err));
}

static bool blk_stream(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err), *base;
    JobOptions o;

    if (!n || !blk_job_options(b, &o, n, err)) {
        return false;
    }
    base = blk_in_chain(b, n, "base-node", "base", err);
    return !*err && blk_start(job_stream_new(b->g, &o, base, blk_str(b, "backing-file"), err));
}

static bool blk_verb(BlkCall *b, GError **err)
{
    const char *verb = b->c->cmd->name, *id = blk_str(b, "id");
    BlockJob *j;

    id = id ? id : blk_str(b, "device");
    j = block_job_find(block_jobs(b->g), id);
    if (!j) {
        b->c->error_class = "DeviceNotActive";
        return error_set(
            err, g_str_has_prefix(verb, "block-") ? "Block job '%s' not found" : "Job not found",
            id);
    }
    verb += g_str_has_prefix(verb, "block-") ? strlen("block-job-") : strlen("job-");
    if (!strcmp(verb, "cancel")) {
        bool job_verb = g_str_has_prefix(b->c->cmd->name, "job-");

        return block_job_cancel(j, job_verb || blk_flag(b, "force", false), err);
    }
    if (!strcmp(verb, "set-speed")) {
        const char *text = blk_str(b, "speed");

        return block_job_set_speed(j, text ? g_ascii_strtoll(text, NULL, 10) : 0, err);
    }
    return !strcmp(verb, "pause")      ? block_job_pause(j, err)
           : !strcmp(verb, "resume")   ? block_job_resume(j, err)
           : !strcmp(verb, "complete") ? block_job_complete(j, err)
           : !strcmp(verb, "finalize") ? block_job_finalize(j, err)
                                       : block_job_dismiss(j, err);
}

static bool blk_query_jobs(BlkCall *b, GError **err)
{
    bool block = !strcmp(b->c->cmd->name, "query-block-jobs");
    JsonOut *out = b->c->out;

    json_out_begin(out, NULL, '[');
    for (BlockJob *j = NULL; (j = block_job_next(block_jobs(b->g), j));) {
        JobInfo i = block_job_info(j);

        json_out_begin(out, NULL, '{');
        if (block) {
            json_out_bool(out, "auto-finalize", i.auto_finalize);
            json_out_str(out, "io-status", i.io_error ? "failed" : "ok");
            json_out_str(out, "device", i.id);
            json_out_bool(out, "auto-dismiss", i.auto_dismiss);
            json_out_bool(out, "busy", i.busy);
            json_out_uint(out, "len", i.len);
            json_out_uint(out, "offset", i.offset);
            json_out_str(out, "status", job_status_name(i.status));
            json_out_bool(out, "paused", i.paused);
            json_out_uint(out, "speed", i.speed);
            json_out_bool(out, "ready", i.ready);
        } else {
            json_out_uint(out, "current-progress", i.offset);
            json_out_str(out, "status", job_status_name(i.status));
            json_out_uint(out, "total-progress", i.len);
            json_out_str(out, "id", i.id);
        }
        json_out_str(out, "type", i.type);
        if (i.error) {
            json_out_str(out, "error", i.error);
        }
        json_out_end(out, '}');
    }
    json_out_end(out, ']');
    return true;
}

/* ---- Bitmaps ---- */

static BlockBitmap *blk_bitmap(BlkCall *b, const char *node, const char *name, BlockBitmapUse use,
                               GError **err)
{
    BlockNode *n = blk_node_named(b, node, err);
    BlockBitmap *bm = n ? block_bitmap_find(n, name) : NULL;

    if (n && !bm) {
        error_set(err, "Dirty bitmap '%s' not found", name);
    }
    return bm && block_bitmap_usable(bm, use, err) ? bm : NULL;
}

static bool blk_bitmap_add(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "node", err);
    BlockBitmap *bm =
        n ? block_bitmap_new(n, blk_str(b, "name"), blk_num(b, "granularity", 0), err) : NULL;

    if (!bm) {
        return false;
    }
    block_bitmap_set_flag(bm, BLOCK_BITMAP_PERSISTENT, blk_flag(b, "persistent", false));
    block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, !blk_flag(b, "disabled", false));
    return true;
}

static bool blk_bitmap_change(BlkCall *b, GError **err)
{
    const char *verb = b->c->cmd->name + strlen("block-dirty-bitmap-");
    bool remove = !strcmp(verb, "remove");
    BlockBitmap *bm = blk_bitmap(b, blk_str(b, "node"), blk_str(b, "name"),
                                 remove ? BLOCK_BITMAP_USE_REMOVE : BLOCK_BITMAP_USE_WRITE, err);

    if (!bm) {
        return false;
    }
    if (remove) {
        block_bitmap_remove(bm);
    } else if (!strcmp(verb, "clear")) {
        dirty_bits_clear(block_bitmap_bits(bm), 0, UINT64_MAX);
    } else {
        block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, !strcmp(verb, "enable"));
    }
    return true;
}

static bool blk_bitmap_merge(BlkCall *b, GError **err)
{
    const char *node = blk_str(b, "node");
    BlockBitmap *to = blk_bitmap(b, node, blk_str(b, "target"), BLOCK_BITMAP_USE_WRITE, err);

    for (unsigned i = 0; to; i++) {
        g_autofree char *plain = g_strdup_printf("bitmaps.%u", i);
        g_autofree char *of = g_strdup_printf("bitmaps.%u.node", i);
        g_autofree char *name = g_strdup_printf("bitmaps.%u.name", i);
        const char *what = blk_str(b, plain) ? blk_str(b, plain) : blk_str(b, name);
        BlockBitmap *from;

        if (!what) {
            return true;
        }
        from =
            blk_bitmap(b, blk_str(b, of) ? blk_str(b, of) : node, what, BLOCK_BITMAP_USE_READ, err);
        if (!from) {
            return false;
        }
        if (dirty_bits_size(block_bitmap_bits(from)) != dirty_bits_size(block_bitmap_bits(to))) {
            return error_set(err, "Bitmaps are of different sizes");
        }
        dirty_bits_merge(block_bitmap_bits(to), block_bitmap_bits(from));
    }
    return false;
}

/* ---- The commands ---- */

#define BLK_COMMAND(name, fn)           \
    bool name(MonCall *c, GError **err) \
    {                                   \
        return blk_call(c, fn, err);    \
    }

BLK_COMMAND(cmd_blockdev_add, blk_add)
BLK_COMMAND(cmd_blockdev_del, blk_del)
BLK_COMMAND(cmd_query_nodes, blk_query_nodes)
BLK_COMMAND(cmd_query_block, blk_query_block)
BLK_COMMAND(cmd_block_resize, blk_resize)
BLK_COMMAND(cmd_blockdev_snapshot, blk_snapshot)
BLK_COMMAND(cmd_blockdev_mirror, blk_mirror)
BLK_COMMAND(cmd_blockdev_backup, blk_backup)
BLK_COMMAND(cmd_block_commit, blk_commit)
BLK_COMMAND(cmd_block_stream, blk_stream)
BLK_COMMAND(cmd_job_verb, blk_verb)
BLK_COMMAND(cmd_query_jobs, blk_query_jobs)
BLK_COMMAND(cmd_bitmap_add, blk_bitmap_add)
BLK_COMMAND(cmd_bitmap_change, blk_bitmap_change)
BLK_COMMAND(cmd_bitmap_merge, blk_bitmap_merge)
