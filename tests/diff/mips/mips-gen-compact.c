/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random MIPS16e and microMIPS code.
 *
 * Registers 16 and 5 point into the scratch memory, as the stack pointer does; 17 holds the address
 * of the code's end. Branches go forward, to where an instruction begins.
 */
#include "target/mips/micromips-decode.h"
#include "target/mips/micromips16-decode.h"
#include "target/mips/mips16-decode.h"
#include "target/mips/mips16x-decode.h"
#include "tests/diff/gen.h"
#include "tests/diff/mips/mips-gen.h"

#include <string.h>

enum { MM_INDEX = 25, REG_GP = 28, REG_SP, REG_RA = 31, MAX_PATTERNS = 600 };

typedef enum Slot { SLOT_NONE, SLOT_16, SLOT_32, SLOT_ANY } Slot;

static InsnPattern all[MAX_PATTERNS];
static unsigned n_all, n_narrow;

static void gen_add(const InsnPattern *patterns, unsigned n)
{
    memcpy(&all[n_all], patterns, n * sizeof(*patterns));
    n_all += n;
}

const InsnPattern *mips_gen_compact_patterns(uint32_t isa, unsigned *n)
{
    bool micro = isa == CASE_ISA_MICROMIPS;

    gen_add(micro ? micromips16_patterns : mips16_patterns,
            micro ? (unsigned)MICROMIPS16_ID_COUNT : (unsigned)MIPS16_ID_COUNT);
    n_narrow = n_all;
    gen_add(micro ? micromips_patterns : mips16x_patterns,
            micro ? (unsigned)MICROMIPS_ID_COUNT : (unsigned)MIPS16X_ID_COUNT);
    *n = n_all;
    return all;
}

static bool gen_is(const InsnPattern *p, const char *name)
{
    size_t n = strlen(name);

    return !strncmp(p->name, name, n) && (!p->name[n] || p->name[n] == '.');
}

static bool gen_is_any(const InsnPattern *p, const char *const *list)
{
    for (; *list; list++) {
        if (gen_is(p, *list)) {
            return true;
        }
    }
    return false;
}

static bool gen_is_branch(const InsnPattern *p)
{
    return strstr(p->group, "branch") != NULL;
}

static bool gen_is_wide(const InsnPattern *p)
{
    return p >= &all[n_narrow];
}

static bool gen_is_jal(const InsnPattern *p)
{
    return gen_is(p, "m16_jal") || gen_is(p, "m16_jalx");
}

static Slot gen_slot(const InsnPattern *p)
{
    static const char *const narrow[] = { "m16_jal",  "m16_jalx",   "m16_jalr",   "mm_jals",
                                          "mm_jalrs", "mm_bltzals", "mm_bgezals", NULL };
    static const char *const wide[] = { "mm_jal", "jalx", "jalr", "bltzal", "bgezal", NULL };
    static const char *const any[] = { "beq", "bne", "bltz", "bgez", "blez", "bgtz", "mm_j", NULL };

    if (gen_is(p, "jr")) {
        return strcmp(p->name, "jr.16") ? SLOT_16 : SLOT_ANY;
    }
    return gen_is_any(p, narrow) ? SLOT_16
           : gen_is_any(p, wide) ? SLOT_32
           : gen_is_any(p, any)  ? SLOT_ANY
                                 : SLOT_NONE;
}

uint32_t mips_gen_half(const MipsCase *c, unsigned at)
{
    return c->code[at / 2] >> at % 2 * 16 & 0xffff;
}

static void gen_set_half(MipsCase *c, unsigned at, uint32_t v)
{
    c->code[at / 2] &= ~(0xffffu << at % 2 * 16);
    c->code[at / 2] |= (v & 0xffff) << at % 2 * 16;
}

static uint32_t gen_nop(uint32_t isa)
{
    return isa == CASE_ISA_MIPS16 ? 0x6500 : 0x0c00;
}

void mips_gen_compact_shorten(MipsCase *c, unsigned n)
{
    unsigned i = n < CASE_INSNS ? c->at[n] : 2 * CASE_INSNS;

    if (n < CASE_INSNS && c->at[n + 1] - i == 2) { /* it may be in a slot of four bytes */
        gen_set_half(c, i++, 0);
        gen_set_half(c, i++, 0);
    }
    for (; i < 2 * CASE_INSNS; i++) {
        gen_set_half(c, i, gen_nop(c->in.isa));
    }
}

/* What a case is made of; where NULL stands is a NOP. */
typedef struct Layout {
    const InsnPattern *p[CASE_INSNS];
    uint8_t at[CASE_INSNS + 1];
    uint8_t nop[CASE_INSNS]; /* halfwords of the NOP */
} Layout;

/* Not for delay slots. */
static const char *const several[] = { "mm_lwm", "mm_swm", "mm_lwp", "mm_swp", NULL };

static void gen_layout(Layout *l, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
                       uint64_t *seed)
{
    Slot slot = SLOT_NONE;
    bool linked = false, restored = false;

    memset(l, 0, sizeof(*l));
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        const InsnPattern *p;
        bool wide, ok;

        index[i] = (uint16_t)(case_random(seed) % n);
        p = patterns[index[i]];
        wide = gen_is_wide(p);
        ok = slot == SLOT_NONE ||
             (!gen_is_branch(p) && (slot == SLOT_ANY || (slot == SLOT_32) == wide));
        /* QEMU 7.2 takes a JAL for an instruction of two bytes where a slot is relative to it. */
        ok &= !strstr(p->name, "pc") || !i || !l->p[i - 1] || !gen_is_jal(l->p[i - 1]);
        ok &= i < CASE_INSNS - 1 || gen_slot(p) == SLOT_NONE;
        ok &= slot == SLOT_NONE || (!gen_is_any(p, several) && !gen_is(p, "mm_addiupc"));
        /* Nor is what they took an address that the oracle has nothing at. */
        ok &= !restored || !strstr(p->group, "memory");
        /* RESTORE may have taken the register that jumps go to. */
        ok &= !restored || !gen_is_branch(p) || !strchr(p->name, 'j') || gen_is_jal(p);
        restored |= gen_is(p, "m16_save") || gen_is(p, "mm_lwm");
        ok &= !gen_is(p, "ll") || (slot == SLOT_NONE && i < CASE_INSNS - 1);
        /* Not back to where it was called from, for ever. */
        ok &=
            !linked || !gen_is_branch(p) || (!strstr(p->name, ".ra") && !gen_is(p, "mm_jraddiusp"));
        linked |= gen_is_branch(p) && strstr(p->name, "al");
        l->nop[i] = slot == SLOT_32 ? 2 : 1;
        l->p[i] = ok ? p : NULL;
        l->at[i + 1] = l->at[i] + (ok ? 1 + wide : l->nop[i]);
        slot = ok ? gen_slot(p) : SLOT_NONE;
    }
}

/* The place in bytes of an instruction behind number @i (or of the end), a multiple of @align. */
static uint32_t gen_target(const Layout *l, unsigned i, uint32_t align, uint64_t *seed)
{
    unsigned k = i + 2 + case_random(seed) % 4;

    while (k < CASE_INSNS && l->at[k] * 2 % align) {
        k++;
    }
    return k < CASE_INSNS ? l->at[k] * 2u : 4 * CASE_INSNS;
}

static uint32_t gen_parts(const InsnPattern *p, uint32_t insn, uint32_t imm)
{
    insn = gen_field(p, insn, "imm", imm);
    insn = gen_field(p, insn, "hi", imm >> 11 & 31);
    insn = gen_field(p, insn, "mid", imm >> 5 & 63);
    return gen_field(p, insn, "lo", imm & 31);
}

static uint32_t gen_m16_branch(const InsnPattern *p, uint32_t insn, const Layout *l, unsigned i,
                               uint64_t *seed)
{
    if (gen_is_jal(p)) {
        uint32_t to = gen_is(p, "m16_jal") ? gen_target(l, i, 4, seed) : CASE_OTHER_ISA;

        to = (to + CASE_CODE) >> 2;
        insn = gen_field(p, insn, "hi", to >> 21 & 31);
        insn = gen_field(p, insn, "mid", to >> 16 & 31);
        return gen_field(p, insn, "lo", to & 0xffff);
    }
    if (strstr(p->name, "jr") || strstr(p->name, "jalr")) {
        return gen_field(p, insn, "rx", 1); /* $17 */
    }
    return gen_parts(p, insn, (gen_target(l, i, 2, seed) - l->at[i + 1] * 2u) / 2);
}

/* Registers 2, 3, 4, 6, 7: to be written to. */
static uint32_t gen_free(uint64_t *seed)
{
    static const uint8_t regs[] = { 2, 3, 4, 6, 7 };

    return regs[case_random(seed) % sizeof(regs)];
}

static uint32_t gen_m16(const InsnPattern *p, const Layout *l, unsigned i, uint64_t *seed)
{
    static const char *const readers[] = { "slt", "sltu", "xor.cmp", "mult",  "multu",
                                           "div", "divu", "slti",    "sltiu", "xori",
                                           "sw",  "sb",   "sh",      NULL };
    uint32_t insn = ((uint32_t)case_random(seed) & ~p->mask) | p->value;
    bool memory = strstr(p->group, "memory") != NULL;
    uint64_t r = case_random(seed);

    if (!gen_is_any(p, readers)) {
        insn = gen_field(p, insn, "rx", gen_free(seed));
        insn = gen_field(p, insn, "ry", gen_free(seed));
        insn = gen_field(p, insn, "rz", gen_free(seed));
    }
    if (gen_is(p, "or.mov32r")) {
        uint32_t to = r % 32;

        to = (to >= 16 && to <= 23) || to >= REG_SP ? to & 15 : to;
        to = to == 5 ? 6 : to;
        return gen_field(p, gen_field(p, insn, "hi", to >> 3), "lo", to & 7);
    }
    if (memory && gen_is_wide(p)) {
        uint32_t imm = (uint32_t)(r & 0xfff) - 0x800;

        insn = gen_parts(p, insn, r >> 60 ? imm & ~7u : imm);
    }
    if (memory && !strstr(p->name, ".sp")) {
        insn = gen_field(p, insn, "rx", r >> 40 & 1 ? 0 : 5);
    }
    if (gen_is(p, "m16_lwpc") || gen_is(p, "m16_addiupc")) {
        insn = gen_parts(p, gen_field(p, insn, "rx", gen_free(seed)), r >> 20 & 0x3c);
    }
    if (gen_is(p, "m16_save")) {
        insn = gen_field(p, insn, "save", r >> 30 & 3 ? 1 : 0);
    }
    if (gen_is(p, "addiu.adjsp")) { /* SAVE's accesses have an order of their own when one faults */
        insn = gen_parts(p, gen_field(p, insn, "imm8", r & 7), r & 0x38);
    }
    return gen_is_branch(p) ? gen_m16_branch(p, insn, l, i, seed) : insn;
}

/* No register that is reserved: 5, 16, 17, the index, the global and the stack pointer, the link
 * register. */
static uint32_t gen_reg(uint64_t *seed)
{
    uint32_t r = case_random(seed) % 32;

    return r == 5 || (r & 30) == 16 || r == MM_INDEX || r >= 28 ? r % 8 + 8 : r;
}

static uint32_t gen_mm_branch(const InsnPattern *p, uint32_t insn, const Layout *l, unsigned i,
                              uint64_t *seed)
{
    if (gen_is(p, "jalx")) {
        return gen_field(p, insn, "index", (CASE_CODE + CASE_OTHER_ISA) >> 2);
    }
    if (gen_is(p, "mm_j") || gen_is(p, "mm_jal") || gen_is(p, "mm_jals")) {
        return gen_field(p, insn, "index", (CASE_CODE + gen_target(l, i, 2, seed)) >> 1);
    }
    if (strstr(p->name, "jr") || strstr(p->name, "jalr")) {
        return gen_field(p, gen_field(p, insn, "rs", 17), "rd", case_random(seed) % 3 ? 31 : 0);
    }
    if (p->value >> 16) { /* the link register is no source where it is written */
        insn = gen_field(p, insn, "rs", gen_reg(seed));
    }
    return gen_field(p, insn, "imm", (gen_target(l, i, 2, seed) - l->at[i + 1] * 2u) / 2);
}

static uint32_t gen_mm(const InsnPattern *p, const Layout *l, unsigned i, uint64_t *seed)
{
    static const char *const regs[] = { "rs", "rt", "rd" };
    static const char *const parts[] = { "lwl", "lwr", "swl", "swr", NULL };
    uint32_t insn = ((uint32_t)case_random(seed) & ~p->mask) | p->value;
    uint64_t r = case_random(seed);
    bool wide = gen_is_wide(p);

    for (unsigned k = 0; k < 3; k++) {
        insn = gen_field(p, insn, regs[k], gen_reg(seed));
    }
    if (gen_is(p, "mm_movep")) { /* not $5 */
        static const uint8_t dest[] = { 2, 3, 4, 6, 7 };

        insn = gen_field(p, insn, "dest", dest[r % sizeof(dest)]);
    }
    insn = gen_field(p, insn, "rx", gen_free(seed));
    insn = gen_field(p, insn, "ry", gen_free(seed));
    insn = gen_field(p, insn, "rz", gen_free(seed));
    if (gen_is_branch(p)) {
        return gen_mm_branch(p, insn, l, i, seed);
    }
    if (strstr(p->group, "memory")) {
        uint32_t offset = (uint32_t)(r & 0xfff) - 0x800;

        insn = gen_field(p, insn, "ry", r >> 40 & 1 ? 0 : 5);
        insn = gen_field(p, insn, "base", r >> 40 & 1 ? 16 : 5);
        insn = gen_field(p, insn, "index", MM_INDEX);
        /* QEMU 7.2's LWM needs no alignment. */
        if (gen_is_any(p, several) || (r >> 60 && !gen_is_any(p, parts))) {
            offset &= ~7u;
        }
        insn =
            wide ? gen_field(p, gen_field(p, insn, "imm", offset & 0xfff), "offset", offset) : insn;
    }
    if (gen_is(p, "mm_lwp")) { /* not to 5, 16, 28 */
        insn = gen_field(p, insn, "rd", 6 + r % 9);
    }
    if (gen_is(p, "synci")) {
        insn = gen_field(p, gen_field(p, insn, "rs", 16), "imm", 64);
    }
    return insn;
}

static uint32_t gen_insn(const InsnPattern *p, const Layout *l, unsigned i, uint32_t isa,
                         uint64_t *seed)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        uint32_t insn = isa == CASE_ISA_MIPS16 ? gen_m16(p, l, i, seed) : gen_mm(p, l, i, seed);

        if ((insn & p->mask) == p->value && (!p->when || p->when(insn)) &&
            (!p->avoid || !p->avoid(insn))) {
            return insn;
        }
    }
    return p->value;
}

static void gen_state(MipsState *s, uint64_t *seed)
{
    for (unsigned i = 1; i < 32; i++) {
        s->r[i] = (uint32_t)gen_interesting(seed);
    }
    s->r[16] = CASE_SCRATCH + 0x1000 + (case_random(seed) & 0x1ff0);
    s->r[5] = CASE_SCRATCH + 0x1000 + (case_random(seed) & 0x1ff0);
    s->r[REG_GP] = CASE_SCRATCH + 0x1800 + (case_random(seed) & 0xff0);
    s->r[REG_SP] = CASE_SCRATCH + 0x1800 + (case_random(seed) & 0xff0);
    s->r[MM_INDEX] = case_random(seed) & 0x78;
    s->r[17] = s->r[REG_RA] = (CASE_CODE + 4 * CASE_INSNS) | 1;
    if (case_random(seed) % 16 == 0) {
        s->r[17] = CASE_CODE + CASE_OTHER_ISA;
    }
    s->hi[0] = (uint32_t)gen_interesting(seed);
    s->lo[0] = (uint32_t)gen_interesting(seed);
}

void mips_gen_compact(MipsCase *c, const InsnPattern *const *patterns, unsigned n, uint32_t isa,
                      uint16_t *index, uint64_t *seed)
{
    Layout l;

    memset(c, 0, sizeof(*c));
    c->seed = case_random(seed);
    c->in.isa = isa;
    gen_layout(&l, patterns, n, index, seed);
    memcpy(c->at, l.at, sizeof(c->at));
    for (unsigned i = 0; i < 2 * CASE_INSNS; i++) {
        gen_set_half(c, i, gen_nop(isa));
    }
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        if (!l.p[i]) {
            gen_set_half(c, l.at[i], l.nop[i] == 2 ? 0 : gen_nop(isa));
            if (l.nop[i] == 2) {
                gen_set_half(c, l.at[i] + 1u, 0);
            }
        } else if (gen_is_wide(l.p[i])) {
            uint32_t insn = gen_insn(l.p[i], &l, i, isa, seed);

            gen_set_half(c, l.at[i], insn >> 16);
            gen_set_half(c, l.at[i] + 1u, insn);
        } else {
            gen_set_half(c, l.at[i], gen_insn(l.p[i], &l, i, isa, seed));
        }
    }
    gen_state(&c->in, seed);
}
