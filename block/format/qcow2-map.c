/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections "Cluster mapping" and "Extended L2 Entries": where guest bytes lie, and room for them.
 */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ALL_SUBS 0xffffffffu

uint64_t qcow2_l1_entries(const Qcow2 *s, uint64_t size)
{
    unsigned shift = s->h.cluster_bits + s->l2_bits;

    return (size >> shift) + ((size & ((1ull << shift) - 1)) != 0);
}

static unsigned qcow2_l2_index(const Qcow2 *s, uint64_t off)
{
    return off >> s->h.cluster_bits & ((1u << s->l2_bits) - 1);
}

/* Entries of a table in one piece of it. */
static unsigned qcow2_per_slice(const Qcow2 *s)
{
    return s->l2.slice_size / s->l2_entry;
}

static uint64_t qcow2_slice_entry(const Qcow2 *s, const Qcow2Slice *e, unsigned i, uint64_t *bitmap)
{
    const uint8_t *p = e->buf + (size_t)i * s->l2_entry;

    *bitmap = s->l2_entry == 16 ? get_be64(p + 8) : 0;
    return get_be64(p);
}

void qcow2_l2_put(Qcow2 *s, Qcow2Slice *e, unsigned i, uint64_t entry, uint64_t bitmap)
{
    uint8_t *p = qcow2_modify(&s->l2, e) + (size_t)i * s->l2_entry;

    put_be64(p, entry);
    if (s->l2_entry == 16) {
        put_be64(p + 8, bitmap);
    }
}

/* The piece with @off's entry; *e NULL: no table. FIBER */
static int qcow2_l2_slice(Qcow2 *s, uint64_t off, Qcow2Slice **e, unsigned *index)
{
    uint64_t l1i = off >> (s->h.cluster_bits + s->l2_bits);
    uint64_t table = l1i < s->l1_n ? s->l1[l1i] & QCOW2_OFF_MASK : 0;
    unsigned i = qcow2_l2_index(s, off), per = qcow2_per_slice(s);

    *e = NULL;
    if (!table) {
        return 0;
    }
    if (table & (s->cluster - 1)) {
        qcow2_corrupt(s, s->h.l1_off + l1i * 8, 8,
                      "L2 table offset %#" PRIx64 " unaligned (L1 index: %#" PRIx64 ")", table,
                      l1i);
        return -EIO;
    }
    *index = i % per;
    return qcow2_cache_get(s, &s->l2, table + (uint64_t)(i / per) * s->l2.slice_size, e);
}

int qcow2_entry_get(Qcow2 *s, uint64_t off, uint64_t *entry, uint64_t *bitmap)
{
    Qcow2Slice *e;
    unsigned i;
    int ret = qcow2_l2_slice(s, off, &e, &i);

    *bitmap = 0;
    *entry = ret == 0 && e ? qcow2_slice_entry(s, e, i, bitmap) : 0;
    return ret;
}

/* ---- What an entry says ---- */

static bool qcow2_has_host(const Qcow2 *s, uint64_t entry)
{
    return !(entry & QCOW2_PACKED) &&
           (entry & QCOW2_OFF_MASK || (s->external && entry & QCOW2_COPIED));
}

/* Of subcluster @sc; *run: how many from it on in this cluster are of the same kind. */
static ExtentKind qcow2_kind(const Qcow2 *s, uint64_t entry, uint64_t bitmap, unsigned sc,
                             unsigned *run)
{
    if (entry & QCOW2_PACKED) {
        *run = QCOW2_SUBCLUSTERS - sc;
        return EXTENT_PACKED;
    }
    if (!qcow2_has_subclusters(s)) {
        *run = 1;
        return s->h.version >= 3 && entry & QCOW2_ZERO ? EXTENT_ZERO
               : qcow2_has_host(s, entry)              ? EXTENT_DATA
                                                       : EXTENT_HOLE;
    }
    uint32_t data = bitmap >> sc, zero = bitmap >> 32 >> sc;
    uint32_t same = data & 1 ? ~data : zero & 1 ? ~zero : data | zero;

    *run =
        same ? MIN((unsigned)__builtin_ctz(same), QCOW2_SUBCLUSTERS - sc) : QCOW2_SUBCLUSTERS - sc;
    return data & 1 ? EXTENT_DATA : zero & 1 ? EXTENT_ZERO : EXTENT_HOLE;
}

/* An entry that cannot be. FIBER */
static int qcow2_entry_check(Qcow2 *s, uint64_t off, uint64_t entry, uint64_t bitmap)
{
    uint64_t host = entry & QCOW2_OFF_MASK;

    if (entry & QCOW2_PACKED) {
        if (s->external) {
            qcow2_corrupt(s, -1, -1,
                          "Compressed cluster entry found in image with external data file "
                          "(guest offset: %#" PRIx64 ")",
                          off);
            return -EIO;
        }
        return 0;
    }
    if (host & (s->cluster - 1)) {
        qcow2_corrupt(s, -1, -1,
                      "Cluster allocation offset %#" PRIx64 " unaligned (guest offset: %#" PRIx64
                      ")",
                      host, off);
        return -EIO;
    }
    if (s->external && qcow2_has_host(s, entry) && host != (off & ~(s->cluster - 1))) {
        qcow2_corrupt(s, -1, -1,
                      "External data file host cluster offset %#" PRIx64 " does not match guest "
                      "cluster offset: %#" PRIx64,
                      host, off & ~(s->cluster - 1));
        return -EIO;
    }
    if (qcow2_has_subclusters(s) &&
        ((bitmap >> 32 & bitmap & ALL_SUBS) || (bitmap & ALL_SUBS && !qcow2_has_host(s, entry)))) {
        qcow2_corrupt(s, -1, -1,
                      "Invalid cluster entry found (guest offset: %#" PRIx64 ", L2 entry: %#" PRIx64
                      ", bitmap: %#" PRIx64 ")",
                      off, entry, bitmap);
        return -EIO;
    }
    return 0;
}

/* ---- map ---- */

/* Does @off's entry go on where @x ends? Adds what it has. */
static bool qcow2_map_more(Qcow2 *s, uint64_t off, uint64_t entry, uint64_t bitmap, Extent *x,
                           uint64_t want)
{
    uint64_t host = entry & QCOW2_OFF_MASK, in = off & (s->cluster - 1);

    while (x->len < want) {
        unsigned sc = in / s->sub, run;
        ExtentKind kind = qcow2_kind(s, entry, bitmap, sc, &run);

        if (kind != x->kind || kind == EXTENT_PACKED ||
            (kind == EXTENT_DATA && host + in != x->off + x->len) ||
            (kind != EXTENT_DATA && qcow2_has_host(s, entry) != x->reserved) ||
            (kind != EXTENT_DATA && x->reserved && host + in != x->off + x->len)) {
            return false;
        }
        uint64_t n = MIN((sc + run) * s->sub - in, want - x->len);
        x->len += n;
        in += n;
        if (in == s->cluster) {
            return true;
        }
    }
    return false;
}

/* Bytes beyond the end of the file read as zeros. */
static void qcow2_map_clip(Qcow2 *s, Extent *x)
{
    uint64_t size = block_node_size(s->data);

    if (x->kind != EXTENT_DATA || (x->off < size && x->len <= size - x->off)) {
        return;
    }
    if (x->off < size) {
        x->len = size - x->off;
    } else {
        x->kind = EXTENT_ZERO;
        x->reserved = true;
    }
}

/* The first entry of a range. */
static void qcow2_map_first(Qcow2 *s, uint64_t off, uint64_t entry, uint64_t bitmap, Extent *x,
                            uint64_t want)
{
    uint64_t in = off & (s->cluster - 1);
    unsigned run, sc = in / s->sub;

    *x = (Extent){ .kind = qcow2_kind(s, entry, bitmap, sc, &run),
                   .cookie = entry,
                   .child = s->external ? s->data : NULL };
    if (x->kind == EXTENT_PACKED) {
        qcow2_packed_range(s, entry, &x->off, &x->packed_len);
        x->len = MIN(want, s->cluster - in);
        return;
    }
    x->reserved = x->kind != EXTENT_DATA && qcow2_has_host(s, entry);
    x->holes = s->external ? EXTENT_DENSE : EXTENT_ASK;
    if (x->kind == EXTENT_DATA || x->reserved) {
        x->off = (entry & QCOW2_OFF_MASK) + in;
    }
}

int qcow2_map(BlockNode *n, uint64_t off, uint64_t len, Extent *x)
{
    Qcow2 *s = block_priv(n);
    Qcow2Slice *e;
    unsigned i;
    uint64_t bitmap, entry;
    int ret = qcow2_l2_slice(s, off, &e, &i);

    if (ret) {
        return ret;
    }
    if (!e) {
        uint64_t unit = s->cluster << s->l2_bits, end = (off & ~(unit - 1)) + unit;

        while (end < off + len && end >> (s->h.cluster_bits + s->l2_bits) < s->l1_n &&
               !(s->l1[end >> (s->h.cluster_bits + s->l2_bits)] & QCOW2_OFF_MASK)) {
            end += unit;
        }
        *x = (Extent){ .kind = EXTENT_HOLE, .len = MIN(len, end - off) };
        return 0;
    }
    entry = qcow2_slice_entry(s, e, i, &bitmap);
    ret = qcow2_entry_check(s, off, entry, bitmap);
    if (ret) {
        return ret;
    }
    qcow2_map_first(s, off, entry, bitmap, x, len);
    if (x->kind == EXTENT_PACKED) {
        return 0;
    }
    while (qcow2_map_more(s, off + x->len, entry, bitmap, x, len) && x->len < len &&
           ++i < qcow2_per_slice(s)) {
        entry = qcow2_slice_entry(s, e, i, &bitmap);
        if (!(entry & QCOW2_PACKED) && entry & QCOW2_OFF_MASK & (s->cluster - 1)) {
            break;
        }
        if (bitmap >> 32 & bitmap & ALL_SUBS) {
            break;
        }
    }
    qcow2_map_clip(s, x);
    return 0;
}

/* ---- Tables to write in ---- */

static void qcow2_l1_set(Qcow2 *s, uint64_t i, uint64_t v)
{
    s->l1[i] = v;
    s->l1_dirty[i / 64] = 1;
    s->l1_any_dirty = true;
}

/* What L1 entry @l1i leads to, in a table that is ours alone. The lock is held. FIBER */
static int qcow2_new_l2(Qcow2 *s, uint64_t l1i)
{
    uint64_t old = s->l1[l1i] & QCOW2_OFF_MASK, off, got;
    g_autofree uint8_t *buf = NULL;
    int ret = qcow2_alloc_clusters(s, 1, &off, &got);

    if (ret) {
        return ret;
    }
    qcow2_cache_drop(s, &s->l2, off, s->cluster);
    if (old) {
        buf = g_try_malloc(s->cluster);
        ret = buf ? 0 : -ENOMEM;
        for (uint64_t at = 0; ret == 0 && at < s->cluster; at += s->l2.slice_size) {
            Qcow2Slice *e;

            ret = qcow2_cache_get(s, &s->l2, old + at, &e);
            if (ret == 0) {
                memcpy(buf + at, e->buf, s->l2.slice_size);
            }
        }
        if (ret == 0) {
            ret = qcow2_pwrite(s, off, buf, s->cluster);
        }
    } else {
        ret = qcow2_pzero(s, off, s->cluster);
    }
    if (ret) {
        qcow2_free_now(s, off, s->cluster);
        return ret;
    }
    s->unstable = true;
    qcow2_set_add(&s->meta, off >> s->h.cluster_bits);
    qcow2_l1_set(s, l1i, off | QCOW2_COPIED);
    if (old) {
        qcow2_free(s, old, s->cluster, QCOW2_FREE_OTHER);
    }
    return 0;
}

int qcow2_l2_for_write(Qcow2 *s, uint64_t off, Qcow2Slice **e, unsigned *index)
{
    uint64_t l1i = off >> (s->h.cluster_bits + s->l2_bits);
    int ret = qcow2_begin_change(s);

    if (ret == 0 && l1i >= s->l1_n) {
        ret = qcow2_grow_l1(s, l1i + 1);
    }
    if (ret == 0 && (!(s->l1[l1i] & QCOW2_OFF_MASK) || !(s->l1[l1i] & QCOW2_COPIED))) {
        ret = qcow2_new_l2(s, l1i);
    }
    return ret ? ret : qcow2_l2_slice(s, off, e, index);
}

int qcow2_grow_l1(Qcow2 *s, uint64_t entries)
{
    uint64_t n = qcow2_round_up(entries, 64), off, old_off = s->h.l1_off;
    uint32_t old_n = s->l1_n;
    uint64_t *l1;
    uint8_t *dirty;
    g_autofree uint8_t *buf = NULL;
    int ret;

    if (entries <= s->l1_n) {
        return 0;
    }
    if (entries > QCOW2_L1_MAX / 8) {
        return -EFBIG;
    }
    n = MIN(n, QCOW2_L1_MAX / 8);
    l1 = g_try_new0(uint64_t, n);
    dirty = g_try_malloc0(n / 64 + 1);
    buf = g_try_malloc0(n * 8);
    ret = l1 && dirty && buf ? qcow2_alloc_table(s, n * 8, &off) : -ENOMEM;
    if (ret == 0) {
        ret = qcow2_flush_meta(s);
    }
    fiber_lock(&s->flush_lock);
    for (uint32_t i = 0; ret == 0 && i < s->l1_n; i++) {
        l1[i] = s->l1[i];
        put_be64(buf + i * 8ull, l1[i]);
    }
    if (ret == 0) {
        block_debug_event(block_file(s->node), BLOCK_DEBUG_L1_GROW_WRITE_TABLE);
        ret = qcow2_pwrite(s, off, buf, n * 8);
    }
    if (ret == 0) {
        ret = qcow2_barrier(s);
    }
    if (ret == 0) {
        s->h.l1_off = off;
        s->h.l1_n = entries;
        ret = qcow2_header_write_fixed(s);
        if (ret) {
            s->h.l1_off = old_off;
            s->h.l1_n = old_n;
        }
    }
    if (ret) {
        fiber_unlock(&s->flush_lock);
        g_free(l1);
        g_free(dirty);
        return ret;
    }
    g_free(s->l1);
    g_free(s->l1_dirty);
    s->l1 = l1;
    s->l1_n = entries;
    s->l1_room = n;
    s->l1_dirty = dirty;
    s->l1_any_dirty = false;
    ret = qcow2_barrier(s);
    fiber_unlock(&s->flush_lock);
    if (ret == 0 && old_n) {
        qcow2_free_now(s, old_off, old_n * 8ull);
    }
    return ret;
}

/* ---- alloc, link, abort ---- */

typedef enum Qcow2Room {
    ROOM_IN_PLACE, /* the bytes are ours and mapped */
    ROOM_KEPT,     /* a cluster is there, but what is written is not mapped yet */
    ROOM_NEW,
} Qcow2Room;

/* Guest clusters from .guest on get host clusters from .host on. */
typedef struct Qcow2Token {
    uint64_t guest, host;
    uint64_t from, to; /* guest bytes that are written, copied ones too: whole subclusters */
    uint32_t n;
    bool fresh; /* .host was allocated */
} Qcow2Token;

/* Bits of subclusters [@from, @to). */
static uint32_t qcow2_sub_bits(unsigned from, unsigned to)
{
    return (uint32_t)(((1ull << to) - 1) & ~((1ull << from) - 1));
}

/* What a write of [@from, @to) of a cluster needs. */
static Qcow2Room qcow2_room(const Qcow2 *s, uint64_t entry, uint64_t bitmap, uint64_t from,
                            uint64_t to)
{
    if (!qcow2_has_host(s, entry) || !(entry & QCOW2_COPIED)) {
        return ROOM_NEW;
    }
    if (!qcow2_has_subclusters(s)) {
        return s->h.version >= 3 && entry & QCOW2_ZERO ? ROOM_KEPT : ROOM_IN_PLACE;
    }
    uint32_t bits = qcow2_sub_bits(from / s->sub, (to + s->sub - 1) / s->sub);

    return (bitmap & bits) == bits ? ROOM_IN_PLACE : ROOM_KEPT;
}

/* How many bytes of a's range from its start need the same, in one run of host clusters if they
 * have one. Within the piece @e. */
static uint64_t qcow2_room_run(Qcow2 *s, const BlockAlloc *a, const Qcow2Slice *e, unsigned i,
                               Qcow2Room *room, bool *replaces)
{
    uint64_t off = a->off, end = a->off + a->len, host = 0;

    *replaces = false;
    for (; off < end && i < qcow2_per_slice(s); i++) {
        uint64_t bitmap, entry = qcow2_slice_entry(s, e, i, &bitmap);
        uint64_t in = off & (s->cluster - 1), to = MIN(s->cluster, in + (end - off));
        Qcow2Room r = qcow2_room(s, entry, bitmap, in, to);

        if (off == a->off) {
            *room = r;
        } else if (r != *room || (r != ROOM_NEW && (entry & QCOW2_OFF_MASK) != host + s->cluster) ||
                   qcow2_entry_check(s, off, entry, bitmap)) {
            break;
        }
        host = entry & QCOW2_OFF_MASK;
        if (r == ROOM_NEW && entry & (QCOW2_OFF_MASK | QCOW2_PACKED)) {
            *replaces = true;
        }
        off += to - in;
    }
    return off - a->off;
}

/* What of the cluster must be written together with [@from, @to), by its entry: whole subclusters,
 * and for a new cluster all that the old one has. */
static void qcow2_room_copy(const Qcow2 *s, uint64_t entry, uint64_t bitmap, Qcow2Room room,
                            uint64_t *from, uint64_t *to)
{
    if (!qcow2_has_subclusters(s)) {
        *from = 0;
        *to = s->cluster;
        return;
    }
    *from &= ~(s->sub - 1);
    *to = qcow2_round_up(*to, s->sub);
    if (room != ROOM_NEW) {
        return;
    }
    if (entry & QCOW2_PACKED) {
        *from = 0;
        *to = s->cluster;
    } else if (bitmap & ALL_SUBS) {
        uint32_t data = bitmap;

        *from = MIN(*from, __builtin_ctz(data) * s->sub);
        *to = MAX(*to, (32 - __builtin_clz(data)) * s->sub);
    }
}

/* Fills a->head, a->tail and the token's range. */
static int qcow2_alloc_edges(Qcow2 *s, BlockAlloc *a, Qcow2Token *t, Qcow2Room room)
{
    uint64_t end = a->off + a->len, last = (end - 1) & ~(s->cluster - 1), entry, bitmap;
    uint64_t from = a->off - t->guest, to = MIN(end - t->guest, s->cluster);
    int ret = qcow2_entry_get(s, a->off, &entry, &bitmap);

    if (ret) {
        return ret;
    }
    qcow2_room_copy(s, entry, bitmap, room, &from, &to);
    t->from = t->guest + from;
    a->head = a->off - t->from;
    if (last != t->guest) {
        ret = qcow2_entry_get(s, last, &entry, &bitmap);
        if (ret) {
            return ret;
        }
        from = 0;
        to = end - last;
        qcow2_room_copy(s, entry, bitmap, room, &from, &to);
    }
    t->to = last + to;
    a->tail = t->to - end;
    return 0;
}

static int qcow2_alloc_locked(Qcow2 *s, BlockAlloc *a)
{
    uint64_t guest = a->off & ~(s->cluster - 1), in = a->off - guest, entry, bitmap, run, got;
    Qcow2Slice *e;
    unsigned i;
    Qcow2Room room = ROOM_NEW;
    int ret = qcow2_l2_for_write(s, a->off, &e, &i);

    if (ret) {
        return ret;
    }
    entry = qcow2_slice_entry(s, e, i, &bitmap);
    ret = qcow2_entry_check(s, a->off, entry, bitmap);
    if (ret) {
        return ret;
    }
    run = qcow2_room_run(s, a, e, i, &room, &a->replaces);
    Qcow2Token t = { .guest = guest, .host = entry & QCOW2_OFF_MASK };
    t.n = qcow2_clusters(s, in + run);
    if (room == ROOM_NEW && s->external) {
        t.host = guest;
        a->replaces = false;
    } else if (room == ROOM_NEW) {
        ret = qcow2_alloc_clusters(s, t.n, &t.host, &got);
        if (ret) {
            return ret;
        }
        t.fresh = true;
        t.n = got;
    } else if (!s->external) {
        ret = qcow2_check_overlap(s, t.host, (uint64_t)t.n << s->h.cluster_bits);
        if (ret) {
            return ret;
        }
    }
    a->len = MIN(run, ((uint64_t)t.n << s->h.cluster_bits) - in);
    a->child = s->external ? s->data : NULL;
    a->child_off = t.host + in;
    a->head = a->tail = 0;
    a->token = NULL;
    if (room == ROOM_IN_PLACE) {
        return 0;
    }
    ret = qcow2_alloc_edges(s, a, &t, room);
    if (ret) {
        if (t.fresh) {
            qcow2_free_now(s, t.host, (uint64_t)t.n << s->h.cluster_bits);
        }
        return ret;
    }
    a->token = g_memdup2(&t, sizeof(t));
    return 0;
}

int qcow2_alloc(BlockNode *n, BlockAlloc *a)
{
    Qcow2 *s = block_priv(n);
    Qcow2Slice *e;
    unsigned i;
    int ret = 0;

    /* Writes in place, the many, take no lock and wait for nothing. */
    uint64_t l1i = a->off >> (s->h.cluster_bits + s->l2_bits);
    if (l1i < s->l1_n && s->l1[l1i] & QCOW2_COPIED) {
        ret = qcow2_l2_slice(s, a->off, &e, &i);
        if (ret == 0 && e) {
            uint64_t bitmap, entry = qcow2_slice_entry(s, e, i, &bitmap),
                             in = a->off & (s->cluster - 1);
            Qcow2Room room;

            if (qcow2_room(s, entry, bitmap, in, MIN(s->cluster, in + a->len)) == ROOM_IN_PLACE &&
                qcow2_entry_check(s, a->off, entry, bitmap) == 0) {
                a->len = qcow2_room_run(s, a, e, i, &room, &a->replaces);
                a->child = s->external ? s->data : NULL;
                a->child_off = (entry & QCOW2_OFF_MASK) + in;
                a->head = a->tail = 0;
                a->token = NULL;
                return s->external ? 0 : qcow2_check_overlap(s, a->child_off, a->len);
            }
        }
    }
    if (ret == 0) {
        fiber_lock(&s->lock);
        ret = qcow2_alloc_locked(s, a);
        fiber_unlock(&s->lock);
    }
    return ret;
}

/* The entry of the token's cluster number @k, from what stood there. */
static void qcow2_link_entry(Qcow2 *s, const Qcow2Token *t, uint32_t k, Qcow2Slice *e, unsigned i)
{
    uint64_t bitmap, entry = qcow2_slice_entry(s, e, i, &bitmap);
    uint64_t guest = t->guest + ((uint64_t)k << s->h.cluster_bits);
    uint64_t host = t->host + ((uint64_t)k << s->h.cluster_bits);

    if (qcow2_has_subclusters(s)) {
        uint64_t from = t->from > guest ? t->from - guest : 0, to = MIN(t->to - guest, s->cluster);
        uint32_t bits = qcow2_sub_bits(from / s->sub, to / s->sub);
        uint64_t old = entry & QCOW2_PACKED ? 0 : bitmap;

        bitmap = (old | bits) & ~((uint64_t)bits << 32);
    }
    qcow2_l2_put(s, e, i, host | QCOW2_COPIED, bitmap);
    if (t->fresh) {
        qcow2_free_entry(s, entry, QCOW2_FREE_OTHER);
    }
}

int qcow2_link(BlockNode *n, BlockAlloc *a)
{
    Qcow2 *s = block_priv(n);
    Qcow2Token *t = a->token;
    int ret = 0;
    uint32_t k = 0;

    fiber_lock(&s->lock);
    while (k < t->n) {
        Qcow2Slice *e;
        unsigned i;

        ret = qcow2_l2_for_write(s, t->guest + ((uint64_t)k << s->h.cluster_bits), &e, &i);
        if (ret) {
            break;
        }
        for (; k < t->n && i < qcow2_per_slice(s); k++, i++) {
            qcow2_link_entry(s, t, k, e, i);
        }
    }
    s->unstable = true;
    if (ret && t->fresh) {
        uint64_t done = (uint64_t)k << s->h.cluster_bits;

        qcow2_free_now(s, t->host + done, ((uint64_t)t->n << s->h.cluster_bits) - done);
    }
    fiber_unlock(&s->lock);
    g_free(t);
    a->token = NULL;
    return ret;
}

void qcow2_abort(BlockNode *n, BlockAlloc *a)
{
    Qcow2 *s = block_priv(n);
    Qcow2Token *t = a->token;

    if (t && t->fresh) {
        qcow2_free_now(s, t->host, (uint64_t)t->n << s->h.cluster_bits);
    }
    g_free(t);
    a->token = NULL;
}

/* ---- Zeroes and discard ---- */

typedef enum Qcow2Wipe { WIPE_ZERO, WIPE_ZERO_UNMAP, WIPE_DISCARD, WIPE_HOLE } Qcow2Wipe;

/* Without subclusters. */
static void qcow2_wipe_entry(Qcow2 *s, Qcow2Slice *e, unsigned i, Qcow2Wipe how, bool backing)
{
    uint64_t bitmap, entry = qcow2_slice_entry(s, e, i, &bitmap), now;
    bool host = qcow2_has_host(s, entry);

    if (how == WIPE_DISCARD && !backing && !(entry & ~QCOW2_COPIED) && !host) {
        return;
    }
    if (how == WIPE_HOLE || s->h.version < 3) {
        now = 0;
    } else if (host && (how == WIPE_ZERO || s->external)) {
        now = entry | QCOW2_ZERO;
    } else {
        now = QCOW2_ZERO;
    }
    if (now == entry) {
        return;
    }
    qcow2_l2_put(s, e, i, now, 0);
    if (!(now & QCOW2_OFF_MASK)) {
        qcow2_free_entry(s, entry, QCOW2_FREE_REQUEST);
    }
}

/* With subclusters: [@from, @to) of the cluster. */
static int qcow2_wipe_subs(Qcow2 *s, Qcow2Slice *e, unsigned i, Qcow2Wipe how, bool backing,
                           uint64_t from, uint64_t to)
{
    uint64_t bitmap, entry = qcow2_slice_entry(s, e, i, &bitmap), now = entry;
    uint32_t bits = qcow2_sub_bits(from / s->sub, (to + s->sub - 1) / s->sub), zero, data;

    if (entry & QCOW2_PACKED) {
        if (bits != ALL_SUBS) {
            return -ENOTSUP;
        }
        now = bitmap = 0;
    }
    if (how == WIPE_DISCARD && !backing && !bitmap && !entry) {
        return 0;
    }
    zero = bitmap >> 32 | bits;
    data = bitmap & ~bits;
    if (how == WIPE_HOLE) {
        zero &= ~bits;
    }
    if (!data && how != WIPE_ZERO && !s->external) {
        now = 0;
    }
    bitmap = (uint64_t)zero << 32 | data;
    qcow2_l2_put(s, e, i, now, bitmap);
    if (now != entry) {
        qcow2_free_entry(s, entry, QCOW2_FREE_REQUEST);
    }
    return 0;
}

/* [@off, @off + @len) is made of whole units, but for the image's end. FIBER */
static int qcow2_wipe(Qcow2 *s, uint64_t off, uint64_t len, Qcow2Wipe how)
{
    uint64_t end = off + len;
    bool backing = block_node_backing_name(s->node) || block_node_backing(s->node);
    bool skip = how == WIPE_HOLE || (how == WIPE_DISCARD && !backing);

    while (off < end) {
        uint64_t l1i = off >> (s->h.cluster_bits + s->l2_bits);
        uint64_t table = s->cluster << s->l2_bits;
        Qcow2Slice *e;
        unsigned i;
        int ret;

        if (skip && (l1i >= s->l1_n || !(s->l1[l1i] & QCOW2_OFF_MASK))) {
            off = (off & ~(table - 1)) + table;
            continue;
        }
        ret = qcow2_l2_for_write(s, off, &e, &i);
        if (ret) {
            return ret;
        }
        for (; off < end && i < qcow2_per_slice(s); i++) {
            uint64_t in = off & (s->cluster - 1), to = MIN(s->cluster, in + (end - off));

            if (qcow2_has_subclusters(s)) {
                ret = qcow2_wipe_subs(s, e, i, how, backing, in, to);
                if (ret) {
                    return ret;
                }
            } else {
                qcow2_wipe_entry(s, e, i, how, backing);
            }
            off += to - in;
        }
    }
    return 0;
}

/* Version 2 has no zeros: only where nothing is and nothing shines through. FIBER */
static int qcow2_zero_v2(Qcow2 *s, uint64_t off, uint64_t len, unsigned flags)
{
    Extent x;

    if (block_node_backing_name(s->node) || block_node_backing(s->node)) {
        return -ENOTSUP;
    }
    if (flags & BLOCK_REQ_UNMAP) {
        return qcow2_wipe(s, off, len, WIPE_HOLE);
    }
    for (uint64_t at = off; at < off + len; at += x.len) {
        int ret = qcow2_map(s->node, at, off + len - at, &x);

        if (ret || x.kind != EXTENT_HOLE) {
            return ret ? ret : -ENOTSUP;
        }
    }
    return 0;
}

int qcow2_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Qcow2 *s = block_priv(n);
    int ret = 0;

    fiber_lock(&s->lock);
    if (s->h.version < 3) {
        ret = qcow2_zero_v2(s, off, len, flags);
    } else {
        if (s->h.autoclear & QCOW2_AUTOCLEAR_RAW) {
            ret = block_node_write_zeroes(s->data, off, len, flags);
        }
        if (ret == 0) {
            ret = qcow2_wipe(s, off, len, flags & BLOCK_REQ_UNMAP ? WIPE_ZERO_UNMAP : WIPE_ZERO);
        }
    }
    fiber_unlock(&s->lock);
    return ret;
}

int qcow2_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    Qcow2 *s = block_priv(n);
    bool backing = block_node_backing_name(n) || block_node_backing(n);
    int ret;

    if ((s->h.version < 3 && backing) || s->h.autoclear & QCOW2_AUTOCLEAR_RAW) {
        return -ENOTSUP;
    }
    fiber_lock(&s->lock);
    ret = qcow2_wipe(s, off, len, s->h.version < 3 ? WIPE_HOLE : WIPE_DISCARD);
    fiber_unlock(&s->lock);
    if (ret == 0 && s->external && s->discard_request) {
        (void)block_node_discard(s->data, off, len);
    }
    return ret;
}

int qcow2_unmap(Qcow2 *s, uint64_t off, uint64_t len)
{
    return qcow2_wipe(s, off, len, WIPE_HOLE);
}
