/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time stamp counter. Spec: Intel SDM vol. 3B, 18.17.1 (invariant TSC); AMD APM vol. 3, E.4.6
 * (CPUID 8000_0007h).
 */
#include "util/os/cycles.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

enum { INVARIANT_TSC = 1 << 8 };

/* The kernel compares the counters of all CPUs and goes to another source when they differ. */
static bool cycles_kernel_agrees(void)
{
    static const char *const good[] = { "tsc\n", "kvm-clock\n", "hyperv_clocksource_tsc_page\n" };
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    char name[64] = "";
    bool ok = false;

    if (!f) {
        return false;
    }
    if (fgets(name, sizeof(name), f)) {
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
            ok |= !strcmp(name, good[i]);
        }
    }
    fclose(f);
    return ok;
}

bool os_cycles_are_clock(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & INVARIANT_TSC && cycles_kernel_agrees();
}

uint64_t os_cycles(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

void os_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}
