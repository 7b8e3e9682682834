/* SPDX-License-Identifier: Apache-2.0 */
#include "block/job/copy.h"
#include "block/job/jobs.h"
#include "util/bits.h"

#include <errno.h>

enum { STREAM_CHUNK = 512 << 10 };

typedef struct Stream {
    BlockNode *base; /* NULL: none will be left */
    char *backing_name;
} Stream;

/* What lies below is let go of at the end: make sure of it. */
static int stream_is_there(BlockNode *n, uint64_t off, uint64_t len)
{
    BlockStatus st = { .len = 0 };
    int ret = 0;

    for (uint64_t done = 0; done < len && !ret; done += st.len) {
        ret = block_node_status(n, off + done, len - done, &st);
        if (!ret && !(st.bits & BLOCK_STATUS_ALLOCATED)) {
            ret = -ENOTSUP;
        }
    }
    return ret;
}

/* Beyond the end of a backing image there are zeros; with no image left below they are there by
 * themselves. */
static bool stream_is_end(BlockNode *n, const BlockNode *base, uint64_t off)
{
    return !base && block_node_backing(n) && off >= block_node_size(block_node_backing(n));
}

/* Reading it with copy-on-read puts it into the node. */
static int stream_range(BlockJob *j, void *buf, uint64_t off, uint64_t len)
{
    struct iovec iov = { buf, len };
    int ret;

    do {
        bool again;

        ret = block_node_readv(job_node(j), off, &iov, 1,
                               BLOCK_REQ_COPY_ON_READ | BLOCK_REQ_COPY_BEYOND);
        if (ret && !job_error(j, false, -ret, &again)) {
            return ret;
        }
        if (ret && !again) {
            return 0;
        }
    } while (ret);
    return stream_is_there(job_node(j), off, len);
}

static int stream_run(BlockJob *j)
{
    Stream *s = block_job_priv(j);
    BlockNode *n = job_node(j);
    uint64_t size = block_node_size(n);
    g_autofree void *buf = g_malloc(STREAM_CHUNK);
    int ret = 0;

    job_set_total(j, size);
    for (uint64_t off = 0; off < size && !ret;) {
        BlockStatus st;
        uint64_t len = min_u64(size - off, STREAM_CHUNK);
        bool copy = false;

        ret = block_node_status(n, off, len, &st);
        if (!ret && !(st.bits & BLOCK_STATUS_ALLOCATED)) {
            len = min_u64(len, st.len);
            ret = block_node_status_above(n, s->base, off, len, &st);
            copy = st.bits & BLOCK_STATUS_ALLOCATED && !stream_is_end(n, s->base, off);
        }
        if (ret) {
            break;
        }
        len = min_u64(len, st.len);
        if (!job_point(j, copy ? len : 0)) {
            return -ECANCELED;
        }
        if (copy) {
            ret = stream_range(j, buf, off, len);
        }
        off += len;
        job_done(j, len);
    }
    return ret ? ret : block_node_flush(n);
}

static bool stream_prepare(BlockJob *j, GError **err)
{
    Stream *s = block_job_priv(j);
    BlockNode *n = job_node(j);
    const char *name = s->backing_name ? s->backing_name
                       : s->base       ? block_node_filename(s->base)
                                       : NULL;

    return block_node_set_backing_name(n, name, s->base ? block_node_format(s->base) : NULL, err) &&
           block_node_set_backing(n, s->base, err);
}

static void stream_clean(BlockJob *j)
{
    Stream *s = block_job_priv(j);

    block_node_unref(s->base);
    g_free(s->backing_name);
}

static const BlockJobType stream_type = {
    .name = "stream",
    .size = sizeof(Stream),
    .run = stream_run,
    .prepare = stream_prepare,
    .clean = stream_clean,
};

BlockJob *job_stream_new(BlockGraph *g, const JobOptions *o, BlockNode *base,
                         const char *backing_name, GError **err)
{
    BlockNode *n = o->node, *b = n;
    BlockJob *j;
    Stream *s;

    while (b && b != base) {
        b = block_node_backing(b);
    }
    if (b != base) {
        error_set(err, "Node '%s' is not a backing image of '%s'", block_node_name(base),
                  block_node_name(n));
        return NULL;
    }
    if (block_node_is_read_only(n)) {
        error_set(err, "Node '%s' is read only", block_node_name(n));
        return NULL;
    }
    j = block_job_new(g, &stream_type, o, err);
    if (j) {
        s = block_job_priv(j);
        s->base = base ? block_node_ref(base) : NULL;
        s->backing_name = g_strdup(backing_name);
    }
    return j;
}
