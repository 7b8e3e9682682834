/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that grows gets more space than it needs now, in large pieces: what grows little by little
 * is slow on some storage, and scattered. The file is cut to what it needs when it is closed.
 */
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>

enum { PREALLOC_ALIGN = 1 << 20, PREALLOC_SIZE = 128 << 20 };

typedef struct Prealloc {
    uint64_t align, size; /* options */
    uint64_t end;         /* of the file, with what it does not need yet */
    FiberMutex lock;
    bool off; /* the file cannot */
} Prealloc;

static int prealloc_grow(BlockNode *n, uint64_t end)
{
    Prealloc *s = block_priv(n);
    uint64_t to;
    int ret = 0;

    if (s->off || end <= s->end) {
        return 0;
    }
    fiber_lock(&s->lock);
    to = end <= BLOCK_SIZE_MAX - s->size - s->align ? bits_align_up(end + s->size, s->align) : end;
    if (end > s->end) {
        ret = block_extend(block_file(n), to);
        s->off = ret != 0; /* it grows as it would without us */
        if (!ret) {        /* zeros within the file take space */
            ret =
                block_node_write_zeroes(block_file(n), s->end, to - s->end, BLOCK_REQ_NO_FALLBACK);
            s->end = to;
        }
    }
    fiber_unlock(&s->lock);
    return s->off || ret == -ENOTSUP ? 0 : ret;
}

static int prealloc_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                           unsigned flags)
{
    uint64_t len = 0;
    int ret;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    ret = prealloc_grow(n, off + len);
    return ret ? ret : block_node_writev(block_file(n), off, iov, n_iov, flags);
}

static int prealloc_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = prealloc_grow(n, off + len);

    return ret ? ret : block_node_write_zeroes(block_file(n), off, len, flags);
}

static bool prealloc_cut(BlockNode *n, uint64_t size, BlockPrealloc how, GError **err)
{
    Prealloc *s = block_priv(n);

    if (!block_node_resize(block_file(n), size, true, how, err)) {
        return false;
    }
    s->end = size;
    return true;
}

static bool prealloc_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc how,
                            GError **err)
{
    Prealloc *s = block_priv(n);
    int ret;

    if (size < block_node_size(n) || how != BLOCK_PREALLOC_OFF) {
        return prealloc_cut(n, size, how, err) && block_set_size(n, size, err);
    }
    if (size > s->end) { /* perhaps in a request: waits for no other */
        ret = block_extend(block_file(n), size);
        if (ret) {
            return block_error(err, n, "cannot be made larger: %s", g_strerror(-ret));
        }
        s->end = size;
    }
    return block_set_size(n, size, err);
}

static void prealloc_close(BlockNode *n)
{
    Prealloc *s = block_priv(n);
    g_autoptr(GError) err = NULL;

    if (s->end > block_node_size(n) && !block_node_is_read_only(n) &&
        !prealloc_cut(n, block_node_size(n), BLOCK_PREALLOC_OFF, &err)) {
        block_say(n, BLOCK_EVENT_WARNING, "%s", err->message);
    }
}

static bool prealloc_open(BlockNode *n, Options *o, GError **err)
{
    Prealloc *s = block_priv(n);

    if (!options_get_size(o, "prealloc-align", PREALLOC_ALIGN, &s->align, err) ||
        !options_get_size(o, "prealloc-size", PREALLOC_SIZE, &s->size, err)) {
        return false;
    }
    if (!bits_is_pow2(s->align) || s->align < 512 || s->align > 1ull << 40 ||
        s->size > 1ull << 40) {
        return error_set(err,
                         "prealloc-align=%" PRIu64 " is to be a power of 2 from 512 on, "
                         "prealloc-size=%" PRIu64 " at most 1 TiB",
                         s->align, s->size);
    }
    s->end = block_node_size(block_file(n));
    block_set_grows(n);
    return block_set_size(n, s->end, err);
}

static const BlockOption prealloc_options[] = {
    { "prealloc-align", BLOCK_OPT_SIZE, "the file's end is a multiple of this", "1M" },
    { "prealloc-size", BLOCK_OPT_SIZE, "space to keep ahead of what is needed", "128M" },
    { NULL },
};

const BlockDriver block_preallocate_driver = {
    .name = "preallocate",
    .doc = "space ahead of what a growing file needs",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(Prealloc),
    .options = prealloc_options,
    .open = prealloc_open,
    .close = prealloc_close,
    .writev = prealloc_writev,
    .zero = prealloc_zero,
    .resize = prealloc_resize,
};
