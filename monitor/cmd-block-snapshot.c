/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of disks: overlays above a node, and those inside an image. */
#include "monitor/block-txn.h"

#include "core/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- Overlays ---- */

static bool overlay_busy(BlockNode *n, GError **err)
{
    BlockNode *above = block_node_parent(n, "backing");

    return above && !error_set(err, "Node '%s' is busy: node is used as backing hd of '%s'",
                               block_node_name(n), block_node_name(above));
}

/* i->overlay is open, and nobody's: it takes the place of i->node, which comes below it. */
static bool overlay_put(BlkItem *i, GError **err)
{
    int ret;

    blk_item_drain(i, i->overlay);
    ret = block_node_flush(i->node);
    if (ret) {
        return error_set(err, "An IO error has occurred: %s", g_strerror(-ret));
    }
    if (!block_node_set_backing(i->overlay, i->node, err)) {
        return false;
    }
    if (!block_node_replace(i->node, i->overlay, err)) {
        g_autoptr(GError) lost = NULL;
        bool gone = block_node_set_backing(i->overlay, NULL, &lost);

        (void)gone; /* nothing was below it before */
        return false;
    }
    return true;
}

static void overlay_take_back(BlkItem *i)
{
    g_autoptr(GError) lost = NULL;
    bool ok = block_node_replace(i->overlay, i->node, &lost) &&
              block_node_set_backing(i->overlay, NULL, &lost);

    CHECK(ok); /* both have the same size, and nothing else has happened to them */
}

/* What is below an overlay is not written any more, unless somebody else does. */
static void overlay_rest(BlkItem *i)
{
    g_autoptr(GError) ignored = NULL;
    bool ok = true;

    if (!block_job_next(block_jobs(i->call.g), NULL) &&
        block_node_is_only_below(i->node, i->overlay) && !block_node_is_read_only(i->node)) {
        ok = block_node_reopen(i->node, NULL,
                               block_node_flags(i->node) & ~(unsigned)BLOCK_OPEN_WRITE, &ignored);
    }
    (void)ok; /* it stays writable, which harms nothing */
}

/* ---- blockdev-snapshot ---- */

static bool snapshot_prepare(BlkItem *i, GError **err)
{
    BlkCall *b = &i->call;

    i->node = blk_node(b, "node", err);
    if (!i->node || overlay_busy(i->node, err)) {
        return false;
    }
    i->overlay = blk_node(b, "overlay", err);
    if (!i->overlay) {
        return false;
    }
    if (!block_node_is_alone(i->overlay)) {
        return error_set(err, "The overlay is already in use");
    }
    if (!block_node_driver(i->overlay)->backing) {
        return error_set(err, "The overlay does not support backing images");
    }
    if (block_node_backing(i->overlay)) {
        return error_set(err, "The overlay already has a backing image");
    }
    return overlay_put(i, err);
}

/* ---- blockdev-snapshot-sync ---- */

/* The name of what comes below, as the overlay's header is to say it. */
static char *sync_backing_name(BlockNode *n, const char *file)
{
    const char *name = block_node_filename(n);

    if (*name == '/' || strchr(name, ':') || !strchr(file, '/')) {
        return g_strdup(name);
    }
    return g_canonicalize_filename(name, NULL); /* the header's names start at its own folder */
}

static bool sync_create(BlkItem *i, const BlockDriver *format, const char *file, GError **err)
{
    g_autofree char *backing = sync_backing_name(i->node, file);
    bool ok;

    i->made = access(file, F_OK) ? g_strdup(file) : NULL;
    ok = blk_image_create(i->call.g, format, file, block_node_size(i->node), backing,
                          block_node_format(i->node), err);
    if (!ok && i->made) {
        unlink(i->made);
    }
    return ok;
}

static bool sync_prepare(BlkItem *i, GError **err)
{
    unsigned kept = BLOCK_OPEN_WRITE | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_DIRECT |
                    BLOCK_OPEN_WRITETHROUGH | BLOCK_OPEN_DISCARD | BLOCK_OPEN_LOCK_OFF;
    BlkCall *b = &i->call;
    const char *file = blk_str(b, "snapshot-file"), *name = blk_str(b, "snapshot-node-name");
    const char *format = blk_str(b, "format");
    const BlockDriver *drv;
    bool create;
    Options o = { 0 };

    if (!blk_new_image_mode(b, &create, err) || !(i->node = blk_device_or_node(b, err)) ||
        overlay_busy(i->node, err)) {
        return false;
    }
    if (blk_str(b, "node-name") && !name) {
        return error_set(err, "New overlay node-name missing");
    }
    if (name && block_graph_find(b->g, name)) {
        return error_set(err, "New overlay node-name already in use");
    }
    if (!(drv = blk_format(format ? format : "qcow2", err))) {
        return false;
    }
    if (!drv->backing) {
        return error_set(err, "Backing file not supported for file format '%s'", drv->name);
    }
    if (create && !sync_create(i, drv, file, err)) {
        return false;
    }
    options_add(&o, "driver", drv->name);
    options_add(&o, "filename", file);
    if (name) {
        options_add(&o, "node-name", name);
    }
    i->overlay = blk_open_image(b->g, &o, file,
                                (block_node_flags(i->node) & kept) | BLOCK_OPEN_NO_BACKING, err);
    options_deinit(&o);
    if (i->overlay && overlay_put(i, err)) {
        return true;
    }
    block_node_unref(i->overlay);
    if (i->made) {
        unlink(i->made);
    }
    return false;
}

static void sync_commit(BlkItem *i)
{
    overlay_rest(i);
    block_node_unref(i->overlay); /* its device has it */
}

static void sync_abort(BlkItem *i)
{
    overlay_take_back(i);
    block_node_unref(i->overlay);
    if (i->made) {
        unlink(i->made);
    }
}

/* ---- Internal ---- */

/* A root: a device's node, or one that no other node has below itself. */
static BlockNode *internal_node(BlkCall *b, GError **err)
{
    BlockNode *n = blk_node(b, "device", err);

    if (n && block_node_parent(n, NULL)) {
        error_set(err, "Need a root block node");
        return NULL;
    }
    return n;
}

static bool internal_find(BlockNode *n, const char *id, const char *name, BlockSnapshot *out,
                          GError **err)
{
    BlockSnapshot *list;
    unsigned count;

    *out = (BlockSnapshot){ 0 };
    if (!block_snapshot_list(n, &list, &count, err)) {
        return false;
    }
    for (unsigned k = 0; k < count && !out->id; k++) {
        if ((!id || !strcmp(list[k].id, id)) && (!name || !strcmp(list[k].name, name))) {
            *out = list[k];
            list[k].id = list[k].name = NULL;
        }
    }
    block_snapshot_list_free(list, count);
    return true;
}

static void internal_free(BlockSnapshot *s)
{
    g_free(s->id);
    g_free(s->name);
}

static bool internal_can(BlkCall *b, BlockNode *n, GError **err)
{
    const char *device = blk_str(b, "device");

    if (!block_node_driver(n)->snapshot_create) {
        return error_set(err,
                         "Block format '%s' used by device '%s' does not support internal "
                         "snapshots",
                         block_node_format(n), device);
    }
    return !block_node_is_read_only(n) || error_set(err, "Device '%s' is read only", device);
}

static bool internal_prepare(BlkItem *i, GError **err)
{
    BlkCall *b = &i->call;
    const char *device = blk_str(b, "device"), *name = blk_str(b, "name");
    int64_t us = g_get_real_time();
    BlockSnapshot s, old;
    bool there;

    i->node = internal_node(b, err);
    if (!i->node || !internal_can(b, i->node, err)) {
        return false;
    }
    if (!*name) {
        return error_set(err, "Name is empty");
    }
    if (!internal_find(i->node, NULL, name, &old, err)) {
        return false;
    }
    there = old.id != NULL;
    internal_free(&old);
    if (there) {
        return error_set(err, "Snapshot with name '%s' already exists on device '%s'", name,
                         device);
    }
    s = (BlockSnapshot){ .name = (char *)name,
                         .disk_size = block_node_size(i->node),
                         .date_sec = (uint32_t)(us / G_USEC_PER_SEC),
                         .date_nsec = (uint32_t)(us % G_USEC_PER_SEC * 1000),
                         .vm_clock_ns = (uint64_t)machine_now_ns(b->c->m),
                         .icount = UINT64_MAX };
    if (!block_snapshot_create(i->node, &s, err)) {
        g_prefix_error(err, "Failed to create snapshot '%s' on device '%s': ", name, device);
        return false;
    }
    if (internal_find(i->node, NULL, name, &old, err)) {
        i->made = g_steal_pointer(&old.id);
        internal_free(&old);
    }
    return i->made || error_set(err, "snapshot '%s' is not there", name);
}

static void internal_abort(BlkItem *i)
{
    g_autoptr(GError) failed = NULL;

    if (!block_snapshot_delete(i->node, i->made, &failed)) {
        block_say(i->node, BLOCK_EVENT_WARNING, "snapshot %s of an aborted transaction stays: %s",
                  i->made, failed->message);
    }
}

static bool blk_internal_delete(BlkCall *b, GError **err)
{
    const char *id = blk_str(b, "id"), *name = blk_str(b, "name"), *device = blk_str(b, "device");
    BlockNode *n = internal_node(b, err);
    JsonOut *j = b->c->out;
    BlockSnapshot s;
    bool ok;

    if (!n) {
        return false;
    }
    if (!id && !name) {
        return error_set(err, "Name or id must be provided");
    }
    if (!internal_can(b, n, err) || !internal_find(n, id, name, &s, err)) {
        return false;
    }
    if (!s.id) {
        return error_set(err, "Snapshot with id '%s' and name '%s' does not exist on device '%s'",
                         id ? id : "null", name ? name : "null", device);
    }
    ok = block_snapshot_delete(n, s.id, err);
    if (ok) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "id", s.id);
        json_out_str(j, "name", s.name);
        json_out_uint(j, "vm-state-size", s.vm_state_size);
        json_out_uint(j, "date-sec", s.date_sec);
        json_out_uint(j, "date-nsec", s.date_nsec);
        json_out_uint(j, "vm-clock-sec", s.vm_clock_ns / 1000000000);
        json_out_uint(j, "vm-clock-nsec", s.vm_clock_ns % 1000000000);
        if (s.icount != UINT64_MAX) {
            json_out_uint(j, "icount", s.icount);
        }
        json_out_end(j, '}');
    }
    internal_free(&s);
    return ok;
}

const BlkAction blk_snapshot_actions[] = {
    { .name = "blockdev-snapshot",
      .alone = true,
      .prepare = snapshot_prepare,
      .commit = overlay_rest,
      .abort = overlay_take_back },
    { .name = "blockdev-snapshot-sync",
      .alone = true,
      .prepare = sync_prepare,
      .commit = sync_commit,
      .abort = sync_abort },
    { .name = "blockdev-snapshot-internal-sync",
      .alone = true,
      .prepare = internal_prepare,
      .abort = internal_abort },
    { .name = NULL },
};

BLK_COMMAND(cmd_snapshot_delete_internal, blk_internal_delete)
