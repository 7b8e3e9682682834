/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PL061: Arm's PrimeCell general purpose I/O, eight lines.
 * Spec: PrimeCell General Purpose Input/Output (PL061) Technical Reference Manual, DDI 0190B,
 * ch. 3.
 */
#include "core/device.h"

typedef struct Pl061 {
    Device dev;
    uint32_t data; /* levels of the lines that are outputs */
    uint32_t in;   /* levels from outside */
    uint32_t seen; /* levels when edges were last looked for */
    uint32_t dir, is, ibe, iev, ie, ris, afsel;
    Irq out[8], irq;
} Pl061;

static uint32_t pl061_levels(const Pl061 *s)
{
    return (s->data & s->dir) | (s->in & ~s->dir);
}

/* Edges of lines, and levels that still stand, into RIS. */
static void pl061_look(Pl061 *s)
{
    uint32_t now = pl061_levels(s), changed = now ^ s->seen;

    s->seen = now;
    s->ris |= ~s->is & changed & (s->ibe | ~(now ^ s->iev)) & 0xff;
    s->ris = (s->ris & ~s->is) | (s->is & ~(now ^ s->iev) & 0xff);
}

static void pl061_input(Device *dev, unsigned n, bool level)
{
    Pl061 *s = device_as(dev, Pl061);

    s->in = level ? s->in | 1u << n : s->in & ~(1u << n);
    pl061_look(s);
}

/* Address bits 9:2 mask the data lines. */
static uint64_t pl061_data_read(Device *dev, unsigned n)
{
    return pl061_levels(device_as(dev, Pl061)) & n;
}

static void pl061_data_write(Device *dev, unsigned n, uint64_t val)
{
    Pl061 *s = device_as(dev, Pl061);

    s->data = (s->data & ~(n & s->dir)) | (val & n & s->dir);
    pl061_look(s);
}

static void pl061_wrote(Device *dev, uint64_t old)
{
    pl061_look(device_as(dev, Pl061));
}

static uint64_t pl061_mis_read(Device *dev)
{
    Pl061 *s = device_as(dev, Pl061);

    return s->ris & s->ie;
}

static void pl061_ic_write(Device *dev, uint64_t val)
{
    Pl061 *s = device_as(dev, Pl061);

    s->ris &= ~(val & ~s->is);
}

static void pl061_settle(Device *dev)
{
    Pl061 *s = device_as(dev, Pl061);

    irq_set(&s->irq, (s->ris & s->ie) != 0);
    for (unsigned i = 0; i < 8; i++) {
        irq_set(&s->out[i], s->data & s->dir & 1u << i);
    }
}

static const Reg pl061_regs[] = {
    { 0x000, "GPIODATA", .size = 4, .count = 256, .read_n = pl061_data_read,
      .write_n = pl061_data_write, .doc = "levels, masked by the address" },
    { 0x400, "GPIODIR", AT(Pl061, dir), .rw = 0xff, .wrote = pl061_wrote, .doc = "1: output" },
    { 0x404, "GPIOIS", AT(Pl061, is), .rw = 0xff, .wrote = pl061_wrote, .doc = "1: level" },
    { 0x408, "GPIOIBE", AT(Pl061, ibe), .rw = 0xff, .doc = "1: both edges" },
    { 0x40c, "GPIOIEV", AT(Pl061, iev), .rw = 0xff, .wrote = pl061_wrote,
      .doc = "1: rising, high" },
    { 0x410, "GPIOIE", AT(Pl061, ie), .rw = 0xff, .doc = "interrupt mask" },
    { 0x414, "GPIORIS", AT(Pl061, ris), .silent_write = true, .doc = "raw interrupts" },
    { 0x418, "GPIOMIS", .size = 4, .read = pl061_mis_read, .silent_write = true,
      .doc = "masked interrupts" },
    { 0x41c, "GPIOIC", .size = 4, .write = pl061_ic_write, .doc = "clears edges" },
    { 0x420, "GPIOAFSEL", AT(Pl061, afsel), .rw = 0xff, .doc = "mode control" },
    { 0xfe0, "GPIOPeriphID0", .size = 4, .reset = 0x61, .silent_write = true },
    { 0xfe4, "GPIOPeriphID1", .size = 4, .reset = 0x10, .silent_write = true },
    { 0xfe8, "GPIOPeriphID2", .size = 4, .reset = 0x04, .silent_write = true },
    { 0xfec, "GPIOPeriphID3", .size = 4, .reset = 0x00, .silent_write = true },
    { 0xff0, "GPIOPCellID0", .size = 4, .reset = 0x0d, .silent_write = true },
    { 0xff4, "GPIOPCellID1", .size = 4, .reset = 0xf0, .silent_write = true },
    { 0xff8, "GPIOPCellID2", .size = 4, .reset = 0x05, .silent_write = true },
    { 0xffc, "GPIOPCellID3", .size = 4, .reset = 0xb1, .silent_write = true },
};

static const Field pl061_fields[] = {
    STATE_U32(Pl061, data),
    STATE_U32(Pl061, in, .no_reset = true),
    STATE_U32(Pl061, seen, .no_reset = true),
    PIN_IN("in", pl061_input, .count = 8, .doc = "lines from outside"),
    PIN_OUT(Pl061, out),
    PIN_OUT(Pl061, irq),
};

const DeviceType device_pl061 = {
    .name = "pl061",
    .doc = "Arm PrimeCell GPIO",
    .size = sizeof(Pl061),
    .mmio_size = 0x1000,
    .regs = TABLE(pl061_regs),
    .fields = TABLE(pl061_fields),
    .settle = pl061_settle,
};
