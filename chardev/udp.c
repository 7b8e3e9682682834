/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams: each write is one, and what comes in one is read as far as the front end has room. */
#include "chardev/chardev-priv.h"
#include "util/options.h"
#include "util/size.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_MAX = 65507 }; /* RFC 768 over IPv4: 65535 less both headers */

typedef struct Udp {
    uint8_t data[UDP_MAX];
    size_t begin, end; /* of the datagram that is being read */
} Udp;

typedef struct UdpAddress {
    const char *host, *port;
} UdpAddress;

/* "[HOST]:PORT[@[HOST]:PORT]", as -serial has it, in parts of @text. */
static bool udp_text(char *text, UdpAddress *to, UdpAddress *from, GError **err)
{
    UdpAddress *const sides[] = { to, from };
    char *at = strchr(text, '@');
    char *parts[] = { text, at ? at + 1 : NULL };

    if (at) {
        *at = '\0';
    }
    for (unsigned i = 0; i < 2 && parts[i]; i++) {
        char *colon = strrchr(parts[i], ':');

        if (!colon) {
            return error_set(err, "'%s': expected [HOST]:PORT[@[HOST]:PORT]", parts[i]);
        }
        *colon = '\0';
        sides[i]->port = colon[1] ? colon + 1 : i ? "0" : NULL;
        sides[i]->host = parts[i];
    }
    return true;
}

static bool udp_resolve(const UdpAddress *a, const char *any, int family, int flags,
                        struct addrinfo **list, GError **err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_family = family, .ai_flags = flags };
    const char *host = a->host && *a->host ? a->host : any;
    uint64_t port;
    int rc;

    if (!number_parse(a->port, 0, 65535, &port, err)) {
        g_prefix_error(err, "port '%s': ", a->port);
        return false;
    }
    rc = getaddrinfo(host, a->port, &hints, list);
    return !rc || error_set(err, "cannot resolve '%s:%s': %s", host ? host : "", a->port,
                            gai_strerror(rc));
}

/* A socket with both ends, for the first address of the peer that works. -1: an error. */
static int udp_connect(const UdpAddress *to, const UdpAddress *from, int family, GError **err)
{
    struct addrinfo *peers = NULL, *own = NULL;
    int fd = -1, error = 0;

    if (!udp_resolve(to, "localhost", family, 0, &peers, err)) {
        return -1;
    }
    for (struct addrinfo *p = peers; p && fd < 0 && !*err; p = p->ai_next) {
        if (!udp_resolve(from, NULL, p->ai_family, AI_PASSIVE, &own, err)) {
            break;
        }
        fd = socket(p->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 &&
            (bind(fd, own->ai_addr, own->ai_addrlen) || connect(fd, p->ai_addr, p->ai_addrlen))) {
            error = errno;
            close(fd);
            fd = -1;
        }
        freeaddrinfo(own);
    }
    freeaddrinfo(peers);
    if (fd < 0 && !*err) {
        error_set(err, "cannot send to %s:%s from %s:%s: %s", to->host ? to->host : "localhost",
                  to->port, from->host ? from->host : "", from->port, g_strerror(error));
    }
    return fd;
}

static bool udp_open_options(Chardev *c, Options *o, GError **err)
{
    static const char *const valid[] = { "host", "port", "localaddr", "localport",
                                         "ipv4", "ipv6", "udp" };
    UdpAddress to = { options_get(o, "host"), options_get(o, "port") };
    UdpAddress from = { options_get(o, "localaddr"), options_get(o, "localport") };
    g_autofree char *text = g_strdup(options_get(o, "udp"));
    g_autoptr(GError) why = NULL;
    bool v4, v6;

    if (!options_get_bool(o, "ipv4", !options_get(o, "ipv6"), &v4, err) ||
        !options_get_bool(o, "ipv6", !options_get(o, "ipv4"), &v6, err) ||
        !options_all_used(o, valid, G_N_ELEMENTS(valid), err) ||
        (text && !udp_text(text, &to, &from, err))) {
        return false;
    }
    from.port = from.port ? from.port : "0";
    if (!to.port) {
        return error_set(err, "port= is missing: where datagrams go to");
    }
    c->in_fd = c->out_fd = udp_connect(&to, &from,
                                       v4 == v6 ? AF_UNSPEC
                                       : v4     ? AF_INET
                                                : AF_INET6,
                                       &why);
    if (why) {
        g_propagate_error(err, g_steal_pointer(&why));
        return false;
    }
    g_free(c->where);
    c->where = g_strdup_printf("udp:%s:%s", to.host && *to.host ? to.host : "localhost", to.port);
    c->open = true;
    return true;
}

static bool udp_open(Chardev *c, const char *options, GError **err)
{
    Options o;
    bool ok;

    if (!options_parse(&o, options, "udp", err)) {
        return false;
    }
    c->state = g_new0(Udp, 1);
    ok = udp_open_options(c, &o, err);
    options_deinit(&o);
    return ok;
}

static void udp_close(Chardev *c)
{
    if (c->in_fd >= 0) {
        close(c->in_fd);
    }
    c->in_fd = c->out_fd = -1;
    g_free(c->state);
}

/* Nobody there (ICMP) is no error: somebody may come. */
static void udp_write(Chardev *c, const uint8_t *buf, size_t len)
{
    for (size_t done = 0; c->out_fd >= 0 && done < len;) {
        size_t step = MIN(len - done, UDP_MAX);

        if (send(c->out_fd, buf + done, step, MSG_NOSIGNAL) < 0 && errno == EINTR) {
            continue;
        }
        done += step;
    }
}

static ssize_t udp_receive(Chardev *c, void *buf, size_t len)
{
    Udp *u = c->state;
    ssize_t n;

    if (u->begin == u->end) {
        n = recv(c->in_fd, u->data, sizeof(u->data), 0);
        if (n <= 0) { /* an empty one, or what became of one that was sent */
            errno = EAGAIN;
            return -1;
        }
        u->begin = 0;
        u->end = (size_t)n;
    }
    len = MIN(len, u->end - u->begin);
    memcpy(buf, u->data + u->begin, len);
    u->begin += len;
    if (u->begin < u->end) {
        chardev_accept_input(c); /* the socket need not tell of what is here */
    }
    return (ssize_t)len;
}

static void udp_accept_input(Chardev *c)
{
    Udp *u = c->state;

    if (u) {
        u->begin += char_deliver(c, u->data + u->begin, u->end - u->begin);
    }
}

const CharKind char_udp = {
    .name = "udp",
    .doc = "port=PORT[,host=HOST][,localaddr=HOST][,localport=PORT][,ipv4=on|off][,ipv6=on|off]",
    .open = udp_open,
    .close = udp_close,
    .write = udp_write,
    .accept_input = udp_accept_input,
    .receive = udp_receive,
};
