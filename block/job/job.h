/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on disks beside the guest's: commit, stream, mirror, backup and others, as QMP's jobs know
 * it. A job is a fiber on its graph's loop, and goes through
 *
 *   created - running (paused) - [ready (standby)] - waiting - pending - concluded - null
 *                              \ aborting -------------------/
 *
 * Context of all: a fiber of the graph's loop, where nothing else is said.
 */
#ifndef BLOCK_JOB_JOB_H
#define BLOCK_JOB_JOB_H

#include "block/core/node.h"

typedef struct BlockJob BlockJob;
typedef struct BlockJobs BlockJobs;

typedef enum JobStatus {
    JOB_UNDEFINED,
    JOB_CREATED,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_READY,
    JOB_STANDBY,
    JOB_WAITING,
    JOB_PENDING,
    JOB_ABORTING,
    JOB_CONCLUDED,
    JOB_NULL,
} JobStatus;

typedef enum JobFlags {
    JOB_MANUAL_FINALIZE = 1 << 0, /* auto-finalize=false: stops in pending */
    JOB_MANUAL_DISMISS = 1 << 1,  /* auto-dismiss=false: stops in concluded */
    JOB_NOT_BLOCK = 1 << 2,       /* no BLOCK_JOB_* events (blockdev-create and the like) */
    JOB_INTERNAL = 1 << 3,        /* no events, not listed */
} JobFlags;

typedef enum JobOnError {
    JOB_ERROR_REPORT,
    JOB_ERROR_IGNORE,
    JOB_ERROR_STOP,
    JOB_ERROR_ENOSPC,
} JobOnError;

/* What a kind of job does. All in the job's fiber. */
typedef struct BlockJobType {
    const char *name; /* "commit", "stream", ... */
    size_t size;      /* of its private part, zeroed */
    /* 0 or -errno; a message may be set by job_fail. */
    int (*run)(BlockJob *j);
    /* After run, when every job of its transaction has succeeded: may fail; then the change itself,
     * which may not; or the way back. NULL: nothing. */
    bool (*prepare)(BlockJob *j, GError **err);
    void (*commit)(BlockJob *j);
    void (*abort)(BlockJob *j);
    void (*clean)(BlockJob *j); /* always, last */
    /* The user says: complete (only jobs that become ready). */
    bool (*complete)(BlockJob *j, GError **err);
} BlockJobType;

/* What happened, for QMP's events. @j is valid during the call. */
typedef enum JobEvent {
    JOB_EVENT_STATUS,
    JOB_EVENT_READY,
    JOB_EVENT_PENDING,
    JOB_EVENT_COMPLETED,
    JOB_EVENT_CANCELLED,
    JOB_EVENT_ERROR, /* a request failed: job_event_error tells which */
} JobEvent;
typedef void JobEventFn(void *opaque, BlockJob *j, JobEvent event);

/* ---- The jobs of a graph; made when first asked for ---- */

BlockJobs *block_jobs(BlockGraph *g);
void block_jobs_on_event(BlockJobs *js, JobEventFn *fn, void *opaque);
BlockJob *block_job_find(BlockJobs *js, const char *id);
BlockJob *block_job_next(BlockJobs *js, BlockJob *after);
/* Cancels all and waits: before the graph is freed. */
void block_jobs_end(BlockJobs *js);

/* ---- Making and driving ---- */

typedef struct JobOptions {
    const char *id;  /* NULL: the name of @node's device or the node */
    BlockNode *node; /* whose job it is; NULL: none */
    uint64_t speed;  /* bytes a second; 0: no limit */
    unsigned flags;  /* JobFlags */
    JobOnError on_source_error, on_target_error;
} JobOptions;

/* Created, not begun. Errors: id in use or malformed. */
BlockJob *block_job_new(BlockGraph *g, const BlockJobType *type, const JobOptions *o, GError **err);
void *block_job_priv(BlockJob *j);
void block_job_start(BlockJob *j);
/* A job that was never started. */
void block_job_drop(BlockJob *j);
/* The same for one that was made as it should: its status says that it was taken back. */
void block_job_abandon(BlockJob *j);

/* Transactions: all succeed, or none; join before the start. */
typedef struct JobTxn JobTxn;
JobTxn *block_txn_new(void);
void block_txn_add(JobTxn *t, BlockJob *j);
void block_txn_unref(JobTxn *t);

/* The user's verbs. Errors: what the job's status does not allow. */
NODISCARD bool block_job_cancel(BlockJob *j, bool force, GError **err);
NODISCARD bool block_job_pause(BlockJob *j, GError **err);
NODISCARD bool block_job_resume(BlockJob *j, GError **err);
NODISCARD bool block_job_set_speed(BlockJob *j, int64_t speed, GError **err);
NODISCARD bool block_job_complete(BlockJob *j, GError **err);
NODISCARD bool block_job_finalize(BlockJob *j, GError **err);
NODISCARD bool block_job_dismiss(BlockJob *j, GError **err);
/* Until it has concluded; its result. The job may be gone after (take the message by @err). */
int block_job_wait(BlockJob *j, GError **err);

/* ---- What it is ---- */

typedef struct JobInfo {
    const char *id, *type, *error; /* error: NULL while there is none */
    JobStatus status;
    uint64_t offset, len, speed; /* bytes done and in all, so far as is known */
    bool busy, paused, ready, auto_finalize, auto_dismiss, io_error, io_nospace, cancelled;
    unsigned flags;
    BlockNode *node;
} JobInfo;
JobInfo block_job_info(const BlockJob *j);
const char *job_status_name(JobStatus s);
/* Of JOB_EVENT_ERROR. */
void job_event_error(const BlockJob *j, bool *write, const char **action);

/* ---- For a running job ---- */

BlockGraph *job_graph(BlockJob *j);
BlockNode *job_node(BlockJob *j);
uint64_t job_speed(const BlockJob *j);
void job_set_total(BlockJob *j, uint64_t bytes);
void job_add_total(BlockJob *j, int64_t bytes);
void job_done(BlockJob *j, uint64_t bytes);
/* Waits while it is paused, lets others run, and keeps the speed for @bytes about to be moved.
 * False: it was cancelled; end soon. */
bool job_point(BlockJob *j, uint64_t bytes);
bool job_is_cancelled(const BlockJob *j);
/* It was ready and is to end as it is, without what completing would do. */
bool job_is_soft_cancelled(const BlockJob *j);
/* Waits until something is to be done: a verb, or @ns at most. */
void job_sleep(BlockJob *j, uint64_t ns);
void job_wake(BlockJob *j);
/* ready: the user may complete it. */
void job_ready(BlockJob *j);
/* What a request's @error, a positive errno, means: true: go on (again after a stop, or past it).
 * False: fail. */
bool job_error(BlockJob *j, bool write, int error, bool *again);
/* The message, kept; returns @ret. */
int job_fail(BlockJob *j, int ret, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

#endif
