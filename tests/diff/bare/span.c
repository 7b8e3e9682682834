/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several accesses from one base that lie on both sides of the end of a page, whose successor is
 * elsewhere, read-only, not there or a device's. Each fault is counted with its address, and what
 * the others loaded and stored must be as if each stood alone.
 */
#include "print.h"

enum {
    FIRST = 0x46000000, /* physical */
    SECOND = 0x46005000,
    TABLES = 0x44000000,
    WINDOW = (int)0x80000000,
};

static uint64_t sum;

static void note(uint64_t v)
{
    sum = (sum ^ v) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

static void set_tables(void)
{
    uint64_t *l1 = (uint64_t *)TABLES, *l2 = l1 + 512, *l3 = l1 + 1024;

    for (int i = 0; i < 1536; i++) {
        l1[i] = 0;
    }
    l1[0] = 1 | 1 << 10 | 1 << 2;              /* devices */
    l1[1] = 0x40000000 | 1 | 1 << 10 | 3 << 8; /* memory */
    l1[2] = (uint64_t)l2 | 3;
    l2[0] = (uint64_t)l3 | 3;
    l3[0] = FIRST | 3 | 1 << 10 | 3 << 8;
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb");
}

static void fill(void)
{
    for (unsigned i = 0; i < 4096; i += 8) {
        *(volatile uint64_t *)(uint64_t)(FIRST + i) = i * 0x1234567890abcdefull;
        *(volatile uint64_t *)(uint64_t)(SECOND + i) = ~(i * 0xfedcba9876543211ull);
    }
}

static void note_memory(void)
{
    for (unsigned i = 0; i < 512; i += 8) {
        note(*(volatile uint64_t *)(uint64_t)(FIRST + 4096 - 512 + i));
        note(*(volatile uint64_t *)(uint64_t)(SECOND + i));
    }
}

#define FAULTED()            \
    do {                     \
        note(fault.count);   \
        if (fault.count) {   \
            note(fault.far); \
            note(fault.esr); \
        }                    \
    } while (0)

/* Every instruction that faults is skipped: its registers keep what they had. */
static void loads(uint64_t at)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, base = at;

    __asm__ volatile("ldr %0, [%6, #8]\n\t"
                     "ldp %1, %2, [%6, #32]\n\t"
                     "ldrb %w3, [%6, #71]\n\t"
                     "ldr %w4, [%6], #16\n\t"
                     "ldrsh %5, [%6, #60]\n\t"
                     "ldp %1, %0, [%6, #-16]!\n\t"
                     "ldr %6, [%6, #24]"
                     : "+&r"(a), "+&r"(b), "+&r"(c), "+&r"(d), "+&r"(e), "+&r"(f), "+&r"(base)
                     :
                     : "memory");
    note(a);
    note(b);
    note(c);
    note(d);
    note(e);
    note(f);
    note(base);
    FAULTED();
}

static void stores(uint64_t at)
{
    uint64_t base = at, v = 0, w = 0;

    __asm__ volatile("stp %3, %3, [%0, #-64]!\n\t"
                     "stp %3, %3, [%0, #16]\n\t"
                     "str %3, [%0, #40]\n\t"
                     "ldr %1, [%0, #24]\n\t"
                     "strb %w3, [%0, #127]\n\t"
                     "strh %w3, [%0, #200]\n\t"
                     "sub %0, %0, #8\n\t"
                     "str wzr, [%0, #100]\n\t"
                     "stur %3, [%0, #-16]\n\t"
                     "ldp %1, %2, [%0], #80"
                     : "+&r"(base), "+&r"(v), "+&r"(w)
                     : "r"(at * 77)
                     : "memory");
    note(base);
    note(v);
    note(w);
    FAULTED();
}

/* A load before, then stores: two groups. */
static void mixed(uint64_t at)
{
    uint64_t x = 1, y = 2, z = 3;

    __asm__ volatile("ldr %0, [%3]\n\t"
                     "str %0, [%3, #48]\n\t"
                     "ldr %1, [%3, #16]\n\t"
                     "str %1, [%3, #64]\n\t"
                     "ldr %2, [%3, #56]"
                     : "+&r"(x), "+&r"(y), "+&r"(z)
                     : "r"(at)
                     : "memory");
    note(x);
    note(y);
    note(z);
    FAULTED();
}

/* @step: where accesses that cross into a page that faults are none, as it is not said how much of
 * a pair they store. */
static void one(const char *what, uint64_t second, unsigned step)
{
    sum = 0;
    ((volatile uint64_t *)TABLES)[1025] = second;
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb");
    for (unsigned k = 0; k < 300; k += step) {
        uint64_t at = (uint32_t)WINDOW + 0x1000 - 240 + k;

        fill();
        fault.count = 0;
        loads(at);
        fault.count = 0;
        stores(at);
        fault.count = 0;
        mixed(at);
        note_memory();
    }
    text(what);
    hex(sum);
    text("\r\n");
}

void test_main(void)
{
    uint64_t sctlr;

    SET(mair_el1, 0x00ff);
    SET(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ull << 32 | 1ull << 36);
    SET(ttbr0_el1, TABLES);
    set_tables();
    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    SET(sctlr_el1, sctlr | 1 | 1 << 12 | 1 << 2);
    one("mapped ", SECOND | 3 | 1 << 10 | 3 << 8, 3);
    one("read-only ", SECOND | 3 | 1 << 10 | 3 << 8 | 1 << 7, 16);
    one("none ", 0, 16);
    one("flag ", SECOND | 3 | 3 << 8, 16); /* no access flag */
    one("itself ", FIRST | 3 | 1 << 10 | 3 << 8, 3);
    SET(sctlr_el1, sctlr);
}
