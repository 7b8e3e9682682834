/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on disks over QMP. */
#include "monitor/block-call.h"

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
    const char *device = blk_str(b, "device"), *speed = blk_str(b, "speed");

    *o = (JobOptions){ .id = blk_str(b, "job-id"), .node = n, .speed = blk_num(b, "speed", 0) };
    if (!o->id && !blk_drive(b, device)) {
        return error_set(err, "An explicit job ID is required");
    }
    if (speed && *speed == '-') {
        return error_set(err, "Parameter 'speed' expects a non-negative value");
    }
    o->id = o->id ? o->id : device;
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
    if (bitmap && !(bo.bitmap = block_bitmap_find(n, bitmap))) {
        error_set(err, "Bitmap '%s' could not be found", bitmap);
        return NULL;
    }
    bo.bitmap_mode = mode && !strcmp(mode, "never")    ? BITMAP_NEVER
                     : mode && !strcmp(mode, "always") ? BITMAP_ALWAYS
                                                       : BITMAP_ON_SUCCESS;
    return job_backup_new(b->g, &o, &bo, err);
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
    return blk_start(b, job_commit_new(b->g, &o, n, top, base, blk_str(b, "backing-file"), err));
}

static bool blk_stream(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err), *base;
    JobOptions o;

    if (!n || !blk_job_options(b, &o, n, err)) {
        return false;
    }
    base = blk_in_chain(b, n, "base-node", "base", err);
    return !*err && blk_start(b, job_stream_new(b->g, &o, base, blk_str(b, "backing-file"), err));
}

static bool blk_verb(BlkCall *b, GError **err)
{
    const char *verb = b->name, *id = blk_str(b, "id");
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
BLK_COMMAND(cmd_blockdev_mirror, blk_mirror)
BLK_COMMAND(cmd_block_commit, blk_commit)
BLK_COMMAND(cmd_block_stream, blk_stream)
BLK_COMMAND(cmd_job_verb, blk_verb)
BLK_COMMAND(cmd_query_jobs, blk_query_jobs)
