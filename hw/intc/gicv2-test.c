/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "tests/unit.h"

enum { DIST, CPU };

static uint64_t gic_read(Bench *b, unsigned region, uint64_t off)
{
    return bench_read_at(b, region, off, 4);
}

static void gic_write(Bench *b, unsigned region, uint64_t off, uint64_t val)
{
    EXPECT_EQ(bench_write_at(b, region, off, 4, val), MEM_OK);
}

static Bench *gic_bench(const char *props)
{
    Bench *b = bench_device("arm_gic", props);

    gic_write(b, DIST, 0, 1);   /* GICD_CTLR */
    gic_write(b, CPU, 0, 1);    /* GICC_CTLR */
    gic_write(b, CPU, 4, 0xf0); /* GICC_PMR */
    return b;
}

TEST(gicv2, level_spi_until_ended)
{
    Bench *b = gic_bench("num-cpu=1");

    gic_write(b, DIST, 0x104, 2); /* GICD_ISENABLER1: id 33 */
    EXPECT_EQ(gic_read(b, CPU, 0xc), 1023);
    bench_set_pin(b, "spi[1]", true);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT_EQ(gic_read(b, CPU, 0xc), 33);
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(gic_read(b, DIST, 0x304), 2); /* active */
    EXPECT_EQ(gic_read(b, CPU, 0x14), 0);   /* running priority */
    gic_write(b, CPU, 0x10, 33);
    EXPECT(bench_pin(b, "irq[0]")); /* the line is still high */
    bench_set_pin(b, "spi[1]", false);
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(gic_read(b, CPU, 0x14), 0xff);
    bench_end(b);
}

TEST(gicv2, edge_spi_is_latched)
{
    Bench *b = gic_bench("num-cpu=1");

    gic_write(b, DIST, 0xc08, 2); /* GICD_ICFGR2: id 32 by edge */
    gic_write(b, DIST, 0x104, 1);
    bench_set_pin(b, "spi[0]", true);
    bench_set_pin(b, "spi[0]", false);
    EXPECT_EQ(gic_read(b, DIST, 0x204), 1);
    EXPECT_EQ(gic_read(b, CPU, 0xc), 32);
    gic_write(b, CPU, 0x10, 32);
    EXPECT(!bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(gicv2, priorities_preempt)
{
    Bench *b = gic_bench("num-cpu=1");

    gic_write(b, DIST, 0x104, 3);
    gic_write(b, DIST, 0x420, 0x50a0); /* id 32: a0; id 33: 50 */
    EXPECT_EQ(gic_read(b, DIST, 0x420), 0x50a0);
    bench_set_pin(b, "spi[0]", true);
    EXPECT_EQ(gic_read(b, CPU, 0xc), 32);
    bench_set_pin(b, "spi[1]", true);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT_EQ(gic_read(b, CPU, 0xc), 33);
    EXPECT_EQ(gic_read(b, CPU, 0x14), 0x50);
    gic_write(b, CPU, 0x10, 33);
    EXPECT_EQ(gic_read(b, CPU, 0x14), 0xa0);
    gic_write(b, CPU, 4, 0x50); /* a mask equal to the priority hides it */
    gic_write(b, CPU, 0x10, 32);
    EXPECT(!bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(gicv2, sgi_to_itself_and_others)
{
    Bench *b = gic_bench("num-cpu=2");

    EXPECT_EQ(gic_read(b, DIST, 4), 8 | 1 << 5);
    gic_write(b, DIST, 0xf00, 2 << 24 | 5);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    EXPECT_EQ(gic_read(b, CPU, 0xc), 5);
    gic_write(b, CPU, 0x10, 5);
    gic_write(b, DIST, 0xf00, 1 << 24 | 5); /* to the others, whose interface is off */
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(gic_read(b, DIST, 0x800), 0x01010101);
    bench_end(b);
}

TEST(gicv2, split_end_of_interrupt)
{
    Bench *b = gic_bench("num-cpu=1");

    gic_write(b, CPU, 0, 1 | 1 << 9);
    gic_write(b, DIST, 0x100, 1u << 27);
    bench_set_pin(b, "ppi[11]", true);
    EXPECT_EQ(gic_read(b, CPU, 0xc), 27);
    gic_write(b, CPU, 0x10, 27);
    EXPECT_EQ(gic_read(b, CPU, 0x14), 0xff);
    EXPECT_EQ(gic_read(b, DIST, 0x300), 1u << 27);
    EXPECT(!bench_pin(b, "irq[0]"));
    gic_write(b, CPU, 0x1000, 27);
    EXPECT(bench_pin(b, "irq[0]"));
    bench_end(b);
}
