/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(parallel, registers)
{
    Bench *b = bench_device("isa-parallel", "");

    EXPECT_EQ(bench_read_at(b, 0, 1, 1), 0xdf);
    EXPECT_EQ(bench_read_at(b, 0, 2, 1), 0xcc);
    bench_write_at(b, 0, 0, 1, 0x41);
    EXPECT_EQ(bench_read_at(b, 0, 0, 1), 0x41);
    bench_write_at(b, 0, 2, 1, 0x1d); /* strobe, with nobody at the other end */
    bench_write_at(b, 0, 2, 1, 0x1c);
    EXPECT_EQ(bench_read_at(b, 0, 2, 1), 0xdc);
    bench_write_at(b, 0, 2, 1, 0x2c); /* input: nobody drives the lines */
    EXPECT_EQ(bench_read_at(b, 0, 0, 1), 0xff);
    bench_write_at(b, 0, 1, 1, 0);
    EXPECT_EQ(bench_read_at(b, 0, 1, 1), 0xdf);
    EXPECT_EQ(bench_read_at(b, 0, 3, 1), 0xff);
    bench_reset(b);
    EXPECT_EQ(bench_read_at(b, 0, 2, 1), 0xcc);
    bench_end(b);
}
