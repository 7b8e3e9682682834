/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from a backing image is written to the image on it. */
#include "block/core/driver.h"

static int cor_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    return block_node_readv(block_file(n), off, iov, n_iov, flags | BLOCK_REQ_COPY_ON_READ);
}

const BlockDriver block_copy_on_read_driver = {
    .name = "copy-on-read",
    .doc = "copies what is read from the backing image",
    .kind = BLOCK_FILTER,
    .readv = cor_readv,
};
