/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/intc/gicv3-priv.h"

#include "core/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

enum { DIST, REDIST, ITS };

/* Where the tests' tables lie in guest memory. */
enum {
    CONFIG = BENCH_RAM_BASE + 0x10000, /* room for LPIs 8192 to 16383 */
    PENDING = BENCH_RAM_BASE + 0x20000,
    QUEUE = BENCH_RAM_BASE + 0x40000,
    DEVICES = BENCH_RAM_BASE + 0x50000,
    COLLECTIONS = BENCH_RAM_BASE + 0x60000,
    ITT = BENCH_RAM_BASE + 0x70000,
    LEVEL2 = BENCH_RAM_BASE + 0x80000,
    DEVICE = 0x18,
};

#define VALID (1ull << 63)

static void its_put(Bench *b, GuestPhys at, uint64_t val, unsigned size)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    EXPECT_EQ(aspace_write(machine_memory(bench_machine(b)), at, buf, size, (MemAttrs){ 0 }),
              MEM_OK);
}

/* Only the address space of the bench carries a requester: a message of DEVICE. */
static void its_message(Bench *b, uint32_t event)
{
    EXPECT_EQ(aspace_store(machine_memory(bench_machine(b)),
                           BENCH_MMIO_BASE + 0x10000 + 123 * REDIST_BYTES + GITS_TRANSLATER, 4,
                           event, (MemAttrs){ .requester = DEVICE }),
              MEM_OK);
}

static void its_cmd(Bench *b, uint64_t dw0, uint64_t dw1, uint64_t dw2, uint64_t dw3)
{
    uint64_t at = bench_read_at(b, ITS, GITS_CWRITER, 8), dw[] = { dw0, dw1, dw2, dw3 };

    for (unsigned i = 0; i < 4; i++) {
        its_put(b, QUEUE + at + 8 * i, dw[i], 8);
    }
    bench_write_at(b, ITS, GITS_CWRITER, 8, (at + 32) % 4096);
    EXPECT_EQ(bench_read_at(b, ITS, GITS_CREADR, 8), (at + 32) % 4096);
}

static uint64_t its_icc(Bench *b, unsigned index, unsigned crm, unsigned op2)
{
    Gicv3 *s = device_as(bench_dev(b), Gicv3);
    g_autofree Cpu *cpu = g_new0(Cpu, 1);
    uint64_t val = 0;

    cpu->index = index;
    EXPECT(gicv3_intc_ops.sysreg_read(&s->intc, cpu, 3 << 14 | 12 << 7 | crm << 3 | op2, &val));
    return val;
}

static void its_icc_put(Bench *b, unsigned index, unsigned crn, unsigned crm, unsigned op2,
                        uint64_t val)
{
    Gicv3 *s = device_as(bench_dev(b), Gicv3);
    g_autofree Cpu *cpu = g_new0(Cpu, 1);

    cpu->index = index;
    EXPECT(gicv3_intc_ops.sysreg_write(&s->intc, cpu, 3 << 14 | crn << 7 | crm << 3 | op2, val));
}

static uint64_t its_ack(Bench *b, unsigned cpu)
{
    uint64_t id = its_icc(b, cpu, 12, 0);

    its_icc_put(b, cpu, 12, 12, 1, id);
    return id;
}

/* Two CPUs that take LPIs, an ITS with DEVICE's 4 events and a collection for each CPU. */
static Bench *its_bench(void)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2,has-lpi=on");

    bench_write_at(b, DIST, GICD_CTLR, 4, CTLR_GRP1);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        uint64_t r = cpu * REDIST_BYTES;

        bench_write_at(b, REDIST, r + GICR_WAKER, 4, 0);
        bench_write_at(b, REDIST, r + GICR_PROPBASER, 8, CONFIG | 13);
        bench_write_at(b, REDIST, r + GICR_PENDBASER, 8, PENDING + cpu * 0x10000ull);
        bench_write_at(b, REDIST, r + GICR_CTLR, 4, GICR_CTLR_LPIS);
        its_icc_put(b, cpu, 4, 6, 0, 0xf0);
        its_icc_put(b, cpu, 12, 12, 7, 1);
    }
    bench_write_at(b, ITS, GITS_BASER, 8, VALID | DEVICES);
    bench_write_at(b, ITS, GITS_BASER + 8, 8, VALID | COLLECTIONS);
    bench_write_at(b, ITS, GITS_CBASER, 8, VALID | QUEUE);
    bench_write_at(b, ITS, GITS_CTLR, 4, 1);
    its_cmd(b, 0x09, 0, VALID | 0 << 16 | 5, 0); /* MAPC 5: CPU 0 */
    its_cmd(b, 0x09, 0, VALID | 1 << 16 | 6, 0); /* MAPC 6: CPU 1 */
    its_cmd(b, 0x08 | (uint64_t)DEVICE << 32, 1, VALID | ITT, 0);
    its_cmd(b, 0x0a | (uint64_t)DEVICE << 32, 0 | 8192ull << 32, 5, 0);
    its_cmd(b, 0x0a | (uint64_t)DEVICE << 32, 1 | 8200ull << 32, 6, 0);
    its_cmd(b, 0x0a | (uint64_t)DEVICE << 32, 2 | 8201ull << 32, 6, 0);
    its_put(b, CONFIG + 0, 0xa1, 1);
    its_put(b, CONFIG + 8, 0xa1, 1);
    its_put(b, CONFIG + 9, 0x81, 1);
    return b;
}

TEST(gicv3_its, identifies_itself)
{
    Bench *b = bench_device("arm-gicv3", "num-cpu=2,has-lpi=on");

    EXPECT_EQ(bench_read_at(b, ITS, 0xffe8, 4), 0x3b);
    EXPECT_EQ(bench_read_at(b, ITS, GITS_CTLR, 4), 0x80000000);
    EXPECT_EQ(bench_read_at(b, ITS, GITS_TYPER, 8), 0x1f0001ef71);
    EXPECT_EQ(bench_read_at(b, ITS, GITS_BASER, 8), 0x0107000000000000);
    EXPECT_EQ(bench_read_at(b, ITS, GITS_BASER + 8, 8), 0x0407000000000000);
    EXPECT_EQ(bench_read_at(b, DIST, GICD_TYPER, 4) & (GICD_TYPER_LPIS | 31 << 19),
              GICD_TYPER_LPIS | 15 << 19);
    EXPECT_EQ(bench_read_at(b, REDIST, GICR_TYPER, 4) & 1, 1);
    bench_end(b);
}

TEST(gicv3_its, messages_reach_the_cpu_of_their_collection)
{
    Bench *b = its_bench();

    its_message(b, 0);
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    EXPECT_EQ(its_icc(b, 0, 12, 2), 8192);
    EXPECT_EQ(its_ack(b, 0), 8192);
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT_EQ(its_icc(b, 0, 11, 3), 0xff);
    its_message(b, 1);
    its_message(b, 2); /* the more urgent one */
    EXPECT_EQ(its_ack(b, 1), 8201);
    EXPECT_EQ(its_ack(b, 1), 8200);
    EXPECT_EQ(its_ack(b, 1), 1023);
    its_message(b, 3); /* is not mapped */
    its_message(b, 4); /* is beyond the table */
    EXPECT(!bench_pin(b, "irq[0]") && !bench_pin(b, "irq[1]"));
    bench_end(b);
}

TEST(gicv3_its, configuration_is_read_after_inv)
{
    Bench *b = its_bench();

    bench_no_reload(b);          /* a load reads the table again, as it may */
    its_put(b, CONFIG, 0xa0, 1); /* disabled */
    its_message(b, 0);
    EXPECT(!bench_pin(b, "irq[0]"));
    its_put(b, CONFIG, 0xa1, 1);
    its_cmd(b, 0x0c | (uint64_t)DEVICE << 32, 0, 0, 0);
    EXPECT(bench_pin(b, "irq[0]"));
    its_put(b, CONFIG, 0xf9, 1); /* not more urgent than the mask */
    its_cmd(b, 0x0d, 0, 5, 0);
    EXPECT(!bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(gicv3_its, commands_move_and_discard)
{
    Bench *b = its_bench();

    its_cmd(b, 0x03 | (uint64_t)DEVICE << 32, 0, 0, 0); /* INT */
    EXPECT(bench_pin(b, "irq[0]"));
    its_cmd(b, 0x01 | (uint64_t)DEVICE << 32, 0, 6, 0); /* MOVI to collection 6 */
    EXPECT(!bench_pin(b, "irq[0]"));
    EXPECT(bench_pin(b, "irq[1]"));
    its_cmd(b, 0x0e, 0, 1 << 16, 0); /* MOVALL from CPU 1 to CPU 0 */
    EXPECT(bench_pin(b, "irq[0]"));
    EXPECT(!bench_pin(b, "irq[1]"));
    its_cmd(b, 0x0e, 0, 0, 1 << 16);
    its_cmd(b, 0x04 | (uint64_t)DEVICE << 32, 0, 0, 0); /* CLEAR */
    EXPECT(!bench_pin(b, "irq[1]"));
    its_cmd(b, 0x0f | (uint64_t)DEVICE << 32, 0, 0, 0); /* DISCARD */
    its_message(b, 0);
    EXPECT(!bench_pin(b, "irq[0]") && !bench_pin(b, "irq[1]"));
    its_cmd(b, 0x08 | (uint64_t)DEVICE << 32, 0, 0, 0); /* MAPD, not valid */
    its_message(b, 1);
    EXPECT(!bench_pin(b, "irq[1]"));
    bench_end(b);
}

TEST(gicv3_its, pending_bits_go_to_the_table)
{
    Bench *b = its_bench();
    uint8_t byte = 0;

    its_message(b, 1);
    bench_write_at(b, REDIST, REDIST_BYTES + GICR_CTLR, 4, 0);
    EXPECT(!bench_pin(b, "irq[1]"));
    aspace_read(machine_memory(bench_machine(b)), PENDING + 0x10000 + 8200 / 8, &byte, 1,
                (MemAttrs){ 0 });
    EXPECT_EQ(byte, 1);
    its_put(b, PENDING + 0x10000 + 8200 / 8, 2, 1);
    bench_write_at(b, REDIST, REDIST_BYTES + GICR_CTLR, 4, GICR_CTLR_LPIS);
    EXPECT_EQ(its_ack(b, 1), 8201);
    EXPECT_EQ(its_ack(b, 1), 1023);
    bench_end(b);
}

TEST(gicv3_its, device_table_of_two_levels)
{
    Bench *b = its_bench();

    bench_write_at(b, ITS, GITS_CTLR, 4, 0);
    bench_write_at(b, ITS, GITS_BASER, 8, VALID | 1ull << 62 | DEVICES);
    its_put(b, DEVICES, 0, 8); /* nothing there: MAPD fails */
    bench_write_at(b, ITS, GITS_CTLR, 4, 1);
    its_cmd(b, 0x08 | (uint64_t)DEVICE << 32, 1, VALID | ITT, 0);
    its_message(b, 0);
    EXPECT(!bench_pin(b, "irq[0]"));
    its_put(b, DEVICES, VALID | LEVEL2, 8);
    its_cmd(b, 0x08 | (uint64_t)DEVICE << 32, 1, VALID | ITT, 0);
    its_message(b, 0);
    EXPECT(bench_pin(b, "irq[0]"));
    bench_end(b);
}

TEST(gicv3_its, hostile_tables)
{
    Bench *b = its_bench();

    for (unsigned cmd = 0; cmd < 0x20; cmd++) {
        its_cmd(b, cmd | 0xffffffffull << 32, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    }
    its_cmd(b, 0x08 | (uint64_t)DEVICE << 32, 15, VALID | 0xffffffffff00, 0);
    its_message(b, 0xffff);
    its_message(b, 0xffffffff);
    bench_write_at(b, ITS, GITS_CWRITER, 8, 0xfffff); /* beyond the queue: nothing runs */
    bench_write_at(b, ITS, GITS_CTLR, 4, 0);
    bench_write_at(b, ITS, GITS_BASER + 8, 8, UINT64_MAX);
    bench_write_at(b, ITS, GITS_BASER, 8, UINT64_MAX);
    bench_write_at(b, ITS, GITS_CBASER, 8, UINT64_MAX);
    bench_write_at(b, ITS, GITS_CTLR, 4, 1);
    bench_write_at(b, ITS, GITS_CWRITER, 8, 0xfffe0);
    its_message(b, 0);
    EXPECT(!bench_pin(b, "irq[0]") && !bench_pin(b, "irq[1]"));
    bench_end(b);
}
