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
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Sock {
    int listen_fd;
    unsigned listen_watch;
    bool server, telnet;
    char *unlink_path;
} Sock;

static void socket_drop(Chardev *c)
{
    Sock *s = c->state;

    char_unwatch_input(c);
    char_close_taken(c);
    mutex_lock(&c->out_lock);
    if (c->in_fd >= 0) {
        close(c->in_fd);
    }
    c->in_fd = c->out_fd = -1;
    mutex_unlock(&c->out_lock);
    char_set_open(c, false);
    (void)s;
}

static void socket_adopt(Chardev *c, int fd)
{
    static const uint8_t hello[] = { 255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0 };
    Sock *s = c->state;
    int one = 1;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    mutex_lock(&c->out_lock);
    c->in_fd = c->out_fd = fd;
    mutex_unlock(&c->out_lock);
    if (s->telnet) {
        chardev_write(c, hello, sizeof(hello));
    }
    char_watch_input(c);
    char_set_open(c, true);
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
    ssize_t n = recvmsg(c->in_fd, &msg, MSG_CMSG_CLOEXEC);

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

static int socket_unix(Sock *s, const char *path, GError **err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(a.sun_path)) {
        error_set(err, "the path '%s' is longer than the %zu bytes a UNIX socket may have", path,
                  sizeof(a.sun_path) - 1);
        return -1;
    }
    strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->server) {
        unlink(path);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1)) {
            error_set(err, "cannot listen on '%s': %s", path, g_strerror(errno));
            close(fd);
            return -1;
        }
        s->unlink_path = g_strdup(path);
    } else if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        error_set(err, "cannot connect to '%s': %s", path, g_strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int socket_tcp(Sock *s, const char *host, const char *port, GError **err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0 };
    struct addrinfo *list = NULL;
    int rc, fd = -1, one = 1;
    uint64_t number;

    if (!number_parse(port, 0, 65535, &number, err)) {
        g_prefix_error(err, "port '%s': ", port);
        return -1;
    }
    rc = getaddrinfo(*host ? host : "127.0.0.1", port, &hints, &list);

    if (rc) {
        error_set(err, "cannot resolve '%s:%s': %s", host, port, gai_strerror(rc));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (s->server ? bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1)
                      : connect(fd, a->ai_addr, a->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set(err, "cannot %s %s:%s: %s", s->server ? "listen on" : "connect to", host, port,
                  g_strerror(errno));
    }
    return fd;
}

/* "HOST:PORT" or ":PORT" */
static int socket_tcp_text(Sock *s, const char *text, GError **err)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = g_strndup(text, colon ? (size_t)(colon - text) : 0);

    return socket_tcp(s, host, colon ? colon + 1 : text, err);
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

static bool socket_open_options(Chardev *c, Options *o, GError **err)
{
    static const char *const valid[] = { "path",   "host", "port",    "server", "wait",      "tcp",
                                         "telnet", "mux",  "nodelay", "nowait", "reconnect", "fd" };
    const char *path = options_get(o, "path"), *tcp = options_get(o, "tcp");
    const char *host = options_get(o, "host"), *port = options_get(o, "port");
    const char *telnet = options_get(o, "telnet"), *given = options_get(o, "fd");
    Sock *s = c->state;
    bool wait;
    int fd;

    options_get(o, "mux");
    options_get(o, "nodelay");
    if (!options_get_bool(o, "server", false, &s->server, err) ||
        !options_get_bool(o, "wait", true, &wait, err) ||
        !options_all_used(o, valid, G_N_ELEMENTS(valid), err)) {
        return false;
    }
    s->telnet = telnet && strcmp(telnet, "off");
    if (telnet && strchr(telnet, ':')) {
        tcp = telnet;
    }
    if (!path && !tcp && !port && !given) {
        return error_set(err, "says neither path= (UNIX socket) nor host= and port= nor fd=");
    }
    if (given && (path || tcp || port)) {
        return error_set(err, "fd=%s goes without path=, host= and port=", given);
    }
    fd = given  ? socket_given(c, given, err)
         : path ? socket_unix(s, path, err)
         : tcp  ? socket_tcp_text(s, tcp, err)
                : socket_tcp(s, host ? host : "", port, err);
    if (fd < 0) {
        return false;
    }
    g_free(c->where);
    c->where = g_strdup_printf("%s:%s%s",
                               given    ? "fd"
                               : path   ? "unix"
                               : telnet ? "telnet"
                                        : "tcp",
                               given  ? given
                               : path ? path
                               : tcp  ? tcp
                                      : port,
                               s->server ? ",server=on" : "");
    if (!s->server) {
        socket_adopt(c, fd);
        return true;
    }
    s->listen_fd = fd;
    if (wait) {
        int peer;

        g_printerr("waiting for a connection on %s\n", c->where);
        while ((peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) < 0 && errno == EINTR) {
        }
        if (peer >= 0) {
            socket_adopt(c, peer);
        }
    }
    s->listen_watch = loop_watch_fd(c->machine, fd, LOOP_IN, socket_incoming, c);
    return true;
}

static bool socket_open(Chardev *c, const char *options, GError **err)
{
    Sock *s = g_new0(Sock, 1);
    Options o;
    bool ok;

    s->listen_fd = -1;
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

    if (!s) {
        return;
    }
    char_close_taken(c);
    if (c->in_fd >= 0) {
        close(c->in_fd);
    }
    c->in_fd = c->out_fd = -1;
    if (s->listen_watch) {
        loop_unwatch(c->machine, s->listen_watch);
    }
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    g_free(s);
}

static void socket_write(Chardev *c, const uint8_t *buf, size_t len)
{
    /* A peer that reads nothing for two seconds loses its connection at the next read. */
    if (c->out_fd >= 0 && !char_write_fd(c->out_fd, buf, len, 2000)) {
        shutdown(c->out_fd, SHUT_RDWR);
    }
}

const CharKind char_socket = {
    .name = "socket",
    .doc = "path=PATH, host=HOST,port=PORT or fd=NUMBER[,server=on][,wait=off][,telnet=on]",
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .disconnect = socket_drop,
    .receive = socket_receive,
};
