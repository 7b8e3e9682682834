/* SPDX-License-Identifier: Apache-2.0 */
/* usb-hub: a full-speed hub. Spec: USB2 chapter 11. */
#include "hw/usb/usb.h"

#include "util/bytes.h"

enum {
    HUB_DEFAULT_PORTS = 8,
    /* "11.24.2.7.1 Port Status Bits" */
    HUB_CONNECTION = 1 << 0,
    HUB_ENABLE = 1 << 1,
    HUB_SUSPEND = 1 << 2,
    HUB_RESET = 1 << 4,
    HUB_POWER = 1 << 8,
    HUB_LOW_SPEED = 1 << 9,
    HUB_CHANGES = 0x1f, /* of connection, enable, suspend, over-current, reset */
    /* "Table 11-17 Hub Class Feature Selectors" */
    FEATURE_ENABLE = 1,
    FEATURE_SUSPEND = 2,
    FEATURE_RESET = 4,
    FEATURE_POWER = 8,
    FEATURE_C_FIRST = 16,
    FEATURE_C_LAST = 20,
    HUB_EP = 1,
    HUB_NO_POWER_SWITCH = 2,      /* wHubCharacteristics */
    HUB_NO_OVER_CURRENT = 1 << 4, /* "11.23.2.1 Hub Descriptor" */
};

typedef struct UsbHub {
    UsbDevice usb;
    uint32_t n_ports; /* property */
    uint16_t status[USB_HUB_PORTS], change[USB_HUB_PORTS];
    UsbPort *port[USB_HUB_PORTS];
} UsbHub;

static UsbHub *hub_of(UsbDevice *u)
{
    return device_as(&u->dev, UsbHub);
}

/* What is plugged in, as a port without power shows nothing. */
static uint16_t hub_connected(const UsbHub *s, unsigned n)
{
    const UsbDevice *d = s->port[n]->dev;

    return d && s->status[n] & HUB_POWER
               ? (uint16_t)(HUB_CONNECTION | (d->speed == USB_LOW ? HUB_LOW_SPEED : 0))
               : 0;
}

static void hub_changed(UsbHub *s, unsigned n, unsigned bits)
{
    s->change[n] |= (uint16_t)bits;
    usb_wakeup(&s->usb, USB_DIR_IN | HUB_EP);
}

static void hub_port_changed(UsbDevice *u, UsbPort *p)
{
    UsbHub *s = hub_of(u);
    unsigned n = p->number - 1u;
    uint16_t old = s->status[n];

    s->status[n] &= HUB_POWER;
    s->status[n] |= hub_connected(s, n);
    if (s->status[n] & HUB_POWER) {
        hub_changed(s, n, HUB_CONNECTION | (old & HUB_ENABLE));
    }
}

static UsbStatus hub_port_feature(UsbHub *s, UsbPacket *p, bool set)
{
    unsigned n = (usb_index(p) & 0xff) - 1u, feature = usb_value(p);

    if (n >= s->n_ports) {
        return USB_STALL;
    }
    if (!set && feature >= FEATURE_C_FIRST && feature <= FEATURE_C_LAST) {
        s->change[n] &= (uint16_t) ~(1u << (feature - FEATURE_C_FIRST));
        return USB_OK;
    }
    if (feature == FEATURE_POWER) {
        s->status[n] = set ? HUB_POWER : 0;
        s->status[n] |= hub_connected(s, n);
        if (s->status[n] & HUB_CONNECTION) {
            hub_changed(s, n, HUB_CONNECTION);
        }
        return USB_OK;
    }
    if (set && feature == FEATURE_RESET) {
        if (s->status[n] & HUB_CONNECTION) {
            usb_reset(s->port[n]->dev);
            s->status[n] = (uint16_t)((s->status[n] & ~HUB_SUSPEND) | HUB_ENABLE);
            hub_changed(s, n, HUB_RESET);
        }
        return USB_OK;
    }
    if (feature == FEATURE_SUSPEND) {
        if (!set && s->status[n] & HUB_SUSPEND) {
            hub_changed(s, n, HUB_SUSPEND);
        }
        s->status[n] &= (uint16_t)~HUB_SUSPEND;
        s->status[n] |= set && s->status[n] & HUB_ENABLE ? HUB_SUSPEND : 0;
        return USB_OK;
    }
    if (!set && feature == FEATURE_ENABLE) {
        s->status[n] &= (uint16_t) ~(HUB_ENABLE | HUB_SUSPEND);
        return USB_OK;
    }
    return set && feature <= 22 ? USB_OK : USB_STALL; /* tests, indicators: there are none */
}

/* "11.23.2.1 Hub Descriptor" */
static UsbStatus hub_descriptor(UsbHub *s, UsbPacket *p)
{
    unsigned bytes = s->n_ports / 8 + 1;
    uint8_t d[7 + 2 * (USB_HUB_PORTS / 8 + 1)] = { 0 };

    d[0] = (uint8_t)(7 + 2 * bytes);
    d[1] = USB_DT_HUB;
    d[2] = (uint8_t)s->n_ports;
    put_le16(d + 3, HUB_NO_POWER_SWITCH | HUB_NO_OVER_CURRENT);
    d[5] = 1; /* power is good after 2 ms */
    memset(d + 7 + bytes, 0xff, bytes);
    return usb_answer(p, d, d[0]);
}

static UsbStatus hub_control(UsbDevice *u, UsbPacket *p)
{
    UsbHub *s = hub_of(u);
    uint8_t b[4] = { 0 };
    unsigned n = (usb_index(p) & 0xff) - 1u;

    switch (usb_request(p)) {
    case (USB_DIR_IN | USB_TYPE_CLASS) << 8 | USB_REQ_GET_DESCRIPTOR:
        return hub_descriptor(s, p);
    case (USB_DIR_IN | USB_TYPE_CLASS) << 8 | USB_REQ_GET_STATUS:
        return usb_answer(p, b, sizeof(b));
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_TO_OTHER) << 8 | USB_REQ_GET_STATUS:
        if (n >= s->n_ports) {
            return USB_STALL;
        }
        put_le16(b, s->status[n]);
        put_le16(b + 2, s->change[n]);
        return usb_answer(p, b, sizeof(b));
    case USB_TYPE_CLASS << 8 | USB_REQ_CLEAR_FEATURE: /* changes of the hub itself: none */
    case USB_TYPE_CLASS << 8 | USB_REQ_SET_FEATURE:
        return usb_value(p) < 2 ? USB_OK : USB_STALL;
    case (USB_TYPE_CLASS | USB_TO_OTHER) << 8 | USB_REQ_CLEAR_FEATURE:
        return hub_port_feature(s, p, false);
    case (USB_TYPE_CLASS | USB_TO_OTHER) << 8 | USB_REQ_SET_FEATURE:
        return hub_port_feature(s, p, true);
    default:
        return USB_STALL;
    }
}

/* "11.12.4 Hub and Port Change Information Processing": a bit for the hub and for each port. */
static UsbStatus hub_data(UsbDevice *u, UsbPacket *p)
{
    UsbHub *s = hub_of(u);
    uint8_t b[USB_HUB_PORTS / 8 + 1] = { 0 };
    bool any = false;

    for (unsigned n = 0; n < s->n_ports; n++) {
        if (s->change[n] & HUB_CHANGES) {
            b[(n + 1) / 8] |= (uint8_t)(1u << (n + 1) % 8);
            any = true;
        }
    }
    return any ? usb_answer(p, b, s->n_ports / 8 + 1) : USB_NAK;
}

static void hub_reset(UsbDevice *u)
{
    UsbHub *s = hub_of(u);

    for (unsigned n = 0; n < s->n_ports; n++) {
        s->status[n] = HUB_POWER;
        s->status[n] |= s->port[n] ? hub_connected(s, n) : 0;
        s->change[n] = s->status[n] & HUB_CONNECTION;
    }
}

NO_LOCK_ANALYSIS static bool hub_start(Device *dev, GError **err)
{
    UsbHub *s = device_as(dev, UsbHub);
    unsigned depth = 0;

    if (!s->n_ports || s->n_ports > USB_HUB_PORTS) {
        return error_set(err, "ports=%u: must be 1 to %d", s->n_ports, USB_HUB_PORTS);
    }
    if (!usb_plug(&s->usb, err)) {
        return false;
    }
    for (const UsbDevice *h = s->usb.port->hub; h; h = h->port->hub) {
        depth++;
    }
    if (depth >= USB_DEPTH_MAX) {
        usb_unplug(&s->usb);
        return error_set(err, "there may be %d hubs in a row", USB_DEPTH_MAX);
    }
    if (!usb_enter(&s->usb)) {
        return false;
    }
    for (unsigned n = 0; n < s->n_ports; n++) {
        s->port[n] =
            usb_bus_add_port(s->usb.port->bus, &s->usb, n + 1, USB_MASK_LOW | USB_MASK_FULL);
    }
    usb_leave(&s->usb);
    return true;
}

NO_LOCK_ANALYSIS static void hub_stop(Device *dev)
{
    UsbHub *s = device_as(dev, UsbHub);

    if (usb_enter(&s->usb)) {
        usb_bus_remove_ports(s->usb.port->bus, &s->usb);
        usb_leave(&s->usb);
    }
}

static const UsbEndpointDesc hub_endpoints[] = {
    { USB_DIR_IN | HUB_EP,
      USB_ATTR_INTERRUPT,
      { [USB_FULL] = 1 + USB_HUB_PORTS / 8 },
      { [USB_FULL] = 255 },
      0 },
};

static const UsbInterfaceDesc hub_interfaces[] = {
    { .class_code = 9, .endpoints = hub_endpoints, .n_endpoints = ARRAY_SIZE(hub_endpoints) },
};

static const char *const hub_strings[] = { "QEMU", "QEMU USB Hub", "314159" };

static const UsbDesc hub_desc = {
    .vendor = 0x0409,
    .product = 0x55aa,
    .release = 0x0101,
    .manufacturer_str = 1,
    .product_str = 2,
    .serial_str = 3,
    .strings = hub_strings,
    .n_strings = ARRAY_SIZE(hub_strings),
    .class_code = 9,
    .max_packet0 = { [USB_FULL] = 8 },
    .config_attr = USB_CONFIG_SELF | USB_CONFIG_WAKE,
    .interfaces = hub_interfaces,
    .n_interfaces = ARRAY_SIZE(hub_interfaces),
};

static const UsbType hub_type = {
    .desc = &hub_desc,
    .control = hub_control,
    .data = hub_data,
    .reset = hub_reset,
    .port_changed = hub_port_changed,
};

static const Field hub_fields[] = {
    { "ports", FIELD_PROP, TYPE_U32, FIELD_AT(UsbHub, n_ports, 4), .def = HUB_DEFAULT_PORTS,
      .doc = "1 to 8" },
    STATE_ARRAY(UsbHub, status, .no_reset = true),
    STATE_ARRAY(UsbHub, change, .no_reset = true),
    SCRATCH(UsbHub, port),
};

const DeviceType device_usb_hub = {
    .name = "usb-hub",
    .doc = "full-speed hub",
    .base = &device_usb,
    .size = sizeof(UsbHub),
    .fields = TABLE(hub_fields),
    .user_creatable = true,
    .start = hub_start,
    .stop = hub_stop,
    .extra = &hub_type,
};
