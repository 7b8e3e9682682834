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

/* ---- MIPS16e and microMIPS (mips-gen-compact.c); @isa: CASE_ISA_* ---- */

/* All patterns, those of 16 bits first. */
const InsnPattern *mips_gen_compact_patterns(uint32_t isa, unsigned *n);
void mips_gen_compact(MipsCase *c, const InsnPattern *const *patterns, unsigned n, uint32_t isa,
                      uint16_t *index, uint64_t *seed);
/* Leave the first @n instructions. */
void mips_gen_compact_shorten(MipsCase *c, unsigned n);
/* A halfword of the code. */
uint32_t mips_gen_half(const MipsCase *c, unsigned at);

#endif
