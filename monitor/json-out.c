/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/json-out.h"

#include "util/error.h"

#include <inttypes.h>
#include <string.h>

void json_out_init(JsonOut *j, GString *text, bool pretty)
{
    *j = (JsonOut){ .text = text, .pretty = pretty };
}

static void json_out_newline(JsonOut *j)
{
    g_string_append_c(j->text, '\n');
    for (unsigned i = 0; i < j->depth; i++) {
        g_string_append(j->text, "    ");
    }
}

/* UTF-8 as it is; what is no UTF-8 becomes U+FFFD, so that the output always is JSON. */
static void json_out_quoted(JsonOut *j, const char *s, size_t len)
{
    const char *end = s + len;

    g_string_append_c(j->text, '"');
    while (s < end) {
        gunichar c = g_utf8_get_char_validated(s, end - s);

        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append(j->text, "\\ufffd");
            s++;
            continue;
        }
        if (!*s) {
            g_string_append(j->text, "\\u0000");
            s++;
            continue;
        }
        if (c == '"' || c == '\\') {
            g_string_append_printf(j->text, "\\%c", (char)c);
        } else if (c == '\n') {
            g_string_append(j->text, "\\n");
        } else if (c == '\r') {
            g_string_append(j->text, "\\r");
        } else if (c == '\t') {
            g_string_append(j->text, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            g_string_append_printf(j->text, "\\u%04x", (unsigned)c);
        } else {
            g_string_append_unichar(j->text, c);
        }
        s = g_utf8_next_char(s);
    }
    g_string_append_c(j->text, '"');
}

static void json_out_key(JsonOut *j, const char *key)
{
    if (j->bare) {
        j->bare = false;
        return;
    }
    if (j->depth) {
        if (j->has_member[j->depth - 1]) {
            g_string_append(j->text, j->pretty ? "," : ", ");
        }
        j->has_member[j->depth - 1] = true;
        if (j->pretty) {
            json_out_newline(j);
        }
    }
    if (key) {
        json_out_quoted(j, key, strlen(key));
        g_string_append(j->text, ": ");
    }
}

void json_out_begin(JsonOut *j, const char *key, char open)
{
    json_out_key(j, key);
    g_string_append_c(j->text, open);
    CHECK(j->depth < JSON_OUT_DEPTH);
    j->has_member[j->depth++] = false;
}

void json_out_end(JsonOut *j, char close)
{
    bool any;

    CHECK(j->depth > 0);
    any = j->has_member[--j->depth];
    if (any && j->pretty) {
        json_out_newline(j);
    }
    g_string_append_c(j->text, close);
}

void json_out_str_len(JsonOut *j, const char *key, const char *val, size_t len)
{
    json_out_key(j, key);
    json_out_quoted(j, val, len);
}

void json_out_str(JsonOut *j, const char *key, const char *val)
{
    json_out_str_len(j, key, val, strlen(val));
}

void json_out_int(JsonOut *j, const char *key, int64_t val)
{
    json_out_key(j, key);
    g_string_append_printf(j->text, "%" PRId64, val);
}

void json_out_uint(JsonOut *j, const char *key, uint64_t val)
{
    json_out_key(j, key);
    g_string_append_printf(j->text, "%" PRIu64, val);
}

void json_out_bool(JsonOut *j, const char *key, bool val)
{
    json_out_key(j, key);
    g_string_append(j->text, val ? "true" : "false");
}

void json_out_null(JsonOut *j, const char *key)
{
    json_out_key(j, key);
    g_string_append(j->text, "null");
}

void json_out_raw(JsonOut *j, const char *key, const char *json)
{
    json_out_key(j, key);
    g_string_append(j->text, json);
}
