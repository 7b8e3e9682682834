/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for TLS: what `--object tls-creds-x509|psk|anon,id=...` makes. Built on GnuTLS;
 * without it every call fails and says so.
 */
#ifndef BLOCK_NET_TLS_H
#define BLOCK_NET_TLS_H

#include "util/error.h"
#include "util/options.h"

#include <stddef.h>
#include <sys/types.h>

typedef struct TlsCreds TlsCreds;
typedef struct TlsSession TlsSession;

/*
 * @type: tls-creds-x509 (dir=, verify-peer=, sanity-check=, passwordid= is refused), tls-creds-psk
 * (dir=, username=), tls-creds-anon; all: endpoint=client|server, priority=.
 * Files in dir, as their users know them: ca-cert.pem, ca-crl.pem, server-cert.pem, server-key.pem,
 * client-cert.pem, client-key.pem, dh-params.pem; keys.psk.
 * Errors: the file that is missing or bad.
 */
TlsCreds *tls_creds_new(const char *type, Options *o, GError **err);
TlsCreds *tls_creds_ref(TlsCreds *c);
void tls_creds_unref(TlsCreds *c);
bool tls_creds_is_server(const TlsCreds *c);

/* Results of what would block. */
enum { TLS_WANT_READ = -100001, TLS_WANT_WRITE = -100002 };

/* Over a non-blocking socket that stays the caller's. */
TlsSession *tls_session_new(TlsCreds *c, bool server, const char *host, int fd, GError **err);
void tls_session_free(TlsSession *s);
/* 0, TLS_WANT_* (wait and call again), or -1 with *err. Checks the peer at the end. */
int tls_session_handshake(TlsSession *s, GError **err);
/* Who the peer is: its certificate's distinguished name, "CN=a,O=b", or the name of its key; NULL:
 * nobody. The caller frees. */
char *tls_session_peer(const TlsSession *s);
/* Bytes, TLS_WANT_*, 0 at the end, or -errno. */
ssize_t tls_session_read(TlsSession *s, void *buf, size_t len);
ssize_t tls_session_write(TlsSession *s, const void *buf, size_t len);
/* Tells the peer that no more comes; does not wait. */
void tls_session_bye(TlsSession *s);

#endif
