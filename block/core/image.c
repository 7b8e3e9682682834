/* SPDX-License-Identifier: Apache-2.0 */
/* Images as a whole: creating, resizing, checking, snapshots. */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

static bool image_cannot(const BlockNode *n, const char *what, GError **err)
{
    return block_error(err, n, "format %s %s", n->drv->name, what);
}

void block_check_say(const BlockCheck *c, const char *fmt, ...)
{
    va_list ap;

    if (!c->say) {
        return;
    }
    va_start(ap, fmt);
    g_autofree char *line = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    c->say(c->opaque, line);
}

static bool image_writable(BlockNode *n, GError **err)
{
    int ret = block_check_write(n);

    return !ret || block_error(err, n, "%s",
                               ret == -EROFS ? "it is open for reading alone"
                                             : "it is damaged and takes no writes");
}

/* ---- Creating ---- */

static bool image_options_used(Options *o, const BlockDriver *format, const BlockDriver *proto,
                               GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const BlockDriver *both[2] = { format, proto };

    for (int i = 0; i < 2; i++) {
        for (const BlockOption *b = both[i]->create_options; b && b->name; b++) {
            if (!g_ptr_array_find_with_equal_func(names, b->name, g_str_equal, NULL)) {
                g_ptr_array_add(names, (char *)b->name);
            }
        }
    }
    if (!options_all_used(o, (const char *const *)names->pdata, names->len, err)) {
        g_prefix_error(err, "format %s: ", format->name);
        return false;
    }
    return true;
}

static bool image_takes(const BlockDriver *format, const char *option)
{
    for (const BlockOption *b = format->create_options; b && b->name; b++) {
        if (!strcmp(b->name, option)) {
            return true;
        }
    }
    return false;
}

bool block_image_create(BlockGraph *g, const BlockDriver *format, const char *filename,
                        uint64_t size, Options *options, unsigned flags, GError **err)
{
    const BlockDriver *proto = block_protocol_of(filename, err);
    BlockPrealloc prealloc = BLOCK_PREALLOC_OFF;
    BlockNode *file;
    bool ok;

    if (*err) {
        return false;
    }
    proto = proto ? proto : block_driver_find("file");
    if (!format->create) {
        return error_set(err, "%s: images of format %s cannot be created", filename, format->name);
    }
    if (format->kind == BLOCK_PROTOCOL) {
        return format->create(g, filename, NULL, size, options, err) &&
               image_options_used(options, format, format, err);
    }
    if (!proto->create) {
        return error_set(err, "%s: protocol %s cannot create files", filename, proto->name);
    }
    if (!image_takes(format, "preallocation") && !block_prealloc_option(options, &prealloc, err)) {
        return false;
    }
    if (prealloc == BLOCK_PREALLOC_METADATA) {
        return error_set(err, "Unsupported preallocation mode: metadata (of a file: off, falloc, "
                              "full)");
    }
    if (!proto->create(g, filename, NULL, 0, options, err)) {
        return false;
    }
    flags &= BLOCK_OPEN_SHARE | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_DIRECT | BLOCK_OPEN_LOCK_OFF;
    file = block_node_open_name(
        g, filename, NULL, flags | BLOCK_OPEN_WRITE | BLOCK_OPEN_INTERNAL | BLOCK_OPEN_PROTOCOL,
        err);
    if (!file) {
        return false;
    }
    file->flags |= BLOCK_OPEN_DISCARD;
    ok = format->create(g, filename, file, size, options, err) &&
         image_options_used(options, format, proto, err);
    block_node_unref(file);
    return ok;
}

/* What was beyond the end reads as zeros, also where the backing image is longer. */
static bool image_hide_backing(BlockNode *n, uint64_t old, GError **err)
{
    uint64_t end = n->backing ? MIN(n->size, n->backing->size) : 0;
    int ret;

    if (end <= old) {
        return true;
    }
    ret = block_node_write_zeroes(n, old, end - old, 0);
    return !ret || block_error(err, n, "writing zeros after the old end: %s", g_strerror(-ret));
}

bool block_node_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                       GError **err)
{
    uint64_t old = n->size;
    bool ok;

    if (!image_writable(n, err)) {
        return false;
    }
    if (size > BLOCK_SIZE_MAX) {
        return block_error(err, n, "a size of %" PRIu64 " bytes is beyond %" PRIu64, size,
                           BLOCK_SIZE_MAX);
    }
    if (!n->drv->resize && !(n->drv->kind == BLOCK_FILTER && n->file)) {
        return image_cannot(n, "cannot be resized", err);
    }
    block_node_drain(n);
    if (n->drv->resize) {
        ok = n->drv->resize(n, size, exact, prealloc, err);
    } else {
        ok = block_node_resize(n->file, size, exact, prealloc, err);
    }
    if (ok) {
        n->size = n->size == old ? size : n->size;
        n->written++;
        engine_forget(n, MIN(old, size), UINT64_MAX / 2);
        block_bitmaps_resize(n, n->size);
        ok = image_hide_backing(n, old, err);
    }
    block_node_undrain(n);
    return ok;
}

int block_extend(BlockNode *n, uint64_t size)
{
    g_autoptr(GError) err = NULL;
    int ret = block_check_write(n);

    if (ret < 0 || size <= n->size || size > BLOCK_SIZE_MAX) {
        return ret < 0 ? ret : -EINVAL;
    }
    if (n->drv->kind == BLOCK_FILTER && n->file && !n->drv->resize) {
        ret = block_extend(n->file, size);
    } else if (n->drv->kind != BLOCK_FORMAT && n->drv->resize && n->grows) {
        ret = n->drv->resize(n, size, false, BLOCK_PREALLOC_OFF, &err) ? 0 : -ENOTSUP;
    } else {
        ret = -ENOTSUP;
    }
    if (ret == 0) {
        n->size = MAX(n->size, size);
        n->written++;
    }
    return ret;
}

/* ---- What formats can do ---- */

bool block_node_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    bool ok;

    if (!n->drv->check) {
        return image_cannot(n, "has no check", err);
    }
    if (fix && !image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = n->drv->check(n, c, fix, err);
    block_node_undrain(n);
    return ok;
}

bool block_node_set_backing_name(BlockNode *n, const char *filename, const char *format,
                                 GError **err)
{
    bool ok;

    if (!n->drv->set_backing_name) {
        return image_cannot(n, "has no backing images", err);
    }
    if (!image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = n->drv->set_backing_name(n, filename, format, err);
    if (ok) {
        block_set_backing_name(n, filename, format);
    }
    block_node_undrain(n);
    return ok;
}

bool block_node_set_backing(BlockNode *n, BlockNode *backing, GError **err)
{
    if (backing && !n->drv->backing) {
        return image_cannot(n, "has no backing images", err);
    }
    for (const BlockNode *b = backing; b; b = b->backing ? b->backing : b->file) {
        if (b == n) {
            return block_error(err, n, "it would be its own backing image");
        }
    }
    block_node_drain(n);
    if (backing) {
        block_node_ref(backing);
    }
    block_node_detach(n, "backing");
    if (backing) {
        block_node_attach(n, "backing", backing);
    }
    block_node_undrain(n);
    return true;
}

bool block_node_amend(BlockNode *n, Options *o, bool force, BlockCheck *progress, GError **err)
{
    bool ok;

    if (!n->drv->amend) {
        return image_cannot(n, "has no options that could be amended", err);
    }
    if (!image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = n->drv->amend(n, o, force, progress, err);
    block_node_undrain(n);
    return ok;
}

/* ---- Snapshots ---- */

bool block_snapshot_list(BlockNode *n, BlockSnapshot **list, unsigned *count, GError **err)
{
    *list = NULL;
    *count = 0;
    if (!n->drv->snapshot_list) {
        return image_cannot(n, "has no internal snapshots", err);
    }
    return n->drv->snapshot_list(n, list, count, err);
}

void block_snapshot_list_free(BlockSnapshot *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_free(list[i].id);
        g_free(list[i].name);
    }
    g_free(list);
}

bool block_snapshot_create(BlockNode *n, BlockSnapshot *s, GError **err)
{
    bool ok;

    if (!n->drv->snapshot_create) {
        return image_cannot(n, "has no internal snapshots", err);
    }
    if (!image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = n->drv->snapshot_create(n, s, err);
    n->written++;
    block_node_undrain(n);
    return ok;
}

static bool image_snapshot(BlockNode *n, bool (*fn)(BlockNode *, const char *, GError **),
                           const char *id_or_name, GError **err)
{
    bool ok;

    if (!fn) {
        return image_cannot(n, "has no internal snapshots", err);
    }
    if (!image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = fn(n, id_or_name, err);
    n->written++;
    engine_forget(n, 0, UINT64_MAX / 2);
    block_node_undrain(n);
    return ok;
}

bool block_snapshot_apply(BlockNode *n, const char *id_or_name, GError **err)
{
    return image_snapshot(n, n->drv->snapshot_apply, id_or_name, err);
}

bool block_snapshot_delete(BlockNode *n, const char *id_or_name, GError **err)
{
    return image_snapshot(n, n->drv->snapshot_delete, id_or_name, err);
}

bool block_snapshot_view(BlockNode *n, const char *id_or_name, GError **err)
{
    bool ok;

    n = block_node_skip_filters(n);
    if (!n->drv->snapshot_view) {
        return image_cannot(n, "has no snapshots to look at", err);
    }
    if (!block_node_is_read_only(n)) {
        return block_error(err, n, "it must be open for reading alone to look at a snapshot");
    }
    block_node_drain(n);
    ok = n->drv->snapshot_view(n, id_or_name, err);
    engine_forget(n, 0, UINT64_MAX / 2);
    block_node_undrain(n);
    return ok;
}

bool block_node_make_empty(BlockNode *n, GError **err)
{
    bool ok;

    if (!n->drv->make_empty) {
        return image_cannot(n, "cannot be emptied", err);
    }
    if (!image_writable(n, err)) {
        return false;
    }
    block_node_drain(n);
    ok = n->drv->make_empty(n, err);
    engine_forget(n, 0, UINT64_MAX / 2);
    block_node_undrain(n);
    return ok;
}
