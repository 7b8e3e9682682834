/* SPDX-License-Identifier: Apache-2.0 */
/* The VGA by its registers, and what it shows then. */
#include "hw/display/vga.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

#include <string.h>

extern const DeviceType device_vga, device_secondary_vga, device_bochs_display;

enum { VT_MMIO = 2, VT_PORTS = 0x400, VT_DISPI = 0x500, VT_WINDOW = 1, VT_A = 0x41 };

/* Values of the BIOS for its modes: IBM, "VGA Function", 2-105. */
typedef struct VtMode {
    uint8_t misc, seq[5], crtc[25], attr[20], gfx[9];
} VtMode;

static const VtMode vt_mode3 = {
    0x67,
    { 3, 0, 3, 0, 2 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0,    0x4f, 0x0d, 0x0e, 0,
      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x0c, 0, 0x0f, 8 },
    { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff },
};

static const VtMode vt_mode12 = {
    0xe3,
    { 3, 1, 0x0f, 0, 6 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0,    0x40, 0,    0,   0,
      0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0,    0xe7, 0x04, 0xe3, 0xff },
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 0, 0x0f, 0 },
    { 0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff },
};

static const VtMode vt_mode13 = {
    0x63,
    { 3, 1, 0x0f, 0, 0x0e },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0,    0x41, 0,    0,   0,
      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 0x0f, 0 },
    { 0, 0, 0, 0, 0, 0x40, 5, 0x0f, 0xff },
};

static void vt_out(Bench *b, unsigned port, uint8_t val)
{
    pci_bench_write(b, VT_MMIO, VT_PORTS + port - 0x3c0, 1, val);
}

static uint8_t vt_in(Bench *b, unsigned port)
{
    return (uint8_t)pci_bench_read(b, VT_MMIO, VT_PORTS + port - 0x3c0, 1);
}

static void vt_reg(Bench *b, unsigned port, unsigned index, uint8_t val)
{
    vt_out(b, port, (uint8_t)index);
    vt_out(b, port + 1, val);
}

/* Colour n of the DAC is n * 4 in red, n * 2 in green, n in blue. */
static void vt_set_mode(Bench *b, const VtMode *m)
{
    vt_out(b, 0x3c2, m->misc);
    for (unsigned i = 0; i < 5; i++) {
        vt_reg(b, 0x3c4, i, m->seq[i]);
    }
    vt_reg(b, 0x3d4, CRTC_V_SYNC_END, 0);
    for (unsigned i = 0; i < 25; i++) {
        vt_reg(b, 0x3d4, i, m->crtc[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        vt_reg(b, 0x3ce, i, m->gfx[i]);
    }
    vt_in(b, 0x3da);
    for (unsigned i = 0; i < 20; i++) {
        vt_out(b, 0x3c0, (uint8_t)i);
        vt_out(b, 0x3c0, m->attr[i]);
    }
    vt_out(b, 0x3c0, 0x20);
    vt_out(b, 0x3c8, 0);
    for (unsigned i = 0; i < 16; i++) {
        vt_out(b, 0x3c9, (uint8_t)(i * 4));
        vt_out(b, 0x3c9, (uint8_t)(i * 2));
        vt_out(b, 0x3c9, (uint8_t)i);
    }
}

static uint32_t vt_six(unsigned v)
{
    return v << 2 | v >> 4;
}

static uint32_t vt_color(unsigned n)
{
    return vt_six(n * 4) << 16 | vt_six(n * 2) << 8 | vt_six(n);
}

static void vt_poke(Bench *b, uint64_t off, uint8_t val)
{
    Device *dev = bench_dev(b);

    device_enter(dev);
    device_own_write(dev, VT_WINDOW, off, 1, val);
    device_leave(dev);
}

static uint8_t vt_peek(Bench *b, uint64_t off)
{
    Device *dev = bench_dev(b);
    uint64_t val = 0;

    device_enter(dev);
    device_own_read(dev, VT_WINDOW, off, 1, &val);
    device_leave(dev);
    return (uint8_t)val;
}

typedef struct VtShot {
    unsigned width, height;
    uint32_t *pixels;
} VtShot;

static VtShot vt_shot(Bench *b)
{
    Console *c = console_get(bench_machine(b), 0);
    ConsoleViewer *v = console_watch(c);
    ConsoleView view;
    VtShot s;

    console_refresh(c);
    console_look(v, &view);
    s = (VtShot){ view.width, view.height, NULL };
    s.pixels = g_memdup2(view.pixels, (gsize)view.width * view.height * 4);
    console_look_end(v);
    console_unwatch(v);
    return s;
}

static uint32_t vt_pixel(const VtShot *s, unsigned x, unsigned y)
{
    return s->pixels[y * s->width + x];
}

static Bench *vt_bench(const DeviceType *type, const char *props)
{
    g_autofree char *all = g_strconcat("romfile=", props ? "," : "", props, NULL);
    Bench *b = pci_bench(type, all);

    bench_no_reload(b); /* saved and loaded in tests of that: pictures take long enough */
    pci_bench_enable(b);
    return b;
}

static void vt_dispi(Bench *b, unsigned reg, uint16_t val)
{
    pci_bench_write(b, VT_MMIO, VT_DISPI + reg * 2, 2, val);
}

static uint16_t vt_dispi_read(Bench *b, unsigned reg)
{
    return (uint16_t)pci_bench_read(b, VT_MMIO, VT_DISPI + reg * 2, 2);
}

static void vt_vbe(Bench *b, unsigned x, unsigned y, unsigned bpp, unsigned flags)
{
    vt_dispi(b, VBE_ENABLE, 0);
    vt_dispi(b, VBE_XRES, (uint16_t)x);
    vt_dispi(b, VBE_YRES, (uint16_t)y);
    vt_dispi(b, VBE_BPP, (uint16_t)bpp);
    vt_dispi(b, VBE_ENABLE, (uint16_t)(VBE_ENABLED | VBE_LFB | flags));
}

/* ---- Text ---- */

static uint8_t vt_glyph(unsigned row)
{
    return (uint8_t)(0x81 + row * 7);
}

static void vt_load_font(Bench *b, unsigned code)
{
    vt_reg(b, 0x3c4, SEQ_MAP_MASK, 4);
    vt_reg(b, 0x3c4, SEQ_MEMORY, 6);
    vt_reg(b, 0x3ce, GFX_MODE, 0);
    vt_reg(b, 0x3ce, GFX_MISC, 4);
    for (unsigned row = 0; row < 16; row++) {
        vt_poke(b, code * 32 + row, vt_glyph(row));
    }
    vt_reg(b, 0x3c4, SEQ_MAP_MASK, 3);
    vt_reg(b, 0x3c4, SEQ_MEMORY, 2);
    vt_reg(b, 0x3ce, GFX_MODE, 0x10);
    vt_reg(b, 0x3ce, GFX_MISC, 0x0e);
}

/* Does cell (@column, @row) show the glyph in these colours? */
static void vt_expect_cell(const VtShot *s, unsigned column, unsigned row, unsigned dots,
                           unsigned fore, unsigned back, bool ninth)
{
    for (unsigned y = 0; y < 16; y++) {
        for (unsigned x = 0; x < dots; x++) {
            bool on = x < 8 ? vt_glyph(y) >> (7 - x) & 1 : ninth && vt_glyph(y) & 1;

            EXPECT_EQ(vt_pixel(s, column * dots + x, row * 16 + y), vt_color(on ? fore : back));
        }
    }
}

TEST(vga, text)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    vt_set_mode(b, &vt_mode3);
    vt_load_font(b, VT_A);
    vt_load_font(b, 0xc4);
    vt_poke(b, 0x18000, VT_A);
    vt_poke(b, 0x18001, 0x1e);
    vt_poke(b, 0x18000 + 80 * 2 + 6, 0xc4); /* its last dot goes on */
    vt_poke(b, 0x18000 + 80 * 2 + 7, 0x70);
    EXPECT_EQ(vt_peek(b, 0x18001), 0x1e);
    EXPECT_EQ(vt_peek(b, 0), 0xff); /* the window is at B8000h alone */
    vt_reg(b, 0x3d4, CRTC_CURSOR_START, 0x20);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 720);
    EXPECT_EQ(s.height, 400);
    vt_expect_cell(&s, 0, 0, 9, 14, 1, false);
    vt_expect_cell(&s, 3, 1, 9, 0, 7, true);
    EXPECT_EQ(vt_pixel(&s, 9, 0), vt_color(0));
    g_free(s.pixels);
    /* 8 dots, the cursor in the last two lines of cell 1, the screen begins in line 1 */
    vt_reg(b, 0x3c4, SEQ_CLOCKING, 1);
    vt_reg(b, 0x3d4, CRTC_CURSOR_START, 14);
    vt_reg(b, 0x3d4, CRTC_CURSOR_END, 15);
    vt_reg(b, 0x3d4, CRTC_CURSOR_LOW, 81);
    vt_reg(b, 0x3d4, CRTC_START_LOW, 80);
    vt_poke(b, 0x18000 + 81 * 2 + 1, 0x02);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 640);
    vt_expect_cell(&s, 3, 0, 8, 0, 7, false);
    EXPECT_EQ(vt_pixel(&s, 8, 14), vt_color(2));
    EXPECT_EQ(vt_pixel(&s, 15, 15), vt_color(2));
    EXPECT_EQ(vt_pixel(&s, 8, 13), vt_color(0));
    EXPECT_EQ(vt_pixel(&s, 16, 15), vt_color(0));
    g_free(s.pixels);
    /* half the clock: 40 columns, twice as wide */
    vt_reg(b, 0x3c4, SEQ_CLOCKING, 9);
    vt_reg(b, 0x3d4, CRTC_V_SYNC_END, 0);
    vt_reg(b, 0x3d4, CRTC_H_END, 39);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 640);
    EXPECT_EQ(vt_pixel(&s, 3 * 16, 0), vt_color(0));
    EXPECT_EQ(vt_pixel(&s, 3 * 16 + 1, 0), vt_color(0));
    EXPECT_EQ(vt_pixel(&s, 3 * 16 + 2, 0), vt_color(7));
    g_free(s.pixels);
    bench_end(b);
}

TEST(vga, text_blinks)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    vt_set_mode(b, &vt_mode3);
    vt_load_font(b, VT_A);
    vt_reg(b, 0x3d4, CRTC_CURSOR_START, 0x20);
    vt_poke(b, 0x18000, VT_A);
    vt_poke(b, 0x18001, 0x9f);
    s = vt_shot(b);
    vt_expect_cell(&s, 0, 0, 9, 15, 1, false);
    g_free(s.pixels);
    bench_run_ns(b, 20 * NS_PER_S / 60);
    s = vt_shot(b);
    for (unsigned x = 0; x < 9; x++) {
        EXPECT_EQ(vt_pixel(&s, x, 0), vt_color(1));
    }
    g_free(s.pixels);
    /* without blinking the bit is one of the background's */
    vt_in(b, 0x3da);
    vt_out(b, 0x3c0, ATTR_MODE | 0x20);
    vt_out(b, 0x3c0, 0x04);
    s = vt_shot(b);
    vt_expect_cell(&s, 0, 0, 9, 15, 9, false);
    g_free(s.pixels);
    bench_end(b);
}

TEST(vga, split_and_blank)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    vt_set_mode(b, &vt_mode3);
    vt_load_font(b, VT_A);
    vt_reg(b, 0x3d4, CRTC_CURSOR_START, 0x20);
    vt_poke(b, 0x18000, VT_A);
    vt_poke(b, 0x18001, 0x0f);
    /* line 32 begins at address 0 again; above it the screen begins at line 4 */
    vt_reg(b, 0x3d4, CRTC_START_HIGH, 320 >> 8);
    vt_reg(b, 0x3d4, CRTC_START_LOW, 320 & 0xff);
    vt_reg(b, 0x3d4, CRTC_LINE_COMPARE, 31);
    vt_reg(b, 0x3d4, CRTC_V_SYNC_END, 0);
    vt_reg(b, 0x3d4, CRTC_OVERFLOW, 0x0f);
    vt_reg(b, 0x3d4, CRTC_MAX_SCAN, 0x0f);
    s = vt_shot(b);
    vt_expect_cell(&s, 0, 2, 9, 15, 0, false);
    EXPECT_EQ(vt_pixel(&s, 0, 0), vt_color(0));
    g_free(s.pixels);
    vt_reg(b, 0x3c4, SEQ_CLOCKING, 0x20);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 0, 32), 0);
    g_free(s.pixels);
    bench_end(b);
}

/* ---- Graphics ---- */

TEST(vga, planes)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    vt_set_mode(b, &vt_mode12);
    /* mode 2: a colour into dots 1 and 6 of the second group */
    vt_reg(b, 0x3ce, GFX_MODE, 2);
    vt_reg(b, 0x3ce, GFX_BIT_MASK, 0x42);
    vt_peek(b, 1);
    vt_poke(b, 1, 0x0d);
    EXPECT_EQ(pci_bench_read(b, 0, 4, 4), 0x42420042);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 640);
    EXPECT_EQ(s.height, 480);
    EXPECT_EQ(vt_pixel(&s, 9, 0), vt_color(13));
    EXPECT_EQ(vt_pixel(&s, 14, 0), vt_color(13));
    EXPECT_EQ(vt_pixel(&s, 10, 0), vt_color(0));
    g_free(s.pixels);
    /* panned by one dot */
    vt_in(b, 0x3da);
    vt_out(b, 0x3c0, ATTR_PAN | 0x20);
    vt_out(b, 0x3c0, 1);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 8, 0), vt_color(13));
    EXPECT_EQ(vt_pixel(&s, 9, 0), vt_color(0));
    g_free(s.pixels);
    /* the plane mask of the attribute controller hides plane 0 */
    vt_in(b, 0x3da);
    vt_out(b, 0x3c0, ATTR_PLANES | 0x20);
    vt_out(b, 0x3c0, 0x0e);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 8, 0), vt_color(12));
    g_free(s.pixels);
    bench_end(b);
}

TEST(vga, write_and_read_modes)
{
    Bench *b = vt_bench(&device_vga, NULL);

    vt_set_mode(b, &vt_mode12);
    /* mode 0: rotated by 4, OR with the latches; planes 0 and 1 alone */
    pci_bench_write(b, 0, 8, 4, 0x01020304);
    vt_reg(b, 0x3c4, SEQ_MAP_MASK, 3);
    vt_reg(b, 0x3ce, GFX_ROTATE, 0x14);
    vt_peek(b, 2);
    vt_poke(b, 2, 0x81);
    EXPECT_EQ(pci_bench_read(b, 0, 8, 4), 0x01021b1c);
    /* set and reset in place of the CPU's bits */
    vt_reg(b, 0x3c4, SEQ_MAP_MASK, 0xf);
    vt_reg(b, 0x3ce, GFX_ROTATE, 0);
    vt_reg(b, 0x3ce, GFX_SET_RESET, 4);
    vt_reg(b, 0x3ce, GFX_ENABLE_SET_RESET, 0xc);
    vt_poke(b, 3, 0x5a);
    EXPECT_EQ(pci_bench_read(b, 0, 12, 4), 0x00ff5a5a);
    /* mode 1: the latches */
    vt_reg(b, 0x3ce, GFX_MODE, 1);
    vt_poke(b, 4, 0);
    EXPECT_EQ(pci_bench_read(b, 0, 16, 4), 0x01020304);
    vt_peek(b, 3);
    vt_poke(b, 4, 0);
    EXPECT_EQ(pci_bench_read(b, 0, 16, 4), 0x00ff5a5a);
    /* mode 3: set and reset where CPU and mask have ones */
    vt_reg(b, 0x3ce, GFX_MODE, 3);
    vt_reg(b, 0x3ce, GFX_BIT_MASK, 0x0f);
    vt_peek(b, 5);
    vt_poke(b, 5, 0x3c);
    EXPECT_EQ(pci_bench_read(b, 0, 20, 4), 0x000c0000);
    /* reads: of a plane, and where all planes have a colour */
    vt_reg(b, 0x3ce, GFX_MODE, 0);
    vt_reg(b, 0x3ce, GFX_READ_MAP, 2);
    EXPECT_EQ(vt_peek(b, 3), 0xff);
    vt_reg(b, 0x3ce, GFX_MODE, 8);
    vt_reg(b, 0x3ce, GFX_COMPARE, 7);
    EXPECT_EQ(vt_peek(b, 3), 0x5a);
    vt_reg(b, 0x3ce, GFX_DONT_CARE, 4);
    EXPECT_EQ(vt_peek(b, 3), 0xff);
    bench_end(b);
}

TEST(vga, bytes_of_256_colours)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    vt_set_mode(b, &vt_mode13);
    vt_poke(b, 320 * 10 + 5, 9);
    EXPECT_EQ(vt_peek(b, 320 * 10 + 5), 9);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 640);
    EXPECT_EQ(s.height, 400);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(vt_pixel(&s, 10 + i % 2, 20 + i / 2), vt_color(9));
    }
    EXPECT_EQ(vt_pixel(&s, 12, 20), vt_color(0));
    g_free(s.pixels);
    /* a palette of 8 bits a part, by Bochs' flag; the mask of the DAC */
    vt_out(b, 0x3c8, 9);
    vt_out(b, 0x3c9, 0x81);
    vt_out(b, 0x3c9, 0x42);
    vt_out(b, 0x3c9, 0xff);
    vt_dispi(b, VBE_ENABLE, VBE_8BIT_DAC);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 10, 20), 0x8142ff);
    g_free(s.pixels);
    vt_out(b, 0x3c7, 9);
    EXPECT_EQ(vt_in(b, 0x3c7), 3);
    EXPECT_EQ(vt_in(b, 0x3c9), 0x81);
    EXPECT_EQ(vt_in(b, 0x3c9), 0x42);
    bench_end(b);
}

/* ---- Bochs' extensions ---- */

TEST(vga, vbe_registers)
{
    Bench *b = vt_bench(&device_vga, "vgamem_mb=8");

    EXPECT_EQ(vt_dispi_read(b, VBE_ID), 0xb0c5);
    EXPECT_EQ(vt_dispi_read(b, VBE_MEMORY_64K), 128);
    vt_dispi(b, VBE_ENABLE, VBE_GETCAPS);
    EXPECT_EQ(vt_dispi_read(b, VBE_XRES), VBE_XRES_MAX);
    EXPECT_EQ(vt_dispi_read(b, VBE_BPP), 32);
    vt_vbe(b, 1024, 768, 32, 0);
    EXPECT_EQ(vt_dispi_read(b, VBE_VIRT_WIDTH), 1024);
    EXPECT_EQ(vt_dispi_read(b, VBE_VIRT_HEIGHT), 2048);
    vt_dispi(b, VBE_Y_OFFSET, 5000);
    EXPECT_EQ(vt_dispi_read(b, VBE_Y_OFFSET), 2048 - 768);
    vt_dispi(b, VBE_BPP, 7);
    EXPECT_EQ(vt_dispi_read(b, VBE_BPP), 32);
    /* more than there is: it is made to fit, and drawn */
    vt_vbe(b, 0xffff, 0xffff, 32, 0);
    EXPECT_EQ(vt_dispi_read(b, VBE_XRES), VBE_XRES_MAX);
    EXPECT_EQ(vt_dispi_read(b, VBE_YRES), (8 << 20) / (VBE_XRES_MAX * 4));
    vt_dispi(b, VBE_BANK, 0xffff);
    EXPECT_EQ(vt_dispi_read(b, VBE_BANK), 127);
    bench_end(b);
}

TEST(vga, vbe_pictures)
{
    Bench *b = vt_bench(&device_vga, NULL);
    VtShot s;

    pci_bench_write(b, 0, 0, 4, ~0u);
    vt_vbe(b, 800, 600, 32, 0);
    EXPECT_EQ(pci_bench_read(b, 0, 0, 4), 0); /* cleared */
    pci_bench_write(b, 0, (800 * 7 + 3) * 4, 4, 0xff123456);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 800);
    EXPECT_EQ(s.height, 600);
    EXPECT_EQ(vt_pixel(&s, 3, 7), 0x123456);
    g_free(s.pixels);
    vt_dispi(b, VBE_VIRT_WIDTH, 1600);
    vt_dispi(b, VBE_X_OFFSET, 800);
    vt_dispi(b, VBE_Y_OFFSET, 3);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 3, 0), 0x123456);
    g_free(s.pixels);
    vt_vbe(b, 640, 400, 16, 0);
    pci_bench_write(b, 0, 2, 2, 0xf81f);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 1, 0), 0xff00ff);
    g_free(s.pixels);
    vt_vbe(b, 640, 400, 15, VBE_NOCLEAR);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 1, 0), 0xf700ff);
    g_free(s.pixels);
    vt_vbe(b, 640, 400, 24, VBE_NOCLEAR);
    s = vt_shot(b);
    EXPECT_EQ(vt_pixel(&s, 0, 0), 0x1f0000);
    EXPECT_EQ(vt_pixel(&s, 1, 0), 0x0000f8);
    g_free(s.pixels);
    vt_vbe(b, 640, 400, 4, 0);
    pci_bench_write(b, 0, 0, 4, 0x00800080);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 640);
    g_free(s.pixels);
    bench_end(b);
}

/* Whoever watches is told of what the guest has stored, and of no more. */
TEST(vga, vbe_changes)
{
    Bench *b = vt_bench(&device_vga, NULL);
    Console *c;
    ConsoleViewer *v;
    ConsoleView view;

    vt_vbe(b, 640, 480, 32, 0);
    c = console_get(bench_machine(b), 0);
    v = console_watch(c);
    for (unsigned i = 0; i < 3; i++) {
        console_refresh(c);
        console_look(v, &view);
        EXPECT_EQ(view.changed, i == 0);
        console_look_end(v);
    }
    pci_bench_write(b, 0, (640 * 100 + 9) * 4, 4, 0xabcdef);
    console_refresh(c);
    console_look(v, &view);
    EXPECT(view.changed);
    EXPECT_EQ(view.pixels[640 * 100 + 9], 0xabcdef);
    EXPECT_EQ(view.spans[100].first, 9);
    EXPECT_EQ(view.spans[100].end, 10);
    EXPECT_EQ(view.spans[101].end, 0);
    console_look_end(v);
    console_unwatch(v);
    bench_end(b);
}

TEST(vga, other_cards)
{
    static const DeviceType *const types[] = { &device_secondary_vga, &device_bochs_display };

    for (unsigned i = 0; i < 2; i++) {
        Bench *b = vt_bench(types[i], "xres=1024,yres=768");
        unsigned sum = 0;
        VtShot s;

        EXPECT_EQ(pci_bench_config(b, PCI_CLASS_REVISION, 4) >> 8, 0x038000);
        EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x11111234);
        for (unsigned k = 0; k < EDID_BYTES; k++) {
            sum += (unsigned)pci_bench_read(b, VT_MMIO, k, 1);
        }
        EXPECT_EQ(sum & 0xff, 0);
        EXPECT_EQ(pci_bench_read(b, VT_MMIO, 0, 8), 0x00ffffffffffff00);
        EXPECT_EQ(pci_bench_read(b, VT_MMIO, 54 + 2, 1), 0);    /* 1024 & 255 */
        EXPECT_EQ(pci_bench_read(b, VT_MMIO, 54 + 4, 1), 0x40); /* and above */
        vt_vbe(b, 320, 200, 32, 0);
        pci_bench_write(b, 0, 4, 4, 0x010203);
        /* big-endian pixels */
        pci_bench_write(b, VT_MMIO, 0x604, 4, 0xbebebebe);
        s = vt_shot(b);
        EXPECT_EQ(s.width, 320);
        EXPECT_EQ(vt_pixel(&s, 1, 0), 0x020100);
        g_free(s.pixels);
        bench_end(b);
    }
}

/* Registers and pictures outlive a save and a load at every step. */
TEST(vga, state)
{
    Bench *b = pci_bench(&device_vga, "romfile=");
    VtShot s;

    pci_bench_enable(b);
    vt_vbe(b, 64, 8, 32, 0);
    pci_bench_write(b, 0, 8, 4, 0x445566);
    vt_out(b, 0x3c8, 3);
    vt_out(b, 0x3c9, 1);
    vt_out(b, 0x3c9, 2);
    vt_out(b, 0x3c9, 3);
    EXPECT_EQ(vt_in(b, 0x3c8), 4);
    s = vt_shot(b);
    EXPECT_EQ(s.width, 64);
    EXPECT_EQ(vt_pixel(&s, 2, 0), 0x445566);
    g_free(s.pixels);
    bench_reset(b);
    EXPECT_EQ(vt_dispi_read(b, VBE_ENABLE), 0);
    bench_end(b);
}
