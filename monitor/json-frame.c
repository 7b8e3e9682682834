/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/json-frame.h"

#include <string.h>

void json_frame_init(JsonFrame *f)
{
    *f = (JsonFrame){ .text = g_string_new("") };
}

void json_frame_deinit(JsonFrame *f)
{
    g_string_free(f->text, TRUE);
}

void json_frame_next(JsonFrame *f)
{
    g_string_truncate(f->text, 0);
    f->depth = 0;
    f->quote = 0;
    f->escaped = f->in_word = false;
}

static JsonFrameResult json_frame_error(JsonFrame *f, const char *what, char b)
{
    json_frame_next(f);
    f->skip = true;
    g_string_printf(f->text, "JSON parse error, %s", what);
    if (b) {
        g_string_append_printf(f->text, " '%c'", b);
    }
    return JSON_FRAME_ERROR;
}

static void json_frame_in_string(JsonFrame *f, char b)
{
    if (f->escaped) {
        f->escaped = false;
        if (b == '\'') {
            g_string_truncate(f->text, f->text->len - 1); /* JSON has no \' */
        }
        g_string_append_c(f->text, b);
    } else if (b == '\\') {
        f->escaped = true;
        g_string_append_c(f->text, b);
    } else if (b == f->quote) {
        f->quote = 0;
        g_string_append_c(f->text, '"');
    } else if (b == '"') {
        g_string_append(f->text, "\\\"");
    } else {
        g_string_append_c(f->text, b);
    }
}

JsonFrameResult json_frame_byte(JsonFrame *f, char b)
{
    if (f->skip) {
        f->skip = b != '\n';
        return JSON_FRAME_MORE;
    }
    if (f->text->len >= JSON_FRAME_MAX) {
        return json_frame_error(f, "the value is too long", 0);
    }
    if (f->quote) {
        json_frame_in_string(f, b);
        return !f->quote && !f->depth ? JSON_FRAME_VALUE : JSON_FRAME_MORE;
    }
    if (!b || ((uint8_t)b < 0x20 && !strchr("\t\n\r", b))) {
        return json_frame_error(f, "a control character", 0);
    }
    if (f->in_word && strchr(" \t\r\n{}[]\"',:", b)) {
        f->in_word = false;
        return JSON_FRAME_VALUE; /* the byte is white space, or its loss is an error anyway */
    }
    switch (b) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        if (f->depth) {
            g_string_append_c(f->text, b);
        }
        return JSON_FRAME_MORE;
    case '"':
    case '\'':
        f->quote = b;
        g_string_append_c(f->text, '"');
        return JSON_FRAME_MORE;
    case '{':
    case '[':
        if (f->depth++ >= JSON_FRAME_DEPTH) {
            return json_frame_error(f, "the value is nested too deeply", 0);
        }
        break;
    case '}':
    case ']':
        if (!f->depth) {
            return json_frame_error(f, "stray", b);
        }
        g_string_append_c(f->text, b);
        return --f->depth ? JSON_FRAME_MORE : JSON_FRAME_VALUE;
    default:
        if (!g_ascii_isalnum(b) && !strchr(f->depth ? "+-.,:" : "-", b)) {
            return json_frame_error(f, "stray", b);
        }
        f->in_word = !f->depth;
    }
    g_string_append_c(f->text, b);
    return JSON_FRAME_MORE;
}
