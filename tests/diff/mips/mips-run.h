/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_MIPS_RUN_H
#define TESTS_DIFF_MIPS_RUN_H

#include "tests/diff/mips/mips-case.h"

#include <stdbool.h>

/* Make the machine that runs cases: model @cpu, @big: big-endian, @backend of the translator (NULL:
 * its default), with @more of -accel tcg's options (or NULL). @fr: 64-bit floating-point registers
 * (Status.FR). */
bool mips_run_init(const char *cpu, bool big, bool fr, const char *backend, const char *more);
/* What its CPU has (MipsFeature). */
uint64_t mips_run_features(void);
void mips_run(const MipsCase *c, MipsResult *r);

#endif
