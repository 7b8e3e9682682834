/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed virtqueues: one ring of descriptors, which the driver makes available and the device
 * overwrites with used ones. What tells them apart are two bits and a counter of wraps on each
 * side.
 * Spec: VIRTIO 1.2, "2.8 Packed Virtqueues".
 */
#include "hw/virtio/virtqueue-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

enum {
    PACKED_AVAIL = 1 << 7,
    PACKED_USED = 1 << 15,
    LEN_AT = 8,
    ID_AT = 12,
    FLAGS_AT = 14,
    /* event suppression: place and wrap counter, then which */
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_DESC = 2,
    EVENT_FLAGS_AT = 2,
    EVENT_WRAP = 1 << 15,
};

static GuestPhys packed_at(const VirtQueue *vq, unsigned i)
{
    return vq->desc + (uint64_t)i * DESC_SIZE;
}

/* "2.8.1": available while its bit is the counter and the other's is not. */
static bool packed_is_avail(VirtioDevice *v, const VirtQueue *vq)
{
    uint16_t flags;

    if (!virtq_load16(v, packed_at(vq, vq->last_avail) + FLAGS_AT, &flags)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !!(flags & PACKED_AVAIL) == vq->avail_wrap && !!(flags & PACKED_USED) != vq->avail_wrap;
}

bool packed_has_avail(VirtioDevice *v, VirtQueue *vq)
{
    uint32_t event = vq->last_avail | (vq->avail_wrap ? EVENT_WRAP : 0) | EVENT_DESC << 16;

    if (packed_is_avail(v, vq)) {
        return true;
    }
    if (!virtio_has(v, VIRTIO_F_EVENT_IDX) || v->broken || !virtq_store(v, vq->used, 4, event)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return packed_is_avail(v, vq);
}

/* A table: its entries are used in order, and of their flags DESC_NEXT means nothing ("2.8.8"). */
static bool packed_table(VirtChain *c, GuestPhys table, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t b[DESC_SIZE];
        uint32_t len;
        uint16_t flags;

        if (!virtq_load_bytes(c->v, table, i, b)) {
            return false;
        }
        len = get_le32(b + LEN_AT);
        flags = get_le16(b + FLAGS_AT);
        if ((flags & DESC_INDIRECT && !virtq_check_indirect(c->v, len, flags, true)) ||
            !virtq_take(c, get_le64(b), len, flags)) {
            return false;
        }
    }
    return true;
}

bool packed_walk(VirtChain *c, const VirtQueue *vq, uint16_t *id, uint16_t *n_ring)
{
    unsigned i = vq->last_avail;

    for (unsigned n = 1; n <= vq->num; n++, i = i + 1 == vq->num ? 0 : i + 1) {
        uint8_t b[DESC_SIZE];
        uint32_t len;
        uint16_t flags;

        if (!virtq_load_bytes(c->v, vq->desc, i, b)) {
            return false;
        }
        len = get_le32(b + LEN_AT);
        *id = get_le16(b + ID_AT);
        flags = get_le16(b + FLAGS_AT);
        *n_ring = (uint16_t)n;
        if (flags & DESC_INDIRECT) {
            return virtq_check_indirect(c->v, len, flags, n > 1) &&
                   packed_table(c, get_le64(b), len / DESC_SIZE);
        }
        if (!virtq_take(c, get_le64(b), len, flags)) {
            return false;
        }
        if (!(flags & DESC_NEXT)) {
            return true;
        }
    }
    virtio_error(c->v, "a chain has no end in a ring of %u", vq->num);
    return false;
}

void packed_advance(VirtQueue *vq, int n)
{
    int at = vq->last_avail + n;

    if (at >= vq->num || at < 0) {
        at += at < 0 ? vq->num : -vq->num;
        vq->avail_wrap ^= 1;
    }
    vq->last_avail = (uint16_t)at;
}

/* The first of a batch gets its flags last: they show all of them ("2.8.6"). */
bool packed_fill(VirtioDevice *v, VirtQueue *vq, const VirtElem *e, unsigned ahead,
                 uint32_t written)
{
    uint32_t i;
    bool wrap;
    uint16_t flags;
    uint8_t b[8];

    vq->batch = ahead ? vq->batch : 0;
    i = vq->used_idx + vq->batch;
    wrap = vq->used_wrap ^ (i / vq->num & 1);
    flags = (wrap ? PACKED_AVAIL | PACKED_USED : 0) | (written ? DESC_WRITE : 0);
    vq->batch += e->n_ring;
    put_le32(b, written);
    put_le16(b + 4, e->head);
    put_le16(b + 6, flags);
    if (!ahead) {
        vq->batch_flags = flags;
    }
    if (device_dma_write(&v->dev, packed_at(vq, i % vq->num) + LEN_AT, b, ahead ? 8 : 6) !=
        MEM_OK) {
        virtio_error(v, "no ring at 0x%" PRIx64, vq->desc);
        return false;
    }
    return true;
}

void packed_flush(VirtioDevice *v, VirtQueue *vq)
{
    uint32_t at = vq->used_idx;

    if (!vq->batch) {
        return;
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    virtq_store(v, packed_at(vq, at) + FLAGS_AT, 2, vq->batch_flags);
    for (at += vq->batch; at >= vq->num; at -= vq->num) {
        vq->used_wrap ^= 1;
        vq->signalled = (uint16_t)(vq->signalled - vq->num); /* as far behind as before */
    }
    vq->used_idx = (uint16_t)at;
    vq->batch = 0;
}

bool packed_wants_interrupt(VirtioDevice *v, VirtQueue *vq)
{
    uint16_t event, flags, old = vq->signalled, now = vq->used_idx;
    bool valid = vq->signalled_valid;

    vq->signalled = now;
    vq->signalled_valid = 1;
    if (!virtq_load16(v, vq->avail + EVENT_FLAGS_AT, &flags) || flags == EVENT_DISABLE) {
        return false;
    }
    if (flags != EVENT_DESC || !virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        return true;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!virtq_load16(v, vq->avail, &event)) {
        return false;
    }
    if (!!(event & EVENT_WRAP) != vq->used_wrap) {
        event = (uint16_t)((event & ~EVENT_WRAP) - vq->num);
    } else {
        event &= (uint16_t)~EVENT_WRAP;
    }
    return !valid || (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}
