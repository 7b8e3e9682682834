/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img amend`: other options for an image that is there. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"

#include <string.h>

enum { AMEND_FORCE = IMG_OPT_OWN };

static void amend_progress(void *opaque, double done)
{
    img_progress(opaque, done * 100);
}

static bool amend_parse(ImgTool *t, const BlockDriver *d, const char *text, Options *o)
{
    g_autoptr(GError) err = NULL;

    if (!options_parse(o, text, NULL, &err)) {
        img_fail(t, "%s", err->message);
        return false;
    }
    if (!img_check_options(d, NULL, o, true, &err)) {
        g_autoptr(GError) created = NULL;
        bool known = img_check_options(d, NULL, o, false, &created);

        img_fail(t, "%s%s", err->message,
                 known ? "\nThis option is only supported for image creation" : "");
        return false;
    }
    return true;
}

static bool amend_keeps_backing(ImgTool *t, const Options *o)
{
    if (img_options_peek(o, "backing_file") || img_options_peek(o, "backing_fmt")) {
        img_fail(t, "Cannot amend the backing file\nYou can use '%s rebase' instead.", t->prog);
        return false;
    }
    return true;
}

static int amend_node(ImgTool *t, const ImgArgs *a, BlockNode *n, const char *text)
{
    const BlockDriver *d = block_node_driver(n);
    g_autoptr(GError) err = NULL;
    ImgProgress progress;
    BlockCheck report = { .progress = amend_progress, .opaque = &progress };
    Options o = { 0 };
    int ret = 1;

    if (!d->amend) {
        return img_fail(t, "Format driver '%s' does not support option amendment", d->name);
    }
    if (img_is_help(text)) {
        g_autofree char *title = g_strdup_printf("Amend options for '%s':", d->name);

        img_print_options(d, NULL, title, true);
        return 0;
    }
    if (amend_parse(t, d, text, &o) && amend_keeps_backing(t, &o)) {
        img_progress_start(&progress, img_has(a, 'p') && !t->quiet);
        ret = !block_node_amend(n, &o, img_has(a, AMEND_FORCE), &report, &err);
        if (ret) {
            img_fail(t, "%s", err->message);
        } else {
            img_progress(&progress, 100);
        }
        img_progress_end(&progress);
    }
    options_deinit(&o);
    return ret;
}

static int amend_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_WRITE);
    g_autofree char *text = img_arg_joined(a, 'o');
    const BlockDriver *d;
    BlockNode *n;
    int ret;

    open.cache = img_arg(a, 't');
    if (!text) {
        return img_usage(t, "Must specify options (-o)");
    }
    d = open.format ? img_driver(t, open.format) : NULL;
    if (open.format && !d) {
        return 1;
    }
    if (d && img_is_help(text)) {
        g_autofree char *title = g_strdup_printf("Amend options for '%s':", d->name);

        if (!d->amend) {
            return img_fail(t, "Format driver '%s' does not support option amendment", d->name);
        }
        img_print_options(d, NULL, title, true);
        return 0;
    }
    if (a->n_words != 1) {
        return img_fail(t, "Expecting one image file name");
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    ret = amend_node(t, a, n, text);
    block_node_unref(n);
    return ret;
}

static const ImgOption amend_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_PROGRESS,
    IMG_QUIET,
    IMG_FORMAT,
    IMG_CACHE,
    { AMEND_FORCE, "force", NULL, "also what may lose access to the data (keys)" },
    { 'o', NULL, "options", "of the format; help lists them" },
    { 0 },
};

const ImgCommand img_amend = {
    .name = "amend",
    .words = "filename",
    .doc = "change options of an image",
    .options = amend_options,
    .run = amend_run,
};
