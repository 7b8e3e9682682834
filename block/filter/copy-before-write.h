/* SPDX-License-Identifier: Apache-2.0 */
/* The moment that a copy-before-write filter keeps, for the driver snapshot-access. */
#ifndef BLOCK_FILTER_COPY_BEFORE_WRITE_H
#define BLOCK_FILTER_COPY_BEFORE_WRITE_H

#include "block/core/driver.h"

extern const BlockDriver block_copy_before_write_driver;

bool cbw_is(const BlockNode *n);
/* What the disk was when the filter came. -EACCES: it does not keep that (any more). FIBER */
int cbw_read(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov);
/* The reader needs the range no more. FIBER */
int cbw_forget(BlockNode *n, uint64_t off, uint64_t len);

#endif
