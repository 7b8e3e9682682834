/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: the commands and the table of them.
 * Spec: ATA8-ACS, "7 Command descriptions"; ATA/ATAPI-5 for those of addresses by cylinders.
 */
#include "hw/ide/ide-priv.h"

#include "util/bytes.h"

/* Commands that code asks for by name; the table has all. */
enum {
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_DMA_FUA_EXT = 0x3d,
    ATA_READ_NATIVE_MAX = 0xf8,
    ATA_WRITE_MULTIPLE_FUA_EXT = 0xce,
};

enum { ATA_TRIM_BLOCKS_MAX = 128, ATA_SECTORS_28 = 0x0fffffff };

typedef enum AtaKind { NO_DATA, PIO, MULTIPLE, DMA, VERIFY } AtaKind;
enum { EXT = 1, WRITES = 2, FUA = 4, FREE = 8 };

typedef void AtaFn(IdeDisk *s);

typedef struct AtaCommand {
    uint8_t first, last; /* operation codes */
    uint8_t kind;        /* of data transfers of sectors */
    uint8_t flags;
    AtaFn *fn; /* NULL: sectors move as `kind` says */
} AtaCommand;

/* ---- Addresses ---- */

uint32_t ata_cylinders(const IdeDisk *s)
{
    uint32_t of_one = (uint32_t)s->heads * s->sectors_per_track;

    return (uint32_t)min_u64(s->sectors / MAX(of_one, 1), 16383);
}

/* False: a cylinder, head or sector that is not there. */
static bool ata_address(const IdeDisk *s, bool ext, uint64_t *lba, uint32_t *count)
{
    const IdeTask *t = &s->u.task;
    uint32_t low = t->lba_low[0] | t->lba_mid[0] << 8 | t->lba_high[0] << 16;

    if (ext) {
        uint32_t high = t->lba_low[1] | t->lba_mid[1] << 8 | t->lba_high[1] << 16;

        *lba = low | (uint64_t)high << 24;
        *count = t->count[0] | t->count[1] << 8;
        *count = *count ? *count : 0x10000;
        return true;
    }
    *count = t->count[0] ? t->count[0] : 0x100;
    if (t->device & IDE_DEVICE_LBA) {
        *lba = low | (uint64_t)(t->device & 15) << 24;
        return true;
    }
    *lba = ((uint64_t)(low >> 8) * s->heads + (t->device & 15)) * s->sectors_per_track +
           t->lba_low[0] - 1;
    return t->lba_low[0] && t->lba_low[0] <= s->sectors_per_track && (t->device & 15) < s->heads;
}

/* ---- Sectors ---- */

static void ata_sectors(IdeDisk *s, const AtaCommand *c)
{
    IdeUnit *u = &s->u;
    uint64_t lba;
    uint32_t n;

    if ((c->kind == MULTIPLE && !s->multiple) ||
        (c->flags & WRITES && block_is_read_only(s->disk))) {
        ide_end_error(u, IDE_ABRT);
        return;
    }
    if (!ata_address(s, c->flags & EXT, &lba, &n) || lba >= s->sectors || n > s->sectors - lba) {
        ide_end_error(u, IDE_IDNF);
        return;
    }
    u->lba = lba;
    u->left = n;
    if (c->kind == DMA) {
        ata_dma(s);
    } else if (c->kind == VERIFY) {
        ata_verify(s);
    } else if (c->flags & WRITES) {
        ata_write_pio(s);
    } else {
        ata_read_pio(s);
    }
}

/* ---- Without data ---- */

static void ata_good(IdeDisk *s)
{
    ide_end(&s->u);
}

static void ata_no(IdeDisk *s)
{
    ide_end_error(&s->u, IDE_ABRT);
}

/* It is a disk: a host that looks for PACKET devices sees what is here. */
static void ata_no_packet(IdeDisk *s)
{
    uint8_t device = s->u.task.device, command = s->u.task.command;

    ide_set_signature(&s->u);
    s->u.task.device = device;
    s->u.task.command = command;
    ide_end_error(&s->u, IDE_ABRT);
}

static void ata_init_params(IdeDisk *s)
{
    IdeTask *t = &s->u.task;

    if (!t->count[0]) {
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    s->heads = (t->device & 15) + 1;
    s->sectors_per_track = t->count[0];
    ide_end(&s->u);
}

static void ata_set_multiple(IdeDisk *s)
{
    uint8_t n = s->u.task.count[0];

    if (n > IDE_MULTIPLE_MAX || (n && !bits_is_pow2(n))) {
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    s->multiple = n;
    ide_end(&s->u);
}

static void ata_check_power(IdeDisk *s)
{
    s->u.task.count[0] = 0xff; /* active or idle */
    ide_end(&s->u);
}

static void ata_native_max(IdeDisk *s)
{
    IdeTask *t = &s->u.task;
    bool ext = t->command != ATA_READ_NATIVE_MAX;
    uint64_t last = ext ? s->sectors - 1 : min_u64(s->sectors, ATA_SECTORS_28) - 1;

    t->lba_low[0] = (uint8_t)last;
    t->lba_mid[0] = (uint8_t)(last >> 8);
    t->lba_high[0] = (uint8_t)(last >> 16);
    if (ext) {
        t->lba_low[1] = (uint8_t)(last >> 24);
        t->lba_mid[1] = (uint8_t)(last >> 32);
        t->lba_high[1] = (uint8_t)(last >> 40);
    } else {
        t->device = (uint8_t)((t->device & 0xf0) | (last >> 24 & 15));
    }
    ide_end(&s->u);
}

static void ata_diagnostic(IdeDisk *s)
{
    uint8_t command = s->u.task.command;

    ide_set_signature(&s->u);
    s->u.task.command = command;
    s->u.step = IDE_IDLE;
    s->u.bus->ops->ended(s->u.bus, &s->u, false);
}

/* "7.47 SET FEATURES" */
static void ata_set_features(IdeDisk *s)
{
    uint8_t mode = s->u.task.count[0];

    switch (s->u.task.feature[0]) {
    case 0x02: /* write cache on */
        s->write_cache = 1;
        break;
    case 0x82: /* off: what is in it goes to the medium */
        s->write_cache = 0;
        ata_flush(s);
        return;
    case 0x03: /* transfer mode: PIO, multiword DMA, Ultra DMA */
        if ((mode >> 3) > 8 || (mode >> 3 == 4 && (mode & 7) > 2) ||
            (mode >> 3 == 8 && (mode & 7) > 5)) {
            ide_end_error(&s->u, IDE_ABRT);
            return;
        }
        if (mode >> 3 >= 4) {
            s->mode = mode;
        }
        break;
    case 0x55:
    case 0xaa:
        s->look_ahead = s->u.task.feature[0] == 0xaa;
        break;
    case 0x05: /* power management and noise: nothing to do */
    case 0x85:
    case 0x42:
    case 0xc2:
    case 0x66: /* settings at a reset */
    case 0xcc:
    case 0x69:
    case 0x67:
    case 0x96:
    case 0x9a:
        break;
    default:
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    ide_end(&s->u);
}

/* ---- Answers ---- */

static void ata_identify_command(IdeDisk *s)
{
    ata_identify(s, ide_data(&s->u, BLOCK_SECTOR));
    ide_answer(&s->u);
}

/* "7.24 READ LOG EXT": 00h the directory, 10h the queued command that failed. */
static void ata_read_log(IdeDisk *s)
{
    IdeTask *t = &s->u.task;
    unsigned n = t->count[0] | t->count[1] << 8;
    uint8_t *p;

    if (n != 1 || t->lba_mid[0] || t->lba_mid[1] || (t->lba_low[0] && t->lba_low[0] != 0x10)) {
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    p = ide_data(&s->u, BLOCK_SECTOR);
    if (t->lba_low[0] == 0) {
        put_le16(p, 1);
        put_le16(p + 2 * 0x10, 1);
    } else {
        p[0] = s->failed_status ? s->failed_tag : 0x80; /* NQ */
        p[2] = s->failed_status;
        p[3] = s->failed_error;
        put_le32(p + 4, (uint32_t)(s->failed_lba & 0xffffff));
        p[7] = IDE_DEVICE_LBA;
        put_le32(p + 8, (uint32_t)(s->failed_lba >> 24 & 0xffffff));
        ata_checksum(p);
    }
    if (t->command == 0x47) {
        ata_answer_dma(s);
    } else {
        ide_answer(&s->u);
    }
}

/* "7.9": ranges that the host does not need any more. */
static void ata_dsm(IdeDisk *s)
{
    IdeTask *t = &s->u.task;
    unsigned blocks = t->count[0] | t->count[1] << 8;

    if (!(t->feature[0] & 1) || !s->discard_granularity || !blocks ||
        blocks > ATA_TRIM_BLOCKS_MAX || block_is_read_only(s->disk)) {
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    ide_data(&s->u, blocks * BLOCK_SECTOR);
    ata_trim(s);
}

/* ---- SMART ("7.53") ---- */

enum { SMART_TEMPERATURE = 194 };

/* Attributes: reallocated sectors, hours, power cycles, temperature; flags, value, worst, raw. */
static const uint8_t smart_attributes[][12] = {
    { 5, 3, 0, 100, 100 },
    { 9, 3, 0, 100, 100, 1 },
    { 12, 3, 0, 100, 100 },
    { SMART_TEMPERATURE, 2, 0, 69, 69, 31 },
};

static void smart_data(uint8_t *p)
{
    put_le16(p, 1); /* revision */
    for (unsigned i = 0; i < ARRAY_SIZE(smart_attributes); i++) {
        memcpy(p + 2 + 12 * i, smart_attributes[i], 12);
    }
    p[362] = 2;           /* off-line collection: done */
    p[367] = 1 << 4 | 3;  /* off-line commands, self-test */
    put_le16(p + 368, 3); /* SMART capability */
    p[370] = 1;           /* error log */
    p[372] = 2;           /* minutes of a short self-test */
    p[373] = 54;          /* and of an extended one */
    ata_checksum(p);
}

static void smart_thresholds(uint8_t *p)
{
    put_le16(p, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(smart_attributes); i++) {
        p[2 + 12 * i] = smart_attributes[i][0];
        p[3 + 12 * i] = smart_attributes[i][0] == SMART_TEMPERATURE ? 50 : 36;
    }
    ata_checksum(p);
}

/* Directory, summary of errors, self-tests: nothing has happened. */
static bool smart_log(uint8_t *p, uint8_t log)
{
    switch (log) {
    case 0:
        p[0] = 1;
        p[2] = p[2 * 6] = 1;
        return true;
    case 1:
    case 6:
        p[0] = 1;
        ata_checksum(p);
        return true;
    default:
        return false;
    }
}

static void ata_smart(IdeDisk *s)
{
    IdeTask *t = &s->u.task;
    uint8_t feature = t->feature[0];
    bool answer = feature == 0xd0 || feature == 0xd1 || feature == 0xd5;

    if (t->lba_mid[0] != 0x4f || t->lba_high[0] != 0xc2 || (!s->smart && feature != 0xd8)) {
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    if (answer) {
        uint8_t *p = ide_data(&s->u, BLOCK_SECTOR);

        if (feature == 0xd0) {
            smart_data(p);
        } else if (feature == 0xd1) {
            smart_thresholds(p);
        } else if (!smart_log(p, t->lba_low[0])) {
            ide_end_error(&s->u, IDE_ABRT);
            return;
        }
        ide_answer(&s->u);
        return;
    }
    switch (feature) {
    case 0xd8:
    case 0xd9:
        s->smart = feature == 0xd8;
        break;
    case 0xd2: /* attributes are kept in any case; a self-test has ended before it is asked for */
    case 0xd4:
    case 0xda: /* nothing has gone beyond its threshold: the registers stay */
        break;
    default:
        ide_end_error(&s->u, IDE_ABRT);
        return;
    }
    ide_end(&s->u);
}

/* ---- The table ---- */

static const AtaCommand ata_commands[] = {
    { 0x00, 0x00, 0, 0, ata_no }, /* NOP */
    { 0x06, 0x06, 0, 0, ata_dsm },
    { 0x10, 0x1f, 0, 0, ata_good }, /* RECALIBRATE */
    { 0x20, 0x21, PIO, 0, NULL },
    { 0x24, 0x24, PIO, EXT, NULL },
    { 0x25, 0x25, DMA, EXT, NULL },
    { 0x27, 0x27, 0, 0, ata_native_max },
    { 0x29, 0x29, MULTIPLE, EXT, NULL },
    { 0x2f, 0x2f, 0, 0, ata_read_log },
    { 0x30, 0x31, PIO, WRITES, NULL },
    { 0x34, 0x34, PIO, EXT | WRITES, NULL },
    { ATA_WRITE_DMA_EXT, ATA_WRITE_DMA_EXT, DMA, EXT | WRITES, NULL },
    { 0x39, 0x39, MULTIPLE, EXT | WRITES, NULL },
    { ATA_WRITE_DMA_FUA_EXT, ATA_WRITE_DMA_FUA_EXT, DMA, EXT | WRITES | FUA, NULL },
    { 0x40, 0x41, VERIFY, 0, NULL },
    { 0x42, 0x42, VERIFY, EXT, NULL },
    { 0x47, 0x47, 0, 0, ata_read_log },
    { 0x70, 0x7f, 0, 0, ata_good }, /* SEEK */
    { 0x90, 0x90, 0, 0, ata_diagnostic },
    { 0x91, 0x91, 0, 0, ata_init_params },
    { 0x94, 0x97, 0, 0, ata_good }, /* standby, idle */
    { 0x98, 0x98, 0, 0, ata_check_power },
    { 0x99, 0x99, 0, 0, ata_good }, /* SLEEP */
    { 0xa1, 0xa1, 0, 0, ata_no_packet },
    { 0xb0, 0xb0, 0, 0, ata_smart },
    { 0xc4, 0xc4, MULTIPLE, 0, NULL },
    { 0xc5, 0xc5, MULTIPLE, WRITES, NULL },
    { 0xc6, 0xc6, 0, 0, ata_set_multiple },
    { 0xc8, 0xc9, DMA, 0, NULL },
    { 0xca, 0xcb, DMA, WRITES, NULL },
    { ATA_WRITE_MULTIPLE_FUA_EXT, ATA_WRITE_MULTIPLE_FUA_EXT, MULTIPLE, EXT | WRITES | FUA, NULL },
    { 0xe0, 0xe3, 0, 0, ata_good },
    { 0xe5, 0xe5, 0, 0, ata_check_power },
    { 0xe6, 0xe6, 0, 0, ata_good },
    { 0xe7, 0xe7, 0, 0, ata_flush },
    { 0xea, 0xea, 0, 0, ata_flush },
    { 0xec, 0xec, 0, 0, ata_identify_command },
    { 0xef, 0xef, 0, 0, ata_set_features },
    { ATA_READ_NATIVE_MAX, ATA_READ_NATIVE_MAX, 0, 0, ata_native_max },
};

static const AtaCommand *ata_find(uint8_t command)
{
    for (size_t i = 0; i < ARRAY_SIZE(ata_commands); i++) {
        if (command >= ata_commands[i].first && command <= ata_commands[i].last) {
            return &ata_commands[i];
        }
    }
    return NULL;
}

bool ata_command_writes(uint8_t command)
{
    const AtaCommand *c = ata_find(command);

    return c && c->flags & WRITES;
}

bool ata_command_forces(uint8_t command)
{
    const AtaCommand *c = ata_find(command);

    return c && c->flags & FUA;
}

/* Sectors between two interrupts. */
unsigned ata_command_block(const IdeDisk *s)
{
    const AtaCommand *c = ata_find(s->u.task.command);

    return c && c->kind == MULTIPLE && s->multiple ? s->multiple : 1;
}

void ata_command(IdeUnit *u)
{
    const AtaCommand *c = ata_find(u->task.command);

    if (!c) {
        ide_end_error(u, IDE_ABRT);
    } else if (c->fn) {
        c->fn(ata_of(u));
    } else {
        ata_sectors(ata_of(u), c);
    }
}
