/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-parallel: a printer port. A byte goes to the character device at the strobe; whoever is
 * there takes it at once, and acknowledges by an interrupt.
 * Spec: IEEE 1284-2000, "compatibility mode"; ports as of IBM's Personal Computer AT.
 */
#include "chardev/chardev.h"
#include "core/device.h"
#include "hw/isa/isa.h"

enum {
    REG_DATA = 0,
    REG_STATUS = 1,
    REG_CONTROL = 2,
    STATUS_READY = 0xd8, /* not busy, no acknowledge now, selected, no error */
    STATUS_RESERVED = 0x07,
    CONTROL_STROBE = 1 << 0,
    CONTROL_INIT = 1 << 2,
    CONTROL_IRQ = 1 << 4,
    CONTROL_INPUT = 1 << 5,
    CONTROL_ONES = 0xc0,
};

typedef struct Parallel {
    Device dev;
    Chardev *chardev;
    uint32_t index, iobase, line;
    uint8_t data, control;
    Irq irq;
} Parallel;

static MemResult parallel_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    const Parallel *s = device_as(dev, Parallel);

    switch (off) {
    case REG_DATA:
        *val = s->control & CONTROL_INPUT ? 0xff : s->data;
        break;
    case REG_STATUS:
        *val = STATUS_READY | STATUS_RESERVED;
        break;
    case REG_CONTROL:
        *val = s->control | CONTROL_ONES;
        break;
    default:
        *val = 0xff;
        break;
    }
    return MEM_OK;
}

/* The end of the strobe takes the byte. */
static void parallel_control(Parallel *s, uint8_t val)
{
    bool taken = s->control & CONTROL_STROBE && !(val & CONTROL_STROBE);

    s->control = val & 0x3f;
    if (!taken || !(val & CONTROL_INIT)) {
        return;
    }
    if (s->chardev) {
        chardev_write(s->chardev, &s->data, 1);
    }
    if (val & CONTROL_IRQ) {
        irq_pulse(&s->irq);
    }
}

static MemResult parallel_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    Parallel *s = device_as(dev, Parallel);

    if (off == REG_DATA) {
        s->data = (uint8_t)val;
    } else if (off == REG_CONTROL) {
        parallel_control(s, (uint8_t)val);
    }
    return MEM_OK;
}

static bool parallel_start(Device *dev, GError **err)
{
    static const uint16_t ports[] = { 0x378, 0x278, 0x3bc };
    Parallel *s = device_as(dev, Parallel);

    if (s->iobase == UINT32_MAX) {
        s->iobase = ports[s->index];
    }
    return s->iobase <= 0xfffc || error_set(err, "iobase=0x%x: ports end at 0xffff", s->iobase);
}

static void parallel_ready(Device *dev)
{
    Parallel *s = device_as(dev, Parallel);

    isa_map(dev, 0, s->iobase);
    isa_connect(dev, "irq-out", s->line);
}

static const Field parallel_fields[] = {
    PROP_U32(Parallel, index, 0, .max = 2, .doc = "0: port 0x378; 1: 0x278; 2: 0x3bc"),
    PROP_U32(Parallel, iobase, UINT32_MAX, .doc = "port, where it is another one"),
    { "irq", FIELD_PROP, TYPE_U32, FIELD_AT(Parallel, line, 4), .def = 7, .max = 15,
      .doc = "line" },
    PROP_BACKEND(Parallel, chardev, "chardev", .doc = "where the bytes go"),
    STATE_U8(Parallel, data),
    STATE_U8(Parallel, control, .def = 0x0c),
    { "irq-out", FIELD_PIN_OUT, TYPE_PIN, .at = offsetof(Parallel, irq), .size = sizeof(Irq),
      .count = 1 },
};

const DeviceType device_isa_parallel = {
    .name = "isa-parallel",
    .doc = "printer port",
    .size = sizeof(Parallel),
    .mmio_size = 4,
    .access_max = 1,
    .read = parallel_read,
    .write = parallel_write,
    .fields = TABLE(parallel_fields),
    .user_creatable = true,
    .on_isa = true,
    .start = parallel_start,
    .ready = parallel_ready,
};
