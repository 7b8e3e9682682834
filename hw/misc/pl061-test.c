/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(pl061, masked_data_and_outputs)
{
    Bench *b = bench_device("pl061", "");

    bench_write(b, "GPIODIR", 0x0f);
    bench_write_at(b, 0, 0x05 << 2, 4, 0xff); /* lines 0 and 2 alone */
    EXPECT(bench_pin(b, "out[0]"));
    EXPECT(!bench_pin(b, "out[1]"));
    bench_set_pin(b, "in[7]", true);
    EXPECT_EQ(bench_read_at(b, 0, 0x3fc, 4), 0x85);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0x80);
    bench_end(b);
}

TEST(pl061, rising_edge_interrupts)
{
    Bench *b = bench_device("pl061", "");

    bench_write(b, "GPIOIEV", 8);
    bench_write(b, "GPIOIE", 8);
    bench_set_pin(b, "in[3]", true);
    EXPECT(bench_pin(b, "irq"));
    bench_set_pin(b, "in[3]", false);
    EXPECT(bench_pin(b, "irq"));
    bench_write(b, "GPIOIC", 8);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}

TEST(pl061, level_follows_the_line)
{
    Bench *b = bench_device("pl061", "");

    bench_write(b, "GPIOIEV", 1);
    bench_write(b, "GPIOIS", 1);
    bench_write(b, "GPIOIE", 1);
    bench_set_pin(b, "in[0]", true);
    EXPECT(bench_pin(b, "irq"));
    bench_write(b, "GPIOIC", 1);
    EXPECT(bench_pin(b, "irq"));
    bench_set_pin(b, "in[0]", false);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}
