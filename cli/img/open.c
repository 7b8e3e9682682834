/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and creating images for `tinamou img`. */
#include "block/core/driver.h"
#include "cli/block-object.h"
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <string.h>

ImgOpen img_open_args(const ImgArgs *a, unsigned flags)
{
    ImgOpen o = { .format = img_arg(a, 'f'),
                  .image_opts = img_has(a, IMG_OPT_IMAGE_OPTS),
                  .flags = flags | (img_has(a, 'U') ? BLOCK_OPEN_SHARE : 0) };

    return o;
}

/* Who gave no format and has a raw image shall know what that means when it is written. */
static void img_warn_probed(BlockNode *n, const ImgOpen *o, const char *filename)
{
    if (!o->format && !o->image_opts && (o->flags & BLOCK_OPEN_WRITE) &&
        !strcmp(block_node_format(n), "raw")) {
        fflush(stdout);
        fprintf(stderr,
                "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
                "         Automatically detecting the format is dangerous for raw images, write "
                "operations on block 0 will be restricted.\n"
                "         Specify the 'raw' format explicitly to remove the restrictions.\n",
                filename);
    }
}

static BlockNode *img_open_node(ImgTool *t, const char *filename, const ImgOpen *o, unsigned flags,
                                GError **err)
{
    Options options = { 0 };
    BlockNode *n = NULL;

    if (!o->image_opts) {
        options_add(&options, "filename", filename);
        if (o->format) {
            options_add(&options, "driver", o->format);
        }
        for (unsigned i = 0; o->options && i < o->options->n; i++) {
            options_add(&options, o->options->list[i].key, o->options->list[i].value);
        }
        n = block_node_open(t->graph, &options, flags, err);
    } else if (options_parse(&options, filename, "file", err)) {
        n = block_node_open(t->graph, &options, flags, err);
    }
    options_deinit(&options);
    return n;
}

BlockNode *img_open(ImgTool *t, const char *filename, const ImgOpen *o)
{
    g_autoptr(GError) err = NULL;
    unsigned flags = o->flags;
    BlockNode *n;

    if (o->image_opts && o->format) {
        img_fail(t, "--image-opts and --format are mutually exclusive");
        return NULL;
    }
    if (o->cache && !block_cache_flags(o->cache, &flags)) {
        img_fail(t, "Invalid cache option: %s", o->cache);
        return NULL;
    }
    if ((flags & BLOCK_OPEN_SHARE) && (flags & BLOCK_OPEN_WRITE)) {
        img_fail(t,
                 "Could not open '%s': force-share=on can only be used with read-only images "
                 "(leave out -U)",
                 filename);
        return NULL;
    }
    n = img_open_node(t, filename, o, flags, &err);
    if (!n) {
        img_fail(t, "Could not open '%s': %s", filename, err->message);
        return NULL;
    }
    img_warn_probed(n, o, filename);
    return n;
}

BlockNode *img_open_snapshot(ImgTool *t, const char *filename, const ImgOpen *o,
                             const char *snapshot)
{
    g_autoptr(GError) err = NULL;
    BlockNode *n;

    if (snapshot && (g_str_has_prefix(snapshot, "snapshot.name=") ||
                     g_str_has_prefix(snapshot, "snapshot.id="))) {
        snapshot = strchr(snapshot, '=') + 1;
    } else if (snapshot && g_str_has_prefix(snapshot, "snapshot.")) {
        img_fail(t, "Failed in parsing snapshot param '%s': snapshot.id=ID or snapshot.name=NAME",
                 snapshot);
        return NULL;
    }
    n = img_open(t, filename, o);
    if (!n || !snapshot) {
        return n;
    }
    if (!block_snapshot_view(n, snapshot, &err)) {
        img_fail(t, "Failed to load snapshot: %s", err->message);
        block_node_unref(n);
        return NULL;
    }
    return n;
}

bool img_tells_status(const BlockNode *n)
{
    return strcmp(block_node_format(n), "vhdx") != 0;
}

int img_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    if (img_tells_status(n)) {
        return block_node_status_above(n, NULL, off, len, out);
    }
    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED, .len = len };
    return 0;
}

/* "nbd:", "json:": more than one letter before the first colon, and no slash. */
static bool img_has_protocol(const char *name)
{
    const char *colon = strchr(name, ':');
    const char *slash = strchr(name, '/');

    return colon && colon > name + 1 && (!slash || colon < slash);
}

char *img_backing_path_of(const char *image, const char *backing)
{
    const char *slash = strrchr(image, '/');

    if (backing[0] == '/' || img_has_protocol(backing) || !slash ||
        (img_has_protocol(image) && !strstr(image, "://"))) {
        return g_strdup(g_str_has_prefix(backing, "file:") ? backing + 5 : backing);
    }
    return g_strdup_printf("%.*s%s", (int)(slash + 1 - image), image, backing);
}

char *img_backing_path(const BlockNode *n)
{
    const char *backing = block_node_backing_name(n);

    return backing && *backing ? img_backing_path_of(block_node_filename(n), backing) : NULL;
}

BlockNode *img_open_backing(ImgTool *t, const char *filename, const char *backing,
                            const char *format, unsigned flags, GError **err)
{
    g_autofree char *path = img_backing_path_of(filename, backing);

    return block_node_open_name(t->graph, path, format, flags, err);
}

const BlockDriver *img_driver(ImgTool *t, const char *name)
{
    const BlockDriver *d = block_driver_find(name);

    if (!d) {
        img_fail(t, "Unknown file format '%s'", name);
    }
    return d;
}

bool img_objects(ImgTool *t, const ImgArgs *a)
{
    for (unsigned i = 0; i < a->n; i++) {
        g_autoptr(GError) err = NULL;

        if (a->list[i].key == IMG_OPT_OBJECT &&
            !block_object_add(t->graph, a->list[i].value, &err)) {
            img_fail(t, "%s", err->message);
            return false;
        }
    }
    return true;
}
