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
