/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed clusters ("Compressed Clusters Descriptor"): raw deflate with a window of 4 KiB, or
 * zstd. Packing and unpacking run on the pool of threads, many clusters at a time.
 */
#include "block/format/qcow2.h"

#include "block/format/deflate.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { DEFLATE_WINDOW = -12, DEFLATE_MEMORY = 9 };

typedef struct Qcow2Job {
    const uint8_t *in;
    uint8_t *out;
    size_t in_len, out_len; /* out_len: room; packing: what came out */
    uint8_t method;
    int ret;
} Qcow2Job;

/* What follows in the last sector is not ours: a full cluster ends it. */
static int qcow2_inflate(Qcow2Job *j)
{
    size_t got;
    int ret = deflate_unpack(true, j->in, j->in_len, j->out, j->out_len, &got);

    return ret ? ret : got == j->out_len ? 0 : -EIO;
}

static int qcow2_deflate(Qcow2Job *j)
{
    z_stream z = { .next_in = (Bytef *)j->in,
                   .avail_in = j->in_len,
                   .next_out = j->out,
                   .avail_out = j->out_len };
    int ret;

    if (deflate_is_noise(j->in, j->in_len)) {
        return -ENOTSUP;
    }
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW, DEFLATE_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    ret = deflate(&z, Z_FINISH);
    j->out_len -= z.avail_out;
    deflateEnd(&z);
    return ret == Z_STREAM_END ? 0 : -ENOTSUP;
}

static void qcow2_job_unpack(void *arg)
{
    Qcow2Job *j = arg;

    j->ret = j->method == QCOW2_ZSTD ? qcow2_zstd_unpack(j->in, j->in_len, j->out, j->out_len)
                                     : qcow2_inflate(j);
}

static void qcow2_job_pack(void *arg)
{
    Qcow2Job *j = arg;

    j->ret = j->method == QCOW2_ZSTD ? qcow2_zstd_pack(j->in, j->in_len, j->out, &j->out_len)
                                     : qcow2_deflate(j);
}

int qcow2_unpack(BlockNode *n, uint64_t off, const Extent *x, void *buf)
{
    Qcow2 *s = block_priv(n);
    g_autofree uint8_t *in = g_try_malloc(x->packed_len);
    Qcow2Job j = { in, buf, x->packed_len, s->cluster, s->h.compression, 0 };

    j.ret = in ? qcow2_pread(s, x->off, in, x->packed_len) : -ENOMEM;
    if (j.ret == 0) {
        io_work(qcow2_job_unpack, &j);
    }
    return j.ret;
}

/* Room for @len bytes: behind the last ones if they fit, else in a new cluster. FIBER */
static int qcow2_packed_room(Qcow2 *s, uint64_t len, uint64_t *off)
{
    uint64_t base = s->packed_at & ~(s->cluster - 1), left = base + s->cluster - s->packed_at;
    uint64_t count, got;
    int ret;

    if (s->packed_at && len <= left) {
        ret = qcow2_refcount_get(s, base >> s->h.cluster_bits, &count);
        if (ret) {
            return ret;
        }
        if (s->packed_at && count && count < s->max_refcount) {
            *off = s->packed_at;
            ret = qcow2_refcount_raise(s, base, s->cluster);
            s->packed_at = len == left ? 0 : *off + len;
            return ret;
        }
    }
    ret = qcow2_alloc_clusters(s, 1, off, &got);
    if (ret) {
        return ret;
    }
    /* The next cluster in the file: the bytes may lie across the boundary. */
    if (s->packed_at && (s->packed_at & ~(s->cluster - 1)) == base && *off == base + s->cluster &&
        qcow2_refcount_get(s, base >> s->h.cluster_bits, &count) == 0 && s->packed_at && count &&
        count < s->max_refcount && qcow2_refcount_raise(s, base, s->cluster) == 0) {
        *off = s->packed_at;
    }
    s->packed_at = *off + len;
    if (!(s->packed_at & (s->cluster - 1))) {
        s->packed_at = 0;
    }
    return 0;
}

static int qcow2_packed_link(Qcow2 *s, uint64_t guest, uint64_t off, uint64_t len)
{
    uint64_t more = ((off + len - 1) >> 9) - (off >> 9), old;
    Qcow2Slice *e;
    unsigned i;
    int ret = qcow2_l2_for_write(s, guest, &e, &i);

    if (ret == 0) {
        old = get_be64(e->buf + (size_t)i * s->l2_entry);
        qcow2_l2_put(s, e, i, QCOW2_PACKED | more << s->packed_shift | off, 0);
        qcow2_free_entry(s, old, QCOW2_FREE_OTHER);
        s->unstable = true;
    }
    return ret;
}

int qcow2_write_packed(BlockNode *n, uint64_t guest, const void *buf, uint64_t len)
{
    Qcow2 *s = block_priv(n);
    g_autofree uint8_t *out = NULL, *padded = NULL;
    Qcow2Job j = { buf, NULL, s->cluster, s->cluster - 1, s->h.compression, 0 };
    uint64_t off = 0;

    if (s->external || block_node_is_encrypted(n)) {
        return -ENOTSUP;
    }
    j.out = out = g_try_malloc(s->cluster);
    if (len < s->cluster) {
        padded = g_try_malloc0(s->cluster);
        if (padded) {
            memcpy(padded, buf, len);
        }
        j.in = padded;
    }
    if (!j.out || !j.in) {
        return -ENOMEM;
    }
    io_work(qcow2_job_pack, &j);
    if (j.ret) {
        return j.ret;
    }
    fiber_lock(&s->lock);
    j.ret = qcow2_packed_room(s, j.out_len, &off);
    fiber_unlock(&s->lock);
    if (j.ret) {
        return j.ret;
    }
    if (off + j.out_len > s->packed_mask) {
        j.ret = -EFBIG;
    }
    j.ret = j.ret ? j.ret : qcow2_check_overlap(s, off, j.out_len);
    block_debug_event(block_file(s->node), BLOCK_DEBUG_WRITE_COMPRESSED);
    j.ret = j.ret ? j.ret : qcow2_pwrite(s, off, out, j.out_len);
    fiber_lock(&s->lock);
    if (j.ret == 0) {
        j.ret = qcow2_packed_link(s, guest, off, j.out_len);
    }
    if (j.ret) {
        uint64_t first = off & ~(s->cluster - 1);

        qcow2_free_now(s, first, off + j.out_len - first);
    }
    fiber_unlock(&s->lock);
    return j.ret;
}
