/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-fdc: a floppy disk controller as of the 82077AA with two drives, by DMA channel 2 and line 6.
 * Spec: Intel 82077AA datasheet, 290166, "2 Registers", "5 Command set", "6 Status".
 */
#include "hw/block/fdc.h"

#include "block/block.h"
#include "hw/dma/i8257.h"
#include "hw/isa/isa.h"

enum {
    DRIVES = 2,
    SECTOR = 512,
    LINE = 6,
    CHANNEL = 2,
    FIFO = 16,
    RETRY_NS = 1000000,
    REG_SRA = 0,
    REG_SRB = 1,
    REG_DOR = 2,
    REG_TDR = 3,
    REG_MSR = 4,
    REG_FIFO = 5,
    REG_DIR = 7,
    DOR_RUN = 1 << 2, /* 0: reset */
    DOR_IRQ = 1 << 3,
    MSR_RQM = 1 << 7,
    MSR_TO_HOST = 1 << 6,
    MSR_BUSY = 1 << 4,
    DSR_RESET = 1 << 7,
    DIR_CHANGED = 1 << 7,
    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLED = 0xc0,
    ST0_SEEK_END = 0x20,
    ST0_EQUIPMENT = 0x10,
    ST1_MISSING = 1 << 0,
    ST1_NOT_WRITABLE = 1 << 1,
    ST1_NO_DATA = 1 << 2,
    ST1_CRC = 1 << 5,
    ST1_END = 1 << 7,
    CMD_MT = 1 << 7,
};

enum {
    CMD_READ_TRACK = 0x02,
    CMD_SPECIFY = 0x03,
    CMD_DRIVE_STATUS = 0x04,
    CMD_WRITE = 0x05,
    CMD_READ = 0x06,
    CMD_RECALIBRATE = 0x07,
    CMD_INTERRUPT_STATUS = 0x08,
    CMD_WRITE_DELETED = 0x09,
    CMD_READ_ID = 0x0a,
    CMD_READ_DELETED = 0x0c,
    CMD_FORMAT = 0x0d,
    CMD_DUMPREG = 0x0e,
    CMD_SEEK = 0x0f,
    CMD_VERSION = 0x10,
    CMD_PERPENDICULAR = 0x12,
    CMD_CONFIGURE = 0x13,
    CMD_LOCK = 0x14,
    CMD_VERIFY = 0x16,
    CMD_PART_ID = 0x18,
};

typedef enum FdcPhase { FDC_COMMAND, FDC_EXECUTION, FDC_RESULT } FdcPhase;

/* What the transfer of a sector waits for. */
typedef enum FdcStep { FDC_NOTHING, FDC_DISK_READ, FDC_DMA, FDC_DISK_WRITE } FdcStep;

typedef struct FdcDrive {
    uint8_t cylinder, changed;
} FdcDrive;

typedef struct Fdc {
    Device dev;
    BlockBackend *drive[DRIVES]; /* properties; NULL: the drive has no disk */
    uint32_t iobase, line, dma;
    /* state */
    FdcDrive d[DRIVES];
    uint8_t dor, tdr, dsr, rate, phase, step, pos, len, pending, reset_senses, st0, config[3];
    uint8_t specify[2], locked, perpendicular;
    uint8_t fifo[FIFO];
    uint8_t cylinder, head, sector; /* the next one of the transfer */
    uint8_t left;                   /* of FORMAT TRACK */
    Timer retry;
    uint32_t epoch; /* what is under way of an earlier one is dropped */
    bool quiet;     /* about to be saved: with the lock held, and nothing new begins */
    Irq irq;
} Fdc;

/* A sector on its way. */
typedef struct FdcWork {
    Fdc *s;
    uint32_t epoch;
    IsaDma dma; /* `done` gets it */
    uint8_t buf[SECTOR];
} FdcWork;

/* ---- Media ---- */

typedef struct FdcFormat {
    uint16_t sectors;
    uint8_t cylinders, heads, track;
    uint8_t rate; /* as DSR has it: 0 500, 1 300, 2 250, 3 1000 kb/s */
    uint8_t type; /* of the drive for it, in the CMOS RAM */
} FdcFormat;

static const FdcFormat fdc_formats[] = {
    { 2880, 80, 2, 18, 0, 4 }, { 5760, 80, 2, 36, 3, 5 }, { 1440, 80, 2, 9, 2, 4 },
    { 2400, 80, 2, 15, 0, 2 }, { 720, 40, 2, 9, 1, 2 },   { 640, 40, 2, 8, 1, 2 },
    { 360, 40, 1, 9, 1, 2 },   { 320, 40, 1, 8, 1, 2 },   { 3360, 80, 2, 21, 0, 4 },
    { 3444, 82, 2, 21, 0, 4 }, { 3486, 83, 2, 21, 0, 4 }, { 3200, 80, 2, 20, 0, 4 },
};

/* By its size; another one is a 1.44 MB disk as far as it goes. */
static const FdcFormat *fdc_format(const Fdc *s, unsigned n)
{
    uint64_t sectors;

    if (!s->drive[n] || !block_backend_node(s->drive[n])) {
        return NULL;
    }
    sectors = block_size(s->drive[n]) / SECTOR;
    for (size_t i = 0; i < ARRAY_SIZE(fdc_formats); i++) {
        if (fdc_formats[i].sectors == sectors) {
            return &fdc_formats[i];
        }
    }
    return &fdc_formats[0];
}

uint8_t fdc_drive_type(Device *dev, unsigned n)
{
    const Fdc *s = device_as(dev, Fdc);
    const FdcFormat *f = fdc_format(s, n);

    return f ? f->type : s->drive[n] ? 4 : 0;
}

static unsigned fdc_selected(const Fdc *s)
{
    return s->dor & 1;
}

/* The drive that the command names. */
static unsigned fdc_drive(const Fdc *s)
{
    return s->fifo[1] & 1;
}

/* ---- The end of commands ---- */

static void fdc_idle(Fdc *s)
{
    s->phase = FDC_COMMAND;
    s->step = FDC_NOTHING;
    s->pos = s->len = 0;
}

static void fdc_result(Fdc *s, unsigned len, bool interrupt)
{
    s->phase = FDC_RESULT;
    s->step = FDC_NOTHING;
    s->pos = 0;
    s->len = (uint8_t)len;
    s->pending |= interrupt;
    timer_cancel(&s->retry);
}

/* ST0 to ST2, and where the transfer would go on. */
static void fdc_end(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
    s->st0 = (uint8_t)(st0 | (s->fifo[1] & 7));
    s->fifo[0] = s->st0;
    s->fifo[1] = st1;
    s->fifo[2] = st2;
    s->fifo[3] = s->cylinder;
    s->fifo[4] = s->head;
    s->fifo[5] = s->sector;
    s->fifo[6] = 2; /* 512 bytes */
    fdc_result(s, 7, true);
}

static void fdc_reset(Fdc *s)
{
    fdc_idle(s);
    s->epoch++;
    s->pending = 0;
    s->reset_senses = 0;
    timer_cancel(&s->retry);
    if (!s->locked) {
        s->config[1] = 0;
    }
}

/* ---- Transfers ---- */

static bool fdc_is_write(const Fdc *s)
{
    unsigned c = s->fifo[0] & 0x1f;

    return c == CMD_WRITE || c == CMD_WRITE_DELETED || c == CMD_FORMAT;
}

static bool fdc_is_format(const Fdc *s)
{
    return (s->fifo[0] & 0x1f) == CMD_FORMAT;
}

/* Byte of the present sector; UINT64_MAX: there is none. */
static uint64_t fdc_place(const Fdc *s)
{
    const FdcFormat *f = fdc_format(s, fdc_drive(s));
    uint64_t at;

    if (!f || !s->sector || s->sector > f->track || s->head >= f->heads ||
        s->cylinder >= f->cylinders) {
        return UINT64_MAX;
    }
    at = (((uint64_t)s->cylinder * f->heads + s->head) * f->track + s->sector - 1) * SECTOR;
    return at + SECTOR <= block_size(s->drive[fdc_drive(s)]) ? at : UINT64_MAX;
}

/* To the next sector; false: there is none within the command. */
static bool fdc_advance(Fdc *s)
{
    const FdcFormat *f = fdc_format(s, fdc_drive(s));
    uint8_t last = s->fifo[6];

    if (fdc_is_format(s)) {
        s->sector++;
        return --s->left;
    }
    if (s->sector != last) {
        s->sector++;
        return true;
    }
    s->sector = 1;
    if (s->fifo[0] & CMD_MT && !s->head && f && f->heads > 1) {
        s->head = 1;
        return true;
    }
    s->cylinder++;
    s->head = s->fifo[0] & CMD_MT ? 0 : s->head;
    return false;
}

static void fdc_sector(Fdc *s);
static void fdc_moved(Device *dev, void *arg);

static FdcWork *fdc_work(Fdc *s)
{
    FdcWork *w = g_new0(FdcWork, 1);

    w->s = s;
    w->epoch = s->epoch;
    w->dma = (IsaDma){ .from = &s->dev,
                       .done = fdc_moved,
                       .channel = s->dma,
                       .to_memory = !fdc_is_write(s),
                       .buf = w->buf,
                       .len = fdc_is_format(s) ? 4 : SECTOR };
    return w;
}

static bool fdc_is_stale(const Fdc *s, const FdcWork *w, unsigned step)
{
    return w->epoch != s->epoch || s->phase != FDC_EXECUTION || s->step != step;
}

/* A sector is done; @last: the host wants no more. */
static void fdc_next(Fdc *s, bool last)
{
    bool more = fdc_advance(s);

    if (last || (!more && fdc_is_format(s))) {
        fdc_end(s, 0, 0, 0);
    } else if (!more) {
        fdc_end(s, ST0_ABNORMAL, ST1_END, 0);
    } else {
        fdc_sector(s);
    }
}

static void fdc_disk_done(void *opaque, int result) NO_LOCK_ANALYSIS
{
    FdcWork *w = opaque;
    Fdc *s = w->s;
    bool wrote, quiet = s->quiet;

    if (!quiet) {
        device_enter(&s->dev);
    }
    wrote = s->step == FDC_DISK_WRITE;
    if (fdc_is_stale(s, w, wrote ? FDC_DISK_WRITE : FDC_DISK_READ)) {
        g_free(w);
    } else if (result) {
        fdc_end(s, ST0_ABNORMAL, ST1_CRC, 0);
        g_free(w);
    } else if (wrote) {
        fdc_next(s, w->dma.end);
        g_free(w);
    } else if (quiet) { /* it is read again */
        s->step = FDC_DMA;
        timer_arm_in(&s->retry, RETRY_NS);
        g_free(w);
    } else {
        s->step = FDC_DMA;
        isa_dma_move(&w->dma);
    }
    if (!quiet) {
        device_leave(&s->dev);
    }
}

static void fdc_write_sector(Fdc *s, FdcWork *w)
{
    uint64_t at;

    if (fdc_is_format(s)) { /* cylinder, head, sector and size; the data is the filler */
        s->cylinder = w->buf[0];
        s->head = w->buf[1];
        s->sector = w->buf[2];
        memset(w->buf, s->fifo[5], SECTOR);
    }
    at = fdc_place(s);
    if (at == UINT64_MAX) {
        fdc_end(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
        g_free(w);
        return;
    }
    s->step = FDC_DISK_WRITE;
    block_write(s->drive[fdc_drive(s)], at, &(struct iovec){ w->buf, SECTOR }, 1, fdc_disk_done, w);
}

/* The channel has done what it can. */
static void fdc_moved(Device *dev, void *arg)
{
    Fdc *s = device_as(dev, Fdc);
    FdcWork *w = (FdcWork *)(void *)((uint8_t *)arg - offsetof(FdcWork, dma));

    if (fdc_is_stale(s, w, FDC_DMA)) {
        g_free(w);
    } else if (w->dma.masked) { /* the host has not got to it yet */
        timer_arm_in(&s->retry, RETRY_NS);
        g_free(w);
    } else if (fdc_is_write(s)) {
        fdc_write_sector(s, w);
    } else {
        bool end = w->dma.end;

        g_free(w);
        fdc_next(s, end);
    }
}

/* The present sector. */
static void fdc_sector(Fdc *s)
{
    uint64_t at = fdc_is_format(s) ? 0 : fdc_place(s);
    FdcWork *w;

    if (at == UINT64_MAX) {
        fdc_end(s, ST0_ABNORMAL, ST1_NO_DATA, 0);
        return;
    }
    if (s->quiet) {
        s->step = FDC_DMA;
        timer_arm_in(&s->retry, RETRY_NS);
        return;
    }
    w = fdc_work(s);
    if (fdc_is_write(s)) {
        s->step = FDC_DMA;
        isa_dma_move(&w->dma);
    } else {
        s->step = FDC_DISK_READ;
        block_read(s->drive[fdc_drive(s)], at, &(struct iovec){ w->buf, SECTOR }, 1, fdc_disk_done,
                   w);
    }
}

static void fdc_retry(Device *dev)
{
    Fdc *s = device_as(dev, Fdc);

    if (s->phase == FDC_EXECUTION) {
        fdc_sector(s);
    }
}

/* ---- Commands ---- */

/* A disk that this rate can read; else the command is over. */
static bool fdc_ready(Fdc *s)
{
    const FdcFormat *f = fdc_format(s, fdc_drive(s));

    s->cylinder = s->d[fdc_drive(s)].cylinder;
    s->head = s->fifo[1] >> 2 & 1;
    s->sector = 1;
    if (!f || f->rate != s->rate || s->head >= f->heads) {
        fdc_end(s, ST0_ABNORMAL, ST1_MISSING, 0);
        return false;
    }
    return true;
}

static void fdc_transfer(Fdc *s)
{
    uint8_t cylinder = s->fifo[2], head = s->fifo[3], sector = s->fifo[4];

    if (!fdc_ready(s)) {
        return;
    }
    if (fdc_is_write(s) && block_is_read_only(s->drive[fdc_drive(s)])) {
        fdc_end(s, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
        return;
    }
    if (cylinder != s->cylinder && !(s->config[0] & 0x40)) { /* without implied seeks */
        fdc_end(s, ST0_ABNORMAL, ST1_NO_DATA, 0x10);
        return;
    }
    s->d[fdc_drive(s)].cylinder = s->cylinder = cylinder;
    s->head = head;
    s->sector = sector;
    s->phase = FDC_EXECUTION;
    fdc_sector(s);
}

static void fdc_format_track(Fdc *s)
{
    if (!fdc_ready(s)) {
        return;
    }
    if (block_is_read_only(s->drive[fdc_drive(s)])) {
        fdc_end(s, ST0_ABNORMAL, ST1_NOT_WRITABLE, 0);
        return;
    }
    s->left = s->fifo[3];
    if (!s->left) {
        fdc_end(s, 0, 0, 0);
        return;
    }
    s->phase = FDC_EXECUTION;
    fdc_sector(s);
}

/* There is nothing to compare with: what is there can be read. */
static void fdc_verify(Fdc *s)
{
    if (fdc_ready(s)) {
        s->cylinder = s->fifo[2];
        s->head = s->fifo[3];
        s->sector = s->fifo[4];
        fdc_end(s, fdc_place(s) == UINT64_MAX ? ST0_ABNORMAL : 0,
                fdc_place(s) == UINT64_MAX ? ST1_NO_DATA : 0, 0);
    }
}

static void fdc_read_id(Fdc *s)
{
    if (fdc_ready(s)) {
        fdc_end(s, 0, 0, 0);
    }
}

static void fdc_seek_to(Fdc *s, unsigned cylinder)
{
    unsigned n = fdc_drive(s);

    s->d[n].cylinder = (uint8_t)MIN(cylinder, 85);
    s->d[n].changed = fdc_format(s, n) ? 0 : 1;
    s->st0 = (uint8_t)(ST0_SEEK_END | (s->fifo[1] & 7));
    fdc_idle(s);
    s->pending = 1;
}

static void fdc_recalibrate(Fdc *s)
{
    fdc_seek_to(s, 0);
}

static void fdc_seek(Fdc *s)
{
    fdc_seek_to(s, s->fifo[2]);
}

static void fdc_interrupt_status(Fdc *s)
{
    if (s->reset_senses) {
        s->fifo[0] = (uint8_t)(ST0_POLLED | (4 - s->reset_senses--));
        s->fifo[1] = 0;
    } else if (s->pending) {
        s->fifo[0] = s->st0;
        s->fifo[1] = s->d[s->st0 & 1].cylinder;
    } else {
        s->fifo[0] = ST0_INVALID;
        fdc_result(s, 1, false);
        return;
    }
    s->pending = 0;
    fdc_result(s, 2, false);
}

static void fdc_drive_status(Fdc *s)
{
    unsigned n = fdc_drive(s);
    bool protect = s->drive[n] && block_is_read_only(s->drive[n]);

    s->fifo[0] =
        (uint8_t)((s->fifo[1] & 7) | 0x28 | (s->d[n].cylinder ? 0 : 0x10) | (protect ? 0x40 : 0));
    fdc_result(s, 1, false);
}

static void fdc_specify(Fdc *s)
{
    memcpy(s->specify, s->fifo + 1, 2);
    if (s->fifo[2] & 1) {
        guest_unimp(&s->dev, "transfers without DMA");
    }
    fdc_idle(s);
}

static void fdc_configure(Fdc *s)
{
    s->config[0] = s->fifo[2];
    s->config[1] = s->fifo[3];
    fdc_idle(s);
}

static void fdc_perpendicular(Fdc *s)
{
    s->perpendicular = s->fifo[1];
    fdc_idle(s);
}

static void fdc_lock(Fdc *s)
{
    s->locked = s->fifo[0] >> 7;
    s->fifo[0] = (uint8_t)(s->locked << 4);
    fdc_result(s, 1, false);
}

static void fdc_version(Fdc *s)
{
    s->fifo[0] = 0x90; /* enhanced */
    fdc_result(s, 1, false);
}

static void fdc_part_id(Fdc *s)
{
    s->fifo[0] = 0x41;
    fdc_result(s, 1, false);
}

static void fdc_dump(Fdc *s)
{
    s->fifo[0] = s->d[0].cylinder;
    s->fifo[1] = s->d[1].cylinder;
    s->fifo[2] = s->fifo[3] = 0;
    s->fifo[4] = s->specify[0];
    s->fifo[5] = s->specify[1];
    s->fifo[6] = s->sector;
    s->fifo[7] = (uint8_t)(s->locked << 7 | s->perpendicular);
    s->fifo[8] = s->config[0];
    s->fifo[9] = s->config[1];
    fdc_result(s, 10, false);
}

static void fdc_invalid(Fdc *s)
{
    s->fifo[0] = ST0_INVALID;
    fdc_result(s, 1, false);
}

typedef struct FdcCommand {
    uint8_t code, mask, len; /* bytes, the command's own among them */
    void (*fn)(Fdc *s);
} FdcCommand;

static const FdcCommand fdc_commands[] = {
    { CMD_READ, 0x1f, 9, fdc_transfer },
    { CMD_READ_DELETED, 0x1f, 9, fdc_transfer },
    { CMD_READ_TRACK, 0x9f, 9, fdc_transfer },
    { CMD_WRITE, 0x3f, 9, fdc_transfer },
    { CMD_WRITE_DELETED, 0x3f, 9, fdc_transfer },
    { CMD_VERIFY, 0x1f, 9, fdc_verify },
    { CMD_FORMAT, 0xbf, 6, fdc_format_track },
    { CMD_READ_ID, 0xbf, 2, fdc_read_id },
    { CMD_SPECIFY, 0xff, 3, fdc_specify },
    { CMD_DRIVE_STATUS, 0xff, 2, fdc_drive_status },
    { CMD_RECALIBRATE, 0xff, 2, fdc_recalibrate },
    { CMD_INTERRUPT_STATUS, 0xff, 1, fdc_interrupt_status },
    { CMD_SEEK, 0xff, 3, fdc_seek },
    { CMD_DUMPREG, 0xff, 1, fdc_dump },
    { CMD_VERSION, 0xff, 1, fdc_version },
    { CMD_PERPENDICULAR, 0xff, 2, fdc_perpendicular },
    { CMD_CONFIGURE, 0xff, 4, fdc_configure },
    { CMD_LOCK, 0x7f, 1, fdc_lock },
    { CMD_PART_ID, 0xff, 1, fdc_part_id },
    { 0, 0, 1, fdc_invalid }, /* anything else */
};

static const FdcCommand *fdc_find(uint8_t code)
{
    const FdcCommand *c = fdc_commands;

    while ((code & c->mask) != c->code) {
        c++;
    }
    return c;
}

/* ---- Registers ---- */

static uint8_t fdc_read_fifo(Fdc *s)
{
    uint8_t val;

    if (s->phase != FDC_RESULT) {
        return 0;
    }
    val = s->fifo[s->pos++ % FIFO];
    if (s->pos >= s->len) {
        /* What told of the transfer's end is taken with its first byte; a seek's by the command
         * for it. */
        fdc_idle(s);
    }
    return val;
}

static void fdc_write_fifo(Fdc *s, uint8_t val)
{
    const FdcCommand *c;

    if (s->phase != FDC_COMMAND || !(s->dor & DOR_RUN)) {
        return;
    }
    s->fifo[s->pos % FIFO] = val;
    if (!s->pos) {
        s->len = fdc_find(val)->len;
    }
    if (++s->pos < s->len) {
        return;
    }
    c = fdc_find(s->fifo[0]);
    if (c->fn != fdc_interrupt_status && c->fn != fdc_drive_status) {
        s->pending = 0;
    }
    c->fn(s);
}

static void fdc_set_dor(Fdc *s, uint8_t val)
{
    bool was = s->dor & DOR_RUN;

    s->dor = val;
    if (!(val & DOR_RUN)) {
        fdc_reset(s);
    } else if (!was) {
        fdc_reset(s);
        s->reset_senses = 4; /* the drives are polled */
        s->st0 = ST0_POLLED;
        s->pending = 1;
    }
}

static void fdc_set_dsr(Fdc *s, uint8_t val)
{
    s->dsr = val & (uint8_t)~DSR_RESET;
    s->rate = val & 3;
    if (val & DSR_RESET) {
        fdc_reset(s);
        s->reset_senses = 4;
        s->st0 = ST0_POLLED;
        s->pending = 1;
    }
}

static uint8_t fdc_status(const Fdc *s)
{
    if (!(s->dor & DOR_RUN)) {
        return 0;
    }
    switch (s->phase) {
    case FDC_COMMAND:
        return MSR_RQM | (s->pos ? MSR_BUSY : 0);
    case FDC_EXECUTION:
        return MSR_BUSY;
    default:
        return MSR_RQM | MSR_TO_HOST | MSR_BUSY;
    }
}

static MemResult fdc_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Fdc *s = device_as(dev, Fdc);

    switch (off) {
    case REG_SRA:
        *val = (s->pending ? 0x80 : 0) | 0x40;
        break;
    case REG_SRB:
        *val = 0xc0 | (s->dor >> 4 & 3) | (fdc_selected(s) << 5);
        break;
    case REG_DOR:
        *val = s->dor;
        break;
    case REG_TDR:
        *val = s->tdr;
        break;
    case REG_MSR:
        *val = fdc_status(s);
        break;
    default:
        if (s->phase == FDC_RESULT && !s->pos && s->len == 7) {
            s->pending = 0;
        }
        *val = fdc_read_fifo(s);
        break;
    }
    return MEM_OK;
}

static MemResult fdc_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Fdc *s = device_as(dev, Fdc);

    switch (off) {
    case REG_DOR:
        fdc_set_dor(s, (uint8_t)val);
        break;
    case REG_TDR:
        s->tdr = val & 3;
        break;
    case REG_MSR:
        fdc_set_dsr(s, (uint8_t)val);
        break;
    case REG_FIFO:
        fdc_write_fifo(s, (uint8_t)val);
        break;
    default:
        break;
    }
    return MEM_OK;
}

static MemResult fdc_dir_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t *val)
{
    const Fdc *s = device_as(dev, Fdc);
    unsigned n = fdc_selected(s);

    *val = s->dor >> (4 + n) & 1 && s->d[n].changed ? DIR_CHANGED : 0;
    return MEM_OK;
}

static MemResult fdc_ccr_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t val)
{
    device_as(dev, Fdc)->rate = val & 3;
    return MEM_OK;
}

static const RegionType fdc_regions[] = {
    { .name = "fdc", .size = 6, .read = fdc_read, .write = fdc_write, .access_max = 1 },
    { .name = "fdc-dir", .size = 1, .read = fdc_dir_read, .write = fdc_ccr_write, .access_max = 1 },
};

/* ---- Life ---- */

static void fdc_settle(Device *dev)
{
    Fdc *s = device_as(dev, Fdc);

    irq_set(&s->irq, s->pending && s->dor & DOR_IRQ);
}

/* The sector under way ends, or is to begin again, and others wait. */
static void fdc_saving(Device *dev)
{
    Fdc *s = device_as(dev, Fdc);

    s->quiet = true;
    for (unsigned n = 0; n < DRIVES; n++) {
        if (s->drive[n]) {
            block_drain(s->drive[n]);
            block_end_held(s->drive[n]);
        }
    }
    s->quiet = false;
}

static bool fdc_start(Device *dev, GError **err)
{
    Fdc *s = device_as(dev, Fdc);

    if (s->iobase > 0xfff8 || s->line >= ISA_N_IRQS || s->dma >= 4) {
        return error_set(err,
                         "iobase=0x%x,irq=%u,dma=%u: ports end at 0xffff, lines at 15, "
                         "channels at 3",
                         s->iobase, s->line, s->dma);
    }
    for (unsigned n = 0; n < DRIVES; n++) {
        BlockBackend *b = s->drive[n];

        if (b &&
            !(block_backend_node(b) ? block_claim(b, dev, err) : block_claim_tray(b, dev, err))) {
            return false;
        }
    }
    return true;
}

static void fdc_stop(Device *dev)
{
    Fdc *s = device_as(dev, Fdc);

    for (unsigned n = 0; n < DRIVES; n++) {
        if (s->drive[n] && block_owner(s->drive[n]) == dev) {
            device_enter(dev);
            s->epoch++;
            device_leave(dev);
            block_drain(s->drive[n]);
            block_end_held(s->drive[n]);
            block_release(s->drive[n], dev);
        }
    }
}

static void fdc_ready_dev(Device *dev)
{
    const Fdc *s = device_as(dev, Fdc);

    isa_map(dev, 0, s->iobase);
    isa_map(dev, 1, s->iobase + REG_DIR);
    isa_connect(dev, "irq-out", s->line);
}

static void fdc_dev_reset(Device *dev, ResetType type)
{
    Fdc *s = device_as(dev, Fdc);

    s->locked = 0;
    s->dor = DOR_RUN | DOR_IRQ;
    s->rate = 2; /* 250 kb/s */
    fdc_reset(s);
    for (unsigned n = 0; n < DRIVES; n++) {
        s->d[n] = (FdcDrive){ .changed = 1 };
    }
}

static bool fdc_loaded(Device *dev, GError **err)
{
    Fdc *s = device_as(dev, Fdc);

    s->epoch++;
    return s->pos < FIFO || error_set(err, "%s: the FIFO has %d bytes", device_path(dev), FIFO);
}

static const Field fdc_fields[] = {
    { "driveA", FIELD_PROP, TYPE_BACKEND, FIELD_AT(Fdc, drive[0], sizeof(void *)), .of = "drive",
      .doc = "the first drive; none without it" },
    { "driveB", FIELD_PROP, TYPE_BACKEND, FIELD_AT(Fdc, drive[1], sizeof(void *)), .of = "drive",
      .doc = "the second" },
    PROP_U32(Fdc, iobase, 0x3f0, .doc = "port"),
    { "irq", FIELD_PROP, TYPE_U32, FIELD_AT(Fdc, line, 4), .def = LINE, .doc = "line" },
    PROP_U32(Fdc, dma, CHANNEL, .doc = "channel"),
    STATE_BANK(Fdc, d, cylinder),
    STATE_BANK(Fdc, d, changed, .max = 1),
    STATE_U8(Fdc, dor),
    STATE_U8(Fdc, tdr),
    STATE_U8(Fdc, dsr),
    STATE_U8(Fdc, rate, .max = 3),
    STATE_U8(Fdc, phase, .max = FDC_RESULT),
    STATE_U8(Fdc, step, .max = FDC_DISK_WRITE),
    STATE_U8(Fdc, pos, .max = FIFO),
    STATE_U8(Fdc, len, .max = FIFO),
    STATE_U8(Fdc, pending, .max = 1),
    STATE_U8(Fdc, reset_senses, .max = 4),
    STATE_U8(Fdc, st0),
    STATE_ARRAY(Fdc, config),
    STATE_ARRAY(Fdc, specify),
    STATE_U8(Fdc, locked, .max = 1),
    STATE_U8(Fdc, perpendicular),
    STATE_ARRAY(Fdc, fifo),
    STATE_U8(Fdc, cylinder),
    STATE_U8(Fdc, head),
    STATE_U8(Fdc, sector),
    STATE_U8(Fdc, left),
    STATE_TIMER(Fdc, retry, fdc_retry),
    SCRATCH(Fdc, epoch),
    SCRATCH(Fdc, quiet),
    { "irq-out", FIELD_PIN_OUT, TYPE_PIN, .at = offsetof(Fdc, irq), .size = sizeof(Irq),
      .count = 1 },
};

const DeviceType device_isa_fdc = {
    .name = "isa-fdc",
    .doc = "floppy disk controller with two drives",
    .size = sizeof(Fdc),
    .regions = fdc_regions,
    .n_regions = ARRAY_SIZE(fdc_regions),
    .fields = TABLE(fdc_fields),
    .start = fdc_start,
    .ready = fdc_ready_dev,
    .stop = fdc_stop,
    .reset = fdc_dev_reset,
    .loaded = fdc_loaded,
    .saving = fdc_saving,
    .settle = fdc_settle,
};
