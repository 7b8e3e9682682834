/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the VGA: sequencer, CRTC, graphics and attribute controllers, DAC.
 * Spec: IBM, "VGA Function", 2-42 and following (registers); FreeVGA, "Accessing the VGA
 * Registers".
 */
#include "hw/display/vga.h"

#include <string.h>

enum {
    VGA_CRTC_LOCK = 1 << 7, /* CRTC_V_SYNC_END: registers 0 to 7 are kept */
    VGA_LINE_COMPARE_8 = 1 << 4,
    VGA_ST0_SENSE = 1 << 4, /* the monitor is one of colours */
    VGA_ST1_BLANK = 1 << 0,
    VGA_ST1_RETRACE = 1 << 3,
    VGA_DAC_READS = 3, /* port 3C7h: the DAC was set to be read, 0: written */
};

void vga_reset(Vga *s)
{
    vbe_reset(&s->vbe);
    s->dac_mask = 0xff;
}

/* ---- The beam ---- */

unsigned vga_v_end(const Vga *s)
{
    unsigned over = s->crtc[CRTC_OVERFLOW];

    return s->crtc[CRTC_V_END] + ((over >> 1 & 1) << 8) + ((over >> 6 & 1) << 9) + 1;
}

/* What the beam does now, by the CRTC's timings: SVGA modes have those of the last VGA mode. */
static uint8_t vga_status1(const Vga *s)
{
    static const uint32_t clocks[] = { 25175000, 28322000, 25175000, 25175000 };
    unsigned over = s->crtc[CRTC_OVERFLOW];
    uint64_t v_total = s->crtc[CRTC_V_TOTAL] + ((over & 1) << 8) + ((over >> 5 & 1) << 9) + 2;
    uint64_t h_total = s->crtc[CRTC_H_TOTAL] + 5;
    uint64_t sync = s->crtc[CRTC_V_SYNC] + ((over >> 2 & 1) << 8) + ((over >> 7 & 1) << 9);
    uint64_t hz = clocks[s->misc >> 2 & 3] / (s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1);
    uint64_t dots = s->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8DOT ? 8 : 9;
    uint64_t frame = h_total * v_total;
    uint64_t ns = (uint64_t)machine_now_ns(s->vbe.dev->machine) % NS_PER_S;
    uint64_t at = ns * hz / dots / NS_PER_S % frame, line = at / h_total;
    uint64_t sync_lines = (s->crtc[CRTC_V_SYNC_END] - sync) & 15;
    uint8_t val = 0;

    if (line >= vga_v_end(s) || at % h_total > s->crtc[CRTC_H_END]) {
        val |= VGA_ST1_BLANK;
    }
    if (line >= sync && line < sync + (sync_lines ? sync_lines : 1)) {
        val |= VGA_ST1_RETRACE;
    }
    return val;
}

/* ---- The DAC ---- */

static uint8_t vga_dac_read(Vga *s, bool debug)
{
    uint8_t val = s->dac[s->dac_read * 3 + MIN(s->dac_part, 2)];

    if (!debug && ++s->dac_part >= 3) {
        s->dac_part = 0;
        s->dac_read++;
    }
    return val;
}

/* A colour changes with the third of its parts. */
static void vga_dac_write(Vga *s, uint8_t val)
{
    if (s->dac_part < 2) {
        s->dac_latch[s->dac_part++] = val;
        return;
    }
    s->dac[s->dac_write * 3] = s->dac_latch[0];
    s->dac[s->dac_write * 3 + 1] = s->dac_latch[1];
    s->dac[s->dac_write * 3 + 2] = val;
    s->dac_part = 0;
    s->dac_write++;
}

/* ---- Reads ---- */

/* The CRTC answers at 3Bxh for monochrome monitors, at 3Dxh for those of colours. */
static bool vga_port_is_there(const Vga *s, unsigned port)
{
    return (port & 0x3f0) == 0x3c0 || (port & 0x3f0) == (s->misc & MISC_COLOR ? 0x3d0 : 0x3b0);
}

static uint8_t vga_attr_read(const Vga *s)
{
    unsigned n = s->attr_index & 0x1f;

    return n < VGA_N_ATTR ? s->attr[n] : 0;
}

uint8_t vga_port_read(Vga *s, unsigned port, bool debug)
{
    if (!vga_port_is_there(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return s->attr_data ? vga_attr_read(s) : s->attr_index;
    case 0x3c1:
        return vga_attr_read(s);
    case 0x3c2:
        return VGA_ST0_SENSE;
    case 0x3c4:
        return s->seq_index;
    case 0x3c5:
        return s->seq_index < VGA_N_SEQ ? s->seq[s->seq_index] : 0;
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_reading;
    case 0x3c8:
        return s->dac_write;
    case 0x3c9:
        return vga_dac_read(s, debug);
    case 0x3ca:
        return s->feature;
    case 0x3cc:
        return s->misc;
    case 0x3ce:
        return s->gfx_index;
    case 0x3cf:
        return s->gfx_index < VGA_N_GFX ? s->gfx[s->gfx_index] : 0;
    case 0x3b4:
    case 0x3d4:
        return s->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return s->crtc_index < VGA_N_CRTC ? s->crtc[s->crtc_index] : 0;
    case 0x3ba:
    case 0x3da:
        if (!debug) {
            s->attr_data = false;
        }
        return vga_status1(s);
    default:
        return 0xff;
    }
}

/* ---- Writes ---- */

static void vga_attr_write(Vga *s, uint8_t val)
{
    static const uint8_t masks[VGA_N_ATTR - ATTR_MODE] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };
    unsigned n = s->attr_index & 0x1f;

    s->attr_data = !s->attr_data;
    if (s->attr_data) {
        s->attr_index = val & 0x3f;
    } else if (n >= ATTR_MODE && n < VGA_N_ATTR) {
        s->attr[n] = val & masks[n - ATTR_MODE];
    } else if (n < ATTR_MODE && !(s->attr_index & ATTR_INDEX_VIDEO)) {
        s->attr[n] = val & 0x3f;
    }
}

static void vga_seq_write(Vga *s, uint8_t val)
{
    static const uint8_t masks[VGA_N_SEQ] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };

    if (s->seq_index < VGA_N_SEQ) {
        s->seq[s->seq_index] = val & masks[s->seq_index];
    }
}

static void vga_gfx_write(Vga *s, uint8_t val)
{
    static const uint8_t masks[VGA_N_GFX] = {
        0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff
    };

    if (s->gfx_index < VGA_N_GFX) {
        s->gfx[s->gfx_index] = val & masks[s->gfx_index];
    }
}

static void vga_crtc_write(Vga *s, uint8_t val)
{
    unsigned n = s->crtc_index;

    if (n >= VGA_N_CRTC) {
        return;
    }
    if (n <= CRTC_OVERFLOW && s->crtc[CRTC_V_SYNC_END] & VGA_CRTC_LOCK) {
        if (n == CRTC_OVERFLOW) {
            s->crtc[n] = (uint8_t)((s->crtc[n] & ~VGA_LINE_COMPARE_8) | (val & VGA_LINE_COMPARE_8));
        }
        return;
    }
    s->crtc[n] = val;
}

void vga_port_write(Vga *s, unsigned port, uint8_t val)
{
    if (!vga_port_is_there(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        vga_attr_write(s, val);
        break;
    case 0x3c2:
        s->misc = val & 0xef;
        break;
    case 0x3c4:
        s->seq_index = val & 7;
        break;
    case 0x3c5:
        vga_seq_write(s, val);
        break;
    case 0x3c6:
        s->dac_mask = val;
        break;
    case 0x3c7:
        s->dac_read = val;
        s->dac_part = 0;
        s->dac_reading = VGA_DAC_READS;
        break;
    case 0x3c8:
        s->dac_write = val;
        s->dac_part = 0;
        s->dac_reading = 0;
        break;
    case 0x3c9:
        vga_dac_write(s, val);
        break;
    case 0x3ce:
        s->gfx_index = val & 0xf;
        break;
    case 0x3cf:
        vga_gfx_write(s, val);
        break;
    case 0x3b4:
    case 0x3d4:
        s->crtc_index = val & 0x1f;
        break;
    case 0x3b5:
    case 0x3d5:
        vga_crtc_write(s, val);
        break;
    case 0x3ba:
    case 0x3da:
        s->feature = val & 0x10;
        break;
    }
    vga_fast_update(s);
}

/* ---- Bochs' ports ---- */

uint16_t vga_vbe_port_read(Vga *s, unsigned off)
{
    return off ? vbe_read(&s->vbe, s->vbe.index) : s->vbe.index;
}

void vga_vbe_port_write(Vga *s, unsigned off, uint16_t val)
{
    if (!off) {
        s->vbe.index = val;
        return;
    }
    vbe_write(&s->vbe, s->vbe.index, val);
    vga_fast_update(s);
}
