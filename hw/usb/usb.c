/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: their place, standard requests (USB2 "9.4"), packets. */
#include "hw/usb/usb.h"

#include "core/event/loop.h"
#include "util/bytes.h"

/* ---- Packets ---- */

static unsigned usb_halt_bit(unsigned address)
{
    return (address & 15) + (address & USB_DIR_IN ? USB_EP_NUMBERS : 0);
}

UsbStatus usb_answer(UsbPacket *p, const void *bytes, size_t len)
{
    if (len > p->len) {
        len = p->len;
    }
    memcpy(p->buf, bytes, len);
    p->actual = (uint32_t)len;
    return USB_OK;
}

/* Is there such an endpoint in the configuration? */
static const UsbEndpointDesc *usb_endpoint(UsbDevice *u, unsigned address)
{
    const UsbDesc *t = usb_desc(u);

    for (unsigned i = 0; u->configuration && i < t->n_interfaces; i++) {
        for (unsigned k = 0; k < t->interfaces[i].n_endpoints; k++) {
            if (t->interfaces[i].endpoints[k].address == address) {
                return &t->interfaces[i].endpoints[k];
            }
        }
    }
    return NULL;
}

static UsbStatus usb_get_status(UsbDevice *u, UsbPacket *p)
{
    unsigned to = p->setup[0] & 31, address = usb_index(p) & 0xff;
    uint8_t b[2] = { 0 };

    if (to == 0) {
        b[0] = (usb_desc(u)->config_attr & USB_CONFIG_SELF ? 1 : 0) | (u->remote_wake ? 2 : 0);
    } else if (to == USB_TO_ENDPOINT) {
        if (address & 15 && !usb_endpoint(u, address)) {
            return USB_STALL;
        }
        b[0] = u->halted >> usb_halt_bit(address) & 1;
    }
    return usb_answer(p, b, sizeof(b));
}

static UsbStatus usb_feature(UsbDevice *u, UsbPacket *p, bool set)
{
    unsigned to = p->setup[0] & 31, address = usb_index(p) & 0xff, what = usb_value(p);

    if (to == USB_TO_ENDPOINT && what == USB_FEATURE_HALT) {
        uint32_t bit = 1u << usb_halt_bit(address);

        if (!(address & 15)) {
            return USB_OK;
        }
        if (!usb_endpoint(u, address)) {
            return USB_STALL;
        }
        u->halted = set ? u->halted | bit : u->halted & ~bit;
        if (!set && usb_type(u)->unhalted) {
            usb_type(u)->unhalted(u, (uint8_t)address);
        }
        return USB_OK;
    }
    if (to == 0 && what == USB_FEATURE_WAKE && u->speed != USB_SUPER) {
        u->remote_wake = set;
        return USB_OK;
    }
    /* Of SuperSpeed (sleep states of links and functions): nothing here sleeps. */
    return u->speed == USB_SUPER ? USB_OK : USB_STALL;
}

static UsbStatus usb_set_configuration(UsbDevice *u, UsbPacket *p)
{
    unsigned value = usb_value(p) & 0xff;

    if (value > 1) {
        return USB_STALL;
    }
    u->configuration = (uint8_t)value;
    u->halted = 0;
    memset(u->alternate, 0, sizeof(u->alternate));
    return USB_OK;
}

static UsbStatus usb_interface(UsbDevice *u, UsbPacket *p)
{
    if (!u->configuration || usb_index(p) >= usb_desc(u)->n_interfaces) {
        return USB_STALL;
    }
    if (p->setup[1] == USB_REQ_GET_INTERFACE) {
        return usb_answer(p, &u->alternate[usb_index(p)], 1);
    }
    return usb_value(p) ? USB_STALL : USB_OK; /* each has one setting */
}

static UsbStatus usb_standard(UsbDevice *u, UsbPacket *p)
{
    switch (p->setup[1]) {
    case USB_REQ_GET_STATUS:
        return usb_get_status(u, p);
    case USB_REQ_CLEAR_FEATURE:
    case USB_REQ_SET_FEATURE:
        return usb_feature(u, p, p->setup[1] == USB_REQ_SET_FEATURE);
    case USB_REQ_SET_ADDRESS:
        u->address = usb_value(p) & 0x7f;
        return USB_OK;
    case USB_REQ_GET_DESCRIPTOR:
        return usb_get_descriptor(u, p);
    case USB_REQ_GET_CONFIGURATION:
        return usb_answer(p, &u->configuration, 1);
    case USB_REQ_SET_CONFIGURATION:
        return usb_set_configuration(u, p);
    case USB_REQ_GET_INTERFACE:
    case USB_REQ_SET_INTERFACE:
        return usb_interface(u, p);
    case USB_REQ_SET_SEL:
    case USB_REQ_SET_ISOCH_DELAY:
        return u->speed == USB_SUPER ? USB_OK : USB_STALL;
    default:
        return USB_STALL;
    }
}

static UsbStatus usb_control(UsbDevice *u, UsbPacket *p)
{
    UsbStatus status = USB_STALL;

    if (usb_type(u)->control) {
        status = usb_type(u)->control(u, p);
    }
    return status == USB_STALL && !(p->setup[0] & 0x60) ? usb_standard(u, p) : status;
}

UsbStatus usb_submit(UsbPacket *p)
{
    UsbDevice *u = p->dev;
    unsigned address = p->ep | (p->pid == USB_PID_IN ? USB_DIR_IN : 0);
    UsbStatus status;

    p->actual = 0;
    p->status = USB_ASYNC;
    p->in_submit = true;
    if (!u || !u->port) {
        status = USB_ERROR;
    } else if (p->pid == USB_PID_SETUP) {
        status = p->ep ? USB_STALL : usb_control(u, p);
    } else if (!p->ep || !usb_endpoint(u, address)) {
        status = USB_ERROR;
    } else if (u->halted >> usb_halt_bit(address) & 1) {
        status = USB_STALL;
    } else {
        status = usb_type(u)->data(u, p);
        u->halted |= status == USB_STALL ? 1u << usb_halt_bit(address) : 0;
    }
    p->in_submit = false;
    if (status != USB_ASYNC) {
        p->status = status;
    }
    return p->status; /* usb_complete may have been called already */
}

void usb_complete(UsbPacket *p, UsbStatus status)
{
    unsigned address = p->ep | (p->pid == USB_PID_IN ? USB_DIR_IN : 0);

    p->status = status;
    if (status == USB_STALL && p->pid != USB_PID_SETUP) {
        p->dev->halted |= 1u << usb_halt_bit(address);
    }
    if (!p->in_submit) {
        p->done(p);
    }
}

void usb_cancel(UsbPacket *p)
{
    if (p->dev && usb_type(p->dev)->cancel) {
        usb_type(p->dev)->cancel(p->dev, p);
    }
}

void usb_reset(UsbDevice *u)
{
    u->address = u->configuration = u->remote_wake = 0;
    u->halted = 0;
    memset(u->alternate, 0, sizeof(u->alternate));
    if (usb_type(u)->reset) {
        usb_type(u)->reset(u);
    }
}

/* ---- The base of devices ---- */

static void usb_port_changed(UsbPort *p, bool attached)
{
    UsbBus *b = p->bus;

    if (p->hub) {
        usb_type(p->hub)->port_changed(p->hub, p);
    } else if (attached) {
        b->ops->attach(b, p);
    } else {
        b->ops->detach(b, p);
    }
}

static unsigned usb_speeds(UsbDevice *u)
{
    unsigned mask = 0;

    for (unsigned s = USB_LOW; s < USB_SPEEDS; s++) {
        mask |= usb_desc(u)->max_packet0[s] ? 1u << s : 0;
    }
    return mask;
}

static UsbPort *usb_choose_port(UsbDevice *u, UsbBus *b, GError **err)
{
    unsigned speeds = usb_speeds(u);

    for (unsigned i = 0; i < b->ports->len; i++) {
        UsbPort *p = g_ptr_array_index(b->ports, i);

        if (u->port_path ? strcmp(p->path, u->port_path) != 0 : p->dev || !(p->speeds & speeds)) {
            continue;
        }
        if (p->dev) {
            error_set(err, "port=%s of bus '%s' is taken by %s", p->path, b->name,
                      device_path(&p->dev->dev));
            return NULL;
        }
        if (!(p->speeds & speeds)) {
            error_set(err, "port=%s of bus '%s' has none of the device's speeds", p->path, b->name);
            return NULL;
        }
        return p;
    }
    error_set(err,
              u->port_path ? "bus '%s' has no port '%s': ports are 1, 2, ...; of a hub on port 1 "
                             "1.1, 1.2, ..."
                           : "bus '%s' has no free port%s: a usb-hub adds some",
              b->name, u->port_path ? u->port_path : "");
    return NULL;
}

/* What a type's own `start` calls first. */
static bool usb_start(Device *dev, GError **err)
{
    return usb_plug(usb_of(dev), err);
}

NO_LOCK_ANALYSIS bool usb_plug(UsbDevice *u, GError **err)
{
    UsbBus *b = usb_bus_find(u->dev.machine, u->bus_name);
    UsbPort *p;

    if (!b) {
        return u->bus_name ? error_set(err, "no USB bus '%s'", u->bus_name)
                           : error_set(err, "this machine has no USB controller: add -device "
                                            "qemu-xhci before it, or -usb");
    }
    device_enter(b->owner);
    p = usb_choose_port(u, b, err);
    for (unsigned s = USB_LOW; p && s < USB_SPEEDS; s++) {
        if (p->speeds & usb_speeds(u) & 1u << s) {
            u->speed = (uint8_t)s;
        }
    }
    if (p) {
        p->dev = u;
        u->port = p;
        u->dev.on = p->hub ? &p->hub->dev : b->owner; /* it goes with that */
    }
    device_leave(b->owner);
    return p != NULL;
}

static void usb_ready(Device *dev)
{
    usb_attach(usb_of(dev));
}

NO_LOCK_ANALYSIS static void usb_attach_now(void *arg)
{
    UsbDevice *u = arg;

    if (usb_enter(u)) {
        usb_port_changed(u->port, true);
        usb_leave(u);
    }
}

void usb_attach(UsbDevice *u)
{
    Machine *m = u->dev.machine;

    if (machine_has_started(m)) {
        loop_post(m, usb_attach_now, u); /* the core resets it yet */
    } else {
        usb_attach_now(u);
    }
}

char *usb_boot_path(const UsbDevice *u)
{
    GString *path = g_string_new("");

    for (const UsbPort *p = u->port; p; p = p->hub ? p->hub->port : NULL) {
        g_autofree char *node =
            g_strdup_printf("/%s@%x", p != u->port ? "hub" : "storage", p->number);

        g_string_prepend(path, node);
    }
    return g_string_free(path, FALSE);
}

NO_LOCK_ANALYSIS void usb_unplug(UsbDevice *u)
{
    UsbPort *p = u->port;
    Device *owner = p ? p->bus->owner : NULL;

    if (!p) {
        return;
    }
    loop_unpost(u->dev.machine, usb_attach_now, u);
    device_enter(owner);
    p->bus->ops->gone(p->bus, u);
    p->dev = NULL;
    u->port = NULL;
    usb_port_changed(p, false);
    device_leave(owner);
}

static void usb_stop(Device *dev)
{
    usb_unplug(usb_of(dev));
}

/* Nobody is asked: the guest sees that it is gone. */
static bool usb_pull(Device *dev, GError **err)
{
    device_delete(dev, true);
    return true;
}

static void usb_dev_reset(Device *dev, ResetType type)
{
    usb_reset(usb_of(dev));
}

static const Field usb_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, FIELD_AT(UsbDevice, bus_name, sizeof(char *)),
      .doc = "the controller's bus (ID.0); the first without it" },
    { "port", FIELD_PROP, TYPE_STR, FIELD_AT(UsbDevice, port_path, sizeof(char *)),
      .doc = "port: 1, 2, ...; of a hub on port 1: 1.1, 1.2, ..." },
    PROP_STR(UsbDevice, serial, NULL, .doc = "serial number that the guest is told"),
    SCRATCH(UsbDevice, port),
    SCRATCH(UsbDevice, speed),
    STATE_U8(UsbDevice, address, .max = 127),
    STATE_U8(UsbDevice, configuration, .max = 1),
    STATE_U8(UsbDevice, remote_wake, .max = 1),
    STATE_ARRAY(UsbDevice, alternate, .max = 1),
    STATE_U32(UsbDevice, halted),
};

const DeviceType device_usb = {
    .name = "usb-device",
    .doc = "device on a USB bus",
    .size = sizeof(UsbDevice),
    .fields = TABLE(usb_fields),
    .start = usb_start,
    .ready = usb_ready,
    .stop = usb_stop,
    .unplug = usb_pull,
    .reset = usb_dev_reset,
};
