/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/ide/channel.h"

#include "hw/ide/ide-priv.h"
#include "util/bytes.h"

enum {
    REG_DATA,
    REG_ERROR,
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS,
    CONTROL_HOB = 1 << 7,
    CONTROL_SRST = 1 << 2,
    BM_START = 1 << 0,
    BM_COMMAND_BITS = 1 << 3 | BM_START,
    BM_ACTIVE = 1 << 0,
    BM_ERROR = 1 << 1,
    BM_INTERRUPT = 1 << 2,
    BM_CAPABLE = 3 << 5,
    PRD_BYTES = 8,
    ATA_DEVICE_RESET = 0x08,
    ATA_DIAGNOSTIC = 0x90,
};

static IdeChannel *channel_of(IdeBus *b)
{
    return (IdeChannel *)(void *)b;
}

/* NULL: nobody is there. */
static IdeUnit *channel_unit(IdeChannel *c)
{
    return c->bus.unit[c->select];
}

static void channel_interrupt(IdeChannel *c)
{
    c->intrq = 1;
    if (c->has_dma) {
        c->bm_status |= BM_INTERRUPT;
    }
}

/* ---- The bus master ---- */

static void bm_rewind(IdeChannel *c)
{
    c->bm_next = c->bm_table;
    c->bm_left = 0;
    c->bm_last = 0;
}

/* The next entry of the table; false: there is none. */
static bool bm_entry(IdeChannel *c)
{
    uint8_t prd[PRD_BYTES];
    uint32_t count;

    if (c->bm_last) {
        return false;
    }
    if (device_dma_read(c->bus.dev, c->bm_next, prd, sizeof(prd)) != MEM_OK) {
        c->bm_status |= BM_ERROR;
        return false;
    }
    c->bm_next += PRD_BYTES;
    count = get_le32(prd + 4);
    c->bm_at = get_le32(prd) & ~1u;
    c->bm_left = count & 0xfffe ? count & 0xfffe : 0x10000;
    c->bm_last = count >> 31;
    return true;
}

static bool channel_dma_start(IdeBus *b, IdeUnit *u)
{
    return channel_of(b)->bm_status & BM_ACTIVE;
}

static bool channel_dma(IdeBus *b, IdeUnit *u, IdeRequest *r, void *buf, uint32_t len,
                        bool to_memory)
{
    IdeChannel *c = channel_of(b);
    uint8_t *p = buf;

    while (len) {
        uint32_t n;
        MemResult result;

        if (!(c->bm_status & BM_ACTIVE) || (!c->bm_left && !bm_entry(c))) {
            return false;
        }
        n = MIN(len, c->bm_left);
        result = to_memory ? device_dma_write(b->dev, c->bm_at, p, n)
                           : device_dma_read(b->dev, c->bm_at, p, n);
        if (result != MEM_OK) {
            c->bm_status |= BM_ERROR;
            return false;
        }
        p += n;
        len -= n;
        c->bm_at += n;
        c->bm_left -= n;
    }
    return true;
}

static void channel_rewind(IdeBus *b, IdeUnit *u)
{
    bm_rewind(channel_of(b));
}

uint64_t ide_channel_bm_read(IdeChannel *c, unsigned off, unsigned size)
{
    uint8_t regs[8] = { c->bm_command, 0, c->bm_status };

    put_le32(regs + 4, c->bm_table);
    return off + size <= sizeof(regs) ? get_le(regs + off, size) : bits_mask(size * 8);
}

static void bm_command(IdeChannel *c, uint8_t val)
{
    bool was = c->bm_command & BM_START;

    c->bm_command = val & BM_COMMAND_BITS;
    if (!(val & BM_START)) {
        c->bm_status &= (uint8_t)~BM_ACTIVE;
    } else if (!was) {
        c->bm_status |= BM_ACTIVE;
        bm_rewind(c);
        if (channel_unit(c)) {
            ide_dma_go(channel_unit(c));
        }
    }
}

/* The error and interrupt bits are cleared by ones. */
static void bm_set_status(IdeChannel *c, uint8_t val)
{
    uint8_t keep = c->bm_status & BM_ACTIVE;
    uint8_t set = c->bm_status & (BM_ERROR | BM_INTERRUPT) & (uint8_t)~val;

    c->bm_status = (uint8_t)(keep | set | (val & BM_CAPABLE));
}

void ide_channel_bm_write(IdeChannel *c, unsigned off, unsigned size, uint64_t val)
{
    for (unsigned i = 0; i < size; i++, val >>= 8) {
        unsigned at = off + i;

        if (at == 0) {
            bm_command(c, (uint8_t)val);
        } else if (at == 2) {
            bm_set_status(c, (uint8_t)val);
        } else if (at >= 4 && at < 8) {
            c->bm_table = (uint32_t)bits_deposit(c->bm_table, 8 * (at - 4), 8, (uint8_t)val) & ~3u;
        }
    }
}

/* ---- What units ask for ---- */

static void channel_pio(IdeBus *b, IdeUnit *u, bool quiet)
{
    if (!quiet) {
        channel_interrupt(channel_of(b));
    }
}

/* 1.2 of the bus master's page: memory that was too small brings no interrupt; one that was too
 * large leaves the bus master active. */
static void channel_ended(IdeBus *b, IdeUnit *u, bool short_dma)
{
    IdeChannel *c = channel_of(b);

    if (short_dma || (c->bm_last && !c->bm_left)) {
        c->bm_status &= (uint8_t)~BM_ACTIVE;
    }
    if (!short_dma || c->bm_status & BM_ERROR) {
        channel_interrupt(c);
    }
}

static const IdeBusOps channel_ops = {
    .pio = channel_pio,
    .dma_start = channel_dma_start,
    .dma = channel_dma,
    .rewind = channel_rewind,
    .ended = channel_ended,
};

bool ide_channel_init(IdeChannel *c, Device *adapter, unsigned channel, bool has_dma, GError **err)
{
    c->has_dma = has_dma;
    return ide_bus_init(&c->bus, adapter, channel, IDE_UNITS, &channel_ops, err);
}

/* ---- Registers ---- */

static bool channel_has_block(const IdeUnit *u, bool out)
{
    bool in = u->step == IDE_ANSWER || u->step == IDE_READ || u->step == IDE_PACKET_IN;

    return u->task.status & IDE_DRQ && u->data_at < u->data_end && (out ? ide_pio_is_out(u) : in);
}

static uint64_t channel_read_data(IdeUnit *u, unsigned size)
{
    uint64_t val = 0;
    unsigned n;

    if (!channel_has_block(u, false)) {
        return 0;
    }
    n = MIN(size, u->data_end - u->data_at);
    memcpy(&val, u->data + u->data_at, n);
    u->data_at += n;
    if (u->data_at == u->data_end) {
        ide_pio_done(u);
    }
    return GUINT64_FROM_LE(val);
}

static void channel_write_data(IdeUnit *u, unsigned size, uint64_t val)
{
    unsigned n;

    if (!channel_has_block(u, true)) {
        return;
    }
    n = MIN(size, u->data_end - u->data_at);
    val = GUINT64_TO_LE(val);
    memcpy(u->data + u->data_at, &val, n);
    u->data_at += n;
    if (u->data_at == u->data_end) {
        ide_pio_done(u);
    }
}

uint8_t ide_channel_status(IdeChannel *c)
{
    const IdeUnit *u = channel_unit(c);

    return !u ? 0 : c->control & CONTROL_SRST ? IDE_BSY : u->task.status;
}

uint64_t ide_channel_read(IdeChannel *c, unsigned off, unsigned size)
{
    IdeUnit *u = channel_unit(c);
    unsigned n = c->control & CONTROL_HOB ? 1 : 0;

    if (!u) {
        return 0;
    }
    switch (off) {
    case REG_DATA:
        return channel_read_data(u, size);
    case REG_ERROR:
        return n ? u->task.feature[1] : u->task.error;
    case REG_COUNT:
        return u->task.count[n];
    case REG_LBA_LOW:
        return u->task.lba_low[n];
    case REG_LBA_MID:
        return u->task.lba_mid[n];
    case REG_LBA_HIGH:
        return u->task.lba_high[n];
    case REG_DEVICE:
        return (u->task.device & ~IDE_DEVICE_DEV) | 0xa0 | (c->select ? IDE_DEVICE_DEV : 0);
    default:
        c->intrq = 0;
        return ide_channel_status(c);
    }
}

static void channel_command(IdeChannel *c, uint8_t command)
{
    IdeUnit *u = channel_unit(c), *other = c->bus.unit[!c->select];

    c->intrq = 0;
    if (!u || c->control & CONTROL_SRST) {
        return;
    }
    if (command == ATA_DEVICE_RESET && ide_type(u)->packet) {
        ide_reset_unit(u, false);
        return;
    }
    if (u->task.status & (IDE_BSY | IDE_DRQ)) {
        return;
    }
    u->task.command = command;
    bm_rewind(c);
    if (command == ATA_DIAGNOSTIC && other) {
        ide_set_signature(other);
    }
    ide_command(u);
}

static void unit_put(IdeUnit *u, unsigned off, uint8_t val)
{
    IdeTask *t = &u->task;

    if (t->status & (IDE_BSY | IDE_DRQ)) {
        return;
    }
    switch (off) {
    case REG_ERROR:
        ide_put(t->feature, val);
        break;
    case REG_COUNT:
        ide_put(t->count, val);
        break;
    case REG_LBA_LOW:
        ide_put(t->lba_low, val);
        break;
    case REG_LBA_MID:
        ide_put(t->lba_mid, val);
        break;
    case REG_LBA_HIGH:
        ide_put(t->lba_high, val);
        break;
    default:
        t->device = val;
        break;
    }
}

void ide_channel_write(IdeChannel *c, unsigned off, unsigned size, uint64_t val)
{
    IdeUnit *u = channel_unit(c);

    if (off == REG_DATA) {
        if (u) {
            channel_write_data(u, size, val);
        }
        return;
    }
    c->control &= (uint8_t)~CONTROL_HOB;
    if (off == REG_STATUS) {
        channel_command(c, (uint8_t)val);
        return;
    }
    if (off == REG_DEVICE) {
        c->select = val & IDE_DEVICE_DEV ? 1 : 0;
    }
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        if (c->bus.unit[n]) {
            unit_put(c->bus.unit[n], off, (uint8_t)val);
        }
    }
}

void ide_channel_control(IdeChannel *c, uint8_t val)
{
    bool fall = c->control & CONTROL_SRST && !(val & CONTROL_SRST);

    c->control = val;
    if (!fall) {
        return;
    }
    c->intrq = 0;
    c->select = 0;
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        if (c->bus.unit[n]) {
            ide_reset_unit(c->bus.unit[n], false);
        }
    }
}
