/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes and key derivation that LUKS needs, by the names it has for them. Any thread.
 */
#ifndef BLOCK_CRYPTO_KDF_H
#define BLOCK_CRYPTO_KDF_H

#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

enum { CRYPTO_DIGEST_MAX = 64, CRYPTO_KEY_MAX = 64, CRYPTO_AES256_KEY = 32, CRYPTO_AES_BLOCK = 16 };

/* Bytes of a digest; 0: no hash of that name (or no library). */
size_t crypto_hash_size(const char *hash);
/* The digest of the @n_parts parts one after the other. */
void crypto_hash(const char *hash, const void *const *parts, const size_t *lens, unsigned n_parts,
                 uint8_t *digest);
/* PBKDF2 with HMAC of @hash. */
void crypto_pbkdf2(const char *hash, const uint8_t *passphrase, size_t len, const uint8_t *salt,
                   size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len);
/* In place; @len is a multiple of the block. Errors: a build without nettle. */
NODISCARD bool crypto_aes256_cbc_decrypt(const uint8_t key[CRYPTO_AES256_KEY],
                                         const uint8_t iv[CRYPTO_AES_BLOCK], uint8_t *data,
                                         size_t len, GError **err);
/* Whether @cipher ("aes") takes a key of @key_len bytes (without the second half of xts). */
bool crypto_cipher_exists(const char *cipher, size_t key_len);
/* False with *err in a build without nettle. */
NODISCARD bool crypto_available(GError **err);

#endif
