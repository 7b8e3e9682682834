/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of both widths, rings of the three layouts, filters of pcnet; and rings that mean harm.
 */
#include "hw/pci/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

extern const DeviceType device_pcnet;

enum {
    BLOCK = BENCH_RAM_BASE + 0x100,
    RX_RING = BENCH_RAM_BASE + 0x1000,
    TX_RING = BENCH_RAM_BASE + 0x2000,
    TX_DATA = BENCH_RAM_BASE + 0x3000,
    RX_DATA = BENCH_RAM_BASE + 0x10000,
    N = 4, /* descriptors */
    ROOM = 256,
    RDP = 0x10,
    RAP = 0x12,
    RESET = 0x14,
    BDP = 0x16,
    OWN = 0x8000,
    STP = 0x0200,
    ENP = 0x0100,
};

static void pt_poke(Bench *b, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t pt_peek(Bench *b, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void pt_csr(Bench *b, unsigned n, unsigned val)
{
    pci_bench_write(b, 0, RAP, 2, n);
    pci_bench_write(b, 0, RDP, 2, val);
}

static unsigned pt_get(Bench *b, unsigned n)
{
    pci_bench_write(b, 0, RAP, 2, n);
    return (unsigned)pci_bench_read(b, 0, RDP, 2);
}

static void pt_bcr(Bench *b, unsigned n, unsigned val)
{
    pci_bench_write(b, 0, RAP, 2, n);
    pci_bench_write(b, 0, BDP, 2, val);
}

static unsigned style_of;

/* Descriptor @i of @ring. */
static void pt_desc(Bench *b, GuestPhys ring, unsigned i, GuestPhys at, unsigned len,
                    unsigned flags)
{
    if (style_of) {
        pt_poke(b, ring + 16 * i + (style_of == 3 ? 8 : 0), 4, at);
        pt_poke(b, ring + 16 * i + (style_of == 3 ? 0 : 8), 4, 0xffffffff);
        pt_poke(b, ring + 16 * i + 4, 2, 0xf000 | (-len & 0xfff));
        pt_poke(b, ring + 16 * i + 6, 2, flags);
    } else {
        pt_poke(b, ring + 8 * i, 2, at);
        pt_poke(b, ring + 8 * i + 2, 2, flags | (at >> 16 & 0xff));
        pt_poke(b, ring + 8 * i + 4, 2, 0xf000 | (-len & 0xfff));
        pt_poke(b, ring + 8 * i + 6, 2, 0xffff);
    }
}

static unsigned pt_flags(Bench *b, GuestPhys ring, unsigned i)
{
    return style_of ? (unsigned)pt_peek(b, ring + 16 * i + 6, 2)
                    : (unsigned)pt_peek(b, ring + 8 * i + 2, 2) & 0xff00;
}

static unsigned pt_count(Bench *b, unsigned i)
{
    return (unsigned)pt_peek(
        b, RX_RING + (!style_of ? 8 * i + 6 : 16 * i + (style_of == 3 ? 0 : 8)), 2);
}

/* In internal loopback what is sent comes back: all ways of the card without a network. */
static Bench *pt_begin(unsigned style, unsigned mode)
{
    Bench *b = pci_bench(&device_pcnet, "mac=52:54:00:00:00:07");
    uint8_t block[28] = { 0 };

    style_of = style;
    pci_bench_enable(b);
    for (unsigned i = 0; i < N; i++) {
        pt_desc(b, RX_RING, i, RX_DATA + 0x1000 * i, ROOM, OWN);
        pt_desc(b, TX_RING, i, 0, 0, 0);
    }
    pt_bcr(b, 20, style);
    put_le16(block, (uint16_t)(mode | 1 << 2));
    memcpy(block + (style ? 4 : 2), "\x52\x54\0\0\0\x07", 6);
    if (style) {
        block[2] = block[3] = 2 << 4; /* four descriptors */
        put_le32(block + 20, RX_RING);
        put_le32(block + 24, TX_RING);
    } else {
        put_le32(block + 16, 2u << 29 | (RX_RING & 0xffffff));
        put_le32(block + 20, 2u << 29 | (TX_RING & 0xffffff));
    }
    (void)aspace_write(machine_memory(bench_machine(b)), BLOCK, block, sizeof(block),
                       (MemAttrs){ 0 });
    pt_csr(b, 1, BLOCK & 0xffff);
    pt_csr(b, 2, BLOCK >> 16);
    pt_csr(b, 0, 1);
    EXPECT_EQ(pt_get(b, 0), 0x0181);
    pt_csr(b, 0, 0x0142);
    EXPECT_EQ(pt_get(b, 0), 0x0073);
    return b;
}

static void pt_frame(Bench *b, const char *to, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        pt_poke(b, TX_DATA + i, 1, i < 6 ? (uint8_t)to[i] : i);
    }
}

TEST(pcnet, is_found_by_its_driver)
{
    Bench *b = pci_bench(&device_pcnet, "mac=52:54:00:00:00:07");

    pci_bench_enable(b);
    EXPECT_EQ(pci_bench_config(b, 0, 4), 0x20001022);
    EXPECT_EQ(pci_bench_read(b, 0, 0, 4), 0x00005452);
    EXPECT_EQ(pci_bench_read(b, 1, 14, 2), 0x5757);
    pci_bench_read(b, 0, RESET, 2);
    EXPECT_EQ(pt_get(b, 0), 4);
    EXPECT_EQ(pt_get(b, 88) | pt_get(b, 89) << 16, 0x02621003);
    EXPECT_EQ(pt_get(b, 12), 0x5452);
    pci_bench_write(b, 0, RAP, 2, 4);
    EXPECT_EQ(pci_bench_read(b, 0, BDP, 2), 0x80c0); /* there is a link */
    /* A double word changes the registers' width, for good. */
    pci_bench_write(b, 0, RDP, 4, 0);
    pci_bench_write(b, 0, 0x14, 4, 88);
    EXPECT_EQ(pci_bench_read(b, 0, 0x14, 4), 88);
    EXPECT_EQ(pci_bench_read(b, 0, RDP, 4), 0x1003);
    pci_bench_read(b, 0, 0x18, 4);
    EXPECT_EQ(pci_bench_read(b, 0, 0x14, 4), 0);
    bench_end(b);
}

TEST(pcnet, sends_and_receives)
{
    for (unsigned style = 0; style <= 3; style++) {
        Bench *b = pt_begin(style, 0);

        pt_frame(b, "\x52\x54\0\0\0\x07", 300);
        pt_desc(b, TX_RING, 0, TX_DATA, 100, OWN | STP);
        pt_desc(b, TX_RING, 1, TX_DATA + 100, 200, OWN | ENP);
        pt_csr(b, 0, 0x48);
        EXPECT_EQ(pt_flags(b, TX_RING, 0), STP);
        EXPECT_EQ(pt_flags(b, TX_RING, 1), ENP);
        EXPECT_EQ(pt_flags(b, RX_RING, 0), STP);
        EXPECT_EQ(pt_flags(b, RX_RING, 1), ENP | (style ? 0x40 : 0));
        EXPECT_EQ(pt_count(b, 1), 304);
        EXPECT_EQ(pt_peek(b, RX_DATA + 255, 1), 255);
        EXPECT_EQ(pt_peek(b, RX_DATA + 0x1000 + 43, 1), 299 & 0xff);
        EXPECT_EQ(pt_get(b, 0) & 0x0680, 0x0680); /* RINT, TINT, INTR */
        pt_csr(b, 0, 0x0640);
        EXPECT_EQ(pt_get(b, 0) & 0x0680, 0);
        EXPECT_EQ(pt_get(b, 72), 2); /* of four, two are used */
        bench_end(b);
    }
}

TEST(pcnet, filters)
{
    static const struct {
        const char *to;
        unsigned mode;
        bool taken;
    } rows[] = {
        { "\x52\x54\0\0\0\x08", 0, false },       { "\x52\x54\0\0\0\x08", 0x8000, true },
        { "\xff\xff\xff\xff\xff\xff", 0, true },  { "\xff\xff\xff\xff\xff\xff", 0x4000, false },
        { "\x52\x54\0\0\0\x07", 0x2000, false },  { "\x01\x00\x5e\0\0\x01", 0, false },
        { "\x01\x00\x5e\0\0\x01", 0x8000, true },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Bench *b = pt_begin(2, rows[i].mode);

        pt_frame(b, rows[i].to, 60);
        pt_desc(b, TX_RING, 0, TX_DATA, 60, OWN | STP | ENP);
        pt_csr(b, 0, 0x48);
        EXPECT_EQ(!(pt_flags(b, RX_RING, 0) & OWN), rows[i].taken);
        bench_end(b);
    }
}

TEST(pcnet, survives_rings_that_mean_harm)
{
    Bench *b = pt_begin(2, 0);

    pt_desc(b, TX_RING, 0, 0xfffffff0, 4096, OWN | STP | ENP); /* a buffer that is nowhere */
    pt_csr(b, 0, 0x48);
    EXPECT_EQ(pt_get(b, 0) & 0x8800, 0x8800); /* ERR, MERR */
    bench_end(b);

    b = pt_begin(2, 0);
    for (unsigned i = 0; i < N; i++) { /* a frame without an end */
        pt_desc(b, TX_RING, i, TX_DATA, 4096, OWN | STP);
    }
    pt_csr(b, 0, 0x48);
    EXPECT_EQ(pt_get(b, 0) & 0xc000, 0xc000); /* ERR, BABL */
    bench_end(b);

    b = pt_begin(2, 0); /* lengths of rings that are none, while it stands */
    pt_csr(b, 0, 4);
    pt_csr(b, 76, 0);
    pt_csr(b, 78, 1);
    pt_csr(b, 72, 0xffff);
    pt_csr(b, 74, 0);
    pt_csr(b, 0, 0x4a);
    bench_end(b);
}
