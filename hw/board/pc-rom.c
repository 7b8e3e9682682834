/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware of PCs: a ROM by -bios, or flash whose variables are kept. */
#include "hw/board/pc-priv.h"

#include "hw/board/flash.h"
#include "hw/board/loader.h"
#include "hw/pci/host.h"

#include <string.h>

enum { PC_FLASH_BANKS = 2, PC_FLASH_SECTOR = 4096 };

static char *pc_find_bios(const Machine *m, const char *name)
{
    static const char *const folders[] = { "/usr/share/seabios", "/usr/share/qemu",
                                           "/usr/local/share/seabios", "/usr/share/OVMF" };

    return strchr(name, '/') ? g_strdup(name)
                             : machine_find_data(m, name, folders, G_N_ELEMENTS(folders));
}

/* Its last 128 KiB, until firmware puts RAM there. */
static void pc_show_below_1m(PcBoard *b, MemRegion *rom, uint64_t size)
{
    uint64_t low = min_u64(size, PC_ISA_BIOS);

    region_add(device_as(b->host, PciHost)->bus.mem,
               region_new_alias(b->machine, "isa-bios", rom, size - low, low), (1 << 20) - low, 1);
}

/* The ROM ends at 4 GiB. */
static bool pc_make_bios(PcBoard *b, GError **err)
{
    const char *name = b->cfg->bios ? b->cfg->bios : "bios-256k.bin";
    g_autofree char *path = pc_find_bios(b->machine, name);
    g_autoptr(GBytes) file = NULL;
    MemRegion *rom, *bus = device_as(b->host, PciHost)->bus.mem;
    uint64_t size;
    RamBlock *ram;

    if (!path) {
        return error_set(err,
                         "-bios %s: it is not here; Debian's package seabios has it (apt "
                         "install seabios)",
                         name);
    }
    file = loader_read("-bios", path, PC_ROM_MAX, err);
    if (!file) {
        return false;
    }
    size = g_bytes_get_size(file);
    if (!size || size % (64 << 10)) {
        return error_set(err,
                         "-bios %s: %" G_GUINT64_FORMAT " bytes: a PC's firmware has a "
                         "multiple of 64 KiB",
                         path, size);
    }
    ram = ram_new(b->machine, "pc.bios", size, RAM_ROM, err);
    if (!ram) {
        return false;
    }
    memcpy(ram->host, g_bytes_get_data(file, NULL), size);
    rom = region_new_rom(b->machine, "pc.bios", ram, 0, size);
    region_add(bus, rom, (1ull << 32) - size, 1);
    pc_show_below_1m(b, rom, size);
    return true;
}

/* ---- Flash ---- */

/* A bank of bytes as large as its drive, which ends at *@top. */
static bool pc_make_bank(PcBoard *b, unsigned unit, const char *id, uint64_t *top, GError **err)
{
    BlockBackend *disk = machine_find_backend(b->machine, "drive", id);
    uint64_t size = disk ? block_size(disk) : 0, used = (1ull << 32) - *top;
    g_autofree char *name = g_strdup_printf("system.flash%u", unit);
    Device *dev;

    if (!size || size % PC_FLASH_SECTOR || size > PC_ROM_MAX - used) {
        return error_set(err,
                         "-drive if=pflash,unit=%u: %s has %" G_GUINT64_FORMAT " bytes: a multiple "
                         "of 4 KiB, and %d MiB of both banks together, is what a PC has room for",
                         unit, disk ? block_path(disk) : id, size, PC_ROM_MAX >> 20);
    }
    dev = device_new(b->machine, "cfi.pflash01", &b->dev, name, err);
    if (!dev) {
        return false;
    }
    device_set_str(dev, "name", name);
    device_set_u64(dev, "size", size);
    device_set_u64(dev, "width", 1);
    device_set_u64(dev, "sector-length", PC_FLASH_SECTOR);
    if (!device_set_prop(dev, "drive", id, err) || !device_realize(dev, err)) {
        g_prefix_error(err, "-drive if=pflash: ");
        return false;
    }
    *top -= size;
    device_map(dev, 0, device_as(b->host, PciHost)->bus.mem, *top);
    if (unit == 0) {
        pc_show_below_1m(b, device_region(dev, 0), size);
    }
    return board_flash_fill(dev, id, size, err);
}

/* Firmware, and its variables below. */
static bool pc_make_flash(PcBoard *b, char *const *ids, GError **err)
{
    uint64_t top = 1ull << 32;

    for (unsigned unit = 0; unit < PC_FLASH_BANKS && ids[unit]; unit++) {
        if (!pc_make_bank(b, unit, ids[unit], &top, err)) {
            return false;
        }
    }
    return true;
}

bool pc_make_rom(PcBoard *b, GError **err)
{
    char *ids[PC_FLASH_BANKS] = { 0 };
    g_autoptr(GError) why = NULL;
    bool ok;

    for (unsigned unit = 0; unit < PC_FLASH_BANKS && !why; unit++) {
        ids[unit] = board_flash_drive(&b->plug, unit, &why);
    }
    if (why) {
        g_propagate_error(err, g_steal_pointer(&why));
        ok = false;
    } else if (ids[1] && !ids[0]) {
        ok = error_set(err, "-drive if=pflash,unit=1: there is no unit=0, which has the firmware");
    } else if (ids[0] && b->cfg->bios) {
        ok = error_set(err,
                       "-bios %s: the firmware is in flash already (-drive if=pflash); give "
                       "one of the two",
                       b->cfg->bios);
    } else {
        ok = ids[0] ? pc_make_flash(b, ids, err) : pc_make_bios(b, err);
    }
    for (unsigned unit = 0; unit < PC_FLASH_BANKS; unit++) {
        g_free(ids[unit]);
    }
    return ok;
}
