/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is written is written compressed. Compressed writes are of whole clusters: a part of one
 * is read, changed, and packed again, and nobody else writes to it meanwhile.
 */
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Clusters that somebody writes. On its fiber's stack. */
typedef struct Busy {
    struct Busy *next;
    uint64_t off, end;
    FiberQueue waiters;
} Busy;

typedef struct Compress {
    uint64_t unit;
    Busy *busy;
} Compress;

static void busy_begin(Compress *s, Busy *b, uint64_t off, uint64_t end)
{
    Busy *o;

    *b = (Busy){ .off = bits_align_down(off, s->unit), .end = bits_align_up(end, s->unit) };
    for (o = s->busy; o;) {
        if (o->off < b->end && b->off < o->end) {
            fiber_queue_wait(&o->waiters);
            o = s->busy;
        } else {
            o = o->next;
        }
    }
    b->next = s->busy;
    s->busy = b;
}

static void busy_end(Compress *s, Busy *b)
{
    Busy **p = &s->busy;

    while (*p != b) {
        p = &(*p)->next;
    }
    *p = b->next;
    fiber_queue_wake_all(&b->waiters);
}

/* @len bytes of @iov from @skip on, within the cluster at @start. */
static int compress_part(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         uint64_t skip, uint64_t len, unsigned flags)
{
    const Compress *s = block_priv(n);
    uint64_t start = bits_align_down(off, s->unit);
    uint64_t whole = min_u64(s->unit, block_node_size(block_file(n)) - start);
    uint8_t *at;
    void *buf;
    int ret = 0;

    if (posix_memalign(&buf, 4096, s->unit)) {
        return -ENOMEM;
    }
    if (len < whole) {
        ret = block_node_read(block_file(n), start, buf, whole);
    }
    at = (uint8_t *)buf + (off - start);
    for (unsigned i = 0; i < n_iov && len && !ret; i++) {
        uint64_t here = skip < iov[i].iov_len ? min_u64(len, iov[i].iov_len - skip) : 0;

        if (here) {
            memcpy(at, (const uint8_t *)iov[i].iov_base + skip, here);
        }
        skip -= here ? skip : iov[i].iov_len;
        at += here;
        len -= here;
    }
    ret = ret ? ret
              : block_node_write(block_file(n), start, buf, whole, flags | BLOCK_REQ_COMPRESSED);
    free(buf);
    return ret;
}

static int compress_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                           unsigned flags)
{
    Compress *s = block_priv(n);
    uint64_t end = off, size = block_node_size(block_file(n));
    int ret = 0;
    Busy b;

    for (unsigned i = 0; i < n_iov; i++) {
        end += iov[i].iov_len;
    }
    busy_begin(s, &b, off, end);
    if (off % s->unit == 0 && (end % s->unit == 0 || end == size)) {
        ret = block_node_writev(block_file(n), off, iov, n_iov, flags | BLOCK_REQ_COMPRESSED);
    } else {
        for (uint64_t at = off, here; at < end && !ret; at += here) {
            here = min_u64(end - at, s->unit - at % s->unit);
            ret = compress_part(n, at, iov, n_iov, at - off, here, flags);
        }
    }
    busy_end(s, &b);
    return ret;
}

static int compress_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Compress *s = block_priv(n);
    Busy b;
    int ret;

    busy_begin(s, &b, off, off + len);
    ret = block_node_write_zeroes(block_file(n), off, len, flags);
    busy_end(s, &b);
    return ret;
}

static int compress_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    Compress *s = block_priv(n);
    Busy b;
    int ret;

    busy_begin(s, &b, off, off + len);
    ret = block_node_discard(block_file(n), off, len);
    busy_end(s, &b);
    return ret;
}

static bool compress_open(BlockNode *n, Options *o, GError **err)
{
    Compress *s = block_priv(n);
    BlockNode *image = block_node_skip_filters(block_file(n));

    if (!block_node_driver(image)->write_packed) {
        return error_set(err, "Compression is not supported for underlying format: %s",
                         block_node_format(image));
    }
    s->unit = block_unit(image);
    block_set_zero_limits(n, (uint32_t)s->unit, 0);
    return true;
}

const BlockDriver block_compress_driver = {
    .name = "compress",
    .doc = "compresses what is written",
    .kind = BLOCK_FILTER,
    .size = sizeof(Compress),
    .open = compress_open,
    .writev = compress_writev,
    .zero = compress_zero,
    .discard = compress_discard,
};
