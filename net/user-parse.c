/* SPDX-License-Identifier: Apache-2.0 */
#include "net/user-parse.h"

#include <arpa/inet.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_NUMBER = 2, DNS_NUMBER = 3, DHCP_NUMBER = 15 };

static bool user_ip4(const char *key, const char *text, struct in_addr *a, GError **err)
{
    return inet_pton(AF_INET, text, a) == 1 ||
           error_set(err, "%s=%s: is no IPv4 address", key, text);
}

static bool user_ip6(Options *o, const char *key, struct in6_addr *a, GError **err)
{
    const char *text = options_get(o, key);

    return !text || inet_pton(AF_INET6, text, a) == 1 ||
           error_set(err, "%s=%s: is no IPv6 address", key, text);
}

/* "10.0.2.0/24", or a net mask behind the slash; the class's mask without. */
static bool user_network(const char *text, UserNet *n, GError **err)
{
    const char *slash = strchr(text, '/');
    g_autofree char *addr = slash ? g_strndup(text, slash - text) : g_strdup(text);
    uint32_t bits, net;

    if (!user_ip4("net", addr, &n->network, err)) {
        return false;
    }
    net = ntohl(n->network.s_addr);
    if (slash && strchr(slash, '.')) {
        if (!user_ip4("net", slash + 1, &n->mask, err)) {
            return false;
        }
    } else {
        char *end = NULL;
        gulong len = slash                              ? strtoul(slash + 1, &end, 10)
                     : !(net & 0x80000000)              ? 8
                     : (net & 0xc0000000) == 0x80000000 ? 16
                                                        : 24;

        if (slash && (end == slash + 1 || *end || len > 30)) {
            return error_set(err, "net=%s: the mask must be /0 to /30", text);
        }
        n->mask.s_addr = htonl(len ? ~0u << (32 - len) : 0);
    }
    bits = ntohl(n->mask.s_addr);
    if (~bits & (~bits + 1)) {
        return error_set(err, "net=%s: the mask has holes", text);
    }
    n->network.s_addr &= n->mask.s_addr;
    return true;
}

/* The key's address, or the network's number @def; must be of the network. */
static bool user_address(Options *o, const UserNet *n, const char *key, unsigned def,
                         struct in_addr *a, GError **err)
{
    const char *text = options_get(o, key);

    a->s_addr = htonl(ntohl(n->network.s_addr) + def);
    if (!text) {
        return true;
    }
    if (!user_ip4(key, text, a, err)) {
        return false;
    }
    return (a->s_addr & n->mask.s_addr) == n->network.s_addr ||
           error_set(err, "%s=%s: is not of the guest's network (net=)", key, text);
}

static bool user_parse_net6(Options *o, UserNet *n, GError **err)
{
    uint64_t len;

    inet_pton(AF_INET6, "fec0::", &n->prefix6);
    if (!user_ip6(o, "ipv6-prefix", &n->prefix6, err) ||
        !options_get_number(o, "ipv6-prefixlen", 64, &len, err)) {
        return false;
    }
    if (len > 126) {
        return error_set(err, "ipv6-prefixlen=: must be 126 at most");
    }
    n->prefix_len = (uint8_t)len;
    n->host6 = n->dns6 = n->prefix6;
    n->host6.s6_addr[15] |= 2;
    n->dns6.s6_addr[15] |= 3;
    return user_ip6(o, "ipv6-host", &n->host6, err) && user_ip6(o, "ipv6-dns", &n->dns6, err);
}

bool user_parse_net(Options *o, UserNet *n, GError **err)
{
    const char *net = options_get(o, "net");

    *n = (UserNet){ 0 };
    if (options_get(o, "smb") || options_get(o, "smbserver")) {
        return error_set(err, "smb=: sharing by SMB is not supported, it would take Samba's smbd; "
                              "-virtfs local,path=FOLDER,mount_tag=TAG,security_model=none shares "
                              "a folder without it");
    }
    return options_get_bool(o, "restrict", false, &n->restricted, err) &&
           options_get_bool(o, "ipv4", true, &n->ipv4, err) &&
           options_get_bool(o, "ipv6", true, &n->ipv6, err) &&
           user_network(net ? net : "10.0.2.0/24", n, err) &&
           user_address(o, n, "host", HOST_NUMBER, &n->host, err) &&
           user_address(o, n, "dns", DNS_NUMBER, &n->dns, err) &&
           user_address(o, n, "dhcpstart", DHCP_NUMBER, &n->dhcp_start, err) &&
           user_parse_net6(o, n, err);
}

/* ---- Ports ---- */

static bool user_port(const char *text, uint16_t *port)
{
    char *end;
    gulong n = strtoul(text, &end, 10);

    *port = (uint16_t)n;
    return g_ascii_isdigit(*text) && !*end && n >= 1 && n <= 65535;
}

socklen_t user_endpoint_len(const UserEndpoint *e)
{
    return e->any.sa_family == AF_INET6 ? sizeof(e->in6) : sizeof(e->in);
}

uint16_t user_endpoint_port(const UserEndpoint *e)
{
    return ntohs(e->any.sa_family == AF_INET6 ? e->in6.sin6_port : e->in.sin_port);
}

/* "ADDR:PORT", ":PORT" (any IPv4 address) or "[ADDR6]:PORT", up to @end. */
static bool user_endpoint(const char *text, const char *end, UserEndpoint *e)
{
    g_autofree char *all = g_strndup(text, (gsize)(end - text));
    char *colon = strrchr(all, ':');
    size_t len = colon ? (size_t)(colon - all) : 0;
    uint16_t port;

    *e = (UserEndpoint){ 0 };
    if (!colon || !user_port(colon + 1, &port)) {
        return false;
    }
    *colon = 0;
    if (len > 2 && all[0] == '[' && all[len - 1] == ']') {
        all[len - 1] = 0;
        e->in6.sin6_family = AF_INET6;
        e->in6.sin6_port = htons(port);
        return inet_pton(AF_INET6, all + 1, &e->in6.sin6_addr) == 1;
    }
    e->in.sin_family = AF_INET;
    e->in.sin_port = htons(port);
    return !len || inet_pton(AF_INET, all, &e->in.sin_addr) == 1;
}

static const char *user_protocol(const char *text, bool *udp)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    *udp = len == 3 && !strncmp(text, "udp", 3);
    return colon && (!len || *udp || (len == 3 && !strncmp(text, "tcp", 3))) ? colon + 1 : NULL;
}

/* Both ends are of one family: the guest's connections come from what connects to the host. */
static bool user_check_families(const char *text, UserForward *f, GError **err)
{
    bool any_host = f->host.any.sa_family == AF_INET && !f->host.in.sin_addr.s_addr;
    in_port_t port = f->host.in.sin_port;

    if (f->guest.any.sa_family == AF_INET6 && any_host) {
        f->host.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
    }
    if (f->guest.any.sa_family == f->host.any.sa_family) {
        return f->guest.any.sa_family != AF_INET6 ||
               !IN6_IS_ADDR_UNSPECIFIED(&f->guest.in6.sin6_addr) ||
               error_set(err, "'%s': name the guest's IPv6 address: it is not given by the host",
                         text);
    }
    return f->host.any.sa_family == AF_INET6
               ? error_set(err, "'%s': name the guest's IPv6 address behind the dash, too", text)
               : error_set(err, "'%s': the host's address must be IPv6, too ([::1])", text);
}

bool user_parse_forward(const char *text, bool add, UserForward *f, GError **err)
{
    const char *rest = user_protocol(text, &f->udp);
    const char *dash = rest ? strchr(rest, '-') : NULL;

    f->guest = (UserEndpoint){ 0 };
    if (rest && user_endpoint(rest, dash ? dash : rest + strlen(rest), &f->host) &&
        (add ? dash && user_endpoint(dash + 1, dash + strlen(dash), &f->guest) : !dash)) {
        return !add || user_check_families(text, f, err);
    }
    return error_set(err, "'%s' is not of the form %s", text,
                     add ? "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"
                         : "[tcp|udp]:[HOSTADDR]:HOSTPORT");
}

bool user_parse_guest_forward(const char *text, UserGuestForward *f, GError **err)
{
    bool udp;
    const char *rest = user_protocol(text, &udp), *dash = rest ? strchr(rest, '-') : NULL;
    UserEndpoint e;

    if (!dash || udp || !user_endpoint(rest, dash, &e) || e.any.sa_family != AF_INET || !dash[1]) {
        return error_set(err,
                         "guestfwd=%s: is not of the form [tcp]:SERVER:PORT-cmd:COMMAND or "
                         "[tcp]:SERVER:PORT-DEVICE (chardev:ID, tcp:HOST:PORT, unix:PATH ...)",
                         text);
    }
    f->server = e.in.sin_addr;
    f->port = user_endpoint_port(&e);
    f->is_command = !strncmp(dash + 1, "cmd:", 4);
    f->text = g_strdup(f->is_command ? dash + 5 : dash + 1);
    return true;
}
