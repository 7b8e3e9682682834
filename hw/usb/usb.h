/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USB: buses, their ports, devices with descriptors in tables, and packets.
 *
 * A bus is a controller's: everything on it happens under the controller's device lock, which
 * usb_enter takes for work that comes from elsewhere (a disk's request has ended, a key was
 * pressed). A device is a Device whose struct begins with UsbDevice and whose type's base is
 * device_usb and whose `extra` is a UsbType. Packets are asynchronous: a controller submits one,
 * and it ends at once, or later by usb_complete, unless the controller cancels it.
 *
 * Spec: "Universal Serial Bus Specification" 2.0 (USB2), "Universal Serial Bus 3.1 Specification"
 * (USB3).
 */
#ifndef HW_USB_USB_H
#define HW_USB_USB_H

#include "core/device.h"

enum {
    USB_PORT_MAX = 32,   /* of a controller */
    USB_HUB_PORTS = 8,   /* of a hub */
    USB_DEPTH_MAX = 5,   /* hubs between a controller and a device */
    USB_EP_NUMBERS = 16, /* endpoint 0 and 15 of each direction */
    USB_SETUP_BYTES = 8,
    USB_IFACES_MAX = 4,
};

typedef enum UsbSpeed { USB_LOW, USB_FULL, USB_HIGH, USB_SUPER, USB_SPEEDS } UsbSpeed;

enum {
    USB_MASK_LOW = 1 << USB_LOW,
    USB_MASK_FULL = 1 << USB_FULL,
    USB_MASK_HIGH = 1 << USB_HIGH,
    USB_MASK_SUPER = 1 << USB_SUPER,
};

/* USB2 "8.3.1 Packet Identifier Field" */
enum { USB_PID_OUT = 0xe1, USB_PID_IN = 0x69, USB_PID_SETUP = 0x2d };

typedef enum UsbStatus {
    USB_OK,
    USB_NAK,    /* nothing there now: the device calls usb_wakeup when it is worth trying again */
    USB_STALL,  /* refused; the endpoint is halted, unless it is endpoint 0 */
    USB_BABBLE, /* the device has more than was asked for */
    USB_ERROR,  /* no answer, or a wrong one */
    USB_ASYNC,  /* it ends by usb_complete */
} UsbStatus;

/* USB2 "9.4 Standard Device Requests", "9.6 Standard USB Descriptor Definitions" */
enum {
    USB_REQ_GET_STATUS = 0,
    USB_REQ_CLEAR_FEATURE = 1,
    USB_REQ_SET_FEATURE = 3,
    USB_REQ_SET_ADDRESS = 5,
    USB_REQ_GET_DESCRIPTOR = 6,
    USB_REQ_GET_CONFIGURATION = 8,
    USB_REQ_SET_CONFIGURATION = 9,
    USB_REQ_GET_INTERFACE = 10,
    USB_REQ_SET_INTERFACE = 11,
    USB_REQ_SET_SEL = 48,
    USB_REQ_SET_ISOCH_DELAY = 49,
    USB_DT_DEVICE = 1,
    USB_DT_CONFIG = 2,
    USB_DT_STRING = 3,
    USB_DT_INTERFACE = 4,
    USB_DT_ENDPOINT = 5,
    USB_DT_QUALIFIER = 6,
    USB_DT_OTHER_SPEED = 7,
    USB_DT_BOS = 15,
    USB_DT_CAPABILITY = 16,
    USB_DT_HID = 0x21,
    USB_DT_HID_REPORT = 0x22,
    USB_DT_HUB = 0x29,
    USB_DT_COMPANION = 48,
    USB_DIR_IN = 0x80,
    USB_ATTR_BULK = 2,
    USB_ATTR_INTERRUPT = 3,
    USB_CONFIG_ONE = 0x80,  /* must be set in bmAttributes */
    USB_CONFIG_SELF = 0x40, /* powered by itself */
    USB_CONFIG_WAKE = 0x20, /* remote wakeup */
    USB_FEATURE_HALT = 0,
    USB_FEATURE_WAKE = 1,
};

/* wRequest of usb_request(): bmRequestType in the high byte, bRequest in the low one. */
#define USB_TYPE_CLASS   0x20
#define USB_TO_INTERFACE 0x01
#define USB_TO_ENDPOINT  0x02
#define USB_TO_OTHER     0x03

typedef struct UsbBus UsbBus;
typedef struct UsbDevice UsbDevice;
typedef struct UsbPort UsbPort;
typedef struct UsbPacket UsbPacket;

/* ---- Descriptors in tables ---- */

typedef struct UsbEndpointDesc {
    uint8_t address; /* USB_DIR_IN | number */
    uint8_t attr;    /* USB_ATTR_* */
    uint16_t max_packet[USB_SPEEDS];
    uint8_t interval[USB_SPEEDS];
    uint8_t max_burst; /* of the SuperSpeed companion */
    /* Descriptors of the class that stand behind it. */
    const uint8_t *extra;
    uint8_t extra_len;
} UsbEndpointDesc;

typedef struct UsbInterfaceDesc {
    uint8_t class_code, subclass, protocol;
    uint8_t name; /* string; 0: none */
    /* Descriptors of the class that stand between the interface's and its endpoints'. */
    const uint8_t *extra;
    uint8_t extra_len;
    const UsbEndpointDesc *endpoints;
    uint8_t n_endpoints;
} UsbInterfaceDesc;

typedef struct UsbDesc {
    uint16_t vendor, product, release;
    uint8_t manufacturer_str, product_str, serial_str; /* indices in strings; 0: none */
    const char *const *strings;                        /* from index 1 */
    uint8_t n_strings;
    uint8_t class_code, subclass, protocol;
    uint8_t max_packet0[USB_SPEEDS]; /* 0: not this speed; SuperSpeed as the power of 2 */
    uint8_t config_attr, max_power;  /* in 2 mA */
    uint8_t config_name;
    const UsbInterfaceDesc *interfaces;
    uint8_t n_interfaces;
} UsbDesc;

/* ---- Devices ---- */

typedef struct UsbType {
    const UsbDesc *desc;
    /* Other descriptors when the device has been asked for one kind; NULL: `desc`. */
    const UsbDesc *(*choose)(UsbDevice *u);
    /* A control request that is not a standard one, or one to an interface. @buf has p's data (OUT)
     * or takes it (IN); USB_OK with p->actual set, or USB_STALL. NULL: stall all. */
    UsbStatus (*control)(UsbDevice *u, UsbPacket *p);
    /* A packet of an endpoint other than 0 that is not halted. */
    UsbStatus (*data)(UsbDevice *u, UsbPacket *p);
    /* Forget @p, which is under way (USB_ASYNC). NULL: none of its packets ever is. */
    void (*cancel)(UsbDevice *u, UsbPacket *p);
    /* A port's reset, or the machine's: the class's state. */
    void (*reset)(UsbDevice *u);
    /* End what is under way: the machine is about to be saved. */
    void (*drain)(UsbDevice *u);
    /* A halt condition of an endpoint was cleared. */
    void (*unhalted)(UsbDevice *u, uint8_t address);
    /* A hub: something was plugged into its port, or pulled. */
    void (*port_changed)(UsbDevice *u, UsbPort *p);
} UsbType;

struct UsbDevice {
    Device dev;
    /* properties */
    char *bus_name;  /* "bus" */
    char *port_path; /* "port": "1", "1.2" */
    char *serial;
    /* where it is; NULL: nowhere (any more) */
    UsbPort *port;
    uint8_t speed; /* UsbSpeed */
    /* state */
    uint8_t address, configuration, remote_wake;
    uint8_t alternate[USB_IFACES_MAX];
    uint32_t halted; /* bit per endpoint: number, 16 + number for IN */
};

extern const DeviceType device_usb; /* base of all */

#define usb_of(dev_) device_as(dev_, UsbDevice)

static inline const UsbType *usb_type(const UsbDevice *u)
{
    return u->dev.type->extra;
}
static inline const UsbDesc *usb_desc(UsbDevice *u)
{
    return usb_type(u)->choose ? usb_type(u)->choose(u) : usb_type(u)->desc;
}
/* For the `start`, `ready` and `stop` of types that have their own (those of the base call them).
 * Takes a port. Errors: no bus, no such port, taken, none free. */
NODISCARD bool usb_plug(UsbDevice *u, GError **err);
void usb_attach(UsbDevice *u);
void usb_unplug(UsbDevice *u);
/* Its part of a path of firmware's, below the controller: "/hub@1/storage@2"; the caller frees. */
char *usb_boot_path(const UsbDevice *u);
/* Its product's name for people. */
const char *usb_product(UsbDevice *u);

/* ---- Ports and buses ---- */

struct UsbPort {
    UsbBus *bus;
    UsbDevice *hub; /* whose port it is; NULL: of the controller */
    uint8_t number; /* from 1 */
    uint8_t speeds; /* USB_MASK_* that it can do */
    UsbDevice *dev; /* what is plugged in */
    char *path;     /* "1.2"; owned by the bus */
};

typedef struct UsbBusOps {
    /* A device was plugged into, or pulled from, a port of the controller. */
    void (*attach)(UsbBus *b, UsbPort *p);
    void (*detach)(UsbBus *b, UsbPort *p);
    /* @u, anywhere on the bus, is going. */
    void (*gone)(UsbBus *b, UsbDevice *u);
    /* Endpoint @address may have what it had not. */
    void (*wakeup)(UsbBus *b, UsbDevice *u, uint8_t address);
} UsbBusOps;

struct UsbBus {
    Device *owner; /* the controller */
    const UsbBusOps *ops;
    char *name;
    GPtrArray *ports; /* UsbPort, those of hubs as well; owned */
    bool draining;    /* the owner's lock is held while packets end */
};

/* Errors: the name is taken. LOOP_THREAD, in the owner's start. */
NODISCARD bool usb_bus_init(UsbBus *b, Device *owner, const UsbBusOps *ops, GError **err);
/* Pulls what is plugged in, without a word to the controller; in the owner's stop. */
void usb_bus_deinit(UsbBus *b);
UsbPort *usb_bus_add_port(UsbBus *b, UsbDevice *hub, unsigned number, unsigned speeds);
void usb_bus_remove_ports(UsbBus *b, UsbDevice *hub);
/* "xhci.0", or "usb-bus.N" by order; NULL name: the first there is. NULL: none. */
UsbBus *usb_bus_find(Machine *m, const char *name);
/* The device behind port @number of the controller by hub ports in @route (USB3 "8.9 Route String
 * Field"); NULL. */
UsbDevice *usb_bus_at(UsbBus *b, unsigned number, uint32_t route);
/* `info usb` */
void usb_info_text(Machine *m, GString *text);

/* The controller's lock for work that comes from elsewhere; ANY_THREAD, with no lock held. */
NODISCARD bool usb_enter(
    UsbDevice *u); /* false: it is on no bus (any more), and nothing is locked */
void usb_leave(UsbDevice *u);
/* Under the lock. */
void usb_wakeup(UsbDevice *u, uint8_t address);
void usb_drain(UsbBus *b);

/* ---- Packets ---- all under the controller's lock */

struct UsbPacket {
    UsbDevice *dev;
    uint8_t pid;    /* USB_PID_SETUP: a whole control transfer, of which `setup` tells the way */
    uint8_t ep;     /* number */
    bool in_submit; /* the device is being asked */
    bool short_ok;  /* less than len is no error */
    uint8_t setup[USB_SETUP_BYTES];
    uint8_t *buf;
    uint32_t len, actual;
    UsbStatus status;
    void (*done)(UsbPacket *p); /* after USB_ASYNC */
    void *opaque;
};

static inline bool usb_packet_is_in(const UsbPacket *p)
{
    return p->pid == USB_PID_SETUP ? p->setup[0] & USB_DIR_IN : p->pid == USB_PID_IN;
}
/* bmRequestType << 8 | bRequest */
static inline unsigned usb_request(const UsbPacket *p)
{
    return (unsigned)p->setup[0] << 8 | p->setup[1];
}
static inline unsigned usb_value(const UsbPacket *p)
{
    return p->setup[2] | (unsigned)p->setup[3] << 8;
}
static inline unsigned usb_index(const UsbPacket *p)
{
    return p->setup[4] | (unsigned)p->setup[5] << 8;
}
static inline unsigned usb_length(const UsbPacket *p)
{
    return p->setup[6] | (unsigned)p->setup[7] << 8;
}

/* To p->dev. USB_ASYNC: p->done comes, unless it is cancelled. */
UsbStatus usb_submit(UsbPacket *p);
/* The device has ended @p, with p->actual set. */
void usb_complete(UsbPacket *p, UsbStatus status);
void usb_cancel(UsbPacket *p);
/* A reset by the port. */
void usb_reset(UsbDevice *u);
/* An answer of @len bytes to an IN request: as much as was asked for. */
UsbStatus usb_answer(UsbPacket *p, const void *bytes, size_t len);

/* desc.c: the answer to GET_DESCRIPTOR. */
UsbStatus usb_get_descriptor(UsbDevice *u, UsbPacket *p);

#endif
