/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ide-cd: PACKET, whose commands are those of a scsi-cd of its own behind a bus of one unit.
 * Spec: ATA/ATAPI-6 (T13/1410D r3b), "8.23 PACKET", "8.16 IDENTIFY PACKET DEVICE", "9.8";
 * SFF-8020i 2.6, "5.5" (interrupt reason, byte count).
 */
#include "hw/ide/ide-priv.h"
#include "hw/scsi/scsi.h"

#include "util/bytes.h"

enum {
    CD_BLOCK = 2048,
    CD_PIECE = IDE_DATA_MAX / CD_BLOCK, /* blocks that are read at once */
    REASON_COMMAND = 1,
    REASON_IN = 2,
    FEATURE_DMA = 1,
    READ_CD_USER_DATA = 0x10,
    CD_READ_10 = 0x28,
    CD_READ_12 = 0xa8,
    CD_READ_CD = 0xbe,
};

typedef struct IdeCd {
    IdeUnit u;
    char *model;
    uint64_t wwn;
    ScsiBus bus;
    bool made;
    ScsiRequest *req; /* under way */
    /* state; blocks of a reading command that are still to read are u.lba and u.left */
    uint8_t cdb[IDE_PACKET];
    uint8_t reading, dma, mode;
    uint16_t limit; /* bytes of a block of PIO */
} IdeCd;

static IdeCd *cd_of(IdeUnit *u)
{
    return device_as(&u->dev, IdeCd);
}

/* ---- The task file of PACKET ---- */

static void cd_reason(IdeUnit *u, uint8_t reason, uint32_t bytes)
{
    u->task.count[0] = reason;
    u->task.lba_mid[0] = (uint8_t)bytes;
    u->task.lba_high[0] = (uint8_t)(bytes >> 8);
}

static void cd_end(IdeUnit *u, uint8_t error)
{
    u->task.count[0] = REASON_COMMAND | REASON_IN;
    if (error) {
        ide_end_error(u, error);
    } else {
        ide_end(u);
    }
}

/* The next block of what is here, of as many bytes as the host takes at once. */
static void cd_next_block(IdeUnit *u, bool in)
{
    uint32_t n = MIN(u->data_have - u->data_end, cd_of(u)->limit);

    cd_reason(u, in ? REASON_IN : 0, n);
    ide_pio(u, u->data_end, u->data_end + n, false);
}

/* ---- Commands ---- */

static void cd_submit(IdeCd *s);

static void cd_data_in(IdeCd *s, uint32_t bytes)
{
    IdeUnit *u = &s->u;

    u->data_have = bytes;
    u->data_at = u->data_end = 0;
    if (!bytes) {
        cd_end(u, 0);
    } else if (!s->dma) {
        u->step = IDE_PACKET_IN;
        cd_next_block(u, true);
    } else if (!u->bus->ops->dma(u->bus, u, NULL, u->data, bytes, true)) {
        u->task.count[0] = REASON_COMMAND | REASON_IN;
        ide_end_short(u);
    } else if (u->left) {
        cd_submit(s);
    } else {
        cd_end(u, 0);
    }
}

static void cd_complete(ScsiRequest *r)
{
    IdeCd *s = r->opaque;
    IdeUnit *u = &s->u;
    uint32_t done = (uint32_t)MIN(r->done, IDE_DATA_MAX);
    uint8_t status = r->status, key = r->sense[2] & 15;
    bool in = r->n_in || r->direction == SCSI_DATA_IN;

    s->req = NULL;
    scsi_request_unref(r);
    if (status != SCSI_GOOD) {
        cd_end(u, (uint8_t)(key << 4 | (key == 5 || key == 11 ? IDE_ABRT : 0)));
        return;
    }
    if (s->reading) {
        uint32_t n = MIN(u->left, CD_PIECE);

        u->lba += n;
        u->left -= n;
    }
    if (in) {
        cd_data_in(s, done);
    } else {
        cd_end(u, 0);
    }
}

static void cd_cancelled(ScsiRequest *r)
{
    IdeCd *s = r->opaque;

    s->req = s->req == r ? NULL : s->req;
    scsi_request_unref(r);
}

static void cd_hold(ScsiRequest *r)
{
    IdeCd *s = r->opaque;

    s->req = NULL;
    s->u.held = 1;
    scsi_request_unref(r);
}

static void cd_enter(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    IdeCd *s = device_as(bus->dev, IdeCd);

    if (s->u.bus) {
        ide_enter(s->u.bus);
    }
}

static void cd_leave(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    IdeCd *s = device_as(bus->dev, IdeCd);

    if (s->u.bus) {
        ide_leave(s->u.bus);
    }
}

static const ScsiBusOps cd_ops = {
    .complete = cd_complete,
    .cancelled = cd_cancelled,
    .hold = cd_hold,
    .enter = cd_enter,
    .leave = cd_leave,
};

/* The command, or its next piece: what goes out is in u->data. */
static void cd_submit(IdeCd *s)
{
    IdeUnit *u = &s->u;
    uint8_t cdb[IDE_PACKET] = { CD_READ_12 };
    struct iovec iov = { u->data, 0 };
    ScsiRequest *r;

    u->step = IDE_PACKET_WORK;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_BSY;
    if (s->reading) {
        put_be32(cdb + 2, (uint32_t)u->lba);
        put_be32(cdb + 6, MIN(u->left, CD_PIECE));
    } else {
        memcpy(cdb, s->cdb, IDE_PACKET);
    }
    r = scsi_request_new(&s->bus, 0, 0, 0, 0, cdb, IDE_PACKET, s);
    if (!r) {
        cd_end(u, IDE_ABRT);
        return;
    }
    iov.iov_len = r->direction == SCSI_DATA_OUT ? u->data_have : MIN(r->xfer, IDE_DATA_MAX);
    if (r->direction == SCSI_DATA_IN && iov.iov_len) {
        memset(u->data, 0, iov.iov_len);
    }
    scsi_request_data(r, &iov, r->direction == SCSI_DATA_OUT && iov.iov_len ? 1 : 0, &iov,
                      r->direction == SCSI_DATA_IN && iov.iov_len ? 1 : 0);
    s->req = r;
    scsi_request_submit(r);
}

/* Bytes that come from the host before the command can begin. */
static uint32_t cd_out_bytes(IdeCd *s)
{
    ScsiRequest *r = scsi_request_new(&s->bus, 0, 0, 0, 0, s->cdb, IDE_PACKET, s);
    uint32_t n = r && r->direction == SCSI_DATA_OUT ? (uint32_t)MIN(r->xfer, IDE_DATA_MAX) : 0;

    if (r) {
        scsi_request_unref(r);
    }
    return n;
}

/* The adapter is ready. */
static void cd_begin(IdeCd *s)
{
    IdeUnit *u = &s->u;
    uint32_t out = cd_out_bytes(s);

    ide_data(u, out);
    u->data_end = 0;
    if (out && s->dma) {
        if (!u->bus->ops->dma(u->bus, u, NULL, u->data, out, false)) {
            ide_end_short(u);
            return;
        }
    } else if (out) {
        u->step = IDE_PACKET_OUT;
        cd_next_block(u, false);
        return;
    }
    cd_submit(s);
}

/* What reads blocks is cut into pieces. */
static void cd_find_blocks(IdeCd *s)
{
    const uint8_t *cdb = s->cdb;
    uint32_t blocks;

    switch (cdb[0]) {
    case CD_READ_10:
        blocks = cdb[1] & 0xe0 ? 0 : get_be16(cdb + 7);
        break;
    case CD_READ_12:
        blocks = cdb[1] & 0xe0 ? 0 : get_be32(cdb + 6);
        break;
    case CD_READ_CD:
        blocks = (cdb[9] & 0xf8) == READ_CD_USER_DATA && !(cdb[10] & 7)
                     ? get_be32(cdb + 5) & 0xffffff
                     : 0;
        break;
    default:
        blocks = 0;
        break;
    }
    s->reading = blocks != 0;
    s->u.lba = blocks ? get_be32(cdb + 2) : 0;
    s->u.left = blocks;
}

void ide_packet(IdeUnit *u, const uint8_t *cdb)
{
    IdeCd *s = cd_of(u);
    uint32_t limit = u->task.lba_mid[0] | (uint32_t)u->task.lba_high[0] << 8;

    memcpy(s->cdb, cdb, IDE_PACKET);
    s->limit = (uint16_t)(limit < 2 || limit == 0xffff ? 0xfffe : limit & ~1u);
    cd_find_blocks(s);
    u->step = IDE_PACKET_WORK;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_BSY;
    if (!s->dma || u->bus->ops->dma_start(u->bus, u)) {
        cd_begin(s);
    }
}

static void cd_go_on(IdeUnit *u)
{
    IdeCd *s = cd_of(u);
    uint8_t cdb[IDE_PACKET];

    switch (u->step) {
    case IDE_PACKET_CDB:
        memcpy(cdb, u->data, sizeof(cdb));
        ide_packet(u, cdb);
        break;
    case IDE_PACKET_WORK: /* memory is ready */
        if (!s->req) {
            cd_begin(s);
        }
        break;
    case IDE_PACKET_IN:
        if (u->data_end < u->data_have) {
            cd_next_block(u, true);
        } else if (u->left) {
            cd_submit(s);
        } else {
            cd_end(u, 0);
        }
        break;
    case IDE_PACKET_OUT:
        if (u->data_end < u->data_have) {
            cd_next_block(u, false);
        } else {
            cd_submit(s);
        }
        break;
    default:
        break;
    }
}

static void cd_again(IdeUnit *u)
{
    uint8_t cdb[IDE_PACKET];

    if (!u->bus->ops->queue_ended) {
        cd_submit(cd_of(u));
        return;
    }
    memcpy(cdb, cd_of(u)->cdb, sizeof(cdb));
    u->bus->ops->rewind(u->bus, u);
    ide_packet(u, cdb);
}

/* ---- The few commands that are not PACKET ---- */

static void cd_identify(IdeCd *s, uint8_t *id)
{
    g_autoptr(GError) none = NULL;
    Device *unit = s->u.dev.first_child;
    g_autofree char *serial = unit ? device_get_prop(unit, "serial", &none) : NULL;
    g_autofree char *ver = unit ? device_get_prop(unit, "ver", &none) : NULL;

    put_le16(id, 0x85c0); /* a CD drive, removable, packets of 12 bytes */
    ata_text(id + 2 * 10, serial ? serial : "", ATA_SERIAL);
    put_le16(id + 2 * 20, 3);
    put_le16(id + 2 * 21, 512);
    put_le16(id + 2 * 22, 4);
    ata_text(id + 2 * 23, ver && *ver ? ver : "2.5+", ATA_FIRMWARE);
    ata_text(id + 2 * 27, s->model, ATA_MODEL);
    put_le16(id + 2 * 48, 1);
    put_le16(id + 2 * 49, 1 << 11 | 1 << 9 | 1 << 8); /* IORDY, LBA, DMA */
    put_le16(id + 2 * 53, 6);
    put_le16(id + 2 * 63, (uint16_t)(7u | (s->mode >> 3 == 4 ? 0x100u << (s->mode & 7) : 0)));
    put_le16(id + 2 * 64, 3);
    for (unsigned n = 65; n <= 68; n++) {
        put_le16(id + 2 * (size_t)n, 120);
    }
    put_le16(id + 2 * 71, 30);
    put_le16(id + 2 * 72, 30);
    if (s->u.bus->ops->queue_ended) {
        put_le16(id + 2 * 76, 1 << 2 | 1 << 1);
    }
    put_le16(id + 2 * 80, 0x1f0);
    put_le16(id + 2 * 88, (uint16_t)(0x3fu | (s->mode >> 3 == 8 ? 0x100u << (s->mode & 7) : 0)));
    put_le16(id + 2 * 93, 1 << 14 | 1 << 13 | 1);
}

/* It is no disk: a host that looks for one sees what is here. */
static void cd_no_disk(IdeUnit *u)
{
    uint8_t device = u->task.device, command = u->task.command;

    ide_set_signature(u);
    u->task.device = device;
    u->task.command = command;
    ide_end_error(u, IDE_ABRT);
}

static void cd_set_features(IdeCd *s)
{
    uint8_t mode = s->u.task.count[0];

    if (s->u.task.feature[0] == 0x03) {
        if ((mode >> 3) > 8 || (mode >> 3 == 4 && (mode & 7) > 2) ||
            (mode >> 3 == 8 && (mode & 7) > 5)) {
            ide_end_error(&s->u, IDE_ABRT);
            return;
        }
        s->mode = mode >> 3 >= 4 ? mode : s->mode;
    }
    ide_end(&s->u);
}

static void cd_packet_command(IdeCd *s)
{
    IdeUnit *u = &s->u;

    s->dma = u->task.feature[0] & FEATURE_DMA;
    u->task.count[0] = REASON_COMMAND;
    u->step = IDE_PACKET_CDB;
    ide_data(u, IDE_PACKET);
    ide_pio(u, 0, IDE_PACKET, true);
}

static void cd_command(IdeUnit *u)
{
    IdeCd *s = cd_of(u);

    switch (u->task.command) {
    case 0xa0:
        cd_packet_command(s);
        break;
    case 0xa1:
        cd_identify(s, ide_data(u, BLOCK_SECTOR));
        ide_answer(u);
        break;
    case 0xef:
        cd_set_features(s);
        break;
    case 0x90:
        ide_set_signature(u);
        u->step = IDE_IDLE;
        u->bus->ops->ended(u->bus, u, false);
        break;
    case 0x20:
    case 0xec:
        cd_no_disk(u);
        break;
    case 0xe5:
        u->task.count[0] = 0xff; /* active or idle */
        ide_end(u);
        break;
    case 0xe0: /* standby, idle, sleep */
    case 0xe1:
    case 0xe2:
    case 0xe3:
    case 0xe6:
        ide_end(u);
        break;
    default:
        ide_end_error(u, IDE_ABRT);
        break;
    }
}

/* ---- Life ---- */

static void cd_reset(IdeUnit *u, bool hard)
{
    IdeCd *s = cd_of(u);

    s->reading = s->dma = 0;
    s->limit = 0xfffe;
    s->mode = hard ? 0x45 : s->mode; /* Ultra DMA 5 */
}

static void cd_abort(IdeUnit *u)
{
    IdeCd *s = cd_of(u);

    if (s->made && s->req) {
        scsi_abort_bus(&s->bus);
    }
}

static BlockBackend *cd_disk(IdeUnit *u)
{
    return NULL;
}

static void cd_saving(IdeUnit *u)
{
    scsi_bus_drain(&cd_of(u)->bus);
    scsi_bus_hold(&cd_of(u)->bus);
}

static const IdeType cd_type = {
    .packet = true,
    .command = cd_command,
    .go_on = cd_go_on,
    .again = cd_again,
    .reset = cd_reset,
    .abort = cd_abort,
    .disk = cd_disk,
    .saving = cd_saving,
};

static char *cd_boot_node(ScsiBus *bus, Device **on)
{
    return ide_boot_node(bus->dev, on);
}

static bool cd_make_unit(IdeCd *s, GError **err)
{
    Device *unit = s->u.dev.first_child;
    g_autofree char *product = g_strndup(s->model, 16);
    g_autofree char *serial = NULL;
    ScsiDevice *d;

    if (!unit) { /* never: the type has it */
        return error_set(err, "it has no unit");
    }
    serial = g_strdup_printf("QM%05u", s->u.bus->channel * IDE_UNITS + s->u.unit + 1);
    d = device_as(unit, ScsiDevice);
    d->bus = &s->bus;
    d->scsi_id = d->lun = 0;
    if (!device_prop_is_set(unit, "product")) {
        device_set_str(unit, "product", product);
    }
    if (!device_prop_is_set(unit, "serial")) {
        device_set_str(unit, "serial", serial);
    }
    return device_realize(unit, err);
}

static bool cd_start(Device *dev, GError **err)
{
    static const ScsiBusInfo info = { .private = true };
    IdeCd *s = device_as(dev, IdeCd);

    if (strlen(s->model) > ATA_MODEL) {
        return error_set(err, "model=%s is longer than %d characters", s->model, ATA_MODEL);
    }
    if (!ide_plug(&s->u, err)) {
        return false;
    }
    s->made = scsi_bus_init(&s->bus, dev, dev->id, &cd_ops, &info, err);
    if (s->made) {
        s->bus.boot_node = cd_boot_node;
        if (cd_make_unit(s, err)) {
            return true;
        }
        scsi_bus_deinit(&s->bus);
        s->made = false;
    }
    ide_unplug(&s->u);
    return false;
}

static void cd_stop(Device *dev)
{
    IdeCd *s = device_as(dev, IdeCd);

    if (s->made) {
        scsi_bus_deinit(&s->bus);
        s->made = false;
    }
    ide_unplug(&s->u);
}

static const Field cd_fields[] = {
    PROP_STR(IdeCd, model, "QEMU DVD-ROM", .doc = "40 characters at most"),
    PROP_U64(IdeCd, wwn, 0, .doc = "world wide name; of no effect here"),
    SCRATCH(IdeCd, bus),
    SCRATCH(IdeCd, made),
    SCRATCH(IdeCd, req),
    STATE_ARRAY(IdeCd, cdb, .no_reset = true),
    STATE_U8(IdeCd, reading, .max = 1, .no_reset = true),
    STATE_U8(IdeCd, dma, .max = 1, .no_reset = true),
    STATE_U8(IdeCd, mode, .no_reset = true),
    STATE_U16(IdeCd, limit, .min = 2, .max = 0xfffe, .def = 0xfffe, .no_reset = true),
};

const DeviceType device_ide_cd = {
    .name = "ide-cd",
    .doc = "ATAPI CD and DVD drive",
    .base = &device_ide,
    .size = sizeof(IdeCd),
    .fields = TABLE(cd_fields),
    .user_creatable = true,
    .inner = &device_scsi_cd,
    .start = cd_start,
    .stop = cd_stop,
    .extra = &cd_type,
};
