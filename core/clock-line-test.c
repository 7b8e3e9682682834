/* SPDX-License-Identifier: Apache-2.0 */
/* Machine time by the host's counter of cycles: against the host's clock, and never backwards. */
#include "core/core-priv.h"
#include "tests/unit.h"

enum { RUN_NS = 12 * NS_PER_MS, NEAR_NS = 200000 };

typedef struct LineRun {
    LineState s;
    int64_t last; /* atomic: the latest time that anybody has read */
    int64_t end_ns;
    bool backwards;
} LineRun;

static void line_step(LineRun *r)
{
    int64_t seen = __atomic_load_n(&r->last, __ATOMIC_SEQ_CST), now = 0;

    EXPECT(line_now(&r->s, &now));
    if (now < seen) {
        __atomic_store_n(&r->backwards, true, __ATOMIC_SEQ_CST);
    }
    while (seen < now && !__atomic_compare_exchange_n(&r->last, &seen, now, false, __ATOMIC_SEQ_CST,
                                                      __ATOMIC_SEQ_CST)) {
    }
}

static void *line_reader(void *arg)
{
    LineRun *r = arg;

    while (clock_host_now_ns() < r->end_ns) {
        line_step(r);
    }
    return NULL;
}

/* The line that holds ends now: the next reader makes a fit. */
static void line_end(LineState *s)
{
    mutex_lock(&s->lock);
    __atomic_store_n(&s->line.limit, 1, __ATOMIC_RELAXED);
    mutex_unlock(&s->lock);
}

TEST(clock, line_follows_the_host_and_never_runs_backwards)
{
    LineRun r = { 0 };
    pthread_t other;
    int64_t off, now;
    unsigned fits = 0;

    line_init(&r.s);
    if (!r.s.usable) {
        line_deinit(&r.s);
        return;
    }
    EXPECT(!line_now(&r.s, &now));
    line_start(&r.s, -1000);
    r.end_ns = clock_host_now_ns() + RUN_NS;
    EXPECT(!pthread_create(&other, NULL, line_reader, &r));
    while (clock_host_now_ns() < r.end_ns) {
        line_step(&r);
        if (++fits % 64 == 0 && __atomic_load_n(&r.s.line.limit, __ATOMIC_RELAXED)) {
            line_end(&r.s);
        }
    }
    pthread_join(other, NULL);
    EXPECT(!r.backwards);
    for (unsigned n = 0; n < 100 && !r.s.line.mult; n++) { /* both had no CPU in that time */
        g_usleep(5000);
        line_step(&r);
    }
    EXPECT(r.s.line.mult);
    EXPECT(line_now(&r.s, &now));
    off = now + 1000 - clock_host_now_ns();
    EXPECT(off < NEAR_NS && off > -NEAR_NS * 10); /* we may be preempted between the two */
    /* Stopped: no time before the last; started again: from there. */
    line_step(&r);
    EXPECT(line_stop(&r.s, &now));
    EXPECT(now >= r.last);
    EXPECT(!line_stop(&r.s, &now));
    line_start(&r.s, now - clock_host_now_ns());
    r.last = now;
    line_step(&r);
    EXPECT(!r.backwards);
    line_deinit(&r.s);
}

TEST(clock, line_goes_on_when_the_counter_jumps)
{
    LineState s = { 0 };
    int64_t before, after;

    line_init(&s);
    if (s.usable) {
        line_start(&s, 0);
        s.fit_host_ns -= NS_PER_S; /* measured over a second, so to speak */
        s.fit_cycles -= 2000000000;
        EXPECT(line_now(&s, &before));
        EXPECT(s.line.limit && s.line.mult);
        /* The host slept, and its counter began anew. */
        s.fit_cycles += 1ull << 60;
        s.line.base += 1ull << 60;
        EXPECT(line_now(&s, &after));
        EXPECT(after >= before && after < before + NS_PER_S);
        EXPECT(!s.line.limit);
        before = after;
        EXPECT(line_now(&s, &after));
        EXPECT(after >= before);
    }
    line_deinit(&s);
}
