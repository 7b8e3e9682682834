/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk says of itself.
 * Spec: ATA8-ACS, "7.16 IDENTIFY DEVICE", table 29 (numbers of words).
 */
#include "hw/ide/ide-priv.h"

#include "util/bytes.h"

/* Words hold two characters, the first one in the high byte; blanks behind. */
void ata_text(uint8_t *to, const char *text, unsigned len)
{
    size_t n = strlen(text);

    for (unsigned i = 0; i < len; i++) {
        to[i ^ 1] = (uint8_t)(i < n ? text[i] : ' ');
    }
}

/* The bytes of a sector make 0. */
void ata_checksum(uint8_t *sector)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < BLOCK_SECTOR - 1; i++) {
        sum = (uint8_t)(sum + sector[i]);
    }
    sector[BLOCK_SECTOR - 1] = (uint8_t)-sum;
}

static void id_word(uint8_t *id, unsigned n, unsigned v)
{
    put_le16(id + 2 * (size_t)n, (uint16_t)v);
}

static void id_words(uint8_t *id, unsigned n, uint64_t v, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        id_word(id, n + i, (uint16_t)(v >> 16 * i));
    }
}

/* Words 1 to 6 and 53 to 58: cylinders, heads, sectors by default and as they are set. */
static void id_geometry(const IdeDisk *s, uint8_t *id)
{
    uint32_t now = ata_cylinders(s);

    id_word(id, 1, (unsigned)min_u64(s->sectors / (16 * 63), 16383));
    id_word(id, 3, 16);
    id_word(id, 6, 63);
    id_word(id, 53, 7); /* words 54 to 58, 64 to 70 and 88 hold */
    id_word(id, 54, now);
    id_word(id, 55, s->heads);
    id_word(id, 56, s->sectors_per_track);
    id_words(id, 57, min_u64((uint64_t)now * s->heads * s->sectors_per_track, s->sectors), 2);
}

/* Words 47 to 69, 88, 93: how data moves. */
static void id_modes(const IdeDisk *s, uint8_t *id)
{
    id_word(id, 47, 0x8000 | IDE_MULTIPLE_MAX);
    id_word(id, 48, 1);
    id_word(id, 49, 1 << 11 | 1 << 10 | 1 << 9 | 1 << 8); /* IORDY, LBA, DMA */
    id_word(id, 50, 1 << 14);
    id_word(id, 51, 2 << 8);
    id_word(id, 52, 2 << 8);
    id_word(id, 59, s->multiple ? 0x100u | s->multiple : 0);
    id_word(id, 63, 7u | (s->mode >> 3 == 4 ? 0x100u << (s->mode & 7) : 0));
    id_word(id, 64, 3); /* PIO modes 3 and 4 */
    for (unsigned n = 65; n <= 68; n++) {
        id_word(id, n, 120); /* ns a cycle */
    }
    id_word(id, 88, 0x3fu | (s->mode >> 3 == 8 ? 0x100u << (s->mode & 7) : 0));
    id_word(id, 93, 1u << 14 | 1u << 13 | 1); /* 80 wires */
}

/* Words 80 to 87: standards and features, those that are there and those that are on. */
static void id_features(const IdeDisk *s, uint8_t *id)
{
    enum { FLUSH = 1 << 12, FLUSH_EXT = 1 << 13, LBA48 = 1 << 10, WWN = 1 << 8, LOGS = 1 << 5 };
    unsigned fourth = 1u << 14 | LOGS | (s->wwn ? WWN : 0);

    id_word(id, 80, 0x1f0); /* ATA/ATAPI-4 to ATA8-ACS */
    id_word(id, 82, 1u << 14 | 1 << 6 | 1 << 5 | 1);
    id_word(id, 83, 1u << 14 | FLUSH_EXT | FLUSH | LBA48);
    id_word(id, 84, fourth);
    id_word(id, 85,
            1u << 14 | (unsigned)s->look_ahead << 6 | (unsigned)s->write_cache << 5 | s->smart);
    id_word(id, 86, FLUSH_EXT | FLUSH | LBA48);
    id_word(id, 87, fourth);
}

static void id_sata(const IdeDisk *s, uint8_t *id)
{
    if (s->u.bus->ops->queue_ended) {
        id_word(id, 75, 31);
        id_word(id, 76, 1 << 8 | 1 << 2 | 1 << 1); /* queued commands; 3 and 1.5 Gb/s */
    }
}

void ata_identify(const IdeDisk *s, uint8_t *id)
{
    uint32_t logical = ata_block(s), ratio = s->physical_block_size / logical;

    id_word(id, 0, 1 << 6);
    id_geometry(s, id);
    ata_text(id + 2 * 10, s->serial, ATA_SERIAL);
    id_word(id, 20, 3);
    id_word(id, 21, 512);
    id_word(id, 22, 4);
    ata_text(id + 2 * 23, s->ver, ATA_FIRMWARE);
    ata_text(id + 2 * 27, s->model, ATA_MODEL);
    id_modes(s, id);
    id_words(id, 60, min_u64(s->sectors, 0x0fffffff), 2);
    id_sata(s, id);
    id_features(s, id);
    id_words(id, 100, s->sectors, 4);
    id_word(id, 105, s->discard_granularity ? 128 : 0);
    id_word(id, 106,
            1u << 14 | (ratio > 1 ? 1u << 13 : 0) | (logical > BLOCK_SECTOR ? 1u << 12 : 0) |
                (unsigned)__builtin_ctz(MAX(ratio, 1)));
    for (unsigned i = 0; i < 4; i++) {
        id_word(id, 108 + i, (unsigned)(s->wwn >> (48 - 16 * i)) & 0xffff);
    }
    id_words(id, 117, logical / 2, 2);
    id_word(id, 169, s->discard_granularity ? 1 : 0);
    id_word(id, 217, s->rotation_rate);
    id[510] = 0xa5;
    ata_checksum(id);
}
