/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk: a disk. Data moves between the image and guest memory without a copy.
 * Spec: VIRTIO 1.2, "5.2 Block Device".
 */
#include "block/block.h"
#include "core/event/ioloop.h"
#include "hw/virtio/virtqueue.h"
#include "util/bytes.h"

#include <inttypes.h>

enum {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13,
};

enum { BLK_S_OK, BLK_S_IOERR, BLK_S_UNSUPP };

enum { BLK_HEADER = 16, BLK_RANGE = 16, BLK_ID_BYTES = 20, BLK_CONFIG_BYTES = 60 };

#define BLK_F_SEG_MAX      BIT(2)
#define BLK_F_GEOMETRY     BIT(4)
#define BLK_F_RO           BIT(5)
#define BLK_F_BLK_SIZE     BIT(6)
#define BLK_F_FLUSH        BIT(9)
#define BLK_F_TOPOLOGY     BIT(10)
#define BLK_F_CONFIG_WCE   BIT(11)
#define BLK_F_MQ           BIT(12)
#define BLK_F_DISCARD      BIT(13)
#define BLK_F_WRITE_ZEROES BIT(14)

enum { BLK_DISCARD_SECTORS_MAX = 0x3fffff };

typedef struct VirtioBlk {
    VirtioDevice v;
    BlockBackend *drive;
    BlockBackend *disk; /* the drive, or one of our own of the same node */
    void *iothread;
    IoLoop *far;  /* the iothread's, which takes requests from the queue; NULL: who notifies does */
    bool kicked;  /* atomic: vblk_kick is on its way to it */
    bool resting; /* it takes none: the machine is stopped */
    uint32_t bootindex;
    bool share_rw;
    char *serial;
    uint16_t queue_size, num_queues;
    bool discard, write_zeroes;
    uint8_t writeback; /* the cache the driver has asked for */
    /* Requests that a disk's error held when the state was saved, to begin again when the machine
     * does, as virtq_save has them. */
    uint8_t *held;
    uint32_t held_len;
    bool holding; /* what ends now goes there */
} VirtioBlk;

typedef struct BlkRequest {
    VirtioBlk *s;
    VirtElem *e;
    uint32_t type;
    uint32_t data_bytes; /* that a read has put into guest memory */
    bool flushing;       /* the write is done; its flush is on the way */
} BlkRequest;

/* ---- Requests that an error holds ---- */

static void vblk_hold(VirtioBlk *s, BlkRequest *r)
{
    virtq_save(&s->v, r->e, &s->held, &s->held_len, VIRTQ_SAVED_MAX);
    virtq_drop(r->e);
    g_free(r);
}

/* A reset makes nothing of them. */
static bool vblk_is_wanted(void *opaque)
{
    BlkRequest *r = opaque;

    return r->e->lifetime == r->s->v.lifetime;
}

/* ---- Ends ---- */

/* Under the transport's lock. */
static void vblk_end(VirtioBlk *s, VirtElem *e, uint8_t status, uint32_t data_bytes)
{
    unsigned q = e->queue;

    if (e->lifetime == s->v.lifetime) {
        virtq_write(e, e->in_bytes - 1, &status, 1);
        virtq_push(&s->v, e, data_bytes + 1);
        virtq_notify(&s->v, q);
    } else {
        virtq_drop(e);
    }
}

static void vblk_done(void *opaque, int result)
{
    BlkRequest *r = opaque;
    VirtioBlk *s = r->s;

    bool entered = device_is_entered(s->v.bus->dev); /* on an iothread */

    if (s->holding && vblk_is_wanted(r)) {
        vblk_hold(s, r);
        return;
    }
    if (!result && r->type == BLK_T_OUT && !s->writeback && !r->flushing) {
        r->flushing = true;
        block_flush(s->disk, vblk_done, r);
        return;
    }
    if (!entered) {
        virtio_enter(&s->v);
    }
    if (!result && r->type == BLK_T_IN && r->e->lifetime == s->v.lifetime) {
        virtq_wrote(r->e, 0, r->data_bytes);
    }
    vblk_end(s, r->e, result ? BLK_S_IOERR : BLK_S_OK, result ? 0 : r->data_bytes);
    if (!entered) {
        virtio_leave(&s->v);
    }
    g_free(r);
}

/* ---- Requests ---- */

static void vblk_transfer(VirtioBlk *s, BlkRequest *r, uint64_t sector)
{
    bool in = r->type == BLK_T_IN;
    uint64_t len = in ? r->e->in_bytes - 1 : r->e->out_bytes - BLK_HEADER;
    uint64_t size = block_size(s->disk);
    struct iovec iov[VIRTQ_SEGMENTS_MAX];
    unsigned n;

    if (len % BLOCK_SECTOR || len > UINT32_MAX - 1 || sector > size / BLOCK_SECTOR ||
        len > size - sector * BLOCK_SECTOR || (!in && block_is_read_only(s->disk))) {
        vblk_end(s, r->e, BLK_S_IOERR, 0);
        g_free(r);
        return;
    }
    n = virtq_iov(r->e, in, in ? 0 : BLK_HEADER, len, iov);
    if (in) {
        r->data_bytes = (uint32_t)len;
        block_read(s->disk, sector * BLOCK_SECTOR, iov, n, vblk_done, r);
    } else {
        block_write(s->disk, sector * BLOCK_SECTOR, iov, n, vblk_done, r);
    }
}

/* One range a request, as the configuration says. */
static void vblk_range(VirtioBlk *s, BlkRequest *r)
{
    uint8_t range[BLK_RANGE];
    uint64_t sector, len, size = block_size(s->disk);
    bool offered = r->type == BLK_T_DISCARD ? s->discard : s->write_zeroes;
    uint8_t status = BLK_S_IOERR;
    uint32_t flags;

    if (virtq_read(r->e, BLK_HEADER, range, sizeof(range)) == sizeof(range) &&
        r->e->out_bytes == BLK_HEADER + BLK_RANGE && !block_is_read_only(s->disk)) {
        sector = get_le64(range);
        len = (uint64_t)get_le32(range + 8) * BLOCK_SECTOR;
        flags = get_le32(range + 12);
        if (!offered || (flags & ~(r->type == BLK_T_DISCARD ? 0u : 1u))) {
            status = BLK_S_UNSUPP;
        } else if (sector <= size / BLOCK_SECTOR && len <= size - sector * BLOCK_SECTOR &&
                   len / BLOCK_SECTOR <= BLK_DISCARD_SECTORS_MAX) {
            if (r->type == BLK_T_DISCARD) {
                block_discard(s->disk, sector * BLOCK_SECTOR, len, vblk_done, r);
            } else {
                block_write_zeroes(s->disk, sector * BLOCK_SECTOR, len, vblk_done, r);
            }
            return;
        }
    }
    vblk_end(s, r->e, status, 0);
    g_free(r);
}

static void vblk_get_id(VirtioBlk *s, VirtElem *e)
{
    char id[BLK_ID_BYTES] = { 0 };
    const char *serial = s->serial ? s->serial : "";
    uint32_t n = (uint32_t)min_u64(e->in_bytes - 1, sizeof(id));

    memcpy(id, serial, min_u64(strlen(serial), sizeof(id)));
    virtq_write(e, 0, id, n);
    vblk_end(s, e, BLK_S_OK, n);
}

static void vblk_request(VirtioBlk *s, VirtElem *e)
{
    uint8_t header[BLK_HEADER];
    BlkRequest *r;

    if (virtq_read(e, 0, header, sizeof(header)) != sizeof(header) || !e->in_bytes) {
        virtio_error(&s->v, "a request without a header or a status");
        virtq_drop(e);
        return;
    }
    if (get_le32(header) == BLK_T_GET_ID) {
        vblk_get_id(s, e);
        return;
    }
    r = g_new0(BlkRequest, 1);
    *r = (BlkRequest){ .s = s, .e = e, .type = get_le32(header) };
    switch (r->type) {
    case BLK_T_IN:
    case BLK_T_OUT:
        vblk_transfer(s, r, get_le64(header + 8));
        break;
    case BLK_T_FLUSH:
        block_flush(s->disk, vblk_done, r);
        break;
    case BLK_T_DISCARD:
    case BLK_T_WRITE_ZEROES:
        vblk_range(s, r);
        break;
    default:
        vblk_end(s, e, BLK_S_UNSUPP, 0);
        g_free(r);
        break;
    }
}

static void vblk_take_queue(VirtioBlk *s, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(&s->v, q)) != NULL) {
        vblk_request(s, e);
    }
}

static void vblk_take(VirtioBlk *s)
{
    for (unsigned q = 0; q < s->num_queues; q++) {
        vblk_take_queue(s, q);
    }
}

/* ---- On an iothread ---- */

static bool vblk_try_enter(void *opaque) NO_LOCK_ANALYSIS
{
    return device_try_enter(((VirtioBlk *)opaque)->v.bus->dev);
}

static void vblk_leave(void *opaque) NO_LOCK_ANALYSIS
{
    device_leave(((VirtioBlk *)opaque)->v.bus->dev);
}

static const BlockMonitor vblk_monitor = { vblk_try_enter, vblk_leave };

static void vblk_kick(void *arg)
{
    VirtioBlk *s = arg;

    block_monitor_enter(&vblk_monitor, s);
    __atomic_store_n(&s->kicked, false, __ATOMIC_SEQ_CST);
    if (!s->resting) {
        vblk_take(s);
    }
    vblk_leave(s);
}

static void vblk_notify(VirtioDevice *v, unsigned q)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);

    if (!s->far) {
        vblk_take_queue(s, q);
    } else if (!__atomic_exchange_n(&s->kicked, true, __ATOMIC_SEQ_CST)) {
        ioloop_post(s->far, vblk_kick, s);
    }
}

/* From now on the iothread takes requests, or none any more. */
static void vblk_rest(VirtioBlk *s, bool rest)
{
    device_enter(s->v.bus->dev);
    s->resting = rest;
    device_leave(s->v.bus->dev);
}

/* Until no notification is on its way. */
static void vblk_await_kick(void *arg)
{
    while (__atomic_load_n(&((VirtioBlk *)arg)->kicked, __ATOMIC_SEQ_CST)) {
        io_pause();
    }
}

/* ---- Configuration ---- */

static uint64_t vblk_features(VirtioDevice *v)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);
    uint64_t f = BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY;

    f |= s->num_queues > 1 ? BLK_F_MQ : 0;
    if (block_is_read_only(s->disk)) {
        return f | BLK_F_RO;
    }
    return f | BLK_F_CONFIG_WCE | (s->discard ? BLK_F_DISCARD : 0) |
           (s->write_zeroes ? BLK_F_WRITE_ZEROES : 0);
}

static void vblk_config_read(VirtioDevice *v, uint8_t *config)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);
    uint64_t sectors = block_size(s->disk) / BLOCK_SECTOR;

    put_le64(config, sectors);
    put_le32(config + 12, s->queue_size - 2u);                            /* seg_max */
    put_le16(config + 16, (uint16_t)min_u64(sectors / (16 * 63), 16383)); /* cylinders */
    config[18] = 16;                                                      /* heads */
    config[19] = 63;                                                      /* sectors */
    put_le32(config + 20, BLOCK_SECTOR);                                  /* blk_size */
    config[32] = s->writeback;
    put_le16(config + 34, s->num_queues);
    put_le32(config + 36, BLK_DISCARD_SECTORS_MAX);
    put_le32(config + 40, 1); /* ranges a discard */
    put_le32(config + 44, 1); /* its alignment */
    put_le32(config + 48, BLK_DISCARD_SECTORS_MAX);
    put_le32(config + 52, 1);
    config[56] = 1; /* zeroing may unmap */
}

static void vblk_config_wrote(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);

    if (off <= 32 && 32 < off + len) {
        s->writeback = config[32] & 1;
    }
}

/* Without the driver's flushes the cache is written through. */
static void vblk_status_changed(VirtioDevice *v)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);

    if ((v->status & VIRTIO_STATUS_DRIVER_OK) && !virtio_has(v, BLK_F_CONFIG_WCE)) {
        s->writeback = virtio_has(v, BLK_F_FLUSH);
    }
}

static void vblk_reset(VirtioDevice *v)
{
    VirtioBlk *s = device_as(&v->dev, VirtioBlk);

    s->held_len = 0;
    block_wait(s->disk);
}

static void vblk_drain(VirtioDevice *v)
{
    block_drain(device_as(&v->dev, VirtioBlk)->disk);
}

/* What is held becomes part of the state. Of this machine too: it begins again in one way. */
static void vblk_saving(Device *dev)
{
    VirtioBlk *s = device_as(dev, VirtioBlk);

    virtio_drain(&s->v);
    s->v.draining = s->holding = true;
    block_end_held(s->disk);
    s->v.draining = s->holding = false;
}

static void vblk_go_on(VirtioBlk *s)
{
    g_autofree uint8_t *held = NULL;
    uint32_t len;

    virtio_enter(&s->v);
    s->v.draining = true; /* what ends here does so in this lock */
    block_retry_wanted(s->disk);
    s->v.draining = false;
    held = g_memdup2(s->held, s->held_len);
    len = s->held_len;
    s->held_len = 0;
    for (uint32_t at = 0; at < len;) {
        VirtElem *e = virtq_load(&s->v, held, len, &at);

        if (e) {
            vblk_request(s, e);
        }
    }
    s->resting = false;
    for (unsigned q = 0; q < s->num_queues; q++) {
        virtio_notify(&s->v, q); /* a notification may have come while it rested */
    }
    virtio_leave(&s->v);
}

/* Once the machine has stopped nothing is under way: what ends here still interrupts. */
static void vblk_machine_event(void *opaque, const MachineEvent *event)
{
    VirtioBlk *s = opaque;

    if (event->kind == EVENT_STOP) {
        vblk_rest(s, true);
        block_drain(s->disk);
    } else if (event->kind == EVENT_RESUME) {
        vblk_go_on(s);
    } else if (event->kind == EVENT_RESET) {
        block_end_held(s->disk);
    }
}

static const VirtioType vblk_type = {
    .id = 2,
    .features = vblk_features,
    .config_size = BLK_CONFIG_BYTES,
    .config_read = vblk_config_read,
    .config_wrote = vblk_config_wrote,
    .notify = vblk_notify,
    .status_changed = vblk_status_changed,
    .reset = vblk_reset,
    .drain = vblk_drain,
};

static void vblk_let_go(VirtioBlk *s)
{
    block_release(s->disk, &s->v.dev);
    if (s->disk != s->drive) {
        block_close(s->disk);
    }
    s->disk = NULL;
}

static bool vblk_start(Device *dev, GError **err)
{
    VirtioBlk *s = device_as(dev, VirtioBlk);

    if (!bits_is_pow2(s->queue_size)) {
        return error_set(err, "virtio-blk-device: queue-size %u is not a power of 2",
                         s->queue_size);
    }
    if (s->serial && strlen(s->serial) > BLK_ID_BYTES) {
        return error_set(err, "virtio-blk-device: serial '%s' is longer than %d characters",
                         s->serial, BLK_ID_BYTES);
    }
    s->disk = s->share_rw && block_is_shared(s->drive) ? block_share(s->drive, err) : s->drive;
    if (!s->disk || !block_claim(s->disk, dev, err)) {
        return false;
    }
    block_set_shared(s->disk, s->share_rw);
    for (unsigned q = 0; q < s->num_queues; q++) {
        virtio_add_queue(&s->v, s->queue_size);
    }
    if (!virtio_plug(&s->v, err)) {
        vblk_let_go(s);
        return false;
    }
    block_set_wanted(s->disk, vblk_is_wanted);
    if (s->iothread) {
        block_set_iothread(s->disk, s->iothread, &vblk_monitor, s);
        s->far = block_iothread(s->disk) ? block_iothread_loop(s->iothread) : NULL;
    }
    machine_listen(dev->machine, vblk_machine_event, s);
    return true;
}

static void vblk_stop(Device *dev)
{
    VirtioBlk *s = device_as(dev, VirtioBlk);

    if (s->disk) {
        machine_unlisten(dev->machine, vblk_machine_event, s);
        if (s->far) { /* the last notification is let go of before the thread is */
            vblk_rest(s, true);
            ioloop_run(s->far, vblk_await_kick, s);
            block_set_iothread(s->disk, NULL, NULL, NULL);
        }
        s->v.lifetime++; /* what ends now is dropped */
        s->v.draining = true;
        block_drain(s->disk);
        block_end_held(s->disk);
        block_set_wanted(s->disk, NULL);
        vblk_let_go(s);
    }
}

static char *vblk_boot_node(Device *dev, Device **on)
{
    *on = virtio_of(dev)->bus->dev;
    return g_strdup("disk@0,0");
}

static const Field vblk_fields[] = {
    PROP_BACKEND(VirtioBlk, drive, "drive", .required = true, .doc = "the disk"),
    PROP_BACKEND(VirtioBlk, iothread, "iothread", .doc = "an -object iothread"),
    PROP_BOOTINDEX(VirtioBlk, bootindex),
    { "share-rw", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBlk, share_rw, 1), .def = false,
      .doc = "other devices that say so may have the same drive" },
    PROP_STR(VirtioBlk, serial, NULL, .doc = "20 characters at most"),
    { "queue-size", FIELD_PROP, TYPE_U16, FIELD_AT(VirtioBlk, queue_size, 2), .def = 256, .min = 4,
      .max = VIRTIO_QUEUE_SIZE_MAX, .doc = "entries of the queue" },
    { "num-queues", FIELD_PROP, TYPE_U16, FIELD_AT(VirtioBlk, num_queues, 2), .def = 1, .min = 1,
      .max = VIRTIO_QUEUES_MAX - 1, .doc = "queues; Linux takes one for each CPU" },
    PROP_BOOL(VirtioBlk, discard, true, .doc = "offer discard"),
    { "write-zeroes", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBlk, write_zeroes, 1), .def = true,
      .doc = "offer the writing of zeros" },
    STATE_U8(VirtioBlk, writeback, .def = 1, .max = 1),
    STATE_BYTES(VirtioBlk, held, held_len, VIRTQ_SAVED_MAX),
    SCRATCH(VirtioBlk, far),
    SCRATCH(VirtioBlk, kicked),
    SCRATCH(VirtioBlk, resting),
    SCRATCH(VirtioBlk, holding),
    SCRATCH(VirtioBlk, disk),
};

const DeviceType device_virtio_blk = {
    .name = "virtio-blk-device",
    .doc = "virtio disk",
    .base = &device_virtio,
    .size = sizeof(VirtioBlk),
    .fields = TABLE(vblk_fields),
    .user_creatable = true,
    .start = vblk_start,
    .stop = vblk_stop,
    .saving = vblk_saving,
    .boot_node = vblk_boot_node,
    .extra = &vblk_type,
};
