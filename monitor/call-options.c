/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments that are a command line's options in another dress. */
#include "monitor/monitor-priv.h"

#include "util/options.h"

#include <string.h>

bool mon_qmp_options(MonCall *c, MonOptionsFn *fn, GError **err)
{
    Options o = { 0 };
    GHashTableIter at;
    gpointer key, value;
    bool ok;

    g_hash_table_iter_init(&at, c->args[0].leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        const char *text = value, *dot = strchr(key, '.');
        bool list = dot && g_ascii_isdigit(dot[1]) && g_str_has_suffix(key, ".str");
        g_autofree char *name = list ? g_strndup(key, (gsize)(dot - (char *)key)) : g_strdup(key);

        options_add(&o, name, !strcmp(text, "true") ? "on" : !strcmp(text, "false") ? "off" : text);
    }
    ok = fn(c, &o, err);
    options_deinit(&o);
    return ok;
}

bool mon_hmp_options(MonCall *c, const char *first, MonOptionsFn *fn, GError **err)
{
    Options o;
    bool ok;

    if (!options_parse(&o, c->line, first, err)) {
        return false;
    }
    ok = fn(c, &o, err);
    options_deinit(&o);
    return ok;
}
