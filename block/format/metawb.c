/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/metawb.h"

#include <errno.h>

typedef struct MetaPiece {
    BlockNode *child;
    uint64_t off;
    uint32_t len;
    uint8_t bytes[];
} MetaPiece;

static int metawb_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
    const MetaPiece *x = a, *y = b;

    if (x->child != y->child) {
        return x->child < y->child ? -1 : 1;
    }
    return x->off < y->off ? -1 : x->off > y->off;
}

static void metawb_insert(MetaWb *m, MetaOrder order, MetaPiece *p)
{
    if (!m->pending[order]) {
        m->pending[order] = g_tree_new_full(metawb_compare, NULL, g_free, NULL);
    }
    g_tree_replace(m->pending[order], p, p);
}

static void metawb_count(MetaWb *m)
{
    m->n_pending = 0;
    for (unsigned i = 0; i < META_ORDERS; i++) {
        m->n_pending += m->pending[i] ? g_tree_nnodes(m->pending[i]) : 0;
    }
}

void metawb_put(MetaWb *m, MetaOrder order, BlockNode *child, uint64_t off, const void *buf,
                uint32_t len)
{
    MetaPiece *p = g_malloc(sizeof(*p) + len);

    CHECK(len <= META_PIECE_MAX);
    p->child = child;
    p->off = off;
    p->len = len;
    memcpy(p->bytes, buf, len);
    metawb_insert(m, order, p);
    metawb_count(m);
}

void metawb_put_piece(MetaWb *m, MetaOrder order, BlockNode *child, uint64_t table_off,
                      const void *table, uint64_t table_len, uint64_t at)
{
    uint64_t begin = at / 512 * 512;

    metawb_put(m, order, child, table_off + begin, (const uint8_t *)table + begin,
               MIN(512, table_len - begin));
}

bool metawb_is_full(const MetaWb *m)
{
    return m->n_pending >= META_PENDING_MAX;
}

typedef struct MetaWrite {
    int ret;
    GPtrArray *children; /* distinct ones, for the flush between */
    GPtrArray *pieces;
} MetaWrite;

static gboolean metawb_collect(gpointer key, gpointer value, gpointer opaque)
{
    MetaWrite *w = opaque;
    MetaPiece *p = key;

    if (w->children && !g_ptr_array_find(w->children, p->child, NULL)) {
        g_ptr_array_add(w->children, p->child);
    }
    g_ptr_array_add(w->pieces, p);
    return FALSE;
}

/* Neighbours go out as one write. */
static int metawb_write_tree(GTree *tree)
{
    MetaWrite w = { .pieces = g_ptr_array_new() };
    int ret = 0;

    g_tree_foreach(tree, metawb_collect, &w);
    for (unsigned i = 0; i < w.pieces->len && ret == 0;) {
        MetaPiece *first = g_ptr_array_index(w.pieces, i);
        struct iovec iov[64];
        uint64_t end = first->off;
        unsigned n = 0;

        while (i < w.pieces->len && n < G_N_ELEMENTS(iov)) {
            MetaPiece *p = g_ptr_array_index(w.pieces, i);

            if (p->child != first->child || p->off != end) {
                break;
            }
            iov[n++] = (struct iovec){ p->bytes, p->len };
            end += p->len;
            i++;
        }
        ret = block_node_writev(first->child, first->off, iov, n, 0);
    }
    g_ptr_array_free(w.pieces, TRUE);
    return ret;
}

static int metawb_sync(GTree *tree)
{
    MetaWrite w = { .pieces = g_ptr_array_new(), .children = g_ptr_array_new() };
    int ret = 0;

    g_tree_foreach(tree, metawb_collect, &w);
    for (unsigned i = 0; i < w.children->len && ret == 0; i++) {
        ret = block_node_flush(g_ptr_array_index(w.children, i));
    }
    g_ptr_array_free(w.pieces, TRUE);
    g_ptr_array_free(w.children, TRUE);
    return ret;
}

/* Back among the pending ones, unless the place was changed again meanwhile. */
static gboolean metawb_put_back(gpointer key, gpointer value, gpointer opaque)
{
    MetaPiece *p = key;
    GTree *to = opaque;

    if (!g_tree_lookup(to, p)) {
        MetaPiece *copy = g_memdup2(p, sizeof(*p) + p->len);

        g_tree_replace(to, copy, copy);
    }
    return FALSE;
}

int metawb_flush(MetaWb *m)
{
    GTree *taken[META_ORDERS];
    int ret = 0;

    fiber_lock(&m->lock);
    for (unsigned i = 0; i < META_ORDERS; i++) {
        taken[i] = m->pending[i];
        m->pending[i] = NULL;
    }
    m->n_pending = 0;
    if (taken[META_FIRST]) {
        ret = metawb_write_tree(taken[META_FIRST]);
    }
    if (ret == 0 && taken[META_POINTER]) {
        ret = metawb_sync(taken[META_POINTER]);
    }
    if (ret == 0 && taken[META_POINTER]) {
        ret = metawb_write_tree(taken[META_POINTER]);
    }
    for (unsigned i = 0; i < META_ORDERS; i++) {
        if (!taken[i]) {
            continue;
        }
        if (ret < 0) {
            if (!m->pending[i]) {
                m->pending[i] = g_tree_new_full(metawb_compare, NULL, g_free, NULL);
            }
            g_tree_foreach(taken[i], metawb_put_back, m->pending[i]);
        }
        g_tree_destroy(taken[i]);
    }
    metawb_count(m);
    fiber_unlock(&m->lock);
    return ret;
}

void metawb_deinit(MetaWb *m)
{
    for (unsigned i = 0; i < META_ORDERS; i++) {
        g_clear_pointer(&m->pending[i], g_tree_destroy);
    }
}

bool metawb_grow(MetaWb *m, BlockNode *file, uint64_t off, uint64_t len)
{
    return off >= block_node_size(file) && block_extend(file, off + len) == 0;
}
