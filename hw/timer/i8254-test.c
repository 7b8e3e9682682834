/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/timer/i8254.h"

#include "core/bench.h"
#include "tests/unit.h"

enum { TIMERS, PORT61 };
enum { TICK_NS = 838 }; /* and a little: 1193182 Hz */

static void pit_program(Bench *b, unsigned n, unsigned mode, unsigned count)
{
    bench_write_at(b, TIMERS, 3, 1, n << 6 | 3 << 4 | mode << 1);
    bench_write_at(b, TIMERS, n, 1, count & 0xff);
    bench_write_at(b, TIMERS, n, 1, count >> 8);
}

static unsigned pit_count(Bench *b, unsigned n)
{
    unsigned low;

    bench_write_at(b, TIMERS, 3, 1, n << 6);
    low = (unsigned)bench_read_at(b, TIMERS, n, 1);
    return low | (unsigned)bench_read_at(b, TIMERS, n, 1) << 8;
}

TEST(i8254, terminal_count)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    bench_write_at(b, TIMERS, 3, 1, 0x30);
    EXPECT(!bench_pin(b, "irq"));
    pit_program(b, 0, 0, 1000);
    bench_run_ns(b, 100 * TICK_NS + 100);
    EXPECT_EQ(pit_count(b, 0), 900);
    bench_run_ns(b, 890 * TICK_NS);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 20 * TICK_NS);
    EXPECT(bench_pin(b, "irq"));
    bench_end(b);
}

TEST(i8254, square_wave)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    pit_program(b, 0, 3, 11932); /* 100 Hz */
    EXPECT(bench_pin(b, "irq"));
    bench_run_ns(b, 6 * NS_PER_MS);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 5 * NS_PER_MS);
    EXPECT(bench_pin(b, "irq"));
    bench_run_ns(b, 5 * NS_PER_MS);
    EXPECT(!bench_pin(b, "irq"));
    EXPECT_EQ(pit_count(b, 0) & 1, 0);
    bench_end(b);
}

TEST(i8254, rate_generator_and_read_back)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    pit_program(b, 0, 2, 1000);
    bench_run_ns(b, 250 * TICK_NS + 200);
    EXPECT_EQ(pit_count(b, 0), 750);
    bench_run_ns(b, 1000 * TICK_NS);
    EXPECT(pit_count(b, 0) <= 750 && pit_count(b, 0) >= 745);
    bench_write_at(b, TIMERS, 3, 1, 0xe2);                  /* status of timer 0 */
    EXPECT_EQ(bench_read_at(b, TIMERS, 0, 1), 0x80 | 0x34); /* high, a word, mode 2 */
    bench_end(b);
}

TEST(i8254, gate_and_output_of_the_speaker)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    bench_write_at(b, PORT61, 0, 1, 0);
    pit_program(b, 2, 0, 100);
    bench_run_ns(b, 200 * TICK_NS);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x23, 0); /* the gate holds it */
    bench_write_at(b, PORT61, 0, 1, 3);
    bench_run_ns(b, 40 * TICK_NS);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x23, 3);
    bench_write_at(b, PORT61, 0, 1, 0); /* it stands at 60 */
    bench_run_ns(b, 100 * TICK_NS);
    bench_write_at(b, PORT61, 0, 1, 1);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x20, 0);
    bench_run_ns(b, 62 * TICK_NS);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x20, 0x20);
    bench_end(b);
}

TEST(i8254, bcd_and_one_shot)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    bench_write_at(b, TIMERS, 3, 1, 0x31);
    bench_write_at(b, TIMERS, 0, 1, 0x00);
    bench_write_at(b, TIMERS, 0, 1, 0x20); /* 2000 */
    bench_run_ns(b, 1 * TICK_NS + 100);
    EXPECT_EQ(pit_count(b, 0), 0x1999);
    bench_write_at(b, PORT61, 0, 1, 0);
    pit_program(b, 2, 1, 50);
    bench_run_ns(b, 60 * TICK_NS);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x20, 0x20);
    bench_write_at(b, PORT61, 0, 1, 1); /* the gate's edge begins it */
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x20, 0);
    bench_run_ns(b, 52 * TICK_NS);
    EXPECT_EQ(bench_read_at(b, PORT61, 0, 1) & 0x20, 0x20);
    bench_end(b);
}

TEST(i8254, hpet_takes_the_line)
{
    Bench *b = bench_device_type(&device_i8254, NULL);

    pit_program(b, 0, 2, 1000);
    EXPECT(bench_pin(b, "irq"));
    bench_set_pin(b, "disable", true);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}
