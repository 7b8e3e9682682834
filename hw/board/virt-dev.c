/* SPDX-License-Identifier: Apache-2.0 */
/* The `virt` board's slots and what is plugged into them: -device, -drive, -bios. */
#include "hw/board/virt-priv.h"

#include "block/block.h"
#include "hw/block/cfi-flash.h"
#include "hw/board/flash.h"
#include "util/suggest.h"

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
    if (!d->file) {
        return true; /* no medium */
    }
    if (!board_make_virtio(&b->plug, "virtio-blk-pci", d, id, err)) {
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

static bool virt_make_flash(VirtBoard *b, int unit, GError **err)
{
    const VirtMap *map = &virt_map[VIRT_FLASH];
    const char *bios = unit == 0 ? b->cfg->bios : NULL;
    g_autofree char *name = g_strdup_printf("virt.flash%d", unit);
    g_autoptr(GError) why = NULL;
    g_autofree char *id = bios ? NULL : board_flash_drive(&b->plug, (unsigned)unit, &why);
    Device *dev = why ? NULL : device_new(b->machine, "cfi.pflash01", b->device, name, err);

    if (why) {
        g_propagate_error(err, g_steal_pointer(&why));
    }
    if (!dev) {
        return false;
    }
    device_set_str(dev, "name", name);
    device_set_u64(dev, "size", map->size);
    if (id && !device_set_prop(dev, "drive", id, err)) {
        return false;
    }
    if (!device_realize(dev, err)) {
        g_prefix_error(err, "-drive if=pflash: ");
        return false;
    }
    device_map(dev, 0, machine_memory_root(b->machine), map->base + unit * map->size);
    b->has_firmware |= id && unit == 0;
    return bios ? virt_fill_flash(b, dev, unit, "-bios", bios, err)
                : !id || board_flash_fill(dev, id, map->size, err);
}

bool virt_make_firmware(VirtBoard *b, GError **err)
{
    return virt_make_flash(b, 0, err) && virt_make_flash(b, 1, err);
}
