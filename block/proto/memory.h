/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in memory, for tests: "x-memory:NAME" is a file that belongs to the graph. They are sparse,
 * begin as creation or block_memory_new leaves them, and take no more memory than their limit.
 */
#ifndef BLOCK_PROTO_MEMORY_H
#define BLOCK_PROTO_MEMORY_H

#include "block/core/node.h"

typedef struct BlockMemory BlockMemory;

enum { BLOCK_MEMORY_MAX = 64 << 20 }; /* bytes of what is created by name */

/* The file @name of @g, empty; one that is there is emptied. Writes of more than @max bytes that
 * are not zeros fail with -ENOSPC, those beyond 16 times @max with -EFBIG. Its nodes must be closed
 * when the graph is freed. */
BlockMemory *block_memory_new(BlockGraph *g, const char *name, uint64_t max);
/* NULL: there is none. */
BlockMemory *block_memory_find(BlockGraph *g, const char *name);
uint64_t block_memory_size(const BlockMemory *m);
void block_memory_set_size(BlockMemory *m, uint64_t size);
/* Beyond the end: zeros. */
void block_memory_read(const BlockMemory *m, uint64_t off, void *buf, size_t len);
/* Grows it as needed. 0, -ENOSPC or -EFBIG. Open nodes see the bytes, not a new size. */
int block_memory_write(BlockMemory *m, uint64_t off, const void *buf, size_t len);

#endif
