/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of the balloon: pages go, statistics come, free pages are reported. */
#include "core/bench.h"
#include "core/device.h"
#include "hw/virtio/virtio-balloon.h"
#include "hw/virtio/virtio.h"
#include "tests/unit.h"

enum {
    MMIO = 0x10000000,
    RING = BENCH_RAM_BASE, /* a page a queue: descriptors, available, used */
    RING_BYTES = 0x1000,
    AVAIL = 0x100,
    USED = 0x200,
    DATA = RING + 0x8000,
    PAGE = RING + 0x10000,
    QUEUE = 8,
    WRITE = 2,
    Q_INFLATE = 0,
    Q_STATS = 2,
    Q_HINT = 3,
    Q_REPORT = 4,
    HINT_CMD = 0x108,
    POISON = 0x10c, /* in MMIO: its configuration begins at 0x100 */
};

static void vb_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *bus = device_make(dev->machine, &device_virtio_mmio, NULL, "bus0");

    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(dev->machine), MMIO);
}

static void vb_poke(Bench *b, GuestPhys gpa, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), gpa, size, val, (MemAttrs){ 0 });
}

static uint64_t vb_peek(Bench *b, GuestPhys gpa, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), gpa, size, &val, (MemAttrs){ 0 });
    return val;
}

static void vb_out(Bench *b, unsigned reg, uint32_t val)
{
    vb_poke(b, MMIO + reg, 4, val);
    bench_run_loop(b);
}

/* All that is offered in the first 32 bits, but for @without. */
static Bench *vb_bench(uint32_t without)
{
    Bench *b = bench_device_setup(&device_virtio_balloon, NULL, vb_plug, NULL);

    EXPECT_EQ(vb_peek(b, MMIO + 8, 4), 5);
    vb_out(b, 0x70, 3);
    vb_out(b, 0x24, 1);
    vb_out(b, 0x20, 1);
    vb_out(b, 0x24, 0);
    vb_out(b, 0x14, 0);
    vb_out(b, 0x20, (uint32_t)vb_peek(b, MMIO + 0x10, 4) & ~(without | 1u << 29));
    vb_out(b, 0x70, 11);
    for (unsigned q = 0; q <= Q_REPORT; q++) {
        vb_out(b, 0x30, q);
        vb_out(b, 0x38, QUEUE);
        vb_out(b, 0x80, RING + q * RING_BYTES);
        vb_out(b, 0x90, RING + q * RING_BYTES + AVAIL);
        vb_out(b, 0xa0, RING + q * RING_BYTES + USED);
        vb_out(b, 0x44, 1);
    }
    vb_out(b, 0x70, 15);
    return b;
}

static void vb_offer(Bench *b, unsigned q, GuestPhys at, uint32_t len, unsigned flags)
{
    GuestPhys ring = RING + q * RING_BYTES;
    uint16_t idx = (uint16_t)vb_peek(b, ring + AVAIL + 2, 2);

    vb_poke(b, ring, 8, at);
    vb_poke(b, ring + 8, 4, len);
    vb_poke(b, ring + 12, 4, flags);
    vb_poke(b, ring + AVAIL + 4 + 2 * (idx % QUEUE), 2, 0);
    vb_poke(b, ring + AVAIL + 2, 2, idx + 1u);
    vb_out(b, 0x50, q);
}

static uint64_t vb_used(Bench *b, unsigned q)
{
    return vb_peek(b, RING + q * RING_BYTES + USED + 2, 2);
}

TEST(virtio_balloon, takes_pages)
{
    Bench *b = vb_bench(0);
    BalloonInfo info;

    EXPECT(balloon_set(bench_machine(b), 3 << 12));
    bench_run_loop(b);
    EXPECT_EQ(vb_peek(b, MMIO + 0x100, 4), 3);
    EXPECT_EQ(vb_peek(b, MMIO + 0x60, 4), 2); /* the configuration has changed */
    for (unsigned i = 0; i < 4; i++) {
        vb_poke(b, PAGE + i * 0x1000, 8, 0x1122334455667788);
    }
    /* Two pages in a row, one elsewhere, and one where no memory is. */
    vb_poke(b, DATA, 4, PAGE >> 12);
    vb_poke(b, DATA + 4, 4, (PAGE >> 12) + 1);
    vb_poke(b, DATA + 8, 4, (PAGE >> 12) + 3);
    vb_poke(b, DATA + 12, 4, UINT32_MAX);
    vb_offer(b, Q_INFLATE, DATA, 16, 0);
    EXPECT_EQ(vb_used(b, Q_INFLATE), 1);
    EXPECT_EQ(vb_peek(b, PAGE, 8), 0);
    EXPECT_EQ(vb_peek(b, PAGE + 0x1000, 8), 0);
    EXPECT_EQ(vb_peek(b, PAGE + 0x2000, 8), 0x1122334455667788);
    EXPECT_EQ(vb_peek(b, PAGE + 0x3000, 8), 0);
    vb_out(b, 0x104, 3); /* actual */
    EXPECT(balloon_get(bench_machine(b), &info));
    EXPECT_EQ(info.taken, 3 << 12);
    EXPECT(!info.stats_there);
    bench_end(b);
}

TEST(virtio_balloon, statistics)
{
    Bench *b = vb_bench(0);
    BalloonInfo info;

    vb_poke(b, DATA, 2, 4); /* free memory */
    vb_poke(b, DATA + 2, 2, 0x5000);
    vb_poke(b, DATA + 4, 4, 0);
    vb_poke(b, DATA + 8, 2, 0);
    vb_poke(b, DATA + 10, 2, 99); /* unknown */
    vb_offer(b, Q_STATS, DATA, 20, 0);
    EXPECT_EQ(vb_used(b, Q_STATS), 0); /* kept until new ones are wanted */
    EXPECT(balloon_get(bench_machine(b), &info));
    EXPECT(info.stats_there);
    EXPECT_EQ(info.stats[4], 0x5000);
    EXPECT_EQ(info.stats[0], UINT64_MAX);
    EXPECT_EQ(vb_used(b, Q_STATS), 1);
    /* The next ones are asked for by the clock. */
    vb_offer(b, Q_STATS, DATA, 10, 0);
    bench_no_reload(b);
    EXPECT(balloon_set_polling(bench_machine(b), 2));
    bench_run_ns(b, NS_PER_S);
    EXPECT_EQ(vb_used(b, Q_STATS), 1);
    bench_run_ns(b, NS_PER_S);
    EXPECT_EQ(vb_used(b, Q_STATS), 2);
    bench_end(b);
}

TEST(virtio_balloon, reported_pages)
{
    for (unsigned poison = 0; poison < 2; poison++) {
        Bench *b = vb_bench(0);

        vb_out(b, POISON, poison ? 0xaa : 0);
        vb_poke(b, PAGE, 8, 5);
        vb_poke(b, PAGE + 0x1000, 8, 6);
        vb_poke(b, PAGE + 0x2000, 8, 7);
        /* Not the page of which half is given alone. */
        vb_offer(b, Q_REPORT, PAGE, 0x2800, WRITE);
        EXPECT_EQ(vb_used(b, Q_REPORT), 1);
        EXPECT_EQ(vb_peek(b, PAGE, 8), poison ? 5 : 0);
        EXPECT_EQ(vb_peek(b, PAGE + 0x1000, 8), poison ? 6 : 0);
        EXPECT_EQ(vb_peek(b, PAGE + 0x2000, 8), 7);
        bench_end(b);
    }
}

TEST(virtio_balloon, hints_of_a_round)
{
    Bench *b = vb_bench(0);
    Machine *m = bench_machine(b);
    uint32_t round;

    for (unsigned n = 0; n < 2; n++) {
        vb_poke(b, PAGE, 8, 5);
        vb_poke(b, PAGE + 0x1000, 8, 6);
        EXPECT(balloon_hint(m, true));
        bench_run_loop(b);
        m = bench_machine(b);
        round = (uint32_t)vb_peek(b, MMIO + HINT_CMD, 4);
        EXPECT(round >= 0x80000000u);
        vb_offer(b, Q_HINT, PAGE, 0x1000, WRITE); /* before the round's number: nothing */
        EXPECT_EQ(vb_peek(b, PAGE, 8), 5);
        vb_poke(b, DATA, 4, round);
        vb_offer(b, Q_HINT, DATA, 4, 0);
        vb_offer(b, Q_HINT, PAGE, 0x1000, WRITE);
        EXPECT_EQ(vb_peek(b, PAGE, 8), 0);
        m = bench_machine(b);
        EXPECT(!balloon_hint_is_done(m));
        vb_poke(b, DATA, 4, 0);
        vb_offer(b, Q_HINT, DATA, 4, 0);
        m = bench_machine(b);
        EXPECT(balloon_hint_is_done(m));
        EXPECT(balloon_hint(m, false));
        bench_run_loop(b);
        m = bench_machine(b);
        EXPECT_EQ(vb_peek(b, MMIO + HINT_CMD, 4), 1);
        vb_poke(b, DATA, 4, round); /* it is over */
        vb_offer(b, Q_HINT, DATA, 4, 0);
        vb_offer(b, Q_HINT, PAGE + 0x1000, 0x1000, WRITE);
        EXPECT_EQ(vb_peek(b, PAGE + 0x1000, 8), 6);
        EXPECT_EQ(vb_used(b, Q_HINT), 6 * (n + 1));
        m = bench_machine(b);
    }
    bench_end(b);
}

/* A driver without hints counts its queue of reports as the fourth. */
TEST(virtio_balloon, reports_without_hints)
{
    Bench *b = vb_bench(1u << 3);

    EXPECT(!balloon_hint(bench_machine(b), true));
    vb_poke(b, PAGE, 8, 5);
    vb_offer(b, Q_HINT, PAGE, 0x1000, WRITE);
    EXPECT_EQ(vb_peek(b, PAGE, 8), 0);
    bench_end(b);
}
