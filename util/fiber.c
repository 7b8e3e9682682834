/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fiber.h"
#include "util/error.h"
#include "util/os/stack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIBER_GUARD = 64 << 10, FIBER_POOL = 256 };

/* Lies at the top of its own stack's mapping. */
struct Fiber {
    StackContext context;
    Fiber *caller; /* runs on when this one yields; NULL: the thread */
    Fiber *next_free;
    FiberFn *fn;
    void *arg;
    void *mapping;
    size_t mapping_len;
    unsigned nesting;
    bool running; /* it, or one that it has started or resumed */
    bool ended;
};

struct FiberWaiter {
    Fiber *fiber;
    FiberWaiter *next;
};

typedef struct FiberThread {
    Fiber *self;
    StackContext context; /* of the thread's own stack */
    Fiber *free;
    unsigned n_free;
} FiberThread;

static __thread FiberThread fiber_thread;

static StackContext *fiber_context(FiberThread *t, Fiber *f)
{
    return f ? &f->context : &t->context;
}

/* From the running stack to @to; returns when somebody comes back. */
static void fiber_switch(FiberThread *t, Fiber *to, bool ends)
{
    Fiber *from = t->self;
    StackContext *here = fiber_context(t, from), *there = fiber_context(t, to);

    t->self = to;
    stack_leave(here, there, ends);
    stack_switch(here, there);
    stack_arrive(here, there);
}

static void fiber_main(void *arg)
{
    Fiber *f = arg;
    FiberThread *t = &fiber_thread;

    stack_arrive(&f->context, fiber_context(t, f->caller));
    f->fn(f->arg);
    f->ended = true;
    fiber_switch(t, f->caller, true);
    CHECK(!"a fiber that has ended ran on");
}

static Fiber *fiber_map(void)
{
    size_t len = FIBER_STACK + FIBER_GUARD;
    uint8_t *m = mmap(NULL, len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    Fiber *f;

    if (m == MAP_FAILED || mprotect(m, FIBER_GUARD, PROT_NONE)) {
        g_error("cannot map the stack of a fiber: %s", g_strerror(errno));
    }
    f = (Fiber *)(void *)(m + len - sizeof(Fiber));
    f = (Fiber *)((uintptr_t)f & ~(uintptr_t)63);
    memset(f, 0, sizeof(*f));
    f->mapping = m;
    f->mapping_len = len;
    f->context.low = m + FIBER_GUARD;
    f->context.size = (size_t)((uint8_t *)f - (m + FIBER_GUARD));
    return f;
}

static void fiber_unmap(Fiber *f)
{
    stack_release(&f->context);
    munmap(f->mapping, f->mapping_len);
}

static void fiber_enter(FiberThread *t, Fiber *f)
{
    f->caller = t->self;
    f->running = true;
    fiber_switch(t, f, false);
    f->running = false;
    if (f->ended) {
        stack_sanitizer_free(&f->context);
        if (t->n_free < FIBER_POOL) {
            f->next_free = t->free;
            t->free = f;
            t->n_free++;
        } else {
            fiber_unmap(f);
        }
    }
}

void fiber_start(FiberFn *fn, void *arg)
{
    FiberThread *t = &fiber_thread;
    Fiber *f = t->free;

    if (f) {
        t->free = f->next_free;
        t->n_free--;
    } else {
        f = fiber_map();
    }
    f->fn = fn;
    f->arg = arg;
    f->ended = false;
    f->nesting = 0;
    f->context.asan_fake = NULL;
    stack_sanitizer_new(&f->context);
    stack_prepare(&f->context, fiber_main, f);
    fiber_enter(t, f);
}

Fiber *fiber_self(void)
{
    return fiber_thread.self;
}

void fiber_yield(void)
{
    FiberThread *t = &fiber_thread;

    CHECK(t->self);
    fiber_switch(t, t->self->caller, false);
}

void fiber_resume(Fiber *f)
{
    CHECK(!f->running);
    fiber_enter(&fiber_thread, f);
}

unsigned *fiber_nesting(void)
{
    CHECK(fiber_thread.self);
    return &fiber_thread.self->nesting;
}

size_t fiber_stack_left(void)
{
    Fiber *f = fiber_thread.self;

    return f ? (size_t)((uint8_t *)__builtin_frame_address(0) - (uint8_t *)f->context.low)
             : SIZE_MAX;
}

void fiber_pool_clear(void)
{
    FiberThread *t = &fiber_thread;

    while (t->free) {
        Fiber *f = t->free;

        t->free = f->next_free;
        fiber_unmap(f);
    }
    t->n_free = 0;
    if (!t->self) {
        stack_release(&t->context);
    }
}

/* ---- Waiting ---- */

void fiber_queue_wait(FiberQueue *q)
{
    FiberWaiter w = { .fiber = fiber_self() };

    if (!q->first) {
        q->last = &q->first;
    }
    *q->last = &w;
    q->last = &w.next;
    fiber_yield();
}

bool fiber_queue_wake(FiberQueue *q)
{
    FiberWaiter *w = q->first;

    if (!w) {
        return false;
    }
    q->first = w->next;
    if (!q->first) {
        q->last = NULL;
    }
    fiber_resume(w->fiber);
    return true;
}

void fiber_queue_wake_all(FiberQueue *q)
{
    FiberWaiter *w = q->first;

    /* The queue may be gone, or wait again, once the first has run. */
    *q = (FiberQueue){ 0 };
    while (w) {
        FiberWaiter *next = w->next;

        fiber_resume(w->fiber);
        w = next;
    }
}

void fiber_lock(FiberMutex *m)
{
    if (m->held) {
        fiber_queue_wait(&m->queue); /* the one before hands it over */
    }
    m->held = true;
}

void fiber_unlock(FiberMutex *m)
{
    CHECK(m->held);
    if (!m->queue.first) {
        m->held = false;
    } else {
        fiber_queue_wake(&m->queue);
    }
}
