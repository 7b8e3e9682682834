/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of virtio-gpu, as a driver gives them. */
#include "hw/virtio/virtio-gpu.h"
#include "core/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>

extern const DeviceType device_virtio_gpu;

TEST(virtio_gpu, rectangles)
{
    EXPECT(gpu_rect_fits(&(GpuRect){ 0, 0, 8, 4 }, 8, 4));
    EXPECT(gpu_rect_fits(&(GpuRect){ 8, 4, 0, 0 }, 8, 4));
    EXPECT(!gpu_rect_fits(&(GpuRect){ 1, 0, 8, 4 }, 8, 4));
    EXPECT(!gpu_rect_fits(&(GpuRect){ 0, UINT32_MAX, 1, 2 }, 8, 4));
    EXPECT(!gpu_rect_fits(&(GpuRect){ 4, 0, UINT32_MAX, 1 }, 8, 4));
}

TEST(virtio_gpu, saved_pictures)
{
    uint8_t raw[2 * GPU_ENTRY_BYTES] = { 0 };
    GpuResource *r = gpu_resource_new(7, 1, 3, 2), *back;
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint32_t at = 0;

    put_le64(raw, 0x1000);
    put_le32(raw + 8, 16);
    put_le64(raw + 16, 0x9000);
    put_le32(raw + 24, 8);
    gpu_resource_attach(r, raw, 2);
    r->pixels[5] = 0x80112233;
    gpu_resource_save(r, out);
    back = gpu_resource_load(out->data, out->len, &at, 24);
    EXPECT(back && at == out->len);
    EXPECT_EQ(back->pixels[5], 0x80112233);
    EXPECT_EQ(back->backing[1].addr, 0x9000);
    EXPECT_EQ(back->backing[1].at, 16);
    /* too large for the room; cut; of no size; of no format */
    at = 0;
    EXPECT(!gpu_resource_load(out->data, out->len, &at, 23));
    EXPECT(!gpu_resource_load(out->data, out->len - 1, &at, 24));
    put_le32(out->data + 8, 0);
    EXPECT(!gpu_resource_load(out->data, out->len, &at, 24));
    put_le32(out->data + 8, 3);
    put_le32(out->data + 4, 5);
    EXPECT(!gpu_resource_load(out->data, out->len, &at, 24));
    gpu_resource_free(back);
    gpu_resource_free(r);
}

/* ---- A driver ---- */

enum {
    MMIO = 0x10000000,
    RING = BENCH_RAM_BASE,
    AVAIL = 0x100,
    USED = 0x200,
    QUEUE = 8,
    COMMAND = RING + 0x8000,
    ANSWER = RING + 0x9000,
    PIXELS = RING + 0x10000,
    NEXT = 1,
    WRITE = 2,
    ANSWER_BYTES = 2048,
};

static void vg_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *bus = device_make(dev->machine, &device_virtio_mmio, NULL, "bus0");

    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(dev->machine), MMIO);
}

static void vg_poke(Bench *b, GuestPhys gpa, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), gpa, size, val, (MemAttrs){ 0 });
}

static uint32_t vg_peek(Bench *b, GuestPhys gpa)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), gpa, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void vg_out(Bench *b, unsigned reg, uint32_t val)
{
    vg_poke(b, MMIO + reg, 4, val);
    bench_run_loop(b); /* saved and loaded here */
}

static Bench *vg_bench(void)
{
    Bench *b =
        bench_device_setup(&device_virtio_gpu, "max_outputs=2,max_hostmem=1M", vg_plug, NULL);

    EXPECT_EQ(vg_peek(b, MMIO + 8), 16);
    EXPECT_EQ(vg_peek(b, MMIO + 0x108), 2);
    vg_out(b, 0x70, 3);
    vg_out(b, 0x24, 1);
    vg_out(b, 0x20, 1);
    vg_out(b, 0x24, 0);
    vg_out(b, 0x20, 2); /* EDID */
    vg_out(b, 0x70, 11);
    vg_out(b, 0x30, 0);
    vg_out(b, 0x38, QUEUE);
    vg_out(b, 0x80, RING);
    vg_out(b, 0x90, RING + AVAIL);
    vg_out(b, 0xa0, RING + USED);
    vg_out(b, 0x44, 1);
    vg_out(b, 0x70, 15);
    return b;
}

/* A command of @n words, header included; the type of its answer. */
static uint32_t vg_command(Bench *b, const uint32_t *words, unsigned n)
{
    uint32_t idx = vg_peek(b, RING + AVAIL) >> 16;

    for (unsigned i = 0; i < n; i++) {
        vg_poke(b, COMMAND + i * 4, 4, words[i]);
    }
    vg_poke(b, RING, 8, COMMAND);
    vg_poke(b, RING + 8, 4, n * 4);
    vg_poke(b, RING + 12, 4, NEXT | 1 << 16);
    vg_poke(b, RING + 16, 8, ANSWER);
    vg_poke(b, RING + 24, 4, ANSWER_BYTES);
    vg_poke(b, RING + 28, 4, WRITE);
    vg_poke(b, ANSWER, 4, 0);
    vg_poke(b, RING + AVAIL + 4 + 2 * (idx % QUEUE), 2, 0);
    vg_poke(b, RING + AVAIL + 2, 2, idx + 1);
    vg_out(b, 0x50, 0);
    return vg_peek(b, ANSWER);
}

#define VG(b, type, ...)                                            \
    ({                                                              \
        const uint32_t w_[] = { type, 0, 0, 0, 0, 0, __VA_ARGS__ }; \
        vg_command(b, w_, ARRAY_SIZE(w_));                          \
    })

static void vg_expect(Bench *b, unsigned width, unsigned height, unsigned x, unsigned y,
                      uint32_t pixel)
{
    Console *c = console_get(bench_machine(b), 0);
    ConsoleViewer *v = console_watch(c);
    ConsoleView view;

    console_refresh(c);
    console_look(v, &view);
    EXPECT_EQ(view.width, width);
    EXPECT_EQ(view.height, height);
    EXPECT_EQ(view.pixels[y * view.stride + x], pixel);
    console_look_end(v);
    console_unwatch(v);
}

TEST(virtio_gpu, shows_a_picture)
{
    Bench *b = vg_bench();

    EXPECT_EQ(VG(b, 0x100, ), 0x1101);
    EXPECT_EQ(vg_peek(b, ANSWER + 24 + 8), 1280);
    EXPECT_EQ(vg_peek(b, ANSWER + 24 + 16), 1);
    EXPECT_EQ(VG(b, 0x10a, 1, 0), 0x1104);
    EXPECT_EQ(vg_peek(b, ANSWER + 24), 128);
    EXPECT_EQ(vg_peek(b, ANSWER + 32), 0xffffff00);
    vg_expect(b, 1280, 800, 0, 0, 0);
    /* 8 by 4, in two pieces of memory; lines 1 and 2 are shown */
    EXPECT_EQ(VG(b, 0x101, 1, 2, 8, 4), 0x1100);
    EXPECT_EQ(VG(b, 0x106, 1, 2, PIXELS, 0, 40, 0, PIXELS + 0x100, 0, 88, 0), 0x1100);
    vg_poke(b, PIXELS + 36, 4, 0xff102030); /* (1, 1) */
    vg_poke(b, PIXELS + 0x100, 4, 0x405060);
    EXPECT_EQ(VG(b, 0x105, 0, 1, 8, 2, 32, 0, 1, 0), 0x1100);
    EXPECT_EQ(VG(b, 0x103, 0, 1, 8, 2, 0, 1), 0x1100);
    EXPECT_EQ(VG(b, 0x104, 0, 0, 8, 4, 1, 0), 0x1100);
    vg_expect(b, 8, 2, 1, 0, 0x102030);
    vg_expect(b, 8, 2, 2, 0, 0x405060);
    EXPECT_EQ(VG(b, 0x107, 1, 0), 0x1100);
    EXPECT_EQ(VG(b, 0x102, 1, 0), 0x1100);
    vg_expect(b, 1280, 800, 0, 0, 0);
    bench_end(b);
}

TEST(virtio_gpu, refuses)
{
    Bench *b = vg_bench();

    EXPECT_EQ(VG(b, 0x101, 0, 2, 8, 4), 0x1203);
    EXPECT_EQ(VG(b, 0x101, 1, 99, 8, 4), 0x1205);
    EXPECT_EQ(VG(b, 0x101, 1, 2, 0xffff, 0xffff), 0x1205);
    EXPECT_EQ(VG(b, 0x101, 1, 2, 1024, 257), 0x1201);
    EXPECT_EQ(VG(b, 0x101, 1, 2, 512, 512), 0x1100);
    EXPECT_EQ(VG(b, 0x101, 2, 2, 1, 1), 0x1201); /* no room left */
    EXPECT_EQ(VG(b, 0x101, 1, 2, 8, 4), 0x1203);
    EXPECT_EQ(VG(b, 0x105, 0, 0, 8, 4, 0, 0, 1, 0), 0x1200); /* not backed */
    EXPECT_EQ(VG(b, 0x106, 1, 0), 0x1205);
    EXPECT_EQ(VG(b, 0x106, 1, 3, PIXELS, 0, 4, 0), 0x1205);
    EXPECT_EQ(VG(b, 0x106, 1, 1, 0, 0x7000, 4, 0), 0x1100); /* no memory there */
    EXPECT_EQ(VG(b, 0x105, 0, 0, 512, 512, 0xffffffff, 0xffffffff, 1, 0), 0x1100);
    EXPECT_EQ(VG(b, 0x105, 1, 0, 512, 512, 0, 0, 1, 0), 0x1205);
    EXPECT_EQ(VG(b, 0x103, 0, 0, 8, 4, 2, 1), 0x1202);
    EXPECT_EQ(VG(b, 0x103, 0, 0, 8, 4, 0, 9), 0x1203);
    EXPECT_EQ(VG(b, 0x103, 512, 0, 1, 1, 0, 1), 0x1205);
    EXPECT_EQ(VG(b, 0x104, 0, 0, 513, 1, 1, 0), 0x1205);
    EXPECT_EQ(VG(b, 0x200, ), 0x1200);
    EXPECT_EQ(VG(b, 0x103, 0), 0x1200); /* cut */
    bench_end(b);
}

TEST(virtio_gpu, moves_a_pointer)
{
    Bench *b = vg_bench();
    ConsoleViewer *v;
    ConsoleView view;

    EXPECT_EQ(VG(b, 0x101, 5, 1, 64, 64), 0x1100);
    EXPECT_EQ(VG(b, 0x101, 6, 1, 64, 63), 0x1100);
    EXPECT_EQ(VG(b, 0x300, 0, 1, 2, 0, 6, 0, 0, 0), 0x1203);
    EXPECT_EQ(VG(b, 0x300, 0, 10, 20, 0, 5, 3, 4, 0), 0x1100);
    EXPECT_EQ(VG(b, 0x301, 0, 11, 21, 0, 0, 0, 0, 0), 0x1100);
    v = console_watch(console_get(bench_machine(b), 0));
    console_look(v, &view);
    EXPECT(view.cursor_on && view.cursor);
    EXPECT_EQ(view.cursor_x, 11);
    EXPECT_EQ(view.cursor_y, 21);
    EXPECT_EQ(view.hot_y, 4);
    console_look_end(v);
    console_unwatch(v);
    EXPECT_EQ(VG(b, 0x300, 0, 11, 21, 0, 0, 0, 0, 0), 0x1100);
    v = console_watch(console_get(bench_machine(b), 0));
    console_look(v, &view);
    EXPECT(!view.cursor_on);
    console_look_end(v);
    console_unwatch(v);
    bench_end(b);
}
