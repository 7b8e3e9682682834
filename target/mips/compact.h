/* SPDX-License-Identifier: Apache-2.0 */
/* The compressed instruction sets, of which a CPU has one: MIPS16e or microMIPS. */
#ifndef TARGET_MIPS_COMPACT_H
#define TARGET_MIPS_COMPACT_H

#include "target/mips/translate.h"

/* Bytes of the instruction whose first halfword is @first: 2 or 4. */
int32_t mips_compact_length(const Trans *t, uint32_t first);
/* Decode and translate; an @insn of 4 bytes has its first halfword in the upper half. False: it is
 * reserved. */
bool mips_compact_decode(Trans *t, uint32_t insn, int32_t length);

#endif
