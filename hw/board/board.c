/* SPDX-License-Identifier: Apache-2.0 */
/* Finding boards by name. */
#include "hw/board/board.h"

#include "util/suggest.h"

#include <string.h>

static bool none_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    if (cfg->kernel || cfg->bios || cfg->n_devices) {
        return error_set(err, "-M none: it has nothing that -kernel, -bios or -device could use");
    }
    return true;
}

/* For those who ask by QMP what there is. */
const Board board_none = {
    .name = "none",
    .doc = "empty machine",
    .max_cpus = 1,
    .no_default_net = true,
    .init = none_init,
};

bool board_is_of(const Board *b, const char *target)
{
    return !b->target || !strcmp(b->target, target) || !g_strcmp0(b->other_target, target) ||
           board_is_wide(b, target);
}

bool board_is_wide(const Board *b, const char *target)
{
    return !g_strcmp0(b->wide_target, target) || !g_strcmp0(b->wide_other_target, target);
}

const Board *board_default(const char *target)
{
    for (const Board *const *p = board_types; *p; p++) {
        if ((*p)->is_default && board_is_of(*p, target)) {
            return *p;
        }
    }
    return NULL;
}

const char *board_cpu_suffix(const char *target)
{
    for (const Board *const *p = board_types; *p; p++) {
        if ((*p)->target && board_is_of(*p, target)) {
            return (*p)->cpu_suffix;
        }
    }
    return NULL;
}

const Board *board_find(const char *name, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *hint = NULL;

    for (const Board *const *p = board_types; *p; p++) {
        const Board *b = *p;

        if (!g_ascii_strcasecmp(b->name, name)) {
            return b;
        }
        g_ptr_array_add(names, (void *)b->name);
        for (const char *const *a = b->aliases; a && *a; a++) {
            if (!g_ascii_strcasecmp(*a, name)) {
                return b;
            }
            g_ptr_array_add(names, (void *)*a);
        }
    }
    hint = suggest_or_list(name, (const char *const *)names->pdata, names->len, 8);
    error_set(err, "-M %s: no such machine%s", name, hint);
    return NULL;
}

char *board_cpu_props(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    GString *s = g_string_new("");

    for (char **p = parts; *p; p++) {
        bool flag = **p == '+' || **p == '-';

        g_string_append_printf(s, "%s%s%s", s->len ? "," : "", *p + flag,
                               !flag        ? ""
                               : **p == '+' ? "=on"
                                            : "=off");
    }
    return g_string_free(s, FALSE);
}
