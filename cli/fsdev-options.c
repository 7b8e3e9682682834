/* SPDX-License-Identifier: Apache-2.0 */
/* -virtfs is a -fsdev and its device. */
#include "cli/config.h"

#include "util/options.h"

#include <string.h>

static void virtfs_append(GString *s, const char *key, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *quoted = g_strjoinv(",,", parts);

    g_string_append_printf(s, ",%s=%s", key, quoted);
}

static bool virtfs_add(SystemConfig *c, Options *o, GError **err)
{
    const char *tag = options_get(o, "mount_tag"), *id = options_get(o, "id");
    const char *driver = options_get(o, "fsdriver");
    g_autoptr(GString) fsdev = g_string_new(driver ? driver : "");
    g_autoptr(GString) device = g_string_new("virtio-9p-pci");

    tag = tag ? tag : options_get(o, "mount-tag");
    if (!driver || !tag) {
        return error_set(err, driver ? "mount_tag= is missing" : "names no driver; valid: local");
    }
    virtfs_append(fsdev, "id", id ? id : tag);
    for (unsigned i = 0; i < o->n; i++) {
        const char *key = o->list[i].key;

        if (strcmp(key, "fsdriver") && strcmp(key, "id") && strcmp(key, "mount_tag") &&
            strcmp(key, "mount-tag")) {
            virtfs_append(fsdev, key, o->list[i].value);
        }
    }
    virtfs_append(device, "fsdev", id ? id : tag);
    virtfs_append(device, "mount_tag", tag);
    g_ptr_array_add(c->fsdevs, g_string_free(g_steal_pointer(&fsdev), FALSE));
    g_ptr_array_add(c->devices, g_string_free(g_steal_pointer(&device), FALSE));
    return true;
}

bool config_add_virtfs(SystemConfig *c, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = options_parse(&o, text, "fsdriver", err) && virtfs_add(c, &o, err);

    options_deinit(&o);
    return ok;
}
