/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IDE function of PIIX3 and PIIX4: two channels at the ports of old, with bus masters at BMIBA.
 * Spec: Intel 82371FB/SB (PIIX, PIIX3) datasheet, 290550, "2.3 IDE"; 82371AB (PIIX4), 290562, 4.
 */
#include "hw/ide/channel.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum { CHANNELS = 2, REG_IDETIM = 0x40, BM_BYTES = 16, REGION_BM = 4 };

typedef struct PiixIde {
    PciDevice pci;
    IdeChannel ch[CHANNELS];
    Irq irq[CHANNELS];
} PiixIde;

/* ---- Ports ---- */

static MemResult piix_command_read(PiixIde *s, unsigned n, uint64_t off, unsigned size,
                                   uint64_t *val)
{
    *val = ide_channel_read(&s->ch[n], (unsigned)off, size);
    return MEM_OK;
}

static MemResult piix_command0_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    return piix_command_read(device_as(dev, PiixIde), 0, off, size, val);
}

static MemResult piix_command1_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    return piix_command_read(device_as(dev, PiixIde), 1, off, size, val);
}

static MemResult piix_command0_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    ide_channel_write(&device_as(dev, PiixIde)->ch[0], (unsigned)off, size, val);
    return MEM_OK;
}

static MemResult piix_command1_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    ide_channel_write(&device_as(dev, PiixIde)->ch[1], (unsigned)off, size, val);
    return MEM_OK;
}

static MemResult piix_control0_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    *val = ide_channel_status(&device_as(dev, PiixIde)->ch[0]);
    return MEM_OK;
}

static MemResult piix_control1_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    *val = ide_channel_status(&device_as(dev, PiixIde)->ch[1]);
    return MEM_OK;
}

static MemResult piix_control0_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    ide_channel_control(&device_as(dev, PiixIde)->ch[0], (uint8_t)val);
    return MEM_OK;
}

static MemResult piix_control1_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    ide_channel_control(&device_as(dev, PiixIde)->ch[1], (uint8_t)val);
    return MEM_OK;
}

static MemResult piix_bm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t *val)
{
    *val = ide_channel_bm_read(&device_as(dev, PiixIde)->ch[off >> 3 & 1], off & 7, size);
    return MEM_OK;
}

static MemResult piix_bm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t val)
{
    ide_channel_bm_write(&device_as(dev, PiixIde)->ch[off >> 3 & 1], off & 7, size, val);
    return MEM_OK;
}

static const RegionType piix_regions[] = {
    { .name = "ide0",
      .size = 8,
      .read = piix_command0_read,
      .write = piix_command0_write,
      .access_max = 4 },
    { .name = "ide0-control",
      .size = 1,
      .read = piix_control0_read,
      .write = piix_control0_write,
      .access_max = 1 },
    { .name = "ide1",
      .size = 8,
      .read = piix_command1_read,
      .write = piix_command1_write,
      .access_max = 4 },
    { .name = "ide1-control",
      .size = 1,
      .read = piix_control1_read,
      .write = piix_control1_write,
      .access_max = 1 },
    [REGION_BM] = { .name = "bmdma",
                    .read = piix_bm_read,
                    .write = piix_bm_write,
                    .access_max = 4 },
};

/* ---- The function ---- */

static void piix_settle(Device *dev)
{
    PiixIde *s = device_as(dev, PiixIde);

    for (unsigned n = 0; n < CHANNELS; n++) {
        irq_set(&s->irq[n], ide_channel_irq(&s->ch[n]));
    }
    pci_settle(&s->pci);
}

static bool piix_start(Device *dev, GError **err)
{
    PiixIde *s = device_as(dev, PiixIde);
    PciDevice *p = &s->pci;

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_set16(p, PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    /* IDETIM: the ports are decoded, as firmware sets it; the rest is kept, of no effect. */
    pci_set32(p, REG_IDETIM, 0x80008000);
    pci_writable(p, REG_IDETIM, 4, 0xffffffff);
    pci_writable(p, REG_IDETIM + 4, 1, 0xff);
    pci_writable(p, REG_IDETIM + 8, 4, 0xffff000f);
    pci_add_bar_region(p, 4, PCI_BASE_ADDRESS_SPACE_IO, REGION_BM, BM_BYTES);
    for (unsigned n = 0; n < CHANNELS; n++) {
        if (!ide_channel_init(&s->ch[n], dev, n, true, err)) {
            return false;
        }
    }
    return true;
}

static void piix_ready(Device *dev)
{
    static const uint16_t ports[] = { 0x1f0, 0x3f6, 0x170, 0x376 };
    IsaBus *isa = isa_bus(dev->machine);

    device_pci.ready(dev);
    for (unsigned r = 0; r < ARRAY_SIZE(ports); r++) {
        isa_map(dev, r, ports[r]);
    }
    for (unsigned n = 0; isa && n < CHANNELS; n++) {
        irq_connect(dev, "irq", n, &isa->dev, "line", 14 + n);
    }
}

static void piix_stop(Device *dev)
{
    PiixIde *s = device_as(dev, PiixIde);

    for (unsigned n = 0; n < CHANNELS; n++) {
        ide_bus_deinit(&s->ch[n].bus);
    }
    device_pci.stop(dev);
}

static void piix_saving(Device *dev)
{
    PiixIde *s = device_as(dev, PiixIde);

    for (unsigned n = 0; n < CHANNELS; n++) {
        ide_bus_saving(&s->ch[n].bus);
    }
}

static const PciType piix3_ide_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7010,
    .class_code = 0x010180,
};

static const PciType piix4_ide_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7111,
    .revision = 1,
    .class_code = 0x010180,
};

static const Field piix_fields[] = {
    CHANNEL_FIELDS(PiixIde, ch),
    PIN_OUT(PiixIde, irq),
};

const DeviceType device_piix3_ide = {
    .name = "piix3-ide",
    .doc = "IDE of the PIIX3 chip set",
    .base = &device_pci,
    .size = sizeof(PiixIde),
    .regions = piix_regions,
    .n_regions = ARRAY_SIZE(piix_regions),
    .fields = TABLE(piix_fields),
    .start = piix_start,
    .ready = piix_ready,
    .stop = piix_stop,
    .saving = piix_saving,
    .settle = piix_settle,
    .extra = &piix3_ide_pci,
};

const DeviceType device_piix4_ide = {
    .name = "piix4-ide",
    .doc = "IDE of the PIIX4 chip set",
    .base = &device_pci,
    .size = sizeof(PiixIde),
    .regions = piix_regions,
    .n_regions = ARRAY_SIZE(piix_regions),
    .fields = TABLE(piix_fields),
    .start = piix_start,
    .ready = piix_ready,
    .stop = piix_stop,
    .saving = piix_saving,
    .settle = piix_settle,
    .extra = &piix4_ide_pci,
};
