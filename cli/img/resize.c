/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img resize`. */
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <inttypes.h>
#include <string.h>

enum { RESIZE_PREALLOCATION = IMG_OPT_OWN, RESIZE_SHRINK };

/* "5G", "+5G", "-5G"; false: told. */
static bool resize_parse(ImgTool *t, const char *text, int *relative, uint64_t *size)
{
    g_autoptr(GError) err = NULL;

    *relative = text[0] == '+' ? 1 : text[0] == '-' ? -1 : 0;
    if (!size_parse(text + (*relative != 0), 1, size, &err)) {
        img_fail(t, "Parameter 'size' expects a non-negative number below 2^64\n"
                    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                    "and exabytes, respectively.");
        return false;
    }
    return true;
}

/* The new size; false: told. */
static bool resize_target(ImgTool *t, BlockNode *n, int relative, uint64_t amount, uint64_t *size)
{
    uint64_t now = block_node_size(n);

    *size = relative > 0 ? now + amount : relative < 0 ? now - amount : amount;
    if ((relative > 0 && *size < now) || (relative < 0 && amount >= now) || !*size ||
        *size > BLOCK_SIZE_MAX) {
        img_fail(t, "New image size must be positive");
        return false;
    }
    return true;
}

static int resize_node(ImgTool *t, BlockNode *n, const char *filename, uint64_t size,
                       BlockPrealloc prealloc, bool shrink)
{
    g_autoptr(GError) err = NULL;
    uint64_t now = block_node_size(n);

    if (size <= now && prealloc != BLOCK_PREALLOC_OFF) {
        return img_fail(t, "Preallocation can only be used for growing images");
    }
    if (size < now && !shrink) {
        img_fail(t, "Use the --shrink option to perform a shrink operation.");
        return img_fail(t, "warning: Shrinking an image will delete all data beyond the shrunken "
                           "image's end. Before performing such an operation, make sure there is "
                           "no important data there.");
    }
    if (!block_node_resize(n, size, false, prealloc, &err)) {
        return img_fail_err(t, g_steal_pointer(&err));
    }
    if (!t->quiet) {
        puts("Image resized.");
    }
    return 0;
}

static bool resize_prealloc(ImgTool *t, const char *text, BlockPrealloc *mode)
{
    static const char *const names[] = { "off", "metadata", "falloc", "full" };

    *mode = BLOCK_PREALLOC_OFF;
    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *mode = (BlockPrealloc)i;
            return true;
        }
    }
    if (text) {
        img_fail(t, "Invalid preallocation mode '%s'", text);
    }
    return !text;
}

static int resize_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_WRITE);
    BlockPrealloc prealloc;
    uint64_t amount, size;
    int relative, ret = 1;
    BlockNode *n;

    if (!resize_prealloc(t, img_arg(a, RESIZE_PREALLOCATION), &prealloc)) {
        return 1;
    }
    if (a->n_words != 1 || !a->last) {
        return img_usage(t, "Expecting image file name and size");
    }
    if (!resize_parse(t, a->last, &relative, &amount)) {
        return 1;
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    if (resize_target(t, n, relative, amount, &size)) {
        ret = resize_node(t, n, a->words[0], size, prealloc, img_has(a, RESIZE_SHRINK));
    }
    block_node_unref(n);
    return ret;
}

static const ImgOption resize_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_FORMAT,
    { RESIZE_PREALLOCATION, "preallocation", "prealloc", "off, metadata, falloc or full" },
    IMG_QUIET,
    { RESIZE_SHRINK, "shrink", NULL, "allow to make it smaller" },
    { 0 },
};

const ImgCommand img_resize = {
    .name = "resize",
    .words = "filename [+ | -]size",
    .doc = "change the size of a disk",
    .options = resize_options,
    .last_word = true,
    .run = resize_run,
};
