/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/dma/i8257.h"

#include "hw/isa/isa.h"

enum {
    CHANNELS = 4, /* of a controller */
    REG_COMMAND = 8,
    REG_REQUEST = 9,
    REG_MASK = 10,
    REG_MODE = 11,
    REG_CLEAR_FLIP = 12,
    REG_MASTER_CLEAR = 13,
    REG_CLEAR_MASK = 14,
    REG_ALL_MASKS = 15,
    MODE_DOWN = 1 << 5,
    MODE_AUTO = 1 << 4,
    MODE_KIND = 3 << 2,
    MODE_VERIFY = 0,
    PAGES = 15, /* ports 81h to 8Fh */
    PAGE_FIRST = 0x81,
};

typedef struct DmaChannel {
    uint16_t base, base_count, at, count;
    uint8_t mode;
} DmaChannel;

typedef struct DmaChip {
    uint8_t command, status, masks, flip;
} DmaChip;

typedef struct I8257 {
    Device dev;
    DmaChip chip[2];
    DmaChannel ch[ISA_DMA_CHANNELS];
    uint8_t page[PAGES];
} I8257;

/* ---- Registers ---- */

static void chip_clear(DmaChip *c)
{
    c->command = c->status = c->flip = 0;
    c->masks = 15;
}

/* Half @high of a counter of 16 bits. */
static void half_put(uint16_t *reg, bool high, uint8_t val)
{
    *reg = high ? (uint16_t)((*reg & 0xff) | val << 8) : (uint16_t)((*reg & 0xff00) | val);
}

static uint8_t dma_get(I8257 *s, unsigned chip, unsigned reg)
{
    DmaChip *c = &s->chip[chip];
    uint8_t val;

    if (reg < 8) {
        const DmaChannel *ch = &s->ch[chip * CHANNELS + reg / 2];
        uint16_t v = reg & 1 ? ch->count : ch->at;

        c->flip ^= 1;
        return (uint8_t)(c->flip ? v : v >> 8);
    }
    switch (reg) {
    case REG_COMMAND:
        val = c->status;
        c->status &= 0xf0; /* what was told of ends */
        return val;
    case REG_ALL_MASKS:
        return c->masks | 0xf0;
    default:
        return 0;
    }
}

static void dma_put(I8257 *s, unsigned chip, unsigned reg, uint8_t val)
{
    DmaChip *c = &s->chip[chip];

    if (reg < 8) {
        DmaChannel *ch = &s->ch[chip * CHANNELS + reg / 2];

        half_put(reg & 1 ? &ch->base_count : &ch->base, c->flip, val);
        half_put(reg & 1 ? &ch->count : &ch->at, c->flip, val);
        c->flip ^= 1;
        return;
    }
    switch (reg) {
    case REG_COMMAND:
        c->command = val;
        break;
    case REG_MASK:
        c->masks = (uint8_t)((c->masks & ~(1u << (val & 3))) | (val >> 2 & 1u) << (val & 3));
        break;
    case REG_MODE:
        s->ch[chip * CHANNELS + (val & 3)].mode = val & 0xfc;
        break;
    case REG_CLEAR_FLIP:
        c->flip = 0;
        break;
    case REG_MASTER_CLEAR:
        chip_clear(c);
        break;
    case REG_CLEAR_MASK:
        c->masks = 0;
        break;
    case REG_ALL_MASKS:
        c->masks = val & 15;
        break;
    default: /* requests by software: no device of ours asks so */
        break;
    }
}

static MemResult dma1_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = dma_get(device_as(dev, I8257), 0, (unsigned)off);
    return MEM_OK;
}

static MemResult dma1_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    dma_put(device_as(dev, I8257), 0, (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult dma2_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = off & 1 ? 0 : dma_get(device_as(dev, I8257), 1, (unsigned)off / 2);
    return MEM_OK;
}

static MemResult dma2_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    if (!(off & 1)) {
        dma_put(device_as(dev, I8257), 1, (unsigned)off / 2, (uint8_t)val);
    }
    return MEM_OK;
}

static MemResult page_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = device_as(dev, I8257)->page[off];
    return MEM_OK;
}

static MemResult page_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    device_as(dev, I8257)->page[off] = (uint8_t)val;
    return MEM_OK;
}

static const RegionType dma_regions[] = {
    { .name = "dma1", .size = 16, .read = dma1_read, .write = dma1_write, .access_max = 1 },
    { .name = "dma2", .size = 32, .read = dma2_read, .write = dma2_write, .access_max = 1 },
    { .name = "dma-pages", .size = PAGES, .read = page_read, .write = page_write, .access_max = 1 },
};

/* ---- Moving ---- */

static GuestPhys dma_address(const I8257 *s, unsigned n)
{
    static const uint8_t pages[ISA_DMA_CHANNELS] = {
        0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a
    };
    uint32_t page = s->page[pages[n] - PAGE_FIRST];

    return n < CHANNELS ? page << 16 | s->ch[n].at
                        : (page & 0xfe) << 16 | (uint32_t)s->ch[n].at << 1;
}

/* One byte or word; false: that was the last one. */
static bool dma_step(I8257 *s, unsigned n)
{
    DmaChannel *ch = &s->ch[n];

    ch->at = (uint16_t)(ch->mode & MODE_DOWN ? ch->at - 1 : ch->at + 1);
    if (ch->count-- != 0) {
        return true;
    }
    s->chip[n / CHANNELS].status |= (uint8_t)(1u << n % CHANNELS);
    if (ch->mode & MODE_AUTO) {
        ch->at = ch->base;
        ch->count = ch->base_count;
    } else {
        s->chip[n / CHANNELS].masks |= (uint8_t)(1u << n % CHANNELS);
    }
    return false;
}

static void dma_move(Device *dev, void *arg)
{
    I8257 *s = device_as(dev, I8257);
    IsaDma *d = arg;
    unsigned n = d->channel, unit = n < CHANNELS ? 1 : 2;
    const DmaChip *c = &s->chip[n / CHANNELS];

    d->masked = c->command & 4 || c->masks >> n % CHANNELS & 1;
    while (!d->masked && !d->end && d->moved + unit <= d->len) {
        GuestPhys at = dma_address(s, n);

        if ((s->ch[n].mode & MODE_KIND) == MODE_VERIFY) {
            /* nothing moves */
        } else if (d->to_memory) {
            (void)device_dma_write(dev, at, d->buf + d->moved, unit);
        } else {
            (void)device_dma_read(dev, at, d->buf + d->moved, unit);
        }
        d->moved += unit;
        d->end = !dma_step(s, n);
    }
    device_post(d->from, d->done, d);
}

void isa_dma_move(IsaDma *d)
{
    Device *dev = device_find_type(d->from->machine, &device_i8257);

    d->moved = 0;
    d->end = false;
    d->masked = !dev || d->channel >= ISA_DMA_CHANNELS;
    if (d->masked) {
        device_post(d->from, d->done, d);
    } else {
        device_post(dev, dma_move, d);
    }
}

/* ---- Life ---- */

static void dma_ready(Device *dev)
{
    isa_map(dev, 0, 0x00);
    isa_map(dev, 1, 0xc0);
    isa_map(dev, 2, PAGE_FIRST);
}

static void dma_reset(Device *dev, ResetType type)
{
    I8257 *s = device_as(dev, I8257);

    chip_clear(&s->chip[0]);
    chip_clear(&s->chip[1]);
}

static const Field dma_fields[] = {
    STATE_BANK(I8257, chip, command), STATE_BANK(I8257, chip, status),
    STATE_BANK(I8257, chip, masks),   STATE_BANK(I8257, chip, flip, .max = 1),
    STATE_BANK(I8257, ch, base),      STATE_BANK(I8257, ch, base_count),
    STATE_BANK(I8257, ch, at),        STATE_BANK(I8257, ch, count),
    STATE_BANK(I8257, ch, mode),      STATE_ARRAY(I8257, page),
};

const DeviceType device_i8257 = {
    .name = "i8257",
    .doc = "DMA controllers of a PC",
    .size = sizeof(I8257),
    .regions = dma_regions,
    .n_regions = ARRAY_SIZE(dma_regions),
    .fields = TABLE(dma_fields),
    .ready = dma_ready,
    .reset = dma_reset,
};
