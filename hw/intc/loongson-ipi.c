/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the four cores of a Loongson 3 package tell each other by: 32 requests and four mailboxes
 * each.
 * Spec: Loongson 3A1000 Processor User Manual, "Inter-core interrupts and communication".
 */
#include "core/device.h"

enum { IPI_CORES = 4, IPI_CORE_STEP = 0x100, IPI_MAILBOXES = 4 };

typedef struct IpiCore {
    uint32_t status, enable;
    uint64_t buf[IPI_MAILBOXES];
} IpiCore;

typedef struct LoongsonIpi {
    Device dev;
    IpiCore core[IPI_CORES];
    Irq irq[IPI_CORES];
} LoongsonIpi;

static void ipi_set_write(Device *dev, unsigned n, uint64_t val)
{
    device_as(dev, LoongsonIpi)->core[n].status |= (uint32_t)val;
}

static void ipi_clear_write(Device *dev, unsigned n, uint64_t val)
{
    device_as(dev, LoongsonIpi)->core[n].status &= ~(uint32_t)val;
}

static void ipi_settle(Device *dev)
{
    LoongsonIpi *s = device_as(dev, LoongsonIpi);

    for (unsigned i = 0; i < IPI_CORES; i++) {
        irq_set(&s->irq[i], s->core[i].status & s->core[i].enable);
    }
}

#define BANK .count = IPI_CORES, .stride = IPI_CORE_STEP
#define BUF(n)                                                                 \
    {                                                                          \
        0x20 + 8 * (n), "MAILBOX_" #n "_", AT_BANK(LoongsonIpi, core, buf[n]), \
            .rw = UINT64_MAX, BANK, .doc = "for software"                      \
    }

static const Reg ipi_regs[] = {
    { 0x00, "IPI_STATUS", AT_BANK(LoongsonIpi, core, status), BANK, .silent_write = true,
      .doc = "requests of this core" },
    { 0x04, "IPI_ENABLE", AT_BANK(LoongsonIpi, core, enable), .rw = UINT32_MAX, BANK,
      .doc = "those that interrupt it" },
    { 0x08, "IPI_SET", .size = 4, .write_n = ipi_set_write, BANK, .doc = "makes requests" },
    { 0x0c, "IPI_CLEAR", .size = 4, .write_n = ipi_clear_write, BANK, .doc = "takes them back" },
    BUF(0),
    BUF(1),
    BUF(2),
    BUF(3),
};

static const Field ipi_fields[] = { PIN_OUT(LoongsonIpi, irq, .doc = "one a core") };

const DeviceType device_loongson_ipi = {
    .name = "loongson_ipi",
    .doc = "inter-core interrupts and mailboxes of a Loongson 3 package",
    .size = sizeof(LoongsonIpi),
    .mmio_size = IPI_CORES * IPI_CORE_STEP,
    .regs = TABLE(ipi_regs),
    .fields = TABLE(ipi_fields),
    .settle = ipi_settle,
};
