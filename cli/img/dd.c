/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img dd`: a part of a disk into a new image. */
#include "block/core/driver.h"
#include "cli/img/copy.h"
#include "cli/img/img-priv.h"

#include <inttypes.h>
#include <string.h>

typedef struct Dd {
    const char *in, *out;
    uint64_t block, count, skip; /* count: UINT64_MAX: all */
    BlockNode *from;
    uint64_t begin, size; /* bytes of the input */
} Dd;

static bool dd_number(ImgTool *t, const char *key, const char *text, uint64_t min, uint64_t max,
                      uint64_t *value)
{
    if (!img_parse_size(t, key, text, UINT64_MAX, value)) {
        return false;
    }
    if (*value < min || *value > max) {
        img_fail(t, "Invalid %s specified. Must be between %" PRIu64 " and %" PRIu64 ".", key, min,
                 max);
        return false;
    }
    return true;
}

static bool dd_operand(ImgTool *t, Dd *d, const char *word)
{
    const char *equals = strchr(word, '=');
    g_autofree char *key = equals ? g_strndup(word, (gsize)(equals - word)) : g_strdup(word);
    const char *value = equals ? equals + 1 : "";

    if (equals && !strcmp(key, "if")) {
        d->in = value;
    } else if (equals && !strcmp(key, "of")) {
        d->out = value;
    } else if (equals && !strcmp(key, "bs")) {
        return dd_number(t, key, value, 1, INT32_MAX, &d->block);
    } else if (equals && !strcmp(key, "count")) {
        return dd_number(t, key, value, 0, INT64_MAX, &d->count);
    } else if (equals && !strcmp(key, "skip")) {
        return dd_number(t, key, value, 0, INT64_MAX, &d->skip);
    } else {
        img_fail(t, "unrecognized operand %s", key);
        return false;
    }
    return true;
}

static int dd_next(ImgCopy *c, uint64_t off, uint64_t *len, ImgPartKind *kind)
{
    Dd *d = c->opaque;
    BlockStatus s = { 0 };
    int ret = block_node_status_above(d->from, NULL, d->begin + off, *len, &s);

    *len = s.len;
    *kind = s.bits & BLOCK_STATUS_ZERO ? IMG_PART_ZERO : IMG_PART_DATA;
    return ret;
}

static int dd_read(ImgCopy *c, uint64_t off, void *buf, uint64_t len)
{
    Dd *d = c->opaque;

    return block_node_read(d->from, d->begin + off, buf, len);
}

/* The part of the input: what of it there is. */
static void dd_range(ImgTool *t, Dd *d)
{
    uint64_t all = block_node_size(d->from), want;

    if (__builtin_mul_overflow(d->skip, d->block, &d->begin) || d->begin > all) {
        img_fail(t, "%s: cannot skip to specified offset", d->in);
        d->begin = all;
    }
    d->size = all - d->begin;
    if (d->count != UINT64_MAX && !__builtin_mul_overflow(d->count, d->block, &want)) {
        d->size = MIN(d->size, want);
    }
}

static int dd_copy(ImgTool *t, Dd *d, const BlockDriver *format)
{
    ImgOpen open = { .format = format->name, .flags = BLOCK_OPEN_WRITE };
    ImgCreate create = { .filename = d->out, .format = format, .size = d->size, .quiet = true };
    ImgCopy copy = {
        .tool = t, .size = d->size, .next = dd_next, .read = dd_read, .opaque = d, .fibers = 8
    };
    g_autoptr(GError) err = NULL;
    int ret;

    if (!img_create_image(t, &create, &err)) {
        return img_fail(t, "%s: error while creating output image of type '%s': %s", d->out,
                        format->name, err->message);
    }
    copy.to = img_open(t, d->out, &open);
    if (!copy.to) {
        return 1;
    }
    copy.ordered = block_node_cluster_size(copy.to) != 0;
    ret = img_copy(&copy) ? 0 : 1;
    block_node_unref(copy.to);
    return ret;
}

static int dd_run(ImgTool *t, const ImgArgs *a)
{
    Dd d = { .block = 512, .count = UINT64_MAX };
    const char *name = img_arg(a, 'O');
    ImgOpen open = img_open_args(a, 0);
    const BlockDriver *format;
    int ret;

    for (unsigned i = 0; i < a->n_words; i++) {
        if (!dd_operand(t, &d, a->words[i])) {
            return 1;
        }
    }
    if (!d.in || !d.out) {
        return img_fail(t, "Must specify both input and output files");
    }
    format = img_driver(t, name ? name : "raw");
    if (!format) {
        return 1;
    }
    if (!format->create_options) {
        return img_fail(t, "Format driver '%s' does not support image creation", format->name);
    }
    d.from = img_open(t, d.in, &open);
    if (!d.from) {
        return 1;
    }
    dd_range(t, &d);
    ret = dd_copy(t, &d, format);
    block_node_unref(d.from);
    return ret;
}

static const ImgOption dd_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_SHARE,
    IMG_FORMAT,
    { 'O', NULL, "output_fmt", "format of the output; raw where it is not given" },
    { 0 },
};

const ImgCommand img_dd = {
    .name = "dd",
    .words = "[bs=block_size] [count=blocks] [skip=blocks] if=input of=output",
    .doc = "copy a part of a disk: count blocks of bs bytes (512), after skip of them",
    .options = dd_options,
    .run = dd_run,
};
