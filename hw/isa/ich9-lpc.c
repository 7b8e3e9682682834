/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICH9-LPC: the bridge to ISA of ICH9, with the routes of PCI's interrupts, the power management
 * registers at PMBASE and the chip set's own at RCBA.
 * Spec: Intel ICH9 datasheet, 316972, "13 LPC interface bridge registers", "13.8 power management",
 * "10 chipset configuration registers".
 */
#include "hw/acpi/pm1.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"

enum {
    PIRQS = 8,
    REG_PMBASE = 0x40,
    REG_ACPI_CNTL = 0x44,
    ACPI_EN = 1 << 7,
    REG_PIRQA = 0x60,
    REG_PIRQE = 0x68,
    PIRQ_OFF = 1 << 7,
    PIRQ_LINE = 0xf,
    REG_RCBA = 0xf0,
    PM_BYTES = 128,
    GPE0_STS = 0x20,
    GPE0_BYTES = 16, /* status, then enables */
    SMI_EN = 0x30,
    SMI_STS = 0x34,
    SMI_EN_APMC = 1 << 5,
    TCO_BASE = 0x60,
    TCO_BYTES = 32,
    APM_PORT = 0xb2,
    APM_ACPI_ENABLE = 0x02,
    APM_ACPI_DISABLE = 0x03,
    RCRB_BYTES = 0x4000,
    RCRB_KEPT = 0x3000,      /* from here on words are kept ... */
    RCRB_KEPT_BYTES = 0x500, /* ... as many */
    RCRB_D31IP = 0x100,      /* there; the DxxIP come after */
    RCRB_D31IR = 0x140,
    SCI_LINE = 9,
    REGION_PM = 0,
    REGION_APM = 1,
    REGION_RCRB = 2,
};

typedef struct Ich9Lpc {
    PciDevice pci;
    AcpiPm1 pm1;
    uint8_t apm_control, apm_status, pirq;
    uint8_t gpe[GPE0_BYTES], tco[TCO_BYTES];
    uint32_t smi_en, smi_sts;
    uint8_t rcrb[RCRB_KEPT_BYTES];
    Irq irq[ISA_N_IRQS]; /* what the PIRQs make of the ISA lines */
    Irq gsi[PIRQS];      /* the PIRQs themselves: 16 to 23 of the I/O APIC */
    Irq sci;
} Ich9Lpc;

/* ---- Where the registers are ---- */

static void lpc_place(PciDevice *p)
{
    Device *dev = &p->dev;
    MemRegion *pm = device_region(dev, REGION_PM), *rcrb = device_region(dev, REGION_RCRB);
    uint32_t rcba = pci_get32(p, REG_RCBA);

    map_change_begin(dev->machine);
    region_set_address(pm, pci_get32(p, REG_PMBASE) & 0xff80);
    region_set_enabled(pm, p->config[REG_ACPI_CNTL] & ACPI_EN);
    region_set_address(rcrb, rcba & 0xffffc000);
    region_set_enabled(rcrb, rcba & 1);
    map_change_end(dev->machine);
}

static void lpc_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if ((off < REG_ACPI_CNTL + 1 && off + len > REG_PMBASE) || off + len > REG_RCBA) {
        lpc_place(p);
    }
}

/* ---- Power management ---- */

static uint8_t pm_byte(const Ich9Lpc *s, unsigned off)
{
    if (off >= GPE0_STS && off < GPE0_STS + GPE0_BYTES) {
        return s->gpe[off - GPE0_STS];
    }
    if (off >= TCO_BASE) {
        return s->tco[off - TCO_BASE];
    }
    if (off >= SMI_EN && off < SMI_EN + 4) {
        return (uint8_t)(s->smi_en >> (8 * (off - SMI_EN)));
    }
    return off >= SMI_STS && off < SMI_STS + 4 ? (uint8_t)(s->smi_sts >> (8 * (off - SMI_STS))) : 0;
}

static MemResult pm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);

    if (off < PM1_BYTES) {
        *val = acpi_pm1_read(dev, &s->pm1, (unsigned)off, size);
        return MEM_OK;
    }
    *val = 0;
    for (unsigned i = 0; i < size; i++) {
        *val |= (uint64_t)pm_byte(s, (unsigned)off + i) << (8 * i);
    }
    return MEM_OK;
}

static void pm_put_byte(Ich9Lpc *s, unsigned off, uint8_t val)
{
    if (off >= GPE0_STS && off < GPE0_STS + GPE0_BYTES / 2) {
        s->gpe[off - GPE0_STS] &= (uint8_t)~val;
    } else if (off >= GPE0_STS && off < GPE0_STS + GPE0_BYTES) {
        s->gpe[off - GPE0_STS] = val;
    } else if (off >= TCO_BASE) {
        s->tco[off - TCO_BASE] = val;
    } else if (off >= SMI_EN && off < SMI_EN + 4) {
        s->smi_en = (uint32_t)bits_deposit(s->smi_en, 8 * (off - SMI_EN), 8, val) | SMI_EN_APMC;
    } else if (off >= SMI_STS && off < SMI_STS + 4) {
        s->smi_sts &= ~((uint32_t)val << (8 * (off - SMI_STS)));
    }
}

static MemResult pm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);

    if (off < PM1_TMR) {
        acpi_pm1_write(dev, &s->pm1, (unsigned)off, size, val);
        return MEM_OK;
    }
    for (unsigned i = 0; i < size; i++) {
        pm_put_byte(s, (unsigned)off + i, (uint8_t)(val >> (8 * i)));
    }
    return MEM_OK;
}

static MemResult apm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    const Ich9Lpc *s = device_as(dev, Ich9Lpc);

    *val = off ? s->apm_status : s->apm_control;
    return MEM_OK;
}

/* Without system management mode the hardware does what firmware's handler would: the values are
 * those of the board's FADT. */
static MemResult apm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);

    if (off) {
        s->apm_status = (uint8_t)val;
        return MEM_OK;
    }
    s->apm_control = (uint8_t)val;
    if (val == APM_ACPI_ENABLE || val == 0xf1) {
        s->pm1.cnt |= PM1_SCI_EN;
    } else if (val == APM_ACPI_DISABLE || val == 0xf0) {
        s->pm1.cnt &= (uint16_t)~PM1_SCI_EN;
    }
    return MEM_OK;
}

/* ---- Chip set configuration: what is kept is of no effect ---- */

static MemResult rcrb_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    const Ich9Lpc *s = device_as(dev, Ich9Lpc);
    uint64_t at = off - RCRB_KEPT;

    *val = off >= RCRB_KEPT && at + size <= RCRB_KEPT_BYTES ? get_le(s->rcrb + at, size) : 0;
    return MEM_OK;
}

static MemResult rcrb_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);
    uint64_t at = off - RCRB_KEPT;

    if (off >= RCRB_KEPT && at + size <= RCRB_KEPT_BYTES) {
        put_le(s->rcrb + at, size, val);
    }
    return MEM_OK;
}

static const RegionType lpc_regions[] = {
    [REGION_PM] = { .name = "pm",
                    .size = PM_BYTES,
                    .read = pm_read,
                    .write = pm_write,
                    .access_max = 4 },
    [REGION_APM] = { .name = "apm",
                     .size = 2,
                     .read = apm_read,
                     .write = apm_write,
                     .access_max = 1 },
    [REGION_RCRB] = { .name = "rcrb",
                      .size = RCRB_BYTES,
                      .read = rcrb_read,
                      .write = rcrb_write,
                      .access_max = 4 },
};

/* ---- Interrupts ---- */

static void lpc_pirq(Device *dev, unsigned n, bool level)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);

    s->pirq = (uint8_t)((s->pirq & ~(1u << n)) | (unsigned)level << n);
}

static void lpc_settle(Device *dev)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);
    unsigned lines = 0;

    for (unsigned n = 0; n < PIRQS; n++) {
        uint8_t route = s->pci.config[n < 4 ? REG_PIRQA + n : REG_PIRQE + n - 4];
        bool high = s->pirq >> n & 1;

        irq_set(&s->gsi[n], high);
        lines |= high && !(route & PIRQ_OFF) ? 1u << (route & PIRQ_LINE) : 0;
    }
    for (unsigned n = 0; n < ISA_N_IRQS; n++) {
        irq_set(&s->irq[n], lines >> n & 1);
    }
    irq_set(&s->sci, acpi_pm1_sci(&s->pm1));
    pci_settle(&s->pci);
}

static void lpc_timer(Device *dev)
{
    acpi_pm1_fired(dev, &device_as(dev, Ich9Lpc)->pm1);
}

/* The power button, by the board. */
static void lpc_button(Device *dev, unsigned n, bool level)
{
    if (level) {
        acpi_pm1_event(dev, &device_as(dev, Ich9Lpc)->pm1, PM1_PWRBTN_STS);
    }
}

/* The alarm of the clock, by the board. */
static void lpc_alarm(Device *dev, unsigned n, bool level)
{
    if (level) {
        acpi_pm1_event(dev, &device_as(dev, Ich9Lpc)->pm1, PM1_RTC_STS);
    }
}

/* ---- Life ---- */

static bool lpc_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_set16(p, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_set16(p, PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    pci_set32(p, REG_PMBASE, 1);
    pci_writable(p, REG_PMBASE, 4, 0xff80);
    pci_writable(p, REG_ACPI_CNTL, 1, ACPI_EN | 7);
    for (unsigned n = 0; n < 4; n++) {
        pci_set8(p, REG_PIRQA + n, PIRQ_OFF);
        pci_writable(p, REG_PIRQA + n, 1, PIRQ_OFF | PIRQ_LINE);
        pci_set8(p, REG_PIRQE + n, PIRQ_OFF);
        pci_writable(p, REG_PIRQE + n, 1, PIRQ_OFF | PIRQ_LINE);
    }
    pci_writable(p, 0x48, 4, 0xff80); /* GPIOBASE, GPIO_CNTL: there are no pins */
    pci_writable(p, 0x4c, 1, 0x10);
    pci_writable(p, 0x80, 4, 0xffffffff); /* LPC_I/O_DEC, LPC_EN: all is decoded */
    pci_writable(p, 0x84, 4, 0xffffffff);
    pci_writable(p, 0xa0, 4, 0xffffffff); /* GEN_PMCON: kept */
    pci_writable(p, 0xa4, 4, 0xffffffff);
    pci_writable(p, 0xdc, 1, 0x3f); /* BIOS_CNTL */
    pci_writable(p, REG_RCBA, 4, 0xffffc001);
    return true;
}

static void lpc_ready(Device *dev)
{
    device_pci.ready(dev);
    isa_map(dev, REGION_PM, 0);
    isa_map(dev, REGION_APM, APM_PORT);
    device_map(dev, REGION_RCRB, machine_memory_root(dev->machine), 0);
    isa_connect(dev, "sci", SCI_LINE);
    lpc_place(pci_of(dev));
}

static void lpc_reset(Device *dev, ResetType type)
{
    Ich9Lpc *s = device_as(dev, Ich9Lpc);

    device_pci.reset(dev, type);
    acpi_pm1_reset(dev, &device_as(dev, Ich9Lpc)->pm1, type);
    /* Firmware takes it that system management mode is set up, and does not wait for a handler
     * that no CPU here would run. */
    s->smi_en = SMI_EN_APMC;
    put_le32(s->rcrb + RCRB_D31IP, 0x03243210);
    for (unsigned at = RCRB_D31IR; at <= RCRB_D31IR + 0x10; at += 2) {
        put_le16(s->rcrb + at, 0x3210);
    }
    lpc_place(pci_of(dev));
}

static bool lpc_loaded(Device *dev, GError **err)
{
    bool ok = device_pci.loaded(dev, err);

    lpc_place(pci_of(dev));
    return ok;
}

static const PciType lpc_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x2918,
    .revision = 2,
    .class_code = 0x060100,
    .config_wrote = lpc_wrote,
};

static const Field lpc_fields[] = {
    PM1_FIELDS(Ich9Lpc, pm1, lpc_timer),
    STATE_U8(Ich9Lpc, apm_control),
    STATE_U8(Ich9Lpc, apm_status),
    STATE_U8(Ich9Lpc, pirq),
    STATE_ARRAY(Ich9Lpc, gpe),
    STATE_ARRAY(Ich9Lpc, tco),
    STATE_U32(Ich9Lpc, smi_en),
    STATE_U32(Ich9Lpc, smi_sts),
    STATE_ARRAY(Ich9Lpc, rcrb),
    PIN_IN("pirq", lpc_pirq, .count = PIRQS),
    PIN_IN("power-button", lpc_button),
    PIN_IN("rtc-alarm", lpc_alarm),
    PIN_OUT(Ich9Lpc, irq),
    PIN_OUT(Ich9Lpc, gsi),
    PIN_OUT(Ich9Lpc, sci),
};

const DeviceType device_ich9_lpc = {
    .name = "ICH9-LPC",
    .doc = "bridge to ISA of ICH9, with power management",
    .base = &device_pci,
    .size = sizeof(Ich9Lpc),
    .regions = lpc_regions,
    .n_regions = ARRAY_SIZE(lpc_regions),
    .fields = TABLE(lpc_fields),
    .start = lpc_start,
    .ready = lpc_ready,
    .reset = lpc_reset,
    .loaded = lpc_loaded,
    .settle = lpc_settle,
    .extra = &lpc_pci,
};
