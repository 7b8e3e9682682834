/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of split rings against the transport, the disk and the source of randomness. */
#include "block/block.h"
#include "block/core/node.h"
#include "core/bench.h"
#include "core/device.h"
#include "core/event/loop.h"
#include "hw/virtio/virtqueue.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_virtio_mmio, device_virtio_blk, device_virtio_rng;

enum {
    MMIO = 0x10000000,
    RING = BENCH_RAM_BASE,
    QUEUE = 8,
    DESC = RING,
    AVAIL = DESC + 16 * QUEUE,
    USED = RING + 0x1000,
    DATA = RING + 0x2000,
    NEXT = 1,
    WRITE = 2,
    INDIRECT = 4,
};

/* What the machines of a bench share: the host's side. */
typedef struct Host {
    bool modern;
    int disk;
    BlockBackend *open[200];
    unsigned n_open;
    const char *broken; /* how the disk's file fails; NULL: it does not */
    bool once;          /* it fails only once */
    bool holds;         /* what fails is held */
} Host;

/* Through blkdebug: the bench's machines are of one process, which locks of files do not mind. */
static BlockBackend *vt_open(Machine *m, const Host *host, GError **err)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", host->disk);
    Options o = { 0 };
    BlockBackend *b;

    if (!host->holds) {
        return block_open_fd(m, "d0", dup(host->disk), 0, err);
    }
    options_add(&o, "driver", "blkdebug");
    options_add(&o, "image.driver", "file");
    options_add(&o, "image.filename", path);
    options_add(&o, "image.locking", "off");
    if (host->broken) {
        options_add(&o, "inject-error.0.event", host->broken);
        options_add(&o, "inject-error.0.errno", "28");
        options_add(&o, "inject-error.0.once", host->once ? "on" : "off");
    }
    b = block_open_options(m, "d0", &o, BLOCK_OPEN_WRITE, err);
    options_deinit(&o);
    if (b) {
        block_on_error(b, BLOCK_ERROR_STOP, BLOCK_ERROR_STOP, NULL, NULL);
    }
    return b;
}

static void vt_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Host *host = arg;
    Device *bus = device_make(dev->machine, &device_virtio_mmio, NULL, "bus0");

    device_set_bool(bus, "force-legacy", !host->modern);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(dev->machine), MMIO);
    if (host->disk >= 0) {
        BlockBackend *b = vt_open(dev->machine, host, &err);

        CHECK(b && host->n_open < ARRAY_SIZE(host->open));
        host->open[host->n_open++] = b;
        CHECK(machine_add_backend(dev->machine, "drive", "d0", b, &err));
        device_set_backend(dev, "drive", b);
    }
}

static uint32_t vt_in(Bench *b, unsigned reg)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), MMIO + reg, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void vt_out(Bench *b, unsigned reg, uint32_t val)
{
    aspace_store(machine_memory(bench_machine(b)), MMIO + reg, 4, val, (MemAttrs){ 0 });
    bench_run_loop(b);
}

static void vt_poke(Bench *b, GuestPhys gpa, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), gpa, size, val, (MemAttrs){ 0 });
}

static uint64_t vt_peek(Bench *b, GuestPhys gpa, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), gpa, size, &val, (MemAttrs){ 0 });
    return val;
}

static void vt_desc(Bench *b, unsigned i, uint64_t addr, uint32_t len, unsigned flags,
                    unsigned next)
{
    vt_poke(b, DESC + 16 * i, 8, addr);
    vt_poke(b, DESC + 16 * i + 8, 4, len);
    vt_poke(b, DESC + 16 * i + 12, 2, flags);
    vt_poke(b, DESC + 16 * i + 14, 2, next);
}

/* Make head @head available and tell the device; then let requests end. */
static void vt_kick(Bench *b, unsigned head)
{
    BlockBackend *disk = machine_find_backend(bench_machine(b), "drive", "d0");
    uint16_t idx = (uint16_t)vt_peek(b, AVAIL + 2, 2);

    vt_poke(b, AVAIL + 4 + 2 * (idx % QUEUE), 2, head);
    vt_poke(b, AVAIL + 2, 2, idx + 1u);
    aspace_store(machine_memory(bench_machine(b)), MMIO + 0x50, 4, 0, (MemAttrs){ 0 });
    while (disk && block_in_flight(disk)) {
        loop_iterate(bench_machine(b), true);
    }
    bench_run_loop(b);
}

/* The machine runs, for what is held; and stops. */
static void vt_resume(Bench *b)
{
    Machine *m = bench_machine(b);
    BlockBackend *disk = machine_find_backend(m, "drive", "d0");
    g_autoptr(GError) err = NULL;

    CHECK(machine_resume(m, &err));
    while (block_in_flight(disk)) {
        loop_iterate(m, true);
    }
    machine_pause(m, RUN_PAUSED);
}

static void vt_drive(Bench *b, const Host *host)
{
    if (!host->modern) {
        vt_out(b, 0x28, 4096); /* a reset after this leaves it */
    }
    vt_out(b, 0x70, 0);
    vt_out(b, 0x70, 1);
    vt_out(b, 0x70, 3);
    if (host->modern) {
        vt_out(b, 0x24, 1);
        vt_out(b, 0x20, 1); /* VIRTIO_F_VERSION_1 */
        vt_out(b, 0x24, 0);
        vt_out(b, 0x20, 1 << 28);
        vt_out(b, 0x70, 11);
        EXPECT_EQ(vt_in(b, 0x70), 11);
    } else {
        vt_out(b, 0x20, 1 << 28);
    }
    vt_out(b, 0x30, 0);
    EXPECT(vt_in(b, 0x34) >= QUEUE);
    vt_out(b, 0x38, QUEUE);
    if (host->modern) {
        vt_out(b, 0x80, DESC);
        vt_out(b, 0x90, AVAIL);
        vt_out(b, 0xa0, USED);
        vt_out(b, 0x44, 1);
    } else {
        vt_out(b, 0x3c, 4096);
        vt_out(b, 0x40, RING / 4096);
        EXPECT_EQ(vt_in(b, 0x40), RING / 4096);
    }
    vt_out(b, 0x70, host->modern ? 15 : 7);
}

static Bench *vt_bench(const DeviceType *type, const char *props, Host *host)
{
    Bench *b = bench_device_setup(type, props, vt_plug, host);

    EXPECT_EQ(vt_in(b, 0), 0x74726976);
    EXPECT_EQ(vt_in(b, 4), host->modern ? 2 : 1);
    vt_drive(b, host);
    return b;
}

static void vt_end(Bench *b, Host *host)
{
    bench_end(b);
    for (unsigned i = 0; i < host->n_open; i++) {
        block_close(host->open[i]);
    }
    if (host->disk >= 0) {
        close(host->disk);
    }
}

static bool vt_irq(Bench *b)
{
    return irq_is_high(device_output(device_find(bench_machine(b), "bus0"), "irq", 0));
}

static void vt_rng(bool modern)
{
    Host host = { .modern = modern, .disk = -1 };
    Bench *b = vt_bench(&device_virtio_rng, NULL, &host);
    uint64_t any = 0;

    EXPECT_EQ(vt_in(b, 8), 4);
    vt_desc(b, 3, DATA, 64, WRITE, 0);
    vt_kick(b, 3);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 1);
    EXPECT_EQ(vt_peek(b, USED + 4, 4), 3);
    EXPECT_EQ(vt_peek(b, USED + 8, 4), 64);
    for (unsigned i = 0; i < 64; i += 8) {
        any |= vt_peek(b, DATA + i, 8);
    }
    EXPECT(any != 0);
    EXPECT_EQ(vt_peek(b, DATA + 64, 8), 0);
    EXPECT(vt_irq(b));
    EXPECT_EQ(vt_in(b, 0x60), 1);
    vt_out(b, 0x64, 1);
    EXPECT(!vt_irq(b));
    /* With interrupts off nothing is heard, but served. */
    vt_poke(b, AVAIL, 2, 1);
    vt_kick(b, 3);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 2);
    EXPECT(!vt_irq(b));
    /* Reset forgets the queue. */
    vt_out(b, 0x70, 0);
    EXPECT_EQ(vt_in(b, 0x40) + vt_in(b, 0x44), 0);
    vt_kick(b, 3);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 2);
    vt_end(b, &host);
}

TEST(virtio, rng_legacy)
{
    vt_rng(false);
}

TEST(virtio, rng_modern)
{
    vt_rng(true);
}

/* Several buffers of one frame: the driver sees none of them before all are there. */
TEST(virtio, elements_are_seen_at_once)
{
    Host host = { .modern = true, .disk = -1 };
    Bench *b = vt_bench(&device_virtio_rng, NULL, &host);
    VirtioDevice *v = virtio_of(bench_dev(b));
    VirtElem *e[2];

    for (unsigned i = 0; i < 2; i++) {
        vt_desc(b, 5 - i, DATA + 64 * i, 64, WRITE, 0);
        vt_poke(b, AVAIL + 4 + 2 * i, 2, 5 - i);
    }
    vt_poke(b, AVAIL + 2, 2, 2);
    for (unsigned i = 0; i < 2; i++) {
        e[i] = virtq_pop(v, 0);
        CHECK(e[i]);
    }
    EXPECT(virtq_fill(v, e[0], 0, 10) && virtq_fill(v, e[1], 1, 20));
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 0);
    virtq_flush(v, 0, 2);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 2);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(vt_peek(b, USED + 4 + 8 * i, 4), 5 - i);
        EXPECT_EQ(vt_peek(b, USED + 8 + 8 * i, 4), 10 * (i + 1));
    }
    vt_end(b, &host);
}

/* Nothing of these may be served, or harm. */
TEST(virtio, bad_rings)
{
    for (unsigned n = 0; n < 7; n++) {
        Host host = { .modern = n & 1, .disk = -1 };
        Bench *b = vt_bench(&device_virtio_rng, NULL, &host);

        vt_desc(b, 0, DATA, 64, WRITE, 0);
        switch (n) {
        case 0: /* a loop */
            vt_desc(b, 0, DATA, 64, WRITE | NEXT, 0);
            break;
        case 1: /* outside of the table */
            vt_desc(b, 0, DATA, 64, WRITE | NEXT, QUEUE);
            break;
        case 2: /* outside of memory */
            vt_desc(b, 0, UINT64_MAX - 10, 64, WRITE, 0);
            break;
        case 3: /* across the end of memory */
            vt_desc(b, 0, BENCH_RAM_BASE + BENCH_RAM_SIZE - 32, UINT32_MAX, WRITE, 0);
            break;
        case 4: /* a table of half a descriptor */
            vt_desc(b, 0, DATA, 24, INDIRECT, 0);
            break;
        case 5: /* a table in a table */
            vt_poke(b, DATA + 8, 4, 16);
            vt_poke(b, DATA + 12, 2, INDIRECT);
            vt_desc(b, 0, DATA, 16, INDIRECT, 0);
            break;
        case 6: /* the index is ahead by more than there are */
            vt_poke(b, AVAIL + 2, 2, 100);
            break;
        }
        vt_kick(b, 0);
        EXPECT_EQ(vt_peek(b, USED + 2, 2), 0);
        if (host.modern) {
            EXPECT(vt_in(b, 0x70) & VIRTIO_STATUS_NEEDS_RESET);
        }
        /* A reset makes it whole again. */
        vt_out(b, 0x70, 0);
        vt_poke(b, AVAIL + 2, 2, 0);
        vt_drive(b, &host);
        vt_desc(b, 0, DATA, 64, WRITE, 0);
        vt_kick(b, 0);
        EXPECT_EQ(vt_peek(b, USED + 2, 2), 1);
        vt_end(b, &host);
    }
}

static unsigned vt_blk_request(Bench *b, unsigned type, uint64_t sector, unsigned len, bool in)
{
    vt_poke(b, DATA, 4, type);
    vt_poke(b, DATA + 8, 8, sector);
    vt_poke(b, DATA + 16, 1, 0xff);
    vt_desc(b, 0, DATA, 16, NEXT, len ? 1 : 2);
    vt_desc(b, 1, DATA + 0x1000, len, NEXT | (in ? WRITE : 0), 2);
    vt_desc(b, 2, DATA + 16, 1, WRITE, 0);
    vt_kick(b, 0);
    return (unsigned)vt_peek(b, DATA + 16, 1);
}

static void vt_blk(bool modern)
{
    Host host = { .modern = modern, .disk = memfd_create("disk", MFD_CLOEXEC) };
    uint8_t sector[1024];
    Bench *b;

    EXPECT(ftruncate(host.disk, 64 << 10) == 0);
    memset(sector, 0x5a, sizeof(sector));
    EXPECT(pwrite(host.disk, sector, sizeof(sector), 512) == sizeof(sector));
    b = vt_bench(&device_virtio_blk, "serial=abc", &host);
    EXPECT_EQ(vt_in(b, 8), 2);
    EXPECT_EQ(vt_in(b, 0x100), 128);
    EXPECT_EQ(vt_blk_request(b, 0, 1, 1024, true), 0);
    EXPECT_EQ(vt_peek(b, DATA + 0x1000, 8), 0x5a5a5a5a5a5a5a5aull);
    EXPECT_EQ(vt_peek(b, DATA + 0x1000 + 1016, 8), 0x5a5a5a5a5a5a5a5aull);
    EXPECT_EQ(vt_peek(b, USED + 8, 4), 1025);
    EXPECT(vt_irq(b));
    EXPECT_EQ(vt_blk_request(b, 1, 3, 512, false), 0);
    EXPECT_EQ(vt_blk_request(b, 4, 0, 0, false), 0);
    EXPECT(pread(host.disk, sector, 512, 3 * 512) == 512);
    EXPECT(sector[0] == 0x5a && sector[511] == 0x5a);
    EXPECT_EQ(vt_blk_request(b, 8, 0, 20, true), 0);
    EXPECT_EQ(vt_peek(b, DATA + 0x1000, 4), 0x00636261);
    /* Beyond the end, not whole sectors, unknown. */
    EXPECT_EQ(vt_blk_request(b, 0, 127, 1024, true), 1);
    EXPECT_EQ(vt_blk_request(b, 0, UINT64_MAX, 512, true), 1);
    EXPECT_EQ(vt_blk_request(b, 0, 0, 100, true), 1);
    EXPECT_EQ(vt_blk_request(b, 77, 0, 512, true), 2);
    /* Zeros over sector 1. */
    vt_poke(b, DATA + 0x1000, 8, 1);
    vt_poke(b, DATA + 0x1008, 8, 1);
    EXPECT_EQ(vt_blk_request(b, 13, 0, 16, false), 0);
    EXPECT(pread(host.disk, sector, 1024, 512) == 1024);
    EXPECT(sector[0] == 0 && sector[511] == 0 && sector[512] == 0x5a);
    vt_end(b, &host);
}

TEST(virtio, blk_legacy)
{
    vt_blk(false);
}

TEST(virtio, blk_modern)
{
    vt_blk(true);
}

/* A request that an error holds is in the state: it goes on in another machine, whose disk works.
 */
static void vt_blk_held(bool modern, bool write)
{
    Host host = { .modern = modern, .disk = memfd_create("disk", MFD_CLOEXEC), .holds = true };
    uint8_t sector[1024];
    Bench *b;

    EXPECT(ftruncate(host.disk, 64 << 10) == 0);
    memset(sector, 0x5a, sizeof(sector));
    EXPECT(pwrite(host.disk, sector, sizeof(sector), 512) == sizeof(sector));
    host.broken = write ? "pwritev" : "read_aio";
    b = vt_bench(&device_virtio_blk, NULL, &host);
    vt_poke(b, DATA + 0x1000, 8, 0x1122334455667788);
    EXPECT_EQ(vt_blk_request(b, write, 1, 512, !write), 0xff);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 0);
    bench_run_loop(b); /* saved and loaded as it waits */
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 0);
    host.broken = NULL;
    bench_run_loop(b);
    vt_resume(b);
    EXPECT_EQ(vt_peek(b, DATA + 16, 1), 0);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 1);
    EXPECT_EQ(vt_peek(b, USED + 8, 4), write ? 1 : 513);
    if (write) {
        EXPECT(pread(host.disk, sector, 512, 512) == 512);
        EXPECT_EQ(get_le64(sector), 0x1122334455667788);
    } else {
        EXPECT_EQ(vt_peek(b, DATA + 0x1000, 8), 0x5a5a5a5a5a5a5a5aull);
    }
    bench_run_loop(b);
    vt_resume(b); /* once */
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 1);
    vt_end(b, &host);
}

TEST(virtio, blk_held_read)
{
    vt_blk_held(true, false);
}

TEST(virtio, blk_held_write)
{
    vt_blk_held(false, true);
}

/* A reset of the device forgets them. */
TEST(virtio, blk_held_reset)
{
    Host host = { .modern = true, .disk = memfd_create("disk", MFD_CLOEXEC), .holds = true };
    Bench *b;

    EXPECT(ftruncate(host.disk, 64 << 10) == 0);
    for (int saved = 0; saved < 2; saved++) {
        host.n_open = 0;
        host.broken = "read_aio";
        host.once = !saved;
        b = vt_bench(&device_virtio_blk, NULL, &host);
        if (!saved) {
            bench_no_reload(b);
        }
        vt_poke(b, DATA + 0x1000, 8, 0x1122334455667788);
        EXPECT_EQ(vt_blk_request(b, 0, 1, 512, true), 0xff);
        vt_out(b, 0x70, 0);
        host.broken = NULL;
        bench_run_loop(b);
        vt_resume(b);
        EXPECT_EQ(vt_peek(b, DATA + 0x1000, 8), 0x1122334455667788);
        EXPECT_EQ(vt_peek(b, DATA + 16, 1), 0xff);
        bench_end(b);
        for (unsigned i = 0; i < host.n_open; i++) {
            block_close(host.open[i]);
        }
    }
    close(host.disk);
}

/* Queue 1 of three is served like queue 0. */
TEST(virtio, blk_queues)
{
    Host host = { .modern = true, .disk = memfd_create("disk", MFD_CLOEXEC) };
    Bench *b;

    EXPECT(ftruncate(host.disk, 64 << 10) == 0);
    b = bench_device_setup(&device_virtio_blk, "num-queues=3", vt_plug, &host);
    EXPECT(vt_in(b, 0x10) & 1 << 12);
    EXPECT_EQ(vt_peek(b, MMIO + 0x100 + 34, 2), 3);
    vt_drive(b, &host); /* queue 0 */
    vt_out(b, 0x30, 1);
    vt_out(b, 0x38, QUEUE);
    vt_out(b, 0x80, DESC);
    vt_out(b, 0x90, AVAIL);
    vt_out(b, 0xa0, USED);
    vt_out(b, 0x44, 1);
    vt_out(b, 0x30, 0);
    vt_poke(b, DATA, 8, 0);
    vt_poke(b, DATA + 8, 8, 0);
    vt_poke(b, DATA + 16, 1, 0xff);
    vt_desc(b, 0, DATA, 16, NEXT, 1);
    vt_desc(b, 1, DATA + 0x1000, 512, NEXT | WRITE, 2);
    vt_desc(b, 2, DATA + 16, 1, WRITE, 0);
    vt_poke(b, AVAIL + 4, 2, 0);
    vt_poke(b, AVAIL + 2, 2, 1);
    vt_poke(b, MMIO + 0x50, 4, 1);
    while (block_in_flight(machine_find_backend(bench_machine(b), "drive", "d0"))) {
        loop_iterate(bench_machine(b), true);
    }
    bench_run_loop(b);
    EXPECT_EQ(vt_peek(b, DATA + 16, 1), 0);
    EXPECT_EQ(vt_peek(b, USED + 2, 2), 1);
    vt_end(b, &host);
}
