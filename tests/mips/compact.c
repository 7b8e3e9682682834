/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the program in MIPS16e or microMIPS (-mips16, -mmicromips), which code of MIPS32 calls
 * and which calls code of MIPS32: loops, tables, recursion, many registers, wide arithmetic.
 */
#include "compact.h"

static uint32_t compact_crc(const uint8_t *p, unsigned n)
{
    uint32_t crc = ~0u;

    while (n--) {
        crc ^= *p++;
        for (unsigned i = 0; i < 8; i++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static uint32_t compact_ackermann(uint32_t m, uint32_t n)
{
    if (!m) {
        return n + 1;
    }
    return compact_ackermann(m - 1, n ? compact_ackermann(m, n - 1) : 1);
}

static void compact_sort(int16_t *a, int n)
{
    for (int i = 1; i < n; i++) {
        int16_t v = a[i];
        int k = i;

        for (; k > 0 && a[k - 1] > v; k--) {
            a[k] = a[k - 1];
        }
        a[k] = v;
    }
}

static uint32_t compact_switch(uint32_t v)
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

static uint32_t compact_many(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
    uint32_t g = plain_mix(a, b), h = plain_mix(c, d), i = plain_mix(e, f), j = plain_mix(a, f);

    return plain_mix(g ^ a, h + b) + plain_mix(i - c, j | d) * (e ^ g) + (f & h) - i + j;
}

/* The number of the first thing that is wrong, 0 if nothing is. */
int compact_test(void)
{
    static const char text[] = "123456789";
    int16_t a[16];
    uint32_t sum = 1;
    int64_t wide = 0x123456789;

    if (compact_crc((const uint8_t *)text, 9) != 0xcbf43926) {
        return 1;
    }
    if (compact_ackermann(2, 4) != 11) {
        return 2;
    }
    for (int i = 0; i < 16; i++) {
        a[i] = (int16_t)(i * 7919 % 31 - 15);
    }
    compact_sort(a, 16);
    for (int i = 1; i < 16; i++) {
        if (a[i - 1] > a[i]) {
            return 3;
        }
    }
    for (uint32_t i = 0; i < 90; i++) {
        sum = sum * 31 + compact_switch(i * 40503);
    }
    if (sum != plain_sum()) {
        return 4;
    }
    if (compact_many(1, 2, 3, 4, 5, 6) != plain_many(1, 2, 3, 4, 5, 6)) {
        return 5;
    }
    for (int i = 0; i < 5; i++) {
        wide = wide * 1103515245 + 12345;
        wide ^= wide >> 17;
    }
    return wide == plain_wide() ? 0 : 6;
}
