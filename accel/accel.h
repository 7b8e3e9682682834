/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of an accelerator: how vCPUs run. */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include "core/types.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Machine Machine;
typedef struct Cpu Cpu;
typedef struct RamBlock RamBlock;

typedef enum AccelExit {
    ACCEL_EXIT_REQUEST, /* cpu->request has work */
    ACCEL_EXIT_HALTED,  /* the guest waits for an event */
    ACCEL_EXIT_DEBUG,   /* breakpoint or step for the debugger */
} AccelExit;

/* One number of x-query-jit; static strings. */
typedef struct AccelCounter {
    const char *group, *name;
    uint64_t value;
} AccelCounter;

/* A statistic of the host's kernel. Linear histograms have buckets of @bucket. */
typedef enum AccelStatType {
    ACCEL_STAT_CUMULATIVE,
    ACCEL_STAT_INSTANT,
    ACCEL_STAT_PEAK,
    ACCEL_STAT_LINEAR,
    ACCEL_STAT_LOG2,
    ACCEL_STAT_TYPES,
} AccelStatType;

typedef enum AccelStatUnit {
    ACCEL_STAT_PLAIN,
    ACCEL_STAT_BYTES,
    ACCEL_STAT_SECONDS,
    ACCEL_STAT_CYCLES,
    ACCEL_STAT_BOOLEAN,
    ACCEL_STAT_UNITS,
} AccelStatUnit;

typedef struct AccelStat {
    const char *name;
    AccelStatType type;
    AccelStatUnit unit;
    uint8_t base; /* 10 or 2: of the unit's power */
    int16_t exponent;
    uint32_t bucket;
    const uint64_t *values;
    unsigned n_values;
} AccelStat;

typedef void AccelStatFn(void *opaque, const AccelStat *s);

typedef struct Accel {
    const char *name; /* "tcg" */
    const char *doc;
    /* Set up for @m: @options is "key=value,..." of -accel (after the name), may be NULL. The
     * result belongs to the machine (machine_set_accel). */
    void *(*machine_init)(Machine *m, const char *options, GError **err);
    void (*machine_free)(void *accel_state);
    bool (*cpu_init)(Cpu *cpu, GError **err);
    void (*cpu_free)(Cpu *cpu);
    /* Run until something asks for the loop. Context: the vCPU's thread. */
    AccelExit (*run)(Cpu *cpu);
    /* Drop translations of addresses; Context: the vCPU's thread. */
    void (*tlb_flush)(Cpu *cpu);
    /* Guest-visible state was written from outside (debugger, load, reset). */
    void (*state_changed)(Cpu *cpu);
    /* Breakpoints of the debugger changed. Context: every vCPU stopped. */
    void (*breakpoints_changed)(Cpu *cpu);
    /* Append AccelCounter rows. Context: any thread; the numbers may be a little old. */
    void (*counters)(void *accel_state, GArray *out);
    /* Each statistic of @m, or of @cpu where that is not NULL; may be NULL. False: there are none.
     */
    bool (*stats)(Machine *m, Cpu *cpu, AccelStatFn *fn, void *opaque);
    /* Text of `info jit`. */
    void (*info)(void *accel_state, GString *out);
    bool watchpoints; /* it stops at those of a debugger */
} Accel;

/*
 * Put every CPU of @m under @accel: machine_init, machine_set_accel, cpu_init for each, and the
 * functions the core's vCPU threads call (CpuAccelOps). After the board has made the CPUs, before
 * machine_start; machine_free undoes it all.
 */
bool accel_attach(Machine *m, const Accel *accel, const char *options, GError **err);

extern const Accel accel_tcg;
extern const Accel accel_kvm; /* on Linux */

/* Every accelerator built in, NULL-terminated, in order of preference. */
extern const Accel *const accel_types[];

#endif
