/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/timer/hpet.h"

#include "core/bench.h"
#include "tests/unit.h"

enum { CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, T0 = 0x100, T1 = 0x120 };

TEST(hpet, counts_at_100_mhz)
{
    Bench *b = bench_device_type(&device_hpet, NULL);

    EXPECT_EQ(bench_read_at(b, 0, 0, 8), 0x989680ull << 32 | 0x8086a201);
    bench_run_ns(b, 1000);
    EXPECT_EQ(bench_read_at(b, 0, COUNTER, 8), 0);
    bench_write_at(b, 0, COUNTER, 8, 7);
    bench_write_at(b, 0, CONFIG, 8, 1);
    bench_run_ns(b, 1000);
    EXPECT_EQ(bench_read_at(b, 0, COUNTER, 8), 107);
    bench_write_at(b, 0, CONFIG, 8, 0);
    bench_run_ns(b, 1000);
    EXPECT_EQ(bench_read_at(b, 0, COUNTER, 4), 107);
    bench_end(b);
}

TEST(hpet, level_one_shot)
{
    Bench *b = bench_device_type(&device_hpet, NULL);

    bench_write_at(b, 0, T0, 4, 16 << 9 | 1 << 1 | 1 << 2);
    bench_write_at(b, 0, T0 + 8, 8, 100);
    bench_write_at(b, 0, CONFIG, 8, 1);
    bench_run_ns(b, 990);
    EXPECT(!bench_pin(b, "irq[16]"));
    bench_run_ns(b, 20);
    EXPECT(bench_pin(b, "irq[16]"));
    EXPECT_EQ(bench_read_at(b, 0, STATUS, 4), 1);
    bench_write_at(b, 0, STATUS, 4, 1);
    EXPECT(!bench_pin(b, "irq[16]"));
    bench_run_ns(b, 100000);
    EXPECT(!bench_pin(b, "irq[16]"));
    bench_end(b);
}

TEST(hpet, periodic)
{
    Bench *b = bench_device_type(&device_hpet, NULL);

    bench_write_at(b, 0, T0, 4, 20 << 9 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8);
    bench_write_at(b, 0, T0 + 8, 4, 50);  /* the first */
    bench_write_at(b, 0, T0 + 8, 4, 100); /* and then every */
    bench_write_at(b, 0, CONFIG, 8, 1);
    bench_run_ns(b, 510);
    EXPECT(bench_pin(b, "irq[20]"));
    EXPECT_EQ(bench_read_at(b, 0, T0 + 8, 8), 150);
    bench_write_at(b, 0, STATUS, 4, 1);
    bench_run_ns(b, 980);
    EXPECT(!bench_pin(b, "irq[20]"));
    bench_run_ns(b, 20);
    EXPECT(bench_pin(b, "irq[20]"));
    bench_end(b);
}

TEST(hpet, legacy_routes)
{
    Bench *b = bench_device_type(&device_hpet, NULL);

    bench_write_at(b, 0, T1, 4, 1 << 1 | 1 << 2);
    bench_write_at(b, 0, T1 + 8, 8, 10);
    bench_write_at(b, 0, CONFIG, 8, 3);
    EXPECT(bench_pin(b, "legacy"));
    bench_run_ns(b, 110);
    EXPECT(bench_pin(b, "irq[8]"));
    bench_write_at(b, 0, CONFIG, 8, 1);
    EXPECT(!bench_pin(b, "legacy"));
    EXPECT(!bench_pin(b, "irq[8]"));
    bench_end(b);
}

TEST(hpet, messages)
{
    Bench *b = bench_device_type(&device_hpet, "msi=on");

    EXPECT_EQ(bench_read_at(b, 0, T0, 4) & 1 << 15, 1 << 15);
    bench_write_at(b, 0, T0, 4, 1 << 14 | 1 << 2);
    bench_write_at(b, 0, T0 + 16, 8, (uint64_t)BENCH_RAM_BASE << 32 | 0x1234);
    bench_write_at(b, 0, T0 + 8, 8, 10);
    bench_write_at(b, 0, CONFIG, 8, 1);
    bench_run_ns(b, 110);
    {
        uint32_t v = 0;

        EXPECT_EQ(
            aspace_read(machine_memory(bench_machine(b)), BENCH_RAM_BASE, &v, 4, (MemAttrs){ 0 }),
            MEM_OK);
        EXPECT_EQ(v, 0x1234);
    }
    bench_end(b);
}

TEST(hpet, an_edge_stands_half_of_its_period)
{
    Bench *b = bench_device_type(&device_hpet, NULL);

    bench_write_at(b, 0, T0, 4, 20 << 9 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8);
    bench_write_at(b, 0, T0 + 8, 4, 100);
    bench_write_at(b, 0, T0 + 8, 4, 100);
    bench_write_at(b, 0, CONFIG, 8, 1);
    for (unsigned i = 0; i < 3; i++) {
        bench_run_ns(b, i ? 500 : 1010);
        EXPECT(bench_pin(b, "irq[20]"));
        bench_run_ns(b, 500);
        EXPECT(!bench_pin(b, "irq[20]"));
    }
    EXPECT_EQ(bench_read_at(b, 0, STATUS, 4), 0);
    /* one shot: until it is programmed again */
    bench_write_at(b, 0, T0, 4, 20 << 9 | 1 << 2 | 1 << 8);
    bench_write_at(b, 0, T0 + 8, 4, (uint32_t)bench_read_at(b, 0, COUNTER, 4) + 10);
    bench_run_ns(b, 5000);
    EXPECT(bench_pin(b, "irq[20]"));
    bench_write_at(b, 0, T0 + 8, 4, 7);
    EXPECT(!bench_pin(b, "irq[20]"));
    bench_end(b);
}
