/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/deflate.h"
#include "core/event/ioloop.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

/* libdeflate first, where it is there; what it does not take (a stream that goes on behind @out, or
 * is cut off there) zlib has the word on. */
int deflate_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len, size_t *got)
{
    if (deflate_fast_unpack(raw, in, in_len, out, out_len, got)) {
        return 0;
    }
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

/* ---- Data that is compressed, encrypted or random already ---- */

enum {
    NOISE_SAMPLE = 4096,
    NOISE_HASH_BITS = 12,
    NOISE_WINDOW = 32 << 10, /* the farthest that any deflate looks back */
    NOISE_EVEN = 2,          /* a code of Huffman's saves under a bit in 400 bytes up to here */
};

/* Chi-squared of the bytes' frequencies, over its mean for random bytes. Above: not random. */
static bool deflate_bytes_even(const uint8_t *p, size_t len)
{
    uint32_t count[256] = { 0 };
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        count[p[i]]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        sum += (uint64_t)count[i] * count[i];
    }
    /* chi2 = 256 / len * sum(count^2) - len, with 255 degrees of freedom */
    return sum * 256 < (uint64_t)len * len + (uint64_t)len * 255 * NOISE_EVEN;
}

static bool deflate_repeats(const uint8_t *p, size_t len)
{
    uint32_t at[1 << NOISE_HASH_BITS] = { 0 }; /* 1 + the last place of a hash */
    unsigned hits = 0;

    for (size_t i = 0; i + 4 <= len; i++) {
        uint32_t here, there, h;

        memcpy(&here, p + i, 4);
        h = here * 0x9e3779b1u >> (32 - NOISE_HASH_BITS);
        if (at[h] && i + 1 - at[h] <= NOISE_WINDOW) {
            memcpy(&there, p + at[h] - 1, 4);
            hits += here == there;
        }
        at[h] = (uint32_t)i + 1;
    }
    return hits > len / 1024;
}

bool deflate_is_noise(const void *in, size_t len)
{
    return len >= NOISE_SAMPLE && len <= UINT32_MAX / 2 && deflate_bytes_even(in, NOISE_SAMPLE) &&
           deflate_bytes_even(in, len) && !deflate_repeats(in, len);
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
