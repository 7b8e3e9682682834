/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of disks: into nodes, and into images that are made or opened for it. */
#include "monitor/block-txn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- Images by file name ---- */

const BlockDriver *blk_format(const char *name, GError **err)
{
    const BlockDriver *d = block_driver_find(name);

    if (!d || d->kind == BLOCK_FILTER) {
        error_set(err, "Unknown file format '%s'", name);
        return NULL;
    }
    return d;
}

bool blk_new_image_mode(BlkCall *b, bool *create, GError **err)
{
    const char *mode = blk_str(b, "mode");

    *create = !mode || !strcmp(mode, "absolute-paths");
    return *create || !strcmp(mode, "existing") ||
           error_set(err, "Parameter 'mode' does not accept value '%s'", mode);
}

bool blk_image_create_with(BlockGraph *g, const BlockDriver *format, const char *file,
                           uint64_t size, Options *o, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(file);

    if (!strchr(file, ':') && access(folder, F_OK)) {
        return error_set(err, "Could not create '%s': %s", file, g_strerror(errno));
    }
    return block_image_create(g, format, file, size, o, 0, err);
}

bool blk_image_create(BlockGraph *g, const BlockDriver *format, const char *file, uint64_t size,
                      const char *backing, const char *backing_format, GError **err)
{
    Options o = { 0 };
    bool ok;

    if (backing) {
        options_add(&o, "backing_file", backing);
        options_add(&o, "backing_fmt", backing_format);
    }
    ok = blk_image_create_with(g, format, file, size, &o, err);
    options_deinit(&o);
    return ok;
}

BlockNode *blk_open_image(BlockGraph *g, Options *o, const char *file, unsigned flags, GError **err)
{
    if (!strchr(file, ':') && access(file, F_OK)) {
        error_set(err, "Could not open '%s': %s", file, g_strerror(errno));
        return NULL;
    }
    return block_node_open(g, o, flags, err);
}

typedef struct DriveTarget {
    JobSync sync;
    BlockNode *node;
    char *made; /* was not there before */
    bool zeros; /* reads as zeros: a new image in a file, which a host device is not */
} DriveTarget;

/* The target of drive-backup and drive-mirror. */
static bool drive_target(BlkCall *b, BlockNode *n, DriveTarget *t, GError **err)
{
    unsigned kept = BLOCK_OPEN_UNSAFE | BLOCK_OPEN_DIRECT | BLOCK_OPEN_WRITETHROUGH |
                    BLOCK_OPEN_DISCARD | BLOCK_OPEN_LOCK_OFF;
    const char *file = blk_str(b, "target"), *format = blk_str(b, "format");
    const char *name = blk_str(b, "node-name");
    BlockNode *below = t->sync == SYNC_NONE  ? n
                       : t->sync == SYNC_TOP ? block_node_backing(n)
                                             : NULL;
    const BlockDriver *drv = NULL;
    bool create;
    Options o = { 0 };

    if (!blk_new_image_mode(b, &create, err)) {
        return false;
    }
    format = !format && create ? block_node_format(n) : format;
    if (format && !(drv = blk_format(format, err))) {
        return false;
    }
    if (create) {
        t->made = access(file, F_OK) ? g_strdup(file) : NULL;
        if (!blk_image_create(b->g, drv, file, block_node_size(n),
                              below ? block_node_filename(below) : NULL,
                              below ? block_node_format(below) : NULL, err)) {
            return false;
        }
    }
    t->zeros = create && g_file_test(file, G_FILE_TEST_IS_REGULAR);
    if (drv) {
        options_add(&o, "driver", drv->name);
    }
    if (name) {
        options_add(&o, "node-name", name);
    }
    options_add(&o, "filename", file);
    t->node = blk_open_image(b->g, &o, file,
                             (block_node_flags(n) & kept) | BLOCK_OPEN_WRITE |
                                 (create ? BLOCK_OPEN_NO_BACKING : 0),
                             err);
    options_deinit(&o);
    return t->node && (!create || !below || block_node_set_backing(t->node, below, err));
}

static void drive_failed(DriveTarget *t)
{
    block_node_unref(t->node);
    if (t->made) {
        unlink(t->made);
    }
}

/* ---- Actions ---- */

static bool backup_prepare(BlkItem *i, GError **err)
{
    BlkCall *b = &i->call;
    BlockNode *n = blk_node(b, "device", err), *target = n ? blk_node(b, "target", err) : NULL;

    i->call.held = true;
    i->job = target ? blk_backup_make(b, n, target, err) : NULL;
    return blk_start(b, i->job);
}

static bool drive_backup_prepare(BlkItem *i, GError **err)
{
    BlkCall *b = &i->call;
    BlockNode *n = blk_node(b, "device", err);
    DriveTarget t = { 0 };

    i->call.held = true;
    if (!n || !blk_sync(b, &t.sync, err)) {
        return false;
    }
    if (drive_target(b, n, &t, err)) {
        i->job = blk_backup_make(b, n, t.node, err);
    }
    if (!i->job) {
        drive_failed(&t);
        g_free(t.made);
        return false;
    }
    block_node_unref(t.node); /* the job has it */
    i->made = t.made;
    return blk_start(b, i->job);
}

static void backup_commit(BlkItem *i)
{
    block_job_start(i->job);
}

static void backup_abort(BlkItem *i)
{
    block_job_abandon(i->job);
    if (i->made) {
        unlink(i->made);
    }
}

const BlkAction blk_copy_actions[] = {
    { .name = "blockdev-backup",
      .prepare = backup_prepare,
      .commit = backup_commit,
      .abort = backup_abort },
    { .name = "drive-backup",
      .prepare = drive_backup_prepare,
      .commit = backup_commit,
      .abort = backup_abort },
    { .name = NULL },
};

/* ---- drive-mirror ---- */

static bool blk_drive_mirror(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err);
    DriveTarget t = { 0 };
    BlockJob *j = NULL;

    if (!n || !blk_sync(b, &t.sync, err)) {
        return false;
    }
    if (t.sync == SYNC_TOP && !block_node_backing(n)) {
        t.sync = SYNC_FULL;
    }
    if (drive_target(b, n, &t, err)) {
        j = blk_mirror_make(b, n, t.node, t.sync, t.zeros, err);
    }
    if (j) {
        block_node_unref(t.node);
    } else {
        drive_failed(&t);
    }
    g_free(t.made);
    return blk_start(b, j);
}

BLK_COMMAND(cmd_drive_mirror, blk_drive_mirror)
