/* SPDX-License-Identifier: Apache-2.0 */
/* Dirty bitmaps over QMP. */
#include "monitor/block-call.h"

#include <string.h>

static BlockBitmap *blk_bitmap(BlkCall *b, const char *node, const char *name, BlockBitmapUse use,
                               GError **err)
{
    BlockNode *n = blk_node_named(b, node, err);
    BlockBitmap *bm = n ? block_bitmap_find(n, name) : NULL;

    if (n && !bm) {
        error_set(err, "Dirty bitmap '%s' not found", name);
    }
    return bm && block_bitmap_usable(bm, use, err) ? bm : NULL;
}

static bool blk_bitmap_add(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "node", err);
    BlockBitmap *bm =
        n ? block_bitmap_new(n, blk_str(b, "name"), blk_num(b, "granularity", 0), err) : NULL;

    if (!bm) {
        return false;
    }
    block_bitmap_set_flag(bm, BLOCK_BITMAP_PERSISTENT, blk_flag(b, "persistent", false));
    block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, !blk_flag(b, "disabled", false));
    return true;
}

static bool blk_bitmap_change(BlkCall *b, GError **err)
{
    const char *verb = b->name + strlen("block-dirty-bitmap-");
    bool remove = !strcmp(verb, "remove");
    BlockBitmap *bm = blk_bitmap(b, blk_str(b, "node"), blk_str(b, "name"),
                                 remove ? BLOCK_BITMAP_USE_REMOVE : BLOCK_BITMAP_USE_WRITE, err);

    if (!bm) {
        return false;
    }
    if (remove) {
        block_bitmap_remove(bm);
    } else if (!strcmp(verb, "clear")) {
        dirty_bits_clear(block_bitmap_bits(bm), 0, UINT64_MAX);
    } else {
        block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, !strcmp(verb, "enable"));
    }
    return true;
}

static bool blk_bitmap_merge(BlkCall *b, GError **err)
{
    const char *node = blk_str(b, "node");
    BlockBitmap *to = blk_bitmap(b, node, blk_str(b, "target"), BLOCK_BITMAP_USE_WRITE, err);

    for (unsigned i = 0; to; i++) {
        g_autofree char *plain = g_strdup_printf("bitmaps.%u", i);
        g_autofree char *of = g_strdup_printf("bitmaps.%u.node", i);
        g_autofree char *name = g_strdup_printf("bitmaps.%u.name", i);
        const char *what = blk_str(b, plain) ? blk_str(b, plain) : blk_str(b, name);
        BlockBitmap *from;

        if (!what) {
            return true;
        }
        from =
            blk_bitmap(b, blk_str(b, of) ? blk_str(b, of) : node, what, BLOCK_BITMAP_USE_READ, err);
        if (!from) {
            return false;
        }
        if (dirty_bits_size(block_bitmap_bits(from)) != dirty_bits_size(block_bitmap_bits(to))) {
            return error_set(err, "Bitmaps are of different sizes");
        }
        dirty_bits_merge(block_bitmap_bits(to), block_bitmap_bits(from));
    }
    return false;
}
BLK_COMMAND(cmd_bitmap_add, blk_bitmap_add)
BLK_COMMAND(cmd_bitmap_change, blk_bitmap_change)
BLK_COMMAND(cmd_bitmap_merge, blk_bitmap_merge)
