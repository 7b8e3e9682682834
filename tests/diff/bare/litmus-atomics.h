/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that all CPUs count up: one for each kind of atomic operation. */
#ifndef TESTS_DIFF_BARE_LITMUS_ATOMICS_H
#define TESTS_DIFF_BARE_LITMUS_ATOMICS_H

#include <stdint.h>

typedef struct Shared {
    volatile uint64_t n __attribute__((aligned(64)));
    volatile uint64_t high;
    volatile uint32_t lock __attribute__((aligned(64)));
    volatile uint32_t next, owner;
    volatile uint64_t a __attribute__((aligned(64))), b;
} Shared;

/* Add one by exclusives of registers @r at [@p]. */
#define EXCL_ADD(load, store, suffix, r)                                                \
    do {                                                                                \
        uint64_t v;                                                                     \
        uint32_t failed;                                                                \
        __asm__ volatile("1: " load suffix " %" r "0, [%2]\n\tadd %" r "0, %" r         \
                         "0, #1\n\t" store suffix " %w1, %" r "0, [%2]\n\tcbnz %w1, 1b" \
                         : "=&r"(v), "=&r"(failed)                                      \
                         : "r"(&s->n)                                                   \
                         : "memory");                                                   \
    } while (0)

static void add_excl64(Shared *s)
{
    EXCL_ADD("ldxr", "stxr", "", "x");
}

static void add_excl32(Shared *s)
{
    EXCL_ADD("ldaxr", "stlxr", "", "w");
}

static void add_excl16(Shared *s)
{
    EXCL_ADD("ldxr", "stlxr", "h", "w");
}

/* The pair counts in both halves. */
static void add_excl_pair(Shared *s)
{
    uint64_t a, b;
    uint32_t failed;

    __asm__ volatile("1: ldaxp %0, %1, [%3]\n\tadd %0, %0, #1\n\tadd %1, %1, #1\n\t"
                     "stlxp %w2, %0, %1, [%3]\n\tcbnz %w2, 1b"
                     : "=&r"(a), "=&r"(b), "=&r"(failed)
                     : "r"(&s->a)
                     : "memory");
}

/* An exclusive pair that a plain store of the same CPU comes between still has to count. */
static void add_excl_busy(Shared *s)
{
    uint64_t v;
    uint32_t failed;

    __asm__ volatile("1: ldxr %0, [%2]\n\tstr %0, [%3]\n\tadd %0, %0, #1\n\t"
                     "stxr %w1, %0, [%2]\n\tcbnz %w1, 1b"
                     : "=&r"(v), "=&r"(failed)
                     : "r"(&s->n), "r"(&s->high)
                     : "memory");
}

/* Compare and exchange by exclusives, which may find another value. */
static void add_excl_cas(Shared *s)
{
    uint64_t seen, want = s->n;
    uint32_t failed;

    for (;;) {
        __asm__ volatile("1: ldxr %0, [%2]\n\tcmp %0, %3\n\tb.ne 2f\n\tstlxr %w1, %4, [%2]\n\t"
                         "cbnz %w1, 1b\n2:"
                         : "=&r"(seen), "=&r"(failed)
                         : "r"(&s->n), "r"(want), "r"(want + 1)
                         : "memory", "cc");
        if (seen == want) {
            return;
        }
        want = seen;
    }
}

static void add_excl_pair_cas(Shared *s)
{
    uint64_t a = s->a, b = s->b, seen_a, seen_b;
    uint32_t failed;

    for (;;) {
        __asm__ volatile("1: ldxp %0, %1, [%3]\n\tcmp %0, %4\n\tccmp %1, %5, #0, eq\n\tb.ne 2f\n\t"
                         "stlxp %w2, %6, %7, [%3]\n\tcbnz %w2, 1b\n2:"
                         : "=&r"(seen_a), "=&r"(seen_b), "=&r"(failed)
                         : "r"(&s->a), "r"(a), "r"(b), "r"(a + 1), "r"(b + 1)
                         : "memory", "cc");
        if (seen_a == a && seen_b == b) {
            return;
        }
        a = seen_a;
        b = seen_b;
    }
}

#define EXCL_OP(op, bit)                                                               \
    __asm__ volatile("1: ldxr %0, [%2]\n\t" op " %0, %0, %3\n\tstxr %w1, %0, [%2]\n\t" \
                     "cbnz %w1, 1b"                                                    \
                     : "=&r"(v), "=&r"(failed)                                         \
                     : "r"(&s->n), "r"(bit)                                            \
                     : "memory")

/* Bits of the word above: they may not disturb the counter below. */
static void add_excl_bits(Shared *s)
{
    uint64_t v;
    uint32_t failed;

    EXCL_OP("orr", 1ull << 40);
    EXCL_OP("eor", 1ull << 41);
    EXCL_OP("add", 1ull);
    EXCL_OP("bic", 1ull << 40);
    EXCL_OP("eor", 1ull << 41);
    EXCL_OP("and", ~(1ull << 40));
}

static void add_lock(Shared *s)
{
    uint32_t v;

    __asm__ volatile("1: ldaxr %w0, [%1]\n\tcbnz %w0, 1b\n\tstxr %w0, %w2, [%1]\n\tcbnz %w0, 1b"
                     : "=&r"(v)
                     : "r"(&s->lock), "r"(1)
                     : "memory");
    s->n = s->n + 1;
    __asm__ volatile("stlr wzr, [%0]" : : "r"(&s->lock) : "memory");
}

static void add_ticket(Shared *s)
{
    uint32_t mine = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&s->owner, __ATOMIC_ACQUIRE) != mine) {
        __asm__ volatile("yield");
    }
    s->n = s->n + 1;
    __atomic_store_n(&s->owner, mine + 1, __ATOMIC_RELEASE);
}

#define LSE ".arch armv8.1-a\n\t"

static void add_lse(Shared *s)
{
    uint64_t old;

    __asm__ volatile(LSE "ldadd %1, %0, [%2]" : "=r"(old) : "r"(1ull), "r"(&s->n) : "memory");
}

static void add_cas(Shared *s)
{
    uint64_t old = s->n, want;

    do {
        want = old;
        __asm__ volatile(LSE "casal %0, %1, [%2]"
                         : "+r"(old)
                         : "r"(want + 1), "r"(&s->n)
                         : "memory");
    } while (old != want);
}

static void add_casp(Shared *s)
{
    register uint64_t o0 __asm__("x4") = s->a, o1 __asm__("x5") = s->b;
    uint64_t w0, w1;

    do {
        w0 = o0;
        w1 = o1;
        register uint64_t n0 __asm__("x6") = w0 + 1, n1 __asm__("x7") = w1 + 1;

        __asm__ volatile(LSE "caspal %0, %1, %2, %3, [%4]"
                         : "+r"(o0), "+r"(o1)
                         : "r"(n0), "r"(n1), "r"(&s->a)
                         : "memory");
    } while (o0 != w0 || o1 != w1);
}

static void add_swap(Shared *s)
{
    uint32_t v;

    do {
        __asm__ volatile(LSE "swpa %w1, %w0, [%2]" : "=r"(v) : "r"(1), "r"(&s->lock) : "memory");
    } while (v);
    s->n = s->n + 1;
    __asm__ volatile("stlr wzr, [%0]" : : "r"(&s->lock) : "memory");
}

/* Bits of the word above: set and cleared by all, they may not disturb the counter below. */
static void add_bits(Shared *s)
{
    uint64_t old;

    __asm__ volatile(LSE "ldset %1, %0, [%2]" : "=r"(old) : "r"(1ull << 40), "r"(&s->n) : "memory");
    __asm__ volatile(LSE "ldaddl %1, %0, [%2]" : "=r"(old) : "r"(1ull), "r"(&s->n) : "memory");
    __asm__ volatile(LSE "ldclra %1, %0, [%2]"
                     : "=r"(old)
                     : "r"(1ull << 40), "r"(&s->n)
                     : "memory");
}

static const struct {
    const char *name;
    void (*add)(Shared *s);
    uint8_t lse, pair;
} counters[] = {
    { "exclusive 64", add_excl64, 0, 0 },
    { "exclusive 32", add_excl32, 0, 0 },
    { "exclusive 16", add_excl16, 0, 0 },
    { "exclusive pair", add_excl_pair, 0, 1 },
    { "exclusive busy", add_excl_busy, 0, 0 },
    { "exclusive cas", add_excl_cas, 0, 0 },
    { "exclusive pair cas", add_excl_pair_cas, 0, 1 },
    { "exclusive bits", add_excl_bits, 0, 0 },
    { "spinlock", add_lock, 0, 0 },
    { "ticket lock", add_ticket, 0, 0 },
    { "ldadd", add_lse, 1, 0 },
    { "cas", add_cas, 1, 0 },
    { "casp", add_casp, 1, 1 },
    { "swp lock", add_swap, 1, 0 },
    { "ldset ldclr", add_bits, 1, 0 },
};

#endif
