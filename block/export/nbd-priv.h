/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the NBD server share. */
#ifndef BLOCK_EXPORT_NBD_PRIV_H
#define BLOCK_EXPORT_NBD_PRIV_H

#include "block/core/bitmap.h"
#include "block/export/nbd-server.h"
#include "block/net/nbd-wire.h"

enum {
    NBD_CLIENT_REQUESTS = 16,
    NBD_CLIENT_BYTES = 64 << 20, /* of requests' data in memory, for each client */
    NBD_OPTION_MAX = 64 << 10,   /* bytes of an option's data; longer ones are refused */
    NBD_HANDSHAKE_S = 10,        /* for a client that does not come to the point */
    NBD_CONTEXTS_MAX = 64,       /* of an export */
    NBD_EXTENTS_MAX = 2048,      /* in an answer */
};

typedef enum NbdContextKind { NBD_ALLOCATION, NBD_DEPTH, NBD_BITMAP } NbdContextKind;

typedef struct NbdContext {
    NbdContextKind kind;
    BlockBitmap *bitmap;
    char *name;
} NbdContext;

typedef struct NbdExport {
    NbdServer *server;
    char *name, *description;
    BlockHolder hold;
    bool writable, writethrough, multi, gone;
    void (*on_gone)(void *opaque);
    void *opaque;
    unsigned n_clients; /* it lives until the last has left */
    unsigned n_contexts;
    NbdContext contexts[NBD_CONTEXTS_MAX];
} NbdExport;

struct NbdServer {
    BlockGraph *graph;
    char *address, *path; /* path: of a local socket, removed at the end; NULL */
    int listener;
    char *authz; /* id of who may come, under TLS; NULL: whom the credentials let in */
    bool lent;   /* others have the listener too, who go on to listen */
    TlsCreds *creds;
    unsigned max_clients;
    bool stopping, accepting;
    GPtrArray *exports; /* of NbdExport */
    GPtrArray *clients; /* of NbdClient */
    FiberQueue left;    /* a client, or the fiber that accepts them */
    void (*on_leave)(void *opaque);
    void *opaque;
};

typedef struct NbdClient {
    NbdServer *server;
    unsigned refs; /* its own fiber's, and the handshake's watch */
    BlockStream *stream;
    bool secure, structured, no_zeroes, transmission, gone;
    NbdExport *export;
    uint64_t contexts;         /* bits of export->contexts that were agreed */
    NbdExport *context_export; /* for which they were */
    FiberMutex send;
    FiberQueue room;
    unsigned n_requests;
    uint64_t bytes;
} NbdClient;

/* For one request. FIBER */
static inline BlockNode *nbd_export_node(NbdExport *e)
{
    return block_holder_node(&e->hold);
}

NbdExport *nbd_server_find(NbdServer *s, const char *name, size_t len);
uint16_t nbd_export_flags(const NbdClient *c, const NbdExport *e);
/* Until the client has chosen an export: 0, or -errno. FIBER */
int nbd_negotiate(NbdClient *c);
/* Until it leaves. FIBER */
void nbd_transmit(NbdClient *c);

#endif
