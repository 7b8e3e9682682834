/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port of AHCI: command slots, FISes in memory, and what its unit asks for.
 * Spec: "Serial ATA AHCI" 1.3.1, "4 System memory model", "5 Data transfer operation",
 * "6 Error reporting"; Serial ATA 3.0, "10.3 FIS types".
 */
#include "hw/ide/ahci.h"

#include "util/bytes.h"

enum {
    HEADER_BYTES = 32,
    HEADER_ATAPI = 1 << 5,
    TABLE_ACMD = 0x40,
    TABLE_PRDT = 0x80,
    PRD_BYTES = 16,
    FIS_BYTES = 20,
    FIS_H2D = 0x27,
    FIS_D2H = 0x34,
    FIS_PIO = 0x5f,
    FIS_SDB = 0xa1,
    FIS_COMMAND = 1 << 7, /* C */
    FIS_INTERRUPT = 1 << 6,
    FIS_TO_HOST = 1 << 5,
    RFIS_PIO = 0x20,
    RFIS_D2H = 0x40,
    RFIS_SDB = 0x58,
    CONTROL_SRST = 1 << 2,
    READ_FPDMA = 0x60,
    WRITE_FPDMA = 0x61,
    SSTS_UP = 0x113, /* 1.5 Gb/s, active */
};

static AhciPort *port_of(IdeBus *b)
{
    return (AhciPort *)(void *)b;
}

static Device *port_dev(AhciPort *p)
{
    return p->bus.dev;
}

static IdeUnit *port_unit(AhciPort *p)
{
    return p->bus.unit[0];
}

static void port_raise(AhciPort *p, uint32_t bits)
{
    p->is |= bits;
    ahci_update(p->hba);
}

/* ---- FISes to memory ("4.2.1") ---- */

static void port_receive(AhciPort *p, unsigned at, const uint8_t *fis, unsigned len)
{
    uint64_t base = p->fb | (uint64_t)p->fbu << 32;

    if (p->cmd & PORT_FRE && device_dma_write(port_dev(p), base + at, fis, len) != MEM_OK) {
        port_raise(p, PORT_HBFS);
    }
}

/* The task file as a FIS to the host has it. */
static void port_fis(AhciPort *p, uint8_t *fis, uint8_t type, uint8_t flags)
{
    const IdeTask *t = &port_unit(p)->task;

    memset(fis, 0, FIS_BYTES);
    fis[0] = type;
    fis[1] = flags;
    fis[2] = t->status;
    fis[3] = t->error;
    fis[4] = t->lba_low[0];
    fis[5] = t->lba_mid[0];
    fis[6] = t->lba_high[0];
    fis[7] = t->device;
    fis[8] = t->lba_low[1];
    fis[9] = t->lba_mid[1];
    fis[10] = t->lba_high[1];
    fis[12] = t->count[0];
    fis[13] = t->count[1];
}

static void port_take_status(AhciPort *p)
{
    p->status = port_unit(p)->task.status;
    p->error = port_unit(p)->task.error;
}

static void port_send_d2h(AhciPort *p, bool interrupt)
{
    uint8_t fis[FIS_BYTES];

    port_fis(p, fis, FIS_D2H, interrupt ? FIS_INTERRUPT : 0);
    port_receive(p, RFIS_D2H, fis, sizeof(fis));
}

void ahci_port_greet(AhciPort *p)
{
    if (!p->greeted && p->cmd & PORT_FRE && port_unit(p)) {
        p->greeted = 1;
        port_send_d2h(p, false);
    }
}

/* ---- Slots ---- */

static uint64_t port_header(const AhciPort *p, unsigned slot)
{
    return (p->clb | (uint64_t)p->clbu << 32) + (uint64_t)HEADER_BYTES * slot;
}

/* The command's header and FIS; false: memory is not there. */
static bool port_fetch(AhciPort *p, unsigned slot, uint8_t *fis, uint8_t *acmd)
{
    AhciSlot *s = &p->slot[slot];
    uint8_t header[16];
    uint64_t table;

    if (device_dma_read(port_dev(p), port_header(p, slot), header, sizeof(header)) != MEM_OK) {
        return false;
    }
    table = get_le64(header + 8) & ~127ull;
    *s = (AhciSlot){ .table = table + TABLE_PRDT, .entries = get_le16(header + 2) };
    return (!fis || device_dma_read(port_dev(p), table, fis, FIS_BYTES) == MEM_OK) &&
           (!acmd || device_dma_read(port_dev(p), table + TABLE_ACMD, acmd, IDE_PACKET) == MEM_OK);
}

/* Bytes between @buf and where the regions say; false: they have no room for all, or memory is
 * not there. */
static bool port_move(AhciPort *p, unsigned slot, void *buf, uint32_t len, bool to_memory)
{
    AhciSlot *s = &p->slot[slot];
    uint8_t *b = buf, prd[PRD_BYTES];

    while (len) {
        uint64_t base;
        uint32_t size, n;
        MemResult result;

        if (s->at >= s->entries) {
            return false;
        }
        if (device_dma_read(port_dev(p), s->table + (uint64_t)PRD_BYTES * s->at, prd,
                            sizeof(prd)) != MEM_OK) {
            return false;
        }
        base = get_le64(prd) & ~1ull;
        size = (get_le32(prd + 12) & 0x3fffff) + 1;
        n = MIN(len, size - MIN(s->offset, size));
        result = to_memory ? device_dma_write(port_dev(p), base + s->offset, b, n)
                           : device_dma_read(port_dev(p), base + s->offset, b, n);
        if (result != MEM_OK) {
            port_raise(p, PORT_HBFS);
            return false;
        }
        b += n;
        len -= n;
        s->done += n;
        s->offset += n;
        if (s->offset >= size) {
            s->offset = 0;
            s->at++;
        }
    }
    return true;
}

static void port_put_count(AhciPort *p, unsigned slot)
{
    (void)device_dma_store(port_dev(p), port_header(p, slot) + 4, 4, p->slot[slot].done);
}

/* ---- The end of commands ---- */

/* The command that is not queued is over; its task file stands. */
static void port_finish(AhciPort *p, uint32_t bits)
{
    unsigned slot = p->current;

    port_take_status(p);
    if (slot == AHCI_NO_SLOT) {
        return;
    }
    port_put_count(p, slot);
    p->current = AHCI_NO_SLOT;
    if (p->status & IDE_ERR || bits & PORT_OFS) {
        p->halted = 1; /* "6.2.2.1": until software has looked at it */
        bits |= p->status & IDE_ERR ? PORT_TFES : 0;
    } else {
        p->ci &= ~(1u << slot);
    }
    port_raise(p, bits);
    ahci_port_run(p);
}

static void port_ended(IdeBus *b, IdeUnit *u, bool short_dma)
{
    AhciPort *p = port_of(b);

    if (p->current != AHCI_NO_SLOT) {
        port_send_d2h(p, true);
    }
    port_finish(p, PORT_DHRS | (short_dma ? PORT_OFS : 0));
}

/* @end: the status after the block. */
static void port_send_pio(AhciPort *p, uint8_t end, bool to_host, bool interrupt, uint32_t len)
{
    uint8_t fis[FIS_BYTES];

    port_fis(p, fis, FIS_PIO,
             (uint8_t)((to_host ? FIS_TO_HOST : 0) | (interrupt ? FIS_INTERRUPT : 0)));
    fis[15] = end;
    put_le16(fis + 16, (uint16_t)len);
    port_receive(p, RFIS_PIO, fis, sizeof(fis));
}

/* A block of PIO: the controller does both halves of it. */
static void port_pio(IdeBus *b, IdeUnit *u, bool quiet)
{
    AhciPort *p = port_of(b);
    bool is_out = ide_pio_is_out(u);
    bool last =
        u->step == IDE_ANSWER || (u->step == IDE_READ && !u->left && u->data_end == u->data_have);
    uint32_t len = u->data_end - u->data_at;
    uint8_t *at = u->data + u->data_at;
    bool ok;

    if (p->current == AHCI_NO_SLOT) {
        return;
    }
    ok = u->step == IDE_PACKET_CDB ? port_fetch(p, p->current, NULL, at)
                                   : port_move(p, p->current, at, len, !is_out);
    if (!ok) {
        ide_end_short(u);
        return;
    }
    port_send_pio(p, (uint8_t)(IDE_DRDY | IDE_DSC | (last ? 0 : IDE_BSY)), !is_out, !quiet, len);
    if (!quiet) {
        port_raise(p, PORT_PSS);
    }
    ide_pio_done(u);
    if (last) {
        port_finish(p, 0);
    }
}

static bool port_dma_start(IdeBus *b, IdeUnit *u)
{
    return port_of(b)->current != AHCI_NO_SLOT;
}

static bool port_dma(IdeBus *b, IdeUnit *u, IdeRequest *r, void *buf, uint32_t len, bool to_memory)
{
    AhciPort *p = port_of(b);
    unsigned slot = r && r->tag != IDE_NO_TAG ? (unsigned)r->tag : p->current;

    return slot < AHCI_SLOTS && port_move(p, slot, buf, len, to_memory);
}

static void port_rewind(IdeBus *b, IdeUnit *u)
{
    AhciPort *p = port_of(b);

    if (p->current < AHCI_SLOTS) {
        (void)port_fetch(p, p->current, NULL, NULL);
    }
}

/* ---- Queued commands ---- */

static void port_send_sdb(AhciPort *p, uint8_t status, uint8_t error, uint32_t tags)
{
    uint8_t fis[8] = { FIS_SDB, FIS_INTERRUPT, status & 0x77, error };

    put_le32(fis + 4, tags);
    port_receive(p, RFIS_SDB, fis, sizeof(fis));
}

/* An error ends them all; which one it was is in the unit's log. */
static void port_queue_ended(IdeBus *b, IdeUnit *u, unsigned tag, uint8_t status, uint8_t error)
{
    AhciPort *p = port_of(b);

    u->task.status = status;
    u->task.error = error;
    port_take_status(p);
    port_put_count(p, tag);
    if (status & IDE_ERR) {
        ide_abort(u);
        p->held = 0;
        p->halted = 1;
        port_send_sdb(p, status, error, 0);
        port_raise(p, PORT_SDBS | PORT_TFES);
        return;
    }
    p->sact &= ~(1u << tag);
    port_send_sdb(p, status, error, 1u << tag);
    port_raise(p, PORT_SDBS);
    ahci_port_run(p);
}

static void port_queue(AhciPort *p, unsigned slot, const uint8_t *fis)
{
    IdeUnit *u = port_unit(p);
    uint64_t lba = get_le32(fis + 4) & 0xffffff;
    uint32_t n = fis[3] | (uint32_t)fis[11] << 8;
    bool write = fis[2] == WRITE_FPDMA;

    lba |= (uint64_t)(get_le32(fis + 8) & 0xffffff) << 24;
    p->ci &= ~(1u << slot);
    if (fis[12] >> 3 != slot || !(p->sact >> slot & 1) ||
        !ide_queue(u, slot, lba, n ? n : 0x10000, write, fis[7] & 0x80)) {
        port_queue_ended(&p->bus, u, slot, IDE_DRDY | IDE_DSC | IDE_ERR, IDE_ABRT);
    }
}

static void port_queue_held(IdeBus *b, IdeUnit *u, unsigned tag)
{
    port_of(b)->held |= 1u << tag;
}

static void port_resumed(IdeBus *b)
{
    AhciPort *p = port_of(b);
    uint32_t held = p->held;
    uint8_t fis[FIS_BYTES];

    p->held = 0;
    for (; held && port_unit(p); held &= held - 1) {
        unsigned slot = (unsigned)__builtin_ctz(held);

        if (port_fetch(p, slot, fis, NULL)) {
            port_queue(p, slot, fis);
        }
    }
}

/* ---- Commands ---- */

/* A FIS without C: the device control register. A reset is done when SRST goes. */
static void port_control(AhciPort *p, unsigned slot, uint8_t control)
{
    bool reset = p->resetting && !(control & CONTROL_SRST);

    p->resetting = control & CONTROL_SRST ? 1 : 0;
    p->ci &= ~(1u << slot);
    if (reset) {
        ide_reset_unit(port_unit(p), false);
        port_take_status(p);
        port_send_d2h(p, false);
    }
}

static void port_command(AhciPort *p, unsigned slot, const uint8_t *fis)
{
    IdeUnit *u = port_unit(p);
    IdeTask *t = &u->task;

    t->command = fis[2];
    t->feature[0] = fis[3];
    t->lba_low[0] = fis[4];
    t->lba_mid[0] = fis[5];
    t->lba_high[0] = fis[6];
    t->device = fis[7];
    t->lba_low[1] = fis[8];
    t->lba_mid[1] = fis[9];
    t->lba_high[1] = fis[10];
    t->feature[1] = fis[11];
    t->count[0] = fis[12];
    t->count[1] = fis[13];
    p->current = (uint8_t)slot;
    p->status = IDE_DRDY | IDE_DSC | IDE_BSY;
    ide_command(u);
}

static void port_start(AhciPort *p, unsigned slot)
{
    uint8_t fis[FIS_BYTES];

    if (!port_fetch(p, slot, fis, NULL) || fis[0] != FIS_H2D) {
        p->halted = 1;
        port_raise(p, PORT_HBFS);
    } else if (!(fis[1] & FIS_COMMAND)) {
        port_control(p, slot, fis[15]);
    } else if ((fis[2] == READ_FPDMA || fis[2] == WRITE_FPDMA) && !ide_type(port_unit(p))->packet) {
        port_queue(p, slot, fis);
    } else {
        port_command(p, slot, fis);
    }
}

/* Is the next one that is to be taken a queued one? It may join others; no other may. */
static bool port_may_start(AhciPort *p, unsigned slot)
{
    return p->sact >> slot & 1 || !(p->sact & ~p->ci);
}

void ahci_port_run(AhciPort *p)
{
    if (p->running || !port_unit(p)) {
        return;
    }
    p->running = true;
    while (p->cmd & PORT_ST && !p->halted && p->current == AHCI_NO_SLOT && p->ci) {
        unsigned slot = (unsigned)__builtin_ctz(p->ci);

        if (!port_may_start(p, slot)) {
            break;
        }
        port_start(p, slot);
    }
    p->running = false;
}

void ahci_port_stop(AhciPort *p)
{
    IdeUnit *u = port_unit(p);

    p->ci = p->sact = p->held = 0;
    p->current = AHCI_NO_SLOT;
    p->halted = 0;
    if (u) {
        bool busy = u->task.status & (IDE_BSY | IDE_DRQ);

        ide_abort(u);
        if (busy) {
            u->task.status = IDE_DRDY | IDE_DSC;
            port_take_status(p);
        }
    }
}

void ahci_port_reset(AhciPort *p, bool link)
{
    IdeUnit *u = port_unit(p);

    ahci_port_stop(p);
    p->resetting = p->greeted = 0;
    p->status = 0x7f;
    p->error = 0;
    p->sig = UINT32_MAX;
    p->ssts = 0;
    p->cmd &= ~(uint32_t)PORT_ATAPI;
    if (!u) {
        return;
    }
    ide_reset_unit(u, true);
    port_take_status(p);
    p->sig = u->task.count[0] | (uint32_t)u->task.lba_low[0] << 8 |
             (uint32_t)u->task.lba_mid[0] << 16 | (uint32_t)u->task.lba_high[0] << 24;
    p->ssts = SSTS_UP;
    p->cmd |= ide_type(u)->packet ? PORT_ATAPI : 0;
    if (link) {
        p->serr |= SERR_X;
        port_raise(p, PORT_PCS);
    }
    ahci_port_greet(p);
}

const IdeBusOps ahci_port_ops = {
    .pio = port_pio,
    .dma_start = port_dma_start,
    .dma = port_dma,
    .rewind = port_rewind,
    .ended = port_ended,
    .queue_ended = port_queue_ended,
    .queue_held = port_queue_held,
    .resumed = port_resumed,
};
