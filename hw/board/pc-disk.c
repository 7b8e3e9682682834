/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of PCs: IDE, and what -drive, -hda and -cdrom put there. */
#include "hw/board/pc-priv.h"

#include "hw/block/fdc.h"
#include "hw/dma/i8257.h"
#include "hw/ide/ide.h"
#include "hw/timer/mc146818.h"

enum {
    PC_IDE_CD = 2,                  /* the index of -cdrom, and of the drive that is there anyway */
    PC_TRANSLATED = 1024 * 16 * 63, /* sectors that firmware reaches without translation */
    CMOS_FLOPPIES = 0x10,
    CMOS_EQUIPMENT = 0x14,
    CMOS_TRANSLATION = 0x39, /* two bits a drive: 0 none, 1 by LBA */
};

bool pc_make_ide(PcBoard *b, GError **err)
{
    b->ide_buses = b->ide_units = 2;
    b->ide = device_new(b->machine, "piix3-ide", &b->dev, NULL, err);
    return b->ide && device_set_props(b->ide, "addr=1.1", err) && device_realize(b->ide, err);
}

bool pc_make_ahci(PcBoard *b, GError **err)
{
    b->ide_buses = 6;
    b->ide_units = 1;
    b->ide = device_new(b->machine, "ich9-ahci", &b->dev, NULL, err);
    return b->ide && device_set_props(b->ide, "addr=1f.2,multifunction=on", err) &&
           device_realize(b->ide, err);
}

static bool disk_is_ide(const BoardDrive *d)
{
    return d->interface == DRIVE_IDE || d->interface == DRIVE_DEFAULT;
}

/* Names as those who write scripts expect them; they live as long as the board. */
static const char *disk_id(PcBoard *b, const BoardDrive *d)
{
    enum { ID_MAX = 32 };
    char *id = device_alloc(&b->dev, ID_MAX);

    g_snprintf(id, ID_MAX, "ide%u-%s%u", (unsigned)d->index / b->ide_units, d->cdrom ? "cd" : "hd",
               (unsigned)d->index % b->ide_units);
    return id;
}

static bool disk_take(PcBoard *b, BoardDrive *d, const BoardDrive **at, GError **err)
{
    unsigned max = b->ide_buses * b->ide_units;
    const char *file = d->file ? d->file : "if=ide";

    if (d->index >= (int)max) {
        return error_set(err, "-drive %s: there is place for %u IDE drives; say if=virtio", file,
                         max);
    }
    if (at[d->index]) {
        return error_set(err, "-drive %s: its place is taken by %s", file,
                         at[d->index]->file ? at[d->index]->file : "another drive");
    }
    at[d->index] = d;
    d->interface = DRIVE_IDE;
    d->id = d->id ? d->id : disk_id(b, d);
    return true;
}

/* Places as given, then the first that are free. */
static bool disk_place(PcBoard *b, GError **err)
{
    const BoardDrive *at[PC_IDE_DRIVES] = { NULL };

    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        BoardDrive *d = &b->cfg->drives[i];

        if (!disk_is_ide(d) || d->index < 0) {
            continue;
        }
        if (d->bus >= 0 && d->index >= (int)b->ide_units) {
            return error_set(err, "-drive unit=%d: an IDE bus of this board has units up to %u",
                             d->index, b->ide_units - 1);
        }
        d->index += d->bus > 0 ? d->bus * (int)b->ide_units : 0;
        if (!disk_take(b, d, at, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        BoardDrive *d = &b->cfg->drives[i];

        if (!disk_is_ide(d) || d->index >= 0) {
            continue;
        }
        for (d->index = 0; d->index < PC_IDE_DRIVES && at[d->index];) {
            d->index++;
        }
        if (!disk_take(b, d, at, err)) {
            return false;
        }
    }
    b->has_cd = at[PC_IDE_CD] != NULL;
    return true;
}

static bool disk_make_ide(PcBoard *b, int index, bool cdrom, const char *id, const char *serial,
                          GError **err)
{
    Device *dev = device_new(b->machine, cdrom ? "ide-cd" : "ide-hd", &b->dev, NULL, err);
    IdeBus *bus = ide_bus_of(b->ide, (unsigned)index / b->ide_units);

    if (!dev) {
        return false;
    }
    device_set_str(dev, "bus", bus->name);
    device_set_u64(dev, "unit", (unsigned)index % b->ide_units);
    return device_set_prop(dev, "drive", id, err) &&
           (!serial || device_set_prop(dev, "serial", serial, err)) && device_realize(dev, err);
}

/* SeaBIOS reads here how addresses of old are made of those of the disk. */
static void disk_translation(PcBoard *b, int index, const char *id)
{
    BlockBackend *disk = machine_find_backend(b->machine, "drive", id);
    bool large = disk && block_size(disk) / BLOCK_SECTOR > PC_TRANSLATED;

    if (b->rtc && large && index < 4) {
        b->translation |= (uint8_t)(1u << (2 * index));
        mc146818_set(b->rtc, CMOS_TRANSLATION, b->translation);
    }
}

static bool disk_make(PcBoard *b, const BoardDrive *d, const char *id, GError **err)
{
    Device *dev;

    switch (d->interface) {
    case DRIVE_NONE:
    case DRIVE_FLOPPY: /* made already */
        return true;
    case DRIVE_IDE:
        if (!d->file && !d->cdrom) {
            return error_set(err, "-drive if=ide: file= is missing");
        }
        disk_translation(b, d->index, id);
        return disk_make_ide(b, d->index, d->cdrom, id, d->serial, err);
    case DRIVE_VIRTIO:
        dev = device_new(b->machine, "virtio-blk-pci", &b->dev, NULL, err);
        return dev && device_set_prop(dev, "drive", id, err) &&
               (!d->serial || device_set_prop(dev, "serial", d->serial, err)) &&
               device_realize(dev, err);
    default:
        return error_set(err, "PCs have drives of if=ide, virtio, floppy and none");
    }
}

/* ---- Floppy disks ---- */

static bool disk_place_floppy(PcBoard *b, Device *dev, const BoardDrive *d, const char *id,
                              unsigned *next, GError **err)
{
    static const char *const props[PC_FLOPPIES] = { "driveA", "driveB" };
    unsigned n = d->index < 0 ? *next : (unsigned)d->index;

    if (n >= PC_FLOPPIES || b->floppies >> n & 1) {
        return error_set(err, "-drive %s: there are two places for floppy disks, index=0 and 1",
                         d->file ? d->file : "if=floppy");
    }
    b->floppies |= (uint8_t)(1u << n);
    *next = n + 1;
    return device_set_prop(dev, props[n], id, err);
}

/* The controller is there where there are drives. */
static bool disk_make_floppies(PcBoard *b, GError **err)
{
    uint8_t type[PC_FLOPPIES];
    Device *dev = NULL;
    unsigned next = 0;

    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = board_drive_id(d, i);

        if (d->interface != DRIVE_FLOPPY || !d->file) {
            continue;
        }
        if (!dev && !(dev = device_new(b->machine, "isa-fdc", &b->dev, "fdc", err))) {
            return false;
        }
        if (!disk_place_floppy(b, dev, d, id, &next, err)) {
            return false;
        }
    }
    if (!dev) {
        return true;
    }
    if (!device_realize(dev, err)) {
        return false;
    }
    for (unsigned n = 0; n < PC_FLOPPIES; n++) {
        type[n] = fdc_drive_type(dev, n);
    }
    mc146818_set(b->rtc, CMOS_FLOPPIES, (uint8_t)(type[0] << 4 | type[1]));
    /* Bits 7 to 6: drives less one; bit 2: mouse, bit 1: coprocessor, bit 0: there are drives. */
    mc146818_set(b->rtc, CMOS_EQUIPMENT, (uint8_t)(type[0] && type[1] ? 0x47 : 0x07));
    return true;
}

bool pc_make_dma(PcBoard *b, GError **err)
{
    return device_realize(device_make(b->machine, &device_i8257, &b->dev, "dma"), err);
}

bool pc_make_drives(PcBoard *b, GError **err)
{
    const char *id;

    if (!disk_place(b, err) || !board_open_drives(&b->plug, err) || !disk_make_floppies(b, err)) {
        return false;
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *name = board_drive_id(d, i);

        if (!disk_make(b, d, name, err)) {
            g_prefix_error(err, "-drive file=%s: ", d->file ? d->file : "");
            return false;
        }
    }
    if (b->has_cd || b->cfg->nodefaults) {
        return true;
    }
    id = disk_id(b, &(BoardDrive){ .index = PC_IDE_CD, .cdrom = true });
    return board_add_empty_drive(&b->plug, id, err) &&
           disk_make_ide(b, PC_IDE_CD, true, id, NULL, err);
}
