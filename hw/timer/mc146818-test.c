/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/timer/mc146818.h"

#include "core/bench.h"
#include "tests/unit.h"

static uint8_t get(Bench *b, uint8_t at)
{
    (void)bench_write_at(b, 0, 0, 1, at);
    return (uint8_t)bench_read_at(b, 0, 1, 1);
}

static void put(Bench *b, uint8_t at, uint8_t val)
{
    (void)bench_write_at(b, 0, 0, 1, at);
    (void)bench_write_at(b, 0, 1, 1, val);
}

TEST(mc146818, time_is_set_and_goes_on)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0xb, 0x82); /* SET, 24 hours, BCD */
    put(b, 0, 0x58);
    put(b, 2, 0x59);
    put(b, 4, 0x23);
    put(b, 7, 0x28);
    put(b, 8, 0x02);
    put(b, 9, 0x24);
    put(b, 0x32, 0x20);
    put(b, 0xb, 0x02);
    EXPECT_EQ(get(b, 9), 0x24);
    EXPECT_EQ(get(b, 8), 0x02);
    EXPECT_EQ(get(b, 4), 0x23);
    EXPECT_EQ(get(b, 0xd), 0x80);
    bench_run_ns(b, 3 * NS_PER_S);
    EXPECT_EQ(get(b, 7), 0x29); /* a leap year */
    EXPECT_EQ(get(b, 4), 0x00);
    put(b, 0xb, 0x04); /* binary, 12 hours */
    EXPECT_EQ(get(b, 4), 12);
    bench_end(b);
}

TEST(mc146818, before_the_first_year)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0xb, 0x82);
    put(b, 9, 0);
    put(b, 0x32, 0);
    put(b, 7, 1);
    put(b, 8, 0); /* the month before the first */
    put(b, 0xb, 0x02);
    EXPECT_EQ(get(b, 8), 0x12);
    EXPECT_EQ(get(b, 9), 0x99);
    EXPECT_EQ(get(b, 0x32), 0x99);
    put(b, 0, 0x30);
    EXPECT_EQ(get(b, 0x32), 0x99);
    bench_end(b);
}

TEST(mc146818, periodic_interrupt_and_its_flags)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0xa, 0x26); /* 1024 Hz */
    put(b, 0xb, 0x42);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, NS_PER_MS);
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(get(b, 0xc), 0xc0);
    EXPECT(!bench_pin(b, "irq"));
    EXPECT_EQ(get(b, 0xc), 0);
    put(b, 0xb, 0x02);
    bench_run_ns(b, 10 * NS_PER_MS);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}

TEST(mc146818, alarm)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0xa, 0x26);
    put(b, 0xb, 0x82);
    put(b, 0, 0x10);
    put(b, 1, 0x12);
    put(b, 3, 0xff);
    put(b, 5, 0xff);
    put(b, 0xb, 0x22);
    bench_run_ns(b, NS_PER_S);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 2 * NS_PER_S);
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(get(b, 0xc) & 0x20, 0x20);
    bench_end(b);
}

TEST(mc146818, ram)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0x7f, 0x5a);
    put(b, 0x0e, 0xa5);
    EXPECT_EQ(get(b, 0x7f), 0x5a);
    EXPECT_EQ(get(b, 0x0e), 0xa5);
    EXPECT_EQ(get(b, 0x8e), 0xa5); /* bit 7 is the NMI's mask */
    bench_end(b);
}

TEST(mc146818, its_line_is_another_s)
{
    Bench *b = bench_device("mc146818rtc", "");

    put(b, 0xa, 0x26);
    put(b, 0xb, 0x42);
    bench_run_ns(b, 2 * NS_PER_MS);
    EXPECT(bench_pin(b, "irq"));
    bench_set_pin(b, "disable", true);
    EXPECT(!bench_pin(b, "irq"));
    bench_set_pin(b, "disable", false);
    EXPECT(bench_pin(b, "irq"));
    bench_end(b);
}
