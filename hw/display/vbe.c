/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Bochs video extensions: a frame buffer of any size in video RAM, by 16-bit registers.
 * Spec: "VBE DISPI" of the Bochs project (interface B0C5h); QEMU documentation, "QEMU Standard
 * VGA", "MMIO area spec".
 */
#include "hw/display/vga.h"

#include <string.h>

enum {
    VBE_MMIO_DISPI = 0x500,
    VBE_MMIO_QEXT = 0x600,
    VBE_QEXT_SIZE = 8,
};

#define VBE_QEXT_BIG    0xbebebebeu
#define VBE_QEXT_LITTLE 0x1e1e1e1eu

bool vbe_init(Vbe *s, Device *dev, uint64_t mib, const ConsoleOps *ops, GError **err)
{
    g_autofree char *name = g_strdup_printf("%s/vga.vram", device_path(dev));

    s->dev = dev;
    s->ram = ram_new(dev->machine, name, mib << 20, 0, err);
    if (!s->ram) {
        return false;
    }
    s->n_dirty = (uint32_t)(s->ram->n_pages + 63) / 64;
    s->dirty = device_alloc(dev, s->n_dirty * sizeof(s->dirty[0]));
    s->before = device_alloc(dev, s->n_dirty * sizeof(s->before[0]));
    s->console = console_new(dev->machine, device_path(dev), 0, ops, dev);
    vbe_reset(s);
    return true;
}

void vbe_deinit(Vbe *s)
{
    console_free(s->console);
    s->console = NULL;
    g_clear_pointer(&s->line, g_free);
}

void vbe_reset(Vbe *s)
{
    memset(s->regs, 0, sizeof(s->regs));
    s->regs[VBE_ID] = VBE_ID_LAST;
    s->index = 0;
}

/* ---- Registers ---- */

static unsigned vbe_pixel_bits(const Vbe *s)
{
    return s->regs[VBE_BPP] == 15 ? 16 : s->regs[VBE_BPP];
}

uint32_t vbe_line_bytes(const Vbe *s)
{
    return s->regs[VBE_VIRT_WIDTH] * vbe_pixel_bits(s) / 8;
}

uint64_t vbe_start(const Vbe *s)
{
    return (uint64_t)s->regs[VBE_Y_OFFSET] * vbe_line_bytes(s) +
           s->regs[VBE_X_OFFSET] * vbe_pixel_bits(s) / 8;
}

static bool vbe_depth_is_valid(const Vbe *s, uint16_t bpp)
{
    return bpp == 32 ||
           (!s->only32 && (bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24));
}

/* Four planes are read in parallel, so that a mode of 4 bits has its lines in a quarter. */
static uint64_t vbe_ram_bytes(const Vbe *s)
{
    return s->regs[VBE_BPP] == 4 ? VGA_PLANE_BYTES : s->ram->size;
}

/* Every register as the mode allows it: the frame lies in video RAM. */
static void vbe_fit(Vbe *s)
{
    uint16_t *r = s->regs;
    uint64_t lines;

    if (!vbe_depth_is_valid(s, r[VBE_BPP])) {
        r[VBE_BPP] = s->only32 || r[VBE_BPP] ? 32 : 8;
    }
    r[VBE_XRES] = (uint16_t)CLAMP(r[VBE_XRES] & ~7u, 8, VBE_XRES_MAX);
    r[VBE_YRES] = (uint16_t)CLAMP(r[VBE_YRES], 1, VBE_YRES_MAX);
    r[VBE_VIRT_WIDTH] = (uint16_t)CLAMP(r[VBE_VIRT_WIDTH] & ~7u, r[VBE_XRES], VBE_XRES_MAX);
    while (r[VBE_XRES] > 8 && vbe_line_bytes(s) > vbe_ram_bytes(s)) {
        r[VBE_VIRT_WIDTH] = r[VBE_XRES] = r[VBE_XRES] / 2 & ~7u;
    }
    lines = vbe_ram_bytes(s) / MAX(vbe_line_bytes(s), 1);
    r[VBE_VIRT_HEIGHT] = (uint16_t)MIN(lines, UINT16_MAX);
    r[VBE_YRES] = (uint16_t)MIN(r[VBE_YRES], r[VBE_VIRT_HEIGHT]);
    r[VBE_X_OFFSET] = (uint16_t)MIN(r[VBE_X_OFFSET], r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    r[VBE_Y_OFFSET] = (uint16_t)MIN(r[VBE_Y_OFFSET], r[VBE_VIRT_HEIGHT] - r[VBE_YRES]);
}

uint16_t vbe_read(const Vbe *s, unsigned reg)
{
    if (reg >= VBE_N_REGS) {
        return 0;
    }
    if (reg == VBE_MEMORY_64K) {
        return (uint16_t)(s->ram->size >> 16);
    }
    if (s->regs[VBE_ENABLE] & VBE_GETCAPS) {
        switch (reg) {
        case VBE_XRES:
            return VBE_XRES_MAX;
        case VBE_YRES:
            return VBE_YRES_MAX;
        case VBE_BPP:
            return 32;
        }
    }
    return s->regs[reg];
}

static void vbe_enable(Vbe *s, uint16_t val)
{
    bool was_on = vbe_is_on(s);

    val &= VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEAR;
    s->regs[VBE_ENABLE] = val;
    if (!(val & VBE_ENABLED)) {
        s->regs[VBE_BANK] = 0;
        return;
    }
    if (was_on) {
        return;
    }
    s->regs[VBE_VIRT_WIDTH] = s->regs[VBE_X_OFFSET] = s->regs[VBE_Y_OFFSET] = 0;
    vbe_fit(s);
    if (!(val & VBE_NOCLEAR)) {
        uint64_t bytes = s->regs[VBE_BPP] == 4 ? VGA_PLANE_BYTES * 4
                                               : (uint64_t)s->regs[VBE_YRES] * vbe_line_bytes(s);

        bytes = min_u64(bytes, s->ram->size);
        memset(s->ram->host, 0, bytes);
        ram_wrote(s->ram, 0, bytes);
    }
}

void vbe_write(Vbe *s, unsigned reg, uint16_t val)
{
    switch (reg) {
    case VBE_ID:
        if (val >= VBE_ID_FIRST && val <= VBE_ID_LAST) {
            s->regs[VBE_ID] = val;
        }
        return;
    case VBE_ENABLE:
        vbe_enable(s, val);
        return;
    case VBE_BANK:
        /* banks that are not there are the last one */
        s->regs[VBE_BANK] = (uint16_t)min_u64(val, (s->ram->size >> 16) - 1);
        return;
    case VBE_BPP:
        if (!vbe_depth_is_valid(s, val)) {
            guest_error(s->dev, "VBE: no mode has %u bits a pixel", val);
            return;
        }
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        break;
    default:
        return; /* read-only, or none */
    }
    s->regs[reg] = val;
    if (vbe_is_on(s)) {
        vbe_fit(s);
    }
}

bool vbe_check(Vbe *s, GError **err)
{
    uint16_t before[VBE_N_REGS];

    memcpy(before, s->regs, sizeof(before));
    if (vbe_is_on(s)) {
        vbe_fit(s);
    }
    if (memcmp(before, s->regs, sizeof(before)) || s->regs[VBE_BANK] >= s->ram->size >> 16) {
        return error_set(err, "%s: the state has a video mode that the card cannot have",
                         device_path(s->dev));
    }
    console_invalidate(s->console);
    return true;
}

/* ---- The window of registers ---- */

static uint16_t vbe_mmio_word(Vbe *s, uint64_t off)
{
    uint32_t qext = s->big_endian ? VBE_QEXT_BIG : VBE_QEXT_LITTLE;

    if (off >= VBE_MMIO_DISPI && off < VBE_MMIO_DISPI + VBE_N_REGS * 2) {
        return vbe_read(s, (unsigned)(off - VBE_MMIO_DISPI) / 2);
    }
    switch (off) {
    case VBE_MMIO_QEXT:
        return VBE_QEXT_SIZE;
    case VBE_MMIO_QEXT + 4:
        return (uint16_t)qext;
    case VBE_MMIO_QEXT + 6:
        return (uint16_t)(qext >> 16);
    default:
        return 0;
    }
}

uint64_t vbe_mmio_read(Vbe *s, uint64_t off, unsigned size)
{
    uint64_t val = 0;

    if (size == 1) {
        return vbe_mmio_word(s, off & ~1ull) >> (off & 1) * 8 & 0xff;
    }
    for (unsigned i = 0; i < size; i += 2) {
        val |= (uint64_t)vbe_mmio_word(s, off + i) << i * 8;
    }
    return val;
}

/* Registers take words; a byte changes its half. */
void vbe_mmio_write(Vbe *s, uint64_t off, unsigned size, uint64_t val)
{
    if (off == VBE_MMIO_QEXT + 4 && size == 4) {
        s->big_endian = val == VBE_QEXT_BIG || (s->big_endian && val != VBE_QEXT_LITTLE);
        return;
    }
    if (off < VBE_MMIO_DISPI || off >= VBE_MMIO_DISPI + VBE_N_REGS * 2) {
        return;
    }
    if (size == 1) {
        unsigned shift = (off & 1) * 8;
        uint16_t word = vbe_mmio_word(s, off & ~1ull);

        val = (word & ~(0xffu << shift)) | (val & 0xff) << shift;
        vbe_write(s, (unsigned)(off - VBE_MMIO_DISPI) / 2, (uint16_t)val);
        return;
    }
    for (unsigned i = 0; i < size; i += 2) {
        vbe_write(s, (unsigned)(off + i - VBE_MMIO_DISPI) / 2, (uint16_t)(val >> i * 8));
    }
}
