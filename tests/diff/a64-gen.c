/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random valid A64 instructions from the decoder's own tables.
 *
 * Registers x20 to x27 point into the scratch memory, x28 holds a small offset and x29 the address
 * of the code's end; nothing writes them, but for writeback. Branches go forward.
 */
#include "tests/diff/a64-gen.h"

#include "tests/diff/gen.h"

#include <string.h>

enum { REG_POINTER = 20, REG_OFFSET = 28, REG_END = 29 };

static bool gen_starts(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

/* What a user program cannot run, or the oracle may do otherwise by right. */
bool gen_is_excluded(const InsnPattern *p)
{
    static const char *const prefix[] = {
        "svc",
        "hvc",
        "smc",
        "brk",
        "hlt",
        "udf",
        "msr",
        "sys",
        "wfi",
        "wfe",
        "eret",
        "drps",
        "pac",
        "aut",
        "ldra",
        "bra",
        "blra",
        "reta",
        "xpac",
        "hint",
        "dcps",
        "esb",
        "sb",
        "bti",
        /* QEMU 7.2 differs from the manual: see simd-a64.c, which tests what is left of them. */
        "fcvtzs_vf.sh",
        "fjcvtzs",
    };

    for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++) {
        if (gen_starts(p->name, prefix[i])) {
            return true;
        }
    }
    /* QEMU 7.2 leaves bits above the 16th in conversions of half to 16-bit integers, and Z set by
     * FJCVTZS of a flushed subnormal. */
    return gen_starts(p->group, "pauth") || !strcmp(p->name, "fcvtzs_vf.sh") ||
           !strcmp(p->name, "fcvtzu_vf.sh") || !strcmp(p->name, "fjcvtzs") ||
           !strcmp(p->name, "ldapr"); /* which it lets off its alignment */
}

static uint32_t gen_branch(const InsnPattern *p, uint32_t insn, uint64_t *seed)
{
    uint32_t skip = 1 + case_random(seed) % 3;

    if (!strcmp(p->name, "b") || !strcmp(p->name, "bl")) {
        return gen_put(insn, 0, 26, skip);
    }
    if (gen_starts(p->name, "tb")) {
        return gen_put(insn, 5, 14, skip);
    }
    if (gen_starts(p->name, "cb") || gen_starts(p->name, "bcond")) {
        return gen_put(insn, 5, 19, skip);
    }
    if (gen_starts(p->name, "br") || gen_starts(p->name, "blr") || gen_starts(p->name, "ret")) {
        return gen_put(insn, 5, 5, REG_END);
    }
    return insn;
}

/* A destination register that is none of the reserved ones. */
static uint32_t gen_safe_reg(uint32_t insn, unsigned lo, uint32_t fixed)
{
    uint32_t r = insn >> lo & 31;

    return r >= REG_POINTER && r <= REG_END && !(fixed >> lo & 31)
               ? gen_put(insn, lo, 5, r - REG_POINTER)
               : insn;
}

static uint32_t gen_memory(const InsnPattern *p, uint32_t insn, uint64_t *seed)
{
    uint32_t r = (uint32_t)case_random(seed), base;

    if (gen_starts(p->name, "ldr.lit") || strstr(p->name, "lit") || gen_starts(p->name, "prfm.l")) {
        return gen_put(insn, 5, 19, r % 16);
    }
    /* The oracle lets LDAPR off its alignment: SP is never written back here, so it is aligned. */
    base = !strcmp(p->name, "ldapr") || (r % 9 == 8 && !strstr(p->name, ".p"))
               ? 31
               : REG_POINTER + r % 8;
    insn = gen_field(p, insn, "rn", base);
    insn = gen_field(p, insn, "rm", REG_OFFSET);
    for (int i = 0; i < p->n_fields; i++) {
        const InsnField *f = &p->fields[i];

        if (f->width == 12 && gen_starts(f->name, "imm")) {
            insn = gen_put(insn, f->lo + 6, 6, 0);
        }
    }
    return insn;
}

uint32_t gen_insn(const InsnPattern *p, uint64_t *seed)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        uint32_t insn = ((uint32_t)case_random(seed) & ~p->mask) | p->value;

        insn = (insn & ~p->should_mask) | p->should_value;
        if (strstr(p->group, "ldst") || !strcmp(p->group, "atomic") ||
            !strcmp(p->group, "ld-literal")) {
            insn = gen_memory(p, insn, seed);
        } else {
            insn = gen_branch(p, insn, seed);
        }
        for (int i = 0; i < p->n_fields; i++) {
            const InsnField *f = &p->fields[i];

            if (f->width == 5 && (!strcmp(f->name, "rd") || !strcmp(f->name, "rt") ||
                                  !strcmp(f->name, "rt2") || !strcmp(f->name, "rs"))) {
                insn = gen_safe_reg(insn, f->lo, p->mask);
            }
        }
        if ((insn & p->mask) == p->value && (!p->when || p->when(insn)) &&
            (!p->avoid || !p->avoid(insn))) {
            return insn;
        }
    }
    return 0xd503201f; /* NOP: the pattern's constraints were not met */
}

void gen_state(A64State *s, uint64_t scratch, uint64_t end, uint64_t *seed)
{
    /* RMode, DN and FZ, for which code is inline, more often than FZ16 and AHP too */
    static const uint32_t fpcr[4] = { 0, 0x02c00000, 0x03c00000, 0x07c80000 };

    for (unsigned i = 0; i < 31; i++) {
        s->x[i] = gen_interesting(seed);
    }
    for (unsigned i = 0; i < 8; i++) {
        s->x[REG_POINTER + i] = scratch + 0x1000 + (case_random(seed) & 0x1fff) / 16 * 16;
    }
    s->x[REG_OFFSET] = case_random(seed) & 0x70;
    s->x[REG_END] = end;
    s->sp = scratch + 0x2000;
    s->nzcv = case_random(seed) & 0xf0000000;
    s->fpsr = case_random(seed) % 2 ? 0 : case_random(seed) & 0x0800009f;
    s->fpcr = fpcr[case_random(seed) % 4] & case_random(seed);
    for (unsigned i = 0; i < 32; i++) {
        s->v[i][0] = gen_fp(seed);
        s->v[i][1] = gen_fp(seed);
    }
}

void gen_case(A64Case *c, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
              uint64_t *seed)
{
    memset(c, 0, sizeof(*c));
    c->seed = case_random(seed);
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        index[i] = (uint16_t)(case_random(seed) % n);
        /* A store exclusive after a load exclusive of another size may succeed or fail: a case has
         * either. */
        c->code[i] = gen_starts(patterns[index[i]]->name, c->seed & 1 ? "ldx" : "stx")
                         ? 0xd5033f5f /* CLREX */
                         : gen_insn(patterns[index[i]], seed);
    }
    gen_state(&c->in, CASE_SCRATCH, CASE_CODE + 4 * CASE_INSNS, seed);
}
