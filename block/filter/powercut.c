/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x-powercut, for tests: the power fails at the n-th change. What was written since the last flush
 * is held in memory; when the power fails each of these writes reaches the file or not, by chance
 * (a seed). With .torn either the last one has perhaps only its first sectors, or any of them has
 * only some sectors. From then on all is -EIO. Without a cut everything reaches the file when the
 * node is closed.
 */
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

enum { CUT_TORN_MAX = 1 << 20 }; /* bytes of a write that is torn sector by sector */

typedef enum CutKind { CUT_WRITE, CUT_ZERO, CUT_RESIZE } CutKind;

/* A change since the last flush; .data of writes alone. */
typedef struct CutChange {
    CutKind kind;
    uint64_t off, len; /* CUT_RESIZE: .len is the new size */
    uint8_t *data;
} CutChange;

typedef struct Powercut {
    GArray *pending; /* of CutChange, in order */
    GRand *rand;
    uint64_t at;      /* the change that the power fails at, from 1; 0: never */
    uint64_t changes; /* so far */
    bool torn, off;
    GRand *pauses;   /* NULL: requests do not wait */
    FiberMutex lock; /* changes reach the file in order */
} Powercut;

static void cut_change_clear(void *p)
{
    g_free(((CutChange *)p)->data);
}

static bool cut_open(BlockNode *n, Options *o, GError **err)
{
    Powercut *s = block_priv(n);
    uint64_t seed;
    bool pause;

    if (!options_get_number(o, "at", 0, &s->at, err) ||
        !options_get_number(o, "seed", 1, &seed, err) ||
        !options_get_bool(o, "torn", false, &s->torn, err) ||
        !options_get_bool(o, "pause", false, &pause, err)) {
        return false;
    }
    s->pending = g_array_new(FALSE, FALSE, sizeof(CutChange));
    g_array_set_clear_func(s->pending, cut_change_clear);
    s->rand = g_rand_new_with_seed((uint32_t)(seed ^ seed >> 32));
    s->pauses = pause ? g_rand_new_with_seed((uint32_t)seed + 1) : NULL;
    block_set_grows(n);
    block_set_zero_limits(n, 1, 0);
    return true;
}

/* Other requests come between. */
static void cut_pause(Powercut *s)
{
    while (s->pauses && g_rand_int(s->pauses) % 3 == 0) {
        io_pause();
    }
}

static int cut_apply(BlockNode *n, const CutChange *c)
{
    BlockNode *file = block_file(n);
    GError *err = NULL;
    uint64_t size = block_node_size(file);

    switch (c->kind) {
    case CUT_WRITE:
        return block_node_write(file, c->off, c->data, c->len, 0);
    case CUT_ZERO:
        return block_node_write_zeroes(file, c->off, c->len, 0);
    case CUT_RESIZE:
        if (c->len > size && block_extend(file, c->len) == 0) {
            return 0; /* within a request, which may not wait for itself */
        }
        if (c->len != size && !block_node_resize(file, c->len, true, BLOCK_PREALLOC_OFF, &err)) {
            g_error_free(err);
            return -EIO;
        }
        return 0;
    }
    return 0;
}

/* Of the sectors of @c, those that chance keeps. */
static int cut_apply_sectors(BlockNode *n, const CutChange *c)
{
    Powercut *s = block_priv(n);
    int ret = 0;

    for (uint64_t at = 0, len; at < c->len && !ret; at += len) {
        CutChange part = *c;

        len = min_u64(c->len - at, 512 - (c->off + at) % 512);
        part.off += at;
        part.len = len;
        part.data = c->data ? c->data + at : NULL;
        ret = g_rand_boolean(s->rand) ? cut_apply(n, &part) : 0;
    }
    return ret;
}

/* All in order, or those that chance keeps: none, few, half, most or all of them. */
static int cut_apply_pending(BlockNode *n, bool by_chance)
{
    static const uint8_t odds[] = { 0, 16, 128, 240, 255 }; /* of 255 */
    Powercut *s = block_priv(n);
    g_autoptr(GArray) list = s->pending;
    uint32_t keep = odds[g_rand_int(s->rand) % G_N_ELEMENTS(odds)];
    bool torn = by_chance && s->torn, any = torn && g_rand_boolean(s->rand);
    int ret = 0;

    s->pending = g_array_new(FALSE, FALSE, sizeof(CutChange));
    g_array_set_clear_func(s->pending, cut_change_clear);
    for (unsigned i = 0; i < list->len && !ret; i++) {
        CutChange *c = &g_array_index(list, CutChange, i);

        if (torn && !any && i + 1 == list->len && c->kind != CUT_RESIZE) {
            uint64_t sectors = c->len / 512;

            c->len = 512 * (sectors ? g_rand_int(s->rand) % (sectors + 1) : 0);
        }
        if (!c->len || (by_chance && g_rand_int(s->rand) % 255 >= keep)) {
            continue;
        }
        if (any && c->kind != CUT_RESIZE && c->len <= CUT_TORN_MAX &&
            g_rand_int(s->rand) % 4 == 0) {
            ret = cut_apply_sectors(n, c);
        } else {
            ret = cut_apply(n, c);
        }
    }
    return ret;
}

/* Takes over c.data. */
static int cut_change(BlockNode *n, CutChange c)
{
    Powercut *s = block_priv(n);

    if (s->off) {
        g_free(c.data);
        return -EIO;
    }
    s->changes++;
    g_array_append_val(s->pending, c);
    if (s->changes != s->at) {
        return 0;
    }
    s->off = true;
    fiber_lock(&s->lock);
    cut_apply_pending(n, true);
    fiber_unlock(&s->lock);
    return -EIO;
}

static int cut_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    CutChange c = { .kind = CUT_WRITE, .off = off };
    uint8_t *at;
    int ret;

    for (unsigned i = 0; i < n_iov; i++) {
        c.len += iov[i].iov_len;
    }
    at = c.data = g_malloc(c.len);
    for (unsigned i = 0; i < n_iov; i++) {
        memcpy(at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    cut_pause(block_priv(n));
    ret = cut_change(n, c);
    cut_pause(block_priv(n));
    return !ret && (flags & BLOCK_REQ_FUA) ? block_node_flush(n) : ret;
}

static int cut_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    cut_pause(block_priv(n));
    return cut_change(n, (CutChange){ .kind = CUT_ZERO, .off = off, .len = len });
}

static int cut_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return cut_zero(n, off, len, 0);
}

static bool cut_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                       GError **err)
{
    int ret = cut_change(n, (CutChange){ .kind = CUT_RESIZE, .len = size });

    return !ret || block_error(err, n, "the power is off");
}

/* The bytes of @c within [off, off + len) into @buf. */
static void cut_patch(const CutChange *c, uint64_t off, uint64_t len, uint8_t *buf)
{
    uint64_t start = max_u64(off, c->off), end = min_u64(off + len, c->off + c->len);

    if (c->kind == CUT_RESIZE) { /* what lies beyond is gone */
        if (c->len < off + len) {
            start = max_u64(off, c->len);
            memset(buf + (start - off), 0, off + len - start);
        }
    } else if (start < end && c->kind == CUT_ZERO) {
        memset(buf + (start - off), 0, end - start);
    } else if (start < end) {
        memcpy(buf + (start - off), c->data + (start - c->off), end - start);
    }
}

static int cut_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    Powercut *s = block_priv(n);
    uint64_t below, len = 0, there;
    g_autofree uint8_t *buf = NULL;
    uint8_t *at;
    int ret = 0;

    cut_pause(s);
    if (s->off) {
        return -EIO;
    }
    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    fiber_lock(&s->lock); /* a flush may be on its way */
    buf = at = g_malloc0(len);
    below = block_node_size(block_file(n));
    there = off < below ? min_u64(len, below - off) : 0;
    if (there) {
        ret = block_node_read(block_file(n), off, buf, there);
    }
    for (unsigned i = 0; i < s->pending->len; i++) {
        cut_patch(&g_array_index(s->pending, CutChange, i), off, len, buf);
    }
    fiber_unlock(&s->lock);
    for (unsigned i = 0; i < n_iov && !ret; i++) {
        memcpy(iov[i].iov_base, at, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    return s->off ? -EIO : ret;
}

static int cut_flush(BlockNode *n)
{
    Powercut *s = block_priv(n);
    int ret;

    cut_pause(s);
    if (s->off) {
        return -EIO;
    }
    fiber_lock(&s->lock);
    ret = cut_apply_pending(n, false);
    fiber_unlock(&s->lock);
    cut_pause(s);
    return ret;
}

static int cut_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED, .len = len };
    return 0;
}

static void cut_close(BlockNode *n)
{
    Powercut *s = block_priv(n);

    if (!s->off) {
        cut_apply_pending(n, false);
    }
    g_array_unref(s->pending);
    g_rand_free(s->rand);
    g_clear_pointer(&s->pauses, g_rand_free);
}

static GVariant *cut_specific(BlockNode *n)
{
    Powercut *s = block_priv(n);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "changes", g_variant_new_uint64(s->changes));
    g_variant_builder_add(&b, "{sv}", "off", g_variant_new_boolean(s->off));
    return g_variant_builder_end(&b);
}

static const BlockOption cut_options[] = {
    { "at", BLOCK_OPT_NUMBER, "the change at which the power fails, from 1; 0: never", "0" },
    { "seed", BLOCK_OPT_NUMBER, "of the chance by which unflushed writes are kept", "1" },
    { "torn", BLOCK_OPT_BOOL, "of unflushed writes only some sectors may be kept", "off" },
    { "pause", BLOCK_OPT_BOOL, "requests wait by chance, so that others come between", "off" },
    { NULL },
};

const BlockDriver block_powercut_driver = {
    .name = "x-powercut",
    .doc = "for tests: the power fails at a write",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(Powercut),
    .options = cut_options,
    .open = cut_open,
    .close = cut_close,
    .readv = cut_readv,
    .writev = cut_writev,
    .status = cut_status,
    .zero = cut_zero,
    .discard = cut_discard,
    .flush = cut_flush,
    .resize = cut_resize,
    .specific = cut_specific,
};
