/* SPDX-License-Identifier: Apache-2.0 */
#include "block/proto/memory.h"
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

enum { MEMORY_PIECE = 4096, MEMORY_SPARSE = 16 };

struct BlockMemory {
    GHashTable *pieces;      /* by number; what is not there is zeros */
    uint64_t size, max, end; /* nothing is written from .end on */
};

typedef struct MemoryNode {
    BlockMemory *file;
} MemoryNode;

#define MEMORY_KIND "x-memory"

/* ---- The files ---- */

static void memory_free(void *p)
{
    BlockMemory *m = p;

    g_hash_table_unref(m->pieces);
    g_free(m);
}

BlockMemory *block_memory_find(BlockGraph *g, const char *name)
{
    return block_graph_find_object(g, MEMORY_KIND, name);
}

BlockMemory *block_memory_new(BlockGraph *g, const char *name, uint64_t max)
{
    BlockMemory *m = block_memory_find(g, name);

    if (m) {
        g_hash_table_remove_all(m->pieces);
        m->size = 0;
        m->max = max;
        m->end = max * MEMORY_SPARSE;
        return m;
    }
    m = g_new0(BlockMemory, 1);
    m->pieces = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    m->max = max;
    m->end = max * MEMORY_SPARSE;
    bool added = block_graph_add_object(g, MEMORY_KIND, name, m, memory_free, NULL);
    CHECK(added); /* the name is free */
    return m;
}

uint64_t block_memory_size(const BlockMemory *m)
{
    return m->size;
}

static void *memory_key(uint64_t piece)
{
    return (void *)(uintptr_t)piece;
}

static uint8_t *memory_piece(const BlockMemory *m, uint64_t piece)
{
    return g_hash_table_lookup(m->pieces, memory_key(piece));
}

static gboolean memory_beyond(void *key, void *value, void *first)
{
    return (uintptr_t)key >= *(uint64_t *)first;
}

static void memory_zero(BlockMemory *m, uint64_t off, uint64_t len)
{
    uint64_t end = off + len;

    if (len > (uint64_t)g_hash_table_size(m->pieces) * MEMORY_PIECE) { /* quicker by piece */
        GHashTableIter i;
        void *key, *value;

        g_hash_table_iter_init(&i, m->pieces);
        while (g_hash_table_iter_next(&i, &key, &value)) {
            uint64_t first = (uintptr_t)key * (uint64_t)MEMORY_PIECE;
            uint64_t from = max_u64(first, off), to = min_u64(first + MEMORY_PIECE, end);

            if (from < to) {
                memset((uint8_t *)value + (from - first), 0, to - from);
            }
        }
        return;
    }
    while (off < end) {
        uint64_t part = min_u64(end - off, MEMORY_PIECE - off % MEMORY_PIECE);
        uint8_t *p = memory_piece(m, off / MEMORY_PIECE);

        if (p && part == MEMORY_PIECE) {
            g_hash_table_remove(m->pieces, memory_key(off / MEMORY_PIECE));
        } else if (p) {
            memset(p + off % MEMORY_PIECE, 0, part);
        }
        off += part;
    }
}

void block_memory_set_size(BlockMemory *m, uint64_t size)
{
    if (size < m->size) {
        uint64_t first = bits_align_up(size, MEMORY_PIECE) / MEMORY_PIECE;

        memory_zero(m, size, bits_align_up(size, MEMORY_PIECE) - size);
        g_hash_table_foreach_remove(m->pieces, memory_beyond, &first);
    }
    m->size = size;
}

void block_memory_read(const BlockMemory *m, uint64_t off, void *buf, size_t len)
{
    uint8_t *to = buf;

    while (len) {
        size_t part = min_u64(len, MEMORY_PIECE - off % MEMORY_PIECE);
        const uint8_t *p = memory_piece(m, off / MEMORY_PIECE);

        if (p) {
            memcpy(to, p + off % MEMORY_PIECE, part);
        } else {
            memset(to, 0, part);
        }
        to += part;
        off += part;
        len -= part;
    }
}

int block_memory_write(BlockMemory *m, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;

    if (off > m->end || len > m->end - off) {
        return -EFBIG;
    }
    while (len) {
        size_t part = min_u64(len, MEMORY_PIECE - off % MEMORY_PIECE);
        uint8_t *p = memory_piece(m, off / MEMORY_PIECE);

        if (!p) {
            if ((uint64_t)(g_hash_table_size(m->pieces) + 1) * MEMORY_PIECE > m->max) {
                return -ENOSPC;
            }
            p = g_malloc0(MEMORY_PIECE);
            g_hash_table_insert(m->pieces, memory_key(off / MEMORY_PIECE), p);
        }
        memcpy(p + off % MEMORY_PIECE, from, part);
        from += part;
        off += part;
        len -= part;
        m->size = max_u64(m->size, off);
    }
    return 0;
}

/* ---- The driver ---- */

static const char *memory_name(const char *filename)
{
    return g_str_has_prefix(filename, MEMORY_KIND ":") ? filename + strlen(MEMORY_KIND ":")
                                                       : filename;
}

static bool memory_open(BlockNode *n, Options *o, GError **err)
{
    MemoryNode *s = block_priv(n);
    const char *filename = options_get(o, "filename");

    if (!filename) {
        return error_set(err, "driver=" MEMORY_KIND " needs filename=");
    }
    s->file = block_memory_find(block_node_graph(n), memory_name(filename));
    if (!s->file) {
        return error_set(err, "%s: %s", filename, g_strerror(ENOENT));
    }
    block_set_filename(n, filename);
    block_set_grows(n);
    block_set_zero_limits(n, 1, 0);
    return block_set_size(n, s->file->size, err);
}

static bool memory_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                          Options *o, GError **err)
{
    block_memory_set_size(block_memory_new(g, memory_name(filename), BLOCK_MEMORY_MAX), size);
    return true;
}

static int memory_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    const MemoryNode *s = block_priv(n);

    for (unsigned i = 0; i < n_iov; i++) {
        block_memory_read(s->file, off, iov[i].iov_base, iov[i].iov_len);
        off += iov[i].iov_len;
    }
    return 0;
}

static int memory_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         unsigned flags)
{
    MemoryNode *s = block_priv(n);
    int ret = 0;

    for (unsigned i = 0; i < n_iov && !ret; i++) {
        ret = block_memory_write(s->file, off, iov[i].iov_base, iov[i].iov_len);
        off += iov[i].iov_len;
    }
    return ret;
}

static int memory_zero_range(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    MemoryNode *s = block_priv(n);

    if (off > s->file->end || len > s->file->end - off) {
        return -EFBIG;
    }
    memory_zero(s->file, off, len);
    s->file->size = max_u64(s->file->size, off + len);
    return 0;
}

static int memory_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    MemoryNode *s = block_priv(n);

    memory_zero(s->file, off, len);
    return 0;
}

static int memory_flush(BlockNode *n)
{
    return 0;
}

static bool memory_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                          GError **err)
{
    MemoryNode *s = block_priv(n);

    if (size > s->file->end) {
        return block_error(err, n, "%s", g_strerror(EFBIG));
    }
    block_memory_set_size(s->file, size);
    return block_set_size(n, size, err);
}

static int memory_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    *out = (BlockStatus){
        .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
        .len = len,
        .file = n,
        .offset = off,
    };
    return 0;
}

static int64_t memory_allocated(BlockNode *n)
{
    const MemoryNode *s = block_priv(n);

    return (int64_t)g_hash_table_size(s->file->pieces) * MEMORY_PIECE;
}

static const BlockOption memory_options[] = {
    { "filename", BLOCK_OPT_STR, "name of a file in memory" },
    { NULL },
};

static const BlockOption memory_create_options[] = {
    { NULL },
};

static const char *const memory_prefixes[] = { MEMORY_KIND, NULL };

const BlockDriver block_memory_driver = {
    .name = MEMORY_KIND,
    .doc = "for tests: files in memory",
    .kind = BLOCK_PROTOCOL,
    .stays = true,
    .size = sizeof(MemoryNode),
    .options = memory_options,
    .create_options = memory_create_options,
    .prefixes = memory_prefixes,
    .grows = true,
    .open = memory_open,
    .create = memory_create,
    .readv = memory_readv,
    .writev = memory_writev,
    .zero = memory_zero_range,
    .discard = memory_discard,
    .flush = memory_flush,
    .resize = memory_resize,
    .status = memory_status,
    .allocated = memory_allocated,
};
