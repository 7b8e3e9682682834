/* SPDX-License-Identifier: Apache-2.0 */
/* The host's counter of cycles, where it can serve as a clock. */
#ifndef UTIL_OS_CYCLES_H
#define UTIL_OS_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the counter goes on at one speed whatever the CPUs do, is the same on all of them, and
 * may be read by a program (and by generated code) in an instruction.
 */
bool os_cycles_are_clock(void);
/* Not before what stands before it; 0 where there is none. */
uint64_t os_cycles(void);
/* Says that this thread waits for memory to change. */
void os_relax(void);

#endif
