/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

enum { CORE0 = 1 << 0, CORE2 = 1 << 2, PIN0 = 1 << 4, PIN1 = 1 << 5 };

TEST(liointc, a_line_goes_where_its_entry_says)
{
    Bench *b = bench_device("loongson.liointc", "");

    bench_write(b, "ENTRY3", CORE0 | PIN1);
    bench_write(b, "ENTRY4", CORE2 | PIN0);
    bench_set_pin(b, "irq[3]", true);
    bench_set_pin(b, "irq[4]", true);
    EXPECT_EQ(bench_read(b, "INTISR"), 0);
    EXPECT(!bench_pin(b, "irq[1]"));
    bench_write(b, "INTENSET", 1 << 3);
    EXPECT_EQ(bench_read(b, "INTISR"), 1 << 3);
    EXPECT_EQ(bench_read(b, "CORE_INTISR0"), 1 << 3);
    EXPECT_EQ(bench_read(b, "CORE_INTISR2"), 0);
    EXPECT(bench_pin(b, "irq[1]"));
    EXPECT(!bench_pin(b, "irq[8]"));
    bench_write(b, "INTENSET", 1 << 4);
    EXPECT(bench_pin(b, "irq[8]"));
    EXPECT_EQ(bench_read(b, "INTEN"), 3 << 3);
    bench_write(b, "INTENCLR", 1 << 3);
    EXPECT(!bench_pin(b, "irq[1]"));
    bench_set_pin(b, "irq[4]", false);
    EXPECT(!bench_pin(b, "irq[8]"));
    bench_end(b);
}

TEST(liointc, an_edge_is_kept_until_it_is_cleared)
{
    Bench *b = bench_device("loongson.liointc", "");

    bench_write(b, "ENTRY31", CORE0 | PIN0);
    bench_write(b, "INTEDGE", 1u << 31);
    bench_write(b, "INTENSET", 1u << 31);
    bench_set_pin(b, "irq[31]", true);
    bench_set_pin(b, "irq[31]", false);
    EXPECT(bench_pin(b, "irq[0]"));
    bench_write(b, "INTENCLR", 1u << 31);
    bench_write(b, "INTENSET", 1u << 31);
    EXPECT(!bench_pin(b, "irq[0]"));
    bench_set_pin(b, "irq[31]", true);
    EXPECT(bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(liointc, entries_are_bytes)
{
    Bench *b = bench_device("loongson.liointc", "");

    EXPECT_EQ(bench_write_at(b, 0, 0x1e, 1, 0x21), MEM_OK);
    EXPECT_EQ(bench_write_at(b, 0, 0x1f, 1, 0x18), MEM_OK);
    EXPECT_EQ(bench_read_at(b, 0, 0x1c, 4), 0x18210000);
    bench_end(b);
}
