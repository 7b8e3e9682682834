/* SPDX-License-Identifier: Apache-2.0 */
#include "block/job/copy.h"
#include "block/job/jobs.h"
#include "util/bits.h"

#include <errno.h>

#define BACKUP_WAIT_NS 500000000ull

typedef struct Backup {
    BlockHook hook; /* first: the hook is the backup */
    BlockJob *job;
    BlockNode *target;
    BlockBitmap *bitmap;
    BackupOptions o;
    bool hooked, frozen, succeeded;
    int error; /* of a copy before a guest's write */
    DirtyBits *todo;
    JobCopy copy;
} Backup;

/* A guest's write: what it changes is copied first, or else is being copied. */
static void backup_before(BlockHook *h, uint64_t off, uint64_t len)
{
    Backup *b = (Backup *)h;
    uint64_t step = dirty_bits_granularity(b->todo), size = dirty_bits_size(b->todo);
    uint64_t at = bits_align_down(off, step), end = min_u64(off + len, size);

    while (at < end && !b->error) {
        uint64_t n = min_u64(step, size - at);

        /* Also where its bit is clear: its copy may be under way, and still to read. */
        job_copy_wait(&b->copy, at, n);
        if (dirty_bits_get(b->todo, at)) {
            int ret = job_copy_now(&b->copy, at, n);

            if (ret) {
                b->error = ret; /* the guest goes on; the backup is lost */
                job_wake(b->job);
            }
        }
        at += n;
    }
}

/* What the top image does not hold itself needs no copy. */
static int backup_keep_top(Backup *b)
{
    BlockNode *n = job_node(b->job);
    uint64_t size = block_node_size(n);

    for (uint64_t off = 0; off < size;) {
        BlockStatus st;
        int ret = block_node_status(n, off, size - off, &st);

        if (ret) {
            return ret;
        }
        if (!(st.bits & BLOCK_STATUS_ALLOCATED)) {
            dirty_bits_clear(b->todo, off, st.len);
        }
        off += st.len;
        if (!job_point(b->job, 0)) {
            return -ECANCELED;
        }
    }
    return 0;
}

static int backup_run(BlockJob *j)
{
    Backup *b = block_job_priv(j);
    int ret = b->o.sync == SYNC_TOP ? backup_keep_top(b) : 0;

    job_set_total(j, dirty_bits_count(b->todo));
    while (b->o.sync == SYNC_NONE && !ret && !b->error) { /* until the user ends it */
        if (!job_point(j, 0)) {
            return -ECANCELED;
        }
        job_sleep(j, BACKUP_WAIT_NS);
    }
    if (!ret && !b->error) {
        ret = job_copy_pass(&b->copy);
    }
    ret = ret ? ret : b->error;
    ret = ret ? ret : block_node_flush(b->target);
    b->succeeded = !ret;
    return ret;
}

static void backup_commit(BlockJob *j)
{
    Backup *b = block_job_priv(j);

    if (b->frozen) {
        b->frozen = false;
        if (b->o.bitmap_mode == BITMAP_NEVER) {
            block_bitmap_reclaim(b->bitmap);
        } else {
            block_bitmap_abdicate(b->bitmap);
        }
    }
}

static void backup_clean(BlockJob *j)
{
    Backup *b = block_job_priv(j);
    BlockNode *n = job_node(j);

    if (b->hooked) {
        block_node_drain(n);
        block_hook_remove(n, &b->hook);
        job_copy_settle(&b->copy);
        block_node_undrain(n);
    }
    if (b->frozen) { /* it failed */
        if (b->o.bitmap_mode == BITMAP_ALWAYS) {
            block_bitmap_abdicate(b->bitmap);
            dirty_bits_merge(block_bitmap_bits(b->bitmap), b->todo);
        } else {
            block_bitmap_reclaim(b->bitmap);
        }
    }
    dirty_bits_free(b->todo);
    block_node_unref(b->target);
}

static const BlockJobType backup_type = {
    .name = "backup",
    .size = sizeof(Backup),
    .run = backup_run,
    .commit = backup_commit,
    .clean = backup_clean,
};

static bool backup_check(const JobOptions *o, const BackupOptions *b, GError **err)
{
    if (b->target == o->node) {
        return error_set(err, "Source and target cannot be the same");
    }
    if (block_node_is_read_only(b->target)) {
        return error_set(err, "Node '%s' is read only", block_node_name(b->target));
    }
    if (block_node_size(b->target) != block_node_size(o->node)) {
        return error_set(err, "Source and target image have different sizes");
    }
    if ((b->sync == SYNC_INCREMENTAL || b->sync == SYNC_BITMAP) && !b->bitmap) {
        return error_set(err, "must provide a valid bitmap name for '%s' sync mode",
                         b->sync == SYNC_BITMAP ? "bitmap" : "incremental");
    }
    if (b->sync == SYNC_INCREMENTAL && b->bitmap_mode != BITMAP_ON_SUCCESS) {
        return error_set(err, "Bitmap sync mode must be 'on-success' when using sync mode "
                              "'incremental'");
    }
    return true;
}

BlockJob *job_backup_new(BlockGraph *g, const JobOptions *o, const BackupOptions *bo, GError **err)
{
    uint64_t step = max_u64(64 << 10, block_node_cluster_size(bo->target));
    BlockJob *j = backup_check(o, bo, err) ? block_job_new(g, &backup_type, o, err) : NULL;
    Backup *b;

    if (!j) {
        return NULL;
    }
    b = block_job_priv(j);
    b->job = j;
    b->o = *bo;
    b->bitmap = bo->bitmap;
    b->target = block_node_ref(bo->target);
    b->todo = dirty_bits_new(block_node_size(o->node), step);
    b->copy = (JobCopy){ .job = j,
                         .from = o->node,
                         .to = b->target,
                         .bits = b->todo,
                         .write_flags = bo->compress ? BLOCK_REQ_COMPRESSED : 0,
                         .counted = true };
    b->hook.before = backup_before;
    if (!b->todo) {
        error_set(err, "no memory for the map of what is to be copied");
    } else if (b->bitmap && block_bitmap_freeze(b->bitmap, err)) {
        b->frozen = true;
    }
    if (*err) {
        block_job_drop(j);
        return NULL;
    }
    if (bo->sync == SYNC_INCREMENTAL || bo->sync == SYNC_BITMAP) {
        dirty_bits_merge(b->todo, block_bitmap_bits(b->bitmap));
    } else {
        dirty_bits_set(b->todo, 0, UINT64_MAX);
    }
    block_hook_add(o->node, &b->hook);
    b->hooked = true;
    return j;
}
