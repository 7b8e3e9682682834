/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of a linear frame buffer: rows that were written, as 32-bit pixels. */
#include "hw/display/vga.h"

#include "util/bytes.h"

#include <string.h>

void vbe_watched(Vbe *s, bool on)
{
    if (on) {
        ram_log_start(s->ram, DIRTY_DISPLAY);
        __atomic_store_n(&s->draw_all, true, __ATOMIC_RELEASE);
    } else {
        ram_log_stop(s->ram, DIRTY_DISPLAY);
    }
}

uint32_t *vbe_line(Vbe *s, unsigned width)
{
    if (width + 64 > s->line_pixels) {
        s->line_pixels = width + 64;
        s->line = g_renew(uint32_t, s->line, s->line_pixels);
    }
    return s->line;
}

/*
 * Take the log of [start, start + len), which lies in video RAM. A store that was on its way while
 * its page's bit was cleared sets no bit, but is done by the next refresh: that draws the pages of
 * this one again.
 */
static void vbe_dirty_begin(Vbe *s, uint64_t start, uint64_t len)
{
    uint64_t first = start / GUEST_PAGE_SIZE, last = (start + len - 1) / GUEST_PAGE_SIZE;
    bool all = __atomic_exchange_n(&s->draw_all, false, __ATOMIC_ACQ_REL);

    if (!console_is_watched(s->console) || !ram_log_sync(s->ram) || all) {
        memset(s->dirty, 0xff, s->n_dirty * sizeof(s->dirty[0]));
    } else {
        memset(s->dirty, 0, s->n_dirty * sizeof(s->dirty[0]));
        for (uint64_t page = first; page <= last; page++) {
            if (ram_dirty_test(s->ram, DIRTY_DISPLAY, page * GUEST_PAGE_SIZE, 1)) {
                s->dirty[page / 64] |= 1ull << page % 64;
            }
        }
    }
    ram_dirty_clear(s->ram, DIRTY_DISPLAY, start, len);
}

static bool vbe_row_is_dirty(const Vbe *s, uint64_t start, uint64_t len)
{
    for (uint64_t page = start / GUEST_PAGE_SIZE; page <= (start + len - 1) / GUEST_PAGE_SIZE;
         page++) {
        if ((s->dirty[page / 64] | s->before[page / 64]) >> page % 64 & 1) {
            return true;
        }
    }
    return false;
}

/* ---- Pixels ---- */

static uint32_t vbe_from_555(uint16_t v)
{
    uint32_t r = v >> 10 & 31, g = v >> 5 & 31, b = v & 31;

    return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static uint32_t vbe_from_565(uint16_t v)
{
    uint32_t r = v >> 11, g = v >> 5 & 63, b = v & 31;

    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static void vbe_row16(uint32_t *to, const uint8_t *from, unsigned n, bool deep, bool big)
{
    for (unsigned x = 0; x < n; x++) {
        uint16_t v = big ? get_be16(from + x * 2) : get_le16(from + x * 2);

        to[x] = deep ? vbe_from_565(v) : vbe_from_555(v);
    }
}

static void vbe_row24(uint32_t *to, const uint8_t *from, unsigned n, bool big)
{
    for (unsigned x = 0; x < n; x++, from += 3) {
        to[x] = (uint32_t)from[big ? 0 : 2] << 16 | from[1] << 8 | from[big ? 2 : 0];
    }
}

static void vbe_row32(uint32_t *to, const uint8_t *from, unsigned n, bool big)
{
    for (unsigned x = 0; x < n; x++) {
        to[x] = (big ? get_be32(from + x * 4) : get_le32(from + x * 4)) & 0xffffff;
    }
}

static void vbe_row(const Vbe *s, uint32_t *to, const uint8_t *from, const uint32_t *palette)
{
    unsigned n = s->regs[VBE_XRES];

    switch (s->regs[VBE_BPP]) {
    case 8:
        for (unsigned x = 0; x < n; x++) {
            to[x] = palette[from[x]];
        }
        break;
    case 15:
    case 16:
        vbe_row16(to, from, n, s->regs[VBE_BPP] == 16, s->big_endian);
        break;
    case 24:
        vbe_row24(to, from, n, s->big_endian);
        break;
    default:
        vbe_row32(to, from, n, s->big_endian);
        break;
    }
}

void vbe_draw(Vbe *s, const uint32_t *palette)
{
    unsigned width = s->regs[VBE_XRES], height = s->regs[VBE_YRES];
    unsigned bits = s->regs[VBE_BPP] == 15 ? 16 : s->regs[VBE_BPP];
    uint64_t start = vbe_start(s), line = vbe_line_bytes(s), row = (uint64_t)width * bits / 8;
    uint32_t *pixels = vbe_line(s, width);
    bool all;

    /* vbe_fit has seen to it; a store of no frame is not for the guest to bring about */
    if (!width || !height || start + (height - 1) * line + row > s->ram->size) {
        return;
    }
    all = console_begin(s->console, width, height);
    console_set_text(s->console, 0, 0);
    vbe_dirty_begin(s, start, (height - 1) * line + row);
    for (unsigned y = 0; y < height; y++) {
        uint64_t at = start + y * line;

        if (all || palette || vbe_row_is_dirty(s, at, row)) {
            vbe_row(s, pixels, s->ram->host + at, palette);
            console_put_row(s->console, y, pixels);
        }
    }
    memcpy(s->before, s->dirty, s->n_dirty * sizeof(s->before[0]));
    console_end(s->console);
}

void vbe_draw_nothing(Vbe *s)
{
    enum { WIDTH = 640, HEIGHT = 480 };
    uint32_t *pixels = vbe_line(s, WIDTH);

    memset(pixels, 0, WIDTH * sizeof(pixels[0]));
    console_begin(s->console, WIDTH, HEIGHT);
    console_set_text(s->console, 0, 0);
    for (unsigned y = 0; y < HEIGHT; y++) {
        console_put_row(s->console, y, pixels);
    }
    console_end(s->console);
}
