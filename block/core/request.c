/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, writes and flushes of a node: checked, aligned, split, tracked. */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_COPY_CHUNK = 1 << 20 };

int block_check_write(const BlockNode *n)
{
    if (!(n->flags & BLOCK_OPEN_WRITE)) {
        return -EROFS;
    }
    return n->corrupt ? -EIO : 0;
}

/* Room for one more node below: a file may ask for filters without end. */
static bool request_too_deep(void)
{
    return fiber_stack_left() < BLOCK_STACK_SPARE;
}

int block_driver_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    if (n->drv->readv) {
        return n->drv->readv(n, off, iov, n_iov, flags);
    }
    if (block_maps(n)) {
        return engine_read(n, off, iov, n_iov);
    }
    return n->file ? block_node_readv(n->file, off, iov, n_iov, flags) : -ENOTSUP;
}

static int request_driver_write(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                                unsigned flags)
{
    if (n->drv->writev) {
        return n->drv->writev(n, off, iov, n_iov, flags);
    }
    if (n->drv->kind == BLOCK_FILTER && n->file) {
        return block_node_writev(n->file, off, iov, n_iov, flags);
    }
    return -ENOTSUP;
}

/* ---- Reading ---- */

/* Whole blocks, the last of which may reach beyond the node's end: what a filter stands on has
 * nothing there. */
static int request_read_blocks(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = iov_length(iov, n_iov), there = off < n->size ? n->size - off : 0;
    BlockIov v;
    int ret = 0;

    if (n->drv->kind != BLOCK_FILTER || len <= there) {
        return block_driver_read(n, off, iov, n_iov, 0);
    }
    iov_zero(iov, n_iov, there, len - there);
    if (there) {
        iov_slice(&v, iov, n_iov, 0, there);
        ret = block_driver_read(n, off, v.iov, v.n, 0);
        iov_slice_free(&v);
    }
    return ret;
}

static int request_read_unaligned(BlockNode *n, uint64_t off, const struct iovec *iov,
                                  unsigned n_iov, uint64_t len)
{
    uint64_t start = bits_align_down(off, n->align), end = bits_align_up(off + len, n->align);
    uint64_t head = off - start, tail = end - (off + len);
    void *pad = NULL;
    struct iovec *all = g_new(struct iovec, n_iov + 2);
    BlockTrack t;
    int ret;

    if (posix_memalign(&pad, 4096, (size_t)n->align * 2)) {
        g_free(all);
        return -ENOMEM;
    }
    all[0] = (struct iovec){ pad, head };
    memcpy(all + 1, iov, n_iov * sizeof(*iov));
    all[n_iov + 1] = (struct iovec){ (uint8_t *)pad + n->align, tail };
    track_begin(n, &t, TRACK_READ, start, end - start);
    ret = request_read_blocks(n, start, all, n_iov + 2);
    track_end(n, &t);
    free(pad);
    g_free(all);
    return ret;
}

/* One part, at most BLOCK_REQUEST_MAX. */
static int request_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        uint64_t len, unsigned flags)
{
    BlockTrack t;
    int ret;

    if ((flags & BLOCK_REQ_COPY_ON_READ) && block_maps(n) && n->backing) {
        ret = engine_copy_up(n, off, len, flags & BLOCK_REQ_COPY_BEYOND);
        if (ret) {
            return ret;
        }
    }

    if (n->align > 1 && ((off | len) & (n->align - 1))) {
        return request_read_unaligned(n, off, iov, n_iov, len);
    }
    track_begin(n, &t, flags & BLOCK_REQ_SERIALISE ? TRACK_ALL : TRACK_READ, off, len);
    ret = block_driver_read(n, off, iov, n_iov, flags);
    track_end(n, &t);
    return ret;
}

typedef int RequestPart(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        uint64_t len, unsigned flags);

static int request_split(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         uint64_t len, unsigned flags, RequestPart *part)
{
    int ret = 0;

    if (len <= BLOCK_REQUEST_MAX) {
        return part(n, off, iov, n_iov, len, flags);
    }
    for (uint64_t done = 0, here; done < len && !ret; done += here) {
        BlockIov v;

        here = min_u64(len - done, BLOCK_REQUEST_MAX);
        iov_slice(&v, iov, n_iov, done, here);
        ret = part(n, off + done, v.iov, v.n, here, flags);
        iov_slice_free(&v);
    }
    return ret;
}

int block_node_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    uint64_t len = iov_length(iov, n_iov);
    int ret;

    if (off > n->size || len > n->size - off) {
        return -EIO;
    }
    if (!len) {
        return 0;
    }
    if (request_too_deep()) {
        return -ELOOP;
    }
    block_enter(n);
    ret = request_split(n, off, iov, n_iov, len, flags, request_read);
    block_leave(n);
    return ret;
}

int block_node_read(BlockNode *n, uint64_t off, void *buf, uint64_t len)
{
    return block_node_readv(n, off, &(struct iovec){ buf, len }, 1, 0);
}

int block_read_padded(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    uint64_t len = iov_length(iov, n_iov), there = off < n->size ? n->size - off : 0;
    BlockIov v;
    int ret;

    if (len <= there) {
        return block_node_readv(n, off, iov, n_iov, flags);
    }
    iov_zero(iov, n_iov, there, len - there);
    if (!there) {
        return 0;
    }
    iov_slice(&v, iov, n_iov, 0, there);
    ret = block_node_readv(n, off, v.iov, v.n, flags);
    iov_slice_free(&v);
    return ret;
}

/* ---- Writing ---- */

/* With the whole units of formats, in which the write below makes room. */
static void request_track_all(BlockNode *n, BlockTrack *t, uint64_t start, uint64_t end)
{
    uint64_t unit = block_maps(n) && n->unit > 1 ? n->unit : 1;

    start = bits_align_down(start, unit);
    track_begin(n, t, TRACK_ALL, start, bits_align_up(end, unit) - start);
}

/* The blocks at both ends are read first; nothing else is under way in them meanwhile. */
static int request_write_unaligned(BlockNode *n, uint64_t off, const struct iovec *iov,
                                   unsigned n_iov, uint64_t len, unsigned flags)
{
    uint64_t start = bits_align_down(off, n->align), end = bits_align_up(off + len, n->align);
    size_t head = (size_t)(off - start), tail = (size_t)(end - (off + len)), a = n->align;
    struct iovec *all = g_new(struct iovec, n_iov + 2);
    uint8_t *pad = NULL;
    BlockTrack t;
    int ret = 0;

    if (posix_memalign((void **)&pad, 4096, a * 2)) {
        g_free(all);
        return -ENOMEM;
    }
    request_track_all(n, &t, start, end);
    if (head || (tail && end - start == a)) {
        ret = request_read_blocks(n, start, &(struct iovec){ pad, a }, 1);
    }
    if (tail && !ret && end - start > a) {
        ret = request_read_blocks(n, end - a, &(struct iovec){ pad + a, a }, 1);
    } else if (tail) {
        memcpy(pad + a, pad, a);
    }
    if (!ret) {
        all[0] = (struct iovec){ pad, head };
        memcpy(all + 1, iov, n_iov * sizeof(*iov));
        all[n_iov + 1] = (struct iovec){ pad + a + (a - tail), tail };
        ret = block_maps(n) ? engine_write(n, start, all, n_iov + 2, flags)
                            : request_driver_write(n, start, all, n_iov + 2, flags);
    }
    /* A file whose length is no multiple of its blocks keeps it. */
    if (!ret && end > max_u64(n->size, off + len) && n->grows && n->drv->resize) {
        GError *err = NULL;

        if (!n->drv->resize(n, max_u64(n->size, off + len), true, BLOCK_PREALLOC_OFF, &err)) {
            g_error_free(err);
            ret = -EIO;
        }
    }
    track_end(n, &t);
    free(pad);
    g_free(all);
    return ret;
}

static int request_write(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         uint64_t len, unsigned flags)
{
    BlockTrack t;
    int ret;

    if (n->align > 1 && ((off | len) & (n->align - 1))) {
        return request_write_unaligned(n, off, iov, n_iov, len, flags);
    }
    if (block_maps(n)) {
        if (flags & BLOCK_REQ_COMPRESSED) {
            return engine_write_packed(n, off, iov, n_iov);
        }
        return engine_write(n, off, iov, n_iov, flags);
    }
    track_begin(n, &t, flags & BLOCK_REQ_SERIALISE ? TRACK_ALL : TRACK_WRITE, off, len);
    ret = request_driver_write(n, off, iov, n_iov, flags);
    track_end(n, &t);
    return ret;
}

static int request_write_done(BlockNode *n, uint64_t off, uint64_t len, unsigned flags, int ret)
{
    n->written++;
    if (!ret && off + len > n->size) {
        n->size = off + len;
        block_bitmaps_resize(n, n->size);
    }
    block_bitmaps_dirty(n, off, len);
    block_hooks_after(n, off, len);
    if (!ret && (flags & BLOCK_REQ_FUA) && block_maps(n)) {
        ret = block_node_flush(n);
    }
    return ret;
}

int block_node_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    uint64_t len = iov_length(iov, n_iov);
    int ret = block_check_write(n);

    if (ret) {
        return ret;
    }
    if (off > n->size || len > n->size - off) {
        if (!n->grows || off > BLOCK_SIZE_MAX || len > BLOCK_SIZE_MAX - off) {
            return -EIO;
        }
    }
    if (!len) {
        return 0;
    }
    if (request_too_deep()) {
        return -ELOOP;
    }
    if (n->detect_zeroes != DETECT_OFF && !(flags & (BLOCK_REQ_COMPRESSED | BLOCK_REQ_BYTES)) &&
        len <= BLOCK_REQUEST_MAX && off + len <= n->size && iov_is_zero(iov, n_iov)) {
        return block_node_write_zeroes(
            n, off, len,
            (flags & (BLOCK_REQ_FUA | BLOCK_REQ_SERIALISE)) |
                (n->detect_zeroes == DETECT_UNMAP ? BLOCK_REQ_UNMAP : 0));
    }
    flags &= ~(unsigned)BLOCK_REQ_BYTES;
    if (n->flags & BLOCK_OPEN_WRITETHROUGH) {
        flags |= BLOCK_REQ_FUA;
    }
    if (n->flags & BLOCK_OPEN_UNSAFE) {
        flags &= ~BLOCK_REQ_FUA;
    }
    block_enter(n);
    block_note_write(n, off + len);
    block_hooks_before(n, off, len);
    ret = request_split(n, off, iov, n_iov, len, flags, request_write);
    ret = request_write_done(n, off, len, flags, ret);
    block_leave(n);
    return ret;
}

int block_node_write(BlockNode *n, uint64_t off, const void *buf, uint64_t len, unsigned flags)
{
    return block_node_writev(n, off, &(struct iovec){ (void *)buf, len }, 1, flags);
}

/* ---- Flushing ---- */

static int request_flush_children(BlockNode *n)
{
    int ret = 0;

    for (unsigned i = 0; i < n->children->len; i++) {
        BlockNode *c = g_array_index(n->children, BlockChild, i).node;

        if (c != n->backing && (c->flags & BLOCK_OPEN_WRITE)) {
            int one = block_node_flush(c);

            ret = ret ? ret : one;
        }
    }
    return ret;
}

int block_node_flush(BlockNode *n)
{
    uint64_t written;
    int ret = 0;

    if (!(n->flags & BLOCK_OPEN_WRITE) || (n->flags & BLOCK_OPEN_UNSAFE)) {
        return 0;
    }
    if (request_too_deep()) {
        return -ELOOP;
    }
    block_enter(n);
    while (n->flushing) { /* one at a time; it may do for those who have waited */
        fiber_queue_wait(&n->flush_queue);
    }
    written = n->written;
    if (n->flushed != written || n->drv->kind != BLOCK_PROTOCOL) {
        n->flushing = true;
        if (n->file && n->drv->kind == BLOCK_FORMAT) {
            block_debug_event(n->file, BLOCK_DEBUG_FLUSH_TO_OS);
        }
        ret = n->drv->flush ? n->drv->flush(n) : 0;
        if (n->file && n->drv->kind == BLOCK_FORMAT) {
            block_debug_event(n->file, BLOCK_DEBUG_FLUSH_TO_DISK);
        }
        ret = ret ? ret : request_flush_children(n);
        n->flushing = false;
        if (!ret) {
            n->flushed = written;
        }
        fiber_queue_wake_all(&n->flush_queue);
    }
    block_leave(n);
    return ret;
}

/* ---- Copying ---- */

int block_node_copy(BlockNode *from, uint64_t from_off, BlockNode *to, uint64_t to_off,
                    uint64_t len, unsigned flags)
{
    int ret = block_check_write(to);
    void *buf = NULL;

    if (ret) {
        return ret;
    }
    if (from_off > from->size || len > from->size - from_off || to_off > to->size ||
        len > to->size - to_off) {
        return -EIO;
    }
    if (to->drv->copy_from && to->align <= 1 && len) {
        BlockTrack t;

        block_enter(from);
        block_enter(to);
        track_begin(to, &t, TRACK_WRITE, to_off, len);
        ret = to->drv->copy_from(to, to_off, from, from_off, len);
        track_end(to, &t);
        to->written++;
        block_leave(to);
        block_leave(from);
        if (ret != -ENOTSUP) {
            return ret;
        }
        ret = 0;
    }
    if (posix_memalign(&buf, 4096, min_u64(len, BLOCK_COPY_CHUNK) + 1)) {
        return -ENOMEM;
    }
    for (uint64_t done = 0, here; done < len && !ret; done += here) {
        here = min_u64(len - done, BLOCK_COPY_CHUNK);
        ret = block_node_read(from, from_off + done, buf, here);
        ret = ret ? ret : block_node_write(to, to_off + done, buf, here, flags);
    }
    free(buf);
    return ret;
}
