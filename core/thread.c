/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to the running thread: the vCPU it runs, the device lock it holds, and the work
 * that left a device while the lock was held (rules.md 1).
 */
#include "core/core-priv.h"

enum { WORK_IN_PLACE = 16 };

/* Work in order: `here`, then `more`, which exists only while `here` has overflown. */
typedef struct ThreadContext {
    Cpu *cpu;
    Device *held;
    bool draining;
    unsigned head, n;
    unsigned more_head;
    GArray *more; /* of Work */
    Work here[WORK_IN_PLACE];
} ThreadContext;

static __thread ThreadContext thread_context;

Cpu *cpu_current(void)
{
    return thread_context.cpu;
}

void thread_set_cpu(Cpu *cpu)
{
    thread_context.cpu = cpu;
}

Device *thread_held(void)
{
    return thread_context.held;
}

void thread_set_held(Device *dev)
{
    thread_context.held = dev;
}

void machine_lock_debug_check(void)
{
    DCHECK(!thread_context.held);
}

static bool thread_pop(ThreadContext *t, Work *w)
{
    if (t->head < t->n) {
        *w = t->here[t->head++];
        return true;
    }
    if (t->more && t->more_head < t->more->len) {
        *w = g_array_index(t->more, Work, t->more_head++);
        return true;
    }
    t->head = t->n = t->more_head = 0;
    if (t->more) {
        g_array_free(t->more, TRUE);
        t->more = NULL;
    }
    return false;
}

static void thread_push(ThreadContext *t, const Work *w)
{
    if (!t->more && t->n < WORK_IN_PLACE) {
        t->here[t->n++] = *w;
        return;
    }
    if (!t->more) {
        t->more = g_array_new(FALSE, FALSE, sizeof(Work));
    }
    if (t->more->len - t->more_head < WORK_POSTED_MAX) {
        g_array_append_vals(t->more, w, 1);
    }
}

static Machine *work_machine(const Work *w)
{
    switch (w->kind) {
    case WORK_PIN:
    case WORK_PULSE:
        return w->pin->dev->machine;
    case WORK_STORE:
        return w->store.as->machine;
    case WORK_CALL:
        break;
    }
    return w->call.dev->machine;
}

void work_run(const Work *w)
{
    switch (w->kind) {
    case WORK_PIN:
        pin_deliver(w->pin, false);
        break;
    case WORK_PULSE:
        pin_deliver(w->pin, true);
        break;
    case WORK_STORE:
        aspace_store(w->store.as, w->store.addr, w->store.size, w->store.val, w->store.attrs);
        break;
    case WORK_CALL:
        device_enter(w->call.dev);
        w->call.fn(w->call.dev, w->call.arg);
        device_leave(w->call.dev);
        break;
    }
}

static void thread_run_late(void *arg)
{
    g_autofree Work *w = arg;

    work_run(w);
}

void thread_drain(void)
{
    ThreadContext *t = &thread_context;
    Work w;

    if (t->held || t->draining || (!t->n && !t->more)) {
        return;
    }
    t->draining = true;
    for (unsigned rounds = 0; thread_pop(t, &w); rounds++) {
        if (rounds < WORK_ROUNDS_MAX) {
            work_run(&w);
        } else {
            /* Pins that feed each other for ever must not hold up the access that began it. */
            loop_post(work_machine(&w), thread_run_late, g_memdup2(&w, sizeof(w)));
        }
    }
    t->draining = false;
}

void device_drain(Machine *m)
{
    (void)m;
    thread_drain();
}

void thread_post_work(const Work *w)
{
    thread_push(&thread_context, w);
    thread_drain();
}
