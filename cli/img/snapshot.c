/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img snapshot`: internal snapshots. */
#include "cli/img/img-priv.h"

#include <string.h>

void img_print_snapshots(FILE *out, const BlockSnapshot *list, unsigned n)
{
    g_autoptr(GString) text = g_string_new("");

    block_snapshot_text(text, list, n);
    fputs(text->str, out);
}

static int snapshot_list(BlockNode *n)
{
    g_autoptr(GError) ignored = NULL;
    BlockSnapshot *list = NULL;
    unsigned count = 0;

    /* A format without snapshots has none to list. */
    if (block_snapshot_list(n, &list, &count, &ignored) && count) {
        puts("Snapshot list:");
        img_print_snapshots(stdout, list, count);
    }
    block_snapshot_list_free(list, count);
    return 0;
}

static bool snapshot_create(BlockNode *n, const char *name, GError **err)
{
    BlockSnapshot s = { .name = (char *)name, .disk_size = block_node_size(n) };
    int64_t us = g_get_real_time();

    s.date_sec = (uint32_t)(us / G_USEC_PER_SEC);
    s.date_nsec = (uint32_t)(us % G_USEC_PER_SEC * 1000);
    return block_snapshot_create(n, &s, err);
}

static int snapshot_do(ImgTool *t, BlockNode *n, int action, const char *name)
{
    g_autoptr(GError) err = NULL;

    switch (action) {
    case 'c':
        return snapshot_create(n, name, &err)
                   ? 0
                   : img_fail(t, "Could not create snapshot '%s': %s", name, err->message);
    case 'a':
        return block_snapshot_apply(n, name, &err)
                   ? 0
                   : img_fail(t, "Could not apply snapshot '%s': %s", name, err->message);
    case 'd':
        return block_snapshot_delete(n, name, &err)
                   ? 0
                   : img_fail(t, "Could not delete snapshot '%s': %s", name, err->message);
    default:
        return snapshot_list(n);
    }
}

static int snapshot_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, 0);
    const char *name = NULL;
    int action = 0, ret;
    BlockNode *n;

    for (unsigned i = 0; i < a->n; i++) {
        if (strchr("lacd", a->list[i].key) && a->list[i].key < 256) {
            if (action) {
                return img_usage(t, "Cannot mix '-l', '-a', '-c', '-d'");
            }
            action = a->list[i].key;
            name = a->list[i].value;
        }
    }
    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    if (action && action != 'l') {
        open.flags |= BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD;
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    ret = snapshot_do(t, n, action, name);
    block_node_unref(n);
    return ret;
}

static const ImgOption snapshot_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_SHARE,
    IMG_QUIET,
    IMG_FORMAT,
    { 'l', NULL, NULL, "list them" },
    { 'a', NULL, "snapshot", "the disk as it was then" },
    { 'c', NULL, "snapshot", "make one" },
    { 'd', NULL, "snapshot", "delete one" },
    { 0 },
};

const ImgCommand img_snapshot = {
    .name = "snapshot",
    .words = "filename",
    .doc = "internal snapshots: list, make, go back to, delete",
    .options = snapshot_options,
    .run = snapshot_run,
};
