/* SPDX-License-Identifier: Apache-2.0 */
/* How long compressed instructions are, and who decodes them. */
#include "target/mips/compact.h"

#include "target/mips/mips16x-decode.h"

enum { M16_JAL = 3, M16_EXTEND = 30 };

int32_t mips_compact_length(const Trans *t, uint32_t first)
{
    uint32_t op = first >> 11;

    return op == M16_JAL || op == M16_EXTEND ? 4 : 2;
}

bool mips_compact_decode(Trans *t, uint32_t insn, int32_t length)
{
    if (length == 4 && t->in_slot) {
        return false; /* UNPREDICTABLE: slots are of two bytes */
    }
    return length == 2 ? mips16_decode_trans(t, insn) : mips16x_decode_trans(t, insn);
}
