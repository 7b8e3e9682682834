/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 92h of the PS/2: address line 20, and a reset of the processor.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, "System Control Port A"; Intel 82371AB
 * (PIIX4) datasheet, 290562, 4.2.5.3.
 */
#include "hw/isa/isa.h"

enum {
    PORT92 = 0x92,
    P92_INIT = 1 << 0,
    P92_A20 = 1 << 1,
    P92_WRITABLE = 0xfb, /* bit 2 is reserved */
};

typedef struct Port92 {
    Device dev;
    uint8_t value;
    Irq a20;
} Port92;

static MemResult port92_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    *val = device_as(dev, Port92)->value;
    return MEM_OK;
}

static MemResult port92_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    Port92 *s = device_as(dev, Port92);

    if (val & P92_INIT && !(s->value & P92_INIT)) {
        machine_reset_request(dev->machine, CAUSE_GUEST_RESET);
    }
    s->value = (uint8_t)val & P92_WRITABLE;
    return MEM_OK;
}

static void port92_settle(Device *dev)
{
    Port92 *s = device_as(dev, Port92);

    irq_set(&s->a20, s->value & P92_A20);
}

static void port92_ready(Device *dev)
{
    isa_map(dev, 0, PORT92);
}

static const Field port92_fields[] = {
    STATE_U8(Port92, value, .def = P92_A20, .max = P92_WRITABLE),
    PIN_OUT(Port92, a20),
};

const DeviceType device_port92 = {
    .name = "port92",
    .doc = "system control port A of a PC",
    .size = sizeof(Port92),
    .mmio_size = 1,
    .access_max = 1,
    .read = port92_read,
    .write = port92_write,
    .fields = TABLE(port92_fields),
    .settle = port92_settle,
    .ready = port92_ready,
};
