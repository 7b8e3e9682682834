/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the oracles of all guests share: they are programs of the guest, which read cases from
 * standard input, run each between two signals and write its result.
 */
#ifndef TESTS_DIFF_ORACLE_GUEST_H
#define TESTS_DIFF_ORACLE_GUEST_H

#include "case.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every signal of an instruction goes to @handler, on a stack of its own; map the memory that cases
 * see. -1: it could not be mapped. */
static inline int oracle_begin(void (*handler)(int sig, siginfo_t *info, void *context))
{
    static char stack[65536] __attribute__((aligned(16)));
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
    struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    const int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE };

    sigaltstack(&ss, NULL);
    sa.sa_sigaction = handler;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &sa, NULL);
    }
    return mmap((void *)CASE_SCRATCH, CASE_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
                   mmap((void *)CASE_CODE, CASE_CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

/* Read what has come, in whole cases of @size bytes, into @room bytes: the other side may send a
 * single one and wait. How many there are; 0: no more will come. */
static inline unsigned oracle_read(void *cases, size_t size, size_t room)
{
    size_t have = 0;

    do {
        ssize_t n = read(0, (char *)cases + have, room - have);

        if (n <= 0) {
            return 0;
        }
        have += (size_t)n;
    } while (have % size);
    return (unsigned)(have / size);
}

#endif
