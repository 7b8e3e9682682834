/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted execution: where in the stream of instructions the virtual timer's interrupt comes. The
 * handler's first instruction reads the counter; the distance from the compare value is printed.
 * GICv2 of the virt machine, interrupt 27.
 */
#include "print.h"

enum { ROUNDS = 1000, NEAR = 200 };

static volatile uint32_t *const gicd = (volatile uint32_t *)0x08000000;
static volatile uint32_t *const gicc = (volatile uint32_t *)0x08010000;

volatile struct {
    uint64_t at, n;
} arrived;
extern const char icount_vectors[];

/* x28 is nobody's (-ffixed-x28). */
__asm__(".balign 0x800\n"
        "icount_vectors:\n"
        ".skip 0x280\n"
        "mrs x28, cntvct_el0\n" /* IRQ at the current level */
        "stp x0, x1, [sp, #-32]!\n"
        "stp x2, x3, [sp, #16]\n"
        "msr cntv_ctl_el0, xzr\n"
        "mov x0, #0x08010000\n"
        "ldr w1, [x0, #12]\n" /* acknowledge, end */
        "str w1, [x0, #16]\n"
        "ldr x0, =arrived\n"
        "str x28, [x0]\n"
        "ldr x1, [x0, #8]\n"
        "add x1, x1, #1\n"
        "str x1, [x0, #8]\n"
        "ldp x2, x3, [sp, #16]\n"
        "ldp x0, x1, [sp], #32\n"
        "eret\n"
        ".ltorg\n"
        ".balign 0x800\n");

static uint32_t random32(void)
{
    static uint32_t s = 12345;

    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    return s;
}

static volatile uint32_t memory[64];

/* Something to be interrupted in: short and long blocks, branches, memory, a device. */
static void work(unsigned kind)
{
    uint64_t was = arrived.n;

    for (unsigned i = 0; arrived.n == was; i++) {
        switch (kind % 4) {
        case 0:
            memory[i % 64] += i * kind;
            break;
        case 1:
            __asm__ volatile(".rept 40\n\tadd x9, x9, #1\n\t.endr" : : : "x9");
            break;
        case 2:
            if (memory[i % 64] & 1) {
                memory[(i + 7) % 64] ^= gicd[1]; /* a device */
            }
            break;
        default:
            __asm__ volatile("wfi");
        }
    }
}

static uint64_t arm(uint64_t ticks)
{
    uint64_t cval;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(cval));
    cval += ticks;
    __asm__ volatile("msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1" : : "r"(cval), "r"(1ul));
    return cval;
}

void test_main(void)
{
    uint64_t least = UINT64_MAX, most = 0, sum = 0;

    SET(vbar_el1, icount_vectors);
    gicd[0] = 1;
    gicd[0x100 / 4] = 1u << 27;
    gicc[1] = 0xff;
    gicc[0] = 1;
    __asm__ volatile("msr daifclr, #2");
    for (unsigned n = 0; n < ROUNDS; n++) {
        uint64_t cval = arm(NEAR + random32() % 5000), late;

        work(n);
        late = arrived.at - cval;
        least = late < least ? late : least;
        most = late > most ? late : most;
        sum = sum * 31 + arrived.at;
    }
    __asm__ volatile("msr daifset, #2");
    text("interrupts");
    hex(arrived.n);
    text(" late by");
    hex(least);
    text(" to");
    hex(most);
    text(" ticks\r\nall of them");
    hex(sum);
    text("\r\n");
}
