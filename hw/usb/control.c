/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/usb/control.h"

#include "util/bytes.h"

void usb_control_forget(UsbControl *c)
{
    g_free(c->buf);
    *c = (UsbControl){ 0 };
}

void usb_control_begin(UsbControl *c, const uint8_t setup[USB_SETUP_BYTES])
{
    usb_control_forget(c);
    memcpy(c->setup, setup, USB_SETUP_BYTES);
    c->begun = true;
    c->len = MIN((uint32_t)get_le16(setup + 6), (uint32_t)USB_CONTROL_MAX);
    c->buf = g_malloc0(c->len + 1);
}

UsbStage usb_control_stage(const UsbControl *c, bool in)
{
    bool dir_in = c->setup[0] & USB_DIR_IN;

    if (!c->begun) {
        return USB_STAGE_BAD;
    }
    if (c->sent) {
        return in == dir_in && get_le16(c->setup + 6) ? USB_STAGE_GIVE : USB_STAGE_END;
    }
    return !dir_in && !in ? USB_STAGE_TAKE : USB_STAGE_ASK;
}

uint8_t *usb_control_take(UsbControl *c, uint32_t n)
{
    uint8_t *to = c->buf + c->at;

    if (n > c->len - c->at) {
        return NULL;
    }
    c->at += n;
    return to;
}

UsbPacket usb_control_packet(UsbControl *c, UsbDevice *u)
{
    UsbPacket p = { .dev = u, .pid = USB_PID_SETUP, .buf = c->buf, .len = c->len };

    memcpy(p.setup, c->setup, USB_SETUP_BYTES);
    return p;
}

void usb_control_answered(UsbControl *c, uint32_t actual)
{
    c->sent = true;
    c->len = MIN(actual, c->len);
    c->at = 0;
}

const uint8_t *usb_control_give(UsbControl *c, uint32_t *n)
{
    const uint8_t *from = c->buf + c->at;

    *n = MIN(*n, c->len - c->at);
    c->at += *n;
    return from;
}

void usb_control_save(const UsbControl *all, uint8_t **saved, uint32_t *len)
{
    GByteArray *out = g_byte_array_new();

    for (unsigned i = 0; i < USB_ADDRESSES; i++) {
        const UsbControl *c = &all[i];
        uint8_t h[USB_CONTROL_HEAD] = { (uint8_t)i, c->sent };

        if (c->begun) {
            memcpy(h + 2, c->setup, USB_SETUP_BYTES);
            put_le32(h + 10, c->len);
            put_le32(h + 14, c->at);
            g_byte_array_append(out, h, sizeof(h));
            g_byte_array_append(out, c->buf, c->len);
        }
    }
    g_free(*saved);
    *len = out->len;
    *saved = g_byte_array_free(out, out->len == 0);
}

bool usb_control_load(UsbControl *all, const uint8_t *saved, uint32_t len)
{
    for (unsigned i = 0; i < USB_ADDRESSES; i++) {
        usb_control_forget(&all[i]);
    }
    for (uint32_t at = 0; at < len;) {
        const uint8_t *h = saved + at;
        UsbControl *c;
        uint32_t n;

        if (len - at < USB_CONTROL_HEAD || h[0] >= USB_ADDRESSES || all[h[0]].begun || h[1] > 1) {
            return false;
        }
        c = &all[h[0]];
        n = get_le32(h + 10);
        at += USB_CONTROL_HEAD;
        usb_control_begin(c, h + 2);
        if (n > c->len || n > len - at || get_le32(h + 14) > n) {
            return false;
        }
        c->sent = h[1];
        c->len = n;
        c->at = get_le32(h + 14);
        memcpy(c->buf, saved + at, n);
        at += n;
    }
    return true;
}
