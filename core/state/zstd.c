/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of pages by libzstd.
 */
#include "core/state/format.h"

#include <zstd.h>

enum { STATE_ZSTD_LEVEL = 1 };

size_t state_compress(void *to, size_t room, const void *from, size_t len)
{
    size_t n = ZSTD_compress(to, room, from, len, STATE_ZSTD_LEVEL);

    return ZSTD_isError(n) ? 0 : n;
}

bool state_decompress(void *to, size_t len, const void *from, size_t n)
{
    return ZSTD_decompress(to, len, from, n) == len;
}
