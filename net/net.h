/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network backends (-netdev): the host's end of a network card. Frames are whole Ethernet frames
 * without a check sequence. A backend belongs to one machine and works on its loop; a card talks to
 * it from any thread.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "core/types.h"
#include "util/error.h"
#include "util/options.h"

#include <sys/uio.h>

enum { NET_FRAME_MIN = 14, NET_FRAME_MAX = 65536 + 64 };

typedef struct NetBackend NetBackend;

/* What a card gives. Called on the LOOP_THREAD, with no device lock held. */
typedef struct NetClient {
    /* A frame for the guest. False: there is no room; it is offered again after net_more. */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
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

/* A frame of the guest: copied; dropped where the backend lags behind. ANY_THREAD. */
void net_send(NetBackend *b, const struct iovec *iov, unsigned n);
/* The card has room again. ANY_THREAD. */
void net_more(NetBackend *b);
/* An unplugged cable: nothing passes. ANY_THREAD. */
void net_set_link(NetBackend *b, bool up);

/* hostfwd_add and hostfwd_remove: "tcp:127.0.0.1:2222-:22". Errors: not user mode, bad text. */
NODISCARD bool net_add_forward(NetBackend *b, const char *text, GError **err);
NODISCARD bool net_remove_forward(NetBackend *b, const char *text, GError **err);

#endif
