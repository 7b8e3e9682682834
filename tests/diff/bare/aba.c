/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store-exclusive after another CPU has changed the location and changed it back: by the
 * architecture it fails; where the monitor compares values it does not.
 * Spec: Arm ARM DDI 0487, B2.9.2.
 */
#include "print.h"

#include <stdint.h>

enum { ROUNDS = 50 };

uint64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
void cpu_entry(uint64_t id);
void litmus_cpu(uint64_t id);

static struct {
    _Alignas(2048) volatile uint64_t x; /* the largest granule there is */
    _Alignas(2048) volatile uint64_t turn;
} shared;

static void other(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        while (__atomic_load_n(&shared.turn, __ATOMIC_ACQUIRE) != 2 * i + 1) {
        }
        shared.x = 1;
        __asm__ volatile("dmb ish" : : : "memory");
        shared.x = 0;
        __atomic_store_n(&shared.turn, 2 * i + 2, __ATOMIC_RELEASE);
    }
}

/* Whether the store happened. */
static unsigned try(unsigned i)
{
    uint64_t value, turn = 2 * i + 1, seen;
    uint32_t failed;

    __asm__ volatile("ldxr %0, [%3]\n\t"
                     "stlr %4, [%5]\n"
                     "1:\tldar %1, [%5]\n\t"
                     "cmp %1, %6\n\t"
                     "b.ne 1b\n\t"
                     "stxr %w2, %0, [%3]"
                     : "=&r"(value), "=&r"(seen), "=&r"(failed)
                     : "r"(&shared.x), "r"(turn), "r"(&shared.turn), "r"(turn + 1)
                     : "cc", "memory");
    return !failed;
}

void litmus_cpu(uint64_t id)
{
    unsigned stored = 0;

    if (id) {
        other();
        return;
    }
    psci(0xc4000003, 1, (uint64_t)cpu_entry, 1); /* CPU_ON */
    for (unsigned i = 0; i < ROUNDS; i++) {
        stored += try(i);
    }
    text(stored ? "some stored\n" : "none stored\n");
    psci(0x84000008, 0, 0, 0); /* SYSTEM_OFF */
}
