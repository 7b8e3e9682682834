/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of ring are made of: virtqueue.c has the split one, packed.c the other. */
#ifndef HW_VIRTIO_VIRTQUEUE_PRIV_H
#define HW_VIRTIO_VIRTQUEUE_PRIV_H

#include "hw/virtio/virtqueue.h"

enum { DESC_SIZE = 16, DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

/* A buffer chain while it is followed. */
typedef struct VirtChain {
    VirtioDevice *v;
    uint32_t n_out, n_in;
    uint64_t out_bytes, in_bytes;
    VirtSegment seg[VIRTQ_SEGMENTS_MAX];
} VirtChain;

bool virtq_load16(VirtioDevice *v, GuestPhys gpa, uint16_t *val);
bool virtq_store(VirtioDevice *v, GuestPhys gpa, unsigned size, uint64_t val);
/* The bytes of descriptor @i of a table. */
bool virtq_load_bytes(VirtioDevice *v, GuestPhys table, unsigned i, uint8_t b[DESC_SIZE]);
/* One more buffer of the chain; DESC_WRITE is looked at. */
bool virtq_take(VirtChain *c, uint64_t addr, uint32_t len, uint16_t flags);
bool virtq_check_indirect(VirtioDevice *v, uint32_t len, uint16_t flags, bool nested);

/* ---- Packed rings, of a queue that is usable ---- */

bool packed_has_avail(VirtioDevice *v, VirtQueue *vq);
/* Follow the next chain: buffer id, and how many entries of the ring it takes. */
bool packed_walk(VirtChain *c, const VirtQueue *vq, uint16_t *id, uint16_t *n_ring);
/* @n entries further (or, negative, back). */
void packed_advance(VirtQueue *vq, int n);
bool packed_fill(VirtioDevice *v, VirtQueue *vq, const VirtElem *e, unsigned ahead,
                 uint32_t written);
void packed_flush(VirtioDevice *v, VirtQueue *vq);
bool packed_wants_interrupt(VirtioDevice *v, VirtQueue *vq);

#endif
