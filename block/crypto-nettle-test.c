/* SPDX-License-Identifier: Apache-2.0 */
#include "block/crypto.h"
#include "block/crypto-kdf.h"
#include "tests/unit.h"

#include <string.h>

TEST(crypto, pbkdf2_of_rfc6070)
{
    static const uint8_t expected[20] = { 0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48,
                                          0x9a, 0xbe, 0xad, 0x49, 0xd9, 0x26, 0xf7,
                                          0x21, 0xd0, 0x65, 0xa4, 0x29, 0xc1 };
    g_autoptr(GError) err = NULL;
    uint8_t out[20];

    if (!crypto_available(&err)) {
        test_skip("a build without nettle");
        return;
    }
    crypto_pbkdf2("sha1", (const uint8_t *)"password", 8, (const uint8_t *)"salt", 4, 4096, out,
                  sizeof(out));
    EXPECT(!memcmp(out, expected, sizeof(out)));
}

/* IEEE 1619, annex B, vector 4: AES-128, data unit 0, 512 bytes 00 01 02 ... */
TEST(crypto, xts_of_ieee1619)
{
    static const uint8_t key[32] = { 0x27, 0x18, 0x28, 0x18, 0x28, 0x45, 0x90, 0x45,
                                     0x23, 0x53, 0x60, 0x28, 0x74, 0x71, 0x35, 0x26,
                                     0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93,
                                     0x23, 0x84, 0x62, 0x64, 0x33, 0x83, 0x27, 0x95 };
    static const uint8_t expected[16] = { 0x27, 0xa7, 0x47, 0x9b, 0xef, 0xa1, 0xd4, 0x76,
                                          0x48, 0x9f, 0x30, 0x8c, 0xd4, 0xcf, 0xa6, 0xe2 };
    g_autoptr(GError) err = NULL;
    uint8_t buf[512];

    if (!crypto_available(&err)) {
        test_skip("a build without nettle");
        return;
    }
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = i;
    }
    BlockCipher *c = block_cipher_new("aes", "xts-plain64", key, sizeof(key), &err);
    EXPECT(c);
    block_cipher_encrypt(c, 0, buf, sizeof(buf));
    EXPECT(!memcmp(buf, expected, sizeof(expected)));
    block_cipher_decrypt(c, 0, buf, sizeof(buf));
    for (unsigned i = 0; i < sizeof(buf); i++) {
        EXPECT_EQ(buf[i], i & 255);
    }
    block_cipher_free(c);
}

TEST(crypto, refuses_what_it_has_not)
{
    static const char *const modes[] = { "xts-foo", "foo-plain64", "cbc", "cbc-essiv:sha1" };
    uint8_t key[64] = { 0 };

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autoptr(GError) err = NULL;

        EXPECT(!block_cipher_new("aes", modes[i], key, 32, &err));
        EXPECT(err);
    }
}
