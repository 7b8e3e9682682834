/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of dirty steps of a disk: one bit a step, and a summary of which words have any.
 * One thread at a time.
 */
#ifndef BLOCK_CORE_DIRTY_BITS_H
#define BLOCK_CORE_DIRTY_BITS_H

#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct DirtyBits DirtyBits;

/* For @size bytes in steps of @granularity; all clean. NULL: no memory. */
DirtyBits *dirty_bits_new(uint64_t size, uint64_t granularity);
void dirty_bits_free(DirtyBits *d);
uint64_t dirty_bits_granularity(const DirtyBits *d);
uint64_t dirty_bits_size(const DirtyBits *d);
/* Dirty bytes: whole steps, less at the end. */
uint64_t dirty_bits_count(const DirtyBits *d);
bool dirty_bits_get(const DirtyBits *d, uint64_t off);
/* Every step that the range touches. */
void dirty_bits_set(DirtyBits *d, uint64_t off, uint64_t len);
/* Steps that lie wholly in the range (one that ends at the size counts). */
void dirty_bits_clear(DirtyBits *d, uint64_t off, uint64_t len);
/* The first dirty (clean) range at or after @off and before @end; its bytes, no longer than @max.
 */
bool dirty_bits_next(const DirtyBits *d, uint64_t off, uint64_t end, uint64_t max, uint64_t *start,
                     uint64_t *len);
bool dirty_bits_next_clean(const DirtyBits *d, uint64_t off, uint64_t end, uint64_t *start);
/* Every step of @to that touches a dirty one of @from. The sizes are equal. */
void dirty_bits_merge(DirtyBits *to, const DirtyBits *from);
/* New steps are clean. False: no memory, nothing changed. */
NODISCARD bool dirty_bits_resize(DirtyBits *d, uint64_t size);
/* One bit a step, least significant first, for a range that begins at a multiple of 8 steps: what
 * qcow2 stores. @bytes = the range's steps / 8, rounded up. */
void dirty_bits_pack(const DirtyBits *d, uint64_t off, void *out, size_t bytes);
void dirty_bits_unpack(DirtyBits *d, uint64_t off, const void *in, size_t bytes);

#endif
