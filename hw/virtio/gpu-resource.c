/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/virtio/virtio-gpu.h"

#include "util/bytes.h"

#include <string.h>

enum { GPU_SAVED_HEAD = 20 };

bool gpu_format(uint32_t format, uint8_t parts[4])
{
    static const struct {
        uint8_t format, parts[4];
    } formats[] = {
        { 1, { 0, 1, 2, 3 } },   { 2, { 0, 1, 2, 3 } },   { 3, { 3, 2, 1, 0 } },
        { 4, { 3, 2, 1, 0 } },   { 67, { 2, 1, 0, 3 } },  { 68, { 3, 0, 1, 2 } },
        { 121, { 3, 0, 1, 2 } }, { 134, { 2, 1, 0, 3 } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i].format == format) {
            memcpy(parts, formats[i].parts, 4);
            return true;
        }
    }
    return false;
}

bool gpu_rect_fits(const GpuRect *r, uint32_t width, uint32_t height)
{
    return r->x <= width && r->width <= width - r->x && r->y <= height &&
           r->height <= height - r->y;
}

GpuResource *gpu_resource_new(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    uint32_t *pixels = g_try_malloc0(gpu_resource_bytes(width, height));
    GpuResource *r;

    if (!pixels) {
        return NULL;
    }
    r = g_new0(GpuResource, 1);
    *r = (GpuResource){ .id = id, .format = format, .width = width, .height = height };
    r->pixels = pixels;
    return r;
}

void gpu_resource_detach(GpuResource *r)
{
    g_clear_pointer(&r->backing, g_free);
    r->n_backing = 0;
}

void gpu_resource_free(void *resource)
{
    GpuResource *r = resource;

    gpu_resource_detach(r);
    g_free(r->pixels);
    g_free(r);
}

void gpu_resource_attach(GpuResource *r, const uint8_t *raw, uint32_t n)
{
    uint64_t at = 0;

    gpu_resource_detach(r);
    r->backing = g_new0(GpuEntry, n);
    r->n_backing = n;
    for (uint32_t i = 0; i < n; i++, raw += GPU_ENTRY_BYTES) {
        r->backing[i] = (GpuEntry){ get_le64(raw), get_le32(raw + 8), at };
        at += r->backing[i].len;
    }
}

/* The entry that byte @at of the backing lies in; or the end. */
static uint32_t gpu_entry_at(const GpuResource *r, uint64_t at)
{
    uint32_t low = 0, high = r->n_backing;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (at >= r->backing[mid].at + r->backing[mid].len) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* What is not backed, or is no memory, reads as 0. */
static void gpu_backing_read(const GpuResource *r, Device *dma, uint64_t at, uint8_t *buf,
                             uint64_t len)
{
    memset(buf, 0, len);
    for (uint32_t i = gpu_entry_at(r, at); len && i < r->n_backing; i++) {
        const GpuEntry *e = &r->backing[i];
        uint64_t skip = at - e->at, n = min_u64(len, e->len - skip);

        (void)device_dma_read(dma, e->addr + skip, buf, n);
        buf += n;
        at += n;
        len -= n;
    }
}

void gpu_resource_fill(GpuResource *r, Device *dma, const GpuRect *rect, uint64_t offset)
{
    g_autofree uint8_t *row = g_malloc(MAX(rect->width, 1) * 4ull);
    uint8_t parts[4] = { 0 };

    gpu_format(r->format, parts);
    for (uint32_t y = 0; y < rect->height; y++) {
        uint32_t *to = r->pixels + (size_t)(rect->y + y) * r->width + rect->x;

        gpu_backing_read(r, dma, offset + (uint64_t)y * r->width * 4, row, rect->width * 4ull);
        for (uint32_t x = 0; x < rect->width; x++) {
            uint32_t v = 0;

            for (unsigned k = 0; k < 4; k++) {
                v |= (uint32_t)row[x * 4 + k] << parts[k] * 8;
            }
            to[x] = v;
        }
    }
}

/* ---- State ---- */

void gpu_resource_save(const GpuResource *r, GByteArray *out)
{
    uint8_t head[GPU_SAVED_HEAD], entry[GPU_ENTRY_BYTES] = { 0 };

    put_le32(head, r->id);
    put_le32(head + 4, r->format);
    put_le32(head + 8, r->width);
    put_le32(head + 12, r->height);
    put_le32(head + 16, r->n_backing);
    g_byte_array_append(out, head, sizeof(head));
    for (uint32_t i = 0; i < r->n_backing; i++) {
        put_le64(entry, r->backing[i].addr);
        put_le32(entry + 8, r->backing[i].len);
        g_byte_array_append(out, entry, sizeof(entry));
    }
    for (size_t i = 0; i < (size_t)r->width * r->height; i++) {
        uint8_t pixel[4];

        put_le32(pixel, r->pixels[i]);
        g_byte_array_append(out, pixel, sizeof(pixel));
    }
}

GpuResource *gpu_resource_load(const uint8_t *buf, uint32_t len, uint32_t *at, uint64_t room)
{
    const uint8_t *p = buf + *at;
    uint32_t left = len - *at, n, width, height;
    uint64_t need;
    uint8_t parts[4];
    GpuResource *r;

    if (left < GPU_SAVED_HEAD) {
        return NULL;
    }
    width = get_le32(p + 8);
    height = get_le32(p + 12);
    n = get_le32(p + 16);
    need = gpu_resource_bytes(width, height);
    if (!gpu_format(get_le32(p + 4), parts) || !get_le32(p) || n > GPU_BACKING_MAX ||
        width > CONSOLE_SIDE_MAX || height > CONSOLE_SIDE_MAX || !need || need > room ||
        GPU_SAVED_HEAD + (uint64_t)n * GPU_ENTRY_BYTES + need > left) {
        return NULL;
    }
    r = gpu_resource_new(get_le32(p), get_le32(p + 4), width, height);
    if (!r) {
        return NULL;
    }
    p += GPU_SAVED_HEAD;
    if (n) {
        gpu_resource_attach(r, p, n);
    }
    p += n * GPU_ENTRY_BYTES;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        r->pixels[i] = get_le32(p + i * 4);
    }
    *at += (uint32_t)(GPU_SAVED_HEAD + n * GPU_ENTRY_BYTES + need);
    return r;
}
