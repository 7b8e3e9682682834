/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loongson's instructions where QEMU's user emulator is no oracle. Values of MMI: those that GCC's
 * gcc.target/mips/loongson-simd.c asserts, and their neighbours by the same definitions.
 */
#include "tests/mips-cpu.h"

enum {
    BREAK = 0x0000000d,
    FT = 3,
    FS = 4,
    FD = 5,
    OPERANDS = FT << 16 | FS << 11 | FD << 6,
    PSUBUSB = 0x4ba00001 | OPERANDS,
    PSUBUSH = 0x4b200001 | OPERANDS,
    PCMPGTB = 0x4ba00009 | OPERANDS,
    PCMPGTH = 0x4b600009 | OPERANDS,
    PCMPGTW = 0x4b200009 | OPERANDS,
    PMAXUB = 0x4b800008 | OPERANDS,
    PMINUB = 0x4ba00008 | OPERANDS,
    PACKUSHB = 0x4b600002 | OPERANDS,
    PADDB = 0x4bc00000 | OPERANDS,
    ADD = 0x4b40000c | OPERANDS,
    SUB = 0x4b40000d | OPERANDS,
    DSUB = 0x4b60000d | OPERANDS,
    /* of the register whose number is in r1, to or from r2 */
    RDCSR = 0xc8001118 | 1 << 21,
    WRCSR = 0xc8011118 | 1 << 21,
    DRDCSR = 0xc8021118 | 1 << 21,
    DWRCSR = 0xc8031118 | 1 << 21,
    CPUCFG = 0xc8081118 | 1 << 21,
    CSR_FEATURES = 0x8,
    CSR_IPI_EN = 0x1004,
    CSR_IPI_SEND = 0x1040,
    CSR_MAIL_BUF0 = 0x1020,
    CSR_MAIL_SEND = 0x1048,
    IPI_AT = 0x3ff01000,
    PUBLIC_AT = 0x1fe00000,
};

/* ExcCode of @insn, which a BREAK follows; coprocessor << 8. */
static unsigned bench_insn(Bench *b, uint32_t insn)
{
    return bench_code(b, insn, BREAK) | (b->cpu->cp0[CP0_CAUSE] >> CAUSE_CE_SHIFT & 3) << 8;
}

static uint64_t bench_mmi(Bench *b, uint32_t insn, uint64_t fs, uint64_t ft)
{
    b->cpu->f[FS].u64[0] = fs;
    b->cpu->f[FT].u64[0] = ft;
    b->cpu->f[FD].u64[0] = 0x5555;
    EXPECT_EQ(bench_insn(b, insn), EXC_BP);
    return b->cpu->f[FD].u64[0];
}

TEST(mips_loongson, mmi_needs_both_coprocessors)
{
    Bench b;

    bench_make(&b, "Loongson-3A1000-mips-cpu");
    EXPECT_EQ(bench_insn(&b, PADDB), EXC_CPU | 2 << 8);
    b.status = STATUS_CU2;
    EXPECT_EQ(bench_insn(&b, PADDB), EXC_CPU | 1 << 8);
    b.status = STATUS_CU1 | STATUS_CU2; /* a pair is named by its even register */
    EXPECT_EQ(bench_insn(&b, PADDB), EXC_RI);
    EXPECT_EQ(bench_insn(&b, 0x4bc00000 | 2 << 16 | 4 << 11 | 6 << 6), EXC_BP);
    b.status |= STATUS_FR;
    EXPECT_EQ(bench_insn(&b, PADDB), EXC_BP);
    machine_free(b.machine);
    bench_make(&b, "MIPS64R2-generic-mips-cpu");
    EXPECT_EQ(bench_insn(&b, PADDB) & 31, EXC_RI);
    machine_free(b.machine);
}

TEST(mips_loongson, mmi_where_there_is_no_oracle)
{
    static const struct {
        uint32_t insn;
        uint64_t fs, ft, fd;
    } rows[] = {
        /* signed: -42 > { -45, -44, -43, -42 }, 42 > { 42, 43, 41, 40 } */
        { PCMPGTB, 0x2a2a2a2ad6d6d6d6, 0x28292b2ad6d5d4d3, 0xffff000000ffffff },
        { PCMPGTB, 0x807f00ff01807fff, 0x7f80ff0080018000, 0x00ffff00ff00ff00 },
        { PCMPGTH, 0xffd6ffd6ffd6ffd6, 0xffd5002c002b002a, 0xffff000000000000 },
        { PCMPGTH, 0x80007fff0001ffff, 0x7fff80000001ffff, 0x0000ffff00000000 },
        { PCMPGTW, 0xffffffd60000002a, 0xffffffd6ffffffd6, 0x00000000ffffffff },
        { PCMPGTW, 0x8000000112345678, 0x7fffffff00010203, 0x00000000ffffffff },
        /* 10 to 80 and 80 to 10 */
        { PMAXUB, 0x50463c32281e140a, 0x0a141e28323c4650, 0x50463c32323c4650 },
        { PMINUB, 0x50463c32281e140a, 0x0a141e28323c4650, 0x0a141e28281e140a },
        { PMAXUB, 0x807f0100ff807f01, 0x7f8000ff01807f02, 0x808001ffff807f02 },
        { PMINUB, 0x807f0100ff807f01, 0x7f8000ff01807f02, 0x7f7f000001807f01 },
        { PSUBUSB, 0x50463c32281e140a, 0x0a141e28323c4650, 0x46321e0a00000000 },
        { PSUBUSB, 0x807f0100ff807f01, 0x7f8000ff01807f02, 0x01000100fe000000 },
        { PSUBUSH, 0x0028001e0014000a, 0x000a0014001e0028, 0x001e000a00000000 },
        { PSUBUSH, 0x80007fff0001ffff, 0x7fff80000001ffff, 0x0001000000000000 },
        /* halfwords with sign to bytes without */
        { PACKUSHB, 0x800000ff00800001, 0xffff7fff0100007f, 0x00ffff7f00ff8001 },
        { ADD, 0x7ffffffe, 1, 0x7fffffff },
        { ADD, 0xffffffff80000001, 0xffffffffffffffff, 0xffffffff80000000 },
        { SUB, 5, 3, 2 },
        { SUB, 3, 5, 0xfffffffffffffffe },
        { SUB, 0xffffffff80000001, 1, 0xffffffff80000000 },
        { DSUB, 5, 3, 2 },
        { DSUB, 0x8000000000000001, 1, 0x8000000000000000 },
        { DSUB, 0xffffffffffffffff, 0x8000000000000000, 0x7fffffffffffffff },
    };
    Bench b;

    bench_make(&b, "Loongson-3A1000-mips-cpu");
    b.status = STATUS_CU1 | STATUS_CU2 | STATUS_FR;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        EXPECT_EQ(bench_mmi(&b, rows[i].insn, rows[i].fs, rows[i].ft), rows[i].fd);
    }
    machine_free(b.machine);
}

TEST(mips_loongson, mmi_sums_trap_and_leave_their_register)
{
    static const struct {
        uint32_t insn;
        uint64_t fs, ft;
    } rows[] = {
        { ADD, 0x7fffffff, 1 },
        { ADD, 0xffffffff80000000, 0xffffffffffffffff },
        { SUB, 0xffffffff80000000, 1 },
        { SUB, 0, 0xffffffff80000000 },
        { DSUB, 0x8000000000000000, 1 },
        { DSUB, 0, 0x8000000000000000 },
        { DSUB, 0x4000000000000000, 0xc000000000000000 },
    };
    Bench b;

    bench_make(&b, "Loongson-3A1000-mips-cpu");
    b.status = STATUS_CU1 | STATUS_CU2 | STATUS_FR;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        b.cpu->f[FS].u64[0] = rows[i].fs;
        b.cpu->f[FT].u64[0] = rows[i].ft;
        b.cpu->f[FD].u64[0] = 0x5555;
        EXPECT_EQ(bench_insn(&b, rows[i].insn), EXC_OV);
        EXPECT_EQ(b.cpu->f[FD].u64[0], 0x5555);
    }
    machine_free(b.machine);
}

/* A page of RAM where the board has registers. */
static uint8_t *bench_page(Bench *b, const char *name, uint64_t at)
{
    g_autoptr(GError) err = NULL;
    RamBlock *ram = ram_new(b->machine, name, 0x1000, RAM_SHARED, &err);

    region_add(machine_memory_root(b->machine), region_new_ram(b->machine, name, ram, 0, 0x1000),
               at, 0);
    return ram->host;
}

static uint64_t bench_csr(Bench *b, uint32_t insn, uint64_t n, uint64_t value)
{
    b->cpu->r[1] = n;
    b->cpu->r[2] = value;
    EXPECT_EQ(bench_insn(b, insn), EXC_BP);
    return b->cpu->r[2];
}

static uint64_t page_word(const uint8_t *page, unsigned at, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, page + at, bytes);
    return v;
}

TEST(mips_loongson, csr_of_the_core_and_of_those_that_it_calls)
{
    uint8_t *own, *other, *all;
    Bench b;

    bench_make_with(&b, "Loongson-3A4000-mips-cpu", "csr");
    own = bench_page(&b, "node0", IPI_AT);
    other = bench_page(&b, "node1", 1ull << 44 | IPI_AT);
    all = bench_page(&b, "public", PUBLIC_AT);
    b.status = STATUS_KX;
    b.cpu->cp0[CP0_EBASE] |= 2;
    EXPECT_EQ(bench_csr(&b, CPUCFG, 2, 0) >> 27 & 1, 1);
    all[CSR_FEATURES + 3] = 0x80;
    EXPECT_EQ(bench_csr(&b, RDCSR, CSR_FEATURES, 0), 0xffffffff80000000);
    bench_csr(&b, WRCSR, CSR_IPI_EN, 0x123456789abcdef0);
    EXPECT_EQ(page_word(own, 0x204, 8), 0x9abcdef0);
    bench_csr(&b, DWRCSR, CSR_MAIL_BUF0, 0x123456789abcdef0);
    EXPECT_EQ(page_word(own, 0x220, 8), 0x123456789abcdef0);
    EXPECT_EQ(bench_csr(&b, DRDCSR, CSR_MAIL_BUF0, 0), 0x123456789abcdef0);
    EXPECT_EQ(bench_csr(&b, DRDCSR, 0x12340, 0), 0); /* there is none */
    bench_csr(&b, WRCSR, CSR_IPI_SEND, 1u << 31 | 5 << 16 | 31);
    EXPECT_EQ(page_word(other, 0x108, 4), 1u << 31);
    bench_csr(&b, DWRCSR, CSR_MAIL_SEND, 0xfedcba9800000000 | 1u << 31 | 3 << 16 | 7 << 2);
    EXPECT_EQ(page_word(own, 0x338, 8), 0xfedcba9800000000);
    bench_csr(&b, WRCSR, CSR_IPI_SEND, 9 << 16); /* a core that is not there */
    machine_free(b.machine);
    bench_make(&b, "Loongson-3A4000-mips-cpu");
    b.status = STATUS_KX;
    EXPECT_EQ(bench_csr(&b, CPUCFG, 2, 0) >> 27 & 1, 0);
    EXPECT_EQ(bench_insn(&b, RDCSR), EXC_RI);
    machine_free(b.machine);
}
