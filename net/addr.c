/* SPDX-License-Identifier: Apache-2.0 */
#include "net/addr.h"
#include "util/fdsets.h"

#include <fcntl.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool addr_resolve(const char *key, const char *host, const char *port, bool passive,
                         bool dgram, NetAddr *a, GError **err)
{
    struct addrinfo hints = { .ai_socktype = dgram ? SOCK_DGRAM : SOCK_STREAM,
                              .ai_flags = passive ? AI_PASSIVE : 0,
                              .ai_family = *host ? AF_UNSPEC : AF_INET };
    struct addrinfo *list = NULL;
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    int rc;

    if (!g_ascii_isdigit(*port) || *end || number > 65535) {
        return error_set(err, "%s: the port '%s' is no number of 0 to 65535", key, port);
    }
    rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (rc) {
        return error_set(err, "%s: cannot resolve '%s': %s", key, host, gai_strerror(rc));
    }
    memcpy(&a->storage, list->ai_addr, list->ai_addrlen);
    a->len = list->ai_addrlen;
    a->fd = -1;
    freeaddrinfo(list);
    return true;
}

bool net_addr_host_port(const char *key, const char *text, bool passive, bool dgram, NetAddr *a,
                        GError **err)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = colon ? g_strndup(text, (size_t)(colon - text)) : NULL;
    size_t len = host ? strlen(host) : 0;

    *a = (NetAddr){ .fd = -1 };
    if (!colon) {
        return error_set(err, "%s=%s: is not of the form HOST:PORT", key, text);
    }
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len);
        host[len - 2] = '\0';
    }
    return addr_resolve(key, host, colon + 1, passive, dgram, a, err);
}

static const char *addr_key(Options *o, const char *prefix, const char *name)
{
    g_autofree char *key = g_strdup_printf("%s.%s", prefix, name);

    return options_get(o, key);
}

static bool addr_unix(const char *prefix, const char *path, bool abstract, NetAddr *a, GError **err)
{
    size_t len = path ? strlen(path) : 0, skip = abstract ? 1 : 0;

    if (!path) {
        return error_set(err, "%s.path= is missing", prefix);
    }
    if (len + skip >= sizeof(a->un.sun_path)) {
        return error_set(err, "%s.path=%s: is longer than the %zu bytes of a UNIX socket's", prefix,
                         path, sizeof(a->un.sun_path) - 1);
    }
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path + skip, path, len);
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    a->path = abstract ? NULL : g_strdup(path);
    return true;
}

bool net_addr_options(FdSets *named, Options *o, const char *prefix, bool passive, bool dgram,
                      NetAddr *a, GError **err)
{
    const char *type = addr_key(o, prefix, "type"), *text;
    g_autofree char *abstract_key = g_strdup_printf("%s.abstract", prefix);
    bool abstract;

    *a = (NetAddr){ .fd = -1 };
    if (!type) {
        return error_set(err, "%s.type= is missing: inet, unix or fd", prefix);
    }
    if (!strcmp(type, "inet")) {
        const char *host = addr_key(o, prefix, "host"), *port = addr_key(o, prefix, "port");

        addr_key(o, prefix, "ipv4");
        addr_key(o, prefix, "ipv6");
        return port ? addr_resolve(prefix, host ? host : "", port, passive, dgram, a, err)
                    : error_set(err, "%s.port= is missing", prefix);
    }
    if (!strcmp(type, "unix")) {
        return options_get_bool(o, abstract_key, false, &abstract, err) &&
               addr_unix(prefix, addr_key(o, prefix, "path"), abstract, a, err);
    }
    if (!strcmp(type, "fd")) {
        g_autofree char *what = g_strdup_printf("%s.str=", prefix);

        text = addr_key(o, prefix, "str");
        a->fd = fdsets_take_text(named, what, text ? text : "", err);
        if (a->fd < 0) {
            return false;
        }
        fcntl(a->fd, F_SETFD, FD_CLOEXEC);
        return true;
    }
    return error_set(err, "%s.type=%s: must be inet, unix or fd", prefix, type);
}

void net_addr_deinit(NetAddr *a)
{
    g_clear_pointer(&a->path, g_free);
}

char *net_addr_text(const NetAddr *a)
{
    char host[128], port[16];

    if (a->fd >= 0) {
        return g_strdup_printf("fd=%d", a->fd);
    }
    if (a->any.sa_family == AF_UNIX) {
        return g_strdup_printf("unix:%s", a->un.sun_path[0] ? a->un.sun_path : a->un.sun_path + 1);
    }
    if (getnameinfo(&a->any, a->len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("?");
    }
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
