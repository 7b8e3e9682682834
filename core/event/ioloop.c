/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event/ioloop.h"
#include "core/event/ioloop-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static __thread IoLoop *ioloop_current;

uint64_t ioloop_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- What is to run ---- */

void ioloop_list_add(IoList *list, IoItem *item)
{
    item->next = NULL;
    if (!list->first) {
        list->last = &list->first;
    }
    *list->last = item;
    list->last = &item->next;
}

void ioloop_post_item(IoLoop *l, IoItem *item)
{
    bool wake;

    mutex_lock(&l->lock);
    ioloop_list_add(&l->posted, item);
    wake = !l->notified && !l->looking && ioloop_current != l;
    l->notified |= wake;
    __atomic_store_n(&l->any_posted, true, __ATOMIC_RELEASE);
    if (wake) { /* under the lock: the loop may be gone once it has seen the item */
        uint64_t one = 1;
        ssize_t n = write(l->event_fd, &one, sizeof(one));

        CHECK(n == sizeof(one));
    }
    mutex_unlock(&l->lock);
}

static void ioloop_run_list(IoList *list)
{
    IoItem *i = list->first;

    while (i) {
        IoItem *next = i->next;

        if (i->fn) {
            FiberFn *fn = i->fn;
            void *arg = i->arg;

            g_free(i);
            fiber_start(fn, arg);
        } else {
            fiber_resume(i->fiber); /* @i was on its stack */
        }
        i = next;
    }
}

void ioloop_event_fd_clear(IoLoop *l)
{
    uint64_t n;
    ssize_t got = read(l->event_fd, &n, sizeof(n));

    CHECK(got == sizeof(n) || errno == EAGAIN || errno == EINTR);
}

/* ---- Timers: a heap, the first due one at 1 ---- */

static IoTimer *ioloop_timer(IoLoop *l, unsigned at)
{
    return g_ptr_array_index(l->timers, at);
}

static void ioloop_timer_put(IoLoop *l, unsigned at, IoTimer *t)
{
    g_ptr_array_index(l->timers, at) = t;
    t->at = at;
}

static void ioloop_timer_up(IoLoop *l, unsigned at, IoTimer *t)
{
    for (; at > 1 && ioloop_timer(l, at / 2)->due_ns > t->due_ns; at /= 2) {
        ioloop_timer_put(l, at, ioloop_timer(l, at / 2));
    }
    ioloop_timer_put(l, at, t);
}

static void ioloop_timer_arm(IoLoop *l, IoTimer *t)
{
    g_ptr_array_add(l->timers, t);
    ioloop_timer_up(l, l->timers->len - 1, t);
}

static void ioloop_timer_cancel(IoLoop *l, IoTimer *t)
{
    unsigned at = t->at, last = l->timers->len - 1, child;
    IoTimer *moved = ioloop_timer(l, last);

    if (!at) {
        return;
    }
    t->at = 0;
    g_ptr_array_set_size(l->timers, (int)last);
    if (moved == t) {
        return;
    }
    for (; (child = at * 2) < last; at = child) {
        if (child + 1 < last &&
            ioloop_timer(l, child + 1)->due_ns < ioloop_timer(l, child)->due_ns) {
            child++;
        }
        if (ioloop_timer(l, child)->due_ns >= moved->due_ns) {
            break;
        }
        ioloop_timer_put(l, at, ioloop_timer(l, child));
    }
    ioloop_timer_up(l, at, moved);
}

static void ioloop_timers_run(IoLoop *l)
{
    uint64_t now;

    if (l->timers->len <= 1) {
        return;
    }
    now = ioloop_now_ns();
    while (l->timers->len > 1 && ioloop_timer(l, 1)->due_ns <= now) {
        IoTimer *t = ioloop_timer(l, 1);

        ioloop_timer_cancel(l, t);
        t->fired = true;
        fiber_resume(t->fiber);
    }
}

static uint64_t ioloop_timeout_ns(IoLoop *l)
{
    uint64_t now, due;

    if (l->ready.first || __atomic_load_n(&l->any_posted, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    if (l->timers->len <= 1) {
        return UINT64_MAX;
    }
    now = ioloop_now_ns();
    due = ioloop_timer(l, 1)->due_ns;
    return due > now ? due - now : 0;
}

/* ---- Descriptors, in the engine of threads ---- */

void ioloop_poll(IoLoop *l, uint64_t timeout_ns)
{
    g_autofree struct pollfd *big = NULL;
    struct pollfd few[32], *fds = few;
    struct timespec ts = { (time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000) };
    unsigned n = 0;
    IoPoll *p;

    if (l->n_polls + 1 > G_N_ELEMENTS(few)) {
        fds = big = g_new(struct pollfd, l->n_polls + 1);
    }
    fds[n++] = (struct pollfd){ .fd = l->event_fd, .events = POLLIN };
    for (p = l->polls; p; p = p->next) {
        fds[n++] = (struct pollfd){ .fd = p->fd, .events = p->events };
    }
    if (ppoll(fds, n, timeout_ns == UINT64_MAX ? NULL : &ts, NULL) <= 0) {
        return;
    }
    if (fds[0].revents) {
        ioloop_event_fd_clear(l);
    }
    /* First mark all, since those who run then add and remove. */
    p = l->polls;
    for (unsigned i = 1; i < n; i++, p = p->next) {
        p->got = fds[i].revents;
    }
    for (p = l->polls; p;) {
        if (p->got && !p->done) {
            p->done = true;
            fiber_resume(p->fiber);
            p = l->polls;
        } else {
            p = p->next;
        }
    }
}

static int ioloop_wait_fd(IoLoop *l, int fd, unsigned events, uint64_t timeout_ns)
{
    IoPoll p = { .fd = fd, .events = (short)events, .fiber = fiber_self() };
    IoTimer t = { .fiber = p.fiber };

    p.next = l->polls;
    p.prev = &l->polls;
    if (p.next) {
        p.next->prev = &p.next;
    }
    l->polls = &p;
    l->n_polls++;
    if (timeout_ns) {
        t.due_ns = ioloop_now_ns() + timeout_ns;
        ioloop_timer_arm(l, &t);
    }
    fiber_yield();
    *p.prev = p.next;
    if (p.next) {
        p.next->prev = p.prev;
    }
    l->n_polls--;
    ioloop_timer_cancel(l, &t);
    return p.done ? p.got : 0;
}

/* ---- The loop ---- */

IoLoop *ioloop_self(void)
{
    return ioloop_current;
}

static void ioloop_set_looking(IoLoop *l, bool on)
{
    mutex_lock(&l->lock);
    l->looking = on;
    if (on) {
        l->look = l->polling;
    }
    mutex_unlock(&l->lock);
}

static bool ioloop_has_something(IoLoop *l)
{
    return __atomic_load_n(&l->any_posted, __ATOMIC_ACQUIRE) ||
           (l->uring && iouring_is_ready(l->uring));
}

/* Looks for what comes instead of sleeping. True: something has come, or it is time. */
static bool ioloop_look(IoLoop *l, uint64_t timeout_ns)
{
    uint64_t begin = ioloop_now_ns(), for_ns = MIN(l->look_ns, timeout_ns);
    bool found;

    ioloop_set_looking(l, true);
    if (l->uring) {
        iouring_submit(l->uring);
    }
    do {
        found = ioloop_has_something(l);
    } while (!found && ioloop_now_ns() - begin < for_ns);
    ioloop_set_looking(l, false);
    return found || __atomic_load_n(&l->any_posted, __ATOMIC_ACQUIRE) || for_ns == timeout_ns;
}

/* How long it has slept tells how long to look the next time. */
static void ioloop_slept(IoLoop *l, uint64_t ns)
{
    enum { FIRST_NS = 4000 };
    uint64_t grow = l->look.grow ? l->look.grow : 2;

    if (ns > l->look.max_ns) {
        l->look_ns = l->look.shrink ? l->look_ns / l->look.shrink : 0;
    } else if (ns > l->look_ns) {
        l->look_ns = MIN(l->look_ns ? l->look_ns * grow : FIRST_NS, l->look.max_ns);
    }
}

static void ioloop_sleep(IoLoop *l, uint64_t timeout_ns)
{
    if (l->uring) {
        iouring_poll(l, timeout_ns);
    } else {
        ioloop_poll(l, timeout_ns);
    }
}

static void ioloop_iterate(IoLoop *l)
{
    uint64_t timeout_ns = ioloop_timeout_ns(l);
    IoList list;

    if (timeout_ns && __atomic_load_n(&l->polling_set, __ATOMIC_RELAXED)) {
        uint64_t begin = ioloop_now_ns();
        bool found = ioloop_look(l, timeout_ns);

        ioloop_sleep(l, found ? 0 : timeout_ns);
        ioloop_slept(l, ioloop_now_ns() - begin);
    } else {
        ioloop_sleep(l, timeout_ns);
    }
    l->at_once_n = 0;
    l->at_once_bytes = 0;
    mutex_lock(&l->lock);
    list = l->posted;
    l->posted = (IoList){ 0 };
    l->notified = false;
    __atomic_store_n(&l->any_posted, false, __ATOMIC_RELAXED);
    mutex_unlock(&l->lock);
    ioloop_run_list(&list);
    list = l->ready;
    l->ready = (IoList){ 0 };
    ioloop_run_list(&list);
    ioloop_timers_run(l);
}

static void *ioloop_thread(void *arg)
{
    IoLoop *l = arg;

    ioloop_current = l;
    __atomic_store_n(&l->tid, (int)gettid(), __ATOMIC_RELEASE);
    while (!l->stop) {
        ioloop_iterate(l);
    }
    fiber_pool_clear();
    return NULL;
}

IoLoop *ioloop_new(const char *name, IoEngine engine, GError **err)
{
    IoLoop *l = g_new0(IoLoop, 1);

    l->name = g_strdup(name);
    mutex_init(&l->lock);
    iopool_init(&l->pool, IO_POOL_MAX);
    iopool_init(&l->helpers, IO_HELPERS);
    l->has_helpers = g_get_num_processors() > 1;
    l->timers = g_ptr_array_new();
    g_ptr_array_add(l->timers, NULL);
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->event_fd < 0) {
        error_set(err, "cannot make a descriptor for events: %s", g_strerror(errno));
        ioloop_free(l);
        return NULL;
    }
    if (engine != IO_ENGINE_THREADS) {
        l->uring = iouring_new(l);
        if (!l->uring && engine == IO_ENGINE_URING) {
            error_set(err, "this host has no io_uring, or forbids it here; aio=threads works");
            ioloop_free(l);
            return NULL;
        }
    }
    return l;
}

IoLoop *ioloop_new_thread(const char *name, IoEngine engine, GError **err)
{
    IoLoop *l = ioloop_new(name, engine, err);
    int ret;

    if (!l) {
        return NULL;
    }
    ret = pthread_create(&l->thread, NULL, ioloop_thread, l);
    if (ret) {
        error_set(err, "cannot start a thread for input and output: %s", g_strerror(ret));
        ioloop_free(l);
        return NULL;
    }
    pthread_setname_np(l->thread, name);
    l->has_thread = true;
    return l;
}

static void ioloop_stop(void *arg)
{
    IoLoop *l = arg;

    l->stop = true;
}

void ioloop_free(IoLoop *l)
{
    if (l->has_thread) {
        ioloop_post(l, ioloop_stop, l);
        pthread_join(l->thread, NULL);
    }
    iopool_deinit(&l->pool);
    iopool_deinit(&l->helpers);
    if (l->uring) {
        iouring_free(l->uring);
    }
    if (l->event_fd >= 0) {
        close(l->event_fd);
    }
    g_ptr_array_free(l->timers, TRUE);
    mutex_deinit(&l->lock);
    g_free(l->name);
    g_free(l);
}

const char *ioloop_name(const IoLoop *l)
{
    return l->name;
}

int ioloop_tid(const IoLoop *l)
{
    return __atomic_load_n(&l->tid, __ATOMIC_ACQUIRE);
}

void ioloop_set_polling(IoLoop *l, IoPolling p)
{
    mutex_lock(&l->lock);
    l->polling = p;
    __atomic_store_n(&l->polling_set, p.max_ns != 0, __ATOMIC_RELAXED);
    mutex_unlock(&l->lock);
}

const char *ioloop_engine_name(const IoLoop *l)
{
    return l->uring ? "io_uring" : "threads";
}

void ioloop_post(IoLoop *l, FiberFn *fn, void *arg)
{
    IoItem *i = g_new(IoItem, 1);

    *i = (IoItem){ .fn = fn, .arg = arg };
    ioloop_post_item(l, i);
}

typedef struct IoRun {
    FiberFn *fn;
    void *arg;
    bool other_thread, ended;
    Mutex lock;
    Cond wake;
} IoRun;

static void ioloop_run_fiber(void *arg)
{
    IoRun *r = arg;

    r->fn(r->arg);
    if (!r->other_thread) {
        r->ended = true;
        return;
    }
    mutex_lock(&r->lock);
    r->ended = true;
    cond_signal(&r->wake);
    mutex_unlock(&r->lock);
}

void ioloop_run(IoLoop *l, FiberFn *fn, void *arg)
{
    IoRun r = { .fn = fn, .arg = arg, .other_thread = l->has_thread };
    IoLoop *before = ioloop_current;

    if (ioloop_current == l && fiber_self()) {
        fn(arg);
        return;
    }
    if (!l->has_thread) {
        CHECK(!fiber_self());
        ioloop_current = l;
        fiber_start(ioloop_run_fiber, &r);
        while (!r.ended) {
            ioloop_iterate(l);
        }
        ioloop_current = before;
        return;
    }
    CHECK(ioloop_current != l);
    mutex_init(&r.lock);
    cond_init(&r.wake);
    ioloop_post(l, ioloop_run_fiber, &r);
    mutex_lock(&r.lock);
    while (!r.ended) {
        cond_wait(&r.wake, &r.lock);
    }
    mutex_unlock(&r.lock);
    mutex_deinit(&r.lock);
    cond_deinit(&r.wake);
}

/* ---- In fibers ---- */

void io_work(FiberFn *fn, void *arg)
{
    iopool_run(ioloop_current, fn, arg);
}

void io_sleep_ns(uint64_t ns)
{
    IoTimer t = { .due_ns = ioloop_now_ns() + ns, .fiber = fiber_self() };

    ioloop_timer_arm(ioloop_current, &t);
    fiber_yield();
}

int io_wait_fd(int fd, unsigned events, uint64_t timeout_ns)
{
    IoLoop *l = ioloop_current;

    return l->uring ? iouring_wait_fd(l, fd, events, timeout_ns)
                    : ioloop_wait_fd(l, fd, events, timeout_ns);
}

void io_pause(void)
{
    IoItem i = { .fiber = fiber_self() };

    ioloop_list_add(&ioloop_current->ready, &i);
    fiber_yield();
}
