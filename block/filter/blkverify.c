/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is written goes to two images, and what is read from one must be in the other: finds
 * what a format loses. `test` is the image whose format is tried, `raw` the one that is right.
 */
#include "block/core/driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Verify {
    BlockNode *raw;
} Verify;

static bool verify_open(BlockNode *n, Options *o, GError **err)
{
    Verify *s = block_priv(n);

    s->raw = block_open_child(n, "raw", o, NULL, NULL, err);
    block_set_zero_limits(n, 1, 0);
    return s->raw;
}

static uint64_t verify_len(const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

/* One result for both. */
static int verify_result(BlockNode *n, const char *what, uint64_t off, uint64_t len, int test,
                         int raw)
{
    if (test == raw) {
        return test;
    }
    block_say(n, BLOCK_EVENT_WARNING,
              "blkverify: %s offset=%" PRIu64 " bytes=%" PRIu64 " return value mismatch %d != %d",
              what, off, len, test, raw);
    return -EIO;
}

static int verify_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    Verify *s = block_priv(n);
    uint64_t len = verify_len(iov, n_iov), at = 0;
    void *mem = NULL;
    const uint8_t *right;
    int ret;

    if (posix_memalign(&mem, 4096, len)) {
        return -ENOMEM;
    }
    right = mem;
    ret = block_node_readv(block_file(n), off, iov, n_iov, flags);
    ret = verify_result(n, "read", off, len, ret, block_node_read(s->raw, off, mem, len));
    for (unsigned i = 0; i < n_iov && !ret; at += iov[i++].iov_len) {
        const uint8_t *got = iov[i].iov_base;

        if (!memcmp(got, right + at, iov[i].iov_len)) {
            continue;
        }
        while (*got == right[at]) {
            got++;
            at++;
        }
        block_say(n, BLOCK_EVENT_WARNING,
                  "blkverify: read offset=%" PRIu64 " bytes=%" PRIu64
                  " contents mismatch at offset %" PRIu64,
                  off, len, off + at);
        ret = -EIO;
    }
    free(mem);
    return ret;
}

static int verify_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         unsigned flags)
{
    Verify *s = block_priv(n);
    int ret = block_node_writev(block_file(n), off, iov, n_iov, flags);

    return verify_result(
        n, "write", off, verify_len(iov, n_iov), ret,
        block_node_writev(s->raw, off, iov, n_iov, flags & ~(unsigned)BLOCK_REQ_COMPRESSED));
}

static int verify_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Verify *s = block_priv(n);
    int ret;

    flags &= ~(unsigned)BLOCK_REQ_NO_FALLBACK;
    ret = block_node_write_zeroes(block_file(n), off, len, flags);
    return verify_result(n, "write zeroes", off, len, ret,
                         block_node_write_zeroes(s->raw, off, len, flags));
}

/* What is discarded reads as anything: both are written. */
static int verify_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return verify_zero(n, off, len, BLOCK_REQ_UNMAP);
}

static const BlockOption verify_options[] = {
    { "test", BLOCK_OPT_STR, "the image that is tried: file= by another name" },
    { "raw", BLOCK_OPT_STR, "the file that is right (raw.filename=...)" },
    { NULL },
};

static const char *const verify_prefixes[] = { "blkverify", NULL };

const BlockDriver block_blkverify_driver = {
    .name = "blkverify",
    .doc = "two images that must read the same",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(Verify),
    .options = verify_options,
    .prefixes = verify_prefixes,
    .file_alias = "test",
    .name_option = "raw.filename",
    .open = verify_open,
    .readv = verify_readv,
    .writev = verify_writev,
    .zero = verify_zero,
    .discard = verify_discard,
};
