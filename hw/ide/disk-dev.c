/* SPDX-License-Identifier: Apache-2.0 */
/* ide-hd as a device: its drive and properties. */
#include "hw/ide/ide-priv.h"

enum { ATA_HEADS = 16, ATA_TRACK = 63, ATA_UDMA5 = 0x45 };

static BlockBackend *hd_disk(IdeUnit *u)
{
    return ata_of(u)->disk;
}

static void hd_reset(IdeUnit *u, bool hard)
{
    IdeDisk *s = ata_of(u);

    s->multiple = IDE_MULTIPLE_MAX;
    if (!hard) {
        return;
    }
    s->heads = ATA_HEADS;
    s->sectors_per_track = ATA_TRACK;
    s->write_cache = s->write_cache_on;
    s->look_ahead = s->smart = 1;
    s->mode = ATA_UDMA5;
    s->failed_lba = 0;
    s->failed_tag = s->failed_status = s->failed_error = 0;
}

static const IdeType hd_type = {
    .command = ata_command,
    .go_on = ata_go_on,
    .again = ata_again,
    .reset = hd_reset,
    .disk = hd_disk,
};

static bool hd_wanted(void *opaque)
{
    return !((const IdeRequest *)opaque)->cancelled;
}

static bool hd_check_text(const char *name, const char *text, size_t max, GError **err)
{
    return strlen(text) <= max ||
           error_set(err, "%s=%s is longer than %zu characters", name, text, max);
}

static bool hd_check(IdeDisk *s, GError **err)
{
    uint32_t block = ata_block(s);

    if (!bits_is_pow2(block) || block < BLOCK_SECTOR || block > 4096 ||
        !bits_is_pow2(s->physical_block_size) || s->physical_block_size > 1 << 21) {
        return error_set(err,
                         "logical_block_size=%u, physical_block_size=%u: must be powers of 2 "
                         "from 512 on, the first up to 4096",
                         block, s->physical_block_size);
    }
    s->physical_block_size = MAX(s->physical_block_size, block);
    return (!s->serial || hd_check_text("serial", s->serial, ATA_SERIAL, err)) &&
           hd_check_text("ver", s->ver, ATA_FIRMWARE, err) &&
           hd_check_text("model", s->model, ATA_MODEL, err);
}

static bool hd_take_drive(IdeDisk *s, GError **err)
{
    s->disk = s->share_rw && block_is_shared(s->drive) ? block_share(s->drive, err) : s->drive;
    if (!s->disk) {
        return false;
    }
    if (!block_claim(s->disk, &s->u.dev, err)) {
        if (s->disk != s->drive) {
            block_close(s->disk);
        }
        s->disk = NULL;
        return false;
    }
    block_set_shared(s->disk, s->share_rw);
    block_set_wanted(s->disk, hd_wanted);
    s->sectors = block_size(s->disk) / ata_block(s);
    return true;
}

static void hd_let_go(IdeDisk *s)
{
    if (!s->disk) {
        return;
    }
    block_set_wanted(s->disk, NULL);
    block_release(s->disk, &s->u.dev);
    if (s->disk != s->drive) {
        block_close(s->disk);
    }
    s->disk = NULL;
}

static bool hd_start(Device *dev, GError **err)
{
    IdeDisk *s = device_as(dev, IdeDisk);

    if (!hd_check(s, err) || !hd_take_drive(s, err)) {
        return false;
    }
    if (!s->sectors) {
        error_set(err, "drive=%s is empty: a disk has a sector at least", block_id(s->drive));
        hd_let_go(s);
        return false;
    }
    if (!ide_plug(&s->u, err)) {
        hd_let_go(s);
        return false;
    }
    if (!s->serial) {
        s->serial = g_strdup_printf("QM%05u", s->u.bus->channel * IDE_UNITS + s->u.unit + 1);
    }
    return true;
}

static void hd_stop(Device *dev)
{
    IdeDisk *s = device_as(dev, IdeDisk);

    ide_unplug(&s->u);
    hd_let_go(s);
}

static const Field hd_fields[] = {
    PROP_BACKEND(IdeDisk, drive, "drive", .doc = "the disk", .required = true),
    PROP_BOOTINDEX(IdeDisk, bootindex),
    { "share-rw", FIELD_PROP, TYPE_BOOL, FIELD_AT(IdeDisk, share_rw, 1), .def = false,
      .doc = "other devices that say so may have the same drive" },
    PROP_STR(IdeDisk, serial, NULL, .doc = "QM and a number without it; 20 characters at most"),
    PROP_STR(IdeDisk, ver, "2.5+", .doc = "of its firmware; 8 characters at most"),
    PROP_STR(IdeDisk, model, "QEMU HARDDISK", .doc = "40 characters at most"),
    PROP_U64(IdeDisk, wwn, 0, .doc = "world wide name; 0: none"),
    PROP_U32(IdeDisk, logical_block_size, 512, .min = 512, .doc = "bytes of a sector"),
    PROP_U32(IdeDisk, physical_block_size, 512, .min = 512),
    PROP_U32(IdeDisk, min_io_size, 0, .doc = "of no effect here"),
    PROP_U32(IdeDisk, opt_io_size, 0, .doc = "of no effect here"),
    PROP_U32(IdeDisk, discard_granularity, 4096, .doc = "bytes; 0: no discard"),
    PROP_U16(IdeDisk, rotation_rate, 0, .doc = "of the medium; 1: it has no moving parts"),
    { "write-cache", FIELD_PROP, TYPE_BOOL, FIELD_AT(IdeDisk, write_cache_on, 1), .def = true,
      .doc = "on until the guest says otherwise" },
    SCRATCH(IdeDisk, disk),
    SCRATCH(IdeDisk, sectors),
    STATE_U8(IdeDisk, multiple, .max = IDE_MULTIPLE_MAX, .no_reset = true),
    STATE_U8(IdeDisk, write_cache, .max = 1, .no_reset = true),
    STATE_U8(IdeDisk, look_ahead, .max = 1, .no_reset = true),
    STATE_U8(IdeDisk, smart, .max = 1, .no_reset = true),
    STATE_U8(IdeDisk, mode, .no_reset = true),
    STATE_U16(IdeDisk, heads, .max = 16, .no_reset = true),
    STATE_U16(IdeDisk, sectors_per_track, .max = 255, .no_reset = true),
    STATE_U64(IdeDisk, failed_lba, .no_reset = true),
    STATE_U8(IdeDisk, failed_tag, .no_reset = true),
    STATE_U8(IdeDisk, failed_status, .no_reset = true),
    STATE_U8(IdeDisk, failed_error, .no_reset = true),
};

const DeviceType device_ide_hd = {
    .name = "ide-hd",
    .doc = "ATA disk",
    .base = &device_ide,
    .size = sizeof(IdeDisk),
    .fields = TABLE(hd_fields),
    .user_creatable = true,
    .start = hd_start,
    .stop = hd_stop,
    .boot_node = ide_boot_node,
    .extra = &hd_type,
};
