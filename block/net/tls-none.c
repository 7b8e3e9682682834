/* SPDX-License-Identifier: Apache-2.0 */
/* Built without GnuTLS. */
#include "block/net/tls.h"

TlsCreds *tls_creds_new(const char *type, Options *o, GError **err)
{
    error_set(err, "%s: this build has no TLS (it was built without GnuTLS)", type);
    return NULL;
}

TlsCreds *tls_creds_ref(TlsCreds *c)
{
    return c;
}

void tls_creds_unref(TlsCreds *c)
{
}

bool tls_creds_is_server(const TlsCreds *c)
{
    return false;
}

TlsSession *tls_session_new(TlsCreds *c, bool server, const char *host, int fd, GError **err)
{
    error_set(err, "this build has no TLS (it was built without GnuTLS)");
    return NULL;
}

void tls_session_free(TlsSession *s)
{
}

int tls_session_handshake(TlsSession *s, GError **err)
{
    return -1;
}

ssize_t tls_session_read(TlsSession *s, void *buf, size_t len)
{
    return -1;
}

ssize_t tls_session_write(TlsSession *s, const void *buf, size_t len)
{
    return -1;
}

char *tls_session_peer(const TlsSession *s)
{
    return NULL;
}

void tls_session_bye(TlsSession *s)
{
}
