/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a monitor says of itself.
 * Spec: VESA "Enhanced EDID Standard" A2 (EDID 1.4): 3; VESA "Coordinated Video Timings" 1.2, 3.4.2
 * (reduced blanking).
 */
#include "hw/display/edid.h"

#include "util/bytes.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

enum {
    EDID_HZ = 60,
    EDID_DPI = 96,
    EDID_H_BLANK = 160,
    EDID_H_FRONT = 48,
    EDID_H_SYNC = 32,
    EDID_V_FRONT = 3,
    EDID_V_SYNC = 6,
    EDID_V_BLANK_US = 460,
    EDID_SIDE_MAX = 4095, /* of a timing: 12 bits */
    EDID_DESC = 54,       /* four descriptors of 18 bytes */
    EDID_DESC_SIZE = 18,
    EDID_TEXT = 13,
};

static void edid_text(uint8_t *d, uint8_t kind, const char *text)
{
    size_t len = strlen(text);

    memset(d, 0, EDID_DESC_SIZE);
    d[3] = kind;
    memset(d + 5, ' ', EDID_TEXT);
    memcpy(d + 5, text, len);
    d[5 + len] = '\n';
}

/* 3.10.2: a detailed timing. */
static void edid_timing(uint8_t *d, unsigned x, unsigned y)
{
    unsigned frame_us = 1000000 / EDID_HZ - EDID_V_BLANK_US;
    unsigned v_blank = MAX(y * EDID_V_BLANK_US / frame_us + 1, EDID_V_FRONT + EDID_V_SYNC + 6);
    uint64_t clock = (uint64_t)(x + EDID_H_BLANK) * (y + v_blank) * EDID_HZ / 10000;
    unsigned mm_x = x * 254 / (EDID_DPI * 10), mm_y = y * 254 / (EDID_DPI * 10);

    put_le16(d, (uint16_t)MIN(clock, UINT16_MAX));
    d[2] = (uint8_t)x;
    d[3] = EDID_H_BLANK;
    d[4] = (uint8_t)(x >> 8 << 4);
    d[5] = (uint8_t)y;
    d[6] = (uint8_t)v_blank;
    d[7] = (uint8_t)(y >> 8 << 4 | v_blank >> 8);
    d[8] = EDID_H_FRONT;
    d[9] = EDID_H_SYNC;
    d[10] = EDID_V_FRONT << 4 | EDID_V_SYNC;
    d[12] = (uint8_t)mm_x;
    d[13] = (uint8_t)mm_y;
    d[14] = (uint8_t)(mm_x >> 8 << 4 | mm_y >> 8);
    d[17] = 0x18; /* separate syncs */
}

/* 3.9: two bytes a mode; those the monitor can show. */
static void edid_standard(uint8_t *at, unsigned xmax, unsigned ymax)
{
    static const struct {
        uint16_t x, y;
        uint8_t aspect;
    } modes[] = { { 1280, 1024, 2 }, { 1600, 1200, 1 }, { 1920, 1080, 3 }, { 1680, 1050, 0 },
                  { 1440, 900, 0 },  { 1280, 960, 1 },  { 1280, 800, 0 },  { 1280, 720, 3 } };

    for (unsigned i = 0; i < 8; i++, at += 2) {
        bool fits = modes[i].x <= xmax && modes[i].y <= ymax;

        at[0] = fits ? (uint8_t)(modes[i].x / 8 - 31) : 1;
        at[1] = fits ? (uint8_t)(modes[i].aspect << 6 | (EDID_HZ - 60)) : 1;
    }
}

void edid_make(uint8_t edid[EDID_BYTES], unsigned xres, unsigned yres, unsigned xmax, unsigned ymax)
{
    static const uint8_t head[] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
    /* of sRGB, 3.7 */
    static const uint8_t colors[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    unsigned x = CLAMP(xres & ~7u, 640, EDID_SIDE_MAX & ~7), y = CLAMP(yres, 480, EDID_SIDE_MAX);
    uint8_t *d = edid + EDID_DESC, sum = 0;

    xmax = xmax ? xmax : MAX(x, 1920);
    ymax = ymax ? ymax : MAX(y, 1200);
    memset(edid, 0, EDID_BYTES);
    memcpy(edid, head, sizeof(head));
    put_be16(edid + 8, ('T' - '@') << 10 | ('N' - '@') << 5 | ('M' - '@'));
    put_le16(edid + 10, 0x1234);
    edid[17] = 2024 - 1990; /* year; the week is not said */
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    edid[21] = (uint8_t)MIN(x * 254 / (EDID_DPI * 100), UINT8_MAX);
    edid[22] = (uint8_t)MIN(y * 254 / (EDID_DPI * 100), UINT8_MAX);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB, the first timing is the native one */
    memcpy(edid + 25, colors, sizeof(colors));
    edid[35] = 0x21; /* 640x480 and 800x600 at 60 Hz */
    edid[36] = 0x08; /* 1024x768 at 60 Hz */
    edid_standard(edid + 38, xmax, ymax);
    edid_timing(d, x, y);
    edid_text(d + EDID_DESC_SIZE, 0xfd, "");
    memcpy(d + EDID_DESC_SIZE + 5, "\x32\x7d\x1e\xa0\xff\x01\n      ", 13);
    edid_text(d + EDID_DESC_SIZE * 2, 0xfc, "Tinamou");
    edid_text(d + EDID_DESC_SIZE * 3, 0xff, "0");
    for (unsigned i = 0; i < EDID_BYTES - 1; i++) {
        sum = (uint8_t)(sum + edid[i]);
    }
    edid[EDID_BYTES - 1] = (uint8_t)-sum;
}
