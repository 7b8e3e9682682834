/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio: the function (a disk, a console) and its transport (MMIO) are two devices in one
 * monitor: the transport's. Whatever calls a VirtioType function, and the function's own
 * completions (virtio_enter), holds the transport's lock.
 * Spec: "Virtual I/O Device (VIRTIO) Version 1.2", chapters 2 to 5; legacy parts included.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include "core/device.h"

enum {
    VIRTIO_QUEUES_MAX = 64,
    VIRTIO_QUEUE_SIZE_MAX = 1024,
    VIRTIO_CONFIG_MAX = 256,
};

enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

#define VIRTIO_F_ANY_LAYOUT    BIT(27)
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
#define VIRTIO_F_RING_PACKED   BIT(34)

typedef struct VirtioDevice VirtioDevice;
typedef struct VirtioBus VirtioBus;

/* A queue as the driver has set it up. The addresses are checked at each use. */
typedef struct VirtQueue {
    uint16_t num_max; /* constant; 0: there is no such queue */
    uint16_t num;
    uint8_t ready;
    uint8_t signalled_valid;       /* `signalled` holds the used index of the last interrupt */
    uint8_t avail_wrap, used_wrap; /* packed: counters of wraps, 0 or 1 */
    uint16_t last_avail, used_idx, signalled; /* split: free running; packed: places in the ring */
    uint32_t pfn, align;                      /* legacy */
    uint64_t desc;                            /* the table; the packed ring */
    uint64_t avail, used; /* the rings; packed: event suppression of the driver and of ours */
    /* packed, from virtq_fill to virtq_flush: descriptors filled, and flags of the first */
    uint32_t batch;
    uint16_t batch_flags;
} VirtQueue;

/* What a function is: DeviceType.extra of a type whose base is device_virtio. */
typedef struct VirtioType {
    uint32_t id; /* "5 Device Types" */
    /* Beside those of the ring. */
    uint64_t (*features)(VirtioDevice *v);
    /* How many bytes of configuration; VIRTIO_CONFIG_MAX at most. */
    uint32_t config_size;
    void (*config_read)(VirtioDevice *v, uint8_t *config);
    /* The driver has written @len bytes at @off; @config is the whole with them. */
    void (*config_wrote)(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len);
    /* There is something new in queue @q. */
    void (*notify)(VirtioDevice *v, unsigned q);
    void (*status_changed)(VirtioDevice *v);
    /* Back to the beginning: wait for what touches guest memory, forget requests. ANY_THREAD. */
    void (*reset)(VirtioDevice *v);
    /* End all requests; the machine is about to be saved. LOOP_THREAD. */
    void (*drain)(VirtioDevice *v);
} VirtioType;

struct VirtioDevice {
    Device dev;
    char *bus_name; /* property "bus" */
    bool indirect_desc, event_idx, packed;
    VirtioBus *bus;
    uint64_t features; /* as the driver took them */
    uint8_t status;
    uint8_t broken;    /* the driver broke the rules: nothing moves until it resets */
    uint32_t lifetime; /* counts resets: a request of an older one is dropped */
    bool draining;     /* on the loop, with no CPU running: no lock is needed */
    uint32_t n_queues;
    VirtQueue vq[VIRTIO_QUEUES_MAX];
};

/* A place for a function: the common part of transports. */
typedef struct VirtioBusOps {
    void (*queue_interrupt)(VirtioBus *bus, unsigned q);
    void (*config_interrupt)(VirtioBus *bus);
    /* The function is realized: its queues are known. May be NULL. */
    void (*plugged)(VirtioBus *bus);
} VirtioBusOps;

struct VirtioBus {
    Device *dev; /* the transport, whose lock is the monitor's */
    const VirtioBusOps *ops;
    VirtioDevice *vdev;
    bool legacy; /* offers no VIRTIO_F_VERSION_1 */
};

extern const DeviceType device_virtio; /* base of functions */
extern const DeviceType device_virtio_mmio;

#define virtio_of(dev_) device_as(dev_, VirtioDevice)

static inline const VirtioType *virtio_type(const VirtioDevice *v)
{
    return v->dev.type->extra;
}

/*
 * For the start of a function: take the bus named by the property, or the last one that is free.
 * Errors: no such bus, none free.
 */
NODISCARD bool virtio_plug(VirtioDevice *v, GError **err);
/* For a transport that has made its function itself: before the function is realized. */
void virtio_attach(VirtioBus *bus, Device *transport, const VirtioBusOps *ops, VirtioDevice *v);
/* The bus of a virtio-mmio transport. */
VirtioBus *virtio_mmio_bus(Device *dev);
/* The next queue; only in start. */
void virtio_add_queue(VirtioDevice *v, unsigned size);

uint64_t virtio_host_features(VirtioDevice *v);
static inline bool virtio_has(const VirtioDevice *v, uint64_t feature)
{
    return (v->features & feature) != 0;
}
static inline bool virtio_is_running(const VirtioDevice *v)
{
    return (v->status & VIRTIO_STATUS_DRIVER_OK) && !v->broken;
}

/* For transports, under their lock. */
/* May the driver have @num entries in queue @q? A split ring wants a power of two. */
bool virtio_size_is_valid(const VirtioDevice *v, const VirtQueue *q, uint64_t num);
/* The driver has set queue @q up and lets it go. */
void virtio_start_queue(VirtioDevice *v, VirtQueue *q);
void virtio_reset(VirtioDevice *v);
void virtio_set_status(VirtioDevice *v, uint8_t status);
void virtio_set_features(VirtioDevice *v, uint64_t features);
void virtio_notify(VirtioDevice *v, unsigned q);
void virtio_drain(VirtioDevice *v);
uint64_t virtio_config_load(VirtioDevice *v, uint64_t off, unsigned size);
void virtio_config_store(VirtioDevice *v, uint64_t off, unsigned size, uint64_t val);

/* The driver broke the rules of the ring: log it, and stop until it resets. */
void virtio_error(VirtioDevice *v, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void virtio_config_changed(VirtioDevice *v);
/* Around work of a backend: the transport's lock, and its settle. */
void virtio_enter(VirtioDevice *v) NO_LOCK_ANALYSIS;
void virtio_leave(VirtioDevice *v) NO_LOCK_ANALYSIS;

#endif
