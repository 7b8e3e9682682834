/* SPDX-License-Identifier: Apache-2.0 */
/* What compact.c computes, for code of 32 bits. */
#include "compact.h"

uint32_t plain_mix(uint32_t a, uint32_t b)
{
    return (a ^ b << 5) * 0x9e3779b1 + (b >> 3);
}

static uint32_t plain_switch(uint32_t v)
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

uint32_t plain_many(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
    uint32_t g = plain_mix(a, b), h = plain_mix(c, d), i = plain_mix(e, f), j = plain_mix(a, f);

    return plain_mix(g ^ a, h + b) + plain_mix(i - c, j | d) * (e ^ g) + (f & h) - i + j;
}

uint32_t plain_sum(void)
{
    uint32_t sum = 1;

    for (uint32_t i = 0; i < 90; i++) {
        sum = sum * 31 + plain_switch(i * 40503);
    }
    return sum;
}

int64_t plain_wide(void)
{
    int64_t wide = 0x123456789;

    for (int i = 0; i < 5; i++) {
        wide = wide * 1103515245 + 12345;
        wide ^= wide >> 17;
    }
    return wide;
}
