/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random valid MIPS instructions from the decoder's own tables.
 *
 * Registers 16 to 23 point into the scratch memory, 24 holds a small offset, 25 the address of the
 * code's end; nothing writes them. Branches go forward; no branch stands in a delay slot.
 */
#include "tests/diff/mips/mips-gen.h"

#include "target/mips/features.h"
#include "tests/diff/gen.h"

#include <string.h>

enum {
    REG_POINTER = 16,
    REG_OFFSET = 24,
    REG_END = 25,
    SC_OPCODE = 0x20000000,
    SC_FUNCTION = 0x10,
    SPECIAL3 = 31
};

static bool gen_in(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(name, *list)) {
            return true;
        }
    }
    return false;
}

static bool gen_is_branch(const InsnPattern *p)
{
    return !strcmp(p->group, "branch") || !strcmp(p->group, "fp-branch") ||
           !strcmp(p->group, "compact");
}

static bool gen_is_ll(const InsnPattern *p)
{
    return !strcmp(p->name, "ll") || !strcmp(p->name, "lld");
}

bool mips_gen_excluded(const InsnPattern *p, uint64_t features)
{
    /* SC follows each LL: without one it fails, or does what the last one left. */
    /* CTCMSA: at an enabled exception of MSA QEMU 7.2's user emulator ends. */
    /* What SWM leaves in memory differs in QEMU 7.2: not compared. */
    static const char *const never[] = { "sc",     "scd",       "cache", "msa_ctcmsa",
                                         "mm_swm", "mm_swm.16", NULL };
    static const char *const system[] = { "sync", "synci", NULL };

    for (int i = 0; i < p->n_needs; i++) {
        if (!(features >> p->needs[i] & 1)) {
            return true;
        }
    }
    return gen_in(p->name, never) || (!strcmp(p->group, "system") && !gen_in(p->name, system));
}

static unsigned gen_get(const InsnPattern *p, uint32_t insn, const char *name, unsigned none)
{
    for (int i = 0; i < p->n_fields; i++) {
        if (!strcmp(p->fields[i].name, name)) {
            return insn >> p->fields[i].lo & ((1u << p->fields[i].width) - 1);
        }
    }
    return none;
}

static uint32_t gen_branch(const InsnPattern *p, uint32_t insn, unsigned at, uint64_t *seed)
{
    uint32_t skip = 1 + case_random(seed) % 4;

    if (!strcmp(p->name, "j") || !strcmp(p->name, "jal")) {
        return gen_put(insn, 0, 26, (CASE_CODE >> 2) + at + 1 + skip);
    }
    if (!strcmp(p->name, "jalx")) {
        return gen_put(insn, 0, 26, (CASE_CODE + CASE_OTHER_ISA) >> 2);
    }
    if (!strcmp(p->name, "jr") || !strcmp(p->name, "jalr")) {
        return gen_put(gen_put(insn, 21, 5, REG_END), 6, 5, skip % 2 * 16); /* the hint: .HB */
    }
    if (!strcmp(p->name, "jic") || !strcmp(p->name, "jialc")) {
        return gen_put(gen_put(insn, 16, 5, REG_END), 0, 16, 0);
    }
    insn = gen_field(p, insn, "imm", skip);
    /* The link register as a source: not defined when the slot faults. */
    if (strstr(p->name, "al") && gen_get(p, insn, "rs", 0) == 31) {
        insn = gen_put(insn, 21, 5, 30);
    }
    return insn;
}

static uint32_t gen_memory(const InsnPattern *p, uint32_t insn, uint64_t *seed)
{
    uint32_t r = (uint32_t)case_random(seed);
    uint32_t offset = (r >> 8 & 0xff8) - 0x800;

    insn = gen_field(p, insn, "base", REG_POINTER + r % 8);
    insn = gen_field(p, insn, "index", strcmp(p->group, "memory") ? REG_OFFSET : REG_POINTER);
    if (!(r >> 30) || strchr("lr", p->name[strlen(p->name) - 1])) {
        offset += r >> 27 & 7; /* seldom aligned, but for what needs no alignment */
    }
    return gen_field(p, insn, "offset", offset & 0xffff);
}

/* With 32-bit registers a double is a pair, named by its even register. */
static uint32_t gen_pairs(const InsnPattern *p, uint32_t insn)
{
    static const char *const single[] = { "add_f",   "sub_f",  "mul_f",   "div_f",  "sqrt_f",
                                          "abs_f",   "mov_f",  "neg_f",   "cvt_w",  "trunc_w",
                                          "round_w", "ceil_w", "floor_w", "c_cond", "movcf",
                                          "movz_f",  "movn_f", "recip",   "rsqrt",  "lwc1",
                                          "swc1",    "mfc1",   "mtc1",    "lwxc1",  "swxc1",
                                          "cfc1",    "ctc1",   NULL };
    static const char *const names[] = { "fs", "ft", "fd", "fr" };

    if (gen_in(p->name, single) && gen_get(p, insn, "fmt", 16) == 16) {
        return insn;
    }
    for (unsigned i = 0; i < 4; i++) {
        insn = gen_field(p, insn, names[i], gen_get(p, insn, names[i], 0) & ~1u);
    }
    return insn;
}

static uint32_t gen_control(const InsnPattern *p, uint32_t insn, bool r6, uint64_t *seed)
{
    static const uint8_t controls[] = { 25, 26, 28, 31 };
    unsigned first = r6; /* which has no FCCR */

    if (!strcmp(p->name, "cfc1")) {
        return gen_put(insn, 11, 5, controls[first + case_random(seed) % (4 - first)]);
    }
    if (!strcmp(p->name, "ctc1")) { /* of the others bits are to be written as 0 */
        uint32_t r = first + case_random(seed) % 8;

        return r < 3 ? gen_put(gen_put(insn, 11, 5, controls[r]), 16, 5, 0)
                     : gen_put(insn, 11, 5, 31);
    }
    if (!strcmp(p->name, "msa_cfcmsa")) { /* MSAIR, MSACSR */
        return gen_put(insn, 11, 5, case_random(seed) % 2);
    }
    return insn;
}

/* A destination register that is none of the reserved ones. */
static uint32_t gen_safe_reg(const InsnPattern *p, uint32_t insn, const char *name)
{
    unsigned r = gen_get(p, insn, name, 0);

    return r >= REG_POINTER && r <= REG_END ? gen_field(p, insn, name, r - REG_POINTER) : insn;
}

/* With $0 for the result QEMU 7.2 takes an instruction for a NOP, whatever it does to DSPControl.
 */
static uint32_t gen_dsp_insn(const InsnPattern *p, uint32_t insn)
{
    if (!strcmp(p->name, "wrdsp")) { /* not scount: see gen_dsp */
        return insn & ~(2u << 11);
    }
    if (!gen_get(p, insn, "rd", 1)) {
        insn = gen_put(insn, 11, 5, 1);
    }
    return !strncmp(p->name, "ext", 3) && !gen_get(p, insn, "rt", 1) ? gen_put(insn, 16, 5, 1)
                                                                     : insn;
}

enum { GEN_PAUSE = 5 << 6 };

/* A branch that its operands say is never taken: QEMU 7.2 takes it for a NOP without a slot. */
static bool gen_is_never(uint32_t insn)
{
    unsigned op = insn >> 26, rs = insn >> 21 & 31, rt = insn >> 16 & 31;

    return ((op == 1 || op == 7) && !rs) || (op == 5 && rs == rt); /* REGIMM, BGTZ, BNE */
}

static uint32_t gen_insn(const InsnPattern *p, unsigned at, bool fr, uint64_t features,
                         uint64_t *seed)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        uint32_t insn = ((uint32_t)case_random(seed) & ~p->mask) | p->value;

        insn = (insn & ~p->should_mask) | p->should_value;
        if (gen_is_branch(p)) {
            insn = gen_branch(p, insn, at, seed);
        } else if (!strcmp(p->group, "pcrel") && p->name[0] == 'l') {
            insn = gen_field(p, insn, "imm", case_random(seed) & 15);
        } else if (strstr(p->group, "memory")) {
            insn = gen_memory(p, insn, seed);
        } else if (!strcmp(p->name, "synci")) {
            insn = gen_put(gen_put(insn, 21, 5, REG_POINTER), 0, 16, 64);
        }
        insn = gen_control(p, insn, features >> MIPS_FEAT_R6 & 1, seed);
        if (features >> MIPS_FEAT_R6 & 1 && !strcmp(p->name, "sll") && case_random(seed) % 8 == 0) {
            return GEN_PAUSE; /* which no slot may hold */
        }
        if (!fr) {
            insn = gen_pairs(p, insn);
        }
        insn = gen_safe_reg(p, insn, "rd");
        insn = gen_safe_reg(p, insn, "rt");
        if (!strcmp(p->group, "dsp")) {
            insn = gen_dsp_insn(p, insn);
        }
        if (strstr(p->name, "clz") || strstr(p->name, "clo")) {
            insn = gen_put(insn, 16, 5, insn >> 11 & 31); /* rt is to equal rd */
        }
        if ((insn & p->mask) == p->value && (!p->when || p->when(insn)) &&
            (!p->avoid || !p->avoid(insn))) {
            return insn;
        }
    }
    return 0; /* NOP: the pattern's constraints were not met */
}

/*
 * On a CPU of 64 bits an operation of 32 on what is no sign-extended word is UNPREDICTABLE (Volume
 * II-A, NotWordValue): a case is either one of words alone, or one without those operations where
 * QEMU does not take the low halves.
 */
static bool gen_is_of_case(const InsnPattern *p, bool wide)
{
    static const char *const words[] = { "add",  "addi", "sub",   "addu", "subu",  "sra",
                                         "srav", "madd", "maddu", "msub", "msubu", NULL };

    if (wide) {
        return !gen_in(p->name, words);
    }
    if (!strcmp(p->group, "pcrel") && p->name[0] == 'a') { /* an address may be no word */
        return false;
    }
    for (int i = 0; i < p->n_needs; i++) {
        if (p->needs[i] == MIPS_FEAT_M64) {
            return false;
        }
    }
    return true;
}

static uint64_t gen_word(bool m64, bool wide, uint64_t *seed)
{
    uint64_t v = gen_interesting(seed);

    return !m64 ? (uint32_t)v : wide ? v : (uint64_t)(int32_t)v;
}

static void gen_state(MipsState *s, bool fr, bool wide, uint64_t features, uint64_t *seed)
{
    bool fpu = features >> MIPS_FEAT_FPU & 1, m64 = features >> MIPS_FEAT_M64 & 1;

    for (unsigned i = 1; i < 32; i++) {
        s->r[i] = gen_word(m64, wide, seed);
    }
    for (unsigned i = 0; i < 8; i++) {
        s->r[REG_POINTER + i] =
            CASE_SCRATCH + 0x1000 + (uint32_t)(case_random(seed) & 0x1fff) / 16 * 16;
    }
    s->r[REG_OFFSET] = case_random(seed) & 0x78;
    s->r[REG_END] = CASE_CODE + 4 * CASE_INSNS;
    s->hi[0] = gen_word(m64, wide, seed);
    s->lo[0] = gen_word(m64, wide, seed);
    for (unsigned i = 0; fpu && i < 32; i++) {
        uint64_t v = gen_fp(seed);

        s->f[i][0] = fr || i % 2 == 0 ? v : 0;
    }
    if (fpu) {
        uint64_t r = case_random(seed);

        /* conditions, sticky flags, rounding; seldom enabled exceptions */
        s->fcr31 = (uint32_t)r & (r >> 60 == 0   ? 0xfe800fff
                                  : r >> 61 == 1 ? 0xfe80007f
                                                 : 0xfe800003);
        if (features >> MIPS_FEAT_R6 & 1) { /* no conditions; ABS2008 and NAN2008 */
            s->fcr31 = (s->fcr31 & 0x3ffff) | 0xc0000;
        }
    }
}

/* The accumulators and DSPControl; scount is less than 32, of which QEMU 7.2 knows no more. */
static void gen_dsp(MipsState *s, uint64_t *seed)
{
    for (unsigned i = 0; i < 4; i++) {
        s->hi[i] = (uint32_t)gen_interesting(seed);
        s->lo[i] = (uint32_t)gen_interesting(seed);
    }
    s->dspcontrol = (uint32_t)case_random(seed) & 0x0fff6fbf;
}

/* Upper halves, vectors of small lanes, MSACSR; exceptions are enabled with NX alone. */
static void gen_msa(MipsCase *c, uint64_t *seed)
{
    enum { FEXDO_H = 0x7a00001b, FEXDO_MASK = 0xffe0003f, ENABLE_U = 1 << 8 };
    uint64_t r = case_random(seed);
    MipsState *s = &c->in;

    for (unsigned i = 0; i < 32; i++) {
        for (unsigned k = 0; k < 2; k++) {
            s->f[i][k] = case_random(seed) % 4 ? gen_fp(seed) : gen_interesting(seed);
        }
    }
    s->msacsr = (uint32_t)r & (r >> 60 == 0 ? 0x0100007f : 0x7f);
    if (r >> 61 == 1) {
        s->msacsr |= 0x40000 | ((uint32_t)r & 0xf80);
    }
    /* Tiny halves that are exact are an underflow where that is enabled: not for QEMU 7.2. */
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        if ((c->code[i] & FEXDO_MASK) == FEXDO_H) {
            s->msacsr &= ~(uint32_t)ENABLE_U;
        }
    }
}

/* Behind half of LWL, LWR and their like stands the other part of the word, or of another. */
static uint32_t gen_other_part(uint32_t insn, uint64_t *seed)
{
    static const uint8_t parts[][2] = { { 34, 38 }, { 42, 46 }, { 26, 27 }, { 44, 45 } };

    for (unsigned k = 0; k < 8; k++) {
        unsigned op = parts[k / 2][k & 1], other = parts[k / 2][!(k & 1)];
        uint32_t more = k >= 4 ? 7 : 3;

        if (insn >> 26 == op && case_random(seed) & 1) {
            uint32_t offset = insn + (case_random(seed) & 1 ? more : -more);

            return other << 26 | (insn & 0x03ff0000) | (offset & 0xffff);
        }
    }
    return 0;
}

/*
 * One CTC1 that may set or clear FCSR.FS a case: of one that had set it and cleared it again the
 * end shows nothing, and what was flushed between is not for QEMU 7.2.
 */
static void gen_one_flush(MipsCase *c)
{
    enum { CTC1 = 0x44c00000, CTC1_MASK = 0xffe007ff, FENR = 28, FCSR = 31 };
    bool seen = false;

    for (unsigned i = 0; i < CASE_INSNS; i++) {
        unsigned fs = c->code[i] >> 11 & 31;

        if ((c->code[i] & CTC1_MASK) == CTC1 && (fs == FENR || fs == FCSR)) {
            c->code[i] = seen ? 0 : c->code[i];
            seen = true;
        }
    }
}

void mips_gen_case(MipsCase *c, const InsnPattern *const *patterns, unsigned n, bool fr,
                   uint64_t features, uint16_t *index, uint64_t *seed)
{
    bool m64 = features >> MIPS_FEAT_M64 & 1, wide, slot = false, linked = false;

    memset(c, 0, sizeof(*c));
    c->seed = case_random(seed);
    wide = m64 && case_random(seed) & 1;
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        const InsnPattern *p;
        bool single = slot || i == CASE_INSNS - 1;
        uint32_t other;

        index[i] = (uint16_t)(case_random(seed) % n);
        p = patterns[index[i]];
        if (m64 && !gen_is_of_case(p, wide)) {
            slot = false; /* a NOP */
            continue;
        }
        /* One pair of LL and SC a case: a jump to the second one's SC would find the first one's
         * link, of which no manual says what it is worth. */
        if ((single && (gen_is_branch(p) || gen_is_ll(p))) || (linked && gen_is_ll(p))) {
            slot = false; /* a NOP */
            continue;
        }
        c->code[i] = gen_insn(p, i, fr, features, seed);
        if (slot && c->code[i] == GEN_PAUSE && gen_is_never(c->code[i - 1])) {
            c->code[i] = 0;
        }
        slot = gen_is_branch(p);
        if (gen_is_ll(p)) {
            linked = true;
            index[i + 1] = index[i];
            c->code[i + 1] = ((c->code[i] & 0xffe0ffff) ^
                              (c->code[i] >> 26 == SPECIAL3 ? SC_FUNCTION : SC_OPCODE)) |
                             (case_random(seed) % 16) << 16;
            i++;
        } else if (!single && (other = gen_other_part(c->code[i], seed))) {
            index[i + 1] = index[i];
            c->code[++i] = other;
        }
    }
    gen_one_flush(c);
    gen_state(&c->in, fr, wide, features, seed);
    if (features >> MIPS_FEAT_DSP & 1) {
        gen_dsp(&c->in, seed);
    }
    if (features >> MIPS_FEAT_MSA & 1) {
        gen_msa(c, seed);
    }
}
