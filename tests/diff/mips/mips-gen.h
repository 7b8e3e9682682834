/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_MIPS_GEN_H
#define TESTS_DIFF_MIPS_GEN_H

#include "target/insn.h"
#include "tests/diff/mips/mips-case.h"

/* Patterns a CPU of @features does not have, that make no sense in a user program, or that two
 * right implementations differ in. */
bool mips_gen_excluded(const InsnPattern *p, uint64_t features);
/* A whole case of instructions of @patterns; @index gets which stands where. @fr: Status.FR. */
void mips_gen_case(MipsCase *c, const InsnPattern *const *patterns, unsigned n, bool fr,
                   uint64_t features, uint16_t *index, uint64_t *seed);

#endif
