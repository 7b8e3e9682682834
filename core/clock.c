/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and timers: a heap of armed timers a clock, one GSource of the main loop that fires them.
 */
#include "core/core-priv.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_host_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* ---- Reading ---- */

static int64_t clock_machine_ns(Machine *m)
{
    ClockState *c = &m->clock;

    if (c->mode == CLOCK_MODE_VIRTUAL && m->turns.running) {
        return clock_add(c->offset, turns_partial_ns(m));
    }
    for (;;) {
        int64_t by_line;

        if (line_now(&c->line, &by_line)) {
            return by_line;
        }

        uint32_t seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
        bool running = __atomic_load_n(&c->running, __ATOMIC_ACQUIRE);
        int64_t offset = __atomic_load_n(&c->offset, __ATOMIC_ACQUIRE);
        int64_t now = running ? clock_host_ns(CLOCK_MONOTONIC) + offset : offset;

        if (!(seq & 1) && __atomic_load_n(&c->seq, __ATOMIC_RELAXED) == seq) {
            return now;
        }
    }
}

int64_t machine_now_ns(Machine *m)
{
    return clock_machine_ns(m);
}

int64_t clock_now_ns(Machine *m, MachineClock clock)
{
    switch (clock) {
    case CLOCK_MACHINE:
        return clock_machine_ns(m);
    case CLOCK_RTC:
        if (m->clock.mode == CLOCK_MODE_VIRTUAL || m->clock.rtc_is_machine) {
            return clock_machine_ns(m) + __atomic_load_n(&m->clock.rtc_offset, __ATOMIC_RELAXED);
        }
        return clock_host_ns(CLOCK_REALTIME) +
               __atomic_load_n(&m->clock.rtc_offset, __ATOMIC_RELAXED);
    default:
        return clock_host_ns(CLOCK_MONOTONIC);
    }
}

const ClockLine *clock_line(Machine *m)
{
    return m->clock.line.usable ? &m->clock.line.line : NULL;
}

/* Machine time is @now_ns, and moves if @running. Context: the clock lock is held. */
static void clock_set(Machine *m, bool running, int64_t now_ns) REQUIRES(m->clock.lock)
{
    ClockState *c = &m->clock;
    int64_t offset = running ? now_ns - clock_host_ns(CLOCK_MONOTONIC) : now_ns;

    __atomic_store_n(&c->running, running, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->offset, offset, __ATOMIC_SEQ_CST);
    if (running) {
        line_start(&c->line, offset);
    }
}

/* Readers wait meanwhile. */
static void clock_change_begin(Machine *m) REQUIRES(m->clock.lock)
{
    __atomic_add_fetch(&m->clock.seq, 1, __ATOMIC_SEQ_CST);
}

static void clock_change_end(Machine *m) REQUIRES(m->clock.lock)
{
    __atomic_add_fetch(&m->clock.seq, 1, __ATOMIC_SEQ_CST);
}

static void clock_set_virtual(Machine *m, int64_t now_ns)
{
    mutex_lock(&m->clock.lock);
    clock_change_begin(m);
    clock_set(m, false, now_ns);
    clock_change_end(m);
    mutex_unlock(&m->clock.lock);
}

ClockMode clock_mode(Machine *m)
{
    return m->clock.mode;
}

void clock_set_mode(Machine *m, ClockMode mode)
{
    CHECK(!m->started);
    m->clock.mode = mode;
}

void clock_set_rtc_machine(Machine *m)
{
    int64_t now = clock_now_ns(m, CLOCK_RTC);

    CHECK(!m->started);
    m->clock.rtc_is_machine = true;
    clock_set_rtc_ns(m, now);
}

void clock_set_rtc_ns(Machine *m, int64_t rtc_ns)
{
    int64_t delta = rtc_ns - clock_now_ns(m, CLOCK_RTC);

    __atomic_add_fetch(&m->clock.rtc_offset, delta, __ATOMIC_SEQ_CST);
}

/* ---- The heap; place i is heap[i - 1], 0 is none ---- */

static Timer *clock_heap_at(GPtrArray *h, unsigned i)
{
    return g_ptr_array_index(h, i - 1);
}

static void clock_heap_put(GPtrArray *h, unsigned i, Timer *t)
{
    h->pdata[i - 1] = t;
    t->heap_index = i;
}

/* Timers due at the same time fire in the order in which they were made, whatever was armed when.
 */
static bool clock_is_before(const Timer *a, const Timer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->number < b->number;
}

static void clock_heap_up(GPtrArray *h, unsigned i)
{
    Timer *t = clock_heap_at(h, i);

    while (i > 1 && clock_is_before(t, clock_heap_at(h, i / 2))) {
        clock_heap_put(h, i, clock_heap_at(h, i / 2));
        i /= 2;
    }
    clock_heap_put(h, i, t);
}

static void clock_heap_down(GPtrArray *h, unsigned i)
{
    Timer *t = clock_heap_at(h, i);

    while (2 * i <= h->len) {
        unsigned child = 2 * i;

        if (child < h->len &&
            clock_is_before(clock_heap_at(h, child + 1), clock_heap_at(h, child))) {
            child++;
        }
        if (!clock_is_before(clock_heap_at(h, child), t)) {
            break;
        }
        clock_heap_put(h, i, clock_heap_at(h, child));
        i = child;
    }
    clock_heap_put(h, i, t);
}

static void clock_heap_remove(GPtrArray *h, Timer *t)
{
    unsigned i = t->heap_index;
    Timer *last = clock_heap_at(h, h->len);

    g_ptr_array_set_size(h, (int)h->len - 1);
    t->heap_index = 0;
    if (last != t) {
        clock_heap_put(h, i, last);
        clock_heap_up(h, i);
        clock_heap_down(h, last->heap_index);
    }
}

/* ---- Arming ---- */

/* Context: the clock lock is held. */
static void clock_set_wake(Machine *m, int64_t at) REQUIRES(m->clock.lock)
{
    ClockState *c = &m->clock;
    struct itimerspec spec = { 0 };

    if (at < c->wake_at_ns) {
        c->wake_at_ns = at;
        spec.it_value.tv_sec = at / NS_PER_S;
        spec.it_value.tv_nsec = at % NS_PER_S;
        CHECK(!timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &spec, NULL));
    }
}

/*
 * Make the loop look at the clocks when the next timer is due. A timerfd, because a vCPU that arms
 * its timer must not have to wake the loop for it, and because a GMainContext waits in
 * milliseconds. It is moved forward only: where the first timer went away or became later the
 * loop wakes once for nothing. Context: the clock lock is held.
 */
static void clock_reschedule(Machine *m) REQUIRES(m->clock.lock)
{
    ClockState *c = &m->clock;
    int64_t wait = INT64_MAX;

    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        bool real = c->mode == CLOCK_MODE_REAL;
        bool machine = i == CLOCK_MACHINE || (i == CLOCK_RTC && c->rtc_is_machine);
        bool moves = i == CLOCK_HOST || (real && (!machine || c->running));

        if (c->heaps[i]->len && moves) {
            int64_t left = clock_add(clock_heap_at(c->heaps[i], 1)->deadline_ns,
                                     -clock_now_ns(m, (MachineClock)i));

            /* The wall clock may be set meanwhile. */
            left = i == CLOCK_RTC && left > NS_PER_S ? NS_PER_S : left;
            wait = left < wait ? left : wait;
        }
    }
    if (wait == INT64_MAX) {
        return;
    }
    clock_set_wake(m, clock_add(clock_host_ns(CLOCK_MONOTONIC), wait > 0 ? wait : 0));
}

void timer_init(Timer *t, Machine *m, MachineClock clock, TimerFn *fn, void *opaque)
{
    *t = (Timer){ .machine = m, .fn = fn, .opaque = opaque, .clock = (uint8_t)clock };
    t->number = __atomic_add_fetch(&m->clock.n_timers, 1, __ATOMIC_RELAXED);
}

void timer_deinit(Timer *t)
{
    Machine *m = t->machine;

    if (!m) {
        return;
    }
    timer_cancel(t);
    mutex_lock(&m->clock.lock);
    while (m->clock.firing == t && !loop_is_current(m)) {
        cond_wait(&m->clock.fired, &m->clock.lock);
    }
    mutex_unlock(&m->clock.lock);
}

void timer_arm_at_ns(Timer *t, int64_t when_ns)
{
    Machine *m = t->machine;
    GPtrArray *h = m->clock.heaps[t->clock];
    bool was_first;

    mutex_lock(&m->clock.lock);
    was_first = t->heap_index == 1;
    t->armings++;
    __atomic_store_n(&t->deadline_ns, when_ns, __ATOMIC_RELAXED);
    if (!t->heap_index) {
        g_ptr_array_add(h, t);
        t->heap_index = h->len;
    }
    clock_heap_up(h, t->heap_index);
    clock_heap_down(h, t->heap_index);
    if (was_first || t->heap_index == 1) {
        clock_reschedule(m);
    }
    if (t->heap_index == 1 && t->clock != CLOCK_HOST && m->turns.running) {
        turns_deadline(m,
                       t->clock == CLOCK_RTC ? clock_add(when_ns, -m->clock.rtc_offset) : when_ns);
    }
    mutex_unlock(&m->clock.lock);
}

void timer_arm_in(Timer *t, int64_t delay_ns)
{
    int64_t now = clock_now_ns(t->machine, (MachineClock)t->clock);

    timer_arm_at_ns(t, clock_add(now, delay_ns > 0 ? delay_ns : 0));
}

void timer_cancel(Timer *t)
{
    Machine *m = t->machine;

    mutex_lock(&m->clock.lock);
    t->armings++;
    if (t->heap_index) {
        clock_heap_remove(m->clock.heaps[t->clock], t);
    }
    mutex_unlock(&m->clock.lock);
}

int64_t timer_deadline_ns(const Timer *t)
{
    Machine *m = t->machine;
    int64_t when;

    mutex_lock(&m->clock.lock);
    when = t->heap_index ? t->deadline_ns : INT64_MAX;
    mutex_unlock(&m->clock.lock);
    return when;
}

bool timer_is_armed(const Timer *t)
{
    return timer_deadline_ns(t) != INT64_MAX;
}

int64_t timer_left_ns(const Timer *t)
{
    int64_t when = timer_deadline_ns(t), now = clock_now_ns(t->machine, (MachineClock)t->clock);

    return when == INT64_MAX || when <= now ? 0 : clock_add(when, -now);
}

int64_t clock_next_deadline_ns(Machine *m, MachineClock clock)
{
    int64_t when = INT64_MAX;

    mutex_lock(&m->clock.lock);
    if (m->clock.heaps[clock]->len) {
        when = clock_heap_at(m->clock.heaps[clock], 1)->deadline_ns;
    }
    mutex_unlock(&m->clock.lock);
    return when;
}

/* ---- Firing ---- */

static void clock_fire_device(Timer *t, uint32_t armings)
{
    const Field *f = t->opaque;
    Device *dev = t->dev;
    bool still;

    device_enter(dev);
    /* Cancelled or armed again since it was taken off the heap? */
    mutex_lock(&t->machine->clock.lock);
    still = t->armings == armings;
    mutex_unlock(&t->machine->clock.lock);
    if (still && f->fired_n) {
        f->fired_n(dev, (unsigned)(((uint8_t *)t - (uint8_t *)field_base(dev, f)) /
                                   (f->stride ? f->stride : f->size)));
    } else if (still && f->fired) {
        f->fired(dev);
    }
    device_leave(dev);
}

/* Fire one timer of @clock that is due at @now; false when none is. */
static bool clock_fire_one(Machine *m, MachineClock clock, int64_t now)
{
    ClockState *c = &m->clock;
    uint32_t armings;
    Timer *t;

    mutex_lock(&c->lock);
    t = c->heaps[clock]->len ? clock_heap_at(c->heaps[clock], 1) : NULL;
    if (!t || t->deadline_ns > now) {
        mutex_unlock(&c->lock);
        return false;
    }
    clock_heap_remove(c->heaps[clock], t);
    armings = t->armings;
    c->firing = t;
    mutex_unlock(&c->lock);

    if (t->dev) {
        clock_fire_device(t, armings);
    } else {
        t->fn(t->opaque);
    }
    mutex_lock(&c->lock);
    c->firing = NULL;
    cond_broadcast(&c->fired);
    mutex_unlock(&c->lock);
    return true;
}

static gboolean clock_dispatch(GSource *source, GSourceFunc fn, gpointer arg)
{
    Machine *m = *(Machine **)(source + 1);
    uint64_t expired;

    if (read(m->clock.fd, &expired, sizeof(expired)) > 0) {
        mutex_lock(&m->clock.lock);
        m->clock.wake_at_ns = INT64_MAX;
        mutex_unlock(&m->clock.lock);
    }
    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        int64_t now = clock_now_ns(m, (MachineClock)i);

        if (m->clock.mode == CLOCK_MODE_REAL
                ? !m->clock.running &&
                      (i == CLOCK_MACHINE || (i == CLOCK_RTC && m->clock.rtc_is_machine))
                : i != CLOCK_HOST) {
            continue;
        }
        while (clock_fire_one(m, (MachineClock)i, now)) {
        }
    }
    mutex_lock(&m->clock.lock);
    clock_reschedule(m);
    mutex_unlock(&m->clock.lock);
    return G_SOURCE_CONTINUE;
}

void clock_advance_ns(Machine *m, int64_t delta_ns)
{
    int64_t target = clock_add(machine_now_ns(m), delta_ns);

    CHECK(m->clock.mode == CLOCK_MODE_VIRTUAL);
    for (;;) {
        int64_t next = clock_next_deadline_ns(m, CLOCK_MACHINE);
        int64_t now = machine_now_ns(m);
        bool due = next <= target;

        clock_set_virtual(m, due ? (next > now ? next : now) : target);
        if (!due) {
            return;
        }
        clock_fire_one(m, CLOCK_MACHINE, machine_now_ns(m));
    }
}

void clock_move_ns(Machine *m, int64_t delta_ns)
{
    int64_t now = clock_add(m->clock.offset, delta_ns);

    CHECK(m->clock.mode == CLOCK_MODE_VIRTUAL && delta_ns >= 0);
    clock_set_virtual(m, now);
    /* A timer that arms itself again at once does not hold the loop for ever. */
    for (unsigned n = 0; n < CLOCK_FIRED_MAX; n++) {
        if (!clock_fire_one(m, CLOCK_MACHINE, now) &&
            !clock_fire_one(m, CLOCK_RTC, clock_now_ns(m, CLOCK_RTC))) {
            break;
        }
    }
}

int64_t clock_next_virtual_ns(Machine *m)
{
    int64_t when = clock_next_deadline_ns(m, CLOCK_MACHINE);
    int64_t rtc = clock_next_deadline_ns(m, CLOCK_RTC);

    rtc = rtc == INT64_MAX ? rtc : clock_add(rtc, -m->clock.rtc_offset);
    return rtc < when ? rtc : when;
}

int64_t clock_host_now_ns(void)
{
    return clock_host_ns(CLOCK_MONOTONIC);
}

void clock_wake_at(Machine *m, int64_t host_ns)
{
    mutex_lock(&m->clock.lock);
    clock_set_wake(m, host_ns);
    mutex_unlock(&m->clock.lock);
}

/* ---- Of the machine ---- */

void clock_run(Machine *m, bool run)
{
    ClockState *c = &m->clock;

    mutex_lock(&m->clock.lock);
    if (c->mode == CLOCK_MODE_REAL && c->running != run) {
        int64_t now = c->offset;

        clock_change_begin(m);
        if (!run && !line_stop(&c->line, &now)) {
            now = clock_add(c->offset, clock_host_ns(CLOCK_MONOTONIC));
        }
        clock_set(m, run, now);
        clock_change_end(m);
    }
    clock_reschedule(m);
    mutex_unlock(&m->clock.lock);
}

void clock_load(Machine *m, int64_t now_ns, int64_t rtc_offset)
{
    ClockState *c = &m->clock;
    int64_t was;

    mutex_lock(&m->clock.lock);
    clock_change_begin(m);
    line_stop(&c->line, &was);
    clock_set(m, c->running, now_ns);
    clock_change_end(m);
    c->rtc_offset = rtc_offset;
    clock_reschedule(m);
    mutex_unlock(&m->clock.lock);
}

bool clock_init(Machine *m, GError **err)
{
    ClockState *c = &m->clock;

    c->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (c->fd < 0) {
        return error_set(err, "cannot make a timer: %s", strerror(errno));
    }
    c->wake_at_ns = INT64_MAX;
    line_init(&c->line);
    mutex_init(&c->lock);
    cond_init(&c->fired);
    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        c->heaps[i] = g_ptr_array_new();
    }
    return true;
}

void clock_start_sources(Machine *m)
{
    /* GLib takes a pointer to non-const functions but does not write to them. */
    static const GSourceFuncs funcs = { .dispatch = clock_dispatch };

    m->clock.source = g_source_new((GSourceFuncs *)&funcs, sizeof(GSource) + sizeof(Machine *));
    *(Machine **)(m->clock.source + 1) = m;
    g_source_add_unix_fd(m->clock.source, m->clock.fd, G_IO_IN);
    g_source_attach(m->clock.source, m->loop.context);
}

void clock_deinit(Machine *m)
{
    g_source_destroy(m->clock.source);
    g_source_unref(m->clock.source);
    close(m->clock.fd);
    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        g_ptr_array_free(m->clock.heaps[i], TRUE);
    }
    line_deinit(&m->clock.line);
    cond_deinit(&m->clock.fired);
    mutex_deinit(&m->clock.lock);
}
