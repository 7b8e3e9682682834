/* SPDX-License-Identifier: Apache-2.0 */
/* How long compressed instructions are, and who decodes them. */
#include "target/mips/compact.h"

#include "target/mips/micromips-decode.h"
#include "target/mips/mips16x-decode.h"

enum { M16_JAL = 3, M16_EXTEND = 30 };

int32_t mips_compact_length(const Trans *t, uint32_t first)
{
    uint32_t op = first >> 11;

    if (trans_has(t, MIPS_FEAT_MICROMIPS)) { /* Volume II-B, table of major opcodes */
        uint32_t column = first >> 10 & 7;

        return column >= 1 && column <= 3 ? 2 : 4;
    }

    return op == M16_JAL || op == M16_EXTEND ? 4 : 2;
}

bool mips_compact_decode(Trans *t, uint32_t insn, int32_t length)
{
    if (trans_has(t, MIPS_FEAT_MICROMIPS)) {
        return length == 2 ? micromips16_decode_trans(t, insn) : micromips_decode_trans(t, insn);
    }
    if (length == 4 && t->in_slot) {
        return false; /* UNPREDICTABLE: slots are of two bytes */
    }
    return length == 2 ? mips16_decode_trans(t, insn) : mips16x_decode_trans(t, insn);
}
