/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PL011: Arm's PrimeCell UART.
 * Spec: PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, ch. 3.
 *
 * Bytes are sent at once; the FIFO of the receiver is real, so that the guest's flow of input is.
 */
#include "chardev/chardev.h"
#include "core/device.h"

enum {
    FIFO_DEPTH = 16,

    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_RXFE = 1 << 4,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,

    LCR_FEN = 1 << 4,

    CR_UARTEN = 1 << 0,
    CR_LBE = 1 << 7,
    CR_TXE = 1 << 8,
    CR_RXE = 1 << 9,

    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_ALL = 0x7ff,

    DR_BE = 1 << 10,
    DR_OE = 1 << 11,
};

typedef struct Pl011 {
    Device dev;
    Chardev *chardev;
    uint16_t fifo[FIFO_DEPTH]; /* data and error bits as DR gives them */
    uint8_t fifo_head;         /* index of the oldest entry, < FIFO_DEPTH */
    uint8_t fifo_n;            /* entries, <= FIFO_DEPTH */
    uint32_t rsr;              /* bits 3:0 */
    uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
    bool was_full; /* the host waits for room */
    Irq irq;
} Pl011;

static unsigned pl011_depth(const Pl011 *s)
{
    return s->lcr_h & LCR_FEN ? FIFO_DEPTH : 1;
}

/* Entries from which the receive interrupt is raised (UARTIFLS.RXIFLSEL). */
static unsigned pl011_rx_level(const Pl011 *s)
{
    static const uint8_t level[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

    return s->lcr_h & LCR_FEN ? level[s->ifls >> 3 & 7] : 1;
}

static void pl011_push(Pl011 *s, uint16_t entry)
{
    if (s->fifo_n >= pl011_depth(s)) {
        s->ris |= INT_OE;
        s->rsr |= 1 << 3;
        return;
    }
    s->fifo[(s->fifo_head + s->fifo_n) % FIFO_DEPTH] = entry;
    s->fifo_n++;
    /* No receive timeout is modelled: a driver hears of every byte, as after a long silence. */
    s->ris |= INT_RT;
    if (s->fifo_n >= pl011_rx_level(s)) {
        s->ris |= INT_RX;
    }
}

static uint64_t pl011_dr_read(Device *dev)
{
    Pl011 *s = device_as(dev, Pl011);
    uint16_t entry = s->fifo[s->fifo_head];

    if (s->fifo_n == 0) {
        return 0;
    }
    s->fifo_head = (s->fifo_head + 1) % FIFO_DEPTH;
    s->fifo_n--;
    s->rsr = entry >> 8 & 0xf;
    if (s->fifo_n < pl011_rx_level(s)) {
        s->ris &= ~INT_RX;
    }
    if (s->fifo_n == 0) {
        s->ris &= ~INT_RT;
    }
    if (s->chardev && s->was_full) {
        s->was_full = false;
        chardev_accept_input(s->chardev);
    }
    return entry;
}

static void pl011_dr_write(Device *dev, uint64_t val)
{
    Pl011 *s = device_as(dev, Pl011);
    uint8_t byte = val;

    /* Early consoles write without having enabled the port: the byte goes out all the same. */
    if (s->cr & CR_LBE) {
        pl011_push(s, byte);
    } else if (s->chardev) {
        chardev_write(s->chardev, &byte, 1);
    }
    s->ris |= INT_TX;
}

static uint64_t pl011_rsr_read(Device *dev)
{
    return device_as(dev, Pl011)->rsr;
}

/* Any write clears the errors. */
static void pl011_ecr_write(Device *dev, uint64_t val)
{
    device_as(dev, Pl011)->rsr = 0;
}

static uint64_t pl011_fr_read(Device *dev)
{
    Pl011 *s = device_as(dev, Pl011);
    uint64_t fr = FR_TXFE | FR_CTS | FR_DSR | FR_DCD;

    if (s->fifo_n == 0) {
        fr |= FR_RXFE;
    }
    if (s->fifo_n >= pl011_depth(s)) {
        fr |= FR_RXFF;
    }
    return fr;
}

static void pl011_lcr_wrote(Device *dev, uint64_t old)
{
    Pl011 *s = device_as(dev, Pl011);

    if ((s->lcr_h ^ old) & LCR_FEN) { /* turning the FIFO on or off flushes it */
        s->fifo_head = s->fifo_n = 0;
        s->ris &= ~(INT_RX | INT_RT);
    }
}

static void pl011_ifls_wrote(Device *dev, uint64_t old)
{
    Pl011 *s = device_as(dev, Pl011);

    if (s->fifo_n && s->fifo_n >= pl011_rx_level(s)) {
        s->ris |= INT_RX;
    }
}

static uint64_t pl011_mis_read(Device *dev)
{
    Pl011 *s = device_as(dev, Pl011);

    return s->ris & s->imsc;
}

static void pl011_icr_write(Device *dev, uint64_t val)
{
    device_as(dev, Pl011)->ris &= ~val;
}

static void pl011_settle(Device *dev)
{
    Pl011 *s = device_as(dev, Pl011);

    irq_set(&s->irq, (s->ris & s->imsc) != 0);
}

static unsigned pl011_can_read(void *opaque)
{
    Pl011 *s = opaque;
    unsigned room;

    device_enter(&s->dev);
    room = pl011_depth(s) - min_u64(s->fifo_n, pl011_depth(s));
    s->was_full = room == 0;
    device_leave(&s->dev);
    return room;
}

static void pl011_receive(void *opaque, const uint8_t *buf, unsigned len)
{
    Pl011 *s = opaque;

    device_enter(&s->dev);
    for (unsigned i = 0; i < len; i++) {
        pl011_push(s, buf[i]);
    }
    device_leave(&s->dev);
}

static void pl011_event(void *opaque, CharEvent event)
{
    Pl011 *s = opaque;

    if (event == CHAR_BREAK) {
        device_enter(&s->dev);
        pl011_push(s, DR_BE);
        s->ris |= INT_BE;
        device_leave(&s->dev);
    }
}

static bool pl011_start(Device *dev, GError **err)
{
    static const CharHandlers handlers = { pl011_can_read, pl011_receive, pl011_event };
    Pl011 *s = device_as(dev, Pl011);

    return !s->chardev || chardev_attach(s->chardev, &handlers, s, err);
}

static void pl011_stop(Device *dev)
{
    Pl011 *s = device_as(dev, Pl011);

    if (s->chardev) {
        chardev_detach(s->chardev, s);
    }
}

static void pl011_reset_exit(Device *dev, ResetType type)
{
    Pl011 *s = device_as(dev, Pl011);

    if (s->chardev) {
        s->was_full = false;
        chardev_accept_input(s->chardev);
    }
}

static const Reg pl011_regs[] = {
    { 0x000, "UARTDR", .size = 4, .read = pl011_dr_read, .write = pl011_dr_write, .doc = "data" },
    { 0x004, "UARTRSR", .size = 4, .read = pl011_rsr_read, .write = pl011_ecr_write,
      .doc = "receive errors; a write clears them (UARTECR)" },
    { 0x018, "UARTFR", .size = 4, .read = pl011_fr_read, .silent_write = true, .doc = "flags" },
    { 0x020, "UARTILPR", AT(Pl011, ilpr), .rw = 0xff, .doc = "IrDA divisor" },
    { 0x024, "UARTIBRD", AT(Pl011, ibrd), .rw = 0xffff, .doc = "baud rate, integer part" },
    { 0x028, "UARTFBRD", AT(Pl011, fbrd), .rw = 0x3f, .doc = "baud rate, fraction" },
    { 0x02c, "UARTLCR_H", AT(Pl011, lcr_h), .rw = 0xff, .wrote = pl011_lcr_wrote,
      .doc = "line control; 4: FIFO enable" },
    { 0x030, "UARTCR", AT(Pl011, cr), .rw = 0xff87, .reset = CR_TXE | CR_RXE,
      .doc = "control; 0: enable; 7: loop back; 8: transmit; 9: receive" },
    { 0x034, "UARTIFLS", AT(Pl011, ifls), .rw = 0x3f, .reset = 0x12, .wrote = pl011_ifls_wrote,
      .doc = "interrupt levels of the FIFOs" },
    { 0x038, "UARTIMSC", AT(Pl011, imsc), .rw = INT_ALL, .doc = "interrupt mask" },
    { 0x03c, "UARTRIS", AT(Pl011, ris), .silent_write = true, .doc = "raw interrupts" },
    { 0x040, "UARTMIS", .size = 4, .read = pl011_mis_read, .silent_write = true,
      .doc = "masked interrupts" },
    { 0x044, "UARTICR", .size = 4, .write = pl011_icr_write, .doc = "interrupt clear" },
    { 0x048, "UARTDMACR", AT(Pl011, dmacr), .rw = 7, .doc = "DMA control; no DMA is connected" },
    { 0xfe0, "UARTPeriphID0", .size = 4, .reset = 0x11, .silent_write = true },
    { 0xfe4, "UARTPeriphID1", .size = 4, .reset = 0x10, .silent_write = true },
    { 0xfe8, "UARTPeriphID2", .size = 4, .reset = 0x14, .silent_write = true },
    { 0xfec, "UARTPeriphID3", .size = 4, .reset = 0x00, .silent_write = true },
    { 0xff0, "UARTPCellID0", .size = 4, .reset = 0x0d, .silent_write = true },
    { 0xff4, "UARTPCellID1", .size = 4, .reset = 0xf0, .silent_write = true },
    { 0xff8, "UARTPCellID2", .size = 4, .reset = 0x05, .silent_write = true },
    { 0xffc, "UARTPCellID3", .size = 4, .reset = 0xb1, .silent_write = true },
};

static const Field pl011_fields[] = {
    PROP_BACKEND(Pl011, chardev, "chardev", .doc = "where the port leads; none: nowhere"),
    STATE_ARRAY(Pl011, fifo),
    STATE_U8(Pl011, fifo_head, .max = FIFO_DEPTH - 1),
    STATE_U8(Pl011, fifo_n, .max = FIFO_DEPTH),
    STATE_U32(Pl011, rsr, .max = 0xf),
    SCRATCH(Pl011, was_full),
    PIN_OUT(Pl011, irq),
};

const DeviceType device_pl011 = {
    .name = "pl011",
    .doc = "Arm PrimeCell UART",
    .size = sizeof(Pl011),
    .mmio_size = 0x1000,
    .regs = TABLE(pl011_regs),
    .fields = TABLE(pl011_fields),
    .start = pl011_start,
    .stop = pl011_stop,
    .reset_exit = pl011_reset_exit,
    .settle = pl011_settle,
};
