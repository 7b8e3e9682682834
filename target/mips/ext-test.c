/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of extensions and of what is no instruction: each ends at its vector with its code,
 * and nothing hangs.
 */
#include "target/mips/eva.h"
#include "tests/mips-cpu.h"

enum {
    NAN_LANES = 0x7f800001, /* signalling */
    MSACSR_ENABLE_V = 1 << 11,
    MSACSR_CAUSE_V = 1 << 16,
    FADD_W = 0x7802085b, /* fadd.w $w1, $w1, $w2 */
    CTCMSA = 0x783e0859, /* ctcmsa $1, $1 */
    BNZ_V = 0x45e00002,  /* bnz.v $w0, .+12 */
    ADDU_QB = 0x7c621010,
    LWE = 0x7c22002f, /* lwe $2, 0($1) */
    LW = 0x8c220000,  /* lw $2, 0($1) */
    SW = 0xac220000,  /* sw $2, 0($1) */
    JALR_1 = 0x0020f809,
    TLBR = 0x42000001,
    TLBWI = 0x42000002,
    TLBINV = 0x42000003,
    TLBINVF = 0x42000004,
    MFHC0_ENTRYLO0 = 0x40421000, /* mfhc0 $2, $2 */
    MTHC0_ENTRYLO0 = 0x40c11000, /* mthc0 $1, $2 */
    MADD_S = 0x4c220060,         /* madd.s $f1, $f1, $f0, $f2 */
    BEQZC_1 = 0xd8200001,        /* beqzc $1, .+8 */
    SDBBP = 0x7000003f,
    SDC1 = 0xf4000000,
};

TEST(mips_ext, msa_needs_its_enable_and_64_bit_registers)
{
    Bench b;

    bench_make(&b, "P5600-mips-cpu");
    b.status = STATUS_CU1 | STATUS_FR;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_MSADIS);
    b.config5 = CONFIG5_MSAEN;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_BP);
    b.status = STATUS_CU1;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_RI);
    b.status = 0; /* it needs no coprocessor 1 */
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_BP);
    machine_free(b.machine);
}

TEST(mips_ext, msa_floating_point_traps_change_nothing_but_cause)
{
    Bench b;

    bench_make(&b, "P5600-mips-cpu");
    b.status = STATUS_CU1 | STATUS_FR;
    b.config5 = CONFIG5_MSAEN;
    b.cpu->f[1] = (IrV128){ .u32 = { 0x3f800000, NAN_LANES, 0, 0 } };
    b.cpu->f[2] = (IrV128){ 0 };
    b.cpu->msacsr = MSACSR_ENABLE_V;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_MSAFPE);
    EXPECT_EQ(b.cpu->f[1].u32[1], NAN_LANES);
    EXPECT_EQ(b.cpu->msacsr, MSACSR_ENABLE_V | MSACSR_CAUSE_V);
    EXPECT_EQ(b.cpu->cp0[CP0_EPC], 0x80000000u + CODE);

    /* A cause that is written and enabled traps at once. */
    b.cpu->r[1] = MSACSR_ENABLE_V | MSACSR_CAUSE_V;
    EXPECT_EQ(bench_code(&b, CTCMSA, 0), EXC_MSAFPE);

    /* In a delay slot the exception is the branch's. */
    b.cpu->f[0] = (IrV128){ .u64 = { 0, 1 } };
    EXPECT_EQ(bench_code(&b, BNZ_V, FADD_W), EXC_MSAFPE);
    EXPECT_EQ(b.cpu->cp0[CP0_EPC], 0x80000000u + CODE);
    EXPECT(b.cpu->cp0[CP0_CAUSE] & CAUSE_BD);
    EXPECT_EQ(bench_code(&b, BNZ_V, BNZ_V), EXC_RI); /* a branch in a slot */
    machine_free(b.machine);
}

/* The offset of BZ and BNZ is signed, in release 5 and 6. */
TEST(mips_ext, msa_branches_go_backwards)
{
    enum { BZ_V = 0x45600000, BZ_B = 0x47000000, BNZ_B = 0x47800000, DF = 0x200000, W1 = 0x10000 };
    static const char *const models[] = { "P5600-mips-cpu", "I6400-mips-cpu" };
    const uint32_t back = 0xfffd, stop = 0x0000000d; /* to 8 bytes before it */

    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        Bench b;
        MipsCpu *c;
        uint64_t base;

        bench_make(&b, models[i]);
        c = b.cpu;
        base = (mips_cpu_has(c, MIPS_FEAT_M64) ? 0xffffffff80000000 : 0x80000000) + CODE;
        b.status = STATUS_CU1 | STATUS_FR;
        b.config5 = CONFIG5_MSAEN;
        memcpy(b.ram + CODE - 8, &stop, sizeof(stop));
        c->f[0] = (IrV128){ 0 };
        c->f[1] = (IrV128){ .u64 = { ~0ull, ~0ull } };
        EXPECT_EQ(bench_code(&b, BZ_V | back, 0), EXC_BP);
        EXPECT_EQ(c->cp0[CP0_EPC], base - 8);
        EXPECT_EQ(bench_code(&b, (BNZ_V & ~0xffff) | W1 | back, 0), EXC_BP);
        EXPECT_EQ(c->cp0[CP0_EPC], base - 8);
        for (uint32_t df = 0; df < 4 * DF; df += DF) {
            EXPECT_EQ(bench_code(&b, (BZ_B + df) | back, 0), EXC_BP);
            EXPECT_EQ(c->cp0[CP0_EPC], base - 8);
            EXPECT_EQ(bench_code(&b, (BNZ_B + df) | W1 | back, 0), EXC_BP);
            EXPECT_EQ(c->cp0[CP0_EPC], base - 8);
            EXPECT_EQ(bench_code(&b, (BZ_B + df) | W1 | back, 0), EXC_BP); /* not taken */
            EXPECT_EQ(c->cp0[CP0_EPC], base + 8);
        }
        machine_free(b.machine);
    }
}

TEST(mips_ext, dsp_needs_status_mx)
{
    Bench b;

    bench_make(&b, "34Kf-mips-cpu");
    EXPECT_EQ(bench_code(&b, ADDU_QB, 0), EXC_DSPDIS);
    b.status = STATUS_MX;
    EXPECT_EQ(bench_code(&b, ADDU_QB, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_RI); /* MSA, which it has not */
    machine_free(b.machine);
    bench_make(&b, "24Kc-mips-cpu");
    b.status = STATUS_MX;
    EXPECT_EQ(bench_code(&b, ADDU_QB, 0), EXC_RI);
    machine_free(b.machine);
}

TEST(mips_ext, what_is_no_instruction_ends_at_its_vector)
{
    Bench b;

    bench_make(&b, "24Kc-mips-cpu");
    EXPECT_EQ(bench_code(&b, SDBBP, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, SDC1, 0), EXC_CPU);
    EXPECT_EQ(bench_code(&b, 0xffffffff, 0), EXC_RI);
    EXPECT_EQ(bench_code(&b, 0x7c00003f, 0), EXC_RI);
    EXPECT_EQ(bench_code(&b, 0x10000002, 0xffffffff), EXC_RI); /* in a delay slot */
    machine_free(b.machine);
}

/* Words that some model has no instruction for: each model comes to its vector. */
TEST(mips_ext, no_word_hangs_any_model)
{
    static const uint32_t words[] = {
        SDBBP,      SDC1,       0xffffffff, 0x7c00003f, 0x0000003f,
        0x4c000000, 0x70000000, 0x7800001f, 0xbc000000, 0x41600bc1,
        0x000001cd, 0x0000000e, 0xd8000000, 0x42000000, 0x46a00000,
    };

    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        Bench b;

        if (!strcmp((*t)->name, "R4000-mips-cpu")) { /* it has no WAIT to end the test with */
            continue;
        }
        bench_make(&b, (*t)->name);
        for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
            unsigned alone = bench_code(&b, words[i], 0), slot;

            EXPECT(alone >= EXC_TLBL && alone <= EXC_DSPDIS);
            slot = bench_code(&b, BRANCH_BACK + 3, words[i]); /* in a delay slot */
            EXPECT(slot >= EXC_TLBL && slot <= EXC_DSPDIS);
        }
        machine_free(b.machine);
    }
}

TEST(mips_ext, eva_accesses_what_user_programs_may)
{
    const uint32_t low = 0x80000000u + CODE, sum = 0x1234567;
    Bench b;
    MipsCpu *c;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    c->r[1] = low;
    EXPECT_EQ(bench_code(&b, LWE, 0), EXC_ADEL); /* kseg0 is the kernel's */
    EXPECT_EQ(c->cp0[CP0_BADVADDR], low);
    c->r[1] = 0x2000;
    EXPECT_EQ(bench_code(&b, LWE, 0), EXC_TLBL);
    c->tlb[0] = (MipsTlbEntry){ .vpn2 = 0x2000, .mask = 0x1fff, .global = 1 };
    c->tlb[0].lo[0] = c->tlb[0].lo[1] = 2 << 6 | 7;
    memcpy(b.ram + 0x2000, &sum, sizeof(sum));
    EXPECT_EQ(bench_code(&b, LWE, 0), EXC_BP);
    EXPECT_EQ(c->r[2], sum);
    b.status = 2 << STATUS_KSU_SHIFT; /* the code itself is out of reach */
    EXPECT_EQ(bench_code(&b, LWE, 0), EXC_ADEL);
    machine_free(b.machine);
}

TEST(mips_ext, segments_are_as_segctl_says)
{
    Bench b;
    MipsCpu *c;
    uint64_t pa;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    EXPECT_EQ(mips_eva_segment(c, 0x80001000, MIPS_MODE_KERNEL, &pa), MIPS_EVA_DIRECT);
    EXPECT_EQ(pa, 0x1000);
    EXPECT_EQ(mips_eva_segment(c, 0xa0001000, MIPS_MODE_KERNEL, &pa), MIPS_EVA_DIRECT);
    EXPECT_EQ(pa, 0x1000);
    EXPECT_EQ(mips_eva_segment(c, 0xa0001000, MIPS_MODE_SUPER, &pa), MIPS_EVA_ERROR);
    EXPECT_EQ(mips_eva_segment(c, 0xc0001000, MIPS_MODE_SUPER, &pa), MIPS_EVA_MAPPED);
    EXPECT_EQ(mips_eva_segment(c, 0xe0001000, MIPS_MODE_SUPER, &pa), MIPS_EVA_ERROR);
    EXPECT_EQ(mips_eva_segment(c, 0x40001000, MIPS_MODE_USER, &pa), MIPS_EVA_MAPPED);
    EXPECT_EQ(mips_eva_segment(c, 0x40001000, MIPS_MODE_ERROR, &pa), MIPS_EVA_DIRECT);
    EXPECT_EQ(pa, 0x40001000);
    /* What Linux has with EVA: the lower 3 GiB are the kernel's, direct, and the user's, mapped. */
    c->cp0[CP0_SEGCTL1] = 0x04430443;
    EXPECT_EQ(mips_eva_segment(c, 0x90001000, MIPS_MODE_KERNEL, &pa), MIPS_EVA_DIRECT);
    EXPECT_EQ(pa, 0x50001000);
    EXPECT_EQ(mips_eva_segment(c, 0x90001000, MIPS_MODE_USER, &pa), MIPS_EVA_MAPPED);
    machine_free(b.machine);
}

/* An entry of two pages at 2000h with @lo. */
static void bench_map(MipsCpu *c, uint64_t lo)
{
    c->cp0[CP0_ENTRYHI] = 0x2000;
    c->cp0[CP0_PAGEMASK] = c->cp0[CP0_INDEX] = 0;
    mips_cp0_write(c, CP0_ENTRYLO0, lo);
    mips_cp0_write(c, CP0_ENTRYLO1, lo);
    mips_helper_tlbwi(&c->cpu);
}

TEST(mips_ext, pages_may_forbid_reads_and_fetches)
{
    const uint32_t ri = 1u << 31, xi = 1 << 30, good = 2 << 6 | 7;
    Bench b;
    MipsCpu *c;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    c->r[1] = 0x2000;
    bench_map(c, good | ri); /* PageGrain.RIE is 0: there is no RI */
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    mips_cp0_write(c, CP0_PAGEGRAIN, PAGEGRAIN_RIE | PAGEGRAIN_XIE);
    bench_map(c, good | ri);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_TLBL);
    EXPECT_EQ(bench_code(&b, SW, 0), EXC_BP);
    mips_cp0_write(c, CP0_PAGEGRAIN, PAGEGRAIN_RIE | PAGEGRAIN_XIE | PAGEGRAIN_IEC);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_TLBRI);
    EXPECT_EQ(c->cp0[CP0_BADVADDR], 0x2000);
    bench_map(c, good | xi);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, JALR_1, 0), EXC_TLBXI);
    EXPECT_EQ(c->cp0[CP0_EPC], 0x2000);
    machine_free(b.machine);

    bench_make(&b, "I6400-mips-cpu"); /* release 6 has them always, at bits 63 and 62 */
    c = b.cpu;
    c->r[1] = 0x2000;
    bench_map(c, good);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    bench_map(c, good | 1ull << 63);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_TLBRI);
    bench_map(c, good | 1ull << 62);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, JALR_1, 0), EXC_TLBXI);
    machine_free(b.machine);
}

TEST(mips_ext, entries_are_invalidated_at_once_and_one_by_one)
{
    const uint32_t good = 2 << 6 | 7;
    Bench b;
    MipsCpu *c;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    c->r[1] = 0x2000;
    bench_map(c, good);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, TLBINV, LW), EXC_BP); /* it is global */
    EXPECT_EQ(bench_code(&b, TLBINVF, LW), EXC_TLBL);
    bench_map(c, good & ~1u);
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    c->cp0[CP0_ENTRYHI] = 5; /* another address space */
    EXPECT_EQ(bench_code(&b, TLBINV, 0), EXC_BP);
    c->cp0[CP0_ENTRYHI] = 0;
    EXPECT_EQ(bench_code(&b, LW, 0), EXC_BP);
    EXPECT_EQ(bench_code(&b, TLBINV, LW), EXC_TLBL);
    bench_map(c, good);
    mips_cp0_write(c, CP0_ENTRYHI, 0x2000 | ENTRYHI_EHINV);
    EXPECT_EQ(bench_code(&b, TLBWI, LW), EXC_TLBL);
    mips_cp0_write(c, CP0_ENTRYHI, 0);
    EXPECT_EQ(bench_code(&b, TLBR, 0), EXC_BP);
    EXPECT(c->cp0[CP0_ENTRYHI] & ENTRYHI_EHINV);
    machine_free(b.machine);
    bench_make(&b, "24Kc-mips-cpu");
    EXPECT_EQ(bench_code(&b, TLBINVF, 0), EXC_RI);
    machine_free(b.machine);
}

TEST(mips_ext, registers_have_upper_halves)
{
    Bench b;
    MipsCpu *c;
    TlbResult r;

    bench_make(&b, "P5600-mips-cpu");
    c = b.cpu;
    c->r[1] = 0xffffffff;
    mips_cp0_write(c, CP0_ENTRYLO0, 0x3fffffff);
    EXPECT_EQ(bench_code(&b, MTHC0_ENTRYLO0, MFHC0_ENTRYLO0), EXC_BP);
    EXPECT_EQ(c->r[2], 0); /* PageGrain.ELPA is 0 */
    mips_cp0_write(c, CP0_PAGEGRAIN, PAGEGRAIN_ELPA);
    EXPECT_EQ(bench_code(&b, MTHC0_ENTRYLO0, MFHC0_ENTRYLO0), EXC_BP);
    EXPECT_EQ(c->r[2], 0xf);
    EXPECT_EQ(c->cp0[CP0_ENTRYLO0], 0xf3fffffff);
    c->cp0[CP0_ENTRYLO1] = c->cp0[CP0_ENTRYLO0];
    c->cp0[CP0_ENTRYHI] = 0x2000;
    mips_helper_tlbwi(&c->cpu);
    EXPECT(mips_tlb_fill(&c->cpu, 0x2004, ACCESS_READ, MIPS_MODE_USER, 0, true, &r));
    EXPECT_EQ(r.phys, 0xfffffff004);
    mips_cp0_write(c, CP0_ENTRYLO0, 0); /* MTC0 clears the rest */
    EXPECT_EQ(c->cp0[CP0_ENTRYLO0], 0);

    mips_cp0_write(c, CP0_MAARI, 0x3f);
    EXPECT_EQ(mips_cp0_read(c, CP0_MAARI), MIPS_MAARS - 1);
    mips_cp0_write(c, CP0_MAAR, 0x12345003);
    mips_cp0_write(c, CP0_MAARI, 0);
    EXPECT_EQ(mips_cp0_read(c, CP0_MAAR), 0);
    mips_cp0_write(c, CP0_MAARI, MIPS_MAARS); /* beyond the last */
    EXPECT_EQ(mips_cp0_read(c, CP0_MAARI), 0);
    mips_cp0_write(c, CP0_MAARI, MIPS_MAARS - 1);
    EXPECT_EQ(mips_cp0_read(c, CP0_MAAR), 0x12345003);
    machine_free(b.machine);
}

/* MADD.S is of MIPS IV, so of MIPS64 in each release but the sixth, of MIPS32 from release 2 on. */
TEST(mips_ext, cop1x_by_release)
{
    static const struct {
        const char *model;
        unsigned code;
    } rows[] = {
        { "5Kf-mips-cpu", EXC_BP },
        { "20Kc-mips-cpu", EXC_BP },
        { "24Kf-mips-cpu", EXC_BP },
        { "I6400-mips-cpu", EXC_RI },
    };
    Bench b;

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        bench_make(&b, rows[i].model);
        b.status = STATUS_CU1 | STATUS_FR;
        EXPECT_EQ(bench_code(&b, MADD_S, 0), rows[i].code);
        machine_free(b.machine);
    }
    bench_make(&b, "I6400-mips-cpu"); /* which has MSA instead */
    b.status = STATUS_CU1 | STATUS_FR;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_MSADIS);
    b.config5 = CONFIG5_MSAEN;
    EXPECT_EQ(bench_code(&b, FADD_W, 0), EXC_BP);
    machine_free(b.machine);
}

/* Behind a compact branch that is not taken no branch may stand, on the same page or the next. */
TEST(mips_ext, forbidden_slots_over_the_end_of_a_page)
{
    Bench b;

    bench_make(&b, "mips32r6-generic-mips-cpu");
    for (b.at = CODE; b.at < 3 * CODE; b.at += CODE - 4) {
        b.cpu->r[1] = 1;
        EXPECT_EQ(bench_code(&b, BEQZC_1, BRANCH_BACK), EXC_RI);
        EXPECT_EQ(b.cpu->cp0[CP0_EPC], 0x80000004u + b.at);
        EXPECT(!(b.cpu->cp0[CP0_CAUSE] & CAUSE_BD));
        EXPECT_EQ(bench_code(&b, BEQZC_1, LW), EXC_TLBL); /* no transfer */
        EXPECT_EQ(b.cpu->forbidden, 0);
        EXPECT_EQ(bench_code(&b, BEQZC_1, 0), EXC_BP);
        b.cpu->r[1] = 0; /* taken: to the BREAK */
        EXPECT_EQ(bench_code(&b, BEQZC_1, BRANCH_BACK), EXC_BP);
    }
    machine_free(b.machine);
}
