/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/virtio/virtio.h"
#include "util/bytes.h"
#include "util/suggest.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- Where functions are plugged ---- */

/* The bus of number @want among all, or (NULL name) the last that is free. */
static VirtioBus *virtio_find_bus(Machine *m, const char *name, unsigned *n_buses)
{
    VirtioBus *found = NULL;

    *n_buses = 0;
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        VirtioBus *bus;
        g_autofree char *bus_name = NULL;

        if (!d->realized || !device_is_a(d, &device_virtio_mmio)) {
            continue;
        }
        bus = virtio_mmio_bus(d);
        bus_name = g_strdup_printf("virtio-mmio-bus.%u", (*n_buses)++);
        if (name ? !strcmp(name, bus_name) : !bus->vdev) {
            found = bus;
        }
    }
    return found;
}

void virtio_attach(VirtioBus *bus, Device *transport, const VirtioBusOps *ops, VirtioDevice *v)
{
    *bus = (VirtioBus){ .dev = transport, .ops = ops, .vdev = v };
    v->bus = bus;
}

bool virtio_plug(VirtioDevice *v, GError **err)
{
    unsigned n;
    VirtioBus *bus;

    if (v->bus) {
        return true; /* its transport has made it */
    }
    bus = virtio_find_bus(v->dev.machine, v->bus_name, &n);
    if (!n) {
        return error_set(err, "%s: this machine has no virtio bus", v->dev.type->name);
    }
    if (!bus && v->bus_name) {
        return error_set(err, "%s: no bus '%s': there are virtio-mmio-bus.0 to .%u",
                         v->dev.type->name, v->bus_name, n - 1);
    }
    if (!bus) {
        return error_set(err, "%s: all %u virtio buses are taken", v->dev.type->name, n);
    }
    if (bus->vdev) {
        return error_set(err, "%s: bus '%s' is taken by %s", v->dev.type->name, v->bus_name,
                         device_path(&bus->vdev->dev));
    }
    bus->vdev = v;
    v->bus = bus;
    return true;
}

static void virtio_ready(Device *dev)
{
    VirtioDevice *v = virtio_of(dev);

    if (v->bus && v->bus->ops->plugged) {
        v->bus->ops->plugged(v->bus);
    }
}

static void virtio_unplug(Device *dev)
{
    VirtioDevice *v = virtio_of(dev);

    if (v->bus) {
        v->bus->vdev = NULL;
        v->bus = NULL;
    }
}

void virtio_add_queue(VirtioDevice *v, unsigned size)
{
    CHECK(v->n_queues < VIRTIO_QUEUES_MAX && size <= VIRTIO_QUEUE_SIZE_MAX);
    v->vq[v->n_queues++].num_max = (uint16_t)size;
}

/* ---- Configuration ---- */

uint64_t virtio_host_features(VirtioDevice *v)
{
    uint64_t f = virtio_type(v)->features ? virtio_type(v)->features(v) : 0;

    f |= v->indirect_desc ? VIRTIO_F_INDIRECT_DESC : 0;
    f |= v->event_idx ? VIRTIO_F_EVENT_IDX : 0;
    if (v->bus->legacy) {
        return f | VIRTIO_F_ANY_LAYOUT;
    }
    return f | VIRTIO_F_VERSION_1 | (v->packed ? VIRTIO_F_RING_PACKED : 0);
}

void virtio_set_features(VirtioDevice *v, uint64_t features)
{
    uint64_t host = virtio_host_features(v);

    if (v->status & VIRTIO_STATUS_FEATURES_OK) {
        guest_error(&v->dev, "changes features that it has agreed to");
        return;
    }
    if (features & ~host) {
        guest_error(&v->dev, "takes features 0x%" PRIx64 " that were not offered",
                    features & ~host);
    }
    v->features = features & host;
}

uint64_t virtio_config_load(VirtioDevice *v, uint64_t off, unsigned size)
{
    const VirtioType *t = virtio_type(v);
    uint8_t config[VIRTIO_CONFIG_MAX + 8] = { 0 };

    if (!t->config_read || off >= t->config_size) {
        return 0;
    }
    t->config_read(v, config);
    return get_le(config + off, size);
}

void virtio_config_store(VirtioDevice *v, uint64_t off, unsigned size, uint64_t val)
{
    const VirtioType *t = virtio_type(v);
    uint8_t config[VIRTIO_CONFIG_MAX + 8] = { 0 };

    if (off >= t->config_size || size > t->config_size - off || !t->config_wrote) {
        guest_error(&v->dev, "writes configuration at 0x%" PRIx64, off);
        return;
    }
    t->config_read(v, config);
    put_le(config + off, size, val);
    t->config_wrote(v, config, (unsigned)off, size);
}

void virtio_config_changed(VirtioDevice *v)
{
    if (v->bus && (v->status & VIRTIO_STATUS_DRIVER_OK)) {
        v->bus->ops->config_interrupt(v->bus);
    }
}

/* ---- Life ---- */

void virtio_set_status(VirtioDevice *v, uint8_t status)
{
    if (!status) {
        virtio_reset(v);
        return;
    }
    if (!v->bus->legacy && (status & ~v->status & VIRTIO_STATUS_FEATURES_OK) &&
        !virtio_has(v, VIRTIO_F_VERSION_1)) {
        status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    v->status = status | (v->status & VIRTIO_STATUS_NEEDS_RESET);
    if (virtio_type(v)->status_changed) {
        virtio_type(v)->status_changed(v);
    }
}

bool virtio_size_is_valid(const VirtioDevice *v, const VirtQueue *q, uint64_t num)
{
    return num && num <= q->num_max && (virtio_has(v, VIRTIO_F_RING_PACKED) || bits_is_pow2(num));
}

void virtio_start_queue(VirtioDevice *v, VirtQueue *q)
{
    q->last_avail = q->used_idx = q->signalled = 0;
    q->signalled_valid = 0;
    q->avail_wrap = q->used_wrap = virtio_has(v, VIRTIO_F_RING_PACKED);
    q->batch = 0;
    q->ready = 1;
}

void virtio_notify(VirtioDevice *v, unsigned q)
{
    if (q >= v->n_queues) {
        guest_error(&v->dev, "notifies queue %u of %u", q, v->n_queues);
    } else if (virtio_is_running(v) && v->vq[q].ready && virtio_type(v)->notify) {
        virtio_type(v)->notify(v, q);
    }
}

void virtio_error(VirtioDevice *v, const char *fmt, ...)
{
    va_list ap;
    g_autofree char *text = NULL;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    guest_error(&v->dev, "%s", text);
    if (!v->broken) {
        v->broken = 1;
        if (virtio_has(v, VIRTIO_F_VERSION_1)) {
            v->status |= VIRTIO_STATUS_NEEDS_RESET;
            virtio_config_changed(v);
        }
    }
}

static void virtio_reset_queues(VirtioDevice *v)
{
    for (unsigned i = 0; i < v->n_queues; i++) {
        uint16_t max = v->vq[i].num_max;

        v->vq[i] = (VirtQueue){ .num_max = max, .num = max, .align = GUEST_PAGE_SIZE };
    }
}

void virtio_reset(VirtioDevice *v)
{
    v->lifetime++;
    if (virtio_type(v)->reset) {
        virtio_type(v)->reset(v);
    }
    v->status = 0;
    v->broken = 0;
    v->features = 0;
    virtio_reset_queues(v);
}

static void virtio_dev_reset_enter(Device *dev, ResetType type)
{
    virtio_of(dev)->lifetime++;
    if (virtio_type(virtio_of(dev))->reset) {
        virtio_type(virtio_of(dev))->reset(virtio_of(dev));
    }
}

static void virtio_dev_reset(Device *dev, ResetType type)
{
    virtio_reset_queues(virtio_of(dev));
}

void virtio_drain(VirtioDevice *v)
{
    if (virtio_type(v)->drain) {
        v->draining = true;
        virtio_type(v)->drain(v);
        v->draining = false;
    }
}

static void virtio_saving(Device *dev)
{
    virtio_drain(virtio_of(dev));
}

static bool virtio_loaded(Device *dev, GError **err)
{
    VirtioDevice *v = virtio_of(dev);

    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
        const VirtQueue *q = &v->vq[i];

        bool packed = virtio_has(v, VIRTIO_F_RING_PACKED);

        if (q->num > q->num_max || (q->ready && !packed && !bits_is_pow2(q->num))) {
            return error_set(err, "%s: queue %u has %u entries", device_path(dev), i, q->num);
        }
        if (q->ready && packed && (q->last_avail >= q->num || q->used_idx >= q->num)) {
            return error_set(err, "%s: packed queue %u of %u is at %u and %u", device_path(dev), i,
                             q->num, q->last_avail, q->used_idx);
        }
    }
    return true;
}

/* Also called while the device drains, under the lock already: callers pair it themselves. */
void virtio_enter(VirtioDevice *v) NO_LOCK_ANALYSIS
{
    if (!v->draining) {
        device_enter(v->bus->dev);
    }
}

void virtio_leave(VirtioDevice *v) NO_LOCK_ANALYSIS
{
    if (!v->draining) {
        device_leave(v->bus->dev);
    }
}

static const Field virtio_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, .at = offsetof(VirtioDevice, bus_name), .size = sizeof(char *),
      .doc = "virtio-mmio-bus.N; the last free one without it" },
    PROP_BOOL(VirtioDevice, indirect_desc, true, .doc = "offer indirect descriptors"),
    PROP_BOOL(VirtioDevice, event_idx, true, .doc = "offer event indices"),
    PROP_BOOL(VirtioDevice, packed, false, .doc = "offer packed rings"),
    STATE_U64(VirtioDevice, features),
    /* virtio-net has a property `status`. */
    { "device-status", FIELD_STATE, TYPE_U8, FIELD_AT(VirtioDevice, status, 1) },
    STATE_U8(VirtioDevice, broken, .max = 1),
    STATE_BANK(VirtioDevice, vq, num, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, ready, .max = 1, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, signalled_valid, .max = 1, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, avail_wrap, .max = 1, .no_reset = true, .optional = true),
    STATE_BANK(VirtioDevice, vq, used_wrap, .max = 1, .no_reset = true, .optional = true),
    STATE_BANK(VirtioDevice, vq, last_avail, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, used_idx, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, signalled, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, pfn, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, align, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, desc, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, avail, .no_reset = true),
    STATE_BANK(VirtioDevice, vq, used, .no_reset = true),
    SCRATCH(VirtioDevice, bus),
    SCRATCH(VirtioDevice, lifetime),
    SCRATCH(VirtioDevice, draining),
    SCRATCH(VirtioDevice, n_queues),
};

const DeviceType device_virtio = {
    .name = "virtio-device",
    .doc = "what every virtio function has",
    .size = sizeof(VirtioDevice),
    .fields = TABLE(virtio_fields),
    .ready = virtio_ready,
    .stop = virtio_unplug,
    .reset_enter = virtio_dev_reset_enter,
    .reset = virtio_dev_reset,
    .saving = virtio_saving,
    .loaded = virtio_loaded,
};
