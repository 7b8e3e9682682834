/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes and numbers as people write them.
 */
#ifndef UTIL_SIZE_H
#define UTIL_SIZE_H

#include "util/error.h"

#include <stdint.h>

/*
 * "4G", "4GB", "4GiB", "512M", "1.5G", "0x1000", "64k", "17": all in powers of 1024. A plain
 * number counts in @unit bytes (1, or 1 << 20 where the option counts in MiB).
 * Errors: says what is wrong with @text and what would be right; one that is too large leaves
 * UINT64_MAX in *bytes.
 */
NODISCARD bool size_parse(const char *text, uint64_t unit, uint64_t *bytes, GError **err);

/* Decimal, 0x hexadecimal or 0b binary, whole text, within [@min, @max]. */
NODISCARD bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value,
                            GError **err);

/* on, off, yes, no, true, false, y, n, 1, 0. */
NODISCARD bool bool_parse(const char *text, bool *value, GError **err);

/* "1.5 GiB"; the caller frees. */
char *size_text(uint64_t bytes);

/* "1.5 MiB", with three digits, as QEMU's tools write sizes; the caller frees. */
char *size_text_short(uint64_t bytes);

#endif
