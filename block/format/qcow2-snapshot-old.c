/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of images of version 2, which have no bit that says that counts and COPIED flags are
 * being changed. So nothing that stands is changed: copies of the active tables, with the flags
 * that will be right, and counts of everything as they will be, are written beside, and one write
 * of the header's sector goes to all of them. A cut before leaves leaks, a cut after nothing.
 */
#include "block/format/qcow2-check.h"

#include "util/bytes.h"

#include <errno.h>
#include <string.h>

typedef struct Qcow2New {
    uint64_t *l1; /* host order, COPIED flags set */
    uint32_t n;
    uint64_t off, snapshots_off, snapshots_len;
} Qcow2New;

/* A table with the flags that @r says; NULL: with none. FIBER */
static int qcow2_new_flags(Qcow2 *s, const Qcow2Refs *r, uint64_t from, uint64_t to, uint8_t *buf)
{
    int ret = qcow2_pread(s, from, buf, s->cluster);

    for (uint64_t i = 0; ret == 0 && i < s->cluster / 8; i++) {
        uint64_t entry = get_be64(buf + i * 8), off = entry & QCOW2_OFF_MASK;

        if (entry & QCOW2_PACKED || !off) {
            continue;
        }
        entry &= ~QCOW2_COPIED;
        if (r && off >> s->h.cluster_bits < r->n && r->refs[off >> s->h.cluster_bits] == 1) {
            entry |= QCOW2_COPIED;
        }
        put_be64(buf + i * 8, entry);
    }
    return ret ? ret : qcow2_pwrite(s, to, buf, s->cluster);
}

/* Copies of all that @l1 points to, and the table itself, so that the file reaches there. FIBER */
static int qcow2_new_tables(Qcow2 *s, Qcow2New *w, const uint64_t *l1)
{
    g_autofree uint8_t *buf = g_try_malloc0(MAX(s->cluster, w->n * 8ull));
    int ret = buf ? qcow2_alloc_table(s, MAX(w->n * 8ull, 1), &w->off) : -ENOMEM;

    for (uint32_t i = 0; ret == 0 && i < w->n; i++) {
        uint64_t from = l1[i] & QCOW2_OFF_MASK, to;

        if (!from) {
            continue;
        }
        ret = from & (s->cluster - 1) ? -EIO : qcow2_alloc_table(s, s->cluster, &to);
        if (ret == 0) {
            w->l1[i] = to | QCOW2_COPIED;
            ret = qcow2_new_flags(s, NULL, from, to, buf);
        }
    }
    for (uint32_t i = 0; ret == 0 && i < w->n; i++) {
        put_be64(buf + i * 8ull, w->l1[i]);
    }
    return ret || !w->n ? ret : qcow2_pwrite(s, w->off, buf, w->n * 8ull);
}

/* The same once the counts are known. FIBER */
static int qcow2_new_finish(Qcow2 *s, const Qcow2New *w, const Qcow2Refs *r)
{
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);
    int ret = buf ? 0 : -ENOMEM;

    for (uint32_t i = 0; ret == 0 && i < w->n; i++) {
        uint64_t at = w->l1[i] & QCOW2_OFF_MASK;

        ret = at ? qcow2_new_flags(s, r, at, at, buf) : 0;
    }
    return ret;
}

/* What is kept in memory of tables follows. */
static int qcow2_new_caches(Qcow2 *s)
{
    uint64_t limit = (uint64_t)s->l2.limit * s->l2.slice_size;
    uint32_t slice = s->l2.slice_size;
    bool room = true;

    qcow2_cache_deinit(&s->l2);
    qcow2_set_deinit(&s->meta);
    qcow2_set_init(&s->meta);
    for (uint32_t i = 0; i < s->l1_n; i++) {
        uint64_t off = s->l1[i] & QCOW2_OFF_MASK;

        room &= !off || qcow2_set_add(&s->meta, off >> s->h.cluster_bits);
    }
    for (uint32_t i = 0; i < s->rt_n; i++) {
        uint64_t off = s->rt[i] & ~QCOW2_RT_RESERVED;

        room &= !off || qcow2_set_add(&s->meta, off >> s->h.cluster_bits);
    }
    return qcow2_cache_init(&s->l2, limit, slice) && room ? 0 : -ENOMEM;
}

int qcow2_old_switch(Qcow2 *s, const uint64_t *l1, uint32_t n, uint64_t size)
{
    Qcow2New w = { .l1 = g_try_new0(uint64_t, n + 1ull), .n = n };
    Qcow2Header old = s->h;
    uint64_t *old_l1 = s->l1, old_len = s->snapshots_len;
    uint32_t old_n = s->l1_n;
    Qcow2Refs r = { 0 };
    int ret = w.l1 ? qcow2_new_tables(s, &w, l1) : -ENOMEM;

    ret = ret ? ret : qcow2_snapshots_put(s, &w.snapshots_off, &w.snapshots_len);
    if (ret) {
        g_free(w.l1);
        return ret;
    }
    s->h.l1_off = w.off;
    s->h.l1_n = n;
    s->h.size = size;
    s->h.snapshots_off = w.snapshots_off;
    s->h.snapshots_n = s->snapshots_n;
    s->snapshots_len = w.snapshots_len;
    s->l1 = w.l1;
    s->l1_n = n;
    ret = qcow2_refs_count(s, &r);
    ret = ret ? ret : qcow2_new_finish(s, &w, &r);
    ret = ret ? ret : qcow2_refs_write(s, &r, s->h.refcount_order);
    block_free_array(s->node, r.refs);
    if (ret && s->h.rt_off == old.rt_off) { /* the header is as it was */
        s->h = old;
        s->snapshots_len = old_len;
        s->l1 = old_l1;
        s->l1_n = old_n;
        g_free(w.l1);
        return ret;
    }
    g_free(old_l1);
    g_free(s->l1_dirty);
    s->l1_dirty = g_malloc0(n / 64 + 1);
    s->l1_any_dirty = false;
    s->l1_room = 0;
    int more = qcow2_new_caches(s);
    return ret ? ret : more;
}
