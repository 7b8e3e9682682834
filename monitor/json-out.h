/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON into a GString: values in the order they are given, QEMU's spacing. */
#ifndef MONITOR_JSON_OUT_H
#define MONITOR_JSON_OUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { JSON_OUT_DEPTH = 32 };

typedef struct JsonOut {
    GString *text;
    bool pretty;
    unsigned depth;
    bool has_member[JSON_OUT_DEPTH];
    bool bare; /* the next value's key is written already */
} JsonOut;

void json_out_init(JsonOut *j, GString *text, bool pretty);

/* @key NULL: an element of an array, or the whole document. */
void json_out_begin(JsonOut *j, const char *key, char open); /* '{' or '[' */
void json_out_end(JsonOut *j, char close);
void json_out_str(JsonOut *j, const char *key, const char *val);
void json_out_str_len(JsonOut *j, const char *key, const char *val, size_t len);
void json_out_int(JsonOut *j, const char *key, int64_t val);
void json_out_uint(JsonOut *j, const char *key, uint64_t val);
void json_out_bool(JsonOut *j, const char *key, bool val);
void json_out_null(JsonOut *j, const char *key);
/* A value that is JSON already. */
void json_out_raw(JsonOut *j, const char *key, const char *json);

#endif
