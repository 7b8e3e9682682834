/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on disks and their jobs for people: each calls what QMP has. */
#include "monitor/block-call.h"
#include "monitor/hmp-args.h"

#include <string.h>

/* The QMP command of the row's name for people, with '-' and other words in it. */
static bool hmp_same(MonCall *c, const char *spec, const char *command, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, spec, &a)) {
        return true;
    }
    hmp_call(&h, c, command, &a);
    return hmp_call_run(&h, err);
}

bool hmp_block_resize(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B,size:o", "block_resize", err);
}

/* ---- Jobs ---- */

bool hmp_block_stream(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B,speed:o?,base:s?", "block-stream", err);
}

bool hmp_job_set_speed(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B,speed:o", "block-job-set-speed", err);
}

bool hmp_job_cancel(MonCall *c, GError **err)
{
    return hmp_same(c, "force:-f,device:B", "block-job-cancel", err);
}

bool hmp_job_complete(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B", "block-job-complete", err);
}

bool hmp_job_pause(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B", "block-job-pause", err);
}

bool hmp_job_resume(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B", "block-job-resume", err);
}

bool hmp_drive_mirror(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "reuse:-n,full:-f,device:B,target:s,format:s?", &a)) {
        return true;
    }
    hmp_call(&h, c, "drive-mirror", &a);
    hmp_set_str(&h, "sync", hmp_flag(&a, "full") ? "full" : "top");
    hmp_set_str(&h, "mode", hmp_flag(&a, "reuse") ? "existing" : "absolute-paths");
    hmp_set_flag(&h, "unmap", true);
    return hmp_call_run(&h, err);
}

bool hmp_drive_backup(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "reuse:-n,full:-f,compress:-c,device:B,target:s,format:s?", &a)) {
        return true;
    }
    hmp_call(&h, c, "drive-backup", &a);
    hmp_set_str(&h, "sync", hmp_flag(&a, "full") ? "full" : "top");
    hmp_set_str(&h, "mode", hmp_flag(&a, "reuse") ? "existing" : "absolute-paths");
    return hmp_call_run(&h, err);
}

/* ---- Snapshots ---- */

bool hmp_snapshot_blkdev(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "reuse:-n,device:B,snapshot-file:s?,format:s?", &a)) {
        return true;
    }
    if (!hmp_str(&a, "snapshot-file")) {
        return error_set(err, "Parameter 'snapshot-file' is missing");
    }
    hmp_call(&h, c, "blockdev-snapshot-sync", &a);
    hmp_set_str(&h, "mode", hmp_flag(&a, "reuse") ? "existing" : "absolute-paths");
    return hmp_call_run(&h, err);
}

bool hmp_snapshot_internal(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B,name:s", "blockdev-snapshot-internal-sync", err);
}

bool hmp_snapshot_delete_internal(MonCall *c, GError **err)
{
    return hmp_same(c, "device:B,name:s,id:s?", "blockdev-snapshot-delete-internal-sync", err);
}

/* ---- Objects ---- */

bool hmp_object_add(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    Options o = { 0 };
    bool ok;

    if (!hmp_args(c, "object:S", &a)) {
        return true;
    }
    ok = options_parse(&o, hmp_str(&a, "object"), "qom-type", err) &&
         mon_run_options(c->host, "object-add", &o, err);
    options_deinit(&o);
    return ok;
}

bool hmp_object_del(MonCall *c, GError **err)
{
    return hmp_same(c, "id:s", "object-del", err);
}

/* ---- What jobs do ---- */

static bool blk_info_jobs(BlkCall *b, GError **err)
{
    unsigned shown = 0;

    for (BlockJob *j = NULL; (j = block_job_next(block_jobs(b->g), j));) {
        JobInfo i = block_job_info(j);

        if (i.flags & JOB_NOT_BLOCK) {
            continue;
        }
        shown++;
        if (!strcmp(i.type, "stream")) {
            g_string_append_printf(b->c->text, "Streaming device %s: ", i.id);
        } else {
            g_string_append_printf(b->c->text, "Type %s, device %s: ", i.type, i.id);
        }
        g_string_append_printf(b->c->text,
                               "Completed %" PRIu64 " of %" PRIu64 " bytes, speed limit %" PRIu64
                               " bytes/s\n",
                               i.offset, i.len, i.speed);
    }
    if (!shown) {
        g_string_append(b->c->text, "No active jobs\n");
    }
    return true;
}

bool hmp_info_jobs(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };

    return !hmp_args(c, "", &a) || blk_call(c, blk_info_jobs, err);
}
