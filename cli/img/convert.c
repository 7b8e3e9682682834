/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img convert`. */
#include "block/core/driver.h"
#include "cli/img/copy.h"
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONVERT_TARGET_IS_ZERO = IMG_OPT_OWN,
    CONVERT_SALVAGE,
    CONVERT_BITMAPS,
    CONVERT_SKIP_BROKEN,
};
enum { CONVERT_FIBERS = 8, CONVERT_SPARSE = 4096, CONVERT_SPARSE_MAX = 16 << 20 };

typedef struct ConvertSource {
    BlockNode *node;
    uint64_t begin, size; /* in the target */
} ConvertSource;

typedef struct Convert {
    ImgTool *tool;
    const ImgArgs *args;
    const BlockDriver *format; /* of the target */
    const char *out;
    char *options;
    ConvertSource *sources;
    unsigned n_sources;
    uint64_t size;
    bool has_backing; /* the target: what the source does not have is not copied */
    uint64_t backing_size;
    bool salvage, all; /* all: no zeros are skipped */
    ImgCopy copy;
    ImgProgress progress;
} Convert;

static ConvertSource *convert_source(Convert *c, uint64_t off)
{
    unsigned i = 0;

    while (off - c->sources[i].begin >= c->sources[i].size) {
        i++;
    }
    return &c->sources[i];
}

static int convert_next(ImgCopy *copy, uint64_t off, uint64_t *len, ImgPartKind *kind)
{
    Convert *c = copy->opaque;
    ConvertSource *s = convert_source(c, off);
    uint64_t at = off - s->begin;
    BlockStatus status = { 0 };
    int ret;

    *len = MIN(*len, s->size - at);
    if (c->has_backing) {
        ret = block_node_status(s->node, at, *len, &status);
    } else {
        ret = block_node_status_above(s->node, NULL, at, *len, &status);
    }
    if (ret < 0 && c->salvage) {
        *len = MIN(*len, copy->chunk); /* reading tells what is left of it */
        *kind = IMG_PART_DATA;
        return 0;
    }
    if (ret < 0) {
        return ret;
    }
    *len = status.len;
    if (c->has_backing && !(status.bits & BLOCK_STATUS_ALLOCATED)) {
        /* Beyond the end of the backing image zeros are what reads. */
        *kind = off < c->backing_size ? IMG_PART_SKIP : IMG_PART_ZERO;
        if (off < c->backing_size) {
            *len = MIN(*len, c->backing_size - off);
        }
    } else if ((status.bits & BLOCK_STATUS_ZERO) && !c->all) {
        *kind = IMG_PART_ZERO;
    } else {
        *kind = IMG_PART_DATA;
    }
    return 0;
}

/* What cannot be read is zeros, sector by sector. */
static int convert_salvage(Convert *c, BlockNode *n, uint64_t off, uint8_t *buf, uint64_t len)
{
    for (uint64_t done = 0; done < len; done += 512) {
        uint64_t step = MIN(512, len - done);
        int ret = block_node_read(n, off + done, buf + done, step);

        if (ret < 0) {
            if (!c->tool->quiet) {
                img_fail(c->tool, "warning: error while reading offset %" PRIu64 ": %s", off + done,
                         g_strerror(-ret));
            }
            memset(buf + done, 0, step);
        }
    }
    return 0;
}

static int convert_read(ImgCopy *copy, uint64_t off, void *buf, uint64_t len)
{
    Convert *c = copy->opaque;

    for (uint64_t done = 0; done < len;) {
        ConvertSource *s = convert_source(c, off + done);
        uint64_t at = off + done - s->begin;
        uint64_t step = MIN(len - done, s->size - at);
        int ret = block_node_read(s->node, at, (uint8_t *)buf + done, step);

        if (ret < 0 && c->salvage) {
            ret = convert_salvage(c, s->node, at, (uint8_t *)buf + done, step);
        }
        if (ret < 0) {
            return ret;
        }
        done += step;
    }
    return 0;
}

static int convert_offload(ImgCopy *copy, uint64_t off, uint64_t len)
{
    Convert *c = copy->opaque;

    for (uint64_t done = 0; done < len;) {
        ConvertSource *s = convert_source(c, off + done);
        uint64_t at = off + done - s->begin;
        uint64_t step = MIN(len - done, s->size - at);
        int ret = block_node_copy(s->node, at, copy->to, off + done, step, 0);

        if (ret < 0) {
            return ret;
        }
        done += step;
    }
    return 0;
}

/* ---- Options ---- */

static bool convert_parse_numbers(Convert *c, uint64_t *sparse)
{
    ImgTool *t = c->tool;
    const char *text = img_arg(c->args, 'S');
    uint64_t fibers = CONVERT_FIBERS;
    g_autoptr(GError) err = NULL;

    *sparse = CONVERT_SPARSE;
    if (text && !img_parse_size(t, "buffer size for sparse output", text, INT64_MAX, sparse)) {
        return false;
    }
    if (*sparse % 512 || *sparse > CONVERT_SPARSE_MAX) {
        img_fail(t,
                 "Invalid buffer size for sparse output specified. Valid sizes are multiples of "
                 "512 up to %d. Select 0 to disable sparse detection (fully allocates output).",
                 CONVERT_SPARSE_MAX);
        return false;
    }
    text = img_arg(c->args, 'm');
    if (text && !number_parse(text, 1, 16, &fibers, &err)) {
        img_fail(t, "Invalid number of coroutines. Allowed number of coroutines is between 1 and "
                    "16");
        return false;
    }
    c->copy.fibers = (unsigned)fibers;
    text = img_arg(c->args, 'r');
    return !text || img_parse_size(t, "rate limit", text, INT64_MAX, &c->copy.rate);
}

/* What does not go together; false: told. */
static bool convert_check(Convert *c)
{
    const ImgArgs *a = c->args;
    ImgTool *t = c->tool;
    bool skip_create = img_has(a, 'n');

    if (a->n_words < 1 + (c->options && img_is_help(c->options) ? 0 : 1)) {
        img_fail(t, "Must specify image file name");
    } else if (img_has(a, IMG_OPT_TARGET_IMAGE_OPTS) && !skip_create) {
        img_fail(t, "--target-image-opts requires use of -n flag");
    } else if (img_has(a, CONVERT_TARGET_IS_ZERO) && !skip_create) {
        img_fail(t, "--target-is-zero requires use of -n flag");
    } else if (skip_create && c->options) {
        img_fail(t, "-o has no effect when skipping image creation");
    } else if (img_has(a, 'C') && img_has(a, 'c')) {
        img_fail(t, "Cannot enable copy offloading when -c is used");
    } else if (img_has(a, 'C') && img_arg(a, 'S')) {
        img_fail(t, "Cannot enable copy offloading when -S is used");
    } else if (img_has(a, IMG_OPT_TARGET_IMAGE_OPTS) && img_has(a, 'O')) {
        img_fail(t, "Cannot specify both -O and --target-image-opts");
    } else if (img_has(a, CONVERT_SKIP_BROKEN) && !img_has(a, CONVERT_BITMAPS)) {
        img_fail(t, "Use of --skip-broken-bitmaps requires --bitmaps");
    } else {
        return true;
    }
    return false;
}

static bool convert_open_sources(Convert *c)
{
    ImgOpen open = img_open_args(c->args, 0);
    unsigned ignored = 0;

    open.cache = img_arg(c->args, 'T');
    if (open.cache && !block_cache_flags(open.cache, &ignored)) {
        img_fail(c->tool, "Invalid source cache option: %s", open.cache);
        return false;
    }
    c->sources = g_new0(ConvertSource, c->args->n_words);
    for (unsigned i = 0; i + 1 < c->args->n_words; i++) {
        ConvertSource *s = &c->sources[c->n_sources];

        s->node = img_open_snapshot(c->tool, c->args->words[i], &open, img_arg(c->args, 'l'));
        if (!s->node) {
            return false;
        }
        c->n_sources++;
        s->begin = c->size;
        s->size = block_node_size(s->node);
        if (__builtin_add_overflow(c->size, s->size, &c->size) || c->size > BLOCK_SIZE_MAX) {
            img_fail(c->tool, "the images are too large together");
            return false;
        }
    }
    return true;
}

static bool convert_find_format(Convert *c)
{
    const char *name = img_arg(c->args, 'O');

    c->format = img_driver(c->tool, name ? name : "raw");
    if (!c->format) {
        return false;
    }
    if (!c->format->create_options && !img_has(c->args, 'n')) {
        img_fail(c->tool, "Format driver '%s' does not support image creation", c->format->name);
        return false;
    }
    if (img_has(c->args, 'c') && !c->format->write_packed && c->format->kind == BLOCK_FORMAT &&
        !img_has(c->args, IMG_OPT_TARGET_IMAGE_OPTS)) {
        img_fail(c->tool, "Compression not supported for this file format");
        return false;
    }
    return true;
}

/* ---- The target ---- */

/* The backing image of the target, from -B or -o; its size counts. False: told. */
static bool convert_backing(Convert *c, const char *backing, const char *format)
{
    g_autoptr(GError) err = NULL;
    BlockNode *n;

    if (c->n_sources > 1) {
        img_fail(c->tool, "Having a backing file for the target makes no sense when concatenating "
                          "multiple input images");
        return false;
    }
    n = img_open_backing(c->tool, c->out, backing, format, BLOCK_OPEN_SHARE, &err);
    if (!n) {
        img_fail(c->tool, "Could not open backing image '%s': %s", backing, err->message);
        return false;
    }
    c->has_backing = true;
    c->backing_size = block_node_size(n);
    block_node_unref(n);
    return true;
}

static bool convert_create_checks(Convert *c, Options *o, GError **err)
{
    const char *backing = img_arg(c->args, 'B'), *format = img_arg(c->args, 'F');
    const char *prealloc = img_options_peek(o, "preallocation");

    if (!img_check_options(c->format, img_protocol(c->out), o, false, err)) {
        return false;
    }
    backing = backing ? backing : img_options_peek(o, "backing_file");
    format = format ? format : img_options_peek(o, "backing_fmt");
    if (backing && !c->format->backing) {
        return error_set(err, "Backing file not supported for file format '%s'", c->format->name);
    }
    if (format && !c->format->backing) {
        return error_set(err, "Backing file format not supported for file format '%s'",
                         c->format->name);
    }
    if (backing && !format) {
        return error_set(err, "Use of backing file requires explicit backing format");
    }
    if (img_has(c->args, 'c') && prealloc && strcmp(prealloc, "off")) {
        return error_set(err, "Compression and preallocation not supported at the same time");
    }
    return !backing || convert_backing(c, backing, format);
}

/* False: told. */
static bool convert_create(Convert *c)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    ImgCreate create = { .filename = c->out,
                         .format = c->format,
                         .backing = img_arg(c->args, 'B'),
                         .backing_format = img_arg(c->args, 'F'),
                         .size = c->size,
                         .unsafe = true,
                         .quiet = true };
    g_autoptr(GString) options = g_string_new(NULL);
    bool ok = !c->options || options_parse(&o, c->options, NULL, &err);

    ok = ok && convert_create_checks(c, &o, &err);
    for (unsigned i = 0; i < o.n && ok; i++) { /* the size is the source's, whatever -o says */
        if (strcmp(o.list[i].key, "size")) {
            g_auto(GStrv) commas = g_strsplit(o.list[i].value, ",", -1);
            g_autofree char *value = g_strjoinv(",,", commas);

            g_string_append_printf(options, "%s%s=%s", options->len ? "," : "", o.list[i].key,
                                   value);
        }
    }
    options_deinit(&o);
    if (!ok) {
        if (err) {
            img_fail(c->tool, "%s", err->message);
        }
        return false;
    }
    create.options = options->len ? options->str : NULL;
    if (!img_create_image(c->tool, &create, &err)) {
        img_fail(c->tool, "%s: error while converting %s: %s", c->out, c->format->name,
                 err->message);
        return false;
    }
    return true;
}

/* What a new image was made with, and is opened with: its key. */
static bool convert_keys(Convert *c, Options *keys)
{
    static const char *const names[] = { "key-secret", "encrypt.format", "encrypt.key-secret" };
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    bool ok = !c->options || options_parse(&o, c->options, NULL, &err);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = options_get(&o, names[i]);

        if (value) {
            options_add(keys, names[i], value);
        }
    }
    options_deinit(&o);
    if (!ok) {
        img_fail(c->tool, "%s", err->message);
    }
    return ok;
}

static bool convert_open_target(Convert *c)
{
    Options keys = { 0 };
    const char *cache = img_arg(c->args, 't');
    bool own = img_has(c->args, IMG_OPT_TARGET_IMAGE_OPTS);
    ImgOpen open = { .format = own ? NULL : c->format->name,
                     .cache = cache ? cache : "unsafe",
                     .image_opts = own,
                     .flags = BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD };

    open.options = &keys;
    if (own || convert_keys(c, &keys)) {
        c->copy.to = img_open(c->tool, c->out, &open);
    }
    options_deinit(&keys);
    if (!c->copy.to) {
        return false;
    }
    if (block_node_size(c->copy.to) < c->size) {
        if (!img_has(c->args, 'n')) {
            g_autoptr(GError) err = NULL;

            /* Formats may round down to what their geometry can say. */
            if (block_node_resize(c->copy.to, c->size, false, BLOCK_PREALLOC_OFF, &err)) {
                return true;
            }
        }
        img_fail(c->tool, "output file is smaller than input file");
        return false;
    }
    return true;
}

/* ---- All together ---- */

/* A target that is not known to be zeros is made so in one step, where it can do that quickly. */
static void convert_make_zero(Convert *c)
{
    /* New files are zeros; what is deciphered from them is not. */
    bool fresh = !img_has(c->args, 'n') && img_protocol(c->out) == block_driver_find("file") &&
                 strcmp(c->format->name, "luks");

    c->copy.zeros = !fresh && !img_has(c->args, CONVERT_TARGET_IS_ZERO);
    if (c->has_backing) {
        c->copy.zeros = true;
    } else if (c->copy.zeros && !c->all) {
        c->copy.zeros = block_node_write_zeroes(c->copy.to, 0, block_node_size(c->copy.to),
                                                BLOCK_REQ_UNMAP | BLOCK_REQ_NO_FALLBACK) != 0;
    }
}

static bool convert_copy(Convert *c, uint64_t sparse)
{
    bool compressed = img_has(c->args, 'c');

    c->copy.cached = img_is_cached(c->copy.to);
    for (unsigned i = 0; i < c->n_sources; i++) {
        c->copy.cached &= img_is_cached(c->sources[i].node);
    }
    c->copy.tool = c->tool;
    c->copy.size = c->size;
    c->copy.next = convert_next;
    c->copy.read = convert_read;
    c->copy.offload = img_has(c->args, 'C') ? convert_offload : NULL;
    c->copy.opaque = c;
    c->copy.sparse = (uint32_t)sparse;
    c->copy.compressed = compressed;
    c->copy.ordered = !img_has(c->args, 'W') && block_node_cluster_size(c->copy.to) != 0;
    c->copy.progress = &c->progress;
    if (compressed) {
        /* Room in qcow2 is made after compression, in any order; others are streams. */
        c->copy.fibers = MAX(c->copy.fibers, 4 * (unsigned)g_get_num_processors());
        c->copy.strict_order = strcmp(c->format->name, "qcow2") != 0;
    }
    convert_make_zero(c);
    return img_copy(&c->copy);
}

static bool convert_check_bitmaps(Convert *c)
{
    if (!img_has(c->args, CONVERT_BITMAPS)) {
        return true;
    }
    if (c->n_sources > 1) {
        img_fail(c->tool, "Copying bitmaps only possible with single source");
        return false;
    }
    if (strcmp(c->format->name, "qcow2")) {
        img_fail(c->tool, "Format driver '%s' does not support bitmaps", c->format->name);
        return false;
    }
    return img_bitmaps_check(c->tool, c->sources[0].node, img_has(c->args, CONVERT_SKIP_BROKEN));
}

static int convert_all(Convert *c, uint64_t sparse)
{
    int ret;

    if (!convert_open_sources(c) || !convert_find_format(c) || !convert_check_bitmaps(c)) {
        return 1;
    }
    if (!img_has(c->args, 'n') && !convert_create(c)) {
        return 1;
    }
    if (!convert_open_target(c)) {
        return 1;
    }
    if (img_has(c->args, 'n') && img_arg(c->args, 'B') &&
        !convert_backing(c, img_arg(c->args, 'B'), img_arg(c->args, 'F'))) {
        return 1;
    }
    img_progress_start(&c->progress, img_has(c->args, 'p') && !c->tool->quiet);
    if (!convert_copy(c, sparse) || (img_has(c->args, CONVERT_BITMAPS) &&
                                     !img_bitmaps_copy(c->tool, c->sources[0].node, c->copy.to))) {
        img_progress_end(&c->progress);
        return 1;
    }
    ret = block_node_flush(c->copy.to);
    if (!ret) {
        img_progress(&c->progress, 100);
    }
    img_progress_end(&c->progress);
    return ret ? img_fail(c->tool, "error while flushing '%s': %s", c->out, g_strerror(-ret)) : 0;
}

static int convert_run(ImgTool *t, const ImgArgs *a)
{
    g_autofree char *options = img_arg_joined(a, 'o');
    Convert c = { .tool = t, .args = a, .options = options };
    uint64_t sparse;
    int ret = 1;

    if (!convert_parse_numbers(&c, &sparse)) {
        return 1;
    }
    c.salvage = img_has(a, CONVERT_SALVAGE);
    c.all = !sparse;
    if (options && img_is_help(options)) {
        return img_option_help(t, img_arg(a, 'O'),
                               a->n_words > 1 ? a->words[a->n_words - 1] : NULL);
    }
    if (!convert_check(&c)) {
        return 1;
    }
    c.out = a->words[a->n_words - 1];
    ret = convert_all(&c, sparse);
    if (c.copy.to) {
        block_node_unref(c.copy.to);
    }
    for (unsigned i = 0; i < c.n_sources; i++) {
        block_node_unref(c.sources[i].node);
    }
    g_free(c.sources);
    return ret;
}

static const ImgOption convert_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    { IMG_OPT_TARGET_IMAGE_OPTS, "target-image-opts", NULL,
      "the output's name is a list of options (with -n)" },
    { CONVERT_TARGET_IS_ZERO, "target-is-zero", NULL, "the output reads as zeros (with -n)" },
    { CONVERT_BITMAPS, "bitmaps", NULL, "copy persistent dirty bitmaps" },
    { CONVERT_SKIP_BROKEN, "skip-broken-bitmaps", NULL, "but not inconsistent ones" },
    IMG_SHARE,
    { 'C', NULL, NULL, "let the host copy where it can" },
    { 'c', NULL, NULL, "compress; uses all cores" },
    IMG_PROGRESS,
    IMG_QUIET,
    { 'n', NULL, NULL, "do not create the output: it is there" },
    { 'f', NULL, "fmt", "format of the input" },
    IMG_CACHE,
    IMG_SOURCE_CACHE,
    { 'O', NULL, "output_fmt", "format of the output; raw where it is not given" },
    { 'B', NULL, "backing_file", "backing image of the output" },
    { 'F', NULL, "backing_fmt", "format of the backing image" },
    { 'o', NULL, "options", "of the output's format; help lists them" },
    { 'l', NULL, "snapshot_param", "an internal snapshot: its name or id" },
    { 'S', NULL, "sparse_size", "zeros of that many bytes become holes (4k); 0: none" },
    { 'r', NULL, "rate_limit", "bytes a second" },
    { 'm', NULL, "num_coroutines", "how much is under way at once (1 to 16; 8)" },
    { 'W', NULL, NULL, "write in any order" },
    { CONVERT_SALVAGE, "salvage", NULL, "zeros for what cannot be read" },
    { 0 },
};

const ImgCommand img_convert = {
    .name = "convert",
    .words = "filename [filename2 [...]] output_filename",
    .doc = "copy an image into another format",
    .options = convert_options,
    .run = convert_run,
};
