/* SPDX-License-Identifier: Apache-2.0 */
/* Page walks over tables built in RAM, for each granule. */
#include "target/arm/mmu.h"

#include "tests/arm-cpu.h"

#define DESC_PAGE      3ull
#define DESC_BLOCK     1ull
#define DESC_TABLE     3ull
#define DESC_AF        (1ull << 10)
#define DESC_USER      (1ull << 6)
#define DESC_RO        (1ull << 7)
#define DESC_DBM       (1ull << 51)
#define DESC_PXN       (1ull << 53)
#define DESC_UXN       (1ull << 54)
#define TABLE_READONLY (1ull << 62)

typedef struct Walk {
    ArmCpu *c;
    unsigned bits;  /* of the granule */
    GuestPhys next; /* free memory for tables */
} Walk;

static void walk_store(Walk *w, GuestPhys pa, uint64_t v)
{
    MemResult r = aspace_store(w->c->cpu.as, pa, 8, v, (MemAttrs){ 0 });

    EXPECT_EQ(r, MEM_OK);
}

static uint64_t walk_load(Walk *w, GuestPhys pa)
{
    uint64_t v = 0;
    MemResult r = aspace_load(w->c->cpu.as, pa, 8, &v, (MemAttrs){ 0 });

    EXPECT_EQ(r, MEM_OK);
    return v;
}

static void walk_begin(Walk *w, const char *cpu, unsigned bits)
{
    static const uint64_t tg0[] = { [12] = 0, [14] = 2, [16] = 1 };

    w->c = test_cpu_new(cpu);
    w->bits = bits;
    w->next = TEST_RAM_BASE + (1 << 16);
    /* 48-bit input in the lower half, the upper one off; 40-bit output; attribute 1 is normal. */
    w->c->sys.tcr[1] = 16 | tg0[bits] << 14 | 16 << 16 | 1 << 23 | 2ull << 30 | 2ull << 32;
    w->c->sys.ttbr0[1] = TEST_RAM_BASE;
    w->c->sys.mair[1] = 0xff00;
    w->c->sys.sctlr[1] |= 1;
}

/* Put @desc at @level for @va, with tables above as needed; where it lies. */
static GuestPhys walk_map(Walk *w, GuestVirt va, unsigned level, uint64_t desc)
{
    unsigned stride = w->bits - 3, levels = (48 - w->bits + stride - 1) / stride;
    GuestPhys table = TEST_RAM_BASE;

    for (unsigned l = 4 - levels;; l++) {
        unsigned shift = w->bits + (3 - l) * stride;
        uint64_t index = va >> shift & ((1ull << stride) - 1);
        GuestPhys at;
        uint64_t d;

        if (l == 4 - levels) {
            index = (va & 0xffffffffffff) >> shift;
        }
        at = table + index * 8;
        if (l == level) {
            walk_store(w, at, desc);
            return at;
        }
        d = walk_load(w, at);
        if (!d) {
            d = w->next | DESC_TABLE;
            w->next += 1 << 16;
            walk_store(w, at, d);
        }
        table = d & 0xfffffffff000 & ~((1ull << w->bits) - 1);
    }
}

/* The fault status code, or 0x100 where the translation succeeds. */
static unsigned walk_try(Walk *w, GuestVirt va, MemAccess access, unsigned mode, ArmTranslation *t)
{
    unsigned fsc;

    return arm_mmu_translate(w->c, va, access, mode, true, t, &fsc) ? 0x100 : fsc;
}

static const unsigned granules[] = { 12, 14, 16 };

TEST(arm_mmu, pages_of_each_granule)
{
    for (unsigned i = 0; i < 3; i++) {
        Walk w;
        ArmTranslation t;
        GuestVirt va = 0x123456780000 + 0xabc;

        walk_begin(&w, "cortex-a57", granules[i]);
        walk_map(&w, va, 3, 0x80000000 | DESC_PAGE | DESC_AF | 1 << 2);
        EXPECT_EQ(walk_try(&w, va, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
        EXPECT_EQ(t.tlb.phys, 0x80000000 + (va & ((1u << w.bits) - 1)));
        EXPECT_EQ(t.tlb.page_bytes, 1u << w.bits);
        EXPECT_EQ(t.tlb.prot, TLB_READ | TLB_WRITE | TLB_EXEC);
        EXPECT(!t.tlb.device && t.tlb.global);
        /* The next page is not mapped, at the last level. */
        EXPECT_EQ(walk_try(&w, va + (1 << w.bits), ACCESS_READ, ARM_MODE_E10_1, &t), 0x07);
        /* EL0 may only execute. */
        EXPECT_EQ(walk_try(&w, va, ACCESS_READ, ARM_MODE_E10_0, &t), 0x0f);
        EXPECT_EQ(walk_try(&w, va, ACCESS_FETCH, ARM_MODE_E10_0, &t), 0x100);
        test_cpu_free(w.c);
    }
}

TEST(arm_mmu, blocks_of_each_granule)
{
    for (unsigned i = 0; i < 3; i++) {
        Walk w;
        ArmTranslation t;
        uint64_t bytes;

        walk_begin(&w, "cortex-a57", granules[i]);
        bytes = 1ull << (w.bits + w.bits - 3);
        walk_map(&w, 0, 2, 0xc0000000 | DESC_BLOCK | DESC_AF);
        EXPECT_EQ(walk_try(&w, 0x12345, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
        EXPECT_EQ(t.tlb.phys, 0xc0012345);
        EXPECT_EQ(t.tlb.page_bytes, bytes);
        EXPECT(t.tlb.device);
        /* A block at level 3 is a reserved encoding. */
        walk_map(&w, bytes, 3, 0xc0000000 | DESC_BLOCK | DESC_AF);
        EXPECT_EQ(walk_try(&w, bytes, ACCESS_READ, ARM_MODE_E10_1, &t), 0x07);
        test_cpu_free(w.c);
    }
}

TEST(arm_mmu, range_and_size_faults)
{
    Walk w;
    ArmTranslation t;

    walk_begin(&w, "cortex-a57", 12);
    EXPECT_EQ(walk_try(&w, 1ull << 48, ACCESS_READ, ARM_MODE_E10_1, &t), 0x04);
    EXPECT_EQ(walk_try(&w, 0xffff000000000000, ACCESS_READ, ARM_MODE_E10_1, &t), 0x04); /* EPD1 */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x04);
    walk_map(&w, 0, 3, 1ull << 40 | DESC_PAGE | DESC_AF); /* beyond 40 bits */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x03);
    walk_map(&w, 0, 3, 0x80000000 | DESC_PAGE);
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x0b);
    w.c->sys.ttbr0[1] = 0x1000; /* no memory there */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x14);
    /* A tag is ignored only with TBI. */
    w.c->sys.ttbr0[1] = TEST_RAM_BASE;
    walk_map(&w, 0, 3, 0x80000000 | DESC_PAGE | DESC_AF);
    EXPECT_EQ(walk_try(&w, 0x5aull << 56, ACCESS_READ, ARM_MODE_E10_1, &t), 0x04);
    w.c->sys.tcr[1] |= 1ull << 37;
    EXPECT_EQ(walk_try(&w, 0x5aull << 56, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
    test_cpu_free(w.c);
}

TEST(arm_mmu, permissions)
{
    Walk w;
    ArmTranslation t;

    walk_begin(&w, "max", 12);
    walk_map(&w, 0, 3, 0x80000000 | DESC_PAGE | DESC_AF | DESC_USER | 1 << 2);
    EXPECT_EQ(walk_try(&w, 0, ACCESS_WRITE, ARM_MODE_E10_0, &t), 0x100);
    EXPECT_EQ(t.tlb.prot, TLB_READ | TLB_WRITE | TLB_EXEC);
    /* What EL0 may write EL1 never executes; PAN takes its data away. */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_FETCH, ARM_MODE_E10_1, &t), 0x0f);
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1_PAN, &t), 0x0f);
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
    w.c->sys.sctlr[1] |= 1 << 19; /* WXN */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_FETCH, ARM_MODE_E10_0, &t), 0x0f);
    w.c->sys.sctlr[1] &= ~(1ull << 19);
    walk_map(&w, 0x1000, 3, 0x80000000 | DESC_PAGE | DESC_AF | DESC_RO | DESC_UXN | 1 << 2);
    EXPECT_EQ(walk_try(&w, 0x1000, ACCESS_WRITE, ARM_MODE_E10_1, &t), 0x0f);
    EXPECT_EQ(walk_try(&w, 0x1000, ACCESS_READ, ARM_MODE_E10_1_PAN, &t), 0x100);
    EXPECT_EQ(t.tlb.prot, TLB_READ | TLB_EXEC);
    EXPECT_EQ(walk_try(&w, 0x1000, ACCESS_FETCH, ARM_MODE_E10_0, &t), 0x0f);
    /* EPAN: execute-only for EL0 counts as EL0's. */
    walk_map(&w, 0x2000, 3, 0x80000000 | DESC_PAGE | DESC_AF | DESC_PXN | 1 << 2);
    EXPECT_EQ(walk_try(&w, 0x2000, ACCESS_READ, ARM_MODE_E10_1_PAN, &t), 0x100);
    w.c->sys.sctlr[1] |= 1ull << 57;
    EXPECT_EQ(walk_try(&w, 0x2000, ACCESS_READ, ARM_MODE_E10_1_PAN, &t), 0x0f);
    test_cpu_free(w.c);
}

TEST(arm_mmu, table_attributes)
{
    Walk w;
    ArmTranslation t;
    GuestPhys leaf, table;

    walk_begin(&w, "max", 12);
    leaf = walk_map(&w, 0, 3, 0x80000000 | DESC_PAGE | DESC_AF | 1 << 2);
    table = walk_map(&w, 1ull << 30, 1, 0);
    EXPECT(table);
    table = walk_map(&w, 0, 2, (leaf & ~0xfffull) | DESC_TABLE | TABLE_READONLY);
    EXPECT_EQ(walk_try(&w, 0, ACCESS_WRITE, ARM_MODE_E10_1, &t), 0x0f);
    w.c->sys.tcr[1] |= 1ull << 41; /* HPD0 */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_WRITE, ARM_MODE_E10_1, &t), 0x100);
    test_cpu_free(w.c);
}

TEST(arm_mmu, hardware_access_and_dirty)
{
    Walk w;
    ArmTranslation t;
    GuestPhys at;
    uint64_t page = 0x80000000 | DESC_PAGE | DESC_RO | DESC_DBM | 1 << 2;
    unsigned fsc;

    walk_begin(&w, "neoverse-n1", 12);
    w.c->sys.tcr[1] |= 3ull << 39; /* HA, HD */
    at = walk_map(&w, 0, 3, page);
    EXPECT(arm_mmu_translate(w.c, 0, ACCESS_WRITE, ARM_MODE_E10_1, false, &t, &fsc));
    EXPECT_EQ(walk_load(&w, at), page); /* a probe changes nothing */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
    EXPECT_EQ(walk_load(&w, at), page | DESC_AF);
    EXPECT_EQ(t.tlb.prot, TLB_READ | TLB_EXEC); /* still clean: a write must walk */
    EXPECT_EQ(walk_try(&w, 0, ACCESS_WRITE, ARM_MODE_E10_1, &t), 0x100);
    EXPECT_EQ(walk_load(&w, at), (page | DESC_AF) & ~DESC_RO);
    EXPECT_EQ(t.tlb.prot, TLB_READ | TLB_WRITE | TLB_EXEC);
    test_cpu_free(w.c);
}

TEST(arm_mmu, abort_syndromes)
{
    Walk w;
    TlbResult r;

    walk_begin(&w, "cortex-a57", 12);
    w.c->el = 0;
    EXPECT(!arm_tlb_fill(&w.c->cpu, 0x1234, ACCESS_WRITE, ARM_MODE_E10_0, 0, true, &r));
    EXPECT(!w.c->cpu.raised);
    EXPECT(!arm_tlb_fill(&w.c->cpu, 0x1234, ACCESS_WRITE, ARM_MODE_E10_0, 0, false, &r));
    EXPECT(w.c->cpu.raised);
    EXPECT_EQ(w.c->exc.syndrome, 0x92000044);
    EXPECT_EQ(w.c->exc.far, 0x1234);
    w.c->el = 1;
    EXPECT(!arm_tlb_fill(&w.c->cpu, 0x1234, ACCESS_FETCH, ARM_MODE_E10_1, 0, false, &r));
    EXPECT_EQ(w.c->exc.syndrome, 0x86000004);
    arm_tlb_fill(&w.c->cpu, 0x1234, ACCESS_READ, ARM_MODE_E10_1, ARM_MO_CACHE, false, &r);
    EXPECT_EQ(w.c->exc.syndrome, 0x96000144);
    arm_unaligned(&w.c->cpu, 0x1235, ACCESS_READ, ARM_MODE_E10_1, 0);
    EXPECT_EQ(w.c->exc.syndrome, 0x96000021);
    test_cpu_free(w.c);
}

TEST(arm_mmu, stage1_off)
{
    Walk w;
    ArmTranslation t;

    walk_begin(&w, "cortex-a57", 12);
    w.c->sys.sctlr[1] &= ~1ull;
    EXPECT_EQ(walk_try(&w, 0x123456, ACCESS_READ, ARM_MODE_E10_1, &t), 0x100);
    EXPECT(t.tlb.device && t.tlb.phys == 0x123456);
    EXPECT_EQ(walk_try(&w, 0x123456, ACCESS_FETCH, ARM_MODE_E10_1, &t), 0x100);
    EXPECT(!t.tlb.device);
    EXPECT_EQ(walk_try(&w, 1ull << 44, ACCESS_READ, ARM_MODE_E10_1, &t), 0x00); /* 44 bits */
    test_cpu_free(w.c);
}
