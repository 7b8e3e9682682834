/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from a backing image is written to the image on it; with bottom=NODE only what lies
 * in that node or above it. */
#include "block/core/driver.h"

#include <string.h>

typedef struct CopyOnRead {
    char *bottom; /* NULL: all */
} CopyOnRead;

static BlockNode *cor_bottom(BlockNode *n)
{
    const CopyOnRead *s = block_priv(n);
    BlockNode *at = block_node_skip_filters(block_file(n));

    while (at && strcmp(block_node_name(at), s->bottom)) {
        at = block_node_backing(at) ? block_node_skip_filters(block_node_backing(at)) : NULL;
    }
    return at;
}

/* Asks where each part lies. A bottom that the chain has lost bounds nothing any more. */
static int cor_read_above(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned flags)
{
    BlockNode *bottom = cor_bottom(n);
    BlockNode *base = bottom ? block_node_backing(bottom) : NULL;
    int ret = 0;

    for (uint64_t done = 0, here; done < iov->iov_len && !ret; done += here) {
        struct iovec part = { (uint8_t *)iov->iov_base + done, 0 };
        BlockStatus st;

        ret = block_node_status_above(block_file(n), base, off + done, iov->iov_len - done, &st);
        if (ret || !st.len) {
            return ret ? ret : block_node_readv(block_file(n), off, iov, 1, flags);
        }
        part.iov_len = here = st.len;
        ret = block_node_readv(block_file(n), off + done, &part, 1,
                               st.bits & BLOCK_STATUS_ALLOCATED ? flags | BLOCK_REQ_COPY_ON_READ
                                                                : flags);
    }
    return ret;
}

static int cor_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    const CopyOnRead *s = block_priv(n);
    int ret = 0;

    if (!s->bottom) {
        return block_node_readv(block_file(n), off, iov, n_iov, flags | BLOCK_REQ_COPY_ON_READ);
    }
    for (unsigned i = 0; i < n_iov && !ret; off += iov[i++].iov_len) {
        ret = cor_read_above(n, off, &iov[i], flags);
    }
    return ret;
}

static bool cor_open(BlockNode *n, Options *o, GError **err)
{
    CopyOnRead *s = block_priv(n);

    s->bottom = g_strdup(options_get(o, "bottom"));
    if (s->bottom && !block_graph_find(block_node_graph(n), s->bottom)) {
        error_set(err, "Bottom node '%s' not found", s->bottom);
        g_free(s->bottom);
        return false;
    }
    return true;
}

static void cor_close(BlockNode *n)
{
    CopyOnRead *s = block_priv(n);

    g_free(s->bottom);
}

static const BlockOption cor_options[] = {
    { "bottom", BLOCK_OPT_STR, "the node below which nothing is copied from" },
    { NULL },
};

const BlockDriver block_copy_on_read_driver = {
    .name = "copy-on-read",
    .doc = "copies what is read from the backing image",
    .kind = BLOCK_FILTER,
    .size = sizeof(CopyOnRead),
    .options = cor_options,
    .open = cor_open,
    .close = cor_close,
    .readv = cor_readv,
};
