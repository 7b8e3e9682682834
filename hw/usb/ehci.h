/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An EHCI controller: what ehci.c (registers, ports, life) and ehci-xfer.c (the two schedules)
 * share. All under its lock.
 *
 * Spec: "Enhanced Host Controller Interface Specification for Universal Serial Bus" 1.0, called
 * EHCI here.
 */
#ifndef HW_USB_EHCI_H
#define HW_USB_EHCI_H

#include "hw/pci/pci.h"
#include "hw/usb/control.h"

enum {
    EHCI_PORTS = 6,
    EHCI_MICROFRAME_NS = 125000,
    EHCI_FRAME_NS = 1000000,
};

/* "2.3.1 USBCMD" */
enum {
    EHCI_RS = 1 << 0,
    EHCI_HCRESET = 1 << 1,
    EHCI_FLS_SHIFT = 2,
    EHCI_PSE = 1 << 4,
    EHCI_ASE = 1 << 5,
    EHCI_IAAD = 1 << 6,
};
/* "2.3.2 USBSTS" */
enum {
    EHCI_INT = 1 << 0,
    EHCI_ERRINT = 1 << 1,
    EHCI_PCD = 1 << 2,
    EHCI_FLR = 1 << 3,
    EHCI_HSE = 1 << 4,
    EHCI_IAA = 1 << 5,
    EHCI_EVENTS = 0x3f,
    EHCI_HALTED = 1 << 12,
    EHCI_PSS = 1 << 14,
    EHCI_ASS = 1 << 15,
};

typedef struct EhciXfer EhciXfer;

typedef struct Ehci {
    PciDevice pci;
    /* registers */
    uint32_t usbcmd, usbsts, usbintr, frindex, periodic, async, configured;
    uint32_t portsc[EHCI_PORTS];
    /* state */
    uint64_t counted_ns; /* when frindex was right */
    Timer tick;
    UsbBus bus;
    GPtrArray *xfers; /* of EhciXfer: under way in devices */
    UsbControl control[USB_ADDRESSES];
    uint8_t *saved; /* `control`, while the machine is saved and loaded */
    uint32_t saved_len;
    bool busy; /* something ended in the last round */
    bool in_round;
    uint32_t round;
} Ehci;

#define ehci_of(dev_) device_as(dev_, Ehci)

static inline bool ehci_runs(const Ehci *s)
{
    return s->usbcmd & EHCI_RS && !(s->usbsts & EHCI_HALTED);
}

void ehci_events(Ehci *s, uint32_t events);
/* Memory cannot be reached. */
void ehci_die(Ehci *s, uint64_t addr);
/* Is the way from the controller to @u open? */
bool ehci_reaches(const Ehci *s, const UsbDevice *u);
uint32_t ehci_frindex(const Ehci *s);

/* ehci-xfer.c */
/* Look at both schedules, the periodic one for @frames frames up to the present one. */
void ehci_run(Ehci *s, unsigned frames);
/* The asynchronous one once; what is under way and not in it any more is forgotten. */
void ehci_advance(Ehci *s);
void ehci_forget(Ehci *s);
void ehci_gone(Ehci *s, UsbDevice *u);

#endif
