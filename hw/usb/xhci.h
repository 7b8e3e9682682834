/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An xHCI controller: what xhci.c (registers, ports), xhci-event.c (event rings, interrupts),
 * xhci-cmd.c (the command ring) and xhci-xfer.c (transfer rings) share. All under its lock.
 *
 * Spec: "eXtensible Host Controller Interface for Universal Serial Bus" 1.1, called xHCI here.
 */
#ifndef HW_USB_XHCI_H
#define HW_USB_XHCI_H

#include "hw/pci/pci.h"
#include "hw/usb/usb.h"

enum {
    XHCI_SLOTS = 64,
    XHCI_INTRS = 16,
    XHCI_EPS = 31, /* device contexts' indices 1 to 31 */
    XHCI_PORTS_EACH = 15,
    XHCI_PORTS = 2 * XHCI_PORTS_EACH,
    XHCI_SEGMENTS = 16, /* of an event ring */
    XHCI_TRB = 16,
    XHCI_CTX = 32, /* bytes of a context */
    XHCI_MICROFRAME_NS = 125000,
};

/* "6.4.6 TRB Types" */
enum {
    TRB_NORMAL = 1,
    TRB_SETUP,
    TRB_DATA,
    TRB_STATUS,
    TRB_ISOCH,
    TRB_LINK,
    TRB_EVENT_DATA,
    TRB_NOOP,
    TRB_ENABLE_SLOT,
    TRB_DISABLE_SLOT,
    TRB_ADDRESS_DEVICE,
    TRB_CONFIGURE_EP,
    TRB_EVALUATE,
    TRB_RESET_EP,
    TRB_STOP_EP,
    TRB_SET_DEQUEUE,
    TRB_RESET_DEVICE,
    TRB_FORCE_EVENT,
    TRB_NEGOTIATE_BANDWIDTH,
    TRB_SET_LATENCY,
    TRB_PORT_BANDWIDTH,
    TRB_FORCE_HEADER,
    TRB_NOOP_COMMAND,
    TRB_TRANSFER_EVENT = 32,
    TRB_COMMAND_EVENT,
    TRB_PORT_EVENT,
    TRB_HOST_EVENT = 37,
    TRB_WRAP_EVENT = 39,
    TRB_NEC_EVENT = 48,
    TRB_NEC_FIRMWARE = 49,
    /* control */
    TRB_CYCLE = 1 << 0,
    TRB_TOGGLE = 1 << 1, /* of a link */
    TRB_ISP = 1 << 2,    /* tell of a short packet; of an event: is from event data */
    TRB_CHAIN = 1 << 4,
    TRB_IOC = 1 << 5,
    TRB_IMMEDIATE = 1 << 6,
    TRB_BLOCK_EVENT = 1 << 9,
    TRB_BSR = 1 << 9, /* of Address Device; of Configure Endpoint: deconfigure */
};

/* "6.4.5 TRB Completion Codes" */
enum {
    CC_SUCCESS = 1,
    CC_BUFFER_ERROR,
    CC_BABBLE,
    CC_TRANSACTION_ERROR,
    CC_TRB_ERROR,
    CC_STALL,
    CC_RESOURCE,
    CC_NO_SLOTS = 9,
    CC_SLOT_DISABLED = 11,
    CC_EP_DISABLED,
    CC_SHORT_PACKET,
    CC_PARAMETER = 17,
    CC_CONTEXT_STATE = 19,
    CC_COMMAND_STOPPED = 24,
    CC_STOPPED = 26,
};

/* "6.2.3 Endpoint Context": states and types */
enum { EP_DISABLED, EP_RUNNING, EP_HALTED, EP_STOPPED, EP_ERROR };
enum { EP_ISOCH_OUT = 1, EP_BULK_OUT, EP_INTR_OUT, EP_CONTROL, EP_ISOCH_IN, EP_BULK_IN };
/* "6.2.2 Slot Context" */
enum { SLOT_DISABLED, SLOT_DEFAULT, SLOT_ADDRESSED, SLOT_CONFIGURED };

typedef struct XhciTrb {
    uint64_t addr, param;
    uint32_t status, control;
} XhciTrb;

typedef struct XhciXfer XhciXfer;

typedef struct XhciEp {
    uint8_t state, type, cycle;
    uint16_t max_packet;
    uint64_t dequeue;
    XhciXfer *xfer; /* under way in the device */
} XhciEp;

typedef struct XhciSlot {
    uint8_t enabled, state, port;
    uint16_t intr; /* interrupter target */
    uint32_t route;
    uint64_t ctx; /* the device context */
    UsbDevice *dev;
    uint32_t pending; /* bit per endpoint to look at */
} XhciSlot;

typedef struct XhciIntr {
    uint32_t iman, imod, erstsz, erdp_low, erdp_high;
    uint64_t erstba;
    uint16_t seg, pos; /* where the next event goes */
    uint8_t cycle, ipe;
    /* the segment table, as it was read */
    uint8_t n_segs;
    uint64_t seg_base[XHCI_SEGMENTS];
    uint16_t seg_size[XHCI_SEGMENTS];
} XhciIntr;

typedef struct XhciPort {
    uint32_t portsc, portpmsc, porthlpmc;
} XhciPort;

typedef struct Xhci {
    PciDevice pci;
    /* properties */
    uint32_t p2, p3, n_slots, n_intrs;
    bool with_msi, with_msix;
    /* registers */
    uint32_t usbcmd, usbsts, dnctrl, config;
    uint32_t crcr_low, crcr_high, dcbaap_low, dcbaap_high;
    XhciPort port[XHCI_PORTS];
    XhciIntr intr[XHCI_INTRS];
    /* state */
    uint64_t cmd_dequeue;
    uint8_t cmd_cycle, cmd_running;
    uint64_t mf_start_ns;
    XhciSlot slot[XHCI_SLOTS]; /* slot 1 is the first */
    XhciEp ep[XHCI_SLOTS * XHCI_EPS];
    Timer wrap, again;
    UsbBus bus;
    uint64_t pending_slots;
    bool in_kick;
    uint8_t starved; /* something waits for room in an event ring */
} Xhci;

#define xhci_of(dev_) device_as(dev_, Xhci)

enum { USBCMD_RS = 1, USBCMD_HCRST = 2, USBCMD_INTE = 4, USBCMD_EWE = 1 << 10 };
enum { USBSTS_HCH = 1, USBSTS_HSE = 4, USBSTS_EINT = 8, USBSTS_PCD = 16, USBSTS_HCE = 1 << 12 };

static inline bool xhci_runs(const Xhci *s)
{
    return s->usbcmd & USBCMD_RS && !(s->usbsts & (USBSTS_HCH | USBSTS_HCE));
}
static inline XhciEp *xhci_ep(Xhci *s, unsigned slot, unsigned ep)
{
    return &s->ep[(slot - 1) * XHCI_EPS + ep - 1];
}
static inline unsigned trb_type(uint32_t control)
{
    return control >> 10 & 63;
}

NODISCARD bool xhci_read_trb(Xhci *s, uint64_t addr, XhciTrb *t);
/* The host controller error: memory cannot be reached, or a ring makes no sense. */
void xhci_die(Xhci *s, const char *why, uint64_t addr);

/* xhci-event.c */
/* @control: type and what belongs to it, without the cycle bit. @block: no interrupt for it. */
void xhci_event(Xhci *s, unsigned intr, uint64_t param, uint32_t status, uint32_t control,
                bool block);
/* Is there room for some events? */
bool xhci_event_room(Xhci *s, unsigned intr);
void xhci_intr_update(Xhci *s, unsigned intr);
/* The segment table is to be read again. */
void xhci_intr_restart(XhciIntr *i);

/* xhci-cmd.c */
void xhci_run_commands(Xhci *s);
void xhci_disable_slot(Xhci *s, unsigned slot);
/* Which port, by number from 1, has the device that begins @u's way. */
unsigned xhci_port_of(Xhci *s, const UsbDevice *u);

/* xhci-xfer.c */
void xhci_kick(Xhci *s, unsigned slot, unsigned ep);
void xhci_kick_all(Xhci *s);
/* Forget what is under way; false: nothing was. With an event: the driver hears of it. */
bool xhci_cancel(Xhci *s, unsigned slot, unsigned ep, unsigned code);
/* End it as if the device had not answered. */
void xhci_fail(Xhci *s, unsigned slot, unsigned ep);
/* Write an endpoint's state to its context. */
void xhci_ep_store(Xhci *s, unsigned slot, unsigned ep);

#endif
