/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of a local APIC. It counts at 1 GHz before the divider.
 * Spec: Intel SDM volume 3, 11.5.4.
 */
#include "hw/intc/apic-priv.h"

static unsigned timer_mode(const Apic *s)
{
    return s->lvt[LVT_TIMER] >> TIMER_MODE_SHIFT & 3;
}

/* Bits 3, 1 and 0: 0 divides by 2, ... 6 by 128, 7 by 1 ("Divide Configuration Register"). */
static unsigned timer_shift(const Apic *s)
{
    unsigned v = (s->divide & 3u) | (s->divide >> 1 & 4u);

    return (v + 1) & 7;
}

/* Of one period, or of the only one. */
static int64_t timer_length_ns(const Apic *s)
{
    return (int64_t)((uint64_t)s->initial << timer_shift(s));
}

uint32_t apic_timer_current(const Apic *s)
{
    int64_t gone = machine_now_ns(s->dev.machine) - s->timer_ns, length = timer_length_ns(s);

    if (!s->initial || timer_mode(s) == TIMER_DEADLINE) {
        return 0;
    }
    if (gone >= length) {
        if (timer_mode(s) != TIMER_PERIODIC) {
            return 0;
        }
        gone %= length;
    }
    return (uint32_t)((uint64_t)(length - (gone > 0 ? gone : 0)) >> timer_shift(s));
}

void apic_timer_start(Apic *s)
{
    if (timer_mode(s) == TIMER_DEADLINE) {
        return; /* "writes to the initial-count register are ignored" */
    }
    s->timer_ns = machine_now_ns(s->dev.machine);
    if (s->initial) {
        timer_arm_at_ns(&s->timer, s->timer_ns + timer_length_ns(s));
    } else {
        timer_cancel(&s->timer);
    }
}

void apic_timer_fired(Device *dev)
{
    Apic *s = device_as(dev, Apic);
    int64_t now = machine_now_ns(dev->machine), length = timer_length_ns(s);

    apic_local(s, LVT_TIMER);
    if (timer_mode(s) == TIMER_DEADLINE) {
        s->deadline = 0;
    } else if (timer_mode(s) == TIMER_PERIODIC && s->initial) {
        /* What went by while the loop was late is one interrupt, as the request register has it. */
        s->timer_ns += (now - s->timer_ns) / length * length;
        timer_arm_at_ns(&s->timer, s->timer_ns + length);
    }
}

/* "A transition between TSC-deadline mode and other timer modes disarms the timer." */
void apic_timer_mode(Apic *s, uint32_t old_lvt)
{
    unsigned was = old_lvt >> TIMER_MODE_SHIFT & 3, is = timer_mode(s);

    if (was == is) {
        return;
    }
    if ((was == TIMER_DEADLINE) != (is == TIMER_DEADLINE)) {
        s->initial = 0;
        s->deadline = 0;
        timer_cancel(&s->timer);
    } else if (is == TIMER_PERIODIC && s->initial) {
        apic_timer_start(s);
    }
}

void apic_timer_divide(Apic *s, uint8_t divide)
{
    uint32_t left = apic_timer_current(s);

    s->divide = divide;
    if (timer_is_armed(&s->timer) && timer_mode(s) != TIMER_DEADLINE && left <= s->initial) {
        /* The count goes on from where it is, at the new rate. */
        s->timer_ns = machine_now_ns(s->dev.machine) -
                      (int64_t)((uint64_t)(s->initial - left) << timer_shift(s));
        timer_arm_at_ns(&s->timer, s->timer_ns + timer_length_ns(s));
    }
}

/* The time-stamp counter is machine time at the CPU's rate. */
void apic_deadline_write(Apic *s, uint64_t tsc)
{
    unsigned __int128 ns = (unsigned __int128)tsc * (uint64_t)NS_PER_S / s->tsc_frequency;

    if (timer_mode(s) != TIMER_DEADLINE) {
        return;
    }
    s->deadline = tsc;
    if (tsc) {
        timer_arm_at_ns(&s->timer, ns > INT64_MAX ? INT64_MAX : (int64_t)ns);
    } else {
        timer_cancel(&s->timer);
    }
}
