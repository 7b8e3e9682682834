/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Interrupt Translation Service of the GICv3: turns (DeviceID, EventID) of a message into an
 * LPI of a redistributor. All its tables lie in guest memory and are read anew for every message;
 * the formats of their entries are our own, as the architecture allows:
 *   device      63 valid, 62:58 bits of EventID minus 1, 43:0 address of the ITT >> 8
 *   collection  63 valid, 15:0 CPU
 *   ITT         63 valid, 47:32 collection, 15:0 LPI
 * Spec: IHI 0069, ch. 5.2 (tables), 5.3 (commands), 12.19 (registers).
 */
#include "hw/intc/gicv3-priv.h"

#include "util/bytes.h"

enum {
    ENTRY = 8, /* bytes of an entry of each table */
    EVENT_BITS = 16,
    DEVICE_BITS = 16,
    COLLECTION_BITS = 16,
    COMMAND = 32,
    TABLE_DEVICES = 0,
    TABLE_COLLECTIONS = 1,
    QUEUE_OFFSET = 0xfffe0, /* the bits of CWRITER and CREADR */

    CMD_MOVI = 0x01,
    CMD_INT = 0x03,
    CMD_CLEAR = 0x04,
    CMD_SYNC = 0x05,
    CMD_MAPD = 0x08,
    CMD_MAPC = 0x09,
    CMD_MAPTI = 0x0a,
    CMD_MAPI = 0x0b,
    CMD_INV = 0x0c,
    CMD_INVALL = 0x0d,
    CMD_MOVALL = 0x0e,
    CMD_DISCARD = 0x0f,
};

#define ITS_VALID       BIT(63)
#define BASER_INDIRECT  BIT(62)
#define CBASER_WRITABLE 0xb8effffffffffcffull
#define CBASER_ADDR     0x000ffffffffff000ull
#define BASER_WRITABLE  0xf8e0ffffffffffffull
#define ITT_ADDR_BITS   44
#define ITT_EVENTS_AT   58

typedef struct ItsCommand {
    uint64_t dw[4];
} ItsCommand;

/* An interrupt that an ITS has found. */
typedef struct ItsTarget {
    GuestPhys ite_at;
    unsigned lpi, collection, cpu;
} ItsTarget;

/* ---- Tables in guest memory ---- */

static bool its_load(Gicv3 *s, GuestPhys at, uint64_t *entry)
{
    uint8_t buf[ENTRY];

    if (device_dma_read(&s->dev, at, buf, sizeof(buf)) != MEM_OK) {
        guest_error(&s->dev, "ITS: table entry at 0x%" G_GINT64_MODIFIER "x is not in RAM", at);
        return false;
    }
    *entry = get_le64(buf);
    return true;
}

static bool its_store(Gicv3 *s, GuestPhys at, uint64_t entry)
{
    uint8_t buf[ENTRY];

    put_le64(buf, entry);
    return device_dma_write(&s->dev, at, buf, sizeof(buf)) == MEM_OK;
}

static uint64_t its_page_bytes(uint64_t baser)
{
    static const uint32_t bytes[] = { 4096, 16384, 65536, 65536 };

    return bytes[baser >> 8 & 3];
}

static GuestPhys its_table_base(uint64_t baser)
{
    uint64_t low = baser & 0xfffffffff000ull;

    /* with pages of 64 KiB, bits 15:12 are 51:48 of the address */
    return its_page_bytes(baser) == 65536 ? (low & ~0xffffull) | (low & 0xf000) << 36 : low;
}

/* Where entry @n of a flat or two-level table lies. False: the table has no room for it. */
static bool its_entry_at(Gicv3 *s, unsigned table, uint64_t n, GuestPhys *at)
{
    uint64_t baser = s->its_baser[table], page = its_page_bytes(baser), per = page / ENTRY, level1;
    uint64_t bytes = ((baser & 0xff) + 1) * page;

    if (!(baser & ITS_VALID)) {
        return false;
    }
    *at = its_table_base(baser) + n * ENTRY;
    if (!(baser & BASER_INDIRECT)) {
        return n * ENTRY < bytes;
    }
    if (n / per * ENTRY >= bytes ||
        !its_load(s, its_table_base(baser) + n / per * ENTRY, &level1) || !(level1 & ITS_VALID)) {
        return false;
    }
    *at = (level1 & CBASER_ADDR & ~(page - 1)) + n % per * ENTRY;
    return true;
}

static bool its_entry(Gicv3 *s, unsigned table, uint64_t n, uint64_t *entry)
{
    GuestPhys at;

    return its_entry_at(s, table, n, &at) && its_load(s, at, entry) && *entry & ITS_VALID;
}

/* The place of a device's event in its ITT. */
static bool its_ite_at(Gicv3 *s, uint32_t device, uint32_t event, GuestPhys *at)
{
    uint64_t dte;

    if (!its_entry(s, TABLE_DEVICES, device, &dte) ||
        event >> (bits_extract(dte, ITT_EVENTS_AT, 5) + 1)) {
        return false;
    }
    *at = bits_extract(dte, 0, ITT_ADDR_BITS) << 8;
    *at += (uint64_t)event * ENTRY;
    return true;
}

static bool its_collection_cpu(Gicv3 *s, unsigned collection, unsigned *cpu)
{
    uint64_t cte;

    if (!its_entry(s, TABLE_COLLECTIONS, collection, &cte) || (cte & 0xffff) >= s->num_cpu) {
        return false;
    }
    *cpu = cte & 0xffff;
    return true;
}

static bool its_translate(Gicv3 *s, uint32_t device, uint32_t event, ItsTarget *t)
{
    uint64_t ite;

    if (!its_ite_at(s, device, event, &t->ite_at) || !its_load(s, t->ite_at, &ite) ||
        !(ite & ITS_VALID)) {
        return false;
    }
    t->lpi = ite & 0xffff;
    t->collection = ite >> 32 & 0xffff;
    return its_collection_cpu(s, t->collection, &t->cpu);
}

/* ---- Commands ---- */

static void its_map_device(Gicv3 *s, const ItsCommand *c)
{
    uint64_t events = c->dw[1] & 31, itt = c->dw[2] >> 8 & bits_mask(ITT_ADDR_BITS);
    GuestPhys at;

    if (events < EVENT_BITS && its_entry_at(s, TABLE_DEVICES, c->dw[0] >> 32, &at)) {
        its_store(s, at, c->dw[2] & ITS_VALID ? ITS_VALID | events << ITT_EVENTS_AT | itt : 0);
    } else {
        guest_error(&s->dev, "ITS: MAPD of device 0x%x: no room for it",
                    (unsigned)(c->dw[0] >> 32));
    }
}

static void its_map_collection(Gicv3 *s, const ItsCommand *c)
{
    uint64_t cpu = c->dw[2] >> 16 & bits_mask(35);
    bool valid = c->dw[2] & ITS_VALID;
    GuestPhys at;

    if ((!valid || cpu < s->num_cpu) &&
        its_entry_at(s, TABLE_COLLECTIONS, c->dw[2] & 0xffff, &at)) {
        its_store(s, at, valid ? ITS_VALID | cpu : 0);
    } else {
        guest_error(&s->dev, "ITS: MAPC: no such CPU, or no room for the collection");
    }
}

static void its_map_event(Gicv3 *s, const ItsCommand *c, bool same)
{
    uint32_t event = (uint32_t)c->dw[1], lpi = same ? event : c->dw[1] >> 32;
    GuestPhys at;

    if (lpi >= LPI_FIRST && lpi < LPI_END && its_ite_at(s, c->dw[0] >> 32, event, &at)) {
        its_store(s, at, ITS_VALID | (c->dw[2] & 0xffff) << 32 | lpi);
    } else {
        guest_error(&s->dev, "ITS: MAPTI of event %u: no such interrupt or device", event);
    }
}

static void its_move_event(Gicv3 *s, const ItsCommand *c, const ItsTarget *t)
{
    unsigned collection = c->dw[2] & 0xffff, cpu;

    if (!its_collection_cpu(s, collection, &cpu)) {
        return;
    }
    its_store(s, t->ite_at, ITS_VALID | (uint64_t)collection << 32 | t->lpi);
    if (cpu != t->cpu && gicv3_lpi_is_pending(s, t->cpu, t->lpi)) {
        gicv3_lpi_put(s, t->cpu, t->lpi, false);
        gicv3_lpi_put(s, cpu, t->lpi, true);
    }
}

/* Commands on one event that is mapped. */
static void its_event_command(Gicv3 *s, const ItsCommand *c)
{
    ItsTarget t;

    if (!its_translate(s, c->dw[0] >> 32, (uint32_t)c->dw[1], &t)) {
        guest_error(&s->dev, "ITS: command 0x%02x for an event that is not mapped",
                    (unsigned)(c->dw[0] & 0xff));
        return;
    }
    switch (c->dw[0] & 0xff) {
    case CMD_INT:
        gicv3_lpi_put(s, t.cpu, t.lpi, true);
        break;
    case CMD_CLEAR:
        gicv3_lpi_put(s, t.cpu, t.lpi, false);
        break;
    case CMD_DISCARD:
        gicv3_lpi_put(s, t.cpu, t.lpi, false);
        its_store(s, t.ite_at, 0);
        break;
    case CMD_INV:
        gicv3_lpi_invalidate(s, t.cpu);
        break;
    default:
        its_move_event(s, c, &t);
        break;
    }
}

static void its_move_all(Gicv3 *s, const ItsCommand *c)
{
    uint64_t from = c->dw[2] >> 16 & bits_mask(35), to = c->dw[3] >> 16 & bits_mask(35);

    if (from < s->num_cpu && to < s->num_cpu) {
        gicv3_lpi_move_all(s, from, to);
    }
}

static void its_command(Gicv3 *s, const ItsCommand *c)
{
    unsigned cpu;

    switch (c->dw[0] & 0xff) {
    case CMD_MAPD:
        its_map_device(s, c);
        break;
    case CMD_MAPC:
        its_map_collection(s, c);
        break;
    case CMD_MAPTI:
        its_map_event(s, c, false);
        break;
    case CMD_MAPI:
        its_map_event(s, c, true);
        break;
    case CMD_INVALL:
        if (its_collection_cpu(s, c->dw[2] & 0xffff, &cpu)) {
            gicv3_lpi_invalidate(s, cpu);
        }
        break;
    case CMD_MOVALL:
        its_move_all(s, c);
        break;
    case CMD_SYNC: /* every command is complete when the next one begins */
        break;
    case CMD_INT:
    case CMD_CLEAR:
    case CMD_DISCARD:
    case CMD_INV:
    case CMD_MOVI:
        its_event_command(s, c);
        break;
    default:
        guest_error(&s->dev, "ITS: no command 0x%02x", (unsigned)(c->dw[0] & 0xff));
        break;
    }
}

/* All that is in the queue, once around at most. */
static void its_run(Gicv3 *s)
{
    uint32_t bytes = ((s->its_cbaser & 0xff) + 1) * 4096;
    GuestPhys base = s->its_cbaser & CBASER_ADDR;
    uint8_t buf[COMMAND];
    ItsCommand c;

    if (!(s->its_ctlr & 1) || !(s->its_cbaser & ITS_VALID) || s->its_cwriter >= bytes) {
        return;
    }
    for (unsigned n = bytes / COMMAND; n && s->its_creadr != s->its_cwriter; n--) {
        if (device_dma_read(&s->dev, base + s->its_creadr, buf, sizeof(buf)) == MEM_OK) {
            for (unsigned i = 0; i < 4; i++) {
                c.dw[i] = get_le64(buf + 8 * i);
            }
            its_command(s, &c);
        } else {
            guest_error(&s->dev, "ITS: the command queue is not in RAM");
        }
        s->its_creadr = s->its_creadr + COMMAND < bytes ? s->its_creadr + COMMAND : 0;
    }
}

/* ---- Registers ---- */

/* What software cannot change of GITS_BASER<n>: kind and size of an entry. */
static uint64_t its_baser_fixed(unsigned n)
{
    static const uint8_t kind[N_ITS_TABLES] = { 1, 4 }; /* devices, collections */

    return (uint64_t)kind[n] << 56 | (uint64_t)(ENTRY - 1) << 48;
}

static uint64_t its_reg(const Gicv3 *s, unsigned off)
{
    unsigned n = (off - GITS_BASER) / 8;

    if (off >= GITS_BASER && n < N_ITS_TABLES) {
        return s->its_baser[n] | its_baser_fixed(n);
    }
    switch (off) {
    case GITS_CTLR: /* with GITS_IIDR; quiescent when it is off */
        return (s->its_ctlr | (s->its_ctlr ? 0 : BIT(31))) | 0x43bull << 32;
    case GITS_TYPER: /* physical LPIs, targets by number of CPU, sizes */
        return 1 | (ENTRY - 1) << 4 | (EVENT_BITS - 1) << 8 | (DEVICE_BITS - 1) << 13 |
               (uint64_t)(COLLECTION_BITS - 1) << 32 | BIT(36);
    case GITS_CBASER:
        return s->its_cbaser;
    case GITS_CWRITER:
        return s->its_cwriter;
    case GITS_CREADR:
        return s->its_creadr;
    default:
        return 0;
    }
}

static uint64_t its_id(unsigned off)
{
    static const uint8_t id[] = { 0x44, 0, 0, 0, 0x94, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1 };

    return id[(off - GIC_PIDR) / 4];
}

MemResult gicv3_its_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    const Gicv3 *s = device_as(dev, Gicv3);

    *val = 0;
    if (!s->has_lpi) {
        return MEM_OK;
    }
    if (off >= GIC_PIDR && off < 0x10000) {
        *val = its_id(off);
    } else if (off < GIC_PIDR) {
        *val = its_reg(s, off & ~7u) >> (off % 8 * 8);
    }
    return MEM_OK;
}

static void its_baser_write(Gicv3 *s, unsigned n, unsigned bit, unsigned bits, uint64_t val)
{
    uint64_t v = bits_deposit(s->its_baser[n], bit, bits, val) & BASER_WRITABLE;

    if (s->its_ctlr) { /* unpredictable: ignored */
        return;
    }
    s->its_baser[n] = n == TABLE_DEVICES ? v : v & ~BASER_INDIRECT;
}

static void its_reg_write(Gicv3 *s, unsigned off, unsigned size, uint64_t val)
{
    unsigned bit = off % 8 * 8, bits = size * 8, n = (off - GITS_BASER) / 8;

    if (off >= GITS_BASER && n < N_ITS_TABLES) {
        its_baser_write(s, n, bit, bits, val);
        return;
    }
    switch (off & ~7u) {
    case GITS_CTLR:
        if (off == GITS_CTLR) {
            s->its_ctlr = val & 1;
        }
        break;
    case GITS_CBASER:
        if (!s->its_ctlr) {
            s->its_cbaser = bits_deposit(s->its_cbaser, bit, bits, val) & CBASER_WRITABLE;
            s->its_creadr = 0;
        }
        break;
    case GITS_CWRITER:
        if (off == GITS_CWRITER) {
            s->its_cwriter = val & QUEUE_OFFSET;
        }
        break;
    default:
        return;
    }
    its_run(s);
}

MemResult gicv3_its_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Gicv3 *s = device_as(dev, Gicv3);
    ItsTarget t;

    if (!s->has_lpi) {
        return MEM_OK;
    }
    if (off == GITS_TRANSLATER) {
        if (s->its_ctlr && its_translate(s, attrs.requester, (uint32_t)val, &t)) {
            gicv3_lpi_put(s, t.cpu, t.lpi, true);
        } else {
            guest_error(dev, "ITS: event %u of device 0x%x is not mapped", (unsigned)val,
                        attrs.requester);
        }
    } else if (off < GIC_PIDR && size >= 4) {
        its_reg_write(s, off, size, val);
    }
    return MEM_OK;
}
