/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a drive: eject, change, drive_add and drive_del. No device here has a medium that
 * is taken out, so these are for drives that no device has.
 */
#include "monitor/block-call.h"
#include "monitor/hmp-args.h"

#include <string.h>

/* By "device" or "id", without a device that keeps its medium. */
static BlockBackend *medium_drive(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *id = blk_str(b, "id");
    BlockBackend *drive = blk_drive_or_device(b, device, id, err);

    if (drive && block_owner(drive)) {
        error_set(err, "Device '%s' is not removable", device ? device : id);
        return NULL;
    }
    return drive;
}

/* A drive without a device has no tray that would have to move. */
static bool blk_tray(BlkCall *b, GError **err)
{
    return medium_drive(b, err);
}

static bool blk_eject(BlkCall *b, GError **err)
{
    BlockBackend *drive = medium_drive(b, err);

    if (drive) {
        block_eject(drive);
    }
    return drive;
}

static bool blk_insert(BlkCall *b, GError **err)
{
    const char *id = blk_str(b, "id"), *name = blk_str(b, "node-name");
    BlockBackend *drive = blk_drive_or_device(b, NULL, id, err);
    BlockNode *n = drive ? block_graph_find(b->g, name) : NULL;

    if (!drive) {
        return false;
    }
    if (!n) {
        return error_set(err, "Node '%s' not found", name);
    }
    if (block_owner(drive)) {
        return error_set(err, "Device is not removable");
    }
    if (block_backend_node(drive)) {
        return error_set(err, "There already is a medium in the device");
    }
    block_insert(drive, n);
    return true;
}

static bool medium_flags(BlkCall *b, BlockBackend *drive, unsigned *flags, GError **err)
{
    const char *mode = blk_str(b, "read-only-mode");
    BlockNode *n = block_backend_node(drive);

    *flags = n ? block_node_flags(n) : BLOCK_OPEN_DISCARD;
    if (mode && !strcmp(mode, "read-only")) {
        *flags &= ~(unsigned)BLOCK_OPEN_WRITE;
    } else if (mode && !strcmp(mode, "read-write")) {
        *flags |= BLOCK_OPEN_WRITE;
    } else if (!mode || !strcmp(mode, "retain")) {
        *flags = block_is_read_only(drive) ? *flags & ~(unsigned)BLOCK_OPEN_WRITE
                                           : *flags | BLOCK_OPEN_WRITE;
    } else {
        return error_set(err, "Parameter 'read-only-mode' does not accept value '%s'", mode);
    }
    return true;
}

/* The new image is open before the old one goes. */
static bool blk_change(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *id = blk_str(b, "id");
    const char *file = blk_str(b, "filename"), *format = blk_str(b, "format");
    BlockBackend *drive = blk_drive_or_device(b, device, id, err);
    Options o = { 0 };
    unsigned flags;
    BlockNode *n;

    if (!drive || !medium_flags(b, drive, &flags, err)) {
        return false;
    }
    if (format && !block_driver_find(format)) {
        return error_set(err, "Unknown driver '%s'", format);
    }
    if (format) {
        options_add(&o, "driver", format);
    }
    options_add(&o, format ? "file.filename" : "filename", file);
    n = blk_open_image(b->g, &o, file, flags, err);
    options_deinit(&o);
    if (!n) {
        return false;
    }
    if (block_owner(drive)) {
        block_node_unref(n);
        return error_set(err, "Device '%s' is not removable", device ? device : id);
    }
    block_eject(drive);
    block_insert(drive, n);
    block_node_unref(n);
    return true;
}

BLK_COMMAND(cmd_tray, blk_tray)
BLK_COMMAND(cmd_eject, blk_eject)
BLK_COMMAND(cmd_insert_medium, blk_insert)
BLK_COMMAND(cmd_change_medium, blk_change)

/* ---- For people ---- */

bool hmp_eject(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "force:-f,device:B", &a)) {
        return true;
    }
    hmp_call(&h, c, "eject", &a);
    return hmp_call_run(&h, err);
}

bool hmp_change(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "device:B,force:-f,filename:F,format:s?,read-only-mode:s?", &a)) {
        return true;
    }
    hmp_call(&h, c, "blockdev-change-medium", &a);
    return hmp_call_run(&h, err);
}

/* In QEMU's words, which have no "Error:" before them here. */
static bool drive_said(MonCall *c, bool ok, const GError *err)
{
    if (!ok) {
        g_string_append_printf(c->text, "%s\n", err->message);
    }
    return true;
}

static bool drive_add_node(MonCall *c, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = options_parse(&o, text, NULL, err);

    if (ok && !options_get(&o, "node-name")) {
        ok = error_set(err, "'node-name' needs to be specified");
    }
    ok = ok && mon_run_options(c->host, "blockdev-add", &o, err);
    options_deinit(&o);
    return ok;
}

bool hmp_drive_add(MonCall *c, GError **err)
{
    g_autoptr(GError) wrong = NULL;
    g_auto(HmpArgs) a = { 0 };
    const char *text;
    bool ok;

    if (!hmp_args(c, "node:-n,pci_addr:s,opts:s", &a)) {
        return true;
    }
    text = hmp_str(&a, "opts");
    if (hmp_flag(&a, "node")) {
        ok = drive_add_node(c, text, &wrong);
        return drive_said(c, ok, wrong);
    }
    ok = c->host->config.drive_add ? c->host->config.drive_add(c->host->config.opaque, text, &wrong)
                                   : error_set(&wrong, "drives cannot be added here");
    if (ok) {
        g_string_append(c->text, "OK\n");
    }
    return drive_said(c, ok, wrong);
}

/* A drive that no device has, or a node. */
bool hmp_drive_del(MonCall *c, GError **err)
{
    g_autoptr(GError) wrong = NULL;
    g_auto(HmpArgs) a = { 0 };
    BlockBackend *drive;
    const char *id;
    HmpCall h;

    if (!hmp_args(c, "id:B", &a)) {
        return true;
    }
    id = hmp_str(&a, "id");
    drive = machine_find_backend(c->m, "drive", id);
    if (drive && !block_is_nameless(drive)) {
        if (block_owner(drive)) {
            g_autofree char *qdev = blk_qdev(drive);

            return error_set(err, "Device '%s' is in use by '%s', which keeps it", id, qdev);
        }
        hmp_call(&h, c, "eject", NULL);
        hmp_set_str(&h, "device", id);
        if (!hmp_call_run(&h, err)) {
            return false;
        }
        machine_remove_backend(c->m, "drive", id);
        return true;
    }
    hmp_call(&h, c, "blockdev-del", NULL);
    hmp_set_str(&h, "node-name", id);
    if (hmp_call_run(&h, &wrong)) {
        return true;
    }
    if (g_str_has_prefix(wrong->message, "Failed to find node")) {
        g_string_append_printf(c->text, "Device '%s' not found\n", id);
        return true;
    }
    return error_set(err, "%s", wrong->message);
}

/* ---- qemu-io ---- */

static bool blk_io(BlkCall *b, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    BlockBackend *drive;
    BlockNode *n;
    const char *name;

    if (!hmp_args(b->c, "qdev:-d,device:B,command:s", &a)) {
        return true;
    }
    name = hmp_str(&a, "device");
    if (hmp_flag(&a, "qdev")) {
        drive = blk_drive_or_device(b, NULL, name, err);
        if (!drive) {
            return false;
        }
    } else {
        drive = blk_drive(b, name);
    }
    n = drive ? block_backend_node(drive) : block_graph_find(b->g, name);
    if (!n && !drive) {
        return error_set(err, "Cannot find device='' nor node-name='%s'", name);
    }
    if (!n) {
        return error_set(err, "Device '%s' has no medium", name);
    }
    if (!b->c->host->config.io_command) {
        return error_set(err, "the command is not known here");
    }
    b->c->host->config.io_command(n, hmp_str(&a, "command"));
    return true;
}

BLK_COMMAND(hmp_qemu_io, blk_io)
