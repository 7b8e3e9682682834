/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img snapshot`: internal snapshots. */
#include "cli/img/img-priv.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static void img_print_snapshot(FILE *out, const BlockSnapshot *s)
{
    g_autofree char *size = img_size_text(s->vm_state_size);
    g_autofree char *icount = NULL;
    uint64_t ms = s->vm_clock_ns / 1000000, sec = ms / 1000;
    time_t when = (time_t)s->date_sec;
    char date[32] = "", clock[48];
    struct tm tm;

    if (localtime_r(&when, &tm)) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    }
    g_snprintf(clock, sizeof(clock), "%02" PRIu64 ":%02u:%02u.%03u", sec / 3600,
               (unsigned)(sec / 60 % 60), (unsigned)(sec % 60), (unsigned)(ms % 1000));
    if (s->icount != UINT64_MAX) {
        icount = g_strdup_printf("%" PRIu64, s->icount);
    }
    fprintf(out, "%-9s %-16s %8s%20s%13s%11s\n", s->id, s->name, size, date, clock,
            icount ? icount : "");
}

void img_print_snapshots(FILE *out, const BlockSnapshot *list, unsigned n)
{
    fprintf(out, "%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK",
            "ICOUNT");
    for (unsigned i = 0; i < n; i++) {
        img_print_snapshot(out, &list[i]);
    }
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
