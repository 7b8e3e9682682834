/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle's side, a MIPS Linux program (run by QEMU's user-mode emulator or on a MIPS host):
 * reads MipsCase records from standard input, runs each, writes MipsResult records.
 *
 * The state is loaded and captured by signals: a handler writes the case's registers into its
 * context and returns into the code, whose end, or whose fault, is the next signal. FCSR is not in
 * every emulator's context: it is read and written by the handler itself.
 */
#define _GNU_SOURCE
#include "mips-case.h"
#include "../oracle-guest.h"

#include <stdio.h>
#include <string.h>
#include <sys/cachectl.h>
#include <ucontext.h>

enum { BATCH = 256 };

/* A register; what is wider in the context or the case is its extension. */
typedef unsigned long Word;

static MipsCase cases[BATCH];
static MipsResult results[BATCH];
static unsigned n_cases, now;
static int running;
static mcontext_t home;
static unsigned home_fcr31;

#ifdef CASE_NO_FPU
/* The C library's start calls it, and its own one saves floating-point registers. */
int no_setjmp(void *buf) __asm__("_setjmp");

int no_setjmp(void *buf)
{
    return 0;
}

static unsigned fcr31_read(void)
{
    return 0;
}

static void fcr31_write(unsigned v)
{
}
#else
static unsigned fcr31_read(void)
{
    unsigned v;

    __asm__ volatile("cfc1 %0, $31" : "=r"(v));
    return v;
}

static void fcr31_write(unsigned v)
{
    __asm__ volatile("ctc1 %0, $31" ::"r"(v));
}
#endif

#ifdef WITH_MSA
/*
 * Vectors as they are in the handler: their lower halves are the floating-point registers, of which
 * the context knows, the upper ones nothing but MSA's own loads and stores.
 */
static uint64_t vectors[32][2];

#define MSA(insns) ".set push\n.set arch=mips32r5\n.set fp=64\n.set msa\n" insns ".set pop\n"
#define EACH(op)                                                                              \
    ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29," \
    "30,31\n" op " $w\\n,(\\n*16)(%0)\n.endr\n"

static unsigned msa_read(void)
{
    unsigned v;

    __asm__ volatile(MSA(EACH("st.d"))::"r"(vectors) : "memory");
    __asm__ volatile(MSA("cfcmsa %0,$1\n") : "=r"(v));
    return v;
}

static void msa_write(unsigned msacsr)
{
    __asm__ volatile(MSA(EACH("ld.d"))::"r"(vectors) : "memory");
    __asm__ volatile(MSA("ctcmsa $1,%0\n")::"r"(msacsr));
}

static void msa_capture(MipsResult *r, unsigned msacsr)
{
    for (unsigned i = 0; i < 32; i++) {
        r->out.f[i][1] = vectors[i][1];
    }
    r->out.msacsr = msacsr;
}

static void msa_load(const MipsCase *c)
{
    memcpy(vectors, c->in.f, sizeof(vectors));
    msa_write(c->in.msacsr);
}
#else
static unsigned msa_read(void)
{
    return 0;
}

static void msa_capture(MipsResult *r, unsigned msacsr)
{
}

static void msa_load(const MipsCase *c)
{
}
#endif

static void capture(int sig, const siginfo_t *si, const mcontext_t *m, MipsResult *r)
{
    unsigned isa = m->pc & 1;
    unsigned past = ((unsigned)m->pc - isa) - (CASE_CODE + 4 * CASE_INSNS);

    memset(r, 0, sizeof(*r));
    r->signal = (unsigned)sig;
    r->end = sig == SIGTRAP && past < 4 * CASE_ENDS ? CASE_DONE
             : sig == SIGILL                        ? CASE_UNDEFINED
             : sig == SIGSEGV || sig == SIGBUS      ? CASE_FAULT
                                                    : CASE_OTHER;
    r->fault = r->end == CASE_FAULT ? (Word)si->si_addr : 0;
    for (unsigned i = 1; i < 32; i++) {
        r->out.r[i] = (Word)m->gregs[i];
    }
    r->out.hi[0] = (Word)m->mdhi;
    r->out.lo[0] = (Word)m->mdlo;
#if _MIPS_SIM == _ABIO32
    r->out.hi[1] = m->hi1;
    r->out.lo[1] = m->lo1;
    r->out.hi[2] = m->hi2;
    r->out.lo[2] = m->lo2;
    r->out.hi[3] = m->hi3;
    r->out.lo[3] = m->lo3;
    r->out.dspcontrol = m->dsp;
#endif
    r->out.pc = (Word)m->pc - isa;
    r->out.isa = isa;
    for (unsigned i = 0; i < 32; i++) {
        memcpy(&r->out.f[i][0], (const char *)&m->fpregs + i * 8, 8);
    }
    if (__mips_fpr == 32) { /* QEMU has each register's 32 bits in a place of its own */
        for (unsigned i = 0; i < 32; i += 2) {
            r->out.f[i][0] = (uint32_t)r->out.f[i][0] | r->out.f[i + 1][0] << 32;
            r->out.f[i + 1][0] = 0;
        }
    }
    r->memory = case_hash((const uint64_t *)CASE_SCRATCH);
}

static void load(const MipsCase *c, mcontext_t *m)
{
    uint32_t *code = (uint32_t *)CASE_CODE;

    case_fill((uint64_t *)CASE_SCRATCH, c->seed);
    case_code(code, c, c->in.isa == CASE_ISA_MIPS16 ? CASE_BREAK_M16 : CASE_BREAK_MICROMIPS);
    cacheflush(code, CASE_CODE_BYTES, BCACHE);
    for (unsigned i = 0; i < 32; i++) {
        m->gregs[i] = c->in.r[i];
    }
    m->mdhi = c->in.hi[0];
    m->mdlo = c->in.lo[0];
#if _MIPS_SIM == _ABIO32
    m->hi1 = c->in.hi[1];
    m->lo1 = c->in.lo[1];
    m->hi2 = c->in.hi[2];
    m->lo2 = c->in.lo[2];
    m->hi3 = c->in.hi[3];
    m->lo3 = c->in.lo[3];
    m->dsp = c->in.dspcontrol;
#endif
    m->pc = CASE_CODE | (c->in.isa != 0);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t v = c->in.f[i][0];

        if (__mips_fpr == 32) {
            v = c->in.f[i & ~1u][0];
            v = i % 2 ? v >> 32 : (uint32_t)v;
        }
        memcpy((char *)&m->fpregs + i * 8, &v, 8);
    }
    m->fpc_csr = c->in.fcr31;
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
    unsigned fcr31 = fcr31_read(), msacsr = msa_read();
    mcontext_t *m = &((ucontext_t *)ctx)->uc_mcontext;

    if (!running) { /* the first BREAK: remember the way home */
        home = *m;
        home_fcr31 = fcr31;
        running = 1;
        now = 0;
    } else {
        capture(sig, si, m, &results[now]);
        msa_capture(&results[now], msacsr);
        results[now++].out.fcr31 = fcr31;
    }
    if (now < n_cases) {
        load(&cases[now], m);
        fcr31_write(cases[now].in.fcr31);
        msa_load(&cases[now]);
    } else {
        running = 0;
        *m = home;
        m->pc += 4;
        fcr31_write(home_fcr31);
    }
}

/* What comes and goes is little-endian. */
static void swap_state(MipsState *s)
{
    for (unsigned i = 0; i < 32; i++) {
        s->f[i][0] = case_le64(s->f[i][0]);
        s->f[i][1] = case_le64(s->f[i][1]);
        s->r[i] = case_le64(s->r[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        s->hi[i] = case_le64(s->hi[i]);
        s->lo[i] = case_le64(s->lo[i]);
    }
    s->pc = case_le64(s->pc);
    s->fcr31 = case_le32(s->fcr31);
    s->msacsr = case_le32(s->msacsr);
    s->dspcontrol = case_le32(s->dspcontrol);
    s->isa = case_le32(s->isa);
}

static void swap_case(MipsCase *c)
{
    c->seed = case_le64(c->seed);
    for (unsigned i = 0; i < CASE_INSNS; i++) {
        c->code[i] = case_le32(c->code[i]);
    }
    swap_state(&c->in);
}

static void swap_result(MipsResult *r)
{
    r->memory = case_le64(r->memory);
    r->end = case_le32(r->end);
    r->signal = case_le32(r->signal);
    r->fault = case_le64(r->fault);
    swap_state(&r->out);
}

int main(void)
{
    if (oracle_begin(on_signal)) {
        return 2;
    }
    while ((n_cases = oracle_read(cases, sizeof(cases[0]), sizeof(cases)))) {
        for (unsigned i = 0; i < n_cases; i++) {
            swap_case(&cases[i]);
        }
        __asm__ volatile("break 0x123" ::: "memory");
        for (unsigned i = 0; i < n_cases; i++) {
            swap_result(&results[i]);
        }
        fwrite(results, sizeof(results[0]), n_cases, stdout);
        fflush(stdout);
    }
    return 0;
}
