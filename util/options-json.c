/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object as options: what is nested gets dotted keys. Spec: RFC 8259. */
#include "util/options.h"

#include <string.h>

enum { JSON_DEPTH = 32, JSON_OPTIONS = 1024 };

typedef struct JsonIn {
    const char *text, *p;
    GArray *list; /* of Option */
    GString *path;
    GError **err;
} JsonIn;

static bool json_fail(JsonIn *j, const char *what)
{
    return error_set(j->err, "JSON: %s at character %zu", what, (size_t)(j->p - j->text) + 1);
}

static void json_space(JsonIn *j)
{
    j->p += strspn(j->p, " \t\r\n");
}

static bool json_take(JsonIn *j, char c)
{
    json_space(j);
    if (*j->p != c) {
        return false;
    }
    j->p++;
    return true;
}

static bool json_hex4(JsonIn *j, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, j->p++) {
        int digit = g_ascii_xdigit_value(*j->p);

        if (digit < 0) {
            return json_fail(j, "\\u wants four hexadecimal digits");
        }
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

static bool json_escape(JsonIn *j, GString *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = *j->p ? strchr(from, *j->p) : NULL;
    unsigned c, low;

    if (at) {
        g_string_append_c(out, to[at - from]);
        j->p++;
        return true;
    }
    if (*j->p != 'u') {
        return json_fail(j, "an escape that is not known");
    }
    j->p++;
    if (!json_hex4(j, &c)) {
        return false;
    }
    if (c >= 0xd800 && c < 0xdc00 && j->p[0] == '\\' && j->p[1] == 'u') {
        j->p += 2;
        if (!json_hex4(j, &low)) {
            return false;
        }
        c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0;
    }
    if (!c || (c >= 0xd800 && c < 0xe000)) {
        return json_fail(j, "a character that no option can hold");
    }
    g_string_append_unichar(out, c);
    return true;
}

/* NULL: failed. */
static GString *json_string(JsonIn *j)
{
    GString *out;

    if (!json_take(j, '"')) {
        json_fail(j, "a string in double quotes is missing");
        return NULL;
    }
    out = g_string_new("");
    while (*j->p && *j->p != '"') {
        if ((uint8_t)*j->p < ' ') {
            break;
        }
        if (*j->p != '\\') {
            g_string_append_c(out, *j->p++);
            continue;
        }
        j->p++;
        if (!json_escape(j, out)) {
            g_string_free(out, TRUE);
            return NULL;
        }
    }
    if (*j->p != '"') {
        json_fail(j, "a string has no end");
        g_string_free(out, TRUE);
        return NULL;
    }
    j->p++;
    return out;
}

static bool json_add_option(JsonIn *j, const char *value, size_t len, bool is_string)
{
    Option o;

    if (j->list->len >= JSON_OPTIONS) {
        return json_fail(j, "more than 1024 values");
    }
    o = (Option){ .key = g_strdup(j->path->str),
                  .value = g_strndup(value, len),
                  .is_string = is_string };
    g_array_append_val(j->list, o);
    return true;
}

static bool json_value(JsonIn *j, unsigned depth);

static bool json_member(JsonIn *j, const char *key, unsigned depth)
{
    size_t before = j->path->len;
    bool ok;

    if (before) {
        g_string_append_c(j->path, '.');
    }
    g_string_append(j->path, key);
    ok = json_value(j, depth + 1);
    g_string_truncate(j->path, before);
    return ok;
}

static bool json_object(JsonIn *j, unsigned depth)
{
    if (json_take(j, '}')) {
        return true;
    }
    do {
        GString *key = json_string(j);
        bool ok;

        if (!key) {
            return false;
        }
        if (!key->len) {
            ok = json_fail(j, "a key is empty");
        } else {
            ok = json_take(j, ':') ? json_member(j, key->str, depth)
                                   : json_fail(j, "':' is missing after a key");
        }
        g_string_free(key, TRUE);
        if (!ok) {
            return false;
        }
    } while (json_take(j, ','));
    return json_take(j, '}') || json_fail(j, "',' or '}' is missing");
}

static bool json_array(JsonIn *j, unsigned depth)
{
    unsigned n = 0;

    if (json_take(j, ']')) {
        return true;
    }
    do {
        char index[16];

        g_snprintf(index, sizeof(index), "%u", n++);
        if (!json_member(j, index, depth)) {
            return false;
        }
    } while (json_take(j, ','));
    return json_take(j, ']') || json_fail(j, "',' or ']' is missing");
}

static bool json_value(JsonIn *j, unsigned depth)
{
    size_t len;

    if (depth > JSON_DEPTH) {
        return json_fail(j, "nested too deep");
    }
    json_space(j);
    if (*j->p == '"') {
        GString *s = json_string(j);
        bool ok = s && json_add_option(j, s->str, s->len, true);

        if (s) {
            g_string_free(s, TRUE);
        }
        return ok;
    }
    if (json_take(j, '{')) {
        return json_object(j, depth);
    }
    if (json_take(j, '[')) {
        return json_array(j, depth);
    }
    len = strspn(j->p, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
    if (!len) {
        return json_fail(j, "a value is missing");
    }
    if (len == 4 && !strncmp(j->p, "true", 4)) {
        j->p += 4;
        return json_add_option(j, "on", 2, false);
    }
    if (len == 5 && !strncmp(j->p, "false", 5)) {
        j->p += 5;
        return json_add_option(j, "off", 3, false);
    }
    if (len == 4 && !strncmp(j->p, "null", 4)) { /* none: backing=null */
        j->p += 4;
        return json_add_option(j, "", 0, false);
    }
    if (*j->p != '-' && !g_ascii_isdigit(*j->p)) {
        return json_fail(j, "a word that is neither true, false nor null");
    }
    j->p += len;
    return json_add_option(j, j->p - len, len, false);
}

bool options_parse_json(Options *o, const char *text, GError **err)
{
    JsonIn j = { .text = text, .p = text, .err = err };
    bool ok;

    j.list = g_array_new(FALSE, TRUE, sizeof(Option));
    j.path = g_string_new("");
    ok = json_take(&j, '{') ? json_object(&j, 0) : json_fail(&j, "'{' is missing");
    json_space(&j);
    if (ok && *j.p) {
        ok = json_fail(&j, "something stands after the object");
    }
    g_string_free(j.path, TRUE);
    *o = (Options){ .n = j.list->len, .text = g_strdup(text) };
    o->list = (Option *)(void *)g_array_free(j.list, FALSE);
    if (!ok) {
        options_deinit(o);
    }
    return ok;
}

void options_add(Options *o, const char *key, const char *value)
{
    o->list = g_renew(Option, o->list, o->n + 1);
    o->list[o->n++] = (Option){ .key = g_strdup(key), .value = g_strdup(value) };
}

void options_add_like(Options *o, const char *key, const Option *other)
{
    options_add(o, key, other->value);
    o->list[o->n - 1].is_string = other->is_string;
}

void options_relax(Options *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        o->list[i].is_string = false;
    }
}
