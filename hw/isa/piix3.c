/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIIX3's and PIIX4's function 0: the bridge to ISA, which routes the four interrupts of PCI to ISA
 * lines. Spec: Intel 82371SB (PIIX3) datasheet, 290550, 2.2.
 */
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum {
    REG_XBCS = 0x4e,
    REG_PIRQRC = 0x60, /* four registers */
    PIRQ_OFF = 1 << 7,
    PIRQ_LINE = 0xf,
};

typedef struct Piix3 {
    PciDevice pci;
    uint32_t routes;     /* what firmware has written to PIRQRC[A:D] */
    uint8_t pirq;        /* levels of PIRQA to PIRQD */
    Irq irq[ISA_N_IRQS]; /* what they make of the ISA lines */
} Piix3;

static void piix3_settle(Device *dev)
{
    Piix3 *s = device_as(dev, Piix3);
    unsigned lines = 0;

    for (unsigned n = 0; n < PCI_N_INTX; n++) {
        uint8_t route = s->pci.config[REG_PIRQRC + n];

        if (s->pirq >> n & 1 && !(route & PIRQ_OFF)) {
            lines |= 1u << (route & PIRQ_LINE);
        }
    }
    for (unsigned n = 0; n < ISA_N_IRQS; n++) {
        irq_set(&s->irq[n], lines >> n & 1);
    }
    pci_settle(&s->pci);
}

static void piix3_pirq(Device *dev, unsigned n, bool level)
{
    Piix3 *s = device_as(dev, Piix3);

    s->pirq = (uint8_t)((s->pirq & ~(1u << n)) | (unsigned)level << n);
}

static bool piix3_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_set16(p, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_set16(p, PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    pci_set8(p, 0x4c, 0x4d); /* IORT: ISA recovery times */
    pci_set8(p, REG_XBCS, 0x03);
    pci_set8(p, 0x4f, 0x00);
    for (unsigned n = 0; n < PCI_N_INTX; n++) {
        pci_set8(p, REG_PIRQRC + n, (uint8_t)(device_as(dev, Piix3)->routes >> (8 * n)));
        pci_writable(p, REG_PIRQRC + n, 1, PIRQ_OFF | PIRQ_LINE);
    }
    pci_set8(p, 0x69, 0x02); /* TOM: top of memory */
    pci_writable(p, 0x69, 1, 0xfe);
    pci_writable(p, 0x4c, 1, 0x7f);
    pci_writable(p, REG_XBCS, 2, 0x03ff);
    return true;
}

static const PciType piix3_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7000,
    .class_code = 0x060100,
};

/* PIIX4 (82371AB, 290562): the same as far as this goes. */
static const PciType piix4_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7110,
    .class_code = 0x060100,
};

static const Field piix3_fields[] = {
    PROP_U32(Piix3, routes, 0x80808080, .doc = "PIRQRC[A:D] as firmware leaves them, A lowest"),
    STATE_U8(Piix3, pirq, .max = 15),
    PIN_IN("pirq", piix3_pirq, .count = PCI_N_INTX),
    PIN_OUT(Piix3, irq),
};

const DeviceType device_piix3 = {
    .name = "PIIX3",
    .doc = "bridge to ISA of the 440FX chip set",
    .base = &device_pci,
    .size = sizeof(Piix3),
    .fields = TABLE(piix3_fields),
    .start = piix3_start,
    .settle = piix3_settle,
    .extra = &piix3_pci,
};

const DeviceType device_piix4 = {
    .name = "PIIX4",
    .doc = "bridge to ISA of PIIX4",
    .base = &device_pci,
    .size = sizeof(Piix3),
    .fields = TABLE(piix3_fields),
    .start = piix3_start,
    .settle = piix3_settle,
    .extra = &piix4_pci,
};
