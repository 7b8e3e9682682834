/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UHCI controller: what uhci.c (registers, ports, life) and uhci-xfer.c (the schedule) share. All
 * under its lock.
 *
 * Spec: "Universal Host Controller Interface (UHCI) Design Guide" 1.1, called UHCI here.
 */
#ifndef HW_USB_UHCI_H
#define HW_USB_UHCI_H

#include "hw/pci/pci.h"
#include "hw/usb/control.h"

enum {
    UHCI_PORTS = 2,
    UHCI_FRAME_NS = 1000000,
    UHCI_FRAMES = 1024, /* of the list */
};

/* "2.1.1 USBCMD" */
enum {
    UHCI_RS = 1 << 0,
    UHCI_HCRESET = 1 << 1,
    UHCI_GRESET = 1 << 2,
    UHCI_EGSM = 1 << 3,
};
/* "2.1.2 USBSTS" */
enum {
    UHCI_INT = 1 << 0,
    UHCI_ERRINT = 1 << 1,
    UHCI_RD = 1 << 2,
    UHCI_HSE = 1 << 3,
    UHCI_HCPE = 1 << 4,
    UHCI_HALTED = 1 << 5,
    UHCI_EVENTS = 0x1f,
};
/* What UHCI_INT stands for: "2.1.3 USBINTR" tells them apart. */
enum { UHCI_BY_IOC = 1, UHCI_BY_SHORT = 2 };

typedef struct UhciXfer UhciXfer;

typedef struct Uhci {
    PciDevice pci;
    /* registers */
    uint16_t usbcmd, usbsts, usbintr, frnum;
    uint32_t flbase;
    uint8_t sofmod;
    uint16_t portsc[UHCI_PORTS];
    /* state */
    uint8_t int_by;      /* UHCI_BY_* */
    uint64_t counted_ns; /* when frnum was right */
    Timer tick;
    UsbBus bus;
    GPtrArray *xfers; /* of UhciXfer: under way in devices, or ended there */
    UsbControl control[USB_ADDRESSES];
    uint8_t *saved; /* `control`, while the machine is saved and loaded */
    uint32_t saved_len;
    bool in_round, drained; /* a schedule is being looked at; nothing new is begun */
    uint32_t round;
} Uhci;

#define uhci_of(dev_) device_as(dev_, Uhci)

static inline bool uhci_runs(const Uhci *s)
{
    return s->usbcmd & UHCI_RS;
}

/* UHCI_* of USBSTS; @by: UHCI_BY_*. */
void uhci_events(Uhci *s, unsigned events, unsigned by);
/* It stops for @event, UHCI_HSE or UHCI_HCPE: what is at @addr cannot be reached, or is wrong. */
void uhci_die(Uhci *s, unsigned event, uint64_t addr);
/* Is the way from the controller to @u open? */
bool uhci_reaches(const Uhci *s, const UsbDevice *u);

/* uhci-xfer.c: look at the list of frame s->frnum. */
void uhci_run(Uhci *s);
void uhci_forget(Uhci *s);
void uhci_gone(Uhci *s, UsbDevice *u);

#endif
