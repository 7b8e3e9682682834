/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of one ring of requests, and a disk behind it on an iothread. */
#include "block/block.h"
#include "core/bench.h"
#include "core/event/loop.h"
#include "hw/scsi/scsi.h"
#include "hw/virtio/virtqueue.h"
#include "tests/held.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_virtio_mmio, device_virtio_scsi;

enum {
    MMIO = 0x10000000,
    QUEUE = 64,
    DESC = BENCH_RAM_BASE,
    AVAIL = DESC + 16 * QUEUE,
    USED = BENCH_RAM_BASE + 0x1000,
    HEADS = BENCH_RAM_BASE + 0x2000, /* of each request 256 bytes: 51 out, 108 in */
    DATA = BENCH_RAM_BASE + 0x8000,  /* 512 each */
    REQUEST = 51,
    RESPONSE = 108,
    ROUND = QUEUE / 4,
};

typedef struct Host {
    int disk;
    BlockBackend *open[200];
    unsigned n_open;
    bool far;
    uint16_t made;      /* requests */
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk fails; NULL: it does not */
} Host;

static IoThread *vst_thread(Machine *m)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    IoThread *t;

    CHECK(options_parse(&o, "iothread,id=io0", "qom-type", &err));
    t = block_iothread_new(m, &o, &err);
    CHECK(t);
    options_deinit(&o);
    return t;
}

static void vst_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Host *h = arg;
    Machine *m = dev->machine;
    Device *bus = device_make(m, &device_virtio_mmio, NULL, "bus0"), *adapter;
    BlockBackend *b =
        h->holds ? held_open(m, h->disk, h->broken) : block_open_fd(m, "d0", dup(h->disk), 0, &err);

    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(m), MMIO);
    adapter = device_make(m, &device_virtio_scsi, NULL, "s0");
    if (h->far) {
        device_set_backend(adapter, "iothread", vst_thread(m));
    }
    CHECK(device_realize(adapter, &err));
    CHECK(b && h->n_open < ARRAY_SIZE(h->open));
    h->open[h->n_open++] = b;
    CHECK(machine_add_backend(m, "drive", "d0", b, &err));
    device_set_backend(dev, "drive", b);
}

static void vst_poke(Bench *b, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t vst_peek(Bench *b, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void vst_drive(Bench *b)
{
    static const uint32_t steps[][2] = {
        { 0x70, 0 },    { 0x70, 1 },     { 0x70, 3 },    { 0x24, 1 }, { 0x20, 1 },
        { 0x24, 0 },    { 0x20, 0 },     { 0x70, 11 },   { 0x30, 2 }, { 0x38, QUEUE },
        { 0x80, DESC }, { 0x90, AVAIL }, { 0xa0, USED }, { 0x44, 1 }, { 0x70, 15 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
        vst_poke(b, MMIO + steps[i][0], 4, steps[i][1]);
    }
    bench_run_loop(b);
}

static Bench *vst_begin(Host *h, bool far)
{
    Bench *b;

    *h = (Host){ .disk = memfd_create("disk", MFD_CLOEXEC), .far = far };
    CHECK(h->disk >= 0 && !ftruncate(h->disk, 1 << 20));
    b = bench_device_setup(&device_scsi_hd, "", vst_plug, h);
    vst_drive(b);
    return b;
}

static void vst_end(Bench *b, Host *h)
{
    bench_end(b);
    for (unsigned i = 0; i < h->n_open; i++) {
        block_close(h->open[i]);
    }
    close(h->disk);
}

static void vst_desc(Bench *b, unsigned i, uint64_t at, uint32_t len, unsigned flags)
{
    vst_poke(b, DESC + 16 * i, 8, at);
    vst_poke(b, DESC + 16 * i + 8, 4, len);
    vst_poke(b, DESC + 16 * i + 12, 2, flags);
    vst_poke(b, DESC + 16 * i + 14, 2, i + 1);
}

/* Request @slot: one block, to or from its place in DATA. The device is told later. */
static void vst_request(Bench *b, Host *h, unsigned slot, bool write, uint32_t lba)
{
    GuestPhys head = HEADS + 256 * slot, data = DATA + 512 * slot;
    unsigned d = 4 * slot;

    for (unsigned i = 0; i < REQUEST; i++) {
        vst_poke(b, head + i, 1, 0);
    }
    vst_poke(b, head, 1, 1); /* of the LUN */
    vst_poke(b, head + 19, 1, write ? 0x2a : 0x28);
    vst_poke(b, head + 19 + 5, 1, lba);
    vst_poke(b, head + 19 + 8, 1, 1);
    vst_poke(b, head + 64 + 11, 1, 0xff); /* the response, to be seen */
    vst_poke(b, head + 64 + 10, 1, 0xff);
    vst_desc(b, d, head, REQUEST, 1);
    if (write) {
        vst_desc(b, d + 1, data, 512, 1);
        vst_desc(b, d + 2, head + 64, RESPONSE, 2);
    } else {
        vst_desc(b, d + 1, head + 64, RESPONSE, 3);
        vst_desc(b, d + 2, data, 512, 2);
    }
    vst_poke(b, AVAIL + 4 + 2 * (h->made % QUEUE), 2, d);
    h->made++;
}

/* What was made is there. */
static void vst_kick(Bench *b, const Host *h)
{
    vst_poke(b, AVAIL + 2, 2, h->made);
    vst_poke(b, MMIO + 0x50, 4, 2);
}

/* All that was made has ended. With an iothread the main loop has nothing to do with it. */
static void vst_await(Bench *b, const Host *h)
{
    for (unsigned i = 0; (uint16_t)vst_peek(b, USED + 2, 2) != h->made && i < 20000; i++) {
        if (h->far) {
            g_usleep(250);
        } else {
            loop_iterate(bench_machine(b), true);
        }
    }
    EXPECT_EQ((uint16_t)vst_peek(b, USED + 2, 2), h->made);
    EXPECT(vst_peek(b, MMIO + 0x70, 4) != 0); /* under its lock: it is done with the memory */
}

static void vst_round(Bench *b, Host *h, unsigned round, bool write)
{
    for (unsigned i = 0; i < ROUND; i++) {
        if (write) {
            for (unsigned k = 0; k < 512; k += 8) {
                vst_poke(b, DATA + 512 * i + k, 8, round * 1000 + i);
            }
        }
        vst_request(b, h, i, write, (round * ROUND + i) % 256);
    }
    vst_kick(b, h);
    vst_await(b, h);
}

static void vst_good(Bench *b)
{
    for (unsigned i = 0; i < ROUND; i++) {
        EXPECT_EQ(vst_peek(b, HEADS + 256 * i + 64 + 10, 2), 0);
    }
}

static void vst_work(bool far)
{
    g_autoptr(GError) err = NULL;
    Host h;
    Bench *b = vst_begin(&h, far);
    Machine *m = bench_machine(b);

    CHECK(machine_resume(m, &err));
    vst_round(b, &h, 0, true); /* among them a unit attention */
    for (unsigned round = 0; round < 20; round++) {
        vst_round(b, &h, round, true);
        vst_good(b);
        vst_round(b, &h, round, false);
        vst_good(b);
        for (unsigned i = 0; i < ROUND; i++) {
            EXPECT_EQ(vst_peek(b, DATA + 512 * i + 504, 8), round * 1000 + i);
        }
    }
    machine_pause(m, RUN_PAUSED);
    bench_run_loop(b);
    vst_end(b, &h);
}

TEST(virtio_scsi, reads_and_writes)
{
    vst_work(false);
}

TEST(virtio_scsi, reads_and_writes_on_an_iothread)
{
    vst_work(true);
}

/* Requests that the iothread finds when the machine goes on. */
static void vst_go_on(Bench *b, Host *h)
{
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < ROUND; i++) {
        vst_request(b, h, i, i & 1, i);
    }
    vst_poke(b, AVAIL + 2, 2, h->made);
    CHECK(machine_resume(bench_machine(b), &err));
}

/* Pauses, a reset, and the end of the unit, while requests are under way. */
TEST(virtio_scsi, is_stopped_under_load)
{
    g_autoptr(GError) err = NULL;
    Host h;
    Bench *b = vst_begin(&h, true);

    for (unsigned round = 0; round < 50; round++) {
        vst_go_on(b, &h);
        machine_pause(bench_machine(b), RUN_PAUSED);
        EXPECT_EQ(block_in_flight(machine_find_backend(bench_machine(b), "drive", "d0")), 0);
        CHECK(machine_resume(bench_machine(b), &err)); /* it may not have seen them before */
        vst_await(b, &h);
        machine_pause(bench_machine(b), RUN_PAUSED);
        vst_go_on(b, &h);
        vst_poke(b, MMIO + 0x70, 4, 0);
        EXPECT_EQ(vst_peek(b, MMIO + 0x70, 4), 0);
        machine_pause(bench_machine(b), RUN_PAUSED);
        h.made = 0;
        vst_poke(b, AVAIL + 2, 2, 0);
        vst_poke(b, USED + 2, 2, 0);
        vst_drive(b);
    }
    vst_go_on(b, &h);
    vst_end(b, &h); /* the iothread has them still */
}

/* Requests that an error holds are in the state: they go on in another machine, whose disk works.
 */
TEST(virtio_scsi, held_requests_are_saved)
{
    Host h;
    Bench *b = vst_begin(&h, false);
    uint8_t sector[512];

    h.holds = true;
    memset(sector, 0x5a, sizeof(sector));
    EXPECT(pwrite(h.disk, sector, 512, 7 * 512) == 512);
    bench_run_loop(b);
    vst_request(b, &h, 0, false, 7); /* a unit attention */
    vst_kick(b, &h);
    vst_await(b, &h);
    for (unsigned write = 0; write < 2; write++) {
        h.broken = write ? "pwritev" : "read_aio";
        bench_run_loop(b);
        vst_request(b, &h, 1, write, write ? 9 : 7);
        vst_kick(b, &h);
        held_await(bench_machine(b));
        bench_run_loop(b);
        EXPECT_EQ((uint16_t)vst_peek(b, USED + 2, 2), h.made - 1);
        held_resume(bench_machine(b)); /* in vain */
        bench_run_loop(b);
        EXPECT_EQ((uint16_t)vst_peek(b, USED + 2, 2), h.made - 1);
        h.broken = NULL;
        bench_run_loop(b);
        held_resume(bench_machine(b));
        vst_await(b, &h);
        EXPECT_EQ(vst_peek(b, HEADS + 256 + 64 + 10, 2), 0);
        EXPECT_EQ(vst_peek(b, DATA + 512, 8), 0x5a5a5a5a5a5a5a5aull);
    }
    EXPECT(pread(h.disk, sector, 512, 9 * 512) == 512 && sector[511] == 0x5a);
    vst_end(b, &h);
}
