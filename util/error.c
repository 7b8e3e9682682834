/* SPDX-License-Identifier: Apache-2.0 */
#include "util/error.h"

#include <stdio.h>
#include <stdlib.h>

G_DEFINE_QUARK(tinamou - error, tinamou_error)

bool error_set(GError **err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    *err = g_error_new_valist(tinamou_error_quark(), 0, fmt, ap);
    va_end(ap);
    return false;
}

void check_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "tinamou: internal error: %s (%s:%d)\n", cond, file, line);
    abort();
}
