/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img commit`: what an image has changed, into an image below it. */
#include "block/core/driver.h"
#include "cli/img/copy.h"
#include "cli/img/img-priv.h"

#include <string.h>

typedef struct Commit {
    BlockNode *top, *base;
} Commit;

static int commit_next(ImgCopy *c, uint64_t off, uint64_t *len, ImgPartKind *kind)
{
    Commit *m = c->opaque;
    BlockStatus s = { 0 };
    int ret = block_node_status_above(m->top, m->base, off, *len, &s);

    *len = s.len;
    if (!(s.bits & BLOCK_STATUS_ALLOCATED)) {
        *kind = IMG_PART_SKIP;
    } else {
        *kind = s.bits & BLOCK_STATUS_ZERO ? IMG_PART_ZERO : IMG_PART_DATA;
    }
    return ret;
}

static int commit_read(ImgCopy *c, uint64_t off, void *buf, uint64_t len)
{
    Commit *m = c->opaque;

    return block_node_read(m->top, off, buf, len);
}

/* The image @name in the chain below @top, or with NULL the next one; NULL: told. */
static BlockNode *commit_base(ImgTool *t, BlockNode *top, const char *filename, const char *name)
{
    BlockNode *n = block_node_backing(top);

    if (!n && !name) {
        img_fail(t, "Image does not have a backing file");
        return NULL;
    }
    for (BlockNode *b = n; b && name; b = block_node_backing(b)) {
        g_autofree char *path = img_backing_path_of(filename, name);

        if (!strcmp(block_node_filename(b), name) || !strcmp(block_node_filename(b), path)) {
            return b;
        }
    }
    if (name) {
        img_fail(t, "Did not find '%s' in the backing chain of '%s'", name, filename);
        return NULL;
    }
    return n;
}

/* All of @top's changes are in its backing image: without them it reads the same. */
static int commit_drop(ImgTool *t, Commit *m)
{
    g_autoptr(GError) err = NULL;

    if (block_node_backing(m->top) != m->base || !block_node_driver(m->top)->make_empty) {
        return 0;
    }
    if (!block_node_make_empty(m->top, &err)) {
        return img_fail(t, "Could not empty %s: %s", block_node_filename(m->top), err->message);
    }
    return 0;
}

static int commit_copy(ImgTool *t, const ImgArgs *a, Commit *m, uint64_t rate)
{
    ImgProgress progress;
    ImgCopy copy = { .tool = t,
                     .to = m->base,
                     .size = block_node_size(m->top),
                     .next = commit_next,
                     .read = commit_read,
                     .opaque = m,
                     .zeros = true,
                     .fibers = 8,
                     .rate = rate,
                     .progress = &progress };
    g_autoptr(GError) err = NULL;
    bool ok = true;
    int ret;

    img_progress_start(&progress, img_has(a, 'p') && !t->quiet);
    if (block_node_size(m->base) < copy.size) {
        ok = block_node_resize(m->base, copy.size, false, BLOCK_PREALLOC_OFF, &err);
        if (!ok) {
            img_fail(t, "%s", err->message);
        }
    }
    ok = ok && img_copy(&copy);
    if (ok) {
        ret = block_node_flush(m->base);
        ok = !ret || !img_fail(t, "error while flushing '%s': %s", block_node_filename(m->base),
                               g_strerror(-ret));
    }
    if (ok) {
        img_progress(&progress, 100);
    }
    img_progress_end(&progress);
    return ok ? 0 : 1;
}

static int commit_image(ImgTool *t, const ImgArgs *a, BlockNode *top, uint64_t rate)
{
    const char *name = img_arg(a, 'b');
    Commit m = { top, commit_base(t, top, a->words[0], name) };
    g_autoptr(GError) err = NULL;
    int ret;

    if (!m.base) {
        return 1;
    }
    if (!block_node_reopen(m.base, NULL, block_node_flags(m.base) | BLOCK_OPEN_WRITE, &err)) {
        return img_fail(t, "Could not open '%s' for writing: %s", block_node_filename(m.base),
                        err->message);
    }
    ret = commit_copy(t, a, &m, rate);
    if (!ret && !img_has(a, 'd') && !name) {
        ret = commit_drop(t, &m);
    }
    if (!ret && !t->quiet) {
        puts("Image committed.");
    }
    return ret;
}

static int commit_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD);
    const char *rate_text = img_arg(a, 'r');
    uint64_t rate = 0;
    BlockNode *top;
    int ret;

    open.cache = img_arg(a, 't');
    if (rate_text && !img_parse_size(t, "rate limit", rate_text, INT64_MAX, &rate)) {
        return 1;
    }
    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    top = img_open(t, a->words[0], &open);
    if (!top) {
        return 1;
    }
    ret = commit_image(t, a, top, rate);
    block_node_unref(top);
    return ret;
}

static const ImgOption commit_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_QUIET,
    IMG_FORMAT,
    IMG_CACHE,
    { 'b', NULL, "base", "the image below to commit to; the next one where it is not given" },
    { 'r', NULL, "rate_limit", "bytes a second" },
    { 'd', NULL, NULL, "leave the image as it is, not emptied" },
    IMG_PROGRESS,
    { 0 },
};

const ImgCommand img_commit = {
    .name = "commit",
    .words = "filename",
    .doc = "write what an image has changed into an image below it",
    .options = commit_options,
    .run = commit_run,
};
