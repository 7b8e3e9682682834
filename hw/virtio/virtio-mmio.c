/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-mmio: a virtio transport of memory-mapped registers and one interrupt.
 * Spec: VIRTIO 1.2, "4.2 Virtio Over MMIO", "4.2.4 Legacy interface".
 */
#include "hw/virtio/virtio.h"

#include "core/doorbell.h"

#include <inttypes.h>

enum {
    MMIO_MAGIC = 0x74726976,  /* "virt" */
    MMIO_VENDOR = 0x554d4551, /* what drivers of this machine find elsewhere */
    MMIO_QUEUE_NOTIFY = 0x50,
    MMIO_CONFIG = 0x100,
    ISR_QUEUE = 1,
    ISR_CONFIG = 2,
    LEGACY_NUM_ALIGN_MAX = 1 << 20,
};

typedef struct VirtioMmio {
    Device dev;
    VirtioBus bus;
    bool force_legacy, ioeventfd;
    uint32_t host_features_sel, guest_features_sel, queue_sel, isr;
    uint32_t guest_features[2];
    uint32_t guest_page_size;
    uint32_t config_generation;
    Irq irq;
} VirtioMmio;

static VirtioDevice *vmmio_function(VirtioMmio *s)
{
    return s->bus.vdev;
}

/* The selected queue, or NULL. */
static VirtQueue *vmmio_queue(VirtioMmio *s)
{
    VirtioDevice *v = s->bus.vdev;

    return v && s->queue_sel < v->n_queues ? &v->vq[s->queue_sel] : NULL;
}

/* Registers of the other interface are not there. */
static bool vmmio_is(VirtioMmio *s, bool legacy, const char *reg)
{
    if (s->force_legacy != legacy) {
        guest_error(&s->dev, "writes %s of the %s interface", reg, legacy ? "legacy" : "modern");
        return false;
    }
    return s->bus.vdev != NULL;
}

static uint64_t vmmio_magic_read(Device *dev)
{
    return MMIO_MAGIC;
}

static uint64_t vmmio_version_read(Device *dev)
{
    return device_as(dev, VirtioMmio)->force_legacy ? 1 : 2;
}

static uint64_t vmmio_device_id_read(Device *dev)
{
    VirtioDevice *v = vmmio_function(device_as(dev, VirtioMmio));

    return v ? virtio_type(v)->id : 0;
}

static uint64_t vmmio_vendor_read(Device *dev)
{
    return MMIO_VENDOR;
}

static uint64_t vmmio_features_read(Device *dev)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);
    uint64_t f = s->bus.vdev ? virtio_host_features(s->bus.vdev) : 0;

    if (s->host_features_sel > (s->force_legacy ? 0 : 1)) {
        return 0;
    }
    return (uint32_t)(f >> (32 * s->host_features_sel));
}

static void vmmio_features_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    if (!s->bus.vdev || s->guest_features_sel > 1) {
        return;
    }
    if (s->bus.vdev->status & VIRTIO_STATUS_FEATURES_OK) {
        guest_error(dev, "changes features after FEATURES_OK");
        return;
    }
    s->guest_features[s->guest_features_sel] = (uint32_t)val;
    virtio_set_features(s->bus.vdev, s->guest_features[0] | (uint64_t)s->guest_features[1] << 32);
}

static uint64_t vmmio_num_max_read(Device *dev)
{
    const VirtQueue *q = vmmio_queue(device_as(dev, VirtioMmio));

    return q ? q->num_max : 0;
}

static void vmmio_num_write(Device *dev, uint64_t val)
{
    VirtQueue *q = vmmio_queue(device_as(dev, VirtioMmio));

    if (!q || q->ready || !virtio_size_is_valid(device_as(dev, VirtioMmio)->bus.vdev, q, val)) {
        guest_error(dev, "sets the size of a queue to %" PRIu64, val);
        return;
    }
    q->num = (uint16_t)val;
}

static void vmmio_page_size_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    if (!bits_is_pow2(val)) {
        guest_error(dev, "sets the page size to %" PRIu64, val);
        return;
    }
    s->guest_page_size = (uint32_t)val;
}

static void vmmio_align_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);
    VirtQueue *q = vmmio_queue(s);

    if (!vmmio_is(s, true, "QueueAlign") || !q) {
        return;
    }
    if (!bits_is_pow2(val) || val > LEGACY_NUM_ALIGN_MAX) {
        guest_error(dev, "aligns a queue to %" PRIu64, val);
        return;
    }
    q->align = (uint32_t)val;
}

static uint64_t vmmio_pfn_read(Device *dev)
{
    const VirtQueue *q = vmmio_queue(device_as(dev, VirtioMmio));

    return q ? q->pfn : 0;
}

/* Legacy: the three parts of a ring lie behind one another. */
static void vmmio_pfn_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);
    VirtQueue *q = vmmio_queue(s);

    if (!vmmio_is(s, true, "QueuePFN") || !q) {
        return;
    }
    if (!val) {
        virtio_reset(s->bus.vdev);
        return;
    }
    q->pfn = (uint32_t)val;
    q->desc = val * s->guest_page_size;
    q->avail = q->desc + 16ull * q->num;
    q->used = bits_align_up(q->avail + 6 + 2ull * q->num, q->align);
    q->ready = 1;
}

static uint64_t vmmio_ready_read(Device *dev)
{
    const VirtQueue *q = vmmio_queue(device_as(dev, VirtioMmio));

    return q ? q->ready : 0;
}

static void vmmio_ready_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);
    VirtQueue *q = vmmio_queue(s);

    if (!vmmio_is(s, false, "QueueReady") || !q) {
        return;
    }
    if (val & 1 & ~q->ready) {
        virtio_start_queue(s->bus.vdev, q);
    }
    q->ready = val & 1;
}

static void vmmio_addr_write(Device *dev, unsigned n, uint64_t val, size_t member, const char *reg)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);
    VirtQueue *q = vmmio_queue(s);
    uint64_t *addr;

    if (!vmmio_is(s, false, reg) || !q) {
        return;
    }
    if (q->ready) {
        guest_error(dev, "moves a queue that is ready");
        return;
    }
    addr = (uint64_t *)(void *)((uint8_t *)q + member);
    *addr = bits_deposit(*addr, 32 * n, 32, val);
}

static void vmmio_desc_write(Device *dev, unsigned n, uint64_t val)
{
    vmmio_addr_write(dev, n, val, offsetof(VirtQueue, desc), "QueueDesc");
}

static void vmmio_avail_write(Device *dev, unsigned n, uint64_t val)
{
    vmmio_addr_write(dev, n, val, offsetof(VirtQueue, avail), "QueueDriver");
}

static void vmmio_used_write(Device *dev, unsigned n, uint64_t val)
{
    vmmio_addr_write(dev, n, val, offsetof(VirtQueue, used), "QueueDevice");
}

static void vmmio_notify_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    if (s->bus.vdev) {
        virtio_notify(s->bus.vdev, (unsigned)val);
    }
}

static void vmmio_rung(Device *dev, unsigned n)
{
    vmmio_notify_write(dev, n);
}

/* A function was plugged in: its notifications are events. */
static void vmmio_plugged(VirtioBus *bus)
{
    VirtioMmio *s = device_as(bus->dev, VirtioMmio);

    for (unsigned q = 0; s->ioeventfd && q < bus->vdev->n_queues; q++) {
        doorbell_add_value(bus->dev, 0, MMIO_QUEUE_NOTIFY, 4, q, vmmio_rung, q);
    }
}

static void vmmio_ack_write(Device *dev, uint64_t val)
{
    device_as(dev, VirtioMmio)->isr &= (uint32_t)~val;
}

static uint64_t vmmio_status_read(Device *dev)
{
    VirtioDevice *v = vmmio_function(device_as(dev, VirtioMmio));

    return v ? v->status : 0;
}

/* Drivers set the legacy page size once, before they reset the device by its status. */
static void vmmio_forget(VirtioMmio *s)
{
    s->host_features_sel = s->guest_features_sel = s->queue_sel = s->isr = 0;
    s->guest_features[0] = s->guest_features[1] = 0;
}

static void vmmio_status_write(Device *dev, uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    if (!s->bus.vdev) {
        return;
    }
    virtio_set_status(s->bus.vdev, (uint8_t)val);
    if (!(uint8_t)val) {
        vmmio_forget(s);
    }
}

static uint64_t vmmio_no_shm_read(Device *dev, unsigned n)
{
    return UINT32_MAX;
}

static const Reg vmmio_regs[] = {
    { 0x000, "MagicValue", .read = vmmio_magic_read, .doc = "\"virt\"" },
    { 0x004, "Version", .read = vmmio_version_read, .doc = "1: legacy; 2: modern" },
    { 0x008, "DeviceID", .read = vmmio_device_id_read, .doc = "0: nothing is plugged in" },
    { 0x00c, "VendorID", .read = vmmio_vendor_read },
    { 0x010, "DeviceFeatures", .read = vmmio_features_read },
    { 0x014, "DeviceFeaturesSel", AT(VirtioMmio, host_features_sel), .rw = UINT32_MAX },
    { 0x020, "DriverFeatures", .write = vmmio_features_write },
    { 0x024, "DriverFeaturesSel", AT(VirtioMmio, guest_features_sel), .rw = UINT32_MAX },
    { 0x028, "GuestPageSize", .write = vmmio_page_size_write, .doc = "legacy" },
    { 0x030, "QueueSel", AT(VirtioMmio, queue_sel), .rw = UINT32_MAX },
    { 0x034, "QueueNumMax", .read = vmmio_num_max_read },
    { 0x038, "QueueNum", .write = vmmio_num_write },
    { 0x03c, "QueueAlign", .write = vmmio_align_write, .doc = "legacy" },
    { 0x040, "QueuePFN", .read = vmmio_pfn_read, .write = vmmio_pfn_write, .doc = "legacy" },
    { 0x044, "QueueReady", .read = vmmio_ready_read, .write = vmmio_ready_write },
    { MMIO_QUEUE_NOTIFY, "QueueNotify", .write = vmmio_notify_write },
    { 0x060, "InterruptStatus", AT(VirtioMmio, isr), .silent_write = true },
    { 0x064, "InterruptACK", .write = vmmio_ack_write },
    { 0x070, "Status", .read = vmmio_status_read, .write = vmmio_status_write },
    { 0x080, "QueueDesc", .count = 2, .stride = 4, .write_n = vmmio_desc_write },
    { 0x090, "QueueDriver", .count = 2, .stride = 4, .write_n = vmmio_avail_write },
    { 0x0a0, "QueueDevice", .count = 2, .stride = 4, .write_n = vmmio_used_write },
    { 0x0b0, "SHMLen", .count = 2, .stride = 4, .read_n = vmmio_no_shm_read,
      .doc = "no shared memory" },
    { 0x0b8, "SHMBase", .count = 2, .stride = 4, .read_n = vmmio_no_shm_read },
    { 0x0fc, "ConfigGeneration", AT(VirtioMmio, config_generation) },
};

static MemResult vmmio_config_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t *val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    *val = 0;
    if (s->bus.vdev && off >= MMIO_CONFIG) {
        *val = virtio_config_load(s->bus.vdev, off - MMIO_CONFIG, size);
    }
    return MEM_OK;
}

static MemResult vmmio_config_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t val)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    if (s->bus.vdev && off >= MMIO_CONFIG) {
        virtio_config_store(s->bus.vdev, off - MMIO_CONFIG, size, val);
    }
    return MEM_OK;
}

static void vmmio_queue_interrupt(VirtioBus *bus, unsigned q)
{
    device_as(bus->dev, VirtioMmio)->isr |= ISR_QUEUE;
}

static void vmmio_config_interrupt(VirtioBus *bus)
{
    VirtioMmio *s = device_as(bus->dev, VirtioMmio);

    s->isr |= ISR_CONFIG;
    s->config_generation++;
}

static const VirtioBusOps vmmio_bus_ops = {
    .queue_interrupt = vmmio_queue_interrupt,
    .config_interrupt = vmmio_config_interrupt,
    .plugged = vmmio_plugged,
};

VirtioBus *virtio_mmio_bus(Device *dev)
{
    return &device_as(dev, VirtioMmio)->bus;
}

static bool vmmio_start(Device *dev, GError **err)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    s->bus.dev = dev;
    s->bus.ops = &vmmio_bus_ops;
    s->bus.legacy = s->force_legacy;
    return true;
}

static void vmmio_settle(Device *dev)
{
    VirtioMmio *s = device_as(dev, VirtioMmio);

    irq_set(&s->irq, s->isr != 0);
}

/* Requests that end now raise interrupts here. */
static void vmmio_saving(Device *dev)
{
    if (device_as(dev, VirtioMmio)->bus.vdev) {
        virtio_drain(device_as(dev, VirtioMmio)->bus.vdev);
        vmmio_settle(dev);
    }
}

static const Field vmmio_fields[] = {
    { "force-legacy", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioMmio, force_legacy, 1), .def = true,
      .doc = "the interface of before VIRTIO 1.0" },
    PROP_BOOL(VirtioMmio, ioeventfd, true,
              .doc = "where the host's kernel can, it takes notifications and the guest goes on"),
    STATE_ARRAY(VirtioMmio, guest_features),
    STATE_U32(VirtioMmio, guest_page_size),
    PIN_OUT(VirtioMmio, irq),
    SCRATCH(VirtioMmio, bus),
};

const DeviceType device_virtio_mmio = {
    .name = "virtio-mmio",
    .doc = "virtio transport with memory-mapped registers",
    .size = sizeof(VirtioMmio),
    .mmio_size = 0x200,
    .regs = TABLE(vmmio_regs),
    .read = vmmio_config_read,
    .write = vmmio_config_write,
    .fields = TABLE(vmmio_fields),
    .start = vmmio_start,
    .settle = vmmio_settle,
    .saving = vmmio_saving,
};
