/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

TEST(gpio_key, is_held_and_let_go)
{
    Bench *b = bench_device("gpio-key", "");

    EXPECT(!bench_pin(b, "out"));
    bench_set_pin(b, "press", true);
    bench_set_pin(b, "press", false);
    EXPECT(bench_pin(b, "out"));
    bench_run_ns(b, 60000000); /* longer than drivers wait for it to settle */
    EXPECT(bench_pin(b, "out"));
    bench_run_ns(b, 60000000);
    EXPECT(!bench_pin(b, "out"));
    bench_set_pin(b, "press", true);
    EXPECT(bench_pin(b, "out"));
    bench_reset(b);
    EXPECT(!bench_pin(b, "out"));
    bench_end(b);
}
