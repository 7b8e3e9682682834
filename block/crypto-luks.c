/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS version 1: the header, its eight slots, and the way from a passphrase to the master key.
 * Spec: C. Fruhwirth, "LUKS On-Disk Format Specification" 1.2.3. Big-endian.
 *
 * A slot holds the master key split into 4000 stripes of which all are needed ("anti-forensic"),
 * encrypted with a key that PBKDF2 makes of a passphrase.
 */
#include "block/crypto-luks-priv.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

bool luks_random(void *buf, size_t len, GError **err)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t got = getrandom(p, MIN(len, 256), 0);

        if (got < 0 && errno != EINTR) {
            return error_set(err, "no random bytes: %s", g_strerror(errno));
        }
        p += MAX(got, 0);
        len -= MAX(got, 0);
    }
    return true;
}

/* ---- Splitting: spec, 2.4 ---- */

/* Each digest-sized part is replaced by the hash of its number and itself. */
static void luks_diffuse(const char *hash, uint8_t *block, size_t len)
{
    size_t size = crypto_hash_size(hash);
    uint8_t digest[CRYPTO_DIGEST_MAX], number[4];

    for (uint32_t i = 0; i * size < len; i++) {
        size_t part = MIN(size, len - i * size);

        put_be32(number, i);
        crypto_hash(hash, (const void *[]){ number, block + i * size }, (size_t[]){ 4, part }, 2,
                    digest);
        memcpy(block + i * size, digest, part);
    }
    explicit_bzero(digest, sizeof(digest));
}

static void luks_xor(uint8_t *to, const uint8_t *with, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] ^= with[i];
    }
}

typedef struct LuksJob {
    BlockLuks *l;
    const uint8_t *passphrase, *salt;
    size_t len;
    uint32_t iterations;
    uint8_t *material;
    bool ok; /* the master key's digest is right */
    GError *err;
} LuksJob;

static BlockCipher *luks_slot_cipher(LuksJob *j)
{
    uint8_t key[CRYPTO_KEY_MAX];

    crypto_pbkdf2(luks_text(j->l, LUKS_HASH), j->passphrase, j->len, j->salt, LUKS_SALT_LEN,
                  j->iterations, key, j->l->key_len);
    BlockCipher *c = block_cipher_new(luks_text(j->l, LUKS_CIPHER), luks_text(j->l, LUKS_MODE), key,
                                      j->l->key_len, &j->err);
    explicit_bzero(key, sizeof(key));
    return c;
}

/* On the pool: decrypt the material, merge it, compare the digest. */
static void luks_open_job(void *opaque)
{
    LuksJob *j = opaque;
    BlockLuks *l = j->l;
    const char *hash = luks_text(l, LUKS_HASH);
    uint8_t key[CRYPTO_KEY_MAX] = { 0 }, digest[LUKS_DIGEST_LEN];
    BlockCipher *c = luks_slot_cipher(j);

    if (!c) {
        return;
    }
    block_cipher_decrypt(c, 0, j->material, luks_material_len(l->key_len));
    block_cipher_free(c);
    for (unsigned i = 0; i < LUKS_STRIPES; i++) {
        luks_xor(key, j->material + i * l->key_len, l->key_len);
        if (i < LUKS_STRIPES - 1) {
            luks_diffuse(hash, key, l->key_len);
        }
    }
    crypto_pbkdf2(hash, key, l->key_len, l->h + LUKS_SALT, LUKS_SALT_LEN,
                  get_be32(l->h + LUKS_ITERATIONS), digest, sizeof(digest));
    j->ok = !memcmp(digest, l->h + LUKS_DIGEST, sizeof(digest));
    if (j->ok) {
        memcpy(l->key, key, l->key_len);
    }
    explicit_bzero(key, sizeof(key));
}

/* On the pool: split the key, encrypt the stripes. j->material holds random bytes. */
static void luks_split_job(void *opaque)
{
    LuksJob *j = opaque;
    BlockLuks *l = j->l;
    uint8_t key[CRYPTO_KEY_MAX] = { 0 };
    BlockCipher *c = luks_slot_cipher(j);

    if (!c) {
        return;
    }
    for (unsigned i = 0; i < LUKS_STRIPES - 1; i++) {
        luks_xor(key, j->material + i * l->key_len, l->key_len);
        luks_diffuse(luks_text(l, LUKS_HASH), key, l->key_len);
    }
    luks_xor(key, l->key, l->key_len);
    memcpy(j->material + (LUKS_STRIPES - 1) * l->key_len, key, l->key_len);
    block_cipher_encrypt(c, 0, j->material, luks_material_len(l->key_len));
    block_cipher_free(c);
    explicit_bzero(key, sizeof(key));
    j->ok = true;
}

bool luks_try_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i, const uint8_t *passphrase,
                   size_t len, bool *found, GError **err)
{
    const uint8_t *slot = luks_slot(l, i);
    uint64_t size = luks_material_len(l->key_len);
    g_autofree uint8_t *material = g_malloc(size); /* at most 256 KB */
    LuksJob j = {
        l, passphrase, slot + LUKS_SLOT_SALT, len, get_be32(slot + LUKS_SLOT_ITERATIONS), material
    };

    *found = false;
    if (get_be32(slot) != LUKS_SLOT_ACTIVE) {
        return true;
    }
    int ret = io->read(io->opaque, get_be32(slot + LUKS_SLOT_OFF) * 512ull, material, size);
    if (ret < 0) {
        return error_set(err, "%s: cannot read the material of LUKS keyslot %u: %s", io->name, i,
                         g_strerror(-ret));
    }
    io_work(luks_open_job, &j);
    explicit_bzero(material, size);
    if (j.err) {
        g_propagate_prefixed_error(err, j.err, "%s: ", io->name);
        return false;
    }
    *found = j.ok;
    return true;
}

/* ---- Iterations ---- */

typedef struct LuksTiming {
    const char *hash;
    size_t out_len;
    uint64_t ns;
    uint32_t iterations;
} LuksTiming;

static void luks_timing_job(void *opaque)
{
    LuksTiming *t = opaque;
    uint8_t out[CRYPTO_KEY_MAX], salt[LUKS_SALT_LEN] = { 0 };
    struct timespec a, b;

    for (t->iterations = 1 << 12;; t->iterations *= 2) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
        crypto_pbkdf2(t->hash, (const uint8_t *)"passphrase", 10, salt, sizeof(salt), t->iterations,
                      out, t->out_len);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
        t->ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
        if (t->ns >= 20000000 || t->iterations >= 1 << 24) {
            return;
        }
    }
}

uint32_t luks_iterations(const char *hash, size_t out_len, uint64_t ms)
{
    LuksTiming t = { hash, out_len };

    io_work(luks_timing_job, &t);
    uint64_t per_second = t.iterations * 1000000000ull / MAX(t.ns, 1);
    uint64_t n = MIN(per_second, LUKS_MAX_ITERATIONS * 1ull) * ms / 1000;

    return CLAMP(n, LUKS_MIN_ITERATIONS, LUKS_MAX_ITERATIONS);
}

/* ---- Slots ---- */

static bool luks_write_header(BlockLuks *l, const BlockLuksIo *io, GError **err)
{
    int ret = io->write(io->opaque, 0, l->h, sizeof(l->h));

    return ret == 0 ||
           error_set(err, "%s: cannot write the LUKS header: %s", io->name, g_strerror(-ret));
}

bool luks_write_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i, const uint8_t *passphrase,
                     size_t len, uint64_t iter_time_ms, GError **err)
{
    uint8_t *slot = luks_slot(l, i), salt[LUKS_SALT_LEN];
    uint64_t size = luks_material_len(l->key_len);
    g_autofree uint8_t *material = g_malloc(size);
    uint32_t iterations = luks_iterations(luks_text(l, LUKS_HASH), l->key_len, iter_time_ms);
    LuksJob j = { l, passphrase, salt, len, iterations, material };

    if (!luks_random(salt, sizeof(salt), err) || !luks_random(material, size, err)) {
        return false;
    }
    io_work(luks_split_job, &j);
    if (j.err) {
        g_propagate_prefixed_error(err, j.err, "%s: ", io->name);
        return false;
    }
    int ret = io->write(io->opaque, get_be32(slot + LUKS_SLOT_OFF) * 512ull, material, size);
    explicit_bzero(material, size);
    if (ret < 0) {
        return error_set(err, "%s: cannot write the material of LUKS keyslot %u: %s", io->name, i,
                         g_strerror(-ret));
    }
    put_be32(slot, LUKS_SLOT_ACTIVE);
    put_be32(slot + LUKS_SLOT_ITERATIONS, iterations);
    memcpy(slot + LUKS_SLOT_SALT, salt, sizeof(salt));
    put_be32(slot + LUKS_SLOT_STRIPES, LUKS_STRIPES);
    return luks_write_header(l, io, err);
}

bool luks_erase_slot(BlockLuks *l, const BlockLuksIo *io, unsigned i, GError **err)
{
    uint8_t *slot = luks_slot(l, i);
    uint64_t size = luks_material_len(l->key_len);
    g_autofree uint8_t *noise = g_malloc(size);

    put_be32(slot, LUKS_SLOT_INACTIVE);
    put_be32(slot + LUKS_SLOT_ITERATIONS, 0);
    memset(slot + LUKS_SLOT_SALT, 0, LUKS_SALT_LEN);
    if (!luks_write_header(l, io, err)) {
        return false;
    }
    for (unsigned pass = 0; pass < 3; pass++) {
        if (!luks_random(noise, size, err)) {
            return false;
        }
        int ret = io->write(io->opaque, get_be32(slot + LUKS_SLOT_OFF) * 512ull, noise, size);
        if (ret < 0) {
            return error_set(err, "%s: cannot overwrite LUKS keyslot %u: %s", io->name, i,
                             g_strerror(-ret));
        }
    }
    return true;
}

/* ---- Opening ---- */

static bool luks_check_text(BlockLuks *l, unsigned field, const char *what, GError **err)
{
    return memchr(l->h + field, 0, LUKS_NAME_LEN) ||
           error_set(err, "%s: LUKS %s has no end within its %d bytes", l->name, what,
                     LUKS_NAME_LEN);
}

static bool luks_check_slots(BlockLuks *l, GError **err)
{
    uint64_t size = luks_material_len(l->key_len), payload = get_be32(l->h + LUKS_PAYLOAD) * 512ull;

    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        const uint8_t *slot = luks_slot(l, i);
        uint32_t state = get_be32(slot), n = get_be32(slot + LUKS_SLOT_ITERATIONS);
        uint64_t at = get_be32(slot + LUKS_SLOT_OFF) * 512ull;

        if (state != LUKS_SLOT_ACTIVE && state != LUKS_SLOT_INACTIVE) {
            return error_set(err,
                             "%s: LUKS keyslot %u state 0x%08" PRIx32 " is neither active "
                             "(0x%08x) nor inactive (0x%08x)",
                             l->name, i, state, LUKS_SLOT_ACTIVE, LUKS_SLOT_INACTIVE);
        }
        if (get_be32(slot + LUKS_SLOT_STRIPES) != LUKS_STRIPES) {
            return error_set(err, "%s: LUKS keyslot %u has %" PRIu32 " stripes, it should have %d",
                             l->name, i, get_be32(slot + LUKS_SLOT_STRIPES), LUKS_STRIPES);
        }
        if (at < LUKS_HEADER_LEN || at + size > payload) {
            return error_set(err,
                             "%s: LUKS keyslot %u lies at 0x%" PRIx64 ", not between the "
                             "header and the data at 0x%" PRIx64,
                             l->name, i, at, payload);
        }
        if (state == LUKS_SLOT_ACTIVE && (n == 0 || n > LUKS_MAX_ITERATIONS)) {
            return error_set(err,
                             "%s: LUKS keyslot %u has %" PRIu32 " iterations, 1 to %d are "
                             "supported",
                             l->name, i, n, LUKS_MAX_ITERATIONS);
        }
        for (unsigned k = 0; k < i; k++) {
            uint64_t other = get_be32(luks_slot(l, k) + LUKS_SLOT_OFF) * 512ull;

            if (at < other + size && other < at + size) {
                return error_set(err, "%s: LUKS keyslots %u and %u overlap", l->name, k, i);
            }
        }
    }
    return true;
}

static bool luks_check_header(BlockLuks *l, GError **err)
{
    uint32_t n = get_be32(l->h + LUKS_ITERATIONS);

    if (memcmp(l->h, "LUKS\xba\xbe", 6)) {
        return error_set(err, "%s: not a LUKS image: it does not begin with the magic 'LUKS'",
                         l->name);
    }
    if (get_be16(l->h + 6) != 1) {
        return error_set(err, "%s: LUKS version %u is not supported, 1 is", l->name,
                         get_be16(l->h + 6));
    }
    if (!luks_check_text(l, LUKS_CIPHER, "cipher name", err) ||
        !luks_check_text(l, LUKS_MODE, "cipher mode", err) ||
        !luks_check_text(l, LUKS_HASH, "hash name", err)) {
        return false;
    }
    if (l->key_len == 0 || l->key_len > CRYPTO_KEY_MAX) {
        return error_set(err, "%s: LUKS master key of %zu bytes is not from 1 to %d", l->name,
                         l->key_len, CRYPTO_KEY_MAX);
    }
    if (n == 0 || n > LUKS_MAX_ITERATIONS) {
        return error_set(err,
                         "%s: LUKS master key digest has %" PRIu32 " iterations, 1 to %d are "
                         "supported",
                         l->name, n, LUKS_MAX_ITERATIONS);
    }
    if (!strchr(luks_text(l, LUKS_MODE), '-')) {
        return error_set(err,
                         "%s: LUKS cipher mode '%s' has no IV generator (it should be like "
                         "xts-plain64)",
                         l->name, luks_text(l, LUKS_MODE));
    }
    return luks_check_slots(l, err);
}

static bool luks_unlock(BlockLuks *l, const BlockLuksIo *io, const uint8_t *passphrase, size_t len,
                        GError **err)
{
    bool found = false;

    if (!crypto_available(err)) {
        return false;
    }
    if (crypto_hash_size(luks_text(l, LUKS_HASH)) == 0) {
        return error_set(err, "%s: LUKS hash '%s' is not supported", l->name,
                         luks_text(l, LUKS_HASH));
    }
    for (unsigned i = 0; i < LUKS_N_SLOTS && !found; i++) {
        if (!luks_try_slot(l, io, i, passphrase, len, &found, err)) {
            return false;
        }
    }
    if (!found) {
        return error_set(err, "Invalid password, cannot unlock any keyslot");
    }
    l->cipher = block_cipher_new(luks_text(l, LUKS_CIPHER), luks_text(l, LUKS_MODE), l->key,
                                 l->key_len, err);
    return l->cipher != NULL;
}

BlockLuks *block_luks_open(const BlockLuksIo *io, const uint8_t *passphrase, size_t len,
                           GError **err)
{
    BlockLuks *l = g_new0(BlockLuks, 1);
    int ret = io->read(io->opaque, 0, l->h, sizeof(l->h));

    l->name = g_strdup(io->name);
    l->key_len = get_be32(l->h + LUKS_KEY_BYTES);
    if (ret < 0) {
        error_set(err, "%s: cannot read the LUKS header: %s", io->name, g_strerror(-ret));
    }
    if (ret < 0 || !luks_check_header(l, err) ||
        (passphrase && !luks_unlock(l, io, passphrase, len, err))) {
        block_luks_free(l);
        return NULL;
    }
    return l;
}

void block_luks_free(BlockLuks *l)
{
    if (l) {
        block_cipher_free(l->cipher);
        g_free(l->name);
        explicit_bzero(l, sizeof(*l));
        g_free(l);
    }
}

const BlockCipher *block_luks_cipher(const BlockLuks *l)
{
    return l->cipher;
}

uint64_t block_luks_payload(const BlockLuks *l)
{
    return get_be32(l->h + LUKS_PAYLOAD) * 512ull;
}
