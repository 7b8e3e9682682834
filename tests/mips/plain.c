/* SPDX-License-Identifier: Apache-2.0 */
/* What compact.c computes, for code of 32 bits. */
#include "both.h"

uint32_t plain_mix(uint32_t a, uint32_t b)
{
    return (a ^ b << 5) * 0x9e3779b1 + (b >> 3);
}

uint32_t plain_many(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
    return both_many(a, b, c, d, e, f);
}

uint32_t plain_sum(void)
{
    return both_sum();
}

int64_t plain_wide(void)
{
    return both_wide();
}
