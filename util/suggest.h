/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The valid names that are nearest to a mistyped one, for error messages.
 */
#ifndef UTIL_SUGGEST_H
#define UTIL_SUGGEST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap neighbours), case costing less than a letter; times 4. */
unsigned suggest_distance(const char *a, const char *b);

/*
 * Text to append to an error: ", did you mean haswell, haswell-noTSX?" with at most three of
 * the @n @names, nearest first; "" where none is near. A name that starts with @word is near.
 * The caller frees.
 */
char *suggest_text(const char *word, const char *const *names, size_t n);

/* As suggest_text; where nothing is near, ", valid: a, b, c" (at most @max_list names). */
char *suggest_or_list(const char *word, const char *const *names, size_t n, size_t max_list);

#endif
