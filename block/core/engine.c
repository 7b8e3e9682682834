/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of mapping formats: the driver says where a range lies or makes room for it, and the bytes
 * are moved here.
 */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

enum { ENGINE_BOUNCE = 1 << 20, ENGINE_ALIGN = 4096 };

static BlockNode *engine_child(const BlockNode *n, BlockNode *child)
{
    return child ? child : n->file;
}

int engine_map(BlockNode *n, uint64_t off, uint64_t len, Extent *x)
{
    int ret;

    *x = (Extent){ 0 };
    ret = n->drv->map(n, off, len, x);
    if (ret < 0) {
        return ret;
    }
    x->child = engine_child(n, x->child);
    CHECK(x->len && x->len <= len && (x->child || x->kind < EXTENT_DATA));
    if (x->kind == EXTENT_DATA && (x->off > BLOCK_SIZE_MAX || x->len > BLOCK_SIZE_MAX - x->off)) {
        return -EIO; /* a driver that lets its file say such things is wrong too */
    }
    return 0;
}

/* ---- Compressed units: the last few are kept ---- */

void engine_forget(BlockNode *n, uint64_t off, uint64_t len)
{
    n->unpacked_gen++;
    for (int i = 0; i < BLOCK_UNPACKED; i++) {
        BlockUnpacked *u = &n->unpacked[i];

        if (u->buf && u->off < off + len && off < u->off + n->unit) {
            g_free(g_steal_pointer(&u->buf));
        }
    }
}

static BlockUnpacked *engine_unpacked(BlockNode *n, uint64_t unit_off)
{
    for (int i = 0; i < BLOCK_UNPACKED; i++) {
        BlockUnpacked *u = &n->unpacked[i];

        if (u->buf && u->off == unit_off) {
            u->used = ++n->unpacked_clock;
            return u;
        }
    }
    return NULL;
}

static void engine_keep(BlockNode *n, uint64_t unit_off, void *take_buf)
{
    BlockUnpacked *worst = &n->unpacked[0];

    for (int i = 0; i < BLOCK_UNPACKED; i++) {
        BlockUnpacked *u = &n->unpacked[i];

        if (!u->buf || (worst->buf && u->used < worst->used)) {
            worst = u;
        }
        if (u->buf && u->off == unit_off) {
            worst = u;
            break;
        }
    }
    g_free(worst->buf);
    *worst = (BlockUnpacked){ unit_off, ++n->unpacked_clock, take_buf };
}

static int engine_read_packed(BlockNode *n, uint64_t off, const Extent *x, const struct iovec *iov,
                              unsigned n_iov, uint64_t skip)
{
    uint64_t unit_off = bits_align_down(off, n->unit), in = off - unit_off, gen = n->unpacked_gen;
    uint64_t len = min_u64(x->len, n->unit - in);
    BlockUnpacked *u = engine_unpacked(n, unit_off);
    BlockIov to;
    void *buf;
    int ret;

    CHECK(len == x->len);
    if (!u) {
        block_debug_event(n->file, BLOCK_DEBUG_READ_COMPRESSED);
        u = engine_unpacked(n, unit_off);
        gen = n->unpacked_gen;
    }
    if (u) {
        iov_from(iov, n_iov, skip, (uint8_t *)u->buf + in, len);
        return 0;
    }
    if (len == n->unit) {
        iov_slice(&to, iov, n_iov, skip, len);
        if (to.n == 1) {
            ret = n->drv->unpack(n, unit_off, x, to.iov[0].iov_base);
            iov_slice_free(&to);
            return ret;
        }
        iov_slice_free(&to);
    }
    buf = g_try_malloc(n->unit);
    if (!buf) {
        return -ENOMEM;
    }
    ret = n->drv->unpack(n, unit_off, x, buf);
    if (!ret) {
        iov_from(iov, n_iov, skip, (uint8_t *)buf + in, len);
    }
    if (!ret && gen == n->unpacked_gen && len < n->unit) {
        engine_keep(n, unit_off, buf);
    } else {
        g_free(buf);
    }
    return ret;
}

/* ---- Reading ---- */

static int engine_read_data(BlockNode *n, uint64_t off, const Extent *x, const struct iovec *iov,
                            unsigned n_iov, uint64_t skip)
{
    BlockIov to;
    int ret = 0;

    block_debug_event(x->child, BLOCK_DEBUG_READ_AIO);
    if (!n->drv->decrypt || !n->encrypted) {
        iov_slice(&to, iov, n_iov, skip, x->len);
        ret = block_read_padded(x->child, x->off, to.iov, to.n, 0);
        iov_slice_free(&to);
        return ret;
    }
    for (uint64_t done = 0; done < x->len && !ret;) {
        Extent part = *x;
        g_autofree uint8_t *buf = NULL;

        part.off += done;
        part.len = min_u64(x->len - done, ENGINE_BOUNCE);
        buf = g_try_malloc(part.len);
        if (!buf) {
            return -ENOMEM;
        }
        ret = block_read_padded(x->child, part.off, &(struct iovec){ buf, part.len }, 1, 0);
        ret = ret ? ret : n->drv->decrypt(n, off + done, &part, buf, part.len);
        iov_from(iov, n_iov, skip + done, buf, ret ? 0 : part.len);
        done += part.len;
    }
    return ret;
}

/*
 * What one extent gives, from this node or one of its backing images: goes down the chain without
 * recursion, since chains are long. *@len becomes what was done.
 */
static int engine_read_piece(BlockNode *n, uint64_t off, uint64_t *len, const struct iovec *iov,
                             unsigned n_iov, uint64_t skip)
{
    BlockNode *at = n, *next;
    BlockTrack t;
    BlockIov to;
    Extent x;
    int ret;

    for (;;) {
        if (!block_maps(at)) {
            iov_slice(&to, iov, n_iov, skip, *len);
            ret = block_driver_read(at, off, to.iov, to.n, 0);
            iov_slice_free(&to);
            break;
        }
        ret = engine_map(at, off, *len, &x);
        if (ret) {
            break;
        }
        *len = x.len;
        next = x.kind == EXTENT_HOLE ? at->backing : NULL;
        if (x.kind == EXTENT_DATA) {
            ret = engine_read_data(at, off, &x, iov, n_iov, skip);
            break;
        }
        if (x.kind == EXTENT_PACKED) {
            ret = engine_read_packed(at, off, &x, iov, n_iov, skip);
            break;
        }
        if (next && at->file) {
            block_debug_event(at->file, BLOCK_DEBUG_READ_BACKING_AIO);
        }
        if (!next || off >= next->size) {
            iov_zero(iov, n_iov, skip, *len);
            break;
        }
        *len = min_u64(*len, next->size - off);
        if (at != n) {
            track_end(at, &t);
            block_leave(at);
        }
        at = next;
        block_enter(at);
        track_begin(at, &t, TRACK_READ, off, *len);
    }
    if (at != n) {
        track_end(at, &t);
        block_leave(at);
    }
    return ret;
}

int engine_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = iov_length(iov, n_iov);
    int ret = 0;

    for (uint64_t done = 0; done < len && !ret;) {
        uint64_t piece = len - done;

        ret = engine_read_piece(n, off + done, &piece, iov, n_iov, done);
        done += piece;
    }
    return ret;
}

/* ---- Writing ---- */

static int engine_write_encrypted(BlockNode *n, const BlockAlloc *a, uint64_t off,
                                  const struct iovec *iov, unsigned n_iov, uint64_t skip,
                                  uint64_t len)
{
    g_autofree uint8_t *buf = g_try_malloc(min_u64(len, ENGINE_BOUNCE));
    int ret = buf ? 0 : -ENOMEM;

    for (uint64_t done = 0, piece; done < len && !ret; done += piece) {
        piece = min_u64(len - done, ENGINE_BOUNCE);
        iov_to(iov, n_iov, skip + done, buf, piece);
        ret = n->drv->encrypt(n, a, off + done, buf, piece);
        ret = ret ? ret
                  : block_node_write(engine_child(n, a->child),
                                     a->child_off + (off - a->off) + done, buf, piece, 0);
    }
    return ret;
}

/* The data and what lies beside it in the new unit, in one write. */
static int engine_write_around(BlockNode *n, const BlockAlloc *a, const struct iovec *iov,
                               unsigned n_iov, uint64_t skip)
{
    size_t around = (size_t)a->head + a->tail;
    uint8_t *buf = around ? g_try_malloc(around) : NULL;
    uint64_t start = a->off - a->head, end = a->off + a->len, room = 0;
    uint64_t limit = a->off >= n->size ? UINT64_MAX : n->size; /* VM state lies after the disk */
    struct iovec head = { buf, a->head }, tail = { buf ? buf + a->head : NULL, a->tail };
    BlockNode *child = engine_child(n, a->child);
    BlockIov data;
    int ret = 0;

    if (around && !buf) {
        return -ENOMEM;
    }
    if (end < limit) { /* the unit may reach beyond the end of the disk */
        room = min_u64(limit - end, a->tail);
    }
    if (around) {
        block_debug_event(child, BLOCK_DEBUG_COW_READ);
    }
    if (a->head) {
        ret = engine_read(n, start, &head, 1);
    }
    if (a->tail && !ret) {
        memset((uint8_t *)tail.iov_base + room, 0, a->tail - room);
        ret = room ? engine_read(n, end, &(struct iovec){ tail.iov_base, room }, 1) : 0;
    }
    if (!ret) {
        block_debug_event(child, BLOCK_DEBUG_WRITE_AIO);
    }
    if (!ret && around) {
        block_debug_event(child, BLOCK_DEBUG_COW_WRITE);
    }
    if (!ret && n->encrypted && n->drv->encrypt) {
        ret = a->head ? engine_write_encrypted(n, a, start, &head, 1, 0, a->head) : 0;
        ret = ret ? ret : engine_write_encrypted(n, a, a->off, iov, n_iov, skip, a->len);
        ret = ret || !a->tail ? ret : engine_write_encrypted(n, a, end, &tail, 1, 0, a->tail);
    } else if (!ret) {
        iov_slice(&data, iov, n_iov, skip, a->len);
        if (around) {
            struct iovec *all = g_new(struct iovec, data.n + 2);

            all[0] = head;
            memcpy(all + 1, data.iov, data.n * sizeof(*all));
            all[data.n + 1] = tail;
            ret = block_node_writev(child, a->child_off - a->head, all, data.n + 2, 0);
            g_free(all);
        } else {
            ret = block_node_writev(child, a->child_off, data.iov, data.n, 0);
        }
        iov_slice_free(&data);
    }
    g_free(buf);
    return ret;
}

static void engine_check_alloc(const BlockNode *n, const BlockAlloc *a, uint64_t off, uint64_t len)
{
    CHECK(a->off == off && a->len && a->len <= len);
    CHECK(a->token || (!a->head && !a->tail));
    CHECK(a->head <= off % n->unit && engine_child(n, a->child));
    CHECK(a->child_off >= a->head);
}

/* What can only be kept compressed: the whole unit is read, changed and packed again. */
static int engine_repack(BlockNode *n, BlockAlloc *a, const struct iovec *iov, unsigned n_iov,
                         uint64_t skip)
{
    uint64_t unit_off = bits_align_down(a->off, n->unit), in = a->off - unit_off;
    uint64_t unit_len = min_u64(n->unit, n->size - unit_off);
    g_autofree uint8_t *buf = g_try_malloc(n->unit);
    BlockTrack t;
    int ret = 0;

    a->len = min_u64(a->len, unit_len - in);
    if (!buf) {
        return -ENOMEM;
    }
    track_begin(n, &t, TRACK_ALL, unit_off, n->unit);
    if (a->len < unit_len) {
        ret = engine_read(n, unit_off, &(struct iovec){ buf, unit_len }, 1);
    }
    iov_to(iov, n_iov, skip, buf + in, a->len);
    ret = ret ? ret : n->drv->write_packed(n, unit_off, buf, unit_len);
    engine_forget(n, unit_off, n->unit);
    track_end(n, &t);
    return ret;
}

/* One piece, in the room that @t keeps; @t is eased to what remains to be minded. */
static int engine_write_room(BlockNode *n, BlockTrack *t, BlockAlloc *a, const struct iovec *iov,
                             unsigned n_iov, uint64_t skip)
{
    uint64_t off = a->off, len = a->len;
    int ret = n->drv->alloc(n, a);

    if (ret < 0) {
        return ret;
    }
    engine_check_alloc(n, a, off, len);
    if (!a->token) {
        track_ease(n, t, TRACK_WRITE, off, a->len);
    } else if (a->len < len) {
        track_ease(n, t, TRACK_ROOM, off, a->len);
    }
    if (a->head || a->tail) { /* who writes in place what is to be copied */
        track_wait(n, t, TRACK_WRITE, t->off, t->end);
    }
    ret = engine_write_around(n, a, iov, n_iov, skip);
    if (a->token) {
        if (!ret && a->replaces) {
            track_raise(n, t);
        }
        if (ret) {
            n->drv->abort(n, a);
        } else {
            ret = n->drv->link(n, a);
        }
        engine_forget(n, off, a->len);
    }
    return ret;
}

static int engine_write_piece(BlockNode *n, BlockAlloc *a, const struct iovec *iov, unsigned n_iov,
                              uint64_t skip)
{
    BlockTrack t;
    int ret;

    track_begin(n, &t, TRACK_ROOM, a->off, a->len);
    ret = engine_write_room(n, &t, a, iov, n_iov, skip);
    track_end(n, &t);
    return ret == -ENOTSUP && n->drv->write_packed ? engine_repack(n, a, iov, n_iov, skip) : ret;
}

/* If it is still the backing image's: copy one extent at @off here. *@len becomes its length. */
static int engine_copy_up_piece(BlockNode *n, uint64_t off, uint64_t *len)
{
    BlockAlloc a = { .off = off };
    struct iovec v = { 0 };
    BlockTrack t;
    Extent x;
    int ret;

    track_begin(n, &t, TRACK_ROOM, off, *len);
    ret = engine_map(n, off, *len, &x);
    *len = ret ? *len : x.len;
    if (!ret && x.kind == EXTENT_HOLE) {
        v.iov_len = *len;
        v.iov_base = g_try_malloc(*len);
        ret = v.iov_base ? engine_read(n, off, &v, 1) : -ENOMEM;
        a.len = *len;
        ret = ret ? ret : engine_write_room(n, &t, &a, &v, 1, 0);
        *len = a.len;
        n->written++;
    }
    track_end(n, &t);
    g_free(v.iov_base);
    return ret;
}

/* What a read takes from the backing image, and (@beyond) from beyond its end, is this node's
 * after.
 */
int engine_copy_up(BlockNode *n, uint64_t off, uint64_t len, bool beyond)
{
    uint64_t below = beyond ? n->size : n->backing ? n->backing->size : 0, piece;
    uint64_t start = bits_align_down(off, n->unit);
    uint64_t end = MIN(bits_align_up(off + len, n->unit), n->size);
    int ret = 0;

    if (!n->drv->alloc || block_check_write(n)) {
        return 0;
    }
    for (uint64_t at = start; at < MIN(end, below) && !ret; at += piece) {
        piece = MIN(n->unit - at % n->unit, end - at);
        ret = engine_copy_up_piece(n, at, &piece);
    }
    return ret;
}

int engine_write(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                 unsigned flags)
{
    uint64_t len = iov_length(iov, n_iov);
    int ret = 0;

    if (!n->drv->alloc) {
        return -ENOTSUP;
    }
    for (uint64_t done = 0; done < len && !ret;) {
        BlockAlloc a = { .off = off + done, .len = len - done };

        ret = engine_write_piece(n, &a, iov, n_iov, done);
        done += a.len;
    }
    return ret;
}

int engine_write_packed(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = iov_length(iov, n_iov), piece;
    int ret = 0;

    if (!n->drv->write_packed) {
        return -ENOTSUP;
    }
    if (off % n->unit || (len % n->unit && off + len != n->size)) {
        return -EINVAL;
    }
    for (uint64_t done = 0; done < len && !ret; done += piece) {
        g_autofree void *gathered = NULL;
        const void *buf;
        BlockTrack t;
        BlockIov part;

        piece = min_u64(len - done, n->unit);
        iov_slice(&part, iov, n_iov, done, piece);
        buf = part.n == 1 ? part.iov[0].iov_base : (gathered = g_try_malloc(piece));
        if (!buf) {
            iov_slice_free(&part);
            return -ENOMEM;
        }
        if (gathered) {
            iov_to(iov, n_iov, done, gathered, piece);
        }
        track_begin(n, &t, TRACK_ALL, bits_align_down(off + done, n->unit), n->unit);
        ret = n->drv->write_packed(n, off + done, buf, piece);
        engine_forget(n, off + done, piece);
        track_end(n, &t);
        if (ret == -ENOTSUP) { /* this unit cannot be packed */
            ret = engine_write(n, off + done, part.iov, part.n, 0);
        }
        iov_slice_free(&part);
    }
    return ret;
}
