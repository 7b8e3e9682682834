/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU threads and run control, with an accelerator that only counts.
 */
#include "core/cpu.h"
#include "core/event/loop.h"
#include "core/state/state.h"
#include "tests/unit.h"

#include <sched.h>

typedef struct ToyCpu {
    Cpu cpu;
    uint64_t steps; /* atomic */
    uint64_t resets;
    uint64_t wakes; /* atomic */
    uint64_t pc;
    bool sleeps;
    bool asks_reset; /* atomic */
    bool asks_off;   /* atomic */
} ToyCpu;

static void toycpu_line(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), n, level);
}

static const Field toycpu_fields[] = {
    STATE_U64(ToyCpu, pc),
    STATE_U64(ToyCpu, steps, .no_reset = true),
    PIN_IN_DIRECT("irq", toycpu_line, .count = 2),
};

static const DeviceType device_toycpu = {
    .name = "toycpu",
    .base = &device_cpu,
    .size = sizeof(ToyCpu),
    .fields = TABLE(toycpu_fields),
};

static void toy_reset(Cpu *cpu)
{
    ToyCpu *s = device_as(&cpu->dev, ToyCpu);

    __atomic_add_fetch(&s->resets, 1, __ATOMIC_SEQ_CST);
    s->pc = 0x100;
}

static bool toy_has_work(Cpu *cpu)
{
    return cpu_lines(cpu) != 0;
}

static CpuExit toy_run(Cpu *cpu)
{
    ToyCpu *s = device_as(&cpu->dev, ToyCpu);

    for (;;) {
        if (cpu_take_requests(cpu, REQ_TLB_FLUSH)) {
            cpu_quiescent(cpu);
        }
        if (cpu_requests(cpu)) {
            return CPU_EXIT_REQUEST;
        }
        __atomic_add_fetch(&s->steps, 1, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(&s->asks_reset, false, __ATOMIC_SEQ_CST)) {
            machine_reset_request(cpu->dev.machine, CAUSE_GUEST_RESET);
        }
        if (__atomic_exchange_n(&s->asks_off, false, __ATOMIC_SEQ_CST)) {
            return CPU_EXIT_OFF;
        }
        if (s->sleeps) {
            bool high = cpu_lines(cpu) != 0;

            cpu_set_line(cpu, 0, false); /* before it is counted: the test raises it again then */
            __atomic_add_fetch(&s->wakes, high, __ATOMIC_SEQ_CST);
            return CPU_EXIT_HALTED;
        }
    }
}

static const CpuTargetOps toy_target = { .reset = toy_reset, .has_work = toy_has_work };
static const CpuAccelOps toy_accel = { .name = "toy", .run = toy_run };

static Machine *toy_machine(unsigned n, ToyCpu **cpus)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf("cpu%u", i);
        Cpu *cpu = cpu_new(m, &device_toycpu, NULL, id);

        cpu->target_ops = &toy_target;
        cpu->accel_ops = &toy_accel;
        cpus[i] = device_as(&cpu->dev, ToyCpu);
        CHECK(device_realize(&cpu->dev, &err));
    }
    return m;
}

static uint64_t toy_steps(ToyCpu *s)
{
    return __atomic_load_n(&s->steps, __ATOMIC_SEQ_CST);
}

/* Runs the loop until @s has done something more. */
static void toy_await(Machine *m, ToyCpu *s)
{
    uint64_t before = toy_steps(s);

    while (toy_steps(s) == before) {
        loop_iterate(m, false);
        sched_yield();
    }
}

typedef struct ToyEvents {
    unsigned seen[16];
    ShutdownCause cause;
    RunState state;
} ToyEvents;

static void toy_event(void *opaque, const MachineEvent *e)
{
    ToyEvents *t = opaque;

    t->seen[e->kind]++;
    t->state = e->state;
    t->cause = e->cause;
}

TEST(cpu, stops_and_goes)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[2];
    Machine *m = toy_machine(2, c);
    ToyEvents ev = { 0 };
    uint64_t steps;
    int64_t now;

    machine_listen(m, toy_event, &ev);
    EXPECT(machine_start(m, &err));
    EXPECT_EQ(machine_run_state(m), RUN_PRELAUNCH);
    EXPECT_EQ(c[0]->pc, 0x100);
    EXPECT_EQ(toy_steps(c[0]), 0);
    EXPECT(machine_resume(m, &err));
    toy_await(m, c[0]);
    toy_await(m, c[1]);
    machine_pause(m, RUN_PAUSED);
    steps = toy_steps(c[0]) + toy_steps(c[1]);
    now = machine_now_ns(m);
    EXPECT(now > 0);
    g_usleep(2000);
    EXPECT_EQ(toy_steps(c[0]) + toy_steps(c[1]), steps);
    EXPECT_EQ(machine_now_ns(m), now);
    EXPECT(machine_resume(m, &err));
    toy_await(m, c[1]);
    EXPECT_EQ(ev.seen[EVENT_STOP], 1);
    EXPECT_EQ(ev.seen[EVENT_RESUME], 2);
    machine_free(m);
}

TEST(cpu, no_kick_is_lost_by_a_sleeper)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[1];
    Machine *m = toy_machine(1, c);

    c[0]->sleeps = true;
    EXPECT(machine_start(m, &err) && machine_resume(m, &err));
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t before = __atomic_load_n(&c[0]->wakes, __ATOMIC_SEQ_CST);

        cpu_set_line(&c[0]->cpu, 0, true);
        while (__atomic_load_n(&c[0]->wakes, __ATOMIC_SEQ_CST) == before) {
            sched_yield();
        }
    }
    machine_free(m);
}

static void toy_count(Cpu *cpu, void *arg)
{
    CHECK(cpu_current() == cpu);
    ++*(unsigned *)arg;
}

TEST(cpu, work_runs_on_the_cpu_in_every_state)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[1];
    Machine *m = toy_machine(1, c);
    unsigned n = 0;

    EXPECT(machine_start(m, &err));
    cpu_run_on_wait(&c[0]->cpu, toy_count, &n);
    EXPECT_EQ(n, 1);
    EXPECT(machine_resume(m, &err));
    for (unsigned i = 0; i < 200; i++) {
        cpu_run_on(&c[0]->cpu, toy_count, &n);
        cpu_run_on_wait(&c[0]->cpu, toy_count, &n);
    }
    EXPECT_EQ(n, 401);
    machine_free(m);
}

static void toy_set_pc(Cpu *cpu, void *arg)
{
    device_as(&cpu->dev, ToyCpu)->pc = 0x200;
}

TEST(cpu, power_off_and_on)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[1];
    Machine *m = toy_machine(1, c);

    EXPECT(machine_start(m, &err) && machine_resume(m, &err));
    toy_await(m, c[0]);
    EXPECT(!cpu_power_on(&c[0]->cpu, NULL, NULL));
    __atomic_store_n(&c[0]->asks_off, true, __ATOMIC_SEQ_CST);
    while (cpu_run_state(&c[0]->cpu) != CPU_OFF) {
        sched_yield();
    }
    EXPECT(cpu_power_on(&c[0]->cpu, toy_set_pc, NULL));
    toy_await(m, c[0]);
    machine_pause(m, RUN_PAUSED);
    EXPECT_EQ(c[0]->pc, 0x200);
    EXPECT_EQ(c[0]->resets, 2);
    machine_free(m);
}

TEST(cpu, guest_reset_and_its_actions)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[2];
    Machine *m = toy_machine(2, c);
    ToyEvents ev = { 0 };

    machine_listen(m, toy_event, &ev);
    EXPECT(machine_start(m, &err) && machine_resume(m, &err));
    __atomic_store_n(&c[0]->asks_reset, true, __ATOMIC_SEQ_CST);
    while (!ev.seen[EVENT_RESET]) {
        loop_iterate(m, true);
    }
    EXPECT_EQ(ev.cause, CAUSE_GUEST_RESET);
    EXPECT_EQ(ev.seen[EVENT_STOP], 0);
    EXPECT_EQ(c[1]->resets, 2);
    toy_await(m, c[0]);

    machine_set_actions(m, (MachineActions){ .reboot = REBOOT_SHUTDOWN });
    __atomic_store_n(&c[0]->asks_reset, true, __ATOMIC_SEQ_CST);
    EXPECT_EQ(machine_run_main_loop(m), 0);
    EXPECT_EQ(ev.seen[EVENT_SHUTDOWN], 1);
    EXPECT_EQ(ev.seen[EVENT_RESET], 1);
    machine_free(m);
}

TEST(cpu, no_shutdown_keeps_the_machine)
{
    g_autoptr(GError) err = NULL;
    ToyCpu *c[1];
    Machine *m = toy_machine(1, c);
    ToyEvents ev = { 0 };

    machine_listen(m, toy_event, &ev);
    machine_set_actions(m, (MachineActions){ .shutdown = SHUTDOWN_PAUSE });
    EXPECT(machine_start(m, &err) && machine_resume(m, &err));
    machine_shutdown_request(m, CAUSE_GUEST_SHUTDOWN);
    while (!ev.seen[EVENT_STOP]) {
        loop_iterate(m, true);
    }
    EXPECT_EQ(machine_run_state(m), RUN_SHUTDOWN);
    EXPECT_STR(run_state_name(ev.state), "shutdown");
    EXPECT(!machine_resume(m, &err));
    g_clear_error(&err);
    machine_reset_request(m, CAUSE_HOST_QMP_SYSTEM_RESET);
    while (!ev.seen[EVENT_RESET]) {
        loop_iterate(m, true);
    }
    EXPECT_EQ(machine_run_state(m), RUN_PAUSED);
    EXPECT(machine_resume(m, &err));
    toy_await(m, c[0]);
    machine_free(m);
}

TEST(cpu, lines_and_state_are_saved)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ToyCpu *c[1], *d[1];
    Machine *m = toy_machine(1, c), *n = toy_machine(1, d);

    EXPECT(machine_start(m, &err) && machine_start(n, &err));
    device_set_input(&c[0]->cpu.dev, "irq", 1, true);
    EXPECT_EQ(cpu_lines(&c[0]->cpu), 2);
    c[0]->pc = 0x1234;
    c[0]->cpu.halted = true;
    EXPECT(machine_save_bytes(m, bytes, &err));
    EXPECT(machine_load_bytes(n, bytes->data, bytes->len, &err));
    EXPECT_EQ(d[0]->pc, 0x1234);
    EXPECT_EQ(cpu_lines(&d[0]->cpu), 2);
    EXPECT(d[0]->cpu.halted);
    /* Memory changes while CPUs run: the old maps go once the CPUs have passed a poll. */
    EXPECT(machine_resume(n, &err));
    for (unsigned i = 0; i < 200; i++) {
        MemRegion *r = region_new_container(n, "r", 0x1000);

        region_add(machine_memory_root(n), r, 0, 0);
        region_remove(r);
    }
    toy_await(n, d[0]);
    machine_free(m);
    machine_free(n);
}
