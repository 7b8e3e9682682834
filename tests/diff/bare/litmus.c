/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory order between vCPUs: outcomes that the architecture forbids must never be seen, and no
 * update of an atomic or of what a lock guards may be lost. Each test runs over many cells a
 * round, all its threads along them at once. Names as in the literature on litmus tests.
 * Spec: Arm ARM DDI 0487, B2.3 (memory model), B2.9 (exclusives).
 */
#include "litmus-atomics.h"
#include "print.h"

#ifndef ROUNDS
#define ROUNDS 100
#endif

enum { CPUS = 4, CELLS = 1024, COUNTS = 20000 };

typedef struct Cell {
    _Alignas(16) volatile uint64_t x, pad0[7], y, pad1[7], r[8];
} Cell;

typedef struct Litmus {
    const char *name;
    unsigned threads;
    void (*run)(unsigned thread, Cell *c);
    int (*forbidden)(const Cell *c);
    int (*allowed)(const Cell *c); /* worth telling when it is seen; NULL: nothing */
} Litmus;

uint64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
void cpu_entry(uint64_t id);
void litmus_cpu(uint64_t id);

static Cell cells[CELLS];
static unsigned n_cpus = 1, arrived, phase, started;
static uint64_t failures;

#define DMB(kind)          __asm__ volatile("dmb " #kind : : : "memory")
#define LOAD(p, order)     __atomic_load_n(&(p), __ATOMIC_##order)
#define STORE(p, v, order) __atomic_store_n(&(p), v, __ATOMIC_##order)

static inline uint64_t ldapr(const volatile uint64_t *p)
{
    uint64_t v;

    __asm__ volatile(".arch armv8.3-a\n\tldapr %0, %1" : "=r"(v) : "Q"(*p) : "memory");
    return v;
}

/* The compiler's. */
void *memset(void *p, int c, unsigned long n);

void *memset(void *p, int c, unsigned long n)
{
    for (volatile char *q = p; n--; q++) {
        *q = (char)c;
    }
    return p;
}

/* All @n of those that take part. */
static void barrier(unsigned n)
{
    unsigned now = __atomic_load_n(&phase, __ATOMIC_ACQUIRE);

    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == n) {
        __atomic_store_n(&arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&phase, now + 1, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&phase, __ATOMIC_ACQUIRE) == now) {
        __asm__ volatile("yield");
    }
}

/* A test of two threads. */
#define TEST2(name, a, b)                      \
    static void name(unsigned thread, Cell *c) \
    {                                          \
        if (thread == 0) {                     \
            a;                                 \
        } else {                               \
            b;                                 \
        }                                      \
    }

TEST2(mp_dmb, (c->x = 1, ({ DMB(ish); }), c->y = 1),
      (c->r[0] = c->y, ({ DMB(ish); }), c->r[1] = c->x))
TEST2(mp_st_ld, (c->x = 1, ({ DMB(ishst); }), c->y = 1),
      (c->r[0] = c->y, ({ DMB(ishld); }), c->r[1] = c->x))
TEST2(mp_rel_acq, (c->x = 1, ({ STORE(c->y, 1, RELEASE); })),
      (c->r[0] = LOAD(c->y, ACQUIRE), c->r[1] = c->x))
TEST2(sb, (c->x = 1, c->r[0] = c->y), (c->y = 1, c->r[1] = c->x))
TEST2(sb_dmb, (c->x = 1, ({ DMB(ish); }), c->r[0] = c->y),
      (c->y = 1, ({ DMB(ish); }), c->r[1] = c->x))
TEST2(sb_dsb, (c->x = 1, ({ __asm__ volatile("dsb ish"
                                             :
                                             :
                                             : "memory"); }), c->r[0] = c->y),
      (c->y = 1, ({ DMB(sy); }), c->r[1] = c->x))
TEST2(sb_rel_acq, (({ STORE(c->x, 1, RELEASE); }), c->r[0] = LOAD(c->y, SEQ_CST)),
      (({ STORE(c->y, 1, RELEASE); }), c->r[1] = LOAD(c->x, SEQ_CST)))
TEST2(sb_rel_pc, (({ STORE(c->x, 1, RELEASE); }), c->r[0] = ldapr(&c->y)),
      (({ STORE(c->y, 1, RELEASE); }), c->r[1] = ldapr(&c->x)))
TEST2(lb_dmb, (c->r[0] = c->x, ({ DMB(ish); }), c->y = 1),
      (c->r[1] = c->y, ({ DMB(ishld); }), c->x = 1))
TEST2(lb_acq, (c->r[0] = LOAD(c->x, ACQUIRE), c->y = 1), (c->r[1] = LOAD(c->y, ACQUIRE), c->x = 1))
TEST2(s_dmb, (c->x = 2, ({ DMB(ishst); }), c->y = 1), (c->r[0] = c->y, ({ DMB(ishld); }), c->x = 1))
TEST2(r_dmb, (c->x = 1, ({ DMB(ish); }), c->y = 1), (c->y = 2, ({ DMB(ish); }), c->r[0] = c->x))
TEST2(two_two_w, (c->x = 1, ({ DMB(ishst); }), c->y = 2), (c->y = 1, ({ DMB(ishst); }), c->x = 2))
TEST2(co_rr, (c->x = 1), (c->r[0] = c->x, c->r[1] = c->x))
TEST2(co_rw, (c->x = 1), (c->r[0] = c->x, c->x = 2))

static void wrc(unsigned thread, Cell *c)
{
    if (thread == 0) {
        c->x = 1;
    } else if (thread == 1) {
        c->r[0] = c->x;
        DMB(ish);
        c->y = 1;
    } else {
        c->r[1] = c->y;
        DMB(ish);
        c->r[2] = c->x;
    }
}

static void iriw(unsigned thread, Cell *c)
{
    switch (thread) {
    case 0:
        c->x = 1;
        break;
    case 1:
        c->y = 1;
        break;
    case 2:
        c->r[0] = c->x;
        DMB(ish);
        c->r[1] = c->y;
        break;
    default:
        c->r[2] = c->y;
        DMB(ish);
        c->r[3] = c->x;
        break;
    }
}

static void iriw_acq(unsigned thread, Cell *c)
{
    switch (thread) {
    case 0:
        STORE(c->x, 1, RELEASE);
        break;
    case 1:
        STORE(c->y, 1, RELEASE);
        break;
    case 2:
        c->r[0] = LOAD(c->x, ACQUIRE);
        c->r[1] = LOAD(c->y, ACQUIRE);
        break;
    default:
        c->r[2] = LOAD(c->y, ACQUIRE);
        c->r[3] = LOAD(c->x, ACQUIRE);
        break;
    }
}

static int both_new_old(const Cell *c)
{
    return c->r[0] == 1 && c->r[1] == 0;
}

static int both_zero(const Cell *c)
{
    return c->r[0] == 0 && c->r[1] == 0;
}

static int both_one(const Cell *c)
{
    return c->r[0] == 1 && c->r[1] == 1;
}

static int never(const Cell *c)
{
    return 0;
}

static int s_bad(const Cell *c)
{
    return c->r[0] == 1 && c->x == 2;
}

static int r_bad(const Cell *c)
{
    return c->y == 2 && c->r[0] == 0;
}

static int two_two_w_bad(const Cell *c)
{
    return c->x == 1 && c->y == 1;
}

static int co_rw_bad(const Cell *c)
{
    return c->r[0] == 1 && c->x == 1;
}

static int wrc_bad(const Cell *c)
{
    return c->r[0] == 1 && c->r[1] == 1 && c->r[2] == 0;
}

static int iriw_bad(const Cell *c)
{
    return c->r[0] == 1 && c->r[1] == 0 && c->r[2] == 1 && c->r[3] == 0;
}

/* FEAT_LSE2: an aligned pair is one access. */
static void pair_once(unsigned thread, Cell *c)
{
    uint64_t mmfr2, a, b;

    __asm__ volatile("mrs %0, s3_0_c0_c7_2" : "=r"(mmfr2));
    if (!(mmfr2 >> 32 & 15)) {
        return;
    }
    for (uint64_t k = 1; k <= 8; k++) {
        if (thread == 0) {
            __asm__ volatile("stp %1, %1, [%0]" : : "r"(&c->x), "r"(k << 32 | k) : "memory");
            continue;
        }
        __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(&c->x) : "memory");
        c->r[0] |= a != b;
        __asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(a), "=&r"(b) : "r"(&c->x) : "memory");
        c->r[0] |= a != b;
    }
}

static int pair_torn(const Cell *c)
{
    return c->r[0] != 0;
}

static const Litmus tests[] = {
    { "LDP", 2, pair_once, pair_torn, 0 },
    { "MP+dmb", 2, mp_dmb, both_new_old, 0 },
    { "MP+dmb.st+dmb.ld", 2, mp_st_ld, both_new_old, 0 },
    { "MP+rel+acq", 2, mp_rel_acq, both_new_old, 0 },
    { "SB", 2, sb, never, both_zero },
    { "SB+dmb", 2, sb_dmb, both_zero, 0 },
    { "SB+dsb", 2, sb_dsb, both_zero, 0 },
    { "SB+rel-acq", 2, sb_rel_acq, both_zero, 0 },
    { "SB+rel-acqpc", 2, sb_rel_pc, never, both_zero },
    { "LB+dmb", 2, lb_dmb, both_one, 0 },
    { "LB+acq", 2, lb_acq, both_one, 0 },
    { "S+dmb", 2, s_dmb, s_bad, 0 },
    { "R+dmb", 2, r_dmb, r_bad, 0 },
    { "2+2W+dmb", 2, two_two_w, two_two_w_bad, 0 },
    { "CoRR", 2, co_rr, both_new_old, 0 },
    { "CoRW", 2, co_rw, co_rw_bad, 0 },
    { "WRC+dmb", 3, wrc, wrc_bad, 0 },
    { "IRIW+dmb", 4, iriw, iriw_bad, 0 },
    { "IRIW+acq", 4, iriw_acq, iriw_bad, 0 },
};

static void litmus(const Litmus *t, unsigned id)
{
    uint64_t bad = 0, seen = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        barrier(n_cpus);
        for (unsigned i = 0; id < t->threads && i < CELLS; i++) {
            t->run(id, &cells[i]);
        }
        barrier(n_cpus);
        for (unsigned i = 0; id == 0 && i < CELLS; i++) {
            bad += (unsigned)t->forbidden(&cells[i]);
            seen += t->allowed && t->allowed(&cells[i]);
            cells[i] = (Cell){ 0 };
        }
    }
    if (id == 0) {
        text(t->name);
        text(bad ? ": FORBIDDEN" : ": ok");
        if (bad || seen) {
            hex(bad ? bad : seen);
        }
        text("\r\n");
        failures += bad;
    }
}

static Shared shared;

static void count(unsigned k, unsigned id)
{
    uint64_t want = (uint64_t)COUNTS * n_cpus;

    barrier(n_cpus);
    for (unsigned i = 0; i < COUNTS; i++) {
        counters[k].add(&shared);
    }
    barrier(n_cpus);
    if (id == 0) {
        uint64_t n = counters[k].pair ? shared.a : shared.n;
        uint64_t bad = 0;

        if (counters[k].add == add_excl16) {
            want &= 0xffff;
        }
        bad = n != want || (counters[k].pair && shared.b != want);
        text(counters[k].name);
        text(bad ? ": LOST" : ": ok");
        if (bad) {
            hex(n);
            hex(want);
        }
        text("\r\n");
        failures += bad;
        shared = (Shared){ 0 };
    }
}

static void start_others(void)
{
    for (uint64_t i = 1; i < CPUS; i++) {
        if (psci(0xc4000003, i, (uint64_t)cpu_entry, i) == 0) {
            n_cpus++;
        }
    }
}

void litmus_cpu(uint64_t id)
{
    uint64_t isar0;

    __asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
    if (id == 0) {
        start_others();
        __atomic_store_n(&started, n_cpus, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&started, __ATOMIC_ACQUIRE)) {
        __asm__ volatile("yield");
    }
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (tests[i].threads <= n_cpus && (tests[i].run != sb_rel_pc || isar0 >> 20 & 15)) {
            litmus(&tests[i], (unsigned)id);
        }
    }
    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        if (!counters[i].lse || isar0 >> 20 & 15) {
            count(i, (unsigned)id);
        }
    }
    if (id == 0) {
        text(failures ? "LITMUS FAILED\r\n" : "LITMUS OK\r\n");
        psci(0x84000008, 0, 0, 0);
    }
}
