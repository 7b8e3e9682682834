/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exports of a graph, by id, and its one NBD server: what block-export-add and nbd-server-start
 * make. An export holds its node, and follows it when it is replaced. All in fibers of the graph's
 * loop.
 */
#ifndef BLOCK_EXPORT_EXPORTS_H
#define BLOCK_EXPORT_EXPORTS_H

#include "block/export/nbd-server.h"

typedef struct BlockExports BlockExports;
/* An export is gone: BLOCK_EXPORT_DELETED. */
typedef void ExportDeletedFn(void *opaque, const char *id);

/* Made when first asked for; ends with the graph. */
BlockExports *block_exports(BlockGraph *g);
void block_exports_on_deleted(BlockExports *x, ExportDeletedFn *fn, void *opaque);

/* @creds may be NULL; @max_clients 0: no limit. Errors: one runs already; the address. */
NODISCARD bool block_exports_nbd_start(BlockExports *x, const SocketName *where, TlsCreds *creds,
                                       unsigned max_clients, GError **err);
/*
 * The same by options, as --nbd-server and nbd-server-start take them: addr.type=..., tls-creds=,
 * tls-authz=, max-connections=. @take_fds: addr.str may be the number of a descriptor that the
 * process has inherited (the command line's way).
 */
NODISCARD bool block_exports_nbd_options(BlockExports *x, Options *o, bool take_fds, GError **err);
/* Cuts off its clients and closes its exports. */
NODISCARD bool block_exports_nbd_stop(BlockExports *x, GError **err);
bool block_exports_nbd_runs(const BlockExports *x);

/*
 * type=nbd, id=, node-name=, name= (the node's, if there is none), description=, writable=,
 * writethrough=, allocation-depth=, bitmaps.N= or bitmaps.N.node= and .name=, iothread=,
 * fixed-iothread=. Errors: in QEMU's words where it has them.
 */
NODISCARD bool block_export_add(BlockExports *x, Options *o, GError **err);
/* @hard: its clients are cut off, and it goes when they have gone; else they are an error. */
NODISCARD bool block_export_del(BlockExports *x, const char *id, bool hard, GError **err);

typedef struct ExportInfo {
    const char *id, *type, *node_name;
    bool shutting_down;
} ExportInfo;
/* The newest is 0. False: there are fewer. */
bool block_export_info(const BlockExports *x, unsigned index, ExportInfo *info);

#endif
