/* SPDX-License-Identifier: Apache-2.0 */
/* `info block` and `info blockstats`: disks and nodes for people. */
#include "monitor/block-call.h"
#include "monitor/hmp-args.h"

#include "util/json.h"
#include "util/size.h"

#include <string.h>

/* ---- One image, as `img info` tells of it ---- */

static void info_backing(GString *s, BlockNode *n)
{
    const char *backing = block_node_backing_name(n);
    g_autofree char *full = NULL;

    if (!backing || !*backing) {
        return;
    }
    full = blk_backing_path(n);
    g_string_append_printf(s, "backing file: %s", backing);
    if (strcmp(backing, full)) {
        g_string_append_printf(s, " (actual path: %s)", full);
    }
    g_string_append_c(s, '\n');
    if (block_node_backing_format(n)) {
        g_string_append_printf(s, "backing file format: %s\n", block_node_backing_format(n));
    }
}

static void info_image(GString *s, BlockNode *n)
{
    g_autofree char *size = size_text_short(block_node_size(n)), *disk = NULL;
    int64_t allocated = block_node_allocated(n);
    g_autofree char *name = block_node_image_name(n);
    g_autoptr(GError) none = NULL;
    BlockSnapshot *list;
    GVariant *specific;
    unsigned count;

    disk = allocated >= 0 ? size_text_short((uint64_t)allocated) : g_strdup("unavailable");
    g_string_append_printf(
        s, "image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n%s",
        name, block_node_format(n), size, block_node_size(n), disk,
        block_node_is_encrypted(n) ? "encrypted: yes\n" : "");
    if (block_node_cluster_size(n)) {
        g_string_append_printf(s, "cluster_size: %" PRIu64 "\n", block_node_cluster_size(n));
    }
    if (block_node_is_dirty(n)) {
        g_string_append(s, "cleanly shut down: no\n");
    }
    info_backing(s, n);
    if (block_snapshot_list(n, &list, &count, &none)) {
        if (count) {
            g_string_append(s, "Snapshot list:\n");
            block_snapshot_text(s, list, count);
        }
        block_snapshot_list_free(list, count);
    }
    specific = block_node_specific(n);
    if (specific) {
        specific = g_variant_take_ref(specific);
        if (g_variant_n_children(specific)) {
            g_string_append(s, "Format specific information:\n");
            json_print_text(s, specific, 1);
        }
        g_variant_unref(specific);
    }
}

/* ---- `info block` ---- */

static void info_node(GString *s, BlockNode *n, BlockBackend *drive, bool verbose)
{
    unsigned flags = block_node_flags(n), depth = 0;

    for (BlockNode *b = block_node_backing(n); b; b = block_node_backing(b)) {
        depth++;
    }
    g_string_append_printf(s, "    Cache mode:       %s%s%s\n",
                           drive && flags & BLOCK_OPEN_WRITETHROUGH ? "writethrough" : "writeback",
                           flags & BLOCK_OPEN_DIRECT ? ", direct" : "",
                           flags & BLOCK_OPEN_UNSAFE ? ", ignore flushes" : "");
    if (depth) {
        g_autofree char *name = block_node_image_name(block_node_backing(n));

        g_string_append_printf(s, "    Backing file:     %s (chain depth: %u)\n", name, depth);
    }
    if (strcmp(block_node_detect_zeroes(n), "off")) {
        g_string_append_printf(s, "    Detect zeroes:    %s\n", block_node_detect_zeroes(n));
    }
    if (drive) {
        blk_limits_text(s, drive);
    }
    if (verbose) {
        g_string_append(s, "\nImages:\n");
        for (depth = 0; n && depth < 100; n = block_node_backing(n), depth++) {
            info_image(s, n);
        }
    }
}

static void info_title(GString *s, BlockNode *n)
{
    g_autofree char *name = block_node_image_name(n);

    g_string_append_printf(s, "%s (%s%s%s)\n", name, block_node_format(n),
                           block_node_is_read_only(n) ? ", read-only" : "",
                           block_node_is_encrypted(n) ? ", encrypted" : "");
}

static void info_drive(GString *s, BlockBackend *drive, bool verbose)
{
    BlockNode *n = block_backend_node(drive);
    g_autofree char *qdev = blk_qdev(drive);
    void *opaque;

    if (!block_is_nameless(drive)) {
        g_string_append(s, block_id(drive));
        if (n) {
            g_string_append_printf(s, " (%s)", block_node_name(n));
        }
    } else {
        g_string_append(s, n ? block_node_name(n) : qdev ? qdev : "<anonymous>");
    }
    g_string_append(s, ": ");
    if (n) {
        info_title(s, n);
    } else {
        g_string_append(s, "[not inserted]\n");
    }
    if (qdev) {
        g_string_append_printf(s, "    Attached to:      %s\n", qdev);
    }
    if (!qdev || block_tray(drive, &opaque)) {
        g_string_append_printf(s, "    Removable device: %slocked, tray %s\n",
                               block_tray_is_locked(drive) ? "" : "not ",
                               block_tray_is_open(drive) ? "open" : "closed");
    }
    if (n) {
        info_node(s, n, drive, verbose);
    }
}

typedef struct InfoBlock {
    HmpArgs a;
    GString *text;
} InfoBlock;

static bool info_wanted(const char *device, BlockBackend *drive)
{
    return !device || (!block_is_nameless(drive) && !strcmp(block_id(drive), device));
}

static void info_drives(BlkCall *b, const char *device, bool verbose, unsigned *shown)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);

    for (unsigned i = 0; i < all->len; i++) {
        if (info_wanted(device, all->pdata[i])) {
            g_string_append(b->c->text, i ? "\n" : "");
            ++*shown;
            info_drive(b->c->text, all->pdata[i], verbose);
        }
    }
}

/* Newest first, as people saw them last. */
static void info_nodes(BlkCall *b, bool verbose)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (BlockNode *n = NULL; (n = block_graph_next(b->g, n));) {
        g_ptr_array_add(all, n);
    }
    for (unsigned i = all->len; i--;) {
        g_string_append_printf(b->c->text, "%s%s: ", i + 1 < all->len ? "\n" : "",
                               block_node_name(all->pdata[i]));
        info_title(b->c->text, all->pdata[i]);
        info_node(b->c->text, all->pdata[i], NULL, verbose);
    }
}

static bool blk_info_block(BlkCall *b, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    const char *device;
    unsigned shown = 0;

    if (!hmp_args(b->c, "nodes:-n,verbose:-v,device:B?", &a)) {
        return true;
    }
    device = hmp_str(&a, "device");
    if (!hmp_flag(&a, "nodes")) {
        info_drives(b, device, hmp_flag(&a, "verbose"), &shown);
    } else if (!device) {
        info_nodes(b, hmp_flag(&a, "verbose"));
    }
    if (device && !shown) {
        BlockNode *n = block_graph_find(b->g, device);

        if (n) {
            g_string_append_printf(b->c->text, "\n%s: ", block_node_name(n));
            info_title(b->c->text, n);
            info_node(b->c->text, n, NULL, hmp_flag(&a, "verbose"));
        }
    }
    return true;
}

/* ---- `info blockstats` ---- */

static bool blk_info_stats(BlkCall *b, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);
    g_auto(HmpArgs) a = { 0 };

    if (!hmp_args(b->c, "", &a)) {
        return true;
    }
    for (unsigned i = 0; i < all->len; i++) {
        const BlockStats *s = block_stats(all->pdata[i]);
        const typeof(s->of[0]) *rd = &s->of[BLOCK_STAT_READ], *wr = &s->of[BLOCK_STAT_WRITE];
        uint64_t idle = s->last_ns ? (uint64_t)g_get_monotonic_time() * 1000 - s->last_ns : 0;

        g_string_append_printf(
            b->c->text,
            "%s: rd_bytes=%" PRIu64 " wr_bytes=%" PRIu64 " rd_operations=%" PRIu64
            " wr_operations=%" PRIu64 " flush_operations=%" PRIu64 " wr_total_time_ns=%" PRIu64
            " rd_total_time_ns=%" PRIu64 " flush_total_time_ns=%" PRIu64
            " rd_merged=0 wr_merged=0 idle_time_ns=%" PRIu64 "\n",
            block_is_nameless(all->pdata[i]) ? "" : block_id(all->pdata[i]), rd->bytes, wr->bytes,
            rd->requests, wr->requests, s->of[BLOCK_STAT_FLUSH].requests, wr->time_ns, rd->time_ns,
            s->of[BLOCK_STAT_FLUSH].time_ns, idle);
    }
    return true;
}

BLK_COMMAND(hmp_info_block, blk_info_block)
BLK_COMMAND(hmp_info_stats, blk_info_stats)
