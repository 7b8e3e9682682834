/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/inplace.h"

#include <errno.h>

static int inplace_walk(BlockNode *n, uint64_t off, uint64_t len, unsigned flags, bool zero)
{
    const BlockDriver *driver = block_node_driver(n);

    while (len > 0) {
        Extent x = { 0 };
        int ret = driver->map(n, off, len, &x);

        if (ret < 0) {
            return ret;
        }
        if (x.kind == EXTENT_PACKED) {
            return -ENOTSUP;
        }
        if (x.kind == EXTENT_DATA) {
            BlockNode *child = x.child ? x.child : block_file(n);

            ret = zero ? block_node_write_zeroes(child, x.off, x.len, flags)
                       : block_node_discard(child, x.off, x.len);
            if (ret < 0) {
                return ret;
            }
        }
        off += x.len;
        len -= x.len;
    }
    return 0;
}

int inplace_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    return inplace_walk(n, off, len, flags, true);
}

int inplace_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return inplace_walk(n, off, len, 0, false);
}
