/* SPDX-License-Identifier: Apache-2.0 */
/* What types of backends and net.c share. */
#ifndef NET_NET_PRIV_H
#define NET_NET_PRIV_H

#include "net/net.h"
#include "util/lock.h"

#include <glib.h>

/* All on the LOOP_THREAD. */
typedef struct NetType {
    const char *name;
    const char *doc;
    size_t size; /* of a struct that begins with NetBackend */
    bool (*open)(NetBackend *b, Options *o, GError **err);
    void (*close)(NetBackend *b); /* also where open has failed */
    /* A whole frame; @o: what it leaves open, for a type that takes_offload, else nothing. */
    void (*send)(NetBackend *b, uint8_t *frame, size_t len, const NetOffload *o);
    void (*more)(NetBackend *b); /* the card has room again; NULL: of no interest */
    char *(*text)(NetBackend *b);
    char *(*connections)(NetBackend *b);
    bool (*forward)(NetBackend *b, const char *text, bool add, GError **err);
    uint64_t (*kernel_features)(const NetBackend *b); /* NULL: no path of the kernel's */
    bool (*kernel_start)(NetBackend *b, unsigned queue, const NetHandover *h, GError **err);
    void (*kernel_stop)(NetBackend *b, unsigned queue, uint16_t base[2]);
    bool takes_large; /* TCP segments of up to 64 KiB, with their checksum */
    bool merges; /* what it delivers is known to be sound: a card may get it merged, unchecked */
} NetType;

typedef struct NetFrame {
    NetOffload o;
    size_t len;
    uint8_t bytes[];
} NetFrame;

typedef struct NetDump NetDump;
typedef struct NetFilter NetFilter;

/* Which way a frame goes: from the card to the network, or to the card. */
enum { NET_TO_NET = 1, NET_TO_CARD = 2 };

struct NetBackend {
    const NetType *type;
    Machine *machine;
    char *id;
    const NetClient *client;
    void *opaque;
    char *who;
    bool link_up;       /* atomic */
    unsigned n_queues;  /* pairs, set by open; 0: one */
    bool takes_offload; /* set by open: the type's send takes frames as cards leave them */
    Mutex lock;         /* of what cards have sent */
    GQueue *sent;       /* of NetFrame */
    bool posted;
    GQueue *kept; /* of NetFrame: for a card without room; loop alone */
    NetMerge merge;
    GPtrArray *filters; /* of NetFilter */
};

extern const NetType net_type_user;
extern const NetType net_type_tap;
extern const NetType net_type_bridge;
extern const NetType net_type_socket;
extern const NetType net_type_stream;
extern const NetType net_type_dgram;

struct Vhost;
/* For tests: queue @queue of a tap is served by @take_v. */
void net_tap_take_vhost(NetBackend *b, unsigned queue, struct Vhost *take_v);

/* A frame from outside: to the card, or kept for it, or dropped. LOOP_THREAD. */
void net_deliver(NetBackend *b, const uint8_t *frame, size_t len);
/* Likewise, with something left open. */
void net_deliver_offload(NetBackend *b, const uint8_t *frame, size_t len, const NetOffload *o);
/* The end of a burst: what was merged goes to the card. LOOP_THREAD. */
void net_flush(NetBackend *b);
/* Is the card so far behind that what comes next would be dropped? For types that can wait. */
bool net_is_full(const NetBackend *b);

void net_filter_frame(const NetBackend *b, unsigned way, const uint8_t *frame, size_t len);
void net_filter_free(NetFilter *f);

NetDump *net_dump_open(const char *path, uint32_t maxlen, GError **err);
void net_dump_frame(NetDump *d, const uint8_t *frame, size_t len);
void net_dump_close(NetDump *d);

#endif
