/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zeroing and discarding for formats without backing images of their own blocks: what is stored
 * stays where it is and is zeroed or discarded in the file; a hole reads as zeros already.
 */
#ifndef BLOCK_FORMAT_INPLACE_H
#define BLOCK_FORMAT_INPLACE_H

#include "block/core/driver.h"

/* The forms of BlockDriver's zero and discard. FIBER */
int inplace_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int inplace_discard(BlockNode *n, uint64_t off, uint64_t len);

#endif
