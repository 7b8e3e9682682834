/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_A64_GEN_H
#define TESTS_DIFF_A64_GEN_H

#include "target/insn.h"
#include "tests/diff/a64-case.h"

/* Patterns that make no sense in a user program, or that two right implementations differ in. */
bool gen_is_excluded(const InsnPattern *p);
/* A random instruction of @p that stays inside the case's memory. */
uint32_t gen_insn(const InsnPattern *p, uint64_t *seed);
/* Registers for programs of gen_insn: pointers into @scratch, CASE_SCRATCH_BYTES; x29 is @end. */
void gen_state(A64State *s, uint64_t scratch, uint64_t end, uint64_t *seed);
/* A whole case of instructions of @patterns; @index gets which stands where. */
void gen_case(A64Case *c, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
              uint64_t *seed);

#endif
