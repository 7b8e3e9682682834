/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New LUKS headers, what info says of them, and changes of their slots.
 */
#include "block/crypto-luks-priv.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

static const char *luks_option(Options *o, const char *prefix, const char *key)
{
    g_autofree char *name = g_strconcat(prefix, key, NULL);

    return options_get(o, name);
}

static bool luks_iter_time(Options *o, const char *prefix, uint64_t *ms, GError **err)
{
    g_autofree char *name = g_strconcat(prefix, "iter-time", NULL);

    if (!options_get_number(o, name, LUKS_DEFAULT_ITER_TIME, ms, err)) {
        return false;
    }
    return (*ms > 0 && *ms <= 3600 * 1000) ||
           error_set(err, "%s=%" PRIu64 ": it is from 1 to 3600000 milliseconds", name, *ms);
}

static bool luks_is_one_of(const char *key, const char *value, const char *const *list,
                           GError **err)
{
    g_autofree char *all = g_strjoinv(", ", (char **)list);

    if (!value || g_strv_contains(list, value)) {
        return true;
    }
    return error_set(err, "Parameter '%s' does not accept value '%s' (it is one of %s)", key, value,
                     all);
}

static bool luks_check_names(const BlockLuksParams *p, GError **err)
{
    static const char *const algs[] = { "aes-128",     "aes-192",     "aes-256",     "cast5-128",
                                        "serpent-128", "serpent-192", "serpent-256", "twofish-128",
                                        "twofish-192", "twofish-256", NULL };
    static const char *const modes[] = { "ecb", "cbc", "xts", NULL };
    static const char *const ivs[] = { "plain", "plain64", "essiv", NULL };
    static const char *const hashes[] = { "sha1",   "sha224",    "sha256", "sha384",
                                          "sha512", "ripemd160", NULL };

    return luks_is_one_of("cipher-alg", p->cipher_alg, algs, err) &&
           luks_is_one_of("cipher-mode", p->cipher_mode, modes, err) &&
           luks_is_one_of("ivgen-alg", p->ivgen_alg, ivs, err) &&
           luks_is_one_of("hash-alg", p->hash_alg, hashes, err) &&
           luks_is_one_of("ivgen-hash-alg", p->ivgen_hash_alg, hashes, err);
}

bool block_luks_params(BlockGraph *g, Options *o, const char *prefix, bool key_optional,
                       BlockLuksParams *p, GError **err)
{
    const char *id = luks_option(o, prefix, "key-secret");

    *p = (BlockLuksParams){
        .cipher_alg = luks_option(o, prefix, "cipher-alg"),
        .cipher_mode = luks_option(o, prefix, "cipher-mode"),
        .hash_alg = luks_option(o, prefix, "hash-alg"),
        .ivgen_alg = luks_option(o, prefix, "ivgen-alg"),
        .ivgen_hash_alg = luks_option(o, prefix, "ivgen-hash-alg"),
    };
    if (!luks_iter_time(o, prefix, &p->iter_time_ms, err) || !luks_check_names(p, err)) {
        return false;
    }
    if (!id || !g) {
        return key_optional ||
               error_set(err, "Parameter '%skey-secret' is required for cipher", prefix);
    }
    const uint8_t *secret = block_secret_find(g, id, &p->passphrase_len, err);
    p->passphrase = secret ? g_memdup2(secret, p->passphrase_len + 1) : NULL;
    return secret != NULL;
}

void block_luks_params_clear(BlockLuksParams *p)
{
    if (p->passphrase) {
        explicit_bzero(p->passphrase, p->passphrase_len);
        g_clear_pointer(&p->passphrase, g_free);
    }
}

/* What the header will say: "aes", "xts-plain64", bytes of the key. */
static bool luks_names(const BlockLuksParams *p, char *cipher, char *mode, size_t *key_len,
                       GError **err)
{
    const char *alg = p->cipher_alg ? p->cipher_alg : "aes-256";
    const char *m = p->cipher_mode ? p->cipher_mode : "xts";
    const char *iv = p->ivgen_alg ? p->ivgen_alg : "plain64";
    const char *dash = strchr(alg, '-');
    bool essiv = !strcmp(iv, "essiv");

    CHECK(dash);
    g_snprintf(cipher, LUKS_NAME_LEN, "%.*s", (int)(dash - alg), alg);
    *key_len = strtoul(dash + 1, NULL, 10) / 8 * (strcmp(m, "xts") ? 1 : 2);
    g_snprintf(mode, LUKS_NAME_LEN, "%s-%s%s%s", m, iv, essiv ? ":" : "",
               !essiv              ? ""
               : p->ivgen_hash_alg ? p->ivgen_hash_alg
                                   : "sha256");
    if (!strcmp(m, "xts") && !strcmp(cipher, "cast5")) {
        return error_set(err, "Unsupported cipher mode xts: cast5 has blocks of 8 bytes");
    }
    return true;
}

static uint64_t luks_slot_room(size_t key_len)
{
    return (luks_material_len(key_len) + LUKS_ALIGN - 1) / LUKS_ALIGN * LUKS_ALIGN;
}

bool block_luks_header_size(const BlockLuksParams *p, uint64_t *size, GError **err)
{
    char cipher[LUKS_NAME_LEN], mode[LUKS_NAME_LEN];
    size_t key_len;

    if (!luks_names(p, cipher, mode, &key_len, err)) {
        return false;
    }
    *size = LUKS_ALIGN + LUKS_N_SLOTS * luks_slot_room(key_len);
    return true;
}

static bool luks_make_header(BlockLuks *l, const BlockLuksParams *p, GError **err)
{
    const char *hash = p->hash_alg ? p->hash_alg : "sha256";
    uint8_t *h = l->h;
    uint64_t size;

    if (!luks_names(p, (char *)h + LUKS_CIPHER, (char *)h + LUKS_MODE, &l->key_len, err) ||
        !block_luks_header_size(p, &size, err) || !luks_random(l->key, l->key_len, err) ||
        !luks_random(h + LUKS_SALT, LUKS_SALT_LEN, err)) {
        return false;
    }
    memcpy(h, "LUKS\xba\xbe", 6);
    put_be16(h + 6, 1);
    g_strlcpy((char *)h + LUKS_HASH, hash, LUKS_NAME_LEN);
    put_be32(h + LUKS_PAYLOAD, size / 512);
    put_be32(h + LUKS_KEY_BYTES, l->key_len);
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy((char *)h + LUKS_UUID, uuid, 40);
    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        uint8_t *slot = luks_slot(l, i);

        put_be32(slot, LUKS_SLOT_INACTIVE);
        put_be32(slot + LUKS_SLOT_OFF, (LUKS_ALIGN + i * luks_slot_room(l->key_len)) / 512);
        put_be32(slot + LUKS_SLOT_STRIPES, LUKS_STRIPES);
    }
    /* The digest protects a random key: an eighth of a passphrase's work is enough. */
    uint32_t n = luks_iterations(hash, LUKS_DIGEST_LEN, MAX(p->iter_time_ms / 8, 1));
    put_be32(h + LUKS_ITERATIONS, n);
    crypto_pbkdf2(hash, l->key, l->key_len, h + LUKS_SALT, LUKS_SALT_LEN, n, h + LUKS_DIGEST,
                  LUKS_DIGEST_LEN);
    return true;
}

bool block_luks_create(const BlockLuksIo *io, const BlockLuksParams *p, GError **err)
{
    g_autofree BlockLuks *l = g_new0(BlockLuks, 1);
    bool ok = crypto_available(err) && luks_make_header(l, p, err);

    /* The ciphers exist, or nothing is written. */
    BlockCipher *c = ok ? block_cipher_new(luks_text(l, LUKS_CIPHER), luks_text(l, LUKS_MODE),
                                           l->key, l->key_len, err)
                        : NULL;
    ok = c && luks_write_slot(l, io, 0, p->passphrase, p->passphrase_len, p->iter_time_ms, err);
    block_cipher_free(c);
    explicit_bzero(l, sizeof(*l));
    return ok;
}

/* ---- Info ---- */

static GVariant *luks_specific_slots(BlockLuks *l)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        const uint8_t *slot = luks_slot(l, i);
        bool active = get_be32(slot) == LUKS_SLOT_ACTIVE;
        GVariantBuilder x;

        g_variant_builder_init(&x, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&x, "{sv}", "active", g_variant_new_boolean(active));
        if (active) {
            g_variant_builder_add(&x, "{sv}", "iters",
                                  g_variant_new_int64(get_be32(slot + LUKS_SLOT_ITERATIONS)));
        }
        g_variant_builder_add(&x, "{sv}", "key-offset",
                              g_variant_new_int64(get_be32(slot + LUKS_SLOT_OFF) * 512ll));
        if (active) {
            g_variant_builder_add(&x, "{sv}", "stripes",
                                  g_variant_new_int64(get_be32(slot + LUKS_SLOT_STRIPES)));
        }
        g_variant_builder_add(&list, "v", g_variant_builder_end(&x));
    }
    return g_variant_builder_end(&list);
}

/* Texts of a stranger's file may be no UTF-8. */
static GVariant *luks_variant(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return g_variant_new_string(valid);
}

GVariant *block_luks_specific(const BlockLuks *l)
{
    g_auto(GStrv) mode = g_strsplit(luks_text(l, LUKS_MODE), "-", 2);
    g_auto(GStrv) iv = g_strsplit(mode[1] ? mode[1] : "", ":", 2);
    g_autofree char *uuid = g_strndup(luks_text(l, LUKS_UUID), 40);
    g_autofree char *alg = g_strdup_printf("%s-%zu", luks_text(l, LUKS_CIPHER),
                                           l->key_len * 8 / (strcmp(mode[0], "xts") ? 1 : 2));
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "ivgen-alg", luks_variant(iv[0] ? iv[0] : ""));
    g_variant_builder_add(&b, "{sv}", "hash-alg", luks_variant(luks_text(l, LUKS_HASH)));
    g_variant_builder_add(&b, "{sv}", "cipher-alg", luks_variant(alg));
    g_variant_builder_add(&b, "{sv}", "uuid", luks_variant(uuid));
    if (iv[0] && iv[1]) {
        g_variant_builder_add(&b, "{sv}", "ivgen-hash-alg", luks_variant(iv[1]));
    }
    g_variant_builder_add(&b, "{sv}", "cipher-mode", luks_variant(mode[0]));
    g_variant_builder_add(&b, "{sv}", "slots", luks_specific_slots((BlockLuks *)l));
    g_variant_builder_add(&b, "{sv}", "payload-offset", g_variant_new_int64(block_luks_payload(l)));
    g_variant_builder_add(&b, "{sv}", "master-key-iters",
                          g_variant_new_int64(get_be32(l->h + LUKS_ITERATIONS)));
    return g_variant_builder_end(&b);
}

/* ---- Amend ---- */

static unsigned luks_active(BlockLuks *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        n += get_be32(luks_slot(l, i)) == LUKS_SLOT_ACTIVE;
    }
    return n;
}

typedef struct LuksAmend {
    const char *new_secret, *old_secret;
    uint64_t iter_time_ms, slot;
    bool slot_given, force;
} LuksAmend;

static bool luks_activate(BlockLuks *l, const BlockLuksIo *io, BlockGraph *g, const LuksAmend *a,
                          GError **err)
{
    uint64_t i = a->slot;
    size_t len;

    if (!a->new_secret) {
        return error_set(err, "'new-secret' is required to activate a keyslot");
    }
    if (a->old_secret) {
        return error_set(err, "'old-secret' must not be given when activating keyslots");
    }
    for (unsigned k = LUKS_N_SLOTS; k-- > 0 && !a->slot_given;) {
        i = get_be32(luks_slot(l, k)) == LUKS_SLOT_INACTIVE ? k : i;
    }
    if (i >= LUKS_N_SLOTS) {
        return error_set(err, "Can't add a keyslot - all keyslots are in use");
    }
    if (get_be32(luks_slot(l, i)) == LUKS_SLOT_ACTIVE && !a->force) {
        return error_set(
            err, "Refusing to overwrite active keyslot %" PRIu64 " - please erase it first", i);
    }
    const uint8_t *secret = block_secret_find(g, a->new_secret, &len, err);
    return secret && luks_write_slot(l, io, i, secret, len, a->iter_time_ms, err);
}

static bool luks_deactivate_one(BlockLuks *l, const BlockLuksIo *io, const LuksAmend *a,
                                GError **err)
{
    if (get_be32(luks_slot(l, a->slot)) != LUKS_SLOT_ACTIVE && !a->force) {
        return error_set(err, "Given keyslot %" PRIu64 " is already erased (inactive) ", a->slot);
    }
    if (luks_active(l) == 1 && get_be32(luks_slot(l, a->slot)) == LUKS_SLOT_ACTIVE && !a->force) {
        return error_set(err,
                         "Attempt to erase the only active keyslot %" PRIu64 " which will "
                         "erase all the data in the image irreversibly - refusing operation",
                         a->slot);
    }
    return luks_erase_slot(l, io, a->slot, err);
}

static bool luks_deactivate(BlockLuks *l, const BlockLuksIo *io, BlockGraph *g, const LuksAmend *a,
                            GError **err)
{
    bool match[LUKS_N_SLOTS] = { false };
    unsigned n = 0;

    if (a->new_secret) {
        return error_set(err, "'new-secret' must not be given when erasing keyslots");
    }
    if (!a->old_secret) {
        return a->slot_given ? luks_deactivate_one(l, io, a, err)
                             : error_set(err, "To erase keyslot(s), either explicit keyslot index "
                                              "or the password currently contained in them must be "
                                              "given");
    }
    size_t len;
    const uint8_t *secret = block_secret_find(g, a->old_secret, &len, err);
    if (!secret) {
        return false;
    }
    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        if (a->slot_given && i != a->slot) {
            continue;
        }
        if (!luks_try_slot(l, io, i, secret, len, &match[i], err)) {
            return false;
        }
        n += match[i];
    }
    if (a->slot_given) {
        return n ? luks_deactivate_one(l, io, a, err)
                 : error_set(err,
                             "Given keyslot %" PRIu64 " doesn't contain the given old password "
                             "for erase operation",
                             a->slot);
    }
    if (n == 0) {
        return error_set(err, "No keyslots match given (old) password for erase operation");
    }
    if (n == luks_active(l) && !a->force) {
        return error_set(
            err, "All the active keyslots match the (old) password that was given and "
                 "erasing them will erase all the data in the image irreversibly - refusing "
                 "operation");
    }
    for (unsigned i = 0; i < LUKS_N_SLOTS; i++) {
        if (match[i] && !luks_erase_slot(l, io, i, err)) {
            return false;
        }
    }
    return true;
}

bool block_luks_amend(BlockLuks *l, const BlockLuksIo *io, BlockGraph *g, Options *o,
                      const char *prefix, bool force, GError **err)
{
    const char *state = luks_option(o, prefix, "state"), *slot = luks_option(o, prefix, "keyslot");
    LuksAmend a = { .new_secret = luks_option(o, prefix, "new-secret"),
                    .old_secret = luks_option(o, prefix, "old-secret"),
                    .slot = LUKS_N_SLOTS,
                    .slot_given = slot,
                    .force = force };

    if (!luks_iter_time(o, prefix, &a.iter_time_ms, err)) {
        return false;
    }
    if (!state) {
        return error_set(err, "Parameter 'state' is missing");
    }
    if (strcmp(state, "active") && strcmp(state, "inactive")) {
        return error_set(err, "Parameter 'state' does not accept value '%s'", state);
    }
    if (slot && !g_ascii_string_to_unsigned(slot, 10, 0, LUKS_N_SLOTS - 1, &a.slot, NULL)) {
        return error_set(err, "Invalid keyslot %s specified, must be between 0 and %d", slot,
                         LUKS_N_SLOTS - 1);
    }
    if (!l->cipher) {
        return error_set(err, "%s: the image was opened without its key", l->name);
    }
    return !strcmp(state, "active") ? luks_activate(l, io, g, &a, err)
                                    : luks_deactivate(l, io, g, &a, err);
}
