/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Video memory as the CPU sees it at A0000h to BFFFFh.
 * Spec: IBM, "VGA Function", 2-17 (write modes), 2-86 (graphics controller); FreeVGA, "Accessing
 * the VGA Display Memory".
 */
#include "hw/display/vga.h"

#include "util/bytes.h"

enum { VGA_ODD_PLANES = 0xa, VGA_EVEN_PLANES = 0x5, VGA_64K = 64 << 10, VGA_32K = 32 << 10 };

/* Planes 0 to 3 of @bits as bytes of ones. */
static uint32_t vga_expand(unsigned bits)
{
    uint32_t v = 0;

    for (unsigned p = 0; p < 4; p++) {
        v |= bits >> p & 1 ? 0xffu << p * 8 : 0;
    }
    return v;
}

/* A mode of 8 bits or more: the window is 64 KiB of the frame buffer, whatever else is set. */
static bool vga_is_banked(const Vga *s)
{
    return vbe_is_on(&s->vbe) && s->vbe.regs[VBE_BPP] != 4;
}

/* Beginning and length of what answers, from A0000h; 0: nothing does. */
static uint64_t vga_window(const Vga *s, uint64_t *start)
{
    static const struct {
        uint32_t start, len;
    } windows[] = { { 0, VGA_WINDOW_BYTES },
                    { 0, VGA_64K },
                    { VGA_64K, VGA_32K },
                    { VGA_64K + VGA_32K, VGA_32K } };
    unsigned n = vga_is_banked(s) ? 1 : s->gfx[GFX_MISC] >> 2 & 3;

    *start = windows[n].start;
    return s->misc & MISC_RAM ? windows[n].len : 0;
}

static uint64_t vga_bank(const Vga *s)
{
    return vbe_is_on(&s->vbe) ? (uint64_t)s->vbe.regs[VBE_BANK] << 16 : 0;
}

/* One 32-bit word of video RAM has a byte of each plane. */
static uint32_t vga_word(const Vga *s, unsigned off)
{
    return get_le32(s->vbe.ram->host + off * 4);
}

/* ---- Reads ---- */

/* Bit b: all planes that are cared for have the colour compared with. */
static uint8_t vga_compare(const Vga *s)
{
    uint32_t differ =
        (s->latch ^ vga_expand(s->gfx[GFX_COMPARE])) & vga_expand(s->gfx[GFX_DONT_CARE]);

    differ |= differ >> 16;
    return (uint8_t) ~(differ | differ >> 8);
}

static uint8_t vga_read_byte(Vga *s, uint64_t off, bool debug)
{
    uint64_t start, len = vga_window(s, &start);
    uint32_t keep = s->latch;
    unsigned plane, word;
    uint8_t val;

    if (off < start || off - start >= len) {
        return 0xff;
    }
    off -= start;
    if (vga_is_banked(s) || s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4) {
        off += vga_bank(s);
        if (off >= s->vbe.ram->size) {
            return 0xff;
        }
        if (!debug) {
            s->latch = vga_word(s, (unsigned)off / 4);
        }
        return s->vbe.ram->host[off];
    }
    plane = s->gfx[GFX_READ_MAP];
    word = off & 0xffff;
    if (s->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN) {
        plane = (plane & 2) | (word & 1);
        word &= ~1u;
    }
    s->latch = vga_word(s, word);
    val = s->gfx[GFX_MODE] & 8 ? vga_compare(s) : (uint8_t)(s->latch >> plane * 8);
    if (debug) {
        s->latch = keep;
    }
    return val;
}

uint64_t vga_mem_read(Vga *s, uint64_t off, unsigned size, bool debug)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)vga_read_byte(s, off + i, debug) << i * 8;
    }
    return val;
}

/* ---- Writes ---- */

static uint32_t vga_function(const Vga *s, uint32_t v)
{
    switch (s->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1:
        return v & s->latch;
    case 2:
        return v | s->latch;
    case 3:
        return v ^ s->latch;
    default:
        return v;
    }
}

/* What the graphics controller makes of a byte of the CPU's. */
static uint32_t vga_alu(const Vga *s, uint8_t val)
{
    unsigned rotate = s->gfx[GFX_ROTATE] & 7, mode = s->gfx[GFX_MODE] & 3;
    uint8_t turned = (uint8_t)(val >> rotate | val << (8 - rotate));
    uint32_t set = vga_expand(s->gfx[GFX_SET_RESET]), mask = s->gfx[GFX_BIT_MASK], v;
    uint32_t enable = vga_expand(s->gfx[GFX_ENABLE_SET_RESET]);

    switch (mode) {
    case 0:
        v = vga_function(s, ((turned * 0x01010101u) & ~enable) | (set & enable));
        break;
    case 1:
        return s->latch;
    case 2:
        v = vga_function(s, vga_expand(val));
        break;
    default:
        mask &= turned;
        v = set;
        break;
    }
    mask *= 0x01010101u;
    return (v & mask) | (s->latch & ~mask);
}

static void vga_write_byte(Vga *s, uint64_t off, uint8_t val)
{
    unsigned planes = s->seq[SEQ_MAP_MASK], word;
    uint64_t start, len = vga_window(s, &start);
    uint32_t mask;

    if (off < start || off - start >= len) {
        return;
    }
    off -= start;
    if (vga_is_banked(s) || s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4) {
        off += vga_bank(s);
        if (off < s->vbe.ram->size && (vga_is_banked(s) || planes >> (off & 3) & 1)) {
            s->vbe.ram->host[off] = val;
            ram_wrote(s->vbe.ram, off, 1);
        }
        return;
    }
    word = off & 0xffff;
    if (!(s->seq[SEQ_MEMORY] & SEQ_MEMORY_SEQUENTIAL)) {
        planes &= word & 1 ? VGA_ODD_PLANES : VGA_EVEN_PLANES;
        word &= ~1u;
    }
    mask = vga_expand(planes);
    put_le32(s->vbe.ram->host + word * 4, (vga_word(s, word) & ~mask) | (vga_alu(s, val) & mask));
    ram_wrote(s->vbe.ram, word * 4, 4);
}

void vga_mem_write(Vga *s, uint64_t off, unsigned size, uint64_t val)
{
    for (unsigned i = 0; i < size; i++) {
        vga_write_byte(s, off + i, (uint8_t)(val >> i * 8));
    }
}

/* ---- Mapped directly ---- */

/* Every byte of the window is a byte of video RAM, nothing is made of it, no latch counts. */
static bool vga_is_linear(const Vga *s)
{
    return vga_is_banked(s) ||
           (s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4 && s->seq[SEQ_MAP_MASK] == 0xf);
}

void vga_fast_init(Vga *s, MemRegion *parent, uint64_t base)
{
    Machine *m = s->vbe.dev->machine;
    MemRegion *ram = region_new_ram(m, "vga.vram", s->vbe.ram, 0, s->vbe.ram->size);

    s->fast = region_new_alias(m, "vga.window", ram, 0, VGA_64K);
    s->fast_at = base;
    region_set_enabled(s->fast, false);
    region_add(parent, s->fast, base, 2);
}

void vga_fast_update(Vga *s)
{
    uint64_t start, len, off = vga_bank(s);
    bool on;

    if (!s->fast) {
        return;
    }
    len = vga_window(s, &start);
    on = len && vga_is_linear(s) && off + len <= s->vbe.ram->size;
    if (on == s->fast_on && (!on || (off == s->fast_off && len == s->fast_len))) {
        return;
    }
    map_change_begin(s->vbe.dev->machine);
    if (on) {
        region_set_window(s->fast, s->fast_at + start, off, len);
    }
    region_set_enabled(s->fast, on);
    map_change_end(s->vbe.dev->machine);
    s->fast_on = on;
    s->fast_off = off;
    s->fast_len = len;
}
