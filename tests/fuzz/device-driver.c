/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spec: VIRTIO 1.2, "2.7 Split Virtqueues", "4.1.4.3" and "4.2.2"; NVM Express Base 2.0, 3.1.3.
 */
#include "tests/fuzz/device-driver.h"

#include "core/device.h"
#include "core/memory/memory.h"
#include "hw/pci/pci.h"

#include <string.h>

enum {
    RING = 8,         /* entries of each queue */
    RING_AT = 0x1000, /* rings of queue q: page 1 + q */
    DATA_AT = 0x8000,
    COMMON_BAR = 4,
    NOTIFY_AT = 0x3000,
    NVME_ASQ = 0x10000,
    NVME_ACQ = 0x11000,
    NVME_ENTRY = 64,
    NVME_DOORBELL = 0x1000,
};

void fuzz_store(FuzzDevice *d, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(d->m), at, size, val, (MemAttrs){ 0 });
}

uint64_t fuzz_load(FuzzDevice *d, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(d->m), at, size, &val, (MemAttrs){ 0 });
    return val;
}

/* ---- PCI ---- */

void fuzz_find_bars(FuzzDevice *d)
{
    d->n_windows = 0;
    for (unsigned n = 0; n < 6; n++) {
        uint32_t v = (uint32_t)fuzz_load(d, FUZZ_CONFIG + PCI_BASE_ADDRESS_0 + 4 * n, 4);
        bool io = v & PCI_BASE_ADDRESS_SPACE_IO;

        d->bar[n] = io ? FUZZ_IO + (v & ~3u) : v & ~15u;
        if (d->bar[n] >= FUZZ_IO && d->n_windows < FUZZ_WINDOWS) {
            d->window[d->n_windows++] = (FuzzWindow){ d->bar[n], io ? 0x100 : 0x4000 };
        }
    }
}

void fuzz_enable_pci(FuzzDevice *d)
{
    uint32_t mem = FUZZ_PCI, port = 0x1000;

    for (unsigned n = 0; n < 6; n++) {
        GuestPhys at = FUZZ_CONFIG + PCI_BASE_ADDRESS_0 + 4 * n;
        uint32_t kind = (uint32_t)fuzz_load(d, at, 4), size;
        bool io = kind & PCI_BASE_ADDRESS_SPACE_IO;
        uint32_t *next = io ? &port : &mem;

        fuzz_store(d, at, 4, ~0u);
        size = ~((uint32_t)fuzz_load(d, at, 4) & (io ? ~3u : ~15u)) + 1;
        if (!size) {
            continue;
        }
        *next = (*next + size - 1) & ~(size - 1);
        fuzz_store(d, at, 4, *next);
        *next += size;
        if (!io && kind & PCI_BASE_ADDRESS_MEM_TYPE_64) {
            fuzz_store(d, at + 4, 4, 0);
            n++;
        }
    }
    fuzz_store(d, FUZZ_CONFIG + PCI_COMMAND, 2,
               PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    fuzz_find_bars(d);
}

static bool is_nvme(const FuzzDevice *d)
{
    return !strcmp(d->dev->type->name, "nvme");
}

static bool is_virtio_pci(FuzzDevice *d)
{
    return d->is_pci && fuzz_load(d, FUZZ_CONFIG + PCI_VENDOR_ID, 2) == 0x1af4 &&
           d->bar[COMMON_BAR] >= FUZZ_PCI;
}

/* ---- Virtio ---- */

static GuestPhys ring_at(unsigned q, unsigned part)
{
    return FUZZ_RAM + RING_AT * (1 + q) + 0x400 * part;
}

static void begin_virtio_pci(FuzzDevice *d, uint32_t features)
{
    GuestPhys c = d->bar[COMMON_BAR];
    unsigned n;

    fuzz_store(d, c + 0x14, 1, 0);
    fuzz_store(d, c + 0x14, 1, 3);
    fuzz_store(d, c + 8, 4, 1);
    fuzz_store(d, c, 4, 1);
    fuzz_store(d, c + 12, 4,
               1 | (features >> 31 ? fuzz_load(d, c + 4, 4) & ~4u : 0)); /* VIRTIO_F_VERSION_1 */
    fuzz_store(d, c + 8, 4, 0);
    fuzz_store(d, c, 4, 0);
    fuzz_store(d, c + 12, 4, features & fuzz_load(d, c + 4, 4));
    fuzz_store(d, c + 0x14, 1, 11);
    n = (unsigned)min_u64(fuzz_load(d, c + 0x12, 2), FUZZ_QUEUES);
    for (unsigned q = 0; q < n; q++) {
        fuzz_store(d, c + 0x16, 2, q);
        fuzz_store(d, c + 0x18, 2, RING);
        fuzz_store(d, c + 0x1a, 2, q);
        for (unsigned part = 0; part < 3; part++) {
            fuzz_store(d, c + 0x20 + 8 * part, 4, ring_at(q, part));
            fuzz_store(d, c + 0x24 + 8 * part, 4, 0);
        }
        fuzz_store(d, c + 0x1c, 2, 1);
    }
    fuzz_store(d, c + 0x14, 1, 15);
}

static void begin_virtio_mmio(FuzzDevice *d, uint32_t features)
{
    static const unsigned parts[] = { 0x80, 0x90, 0xa0 };
    GuestPhys c = FUZZ_MMIO;

    fuzz_store(d, c + 0x70, 4, 0);
    fuzz_store(d, c + 0x70, 4, 3);
    fuzz_store(d, c + 0x28, 4, 4096);
    fuzz_store(d, c + 0x24, 4, 1);
    fuzz_store(d, c + 0x20, 4, 1);
    fuzz_store(d, c + 0x24, 4, 0);
    fuzz_store(d, c + 0x20, 4, features & fuzz_load(d, c + 0x10, 4));
    fuzz_store(d, c + 0x70, 4, 11);
    for (unsigned q = 0; q < FUZZ_QUEUES; q++) {
        fuzz_store(d, c + 0x30, 4, q);
        fuzz_store(d, c + 0x38, 4, RING);
        for (unsigned part = 0; part < 3; part++) {
            fuzz_store(d, c + parts[part], 4, ring_at(q, part));
        }
        fuzz_store(d, c + 0x40, 4, ring_at(q, 0) >> 12); /* the older transport */
        fuzz_store(d, c + 0x44, 4, 1);
    }
    fuzz_store(d, c + 0x70, 4, 15);
}

void fuzz_notify(FuzzDevice *d, unsigned q)
{
    if (d->is_pci) {
        fuzz_store(d, d->bar[COMMON_BAR] + NOTIFY_AT + 4 * q, 2, q);
    } else {
        fuzz_store(d, FUZZ_MMIO + 0x50, 4, q);
    }
}

static void drive_virtio(FuzzDevice *d, FuzzIn *in)
{
    unsigned q = fuzz_u8(in) % FUZZ_QUEUES, what = fuzz_u8(in), i = what / 8 % RING;
    GuestPhys desc = ring_at(q, 0) + 16 * i, avail = ring_at(q, 1);

    if (what % 8 < 4) { /* a descriptor; most lie in memory and are small */
        uint16_t at = fuzz_u16(in), len = fuzz_u16(in);
        uint8_t flags = fuzz_u8(in);

        fuzz_store(d, desc, 8,
                   what % 8 == 3 ? fuzz_u32(in)
                                 : FUZZ_RAM + DATA_AT + (at * 8ull) % (FUZZ_RAM_SIZE / 2));
        fuzz_store(d, desc + 8, 4, what % 8 == 2 ? (uint32_t)len << 12 : len % 2048u);
        fuzz_store(d, desc + 12, 2, flags & (what % 8 == 1 ? 0xff : 7));
        fuzz_store(d, desc + 14, 2, (flags >> 3) % (RING + 1));
        return;
    }
    for (unsigned k = 0; k <= what % 8 - 4; k++) {
        fuzz_store(d, avail + 4 + 2 * (d->avail[q]++ % RING), 2, (i + k) % RING);
    }
    fuzz_store(d, avail + 2, 2, d->avail[q]);
    fuzz_notify(d, q);
}

/* ---- NVMe ---- */

static void begin_nvme(FuzzDevice *d)
{
    GuestPhys c = d->bar[0];

    fuzz_store(d, c + 0x14, 4, 0);
    fuzz_store(d, c + 0x24, 4, (RING - 1) << 16 | (RING - 1));
    fuzz_store(d, c + 0x28, 8, FUZZ_RAM + NVME_ASQ);
    fuzz_store(d, c + 0x30, 8, FUZZ_RAM + NVME_ACQ);
    fuzz_store(d, c + 0x14, 4, 4 << 20 | 6 << 16 | 1); /* entries of 16 and 64 bytes, enabled */
}

static void nvme_submit(FuzzDevice *d, unsigned q, const uint32_t *dw)
{
    GuestPhys at = FUZZ_RAM + NVME_ASQ + 0x2000 * q + NVME_ENTRY * (d->tail[q] % RING);

    for (unsigned i = 0; i < 16; i++) {
        fuzz_store(d, at + 4 * i, 4, dw[i]);
    }
    d->tail[q] = (d->tail[q] + 1) % RING;
    fuzz_store(d, d->bar[0] + NVME_DOORBELL + 8 * q, 4, d->tail[q]);
    fuzz_store(d, d->bar[0] + NVME_DOORBELL + 8 * q + 4, 4, d->tail[q]); /* all are seen */
}

static void drive_nvme(FuzzDevice *d, FuzzIn *in)
{
    uint8_t op = fuzz_u8(in), how = fuzz_u8(in);
    uint32_t dw[16] = { op | (uint32_t)fuzz_u8(in) << 16, how % 4 };

    dw[6] = FUZZ_RAM + DATA_AT + fuzz_u16(in) * 4u;
    dw[8] = how & 4 ? FUZZ_RAM + DATA_AT + fuzz_u16(in) * 4u : 0;
    dw[0] |= how & 8 ? (how & 16 ? 2u : 1u) << 14 : 0; /* SGL */
    for (unsigned i = 10; i < 16; i++) {
        dw[i] = how & 32 ? fuzz_u32(in) : fuzz_u8(in);
    }
    if (how & 128 && op % 4 < 2) { /* the queues for data */
        dw[0] = op % 4 ? 1 : 5;
        dw[6] = FUZZ_RAM + (op % 4 ? NVME_ASQ : NVME_ACQ) + 0x2000;
        dw[10] = (RING - 1) << 16 | 1;
        dw[11] = (op % 4 ? 1 << 16 : 2) | 1;
        how &= ~64u;
    }
    nvme_submit(d, how & 64 ? 1 : 0, dw);
}

/* ---- Any ---- */

void fuzz_begin(FuzzDevice *d, FuzzIn *in)
{
    uint32_t features = ~fuzz_u32(in);

    if (is_virtio_pci(d)) {
        begin_virtio_pci(d, features);
    } else if (d->transport) {
        begin_virtio_mmio(d, features);
    } else if (is_nvme(d)) {
        begin_nvme(d);
    } else if (fuzz_is_xhci(d)) {
        fuzz_begin_xhci(d);
    } else if (fuzz_is_e1000(d)) {
        fuzz_begin_e1000(d);
    } else if (fuzz_is_uhci(d) || fuzz_is_ehci(d)) {
        fuzz_begin_hc(d);
    }
    if (fuzz_is_9p(d)) {
        fuzz_begin_9p(d);
    }
}

void fuzz_drive(FuzzDevice *d, FuzzIn *in)
{
    if (fuzz_is_9p(d) && fuzz_u8(in) % 4) {
        fuzz_drive_9p(d, in);
    } else if (is_virtio_pci(d) || d->transport) {
        drive_virtio(d, in);
    } else if (is_nvme(d)) {
        drive_nvme(d, in);
    } else if (fuzz_is_xhci(d)) {
        fuzz_drive_xhci(d, in);
    } else if (fuzz_is_e1000(d)) {
        fuzz_drive_e1000(d, in);
    } else if (fuzz_is_uhci(d) || fuzz_is_ehci(d)) {
        fuzz_drive_hc(d, in);
    }
}
