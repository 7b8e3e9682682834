/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error classes and checks: GError helpers for set-up errors, CHECK for our own bugs.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <glib.h>
#include <stdbool.h>

#define NODISCARD __attribute__((warn_unused_result))

/* The one domain of set-up errors; the code carries no meaning (unless a header gives it one). */
GQuark tinamou_error_quark(void);

/*
 * Fill @err with a printf-style message and return false, so that a failing function can say
 * `return error_set(err, "...")`. @err may not be NULL and must be clear.
 */
bool error_set(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Our own bug: print the condition and abort. Never reachable from guest or file input. */
void check_failed(const char *cond, const char *file, int line) G_GNUC_NORETURN;

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(x) ((void)sizeof(x))
#else
#define DCHECK(x) CHECK(x)
#endif

#endif
