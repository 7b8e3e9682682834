/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_GEN_H
#define TESTS_DIFF_GEN_H

#include "target/insn.h"

/* @insn with @value in its @width bits from @lo. */
uint32_t gen_put(uint32_t insn, unsigned lo, unsigned width, uint32_t value);
/* @insn with @value in field @name, but for bits that the pattern fixes; as it is where it has
 * none.
 */
uint32_t gen_field(const InsnPattern *p, uint32_t insn, const char *name, uint32_t value);
/* Numbers at whose neighbours integer code errs; doubles and pairs of singles alike. */
uint64_t gen_interesting(uint64_t *seed);
uint64_t gen_fp(uint64_t *seed);

#endif
