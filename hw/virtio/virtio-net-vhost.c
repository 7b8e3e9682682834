/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of a virtio-net that the host's kernel serves: it reads and writes guest memory itself,
 * wakes us by a descriptor for the interrupt, and keeps a log of the pages it writes, which goes
 * into the logs of whoever follows memory (translated code, saving while the machine runs).
 * Spec: VIRTIO 1.2, "2.7 Split Virtqueues"; linux/vhost.h.
 */
#include "hw/virtio/virtio-net-vhost.h"

#include "core/event/loop.h"
#include "hw/virtio/virtqueue-priv.h"
#include "util/log.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VHOST_PAGE = 4096, REGIONS_MAX = 64, WORD_PAGES = 64 };

typedef struct VhostPiece {
    NetRam ram;
    RamBlock *block;
    uint64_t offset;
} VhostPiece;

/* It stays until the machine ends, as listeners do. */
typedef struct VhostLog {
    MemListener listener;
    Mutex lock;
    uint64_t *bits; /* atomic words, a bit a page of guest physical memory; NULL: none yet */
    uint64_t bytes;
    VhostPiece piece[REGIONS_MAX];
    unsigned n;
    bool too_many;
} VhostLog;

typedef struct VhostQueue {
    NetVhost *vhost;
    unsigned q;
    int kick, call;
    unsigned watch;
} VhostQueue;

struct NetVhost {
    VirtioDevice *v;
    NetBackend *netdev;
    VhostLog *log;
    unsigned pairs;    /* in the kernel's hands; 0: none */
    uint32_t lifetime; /* of the device, in which it would not work */
    bool refused;
    unsigned n;
    VhostQueue queue[VIRTIO_QUEUES_MAX];
};

/* ---- What the kernel has written ---- */

static void log_flush_piece(VhostLog *log, const VhostPiece *p)
{
    uint64_t first = p->ram.gpa / VHOST_PAGE, last = (p->ram.gpa + p->ram.len - 1) / VHOST_PAGE;

    for (uint64_t w = first / WORD_PAGES; w <= last / WORD_PAGES; w++) {
        uint64_t bits = __atomic_load_n(&log->bits[w], __ATOMIC_RELAXED);

        if (bits) {
            bits = GUINT64_FROM_LE(__atomic_exchange_n(&log->bits[w], 0, __ATOMIC_ACQ_REL));
        }
        for (; bits; bits &= bits - 1) {
            uint64_t page = w * WORD_PAGES + (unsigned)__builtin_ctzll(bits);

            if (page >= first && page <= last) {
                ram_wrote(p->block, p->offset + (page * VHOST_PAGE - p->ram.gpa), VHOST_PAGE);
            }
        }
    }
}

static void log_flush(VhostLog *log)
{
    mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->n; i++) {
        log_flush_piece(log, &log->piece[i]);
    }
    mutex_unlock(&log->lock);
}

static bool log_sync(void *opaque, RamBlock *ram)
{
    log_flush(opaque);
    return true;
}

/* A translator must see writes at once; others ask. */
static bool log_is_watched(const VhostLog *log)
{
    for (unsigned i = 0; i < log->n; i++) {
        if (__atomic_load_n(&log->piece[i].block->code, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* The machine's memory alone: what else is mapped may go while the kernel has it. */
static void log_add_piece(const FlatRange *f, void *arg)
{
    VhostLog *log = arg;

    if (f->kind != FLAT_RAM || !(f->ram->flags & RAM_MAIN) || (f->start | f->len) % VHOST_PAGE) {
        return;
    }
    if (log->n == REGIONS_MAX) {
        log->too_many = true;
        return;
    }
    log->piece[log->n++] =
        (VhostPiece){ { f->start, f->len, flat_host(f, f->start) }, f->ram, f->offset };
}

/* The memory as it is now, and room for its log. */
static bool log_begin(VhostLog *log, AddressSpace *as, GError **err)
{
    uint64_t end = 0, bytes;

    log_flush(log);
    mutex_lock(&log->lock);
    log->n = 0;
    log->too_many = false;
    aspace_each(as, log_add_piece, log);
    for (unsigned i = 0; i < log->n; i++) {
        end = max_u64(end, log->piece[i].ram.gpa + log->piece[i].ram.len);
    }
    bytes = (end / VHOST_PAGE / WORD_PAGES + 1) * sizeof(uint64_t);
    if (bytes > log->bytes) {
        if (log->bits) {
            munmap(log->bits, log->bytes);
        }
        log->bits = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        log->bytes = log->bits == MAP_FAILED ? 0 : bytes;
        if (log->bits == MAP_FAILED) {
            log->bits = NULL;
            log->n = 0;
        }
    }
    mutex_unlock(&log->lock);
    if (!log->n || log->too_many) {
        return error_set(err, "no memory that the kernel could use, or in more than %d pieces",
                         REGIONS_MAX);
    }
    return true;
}

static VhostLog *log_new(Machine *m)
{
    VhostLog *log = device_alloc(machine_root(m), sizeof(*log));

    mutex_init(&log->lock);
    log->listener = (MemListener){ .log_sync = log_sync, .opaque = log };
    mem_listener_add(m, &log->listener);
    return log;
}

/* ---- Life ---- */

/* The kernel wants an interrupt. */
static bool vhost_called(int fd, unsigned events, void *arg)
{
    VhostQueue *q = arg;
    VirtioDevice *v = q->vhost->v;
    uint64_t n;

    (void)!read(fd, &n, sizeof(n));
    if (log_is_watched(q->vhost->log)) {
        log_flush(q->vhost->log);
    }
    virtio_enter(v);
    if (q->vhost->pairs && virtio_is_running(v)) {
        v->bus->ops->queue_interrupt(v->bus, q->q);
    }
    virtio_leave(v);
    return true;
}

NetVhost *net_vhost_new(VirtioDevice *v, NetBackend *b)
{
    NetVhost *h;

    if (!net_kernel_features(b)) {
        return NULL;
    }
    h = g_new0(NetVhost, 1);
    h->v = v;
    h->netdev = b;
    h->log = log_new(v->dev.machine);
    h->n = 2 * net_queues(b);
    for (unsigned i = 0; i < h->n; i++) {
        VhostQueue *q = &h->queue[i];

        *q = (VhostQueue){ h, i, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                           eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 0 };
        if (q->kick < 0 || q->call < 0) {
            h->n = i + 1;
            net_vhost_free(h);
            return NULL;
        }
        q->watch = loop_watch_fd(v->dev.machine, q->call, LOOP_IN, vhost_called, q);
    }
    return h;
}

void net_vhost_free(NetVhost *h)
{
    if (!h) {
        return;
    }
    net_vhost_stop(h, false);
    for (unsigned i = 0; i < h->n; i++) {
        if (h->queue[i].watch) {
            loop_unwatch(h->v->dev.machine, h->queue[i].watch);
        }
        if (h->queue[i].kick >= 0) {
            close(h->queue[i].kick);
        }
        if (h->queue[i].call >= 0) {
            close(h->queue[i].call);
        }
    }
    g_free(h);
}

bool net_vhost_is_on(const NetVhost *h)
{
    return h && h->pairs;
}

/* Host memory of @len bytes at @gpa, of one piece; NULL: none. */
static void *vhost_host(const NetVhost *h, GuestPhys gpa, uint64_t len)
{
    for (unsigned i = 0; i < h->log->n; i++) {
        const NetRam *r = &h->log->piece[i].ram;

        if (gpa >= r->gpa && gpa - r->gpa < r->len && len <= r->len - (gpa - r->gpa)) {
            return (uint8_t *)r->host + (gpa - r->gpa);
        }
    }
    return NULL;
}

/* "2.7 Split Virtqueues": sizes with the fields of event indices. */
static bool vhost_ring(const NetVhost *h, unsigned q, NetRing *r, GError **err)
{
    const VirtQueue *vq = &h->v->vq[q];

    if (!vq->ready) {
        return error_set(err, "queue %u is not set up", q);
    }
    *r = (NetRing){ .desc = vhost_host(h, vq->desc, 16ull * vq->num),
                    .avail = vhost_host(h, vq->avail, 6 + 2ull * vq->num),
                    .used = vhost_host(h, vq->used, 6 + 8ull * vq->num),
                    .used_gpa = vq->used,
                    .num = vq->num,
                    .base = vq->last_avail,
                    .kick = h->queue[q].kick,
                    .call = h->queue[q].call };
    return (r->desc && r->avail && r->used) ||
           error_set(err, "queue %u is not in the machine's memory", q);
}

static bool vhost_start_pairs(NetVhost *h, unsigned pairs, unsigned takes, GError **err)
{
    VirtioDevice *v = h->v;
    NetRam ram[REGIONS_MAX];
    NetHandover over = { .ram = ram, .features = v->features, .takes = takes };
    uint64_t lacks = v->features & NET_RING_FEATURES & ~net_kernel_features(h->netdev);

    if (lacks || virtio_has(v, VIRTIO_F_RING_PACKED)) {
        return error_set(err, "the driver uses rings of a form that the kernel does not know");
    }
    if (!log_begin(h->log, v->dev.dma, err)) {
        return false;
    }
    for (unsigned i = 0; i < h->log->n; i++) {
        ram[i] = h->log->piece[i].ram;
    }
    over.n_ram = h->log->n;
    over.log = h->log->bits;
    for (unsigned i = 0; i < pairs; i++) {
        if (!vhost_ring(h, 2 * i, &over.ring[0], err) ||
            !vhost_ring(h, 2 * i + 1, &over.ring[1], err) ||
            !net_kernel_start(h->netdev, i, &over, err)) {
            return false;
        }
        h->pairs = i + 1;
    }
    return true;
}

bool net_vhost_start(NetVhost *h, unsigned pairs, unsigned takes)
{
    g_autoptr(GError) err = NULL;

    if (!h || (h->refused && h->lifetime == h->v->lifetime)) {
        return false;
    }
    h->refused = false;
    if (!vhost_start_pairs(h, pairs, takes, &err)) {
        h->refused = true; /* until the driver starts anew */
        h->lifetime = h->v->lifetime;
        log_message(loop_log(h->v->dev.machine), LOG_LEVEL_WARN, net_id(h->netdev),
                    "vhost=on: %s; frames pass through this process", err->message);
        return false;
    }
    for (unsigned q = 0; q < 2 * h->pairs; q++) {
        net_vhost_kick(h, q); /* there may be something in it already */
    }
    return true;
}

void net_vhost_kick(NetVhost *h, unsigned q)
{
    uint64_t one = 1;

    if (q < 2 * h->pairs) {
        (void)!write(h->queue[q].kick, &one, sizeof(one));
    }
}

/* Where the kernel has come to; it may have left the word not to be told of more. */
static void vhost_resume_ring(NetVhost *h, unsigned q, uint16_t base)
{
    VirtQueue *vq = &h->v->vq[q];

    if (virtq_load16(h->v, vq->used + 2, &vq->used_idx)) {
        virtq_store(h->v, vq->used, 2, 0);
        vq->last_avail = base;
        vq->signalled_valid = 0;
    }
}

bool net_vhost_stop(NetVhost *h, bool go_on)
{
    unsigned pairs;

    if (!net_vhost_is_on(h)) {
        return false;
    }
    pairs = h->pairs;
    h->pairs = 0;
    for (unsigned i = 0; i < pairs; i++) {
        uint16_t base[2] = { 0 };

        net_kernel_stop(h->netdev, i, base);
        if (go_on) {
            vhost_resume_ring(h, 2 * i, base[0]);
            vhost_resume_ring(h, 2 * i + 1, base[1]);
            h->v->bus->ops->queue_interrupt(h->v->bus, 2 * i);
            h->v->bus->ops->queue_interrupt(h->v->bus, 2 * i + 1);
        }
    }
    log_flush(h->log);
    return true;
}
