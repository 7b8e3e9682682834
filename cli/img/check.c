/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img check`. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/json.h"

#include <inttypes.h>
#include <string.h>

/* What the process ends with, as scripts know it. */
enum { CHECK_FAILED = 1, CHECK_CORRUPT = 2, CHECK_LEAKS = 3, CHECK_UNSUPPORTED = 63 };

static void check_say(void *opaque, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void check_json_number(GVariantBuilder *b, const char *key, uint64_t value)
{
    if (value) {
        json_add(b, key, g_variant_new_uint64(value));
    }
}

static void check_print_json(BlockNode *n, const char *filename, const BlockCheck *c)
{
    g_autoptr(GVariant) all = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    json_add(&b, "filename", json_string(filename));
    json_add(&b, "format", g_variant_new_string(block_node_format(n)));
    json_add(&b, "check-errors", g_variant_new_uint64(c->errors));
    check_json_number(&b, "image-end-offset", c->image_end);
    check_json_number(&b, "corruptions", c->corruptions);
    check_json_number(&b, "leaks", c->leaks);
    check_json_number(&b, "corruptions-fixed", c->corruptions_fixed);
    check_json_number(&b, "leaks-fixed", c->leaks_fixed);
    check_json_number(&b, "total-clusters", c->clusters);
    check_json_number(&b, "allocated-clusters", c->allocated);
    check_json_number(&b, "fragmented-clusters", c->fragmented);
    check_json_number(&b, "compressed-clusters", c->compressed);
    all = g_variant_ref_sink(g_variant_builder_end(&b));
    json_print(text, all);
    puts(text->str);
}

static void check_print_text(const BlockCheck *c)
{
    if (!c->corruptions && !c->leaks && !c->errors) {
        puts("No errors were found on the image.");
    }
    if (c->corruptions) {
        printf("\n%" PRIu64 " errors were found on the image.\n"
               "Data may be corrupted, or further writes to the image may corrupt it.\n",
               c->corruptions);
    }
    if (c->leaks) {
        printf("\n%" PRIu64 " leaked clusters were found on the image.\n"
               "This means waste of disk space, but no harm to data.\n",
               c->leaks);
    }
    if (c->errors) {
        printf("\n%" PRIu64 " internal errors have occurred during the check.\n", c->errors);
    }
    if (c->clusters && c->allocated) {
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% "
               "compressed clusters\n",
               c->allocated, c->clusters, (double)c->allocated * 100 / (double)c->clusters,
               (double)c->fragmented * 100 / (double)c->allocated,
               (double)c->compressed * 100 / (double)c->allocated);
    }
    if (c->image_end) {
        printf("Image end offset: %" PRIu64 "\n", c->image_end);
    }
}

/* What was repaired is told, and the image looked at again as it is now. */
static bool check_again(BlockNode *n, BlockCheck *c, bool tell, GError **err)
{
    BlockCheck second = { .say = check_say };

    if (tell) {
        printf("The following inconsistencies were found and repaired:\n\n"
               "    %" PRIu64 " leaked clusters\n    %" PRIu64 " corruptions\n\n"
               "Double checking the fixed image now...\n",
               c->leaks_fixed, c->corruptions_fixed);
        fflush(stdout);
    }
    if (!block_node_check(n, &second, 0, err)) {
        return false;
    }
    second.leaks_fixed = c->leaks_fixed;
    second.corruptions_fixed = c->corruptions_fixed;
    *c = second;
    return true;
}

static int check_image(ImgTool *t, BlockNode *n, const char *filename, unsigned fix, bool json)
{
    g_autoptr(GError) err = NULL;
    BlockCheck c = { .say = check_say };

    if (!block_node_driver(n)->check) {
        img_fail(t, "This image format does not support checks");
        return CHECK_UNSUPPORTED;
    }
    if (!block_node_check(n, &c, fix, &err)) {
        return img_fail(t, "Check failed: %s", err->message);
    }
    if ((c.corruptions_fixed || c.leaks_fixed) && !check_again(n, &c, !json && !t->quiet, &err)) {
        return img_fail(t, "Check failed: %s", err->message);
    }
    if (json) {
        check_print_json(n, filename, &c);
    } else if (!t->quiet) {
        check_print_text(&c);
    }
    return c.errors ? CHECK_FAILED : c.corruptions ? CHECK_CORRUPT : c.leaks ? CHECK_LEAKS : 0;
}

static int check_run(ImgTool *t, const ImgArgs *a)
{
    const char *repair = img_arg(a, 'r');
    ImgOpen open = img_open_args(a, BLOCK_OPEN_CHECK | BLOCK_OPEN_NO_BACKING);
    unsigned fix = 0;
    bool json;
    BlockNode *n;
    int ret;

    open.cache = img_arg(a, 'T');
    if (repair && !strcmp(repair, "leaks")) {
        fix = BLOCK_FIX_LEAKS;
    } else if (repair && !strcmp(repair, "all")) {
        fix = BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS;
    } else if (repair) {
        return img_usage(t, "Unknown option value for -r (expecting 'leaks' or 'all'): %s", repair);
    }
    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    if (!img_arg_json(t, a, &json)) {
        return 1;
    }
    if (fix) {
        open.flags |= BLOCK_OPEN_WRITE;
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    ret = check_image(t, n, a->words[0], fix, json);
    block_node_unref(n);
    return ret;
}

static const ImgOption check_options[] = {
    IMG_OBJECT,       IMG_IMAGE_OPTS, IMG_QUIET,
    IMG_FORMAT,       IMG_OUTPUT,     { 'r', "repair", "leaks | all", "repair what is found" },
    IMG_SOURCE_CACHE, IMG_SHARE,      { 0 },
};

const ImgCommand img_check = {
    .name = "check",
    .words = "filename",
    .doc = "look for errors in an image's tables. Ends with 0: none; 1: the check failed; 2: "
           "errors; 3: leaked clusters alone; 63: the format has no check",
    .options = check_options,
    .run = check_run,
};
