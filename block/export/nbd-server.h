/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An NBD server: nodes under names, for any number of clients. Runs on the graph's loop.
 * Spec: the NBD protocol, doc/proto.md of the NetworkBlockDevice project: fixed newstyle, TLS,
 * structured replies, base:allocation, qemu:allocation-depth, qemu:dirty-bitmap:NAME.
 */
#ifndef BLOCK_EXPORT_NBD_SERVER_H
#define BLOCK_EXPORT_NBD_SERVER_H

#include "block/core/node.h"
#include "block/net/stream.h"

typedef struct NbdServer NbdServer;

typedef struct NbdExportOptions {
    const char *name;        /* "" is the default export */
    const char *description; /* or NULL */
    BlockNode *node;         /* held while the export lives */
    bool writable;
    bool multi;                     /* several clients may use it at once, and are told so */
    bool allocation_depth;          /* offers qemu:allocation-depth */
    bool writethrough;              /* each write is on stable storage when it ends */
    const char *const *bitmaps;     /* names, NULL after the last; or NULL */
    BlockNode *const *bitmap_nodes; /* whose each of them is, NULL: @node's; or NULL */
    void (*on_gone)(void *opaque);  /* in a fiber, when it is closed; or NULL */
    void *opaque;
} NbdExportOptions;

/*
 * Listens at @where. @creds: clients must use TLS. @max_clients 0: no limit; others wait in line.
 * FIBER. Errors: the address, and why.
 */
NbdServer *nbd_server_new(BlockGraph *g, const SocketName *where, TlsCreds *creds,
                          unsigned max_clients, GError **err);
/* Of those who come with TLS the authorization object @id says who may; NULL: all may. */
void nbd_server_set_authz(NbdServer *s, const char *id);
/* Ends every client and export. FIBER */
void nbd_server_free(NbdServer *s);
/* Where it listens, as socket_name_text. */
const char *nbd_server_address(const NbdServer *s);
/* For a port of 0: the one that the host chose; 0 for other kinds. */
unsigned nbd_server_port(const NbdServer *s);
unsigned nbd_server_clients(const NbdServer *s);
/* Called in a fiber whenever a client has gone. */
void nbd_server_on_leave(NbdServer *s, void (*fn)(void *opaque), void *opaque);

/* Errors: name in use or too long, a bitmap that is missing. FIBER */
NODISCARD bool nbd_server_add(NbdServer *s, const NbdExportOptions *o, GError **err);
/* @hard: its clients are cut off; else it is an error that there are any. FIBER */
NODISCARD bool nbd_server_remove(NbdServer *s, const char *name, bool hard, GError **err);
/* A client that needs no handshake, since it is told here what there is (the kernel's): the other
 * end of @take_fd. Errors: there is no such export. FIBER */
NODISCARD bool nbd_server_attach(NbdServer *s, int take_fd, const char *name, uint64_t *size,
                                 uint16_t *flags, GError **err);
/* Nobody can come any more, those who are there are cut off; it is closed when they have gone.
 * False: there is none. FIBER */
bool nbd_server_cut(NbdServer *s, const char *name);
/* Clients that use it. */
unsigned nbd_server_users(const NbdServer *s, const char *name);
bool nbd_server_has(const NbdServer *s, const char *name);

#endif
