/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer authentication with QARMA5: codes of many pointers under address sizes and tag controls.
 * Spec: Arm ARM DDI 0487, D8.10.
 */
#include "print.h"

#define KEY(name, v)                                                 \
    do {                                                             \
        SET(name##KeyLo_EL1, (v)*0x9e3779b97f4a7c15ull);             \
        SET(name##KeyHi_EL1, (v)*0xbf58476d1ce4e5b9ull ^ 0x5a5aull); \
    } while (0)

#define OP(insn, p, m)                                              \
    ({                                                              \
        uint64_t v_ = (p);                                          \
        __asm__ volatile(".arch_extension pauth\n\t" insn " %0, %1" \
                         : "+r"(v_)                                 \
                         : "r"((uint64_t)(m)));                     \
        v_;                                                         \
    })
#define STRIP(insn, p)                                                       \
    ({                                                                       \
        uint64_t v_ = (p);                                                   \
        __asm__ volatile(".arch_extension pauth\n\t" insn " %0" : "+r"(v_)); \
        v_;                                                                  \
    })

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void one(uint64_t p, uint64_t m)
{
    uint64_t ia = OP("pacia", p, m), ib = OP("pacib", p, m);
    uint64_t da = OP("pacda", p, m), db = OP("pacdb", p, m), ga;

    __asm__ volatile(".arch_extension pauth\n\tpacga %0, %1, %2" : "=r"(ga) : "r"(p), "r"(m));
    hex(p);
    hex(ia);
    hex(ib);
    hex(da);
    hex(db);
    hex(ga);
    text("\r\n ");
    hex(OP("autia", ia, m));
    hex(OP("autib", ib, m));
    hex(OP("autda", da, m));
    hex(OP("autdb", db, m));
    hex(OP("autia", ia, m + 1));
    hex(OP("autib", ib ^ 1ull << 50, m));
    hex(OP("autda", p, m));
    hex(STRIP("xpaci", ia));
    hex(STRIP("xpacd", db));
    text("\r\n");
}

static void set(const char *what, uint64_t tcr)
{
    SET(tcr_el1, tcr);
    text(what);
    text("\r\n");
    for (unsigned i = 0; i < 16; i++) {
        uint64_t r = random_next(), m = random_next();

        one(r >> 16, m);
        one(r >> 30, m);
        one(~(r >> 16), m);
        /* No address, but bits 63 and 55 choose one range: else the two differ in which
         * range's size they take. */
        one((r & ~(1ull << 63)) | (r << 8 & 1ull << 63), m);
    }
}

void test_main(void)
{
    uint64_t sctlr;

    KEY(APIA, 1);
    KEY(APIB, 2);
    KEY(APDA, 3);
    KEY(APDB, 4);
    KEY(APGA, 5);
    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    SET(sctlr_el1, sctlr | 1u << 31 | 1 << 30 | 1 << 27 | 1 << 13);
    set("48 bits", 16 | 16 << 16 | 2ull << 30);
    set("39 bits", 25 | 25 << 16 | 2ull << 30);
    set("48 and 42 bits", 16 | 22 << 16 | 2ull << 30);
    set("TBI0", 16 | 16 << 16 | 2ull << 30 | 1ull << 37);
    set("TBI1", 16 | 16 << 16 | 2ull << 30 | 1ull << 38);
    set("TBI0, TBI1", 25 | 16 << 16 | 2ull << 30 | 3ull << 37);
    set("TBI and TBID", 16 | 25 << 16 | 2ull << 30 | 3ull << 37 | 3ull << 51);
    set("TBI0 and TBID0", 16 | 16 << 16 | 2ull << 30 | 1ull << 37 | 1ull << 51);
}
