/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-gpu, two dimensions: what virtio-gpu.c (commands) and gpu-resource.c (pictures in the
 * host's memory) share. All under the transport's lock.
 * Spec: VIRTIO 1.2, "5.7 GPU Device".
 */
#ifndef HW_VIRTIO_VIRTIO_GPU_H
#define HW_VIRTIO_VIRTIO_GPU_H

#include "hw/virtio/virtqueue.h"
#include "ui/console.h"

enum {
    GPU_SCANOUTS_MAX = 16,
    GPU_BACKING_MAX = 16384, /* entries */
    GPU_ENTRY_BYTES = 16,
    GPU_SAVED_MAX = 1 << 30,
};

typedef struct GpuRect {
    uint32_t x, y, width, height;
} GpuRect;

typedef struct GpuEntry {
    GuestPhys addr;
    uint32_t len;
    uint64_t at; /* of its first byte in the whole */
} GpuEntry;

/* A picture, its pixels 0xAARRGGBB, and the guest's memory that it is filled from. */
typedef struct GpuResource {
    uint32_t id, format, width, height;
    uint32_t *pixels;
    GpuEntry *backing;
    uint32_t n_backing;
} GpuResource;

/* Byte 0 to 3 of a pixel: which part, of 'B', 'G', 'R', 'A' as 0 to 3. False: no such format. */
bool gpu_format(uint32_t format, uint8_t parts[4]);
bool gpu_rect_fits(const GpuRect *r, uint32_t width, uint32_t height);
/* NULL: no memory. */
GpuResource *gpu_resource_new(uint32_t id, uint32_t format, uint32_t width, uint32_t height);
void gpu_resource_free(void *resource);
static inline uint64_t gpu_resource_bytes(uint32_t width, uint32_t height)
{
    return (uint64_t)width * height * 4;
}
/* @raw: @n entries as the guest has them. */
void gpu_resource_attach(GpuResource *r, const uint8_t *raw, uint32_t n);
void gpu_resource_detach(GpuResource *r);
/* Fill @rect from the backing at @offset. */
void gpu_resource_fill(GpuResource *r, Device *dma, const GpuRect *rect, uint64_t offset);
void gpu_resource_save(const GpuResource *r, GByteArray *out);
/* The one at *@at, and *@at behind it; NULL: it does not hold together. */
GpuResource *gpu_resource_load(const uint8_t *buf, uint32_t len, uint32_t *at, uint64_t room);

#endif
