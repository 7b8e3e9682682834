/* SPDX-License-Identifier: Apache-2.0 */
/* How users say where an NBD server is. */
#include "block/proto/nbd-priv.h"

#include "util/bits.h"

#include <string.h>

static bool nbd_query(Nbd *s, const char *key, const char *value, const char *name, GError **err)
{
    if (!strcmp(key, "socket")) {
        g_free(s->where.path);
        s->where.path = g_uri_unescape_string(value, NULL);
        return s->where.path || error_set(err, "%s: socket=%s is not well-formed", name, value);
    }
    return error_set(err, "%s: '%s' is not known in an NBD address; valid: socket", name, key);
}

/* nbd://host[:port]/export, nbd+unix:///export?socket=path; nbds: TLS. */
static bool nbd_parse_uri(Nbd *s, const char *name, GError **err)
{
    g_autoptr(GUri) uri = g_uri_parse(name, G_URI_FLAGS_ENCODED, err);
    const char *scheme, *path, *host;

    if (!uri) {
        g_prefix_error(err, "%s: ", name);
        return false;
    }
    scheme = g_uri_get_scheme(uri);
    path = g_uri_get_path(uri);
    host = g_uri_get_host(uri);
    s->where.type = strstr(scheme, "+unix") ? SOCKET_UNIX : SOCKET_INET;
    path += strspn(path, "/");
    s->export_name = g_uri_unescape_string(path, NULL);
    if (g_uri_get_query(uri)) {
        g_auto(GStrv) parts = g_strsplit_set(g_uri_get_query(uri), "&;", -1);

        for (char **p = parts; *p; p++) {
            g_auto(GStrv) kv = g_strsplit(*p, "=", 2);

            if (**p && !nbd_query(s, kv[0], kv[1] ? kv[1] : "", name, err)) {
                return false;
            }
        }
    }
    if (s->where.type == SOCKET_UNIX) {
        if (!s->where.path || (host && *host)) {
            return error_set(
                err, "%s: nbd+unix:///EXPORT?socket=PATH is the form of a local server's address",
                name);
        }
        return true;
    }
    if (s->where.path) {
        return error_set(err, "%s: socket= goes with nbd+unix://", name);
    }
    s->where.host = host && *host ? g_uri_unescape_string(host, NULL) : g_strdup("localhost");
    s->where.port = g_strdup_printf("%d", g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : NBD_PORT);
    return s->where.host || error_set(err, "%s: the host's name is not well-formed", name);
}

/* nbd:host:port[:exportname=NAME], nbd:unix:path[:exportname=NAME]. */
static bool nbd_parse_old(Nbd *s, const char *name, GError **err)
{
    g_autofree char *text = g_strdup(name + strlen("nbd:"));
    char *export_name = strstr(text, ":exportname="), *colon;
    size_t len;

    if (export_name) {
        *export_name = 0;
        s->export_name = g_strdup(export_name + strlen(":exportname="));
    }
    if (g_str_has_prefix(text, "unix:")) {
        s->where.type = SOCKET_UNIX;
        s->where.path = g_strdup(text + strlen("unix:"));
        return *s->where.path || error_set(err, "%s: the socket's path is missing", name);
    }
    colon = strrchr(text, ':');
    if (!colon || !colon[1] || colon == text) {
        return error_set(err, "%s: nbd:HOST:PORT or nbd:unix:PATH is the form", name);
    }
    *colon = 0;
    len = strlen(text);
    s->where.type = SOCKET_INET;
    s->where.port = g_strdup(colon + 1);
    s->where.host =
        *text == '[' && text[len - 1] == ']' ? g_strndup(text + 1, len - 2) : g_strdup(text);
    return true;
}

static bool nbd_parse_where(BlockNode *n, Options *o, GError **err)
{
    Nbd *s = block_priv(n);
    const char *name = options_get(o, "filename"), *host = options_get(o, "host");
    const char *path = options_get(o, "path"), *port = options_get(o, "port");
    const char *export_name = options_get(o, "export");

    s->where.fd = -1;
    if (name) {
        if (!(strstr(name, "://") ? nbd_parse_uri(s, name, err) : nbd_parse_old(s, name, err))) {
            return false;
        }
    } else if (path) {
        s->where.type = SOCKET_UNIX;
        s->where.path = g_strdup(path);
    } else if (host) {
        s->where.type = SOCKET_INET;
        s->where.host = g_strdup(host);
        s->where.port = port ? g_strdup(port) : g_strdup_printf("%d", NBD_PORT);
    } else if (!socket_name_parse(&s->where, block_graph_fdsets(block_node_graph(n)), o, "server",
                                  "10809", err)) {
        return false;
    }
    if (export_name) {
        g_free(s->export_name);
        s->export_name = g_strdup(export_name);
    }
    s->export_name = s->export_name ? s->export_name : g_strdup("");
    return true;
}

bool nbd_parse(BlockNode *n, Options *o, GError **err)
{
    Nbd *s = block_priv(n);
    const char *creds = options_get(o, "tls-creds"), *host = options_get(o, "tls-hostname");
    const char *name = options_get(o, "filename");
    uint64_t delay, open_delay;

    if (!nbd_parse_where(n, o, err) || !options_get_number(o, "reconnect-delay", 0, &delay, err) ||
        !options_get_number(o, "open-timeout", 0, &open_delay, err)) {
        return false;
    }
    s->reconnect_us = (int64_t)min_u64(delay, 1u << 30) * G_USEC_PER_SEC;
    s->open_us = (int64_t)min_u64(open_delay, 1u << 30) * G_USEC_PER_SEC;
    s->context = g_strdup(options_get(o, "x-dirty-bitmap"));
    if (creds) {
        TlsCreds *found = block_tls_find(block_node_graph(n), creds, err);

        if (!found) {
            return false;
        }
        s->creds = tls_creds_ref(found);
        s->host = g_strdup(host ? host : s->where.type == SOCKET_INET ? s->where.host : NULL);
    } else if (name && g_str_has_prefix(name, "nbds")) {
        return error_set(err,
                         "%s: nbds needs tls-creds=ID, the id of an --object "
                         "tls-creds-x509,id=ID,endpoint=client,dir=...",
                         name);
    }
    return true;
}
