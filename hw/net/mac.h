/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware addresses of cards. */
#ifndef HW_NET_MAC_H
#define HW_NET_MAC_H

#include "core/device.h"

enum { NET_MAC_BYTES = 6 };

/*
 * @text, or without one 52:54:00:12:34:56 for the machine's first card, of whatever type, and on.
 * In the card's start. Errors: what is wrong with @text.
 */
NODISCARD bool net_mac_of_card(Device *card, const char *text, uint8_t *mac, GError **err);

#endif
