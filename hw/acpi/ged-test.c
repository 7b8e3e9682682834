/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(ged, tells_of_the_button_once)
{
    Bench *b = bench_device("acpi-ged", "");

    EXPECT(!bench_pin(b, "out"));
    EXPECT_EQ(bench_read(b, "ESEL"), 0);
    for (unsigned i = 0; i < 2; i++) { /* twice before it is read is once */
        bench_set_pin(b, "power", true);
        bench_set_pin(b, "power", false);
        EXPECT(bench_pin(b, "out"));
    }
    EXPECT_EQ(bench_read(b, "ESEL"), 2);
    EXPECT(!bench_pin(b, "out"));
    EXPECT_EQ(bench_read(b, "ESEL"), 0);
    bench_set_pin(b, "power", true);
    EXPECT(bench_pin(b, "out"));
    bench_reset(b);
    EXPECT(!bench_pin(b, "out"));
    EXPECT_EQ(bench_read(b, "ESEL"), 0);
    bench_end(b);
}

/* What does end or reset a machine: tests/kvm/ged.S. */
TEST(ged, power_takes_its_values_alone)
{
    Bench *b = bench_device("acpi-ged", "");

    EXPECT_EQ(bench_write_at(b, 1, 0, 1, 5 << 2), MEM_OK);          /* no SLP_EN */
    EXPECT_EQ(bench_write_at(b, 1, 0, 1, 1 << 5 | 3 << 2), MEM_OK); /* S3: there is none */
    EXPECT_EQ(bench_write_at(b, 1, 1, 1, 0x80), MEM_OK);
    EXPECT_EQ(bench_write_at(b, 1, 2, 1, 0x41), MEM_OK);
    EXPECT_EQ(bench_read_at(b, 1, 0, 1), 0);
    EXPECT_EQ(bench_read_at(b, 1, 1, 1), 0);
    bench_end(b);
}
