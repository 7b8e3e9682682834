/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execution by exact counts (core/icount.h). Blocks count themselves as they begin. What is left
 * of a slice when a block does not fit, and instructions that reach a device, run one by one: a
 * device sees its exact time, and whatever it changes (a deadline, an interrupt) is seen before the
 * next instruction.
 */
#include "accel/tcg/tcg-priv.h"
#include "core/icount.h"

bool tcg_icount_over(Cpu *cpu)
{
    icount_release(cpu);
    tcg_cpu(cpu)->alone = false;
    return cpu->icount_left <= 0;
}

TcgBlock *tcg_icount_find(Cpu *cpu, GuestVirt pc, bool *alone)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgBlock *b;

    if (!*alone && !tc->retry) {
        b = tcg_find(cpu, pc, false);
        if (!b || b->n_guest <= icount_remaining(cpu)) {
            return b;
        }
    }
    *alone = true;
    tc->retry = false;
    b = tcg_find(cpu, pc, true);
    if (b && cpu->icount_left > 0) {
        /* No block after it fits. */
        tc->alone = true;
        cpu->icount_kept += cpu->icount_left - 1;
        cpu->icount_left = 1;
    }
    return b;
}

void tcg_icount_retry(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    cpu->raised = 0;
    cpu->icount_left++;
    tc->retry = true;
    tc->stats.retries++;
}
