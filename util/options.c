/* SPDX-License-Identifier: Apache-2.0 */
#include "util/options.h"
#include "util/size.h"
#include "util/suggest.h"

#include <string.h>

enum { MAX_OPTIONS = 1024 };

/* The text up to the next single comma, with ",," made ","; moves *@p behind it. */
static char *options_piece(const char **p)
{
    GString *s = g_string_new("");

    for (; **p; (*p)++) {
        if (**p == ',') {
            (*p)++;
            if (**p != ',') {
                break;
            }
        }
        g_string_append_c(s, **p);
    }
    return g_string_free(s, FALSE);
}

bool options_parse(Options *o, const char *text, const char *first_key, GError **err)
{
    GArray *list = g_array_new(FALSE, TRUE, sizeof(Option));
    const char *p = text;
    bool ok = true;

    *o = (Options){ .text = g_strdup(text) };
    while (ok && *p) {
        bool first = p == text;
        g_autofree char *piece = options_piece(&p);
        char *eq = strchr(piece, '=');
        Option opt = { 0 };

        if (list->len >= MAX_OPTIONS) {
            ok = error_set(err, "more than %d options in one argument", MAX_OPTIONS);
        } else if (eq == piece || !*piece) {
            ok = error_set(err, "'%s': an option has no name (a comma in a value is written ,,)",
                           text);
        } else if (eq) {
            opt.key = g_strndup(piece, eq - piece);
            opt.value = g_strdup(eq + 1);
        } else if (first && first_key) {
            opt.key = g_strdup(first_key);
            opt.value = g_strdup(piece);
        } else {

            opt.key = g_strdup(piece);
            opt.value = g_strdup("on");
            opt.bare = true;
        }
        if (ok) {
            g_array_append_val(list, opt);
        }
    }
    o->n = list->len;
    o->list = (Option *)(void *)g_array_free(list, FALSE);
    if (!ok) {
        options_deinit(o);
    }
    return ok;
}

void options_deinit(Options *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        g_free(o->list[i].key);
        g_free(o->list[i].value);
    }
    g_free(o->list);
    g_free(o->text);
    *o = (Options){ 0 };
}

static bool options_same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a, y = *b == '_' ? '-' : *b;

        if (x != y) {
            return false;
        }
    }
    return *a == *b;
}

const char *options_get(Options *o, const char *key)
{
    const char *value = NULL;

    for (unsigned i = 0; i < o->n; i++) {
        Option *opt = &o->list[i];

        if (options_same_key(opt->key, key)) {
            opt->used = true;
            value = opt->value;
        } else if (opt->bare && opt->key[0] == 'n' && opt->key[1] == 'o' &&
                   options_same_key(opt->key + 2, key)) {
            opt->used = true;
            value = "off";
        }
    }
    return value;
}

static bool options_context(bool ok, const char *key, GError **err)
{
    if (!ok) {
        g_prefix_error(err, "%s: ", key);
    }
    return ok;
}

/* A JSON string where @what is due. */
static bool options_is_text(Options *o, const char *key, const char *what, GError **err)
{
    bool is_string = false;

    for (unsigned i = 0; i < o->n; i++) {
        if (options_same_key(o->list[i].key, key)) {
            is_string = o->list[i].is_string;
        }
    }
    return !is_string || error_set(err, "Invalid parameter type for '%s', expected: %s", key, what);
}

bool options_get_bool(Options *o, const char *key, bool def, bool *value, GError **err)
{
    const char *text = options_get(o, key);

    *value = def;
    return !text || (options_is_text(o, key, "boolean", err) &&
                     options_context(bool_parse(text, value, err), key, err));
}

bool options_get_number(Options *o, const char *key, uint64_t def, uint64_t *value, GError **err)
{
    const char *text = options_get(o, key);

    *value = def;
    return !text || (options_is_text(o, key, "integer", err) &&
                     options_context(number_parse(text, 0, UINT64_MAX, value, err), key, err));
}

bool options_get_size(Options *o, const char *key, uint64_t def, uint64_t *value, GError **err)
{
    const char *text = options_get(o, key);

    *value = def;
    return !text || (options_is_text(o, key, "integer", err) &&
                     options_context(size_parse(text, 1, value, err), key, err));
}

bool options_all_used(Options *o, const char *const *valid, unsigned n_valid, GError **err)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (!o->list[i].used) {
            g_autofree char *near = suggest_or_list(o->list[i].key, valid, n_valid, 12);

            return error_set(err, "'%s' is not a known option here%s", o->list[i].key, near);
        }
    }
    return true;
}
