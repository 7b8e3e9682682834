/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of type=user: addresses and forwarded ports. */
#ifndef NET_USER_PARSE_H
#define NET_USER_PARSE_H

#include "util/error.h"
#include "util/options.h"

#include <netinet/in.h>

typedef struct UserNet {
    bool restricted, ipv4, ipv6;
    struct in_addr network, mask, host, dns, dhcp_start;
    struct in6_addr prefix6, host6, dns6;
    uint8_t prefix_len;
} UserNet;

/* [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT; to remove: without the guest's half. */
typedef struct UserForward {
    bool udp;
    struct in_addr host, guest; /* guest 0: the first address that DHCP gives */
    uint16_t host_port, guest_port;
} UserForward;

/* tcp:SERVER:PORT-cmd:COMMAND; @command is the caller's to free. */
typedef struct UserGuestForward {
    struct in_addr server;
    uint16_t port;
    char *command;
} UserGuestForward;

/* net, host, dns, dhcpstart, ipv6-*, restrict ... with the defaults of 10.0.2.0/24, fec0::/64. */
NODISCARD bool user_parse_net(Options *o, UserNet *n, GError **err);
NODISCARD bool user_parse_forward(const char *text, bool add, UserForward *f, GError **err);
NODISCARD bool user_parse_guest_forward(const char *text, UserGuestForward *f, GError **err);

#endif
