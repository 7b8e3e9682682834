/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared libraries that few runs need, loaded when one does: with those that they need themselves
 * they would be most of the time in which a short command starts.
 */
#ifndef UTIL_LIBRARY_H
#define UTIL_LIBRARY_H

#include "util/error.h"

#include <stddef.h>

typedef struct LibrarySymbol {
    const char *name;
    size_t at; /* of its address, in what library_load fills */
} LibrarySymbol;

/*
 * A row for the function @name_ of the library, in a struct of pointers of the same names:
 *     typedef struct Curl { typeof(curl_easy_init) *curl_easy_init; ... } Curl;
 */
#define LIBRARY_SYMBOL(type_, name_)   \
    {                                  \
#name_, offsetof(type_, name_) \
    }

/* Fill @table. The library stays until the process ends; loading it again is cheap.
 * Errors: it is not there, or has no such function. ANY_THREAD */
NODISCARD bool library_load(const char *soname, const LibrarySymbol *symbols, unsigned n,
                            void *table, GError **err);

#endif
