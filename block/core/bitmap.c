/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/bitmap.h"

#include "block/core/core-priv.h"
#include "util/bits.h"

#include <string.h>

struct BlockBitmap {
    BlockBitmap *next;
    BlockNode *node;
    char *name;
    unsigned flags;
    DirtyBits *bits;
    DirtyBits *later; /* frozen: what is written from then on */
};

static uint64_t bitmap_granularity(const BlockNode *n)
{
    uint64_t unit = block_unit(n);

    return unit > 1 ? max_u64(4096, min_u64(unit, BLOCK_BITMAP_DEFAULT)) : BLOCK_BITMAP_DEFAULT;
}

BlockBitmap *block_bitmap_new(BlockNode *n, const char *name, uint64_t granularity, GError **err)
{
    BlockBitmap *b, **at = &n->bitmaps;

    granularity = granularity ? granularity : bitmap_granularity(n);
    if (!*name || strlen(name) > BLOCK_BITMAP_NAME_MAX) {
        block_error(err, n, "a bitmap's name has 1 to %u bytes", BLOCK_BITMAP_NAME_MAX);
        return NULL;
    }
    if (granularity < BLOCK_BITMAP_MIN || granularity > BLOCK_BITMAP_MAX ||
        granularity & (granularity - 1)) {
        block_error(err, n,
                    "a bitmap's granularity of %" G_GUINT64_FORMAT
                    " is not a power of two from %u to %u",
                    granularity, BLOCK_BITMAP_MIN, BLOCK_BITMAP_MAX);
        return NULL;
    }
    if (block_bitmap_find(n, name)) {
        block_error(err, n, "there is a bitmap '%s' already", name);
        return NULL;
    }
    b = g_new0(BlockBitmap, 1);
    b->bits = dirty_bits_new(n->size, granularity);
    if (!b->bits) {
        g_free(b);
        block_error(err, n, "no memory for a bitmap of %" G_GUINT64_FORMAT " bytes' granularity",
                    granularity);
        return NULL;
    }
    b->node = n;
    b->name = g_strdup(name);
    b->flags = BLOCK_BITMAP_ENABLED;
    while (*at) {
        at = &(*at)->next;
    }
    *at = b;
    return b;
}

static void bitmap_free(BlockBitmap *b)
{
    dirty_bits_free(b->bits);
    dirty_bits_free(b->later);
    g_free(b->name);
    g_free(b);
}

void block_bitmap_remove(BlockBitmap *b)
{
    BlockBitmap **at = &b->node->bitmaps;

    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    bitmap_free(b);
}

BlockBitmap *block_bitmap_find(BlockNode *n, const char *name)
{
    BlockBitmap *b = n->bitmaps;

    while (b && strcmp(b->name, name)) {
        b = b->next;
    }
    return b;
}

BlockBitmap *block_bitmap_next(BlockNode *n, BlockBitmap *after)
{
    return after ? after->next : n->bitmaps;
}

BlockNode *block_bitmap_node(const BlockBitmap *b)
{
    return b->node;
}

const char *block_bitmap_name(const BlockBitmap *b)
{
    return b->name;
}

DirtyBits *block_bitmap_bits(BlockBitmap *b)
{
    return b->bits;
}

unsigned block_bitmap_flags(const BlockBitmap *b)
{
    return b->flags | (b->later ? BLOCK_BITMAP_BUSY : 0);
}

void block_bitmap_set_flag(BlockBitmap *b, BlockBitmapFlags flag, bool on)
{
    b->flags = on ? b->flags | flag : b->flags & ~(unsigned)flag;
}

bool block_bitmap_usable(const BlockBitmap *b, BlockBitmapUse use, GError **err)
{
    unsigned flags = block_bitmap_flags(b);

    if (use != BLOCK_BITMAP_USE_READ && flags & BLOCK_BITMAP_BUSY) {
        return error_set(err,
                         "Bitmap '%s' is currently in use by another operation and cannot be "
                         "used",
                         b->name);
    }
    if (use != BLOCK_BITMAP_USE_REMOVE && flags & BLOCK_BITMAP_INCONSISTENT) {
        return error_set(err,
                         "Bitmap '%s' is inconsistent and cannot be used: its writer did not "
                         "close the image. Try block-dirty-bitmap-remove to delete this bitmap "
                         "from disk",
                         b->name);
    }
    if (use == BLOCK_BITMAP_USE_WRITE && flags & BLOCK_BITMAP_PERSISTENT &&
        block_node_is_read_only(b->node)) {
        return error_set(err, "Bitmap '%s' is readonly and cannot be modified", b->name);
    }
    return true;
}

bool block_bitmap_freeze(BlockBitmap *b, GError **err)
{
    if (!block_bitmap_usable(b, BLOCK_BITMAP_USE_WRITE, err)) {
        return false;
    }
    b->later = dirty_bits_new(dirty_bits_size(b->bits), dirty_bits_granularity(b->bits));
    return b->later || error_set(err, "no memory for a successor of bitmap '%s'", b->name);
}

void block_bitmap_reclaim(BlockBitmap *b)
{
    dirty_bits_merge(b->bits, b->later);
    dirty_bits_free(b->later);
    b->later = NULL;
}

void block_bitmap_abdicate(BlockBitmap *b)
{
    dirty_bits_free(b->bits);
    b->bits = b->later;
    b->later = NULL;
}

void block_bitmaps_dirty(BlockNode *n, uint64_t off, uint64_t len)
{
    for (BlockBitmap *b = n->bitmaps; b; b = b->next) {
        if (b->flags & BLOCK_BITMAP_ENABLED) {
            dirty_bits_set(b->later ? b->later : b->bits, off, len);
        }
    }
}

bool block_bitmaps_resize(BlockNode *n, uint64_t size)
{
    bool ok = true;

    for (BlockBitmap *b = n->bitmaps; b; b = b->next) {
        bool one = dirty_bits_resize(b->bits, size);

        if (b->later) {
            one &= dirty_bits_resize(b->later, size);
        }
        if (!one) { /* what it does not cover it cannot know */
            b->flags |= BLOCK_BITMAP_INCONSISTENT;
            ok = false;
        }
    }
    return ok;
}

void block_bitmaps_free(BlockNode *n)
{
    while (n->bitmaps) {
        block_bitmap_remove(n->bitmaps);
    }
}
