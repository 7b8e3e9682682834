/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of coprocessor 0 that some models have, and interrupts with vectors of their own. */
#include "tests/mips-cpu.h"

enum {
    NOP = 0,
    LL_1 = 0xc0220000,          /* ll $2, 0($1) */
    LL_1_R6 = 0x7c220036,       /* ll $2, 0($1) */
    MFC0_2_LLADDR = 0x40028800, /* mfc0 $2, $17 */
    ERETNC = 0x42000058,
    ERET = 0x42000018,
    LW_1 = 0x8c220000,   /* lw $2, 0($1) */
    BRANCH = 0x10000002, /* b .+12 */
    CTC1_UFR = 0x44c00800,
    CTC1_UNFR = 0x44c02000,
    CFC1_2_UFR = 0x44420800,
    VECTORS = 0x2000,
    LLB = 1,

};

#define KSEG0 0x80000000u

/* ---- vectored interrupts ---- */

static uint64_t interrupted(MipsCpu *c, unsigned lines, unsigned spacing)
{
    c->cp0[CP0_STATUS] = STATUS_IE | 0xff << STATUS_IM_SHIFT;
    c->pc = KSEG0 + CODE;
    mips_cp0_write(c, CP0_INTCTL, (uint64_t)spacing << 5);
    for (unsigned n = 0; n < 8; n++) {
        cpu_set_line(&c->cpu, n, lines >> n & 1);
    }
    EXPECT(c->cpu.target->interrupt_enter(&c->cpu));
    EXPECT_EQ(c->cp0[CP0_EPC], KSEG0 + CODE);
    return c->pc - (KSEG0 + VECTORS);
}

TEST(mips_cp0, interrupts_have_vectors_of_their_own)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "24Kf-mips-cpu");
    c = b.cpu;
    mips_cp0_write(c, CP0_EBASE, KSEG0 + VECTORS);
    EXPECT_EQ(interrupted(c, 1 << 3, 1), 0x180); /* Cause.IV is 0 */
    c->cp0[CP0_CAUSE] = CAUSE_IV;
    EXPECT_EQ(interrupted(c, 1 << 3, 0), 0x200);
    for (unsigned vs = 1; vs <= 16; vs *= 2) { /* Vol. III, table 9.41: 32 to 512 bytes */
        for (unsigned n = 0; n < 8; n++) {
            EXPECT_EQ(interrupted(c, 1u << n | 1, vs), 0x200 + n * vs * 32);
        }
    }
    EXPECT_EQ(interrupted(c, 1 << 7 | 1 << 2, 1), 0x200 + 7 * 32); /* the highest */
    EXPECT_EQ(mips_cp0_read(c, CP0_INTCTL), 7u << 29 | 1 << 5);    /* the timer is IP7 */
    machine_free(b.machine);
    bench_make(&b, "5KEf-mips-cpu"); /* no Config3.VInt: no VS */
    mips_cp0_write(b.cpu, CP0_INTCTL, 0x3e0);
    EXPECT_EQ(mips_cp0_read(b.cpu, CP0_INTCTL), 7u << 29);
    machine_free(b.machine);
}

/* Vol. III, 6.1.1.3: a request above Status.IPL has the vector of its number. */
TEST(mips_cp0, external_controller_has_63_vectors)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "74Kf-mips-cpu");
    c = b.cpu;
    EXPECT(!(mips_cp0_read(c, CP0_CONFIG3) & CONFIG3_VEIC));
    c->eic = true;
    mips_cp0_reset(c);
    EXPECT(mips_cp0_read(c, CP0_CONFIG3) & CONFIG3_VEIC);
    mips_cp0_write(c, CP0_EBASE, KSEG0 + VECTORS);
    for (unsigned level = 0; level < 64; level++) {
        for (unsigned ipl = 0; ipl < 64; ipl += 7) {
            c->cp0[CP0_CAUSE] = CAUSE_IV;
            c->cp0[CP0_STATUS] = STATUS_IE | ipl << STATUS_IPL_SHIFT;
            c->pc = KSEG0 + CODE;
            mips_cp0_write(c, CP0_INTCTL, 1 << 5);
            for (unsigned n = 0; n < 6; n++) {
                cpu_set_line(&c->cpu, 2 + n, level >> n & 1);
            }
            EXPECT_EQ(c->cpu.target->has_work(&c->cpu), level > ipl);
            EXPECT_EQ(c->cpu.target->interrupt_enter(&c->cpu), level > ipl);
            EXPECT_EQ(c->pc, KSEG0 + (level > ipl ? VECTORS + 0x200 + level * 32 : (unsigned)CODE));
            EXPECT_EQ(mips_cp0_read(c, CP0_CAUSE) >> STATUS_IPL_SHIFT & 0x3f, level); /* RIPL */
        }
    }
    EXPECT_EQ(interrupted(c, 1 << 7 | 1 << 2, 0), 0x200); /* VS 0: as ever */
    machine_free(b.machine);
    bench_make(&b, "5KEf-mips-cpu"); /* no vectors, no controller */
    b.cpu->eic = true;
    mips_cp0_reset(b.cpu);
    EXPECT(!(mips_cp0_read(b.cpu, CP0_CONFIG3) & CONFIG3_VEIC));
    machine_free(b.machine);
}

/* ---- LLB ---- */

TEST(mips_cp0, llb_is_seen_cleared_and_kept_by_eretnc)
{
    static const struct {
        const char *model;
        uint32_t ll;
    } rows[] = { { "P5600-mips-cpu", LL_1 }, { "mips32r6-generic-mips-cpu", LL_1_R6 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Bench b;
        MipsCpu *c;

        bench_make(&b, rows[i].model);
        c = b.cpu;
        c->r[1] = KSEG0 + 0x3000;
        EXPECT_EQ(bench_code(&b, rows[i].ll, MFC0_2_LLADDR), EXC_BP);
        EXPECT_EQ(c->r[2], LLB);
        c->cp0[CP0_EPC] = KSEG0 + CODE + 8;
        EXPECT_EQ(bench_code(&b, rows[i].ll, ERETNC), EXC_BP);
        EXPECT_EQ(mips_cp0_read(c, CP0_LLADDR), LLB);
        mips_cp0_write(c, CP0_LLADDR, 1); /* nothing */
        EXPECT_EQ(mips_cp0_read(c, CP0_LLADDR), LLB);
        mips_cp0_write(c, CP0_LLADDR, 0);
        EXPECT_EQ(mips_cp0_read(c, CP0_LLADDR), 0);
        c->cp0[CP0_EPC] = KSEG0 + CODE + 8;
        EXPECT_EQ(bench_code(&b, rows[i].ll, ERET), EXC_BP);
        EXPECT_EQ(mips_cp0_read(c, CP0_LLADDR), 0);
        machine_free(b.machine);
    }
}

/* ---- BadInstr ---- */

TEST(mips_cp0, bad_instructions_are_kept)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    c->r[1] = 0x2001;
    EXPECT_EQ(bench_code(&b, LW_1, NOP), EXC_ADEL);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTR), LW_1);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTRP), 0);
    c->r[1] = 0x2000;
    EXPECT_EQ(bench_code(&b, BRANCH, LW_1), EXC_TLBL);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTR), LW_1);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTRP), BRANCH);
    b.at = 2 * CODE - 4; /* the slot is on the next page */
    EXPECT_EQ(bench_code(&b, BRANCH, 0xffffffff), EXC_RI);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTR), 0xffffffff);
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTRP), BRANCH);
    EXPECT_EQ(bench_code(&b, 0x00200008, NOP), EXC_TLBL); /* jr $1: of the fetch */
    EXPECT_EQ(mips_cp0_read(c, CP0_BADINSTR), 0xffffffff);
    machine_free(b.machine);
    bench_make(&b, "I6400-mips-cpu");
    EXPECT_EQ(bench_code(&b, 0xcc000000, NOP), EXC_RI);
    EXPECT_EQ(mips_cp0_read(b.cpu, CP0_BADINSTR), 0xffffffffcc000000); /* as MFC0 has it */
    machine_free(b.machine);
    bench_make(&b, "24Kf-mips-cpu");
    EXPECT_EQ(bench_code(&b, 0xffffffff, NOP), EXC_RI);
    EXPECT_EQ(mips_cp0_read(b.cpu, CP0_BADINSTR), 0);
    machine_free(b.machine);
}

/* ---- UFR ---- */

TEST(mips_cp0, programs_change_fr_where_they_may)
{
    Bench b;
    MipsCpu *c;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    b.status = STATUS_CU1;
    EXPECT_EQ(bench_code(&b, CTC1_UNFR, NOP), EXC_RI);
    EXPECT_EQ(bench_code(&b, CFC1_2_UFR, NOP), EXC_RI);
    mips_cp0_write(c, CP0_CONFIG5, CONFIG5_UFR);
    EXPECT_EQ(bench_code(&b, CTC1_UNFR, CFC1_2_UFR), EXC_BP);
    EXPECT_EQ(c->r[2], 1);
    EXPECT(c->cp0[CP0_STATUS] & STATUS_FR);
    b.status = STATUS_CU1 | STATUS_FR;
    EXPECT_EQ(bench_code(&b, CTC1_UFR, CFC1_2_UFR), EXC_BP);
    EXPECT_EQ(c->r[2], 0);
    EXPECT(!(c->cp0[CP0_STATUS] & STATUS_FR));
    machine_free(b.machine);
    bench_make(&b, "24Kf-mips-cpu"); /* it has none */
    mips_cp0_write(b.cpu, CP0_CONFIG5, CONFIG5_UFR);
    EXPECT_EQ(mips_cp0_read(b.cpu, CP0_CONFIG5), 0);
    machine_free(b.machine);
}
