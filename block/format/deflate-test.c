/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/deflate.h"

#include "tests/unit.h"

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
