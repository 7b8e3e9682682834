/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: USB2 "9.6 Standard USB Descriptor Definitions", USB3 "9.6". */
#include "hw/usb/usb.h"

#include "util/bytes.h"

enum { DESC_MAX = 512, STRING_MAX = 126, LANGUAGE_ENGLISH = 0x0409, STRING_ALL_LANGUAGES = 0 };

typedef struct DescOut {
    uint8_t bytes[DESC_MAX];
    unsigned len;
} DescOut;

static uint8_t *desc_add(DescOut *o, unsigned len, unsigned type)
{
    uint8_t *d = o->bytes + o->len;

    CHECK(o->len + len <= DESC_MAX);
    memset(d, 0, len);
    d[0] = (uint8_t)len;
    d[1] = (uint8_t)type;
    o->len += len;
    return d;
}

static unsigned desc_bcd_usb(unsigned speed)
{
    return speed == USB_SUPER ? 0x0300 : 0x0200;
}

/* "9.6.1 Device", "9.6.2 Device_Qualifier" */
static void desc_device(const UsbDesc *t, unsigned speed, bool has_serial, DescOut *o)
{
    uint8_t *d = desc_add(o, 18, USB_DT_DEVICE);

    put_le16(d + 2, (uint16_t)desc_bcd_usb(speed));
    d[4] = t->class_code;
    d[5] = t->subclass;
    d[6] = t->protocol;
    d[7] = t->max_packet0[speed];
    put_le16(d + 8, t->vendor);
    put_le16(d + 10, t->product);
    put_le16(d + 12, t->release);
    d[14] = t->manufacturer_str;
    d[15] = t->product_str;
    d[16] = has_serial ? t->serial_str : 0;
    d[17] = 1;
}

static void desc_qualifier(const UsbDesc *t, unsigned speed, DescOut *o)
{
    uint8_t *d = desc_add(o, 10, USB_DT_QUALIFIER);

    put_le16(d + 2, 0x0200);
    d[4] = t->class_code;
    d[5] = t->subclass;
    d[6] = t->protocol;
    d[7] = t->max_packet0[speed];
    d[8] = 1;
}

static void desc_endpoint(const UsbEndpointDesc *e, unsigned speed, DescOut *o)
{
    uint8_t *d = desc_add(o, 7, USB_DT_ENDPOINT);

    d[2] = e->address;
    d[3] = e->attr;
    put_le16(d + 4, e->max_packet[speed]);
    d[6] = e->interval[speed];
    if (speed == USB_SUPER) { /* USB3 "9.6.7 SuperSpeed Endpoint Companion" */
        d = desc_add(o, 6, USB_DT_COMPANION);
        d[2] = e->max_burst;
        if (e->attr == USB_ATTR_INTERRUPT) {
            put_le16(d + 4, e->max_packet[speed]);
        }
    }
    if (e->extra_len) {
        CHECK(o->len + e->extra_len <= DESC_MAX);
        memcpy(o->bytes + o->len, e->extra, e->extra_len);
        o->len += e->extra_len;
    }
}

/* "9.6.3 Configuration": with its interfaces and endpoints. */
static void desc_config(const UsbDesc *t, unsigned speed, unsigned type, DescOut *o)
{
    uint8_t *d = desc_add(o, 9, type);

    d[4] = t->n_interfaces;
    d[5] = 1;
    d[6] = t->config_name;
    d[7] = t->config_attr | USB_CONFIG_ONE;
    d[8] = speed == USB_SUPER ? t->max_power / 4 : t->max_power;
    for (unsigned i = 0; i < t->n_interfaces; i++) {
        const UsbInterfaceDesc *n = &t->interfaces[i];
        uint8_t *f = desc_add(o, 9, USB_DT_INTERFACE);

        f[2] = (uint8_t)i;
        f[4] = n->n_endpoints;
        f[5] = n->class_code;
        f[6] = n->subclass;
        f[7] = n->protocol;
        f[8] = n->name;
        if (n->extra_len) {
            CHECK(o->len + n->extra_len <= DESC_MAX);
            memcpy(o->bytes + o->len, n->extra, n->extra_len);
            o->len += n->extra_len;
        }
        for (unsigned k = 0; k < n->n_endpoints; k++) {
            desc_endpoint(&n->endpoints[k], speed, o);
        }
    }
    put_le16(d + 2, (uint16_t)o->len);
}

/* USB3 "9.6.2 Binary Device Object Store": USB 2.0 extension and SuperSpeed. */
static void desc_bos(const UsbDesc *t, DescOut *o)
{
    uint8_t *d = desc_add(o, 5, USB_DT_BOS), *c = desc_add(o, 7, USB_DT_CAPABILITY);

    d[4] = 1;
    c[2] = 2; /* USB 2.0 extension */
    if (t->max_packet0[USB_SUPER]) {
        c = desc_add(o, 10, USB_DT_CAPABILITY);
        c[2] = 3;
        for (unsigned s = USB_LOW; s <= USB_SUPER; s++) {
            c[4] |= t->max_packet0[s] ? (uint8_t)(1u << s) : 0;
        }
        c[6] = USB_FULL; /* the slowest that does everything */
        c[7] = 10;
        put_le16(c + 8, 32);
        d[4]++;
    }
    put_le16(d + 2, (uint16_t)o->len);
}

static const char *desc_text(UsbDevice *u, unsigned index)
{
    const UsbDesc *t = usb_desc(u);

    if (index == t->serial_str && u->serial) {
        return u->serial;
    }
    return index <= t->n_strings ? t->strings[index - 1] : NULL;
}

/* "9.6.7 String": UTF-16; ours are ASCII. */
static bool desc_string(UsbDevice *u, unsigned index, DescOut *o)
{
    const char *s = index ? desc_text(u, index) : NULL;
    uint8_t *d;
    size_t n;

    if (index == STRING_ALL_LANGUAGES) {
        put_le16(desc_add(o, 4, USB_DT_STRING) + 2, LANGUAGE_ENGLISH);
        return true;
    }
    if (!s) {
        return false;
    }
    n = MIN(strlen(s), STRING_MAX);
    d = desc_add(o, (unsigned)(2 + 2 * n), USB_DT_STRING);
    for (size_t i = 0; i < n; i++) {
        d[2 + 2 * i] = (uint8_t)s[i];
    }
    return true;
}

const char *usb_product(UsbDevice *u)
{
    const char *s = desc_text(u, usb_desc(u)->product_str);

    return s ? s : u->dev.type->name;
}

/* The other of full and high speed; the same where there is no other. */
static unsigned desc_other(const UsbDesc *t, unsigned speed)
{
    unsigned other = speed == USB_HIGH ? USB_FULL : USB_HIGH;

    return t->max_packet0[USB_HIGH] && t->max_packet0[USB_FULL] ? other : speed;
}

UsbStatus usb_get_descriptor(UsbDevice *u, UsbPacket *p)
{
    const UsbDesc *t = usb_desc(u);
    unsigned type = usb_value(p) >> 8, index = usb_value(p) & 0xff, speed = u->speed;
    bool dual = desc_other(t, speed) != speed && speed != USB_SUPER;
    DescOut o = { .len = 0 };

    switch (type) {
    case USB_DT_DEVICE:
        desc_device(t, speed, t->serial_str && desc_text(u, t->serial_str), &o);
        break;
    case USB_DT_CONFIG:
        if (!index) {
            desc_config(t, speed, USB_DT_CONFIG, &o);
        }
        break;
    case USB_DT_OTHER_SPEED:
        if (!index && dual) {
            desc_config(t, desc_other(t, speed), USB_DT_OTHER_SPEED, &o);
        }
        break;
    case USB_DT_QUALIFIER:
        if (dual) {
            desc_qualifier(t, desc_other(t, speed), &o);
        }
        break;
    case USB_DT_STRING:
        if (!desc_string(u, index, &o)) {
            return USB_STALL;
        }
        break;
    case USB_DT_BOS:
        if (t->max_packet0[USB_SUPER]) {
            desc_bos(t, &o);
        }
        break;
    default:
        break;
    }
    return o.len ? usb_answer(p, o.bytes, o.len) : USB_STALL;
}
