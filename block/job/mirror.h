/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLOCK_JOB_MIRROR_H
#define BLOCK_JOB_MIRROR_H

#include "block/job/job.h"

/* Commit of @o->node, which the guest writes, into @base below it, which is writable. */
BlockJob *job_active_commit_new(BlockGraph *g, const JobOptions *o, BlockNode *base, GError **err);

#endif
