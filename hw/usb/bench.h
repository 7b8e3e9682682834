/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: packets to a device of USB, without a controller's schedule. */
#ifndef HW_USB_BENCH_H
#define HW_USB_BENCH_H

#include "hw/usb/usb.h"

#include <string.h>

/* Submits *@p, with the eight bytes of @setup if they are not NULL; USB_ASYNC: *@p must last. */
static inline UsbStatus usb_bench_submit(UsbPacket *p, const uint8_t *setup)
{
    UsbStatus status;

    if (setup) {
        memcpy(p->setup, setup, sizeof(p->setup));
    }
    CHECK(usb_enter(p->dev));
    status = usb_submit(p);
    usb_leave(p->dev);
    return status;
}

#endif
