/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver knows of xHCI, of Intel's network cards and of 9P.
 * Spec: xHCI 1.1, chapters 5 and 6; "8254x Software Developer's Manual", chapter 13; 9P2000.L.
 */
#include "core/device.h"
#include "tests/fuzz/device-driver.h"

#include <string.h>

enum {
    X_DCBAA = FUZZ_RAM + 0x10000,
    X_COMMANDS = FUZZ_RAM + 0x11000,
    X_EVENTS = FUZZ_RAM + 0x12000,
    X_ERST = FUZZ_RAM + 0x13000,
    X_INPUT = FUZZ_RAM + 0x14000,
    X_OUTPUT = FUZZ_RAM + 0x15000,
    X_RINGS = FUZZ_RAM + 0x16000, /* a page each: control, then two endpoints */
    X_DATA = FUZZ_RAM + 0x20000,
    X_EVENTS_MAX = 64,
    X_RING = 32,
    X_OP = 0x40,
    X_PORT = 0x440,
    X_INTR = 0x1020,
    X_DOORBELL = 0x2000,
    TRB_SETUP = 2,
    TRB_DATA = 3,
    TRB_STATUS = 4,
    TRB_ENABLE_SLOT = 9,
    TRB_ADDRESS = 11,
    TRB_CONFIGURE = 12,
    TRB_STOP = 15,
    E_TX = FUZZ_RAM + 0x10000,
    E_RX = FUZZ_RAM + 0x11000,
    E_DATA = FUZZ_RAM + 0x20000,
    E_RING = 32,
    P9_MESSAGE = FUZZ_RAM + 0x20000,
    P9_ANSWER = FUZZ_RAM + 0x30000,
};

/* ---- xHCI ---- */

bool fuzz_is_xhci(const FuzzDevice *d)
{
    return strstr(d->dev->type->name, "xhci") != NULL;
}

static void x_trb(FuzzDevice *d, GuestPhys at, uint64_t param, uint32_t status, uint32_t control)
{
    fuzz_store(d, at, 8, param);
    fuzz_store(d, at + 8, 4, status);
    fuzz_store(d, at + 12, 4, control);
}

/* Ring 0 is that of commands; the last entry leads back to the first. */
static GuestPhys x_next(FuzzDevice *d, unsigned ring, unsigned *cycle)
{
    GuestPhys base = ring ? X_RINGS + 0x1000 * (ring - 1) : X_COMMANDS;
    unsigned n = d->trbs[ring]++;

    *cycle = n / (X_RING - 1) % 2 ? 0 : 1;
    if (n % (X_RING - 1) == X_RING - 2) {
        x_trb(d, base + 16 * (X_RING - 1), base, 0, 6u << 10 | 2 | *cycle);
    }
    return base + 16 * (n % (X_RING - 1));
}

static void x_put(FuzzDevice *d, unsigned ring, uint64_t param, uint32_t status, uint32_t control)
{
    unsigned cycle;
    GuestPhys at = x_next(d, ring, &cycle);

    x_trb(d, at, param, status, (control & ~1u) | cycle);
}

static void x_command(FuzzDevice *d, uint64_t param, uint32_t control)
{
    x_put(d, 0, param, 0, control);
    fuzz_store(d, d->bar[0] + X_DOORBELL, 4, 0);
}

static void x_control(FuzzDevice *d, unsigned type, unsigned request, unsigned value,
                      unsigned index, unsigned len)
{
    uint64_t setup =
        type | request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 | (uint64_t)len << 48;

    x_put(d, 1, setup, 8, TRB_SETUP << 10 | 1 << 6);
    if (len) {
        x_put(d, 1, X_DATA, len, TRB_DATA << 10 | (type & 0x80 ? 1 << 16 : 0));
    }
    x_put(d, 1, 0, 0, TRB_STATUS << 10 | 1 << 5);
    fuzz_store(d, d->bar[0] + X_DOORBELL + 4, 4, 1);
}

static void x_endpoint(FuzzDevice *d, unsigned n, unsigned type, unsigned packet)
{
    GuestPhys at = X_INPUT + 32 * (n + 1);

    fuzz_store(d, at + 4, 4, packet << 16 | type << 3);
    fuzz_store(d, at + 8, 8, (n == 1 ? X_RINGS : X_RINGS + 0x1000 * (n - 2)) | 1);
}

void fuzz_begin_xhci(FuzzDevice *d)
{
    GuestPhys c = d->bar[0];

    fuzz_store(d, X_ERST, 8, X_EVENTS);
    fuzz_store(d, X_ERST + 8, 8, X_EVENTS_MAX);
    fuzz_store(d, c + X_OP + 0x38, 4, 8);
    fuzz_store(d, c + X_OP + 0x30, 8, X_DCBAA);
    fuzz_store(d, c + X_OP + 0x18, 8, X_COMMANDS | 1);
    fuzz_store(d, c + X_INTR + 8, 4, 1);
    fuzz_store(d, c + X_INTR + 0x18, 8, X_EVENTS);
    fuzz_store(d, c + X_INTR + 0x10, 8, X_ERST);
    fuzz_store(d, c + X_OP, 4, 5);
    for (unsigned port = 0; port < 8; port++) {
        fuzz_store(d, c + X_PORT + 16 * port, 4, 0x210);
    }
    x_command(d, 0, TRB_ENABLE_SLOT << 10);
    fuzz_store(d, X_DCBAA + 8, 8, X_OUTPUT);
    fuzz_store(d, X_INPUT + 4, 4, 3);
    fuzz_store(d, X_INPUT + 32, 4, 4u << 27 | 3 << 20);
    fuzz_store(d, X_INPUT + 36, 4, (d->n_disks ? 5u : 1u) << 16);
    x_endpoint(d, 1, 4, 64);
    x_command(d, X_INPUT, TRB_ADDRESS << 10 | 1 << 24);
    /* Endpoint 1 IN and 2 OUT, as storage has them; a hub has the first alone. */
    fuzz_store(d, X_INPUT + 4, 4, 1 | 1 << 3 | 1 << 4);
    fuzz_store(d, X_INPUT + 32, 4, 5u << 27 | 3 << 20);
    x_endpoint(d, 3, 6, 512);
    x_endpoint(d, 4, 2, 512);
    x_command(d, X_INPUT, TRB_CONFIGURE << 10 | 1 << 24);
    x_control(d, 0, 9, 1, 0, 0);
}

/* Ten SCSI commands in a bulk-only wrapper, and the data's and status's transfers. */
static void x_storage(FuzzDevice *d, FuzzIn *in)
{
    uint8_t cbw[31] = "USBC";
    size_t got;
    uint8_t len = fuzz_u8(in), way = fuzz_u8(in);
    const uint8_t *cdb = fuzz_bytes(in, 16, &got);

    cbw[8] = len;
    cbw[12] = way & 0x80;
    cbw[13] = way & 1;
    cbw[14] = (uint8_t)(way & 2 ? way >> 2 : 16);
    memcpy(cbw + 15, cdb, got);
    for (size_t i = 0; i < sizeof(cbw); i++) {
        fuzz_store(d, X_DATA + 0x1000 + i, 1, cbw[i]);
    }
    x_put(d, 3, X_DATA + 0x1000, sizeof(cbw), 1 << 10 | 1 << 5);
    fuzz_store(d, d->bar[0] + X_DOORBELL + 4, 4, 4);
    if (len) {
        unsigned ring = way & 0x80 ? 2 : 3;

        x_put(d, ring, X_DATA, len, 1 << 10 | 1 << 5);
        fuzz_store(d, d->bar[0] + X_DOORBELL + 4, 4, ring + 1);
    }
    x_put(d, 2, X_DATA + 0x2000, 13, 1 << 10 | 1 << 5);
    fuzz_store(d, d->bar[0] + X_DOORBELL + 4, 4, 3);
}

void fuzz_drive_xhci(FuzzDevice *d, FuzzIn *in)
{
    uint8_t op = fuzz_u8(in), ring = fuzz_u8(in) % 4, type = fuzz_u8(in);
    uint32_t param = fuzz_u32(in), flags = fuzz_u16(in);
    uint64_t where = op & 0x80 ? param : X_DATA + param % 0x10000;

    switch (op % 8) {
    case 0: /* any transfer, or command */
    case 1:
        x_put(d, ring, where, fuzz_u32(in) & (op & 0x40 ? ~0u : 0x3ff),
              (type % 64u) << 10 | flags | (ring ? 0 : 1u << 24));
        break;
    case 2:
        fuzz_store(d, d->bar[0] + X_DOORBELL + 4 * (op & 0x40 ? type : ring != 0), 4,
                   ring ? ring == 1 ? 1 : ring + 1 : 0);
        break;
    case 3:
        fuzz_store(d, d->bar[0] + X_PORT + 16 * (type % 9), 4, param);
        break;
    case 4: /* the driver has seen some events */
        fuzz_store(d, d->bar[0] + X_INTR + 0x18, 8, (X_EVENTS + type % X_EVENTS_MAX * 16) | 8);
        break;
    case 5:
        x_control(d, type, flags & 0xff, param & 0xffff, param >> 16, flags >> 8);
        break;
    case 6:
        x_command(d, where, (TRB_ENABLE_SLOT + type % 16u) << 10 | (flags & 31) << 16 | 1u << 24);
        break;
    default:
        x_storage(d, in);
        break;
    }
}

/* ---- e1000 and e1000e ---- */

bool fuzz_is_e1000(const FuzzDevice *d)
{
    return g_str_has_prefix(d->dev->type->name, "e1000");
}

void fuzz_begin_e1000(FuzzDevice *d)
{
    static const struct {
        uint16_t reg;
        uint32_t value;
    } begin[] = {
        { 0x3800, E_TX }, { 0x3804, 0 },         { 0x3808, 16 * E_RING }, { 0x3810, 0 },
        { 0x3818, 0 },    { 0x2800, E_RX },      { 0x2804, 0 },           { 0x2808, 16 * E_RING },
        { 0x2810, 0 },    { 0x2818, 0 },         { 0x5400, 0x12005452 },  { 0x5404, 0x80005634 },
        { 0x400, 0xa },   { 0x100, 0x8000801a }, { 0xd0, 0xff },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(begin); i++) {
        fuzz_store(d, d->bar[0] + begin[i].reg, 4, begin[i].value);
    }
    for (unsigned i = 0; i < E_RING; i++) {
        fuzz_store(d, E_RX + 16 * i, 8, E_DATA + 0x10000 + 0x800 * i);
    }
    fuzz_store(d, d->bar[0] + 0x2818, 4, E_RING - 1);
}

void fuzz_drive_e1000(FuzzDevice *d, FuzzIn *in)
{
    uint8_t op = fuzz_u8(in), i = fuzz_u8(in) % E_RING;
    uint32_t at = fuzz_u16(in), len = fuzz_u16(in);

    switch (op % 4) {
    case 0: /* a descriptor of data, of a context, or what chance makes */
    case 1:
        fuzz_store(d, E_TX + 16 * i, 8, op & 0x80 ? fuzz_u32(in) : E_DATA + at);
        fuzz_store(d, E_TX + 16 * i + 8, 4,
                   (op & 0x40 ? len : len % 1600) | (uint32_t)fuzz_u8(in) << 20 |
                       (uint32_t)fuzz_u8(in) << 24);
        fuzz_store(d, E_TX + 16 * i + 12, 4, fuzz_u32(in));
        break;
    case 2:
        fuzz_store(d, d->bar[0] + 0x3818, 4, i);
        break;
    default:
        fuzz_store(d, d->bar[0] + (op & 0x80 ? len & 0x5ffc : 0x2818), 4,
                   op & 0x80 ? fuzz_u32(in) : i);
        break;
    }
}

/* ---- 9P ---- */

bool fuzz_is_9p(const FuzzDevice *d)
{
    return strstr(d->dev->type->name, "9p") != NULL;
}

/* A message of @len bytes behind its head, as one element of the queue. */
static void p9_send(FuzzDevice *d, uint8_t type, const uint8_t *body, size_t len)
{
    GuestPhys desc = FUZZ_RAM + 0x1000, avail = desc + 0x400;

    fuzz_store(d, P9_MESSAGE, 4, 7 + len);
    fuzz_store(d, P9_MESSAGE + 4, 1, type);
    fuzz_store(d, P9_MESSAGE + 5, 2, 1);
    for (size_t i = 0; i < len; i++) {
        fuzz_store(d, P9_MESSAGE + 7 + i, 1, body[i]);
    }
    fuzz_store(d, desc, 8, P9_MESSAGE);
    fuzz_store(d, desc + 8, 4, 7 + (uint32_t)len);
    fuzz_store(d, desc + 12, 4, 1 | 1 << 16);
    fuzz_store(d, desc + 16, 8, P9_ANSWER);
    fuzz_store(d, desc + 24, 4, 0x2000);
    fuzz_store(d, desc + 28, 4, 2);
    fuzz_store(d, avail + 4 + 2 * (d->avail[0]++ % 8), 2, 0);
    fuzz_store(d, avail + 2, 2, d->avail[0]);
    fuzz_notify(d, 0);
}

void fuzz_begin_9p(FuzzDevice *d)
{
    static const uint8_t version[] = "\0\x20\0\0\x08\0"
                                     "9P2000.L";
    static const uint8_t attach[] = "\0\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff";

    p9_send(d, 100, version, sizeof(version) - 1);
    p9_send(d, 104, attach, sizeof(attach) - 1);
}

void fuzz_drive_9p(FuzzDevice *d, FuzzIn *in)
{
    static const uint8_t types[] = { 8,   12,  14,  16,  18,  20,  22,  24,  26,  30,
                                     32,  40,  50,  52,  54,  70,  72,  74,  76,  100,
                                     104, 108, 110, 112, 116, 118, 120, 122, 124, 126 };
    uint8_t type = fuzz_u8(in);
    size_t got;
    const uint8_t *body = fuzz_bytes(in, fuzz_u8(in) % 80, &got);

    p9_send(d, type & 0x80 ? type : types[type % sizeof(types)], body, got);
}
