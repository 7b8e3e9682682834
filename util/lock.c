/* SPDX-License-Identifier: Apache-2.0 */
#include "util/lock.h"
#include "util/error.h"

#include <errno.h>
#include <time.h>

void mutex_init(Mutex *m)
{
    CHECK(!pthread_mutex_init(&m->native, NULL));
}

void mutex_deinit(Mutex *m)
{
    CHECK(!pthread_mutex_destroy(&m->native));
}

void mutex_lock(Mutex *m) NO_LOCK_ANALYSIS
{
    CHECK(!pthread_mutex_lock(&m->native));
}

bool mutex_try_lock(Mutex *m) NO_LOCK_ANALYSIS
{
    return pthread_mutex_trylock(&m->native) == 0;
}

void mutex_unlock(Mutex *m) NO_LOCK_ANALYSIS
{
    CHECK(!pthread_mutex_unlock(&m->native));
}

void cond_init(Cond *c)
{
    pthread_condattr_t attr;

    CHECK(!pthread_condattr_init(&attr));
    CHECK(!pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    CHECK(!pthread_cond_init(&c->native, &attr));
    pthread_condattr_destroy(&attr);
}

void cond_deinit(Cond *c)
{
    CHECK(!pthread_cond_destroy(&c->native));
}

void cond_wait(Cond *c, Mutex *m)
{
    CHECK(!pthread_cond_wait(&c->native, &m->native));
}

bool cond_wait_ns(Cond *c, Mutex *m, int64_t timeout_ns)
{
    struct timespec ts;
    int64_t ns;
    int rc;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ns = ts.tv_nsec + (timeout_ns > 0 ? timeout_ns % 1000000000 : 0);
    ts.tv_sec += (timeout_ns > 0 ? timeout_ns / 1000000000 : 0) + ns / 1000000000;
    ts.tv_nsec = ns % 1000000000;
    rc = pthread_cond_timedwait(&c->native, &m->native, &ts);
    CHECK(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void cond_signal(Cond *c)
{
    CHECK(!pthread_cond_signal(&c->native));
}

void cond_broadcast(Cond *c)
{
    CHECK(!pthread_cond_broadcast(&c->native));
}
