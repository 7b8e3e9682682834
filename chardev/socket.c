/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX and TCP sockets, as server or client, with telnet's option bytes where asked. */
#include "chardev/chardev-priv.h"
#include "util/fdsets.h"
#include "util/options.h"
#include "util/size.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCK_RECONNECT_MAX = 86400 };

typedef struct Sock {
    int listen_fd;
    unsigned listen_watch;
    bool server, telnet, delay;
    char *unlink_path;
    /* reconnect=: a client tries again, and is not waited for. */
    unsigned reconnect_s, retry, reach_watch; /* retry: a timeout */
    int reaching;                             /* is connecting; -1 */
    struct sockaddr_storage to;
    socklen_t to_len;
    /* tls-creds= */
    const CharTls *tls;
    char *creds, *authz, *host;
    void *session;
    unsigned shake_watch; /* the handshake goes on when its socket is ready */
} Sock;

static void socket_later(Chardev *c);

/* Closes the connection; the out_lock's holder's. */
static void socket_close_peer(Chardev *c)
{
    Sock *s = c->state;

    if (s->session) {
        s->tls->free(s->session);
        s->session = NULL;
    }
    if (c->in_fd >= 0) {
        close(c->in_fd);
    }
    c->in_fd = c->out_fd = -1;
}

static void socket_drop(Chardev *c)
{
    Sock *s = c->state;

    char_unwatch_input(c);
    if (s && s->shake_watch) {
        loop_unwatch(c->machine, s->shake_watch);
        s->shake_watch = 0;
    }
    char_close_taken(c);
    mutex_lock(&c->out_lock);
    if (s) {
        socket_close_peer(c);
    }
    mutex_unlock(&c->out_lock);
    char_set_open(c, false);
    socket_later(c);
}

/* The connection is one that bytes can go over. */
static void socket_ready(Chardev *c)
{
    static const uint8_t hello[] = { 255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0 };
    const Sock *s = c->state;

    mutex_lock(&c->out_lock);
    c->out_fd = c->in_fd;
    mutex_unlock(&c->out_lock);
    if (s->telnet) {
        chardev_write(c, hello, sizeof(hello));
    }
    char_watch_input(c);
    char_set_open(c, true);
}

static bool socket_shake(int fd, unsigned events, void *arg)
{
    Chardev *c = arg;
    Sock *s = c->state;
    g_autoptr(GError) err = NULL;
    int ret = s->tls->handshake(c->machine, s->session, s->authz, &err);

    s->shake_watch = 0;
    if (ret > 0) {
        s->shake_watch = loop_watch_fd(c->machine, fd, ret == CHAR_TLS_OUT ? LOOP_OUT : LOOP_IN,
                                       socket_shake, c);
    } else if (ret < 0) {
        g_printerr("%s: %s\n", c->where, err->message);
        socket_drop(c);
    } else {
        socket_ready(c);
    }
    return false;
}

static void socket_adopt(Chardev *c, int fd)
{
    Sock *s = c->state;
    g_autoptr(GError) err = NULL;
    int one = 1;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (!s->delay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    c->in_fd = fd;
    if (!s->creds) {
        socket_ready(c);
        return;
    }
    s->session = s->tls->start(c->machine, s->creds, s->server, s->host, fd, &err);
    if (s->session) {
        socket_shake(fd, 0, c);
    } else {
        g_printerr("%s: %s\n", c->where, err->message);
        socket_drop(c);
    }
}

/* More may be here than the socket tells of: records are taken as a whole. */
static ssize_t socket_receive_tls(Chardev *c, void *buf, size_t len)
{
    const Sock *s = c->state;
    ssize_t n = s->tls->read(s->session, buf, len);

    if (n < 0) {
        errno = (int)-n;
        return -1;
    }
    if (n) {
        chardev_accept_input(c);
    }
    return n;
}

static void socket_accept_input(Chardev *c)
{
    const Sock *s = c->state;
    uint8_t buf[4096];

    while (s && s->session && c->open && c->handlers && c->handlers->read) {
        size_t room = c->handlers->can_read ? c->handlers->can_read(c->opaque) : sizeof(buf);
        ssize_t n = room ? s->tls->read(s->session, buf, MIN(room, sizeof(buf))) : -EAGAIN;

        if (n <= 0) {
            return; /* an end is seen by the watch */
        }
        char_deliver(c, buf, (size_t)n);
        s = c->state;
    }
}

/* With the descriptors of SCM_RIGHTS (unix(7)). Those that came before and nobody wanted go. */
static ssize_t socket_receive(Chardev *c, void *buf, size_t len)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CHAR_FDS_MAX)];
    } control;
    struct iovec iov = { buf, len };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control) };
    const Sock *s = c->state;
    ssize_t n;

    if (s->session) {
        return socket_receive_tls(c, buf, len);
    }
    n = recvmsg(c->in_fd, &msg, MSG_CMSG_CLOEXEC);
    if (n <= 0) {
        return n;
    }
    char_close_taken(c);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h; h = CMSG_NXTHDR(&msg, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && !c->n_fds) {
            c->n_fds = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(c->fds, CMSG_DATA(h), c->n_fds * sizeof(int));
        }
    }
    return n;
}

static bool socket_incoming(int fd, unsigned events, void *arg)
{
    Chardev *c = arg;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (peer < 0) {
        return true;
    }
    if (c->in_fd >= 0) {
        close(peer); /* one at a time */
        return true;
    }
    socket_adopt(c, peer);
    return true;
}

/* ---- reconnect= ---- */

static bool socket_reached(int fd, unsigned events, void *arg)
{
    Chardev *c = arg;
    Sock *s = c->state;
    int error = 0;
    socklen_t len = sizeof(error);

    s->reach_watch = 0;
    s->reaching = -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
        close(fd);
        socket_later(c);
    } else {
        socket_adopt(c, fd);
    }
    return false;
}

static void socket_reach(void *arg)
{
    Chardev *c = arg;
    Sock *s = c->state;
    int fd = socket(s->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    s->retry = 0;
    if (fd >= 0 && !connect(fd, (struct sockaddr *)&s->to, s->to_len)) {
        socket_adopt(c, fd);
    } else if (fd >= 0 && errno == EINPROGRESS) {
        s->reaching = fd;
        s->reach_watch = loop_watch_fd(c->machine, fd, LOOP_OUT, socket_reached, c);
    } else {
        if (fd >= 0) {
            close(fd);
        }
        socket_later(c);
    }
}

static void socket_later(Chardev *c)
{
    Sock *s = c->state;

    if (s && s->reconnect_s && !c->closed && !s->retry && s->reaching < 0) {
        s->retry = loop_timeout_ms(c->machine, s->reconnect_s * 1000, socket_reach, c);
    }
}

/* ---- Addresses ---- */

/* A socket that listens or is connected, or (reconnect=) is only made: it notes where to. */
static int socket_at(Sock *s, const struct sockaddr *a, socklen_t len)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0) {
        return -1;
    }
    memcpy(&s->to, a, len);
    s->to_len = len;
    if (a->sa_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (s->reconnect_s ? 0 : s->server ? bind(fd, a, len) || listen(fd, 1) : connect(fd, a, len)) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* @abstract: a name that is no file's (unix(7)); @tight: without zeros up to the longest. */
static int socket_unix(Sock *s, const char *path, bool abstract, bool tight, GError **err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    int fd;

    if (len >= sizeof(a.sun_path)) {
        error_set(err, "the path '%s' is longer than the %zu bytes a UNIX socket may have", path,
                  sizeof(a.sun_path) - 1);
        return -1;
    }
    memcpy(a.sun_path + abstract, path, len);
    if (s->server && !abstract) {
        unlink(path);
    }
    fd = socket_at(s, (struct sockaddr *)&a,
                   abstract && tight ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)
                                     : (socklen_t)sizeof(a));
    if (fd < 0) {
        error_set(err, "cannot %s '%s': %s", s->server ? "listen on" : "connect to", path,
                  g_strerror(errno));
    } else if (s->server && !abstract) {
        s->unlink_path = g_strdup(path);
    }
    return fd;
}

/* One port. -1: errno, or @err where the name is none. */
static int socket_tcp_port(Sock *s, const char *host, unsigned port, int family, GError **err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_family = family,
                              .ai_flags = s->server ? AI_PASSIVE : 0 };
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo *list = NULL;
    const char *any = family == AF_INET6 ? "::1" : "127.0.0.1";
    int rc = getaddrinfo(*host ? host : any, service, &hints, &list), fd = -1, error;

    if (rc) {
        error_set(err, "cannot resolve '%s:%u': %s", host, port, gai_strerror(rc));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket_at(s, a->ai_addr, a->ai_addrlen);
    }
    error = errno;
    freeaddrinfo(list);
    errno = error;
    return fd;
}

/* A server takes the first free port up to @to (NULL: @port alone). */
static int socket_tcp(Sock *s, const char *host, const char *port, const char *to, int family,
                      GError **err)
{
    uint64_t first, last;
    GError *why = NULL;
    int fd = -1;

    if (!number_parse(port, 0, 65535, &first, err)) {
        g_prefix_error(err, "port '%s': ", port);
        return -1;
    }
    last = first;
    if (to && !number_parse(to, first, 65535, &last, err)) {
        g_prefix_error(err, "to=%s: ", to);
        return -1;
    }
    if (to && !s->server) {
        error_set(err, "to=%s: is for a server", to);
        return -1;
    }
    for (uint64_t at = first; at <= last && fd < 0 && !why; at++) {
        fd = socket_tcp_port(s, host, (unsigned)at, family, &why);
    }
    if (why) {
        g_propagate_error(err, why);
    } else if (fd < 0) {
        error_set(err, "cannot %s %s:%s: %s", s->server ? "listen on" : "connect to", host, port,
                  g_strerror(errno));
    }
    return fd;
}

/* "HOST:PORT" or ":PORT" */
static int socket_tcp_text(Sock *s, const char *text, const char *to, int family, GError **err)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = g_strndup(text, colon ? (size_t)(colon - text) : 0);

    return socket_tcp(s, host, colon ? colon + 1 : text, to, family, err);
}

/* A descriptor that we were started with: it listens, or is connected. */
static int socket_given(Chardev *c, const char *text, GError **err)
{
    const Sock *s = c->state;
    int listens = 0;
    socklen_t len = sizeof(listens);
    int fd = fdsets_take_text(machine_fdsets(c->machine), "fd=", text, err);

    if (fd < 0) {
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0) {
        error_set(err, "fd=%s: %s", text, g_strerror(errno));
        return -1;
    }
    if (!listens != !s->server) {
        error_set(err, "fd=%s is a socket that %s; server=%s goes with it", text,
                  listens ? "listens" : "does not listen", listens ? "on" : "off");
        return -1;
    }
    fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return (int)fd;
}

typedef struct SockOptions {
    const char *path, *host, *port, *to, *tcp, *telnet, *given;
    bool wait, abstract, tight;
    int family;
} SockOptions;

static bool socket_parse_rest(Sock *s, Options *o, SockOptions *p, GError **err)
{
    bool has_v4 = options_get(o, "ipv4"), has_v6 = options_get(o, "ipv6");
    bool no_wait, v4, v6, no_delay;
    uint64_t reconnect;

    if (!options_get_bool(o, "ipv4", true, &v4, err) ||
        !options_get_bool(o, "ipv6", true, &v6, err) ||
        !options_get_bool(o, "nodelay", true, &no_delay, err) ||
        !options_get_bool(o, "delay", !no_delay, &s->delay, err) ||
        !options_get_bool(o, "nowait", false, &no_wait, err) ||
        !options_get_bool(o, "wait", !no_wait, &p->wait, err) ||
        !options_get_bool(o, "abstract", false, &p->abstract, err) ||
        !options_get_bool(o, "tight", true, &p->tight, err) ||
        !options_get_bool(o, "server", false, &s->server, err) ||
        !options_get_number(o, "reconnect", 0, &reconnect, err)) {
        return false;
    }
    if (has_v4 != has_v6) { /* one alone: or the other */
        v4 = has_v4 ? v4 : !v6;
        v6 = has_v6 ? v6 : !v4;
    }
    p->family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
    if (reconnect > SOCK_RECONNECT_MAX || (reconnect && (s->server || p->given))) {
        return error_set(err, "reconnect=: is for a client, %d seconds at most",
                         SOCK_RECONNECT_MAX);
    }
    s->reconnect_s = (unsigned)reconnect;
    return true;
}

static bool socket_parse_tls(Chardev *c, Options *o, const SockOptions *p, GError **err)
{
    Sock *s = c->state;

    s->creds = g_strdup(options_get(o, "tls-creds"));
    s->authz = g_strdup(options_get(o, "tls-authz"));
    s->host = g_strdup(p->host && *p->host ? p->host : "localhost");
    if (!s->creds) {
        return !s->authz || error_set(err, "tls-authz=%s: goes with tls-creds=", s->authz);
    }
    if (p->path || p->given) {
        return error_set(err, "tls-creds=%s: is for TCP, not path= or fd=", s->creds);
    }
    s->tls = loop_find_backend(c->machine, CHAR_TLS, CHAR_TLS);
    return s->tls ? s->tls->check(c->machine, s->creds, s->authz, s->server, err)
                  : error_set(err, "tls-creds=%s: there is no TLS here", s->creds);
}

static bool socket_parse(Chardev *c, Options *o, SockOptions *p, GError **err)
{
    Sock *s = c->state;
    static const char *const valid[] = { "path", "host",  "port",      "to",       "server",
                                         "wait", "tcp",   "telnet",    "nodelay",  "nowait",
                                         "ipv4", "ipv6",  "reconnect", "abstract", "tight",
                                         "fd",   "delay", "tls-creds", "tls-authz" };

    *p = (SockOptions){ .path = options_get(o, "path"),
                        .host = options_get(o, "host"),
                        .port = options_get(o, "port"),
                        .to = options_get(o, "to"),
                        .tcp = options_get(o, "tcp"),
                        .telnet = options_get(o, "telnet"),
                        .given = options_get(o, "fd") };
    if (!socket_parse_rest(s, o, p, err) || !socket_parse_tls(c, o, p, err) ||
        !options_all_used(o, valid, G_N_ELEMENTS(valid), err)) {
        return false;
    }
    s->telnet = p->telnet && strcmp(p->telnet, "off");
    if (p->telnet && strchr(p->telnet, ':')) {
        p->tcp = p->telnet;
    }
    if (!p->path && !p->tcp && !p->port && !p->given) {
        return error_set(err, "says neither path= (UNIX socket) nor host= and port= nor fd=");
    }
    if (p->given && (p->path || p->tcp || p->port)) {
        return error_set(err, "fd=%s goes without path=, host= and port=", p->given);
    }
    return true;
}

static void socket_wait(Chardev *c)
{
    Sock *s = c->state;
    int peer;

    g_printerr("waiting for a connection on %s\n", c->where);
    while ((peer = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC)) < 0 && errno == EINTR) {
    }
    if (peer >= 0) {
        socket_adopt(c, peer);
    }
}

static bool socket_open_options(Chardev *c, Options *o, GError **err)
{
    Sock *s = c->state;
    SockOptions p;
    int fd;

    if (!socket_parse(c, o, &p, err)) {
        return false;
    }
    fd = p.given  ? socket_given(c, p.given, err)
         : p.path ? socket_unix(s, p.path, p.abstract, p.tight, err)
         : p.tcp  ? socket_tcp_text(s, p.tcp, p.to, p.family, err)
                  : socket_tcp(s, p.host ? p.host : "", p.port, p.to, p.family, err);
    if (fd < 0) {
        return false;
    }
    g_free(c->where);
    c->where = g_strdup_printf("%s:%s%s",
                               p.given    ? "fd"
                               : p.path   ? "unix"
                               : p.telnet ? "telnet"
                                          : "tcp",
                               p.given  ? p.given
                               : p.path ? p.path
                               : p.tcp  ? p.tcp
                                        : p.port,
                               s->server ? ",server=on" : "");
    if (s->reconnect_s) {
        close(fd);
        socket_reach(c);
        return true;
    }
    if (!s->server) {
        socket_adopt(c, fd);
        return true;
    }
    s->listen_fd = fd;
    if (p.wait) {
        socket_wait(c);
    }
    s->listen_watch = loop_watch_fd(c->machine, fd, LOOP_IN, socket_incoming, c);
    return true;
}

static bool socket_open(Chardev *c, const char *options, GError **err)
{
    Sock *s = g_new0(Sock, 1);
    Options o;
    bool ok;

    s->listen_fd = s->reaching = -1;
    c->state = s;
    if (!options_parse(&o, options, "path", err)) {
        return false;
    }
    ok = socket_open_options(c, &o, err);
    options_deinit(&o);
    return ok;
}

static void socket_close(Chardev *c)
{
    Sock *s = c->state;

    unsigned watches[] = { s ? s->listen_watch : 0, s ? s->retry : 0, s ? s->reach_watch : 0,
                           s ? s->shake_watch : 0 };

    if (!s) {
        return;
    }
    char_close_taken(c);
    socket_close_peer(c);
    for (unsigned i = 0; i < G_N_ELEMENTS(watches); i++) {
        if (watches[i]) {
            loop_unwatch(c->machine, watches[i]);
        }
    }
    if (s->reaching >= 0) {
        close(s->reaching);
    }
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    g_free(s->creds);
    g_free(s->authz);
    g_free(s->host);
    g_free(s);
}

static bool socket_write_tls(const Sock *s, int fd, const uint8_t *buf, size_t len)
{
    while (len) {
        ssize_t n = s->tls->write(s->session, buf, len);
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        if (n > 0) {
            buf += n;
            len -= (size_t)n;
        } else if (n != -EAGAIN || poll(&p, 1, 2000) <= 0) {
            return false;
        }
    }
    return true;
}

static void socket_write(Chardev *c, const uint8_t *buf, size_t len)
{
    const Sock *s = c->state;

    if (c->out_fd >= 0 && s->session) {
        if (!socket_write_tls(s, c->out_fd, buf, len)) {
            shutdown(c->out_fd, SHUT_RDWR);
        }
        return;
    }
    /* A peer that reads nothing for two seconds loses its connection at the next read. */
    if (c->out_fd >= 0 && !char_write_fd(c->out_fd, buf, len, 2000)) {
        shutdown(c->out_fd, SHUT_RDWR);
    }
}

const CharKind char_socket = {
    .name = "socket",
    .doc = "path=PATH[,abstract=on], host=HOST,port=PORT[,to=PORT][,ipv4=on|off][,ipv6=on|off] or "
           "fd=NUMBER[,server=on[,wait=off]|,reconnect=SECONDS][,telnet=on][,nodelay=off][,tls-"
           "creds=ID[,tls-authz=ID]]",
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .disconnect = socket_drop,
    .accept_input = socket_accept_input,
    .receive = socket_receive,
};
