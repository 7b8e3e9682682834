/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that keeps nothing: for measuring all that lies above. */
#include "block/core/driver.h"

#include <errno.h>
#include <string.h>

typedef struct Null {
    uint64_t latency_ns;
    bool read_zeroes;
} Null;

static bool null_open(BlockNode *n, Options *o, GError **err)
{
    Null *s = block_priv(n);
    const char *name = options_get(o, "filename");
    uint64_t size;

    if (name) {
        block_set_filename(n, name);
    }
    return options_get_size(o, "size", 1 << 30, &size, err) &&
           options_get_number(o, "latency-ns", 0, &s->latency_ns, err) &&
           options_get_bool(o, "read-zeroes", false, &s->read_zeroes, err) &&
           block_set_size(n, size, err);
}

static int null_wait(const Null *s)
{
    if (s->latency_ns) {
        io_sleep_ns(s->latency_ns);
    }
    return 0;
}

static int null_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    const Null *s = block_priv(n);

    for (unsigned i = 0; s->read_zeroes && i < n_iov; i++) {
        memset(iov[i].iov_base, 0, iov[i].iov_len);
    }
    return null_wait(s);
}

static int null_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       unsigned flags)
{
    return null_wait(block_priv(n));
}

static int null_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    return null_wait(block_priv(n));
}

static int null_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return null_wait(block_priv(n));
}

static int null_flush(BlockNode *n)
{
    return null_wait(block_priv(n));
}

static int null_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    const Null *s = block_priv(n);

    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET |
                                  (s->read_zeroes ? BLOCK_STATUS_ZERO : 0),
                          .len = len,
                          .file = n,
                          .offset = off };
    return 0;
}

static int64_t null_allocated(BlockNode *n)
{
    return 0;
}

static const BlockOption null_options[] = {
    { "filename", BLOCK_OPT_STR, "anything" },
    { "size", BLOCK_OPT_SIZE, "its size in bytes", "1G" },
    { "latency-ns", BLOCK_OPT_NUMBER, "how long each request takes, in nanoseconds", "0" },
    { "read-zeroes", BLOCK_OPT_BOOL, "reads give zeros; else memory stays as it is", "off" },
    { NULL },
};

static const char *const null_co_prefixes[] = { "null-co", NULL };
static const char *const null_aio_prefixes[] = { "null-aio", NULL };

const BlockDriver block_null_co_driver = {
    .name = "null-co",
    .doc = "keeps nothing",
    .kind = BLOCK_PROTOCOL,
    .size = sizeof(Null),
    .options = null_options,
    .prefixes = null_co_prefixes,
    .open = null_open,
    .readv = null_readv,
    .writev = null_writev,
    .zero = null_zero,
    .discard = null_discard,
    .flush = null_flush,
    .status = null_status,
    .allocated = null_allocated,
};

const BlockDriver block_null_aio_driver = {
    .name = "null-aio",
    .doc = "keeps nothing",
    .kind = BLOCK_PROTOCOL,
    .size = sizeof(Null),
    .options = null_options,
    .prefixes = null_aio_prefixes,
    .open = null_open,
    .readv = null_readv,
    .writev = null_writev,
    .zero = null_zero,
    .discard = null_discard,
    .flush = null_flush,
    .status = null_status,
    .allocated = null_allocated,
};
