/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers in byte buffers of a stated order; no alignment is needed.
 */
#ifndef UTIL_BYTES_H
#define UTIL_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESSORS(bits, order)                                \
    static inline uint##bits##_t get_##order##bits(const void *p)   \
    {                                                               \
        uint##bits##_t v;                                           \
                                                                    \
        memcpy(&v, p, sizeof(v));                                   \
        return order##bits##toh(v);                                 \
    }                                                               \
    static inline void put_##order##bits(void *p, uint##bits##_t v) \
    {                                                               \
        v = hto##order##bits(v);                                    \
        memcpy(p, &v, sizeof(v));                                   \
    }

/* get_le16(p), put_le16(p, v), get_be16, ..., put_be64: the names grep must find. */
BYTES_ACCESSORS(16, le)
BYTES_ACCESSORS(16, be)
BYTES_ACCESSORS(32, le)
BYTES_ACCESSORS(32, be)
BYTES_ACCESSORS(64, le)
BYTES_ACCESSORS(64, be)
#undef BYTES_ACCESSORS

/* An integer of @size (1, 2, 4, 8) bytes, little-endian. */
static inline uint64_t get_le(const void *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return le64toh(v);
}

static inline void put_le(void *p, unsigned size, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, size);
}

/* @v's low @size (1, 2, 4, 8) bytes in the reverse order. */
static inline uint64_t bytes_swap(uint64_t v, unsigned size)
{
    return __builtin_bswap64(v) >> (64 - 8 * size);
}

#endif
