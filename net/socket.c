/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type=socket, stream and dgram: frames through sockets, between machines or to a switch of the
 * host. A stream carries each frame behind its length (4 bytes, big endian); a datagram is a frame.
 */
#include "core/event/loop.h"
#include "net/addr.h"
#include "net/net-priv.h"
#include "util/bytes.h"
#include "util/fdsets.h"
#include "util/json.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum { PREFIX = 4, BURST = 64, UNSENT_MAX = 4 << 20, RECONNECT_MAX_S = 3600 };

typedef struct Sock {
    NetBackend b;
    NetAddr local, remote; /* of datagrams; of a stream `remote` is where it listens or connects */
    int listen_fd, fd;
    unsigned listen_watch, in_watch, out_watch, retry;
    unsigned reconnect_s;
    bool dgram, server, connecting, closed;
    bool tells, told;   /* type=stream: the monitors hear of connections; they know of one */
    GByteArray *unsent; /* of a stream whose peer lags behind */
    size_t got;
    uint8_t buf[PREFIX + NET_FRAME_MAX];
} Sock;

static Sock *sock_of(NetBackend *b)
{
    return (Sock *)(void *)b;
}

static void sock_warn(Sock *s, const char *what, int error)
{
    g_autofree char *where =
        net_addr_text(s->remote.len || s->remote.fd >= 0 ? &s->remote : &s->local);

    log_message(loop_log(s->b.machine), LOG_LEVEL_WARN, s->b.id, "%s: %s: %s", where, what,
                error ? g_strerror(error) : "the other end is gone");
}

static void sock_unwatch(Sock *s, unsigned *watch)
{
    if (*watch) {
        loop_unwatch(s->b.machine, *watch);
        *watch = 0;
    }
}

/* ---- Streams ---- */

static void sock_connect(void *arg);

static char *sock_quote(const char *text)
{
    GString *s = g_string_new("");

    json_print_string(s, text);
    return g_string_free(s, FALSE);
}

/* Whom a stream is connected to, as {"type": ...}. */
static char *sock_peer_json(int fd)
{
    char host[INET6_ADDRSTRLEN] = "";
    NetAddr a = { .len = sizeof(a.storage) };
    const struct sockaddr_in *v4 = (const void *)&a.storage;
    const struct sockaddr_in6 *v6 = (const void *)&a.storage;
    g_autofree char *path = NULL;

    if (getpeername(fd, &a.any, &a.len)) {
        a.any.sa_family = AF_UNSPEC;
    }
    switch (a.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        return g_strdup_printf("{\"type\": \"inet\", \"host\": \"%s\", \"port\": \"%u\", "
                               "\"ipv4\": true}",
                               host, ntohs(v4->sin_port));
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        return g_strdup_printf("{\"type\": \"inet\", \"host\": \"%s\", \"port\": \"%u\", "
                               "\"ipv6\": true}",
                               host, ntohs(v6->sin6_port));
    case AF_UNIX:
        if (a.len <= offsetof(struct sockaddr_un, sun_path) || !a.un.sun_path[0]) {
            a.len = sizeof(a.storage); /* the other end has no name: ours, then */
            if (getsockname(fd, &a.any, &a.len)) {
                a.len = 0;
            }
        }
        path = a.len > offsetof(struct sockaddr_un, sun_path) ? sock_quote(a.un.sun_path)
                                                              : g_strdup("\"\"");
        return g_strdup_printf("{\"type\": \"unix\", \"path\": %s}", path);
    default:
        return g_strdup_printf("{\"type\": \"fd\", \"str\": \"%d\"}", fd);
    }
}

static void sock_tell(Sock *s, bool connected)
{
    g_autofree char *id = sock_quote(s->b.id);
    g_autofree char *addr = connected ? sock_peer_json(s->fd) : NULL;
    g_autofree char *text =
        connected
            ? g_strdup_printf("NETDEV_STREAM_CONNECTED {\"netdev-id\": %s, \"addr\": %s}", id, addr)
            : g_strdup_printf("NETDEV_STREAM_DISCONNECTED {\"netdev-id\": %s}", id);

    if (s->tells && s->told != connected) {
        s->told = connected;
        loop_tell_event(s->b.machine, text);
    }
}

static void sock_drop(Sock *s)
{
    sock_unwatch(s, &s->in_watch);
    sock_unwatch(s, &s->out_watch);
    if (s->fd >= 0) {
        close(s->fd);
    }
    if (!s->closed) {
        sock_tell(s, false);
    }
    s->fd = -1;
    s->got = 0;
    s->connecting = false;
    g_byte_array_set_size(s->unsent, 0);
    if (!s->server && s->reconnect_s && !s->closed && !s->retry) {
        s->retry = loop_timeout_ms(s->b.machine, s->reconnect_s * 1000, sock_connect, s);
    }
}

/* Frames that are whole go on; false: what came is no frame. */
static bool sock_take_frames(Sock *s)
{
    size_t at = 0;

    while (s->got - at >= PREFIX) {
        uint32_t len = get_be32(s->buf + at);

        if (len > NET_FRAME_MAX) {
            return false;
        }
        if (s->got - at < PREFIX + len) {
            break;
        }
        net_deliver(&s->b, s->buf + at + PREFIX, len);
        at += PREFIX + len;
    }
    memmove(s->buf, s->buf + at, s->got - at);
    s->got -= at;
    return true;
}

static bool sock_readable(int fd, unsigned events, void *arg)
{
    Sock *s = arg;
    ssize_t n;

    if (net_is_full(&s->b)) {
        s->in_watch = 0;
        return false;
    }
    n = recv(fd, s->buf + s->got, sizeof(s->buf) - s->got, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n > 0) {
        s->got += (size_t)n;
        if (sock_take_frames(s)) {
            return true;
        }
        sock_warn(s, "a frame's length is beyond all frames", EPROTO);
    } else {
        sock_warn(s, "disconnected", n ? errno : 0);
    }
    s->in_watch = 0;
    sock_drop(s);
    return false;
}

static bool sock_writable(int fd, unsigned events, void *arg)
{
    Sock *s = arg;
    ssize_t n = send(fd, s->unsent->data, s->unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
        g_byte_array_remove_range(s->unsent, 0, (guint)n);
    }
    if (s->unsent->len && (n > 0 || errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    s->out_watch = 0;
    return false; /* an error shows when reading */
}

static void sock_send_stream(Sock *s, const uint8_t *frame, size_t len)
{
    uint8_t prefix[PREFIX];
    struct iovec iov[2] = { { prefix, PREFIX }, { (void *)frame, len } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
    ssize_t n = 0;

    if (s->fd < 0 || s->connecting || s->unsent->len + len > UNSENT_MAX) {
        return;
    }
    put_be32(prefix, (uint32_t)len);
    if (!s->unsent->len) {
        n = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        n = n < 0 ? 0 : n;
    }
    if ((size_t)n == PREFIX + len) {
        return;
    }
    if (n < PREFIX) {
        g_byte_array_append(s->unsent, prefix + n, (guint)(PREFIX - n));
        n = PREFIX;
    }
    g_byte_array_append(s->unsent, frame + (n - PREFIX), (guint)(len - ((size_t)n - PREFIX)));
    if (!s->out_watch) {
        s->out_watch = loop_watch_fd(s->b.machine, s->fd, LOOP_OUT, sock_writable, s);
    }
}

static void sock_adopt(Sock *s, int fd)
{
    int one = 1;

    s->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    s->in_watch = loop_watch_fd(s->b.machine, fd, LOOP_IN, sock_readable, s);
    sock_tell(s, true);
}

static bool sock_incoming(int fd, unsigned events, void *arg)
{
    Sock *s = arg;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (peer >= 0 && s->fd >= 0) {
        close(peer); /* one at a time */
    } else if (peer >= 0) {
        sock_adopt(s, peer);
    }
    return true;
}

static bool sock_connected(int fd, unsigned events, void *arg)
{
    Sock *s = arg;
    int error = 0;
    socklen_t len = sizeof(error);

    s->out_watch = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    s->connecting = false;
    if (error) {
        sock_warn(s, "cannot connect", error);
        sock_drop(s);
    } else {
        sock_adopt(s, fd);
    }
    return false;
}

static void sock_connect(void *arg)
{
    Sock *s = arg;
    int fd = socket(s->remote.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    s->retry = 0;
    s->fd = fd;
    if (fd < 0 || (connect(fd, &s->remote.any, s->remote.len) && errno != EINPROGRESS)) {
        sock_warn(s, "cannot connect", errno);
        sock_drop(s);
        return;
    }
    s->connecting = true;
    s->out_watch = loop_watch_fd(s->b.machine, fd, LOOP_OUT, sock_connected, s);
}

static bool sock_listen(Sock *s, GError **err)
{
    g_autofree char *where = net_addr_text(&s->remote);
    int one = 1, fd = socket(s->remote.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    s->listen_fd = fd;
    if (s->remote.path) {
        unlink(s->remote.path);
    }
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        bind(fd, &s->remote.any, s->remote.len) || listen(fd, 1)) {
        return error_set(err, "cannot listen on %s: %s", where, g_strerror(errno));
    }
    s->listen_watch = loop_watch_fd(s->b.machine, fd, LOOP_IN, sock_incoming, s);
    return true;
}

static bool sock_begin_stream(Sock *s, GError **err)
{
    if (s->remote.fd >= 0) {
        sock_adopt(s, s->remote.fd);
        return true;
    }
    if (s->server) {
        return sock_listen(s, err);
    }
    sock_connect(s);
    return true;
}

/* ---- Datagrams ---- */

static bool sock_datagram(int fd, unsigned events, void *arg)
{
    Sock *s = arg;

    for (unsigned i = 0; i < BURST; i++) {
        ssize_t n;

        if (net_is_full(&s->b)) {
            s->in_watch = 0;
            return false;
        }
        n = recv(fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);
        if (n < 0) {
            break;
        }
        net_deliver(&s->b, s->buf, (size_t)n);
    }
    return true;
}

static void sock_watch_datagrams(Sock *s)
{
    s->in_watch = loop_watch_fd(s->b.machine, s->fd, LOOP_IN, sock_datagram, s);
}

static bool sock_is_multicast(const NetAddr *a)
{
    const struct sockaddr_in *in = (const void *)&a->storage;

    return a->any.sa_family == AF_INET && IN_MULTICAST(ntohl(in->sin_addr.s_addr));
}

/* Every member of the group, this host's too. */
static bool sock_join(Sock *s, GError **err)
{
    const struct sockaddr_in *group = (const void *)&s->remote.storage;
    const struct sockaddr_in *local = (const void *)&s->local.storage;
    struct ip_mreq mreq = { .imr_multiaddr = group->sin_addr };
    int one = 1;
    g_autofree char *where = net_addr_text(&s->remote);

    if (s->local.len && s->local.any.sa_family == AF_INET) {
        mreq.imr_interface = local->sin_addr;
    }
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        bind(s->fd, &s->remote.any, s->remote.len) ||
        setsockopt(s->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) ||
        setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)) ||
        (s->local.len && setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq.imr_interface,
                                    sizeof(mreq.imr_interface)))) {
        return error_set(err, "cannot join the group %s: %s", where, g_strerror(errno));
    }
    sock_watch_datagrams(s);
    return true;
}

static bool sock_begin_dgram(Sock *s, GError **err)
{
    int one = 1;

    if (s->local.fd >= 0) {
        s->fd = s->local.fd;
        sock_watch_datagrams(s);
        return true;
    }
    if (sock_is_multicast(&s->remote)) {
        return sock_join(s, err);
    }
    if (!s->local.len || !s->remote.len || s->local.any.sa_family != s->remote.any.sa_family) {
        return error_set(err, "local.type= and remote.type= must both be given, and be alike");
    }
    s->fd = socket(s->local.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->local.path) {
        unlink(s->local.path);
    }
    if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        bind(s->fd, &s->local.any, s->local.len)) {
        g_autofree char *where = net_addr_text(&s->local);

        return error_set(err, "cannot bind %s: %s", where, g_strerror(errno));
    }
    sock_watch_datagrams(s);
    return true;
}

/* ---- Life ---- */

static void sock_send(NetBackend *b, uint8_t *frame, size_t len, const NetOffload *o)
{
    Sock *s = sock_of(b);

    if (!s->dgram) {
        sock_send_stream(s, frame, len);
    } else if (s->fd >= 0) {
        ssize_t n = sendto(s->fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                           s->remote.len ? &s->remote.any : NULL, s->remote.len);

        (void)n; /* nobody there, or no room: lost as on a cable */
    }
}

static void sock_more(NetBackend *b)
{
    Sock *s = sock_of(b);

    if (s->in_watch || s->fd < 0 || s->connecting) {
        return;
    }
    if (s->dgram) {
        sock_watch_datagrams(s);
    } else {
        s->in_watch = loop_watch_fd(b->machine, s->fd, LOOP_IN, sock_readable, s);
    }
}

static void sock_init(Sock *s)
{
    s->listen_fd = s->fd = -1;
    s->local.fd = s->remote.fd = -1;
    s->unsent = g_byte_array_new();
}

static bool sock_open_stream(NetBackend *b, Options *o, GError **err)
{
    Sock *s = sock_of(b);
    uint64_t seconds;

    sock_init(s);
    s->tells = true;
    if (!options_get_bool(o, "server", false, &s->server, err) ||
        !options_get_number(o, "reconnect", 0, &seconds, err) ||
        !net_addr_options(machine_fdsets(b->machine), o, "addr", s->server, false, &s->remote,
                          err)) {
        return false;
    }
    if (seconds > RECONNECT_MAX_S || (seconds && (s->server || s->remote.fd >= 0))) {
        return error_set(err, "reconnect=: is for a client, %d seconds at most", RECONNECT_MAX_S);
    }
    s->reconnect_s = (unsigned)seconds;
    return sock_begin_stream(s, err);
}

static bool sock_open_dgram(NetBackend *b, Options *o, GError **err)
{
    Sock *s = sock_of(b);

    sock_init(s);
    s->dgram = true;
    if ((options_get(o, "local.type") &&
         !net_addr_options(machine_fdsets(b->machine), o, "local", true, true, &s->local, err)) ||
        (options_get(o, "remote.type") && !net_addr_options(machine_fdsets(b->machine), o, "remote",
                                                            false, true, &s->remote, err))) {
        return false;
    }
    return sock_begin_dgram(s, err);
}

static bool sock_open_old_dgram(Sock *s, const char *mcast, const char *udp, const char *local,
                                GError **err)
{
    s->dgram = true;
    if (udp && !local) {
        return error_set(err, "udp= needs localaddr=, too");
    }
    if (mcast) {
        g_autofree char *any = local ? g_strdup_printf("%s:0", local) : NULL;

        return net_addr_host_port("mcast", mcast, false, true, &s->remote, err) &&
               (!any || net_addr_host_port("localaddr", any, true, true, &s->local, err)) &&
               (sock_is_multicast(&s->remote) ||
                error_set(err,
                          "mcast=%s: is no address of a group (224.0.0.0 to "
                          "239.255.255.255)",
                          mcast)) &&
               sock_begin_dgram(s, err);
    }
    return net_addr_host_port("udp", udp, false, true, &s->remote, err) &&
           net_addr_host_port("localaddr", local, true, true, &s->local, err) &&
           sock_begin_dgram(s, err);
}

static bool sock_open_old(NetBackend *b, Options *o, GError **err)
{
    Sock *s = sock_of(b);
    const char *fd = options_get(o, "fd"), *at = options_get(o, "listen");
    const char *to = options_get(o, "connect"), *mcast = options_get(o, "mcast");
    const char *udp = options_get(o, "udp"), *local = options_get(o, "localaddr");

    sock_init(s);
    if (!!fd + !!at + !!to + !!mcast + !!udp != 1) {
        return error_set(err, "exactly one of fd=, listen=, connect=, mcast= and udp= is required");
    }
    if (local && !mcast && !udp) {
        return error_set(err, "localaddr= is for mcast= and udp=");
    }
    if (mcast || udp) {
        return sock_open_old_dgram(s, mcast, udp, local, err);
    }
    if (fd) {
        int type = 0;
        socklen_t len = sizeof(type);
        Options one = { 0 };
        bool ok;

        options_add(&one, "addr.type", "fd");
        options_add(&one, "addr.str", fd);
        ok = net_addr_options(machine_fdsets(b->machine), &one, "addr", false, false, &s->remote,
                              err);
        options_deinit(&one);
        if (!ok) {
            return false;
        }
        if (getsockopt(s->remote.fd, SOL_SOCKET, SO_TYPE, &type, &len)) {
            return error_set(err, "fd=%s: is no socket", fd);
        }
        if (type == SOCK_DGRAM) {
            s->dgram = true;
            s->local = s->remote;
            s->remote = (NetAddr){ .fd = -1 };
            return sock_begin_dgram(s, err);
        }
        return sock_begin_stream(s, err);
    }
    s->server = at != NULL;
    return net_addr_host_port(at ? "listen" : "connect", at ? at : to, s->server, false, &s->remote,
                              err) &&
           sock_begin_stream(s, err);
}

static void sock_close(NetBackend *b)
{
    Sock *s = sock_of(b);

    s->closed = true;
    if (!s->unsent) {
        return;
    }
    sock_drop(s);
    sock_unwatch(s, &s->listen_watch);
    sock_unwatch(s, &s->retry);
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
        if (s->remote.path) {
            unlink(s->remote.path);
        }
    }
    s->listen_fd = -1;
    if (s->dgram && s->local.path) {
        unlink(s->local.path);
    }
    net_addr_deinit(&s->local);
    net_addr_deinit(&s->remote);
    g_byte_array_free(s->unsent, TRUE);
    s->unsent = NULL;
}

static char *sock_text(NetBackend *b)
{
    Sock *s = sock_of(b);
    g_autofree char *where =
        s->remote.len || s->remote.fd >= 0 ? net_addr_text(&s->remote) : net_addr_text(&s->local);

    return g_strdup_printf("%s=%s", s->dgram ? "to" : s->server ? "listen" : "connect", where);
}

#define SOCK_TYPE(id_, name_, doc_, open_) \
    const NetType net_type_##id_ = {       \
        .name = name_,                     \
        .doc = doc_,                       \
        .size = sizeof(Sock),              \
        .open = open_,                     \
        .close = sock_close,               \
        .send = sock_send,                 \
        .more = sock_more,                 \
        .text = sock_text,                 \
    }

SOCK_TYPE(socket, "socket", "another machine by TCP or UDP (listen=, connect=, mcast=, udp=, fd=)",
          sock_open_old);
SOCK_TYPE(stream, "stream", "frames over a TCP or UNIX socket (addr.type=, server=, reconnect=)",
          sock_open_stream);
SOCK_TYPE(dgram, "dgram", "frames as UDP or UNIX datagrams (local.*=, remote.*=)", sock_open_dgram);
