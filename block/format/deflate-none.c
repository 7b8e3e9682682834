/* SPDX-License-Identifier: Apache-2.0 */
/* A build without zlib. */
#include "block/format/deflate.h"

#include <errno.h>

int deflate_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    return -ENOTSUP;
}

int deflate_pack(const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    return -ENOTSUP;
}

int deflate_unpack_work(bool raw, const void *in, size_t in_len, void *out, size_t out_len,
                        size_t *got)
{
    return -ENOTSUP;
}

int deflate_pack_work(const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    return -ENOTSUP;
}
