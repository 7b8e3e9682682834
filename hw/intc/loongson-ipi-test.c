/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(loongson_ipi, enabled_requests_interrupt_their_core)
{
    Bench *b = bench_device("loongson_ipi", "");

    bench_write(b, "IPI_SET2", 0x11);
    EXPECT_EQ(bench_read(b, "IPI_STATUS2"), 0x11);
    EXPECT(!bench_pin(b, "irq[2]"));
    bench_write(b, "IPI_ENABLE2", 0x10);
    EXPECT(bench_pin(b, "irq[2]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    bench_write(b, "IPI_CLEAR2", 0x10);
    EXPECT(!bench_pin(b, "irq[2]"));
    EXPECT_EQ(bench_read(b, "IPI_STATUS2"), 0x01);
    bench_end(b);
}

TEST(loongson_ipi, mailboxes_are_of_64_bits)
{
    Bench *b = bench_device("loongson_ipi", "");

    EXPECT_EQ(bench_write_at(b, 0, 0x320, 8, 0x1122334455667788), MEM_OK);
    EXPECT_EQ(bench_write_at(b, 0, 0x33c, 4, 0x99aabbcc), MEM_OK);
    EXPECT_EQ(bench_read_at(b, 0, 0x324, 4), 0x11223344);
    EXPECT_EQ(bench_read_at(b, 0, 0x338, 8), 0x99aabbcc00000000);
    EXPECT_EQ(bench_read_at(b, 0, 0x220, 8), 0);
    bench_end(b);
}
