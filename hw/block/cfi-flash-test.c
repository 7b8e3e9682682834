/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(cfi_flash, query_program_erase)
{
    Bench *b = bench_device("cfi.pflash01", "size=1M");

    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0xffffffff);
    bench_write_at(b, 0, 0x55 * 4, 4, 0x00980098);
    EXPECT_EQ(bench_read_at(b, 0, 0x10 * 4, 4), 0x00510051);
    EXPECT_EQ(bench_read_at(b, 0, 0x27 * 4, 4), 0x00130013);
    EXPECT_EQ(bench_read_at(b, 0, 0x2d * 4, 4), 0x00030003);
    bench_write_at(b, 0, 0x100, 4, 0x00400040);
    bench_write_at(b, 0, 0x100, 4, 0x12345678);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0x00800080);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0x12345678);
    bench_write_at(b, 0, 0x100, 4, 0x00200020);
    bench_write_at(b, 0, 0x100, 4, 0x00d000d0);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0xffffffff);
    bench_end(b);
}

TEST(cfi_flash, buffered_program_clears_bits_only)
{
    Bench *b = bench_device("cfi.pflash01", "size=1M");

    bench_write_at(b, 0, 0x200, 4, 0x00e800e8);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0x00800080);
    bench_write_at(b, 0, 0x200, 4, 0x00010001); /* two words */
    bench_write_at(b, 0, 0x200, 4, 0xff00ff00);
    bench_write_at(b, 0, 0x204, 4, 2);
    bench_write_at(b, 0, 0x200, 4, 0x00d000d0);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0xff00ff00);
    EXPECT_EQ(bench_read_at(b, 0, 0x204, 4), 2);
    bench_end(b);
}
