/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ich9-ahci: the SATA controller of ICH9 as AHCI: its registers and PCI function.
 * Spec: "Serial ATA AHCI" 1.3.1, "2 HBA configuration registers", "3 HBA memory registers";
 * Intel ICH9 datasheet, 316972, 15 (the index and data ports).
 */
#include "hw/ide/ahci.h"

#include "util/bytes.h"

enum {
    BAR_BYTES = 4096,
    IDP_BYTES = 32,
    IDP_INDEX = 0x10,
    IDP_DATA = 0x14,
    REGION_MEM = 0,
    REGION_IDP = 1,
    REG_CAP = 0x00,
    REG_GHC = 0x04,
    REG_IS = 0x08,
    REG_PI = 0x0c,
    REG_VS = 0x10,
    PORT_BASE = 0x100,
    PORT_STRIDE = 0x80,
    CAP_SAM = 1 << 18,
    CAP_GEN1 = 1 << 20,
    CAP_NCQ = 1 << 30,
    CAP_64 = 1u << 31,
    GHC_HR = 1 << 0,
    GHC_IE = 1 << 1,
    GHC_AE = 1u << 31,
    VERSION = 0x00010300,
    SATA_CAP = 0xa8,
};

/* Ports' registers. */
enum {
    REG_CLB = 0x00,
    REG_CLBU = 0x04,
    REG_FB = 0x08,
    REG_FBU = 0x0c,
    REG_PIS = 0x10,
    REG_IE = 0x14,
    REG_CMD = 0x18,
    REG_TFD = 0x20,
    REG_SIG = 0x24,
    REG_SSTS = 0x28,
    REG_SCTL = 0x2c,
    REG_SERR = 0x30,
    REG_SACT = 0x34,
    REG_CI = 0x38,
    PORT_IS_CLEARS = 0xfd8000af, /* what a one clears; PCS and the like follow PxSERR */
    PORT_IE_BITS = 0xfdc000ff,
    CMD_WRITABLE = 0xf0000000 | PORT_FRE | PORT_POD | PORT_SUD | PORT_ST,
};

/* ---- Interrupts ("10.6") ---- */

static bool ahci_level(const Ahci *s)
{
    return s->ghc & GHC_IE && s->is;
}

/* A message when there is something anew. */
static void ahci_collect(Ahci *s, bool again)
{
    bool was = ahci_level(s) && !again;

    for (unsigned n = 0; n < s->n_ports; n++) {
        AhciPort *p = &s->port[n];

        p->is = (p->is & ~(uint32_t)PORT_PCS) | (p->serr & SERR_X ? PORT_PCS : 0);
        s->is |= p->is & p->ie ? 1u << n : 0;
    }
    if (!was && ahci_level(s)) {
        pci_msi_notify(&s->pci, 0);
    }
}

void ahci_update(Ahci *s)
{
    ahci_collect(s, false);
}

static void ahci_settle(Device *dev)
{
    Ahci *s = device_as(dev, Ahci);

    pci_set_intx(&s->pci, ahci_level(s) && !pci_msi_is_on(&s->pci));
    pci_settle(&s->pci);
}

/* ---- A port's registers ("3.3") ---- */

static uint32_t port_read(AhciPort *p, unsigned off)
{
    switch (off) {
    case REG_CLB:
        return p->clb;
    case REG_CLBU:
        return p->clbu;
    case REG_FB:
        return p->fb;
    case REG_FBU:
        return p->fbu;
    case REG_PIS:
        return p->is;
    case REG_IE:
        return p->ie;
    case REG_CMD:
        return p->cmd | (p->cmd & PORT_ST ? PORT_CR : 0) | (p->cmd & PORT_FRE ? PORT_FR : 0) |
               (p->current < AHCI_SLOTS ? (uint32_t)p->current << 8 : 0);
    case REG_TFD:
        return (uint32_t)p->error << 8 | p->status;
    case REG_SIG:
        return p->sig;
    case REG_SSTS:
        return p->ssts;
    case REG_SCTL:
        return p->sctl;
    case REG_SERR:
        return p->serr;
    case REG_SACT:
        return p->sact;
    case REG_CI:
        return p->ci;
    default:
        return 0;
    }
}

static void port_set_cmd(AhciPort *p, uint32_t val)
{
    uint32_t old = p->cmd;

    if (val & PORT_CLO && !(old & PORT_ST)) {
        p->status &= (uint8_t) ~(IDE_BSY | IDE_DRQ);
    }
    p->cmd = (old & PORT_ATAPI) | (val & CMD_WRITABLE);
    if (old & ~p->cmd & PORT_ST) {
        ahci_port_stop(p);
    }
    ahci_port_greet(p);
    ahci_port_run(p);
}

/* "10.4.2": a reset of the link while DET is 1. */
static void port_set_sctl(AhciPort *p, uint32_t val)
{
    unsigned old = p->sctl & 15, now = val & 15;

    p->sctl = val & 0xfff;
    if (now == 1 && old != 1) {
        ahci_port_stop(p);
        p->ssts = 0;
        p->status = 0x7f;
    } else if (now == 4) {
        ahci_port_stop(p);
        p->ssts = 4;
        p->status = 0x7f;
    } else if (now == 0 && old) {
        ahci_port_reset(p, true);
    }
}

static void port_write(AhciPort *p, unsigned off, uint32_t val)
{
    switch (off) {
    case REG_CLB:
        p->clb = val & ~0x3ffu;
        break;
    case REG_CLBU:
        p->clbu = val;
        break;
    case REG_FB:
        p->fb = val & ~0xffu;
        break;
    case REG_FBU:
        p->fbu = val;
        break;
    case REG_PIS:
        p->is &= ~(val & PORT_IS_CLEARS);
        break;
    case REG_IE:
        p->ie = val & PORT_IE_BITS;
        break;
    case REG_CMD:
        port_set_cmd(p, val);
        break;
    case REG_SCTL:
        port_set_sctl(p, val);
        break;
    case REG_SERR:
        p->serr &= ~val;
        break;
    case REG_SACT:
        p->sact |= p->cmd & PORT_ST ? val : 0;
        break;
    case REG_CI:
        p->ci |= p->cmd & PORT_ST ? val : 0;
        ahci_port_run(p);
        break;
    default:
        break;
    }
    ahci_update(p->hba);
}

/* ---- The controller's ("3.1") ---- */

static uint32_t ahci_cap(const Ahci *s)
{
    return CAP_64 | CAP_NCQ | CAP_GEN1 | CAP_SAM | (AHCI_SLOTS - 1) << 8 | (s->n_ports - 1);
}

static void ahci_defaults(Ahci *s)
{
    s->ghc = GHC_AE;
    s->is = 0;
    for (unsigned n = 0; n < s->n_ports; n++) {
        AhciPort *p = &s->port[n];

        p->is = p->ie = p->sctl = p->serr = 0;
        p->clb = p->clbu = p->fb = p->fbu = 0;
        p->cmd = PORT_SUD | PORT_POD;
        ahci_port_reset(p, false);
    }
}

static uint32_t ahci_reg_read(Ahci *s, unsigned off)
{
    if (off >= PORT_BASE) {
        unsigned n = (off - PORT_BASE) / PORT_STRIDE;

        return n < s->n_ports ? port_read(&s->port[n], off % PORT_STRIDE) : 0;
    }
    switch (off) {
    case REG_CAP:
        return ahci_cap(s);
    case REG_GHC:
        return s->ghc;
    case REG_IS:
        return s->is;
    case REG_PI:
        return (1u << s->n_ports) - 1;
    case REG_VS:
        return VERSION;
    default:
        return 0;
    }
}

static void ahci_reg_write(Ahci *s, unsigned off, uint32_t val)
{
    if (off >= PORT_BASE) {
        unsigned n = (off - PORT_BASE) / PORT_STRIDE;

        if (n < s->n_ports) {
            port_write(&s->port[n], off % PORT_STRIDE, val);
        }
    } else if (off == REG_GHC && val & GHC_HR) {
        ahci_defaults(s);
    } else if (off == REG_GHC) {
        s->ghc = GHC_AE | (val & GHC_IE);
        ahci_collect(s, true);
    } else if (off == REG_IS) {
        s->is &= ~val;
        ahci_collect(s, true);
    }
}

static MemResult ahci_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = ahci_reg_read(device_as(dev, Ahci), off & ~3u) >> (8 * (off & 3));
    return MEM_OK;
}

static MemResult ahci_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    ahci_reg_write(device_as(dev, Ahci), off & ~3u, (uint32_t)(val << (8 * (off & 3))));
    return MEM_OK;
}

/* The same registers by an index and a data port. */
static MemResult ahci_idp_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    Ahci *s = device_as(dev, Ahci);

    *val = off == IDP_INDEX ? s->index : off == IDP_DATA ? ahci_reg_read(s, s->index) : 0;
    return MEM_OK;
}

static MemResult ahci_idp_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    Ahci *s = device_as(dev, Ahci);

    if (off == IDP_INDEX) {
        s->index = (uint32_t)val & (BAR_BYTES - 4);
    } else if (off == IDP_DATA) {
        ahci_reg_write(s, s->index, (uint32_t)val);
    }
    return MEM_OK;
}

static const RegionType ahci_regions[] = {
    [REGION_MEM] = { .name = "ahci", .read = ahci_read, .write = ahci_write, .access_max = 4 },
    [REGION_IDP] = { .name = "ahci-idp",
                     .read = ahci_idp_read,
                     .write = ahci_idp_write,
                     .access_max = 4 },
};

/* ---- Life ---- */

static bool ahci_start(Device *dev, GError **err)
{
    Ahci *s = device_as(dev, Ahci);
    PciDevice *p = &s->pci;
    unsigned cap;

    if (!pci_plug(p, err)) {
        return false;
    }
    s->n_ports = AHCI_PORTS;
    pci_set16(p, PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    pci_set8(p, 0x90, 1 << 6); /* MAP: AHCI */
    pci_set16(p, 0x92, 0x3f);  /* PCS: all ports are on */
    pci_add_bar_region(p, 4, PCI_BASE_ADDRESS_SPACE_IO, REGION_IDP, IDP_BYTES);
    pci_add_bar_region(p, 5, PCI_BASE_ADDRESS_SPACE_MEMORY, REGION_MEM, BAR_BYTES);
    cap = pci_add_cap(p, PCI_CAP_ID_SATA, SATA_CAP, 8);
    pci_set8(p, cap + 2, 0x10);                      /* revision 1.0 */
    pci_set32(p, cap + 4, IDP_INDEX / 4 << 4 | 0x8); /* in BAR 4 */
    pci_add_msi(p, 1, false);
    for (unsigned n = 0; n < s->n_ports; n++) {
        s->port[n].hba = s;
        s->port[n].current = AHCI_NO_SLOT;
        if (!ide_bus_init(&s->port[n].bus, dev, n, 1, &ahci_port_ops, err)) {
            return false;
        }
    }
    return true;
}

static void ahci_stop(Device *dev)
{
    Ahci *s = device_as(dev, Ahci);

    for (unsigned n = 0; n < s->n_ports; n++) {
        ide_bus_deinit(&s->port[n].bus);
    }
    device_pci.stop(dev);
}

static void ahci_reset(Device *dev, ResetType type)
{
    device_pci.reset(dev, type);
    device_as(dev, Ahci)->index = 0;
    ahci_defaults(device_as(dev, Ahci));
}

static void ahci_saving(Device *dev)
{
    Ahci *s = device_as(dev, Ahci);

    for (unsigned n = 0; n < s->n_ports; n++) {
        ide_bus_saving(&s->port[n].bus);
    }
}

static bool ahci_loaded(Device *dev, GError **err)
{
    Ahci *s = device_as(dev, Ahci);

    for (unsigned n = 0; n < s->n_ports; n++) {
        AhciPort *p = &s->port[n];

        if (p->current >= AHCI_SLOTS && p->current != AHCI_NO_SLOT) {
            return error_set(err, "%s: port %u has no slot %u", device_path(dev), n, p->current);
        }
        memset(p->slot, 0, sizeof(p->slot));
    }
    return device_pci.loaded(dev, err);
}

static const PciType ahci_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x2922,
    .revision = 2,
    .class_code = 0x010601,
    .intx = 1,
};

#define PORT(m) STATE_BANK(Ahci, port, m, .no_reset = true)

static const Field ahci_fields[] = {
    STATE_U32(Ahci, ghc, .no_reset = true),
    STATE_U32(Ahci, is, .no_reset = true),
    STATE_U32(Ahci, index, .max = BAR_BYTES - 4),
    SCRATCH(Ahci, n_ports),
    PORT(clb),
    PORT(clbu),
    PORT(fb),
    PORT(fbu),
    PORT(is),
    PORT(ie),
    PORT(cmd),
    PORT(sig),
    PORT(ssts),
    PORT(sctl),
    PORT(serr),
    PORT(sact),
    PORT(ci),
    PORT(status),
    PORT(error),
    PORT(current),
    STATE_BANK(Ahci, port, halted, .max = 1, .no_reset = true),
    STATE_BANK(Ahci, port, resetting, .max = 1, .no_reset = true),
    STATE_BANK(Ahci, port, greeted, .max = 1, .no_reset = true),
    PORT(held),
    SCRATCH(Ahci, port),
};

const DeviceType device_ich9_ahci = {
    .name = "ich9-ahci",
    .doc = "SATA controller of ICH9 with 6 ports, by AHCI",
    .base = &device_pci,
    .size = sizeof(Ahci),
    .regions = ahci_regions,
    .n_regions = ARRAY_SIZE(ahci_regions),
    .fields = TABLE(ahci_fields),
    .user_creatable = true,
    .start = ahci_start,
    .stop = ahci_stop,
    .reset = ahci_reset,
    .loaded = ahci_loaded,
    .saving = ahci_saving,
    .settle = ahci_settle,
    .extra = &ahci_pci,
};
