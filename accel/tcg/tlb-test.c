/* SPDX-License-Identifier: Apache-2.0 */
/* The software TLB: spaces that are left and come back, what invalidation reaches, parked tables.
 */
#include "accel/accel.h"
#include "accel/tcg/tlb-priv.h"

#include "target/arm/cpu.h"
#include "tests/unit.h"

enum { BASE = 0x40000000, RAM_BYTES = 4 << 20, MODES = 7, SPACES = 8 };

#define MAPPED 0x12345000000ull

/* Space n maps address a to RAM at n * 256 KiB + a % 256 KiB; with larger mappings, all spaces to
 * physical memory from 0 on. */
typedef struct Bench {
    Machine *m;
    Cpu *cpu[2];
    Target target;
    void (*run)(struct Bench *b);
} Bench;

/* What tlb_fill answers: there is one vCPU at a time. */
typedef struct Answers {
    unsigned walks, space;
    uint64_t span;
    bool global;
} Answers;

static Answers *bench_answers(Cpu *cpu)
{
    return cpu->target_state;
}

static GuestPhys bench_phys(const Answers *a, GuestVirt va)
{
    return a->span > 1 << 18 ? va & (a->span - 1)
                             : BASE + (a->global ? 0 : a->space << 18) + (va & 0x3ffff);
}

static bool bench_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                       bool probe, TlbResult *out)
{
    Answers *a = bench_answers(cpu);

    a->walks++;
    *out = (TlbResult){ .phys = bench_phys(a, va),
                        .page_bytes = a->span,
                        .prot = TLB_READ | TLB_WRITE,
                        .global = a->global };
    return true;
}

static void bench_call(Cpu *cpu, void *arg)
{
    Bench *b = arg;

    b->run(b);
}

static void bench_settled(Cpu *cpu, void *opaque)
{
}

static void bench(void (*run)(Bench *b))
{
    g_autoptr(GError) err = NULL;
    Bench b = { .m = machine_new(&err), .target = target_aarch64, .run = run };
    Answers answers = { .span = GUEST_PAGE_SIZE };
    RamBlock *ram = b.m ? ram_new(b.m, "ram", RAM_BYTES, 0, &err) : NULL;
    bool ok = ram != NULL;

    if (ok) {
        region_add(machine_memory_root(b.m), region_new_ram(b.m, "ram", ram, 0, RAM_BYTES), BASE,
                   0);
        machine_add_types(b.m, arm_cpu_types);
    }
    for (unsigned i = 0; ok && i < 2; i++) {
        ArmCpu *c = arm_cpu_new(b.m, "max", i, &err);

        ok = c && device_realize(&c->cpu.dev, &err);
        b.cpu[i] = c ? &c->cpu : NULL;
    }
    b.target.tlb_fill = bench_fill;
    for (unsigned i = 0; ok && i < 2; i++) { /* before their threads look */
        b.cpu[i]->target = &b.target;
        b.cpu[i]->target_state = &answers;
    }
    if (!ok || !accel_attach(b.m, &accel_tcg, "backend=interp", &err) ||
        !machine_start(b.m, &err)) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
        return;
    }
    cpu_run_on_wait(b.cpu[1], bench_settled, NULL); /* its thread has begun and touches nothing */
    cpu_run_on_wait(b.cpu[0], bench_call, &b);
    for (unsigned i = 0; i < 2; i++) {
        b.cpu[i]->target = &target_aarch64;
        b.cpu[i]->target_state = NULL;
    }
    machine_free(b.m);
}

static void go(Cpu *cpu, unsigned space)
{
    bench_answers(cpu)->space = space;
    tcg_space_switch(cpu, MODES, space);
}

/* Read at @va: the walks it took; the page must be the one of the space. */
static unsigned touch(Cpu *cpu, GuestVirt va, unsigned mode)
{
    Answers *a = bench_answers(cpu);
    unsigned before = a->walks;
    TcgTlbFull *f = tcg_tlb_page(cpu, va, ACCESS_READ, mode, 0);

    EXPECT(f);
    if (f) {
        EXPECT_EQ(f->phys, bench_phys(a, va & ~0xfffull));
    }
    return a->walks - before;
}

/* Would generated code find @va? */
static bool is_fast(Cpu *cpu, GuestVirt va, unsigned mode)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const TcgTlbEntry *e =
        (const void *)((const char *)tc->read[mode] + (va >> 8 & tc->tlb_mask[mode]));

    return (va ^ e->tag) <= GUEST_PAGE_SIZE - 1;
}

static void spaces_come_back(Bench *b)
{
    Cpu *cpu = b->cpu[0];

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned s = 1; s < SPACES; s++) {
            go(cpu, s);
            for (unsigned p = 0; p < 32; p++) {
                EXPECT_EQ(touch(cpu, MAPPED + p * 0x1000 + s, 0), round == 0);
            }
        }
    }
    tcg_tlb_flush_space(cpu, MODES, 3);
    for (unsigned s = 1; s < SPACES; s++) {
        go(cpu, s);
        EXPECT_EQ(touch(cpu, MAPPED, 0), s == 3);
    }
    /* The current one. */
    tcg_tlb_flush_space(cpu, MODES, SPACES - 1);
    EXPECT(!is_fast(cpu, MAPPED, 0));
    EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
    tcg_tlb_flush_modes(cpu, MODES);
    for (unsigned s = 1; s < SPACES; s++) {
        go(cpu, s);
        EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
    }
}

TEST(tlb, spaces_come_back)
{
    bench(spaces_come_back);
}

static void global_pages_stay(Bench *b)
{
    Cpu *cpu = b->cpu[0];

    bench_answers(cpu)->global = true;
    go(cpu, 1);
    EXPECT_EQ(touch(cpu, MAPPED, 1), 1);
    EXPECT_EQ(touch(cpu, MAPPED, 0), 1); /* each mode has permissions of its own */
    go(cpu, 2);
    EXPECT(is_fast(cpu, MAPPED, 1));
    EXPECT_EQ(touch(cpu, MAPPED, 1), 0);
    tcg_tlb_flush_space(cpu, MODES, 2);
    EXPECT_EQ(touch(cpu, MAPPED, 1), 0);
    tcg_tlb_flush_modes(cpu, 1);
    EXPECT_EQ(touch(cpu, MAPPED, 1), 0);
    EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
    tcg_tlb_flush_page(cpu, MAPPED, MODES, 0);
    EXPECT_EQ(touch(cpu, MAPPED, 1), 1);
}

TEST(tlb, global_pages_stay)
{
    bench(global_pages_stay);
}

static void addresses_of_all_spaces(Bench *b)
{
    Cpu *cpu = b->cpu[0];

    for (unsigned s = 1; s < 4; s++) {
        go(cpu, s);
        touch(cpu, MAPPED, 0);
        touch(cpu, MAPPED | 0xab00000000000000, 0);
        touch(cpu, MAPPED + 0x1000, 0);
    }
    tcg_tlb_flush_page(cpu, MAPPED + 0x123, MODES, TCG_FLUSH_ANY_TAG);
    for (unsigned s = 1; s < 4; s++) {
        go(cpu, s);
        EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
        EXPECT_EQ(touch(cpu, MAPPED | 0xab00000000000000, 0), 1);
        EXPECT_EQ(touch(cpu, MAPPED + 0x1000, 0), 0);
    }
    tcg_tlb_flush_page(cpu, MAPPED, MODES, 0);
    go(cpu, 1);
    EXPECT_EQ(touch(cpu, MAPPED | 0xab00000000000000, 0), 0);
    EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
}

TEST(tlb, addresses_of_all_spaces)
{
    bench(addresses_of_all_spaces);
}

/* One space's and the global ones; current, parked, or neither. */
static void addresses_of_one_space(Bench *b)
{
    static const uint64_t bytes[] = { 1, 0x10000, 1ull << 40 };
    Cpu *cpu = b->cpu[0];

    for (unsigned k = 0; k < 2 * G_N_ELEMENTS(bytes); k++) {
        uint64_t n = bytes[k / 2], span = k & 1 ? 1 << 21 : GUEST_PAGE_SIZE;

        bench_answers(cpu)->span = span;
        for (unsigned of = 1; of < 4; of++) {
            tcg_tlb_flush_modes(cpu, MODES);
            bench_answers(cpu)->global = true;
            go(cpu, 0);
            touch(cpu, MAPPED, 2);
            bench_answers(cpu)->global = false;
            for (unsigned s = 1; s < 4; s++) {
                go(cpu, s);
                touch(cpu, MAPPED, 0);
            }
            go(cpu, 2);
            touch(cpu, MAPPED, 0);
            go(cpu, 3); /* the fast table is space 2's, parked */
            tcg_tlb_flush_range_of(cpu, of, MAPPED, n, MODES, 0);
            EXPECT(!is_fast(cpu, MAPPED, 0));
            for (unsigned s = 1; s < 4; s++) {
                go(cpu, s);
                EXPECT_EQ(touch(cpu, MAPPED, 0), s == of);
            }
            EXPECT_EQ(touch(cpu, MAPPED, 2), 1);
        }
    }
}

TEST(tlb, addresses_of_one_space)
{
    bench(addresses_of_one_space);
}

/* After a load nobody knows which space it is; spaces whose numbers are remembered no longer. */
static void addresses_of_spaces_not_known(Bench *b)
{
    enum { MANY = 400 };
    Cpu *cpu = b->cpu[0];

    tcg_space_init(tcg_cpu(cpu));
    bench_answers(cpu)->space = 1;
    touch(cpu, MAPPED, 0);
    tcg_tlb_flush_range_of(cpu, 1, MAPPED, 1, MODES, 0);
    EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
    for (unsigned s = 0; s < MANY; s++) {
        bench_answers(cpu)->space = s % SPACES;
        tcg_space_switch(cpu, MODES, s);
        touch(cpu, MAPPED, 0);
    }
    for (unsigned s = 0; s < MANY; s++) {
        tcg_tlb_flush_range_of(cpu, s, MAPPED, 1, MODES, 0);
        bench_answers(cpu)->space = s % SPACES;
        tcg_space_switch(cpu, MODES, s);
        EXPECT_EQ(touch(cpu, MAPPED, 0), 1);
    }
}

TEST(tlb, addresses_of_spaces_not_known)
{
    bench(addresses_of_spaces_not_known);
}

static void ranges(Bench *b)
{
    static const uint64_t bytes[] = { 0x1000, 0x8000, 0x20000, 0x100000, 1ull << 40 };
    Cpu *cpu = b->cpu[0];

    for (unsigned k = 0; k < G_N_ELEMENTS(bytes); k++) {
        for (unsigned s = 1; s < 3; s++) {
            go(cpu, s);
            for (unsigned p = 0; p < 64; p++) {
                touch(cpu, MAPPED + p * 0x1000, 0);
            }
        }
        tcg_tlb_flush_range(cpu, MAPPED + 0x10000, bytes[k], MODES, 0);
        for (unsigned s = 1; s < 3; s++) {
            go(cpu, s);
            for (uint64_t at = 0; at < 64 * 0x1000; at += 0x1000) {
                EXPECT_EQ(touch(cpu, MAPPED + at, 0), at - 0x10000 < bytes[k]);
            }
        }
    }
}

TEST(tlb, ranges)
{
    bench(ranges);
}

static void mappings_of_more_than_a_page(Bench *b)
{
    static const unsigned bits[] = { 14, 16, 21, 25, 29, 30, 34 };
    Cpu *cpu = b->cpu[0];

    for (unsigned k = 0; k < G_N_ELEMENTS(bits); k++) {
        uint64_t span = 1ull << bits[k], at = MAPPED & ~(span - 1);
        unsigned walks = 0;

        tcg_tlb_flush_modes(cpu, MODES);
        bench_answers(cpu)->span = span;
        go(cpu, 2);
        go(cpu, 1);
        for (unsigned p = 0; p < 4; p++) {
            walks += touch(cpu, at + p * 0x1000, 0);
        }
        EXPECT_EQ(walks, bits[k] <= TLB_SMALL_SPAN_BITS ? 4 : 1);
        EXPECT_EQ(touch(cpu, at + 0x3000, 1), 1); /* another mode */
        go(cpu, 2);
        EXPECT_EQ(touch(cpu, at, 0), 1);
        /* Any address of the mapping, from another space. */
        tcg_tlb_flush_page(cpu, at + span - 1, MODES, 0);
        EXPECT_EQ(touch(cpu, at, 0), 1);
        go(cpu, 1);
        for (unsigned p = 0; p < 4; p++) {
            EXPECT(!is_fast(cpu, at + p * 0x1000, 0));
        }
        EXPECT_EQ(touch(cpu, at + 0x3000, 0), 1);
        tcg_tlb_flush_page(cpu, at + span, MODES, 0); /* beside it */
        EXPECT_EQ(touch(cpu, at + 0x3000, 0), 0);
    }
}

TEST(tlb, mappings_of_more_than_a_page)
{
    bench(mappings_of_more_than_a_page);
}

static void parked_tables(Bench *b)
{
    static const GuestVirt any[] = { 0, 0x1000, 0x2000, 0xfffffffffffff000, MAPPED };
    Cpu *cpu = b->cpu[0];
    uint64_t walks;

    go(cpu, 1);
    for (unsigned p = 0; p < 3; p++) {
        touch(cpu, p * 0x1000, 0); /* slots 0 and 1 among them */
    }
    go(cpu, 2);
    for (unsigned k = 0; k < G_N_ELEMENTS(any); k++) {
        EXPECT(!is_fast(cpu, any[k], 0));
    }
    /* Dropped while it is away. */
    tcg_tlb_flush_page(cpu, 0x1000, MODES, 0);
    go(cpu, 1);
    EXPECT(is_fast(cpu, 0, 0) && !is_fast(cpu, 0x1000, 0) && is_fast(cpu, 0x2000, 0));
    /* Away and back through a third, without an access. */
    go(cpu, 2);
    go(cpu, 3);
    go(cpu, 1);
    EXPECT(is_fast(cpu, 0, 0));
    /* Flushed while it is away. */
    go(cpu, 2);
    tcg_tlb_flush_space(cpu, MODES, 1);
    go(cpu, 1);
    EXPECT(!is_fast(cpu, 0, 0));
    EXPECT_EQ(touch(cpu, 0, 0), 1);
    go(cpu, 2);
    tcg_tlb_flush_modes(cpu, MODES);
    EXPECT(!is_fast(cpu, 0, 0));
    go(cpu, 1);
    EXPECT(!is_fast(cpu, 0, 0));
    walks = bench_answers(cpu)->walks;
    touch(cpu, 0, 0);
    EXPECT_EQ(bench_answers(cpu)->walks, walks + 1);
}

TEST(tlb, parked_tables)
{
    bench(parked_tables);
}

static void others_are_told(Bench *b)
{
    Cpu *cpu = b->cpu[0], *other = b->cpu[1];

    for (unsigned s = 1; s < 4; s++) {
        go(other, s);
        touch(other, MAPPED, 0);
        touch(other, MAPPED + 0x1000, 0);
    }
    tcg_tlb_flush_page_all_cpus(cpu, MAPPED, MODES, TCG_FLUSH_ANY_TAG);
    tcg_tlb_flush_space_all_cpus(cpu, MODES, 2);
    tcg_tlb_sync(cpu); /* the other does not run: it need not answer */
    tcg_messages(other);
    for (unsigned s = 1; s < 4; s++) {
        go(other, s);
        EXPECT_EQ(touch(other, MAPPED, 0), 1);
        EXPECT_EQ(touch(other, MAPPED + 0x1000, 0), s == 2);
    }
    /* More than is listed: everything goes. */
    for (unsigned k = 0; k < 200; k++) {
        tcg_tlb_flush_page_all_cpus(cpu, k * 0x10000, MODES, 0);
    }
    tcg_messages(other);
    EXPECT_EQ(touch(other, MAPPED, 0), 1);
    /* A run of pages is one message. */
    for (unsigned k = 0; k < 200; k++) {
        tcg_tlb_flush_page_all_cpus(cpu, k * 0x1000, MODES, 0);
    }
    EXPECT_EQ(tcg_cpu(other)->page_flushes->len, 1);
    tcg_messages(other);
    EXPECT_EQ(touch(other, MAPPED, 0), 0);
}

TEST(tlb, others_are_told)
{
    bench(others_are_told);
}

static void sizes(Bench *b)
{
    Cpu *cpu = b->cpu[0];
    TcgCpu *tc = tcg_cpu(cpu);

    go(cpu, 1);
    /* Pages of two windows that share every slot. */
    for (unsigned k = 0; k < 20000; k++) {
        touch(cpu, MAPPED + (k % 1500) * 0x1000, 0);
    }
    EXPECT(tc->size_mask[0] > (TCG_TLB_ENTRIES - 1) << 4);
    EXPECT_EQ(tc->tlb_mask[0], tc->size_mask[0]);
    touch(cpu, MAPPED, 0);
    EXPECT(is_fast(cpu, MAPPED, 0));
}

TEST(tlb, sizes)
{
    bench(sizes);
}
