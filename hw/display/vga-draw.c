/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture of the VGA: scan lines as CRTC, sequencer and attribute controller make them.
 * Spec: IBM, "VGA Function", 2-15 (text), 2-17 (graphics), 2-66 (CRTC), 2-97 (attributes);
 * FreeVGA, "VGA Display Generation", "VGA Text Mode Operation".
 */
#include "hw/display/vga.h"

#include "util/bytes.h"

#include <string.h>

enum {
    VGA_FONT_PLANE = 2,
    VGA_GLYPH_BYTES = 32,
    VGA_CURSOR_FRAMES = 8, /* on, and then off, at 60 frames a second */
    VGA_BLINK_FRAMES = 16,
    VGA_COLUMNS_MAX = 256 + 2,
    VGA_BYTE_MODE = 1 << 6,   /* CRTC_MODE */
    VGA_WRAP_15 = 1 << 5,     /* CRTC_MODE: bit 0 of words is address bit 15, not 13 */
    VGA_DWORD_MODE = 1 << 6,  /* CRTC_UNDERLINE */
    VGA_DOUBLE_SCAN = 1 << 7, /* CRTC_MAX_SCAN */
};

/* One picture: what does not change from line to line. */
typedef struct VgaPicture {
    Vga *s;
    uint32_t rgb[256];  /* of the DAC */
    uint32_t rgb16[16]; /* of four planes' bits, through the attribute controller */
    unsigned columns;   /* characters, or groups of 8 dots */
    unsigned dots;      /* of one column */
    unsigned stretch;   /* columns of the picture to a dot */
    unsigned width, height;
    unsigned line_units; /* the address counter's way from line to line of characters */
    bool text, blink_off, cursor_on;
    unsigned cursor, font[2]; /* place in memory; fonts by bit 3 of an attribute */
} VgaPicture;

void vga_palette(const Vga *s, uint32_t *rgb)
{
    bool wide = s->vbe.regs[VBE_ENABLE] & VBE_8BIT_DAC;

    for (unsigned i = 0; i < 256; i++) {
        const uint8_t *c = s->dac + 3 * (i & s->dac_mask);
        uint32_t v = 0;

        for (unsigned k = 0; k < 3; k++) {
            v = v << 8 | (wide ? c[k] : (uint8_t)((c[k] & 63) << 2 | (c[k] & 63) >> 4));
        }
        rgb[i] = v;
    }
}

/* Four bits of the planes to a colour of the DAC. */
static void vga_palette16(const Vga *s, const uint32_t *rgb, uint32_t *rgb16)
{
    unsigned select = s->attr[ATTR_COLOR_SELECT];

    for (unsigned i = 0; i < 16; i++) {
        unsigned v = s->attr[i & s->attr[ATTR_PLANES]] & 0x3f;

        if (s->attr[ATTR_MODE] & ATTR_MODE_SELECT) {
            v = (v & 0xf) | (select & 3) << 4;
        }
        rgb16[i] = rgb[(v | (select & 0xc) << 4) & 0xff];
    }
}

/* ---- Addresses ---- */

/* The address counter as a place in the planes. */
static unsigned vga_place(const Vga *s, unsigned count, unsigned row_scan)
{
    unsigned mode = s->crtc[CRTC_MODE], at = count & 0xffff;

    if (s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4) {
        return at; /* chained bytes lie side by side here: see vga.h */
    }
    if (s->crtc[CRTC_UNDERLINE] & VGA_DWORD_MODE) {
        at = at << 2 | (at >> 12 & 3);
    } else if (!(mode & VGA_BYTE_MODE)) {
        at = at << 1 | (at >> (mode & VGA_WRAP_15 ? 15 : 13) & 1);
    }
    if (!(mode & 1)) { /* as the CGA: bit 13 is the line's */
        at = (at & ~0x2000u) | (row_scan & 1) << 13;
    }
    if (!(mode & 2)) {
        at = (at & ~0x4000u) | (row_scan >> 1 & 1) << 14;
    }
    return at & 0xffff;
}

static uint32_t vga_fetch(const Vga *s, unsigned count, unsigned row_scan)
{
    return get_le32(s->vbe.ram->host + vga_place(s, count, row_scan) * 4);
}

/* ---- Text ---- */

static void vga_text_cell(const VgaPicture *p, uint32_t *to, unsigned count, unsigned row_scan)
{
    const Vga *s = p->s;
    uint32_t word = vga_fetch(s, count, row_scan);
    unsigned code = word & 0xff, attr = word >> 8 & 0xff;
    unsigned font = p->font[attr >> 3 & 1] + code * VGA_GLYPH_BYTES + (row_scan & 31);
    unsigned bits = s->vbe.ram->host[(font & 0xffff) * 4 + VGA_FONT_PLANE];
    bool blinks = s->attr[ATTR_MODE] & ATTR_MODE_BLINK;
    unsigned fore = attr & 0xf, back = blinks ? attr >> 4 & 7 : attr >> 4;
    unsigned first = s->crtc[CRTC_CURSOR_START] & 31, last = s->crtc[CRTC_CURSOR_END] & 31;

    bits <<= 1;
    if (s->attr[ATTR_MODE] & ATTR_MODE_LINE_CHARS && code >= 0xc0 && code <= 0xdf) {
        bits |= bits >> 1 & 1; /* lines of boxes go on into the ninth dot */
    }
    if (blinks && attr & 0x80 && p->blink_off) {
        bits = 0;
    }
    if ((attr & 0x77) == 1 && row_scan == (s->crtc[CRTC_UNDERLINE] & 31u)) {
        bits = 0x1ff;
    }
    if (p->cursor_on && (count & 0xffff) == p->cursor && row_scan >= first && row_scan <= last) {
        bits = 0x1ff;
    }
    for (unsigned x = 0; x < p->dots; x++) {
        to[x] = p->rgb16[bits >> (8 - x) & 1 ? fore : back];
    }
}

/* ---- Graphics ---- */

/* Eight pixels of four planes. */
static void vga_planar(const VgaPicture *p, uint32_t *to, uint32_t word)
{
    for (unsigned x = 0; x < 8; x++) {
        uint32_t v = word >> (7 - x) & 0x01010101;

        to[x] = p->rgb16[(v | v >> 7 | v >> 14 | v >> 21) & 0xf];
    }
}

/* Eight pixels of two bits, four of them in each of planes 0 and 1; planes 2 and 3 have two more
 * bits. */
static void vga_cga(const VgaPicture *p, uint32_t *to, uint32_t word)
{
    for (unsigned x = 0; x < 8; x++) {
        unsigned low = word >> (x & 4 ? 8 : 0) & 0xff, high = word >> (x & 4 ? 24 : 16) & 0xff;
        unsigned shift = (3 - (x & 3)) * 2;

        to[x] = p->rgb16[(low >> shift & 3) | (high >> shift & 3) << 2];
    }
}

/* Four pixels of eight bits, each two dots wide. */
static void vga_bytes(const VgaPicture *p, uint32_t *to, uint32_t word)
{
    for (unsigned x = 0; x < 4; x++) {
        to[x * 2] = to[x * 2 + 1] = p->rgb[word >> x * 8 & 0xff];
    }
}

/* ---- Lines ---- */

static void vga_column(const VgaPicture *p, uint32_t *to, unsigned count, unsigned row_scan)
{
    unsigned shift = p->s->gfx[GFX_MODE];

    if (p->text) {
        vga_text_cell(p, to, count, row_scan);
    } else if (shift & GFX_MODE_SHIFT256) {
        vga_bytes(p, to, vga_fetch(p->s, count, row_scan));
    } else if (shift & GFX_MODE_SHIFT2) {
        vga_cga(p, to, vga_fetch(p->s, count, row_scan));
    } else {
        vga_planar(p, to, vga_fetch(p->s, count, row_scan));
    }
}

/* How many dots the picture is moved to the left: with nine dots, 8 stands for none. */
static unsigned vga_pan(const VgaPicture *p)
{
    unsigned pan = p->s->attr[ATTR_PAN] & 0xf;

    return p->dots == 9 ? (pan >= 8 ? 0 : pan + 1) : pan & 7;
}

static void vga_line(const VgaPicture *p, unsigned y, unsigned count, unsigned row_scan,
                     unsigned pan)
{
    uint32_t *line = vbe_line(&p->s->vbe, p->width + (p->columns + 1) * p->dots);
    uint32_t *dots = p->stretch > 1 ? line + p->width : line;

    for (unsigned i = 0; i < p->columns + (pan ? 1 : 0); i++) {
        vga_column(p, dots + i * p->dots, count + i, row_scan);
    }
    dots += pan;
    if (p->stretch > 1) {
        for (unsigned x = 0; x < p->width; x++) {
            line[x] = dots[x / p->stretch];
        }
        dots = line;
    }
    console_put_row(p->s->vbe.console, y, dots);
}

static unsigned vga_line_compare(const Vga *s)
{
    return s->crtc[CRTC_LINE_COMPARE] + ((s->crtc[CRTC_OVERFLOW] >> 4 & 1u) << 8) +
           ((s->crtc[CRTC_MAX_SCAN] >> 6 & 1u) << 9);
}

static void vga_lines(const VgaPicture *p)
{
    const Vga *s = p->s;
    unsigned start = s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW];
    unsigned count = start + (s->crtc[CRTC_ROW_SCAN] >> 5 & 3), row_scan, pan = vga_pan(p);
    unsigned last_scan = s->crtc[CRTC_MAX_SCAN] & 31, split = vga_line_compare(s);
    bool twice = s->crtc[CRTC_MAX_SCAN] & VGA_DOUBLE_SCAN, again = twice;

    row_scan = s->crtc[CRTC_ROW_SCAN] & 31;
    for (unsigned y = 0; y < p->height; y++) {
        vga_line(p, y, count, row_scan, pan);
        if (y == split) { /* the next line begins at 0 */
            count = row_scan = 0;
            again = twice;
            pan = s->attr[ATTR_MODE] & ATTR_MODE_PAN_TOP ? 0 : pan;
            continue;
        }
        if (again) {
            again = false;
            continue;
        }
        again = twice;
        if (row_scan == last_scan) {
            row_scan = 0;
            count += p->line_units;
        } else {
            row_scan = (row_scan + 1) & 31;
        }
    }
}

/* Bochs' modes of 4 bits: planes, addressed by the extensions' registers. */
static void vga_lines_vbe4(const VgaPicture *p)
{
    const Vbe *v = &p->s->vbe;
    unsigned unit = v->regs[VBE_VIRT_WIDTH] / 8, pan = v->regs[VBE_X_OFFSET] & 7;

    for (unsigned y = 0; y < p->height; y++) {
        unsigned at = (v->regs[VBE_Y_OFFSET] + y) * unit + v->regs[VBE_X_OFFSET] / 8;
        uint32_t *line = vbe_line(&p->s->vbe, (p->columns + 1) * 8);

        for (unsigned i = 0; i < p->columns + (pan ? 1 : 0); i++) {
            vga_planar(p, line + i * 8, get_le32(v->ram->host + (at + i) % VGA_PLANE_BYTES * 4));
        }
        console_put_row(v->console, y, line + pan);
    }
}

/* ---- Pictures ---- */

/* Place of a font in its plane, by three bits of the map select register. */
static unsigned vga_font(unsigned n)
{
    return (n & 3) * 0x4000 + (n >> 2) * 0x2000;
}

static void vga_text_setup(VgaPicture *p)
{
    const Vga *s = p->s;
    unsigned fonts = s->seq[SEQ_FONTS];
    uint64_t frame = (uint64_t)machine_now_ns(s->vbe.dev->machine) * 6 / (NS_PER_S / 10);

    p->dots = s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT ? 8 : 9;
    p->font[0] = vga_font((fonts & 3) | (fonts >> 4 & 1) << 2);
    p->font[1] = vga_font((fonts >> 2 & 3) | (fonts >> 5 & 1) << 2);
    p->cursor = s->crtc[CRTC_CURSOR_HIGH] << 8 | s->crtc[CRTC_CURSOR_LOW];
    p->cursor_on = !(s->crtc[CRTC_CURSOR_START] & 0x20) && !(frame / VGA_CURSOR_FRAMES & 1);
    p->blink_off = frame / VGA_BLINK_FRAMES & 1;
}

static void vga_setup(VgaPicture *p, Vga *s)
{
    p->s = s;
    vga_palette(s, p->rgb);
    vga_palette16(s, p->rgb, p->rgb16);
    p->dots = 8;
    p->stretch = 1;
    if (vbe_is_on(&s->vbe)) {
        p->width = s->vbe.regs[VBE_XRES];
        p->height = s->vbe.regs[VBE_YRES];
        p->columns = p->width / 8;
        return;
    }
    p->text = !(s->gfx[GFX_MISC] & GFX_MISC_GRAPHICS);
    if (p->text) {
        vga_text_setup(p);
    }
    p->columns = s->crtc[CRTC_H_END] + 1u;
    p->stretch = s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1;
    p->width = p->columns * p->dots * p->stretch;
    p->height = vga_v_end(s);
    p->line_units = s->crtc[CRTC_OFFSET] * 2u;
}

static void vga_blank(const VgaPicture *p)
{
    uint32_t *line = vbe_line(&p->s->vbe, p->width);

    memset(line, 0, p->width * sizeof(line[0]));
    for (unsigned y = 0; y < p->height; y++) {
        console_put_row(p->s->vbe.console, y, line);
    }
}

void vga_draw(Vga *s)
{
    Console *c = s->vbe.console;
    VgaPicture p = { 0 };

    vga_setup(&p, s);
    if (vbe_is_on(&s->vbe) && s->vbe.regs[VBE_BPP] != 4) {
        vbe_draw(&s->vbe, s->vbe.regs[VBE_BPP] == 8 ? p.rgb : NULL);
        return;
    }
    console_begin(c, p.width, p.height);
    console_set_text(c, 0, 0);
    if (!(s->attr_index & ATTR_INDEX_VIDEO) || s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_OFF) {
        vga_blank(&p);
    } else if (vbe_is_on(&s->vbe)) {
        vga_lines_vbe4(&p);
    } else {
        if (p.text) {
            console_set_text(c, p.columns, p.height / ((s->crtc[CRTC_MAX_SCAN] & 31) + 1));
        }
        vga_lines(&p);
    }
    console_end(c);
}
