/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/dirty-bits.h"

#include "tests/unit.h"

#include <string.h>

TEST(dirty_bits, a_short_last_step)
{
    DirtyBits *d = dirty_bits_new(65536 * 3 + 100, 65536);
    uint64_t start, len;

    dirty_bits_set(d, 65536 * 3 + 99, 1);
    EXPECT_EQ(dirty_bits_count(d), 100);
    dirty_bits_set(d, 65535, 2);
    EXPECT_EQ(dirty_bits_count(d), 2 * 65536 + 100);
    EXPECT(dirty_bits_next(d, 0, UINT64_MAX, UINT64_MAX, &start, &len));
    EXPECT_EQ(start, 0);
    EXPECT_EQ(len, 2 * 65536);
    EXPECT(dirty_bits_next(d, 2 * 65536, UINT64_MAX, UINT64_MAX, &start, &len));
    EXPECT_EQ(start, 3 * 65536);
    EXPECT_EQ(len, 100);
    dirty_bits_clear(d, 1, 2 * 65536 - 1); /* the first step is not wholly in it */
    EXPECT(dirty_bits_get(d, 0));
    EXPECT(!dirty_bits_get(d, 65536));
    dirty_bits_clear(d, 3 * 65536, 100);
    EXPECT_EQ(dirty_bits_count(d), 65536);
    dirty_bits_free(d);
}

TEST(dirty_bits, against_an_array)
{
    enum { SIZE = 40000, STEP = 4 };
    DirtyBits *d = dirty_bits_new(SIZE, STEP);
    g_autofree uint8_t *model = g_malloc0(SIZE / STEP);
    uint32_t r = 12345;

    for (unsigned round = 0; round < 3000; round++) {
        uint64_t off, len, start, got, want = 0, n;

        r = r * 1664525 + 1013904223;
        off = (r >> 8) % SIZE;
        len = (r >> 3) % (round % 3 ? 50 : 20000);
        if (round % 2) {
            dirty_bits_set(d, off, len);
            for (uint64_t i = off; i < off + len && i < SIZE; i++) {
                model[i / STEP] = 1;
            }
        } else {
            uint64_t end = off + len < SIZE ? off + len : SIZE;

            dirty_bits_clear(d, off, len);
            for (uint64_t s = (off + STEP - 1) / STEP; s < end / STEP && len; s++) {
                model[s] = 0;
            }
        }
        for (unsigned s = 0; s < SIZE / STEP; s++) {
            want += model[s] * STEP;
        }
        EXPECT_EQ(dirty_bits_count(d), want);
        n = off;
        while (n < SIZE && !model[n / STEP]) {
            n++;
        }
        EXPECT_EQ(dirty_bits_next(d, off, SIZE, UINT64_MAX, &start, &got), n < SIZE);
        if (n < SIZE) {
            EXPECT_EQ(start, n);
            while (n < SIZE && model[n / STEP]) {
                n++;
            }
            EXPECT_EQ(start + got, n);
        }
    }
    dirty_bits_free(d);
}

TEST(dirty_bits, packed_merged_and_resized)
{
    DirtyBits *a = dirty_bits_new(1 << 20, 512), *b = dirty_bits_new(1 << 20, 512);
    DirtyBits *c = dirty_bits_new(1 << 20, 4096);
    uint8_t bytes[256];

    dirty_bits_set(a, 512 * 9, 512 * 100);
    dirty_bits_set(a, (1 << 20) - 1, 1);
    dirty_bits_pack(a, 0, bytes, sizeof(bytes));
    EXPECT_EQ(bytes[1], 0xfe);
    EXPECT_EQ(bytes[255], 0x80);
    dirty_bits_unpack(b, 0, bytes, sizeof(bytes));
    EXPECT_EQ(dirty_bits_count(a), dirty_bits_count(b));
    dirty_bits_merge(c, a);
    EXPECT_EQ(dirty_bits_count(c), (13 + 1) * 4096 + 4096 - 4096);
    EXPECT(dirty_bits_resize(a, 512 * 50));
    EXPECT_EQ(dirty_bits_count(a), 512 * 41);
    EXPECT(dirty_bits_resize(a, 1 << 20));
    EXPECT_EQ(dirty_bits_count(a), 512 * 41);
    dirty_bits_free(a);
    dirty_bits_free(b);
    dirty_bits_free(c);
}
