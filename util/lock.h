/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes and conditions with clang's thread-safety annotations, and the roles of threads.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__clang__)
#define LOCK_ATTR(x) __attribute__((x))
#else
#define LOCK_ATTR(x)
#endif

#define CAPABILITY(name)  LOCK_ATTR(capability(name))
#define GUARDED_BY(lock)  /* said to the reader: clang cannot check members of C structs */
#define REQUIRES(...)     LOCK_ATTR(requires_capability(__VA_ARGS__))
#define EXCLUDES(...)     LOCK_ATTR(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...)     LOCK_ATTR(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRES(...) LOCK_ATTR(try_acquire_capability(__VA_ARGS__))
#define RELEASES(...)     LOCK_ATTR(release_capability(__VA_ARGS__))
#define NO_LOCK_ANALYSIS  LOCK_ATTR(no_thread_safety_analysis)

/* Which thread may call: documentation that stands at every callback and entry point. */
#define VCPU_THREAD /* the thread of that vCPU only */
#define LOOP_THREAD /* the machine's main loop only */
#define ANY_THREAD  /* any thread */
#define FIBER       /* a fiber: may block */

typedef struct CAPABILITY("mutex") Mutex {
    pthread_mutex_t native;
} Mutex;

typedef struct Cond {
    pthread_cond_t native;
} Cond;

void mutex_init(Mutex *m);
void mutex_deinit(Mutex *m);
void mutex_lock(Mutex *m) ACQUIRES(*m);
/* False at once where another has it. */
bool mutex_try_lock(Mutex *m) TRY_ACQUIRES(true, *m);
void mutex_unlock(Mutex *m) RELEASES(*m);

void cond_init(Cond *c);
void cond_deinit(Cond *c);
/* May wake without a reason: callers loop over their condition. */
void cond_wait(Cond *c, Mutex *m) REQUIRES(*m);
/* As cond_wait, but false once @timeout_ns of CLOCK_MONOTONIC have passed. */
bool cond_wait_ns(Cond *c, Mutex *m, int64_t timeout_ns) REQUIRES(*m);
void cond_signal(Cond *c);
void cond_broadcast(Cond *c);

#endif
