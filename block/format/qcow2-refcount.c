/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section "Host cluster management": counts of host clusters, room for new ones, and what keeps
 * guest data off the metadata.
 */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

uint64_t qcow2_refcount_read(const uint8_t *table, uint64_t i, unsigned order)
{
    switch (order) {
    case 3:
        return table[i];
    case 4:
        return get_be16(table + i * 2);
    case 5:
        return get_be32(table + i * 4);
    case 6:
        return get_be64(table + i * 8);
    default: {
        /* Bit 0 of an entry is the least significant one of its byte's part. */
        unsigned width = 1 << order, per = 8 >> order;

        return table[i / per] >> (i % per * width) & ((1u << width) - 1);
    }
    }
}

void qcow2_refcount_write(uint8_t *table, uint64_t i, unsigned order, uint64_t v)
{
    switch (order) {
    case 3:
        table[i] = v;
        return;
    case 4:
        put_be16(table + i * 2, v);
        return;
    case 5:
        put_be32(table + i * 4, v);
        return;
    case 6:
        put_be64(table + i * 8, v);
        return;
    default: {
        unsigned width = 1 << order, per = 8 >> order, shift = i % per * width;
        uint8_t mask = ((1u << width) - 1) << shift;

        table[i / per] = (table[i / per] & ~mask) | (v << shift & mask);
    }
    }
}

/* ---- Which clusters hold metadata ---- */

enum { SET_PAGE_BITS = 12 }; /* clusters in a page: 512 bytes */

void qcow2_set_init(Qcow2Set *m)
{
    m->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    m->limit = 1 << 20; /* pages: 512 MiB */
}

void qcow2_set_deinit(Qcow2Set *m)
{
    g_clear_pointer(&m->pages, g_hash_table_destroy);
}

bool qcow2_set_has(const Qcow2Set *m, uint64_t cluster)
{
    uint64_t key = cluster >> SET_PAGE_BITS;
    const uint8_t *page = m->pages ? g_hash_table_lookup(m->pages, &key) : NULL;
    unsigned i = cluster & ((1 << SET_PAGE_BITS) - 1);

    return page && page[i / 8] >> (i % 8) & 1;
}

bool qcow2_set_add(Qcow2Set *m, uint64_t cluster)
{
    uint64_t key = cluster >> SET_PAGE_BITS;
    uint8_t *page = g_hash_table_lookup(m->pages, &key);
    unsigned i = cluster & ((1 << SET_PAGE_BITS) - 1);

    if (!page) {
        if (g_hash_table_size(m->pages) >= m->limit) {
            return false;
        }
        page = g_malloc0(1 << (SET_PAGE_BITS - 3));
        g_hash_table_insert(m->pages, g_memdup2(&key, sizeof(key)), page);
    }
    page[i / 8] |= 1u << (i % 8);
    return true;
}

void qcow2_set_del(Qcow2Set *m, uint64_t cluster)
{
    uint64_t key = cluster >> SET_PAGE_BITS;
    uint8_t *page = m->pages ? g_hash_table_lookup(m->pages, &key) : NULL;
    unsigned i = cluster & ((1 << SET_PAGE_BITS) - 1);

    if (page) {
        page[i / 8] &= ~(1u << (i % 8));
    }
}

static bool qcow2_ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a_len && b_len && a < b + b_len && b < a + a_len;
}

const char *qcow2_overlap(const Qcow2 *s, uint64_t off, uint64_t len)
{
    if (off < s->cluster) {
        return "the header";
    }
    if (qcow2_ranges_meet(off, len, s->h.l1_off, s->l1_n * 8ull)) {
        return "the active L1 table";
    }
    if (qcow2_ranges_meet(off, len, s->h.rt_off, s->rt_n * 8ull)) {
        return "the refcount table";
    }
    if (s->h.snapshots_n && qcow2_ranges_meet(off, len, s->h.snapshots_off, s->snapshots_len)) {
        return "the snapshot table";
    }
    if (s->x.has_bitmaps && qcow2_ranges_meet(off, len, s->x.bitmap_dir_off, s->x.bitmap_dir_len)) {
        return "the bitmap directory";
    }
    if (s->x.has_crypto && qcow2_ranges_meet(off, len, s->x.crypto_off, s->x.crypto_len)) {
        return "the encryption header";
    }
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        const Qcow2Snapshot *sn = &s->snapshots[i];

        if (qcow2_ranges_meet(off, len, sn->l1_off, sn->l1_n * 8ull)) {
            return "an inactive L1 table";
        }
    }
    for (uint64_t c = off >> s->h.cluster_bits; c << s->h.cluster_bits < off + len; c++) {
        if (qcow2_set_has(&s->meta, c)) {
            return "an L2 table or a refcount block";
        }
    }
    return NULL;
}

int qcow2_check_overlap(Qcow2 *s, uint64_t off, uint64_t len)
{
    const char *what = qcow2_overlap(s, off, len);

    if (!what) {
        return 0;
    }
    qcow2_corrupt(s, off, len, "Preventing invalid write: it would overlap with %s", what);
    return -EIO;
}

void qcow2_corrupt(Qcow2 *s, uint64_t off, uint64_t len, const char *fmt, ...)
{
    va_list ap;
    bool say = s->writable && s->h.version >= 3 && !(s->h.incompat & QCOW2_INCOMPAT_CORRUPT);

    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (say) {
        s->h.incompat |= QCOW2_INCOMPAT_CORRUPT;
        if (qcow2_header_write_fixed(s) == 0) {
            (void)qcow2_barrier(s);
        }
    }
    block_corrupt(s->node, true, off, len, "%s", text);
}

/* ---- Counts ---- */

/* The piece of the refcount block for cluster @i, with *at the entry in it; *e NULL: no block.
 * FIBER */
static int qcow2_refcount_slice(Qcow2 *s, uint64_t i, Qcow2Slice **e, unsigned *at)
{
    uint64_t ti = i >> s->rb_bits, in = i & ((1ull << s->rb_bits) - 1);
    uint64_t block, bit, slice;

    *e = NULL;
    if (ti >= s->rt_n || !(s->rt[ti] & ~QCOW2_RT_RESERVED)) {
        return 0;
    }
    block = s->rt[ti];
    if (block & (s->cluster - 1) || block >= QCOW2_HOST_MAX) {
        qcow2_corrupt(s, s->h.rt_off, s->rt_n * 8ull,
                      "refcount table entry %" PRIu64 " is %#" PRIx64
                      ": not a multiple of the cluster",
                      ti, block);
        return -EIO;
    }
    bit = in << s->h.refcount_order;
    slice = bit / 8 / s->rb.slice_size;
    *at = (bit - slice * s->rb.slice_size * 8) >> s->h.refcount_order;
    return qcow2_cache_get(s, &s->rb, block + slice * s->rb.slice_size, e);
}

int qcow2_refcount_get(Qcow2 *s, uint64_t i, uint64_t *out)
{
    Qcow2Slice *e;
    unsigned at;
    int ret = qcow2_refcount_slice(s, i, &e, &at);

    *out = ret == 0 && e ? qcow2_refcount_read(e->buf, at, s->h.refcount_order) : 0;
    return ret;
}

/* A count of an existing block, by one up or down. FIBER */
static int qcow2_refcount_change(Qcow2 *s, uint64_t i, int by, uint64_t *now)
{
    Qcow2Slice *e;
    unsigned at;
    int ret = qcow2_refcount_slice(s, i, &e, &at);

    if (ret) {
        return ret;
    }
    uint64_t v = e ? qcow2_refcount_read(e->buf, at, s->h.refcount_order) : 0;
    if (by > 0 && v >= s->max_refcount) {
        return -EINVAL; /* the width's limit: too many snapshots */
    }
    if (by < 0 && !v) {
        qcow2_corrupt(s, i << s->h.cluster_bits, s->cluster,
                      "the count of cluster %#" PRIx64 " is 0 and would be lowered",
                      i << s->h.cluster_bits);
        return -EIO;
    }
    if (!e) {
        return -EIO;
    }
    *now = v + by;
    qcow2_refcount_write(qcow2_modify(&s->rb, e), at, s->h.refcount_order, *now);
    return 0;
}

int qcow2_refcount_raise(Qcow2 *s, uint64_t off, uint64_t len)
{
    uint64_t first = off >> s->h.cluster_bits, n = qcow2_clusters(s, len), now;

    for (uint64_t i = 0; i < n; i++) {
        int ret = qcow2_refcount_change(s, first + i, 1, &now);

        if (ret) {
            while (i--) {
                (void)qcow2_refcount_change(s, first + i, -1, &now);
            }
            return ret;
        }
    }
    return 0;
}

/* ---- Room ---- */

/* Marks a new block or table in the refcount table in memory. */
static void qcow2_rt_set(Qcow2 *s, uint64_t ti, uint64_t off)
{
    s->rt[ti] = off;
    s->rt_dirty[ti / 64] = 1;
    s->rt_any_dirty = true;
}

/* A refcount block for the range of table entry @ti, which has none: it lies at the range's
 * beginning and counts itself. FIBER */
static int qcow2_new_block(Qcow2 *s, uint64_t ti)
{
    uint64_t off = ti << s->rb_bits << s->h.cluster_bits;
    Qcow2Slice *e;
    int ret;

    if (off >= QCOW2_HOST_MAX) {
        return -EFBIG;
    }
    ret = qcow2_check_overlap(s, off ? off : s->cluster, s->cluster);
    if (ret || !off) {
        return ret ? ret : -EIO; /* the header's own block cannot be absent */
    }
    qcow2_cache_drop(s, &s->rb, off, s->cluster);
    ret = qcow2_pzero(s, off, s->cluster);
    if (ret == 0) {
        ret = qcow2_cache_new(s, &s->rb, off, &e);
    }
    if (ret) {
        return ret;
    }
    qcow2_refcount_write(qcow2_modify(&s->rb, e), 0, s->h.refcount_order, 1);
    qcow2_set_add(&s->meta, off >> s->h.cluster_bits);
    s->unstable = true;
    qcow2_rt_set(s, ti, off);
    return 0;
}

/* The new table, and blocks for it and themselves, at the beginning of range @first. The table has
 * @n entries. FIBER */
static int qcow2_rt_write_new(Qcow2 *s, uint64_t first, uint64_t blocks, uint64_t n, uint64_t *rt)
{
    uint64_t base = first << s->rb_bits << s->h.cluster_bits;
    uint64_t table_off = base + blocks * s->cluster, table = n * 8 >> s->h.cluster_bits;
    g_autofree uint8_t *buf = g_try_malloc0(MAX(blocks * s->cluster, n * 8));
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < blocks + table; i++) {
        qcow2_refcount_write(buf, i, s->h.refcount_order, 1);
    }
    ret = qcow2_pwrite(s, base, buf, blocks * s->cluster);
    for (uint64_t i = 0; i < blocks; i++) {
        rt[first + i] = base + i * s->cluster;
    }
    for (uint64_t i = 0; i < n; i++) {
        put_be64(buf + i * 8, rt[i]);
    }
    return ret ? ret : qcow2_pwrite(s, table_off, buf, n * 8);
}

/* A refcount table with room for entry @ti and more; it lies behind all that the old one covers.
 * FIBER */
static int qcow2_rt_grow(Qcow2 *s, uint64_t ti)
{
    uint64_t first = MAX(ti, s->rt_n), blocks = 1, n, per = 1ull << s->rb_bits;
    uint64_t old_off = s->h.rt_off, old_n = s->rt_n;
    g_autofree uint64_t *rt = NULL;
    uint8_t *dirty;
    int ret;

    for (;; blocks++) {
        n = qcow2_round_up(MAX(first + blocks, old_n + old_n / 2), s->cluster / 8);
        if (n * 8 > QCOW2_RT_MAX) {
            n = qcow2_round_up(first + blocks, s->cluster / 8);
        }
        if (blocks + (n * 8 >> s->h.cluster_bits) <= blocks * per) {
            break;
        }
    }
    if (n * 8 > QCOW2_RT_MAX || first << s->rb_bits << s->h.cluster_bits >= QCOW2_HOST_MAX) {
        return -EFBIG;
    }
    rt = g_try_new0(uint64_t, n);
    dirty = g_try_malloc0(n / 64 + 1);
    if (!rt || !dirty) {
        g_free(dirty);
        return -ENOMEM;
    }
    /* What the old table leads to is written before the new one leads to it. */
    ret = qcow2_flush_meta(s);
    fiber_lock(&s->flush_lock);
    if (ret == 0) {
        memcpy(rt, s->rt, old_n * 8);
        ret = qcow2_rt_write_new(s, first, blocks, n, rt);
    }
    if (ret == 0) {
        ret = qcow2_barrier(s);
    }
    if (ret) {
        fiber_unlock(&s->flush_lock);
        g_free(dirty);
        return ret;
    }
    uint64_t *old = s->rt;
    s->rt = g_steal_pointer(&rt);
    s->rt_n = n;
    g_free(s->rt_dirty);
    s->rt_dirty = dirty;
    if (s->rt_any_dirty) {
        memset(dirty, 1, n / 64 + 1);
    }
    g_free(old);
    s->h.rt_off = (first << s->rb_bits << s->h.cluster_bits) + blocks * s->cluster;
    s->h.rt_clusters = n * 8 >> s->h.cluster_bits;
    for (uint64_t i = 0; i < blocks; i++) {
        qcow2_set_add(&s->meta, (first << s->rb_bits) + i);
    }
    ret = qcow2_header_write_fixed(s);
    if (ret == 0) {
        ret = qcow2_barrier(s);
    }
    fiber_unlock(&s->flush_lock);
    if (ret == 0) {
        qcow2_free_now(s, old_off, old_n * 8);
    }
    return ret; /* on failure the old table's room is lost, nothing else */
}

/* Make sure that cluster @i has a count. FIBER */
static int qcow2_cover(Qcow2 *s, uint64_t i)
{
    uint64_t ti = i >> s->rb_bits;

    if (ti >= s->rt_n) {
        return qcow2_rt_grow(s, ti);
    }
    return s->rt[ti] & ~QCOW2_RT_RESERVED ? 0 : qcow2_new_block(s, ti);
}

/* The first free cluster from @i on, and how many follow, up to @want, within one piece of a
 * block. Covers them. FIBER */
static int qcow2_find_free(Qcow2 *s, uint64_t *i, uint64_t want, uint64_t *n)
{
    for (;;) {
        unsigned at, end = s->rb.slice_size * 8 >> s->h.refcount_order, order = s->h.refcount_order;
        Qcow2Slice *e;
        int ret = qcow2_cover(s, *i);

        if (ret == 0) {
            ret = qcow2_refcount_slice(s, *i, &e, &at);
        }
        if (ret) {
            return ret;
        }
        unsigned from = at;
        while (at < end && qcow2_refcount_read(e->buf, at, order)) {
            at++;
        }
        *i += at - from;
        if (at < end) {
            from = at;
            while (at < end && at - from < want && !qcow2_refcount_read(e->buf, at, order)) {
                at++;
            }
            *n = at - from;
            return 0;
        }
    }
}

/* Take [@i, @i + @n): their counts are 0, they are covered, and in one piece. FIBER */
static int qcow2_take(Qcow2 *s, uint64_t i, uint64_t n)
{
    Qcow2Slice *e;
    unsigned at;
    int ret = qcow2_refcount_slice(s, i, &e, &at);

    if (ret) {
        return ret;
    }
    uint8_t *buf = qcow2_modify(&s->rb, e);
    for (uint64_t k = 0; k < n; k++) {
        qcow2_refcount_write(buf, at + k, s->h.refcount_order, 1);
    }
    return 0;
}

int qcow2_alloc_clusters(Qcow2 *s, uint64_t want, uint64_t *off, uint64_t *got)
{
    uint64_t i = s->free_hint, n = 0;
    int ret = qcow2_begin_change(s);

    if (ret == 0) {
        ret = qcow2_find_free(s, &i, want, &n);
    }
    if (ret) {
        return ret;
    }
    if (i + n > QCOW2_HOST_MAX >> s->h.cluster_bits) {
        return -EFBIG;
    }
    *off = i << s->h.cluster_bits;
    *got = n;
    ret = qcow2_check_overlap(s, *off, n << s->h.cluster_bits);
    if (ret == 0) {
        ret = qcow2_take(s, i, n);
    }
    if (ret == 0 && s->free_hint <= i) {
        s->free_hint = i + n;
    }
    return ret;
}

int qcow2_alloc_table(Qcow2 *s, uint64_t bytes, uint64_t *off)
{
    uint64_t want = qcow2_clusters(s, bytes), start, have = 0, i = s->free_hint, n;
    int ret = qcow2_begin_change(s);

    if (ret) {
        return ret;
    }
    /* Runs grow across the pieces of blocks, and end at a used cluster. */
    for (start = i; have < want; i += n) {
        ret = qcow2_find_free(s, &i, want - have, &n);
        if (ret) {
            return ret;
        }
        if (!have || start + have != i) {
            start = i;
            have = 0;
            n = MIN(n, want);
        }
        have += n;
    }
    if (start + want > QCOW2_HOST_MAX >> s->h.cluster_bits) {
        return -EFBIG;
    }
    *off = start << s->h.cluster_bits;
    ret = qcow2_check_overlap(s, *off, want << s->h.cluster_bits);
    for (uint64_t k = 0; ret == 0 && k < want; k++) {
        ret = qcow2_take(s, start + k, 1);
    }
    if (s->free_hint == start) {
        s->free_hint = start + want;
    }
    qcow2_cache_drop(s, &s->l2, *off, want << s->h.cluster_bits);
    return ret;
}

/* ---- Freeing ---- */

void qcow2_packed_range(const Qcow2 *s, uint64_t entry, uint64_t *off, uint64_t *len)
{
    uint64_t sectors = (entry >> s->packed_shift & ((1ull << (62 - s->packed_shift)) - 1)) + 1;

    *off = entry & s->packed_mask;
    *len = sectors * 512 - (*off & 511);
}

void qcow2_free(Qcow2 *s, uint64_t off, uint64_t len, Qcow2Why why)
{
    Qcow2Ranges *r = &s->freed;
    Qcow2Range *last = r->n ? &r->list[r->n - 1] : NULL;

    len = qcow2_clusters(s, (off & (s->cluster - 1)) + len) << s->h.cluster_bits;
    off &= ~(s->cluster - 1);
    s->freed_bytes += len;
    if (last && last->off + last->len == off && last->why == why) {
        last->len += len;
        return;
    }
    if (r->n == r->room) {
        r->room = MAX(64, r->room * 2);
        r->list = g_renew(Qcow2Range, r->list, r->room);
    }
    r->list[r->n++] = (Qcow2Range){ off, len, why };
}

void qcow2_free_entry(Qcow2 *s, uint64_t entry, Qcow2Why why)
{
    uint64_t off, len;

    if (s->external) {
        return;
    }
    if (entry & QCOW2_PACKED) {
        qcow2_packed_range(s, entry, &off, &len);
        qcow2_free(s, off, len, why);
    } else if (entry & QCOW2_OFF_MASK) {
        qcow2_free(s, entry & QCOW2_OFF_MASK, s->cluster, why);
    }
}

static bool qcow2_discards(const Qcow2 *s, uint8_t why)
{
    return why == QCOW2_FREE_REQUEST    ? s->discard_request
           : why == QCOW2_FREE_SNAPSHOT ? s->discard_snapshot
                                        : s->discard_other;
}

/* The file's holes are made before the clusters can be taken again. FIBER */
static int qcow2_free_range(Qcow2 *s, const Qcow2Range *r)
{
    uint64_t first = r->off >> s->h.cluster_bits, n = r->len >> s->h.cluster_bits, hole = 0, count;
    bool discard = qcow2_discards(s, r->why);
    int ret = 0;

    for (uint64_t i = 0; i <= n && discard; i++) {
        bool last = false;

        if (i < n) {
            ret = qcow2_refcount_get(s, first + i, &count);
            last = ret == 0 && count == 1;
            if (last && s->packed_at >> s->h.cluster_bits == first + i) {
                s->packed_at = 0; /* nothing more goes where the hole will be */
            }
        }
        if (last) {
            hole++;
        } else if (hole) {
            /* Beyond the file's end there is nothing to free. */
            uint64_t size = block_node_size(block_file(s->node));
            uint64_t from = (first + i - hole) << s->h.cluster_bits;
            uint64_t len = hole << s->h.cluster_bits;

            if (from < size) {
                (void)block_node_discard(block_file(s->node), from, MIN(len, size - from));
            }
            hole = 0;
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        int one = qcow2_refcount_change(s, first + i, -1, &count);

        if (one) {
            ret = one;
        } else if (!count) {
            qcow2_set_del(&s->meta, first + i);
            s->free_hint = MIN(s->free_hint, first + i);
            if (s->packed_at >> s->h.cluster_bits == first + i) {
                s->packed_at = 0;
            }
        }
    }
    return ret;
}

int qcow2_free_apply(Qcow2 *s, Qcow2Ranges *r)
{
    int ret = 0;

    for (unsigned i = 0; i < r->n; i++) {
        int one = qcow2_free_range(s, &r->list[i]);

        ret = one ? one : ret;
        s->freed_bytes -= MIN(s->freed_bytes, r->list[i].len);
    }
    g_free(r->list);
    *r = (Qcow2Ranges){ 0 };
    return ret;
}

void qcow2_free_now(Qcow2 *s, uint64_t off, uint64_t len)
{
    Qcow2Range r = { off, qcow2_clusters(s, len) << s->h.cluster_bits, QCOW2_FREE_OTHER };

    (void)qcow2_free_range(s, &r);
}
