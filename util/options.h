/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option strings: "virt,accel=tcg,cpus=2", where ",," is a comma in a value.
 */
#ifndef UTIL_OPTIONS_H
#define UTIL_OPTIONS_H

#include "util/error.h"

#include <stdint.h>

typedef struct Option {
    char *key;
    char *value;
    bool bare;      /* "readonly": value is "on"; "noreadonly" gives readonly=off */
    bool used;      /* somebody asked for it */
    bool is_string; /* JSON's: neither a boolean nor a number */
} Option;

/* In the order given; a key may stand twice (the last one wins in options_get). */
typedef struct Options {
    Option *list;
    unsigned n;
    char *text; /* as given, for messages */
} Options;

/*
 * Parse @text. @first_key names the key of a leading value without "=" ("type" makes
 * "virt,accel=tcg" into type=virt accel=tcg); NULL where there is none.
 */
NODISCARD bool options_parse(Options *o, const char *text, const char *first_key, GError **err);
/* Of a JSON object: {"a":{"b":true},"c":["x"]} is a.b=on, c.0=x; null is "". Strings in it are
 * refused where a boolean or a number is asked for, unless options_relax. */
NODISCARD bool options_parse_json(Options *o, const char *text, GError **err);
void options_relax(Options *o);
void options_add(Options *o, const char *key, const char *value);
/* The value of another as it was given. */
void options_add_like(Options *o, const char *key, const Option *other);
void options_deinit(Options *o);

/* The value, or NULL; marks it used. '_' and '-' in keys are the same. */
const char *options_get(Options *o, const char *key);
/* Value if present and well-formed; @def else. */
NODISCARD bool options_get_bool(Options *o, const char *key, bool def, bool *value, GError **err);
NODISCARD bool options_get_number(Options *o, const char *key, uint64_t def, uint64_t *value,
                                  GError **err);
NODISCARD bool options_get_size(Options *o, const char *key, uint64_t def, uint64_t *value,
                                GError **err);
/* False naming the first key nobody asked for, with the nearest of the @n_valid @valid ones. */
NODISCARD bool options_all_used(Options *o, const char *const *valid, unsigned n_valid,
                                GError **err);

#endif
