/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/block-object.h"

#include "block/core/secret.h"
#include "block/net/authz.h"
#include "block/net/tls-store.h"
#include "util/suggest.h"

#include <string.h>

bool block_object_add(BlockGraph *g, const char *text, GError **err)
{
    static const char *const types[] = { "tls-creds-x509", "tls-creds-psk", "tls-creds-anon",
                                         "secret",         "authz-simple",  "authz-list" };
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
    } else if (type && block_authz_is_type(type)) {
        ok = block_authz_add(g, type, &o, err);
    } else {
        g_autofree char *near = suggest_or_list(type ? type : "", types, G_N_ELEMENTS(types), 8);

        ok = error_set(err, "--object %s: there is no such type here%s", text, near);
    }
    options_deinit(&o);
    return ok;
}
