/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event/loop.h"
#include "core/core-priv.h"

#include <glib-unix.h>

enum { WORKERS = 4 };

typedef struct LoopCall {
    LoopFn *fn;
    void *arg;
} LoopCall;

typedef struct LoopWatch {
    GSource *source;
    LoopFdFn *fd_fn;
    LoopFn *fn;
    void *arg;
    Machine *machine;
    unsigned id;
} LoopWatch;

typedef struct LoopJob {
    Machine *machine;
    LoopFn *work, *done;
    void *arg;
} LoopJob;

struct LogSink *loop_log(Machine *m)
{
    return machine_log(m);
}

void *loop_find_backend(Machine *m, const char *kind, const char *id)
{
    return machine_find_backend(m, kind, id);
}

void loop_tell_event(Machine *m, const char *text)
{
    machine_post_event(m, EVENT_DEVICE, text);
}

GMainContext *loop_context(Machine *m)
{
    return m->loop.context;
}

bool loop_is_current(Machine *m)
{
    return pthread_equal(m->loop.thread, pthread_self());
}

void loop_adopt_thread(Machine *m)
{
    m->loop.thread = pthread_self();
}

/* ---- Posted calls ---- */

void loop_run_posted(Machine *m)
{
    LoopState *l = &m->loop;
    unsigned n;

    g_source_set_ready_time(l->post_source, -1);
    mutex_lock(&l->lock);
    n = l->posted.length; /* what is posted meanwhile has its turn in the next round */
    while (n-- && l->posted.length) {
        LoopCall *call = g_queue_pop_head(&l->posted);

        mutex_unlock(&l->lock);
        call->fn(call->arg);
        g_free(call);
        mutex_lock(&l->lock);
    }
    if (l->posted.length) {
        g_source_set_ready_time(l->post_source, 0);
    }
    mutex_unlock(&l->lock);
}

bool loop_has_posted(Machine *m)
{
    bool has;

    mutex_lock(&m->loop.lock);
    has = m->loop.posted.length != 0;
    mutex_unlock(&m->loop.lock);
    return has;
}

static gboolean loop_dispatch_posted(GSource *source, GSourceFunc fn, gpointer arg)
{
    loop_run_posted(*(Machine **)(source + 1));
    return G_SOURCE_CONTINUE;
}

void loop_post(Machine *m, LoopFn *fn, void *arg)
{
    LoopCall *call = g_new(LoopCall, 1);

    *call = (LoopCall){ fn, arg };
    mutex_lock(&m->loop.lock);
    g_queue_push_tail(&m->loop.posted, call);
    g_source_set_ready_time(m->loop.post_source, 0);
    mutex_unlock(&m->loop.lock);
    if (m->turns.running && m->turns.running == cpu_current()) {
        cpu_request(m->turns.running, REQ_EXIT); /* it is done when the slice ends: now */
    }
}

void loop_unpost(Machine *m, LoopFn *fn, void *arg)
{
    mutex_lock(&m->loop.lock);
    for (GList *l = m->loop.posted.head; l;) {
        GList *next = l->next;
        LoopCall *call = l->data;

        if (call->fn == fn && call->arg == arg) {
            g_free(call);
            g_queue_delete_link(&m->loop.posted, l);
        }
        l = next;
    }
    mutex_unlock(&m->loop.lock);
}

typedef struct LoopWait {
    LoopFn *fn;
    void *arg;
    Mutex lock;
    Cond cond;
    bool done;
} LoopWait;

static void loop_run_waited(void *arg)
{
    LoopWait *w = arg;

    w->fn(w->arg);
    mutex_lock(&w->lock);
    w->done = true;
    cond_signal(&w->cond);
    mutex_unlock(&w->lock);
}

void loop_post_wait(Machine *m, LoopFn *fn, void *arg)
{
    LoopWait w = { .fn = fn, .arg = arg };

    if (loop_is_current(m)) {
        fn(arg);
        return;
    }
    CHECK(!cpu_current()); /* the loop may be waiting for this CPU to stop */
    mutex_init(&w.lock);
    cond_init(&w.cond);
    loop_post(m, loop_run_waited, &w);
    mutex_lock(&w.lock);
    while (!w.done) {
        cond_wait(&w.cond, &w.lock);
    }
    mutex_unlock(&w.lock);
    cond_deinit(&w.cond);
    mutex_deinit(&w.lock);
}

/* ---- Watches and timeouts ---- */

static void loop_watch_free(void *arg)
{
    LoopWatch *w = arg;

    mutex_lock(&w->machine->loop.lock);
    g_hash_table_remove(w->machine->loop.watches, GUINT_TO_POINTER(w->id));
    mutex_unlock(&w->machine->loop.lock);
    g_free(w);
}

static gboolean loop_fd_ready(int fd, GIOCondition cond, gpointer arg)
{
    LoopWatch *w = arg;

    return w->fd_fn(fd, cond, w->arg);
}

static gboolean loop_timed_out(gpointer arg)
{
    LoopWatch *w = arg;

    w->fn(w->arg);
    return G_SOURCE_REMOVE;
}

static unsigned loop_attach(Machine *m, LoopWatch *w, GSource *source, GSourceFunc fn)
{
    unsigned id;

    w->machine = m;
    w->source = source;
    mutex_lock(&m->loop.lock);
    id = w->id = ++m->loop.next_id;
    g_hash_table_insert(m->loop.watches, GUINT_TO_POINTER(id), source);
    mutex_unlock(&m->loop.lock);
    g_source_set_callback(source, fn, w, loop_watch_free);
    g_source_attach(source, m->loop.context);
    g_source_unref(source);
    return id;
}

unsigned loop_watch_fd(Machine *m, int fd, unsigned events, LoopFdFn *fn, void *arg)
{
    LoopWatch *w = g_new0(LoopWatch, 1);

    w->fd_fn = fn;
    w->arg = arg;
    return loop_attach(m, w, g_unix_fd_source_new(fd, (GIOCondition)events),
                       (GSourceFunc)(void (*)(void))loop_fd_ready);
}

unsigned loop_timeout_ms(Machine *m, unsigned ms, LoopFn *fn, void *arg)
{
    LoopWatch *w = g_new0(LoopWatch, 1);

    w->fn = fn;
    w->arg = arg;
    return loop_attach(m, w, g_timeout_source_new(ms), loop_timed_out);
}

void loop_unwatch(Machine *m, unsigned id)
{
    GSource *source;

    mutex_lock(&m->loop.lock);
    source = g_hash_table_lookup(m->loop.watches, GUINT_TO_POINTER(id));
    if (source) {
        g_source_ref(source);
    }
    mutex_unlock(&m->loop.lock);
    if (source) {
        g_source_destroy(source);
        g_source_unref(source);
    }
}

/* ---- Workers ---- */

static void loop_job_end(LoopJob *job)
{
    LoopState *l = &job->machine->loop;

    mutex_lock(&l->lock);
    l->working--;
    cond_broadcast(&l->idle);
    mutex_unlock(&l->lock);
    g_free(job);
}

static void loop_job_done(void *arg)
{
    LoopJob *job = arg;

    job->done(job->arg);
    loop_job_end(job);
}

/* The job was made before: ThreadSanitizer, which cannot see the pool's queue, sees this. */
static __attribute__((noinline)) void loop_job_begin(Machine *m)
{
    mutex_lock(&m->loop.lock);
    mutex_unlock(&m->loop.lock);
}

static void loop_job_run(gpointer arg, gpointer machine)
{
    LoopJob *job = arg;
    Machine *m = machine;

    loop_job_begin(m);
    job->work(job->arg);
    if (job->done) {
        loop_post(m, loop_job_done, job);
    } else {
        loop_job_end(job);
    }
}

void loop_work(Machine *m, LoopFn *work, LoopFn *done, void *arg)
{
    LoopJob *job;

    if (m->turns.on && turns_work(m, work, done, arg)) {
        return;
    }
    job = g_new(LoopJob, 1);
    *job = (LoopJob){ m, work, done, arg };
    mutex_lock(&m->loop.lock);
    if (!m->loop.pool) {
        m->loop.pool = g_thread_pool_new(loop_job_run, m, WORKERS, FALSE, NULL);
    }
    m->loop.working++;
    mutex_unlock(&m->loop.lock);
    g_thread_pool_push(m->loop.pool, job, NULL);
}

/* ---- What others run ---- */

void loop_hold(Machine *m)
{
    mutex_lock(&m->loop.lock);
    m->loop.held++;
    mutex_unlock(&m->loop.lock);
}

void loop_release(Machine *m)
{
    mutex_lock(&m->loop.lock);
    m->loop.held--;
    cond_broadcast(&m->loop.idle);
    mutex_unlock(&m->loop.lock);
}

bool loop_is_ordered(Machine *m)
{
    return m->turns.on && icount_config(m) && !m->turns.config.automatic;
}

void loop_keep(Machine *m, void *data, void (*free_fn)(void *))
{
    CHECK(!m->loop.kept);
    m->loop.kept = data;
    m->loop.kept_free = free_fn;
}

void *loop_kept(Machine *m)
{
    return m->loop.kept;
}

/* ---- Of the machine ---- */

bool loop_iterate(Machine *m, bool may_block)
{
    return g_main_context_iteration(m->loop.context, may_block);
}

void loop_init(Machine *m)
{
    static const GSourceFuncs funcs = { .dispatch = loop_dispatch_posted };
    LoopState *l = &m->loop;

    l->context = g_main_context_new();
    l->thread = pthread_self();
    mutex_init(&l->lock);
    cond_init(&l->idle);
    g_queue_init(&l->posted);
    l->watches = g_hash_table_new(NULL, NULL);
    l->post_source = g_source_new((GSourceFuncs *)&funcs, sizeof(GSource) + sizeof(Machine *));
    *(Machine **)(l->post_source + 1) = m;
    g_source_attach(l->post_source, l->context);
}

/* Lets jobs and what they post end. */
void loop_stop_workers(Machine *m)
{
    if (m->loop.pool) {
        g_thread_pool_free(m->loop.pool, FALSE, TRUE);
        m->loop.pool = NULL;
    }
    for (bool busy = true; busy;) {
        while (g_main_context_iteration(m->loop.context, FALSE)) {
        }
        mutex_lock(&m->loop.lock);
        busy = m->loop.held || m->loop.posted.length;
        if (m->loop.held) {
            cond_wait(&m->loop.idle, &m->loop.lock);
        }
        mutex_unlock(&m->loop.lock);
    }
}

void loop_deinit(Machine *m)
{
    LoopState *l = &m->loop;
    GList *sources = g_hash_table_get_values(l->watches);

    if (l->kept) {
        l->kept_free(l->kept);
    }
    g_list_foreach(sources, (GFunc)(void (*)(void))g_source_ref, NULL);
    for (GList *s = sources; s; s = s->next) {
        g_source_destroy(s->data);
        g_source_unref(s->data);
    }
    g_list_free(sources);
    g_source_destroy(l->post_source);
    g_source_unref(l->post_source);
    g_queue_clear_full(&l->posted, g_free);
    g_hash_table_destroy(l->watches);
    g_main_context_unref(l->context);
    cond_deinit(&l->idle);
    mutex_deinit(&l->lock);
}
