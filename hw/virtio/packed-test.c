/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of packed rings, well-behaved and not, against the source of randomness and a disk. */
#include "block/block.h"
#include "block/core/node.h"
#include "core/bench.h"
#include "core/event/loop.h"
#include "hw/virtio/virtqueue.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_virtio_mmio, device_virtio_blk, device_virtio_rng;

enum {
    MMIO = 0x10000000,
    QUEUE = 5, /* which need not be a power of two */
    RING = BENCH_RAM_BASE,
    DRIVER_EVENT = RING + 0x800,
    DEVICE_EVENT = RING + 0x900,
    DATA = RING + 0x2000,
    TABLE_AT = RING + 0x1000,
    NEXT = 1,
    WRITE = 2,
    INDIRECT = 4,
    AVAIL = 1 << 7,
    USED = 1 << 15,
    NOTIFY = 0x50,
    ISR = 0x60,
    STATUS = 0x70,
};

/* The driver's side of the ring, and the host's of the device. */
typedef struct Drv {
    Bench *b;
    unsigned next, used;
    bool wrap, used_wrap;
    bool event_idx;
    int disk; /* -1: none */
    const char *broken;
    BlockBackend *open[64];
    unsigned n_open;
} Drv;

static uint64_t pk_peek(Bench *b, GuestPhys gpa, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), gpa, size, &val, (MemAttrs){ 0 });
    return val;
}

static void pk_poke(Bench *b, GuestPhys gpa, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), gpa, size, val, (MemAttrs){ 0 });
}

static void pk_out(Bench *b, unsigned reg, uint32_t val)
{
    pk_poke(b, MMIO + reg, 4, val);
    bench_run_loop(b);
}

static void pk_plug(Device *dev, void *arg)
{
    Drv *d = arg;
    Device *bus = device_make(dev->machine, &device_virtio_mmio, NULL, "bus0");
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", d->disk);
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    BlockBackend *disk;

    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(dev->machine), MMIO);
    if (d->disk < 0) {
        return;
    }
    options_add(&o, "driver", "blkdebug");
    options_add(&o, "image.driver", "file");
    options_add(&o, "image.filename", path);
    options_add(&o, "image.locking", "off");
    if (d->broken) {
        options_add(&o, "inject-error.0.event", d->broken);
        options_add(&o, "inject-error.0.errno", "28");
    }
    disk = block_open_options(dev->machine, "d0", &o, BLOCK_OPEN_WRITE, &err);
    options_deinit(&o);
    CHECK(disk && d->n_open < ARRAY_SIZE(d->open));
    block_on_error(disk, BLOCK_ERROR_STOP, BLOCK_ERROR_STOP, NULL, NULL);
    d->open[d->n_open++] = disk;
    CHECK(machine_add_backend(dev->machine, "drive", "d0", disk, &err));
    device_set_backend(dev, "drive", disk);
}

static void pk_start(Drv *d)
{
    Bench *b = d->b;

    d->next = d->used = 0;
    d->wrap = d->used_wrap = true;
    for (unsigned i = 0; i < QUEUE * 16; i += 8) {
        pk_poke(b, RING + i, 8, 0);
    }
    pk_poke(b, DRIVER_EVENT, 4, 0);
    pk_out(b, STATUS, 0);
    pk_out(b, STATUS, 3);
    pk_out(b, 0x24, 1);
    pk_out(b, 0x20, 1 | 4); /* VERSION_1, RING_PACKED */
    pk_out(b, 0x24, 0);
    pk_out(b, 0x20, 1u << 28 | (d->event_idx ? 1u << 29 : 0));
    pk_out(b, STATUS, 11);
    EXPECT_EQ(pk_peek(b, MMIO + STATUS, 4), 11);
    pk_out(b, 0x30, 0);
    pk_out(b, 0x38, QUEUE);
    pk_out(b, 0x80, RING);
    pk_out(b, 0x90, DRIVER_EVENT);
    pk_out(b, 0xa0, DEVICE_EVENT);
    pk_out(b, 0x44, 1);
    pk_out(b, STATUS, 15);
}

static Bench *pk_bench(Drv *d, const DeviceType *type)
{
    d->b = bench_device_setup(type, "packed=on", pk_plug, d);
    pk_start(d);
    return d->b;
}

static void pk_end(Drv *d)
{
    bench_end(d->b);
    for (unsigned i = 0; i < d->n_open; i++) {
        block_close(d->open[i]);
    }
    if (d->disk >= 0) {
        close(d->disk);
    }
}

/* A descriptor at the next place. The caller writes the first of a chain last, with `at`. */
static void pk_desc(Drv *d, unsigned i, bool wrap, uint64_t addr, uint32_t len, unsigned flags,
                    unsigned id)
{
    GuestPhys at = RING + 16 * i;

    pk_poke(d->b, at, 8, addr);
    pk_poke(d->b, at + 8, 4, len);
    pk_poke(d->b, at + 12, 2, id);
    pk_poke(d->b, at + 14, 2, flags | (wrap ? AVAIL : USED));
}

static void pk_add(Drv *d, uint64_t addr, uint32_t len, unsigned flags, unsigned id)
{
    pk_desc(d, d->next, d->wrap, addr, len, flags, id);
    if (++d->next == QUEUE) {
        d->next = 0;
        d->wrap = !d->wrap;
    }
}

static void pk_kick(Drv *d)
{
    BlockBackend *disk = machine_find_backend(bench_machine(d->b), "drive", "d0");

    pk_poke(d->b, MMIO + NOTIFY, 4, 0);
    while (disk && block_in_flight(disk)) {
        loop_iterate(bench_machine(d->b), true);
    }
    bench_run_loop(d->b);
}

/* The next used buffer, of @n descriptors; -1: there is none. */
static int pk_used(Drv *d, unsigned n, uint32_t *len)
{
    GuestPhys at = RING + 16 * d->used;
    unsigned flags = (unsigned)pk_peek(d->b, at + 14, 2);

    if (!!(flags & AVAIL) != d->used_wrap || !!(flags & USED) != d->used_wrap) {
        return -1;
    }
    *len = (uint32_t)pk_peek(d->b, at + 8, 4);
    d->used += n;
    if (d->used >= QUEUE) {
        d->used -= QUEUE;
        d->used_wrap = !d->used_wrap;
    }
    return (int)pk_peek(d->b, at + 12, 2);
}

/* Around the ring more than twice, by chains that cross its end. */
TEST(virtio_packed, wraps)
{
    Drv d = { .disk = -1 };
    uint32_t len;

    pk_bench(&d, &device_virtio_rng);
    EXPECT_EQ(pk_used(&d, 1, &len), -1);
    for (unsigned n = 0; n < 12; n++) {
        unsigned chain = 1 + n % 2;

        if (chain == 2) {
            pk_add(&d, DATA, 16, NEXT | WRITE, 0x7777);
        }
        pk_add(&d, DATA + 16, 8, WRITE, 0xff00 + n);
        pk_kick(&d);
        EXPECT_EQ(pk_used(&d, chain, &len), 0xff00 + (int)n);
        EXPECT_EQ(len, chain == 2 ? 24 : 8);
        EXPECT_EQ(pk_used(&d, 1, &len), -1);
        EXPECT_EQ(pk_peek(d.b, MMIO + ISR, 4), 1);
        pk_out(d.b, 0x64, 1);
    }
    EXPECT(pk_peek(d.b, DATA, 8) != 0);
    pk_end(&d);
}

TEST(virtio_packed, indirect)
{
    Drv d = { .disk = -1 };
    uint32_t len;

    pk_bench(&d, &device_virtio_rng);
    for (unsigned i = 0; i < 3; i++) {
        pk_poke(d.b, TABLE_AT + 16 * i, 8, DATA + 64 * i);
        pk_poke(d.b, TABLE_AT + 16 * i + 8, 4, 10);
        pk_poke(d.b, TABLE_AT + 16 * i + 12, 4, 0xffff | (WRITE | NEXT) << 16); /* NEXT: nothing */
    }
    pk_add(&d, TABLE_AT, 48, INDIRECT, 3);
    pk_kick(&d);
    EXPECT_EQ(pk_used(&d, 1, &len), 3);
    EXPECT_EQ(len, 30);
    pk_end(&d);
}

/* Several buffers of one frame: the driver sees none of them before all are there. */
TEST(virtio_packed, elements_are_seen_at_once)
{
    Drv d = { .disk = -1 };
    VirtioDevice *v;
    VirtElem *e[3];
    uint32_t len;

    v = virtio_of(bench_dev(pk_bench(&d, &device_virtio_rng)));
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 3; i++) {
            pk_add(&d, DATA, 4, WRITE, 7 - i);
            e[i] = virtq_pop(v, 0);
            CHECK(e[i]);
        }
        virtq_unpop(v, e[2]);
        e[2] = virtq_pop(v, 0);
        CHECK(e[2]);
        EXPECT(!virtq_pop(v, 0));
        for (unsigned i = 0; i < 3; i++) {
            EXPECT(virtq_fill(v, e[i], i, i));
            EXPECT_EQ(pk_used(&d, 1, &len), -1);
        }
        virtq_flush(v, 0, 3);
        for (unsigned i = 0; i < 3; i++) {
            EXPECT_EQ(pk_used(&d, 1, &len), 7 - (int)i);
            EXPECT_EQ(len, i);
        }
    }
    pk_end(&d);
}

static bool pk_interrupts(Drv *d)
{
    uint32_t len;
    bool is;

    pk_add(d, DATA, 4, WRITE, 1);
    pk_kick(d);
    EXPECT_EQ(pk_used(d, 1, &len), 1);
    is = pk_peek(d->b, MMIO + ISR, 4) & 1;
    pk_out(d->b, 0x64, 1);
    return is;
}

TEST(virtio_packed, events)
{
    enum { DISABLE = 1, DESC = 2 };
    Drv d = { .disk = -1, .event_idx = true };

    pk_bench(&d, &device_virtio_rng);
    EXPECT(pk_interrupts(&d));
    EXPECT_EQ(pk_peek(d.b, DEVICE_EVENT, 4), (DESC << 16 | 1 << 15 | 1)); /* told of the second */
    pk_poke(d.b, DRIVER_EVENT, 4, DISABLE << 16);
    EXPECT(!pk_interrupts(&d)); /* 1 */
    /* Place 3 of this round, then 1 of the next. */
    pk_poke(d.b, DRIVER_EVENT, 4, DESC << 16 | 1 << 15 | 3);
    EXPECT(!pk_interrupts(&d)); /* 2 */
    EXPECT(pk_interrupts(&d));  /* 3 */
    pk_poke(d.b, DRIVER_EVENT, 4, DESC << 16 | 1);
    EXPECT(!pk_interrupts(&d));                  /* 4 */
    EXPECT_EQ(pk_peek(d.b, DEVICE_EVENT, 2), 0); /* the other round */
    EXPECT(!pk_interrupts(&d));                  /* 0 */
    EXPECT(pk_interrupts(&d));                   /* 1 */
    EXPECT(!pk_interrupts(&d));                  /* 2 */
    pk_end(&d);
}

/* Nothing of these may be served, or harm. */
TEST(virtio_packed, bad_rings)
{
    for (unsigned n = 0; n < 9; n++) {
        Drv d = { .disk = -1 };
        uint32_t len;

        pk_bench(&d, &device_virtio_rng);
        switch (n) {
        case 0: /* no end */
            for (unsigned i = 0; i < QUEUE; i++) {
                pk_add(&d, DATA, 4, WRITE | NEXT, 0);
            }
            break;
        case 1: /* outside of memory */
            pk_add(&d, UINT64_MAX - 10, 64, WRITE, 0);
            break;
        case 2: /* across the end of memory */
            pk_add(&d, BENCH_RAM_BASE + BENCH_RAM_SIZE - 32, UINT32_MAX, WRITE, 0);
            break;
        case 3: /* a table of half a descriptor */
            pk_add(&d, TABLE_AT, 24, INDIRECT, 0);
            break;
        case 4: /* a table in a table */
            pk_poke(d.b, TABLE_AT, 8, TABLE_AT);
            pk_poke(d.b, TABLE_AT + 8, 4, 16);
            pk_poke(d.b, TABLE_AT + 12, 4, INDIRECT << 16);
            pk_add(&d, TABLE_AT, 16, INDIRECT, 0);
            break;
        case 5: /* a table behind a buffer */
            pk_desc(&d, 1, true, TABLE_AT, 16, INDIRECT, 0);
            pk_add(&d, DATA, 4, WRITE | NEXT, 0);
            break;
        case 6: /* the largest table, of buffers of no bytes */
            pk_poke(d.b, TABLE_AT + 8, 8, 0);
            pk_add(&d, TABLE_AT, 0xfffffff0, INDIRECT, 0);
            break;
        case 7: /* a readable buffer behind a writable one */
            pk_desc(&d, 1, true, DATA, 4, 0, 0);
            pk_add(&d, DATA, 4, WRITE | NEXT, 0);
            break;
        case 8: /* the ring goes while it is in use: where it is cannot be said any more */
            pk_out(d.b, 0x80, 0);
            pk_out(d.b, 0x84, 0x80000000);
            pk_add(&d, DATA, 4, WRITE, 0);
            EXPECT_EQ(pk_peek(d.b, MMIO + STATUS, 4), 15);
            pk_kick(&d);
            EXPECT_EQ(pk_used(&d, 1, &len), 0);
            pk_add(&d, UINT64_MAX, 4, WRITE, 0);
            break;
        }
        pk_kick(&d);
        EXPECT_EQ(pk_used(&d, 1, &len), -1);
        EXPECT(pk_peek(d.b, MMIO + STATUS, 4) & VIRTIO_STATUS_NEEDS_RESET);
        pk_start(&d); /* a reset makes it whole again */
        pk_add(&d, DATA, 4, WRITE, 9);
        pk_kick(&d);
        EXPECT_EQ(pk_used(&d, 1, &len), 9);
        pk_end(&d);
    }
}

/* More are available than the ring has places: the driver does not wait for used ones. */
TEST(virtio_packed, more_than_there_is_room_for)
{
    Drv d = { .disk = -1 };
    VirtElem *e[3 * QUEUE];
    VirtioDevice *v;
    uint32_t len;

    v = virtio_of(bench_dev(pk_bench(&d, &device_virtio_rng)));
    for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
        pk_add(&d, DATA, 4, WRITE, i);
        e[i] = virtq_pop(v, 0);
        CHECK(e[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
        EXPECT(virtq_fill(v, e[i], i, i));
    }
    virtq_flush(v, 0, ARRAY_SIZE(e));
    EXPECT_EQ(v->vq[0].used_idx, 0);
    EXPECT_EQ(v->vq[0].used_wrap, 0);
    d.used_wrap = true;
    EXPECT(pk_used(&d, 1, &len) >= 0);
    pk_end(&d);
}

static void pk_blk(Drv *d, unsigned type, uint64_t sector, uint32_t len, bool in)
{
    pk_poke(d->b, DATA, 8, type);
    pk_poke(d->b, DATA + 8, 8, sector);
    pk_poke(d->b, DATA + 16, 1, 0xff);
    pk_add(d, DATA, 16, NEXT, 5);
    pk_add(d, DATA + 0x1000, len, NEXT | (in ? WRITE : 0), 5);
    pk_add(d, DATA + 16, 1, WRITE, 5);
    pk_kick(d);
}

static void pk_resume(Drv *d)
{
    Machine *m = bench_machine(d->b);
    BlockBackend *disk = machine_find_backend(m, "drive", "d0");
    g_autoptr(GError) err = NULL;

    CHECK(machine_resume(m, &err));
    while (block_in_flight(disk)) {
        loop_iterate(m, true);
    }
    machine_pause(m, RUN_PAUSED);
}

/* What an error holds is in the state, though its place in the ring may be another's by then. */
TEST(virtio_packed, blk_held)
{
    Drv d = { .disk = memfd_create("disk", MFD_CLOEXEC), .broken = "read_aio" };
    uint8_t sector[512];
    uint32_t len;

    EXPECT(ftruncate(d.disk, 64 << 10) == 0);
    memset(sector, 0x5a, sizeof(sector));
    EXPECT(pwrite(d.disk, sector, sizeof(sector), 512) == sizeof(sector));
    pk_bench(&d, &device_virtio_blk);
    pk_blk(&d, 0, 1, 512, true);
    EXPECT_EQ(pk_used(&d, 3, &len), -1);
    EXPECT_EQ(pk_peek(d.b, DATA + 16, 1), 0xff);
    for (unsigned i = 0; i < QUEUE * 16; i += 8) {
        pk_poke(d.b, RING + i, 8, ~0ull);
    }
    d.broken = NULL;
    bench_run_loop(d.b); /* saved and loaded as it waits */
    EXPECT_EQ(pk_peek(d.b, DATA + 16, 1), 0xff);
    pk_resume(&d);
    EXPECT_EQ(pk_peek(d.b, DATA + 16, 1), 0);
    EXPECT_EQ(pk_used(&d, 3, &len), 5);
    EXPECT_EQ(len, 513);
    EXPECT_EQ(pk_peek(d.b, DATA + 0x1000, 8), 0x5a5a5a5a5a5a5a5aull);
    pk_end(&d);
}
