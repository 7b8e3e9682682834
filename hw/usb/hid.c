/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb-kbd, usb-mouse, usb-tablet: what people type and point at, as reports.
 * Spec: "Device Class Definition for Human Interface Devices (HID)" 1.11.
 */
#include "hw/usb/hid.h"

#include "core/input.h"
#include "hw/usb/usb.h"
#include "util/bytes.h"

enum {
    HID_QUEUE = 32,
    HID_KEYS = 6,
    HID_KBD_REPORT = 8,
    HID_MOUSE_REPORT = 4,
    HID_TABLET_REPORT = 6,
    HID_FIRST_MODIFIER = 0xe0,
    HID_LAST_MODIFIER = 0xe7,
    HID_ROLLOVER = 1, /* more keys than the report has room for */
    HID_EP = 1,
    /* "7.2 Class-Specific Requests" */
    HID_GET_REPORT = 1,
    HID_GET_IDLE = 2,
    HID_GET_PROTOCOL = 3,
    HID_SET_REPORT = 9,
    HID_SET_IDLE = 10,
    HID_SET_PROTOCOL = 11,
};

typedef enum HidKind { HID_KBD, HID_MOUSE, HID_TABLET } HidKind;

typedef struct HidType {
    UsbType usb;
    HidKind kind;
    const uint8_t *report;
    uint16_t report_len;
    InputHandler handler;
} HidType;

/* What has happened and was not reported yet: of a keyboard a usage and DOWN, of a pointer its
 * buttons, wheel and both axes. */
enum { HID_DOWN = 1 << 8 };
#define HID_POINTER(buttons, wheel, x, y)                             \
    ((uint64_t)(uint8_t)(buttons) | (uint64_t)(uint8_t)(wheel) << 8 | \
     (uint64_t)(uint16_t)(x) << 16 | (uint64_t)(uint16_t)(y) << 32)

typedef struct UsbHid {
    UsbDevice usb;
    /* state */
    uint64_t queue[HID_QUEUE];
    uint32_t head, n;
    uint8_t protocol, idle, leds;
    uint8_t modifiers, keys[HID_KEYS * 4];
    uint32_t n_keys;
    uint64_t last; /* pointer: what was reported last */
    /* since the last sync */
    uint8_t buttons;
    uint16_t x, y;
    int32_t dx, dy, wheel;
} UsbHid;

static UsbHid *hid_of(UsbDevice *u)
{
    return device_as(&u->dev, UsbHid);
}

static const HidType *hid_type(const UsbHid *s)
{
    return s->usb.dev.type->extra;
}

/* ---- What happens ---- */

/* A full queue loses what comes, but never the end of a press. */
static void hid_queue(UsbHid *s, uint64_t what, bool must)
{
    if (s->n == HID_QUEUE) {
        if (!must) {
            return;
        }
        s->n--;
    }
    s->queue[(s->head + s->n++) % HID_QUEUE] = what;
    usb_wakeup(&s->usb, USB_DIR_IN | HID_EP);
}

static void hid_button(UsbHid *s, const InputEvent *e)
{
    static const uint8_t bits[INPUT_BUTTONS] = { [INPUT_LEFT] = 1,
                                                 [INPUT_RIGHT] = 2,
                                                 [INPUT_MIDDLE] = 4,
                                                 [INPUT_SIDE] = 8,
                                                 [INPUT_EXTRA] = 16 };

    if (e->code == INPUT_WHEEL_UP || e->code == INPUT_WHEEL_DOWN) {
        s->wheel += !e->down ? 0 : e->code == INPUT_WHEEL_UP ? 1 : -1;
    } else if (e->code < INPUT_BUTTONS) {
        s->buttons = e->down ? s->buttons | bits[e->code] : (uint8_t)(s->buttons & ~bits[e->code]);
    }
}

static void hid_axis(UsbHid *s, const InputEvent *e)
{
    int32_t limit = INPUT_ABS_MAX;

    if (e->kind == INPUT_REL) {
        int32_t *d = e->code == INPUT_X ? &s->dx : &s->dy;

        *d = CLAMP((int64_t)*d + e->value, -limit, limit);
    } else {
        *(e->code == INPUT_X ? &s->x : &s->y) = (uint16_t)CLAMP(e->value, 0, limit);
    }
}

static void hid_event(void *opaque, const InputEvent *e)
{
    UsbHid *s = opaque;

    if (!usb_enter(&s->usb)) {
        return;
    }
    if (e->kind == INPUT_KEY) {
        uint8_t usage = hid_usage_of_key(e->code);

        if (usage) {
            hid_queue(s, usage | (e->down ? HID_DOWN : 0), !e->down);
        }
    } else if (e->kind == INPUT_BUTTON) {
        hid_button(s, e);
    } else {
        hid_axis(s, e);
    }
    usb_leave(&s->usb);
}

/* Of a mouse a long way is several reports; of a tablet the last place counts. */
static void hid_queue_pointer(UsbHid *s)
{
    bool tablet = hid_type(s)->kind == HID_TABLET;

    do {
        int32_t x = tablet ? s->x : CLAMP(s->dx, -127, 127);
        int32_t y = tablet ? s->y : CLAMP(s->dy, -127, 127);
        int32_t w = CLAMP(s->wheel, -127, 127);
        uint64_t what = HID_POINTER(s->buttons, w, x, y);
        uint64_t *last = &s->queue[(s->head + s->n + HID_QUEUE - 1) % HID_QUEUE];

        if (tablet && s->n && (uint16_t)*last == (uint16_t)what && !w) {
            *last = what;
        } else {
            hid_queue(s, what, true);
        }
        s->dx -= tablet ? s->dx : x;
        s->dy -= tablet ? s->dy : y;
        s->wheel -= w;
    } while (s->dx || s->dy || s->wheel);
}

static void hid_sync(void *opaque)
{
    UsbHid *s = opaque;

    if (hid_type(s)->kind != HID_KBD && usb_enter(&s->usb)) {
        hid_queue_pointer(s);
        usb_leave(&s->usb);
    }
}

/* ---- Reports ---- */

static void hid_key(UsbHid *s, unsigned usage, bool down)
{
    if (usage >= HID_FIRST_MODIFIER && usage <= HID_LAST_MODIFIER) {
        uint8_t bit = (uint8_t)(1u << (usage - HID_FIRST_MODIFIER));

        s->modifiers = down ? s->modifiers | bit : (uint8_t)(s->modifiers & ~bit);
        return;
    }
    for (unsigned i = 0; i < s->n_keys; i++) {
        if (s->keys[i] == usage) {
            if (!down) {
                memmove(s->keys + i, s->keys + i + 1, --s->n_keys - i);
            }
            return;
        }
    }
    if (down && s->n_keys < ARRAY_SIZE(s->keys)) {
        s->keys[s->n_keys++] = (uint8_t)usage;
    }
}

/* The report of what the device is now; its length. */
static unsigned hid_report(const UsbHid *s, uint8_t *b)
{
    uint64_t p = s->last;

    switch (hid_type(s)->kind) {
    case HID_KBD:
        b[0] = s->modifiers;
        b[1] = 0;
        memset(b + 2, s->n_keys > HID_KEYS ? HID_ROLLOVER : 0, HID_KEYS);
        memcpy(b + 2, s->keys, s->n_keys > HID_KEYS ? 0 : s->n_keys);
        return HID_KBD_REPORT;
    case HID_MOUSE:
        b[0] = (uint8_t)p;
        b[1] = (uint8_t)(p >> 16);
        b[2] = (uint8_t)(p >> 32);
        b[3] = (uint8_t)(p >> 8);
        return s->protocol ? HID_MOUSE_REPORT : HID_MOUSE_REPORT - 1;
    default:
        b[0] = (uint8_t)p;
        put_le16(b + 1, (uint16_t)(p >> 16));
        put_le16(b + 3, (uint16_t)(p >> 32));
        b[5] = (uint8_t)(p >> 8);
        return HID_TABLET_REPORT;
    }
}

static UsbStatus hid_data(UsbDevice *u, UsbPacket *p)
{
    UsbHid *s = hid_of(u);
    uint8_t b[HID_KBD_REPORT];
    uint64_t what;

    if (p->pid != USB_PID_IN || p->ep != HID_EP) {
        return USB_STALL;
    }
    if (!s->n) {
        return USB_NAK;
    }
    what = s->queue[s->head];
    s->head = (s->head + 1) % HID_QUEUE;
    s->n--;
    if (hid_type(s)->kind == HID_KBD) {
        hid_key(s, what & 0xff, what & HID_DOWN);
    } else {
        s->last = what;
    }
    return usb_answer(p, b, hid_report(s, b));
}

static UsbStatus hid_control(UsbDevice *u, UsbPacket *p)
{
    UsbHid *s = hid_of(u);
    const HidType *t = hid_type(s);
    uint8_t b[HID_KBD_REPORT];

    switch (usb_request(p)) {
    case (USB_DIR_IN | USB_TO_INTERFACE) << 8 | USB_REQ_GET_DESCRIPTOR:
        if (usb_value(p) >> 8 == USB_DT_HID) {
            return usb_answer(p, usb_desc(u)->interfaces[0].extra,
                              usb_desc(u)->interfaces[0].extra_len);
        }
        return usb_value(p) >> 8 == USB_DT_HID_REPORT ? usb_answer(p, t->report, t->report_len)
                                                      : USB_STALL;
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_GET_REPORT:
        return usb_answer(p, b, hid_report(s, b));
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_GET_IDLE:
        return usb_answer(p, &s->idle, 1);
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_GET_PROTOCOL:
        return t->kind == HID_TABLET ? USB_STALL : usb_answer(p, &s->protocol, 1);
    case (USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_SET_REPORT:
        if (t->kind != HID_KBD || !p->len) {
            return USB_STALL;
        }
        s->leds = p->buf[0];
        p->actual = p->len;
        return USB_OK;
    case (USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_SET_IDLE:
        s->idle = (uint8_t)(usb_value(p) >> 8);
        return USB_OK;
    case (USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | HID_SET_PROTOCOL:
        s->protocol = usb_value(p) & 1;
        return t->kind == HID_TABLET ? USB_STALL : USB_OK;
    default:
        return USB_STALL;
    }
}

static void hid_reset(UsbDevice *u)
{
    UsbHid *s = hid_of(u);

    s->head = s->n = s->n_keys = 0;
    s->modifiers = s->idle = s->leds = 0;
    s->protocol = 1;
    s->last = 0;
}

/* ---- Life ---- */

static bool hid_start(Device *dev, GError **err)
{
    UsbHid *s = device_as(dev, UsbHid);

    if (!usb_plug(&s->usb, err)) {
        return false;
    }
    input_add(dev->machine, &hid_type(s)->handler, s);
    return true;
}

static void hid_stop(Device *dev)
{
    UsbHid *s = device_as(dev, UsbHid);

    input_remove(dev->machine, &hid_type(s)->handler, s);
}

static bool hid_loaded(Device *dev, GError **err)
{
    UsbHid *s = device_as(dev, UsbHid);

    return (s->head < HID_QUEUE && s->n <= HID_QUEUE && s->n_keys <= ARRAY_SIZE(s->keys)) ||
           error_set(err, "%s: queue does not hold together", device_path(dev));
}

static const Field hid_fields[] = {
    STATE_ARRAY(UsbHid, queue),  STATE_U32(UsbHid, head),
    STATE_U32(UsbHid, n),        STATE_U8(UsbHid, protocol, .def = 1, .max = 1),
    STATE_U8(UsbHid, idle),      STATE_U8(UsbHid, leds),
    STATE_U8(UsbHid, modifiers), STATE_ARRAY(UsbHid, keys),
    STATE_U32(UsbHid, n_keys),   STATE_U64(UsbHid, last),
    STATE_U8(UsbHid, buttons),   STATE_U16(UsbHid, x),
    STATE_U16(UsbHid, y),        SCRATCH(UsbHid, dx),
    SCRATCH(UsbHid, dy),         SCRATCH(UsbHid, wheel),
};

/* ---- Descriptors ---- "6.2.2 Report Descriptor", Appendix B */

static const uint8_t kbd_report[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, /* Generic Desktop, Keyboard, Application */
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, /* modifiers */
    0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, /* 8 bits */
    0x95, 0x01, 0x75, 0x08, 0x81, 0x01,                         /* a byte of padding */
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05,                         /* lights */
    0x95, 0x05, 0x75, 0x01, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01,
    0x05, 0x07, 0x19, 0x00, 0x29, 0xff, /* keys: an array of 6 bytes */
    0x15, 0x00, 0x26, 0xff, 0x00, 0x95, 0x06, 0x75, 0x08, 0x81, 0x00, 0xc0,
};

static const uint8_t mouse_report[] = {
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, /* Mouse, Pointer */
    0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, /* 5 buttons */
    0x95, 0x05, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x03, 0x81, 0x01,
    0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, /* X, Y, wheel */
    0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0, 0xc0,
};

static const uint8_t tablet_report[] = {
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, 0x05, 0x09, 0x19, 0x01, 0x29,
    0x05, 0x15, 0x00, 0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x03,
    0x81, 0x01, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xff, 0x7f, /* X, Y: absolute
                                                                                   */
    0x35, 0x00, 0x46, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, 0x02, 0x05, 0x01, 0x09, 0x38,
    0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00, /* wheel */
    0x75, 0x08, 0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0,
};

/* "6.2.1 HID Descriptor" */
#define HID_DESC(report)                                                           \
    {                                                                              \
        9, USB_DT_HID, 0x11, 0x01, 0, 1, USB_DT_HID_REPORT, sizeof(report) & 0xff, \
            sizeof(report) >> 8                                                    \
    }
static const uint8_t kbd_hid[] = HID_DESC(kbd_report);
static const uint8_t mouse_hid[] = HID_DESC(mouse_report);
static const uint8_t tablet_hid[] = HID_DESC(tablet_report);

/* Polled every 8 ms (keyboard) or 4 ms. */
static const UsbEndpointDesc kbd_endpoints[] = {
    { USB_DIR_IN | HID_EP, USB_ATTR_INTERRUPT, { 8, 8, 8, 0 }, { 10, 10, 7, 0 }, 0 },
};
static const UsbEndpointDesc mouse_endpoints[] = {
    { USB_DIR_IN | HID_EP, USB_ATTR_INTERRUPT, { 4, 4, 4, 0 }, { 10, 10, 6, 0 }, 0 },
};
static const UsbEndpointDesc tablet_endpoints[] = {
    { USB_DIR_IN | HID_EP, USB_ATTR_INTERRUPT, { 8, 8, 8, 0 }, { 10, 10, 6, 0 }, 0 },
};

static const UsbInterfaceDesc kbd_interface = { 3, 1, 1, 0, kbd_hid, 9, kbd_endpoints, 1 };
static const UsbInterfaceDesc mouse_interface = { 3, 1, 2, 0, mouse_hid, 9, mouse_endpoints, 1 };
static const UsbInterfaceDesc tablet_interface = { 3, 0, 0, 0, tablet_hid, 9, tablet_endpoints, 1 };

static const char *const kbd_strings[] = { "QEMU", "QEMU USB Keyboard", "68284" };
static const char *const mouse_strings[] = { "QEMU", "QEMU USB Mouse", "89126" };
static const char *const tablet_strings[] = { "QEMU", "QEMU USB Tablet", "28754" };

#define HID_DEVICE(strings_, interface)                                                     \
    {                                                                                       \
        .vendor = 0x0627, .product = 0x0001, .manufacturer_str = 1, .product_str = 2,       \
        .serial_str = 3, .strings = strings_, .n_strings = 3,                               \
        .max_packet0 = { [USB_FULL] = 8, [USB_HIGH] = 64 }, .config_attr = USB_CONFIG_WAKE, \
        .max_power = 50, .interfaces = interface, .n_interfaces = 1                         \
    }
static const UsbDesc kbd_desc = HID_DEVICE(kbd_strings, &kbd_interface);
static const UsbDesc mouse_desc = HID_DEVICE(mouse_strings, &mouse_interface);
static const UsbDesc tablet_desc = HID_DEVICE(tablet_strings, &tablet_interface);

#define HID_TYPE(desc_, kind_, report_, name_, kinds_)                                          \
    {                                                                                           \
        .usb = { .desc = desc_, .control = hid_control, .data = hid_data, .reset = hid_reset }, \
        .kind = kind_, .report = report_, .report_len = sizeof(report_), .handler = {           \
            .name = name_,                                                                      \
            .kinds = kinds_,                                                                    \
            .event = hid_event,                                                                 \
            .sync = hid_sync                                                                    \
        }                                                                                       \
    }
static const HidType kbd_type =
    HID_TYPE(&kbd_desc, HID_KBD, kbd_report, "QEMU HID Keyboard", 1 << INPUT_KEY);
static const HidType mouse_type = HID_TYPE(&mouse_desc, HID_MOUSE, mouse_report, "QEMU HID Mouse",
                                           1 << INPUT_BUTTON | 1 << INPUT_REL);
static const HidType tablet_type = HID_TYPE(&tablet_desc, HID_TABLET, tablet_report,
                                            "QEMU HID Tablet", 1 << INPUT_BUTTON | 1 << INPUT_ABS);

#define HID_LIFE                                                              \
    .base = &device_usb, .size = sizeof(UsbHid), .fields = TABLE(hid_fields), \
    .user_creatable = true, .start = hid_start, .stop = hid_stop, .loaded = hid_loaded

const DeviceType device_usb_kbd = {
    .name = "usb-kbd",
    .doc = "USB keyboard",
    .extra = &kbd_type,
    HID_LIFE,
};

const DeviceType device_usb_mouse = {
    .name = "usb-mouse",
    .doc = "USB mouse",
    .extra = &mouse_type,
    HID_LIFE,
};

const DeviceType device_usb_tablet = {
    .name = "usb-tablet",
    .doc = "USB pointer with absolute places",
    .extra = &tablet_type,
    HID_LIFE,
};
