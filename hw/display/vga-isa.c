/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-vga: the VGA with Bochs' extensions on the ISA bus; its frame buffer is at E0000000h.
 * Spec: QEMU documentation, "QEMU Standard VGA".
 */
#include "hw/display/vga.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci/pci.h"

#include <string.h>

enum {
    ISA_VGA_LFB = 0xe0000000u,
    ISA_VGA_WINDOW = 0,
    ISA_VGA_PORTS_B,
    ISA_VGA_PORTS_C,
    ISA_VGA_VBE,
};

typedef struct VgaIsa {
    Device dev;
    Vga vga;
    uint32_t vgamem_mb;
} VgaIsa;

static Vga *vga_isa_of(Device *dev)
{
    return &device_as(dev, VgaIsa)->vga;
}

/* ---- Windows ---- */

static MemResult vga_isa_window_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t *val)
{
    *val = vga_mem_read(vga_isa_of(dev), off, size, attrs.debug);
    return MEM_OK;
}

static MemResult vga_isa_window_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                      uint64_t val)
{
    vga_mem_write(vga_isa_of(dev), off, size, val);
    return MEM_OK;
}

static MemResult vga_isa_b_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    *val = vga_port_read(vga_isa_of(dev), 0x3b0 + (unsigned)off, attrs.debug);
    return MEM_OK;
}

static MemResult vga_isa_b_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    vga_port_write(vga_isa_of(dev), 0x3b0 + (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult vga_isa_c_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    *val = vga_port_read(vga_isa_of(dev), 0x3c0 + (unsigned)off, attrs.debug);
    return MEM_OK;
}

static MemResult vga_isa_c_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    vga_port_write(vga_isa_of(dev), 0x3c0 + (unsigned)off, (uint8_t)val);
    return MEM_OK;
}

static MemResult vga_isa_vbe_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    *val = vga_vbe_port_read(vga_isa_of(dev), (unsigned)off);
    return MEM_OK;
}

static MemResult vga_isa_vbe_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    vga_vbe_port_write(vga_isa_of(dev), (unsigned)off, (uint16_t)val);
    return MEM_OK;
}

/* ---- Life ---- */

static void vga_isa_refresh(void *opaque)
{
    device_enter(opaque);
    vga_draw(vga_isa_of(opaque));
    device_leave(opaque);
}

static void vga_isa_watched(void *opaque, bool on)
{
    vbe_watched(&vga_isa_of(opaque)->vbe, on);
}

static const ConsoleOps vga_isa_ops = { vga_isa_refresh, vga_isa_watched };

static bool vga_isa_start(Device *dev, GError **err)
{
    VgaIsa *s = device_as(dev, VgaIsa);

    if (!bits_is_pow2(s->vgamem_mb)) {
        return error_set(err, "vgamem_mb: must be a power of two");
    }
    return fw_cfg_add_display_bios(dev->machine, "vgabios-isavga.bin", err) &&
           vbe_init(&s->vga.vbe, dev, s->vgamem_mb, &vga_isa_ops, err);
}

static void vga_isa_ready(Device *dev)
{
    Machine *m = dev->machine;
    RamBlock *ram = vga_isa_of(dev)->vbe.ram;
    PciBus *pci = pci_root(m);
    MemRegion *bus = pci ? pci->mem : machine_memory_root(m);

    isa_map(dev, ISA_VGA_PORTS_B, 0x3b0);
    isa_map(dev, ISA_VGA_PORTS_C, 0x3c0);
    isa_map(dev, ISA_VGA_VBE, 0x1ce);
    if (!isa_bus(m)) {
        return;
    }
    region_add(bus, device_region(dev, ISA_VGA_WINDOW), VGA_WINDOW_BASE, 1);
    region_add(bus, region_new_ram(m, "vga.vram", ram, 0, ram->size), ISA_VGA_LFB, 1);
    vga_fast_init(vga_isa_of(dev), bus, VGA_WINDOW_BASE);
}

static void vga_isa_stop(Device *dev)
{
    vbe_deinit(&vga_isa_of(dev)->vbe);
}

static void vga_isa_reset(Device *dev, ResetType type)
{
    vga_reset(vga_isa_of(dev));
    vga_fast_update(vga_isa_of(dev));
}

static bool vga_isa_loaded(Device *dev, GError **err)
{
    if (!vbe_check(&vga_isa_of(dev)->vbe, err)) {
        return false;
    }
    vga_fast_update(vga_isa_of(dev));
    return true;
}

static const RegionType vga_isa_regions[] = {
    [ISA_VGA_WINDOW] = { .name = "vga-window",
                         .size = VGA_WINDOW_BYTES,
                         .read = vga_isa_window_read,
                         .write = vga_isa_window_write,
                         .unaligned = true },
    [ISA_VGA_PORTS_B] = { .name = "vga-3b0",
                          .size = 12,
                          .read = vga_isa_b_read,
                          .write = vga_isa_b_write,
                          .access_max = 1 },
    [ISA_VGA_PORTS_C] = { .name = "vga-3c0",
                          .size = 32,
                          .read = vga_isa_c_read,
                          .write = vga_isa_c_write,
                          .access_max = 1 },
    [ISA_VGA_VBE] = { .name = "vbe",
                      .size = 4,
                      .read = vga_isa_vbe_read,
                      .write = vga_isa_vbe_write,
                      .access_max = 2,
                      .unaligned = true },
};

static const Field vga_isa_fields[] = {
    VGA_STATE(VgaIsa, vga),
    PROP_U32(VgaIsa, vgamem_mb, 8, .min = VGA_VRAM_MB_MIN, .max = VGA_VRAM_MB_MAX,
             .doc = "video memory, MiB"),
};

const DeviceType device_isa_vga = {
    .name = "isa-vga",
    .doc = "standard VGA on the ISA bus",
    .size = sizeof(VgaIsa),
    .regions = vga_isa_regions,
    .n_regions = ARRAY_SIZE(vga_isa_regions),
    .fields = TABLE(vga_isa_fields),
    .user_creatable = true,
    .on_isa = true,
    .start = vga_isa_start,
    .ready = vga_isa_ready,
    .stop = vga_isa_stop,
    .reset = vga_isa_reset,
    .loaded = vga_isa_loaded,
};
