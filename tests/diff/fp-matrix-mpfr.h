/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_FP_MATRIX_MPFR_H
#define TESTS_DIFF_FP_MATRIX_MPFR_H

#include "tests/diff/fp-matrix.h"

#include <stdbool.h>

/*
 * What MPFR makes of instruction @insn of pattern @name: sets what it knows in @want (the result,
 * the flags). False: it does not know the instruction or these operands or modes, or is not there.
 */
bool fm_mpfr(const char *name, uint32_t insn, uint32_t fpcr, uint32_t fpsr, const FmOperands *in,
             FmResult *want);

#endif
