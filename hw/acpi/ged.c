/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Generic Event Device (ACPI0013): an interrupt, and a register that tells which events it was
 * for and forgets them when it is read.
 * Spec: ACPI Specification 6.4, ch. 5.6.9; the register as the tables of QEMU's `virt` have it
 * (_EVT reads ESEL and looks at its bits).
 */
#include "core/device.h"

enum { GED_POWER_BUTTON = 1 << 1 };

typedef struct Ged {
    Device dev;
    uint32_t pending;
    Irq out;
} Ged;

static uint64_t ged_sel_read(Device *dev)
{
    Ged *s = device_as(dev, Ged);
    uint32_t pending = s->pending;

    s->pending = 0;
    return pending;
}

static void ged_power(Device *dev, unsigned n, bool level)
{
    device_as(dev, Ged)->pending |= GED_POWER_BUTTON;
}

/* The tables say that an edge counts: one more event before the register is read is read with the
 * first. */
static void ged_settle(Device *dev)
{
    Ged *s = device_as(dev, Ged);

    irq_set(&s->out, s->pending != 0);
}

static const Reg ged_regs[] = {
    { 0x0, "ESEL", .size = 4, .read = ged_sel_read, .silent_write = true,
      .doc = "events since it was read last; 1: power button" },
};

static const Field ged_fields[] = {
    STATE_U32(Ged, pending),
    PIN_IN_EDGE("power", ged_power, .count = 1, .doc = "somebody presses the power button"),
    PIN_OUT(Ged, out),
};

const DeviceType device_acpi_ged = {
    .name = "acpi-ged",
    .doc = "ACPI's generic event device",
    .size = sizeof(Ged),
    .mmio_size = 4,
    .regs = TABLE(ged_regs),
    .fields = TABLE(ged_fields),
    .settle = ged_settle,
};
