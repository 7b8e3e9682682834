/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on disks over QMP. */
#include "monitor/block-call.h"

#include <errno.h>
#include <string.h>

bool blk_policy(BlkCall *b, const char *key, JobOnError *out, GError **err)
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

bool blk_job_options(BlkCall *b, JobOptions *o, BlockNode *n, GError **err)
{
    const char *speed = blk_str(b, "speed");

    *o = (JobOptions){ .id = blk_str(b, "job-id"), .node = n, .speed = blk_num(b, "speed", 0) };
    o->id = o->id ? o->id : blk_drive_name(b, n);
    if (!o->id) {
        return error_set(err, "An explicit job ID is required");
    }
    if (speed && *speed == '-') {
        return error_set(err, "Parameter 'speed' expects a non-negative value");
    }
    o->flags |= blk_flag(b, "auto-finalize", true) ? 0 : JOB_MANUAL_FINALIZE;
    o->flags |= blk_flag(b, "auto-dismiss", true) ? 0 : JOB_MANUAL_DISMISS;
    return blk_policy(b, blk_str(b, "on-error") ? "on-error" : "on-source-error",
                      &o->on_source_error, err) &&
           blk_policy(b, "on-target-error", &o->on_target_error, err);
}

bool blk_start(BlkCall *b, BlockJob *j)
{
    if (j && b->txn) {
        block_txn_add(b->txn, j);
    }
    if (j && !b->held) {
        block_job_start(j);
    }
    return j != NULL;
}

bool blk_sync(BlkCall *b, JobSync *out, GError **err)
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

BlockJob *blk_mirror_make(BlkCall *b, BlockNode *n, BlockNode *target, JobSync sync, bool is_new,
                          GError **err)
{
    MirrorOptions m = { .target = target,
                        .sync = sync,
                        .granularity = blk_num(b, "granularity", 0),
                        .target_is_new = is_new };
    const char *mode = blk_str(b, "copy-mode");
    JobOptions o;

    m.replaces = blk_node(b, "replaces", err);
    m.write_blocking = mode && !strcmp(mode, "write-blocking");
    if (*err || !blk_job_options(b, &o, n, err)) {
        return NULL;
    }
    if (mode && !m.write_blocking && strcmp(mode, "background")) {
        error_set(err, "Parameter 'copy-mode' does not accept value '%s'", mode);
        return NULL;
    }
    if (m.sync > SYNC_NONE) {
        error_set(err, "Sync mode '%s' not supported", blk_str(b, "sync"));
        return NULL;
    }
    return job_mirror_new(b->g, &o, &m, err);
}

static bool blk_mirror(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err), *target = n ? blk_node(b, "target", err) : NULL;
    JobSync sync;

    if (target && block_node_parent(n, "backing")) {
        return error_set(err, "Need a root block node");
    }
    return target && blk_sync(b, &sync, err) &&
           blk_start(b, blk_mirror_make(b, n, target, sync, false, err));
}

BlockJob *blk_backup_make(BlkCall *b, BlockNode *n, BlockNode *target, GError **err)
{
    BackupOptions bo = { .compress = blk_flag(b, "compress", false), .target = target };
    const char *bitmap = blk_str(b, "bitmap"), *mode = blk_str(b, "bitmap-mode");
    JobOptions o;

    if (!blk_job_options(b, &o, n, err) || !blk_sync(b, &bo.sync, err)) {
        return NULL;
    }
    if (bo.sync == SYNC_TOP && !strcmp(b->name, "drive-backup") && !block_node_backing(n)) {
        bo.sync = SYNC_FULL;
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

/* Below @top, by the node's name or by the file's; NULL without *err: neither is given. */
static BlockNode *blk_in_chain(BlkCall *b, BlockNode *top, const char *node_key,
                               const char *file_key, GError **err)
{
    const char *file = blk_str(b, file_key), *name = blk_str(b, node_key);

    if (name) {
        BlockNode *n = block_graph_find(b->g, name);

        if (!n) {
            error_set(err, "Cannot find device='' nor node-name='%s'", name);
        }
        return n;
    }
    for (BlockNode *n = top; n && file; n = block_node_backing(n)) {
        if (!strcmp(block_node_filename(n), file)) {
            return n;
        }
    }
    if (file) {
        error_set(err,
                  !strcmp(file_key, "top") ? "Top image file %s not found"
                                           : "Can't find '%s' in the backing chain",
                  file);
    }
    return NULL;
}

static bool blk_is_below(BlockNode *top, const BlockNode *n)
{
    while (top && top != n) {
        top = block_node_backing(top);
    }
    return top;
}

static bool blk_commit(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device");
    g_autoptr(GError) lost = NULL;
    BlockNode *n = blk_node(b, "device", &lost), *top, *base;
    JobOptions o;

    if (!n) {
        b->c->error_class = "DeviceNotFound";
        return error_set(err, "Device '%s' not found", device);
    }
    if (block_node_parent(n, "backing")) {
        return error_set(err, "Need a root block node");
    }
    if (blk_str(b, "top") && blk_str(b, "top-node")) {
        return error_set(err, "'top-node' and 'top' are mutually exclusive");
    }
    if (blk_str(b, "base") && blk_str(b, "base-node")) {
        return error_set(err, "'base-node' and 'base' are mutually exclusive");
    }
    top = blk_in_chain(b, n, "top-node", "top", err);
    top = top ? top : n;
    base = *err ? NULL : blk_in_chain(b, top, "base-node", "base", err);
    if (*err) {
        return false;
    }
    if (!blk_is_below(n, top)) {
        return error_set(err, "Node '%s' is not in this backing file chain", block_node_name(top));
    }
    if (!base) { /* the bottom of the chain */
        for (base = top; block_node_backing(base); base = block_node_backing(base)) {
        }
    }
    if (top == base) {
        return error_set(err, "cannot commit an image into itself");
    }
    return blk_job_options(b, &o, n, err) &&
           blk_start(b, job_commit_new(b->g, &o, n, top, base, blk_str(b, "backing-file"), err));
}

/* What the content above of is to be in the disk: below `bottom`, or `base`; NULL: all. */
static bool blk_stream_base(BlkCall *b, BlockNode *n, BlockNode **base, GError **err)
{
    const char *device = blk_str(b, "device"), *bottom = blk_str(b, "bottom");
    BlockNode *last;

    if (blk_str(b, "base") && blk_str(b, "base-node")) {
        return error_set(err, "'base' and 'base-node' cannot be specified at the same time");
    }
    if (bottom && (blk_str(b, "base") || blk_str(b, "base-node"))) {
        return error_set(err, "'bottom' and '%s' cannot be specified at the same time",
                         blk_str(b, "base") ? "base" : "base-node");
    }
    *base = blk_in_chain(b, n, "base-node", "base", err);
    if (*err) {
        return false;
    }
    if (*base && (*base == n || !blk_is_below(n, *base))) {
        return error_set(err, "Node '%s' is not a backing image of '%s'", block_node_name(*base),
                         device);
    }
    if (bottom) {
        last = block_graph_find(b->g, bottom);
        if (!last) {
            return error_set(err, "Cannot find device='' nor node-name='%s'", bottom);
        }
        if (!blk_is_below(n, last)) {
            return error_set(err, "Node '%s' is not in a chain starting from '%s'", bottom, device);
        }
        *base = block_node_backing(last);
    }
    return *base || !blk_str(b, "backing-file") ||
           error_set(err, "backing file specified, but streaming the entire chain");
}

static bool blk_stream(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err), *base = NULL;
    JobOptions o;

    return n && blk_stream_base(b, n, &base, err) && blk_job_options(b, &o, n, err) &&
           blk_start(b, job_stream_new(b->g, &o, base, blk_str(b, "backing-file"), err));
}

static bool blk_verb(BlkCall *b, GError **err)
{
    const char *verb = b->name, *id = blk_str(b, "id");
    BlockJob *j;

    id = id ? id : blk_str(b, "device");
    j = block_job_find(block_jobs(b->g), id);
    if (!j) {
        b->c->error_class = g_str_has_prefix(verb, "block-") ? "DeviceNotActive" : NULL;
        return error_set(
            err, g_str_has_prefix(verb, "block-") ? "Block job '%s' not found" : "Job not found",
            id);
    }
    verb += g_str_has_prefix(verb, "block-") ? strlen("block-job-") : strlen("job-");
    if (!strcmp(verb, "cancel")) {
        bool job_verb = g_str_has_prefix(b->name, "job-");

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
    bool block = !strcmp(b->name, "query-block-jobs");
    JsonOut *out = b->c->out;

    json_out_begin(out, NULL, '[');
    for (BlockJob *j = NULL; (j = block_job_next(block_jobs(b->g), j));) {
        JobInfo i = block_job_info(j);

        json_out_begin(out, NULL, '{');
        if (block) {
            json_out_bool(out, "auto-finalize", i.auto_finalize);
            json_out_str(out, "io-status",
                         !i.io_error    ? "ok"
                         : i.io_nospace ? "nospace"
                                        : "failed");
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
        if (i.error || i.cancelled) {
            json_out_str(out, "error", i.error ? i.error : g_strerror(ECANCELED));
        }
        json_out_end(out, '}');
    }
    json_out_end(out, ']');
    return true;
}
BLK_COMMAND(cmd_blockdev_mirror, blk_mirror)
BLK_COMMAND(cmd_block_commit, blk_commit)
BLK_COMMAND(cmd_block_stream, blk_stream)
BLK_COMMAND(cmd_job_verb, blk_verb)
BLK_COMMAND(cmd_query_jobs, blk_query_jobs)
