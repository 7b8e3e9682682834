/* SPDX-License-Identifier: Apache-2.0 */
/*
 * i440FX: host bridge with the memory controller (PMC, 82441FX): configuration mechanism 1, the
 * programmable attributes of the memory from 768 KiB to 1 MiB, and port CF9h of the PIIX.
 * Spec: Intel 440FX PCIset datasheet, 290549; PCI Local Bus Specification 3.0, 3.2.2.3.2.
 */
#include "hw/pci/i440fx.h"

enum {
    CONFIG_ADDRESS_ENABLE = 1u << 31,
    RESET_CONTROL_SYSTEM = 1 << 1, /* PIIX3, RC: hard reset */
    RESET_CONTROL_CPU = 1 << 2,
    REG_PAM = 0x59, /* seven registers */
    REG_SMRAM = 0x72,
    SMRAM_DOPEN = 1 << 6,
    SMRAM_DCLOSE = 1 << 5,
    SMRAM_DLOCK = 1 << 4,
    SMRAM_G_SMRAME = 1 << 3,
    N_SEGMENTS = 13, /* 64 KiB at F0000h, then twelve of 16 KiB from C0000h */
    PAM_RE = 1,
    PAM_WE = 2,
    REGION_CONFIG = 0,
};

typedef struct I440fx {
    PciHost host;
    uint32_t address;
    uint8_t reset_control;
    Irq irq[PCI_N_INTX];
    bool intx[PCI_N_INTX];
} I440fx;

typedef struct Pmc {
    PciDevice pci;
    MemRegion *segment[N_SEGMENTS]; /* RAM over what is on the bus */
    MemRegion *smram;               /* the bus over RAM at A0000h */
} Pmc;

/* ---- Configuration mechanism 1 ---- */

static PciDevice *i440fx_function(I440fx *s)
{
    return s->address & CONFIG_ADDRESS_ENABLE
               ? pci_find_function(&s->host.bus, (uint8_t)(s->address >> 16),
                                   (uint8_t)(s->address >> 8))
               : NULL;
}

static MemResult i440fx_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    I440fx *s = device_as(dev, I440fx);
    PciDevice *p;

    *val = bits_mask(size * 8);
    if (off < 4) {
        *val &= size == 1 && off == 1 ? s->reset_control : s->address >> (8 * off);
        return MEM_OK;
    }
    p = i440fx_function(s);
    if (p) {
        device_enter(&p->dev);
        *val = pci_config_read(p, (s->address & 0xfc) + (off & 3), size);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

/* Only a whole double word is the address; a byte at CF9h is the reset control register. */
static void i440fx_write_address(I440fx *s, uint64_t off, unsigned size, uint64_t val)
{
    if (off == 0 && size == 4) {
        s->address = (uint32_t)val & 0x80fffffc;
    } else if (off == 1 && size == 1) {
        if (val & RESET_CONTROL_CPU && !(s->reset_control & RESET_CONTROL_CPU)) {
            machine_reset_request(s->host.dev.machine, CAUSE_GUEST_RESET);
        }
        s->reset_control = val & (RESET_CONTROL_SYSTEM | RESET_CONTROL_CPU);
    }
}

static MemResult i440fx_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    I440fx *s = device_as(dev, I440fx);
    PciDevice *p;

    if (off < 4) {
        i440fx_write_address(s, off, size, val);
        return MEM_OK;
    }
    p = i440fx_function(s);
    if (p) {
        device_enter(&p->dev);
        pci_config_write(p, (s->address & 0xfc) + (off & 3), size, (uint32_t)val);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

/* No lock of ours: CONFIG_ADDRESS is one word, and drivers serialise the pair of accesses. */
static const RegionType i440fx_regions[] = {
    [REGION_CONFIG] = { .name = "pci-conf",
                        .size = 8,
                        .read = i440fx_read,
                        .write = i440fx_write,
                        .access_max = 4,
                        .no_lock = true },
};

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
    PciBus *b = &device_as(dev, I440fx)->host.bus;

    pci_bus_init(b, dev, NULL, "pci.0", false);
    b->intx_pin = "intx";
    b->first_slot = 1;
    return true;
}

static void i440fx_stop(Device *dev)
{
    pci_bus_deinit(&device_as(dev, I440fx)->host.bus);
}

static const Field i440fx_fields[] = {
    STATE_U32(I440fx, address),
    STATE_U8(I440fx, reset_control),
    STATE_ARRAY(I440fx, intx, .max = 1),
    PIN_IN("intx", i440fx_intx, .count = PCI_N_INTX),
    PIN_OUT(I440fx, irq),
};

const DeviceType device_i440fx = {
    .name = "i440FX-pcihost",
    .doc = "host bridge of the 440FX chip set",
    .base = &device_pci_host,
    .size = sizeof(I440fx),
    .regions = i440fx_regions,
    .n_regions = ARRAY_SIZE(i440fx_regions),
    .fields = TABLE(i440fx_fields),
    .start = i440fx_start,
    .stop = i440fx_stop,
    .settle = i440fx_settle,
};

/* ---- The memory controller: function 0.0 ---- */

/* Attributes of segment @n: read and write enable. */
static unsigned pmc_attributes(const PciDevice *p, unsigned n)
{
    unsigned reg = n == 0 ? REG_PAM : REG_PAM + 1 + (n - 1) / 2;
    bool high = n == 0 || (n - 1) % 2;

    return p->config[reg] >> (high ? 4 : 0) & 3;
}

static void pmc_update(PciDevice *p)
{
    Pmc *s = device_as(&p->dev, Pmc);

    map_change_begin(p->dev.machine);
    for (unsigned n = 0; n < N_SEGMENTS && s->segment[n]; n++) {
        unsigned attr = pmc_attributes(p, n);

        /* RAM that is written but not read is met while firmware copies itself there: it is shown
         * for both, since copying in place leaves what was read. */
        region_set_enabled(s->segment[n], attr != 0);
        region_set_readonly(s->segment[n], !(attr & PAM_WE));
    }
    if (s->smram) {
        region_set_enabled(s->smram, !(p->config[REG_SMRAM] & SMRAM_DOPEN));
    }
    map_change_end(p->dev.machine);
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
    SCRATCH(Pmc, segment),
    SCRATCH(Pmc, smram),
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

/* @n: as pmc_attributes counts. */
static void pmc_add_segment(Pmc *s, unsigned n, MemRegion *ram)
{
    Machine *m = s->pci.dev.machine;
    GuestPhys at = n == 0 ? 0xf0000 : 0xc0000 + (n - 1) * 0x4000;
    g_autofree char *name = g_strdup_printf("pam-%05x", (unsigned)at);

    s->segment[n] = region_new_alias(m, name, ram, at, n == 0 ? 0x10000 : 0x4000);
    region_set_enabled(s->segment[n], false);
    region_add(machine_memory_root(m), s->segment[n], at, 2);
}

bool i440fx_populate(Device *host, MemRegion *ram, GError **err)
{
    Machine *m = host->machine;
    MemRegion *root = machine_memory_root(m);
    PciBus *b = &device_as(host, PciHost)->bus;
    Device *dev = device_make(m, &device_i440fx_pmc, host, "pmc");
    Pmc *s = device_as(dev, Pmc);

    /* Whatever is no RAM is on the bus; at A0000h and from C0000h the bus hides RAM. */
    region_add(root, b->mem, 0, -1);
    s->smram = region_new_alias(m, "smram-region", b->mem, 0xa0000, 0x20000);
    region_add(root, s->smram, 0xa0000, 1);
    region_add(root, region_new_alias(m, "pam-pci", b->mem, 0xc0000, 0x40000), 0xc0000, 1);
    for (unsigned n = 0; n < N_SEGMENTS; n++) {
        pmc_add_segment(s, n, ram);
    }
    device_set_str(dev, "bus", b->name);
    device_set_str(dev, "addr", "0");
    return device_realize(dev, err);
}
