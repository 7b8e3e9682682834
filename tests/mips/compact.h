/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_MIPS_COMPACT_H
#define TESTS_MIPS_COMPACT_H

#include <stdint.h>

int compact_test(void); /* compact.c; 0: good */

/* The same results by code of 32 bits (plain.c). */
uint32_t plain_mix(uint32_t a, uint32_t b);
uint32_t plain_sum(void);
uint32_t plain_many(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);
int64_t plain_wide(void);

#endif
