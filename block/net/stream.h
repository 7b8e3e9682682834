/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected socket for fibers, plain or under TLS. One fiber may read while another writes; two
 * that write take turns by a FiberMutex of theirs.
 */
#ifndef BLOCK_NET_STREAM_H
#define BLOCK_NET_STREAM_H

#include "block/net/tls.h"
#include "util/error.h"
#include "util/options.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct FdSets;

typedef struct BlockStream BlockStream;

/* Where to connect to or listen on. */
typedef struct SocketName {
    enum { SOCKET_INET, SOCKET_UNIX, SOCKET_FD, SOCKET_VSOCK } type;
    char *host, *port; /* INET; an empty host: every address (listening), localhost (connecting) */
    char *path;        /* UNIX */
    uint32_t cid, vport; /* VSOCK */
    int fd;              /* FD: taken over */
} SocketName;

/*
 * From "PREFIX.type=inet|unix|fd|vsock" with .host/.port, .path, .str or .cid/.port (also .data.*,
 * as -blockdev and QMP spell it); .str: a number, or a name of @named. Errors: which key is missing
 * or wrong.
 */
NODISCARD bool socket_name_parse(SocketName *s, struct FdSets *named, Options *o,
                                 const char *prefix, const char *default_port, GError **err);
void socket_name_deinit(SocketName *s);
/* "127.0.0.1:10809", "unix:/run/x"; the caller frees. */
char *socket_name_text(const SocketName *s);

/* How long one waits for a peer. */
typedef struct StreamLimit {
    int64_t until_us; /* g_get_monotonic_time(); 0: no end */
    const bool *stop; /* set: at once (within a tenth of a second); NULL: never */
} StreamLimit;

/* FIBER. Takes over @s->fd. @limit: NULL for none. Errors: say to whom, and why. */
BlockStream *stream_connect(const SocketName *s, const StreamLimit *limit, GError **err);
/* For every wait on @s from now on, -ETIMEDOUT beyond it; NULL: none. The caller's, it stays. */
void stream_set_limit(BlockStream *s, const StreamLimit *limit);
/* A socket that listens; -1. For UNIX, a socket file nobody listens on is replaced. */
int stream_listen(const SocketName *s, int backlog, GError **err);
/* FIBER: the next client of @listener; NULL with -errno in *@error (-ECANCELED: it was shut, or
 * @stop, which may be NULL, was set: for a listener that others have too). */
BlockStream *stream_accept(int listener, const bool *stop, int *error);
/* Takes @fd over. */
BlockStream *stream_new(int take_fd);
void stream_free(BlockStream *s);

/* FIBER. All bytes; -ECONNRESET where the peer has gone, also in the middle. */
int stream_read(BlockStream *s, void *buf, size_t len);
int stream_write(BlockStream *s, const void *buf, size_t len);
int stream_writev(BlockStream *s, const struct iovec *iov, unsigned n);
int stream_readv(BlockStream *s, const struct iovec *iov, unsigned n);
/* Reads and drops. */
int stream_skip(BlockStream *s, uint64_t len);

/* Ends both directions at once: whoever waits for it wakes with an error. */
void stream_shutdown(BlockStream *s);

/* FIBER: the handshake, as the server of @creds or its client (@host: the name in the server's
 * certificate). Errors: what the other side's certificate or key lacks. */
NODISCARD bool stream_start_tls(BlockStream *s, TlsCreds *creds, bool server, const char *host,
                                GError **err);
/* Who the peer is, by its TLS certificate or key; NULL: nobody. The caller frees. */
char *stream_tls_peer(const BlockStream *s);
/* "127.0.0.1:54321" or "a local process (PID 17)" of the peer; the caller frees. */
char *stream_peer(const BlockStream *s);

#endif
