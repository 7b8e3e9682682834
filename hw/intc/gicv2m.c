/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2m: a frame whose register turns message-signalled interrupts into shared ones of a GIC.
 * Spec: Arm Server Base System Architecture (DEN0029), "GICv2m architecture".
 */
#include "core/device.h"

enum { V2M_SIZE = 0x1000, V2M_SPI_MAX = 987, V2M_FIRST_ID = 32 };

typedef struct Gicv2m {
    Device dev;
    uint32_t base_spi, num_spi; /* properties: the first's number among the shared ones */
    Irq *spi;
} Gicv2m;

static uint64_t v2m_typer_read(Device *dev)
{
    const Gicv2m *s = device_as(dev, Gicv2m);

    return (s->base_spi + V2M_FIRST_ID) << 16 | s->num_spi;
}

/* The id of the interrupt is written; low 10 bits. */
static void v2m_set_write(Device *dev, uint64_t val)
{
    Gicv2m *s = device_as(dev, Gicv2m);
    uint32_t n = (uint32_t)(val & 0x3ff) - V2M_FIRST_ID - s->base_spi;

    if (n < s->num_spi) {
        irq_pulse(&s->spi[n]);
    } else {
        guest_error(dev, "a message for interrupt %u: the frame has %u to %u",
                    (unsigned)(val & 0x3ff), s->base_spi + V2M_FIRST_ID,
                    s->base_spi + V2M_FIRST_ID + s->num_spi - 1);
    }
}

static uint64_t v2m_iidr_read(Device *dev)
{
    return 0x51 << 20 | 0x43b; /* product, Arm */
}

static const Reg v2m_regs[] = {
    { 0x008, "MSI_TYPER", .read = v2m_typer_read },
    { 0x040, "MSI_SETSPI_NS", .write = v2m_set_write },
    { 0xfcc, "MSI_IIDR", .read = v2m_iidr_read },
};

static const Field v2m_fields[] = {
    { "base-spi", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv2m, base_spi, 4), .max = V2M_SPI_MAX,
      .doc = "first shared interrupt, from 0" },
    { "num-spi", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv2m, num_spi, 4), .def = 64, .min = 1,
      .max = V2M_SPI_MAX, .doc = "how many" },
    PIN_OUT_DYN(Gicv2m, spi, num_spi),
};

const DeviceType device_gicv2m = {
    .name = "arm-gicv2m",
    .doc = "GICv2m frame for message-signalled interrupts",
    .size = sizeof(Gicv2m),
    .mmio_size = V2M_SIZE,
    .regs = TABLE(v2m_regs),
    .fields = TABLE(v2m_fields),
};
