/* SPDX-License-Identifier: Apache-2.0 */
/* Dirty bitmaps over QMP, as actions. */
#include "monitor/block-txn.h"

#include <string.h>

static BlockBitmap *bitmap_find(BlkCall *b, const char *node, const char *name, BlockBitmapUse use,
                                GError **err)
{
    g_autoptr(GError) lost = NULL;
    BlockNode *n = blk_node_named(b, node, &lost);
    BlockBitmap *bm = n ? block_bitmap_find(n, name) : NULL;

    if (!n) {
        error_set(err, "Node '%s' not found", node);
    } else if (!bm) {
        error_set(err, "Dirty bitmap '%s' not found", name);
    }
    return bm && block_bitmap_usable(bm, use, err) ? bm : NULL;
}

static bool bitmap_get(BlkItem *i, const char *key, BlockBitmapUse use, GError **err)
{
    i->bitmap = bitmap_find(&i->call, blk_str(&i->call, "node"), blk_str(&i->call, key), use, err);
    return i->bitmap != NULL;
}

/* What is dirty now, to be put back. */
static bool bitmap_save(BlkItem *i, GError **err)
{
    DirtyBits *bits = block_bitmap_bits(i->bitmap);

    i->saved = dirty_bits_new(dirty_bits_size(bits), dirty_bits_granularity(bits));
    if (!i->saved) {
        return error_set(err, "no memory for a copy of bitmap '%s'", block_bitmap_name(i->bitmap));
    }
    dirty_bits_merge(i->saved, bits);
    return true;
}

static void bitmap_restore(BlkItem *i)
{
    dirty_bits_clear(block_bitmap_bits(i->bitmap), 0, UINT64_MAX);
    dirty_bits_merge(block_bitmap_bits(i->bitmap), i->saved);
}

/* ---- Add, remove ---- */

static bool bitmap_add_prepare(BlkItem *i, GError **err)
{
    BlkCall *b = &i->call;
    BlockNode *n = blk_node(b, "node", err);
    const char *name = blk_str(b, "name");
    uint64_t step = blk_num(b, "granularity", 0);
    bool persistent = blk_flag(b, "persistent", false);

    if (!n) {
        return false;
    }
    if (!*name) {
        return error_set(err, "Bitmap name cannot be empty");
    }
    if (blk_str(b, "granularity") && (step < BLOCK_BITMAP_MIN || step & (step - 1))) {
        return error_set(err, "Granularity must be power of 2 and at least 512");
    }
    if (persistent && !block_node_keeps_bitmaps(n)) {
        return error_set(err, "Can't store persistent bitmaps to %s: Operation not supported",
                         block_node_name(n));
    }
    if (block_bitmap_find(n, name)) {
        return error_set(err, "Bitmap already exists: %s", name);
    }
    if (strlen(name) > BLOCK_BITMAP_NAME_MAX) {
        return error_set(err, "Bitmap name too long: %s", name);
    }
    i->bitmap = block_bitmap_new(n, name, step, err);
    if (!i->bitmap) {
        return false;
    }
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_PERSISTENT, persistent);
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_ENABLED, !blk_flag(b, "disabled", false));
    return true;
}

static void bitmap_add_abort(BlkItem *i)
{
    block_bitmap_remove(i->bitmap);
}

static bool bitmap_remove_prepare(BlkItem *i, GError **err)
{
    if (!bitmap_get(i, "name", BLOCK_BITMAP_USE_REMOVE, err)) {
        return false;
    }
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_BUSY, true); /* for the actions after it */
    return true;
}

static void bitmap_remove_commit(BlkItem *i)
{
    block_bitmap_remove(i->bitmap);
}

static void bitmap_remove_abort(BlkItem *i)
{
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_BUSY, false);
}

/* ---- Changes ---- */

static bool bitmap_clear_prepare(BlkItem *i, GError **err)
{
    if (!bitmap_get(i, "name", BLOCK_BITMAP_USE_WRITE, err) || !bitmap_save(i, err)) {
        return false;
    }
    dirty_bits_clear(block_bitmap_bits(i->bitmap), 0, UINT64_MAX);
    return true;
}

static bool bitmap_switch_prepare(BlkItem *i, GError **err)
{
    if (!bitmap_get(i, "name", BLOCK_BITMAP_USE_WRITE, err)) {
        return false;
    }
    i->was = block_bitmap_flags(i->bitmap) & BLOCK_BITMAP_ENABLED;
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_ENABLED,
                          g_str_has_suffix(i->action->name, "enable"));
    return true;
}

static void bitmap_switch_abort(BlkItem *i)
{
    block_bitmap_set_flag(i->bitmap, BLOCK_BITMAP_ENABLED, i->was);
}

/* The @k-th source; NULL without *err: there are no more. */
static BlockBitmap *bitmap_source(BlkItem *i, unsigned k, GError **err)
{
    g_autofree char *plain = g_strdup_printf("bitmaps.%u", k);
    g_autofree char *of = g_strdup_printf("bitmaps.%u.node", k);
    g_autofree char *name = g_strdup_printf("bitmaps.%u.name", k);
    BlkCall *b = &i->call;
    DirtyBits *to = block_bitmap_bits(i->bitmap), *from;
    const char *node = blk_str(b, of) ? blk_str(b, of) : blk_str(b, "node");
    const char *what = blk_str(b, plain) ? blk_str(b, plain) : blk_str(b, name);
    BlockBitmap *bm = what ? bitmap_find(b, node, what, BLOCK_BITMAP_USE_READ, err) : NULL;

    if (!bm) {
        return NULL;
    }
    from = block_bitmap_bits(bm);
    if (dirty_bits_size(from) != dirty_bits_size(to)) {
        error_set(err,
                  "Bitmaps are of different sizes (destination size is %" PRIu64
                  ", source size is %" PRIu64 ") and can't be merged",
                  dirty_bits_size(to), dirty_bits_size(from));
        return NULL;
    }
    return bm;
}

static bool bitmap_merge_prepare(BlkItem *i, GError **err)
{
    BlockBitmap *from;
    unsigned k = 0;

    if (!bitmap_get(i, "target", BLOCK_BITMAP_USE_WRITE, err)) {
        return false;
    }
    while (bitmap_source(i, k, err)) { /* all are there, before anything changes */
        k++;
    }
    if (*err || !bitmap_save(i, err)) {
        return false;
    }
    for (k = 0; (from = bitmap_source(i, k, err)); k++) {
        if (from != i->bitmap) {
            dirty_bits_merge(block_bitmap_bits(i->bitmap), block_bitmap_bits(from));
        }
    }
    return true;
}

const BlkAction blk_bitmap_actions[] = {
    { .name = "block-dirty-bitmap-add",
      .alone = true,
      .prepare = bitmap_add_prepare,
      .abort = bitmap_add_abort },
    { .name = "block-dirty-bitmap-remove",
      .alone = true,
      .prepare = bitmap_remove_prepare,
      .commit = bitmap_remove_commit,
      .abort = bitmap_remove_abort },
    { .name = "block-dirty-bitmap-clear",
      .alone = true,
      .prepare = bitmap_clear_prepare,
      .abort = bitmap_restore },
    { .name = "block-dirty-bitmap-enable",
      .alone = true,
      .prepare = bitmap_switch_prepare,
      .abort = bitmap_switch_abort },
    { .name = "block-dirty-bitmap-disable",
      .alone = true,
      .prepare = bitmap_switch_prepare,
      .abort = bitmap_switch_abort },
    { .name = "block-dirty-bitmap-merge",
      .alone = true,
      .prepare = bitmap_merge_prepare,
      .abort = bitmap_restore },
    { .name = NULL },
};

static bool blk_bitmap_hash(BlkCall *b, GError **err)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    BlockBitmap *bm =
        bitmap_find(b, blk_str(b, "node"), blk_str(b, "name"), BLOCK_BITMAP_USE_READ, err);
    DirtyBits *d = bm ? block_bitmap_bits(bm) : NULL;
    uint64_t step, size, piece;
    uint8_t buf[4096];

    if (!bm) {
        return false;
    }
    step = dirty_bits_granularity(d);
    size = dirty_bits_size(d);
    piece = step * 8 * sizeof(buf);
    for (uint64_t off = 0; off < size; off += piece) {
        uint64_t bits = (MIN(piece, size - off) + step - 1) / step;
        size_t bytes = (bits + 63) / 64 * 8; /* whole longs, as they are kept in memory there */

        memset(buf, 0, bytes);
        dirty_bits_pack(d, off, buf, (bits + 7) / 8);
        g_checksum_update(sum, buf, (gssize)bytes);
    }
    json_out_begin(b->c->out, NULL, '{');
    json_out_str(b->c->out, "sha256", g_checksum_get_string(sum));
    json_out_end(b->c->out, '}');
    return true;
}

BLK_COMMAND(cmd_bitmap_hash, blk_bitmap_hash)
