/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data accesses with the MMU off: memory is Device-nGnRnE, so what is not aligned faults and DC ZVA
 * does; all else works as ever. Then on and off again, where an address means something else.
 * Spec: Arm ARM DDI 0487, D8.2.12 (stage 1 disabled), B2.9.2 (alignment), C5.3.8 (DC ZVA).
 */
#include "print.h"

enum { ALIGNMENT = 0x21, ELSEWHERE = 0x48000000 };

static uint8_t bytes[4096] __attribute__((aligned(4096)));

static void say(const char *what, uint64_t v)
{
    text(what);
    hex(v);
    text("\r\n");
}

/* Run one instruction with x0 at @at, x1 the value: 0, or the syndrome of its fault. */
#define RUN(at, insn)                                                   \
    do {                                                                \
        uint64_t before = fault.count, got;                             \
        register uint64_t x0 __asm__("x0") = (uint64_t)(at);            \
        register uint64_t x1 __asm__("x1") = 0x1122334455667788;        \
        register uint64_t x2 __asm__("x2") = 0x99aabbccddeeff00;        \
        __asm__ volatile(".arch armv8.5-a\n\t" insn                     \
                         : "+r"(x0), "+r"(x1), "+r"(x2)                 \
                         :                                              \
                         : "memory", "cc", "x3");                       \
        got = x1;                                                       \
        text(insn);                                                     \
        hex(fault.count == before ? 0 : fault.esr);                     \
        hex(fault.count == before ? got : fault.far - (uint64_t)bytes); \
        text("\r\n");                                                   \
    } while (0)

#define ALL(off)                                                  \
    do {                                                          \
        say("at", off);                                           \
        RUN(bytes + off, "strb w1, [x0]");                        \
        RUN(bytes + off, "strh w1, [x0]");                        \
        RUN(bytes + off, "str w1, [x0]");                         \
        RUN(bytes + off, "str x1, [x0]");                         \
        RUN(bytes + off, "stp x1, x2, [x0]");                     \
        RUN(bytes + off, "stp w1, w2, [x0]");                     \
        RUN(bytes + off, "str q0, [x0]");                         \
        RUN(bytes + off, "ldrb w1, [x0]");                        \
        RUN(bytes + off, "ldrsh x1, [x0]");                       \
        RUN(bytes + off, "ldr w1, [x0]");                         \
        RUN(bytes + off, "ldr x1, [x0]");                         \
        RUN(bytes + off, "ldp x1, x2, [x0]");                     \
        RUN(bytes + off, "ldr q0, [x0]");                         \
        RUN(bytes + off, "ldtr x1, [x0]");                        \
        RUN(bytes + off, "ldadd w1, w1, [x0]");                   \
        RUN(bytes + off, "swpal x1, x1, [x0]");                   \
        RUN(bytes + off, "ldar x1, [x0]");                        \
        RUN(bytes + off, "ldaxr w1, [x0]\n\tstlxr w3, w1, [x0]"); \
    } while (0)

static uint64_t sum(void)
{
    uint64_t s = 0;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        s = s * 31 + bytes[i];
    }
    return s;
}

/* The first two GiB flat, the third the second once more, from ELSEWHERE. */
static void mmu(int on)
{
    static uint64_t table[512] __attribute__((aligned(4096)));
    static uint64_t blocks[512] __attribute__((aligned(4096)));

    table[0] = 1 | 1 << 2 | 1 << 10;
    table[1] = (uint64_t)blocks | 3;
    for (uint64_t i = 0; i < 512; i++) {
        blocks[i] = (0x40000000 + (i << 21)) | 1 | 3 << 8 | 1 << 10;
    }
    blocks[(((uint64_t)bytes & 0x3fffffff) >> 21) + 1] = blocks[(ELSEWHERE & 0x3fffffff) >> 21];
    SET(mair_el1, 0x00ff);
    SET(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ull << 32);
    SET(ttbr0_el1, (uint64_t)table);
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb");
    SET(sctlr_el1, 0x30d00800 | (on ? 1 : 0));
}

static void remap(void)
{
    volatile uint32_t *p = (volatile uint32_t *)(((uint64_t)bytes & ~0x1fffffull) + (1 << 21) + 64);
    volatile uint32_t *q = (volatile uint32_t *)(((uint64_t)ELSEWHERE & ~0x1fffffull) + 64);

    for (unsigned i = 0; i < 3; i++) {
        *p = 1 + i;
        *q = 100 + i;
        say("off", *p);
        mmu(1);
        say("on", *p);
        *p = 200 + i;
        RUN(bytes + 1, "ldr x1, [x0]"); /* Normal memory */
        mmu(0);
        say("off again", *p);
        say("elsewhere", *q);
        RUN(bytes + 1, "str x1, [x0]");
    }
}

/* Code that is written while the MMU is off. */
static void code(void)
{
    static uint32_t insn[16] __attribute__((aligned(64)));
    uint64_t (*run)(void) = (uint64_t(*)(void))(uint64_t)insn;

    for (uint32_t i = 0; i < 20; i++) {
        insn[0] = 0xd2800000 | i << 5; /* mov x0, #i */
        insn[1] = 0xd65f03c0;          /* ret */
        __asm__ volatile("ic iallu\n\tdsb sy\n\tisb" : : : "memory");
        if (run() != i) {
            say("old code", i);
        }
    }
    say("code", run());
}

void test_main(void)
{
    ALL(64);
    ALL(65);
    ALL(66);
    ALL(68);
    ALL(72);
    ALL(4088);
    RUN(bytes + 128, "dc zva, x0");
    say("memory", sum());
    code();
    remap();
    say("memory", sum());
}
