/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON and indented text out of GVariants, in the order of keys that readers of QEMU's tools'
 * output see.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <glib.h>

/*
 * @value as JSON with four spaces a level, appended to @out without a last newline. Dictionaries
 * (a{s*}) in the order of json_key_rank, arrays, tuples no; v is looked through; booleans,
 * integers, strings, doubles.
 */
void json_print(GString *out, GVariant *value);
/* A string with its quotes and escapes. */
void json_print_string(GString *out, const char *text);

/*
 * The same for people: "key: value" lines, @level times four spaces in, '-' in keys as a space,
 * members of arrays as "[0]:". Dictionaries or arrays alone.
 */
void json_print_text(GString *out, GVariant *value, unsigned level);

/* Where a key stands among its neighbours; those of the same rank stay in the order given. */
unsigned json_key_rank(const char *key);

/* Names out of files and from the host may be no UTF-8, which variants do not hold: what is wrong
 * in them comes out as U+FFFD. */
GVariant *json_string(const char *text);
/* For building dictionaries: an a{sv} of @key and @value. */
void json_add(GVariantBuilder *dict, const char *key, GVariant *value);

#endif
