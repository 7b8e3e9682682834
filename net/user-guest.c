/* SPDX-License-Identifier: Apache-2.0 */
#include "net/user-guest.h"

#include "chardev/chardev.h"
#include "core/event/loop.h"
#include "net/net-priv.h"

#include <string.h>

struct UserGuest {
    NetBackend *backend;
    Slirp *slirp;
    struct in_addr server;
    uint16_t port;
    bool added, owned, starved;
    Chardev *device;
};

static ssize_t guest_write(const void *buf, size_t len, void *opaque)
{
    chardev_write(((UserGuest *)opaque)->device, buf, len);
    return (ssize_t)len;
}

static unsigned guest_can_read(void *opaque)
{
    UserGuest *g = opaque;
    size_t room = slirp_socket_can_recv(g->slirp, g->server, g->port);

    g->starved = room == 0;
    return (unsigned)MIN(room, UINT16_MAX);
}

static void guest_read(void *opaque, const uint8_t *buf, unsigned len)
{
    UserGuest *g = opaque;

    slirp_socket_recv(g->slirp, g->server, g->port, buf, (int)len);
    net_flush(g->backend);
}

static const CharHandlers guest_handlers = { .can_read = guest_can_read, .read = guest_read };

/* "chardev:ID" is one that there is; all else makes one. */
static bool guest_open(UserGuest *g, Machine *m, const char *text, GError **err)
{
    static const char named[] = "chardev:";

    if (g_str_has_prefix(text, named)) {
        g->device = loop_find_backend(m, "chardev", text + strlen(named));
        return g->device || error_set(err, "there is no -chardev with id=%s", text + strlen(named));
    }
    g->device = chardev_new(m, NULL, text, err);
    g->owned = g->device != NULL;
    return g->owned;
}

UserGuest *user_guest_new(NetBackend *b, Slirp *slirp, const UserGuestForward *f, GError **err)
{
    UserGuest *g = g_new0(UserGuest, 1);

    *g = (UserGuest){ .backend = b, .slirp = slirp, .server = f->server, .port = f->port };
    if (guest_open(g, b->machine, f->text, err) &&
        chardev_attach(g->device, &guest_handlers, g, err)) {
        g->added = !slirp_add_guestfwd(slirp, guest_write, g, &g->server, g->port);
        if (g->added) {
            return g;
        }
        chardev_detach(g->device, g);
        error_set(err, "the address is taken or not of the guest's network");
    }
    user_guest_free(g);
    return NULL;
}

void user_guest_free(UserGuest *g)
{
    if (g->added) {
        chardev_detach(g->device, g);
        slirp_remove_guestfwd(g->slirp, g->server, g->port);
    }
    if (g->owned) {
        chardev_free(g->device);
    }
    g_free(g);
}

void user_guests_more(GPtrArray *guests)
{
    for (guint i = 0; i < guests->len; i++) {
        UserGuest *g = g_ptr_array_index(guests, i);

        if (g->starved && slirp_socket_can_recv(g->slirp, g->server, g->port)) {
            g->starved = false;
            chardev_accept_input(g->device);
        }
    }
}
