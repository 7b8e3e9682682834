/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential test: random MIPS instructions by us and by an oracle, which must leave the same
 * registers and memory.
 *
 *   mips-diff [-c CPU] [-i ISA] [-e] [-f] [-b BACKEND] [-a OPTIONS] [-n INSTRUCTIONS] [-s SEED]
 *             [-g GROUP] [-p PATTERN] -- ORACLE COMMAND
 *
 * -i: mips16 or micromips. -e: big-endian, for an oracle that is. -f: 64-bit floating-point
 * registers (Status.FR), for an oracle compiled with -mfp64. OPTIONS are further ones of -accel
 * tcg. Status 0: no difference; 1: differences; 77: no oracle.
 */
#include "target/mips/features.h"
#include "target/mips/mips-decode.h"
#include "target/mips/mipsr6-decode.h"
#include "tests/diff/driver.h"
#include "tests/diff/mips/mips-gen.h"
#include "tests/diff/mips/mips-run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool with_fr; /* -f */
static uint32_t isa; /* -i */

static bool has_fpu(void)
{
    return mips_run_features() >> MIPS_FEAT_FPU & 1;
}

static bool diff_excluded(const InsnPattern *p)
{
    return mips_gen_excluded(p, mips_run_features());
}

static void diff_generate(void *c, const InsnPattern *const *patterns, unsigned n, uint16_t *index,
                          uint64_t *seed)
{
    if (isa) {
        mips_gen_compact(c, patterns, n, isa, index, seed);
        return;
    }
    mips_gen_case(c, patterns, n, with_fr, mips_run_features(), index, seed);
}

static void diff_run(const void *c, void *result)
{
    mips_run(c, result);
}

/*
 * With FCSR.FS a flushed operand or result raises Underflow and Inexact (Volume I-A, 5.8), which
 * QEMU 7.2 does not show, and it flushes no operands: what a case does that sets FS is not
 * compared.
 */
static bool diff_equal(const void *ours, const void *oracle)
{
    const MipsResult *a = ours, *b = oracle;
    MipsState out = b->out;

    if (!has_fpu()) {
        memcpy(out.f, a->out.f, sizeof(out.f));
        out.fcr31 = a->out.fcr31;
    }
    if ((a->out.fcr31 | b->out.fcr31) >> 24 & 1) {
        return true;
    }
    /* QEMU's user emulator sometimes names the delay slot, not the branch (Volume III, EPC). */
    if (a->in_slot && (out.pc == a->out.pc + 4 || (a->out.isa && out.pc == a->out.pc + 2))) {
        out.pc = a->out.pc;
    }
    /* Of an exception in a forbidden slot it names the compact branch; release 6 does not. */
    if (mips_run_features() >> MIPS_FEAT_R6 & 1 && a->out.pc == out.pc + 4 && a->end != CASE_DONE) {
        out.pc = a->out.pc;
    }
    return a->end == b->end && a->memory == b->memory && a->fault == b->fault &&
           !memcmp(&a->out, &out, sizeof(out));
}

static DiffEnd diff_end(const void *c, const void *result)
{
    const MipsCase *m = c;
    const MipsResult *r = result;
    uint64_t n = (r->out.pc - CASE_CODE) / 4;

    if (m->in.isa) {
        uint64_t half = (r->out.pc - CASE_CODE) / 2;

        n = 0;
        while (n < CASE_INSNS && m->at[n] < half) {
            n++;
        }
    }
    return (DiffEnd){ .executed = n > CASE_INSNS ? CASE_INSNS : (unsigned)n, .end = r->end };
}

static void diff_shorten(void *c, unsigned n)
{
    MipsCase *small = c;

    if (small->in.isa) {
        mips_gen_compact_shorten(small, n);
        return;
    }
    for (unsigned i = n; i < CASE_INSNS; i++) {
        small->code[i] = CASE_BREAK;
    }
    /* Not a BREAK in a delay slot; the jump's target ends the case as well. */
    if (n < CASE_INSNS) {
        small->code[n] = 0;
    }
    for (unsigned i = n + 1; i < CASE_INSNS; i++) {
        small->code[i] = 0;
    }
}

static uint64_t diff_seed_of(const void *c)
{
    return ((const MipsCase *)c)->seed;
}

static void diff_word(const char *name, unsigned i, uint64_t a, uint64_t b, uint64_t was)
{
    if (a != b) {
        printf("    %s%u: ours %08" PRIx64 ", oracle %08" PRIx64 " (was %08" PRIx64 ")\n", name, i,
               a, b, was);
    }
}

static void diff_state(const MipsState *ours, const MipsState *oracle, const MipsState *was)
{
    for (unsigned i = 0; i < 32; i++) {
        diff_word("r", i, ours->r[i], oracle->r[i], was->r[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        diff_word("f", i, ours->f[i][0], oracle->f[i][0], was->f[i][0]);
        diff_word("upper f", i, ours->f[i][1], oracle->f[i][1], was->f[i][1]);
    }
    for (unsigned i = 0; i < 4; i++) {
        diff_word("hi", i, ours->hi[i], oracle->hi[i], was->hi[i]);
        diff_word("lo", i, ours->lo[i], oracle->lo[i], was->lo[i]);
    }
    diff_word("pc", 0, ours->pc, oracle->pc, CASE_CODE);
    diff_word("isa", 0, ours->isa, oracle->isa, was->isa);
    diff_word("fcr", 31, ours->fcr31, oracle->fcr31, was->fcr31);
    diff_word("msacsr", 0, ours->msacsr, oracle->msacsr, was->msacsr);
    diff_word("dspcontrol", 0, ours->dspcontrol, oracle->dspcontrol, was->dspcontrol);
}

static uint32_t diff_insn(const MipsCase *c, unsigned n)
{
    const uint8_t *at = c->at;

    if (!c->in.isa) {
        return c->code[n];
    }
    return at[n + 1] - at[n] == 1 ? mips_gen_half(c, at[n])
                                  : mips_gen_half(c, at[n]) << 16 | mips_gen_half(c, at[n] + 1u);
}

static void diff_report(const void *c, unsigned n, const char *name, const void *a, const void *b)
{
    static const char *const ends[] = { "done", "undefined", "fault", "other" };
    const MipsCase *small = c;
    const MipsResult *ours = a, *oracle = b;

    printf("DIFFERENCE at %0*x %s (instruction %u), fcr31 %08x: ours %s, oracle %s%s\n",
           small->in.isa ? 4 : 8, diff_insn(small, n - 1), name, n, small->in.fcr31,
           ends[ours->end], ends[oracle->end],
           ours->memory != oracle->memory ? ", memory differs" : "");
    if (ours->fault != oracle->fault || ours->end != oracle->end) {
        printf("    fault at %" PRIx64 "/%" PRIx64 ", ExcCode %u/signal %u\n", ours->fault,
               oracle->fault, ours->signal, oracle->signal);
    }
    diff_state(&ours->out, &oracle->out, &small->in);
    printf("    code:");
    for (unsigned i = 0; i < n; i++) {
        printf(" %0*x", small->in.isa ? 4 : 8, diff_insn(small, i));
    }
    printf("\n");
}

/* The patterns of both tables; those that the CPU has not are excluded. */
static InsnPattern diff_patterns[MIPS_ID_COUNT + MIPSR6_ID_COUNT];

static void diff_add_r6(DiffGuest *guest)
{
    memcpy(diff_patterns, mips_patterns, MIPS_ID_COUNT * sizeof(InsnPattern));
    memcpy(diff_patterns + MIPS_ID_COUNT, mipsr6_patterns, MIPSR6_ID_COUNT * sizeof(InsnPattern));
    guest->patterns = diff_patterns;
    guest->n_patterns = MIPS_ID_COUNT + MIPSR6_ID_COUNT;
}

static DiffGuest diff_mips = {
    .case_bytes = sizeof(MipsCase),
    .result_bytes = sizeof(MipsResult),
    .patterns = mips_patterns,
    .n_patterns = MIPS_ID_COUNT,
    .excluded = diff_excluded,
    .generate = diff_generate,
    .run = diff_run,
    .equal = diff_equal,
    .end = diff_end,
    .shorten = diff_shorten,
    .report = diff_report,
    .seed_of = diff_seed_of,
};

int main(int argc, char **argv)
{
    DiffOptions o = { .instructions = 1000000, .seed = 1 };
    const char *cpu = "24Kf";
    bool big = false;
    int opt;

    while ((opt = getopt(argc, argv, DIFF_OPTIONS "c:i:ef")) != -1) {
        switch (opt) {
        case 'c':
            cpu = optarg;
            break;
        case 'i':
            isa = !strcmp(optarg, "mips16") ? CASE_ISA_MIPS16 : CASE_ISA_MICROMIPS;
            diff_mips.patterns = mips_gen_compact_patterns(isa, &diff_mips.n_patterns);
            break;
        case 'e':
            big = true;
            break;
        case 'f':
            with_fr = true;
            break;
        default:
            if (!diff_option(&o, opt, optarg)) {
                return 2;
            }
        }
    }
    if (!mips_run_init(cpu, big, with_fr, o.backend, o.more)) {
        return 2;
    }
    if (mips_run_features() >> MIPS_FEAT_R6 & 1) {
        diff_add_r6(&diff_mips);
    }
    return diff_main(&diff_mips, &o, argv + optind);
}
