/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of sockets as networks' options give them. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "util/error.h"
#include "util/options.h"

#include <sys/socket.h>
#include <sys/un.h>

struct FdSets;

typedef struct NetAddr {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    };
    socklen_t len;
    int fd;     /* of type fd, else -1 */
    char *path; /* of a UNIX socket; NULL */
} NetAddr;

/* "[HOST]:PORT"; an empty host is every address (@passive) or this host. @key is for messages. */
NODISCARD bool net_addr_host_port(const char *key, const char *text, bool passive, bool dgram,
                                  NetAddr *a, GError **err);
/* PREFIX.type=inet|unix|fd with PREFIX.host, .port, .path, .abstract, .str (a number, or a name of
 * @named). */
NODISCARD bool net_addr_options(struct FdSets *named, Options *o, const char *prefix, bool passive,
                                bool dgram, NetAddr *a, GError **err);
void net_addr_deinit(NetAddr *a);
/* "127.0.0.1:1234", "unix:/path"; the caller frees. */
char *net_addr_text(const NetAddr *a);

#endif
