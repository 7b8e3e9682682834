/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/dirty-bits.h"

#include "util/bits.h"
#include "util/bytes.h"

struct DirtyBits {
    uint64_t size;  /* bytes */
    unsigned shift; /* a step is 1 << shift bytes */
    uint64_t steps, words, sums;
    uint64_t n_dirty; /* steps */
    uint64_t *word;   /* bits beyond .steps are 0 */
    uint64_t *sum;    /* bit i: word[i] is not 0 */
};

static uint64_t bits_steps(uint64_t size, unsigned shift)
{
    return (size >> shift) + ((size & ((1ull << shift) - 1)) != 0);
}

DirtyBits *dirty_bits_new(uint64_t size, uint64_t granularity)
{
    DirtyBits *d;

    CHECK(granularity && !(granularity & (granularity - 1)));
    d = g_new0(DirtyBits, 1);
    d->shift = (unsigned)__builtin_ctzll(granularity);
    if (!dirty_bits_resize(d, size)) {
        g_free(d);
        return NULL;
    }
    return d;
}

void dirty_bits_free(DirtyBits *d)
{
    if (d) {
        g_free(d->word);
        g_free(d->sum);
        g_free(d);
    }
}

uint64_t dirty_bits_granularity(const DirtyBits *d)
{
    return 1ull << d->shift;
}

uint64_t dirty_bits_size(const DirtyBits *d)
{
    return d->size;
}

uint64_t dirty_bits_count(const DirtyBits *d)
{
    uint64_t tail = d->size & ((1ull << d->shift) - 1);
    uint64_t last = d->steps - 1;

    /* The last step may be shorter. */
    if (tail && d->steps && (d->word[last / 64] >> last % 64 & 1)) {
        return ((d->n_dirty - 1) << d->shift) + tail;
    }
    return d->n_dirty << d->shift;
}

bool dirty_bits_get(const DirtyBits *d, uint64_t off)
{
    uint64_t step = off >> d->shift;

    return step < d->steps && (d->word[step / 64] >> step % 64 & 1);
}

static void bits_put(DirtyBits *d, uint64_t w, uint64_t value)
{
    uint64_t bit = 1ull << w % 64;

    d->n_dirty += (uint64_t)__builtin_popcountll(value);
    d->n_dirty -= (uint64_t)__builtin_popcountll(d->word[w]);
    d->word[w] = value;
    d->sum[w / 64] = value ? d->sum[w / 64] | bit : d->sum[w / 64] & ~bit;
}

/* Steps [from, to). */
static void bits_change(DirtyBits *d, uint64_t from, uint64_t to, bool set)
{
    while (from < to) {
        uint64_t w = from / 64, n = min_u64(64 - from % 64, to - from);
        uint64_t mask = (n == 64 ? ~0ull : (1ull << n) - 1) << from % 64;

        bits_put(d, w, set ? d->word[w] | mask : d->word[w] & ~mask);
        from += n;
    }
}

void dirty_bits_set(DirtyBits *d, uint64_t off, uint64_t len)
{
    if (off >= d->size || !len) {
        return;
    }
    len = min_u64(len, d->size - off);
    bits_change(d, off >> d->shift, ((off + len - 1) >> d->shift) + 1, true);
}

void dirty_bits_clear(DirtyBits *d, uint64_t off, uint64_t len)
{
    uint64_t from, to;

    if (off >= d->size || !len) {
        return;
    }
    len = min_u64(len, d->size - off);
    from = bits_steps(off, d->shift);
    to = off + len == d->size ? d->steps : (off + len) >> d->shift;
    bits_change(d, from, to, false);
}

/* The first step at or after @at whose bit is @set; .steps if there is none. */
static uint64_t bits_find(const DirtyBits *d, uint64_t at, bool set)
{
    uint64_t w = at / 64, found;

    if (at >= d->steps) {
        return d->steps;
    }
    found = (set ? d->word[w] : ~d->word[w]) & ~0ull << at % 64;
    while (!found) {
        if (++w >= d->words) {
            return d->steps;
        }
        if (set && !(d->sum[w / 64] >> w % 64)) { /* nothing in the rest of this summary word */
            w |= 63;
            continue;
        }
        found = set ? d->word[w] : ~d->word[w];
    }
    return min_u64(w * 64 + (uint64_t)__builtin_ctzll(found), d->steps);
}

bool dirty_bits_next(const DirtyBits *d, uint64_t off, uint64_t end, uint64_t max, uint64_t *start,
                     uint64_t *len)
{
    uint64_t first, last, from, to;

    end = min_u64(end, d->size);
    if (off >= end) {
        return false;
    }
    first = bits_find(d, off >> d->shift, true);
    if (first >= d->steps) {
        return false;
    }
    from = max_u64(first << d->shift, off);
    if (from >= end) {
        return false;
    }
    last = bits_find(d, first, false);
    to = last >= d->steps ? d->size : last << d->shift;
    *start = from;
    *len = min_u64(min_u64(to, end) - from, max);
    return true;
}

bool dirty_bits_next_clean(const DirtyBits *d, uint64_t off, uint64_t end, uint64_t *start)
{
    uint64_t first;

    end = min_u64(end, d->size);
    if (off >= end) {
        return false;
    }
    first = bits_find(d, off >> d->shift, false);
    if (first >= d->steps || first << d->shift >= end) {
        return false;
    }
    *start = max_u64(first << d->shift, off);
    return true;
}

void dirty_bits_merge(DirtyBits *to, const DirtyBits *from)
{
    uint64_t at = 0, start, len;

    if (to->shift == from->shift && to->steps == from->steps) {
        for (uint64_t w = 0; w < to->words; w++) {
            if (from->word[w]) {
                bits_put(to, w, to->word[w] | from->word[w]);
            }
        }
        return;
    }
    while (dirty_bits_next(from, at, from->size, UINT64_MAX, &start, &len)) {
        dirty_bits_set(to, start, len);
        at = start + len;
    }
}

bool dirty_bits_resize(DirtyBits *d, uint64_t size)
{
    uint64_t steps = bits_steps(size, d->shift), words = (steps + 63) / 64,
             sums = (words + 63) / 64;
    uint64_t *word, *sum;

    if (steps < d->steps) {
        bits_change(d, steps, d->steps, false);
    }
    word = g_try_malloc0_n(max_u64(words, 1), sizeof(*word));
    sum = g_try_malloc0_n(max_u64(sums, 1), sizeof(*sum));
    if (!word || !sum) {
        g_free(word);
        g_free(sum);
        return false;
    }
    if (d->word) {
        memcpy(word, d->word, min_u64(words, d->words) * sizeof(*word));
        memcpy(sum, d->sum, min_u64(sums, d->sums) * sizeof(*sum));
    }
    g_free(d->word);
    g_free(d->sum);
    *d = (DirtyBits){ size, d->shift, steps, words, sums, d->n_dirty, word, sum };
    return true;
}

void dirty_bits_pack(const DirtyBits *d, uint64_t off, void *out, size_t bytes)
{
    uint64_t step = off >> d->shift;

    CHECK(step % 8 == 0);
    for (size_t i = 0; i < bytes; i++, step += 8) {
        ((uint8_t *)out)[i] =
            step < d->steps ? (uint8_t)(d->word[step / 64] >> step % 64) : (uint8_t)0;
    }
}

void dirty_bits_unpack(DirtyBits *d, uint64_t off, const void *in, size_t bytes)
{
    uint64_t step = off >> d->shift;

    CHECK(step % 8 == 0);
    for (size_t i = 0; i < bytes && step < d->steps; i++, step += 8) {
        uint64_t value = ((const uint8_t *)in)[i], mask = 0xff;

        if (d->steps - step < 8) {
            mask = (1u << (d->steps - step)) - 1;
        }
        bits_put(d, step / 64,
                 (d->word[step / 64] & ~(mask << step % 64)) | (value & mask) << step % 64);
    }
}
