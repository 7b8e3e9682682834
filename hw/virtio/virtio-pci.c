/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/virtio/virtio-pci.h"

#include "core/doorbell.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <linux/virtio_pci.h>

enum {
    ISR_QUEUE = 1,
    ISR_CONFIG = 2,
    NO_VECTOR = 0xffff,
    MSIX_BAR = 1,
    MODERN_BAR = 4,
    MODERN_BAR_SIZE = 0x4000,
    PART_SIZE = 0x1000, /* of the modern BAR: one each for common, ISR, device, notify */
    NOTIFY_EACH = 4,
    CFG_CAP_DATA = 16, /* of the capability that is a window */
    CFG_CAP_SIZE = 20,
    LEGACY_CONFIG = 0x14, /* 0x18 with MSI-X on */
    LEGACY_PAGE_BITS = 12,
    LEGACY_MODERN_ID = 0x1040,
};

#define vpci_of(dev_) device_as(dev_, VirtioPci)

static const VirtioPciType *vpci_type(const VirtioPci *s)
{
    return s->pci.dev.type->extra;
}

static VirtQueue *vpci_queue(VirtioPci *s)
{
    VirtioDevice *v = s->bus.vdev;

    return s->queue_select < v->n_queues ? &v->vq[s->queue_select] : NULL;
}

/* ---- Life of the function behind ---- */

static void vpci_forget(VirtioPci *s)
{
    s->isr = 0;
    s->config_vector = NO_VECTOR;
    for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
        s->queue_vector[i] = NO_VECTOR;
    }
    s->driver_feature[0] = s->driver_feature[1] = 0;
    s->device_feature_select = s->driver_feature_select = 0;
    s->queue_select = 0;
}

static void vpci_set_status(VirtioPci *s, uint8_t status, bool legacy)
{
    VirtioDevice *v = s->bus.vdev;

    /* Old drivers do not ask for DMA: Linux before 2.6.34. */
    if (legacy && status & VIRTIO_STATUS_DRIVER_OK && !pci_is_master(&s->pci)) {
        pci_config_write(&s->pci, PCI_COMMAND, 2,
                         pci_get16(&s->pci, PCI_COMMAND) | PCI_COMMAND_MASTER);
    }
    virtio_set_status(v, status);
    if (!status) {
        vpci_forget(s);
    }
}

/* What the function may reach is what the PCI function may. */
static void vpci_follow_master(VirtioPci *s)
{
    VirtioDevice *v = s->bus.vdev;

    v->dev.dma = s->pci.dev.dma;
    v->dev.requester = s->pci.dev.requester;
}

/* ---- The window in configuration space ("4.1.4.9") ---- */

/* What of the modern BAR it shows; false: nothing. */
static bool vpci_window(const VirtioPci *s, unsigned *region, uint64_t *off, unsigned *len)
{
    unsigned cap = s->cfg_cap;
    uint32_t at = pci_get32(&s->pci, cap + VIRTIO_PCI_CAP_OFFSET);

    *len = pci_get32(&s->pci, cap + VIRTIO_PCI_CAP_LENGTH);
    if (s->pci.config[cap + VIRTIO_PCI_CAP_BAR] != MODERN_BAR || at >= MODERN_BAR_SIZE ||
        (*len != 1 && *len != 2 && *len != 4) || at % *len) {
        return false;
    }
    *region = VPCI_COMMON + at / PART_SIZE;
    *off = at % PART_SIZE;
    return true;
}

static bool vpci_is_window(const VirtioPci *s, unsigned off, unsigned len)
{
    unsigned data = s->cfg_cap + CFG_CAP_DATA;

    return s->cfg_cap && off < data + 4 && data < off + len;
}

/* The bytes are read after this as any others. */
bool virtio_pci_config_read(PciDevice *p, unsigned off, unsigned len, uint32_t *val)
{
    VirtioPci *s = vpci_of(&p->dev);
    unsigned region, size;
    uint64_t at, v = 0;

    if (vpci_is_window(s, off, len) && vpci_window(s, &region, &at, &size)) {
        device_own_read(&p->dev, region, at, size, &v);
        put_le(p->config + s->cfg_cap + CFG_CAP_DATA, size, v);
    }
    return false;
}

void virtio_pci_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    VirtioPci *s = vpci_of(&p->dev);
    unsigned region, size;
    uint64_t at;

    vpci_follow_master(s);
    if (vpci_is_window(s, off, len) && vpci_window(s, &region, &at, &size)) {
        device_own_write(&p->dev, region, at, size,
                         get_le(p->config + s->cfg_cap + CFG_CAP_DATA, size));
    }
}

/* ---- Interrupts ---- */

static void vpci_interrupt(VirtioPci *s, uint16_t vector, uint8_t isr)
{
    s->isr |= isr;
    if (pci_msix_is_on(&s->pci) && vector != NO_VECTOR) {
        pci_msix_notify(&s->pci, vector);
    }
}

static void vpci_queue_interrupt(VirtioBus *bus, unsigned q)
{
    VirtioPci *s = vpci_of(bus->dev);

    vpci_interrupt(s, s->queue_vector[q], ISR_QUEUE);
}

static void vpci_config_interrupt(VirtioBus *bus)
{
    VirtioPci *s = vpci_of(bus->dev);

    s->config_generation++;
    vpci_interrupt(s, s->config_vector, ISR_CONFIG);
}

static const VirtioBusOps vpci_bus_ops = { vpci_queue_interrupt, vpci_config_interrupt };

static void vpci_settle(Device *dev)
{
    VirtioPci *s = vpci_of(dev);

    pci_set_intx(&s->pci, s->isr != 0);
    pci_settle(&s->pci);
}

static uint64_t vpci_isr_read(Device *dev)
{
    VirtioPci *s = vpci_of(dev);
    uint8_t isr = s->isr;

    s->isr = 0;
    return isr;
}

/* ---- Common configuration ("4.1.4.3") ---- */

static uint64_t vpci_features_read(Device *dev)
{
    VirtioPci *s = vpci_of(dev);
    uint64_t f = virtio_host_features(s->bus.vdev);

    return s->device_feature_select > 1 ? 0 : (uint32_t)(f >> (32 * s->device_feature_select));
}

static uint64_t vpci_driver_features_read(Device *dev)
{
    VirtioPci *s = vpci_of(dev);

    return s->driver_feature_select > 1 ? 0 : s->driver_feature[s->driver_feature_select];
}

static void vpci_driver_features_write(Device *dev, uint64_t val)
{
    VirtioPci *s = vpci_of(dev);

    if (s->driver_feature_select > 1) {
        return;
    }
    if (s->bus.vdev->status & VIRTIO_STATUS_FEATURES_OK) {
        guest_error(dev, "changes features after FEATURES_OK");
        return;
    }
    s->driver_feature[s->driver_feature_select] = (uint32_t)val;
    virtio_set_features(s->bus.vdev, s->driver_feature[0] | (uint64_t)s->driver_feature[1] << 32);
}

static uint64_t vpci_num_queues_read(Device *dev)
{
    return vpci_of(dev)->bus.vdev->n_queues;
}

static uint64_t vpci_status_read(Device *dev)
{
    return vpci_of(dev)->bus.vdev->status;
}

static void vpci_status_write(Device *dev, uint64_t val)
{
    vpci_set_status(vpci_of(dev), (uint8_t)val, false);
}

static uint64_t vpci_size_read(Device *dev)
{
    const VirtQueue *q = vpci_queue(vpci_of(dev));

    return q ? (q->num ? q->num : q->num_max) : 0;
}

static void vpci_size_write(Device *dev, uint64_t val)
{
    VirtQueue *q = vpci_queue(vpci_of(dev));

    if (!q || q->ready || !virtio_size_is_valid(vpci_of(dev)->bus.vdev, q, val)) {
        guest_error(dev, "sets the size of a queue to %" PRIu64, val);
        return;
    }
    q->num = (uint16_t)val;
}

static uint16_t vpci_take_vector(VirtioPci *s, uint64_t val)
{
    return val < s->pci.n_msix ? (uint16_t)val : NO_VECTOR;
}

static void vpci_config_vector_write(Device *dev, uint64_t val)
{
    vpci_of(dev)->config_vector = vpci_take_vector(vpci_of(dev), val);
}

static uint64_t vpci_vector_read(Device *dev)
{
    VirtioPci *s = vpci_of(dev);

    return vpci_queue(s) ? s->queue_vector[s->queue_select] : NO_VECTOR;
}

static void vpci_vector_write(Device *dev, uint64_t val)
{
    VirtioPci *s = vpci_of(dev);

    if (vpci_queue(s)) {
        s->queue_vector[s->queue_select] = vpci_take_vector(s, val);
    }
}

static uint64_t vpci_enable_read(Device *dev)
{
    const VirtQueue *q = vpci_queue(vpci_of(dev));

    return q ? q->ready : 0;
}

static void vpci_enable_write(Device *dev, uint64_t val)
{
    VirtQueue *q = vpci_queue(vpci_of(dev));

    if (!q || val != 1) {
        guest_error(dev, "writes %" PRIu64 " to queue_enable", val);
        return;
    }
    if (!q->ready) {
        virtio_start_queue(vpci_of(dev)->bus.vdev, q);
    }
}

static uint64_t vpci_notify_off_read(Device *dev)
{
    return vpci_of(dev)->queue_select;
}

static uint64_t vpci_addr_read(Device *dev, size_t member, unsigned shift)
{
    VirtQueue *q = vpci_queue(vpci_of(dev));

    return q ? (uint32_t)(*(uint64_t *)(void *)((uint8_t *)q + member) >> shift) : 0;
}

static void vpci_addr_write(Device *dev, uint64_t val, size_t member, unsigned shift)
{
    VirtQueue *q = vpci_queue(vpci_of(dev));
    uint64_t *addr;

    if (!q || q->ready) {
        guest_error(dev, "moves a queue that is %s", q ? "enabled" : "not there");
        return;
    }
    addr = (uint64_t *)(void *)((uint8_t *)q + member);
    *addr = bits_deposit(*addr, shift, 32, val);
}

#define VPCI_ADDR(name)                                            \
    static uint64_t vpci_##name##_lo_read(Device *dev)             \
    {                                                              \
        return vpci_addr_read(dev, offsetof(VirtQueue, name), 0);  \
    }                                                              \
    static uint64_t vpci_##name##_hi_read(Device *dev)             \
    {                                                              \
        return vpci_addr_read(dev, offsetof(VirtQueue, name), 32); \
    }                                                              \
    static void vpci_##name##_lo_write(Device *dev, uint64_t val)  \
    {                                                              \
        vpci_addr_write(dev, val, offsetof(VirtQueue, name), 0);   \
    }                                                              \
    static void vpci_##name##_hi_write(Device *dev, uint64_t val)  \
    {                                                              \
        vpci_addr_write(dev, val, offsetof(VirtQueue, name), 32);  \
    }
VPCI_ADDR(desc)
VPCI_ADDR(avail)
VPCI_ADDR(used)

#define VPCI_ADDR_REGS(off, label, name)                                \
    { off, label "_lo", .size = 4, .read = vpci_##name##_lo_read,       \
      .write = vpci_##name##_lo_write },                                \
    {                                                                   \
        off + 4, label "_hi", .size = 4, .read = vpci_##name##_hi_read, \
                              .write = vpci_##name##_hi_write           \
    }

static const Reg vpci_common_regs[] = {
    { 0x00, "device_feature_select", AT(VirtioPci, device_feature_select), .rw = ~0u },
    { 0x04, "device_feature", .size = 4, .read = vpci_features_read, .silent_write = true },
    { 0x08, "driver_feature_select", AT(VirtioPci, driver_feature_select), .rw = ~0u },
    { 0x0c, "driver_feature", .size = 4, .read = vpci_driver_features_read,
      .write = vpci_driver_features_write },
    { 0x10, "config_msix_vector", AT(VirtioPci, config_vector), .write = vpci_config_vector_write,
      .no_reset = true },
    { 0x12, "num_queues", .size = 2, .read = vpci_num_queues_read, .silent_write = true },
    { 0x14, "device_status", .size = 1, .read = vpci_status_read, .write = vpci_status_write },
    { 0x15, "config_generation", AT(VirtioPci, config_generation) },
    { 0x16, "queue_select", AT(VirtioPci, queue_select), .rw = 0xffff },
    { 0x18, "queue_size", .size = 2, .read = vpci_size_read, .write = vpci_size_write },
    { 0x1a, "queue_msix_vector", .size = 2, .read = vpci_vector_read, .write = vpci_vector_write },
    { 0x1c, "queue_enable", .size = 2, .read = vpci_enable_read, .write = vpci_enable_write },
    { 0x1e, "queue_notify_off", .size = 2, .read = vpci_notify_off_read, .silent_write = true },
    VPCI_ADDR_REGS(0x20, "queue_desc", desc),
    VPCI_ADDR_REGS(0x28, "queue_driver", avail),
    VPCI_ADDR_REGS(0x30, "queue_device", used),
};

static const Reg vpci_isr_regs[] = {
    { 0x00, "isr", AT(VirtioPci, isr), .read = vpci_isr_read, .silent_write = true,
      .no_reset = true },
};

static MemResult vpci_config_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    *val = virtio_config_load(vpci_of(dev)->bus.vdev, off, size);
    return MEM_OK;
}

static MemResult vpci_config_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    virtio_config_store(vpci_of(dev)->bus.vdev, off, size, val);
    return MEM_OK;
}

static MemResult vpci_notify_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static MemResult vpci_notify_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    virtio_notify(vpci_of(dev)->bus.vdev, (unsigned)(off / NOTIFY_EACH));
    return MEM_OK;
}

static void vpci_rung(Device *dev, unsigned n)
{
    virtio_notify(vpci_of(dev)->bus.vdev, n);
}

/* Queues' notifications are events: the guest need not wait until they are served. */
static void vpci_add_doorbells(VirtioPci *s)
{
    Device *dev = &s->pci.dev;

    for (unsigned q = 0; s->ioeventfd && q < s->bus.vdev->n_queues; q++) {
        if (s->modern) {
            doorbell_add(dev, VPCI_NOTIFY, (uint64_t)q * NOTIFY_EACH, 0, vpci_rung, q);
        }
        if (s->legacy) {
            doorbell_add_value(dev, VPCI_LEGACY, VIRTIO_PCI_QUEUE_NOTIFY, 2, q, vpci_rung, q);
        }
    }
}

/* ---- The legacy interface ("4.1.4.8"): ports of BAR 0 ---- */

static unsigned vpci_legacy_config_at(const VirtioPci *s)
{
    return pci_msix_is_on(&s->pci) ? LEGACY_CONFIG + 4 : LEGACY_CONFIG;
}

static uint32_t vpci_legacy_features(VirtioPci *s)
{
    return (uint32_t)(virtio_host_features(s->bus.vdev) | VIRTIO_F_ANY_LAYOUT);
}

static MemResult vpci_legacy_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t *val)
{
    VirtioPci *s = vpci_of(dev);
    VirtioDevice *v = s->bus.vdev;
    const VirtQueue *q = vpci_queue(s);

    *val = 0;
    if (off >= vpci_legacy_config_at(s)) {
        *val = virtio_config_load(v, off - vpci_legacy_config_at(s), size);
        return MEM_OK;
    }
    switch (off) {
    case VIRTIO_PCI_HOST_FEATURES:
        *val = vpci_legacy_features(s);
        break;
    case VIRTIO_PCI_GUEST_FEATURES:
        *val = (uint32_t)v->features;
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        *val = q ? q->pfn : 0;
        break;
    case VIRTIO_PCI_QUEUE_NUM:
        *val = q ? q->num_max : 0;
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        *val = s->queue_select;
        break;
    case VIRTIO_PCI_STATUS:
        *val = v->status;
        break;
    case VIRTIO_PCI_ISR:
        *val = vpci_isr_read(dev);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        *val = s->config_vector;
        break;
    case VIRTIO_MSI_QUEUE_VECTOR:
        *val = vpci_vector_read(dev);
        break;
    default:
        break;
    }
    return MEM_OK;
}

/* The three parts of the ring lie behind one another. */
static void vpci_legacy_pfn(VirtioPci *s, uint32_t pfn)
{
    VirtQueue *q = vpci_queue(s);

    if (!pfn) {
        vpci_set_status(s, 0, true);
        return;
    }
    if (q) {
        q->pfn = pfn;
        q->num = q->num_max;
        q->desc = (uint64_t)pfn << LEGACY_PAGE_BITS;
        q->avail = q->desc + 16ull * q->num;
        q->used = bits_align_up(q->avail + 6 + 2ull * q->num, 1 << LEGACY_PAGE_BITS);
        virtio_start_queue(s->bus.vdev, q);
    }
}

static MemResult vpci_legacy_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    VirtioPci *s = vpci_of(dev);
    VirtioDevice *v = s->bus.vdev;

    if (off >= vpci_legacy_config_at(s)) {
        virtio_config_store(v, off - vpci_legacy_config_at(s), size, val);
        return MEM_OK;
    }
    switch (off) {
    case VIRTIO_PCI_GUEST_FEATURES:
        virtio_set_features(v, (uint32_t)val & virtio_host_features(v));
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        vpci_legacy_pfn(s, (uint32_t)val);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        s->queue_select = (uint16_t)val;
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        virtio_notify(v, (unsigned)(val & 0xffff));
        break;
    case VIRTIO_PCI_STATUS:
        vpci_set_status(s, (uint8_t)val, true);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        s->config_vector = vpci_take_vector(s, val);
        break;
    case VIRTIO_MSI_QUEUE_VECTOR:
        vpci_vector_write(dev, val);
        break;
    default:
        guest_error(dev, "writes port 0x%" PRIx64, off);
        break;
    }
    return MEM_OK;
}

const RegionType virtio_pci_regions[] = {
    [VPCI_LEGACY] = { .name = "legacy",
                      .read = vpci_legacy_read,
                      .write = vpci_legacy_write,
                      .access_max = 4 },
    [VPCI_MSIX] = PCI_MSIX_REGION,
    [VPCI_COMMON] = { .name = "common", .size = PART_SIZE, .regs = TABLE(vpci_common_regs) },
    [VPCI_ISR] = { .name = "isr", .size = PART_SIZE, .regs = TABLE(vpci_isr_regs) },
    [VPCI_CONFIG] = { .name = "device",
                      .size = PART_SIZE,
                      .read = vpci_config_read,
                      .write = vpci_config_write },
    [VPCI_NOTIFY] = { .name = "notify",
                      .size = PART_SIZE,
                      .read = vpci_notify_read,
                      .write = vpci_notify_write },
};

/* ---- Making ---- */

static void vpci_add_part(VirtioPci *s, MemRegion *bar, unsigned kind, unsigned region, unsigned n,
                          unsigned cap_size)
{
    unsigned cap = pci_add_cap(&s->pci, PCI_CAP_ID_VNDR, 0, cap_size);
    Device *dev = &s->pci.dev;

    pci_set8(&s->pci, cap + VIRTIO_PCI_CAP_LEN, (uint8_t)cap_size);
    pci_set8(&s->pci, cap + VIRTIO_PCI_CAP_CFG_TYPE, (uint8_t)kind);
    pci_set8(&s->pci, cap + VIRTIO_PCI_CAP_BAR, MODERN_BAR);
    pci_set32(&s->pci, cap + VIRTIO_PCI_CAP_OFFSET, n * PART_SIZE);
    pci_set32(&s->pci, cap + VIRTIO_PCI_CAP_LENGTH, PART_SIZE);
    if (kind == VIRTIO_PCI_CAP_NOTIFY_CFG) {
        pci_set32(&s->pci, cap + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_EACH);
    }
    device_set_region_size(dev, region, PART_SIZE);
    region_add(bar, device_region(dev, region), n * PART_SIZE, 0);
}

/* The driver says which bytes of the BAR the last four show. */
static void vpci_add_window(VirtioPci *s)
{
    PciDevice *p = &s->pci;
    unsigned cap = pci_add_cap(p, PCI_CAP_ID_VNDR, 0, CFG_CAP_SIZE);

    s->cfg_cap = (uint16_t)cap;
    pci_set8(p, cap + VIRTIO_PCI_CAP_LEN, CFG_CAP_SIZE);
    pci_set8(p, cap + VIRTIO_PCI_CAP_CFG_TYPE, VIRTIO_PCI_CAP_PCI_CFG);
    pci_writable(p, cap + VIRTIO_PCI_CAP_BAR, 1, 0xff);
    pci_writable(p, cap + VIRTIO_PCI_CAP_OFFSET, 4, ~0u);
    pci_writable(p, cap + VIRTIO_PCI_CAP_LENGTH, 4, ~0u);
    pci_writable(p, cap + CFG_CAP_DATA, 4, ~0u);
}

static void vpci_add_modern(VirtioPci *s)
{
    g_autofree char *name = g_strconcat(s->pci.dev.id, ".modern", NULL);
    MemRegion *bar = region_new_container(s->pci.dev.machine, name, MODERN_BAR_SIZE);
    enum { CAP = 16, NOTIFY_CAP = 20 };

    pci_add_bar(&s->pci, MODERN_BAR, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
                bar, MODERN_BAR_SIZE);
    vpci_add_part(s, bar, VIRTIO_PCI_CAP_COMMON_CFG, VPCI_COMMON, 0, CAP);
    vpci_add_part(s, bar, VIRTIO_PCI_CAP_ISR_CFG, VPCI_ISR, 1, CAP);
    vpci_add_part(s, bar, VIRTIO_PCI_CAP_DEVICE_CFG, VPCI_CONFIG, 2, CAP);
    vpci_add_part(s, bar, VIRTIO_PCI_CAP_NOTIFY_CFG, VPCI_NOTIFY, 3, NOTIFY_CAP);
    vpci_add_window(s);
}

static void vpci_add_legacy(VirtioPci *s, const VirtioType *t)
{
    uint64_t size = 4;

    while (size < LEGACY_CONFIG + 4 + t->config_size) {
        size *= 2;
    }
    pci_add_bar_region(&s->pci, 0, PCI_BASE_ADDRESS_SPACE_IO, VPCI_LEGACY, size);
}

static void vpci_set_ids(VirtioPci *s, const VirtioType *t)
{
    if (s->legacy) {
        pci_set16(&s->pci, PCI_DEVICE_ID, vpci_type(s)->transitional_id);
        pci_set16(&s->pci, PCI_SUBSYSTEM_ID, (uint16_t)t->id);
    } else {
        pci_set16(&s->pci, PCI_DEVICE_ID, (uint16_t)(LEGACY_MODERN_ID + t->id));
        pci_set8(&s->pci, PCI_REVISION_ID, 1);
    }
}

static bool vpci_choose_interfaces(VirtioPci *s, bool port, GError **err)
{
    enum { OFF, ON, AUTO };
    unsigned kind = vpci_type(s)->kind;

    s->legacy = kind == VIRTIO_PCI_TRANSITIONAL ||
                (kind == VIRTIO_PCI_AUTO &&
                 (s->disable_legacy == OFF || (s->disable_legacy == AUTO && !port)));
    s->modern = !s->disable_modern || kind != VIRTIO_PCI_AUTO;
    return s->legacy || s->modern ||
           error_set(err, "disable-legacy=on and disable-modern=on leave no interface");
}

bool virtio_pci_start(Device *dev, GError **err)
{
    VirtioPci *s = vpci_of(dev);
    VirtioDevice *v = virtio_of(dev->first_child);
    const VirtioType *t = virtio_type(v);
    bool port;
    unsigned vectors;

    if (!pci_plug(&s->pci, err)) {
        return false;
    }
    port = s->pci.bus->express && s->pci.bus->bridge;
    if (!vpci_choose_interfaces(s, port, err)) {
        return false;
    }
    virtio_attach(&s->bus, dev, &vpci_bus_ops, v);
    s->bus.legacy = !s->modern;
    vpci_follow_master(s);
    if (!device_realize(&v->dev, err)) {
        return false;
    }
    vpci_set_ids(s, t);
    if (s->legacy) {
        vpci_add_legacy(s, t);
    }
    vectors = s->vectors != UINT32_MAX ? s->vectors
              : vpci_type(s)->vectors  ? vpci_type(s)->vectors
                                       : v->n_queues + 1;
    if (vectors) {
        pci_add_msix_bar(&s->pci, vectors, MSIX_BAR, VPCI_MSIX);
    }
    if (s->modern) {
        vpci_add_modern(s);
    }
    vpci_add_doorbells(s);
    if (port) {
        pci_add_pm(&s->pci);
        pcie_add_cap(&s->pci, PCI_EXP_TYPE_ENDPOINT, 0);
        if (s->aer) {
            pcie_add_aer(&s->pci);
        }
    }
    return true;
}

static void vpci_reset(Device *dev, ResetType type)
{
    vpci_forget(vpci_of(dev));
    vpci_follow_master(vpci_of(dev));
}

/* Requests that end now raise interrupts here. */
static void vpci_saving(Device *dev)
{
    virtio_drain(vpci_of(dev)->bus.vdev);
    vpci_settle(dev);
}

static bool vpci_loaded(Device *dev, GError **err)
{
    vpci_follow_master(vpci_of(dev));
    return true;
}

static const char *const vpci_on_off_auto[] = { "off", "on", "auto", NULL };

static const Field vpci_fields[] = {
    { "disable-legacy", FIELD_PROP, TYPE_ENUM, FIELD_AT(VirtioPci, disable_legacy, 4),
      .names = vpci_on_off_auto, .def = 2,
      .doc = "no interface of before VIRTIO 1.0; auto: behind "
             "a port" },
    { "disable-modern", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioPci, disable_modern, 1),
      .doc = "no interface of VIRTIO 1.0" },
    { "vectors", FIELD_PROP, TYPE_U32, FIELD_AT(VirtioPci, vectors, 4), .def = UINT32_MAX,
      .doc = "MSI-X vectors; 0: none; one a queue and one without it" },
    { "ats", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioPci, ats, 1), .doc = "accepted" },
    { "aer", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioPci, aer, 1),
      .doc = "advanced error reporting, behind a port" },
    { "page-per-vq", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioPci, page_per_vq, 1),
      .doc = "accepted" },
    PROP_BOOL(VirtioPci, ioeventfd, true,
              .doc = "where the host's kernel can, it takes notifications and the guest goes on"),
    STATE_ARRAY(VirtioPci, driver_feature, .no_reset = true),
    STATE_ARRAY(VirtioPci, queue_vector, .no_reset = true),
    SCRATCH(VirtioPci, bus),
    SCRATCH(VirtioPci, legacy),
    SCRATCH(VirtioPci, modern),
    SCRATCH(VirtioPci, cfg_cap),
};

const DeviceType device_virtio_pci = {
    .name = "virtio-pci",
    .doc = "what every virtio function on PCI has",
    .base = &device_pci,
    .size = sizeof(VirtioPci),
    .regions = virtio_pci_regions,
    .n_regions = VPCI_REGIONS,
    .fields = TABLE(vpci_fields),
    .reset = vpci_reset,
    .settle = vpci_settle,
    .saving = vpci_saving,
    .loaded = vpci_loaded,
};
