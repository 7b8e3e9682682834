/* SPDX-License-Identifier: Apache-2.0 */
/* What the differential tests of all guests share; the oracles, programs of the guest, have it too.
 */
#ifndef TESTS_DIFF_CASE_H
#define TESTS_DIFF_CASE_H

#include <stdint.h>

enum {
    CASE_SCRATCH = 0x50000000, /* data: CASE_SCRATCH_BYTES, the only memory beside the code */
    CASE_SCRATCH_BYTES = 0x4000,
    CASE_CODE = 0x60000000,
    CASE_CODE_BYTES = 0x1000,
};

/* How a case ended. */
enum { CASE_DONE, CASE_UNDEFINED, CASE_FAULT, CASE_OTHER };

static inline uint64_t case_random(uint64_t *s)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The scratch memory's bytes are the same for an oracle of the other byte order. */
static inline uint64_t case_le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(v);
#else
    return v;
#endif
}

static inline uint32_t case_le32(uint32_t v)
{
    return (uint32_t)(case_le64(v) >> (case_le64(1) == 1 ? 0 : 32));
}

static inline void case_fill(uint64_t *mem, uint64_t seed)
{
    for (unsigned i = 0; i < CASE_SCRATCH_BYTES / 8; i++) {
        mem[i] = case_le64(case_random(&seed));
    }
}

static inline uint64_t case_hash(const uint64_t *mem)
{
    uint64_t h = 0;

    for (unsigned i = 0; i < CASE_SCRATCH_BYTES / 8; i++) {
        h = (h ^ case_le64(mem[i])) * 0x9fb21c651e98df25;
        h ^= h >> 29;
    }
    return h;
}

#endif
