/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/secret.h"

#include "block/core/core-priv.h"

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

/* @take_text is wiped and freed. */
static bool secret_put(BlockGraph *g, const char *id, char *take_text, size_t len, bool base64,
                       GError **err)
{
    Secret *s = NULL;

    if (base64) {
        size_t decoded = 0;
        g_autofree uint8_t *raw = g_base64_decode(take_text, &decoded);

        if (decoded) {
            s = g_malloc0(sizeof(*s) + decoded + 1);
            s->len = decoded;
            memcpy(s->data, raw, decoded);
            explicit_bzero(raw, decoded);
        }
    } else {
        s = g_malloc0(sizeof(*s) + len + 1);
        s->len = len;
        memcpy(s->data, take_text, len);
    }
    explicit_bzero(take_text, len);
    g_free(take_text);
    if (!s) {
        return error_set(err, "secret '%s' is not base64", id);
    }
    g_hash_table_insert(secret_table(g), g_strdup(id), s);
    return true;
}

bool block_secret_add(BlockGraph *g, Options *options, GError **err)
{
    static const char *const keys[] = { "id", "data", "file", "format" };
    const char *id = options_get(options, "id");
    const char *data = options_get(options, "data");
    const char *file = options_get(options, "file");
    const char *format = options_get(options, "format");
    char *text = NULL;
    size_t len = 0;

    if (!options_all_used(options, keys, G_N_ELEMENTS(keys), err)) {
        return false;
    }
    if (!id || !*id) {
        return error_set(err, "a secret needs an id: secret,id=sec0,file=PATH");
    }
    if (!data == !file) {
        return error_set(err, "secret '%s' takes either data=TEXT or file=PATH", id);
    }
    if (format && strcmp(format, "raw") && strcmp(format, "base64")) {
        return error_set(err, "secret '%s': format=%s is neither raw nor base64", id, format);
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
    return secret_put(g, id, text, len, format && !strcmp(format, "base64"), err);
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
