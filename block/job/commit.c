/* SPDX-License-Identifier: Apache-2.0 */
#include "block/job/copy.h"
#include "block/job/jobs.h"
#include "block/job/mirror.h"

typedef struct Commit {
    BlockNode *top, *base, *overlay;
    char *backing_name;
    bool reopened; /* base was read-only before */
    JobCopy copy;
    DirtyBits *bits;
} Commit;

static bool commit_reopen(BlockNode *base, bool write, GError **err)
{
    unsigned flags = block_node_flags(base);

    flags = write ? flags | BLOCK_OPEN_WRITE : flags & ~(unsigned)BLOCK_OPEN_WRITE;
    return block_node_reopen(base, NULL, flags, err);
}

static int commit_run(BlockJob *j)
{
    Commit *c = block_job_priv(j);
    int ret = job_mark_allocated(j, c->bits, c->top, c->base);

    if (ret) {
        return ret;
    }
    /* What is to stay in the base counts as done: the length is the image's. */
    job_set_total(j, block_node_size(c->top));
    job_done(j, block_node_size(c->top) - dirty_bits_count(c->bits));
    ret = job_copy_pass(&c->copy);
    return ret ? ret : block_node_flush(c->base);
}

static bool commit_prepare(BlockJob *j, GError **err)
{
    Commit *c = block_job_priv(j);
    const char *name = c->backing_name ? c->backing_name : block_node_filename(c->base);

    return block_node_set_backing_name(c->overlay, name, block_node_format(c->base), err) &&
           block_node_set_backing(c->overlay, c->base, err);
}

static void commit_clean(BlockJob *j)
{
    Commit *c = block_job_priv(j);
    g_autoptr(GError) ignored = NULL;

    if (c->reopened && !commit_reopen(c->base, false, &ignored)) {
        g_clear_error(&ignored); /* it stays writable, which harms nothing */
    }
    dirty_bits_free(c->bits);
    block_node_unref(c->top);
    block_node_unref(c->base);
    block_node_unref(c->overlay);
    g_free(c->backing_name);
}

static const BlockJobType commit_type = {
    .name = "commit",
    .size = sizeof(Commit),
    .run = commit_run,
    .prepare = commit_prepare,
    .clean = commit_clean,
};

/* @base can be written, and is as long as @top. */
static bool commit_base(BlockNode *top, BlockNode *base, bool *reopened, GError **err)
{
    *reopened = false;
    if (block_node_is_read_only(base)) {
        if (!commit_reopen(base, true, err)) {
            return false;
        }
        *reopened = true;
    }
    return block_node_size(base) >= block_node_size(top) ||
           block_node_resize(base, block_node_size(top), false, BLOCK_PREALLOC_OFF, err);
}

BlockJob *job_commit_new(BlockGraph *g, const JobOptions *o, BlockNode *active, BlockNode *top,
                         BlockNode *base, const char *backing_name, GError **err)
{
    BlockNode *overlay = active, *b = top;
    BlockJob *j;
    Commit *c;
    bool reopened;

    while (b && b != base) {
        b = block_node_backing(b);
    }
    if (!b || top == base) {
        error_set(err, "Node '%s' is not a backing image of '%s'", block_node_name(base),
                  block_node_name(top));
        return NULL;
    }
    if (!commit_base(top, base, &reopened, err)) {
        return NULL;
    }
    if (top == active) {
        return job_active_commit_new(g, o, base, err);
    }
    while (overlay && block_node_backing(overlay) != top) {
        overlay = block_node_backing(overlay);
    }
    if (!overlay) {
        error_set(err, "Node '%s' is not a backing image of '%s'", block_node_name(top),
                  block_node_name(active));
        return NULL;
    }
    j = block_job_new(g, &commit_type, o, err);
    if (!j) {
        return NULL;
    }
    c = block_job_priv(j);
    c->top = block_node_ref(top);
    c->base = block_node_ref(base);
    c->overlay = block_node_ref(overlay);
    c->backing_name = g_strdup(backing_name);
    c->reopened = reopened;
    c->bits = dirty_bits_new(block_node_size(top), 64 << 10);
    c->copy = (JobCopy){ .job = j, .from = top, .to = base, .bits = c->bits, .counted = true };
    if (!c->bits) {
        block_job_drop(j);
        error_set(err, "no memory for the map of what is to be copied");
        return NULL;
    }
    return j;
}
