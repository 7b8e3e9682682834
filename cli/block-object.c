/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/block-object.h"

#include "block/core/secret.h"
#include "block/core/throttle.h"
#include "block/net/authz.h"
#include "block/net/tls-store.h"
#include "util/suggest.h"

#include <stdio.h>
#include <string.h>

bool block_object_add(BlockGraph *g, const char *text, GError **err)
{
    static const char *const types[] = { "tls-creds-x509", "tls-creds-psk", "tls-creds-anon",
                                         "secret",         "authz-simple",  "authz-list",
                                         "throttle-group" };
    Options o = { 0 };
    const char *type;
    bool ok;

    if (!options_parse(&o, text, "qom-type", err)) {
        return false;
    }
    type = options_get(&o, "qom-type");
    if (type && g_str_has_prefix(type, "tls-creds-")) {
        ok = block_tls_add(g, type, &o, err);
    } else if (type && !strcmp(type, "secret")) {
        ok = block_secret_add(g, &o, err);
    } else if (type && !strcmp(type, "throttle-group")) {
        ok = throttle_object_add(g, &o, err);
    } else if (type && block_authz_is_type(type)) {
        ok = block_authz_add(g, type, &o, err);
    } else {
        g_autofree char *near = suggest_or_list(type ? type : "", types, G_N_ELEMENTS(types), 8);

        ok = error_set(err, "-object %s: there is no such type here%s", text, near);
    }
    options_deinit(&o);
    return ok;
}

/* Options by name, with their types as users of QEMU's tools read them. */
static const struct {
    const char *type, *options;
} object_types[] = {
    { "authz-list", "policy=<QAuthZListPolicy> rules=<QAuthZListRule>" },
    { "authz-simple", "identity=<string>" },
    { "secret", "data=<string> file=<string> format=<QCryptoSecretFormat> iv=<string> "
                "keyid=<string>" },
    { "tls-creds-anon", "endpoint=<QCryptoTLSCredsEndpoint> priority=<string>" },
    { "tls-creds-psk", "dir=<string> endpoint=<QCryptoTLSCredsEndpoint> priority=<string> "
                       "username=<string>" },
    { "tls-creds-x509", "dir=<string> endpoint=<QCryptoTLSCredsEndpoint> priority=<string> "
                        "sanity-check=<bool> verify-peer=<bool>" },
};

bool block_object_help(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    bool asked = false;

    for (char **p = parts; *p; p++) {
        asked = asked || !strcmp(*p, "help") || !strcmp(*p, "?");
    }
    if (!asked) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(object_types); i++) {
        if (!strcmp(object_types[i].type, parts[0])) {
            g_auto(GStrv) options = g_strsplit(object_types[i].options, " ", -1);
            g_autofree char *list = g_strjoinv("\n  ", options);

            printf("%s options:\n  %s\n", parts[0], list);
            return true;
        }
    }
    puts("List of user creatable objects:");
    for (size_t i = 0; i < G_N_ELEMENTS(object_types); i++) {
        printf("  %s\n", object_types[i].type);
    }
    return true;
}
