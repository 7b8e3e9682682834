/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of vectors of memory. */
#include "block/core/core-priv.h"
#include "util/bits.h"

#include <string.h>

uint64_t iov_length(const struct iovec *iov, unsigned n)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n; i++) {
        if (__builtin_add_overflow(len, iov[i].iov_len, &len)) {
            return UINT64_MAX;
        }
    }
    return len;
}

/* The range with byte *@skip, which becomes an offset in it. */
static unsigned iov_find(const struct iovec *iov, unsigned n, uint64_t *skip)
{
    unsigned i = 0;

    while (i < n && *skip >= iov[i].iov_len) {
        *skip -= iov[i++].iov_len;
    }
    return i;
}

void iov_slice(BlockIov *out, const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len)
{
    unsigned first = iov_find(iov, n, &skip), last;
    struct iovec *v = out->here;
    uint64_t left = len;

    out->len = len;
    out->heap = NULL;
    for (last = first; last < n && left; last++) {
        uint64_t here = iov[last].iov_len - (last == first ? skip : 0);

        if (left < here) {
            break;
        }
        left -= here;
    }
    out->n = last - first + (left ? 1 : 0);
    if (!skip && !left) {
        out->iov = iov + first;
        return;
    }
    if (out->n > G_N_ELEMENTS(out->here)) {
        v = out->heap = g_new(struct iovec, out->n);
    }
    memcpy(v, iov + first, out->n * sizeof(*v));
    if (out->n) {
        v[0].iov_base = (uint8_t *)v[0].iov_base + skip;
        v[0].iov_len -= skip;
        if (left) {
            v[out->n - 1].iov_len = left;
        }
    }
    out->iov = v;
}

void iov_slice_free(BlockIov *s)
{
    g_free(s->heap);
}

static void iov_each(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
                     void (*fn)(uint8_t *part, void *buf, size_t len), uint8_t *buf)
{
    for (unsigned i = iov_find(iov, n, &skip); len && i < n; i++) {
        uint64_t here = min_u64(iov[i].iov_len - skip, len);

        fn((uint8_t *)iov[i].iov_base + skip, buf, here);
        skip = 0;
        len -= here;
        buf = buf ? buf + here : NULL;
    }
}

static void iov_part_zero(uint8_t *part, void *buf, size_t len)
{
    memset(part, 0, len);
}

static void iov_part_from(uint8_t *part, void *buf, size_t len)
{
    memcpy(part, buf, len);
}

static void iov_part_to(uint8_t *part, void *buf, size_t len)
{
    memcpy(buf, part, len);
}

void iov_zero(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len)
{
    iov_each(iov, n, skip, len, iov_part_zero, NULL);
}

void iov_from(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf, uint64_t len)
{
    iov_each(iov, n, skip, len, iov_part_from, (uint8_t *)buf);
}

void iov_to(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, uint64_t len)
{
    iov_each(iov, n, skip, len, iov_part_to, buf);
}

bool mem_is_zero(const void *buf, size_t len)
{
    const uint8_t *p = buf;

    /* Few are zero: look at the ends and the middle first, then compare with itself shifted. */
    if (len < 16) {
        for (size_t i = 0; i < len; i++) {
            if (p[i]) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < 16; i++) {
        if (p[i]) {
            return false;
        }
    }
    if (p[len - 1] || p[len / 2]) {
        return false;
    }
    return !memcmp(p, p + 16, len - 16);
}

bool iov_is_zero(const struct iovec *iov, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!mem_is_zero(iov[i].iov_base, iov[i].iov_len)) {
            return false;
        }
    }
    return true;
}
