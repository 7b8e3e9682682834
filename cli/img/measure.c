/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img measure`: how much room a new image would take. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/json.h"

#include <inttypes.h>
#include <string.h>

enum { MEASURE_SIZE = IMG_OPT_OWN };

static int measure_print(const BlockMeasure *m, bool json)
{
    if (json) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GVariant) all = NULL;
        GVariantBuilder b;

        g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
        json_add(&b, "required", g_variant_new_uint64(m->required));
        json_add(&b, "fully-allocated", g_variant_new_uint64(m->fully_allocated));
        if (m->bitmaps != UINT64_MAX) {
            json_add(&b, "bitmaps", g_variant_new_uint64(m->bitmaps));
        }
        all = g_variant_ref_sink(g_variant_builder_end(&b));
        json_print(text, all);
        puts(text->str);
        return 0;
    }
    printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", m->required,
           m->fully_allocated);
    if (m->bitmaps != UINT64_MAX) {
        printf("bitmaps size: %" PRIu64 "\n", m->bitmaps);
    }
    return 0;
}

/* Told where it fails. */
static int measure_as(ImgTool *t, const BlockDriver *d, const char *options, BlockNode *from,
                      uint64_t size, bool json)
{
    BlockMeasure m = { .bitmaps = UINT64_MAX };
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    int ret = 1;

    if (options && !options_parse(&o, options, NULL, &err)) {
        return img_fail(t, "%s", err->message);
    }
    if (!img_check_options(d, block_driver_find("file"), &o, false, &err)) {
        img_fail(t, "%s", err->message);
        img_fail(t, "Invalid options for file format '%s'", d->name);
    } else if (!d->measure) {
        img_fail(t, "Block driver '%s' does not support size measurement", d->name);
    } else if (!d->measure(&o, from, size, &m, &err)) {
        img_fail(t, "%s", err->message);
    } else {
        if (from && !img_tells_status(from)) {
            m.required = m.fully_allocated;
        }
        ret = measure_print(&m, json);
    }
    options_deinit(&o);
    return ret;
}

static int measure_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, 0);
    const char *size_text = img_arg(a, MEASURE_SIZE), *format = img_arg(a, 'O');
    g_autofree char *options = img_arg_joined(a, 'o');
    uint64_t size = UINT64_MAX;
    const BlockDriver *d;
    BlockNode *n = NULL;
    bool json;
    int ret;

    if (!img_arg_json(t, a, &json) ||
        (size_text && !img_parse_size(t, "image size", size_text, INT64_MAX, &size))) {
        return 1;
    }
    if (size_text && a->n_words) {
        return img_fail(t, "--size N cannot be used together with a filename.");
    }
    if (!a->n_words && (open.image_opts || open.format || img_has(a, 'l'))) {
        return img_fail(t, "--image-opts, -f, and -l require a filename argument.");
    }
    if (a->n_words > 1 || (!size_text && !a->n_words)) {
        return img_fail(t, "Either --size N or one filename must be specified.");
    }
    d = img_driver(t, format ? format : "raw");
    if (!d) {
        return 1;
    }
    if (!d->create_options) {
        return img_fail(t, "Format driver '%s' does not support image creation", d->name);
    }
    if (a->n_words) {
        n = img_open_snapshot(t, a->words[0], &open, img_arg(a, 'l'));
        if (!n) {
            return 1;
        }
        size = block_node_size(n);
    }
    ret = measure_as(t, d, options, n, size, json);
    if (n) {
        block_node_unref(n);
    }
    return ret;
}

static const ImgOption measure_options[] = {
    IMG_OUTPUT,
    { 'O', NULL, "output_fmt", "format of the image that would be made" },
    { 'o', NULL, "options", "of that format" },
    { MEASURE_SIZE, "size", "N", "of an empty disk of this size" },
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_FORMAT,
    { 'l', NULL, "snapshot_param", "an internal snapshot: its name or id" },
    IMG_SHARE,
    { 0 },
};

const ImgCommand img_measure = {
    .name = "measure",
    .words = "[filename]",
    .doc = "tell how much room a new image would take",
    .options = measure_options,
    .run = measure_run,
};
