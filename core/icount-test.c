/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns and counted time, with an accelerator that executes nothing but counts.
 */
#include "core/clock.h"
#include "core/event/loop.h"
#include "core/icount.h"
#include "core/state/state.h"
#include "tests/unit.h"

enum { SHIFT = 2, BLOCK = 7 };

typedef struct CountCpu {
    Cpu cpu;
    uint64_t done;
    uint64_t halt_at; /* halts when it has executed that many; 0: never */
    uint64_t spin_at; /* lets the next one have its turn then */
    GString *log;
} CountCpu;

static const Field count_fields[] = { STATE_U64(CountCpu, done) };

static const DeviceType device_countcpu = {
    .name = "countcpu",
    .base = &device_cpu,
    .size = sizeof(CountCpu),
    .fields = TABLE(count_fields),
};

static bool count_has_work(Cpu *cpu)
{
    return cpu_lines(cpu) != 0;
}

static bool count_is_at(uint64_t done, unsigned n, uint64_t at)
{
    return at && done < at && done + n >= at;
}

/* Blocks of seven; single ones where seven are too many, as the translator does. */
static CpuExit count_run(Cpu *cpu)
{
    CountCpu *c = device_as(&cpu->dev, CountCpu);

    for (;;) {
        int32_t n;
        uint64_t from = c->done;

        cpu_take_requests(cpu, REQ_TLB_FLUSH | REQ_INTERRUPT);
        icount_release(cpu);
        if (cpu_requests(cpu) || cpu->icount_left <= 0) {
            return CPU_EXIT_REQUEST;
        }
        n = cpu->icount_left < BLOCK ? 1 : BLOCK;
        cpu->icount_left -= n;
        c->done += (unsigned)n;
        if (count_is_at(from, (unsigned)n, c->spin_at)) {
            icount_end_turn(cpu);
        }
        if (count_is_at(from, (unsigned)n, c->halt_at)) {
            cpu_set_line(cpu, 0, false);
            return CPU_EXIT_HALTED;
        }
    }
}

static const CpuTargetOps count_target = { .has_work = count_has_work };
static const CpuAccelOps count_accel = { .name = "count", .run = count_run };

static Machine *count_machine(unsigned n, CountCpu **cpus, const IcountConfig *config)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    icount_set(m, config);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf("cpu%u", i);
        Cpu *cpu = cpu_new(m, &device_countcpu, NULL, id);

        cpu->target_ops = &count_target;
        cpu->accel_ops = &count_accel;
        cpus[i] = device_as(&cpu->dev, CountCpu);
        CHECK(device_realize(&cpu->dev, &err));
    }
    CHECK(machine_start(m, &err));
    CHECK(machine_resume(m, &err));
    return m;
}

typedef struct CountTick {
    Machine *m;
    Timer timer;
    unsigned fired;
    int64_t at_ns;
    uint64_t at_insns, at_cpu[3]; /* of all, of each */
} CountTick;

static void count_tick(void *opaque)
{
    CountTick *t = opaque;

    t->fired++;
    t->at_ns = machine_now_ns(t->m);
    t->at_insns = icount_total(t->m);
    for (unsigned i = 0; i < machine_n_cpus(t->m); i++) {
        t->at_cpu[i] = device_as(&machine_cpu(t->m, i)->dev, CountCpu)->done;
    }
    EXPECT(!cpu_current());
    EXPECT(loop_is_current(t->m));
}

static void count_tick_init(CountTick *t, Machine *m, int64_t at_ns)
{
    *t = (CountTick){ .m = m };
    timer_init(&t->timer, m, CLOCK_MACHINE, count_tick, t);
    timer_arm_at_ns(&t->timer, at_ns);
}

static const IcountConfig count_jumps = { .time = true, .shift = SHIFT };

TEST(icount, timer_fires_at_its_instruction)
{
    CountCpu *cpu;
    Machine *m = count_machine(1, &cpu, &count_jumps);

    for (int64_t ns = 1000; ns < 100000000; ns = ns * 3 + 1) {
        int64_t from = machine_now_ns(m);
        CountTick t;

        count_tick_init(&t, m, from + ns);
        while (!t.fired) {
            loop_iterate(m, false);
        }
        /* the first instruction boundary that is not before it */
        EXPECT_EQ(t.at_insns, (uint64_t)((from + ns + (1 << SHIFT) - 1) >> SHIFT));
        EXPECT_EQ(t.at_cpu[0], t.at_insns);
        EXPECT_EQ(t.at_ns, (int64_t)t.at_insns << SHIFT);
        timer_deinit(&t.timer);
    }
    EXPECT_EQ(icount_total(m), cpu->done);
    machine_free(m);
}

TEST(icount, idle_time_jumps)
{
    CountCpu *cpu;
    Machine *m = count_machine(1, &cpu, &count_jumps);
    CountTick t;

    cpu->halt_at = 1000;
    count_tick_init(&t, m, 3600 * NS_PER_S);
    while (!t.fired) {
        loop_iterate(m, false);
    }
    EXPECT_EQ(t.at_ns, 3600 * NS_PER_S);
    EXPECT(cpu->done >= 1000 && cpu->done < 1000 + BLOCK);
    timer_deinit(&t.timer);
    machine_free(m);
}

TEST(icount, idle_time_sleeps)
{
    static const IcountConfig sleeps = { .time = true, .shift = SHIFT, .sleep = true };
    CountCpu *cpu;
    Machine *m = count_machine(1, &cpu, &sleeps);
    int64_t host = g_get_monotonic_time();
    CountTick t;

    cpu->halt_at = 1000;
    count_tick_init(&t, m, 30 * NS_PER_MS);
    while (!t.fired) {
        loop_iterate(m, true);
    }
    EXPECT_EQ(t.at_ns, 30 * NS_PER_MS);
    EXPECT(g_get_monotonic_time() - host >= 25000);
    timer_deinit(&t.timer);
    machine_free(m);
}

TEST(icount, turns_are_fair)
{
    CountCpu *cpu[3];
    Machine *m = count_machine(3, cpu, &count_jumps);
    CountTick t;

    cpu[1]->halt_at = 30000;
    count_tick_init(&t, m, 10 * NS_PER_MS);
    while (!t.fired) {
        loop_iterate(m, false);
    }
    EXPECT_EQ(t.at_insns, (uint64_t)10 * NS_PER_MS >> SHIFT);
    EXPECT(t.at_cpu[1] >= 30000 && t.at_cpu[1] < 30000 + BLOCK);
    /* the other two share the rest, to within a turn */
    EXPECT(t.at_cpu[0] + 20000 >= t.at_cpu[2] && t.at_cpu[2] + 20000 >= t.at_cpu[0]);
    timer_deinit(&t.timer);
    machine_free(m);
}

TEST(icount, spinning_ends_the_turn)
{
    CountCpu *cpu[2];
    Machine *m = count_machine(2, cpu, &count_jumps);
    CountTick t;

    cpu[0]->spin_at = cpu[1]->spin_at = 100;
    count_tick_init(&t, m, 1200 << SHIFT);
    while (!t.fired) {
        loop_iterate(m, false);
    }
    /* Both spin after about a hundred, then one of them has the turn until the timer. */
    EXPECT(t.at_cpu[0] >= 100 && t.at_cpu[1] >= 100);
    EXPECT_EQ(t.at_cpu[0] + t.at_cpu[1], 1200);
    timer_deinit(&t.timer);
    machine_free(m);
}

typedef struct CountJob {
    Machine *m;
    int64_t posted_ns, done_ns;
    bool worked;
} CountJob;

static void count_job_work(void *arg)
{
    ((CountJob *)arg)->worked = true;
}

static void count_job_done(void *arg)
{
    CountJob *j = arg;

    EXPECT(j->worked);
    j->done_ns = machine_now_ns(j->m);
}

TEST(icount, work_takes_machine_time)
{
    CountCpu *cpu;
    Machine *m = count_machine(1, &cpu, &count_jumps);
    CountJob j = { .m = m };

    for (unsigned i = 0; i < 5; i++) {
        loop_iterate(m, false);
    }
    j.posted_ns = machine_now_ns(m);
    loop_work(m, count_job_work, count_job_done, &j);
    EXPECT_EQ(j.done_ns, 0);
    while (!j.done_ns) {
        loop_iterate(m, false);
    }
    EXPECT_EQ(j.done_ns, j.posted_ns + 100000);
    /* A machine that stands still gets its results all the same. */
    machine_pause(m, RUN_PAUSED);
    j.done_ns = 0;
    loop_work(m, count_job_work, count_job_done, &j);
    loop_iterate(m, false);
    EXPECT_EQ(j.done_ns, machine_now_ns(m));
    machine_free(m);
}

typedef struct CountSave {
    Machine *m;
    Timer timer;
    GByteArray *state;
} CountSave;

static void count_save(void *opaque)
{
    CountSave *s = opaque;
    g_autoptr(GError) err = NULL;

    EXPECT(machine_save_bytes(s->m, s->state, &err));
}

/* In the middle of a turn: @at is where a timer ended the slice. */
static void count_goes_on(int64_t at)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GByteArray) state = g_byte_array_new();
    CountCpu *cpu[2][3];
    Machine *m[2];
    CountTick t[2];
    CountSave s;

    m[0] = count_machine(3, cpu[0], &count_jumps);
    machine_set_seed(m[0], 5);
    machine_random_u64(m[0]);
    s = (CountSave){ .m = m[0], .state = state };
    timer_init(&s.timer, m[0], CLOCK_MACHINE, count_save, &s);
    timer_arm_at_ns(&s.timer, at);
    count_tick_init(&t[0], m[0], at + (50001 << SHIFT));

    m[1] = count_machine(3, cpu[1], &count_jumps);
    machine_set_seed(m[1], 6);
    machine_pause(m[1], RUN_PAUSED);
    for (unsigned i = 0; i < 2; i++) {
        while (!t[i].fired) {
            loop_iterate(m[i], false);
        }
        if (!i) {
            EXPECT(machine_load_bytes(m[1], state->data, state->len, &err));
            count_tick_init(&t[1], m[1], t[0].at_ns);
            EXPECT(machine_resume(m[1], &err));
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(t[0].at_cpu[i], t[1].at_cpu[i]);
    }
    EXPECT_EQ(t[0].at_insns, t[1].at_insns);
    EXPECT_EQ(machine_random_u64(m[1]), machine_random_u64(m[0]));
    timer_deinit(&s.timer);
    for (unsigned i = 0; i < 2; i++) {
        timer_deinit(&t[i].timer);
        machine_free(m[i]);
    }
}

TEST(icount, a_saved_run_goes_on_as_if_it_had_not_been)
{
    for (int64_t at = 1000; at < 100000; at += 7777) {
        count_goes_on(at << SHIFT);
    }
}

TEST(icount, a_turn_of_no_vcpu_is_refused)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GByteArray) state = g_byte_array_new();
    CountCpu *cpu[2];
    Machine *m = count_machine(2, cpu, &count_jumps);
    const unsigned turn = 8 + 4 + 17 + 1; /* magic, version, 'M', 'T' */

    machine_pause(m, RUN_PAUSED);
    EXPECT(machine_save_bytes(m, state, &err));
    EXPECT_EQ(state->data[turn - 1], 'T');
    EXPECT(machine_load_bytes(m, state->data, state->len, &err));
    state->data[turn] = 2;
    EXPECT(!machine_load_bytes(m, state->data, state->len, &err));
    EXPECT(err && strstr(err->message, "turn of CPU 2"));
    machine_free(m);
}
