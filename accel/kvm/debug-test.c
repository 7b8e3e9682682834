/* SPDX-License-Identifier: Apache-2.0 */
/* Breakpoints and steps of a debugger under KVM. */
#include "accel/kvm/kvm-bench.h"
#include "core/cpu.h"
#include "core/event/loop.h"
#include "core/memory/memory.h"
#include "tests/unit.h"

enum { BASE = 0xf0000 };

static const uint8_t counts[] = {
    0x31, 0xc0, /* 0: xor ax, ax */
    0x40,       /* 2: inc ax */
    0x90,       /* 3: nop */
    0x89, 0xc3, /* 4: mov bx, ax */
    0xeb, 0xfa, /* 6: jmp to 2 */
};

static bool debug_stops(Machine *m)
{
    g_autoptr(GError) err = NULL;

    EXPECT(machine_resume(m, &err));
    for (unsigned i = 0; i < 400 && machine_is_running(m); i++) {
        g_usleep(5000);
        loop_iterate(m, false);
    }
    EXPECT_EQ(machine_run_state(m), RUN_DEBUG);
    return machine_run_state(m) == RUN_DEBUG;
}

static uint64_t debug_pc(Cpu *cpu)
{
    return cpu->target_ops->get_pc(cpu);
}

TEST(kvm, breakpoints_and_steps)
{
    g_autoptr(GError) err = NULL;
    Machine *m;
    Cpu *cpu;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(counts, sizeof(counts), NULL, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    cpu = machine_cpu(m, 0);
    cpu_breakpoint_add(cpu, BASE + 4);
    if (debug_stops(m)) {
        EXPECT_EQ(cpu->debug_reason, DEBUG_BREAKPOINT);
        EXPECT_EQ(debug_pc(cpu), BASE + 4);
    }
    EXPECT(cpu_breakpoint_remove(cpu, BASE + 4));
    cpu_set_single_step(cpu, true);
    if (debug_stops(m)) {
        EXPECT_EQ(cpu->debug_reason, DEBUG_STEP);
        EXPECT_EQ(debug_pc(cpu), BASE + 6);
    }
    if (debug_stops(m)) {
        EXPECT_EQ(debug_pc(cpu), BASE + 2);
    }
    cpu_set_single_step(cpu, false);
    cpu_breakpoint_add(cpu, BASE + 3);
    if (debug_stops(m)) {
        EXPECT_EQ(debug_pc(cpu), BASE + 3);
    }
    EXPECT(cpu_breakpoint_remove(cpu, BASE + 3));
    EXPECT(machine_resume(m, &err));
    g_usleep(10000);
    EXPECT(machine_is_running(m));
    machine_free(m);
}

/* More breakpoints than debug registers: the last one is in memory, while the guest runs. */
TEST(kvm, breakpoint_in_memory)
{
    g_autoptr(GError) err = NULL;
    uint8_t byte = 0;
    bool astray;
    Machine *m;
    Cpu *cpu;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(counts, sizeof(counts), NULL, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    cpu = machine_cpu(m, 0);
    for (unsigned i = 0; i < 4; i++) {
        cpu_breakpoint_add(cpu, BASE + 0x100 + i); /* never come by */
    }
    cpu_breakpoint_add(cpu, BASE + 4);
    EXPECT(machine_resume(m, &err));
    for (unsigned i = 0; i < 400 && machine_is_running(m); i++) {
        g_usleep(5000);
        loop_iterate(m, false);
    }
    astray = machine_is_running(m); /* the guest got INT3, and runs whatever is at address 0 */
    if (astray) {
        machine_pause(m, RUN_PAUSED);
    }
    EXPECT_EQ(aspace_read(machine_memory(m), BASE + 4, &byte, 1, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(byte, 0x89); /* the guest's own */
    if (astray || machine_run_state(m) == RUN_INTERNAL_ERROR) {
        test_skip("this host's KVM cannot do INT3");
    } else {
        EXPECT_EQ(machine_run_state(m), RUN_DEBUG);
        EXPECT_EQ(cpu->debug_reason, DEBUG_BREAKPOINT);
        EXPECT_EQ(debug_pc(cpu), BASE + 4);
        EXPECT(cpu_breakpoint_remove(cpu, BASE + 4));
        cpu_breakpoint_add(cpu, BASE + 3);
        if (debug_stops(m)) {
            EXPECT_EQ(debug_pc(cpu), BASE + 3);
        }
    }
    machine_free(m);
}

static const uint8_t stores[] = {
    0x31, 0xc0,       /* 0: xor ax, ax */
    0x8e, 0xd8,       /* 2: mov ds, ax */
    0x40,             /* 4: inc ax */
    0xa3, 0x00, 0x05, /* 5: mov [500h], ax */
    0x90,             /* 8: nop */
    0xeb, 0xf9,       /* 9: jmp to 4 */
};

TEST(kvm, watchpoint)
{
    g_autoptr(GError) err = NULL;
    Machine *m;
    Cpu *cpu;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(stores, sizeof(stores), NULL, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    cpu = machine_cpu(m, 0);
    cpu_watchpoint_add(cpu, 0x500, 2, WATCH_WRITE);
    EXPECT(machine_resume(m, &err));
    for (unsigned i = 0; i < 100 && machine_is_running(m); i++) {
        g_usleep(5000);
        loop_iterate(m, false);
    }
    if (machine_is_running(m)) {
        test_skip("this host's KVM does not watch data for debuggers");
    } else {
        EXPECT_EQ(machine_run_state(m), RUN_DEBUG);
        EXPECT_EQ(cpu->debug_reason, DEBUG_WATCHPOINT);
        EXPECT_EQ(cpu->debug_addr, 0x500);
        EXPECT_EQ(debug_pc(cpu), BASE + 8);
    }
    machine_free(m);
}
