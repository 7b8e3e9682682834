/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/qcow2-check.h"

#include "util/bytes.h"

#include <errno.h>
#include <string.h>

int qcow2_refcount_set(Qcow2 *s, uint64_t i, uint64_t v)
{
    uint64_t ti = i >> s->rb_bits, in = i & ((1ull << s->rb_bits) - 1), bit, slice;
    Qcow2Slice *e;
    int ret;

    if (ti >= s->rt_n || !(s->rt[ti] & ~QCOW2_RT_RESERVED) || v > s->max_refcount) {
        return -EIO;
    }
    bit = in << s->h.refcount_order;
    slice = bit / 8 / s->rb.slice_size * s->rb.slice_size;
    ret = qcow2_cache_get(s, &s->rb, (s->rt[ti] & ~QCOW2_RT_RESERVED) + slice, &e);
    if (ret == 0) {
        qcow2_refcount_write(qcow2_modify(&s->rb, e), (bit - slice * 8) >> s->h.refcount_order,
                             s->h.refcount_order, v);
        s->free_hint = v ? s->free_hint : MIN(s->free_hint, i);
    }
    return ret;
}

/* The old table and blocks are counted once each: no longer. */
static void qcow2_refs_forget_old(Qcow2 *s, Qcow2Refs *r)
{
    uint64_t first = s->h.rt_off >> s->h.cluster_bits, n = qcow2_clusters(s, s->rt_n * 8ull);

    for (uint64_t i = first; i < first + n && i < r->n; i++) {
        r->refs[i] -= r->refs[i] > 0;
    }
    for (uint32_t i = 0; i < s->rt_n; i++) {
        uint64_t off = s->rt[i], c = off >> s->h.cluster_bits;

        if (off && !(off & (s->cluster - 1)) && c < r->n) {
            r->refs[c] -= r->refs[c] > 0;
            qcow2_set_del(&s->meta, c);
        }
    }
}

/* Ranges of a block that need one, of @n clusters of which those from @base on are used. */
static uint64_t qcow2_refs_blocks(const Qcow2Refs *r, unsigned rb_bits, uint64_t base, uint64_t n,
                                  uint8_t *used)
{
    uint64_t blocks = 0;

    for (uint64_t i = 0; i < n; i++) {
        if ((i < r->n && i < base && r->refs[i]) || i >= base) {
            uint64_t b = i >> rb_bits;

            blocks += !used[b];
            used[b] = 1;
            if (i >= base) {
                continue;
            }
            i = MIN(base, (b + 1) << rb_bits) - 1;
        }
    }
    return blocks;
}

/* FIBER */
static int qcow2_refs_write_blocks(Qcow2 *s, const Qcow2Refs *r, unsigned order, uint64_t base,
                                   uint64_t end, const uint8_t *used, uint64_t *rt, uint64_t rt_n)
{
    unsigned rb_bits = s->h.cluster_bits + 3 - order;
    uint64_t at = base, max = order == 6 ? UINT64_MAX : (1ull << (1 << order)) - 1;
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);
    int ret = buf ? 0 : -ENOMEM;

    for (uint64_t b = 0; ret == 0 && b <= (end - 1) >> rb_bits; b++) {
        if (!used[b]) {
            continue;
        }
        memset(buf, 0, s->cluster);
        for (uint64_t j = 0; j < 1ull << rb_bits; j++) {
            uint64_t i = (b << rb_bits) + j;
            uint64_t v = i >= base ? i < end : i < r->n ? r->refs[i] : 0;

            if (v > max) {
                return -ERANGE;
            }
            qcow2_refcount_write(buf, j, order, v);
        }
        rt[b] = at << s->h.cluster_bits;
        ret = qcow2_pwrite(s, rt[b], buf, s->cluster);
        at++;
    }
    for (uint64_t i = 0; i < rt_n; i++) {
        rt[i] = htobe64(rt[i]);
    }
    ret = ret ? ret : qcow2_pwrite(s, at << s->h.cluster_bits, rt, rt_n * 8);
    for (uint64_t i = 0; i < rt_n; i++) {
        rt[i] = be64toh(rt[i]);
    }
    return ret;
}

/* The header points to the new table. FIBER */
static int qcow2_refs_switch(Qcow2 *s, uint64_t rt_off, uint64_t *take_rt, uint64_t rt_n,
                             unsigned order)
{
    uint32_t slice = s->rb.slice_size;
    int ret = qcow2_barrier(s);

    if (ret) {
        g_free(take_rt);
        return ret;
    }
    s->h.rt_off = rt_off;
    s->h.rt_clusters = rt_n * 8 >> s->h.cluster_bits;
    s->h.refcount_order = order;
    ret = qcow2_header_write_fixed(s);
    ret = ret ? ret : qcow2_barrier(s);
    uint64_t limit = (uint64_t)s->rb.limit * slice;
    qcow2_cache_deinit(&s->rb);
    g_free(s->rt);
    g_free(s->rt_dirty);
    s->rt = take_rt;
    s->rt_n = rt_n;
    s->rt_dirty = g_malloc0(rt_n / 64 + 1);
    s->rt_any_dirty = false;
    s->rb_bits = s->h.cluster_bits + 3 - order;
    s->max_refcount = order == 6 ? UINT64_MAX >> 1 : (1ull << (1 << order)) - 1;
    s->free_hint = 0;
    s->packed_at = 0;
    if (!qcow2_cache_init(&s->rb, limit, slice)) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < rt_n; i++) {
        if (s->rt[i]) {
            qcow2_set_add(&s->meta, s->rt[i] >> s->h.cluster_bits);
        }
    }
    return ret;
}

int qcow2_refs_write(Qcow2 *s, Qcow2Refs *r, unsigned order)
{
    unsigned rb_bits = s->h.cluster_bits + 3 - order;
    uint64_t base, blocks = 0, table = 0, end, ranges;
    g_autofree uint8_t *used = NULL;
    uint64_t *rt;
    int ret;

    qcow2_refs_forget_old(s, r);
    for (base = r->n; base && !r->refs[base - 1]; base--) {
    }
    /* The old ones stay whole until the header has let go of them. */
    base = MAX(base, qcow2_clusters(s, block_node_size(block_file(s->node))));
    for (;;) {
        uint64_t b, t;

        end = base + blocks + table;
        ranges = ((end - 1) >> rb_bits) + 1;
        g_free(used);
        used = g_try_malloc0(ranges);
        if (!used) {
            return -ENOMEM;
        }
        b = qcow2_refs_blocks(r, rb_bits, base, end, used);
        t = qcow2_clusters(s, ranges * 8);
        if (b == blocks && t == table) {
            break;
        }
        blocks = b;
        table = t;
    }
    if (table << s->h.cluster_bits > QCOW2_RT_MAX) {
        return -EFBIG;
    }
    rt = g_try_new0(uint64_t, table << s->h.cluster_bits >> 3);
    if (!rt) {
        return -ENOMEM;
    }
    ret =
        qcow2_refs_write_blocks(s, r, order, base, end, used, rt, table << s->h.cluster_bits >> 3);
    if (ret) {
        g_free(rt);
        return ret;
    }
    ret = qcow2_refs_switch(s, (base + blocks) << s->h.cluster_bits, rt,
                            table << s->h.cluster_bits >> 3, order);
    if (ret == 0) {
        uint32_t *more = block_try_array(s->node, end, sizeof(*more));

        if (!more) {
            return -ENOMEM;
        }
        memcpy(more, r->refs, MIN(r->n, base) * sizeof(*more));
        for (uint64_t i = base; i < end; i++) {
            more[i] = 1;
        }
        block_free_array(s->node, r->refs);
        r->refs = more;
        r->n = end;
    }
    return ret;
}
