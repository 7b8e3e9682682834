/* SPDX-License-Identifier: Apache-2.0 */
/* -netdev: networks, as backends that cards claim by their ids. */
#include "cli/build.h"

#include "net/net.h"

#include <string.h>

static bool net_add(Build *b, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    NetBackend *n;

    if (!id) {
        return error_set(err, "id= is missing");
    }
    n = net_open(b->m, id, o, err);
    if (!n) {
        return false;
    }
    g_ptr_array_add(b->nets, n);
    return options_all_used(o, NULL, 0, err) && machine_add_backend(b->m, "netdev", id, n, err);
}

bool build_nets(Build *b, GError **err)
{
    for (unsigned i = 0; i < b->config->nets->len; i++) {
        const char *text = g_ptr_array_index(b->config->nets, i);
        Options o;
        bool ok =
            *text == '{' ? options_parse_json(&o, text, err) : options_parse(&o, text, "type", err);

        if (ok) {
            ok = net_add(b, &o, err);
            options_deinit(&o);
        }
        if (!ok) {
            g_prefix_error(err, "-netdev %s: ", text);
            return false;
        }
    }
    return true;
}

void build_close_nets(Build *b)
{
    for (unsigned i = 0; i < b->nets->len; i++) {
        net_close(g_ptr_array_index(b->nets, i));
    }
}
