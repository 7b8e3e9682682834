/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/tls.h"

#include "util/library.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* With what it needs itself, more code than the rest of a small machine: loaded with the first
 * credentials. */
#define GNUTLS_FUNCTIONS(X)                         \
    X(gnutls_alert_get)                             \
    X(gnutls_alert_get_name)                        \
    X(gnutls_anon_allocate_client_credentials)      \
    X(gnutls_anon_allocate_server_credentials)      \
    X(gnutls_anon_free_client_credentials)          \
    X(gnutls_anon_free_server_credentials)          \
    X(gnutls_anon_set_server_known_dh_params)       \
    X(gnutls_bye)                                   \
    X(gnutls_certificate_allocate_credentials)      \
    X(gnutls_certificate_free_credentials)          \
    X(gnutls_certificate_get_peers)                 \
    X(gnutls_certificate_server_set_request)        \
    X(gnutls_certificate_set_known_dh_params)       \
    X(gnutls_certificate_set_x509_crl_file)         \
    X(gnutls_certificate_set_x509_key_file)         \
    X(gnutls_certificate_set_x509_trust_file)       \
    X(gnutls_certificate_verification_status_print) \
    X(gnutls_certificate_verify_peers3)             \
    X(gnutls_credentials_set)                       \
    X(gnutls_deinit)                                \
    X(gnutls_error_is_fatal)                        \
    X(gnutls_free)                                  \
    X(gnutls_handshake)                             \
    X(gnutls_init)                                  \
    X(gnutls_priority_set_direct)                   \
    X(gnutls_psk_allocate_client_credentials)       \
    X(gnutls_psk_allocate_server_credentials)       \
    X(gnutls_psk_free_client_credentials)           \
    X(gnutls_psk_free_server_credentials)           \
    X(gnutls_psk_server_get_username)               \
    X(gnutls_psk_set_client_credentials)            \
    X(gnutls_psk_set_server_credentials_file)       \
    X(gnutls_psk_set_server_known_dh_params)        \
    X(gnutls_record_get_direction)                  \
    X(gnutls_record_recv)                           \
    X(gnutls_record_send)                           \
    X(gnutls_server_name_set)                       \
    X(gnutls_strerror)                              \
    X(gnutls_transport_set_int2)                    \
    X(gnutls_x509_crt_deinit)                       \
    X(gnutls_x509_crt_get_dn2)                      \
    X(gnutls_x509_crt_import)                       \
    X(gnutls_x509_crt_init)

#define GNUTLS_MEMBER(f) typeof(f) *f;
#define GNUTLS_ROW(f)    LIBRARY_SYMBOL(Gnutls, f),

typedef struct Gnutls {
    GNUTLS_FUNCTIONS(GNUTLS_MEMBER)
} Gnutls;

static bool tls_library(Gnutls *lib, GError **err)
{
    static const LibrarySymbol symbols[] = { GNUTLS_FUNCTIONS(GNUTLS_ROW) };

    return library_load(GNUTLS_SONAME, symbols, G_N_ELEMENTS(symbols), lib, err);
}

typedef enum TlsKind { TLS_X509, TLS_PSK, TLS_ANON } TlsKind;

struct TlsCreds {
    Gnutls lib;
    int refs; /* atomic */
    TlsKind kind;
    bool server, verify;
    char *priority;
    gnutls_certificate_credentials_t x509;
    gnutls_psk_client_credentials_t psk_client;
    gnutls_psk_server_credentials_t psk_server;
    gnutls_anon_client_credentials_t anon_client;
    gnutls_anon_server_credentials_t anon_server;
};

struct TlsSession {
    TlsCreds *creds;
    gnutls_session_t native;
    bool server;
    char *host;
};

/* ---- Credentials ---- */

static char *tls_file(const char *dir, const char *name, bool needed, GError **err)
{
    char *path = g_build_filename(dir, name, NULL);
    struct stat st;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        return path;
    }
    if (needed) {
        error_set(err, "dir=%s: %s is not there: it must hold PEM text", dir, name);
    }
    g_free(path);
    return NULL;
}

static bool tls_failed(const TlsCreds *c, GError **err, const char *path, int ret)
{
    return error_set(err, "%s: %s", path, c->lib.gnutls_strerror(ret));
}

static bool tls_load_x509(TlsCreds *c, const char *dir, GError **err)
{
    const char *side = c->server ? "server" : "client";
    g_autofree char *cert_name = g_strdup_printf("%s-cert.pem", side);
    g_autofree char *key_name = g_strdup_printf("%s-key.pem", side);
    g_autofree char *ca = tls_file(dir, "ca-cert.pem", true, err);
    g_autofree char *cert = NULL, *key = NULL, *crl = NULL;
    int ret;

    if (!ca || !(cert = tls_file(dir, cert_name, c->server, c->server ? err : NULL))) {
        if (!ca || c->server) {
            return false;
        }
    }
    if (cert && !(key = tls_file(dir, key_name, true, err))) {
        return false;
    }
    crl = tls_file(dir, "ca-crl.pem", false, NULL);
    c->lib.gnutls_certificate_allocate_credentials(&c->x509);
    ret = c->lib.gnutls_certificate_set_x509_trust_file(c->x509, ca, GNUTLS_X509_FMT_PEM);
    if (ret < 0) {
        return tls_failed(c, err, ca, ret);
    }
    if (cert) {
        ret = c->lib.gnutls_certificate_set_x509_key_file(c->x509, cert, key, GNUTLS_X509_FMT_PEM);
        if (ret < 0) {
            return tls_failed(c, err, cert, ret);
        }
    }
    if (crl) {
        ret = c->lib.gnutls_certificate_set_x509_crl_file(c->x509, crl, GNUTLS_X509_FMT_PEM);
        if (ret < 0) {
            return tls_failed(c, err, crl, ret);
        }
    }
    if (c->server) {
        c->lib.gnutls_certificate_set_known_dh_params(c->x509, GNUTLS_SEC_PARAM_MEDIUM);
    }
    return true;
}

/* The key of @user in a file of lines "user:hex". */
static char *tls_psk_find(const char *path, const char *user, GError **err)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    size_t len = strlen(user);

    if (!g_file_get_contents(path, &text, NULL, err)) {
        return NULL;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        if (!strncmp(*l, user, len) && (*l)[len] == ':') {
            return g_strstrip(g_strdup(*l + len + 1));
        }
    }
    error_set(err, "%s: no key for username=%s", path, user);
    return NULL;
}

static bool tls_load_psk(TlsCreds *c, const char *dir, const char *user, GError **err)
{
    g_autofree char *path = tls_file(dir, "keys.psk", true, err);
    g_autofree char *key = NULL;
    int ret;

    if (!path) {
        return false;
    }
    if (c->server) {
        c->lib.gnutls_psk_allocate_server_credentials(&c->psk_server);
        ret = c->lib.gnutls_psk_set_server_credentials_file(c->psk_server, path);
        c->lib.gnutls_psk_set_server_known_dh_params(c->psk_server, GNUTLS_SEC_PARAM_MEDIUM);
        return ret >= 0 || tls_failed(c, err, path, ret);
    }
    user = user ? user : "qemu";
    key = tls_psk_find(path, user, err);
    if (!key) {
        return false;
    }
    c->lib.gnutls_psk_allocate_client_credentials(&c->psk_client);
    ret = c->lib.gnutls_psk_set_client_credentials(
        c->psk_client, user, &(gnutls_datum_t){ (unsigned char *)key, (unsigned)strlen(key) },
        GNUTLS_PSK_KEY_HEX);
    return ret >= 0 || tls_failed(c, err, path, ret);
}

static bool tls_load_anon(TlsCreds *c)
{
    if (c->server) {
        c->lib.gnutls_anon_allocate_server_credentials(&c->anon_server);
        c->lib.gnutls_anon_set_server_known_dh_params(c->anon_server, GNUTLS_SEC_PARAM_MEDIUM);
    } else {
        c->lib.gnutls_anon_allocate_client_credentials(&c->anon_client);
    }
    return true;
}

static bool tls_creds_load(TlsCreds *c, Options *o, GError **err)
{
    const char *end = options_get(o, "endpoint"), *dir = options_get(o, "dir");
    const char *user = options_get(o, "username");
    bool sane;

    if (!tls_library(&c->lib, err)) {
        return false;
    }
    c->server = end && !strcmp(end, "server");
    if (end && !c->server && strcmp(end, "client")) {
        return error_set(err, "endpoint=%s: valid: server, client", end);
    }
    c->priority = g_strdup(options_get(o, "priority"));
    if (!options_get_bool(o, "verify-peer", true, &c->verify, err) ||
        !options_get_bool(o, "sanity-check", true, &sane, err)) {
        return false;
    }
    if (options_get(o, "passwordid")) {
        return error_set(err, "passwordid= is not supported: keep the key without a passphrase");
    }
    if (c->kind != TLS_ANON && !dir) {
        return error_set(err, "dir= is missing: the folder of the certificates or keys");
    }
    switch (c->kind) {
    case TLS_X509:
        return tls_load_x509(c, dir, err);
    case TLS_PSK:
        return tls_load_psk(c, dir, user, err);
    case TLS_ANON:
        return tls_load_anon(c);
    }
    return false;
}

TlsCreds *tls_creds_new(const char *type, Options *o, GError **err)
{
    static const char *const names[] = { "tls-creds-x509", "tls-creds-psk", "tls-creds-anon" };
    TlsCreds *c = g_new0(TlsCreds, 1);

    c->refs = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(type, names[i])) {
            c->kind = (TlsKind)i;
        }
    }
    if (!tls_creds_load(c, o, err)) {
        g_prefix_error(err, "%s: ", type);
        tls_creds_unref(c);
        return NULL;
    }
    return c;
}

TlsCreds *tls_creds_ref(TlsCreds *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void tls_creds_unref(TlsCreds *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    if (c->x509) {
        c->lib.gnutls_certificate_free_credentials(c->x509);
    }
    if (c->psk_client) {
        c->lib.gnutls_psk_free_client_credentials(c->psk_client);
    }
    if (c->psk_server) {
        c->lib.gnutls_psk_free_server_credentials(c->psk_server);
    }
    if (c->anon_client) {
        c->lib.gnutls_anon_free_client_credentials(c->anon_client);
    }
    if (c->anon_server) {
        c->lib.gnutls_anon_free_server_credentials(c->anon_server);
    }
    g_free(c->priority);
    g_free(c);
}

bool tls_creds_is_server(const TlsCreds *c)
{
    return c->server;
}

/* ---- Sessions ---- */

static bool tls_session_set_up(TlsSession *s, int fd, GError **err)
{
    static const char *const more[] = { "", ":+ECDHE-PSK:+DHE-PSK:+PSK", ":+ANON-DH:+ANON-ECDH" };
    TlsCreds *c = s->creds;
    g_autofree char *priority =
        g_strdup_printf("%s%s", c->priority ? c->priority : "NORMAL", more[c->kind]);
    const char *at = NULL;
    int ret = s->creds->lib.gnutls_init(&s->native, (s->server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                                        GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

    if (ret < 0) {
        return error_set(err, "TLS: %s", s->creds->lib.gnutls_strerror(ret));
    }
    ret = s->creds->lib.gnutls_priority_set_direct(s->native, priority, &at);
    if (ret < 0) {
        return error_set(err, "priority=%s: %s, at '%s'", priority,
                         s->creds->lib.gnutls_strerror(ret), at);
    }
    switch (c->kind) {
    case TLS_X509:
        s->creds->lib.gnutls_credentials_set(s->native, GNUTLS_CRD_CERTIFICATE, c->x509);
        break;
    case TLS_PSK:
        s->creds->lib.gnutls_credentials_set(
            s->native, GNUTLS_CRD_PSK, s->server ? (void *)c->psk_server : (void *)c->psk_client);
        break;
    case TLS_ANON:
        s->creds->lib.gnutls_credentials_set(s->native, GNUTLS_CRD_ANON,
                                             s->server ? (void *)c->anon_server
                                                       : (void *)c->anon_client);
        break;
    }
    if (s->server && c->kind == TLS_X509) {
        s->creds->lib.gnutls_certificate_server_set_request(
            s->native, c->verify ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
    }
    if (!s->server && s->host) {
        s->creds->lib.gnutls_server_name_set(s->native, GNUTLS_NAME_DNS, s->host, strlen(s->host));
    }
    s->creds->lib.gnutls_transport_set_int2(s->native, fd, fd);
    return true;
}

TlsSession *tls_session_new(TlsCreds *c, bool server, const char *host, int fd, GError **err)
{
    TlsSession *s;

    if (c->server != server) {
        error_set(err, "the TLS credentials are for endpoint=%s, not %s",
                  c->server ? "server" : "client", server ? "server" : "client");
        return NULL;
    }
    s = g_new0(TlsSession, 1);
    s->creds = tls_creds_ref(c);
    s->server = server;
    s->host = g_strdup(host);
    if (!tls_session_set_up(s, fd, err)) {
        tls_session_free(s);
        return NULL;
    }
    return s;
}

void tls_session_free(TlsSession *s)
{
    if (!s) {
        return;
    }
    if (s->native) {
        s->creds->lib.gnutls_deinit(s->native);
    }
    tls_creds_unref(s->creds);
    g_free(s->host);
    g_free(s);
}

/* RFC 5280, section 6, and RFC 6125 for the name: GnuTLS does both. */
static bool tls_session_check(TlsSession *s, GError **err)
{
    unsigned status = 0;
    int ret;

    if (s->creds->kind != TLS_X509 || (s->server && !s->creds->verify)) {
        return true;
    }
    ret = s->creds->lib.gnutls_certificate_verify_peers3(s->native, s->server ? NULL : s->host,
                                                         &status);
    if (ret < 0) {
        return error_set(err, "TLS: the peer's certificate: %s",
                         s->creds->lib.gnutls_strerror(ret));
    }
    if (status) {
        gnutls_datum_t text = { NULL, 0 };

        s->creds->lib.gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text,
                                                                   0);
        error_set(err, "TLS: %s%s%s%s", text.data ? (char *)text.data : "the certificate is bad",
                  s->server ? "" : " (the name expected was '",
                  s->server || !s->host ? "" : s->host,
                  s->server ? "" : "'; tls-hostname= sets another)");
        (*s->creds->lib.gnutls_free)(text.data);
        return false;
    }
    return true;
}

int tls_session_handshake(TlsSession *s, GError **err)
{
    int ret;

    do {
        ret = s->creds->lib.gnutls_handshake(s->native);
    } while (ret == GNUTLS_E_INTERRUPTED ||
             (ret < 0 && ret != GNUTLS_E_AGAIN && !s->creds->lib.gnutls_error_is_fatal(ret)));
    if (ret == GNUTLS_E_AGAIN) {
        return s->creds->lib.gnutls_record_get_direction(s->native) ? TLS_WANT_WRITE
                                                                    : TLS_WANT_READ;
    }
    if (ret < 0) {
        const char *alert =
            ret == GNUTLS_E_FATAL_ALERT_RECEIVED
                ? s->creds->lib.gnutls_alert_get_name(s->creds->lib.gnutls_alert_get(s->native))
                : NULL;

        error_set(err, "the TLS handshake failed: %s%s%s", s->creds->lib.gnutls_strerror(ret),
                  alert ? ": " : "", alert ? alert : "");
        return -1;
    }
    return tls_session_check(s, err) ? 0 : -1;
}

char *tls_session_peer(const TlsSession *s)
{
    unsigned n = 0;
    const gnutls_datum_t *certs;
    gnutls_x509_crt_t cert;
    gnutls_datum_t dn = { NULL, 0 };
    const char *user;
    char *name = NULL;

    if (s->creds->kind == TLS_PSK) {
        user = s->server ? s->creds->lib.gnutls_psk_server_get_username(s->native) : NULL;
        return g_strdup(user);
    }
    certs = s->creds->kind == TLS_X509 ? s->creds->lib.gnutls_certificate_get_peers(s->native, &n)
                                       : NULL;
    if (!certs || !n || s->creds->lib.gnutls_x509_crt_init(&cert) < 0) {
        return NULL;
    }
    if (s->creds->lib.gnutls_x509_crt_import(cert, &certs[0], GNUTLS_X509_FMT_DER) >= 0 &&
        s->creds->lib.gnutls_x509_crt_get_dn2(cert, &dn) >= 0 && !memchr(dn.data, 0, dn.size)) {
        name = g_strndup((const char *)dn.data, dn.size);
    }
    (*s->creds->lib.gnutls_free)(dn.data);
    s->creds->lib.gnutls_x509_crt_deinit(cert);
    return name;
}

static ssize_t tls_result(ssize_t ret, bool write)
{
    if (ret >= 0) {
        return ret;
    }
    if (ret == GNUTLS_E_AGAIN || ret == GNUTLS_E_INTERRUPTED) {
        return write ? TLS_WANT_WRITE : TLS_WANT_READ;
    }
    return ret == GNUTLS_E_PREMATURE_TERMINATION ? 0 : -EIO;
}

ssize_t tls_session_read(TlsSession *s, void *buf, size_t len)
{
    ssize_t ret;

    do {
        ret = s->creds->lib.gnutls_record_recv(s->native, buf, len);
    } while (ret < 0 && ret != GNUTLS_E_AGAIN && !s->creds->lib.gnutls_error_is_fatal((int)ret));
    return tls_result(ret, false);
}

ssize_t tls_session_write(TlsSession *s, const void *buf, size_t len)
{
    return tls_result(s->creds->lib.gnutls_record_send(s->native, buf, len), true);
}

void tls_session_bye(TlsSession *s)
{
    s->creds->lib.gnutls_bye(s->native, GNUTLS_SHUT_WR);
}
