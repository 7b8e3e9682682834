/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/secret.h"

#include "block/core/core-priv.h"
#include "block/crypto-kdf.h"

#include <string.h>

enum { SECRET_MAX = 1 << 20 }; /* bytes of one: a passphrase or a key file */

typedef struct Secret {
    size_t len;
    uint8_t data[];
} Secret;

static void secret_free(void *opaque)
{
    Secret *s = opaque;

    explicit_bzero(s->data, s->len);
    g_free(s);
}

static GHashTable *secret_table(BlockGraph *g)
{
    if (!g->secrets) {
        g->secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, secret_free);
    }
    return g->secrets;
}

static Secret *secret_new(const void *data, size_t len)
{
    Secret *s = g_malloc0(sizeof(*s) + len + 1);

    s->len = len;
    memcpy(s->data, data, len);
    return s;
}

/* NULL: not base64, or nothing. */
static Secret *secret_from_base64(const char *text, size_t len)
{
    g_autofree uint8_t *raw = NULL;
    Secret *s = NULL;
    size_t decoded = 0;

    /* GLib drops what it does not know. */
    if (strlen(text) != len || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789+/=\r\n") != len) {
        return NULL;
    }
    raw = g_base64_decode(text, &decoded);
    if (decoded) {
        s = secret_new(raw, decoded);
        explicit_bzero(raw, decoded);
    }
    return s;
}

/* AES-256 in CBC with the padding of PKCS #7 (RFC 5652, 6.3), under the secret @keyid. */
static bool secret_decrypt(BlockGraph *g, Secret *s, const char *keyid, const char *iv_text,
                           GError **err)
{
    size_t key_len = 0, iv_len = 0;
    const uint8_t *key = block_secret_find(g, keyid, &key_len, err);
    g_autofree uint8_t *iv = NULL;
    unsigned padding;

    if (!key) {
        return false;
    }
    if (key_len != CRYPTO_AES256_KEY) {
        return error_set(err, "Key should be %d bytes in length", CRYPTO_AES256_KEY);
    }
    if (!iv_text) {
        return error_set(err, "IV is required to decrypt secret");
    }
    iv = g_base64_decode(iv_text, &iv_len);
    if (iv_len != CRYPTO_AES_BLOCK) {
        return error_set(err, "IV should be %d bytes in length not %zu", CRYPTO_AES_BLOCK, iv_len);
    }
    if (!s->len || s->len % CRYPTO_AES_BLOCK) {
        return error_set(err, "Length %zu must be a multiple of block size %d", s->len,
                         CRYPTO_AES_BLOCK);
    }
    if (!crypto_aes256_cbc_decrypt(key, iv, s->data, s->len, err)) {
        return false;
    }
    padding = s->data[s->len - 1];
    if (!padding || padding > CRYPTO_AES_BLOCK) {
        return error_set(err, "Incorrect number of padding bytes (%u) found on decrypted data",
                         padding);
    }
    s->len -= padding;
    explicit_bzero(s->data + s->len, padding);
    return true;
}

/* @take_text is wiped and freed. */
static bool secret_put(BlockGraph *g, const char *id, char *take_text, size_t len, bool base64,
                       const char *keyid, const char *iv, GError **err)
{
    Secret *s = base64 ? secret_from_base64(take_text, len) : secret_new(take_text, len);

    explicit_bzero(take_text, len);
    g_free(take_text);
    if (!s) {
        return error_set(err, "secret '%s': Base64 data contains invalid characters", id);
    }
    if (keyid && !secret_decrypt(g, s, keyid, iv, err)) {
        secret_free(s);
        return false;
    }
    g_hash_table_insert(secret_table(g), g_strdup(id), s);
    return true;
}

bool block_secret_add(BlockGraph *g, Options *options, GError **err)
{
    static const char *const keys[] = { "id", "data", "file", "format", "keyid", "iv" };
    const char *id = options_get(options, "id");
    const char *data = options_get(options, "data");
    const char *file = options_get(options, "file");
    const char *format = options_get(options, "format");
    const char *keyid = options_get(options, "keyid"), *iv = options_get(options, "iv");
    char *text = NULL;
    size_t len = 0;

    if (!options_all_used(options, keys, G_N_ELEMENTS(keys), err)) {
        return false;
    }
    if (!id || !*id) {
        return error_set(err, "a secret needs an id: secret,id=sec0,file=PATH");
    }
    if (!data == !file) {
        return error_set(err, data ? "'file' and 'data' are mutually exclusive"
                                   : "Either 'file' or 'data' must be provided");
    }
    if (format && strcmp(format, "raw") && strcmp(format, "base64")) {
        return error_set(err, "Parameter 'format' does not accept value '%s'", format);
    }
    if (g_hash_table_contains(secret_table(g), id)) {
        return error_set(err, "there is already a secret '%s'", id);
    }
    if (data) {
        text = g_strdup(data);
        len = strlen(data);
    } else if (!g_file_get_contents(file, &text, &len, err)) {
        g_prefix_error(err, "secret '%s': ", id);
        return false;
    }
    if (len > SECRET_MAX) {
        explicit_bzero(text, len);
        g_free(text);
        return error_set(err, "secret '%s' has %zu bytes; the limit is %d", id, len, SECRET_MAX);
    }
    return secret_put(g, id, text, len, format && !strcmp(format, "base64"), keyid, iv, err);
}

bool block_secret_remove(BlockGraph *g, const char *id, GError **err)
{
    return g_hash_table_remove(secret_table(g), id) ||
           error_set(err, "there is no secret '%s'", id);
}

const uint8_t *block_secret_find(BlockGraph *g, const char *id, size_t *len, GError **err)
{
    const Secret *s = g_hash_table_lookup(secret_table(g), id);

    if (!s) {
        error_set(err, "No secret with id '%s'", id);
        return NULL;
    }
    *len = s->len;
    return s->data;
}
