/* SPDX-License-Identifier: Apache-2.0 */
/* What disks and nodes are, and what they have done. */
#include "monitor/block-call.h"

#include "core/device.h"
#include "util/json.h"

#include <string.h>

/* ---- Drives ---- */

GPtrArray *blk_drives(MonCall *c)
{
    const char **ids = machine_backend_ids(c->m, "drive");
    GPtrArray *all = g_ptr_array_new();
    void *opaque;

    for (const char **id = ids; id && *id; id++) {
        BlockBackend *drive = machine_find_backend(c->m, "drive", *id);

        if (!block_is_nameless(drive) ||
            (block_owner(drive) && (block_backend_node(drive) || block_tray(drive, &opaque)))) {
            g_ptr_array_add(all, drive);
        }
    }
    g_free(ids);
    return all;
}

#define QDEV_PERIPHERAL "/machine/peripheral/"
#define QDEV_BACKEND    "/virtio-backend"

/* By its name, or by the id of its device with or without what stands around that in names. */
static bool blk_is_qdev(const char *qdev, const char *id)
{
    g_autofree char *a = NULL, *b = NULL;

    qdev += g_str_has_prefix(qdev, QDEV_PERIPHERAL) ? strlen(QDEV_PERIPHERAL) : 0;
    id += g_str_has_prefix(id, QDEV_PERIPHERAL) ? strlen(QDEV_PERIPHERAL) : 0;
    a = g_strndup(qdev,
                  strlen(qdev) - (g_str_has_suffix(qdev, QDEV_BACKEND) ? strlen(QDEV_BACKEND) : 0));
    b = g_strndup(id, strlen(id) - (g_str_has_suffix(id, QDEV_BACKEND) ? strlen(QDEV_BACKEND) : 0));
    return !strcmp(a, b);
}

char *blk_qdev(BlockBackend *drive)
{
    const Device *dev = block_owner(drive);
    size_t len = dev ? strlen(dev->type->name) : 0;

    if (!dev) {
        return NULL;
    }
    /* What is within a function on PCI has no id of its own: managers know it by this name. */
    if (!strcmp(dev->id, "inner") && dev->parent && dev->parent->named) {
        return g_strdup_printf(QDEV_PERIPHERAL "%s" QDEV_BACKEND, dev->parent->id);
    }
    /* An id that it was not given by anybody is its type's name and a number. */
    if (strncmp(dev->id, dev->type->name, len) ||
        strspn(dev->id + len, "0123456789") != strlen(dev->id + len)) {
        return g_strdup(dev->id);
    }
    return g_strconcat("/machine", *device_path((Device *)dev) == '/' ? "" : "/",
                       device_path((Device *)dev), NULL);
}

BlockBackend *blk_drive_or_device(BlkCall *b, const char *device, const char *id, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);

    if (!device == !id) {
        error_set(err, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockBackend *drive = all->pdata[i];
        g_autofree char *qdev = blk_qdev(drive);

        if ((device && !block_is_nameless(drive) && !strcmp(block_id(drive), device)) ||
            (id && qdev && blk_is_qdev(qdev, id))) {
            return drive;
        }
    }
    b->c->error_class = "DeviceNotFound";
    error_set(err, "Device '%s' not found", device ? device : id);
    return NULL;
}

/* ---- Images ---- */

/* A dictionary as JSON on one line. */
static void query_variant(JsonOut *j, const char *key, GVariant *v)
{
    g_autoptr(GString) text = g_string_new(""), line = g_string_new("");
    bool quoted = false;

    json_print(text, v);
    for (const char *p = text->str; *p; p++) {
        if (*p == '\\' && quoted) {
            g_string_append_c(line, *p++);
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (*p == '\n') {
            p += strspn(p, "\n ");
            p--;
            continue;
        }
        g_string_append_c(line, *p);
    }
    json_out_raw(j, key, line->str);
}

static void query_snapshots(JsonOut *j, BlockNode *n)
{
    g_autoptr(GError) none = NULL;
    BlockSnapshot *list;
    unsigned count;

    if (!block_snapshot_list(n, &list, &count, &none) || !count) {
        return;
    }
    json_out_begin(j, "snapshots", '[');
    for (unsigned i = 0; i < count; i++) {
        json_out_begin(j, NULL, '{');
        json_out_uint(j, "vm-clock-nsec", list[i].vm_clock_ns % 1000000000);
        json_out_str(j, "name", list[i].name);
        json_out_uint(j, "date-sec", list[i].date_sec);
        json_out_uint(j, "date-nsec", list[i].date_nsec);
        json_out_uint(j, "vm-clock-sec", list[i].vm_clock_ns / 1000000000);
        json_out_str(j, "id", list[i].id);
        json_out_uint(j, "vm-state-size", list[i].vm_state_size);
        if (list[i].icount != UINT64_MAX) {
            json_out_uint(j, "icount", list[i].icount);
        }
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    block_snapshot_list_free(list, count);
}

static void query_specific(JsonOut *j, BlockNode *n)
{
    GVariant *v = block_node_specific(n);

    if (v) {
        v = g_variant_take_ref(v);
        json_out_begin(j, "format-specific", '{');
        json_out_str(j, "type", block_node_format(n));
        query_variant(j, "data", v);
        json_out_end(j, '}');
        g_variant_unref(v);
    }
}

char *blk_backing_path(BlockNode *n)
{
    const char *backing = block_node_backing_name(n);
    g_autofree char *folder = g_path_get_dirname(block_node_filename(n));

    return *backing == '/' || strchr(backing, ':') || !strcmp(folder, ".")
               ? g_strdup(backing)
               : g_build_filename(folder, backing, NULL);
}

static void query_name(JsonOut *j, const char *key, const BlockNode *n)
{
    g_autofree char *name = block_node_image_name(n);

    json_out_str(j, key, name);
}

static void query_image(JsonOut *j, const char *key, BlockNode *n, unsigned depth)
{
    int64_t actual = block_node_allocated(n);
    const char *backing = block_node_backing_name(n);

    json_out_begin(j, key, '{');
    if (block_node_backing(n) && depth < 30) {
        query_image(j, "backing-image", block_node_backing(n), depth + 1);
    }
    if (block_node_backing_format(n)) {
        json_out_str(j, "backing-filename-format", block_node_backing_format(n));
    }
    query_snapshots(j, n);
    json_out_uint(j, "virtual-size", block_node_size(n));
    query_name(j, "filename", n);
    if (block_node_cluster_size(n)) {
        json_out_uint(j, "cluster-size", block_node_cluster_size(n));
    }
    json_out_str(j, "format", block_node_format(n));
    if (actual >= 0) {
        json_out_int(j, "actual-size", actual);
    }
    if (block_node_is_encrypted(n)) {
        json_out_bool(j, "encrypted", true);
    }
    query_specific(j, n);
    if (backing && *backing) {
        g_autofree char *full = blk_backing_path(n);

        json_out_str(j, "full-backing-filename", full);
        json_out_str(j, "backing-filename", backing);
    }
    json_out_bool(j, "dirty-flag", block_node_is_dirty(n));
    json_out_end(j, '}');
}

static void query_bitmaps(JsonOut *j, BlockNode *n)
{
    BlockBitmap *bm = block_bitmap_next(n, NULL);

    if (!bm) {
        return;
    }
    json_out_begin(j, "dirty-bitmaps", '[');
    for (; bm; bm = block_bitmap_next(n, bm)) {
        unsigned flags = block_bitmap_flags(bm);

        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", block_bitmap_name(bm));
        json_out_bool(j, "recording", flags & BLOCK_BITMAP_ENABLED);
        json_out_bool(j, "persistent", flags & BLOCK_BITMAP_PERSISTENT);
        if (flags & BLOCK_BITMAP_INCONSISTENT) {
            json_out_bool(j, "inconsistent", true);
        }
        json_out_bool(j, "busy", flags & BLOCK_BITMAP_BUSY);
        json_out_uint(j, "granularity", dirty_bits_granularity(block_bitmap_bits(bm)));
        json_out_uint(j, "count", dirty_bits_count(block_bitmap_bits(bm)));
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
}

void blk_node_json(JsonOut *j, const char *key, BlockNode *n, BlockBackend *drive)
{
    unsigned flags = block_node_flags(n), depth = 0;

    for (BlockNode *b = block_node_backing(n); b; b = block_node_backing(b)) {
        depth++;
    }
    json_out_begin(j, key, '{');
    blk_limits_json(j, drive);
    json_out_str(j, "detect_zeroes", block_node_detect_zeroes(n));
    query_image(j, "image", n, 0);
    json_out_bool(j, "ro", block_node_is_read_only(n));
    json_out_str(j, "node-name", block_node_name(n));
    json_out_uint(j, "backing_file_depth", depth);
    json_out_str(j, "drv", block_node_format(n));
    json_out_uint(j, "write_threshold", block_node_threshold(n));
    if (block_node_backing(n)) {
        query_name(j, "backing_file", block_node_backing(n));
    }
    query_bitmaps(j, n);
    json_out_bool(j, "encrypted", block_node_is_encrypted(n));
    json_out_begin(j, "cache", '{');
    json_out_bool(j, "no-flush", flags & BLOCK_OPEN_UNSAFE);
    json_out_bool(j, "direct", flags & BLOCK_OPEN_DIRECT);
    /* Of the device: nodes alone have writeback always. */
    json_out_bool(j, "writeback", !drive || !(flags & BLOCK_OPEN_WRITETHROUGH));
    json_out_end(j, '}');
    query_name(j, "file", n);
    json_out_end(j, '}');
}

static bool blk_query_nodes(BlkCall *b, GError **err)
{
    json_out_begin(b->c->out, NULL, '[');
    for (BlockNode *n = NULL; (n = block_graph_next(b->g, n));) {
        blk_node_json(b->c->out, NULL, n, NULL);
    }
    json_out_end(b->c->out, ']');
    return true;
}

static bool blk_query_block(BlkCall *b, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);
    JsonOut *j = b->c->out;

    json_out_begin(j, NULL, '[');
    for (unsigned i = 0; i < all->len; i++) {
        BlockBackend *drive = all->pdata[i];
        g_autofree char *qdev = blk_qdev(drive);
        void *opaque;

        json_out_begin(j, NULL, '{');
        if (block_owner(drive) && block_io_status(drive)) {
            json_out_str(j, "io-status", block_io_status(drive));
        }
        json_out_str(j, "device", block_is_nameless(drive) ? "" : block_id(drive));
        json_out_bool(j, "locked", block_tray_is_locked(drive));
        json_out_bool(j, "removable", !block_owner(drive) || block_tray(drive, &opaque));
        if (block_tray(drive, &opaque)) {
            json_out_bool(j, "tray_open", block_tray_is_open(drive));
        }
        if (block_backend_node(drive)) {
            blk_node_json(j, "inserted", block_backend_node(drive), drive);
        }
        if (qdev) {
            json_out_str(j, "qdev", qdev);
        }
        json_out_str(j, "type", "unknown");
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    return true;
}

/* ---- Statistics ---- */

static void query_histogram(JsonOut *j, const char *key, const BlockHistogram *h)
{
    if (!h->bins) {
        return;
    }
    json_out_begin(j, key, '{');
    json_out_begin(j, "bins", '[');
    for (unsigned i = 0; i <= h->n; i++) {
        json_out_uint(j, NULL, h->bins[i]);
    }
    json_out_end(j, ']');
    json_out_begin(j, "boundaries", '[');
    for (unsigned i = 0; i < h->n; i++) {
        json_out_uint(j, NULL, h->bounds[i]);
    }
    json_out_end(j, ']');
    json_out_end(j, '}');
}

/* @drive NULL: of a node, which counts nothing but where it was written. */
static void query_stats(JsonOut *j, BlockNode *n, BlockBackend *drive)
{
    static const char *const kinds[BLOCK_STATS] = { "rd", "wr", "flush", "unmap" };
    static const BlockStats none;
    const BlockStats *s = drive ? block_stats(drive) : &none;

    json_out_begin(j, "stats", '{');
    for (unsigned i = 0; i < BLOCK_STATS; i++) {
        g_autofree char *bytes = g_strdup_printf("%s_bytes", kinds[i]);
        g_autofree char *ops = g_strdup_printf("%s_operations", kinds[i]);
        g_autofree char *time = g_strdup_printf("%s_total_time_ns", kinds[i]);
        g_autofree char *merged = g_strdup_printf("%s_merged", kinds[i]);
        g_autofree char *failed = g_strdup_printf("failed_%s_operations", kinds[i]);
        g_autofree char *invalid = g_strdup_printf("invalid_%s_operations", kinds[i]);
        g_autofree char *histogram = g_strdup_printf("%s_latency_histogram", kinds[i]);

        if (i != BLOCK_STAT_FLUSH) {
            json_out_uint(j, bytes, s->of[i].bytes);
            json_out_uint(j, merged, 0);
        }
        json_out_uint(j, ops, s->of[i].requests);
        json_out_uint(j, time, s->of[i].time_ns);
        json_out_uint(j, failed, s->of[i].failed);
        json_out_uint(j, invalid, s->of[i].invalid);
        query_histogram(j, histogram, &s->of[i].histogram);
    }
    json_out_uint(j, "wr_highest_offset", n ? block_node_highest(n) : 0);
    if (s->last_ns) {
        json_out_uint(j, "idle_time_ns", (uint64_t)g_get_monotonic_time() * 1000 - s->last_ns);
    }
    json_out_bool(j, "account_invalid", drive);
    json_out_bool(j, "account_failed", drive);
    json_out_begin(j, "timed_stats", '[');
    json_out_end(j, ']');
    json_out_end(j, '}');
}

static void query_driver_stats(JsonOut *j, BlockNode *n)
{
    g_autoptr(GVariant) v = block_node_stats(n);
    GVariantIter at;
    const char *key;
    GVariant *value;

    if (!v) {
        return;
    }
    v = g_variant_ref_sink(v);
    json_out_begin(j, "driver-specific", '{');
    json_out_str(j, "driver", block_node_format(n));
    g_variant_iter_init(&at, v);
    while (g_variant_iter_loop(&at, "{&sv}", &key, &value)) {
        json_out_uint(j, key, g_variant_get_uint64(value));
    }
    json_out_end(j, '}');
}

static void query_stats_of(JsonOut *j, const char *key, BlockNode *n, BlockBackend *drive,
                           bool alone, unsigned depth)
{
    g_autofree char *qdev = drive ? blk_qdev(drive) : NULL;
    BlockNode *file = n ? block_node_child(n, "file") : NULL;

    json_out_begin(j, key, '{');
    if (drive) {
        json_out_str(j, "device", block_is_nameless(drive) ? "" : block_id(drive));
    }
    if (file && depth < 20) {
        query_stats_of(j, "parent", file, NULL, alone, depth + 1);
    }
    query_stats(j, n, drive);
    if (n && block_node_backing(n) && !alone && depth < 20) {
        query_stats_of(j, "backing", block_node_backing(n), NULL, alone, depth + 1);
    }
    if (n) {
        json_out_str(j, "node-name", block_node_name(n));
        query_driver_stats(j, n);
    }
    if (qdev) {
        json_out_str(j, "qdev", qdev);
    }
    json_out_end(j, '}');
}

static bool blk_query_stats(BlkCall *b, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);
    JsonOut *j = b->c->out;

    json_out_begin(j, NULL, '[');
    if (blk_flag(b, "query-nodes", false)) {
        for (BlockNode *n = NULL; (n = block_graph_next(b->g, n));) {
            query_stats_of(j, NULL, n, NULL, true, 0);
        }
    } else {
        for (unsigned i = 0; i < all->len; i++) {
            query_stats_of(j, NULL, block_backend_node(all->pdata[i]), all->pdata[i], false, 0);
        }
    }
    json_out_end(j, ']');
    return true;
}

/* ---- Settings of what is counted and told ---- */

enum { HISTOGRAM_MAX = 1024 };

static bool histogram_set(BlkCall *b, BlockBackend *drive, unsigned kind, const char *name,
                          const char *kind_name, GError **err)
{
    g_autofree uint64_t *bounds = g_new0(uint64_t, HISTOGRAM_MAX);
    unsigned n = 0;

    for (; n < HISTOGRAM_MAX; n++) {
        g_autofree char *key = g_strdup_printf("%s.%u", name, n);

        if (!blk_str(b, key)) {
            break;
        }
        bounds[n] = blk_num(b, key, 0);
    }
    return block_set_histogram(drive, kind, bounds, n) ||
           error_set(err, "Device '%s' set %s boundaries fail", blk_str(b, "id"), kind_name);
}

static bool blk_set_histogram(BlkCall *b, GError **err)
{
    static const char *const names[] = { "boundaries-read", "boundaries-write",
                                         "boundaries-flush" };
    static const char *const kinds[] = { "read", "write", "flush" };
    BlockBackend *drive = blk_drive_or_device(b, NULL, blk_str(b, "id"), err);
    bool any = false, ok = drive;

    for (unsigned i = 0; i < 3 && ok; i++) {
        bool own = b->c->args[2 + i].present;

        any |= own || b->c->args[1].present;
        if (own || b->c->args[1].present) {
            ok = histogram_set(b, drive, i, own ? names[i] : "boundaries", kinds[i], err);
        }
    }
    for (unsigned i = 0; i < 3 && ok && !any; i++) {
        ok = block_set_histogram(drive, i, NULL, 0);
    }
    return ok;
}

static bool blk_set_threshold(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name");
    BlockNode *n = block_graph_find(b->g, name);

    if (!n) {
        return error_set(err, "Device '%s' not found", name);
    }
    block_node_set_threshold(n, blk_num(b, "write-threshold", 0));
    return true;
}

/* ---- change-backing-file ---- */

static bool change_in_chain(BlockNode *top, BlockNode *n)
{
    while (top && top != n) {
        top = block_node_backing(top) ? block_node_backing(top) : block_node_child(top, "file");
    }
    return top;
}

static bool blk_change_backing(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "image-node-name"), *file = blk_str(b, "backing-file");
    BlockNode *top = blk_node(b, "device", err), *n = top ? block_graph_find(b->g, name) : NULL;
    bool was_read_only, ok;

    if (!top) {
        return false;
    }
    if (!n) {
        return error_set(err, "Cannot find device='' nor node-name='%s'", name);
    }
    if (!block_node_backing(n)) {
        return error_set(err,
                         "not allowing backing file change on an image without a backing file");
    }
    if (!change_in_chain(top, n)) {
        return error_set(err, "'%s' and image file are not in the same chain",
                         blk_str(b, "device"));
    }
    was_read_only = block_node_is_read_only(n);
    ok = !was_read_only || block_node_reopen(n, NULL, block_node_flags(n) | BLOCK_OPEN_WRITE, err);
    ok = ok && block_node_set_backing_name(n, file, block_node_format(block_node_backing(n)), err);
    if (was_read_only && !block_node_is_read_only(n)) {
        g_autoptr(GError) failed = NULL;
        unsigned flags = block_node_flags(n) & ~(unsigned)BLOCK_OPEN_WRITE;

        if (!block_node_reopen(n, NULL, flags, ok ? err : &failed)) {
            return false;
        }
    }
    return ok;
}

BLK_COMMAND(cmd_query_nodes, blk_query_nodes)
BLK_COMMAND(cmd_query_block, blk_query_block)
BLK_COMMAND(cmd_query_blockstats, blk_query_stats)
BLK_COMMAND(cmd_set_histogram, blk_set_histogram)
BLK_COMMAND(cmd_set_threshold, blk_set_threshold)
BLK_COMMAND(cmd_change_backing, blk_change_backing)
