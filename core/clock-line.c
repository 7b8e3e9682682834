/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine time by the host's counter of cycles: generated code reads it without a call.
 *
 * Between two fits time is a line through the point where the one before ended, so nobody ever
 * sees it run backwards. A fit compares the two clocks of the host, takes the slope between the
 * last two comparisons and adds what brings the line back to the host's clock by the next. Whoever
 * reads a line that has become too old makes the fit. Where the counter has stopped or begun anew
 * (the host slept), time goes on from the host's clock.
 */
#include "core/core-priv.h"

#include "util/os/cycles.h"

enum {
    LINE_SHIFT = 32,               /* bits of the slope behind the point */
    LINE_LOG2_CYCLES = 31,         /* how long a line holds; the product then fits in 64 bits */
    LINE_FIRST_NS = 4 * NS_PER_MS, /* what the first slope is measured over, at least */
    LINE_JUMP_NS = NS_PER_MS,      /* farther away, the host's clock itself has moved */
    LINE_NOISE_NS = 50000,         /* of a comparison */
    LINE_GOOD_SAMPLE = 500,        /* cycles between which the host's clock is read */
    LINE_SAMPLES = 8,
    LINE_SLACK = 1024, /* slopes differ by less than this part of themselves */
};

typedef struct LineSample {
    uint64_t cycles;
    int64_t host_ns;
} LineSample;

static LineSample line_sample(void)
{
    LineSample best = { 0 };
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < LINE_SAMPLES && least > LINE_GOOD_SAMPLE; i++) {
        uint64_t from = os_cycles();
        int64_t host = clock_host_now_ns();
        uint64_t took = os_cycles() - from;

        if (took < least) {
            least = took;
            best = (LineSample){ from + took / 2, host };
        }
    }
    return best;
}

static bool line_read(const ClockLine *l, int64_t *now_ns)
{
    uint32_t seq = __atomic_load_n(&l->seq, __ATOMIC_ACQUIRE);
    uint64_t limit = __atomic_load_n(&l->limit, __ATOMIC_ACQUIRE), d;

    if (!limit) {
        return false;
    }
    d = os_cycles() - __atomic_load_n(&l->base, __ATOMIC_ACQUIRE);
    if (d >= limit) {
        return false;
    }
    d = d * __atomic_load_n(&l->mult, __ATOMIC_ACQUIRE) >> LINE_SHIFT;
    *now_ns = __atomic_load_n(&l->base_ns, __ATOMIC_ACQUIRE) + (int64_t)d;
    return !(seq & 1) && __atomic_load_n(&l->seq, __ATOMIC_RELAXED) == seq;
}

static void line_turn(ClockLine *l)
{
    __atomic_add_fetch(&l->seq, 1, __ATOMIC_SEQ_CST);
}

static void line_write(ClockLine *l, uint64_t base, uint64_t mult, int64_t base_ns, bool known)
{
    __atomic_store_n(&l->base, base, __ATOMIC_RELAXED);
    __atomic_store_n(&l->mult, mult, __ATOMIC_RELAXED);
    __atomic_store_n(&l->base_ns, base_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&l->limit, known ? 1ull << LINE_LOG2_CYCLES : 0, __ATOMIC_RELAXED);
}

static int64_t line_at(const ClockLine *l, uint64_t cycles)
{
    unsigned __int128 d = cycles - l->base;

    return l->base_ns + (int64_t)(d * l->mult >> LINE_SHIFT);
}

/* Nanoseconds of a cycle between the last comparison and @at; 0: none to be had. */
static uint64_t line_slope(const LineState *s, LineSample at)
{
    int64_t ns = at.host_ns - s->fit_host_ns, cycles = (int64_t)(at.cycles - s->fit_cycles);
    unsigned __int128 slope;

    if (ns < LINE_FIRST_NS || cycles <= 0) {
        return 0;
    }
    slope = ((unsigned __int128)(uint64_t)ns << LINE_SHIFT) / (uint64_t)cycles;
    return slope < 1ull << (64 - LINE_LOG2_CYCLES) ? (uint64_t)slope : 0;
}

static int64_t line_clamp(int64_t v, int64_t most)
{
    return v > most ? most : v < -most ? -most : v;
}

/* Whether the counter has gone on since the last comparison as it did before, as far as can be told
 * by a thread that may lose its CPU between the two readings. */
static bool line_holds(const LineState *s, LineSample at)
{
    int64_t ns = at.host_ns - s->fit_host_ns, by_line;

    if (!s->line.mult || at.cycles < s->fit_cycles || at.cycles < s->line.base) {
        return false;
    }
    by_line =
        (int64_t)((unsigned __int128)(at.cycles - s->fit_cycles) * s->line.mult >> LINE_SHIFT);
    return llabs(by_line - ns) <= LINE_NOISE_NS + ns / LINE_SLACK * 4;
}

/* Context: lock is held. Returns the time that the new line begins with. */
static int64_t line_fit(LineState *s)
{
    ClockLine *l = &s->line;
    LineSample at;
    uint64_t slope, mult;
    int64_t now, off;

    line_turn(l);
    at = line_sample();
    slope = line_slope(s, at);
    now = at.host_ns + s->offset;
    if (line_holds(s, at)) {
        int64_t was = (int64_t)l->mult;

        slope =
            slope ? (uint64_t)(was + line_clamp((int64_t)slope - was, was / LINE_SLACK * 2)) : 0;
        off = now - line_at(l, at.cycles);
        now -= off;
        if (llabs(off) > LINE_JUMP_NS) {
            s->offset -= off;
            off = 0;
        }
        /* Made good in the time that the line holds. */
        off = line_clamp(off * (1ll << (LINE_SHIFT - LINE_LOG2_CYCLES)),
                         (int64_t)(slope / LINE_SLACK));
        mult = slope ? slope + (uint64_t)off : l->mult;
    } else {
        now = now < l->base_ns ? l->base_ns : now;
        mult = l->mult ? 0 : slope;
    }
    if (slope || (l->mult && !mult) || at.cycles < s->fit_cycles) {
        s->fit_cycles = at.cycles;
        s->fit_host_ns = at.host_ns;
    }
    line_write(l, at.cycles, mult, now, mult);
    line_turn(l);
    return now;
}

bool line_now(LineState *s, int64_t *now_ns)
{
    bool on;

    if (line_read(&s->line, now_ns)) {
        return true;
    }
    if (!__atomic_load_n(&s->on, __ATOMIC_ACQUIRE)) {
        return false;
    }
    mutex_lock(&s->lock);
    on = s->on;
    if (on && !line_read(&s->line, now_ns)) {
        *now_ns = line_fit(s);
    }
    mutex_unlock(&s->lock);
    return on;
}

void line_start(LineState *s, int64_t offset)
{
    LineSample at;

    if (!s->usable) {
        return;
    }
    mutex_lock(&s->lock);
    line_turn(&s->line);
    at = line_sample();
    s->offset = offset;
    line_write(&s->line, at.cycles, s->line.mult, at.host_ns + offset, s->line.mult);
    __atomic_store_n(&s->on, true, __ATOMIC_RELEASE);
    line_turn(&s->line);
    mutex_unlock(&s->lock);
}

bool line_stop(LineState *s, int64_t *now_ns)
{
    bool on;

    mutex_lock(&s->lock);
    on = s->on;
    if (on) {
        *now_ns = line_fit(s);
        line_turn(&s->line);
        line_write(&s->line, 0, s->line.mult, *now_ns, false);
        __atomic_store_n(&s->on, false, __ATOMIC_RELEASE);
        line_turn(&s->line);
    }
    mutex_unlock(&s->lock);
    return on;
}

void line_init(LineState *s)
{
    mutex_init(&s->lock);
    s->usable = os_cycles_are_clock();
    if (s->usable) {
        LineSample at = line_sample();

        s->fit_cycles = at.cycles;
        s->fit_host_ns = at.host_ns;
    }
}

void line_deinit(LineState *s)
{
    mutex_deinit(&s->lock);
}
