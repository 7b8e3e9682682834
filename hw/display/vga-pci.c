/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards on PCI: `VGA` (all of the VGA, and Bochs' extensions), `secondary-vga` (the same without
 * anything at fixed addresses) and `bochs-display` (Bochs' frame buffer alone).
 * Spec: QEMU documentation, "QEMU Standard VGA".
 */
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

#include <string.h>

enum {
    VGA_MMIO_BYTES = 4096,
    VGA_MMIO_EDID_END = 0x400,
    VGA_MMIO_PORTS = 0x400,
    VGA_MMIO_PORTS_END = 0x420,
    VGA_REGION_MMIO = 0,
    VGA_REGION_WINDOW,
    VGA_REGION_PORTS_B,
    VGA_REGION_PORTS_C,
    VGA_REGION_VBE,
};

typedef struct VgaPci {
    PciDevice pci;
    Vga vga;
    uint32_t vgamem_mb, xres, yres, xmax, ymax;
    uint64_t vgamem;
    bool edid;
    uint8_t edid_data[EDID_BYTES];
} VgaPci;

/* What is different among the cards. */
typedef struct VgaCard {
    PciType pci;
    bool fixed; /* it has the ports and the window of the VGA */
    bool bochs; /* a frame buffer alone */
} VgaCard;

static const VgaCard *vga_card(const VgaPci *v)
{
    return (const VgaCard *)v->pci.dev.type->extra; /* its first member */
}

static VgaPci *vga_pci_of(Device *dev)
{
    return device_as(dev, VgaPci);
}

/* ---- Windows ---- */

/* EDID, the ports from 3C0h, DISPI registers. */
static MemResult vga_mmio_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    VgaPci *v = vga_pci_of(dev);

    *val = 0;
    if (off >= VGA_MMIO_PORTS_END) {
        *val = vbe_mmio_read(&v->vga.vbe, off, size);
        return MEM_OK;
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = off + i, byte = 0;

        if (at >= VGA_MMIO_PORTS && !vga_card(v)->bochs) {
            byte = vga_port_read(&v->vga, 0x3c0 + (unsigned)(at - VGA_MMIO_PORTS), attrs.debug);
        } else if (at < EDID_BYTES && v->edid) {
            byte = v->edid_data[at];
        }
        *val |= byte << i * 8;
    }
    return MEM_OK;
}

static MemResult vga_mmio_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    VgaPci *v = vga_pci_of(dev);

    if (off >= VGA_MMIO_PORTS_END) {
        vbe_mmio_write(&v->vga.vbe, off, size, val);
        vga_fast_update(&v->vga);
        return MEM_OK;
    }
    for (unsigned i = 0; i < size && off >= VGA_MMIO_PORTS && !vga_card(v)->bochs; i++) {
        vga_port_write(&v->vga, 0x3c0 + (unsigned)(off + i - VGA_MMIO_PORTS),
                       (uint8_t)(val >> i * 8));
    }
    return MEM_OK;
}

static MemResult vga_window_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = vga_mem_read(&vga_pci_of(dev)->vga, off, size, attrs.debug);
    return MEM_OK;
}

static MemResult vga_window_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    vga_mem_write(&vga_pci_of(dev)->vga, off, size, val);
    return MEM_OK;
}

static MemResult vga_ports_b_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    *val = vga_port_read(&vga_pci_of(dev)->vga, 0x3b0 + (unsigned)off, attrs.debug);
    return MEM_OK;
}

static MemResult vga_ports_b_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    vga_port_write(&vga_pci_of(dev)->vga, 0x3b0 + (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult vga_ports_c_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    *val = vga_port_read(&vga_pci_of(dev)->vga, 0x3c0 + (unsigned)off, attrs.debug);
    return MEM_OK;
}

static MemResult vga_ports_c_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    vga_port_write(&vga_pci_of(dev)->vga, 0x3c0 + (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult vga_vbe_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t *val)
{
    *val = vga_vbe_port_read(&vga_pci_of(dev)->vga, (unsigned)off);
    return MEM_OK;
}

static MemResult vga_vbe_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t val)
{
    vga_vbe_port_write(&vga_pci_of(dev)->vga, (unsigned)off, (uint16_t)val);
    return MEM_OK;
}

/* ---- Life ---- */

static void vga_pci_refresh(void *opaque)
{
    VgaPci *v = vga_pci_of(opaque);

    device_enter(&v->pci.dev);
    if (!vga_card(v)->bochs) {
        vga_draw(&v->vga);
    } else if (vbe_is_on(&v->vga.vbe)) {
        vbe_draw(&v->vga.vbe, NULL);
    } else {
        vbe_draw_nothing(&v->vga.vbe);
    }
    device_leave(&v->pci.dev);
}

static void vga_pci_watched(void *opaque, bool on)
{
    vbe_watched(&vga_pci_of(opaque)->vga.vbe, on);
}

static const ConsoleOps vga_pci_ops = { vga_pci_refresh, vga_pci_watched };

static void vga_pci_put(VgaPci *v, unsigned region, MemRegion *parent, GuestPhys addr,
                        uint64_t size)
{
    device_set_region_size(&v->pci.dev, region, size);
    region_add(parent, device_region(&v->pci.dev, region), addr, 1);
}

/* What has had its addresses since the first PC. */
static void vga_pci_fixed(VgaPci *v)
{
    PciBus *bus = v->pci.bus;

    vga_pci_put(v, VGA_REGION_WINDOW, bus->mem, VGA_WINDOW_BASE, VGA_WINDOW_BYTES);
    vga_pci_put(v, VGA_REGION_PORTS_B, bus->io, 0x3b0, 12);
    vga_pci_put(v, VGA_REGION_PORTS_C, bus->io, 0x3c0, 32);
    vga_pci_put(v, VGA_REGION_VBE, bus->io, 0x1ce, 4);
    vga_fast_init(&v->vga, bus->mem, VGA_WINDOW_BASE);
}

static bool vga_pci_start(Device *dev, GError **err)
{
    VgaPci *v = vga_pci_of(dev);
    uint64_t bytes = v->vgamem ? v->vgamem : (uint64_t)v->vgamem_mb << 20;
    RamBlock *ram;

    if (!bits_is_pow2(bytes) || bytes < VGA_VRAM_MB_MIN << 20 || bytes > VGA_VRAM_MB_MAX << 20) {
        return error_set(err, "%s: video memory must be a power of two from %d to %d MiB",
                         v->vgamem ? "vgamem" : "vgamem_mb", VGA_VRAM_MB_MIN, VGA_VRAM_MB_MAX);
    }
    if (!pci_plug(&v->pci, err) || !vbe_init(&v->vga.vbe, dev, bytes >> 20, &vga_pci_ops, err)) {
        return false;
    }
    v->vga.vbe.only32 = vga_card(v)->bochs;
    edid_make(v->edid_data, v->xres, v->yres, v->xmax, v->ymax);
    ram = v->vga.vbe.ram;
    pci_add_bar(&v->pci, 0, PCI_BASE_ADDRESS_MEM_PREFETCH,
                region_new_ram(dev->machine, "vga.vram", ram, 0, ram->size), ram->size);
    pci_add_bar_region(&v->pci, 2, PCI_BASE_ADDRESS_SPACE_MEMORY, VGA_REGION_MMIO, VGA_MMIO_BYTES);
    if (vga_card(v)->bochs) {
        pcie_add_cap(&v->pci, PCI_EXP_TYPE_ENDPOINT, 0);
    }
    if (vga_card(v)->fixed) {
        vga_pci_fixed(v);
    }
    return true;
}

static void vga_pci_stop(Device *dev)
{
    vbe_deinit(&vga_pci_of(dev)->vga.vbe);
}

static void vga_pci_reset(Device *dev, ResetType type)
{
    vga_reset(&vga_pci_of(dev)->vga);
    vga_fast_update(&vga_pci_of(dev)->vga);
}

static bool vga_pci_loaded(Device *dev, GError **err)
{
    if (!vbe_check(&vga_pci_of(dev)->vga.vbe, err)) {
        return false;
    }
    vga_fast_update(&vga_pci_of(dev)->vga);
    return true;
}

#define VGA_MMIO_REGION                                                                 \
    {                                                                                   \
        .name = "mmio", .read = vga_mmio_read, .write = vga_mmio_write, .access_max = 4 \
    }

static const RegionType vga_pci_regions[] = {
    [VGA_REGION_MMIO] = VGA_MMIO_REGION,
    [VGA_REGION_WINDOW] = { .name = "vga-window",
                            .read = vga_window_read,
                            .write = vga_window_write,
                            .unaligned = true },
    [VGA_REGION_PORTS_B] = { .name = "vga-3b0",
                             .read = vga_ports_b_read,
                             .write = vga_ports_b_write,
                             .access_max = 1 },
    [VGA_REGION_PORTS_C] = { .name = "vga-3c0",
                             .read = vga_ports_c_read,
                             .write = vga_ports_c_write,
                             .access_max = 1 },
    [VGA_REGION_VBE] = { .name = "vbe",
                         .read = vga_vbe_read,
                         .write = vga_vbe_write,
                         .access_max = 2,
                         .unaligned = true },
};

#define VGA_PCI_EDID                                                                              \
    PROP_BOOL(VgaPci, edid, true, .doc = "a monitor tells its sizes"),                            \
        PROP_U32(VgaPci, xres, 1280, .max = VBE_XRES_MAX, .doc = "its own width, in pixels"),     \
        PROP_U32(VgaPci, yres, 800, .max = VBE_YRES_MAX, .doc = "its own height"),                \
        PROP_U32(VgaPci, xmax, 0, .max = VBE_XRES_MAX, .doc = "its largest width; 0: any usual"), \
        PROP_U32(VgaPci, ymax, 0, .max = VBE_YRES_MAX, .doc = "its largest height"),              \
        SCRATCH(VgaPci, edid_data)

static const Field vga_pci_fields[] = {
    VGA_STATE(VgaPci, vga),
    PROP_U32(VgaPci, vgamem_mb, 16, .min = VGA_VRAM_MB_MIN, .max = VGA_VRAM_MB_MAX,
             .doc = "video memory, MiB"),
    SCRATCH(VgaPci, vgamem),
    VGA_PCI_EDID,
};

static const Field bochs_fields[] = {
    VGA_STATE(VgaPci, vga),
    PROP_SIZE(VgaPci, vgamem, 16 << 20, .doc = "video memory"),
    SCRATCH(VgaPci, vgamem_mb),
    VGA_PCI_EDID,
};

static const VgaCard vga_card_std = {
    .pci = { .vendor = 0x1234,
             .device = 0x1111,
             .revision = 2,
             .class_code = 0x030000,
             .romfile = "vgabios-stdvga.bin" },
    .fixed = true,
};

static const VgaCard vga_card_secondary = {
    .pci = { .vendor = 0x1234, .device = 0x1111, .revision = 2, .class_code = 0x038000 },
};

static const VgaCard vga_card_bochs = {
    .pci = { .vendor = 0x1234,
             .device = 0x1111,
             .class_code = 0x038000,
             .romfile = "vgabios-bochs-display.bin" },
    .bochs = true,
};

#define VGA_PCI_TYPE                                                                              \
    .base = &device_pci, .size = sizeof(VgaPci), .regions = vga_pci_regions,                      \
    .user_creatable = true, .start = vga_pci_start, .stop = vga_pci_stop, .reset = vga_pci_reset, \
    .loaded = vga_pci_loaded

const DeviceType device_vga = {
    .name = "VGA",
    .doc = "standard VGA with Bochs' extensions",
    .n_regions = ARRAY_SIZE(vga_pci_regions),
    .fields = TABLE(vga_pci_fields),
    .extra = &vga_card_std.pci,
    VGA_PCI_TYPE,
};

const DeviceType device_secondary_vga = {
    .name = "secondary-vga",
    .doc = "another VGA, without ports at fixed addresses",
    .n_regions = VGA_REGION_MMIO + 1,
    .fields = TABLE(vga_pci_fields),
    .extra = &vga_card_secondary.pci,
    VGA_PCI_TYPE,
};

const DeviceType device_bochs_display = {
    .name = "bochs-display",
    .doc = "frame buffer with Bochs' registers",
    .n_regions = VGA_REGION_MMIO + 1,
    .fields = TABLE(bochs_fields),
    .extra = &vga_card_bochs.pci,
    VGA_PCI_TYPE,
};
