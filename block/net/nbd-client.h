/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of NBD's handshake: fixed newstyle, TLS, structured replies, meta contexts,
 * lists of exports. Everything that a server says is checked.
 */
#ifndef BLOCK_NET_NBD_CLIENT_H
#define BLOCK_NET_NBD_CLIENT_H

#include "block/net/stream.h"

#include <stdbool.h>

typedef struct NbdInfo {
    char *name, *description;
    uint64_t size;
    uint16_t flags;                                 /* NBD_HAS_FLAGS, ... */
    uint32_t min_block, preferred_block, max_block; /* bytes; 1, 4096, NBD_PAYLOAD_MAX if unsaid */
    bool structured;                                /* structured replies are agreed */
    bool has_context;                               /* the context asked for is there */
    uint32_t context;                               /* its id */
    char **contexts;                                /* of a list: all that the server offers */
} NbdInfo;

void nbd_info_deinit(NbdInfo *i);

/*
 * FIBER. On a fresh connection: TLS if @creds (@host for the certificate), then @export_name with
 * the meta context @context (NULL: none). Ready for transmission after.
 */
NODISCARD bool nbd_client_start(BlockStream *s, TlsCreds *creds, const char *host,
                                const char *export_name, const char *context, NbdInfo *out,
                                GError **err);
/* FIBER. What the server has; ends the connection in order. */
NODISCARD bool nbd_client_list(BlockStream *s, TlsCreds *creds, const char *host, NbdInfo **list,
                               unsigned *n, GError **err);

#endif
