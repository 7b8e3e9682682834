/* SPDX-License-Identifier: Apache-2.0 */
/* The LUKS header among its own files. */
#ifndef BLOCK_CRYPTO_LUKS_PRIV_H
#define BLOCK_CRYPTO_LUKS_PRIV_H

#include "block/crypto.h"
#include "block/crypto-kdf.h"

enum {
    LUKS_HEADER_LEN = 592,
    LUKS_CIPHER = 8, /* names: 32 bytes each */
    LUKS_MODE = 40,
    LUKS_HASH = 72,
    LUKS_PAYLOAD = 104, /* sectors */
    LUKS_KEY_BYTES = 108,
    LUKS_DIGEST = 112,
    LUKS_SALT = 132,
    LUKS_ITERATIONS = 164,
    LUKS_UUID = 168,
    LUKS_SLOTS = 208,

    LUKS_SLOT_LEN = 48,
    LUKS_SLOT_ITERATIONS = 4,
    LUKS_SLOT_SALT = 8,
    LUKS_SLOT_OFF = 40, /* sectors */
    LUKS_SLOT_STRIPES = 44,

    LUKS_N_SLOTS = 8,
    LUKS_STRIPES = 4000,
    LUKS_NAME_LEN = 32,
    LUKS_SALT_LEN = 32,
    LUKS_DIGEST_LEN = 20,
    LUKS_ALIGN = 4096,
    LUKS_MIN_ITERATIONS = 1000,
    LUKS_MAX_ITERATIONS = 1 << 27, /* a minute or so: more is no image to be opened */
    LUKS_DEFAULT_ITER_TIME = 2000,
};

#define LUKS_SLOT_ACTIVE   0x00ac71f3u
#define LUKS_SLOT_INACTIVE 0x0000deadu

struct BlockLuks {
    uint8_t h[LUKS_HEADER_LEN]; /* as in the file */
    char *name;
    BlockCipher *cipher; /* NULL: opened without a passphrase */
    uint8_t key[CRYPTO_KEY_MAX];
    size_t key_len;
};

static inline const char *luks_text(const BlockLuks *l, unsigned field)
{
    return (const char *)l->h + field;
}

static inline uint8_t *luks_slot(BlockLuks *l, unsigned i)
{
    return l->h + LUKS_SLOTS + i * LUKS_SLOT_LEN;
}

/* Bytes of a slot's key material, in whole sectors. */
static inline uint64_t luks_material_len(size_t key_len)
{
    return (key_len * LUKS_STRIPES + 511) / 512 * 512;
}

/* Set *@found if @passphrase opens slot @i, with the key in l->key. FIBER */
NODISCARD bool luks_try_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i,
                             const uint8_t *passphrase, size_t len, bool *found, GError **err);
/* l->key under @passphrase into slot @i: material first, then the header. FIBER */
NODISCARD bool luks_write_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i,
                               const uint8_t *passphrase, size_t len, uint64_t iter_time_ms,
                               GError **err);
/* Off in the header first, then its material overwritten. FIBER */
NODISCARD bool luks_erase_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i, GError **err);
NODISCARD bool luks_random(void *buf, size_t len, GError **err);
/* Iterations of @hash that take @ms of processor time for @out_len bytes. FIBER */
uint32_t luks_iterations(const char *hash, size_t out_len, uint64_t ms);

#endif
