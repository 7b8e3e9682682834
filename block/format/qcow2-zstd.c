/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed clusters in zstd. */
#include "block/format/qcow2.h"

#include <errno.h>
#include <zstd.h>

int qcow2_zstd_unpack(const uint8_t *from, size_t from_len, uint8_t *to, size_t len)
{
    ZSTD_DStream *d = ZSTD_createDStream();
    ZSTD_inBuffer in = { from, from_len, 0 };
    ZSTD_outBuffer out = { to, len, 0 };

    if (!d) {
        return -ENOMEM;
    }
    while (out.pos < out.size) {
        size_t before = in.pos + out.pos, ret = ZSTD_decompressStream(d, &out, &in);

        if (ZSTD_isError(ret) || in.pos + out.pos == before) {
            break;
        }
    }
    ZSTD_freeDStream(d);
    return out.pos == out.size ? 0 : -EIO;
}

int qcow2_zstd_pack(const uint8_t *from, size_t from_len, uint8_t *to, size_t *len)
{
    size_t n = ZSTD_compress(to, *len, from, from_len, ZSTD_CLEVEL_DEFAULT);

    if (ZSTD_isError(n)) {
        return -ENOTSUP; /* it does not get smaller */
    }
    *len = n;
    return 0;
}

bool qcow2_has_zstd(void)
{
    return true;
}
