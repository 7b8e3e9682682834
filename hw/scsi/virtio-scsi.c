/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-scsi: a SCSI adapter whose requests carry their CDB and the memory of their data.
 * Spec: VIRTIO 1.2, "5.6 SCSI Host Device".
 */
#include "hw/scsi/scsi.h"

#include "core/cpu.h"
#include "core/event/ioloop.h"
#include "core/event/loop.h"
#include "hw/virtio/virtqueue.h"
#include "util/bytes.h"

#include <inttypes.h>

enum { CTRL_QUEUE, EVENT_QUEUE, FIRST_QUEUE };

enum {
    REQUEST_HEAD = 19,  /* before the CDB */
    RESPONSE_HEAD = 12, /* before the sense data */
    CDB_DEFAULT = 32,
    SENSE_DEFAULT = 96,
    SENSE_LIMIT = 252,
    EVENT_SIZE = 16,
    CONFIG_SIZE = 36,
    LUN_MAX = 16383,
};

#define F_INOUT   BIT(0)
#define F_HOTPLUG BIT(1)
#define F_CHANGE  BIT(2)

enum {
    S_OK = 0,
    S_OVERRUN = 1,
    S_ABORTED = 2,
    S_BAD_TARGET = 3,
    S_RESET = 4,
    S_FAILURE = 9,
    S_FUNCTION_SUCCEEDED = 10,
    S_FUNCTION_REJECTED = 11,
    S_INCORRECT_LUN = 12,
};

enum {
    TMF_ABORT_TASK,
    TMF_ABORT_TASK_SET,
    TMF_CLEAR_ACA,
    TMF_CLEAR_TASK_SET,
    TMF_I_T_NEXUS_RESET,
    TMF_LOGICAL_UNIT_RESET,
    TMF_QUERY_TASK,
    TMF_QUERY_TASK_SET,
};

#define EVENTS_MISSED BIT(31)
enum { EVENT_TRANSPORT_RESET = 1, EVENT_PARAM_CHANGE = 3, REASON_RESCAN = 1, REASON_REMOVED = 2 };

typedef struct VirtioScsi {
    VirtioDevice v;
    ScsiBus bus;
    void *iothread;
    IoLoop *far; /* the iothread's, which takes requests from their queues; NULL: who notifies */
    uint64_t kicked; /* atomic, a bit a queue: vscsi_kick is on its way to it */
    bool resting;    /* it takes none: the machine is stopped */
    uint32_t num_queues, cmd_per_lun, max_sectors;
    uint16_t virtqueue_size;
    bool hotplug, param_change;
    uint32_t sense_size, cdb_size; /* as the driver set them */
    uint8_t events_missed;
    /* Requests that a disk's error held when the state was saved: queue and head of each. */
    uint8_t *held;
    uint32_t held_len;
    bool resetting; /* what is cancelled now is so by a reset */
} VirtioScsi;

#define vscsi_of(v_) device_as((v_), VirtioScsi)

/* The function device is the adapter. */
static VirtioScsi *vscsi_of_bus(ScsiBus *bus)
{
    return vscsi_of(bus->dev);
}

static void vscsi_enter(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    virtio_enter(&vscsi_of_bus(bus)->v);
}

static void vscsi_leave(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    virtio_leave(&vscsi_of_bus(bus)->v);
}

static bool vscsi_entered(const ScsiBus *bus)
{
    return device_is_entered(bus->host);
}

/* ---- Ends of requests ---- */

/* Without a request that the bus has seen. */
static void vscsi_respond(VirtioScsi *s, VirtElem *e, uint8_t response)
{
    uint8_t head[RESPONSE_HEAD] = { [11] = response };
    unsigned q = e->queue;

    if (e->lifetime != s->v.lifetime) {
        virtq_drop(e);
        return;
    }
    virtq_write(e, 0, head, sizeof(head));
    virtq_push(&s->v, e, RESPONSE_HEAD + s->sense_size);
    virtq_notify(&s->v, q);
}

static void vscsi_complete(ScsiRequest *r)
{
    VirtioScsi *s = vscsi_of_bus(r->bus);
    uint8_t head[RESPONSE_HEAD + SCSI_SENSE_SIZE] = { 0 };
    uint32_t before = RESPONSE_HEAD + s->sense_size, sense;
    uint64_t in = r->direction == SCSI_DATA_IN ? r->done : 0;
    uint64_t room = r->direction == SCSI_DATA_OUT ? r->out_bytes : r->in_bytes;
    VirtElem *e = r->opaque;
    unsigned q = e->queue;

    if (e->lifetime != s->v.lifetime) {
        virtq_drop(e);
        scsi_request_unref(r);
        return;
    }
    sense = MIN(r->sense_len, s->sense_size);
    put_le32(head, sense);
    put_le32(head + 4, (uint32_t)min_u64(room - r->done, UINT32_MAX));
    head[10] = r->status;
    memcpy(head + RESPONSE_HEAD, r->sense, sense);
    virtq_write(e, 0, head, RESPONSE_HEAD + sense);
    if (in) {
        virtq_wrote(e, before, in);
    }
    virtq_push(&s->v, e, (uint32_t)min_u64(before + in, UINT32_MAX));
    virtq_notify(&s->v, q);
    scsi_request_unref(r);
}

static void vscsi_cancelled(ScsiRequest *r)
{
    VirtioScsi *s = vscsi_of_bus(r->bus);

    vscsi_respond(s, r->opaque, s->resetting ? S_RESET : S_ABORTED);
    scsi_request_unref(r);
}

static void vscsi_hold(ScsiRequest *r)
{
    VirtioScsi *s = vscsi_of_bus(r->bus);
    VirtElem *e = r->opaque;

    if (e->lifetime == s->v.lifetime) {
        virtq_save(&s->v, e, &s->held, &s->held_len, VIRTQ_SAVED_MAX);
    }
    virtq_drop(e);
    scsi_request_unref(r);
}

/* ---- Requests ---- */

/* "5.6.6.1": 1, the target, the unit as SAM's flat or simple address. */
static bool vscsi_address(const uint8_t *lun, unsigned *target, unsigned *unit)
{
    *target = lun[1];
    *unit = get_be16(lun + 2) & 0x3fff;
    return lun[0] == 1 && lun[2] < 0x80 && !get_be32(lun + 4);
}

static void vscsi_request(VirtioScsi *s, VirtElem *e)
{
    uint8_t head[REQUEST_HEAD + SCSI_CDB_MAX] = { 0 };
    uint64_t before_out = REQUEST_HEAD + s->cdb_size, before_in = RESPONSE_HEAD + s->sense_size;
    struct iovec out[VIRTQ_SEGMENTS_MAX], in[VIRTQ_SEGMENTS_MAX];
    unsigned target, unit, n_out, n_in;
    ScsiRequest *r = NULL;

    if (e->out_bytes < before_out || e->in_bytes < before_in) {
        virtio_error(&s->v, "a request of %" PRIu64 " bytes with a response of %" PRIu64,
                     e->out_bytes, e->in_bytes);
        virtq_drop(e);
        return;
    }
    virtq_read(e, 0, head, MIN(before_out, sizeof(head)));
    if (vscsi_address(head, &target, &unit)) {
        r = scsi_request_new(&s->bus, 0, target, unit, get_le64(head + 8), head + REQUEST_HEAD,
                             MIN(s->cdb_size, SCSI_CDB_MAX), e);
    }
    if (!r) {
        vscsi_respond(s, e, S_BAD_TARGET);
        return;
    }
    n_out = virtq_iov(e, false, before_out, e->out_bytes - before_out, out);
    n_in = virtq_iov(e, true, before_in, e->in_bytes - before_in, in);
    scsi_request_data(r, out, n_out, in, n_in);
    if ((n_out && n_in) || (r->direction == SCSI_DATA_IN && r->xfer > r->in_bytes) ||
        (r->direction == SCSI_DATA_OUT && r->xfer > r->out_bytes)) {
        vscsi_respond(s, e, n_out && n_in ? S_FAILURE : S_OVERRUN);
        scsi_request_unref(r);
        return;
    }
    scsi_request_submit(r);
}

static void vscsi_take(VirtioScsi *s, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(&s->v, q)) != NULL) {
        vscsi_request(s, e);
    }
}

/* ---- On an iothread ---- */

static bool vscsi_try_enter(void *opaque) NO_LOCK_ANALYSIS
{
    return device_try_enter(((ScsiBus *)opaque)->host);
}

static void vscsi_leave_far(void *opaque) NO_LOCK_ANALYSIS
{
    device_leave(((ScsiBus *)opaque)->host);
}

static const BlockMonitor vscsi_monitor = { vscsi_try_enter, vscsi_leave_far };

static void vscsi_kick(void *arg)
{
    VirtioScsi *s = arg;
    uint64_t queues;

    block_monitor_enter(&vscsi_monitor, &s->bus);
    queues = __atomic_exchange_n(&s->kicked, 0, __ATOMIC_SEQ_CST);
    for (; queues && !s->resting; queues &= queues - 1) {
        vscsi_take(s, (unsigned)__builtin_ctzll(queues));
    }
    vscsi_leave_far(&s->bus);
}

/* From now on the iothread takes requests, or none any more. */
static void vscsi_rest(VirtioScsi *s)
{
    device_enter(s->v.bus->dev);
    s->resting = true;
    device_leave(s->v.bus->dev);
}

/* Until no notification is on its way. */
static void vscsi_await_kick(void *arg)
{
    while (__atomic_load_n(&((VirtioScsi *)arg)->kicked, __ATOMIC_SEQ_CST)) {
        io_pause();
    }
}

static void vscsi_stopping(ScsiBus *bus)
{
    if (vscsi_of_bus(bus)->far) {
        vscsi_rest(vscsi_of_bus(bus));
    }
}

static void vscsi_resumed(ScsiBus *bus)
{
    VirtioScsi *s = vscsi_of_bus(bus);
    g_autofree uint8_t *held = g_memdup2(s->held, s->held_len);
    uint32_t len = s->held_len;

    s->held_len = 0;
    s->resting = false;
    for (uint32_t at = 0; at < len;) {
        VirtElem *e = virtq_load(&s->v, held, len, &at);

        if (e && e->queue >= FIRST_QUEUE) {
            vscsi_request(s, e);
        } else if (e) {
            virtq_drop(e);
        }
    }
    for (unsigned i = 0; s->far && i < s->num_queues; i++) {
        virtio_notify(&s->v, FIRST_QUEUE + i); /* it may have come while it rested */
    }
}

/* ---- Control ("5.6.6.2") ---- */

static uint8_t vscsi_tmf_task(VirtioScsi *s, ScsiDevice *d, uint32_t subtype, uint64_t tag)
{
    ScsiRequest *r = scsi_find_tag(d, tag);

    switch (subtype) {
    case TMF_ABORT_TASK:
        if (r) {
            scsi_request_cancel(r);
        }
        return S_OK;
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET:
        scsi_abort_all(d);
        return S_OK;
    case TMF_LOGICAL_UNIT_RESET:
        s->resetting = true;
        scsi_reset_unit(d);
        s->resetting = false;
        return S_OK;
    case TMF_QUERY_TASK:
        return r ? S_FUNCTION_SUCCEEDED : S_OK;
    case TMF_QUERY_TASK_SET:
        return d->requests ? S_FUNCTION_SUCCEEDED : S_OK;
    default:
        return S_FUNCTION_REJECTED;
    }
}

static uint8_t vscsi_tmf(VirtioScsi *s, const uint8_t *req)
{
    uint32_t subtype = get_le32(req + 4);
    unsigned target, unit;
    ScsiDevice *d;

    if (!vscsi_address(req + 8, &target, &unit) || !scsi_has_target(&s->bus, 0, target)) {
        return S_BAD_TARGET;
    }
    if (subtype == TMF_I_T_NEXUS_RESET) {
        s->resetting = true;
        scsi_reset_target(&s->bus, 0, target);
        s->resetting = false;
        return S_OK;
    }
    d = scsi_find(&s->bus, 0, target, unit);
    return d ? vscsi_tmf_task(s, d, subtype, get_le64(req + 16)) : S_INCORRECT_LUN;
}

static void vscsi_control(VirtioScsi *s, VirtElem *e)
{
    enum { TMF, AN_QUERY, AN_SUBSCRIBE, TMF_SIZE = 24, AN_SIZE = 16 };
    uint8_t req[TMF_SIZE] = { 0 }, resp[5] = { 0 };
    size_t len = virtq_read(e, 0, req, sizeof(req)), n = 1;
    uint32_t type = get_le32(req);

    if (len < (type == TMF ? TMF_SIZE : AN_SIZE) ||
        e->in_bytes < (type == TMF ? 1 : sizeof(resp)) || type > AN_SUBSCRIBE) {
        virtio_error(&s->v, "a control request of type %" PRIu32 " with %zu bytes", type, len);
        virtq_drop(e);
        return;
    }
    if (type == TMF) {
        resp[0] = vscsi_tmf(s, req);
    } else {
        n = sizeof(resp); /* no event of these is there */
        resp[4] = S_OK;
    }
    virtq_write(e, 0, resp, n);
    virtq_push(&s->v, e, (uint32_t)n);
}

/* ---- Events ("5.6.6.3") ---- */

static void vscsi_event(VirtioScsi *s, uint32_t event, const ScsiDevice *d, uint32_t reason)
{
    uint8_t buf[EVENT_SIZE] = { 0 };
    VirtElem *e;

    if (!virtio_is_running(&s->v)) {
        return;
    }
    e = virtq_pop(&s->v, EVENT_QUEUE);
    if (!e) {
        s->events_missed = 1;
        return;
    }
    if (e->in_bytes < EVENT_SIZE) {
        virtio_error(&s->v, "%" PRIu64 " bytes for an event", e->in_bytes);
        virtq_drop(e);
        return;
    }
    if (s->events_missed) {
        event |= (uint32_t)EVENTS_MISSED;
        s->events_missed = 0;
    }
    put_le32(buf, event);
    if (d) {
        buf[4] = 1;
        buf[5] = (uint8_t)d->scsi_id;
        /* As REPORT LUNS says it: drivers compare the bytes. */
        put_be16(buf + 6, (uint16_t)(d->lun < 256 ? d->lun : d->lun | 0x4000));
    }
    put_le32(buf + 12, reason);
    virtq_write(e, 0, buf, sizeof(buf));
    virtq_push(&s->v, e, sizeof(buf));
    virtq_notify(&s->v, EVENT_QUEUE);
}

static void vscsi_changed(ScsiBus *bus, ScsiDevice *d, ScsiChange change)
{
    enum { CAPACITY_SENSE = 0x2a | 0x09 << 8 };
    VirtioScsi *s = vscsi_of_bus(bus);

    if (change == SCSI_ATTACHED || change == SCSI_DETACHED) {
        if (virtio_has(&s->v, F_HOTPLUG)) {
            vscsi_event(s, EVENT_TRANSPORT_RESET, d,
                        change == SCSI_ATTACHED ? REASON_RESCAN : REASON_REMOVED);
        }
    } else if (change == SCSI_CAPACITY_CHANGED && virtio_has(&s->v, F_CHANGE)) {
        vscsi_event(s, EVENT_PARAM_CHANGE, d, CAPACITY_SENSE);
    }
}

static const ScsiBusOps vscsi_bus_ops = {
    .complete = vscsi_complete,
    .cancelled = vscsi_cancelled,
    .hold = vscsi_hold,
    .resumed = vscsi_resumed,
    .changed = vscsi_changed,
    .enter = vscsi_enter,
    .leave = vscsi_leave,
    .entered = vscsi_entered,
    .stopping = vscsi_stopping,
};

/* ---- The function ---- */

static void vscsi_notify(VirtioDevice *v, unsigned q)
{
    VirtioScsi *s = vscsi_of(v);
    VirtElem *e;

    if (q == EVENT_QUEUE) {
        if (s->events_missed) {
            vscsi_event(s, 0, NULL, 0);
        }
        return;
    }
    if (q == CTRL_QUEUE) {
        while ((e = virtq_pop(v, q)) != NULL) {
            vscsi_control(s, e);
        }
        virtq_notify(v, q);
    } else if (!s->far) {
        vscsi_take(s, q);
    } else if (!__atomic_fetch_or(&s->kicked, BIT(q), __ATOMIC_SEQ_CST)) {
        ioloop_post(s->far, vscsi_kick, s);
    }
}

static uint64_t vscsi_features(VirtioDevice *v)
{
    const VirtioScsi *s = vscsi_of(v);

    return (s->hotplug ? F_HOTPLUG : 0) | (s->param_change ? F_CHANGE : 0);
}

static void vscsi_config_read(VirtioDevice *v, uint8_t *config)
{
    const VirtioScsi *s = vscsi_of(v);

    put_le32(config, s->num_queues);
    put_le32(config + 4, s->virtqueue_size - 2u);
    put_le32(config + 8, s->max_sectors);
    put_le32(config + 12, s->cmd_per_lun);
    put_le32(config + 16, EVENT_SIZE);
    put_le32(config + 20, s->sense_size);
    put_le32(config + 24, s->cdb_size);
    put_le16(config + 28, 0);
    put_le16(config + 30, 255);
    put_le32(config + 32, LUN_MAX);
}

static void vscsi_config_wrote(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len)
{
    VirtioScsi *s = vscsi_of(v);
    uint32_t sense = get_le32(config + 20), cdb = get_le32(config + 24);

    if (sense > SENSE_LIMIT || cdb > SENSE_LIMIT) {
        guest_error(&v->dev, "sense_size %" PRIu32 ", cdb_size %" PRIu32, sense, cdb);
        return;
    }
    s->sense_size = sense;
    s->cdb_size = cdb;
}

static void vscsi_forget(VirtioDevice *v)
{
    VirtioScsi *s = vscsi_of(v);

    s->held_len = 0;
    s->events_missed = 0;
    s->sense_size = SENSE_DEFAULT;
    s->cdb_size = CDB_DEFAULT;
    if (s->bus.units) {
        scsi_reset_bus(&s->bus);
    }
}

static void vscsi_drain(VirtioDevice *v)
{
    scsi_bus_drain(&vscsi_of(v)->bus);
}

/* What is held becomes part of the state. */
static void vscsi_saving(Device *dev)
{
    VirtioScsi *s = vscsi_of(dev);

    virtio_drain(&s->v);
    s->v.draining = true;
    scsi_bus_hold(&s->bus);
    s->v.draining = false;
}

static bool vscsi_loaded(Device *dev, GError **err)
{
    VirtioScsi *s = vscsi_of(dev);

    if (s->sense_size > SENSE_LIMIT || s->cdb_size > SENSE_LIMIT) {
        return error_set(err, "%s: sense_size %" PRIu32 ", cdb_size %" PRIu32, device_path(dev),
                         s->sense_size, s->cdb_size);
    }
    return true;
}

static const VirtioType vscsi_type = {
    .id = 8,
    .features = vscsi_features,
    .config_size = CONFIG_SIZE,
    .config_read = vscsi_config_read,
    .config_wrote = vscsi_config_wrote,
    .notify = vscsi_notify,
    .reset = vscsi_forget,
    .drain = vscsi_drain,
};

/* On PCI the id that the user gave is the card's. */
static const char *vscsi_id(const Device *dev)
{
    while (dev->parent && dev->parent->type->inner == dev->type) {
        dev = dev->parent;
    }
    return dev->id;
}

static bool vscsi_start(Device *dev, GError **err)
{
    static const ScsiBusInfo info = { .max_target = 255, .max_lun = LUN_MAX, .autosense = true };
    VirtioScsi *s = vscsi_of(dev);

    if (!bits_is_pow2(s->virtqueue_size)) {
        return error_set(err, "virtqueue_size=%u: must be a power of 2", s->virtqueue_size);
    }
    if (s->num_queues == UINT32_MAX) { /* one a CPU, where each has an interrupt */
        unsigned cpus = s->v.bus ? machine_n_cpus(dev->machine) : 1;

        s->num_queues = CLAMP(cpus, 1, VIRTIO_QUEUES_MAX - FIRST_QUEUE);
    }
    if (!s->num_queues || s->num_queues > VIRTIO_QUEUES_MAX - FIRST_QUEUE) {
        return error_set(err, "num_queues=%u: must be 1 to %d", s->num_queues,
                         VIRTIO_QUEUES_MAX - FIRST_QUEUE);
    }
    for (unsigned i = 0; i < FIRST_QUEUE + s->num_queues; i++) {
        virtio_add_queue(&s->v, s->virtqueue_size);
    }
    if (!virtio_plug(&s->v, err) ||
        !scsi_bus_init(&s->bus, dev, vscsi_id(dev), &vscsi_bus_ops, &info, err)) {
        return false;
    }
    s->bus.host = s->v.bus->dev;
    if (s->iothread && !loop_is_ordered(dev->machine)) {
        block_iothread_use(s->iothread, true);
        s->far = block_iothread_loop(s->iothread);
        s->bus.iothread = s->iothread;
        s->bus.monitor = &vscsi_monitor;
    }
    return true;
}

static void vscsi_stop(Device *dev)
{
    VirtioScsi *s = vscsi_of(dev);

    if (s->far) { /* the last notification is let go of before the thread is */
        device_enter(s->v.bus->dev);
        s->resting = true;
        s->v.lifetime++; /* what ends now is dropped */
        device_leave(s->v.bus->dev);
        ioloop_run(s->far, vscsi_await_kick, s);
    } else {
        s->v.lifetime++;
        s->v.draining = true;
    }
    scsi_bus_deinit(&s->bus);
    if (s->far) {
        block_iothread_use(s->iothread, false);
    }
}

static const Field vscsi_fields[] = {
    PROP_BACKEND(VirtioScsi, iothread, "iothread", .doc = "an -object iothread for all its disks"),
    PROP_U32(VirtioScsi, num_queues, UINT32_MAX,
             .doc = "queues of requests; one a CPU without it (virtio-scsi-device: 1)"),
    PROP_U16(VirtioScsi, virtqueue_size, 256, .min = 4, .max = VIRTIO_QUEUE_SIZE_MAX,
             .doc = "entries of a queue"),
    PROP_U32(VirtioScsi, cmd_per_lun, 128, .doc = "requests of a unit that the driver is told"),
    PROP_U32(VirtioScsi, max_sectors, 0xffff, .doc = "of a request, that the driver is told"),
    PROP_BOOL(VirtioScsi, hotplug, true, .doc = "tell of units that come and go"),
    PROP_BOOL(VirtioScsi, param_change, true, .doc = "tell of units whose size changes"),
    STATE_U32(VirtioScsi, sense_size, .def = SENSE_DEFAULT, .no_reset = true),
    STATE_U32(VirtioScsi, cdb_size, .def = CDB_DEFAULT, .no_reset = true),
    STATE_U8(VirtioScsi, events_missed, .max = 1, .no_reset = true),
    STATE_BYTES(VirtioScsi, held, held_len, VIRTQ_SAVED_MAX),
    SCRATCH(VirtioScsi, bus),
    SCRATCH(VirtioScsi, far),
    SCRATCH(VirtioScsi, kicked),
    SCRATCH(VirtioScsi, resting),
    SCRATCH(VirtioScsi, resetting),
};

const DeviceType device_virtio_scsi = {
    .name = "virtio-scsi-device",
    .doc = "virtio SCSI adapter",
    .base = &device_virtio,
    .size = sizeof(VirtioScsi),
    .fields = TABLE(vscsi_fields),
    .user_creatable = true,
    .start = vscsi_start,
    .stop = vscsi_stop,
    .saving = vscsi_saving,
    .loaded = vscsi_loaded,
    .extra = &vscsi_type,
};
