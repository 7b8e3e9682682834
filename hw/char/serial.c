/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A: the serial port of PCs.
 * Spec: National Semiconductor PC16550D datasheet.
 *
 * Bytes are sent at once; the receiver's FIFO is real.
 */
#include "chardev/chardev.h"
#include "core/device.h"
#include "hw/isa/isa.h"

enum {
    FIFO_DEPTH = 16,
    IER_RDA = 1 << 0,
    IER_THRE = 1 << 1,
    IER_RLS = 1 << 2,
    IER_MS = 1 << 3,
    IIR_NONE = 1,
    IIR_MS = 0,
    IIR_THRE = 2,
    IIR_RDA = 4,
    IIR_RLS = 6,
    IIR_TIMEOUT = 0xc,
    IIR_FIFO = 0xc0,
    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RX = 1 << 1,
    FCR_CLEAR_TX = 1 << 2,
    LCR_DLAB = 1 << 7,
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,
    LSR_DR = 1 << 0,
    LSR_OE = 1 << 1,
    LSR_BI = 1 << 4,
    LSR_ERRORS = 0x1e,
    LSR_THRE = 1 << 5,
    LSR_TEMT = 1 << 6,
    MSR_CTS = 1 << 4,
    MSR_DSR = 1 << 5,
    MSR_RI = 1 << 6,
    MSR_DCD = 1 << 7,
};

typedef struct Serial {
    Device dev;
    Chardev *chardev;
    uint32_t index, iobase, irq_line;
    uint32_t regshift; /* in memory: registers are 1 << regshift bytes apart */
    bool big_endian;   /* the CPU that has it in memory */
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
    uint8_t fifo[FIFO_DEPTH], fifo_head, fifo_n;
    bool thre; /* the transmitter's interrupt is due */
    bool was_full;
    Irq irq;
} Serial;

static unsigned serial_depth(const Serial *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_DEPTH : 1;
}

static unsigned serial_trigger(const Serial *s)
{
    static const uint8_t level[4] = { 1, 4, 8, 14 };

    return s->fcr & FCR_ENABLE ? level[s->fcr >> 6] : 1;
}

static void serial_push(Serial *s, uint8_t byte)
{
    if (s->fifo_n >= serial_depth(s)) {
        s->lsr |= LSR_OE;
        return;
    }
    s->fifo[(s->fifo_head + s->fifo_n++) % FIFO_DEPTH] = byte;
    s->lsr |= LSR_DR;
}

/* The highest cause, as IIR says it (table 2 of the datasheet). */
static uint8_t serial_cause(const Serial *s)
{
    if (s->ier & IER_RLS && s->lsr & LSR_ERRORS) {
        return IIR_RLS;
    }
    if (s->ier & IER_RDA && s->fifo_n >= serial_trigger(s)) {
        return IIR_RDA;
    }
    if (s->ier & IER_RDA && s->fifo_n) {
        return IIR_TIMEOUT; /* no more comes for now: as after four characters' time */
    }
    if (s->ier & IER_THRE && s->thre) {
        return IIR_THRE;
    }
    return s->ier & IER_MS && s->msr & 0xf ? IIR_MS : IIR_NONE;
}

static void serial_settle(Device *dev)
{
    Serial *s = device_as(dev, Serial);

    irq_set(&s->irq, serial_cause(s) != IIR_NONE && (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2);
}

static uint8_t serial_pop(Serial *s)
{
    uint8_t byte = s->fifo[s->fifo_head];

    if (!s->fifo_n) {
        return 0;
    }
    s->fifo_head = (s->fifo_head + 1) % FIFO_DEPTH;
    if (!--s->fifo_n) {
        s->lsr &= ~(LSR_DR | LSR_BI);
    }
    if (s->was_full && s->chardev) {
        s->was_full = false;
        chardev_accept_input(s->chardev);
    }
    return byte;
}

/* Loopback: the outputs are the inputs (8.6.7 of the datasheet). */
static uint8_t serial_modem_status(const Serial *s)
{
    if (!(s->mcr & MCR_LOOP)) {
        return (s->msr & 0xf) | MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (s->msr & 0xf) | (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
           (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static MemResult serial_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    Serial *s = device_as(dev, Serial);
    bool dlab = s->lcr & LCR_DLAB;

    switch (off) {
    case 0:
        *val = dlab ? s->dll : serial_pop(s);
        break;
    case 1:
        *val = dlab ? s->dlm : s->ier;
        break;
    case 2:
        *val = serial_cause(s);
        s->thre &= *val != IIR_THRE;
        *val |= s->fcr & FCR_ENABLE ? IIR_FIFO : 0;
        break;
    case 3:
        *val = s->lcr;
        break;
    case 4:
        *val = s->mcr;
        break;
    case 5:
        *val = s->lsr | LSR_THRE | LSR_TEMT;
        s->lsr &= ~LSR_ERRORS;
        break;
    case 6:
        *val = serial_modem_status(s);
        s->msr &= 0xf0;
        break;
    default:
        *val = s->scr;
        break;
    }
    return MEM_OK;
}

static void serial_send(Serial *s, uint8_t byte)
{
    if (s->mcr & MCR_LOOP) {
        serial_push(s, byte);
    } else if (s->chardev) {
        chardev_write(s->chardev, &byte, 1);
    }
    s->thre = true;
}

static void serial_write_fcr(Serial *s, uint8_t val)
{
    if ((s->fcr ^ val) & FCR_ENABLE || val & FCR_CLEAR_RX) {
        s->fifo_n = s->fifo_head = 0;
        s->lsr &= ~(LSR_DR | LSR_BI);
    }
    s->thre |= (val & FCR_CLEAR_TX) != 0;
    s->fcr = val & (FCR_ENABLE | 0xc8);
}

static MemResult serial_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    Serial *s = device_as(dev, Serial);
    uint8_t v = (uint8_t)val;

    switch (off) {
    case 0:
        if (s->lcr & LCR_DLAB) {
            s->dll = v;
        } else {
            serial_send(s, v);
        }
        break;
    case 1:
        if (s->lcr & LCR_DLAB) {
            s->dlm = v;
        } else {
            s->thre |= v & ~s->ier & IER_THRE; /* the register is empty */
            s->ier = v & 0xf;
        }
        break;
    case 2:
        serial_write_fcr(s, v);
        break;
    case 3:
        s->lcr = v;
        break;
    case 4:
        s->mcr = v & 0x1f;
        break;
    case 7:
        s->scr = v;
        break;
    default:
        break;
    }
    return MEM_OK;
}

/* ---- The other end ---- */

static unsigned serial_can_read(void *opaque)
{
    Serial *s = opaque;
    unsigned room;

    device_enter(&s->dev);
    room = s->mcr & MCR_LOOP ? 0 : serial_depth(s) - min_u64(s->fifo_n, serial_depth(s));
    s->was_full = !room;
    device_leave(&s->dev);
    return room;
}

static void serial_receive(void *opaque, const uint8_t *buf, unsigned len)
{
    Serial *s = opaque;

    device_enter(&s->dev);
    for (unsigned i = 0; i < len; i++) {
        serial_push(s, buf[i]);
    }
    device_leave(&s->dev);
}

static void serial_event(void *opaque, CharEvent event)
{
    Serial *s = opaque;

    if (event == CHAR_BREAK) {
        device_enter(&s->dev);
        serial_push(s, 0);
        s->lsr |= LSR_BI;
        device_leave(&s->dev);
    }
}

static bool serial_start(Device *dev, GError **err)
{
    static const uint16_t port[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t line[4] = { 4, 3, 4, 3 };
    static const CharHandlers handlers = { serial_can_read, serial_receive, serial_event };
    Serial *s = device_as(dev, Serial);

    if (!device_prop_is_set(dev, "iobase")) {
        s->iobase = port[s->index & 3];
    }
    if (!device_prop_is_set(dev, "irq-line")) {
        s->irq_line = line[s->index & 3];
    }
    return !s->chardev || chardev_attach(s->chardev, &handlers, s, err);
}

static void serial_stop(Device *dev)
{
    Serial *s = device_as(dev, Serial);

    if (s->chardev) {
        chardev_detach(s->chardev, s);
    }
}

static void serial_ready(Device *dev)
{
    Serial *s = device_as(dev, Serial);

    isa_map(dev, 0, s->iobase);
    isa_connect(dev, "irq", s->irq_line);
}

static const Field serial_fields[] = {
    PROP_U32(Serial, index, 0, .max = 3, .doc = "COM1 is 0"),
    PROP_U32(Serial, iobase, 0x3f8, .max = 0xfff8, .doc = "first port"),
    { "irq-line", FIELD_PROP, TYPE_U32, .at = offsetof(Serial, irq_line), .size = 4, .def = 4,
      .max = 15, .doc = "line of the ISA bus" },
    PROP_BACKEND(Serial, chardev, "chardev", .doc = "the other end"),
    STATE_U8(Serial, ier),
    STATE_U8(Serial, fcr),
    STATE_U8(Serial, lcr),
    STATE_U8(Serial, mcr, .def = MCR_OUT2),
    STATE_U8(Serial, lsr),
    STATE_U8(Serial, msr),
    STATE_U8(Serial, scr),
    STATE_U8(Serial, dll, .def = 12),
    STATE_U8(Serial, dlm),
    STATE_ARRAY(Serial, fifo),
    STATE_U8(Serial, fifo_head, .max = FIFO_DEPTH - 1),
    STATE_U8(Serial, fifo_n, .max = FIFO_DEPTH),
    STATE_BOOL(Serial, thre),
    SCRATCH(Serial, was_full),
    PIN_OUT(Serial, irq),
};

static const DeviceType device_serial = {
    .name = "serial",
    .doc = "what every 16550A has",
    .size = sizeof(Serial),
    .fields = TABLE(serial_fields),
    .stop = serial_stop,
    .settle = serial_settle,
};

const DeviceType device_isa_serial = {
    .name = "isa-serial",
    .doc = "16550A serial port",
    .base = &device_serial,
    .size = sizeof(Serial),
    .mmio_size = 8,
    .access_max = 1,
    .read = serial_read,
    .write = serial_write,
    .start = serial_start,
    .ready = serial_ready,
    .user_creatable = true,
    .on_isa = true,
};

/* ---- In memory: registers of 8 bits, 1 << regshift bytes apart ---- */

enum { MM_REGS = 8, MM_SHIFT = 3 };

/* An access as wide as a register's place is one of that register, its byte the lowest of the word
 * (a big-endian CPU's: the last); a wider one is of several. */
static MemResult serial_mm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    const Serial *s = device_as(dev, Serial);
    unsigned step = 1u << s->regshift, top = s->big_endian ? 8 * (MIN(size, step) - 1) : 0;
    uint64_t byte;

    *val = 0;
    for (unsigned i = 0; i < size; i += step) {
        serial_read(dev, (off + i) >> s->regshift, 1, attrs, &byte);
        *val |= byte << (8 * i + top);
    }
    return MEM_OK;
}

static MemResult serial_mm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    const Serial *s = device_as(dev, Serial);
    unsigned step = 1u << s->regshift, top = s->big_endian ? 8 * (MIN(size, step) - 1) : 0;

    for (unsigned i = 0; i < size; i += step) {
        serial_write(dev, (off + i) >> s->regshift, 1, attrs, val >> (8 * i + top) & 0xff);
    }
    return MEM_OK;
}

static bool serial_mm_start(Device *dev, GError **err)
{
    static const CharHandlers handlers = { serial_can_read, serial_receive, serial_event };
    Serial *s = device_as(dev, Serial);

    device_set_region_size(dev, 0, (uint64_t)MM_REGS << s->regshift);
    return !s->chardev || chardev_attach(s->chardev, &handlers, s, err);
}

static const RegionType serial_mm_regions[] = {
    { .name = "serial", .access_max = 8, .read = serial_mm_read, .write = serial_mm_write },
};

static const Field serial_mm_fields[] = {
    PROP_U32(Serial, regshift, MM_SHIFT, .max = 3,
             .doc = "registers are 1 << regshift bytes apart"),
    PROP_BOOL(Serial, big_endian, false, .doc = "the CPU is big-endian"),
};

const DeviceType device_serial_mm = {
    .name = "serial-mm",
    .doc = "16550A serial port in memory",
    .base = &device_serial,
    .size = sizeof(Serial),
    .regions = serial_mm_regions,
    .n_regions = ARRAY_SIZE(serial_mm_regions),
    .fields = TABLE(serial_mm_fields),
    .start = serial_mm_start,
};
