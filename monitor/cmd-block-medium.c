/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a drive: eject, change, drive_add and drive_del. A device whose medium can be
 * taken out has a tray, which is moved on the main loop, between the steps that run in the graph.
 */
#include "monitor/block-call.h"
#include "monitor/hmp-args.h"

#include <string.h>

typedef struct Medium {
    BlockBackend *drive;
    const BlockTray *tray; /* NULL: a drive that no device has */
    void *device;
    BlockNode *node; /* what is to come in, with a reference */
    bool force;
    char *name; /* as the command calls it */
} Medium;

/* ---- Steps in the graph ---- */

/* By "device" or "id"; not with a device that keeps its medium. */
static bool medium_find(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *id = blk_str(b, "id");
    Medium *m = b->opaque;

    m->drive = blk_drive_or_device(b, device, id, err);
    if (!m->drive) {
        return false;
    }
    m->force = blk_flag(b, "force", false);
    g_free(m->name);
    m->name = g_strdup(device ? device : id);
    m->tray = block_tray(m->drive, &m->device);
    return !block_owner(m->drive) || m->tray ||
           error_set(err, "Device '%s' is not removable", m->name);
}

static bool medium_find_node(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name");
    Medium *m = b->opaque;
    BlockNode *n;

    m->drive = blk_drive_or_device(b, NULL, blk_str(b, "id"), err);
    if (!m->drive) {
        return false;
    }
    n = block_graph_find(b->g, name);
    if (!n) {
        return error_set(err, "Node '%s' not found", name);
    }
    m->tray = block_tray(m->drive, &m->device);
    if (block_owner(m->drive) && !m->tray) {
        return error_set(err, "Device is not removable");
    }
    if (m->tray && !block_tray_is_open(m->drive)) {
        return error_set(err, "Tray of the device is not open");
    }
    if (block_backend_node(m->drive)) {
        return error_set(err, "There already is a medium in the device");
    }
    m->node = block_node_ref(n);
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
static bool medium_open_image(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *id = blk_str(b, "id");
    const char *file = blk_str(b, "filename"), *format = blk_str(b, "format");
    Medium *m = b->opaque;
    Options o = { 0 };
    unsigned flags;

    m->drive = blk_drive_or_device(b, device, id, err);
    if (!m->drive || !medium_flags(b, m->drive, &flags, err)) {
        return false;
    }
    if (format && !block_driver_find(format)) {
        return error_set(err, "Unknown driver '%s'", format);
    }
    if (format) {
        options_add(&o, "driver", format);
    }
    options_add(&o, format ? "file.filename" : "filename", file);
    m->node = blk_open_image(b->g, &o, file, flags, err);
    options_deinit(&o);
    return m->node && medium_find(b, err);
}

/* What is there goes; what was opened comes. */
static bool medium_swap(BlkCall *b, GError **err)
{
    Medium *m = b->opaque;

    block_eject(m->drive);
    if (m->node) {
        block_insert(m->drive, m->node);
    }
    return true;
}

static bool medium_forget(BlkCall *b, GError **err)
{
    Medium *m = b->opaque;

    block_node_unref(m->node);
    m->node = NULL;
    return true;
}

/* ---- Steps on the main loop ---- */

/* False with *err: the guest has locked it, and was asked. */
static bool medium_open_tray(Medium *m, GError **err)
{
    bool locked;

    if (!m->tray || block_tray_is_open(m->drive)) {
        return true;
    }
    locked = block_tray_is_locked(m->drive);
    if (locked) {
        m->tray->request(m->device, m->force);
    }
    if (locked && !m->force) {
        return error_set(err,
                         "Device '%s' is locked and force was not specified, wait for tray to "
                         "open and try again",
                         m->name);
    }
    m->tray->move(m->device, true);
    return true;
}

static void medium_shut_tray(Medium *m)
{
    if (m->tray && block_tray_is_open(m->drive)) {
        m->tray->move(m->device, false);
    }
}

static bool medium_end(Medium *m, MonCall *c, bool ok)
{
    g_autoptr(GError) ignored = NULL;

    if (m->node) {
        (void)!blk_call_with(c, medium_forget, m, &ignored);
    }
    g_free(m->name);
    return ok;
}

/* Nothing reaches the drive any more: its tray is open, or it is nobody's. */
static bool medium_change(Medium *m, MonCall *c, GError **err)
{
    bool ok;

    if (m->tray) {
        m->tray->swap(m->device, true);
    }
    block_drain(m->drive);
    ok = blk_call_with(c, medium_swap, m, err);
    if (m->tray) {
        m->tray->swap(m->device, false);
    }
    return ok;
}

/* ---- Commands ---- */

bool cmd_open_tray(MonCall *c, GError **err)
{
    g_autoptr(GError) locked = NULL;
    Medium m = { 0 };

    if (!blk_call_with(c, medium_find, &m, err)) {
        return medium_end(&m, c, false);
    }
    (void)!medium_open_tray(&m, &locked); /* the guest was asked: that is all it takes */
    return medium_end(&m, c, true);
}

bool cmd_close_tray(MonCall *c, GError **err)
{
    Medium m = { 0 };
    bool ok = blk_call_with(c, medium_find, &m, err);

    if (ok) {
        medium_shut_tray(&m);
    }
    return medium_end(&m, c, ok);
}

bool cmd_eject(MonCall *c, GError **err)
{
    Medium m = { 0 };

    return medium_end(&m, c,
                      blk_call_with(c, medium_find, &m, err) && medium_open_tray(&m, err) &&
                          medium_change(&m, c, err));
}

bool cmd_remove_medium(MonCall *c, GError **err)
{
    Medium m = { 0 };
    bool ok = blk_call_with(c, medium_find, &m, err);

    if (ok && m.tray && !block_tray_is_open(m.drive)) {
        ok = error_set(err, "Tray of device '%s' is not open", m.name);
    }
    return medium_end(&m, c, ok && medium_change(&m, c, err));
}

bool cmd_insert_medium(MonCall *c, GError **err)
{
    Medium m = { 0 };

    return medium_end(&m, c,
                      blk_call_with(c, medium_find_node, &m, err) && medium_change(&m, c, err));
}

bool cmd_change_medium(MonCall *c, GError **err)
{
    Medium m = { 0 };
    bool ok = blk_call_with(c, medium_open_image, &m, err) && medium_open_tray(&m, err) &&
              medium_change(&m, c, err);

    if (ok) {
        medium_shut_tray(&m);
    }
    return medium_end(&m, c, ok);
}

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
