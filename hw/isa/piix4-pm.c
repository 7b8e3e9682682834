/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIIX4's function 3: power management (ACPI registers at PMBA) and the SMBus host. The system
 * control interrupt is line 9.
 * Spec: Intel 82371AB (PIIX4) datasheet, 290562, chapter 7.
 */
#include "hw/acpi/pm1.h"
#include "hw/i2c/smbus.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum {
    REG_PMBA = 0x40,
    REG_DEVRES_A = 0x5c,
    REG_PMREGMISC = 0x80,
    REG_SMBBA = 0x90,
    REG_SMBHSTCFG = 0xd2,
    PM_BYTES = 64,
    SMB_BYTES = 16,
    GPE_PORT = 0xafe0,
    APM_PORT = 0xb2,
    SCI_LINE = 9,
    APM_ACPI_ENABLE = 0xf1,
    APM_ACPI_DISABLE = 0xf0,
    REGION_PM = 0,
    REGION_SMB = 1,
    REGION_GPE = 2,
    REGION_APM = 3,
};

typedef struct Piix4Pm {
    PciDevice pci;
    AcpiPm1 pm1;
    uint8_t apm_control, apm_status, gpe[4];
    Smbus smbus;
    Irq sci;
} Piix4Pm;

/* ---- Where the ports are ---- */

static void pm_place(PciDevice *p)
{
    Device *dev = &p->dev;
    MemRegion *pm = device_region(dev, REGION_PM), *smb = device_region(dev, REGION_SMB);

    map_change_begin(dev->machine);
    region_set_address(pm, pci_get32(p, REG_PMBA) & 0xffc0);
    region_set_enabled(pm, p->config[REG_PMREGMISC] & 1);
    region_set_address(smb, pci_get32(p, REG_SMBBA) & 0xfff0);
    region_set_enabled(smb, p->config[REG_SMBHSTCFG] & 1);
    map_change_end(dev->machine);
}

static void pm_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if (off + len > REG_PMBA) {
        pm_place(p);
    }
}

/* ---- Ports ---- */

static MemResult pm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Piix4Pm *s = device_as(dev, Piix4Pm);

    *val = off < PM1_BYTES ? acpi_pm1_read(dev, &s->pm1, (unsigned)off, size) : 0;
    return MEM_OK;
}

static MemResult pm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    if (off < PM1_TMR) {
        acpi_pm1_write(dev, &device_as(dev, Piix4Pm)->pm1, (unsigned)off, size, val);
    }
    return MEM_OK;
}

static MemResult pm_smb_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    *val = smbus_read(&device_as(dev, Piix4Pm)->smbus, (unsigned)off);
    return MEM_OK;
}

static MemResult pm_smb_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    smbus_write(&device_as(dev, Piix4Pm)->smbus, (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult pm_gpe_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    *val = device_as(dev, Piix4Pm)->gpe[off];
    return MEM_OK;
}

static MemResult pm_gpe_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    Piix4Pm *s = device_as(dev, Piix4Pm);

    if (off < 2) {
        s->gpe[off] &= ~(uint8_t)val;
    } else {
        s->gpe[off] = (uint8_t)val;
    }
    return MEM_OK;
}

static MemResult pm_apm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    Piix4Pm *s = device_as(dev, Piix4Pm);

    *val = off ? s->apm_status : s->apm_control;
    return MEM_OK;
}

/* Without system management mode the hardware does what firmware's handler would. */
static MemResult pm_apm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    Piix4Pm *s = device_as(dev, Piix4Pm);

    if (off) {
        s->apm_status = (uint8_t)val;
        return MEM_OK;
    }
    s->apm_control = (uint8_t)val;
    if (val == APM_ACPI_ENABLE) {
        s->pm1.cnt |= PM1_SCI_EN;
    } else if (val == APM_ACPI_DISABLE) {
        s->pm1.cnt &= ~PM1_SCI_EN;
    }
    return MEM_OK;
}

static const RegionType pm_regions[] = {
    [REGION_PM] = { .name = "pm",
                    .size = PM_BYTES,
                    .read = pm_read,
                    .write = pm_write,
                    .access_max = 4 },
    [REGION_SMB] = { .name = "smbus",
                     .size = SMB_BYTES,
                     .read = pm_smb_read,
                     .write = pm_smb_write,
                     .access_max = 1 },
    [REGION_GPE] = { .name = "gpe0",
                     .size = 4,
                     .read = pm_gpe_read,
                     .write = pm_gpe_write,
                     .access_max = 1 },
    [REGION_APM] = { .name = "apm",
                     .size = 2,
                     .read = pm_apm_read,
                     .write = pm_apm_write,
                     .access_max = 1 },
};

/* ---- The function ---- */

static void pm_timer(Device *dev)
{
    acpi_pm1_fired(dev, &device_as(dev, Piix4Pm)->pm1);
}

static void pm_settle(Device *dev)
{
    Piix4Pm *s = device_as(dev, Piix4Pm);

    irq_set(&s->sci, acpi_pm1_sci(&s->pm1));
    pci_settle(&s->pci);
}

/* The power button, by the board. */
static void pm_button(Device *dev, unsigned n, bool level)
{
    if (level) {
        acpi_pm1_event(dev, &device_as(dev, Piix4Pm)->pm1, PM1_PWRBTN_STS);
    }
}

/* The alarm of the clock, by the board. */
static void pm_alarm(Device *dev, unsigned n, bool level)
{
    if (level) {
        acpi_pm1_event(dev, &device_as(dev, Piix4Pm)->pm1, PM1_RTC_STS);
    }
}

static bool pm_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_set16(p, PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    pci_set8(p, PCI_INTERRUPT_PIN, 1);
    pci_set32(p, REG_PMBA, 1);
    pci_writable(p, REG_PMBA, 4, 0xffc0);
    pci_writable(p, REG_PMREGMISC, 1, 1);
    pci_set32(p, REG_SMBBA, 1);
    pci_writable(p, REG_SMBBA, 4, 0xfff0);
    pci_writable(p, REG_SMBHSTCFG, 1, 0x0f);
    pci_writable(p, 0x50, 0x4, 0xffffffff); /* GLBCTL and device monitors: kept, of no effect */
    pci_writable(p, 0x58, 0x4, 0xffffffff);
    /* DEVACTB, APMC_EN: firmware takes it that system management mode is set up, and does not wait
     * for a handler that no CPU here would run. */
    pci_set8(p, 0x5b, 0x02);
    pci_set8(p, 0x5f, 0x10); /* SeaBIOS looks here for the parallel port */
    pci_writable(p, REG_DEVRES_A, 4, 0xffffffff);
    return true;
}

static void pm_ready(Device *dev)
{
    device_pci.ready(dev);
    for (unsigned r = REGION_PM; r <= REGION_APM; r++) {
        isa_map(dev, r, r == REGION_GPE ? GPE_PORT : r == REGION_APM ? APM_PORT : 0);
    }
    isa_connect(dev, "sci", SCI_LINE);
    pm_place(pci_of(dev));
}

static void pm_reset(Device *dev, ResetType type)
{
    device_pci.reset(dev, type);
    acpi_pm1_reset(dev, &device_as(dev, Piix4Pm)->pm1, type);
    pm_place(pci_of(dev));
}

static bool pm_loaded(Device *dev, GError **err)
{
    bool ok = device_pci.loaded(dev, err);

    pm_place(pci_of(dev));
    return ok;
}

static const PciType pm_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7113,
    .revision = 3,
    .class_code = 0x068000,
    .config_wrote = pm_wrote,
};

static const Field pm_fields[] = {
    PM1_FIELDS(Piix4Pm, pm1, pm_timer), STATE_U8(Piix4Pm, apm_control),
    STATE_U8(Piix4Pm, apm_status),      STATE_ARRAY(Piix4Pm, gpe),
    SMBUS_FIELDS(Piix4Pm, smbus),       PIN_OUT(Piix4Pm, sci),
    PIN_IN("power-button", pm_button),  PIN_IN("rtc-alarm", pm_alarm),
};

const DeviceType device_piix4_pm = {
    .name = "PIIX4_PM",
    .doc = "power management of the PIIX4 chip set",
    .base = &device_pci,
    .size = sizeof(Piix4Pm),
    .regions = pm_regions,
    .n_regions = ARRAY_SIZE(pm_regions),
    .fields = TABLE(pm_fields),
    .start = pm_start,
    .ready = pm_ready,
    .reset = pm_reset,
    .loaded = pm_loaded,
    .settle = pm_settle,
    .extra = &pm_pci,
};
