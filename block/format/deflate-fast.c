/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking by libdeflate, which wants all of the input and of the room at once: as units have it.
 */
#include "block/format/deflate.h"

#include <libdeflate.h>

bool deflate_fast_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len,
                         size_t *got)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    enum libdeflate_result r;
    size_t used;

    if (!d) {
        return false;
    }
    r = raw ? libdeflate_deflate_decompress_ex(d, in, in_len, out, out_len, &used, got)
            : libdeflate_zlib_decompress_ex(d, in, in_len, out, out_len, &used, got);
    libdeflate_free_decompressor(d);
    return r == LIBDEFLATE_SUCCESS;
}
