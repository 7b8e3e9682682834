/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run control: start, pause, resume, reset, shutdown, and who hears of it.
 */
#include "core/core-priv.h"
#include "core/doorbell.h"

/* ---- Listeners ---- */

void machine_listen(Machine *m, MachineListenerFn *fn, void *opaque)
{
    MachineListener l = { fn, opaque };

    g_array_append_val(m->listeners, l);
}

void machine_unlisten(Machine *m, MachineListenerFn *fn, void *opaque)
{
    for (unsigned i = 0; i < m->listeners->len; i++) {
        const MachineListener *l = &g_array_index(m->listeners, MachineListener, i);

        if (l->fn == fn && l->opaque == opaque) {
            g_array_remove_index(m->listeners, i);
            return;
        }
    }
}

static void run_tell(Machine *m, const MachineEvent *event)
{
    DCHECK(!thread_held());
    for (unsigned i = 0; i < m->listeners->len; i++) {
        MachineListener l = g_array_index(m->listeners, MachineListener, i);

        l.fn(l.opaque, event);
    }
}

static void run_tell_cause(Machine *m, MachineEventKind kind, ShutdownCause cause)
{
    run_tell(m, &(MachineEvent){ .kind = kind,
                                 .state = machine_run_state(m),
                                 .cause = cause,
                                 .guest = shutdown_cause_is_guest(cause) });
}

typedef struct RunPosted {
    Machine *machine;
    MachineEventKind kind;
    RunState state;
    Cpu *cpu;
    char *text;
} RunPosted;

static void run_tell_posted(void *arg)
{
    RunPosted *p = arg;

    run_tell(p->machine, &(MachineEvent){ .kind = p->kind,
                                          .state = machine_run_state(p->machine),
                                          .guest = true,
                                          .cpu = p->cpu,
                                          .text = p->text });
    g_free(p->text);
    g_free(p);
}

void machine_post_event(Machine *m, MachineEventKind kind, const char *text)
{
    RunPosted *p = g_new0(RunPosted, 1);

    *p = (RunPosted){ m, kind, RUN_RUNNING, cpu_current(), g_strdup(text) };
    loop_post(m, run_tell_posted, p);
}

static void run_add_hook(GArray *hooks, MachineHook hook)
{
    g_array_append_val(hooks, hook);
}

void machine_on_powerdown(Machine *m, void (*fn)(void *opaque), void *opaque)
{
    run_add_hook(m->powerdown_hooks, (MachineHook){ .powerdown = fn, .opaque = opaque });
}

void machine_on_reset(Machine *m, void (*fn)(void *opaque, ResetType type), void *opaque)
{
    run_add_hook(m->reset_hooks, (MachineHook){ .reset = fn, .opaque = opaque });
}

void machine_set_actions(Machine *m, MachineActions a)
{
    m->actions = a;
}

MachineActions machine_actions(const Machine *m)
{
    return m->actions;
}

/* ---- States ---- */

RunState machine_run_state(const Machine *m)
{
    return (RunState)__atomic_load_n(&m->run_state, __ATOMIC_ACQUIRE);
}

bool machine_has_started(const Machine *m)
{
    return m->started;
}

bool machine_is_running(const Machine *m)
{
    return machine_run_state(m) == RUN_RUNNING;
}

void machine_set_run_state(Machine *m, RunState s)
{
    CHECK(s < RUN_STATES && s != RUN_RUNNING && !machine_is_running(m));
    m->ended |= s == RUN_INTERNAL_ERROR;
    __atomic_store_n(&m->run_state, s, __ATOMIC_RELEASE);
}

bool machine_start(Machine *m, GError **err)
{
    CHECK(!m->started);
    m->started = true;
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    if (m->turns.on) {
        turns_start(m);
    }
    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        if (!cpu_thread_start(machine_cpu(m, i), err)) {
            return false;
        }
    }
    return true;
}

void machine_pause(Machine *m, RunState s)
{
    if (machine_run_state(m) == RUN_SUSPENDED) {
        clock_run(m, false);
        m->ended = s == RUN_INTERNAL_ERROR;
        __atomic_store_n(&m->run_state, s, __ATOMIC_RELEASE);
        run_tell(m, &(MachineEvent){ .kind = EVENT_STOP, .state = s });
        return;
    }
    if (!machine_is_running(m)) {
        /* A reason that ends the machine stands over one that only stopped it. */
        if (s == RUN_SHUTDOWN || s == RUN_GUEST_PANICKED || s == RUN_INTERNAL_ERROR) {
            __atomic_store_n(&m->run_state, s, __ATOMIC_RELEASE);
        }
        return;
    }
    cpu_stop_all(m);
    doorbell_serve(m); /* what the guest has rung is part of what it did */
    clock_run(m, false);
    m->ended = s == RUN_INTERNAL_ERROR;
    __atomic_store_n(&m->run_state, s, __ATOMIC_RELEASE);
    run_tell(m, &(MachineEvent){ .kind = EVENT_STOP, .state = s });
}

bool machine_resume(Machine *m, GError **err)
{
    return machine_resume_only(m, NULL, err);
}

bool machine_resume_only(Machine *m, Cpu *only, GError **err)
{
    if (machine_is_running(m) || machine_run_state(m) == RUN_SUSPENDED) {
        return true;
    }
    if (m->ended) {
        return error_set(err, "the machine has ended (%s): reset it before it can run again",
                         run_state_name(machine_run_state(m)));
    }
    if (m->suspended) {
        __atomic_store_n(&m->run_state, RUN_SUSPENDED, __ATOMIC_RELEASE);
        clock_run(m, true);
        run_tell(m, &(MachineEvent){ .kind = EVENT_RESUME, .state = RUN_SUSPENDED });
        return true;
    }
    __atomic_store_n(&m->run_state, RUN_RUNNING, __ATOMIC_RELEASE);
    clock_run(m, true);
    if (only) {
        cpu_stop_wanted(only, false);
    } else {
        cpu_go_all(m);
    }
    run_tell(m, &(MachineEvent){ .kind = EVENT_RESUME, .state = RUN_RUNNING });
    return true;
}

typedef struct RunPause {
    Machine *machine;
    RunState state;
} RunPause;

static void run_pause_later(void *arg)
{
    g_autofree RunPause *p = arg;

    machine_pause(p->machine, p->state);
}

void machine_pause_request(Machine *m, RunState s)
{
    RunPause *p = g_new(RunPause, 1);

    *p = (RunPause){ m, s };
    if (cpu_current()) {
        cpu_stop_wanted(cpu_current(), true);
    }
    loop_post(m, run_pause_later, p);
}

/* ---- Reset ---- */

void machine_reset(Machine *m, ResetType type, ShutdownCause cause)
{
    m->ended = m->suspended = false;
    device_reset(m->root, type);
    if (type != RESET_WAKE) {
        rom_load_all(m);
    }
    for (unsigned i = 0; i < m->reset_hooks->len; i++) {
        const MachineHook *h = &g_array_index(m->reset_hooks, MachineHook, i);

        h->reset(h->opaque, type);
    }
    if (cause != CAUSE_NONE) {
        run_tell_cause(m, EVENT_RESET, cause);
    }
}

/* CPUs run again; all has been reset. */
static void run_wake(Machine *m)
{
    __atomic_store_n(&m->run_state, RUN_RUNNING, __ATOMIC_RELEASE);
    cpu_go_all(m);
    run_tell(m, &(MachineEvent){ .kind = EVENT_WAKEUP, .state = RUN_RUNNING });
}

static void run_reset(Machine *m, ShutdownCause cause)
{
    bool was_running = machine_is_running(m), slept = machine_run_state(m) == RUN_SUSPENDED;

    cpu_stop_all(m);
    machine_reset(m, RESET_WARM, cause);
    if (slept) {
        run_wake(m);
    } else if (was_running) {
        cpu_go_all(m);
    } else if (machine_run_state(m) == RUN_SHUTDOWN || machine_run_state(m) == RUN_GUEST_PANICKED ||
               machine_run_state(m) == RUN_INTERNAL_ERROR) {
        __atomic_store_n(&m->run_state, RUN_PAUSED, __ATOMIC_RELEASE);
    }
}

/* Machine time goes on, so that the alarm of a clock can come. */
static void run_suspend(Machine *m)
{
    bool was_running = machine_is_running(m);

    cpu_stop_all(m);
    doorbell_serve(m);
    m->suspended = true;
    if (was_running) {
        __atomic_store_n(&m->run_state, RUN_SUSPENDED, __ATOMIC_RELEASE);
    }
    run_tell(m, &(MachineEvent){ .kind = EVENT_SUSPEND, .state = machine_run_state(m) });
}

static void run_shutdown(Machine *m, ShutdownCause cause)
{
    run_tell_cause(m, EVENT_SHUTDOWN, cause);
    if (m->actions.shutdown == SHUTDOWN_PAUSE && cause != CAUSE_HOST_QMP_QUIT &&
        cause != CAUSE_HOST_SIGNAL) {
        machine_pause(m, RUN_SHUTDOWN);
        m->ended = true;
    } else {
        cpu_stop_all(m);
        machine_quit(m, m->pending_code);
    }
}

/* Each of the pending words is 0, or 1 + a cause. */
static void run_requests(void *arg)
{
    Machine *m = arg;
    uint32_t down = __atomic_exchange_n(&m->pending_shutdown, 0, __ATOMIC_SEQ_CST);
    uint32_t reset = __atomic_exchange_n(&m->pending_reset, 0, __ATOMIC_SEQ_CST);
    uint32_t suspend = __atomic_exchange_n(&m->pending_suspend, 0, __ATOMIC_SEQ_CST);
    uint32_t wake = __atomic_exchange_n(&m->pending_wake, 0, __ATOMIC_SEQ_CST);

    if (!down && reset && shutdown_cause_is_guest((ShutdownCause)(reset - 1)) &&
        m->actions.reboot == REBOOT_SHUTDOWN) {
        down = reset;
        reset = 0;
    }
    if (down) {
        run_shutdown(m, (ShutdownCause)(down - 1));
        return;
    }
    if (reset) {
        run_reset(m, (ShutdownCause)(reset - 1));
    }
    if (suspend && !reset) {
        run_suspend(m);
    }
    if (wake && machine_run_state(m) == RUN_SUSPENDED) {
        m->wake_reason = wake;
        machine_reset(m, RESET_WAKE, CAUSE_NONE);
        run_wake(m);
    }
    if (__atomic_exchange_n(&m->pending_powerdown, 0, __ATOMIC_SEQ_CST)) {
        run_tell(m, &(MachineEvent){ .kind = EVENT_POWERDOWN });
        for (unsigned i = 0; i < m->powerdown_hooks->len; i++) {
            const MachineHook *h = &g_array_index(m->powerdown_hooks, MachineHook, i);

            h->powerdown(h->opaque);
        }
    }
}

static void run_request(Machine *m, uint32_t *pending, uint32_t value)
{
    uint32_t none = 0;

    __atomic_compare_exchange_n(pending, &none, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    loop_post(m, run_requests, m);
}

/* The CPU that asked executes nothing more before the request is done. */
static void run_hold_cpu(void)
{
    if (cpu_current()) {
        cpu_stop_wanted(cpu_current(), true);
    }
}

void machine_reset_request(Machine *m, ShutdownCause cause)
{
    run_hold_cpu();
    run_request(m, &m->pending_reset, 1 + (uint32_t)cause);
}

void machine_reset_request_code(Machine *m, ShutdownCause cause, int code)
{
    if (m->actions.panic == PANIC_EXIT_FAILURE && m->actions.reboot == REBOOT_SHUTDOWN) {
        __atomic_store_n(&m->pending_code, code, __ATOMIC_SEQ_CST);
    }
    machine_reset_request(m, cause);
}

void machine_shutdown_request_code(Machine *m, ShutdownCause cause, int code)
{
    run_hold_cpu();
    __atomic_store_n(&m->pending_code, code, __ATOMIC_SEQ_CST);
    run_request(m, &m->pending_shutdown, 1 + (uint32_t)cause);
}

void machine_shutdown_request(Machine *m, ShutdownCause cause)
{
    machine_shutdown_request_code(m, cause, 0);
}

void machine_allow_suspend(Machine *m)
{
    m->can_suspend = true;
}

bool machine_can_suspend(const Machine *m)
{
    return m->can_suspend;
}

bool machine_is_suspended(const Machine *m)
{
    return m->suspended;
}

void machine_suspend_request(Machine *m)
{
    run_hold_cpu();
    run_request(m, &m->pending_suspend, 1);
}

void machine_wakeup_request(Machine *m, WakeReason why)
{
    if (machine_run_state(m) == RUN_SUSPENDED) {
        __atomic_or_fetch(&m->pending_wake, (uint32_t)why, __ATOMIC_SEQ_CST);
        loop_post(m, run_requests, m);
    }
}

uint32_t machine_wake_reason(const Machine *m)
{
    return m->wake_reason;
}

void machine_powerdown_request(Machine *m)
{
    run_request(m, &m->pending_powerdown, 1);
}

typedef struct RunPanic {
    Machine *machine;
    char *text;
} RunPanic;

static void run_panic(void *arg)
{
    RunPanic *p = arg;
    Machine *m = p->machine;

    run_tell(m, &(MachineEvent){ .kind = EVENT_GUEST_PANICKED, .guest = true, .text = p->text });
    switch (m->actions.panic) {
    case PANIC_PAUSE:
        machine_pause(m, RUN_GUEST_PANICKED);
        break;
    case PANIC_NONE:
        if (machine_is_running(m)) {
            cpu_go_all(m);
        }
        break;
    case PANIC_SHUTDOWN:
    case PANIC_EXIT_FAILURE:
        m->pending_code = m->actions.panic == PANIC_EXIT_FAILURE ? STATUS_PANIC : m->pending_code;
        run_shutdown(m, CAUSE_GUEST_PANIC);
        break;
    }
    g_free(p->text);
    g_free(p);
}

void machine_panic_request(Machine *m, const char *text)
{
    RunPanic *p = g_new(RunPanic, 1);

    run_hold_cpu();
    *p = (RunPanic){ m, g_strdup(text) };
    loop_post(m, run_panic, p);
}

void machine_cpu_failed(Machine *m)
{
    machine_pause(m, RUN_INTERNAL_ERROR);
    if (m->actions.panic == PANIC_EXIT_FAILURE) {
        __atomic_store_n(&m->pending_code, STATUS_CPU_FAILED, __ATOMIC_SEQ_CST);
        run_shutdown(m, CAUSE_HOST_ERROR);
    }
}

/* ---- The main loop ---- */

int machine_run_main_loop(Machine *m)
{
    loop_adopt_thread(m);
    while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
        loop_iterate(m, true);
        epoch_reclaim(m);
    }
    machine_pause(m, RUN_SHUTDOWN);
    return m->exit_code;
}

void machine_quit(Machine *m, int code)
{
    m->exit_code = code;
    __atomic_store_n(&m->quit, true, __ATOMIC_RELEASE);
    g_main_context_wakeup(m->loop.context);
}
