/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle's side, an AArch64 Linux program (run by QEMU's user-mode emulator or on an Arm host):
 * reads A64Case records from standard input, runs each, writes A64Result records.
 *
 * The state is loaded and captured by signals: a handler writes the case's registers into its
 * context and returns into the code, whose end, or whose fault, is the next signal.
 */
#define _GNU_SOURCE
#include "a64-case.h"
#include "oracle-guest.h"

#include <stdio.h>
#include <string.h>
#include <sys/ucontext.h>
#include <ucontext.h>

enum { BATCH = 256 };

static A64Case cases[BATCH];
static A64Result results[BATCH];
static unsigned n_cases, now;
static int running;
static ucontext_t home;

static struct fpsimd_context *fp_of(ucontext_t *uc)
{
    struct _aarch64_ctx *c = (struct _aarch64_ctx *)uc->uc_mcontext.__reserved;

    while (c->magic && c->magic != FPSIMD_MAGIC) {
        c = (struct _aarch64_ctx *)((char *)c + c->size);
    }
    return (struct fpsimd_context *)c;
}

static void capture(int sig, const siginfo_t *si, ucontext_t *uc, A64Result *r)
{
    const mcontext_t *m = &uc->uc_mcontext;
    const struct fpsimd_context *fp = fp_of(uc);

    r->signal = sig;
    r->end = sig == SIGTRAP                    ? CASE_DONE
             : sig == SIGILL                   ? CASE_UNDEFINED
             : sig == SIGSEGV || sig == SIGBUS ? CASE_FAULT
                                               : CASE_OTHER;
    r->fault = r->end == CASE_FAULT ? (uint64_t)si->si_addr : 0;
    memcpy(r->out.x, m->regs, sizeof(r->out.x));
    r->out.sp = m->sp;
    r->out.pc = m->pc;
    r->out.nzcv = m->pstate & 0xf0000000;
    r->out.fpcr = fp->fpcr;
    r->out.fpsr = fp->fpsr;
    memcpy(r->out.v, fp->vregs, sizeof(r->out.v));
    r->memory = case_hash((const uint64_t *)CASE_SCRATCH);
}

static void load(const A64Case *c, ucontext_t *uc)
{
    mcontext_t *m = &uc->uc_mcontext;
    struct fpsimd_context *fp = fp_of(uc);
    uint32_t *code = (uint32_t *)CASE_CODE;

    case_fill((uint64_t *)CASE_SCRATCH, c->seed);
    memcpy(code, c->code, sizeof(c->code));
    for (unsigned i = 0; i < 4; i++) {
        code[CASE_INSNS + i] = 0xd4200000 | CASE_END << 5;
    }
    __asm__ volatile("clrex");
    __builtin___clear_cache((char *)code, (char *)code + CASE_CODE_BYTES);
    memcpy(m->regs, c->in.x, sizeof(c->in.x));
    m->sp = c->in.sp;
    m->pc = CASE_CODE;
    m->pstate = c->in.nzcv;
    fp->fpcr = (uint32_t)c->in.fpcr;
    fp->fpsr = (uint32_t)c->in.fpsr;
    memcpy(fp->vregs, c->in.v, sizeof(c->in.v));
}

static void on_signal(int sig, siginfo_t *si, void *ctx)
{
    ucontext_t *uc = ctx;

    if (!running) { /* the first BRK: remember the way home */
        home.uc_mcontext = uc->uc_mcontext;
        running = 1;
        now = 0;
    } else {
        capture(sig, si, uc, &results[now++]);
    }
    if (now < n_cases) {
        load(&cases[now], uc);
    } else {
        running = 0;
        uc->uc_mcontext = home.uc_mcontext;
        uc->uc_mcontext.pc += 4;
    }
}

int main(void)
{
    if (oracle_begin(on_signal)) {
        return 2;
    }
    while ((n_cases = oracle_read(cases, sizeof(cases[0]), sizeof(cases)))) {
        __asm__ volatile("brk #1" ::: "memory");
        fwrite(results, sizeof(results[0]), n_cases, stdout);
        fflush(stdout);
    }
    return 0;
}
