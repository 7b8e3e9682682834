/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/img/copy.h"
#include "block/core/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct ImgPart {
    ImgPartKind kind;
    uint64_t off, len, ticket;
} ImgPart;

static void img_copy_error(ImgCopy *c, int error, uint64_t at, bool writing)
{
    if (!c->error || at < c->error_at) {
        c->error = error;
        c->error_at = at;
        c->error_writing = writing;
    }
}

/* .next is asked once a range, however many pieces that has. */
static int img_copy_kind(ImgCopy *c, uint64_t *len, ImgPartKind *kind)
{
    int ret = 0;

    *len = c->size - c->at;
    if (c->at >= c->known_end) {
        ret = c->next(c, c->at, len, &c->known);
        c->known_end = c->at + (ret < 0 ? 0 : *len);
    }
    *len = c->known_end - c->at;
    *kind = c->known;
    return ret;
}

/*
 * The next range that has something to do, in whole units of the target: a unit with data in a part
 * of it is data. False: none is left, or an error. Under the lock.
 */
static bool img_copy_next(ImgCopy *c, ImgPart *p)
{
    while (c->at < c->size && !c->error) {
        uint64_t len;
        int ret = img_copy_kind(c, &len, &p->kind);

        if (ret < 0) {
            img_copy_error(c, ret, c->at, false);
            return false;
        }
        p->off = c->at;
        if (p->kind != IMG_PART_DATA && c->at + len < c->size) {
            len -= (c->at + len) % c->unit;
            if (!len || len > c->size) {
                p->kind = IMG_PART_DATA;
                len = c->unit;
            }
        }
        if (p->kind == IMG_PART_DATA) {
            uint64_t end = MIN(c->at + len, c->at - c->at % c->chunk + c->chunk);

            end += (c->unit - end % c->unit) % c->unit;
            len = MIN(end, c->size) - c->at;
        } else {
            len = MIN(len, 1ull << 30);
        }
        p->len = len;
        c->at += len;
        if (c->progress) {
            img_progress(c->progress, (double)c->at * 100 / (double)c->size);
        }
        if (p->kind == IMG_PART_DATA || (p->kind == IMG_PART_ZERO && c->zeros)) {
            p->ticket = c->tickets++;
            return true;
        }
    }
    return false;
}

/* ---- Writing ---- */

static int img_copy_zero(ImgCopy *c, uint64_t off, uint64_t len)
{
    return c->zeros ? block_node_write_zeroes(c->to, off, len, BLOCK_REQ_UNMAP) : 0;
}

/* The pieces of a part begin one after the other without waiting, so that room for them is made in
 * their order, and before that of the next part. */
enum { IMG_PIECES_MAX = 32 };

typedef struct ImgPieces {
    ImgCopy *copy;
    unsigned under_way, flags;
    int ret;
    FiberQueue waiting;
} ImgPieces;

typedef struct ImgPiece {
    ImgPieces *all;
    uint64_t off, len;
    const uint8_t *buf;
    bool zero;
} ImgPiece;

static void img_piece_fiber(void *opaque)
{
    ImgPiece p = *(ImgPiece *)opaque; /* whoever starts it goes on with its own */
    ImgPieces *all = p.all;
    int ret = p.zero ? img_copy_zero(all->copy, p.off, p.len)
                     : block_node_write(all->copy->to, p.off, p.buf, p.len, all->flags);

    all->ret = all->ret ? all->ret : ret;
    all->under_way--;
    fiber_queue_wake_all(&all->waiting);
}

static void img_copy_piece(ImgPiece *p, bool alone)
{
    p->all->under_way++;
    if (alone) {
        img_piece_fiber(p);
    } else {
        fiber_start(img_piece_fiber, p);
    }
    while (p->all->under_way >= IMG_PIECES_MAX) {
        fiber_queue_wait(&p->all->waiting);
    }
}

static int img_copy_write(ImgCopy *c, const ImgPart *p, const uint8_t *buf)
{
    ImgPieces all = { .copy = c, .flags = c->compressed ? BLOCK_REQ_COMPRESSED : 0 };
    uint64_t done = 0, step = c->compressed ? c->unit : c->sparse ? c->sparse : p->len;

    if (p->kind == IMG_PART_ZERO) {
        return img_copy_zero(c, p->off, p->len);
    }
    while (done < p->len && !all.ret) {
        uint64_t end = done + MIN(step, p->len - done);
        bool zero = c->sparse && img_is_zero(buf + done, end - done);

        while (end < p->len && !c->compressed) {
            uint64_t more = MIN(step, p->len - end);

            if (zero != (c->sparse && img_is_zero(buf + end, more))) {
                break;
            }
            end += more;
        }
        img_copy_piece(&(ImgPiece){ &all, p->off + done, end - done, buf + done, zero },
                       !c->ordered || c->compressed || end == p->len);
        done = end;
    }
    while (all.under_way) {
        fiber_queue_wait(&all.waiting);
    }
    return all.ret;
}

typedef struct ImgWrite {
    ImgCopy *copy;
    const ImgPart *part;
    const uint8_t *buf;
    int ret;
    bool done;
    FiberQueue waiting;
} ImgWrite;

static void img_write_fiber(void *opaque)
{
    ImgWrite *w = opaque;

    w->ret = img_copy_write(w->copy, w->part, w->buf);
    w->done = true;
    fiber_queue_wake_all(&w->waiting);
}

static void img_copy_pass_turn(ImgCopy *c)
{
    c->turn++;
    fiber_queue_wake_all(&c->turns);
}

/*
 * In order of tickets where the target shall be laid out in the order of offsets: it is enough that
 * writes begin in order, since formats make room first.
 */
static int img_copy_write_ordered(ImgCopy *c, const ImgPart *p, const uint8_t *buf)
{
    ImgWrite w = { .copy = c, .part = p, .buf = buf };

    while (c->turn != p->ticket) {
        fiber_queue_wait(&c->turns);
    }
    if (c->error) {
        img_copy_pass_turn(c);
        return 0;
    }
    fiber_start(img_write_fiber, &w);
    if (!c->strict_order) {
        img_copy_pass_turn(c);
    }
    while (!w.done) {
        fiber_queue_wait(&w.waiting);
    }
    if (c->strict_order) {
        img_copy_pass_turn(c);
    }
    return w.ret;
}

static void img_copy_limit(ImgCopy *c, uint64_t len)
{
    c->copied += len;
    if (c->rate) {
        double due = (double)c->copied * G_USEC_PER_SEC / (double)c->rate;
        double ahead = due - (double)(g_get_monotonic_time() - c->begun_us);

        if (ahead > 0) {
            io_sleep_ns((uint64_t)(ahead * 1000));
        }
    }
}

static void img_copy_part(ImgCopy *c, const ImgPart *p, uint8_t *buf)
{
    int ret = 0;

    if (p->kind == IMG_PART_DATA && c->offload) {
        ret = c->offload(c, p->off, p->len);
        if (ret < 0) {
            img_copy_error(c, ret, p->off, true);
        }
        return;
    }
    if (p->kind == IMG_PART_DATA) {
        ret = c->read(c, p->off, buf, p->len);
    }
    if (ret < 0) {
        img_copy_error(c, ret, p->off, false);
    }
    /* Also after an error: the others wait for their turn. */
    if (c->ordered || c->strict_order) {
        ret = img_copy_write_ordered(c, p, buf);
    } else if (!c->error) {
        ret = img_copy_write(c, p, buf);
    }
    if (ret < 0 && !c->error) {
        img_copy_error(c, ret, p->off, true);
    }
    img_copy_limit(c, p->len);
}

static void img_copy_fiber(void *opaque)
{
    ImgCopy *c = opaque;
    uint8_t *buf = NULL;
    ImgPart p;
    bool more;

    if (posix_memalign((void **)&buf, 4096, c->chunk)) {
        img_copy_error(c, -ENOMEM, c->at, false);
        return;
    }
    for (;;) {
        fiber_lock(&c->lock);
        more = img_copy_next(c, &p);
        fiber_unlock(&c->lock);
        if (!more) {
            break;
        }
        img_copy_part(c, &p, buf);
    }
    free(buf);
}

/* What takes room as a whole: with extended L2 entries a subcluster. */
static uint64_t img_copy_granule(BlockNode *to)
{
    uint64_t cluster = block_node_cluster_size(to);
    GVariant *specific = block_node_specific(to);
    gboolean extended = false;

    if (specific) {
        g_autoptr(GVariant) owned = g_variant_take_ref(specific);

        g_variant_lookup(owned, "extended-l2", "b", &extended);
    }
    return extended ? cluster / 32 : cluster;
}

bool img_is_cached(const BlockNode *n)
{
    while (n && block_node_driver(n)->kind != BLOCK_PROTOCOL) {
        n = block_file(n);
    }
    return n && !strcmp(block_node_driver(n)->name, "file") &&
           !(block_node_flags(n) & BLOCK_OPEN_DIRECT);
}

bool img_copy(ImgCopy *c)
{
    uint64_t cluster = block_node_cluster_size(c->to), granule = img_copy_granule(c->to);

    c->unit = MAX(MAX(cluster, c->sparse), 512);
    if (c->unit & (c->unit - 1)) {
        c->unit = MAX(cluster, 4096);
    }
    if (granule > c->sparse && c->sparse && granule <= IMG_COPY_CHUNK) {
        c->sparse = (uint32_t)granule; /* part of a cluster costs as much as all of it */
    }
    c->chunk = c->compressed ? c->unit : MAX(c->cached ? IMG_COPY_CACHED : IMG_COPY_CHUNK, c->unit);
    c->begun_us = g_get_monotonic_time();
    img_fibers(c->fibers, img_copy_fiber, c);
    if (c->error) {
        img_fail(c->tool, "error while %s at byte %" PRIu64 ": %s",
                 c->error_writing ? "writing" : "reading", c->error_at, g_strerror(-c->error));
    }
    return !c->error;
}
