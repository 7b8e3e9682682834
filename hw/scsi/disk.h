/* SPDX-License-Identifier: Apache-2.0 */
/* scsi-hd and scsi-cd. */
#ifndef HW_SCSI_DISK_H
#define HW_SCSI_DISK_H

#include "hw/scsi/scsi-priv.h"

enum {
    SD_UNMAP_DESCRIPTORS = 255,
    SD_WRITE_SAME_BYTES = 1 << 20, /* written at once */
    SD_VERIFY_BYTES = 16 << 20,
    SD_DATA_MAX = 4096, /* of an answer that is made up */
    SD_CD_BLOCK = 2048,
    SD_TEXT = 255,
};

typedef struct ScsiDisk {
    ScsiDevice s;
    BlockBackend *drive, *disk; /* the drive; it or one of our own of the same node, or NULL */
    uint32_t bootindex;
    BlockBackend *own; /* a drive of a device that has no other */
    bool share_rw, removable, dpofua, write_cache_on;
    char *serial, *vendor, *product, *ver, *device_id;
    uint64_t wwn, port_wwn, max_unmap_size, max_io_size;
    uint16_t port_index, rotation_rate;
    uint32_t scsi_version, logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint32_t discard_granularity;
    bool has_blocks; /* there is a medium */
    bool swapping;   /* the monitor puts in another one */
    bool read_only;
    uint64_t blocks; /* of it */
    uint8_t tray_open, tray_locked, write_cache;
    uint8_t media_event, eject_request; /* of CDs, for GET EVENT STATUS NOTIFICATION */
} ScsiDisk;

#define disk_of(dev_) ((ScsiDisk *)(void *)(dev_))

static inline bool sd_is_cd(const ScsiDisk *s)
{
    return scsi_type(&s->s)->peripheral == SCSI_TYPE_CD;
}

static inline bool sd_is_removable(const ScsiDisk *s)
{
    return s->removable || sd_is_cd(s);
}

static inline uint32_t sd_block(const ScsiDisk *s)
{
    return sd_is_cd(s) && !s->logical_block_size ? SD_CD_BLOCK : s->logical_block_size;
}

/* What is there for commands: SENSE_NONE, or why not. */
ScsiSense sd_medium(const ScsiDisk *s);
void sd_start(ScsiRequest *r);
/* The monitor sees the tray by the drive. */
void sd_publish(ScsiDisk *s);
/* The guest opens or shuts the tray: what is in it stays. Lock held. */
void sd_move_tray(ScsiDisk *s, bool open);

typedef void SdCommandFn(ScsiRequest *r, ScsiDisk *s);
SdCommandFn sd_inquiry, sd_mode_sense, sd_mode_select;
SdCommandFn sd_read_toc, sd_get_configuration, sd_get_event, sd_disc_info, sd_track_info;
SdCommandFn sd_mechanism_status, sd_disc_structure, sd_read_cd, sd_set_speed;

/* Read blocks into the request's memory. */
void sd_read_blocks(ScsiRequest *r, ScsiDisk *s, uint64_t lba, uint64_t blocks);
/* The medium is another one, or another size. Lock held. */
void sd_refresh(ScsiDisk *s);

#endif
