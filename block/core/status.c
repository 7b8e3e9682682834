/* SPDX-License-Identifier: Apache-2.0 */
/* What a range is, and where its bytes lie. */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <errno.h>

/* Where the bytes lie at the bottom, if nodes between say it. */
static int status_bottom(BlockStatus *out)
{
    while (out->file->drv->kind != BLOCK_PROTOCOL) {
        BlockStatus below;
        int ret = block_node_status(out->file, out->offset, out->len, &below);

        if (ret) {
            return ret;
        }
        if (!below.len || !(below.bits & BLOCK_STATUS_OFFSET)) {
            out->bits &= ~(unsigned)BLOCK_STATUS_OFFSET;
            out->file = NULL;
            return 0;
        }
        out->len = below.len;
        out->file = below.file;
        out->offset = below.offset;
    }
    return 0;
}

/* Has @child holes that are worth asking for? One answer lasts until something is written. */
static bool status_is_hollow(BlockNode *n, BlockNode *child)
{
    if (!n->hollow_known || n->hollow_written != n->written) {
        uint64_t size = child->size;
        int64_t has = block_node_allocated(child);

        n->hollow_known = true;
        n->hollow_written = n->written;
        n->hollow = has >= 0 && (uint64_t)has < size - size / 10;
    }
    return n->hollow;
}

/* Data that a hole of the child is are zeros, though they have their place. */
static int status_holes(BlockNode *n, const Extent *x, BlockStatus *out)
{
    BlockStatus below;
    int ret;

    if (x->holes == EXTENT_DENSE || n->encrypted ||
        (x->holes == EXTENT_ASK && !status_is_hollow(n, x->child))) {
        return 0;
    }
    ret = block_node_status(x->child, x->off, x->len, &below);
    if (ret || !below.len) {
        return ret == -EIO ? 0 : ret; /* what lies beyond the end is told by reading */
    }
    out->len = below.len;
    out->bits |= below.bits & BLOCK_STATUS_ZERO;
    return 0;
}

static int status_mapped(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    Extent x;
    int ret = engine_map(n, off, len, &x);

    if (ret) {
        return ret;
    }
    *out = (BlockStatus){ .len = x.len };
    switch (x.kind) {
    case EXTENT_HOLE:
        out->bits = n->backing ? 0 : BLOCK_STATUS_ZERO;
        out->bits |= n->drv->zero_holes ? BLOCK_STATUS_ALLOCATED : 0;
        break;
    case EXTENT_ZERO:
        out->bits = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED;
        break;
    case EXTENT_DATA:
        out->bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED;
        out->bits |= n->encrypted ? 0 : BLOCK_STATUS_OFFSET;
        ret = status_holes(n, &x, out);
        if (ret) {
            return ret;
        }
        break;
    case EXTENT_PACKED:
        out->bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_COMPRESSED;
        break;
    }
    if (x.reserved) {
        out->bits |= BLOCK_STATUS_OFFSET;
    }
    if (out->bits & BLOCK_STATUS_OFFSET) {
        out->file = x.child ? x.child : n->file;
        out->offset = x.off;
        return status_bottom(out);
    }
    return 0;
}

static int status_driver(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    if (n->drv->status) {
        *out = (BlockStatus){ .len = len };
        return n->drv->status(n, off, len, out);
    }
    if (block_maps(n)) {
        return status_mapped(n, off, len, out);
    }
    if (n->drv->kind == BLOCK_FILTER && n->file) {
        return block_node_status(n->file, off, len, out);
    }
    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
                          .len = len,
                          .file = n,
                          .offset = off };
    if (n->drv->kind != BLOCK_PROTOCOL) {
        out->bits &= ~BLOCK_STATUS_OFFSET;
    }
    return 0;
}

int block_node_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    BlockTrack t;
    int ret;

    *out = (BlockStatus){ 0 };
    if (off >= n->size || !len) {
        out->bits = BLOCK_STATUS_EOF;
        return off > n->size ? -EIO : 0;
    }
    if (fiber_stack_left() < BLOCK_STACK_SPARE) {
        return -ELOOP;
    }
    len = min_u64(len, n->size - off);
    block_enter(n);
    track_begin(n, &t, TRACK_READ, off, len);
    ret = status_driver(n, off, len, out);
    track_end(n, &t);
    block_leave(n);
    if (ret) {
        return ret;
    }
    CHECK(out->len && out->len <= len);
    if (off + out->len == n->size) {
        out->bits |= BLOCK_STATUS_EOF;
    } else {
        out->bits &= ~(unsigned)BLOCK_STATUS_EOF;
    }
    return 0;
}

int block_node_status_above(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len,
                            BlockStatus *out)
{
    BlockNode *at = n, *down;
    unsigned depth = 0;
    int ret;

    for (;;) {
        ret = block_node_status(at, off, len, out);
        if (ret || !out->len) {
            break;
        }
        len = out->len;
        out->depth = depth;
        down = block_node_skip_filters(at)->backing;
        if ((out->bits & (BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_ZERO)) || !down || down == base) {
            break;
        }
        depth++;
        if (off >= down->size) { /* a shorter backing image: zeros by its end */
            *out = (BlockStatus){ .bits = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED,
                                  .len = len,
                                  .depth = depth };
            break;
        }
        len = min_u64(len, down->size - off);
        at = down;
    }
    if (!ret) {
        bool eof = off + out->len == n->size;

        out->bits = (out->bits & ~(unsigned)BLOCK_STATUS_EOF) | (eof ? BLOCK_STATUS_EOF : 0);
    }
    return ret;
}

int64_t block_node_allocated(BlockNode *n)
{
    int64_t sum = 0;

    if (n->drv->allocated) {
        return n->drv->allocated(n);
    }
    for (unsigned i = 0; i < n->children->len; i++) {
        BlockNode *c = g_array_index(n->children, BlockChild, i).node;

        if (c != n->backing) {
            int64_t one = block_node_allocated(c);

            if (one < 0) {
                return one;
            }
            sum += one;
        }
    }
    return n->children->len ? sum : -ENOTSUP;
}
