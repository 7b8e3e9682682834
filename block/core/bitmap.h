/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dirty bitmaps: which parts of a node were written since a moment. Backups and mirrors read them;
 * persistent ones are kept in the image (qcow2). A bitmap belongs to its node, and follows the
 * node's writes from the core (block_bitmaps_dirty) while it is enabled.
 *
 * Context of all: the graph's loop; nothing here yields.
 */
#ifndef BLOCK_CORE_BITMAP_H
#define BLOCK_CORE_BITMAP_H

#include "block/core/dirty-bits.h"
#include "block/core/node.h"

typedef struct BlockBitmap BlockBitmap;

enum {
    BLOCK_BITMAP_NAME_MAX = 1023, /* bytes, as qcow2 can keep */
    BLOCK_BITMAP_MIN = 512,       /* granularity in bytes, a power of two */
    BLOCK_BITMAP_DEFAULT = 64 << 10,
};
#define BLOCK_BITMAP_MAX (1u << 31)

/* ---- Bitmaps of nodes ---- */

/* @granularity 0: the cluster's size, at least 4 KiB and at most 64 KiB. Errors: name in use, empty
 * or too long; granularity. */
BlockBitmap *block_bitmap_new(BlockNode *n, const char *name, uint64_t granularity, GError **err);
/* In memory alone; a persistent one leaves the image at its next flush or close. */
void block_bitmap_remove(BlockBitmap *b);
BlockBitmap *block_bitmap_find(BlockNode *n, const char *name);
BlockBitmap *block_bitmap_next(BlockNode *n, BlockBitmap *after);

BlockNode *block_bitmap_node(const BlockBitmap *b);
const char *block_bitmap_name(const BlockBitmap *b);
DirtyBits *block_bitmap_bits(BlockBitmap *b);

typedef enum BlockBitmapFlags {
    BLOCK_BITMAP_ENABLED = 1 << 0,      /* follows writes ("recording") */
    BLOCK_BITMAP_PERSISTENT = 1 << 1,   /* kept in the image */
    BLOCK_BITMAP_INCONSISTENT = 1 << 2, /* was in use when its writer died: may only be removed */
    BLOCK_BITMAP_BUSY = 1 << 3,         /* a job or export works with it */
} BlockBitmapFlags;
unsigned block_bitmap_flags(const BlockBitmap *b);
void block_bitmap_set_flag(BlockBitmap *b, BlockBitmapFlags flag, bool on);
/* Errors in words for a command on a bitmap that is busy, inconsistent or of a read-only node. */
typedef enum BlockBitmapUse {
    BLOCK_BITMAP_USE_READ = 1 << 0,   /* busy is fine, inconsistent is not */
    BLOCK_BITMAP_USE_WRITE = 1 << 1,  /* neither; and not read-only */
    BLOCK_BITMAP_USE_REMOVE = 1 << 2, /* inconsistent is fine */
} BlockBitmapUse;
NODISCARD bool block_bitmap_usable(const BlockBitmap *b, BlockBitmapUse use, GError **err);

/*
 * A job takes what is dirty and goes on recording: writes from now on go to a successor. reclaim
 * joins both again (the job failed); abdicate leaves the successor as the bitmap (it succeeded).
 */
NODISCARD bool block_bitmap_freeze(BlockBitmap *b, GError **err);
void block_bitmap_reclaim(BlockBitmap *b);
void block_bitmap_abdicate(BlockBitmap *b);

/* ---- For the core ---- */

/* After a write, zero or discard of @n, whatever its result. */
void block_bitmaps_dirty(BlockNode *n, uint64_t off, uint64_t len);
/* False: no memory; the bitmap is inconsistent from then on. */
bool block_bitmaps_resize(BlockNode *n, uint64_t size);
void block_bitmaps_free(BlockNode *n);

#endif
