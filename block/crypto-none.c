/* SPDX-License-Identifier: Apache-2.0 */
/* A build without nettle: encrypted images are recognised, not read. */
#include "block/crypto.h"
#include "block/crypto-kdf.h"

bool crypto_available(GError **err)
{
    return error_set(err, "encryption is not in this build (configure it with nettle)");
}

size_t crypto_hash_size(const char *hash)
{
    return 0;
}

void crypto_hash(const char *hash, const void *const *parts, const size_t *lens, unsigned n_parts,
                 uint8_t *digest)
{
    CHECK(false);
}

void crypto_pbkdf2(const char *hash, const uint8_t *passphrase, size_t len, const uint8_t *salt,
                   size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len)
{
    CHECK(false);
}

bool crypto_cipher_exists(const char *cipher, size_t key_len)
{
    return false;
}

BlockCipher *block_cipher_new(const char *cipher, const char *mode, const uint8_t *key,
                              size_t key_len, GError **err)
{
    (void)!crypto_available(err);
    return NULL;
}

bool crypto_aes256_cbc_decrypt(const uint8_t key[CRYPTO_AES256_KEY],
                               const uint8_t iv[CRYPTO_AES_BLOCK], uint8_t *data, size_t len,
                               GError **err)
{
    return crypto_available(err);
}

BlockCipher *block_cipher_new_qcow(const uint8_t *password, size_t len, GError **err)
{
    (void)!crypto_available(err);
    return NULL;
}

void block_cipher_free(BlockCipher *c)
{
}

void block_cipher_encrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len)
{
    CHECK(false);
}

void block_cipher_decrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len)
{
    CHECK(false);
}

void block_cipher_run(const BlockCipher *c, bool encrypt, uint64_t pos, void *buf, uint64_t len)
{
    CHECK(false);
}
