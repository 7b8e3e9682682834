/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encryption of images: LUKS (version 1) and the old AES of qcow and qcow2.
 *
 * With nettle. Without it images open as far as their metadata goes; a key is an error that says
 * why. A BlockCipher is immutable after it was made and may be used on any thread.
 */
#ifndef BLOCK_CRYPTO_H
#define BLOCK_CRYPTO_H

#include "block/core/driver.h"
#include "block/core/secret.h"

/* ---- Ciphers for sectors ---- */

typedef struct BlockCipher BlockCipher;

/* Names as LUKS has them: cipher "aes", mode "xts-plain64", "cbc-essiv:sha256", ...; @key of
 * @key_len bytes (both halves for xts). */
BlockCipher *block_cipher_new(const char *cipher, const char *mode, const uint8_t *key,
                              size_t key_len, GError **err);
/* The old AES of qcow and qcow2: AES-128-CBC with plain64 and the password as key. */
BlockCipher *block_cipher_new_qcow(const uint8_t *password, size_t len, GError **err);
void block_cipher_free(BlockCipher *c);
/* In place; @pos (what the vectors count from) and @len are multiples of 512. Any thread. */
void block_cipher_encrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len);
void block_cipher_decrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len);
/* The same, on the pool of threads where it is much. FIBER */
void block_cipher_run(const BlockCipher *c, bool encrypt, uint64_t pos, void *buf, uint64_t len);

/* ---- LUKS headers ---- */

typedef struct BlockLuks BlockLuks;

/* Where a header lies: byte 0 is its first. For luks images the file, for qcow2 a range of it.
 * 0 or -errno. FIBER */
typedef struct BlockLuksIo {
    int (*read)(void *opaque, uint64_t off, void *buf, uint64_t len);
    int (*write)(void *opaque, uint64_t off, const void *buf, uint64_t len);
    void *opaque;
    const char *name; /* of the image, for messages */
} BlockLuksIo;

/* Header checked; with @passphrase (may be NULL: metadata alone) also the key, tried on every
 * active slot. FIBER */
BlockLuks *block_luks_open(const BlockLuksIo *io, const uint8_t *passphrase, size_t len,
                           GError **err);
void block_luks_free(BlockLuks *l);
/* NULL when it was opened without a passphrase. */
const BlockCipher *block_luks_cipher(const BlockLuks *l);
/* Bytes from the header's begin to the data. */
uint64_t block_luks_payload(const BlockLuks *l);
/* The part of info: ivgen-alg, hash-alg, cipher-alg, uuid, cipher-mode, slots, ... */
GVariant *block_luks_specific(const BlockLuks *l);

/* What create options @prefix ("" or "encrypt.") ask for. The passphrase comes from key-secret. */
typedef struct BlockLuksParams {
    const char *cipher_alg, *cipher_mode, *hash_alg, *ivgen_alg,
        *ivgen_hash_alg; /* NULL: default */
    uint64_t iter_time_ms;
    uint8_t *passphrase;
    size_t passphrase_len;
} BlockLuksParams;

/* Reads and marks the options. @key_optional: without the secret itself if @g is NULL (measure). */
NODISCARD bool block_luks_params(BlockGraph *g, Options *o, const char *prefix, bool key_optional,
                                 BlockLuksParams *p, GError **err);
void block_luks_params_clear(BlockLuksParams *p);
/* The size of the header with all its key material (where the data begins). */
NODISCARD bool block_luks_header_size(const BlockLuksParams *p, uint64_t *size, GError **err);
/* Writes a header with one active slot at @io, which has room for block_luks_header_size. FIBER */
NODISCARD bool block_luks_create(const BlockLuksIo *io, const BlockLuksParams *p, GError **err);
/* amend: state, keyslot, new-secret, old-secret, iter-time (each with @prefix). FIBER */
NODISCARD bool block_luks_amend(BlockLuks *l, const BlockLuksIo *io, BlockGraph *g, Options *o,
                                const char *prefix, bool force, GError **err);

#endif
