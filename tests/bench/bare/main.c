/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kernel (-DKERNEL=name, -DTIMES=n) on the bare machine: EL1, MMU on, no interrupts, so that
 * the same run executes the same instructions. Prints the checksum. KERNEL=empty: what the rest
 * costs.
 */
#include "extra.h"
#include "tests/bench/kernels.h"
#include "tests/diff/bare/print.h"

/* What the compiler may call. */
void *memcpy(void *restrict d, const void *restrict s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((volatile char *)d)[i] = ((const char *)s)[i];
    }
    return d;
}

void *memset(void *d, int c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((volatile char *)d)[i] = (char)c;
    }
    return d;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

char *strcpy(char *restrict d, const char *restrict s)
{
    char *to = d;

    while ((*to++ = *s++)) {
    }
    return d;
}

static uint64_t empty(unsigned n)
{
    return n;
}

/* Flat map of 2 GiB in blocks of 1 GiB: devices, then memory. Arm ARM D8.3.1. */
static void mmu_on(void)
{
    static uint64_t table[512] __attribute__((aligned(4096)));

    table[0] = 0x00000000 | 1 | 1 << 2 | 1 << 10 | 3ull << 53;
    table[1] = 0x40000000 | 1 | 0 << 2 | 3 << 8 | 1 << 10;
    SET(mair_el1, 0x00ff);
    SET(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ull << 32);
    SET(ttbr0_el1, (uintptr_t)table);
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb");
    SET(sctlr_el1, 0x30d00800 | 1 | 1 << 2 | 1 << 12);
}

void test_main(void)
{
    uint64_t (*volatile run)(unsigned) = KERNEL;

    mmu_on();
    hex(run(TIMES));
    put('\n');
}
