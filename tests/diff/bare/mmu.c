/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 translation, run on the virt machine at EL1: every granule, levels, permissions, access
 * flag and dirty state by hardware and not, ASIDs, tags. Prints what it sees, so that the output of
 * two implementations can be compared line by line.
 * Spec: Arm ARM DDI 0487, chapter D8.
 */
#include <stdint.h>

#define REG(name)                                      \
    ({                                                 \
        uint64_t v_;                                   \
        __asm__ volatile("mrs %0, " #name : "=r"(v_)); \
        v_;                                            \
    })
#define SET(name, val) __asm__ volatile("msr " #name ", %0\n\tisb" : : "r"((uint64_t)(val)))

extern volatile struct {
    uint64_t esr, far, count, elr;
} fault;

enum {
    UART = 0x09000000,
    TABLES = 0x44000000, /* 1 MiB */
    DATA = 0x45000000,   /* 512 KiB, what test pages map */
};

#define TEST_VA 0x0000123400000000ull

static void put(char c)
{
    *(volatile uint32_t *)UART = (uint8_t)c;
}

static void text(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

static void hex(uint64_t v)
{
    put(' ');
    for (int i = 60; i >= 0; i -= 4) {
        put("0123456789abcdef"[v >> i & 15]);
    }
}

static uint64_t next_table, granule_bits;

static uint64_t *table_new(void)
{
    uint64_t *t = (uint64_t *)next_table;

    for (uint64_t i = 0; i < (1ull << granule_bits) / 8; i++) {
        t[i] = 0;
    }
    next_table += 1ull << granule_bits;
    return t;
}

enum {
    AF = 1 << 10,
    NG = 1 << 11,
    SH = 3 << 8,
    AP_RO = 1 << 7,
    AP_EL0 = 1 << 6,
    DEVICE = 1 << 2, /* MAIR index 1 */
};

static unsigned level_shift(unsigned level)
{
    return granule_bits + (3 - level) * (granule_bits - 3);
}

static unsigned start_level(void)
{
    return granule_bits == 16 ? 1 : 0;
}

/* Index of @va in a table of @level; the first level of 48 bits may be short. */
static unsigned table_index(uint64_t va, unsigned level)
{
    unsigned bits = granule_bits - 3;

    if (level == start_level() && 48 - level_shift(level) < bits) {
        bits = 48 - level_shift(level);
    }
    return va >> level_shift(level) & ((1u << bits) - 1);
}

/* The descriptor of @va at @level, making tables on the way. */
static uint64_t *entry(uint64_t *root, uint64_t va, unsigned level)
{
    uint64_t *t = root;

    for (unsigned l = start_level(); l < level; l++) {
        uint64_t *e = &t[table_index(va, l)];

        if (!(*e & 1)) {
            *e = (uint64_t)table_new() | 3;
        }
        t = (uint64_t *)(*e & 0x0000fffffffff000ull & ~((1ull << granule_bits) - 1));
    }
    return &t[table_index(va, level)];
}

static void flush(void)
{
    __asm__ volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
}

static void try_read(const char *what, uint64_t va)
{
    uint64_t before = fault.count, v = 0x5a5a;

    __asm__ volatile("ldr %0, [%1]" : "+r"(v) : "r"(va) : "memory");
    text(what);
    text(": read");
    hex(v);
    if (fault.count != before) {
        text(" fault");
        hex(fault.esr);
        hex(fault.far);
    }
    text("\r\n");
}

static void try_write(const char *what, uint64_t va, uint64_t v)
{
    uint64_t before = fault.count;

    __asm__ volatile("str %0, [%1]" : : "r"(v), "r"(va) : "memory");
    text(what);
    text(": write");
    if (fault.count != before) {
        text(" fault");
        hex(fault.esr);
        hex(fault.far);
    }
    text("\r\n");
}

static void try_call(const char *what, uint64_t va)
{
    uint64_t before = fault.count;

    ((void (*)(void))va)();
    text(what);
    text(": call");
    if (fault.count != before) {
        text(" fault");
        hex(fault.esr);
        hex(fault.far);
    }
    text("\r\n");
}

static void show(const char *what, uint64_t v)
{
    text(what);
    hex(v);
    text("\r\n");
}

static void try_at(const char *what, uint64_t va)
{
    __asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(va));
    show(what, REG(par_el1));
    __asm__ volatile("at s1e0w, %0\n\tisb" : : "r"(va));
    show(what, REG(par_el1));
}

static uint64_t tcr_for(unsigned bits)
{
    uint64_t tg0 = bits == 12 ? 0 : bits == 14 ? 2 : 1, tg1 = bits == 12 ? 2 : bits == 14 ? 1 : 3;

    return 16 | 1 << 8 | 1 << 10 | 3 << 12 | tg0 << 14 | 16ull << 16 | 1 << 24 | 1 << 26 | 3 << 28 |
           tg1 << 30 | 5ull << 32;
}

static void identity(uint64_t *root)
{
    /* Blocks of level 2 for RAM and the UART (2 MiB, 32 MiB, 512 MiB). */
    uint64_t size = 1ull << level_shift(2);

    for (uint64_t a = 0x40000000; a < 0x46000000; a += size) {
        *entry(root, a, 2) = (a & ~(size - 1)) | AF | SH | 1;
    }
    *entry(root, UART, 2) = (UART & ~(size - 1)) | AF | DEVICE | 1;
}

static void pages(uint64_t *root, uint64_t base)
{
    uint64_t page = 1ull << granule_bits, tcr = REG(tcr_el1);
    uint64_t *e = entry(root, base, 3);

    e[0] = DATA | AF | SH | 3;
    e[1] = (DATA + page) | AF | SH | AP_RO | 3;
    e[2] = 0;
    e[3] = (DATA + 3 * page) | SH | 3;                      /* no AF */
    e[4] = (DATA + 4 * page) | AF | SH | AP_EL0 | 3;        /* EL0 may: EL1 must not execute */
    e[5] = (DATA + 5 * page) | AF | SH | 1ull << 53 | 3;    /* PXN */
    e[6] = (DATA + 6 * page) | AF | SH | 1;                 /* reserved at level 3 */
    e[7] = (DATA + 7 * page) | SH | AP_RO | 1ull << 51 | 3; /* DBM, clean, no AF */
    flush();
    try_read("page", base + 8);
    try_write("page", base + 16, 0x1111);
    try_read("page again", base + 16);
    show("behind it", *(volatile uint64_t *)(DATA + 16));
    try_read("read-only", base + page + 8);
    try_write("read-only", base + page + 8, 1);
    try_read("unmapped", base + 2 * page);
    try_write("unmapped", base + 2 * page + 8, 1);
    try_read("no access flag", base + 3 * page);
    try_call("user page", base + 4 * page);
    try_read("user page", base + 4 * page);
    try_call("PXN page", base + 5 * page);
    try_read("reserved", base + 6 * page);
    try_read("crossing into unmapped", base + 2 * page - 4);
    try_write("crossing into read-only", base + page - 4, -1ull);
    show("not half written", *(volatile uint64_t *)(DATA + page - 8));
    try_at("at page", base);
    try_at("at read-only", base + page);
    try_at("at unmapped", base + 2 * page);
    try_at("at user", base + 4 * page);
    if ((REG(id_aa64mmfr1_el1) & 15) >= 2) {
        SET(tcr_el1, tcr | 3ull << 39); /* HA, HD */
        flush();
        try_read("hardware access flag", base + 3 * page);
        show("descriptor", e[3]);
        try_read("clean page", base + 7 * page);
        show("descriptor", e[7]);
        try_write("clean page", base + 7 * page, 7);
        show("descriptor", e[7]);
        SET(tcr_el1, tcr);
        flush();
    }
    SET(tcr_el1, tcr | 1ull << 37); /* TBI0 */
    flush();
    try_read("tagged", base | 0xab00000000000000ull);
    try_read("tagged unmapped", (base + 2 * page) | 0xab00000000000000ull);
    SET(tcr_el1, tcr);
    flush();
    try_read("tagged, not ignored", base | 0xab00000000000000ull);
}

static void asids(uint64_t *root, uint64_t base)
{
    uint64_t *e = entry(root, base, 3), ttbr = REG(ttbr0_el1);

    e[0] = DATA | AF | SH | NG | 3;
    flush();
    *(volatile uint64_t *)DATA = 0xa1;
    *(volatile uint64_t *)(DATA + (1ull << granule_bits)) = 0xb2;
    SET(ttbr0_el1, ttbr | 1ull << 48);
    try_read("ASID 1", base);
    e[0] = (DATA + (1u << granule_bits)) | AF | SH | NG | 3;
    __asm__ volatile("dsb ish");
    SET(ttbr0_el1, ttbr | 2ull << 48);
    try_read("ASID 2", base);
    __asm__ volatile("tlbi aside1is, %0\n\tdsb ish\n\tisb" : : "r"(1ull << 48));
    SET(ttbr0_el1, ttbr | 1ull << 48);
    try_read("ASID 1 flushed", base);
    SET(ttbr0_el1, ttbr);
    flush();
}

static void tlbi_asid(uint64_t asid)
{
    __asm__ volatile("dsb ish\n\ttlbi aside1is, %0\n\tdsb ish\n\tisb"
                     :
                     : "r"(asid << 48)
                     : "memory");
}

/* TLBI by address takes page bits 55..12 in 43..0. */
#define TLBI_VA(op, va, asid)                                                        \
    __asm__ volatile("dsb ish\n\ttlbi " op ", %0\n\tdsb ish\n\tisb"                  \
                     :                                                               \
                     : "r"(((va) >> 12 & 0xfffffffffffull) | (uint64_t)(asid) << 48) \
                     : "memory")

static uint64_t call_x0(uint64_t va)
{
    return ((uint64_t(*)(void))va)();
}

enum { N_SPACES = 3 };

typedef struct Spaces {
    uint64_t root[N_SPACES], *leaf[N_SPACES], ttbr;
    uint64_t base, page;
} Spaces;

static void enter_space(const Spaces *s, unsigned n)
{
    SET(ttbr0_el1, s->root[n] | (uint64_t)(n + 1) << 48);
}

static void visit(const char *what, const Spaces *s)
{
    text(what);
    text("\r\n");
    for (unsigned n = 0; n < N_SPACES; n++) {
        enter_space(s, n);
        try_read("own", s->base);
        try_read("shared", s->base + s->page);
        show("code", call_x0(s->base + 2 * s->page));
    }
}

/* Roots of their own, each with an ASID: a page and a function of their own, and one shared. */
static void spaces_begin(Spaces *s, uint64_t base)
{
    s->base = base;
    s->page = 1ull << granule_bits;
    s->ttbr = REG(ttbr0_el1);
    *(volatile uint64_t *)(DATA + 0x60000) = 0x600d;
    for (unsigned n = 0; n < N_SPACES; n++) {
        uint64_t data = DATA + n * 0x10000, code = DATA + 0x30000 + n * 0x10000;
        uint64_t *root = table_new();

        identity(root);
        *(volatile uint64_t *)data = 0x1111 * (n + 1);
        *(volatile uint32_t *)code = 0xd2800000 | (n + 1) << 5; /* MOV X0, #n + 1 */
        *(volatile uint32_t *)(code + 4) = 0xd65f03c0;
        s->root[n] = (uint64_t)root;
        s->leaf[n] = entry(root, base, 3);
        s->leaf[n][0] = data | AF | SH | NG | 3;
        s->leaf[n][1] = (DATA + 0x60000) | AF | SH | 3;
        s->leaf[n][2] = code | AF | SH | NG | 3;
    }
    __asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::: "memory");
}

static void spaces(uint64_t base)
{
    Spaces s;
    uint64_t other = DATA + 0x70000;

    spaces_begin(&s, base);
    *(volatile uint64_t *)other = 0x07e2;
    visit("spaces", &s);
    visit("spaces again", &s);

    /* One address of one space changes while another is current. */
    enter_space(&s, 2);
    s.leaf[0][0] = other | AF | SH | NG | 3;
    TLBI_VA("vae1is", base, 1);
    visit("by address, from another", &s);
    enter_space(&s, 0);
    s.leaf[1][0] = other | AF | SH | NG | 3;
    TLBI_VA("vale1", base, 2);
    visit("last level, here", &s);
    s.leaf[2][0] = 0;
    enter_space(&s, 1);
    TLBI_VA("vaae1", base, 0);
    visit("all ASIDs", &s);

    /* Code of one space, by ASID, from another. */
    s.leaf[0][2] = s.leaf[2][2];
    tlbi_asid(1);
    visit("by ASID, from another", &s);
    s.leaf[1][2] = s.leaf[2][2];
    enter_space(&s, 1);
    tlbi_asid(2);
    visit("by ASID, the current one", &s);

    /* The global page: by address, and by everything. */
    for (unsigned n = 0; n < N_SPACES; n++) {
        s.leaf[n][1] = other | AF | SH | AP_RO | 3;
    }
    TLBI_VA("vae1", base + s.page, 3);
    visit("global, by address", &s);
    enter_space(&s, 2);
    try_write("now read-only", base + s.page, 1);
    for (unsigned n = 0; n < N_SPACES; n++) {
        s.leaf[n][1] = (DATA + 0x60000) | AF | SH | 3;
        s.leaf[n][0] = (DATA + n * 0x10000) | AF | SH | NG | 3;
    }
    flush();
    visit("all", &s);
    SET(ttbr0_el1, s.ttbr);
    flush();
}

/* Tables above the leaves change: more than the last level is invalidated. */
static void tables(uint64_t *root, uint64_t base)
{
    uint64_t page = 1ull << granule_bits, block = 1ull << level_shift(2);
    uint64_t *leaf = entry(root, base, 3), *above = entry(root, base, 2), *second = table_new();

    for (uint64_t i = 0; i < 4; i++) {
        leaf[i] = (DATA + i * 0x10000) | AF | SH | NG | 3;
        second[i] = (DATA + (i + 4) * 0x10000) | AF | SH | NG | 3;
        *(volatile uint64_t *)(DATA + i * 0x10000) = 0x10 + i;
        *(volatile uint64_t *)(DATA + (i + 4) * 0x10000) = 0x20 + i;
    }
    flush();
    try_read("first table", base);
    try_read("first table", base + page);
    *above = (uint64_t)second | 3;
    TLBI_VA("vae1is", base, 0);
    try_read("second table", base);
    TLBI_VA("vae1is", base + page, 0);
    try_read("second table", base + page);
    try_read("second table", base + 2 * page);
    *above = 0;
    TLBI_VA("vae1", base + 2 * page, 0);
    try_read("no table", base + 2 * page);
    *above = (DATA & ~(block - 1)) | AF | SH | NG | 1;
    flush();
    try_read("block", base + (DATA & (block - 1)));
    try_read("block", base + (DATA & (block - 1)) + 0x30000);
    *above = (uint64_t)leaf | 3;
    TLBI_VA("vale1is", base + block - 1, 0);
    flush();
    try_read("pages again", base + page);
    *above = (DATA & ~(block - 1)) | AF | SH | NG | 1;
    flush();
    try_read("block again", base + (DATA & (block - 1)));
    *above = 0;
    TLBI_VA("vae1is", base + block - 1, 0);
    try_read("block gone, by another address", base + (DATA & (block - 1)));
    if ((REG(id_aa64isar0_el1) >> 56 & 15) >= 2) {
        uint64_t tg = granule_bits == 12 ? 1 : granule_bits == 14 ? 2 : 3;
        uint64_t arg = (base >> granule_bits & 0x1fffffffffull) | tg << 46 | 1ull << 39;

        *above = (uint64_t)leaf | 3;
        flush();
        try_read("before the range", base);
        leaf[0] = leaf[3];
        /* RVAE1IS: four granules */
        __asm__ volatile("dsb ish\n\tsys #0, c8, c2, #1, %0\n\tdsb ish\n\tisb" : : "r"(arg));
        try_read("after the range", base);
    }
}

static void granule(unsigned bits, const char *name)
{
    uint64_t *root;

    text("== ");
    text(name);
    text("\r\n");
    granule_bits = bits;
    next_table = TABLES;
    root = table_new();
    identity(root);
    for (uint64_t i = 0; i < 0x80000; i += 8) {
        *(volatile uint64_t *)(DATA + i) = 0xd65f03c0d65f03c0ull; /* RET */
    }
    SET(mair_el1, 0x00000000000000ffull);
    SET(tcr_el1, tcr_for(bits));
    SET(ttbr0_el1, root);
    SET(ttbr1_el1, root);
    flush();
    SET(sctlr_el1, REG(sctlr_el1) | 1 | 1 << 2 | 1 << 12);
    pages(root, TEST_VA);
    text("upper half\r\n");
    try_read("upper", 0xffff000000000000ull | (TEST_VA + 8));
    try_read("upper unmapped", 0xffff7fff00000000ull);
    try_read("between the halves", 0x0100000000000000ull);
    asids(root, TEST_VA + (1ull << level_shift(2)));
    spaces(TEST_VA + (2ull << level_shift(2)));
    tables(root, TEST_VA + (3ull << level_shift(2)));
    *entry(root, TEST_VA + (1ull << level_shift(1)), 2) = 0x0000800045000000ull | AF | SH | 1;
    flush();
    try_read("address size", TEST_VA + (1ull << level_shift(1)));
    SET(sctlr_el1, REG(sctlr_el1) & ~1ull);
    flush();
}

void test_main(void);
void test_main(void)
{
    uint64_t mmfr0 = REG(id_aa64mmfr0_el1);

    if ((mmfr0 >> 28 & 15) != 15) {
        granule(12, "4K");
    }
    if (mmfr0 >> 20 & 15) {
        granule(14, "16K");
    }
    if ((mmfr0 >> 24 & 15) != 15) {
        granule(16, "64K");
    }
    text("MMU TEST DONE\r\n");
}
