/* SPDX-License-Identifier: Apache-2.0 */
/* scsi-hd and scsi-cd as devices: their drive, medium and tray. */
#include "hw/scsi/disk.h"

#include <inttypes.h>

/* ---- Medium and tray ---- */

ScsiSense sd_medium(const ScsiDisk *s)
{
    return s->tray_open     ? SENSE_NO_MEDIUM_OPEN
           : s->swapping    ? SENSE_NO_MEDIUM
           : !s->has_blocks ? (sd_is_removable(s) ? SENSE_NO_MEDIUM : SENSE_NOT_READY)
                            : SENSE_NONE;
}

void sd_refresh(ScsiDisk *s)
{
    s->blocks = s->disk && block_backend_node(s->disk) ? block_size(s->disk) / sd_block(s) : 0;
    s->has_blocks = s->blocks != 0;
    s->read_only = sd_is_cd(s) || !s->has_blocks || block_is_read_only(s->disk);
}

void sd_publish(ScsiDisk *s)
{
    if (s->disk) {
        block_tray_is(s->disk, s->tray_open, s->tray_locked);
    }
}

static void sd_tray_event(ScsiDisk *s)
{
    const char *id = s->drive && !block_is_nameless(s->drive) ? block_id(s->drive) : "";
    g_autofree char *data =
        g_strdup_printf("{\"device\": \"%s\", \"id\": \"%s\", \"tray-open\": %s}", id, s->s.dev.id,
                        s->tray_open ? "true" : "false");

    machine_post_event(s->s.dev.machine, EVENT_TRAY_MOVED, data);
}

/* The host does it: on its next look the guest learns of another medium. */
static void sd_set_tray(ScsiDisk *s, bool open, uint8_t media_event)
{
    if (!s->tray_open == !open) {
        return;
    }
    s->tray_open = open;
    sd_publish(s);
    s->eject_request = 0;
    s->media_event = media_event;
    if (!open && s->has_blocks) {
        scsi_attention(&s->s, SCSI_UA_MEDIUM);
    }
    sd_tray_event(s);
}

enum { MEDIA_NEW = 2, MEDIA_REMOVED = 3 }; /* MMC-6, table 266 */

void sd_move_tray(ScsiDisk *s, bool open)
{
    sd_set_tray(s, open, open || !s->has_blocks ? MEDIA_REMOVED : MEDIA_NEW);
}

/* Its adapter may have been taken away. */
static void sd_enter(ScsiDisk *s) NO_LOCK_ANALYSIS
{
    if (s->s.bus) {
        scsi_enter(s->s.bus);
    }
}

static void sd_leave(ScsiDisk *s) NO_LOCK_ANALYSIS
{
    if (s->s.bus) {
        scsi_leave(s->s.bus);
    }
}

/* The guest is asked for it; @force: it is not asked. */
static void sd_tray_request(void *opaque, bool force)
{
    ScsiDisk *s = opaque;

    sd_enter(s);
    s->eject_request = 1;
    if (force) {
        s->tray_locked = 0;
        sd_publish(s);
    }
    scsi_attention(&s->s, SCSI_UA_EJECT);
    scsi_changed(&s->s, SCSI_MEDIUM_CHANGED);
    sd_leave(s);
}

static void sd_tray_move(void *opaque, bool open)
{
    ScsiDisk *s = opaque;

    sd_enter(s);
    sd_move_tray(s, open);
    scsi_changed(&s->s, SCSI_MEDIUM_CHANGED);
    sd_leave(s);
}

static void sd_tray_swap(void *opaque, bool begin)
{
    ScsiDisk *s = opaque;

    sd_enter(s);
    s->swapping = begin;
    if (!begin) {
        sd_refresh(s);
    }
    sd_leave(s);
}

static const BlockTray sd_tray = { sd_tray_request, sd_tray_move, sd_tray_swap };

/* ---- Life ---- */

static bool sd_wanted(void *opaque)
{
    const ScsiRequest *r = opaque;

    return !r->cancelled;
}

static BlockBackend *sd_disk(const ScsiDevice *d)
{
    return ((const ScsiDisk *)(const void *)d)->disk;
}

static uint32_t sd_block_size(const ScsiDevice *d)
{
    return sd_block((const ScsiDisk *)(const void *)d);
}

static void sd_reset(ScsiDevice *d)
{
    ScsiDisk *s = disk_of(d);

    s->write_cache = s->write_cache_on;
    s->tray_locked = 0;
    sd_publish(s);
    s->eject_request = s->media_event = 0;
}

static const ScsiType sd_hd_type = {
    .peripheral = SCSI_TYPE_DISK,
    .block_size = sd_block_size,
    .start = sd_start,
    .reset = sd_reset,
    .disk = sd_disk,
};

static const ScsiType sd_cd_type = {
    .peripheral = SCSI_TYPE_CD,
    .block_size = sd_block_size,
    .start = sd_start,
    .reset = sd_reset,
    .disk = sd_disk,
};

static bool sd_check_text(const char *name, const char *text, size_t max, GError **err)
{
    return !text || strlen(text) <= max ||
           error_set(err, "%s=%s is longer than %zu characters", name, text, max);
}

static bool sd_check(ScsiDisk *s, GError **err)
{
    uint32_t block = sd_block(s);

    if (!bits_is_pow2(block) || block < BLOCK_SECTOR || block > 1 << 15 ||
        !bits_is_pow2(s->physical_block_size) || s->physical_block_size > 1 << 21) {
        return error_set(err,
                         "logical_block_size=%u, physical_block_size=%u: must be powers of 2 "
                         "from 512 on",
                         block, s->physical_block_size);
    }
    if (s->physical_block_size < block) {
        s->physical_block_size = block;
    }
    if (s->discard_granularity == UINT32_MAX) {
        s->discard_granularity = MAX(block, 4096);
    }
    if (s->discard_granularity % block) {
        return error_set(err, "discard_granularity=%u: must be a multiple of %u",
                         s->discard_granularity, block);
    }
    return sd_check_text("serial", s->serial, 36, err) &&
           sd_check_text("vendor", s->vendor, 8, err) &&
           sd_check_text("product", s->product, 16, err) && sd_check_text("ver", s->ver, 4, err) &&
           sd_check_text("device_id", s->device_id, 240, err);
}

static void sd_close(ScsiDisk *s)
{
    if (s->own) {
        machine_remove_backend(s->s.dev.machine, "drive", block_id(s->own));
    }
    if (s->disk != s->drive) {
        block_close(s->disk);
    }
    s->disk = s->own = NULL;
}

static void sd_let_go(ScsiDisk *s)
{
    if (!s->disk) {
        return;
    }
    block_set_tray(s->disk, NULL, NULL);
    block_set_wanted(s->disk, NULL);
    block_release(s->disk, &s->s.dev);
    sd_close(s);
}

static bool sd_take_drive(ScsiDisk *s, GError **err)
{
    Device *dev = &s->s.dev;

    if (!s->drive && !sd_is_cd(s)) {
        return error_set(err, "drive= is missing");
    }
    if (!s->drive) { /* an empty one, which is known by the device's id alone */
        s->own = block_open_empty(dev->machine, NULL, err);
        if (!s->own || !machine_add_backend(dev->machine, "drive", block_id(s->own), s->own, err)) {
            g_clear_pointer(&s->own, block_close);
            return false;
        }
    }
    s->disk = s->own                                     ? s->own
              : s->share_rw && block_is_shared(s->drive) ? block_share(s->drive, err)
                                                         : s->drive;
    if (!s->disk) {
        return false;
    }
    if (!(sd_is_cd(s) ? block_claim_tray(s->disk, dev, err) : block_claim(s->disk, dev, err))) {
        sd_close(s);
        return false;
    }
    block_set_shared(s->disk, s->share_rw);
    block_set_wanted(s->disk, sd_wanted);
    if (sd_is_removable(s)) {
        block_set_tray(s->disk, &sd_tray, s);
    }
    return true;
}

static bool sd_start_dev(Device *dev, GError **err)
{
    ScsiDisk *s = disk_of(dev);

    if (!sd_check(s, err) || !sd_take_drive(s, err)) {
        return false;
    }
    sd_refresh(s);
    if (!scsi_plug(&s->s, err)) {
        sd_let_go(s);
        return false;
    }
    return true;
}

static void sd_ready(Device *dev)
{
    scsi_ready(&disk_of(dev)->s);
}

/* Nobody is asked: the adapter tells its driver that the unit is gone. */
static bool sd_pull(Device *dev, GError **err)
{
    if (!dev->on) {
        return error_set(err, "Device '%s' goes with the device that it is part of", dev->id);
    }
    device_delete(dev, true);
    return true;
}

static void sd_stop(Device *dev)
{
    scsi_unplug(&disk_of(dev)->s);
    sd_let_go(disk_of(dev));
}

static bool sd_loaded(Device *dev, GError **err)
{
    ScsiDisk *s = disk_of(dev);

    sd_refresh(s);
    sd_publish(s);
    return !(s->s.attention >> SCSI_UAS) ||
           error_set(err, "%s: attention 0x%x is not known", device_path(dev), s->s.attention);
}

/* As firmware names the unit below the adapter. */
static char *sd_boot_node(Device *dev, Device **on)
{
    const ScsiDevice *d = device_as(dev, ScsiDevice);

    if (d->bus && d->bus->boot_node) {
        return d->bus->boot_node(d->bus, on);
    }
    *on = d->bus ? d->bus->host : dev;
    return g_strdup_printf("channel@%x/disk@%x,%x", d->channel, d->scsi_id, d->lun);
}

static const Field sd_fields[] = {
    PROP_BACKEND(ScsiDisk, drive, "drive", .doc = "the disk"),
    PROP_BOOTINDEX(ScsiDisk, bootindex),
    { "share-rw", FIELD_PROP, TYPE_BOOL, FIELD_AT(ScsiDisk, share_rw, 1), .def = false,
      .doc = "other devices that say so may have the same drive" },
    PROP_STR(ScsiDisk, serial, NULL, .doc = "36 characters at most"),
    PROP_STR(ScsiDisk, vendor, NULL, .doc = "QEMU without it; 8 characters at most"),
    PROP_STR(ScsiDisk, product, NULL, .doc = "16 characters at most"),
    PROP_STR(ScsiDisk, ver, NULL, .doc = "revision; 4 characters at most"),
    PROP_STR(ScsiDisk, device_id, NULL,
             .doc = "name of page 0x83; else the serial, else the drive"),
    PROP_U64(ScsiDisk, wwn, 0, .doc = "world wide name; 0: none"),
    PROP_U64(ScsiDisk, port_wwn, 0, .doc = "that of the port; 0: none"),
    PROP_U16(ScsiDisk, port_index, 0, .doc = "number of the port; 0: none"),
    PROP_U32(ScsiDisk, scsi_version, 5, .doc = "of SPC, in INQUIRY", .max = 7),
    PROP_U32(ScsiDisk, physical_block_size, 512, .min = 512),
    PROP_U32(ScsiDisk, min_io_size, 0, .doc = "bytes; 0: not told"),
    PROP_U32(ScsiDisk, opt_io_size, 0, .doc = "bytes; 0: not told"),
    PROP_U32(ScsiDisk, discard_granularity, UINT32_MAX,
             .doc = "bytes; 0: no discard; 4096 without it"),
    PROP_SIZE(ScsiDisk, max_unmap_size, 1 << 30, .doc = "bytes of one UNMAP or WRITE SAME"),
    PROP_SIZE(ScsiDisk, max_io_size, INT32_MAX, .doc = "bytes of one READ or WRITE"),
    { "write-cache", FIELD_PROP, TYPE_BOOL, FIELD_AT(ScsiDisk, write_cache_on, 1), .def = true,
      .doc = "on until the guest says otherwise" },
    STATE_U8(ScsiDisk, tray_open, .max = 1, .no_reset = true),
    STATE_U8(ScsiDisk, tray_locked, .max = 1, .no_reset = true),
    STATE_U8(ScsiDisk, write_cache, .max = 1, .no_reset = true),
    STATE_U8(ScsiDisk, media_event, .max = 4, .no_reset = true),
    STATE_U8(ScsiDisk, eject_request, .max = 1, .no_reset = true),
    SCRATCH(ScsiDisk, disk),
    SCRATCH(ScsiDisk, own),
    SCRATCH(ScsiDisk, has_blocks),
    SCRATCH(ScsiDisk, swapping),
    SCRATCH(ScsiDisk, read_only),
    SCRATCH(ScsiDisk, blocks),
};

static const DeviceType device_scsi_disk = {
    .name = "scsi-disk-base",
    .doc = "what SCSI disks and CD drives have",
    .base = &device_scsi,
    .size = sizeof(ScsiDisk),
    .fields = TABLE(sd_fields),
    .ready = sd_ready,
    .stop = sd_stop,
    .unplug = sd_pull,
    .loaded = sd_loaded,
};

static const Field sd_hd_fields[] = {
    PROP_U32(ScsiDisk, logical_block_size, 512, .min = 512, .doc = "bytes of a block"),
    PROP_BOOL(ScsiDisk, removable, false, .doc = "a medium that can be taken out"),
    PROP_BOOL(ScsiDisk, dpofua, false, .doc = "say that writes can be forced to the medium"),
    PROP_U16(ScsiDisk, rotation_rate, 0, .doc = "of the medium; 1: it has no moving parts"),
};

const DeviceType device_scsi_hd = {
    .name = "scsi-hd",
    .doc = "SCSI disk",
    .base = &device_scsi_disk,
    .size = sizeof(ScsiDisk),
    .fields = TABLE(sd_hd_fields),
    .user_creatable = true,
    .start = sd_start_dev,
    .boot_node = sd_boot_node,
    .extra = &sd_hd_type,
};

static const Field sd_cd_fields[] = {
    SCRATCH(ScsiDisk, logical_block_size),
    SCRATCH(ScsiDisk, removable),
    SCRATCH(ScsiDisk, dpofua),
    SCRATCH(ScsiDisk, rotation_rate),
};

const DeviceType device_scsi_cd = {
    .name = "scsi-cd",
    .doc = "SCSI CD and DVD drive",
    .base = &device_scsi_disk,
    .size = sizeof(ScsiDisk),
    .fields = TABLE(sd_cd_fields),
    .user_creatable = true,
    .start = sd_start_dev,
    .boot_node = sd_boot_node,
    .extra = &sd_cd_type,
};
