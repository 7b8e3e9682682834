/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of all clusters in memory, for check, repair and other widths. */
#ifndef BLOCK_FORMAT_QCOW2_CHECK_H
#define BLOCK_FORMAT_QCOW2_CHECK_H

#include "block/format/qcow2.h"

typedef struct Qcow2Refs {
    uint32_t *refs; /* of block_try_array */
    uint64_t n;
} Qcow2Refs;

/* One count of an existing block, without order: nothing may be pointed to meanwhile. FIBER */
int qcow2_refcount_set(Qcow2 *s, uint64_t i, uint64_t v);
/* Counts of what the tables in memory lead to; -EIO if they are damaged. The caller frees @r->refs
 * by block_free_array. FIBER */
int qcow2_refs_count(Qcow2 *s, Qcow2Refs *r);
/* New blocks and a new table, behind all that is in use; the old ones are no longer in use (their
 * references in @r are taken out). @r grows by the new ones. FIBER */
int qcow2_refs_write(Qcow2 *s, Qcow2Refs *r, unsigned order);

#endif
