/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/deflate.h"
#include "core/event/ioloop.h"

#include <errno.h>
#include <zlib.h>

int deflate_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    z_stream z = {
        .next_in = (void *)in, .avail_in = in_len, .next_out = out, .avail_out = out_len
    };

    if (inflateInit2(&z, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
        return -ENOMEM;
    }
    int ret = inflate(&z, Z_FINISH);
    *got = out_len - z.avail_out;
    inflateEnd(&z);
    return ret == Z_STREAM_END || (ret == Z_BUF_ERROR && z.avail_out == 0) ? 0 : -EIO;
}

int deflate_pack(const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    uLongf len = out_len;
    int ret = compress(out, &len, in, in_len);

    *got = len;
    return ret == Z_OK ? 0 : ret == Z_BUF_ERROR ? -ENOSPC : -ENOMEM;
}

typedef struct DeflateJob {
    bool raw, pack;
    const void *in;
    void *out;
    size_t in_len, out_len, *got;
    int ret;
} DeflateJob;

static void deflate_job(void *opaque)
{
    DeflateJob *j = opaque;

    j->ret = j->pack ? deflate_pack(j->in, j->in_len, j->out, j->out_len, j->got)
                     : deflate_unpack(j->raw, j->in, j->in_len, j->out, j->out_len, j->got);
}

int deflate_unpack_work(bool raw, const void *in, size_t in_len, void *out, size_t out_len,
                        size_t *got)
{
    DeflateJob j = { raw, false, in, out, in_len, out_len, got, -EIO };

    io_work(deflate_job, &j);
    return j.ret;
}

int deflate_pack_work(const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    DeflateJob j = { false, true, in, out, in_len, out_len, got, -EIO };

    io_work(deflate_job, &j);
    return j.ret;
}
