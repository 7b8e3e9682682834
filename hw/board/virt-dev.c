/* SPDX-License-Identifier: Apache-2.0 */
/* The `virt` board's slots and what is plugged into them: -device, -drive, -bios. */
#include "hw/board/virt-priv.h"

#include "block/block.h"
#include "hw/block/cfi-flash.h"
#include "util/suggest.h"

#include <errno.h>
#include <inttypes.h>

static bool virt_set_options(Device *dev, const Options *o, GError **err)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Option *opt = &o->list[i];

        if (!strcmp(opt->key, "driver") || !strcmp(opt->key, "id")) {
            continue;
        }
        if (!device_set_prop(dev, opt->key, opt->value, err)) {
            return false;
        }
    }
    return true;
}

static bool virt_no_such_device(Machine *m, const char *name, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *hint = NULL;
    size_t len = strlen(name);

    if (len > 4 && (g_str_has_suffix(name, "-pci"))) {
        g_autofree char *other = g_strdup_printf("%.*s-device", (int)len - 4, name);

        if (machine_find_type(m, other)) {
            return error_set(err, "-device %s: it is not modelled on PCI yet; use %s", name, other);
        }
    }
    for (const DeviceType *const *t = device_types; *t; t++) {
        if ((*t)->user_creatable) {
            g_ptr_array_add(names, (void *)(*t)->name);
        }
    }
    hint = suggest_or_list(name, (const char *const *)names->pdata, names->len, 12);
    return error_set(err, "-device %s: no such device%s", name, hint);
}

/* Names of before a function could sit on several buses: here that is PCI. */
static const char *virt_alias(const char *name)
{
    static const char *const old[][2] = {
        { "virtio-balloon", "virtio-balloon-pci" }, { "virtio-blk", "virtio-blk-pci" },
        { "virtio-net", "virtio-net-pci" },         { "virtio-rng", "virtio-rng-pci" },
        { "virtio-scsi", "virtio-scsi-pci" },       { "virtio-serial", "virtio-serial-pci" },
    };

    for (size_t i = 0; name && i < G_N_ELEMENTS(old); i++) {
        if (!strcmp(name, old[i][0])) {
            return old[i][1];
        }
    }
    return name;
}

/* QMP's BLOCK_IO_ERROR, and the pause where that was asked for. */
static void virt_disk_error(void *opaque, BlockBackend *disk, bool write, int error,
                            BlockErrorAction action)
{
    VirtBoard *b = opaque;
    bool stop = action == BLOCK_ERROR_STOP;
    g_autofree char *node = block_current_node_name(disk);
    g_autofree char *data = g_strdup_printf(
        "{\"device\": \"%s\", \"node-name\": \"%s\", \"operation\": \"%s\", \"action\": \"%s\", "
        "\"nospace\": %s, "
        "\"reason\": \"%s\"}",
        block_is_nameless(disk) ? "" : block_id(disk), node, write ? "write" : "read",
        stop                           ? "stop"
        : action == BLOCK_ERROR_IGNORE ? "ignore"
                                       : "report",
        error == ENOSPC ? "true" : "false", g_strerror(error));

    machine_post_event(b->machine, EVENT_BLOCK_IO_ERROR, data);
    if (stop) {
        machine_pause_request(b->machine, RUN_IO_ERROR);
    }
}

/* What an error has held goes on with the machine; a reset ends it. */
static void virt_disks_event(void *opaque, const MachineEvent *e)
{
    VirtBoard *b = opaque;

    for (unsigned i = 0; b->disks && i < b->disks->len; i++) {
        if (e->kind == EVENT_RESUME) {
            block_retry(g_ptr_array_index(b->disks, i));
        } else if (e->kind == EVENT_RESET) {
            block_end_held(g_ptr_array_index(b->disks, i));
        }
    }
}

static bool virt_add_disk(VirtBoard *b, BlockBackend *take_disk, const char *id, GError **err)
{
    if (!machine_add_backend(b->machine, "drive", id, take_disk, err)) {
        block_close(take_disk);
        return false;
    }
    if (!b->listens) {
        machine_listen(b->machine, virt_disks_event, b);
        b->listens = true;
    }
    g_ptr_array_add(b->disks, take_disk);
    return true;
}

/*
 * A node of blockdev-add becomes a drive when a device wants it; one whose node was deleted is
 * none any more.
 */
static void virt_take_node(Machine *m, const char *name)
{
    VirtBoard *b = device_as(device_find(m, "/virt"), VirtBoard);
    BlockBackend *disk = machine_find_backend(m, "drive", name);
    g_autoptr(GError) none = NULL;

    if (disk && (block_backend_node(disk) || !block_is_nameless(disk) || block_owner(disk))) {
        return;
    }
    if (disk && g_ptr_array_remove(b->disks, disk)) {
        machine_remove_backend(m, "drive", name);
        block_close(disk);
    }
    disk = block_open_node(m, name, name, &none);
    if (disk && !virt_add_disk(b, disk, name, &none)) {
        return;
    }
    if (disk) {
        block_on_error(disk, BLOCK_ERROR_REPORT, BLOCK_ERROR_ENOSPC, virt_disk_error, b);
    }
}

static bool virt_check_new(Machine *m, const DeviceType *type, const char *id, GError **err)
{
    if (id && device_child(device_find(m, "/virt"), id)) {
        return error_set(err, "Duplicate device ID '%s'", id);
    }
    return !machine_has_started(m) || device_can_unplug(type) ||
           error_set(err, "Device '%s' does not support hotplugging", type->name);
}

bool virt_add_device(Machine *m, Options *o, GError **err)
{
    const char *name = virt_alias(options_get(o, "driver")), *id = options_get(o, "id");
    const char *drive = options_get(o, "drive");
    const DeviceType *type;
    Device *dev;

    if (!name) {
        return error_set(err, "-device %s: names no driver", o->text ? o->text : "");
    }
    type = machine_find_type(m, name);
    if (!strcmp(name, "scsi-block") || !strcmp(name, "scsi-generic")) {
        return error_set(err,
                         "-device %s: devices of the host are not passed through; scsi-hd with "
                         "-drive file=/dev/... uses such a disk",
                         name);
    }
    if (!type || !type->user_creatable) {
        return virt_no_such_device(m, name, err);
    }
    if (drive && machine_has_started(m)) {
        virt_take_node(m, drive);
    }
    dev = virt_check_new(m, type, id, err)
              ? device_new_type(m, type, device_find(m, "/virt"), id, err)
              : NULL;
    if (!dev || !virt_set_options(dev, o, err) || !device_realize(dev, err)) {
        g_prefix_error(err, "-device %s: ", name);
        if (dev && machine_has_started(m)) {
            device_delete(dev, false);
        }
        return false;
    }
    return true;
}

static bool virt_add_device_text(Machine *m, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = (*text == '{' ? options_parse_json(&o, text, err)
                            : options_parse(&o, text, "driver", err)) &&
              virt_add_device(m, &o, err);

    options_deinit(&o);
    return ok;
}

/* Slots first: functions find their own (the last free one). */
static bool virt_make_slots(VirtBoard *b, GError **err)
{
    if (!machine_find_type(b->machine, "virtio-mmio")) {
        return true; /* a build without virtio: the device tree says so, too */
    }
    for (unsigned i = 0; i < VIRT_N_VIRTIO; i++) {
        g_autofree char *id = g_strdup_printf("virtio-mmio%u", i);
        const VirtMap *map = &virt_map[VIRT_VIRTIO];
        Device *dev = device_new(b->machine, "virtio-mmio", b->device, id, err);

        if (!dev || !virt_globals(b, dev, err) || !device_realize(dev, err)) {
            return false;
        }
        device_map(dev, 0, machine_memory_root(b->machine), map->base + i * map->size);
        irq_connect(dev, "irq", 0, b->gic, "spi", map->spi + i);
        b->virtio[i] = dev;
    }
    return true;
}

/* -global virtio-mmio.force-legacy=false */
bool virt_globals(VirtBoard *b, Device *dev, GError **err)
{
    size_t len = strlen(dev->type->name);

    for (unsigned i = 0; i < b->cfg->n_globals; i++) {
        const char *g = b->cfg->globals[i];
        const char *eq;
        g_autofree char *prop = NULL;

        if (strncmp(g, dev->type->name, len) || g[len] != '.') {
            continue;
        }
        eq = strchr(g, '=');
        prop = eq ? g_strndup(g + len + 1, eq - g - len - 1) : g_strdup(g + len + 1);
        if (!device_set_prop(dev, prop, eq ? eq + 1 : "on", err)) {
            g_prefix_error(err, "-global %s: ", g);
            return false;
        }
    }
    return true;
}

/* -drive without if=, and if=virtio: a virtio disk on PCI. */
static bool virt_make_disk(VirtBoard *b, const BoardDrive *d, const char *id, GError **err)
{
    Device *dev;

    if (!d->file) {
        return true; /* no medium */
    }
    dev = device_new(b->machine, "virtio-blk-pci", b->device, NULL, err);
    if (!dev || !device_set_prop(dev, "drive", id, err) ||
        (d->serial && !device_set_prop(dev, "serial", d->serial, err)) ||
        !device_realize(dev, err)) {
        g_prefix_error(err, "-drive file=%s: ", d->file);
        return false;
    }
    return true;
}

/* Opens the image and makes it a backend that devices can claim by @id. */
static bool virt_open_drive(VirtBoard *b, const BoardDrive *d, const char *id, GError **err)
{
    BlockBackend *disk = d->file ? block_open_options(b->machine, id, d->node, d->open_flags, err)
                                 : block_open_empty(b->machine, id, err);

    if (!disk) {
        return false;
    }
    if (block_is_guessed(disk)) {
        log_message(machine_log(b->machine), LOG_LEVEL_WARN, "virt",
                    "drive '%s': %s has the beginning of no known format and is taken as raw; its "
                    "first sector takes no other format's header (format=raw says that it is, and "
                    "takes everything)",
                    id, block_path(disk));
    }
    block_on_error(disk, d->on_read_error, d->on_write_error, virt_disk_error, b);
    return virt_add_disk(b, disk, id, err);
}

static char *virt_drive_id(const BoardDrive *d, unsigned i)
{
    return d->id ? g_strdup(d->id) : g_strdup_printf("drive%u", i);
}

static bool virt_open_drives(VirtBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = virt_drive_id(d, i);

        if ((d->file || d->interface == DRIVE_NONE) && !virt_open_drive(b, d, id, err)) {
            return false;
        }
    }
    return true;
}

static bool virt_make_disks(VirtBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = virt_drive_id(d, i);

        switch (d->interface) {
        case DRIVE_NONE:
        case DRIVE_PFLASH:
            break;
        case DRIVE_DEFAULT:
        case DRIVE_VIRTIO:
            if (!virt_make_disk(b, d, id, err)) {
                return false;
            }
            break;
        default:
            return error_set(err,
                             "-drive %s: the virt board has no such interface; use if=virtio, "
                             "if=pflash or if=none with a -device",
                             d->file ? d->file : "");
        }
    }
    return true;
}

static bool virt_add_devices(VirtBoard *b, unsigned from, unsigned to, GError **err)
{
    for (unsigned i = from; i < to; i++) {
        if (!virt_add_device_text(b->machine, b->cfg->devices[i], err)) {
            return false;
        }
    }
    return true;
}

/* The order gives the slots of PCI: the cards of -nic first, then what -device adds, then disks of
 * drives that are no device's. */
bool virt_make_plugged(VirtBoard *b, GError **err)
{
    unsigned n_nics = b->cfg->n_nics;

    return virt_make_slots(b, err) && virt_add_devices(b, 0, n_nics, err) &&
           virt_open_drives(b, err) && virt_add_devices(b, n_nics, b->cfg->n_devices, err) &&
           virt_make_disks(b, err) && virt_make_ports(b, err);
}

/* ---- Firmware ---- */

/* The number of the if=pflash drive that is flash bank @unit; -1: none. */
static int virt_flash_drive(const VirtBoard *b, int unit)
{
    int next = 0;

    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];

        if (d->interface == DRIVE_PFLASH && d->file) {
            int index = d->index >= 0 ? d->index : next;

            next = index + 1;
            if (index == unit) {
                return (int)i;
            }
        }
    }
    return -1;
}

static bool virt_fill_flash(VirtBoard *b, Device *dev, int unit, const char *option,
                            const char *path, GError **err)
{
    g_autoptr(GBytes) file = loader_read(option, path, virt_map[VIRT_FLASH].size, err);

    if (!file) {
        return false;
    }
    cfi_flash_load(dev, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    b->has_firmware |= unit == 0;
    return true;
}

static void virt_flash_read(void *opaque, int result)
{
    *(int *)opaque = result;
}

/* The whole disk into the flash, before anything runs. */
static bool virt_fill_flash_by_disk(VirtBoard *b, Device *dev, int unit, const char *id,
                                    GError **err)
{
    BlockBackend *disk = machine_find_backend(b->machine, "drive", id);
    uint64_t len = disk ? block_size(disk) : 0;
    g_autofree uint8_t *buf = NULL;
    int result = -EIO;

    if (!disk || len > virt_map[VIRT_FLASH].size) {
        return error_set(err, "-drive if=pflash: %s is larger than the flash of %" PRIu64 " MiB",
                         disk ? block_path(disk) : id, virt_map[VIRT_FLASH].size >> 20);
    }
    buf = g_malloc(len + 1);
    block_read(disk, 0, &(struct iovec){ buf, len }, 1, virt_flash_read, &result);
    block_drain(disk);
    if (result) {
        return error_set(err, "-drive if=pflash: %s: %s", block_path(disk), g_strerror(-result));
    }
    cfi_flash_load(dev, buf, len);
    b->has_firmware |= unit == 0;
    return true;
}

static bool virt_make_flash(VirtBoard *b, int unit, GError **err)
{
    const VirtMap *map = &virt_map[VIRT_FLASH];
    const char *bios = unit == 0 ? b->cfg->bios : NULL;
    int n = bios ? -1 : virt_flash_drive(b, unit);
    const BoardDrive *d = n < 0 ? NULL : &b->cfg->drives[n];
    g_autofree char *name = g_strdup_printf("virt.flash%d", unit);
    g_autofree char *id = NULL;
    Device *dev = device_new(b->machine, "cfi.pflash01", b->device, name, err);

    if (!dev) {
        return false;
    }
    device_set_str(dev, "name", name);
    device_set_u64(dev, "size", map->size);
    id = d ? virt_drive_id(d, (unsigned)n) : NULL;
    if (id && !device_set_prop(dev, "drive", id, err)) {
        return false;
    }
    if (!device_realize(dev, err)) {
        g_prefix_error(err, "-drive if=pflash: ");
        return false;
    }
    device_map(dev, 0, machine_memory_root(b->machine), map->base + unit * map->size);
    return bios ? virt_fill_flash(b, dev, unit, "-bios", bios, err)
                : !d || virt_fill_flash_by_disk(b, dev, unit, id, err);
}

bool virt_make_firmware(VirtBoard *b, GError **err)
{
    return virt_make_flash(b, 0, err) && virt_make_flash(b, 1, err);
}
