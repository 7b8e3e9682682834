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

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <ucontext.h>
#include <unistd.h>

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

static int read_batch(void)
{
    size_t have = 0;

    /* What has come, in whole cases: the other side may send a single one and wait. */
    do {
        ssize_t n = read(0, (char *)cases + have, sizeof(cases) - have);

        if (n <= 0) {
            return 0;
        }
        have += (size_t)n;
    } while (have % sizeof(cases[0]));
    n_cases = (unsigned)(have / sizeof(cases[0]));
    return 1;
}

int main(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    const int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE };

    sigaltstack(&ss, NULL);
    sa.sa_sigaction = on_signal;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &sa, NULL);
    }
    if (mmap((void *)CASE_SCRATCH, CASE_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
        mmap((void *)CASE_CODE, CASE_CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        return 2;
    }
    while (read_batch()) {
        __asm__ volatile("brk #1" ::: "memory");
        fwrite(results, sizeof(results[0]), n_cases, stdout);
        fflush(stdout);
    }
    return 0;
}
