/* SPDX-License-Identifier: Apache-2.0 */
#include "chardev/chardev.h"
#include "core/bench.h"
#include "tests/unit.h"

TEST(pl011, identifies_itself)
{
    Bench *b = bench_device("pl011", "");

    EXPECT_EQ(bench_read(b, "UARTPeriphID0"), 0x11);
    EXPECT_EQ(bench_read(b, "UARTPCellID3"), 0xb1);
    EXPECT_EQ(bench_read(b, "UARTFR"), 0x97);
    EXPECT_EQ(bench_read(b, "UARTCR"), 0x300);
    bench_end(b);
}

TEST(pl011, transmit_interrupt)
{
    Bench *b = bench_device("pl011", "");

    bench_write(b, "UARTIMSC", 1 << 5);
    EXPECT(!bench_pin(b, "irq"));
    bench_write(b, "UARTDR", 'x');
    EXPECT(bench_pin(b, "irq"));
    bench_write(b, "UARTICR", 1 << 5);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}

TEST(pl011, loop_back_fills_the_fifo)
{
    Bench *b = bench_device("pl011", "");

    bench_write(b, "UARTLCR_H", 0x70);
    bench_write(b, "UARTCR", 0x381);
    bench_write(b, "UARTIMSC", 0x50);
    for (unsigned i = 0; i < 17; i++) { /* one too many */
        bench_write(b, "UARTDR", 'a' + i);
    }
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "UARTFR") & 0x50, 0x40);
    EXPECT_EQ(bench_read(b, "UARTRIS") & 1 << 10, 1 << 10);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(bench_read(b, "UARTDR"), 'a' + i);
    }
    EXPECT(!bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "UARTFR") & 0x50, 0x10);
    bench_end(b);
}
