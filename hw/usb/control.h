/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control transfer between its stages, for controllers whose drivers put each stage into a queue
 * by itself (UHCI, EHCI), while a device is asked for the whole transfer at once. USB2 "8.5.3
 * Control Transfers".
 */
#ifndef HW_USB_CONTROL_H
#define HW_USB_CONTROL_H

#include "hw/usb/usb.h"

enum {
    USB_CONTROL_MAX = 4096, /* data bytes of a control transfer */
    USB_ADDRESSES = 128,
    USB_CONTROL_HEAD = 18, /* of a transfer in a saved state */
    USB_CONTROL_SAVED_MAX = USB_ADDRESSES * (USB_CONTROL_HEAD + USB_CONTROL_MAX),
};

typedef struct UsbControl {
    bool begun, sent; /* the setup stage is over; the device has answered */
    uint8_t setup[USB_SETUP_BYTES];
    uint8_t *buf;
    uint32_t len, at; /* bytes of the data stage, and how many of them have gone by */
} UsbControl;

/* What a stage behind the setup stage does. */
typedef enum UsbStage {
    USB_STAGE_BAD,  /* there was no setup stage */
    USB_STAGE_TAKE, /* data for the device: usb_control_take */
    USB_STAGE_ASK,  /* the device is asked: usb_control_packet */
    USB_STAGE_GIVE, /* data of its answer: usb_control_give */
    USB_STAGE_END,  /* the status stage: usb_control_forget */
} UsbStage;

void usb_control_forget(UsbControl *c);
/* The setup stage; what was before it is forgotten. */
void usb_control_begin(UsbControl *c, const uint8_t setup[USB_SETUP_BYTES]);
/* A stage of IN or OUT packets. */
UsbStage usb_control_stage(const UsbControl *c, bool in);
/* Where @n bytes of the data stage go; NULL: there are not that many. */
uint8_t *usb_control_take(UsbControl *c, uint32_t n);
/* The packet that asks @u; its buffer stays the transfer's. */
UsbPacket usb_control_packet(UsbControl *c, UsbDevice *u);
/* The device gave @actual bytes. */
void usb_control_answered(UsbControl *c, uint32_t actual);
/* The next bytes of the answer: *@n of them, at most as many as it was. */
const uint8_t *usb_control_give(UsbControl *c, uint32_t *n);
/* What has begun of the transfers to all addresses, as bytes of state; in `saving`. */
void usb_control_save(const UsbControl *all, uint8_t **saved, uint32_t *len);
/* Those transfers; what was there is forgotten. False: the bytes do not hold together. */
bool usb_control_load(UsbControl *all, const uint8_t *saved, uint32_t len);

#endif
