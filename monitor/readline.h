/* SPDX-License-Identifier: Apache-2.0 */
/* A line editor over a stream of bytes: cursor keys, history, completion. */
#ifndef MONITOR_READLINE_H
#define MONITOR_READLINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { READLINE_MAX = 4096, READLINE_HISTORY = 64 };

typedef struct Readline {
    GString *line;
    gsize cursor;
    const char *prompt;
    GPtrArray *history; /* oldest first */
    unsigned hist_at;   /* == history->len: the line being typed */
    char *typed;        /* that line, while the history is looked through */
    enum { READLINE_PLAIN, READLINE_ESC, READLINE_CSI } escape;
    unsigned csi_arg;
    char last; /* so that CR LF is one end of line */
    void (*write)(void *opaque, const char *text, size_t len);
    /* A line is there (without its end). May free nothing of the Readline. */
    void (*execute)(void *opaque, const char *line);
    /* Words that may stand for what ends at the cursor: adds (g_strdup'ed) to @out. */
    void (*complete)(void *opaque, const char *before, GPtrArray *out);
    void *opaque;
} Readline;

void readline_init(Readline *r, const char *prompt);
void readline_deinit(Readline *r);
void readline_byte(Readline *r, uint8_t b);
/* Show prompt and line (again). */
void readline_show(Readline *r);

#endif
