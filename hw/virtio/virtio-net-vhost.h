/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a virtio-net in the hands of the host's kernel. */
#ifndef HW_VIRTIO_VIRTIO_NET_VHOST_H
#define HW_VIRTIO_VIRTIO_NET_VHOST_H

#include "hw/virtio/virtio.h"
#include "net/net.h"

typedef struct NetVhost NetVhost;

/* NULL: the network is served by this process alone. LOOP_THREAD. */
NetVhost *net_vhost_new(VirtioDevice *v, NetBackend *b);
void net_vhost_free(NetVhost *h);

/* ---- Under the transport's lock; @h may be NULL ---- */

bool net_vhost_is_on(const NetVhost *h);
/* Give the kernel the rings of the first @pairs; @takes: NET_TAKES_* of the driver. False: it
 * has not got them all, and net_vhost_stop is due. */
bool net_vhost_start(NetVhost *h, unsigned pairs, unsigned takes);
void net_vhost_kick(NetVhost *h, unsigned q);
/* Have the rings back; with @go_on they are used on here. False: the kernel did not have them. */
bool net_vhost_stop(NetVhost *h, bool go_on);

#endif
