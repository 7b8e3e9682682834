/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed by code of both instruction sets: compact.c and plain.c have it compiled each.
 */
#ifndef TESTS_MIPS_BOTH_H
#define TESTS_MIPS_BOTH_H

#include "compact.h"

static inline uint32_t both_switch(uint32_t v)
{
    switch (v % 9) {
    case 0:
        return 17;
    case 1:
        return v * 3;
    case 2:
        return v << 7 | v >> 25;
    case 3:
        return v / 5;
    case 4:
        return ~v;
    case 5:
        return v ^ 0x5a5a1234;
    case 6:
        return -v;
    case 7:
        return v % 1000;
    default:
        return v + 0x12345678;
    }
}

static inline uint32_t both_many(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e,
                                 uint32_t f)
{
    uint32_t g = plain_mix(a, b), h = plain_mix(c, d), i = plain_mix(e, f), j = plain_mix(a, f);

    return plain_mix(g ^ a, h + b) + plain_mix(i - c, j | d) * (e ^ g) + (f & h) - i + j;
}

static inline uint32_t both_sum(void)
{
    uint32_t sum = 1;

    for (uint32_t i = 0; i < 90; i++) {
        sum = sum * 31 + both_switch(i * 40503);
    }
    return sum;
}

static inline int64_t both_wide(void)
{
    int64_t wide = 0x123456789;

    for (int i = 0; i < 5; i++) {
        wide = wide * 1103515245 + 12345;
        wide ^= wide >> 17;
    }
    return wide;
}

#endif
