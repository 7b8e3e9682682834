/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guestfwd= of type=user to a character device: what the guest sends to an address of its network
 * goes to the device, what the device sends to the guest's connection there.
 */
#ifndef NET_USER_GUEST_H
#define NET_USER_GUEST_H

#include "net/net.h"
#include "net/user-parse.h"

#include <glib.h>
#include <slirp/libslirp.h>

typedef struct UserGuest UserGuest;

/* Errors: no such device, it is used, the address. LOOP_THREAD, as all of these. */
UserGuest *user_guest_new(NetBackend *b, Slirp *slirp, const UserGuestForward *f, GError **err);
/* Before the network goes. */
void user_guest_free(UserGuest *g);
/* Guests have read: what waited may go on. @guests: of UserGuest. */
void user_guests_more(GPtrArray *guests);

#endif
