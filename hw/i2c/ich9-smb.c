/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ich9-smb: the SMBus function of ICH9.
 * Spec: Intel ICH9 datasheet, 316972, "20 SMBus controller registers".
 */
#include "hw/i2c/smbus.h"
#include "hw/pci/pci.h"

enum { REG_HOSTC = 0x40, HOSTC_BITS = 0x0f, SMB_BYTES = 64 };

typedef struct Ich9Smb {
    PciDevice pci;
    Smbus smbus;
} Ich9Smb;

static MemResult smb_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = smbus_read(&device_as(dev, Ich9Smb)->smbus, (unsigned)off);
    return MEM_OK;
}

static MemResult smb_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    smbus_write(&device_as(dev, Ich9Smb)->smbus, (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static const RegionType smb_regions[] = {
    { .name = "smbus", .read = smb_read, .write = smb_write, .access_max = 1 },
};

static void smb_settle(Device *dev)
{
    Ich9Smb *s = device_as(dev, Ich9Smb);

    pci_set_intx(&s->pci, smbus_interrupt(&s->smbus));
    pci_settle(&s->pci);
}

static bool smb_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_set16(p, PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK);
    pci_writable(p, REG_HOSTC, 1, HOSTC_BITS);
    pci_add_bar_region(p, 4, PCI_BASE_ADDRESS_SPACE_IO, 0, SMB_BYTES);
    return true;
}

static const PciType smb_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x2930,
    .revision = 2,
    .class_code = 0x0c0500,
    .intx = 1,
};

static const Field smb_fields[] = { SMBUS_FIELDS(Ich9Smb, smbus) };

const DeviceType device_ich9_smb = {
    .name = "ICH9-SMB",
    .doc = "SMBus of ICH9",
    .base = &device_pci,
    .size = sizeof(Ich9Smb),
    .regions = smb_regions,
    .n_regions = ARRAY_SIZE(smb_regions),
    .fields = TABLE(smb_fields),
    .start = smb_start,
    .settle = smb_settle,
    .extra = &smb_pci,
};
