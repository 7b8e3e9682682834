/* SPDX-License-Identifier: Apache-2.0 */
#include "block/job/copy.h"

#include "util/bits.h"

#include <errno.h>
#include <stdlib.h>

enum { COPY_CHUNK = 1 << 20, COPY_CHUNKS = 16 };

struct JobChunk {
    JobChunk *next;
    JobCopy *c;
    uint64_t off, len;
    bool inside; /* of a drained section of the job's */
};

static bool copy_overlaps(const JobCopy *c, uint64_t off, uint64_t len)
{
    for (const JobChunk *k = c->chunks; k; k = k->next) {
        if (k->off < off + len && off < k->off + k->len) {
            return true;
        }
    }
    return false;
}

/* A run of data or zeros; *@write tells where an error came from. */
static int copy_run(JobCopy *c, uint64_t off, uint64_t len, uint64_t *moved, void *buf, bool *write)
{
    BlockStatus st;
    int ret = block_node_status_above(c->from, NULL, off, len, &st);

    *write = false;
    if (ret) {
        return ret;
    }
    *moved = min_u64(st.len, len);
    if (st.bits & BLOCK_STATUS_ZERO) {
        *write = true;
        return c->zeros_there
                   ? 0
                   : block_node_write_zeroes(c->to, off, *moved,
                                             (c->write_flags & BLOCK_REQ_FUA) | BLOCK_REQ_UNMAP);
    }
    ret = block_node_read(c->from, off, buf, *moved);
    if (ret) {
        return ret;
    }
    *write = true;
    ret = block_node_write(c->to, off, buf, *moved, c->write_flags);
    if (ret == -ENOTSUP && c->write_flags & BLOCK_REQ_COMPRESSED) {
        ret = block_node_write(c->to, off, buf, *moved,
                               c->write_flags & ~(unsigned)BLOCK_REQ_COMPRESSED);
    }
    return ret;
}

static int copy_chunk(JobCopy *c, uint64_t off, uint64_t len, bool *write)
{
    void *buf = NULL;
    int ret = 0;

    /* Compressed pieces are whole units of the target. */
    if (c->write_flags & BLOCK_REQ_COMPRESSED) {
        uint64_t unit = block_node_cluster_size(c->to);

        unit = unit ? unit : COPY_CHUNK;
        if (len > unit) {
            for (uint64_t done = 0; done < len && !ret; done += unit) {
                ret = copy_chunk(c, off + done, min_u64(unit, len - done), write);
            }
            return ret;
        }
    }
    *write = false;
    if (posix_memalign(&buf, 4096, bits_align_up(len, 4096))) {
        return -ENOMEM;
    }
    while (len && !ret) {
        uint64_t moved = 0;

        ret = copy_run(c, off, len, &moved, buf, write);
        off += moved;
        len -= moved;
    }
    free(buf);
    return ret;
}

static void copy_begin(JobCopy *c, JobChunk *k, uint64_t off, uint64_t len)
{
    *k = (JobChunk){ .next = c->chunks, .c = c, .off = off, .len = len };
    c->chunks = k;
    c->n_chunks++;
    dirty_bits_clear(c->bits, off, len);
}

static void copy_end(JobChunk *k, int ret, bool write)
{
    JobCopy *c = k->c;
    JobChunk **at = &c->chunks;

    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    c->n_chunks--;
    if (ret) {
        dirty_bits_set(c->bits, k->off, k->len);
        if (!c->error) {
            c->error = ret;
            c->error_write = write;
            c->error_off = k->off;
            c->error_len = k->len;
        }
    } else if (c->counted) {
        job_done(c->job, k->len);
    }
    fiber_queue_wake_all(&c->ended);
}

static void copy_fiber(void *arg)
{
    JobChunk *k = arg;
    bool write;
    int ret;

    *fiber_nesting() += k->inside;
    ret = copy_chunk(k->c, k->off, k->len, &write);
    *fiber_nesting() -= k->inside;
    copy_end(k, ret, write);
    g_free(k);
}

void job_copy_settle(JobCopy *c)
{
    while (c->n_chunks) {
        fiber_queue_wait(&c->ended);
    }
}

void job_copy_wait(JobCopy *c, uint64_t off, uint64_t len)
{
    while (copy_overlaps(c, off, len)) {
        fiber_queue_wait(&c->ended);
    }
}

int job_copy_now(JobCopy *c, uint64_t off, uint64_t len)
{
    JobChunk k;
    bool write;
    int ret;

    job_copy_wait(c, off, len);
    copy_begin(c, &k, off, len);
    ret = copy_chunk(c, off, len, &write);
    copy_end(&k, ret, write);
    if (ret) {
        c->error = 0; /* the caller's to judge */
    }
    return ret;
}

/* What the job's policy says of an error; 0: go on. */
static int copy_judge(JobCopy *c)
{
    int error = c->error;
    bool again;

    if (!error) {
        return 0;
    }
    job_copy_settle(c);
    c->error = 0;
    if (!job_error(c->job, c->error_write, -error, &again)) {
        return job_is_cancelled(c->job) ? -ECANCELED : error;
    }
    c->at = 0;
    if (!again) { /* ignored: the piece stays as it is in the target */
        dirty_bits_clear(c->bits, c->error_off, c->error_len);
        if (c->counted) {
            job_done(c->job, c->error_len);
        }
    }
    return 0;
}

int job_copy_pass(JobCopy *c)
{
    uint64_t step = max_u64(COPY_CHUNK, dirty_bits_granularity(c->bits)), start, len;
    int ret = 0;

    c->at = 0;
    while (!ret) {
        if (c->error && (ret = copy_judge(c))) {
            break;
        }
        if (!dirty_bits_next(c->bits, c->at, UINT64_MAX, step, &start, &len)) {
            if (!c->n_chunks && !c->error) {
                break;
            }
            if (!c->error) {
                fiber_queue_wait(&c->ended);
            }
            continue;
        }
        /* To a multiple of the step: pieces of full size from there on. */
        len = min_u64(len, step - start % step);
        if (c->n_chunks >= COPY_CHUNKS || copy_overlaps(c, start, len)) {
            fiber_queue_wait(&c->ended);
            continue;
        }
        if (!job_point(c->job, len)) {
            ret = -ECANCELED;
            break;
        }
        if (dirty_bits_get(c->bits, start) && !copy_overlaps(c, start, len)) {
            JobChunk *k = g_new(JobChunk, 1);

            copy_begin(c, k, start, len);
            k->inside = *fiber_nesting() > 0;
            fiber_start(copy_fiber, k);
        }
        c->at = start + len;
    }
    job_copy_settle(c);
    return ret;
}

int job_mark_allocated(BlockJob *j, DirtyBits *bits, BlockNode *top, BlockNode *base)
{
    uint64_t size = min_u64(block_node_size(top), dirty_bits_size(bits));

    for (uint64_t off = 0; off < size;) {
        BlockStatus st;
        int ret = block_node_status_above(top, base, off, size - off, &st);

        if (ret) {
            return ret;
        }
        if (st.bits & BLOCK_STATUS_ALLOCATED) {
            dirty_bits_set(bits, off, st.len);
        }
        off += st.len;
        if (!job_point(j, 0)) {
            return -ECANCELED;
        }
    }
    return 0;
}
