/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network backends (-netdev): the host's end of a network card. Frames are whole Ethernet frames
 * without a check sequence. A backend belongs to one machine and works on its loop; a card talks to
 * it from any thread.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "core/types.h"
#include "net/offload.h"
#include "util/error.h"
#include "util/options.h"

#include <glib.h>
#include <sys/uio.h>

enum { NET_FRAME_MIN = 14, NET_FRAME_MAX = 65536 + 64 };

typedef struct NetBackend NetBackend;

/* What a card's driver does itself with a frame for it: takes it without its checksum, or large. */
enum { NET_TAKES_CSUM = 1, NET_TAKES_TSO4 = 2, NET_TAKES_TSO6 = 4 };

enum { NET_ADDR_BYTES = 6, NET_RX_MACS = 64, NET_RX_VLANS = 4096 };

typedef enum NetRxMode { NET_RX_NORMAL, NET_RX_NONE, NET_RX_ALL } NetRxMode;

/* What the driver wants to receive. */
typedef struct NetRxFilter {
    bool promiscuous, broadcast;
    bool overflow; /* there were more addresses than the table holds: all pass */
    NetRxMode unicast, multicast, vlan;
    uint8_t mac[NET_ADDR_BYTES];
    uint8_t macs[NET_RX_MACS * NET_ADDR_BYTES];
    unsigned n_macs, n_unicast; /* unicast ones first */
    uint32_t vlans[NET_RX_VLANS / 32];
} NetRxFilter;

/* What a card gives. Called on the LOOP_THREAD, with no device lock held. */
typedef struct NetClient {
    /* A frame for the guest, and what it leaves to it. False: there is no room; it is offered again
     * after net_more. */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len, const NetOffload *o);
    unsigned (*takes)(void *opaque);     /* NET_TAKES_*; NULL: nothing */
    void (*link)(void *opaque, bool up); /* set_link; NULL: the card does not tell its driver */
    /* Its name for the monitor ("net0") and what it is ("model=...,macaddr=..."). */
    void (*describe)(void *opaque, GString *name, GString *text);
    void (*rx_filter)(void *opaque, NetRxFilter *out); /* NULL: the card has none */
    void (*announce)(void *opaque); /* have the driver say where the card is now; NULL: it cannot */
} NetClient;

/*
 * Open what @o says ("type" and the type's own keys); @m outlives it. Errors: unknown type, bad or
 * unknown key. LOOP_THREAD.
 */
NetBackend *net_open(Machine *m, const char *id, Options *o, GError **err);
/* Stop: nothing passes any more. The card may still release it. LOOP_THREAD, CPUs stopped. */
void net_close(NetBackend *b);
/* After net_close, when no card is left. */
void net_free(NetBackend *b);
const char *net_id(const NetBackend *b);
/* "net=10.0.2.0,restrict=off": for the monitor; the caller frees. */
char *net_text(NetBackend *b);
/* Types that can be opened, a line each. */
char *net_help(void);

/* A backend serves one card. Errors: it has one. LOOP_THREAD. */
NODISCARD bool net_claim(NetBackend *b, const NetClient *client, void *opaque, const char *who,
                         GError **err);
void net_release(NetBackend *b);

/* A frame of the guest and what it leaves open (NULL: nothing): copied; dropped where the backend
 * lags behind or the frame does not hold together. ANY_THREAD. */
void net_send(NetBackend *b, const struct iovec *iov, unsigned n, const NetOffload *o);
/* Is user mode built in? */
bool net_has_user(void);
/* The card has room again. ANY_THREAD. */
void net_more(NetBackend *b);
/* An unplugged cable: nothing passes; the card's driver hears of it. LOOP_THREAD. */
void net_set_link(NetBackend *b, bool up);
bool net_link_is_up(const NetBackend *b);
/* Which card serves it ("/machine/..."); NULL: none. LOOP_THREAD. */
const char *net_card(const NetBackend *b);
/* The card's name for the monitor and its text; false: there is none. LOOP_THREAD. */
bool net_describe_card(const NetBackend *b, GString *name, GString *text);
bool net_is_type(const NetBackend *b, const char *name);
/* How many pairs of queues the network's end has. */
unsigned net_queues(const NetBackend *b);
/* The connections of type user, a line each; NULL: of another type. The caller frees. */
char *net_connections(NetBackend *b);
/* False: no card, or one without it. LOOP_THREAD. */
bool net_rx_filter(const NetBackend *b, NetRxFilter *out);
/* announce-self: the card tells the network where it is. LOOP_THREAD. */
void net_announce(NetBackend *b);

/* ---- The kernel's path (vhost-net) ---- */

/* Virtio's features on which the form of rings and frames depends: indirect descriptors, event
 * indices, VERSION_1, merged buffers. */
#define NET_RING_FEATURES (1ull << 28 | 1ull << 29 | 1ull << 32 | 1ull << 15)

typedef struct NetRam {
    uint64_t gpa, len;
    void *host;
} NetRam;

/* A split ring of virtio: where it is, and how far it has come. */
typedef struct NetRing {
    void *desc, *avail, *used;
    uint64_t used_gpa;
    unsigned num;
    uint16_t base;
    int kick, call; /* eventfds: the driver has made buffers available; it is to be interrupted */
} NetRing;

typedef struct NetHandover {
    const NetRam *ram;
    unsigned n_ram;
    uint64_t *log; /* gets a bit for each page of 4 KiB that the kernel writes */
    uint64_t features;
    unsigned takes;  /* NET_TAKES_* */
    NetRing ring[2]; /* of the driver's buffers to receive into, and to send */
} NetHandover;

/* Those of NET_RING_FEATURES that the host's kernel has, where it may serve rings; 0: it may not.
 */
uint64_t net_kernel_features(const NetBackend *b);
/* Frames of pair @queue pass between the network and @h's rings, and no more through here. Errors:
 * nothing has changed. ANY_THREAD, as the next, one at a time. */
NODISCARD bool net_kernel_start(NetBackend *b, unsigned queue, const NetHandover *h, GError **err);
/* They pass through here again. @base: how far the kernel has come in both rings. */
void net_kernel_stop(NetBackend *b, unsigned queue, uint16_t base[2]);

/*
 * -object filter-*: @o is "qom-type", "id", "netdev" and the filter's own keys (filter-dump: file,
 * maxlen, queue, status, position, insert). It goes with the backend. LOOP_THREAD, as all of these.
 */
bool net_is_filter(const char *type);
NODISCARD bool net_add_filter(NetBackend *b, Options *o, GError **err);
bool net_remove_filter(NetBackend *b, const char *id);
bool net_has_filter(const NetBackend *b, const char *id);
/* "on" or "off". */
NODISCARD bool net_filter_set_status(NetBackend *b, const char *id, const char *status,
                                     GError **err);
/* A line for each. */
void net_filter_text(const NetBackend *b, GString *text);
/* NULL: no such filter or property. The caller frees. */
char *net_filter_property(const NetBackend *b, const char *id, const char *name);

/* hostfwd_add and hostfwd_remove: "tcp:127.0.0.1:2222-:22". Errors: not user mode, bad text. */
NODISCARD bool net_add_forward(NetBackend *b, const char *text, GError **err);
NODISCARD bool net_remove_forward(NetBackend *b, const char *text, GError **err);

#endif
