/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/intc/gicv3-priv.h"

#include "core/bench.h"
#include "tests/unit.h"

enum { DIST, REDIST };

static uint64_t gic3_read(Bench *b, unsigned region, uint64_t off)
{
    return bench_read_at(b, region, off, 4);
}

static void gic3_write(Bench *b, unsigned region, uint64_t off, uint64_t val)
{
    EXPECT_EQ(bench_write_at(b, region, off, 4, val), MEM_OK);
}

/* The bench has no CPU: one that only has an index stands in for CPU @index. */
static uint64_t icc_rd(Bench *b, unsigned index, unsigned crn, unsigned crm, unsigned op2)
{
    Gicv3 *s = device_as(bench_dev(b), Gicv3);
    g_autofree Cpu *cpu = g_new0(Cpu, 1);
    uint64_t val = 0;

    cpu->index = index;
    EXPECT(gicv3_intc_ops.sysreg_read(&s->intc, cpu, 3 << 14 | crn << 7 | crm << 3 | op2, &val));
    return val;
}

static void icc_wr(Bench *b, unsigned index, unsigned crn, unsigned crm, unsigned op2, uint64_t val)
{
    Gicv3 *s = device_as(bench_dev(b), Gicv3);
    g_autofree Cpu *cpu = g_new0(Cpu, 1);

    cpu->index = index;
    EXPECT(gicv3_intc_ops.sysreg_write(&s->intc, cpu, 3 << 14 | crn << 7 | crm << 3 | op2, val));
}

static void gic3_enable(Bench *b, unsigned cpu)
{
    gic3_write(b, DIST, GICD_CTLR, CTLR_GRP1);
    gic3_write(b, REDIST, cpu * REDIST_BYTES + GICR_WAKER, 0);
    gic3_write(b, REDIST, cpu * REDIST_BYTES + SGI_FRAME + GICD_IGROUPR, UINT32_MAX);
    gic3_write(b, REDIST, cpu * REDIST_BYTES + SGI_FRAME + GICD_ISENABLER, UINT32_MAX);
    icc_wr(b, cpu, 4, 6, 0, 0xf0);
    icc_wr(b, cpu, 12, 12, 7, 1);
}

TEST(gicv3, identifies_itself)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2");

    EXPECT_EQ(gic3_read(b, DIST, 0xffe8), 0x3b);
    EXPECT_EQ(gic3_read(b, DIST, GICD_TYPER) & 0x1f, 8);
    EXPECT_EQ(gic3_read(b, REDIST, GICR_TYPER) & 0x10, 0);
    EXPECT_EQ(gic3_read(b, REDIST, REDIST_BYTES + GICR_TYPER) & 0x10, 0x10);
    EXPECT_EQ(gic3_read(b, REDIST, REDIST_BYTES + GICR_TYPER + 4), 1);
    EXPECT_EQ(gic3_read(b, REDIST, GICR_WAKER), WAKER_SLEEP | WAKER_ASLEEP);
    bench_end(b);
}

TEST(gicv3, timer_ppi_to_its_cpu)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2");

    gic3_enable(b, 1);
    bench_set_pin(b, "ppi[27]", true); /* CPU 1, PPI 11: id 27 */
    EXPECT(bench_pin(b, "irq[1]"));
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(icc_rd(b, 1, 12, 12, 0), 27);
    EXPECT(!bench_pin(b, "irq[1]"));
    EXPECT_EQ(icc_rd(b, 1, 12, 11, 3), 0);
    bench_set_pin(b, "ppi[27]", false);
    icc_wr(b, 1, 12, 12, 1, 27);
    EXPECT_EQ(icc_rd(b, 1, 12, 11, 3), 0xff);
    EXPECT_EQ(icc_rd(b, 1, 12, 12, 0), 1023);
    bench_end(b);
}

TEST(gicv3, firmware_need_not_wake_it)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=1");

    gic3_enable(b, 0);
    gic3_write(b, REDIST, GICR_WAKER, WAKER_SLEEP);
    EXPECT_EQ(gic3_read(b, REDIST, GICR_WAKER), WAKER_SLEEP | WAKER_ASLEEP);
    bench_set_pin(b, "ppi[11]", true);
    EXPECT(bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(gicv3, spi_follows_its_route)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2");

    gic3_enable(b, 0);
    gic3_enable(b, 1);
    gic3_write(b, DIST, GICD_IGROUPR + 4, UINT32_MAX);
    gic3_write(b, DIST, GICD_ISENABLER + 4, 1);
    gic3_write(b, DIST, GICD_IROUTER + 32 * 8, 1);
    bench_set_pin(b, "spi[0]", true);
    EXPECT(bench_pin(b, "irq[1]"));
    EXPECT(!bench_pin(b, "irq[0]"));
    gic3_write(b, DIST, GICD_IROUTER + 32 * 8, 0);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    bench_end(b);
}

TEST(gicv3, sgi_by_list_and_to_others)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2");

    gic3_enable(b, 0);
    gic3_enable(b, 1);
    icc_wr(b, 0, 12, 11, 5, 3ull << 24 | 1 << 1);
    EXPECT(bench_pin(b, "irq[1]"));
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(icc_rd(b, 1, 12, 12, 0), 3);
    icc_wr(b, 1, 12, 12, 1, 3);
    icc_wr(b, 1, 12, 11, 5, 4ull << 24 | 1ull << 40);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    EXPECT_EQ(icc_rd(b, 0, 12, 12, 2), 4);
    bench_end(b);
}
