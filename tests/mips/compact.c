/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the program in MIPS16e or microMIPS (-mips16, -mmicromips), which code of MIPS32 calls
 * and which calls code of MIPS32: loops, tables, recursion, many registers, wide arithmetic.
 */
#include "both.h"

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

/* The number of the first thing that is wrong, 0 if nothing is. */
int compact_test(void)
{
    static const char text[] = "123456789";
    int16_t a[16];

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
    if (both_sum() != plain_sum()) {
        return 4;
    }
    if (both_many(1, 2, 3, 4, 5, 6) != plain_many(1, 2, 3, 4, 5, 6)) {
        return 5;
    }
    return both_wide() == plain_wide() ? 0 : 6;
}
