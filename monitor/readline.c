/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/readline.h"

#include <string.h>

void readline_init(Readline *r, const char *prompt)
{
    *r = (Readline){ .prompt = prompt };
    r->line = g_string_new("");
    r->history = g_ptr_array_new_with_free_func(g_free);
}

void readline_deinit(Readline *r)
{
    g_string_free(r->line, TRUE);
    g_ptr_array_free(r->history, TRUE);
    g_free(r->typed);
}

static void readline_text(Readline *r, const char *text)
{
    r->write(r->opaque, text, strlen(text));
}

/* From the line's beginning: prompt, text, rest of the old text erased, cursor in place. */
static void readline_redraw(Readline *r)
{
    readline_text(r, "\r");
    readline_text(r, r->prompt);
    readline_text(r, r->line->str);
    readline_text(r, "\033[K");
    if (r->cursor < r->line->len) {
        g_autofree char *back = g_strdup_printf("\033[%uD", (unsigned)(r->line->len - r->cursor));

        readline_text(r, back);
    }
}

void readline_show(Readline *r)
{
    readline_text(r, r->prompt);
    if (r->line->len) {
        readline_redraw(r);
    }
}

static void readline_set(Readline *r, const char *text)
{
    g_string_assign(r->line, text);
    r->cursor = r->line->len;
    readline_redraw(r);
}

static void readline_insert(Readline *r, const char *text, size_t len)
{
    if (r->line->len + len > READLINE_MAX) {
        return;
    }
    g_string_insert_len(r->line, (gssize)r->cursor, text, (gssize)len);
    r->cursor += len;
    if (r->cursor == r->line->len) {
        r->write(r->opaque, text, len);
    } else {
        readline_redraw(r);
    }
}

static void readline_delete(Readline *r, gsize from, gsize to)
{
    if (from < to && to <= r->line->len) {
        g_string_erase(r->line, (gssize)from, (gssize)(to - from));
        r->cursor = from;
        readline_redraw(r);
    }
}

static void readline_move(Readline *r, gsize to)
{
    if (to <= r->line->len && to != r->cursor) {
        r->cursor = to;
        readline_redraw(r);
    }
}

/* @step -1: older, 1: newer. */
static void readline_walk_history(Readline *r, int step)
{
    unsigned to = r->hist_at + (unsigned)step;

    if (to > r->history->len) { /* older than the oldest wraps to here, too */
        return;
    }
    if (r->hist_at == r->history->len) {
        g_free(r->typed);
        r->typed = g_strdup(r->line->str);
    }
    r->hist_at = to;
    readline_set(r, to == r->history->len ? (r->typed ? r->typed : "")
                                          : g_ptr_array_index(r->history, to));
}

static void readline_remember(Readline *r)
{
    const char *last = r->history->len ? g_ptr_array_index(r->history, r->history->len - 1) : NULL;

    if (r->line->len && (!last || strcmp(last, r->line->str))) {
        g_ptr_array_add(r->history, g_strdup(r->line->str));
    }
    if (r->history->len > READLINE_HISTORY) {
        g_ptr_array_remove_index(r->history, 0);
    }
    r->hist_at = r->history->len;
}

static void readline_finish(Readline *r)
{
    g_autofree char *line = NULL;

    readline_remember(r);
    readline_text(r, "\r\n");
    line = g_strdup(r->line->str);
    g_string_truncate(r->line, 0);
    r->cursor = 0;
    r->execute(r->opaque, line);
}

/* How long the beginning is that all of them share. */
static size_t readline_common(const GPtrArray *words)
{
    const char *first = g_ptr_array_index(words, 0);
    size_t n = strlen(first);

    for (unsigned i = 1; i < words->len; i++) {
        const char *w = g_ptr_array_index(words, i);
        size_t k = 0;

        while (k < n && w[k] == first[k]) {
            k++;
        }
        n = k;
    }
    return n;
}

static void readline_complete(Readline *r)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = g_strndup(r->line->str, r->cursor);
    const char *blank = strrchr(before, ' ');
    size_t typed = strlen(blank ? blank + 1 : before), common;

    if (!r->complete) {
        return;
    }
    r->complete(r->opaque, before, words);
    if (!words->len) {
        return;
    }
    common = readline_common(words);
    if (common > typed) {
        readline_insert(r, (const char *)g_ptr_array_index(words, 0) + typed, common - typed);
    }
    if (words->len == 1) {
        readline_insert(r, " ", 1);
    } else if (common == typed) {
        readline_text(r, "\r\n");
        for (unsigned i = 0; i < words->len; i++) {
            readline_text(r, g_ptr_array_index(words, i));
            readline_text(r, i % 4 == 3 || i + 1 == words->len ? "\r\n" : "  ");
        }
        readline_redraw(r);
    }
}

static gsize readline_word_start(const Readline *r)
{
    gsize i = r->cursor;

    while (i && r->line->str[i - 1] == ' ') {
        i--;
    }
    while (i && r->line->str[i - 1] != ' ') {
        i--;
    }
    return i;
}

static void readline_csi(Readline *r, uint8_t b)
{
    if (g_ascii_isdigit(b)) {
        r->csi_arg = MIN(r->csi_arg * 10 + (b - '0'), 1000);
        return;
    }
    r->escape = READLINE_PLAIN;
    switch (b) {
    case 'A':
        readline_walk_history(r, -1);
        break;
    case 'B':
        readline_walk_history(r, 1);
        break;
    case 'C':
        readline_move(r, r->cursor + 1);
        break;
    case 'D':
        readline_move(r, r->cursor ? r->cursor - 1 : 0);
        break;
    case 'H':
        readline_move(r, 0);
        break;
    case 'F':
        readline_move(r, r->line->len);
        break;
    case '~':
        if (r->csi_arg == 3) {
            readline_delete(r, r->cursor, r->cursor + 1);
        } else {
            readline_move(r, r->csi_arg == 1 || r->csi_arg == 7 ? 0 : r->line->len);
        }
        break;
    default:
        break;
    }
}

static void readline_control(Readline *r, uint8_t b)
{
    switch (b) {
    case 1: /* ^A */
        readline_move(r, 0);
        break;
    case 2:
        readline_move(r, r->cursor ? r->cursor - 1 : 0);
        break;
    case 4: /* ^D */
        readline_delete(r, r->cursor, r->cursor + 1);
        break;
    case 5:
        readline_move(r, r->line->len);
        break;
    case 6:
        readline_move(r, r->cursor + 1);
        break;
    case 8:
    case 127:
        readline_delete(r, r->cursor ? r->cursor - 1 : 0, r->cursor);
        break;
    case 9:
        readline_complete(r);
        break;
    case 11: /* ^K */
        readline_delete(r, r->cursor, r->line->len);
        break;
    case 12: /* ^L */
        readline_text(r, "\033[2J\033[1;1H");
        readline_redraw(r);
        break;
    case 14:
        readline_walk_history(r, 1);
        break;
    case 16:
        readline_walk_history(r, -1);
        break;
    case 21: /* ^U */
        readline_delete(r, 0, r->cursor);
        break;
    case 23: /* ^W */
        readline_delete(r, readline_word_start(r), r->cursor);
        break;
    case 27:
        r->escape = READLINE_ESC;
        break;
    default:
        break;
    }
}

void readline_byte(Readline *r, uint8_t b)
{
    char last = r->last, c = (char)b;

    r->last = c;
    if (r->escape == READLINE_ESC) {
        r->escape = b == '[' || b == 'O' ? READLINE_CSI : READLINE_PLAIN;
        r->csi_arg = 0;
    } else if (r->escape == READLINE_CSI) {
        readline_csi(r, b);
    } else if (b == '\r' || (b == '\n' && last != '\r')) {
        readline_finish(r);
    } else if (b == '\n') {
        return;
    } else if (b < ' ' || b == 127) {
        readline_control(r, b);
    } else {
        readline_insert(r, &c, 1);
    }
}
