/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests of target/arm: a machine with 64 KiB pages' worth of RAM and one CPU. */
#ifndef TESTS_ARM_CPU_H
#define TESTS_ARM_CPU_H

#include "target/arm/cpu.h"
#include "tests/unit.h"

enum { TEST_RAM_BASE = 0x40000000, TEST_RAM_BYTES = 4 << 20 };

static inline ArmCpu *test_cpu_new(const char *text)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    RamBlock *ram = m ? ram_new(m, "ram", TEST_RAM_BYTES, 0, &err) : NULL;
    ArmCpu *c;

    if (!ram) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
        return NULL;
    }
    region_add(machine_memory_root(m), region_new_ram(m, "ram", ram, 0, TEST_RAM_BYTES),
               TEST_RAM_BASE, 0);
    c = arm_cpu_new(m, text, 0, &err);
    if (!c || !device_realize(&c->cpu.dev, &err)) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
        return NULL;
    }
    device_reset(&c->cpu.dev, RESET_COLD);
    return c;
}

static inline void test_cpu_free(ArmCpu *c)
{
    if (c) {
        machine_free(c->cpu.dev.machine);
    }
}

#endif
