/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "core/clock.h"
#include "tests/unit.h"

TEST(pl031, counts_and_is_set)
{
    Bench *b = bench_device("pl031", "");

    bench_write(b, "RTCLR", 1000);
    EXPECT_EQ(bench_read(b, "RTCDR") - 1000 <= 1, 1);
    EXPECT_EQ(bench_read(b, "RTCCR"), 1);
    EXPECT_EQ(bench_read(b, "RTCPeriphID0"), 0x31);
    bench_end(b);
}

TEST(pl031, match_now_interrupts)
{
    Bench *b = bench_device("pl031", "");

    bench_write(b, "RTCIMSC", 1);
    bench_write(b, "RTCMR", bench_read(b, "RTCDR"));
    EXPECT(bench_pin(b, "irq"));
    bench_write(b, "RTCICR", 1);
    EXPECT(!bench_pin(b, "irq"));
    bench_end(b);
}
