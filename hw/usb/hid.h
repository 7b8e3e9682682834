/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_USB_HID_H
#define HW_USB_HID_H

#include <stdint.h>

/* The usage of KEY_* on the keyboard's page; 0: it has none. */
uint8_t hid_usage_of_key(unsigned key);

#endif
