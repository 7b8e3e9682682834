/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic timer's counter: never backwards, on one CPU and from one to the other; in step with
 * the timer's condition; physical and virtual. Spec: Arm ARM DDI 0487, D12.1.2, D12.2.4.
 */
#include "smp.h"

enum { ROUNDS = 100000 };

static volatile uint64_t latest, backwards, early, apart, finished;

static uint64_t now(void)
{
    uint64_t v;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v) : : "memory");
    return v;
}

/* A reading after one that somebody else has published is no less. */
static void follow(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE), v = now();

        if (v < seen) {
            __atomic_fetch_add(&backwards, 1, __ATOMIC_SEQ_CST);
        }
        __atomic_compare_exchange_n(&latest, &seen, v, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
}

/* CNTV_CTL_EL0.ISTATUS stands once the counter has been seen at the compare value. */
static void condition(void)
{
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        uint64_t at = now() + (i & 63), ctl;

        SET(cntv_cval_el0, at);
        SET(cntv_ctl_el0, 3);
        while (now() < at) {
        }
        __asm__ volatile("mrs %0, cntv_ctl_el0" : "=r"(ctl));
        early += !(ctl & 4);
    }
}

static void physical(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t p, v, q;

        __asm__ volatile("isb\n\tmrs %0, cntpct_el0\n\tisb\n\tmrs %1, cntvct_el0\n\tisb\n\t"
                         "mrs %2, cntpct_el0"
                         : "=r"(p), "=r"(v), "=r"(q));
        apart += v < p || q < v;
    }
}

static uint64_t frequency(void)
{
    uint64_t v;

    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
    return v;
}

void litmus_cpu(uint64_t id)
{
    unsigned n = id ? 0 : smp_started();

    follow();
    condition();
    physical();
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    if (id) {
        return;
    }
    while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < n) {
    }
    text("cpus");
    hex(n);
    text("\r\nfrequency");
    hex(frequency());
    text("\r\nbackwards");
    hex(backwards);
    text("\r\nbefore its condition");
    hex(early);
    text("\r\nvirtual and physical apart");
    hex(apart);
    text("\r\n");
    smp_off();
}
