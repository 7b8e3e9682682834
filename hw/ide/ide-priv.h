/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of ATA units share. */
#ifndef HW_IDE_IDE_PRIV_H
#define HW_IDE_IDE_PRIV_H

#include "hw/ide/ide.h"

enum { ATA_SERIAL = 20, ATA_FIRMWARE = 8, ATA_MODEL = 40 };
enum { IDE_NO_TAG = -1 };

/* A unit's work at its disk. */
struct IdeRequest {
    IdeUnit *u; /* that of the bus's monitor; valid until it is forgotten */
    IdeBus *bus;
    IdeRequest *next, *prev;
    bool cancelled;
    int tag;
    /* sectors that DMA moves */
    uint64_t lba;
    uint32_t left, piece;
    bool write, fua, flushing;
    uint8_t *buf;
};

IdeRequest *ide_request_new(IdeUnit *u, int tag);
void ide_request_free(IdeRequest *r);
/* It ends without its unit. */
void ide_request_forget(IdeRequest *r);
/* A block request of @r has ended: true (with the lock taken): go on; else it is gone. */
bool ide_request_resume(IdeRequest *r);
void ide_set_signature(IdeUnit *u);

typedef struct IdeDisk {
    IdeUnit u;
    BlockBackend *drive, *disk; /* the drive; it, or one of our own of the same node */
    uint32_t bootindex;
    bool share_rw, write_cache_on;
    char *serial, *ver, *model;
    uint64_t wwn;
    uint32_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint32_t discard_granularity;
    uint16_t rotation_rate;
    uint64_t sectors;
    /* state */
    uint8_t multiple, write_cache, look_ahead, smart, mode;
    uint16_t heads, sectors_per_track; /* as INITIALIZE DEVICE PARAMETERS says */
    uint64_t failed_lba;               /* of a queued command, for its log */
    uint8_t failed_tag, failed_status, failed_error;
} IdeDisk;

static inline IdeDisk *ata_of(IdeUnit *u)
{
    return device_as(&u->dev, IdeDisk);
}

static inline uint32_t ata_block(const IdeDisk *s)
{
    return s->logical_block_size;
}

/* ---- Sectors (ata-io.c) ---- */

/* By PIO in blocks of @block sectors, by DMA: those of s->u.lba and s->u.left. */
void ata_read_pio(IdeDisk *s);
void ata_write_pio(IdeDisk *s);
void ata_dma(IdeDisk *s);
void ata_flush(IdeDisk *s);
void ata_verify(IdeDisk *s);
void ata_trim(IdeDisk *s);
void ata_answer_dma(IdeDisk *s);
void ata_go_on(IdeUnit *u);
void ata_again(IdeUnit *u);

/* ---- Commands (ata.c) ---- */

void ata_command(IdeUnit *u);
bool ata_command_writes(uint8_t command);
bool ata_command_forces(uint8_t command);
unsigned ata_command_block(const IdeDisk *s);

/* ---- What it says of itself (identify.c) ---- */

void ata_identify(const IdeDisk *s, uint8_t *id);
void ata_text(uint8_t *to, const char *text, unsigned len);
void ata_checksum(uint8_t *sector);
uint32_t ata_cylinders(const IdeDisk *s);

#endif
