/* SPDX-License-Identifier: Apache-2.0 */
/* -fsdev: shared folders, as backends that devices claim by their ids. */
#include "cli/build.h"

#include "fsdev/fsdev.h"

static bool fsdevs_add(Build *b, Options *o, GError **err)
{
    FsDev *f = fsdev_open(o, err);

    if (!f) {
        return false;
    }
    g_ptr_array_add(b->fsdevs, f);
    return machine_add_backend(b->m, "fsdev", fsdev_id(f), f, err);
}

bool build_fsdevs(Build *b, GError **err)
{
    for (unsigned i = 0; i < b->config->fsdevs->len; i++) {
        const char *text = g_ptr_array_index(b->config->fsdevs, i);
        Options o = { 0 };
        bool ok = options_parse(&o, text, "fsdriver", err) && fsdevs_add(b, &o, err);

        options_deinit(&o);
        if (!ok) {
            g_prefix_error(err, "-fsdev %s: ", text);
            return false;
        }
    }
    return true;
}
