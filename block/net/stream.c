/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/stream.h"

#include "core/event/ioloop.h"
#include "util/bits.h"
#include "util/fdsets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { STREAM_TLS_S = 30 };
#define STREAM_LOOK_NS 100000000ull /* between looks at a flag that wakes nobody */

struct BlockStream {
    int fd;
    bool shut;
    const StreamLimit *limit;
    TlsSession *tls;
};

/* ---- Names ---- */

static const char *socket_option(Options *o, const char *prefix, const char *key)
{
    g_autofree char *plain = g_strdup_printf("%s.%s", prefix, key);
    g_autofree char *data = g_strdup_printf("%s.data.%s", prefix, key);
    const char *value = options_get(o, plain);

    return value ? value : options_get(o, data);
}

static bool socket_number(uint32_t *out, Options *o, const char *prefix, const char *key,
                          GError **err)
{
    const char *text = socket_option(o, prefix, key);
    guint64 v;

    if (!text) {
        return error_set(err, "Parameter '%s.%s' is missing", prefix, key);
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX, &v, NULL)) {
        return error_set(err, "Failed to parse %s '%s'", key, text);
    }
    *out = (uint32_t)v;
    return true;
}

bool socket_name_parse(SocketName *s, FdSets *named, Options *o, const char *prefix,
                       const char *default_port, GError **err)
{
    const char *type = socket_option(o, prefix, "type");

    *s = (SocketName){ .fd = -1 };
    if (!type || !strcmp(type, "inet")) {
        const char *host = socket_option(o, prefix, "host");
        const char *port = socket_option(o, prefix, "port");

        s->type = SOCKET_INET;
        if (!host) {
            return error_set(err, "Parameter '%s.%s' is missing", prefix, type ? "host" : "type");
        }
        s->host = g_strdup(host);
        s->port = g_strdup(port ? port : default_port);
        return s->port || error_set(err, "Parameter '%s.port' is missing", prefix);
    }
    if (!strcmp(type, "unix")) {
        const char *path = socket_option(o, prefix, "path");

        s->type = SOCKET_UNIX;
        s->path = g_strdup(path);
        return path || error_set(err, "Parameter '%s.path' is missing", prefix);
    }
    if (!strcmp(type, "fd")) {
        const char *text = socket_option(o, prefix, "str");
        g_autofree char *what = g_strdup_printf("%s.str=", prefix);

        s->type = SOCKET_FD;
        s->fd = fdsets_take_text(named, what, text ? text : "", err);
        return s->fd >= 0;
    }
    if (!strcmp(type, "vsock")) {
        s->type = SOCKET_VSOCK;
        return socket_number(&s->cid, o, prefix, "cid", err) &&
               socket_number(&s->vport, o, prefix, "port", err);
    }
    return error_set(err, "%s.type=%s is not known; valid: inet, unix, fd, vsock", prefix, type);
}

void socket_name_deinit(SocketName *s)
{
    g_free(s->host);
    g_free(s->port);
    g_free(s->path);
    *s = (SocketName){ .fd = -1 };
}

char *socket_name_text(const SocketName *s)
{
    switch (s->type) {
    case SOCKET_UNIX:
        return g_strdup_printf("unix:%s", s->path);
    case SOCKET_FD:
        return g_strdup_printf("fd:%d", s->fd);
    case SOCKET_VSOCK:
        return g_strdup_printf("vsock:%u:%u", s->cid, s->vport);
    case SOCKET_INET:
        break;
    }
    return g_strdup_printf(strchr(s->host, ':') ? "[%s]:%s" : "%s:%s", s->host, s->port);
}

/* ---- Connecting ---- */

static bool socket_unix(const SocketName *s, struct sockaddr_un *sun, GError **err)
{
    *sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(s->path) >= sizeof(sun->sun_path)) {
        return error_set(err, "the socket's path '%s' is longer than %zu bytes", s->path,
                         sizeof(sun->sun_path) - 1);
    }
    memcpy(sun->sun_path, s->path, strlen(s->path));
    return true;
}

static struct sockaddr_vm socket_vsock(const SocketName *s)
{
    return (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = s->cid, .svm_port = s->vport };
}

/* Looking a name up blocks. */
typedef struct Lookup {
    const char *host, *port;
    bool listen;
    struct addrinfo *found;
    int error;
} Lookup;

static void socket_look_up(void *arg)
{
    Lookup *l = arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };

    hints.ai_flags = l->listen ? AI_PASSIVE : AI_ADDRCONFIG;
    l->error = getaddrinfo(*l->host ? l->host : NULL, l->port, &hints, &l->found);
    if (l->error == EAI_NONAME && !l->listen) { /* a machine with only a loopback */
        hints.ai_flags = 0;
        l->error = getaddrinfo(*l->host ? l->host : NULL, l->port, &hints, &l->found);
    }
}

static bool limit_passed(const StreamLimit *l)
{
    return l && ((l->stop && *l->stop) || (l->until_us && g_get_monotonic_time() >= l->until_us));
}

/* False: the limit has passed. */
static bool limit_wait_fd(const StreamLimit *l, int fd, unsigned events)
{
    if (!l) {
        io_wait_fd(fd, events, 0);
        return true;
    }
    while (!limit_passed(l)) {
        if (io_wait_fd(fd, events, STREAM_LOOK_NS)) {
            return true;
        }
    }
    return false;
}

/* A non-blocking socket that is connected; -errno. */
static int socket_connect(const struct sockaddr *to, socklen_t len, const StreamLimit *limit)
{
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
    socklen_t size = sizeof(error);

    if (fd < 0) {
        return -errno;
    }
    while (to->sa_family == AF_UNIX && connect(fd, to, len) < 0) {
        error = errno;
        /* unix(7), EAGAIN: the queue is full, and nothing is under way. */
        if (error != EAGAIN || limit_passed(limit)) {
            close(fd);
            return error == EAGAIN ? -ETIMEDOUT : -error;
        }
        error = 0;
        io_sleep_ns(STREAM_LOOK_NS);
    }
    if (to->sa_family != AF_UNIX && connect(fd, to, len) < 0) {
        error = errno;
        if (error == EINPROGRESS) {
            if (!limit_wait_fd(limit, fd, POLLOUT)) {
                error = ETIMEDOUT;
            } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
                error = errno;
            }
        }
    }
    if (error) {
        close(fd);
        return -error;
    }
    return fd;
}

static int stream_connect_inet(const SocketName *s, const StreamLimit *limit, GError **err)
{
    Lookup l = { .host = s->host, .port = s->port };
    int fd = -EHOSTUNREACH;

    io_work(socket_look_up, &l);
    if (l.error) {
        error_set(err, "cannot find the address of '%s', port '%s': %s", s->host, s->port,
                  gai_strerror(l.error));
        return -1;
    }
    for (struct addrinfo *a = l.found; a && fd < 0; a = a->ai_next) {
        fd = socket_connect(a->ai_addr, a->ai_addrlen, limit);
    }
    freeaddrinfo(l.found);
    if (fd < 0) {
        error_set(err, "cannot connect to %s:%s: %s", s->host, s->port, g_strerror(-fd));
        return -1;
    }
    return fd;
}

BlockStream *stream_connect(const SocketName *s, const StreamLimit *limit, GError **err)
{
    int fd = -1;

    switch (s->type) {
    case SOCKET_FD:
        fd = s->fd;
        break;
    case SOCKET_UNIX: {
        struct sockaddr_un sun;

        if (!socket_unix(s, &sun, err)) {
            return NULL;
        }
        fd = socket_connect((struct sockaddr *)&sun, sizeof(sun), limit);
        if (fd < 0) {
            error_set(err, "cannot connect to the socket '%s': %s", s->path, g_strerror(-fd));
            return NULL;
        }
        break;
    }
    case SOCKET_VSOCK: {
        const struct sockaddr_vm svm = socket_vsock(s);

        fd = socket_connect((const struct sockaddr *)&svm, sizeof(svm), limit);
        if (fd < 0) {
            error_set(err, "cannot connect to vsock:%u:%u: %s", s->cid, s->vport, g_strerror(-fd));
            return NULL;
        }
        break;
    }
    case SOCKET_INET:
        fd = stream_connect_inet(s, limit, err);
        break;
    }
    return fd < 0 ? NULL : stream_new(fd);
}

static int stream_listen_unix(const SocketName *s, int backlog, GError **err)
{
    struct sockaddr_un sun;
    int fd, probe;

    if (!socket_unix(s, &sun, err)) {
        return -1;
    }
    /* A file of a server that has died is in the way; one of a living server is not ours. */
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0) {
        if (connect(probe, (struct sockaddr *)&sun, sizeof(sun)) < 0 && errno == ECONNREFUSED) {
            unlink(s->path);
        }
        close(probe);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(fd, backlog) < 0) {
        error_set(err, "Failed to bind socket to %s: %s", s->path, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int stream_listen_vsock(const SocketName *s, int backlog, GError **err)
{
    const struct sockaddr_vm svm = socket_vsock(s);
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&svm, sizeof(svm)) < 0 ||
        listen(fd, backlog) < 0) {
        error_set(err, "Failed to bind socket to vsock:%u:%u: %s", s->cid, s->vport,
                  g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int stream_listen_fd(const SocketName *s, GError **err)
{
    int listens = 0;
    socklen_t len = sizeof(listens);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens) {
        error_set(err, "file descriptor %d is not a socket that listens", s->fd);
        return -1;
    }
    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
    return s->fd;
}

int stream_listen(const SocketName *s, int backlog, GError **err)
{
    Lookup l = { .host = s->host, .port = s->port, .listen = true };
    int fd = -1, on = 1, off = 0, error = 0;

    if (s->type == SOCKET_UNIX) {
        return stream_listen_unix(s, backlog, err);
    }
    if (s->type == SOCKET_FD) {
        return stream_listen_fd(s, err);
    }
    if (s->type == SOCKET_VSOCK) {
        return stream_listen_vsock(s, backlog, err);
    }
    socket_look_up(&l);
    if (l.error) {
        error_set(err, "cannot find the address of '%s', port '%s': %s", s->host, s->port,
                  gai_strerror(l.error));
        return -1;
    }
    /* An IPv6 socket for every address takes IPv4 as well: it goes first. */
    for (int family = AF_INET6; fd < 0 && family; family = family == AF_INET6 ? AF_INET : 0) {
        for (struct addrinfo *a = l.found; a && fd < 0; a = a->ai_next) {
            if (a->ai_family != family) {
                continue;
            }
            fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            if (fd < 0) {
                error = errno;
                continue;
            }
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
            if (family == AF_INET6) {
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, *s->host ? &on : &off, sizeof(on));
            }
            if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, backlog) < 0) {
                error = errno;
                close(fd);
                fd = -1;
            }
        }
    }
    freeaddrinfo(l.found);
    if (fd < 0) {
        error_set(err, "cannot listen on %s:%s: %s", *s->host ? s->host : "0.0.0.0", s->port,
                  g_strerror(error));
    }
    return fd;
}

BlockStream *stream_accept(int listener, const bool *stop, int *error)
{
    for (;;) {
        int fd = stop && *stop ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            return stream_new(fd);
        }
        if ((stop && *stop) || errno == EINVAL || errno == EBADF) { /* shutdown() of it */
            *error = -ECANCELED;
            return NULL;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            io_sleep_ns(100000000);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            int events = io_wait_fd(listener, POLLIN, stop ? STREAM_LOOK_NS : 0);

            /* A local socket that was shut says so here alone. */
            if (events < 0 || events & (POLLHUP | POLLERR | POLLNVAL)) {
                *error = -ECANCELED;
                return NULL;
            }
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            *error = -errno;
            return NULL;
        }
    }
}

BlockStream *stream_new(int take_fd)
{
    BlockStream *s = g_new0(BlockStream, 1);
    int on = 1;

    s->fd = take_fd;
    fcntl(take_fd, F_SETFL, fcntl(take_fd, F_GETFL) | O_NONBLOCK);
    setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on others */
    setsockopt(take_fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return s;
}

void stream_free(BlockStream *s)
{
    if (!s) {
        return;
    }
    if (s->tls) {
        if (!s->shut) {
            tls_session_bye(s->tls);
        }
        tls_session_free(s->tls);
    }
    close(s->fd);
    g_free(s);
}

void stream_set_limit(BlockStream *s, const StreamLimit *limit)
{
    s->limit = limit;
}

void stream_shutdown(BlockStream *s)
{
    s->shut = true;
    shutdown(s->fd, SHUT_RDWR);
}

/* ---- Bytes ---- */

static ssize_t stream_get(BlockStream *s, const struct iovec *iov, unsigned n)
{
    ssize_t got;

    if (s->tls) {
        return tls_session_read(s->tls, iov->iov_base, iov->iov_len);
    }
    got = readv(s->fd, iov, (int)min_u64(n, 1024));
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return TLS_WANT_READ;
    }
    return got < 0 ? -errno : got;
}

static ssize_t stream_put(BlockStream *s, const struct iovec *iov, unsigned n)
{
    struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = min_u64(n, 1024) };
    ssize_t got;

    if (s->tls) {
        return tls_session_write(s->tls, iov->iov_base, iov->iov_len);
    }
    got = sendmsg(s->fd, &m, MSG_NOSIGNAL);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return TLS_WANT_WRITE;
    }
    return got < 0 ? -errno : got;
}

static int stream_move(BlockStream *s, const struct iovec *from, unsigned n, bool write)
{
    g_autofree struct iovec *heap = n > 8 ? g_memdup2(from, n * sizeof(*from)) : NULL;
    struct iovec here[8], *iov = heap ? heap : here;

    if (!heap) {
        memcpy(here, from, n * sizeof(*from));
    }
    while (n) {
        ssize_t got;

        if (!iov->iov_len) {
            iov++;
            n--;
            continue;
        }
        got = s->shut ? -ECONNRESET : write ? stream_put(s, iov, n) : stream_get(s, iov, n);
        if (got == TLS_WANT_READ || got == TLS_WANT_WRITE) {
            if (!limit_wait_fd(s->limit, s->fd, got == TLS_WANT_READ ? POLLIN : POLLOUT)) {
                return -ETIMEDOUT;
            }
            continue;
        }
        if (got == -EINTR) {
            continue;
        }
        if (got <= 0) {
            return got ? (int)got : -ECONNRESET;
        }
        while (n && (size_t)got >= iov->iov_len) {
            got -= (ssize_t)iov->iov_len;
            iov++;
            n--;
        }
        if (got) {
            iov->iov_base = (char *)iov->iov_base + got;
            iov->iov_len -= (size_t)got;
        }
    }
    return 0;
}

int stream_readv(BlockStream *s, const struct iovec *iov, unsigned n)
{
    return stream_move(s, iov, n, false);
}

int stream_writev(BlockStream *s, const struct iovec *iov, unsigned n)
{
    return stream_move(s, iov, n, true);
}

int stream_read(BlockStream *s, void *buf, size_t len)
{
    return stream_move(s, &(struct iovec){ buf, len }, 1, false);
}

int stream_write(BlockStream *s, const void *buf, size_t len)
{
    return stream_move(s, &(struct iovec){ (void *)buf, len }, 1, true);
}

int stream_skip(BlockStream *s, uint64_t len)
{
    uint8_t drop[4096];
    int ret = 0;

    while (len && !ret) {
        size_t n = (size_t)min_u64(len, sizeof(drop));

        ret = stream_read(s, drop, n);
        len -= n;
    }
    return ret;
}

bool stream_start_tls(BlockStream *s, TlsCreds *creds, bool server, const char *host, GError **err)
{
    /* A client that says nothing may not hold a server's fiber for ever. */
    const StreamLimit own = { .until_us = g_get_monotonic_time() + STREAM_TLS_S * G_USEC_PER_SEC };
    int ret;

    s->tls = tls_session_new(creds, server, host, s->fd, err);
    if (!s->tls) {
        return false;
    }
    while ((ret = tls_session_handshake(s->tls, err)) != 0) {
        if (ret != TLS_WANT_READ && ret != TLS_WANT_WRITE) {
            return false;
        }
        if (!limit_wait_fd(s->limit ? s->limit : &own, s->fd,
                           ret == TLS_WANT_READ ? POLLIN : POLLOUT)) {
            return error_set(err, "the TLS handshake did not end in time");
        }
    }
    return true;
}

char *stream_tls_peer(const BlockStream *s)
{
    return s->tls ? tls_session_peer(s->tls) : NULL;
}

char *stream_peer(const BlockStream *s)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getpeername(s->fd, (struct sockaddr *)&a, &len) < 0) {
        return g_strdup("a peer that has gone");
    }
    if (a.ss_family == AF_UNIX) {
        struct ucred c;
        socklen_t size = sizeof(c);

        if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &c, &size) < 0) {
            return g_strdup("a local process");
        }
        return g_strdup_printf("a local process (PID %d)", (int)c.pid);
    }
    if (getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("a peer");
    }
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
