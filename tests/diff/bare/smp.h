/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of several CPUs share (litmus-start.S starts them). */
#ifndef TESTS_DIFF_BARE_SMP_H
#define TESTS_DIFF_BARE_SMP_H

#include "print.h"

enum { SMP_MAX = 4 };

uint64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
void cpu_entry(uint64_t id);
void litmus_cpu(uint64_t id);

static unsigned smp_started(void)
{
    unsigned n = 1;

    while (n < SMP_MAX && !psci(0xc4000003, n, (uint64_t)cpu_entry, n)) { /* CPU_ON */
        n++;
    }
    return n;
}

static void smp_off(void)
{
    psci(0x84000008, 0, 0, 0);
}

#endif
