/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of random instructions and values of registers, for every guest. */
#include "tests/diff/gen.h"

#include "tests/diff/case.h"

#include <string.h>

uint32_t gen_put(uint32_t insn, unsigned lo, unsigned width, uint32_t value)
{
    uint32_t mask = (width == 32 ? UINT32_MAX : (1u << width) - 1) << lo;

    return (insn & ~mask) | (value << lo & mask);
}

uint32_t gen_field(const InsnPattern *p, uint32_t insn, const char *name, uint32_t value)
{
    for (int i = 0; i < p->n_fields; i++) {
        const InsnField *f = &p->fields[i];

        if (!strcmp(f->name, name)) {
            uint32_t mask = ((1u << f->width) - 1) << f->lo;

            return (insn & ~mask) | (value << f->lo & mask & ~p->mask) | (insn & mask & p->mask);
        }
    }
    return insn;
}

uint64_t gen_interesting(uint64_t *seed)
{
    uint64_t r = case_random(seed), v = case_random(seed);

    switch (r % 8) {
    case 0:
        return (r >> 8) % 3 - 1;
    case 1:
        return 1ull << (r >> 8 & 63);
    case 2:
        return (1ull << (r >> 8 & 63)) - 1;
    case 3:
        return v & 0xff;
    case 4:
        return (uint64_t)(int64_t)(int32_t)v;
    case 5:
        return (uint32_t)v;
    default:
        return v;
    }
}

uint64_t gen_fp(uint64_t *seed)
{
    static const uint64_t special[] = {
        0,
        0x8000000000000000,
        0x3ff0000000000000,
        0xbff0000000000000,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000000,
        0x7ff0000000000001,
        0x0000000000000001,
        0x0010000000000000,
        0x7fefffffffffffff,
        0x3f8000003f800000,
        0x7f8000007f800000,
        0x7fc000017f800001,
        0x0000000100800000,
        0x3c003c003c003c00,
        0x7c007e017c010001,
        0x43e0000000000000,
        0x41dfffffffc00000,
        0xc1e0000000000000,
    };
    uint64_t r = case_random(seed), v = case_random(seed);

    switch (r % 6) {
    case 0:
        return special[(r >> 8) % (sizeof(special) / sizeof(special[0]))];
    case 1: /* double of modest exponent */
        return (v & 0x800fffffffffffff) | (0x3f0 + (r >> 8) % 32) << 52;
    case 2: /* two singles of modest exponent */
        return (v & 0x807fffff807fffff) | (0x78 + (r >> 8) % 16) << 23 |
               (0x78 + (r >> 16) % 16) << 55;
    case 3:
        return v & 0x00ff00ff00ff00ff;
    case 4:
        return v & (r & 256 ? 0xffffffff : 0xffffffffffffffff);
    default:
        return v;
    }
}
