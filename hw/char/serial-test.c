/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

static uint8_t get(Bench *b, unsigned at)
{
    return (uint8_t)bench_read_at(b, 0, at, 1);
}

static void put(Bench *b, unsigned at, uint8_t val)
{
    (void)bench_write_at(b, 0, at, 1, val);
}

TEST(serial, divisor_and_scratch)
{
    Bench *b = bench_device("isa-serial", "");

    put(b, 3, 0x83);
    put(b, 0, 1);
    put(b, 1, 2);
    EXPECT_EQ(get(b, 0), 1);
    EXPECT_EQ(get(b, 1), 2);
    put(b, 3, 3);
    EXPECT_EQ(get(b, 1), 0);
    put(b, 7, 0x5a);
    EXPECT_EQ(get(b, 7), 0x5a);
    EXPECT_EQ(get(b, 5), 0x60);
    EXPECT_EQ(get(b, 2), 1);
    put(b, 2, 1);
    EXPECT_EQ(get(b, 2), 0xc1);
    bench_end(b);
}

TEST(serial, loop_back)
{
    Bench *b = bench_device("isa-serial", "");

    put(b, 2, 0xc1); /* FIFO, 14 bytes */
    put(b, 4, 0x1b); /* loop */
    EXPECT_EQ(get(b, 6) & 0xf0, 0xb0);
    for (unsigned i = 0; i < 17; i++) {
        put(b, 0, (uint8_t)('a' + i));
    }
    EXPECT_EQ(get(b, 5) & 3, 3); /* data, overrun */
    EXPECT_EQ(get(b, 5) & 3, 1);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(get(b, 0), 'a' + i);
    }
    EXPECT_EQ(get(b, 5) & 1, 0);
    bench_end(b);
}

TEST(serial, interrupt_of_the_transmitter)
{
    Bench *b = bench_device("isa-serial", "");

    put(b, 4, 0x08);
    put(b, 1, 2);
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(get(b, 2), 2); /* reading it clears the cause */
    EXPECT(!bench_pin(b, "irq"));
    put(b, 0, 'x');
    EXPECT(bench_pin(b, "irq"));
    put(b, 4, 0);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}

/* Linux on malta reads and writes words: each is one register, once. */
TEST(serial, words_in_memory)
{
    Bench *b = bench_device("serial-mm", "");

    (void)bench_write_at(b, 0, 7 * 8, 4, 0x12345678);
    EXPECT_EQ(bench_read_at(b, 0, 7 * 8, 1), 0x78);
    EXPECT_EQ(bench_read_at(b, 0, 7 * 8, 4), 0x78);
    EXPECT_EQ(bench_read_at(b, 0, 7 * 8, 8), 0x78);
    (void)bench_write_at(b, 0, 4 * 8, 4, 0x10); /* loop */
    (void)bench_write_at(b, 0, 2 * 8, 4, 0xc1);
    (void)bench_write_at(b, 0, 0, 4, 'a');
    (void)bench_write_at(b, 0, 0, 4, 'b');
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 'a');
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 'b');
    EXPECT_EQ(bench_read_at(b, 0, 5 * 8, 4), 0x60);
    bench_end(b);
    b = bench_device("serial-mm", "big-endian=on");
    (void)bench_write_at(b, 0, 7 * 8, 4, 0x78563412);
    EXPECT_EQ(bench_read_at(b, 0, 7 * 8, 1), 0x78);
    EXPECT_EQ(bench_read_at(b, 0, 7 * 8, 4), 0x78000000);
    bench_end(b);
    b = bench_device("serial-mm", "regshift=0");
    (void)bench_write_at(b, 0, 7, 1, 0x5a);
    EXPECT_EQ(bench_read_at(b, 0, 4, 4), 0x5ab06008); /* MCR: OUT2 */
    bench_end(b);
}
