/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a CPU that every target and accelerator shares: its run state, its requests, its
 * thread. A target's CPU struct begins with a Cpu; its DeviceType has `.base = &device_cpu`.
 *
 * Requests (rules.md 6): another thread or-s a bit into `request`, then kicks. The vCPU looks at
 * the whole word at every poll, and again before it sleeps. `poll_counter` is the vCPU's own.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/device.h"
#include "core/intc.h"

enum {
    REQ_EXIT = 1 << 0,      /* leave the run function (generic kick) */
    REQ_INTERRUPT = 1 << 1, /* irq_lines changed */
    REQ_TLB_FLUSH = 1 << 2, /* the memory map changed: forget every FlatRange */
    REQ_PAUSE = 1 << 3,     /* go to CPU_STOPPED (the core's) */
    REQ_RESET = 1 << 4,     /* take the reset state (the core's) */
    REQ_WORK = 1 << 5,      /* items queued by cpu_run_on (the core's) */
    REQ_QUIT = 1 << 6,      /* end the thread (the core's) */
    REQ_DEBUG = 1 << 7,     /* breakpoints, watchpoints or stepping changed */
    REQ_ACCEL0 = 1 << 16,   /* 16 to 23 are the accelerator's, 24 to 31 the target's */
    REQ_TARGET0 = 1 << 24,
};

/* Bytes of zeroed memory in front of every Cpu (devices of that base are mapped, not allocated):
 * the accelerator's state, at a fixed distance from the Cpu. */
enum { CPU_HEADROOM = 16 << 20 };

typedef enum CpuRunState {
    CPU_STOPPED, /* the machine is paused, or it has not started */
    CPU_RUNNING,
    CPU_HALTED, /* asleep until has_work */
    CPU_OFF,    /* powered off (PSCI, waiting for SIPI): only cpu_power_on wakes it */
} CpuRunState;

/* Why the run function came back. */
typedef enum CpuExit {
    CPU_EXIT_REQUEST, /* the request word is not 0: the core acts on it */
    CPU_EXIT_HALTED,  /* the guest waits for an interrupt */
    CPU_EXIT_OFF,     /* the guest switched this CPU off */
    CPU_EXIT_DEBUG,   /* breakpoint, watchpoint or a step: see debug_reason */
    CPU_EXIT_YIELD,   /* let others run, then come back */
    CPU_EXIT_FATAL,   /* cannot go on (the accelerator has logged why): the machine pauses */
} CpuExit;

/* Filled by the accelerator when it adopts the machine's CPUs (before machine_start). */
typedef struct CpuAccelOps {
    const char *name;
    /* On the vCPU's thread. Errors: the machine stops with the message. */
    bool (*thread_begin)(Cpu *cpu, GError **err);
    void (*thread_end)(Cpu *cpu);
    /*
     * Execute until there is a reason to come back. Begins with the request word: it may hold
     * REQ_TLB_FLUSH and the accelerator's own bits from while the CPU slept. At every poll of the
     * request word, and after it has dropped its FlatRanges for REQ_TLB_FLUSH, the vCPU calls
     * cpu_quiescent.
     */
    CpuExit (*run)(Cpu *cpu) VCPU_THREAD;
    /* Wake a run function that does not poll (KVM_RUN); NULL where the request word is enough. */
    void (*kick)(Cpu *cpu) ANY_THREAD;
    /* Guest-visible state was written from outside (reset, load, debugger). May be NULL. */
    void (*state_changed)(Cpu *cpu) VCPU_THREAD;
    /* Breakpoints, watchpoints or stepping changed; every vCPU is stopped. May be NULL. */
    void (*debug_changed)(Cpu *cpu);
    /* The machine goes away; the vCPU's thread has ended. May be NULL. */
    void (*cpu_free)(Cpu *cpu);
} CpuAccelOps;

/*
 * Filled by the target. All may be NULL, and `target_ops` too: then `target` (core/target.h)
 * serves for has_work and debug_translate, and the CPU's DeviceType for reset.
 */
typedef struct CpuTargetOps {
    /* The architectural reset state; then what the board set (entry point). */
    void (*reset)(Cpu *cpu) VCPU_THREAD;
    /* Would a halted CPU wake? Looks at cpu->irq_lines and target state. */
    bool (*has_work)(Cpu *cpu) VCPU_THREAD;
    /* irq_lines changed; NULL: post REQ_INTERRUPT and kick. Context: ANY_THREAD. */
    void (*lines_changed)(Cpu *cpu);
    /* x86's messages between CPUs: INIT, start at page @page of memory after it, NMI. ANY_THREAD.
     */
    void (*init)(Cpu *cpu);
    void (*startup)(Cpu *cpu, unsigned page);
    void (*nmi)(Cpu *cpu);
    GuestVirt (*get_pc)(const Cpu *cpu);
    void (*set_pc)(Cpu *cpu, GuestVirt pc);
    /* For debuggers: the physical address behind @va now, without side effects. */
    bool (*debug_translate)(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs);
} CpuTargetOps;

typedef enum DebugReason {
    DEBUG_NONE,
    DEBUG_BREAKPOINT,
    DEBUG_WATCHPOINT,
    DEBUG_STEP,
    DEBUG_EXCEPTION, /* the guest's own, of interest to a debugger */
} DebugReason;

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

typedef struct Breakpoint {
    GuestVirt addr;
    bool for_guest; /* set by the guest's debug registers, not by a debugger */
} Breakpoint;

typedef struct Watchpoint {
    GuestVirt addr;
    uint64_t len;
    uint8_t flags; /* WATCH_READ, WATCH_WRITE */
} Watchpoint;

typedef struct CpuWork CpuWork;

struct Cpu {
    Device dev; /* first */

    /* Hot: used by generated code. The engine puts its own state after these, in the target's
     * struct or behind `accel_state`. */
    int32_t poll_counter; /* the vCPU's own word */
    uint32_t request;     /* atomic; REQ_* */
    uint32_t irq_lines;   /* atomic; bit n: input pin n of the CPU is high */
    int32_t index;        /* 0, 1, ... in the machine */
    uint8_t raised;       /* the target has recorded an exception that is not entered yet */
    /* Where instructions are counted (core/icount.h): what may be executed, what is kept from it,
     * and how many instructions of the block that runs come after the present one. */
    int32_t icount_left, icount_kept, icount_rest;
    void *accel_state;
    void *target_state;

    const Target *target;
    const Accel *accel;
    const CpuTargetOps *target_ops;
    const CpuAccelOps *accel_ops;
    AddressSpace *as;        /* normal memory */
    AddressSpace *as_secure; /* secure memory; `as` where there is no difference */
    AddressSpace *as_io;     /* x86 ports; NULL elsewhere */
    CpuIntc *intc;

    /* Debugging; changed only while the CPU is stopped or on its own thread, then REQ_DEBUG. */
    GArray *breakpoints; /* of Breakpoint */
    GArray *watchpoints; /* of Watchpoint */
    bool single_step;
    bool step_no_irq; /* no interrupt is taken by a step */
    DebugReason debug_reason;
    GuestVirt debug_addr; /* of the watchpoint hit */
    bool crash_reported;

    /* The core's own. */
    pthread_t thread;
    bool has_thread;
    bool start_powered_off; /* property "start-powered-off" */
    uint8_t run_state;      /* atomic; CpuRunState */
    uint64_t reader_epoch;  /* atomic; 0: offline (core/memory/epoch.c) */
    bool halted;            /* saved; the vCPU's own while it runs */
    bool off;               /* saved; guarded by sleep_lock */
    bool powering;          /* cpu_power_on is on its way; guarded by sleep_lock */
    bool stop_wanted;       /* guarded by sleep_lock */
    Mutex sleep_lock;
    Cond sleep_cond;
    CpuWork *work GUARDED_BY(sleep_lock);
    CpuWork **work_tail GUARDED_BY(sleep_lock);
    uint64_t halted_ns; /* time asleep, for statistics */
    /* How long it looks for an interrupt of another vCPU before it sleeps (cpu_poll). */
    int64_t poll_ns;
    bool may_poll;     /* the host has several CPUs, too */
    bool woken_by_cpu; /* atomic */
};

/* Base type: properties and state every CPU has. */
extern const DeviceType device_cpu;

#define cpu_of(dev_) ((Cpu *)(dev_))

/* The vCPU that this thread runs, or NULL. */
Cpu *cpu_current(void);

/* Or @bits into the request word and wake the CPU wherever it is. Context: ANY_THREAD. */
void cpu_request(Cpu *cpu, uint32_t bits);
/* The same for a message of the accelerator that nobody has to wake for: a CPU that does not run
 * sees the bits before it does. */
void cpu_request_quiet(Cpu *cpu, uint32_t bits);
/* cpu_request(REQ_EXIT). */
void cpu_kick(Cpu *cpu);
static inline uint32_t cpu_requests(const Cpu *cpu)
{
    return __atomic_load_n(&cpu->request, __ATOMIC_ACQUIRE);
}
/* Take and clear those of @bits that are set. Context: VCPU_THREAD. */
static inline uint32_t cpu_take_requests(Cpu *cpu, uint32_t bits)
{
    return __atomic_fetch_and(&cpu->request, ~bits, __ATOMIC_ACQ_REL) & bits;
}
static inline uint32_t cpu_lines(const Cpu *cpu)
{
    return __atomic_load_n(&cpu->irq_lines, __ATOMIC_ACQUIRE);
}
/* Set or clear a bit of irq_lines and tell the CPU if it changed. Context: ANY_THREAD. */
void cpu_set_line(Cpu *cpu, unsigned line, bool level);

/* This vCPU holds no FlatRange or other published pointer any more. Context: VCPU_THREAD. */
void cpu_quiescent(Cpu *cpu);
/* The same, and it takes none until the next cpu_quiescent: it is about to wait, or to run where
 * it cannot poll (KVM_RUN). Context: VCPU_THREAD. */
void cpu_offline(Cpu *cpu);

/* Run @fn(cpu, arg) on the vCPU's thread between two guest instructions; in order. */
void cpu_run_on(Cpu *cpu, void (*fn)(Cpu *cpu, void *arg), void *arg);
/* As cpu_run_on, and wait. Not while holding a device lock. Direct when on that thread, or when
 * the CPU has no thread yet. */
void cpu_run_on_wait(Cpu *cpu, void (*fn)(Cpu *cpu, void *arg), void *arg);

static inline CpuRunState cpu_run_state(const Cpu *cpu)
{
    return (CpuRunState)__atomic_load_n(&cpu->run_state, __ATOMIC_ACQUIRE);
}
/* Power a CPU_OFF CPU on: reset, @setup(cpu, arg) on its thread, run. False: it is not off. */
bool cpu_power_on(Cpu *cpu, void (*setup)(Cpu *cpu, void *arg), void *arg);
/* Switch it off, or on as it is. Context: VCPU_THREAD, from cpu_run_on. */
void cpu_park(Cpu *cpu, bool off);
bool cpu_is_parked(Cpu *cpu);
/* A debugger or loader wrote registers. Context: the CPU is stopped, or its own thread. */
void cpu_state_changed(Cpu *cpu);
/* Reset one CPU (warm). Context: ANY_THREAD. */
void cpu_reset_request(Cpu *cpu);

/* Context: the machine is paused. */
void cpu_breakpoint_add(Cpu *cpu, GuestVirt addr);
bool cpu_breakpoint_remove(Cpu *cpu, GuestVirt addr);
void cpu_watchpoint_add(Cpu *cpu, GuestVirt addr, uint64_t len, unsigned flags);
bool cpu_watchpoint_remove(Cpu *cpu, GuestVirt addr, uint64_t len, unsigned flags);
bool cpu_has_breakpoint(const Cpu *cpu, GuestVirt addr);

void cpu_set_single_step(Cpu *cpu, bool on);
/* The physical address behind @va in the CPU's present state; false: not mapped. */
bool cpu_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs);

/* Read and write guest virtual memory for a debugger; RAM and ROM only. */
bool cpu_debug_rw(Cpu *cpu, GuestVirt va, void *buf, size_t len, bool write);

/* Create CPU @type (a target's DeviceType) as child of @parent; its index is the next free. */
Cpu *cpu_new(Machine *m, const DeviceType *type, Device *parent, const char *id);
/* The loop of a vCPU thread; the core starts it for every CPU in machine_start. */
void cpu_thread_main(Cpu *cpu) VCPU_THREAD;

#endif
