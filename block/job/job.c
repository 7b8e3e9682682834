/* SPDX-License-Identifier: Apache-2.0 */
#include "block/job/job.h"

#include "util/bits.h"

#include <errno.h>
#include <string.h>

#define JOB_SLICE_NS 100000000ull

struct JobTxn {
    unsigned refs;
    GPtrArray *jobs;
    bool aborting;
};

struct BlockJob {
    BlockJobs *jobs;
    const BlockJobType *type;
    void *priv;
    char *id, *error;
    BlockNode *node;
    JobTxn *txn;
    unsigned flags;
    JobOnError on_source, on_target;
    JobStatus status;
    uint64_t offset, total, speed;
    int64_t slice_bytes;
    uint64_t slice_end_ns;
    int result;
    bool started, ran, user_paused, cancelled, forced, is_ready, io_error, io_nospace,
        finalize_asked, stopped_in;
    bool error_write;
    const char *error_action;
    bool sleeping;
    uint64_t wakes;
    FiberQueue wake, changed;
    unsigned waiters; /* in block_job_wait: the job's memory stays */
    bool gone;
};

struct BlockJobs {
    BlockGraph *graph;
    GPtrArray *list;
    JobEventFn *fn;
    void *opaque;
};

static const char *const status_names[] = {
    [JOB_UNDEFINED] = "undefined", [JOB_CREATED] = "created", [JOB_RUNNING] = "running",
    [JOB_PAUSED] = "paused",       [JOB_READY] = "ready",     [JOB_STANDBY] = "standby",
    [JOB_WAITING] = "waiting",     [JOB_PENDING] = "pending", [JOB_ABORTING] = "aborting",
    [JOB_CONCLUDED] = "concluded", [JOB_NULL] = "null",
};

const char *job_status_name(JobStatus s)
{
    return status_names[s];
}

/* ---- The list ---- */

static void jobs_free(void *p)
{
    BlockJobs *js = p;

    g_ptr_array_unref(js->list);
    g_free(js);
}

static void jobs_end(void *opaque)
{
    block_jobs_end(opaque);
}

BlockJobs *block_jobs(BlockGraph *g)
{
    BlockJobs *js = block_graph_find_object(g, "jobs", "");
    g_autoptr(GError) err = NULL;

    if (!js) {
        js = g_new0(BlockJobs, 1);
        js->graph = g;
        js->list = g_ptr_array_new();
        CHECK(block_graph_add_object(g, "jobs", "", js, jobs_free, &err));
        block_graph_on_end(g, jobs_end, js);
    }
    return js;
}

void block_jobs_on_event(BlockJobs *js, JobEventFn *fn, void *opaque)
{
    js->fn = fn;
    js->opaque = opaque;
}

BlockJob *block_job_find(BlockJobs *js, const char *id)
{
    for (unsigned i = 0; i < js->list->len; i++) {
        BlockJob *j = js->list->pdata[i];

        if (!strcmp(j->id, id)) {
            return j;
        }
    }
    return NULL;
}

BlockJob *block_job_next(BlockJobs *js, BlockJob *after)
{
    unsigned i = 0;

    if (after && g_ptr_array_find(js->list, after, &i)) {
        i++;
    }
    return i < js->list->len ? js->list->pdata[i] : NULL;
}

static void job_tell(BlockJob *j, JobEvent event)
{
    bool block_event = event != JOB_EVENT_STATUS;

    if (j->jobs->fn && !(j->flags & JOB_INTERNAL) && !(block_event && j->flags & JOB_NOT_BLOCK)) {
        j->jobs->fn(j->jobs->opaque, j, event);
    }
}

static void job_set_status(BlockJob *j, JobStatus s)
{
    if (j->status != s) {
        j->status = s;
        job_tell(j, JOB_EVENT_STATUS);
        fiber_queue_wake_all(&j->changed);
    }
}

/* ---- Making ---- */

static bool job_id_ok(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (const char *p = id; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

BlockJob *block_job_new(BlockGraph *g, const BlockJobType *type, const JobOptions *o, GError **err)
{
    BlockJobs *js = block_jobs(g);
    const char *id = o->id ? o->id : o->node ? block_node_name(o->node) : NULL;
    BlockJob *j;

    if (!id || (o->id && !job_id_ok(id))) {
        error_set(err, id ? "Invalid job ID '%s'" : "An explicit job ID is required", id);
        return NULL;
    }
    if (block_job_find(js, id)) {
        error_set(err, "Job ID '%s' already in use", id);
        return NULL;
    }
    j = g_new0(BlockJob, 1);
    j->jobs = js;
    j->type = type;
    j->priv = g_malloc0(max_u64(type->size, 1));
    j->id = g_strdup(id);
    j->node = o->node ? block_node_ref(o->node) : NULL;
    j->flags = o->flags;
    j->speed = o->speed;
    j->on_source = o->on_source_error;
    j->on_target = o->on_target_error;
    g_ptr_array_add(js->list, j);
    block_graph_set_busy(g, true);
    job_set_status(j, JOB_CREATED);
    return j;
}

void *block_job_priv(BlockJob *j)
{
    return j->priv;
}

static void job_free(BlockJob *j)
{
    g_free(j->priv);
    g_free(j->id);
    g_free(j->error);
    g_free(j);
}

/* It leaves the list; who waits for it still reads its result. */
static void job_leave(BlockJob *j)
{
    j->waiters++; /* those who wake may not free it under us */
    job_set_status(j, JOB_NULL);
    g_ptr_array_remove(j->jobs->list, j);
    block_txn_unref(j->txn);
    j->txn = NULL;
    j->gone = true;
    fiber_queue_wake_all(&j->changed);
    if (--j->waiters == 0) {
        job_free(j);
    }
}

static void job_clean(BlockJob *j)
{
    if (j->type->clean) {
        j->type->clean(j);
    }
    block_node_unref(j->node);
    j->node = NULL;
    block_graph_set_busy(j->jobs->graph, false);
}

void block_job_drop(BlockJob *j)
{
    job_clean(j);
    job_leave(j);
}

void block_job_abandon(BlockJob *j)
{
    if (j->txn) {
        g_ptr_array_remove(j->txn->jobs, j);
    }
    job_set_status(j, JOB_ABORTING);
    job_clean(j);
    job_set_status(j, JOB_CONCLUDED);
    job_leave(j);
}

/* ---- Transactions ---- */

JobTxn *block_txn_new(void)
{
    JobTxn *t = g_new0(JobTxn, 1);

    t->refs = 1;
    t->jobs = g_ptr_array_new();
    return t;
}

void block_txn_add(JobTxn *t, BlockJob *j)
{
    t->refs++;
    g_ptr_array_add(t->jobs, j);
    j->txn = t;
}

void block_txn_unref(JobTxn *t)
{
    if (t && --t->refs == 0) {
        g_ptr_array_unref(t->jobs);
        g_free(t);
    }
}

/* ---- The end ---- */

static void job_conclude(BlockJob *j)
{
    JobEvent event = j->cancelled && !j->error && (j->result == -ECANCELED || !j->is_ready)
                         ? JOB_EVENT_CANCELLED
                         : JOB_EVENT_COMPLETED;

    job_clean(j);
    job_tell(j, event);
    job_set_status(j, JOB_CONCLUDED);
    if (!(j->flags & JOB_MANUAL_DISMISS) || !j->started) {
        job_leave(j);
    }
}

static void job_abort_one(BlockJob *j)
{
    job_set_status(j, JOB_ABORTING);
    if (j->type->abort) {
        j->type->abort(j);
    }
    job_conclude(j);
}

static void job_commit_one(BlockJob *j)
{
    if (j->type->commit) {
        j->type->commit(j);
    }
    job_conclude(j);
}

static bool job_prepare_one(BlockJob *j)
{
    g_autoptr(GError) err = NULL;

    if (!j->type->prepare || j->type->prepare(j, &err)) {
        return true;
    }
    j->result = j->result ? j->result : -EIO;
    g_free(j->error);
    j->error = g_strdup(err->message);
    return false;
}

/* All of @all, which holds jobs that have run, succeed or fail together. */
static void job_finish(GPtrArray *all)
{
    bool ok = true;

    for (unsigned i = 0; i < all->len && ok; i++) {
        ok = job_prepare_one(all->pdata[i]);
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *j = all->pdata[i];

        if (ok) {
            job_commit_one(j);
        } else {
            j->result = j->result ? j->result : -ECANCELED;
            job_abort_one(j);
        }
    }
}

static GPtrArray *job_group(BlockJob *j)
{
    GPtrArray *all = g_ptr_array_new();

    if (!j->txn) {
        g_ptr_array_add(all, j);
    }
    for (unsigned i = 0; j->txn && i < j->txn->jobs->len; i++) {
        g_ptr_array_add(all, j->txn->jobs->pdata[i]);
    }
    return all;
}

static void job_fail_group(BlockJob *j)
{
    g_autoptr(GPtrArray) all = job_group(j);

    if (j->txn) {
        j->txn->aborting = true;
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *other = all->pdata[i];

        if (other != j && !other->ran) {
            other->cancelled = other->forced = true;
            job_wake(other);
        }
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *other = all->pdata[i];

        while (!other->ran && other->started) {
            fiber_queue_wait(&other->changed);
        }
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *other = all->pdata[i];

        other->result = other->result ? other->result : -ECANCELED;
        other->cancelled |= other != j;
        job_abort_one(other);
    }
}

/* Every job of the group waits for the last; that one goes on for all. */
static void job_arrive(BlockJob *j)
{
    g_autoptr(GPtrArray) all = job_group(j);
    bool manual = false;

    job_set_status(j, JOB_WAITING);
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *other = all->pdata[i];

        if (!other->ran) {
            return;
        }
        manual |= other->flags & JOB_MANUAL_FINALIZE;
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockJob *other = all->pdata[i];

        job_set_status(other, JOB_PENDING);
        if (other->flags & JOB_MANUAL_FINALIZE) {
            job_tell(other, JOB_EVENT_PENDING);
        }
    }
    if (!manual) {
        job_finish(all);
    }
}

static void job_main(void *arg)
{
    BlockJob *j = arg;
    bool failed;

    if (!job_point(j, 0) && j->forced) {
        j->result = -ECANCELED;
    } else {
        j->result = j->type->run(j);
    }
    if (j->result && !j->error && j->result != -ECANCELED) {
        j->error = g_strdup(g_strerror(-j->result));
    }
    failed = j->result != 0;
    if (!failed && j->cancelled && (!j->is_ready || j->forced)) {
        failed = true;
        j->result = -ECANCELED;
    }
    if (j->txn && j->txn->aborting) { /* another of the group failed, and ends this one too */
        j->ran = true;
        fiber_queue_wake_all(&j->changed);
        return;
    }
    if (failed) {
        job_set_status(j, JOB_ABORTING);
        j->ran = true;
        job_fail_group(j);
    } else {
        j->ran = true;
        fiber_queue_wake_all(&j->changed);
        job_arrive(j);
    }
}

void block_job_start(BlockJob *j)
{
    j->started = true;
    job_set_status(j, JOB_RUNNING);
    ioloop_post(block_graph_loop(j->jobs->graph), job_main, j);
}

int block_job_wait(BlockJob *j, GError **err)
{
    int result;

    j->waiters++;
    while (!j->gone && (j->status != JOB_CONCLUDED || !(j->flags & JOB_MANUAL_DISMISS))) {
        fiber_queue_wait(&j->changed);
    }
    result = j->result;
    if (result && err) {
        error_set(err, "%s", j->error ? j->error : g_strerror(-result));
    }
    if (--j->waiters == 0 && j->gone) {
        job_free(j);
    }
    return result;
}

void block_jobs_end(BlockJobs *js)
{
    while (js->list->len) {
        BlockJob *j = js->list->pdata[0];

        if (j->status == JOB_CONCLUDED) {
            job_leave(j);
        } else if (!j->started) {
            block_job_drop(j);
        } else if (j->status == JOB_WAITING || j->status == JOB_PENDING) {
            j->cancelled = true;
            j->result = -ECANCELED;
            j->flags &= ~(unsigned)JOB_MANUAL_DISMISS;
            job_fail_group(j);
        } else {
            j->cancelled = j->forced = true;
            j->flags &= ~(unsigned)JOB_MANUAL_DISMISS;
            j->user_paused = false;
            j->waiters++; /* it may end within job_wake */
            job_wake(j);
            (void)block_job_wait(j, NULL);
            if (--j->waiters == 0) {
                job_free(j);
            }
        }
    }
}

/* ---- Verbs ---- */

static bool job_refuses(const BlockJob *j, const char *verb, GError **err)
{
    return error_set(err, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id,
                     job_status_name(j->status), verb);
}

static bool job_is(const BlockJob *j, unsigned mask)
{
    return mask >> j->status & 1;
}

#define IN(s) (1u << JOB_##s)

bool block_job_cancel(BlockJob *j, bool force, GError **err)
{
    if (!job_is(j, IN(CREATED) | IN(RUNNING) | IN(PAUSED) | IN(READY) | IN(STANDBY) | IN(WAITING) |
                       IN(PENDING))) {
        return job_refuses(j, "cancel", err);
    }
    if (j->user_paused && !force && j->is_ready) {
        return error_set(err, "The block job for device '%s' is currently paused", j->id);
    }
    j->cancelled = true;
    j->forced |= force || !j->is_ready;
    j->user_paused = false;
    if (!j->started) {
        j->result = -ECANCELED;
        block_job_abandon(j);
    } else if (job_is(j, IN(WAITING) | IN(PENDING))) {
        j->result = -ECANCELED;
        job_fail_group(j);
    } else {
        job_wake(j);
    }
    return true;
}

bool block_job_pause(BlockJob *j, GError **err)
{
    if (!job_is(j, IN(CREATED) | IN(RUNNING) | IN(READY) | IN(PAUSED) | IN(STANDBY))) {
        return job_refuses(j, "pause", err);
    }
    if (j->user_paused) {
        return error_set(err, "Job is already paused");
    }
    j->user_paused = true;
    job_wake(j);
    return true;
}

bool block_job_resume(BlockJob *j, GError **err)
{
    if (!job_is(j, IN(CREATED) | IN(RUNNING) | IN(READY) | IN(PAUSED) | IN(STANDBY))) {
        return job_refuses(j, "resume", err);
    }
    if (!j->user_paused) {
        return error_set(err, "Can't resume a job that was not paused");
    }
    j->user_paused = false;
    j->io_error = false;
    job_wake(j);
    return true;
}

bool block_job_set_speed(BlockJob *j, int64_t speed, GError **err)
{
    if (!job_is(j, IN(CREATED) | IN(RUNNING) | IN(PAUSED) | IN(READY) | IN(STANDBY))) {
        return job_refuses(j, "set-speed", err);
    }
    if (speed < 0) {
        return error_set(err, "Parameter 'speed' expects a non-negative value");
    }
    j->speed = (uint64_t)speed;
    j->slice_bytes = 0;
    job_wake(j);
    return true;
}

bool block_job_complete(BlockJob *j, GError **err)
{
    if (!job_is(j, IN(READY))) {
        return job_refuses(j, "complete", err);
    }
    if (j->user_paused || j->cancelled || !j->type->complete) {
        return error_set(err, "The active block job '%s' cannot be completed", j->id);
    }
    if (!j->type->complete(j, err)) {
        return false;
    }
    job_wake(j);
    return true;
}

bool block_job_finalize(BlockJob *j, GError **err)
{
    g_autoptr(GPtrArray) all = NULL;

    if (!job_is(j, IN(PENDING))) {
        return job_refuses(j, "finalize", err);
    }
    all = job_group(j);
    job_finish(all);
    return true;
}

bool block_job_dismiss(BlockJob *j, GError **err)
{
    if (!job_is(j, IN(CONCLUDED))) {
        return job_refuses(j, "dismiss", err);
    }
    job_leave(j);
    return true;
}

JobInfo block_job_info(const BlockJob *j)
{
    return (JobInfo){
        .id = j->id,
        .type = j->type->name,
        .error = j->error,
        .status = j->status,
        .offset = j->offset,
        .len = j->total,
        .speed = j->speed,
        .busy = j->started && !j->ran && !j->sleeping,
        .paused = j->user_paused,
        .ready = j->is_ready,
        .auto_finalize = !(j->flags & JOB_MANUAL_FINALIZE),
        .auto_dismiss = !(j->flags & JOB_MANUAL_DISMISS),
        .io_error = j->io_error,
        .io_nospace = j->io_nospace,
        .cancelled = j->ran && j->result == -ECANCELED,
        .flags = j->flags,
        .node = j->node,
    };
}

void job_event_error(const BlockJob *j, bool *write, const char **action)
{
    *write = j->error_write;
    *action = j->error_action;
}

/* ---- While it runs ---- */

BlockGraph *job_graph(BlockJob *j)
{
    return j->jobs->graph;
}

BlockNode *job_node(BlockJob *j)
{
    return j->node;
}

uint64_t job_speed(const BlockJob *j)
{
    return j->speed;
}

void job_set_total(BlockJob *j, uint64_t bytes)
{
    j->total = bytes;
}

void job_add_total(BlockJob *j, int64_t bytes)
{
    j->total += (uint64_t)bytes;
}

void job_done(BlockJob *j, uint64_t bytes)
{
    j->offset += bytes;
}

bool job_is_cancelled(const BlockJob *j)
{
    return j->cancelled && (!j->is_ready || j->forced);
}

bool job_is_soft_cancelled(const BlockJob *j)
{
    return j->cancelled && !job_is_cancelled(j);
}

void job_wake(BlockJob *j)
{
    j->wakes++;
    fiber_queue_wake_all(&j->wake);
}

/* A timer that wakes the job, unless it was woken before. */
typedef struct JobAlarm {
    BlockJob *j;
    uint64_t ns, wakes;
    bool over;
    unsigned refs;
} JobAlarm;

static void job_alarm(void *arg)
{
    JobAlarm *a = arg;
    uint64_t slept = 0;

    while (!a->over && slept < a->ns) { /* in steps: the job may be gone long before */
        uint64_t step = min_u64(a->ns - slept, 50000000);

        io_sleep_ns(step);
        slept += step;
    }
    if (!a->over) {
        fiber_queue_wake_all(&a->j->wake);
    }
    if (--a->refs == 0) {
        g_free(a);
    }
}

void job_sleep(BlockJob *j, uint64_t ns)
{
    JobAlarm *a = g_new0(JobAlarm, 1);
    uint64_t wakes = j->wakes;

    *a = (JobAlarm){ .j = j, .ns = ns, .refs = 2 };
    j->sleeping = true;
    ioloop_post(block_graph_loop(j->jobs->graph), job_alarm, a);
    if (wakes == j->wakes) {
        fiber_queue_wait(&j->wake);
    }
    j->sleeping = false;
    a->over = true;
    if (--a->refs == 0) {
        g_free(a);
    }
}

static void job_pause_here(BlockJob *j)
{
    JobStatus back = j->status;

    job_set_status(j, back == JOB_READY ? JOB_STANDBY : JOB_PAUSED);
    j->sleeping = true;
    while (j->user_paused && !j->forced) {
        fiber_queue_wait(&j->wake);
    }
    j->sleeping = false;
    if (j->status == JOB_STANDBY || j->status == JOB_PAUSED) {
        job_set_status(j, j->is_ready ? JOB_READY : JOB_RUNNING);
    }
}

/* Bytes are given in slices of 100 ms. */
static void job_keep_speed(BlockJob *j, uint64_t bytes)
{
    uint64_t now = (uint64_t)g_get_monotonic_time() * 1000;

    if (!j->speed) {
        return;
    }
    if (now >= j->slice_end_ns) {
        j->slice_end_ns = now + JOB_SLICE_NS;
        j->slice_bytes = 0;
    }
    while (j->speed && !j->cancelled &&
           (uint64_t)j->slice_bytes >= max_u64(j->speed * JOB_SLICE_NS / 1000000000, 1)) {
        uint64_t allowed = max_u64(j->speed * JOB_SLICE_NS / 1000000000, 1);

        now = (uint64_t)g_get_monotonic_time() * 1000;
        if (now < j->slice_end_ns) {
            job_sleep(j, j->slice_end_ns - now);
            continue;
        }
        j->slice_end_ns = now + JOB_SLICE_NS;
        j->slice_bytes -= (int64_t)min_u64(allowed, (uint64_t)j->slice_bytes);
    }
    j->slice_bytes += (int64_t)bytes;
}

bool job_point(BlockJob *j, uint64_t bytes)
{
    io_pause();
    if (bytes) {
        job_keep_speed(j, bytes);
    }
    while (j->user_paused && !j->forced) {
        job_pause_here(j);
    }
    return !job_is_cancelled(j);
}

void job_ready(BlockJob *j)
{
    if (!j->is_ready) {
        j->is_ready = true;
        job_set_status(j, JOB_READY);
        job_tell(j, JOB_EVENT_READY);
    }
}

bool job_error(BlockJob *j, bool write, int error, bool *again)
{
    JobOnError on = write ? j->on_target : j->on_source;

    if (on == JOB_ERROR_ENOSPC) {
        on = error == ENOSPC ? JOB_ERROR_STOP : JOB_ERROR_REPORT;
    }
    j->error_write = write;
    j->error_action = on == JOB_ERROR_IGNORE ? "ignore" : on == JOB_ERROR_STOP ? "stop" : "report";
    job_tell(j, JOB_EVENT_ERROR);
    *again = on == JOB_ERROR_STOP;
    if (on == JOB_ERROR_STOP) {
        j->io_error = true;
        j->io_nospace = error == ENOSPC;
        j->user_paused = true;
        return job_point(j, 0);
    }
    return on == JOB_ERROR_IGNORE;
}

int job_fail(BlockJob *j, int ret, const char *fmt, ...)
{
    va_list ap;

    g_free(j->error);
    va_start(ap, fmt);
    j->error = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return ret;
}
