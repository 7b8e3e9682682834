/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA and its Bochs extensions (VBE DISPI): what vga-regs.c (ports), vga-mem.c (the windows at
 * A0000h), vga-draw.c (the picture), vbe.c and the cards (vga-pci.c, vga-isa.c) share. All under
 * the card's lock.
 *
 * Four planes of 64 KiB: byte p of 32-bit word o of the video RAM is byte o of plane p. In chain-4
 * modes the CPU's byte a is byte a of the video RAM, so that it can be mapped directly.
 *
 * Spec: "IBM VGA XGA Technical Reference" (1992), part "VGA Function", called IBM here; J. Neal,
 * "FreeVGA" (1998); "VBE DISPI" of the Bochs project; QEMU documentation, "QEMU Standard VGA".
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "core/device.h"
#include "hw/display/edid.h"
#include "ui/console.h"

enum {
    VGA_PLANE_BYTES = 64 << 10,
    VGA_WINDOW_BYTES = 128 << 10, /* A0000h to BFFFFh */
    VGA_WINDOW_BASE = 0xa0000,
    VGA_N_SEQ = 5,
    VGA_N_CRTC = 0x19,
    VGA_N_GFX = 9,
    VGA_N_ATTR = 0x15,
    VGA_VRAM_MB_MIN = 1,
    VGA_VRAM_MB_MAX = 256,
};

/* Registers by their indexes. */
enum {
    SEQ_RESET,
    SEQ_CLOCKING,
    SEQ_MAP_MASK,
    SEQ_FONTS,
    SEQ_MEMORY,
    GFX_SET_RESET = 0,
    GFX_ENABLE_SET_RESET,
    GFX_COMPARE,
    GFX_ROTATE,
    GFX_READ_MAP,
    GFX_MODE,
    GFX_MISC,
    GFX_DONT_CARE,
    GFX_BIT_MASK,
    ATTR_MODE = 0x10,
    ATTR_OVERSCAN,
    ATTR_PLANES,
    ATTR_PAN,
    ATTR_COLOR_SELECT,
    CRTC_H_TOTAL = 0,
    CRTC_H_END = 1,
    CRTC_V_TOTAL = 6,
    CRTC_OVERFLOW = 7,
    CRTC_ROW_SCAN = 8,
    CRTC_MAX_SCAN = 9,
    CRTC_CURSOR_START = 10,
    CRTC_CURSOR_END = 11,
    CRTC_START_HIGH = 12,
    CRTC_START_LOW = 13,
    CRTC_CURSOR_HIGH = 14,
    CRTC_CURSOR_LOW = 15,
    CRTC_V_SYNC = 16,
    CRTC_V_SYNC_END = 17,
    CRTC_V_END = 18,
    CRTC_OFFSET = 19,
    CRTC_UNDERLINE = 20,
    CRTC_MODE = 23,
    CRTC_LINE_COMPARE = 24,
};

enum {
    SEQ_CLOCKING_8DOT = 1 << 0,
    SEQ_CLOCKING_HALF = 1 << 3,
    SEQ_CLOCKING_OFF = 1 << 5,
    SEQ_MEMORY_SEQUENTIAL = 1 << 2, /* not odd and even */
    SEQ_MEMORY_CHAIN4 = 1 << 3,
    GFX_MODE_ODD_EVEN = 1 << 4,
    GFX_MODE_SHIFT2 = 1 << 5,
    GFX_MODE_SHIFT256 = 1 << 6,
    GFX_MISC_GRAPHICS = 1 << 0,
    ATTR_MODE_LINE_CHARS = 1 << 2,
    ATTR_MODE_BLINK = 1 << 3,
    ATTR_MODE_PAN_TOP = 1 << 5,
    ATTR_MODE_SELECT = 1 << 7,
    ATTR_INDEX_VIDEO = 1 << 5,
    MISC_COLOR = 1 << 0,
    MISC_RAM = 1 << 1,
};

enum {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K,
    VBE_N_REGS,
    VBE_ENABLED = 1 << 0,
    VBE_GETCAPS = 1 << 1,
    VBE_8BIT_DAC = 1 << 5,
    VBE_LFB = 1 << 6,
    VBE_NOCLEAR = 1 << 7,
    VBE_ID_FIRST = 0xb0c0,
    VBE_ID_LAST = 0xb0c5,
    VBE_XRES_MAX = 16000,
    VBE_YRES_MAX = 12000,
};

/* The Bochs registers and the frame buffer they describe; bochs-display has nothing else. */
typedef struct Vbe {
    Device *dev; /* whose it is */
    RamBlock *ram;
    Console *console;
    uint16_t index;
    uint16_t regs[VBE_N_REGS];
    bool big_endian; /* the frame buffer's pixels */
    bool only32;     /* no other depth than 32 bits */
    bool draw_all;   /* atomic; the log of stores has just begun */
    uint32_t n_dirty;
    uint64_t *dirty, *before; /* pages written since the last refresh, and since the one before */
    uint32_t *line;
    uint32_t line_pixels;
} Vbe;

typedef struct Vga {
    Vbe vbe;
    uint8_t misc, feature;
    uint8_t seq_index, crtc_index, gfx_index, attr_index;
    uint8_t seq[8], crtc[32], gfx[16], attr[32];
    bool attr_data; /* the next write to 3C0h is data */
    uint8_t dac_mask, dac_read, dac_write, dac_part, dac_reading;
    uint8_t dac_latch[2];
    uint8_t dac[768];
    uint32_t latch;
    MemRegion *fast; /* the alias of video RAM over the window; NULL: none */
    bool fast_on;
    uint64_t fast_at, fast_off, fast_len;
} Vga;

#define VBE_STATE(T, m)                                                                           \
    STATE_U16(T, m.index, .max = 0xffff), STATE_ARRAY(T, m.regs, .no_reset = true),               \
        STATE_BOOL(T, m.big_endian), SCRATCH(T, m.dev), SCRATCH(T, m.ram), SCRATCH(T, m.console), \
        SCRATCH(T, m.only32), SCRATCH(T, m.draw_all), SCRATCH(T, m.n_dirty), SCRATCH(T, m.dirty), \
        SCRATCH(T, m.before), SCRATCH(T, m.line), SCRATCH(T, m.line_pixels)

#define VGA_STATE(T, m)                                                                           \
    VBE_STATE(T, m.vbe), STATE_U8(T, m.misc), STATE_U8(T, m.feature), STATE_U8(T, m.seq_index),   \
        STATE_U8(T, m.crtc_index), STATE_U8(T, m.gfx_index), STATE_U8(T, m.attr_index),           \
        STATE_ARRAY(T, m.seq), STATE_ARRAY(T, m.crtc), STATE_ARRAY(T, m.gfx),                     \
        STATE_ARRAY(T, m.attr), STATE_BOOL(T, m.attr_data), STATE_U8(T, m.dac_mask, .def = 0xff), \
        STATE_U8(T, m.dac_read), STATE_U8(T, m.dac_write), STATE_U8(T, m.dac_part, .max = 2),     \
        STATE_U8(T, m.dac_reading), STATE_ARRAY(T, m.dac_latch), STATE_ARRAY(T, m.dac),           \
        STATE_U32(T, m.latch), SCRATCH(T, m.fast), SCRATCH(T, m.fast_on), SCRATCH(T, m.fast_at),  \
        SCRATCH(T, m.fast_off), SCRATCH(T, m.fast_len)

/* ---- vbe.c ---- */

/* Makes the video RAM of @mib and the console. LOOP_THREAD, in start. */
NODISCARD bool vbe_init(Vbe *s, Device *dev, uint64_t mib, const ConsoleOps *ops, GError **err);
void vbe_deinit(Vbe *s);
void vbe_reset(Vbe *s);
uint16_t vbe_read(const Vbe *s, unsigned reg);
void vbe_write(Vbe *s, unsigned reg, uint16_t val);
/* Fields are loaded: registers that no guest could have set are refused. */
NODISCARD bool vbe_check(Vbe *s, GError **err);
static inline bool vbe_is_on(const Vbe *s)
{
    return s->regs[VBE_ENABLE] & VBE_ENABLED;
}
uint32_t vbe_line_bytes(const Vbe *s);
/* Of the first pixel shown. */
uint64_t vbe_start(const Vbe *s);

/* ---- vbe-draw.c ---- */

/* A row of pixels is wanted: room for @width of them, and some more. */
uint32_t *vbe_line(Vbe *s, unsigned width);
/* Draw a mode of 8 or more bits; @palette has 256 colours (of 8-bit modes alone). */
void vbe_draw(Vbe *s, const uint32_t *palette);
/* The same while the frame buffer is off. */
void vbe_draw_nothing(Vbe *s);
/* The console's `watched`. */
void vbe_watched(Vbe *s, bool on);
/* Part of the cards' window of registers: DISPI registers from 500h, QEMU's own from 600h. */
uint64_t vbe_mmio_read(Vbe *s, uint64_t off, unsigned size);
void vbe_mmio_write(Vbe *s, uint64_t off, unsigned size, uint64_t val);

/* ---- vga-regs.c ---- */

void vga_reset(Vga *s);
/* @port is 3B0h to 3DFh, a byte. */
uint8_t vga_port_read(Vga *s, unsigned port, bool debug);
void vga_port_write(Vga *s, unsigned port, uint8_t val);
/* 1CEh: index, 1CFh and 1D0h: data. */
uint16_t vga_vbe_port_read(Vga *s, unsigned off);
void vga_vbe_port_write(Vga *s, unsigned off, uint16_t val);
/* Lines and characters of the picture as the CRTC counts them. */
unsigned vga_v_end(const Vga *s);

/* ---- vga-mem.c ---- */

uint64_t vga_mem_read(Vga *s, uint64_t off, unsigned size, bool debug);
void vga_mem_write(Vga *s, uint64_t off, unsigned size, uint64_t val);
/* The window's memory lies over @parent from A0000h + @base where the mode allows it. */
void vga_fast_init(Vga *s, MemRegion *parent, uint64_t base);
void vga_fast_update(Vga *s);

/* ---- vga-draw.c ---- */

void vga_draw(Vga *s);
/* 256 colours as the DAC has them. */
void vga_palette(const Vga *s, uint32_t *rgb);

#endif
