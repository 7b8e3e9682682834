/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/host.h"

enum { ECAM_BYTES_A_BUS = 1 << 20, GPEX_BUSES_MAX = 256 };

typedef struct Gpex {
    PciHost host;
    uint32_t buses; /* property: how many the ECAM window has room for */
    Irq irq[PCI_N_INTX];
    bool intx[PCI_N_INTX];
} Gpex;

/* ---- Configuration space in memory: no lock of ours, but the function's ---- */

static PciDevice *ecam_function(Device *dev, uint64_t off)
{
    return pci_find_function(&device_as(dev, PciHost)->bus, (uint8_t)(off >> 20),
                             (uint8_t)(off >> 12));
}

MemResult pcie_ecam_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    PciDevice *p = ecam_function(dev, off);

    *val = bits_mask(size * 8);
    if (p) {
        device_enter(&p->dev);
        *val = pci_config_read(p, off & (PCIE_CONFIG_SIZE - 1), size);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

MemResult pcie_ecam_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    PciDevice *p = ecam_function(dev, off);

    if (p) {
        device_enter(&p->dev);
        pci_config_write(p, off & (PCIE_CONFIG_SIZE - 1), size, (uint32_t)val);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

/* Nobody answers on the bus. */
static MemResult gpex_unmapped_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    *val = bits_mask(size * 8);
    return MEM_OK;
}

static MemResult gpex_unmapped_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    return MEM_OK;
}

static const RegionType gpex_regions[] = {
    [GPEX_ECAM] = { .name = "ecam",
                    .read = pcie_ecam_read,
                    .write = pcie_ecam_write,
                    .access_max = 4,
                    .no_lock = true },
    [GPEX_UNMAPPED_MEM] = { .name = "unmapped-mem",
                            .read = gpex_unmapped_read,
                            .write = gpex_unmapped_write,
                            .no_lock = true },
    [GPEX_UNMAPPED_IO] = { .name = "unmapped-io",
                           .size = 0x10000,
                           .read = gpex_unmapped_read,
                           .write = gpex_unmapped_write,
                           .no_lock = true },
};

/* ---- The bridge ---- */

static void gpex_intx(Device *dev, unsigned n, bool level)
{
    device_as(dev, Gpex)->intx[n] = level;
}

static void gpex_settle(Device *dev)
{
    Gpex *s = device_as(dev, Gpex);

    for (unsigned n = 0; n < PCI_N_INTX; n++) {
        irq_set(&s->irq[n], s->intx[n]);
    }
}

static bool gpex_start(Device *dev, GError **err)
{
    Gpex *s = device_as(dev, Gpex);
    PciBus *b = &s->host.bus;

    pci_bus_init(b, dev, NULL, "pcie.0", true);
    b->intx_pin = "intx";
    b->first_slot = 1;
    device_set_region_size(dev, GPEX_ECAM, (uint64_t)s->buses * ECAM_BYTES_A_BUS);
    device_set_region_size(dev, GPEX_UNMAPPED_MEM, 1ull << 63);
    return true;
}

static void gpex_stop(Device *dev)
{
    pci_bus_deinit(&device_as(dev, PciHost)->bus);
}

static const Field host_fields[] = { SCRATCH(PciHost, bus) };

const DeviceType device_pci_host = {
    .name = "pci-host",
    .doc = "what every host bridge has",
    .size = sizeof(PciHost),
    .fields = TABLE(host_fields),
};

static const Field gpex_fields[] = {
    PROP_U32(Gpex, buses, GPEX_BUSES_MAX, .min = 1, .max = GPEX_BUSES_MAX,
             .doc = "how many buses its configuration window has room for"),
    PIN_IN("intx", gpex_intx, .count = PCI_N_INTX),
    PIN_OUT(Gpex, irq),
    STATE_ARRAY(Gpex, intx, .max = 1),
};

const DeviceType device_gpex = {
    .name = "gpex-pcihost",
    .doc = "generic PCI Express host bridge",
    .base = &device_pci_host,
    .size = sizeof(Gpex),
    .regions = gpex_regions,
    .n_regions = ARRAY_SIZE(gpex_regions),
    .fields = TABLE(gpex_fields),
    .start = gpex_start,
    .stop = gpex_stop,
    .settle = gpex_settle,
};

/* ---- Its own function ---- */

static const PciType gpex_root_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0008,
    .class_code = 0x060000,
};

static bool gpex_root_start(Device *dev, GError **err)
{
    return pci_plug(pci_of(dev), err);
}

const DeviceType device_gpex_root = {
    .name = "gpex-root",
    .doc = "function 0.0 of the generic PCI Express host bridge",
    .base = &device_pci,
    .size = sizeof(PciDevice),
    .start = gpex_root_start,
    .extra = &gpex_root_type,
};

bool gpex_populate(Device *gpex, GError **err)
{
    PciBus *b = &device_as(gpex, PciHost)->bus;
    Device *root = device_make(gpex->machine, &device_gpex_root, gpex, "root");

    region_add(b->mem, device_region(gpex, GPEX_UNMAPPED_MEM), 0, -1);
    region_add(b->io, device_region(gpex, GPEX_UNMAPPED_IO), 0, -1);
    device_set_str(root, "bus", b->name);
    device_set_str(root, "addr", "0");
    return device_realize(root, err);
}
