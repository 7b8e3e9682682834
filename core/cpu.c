/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU threads: requests, sleep, work items, stop and go.
 */
#include "core/cpu.h"
#include "core/core-priv.h"
#include "core/target.h"

#include "util/os/cycles.h"

#include <sys/mman.h>
#include <unistd.h>

enum { POLL_MOST_NS = 50000 };

struct CpuWork {
    CpuWork *next;
    void (*fn)(Cpu *cpu, void *arg);
    void *arg;
    bool *done; /* guarded by sleep_lock; NULL: nobody waits */
};

/* ---- The device ---- */

static void cpu_tell_changed(Cpu *cpu, void *arg)
{
    if (cpu->accel_ops && cpu->accel_ops->state_changed) {
        cpu->accel_ops->state_changed(cpu);
    }
}

void cpu_state_changed(Cpu *cpu)
{
    if (cpu->has_thread && cpu != cpu_current()) {
        cpu_run_on(cpu, cpu_tell_changed, NULL);
    } else {
        cpu_tell_changed(cpu, NULL);
    }
}

static void cpu_reset_state(Device *dev, ResetType type)
{
    Cpu *cpu = cpu_of(dev);

    mutex_lock(&cpu->sleep_lock);
    cpu->off = cpu->start_powered_off;
    cpu->powering = false;
    mutex_unlock(&cpu->sleep_lock);
    cpu->halted = false;
    cpu->raised = 0;
    if (cpu->target_ops && cpu->target_ops->reset) {
        cpu->target_ops->reset(cpu);
    }
    cpu_run_on(cpu, cpu_tell_changed, NULL); /* before it runs again */
}

static const Field cpu_fields[] = {
    PROP_BOOL(Cpu, start_powered_off, false, .doc = "waits to be switched on by another CPU"),
    STATE_BOOL(Cpu, halted, .no_reset = true),
    STATE_BOOL(Cpu, off, .no_reset = true),
};

const DeviceType device_cpu = {
    .name = "cpu",
    .doc = "a processor",
    .size = sizeof(Cpu),
    .fields = TABLE(cpu_fields),
    .reset = cpu_reset_state,
};

static size_t cpu_mapped(size_t size)
{
    return CPU_HEADROOM + bits_align_up(size, GUEST_PAGE_SIZE);
}

Device *cpu_alloc(size_t size)
{
    uint8_t *p = mmap(NULL, cpu_mapped(size), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(p != MAP_FAILED);
    return (Device *)(void *)(p + CPU_HEADROOM);
}

void cpu_dealloc(Device *dev)
{
    munmap((uint8_t *)dev - CPU_HEADROOM, cpu_mapped(dev->type->size));
}

void cpu_free_accel(Machine *m)
{
    for (unsigned i = 0; i < m->cpus->len; i++) {
        Cpu *cpu = machine_cpu(m, i);

        if (cpu->accel_ops && cpu->accel_ops->cpu_free) {
            cpu->accel_ops->cpu_free(cpu);
        }
    }
    if (m->accel_free) {
        m->accel_free(m->accel_state);
    }
}

void cpu_init(Cpu *cpu)
{
    cpu->breakpoints = g_array_new(FALSE, FALSE, sizeof(Breakpoint));
    cpu->watchpoints = g_array_new(FALSE, FALSE, sizeof(Watchpoint));
    cpu->as = cpu->as_secure = machine_memory(cpu->dev.machine);
    cpu->index = -1;
    cpu->run_state = CPU_STOPPED;
    cpu->stop_wanted = true;
    mutex_init(&cpu->sleep_lock);
    cond_init(&cpu->sleep_cond);
    cpu->work_tail = &cpu->work;
}

void cpu_deinit(Cpu *cpu)
{
    while (cpu->work) {
        CpuWork *w = cpu->work;

        cpu->work = w->next;
        g_free(w);
    }
    g_array_free(cpu->breakpoints, TRUE);
    g_array_free(cpu->watchpoints, TRUE);
    cond_deinit(&cpu->sleep_cond);
    mutex_deinit(&cpu->sleep_lock);
}

Cpu *cpu_new(Machine *m, const DeviceType *type, Device *parent, const char *id)
{
    Device *dev = device_make(m, type, parent, id);

    CHECK(device_is_a(dev, &device_cpu));
    machine_add_cpu(m, cpu_of(dev));
    return cpu_of(dev);
}

/* ---- Requests ---- */

static void cpu_wake(Cpu *cpu)
{
    __atomic_store_n(&cpu->woken_by_cpu, cpu_current() != NULL, __ATOMIC_RELAXED);
    mutex_lock(&cpu->sleep_lock);
    cond_broadcast(&cpu->sleep_cond);
    mutex_unlock(&cpu->sleep_lock);
}

void cpu_request(Cpu *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->request, bits, __ATOMIC_SEQ_CST);
    /* A sleeper announces itself, then looks at the word: one of us sees the other. */
    if (__atomic_load_n(&cpu->run_state, __ATOMIC_SEQ_CST) != CPU_RUNNING) {
        cpu_wake(cpu);
    } else if (cpu->accel_ops && cpu->accel_ops->kick && cpu != cpu_current()) {
        cpu->accel_ops->kick(cpu);
    }
    if (cpu->dev.machine->turns.on) {
        turns_notify(cpu);
    }
}

void cpu_request_quiet(Cpu *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->request, bits, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu->run_state, __ATOMIC_SEQ_CST) == CPU_RUNNING && cpu->accel_ops &&
        cpu->accel_ops->kick && cpu != cpu_current()) {
        cpu->accel_ops->kick(cpu);
    }
}

void cpu_kick(Cpu *cpu)
{
    cpu_request(cpu, REQ_EXIT);
}

void cpu_set_line(Cpu *cpu, unsigned line, bool level)
{
    uint32_t bit = 1u << line;
    uint32_t old = level ? __atomic_fetch_or(&cpu->irq_lines, bit, __ATOMIC_SEQ_CST)
                         : __atomic_fetch_and(&cpu->irq_lines, ~bit, __ATOMIC_SEQ_CST);

    if (!(old & bit) == !level) {
        return;
    }
    if (cpu->target_ops && cpu->target_ops->lines_changed) {
        cpu->target_ops->lines_changed(cpu);
    } else {
        cpu_request(cpu, REQ_INTERRUPT);
    }
}

void cpu_quiescent(Cpu *cpu)
{
    __atomic_store_n(&cpu->reader_epoch,
                     __atomic_load_n(&cpu->dev.machine->epochs.now, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}

void cpu_offline(Cpu *cpu)
{
    __atomic_store_n(&cpu->reader_epoch, 0, __ATOMIC_SEQ_CST);
}

void cpu_flush_all(Machine *m)
{
    for (unsigned i = 0; i < m->cpus->len; i++) {
        cpu_request(machine_cpu(m, i), REQ_TLB_FLUSH);
    }
}

/* ---- Work items ---- */

static void cpu_queue(Cpu *cpu, void (*fn)(Cpu *cpu, void *arg), void *arg, bool *done)
{
    CpuWork *w = g_new0(CpuWork, 1);

    *w = (CpuWork){ NULL, fn, arg, done };
    mutex_lock(&cpu->sleep_lock);
    *cpu->work_tail = w;
    cpu->work_tail = &w->next;
    mutex_unlock(&cpu->sleep_lock);
    cpu_request(cpu, REQ_WORK);
}

void cpu_run_on(Cpu *cpu, void (*fn)(Cpu *cpu, void *arg), void *arg)
{
    cpu_queue(cpu, fn, arg, NULL);
}

/* Context: sleep_lock is held; dropped around each item. */
static void cpu_do_work(Cpu *cpu) REQUIRES(cpu->sleep_lock)
{
    cpu_take_requests(cpu, REQ_WORK);
    while (cpu->work) {
        CpuWork *w = cpu->work;

        cpu->work = w->next;
        cpu->work_tail = cpu->work ? cpu->work_tail : &cpu->work;
        mutex_unlock(&cpu->sleep_lock);
        w->fn(cpu, w->arg);
        mutex_lock(&cpu->sleep_lock);
        if (w->done) {
            *w->done = true;
            cond_broadcast(&cpu->sleep_cond);
        }
        g_free(w);
    }
}

void cpu_run_on_wait(Cpu *cpu, void (*fn)(Cpu *cpu, void *arg), void *arg)
{
    bool done = false;

    DCHECK(!thread_held());
    if (cpu->dev.machine->turns.on) {
        mutex_lock(&cpu->sleep_lock);
        cpu_do_work(cpu); /* in order */
        mutex_unlock(&cpu->sleep_lock);
    }
    if (cpu == cpu_current() || !cpu->has_thread) {
        fn(cpu, arg);
        return;
    }
    cpu_queue(cpu, fn, arg, &done);
    mutex_lock(&cpu->sleep_lock);
    while (!done) {
        cond_wait(&cpu->sleep_cond, &cpu->sleep_lock);
    }
    mutex_unlock(&cpu->sleep_lock);
}

typedef struct CpuPower {
    void (*setup)(Cpu *cpu, void *arg);
    void *arg;
} CpuPower;

static void cpu_powered(Cpu *cpu, void *arg)
{
    g_autofree CpuPower *p = arg;

    device_reset(&cpu->dev, RESET_WARM);
    mutex_lock(&cpu->sleep_lock);
    cpu->off = cpu->powering = false;
    mutex_unlock(&cpu->sleep_lock);
    if (p->setup) {
        p->setup(cpu, p->arg);
    }
}

bool cpu_power_on(Cpu *cpu, void (*setup)(Cpu *cpu, void *arg), void *arg)
{
    CpuPower p = { setup, arg };
    bool was_off;

    mutex_lock(&cpu->sleep_lock);
    was_off = cpu->off && !cpu->powering;
    cpu->powering |= was_off;
    mutex_unlock(&cpu->sleep_lock);
    if (was_off) {
        cpu_run_on(cpu, cpu_powered, g_memdup2(&p, sizeof(p)));
    }
    return was_off;
}

void cpu_park(Cpu *cpu, bool off)
{
    mutex_lock(&cpu->sleep_lock);
    cpu->off = off;
    mutex_unlock(&cpu->sleep_lock);
    if (off) {
        cpu->halted = false;
    }
}

bool cpu_is_parked(Cpu *cpu)
{
    bool off;

    mutex_lock(&cpu->sleep_lock);
    off = cpu->off;
    mutex_unlock(&cpu->sleep_lock);
    return off;
}

void cpu_reset_request(Cpu *cpu)

{
    cpu_request(cpu, REQ_RESET | REQ_EXIT);
}

/* ---- The thread ---- */

static void cpu_set_run_state(Cpu *cpu, CpuRunState s)
{
    __atomic_store_n(&cpu->run_state, s, __ATOMIC_SEQ_CST);
}

static void cpu_announce_stop(Cpu *cpu)
{
    Machine *m = cpu->dev.machine;

    mutex_lock(&m->stop_lock);
    cond_broadcast(&m->stop_cond);
    mutex_unlock(&m->stop_lock);
}

static bool cpu_has_work(Cpu *cpu)
{
    if (cpu->target_ops && cpu->target_ops->has_work) {
        return cpu->target_ops->has_work(cpu);
    }
    return !cpu->target || !cpu->target->has_work || cpu->target->has_work(cpu);
}

/* Requests that end a sleep. Others wait in the word until the accelerator runs. */
enum {
    CPU_WAKES = REQ_EXIT | REQ_PAUSE | REQ_INTERRUPT | REQ_WORK | REQ_RESET | REQ_QUIT,
};

/*
 * Sleep. Where another vCPU ends the sleep soon (a lock, a pipe, a call of all CPUs), the host
 * takes longer to wake the thread than the sleep lasts: so look for the request first, for a time
 * that follows from how long the last sleeps were. Disks and timers are waited for asleep.
 * Context: sleep_lock is held.
 */
static void cpu_sleep(Cpu *cpu) REQUIRES(cpu->sleep_lock)
{
    /* stop_wanted first: whoever stopped the machine may be writing the rest (a state is loaded).
     */
    bool polls = !cpu->stop_wanted && !cpu->off && cpu->halted && cpu->may_poll;
    int64_t from, slept;

    if (!polls) {
        cond_wait(&cpu->sleep_cond, &cpu->sleep_lock);
        return;
    }
    from = clock_host_now_ns();
    slept = 0;
    if (cpu->poll_ns) {
        mutex_unlock(&cpu->sleep_lock);
        while (!(cpu_requests(cpu) & CPU_WAKES) && slept < cpu->poll_ns) {
            os_relax();
            slept = clock_host_now_ns() - from;
        }
        mutex_lock(&cpu->sleep_lock);
    }
    if (!(cpu_requests(cpu) & CPU_WAKES)) {
        cond_wait(&cpu->sleep_cond, &cpu->sleep_lock);
        slept = clock_host_now_ns() - from;
    }
    if (slept > POLL_MOST_NS || !__atomic_load_n(&cpu->woken_by_cpu, __ATOMIC_RELAXED)) {
        cpu->poll_ns = 0;
    } else if (slept > cpu->poll_ns) {
        cpu->poll_ns = POLL_MOST_NS;
    }
}

/*
 * Wait until there is something to execute; false to end the thread (where vCPUs take turns there
 * is no waiting: false when there is nothing now). The request word is looked
 * at after run_state says that we sleep, so a request is either seen or wakes us.
 * Context: sleep_lock is held.
 */
static bool cpu_wait_to_run(Cpu *cpu) REQUIRES(cpu->sleep_lock)
{
    bool announced = false;

    for (;;) {
        uint32_t req;

        cpu_set_run_state(cpu, cpu->stop_wanted ? CPU_STOPPED
                               : cpu->off       ? CPU_OFF
                               : cpu->halted    ? CPU_HALTED
                                                : CPU_RUNNING);
        req = cpu_requests(cpu);
        cpu_take_requests(cpu, REQ_EXIT | REQ_PAUSE | REQ_INTERRUPT);
        if (req & REQ_QUIT) {
            return false;
        }
        if (req & REQ_WORK || cpu->work) {
            cpu_do_work(cpu);
            continue;
        }
        if (req & REQ_RESET) {
            cpu_take_requests(cpu, REQ_RESET);
            mutex_unlock(&cpu->sleep_lock);
            device_reset(&cpu->dev, RESET_WARM);
            mutex_lock(&cpu->sleep_lock);
            continue;
        }
        if (cpu->stop_wanted && !announced) {
            announced = true;
            mutex_unlock(&cpu->sleep_lock);
            cpu_announce_stop(cpu);
            mutex_lock(&cpu->sleep_lock);
            continue;
        }
        announced = announced && cpu->stop_wanted;
        if (!cpu->stop_wanted && !cpu->off && (!cpu->halted || cpu_has_work(cpu))) {
            cpu->halted = false;
            cpu_set_run_state(cpu, CPU_RUNNING);
            return true;
        }
        if (cpu_requests(cpu) & CPU_WAKES) {
            continue;
        }
        if (cpu->dev.machine->turns.on) {
            return false;
        }
        cpu_sleep(cpu);
    }
}

typedef struct CpuStopped {
    Cpu *cpu;
    RunState state;
} CpuStopped;

static void cpu_stopped_later(void *arg)
{
    g_autofree CpuStopped *s = arg;
    Machine *m = s->cpu->dev.machine;

    if (s->state == RUN_INTERNAL_ERROR) {
        machine_cpu_failed(m);
    } else {
        machine_pause(m, s->state);
    }
}

static void cpu_handle_exit(Cpu *cpu, CpuExit why)
{
    CpuStopped s = { cpu, why == CPU_EXIT_DEBUG ? RUN_DEBUG : RUN_INTERNAL_ERROR };

    switch (why) {
    case CPU_EXIT_HALTED:
        cpu->halted = true;
        break;
    case CPU_EXIT_OFF:
        mutex_lock(&cpu->sleep_lock);
        cpu->off = true;
        mutex_unlock(&cpu->sleep_lock);
        break;
    case CPU_EXIT_DEBUG:
    case CPU_EXIT_FATAL:
        cpu_stop_wanted(cpu, true);
        loop_post(cpu->dev.machine, cpu_stopped_later, g_memdup2(&s, sizeof(s)));
        if (why == CPU_EXIT_DEBUG) {
            machine_post_event(cpu->dev.machine, EVENT_DEBUG, NULL);
        }
        break;
    case CPU_EXIT_YIELD:
        sched_yield();
        break;
    case CPU_EXIT_REQUEST:
        break;
    }
}

static bool cpu_thread_begin(Cpu *cpu)
{
    g_autoptr(GError) err = NULL;

    if (!cpu->accel_ops || !cpu->accel_ops->thread_begin ||
        cpu->accel_ops->thread_begin(cpu, &err)) {
        return true;
    }
    log_message(machine_log(cpu->dev.machine), LOG_LEVEL_ERROR, device_path(&cpu->dev), "%s",
                err->message);
    machine_quit(cpu->dev.machine, 1);
    return false;
}

void cpu_thread_main(Cpu *cpu)
{
    bool ok;

    thread_set_cpu(cpu);
    ok = cpu_thread_begin(cpu);
    mutex_lock(&cpu->sleep_lock);
    while (cpu_wait_to_run(cpu)) {
        CpuExit why = CPU_EXIT_HALTED;

        mutex_unlock(&cpu->sleep_lock);
        if (ok && cpu->accel_ops && cpu->accel_ops->run) {
            cpu_quiescent(cpu);
            why = cpu->accel_ops->run(cpu);
            cpu_offline(cpu);
        } else {
            why = CPU_EXIT_OFF;
        }
        cpu_handle_exit(cpu, why);
        mutex_lock(&cpu->sleep_lock);
    }
    cpu_set_run_state(cpu, CPU_STOPPED);
    mutex_unlock(&cpu->sleep_lock);
    cpu_announce_stop(cpu);
    if (ok && cpu->accel_ops && cpu->accel_ops->thread_end) {
        cpu->accel_ops->thread_end(cpu);
    }
    thread_set_cpu(NULL);
}

bool cpu_is_ready(Cpu *cpu)
{
    bool ready;

    mutex_lock(&cpu->sleep_lock);
    ready = cpu_wait_to_run(cpu);
    mutex_unlock(&cpu->sleep_lock);
    return ready;
}

void cpu_run_slice(Cpu *cpu)
{
    CpuExit why = CPU_EXIT_OFF;

    thread_set_cpu(cpu);
    if (cpu->accel_ops && cpu->accel_ops->run) {
        cpu_quiescent(cpu);
        why = cpu->accel_ops->run(cpu);
        cpu_offline(cpu);
    }
    cpu_handle_exit(cpu, why);
    thread_set_cpu(NULL);
}

static void *cpu_thread_entry(void *arg)
{
    cpu_thread_main(arg);
    return NULL;
}

bool cpu_thread_start(Cpu *cpu, GError **err)
{
    int rc;

    if (cpu->dev.machine->turns.on) {
        return true;
    }
    cpu->may_poll = cpu->dev.machine->cpus->len > 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1;
    rc = pthread_create(&cpu->thread, NULL, cpu_thread_entry, cpu);
    if (rc) {
        return error_set(err, "cannot create the thread of CPU %d: %s", cpu->index, strerror(rc));
    }
    cpu->has_thread = true;
    return true;
}

/* ---- Stop and go ---- */

void cpu_stop_wanted(Cpu *cpu, bool stop)
{
    mutex_lock(&cpu->sleep_lock);
    cpu->stop_wanted = stop;
    mutex_unlock(&cpu->sleep_lock);
    cpu_request(cpu, REQ_PAUSE);
}

void cpu_stop_all(Machine *m)
{
    CHECK(!cpu_current());
    for (unsigned i = 0; i < m->cpus->len; i++) {
        cpu_stop_wanted(machine_cpu(m, i), true);
    }
    for (unsigned i = 0; m->turns.on && i < m->cpus->len; i++) {
        cpu_is_ready(machine_cpu(m, i)); /* it is between two instructions */
    }
    mutex_lock(&m->stop_lock);
    for (unsigned i = 0; i < m->cpus->len; i++) {
        Cpu *cpu = machine_cpu(m, i);

        while (cpu->has_thread && cpu_run_state(cpu) != CPU_STOPPED) {
            cond_wait(&m->stop_cond, &m->stop_lock);
        }
    }
    mutex_unlock(&m->stop_lock);
}

void cpu_go_all(Machine *m)
{
    for (unsigned i = 0; i < m->cpus->len; i++) {
        cpu_stop_wanted(machine_cpu(m, i), false);
    }
}

void cpu_quit_all(Machine *m)
{
    for (unsigned i = 0; i < m->cpus->len; i++) {
        cpu_request(machine_cpu(m, i), REQ_QUIT | REQ_EXIT);
    }
    for (unsigned i = 0; i < m->cpus->len; i++) {
        Cpu *cpu = machine_cpu(m, i);

        if (cpu->has_thread) {
            pthread_join(cpu->thread, NULL);
            cpu->has_thread = false;
        }
    }
}

/* ---- Debugging ---- */

static void cpu_debug_changed(Cpu *cpu)
{
    cpu_request(cpu, REQ_DEBUG);
    if (cpu->accel_ops && cpu->accel_ops->debug_changed) {
        cpu->accel_ops->debug_changed(cpu);
    }
}

void cpu_set_single_step(Cpu *cpu, bool on)
{
    if (cpu->single_step != on) {
        cpu->single_step = on;
        cpu_debug_changed(cpu);
    }
}

static GuestVirt cpu_code_va(const Cpu *cpu, GuestVirt addr)
{
    return cpu->target && cpu->target->code_va ? cpu->target->code_va(cpu, addr) : addr;
}

void cpu_breakpoint_add(Cpu *cpu, GuestVirt addr)
{
    Breakpoint b = { .addr = addr = cpu_code_va(cpu, addr) };

    if (!cpu_has_breakpoint(cpu, addr)) {
        g_array_append_val(cpu->breakpoints, b);
        cpu_debug_changed(cpu);
    }
}

bool cpu_breakpoint_remove(Cpu *cpu, GuestVirt addr)
{
    addr = cpu_code_va(cpu, addr);
    for (unsigned i = 0; i < cpu->breakpoints->len; i++) {
        const Breakpoint *b = &g_array_index(cpu->breakpoints, Breakpoint, i);

        if (b->addr == addr && !b->for_guest) {
            g_array_remove_index_fast(cpu->breakpoints, i);
            cpu_debug_changed(cpu);
            return true;
        }
    }
    return false;
}

bool cpu_has_breakpoint(const Cpu *cpu, GuestVirt addr)
{
    for (unsigned i = 0; i < cpu->breakpoints->len; i++) {
        if (g_array_index(cpu->breakpoints, Breakpoint, i).addr == addr) {
            return true;
        }
    }
    return false;
}

void cpu_watchpoint_add(Cpu *cpu, GuestVirt addr, uint64_t len, unsigned flags)
{
    Watchpoint w = { addr, len, (uint8_t)flags };

    g_array_append_val(cpu->watchpoints, w);
    cpu_debug_changed(cpu);
}

bool cpu_watchpoint_remove(Cpu *cpu, GuestVirt addr, uint64_t len, unsigned flags)
{
    for (unsigned i = 0; i < cpu->watchpoints->len; i++) {
        const Watchpoint *w = &g_array_index(cpu->watchpoints, Watchpoint, i);

        if (w->addr == addr && w->len == len && w->flags == flags) {
            g_array_remove_index_fast(cpu->watchpoints, i);
            cpu_debug_changed(cpu);
            return true;
        }
    }
    return false;
}

bool cpu_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs)
{
    *pa = va;
    if (cpu->target_ops && cpu->target_ops->debug_translate) {
        return cpu->target_ops->debug_translate(cpu, va, pa, attrs);
    }
    return !cpu->target || !cpu->target->debug_translate ||
           cpu->target->debug_translate(cpu, va, pa);
}

bool cpu_debug_rw(Cpu *cpu, GuestVirt va, void *buf, size_t len, bool write)
{
    uint8_t *p = buf;

    while (len) {
        size_t n = min_u64(len, GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1)));
        MemAttrs attrs = { .debug = 1 };
        GuestPhys pa = va;
        AddressSpace *as;
        MemResult r;

        if (!cpu_debug_translate(cpu, va, &pa, &attrs)) {
            return false;
        }
        attrs.debug = 1;
        as = attrs.secure ? cpu->as_secure : cpu->as;
        r = write ? aspace_write_rom(as, pa, p, n) : aspace_read(as, pa, p, n, attrs);
        if (r) {
            return false;
        }
        p += n;
        va += n;
        len -= n;
    }
    return true;
}

/* ---- Interrupt controllers ---- */

void cpu_intc_attach(Cpu *cpu, CpuIntc *intc)
{
    CHECK(!cpu->intc);
    cpu->intc = intc;
}

bool cpu_intc_read(Cpu *cpu, uint32_t regid, uint64_t *val)
{
    const CpuIntcOps *ops = cpu->intc ? cpu->intc->ops : NULL;

    return ops && ops->sysreg_read && ops->sysreg_read(cpu->intc, cpu, regid, val);
}

bool cpu_intc_write(Cpu *cpu, uint32_t regid, uint64_t val)
{
    const CpuIntcOps *ops = cpu->intc ? cpu->intc->ops : NULL;

    return ops && ops->sysreg_write && ops->sysreg_write(cpu->intc, cpu, regid, val);
}
