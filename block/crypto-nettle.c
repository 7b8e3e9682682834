/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ciphers and key derivation on nettle.
 *
 * Sectors are encrypted with modes of our own over nettle's block functions, which take many
 * blocks at once: IEEE 1619 (XTS), NIST SP 800-38A (CBC, ECB).
 */
#include "block/crypto.h"
#include "block/crypto-kdf.h"
#include "util/bytes.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/hmac.h>
#include <nettle/memxor.h>
#include <nettle/nettle-meta.h>
#include <nettle/pbkdf2.h>
#include <nettle/serpent.h>
#include <nettle/twofish.h>
#include <nettle/cast128.h>

enum { CRYPTO_SECTOR = 512, CRYPTO_BLOCK_MAX = 16, CRYPTO_WORK_MIN = 64 << 10 };

typedef enum CryptoMode { CRYPTO_ECB, CRYPTO_CBC, CRYPTO_XTS } CryptoMode;
typedef enum CryptoIv {
    CRYPTO_IV_NONE,
    CRYPTO_IV_PLAIN,
    CRYPTO_IV_PLAIN64,
    CRYPTO_IV_ESSIV
} CryptoIv;

struct BlockCipher {
    const struct nettle_cipher *alg, *essiv_alg;
    CryptoMode mode;
    CryptoIv iv;
    void *enc, *dec; /* keys as the library expanded them */
    void *tweak;     /* of xts' second half */
    void *essiv;
};

typedef struct CryptoName {
    const char *name;
    size_t key_len;
    const struct nettle_cipher *alg;
} CryptoName;

static const struct nettle_cipher *crypto_find(const char *name, size_t key_len)
{
    const CryptoName all[] = {
        { "aes", 16, &nettle_aes128 },         { "aes", 24, &nettle_aes192 },
        { "aes", 32, &nettle_aes256 },         { "serpent", 16, &nettle_serpent128 },
        { "serpent", 24, &nettle_serpent192 }, { "serpent", 32, &nettle_serpent256 },
        { "twofish", 16, &nettle_twofish128 }, { "twofish", 24, &nettle_twofish192 },
        { "twofish", 32, &nettle_twofish256 }, { "cast5", 16, &nettle_cast128 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (!strcmp(all[i].name, name) && all[i].key_len == key_len) {
            return all[i].alg;
        }
    }
    return NULL;
}

bool crypto_cipher_exists(const char *cipher, size_t key_len)
{
    return crypto_find(cipher, key_len) != NULL;
}

bool crypto_available(GError **err)
{
    return true;
}

/* ---- Hashes ---- */

static const struct nettle_hash *crypto_hash_find(const char *name)
{
    const struct nettle_hash *const all[] = { &nettle_sha1,   &nettle_sha224, &nettle_sha256,
                                              &nettle_sha384, &nettle_sha512, &nettle_ripemd160 };

    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (!strcmp(all[i]->name, name)) {
            return all[i];
        }
    }
    return NULL;
}

size_t crypto_hash_size(const char *hash)
{
    const struct nettle_hash *h = crypto_hash_find(hash);

    return h ? h->digest_size : 0;
}

void crypto_hash(const char *hash, const void *const *parts, const size_t *lens, unsigned n_parts,
                 uint8_t *digest)
{
    const struct nettle_hash *h = crypto_hash_find(hash);
    union {
        uint8_t bytes[1024];
        uint64_t align;
    } ctx;

    CHECK(h && h->context_size <= sizeof(ctx));
    h->init(&ctx);
    for (unsigned i = 0; i < n_parts; i++) {
        h->update(&ctx, lens[i], parts[i]);
    }
    h->digest(&ctx, h->digest_size, digest);
    explicit_bzero(&ctx, sizeof(ctx));
}

/* RFC 2104, with the states after the padded keys kept. */
typedef struct CryptoHmac {
    const struct nettle_hash *hash;
    uint64_t outer[128], inner[128], state[128];
} CryptoHmac;

static void crypto_hmac_update(void *opaque, size_t len, const uint8_t *data)
{
    CryptoHmac *m = opaque;

    hmac_update(m->state, m->hash, len, data);
}

static void crypto_hmac_digest(void *opaque, size_t len, uint8_t *out)
{
    CryptoHmac *m = opaque;

    hmac_digest(m->outer, m->inner, m->state, m->hash, len, out);
}

void crypto_pbkdf2(const char *hash, const uint8_t *passphrase, size_t len, const uint8_t *salt,
                   size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len)
{
    CryptoHmac m = { .hash = crypto_hash_find(hash) };

    CHECK(m.hash && m.hash->context_size <= sizeof(m.state));
    hmac_set_key(m.outer, m.inner, m.state, m.hash, len, passphrase);
    pbkdf2(&m, crypto_hmac_update, crypto_hmac_digest, m.hash->digest_size, iterations, salt_len,
           salt, out_len, out);
    explicit_bzero(&m, sizeof(m));
}

/* ---- Ciphers ---- */

static void *crypto_key(const struct nettle_cipher *alg, bool encrypt, const uint8_t *key)
{
    void *ctx = g_malloc0(alg->context_size);

    (encrypt ? alg->set_encrypt_key : alg->set_decrypt_key)(ctx, key);
    return ctx;
}

static void crypto_key_free(const struct nettle_cipher *alg, void *ctx)
{
    if (ctx) {
        explicit_bzero(ctx, alg->context_size);
        g_free(ctx);
    }
}

/* "essiv:sha256": vectors are encrypted with the hash of the key. */
static bool crypto_set_essiv(BlockCipher *c, const char *cipher, const char *hash,
                             const uint8_t *key, size_t key_len, GError **err)
{
    uint8_t digest[CRYPTO_DIGEST_MAX];
    size_t len = crypto_hash_size(hash);

    if (len == 0) {
        return error_set(err, "hash '%s' of the IV generator essiv is not supported", hash);
    }
    c->essiv_alg = crypto_find(cipher, len);
    if (!c->essiv_alg) {
        return error_set(err, "IV generator essiv with hash '%s': %s takes no key of %zu bytes",
                         hash, cipher, len);
    }
    crypto_hash(hash, (const void *[]){ key }, &key_len, 1, digest);
    c->essiv = crypto_key(c->essiv_alg, true, digest);
    explicit_bzero(digest, sizeof(digest));
    return true;
}

static bool crypto_set_iv(BlockCipher *c, const char *cipher, const char *iv, const uint8_t *key,
                          size_t key_len, GError **err)
{
    if (!iv) {
        c->iv = CRYPTO_IV_NONE;
        return c->mode == CRYPTO_ECB || error_set(err, "the mode needs an IV generator");
    }
    if (!strcmp(iv, "plain")) {
        c->iv = CRYPTO_IV_PLAIN;
        return true;
    }
    if (!strcmp(iv, "plain64")) {
        c->iv = CRYPTO_IV_PLAIN64;
        return true;
    }
    if (g_str_has_prefix(iv, "essiv:")) {
        c->iv = CRYPTO_IV_ESSIV;
        return crypto_set_essiv(c, cipher, iv + 6, key, key_len, err);
    }
    return error_set(err, "IV generator '%s' is not supported: plain, plain64 and essiv:HASH are",
                     iv);
}

BlockCipher *block_cipher_new(const char *cipher, const char *mode, const uint8_t *key,
                              size_t key_len, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(mode, "-", 2);
    BlockCipher *c = g_new0(BlockCipher, 1);
    size_t half = key_len;

    if (!g_strcmp0(parts[0], "xts")) {
        c->mode = CRYPTO_XTS;
        half = key_len / 2;
    } else if (!g_strcmp0(parts[0], "cbc")) {
        c->mode = CRYPTO_CBC;
    } else if (!g_strcmp0(parts[0], "ecb")) {
        c->mode = CRYPTO_ECB;
    } else {
        error_set(err, "cipher mode '%s' is not supported: xts, cbc and ecb are", mode);
        block_cipher_free(c);
        return NULL;
    }
    c->alg = crypto_find(cipher, half);
    if (!c->alg || half * (c->mode == CRYPTO_XTS ? 2 : 1) != key_len) {
        error_set(err, "cipher '%s' with a key of %zu bytes in mode %s is not supported", cipher,
                  key_len, mode);
        block_cipher_free(c);
        return NULL;
    }
    if (c->mode == CRYPTO_XTS && c->alg->block_size != 16) {
        error_set(err, "mode xts needs a cipher with blocks of 16 bytes, %s has %u", cipher,
                  c->alg->block_size);
        block_cipher_free(c);
        return NULL;
    }
    if (!crypto_set_iv(c, cipher, parts[0] ? parts[1] : NULL, key, key_len, err)) {
        block_cipher_free(c);
        return NULL;
    }
    c->enc = crypto_key(c->alg, true, key);
    c->dec = crypto_key(c->alg, false, key);
    c->tweak = c->mode == CRYPTO_XTS ? crypto_key(c->alg, true, key + half) : NULL;
    return c;
}

bool crypto_aes256_cbc_decrypt(const uint8_t key[CRYPTO_AES256_KEY],
                               const uint8_t iv[CRYPTO_AES_BLOCK], uint8_t *data, size_t len,
                               GError **err)
{
    struct aes256_ctx aes;
    uint8_t chain[CRYPTO_AES_BLOCK];

    memcpy(chain, iv, sizeof(chain));
    aes256_set_decrypt_key(&aes, key);
    cbc_decrypt(&aes, (nettle_cipher_func *)aes256_decrypt, sizeof(chain), chain, len, data, data);
    explicit_bzero(&aes, sizeof(aes));
    return true;
}

BlockCipher *block_cipher_new_qcow(const uint8_t *password, size_t len, GError **err)
{
    uint8_t key[16] = { 0 };

    memcpy(key, password, MIN(len, sizeof(key)));
    BlockCipher *c = block_cipher_new("aes", "cbc-plain64", key, sizeof(key), err);
    explicit_bzero(key, sizeof(key));
    return c;
}

void block_cipher_free(BlockCipher *c)
{
    if (!c) {
        return;
    }
    crypto_key_free(c->alg, c->enc);
    crypto_key_free(c->alg, c->dec);
    crypto_key_free(c->alg, c->tweak);
    crypto_key_free(c->essiv_alg, c->essiv);
    g_free(c);
}

static void crypto_make_iv(const BlockCipher *c, uint64_t sector, uint8_t *iv)
{
    memset(iv, 0, CRYPTO_BLOCK_MAX);
    put_le64(iv, c->iv == CRYPTO_IV_PLAIN ? (uint32_t)sector : sector);
    if (c->iv == CRYPTO_IV_ESSIV) {
        c->essiv_alg->encrypt(c->essiv, c->essiv_alg->block_size, iv, iv);
    }
}

/* IEEE 1619, 5.2: a block's tweak is the one before it times x in GF(2^128), little-endian. */
static void crypto_xts(const BlockCipher *c, bool encrypt, const uint8_t *iv, uint8_t *buf,
                       size_t len)
{
    uint64_t tweaks[CRYPTO_SECTOR / 8];
    uint64_t *p = (uint64_t *)buf;

    c->alg->encrypt(c->tweak, 16, (uint8_t *)tweaks, iv);
    uint64_t low = get_le64(tweaks), high = get_le64(tweaks + 1);
    for (size_t i = 0; i < len / 8; i += 2) {
        tweaks[i] = htole64(low);
        tweaks[i + 1] = htole64(high);
        uint64_t carry = (int64_t)high < 0 ? 0x87 : 0;
        high = high << 1 | low >> 63;
        low = low << 1 ^ carry;
    }
    memxor(p, tweaks, len);
    (encrypt ? c->alg->encrypt : c->alg->decrypt)(encrypt ? c->enc : c->dec, len, buf, buf);
    memxor(p, tweaks, len);
}

static void crypto_sectors(const BlockCipher *c, bool encrypt, uint64_t pos, void *buf,
                           uint64_t len)
{
    uint8_t iv[CRYPTO_BLOCK_MAX], *p = buf;

    for (uint64_t sector = pos / CRYPTO_SECTOR; len > 0; sector++) {
        size_t part = MIN(len, CRYPTO_SECTOR);

        crypto_make_iv(c, sector, iv);
        if (c->mode == CRYPTO_XTS) {
            crypto_xts(c, encrypt, iv, p, part);
        } else if (c->mode == CRYPTO_CBC && encrypt) {
            cbc_encrypt(c->enc, c->alg->encrypt, c->alg->block_size, iv, part, p, p);
        } else if (c->mode == CRYPTO_CBC) {
            cbc_decrypt(c->dec, c->alg->decrypt, c->alg->block_size, iv, part, p, p);
        } else {
            (encrypt ? c->alg->encrypt : c->alg->decrypt)(encrypt ? c->enc : c->dec, part, p, p);
        }
        p += part;
        len -= part;
    }
}

void block_cipher_encrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len)
{
    crypto_sectors(c, true, pos, buf, len);
}

void block_cipher_decrypt(const BlockCipher *c, uint64_t pos, void *buf, uint64_t len)
{
    crypto_sectors(c, false, pos, buf, len);
}

typedef struct CryptoJob {
    const BlockCipher *c;
    bool encrypt;
    uint64_t pos, len;
    void *buf;
} CryptoJob;

static void crypto_job(void *opaque)
{
    CryptoJob *j = opaque;

    crypto_sectors(j->c, j->encrypt, j->pos, j->buf, j->len);
}

void block_cipher_run(const BlockCipher *c, bool encrypt, uint64_t pos, void *buf, uint64_t len)
{
    CryptoJob j = { c, encrypt, pos, len, buf };

    if (len >= CRYPTO_WORK_MIN) {
        io_work(crypto_job, &j);
    } else {
        crypto_job(&j);
    }
}
