/* SPDX-License-Identifier: Apache-2.0 */
/* The TLB's entries as the guest writes them, and those that TLBWR replaced. */
#include "target/mips/tlb.h"

#include "accel/accel.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/mips/helper.h"
#include "tests/unit.h"

#include <string.h>

enum { ENTRIES = 16, FIRST = 0x10000, NEW = 0x400000, VALID = 3 << 3 | 1 << 1, DIRTY = 1 << 2 };

typedef struct Bench {
    Machine *machine;
    MipsCpu *cpu;
} Bench;

static void bench_make(Bench *b)
{
    g_autoptr(GError) err = NULL;
    const DeviceType *type = NULL;
    RamBlock *ram;

    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        type = strcmp((*t)->name, "24Kf-mips-cpu") ? type : *t;
    }
    b->machine = machine_new(&err);
    ram = ram_new(b->machine, "ram", 1 << 20, RAM_SHARED, &err);
    region_add(machine_memory_root(b->machine), region_new_ram(b->machine, "ram", ram, 0, 1 << 20),
               0, 0);
    machine_add_types(b->machine, mips_cpu_types);
    b->cpu = mips_cpu(cpu_new(b->machine, type, NULL, "cpu0"));
    EXPECT(device_realize(&b->cpu->cpu.dev, &err));
    EXPECT(accel_attach(b->machine, &accel_tcg, NULL, &err));
    EXPECT(machine_start(b->machine, &err));
}

static void bench_entry(MipsCpu *c, uint32_t va, uint32_t lo)
{
    c->cp0[CP0_ENTRYHI] = va;
    c->cp0[CP0_ENTRYLO0] = c->cp0[CP0_ENTRYLO1] = lo;
    c->cp0[CP0_PAGEMASK] = 0;
}

/* Entry i maps FIRST + i * 0x2000; with @first another region. */
static void bench_fill(MipsCpu *c, uint32_t first, uint32_t lo)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        bench_entry(c, first + i * 0x2000, lo);
        c->cp0[CP0_INDEX] = i;
        mips_helper_tlbwi(&c->cpu);
    }
}

static bool bench_maps(MipsCpu *c, uint32_t va, MemAccess access)
{
    TlbResult r;

    return mips_tlb_fill(&c->cpu, va, access, MIPS_MODE_USER, 0, true, &r);
}

static unsigned bench_mapped(MipsCpu *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ENTRIES; i++) {
        n += bench_maps(c, FIRST + i * 0x2000, ACCESS_READ);
    }
    return n;
}

/* TLBWR; the address whose entry it took. */
static uint32_t bench_replace(MipsCpu *c, uint32_t va)
{
    bench_entry(c, va, VALID);
    mips_helper_tlbwr(&c->cpu);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        bool there = false;

        for (unsigned k = 0; k < ENTRIES; k++) {
            there |= c->tlb[k].vpn2 == FIRST + i * 0x2000;
        }
        if (!there) {
            return FIRST + i * 0x2000;
        }
    }
    return 0;
}

static void kept_on_cpu(Cpu *cpu, void *opaque)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t gone;
    TlbResult r;

    bench_fill(c, FIRST, VALID);
    EXPECT_EQ(bench_mapped(c), ENTRIES);
    gone = bench_replace(c, NEW);
    EXPECT(gone != 0);
    EXPECT(bench_maps(c, NEW, ACCESS_READ));
    EXPECT_EQ(bench_mapped(c), ENTRIES); /* as if there were one entry more */

    /* What it does not allow is a refill: the entry is not there for TLBP. */
    EXPECT(!mips_tlb_fill(cpu, gone, ACCESS_WRITE, MIPS_MODE_USER, 0, false, &r));
    EXPECT_EQ(c->exc.code, EXC_TLBS);
    EXPECT(c->exc.refill);
    cpu->raised = false;

    /* TLBP does not find it: gone. */
    c->cp0[CP0_ENTRYHI] = gone;
    mips_helper_tlbp(cpu);
    EXPECT_EQ(c->cp0[CP0_INDEX], INDEX_P);
    EXPECT_EQ(bench_mapped(c), ENTRIES - 1);

    /* Each entry overwritten by TLBWI: gone. */
    bench_fill(c, FIRST, VALID);
    bench_replace(c, NEW);
    EXPECT_EQ(bench_mapped(c), ENTRIES);
    bench_fill(c, NEW, VALID);
    EXPECT_EQ(bench_mapped(c), 0);

    /* Newer word of the same address. */
    bench_fill(c, FIRST, VALID);
    gone = bench_replace(c, NEW);
    bench_entry(c, gone, VALID | DIRTY | 1 << 6);
    mips_helper_tlbwr(cpu);
    EXPECT(mips_tlb_fill(cpu, gone, ACCESS_WRITE, MIPS_MODE_USER, 0, true, &r));
    EXPECT_EQ(r.phys, 0x1000);

    mips_tlb_drop(c);
    EXPECT_EQ(c->n_kept, 0);
}

static bool bench_holds(const MipsCpu *c, uint64_t mask)
{
    for (unsigned k = 0; k < ENTRIES; k++) {
        if (c->tlb[k].mask == mask) {
            return true;
        }
    }
    return false;
}

/* A large page among small ones, and small pages that are larger than the smallest. */
static void sizes_on_cpu(Cpu *cpu, void *opaque)
{
    enum { LARGE = 0x800000, LARGE_MASK = 0x1fffff, OF_16K = 0x6000 };
    MipsCpu *c = mips_cpu(cpu);
    uint32_t va = NEW;

    bench_fill(c, FIRST, VALID);
    bench_entry(c, LARGE, VALID);
    c->cp0[CP0_PAGEMASK] = LARGE_MASK & ~0x1fff;
    mips_helper_tlbwr(cpu);
    EXPECT_EQ(bench_mapped(c), ENTRIES);
    for (; bench_holds(c, LARGE_MASK); va += 0x2000) {
        bench_entry(c, va, VALID);
        mips_helper_tlbwr(cpu);
    }
    EXPECT_EQ(c->n_kept_large, 1);
    EXPECT(bench_maps(c, LARGE + 0x1ff000, ACCESS_READ));
    EXPECT_EQ(bench_mapped(c), ENTRIES);
    bench_entry(c, LARGE + 0x4000, VALID); /* newer word of a part of it */
    mips_helper_tlbwr(cpu);
    EXPECT(!bench_maps(c, LARGE, ACCESS_READ));
    EXPECT(bench_maps(c, LARGE + 0x4000, ACCESS_READ));
    bench_entry(c, FIRST & ~LARGE_MASK, VALID); /* and of all small ones */
    c->cp0[CP0_PAGEMASK] = LARGE_MASK & ~0x1fff;
    mips_helper_tlbwr(cpu);
    for (unsigned i = 0; i < MIPS_TLB_KEPT; i++) {
        EXPECT(!c->kept[i].mask || c->kept[i].vpn2 > LARGE_MASK);
    }

    bench_fill(c, FIRST, 0);
    mips_tlb_drop(c);
    for (unsigned i = 0; i < 4 * ENTRIES; i++) {
        bench_entry(c, LARGE + i * 0x8000, VALID);
        c->cp0[CP0_PAGEMASK] = OF_16K;
        mips_helper_tlbwr(cpu);
    }
    EXPECT_EQ(c->kept_mask, OF_16K | 0x1fff);
    for (unsigned i = 0; i < 4 * ENTRIES; i++) {
        EXPECT(bench_maps(c, LARGE + i * 0x8000 + 0x7000, ACCESS_READ));
    }
    mips_tlb_drop(c);
    EXPECT_EQ(c->n_kept | c->n_kept_large, 0);
}

TEST(mips_tlb, entries_of_several_sizes_stay)
{
    Bench b;

    bench_make(&b);
    cpu_run_on_wait(&b.cpu->cpu, sizes_on_cpu, NULL);
    machine_free(b.machine);
}

TEST(mips_tlb, replaced_entries_stay_until_the_guest_may_rely_on_their_end)
{
    Bench b;

    bench_make(&b);
    cpu_run_on_wait(&b.cpu->cpu, kept_on_cpu, NULL);
    machine_free(b.machine);
}
