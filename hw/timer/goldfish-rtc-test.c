/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

enum { NS = 1000000000 };

static uint64_t gf_now(Bench *b)
{
    uint64_t low = bench_read(b, "TIME_LOW");

    return bench_read(b, "TIME_HIGH") << 32 | low;
}

static void gf_set(Bench *b, uint64_t ns)
{
    bench_write(b, "TIME_HIGH", ns >> 32);
    bench_write(b, "TIME_LOW", (uint32_t)ns);
}

TEST(goldfish_rtc, counts_nanoseconds_and_is_set)
{
    Bench *b = bench_device("goldfish_rtc", "");

    gf_set(b, 1700000000ull * NS);
    EXPECT_EQ(gf_now(b) - 1700000000ull * NS < NS, 1);
    bench_run_ns(b, 5ll * NS);
    EXPECT_EQ(gf_now(b) - 1700000005ull * NS < NS, 1);
    bench_end(b);
}

TEST(goldfish_rtc, an_alarm_interrupts_once)
{
    Bench *b = bench_device("goldfish_rtc", "");
    uint64_t at = 1700000002ull * NS;

    gf_set(b, 1700000000ull * NS);
    bench_write(b, "IRQ_ENABLED", 1);
    bench_write(b, "ALARM_HIGH", at >> 32);
    EXPECT_EQ(bench_read(b, "ALARM_STATUS"), 0);
    bench_write(b, "ALARM_LOW", (uint32_t)at);
    EXPECT_EQ(bench_read(b, "ALARM_STATUS"), 1);
    EXPECT_EQ(bench_read(b, "ALARM_HIGH"), at >> 32);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 3ll * NS);
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "ALARM_STATUS"), 0);
    bench_write(b, "CLEAR_INTERRUPT", 1);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 3ll * NS);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}

TEST(goldfish_rtc, an_alarm_is_taken_back)
{
    Bench *b = bench_device("goldfish_rtc", "");

    gf_set(b, 1000);
    bench_write(b, "IRQ_ENABLED", 1);
    bench_write(b, "ALARM_HIGH", 1);
    bench_write(b, "ALARM_LOW", 0);
    bench_write(b, "CLEAR_ALARM", 1);
    bench_run_ns(b, 10ll * NS);
    EXPECT(!bench_pin(b, "irq"));
    bench_write(b, "ALARM_LOW", 0); /* in the past */
    EXPECT(bench_pin(b, "irq"));
    bench_end(b);
}
