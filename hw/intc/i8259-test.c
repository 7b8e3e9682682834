/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/intc/i8259.h"

#include "core/bench.h"
#include "tests/unit.h"

enum { PRIMARY, SECOND, ELCR };

static Bench *pic_bench(void)
{
    static const uint8_t words[2][4] = { { 0x11, 0x08, 0x04, 0x01 }, { 0x11, 0x70, 0x02, 0x01 } };
    Bench *b = bench_device_type(&device_i8259, NULL);

    for (unsigned chip = 0; chip < 2; chip++) {
        bench_write_at(b, chip, 0, 1, words[chip][0]);
        for (unsigned i = 1; i < 4; i++) {
            bench_write_at(b, chip, 1, 1, words[chip][i]);
        }
    }
    return b;
}

static void pic_line(Bench *b, unsigned n, bool level)
{
    g_autofree char *name = g_strdup_printf("irq[%u]", n);

    bench_set_pin(b, name, level);
}

static unsigned pic_ack(Bench *b)
{
    return i8259_acknowledge(bench_dev(b));
}

TEST(i8259, edge_is_served_once)
{
    Bench *b = pic_bench();

    EXPECT(!bench_pin(b, "intr"));
    pic_line(b, 4, true);
    EXPECT(bench_pin(b, "intr"));
    EXPECT_EQ(bench_read_at(b, PRIMARY, 0, 1), 0x10);
    EXPECT_EQ(pic_ack(b), 0x0c);
    bench_write_at(b, PRIMARY, 0, 1, 0x0b); /* read the in-service register */
    EXPECT_EQ(bench_read_at(b, PRIMARY, 0, 1), 0x10);
    EXPECT(!bench_pin(b, "intr"));
    bench_write_at(b, PRIMARY, 0, 1, 0x20);
    EXPECT_EQ(bench_read_at(b, PRIMARY, 0, 1), 0);
    EXPECT(!bench_pin(b, "intr")); /* the line still stands, but there was no edge */
    pic_line(b, 4, false);
    pic_line(b, 4, true);
    EXPECT(bench_pin(b, "intr"));
    bench_end(b);
}

TEST(i8259, level_stays_until_the_line_falls)
{
    Bench *b = pic_bench();

    bench_write_at(b, ELCR, 1, 1, 0xff);
    EXPECT_EQ(bench_read_at(b, ELCR, 1, 1), 0xde);
    pic_line(b, 11, true);
    EXPECT_EQ(pic_ack(b), 0x73);
    bench_write_at(b, SECOND, 0, 1, 0x20);
    bench_write_at(b, PRIMARY, 0, 1, 0x20);
    EXPECT(bench_pin(b, "intr"));
    pic_line(b, 11, false);
    EXPECT(!bench_pin(b, "intr"));
    bench_end(b);
}

TEST(i8259, higher_priority_interrupts_lower)
{
    Bench *b = pic_bench();

    pic_line(b, 5, true);
    EXPECT_EQ(pic_ack(b), 0x0d);
    pic_line(b, 7, true);
    EXPECT(!bench_pin(b, "intr"));
    pic_line(b, 1, true);
    EXPECT_EQ(pic_ack(b), 0x09);
    bench_write_at(b, PRIMARY, 0, 1, 0x20); /* non-specific: of 1 */
    EXPECT(!bench_pin(b, "intr"));
    bench_write_at(b, PRIMARY, 0, 1, 0x65); /* specific: of 5 */
    EXPECT_EQ(pic_ack(b), 0x0f);
    bench_end(b);
}

TEST(i8259, masked_and_spurious)
{
    Bench *b = pic_bench();

    bench_write_at(b, PRIMARY, 1, 1, 0xfb);
    bench_write_at(b, SECOND, 1, 1, 0xfe);
    pic_line(b, 3, true);
    pic_line(b, 9, true);
    EXPECT(!bench_pin(b, "intr"));
    EXPECT_EQ(pic_ack(b), 0x0f); /* nobody is there: input 7 of the first */
    bench_write_at(b, SECOND, 1, 1, 0xfc);
    EXPECT(bench_pin(b, "intr"));
    pic_line(b, 9, false);
    EXPECT(!bench_pin(b, "intr"));
    EXPECT_EQ(bench_read_at(b, SECOND, 1, 1), 0xfc);
    bench_end(b);
}

TEST(i8259, rotation)
{
    Bench *b = pic_bench();

    bench_write_at(b, PRIMARY, 0, 1, 0xc3); /* 3 is lowest: 4 is highest */
    pic_line(b, 3, true);
    pic_line(b, 6, true);
    EXPECT_EQ(pic_ack(b), 0x0e);
    bench_write_at(b, PRIMARY, 0, 1, 0xa0); /* rotate on non-specific end: 6 is lowest */
    EXPECT_EQ(pic_ack(b), 0x0b);
    bench_end(b);
}

TEST(i8259, poll_and_special_mask)
{
    Bench *b = pic_bench();

    pic_line(b, 1, true);
    bench_write_at(b, PRIMARY, 0, 1, 0x0c);
    EXPECT_EQ(bench_read_at(b, PRIMARY, 0, 1), 0x81);
    pic_line(b, 6, true);
    EXPECT(!bench_pin(b, "intr")); /* 1 is in service */
    bench_write_at(b, PRIMARY, 0, 1, 0x68);
    EXPECT(bench_pin(b, "intr"));
    bench_end(b);
}

TEST(i8259, automatic_end)
{
    Bench *b = bench_device_type(&device_i8259, NULL);

    bench_write_at(b, PRIMARY, 0, 1, 0x13); /* one chip alone */
    bench_write_at(b, PRIMARY, 1, 1, 0x20);
    bench_write_at(b, PRIMARY, 1, 1, 0x03);
    pic_line(b, 0, true);
    EXPECT_EQ(pic_ack(b), 0x20);
    pic_line(b, 7, true);
    EXPECT_EQ(pic_ack(b), 0x27);
    bench_write_at(b, PRIMARY, 0, 1, 0x0b);
    EXPECT_EQ(bench_read_at(b, PRIMARY, 0, 1), 0);
    bench_end(b);
}
