/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of PCs: IDE, and what -drive, -hda and -cdrom put there. */
#include "hw/board/pc-priv.h"

#include "hw/block/fdc.h"
#include "hw/board/super-io.h"
#include "hw/dma/i8257.h"
#include "hw/ide/ide.h"
#include "hw/timer/mc146818.h"

enum {
    PC_TRANSLATED = 1024 * 16 * 63, /* sectors that firmware reaches without translation */
    CMOS_FLOPPIES = 0x10,
    CMOS_EQUIPMENT = 0x14,
    CMOS_TRANSLATION = 0x39, /* two bits a drive: 0 none, 1 by LBA */
};

bool pc_make_ide(PcBoard *b, GError **err)
{
    Device *dev = device_new(b->machine, "piix3-ide", &b->dev, NULL, err);

    ide_drives_init(&b->ide, &b->plug, dev, 2, 2);
    return dev && device_set_props(dev, "addr=1.1", err) && device_realize(dev, err);
}

bool pc_make_ahci(PcBoard *b, GError **err)
{
    Device *dev = device_new(b->machine, "ich9-ahci", &b->dev, NULL, err);

    ide_drives_init(&b->ide, &b->plug, dev, 6, 1);
    return dev && device_set_props(dev, "addr=1f.2,multifunction=on", err) &&
           device_realize(dev, err);
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
    switch (d->interface) {
    case DRIVE_NONE:
    case DRIVE_PFLASH: /* firmware's */
    case DRIVE_FLOPPY: /* made already */
        return true;
    case DRIVE_IDE:
        disk_translation(b, d->index, id);
        return ide_drives_make(&b->ide, d, id, err);
    case DRIVE_VIRTIO:
        return board_make_virtio(&b->plug, "virtio-blk-pci", d, id, err);
    default:
        return error_set(err, "PCs have drives of if=ide, virtio, floppy, pflash and none");
    }
}

/* ---- Floppy disks ---- */

/* The controller is there where there are drives. */
static bool disk_make_floppies(PcBoard *b, GError **err)
{
    uint8_t type[SUPER_IO_FLOPPIES];
    Device *dev;

    if (!super_io_floppies(&b->plug, false, &dev, err)) {
        return false;
    }
    if (!dev) {
        return true;
    }
    for (unsigned n = 0; n < SUPER_IO_FLOPPIES; n++) {
        type[n] = fdc_drive_type(dev, n);
        b->floppies |= (uint8_t)((type[n] != 0) << n);
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
    if (!ide_drives_place(&b->ide, err) || !board_open_drives(&b->plug, err) ||
        !disk_make_floppies(b, err)) {
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
    return ide_drives_make_cd(&b->ide, err);
}
