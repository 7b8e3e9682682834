/* SPDX-License-Identifier: Apache-2.0 */
/* Watch registers: what they hold, what they match, when the exception comes. */
#include "target/mips/watch.h"

#include "tests/mips-cpu.h"

enum {
    DATA = 0x3000,
    LW_1 = 0x8c220000,   /* lw $2, 0($1) */
    SW_1 = 0xac220000,   /* sw $2, 0($1) */
    LDC1_1 = 0xd4200000, /* ldc1 $f0, 0($1) */
    LL_1 = 0xc0220000,   /* ll $2, 0($1) */
    SC_1 = 0xe0220000,   /* sc $2, 0($1) */
    JR_1 = 0x00200008,
    NOP = 0,
    BRANCH = 0x10000002, /* b .+12 */
    ERET = 0x42000018,
    G = 1 << 30,
    ASID = 1 << 16,
    W = MIPS_WATCH_W,
    R = MIPS_WATCH_R,
    I = MIPS_WATCH_I,
};

#define KSEG0 0x80000000u

static void watch(MipsCpu *c, unsigned n, uint32_t lo, uint32_t hi)
{
    mips_cp0_write(c, CP0_WATCHLO + n, lo);
    mips_cp0_write(c, CP0_WATCHHI + n, hi | 7);
}

TEST(mips_watch, registers_hold_what_the_model_has)
{
    static const struct {
        const char *model;
        unsigned pairs;
        uint32_t lo[4], hi[4];
    } rows[] = {
        { "4Kc-mips-cpu", 1, { 0xffffffff }, { 0x40ff0ff8 } },
        { "24Kf-mips-cpu",
          4,
          { 0xfffffffc, 0xfffffffc, 0xfffffffb, 0xfffffffb },
          { 0xc0ff0ff8, 0xc0ff0ff8, 0xc0ff0ff8, 0x40ff0ff8 } },
        { "R4000-mips-cpu", 1, { 0xfffffffb }, { 0xf } },
        { "20Kc-mips-cpu", 0, { 0 }, { 0 } },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Bench b;

        bench_make(&b, rows[i].model);
        EXPECT_EQ(mips_watch_pairs(b.cpu), rows[i].pairs);
        for (unsigned n = 0; n < 4; n++) {
            mips_cp0_write(b.cpu, CP0_WATCHLO + n, 0xffffffff);
            mips_cp0_write(b.cpu, CP0_WATCHHI + n, 0xffffffff);
            EXPECT_EQ(mips_cp0_read(b.cpu, CP0_WATCHLO + n), rows[i].lo[n]);
            EXPECT_EQ(mips_cp0_read(b.cpu, CP0_WATCHHI + n), rows[i].hi[n]);
        }
        machine_free(b.machine);
    }
}

static unsigned at(Bench *b, uint32_t va, uint32_t insn)
{
    b->cpu->r[1] = va;
    return bench_code(b, insn, NOP);
}

TEST(mips_watch, loads_and_stores_of_the_doubleword)
{
    uint32_t word = 0x12345678;
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    b.status = STATUS_CU1;
    memcpy(b.ram + DATA + 4, &word, sizeof(word));
    EXPECT_EQ(at(&b, KSEG0 + DATA + 4, SW_1), EXC_BP); /* the page is known to the tables */
    memcpy(b.ram + DATA + 4, &word, sizeof(word));
    watch(c, 2, (KSEG0 + DATA) | W, G);
    c->r[2] = 77;
    EXPECT_EQ(at(&b, KSEG0 + DATA + 4, SW_1), EXC_WATCH);
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + CODE);
    EXPECT_EQ(memcmp(b.ram + DATA + 4, &word, sizeof(word)), 0); /* nothing was done */
    EXPECT_EQ(mips_cp0_read(c, CP0_WATCHHI + 2), 0x80000000u | G | W);
    mips_cp0_write(c, CP0_WATCHHI + 2, G | W);
    EXPECT_EQ(mips_cp0_read(c, CP0_WATCHHI + 2), 0x80000000u | G);
    EXPECT_EQ(at(&b, KSEG0 + DATA + 4, LW_1), EXC_BP); /* no R */
    EXPECT_EQ(at(&b, KSEG0 + DATA + 8, SW_1), EXC_BP);
    EXPECT_EQ(at(&b, KSEG0 + DATA - 4, SW_1), EXC_BP);
    EXPECT_EQ(at(&b, 0xa0000000u + DATA, SW_1), EXC_BP); /* the address is a virtual one */
    watch(c, 3, (KSEG0 + DATA) | R, G);
    EXPECT_EQ(at(&b, KSEG0 + DATA, LW_1), EXC_WATCH);
    EXPECT_EQ(at(&b, KSEG0 + DATA, LDC1_1), EXC_WATCH);
    EXPECT_EQ(at(&b, KSEG0 + DATA, LL_1), EXC_WATCH);
    watch(c, 3, KSEG0 + DATA, G);
    EXPECT_EQ(at(&b, KSEG0 + DATA, LL_1), EXC_BP);
    EXPECT_EQ(bench_code(&b, LL_1, SC_1), EXC_WATCH);
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + CODE + 4);
    watch(c, 2, (KSEG0 + DATA) | W, G | 0xff8);
    EXPECT_EQ(at(&b, KSEG0 + DATA + 0xffc, SW_1), EXC_WATCH);
    watch(c, 2, (KSEG0 + DATA) | W, G | 0x10);
    EXPECT_EQ(at(&b, KSEG0 + DATA + 0x14, SW_1), EXC_WATCH);
    EXPECT_EQ(at(&b, KSEG0 + DATA + 8, SW_1), EXC_BP);
    watch(c, 2, KSEG0 + DATA, G);
    EXPECT_EQ(at(&b, KSEG0 + DATA, SW_1), EXC_BP);
    machine_free(b.machine);
}

TEST(mips_watch, one_address_space_or_all)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    watch(c, 2, (KSEG0 + DATA) | W, 5 * ASID);
    EXPECT_EQ(at(&b, KSEG0 + DATA, SW_1), EXC_BP);
    mips_cp0_write(c, CP0_ENTRYHI, 5);
    EXPECT_EQ(at(&b, KSEG0 + DATA, SW_1), EXC_WATCH);
    mips_cp0_write(c, CP0_ENTRYHI, 6);
    EXPECT_EQ(at(&b, KSEG0 + DATA, SW_1), EXC_BP);
    watch(c, 2, (KSEG0 + DATA) | W, G | 5 * ASID);
    EXPECT_EQ(at(&b, KSEG0 + DATA, SW_1), EXC_WATCH);
    machine_free(b.machine);
}

/* Vol. III, table 6.3: before address errors and what the TLB says. */
TEST(mips_watch, before_exceptions_of_the_address)
{
    Bench b;

    bench_make(&b, "24Kf-mips-cpu");
    EXPECT_EQ(at(&b, 0x2000, LW_1), EXC_TLBL);
    EXPECT_EQ(at(&b, 0x2001, LW_1), EXC_ADEL);
    EXPECT_EQ(at(&b, 0x2000, JR_1), EXC_TLBL);
    watch(b.cpu, 2, 0x2000 | R, G);
    EXPECT_EQ(at(&b, 0x2000, LW_1), EXC_WATCH);
    EXPECT_EQ(at(&b, 0x2001, LW_1), EXC_WATCH);
    EXPECT_EQ(at(&b, 0x2008, LW_1), EXC_TLBL);
    watch(b.cpu, 0, 0x2000 | I, G);
    EXPECT_EQ(at(&b, 0x2000, JR_1), EXC_WATCH);
    EXPECT_EQ(b.cpu->cp0[CP0_EPC], 0x2000);
    EXPECT_EQ(at(&b, 0x2008, JR_1), EXC_TLBL);
    machine_free(b.machine);
}

TEST(mips_watch, instructions_and_those_in_delay_slots)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_BP);
    watch(c, 1, (KSEG0 + CODE + 8) | I, G);
    EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_WATCH);
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + CODE + 8);
    EXPECT_EQ(mips_cp0_read(c, CP0_WATCHHI + 1), 0x80000000u | G | I);
    watch(c, 1, (KSEG0 + CODE + 0x10) | I, G);
    EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_BP);
    b.at = CODE + 4; /* the slot begins a doubleword */
    watch(c, 1, (KSEG0 + CODE + 8) | I, G);
    EXPECT_EQ(bench_code(&b, BRANCH, NOP), EXC_WATCH);
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + CODE + 4);
    EXPECT(c->cp0[CP0_CAUSE] & CAUSE_BD);
    b.at = 2 * CODE - 4; /* and a page */
    watch(c, 1, (KSEG0 + 2 * CODE) | I, G);
    EXPECT_EQ(bench_code(&b, BRANCH, NOP), EXC_WATCH);
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + 2 * CODE - 4);
    EXPECT(c->cp0[CP0_CAUSE] & CAUSE_BD);
    watch(c, 1, KSEG0 + 2 * CODE, G);
    EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_BP);
    machine_free(b.machine);
}

TEST(mips_watch, put_off_while_exl_or_erl_is_set)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t back = KSEG0 + CODE + 12;

        watch(c, 2, (KSEG0 + DATA) | W, G);
        b.status = i ? STATUS_ERL : STATUS_EXL;
        c->cp0[CP0_EPC] = c->cp0[CP0_ERROREPC] = back;
        c->r[1] = KSEG0 + DATA;
        c->r[2] = 55 + i;
        EXPECT_EQ(bench_code(&b, SW_1, ERET), EXC_WATCH);
        EXPECT_EQ(b.ram[DATA], 55 + i); /* it was done */
        EXPECT_EQ(c->cp0[CP0_EPC], back);
        EXPECT(mips_cp0_read(c, CP0_CAUSE) & CAUSE_WP);
        EXPECT(mips_cp0_read(c, CP0_WATCHHI + 2) & W);
        mips_cp0_write(c, CP0_CAUSE, 0);
        EXPECT(!(cpu_lines(&c->cpu) >> MIPS_LINE_WATCH & 1));
        mips_cp0_write(c, CP0_CAUSE, CAUSE_WP); /* which software does not set */
        EXPECT(!(mips_cp0_read(c, CP0_CAUSE) & CAUSE_WP));
        watch(c, 2, 0, 0);
        b.status = 0;
        EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_BP);
    }
    machine_free(b.machine);
}

TEST(mips_watch, physical_addresses_of_an_r4000)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "R4000-mips-cpu");
    c = b.cpu;
    c->cp0[CP0_STATUS] = 0;
    mips_cp0_write(c, CP0_WATCHLO, DATA | R);
    mips_cp0_write(c, CP0_WATCHHI, 1);
    EXPECT(!mips_watch(&c->cpu, ~0ull << 31 | DATA, DATA, 4, ACCESS_READ));
    EXPECT(mips_watch(&c->cpu, ~0ull << 31 | DATA, DATA | 1ull << 32, 4, ACCESS_READ));
    EXPECT_EQ(c->exc.code, EXC_WATCH);
    c->cpu.raised = 0;
    EXPECT(!mips_watch(&c->cpu, 0, DATA | 1ull << 32, 4, ACCESS_WRITE));
    EXPECT(!mips_watch(&c->cpu, 0, DATA | 1ull << 32, 4, ACCESS_FETCH));
    c->cp0[CP0_STATUS] = STATUS_EXL;
    EXPECT(!mips_watch(&c->cpu, 0, DATA | 1ull << 32, 4, ACCESS_READ));
    EXPECT_EQ(cpu_lines(&c->cpu), 1u << MIPS_LINE_WATCH);
    EXPECT(!(mips_cp0_read(c, CP0_CAUSE) & CAUSE_WP)); /* it has no such bit */
    machine_free(b.machine);
}

/* A saved state has the lines that no device drives. */
TEST(mips_watch, lines_of_its_own_are_saved)
{
    g_autoptr(GError) err = NULL;
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    mips_cp0_write(c, CP0_CAUSE, 1 << CAUSE_IP_SHIFT);
    cpu_set_line(&c->cpu, MIPS_LINE_TIMER, true);
    cpu_set_line(&c->cpu, MIPS_LINE_WATCH, true);
    device_mips_cpu.saving(&c->cpu.dev);
    mips_cp0_write(c, CP0_CAUSE, 2 << CAUSE_IP_SHIFT);
    cpu_set_line(&c->cpu, MIPS_LINE_TIMER, false);
    EXPECT_EQ(cpu_lines(&c->cpu), 2);
    EXPECT(device_mips_cpu.loaded(&c->cpu.dev, &err));
    EXPECT_EQ(cpu_lines(&c->cpu), 1 | 1 << MIPS_LINE_TIMER | 1 << MIPS_LINE_WATCH);
    EXPECT(mips_cp0_read(c, CP0_CAUSE) & CAUSE_TI);
    machine_free(b.machine);
}

TEST(mips_watch, addresses_of_64_bits)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "5KEf-mips-cpu");
    c = b.cpu;
    b.status = STATUS_KX;
    mips_cp0_write(c, CP0_WATCHHI, G);
    mips_cp0_write(c, CP0_WATCHLO, 0x9800000000003000 | R | W);
    EXPECT_EQ(bench_code(&b, NOP, NOP), EXC_BP);
    c->r[1] = 0xffffffff80003000;
    EXPECT_EQ(bench_code(&b, LW_1, NOP), EXC_BP);
    c->r[1] = 0x9000000000003000;
    EXPECT_EQ(bench_code(&b, LW_1, NOP), EXC_BP);
    c->r[1] = 0x9800000000003000;
    EXPECT_EQ(bench_code(&b, LW_1, NOP), EXC_WATCH);
    c->r[1] = 0x9800000000003004;
    EXPECT_EQ(bench_code(&b, SW_1, NOP), EXC_WATCH);
    machine_free(b.machine);
}
