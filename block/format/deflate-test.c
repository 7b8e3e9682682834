/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/deflate.h"

#include "tests/unit.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

static uint32_t noise_next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

TEST(deflate, noise_is_told_from_data)
{
    enum { LEN = 65536 };
    g_autofree uint8_t *buf = g_malloc(LEN);
    uint32_t x = 2463534242u;

    for (unsigned i = 0; i < LEN; i++) {
        buf[i] = (uint8_t)(noise_next(&x) >> 11);
    }
    EXPECT(deflate_is_noise(buf, LEN));
    EXPECT(deflate_is_noise(buf, 4096));
    EXPECT(!deflate_is_noise(buf, 100)); /* too little to tell */

    memcpy(buf + 40000, buf + 39000, 500); /* random bytes that come again */
    EXPECT(!deflate_is_noise(buf, LEN));
    for (unsigned i = 0; i < LEN; i++) {
        buf[i] = (uint8_t)(noise_next(&x) >> 11) & 0x7f; /* a bit of eight is free */
    }
    EXPECT(!deflate_is_noise(buf, LEN));
    memset(buf, 0, LEN);
    EXPECT(!deflate_is_noise(buf, LEN));
    for (unsigned i = 0; i < LEN; i++) {
        buf[i] = i < LEN / 2 ? (uint8_t)(noise_next(&x) >> 11) : (uint8_t) "a text "[i % 7];
    }
    EXPECT(!deflate_is_noise(buf, LEN)); /* the first half alone would be */
}

/* Text-like bytes, so that streams have matches, far and near. */
static void fill(uint8_t *buf, size_t len)
{
    uint32_t x = 88172645u;

    for (size_t i = 0; i < len; i++) {
        buf[i] = i > 5000 && noise_next(&x) % 8 ? buf[i - 4990] : (uint8_t)(noise_next(&x) & 0x1f);
    }
}

TEST(deflate, units_come_back_whatever_follows)
{
    enum { LEN = 65536 };
    g_autofree uint8_t *buf = g_malloc(LEN), *out = g_malloc0(LEN + 1);
    g_autofree uint8_t *in = g_malloc0(LEN + 512);
    size_t n, got;

    fill(buf, LEN);
    EXPECT(deflate_pack(buf, LEN, in, LEN, &n) == 0 && n < LEN);
    memset(in + n, 0x5a, 512); /* the rest of a sector */
    EXPECT(deflate_unpack(false, in, n + 512, out, LEN, &got) == 0 && got == LEN);
    EXPECT(!memcmp(buf, out, LEN));
    /* Without zlib's header of two bytes it is raw deflate, and its sum is what follows. */
    memset(out, 0, LEN);
    EXPECT(deflate_unpack(true, in + 2, n + 510, out, LEN, &got) == 0 && got == LEN);
    EXPECT(!memcmp(buf, out, LEN));
    /* More room than data: how much there is; less: that is full, and nothing is behind it. */
    EXPECT(deflate_unpack(true, in + 2, n, out, LEN + 1, &got) == 0 && got == LEN);
    memset(out, 0xee, LEN);
    EXPECT(deflate_unpack(true, in + 2, n, out, LEN - 100, &got) == 0 && got == LEN - 100);
    EXPECT(!memcmp(buf, out, LEN - 100) && out[LEN - 100] == 0xee);
    /* Cut off, and damaged. */
    EXPECT(deflate_unpack(true, in + 2, n / 2, out, LEN, &got) == -EIO);
    in[n - 1] ^= 1;
    EXPECT(deflate_unpack(false, in, n, out, LEN, &got) == -EIO);
    in[2] = 0xff; /* a type of block that there is not */
    EXPECT(deflate_unpack(true, in + 2, n, out, LEN, &got) == -EIO);
}
