/* SPDX-License-Identifier: Apache-2.0 */
/* One pair of rings in the hands of the host's kernel (vhost-net). */
#ifndef NET_VHOST_H
#define NET_VHOST_H

#include "net/net.h"

typedef struct Vhost Vhost;

/* How it speaks with the kernel; a test's stands in for the latter. Returns as ioctl does. */
typedef int VhostIoctl(void *opaque, int fd, unsigned long request, void *arg);

/* Of /dev/vhost-net, or @take_fd that somebody has opened (-1: nobody). @call NULL: the kernel's.
 */
Vhost *vhost_open(int take_fd, VhostIoctl *call, void *opaque, GError **err);
void vhost_close(Vhost *v);
/* Virtio's, of those that matter to rings; 0: none may be given to it. */
uint64_t vhost_features(const Vhost *v);
/* Frames come from and go to @tap. Errors: nothing has changed. ANY_THREAD. */
NODISCARD bool vhost_start(Vhost *v, int tap, const NetHandover *h, GError **err);
/* Back; @base: how far the kernel has come in both rings. ANY_THREAD. */
void vhost_stop(Vhost *v, uint16_t base[2]);
bool vhost_is_on(const Vhost *v);

#endif
