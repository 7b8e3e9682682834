/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues: what both kinds share, and split rings.
 * Spec: VIRTIO 1.2, "2.7 Split Virtqueues".
 */
#include "hw/virtio/virtqueue.h"

#include "hw/virtio/virtqueue-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

enum { AVAIL_NO_INTERRUPT = 1 };

bool virtq_load16(VirtioDevice *v, GuestPhys gpa, uint16_t *val)
{
    uint64_t word = 0;

    if (device_dma_load(&v->dev, gpa, 2, &word) != MEM_OK) {
        virtio_error(v, "no ring at 0x%" PRIx64, gpa);
        return false;
    }
    *val = (uint16_t)word;
    return true;
}

bool virtq_store(VirtioDevice *v, GuestPhys gpa, unsigned size, uint64_t val)
{
    if (device_dma_store(&v->dev, gpa, size, val) != MEM_OK) {
        virtio_error(v, "no ring at 0x%" PRIx64, gpa);
        return false;
    }
    return true;
}

static bool virtq_usable(VirtioDevice *v, unsigned q)
{
    return q < v->n_queues && v->vq[q].ready && v->vq[q].num && !v->broken &&
           (v->status & VIRTIO_STATUS_DRIVER_OK);
}

static bool virtq_is_packed(const VirtioDevice *v)
{
    return virtio_has(v, VIRTIO_F_RING_PACKED);
}

/* ---- Chains of descriptors ---- */

bool virtq_load_bytes(VirtioDevice *v, GuestPhys table, unsigned i, uint8_t b[DESC_SIZE])
{
    if (device_dma_read(&v->dev, table + (uint64_t)i * DESC_SIZE, b, DESC_SIZE) != MEM_OK) {
        virtio_error(v, "no descriptor at 0x%" PRIx64, table + (uint64_t)i * DESC_SIZE);
        return false;
    }
    return true;
}

static bool virtq_map(VirtChain *c, GuestPhys addr, uint32_t len, bool in)
{
    AddressSpace *as = c->v->dev.dma;
    GuestPhys gpa = addr;
    uint32_t left = len;
    AspaceReader reader = aspace_enter(as);

    while (left) {
        const FlatRange *f = aspace_lookup(as, gpa);
        uint32_t n, k = c->n_out + c->n_in;

        if (!f || f->kind == FLAT_MMIO || (in && f->kind != FLAT_RAM) || k == VIRTQ_SEGMENTS_MAX) {
            break;
        }
        n = (uint32_t)min_u64(left, f->len - (gpa - f->start));
        c->seg[k] = (VirtSegment){ f->ram, f->offset + (gpa - f->start), gpa, n };
        c->n_in += in;
        c->n_out += !in;
        *(in ? &c->in_bytes : &c->out_bytes) += n;
        gpa += n;
        left -= n;
    }
    aspace_leave(reader);
    if (left) {
        virtio_error(c->v, "a buffer of %" PRIu32 " bytes at 0x%" PRIx64 " is not in memory", len,
                     addr);
    }
    return left == 0;
}

bool virtq_take(VirtChain *c, uint64_t addr, uint32_t len, uint16_t flags)
{
    if (!(flags & DESC_WRITE) && c->n_in) {
        virtio_error(c->v, "a readable buffer follows a writable one");
        return false;
    }
    if (!len) {
        virtio_error(c->v, "a buffer of no bytes");
        return false;
    }
    return virtq_map(c, addr, len, flags & DESC_WRITE);
}

bool virtq_check_indirect(VirtioDevice *v, uint32_t len, uint16_t flags, bool nested)
{
    if (nested || (flags & DESC_NEXT) || !len || len % DESC_SIZE) {
        virtio_error(v, "bad indirect descriptor: flags 0x%x, %" PRIu32 " bytes", flags, len);
        return false;
    }
    return true;
}

/* Follow the chain at @i of a table of @n descriptors. */
static bool virtq_walk(VirtChain *c, GuestPhys table, unsigned n, unsigned i, bool indirect)
{
    for (unsigned steps = 0;; steps++) {
        uint8_t b[DESC_SIZE];
        uint64_t addr;
        uint32_t len;
        uint16_t flags;

        if (steps == n) {
            virtio_error(c->v, "descriptors form a loop");
            return false;
        }
        if (i >= n) {
            virtio_error(c->v, "descriptor %u of %u", i, n);
            return false;
        }
        if (!virtq_load_bytes(c->v, table, i, b)) {
            return false;
        }
        addr = get_le64(b);
        len = get_le32(b + 8);
        flags = get_le16(b + 12);
        if (flags & DESC_INDIRECT) {
            return virtq_check_indirect(c->v, len, flags, indirect) &&
                   virtq_walk(c, addr, (unsigned)min_u64(len / DESC_SIZE, 1 << 16), 0, true);
        }
        if (!virtq_take(c, addr, len, flags)) {
            return false;
        }
        if (!(flags & DESC_NEXT)) {
            return true;
        }
        i = get_le16(b + 14);
    }
}

static void virtq_begin(VirtChain *c, VirtioDevice *v)
{
    c->v = v;
    c->n_out = c->n_in = 0;
    c->out_bytes = c->in_bytes = 0;
}

static VirtElem *virtq_elem(const VirtChain *c, unsigned q, uint16_t head, uint16_t n_ring)
{
    size_t bytes = (c->n_out + c->n_in) * sizeof(VirtSegment);
    VirtElem *e = g_malloc(sizeof(*e) + bytes);

    *e = (VirtElem){ .head = head,
                     .queue = (uint16_t)q,
                     .n_ring = n_ring,
                     .lifetime = c->v->lifetime,
                     .n_out = c->n_out,
                     .n_in = c->n_in,
                     .out_bytes = c->out_bytes,
                     .in_bytes = c->in_bytes };
    memcpy(e->seg, c->seg, bytes);
    return e;
}

static VirtElem *virtq_split_elem(VirtioDevice *v, unsigned q, uint16_t head)
{
    VirtChain c;

    virtq_begin(&c, v);
    return virtq_walk(&c, v->vq[q].desc, v->vq[q].num, head, false) ? virtq_elem(&c, q, head, 1)
                                                                    : NULL;
}

/* ---- The rings ---- */

/* Is there an entry behind last_avail? Asks to be told of the next one where there is none. */
static bool virtq_has_avail(VirtioDevice *v, VirtQueue *vq)
{
    uint16_t idx;

    if (!virtq_load16(v, vq->avail + 2, &idx)) {
        return false;
    }
    if (idx == vq->last_avail && virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        if (!virtq_store(v, vq->used + 4 + 8ull * vq->num, 2, vq->last_avail)) {
            return false;
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!virtq_load16(v, vq->avail + 2, &idx)) {
            return false;
        }
    }
    if ((uint16_t)(idx - vq->last_avail) > vq->num) {
        virtio_error(v, "available index %u is too far from %u", idx, vq->last_avail);
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return idx != vq->last_avail;
}

bool virtq_is_empty(VirtioDevice *v, unsigned q)
{
    if (!virtq_usable(v, q)) {
        return true;
    }
    return virtq_is_packed(v) ? !packed_has_avail(v, &v->vq[q]) : !virtq_has_avail(v, &v->vq[q]);
}

static VirtElem *virtq_packed_pop(VirtioDevice *v, unsigned q)
{
    VirtQueue *vq = &v->vq[q];
    uint16_t id, n_ring;
    VirtChain c;

    virtq_begin(&c, v);
    if (!packed_walk(&c, vq, &id, &n_ring)) {
        return NULL;
    }
    packed_advance(vq, n_ring);
    return virtq_elem(&c, q, id, n_ring);
}

VirtElem *virtq_pop(VirtioDevice *v, unsigned q)
{
    VirtQueue *vq = &v->vq[q];
    VirtElem *e;
    uint16_t head;

    if (virtq_is_empty(v, q)) {
        return NULL;
    }
    if (virtq_is_packed(v)) {
        return virtq_packed_pop(v, q);
    }
    if (!virtq_load16(v, vq->avail + 4 + 2ull * (vq->last_avail % vq->num), &head)) {
        return NULL;
    }
    e = virtq_split_elem(v, q, head);
    if (e) {
        vq->last_avail++;
    }
    return e;
}

void virtq_unpop(VirtioDevice *v, VirtElem *take_e)
{
    VirtQueue *vq = &v->vq[take_e->queue];

    if (virtq_is_packed(v)) {
        packed_advance(vq, -(int)take_e->n_ring);
    } else {
        vq->last_avail--;
    }
    g_free(take_e);
}

void virtq_drop(VirtElem *take_e)
{
    g_free(take_e);
}

bool virtq_fill(VirtioDevice *v, VirtElem *take_e, unsigned ahead, uint32_t written)
{
    g_autofree VirtElem *e = take_e;
    VirtQueue *vq = &v->vq[e->queue];
    uint64_t slot;
    uint8_t b[8];

    if (e->lifetime != v->lifetime || !virtq_usable(v, e->queue)) {
        return false;
    }
    if (virtq_is_packed(v)) {
        return packed_fill(v, vq, e, ahead, written);
    }
    slot = vq->used + 4 + 8ull * ((uint16_t)(vq->used_idx + ahead) % vq->num);
    put_le32(b, e->head);
    put_le32(b + 4, written);
    if (device_dma_write(&v->dev, slot, b, sizeof(b)) != MEM_OK) {
        virtio_error(v, "no ring at 0x%" PRIx64, slot);
        return false;
    }
    return true;
}

void virtq_flush(VirtioDevice *v, unsigned q, unsigned n)
{
    VirtQueue *vq = &v->vq[q];

    if (!n || !virtq_usable(v, q)) {
        return;
    }
    if (virtq_is_packed(v)) {
        packed_flush(v, vq);
    } else {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        vq->used_idx += (uint16_t)n;
        virtq_store(v, vq->used + 2, 2, vq->used_idx);
    }
}

void virtq_push(VirtioDevice *v, VirtElem *take_e, uint32_t written)
{
    unsigned q = take_e->queue;

    if (virtq_fill(v, take_e, 0, written)) {
        virtq_flush(v, q, 1);
    }
}

static bool virtq_wants_interrupt(VirtioDevice *v, VirtQueue *vq)
{
    uint16_t word, old = vq->signalled, now = vq->used_idx;
    bool valid = vq->signalled_valid;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (virtq_is_packed(v)) {
        return packed_wants_interrupt(v, vq);
    }
    if (!virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        return virtq_load16(v, vq->avail, &word) && !(word & AVAIL_NO_INTERRUPT);
    }
    vq->signalled = now;
    vq->signalled_valid = 1;
    if (!virtq_load16(v, vq->avail + 4 + 2ull * vq->num, &word)) {
        return false;
    }
    return !valid || (uint16_t)(now - word - 1) < (uint16_t)(now - old);
}

void virtq_notify(VirtioDevice *v, unsigned q)
{
    if (virtq_usable(v, q) && virtq_wants_interrupt(v, &v->vq[q])) {
        v->bus->ops->queue_interrupt(v->bus, q);
    }
}

/* ---- Requests in a saved state ---- */

/*
 * Of a split ring: queue and head, whose descriptors stay in the table while the device has them.
 * Entries of a packed ring may be overwritten by used ones, so there: queue, id, entries of the
 * ring, readable and writable segments (16 bits each), then address and length of each.
 */
enum { SAVED_SPLIT = 4, SAVED_PACKED = 10, SAVED_SEGMENT = 12 };

void virtq_save(const VirtioDevice *v, const VirtElem *e, uint8_t **buf, uint32_t *len,
                uint32_t limit)
{
    uint32_t n = e->n_out + e->n_in, bytes = SAVED_SPLIT;
    uint8_t *to;

    if (virtq_is_packed(v)) {
        bytes = SAVED_PACKED + n * SAVED_SEGMENT;
    }
    if (bytes > limit - *len) {
        return;
    }
    *buf = g_realloc(*buf, *len + bytes);
    to = *buf + *len;
    *len += bytes;
    put_le16(to, e->queue);
    put_le16(to + 2, e->head);
    if (bytes == SAVED_SPLIT) {
        return;
    }
    put_le16(to + 4, e->n_ring);
    put_le16(to + 6, (uint16_t)e->n_out);
    put_le16(to + 8, (uint16_t)e->n_in);
    for (uint32_t i = 0; i < n; i++) {
        put_le64(to + SAVED_PACKED + i * SAVED_SEGMENT, e->seg[i].gpa);
        put_le32(to + SAVED_PACKED + i * SAVED_SEGMENT + 8, e->seg[i].len);
    }
}

static VirtElem *virtq_load_packed(VirtioDevice *v, const uint8_t *b, uint32_t n, unsigned q)
{
    uint16_t n_out = get_le16(b + 6), n_ring = get_le16(b + 4);
    VirtChain c;

    if (!n_ring || n_ring > v->vq[q].num) {
        return NULL;
    }
    virtq_begin(&c, v);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *s = b + SAVED_PACKED + i * SAVED_SEGMENT;

        if (!virtq_take(&c, get_le64(s), get_le32(s + 8), i < n_out ? 0 : DESC_WRITE)) {
            return NULL;
        }
    }
    return virtq_elem(&c, q, get_le16(b + 2), n_ring);
}

VirtElem *virtq_load(VirtioDevice *v, const uint8_t *buf, uint32_t len, uint32_t *at)
{
    const uint8_t *b = buf + *at;
    uint32_t left = len - *at, n;
    unsigned q;

    if (left < (virtq_is_packed(v) ? SAVED_PACKED : SAVED_SPLIT)) {
        *at = len;
        return NULL;
    }
    q = get_le16(b);
    if (!virtq_is_packed(v)) {
        *at += SAVED_SPLIT;
        return virtq_usable(v, q) ? virtq_split_elem(v, q, get_le16(b + 2)) : NULL;
    }
    n = get_le16(b + 6) + get_le16(b + 8);
    if (n * SAVED_SEGMENT > left - SAVED_PACKED) {
        *at = len;
        return NULL;
    }
    *at += SAVED_PACKED + n * SAVED_SEGMENT;
    return virtq_usable(v, q) ? virtq_load_packed(v, b, n, q) : NULL;
}

/* ---- Buffers ---- */

/* The part of segment @s that overlaps [off, off + len). */
typedef struct VirtSpan {
    uint8_t *host;
    size_t len;
    size_t at; /* from `off` */
} VirtSpan;

/* @base: where the segment begins in its part. */
static bool virtq_span(const VirtSegment *s, uint64_t base, uint64_t off, uint64_t len, VirtSpan *p)
{
    uint64_t from = max_u64(base, off), to = min_u64(base + s->len, off + len);

    if (from >= to) {
        return false;
    }
    p->host = s->ram->host + s->offset + (from - base);
    p->len = to - from;
    p->at = from - off;
    return true;
}

static uint64_t virtq_clip(uint64_t total, uint64_t off, uint64_t len)
{
    return off >= total ? 0 : min_u64(len, total - off);
}

size_t virtq_read(const VirtElem *e, uint64_t off, void *buf, size_t len)
{
    uint64_t base = 0;
    VirtSpan p;

    len = virtq_clip(e->out_bytes, off, len);
    for (unsigned i = 0; i < e->n_out; base += e->seg[i].len, i++) {
        if (virtq_span(&e->seg[i], base, off, len, &p)) {
            memcpy((uint8_t *)buf + p.at, p.host, p.len);
        }
    }
    return len;
}

size_t virtq_write(VirtElem *e, uint64_t off, const void *buf, size_t len)
{
    uint64_t base = 0;
    VirtSpan p;

    len = virtq_clip(e->in_bytes, off, len);
    for (unsigned i = e->n_out; i < e->n_out + e->n_in; base += e->seg[i].len, i++) {
        if (virtq_span(&e->seg[i], base, off, len, &p)) {
            memcpy(p.host, (const uint8_t *)buf + p.at, p.len);
        }
    }
    virtq_wrote(e, off, len);
    return len;
}

unsigned virtq_iov(const VirtElem *e, bool in, uint64_t off, uint64_t len, struct iovec *iov)
{
    unsigned first = in ? e->n_out : 0, end = first + (in ? e->n_in : e->n_out), n = 0;
    uint64_t base = 0;
    VirtSpan p;

    len = virtq_clip(in ? e->in_bytes : e->out_bytes, off, len);
    for (unsigned i = first; i < end; base += e->seg[i].len, i++) {
        if (virtq_span(&e->seg[i], base, off, len, &p)) {
            iov[n++] = (struct iovec){ p.host, p.len };
        }
    }
    return n;
}

void virtq_wrote(const VirtElem *e, uint64_t off, uint64_t len)
{
    uint64_t base = 0;
    VirtSpan p;

    len = virtq_clip(e->in_bytes, off, len);
    for (unsigned i = e->n_out; i < e->n_out + e->n_in; base += e->seg[i].len, i++) {
        if (virtq_span(&e->seg[i], base, off, len, &p)) {
            ram_wrote(e->seg[i].ram, (uint64_t)(p.host - e->seg[i].ram->host), p.len);
        }
    }
}
