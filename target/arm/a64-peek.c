/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at what comes behind a branch: whether the flags are overwritten there before anything
 * reads them, so that a block that leaves for it need not store them. Only the shape of a word is
 * looked at; what is not surely harmless counts as a reader.
 * Spec: Arm ARM DDI 0487, C4.1 (top-level encodings).
 */
#include "target/arm/translate.h"

enum { PEEK_INSNS = 20, PEEK_PAGE = 4096 };

typedef enum PeekKind {
    PEEK_NEUTRAL, /* neither reads nor writes them */
    PEEK_WRITES,  /* all four, without reading */
    PEEK_READS,   /* or it cannot be told */
    PEEK_JUMP,    /* B */
    PEEK_FORK,    /* CBZ, CBNZ, TBZ, TBNZ */
} PeekKind;

static unsigned peek_bits(uint32_t w, unsigned lo, unsigned n)
{
    return w >> lo & ((1u << n) - 1);
}

/* C4.1.86: data processing, immediate. */
static PeekKind peek_immediate(uint32_t w)
{
    switch (peek_bits(w, 23, 3)) {
    case 2: /* add, subtract */
        return w >> 29 & 1 ? PEEK_WRITES : PEEK_NEUTRAL;
    case 3: /* with tags */
        return PEEK_READS;
    case 4: /* logical */
        return peek_bits(w, 29, 2) == 3 ? PEEK_WRITES : PEEK_NEUTRAL;
    default:
        return PEEK_NEUTRAL;
    }
}

/* C4.1.87: branches, exceptions, system. */
static PeekKind peek_branch(uint32_t w)
{
    if (peek_bits(w, 26, 6) == 0x05) {
        return PEEK_JUMP;
    }
    if (peek_bits(w, 25, 6) == 0x1a || peek_bits(w, 25, 6) == 0x1b) {
        return PEEK_FORK;
    }
    if ((w & 0xfffff01f) == 0xd503201f) { /* hints; of CRm = 0 NOP alone */
        return (w & 0xf00) || w == 0xd503201f ? PEEK_NEUTRAL : PEEK_READS;
    }
    return (w & 0xfffff01f) == 0xd503301f ? PEEK_NEUTRAL : PEEK_READS; /* barriers */
}

/* C4.1.89: data processing, register. */
static PeekKind peek_register(uint32_t w)
{
    switch (peek_bits(w, 24, 5)) {
    case 0x0a: /* logical */
        return peek_bits(w, 29, 2) == 3 ? PEEK_WRITES : PEEK_NEUTRAL;
    case 0x0b: /* add, subtract */
        return w >> 29 & 1 ? PEEK_WRITES : PEEK_NEUTRAL;
    case 0x1a: /* one and two sources; the others are carries, conditions and selects */
        return peek_bits(w, 21, 3) == 6 && !(w >> 29 & 1) ? PEEK_NEUTRAL : PEEK_READS;
    default:
        return PEEK_NEUTRAL;
    }
}

/* C4.1.90: of SIMD and floating point only FCCMP and FCSEL read flags, both scalar. */
static PeekKind peek_fp(uint32_t w)
{
    if ((w & 0x7f200000) != 0x1e200000) {
        return PEEK_NEUTRAL;
    }
    if (w >> 10 & 1) {
        return PEEK_READS;
    }
    return peek_bits(w, 10, 6) == 0x08 && !(w >> 31) ? PEEK_WRITES : PEEK_NEUTRAL;
}

static PeekKind peek_kind(const Trans *t, uint32_t w)
{
    unsigned op0 = peek_bits(w, 25, 4);

    if ((op0 & 0xe) == 8) {
        return peek_immediate(w);
    }
    if ((op0 & 0xe) == 10) {
        return peek_branch(w);
    }
    if ((op0 & 5) == 4) {
        return PEEK_NEUTRAL; /* loads and stores */
    }
    if ((op0 & 7) == 5) {
        return peek_register(w);
    }
    return (op0 & 7) == 7 && !(t->mode_word & ARM_MW_FP_TRAP) ? peek_fp(w) : PEEK_READS;
}

static int32_t peek_offset(uint32_t w, unsigned lo, unsigned n)
{
    return ((int32_t)(w << (32 - lo - n)) >> (32 - n)) * 4;
}

static bool peek_dead(Trans *t, int32_t delta, unsigned *left)
{
    for (; delta >= 0 && delta < PEEK_PAGE && *left; --*left) {
        const uint8_t *p = t->page + delta;
        uint32_t w = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
        bool is_tb = w >> 25 & 1;

        t->ir->peeked |= 1ull << (delta / 64);
        switch (peek_kind(t, w)) {
        case PEEK_NEUTRAL:
            delta += 4;
            break;
        case PEEK_WRITES:
            return true;
        case PEEK_READS:
            return false;
        case PEEK_JUMP:
            delta += peek_offset(w, 0, 26);
            break;
        case PEEK_FORK:
            --*left;
            if (!*left || !peek_dead(t, delta + peek_offset(w, 5, is_tb ? 14 : 19), left)) {
                return false;
            }
            delta += 4;
            break;
        }
    }
    return false;
}

void arm_trans_peek(Trans *t, int64_t delta)
{
    unsigned left = PEEK_INSNS;

    if (t->page && !t->ir->exact_flags && !t->ir->no_peek && ir_sets_flags(t->ir) && delta >= 0 &&
        delta < PEEK_PAGE && !(delta & 3) && peek_dead(t, (int32_t)delta, &left)) {
        ir_exit_flags_dead(t->ir);
    }
}
