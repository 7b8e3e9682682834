/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tinamou img rebase`: another backing image. What the image does not have itself, and reads
 * otherwise from the new one, is copied into it first (but with -u, where only the name changes).
 */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { REBASE_CHUNK = 1 << 20, REBASE_FIBERS = 8 };

typedef struct Rebase {
    BlockNode *image, *old, *new; /* new: NULL: none */
    uint64_t at, size, unit;
    FiberMutex lock;
    ImgProgress progress;
    int error;
    uint64_t error_at;
} Rebase;

static bool rebase_is_zero(BlockNode *n, uint64_t off, uint64_t len, int *ret)
{
    while (len) {
        BlockStatus s = { 0 };
        uint64_t size = n ? block_node_size(n) : 0;

        if (off >= size) {
            return true;
        }
        *ret = block_node_status_above(n, NULL, off, MIN(len, size - off), &s);
        if (*ret < 0 || !(s.bits & BLOCK_STATUS_ZERO)) {
            return false;
        }
        off += s.len;
        len -= MIN(len, s.len);
    }
    return true;
}

/* The next range that the image does not have and that may differ. Under the lock. */
static bool rebase_next(Rebase *r, uint64_t *off, uint64_t *len)
{
    while (r->at < r->size && !r->error) {
        BlockStatus s = { 0 };
        int ret = block_node_status(r->image, r->at, r->size - r->at, &s);

        if (ret < 0) {
            r->error = ret;
            r->error_at = r->at;
            return false;
        }
        *off = r->at;
        *len = s.len;
        if (!(s.bits & BLOCK_STATUS_ALLOCATED)) {
            *len = MIN(s.len, REBASE_CHUNK - *off % REBASE_CHUNK);
        }
        r->at += *len;
        img_progress(&r->progress, (double)r->at * 100 / (double)r->size);
        if (!(s.bits & BLOCK_STATUS_ALLOCATED) && !(rebase_is_zero(r->old, *off, *len, &ret) &&
                                                    rebase_is_zero(r->new, *off, *len, &ret))) {
            return true;
        }
    }
    return false;
}

static int rebase_read(BlockNode *n, uint64_t off, uint8_t *buf, uint64_t len)
{
    uint64_t size = n ? block_node_size(n) : 0;
    uint64_t have = off < size ? MIN(len, size - off) : 0;

    memset(buf + have, 0, len - have);
    return have ? block_node_read(n, off, buf, have) : 0;
}

/* Whole clusters in which old and new differ are written. */
static int rebase_part(Rebase *r, uint64_t off, uint64_t len, uint8_t *old, uint8_t *new)
{
    int ret = rebase_read(r->old, off, old, len);

    ret = ret < 0 ? ret : rebase_read(r->new, off, new, len);
    for (uint64_t done = 0; done < len && ret >= 0;) {
        uint64_t end = MIN(len, done + r->unit - (off + done) % r->unit);

        if (memcmp(old + done, new + done, end - done)) {
            ret = img_is_zero(old + done, end - done)
                      ? block_node_write_zeroes(r->image, off + done, end - done, 0)
                      : block_node_write(r->image, off + done, old + done, end - done, 0);
        }
        done = end;
    }
    return ret;
}

static void rebase_fiber(void *opaque)
{
    Rebase *r = opaque;
    uint8_t *old = g_malloc(REBASE_CHUNK), *new = g_malloc(REBASE_CHUNK);

    for (;;) {
        uint64_t off, len;
        bool more;
        int ret;

        fiber_lock(&r->lock);
        more = rebase_next(r, &off, &len);
        fiber_unlock(&r->lock);
        if (!more) {
            break;
        }
        ret = rebase_part(r, off, len, old, new);
        if (ret < 0 && !r->error) {
            r->error = ret;
            r->error_at = off;
        }
    }
    g_free(old);
    g_free(new);
}

static int rebase_copy(ImgTool *t, Rebase *r)
{
    uint64_t cluster = block_node_cluster_size(r->image);
    int ret;

    r->size = block_node_size(r->image);
    r->unit = cluster ? MIN(cluster, REBASE_CHUNK) : 4096;
    img_fibers(REBASE_FIBERS, rebase_fiber, r);
    if (r->error) {
        return img_fail(t, "error at byte %" PRIu64 ": %s", r->error_at, g_strerror(-r->error));
    }
    ret = block_node_flush(r->image);
    return ret ? img_fail(t, "error while flushing: %s", g_strerror(-ret)) : 0;
}

/* Writes the new name into the image's header. */
static int rebase_rename(ImgTool *t, BlockNode *n, const char *backing, const char *format)
{
    g_autoptr(GError) err = NULL;
    bool none = !*backing;

    if (!none && !format) {
        return img_fail(t,
                        "Could not change the backing file to '%s': backing format must be "
                        "specified",
                        backing);
    }
    if (!block_node_driver(n)->set_backing_name) {
        return img_fail(t, "Could not change the backing file to '%s': %s", backing,
                        g_strerror(EOPNOTSUPP));
    }
    if (!block_node_set_backing_name(n, none ? NULL : backing, none ? NULL : format, &err)) {
        return img_fail(t, "Could not change the backing file to '%s': %s", backing, err->message);
    }
    return 0;
}

static bool rebase_file(BlockNode *n, struct stat *st)
{
    while (block_node_child(n, "file")) {
        n = block_node_child(n, "file");
    }
    return !stat(block_node_filename(n), st);
}

/* One of the chain of @n is the same file as @image. */
static bool rebase_stands_on(BlockNode *n, BlockNode *image)
{
    struct stat a, b;

    for (; n && rebase_file(image, &a); n = block_node_backing(block_node_skip_filters(n))) {
        if (rebase_file(n, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
            return true;
        }
    }
    return false;
}

/* Opens both chains, copies. */
static int rebase_safe(ImgTool *t, const ImgArgs *a, Rebase *r, const char *backing,
                       const char *format)
{
    const char *cache = img_arg(a, 'T');
    unsigned flags = 0;
    g_autofree char *path = NULL;
    g_autoptr(GError) err = NULL;
    int ret;

    if (cache && !block_cache_flags(cache, &flags)) {
        return img_fail(t, "Invalid source cache option: %s", cache);
    }
    r->old = block_node_backing(r->image);
    r->new = NULL;
    if (*backing) {
        path = img_backing_path_of(block_node_filename(r->image), backing);
        r->new = block_node_open_name(t->graph, path, format, flags | BLOCK_OPEN_SHARE, &err);
        if (!r->new) {
            return img_fail(t, "Could not open new backing file '%s': %s", backing, err->message);
        }
        if (rebase_stands_on(r->new, r->image)) {
            ret = img_fail(t,
                           "Could not open new backing file '%s': it is the image itself, or "
                           "stands on it",
                           backing);
            block_node_unref(r->new);
            return ret;
        }
    }
    ret = rebase_copy(t, r);
    if (r->new) {
        block_node_unref(r->new);
        r->new = NULL;
    }
    return ret;
}

static int rebase_image(ImgTool *t, const ImgArgs *a, BlockNode *image)
{
    const char *backing = img_arg(a, 'b'), *format = img_arg(a, 'F');
    Rebase r = { .image = image };
    int ret = 0;

    backing = backing ? backing : "";
    img_progress_start(&r.progress, img_has(a, 'p') && !t->quiet);
    if (!img_has(a, 'u')) {
        ret = rebase_safe(t, a, &r, backing, format);
    }
    if (!ret) {
        ret = rebase_rename(t, image, backing, format);
    }
    if (!ret) {
        img_progress(&r.progress, 100);
    }
    img_progress_end(&r.progress);
    return ret;
}

static int rebase_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_WRITE);
    const char *format = img_arg(a, 'F');
    BlockNode *n;
    int ret;

    open.cache = img_arg(a, 't');
    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    if (!img_has(a, 'u') && !img_has(a, 'b')) {
        return img_usage(t, "Must specify backing file (-b) or use unsafe mode (-u)");
    }
    open.flags &= ~(unsigned)BLOCK_OPEN_SHARE; /* -U is for the images below */
    if (img_has(a, 'u')) {
        open.flags |= BLOCK_OPEN_NO_BACKING;
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    if (format && !block_driver_find(format)) {
        ret = img_fail(t, "Invalid format name: '%s'", format);
    } else {
        ret = rebase_image(t, a, n);
    }
    block_node_unref(n);
    return ret;
}

static const ImgOption rebase_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_SHARE,
    IMG_QUIET,
    IMG_FORMAT,
    IMG_CACHE,
    IMG_SOURCE_CACHE,
    IMG_PROGRESS,
    { 'u', NULL, NULL, "change the name alone: the new image reads as the old one" },
    { 'b', NULL, "backing_file", "the new backing image; \"\": none" },
    { 'F', NULL, "backing_fmt", "its format" },
    { 0 },
};

const ImgCommand img_rebase = {
    .name = "rebase",
    .words = "filename",
    .doc = "give an image another backing image",
    .options = rebase_options,
    .run = rebase_run,
};
