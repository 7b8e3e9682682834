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

/* An address and port of either family. */
typedef union UserEndpoint {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
} UserEndpoint;

/* [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT; to remove: without the guest's half. IPv6
 * addresses stand in brackets. */
typedef struct UserForward {
    bool udp;
    UserEndpoint host, guest; /* guest 0.0.0.0: the first address that DHCP gives */
} UserForward;

/* tcp:SERVER:PORT-cmd:COMMAND, or -DEVICE; the text is the caller's to free. */
typedef struct UserGuestForward {
    struct in_addr server;
    uint16_t port;
    bool is_command;
    char *text; /* the command, or a character device as after -chardev ("chardev:ID": that one) */
} UserGuestForward;

/* net, host, dns, dhcpstart, ipv6-*, restrict ... with the defaults of 10.0.2.0/24, fec0::/64. */
NODISCARD bool user_parse_net(Options *o, UserNet *n, GError **err);
NODISCARD bool user_parse_forward(const char *text, bool add, UserForward *f, GError **err);
NODISCARD bool user_parse_guest_forward(const char *text, UserGuestForward *f, GError **err);

socklen_t user_endpoint_len(const UserEndpoint *e);
uint16_t user_endpoint_port(const UserEndpoint *e);

#endif
