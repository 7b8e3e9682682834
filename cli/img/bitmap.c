/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img bitmap`: persistent dirty bitmaps. */
#include "block/core/bitmap.h"
#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <string.h>

enum {
    BITMAP_MERGE = IMG_OPT_OWN,
    BITMAP_ADD,
    BITMAP_REMOVE,
    BITMAP_CLEAR,
    BITMAP_ENABLE,
    BITMAP_DISABLE,
};

typedef struct BitmapRun {
    BlockNode *node, *source;
    const char *name;
    uint64_t granularity;
} BitmapRun;

static BlockBitmap *bitmap_find(BlockNode *n, const char *name, BlockBitmapUse use, GError **err)
{
    BlockBitmap *b = block_bitmap_find(n, name);

    if (!b) {
        error_set(err, "Dirty bitmap '%s' not found", name);
        return NULL;
    }
    return block_bitmap_usable(b, use, err) ? b : NULL;
}

static bool bitmap_add(BitmapRun *r, GError **err)
{
    BlockBitmap *b;

    if (strcmp(block_node_format(r->node), "qcow2")) {
        return error_set(err, "Can't store persistent bitmaps to %s: the format %s keeps none",
                         block_node_filename(r->node), block_node_format(r->node));
    }
    if (block_bitmap_find(r->node, r->name)) {
        return error_set(err, "Bitmap already exists: %s", r->name);
    }
    b = block_bitmap_new(r->node, r->name, r->granularity, err);
    if (!b) {
        return false;
    }
    block_bitmap_set_flag(b, BLOCK_BITMAP_PERSISTENT, true);
    block_bitmap_set_flag(b, BLOCK_BITMAP_ENABLED, true);
    return true;
}

static bool bitmap_merge(BitmapRun *r, const char *from, GError **err)
{
    BlockBitmap *to = bitmap_find(r->node, r->name, BLOCK_BITMAP_USE_WRITE, err);
    BlockBitmap *source;

    if (!to) {
        return false;
    }
    source = bitmap_find(r->source, from, BLOCK_BITMAP_USE_READ, err);
    if (!source) {
        return false;
    }
    dirty_bits_merge(block_bitmap_bits(to), block_bitmap_bits(source));
    return true;
}

static bool bitmap_do(BitmapRun *r, const ImgArg *action, const char **what, GError **err)
{
    BlockBitmap *b;

    switch (action->key) {
    case BITMAP_ADD:
        *what = "add";
        return bitmap_add(r, err);
    case BITMAP_MERGE:
        *what = "merge";
        return bitmap_merge(r, action->value, err);
    case BITMAP_REMOVE:
        *what = "remove";
        b = bitmap_find(r->node, r->name, BLOCK_BITMAP_USE_REMOVE, err);
        if (b) {
            block_bitmap_remove(b);
        }
        return b != NULL;
    case BITMAP_CLEAR:
        *what = "clear";
        b = bitmap_find(r->node, r->name, BLOCK_BITMAP_USE_WRITE, err);
        if (b) {
            dirty_bits_clear(block_bitmap_bits(b), 0, dirty_bits_size(block_bitmap_bits(b)));
        }
        return b != NULL;
    case BITMAP_ENABLE:
    case BITMAP_DISABLE:
        *what = action->key == BITMAP_ENABLE ? "enable" : "disable";
        b = bitmap_find(r->node, r->name, BLOCK_BITMAP_USE_WRITE, err);
        if (b) {
            block_bitmap_set_flag(b, BLOCK_BITMAP_ENABLED, action->key == BITMAP_ENABLE);
        }
        return b != NULL;
    default:
        return true;
    }
}

static int bitmap_actions(ImgTool *t, const ImgArgs *a, BitmapRun *r)
{
    for (unsigned i = 0; i < a->n; i++) {
        g_autoptr(GError) err = NULL;
        const char *what = "";

        if (!bitmap_do(r, &a->list[i], &what, &err)) {
            return img_fail(t, "Operation %s on bitmap %s failed: %s", what, r->name, err->message);
        }
    }
    return 0;
}

/* What does not go together; false: told. */
static bool bitmap_check(ImgTool *t, const ImgArgs *a, BitmapRun *r)
{
    const char *granularity = img_arg(a, 'g');
    bool any = false;

    for (unsigned i = 0; i < a->n; i++) {
        any |= a->list[i].key >= BITMAP_MERGE;
    }
    if (granularity &&
        !img_parse_size(t, "granularity", granularity, 1ull << 31, &r->granularity)) {
        return false;
    }
    if (a->n_words != 2 && any) {
        img_fail(t, "Expecting filename and bitmap name");
    } else if (!any) {
        img_fail(t, "Need at least one of --add, --remove, --clear, --enable, --disable, or "
                    "--merge");
    } else if (granularity && !img_has(a, BITMAP_ADD)) {
        img_fail(t, "granularity only supported with --add");
    } else if (img_has(a, 'F') && !img_has(a, 'b')) {
        img_fail(t, "-F only supported with -b");
    } else if (img_has(a, 'b') && !img_has(a, BITMAP_MERGE)) {
        img_fail(t, "Merge bitmap source file only supported with --merge");
    } else {
        return true;
    }
    return false;
}

static int bitmap_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_WRITE | BLOCK_OPEN_NO_BACKING);
    BitmapRun r = { 0 };
    int ret = 1;

    if (!bitmap_check(t, a, &r)) {
        return 1;
    }
    r.name = a->words[1];
    r.node = img_open(t, a->words[0], &open);
    r.source = r.node;
    if (r.node && img_has(a, 'b')) {
        ImgOpen source = { .format = img_arg(a, 'F'), .flags = BLOCK_OPEN_NO_BACKING };

        r.source = img_open(t, img_arg(a, 'b'), &source);
    }
    if (r.source) {
        ret = bitmap_actions(t, a, &r);
    }
    if (r.source && r.source != r.node) {
        block_node_unref(r.source);
    }
    if (r.node) {
        block_node_unref(r.node);
    }
    return ret;
}

/* ---- For convert ---- */

bool img_bitmaps_check(ImgTool *t, BlockNode *from, bool skip_broken)
{
    if (strcmp(block_node_format(from), "qcow2")) {
        img_fail(t, "Source lacks bitmap support");
        return false;
    }
    for (BlockBitmap *b = block_bitmap_next(from, NULL); b; b = block_bitmap_next(from, b)) {
        if ((block_bitmap_flags(b) & BLOCK_BITMAP_INCONSISTENT) && !skip_broken) {
            img_fail(t,
                     "Cannot copy inconsistent bitmap '%s'\nTry --skip-broken-bitmaps, or use "
                     "'%s bitmap --remove'",
                     block_bitmap_name(b), t->prog);
            return false;
        }
    }
    return true;
}

bool img_bitmaps_copy(ImgTool *t, BlockNode *from, BlockNode *to)
{
    for (BlockBitmap *b = block_bitmap_next(from, NULL); b; b = block_bitmap_next(from, b)) {
        unsigned flags = block_bitmap_flags(b);
        g_autoptr(GError) err = NULL;
        BlockBitmap *copy;

        if (!(flags & BLOCK_BITMAP_PERSISTENT)) {
            continue;
        }
        if (flags & BLOCK_BITMAP_INCONSISTENT) {
            img_fail(t, "warning: Skipping inconsistent bitmap '%s'", block_bitmap_name(b));
            continue;
        }
        copy = block_bitmap_new(to, block_bitmap_name(b),
                                dirty_bits_granularity(block_bitmap_bits(b)), &err);
        if (!copy) {
            img_fail(t, "Failed to create bitmap %s: %s", block_bitmap_name(b), err->message);
            return false;
        }
        block_bitmap_set_flag(copy, BLOCK_BITMAP_PERSISTENT, true);
        block_bitmap_set_flag(copy, BLOCK_BITMAP_ENABLED, flags & BLOCK_BITMAP_ENABLED);
        dirty_bits_merge(block_bitmap_bits(copy), block_bitmap_bits(b));
    }
    return true;
}

static const ImgOption bitmap_options[] = {
    { BITMAP_MERGE, "merge", "SOURCE", "add what another bitmap has" },
    { BITMAP_ADD, "add", NULL, "make it" },
    { BITMAP_REMOVE, "remove", NULL, "delete it" },
    { BITMAP_CLEAR, "clear", NULL, "nothing is dirty" },
    { BITMAP_ENABLE, "enable", NULL, "writes are recorded from now on" },
    { BITMAP_DISABLE, "disable", NULL, "writes are not recorded" },
    { 'b', NULL, "source_file", "the image of the bitmap to merge" },
    { 'F', NULL, "source_fmt", "its format" },
    { 'g', NULL, "granularity", "bytes that a bit stands for, with --add" },
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_FORMAT,
    { 0 },
};

const ImgCommand img_bitmap = {
    .name = "bitmap",
    .words = "filename bitmap",
    .doc = "persistent dirty bitmaps; the actions are done in the order given",
    .options = bitmap_options,
    .run = bitmap_run,
};
