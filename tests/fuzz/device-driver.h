/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver knows of PCI, virtio and NVMe, for the target of devices. */
#ifndef TESTS_FUZZ_DEVICE_DRIVER_H
#define TESTS_FUZZ_DEVICE_DRIVER_H

#include "block/block.h"
#include "chardev/chardev.h"
#include "core/machine.h"
#include "fsdev/fsdev.h"
#include "net/net.h"
#include "tests/fuzz/fuzz.h"

enum {
    FUZZ_MMIO = 0x10000000,
    FUZZ_ECAM = 0x20000000,
    FUZZ_CONFIG = FUZZ_ECAM + (8 << 12), /* of the function at 1.0 */
    FUZZ_IO = 0x2f000000,
    FUZZ_PCI = 0x30000000, /* bus addresses are the CPU's */
    FUZZ_PCI_SIZE = 0x10000000,
    FUZZ_RAM = 0x40000000,
    FUZZ_RAM_SIZE = 1 << 20,
    FUZZ_WINDOWS = 16,
    FUZZ_DISKS = 4,
    FUZZ_QUEUES = 6,
    FUZZ_CHARDEVS = 4,
};

typedef struct FuzzWindow {
    GuestPhys at;
    uint64_t size;
} FuzzWindow;

typedef struct FuzzDevice {
    Machine *m;
    Device *dev;
    Device *transport; /* virtio-mmio's, of a function alone */
    NetBackend *net;
    BlockBackend *disk[FUZZ_DISKS];
    unsigned n_disks, n_windows;
    FuzzWindow window[FUZZ_WINDOWS];
    GuestPhys bar[6];            /* 0: none */
    uint16_t avail[FUZZ_QUEUES]; /* index of the rings that fuzz_begin has made */
    uint16_t tail[2];            /* of NVMe's */
    unsigned trbs[4];            /* that xHCI's rings have had */
    Chardev *chardev[FUZZ_CHARDEVS];
    unsigned n_chardevs;
    FsDev *fs;
    char folder[64]; /* that fs shares */
    bool is_pci;
    char socket[64];
} FuzzDevice;

void fuzz_store(FuzzDevice *d, GuestPhys at, unsigned size, uint64_t val);
uint64_t fuzz_load(FuzzDevice *d, GuestPhys at, unsigned size);
/* As firmware does: BARs get addresses, memory and DMA are allowed. */
void fuzz_enable_pci(FuzzDevice *d);
/* Windows are where BARs are now. */
void fuzz_find_bars(FuzzDevice *d);
/* As a driver does: queues of virtio or of an NVMe controller. */
void fuzz_begin(FuzzDevice *d, FuzzIn *in);
/* A descriptor, or an element and a notification, or an NVMe command. */
void fuzz_drive(FuzzDevice *d, FuzzIn *in);

/* The driver of virtio tells of something new in queue @q. */
void fuzz_notify(FuzzDevice *d, unsigned q);

/* device-more.c: the same for others, when fuzz_is_*. */
bool fuzz_is_xhci(const FuzzDevice *d);
void fuzz_begin_xhci(FuzzDevice *d);
void fuzz_drive_xhci(FuzzDevice *d, FuzzIn *in);
bool fuzz_is_e1000(const FuzzDevice *d);
void fuzz_begin_e1000(FuzzDevice *d);
void fuzz_drive_e1000(FuzzDevice *d, FuzzIn *in);
/* device-usb.c */
bool fuzz_is_uhci(const FuzzDevice *d);
bool fuzz_is_ehci(const FuzzDevice *d);
void fuzz_begin_hc(FuzzDevice *d);
void fuzz_drive_hc(FuzzDevice *d, FuzzIn *in);
bool fuzz_is_9p(const FuzzDevice *d);
void fuzz_begin_9p(FuzzDevice *d);
void fuzz_drive_9p(FuzzDevice *d, FuzzIn *in);

#endif
