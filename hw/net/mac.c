/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/net/mac.h"

#include <stdio.h>

/* Cards are what has a network. */
static bool mac_is_card(const Device *d)
{
    for (unsigned i = 0; d->started && i < device_type_n_fields(d->type); i++) {
        const Field *f = device_type_field(d->type, i);

        if (f->type == TYPE_BACKEND && !strcmp(f->of, "netdev")) {
            return true;
        }
    }
    return false;
}

bool net_mac_of_card(Device *card, const char *text, uint8_t *mac, GError **err)
{
    static const uint8_t first[NET_MAC_BYTES] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    Device *root = machine_root(card->machine);
    int end = 0;

    if (!text) {
        memcpy(mac, first, NET_MAC_BYTES);
        for (Device *d = root; d; d = device_next(root, d)) {
            mac[5] = (uint8_t)(mac[5] + (d != card && mac_is_card(d)));
        }
        return true;
    }
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end) != NET_MAC_BYTES ||
        text[end]) {
        return error_set(err, "mac=%s: must be six bytes like 52:54:00:12:34:56", text);
    }
    return !(mac[0] & 1) || error_set(err, "mac=%s: is the address of a group", text);
}
