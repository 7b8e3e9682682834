/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns: one thread runs a slice of a vCPU, fires the timers that are due, does what was posted,
 * and goes on. Lengths of slices and turns are counted in instructions and depend on the guest
 * alone; only shift=auto, align=on and input from outside look at the host's clock.
 */
#include "core/core-priv.h"

#include <sched.h>
#include <time.h>

enum {
    SLICE_INSNS = 200000,     /* the longest slice: the loop looks at the host meanwhile */
    JOB_NS = 100000,          /* machine time that a disk or another worker takes */
    PACE_NS = 100000000,      /* shift=auto looks at the clocks that often */
    PACE_SLACK_NS = 50000000, /* it leaves the speed alone in this range */
    ALIGN_NS = 1000000,       /* align=on waits when ahead by more ... */
    ALIGN_WAIT_NS = 10000000, /* ... but not longer at a time */
    DISPATCH_NS = 4000000,    /* turns taken before the loop serves others ... */
    REAL_NS = 100000,         /* ... where timers follow the host's clock */
};

/* Work for the loop, done; its end is told at @due_ns. */
typedef struct TurnsJob {
    LoopFn *done;
    void *arg;
    int64_t due_ns;
} TurnsJob;

void icount_set(Machine *m, const IcountConfig *config)
{
    CHECK(!m->started && config->shift <= ICOUNT_SHIFT_MAX);
    m->turns.on = true;
    m->turns.config = *config;
    if (config->time) {
        clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    }
}

bool icount_is_single(const Machine *m)
{
    return m->turns.on;
}

const IcountConfig *icount_config(const Machine *m)
{
    return m->turns.on && m->turns.config.time ? &m->turns.config : NULL;
}

uint64_t icount_total(const Machine *m)
{
    return m->turns.total;
}

void icount_end_turn(Cpu *cpu)
{
    Turns *t = &cpu->dev.machine->turns;

    if (t->on && t->running == cpu && cpu->dev.machine->cpus->len > 1) {
        t->turn_left = 0;
        cpu_request(cpu, REQ_EXIT);
    }
}

int64_t turns_partial_ns(Machine *m)
{
    const Turns *t = &m->turns;
    const Cpu *cpu = t->running;

    if (!cpu || !t->config.time) {
        return 0;
    }
    return (int64_t)(t->budget - icount_remaining(cpu) - cpu->icount_rest) << t->config.shift;
}

void turns_deadline(Machine *m, int64_t when_ns)
{
    Turns *t = &m->turns;

    if (t->running && t->config.time && when_ns < t->slice_end_ns && cpu_current() == t->running) {
        cpu_request(t->running, REQ_EXIT);
    }
}

void turns_notify(Cpu *cpu)
{
    Machine *m = cpu->dev.machine;

    if (cpu == m->turns.running && cpu == cpu_current()) {
        icount_hold(cpu);
    } else if (!loop_is_current(m)) {
        g_main_context_wakeup(m->loop.context);
    }
}

/* ---- Workers ---- */

bool turns_work(Machine *m, LoopFn *work, LoopFn *done, void *arg)
{
    TurnsJob *job;

    if (!icount_config(m) || m->turns.config.automatic) {
        return false;
    }
    work(arg);
    if (done) {
        job = g_new(TurnsJob, 1);
        *job = (TurnsJob){ done, arg, clock_add(machine_now_ns(m), JOB_NS) };
        g_queue_push_tail(&m->turns.jobs, job);
        mutex_lock(&m->clock.lock);
        turns_deadline(m, job->due_ns);
        mutex_unlock(&m->clock.lock);
    }
    return true;
}

/* Jobs end in order: all take the same time. */
static void turns_end_jobs(Machine *m, int64_t now)
{
    TurnsJob *job;

    while ((job = g_queue_peek_head(&m->turns.jobs)) && job->due_ns <= now) {
        g_queue_pop_head(&m->turns.jobs);
        job->done(job->arg);
        g_free(job);
    }
}

static int64_t turns_next_ns(Machine *m)
{
    const TurnsJob *job = g_queue_peek_head(&m->turns.jobs);
    int64_t when = clock_next_virtual_ns(m);

    return job && job->due_ns < when ? job->due_ns : when;
}

/* Machine time goes on; what is due then happens, and what that posts. */
static void turns_move(Machine *m, int64_t delta_ns)
{
    clock_move_ns(m, delta_ns);
    turns_end_jobs(m, machine_now_ns(m));
    loop_run_posted(m);
}

/* ---- Pace ---- */

static void turns_pace(Machine *m)
{
    Turns *t = &m->turns;
    int64_t host = clock_host_now_ns(), now = machine_now_ns(m), ahead;

    if (!t->paced) {
        t->paced = true;
        t->host_ns = host;
        t->machine_ns = now;
        return;
    }
    ahead = (now - t->machine_ns) - (host - t->host_ns);
    if (t->config.align && ahead > ALIGN_NS) {
        struct timespec ts = { 0, ahead < ALIGN_WAIT_NS ? ahead : ALIGN_WAIT_NS };

        nanosleep(&ts, NULL);
    } else if (t->config.automatic && host - t->host_ns > PACE_NS) {
        if (ahead > PACE_SLACK_NS && t->config.shift) {
            t->config.shift--;
        } else if (ahead < -PACE_SLACK_NS && t->config.shift < ICOUNT_SHIFT_MAX) {
            t->config.shift++;
        }
        t->paced = false;
    }
}

/* ---- Idle ---- */

/* Nobody can run. True when time can go on (and @go: it has), else the loop may sleep. */
static bool turns_idle(Machine *m, bool go)
{
    Turns *t = &m->turns;
    int64_t next, now, left;

    if (!t->config.time) {
        return false;
    }
    if (!t->idle) {
        t->idle = true;
        t->idle_host_ns = clock_host_now_ns();
    }
    next = turns_next_ns(m);
    now = machine_now_ns(m);
    if (next == INT64_MAX) {
        return false;
    }
    left = next - now - (clock_host_now_ns() - t->idle_host_ns);
    if (next > now && t->config.sleep && left > 0) {
        clock_wake_at(m, clock_host_now_ns() + left);
        return false;
    }
    if (go) {
        t->idle = false;
        turns_move(m, next > now ? next - now : 0);
    }
    return true;
}

/* Something from outside woke a vCPU: the time slept has passed. */
static void turns_wake(Machine *m)
{
    Turns *t = &m->turns;
    int64_t slept = clock_host_now_ns() - t->idle_host_ns;
    int64_t left = turns_next_ns(m) - machine_now_ns(m);

    t->idle = false;
    slept = slept < left ? slept : left;
    if (t->config.sleep && slept > 0) {
        turns_move(m, slept);
    }
}

/* ---- Slices ---- */

static Cpu *turns_pick(Machine *m)
{
    Turns *t = &m->turns;
    unsigned n = m->cpus->len;

    if (t->turn_left <= 0) {
        t->turn = (t->turn + 1) % n;
        t->turn_left = TURN_INSNS;
    }
    for (unsigned i = 0; i < n; i++) {
        Cpu *cpu = machine_cpu(m, (t->turn + i) % n);

        if (cpu_is_ready(cpu)) {
            if (i) {
                t->turn = (unsigned)cpu->index;
                t->turn_left = TURN_INSNS;
            }
            return cpu;
        }
    }
    return NULL;
}

static int32_t turns_budget(Machine *m)
{
    Turns *t = &m->turns;
    int64_t n = m->cpus->len > 1 ? t->turn_left : SLICE_INSNS;

    if (t->config.time) {
        int64_t left = turns_next_ns(m) - machine_now_ns(m), step = 1ll << t->config.shift;

        left = left <= step ? 1 : (left - 1) / step + 1;
        n = left < n ? left : n;
    }
    return (int32_t)n;
}

/* One slice of one vCPU; false: nobody can run. */
static bool turns_slice(Machine *m)
{
    Turns *t = &m->turns;
    Cpu *cpu = turns_pick(m);
    int32_t done;

    if (!cpu) {
        return turns_idle(m, true);
    }
    if (t->idle) {
        turns_wake(m);
        return true; /* timers may have changed who runs */
    }
    t->budget = turns_budget(m);
    t->slice_end_ns = clock_add(machine_now_ns(m), (int64_t)t->budget << t->config.shift);
    cpu->icount_left = t->budget;
    cpu->icount_kept = cpu->icount_rest = 0;
    t->running = cpu;
    cpu_run_slice(cpu);
    done = t->budget - icount_remaining(cpu);
    t->running = NULL;
    t->total += (uint64_t)done;
    t->turn_left -= done;
    if (t->config.time) {
        turns_move(m, (int64_t)done << t->config.shift);
    } else {
        loop_run_posted(m);
    }
    return true;
}

static bool turns_may_run(Machine *m)
{
    return m->started && machine_is_running(m) && !__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE);
}

static bool turns_any_ready(Machine *m)
{
    for (unsigned i = 0; i < m->cpus->len; i++) {
        if (cpu_is_ready(machine_cpu(m, i))) {
            return true;
        }
    }
    return false;
}

static gboolean turns_prepare(GSource *source, gint *timeout)
{
    Machine *m = *(Machine **)(source + 1);

    *timeout = -1;
    if (!turns_may_run(m)) {
        m->turns.paced = m->turns.idle = false;
        return m->turns.jobs.length != 0;
    }
    return turns_any_ready(m) || turns_idle(m, false);
}

static gboolean turns_check(GSource *source)
{
    gint timeout;

    return turns_prepare(source, &timeout);
}

static gboolean turns_dispatch(GSource *source, GSourceFunc fn, gpointer arg)
{
    Machine *m = *(Machine **)(source + 1);
    int64_t until = clock_host_now_ns() + (m->turns.config.time ? DISPATCH_NS : REAL_NS);

    if (!turns_may_run(m)) {
        turns_end_jobs(m, INT64_MAX); /* time stands still: nobody could wait for them */
        return G_SOURCE_CONTINUE;
    }
    while (turns_may_run(m) && turns_slice(m) && clock_host_now_ns() < until) {
        if (m->turns.config.align || m->turns.config.automatic) {
            turns_pace(m);
        }
    }
    return G_SOURCE_CONTINUE;
}

/* ---- Of the machine ---- */

void turns_start(Machine *m)
{
    /* GLib takes a pointer to non-const functions but does not write to them. */
    static const GSourceFuncs funcs = { .prepare = turns_prepare,
                                        .check = turns_check,
                                        .dispatch = turns_dispatch };
    Turns *t = &m->turns;

    t->turn_left = TURN_INSNS;
    t->source = g_source_new((GSourceFuncs *)&funcs, sizeof(GSource) + sizeof(Machine *));
    *(Machine **)(t->source + 1) = m;
    g_source_attach(t->source, m->loop.context);
}

void turns_deinit(Machine *m)
{
    turns_end_jobs(m, INT64_MAX);
    if (m->turns.source) {
        g_source_destroy(m->turns.source);
        g_source_unref(m->turns.source);
        m->turns.source = NULL;
    }
}
