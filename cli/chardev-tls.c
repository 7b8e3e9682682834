/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for character devices, by the credentials of the block graph. */
#include "cli/chardev-tls.h"

#include "block/block.h"
#include "block/net/authz.h"
#include "block/net/tls-store.h"
#include "chardev/chardev.h"
#include "core/machine.h"

#include <errno.h>

typedef struct TlsFind {
    BlockGraph *graph;
    const char *creds, *authz, *peer;
    TlsCreds *found; /* a reference of the caller's */
    bool allowed;
    GError *err;
} TlsFind;

static void char_tls_find(void *arg)
{
    TlsFind *f = arg;

    f->found = block_tls_find(f->graph, f->creds, &f->err);
    if (f->found) {
        tls_creds_ref(f->found);
    }
    if (f->found && f->authz && !block_authz_has(f->graph, f->authz)) {
        error_set(&f->err, "tls-authz=%s: there is no --object authz-...,id=%s", f->authz,
                  f->authz);
    }
}

static TlsCreds *char_tls_creds(Machine *m, const char *creds, const char *authz, GError **err)
{
    TlsFind f = { .graph = block_machine_graph(m, err), .creds = creds, .authz = authz };

    if (!f.graph) {
        return NULL;
    }
    block_graph_run(f.graph, char_tls_find, &f);
    if (f.err) {
        tls_creds_unref(f.found);
        g_propagate_error(err, f.err);
        return NULL;
    }
    return f.found;
}

static bool char_tls_check(Machine *m, const char *creds, const char *authz, bool server,
                           GError **err)
{
    TlsCreds *c = char_tls_creds(m, creds, authz, err);
    bool fits = c && tls_creds_is_server(c) == server;

    if (c && !fits) {
        error_set(err, "tls-creds=%s: they are for endpoint=%s, and this is a %s", creds,
                  server ? "client" : "server", server ? "server" : "client");
    }
    tls_creds_unref(c);
    return fits;
}

static void *char_tls_start(Machine *m, const char *creds, bool server, const char *host, int fd,
                            GError **err)
{
    TlsCreds *c = char_tls_creds(m, creds, NULL, err);
    TlsSession *s = c ? tls_session_new(c, server, host, fd, err) : NULL;

    tls_creds_unref(c);
    return s;
}

static void char_tls_ask(void *arg)
{
    TlsFind *f = arg;

    f->allowed = block_authz_allows(f->graph, f->authz, f->peer);
}

static int char_tls_handshake(Machine *m, void *session, const char *authz, GError **err)
{
    int ret = tls_session_handshake(session, err);
    g_autofree char *peer = NULL;
    TlsFind f;

    if (ret == TLS_WANT_READ || ret == TLS_WANT_WRITE) {
        return ret == TLS_WANT_READ ? CHAR_TLS_IN : CHAR_TLS_OUT;
    }
    if (ret || !authz) {
        return ret;
    }
    peer = tls_session_peer(session);
    f = (TlsFind){ .graph = block_machine_graph(m, err), .authz = authz, .peer = peer };
    if (f.graph) {
        block_graph_run(f.graph, char_tls_ask, &f);
    }
    if (!f.allowed && f.graph) {
        error_set(err, "tls-authz=%s: %s may not come in", authz, peer ? peer : "nobody");
    }
    return f.allowed ? 0 : -1;
}

static ssize_t char_tls_result(ssize_t n)
{
    return n == TLS_WANT_READ || n == TLS_WANT_WRITE ? -EAGAIN : n;
}

static ssize_t char_tls_read(void *session, void *buf, size_t len)
{
    return char_tls_result(tls_session_read(session, buf, len));
}

static ssize_t char_tls_write(void *session, const void *buf, size_t len)
{
    return char_tls_result(tls_session_write(session, buf, len));
}

static void char_tls_free(void *session)
{
    tls_session_bye(session);
    tls_session_free(session);
}

bool chardev_tls_offer(Machine *m, GError **err)
{
    static const CharTls tls = {
        .check = char_tls_check,
        .start = char_tls_start,
        .handshake = char_tls_handshake,
        .read = char_tls_read,
        .write = char_tls_write,
        .free = char_tls_free,
    };

    return machine_add_backend(m, CHAR_TLS, CHAR_TLS, (void *)&tls, err);
}
