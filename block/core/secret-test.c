/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/secret.h"

#include "block/crypto-kdf.h"
#include "core/event/ioloop.h"
#include "tests/unit.h"

#include <string.h>

#define MASTER "id=m,format=base64,data=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define IV     "iv=Dw4NDAsKCQgHBgUEAwIBAA=="

typedef struct SecretTest {
    IoLoop *l;
    BlockGraph *g;
} SecretTest;

static SecretTest secret_begin(void)
{
    IoLoop *l = ioloop_new("t", IO_ENGINE_THREADS, NULL);

    return (SecretTest){ l, block_graph_new(l) };
}

static void secret_end(SecretTest *t)
{
    block_graph_free(t->g);
    ioloop_free(t->l);
}

/* NULL: made; else why not. */
static char *secret_make(BlockGraph *g, const char *text)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    bool ok = options_parse(&o, text, NULL, &err) && block_secret_add(g, &o, &err);

    options_deinit(&o);
    return ok ? NULL : g_strdup(err->message);
}

static void secret_is(BlockGraph *g, const char *id, const char *want)
{
    g_autoptr(GError) err = NULL;
    size_t len = 0;
    const uint8_t *data = block_secret_find(g, id, &len, &err);

    EXPECT(data && len == strlen(want) && !memcmp(data, want, len));
}

TEST(secret, plain_and_base64)
{
    SecretTest t = secret_begin();

    EXPECT(!secret_make(t.g, "id=a,data=letmein"));
    EXPECT(!secret_make(t.g, "id=b,data=bGV0bWVpbg==,format=base64"));
    secret_is(t.g, "a", "letmein");
    secret_is(t.g, "b", "letmein");
    secret_end(&t);
}

/* printf letmein | openssl enc -aes-256-cbc -a -K 000102...1f -iv 0f0e0d...00 */
TEST(secret, encrypted)
{
    SecretTest t = secret_begin();
    g_autoptr(GError) none = NULL;

    if (!crypto_available(&none)) {
        test_skip("no nettle");
        secret_end(&t);
        return;
    }
    EXPECT(!secret_make(t.g, MASTER));
    EXPECT(!secret_make(t.g, "id=s,data=Hy1eJ5E9ERlG1oRN2CGQDA==,format=base64,keyid=m," IV));
    secret_is(t.g, "s", "letmein");
    secret_end(&t);
}

TEST(secret, refused)
{
    static const char *const rows[][2] = {
        { "id=s", "Either 'file' or 'data' must be provided" },
        { "id=s,data=x,file=y", "'file' and 'data' are mutually exclusive" },
        { "id=s,data=x,format=hex", "Parameter 'format' does not accept value 'hex'" },
        { "id=s,data=x y,format=base64", "secret 's': Base64 data contains invalid characters" },
        { "id=s,data=x,keyid=none", "No secret with id 'none'" },
        { "id=s,data=x,keyid=m", "IV is required to decrypt secret" },
        { "id=s,data=x,keyid=k," IV, "Key should be 32 bytes in length" },
        { "id=s,data=x,keyid=m,iv=Dw==", "IV should be 16 bytes in length not 1" },
        { "id=s,data=abc,keyid=m," IV, "Length 3 must be a multiple of block size 16" },
        { "id=s,data=,keyid=m," IV, "Length 0 must be a multiple of block size 16" },
    };
    SecretTest t = secret_begin();
    size_t len;

    EXPECT(!secret_make(t.g, MASTER));
    EXPECT(!secret_make(t.g, "id=k,data=short"));
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *why = secret_make(t.g, rows[i][0]);
        g_autoptr(GError) err = NULL;

        EXPECT_STR(why, rows[i][1]);
        EXPECT(!block_secret_find(t.g, "s", &len, &err));
    }
    secret_end(&t);
}

TEST(secret, padding_that_is_none)
{
    SecretTest t = secret_begin();
    g_autoptr(GError) none = NULL;
    g_autofree char *why = NULL;

    if (crypto_available(&none)) {
        EXPECT(!secret_make(t.g, MASTER));
        why = secret_make(t.g, "id=s,data=AAECAwQFBgcICQoLDA0ODw==,format=base64,keyid=m," IV);
        EXPECT_STR(why, "Incorrect number of padding bytes (50) found on decrypted data");
    } else {
        test_skip("no nettle");
    }
    secret_end(&t);
}
