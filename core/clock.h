/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and timers of a machine.
 *
 * CLOCK_MACHINE stops while the machine is paused and is saved with it; devices use no other.
 * CLOCK_HOST is host monotonic time, for backends. CLOCK_RTC is wall-clock time (ns since 1970).
 * Where machine time comes from is the machine's ClockMode.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "core/types.h"
#include "util/lock.h"

typedef enum MachineClock { CLOCK_MACHINE, CLOCK_HOST, CLOCK_RTC, CLOCK_COUNT } MachineClock;

typedef enum ClockMode {
    CLOCK_MODE_REAL,    /* follows the host while the machine runs */
    CLOCK_MODE_VIRTUAL, /* moves by clock_advance_ns alone (tests, deterministic mode) */
} ClockMode;

typedef void TimerFn(void *opaque);

/*
 * Embedded by value. A device's timer comes from a STATE_TIMER row: the core initialises it, saves
 * it, and calls the row's function on the main loop under the device's lock, then settles the
 * device. Other timers are initialised by timer_init.
 */
struct Timer {
    Machine *machine;
    Device *dev; /* under whose lock `fn` runs; NULL: none */
    TimerFn *fn;
    void *opaque;
    int64_t deadline_ns; /* valid while armed; guarded by the machine's clock lock */
    uint32_t heap_index; /* 1 + place in the heap; 0: not armed */
    uint32_t number;     /* of the machine's, in the order of timer_init */
    uint32_t armings;    /* so that a fire that raced with a cancel is recognised */
    uint8_t clock;       /* MachineClock */
};

/* Context of all: ANY_THREAD; no lock is needed or taken but the clock's own (a leaf). */

/*
 * A timer of no device: @fn runs on the main loop with no lock held. Good for a CPU's own timer
 * whose expiry only posts to atomics.
 */
void timer_init(Timer *t, Machine *m, MachineClock clock, TimerFn *fn, void *opaque);
/* Disarm, and make sure that `fn` is not running when this returns (unless called from it). */
void timer_deinit(Timer *t);

/* Arm, or move; a time that has passed fires as soon as the loop runs. */
void timer_arm_at_ns(Timer *t, int64_t when_ns);
/* @delay_ns from now; negative counts as 0, and the sum saturates. */
void timer_arm_in(Timer *t, int64_t delay_ns);
void timer_cancel(Timer *t);
bool timer_is_armed(const Timer *t);
/* Until expiry; 0 when it is due or not armed. */
int64_t timer_left_ns(const Timer *t);
/* Absolute, or INT64_MAX when not armed. */
int64_t timer_deadline_ns(const Timer *t);

int64_t clock_now_ns(Machine *m, MachineClock clock);

/*
 * CLOCK_MACHINE for generated code: with d = cycles of the host - base, below limit, it is
 * base_ns + (d * mult >> 32), if seq was even before and has not changed afterwards; else ask
 * machine_now_ns. Two readings, by whomever, never run backwards.
 */
typedef struct ClockLine {
    uint32_t seq;
    uint64_t base, limit, mult;
    int64_t base_ns;
} ClockLine;

/* It lives as long as the machine; NULL: the host has no counter that would do. */
const ClockLine *clock_line(Machine *m);
ClockMode clock_mode(Machine *m);
/* Before the machine starts. */
void clock_set_mode(Machine *m, ClockMode mode);
/*
 * CLOCK_MODE_VIRTUAL: move machine time on by @delta_ns, firing the timers that become due, each
 * at its own time. Context: LOOP_THREAD.
 */
void clock_advance_ns(Machine *m, int64_t delta_ns);
/* The next deadline of @clock, INT64_MAX for none. */
int64_t clock_next_deadline_ns(Machine *m, MachineClock clock);
/* The wall clock goes on with machine time, from now: `-rtc clock=vm`. Before the machine starts.
 */
void clock_set_rtc_machine(Machine *m);
/* Set the wall clock the guest sees (`-rtc base=`): ns since 1970. */
void clock_set_rtc_ns(Machine *m, int64_t rtc_ns);

#endif
