/* SPDX-License-Identifier: Apache-2.0 */
#include "util/os/cycles.h"

bool os_cycles_are_clock(void)
{
    return false;
}

uint64_t os_cycles(void)
{
    return 0;
}

void os_relax(void)
{
}
