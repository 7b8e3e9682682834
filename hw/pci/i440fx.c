/* SPDX-License-Identifier: Apache-2.0 */
/*
 * i440FX: host bridge with the memory controller (PMC, 82441FX).
 * Spec: Intel 440FX PCIset datasheet, 290549.
 */
#include "hw/pci/i440fx.h"

#include "hw/pci/pc-host.h"

enum { REG_PAM = 0x59, REG_SMRAM = 0x72 };

typedef struct I440fx {
    PcHost pc;
    Irq irq[PCI_N_INTX];
    bool intx[PCI_N_INTX];
} I440fx;

typedef struct Pmc {
    PciDevice pci;
    PcPam pam;
} Pmc;

static const RegionType i440fx_regions[] = { PC_HOST_REGION };

static void i440fx_intx(Device *dev, unsigned n, bool level)
{
    device_as(dev, I440fx)->intx[n] = level;
}

/* PIRQ is pin plus slot minus one: the bus counts from the slot itself. */
static void i440fx_settle(Device *dev)
{
    I440fx *s = device_as(dev, I440fx);

    for (unsigned n = 0; n < PCI_N_INTX; n++) {
        irq_set(&s->irq[(n + PCI_N_INTX - 1) % PCI_N_INTX], s->intx[n]);
    }
}

static bool i440fx_start(Device *dev, GError **err)
{
    PciBus *b = &device_as(dev, PciHost)->bus;

    pci_bus_init(b, dev, NULL, "pci.0", false);
    b->intx_pin = "intx";
    b->first_slot = 1;
    return true;
}

static void i440fx_stop(Device *dev)
{
    pci_bus_deinit(&device_as(dev, PciHost)->bus);
}

static const Field i440fx_fields[] = {
    STATE_ARRAY(I440fx, intx, .max = 1),
    PIN_IN("intx", i440fx_intx, .count = PCI_N_INTX),
    PIN_OUT(I440fx, irq),
};

const DeviceType device_i440fx = {
    .name = "i440FX-pcihost",
    .doc = "host bridge of the 440FX chip set",
    .base = &device_pc_host,
    .size = sizeof(I440fx),
    .regions = i440fx_regions,
    .n_regions = ARRAY_SIZE(i440fx_regions),
    .fields = TABLE(i440fx_fields),
    .start = i440fx_start,
    .stop = i440fx_stop,
    .settle = i440fx_settle,
};

/* ---- The memory controller: function 0.0 ---- */

static void pmc_update(PciDevice *p)
{
    pc_pam_update(&device_as(&p->dev, Pmc)->pam, p->dev.machine, p->config + REG_PAM,
                  p->config[REG_SMRAM]);
}

static void pmc_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if ((off < REG_PAM + 7 && off + len > REG_PAM) || (off <= REG_SMRAM && off + len > REG_SMRAM)) {
        pmc_update(p);
    }
}

static const PciType pmc_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x1237,
    .revision = 2,
    .class_code = 0x060000,
    .keeps_asleep = true,
    .config_wrote = pmc_wrote,
};

static bool pmc_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    for (unsigned i = 0; i < 7; i++) {
        pci_writable(p, REG_PAM + i, 1, i ? 0x33 : 0x30);
    }
    pci_set8(p, REG_SMRAM, 0x02);
    pci_writable(p, REG_SMRAM, 1, SMRAM_DOPEN | SMRAM_DCLOSE | SMRAM_DLOCK | SMRAM_G_SMRAME);
    return true;
}

static void pmc_reset(Device *dev, ResetType type)
{
    device_pci.reset(dev, type);
    pmc_update(pci_of(dev));
}

static bool pmc_loaded(Device *dev, GError **err)
{
    bool ok = device_pci.loaded(dev, err);

    pmc_update(pci_of(dev));
    return ok;
}

static const Field pmc_fields[] = {
    SCRATCH(Pmc, pam),
};

const DeviceType device_i440fx_pmc = {
    .name = "i440FX",
    .doc = "memory controller of the 440FX chip set",
    .base = &device_pci,
    .size = sizeof(Pmc),
    .fields = TABLE(pmc_fields),
    .start = pmc_start,
    .reset = pmc_reset,
    .loaded = pmc_loaded,
    .extra = &pmc_pci,
};

bool i440fx_populate(Device *host, MemRegion *ram, GError **err)
{
    Machine *m = host->machine;
    PciBus *b = &device_as(host, PciHost)->bus;
    Device *dev = device_make(m, &device_i440fx_pmc, host, "pmc");

    pc_pam_init(&device_as(dev, Pmc)->pam, m, b, ram);
    device_set_str(dev, "bus", b->name);
    device_set_str(dev, "addr", "0");
    return device_realize(dev, err);
}
