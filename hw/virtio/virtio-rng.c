/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-rng: the machine's randomness for the guest.
 * Spec: VIRTIO 1.2, "5.4 Entropy Device".
 */
#include "hw/virtio/virtqueue.h"

enum { RNG_QUEUE_SIZE = 8, RNG_CHUNK = 256, RNG_REQUEST_MAX = 64 << 10 };

typedef struct VirtioRng {
    VirtioDevice v;
    void *rng; /* named for managers' sake: all are the machine's randomness */
} VirtioRng;

static uint32_t vrng_fill(VirtioDevice *v, VirtElem *e)
{
    uint8_t buf[RNG_CHUNK];
    uint64_t at = 0, len = min_u64(e->in_bytes, RNG_REQUEST_MAX);

    while (at < len) {
        size_t n = min_u64(len - at, sizeof(buf));

        machine_random(v->dev.machine, buf, n);
        virtq_write(e, at, buf, n);
        at += n;
    }
    return (uint32_t)len;
}

static void vrng_notify(VirtioDevice *v, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        virtq_push(v, e, vrng_fill(v, e));
    }
    virtq_notify(v, q);
}

static const VirtioType vrng_type = { .id = 4, .notify = vrng_notify };

static bool vrng_start(Device *dev, GError **err)
{
    virtio_add_queue(virtio_of(dev), RNG_QUEUE_SIZE);
    return virtio_plug(virtio_of(dev), err);
}

static const Field vrng_fields[] = {
    PROP_BACKEND(VirtioRng, rng, "rng",
                 .doc =
                     "an -object rng-random or rng-builtin; the machine's randomness without it"),
};

const DeviceType device_virtio_rng = {
    .name = "virtio-rng-device",
    .doc = "virtio source of randomness",
    .base = &device_virtio,
    .size = sizeof(VirtioRng),
    .user_creatable = true,
    .fields = TABLE(vrng_fields),
    .start = vrng_start,
    .extra = &vrng_type,
};
