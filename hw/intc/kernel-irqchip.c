/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the interrupt controllers of a PC (two 8259, I/O APIC, local APICs) where they are in
 * the host's kernel: lines and messages go there.
 */
#include "core/device.h"

enum { CHIP_GSIS = 24, CHIP_MSI_BYTES = 1 << 20 };

typedef struct KernelIrqchip {
    Device dev;
} KernelIrqchip;

static void chip_gsi(Device *dev, unsigned n, bool level)
{
    const MachineIrqchip *chip = machine_irqchip(dev->machine);

    if (chip) {
        chip->set_gsi(dev->machine, n, level);
    }
}

/* What a device writes to the APICs' page is a message; CPUs' own accesses never come here. */
static MemResult chip_msi_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    const MachineIrqchip *chip = machine_irqchip(dev->machine);

    if (chip) {
        chip->send_msi(dev->machine, 0xfee00000 + off, (uint32_t)val);
    }
    return MEM_OK;
}

static MemResult chip_msi_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static const RegionType chip_regions[] = {
    { .name = "apic-msi",
      .size = CHIP_MSI_BYTES,
      .read = chip_msi_read,
      .write = chip_msi_write,
      .access_min = 4,
      .access_max = 4,
      .no_lock = true },
};

static const Field chip_fields[] = {
    PIN_IN_DIRECT("gsi", chip_gsi, .count = CHIP_GSIS),
};

const DeviceType device_kernel_irqchip = {
    .name = "kvm-irqchip",
    .doc = "the interrupt controllers in the host's kernel",
    .size = sizeof(KernelIrqchip),
    .regions = chip_regions,
    .n_regions = ARRAY_SIZE(chip_regions),
    .fields = TABLE(chip_fields),
};
