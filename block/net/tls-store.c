/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/tls-store.h"

static void tls_store_free(void *creds)
{
    tls_creds_unref(creds);
}

bool block_tls_add(BlockGraph *g, const char *type, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    TlsCreds *c;

    if (!id) {
        return error_set(err, "%s: id= is missing", type);
    }
    c = tls_creds_new(type, o, err);
    return c && block_graph_add_object(g, "tls-creds", id, c, tls_store_free, err);
}

bool block_tls_remove(BlockGraph *g, const char *id, GError **err)
{
    return block_graph_remove_object(g, "tls-creds", id) ||
           error_set(err, "there are no TLS credentials of id '%s'", id);
}

TlsCreds *block_tls_find(BlockGraph *g, const char *id, GError **err)
{
    TlsCreds *c = block_graph_find_object(g, "tls-creds", id);

    if (!c) {
        error_set(err, "tls-creds=%s: there is no --object tls-creds-...,id=%s", id, id);
    }
    return c;
}
