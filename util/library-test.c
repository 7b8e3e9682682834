/* SPDX-License-Identifier: Apache-2.0 */
#include "util/library.h"

#include "tests/unit.h"

#include <string.h>

typedef struct Libc {
    typeof(strlen) *strlen;
    typeof(strcmp) *strcmp;
} Libc;

TEST(library, loads_functions_by_name)
{
    static const LibrarySymbol symbols[] = { LIBRARY_SYMBOL(Libc, strlen),
                                             LIBRARY_SYMBOL(Libc, strcmp) };
    static const LibrarySymbol wrong[] = { { "no_such_function", 0 } };
    g_autoptr(GError) err = NULL, none = NULL, absent = NULL;
    Libc c = { 0 };

    EXPECT(library_load("libc.so.6", symbols, 2, &c, &err));
    EXPECT_EQ(c.strlen("four"), 4);
    EXPECT(c.strcmp("a", "b") < 0);
    EXPECT(!library_load("libc.so.6", wrong, 1, &c, &none));
    EXPECT(strstr(none->message, "no_such_function"));
    EXPECT(!library_load("libno-such.so.1", symbols, 2, &c, &absent));
    EXPECT(strstr(absent->message, "libno-such.so.1"));
}
