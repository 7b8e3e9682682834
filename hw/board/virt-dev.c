/* SPDX-License-Identifier: Apache-2.0 */
/* The `virt` board's slots and what is plugged into them: -device, -drive, -bios. */
#include "hw/board/virt-priv.h"

#include "block/block.h"
#include "hw/block/cfi-flash.h"
#include "util/suggest.h"

#include <errno.h>
#include <inttypes.h>

bool virt_add_device(Machine *m, Options *o, GError **err)
{
    VirtBoard *b = device_as(device_find(m, "/virt"), VirtBoard);

    return board_plug_device(&b->plug, o, err);
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

        if (!dev || !board_globals(&b->plug, dev, err) || !device_realize(dev, err)) {
            return false;
        }
        device_map(dev, 0, machine_memory_root(b->machine), map->base + i * map->size);
        irq_connect(dev, "irq", 0, b->gic, "spi", map->spi + i);
        b->virtio[i] = dev;
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

static bool virt_make_disks(VirtBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = board_drive_id(d, i);

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

/* The order gives the slots of PCI: the cards of -nic first, then what -device adds, then disks of
 * drives that are no device's. */
bool virt_make_plugged(VirtBoard *b, GError **err)
{
    unsigned n_nics = b->cfg->n_nics;

    if (b->cfg->vga && strcmp(b->cfg->vga, "none")) {
        return error_set(err,
                         "-vga %s: the virt board has no card of its own; -device VGA, "
                         "bochs-display or ramfb gives it one",
                         b->cfg->vga);
    }
    return virt_make_slots(b, err) && board_plug_devices(&b->plug, 0, n_nics, err) &&
           board_open_drives(&b->plug, err) &&
           board_plug_devices(&b->plug, n_nics, b->cfg->n_devices, err) &&
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
    id = d ? board_drive_id(d, (unsigned)n) : NULL;
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
