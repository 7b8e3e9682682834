/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb-serial: a serial port behind FTDI's FT232BM converter, whose driver every system has.
 * Spec: FTDI's FT232BM data sheet 1.8 (buffers, latency timer, the two bytes of status before the
 * data of each packet) and application notes AN232B-04 and -05; vendor requests as Linux's
 * ftdi_sio.h and libftdi document them.
 */
#include "chardev/chardev.h"
#include "hw/usb/usb.h"

enum {
    SERIAL_IN = 1,
    SERIAL_OUT = 2,
    PACKET = 64,
    STATUS = 2,
    FIFO = 384, /* the receive buffer */
    /* vendor requests */
    REQ_RESET = 0,
    REQ_SET_MODEM = 1,
    REQ_SET_FLOW = 2,
    REQ_SET_BAUD = 3,
    REQ_SET_DATA = 4,
    REQ_GET_MODEM = 5,
    REQ_SET_EVENT_CHAR = 6,
    REQ_SET_ERROR_CHAR = 7,
    REQ_SET_LATENCY = 9,
    REQ_GET_LATENCY = 10,
    RESET_ALL = 0,
    RESET_RX = 1,
    RESET_TX = 2,
    LATENCY_DEFAULT = 16,
    /* the first byte of status, and the second */
    MODEM_ALWAYS = 1,
    MODEM_CTS = 0x10,
    MODEM_DSR = 0x20,
    MODEM_CD = 0x80,
    LINE_BREAK = 0x10,
    LINE_EMPTY = 0x60, /* all has been sent */
};

#define VENDOR_OUT(req_) (0x40 << 8 | (req_))
#define VENDOR_IN(req_)  (0xc0 << 8 | (req_))

typedef struct UsbSerial {
    UsbDevice usb;
    Chardev *chardev;
    bool always_plugged;
    uint8_t fifo[FIFO];
    uint16_t head, n; /* of fifo */
    uint8_t latency, event_char, error_char;
    uint8_t broken; /* a break is to be told of */
    uint8_t news;   /* so is a change of the modem's lines */
    bool was_full;
} UsbSerial;

static UsbSerial *ftdi_of(UsbDevice *u)
{
    return device_as(&u->dev, UsbSerial);
}

/* ---- The other end ---- */

static unsigned ftdi_can_read(void *opaque)
{
    UsbSerial *s = opaque;
    unsigned room = 0;

    if (usb_enter(&s->usb)) {
        room = s->usb.configuration ? FIFO - s->n : 0;
        s->was_full = !room;
        usb_leave(&s->usb);
    }
    return room;
}

static void ftdi_read(void *opaque, const uint8_t *buf, unsigned len)
{
    UsbSerial *s = opaque;

    if (!usb_enter(&s->usb)) {
        return;
    }
    for (unsigned i = 0; i < len && s->n < FIFO; i++) {
        s->fifo[(s->head + s->n++) % FIFO] = buf[i];
    }
    usb_wakeup(&s->usb, USB_DIR_IN | SERIAL_IN);
    usb_leave(&s->usb);
}

static void ftdi_event(void *opaque, CharEvent event)
{
    UsbSerial *s = opaque;

    if (!usb_enter(&s->usb)) {
        return;
    }
    if (event == CHAR_BREAK) {
        s->broken = 1;
    } else {
        s->news = 1;
    }
    usb_wakeup(&s->usb, USB_DIR_IN | SERIAL_IN);
    usb_leave(&s->usb);
}

/* Somebody is at the other end: it is ready, and there is a carrier. */
static uint8_t ftdi_modem(const UsbSerial *s)
{
    bool open = s->chardev && chardev_is_open(s->chardev);

    return (uint8_t)(MODEM_ALWAYS | (open ? MODEM_CTS | MODEM_DSR | MODEM_CD : 0));
}

/* ---- Packets ---- */

/* Each packet of the transfer begins with the status; a short one ends it. */
static UsbStatus ftdi_data_in(UsbSerial *s, UsbPacket *p)
{
    if (!s->n && !s->broken && !s->news) {
        return USB_NAK;
    }
    do {
        uint8_t *b = p->buf + p->actual;
        uint32_t room = MIN(p->len - p->actual, (uint32_t)PACKET), at = STATUS;

        if (room < STATUS) {
            break;
        }
        b[0] = ftdi_modem(s);
        b[1] = (uint8_t)(LINE_EMPTY | (s->broken ? LINE_BREAK : 0));
        s->broken = s->news = 0;
        for (; at < room && s->n; at++, s->n--) {
            b[at] = s->fifo[s->head];
            s->head = (uint16_t)((s->head + 1) % FIFO);
        }
        p->actual += at;
        if (at < PACKET) {
            break;
        }
    } while (s->n);
    if (s->was_full && s->chardev) {
        s->was_full = false;
        chardev_accept_input(s->chardev);
    }
    return USB_OK;
}

static UsbStatus ftdi_data(UsbDevice *u, UsbPacket *p)
{
    UsbSerial *s = ftdi_of(u);

    if (p->pid == USB_PID_IN && p->ep == SERIAL_IN) {
        return ftdi_data_in(s, p);
    }
    if (p->pid != USB_PID_OUT || p->ep != SERIAL_OUT) {
        return USB_STALL;
    }
    if (s->chardev) {
        chardev_write(s->chardev, p->buf, p->len);
    }
    p->actual = p->len;
    return USB_OK;
}

static void ftdi_clear(UsbSerial *s)
{
    s->head = s->n = 0;
    s->broken = 0;
}

static UsbStatus ftdi_control(UsbDevice *u, UsbPacket *p)
{
    UsbSerial *s = ftdi_of(u);
    uint8_t answer[2] = { ftdi_modem(s), LINE_EMPTY };

    switch (usb_request(p)) {
    case VENDOR_OUT(REQ_RESET):
        if (usb_value(p) == RESET_ALL || usb_value(p) == RESET_RX) {
            ftdi_clear(s);
        }
        return usb_value(p) <= RESET_TX ? USB_OK : USB_STALL;
    case VENDOR_OUT(
        REQ_SET_MODEM): /* DTR and RTS, flow, speed, form: nobody is there to see them */
    case VENDOR_OUT(REQ_SET_FLOW):
    case VENDOR_OUT(REQ_SET_BAUD):
    case VENDOR_OUT(REQ_SET_DATA):
        return USB_OK;
    case VENDOR_IN(REQ_GET_MODEM):
        return usb_answer(p, answer, sizeof(answer));
    case VENDOR_OUT(REQ_SET_EVENT_CHAR):
        s->event_char = (uint8_t)usb_value(p);
        return USB_OK;
    case VENDOR_OUT(REQ_SET_ERROR_CHAR):
        s->error_char = (uint8_t)usb_value(p);
        return USB_OK;
    case VENDOR_OUT(REQ_SET_LATENCY):
        s->latency = (uint8_t)usb_value(p);
        return USB_OK;
    case VENDOR_IN(REQ_GET_LATENCY):
        return usb_answer(p, &s->latency, 1);
    default:
        return USB_STALL;
    }
}

static void ftdi_reset(UsbDevice *u)
{
    UsbSerial *s = ftdi_of(u);

    ftdi_clear(s);
    s->latency = LATENCY_DEFAULT;
    s->event_char = s->error_char = 0;
    s->news = 0;
    if (s->was_full && s->chardev) {
        s->was_full = false;
        chardev_accept_input(s->chardev);
    }
}

/* ---- Life ---- */

static bool ftdi_start(Device *dev, GError **err)
{
    static const CharHandlers handlers = { ftdi_can_read, ftdi_read, ftdi_event };
    UsbSerial *s = device_as(dev, UsbSerial);

    if (!s->always_plugged) {
        return error_set(err,
                         "always-plugged=off: it is plugged in always; leave the property out");
    }
    if (!usb_plug(&s->usb, err)) {
        return false;
    }
    if (!chardev_attach(s->chardev, &handlers, s, err)) {
        usb_unplug(&s->usb);
        return false;
    }
    return true;
}

static void ftdi_stop(Device *dev)
{
    UsbSerial *s = device_as(dev, UsbSerial);

    if (s->chardev) {
        chardev_detach(s->chardev, s);
    }
}

static const Field ftdi_fields[] = {
    PROP_BACKEND(UsbSerial, chardev, "chardev", .required = true, .doc = "the other end"),
    { "always-plugged", FIELD_PROP, TYPE_BOOL, FIELD_AT(UsbSerial, always_plugged, 1), .def = 1,
      .doc = "on: whether or not somebody is at the other end (off is refused)" },
    STATE_ARRAY(UsbSerial, fifo),
    STATE_U16(UsbSerial, head, .max = FIFO - 1),
    STATE_U16(UsbSerial, n, .max = FIFO),
    STATE_U8(UsbSerial, latency, .def = LATENCY_DEFAULT),
    STATE_U8(UsbSerial, event_char),
    STATE_U8(UsbSerial, error_char),
    STATE_U8(UsbSerial, broken, .max = 1),
    STATE_U8(UsbSerial, news, .max = 1),
    SCRATCH(UsbSerial, was_full),
};

static const UsbEndpointDesc ftdi_endpoints[] = {
    { USB_DIR_IN | SERIAL_IN, USB_ATTR_BULK, { [USB_FULL] = PACKET }, { 0 }, 0 },
    { SERIAL_OUT, USB_ATTR_BULK, { [USB_FULL] = PACKET }, { 0 }, 0 },
};

static const UsbInterfaceDesc ftdi_interface = {
    .class_code = 0xff,
    .subclass = 0xff,
    .protocol = 0xff,
    .endpoints = ftdi_endpoints,
    .n_endpoints = 2,
};

static const char *const ftdi_strings[] = { "QEMU", "QEMU USB SERIAL", "1" };

static const UsbDesc ftdi_desc = {
    .vendor = 0x0403,
    .product = 0x6001,
    .release = 0x0400, /* FT232BM */
    .manufacturer_str = 1,
    .product_str = 2,
    .serial_str = 3,
    .strings = ftdi_strings,
    .n_strings = ARRAY_SIZE(ftdi_strings),
    .max_packet0 = { [USB_FULL] = 8 },
    .config_attr = USB_CONFIG_WAKE,
    .max_power = 50,
    .interfaces = &ftdi_interface,
    .n_interfaces = 1,
};

static const UsbType ftdi_type = {
    .desc = &ftdi_desc,
    .control = ftdi_control,
    .data = ftdi_data,
    .reset = ftdi_reset,
};

const DeviceType device_usb_serial = {
    .name = "usb-serial",
    .doc = "USB serial port (FTDI's FT232BM)",
    .base = &device_usb,
    .size = sizeof(UsbSerial),
    .fields = TABLE(ftdi_fields),
    .user_creatable = true,
    .start = ftdi_start,
    .stop = ftdi_stop,
    .extra = &ftdi_type,
};
