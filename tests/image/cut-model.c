/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/image/cut-model.h"

#include <string.h>

void cut_set(CutSector *s, uint64_t tag)
{
    if (!s->may) {
        s->may = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
    g_array_append_val(s->may, s->now);
    s->now = tag;
}

void cut_flushed(CutSector *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (s[i].may) {
            g_array_set_size(s[i].may, 0);
        }
    }
}

bool cut_allows(const CutSector *s, uint64_t tag)
{
    if (s->now == tag) {
        return true;
    }
    for (unsigned i = 0; s->may && i < s->may->len; i++) {
        if (g_array_index(s->may, uint64_t, i) == tag) {
            return true;
        }
    }
    return false;
}

bool cut_tag(const uint8_t *p, uint64_t *tag)
{
    memcpy(tag, p, 8);
    return !memcmp(p, p + 8, CUT_SECTOR - 8);
}

uint8_t *cut_bytes(uint64_t first, uint64_t n)
{
    uint64_t *buf = g_new(uint64_t, n * 64 + 1);

    for (uint64_t i = 0; i < n * 64; i++) {
        buf[i] = first + i / 64;
    }
    return (uint8_t *)buf;
}

uint64_t cut_compare(const CutSector *s, const uint8_t *buf, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag;

        if (!cut_tag(buf + i * CUT_SECTOR, &tag) || !cut_allows(&s[i], tag)) {
            return i;
        }
    }
    return n;
}
