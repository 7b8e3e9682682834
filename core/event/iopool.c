/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a loop, for what blocks or computes. They begin when they are needed. */
#include "core/event/ioloop-priv.h"
#include "util/error.h"

#include <errno.h>
#include <string.h>

void iopool_init(IoPool *p, unsigned max)
{
    mutex_init(&p->lock);
    cond_init(&p->wake);
    p->last = &p->first;
    p->max = max;
}

void iopool_deinit(IoPool *p)
{
    mutex_lock(&p->lock);
    p->stop = true;
    cond_broadcast(&p->wake);
    mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++) {
        pthread_join(p->threads[i], NULL);
    }
    mutex_deinit(&p->lock);
    cond_deinit(&p->wake);
}

static void *iopool_thread(void *arg)
{
    IoPool *p = arg;

    mutex_lock(&p->lock);
    for (;;) {
        IoJob *job = p->first;

        if (!job) {
            if (p->stop) {
                break;
            }
            p->idle++;
            cond_wait(&p->wake, &p->lock);
            p->idle--;
            continue;
        }
        p->first = job->next;
        if (!p->first) {
            p->last = &p->first;
        }
        p->queued--;
        mutex_unlock(&p->lock);
        job->fn(job->arg);
        ioloop_post_item(job->loop, &job->done);
        mutex_lock(&p->lock);
    }
    mutex_unlock(&p->lock);
    return NULL;
}

/* One more thread; without any, the caller does the work. */
static void iopool_grow(IoPool *p) REQUIRES(p->lock)
{
    int ret = pthread_create(&p->threads[p->n], NULL, iopool_thread, p);

    if (!ret) {
        pthread_setname_np(p->threads[p->n], "io-worker");
        p->n++;
    } else if (!p->n) {
        g_error("cannot start a thread for input and output: %s", g_strerror(ret));
    }
}

void ioloop_set_limits(IoLoop *l, IoLimits limits)
{
    IoPool *p = &l->pool;

    CHECK(limits.pool_max >= 1 && limits.pool_max <= IO_POOL_MAX);
    __atomic_store_n(&l->batch, limits.batch, __ATOMIC_RELAXED);
    mutex_lock(&p->lock);
    p->max = limits.pool_max;
    while (p->n < MIN(limits.pool_min, limits.pool_max)) {
        unsigned n = p->n;

        iopool_grow(p);
        if (p->n == n) {
            break;
        }
    }
    mutex_unlock(&p->lock);
}

unsigned ioloop_pool_size(IoLoop *l)
{
    unsigned n;

    mutex_lock(&l->pool.lock);
    n = l->pool.n;
    mutex_unlock(&l->pool.lock);
    return n;
}

void iopool_run(IoLoop *l, FiberFn *fn, void *arg)
{
    iopool_run_in(l, &l->pool, fn, arg);
}

void iopool_run_in(IoLoop *l, IoPool *p, FiberFn *fn, void *arg)
{
    IoJob job = { .fn = fn, .arg = arg, .loop = l, .done.fiber = fiber_self() };

    mutex_lock(&p->lock);
    *p->last = &job;
    p->last = &job.next;
    p->queued++;
    if (p->queued > p->idle && p->n < p->max) {
        iopool_grow(p);
    }
    cond_signal(&p->wake);
    mutex_unlock(&p->lock);
    fiber_yield();
}
