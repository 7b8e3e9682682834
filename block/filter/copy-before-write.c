/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is about to be changed goes to another image first (target=): it and what has not changed
 * since are together the disk of the moment when the filter came, which snapshot-access shows.
 * With bitmap= that is so of what is dirty there alone.
 */
#include "block/filter/copy-before-write.h"

#include "block/core/bitmap.h"
#include "util/bits.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CBW_STEP = 64 << 10 };

typedef struct Cbw {
    BlockNode *target;
    DirtyBits *todo;   /* to be copied when it is about to change */
    DirtyBits *access; /* what readers may see */
    FiberMutex lock;   /* copies, and reads of what is not copied */
    bool break_snapshot, broken;
    uint32_t timeout_s; /* of a guest's wait for the copy; 0: none */
} Cbw;

/* A copy that its writer may give up waiting for. */
typedef struct CbwCopy {
    BlockNode *n;
    uint64_t off, len;
    int ret, event_fd;
    bool ended, alone;
} CbwCopy;

static int cbw_copy(BlockNode *n, uint64_t off, uint64_t len)
{
    Cbw *s = block_priv(n);
    g_autofree void *buf = g_try_malloc(len);
    int ret = buf ? block_node_read(block_file(n), off, buf, len) : -ENOMEM;

    ret = ret ? ret : block_node_write(s->target, off, buf, len, 0);
    if (!ret) {
        dirty_bits_clear(s->todo, off, len);
    }
    return ret;
}

static int cbw_copy_todo(BlockNode *n, uint64_t off, uint64_t len)
{
    Cbw *s = block_priv(n);
    uint64_t step = dirty_bits_granularity(s->todo), size = dirty_bits_size(s->todo);
    uint64_t at = bits_align_down(off, step), end = MIN(bits_align_up(off + len, step), size);
    uint64_t start, run;
    int ret = 0;

    fiber_lock(&s->lock);
    while (!ret && !s->broken && dirty_bits_next(s->todo, at, end, step, &start, &run)) {
        run = MIN(run, size - start);
        ret = cbw_copy(n, start, run);
        at = start + run;
    }
    fiber_unlock(&s->lock);
    return ret;
}

static void cbw_copy_free(CbwCopy *c)
{
    if (c->event_fd >= 0) {
        close(c->event_fd);
    }
    g_free(c);
}

static void cbw_copy_fiber(void *arg)
{
    CbwCopy *c = arg;
    uint64_t one = 1;

    block_work_begin(c->n);
    c->ret = cbw_copy_todo(c->n, c->off, c->len);
    block_work_end(c->n);
    c->ended = true;
    if (c->alone) {
        cbw_copy_free(c);
    } else if (c->event_fd >= 0) {
        ssize_t n = write(c->event_fd, &one, sizeof(one));

        CHECK(n == sizeof(one));
    }
}

/* What was begun goes on without the writer after its time. */
static int cbw_copy_timed(BlockNode *n, uint64_t off, uint64_t len, uint32_t timeout_s)
{
    CbwCopy *c = g_new(CbwCopy, 1);
    int ret;

    *c = (CbwCopy){ n, off, len, .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (c->event_fd < 0) {
        ret = -errno;
        cbw_copy_free(c);
        return ret;
    }
    fiber_start(cbw_copy_fiber, c);
    if (!c->ended) {
        (void)io_wait_fd(c->event_fd, POLLIN, timeout_s * UINT64_C(1000000000));
    }
    if (!c->ended) {
        c->alone = true;
        return -ETIMEDOUT;
    }
    ret = c->ret;
    cbw_copy_free(c);
    return ret;
}

/* Before [off, off + len) changes. */
static int cbw_before(BlockNode *n, uint64_t off, uint64_t len)
{
    Cbw *s = block_priv(n);
    int ret = s->timeout_s ? cbw_copy_timed(n, off, len, s->timeout_s) : cbw_copy_todo(n, off, len);

    if (ret && s->break_snapshot) {
        s->broken = true;
        ret = 0;
    }
    return ret;
}

static uint64_t cbw_len(const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

static int cbw_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    int ret = cbw_before(n, off, cbw_len(iov, n_iov));

    return ret ? ret : block_node_writev(block_file(n), off, iov, n_iov, flags);
}

static int cbw_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = cbw_before(n, off, len);

    return ret ? ret : block_node_write_zeroes(block_file(n), off, len, flags);
}

static int cbw_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = cbw_before(n, off, len);

    return ret ? ret : block_node_discard(block_file(n), off, len);
}

/* ---- The moment ---- */

/* A part of one range of memory, all of it copied or none. */
static int cbw_read_part(BlockNode *n, uint64_t off, void *buf, uint64_t *len)
{
    Cbw *s = block_priv(n);
    uint64_t step = dirty_bits_granularity(s->todo), here = MIN(*len, step - off % step);
    int ret;

    *len = here;
    fiber_lock(&s->lock);
    if (s->broken || !dirty_bits_get(s->access, off)) {
        ret = -EACCES;
    } else if (dirty_bits_get(s->todo, off)) {
        ret = block_node_read(block_file(n), off, buf, here); /* who changes it waits for us */
    } else {
        ret = block_node_read(s->target, off, buf, here);
    }
    fiber_unlock(&s->lock);
    return ret;
}

int cbw_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov)
{
    int ret = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        for (uint64_t done = 0, here; done < iov[i].iov_len && !ret; done += here) {
            here = iov[i].iov_len - done;
            ret = cbw_read_part(n, off, (uint8_t *)iov[i].iov_base + done, &here);
            off += here;
        }
    }
    return ret;
}

int cbw_forget(BlockNode *n, uint64_t off, uint64_t len)
{
    Cbw *s = block_priv(n);
    int ret;

    fiber_lock(&s->lock);
    dirty_bits_clear(s->access, off, len);
    dirty_bits_clear(s->todo, off, len);
    ret = block_node_discard(s->target, off, len);
    fiber_unlock(&s->lock);
    return ret;
}

bool cbw_is(const BlockNode *n)
{
    return block_node_driver(n) == &block_copy_before_write_driver;
}

/* ---- Opening ---- */

static void cbw_close(BlockNode *n)
{
    Cbw *s = block_priv(n);

    dirty_bits_free(s->todo);
    dirty_bits_free(s->access);
}

static bool cbw_policy(Cbw *s, Options *o, GError **err)
{
    const char *text = options_get(o, "on-cbw-error");
    uint64_t timeout;

    s->break_snapshot = text && !strcmp(text, "break-snapshot");
    if (!options_get_number(o, "cbw-timeout", 0, &timeout, err)) {
        return false;
    }
    if (timeout > UINT32_MAX) {
        return error_set(err, "cbw-timeout=%" PRIu64 ": seconds, at most %u", timeout, UINT32_MAX);
    }
    s->timeout_s = (uint32_t)timeout;
    return !text || s->break_snapshot || !strcmp(text, "break-guest-write") ||
           error_set(err, "Parameter 'on-cbw-error' does not accept value '%s'", text);
}

/* Everything, or what is dirty in bitmap.name of bitmap.node. */
static bool cbw_range(BlockNode *n, Options *o, GError **err)
{
    const char *node = options_get(o, "bitmap.node"), *name = options_get(o, "bitmap.name");
    Cbw *s = block_priv(n);
    BlockNode *of = node ? block_graph_find(block_node_graph(n), node) : NULL;
    BlockBitmap *b = of && name ? block_bitmap_find(of, name) : NULL;

    if (!node && !name) {
        dirty_bits_set(s->todo, 0, UINT64_MAX);
        dirty_bits_set(s->access, 0, UINT64_MAX);
        return true;
    }
    if (!node || !name) {
        return error_set(err, "Parameter 'bitmap.%s' is missing", node ? "name" : "node");
    }
    if (!of) {
        return error_set(err, "Cannot find device='' nor node-name='%s'", node);
    }
    if (!b) {
        return error_set(err, "Dirty bitmap '%s' not found", name);
    }
    if (!block_bitmap_usable(b, BLOCK_BITMAP_USE_READ, err)) {
        return false;
    }
    if (dirty_bits_size(block_bitmap_bits(b)) != dirty_bits_size(s->todo)) {
        return error_set(err, "Bitmap '%s' is of a disk of another size", name);
    }
    dirty_bits_merge(s->todo, block_bitmap_bits(b));
    dirty_bits_merge(s->access, block_bitmap_bits(b));
    return true;
}

static bool cbw_open(BlockNode *n, Options *o, GError **err)
{
    Cbw *s = block_priv(n);
    uint64_t size = block_node_size(block_file(n)), step;
    bool ok;

    s->target = block_open_child(n, "target", o, NULL, NULL, err);
    if (!s->target) {
        return false;
    }
    if (block_node_size(s->target) != size) {
        return error_set(err,
                         "Source and target image have different sizes: %" PRIu64 " and %" PRIu64,
                         size, block_node_size(s->target));
    }
    step = MAX(CBW_STEP, block_node_cluster_size(s->target));
    s->todo = dirty_bits_new(size, step);
    s->access = dirty_bits_new(size, step);
    ok = s->todo && s->access ? cbw_policy(s, o, err) && cbw_range(n, o, err)
                              : error_set(err, "no memory for the map of what is to be copied");
    if (!ok) {
        cbw_close(n);
    }
    return ok;
}

static const BlockOption cbw_options[] = {
    { "target", BLOCK_OPT_STR, "the image that gets what is about to change" },
    { "bitmap.node", BLOCK_OPT_STR, "with bitmap.name: what is dirty there alone" },
    { "bitmap.name", BLOCK_OPT_STR, "its name" },
    { "on-cbw-error", BLOCK_OPT_STR,
      "break-guest-write: the write fails; break-snapshot: the moment is lost",
      "break-guest-write" },
    { "cbw-timeout", BLOCK_OPT_NUMBER,
      "seconds after which a copy counts as failed; 0: it may take as long as it does", "0" },
    { NULL },
};

const BlockDriver block_copy_before_write_driver = {
    .name = "copy-before-write",
    .doc = "copies what is about to change to another image",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(Cbw),
    .options = cbw_options,
    .open = cbw_open,
    .close = cbw_close,
    .writev = cbw_writev,
    .zero = cbw_zero,
    .discard = cbw_discard,
};
