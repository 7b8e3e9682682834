/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues, split and packed: buffers of the driver as scattered guest memory. Nothing the driver
 * writes is trusted: what does not hold together ends in virtio_error, and pops nothing any more.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include "hw/virtio/virtio.h"

#include <sys/uio.h>

enum { VIRTQ_SEGMENTS_MAX = 1024 };

typedef struct VirtSegment {
    RamBlock *ram;
    uint64_t offset; /* in `ram` */
    GuestPhys gpa;
    uint32_t len;
} VirtSegment;

/* One buffer chain: @n_out segments the device reads, then @n_in it writes. */
typedef struct VirtElem {
    uint16_t head; /* packed: buffer id */
    uint16_t queue;
    uint16_t n_ring;   /* entries of a packed ring that it takes */
    uint32_t lifetime; /* of the device when it was popped */
    uint32_t n_out, n_in;
    uint64_t out_bytes, in_bytes;
    VirtSegment seg[];
} VirtElem;

/* NULL: nothing there. The caller gives it back by virtq_push or virtq_drop. */
VirtElem *virtq_pop(VirtioDevice *v, unsigned q);
bool virtq_is_empty(VirtioDevice *v, unsigned q);
/* The device is done with @take_e and has written its first @written bytes. */
void virtq_push(VirtioDevice *v, VirtElem *take_e, uint32_t written);
/*
 * The same for several that the driver must see at once: the element @ahead of the next (0, 1,
 * ...), then virtq_flush of all @n. False: the device is not what it was, nothing is to be flushed.
 */
bool virtq_fill(VirtioDevice *v, VirtElem *take_e, unsigned ahead, uint32_t written);
void virtq_flush(VirtioDevice *v, unsigned q, unsigned n);
void virtq_drop(VirtElem *take_e);
/* Undo the last pop. */
void virtq_unpop(VirtioDevice *v, VirtElem *take_e);
/*
 * What a saved state must know of a buffer that is not given back yet, behind the *@len bytes of
 * *@buf; nothing when there would be more than @limit.
 */
enum { VIRTQ_SAVED_MAX = 16 << 20 };
void virtq_save(const VirtioDevice *v, const VirtElem *e, uint8_t **buf, uint32_t *len,
                uint32_t limit);
/* The buffer at *@at of it once more, and *@at behind it; NULL: it does not hold together. */
VirtElem *virtq_load(VirtioDevice *v, const uint8_t *buf, uint32_t len, uint32_t *at);
/* Interrupt the driver if it wants to hear of what was pushed. */
void virtq_notify(VirtioDevice *v, unsigned q);

/* Copy from the readable part at @off; how many bytes there were (@len at most). */
size_t virtq_read(const VirtElem *e, uint64_t off, void *buf, size_t len);
/* Copy to the writable part. */
size_t virtq_write(VirtElem *e, uint64_t off, const void *buf, size_t len);
/* Host memory of @len bytes at @off of a part; how many entries (VIRTQ_SEGMENTS_MAX at most). */
unsigned virtq_iov(const VirtElem *e, bool in, uint64_t off, uint64_t len, struct iovec *iov);
/* Something else has written these bytes of the writable part. */
void virtq_wrote(const VirtElem *e, uint64_t off, uint64_t len);

#endif
