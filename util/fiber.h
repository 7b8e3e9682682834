/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: functions with a stack of their own that wait without holding their thread. Straight
 * code for what would be callbacks. A fiber runs on the thread that started it, always.
 */
#ifndef UTIL_FIBER_H
#define UTIL_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Fiber Fiber;
typedef void FiberFn(void *arg);

enum { FIBER_STACK = 256 << 10 }; /* with a guard page below; keep big arrays off it */

/* Run @fn in a new fiber, now; returns at its first yield, or when it has ended (and is gone).
 * Stacks are pooled by thread. May be called in a fiber. */
void fiber_start(FiberFn *fn, void *arg);
/* The running fiber; NULL on a thread's own stack. */
Fiber *fiber_self(void);
/* Back to who started or resumed this fiber, until fiber_resume. FIBER */
void fiber_yield(void);
/* Run @f on until it yields or ends. On its thread only; @f has yielded. */
void fiber_resume(Fiber *f);
/* Of the running fiber, 0 at its start: how deep it is in what must not be held up (requests
 * within requests, sections of block_node_drain). FIBER */
unsigned *fiber_nesting(void);
/* Bytes of stack below the caller: what recurses by a file's word looks. SIZE_MAX in no fiber. */
size_t fiber_stack_left(void);
/* Free the stacks kept for later on this thread: before it ends. */
void fiber_pool_clear(void);

/* Those who wait, first come first served. Zero-initialised. One thread. */
typedef struct FiberWaiter FiberWaiter;
typedef struct FiberQueue {
    FiberWaiter *first, **last;
} FiberQueue;

/* FIBER: until woken. */
void fiber_queue_wait(FiberQueue *q);
/* Wakes one / all: they run before these return. */
bool fiber_queue_wake(FiberQueue *q);
void fiber_queue_wake_all(FiberQueue *q);

/* Mutual exclusion among the fibers of one thread, fair. Zero-initialised. FIBER */
typedef struct FiberMutex {
    bool held;
    FiberQueue queue;
} FiberMutex;

void fiber_lock(FiberMutex *m);
void fiber_unlock(FiberMutex *m);

#endif
