/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits of integers: extract, deposit, extend, align.
 */
#ifndef UTIL_BITS_H
#define UTIL_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)        (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The low @n bits set; @n is 0 to 64. */
static inline uint64_t bits_mask(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (1ull << n) - 1;
}

/* Bits @pos to @pos + @len - 1 of @v; @len is 1 to 64 - @pos. */
static inline uint64_t bits_extract(uint64_t v, unsigned pos, unsigned len)
{
    return (v >> pos) & bits_mask(len);
}

/* As bits_extract, with the highest bit of the field as sign. */
static inline int64_t bits_sextract(uint64_t v, unsigned pos, unsigned len)
{
    return (int64_t)(v << (64 - len - pos)) >> (64 - len);
}

/* @v with its field replaced by the low @len bits of @field. */
static inline uint64_t bits_deposit(uint64_t v, unsigned pos, unsigned len, uint64_t field)
{
    uint64_t mask = bits_mask(len) << pos;

    return (v & ~mask) | ((field << pos) & mask);
}

/* The low @len (1 to 64) bits of @v, sign extended. */
static inline int64_t bits_sext(uint64_t v, unsigned len)
{
    return bits_sextract(v, 0, len);
}

static inline bool bits_is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* The least power of two >= @v; 1 for 0; 0 where it does not fit. */
static inline uint64_t bits_pow2_ceil(uint64_t v)
{
    if (v <= 1) {
        return 1;
    }
    return v > 1ull << 63 ? 0 : 1ull << (64 - __builtin_clzll(v - 1));
}

/* @align is a power of two. */
static inline uint64_t bits_align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t bits_align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* @a * @b / @c with a 128-bit intermediate; saturates; @c is not 0. */
static inline uint64_t muldiv_u64(uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 q = (unsigned __int128)a * b / c;

    return q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
}

#endif
