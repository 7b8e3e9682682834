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
    void (*send)(NetBackend *b, const uint8_t *frame, size_t len);
    char *(*text)(NetBackend *b);
    bool (*forward)(NetBackend *b, const char *text, bool add, GError **err);
} NetType;

struct NetBackend {
    const NetType *type;
    Machine *machine;
    char *id;
    const NetClient *client;
    void *opaque;
    char *who;
    bool link_up; /* atomic */
    Mutex lock;   /* of what cards have sent */
    GQueue *sent; /* of GBytes */
    bool posted;
    GQueue *kept; /* of GBytes: for a card without room; loop alone */
};

extern const NetType net_type_user;

/* A frame from outside: to the card, or kept for it, or dropped. LOOP_THREAD. */
void net_deliver(NetBackend *b, const uint8_t *frame, size_t len);

#endif
