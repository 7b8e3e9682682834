/* SPDX-License-Identifier: Apache-2.0 */
#include "util/library.h"

#include <dlfcn.h>
#include <string.h>

bool library_load(const char *soname, const LibrarySymbol *symbols, unsigned n, void *table,
                  GError **err)
{
    /* Never closed: what such libraries leave behind (threads, handlers of the end) calls them. */
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (!lib) {
        return error_set(err, "cannot load a library: %s", dlerror());
    }
    for (unsigned i = 0; i < n; i++) {
        void *at = dlsym(lib, symbols[i].name);

        if (!at) {
            return error_set(err, "%s has no '%s'", soname, symbols[i].name);
        }
        memcpy((char *)table + symbols[i].at, &at, sizeof(at));
    }
    return true;
}
