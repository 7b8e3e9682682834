/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS credentials of a graph, by id: what tls-creds=ID names. */
#ifndef BLOCK_NET_TLS_STORE_H
#define BLOCK_NET_TLS_STORE_H

#include "block/core/node.h"
#include "block/net/tls.h"

/* @type "tls-creds-x509", ...; @o: id= and what tls_creds_new takes. Errors: the option at fault.
 */
NODISCARD bool block_tls_add(BlockGraph *g, const char *type, Options *o, GError **err);
NODISCARD bool block_tls_remove(BlockGraph *g, const char *id, GError **err);
/* The graph's own reference; NULL: none of that id. */
TlsCreds *block_tls_find(BlockGraph *g, const char *id, GError **err);

#endif
