/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type=user: a network of the guest's own behind the host's sockets, by libslirp: no privilege is
 * needed. The guest finds a gateway, DNS and DHCP; ports of the host can be forwarded to it.
 */
#include "core/event/loop.h"
#include "net/net-priv.h"
#include "net/user-guest.h"
#include "net/user-parse.h"
#include "util/bytes.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <unistd.h>

enum {
    USER_MS_MAX = 1000,
    ETHER_IP = 0x0800,
    ETHER_ARP = 0x0806,
    ETHER_IP6 = 0x86dd,
    ETHER_BYTES = 14,
    IP_BYTES = 20,
    IP6_BYTES = 40,
    NEIGHBOUR_ADVERT = 136,
};

typedef struct UserSource UserSource;

typedef struct User {
    NetBackend b;
    Slirp *slirp;
    UserSource *source;
    UserNet net;
    GPtrArray *dns_search;
    GPtrArray *guests; /* of UserGuest: guestfwd= to character devices */
    bool neighbour;    /* the guest has said where it is: what waits for that can go */
    bool ping_told;    /* the sysctl without which the guest's ping does not leave */
} User;

/* ---- The loop's source: sockets that change from round to round ---- */

struct UserSource {
    GSource source;
    User *user;
    GPtrArray *fds; /* of GPollFD */
    gint64 due_us;
};

static int user_events(int events)
{
    return (events & SLIRP_POLL_IN ? G_IO_IN : 0) | (events & SLIRP_POLL_OUT ? G_IO_OUT : 0) |
           (events & SLIRP_POLL_PRI ? G_IO_PRI : 0) | (events & SLIRP_POLL_ERR ? G_IO_ERR : 0) |
           (events & SLIRP_POLL_HUP ? G_IO_HUP : 0);
}

static int user_revents(int events)
{
    return (events & G_IO_IN ? SLIRP_POLL_IN : 0) | (events & G_IO_OUT ? SLIRP_POLL_OUT : 0) |
           (events & G_IO_PRI ? SLIRP_POLL_PRI : 0) | (events & G_IO_ERR ? SLIRP_POLL_ERR : 0) |
           (events & G_IO_HUP ? SLIRP_POLL_HUP : 0);
}

static int user_add_poll(int fd, int events, void *opaque)
{
    UserSource *s = opaque;
    GPollFD *p = g_new0(GPollFD, 1);

    p->fd = fd;
    p->events = (gushort)user_events(events);
    g_ptr_array_add(s->fds, p);
    g_source_add_poll(&s->source, p);
    return (int)s->fds->len - 1;
}

static int user_get_revents(int i, void *opaque)
{
    UserSource *s = opaque;
    GPollFD *p = i >= 0 && (guint)i < s->fds->len ? g_ptr_array_index(s->fds, (guint)i) : NULL;

    return p ? user_revents(p->revents & (p->events | G_IO_ERR | G_IO_HUP)) : 0;
}

static void user_clear_fds(UserSource *s)
{
    for (guint i = 0; i < s->fds->len; i++) {
        g_source_remove_poll(&s->source, g_ptr_array_index(s->fds, i));
    }
    g_ptr_array_set_size(s->fds, 0);
}

static gboolean user_prepare(GSource *source, gint *timeout)
{
    UserSource *s = (UserSource *)(void *)source;
    uint32_t ms = USER_MS_MAX;
    gint64 now, due;

    user_clear_fds(s);
    slirp_pollfds_fill(s->user->slirp, &ms, user_add_poll, s);
    if (s->user->neighbour) { /* libslirp sends what waits in slirp_pollfds_poll alone */
        s->user->neighbour = false;
        ms = 0;
    }
    now = g_get_monotonic_time();
    due = now + (gint64)ms * 1000;
    if (!s->due_us || due < s->due_us) { /* others that wake the loop do not put it off */
        s->due_us = due;
    }
    *timeout = s->due_us > now ? (gint)((s->due_us - now + 999) / 1000) : 0;
    return FALSE;
}

static gboolean user_check(GSource *source)
{
    UserSource *s = (UserSource *)(void *)source;

    for (guint i = 0; i < s->fds->len; i++) {
        if (((GPollFD *)g_ptr_array_index(s->fds, i))->revents) {
            return TRUE;
        }
    }
    return g_get_monotonic_time() >= s->due_us;
}

static gboolean user_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
    UserSource *s = (UserSource *)(void *)source;

    s->due_us = 0;
    slirp_pollfds_poll(s->user->slirp, 0, user_get_revents, s);
    user_guests_more(s->user->guests);
    net_flush(&s->user->b);
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs user_source_funcs = { user_prepare, user_check, user_dispatch,
                                                NULL,         NULL,       NULL };

/* ---- What libslirp asks for ---- */

static ssize_t user_send_packet(const void *buf, size_t len, void *opaque)
{
    net_deliver(opaque, buf, len);
    return (ssize_t)len;
}

static void user_guest_error(const char *msg, void *opaque)
{
}

static int64_t user_clock(void *opaque)
{
    return g_get_monotonic_time() * 1000;
}

typedef struct UserTimer {
    User *user;
    SlirpTimerId id;
    void *cb_opaque;
    unsigned watch; /* 0: not armed */
} UserTimer;

static void user_timer_fired(void *arg)
{
    UserTimer *t = arg;

    t->watch = 0;
    slirp_handle_timer(t->user->slirp, t->id, t->cb_opaque);
    net_flush(&t->user->b);
}

static void *user_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    UserTimer t = { opaque, id, cb_opaque, 0 };

    return g_memdup2(&t, sizeof(t));
}

static void user_timer_stop(UserTimer *t)
{
    if (t->watch) {
        loop_unwatch(t->user->b.machine, t->watch);
        t->watch = 0;
    }
}

static void user_timer_free(void *timer, void *opaque)
{
    user_timer_stop(timer);
    g_free(timer);
}

static void user_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    UserTimer *t = timer;
    int64_t left = expire_ms - g_get_monotonic_time() / 1000;

    user_timer_stop(t);
    t->watch =
        loop_timeout_ms(t->user->b.machine, left > 0 ? (unsigned)left : 0, user_timer_fired, t);
}

static void user_poll_fd(int fd, void *opaque)
{
}

static void user_notify(void *opaque)
{
    g_main_context_wakeup(loop_context(((User *)opaque)->b.machine));
}

static const SlirpCb user_callbacks = {
    .send_packet = user_send_packet,
    .guest_error = user_guest_error,
    .clock_get_ns = user_clock,
    .timer_free = user_timer_free,
    .timer_mod = user_timer_mod,
    .register_poll_fd = user_poll_fd,
    .unregister_poll_fd = user_poll_fd,
    .notify = user_notify,
    .timer_new_opaque = user_timer_new,
};

/* ---- Forwarded ports ---- */

static bool user_forward(NetBackend *b, const char *text, bool add, GError **err)
{
    User *u = (User *)(void *)b;
    unsigned port, flags;
    UserForward f;
    int ret;

    if (!user_parse_forward(text, add, &f, err)) {
        return false;
    }
    /* IPv4 has a rule of its own: what comes as IPv6 must be answered as IPv6. */
    flags = (f.udp ? SLIRP_HOSTFWD_UDP : 0) |
            (f.host.any.sa_family == AF_INET6 ? SLIRP_HOSTFWD_V6ONLY : 0);
    port = user_endpoint_port(&f.host);
    ret =
        add ? slirp_add_hostxfwd(u->slirp, &f.host.any, user_endpoint_len(&f.host), &f.guest.any,
                                 user_endpoint_len(&f.guest), (int)flags)
            : slirp_remove_hostxfwd(u->slirp, &f.host.any, user_endpoint_len(&f.host), (int)flags);
    if (ret) {
        return add ? error_set(err, "hostfwd=%s: port %u of the host cannot be had%s: %s", text,
                               port, port < 1024 ? " (below 1024 takes a privilege)" : "",
                               g_strerror(errno))
                   : error_set(err, "no such forwarding: %s", text);
    }
    user_notify(u);
    return true;
}

static bool user_guest_forward(User *u, const char *text, GError **err)
{
    g_autofree char *what = NULL;
    UserGuestForward f;
    UserGuest *g;

    if (!user_parse_guest_forward(text, &f, err)) {
        return false;
    }
    what = f.text;
    if (f.is_command) {
        return !slirp_add_exec(u->slirp, what, &f.server, f.port) ||
               error_set(err, "guestfwd=%s: the address is taken or not of the guest's network",
                         text);
    }
    g = user_guest_new(&u->b, u->slirp, &f, err);
    if (!g) {
        g_prefix_error(err, "guestfwd=%s: ", text);
        return false;
    }
    g_ptr_array_add(u->guests, g);
    return true;
}

static bool user_forwards(User *u, Options *o, GError **err)
{
    for (unsigned i = 0; i < o->n; i++) {
        const char *key = o->list[i].key, *value = o->list[i].value;

        if ((!strcmp(key, "hostfwd") && !user_forward(&u->b, value, true, err)) ||
            (!strcmp(key, "guestfwd") && !user_guest_forward(u, value, err))) {
            return false;
        }
    }
    return true;
}

/* ---- Opening ---- */

static void user_dns_search(User *u, Options *o)
{
    u->dns_search = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < o->n; i++) {
        if (!strcmp(o->list[i].key, "dnssearch")) {
            o->list[i].used = true;
            g_ptr_array_add(u->dns_search, g_strdup(o->list[i].value));
        }
    }
    g_ptr_array_add(u->dns_search, NULL);
}

static bool user_open(NetBackend *b, Options *o, GError **err)
{
    User *u = (User *)(void *)b;
    const UserNet *n = &u->net;
    SlirpConfig cfg = { .version = 4 };

    if (!user_parse_net(o, &u->net, err)) {
        return false;
    }
    user_dns_search(u, o);
    u->guests = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))user_guest_free);
    options_get(o, "hostfwd");
    options_get(o, "guestfwd");
    cfg.restricted = n->restricted;
    cfg.in_enabled = n->ipv4;
    cfg.vnetwork = n->network;
    cfg.vnetmask = n->mask;
    cfg.vhost = n->host;
    cfg.in6_enabled = n->ipv6;
    cfg.vprefix_addr6 = n->prefix6;
    cfg.vprefix_len = n->prefix_len;
    cfg.vhost6 = n->host6;
    cfg.vnameserver6 = n->dns6;
    cfg.vhostname = options_get(o, "hostname");
    cfg.tftp_server_name = options_get(o, "tftp-server-name");
    cfg.tftp_path = options_get(o, "tftp");
    cfg.bootfile = options_get(o, "bootfile");
    cfg.vdhcp_start = n->dhcp_start;
    cfg.vnameserver = n->dns;
    cfg.vdnssearch = u->dns_search->len > 1 ? (const char **)(void *)u->dns_search->pdata : NULL;
    cfg.vdomainname = options_get(o, "domainname");
    u->slirp = slirp_new(&cfg, &user_callbacks, u);
    if (!u->slirp) {
        return error_set(err, "user-mode networking does not start");
    }
    u->source =
        (UserSource *)(void *)g_source_new((GSourceFuncs *)&user_source_funcs, sizeof(UserSource));
    u->source->user = u;
    u->source->fds = g_ptr_array_new_with_free_func(g_free);
    g_source_attach(&u->source->source, loop_context(b->machine));
    return user_forwards(u, o, err);
}

static void user_close(NetBackend *b)
{
    User *u = (User *)(void *)b;

    if (u->source) {
        user_clear_fds(u->source);
        g_ptr_array_free(u->source->fds, TRUE);
        g_source_destroy(&u->source->source);
        g_source_unref(&u->source->source);
    }
    if (u->guests) {
        g_ptr_array_free(u->guests, TRUE);
    }
    if (u->slirp) {
        slirp_cleanup(u->slirp);
    }
    if (u->dns_search) {
        g_ptr_array_free(u->dns_search, TRUE);
    }
}

/* libslirp pings by a socket that needs no privilege, where the host's administrator allows it. */
static bool user_can_ping(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* The first echo request that goes further than the guest's own network. */
static void user_tell_of_ping(User *u, const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + ETHER_BYTES;
    size_t head = len > ETHER_BYTES ? (ip[0] & 15) * 4u : 0;
    uint32_t to;

    if (len < ETHER_BYTES + IP_BYTES + 1 || get_be16(frame + 12) != ETHER_IP ||
        ip[9] != IPPROTO_ICMP || head < IP_BYTES || len <= ETHER_BYTES + head ||
        ip[head] != ICMP_ECHO) {
        return;
    }
    memcpy(&to, ip + 16, sizeof(to));
    if ((to & u->net.mask.s_addr) == u->net.network.s_addr || u->net.restricted) {
        return;
    }
    u->ping_told = true;
    if (!user_can_ping()) {
        log_message(loop_log(u->b.machine), LOG_LEVEL_WARN, u->b.id,
                    "the guest's ping is not allowed to leave this host; root allows it with: "
                    "sysctl -w net.ipv4.ping_group_range=\"%u %u\"",
                    (unsigned)getgid(), (unsigned)getgid());
    }
}

/* ARP, or a neighbour's advertisement (RFC 4861, "4.4"). */
static bool user_tells_address(const uint8_t *frame, size_t len)
{
    if (len < ETHER_BYTES) {
        return false;
    }
    return get_be16(frame + 12) == ETHER_ARP ||
           (get_be16(frame + 12) == ETHER_IP6 && len > ETHER_BYTES + IP6_BYTES &&
            frame[ETHER_BYTES + 6] == IPPROTO_ICMPV6 &&
            frame[ETHER_BYTES + IP6_BYTES] == NEIGHBOUR_ADVERT);
}

static void user_send(NetBackend *b, uint8_t *frame, size_t len, const NetOffload *o)
{
    User *u = (User *)(void *)b;

    if (!u->ping_told) {
        user_tell_of_ping(u, frame, len);
    }
    slirp_input(u->slirp, frame, (int)len);
    u->neighbour |= user_tells_address(frame, len);
    user_guests_more(u->guests);
}

static char *user_text(NetBackend *b)
{
    const UserNet *n = &((User *)(void *)b)->net;
    char net[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &n->network, net, sizeof(net));
    return g_strdup_printf("net=%s,restrict=%s", net, n->restricted ? "on" : "off");
}

static char *user_connections(NetBackend *b)
{
    return slirp_connection_info(((User *)(void *)b)->slirp);
}

bool net_has_user(void)
{
    return true;
}

const NetType net_type_user = {
    .name = "user",
    .doc = "a network behind the host's sockets; needs no privilege",
    .size = sizeof(User),
    .open = user_open,
    .close = user_close,
    .send = user_send,
    .text = user_text,
    .connections = user_connections,
    .forward = user_forward,
    .takes_large = true,
    .merges = true,
};
