/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirrors: a copy that follows the guest's writes until it takes the source's place, or is cut off.
 * A commit of the image that the guest writes is one too, into the image at the bottom.
 */
#include "block/job/copy.h"
#include "block/job/jobs.h"
#include "block/job/mirror.h"
#include "util/bits.h"

#include <errno.h>

#define MIRROR_WAIT_NS 100000000ull

typedef struct Mirror {
    BlockHook hook; /* first: the hook is the mirror */
    BlockJob *job;
    BlockNode *target, *replaces, *base; /* base: what lies in it and below is not copied */
    JobSync sync;
    bool write_blocking, hooked, drained, complete, is_commit, target_is_new;
    JobCopy copy;
    DirtyBits *bits;
} Mirror;

static void mirror_after(BlockHook *h, uint64_t off, uint64_t len)
{
    Mirror *m = (Mirror *)h;

    dirty_bits_set(m->bits, off, len);
    if (m->write_blocking) {
        uint64_t step = dirty_bits_granularity(m->bits), start = bits_align_down(off, step);
        uint64_t end = min_u64(bits_align_up(off + len, step), dirty_bits_size(m->bits));

        /* A failure leaves the bits: the job's own pass meets it again, and judges. */
        (void)job_copy_now(&m->copy, start, end - start);
        return;
    }
    job_wake(m->job);
}

static int mirror_mark(Mirror *m)
{
    BlockNode *source = job_node(m->job);

    switch (m->sync) {
    case SYNC_FULL:
        if (m->target_is_new) { /* what is nowhere reads as zeros there already */
            return job_mark_allocated(m->job, m->bits, source, NULL);
        }
        dirty_bits_set(m->bits, 0, UINT64_MAX);
        return 0;
    case SYNC_TOP:
        return job_mark_allocated(m->job, m->bits, source,
                                  m->is_commit ? m->base : block_node_backing(source));
    default:
        return 0;
    }
}

/* Nothing is written any more, and both are equal: stays so until the end of the job. */
static int mirror_still(Mirror *m)
{
    int ret;

    block_node_drain(job_node(m->job));
    m->drained = true;
    do {
        ret = job_copy_pass(&m->copy);
    } while (!ret && dirty_bits_count(m->bits));
    return ret ? ret : block_node_flush(m->target);
}

static int mirror_run(BlockJob *j)
{
    Mirror *m = block_job_priv(j);
    int ret = mirror_mark(m);

    job_set_total(j, dirty_bits_count(m->bits));
    while (!ret) {
        uint64_t left;

        ret = job_copy_pass(&m->copy);
        left = dirty_bits_count(m->bits);
        if (ret) {
            break;
        }
        if (!left) {
            ret = block_node_flush(m->target);
            if (ret) {
                break;
            }
            job_ready(j);
        }
        if (!job_point(j, 0)) {
            return -ECANCELED;
        }
        if (block_job_info(j).ready && (m->complete || job_is_soft_cancelled(j))) {
            return mirror_still(m);
        }
        if (!left) {
            job_sleep(j, MIRROR_WAIT_NS);
        }
        job_set_total(j, block_job_info(j).offset + dirty_bits_count(m->bits));
    }
    return ret;
}

static bool mirror_complete(BlockJob *j, GError **err)
{
    ((Mirror *)block_job_priv(j))->complete = true;
    return true;
}

static bool mirror_prepare(BlockJob *j, GError **err)
{
    Mirror *m = block_job_priv(j);
    BlockNode *from = m->replaces ? m->replaces : job_node(j);

    if (!m->complete || job_is_soft_cancelled(j)) {
        return true;
    }
    return block_node_replace(from, m->target, err);
}

static void mirror_clean(BlockJob *j)
{
    Mirror *m = block_job_priv(j);
    BlockNode *source = job_node(j);

    if (m->hooked) {
        if (!m->drained) {
            block_node_drain(source);
            m->drained = true;
        }
        block_hook_remove(source, &m->hook);
    }
    job_copy_settle(&m->copy);
    if (m->drained) {
        block_node_undrain(source);
    }
    dirty_bits_free(m->bits);
    block_node_unref(m->target);
    block_node_unref(m->replaces);
    block_node_unref(m->base);
}

static const BlockJobType mirror_type = {
    .name = "mirror",
    .size = sizeof(Mirror),
    .run = mirror_run,
    .prepare = mirror_prepare,
    .complete = mirror_complete,
    .clean = mirror_clean,
};

static const BlockJobType active_commit_type = {
    .name = "commit",
    .size = sizeof(Mirror),
    .run = mirror_run,
    .prepare = mirror_prepare,
    .complete = mirror_complete,
    .clean = mirror_clean,
};

static BlockJob *mirror_make(BlockGraph *g, const BlockJobType *type, const JobOptions *o,
                             const MirrorOptions *mo, BlockNode *base, GError **err)
{
    uint64_t step = mo->granularity ? mo->granularity : 64 << 10;
    BlockJob *j = block_job_new(g, type, o, err);
    Mirror *m;

    if (!j) {
        return NULL;
    }
    m = block_job_priv(j);
    m->job = j;
    m->bits = dirty_bits_new(block_node_size(o->node), step);
    m->target = block_node_ref(mo->target);
    m->replaces = mo->replaces ? block_node_ref(mo->replaces) : NULL;
    m->base = base ? block_node_ref(base) : NULL;
    m->sync = mo->sync;
    m->target_is_new = mo->target_is_new;
    m->write_blocking = mo->write_blocking;
    m->is_commit = base != NULL;
    m->copy =
        (JobCopy){ .job = j, .from = o->node, .to = m->target, .bits = m->bits, .counted = true };
    m->hook.after = mirror_after;
    if (!m->bits) {
        block_job_drop(j);
        error_set(err, "no memory for the map of what is to be copied");
        return NULL;
    }
    block_hook_add(o->node, &m->hook);
    m->hooked = true;
    return j;
}

static bool mirror_check(const JobOptions *o, const MirrorOptions *mo, GError **err)
{
    uint64_t step = mo->granularity;

    if (step && (step < 512 || step > 64 << 20)) {
        return error_set(err, "Parameter 'granularity' expects a value in range [512B, 64MB]");
    }
    if (step & (step - 1)) {
        return error_set(err, "Parameter 'granularity' expects a power of 2");
    }
    if (mo->target == o->node) {
        return error_set(err, "Can't mirror node into itself");
    }
    if (block_node_is_read_only(mo->target)) {
        return error_set(err, "Node '%s' is read only", block_node_name(mo->target));
    }
    if (block_node_size(mo->target) != block_node_size(o->node)) {
        return error_set(err,
                         "The target has %" G_GUINT64_FORMAT " bytes, the source %" G_GUINT64_FORMAT
                         ": they must be equal",
                         block_node_size(mo->target), block_node_size(o->node));
    }
    return true;
}

BlockJob *job_mirror_new(BlockGraph *g, const JobOptions *o, const MirrorOptions *m, GError **err)
{
    return mirror_check(o, m, err) ? mirror_make(g, &mirror_type, o, m, NULL, err) : NULL;
}

BlockJob *job_active_commit_new(BlockGraph *g, const JobOptions *o, BlockNode *base, GError **err)
{
    MirrorOptions mo = { .target = base, .sync = SYNC_TOP };

    return mirror_check(o, &mo, err) ? mirror_make(g, &active_commit_type, o, &mo, base, err)
                                     : NULL;
}
