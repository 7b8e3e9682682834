/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a stream of bytes into top-level JSON values. Single-quoted strings, which people type
 * and QEMU takes, come out double-quoted.
 */
#ifndef MONITOR_JSON_FRAME_H
#define MONITOR_JSON_FRAME_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { JSON_FRAME_MAX = 16 << 20, JSON_FRAME_DEPTH = 1024 };

typedef struct JsonFrame {
    GString *text; /* of the value that is under way */
    unsigned depth;
    char quote; /* 0, '"' or '\'' */
    bool escaped;
    bool in_word; /* a number, or true, false, null, at the top level */
    bool skip;    /* after an error: to the end of the line */
} JsonFrame;

typedef enum JsonFrameResult {
    JSON_FRAME_MORE,
    JSON_FRAME_VALUE, /* f->text holds it; json_frame_next before the next byte */
    JSON_FRAME_ERROR, /* f->text says what is wrong */
} JsonFrameResult;

void json_frame_init(JsonFrame *f);
void json_frame_deinit(JsonFrame *f);
JsonFrameResult json_frame_byte(JsonFrame *f, char b);
void json_frame_next(JsonFrame *f);

#endif
