/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Q35: host bridge with the memory controller (MCH): configuration space by ports and in memory
 * (PCIEXBAR), the attributes of memory below 1 MiB, the registers of SMRAM.
 * Spec: Intel 3 Series Express Chipset Family datasheet, 316966, "5 DRAM controller registers".
 */
#include "hw/pci/q35.h"

#include "hw/pci/pc-host.h"

enum {
    REG_PCIEXBAR = 0x60,
    PCIEXBAR_EN = 1,
    REG_PAM = 0x90,
    REG_SMRAM = 0x9d,
    REG_ESMRAMC = 0x9e,
    ESMRAMC_CACHES = 0x38, /* always on */
    REGION_CONFIG = 0,
    REGION_ECAM = 1,
    FIRST_ICH_SLOT = 25,
};

typedef struct Q35 {
    PcHost pc;
    Irq irq[Q35_PIRQS];
    bool intx[Q35_PIRQS];
} Q35;

typedef struct Mch {
    PciDevice pci;
    PcPam pam;
    Device *host;
} Mch;

static const RegionType q35_regions[] = {
    [REGION_CONFIG] = PC_HOST_REGION,
    [REGION_ECAM] = { .name = "ecam",
                      .size = Q35_ECAM_BYTES,
                      .read = pcie_ecam_read,
                      .write = pcie_ecam_write,
                      .access_max = 4,
                      .no_lock = true },
};

/* ---- The bridge ---- */

/* Slots of cards turn through PIRQE to PIRQH; those of ICH9 have PIRQA to PIRQD, but for the bridge
 * to PCI at 30, as its DxxIR registers say after a reset. */
static unsigned q35_map_intx(unsigned slot, unsigned pin)
{
    if (slot < FIRST_ICH_SLOT) {
        return 4 + (slot + pin) % PCI_N_INTX;
    }
    return pin + (slot == 30 ? 4 : 0);
}

static void q35_intx(Device *dev, unsigned n, bool level)
{
    device_as(dev, Q35)->intx[n] = level;
}

static void q35_settle(Device *dev)
{
    Q35 *s = device_as(dev, Q35);

    for (unsigned n = 0; n < Q35_PIRQS; n++) {
        irq_set(&s->irq[n], s->intx[n]);
    }
}

static bool q35_start(Device *dev, GError **err)
{
    PciBus *b = &device_as(dev, PciHost)->bus;

    pci_bus_init(b, dev, NULL, "pcie.0", true);
    b->intx_pin = "intx";
    b->map_intx = q35_map_intx;
    b->first_slot = 1;
    return true;
}

static void q35_stop(Device *dev)
{
    pci_bus_deinit(&device_as(dev, PciHost)->bus);
}

static const Field q35_fields[] = {
    STATE_ARRAY(Q35, intx, .max = 1),
    PIN_IN("intx", q35_intx, .count = Q35_PIRQS),
    PIN_OUT(Q35, irq),
};

const DeviceType device_q35 = {
    .name = "q35-pcihost",
    .doc = "host bridge of the Q35 chip set",
    .base = &device_pc_host,
    .size = sizeof(Q35),
    .regions = q35_regions,
    .n_regions = ARRAY_SIZE(q35_regions),
    .fields = TABLE(q35_fields),
    .start = q35_start,
    .stop = q35_stop,
    .settle = q35_settle,
};

/* ---- The memory controller: function 0.0 ---- */

/* PCIEXBAR: 256, 128 or 64 MiB; where it is smaller, the buses behind it do not answer there. */
static void mch_place_ecam(Mch *s)
{
    PciDevice *p = &s->pci;
    MemRegion *ecam = s->host ? device_region(s->host, REGION_ECAM) : NULL;
    uint64_t reg = pci_get32(p, REG_PCIEXBAR) | (uint64_t)pci_get32(p, REG_PCIEXBAR + 4) << 32;
    unsigned length = reg >> 1 & 3;

    if (!ecam) {
        return;
    }
    map_change_begin(p->dev.machine);
    region_set_address(ecam, reg & 0xff0000000ull);
    region_set_enabled(ecam, reg & PCIEXBAR_EN && length < 3);
    map_change_end(p->dev.machine);
}

static void mch_update(PciDevice *p)
{
    Mch *s = device_as(&p->dev, Mch);

    pc_pam_update(&s->pam, p->dev.machine, p->config + REG_PAM, p->config[REG_SMRAM]);
    mch_place_ecam(s);
}

static bool mch_touches(unsigned off, unsigned len, unsigned reg, unsigned bytes)
{
    return off < reg + bytes && off + len > reg;
}

static void mch_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if (mch_touches(off, len, REG_PAM, PAM_REGISTERS) || mch_touches(off, len, REG_SMRAM, 1) ||
        mch_touches(off, len, REG_PCIEXBAR, 8)) {
        mch_update(p);
    }
    if (p->config[REG_SMRAM] & SMRAM_DLOCK) { /* until a reset */
        p->config[REG_SMRAM] &= (uint8_t)~SMRAM_DOPEN;
        pci_writable(p, REG_SMRAM, 1, SMRAM_DCLOSE);
        pci_writable(p, REG_ESMRAMC, 1, 0);
    }
}

static const PciType mch_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x29c0,
    .class_code = 0x060000,
    .keeps_asleep = true,
    .config_wrote = mch_wrote,
};

static void mch_unlock(PciDevice *p)
{
    pci_writable(p, REG_SMRAM, 1, SMRAM_DOPEN | SMRAM_DCLOSE | SMRAM_DLOCK | SMRAM_G_SMRAME);
    pci_writable(p, REG_ESMRAMC, 1, 0x87); /* H_SMRAME, TSEG_SZ, T_EN */
}

static bool mch_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    for (unsigned i = 0; i < PAM_REGISTERS; i++) {
        pci_writable(p, REG_PAM + i, 1, i ? 0x33 : 0x30);
    }
    pci_set32(p, REG_PCIEXBAR, Q35_ECAM);
    pci_writable(p, REG_PCIEXBAR, 4, 0xf0000007);
    pci_writable(p, REG_PCIEXBAR + 4, 4, 0xf);
    pci_set8(p, REG_SMRAM, 0x02);
    pci_set8(p, REG_ESMRAMC, ESMRAMC_CACHES);
    mch_unlock(p);
    return true;
}

static void mch_reset(Device *dev, ResetType type)
{
    mch_unlock(pci_of(dev));
    device_pci.reset(dev, type);
    mch_update(pci_of(dev));
}

static bool mch_loaded(Device *dev, GError **err)
{
    bool ok = device_pci.loaded(dev, err);

    mch_wrote(pci_of(dev), REG_PAM, PAM_REGISTERS);
    return ok;
}

static const Field mch_fields[] = {
    SCRATCH(Mch, pam),
    SCRATCH(Mch, host),
};

const DeviceType device_mch = {
    .name = "mch",
    .doc = "memory controller of the Q35 chip set",
    .base = &device_pci,
    .size = sizeof(Mch),
    .fields = TABLE(mch_fields),
    .start = mch_start,
    .reset = mch_reset,
    .loaded = mch_loaded,
    .extra = &mch_pci,
};

bool q35_populate(Device *host, MemRegion *ram, GError **err)
{
    Machine *m = host->machine;
    PciBus *b = &device_as(host, PciHost)->bus;
    Device *dev = device_make(m, &device_mch, host, "mch");

    pc_pam_init(&device_as(dev, Mch)->pam, m, b, ram);
    device_as(dev, Mch)->host = host;
    device_map(host, REGION_ECAM, machine_memory_root(m), Q35_ECAM);
    region_set_enabled(device_region(host, REGION_ECAM), false);
    device_set_str(dev, "bus", b->name);
    device_set_str(dev, "addr", "0");
    return device_realize(dev, err);
}
