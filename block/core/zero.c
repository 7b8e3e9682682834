/* SPDX-License-Identifier: Apache-2.0 */
/* Zeros without their bytes, and what is given back. */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ZERO_CHUNK = 1 << 20 };

static uint64_t zero_align(const BlockNode *n)
{
    return n->zero_align ? n->zero_align : max_u64(n->unit > 1 ? n->unit : 1, n->align);
}

/* Bytes, where the node does not read as zeros by its own map already. */
static int zero_bytes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    uint64_t chunk = min_u64(len, ZERO_CHUNK), here;
    void *buf = NULL;
    int ret = 0;

    for (uint64_t done = 0; done < len && !ret; done += here) {
        here = min_u64(len - done, chunk);
        if (block_maps(n)) {
            Extent x;

            ret = engine_map(n, off + done, here, &x);
            if (ret) {
                break;
            }
            here = x.len;
            if (x.kind == EXTENT_ZERO || (x.kind == EXTENT_HOLE && !n->backing)) {
                continue;
            }
        }
        if (!buf) {
            if (posix_memalign(&buf, 4096, chunk)) {
                return -ENOMEM;
            }
            memset(buf, 0, chunk);
        }
        ret = block_node_write(n, off + done, buf, here,
                               (flags & (BLOCK_REQ_FUA | BLOCK_REQ_UNCHANGED)) | BLOCK_REQ_BYTES);
    }
    free(buf);
    return ret;
}

static int zero_driver(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    BlockTrack t;
    int ret;

    track_begin(n, &t, TRACK_ALL, off, len);
    if (n->drv->zero) {
        ret = n->drv->zero(n, off, len, flags);
    } else if (n->drv->kind == BLOCK_FILTER && n->file) {
        ret = block_node_write_zeroes(n->file, off, len, flags);
    } else {
        ret = -ENOTSUP;
    }
    engine_forget(n, off, len);
    track_end(n, &t);
    n->written++;
    return ret;
}

/* The aligned middle of a range, or to the node's end. False where there is none. */
static bool zero_middle(const BlockNode *n, uint64_t off, uint64_t len, uint64_t *start,
                        uint64_t *end)
{
    uint64_t align = zero_align(n);

    *start = bits_align_up(off, align);
    *end = off + len == n->size ? off + len : bits_align_down(off + len, align);
    return *start < *end;
}

static int zero_range(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    uint64_t start, end, here, max = n->zero_max ? n->zero_max : 1ull << 40;
    unsigned byte_flags = flags & ~BLOCK_REQ_NO_FALLBACK;
    int ret = 0;

    if (!zero_middle(n, off, len, &start, &end)) {
        return zero_bytes(n, off, len, byte_flags);
    }
    if (off < start) {
        ret = zero_bytes(n, off, start - off, byte_flags);
    }
    for (uint64_t at = start; at < end && !ret; at += here) {
        here = min_u64(end - at, max);
        ret = zero_driver(n, at, here, flags);
        if (ret == -ENOTSUP && !(flags & BLOCK_REQ_NO_FALLBACK)) {
            ret = zero_bytes(n, at, here, byte_flags);
        }
    }
    if (end < off + len && !ret) {
        ret = zero_bytes(n, end, off + len - end, byte_flags);
    }
    return ret;
}

int block_node_write_zeroes(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
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
    if (fiber_stack_left() < BLOCK_STACK_SPARE) {
        return -ELOOP;
    }
    if (!(n->flags & BLOCK_OPEN_DISCARD)) {
        flags &= ~BLOCK_REQ_UNMAP;
    }
    block_enter(n);
    block_note_write(n, off + len);
    block_hooks_before(n, off, len);
    ret = zero_range(n, off, len, flags);
    if (!ret && off + len > n->size) {
        n->size = off + len;
        block_bitmaps_resize(n, n->size);
    }
    block_bitmaps_dirty(n, off, len);
    block_hooks_after(n, off, len);
    if (!ret && ((flags & BLOCK_REQ_FUA) || (n->flags & BLOCK_OPEN_WRITETHROUGH))) {
        ret = block_node_flush(n);
    }
    block_leave(n);
    return ret;
}

int block_node_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    uint64_t start, end, here, max = n->zero_max ? n->zero_max : 1ull << 40;
    int ret = block_check_write(n);

    if (ret) {
        return ret;
    }
    if (off > n->size || len > n->size - off) {
        return -EIO;
    }
    if (!(n->flags & BLOCK_OPEN_DISCARD) || !zero_middle(n, off, len, &start, &end)) {
        return 0;
    }
    if (fiber_stack_left() < BLOCK_STACK_SPARE) {
        return -ELOOP;
    }
    block_enter(n);
    block_hooks_before(n, off, len);
    for (uint64_t at = start; at < end && !ret; at += here) {
        BlockTrack t;

        here = min_u64(end - at, max);
        track_begin(n, &t, TRACK_ALL, at, here);
        if (n->drv->discard) {
            ret = n->drv->discard(n, at, here);
        } else if (n->drv->kind == BLOCK_FILTER && n->file) {
            ret = block_node_discard(n->file, at, here);
        }
        engine_forget(n, at, here);
        track_end(n, &t);
        n->written++;
    }
    block_bitmaps_dirty(n, off, len);
    block_hooks_after(n, off, len);
    block_leave(n);
    return ret == -ENOTSUP ? 0 : ret;
}
