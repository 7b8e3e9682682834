/* SPDX-License-Identifier: Apache-2.0 */
/* What every bare-metal test prints with. */
#ifndef TESTS_DIFF_BARE_PRINT_H
#define TESTS_DIFF_BARE_PRINT_H

#include <stdint.h>

#define SET(name, val) \
    __asm__ volatile(".arch armv8.5-a\n\tmsr " #name ", %0\n\tisb" : : "r"((uint64_t)(val)))

extern volatile struct {
    uint64_t esr, far, count, elr;
} fault;

void el0_call(void (*fn)(void));

static void put(char c)
{
    *(volatile uint32_t *)0x09000000 = (uint8_t)c;
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

#endif
