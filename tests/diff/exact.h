/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise state: one program on the interpreter and on another back end, with something forced at
 * one of its instructions (a fault, an exception, an interrupt). Whatever is taken there must see
 * the state that stepping through the program has at that instruction, and the same syndrome.
 */
#ifndef TESTS_DIFF_EXACT_H
#define TESTS_DIFF_EXACT_H

#include "target/insn.h"
#include "tests/diff/a64-case.h"

#include <stdbool.h>
#include <stddef.h>

/* The guest's memory. Pages of 4 KiB at equal virtual and physical addresses, but for the zones. */
enum {
    EXACT_RAM = 0x40000000,
    EXACT_RAM_BYTES = 0x400000,
    EXACT_TABLES = 0x40000000, /* level 1, level 2, then level 3 */
    EXACT_VECTORS = 0x40080000,
    EXACT_CODE = 0x40200000, /* two pages; as code it is at EXACT_CODE_VA and EXACT_LAST_VA */
    EXACT_DATA = 0x40300000, /* CASE_SCRATCH_BYTES of data, then the three pages of the zones */
    EXACT_ZONE = EXACT_DATA + CASE_SCRATCH_BYTES,
    EXACT_ZONE_BYTES = 0x3000,
    EXACT_DEVICE = 0x09000000,

    EXACT_CODE_VA = 0x60000000, /* both pages */
    EXACT_LAST_VA = 0x60400000, /* the first page; what follows is not mapped */
    EXACT_ZONES_VA = 0x50000000,
    EXACT_ZONE_STEP = 0x400000, /* from one zone to the next: a level 3 table each */

    EXACT_MAX = 64, /* instructions of a program, its end among them */
    EXACT_STEPS = 4096,
    REG_COUNT = 18, /* loops count in it */
    REG_BAD = 19,   /* nothing but the forced instruction uses it */
    EXACT_BRK = 0x5e4d,
};

/*
 * A zone is a good page, the page of its kind, a good page; all zones show the same three physical
 * pages, unless it says otherwise.
 */
typedef enum ExactZone {
    ZONE_GOOD,
    ZONE_UNMAPPED,
    ZONE_READ_ONLY,
    ZONE_PRIVILEGED,  /* not for EL0 */
    ZONE_DEVICE_TYPE, /* memory of a device's type: unaligned accesses fault */
    ZONE_HOLE,        /* nothing at the physical address: external abort */
    ZONE_MMIO,        /* a device */
    ZONE_NO_ACCESS_FLAG,
    ZONE_BAD_TABLE, /* external abort on the walk, for all three pages */
    ZONE_CODE,      /* data in the page of the program */
    ZONE_HIGH,      /* an address that no table covers */
    ZONES
} ExactZone;

/* What is forced. */
typedef enum ExactKind {
    FORCE_NOTHING,
    FORCE_ZONE, /* + ExactZone */
    FORCE_SVC = FORCE_ZONE + ZONES,
    FORCE_BRK,
    FORCE_UNDEFINED,
    FORCE_IRQ, /* unmasked there, with the line up */
    FORCE_FIQ,
    FORCE_BAD_PC,   /* a branch to an address that is not aligned */
    FORCE_BAD_PAGE, /* a branch to a page that is not mapped */
    FORCE_ERET,     /* to EL0 at the next instruction */
    FORCE_ILLEGAL,  /* exception return to a mode that is not there */
    FORCE_MSR,      /* FPCR, FPSR or NZCV are written: what follows runs under it */
    FORCE_KINDS
} ExactKind;

typedef struct ExactState {
    uint64_t x[31], sp[2], pc, pstate;
    uint64_t fpcr, fpsr;
    uint64_t v[32][2];
    uint64_t memory;
} ExactState;

typedef struct ExactProgram {
    uint64_t seed; /* of its memory */
    uint64_t start;
    uint32_t code[EXACT_MAX];
    uint16_t pattern[EXACT_MAX]; /* index of what was generated there */
    unsigned n;                  /* the last one is BRK #EXACT_BRK */
    unsigned el;
    unsigned sp_sel;
    uint64_t sctlr;
    bool loops;
    A64State in;
} ExactProgram;

typedef struct ExactForce {
    ExactKind kind;
    unsigned at;
    uint32_t insn; /* that stands there */
    uint64_t bad;  /* REG_BAD */
    uint64_t elr, spsr;
    uint64_t lines;    /* high from the beginning */
    uint64_t raise_at; /* the device's n-th access raises the interrupt line; 0: none */
} ExactForce;

typedef struct ExactResult {
    ExactState s;
    uint64_t esr, far, elr, spsr, vector, device;
    bool stopped; /* at a vector */
} ExactResult;

typedef struct ExactMachine ExactMachine;

ExactMachine *exact_machine_new(const char *options);
void exact_machine_free(ExactMachine *m);
/* Run @fn(m, arg) on the vCPU's thread; the functions below are called there. */
void exact_on_cpu(ExactMachine *m, void (*fn)(ExactMachine *m, void *arg), void *arg);
/* Write the program. */
void exact_load(ExactMachine *m, const ExactProgram *p, const ExactForce *f);
/* Run to the first vector; @hot: with whatever earlier runs left in tables and caches. */
void exact_run(ExactMachine *m, const ExactProgram *p, const ExactForce *f, bool hot,
               ExactResult *r);
/* Go on after an interrupt: back from the vector, the line down. */
void exact_resume(ExactMachine *m, ExactResult *r);
/*
 * Go on after a data abort of the forced instruction as a handler does that returns: behind it
 * (@skip, or what cannot be mapped), or once more with its page mapped. False: @r is none.
 */
bool exact_return(ExactMachine *m, const ExactForce *f, bool skip, ExactResult *r);
/* Step to the end; the states before each instruction. Returns how many. */
unsigned exact_trace(ExactMachine *m, const ExactProgram *p, const ExactForce *f, ExactState *out,
                     unsigned max);

/* ---- programs (exact-gen.c) ---- */

typedef struct ExactGen {
    const InsnPattern **pattern;
    unsigned n;
} ExactGen;

void exact_gen_init(ExactGen *g, const char *group, const char *pattern);
void exact_gen_program(const ExactGen *g, ExactProgram *p, uint64_t seed, bool loops);
/* Fill @f for @kind at instruction @at; false: that cannot be forced there. */
bool exact_gen_force(const ExactGen *g, const ExactProgram *p, ExactKind kind, unsigned at,
                     uint64_t *seed, ExactForce *f);
const char *exact_kind_name(ExactKind kind);

static inline uint64_t exact_zone_va(ExactZone z)
{
    return EXACT_ZONES_VA + (uint64_t)z * EXACT_ZONE_STEP;
}

#endif
