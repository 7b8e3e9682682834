/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: a state struct, a register table, a field table and one DeviceType.
 *
 * A device is a monitor. The core calls it under its lock: register and region callbacks, pins,
 * timers, reset, settle; no two device locks are held at once. What leaves a device (pins, writes
 * to other devices' registers, requests) is put on the thread's work list, and the core drains it
 * after the lock is dropped. `settle` drives outputs from state; it runs after every access,
 * event, reset and load. All of it is saved, restored, reset, shown and documented by the tables.
 */
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include "core/clock.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "core/types.h"
#include "util/bits.h"

#include <string.h>

/* ---- Registers ---- */

/*
 * One register, or a bank of `count` at `stride`. A write changes the bits of `rw`, clears those
 * of `w1c` and sets those of `w1s` that are written as 1; other bits keep their value. Then
 * `wrote` runs. Partial accesses touch their bytes alone; accesses that cover several
 * registers are split; gaps read as 0 and are logged as the guest's error.
 */
typedef struct Reg {
    uint32_t offset;
    const char *name;
    uint32_t at;          /* AT(): place of the member in the state struct ... */
    uint32_t member_size; /* ... and its size; 0: the register has no member */
    uint32_t at_stride;   /* AT_BANK(): from one element's member to the next; 0: they are adjacent
                           */
    uint8_t size;         /* bytes on the bus; 0: of the member, or 4 */
    uint32_t count;       /* 0: one */
    uint32_t stride;      /* bytes on the bus from one to the next; 0: `size` */
    uint64_t rw, w1c, w1s;
    uint64_t reset;
    /* Replaces reading the member (side effects, computed values). Not called for debug reads. */
    uint64_t (*read)(Device *dev);
    uint64_t (*read_n)(Device *dev, unsigned n);
    /* After the member has changed; @old is its value before. */
    void (*wrote)(Device *dev, uint64_t old);
    void (*wrote_n)(Device *dev, unsigned n, uint64_t old);
    /* Replaces the change of the member: gets the value written (unwritten bytes are 0). */
    void (*write)(Device *dev, uint64_t val);
    void (*write_n)(Device *dev, unsigned n, uint64_t val);
    bool direct_read;  /* generated code may read the member */
    bool keep_warm;    /* RESET_WARM leaves it */
    bool secure_only;  /* non-secure accesses read 0 and write nothing */
    bool no_reset;     /* reset leaves it to the device's reset callback */
    bool silent_write; /* writes to a read-only register are no guest error */
    const char *doc;
} Reg;

#define MEMBER_SIZE(T, m) ((uint32_t)sizeof(((T *)0)->m))
/* The member behind a register; an array member with .count is a bank. */
#define AT(T, m) .at = offsetof(T, m), .member_size = MEMBER_SIZE(T, m)
/* Member @m of each element of the array of structs @a, with .count. */
#define AT_BANK(T, a, m)                                              \
    .at = offsetof(T, a[0].m), .member_size = MEMBER_SIZE(T, a[0].m), \
    .at_stride = MEMBER_SIZE(T, a[0])

#define TABLE(rows)                              \
    {                                            \
        (rows), sizeof(rows) / sizeof((rows)[0]) \
    }

typedef struct RegTable {
    const Reg *rows;
    size_t n;
} RegTable;

/* ---- Pins ---- */

typedef struct IrqLink IrqLink;

/*
 * An output. Any number of inputs can be connected to it and any number of outputs to an input
 * (which is high while at least one of them is).
 */
typedef struct Irq {
    Device *dev;
    IrqLink *links;
    uint32_t level; /* atomic */
} Irq;

/*
 * Store the level; receivers hear of it, on this thread, once no device lock is held.
 * Context: ANY_THREAD.
 */
void irq_set(Irq *irq, bool level);
/* An event, not a level: receivers see high, then low. From callbacks, never from settle. */
void irq_pulse(Irq *irq);
static inline bool irq_is_high(const Irq *irq)
{
    return __atomic_load_n(&irq->level, __ATOMIC_ACQUIRE) != 0;
}
bool irq_is_connected(const Irq *irq);

typedef void PinFn(Device *dev, unsigned n, bool level);

/* ---- Fields ---- */

typedef enum FieldKind {
    FIELD_PROP,    /* set before realize, constant after; not saved, but compared on load */
    FIELD_STATE,   /* guest-visible: reset, saved */
    FIELD_PIN_OUT, /* Irq member(s) */
    FIELD_PIN_IN,  /* a callback, no member */
    FIELD_SCRATCH, /* rebuilt, caches, host side: never saved */
} FieldKind;

typedef enum FieldType {
    TYPE_NONE,
    TYPE_U8,
    TYPE_U16,
    TYPE_U32,
    TYPE_U64,
    TYPE_BOOL,
    TYPE_STR,     /* char *, owned by the device */
    TYPE_SIZE,    /* uint64_t, "64K", "1G" */
    TYPE_ENUM,    /* unsigned int, one of .names */
    TYPE_LINK,    /* Device *, by path or id; .of names the type it must have */
    TYPE_BACKEND, /* void *, by id; .of is the kind */
    TYPE_BYTES,   /* uint8_t * with a length member, g_malloc'ed, owned by the device */
    TYPE_TIMER,
    TYPE_PIN,
    TYPE_PIN_EDGE,
    TYPE_PIN_DIRECT,
} FieldType;

typedef struct Field {
    const char *name; /* '-' and '_' are the same when looked up */
    uint8_t kind;     /* FieldKind */
    uint8_t type;     /* FieldType */
    uint32_t at;
    uint32_t size;   /* of one element */
    uint32_t count;  /* elements in place; 0: one, not an array */
    uint32_t stride; /* bytes between elements; 0: `size` */
    uint32_t n_at;   /* 1 + place of the uint32_t that holds the number of elements; the member
                        at `at` is then a pointer to them */
    uint64_t def;    /* property default, reset value */
    const char *def_text;
    uint64_t min, max; /* max 0: what the type holds. BYTES: max is the limit of the length */
    const char *const *names; /* ENUM: NULL-terminated */
    const char *of;
    void (*fired)(Device *dev);               /* TIMER */
    void (*fired_n)(Device *dev, unsigned n); /* TIMER arrays */
    PinFn *pin;
    bool required;  /* property: realize fails without it */
    bool optional;  /* state: not written while equal to its default (added in a later version) */
    bool no_reset;  /* reset leaves it to the device's reset callback */
    bool keep_warm; /* RESET_WARM leaves it */
    bool keep_wake;
    const char *doc;
} Field;

#define FIELD_AT(T, m, want) .at = offsetof(T, m), .size = FIELD_SIZED(T, m, want)
/* Fails to compile where the member's size is not @want. */
#define FIELD_SIZED(T, m, want) \
    (uint32_t)((want) * sizeof(char[MEMBER_SIZE(T, m) == (want) ? 1 : -1]))

#define PROP_(T, m, ty, want, ...)                            \
    {                                                         \
#m, FIELD_PROP, ty, FIELD_AT(T, m, want), __VA_ARGS__ \
    }
#define PROP_U8(T, m, d, ...)   PROP_(T, m, TYPE_U8, 1, .def = (d), __VA_ARGS__)
#define PROP_U16(T, m, d, ...)  PROP_(T, m, TYPE_U16, 2, .def = (d), __VA_ARGS__)
#define PROP_U32(T, m, d, ...)  PROP_(T, m, TYPE_U32, 4, .def = (d), __VA_ARGS__)
#define PROP_U64(T, m, d, ...)  PROP_(T, m, TYPE_U64, 8, .def = (d), __VA_ARGS__)
#define PROP_SIZE(T, m, d, ...) PROP_(T, m, TYPE_SIZE, 8, .def = (d), __VA_ARGS__)
#define PROP_BOOL(T, m, d, ...) PROP_(T, m, TYPE_BOOL, 1, .def = (d), __VA_ARGS__)
#define PROP_STR(T, m, d, ...)  PROP_(T, m, TYPE_STR, sizeof(char *), .def_text = (d), __VA_ARGS__)
#define PROP_ENUM(T, m, names_, d, ...) \
    PROP_(T, m, TYPE_ENUM, 4, .names = (names_), .def = (d), __VA_ARGS__)
#define PROP_LINK(T, m, type_name, ...) \
    PROP_(T, m, TYPE_LINK, sizeof(void *), .of = (type_name), __VA_ARGS__)
#define PROP_BACKEND(T, m, kind_, ...) \
    PROP_(T, m, TYPE_BACKEND, sizeof(void *), .of = (kind_), __VA_ARGS__)

/* uint32_t bootindex: the member gives the name */
#define PROP_BOOTINDEX(T, m)   \
    PROP_U32(T, m, UINT32_MAX, \
             .doc = "place in the order in which firmware tries devices: lowest first")

#define STATE_(T, m, ty, want, ...)                            \
    {                                                          \
#m, FIELD_STATE, ty, FIELD_AT(T, m, want), __VA_ARGS__ \
    }
/* .def is the reset value; .min and .max bound what a load accepts. */
#define STATE_U8(T, m, ...)           STATE_(T, m, TYPE_U8, 1, __VA_ARGS__)
#define STATE_U16(T, m, ...)          STATE_(T, m, TYPE_U16, 2, __VA_ARGS__)
#define STATE_U32(T, m, ...)          STATE_(T, m, TYPE_U32, 4, __VA_ARGS__)
#define STATE_U64(T, m, ...)          STATE_(T, m, TYPE_U64, 8, __VA_ARGS__)
#define STATE_BOOL(T, m, ...)         STATE_(T, m, TYPE_BOOL, 1, __VA_ARGS__)
#define STATE_ENUM(T, m, names_, ...) STATE_(T, m, TYPE_ENUM, 4, .names = (names_), __VA_ARGS__)
#define FIELD_TYPE_OF_SIZE(s) \
    ((s) == 1 ? TYPE_U8 : (s) == 2 ? TYPE_U16 : (s) == 4 ? TYPE_U32 : TYPE_U64)
/* An array (of any dimensions when @m is given with indices that leave one) of integers. */
#define STATE_ARRAY(T, m, ...)                                             \
    {                                                                      \
#m, FIELD_STATE, FIELD_TYPE_OF_SIZE(sizeof(((T *)0)->m[0])),       \
            .at = offsetof(T, m), .size = MEMBER_SIZE(T, m[0]),            \
            .count = MEMBER_SIZE(T, m) / MEMBER_SIZE(T, m[0]), __VA_ARGS__ \
    }
/* Integer member @m of every element of the array of structs @a. */
#define STATE_BANK(T, a, m, ...)                                                               \
    {                                                                                          \
#a "." #m, FIELD_STATE, FIELD_TYPE_OF_SIZE(sizeof(((T *)0)->a[0].m)),                  \
            .at = offsetof(T, a[0].m), .size = MEMBER_SIZE(T, a[0].m),                         \
            .count = MEMBER_SIZE(T, a) / MEMBER_SIZE(T, a[0]), .stride = MEMBER_SIZE(T, a[0]), \
            __VA_ARGS__                                                                        \
    }
/* Any member whose size is a multiple of 8, as 64-bit words (vectors, arrays of arrays). */
#define STATE_WORDS(T, m, ...)                                                 \
    {                                                                          \
#m, FIELD_STATE, TYPE_U64, .at = offsetof(T, m), .size = 8,            \
                                   .count = MEMBER_SIZE(T, m) / 8, __VA_ARGS__ \
    }
/* A pointer to integers, allocated by start (device_alloc) with @n elements (uint32_t member). */
#define STATE_ARRAY_DYN(T, m, n, ...)                                     \
    {                                                                     \
#m, FIELD_STATE, FIELD_TYPE_OF_SIZE(sizeof(*((T *)0)->m)),        \
            .at = offsetof(T, m), .size = (uint32_t)sizeof(*((T *)0)->m), \
            .n_at = 1 + offsetof(T, n), __VA_ARGS__                       \
    }
/* uint8_t *m (g_malloc) of @len (uint32_t member) bytes, at most @limit; empty after reset. A
 * load allocates room for @limit bytes where that is at most 1 MiB, for @len else. */
#define STATE_BYTES(T, m, len, limit, ...)                                                         \
    {                                                                                              \
#m, FIELD_STATE, TYPE_BYTES, FIELD_AT(T, m, sizeof(void *)), .n_at = 1 + offsetof(T, len), \
                                                                     .max = (limit), __VA_ARGS__   \
    }
/* A Timer on the machine clock. @fn(dev) runs under the device's lock; settle follows. */
#define STATE_TIMER(T, m, fn, ...)                                                             \
    {                                                                                          \
#m, FIELD_STATE, TYPE_TIMER, FIELD_AT(T, m, sizeof(Timer)), .fired = (fn), __VA_ARGS__ \
    }
/* An array of Timer; @fn(dev, n). */
#define STATE_TIMERS(T, m, fn, ...)                                                            \
    {                                                                                          \
#m, FIELD_STATE, TYPE_TIMER, FIELD_AT(T, m[0], sizeof(Timer)),                         \
            .count = MEMBER_SIZE(T, m) / (uint32_t)sizeof(Timer), .fired_n = (fn), __VA_ARGS__ \
    }

/* Irq member, or array of them. */
#define PIN_OUT(T, m, ...)                                                                   \
    {                                                                                        \
#m, FIELD_PIN_OUT, TYPE_PIN, .at = offsetof(T, m), .size = (uint32_t)sizeof(Irq),    \
                                     .count = (uint32_t)(sizeof(((T *)0)->m) / sizeof(Irq)), \
                                     __VA_ARGS__                                             \
    }
/* Irq *m, allocated by the core at realize: as many as the property @n (uint32_t) says. */
#define PIN_OUT_DYN(T, m, n, ...)                                                         \
    {                                                                                     \
#m, FIELD_PIN_OUT, TYPE_PIN, .at = offsetof(T, m), .size = (uint32_t)sizeof(Irq), \
                                     .n_at = 1 + offsetof(T, n), __VA_ARGS__              \
    }
/* @fn(dev, n, level) under the device's lock at every change of level; .count inputs. */
#define PIN_IN(name_, fn, ...)                                  \
    {                                                           \
        name_, FIELD_PIN_IN, TYPE_PIN, .pin = (fn), __VA_ARGS__ \
    }
/* @fn(dev, n, true) at every rising edge only. */
#define PIN_IN_EDGE(name_, fn, ...)                                  \
    {                                                                \
        name_, FIELD_PIN_IN, TYPE_PIN_EDGE, .pin = (fn), __VA_ARGS__ \
    }
/*
 * No lock: @fn runs on the setter's thread inside irq_set, and may only post to atomics (CPU
 * lines). It may be called with a level it has seen already.
 */
#define PIN_IN_DIRECT(name_, fn, ...)                                  \
    {                                                                  \
        name_, FIELD_PIN_IN, TYPE_PIN_DIRECT, .pin = (fn), __VA_ARGS__ \
    }
/* As many inputs as the property @n (uint32_t member of T) says. */
#define PIN_IN_DYN(T, name_, n, fn, ...)                                                    \
    {                                                                                       \
        name_, FIELD_PIN_IN, TYPE_PIN, .pin = (fn), .n_at = 1 + offsetof(T, n), __VA_ARGS__ \
    }
/* A member that is no state: says so to the reader and to the check of tables. */
#define SCRATCH(T, m)                                                                 \
    {                                                                                 \
#m, FIELD_SCRATCH, TYPE_NONE, .at = offsetof(T, m), .size = MEMBER_SIZE(T, m) \
    }

typedef struct FieldTable {
    const Field *rows;
    size_t n;
} FieldTable;

/* ---- Types ---- */

/* The value's lowest byte is at the lowest address after the core's swap by `endian`. */
typedef MemResult RegionRead(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val);
typedef MemResult RegionWrite(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val);

/* A window of the device on the bus. Register-shaped (`regs`), or free (`read`, `write`), or
 * both: an offset with no register goes to the callbacks. */
typedef struct RegionType {
    const char *name;
    uint64_t size; /* 0: set by device_set_region_size in start */
    RegTable regs;
    RegionRead *read;
    RegionWrite *write;
    uint8_t endian;     /* Endian */
    uint8_t access_min; /* narrower accesses are refused; 0: 1 */
    uint8_t access_max; /* wider ones are split; 0: 8 */
    bool unaligned;     /* free callbacks take unaligned accesses; else they are split */
    bool no_lock;       /* callbacks run without the device's lock: message sinks, atomics only */
    bool strict;        /* refused accesses and gaps give MEM_DEVICE_ERROR, not 0 */
} RegionType;

struct DeviceType {
    const char *name; /* QEMU's where it has the device */
    const char *doc;
    const DeviceType *base; /* its fields come first; the struct begins with its struct */
    size_t size;
    /* Region 0 in short form ... */
    uint64_t mmio_size;
    RegTable regs;
    RegionRead *read;
    RegionWrite *write;
    uint8_t endian;
    uint8_t access_min, access_max;
    bool strict;
    /* ... or all regions in full (then the above are unused). */
    const RegionType *regions;
    size_t n_regions;
    FieldTable fields;
    bool user_creatable; /* -device may make one */
    bool on_isa;         /* on the ISA bus, without which there is no use for it */
    /* A child of this type ("inner") is made with it; properties that it does not have itself are
     * the child's. Its start realizes the child. */
    const DeviceType *inner;
    /* Properties are set: claim backends, allocate. Errors: realize fails. LOOP_THREAD, no lock. */
    bool (*start)(Device *dev, GError **err);
    /* Pins and regions are made as well: connect, become visible. The most derived one alone. */
    void (*ready)(Device *dev);
    /* The machine goes away, or start of something later failed: release what is not memory. */
    void (*stop)(Device *dev);
    /* `start` of a derived type failed, or was never called: the base's part of `stop`. */
    void (*abandon)(Device *dev);
    /*
     * It may come and go while the machine runs; this asks the guest to let it go, after which
     * device_delete is due. NULL in the type and its bases: it stays. LOOP_THREAD, no lock.
     */
    bool (*unplug)(Device *dev, GError **err);
    /*
     * Reset in phases over the tree: `reset_enter` (drop requests, no outputs), then the tables'
     * reset values and `reset` (rest of the state), then `reset_exit` (may drive, arm). Parents
     * enter before and exit after their children.
     */
    void (*reset_enter)(Device *dev, ResetType type);
    void (*reset)(Device *dev, ResetType type);
    void (*reset_exit)(Device *dev, ResetType type);
    /* Outputs from state. Nothing else. */
    void (*settle)(Device *dev);
    /* About to be saved: bring fields up to date. */
    void (*saving)(Device *dev);
    /* Fields are loaded: check what tables cannot say, rebuild what is derived. */
    bool (*loaded)(Device *dev, GError **err);
    /*
     * A device that firmware can boot from has PROP_BOOTINDEX, and this: the last part of its path
     * as of Open Firmware ("disk@0,0"; the caller frees), and in *on the function or slot of the
     * board's that the rest of the path leads to. After start.
     */
    char *(*boot_node)(Device *dev, Device **on);
    const void *extra; /* of the class: bus, target */
};

typedef struct DeviceIndex DeviceIndex;
typedef struct InputPin InputPin;

struct Device {
    const DeviceType *type;
    Machine *machine;
    Device *parent;
    Device *first_child, *last_child, *next; /* in order of creation */
    Device *on; /* on whose bus it sits, where that is not its parent: it goes with that; NULL */
    char *id;
    AddressSpace *dma;  /* where device_dma_* go; machine_memory by default */
    uint16_t requester; /* of its DMA */
    bool realized;
    bool started;
    bool named; /* the id is not made up */
    Mutex lock;
    const DeviceIndex *index; /* registers and fields by number; owned by the machine */
    MemRegion **regions;
    unsigned n_regions;
    InputPin *inputs;
    unsigned n_inputs;
    void *allocs;          /* device_alloc's list */
    void *props_set;       /* bit per property given explicitly */
    uint32_t guest_errors; /* atomic; for the rate limit */
    char *path;            /* cached */
};

/* The struct of a device: `TickTimer *s = device_as(dev, TickTimer)`. */
#define device_as(dev_, T) ((T *)(void *)(dev_))

/* ---- Making devices ---- Context: LOOP_THREAD, unless it says otherwise. */

/* By type name. @parent NULL is the root, @id NULL makes one up ("ticktimer0"). Errors: unknown
 * type (nearest names), id taken. */
Device *device_new(Machine *m, const char *type, Device *parent, const char *id, GError **err);
Device *device_new_type(Machine *m, const DeviceType *type, Device *parent, const char *id,
                        GError **err);
/* A device with no behaviour that only holds others. */
Device *device_new_container(Machine *m, Device *parent, const char *id);
/* For boards, whose own types and ids are right: any error is our bug. */
Device *device_make(Machine *m, const DeviceType *type, Device *parent, const char *id);

/* @text as on the command line. Errors: unknown property (nearest names), bad value (what is
 * right), already realized. */
NODISCARD bool device_set_prop(Device *dev, const char *name, const char *text, GError **err);
/* "a=1,b=on" */
NODISCARD bool device_set_props(Device *dev, const char *props, GError **err);
/* From code: the property exists and the value fits, or it is our bug. */
void device_set_u64(Device *dev, const char *name, uint64_t val);
void device_set_bool(Device *dev, const char *name, bool val);
void device_set_str(Device *dev, const char *name, const char *val);
void device_set_link(Device *dev, const char *name, Device *to);
void device_set_backend(Device *dev, const char *name, void *backend);
/* The text form, or NULL with *err; the caller frees. */
char *device_get_prop(Device *dev, const char *name, GError **err);
bool device_prop_is_set(Device *dev, const char *name);
/* The fields of those that were. */
void device_each_prop_set(Device *dev, void (*fn)(const Field *f, void *arg), void *arg);
/* Rows of the type and its bases, bases first. */
unsigned device_type_n_fields(const DeviceType *type);
const Field *device_type_field(const DeviceType *type, unsigned i);

/* Checks properties, makes pins and regions, calls start. */
NODISCARD bool device_realize(Device *dev, GError **err);
/*
 * The end of @dev, of its children and of what sits on it: CPUs stand still meanwhile. Also for a
 * device that could not be realized. @tell: with EVENT_DEVICE "DEVICE_DELETED". LOOP_THREAD, no
 * device lock held, not from a callback.
 */
void device_delete(Device *dev, bool tell);
bool device_can_unplug(const DeviceType *type);
/* Ask for it. Errors: it cannot go. LOOP_THREAD. */
NODISCARD bool device_unplug(Device *dev, GError **err);
/* Put region @region of @dev into @parent at @addr. */
void device_map(Device *dev, unsigned region, MemRegion *parent, GuestPhys addr);
MemRegion *device_region(Device *dev, unsigned region);
/* In start, for a RegionType of size 0. */
void device_set_region_size(Device *dev, unsigned region, uint64_t size);

/* Connect output @n of @out to input @m of @in; names as in the field tables. Both are
 * realized. A wrong name or number is our bug (boards) : use irq_try_connect for users'. */
void irq_connect(Device *dev, const char *out, unsigned n, Device *to, const char *in, unsigned m);
NODISCARD bool irq_try_connect(Device *dev, const char *out, unsigned n, Device *to, const char *in,
                               unsigned m, GError **err);
/* Drive an input from outside (boards, tests, bench). Not from a device callback. */
void device_set_input(Device *dev, const char *in, unsigned n, bool level);
bool device_input_level(Device *dev, const char *in, unsigned n);
/* NULL where there is none. */
Irq *device_output(Device *dev, const char *out, unsigned n);

/* ---- The tree ---- */

/* "/soc/uart0"; valid as long as the device. */
const char *device_path(Device *dev);
/* By path, or by an id that is unique in the tree. */
Device *device_find(Machine *m, const char *path_or_id);
Device *device_child(Device *dev, const char *id);
/* Next in pre-order after @dev (start with the top), or NULL at the end of @top's subtree. */
Device *device_next(Device *top, Device *dev);
bool device_is_a(const Device *dev, const DeviceType *type);
Device *device_find_type(Machine *m, const DeviceType *type);

/* ---- For device code ---- */

/* Zeroed; freed with the device. */
void *device_alloc(Device *dev, size_t size);
/* The guest did wrong: logged with -d guest_errors, at a bounded rate. */
void guest_error(Device *dev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Something we do not model: logged with -d unimp. */
void guest_unimp(Device *dev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
#define trace(dev_, name_, ...)                                \
    do {                                                       \
        if (log_on(machine_log((dev_)->machine), LOG_TRACE)) { \
            device_trace((dev_), (name_), __VA_ARGS__);        \
        }                                                      \
    } while (0)
void device_trace(Device *dev, const char *name, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void device_warn(Device *dev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* DMA with the device's requester id; see aspace_read for what may be reached. */
MemResult device_dma_read(Device *dev, GuestPhys gpa, void *buf, uint64_t len);
MemResult device_dma_write(Device *dev, GuestPhys gpa, const void *buf, uint64_t len);
MemResult device_dma_load(Device *dev, GuestPhys gpa, unsigned size, uint64_t *val);
MemResult device_dma_store(Device *dev, GuestPhys gpa, unsigned size, uint64_t val);

/*
 * Work of a backend (a character arrived, a disk request ended) enters its device by these:
 * take the lock; leave settles, drops it and drains the work list. Context: ANY_THREAD holding no
 * device lock.
 */
/* Is this thread in it already? */
bool device_is_entered(const Device *dev);
void device_enter(Device *dev) ACQUIRES(dev->lock);
/* False at once where another thread is in it. */
bool device_try_enter(Device *dev) TRY_ACQUIRES(true, dev->lock);
void device_leave(Device *dev) RELEASES(dev->lock);
/* Call @fn(dev, arg) under the lock of @dev, once no lock is held here; ANY_THREAD. */
void device_post(Device *dev, void (*fn)(Device *dev, void *arg), void *arg);

/*
 * An access to region @region of @dev by @dev itself, which holds its lock: through a window of
 * another kind. @size is 1, 2, 4 or 8 and @off a multiple of it.
 */
MemResult device_own_read(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t *val);
MemResult device_own_write(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t val);

/* Reset a subtree, from outside of any device callback. */
void device_reset(Device *dev, ResetType type);
/* Reset a subtree soon: from device callbacks. */
void device_reset_request(Device *dev, ResetType type);
void device_settle(Device *dev);

/* Registers by name, for debuggers and the monitor: no side effects in the read. */
const Reg *device_find_reg(Device *dev, const char *name, unsigned *region, unsigned *n);
char *device_info_text(Device *dev);

/* Run the work list of this thread down (bounded); the core does it where it is due. */
void device_drain(Machine *m);

#endif
