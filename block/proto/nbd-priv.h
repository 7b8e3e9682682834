/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the NBD client share. */
#ifndef BLOCK_PROTO_NBD_PRIV_H
#define BLOCK_PROTO_NBD_PRIV_H

#include "block/core/driver.h"
#include "block/net/nbd-client.h"
#include "block/net/nbd-wire.h"
#include "block/net/tls-store.h"

enum { NBD_SLOTS = 32 };

/* Of a read's bytes: [from, to). */
typedef struct NbdRange {
    uint64_t from, to;
} NbdRange;

/* A request under way. */
typedef struct NbdSlot {
    bool used, done;
    uint16_t command;
    uint64_t cookie; /* its handle */
    uint64_t off, len;
    const struct iovec *iov;
    unsigned n_iov;
    uint64_t got;    /* bytes of a structured read that came */
    uint64_t prefix; /* those from its start on without a gap */
    GArray *others;  /* NbdRange beyond it, in order; NULL: none */
    uint32_t state;
    uint64_t state_len; /* of a block status; 0: none came */
    int result;
    Fiber *fiber; /* waits for the reply; NULL: it still sends */
} NbdSlot;

typedef struct Nbd {
    SocketName where;
    char *export_name, *context, *host;
    TlsCreds *creds;
    int64_t reconnect_us, open_us;
    BlockStream *stream; /* NULL: not connected */
    bool closing, connecting, reading;
    StreamLimit bye;
    int64_t wait_until_us; /* requests wait for a connection until then */
    NbdInfo info;
    FiberMutex send;
    FiberQueue free_slot, connected, ended;
    NbdSlot slots[NBD_SLOTS];
    uint64_t sent; /* makes handles differ */
} Nbd;

/* Address, export, credentials, delays. What it has set stays to be freed when it fails. */
NODISCARD bool nbd_parse(BlockNode *n, Options *o, GError **err);

/* One reply, or one chunk of one: 0, or why the connection is of no use any more. FIBER */
int nbd_reply(Nbd *s);

#endif
