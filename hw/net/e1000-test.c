/* SPDX-License-Identifier: Apache-2.0 */
/* Rings, EEPROM, PHY and filters of e1000 and e1000e; and rings that mean harm. */
#include "hw/net/e1000.h"

#include "hw/pci/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

extern const DeviceType device_e1000, device_e1000e;

enum {
    TX_RING = BENCH_RAM_BASE + 0x1000,
    RX_RING = BENCH_RAM_BASE + 0x2000,
    TX_DATA = BENCH_RAM_BASE + 0x3000,
    RX_DATA = BENCH_RAM_BASE + 0x10000,
    RX_N = 8,
};

static void et_poke(Bench *b, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t et_peek(Bench *b, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void et_reg(Bench *b, unsigned off, uint32_t val)
{
    pci_bench_write(b, 0, off, 4, val);
}

static uint32_t et_get(Bench *b, unsigned off)
{
    return (uint32_t)pci_bench_read(b, 0, off, 4);
}

static Bench *et_begin(const DeviceType *type)
{
    Bench *b = pci_bench(type, "mac=52:54:00:00:00:07");

    pci_bench_enable(b);
    for (unsigned i = 0; i < RX_N; i++) {
        et_poke(b, RX_RING + 16 * i, 8, RX_DATA + 0x1000 * i);
        et_poke(b, RX_RING + 16 * i + 8, 8, 0);
    }
    et_reg(b, 0x2800, RX_RING);
    et_reg(b, 0x2808, RX_N * E1000_DESC);
    et_reg(b, 0x2818, RX_N - 1);
    et_reg(b, 0x3800, TX_RING);
    et_reg(b, 0x3808, 8 * E1000_DESC);
    et_reg(b, 0x00d0, ICR_RXT0 | ICR_TXDW);
    et_reg(b, 0x0400, TCTL_EN);
    et_reg(b, 0x0100, RCTL_EN | RCTL_BAM | RCTL_SECRC);
    return b;
}

static bool et_receive(Bench *b, const uint8_t *frame, size_t len)
{
    E1000 *s = e1000_of(bench_dev(b));
    NetOffload o = { 0 };
    bool taken;

    device_enter(&s->pci.dev);
    taken = e1000_receive(s, frame, len, &o);
    device_leave(&s->pci.dev);
    bench_run_loop(b);
    return taken;
}

static unsigned et_phy(Bench *b, unsigned reg)
{
    et_reg(b, 0x20, 2u << 26 | 1 << 21 | reg << 16);
    EXPECT(et_get(b, 0x20) & 1 << 28);
    return et_get(b, 0x20) & 0xffff;
}

/* A word by the four wires, as 8254x "5.6.1" has it. */
static unsigned et_wires(Bench *b, unsigned word)
{
    unsigned out = 6u << 6 | word, val = 0;

    et_reg(b, 0x10, 0x40);
    EXPECT(et_get(b, 0x10) & 0x80);
    et_reg(b, 0x10, 0x42);
    for (int i = 8; i >= 0; i--) {
        unsigned di = out >> i & 1 ? 4 : 0;

        et_reg(b, 0x10, 0x42 | di);
        et_reg(b, 0x10, 0x43 | di);
        et_reg(b, 0x10, 0x42 | di);
    }
    for (unsigned i = 0; i < 16; i++) {
        et_reg(b, 0x10, 0x43);
        val = val << 1 | (et_get(b, 0x10) >> 3 & 1);
        et_reg(b, 0x10, 0x42);
    }
    et_reg(b, 0x10, 0);
    return val;
}

TEST(e1000, has_an_eeprom_and_a_phy)
{
    Bench *b = et_begin(&device_e1000);
    unsigned sum = 0;

    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x100e8086);
    for (unsigned i = 0; i < E1000_NVM_WORDS; i++) {
        et_reg(b, 0x14, i << 8 | 1);
        EXPECT(et_get(b, 0x14) & 1 << 4);
        sum += et_get(b, 0x14) >> 16;
    }
    EXPECT_EQ(sum & 0xffff, 0xbaba);
    EXPECT_EQ(et_wires(b, 2), 0x0700);
    EXPECT_EQ(et_phy(b, 2), 0x0141);
    EXPECT(et_phy(b, 1) & 4);
    EXPECT(et_get(b, 8) & STATUS_LU);
    EXPECT_EQ(et_get(b, 0x5400), 0x00005452);
    EXPECT_EQ(et_get(b, 0x5404), 0x80000700);
    bench_end(b);
    b = et_begin(&device_e1000e);
    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x10d38086);
    et_reg(b, 0x14, 2 << 2 | 1);
    EXPECT_EQ(et_get(b, 0x14) >> 16, 0x0700);
    EXPECT_EQ(et_phy(b, 3), 0x0cb1);
    EXPECT_EQ(et_get(b, 0x5b50) & 1, 0); /* the semaphore is free, then taken */
    EXPECT_EQ(et_get(b, 0x5b50) & 1, 1);
    bench_end(b);
}

TEST(e1000, receives_what_passes_its_filters)
{
    static const uint8_t mine[60] = { 0x52, 0x54, 0, 0, 0, 7, [12] = 8, [14] = 0x45 };
    static const uint8_t other[60] = { 0x52, 0x54, 0, 0, 0, 8 };
    static const uint8_t all[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [63] = 0xaa };
    Bench *b = et_begin(&device_e1000);

    EXPECT(et_receive(b, other, sizeof(other)));
    EXPECT_EQ(et_get(b, 0x2810), 0);
    EXPECT(et_receive(b, mine, sizeof(mine)));
    EXPECT_EQ(et_get(b, 0x2810), 1);
    EXPECT_EQ(et_peek(b, RX_RING + 8, 2), 60);
    EXPECT_EQ(et_peek(b, RX_RING + 12, 1) & 3, 3);
    EXPECT_EQ(et_peek(b, RX_DATA + 5, 1), 7);
    EXPECT(et_get(b, 0xc0) & ICR_RXT0);
    EXPECT_EQ(et_get(b, 0xc0), 0);
    EXPECT(et_receive(b, all, sizeof(all)));
    EXPECT_EQ(et_peek(b, RX_DATA + 0x1000 + 63, 1), 0xaa);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(et_receive(b, all, sizeof(all)));
    }
    EXPECT(!et_receive(b, all, sizeof(all))); /* full: head has come to the tail */
    EXPECT_EQ(et_get(b, 0x4074), 7);
    EXPECT_EQ(et_get(b, 0x4074), 0);
    bench_end(b);
}

TEST(e1000, strips_tags_and_checks_sums)
{
    uint8_t f[64] = { 0x52, 0x54, 0,  0, 0, 7, 0, 0,  0,  0, 0, 1,  0x81, 0, 0x20, 5,  8, 0, 0x45,
                      0,    0,    28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0,    0, 1,    10, 0, 0, 2 };
    Bench *b = et_begin(&device_e1000e);

    put_be16(f + 28, net_sum_fold(net_sum(f + 18, 20, 0)));
    put_be16(f + 42, 8); /* UDP's length; sum 0: none */
    et_reg(b, 0, 1 << 30 | 0x41);
    et_reg(b, 0x5000, RXCSUM_IPOFL | RXCSUM_TUOFL);
    et_reg(b, 0x5008, RFCTL_EXSTEN);
    EXPECT(et_receive(b, f, sizeof(f)));
    EXPECT_EQ(et_peek(b, RX_RING + 8, 4) & 0x4f, 0x4b); /* done, whole, tag, IP's sum */
    EXPECT_EQ(et_peek(b, RX_RING + 8, 4) >> 24, 0);
    EXPECT_EQ(et_peek(b, RX_RING + 14, 2), 0x2005);
    EXPECT_EQ(et_peek(b, RX_RING + 12, 2), 60);
    EXPECT_EQ(et_peek(b, RX_DATA + 12, 2), 0x0008);
    f[29] ^= 1;
    EXPECT(et_receive(b, f, sizeof(f)));
    EXPECT_EQ(et_peek(b, RX_RING + 16 + 8, 4) >> 24, 0x40);
    bench_end(b);
}

TEST(e1000, transmits_and_survives_bad_rings)
{
    Bench *b = et_begin(&device_e1000);

    et_poke(b, TX_DATA, 8, 0xffffffffffff);
    et_poke(b, TX_RING, 8, TX_DATA);
    et_poke(b, TX_RING + 8, 8, 60 | 0x0bull << 24); /* legacy, EOP, RS */
    et_reg(b, 0x3818, 1);
    EXPECT_EQ(et_get(b, 0x3810), 1);
    EXPECT_EQ(et_peek(b, TX_RING + 12, 1) & 1, 1);
    EXPECT(et_get(b, 0xc0) & ICR_TXDW);
    EXPECT_EQ(et_get(b, 0x4080), 1);
    EXPECT_EQ(et_get(b, 0x40f4), 1);
    /* A context that points out of the frame, segments of no size. */
    et_poke(b, TX_RING + 16, 8, 0xfffffffffffffff0);
    et_poke(b, TX_RING + 24, 8, 0xffff000025ffffffull & ~0xf00000ull);
    et_poke(b, TX_RING + 32, 8, TX_DATA);
    et_poke(b, TX_RING + 40, 8, 0x03ull << 40 | 0x2d10003c);
    et_poke(b, TX_RING + 48, 8, TX_DATA); /* sums by that context */
    et_poke(b, TX_RING + 56, 8, 0x03ull << 40 | 0x2910003c);
    /* One of 1 MiB - 1 that never ends. */
    for (unsigned i = 4; i < 8; i++) {
        et_poke(b, TX_RING + 16 * i, 8, BENCH_RAM_BASE);
        et_poke(b, TX_RING + 16 * i + 8, 8, 0x201fffff);
    }
    et_reg(b, 0x3818, 7);
    EXPECT_EQ(et_get(b, 0x3810), 7);
    et_reg(b, 0x3818, 0xffff); /* beyond the ring */
    et_reg(b, 0x3810, 0xfff0);
    et_reg(b, 0x3804, 0xffffffff);
    et_reg(b, 0x3810, 0);
    et_reg(b, 0x3818, 3);
    et_reg(b, 0x0000, CTRL_RST);
    EXPECT_EQ(et_get(b, 0x3808), 0);
    bench_end(b);
}
