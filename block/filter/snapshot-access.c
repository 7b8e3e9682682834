/* SPDX-License-Identifier: Apache-2.0 */
/* The disk as it was when the copy-before-write filter below came: for reading, while the disk goes
 * on (an export of it is a backup that somebody else makes). A discard lets go of what is read. */
#include "block/filter/copy-before-write.h"

#include <errno.h>

static int access_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    return cbw_read(block_file(n), off, iov, n_iov);
}

static int access_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         unsigned flags)
{
    return -ENOTSUP;
}

static int access_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    return -ENOTSUP;
}

static int access_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return cbw_forget(block_file(n), off, len);
}

/* Where it lies changes under way. */
static int access_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED, .len = len };
    return 0;
}

/* Nothing of it is to be written anywhere. */
static int access_flush(BlockNode *n)
{
    return 0;
}

static bool access_open(BlockNode *n, Options *o, GError **err)
{
    return cbw_is(block_file(n)) ||
           error_set(err,
                     "snapshot-access: node '%s' is of driver %s and keeps no moment; file= is to "
                     "name a copy-before-write filter",
                     block_node_name(block_file(n)), block_node_format(block_file(n)));
}

const BlockDriver block_snapshot_access_driver = {
    .name = "snapshot-access",
    .doc = "the moment that a copy-before-write filter keeps",
    .kind = BLOCK_FILTER,
    .stays = true,
    .open = access_open,
    .readv = access_readv,
    .writev = access_writev,
    .zero = access_zero,
    .discard = access_discard,
    .status = access_status,
    .flush = access_flush,
};
