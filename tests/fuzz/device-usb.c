/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver knows of UHCI and EHCI: one queue, a packet at a time, to what is in the first
 * port. Spec: UHCI 1.1, chapter 3; EHCI 1.0, 3.5 and 3.6.
 */
#include "core/clock.h"
#include "core/device.h"
#include "tests/fuzz/device-driver.h"

#include <string.h>

enum {
    H_FRAMES = FUZZ_RAM + 0x10000,
    H_QUEUE = FUZZ_RAM + 0x11000,
    H_ELEMENTS = FUZZ_RAM + 0x11100, /* 64 bytes each */
    H_ELEMENTS_MAX = 16,
    H_DATA = FUZZ_RAM + 0x20000,
    FRAMES = 1024,
    PID_OUT = 0xe1,
    PID_IN = 0x69,
    PID_SETUP = 0x2d,
    REQ_SET_CONFIGURATION = 9,
};

bool fuzz_is_uhci(const FuzzDevice *d)
{
    return strstr(d->dev->type->name, "uhci") != NULL;
}

bool fuzz_is_ehci(const FuzzDevice *d)
{
    return strstr(d->dev->type->name, "ehci") != NULL;
}

static void h_words(FuzzDevice *d, GuestPhys at, const uint32_t *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fuzz_store(d, at + 4 * i, 4, w[i]);
    }
}

/* A packet of at most 0x500 bytes by UHCI, of 0x4000 by EHCI, in H_DATA + @at; some frames go by.
 */
static void h_packet(FuzzDevice *d, unsigned pid, unsigned ep, unsigned at, unsigned len,
                     unsigned toggle)
{
    if (fuzz_is_uhci(d)) {
        uint32_t td[4] = { 1, 1u << 23 | 3u << 27 | 1u << 24,
                           (len - 1) << 21 | toggle << 19 | ep << 15 | pid, H_DATA + at };

        h_words(d, H_ELEMENTS, td, 4);
        fuzz_store(d, H_QUEUE + 4, 4, H_ELEMENTS);
    } else {
        uint32_t kind = pid == PID_SETUP ? 2 : pid == PID_IN;
        uint32_t td[8] = { 1, 1, 0x80 | kind << 8 | 3u << 10 | 1u << 15 | len << 16 | toggle << 31,
                           H_DATA + at, (H_DATA + at + 0x1000) & ~0xfffu };
        uint32_t qh[12] = { H_QUEUE | 2, ep << 8 | 2u << 12 | 1u << 14 | 1u << 15 | 512u << 16,
                            1u << 30,    0,
                            H_ELEMENTS,  1 };

        h_words(d, H_ELEMENTS, td, 8);
        h_words(d, H_QUEUE, qh, 12);
    }
    clock_advance_ns(d->m, 2 * NS_PER_MS);
}

static void h_control(FuzzDevice *d, unsigned type, unsigned request, unsigned value,
                      unsigned index, unsigned len)
{
    bool in = type & 0x80;

    fuzz_store(d, H_DATA, 8,
               type | request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 |
                   (uint64_t)len << 48);
    h_packet(d, PID_SETUP, 0, 0, 8, 0);
    if (len) {
        h_packet(d, in ? PID_IN : PID_OUT, 0, 0x100, len, 1);
    }
    h_packet(d, in && len ? PID_OUT : PID_IN, 0, 0x100, 0, 1);
}

void fuzz_begin_hc(FuzzDevice *d)
{
    GuestPhys c = d->bar[fuzz_is_uhci(d) ? 4 : 0];
    uint32_t frames[FRAMES];

    for (unsigned i = 0; i < FRAMES; i++) {
        frames[i] = fuzz_is_uhci(d) ? H_QUEUE | 2 : 1;
    }
    aspace_write(machine_memory(d->m), H_FRAMES, frames, sizeof(frames), (MemAttrs){ 0 });
    if (fuzz_is_uhci(d)) {
        h_words(d, H_QUEUE, (const uint32_t[]){ 1, 1 }, 2);
        fuzz_store(d, c + 8, 4, H_FRAMES);
        fuzz_store(d, c + 0x10, 2, 1 << 9);
        fuzz_store(d, c + 0x10, 2, 0);
        fuzz_store(d, c + 0x10, 2, 1 << 2);
        fuzz_store(d, c, 2, 1 << 7 | 1);
    } else {
        fuzz_store(d, c + 0x60, 4, 1);
        fuzz_store(d, c + 0x64, 4, 1 << 12 | 1 << 8);
        fuzz_store(d, c + 0x64, 4, 1 << 12);
        fuzz_store(d, c + 0x34, 4, H_FRAMES);
        fuzz_store(d, c + 0x38, 4, H_QUEUE);
        h_packet(d, PID_OUT, 0, 0, 0, 0);
        fuzz_store(d, c + 0x20, 4, 1 << 5 | 1 << 4 | 1);
    }
    h_control(d, 0, REQ_SET_CONFIGURATION, 1, 0, 0);
}

/* A SCSI command in a bulk-only wrapper, its data and its status. */
static void h_storage(FuzzDevice *d, FuzzIn *in)
{
    uint8_t cbw[31] = "USBC";
    size_t got;
    uint8_t len = fuzz_u8(in), way = fuzz_u8(in);
    const uint8_t *cdb = fuzz_bytes(in, 16, &got);

    cbw[9] = len;
    cbw[12] = way & 0x80;
    cbw[13] = way & 1;
    cbw[14] = (uint8_t)(way & 2 ? way >> 2 : 16);
    memcpy(cbw + 15, cdb, got);
    aspace_write(machine_memory(d->m), H_DATA + 0x1000, cbw, sizeof(cbw), (MemAttrs){ 0 });
    h_packet(d, PID_OUT, 2, 0x1000, sizeof(cbw), way >> 2 & 1);
    for (unsigned i = 0; i < 3 && len; i++) {
        h_packet(d, way & 0x80 ? PID_IN : PID_OUT, way & 0x80 ? 1 : 2, 0x2000, 64, i & 1);
    }
    h_packet(d, PID_IN, 1, 0x3000, 13, way >> 3 & 1);
}

/* Commands, data and status of UAS: pipes 1 to 4. */
static void h_uas(FuzzDevice *d, FuzzIn *in)
{
    uint8_t iu[32] = { 1, 0, 0, fuzz_u8(in) % 4 };
    size_t got;
    uint8_t way = fuzz_u8(in);
    const uint8_t *cdb = fuzz_bytes(in, 16, &got);

    iu[0] = way & 0xc0 ? 1 : 5;
    iu[4] = way & 0xc0 ? 0 : way;
    memcpy(iu + 16, cdb, got);
    aspace_write(machine_memory(d->m), H_DATA + 0x1000, iu, sizeof(iu), (MemAttrs){ 0 });
    h_packet(d, PID_OUT, 1, 0x1000, way & 0xc0 ? 32 : 16, 0);
    for (unsigned i = 0; i < 3; i++) {
        h_packet(d, PID_IN, 2, 0x3000, 64, i & 1);
        h_packet(d, way & 1 ? PID_IN : PID_OUT, way & 1 ? 3 : 4, 0x2000, 512, i & 1);
    }
}

void fuzz_drive_hc(FuzzDevice *d, FuzzIn *in)
{
    static const uint8_t pids[] = { PID_OUT, PID_IN, PID_SETUP, PID_IN };
    uint8_t op = fuzz_u8(in), type = fuzz_u8(in), ep = fuzz_u8(in) % 5;
    uint32_t a = fuzz_u32(in), b = fuzz_u32(in);

    switch (op % 8) {
    case 0: /* any packet */
    case 1:
        h_packet(d, pids[type % 4], ep, a % 0x8000, b % 0x500, op >> 7);
        break;
    case 2: /* any element, or head of a queue */
        fuzz_store(d, (op & 0x80 ? H_QUEUE : H_ELEMENTS + 64 * (type % H_ELEMENTS_MAX)) + 4 * ep, 4,
                   op & 0x40 ? a : H_ELEMENTS + a % 0x400);
        clock_advance_ns(d->m, 2 * NS_PER_MS);
        break;
    case 3: /* of the periodic schedule */
        fuzz_store(d, H_FRAMES + 4 * (type % 64u), 4, op & 0x80 ? a : (H_ELEMENTS | (a & 0x7ff)));
        clock_advance_ns(d->m, 8 * NS_PER_MS);
        break;
    case 4:
        h_control(d, type, a & 0xff, b & 0xffff, b >> 16, a >> 24);
        break;
    case 5:
        h_uas(d, in);
        break;
    default:
        h_storage(d, in);
        break;
    }
}
