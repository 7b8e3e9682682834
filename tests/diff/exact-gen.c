/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs, and what is forced at their instructions. */
#include "tests/diff/exact.h"

#include "target/arm/a64-decode.h"
#include "tests/diff/a64-gen.h"

#include <stdlib.h>
#include <string.h>

enum {
    INSN_NOP = 0xd503201f,
    INSN_WFI = 0xd503207f,
    INSN_BRK = 0xd4200000,
    INSN_SVC = 0xd4000001,
    INSN_ERET = 0xd69f03e0,
    INSN_BR = 0xd61f0000,
    INSN_DAIFCLR = 0xd50340ff,
    INSN_COUNT_DOWN = 0xd1000400, /* sub x, x, #1 */
    INSN_CBNZ = 0xb5000000,
    INSN_DC_ZVA = 0xd50b7420,
    PAGE_END = 0x1000,
};

#define SCTLR_BASE                                                                              \
    (1ull << 0 | 1 << 2 | 1 << 9 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 23 | 1 << 26 | 1u << 31 | \
     1 << 30 | 1 << 27 | 1 << 13)
enum { SCTLR_A = 1 << 1, SCTLR_SA = 1 << 3, SCTLR_SA0 = 1 << 4 };

/* Instructions that are no patterns of a user's program; the register is a random one. */
static const uint32_t exact_extra[] = {
    0xd53b4200, /* mrs nzcv */
    0xd51b4200, /* msr nzcv */
    0xd53b4400, /* mrs fpcr */
    0xd51b4400, /* msr fpcr */
    0xd53b4420, /* mrs fpsr */
    0xd51b4420, /* msr fpsr */
    0xd51bd040, /* msr tpidr_el0 */
    0xd53bd040, /* mrs tpidr_el0 */
    0xd53b00e0, /* mrs dczid_el0 */
};

static bool exact_starts(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

static bool exact_is_memory(const InsnPattern *p)
{
    return exact_starts(p->group, "ldst") || !strcmp(p->group, "atomic") ||
           !strcmp(p->group, "simd-ldst");
}

static bool exact_is_wanted(const InsnPattern *p)
{
    static const char *const also[] = { "pac", "aut", "xpac", "hint", "fjcvtzs", "ldapr" };

    if (!strcmp(p->group, "ldst-pauth") || exact_starts(p->name, "sys") ||
        exact_starts(p->name, "msr") || exact_starts(p->name, "wf")) {
        return false;
    }
    for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++) {
        if (exact_starts(p->name, also[i])) {
            return true;
        }
    }
    return !gen_is_excluded(p);
}

void exact_gen_init(ExactGen *g, const char *group, const char *pattern)
{
    g->pattern = calloc(A64_ID_COUNT, sizeof(*g->pattern));
    for (unsigned i = 0; i < A64_ID_COUNT; i++) {
        const InsnPattern *p = &a64_patterns[i];

        if (p->name && exact_is_wanted(p) && (!group || exact_starts(p->group, group)) &&
            (!pattern || exact_starts(p->name, pattern))) {
            g->pattern[g->n++] = p;
        }
    }
}

/* No field of five bits names a reserved register. */
static bool exact_is_free(const InsnPattern *p, uint32_t insn)
{
    for (int i = 0; i < p->n_fields; i++) {
        const InsnField *f = &p->fields[i];
        unsigned r = insn >> f->lo & 31;

        if (f->width == 5 && (r == REG_COUNT || r == REG_BAD)) {
            return false;
        }
    }
    return true;
}

static uint32_t exact_insn(const InsnPattern *p, uint64_t *seed)
{
    for (unsigned tries = 0; tries < 50; tries++) {
        uint32_t insn = gen_insn(p, seed);

        if (exact_is_free(p, insn) && insn != INSN_WFI) {
            return insn;
        }
    }
    return INSN_NOP;
}

static uint32_t exact_random_insn(const ExactGen *g, ExactProgram *p, unsigned i, uint64_t *seed)
{
    const InsnPattern *pattern;
    uint64_t r = case_random(seed);
    uint32_t insn;

    if (r % 16 == 0) {
        return exact_extra[(r >> 8) % (sizeof(exact_extra) / sizeof(exact_extra[0]))] |
               (r >> 32) % 18;
    }
    if (r % 64 == 1) {
        return INSN_DC_ZVA | (20 + (r >> 32) % 8);
    }
    do {
        p->pattern[i] = (uint16_t)((r >> 8) % g->n);
        pattern = g->pattern[p->pattern[i]];
        r = case_random(seed);
        /* An interrupt in a loop opens the monitor, so that the store fails. */
    } while (p->loops && !strcmp(pattern->group, "ldst-excl") && g->n > 60);
    insn = exact_insn(pattern, seed);
    /* Literals lie behind the program, which changes. */
    if (!strcmp(pattern->group, "ld-literal") || strstr(pattern->name, "lit")) {
        insn = (insn & ~(0x7ffffu << 5)) | (EXACT_MAX - i + (r >> 8) % 16) << 5;
    }
    return insn;
}

void exact_gen_program(const ExactGen *g, ExactProgram *p, uint64_t seed, bool loops)
{
    uint64_t r = case_random(&seed);
    unsigned body;

    memset(p, 0, sizeof(*p));
    p->seed = r;
    p->loops = loops;
    body = 20 + (r >> 8) % (EXACT_MAX - 24);
    p->n = body + (loops ? 3 : 1);
    p->el = r >> 16 & 1;
    p->sp_sel = p->el && r >> 17 & 1;
    /* Some end at the page's end, before a page that is mapped or not, some go over it. */
    p->start = EXACT_CODE_VA + 0xa00 + (r >> 20 & 0x3f) * 4;
    if (!loops && (r >> 32) % 4 == 0) {
        p->start =
            (r >> 34 & 1 ? EXACT_LAST_VA : EXACT_CODE_VA) + PAGE_END - 4 * (1 + (r >> 36) % body);
    } else if (loops && (r >> 32) % 4 == 0) {
        p->start = EXACT_CODE_VA + PAGE_END - 4 * (1 + (r >> 36) % body);
    }
    for (unsigned i = 0; i < body; i++) {
        /* Branches go at most three instructions forward: none leaves out the count. */
        p->code[i] = loops && i + 2 >= body ? INSN_NOP : exact_random_insn(g, p, i, &seed);
    }
    if (loops) {
        p->code[body] = INSN_COUNT_DOWN | REG_COUNT << 5 | REG_COUNT;
        p->code[body + 1] = INSN_CBNZ | (-(body + 1) & 0x7ffff) << 5 | REG_COUNT;
    }
    p->code[p->n - 1] = INSN_BRK | EXACT_BRK << 5;
    gen_state(&p->in, EXACT_DATA, p->start + 4 * (p->n - 1), &seed);
    p->in.x[REG_COUNT] = 2 + (r >> 48) % 14;
    p->sctlr = SCTLR_BASE | SCTLR_SA | SCTLR_SA0;
    if ((r >> 56) % 8 == 0) {
        p->sctlr |= SCTLR_A;
    } else if ((r >> 56) % 8 == 1) {
        p->in.sp += 8;
    }
}

/* ---- forcing ---- */

static uint32_t exact_memory_insn(const ExactGen *g, uint64_t *seed)
{
    uint64_t r = case_random(seed);

    if (r % 12 == 0) {
        static const uint32_t ops[] = {
            INSN_DC_ZVA, 0xd50b7a20, 0xd50b7b20, 0xd50b7e20, 0xd50b7520, /* CVAC CVAU CIVAC IVAU */
        };

        return ops[(r >> 8) % 5] | REG_BAD;
    }
    for (unsigned tries = 0; tries < 1000; tries++) {
        const InsnPattern *p = g->pattern[case_random(seed) % g->n];
        uint32_t insn;

        if (!exact_is_memory(p)) {
            continue;
        }
        insn = exact_insn(p, seed);
        for (int i = 0; i < p->n_fields && insn != INSN_NOP; i++) {
            if (!strcmp(p->fields[i].name, "rn")) {
                return (insn & ~(31u << p->fields[i].lo)) | REG_BAD << p->fields[i].lo;
            }
        }
    }
    return 0xf9400000 | REG_BAD << 5; /* ldr x0, [x19] */
}

static uint64_t exact_bad_address(ExactZone z, uint64_t *seed)
{
    uint64_t r = case_random(seed), va = exact_zone_va(z) + 0x1000;

    if (z == ZONE_HIGH) {
        return (r & 1 ? 1ull << 39 : 0xff80000000000000) | (r & 0x7ffffff0);
    }
    switch (r >> 8 & 3) {
    case 0:
        va += 0x100 + (r >> 16 & 0xf0);
        break;
    case 1:
        va -= 1 + (r >> 16) % 31;
        break;
    case 2:
        va += PAGE_END - 1 - (r >> 16) % 31;
        break;
    default:
        va += 0x100 + (r >> 16 & 0xff);
    }
    /* A program and its data share the page: only its beginning is data. */
    if (z == ZONE_CODE && (r >> 8 & 3) == 2) {
        va -= PAGE_END - 0x200;
    }
    return (r >> 40) % 4 ? va : va | r >> 48 << 56;
}

static bool exact_force_return(const ExactProgram *p, ExactForce *f, uint64_t r)
{
    f->insn = INSN_ERET;
    f->elr = p->start + 4 * (f->at + 1);
    f->spsr = (r & 0xf0000000) | 0x3c0;
    if (f->kind == FORCE_ILLEGAL) {
        f->spsr |= r & 1 ? 0x10 : 8;
    }
    return p->el == 1;
}

bool exact_gen_force(const ExactGen *g, const ExactProgram *p, ExactKind kind, unsigned at,
                     uint64_t *seed, ExactForce *f)
{
    uint64_t r = case_random(seed);

    memset(f, 0, sizeof(*f));
    f->kind = kind;
    f->at = at;
    f->insn = p->code[at];
    f->bad = r;
    if (kind >= FORCE_ZONE && kind < FORCE_ZONE + ZONES) {
        f->insn = exact_memory_insn(g, seed);
        f->bad = exact_bad_address((ExactZone)(kind - FORCE_ZONE), seed);
        return true;
    }
    switch (kind) {
    case FORCE_SVC:
        f->insn = INSN_SVC | (r & 0xffff) << 5;
        return true;
    case FORCE_BRK:
        f->insn = INSN_BRK | (r & 0xfff) << 5;
        return true;
    case FORCE_UNDEFINED:
        f->insn = r & 0xffff;
        return true;
    case FORCE_IRQ:
    case FORCE_FIQ:
        f->insn = INSN_DAIFCLR | (kind == FORCE_IRQ ? 2 : 1) << 8;
        f->lines = kind == FORCE_IRQ ? 1 : 2;
        return true;
    case FORCE_BAD_PC:
        f->insn = INSN_BR | REG_BAD << 5;
        f->bad = (p->start + 4 * (r % p->n)) | (1 + (r >> 8) % 3);
        return true;
    case FORCE_BAD_PAGE:
        f->insn = INSN_BR | REG_BAD << 5;
        f->bad = exact_zone_va(ZONE_UNMAPPED) + 0x1000 + (r & 0xffc);
        return true;
    case FORCE_ERET:
    case FORCE_ILLEGAL:
        return exact_force_return(p, f, r);
    case FORCE_MSR:
        f->insn = exact_extra[1 + 2 * (r >> 8) % 3] | REG_BAD;
        return true;
    default:
        return true;
    }
}

const char *exact_kind_name(ExactKind kind)
{
    static const char *const names[] = {
        [FORCE_NOTHING] = "nothing",
        [FORCE_ZONE + ZONE_GOOD] = "good page",
        [FORCE_ZONE + ZONE_UNMAPPED] = "no translation",
        [FORCE_ZONE + ZONE_READ_ONLY] = "read-only page",
        [FORCE_ZONE + ZONE_PRIVILEGED] = "privileged page",
        [FORCE_ZONE + ZONE_DEVICE_TYPE] = "device memory type",
        [FORCE_ZONE + ZONE_HOLE] = "external abort",
        [FORCE_ZONE + ZONE_MMIO] = "device",
        [FORCE_ZONE + ZONE_NO_ACCESS_FLAG] = "no access flag",
        [FORCE_ZONE + ZONE_BAD_TABLE] = "external abort of the walk",
        [FORCE_ZONE + ZONE_CODE] = "page of the program",
        [FORCE_ZONE + ZONE_HIGH] = "address out of range",
        [FORCE_SVC] = "system call",
        [FORCE_BRK] = "breakpoint instruction",
        [FORCE_UNDEFINED] = "undefined",
        [FORCE_IRQ] = "interrupt",
        [FORCE_FIQ] = "fast interrupt",
        [FORCE_BAD_PC] = "branch to a misaligned address",
        [FORCE_BAD_PAGE] = "branch to no page",
        [FORCE_ERET] = "exception return",
        [FORCE_ILLEGAL] = "illegal exception return",
        [FORCE_MSR] = "system register write",
    };

    return names[kind];
}
