/* SPDX-License-Identifier: Apache-2.0 */
/* Copying between nodes for jobs: what a set of bits says, many pieces at a time. */
#ifndef BLOCK_JOB_COPY_H
#define BLOCK_JOB_COPY_H

#include "block/core/dirty-bits.h"
#include "block/job/job.h"

typedef struct JobChunk JobChunk;

typedef struct JobCopy {
    BlockJob *job;
    BlockNode *from, *to; /* referenced by the job */
    DirtyBits *bits;      /* what is left: cleared when a piece begins, set again when it fails */
    unsigned write_flags; /* BLOCK_REQ_* of the writes */
    bool zeros_there;     /* @to reads as zeros where nothing was written: they are left out */
    bool counted;         /* progress: bytes are job_done as they are copied */
    /* under way: */
    JobChunk *chunks;
    unsigned n_chunks;
    uint64_t at;
    FiberQueue ended;
    int error;
    bool error_write;
    uint64_t error_off, error_len; /* the piece */
} JobCopy;

/* One pass over the bits, until none is left that is not under way; then waits for those. 0, or
 * -errno where the job's policy says to fail; -ECANCELED. */
int job_copy_pass(JobCopy *c);
/* Waits for what is under way. */
void job_copy_settle(JobCopy *c);
/* Until nothing is under way in the range. */
void job_copy_wait(JobCopy *c, uint64_t off, uint64_t len);
/* One piece, here and now, waiting for others that overlap: 0 or -errno, no policy. */
int job_copy_now(JobCopy *c, uint64_t off, uint64_t len);

/* Marks in @bits what @top and the images above @base (NULL: all) hold of their own. */
int job_mark_allocated(BlockJob *j, DirtyBits *bits, BlockNode *top, BlockNode *base);

#endif
