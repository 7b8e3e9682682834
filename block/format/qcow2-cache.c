/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of L2 tables and refcount blocks in memory, within a limit, and how what changed goes
 * back. Order of qcow2_flush_meta:
 *
 *   1. refcount blocks (counts raised; lowered ones are those that nothing stable points to)
 *   2. barrier; the refcount table, where it changed; barrier. The data is stable now too.
 *   3. L2 and L1 tables
 *   4. what they let go of waits for the next barrier, then its counts are lowered in memory.
 *
 * New L2 tables and refcount blocks are filled when they are made, so pointers to them are like
 * any other pointer. With lazy refcounts the counts are left out: the dirty bit stands for them.
 */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- The image file ---- */

int qcow2_pread(Qcow2 *s, uint64_t off, void *buf, uint64_t len)
{
    uint64_t size = block_node_size(block_file(s->node));
    uint64_t n = off >= size ? 0 : MIN(len, size - off);

    memset((uint8_t *)buf + n, 0, len - n);
    return n ? block_node_read(block_file(s->node), off, buf, n) : 0;
}

int qcow2_pwrite(Qcow2 *s, uint64_t off, const void *buf, uint64_t len)
{
    return block_node_write(block_file(s->node), off, buf, len, 0);
}

int qcow2_pzero(Qcow2 *s, uint64_t off, uint64_t len)
{
    return block_node_write_zeroes(block_file(s->node), off, len, 0);
}

int qcow2_barrier(Qcow2 *s)
{
    int ret = 0;

    if (s->unsafe) {
        return 0;
    }
    if (s->external) {
        ret = block_node_flush(s->data);
    }
    return ret ? ret : block_node_flush(block_file(s->node));
}

/* ---- The cache ---- */

bool qcow2_cache_init(Qcow2Cache *c, uint64_t bytes, uint32_t slice_size)
{
    unsigned size = 64;

    *c = (Qcow2Cache){ .slice_size = slice_size };
    c->limit = MAX(bytes / slice_size, 8);
    while (size < c->limit && size < 1 << 20) {
        size *= 2;
    }
    c->mask = size - 1;
    c->hash = g_try_new0(Qcow2Slice *, size);
    c->lru.next = c->lru.prev = &c->lru;
    return c->hash;
}

void qcow2_cache_deinit(Qcow2Cache *c)
{
    for (Qcow2Slice *e = c->lru.next, *next; e && e != &c->lru; e = next) {
        next = e->next;
        g_free(e->buf);
        g_free(e);
    }
    g_free(c->hash);
    g_free(c->dirty_list);
    *c = (Qcow2Cache){ 0 };
}

static unsigned qcow2_cache_bucket(const Qcow2Cache *c, uint64_t off)
{
    return (off / c->slice_size * 0x9e3779b97f4a7c15ull >> 40) & c->mask;
}

static Qcow2Slice *qcow2_cache_find(const Qcow2Cache *c, uint64_t off)
{
    Qcow2Slice *e = c->hash[qcow2_cache_bucket(c, off)];

    while (e && e->off != off) {
        e = e->chain;
    }
    return e;
}

static void qcow2_cache_front(Qcow2Cache *c, Qcow2Slice *e)
{
    e->used = c->clock;
    if (c->lru.next == e) {
        return;
    }
    if (e->prev) {
        e->prev->next = e->next;
        e->next->prev = e->prev;
    }
    e->next = c->lru.next;
    e->prev = &c->lru;
    e->next->prev = e;
    c->lru.next = e;
}

static void qcow2_cache_unhash(Qcow2Cache *c, Qcow2Slice *e)
{
    Qcow2Slice **p = &c->hash[qcow2_cache_bucket(c, e->off)];

    while (*p != e) {
        p = &(*p)->chain;
    }
    *p = e->chain;
}

static void qcow2_slice_set_dirty(Qcow2Cache *c, Qcow2Slice *e)
{
    if (e->dirty) {
        return;
    }
    if (c->dirty == c->dirty_room) {
        c->dirty_room = MAX(64, c->dirty_room * 2);
        c->dirty_list = g_renew(Qcow2Slice *, c->dirty_list, c->dirty_room);
    }
    e->dirty = true;
    e->dirty_at = c->dirty;
    c->dirty_list[c->dirty++] = e;
}

static void qcow2_slice_set_clean(Qcow2Cache *c, Qcow2Slice *e)
{
    if (e->dirty) {
        Qcow2Slice *last = c->dirty_list[--c->dirty];

        c->dirty_list[e->dirty_at] = last;
        last->dirty_at = e->dirty_at;
        e->dirty = false;
    }
}

static void qcow2_slice_free(Qcow2Slice *e)
{
    g_free(e->buf);
    g_free(e);
}

/* Not to be found any more. */
static void qcow2_cache_take_out(Qcow2Cache *c, Qcow2Slice *e)
{
    qcow2_cache_unhash(c, e);
    qcow2_slice_set_clean(c, e);
    e->prev->next = e->next;
    e->next->prev = e->prev;
    c->n--;
}

/* Nobody waits for it, nothing is lost. */
static void qcow2_cache_remove(Qcow2Cache *c, Qcow2Slice *e)
{
    qcow2_cache_take_out(c, e);
    qcow2_slice_free(e);
}

static bool qcow2_slice_idle(const Qcow2Slice *e)
{
    return !e->dirty && !e->loading && !e->writing;
}

uint8_t *qcow2_modify(Qcow2Cache *c, Qcow2Slice *e)
{
    if (e->shared) {
        e->buf = g_memdup2(e->buf, c->slice_size); /* the write frees the old one */
        e->shared = false;
    }
    qcow2_slice_set_dirty(c, e);
    return e->buf;
}

/* A slice on its way to the file, with the bytes as they were. */
typedef struct Qcow2Write {
    Qcow2Slice *e;
    uint8_t *buf;
    uint64_t off;
} Qcow2Write;

static Qcow2Write qcow2_write_begin(Qcow2Cache *c, Qcow2Slice *e)
{
    qcow2_slice_set_clean(c, e);
    e->writing = e->shared = true;
    return (Qcow2Write){ e, e->buf, e->off };
}

static void qcow2_write_end(Qcow2Cache *c, const Qcow2Write *w, bool ok)
{
    Qcow2Slice *e = w->e;

    if (!e->shared) {
        g_free(w->buf);
    }
    e->writing = e->shared = false;
    if (!ok) {
        qcow2_slice_set_dirty(c, e);
    }
    fiber_queue_wake_all(&e->waiting);
}

/* Put one out to make room: counts alone, which may go at any time. FIBER */
static int qcow2_cache_write_one(Qcow2 *s, Qcow2Cache *c, Qcow2Slice *e)
{
    Qcow2Write w = qcow2_write_begin(c, e);
    int ret;

    s->single_writes++;
    s->unstable = true;
    block_debug_event(block_file(s->node),
                      c == &s->l2 ? BLOCK_DEBUG_L2_UPDATE : BLOCK_DEBUG_REFBLOCK_UPDATE);
    ret = qcow2_pwrite(s, w.off, w.buf, c->slice_size);
    s->single_writes--;
    qcow2_write_end(c, &w, ret == 0);
    fiber_queue_wake_all(&s->single_queue);
    return ret;
}

/* The one longest unused that may go; NULL: all are dirty or busy. */
static Qcow2Slice *qcow2_cache_victim(Qcow2Cache *c)
{
    Qcow2Slice *e = c->lru.prev;

    while (e != &c->lru && !qcow2_slice_idle(e)) {
        e = e->prev;
    }
    return e == &c->lru ? NULL : e;
}

/* Room for one more. FIBER */
static int qcow2_cache_room(Qcow2 *s, Qcow2Cache *c)
{
    for (unsigned tries = 0; c->n >= c->limit && tries < 16; tries++) {
        bool many = c->dirty > c->limit - c->limit / 4;
        Qcow2Slice *e = many ? NULL : qcow2_cache_victim(c);
        int ret = 0;

        if (e) {
            qcow2_cache_remove(c, e);
            continue;
        }
        if (c == &s->l2 && c->dirty) {
            ret = qcow2_flush_meta(s);
        } else if (c == &s->rb) {
            for (unsigned i = 0; i < c->dirty && !e; i++) {
                e = c->dirty_list[i]->writing ? NULL : c->dirty_list[i];
            }
            ret = e ? qcow2_cache_write_one(s, c, e) : 0;
        }
        if (ret) {
            return ret;
        }
        e = qcow2_cache_victim(c);
        if (!e) {
            break; /* all of it is busy: a little more than the limit, for a moment */
        }
        qcow2_cache_remove(c, e);
    }
    return 0;
}

static int qcow2_cache_obtain(Qcow2 *s, Qcow2Cache *c, uint64_t off, bool fresh, Qcow2Slice **out)
{
    Qcow2Slice *e;
    int ret;

    for (;;) {
        e = qcow2_cache_find(c, off);
        if (e && !e->loading) {
            qcow2_cache_front(c, e);
            *out = e;
            return 0;
        }
        if (e) {
            fiber_queue_wait(&e->waiting);
            continue;
        }
        if (c->n < c->limit) {
            break;
        }
        ret = qcow2_cache_room(s, c);
        if (ret) {
            return ret;
        }
        if (!qcow2_cache_find(c, off)) {
            break;
        }
    }
    e = g_try_new0(Qcow2Slice, 1);
    uint8_t *buf = e ? g_try_malloc0(c->slice_size) : NULL;
    if (!buf) {
        g_free(e);
        return -ENOMEM;
    }
    e->off = off;
    e->buf = buf;
    e->chain = c->hash[qcow2_cache_bucket(c, off)];
    c->hash[qcow2_cache_bucket(c, off)] = e;
    c->n++;
    qcow2_cache_front(c, e);
    *out = e;
    if (fresh) {
        return 0;
    }
    e->loading = true;
    block_debug_event(block_file(s->node),
                      c == &s->l2 ? BLOCK_DEBUG_L2_LOAD : BLOCK_DEBUG_REFBLOCK_LOAD);
    ret = qcow2_pread(s, off, e->buf, c->slice_size);
    e->loading = false;
    if (ret) {
        /* Those who wait look again, and read again. */
        qcow2_cache_take_out(c, e);
        fiber_queue_wake_all(&e->waiting);
        qcow2_slice_free(e);
        return ret;
    }
    fiber_queue_wake_all(&e->waiting);
    /* They ran meanwhile, and may have had it put out. */
    return qcow2_cache_find(c, off) == e ? 0 : qcow2_cache_obtain(s, c, off, fresh, out);
}

int qcow2_cache_get(Qcow2 *s, Qcow2Cache *c, uint64_t off, Qcow2Slice **out)
{
    return qcow2_cache_obtain(s, c, off, false, out);
}

int qcow2_cache_new(Qcow2 *s, Qcow2Cache *c, uint64_t off, Qcow2Slice **out)
{
    return qcow2_cache_obtain(s, c, off, true, out);
}

void qcow2_cache_drop(Qcow2 *s, Qcow2Cache *c, uint64_t off, uint64_t len)
{
    uint64_t end = off + len;

    off &= ~((uint64_t)c->slice_size - 1);
    for (; off < end; off += c->slice_size) {
        Qcow2Slice *e = qcow2_cache_find(c, off);

        while (e && (e->loading || e->writing)) {
            fiber_queue_wait(&e->waiting);
            e = qcow2_cache_find(c, off);
        }
        if (e) {
            qcow2_cache_remove(c, e);
        }
    }
}

void qcow2_cache_trim(Qcow2Cache *c, uint64_t clock)
{
    for (Qcow2Slice *e = c->lru.prev, *prev; e != &c->lru; e = prev) {
        prev = e->prev;
        if (qcow2_slice_idle(e) && e->used < clock) {
            qcow2_cache_remove(c, e);
        }
    }
}

/* ---- Writing out ---- */

typedef struct Qcow2Writes {
    Qcow2Write *list;
    unsigned n;
} Qcow2Writes;

/* A changed piece of the L1 or refcount table. */
typedef struct Qcow2Piece {
    uint64_t off;
    uint32_t at, n; /* entries */
    uint8_t *buf;
} Qcow2Piece;

typedef struct Qcow2Picture {
    Qcow2Writes rb, l2;
    GArray *rt, *l1; /* of Qcow2Piece */
    Qcow2Ranges freed;
    bool barrier;
} Qcow2Picture;

static int qcow2_write_compare(const void *a, const void *b)
{
    const Qcow2Write *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

static void qcow2_writes_take(Qcow2Cache *c, Qcow2Writes *w)
{
    w->n = 0;
    w->list = g_new(Qcow2Write, MAX(c->dirty, 1));
    while (c->dirty) {
        w->list[w->n++] = qcow2_write_begin(c, c->dirty_list[c->dirty - 1]);
    }
    qsort(w->list, w->n, sizeof(*w->list), qcow2_write_compare);
}

/* All, those side by side in one go; what failed is dirty again. FIBER */
static int qcow2_writes_do(Qcow2 *s, Qcow2Cache *c, Qcow2Writes *w)
{
    enum { MAX_IOV = 64 };
    int ret = 0;

    for (unsigned i = 0; i < w->n;) {
        struct iovec iov[MAX_IOV];
        unsigned n = 0;

        while (n < MAX_IOV && i + n < w->n &&
               w->list[i + n].off == w->list[i].off + (uint64_t)n * c->slice_size) {
            iov[n] = (struct iovec){ w->list[i + n].buf, c->slice_size };
            n++;
        }
        if (ret == 0) {
            block_debug_event(block_file(s->node),
                              c == &s->l2 ? BLOCK_DEBUG_L2_UPDATE : BLOCK_DEBUG_REFBLOCK_UPDATE);
            ret = block_node_writev(block_file(s->node), w->list[i].off, iov, n, 0);
        }
        for (unsigned k = 0; k < n; k++) {
            qcow2_write_end(c, &w->list[i + k], ret == 0);
        }
        i += n;
    }
    g_free(w->list);
    *w = (Qcow2Writes){ 0 };
    return ret;
}

/* The changed 512-byte pieces of a table of 64-bit entries. */
static GArray *qcow2_pieces_take(uint64_t table_off, const uint64_t *table, uint32_t n,
                                 uint8_t *dirty, bool *any)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(Qcow2Piece));

    for (uint32_t i = 0; *any && i < n; i += 64) {
        if (dirty[i / 64]) {
            Qcow2Piece p = { table_off + i * 8ull, i, MIN(64, n - i), NULL };

            p.buf = g_malloc(p.n * 8);
            for (uint32_t k = 0; k < p.n; k++) {
                put_be64(p.buf + k * 8, table[i + k]);
            }
            dirty[i / 64] = 0;
            g_array_append_val(out, p);
        }
    }
    *any = false;
    return out;
}

static int qcow2_pieces_do(Qcow2 *s, GArray *pieces, uint8_t *dirty, bool *any)
{
    int ret = 0;

    for (unsigned i = 0; i < pieces->len; i++) {
        Qcow2Piece *p = &g_array_index(pieces, Qcow2Piece, i);

        if (ret == 0) {
            block_debug_event(block_file(s->node), BLOCK_DEBUG_L1_UPDATE);
            ret = qcow2_pwrite(s, p->off, p->buf, p->n * 8ull);
        }
        if (ret) {
            dirty[p->at / 64] = 1;
            *any = true;
        }
        g_free(p->buf);
    }
    g_array_free(pieces, TRUE);
    return ret;
}

static void qcow2_picture_take(Qcow2 *s, Qcow2Picture *p, bool counts)
{
    *p = (Qcow2Picture){ 0 };
    if (counts) {
        qcow2_writes_take(&s->rb, &p->rb);
        p->rt = qcow2_pieces_take(s->h.rt_off, s->rt, s->rt_n, s->rt_dirty, &s->rt_any_dirty);
    }
    qcow2_writes_take(&s->l2, &p->l2);
    p->l1 = qcow2_pieces_take(s->h.l1_off, s->l1, s->l1_n, s->l1_dirty, &s->l1_any_dirty);
    p->barrier = p->l2.n || p->l1->len;
    p->freed = s->freed;
    s->freed = (Qcow2Ranges){ 0 };
}

static void qcow2_ranges_move(Qcow2Ranges *to, Qcow2Ranges *from)
{
    if (!to->n) {
        g_free(to->list);
        *to = *from;
    } else if (from->n) {
        if (to->room < to->n + from->n) {
            to->room = to->n + from->n;
            to->list = g_renew(Qcow2Range, to->list, to->room);
        }
        memcpy(to->list + to->n, from->list, from->n * sizeof(*from->list));
        to->n += from->n;
        g_free(from->list);
    } else {
        g_free(from->list);
    }
    *from = (Qcow2Ranges){ 0 };
}

/* A barrier, and what it makes stable. The flush lock is held. FIBER */
static int qcow2_barrier_apply(Qcow2 *s)
{
    Qcow2Ranges stable = s->freed_stable;
    bool unstable = s->unstable;
    int ret;

    s->freed_stable = (Qcow2Ranges){ 0 };
    s->unstable = false;
    ret = qcow2_barrier(s);
    if (ret) {
        s->unstable |= unstable;
        qcow2_ranges_move(&stable, &s->freed_stable);
        s->freed_stable = stable;
        return ret;
    }
    return qcow2_free_apply(s, &stable);
}

/* 1 and 2 of the order above. FIBER */
static int qcow2_picture_counts(Qcow2 *s, Qcow2Picture *p)
{
    bool table = p->rt->len;
    int ret;

    if (p->rb.n) {
        s->unstable = true;
    }
    ret = qcow2_writes_do(s, &s->rb, &p->rb);
    if (ret == 0 && table) {
        ret = qcow2_barrier_apply(s);
    }
    if (ret) {
        for (unsigned i = 0; i < p->rt->len; i++) {
            Qcow2Piece *piece = &g_array_index(p->rt, Qcow2Piece, i);

            s->rt_dirty[piece->at / 64] = 1;
            s->rt_any_dirty = true;
            g_free(piece->buf);
        }
        g_array_free(p->rt, TRUE);
        return ret;
    }
    s->unstable |= table;
    return qcow2_pieces_do(s, p->rt, s->rt_dirty, &s->rt_any_dirty);
}

/* Nothing of it was written: as if it had not been taken. */
static void qcow2_picture_back(Qcow2 *s, Qcow2Picture *p)
{
    for (unsigned i = 0; i < p->l2.n; i++) {
        qcow2_write_end(&s->l2, &p->l2.list[i], false);
    }
    g_free(p->l2.list);
    for (unsigned i = 0; i < p->l1->len; i++) {
        Qcow2Piece *piece = &g_array_index(p->l1, Qcow2Piece, i);

        s->l1_dirty[piece->at / 64] = 1;
        s->l1_any_dirty = true;
        g_free(piece->buf);
    }
    g_array_free(p->l1, TRUE);
    qcow2_ranges_move(&p->freed, &s->freed);
    s->freed = p->freed;
}

static int qcow2_flush_locked(Qcow2 *s)
{
    Qcow2Picture p;
    bool counts = !s->lazy || s->closing;
    int ret = 0;

    while (s->single_writes) {
        fiber_queue_wait(&s->single_queue);
    }
    qcow2_picture_take(s, &p, counts);
    if (counts) {
        ret = qcow2_picture_counts(s, &p);
    }
    if (ret == 0 && p.barrier && s->unstable) {
        ret = qcow2_barrier_apply(s);
    }
    if (ret) {
        qcow2_picture_back(s, &p);
        return ret;
    }
    ret = qcow2_writes_do(s, &s->l2, &p.l2);
    int ret2 = qcow2_pieces_do(s, p.l1, s->l1_dirty, &s->l1_any_dirty);
    if (ret || ret2) {
        qcow2_ranges_move(&p.freed, &s->freed);
        s->freed = p.freed;
        return ret ? ret : ret2;
    }
    qcow2_ranges_move(&s->freed_stable, &p.freed);
    if (s->freed_bytes > 256ull << 20 || s->freed_stable.n > 16384) {
        ret = qcow2_barrier_apply(s); /* so that the file does not grow for want of a flush */
    }
    return ret;
}

int qcow2_flush_meta(Qcow2 *s)
{
    int ret = 0;

    if (!s->writable) {
        return 0;
    }
    fiber_lock(&s->flush_lock);
    bool counts = s->rb.dirty || s->rt_any_dirty;
    if (s->l2.dirty || s->l1_any_dirty || s->freed.n || (counts && (!s->lazy || s->closing))) {
        ret = qcow2_flush_locked(s);
    }
    fiber_unlock(&s->flush_lock);
    return ret;
}

int qcow2_flush_all(Qcow2 *s)
{
    int ret = qcow2_flush_meta(s);

    /* Twice: lowered counts are changes too. */
    for (unsigned i = 0; i < 2 && ret == 0; i++) {
        fiber_lock(&s->flush_lock);
        ret = qcow2_barrier_apply(s);
        fiber_unlock(&s->flush_lock);
        if (ret == 0) {
            ret = qcow2_flush_meta(s);
        }
    }
    return ret ? ret : qcow2_barrier(s);
}

int qcow2_flush_everything(Qcow2 *s)
{
    bool closing = s->closing;
    int ret;

    s->closing = true;
    ret = qcow2_flush_all(s);
    s->closing = closing;
    return ret;
}

int qcow2_begin_change(Qcow2 *s)
{
    int ret;

    if (!s->lazy || s->dirty_on_disk) {
        return 0;
    }
    s->h.incompat |= QCOW2_INCOMPAT_DIRTY;
    ret = qcow2_header_write_fixed(s);
    if (ret == 0) {
        ret = qcow2_barrier(s);
    }
    if (ret) {
        s->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
        return ret;
    }
    s->dirty_on_disk = true;
    block_set_dirty(s->node, true);
    return 0;
}
