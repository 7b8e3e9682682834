/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Machine owns everything of one virtual machine: devices, CPUs, memory, clocks, randomness,
 * backends, run state. Any number of them live in a process.
 */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include "core/types.h"
#include "util/error.h"
#include "util/log.h"

/* ---- Making ---- */

/* Never fails but for lack of memory; *err is set then. */
Machine *machine_new(GError **err);
/* Stops and joins the CPUs, frees everything. Context: the thread that ran the loop. */
void machine_free(Machine *m);

void machine_set_name(Machine *m, const char *name);
const char *machine_name(const Machine *m);
LogSink *machine_log(Machine *m);
/* The container of all devices: "/". */
Device *machine_root(Machine *m);
/* Memory as CPUs and DMA see it by default; its root container is 2^64 bytes. */
AddressSpace *machine_memory(Machine *m);
/* Nothing is in it: what a device reaches that may not do DMA. */
AddressSpace *machine_no_memory(Machine *m);
MemRegion *machine_memory_root(Machine *m);
/* Byte order of devices declared ENDIAN_BOARD. */
void machine_set_endian(Machine *m, Endian e);

/*
 * The types devices can be made of by name: a NULL-terminated array (the generated
 * device_types[]). machine_add_types may be called many times; the arrays must outlive @m.
 */
void machine_add_types(Machine *m, const DeviceType *const *types);
const DeviceType *machine_find_type(Machine *m, const char *name);

/*
 * Backends by name, made by the host side and claimed by devices through PROP_BACKEND: @kind is
 * "chardev", "netdev", "drive"; @ptr is what that layer's header says. False: the id is taken.
 */
NODISCARD bool machine_add_backend(Machine *m, const char *kind, const char *id, void *ptr,
                                   GError **err);
void *machine_find_backend(Machine *m, const char *kind, const char *id);
void machine_remove_backend(Machine *m, const char *kind, const char *id);
/* Ids of @kind, NULL-terminated; free with g_free (not the strings). */
const char **machine_backend_ids(Machine *m, const char *kind);

/* CPUs in order of creation; set while the machine is built. */
unsigned machine_n_cpus(const Machine *m);
Cpu *machine_cpu(const Machine *m, unsigned index);
void machine_add_cpu(Machine *m, Cpu *cpu); /* cpu_new calls it */

/* Append the line of one instruction; the number of bytes it has. As debug/disas.h. */
typedef size_t MachineDisasFn(const Cpu *cpu, GuestVirt addr, const uint8_t *bytes, size_t len,
                              GString *out);
/* For logs of layers that may not reach the disassembler; NULL: there is none. */
void machine_set_disas(Machine *m, MachineDisasFn *fn);
MachineDisasFn *machine_disas(const Machine *m);
/* The same for host code, of the machine that an ELF header would name. */
typedef size_t MachineHostDisasFn(unsigned elf_machine, uint64_t addr, const uint8_t *bytes,
                                  size_t len, GString *out);
void machine_set_host_disas(Machine *m, MachineHostDisasFn *fn);
MachineHostDisasFn *machine_host_disas(const Machine *m);

/*
 * The accelerator all CPUs run under, and its state of the machine. @free_state (may be NULL) is
 * called by machine_free after every CPU's cpu_free. Use accel_attach (accel/accel.h).
 */
void machine_set_accel(Machine *m, const Accel *accel, void *state,
                       void (*free_state)(void *state));
const Accel *machine_accel(const Machine *m);
void *machine_accel_state(const Machine *m);

/*
 * Interrupt controllers outside the machine's devices (the host kernel's), by the accelerator.
 * Context: ANY_THREAD, device locks allowed: they only post.
 */
typedef struct MachineIrqchip {
    /* Input @gsi of the controllers. */
    void (*set_gsi)(Machine *m, unsigned gsi, bool level);
    /* A message as a device would write it. False: no CPU takes it. */
    bool (*send_msi)(Machine *m, uint64_t addr, uint32_t data);
    /*
     * The same by a route of the sender's own, which the kernel has decoded once: *@route, NULL at
     * first, keeps it and follows where address or data change. False: not sent, send_msi serves.
     * Calls of one route do not overlap.
     */
    bool (*msi_send_routed)(Machine *m, MsiRoute **route, uint64_t addr, uint32_t data);
    void (*msi_unroute)(Machine *m, MsiRoute *route);
    /* Where inputs are here and local APICs are there: input @gsi sends this message. */
    bool (*set_pin_message)(Machine *m, unsigned gsi, uint64_t addr, uint32_t data);
    /* The interval timer that belongs to them gives up its line, or has it again; NULL: never. */
    void (*set_timer_line)(Machine *m, bool on);
    /* Their whole state, for snapshots and resets; it has as many bytes in every machine alike.
     * Context: LOOP_THREAD, CPUs stopped. */
    uint32_t (*state_bytes)(Machine *m);
    bool (*get)(Machine *m, uint8_t *state, GError **err);
    bool (*set)(Machine *m, const uint8_t *state, GError **err);
} MachineIrqchip;

void machine_set_irqchip(Machine *m, const MachineIrqchip *chip);
/* A board's word, before there is an accelerator: none of its interval timers. */
void machine_leave_out_timer(Machine *m);
bool machine_wants_timer(const Machine *m);
const MachineIrqchip *machine_irqchip(const Machine *m);

/* ---- Time and chance ---- */

/* CLOCK_MACHINE. Context: ANY_THREAD, no lock. */
int64_t machine_now_ns(Machine *m);
/* Fills @buf; host randomness, or of the seed in deterministic mode. */
void machine_random(Machine *m, void *buf, size_t len);
uint64_t machine_random_u64(Machine *m);
void machine_set_seed(Machine *m, uint64_t seed);

/* ---- Run control ---- */

/* QEMU's RunState, in QMP's spelling by run_state_name. */
typedef enum RunState {
    RUN_DEBUG,
    RUN_INMIGRATE,
    RUN_INTERNAL_ERROR,
    RUN_IO_ERROR,
    RUN_PAUSED,
    RUN_POSTMIGRATE,
    RUN_PRELAUNCH,
    RUN_FINISH_MIGRATE,
    RUN_RESTORE_VM,
    RUN_RUNNING,
    RUN_SAVE_VM,
    RUN_SHUTDOWN,
    RUN_SUSPENDED,
    RUN_WATCHDOG,
    RUN_GUEST_PANICKED,
    RUN_COLO,
    RUN_STATES,
} RunState;

/* QEMU's ShutdownCause, in QMP's spelling by shutdown_cause_name. */
typedef enum ShutdownCause {
    CAUSE_NONE,
    CAUSE_HOST_ERROR,
    CAUSE_HOST_QMP_QUIT,
    CAUSE_HOST_QMP_SYSTEM_RESET,
    CAUSE_HOST_SIGNAL,
    CAUSE_HOST_UI,
    CAUSE_GUEST_SHUTDOWN,
    CAUSE_GUEST_RESET,
    CAUSE_GUEST_PANIC,
    CAUSE_SUBSYSTEM_RESET,
    CAUSE_SNAPSHOT_LOAD,
    CAUSES,
} ShutdownCause;

const char *run_state_name(RunState s);
const char *shutdown_cause_name(ShutdownCause c);
static inline bool shutdown_cause_is_guest(ShutdownCause c)
{
    return c >= CAUSE_GUEST_SHUTDOWN && c <= CAUSE_GUEST_PANIC;
}

typedef enum MachineEventKind {
    EVENT_STOP,           /* CPUs have stopped: state */
    EVENT_RESUME,         /* CPUs run */
    EVENT_RESET,          /* a reset was done: cause */
    EVENT_SHUTDOWN,       /* the machine ends or stays stopped: cause */
    EVENT_POWERDOWN,      /* the guest is asked to power down */
    EVENT_GUEST_PANICKED, /* text */
    EVENT_SUSPEND,
    EVENT_WAKEUP,
    EVENT_DEBUG,          /* cpu stopped for the debugger: see cpu->debug_reason */
    EVENT_BLOCK_IO_ERROR, /* text: what QMP says of it, in JSON */
    EVENT_TRAY_MOVED,     /* text: likewise */
    EVENT_DEVICE,         /* a device's own event: text is its name as in QMP, and after a blank
                             what QMP says of it, in JSON; or nothing */
} MachineEventKind;

typedef struct MachineEvent {
    MachineEventKind kind;
    RunState state;
    ShutdownCause cause;
    bool guest; /* the guest brought it about */
    Cpu *cpu;
    const char *text;
    const void *data;
} MachineEvent;

/* On the main loop, no lock held. */
typedef void MachineListenerFn(void *opaque, const MachineEvent *event);

void machine_listen(Machine *m, MachineListenerFn *fn, void *opaque);
void machine_unlisten(Machine *m, MachineListenerFn *fn, void *opaque);
/* Tell listeners on the main loop; copies text. Context: ANY_THREAD. */
void machine_post_event(Machine *m, MachineEventKind kind, const char *text);

/* What happens at reset, shutdown, panic: -no-reboot, -no-shutdown, -action. */
typedef struct MachineActions {
    enum { REBOOT_RESET, REBOOT_SHUTDOWN } reboot;
    enum { SHUTDOWN_POWEROFF, SHUTDOWN_PAUSE } shutdown;
    enum { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_NONE, PANIC_EXIT_FAILURE } panic;
} MachineActions;

/* Statuses of the process with PANIC_EXIT_FAILURE; isa-debug-exit has odd ones. */
enum {
    STATUS_PANIC = 1,
    STATUS_CPU_FAILED = 2,   /* a CPU cannot go on (the log says why) */
    STATUS_TRIPLE_FAULT = 4, /* where a reset ends the machine */
};

void machine_set_actions(Machine *m, MachineActions a);

/* -L: a folder that files of firmware are looked for in first. */
void machine_add_data_folder(Machine *m, const char *path);
/*
 * Where the file @name is: as it stands; without a '/' also in those folders, in @folders. NULL: it
 * is nowhere. The caller frees.
 */
char *machine_find_data(const Machine *m, const char *name, const char *const *folders, size_t n);
MachineActions machine_actions(const Machine *m);

/*
 * Realize is done, types are wired: settle and reset the tree, start CPU threads. The machine
 * is then RUN_PRELAUNCH with stopped CPUs; machine_resume lets them run. LOOP_THREAD.
 */
NODISCARD bool machine_start(Machine *m, GError **err);
/* machine_start was called: what is plugged from now on comes while the guest looks. */
bool machine_has_started(const Machine *m);
bool machine_is_running(const Machine *m);
RunState machine_run_state(const Machine *m);
/* A state in which CPUs do not run, to be shown instead of the present one (RUN_INMIGRATE). */
void machine_set_run_state(Machine *m, RunState s);

/* Stop all CPUs and machine time; returns when they have stopped. EVENT_STOP. LOOP_THREAD. */
void machine_pause(Machine *m, RunState s);
/* Run. Errors: after a shutdown or panic a reset must come first. EVENT_RESUME. LOOP_THREAD. */
NODISCARD bool machine_resume(Machine *m, GError **err);
/*
 * Run @only and keep the other CPUs stopped (a debugger steps one); NULL: all. LOOP_THREAD.
 */
NODISCARD bool machine_resume_only(Machine *m, Cpu *only, GError **err);
/* machine_pause from any thread, soon: on the main loop. */
void machine_pause_request(Machine *m, RunState s);

/* Queued, done on the main loop. A second one of the same kind before that is dropped. */
void machine_reset_request(Machine *m, ShutdownCause cause);
/* If it ends the machine, and statuses are wanted (PANIC_EXIT_FAILURE), by status @code. */
void machine_reset_request_code(Machine *m, ShutdownCause cause, int code);
void machine_shutdown_request(Machine *m, ShutdownCause cause);
/* A CPU cannot go on: the machine pauses, or ends with PANIC_EXIT_FAILURE. LOOP_THREAD. */
void machine_cpu_failed(Machine *m);
/* With exit status @code of the process (semihosting, exit devices). */
void machine_shutdown_request_code(Machine *m, ShutdownCause cause, int code);
void machine_powerdown_request(Machine *m);
/* Wake the vCPU out of the guest's way: the requester waits for the loop's answer (PSCI). */
void machine_panic_request(Machine *m, const char *text);

/*
 * Suspend to RAM (ACPI's S3): CPUs stop, machine time and devices go on. What wakes it resets
 * everything but RAM (RESET_WAKE), and the CPUs run firmware again. Context: ANY_THREAD.
 */
typedef enum WakeReason {
    WAKE_OTHER = 1 << 0, /* a key, a person at the monitor */
    WAKE_BUTTON = 1 << 1,
    WAKE_RTC = 1 << 2,
} WakeReason;

/* The board can; LOOP_THREAD, before start. */
void machine_allow_suspend(Machine *m);
bool machine_can_suspend(const Machine *m);
bool machine_is_suspended(const Machine *m);
void machine_suspend_request(Machine *m);
/* Of no effect on a machine that does not sleep. */
void machine_wakeup_request(Machine *m, WakeReason why);
/* Why it woke, for devices in a reset of RESET_WAKE. */
uint32_t machine_wake_reason(const Machine *m);

/* What boards and devices do on `system_powerdown` (press the power button). LOOP_THREAD. */
void machine_on_powerdown(Machine *m, void (*fn)(void *opaque), void *opaque);
/* After all devices' reset, in order of registration: boot registers, ROM tables. */
void machine_on_reset(Machine *m, void (*fn)(void *opaque, ResetType type), void *opaque);

/* Reset now. Context: LOOP_THREAD, CPUs stopped (machine_reset_request cares for that). */
void machine_reset(Machine *m, ResetType type, ShutdownCause cause);

/* Until a shutdown is due or machine_quit: the exit status. LOOP_THREAD. */
int machine_run_main_loop(Machine *m);
/* Leave machine_run_main_loop with @code. Context: ANY_THREAD. */
void machine_quit(Machine *m, int code);

void machine_lock_debug_check(void); /* aborts in debug builds if a device lock is held */

#endif
