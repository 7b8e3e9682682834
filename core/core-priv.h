/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of a machine; for core alone.
 */
#ifndef CORE_CORE_PRIV_H
#define CORE_CORE_PRIV_H

#include "core/cpu.h"
#include "core/device.h"
#include "core/event/loop.h"
#include "core/icount.h"
#include "core/machine.h"
#include "core/memory/memory.h"

#include <glib.h>

enum {
    EPOCH_SLOTS = 64,        /* readers at once that are no vCPU */
    WORK_ROUNDS_MAX = 4096,  /* items one drain runs; the rest is the loop's */
    WORK_POSTED_MAX = 65536, /* items one callback may post */
};

/* ---- Epochs: when a published object may be freed (core/memory/epoch.c) ---- */

typedef struct EpochSlot {
    _Alignas(64) uint64_t epoch; /* atomic; 0: free */
} EpochSlot;

typedef struct Epochs {
    uint64_t now; /* atomic; 1, 2, ... */
    EpochSlot slots[EPOCH_SLOTS];
    Mutex lock;
    GArray *retired; /* of EpochRetired; guarded by lock */
} Epochs;

void epoch_init(Epochs *e);
/* Frees everything; no reader may be left. */
void epoch_deinit(Epochs *e);
uint64_t *epoch_enter(Epochs *e);
void epoch_leave(uint64_t *slot);
/* @ptr is no longer reachable: free it with @fn once all readers have moved on. */
void epoch_retire(Machine *m, void *ptr, void (*fn)(void *ptr));
/* Free what may be freed now. */
void epoch_reclaim(Machine *m);
/* Until every reader that is no vCPU and began before has ended. No vCPU runs. LOOP_THREAD. */
void epoch_wait(Machine *m);

/* ---- The thread's context (core/thread.c) ---- */

typedef enum WorkKind { WORK_PIN, WORK_PULSE, WORK_STORE, WORK_CALL } WorkKind;

typedef struct Work {
    WorkKind kind;
    union {
        InputPin *pin;
        struct {
            AddressSpace *as;
            GuestPhys addr;
            uint64_t val;
            MemAttrs attrs;
            uint8_t size;
        } store;
        struct {
            Device *dev;
            void (*fn)(Device *dev, void *arg);
            void *arg;
        } call;
    };
} Work;

/* The device whose lock this thread holds, or NULL. */
Device *thread_held(void);
void thread_set_held(Device *dev);
void thread_set_cpu(Cpu *cpu);
/* Put on the work list; drained at once if no lock is held and no drain is running. */
void thread_post_work(const Work *w);
void work_run(const Work *w);
void thread_drain(void);

/* ---- Input (core/input.c) ---- */

typedef struct Input Input;
void input_free(Machine *m);

/* ---- Pins (core/pin.c) ---- */

struct InputPin {
    Device *dev;
    const Field *field;
    uint32_t n;
    bool seen;      /* the level the device has been told; guarded by its lock */
    bool outside;   /* device_set_input drives it high */
    uint32_t rises; /* PinState.rises when it was told; guarded by its lock */
    uint64_t state; /* atomic; a PinState */
};

typedef union PinState {
    uint64_t bits;
    struct {
        int32_t drivers; /* how many outputs drive it high; < 0 while two setters race */
        uint32_t rises;  /* how often it has gone from low to high */
    };
} PinState;

struct IrqLink {
    InputPin *pin;
    IrqLink *next;
};

bool pin_make_all(Device *dev, GError **err);
void pin_free_all(Device *dev);
/* Outputs go low and lead nowhere; no output of another device leads here. */
void pin_disconnect_all(Device *dev);
void pin_deliver(InputPin *pin, bool pulse);
InputPin *pin_find_input(Device *dev, const char *name, unsigned n);
/* One more output drives it high, or one less. */
void pin_drive(InputPin *pin, bool high);
/* Before outputs are counted anew: what is outside drives it alone. */
void pin_restart(InputPin *pin);
static inline PinState pin_state(const InputPin *pin)
{
    return (PinState){ __atomic_load_n(&pin->state, __ATOMIC_SEQ_CST) };
}
static inline bool pin_level(const InputPin *pin)
{
    return pin_state(pin).drivers > 0;
}

/* ---- Types (core/type.c) ---- */

typedef struct RegEntry {
    uint32_t offset;
    uint16_t size;
    uint32_t n; /* in its bank */
    const Reg *reg;
} RegEntry;

typedef struct RegionIndex {
    RegionType type;
    RegEntry *entries; /* by offset, not overlapping */
    unsigned n_entries;
} RegionIndex;

struct DeviceIndex {
    RegionIndex *regions;
    unsigned n_regions;
    const Field **fields; /* bases first */
    unsigned n_fields;
};

const DeviceIndex *type_index(Machine *m, const DeviceType *type);
void type_index_free(void *index);
/* Names equal but for '-' and '_'. */
bool type_same_name(const char *a, const char *b);

/* ---- Fields (core/field.c) ---- */

/* Elements of @f in @dev, and the place of the first. */
unsigned field_count(const Device *dev, const Field *f);
void *field_base(const Device *dev, const Field *f);
static inline void *field_element(const Device *dev, const Field *f, unsigned i)
{
    return (uint8_t *)field_base(dev, f) + (size_t)i * (f->stride ? f->stride : f->size);
}
uint64_t field_get_int(const void *p, unsigned size);
void field_put_int(void *p, unsigned size, uint64_t v);
bool field_is_int(const Field *f);
uint64_t field_max(const Field *f);
/* Reset values of the rows and registers that @type resets. */
void field_reset_all(Device *dev, ResetType type);
void field_init_all(Device *dev);
void field_free_all(Device *dev);
bool prop_check_all(Device *dev, GError **err);

/* ---- Registers (core/reg.c) ---- */

MemResult reg_read(Device *dev, unsigned region, uint64_t off, unsigned size, MemAttrs attrs,
                   uint64_t *val);
MemResult reg_write(Device *dev, unsigned region, uint64_t off, unsigned size, MemAttrs attrs,
                    uint64_t val);
void *reg_member(Device *dev, const Reg *r, unsigned n, unsigned *size);
void reg_reset_all(Device *dev, ResetType type);

/* ---- Devices ---- */

void device_free_tree(Device *dev);
/* `stop` of all that has started, and `abandon` of what has not. */
void device_stop_tree(Device *dev);
/* device_leave without settling or draining. */
void device_leave_quiet(Device *dev) RELEASES(dev->lock);
/* Settle a subtree without edges; @deliver: tell all inputs of it their level again. */
void device_settle_tree(Device *top, bool deliver);

/* ---- Memory ---- */

typedef __int128 Wide;

typedef enum RegionKind {
    REGION_CONTAINER,
    REGION_RAM,
    REGION_ROM,
    REGION_ALIAS,
    REGION_DEVICE,
} RegionKind;

struct MemRegion {
    Machine *machine;
    char *name;
    RegionKind kind;
    Wide size;
    bool enabled, readonly, reads_ram;
    int priority;
    GuestPhys addr;
    MemRegion *parent;
    GPtrArray *children; /* containers: highest priority first */
    RamBlock *ram;
    uint64_t ram_off;
    MemRegion *target; /* alias */
    uint64_t target_off;
    Device *dev;
    unsigned region; /* of dev */
};

typedef struct FlatMap {
    unsigned n;
    FlatRange ranges[];
} FlatMap;

struct AddressSpace {
    Machine *machine;
    char *name;
    MemRegion *root;
    FlatMap *map;        /* atomic; epoch protected */
    uint64_t generation; /* atomic */
};

MemRegion *region_new_device(Device *dev, unsigned region, const char *name, uint64_t size);
void region_free(MemRegion *r);
void region_changed(Machine *m);
FlatMap *flat_build(MemRegion *root);
/* The map of now; the caller is protected by an epoch. */
static inline const FlatMap *aspace_map(AddressSpace *as)
{
    return __atomic_load_n(&as->map, __ATOMIC_SEQ_CST);
}
void aspace_free(AddressSpace *as);
void ram_free_all(Machine *m);
void ram_tell_code_write(RamBlock *ram, uint64_t off, uint64_t len);

typedef struct RomBlob {
    AddressSpace *as;
    GuestPhys addr;
    uint64_t len;
    const uint8_t *data;
    GBytes *bytes; /* hold it */
    char *name;
} RomBlob;

void rom_load_all(Machine *m);
void rom_free_all(Machine *m);

/* ---- Clocks ---- */

/*
 * CLOCK_MACHINE by the host's counter of cycles, on a line that is fitted to the host's clock again
 * and again without a step (clock-line.c).
 */
typedef struct LineState {
    ClockLine line;      /* written under lock */
    Mutex lock;          /* leaf; may be taken under ClockState.lock */
    bool usable;         /* the counter serves as a clock */
    bool on;             /* machine time is the line's, as soon as the line is known */
    int64_t offset;      /* machine time - host time, which the line follows */
    uint64_t fit_cycles; /* the two clocks when they were last compared */
    int64_t fit_host_ns;
} LineState;

typedef struct ClockState {
    Mutex lock; /* leaf; heaps, offsets */
    GPtrArray *heaps[CLOCK_COUNT];
    GSource *source;
    int fd;              /* timerfd */
    int64_t wake_at_ns;  /* what it is set to, host monotonic; INT64_MAX: it has expired */
    uint32_t seq;        /* atomic; odd while the next three change */
    bool running;        /* machine time moves */
    int64_t offset;      /* running: machine time - host time; else machine time itself */
    int64_t rtc_offset;  /* RTC - host wall clock */
    bool rtc_is_machine; /* RTC - machine time, rather; as in CLOCK_MODE_VIRTUAL */
    ClockMode mode;
    Timer *firing;     /* guarded by lock */
    uint32_t n_timers; /* atomic: made so far */
    Cond fired;
    LineState line;
} ClockState;

enum { CLOCK_FIRED_MAX = 4096 };

/* Saturates. */
static inline int64_t clock_add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

void line_init(LineState *s);
void line_deinit(LineState *s);
/* Machine time is host time + @offset from now. */
void line_start(LineState *s, int64_t offset);
/* False: it was not on. *@now_ns: the last time that anybody has read. */
bool line_stop(LineState *s, int64_t *now_ns);
/* False: machine time does not follow the line. */
bool line_now(LineState *s, int64_t *now_ns);

bool clock_init(Machine *m, GError **err);
void clock_deinit(Machine *m);
void clock_run(Machine *m, bool run);
void clock_load(Machine *m, int64_t now_ns, int64_t rtc_offset);
void clock_start_sources(Machine *m);
/* CLOCK_MODE_VIRTUAL: move machine time on, and fire what is due at the new time. */
void clock_move_ns(Machine *m, int64_t delta_ns);
/* The next deadline of any clock that is machine time, as machine time; INT64_MAX: none. */
int64_t clock_next_virtual_ns(Machine *m);
/* Wake the loop at that time of the host, at the latest. */
void clock_wake_at(Machine *m, int64_t host_ns);
int64_t clock_host_now_ns(void);

/* ---- Turns (core/icount.c) ---- */

enum { TURN_INSNS = 20000 }; /* one vCPU's turn where there are several */

typedef struct Turns {
    bool on;
    IcountConfig config;
    GSource *source;
    unsigned turn;        /* whose turn it is */
    int32_t turn_left;    /* instructions of the turn not executed yet */
    Cpu *running;         /* inside its run function */
    int32_t budget;       /* what it was given */
    int64_t slice_end_ns; /* machine time if it executes all of that */
    uint64_t total;       /* instructions executed */
    bool idle;            /* nobody can run */
    int64_t idle_host_ns; /* since when */
    int64_t host_ns;      /* align, auto: host time ... */
    int64_t machine_ns;   /* ... and machine time at the last resume, or the last look */
    bool paced;           /* the last two are set */
    GQueue jobs;          /* of TurnsJob, by due time */
} Turns;

/* Instructions of the present slice, in ns; 0 between slices. */
int64_t turns_partial_ns(Machine *m);
void turns_start(Machine *m);
void turns_deinit(Machine *m);
/* An earlier deadline; the clock's lock is held. */
void turns_deadline(Machine *m, int64_t when_ns);
/* cpu_request came: the loop must look at @cpu. */
void turns_notify(Cpu *cpu);
/* The loop's work in deterministic mode: done at once, `done` at its due time. */
bool turns_work(Machine *m, LoopFn *work, LoopFn *done, void *arg);

/* ---- Loop ---- */

typedef struct LoopState {
    GMainContext *context;
    GSource *post_source;
    Mutex lock;
    GQueue posted; /* of LoopCall; guarded by lock */
    GHashTable *watches;
    unsigned next_id;
    GThreadPool *pool;
    unsigned working;               /* jobs of the pool not yet done; guarded by lock */
    unsigned held GUARDED_BY(lock); /* by loop_hold */
    void *kept;
    void (*kept_free)(void *);
    Cond idle;
    pthread_t thread;
} LoopState;

void loop_init(Machine *m);
void loop_stop_workers(Machine *m);
void loop_deinit(Machine *m);
void loop_adopt_thread(Machine *m);
/* Do what was posted up to now. */
void loop_run_posted(Machine *m);
bool loop_has_posted(Machine *m);

/* ---- Doorbells ---- */

typedef struct DoorbellState {
    Mutex lock;
    GPtrArray *list GUARDED_BY(lock); /* of Doorbell; changed by the loop alone */
    uint64_t generation;              /* atomic */
    unsigned direct;                  /* of them, in the loop themselves; the loop's */
    int fd;                           /* epoll of the others; -1: there has been none */
} DoorbellState;

void doorbell_init(Machine *m);
void doorbell_deinit(Machine *m);
/* @dev goes. */
void doorbell_drop(Device *dev);

/* ---- Machine ---- */

typedef struct MachineListener {
    MachineListenerFn *fn;
    void *opaque;
} MachineListener;

typedef struct MachineHook {
    void (*powerdown)(void *opaque);
    void (*reset)(void *opaque, ResetType type);
    void *opaque;
} MachineHook;

typedef struct Backend {
    char *kind, *id;
    void *ptr;
} Backend;

struct Machine {
    char *name;
    struct Input *input; /* NULL: nobody has asked */
    LogSink *log;
    struct FdSets *fdsets;
    MachineDisasFn *disas;
    MachineHostDisasFn *host_disas;
    Device *root;
    uint32_t no_edges; /* atomic; not 0: settling, TYPE_PIN_EDGE hears nothing */
    Endian endian;
    GPtrArray *data_folders; /* -L */
    GPtrArray *type_lists;
    Mutex index_lock;
    GHashTable *indices; /* DeviceType -> DeviceIndex; guarded by index_lock */
    GArray *backends;    /* of Backend */
    GPtrArray *cpus;
    const Accel *accel;
    void *accel_state;
    void (*accel_free)(void *state);
    const MachineIrqchip *irqchip;
    bool no_timer; /* the board wants none of an accelerator */

    /* Memory. */
    Epochs epochs;
    GRecMutex map_lock;
    unsigned map_depth;
    bool map_dirty;
    GPtrArray *regions, *spaces;
    MemRegion *memory_root;
    AddressSpace *memory, *no_memory;
    RamBlock *rams;
    uint32_t n_rams;
    GPtrArray *mem_listeners; /* of const MemListener; fixed once CPUs run */
    GArray *roms;             /* of RomBlob */

    ClockState clock;
    LoopState loop;
    DoorbellState bells;
    Turns turns;

    Mutex random_lock;
    bool seeded;
    uint64_t random[4];

    /* Run control: the main loop's, but for what is atomic. */
    uint32_t run_state; /* atomic; RunState */
    bool started;
    unsigned removing;    /* devices that are going now, one within another */
    bool can_suspend;     /* the board has a state of sleep with RAM kept */
    bool suspended;       /* the guest sleeps; while paused as well */
    uint32_t wake_reason; /* of the last waking: bits of WakeReason */
    bool ended;           /* shut down or panicked: a reset must come first */
    MachineActions actions;
    GArray *listeners;
    GArray *powerdown_hooks, *reset_hooks; /* of MachineHook */
    Mutex stop_lock;
    Cond stop_cond; /* a CPU reached CPU_STOPPED or ended */
    uint32_t pending_reset, pending_shutdown, pending_powerdown, pending_panic; /* atomic */
    uint32_t pending_suspend, pending_wake;                                     /* atomic */
    int pending_code;
    bool quit;
    int exit_code;
};

/* ---- CPUs ---- */

bool cpu_thread_start(Cpu *cpu, GError **err);
/* In turns: do what @cpu was asked; whether it can execute. */
bool cpu_is_ready(Cpu *cpu);
/* In turns: let it execute. */
void cpu_run_slice(Cpu *cpu);
void cpu_stop_wanted(Cpu *cpu, bool stop);
void cpu_stop_all(Machine *m);
void cpu_go_all(Machine *m);
void cpu_quit_all(Machine *m);
void cpu_flush_all(Machine *m);
/* Memory of a CPU's DeviceType::size, behind its headroom. */
Device *cpu_alloc(size_t size);
void cpu_dealloc(Device *dev);
void cpu_free_accel(Machine *m);
void cpu_init(Cpu *cpu);
void cpu_deinit(Cpu *cpu);

#endif
