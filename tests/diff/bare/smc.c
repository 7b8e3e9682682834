/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that changes: written, written through an alias, mapped elsewhere, seen in another address
 * space; data beside it. Spec: Arm ARM DDI 0487, B2.7.4.2 (modification of instructions), D8.14.
 */
#include "print.h"

enum {
    CODE = 0x45000000,   /* written and run */
    PAGE_A = 0x46000000, /* what the second page of the window may be */
    PAGE_B = 0x46001000,
    PAGE_0 = 0x46002000, /* the first one */
    TABLES = 0x44000000,
    WINDOW = (int)0x80000000, /* two pages, and the RAM's first GiB again 1 GiB further up */
};
#define ALIAS 0xc0000000ull

typedef uint64_t Fn(uint64_t x);

static uint32_t movz(unsigned value)
{
    return 0xd2800000 | (value & 0xffff) << 5; /* mov x0, #value */
}

static uint32_t addi(unsigned value)
{
    return 0x91000000 | (value & 0xfff) << 10; /* add x0, x0, #value */
}

static uint32_t branch(int64_t bytes)
{
    return 0x14000000 | ((uint64_t)bytes >> 2 & 0x3ffffff);
}

#define RET 0xd65f03c0u

static void sync(uint64_t at)
{
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb"
                     :
                     : "r"(at)
                     : "memory");
}

static void poke(uint64_t at, uint32_t insn)
{
    *(volatile uint32_t *)at = insn;
    sync(at);
}

static void set_tables(uint64_t t, uint64_t second, uint64_t ng)
{
    uint64_t *l1 = (uint64_t *)t, *l2 = l1 + 512, *l3 = l1 + 1024;

    for (int i = 0; i < 1536; i++) {
        l1[i] = 0;
    }
    l1[0] = 1 | 1 << 10 | 1 << 2;              /* devices */
    l1[1] = 0x40000000 | 1 | 1 << 10 | 3 << 8; /* memory */
    l1[2] = (uint64_t)l2 | 3;
    l1[3] = l1[1];
    l2[0] = (uint64_t)l3 | 3;
    l3[0] = PAGE_0 | 3 | 1 << 10 | 3 << 8 | ng;
    l3[1] = second | 3 | 1 << 10 | 3 << 8 | ng;
}

static void line(const char *what, uint64_t a, uint64_t b)
{
    text(what);
    hex(a);
    hex(b);
    text("\r\n");
}

/* One function is rewritten, and called directly, from a loop and from another page. */
static void rewrite(void)
{
    uint64_t sum = 0, caller = CODE + 0x2000;

    poke(caller, 0xa9bf7bfd);                                  /* stp x29, x30, [sp, #-16]! */
    poke(caller + 4, 0x94000000 | (-0x2004 >> 2 & 0x3ffffff)); /* bl CODE */
    poke(caller + 8, addi(5));
    poke(caller + 12, 0xa8c17bfd); /* ldp x29, x30, [sp], #16 */
    poke(caller + 16, RET);
    poke(CODE + 4, RET);
    for (unsigned i = 0; i < 3000; i++) {
        poke(CODE, movz(i));
        sum = sum * 3 + ((Fn *)(uint64_t)CODE)(1);
        sum = sum * 3 + ((Fn *)caller)(1);
        if (i % 7 == 0) {
            poke(ALIAS + (CODE - 0x40000000), movz(i + 77));
            sum = sum * 3 + ((Fn *)caller)(1);
        }
    }
    line("rewrite", sum, 0);
}

/* The tail of a block, far from its start; a block that begins in the middle of another. */
static void tails(void)
{
    uint64_t sum = 0, at = CODE + 0x4000;

    for (int i = 0; i < 60; i++) {
        poke(at + i * 4, addi(1));
    }
    poke(at + 240, RET);
    for (unsigned i = 0; i < 600; i++) {
        poke(at + i % 60 * 4, addi(i));
        sum = sum * 3 + ((Fn *)at)(0);
        sum = sum * 3 + ((Fn *)(at + 120))(0);
    }
    line("tails", sum, 0);
}

/* Data in the page of code, then a page that is code no more and code again. */
static void data(void)
{
    volatile uint64_t *beside = (volatile uint64_t *)(CODE + 0x6800);
    uint64_t sum = 0, at = CODE + 0x6000;

    for (unsigned round = 0; round < 20; round++) {
        poke(at, addi(round));
        poke(at + 4, RET);
        for (unsigned i = 0; i < 200; i++) {
            beside[i % 64] += ((Fn *)at)(i);
        }
        for (unsigned i = 0; i < 1024 && round % 3 == 2; i++) {
            ((volatile uint32_t *)at)[i] = i;
        }
        for (unsigned i = 0; i < 64; i++) {
            sum = sum * 3 + beside[i];
        }
    }
    line("data", sum, 0);
}

/* Small functions in one page with data between them, also in the 64 bytes of the code. */
static void jit(void)
{
    uint64_t sum = 0, page = CODE + 0x9000;

    for (unsigned i = 0; i < 6000; i++) {
        unsigned n = i % 16, length = 1 + i % 7;
        uint64_t at = page + n * 256;

        for (unsigned k = 0; k < length && i % 5 < 2; k++) { /* some of it is what it was */
            *(volatile uint32_t *)(at + k * 4) = addi(i / 100 + k * k);
        }
        if (i % 5 < 2) {
            *(volatile uint32_t *)(at + length * 4) = RET;
            sync(at);
        } else if (i < 16) {
            poke(at, RET);
        }
        *(volatile uint64_t *)(at + 40) = i;
        *(volatile uint8_t *)(at + 100 + i % 100) += 1;
        sum = sum * 3 + ((Fn *)at)(i);
        sum = sum * 5 + ((Fn *)(page + (n + i / 16) % (i < 16 ? 1 : 16) * 256))(sum);
        sum += *(volatile uint64_t *)(at + 40) + *(volatile uint8_t *)(at + 100 + i % 100);
    }
    line("jit", sum, 0);
}

/* An instruction changes one that stands behind it, in the same run of instructions. */
static void ahead(void)
{
    static const uint32_t code[] = {
        0xb9000041, /* str w1, [x2] */
        0xd50b7b22, /* dc cvau, x2 */
        0xd5033b9f, /* dsb ish */
        0xd50b7522, /* ic ivau, x2 */
        0xd5033b9f, 0xd5033fdf /* isb */, 0, RET,
    };
    uint64_t sum = 0, at = CODE + 0xb000;

    for (unsigned i = 0; i < 8; i++) {
        poke(at + i * 4, code[i]);
    }
    for (unsigned i = 0; i < 1000; i++) {
        sum = sum * 3 + ((uint64_t(*)(uint64_t, uint32_t, uint64_t))at)(i, addi(i), at + 24);
    }
    line("ahead", sum, 0);
}

/* The second page of the window is another one after TLBI, and in another address space. */
static void remap(void)
{
    uint64_t *second = (uint64_t *)TABLES + 1025, sum = 0, window = (uint32_t)WINDOW;

    poke(PAGE_0, addi(1));
    poke(PAGE_0 + 4, branch(0x1000 - 4)); /* to the second page */
    poke(PAGE_A, addi(100));
    poke(PAGE_A + 4, RET);
    poke(PAGE_B, addi(200));
    poke(PAGE_B + 4, RET);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t page = i & 1 ? PAGE_B : PAGE_A;

        *second = (*second & 0xfff) | page;
        __asm__ volatile("dsb ishst\n\ttlbi vae1is, %0\n\tdsb ish\n\tisb"
                         :
                         : "r"((window + 0x1000) >> 12)
                         : "memory");
        for (int k = 0; k < 5; k++) {
            sum = sum * 3 + ((Fn *)window)(i);
        }
        if (i % 50 == 49) { /* the page itself changes */
            poke(PAGE_B, addi(200 + i));
        }
    }
    line("remap", sum, 0);
}

static void spaces(void)
{
    uint64_t sum = 0, window = (uint32_t)WINDOW;

    set_tables(TABLES + 0x10000, PAGE_A, 1 << 11);
    set_tables(TABLES + 0x20000, PAGE_B, 1 << 11);
    for (unsigned i = 0; i < 600; i++) {
        uint64_t n = 1 + i % 3 / 2 + (i / 100 & 1);

        n = n > 2 ? 1 : n;
        SET(ttbr0_el1, (TABLES + n * 0x10000) | n << 48);
        for (int k = 0; k < 5; k++) {
            sum = sum * 3 + ((Fn *)window)(i);
        }
        if (i % 100 == 99) { /* the spaces change places: one page for ASID 1 is another now */
            uint64_t *second = (uint64_t *)(TABLES + 0x10000) + 1025;

            *second = (*second & 0xfff) | (i / 100 & 1 ? PAGE_A : PAGE_B);
            __asm__ volatile("dsb ishst\n\ttlbi aside1is, %0\n\tdsb ish\n\tisb"
                             :
                             : "r"(1ull << 48)
                             : "memory");
        }
    }
    line("spaces", sum, fault.count);
}

void test_main(void)
{
    uint64_t sctlr;

    set_tables(TABLES, PAGE_A, 0);
    SET(mair_el1, 0x00ff);
    SET(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ull << 32 | 1ull << 36);
    SET(ttbr0_el1, TABLES);
    __asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb");
    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    SET(sctlr_el1, sctlr | 1 | 1 << 12 | 1 << 2);
    rewrite();
    tails();
    data();
    jit();
    ahead();
    remap();
    __asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb");
    spaces();
    SET(sctlr_el1, sctlr);
}
