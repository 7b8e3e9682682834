/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jobs on disks. Each function makes a job that has not begun (block_job_start). Nodes are
 * referenced while the job lives. Errors: what does not fit. Context: a fiber of the graph's loop.
 */
#ifndef BLOCK_JOB_JOBS_H
#define BLOCK_JOB_JOBS_H

#include "block/core/bitmap.h"
#include "block/job/job.h"

/* Copy into @node what its backing images above @base (NULL: all) hold; @base is its backing image
 * then, named @backing_name in its header (NULL: @base's own name). */
BlockJob *job_stream_new(BlockGraph *g, const JobOptions *o, BlockNode *base,
                         const char *backing_name, GError **err);

/*
 * Move the content of @top, and of the images between, down into @base. @active is the node that
 * the guest writes; if @top is @active the job becomes ready, and @base takes its place when it is
 * completed; else the node above @top has @base as its backing image, named @backing_name.
 */
BlockJob *job_commit_new(BlockGraph *g, const JobOptions *o, BlockNode *active, BlockNode *top,
                         BlockNode *base, const char *backing_name, GError **err);

typedef enum JobSync { SYNC_FULL, SYNC_TOP, SYNC_NONE, SYNC_INCREMENTAL, SYNC_BITMAP } JobSync;

typedef struct MirrorOptions {
    BlockNode *target;
    BlockNode *replaces;  /* NULL: the source */
    JobSync sync;         /* FULL, TOP or NONE */
    uint64_t granularity; /* 0: 64 KiB, or the target's cluster */
    bool write_blocking;  /* copy-mode: a guest's write ends when the target has it too */
    bool target_is_new;   /* reads as zeros */
} MirrorOptions;
/* Copy @o->node to a target and keep both equal; ready when they are, first; completing it puts the
 * target in the source's place, cancelling it leaves an equal copy. */
BlockJob *job_mirror_new(BlockGraph *g, const JobOptions *o, const MirrorOptions *m, GError **err);

typedef enum BitmapMode { BITMAP_ON_SUCCESS, BITMAP_NEVER, BITMAP_ALWAYS } BitmapMode;

typedef struct BackupOptions {
    BlockNode *target;
    JobSync sync;
    BlockBitmap *bitmap; /* of INCREMENTAL and BITMAP (others: what to do with it at the end) */
    BitmapMode bitmap_mode;
    bool compress;
    bool target_is_new;
} BackupOptions;
/* A copy of @o->node as it is when the job begins: guest writes wait until the old content is safe.
 */
BlockJob *job_backup_new(BlockGraph *g, const JobOptions *o, const BackupOptions *b, GError **err);

#endif
