/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All vCPUs on the loop's thread, in turns, and machine time from executed instructions
 * (`-icount`): a run depends on nothing but its inputs.
 *
 * The accelerator counts: before a vCPU runs, `icount_left` is what it may execute; the accelerator
 * takes off what it does execute, exactly, and comes back at 0. Time is read in the middle of a
 * slice as well. Timers, posted calls and the ends of I/O come between two slices, at times
 * that follow from the guest alone.
 */
#ifndef CORE_ICOUNT_H
#define CORE_ICOUNT_H

#include "core/cpu.h"

enum {
    ICOUNT_SHIFT_MAX = 10,
    ICOUNT_SHIFT_AUTO = 3, /* what shift=auto begins with */
    ICOUNT_HELD = 1 << 29, /* taken off icount_left so that the vCPU stops soon */
};

typedef struct IcountConfig {
    bool time;      /* machine time follows the count; else only the turns are taken */
    bool automatic; /* `shift` follows the host's speed: not deterministic */
    bool align;     /* wait for the host's clock when ahead of it */
    bool sleep;     /* idle machines wait for their timers; else time jumps */
    uint8_t shift;  /* an instruction takes 1 << shift ns */
} IcountConfig;

/* Before the accelerator is attached. */
void icount_set(Machine *m, const IcountConfig *config);
/* Whether vCPUs run in turns on the loop's thread. */
bool icount_is_single(const Machine *m);
/* Whether machine time follows the count: NULL, or how. */
const IcountConfig *icount_config(const Machine *m);
/* Instructions executed since the start, by all vCPUs. */
uint64_t icount_total(const Machine *m);

/* What is left of the slice: the accelerator's count and what is kept from it. */
static inline int32_t icount_remaining(const Cpu *cpu)
{
    return cpu->icount_left + cpu->icount_kept;
}

/* Give back what icount_hold or the accelerator kept. Context: VCPU_THREAD. */
static inline void icount_release(Cpu *cpu)
{
    cpu->icount_left += cpu->icount_kept;
    cpu->icount_kept = 0;
}

/* The vCPU leaves generated code at the end of the block it is in. Context: VCPU_THREAD. */
static inline void icount_hold(Cpu *cpu)
{
    if (cpu->icount_left >= 0) {
        cpu->icount_left -= ICOUNT_HELD;
        cpu->icount_kept += ICOUNT_HELD;
    }
}

/* The running vCPU lets the next one have its turn (it spins). Context: VCPU_THREAD. */
void icount_end_turn(Cpu *cpu);

#endif
