/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs on an AArch64 processor (or another emulator of one): executes the instructions it is asked
 * for on standard input and answers with their results and flags on standard output.
 */
#include "fpu-a64.h"

#include <stddef.h>
#include <unistd.h>

#define RUN(insn)                              \
    __asm__ volatile("ldr q0, [%[q], #16]\n"   \
                     "ldr q1, [%[q], #32]\n"   \
                     "ldr q2, [%[q], #48]\n"   \
                     "ldr x9, [%[q], #16]\n"   \
                     "ldr x10, [%[q], #8]\n"   \
                     "msr fpcr, x10\n"         \
                     "msr fpsr, xzr\n"         \
                     "movi v3.2d, #0\n"        \
                     "mov x10, #0\n" insn "\n" \
                     "mrs x11, nzcv\n"         \
                     "mrs x12, fpsr\n"         \
                     "msr fpcr, xzr\n"         \
                     "str q3, [%[a]]\n"        \
                     "str x10, [%[a], #16]\n"  \
                     "str w12, [%[a], #24]\n"  \
                     "str w11, [%[a], #28]\n"  \
                     :                         \
                     : [q] "r"(q), [a] "r"(a)  \
                     : "x9", "x10", "x11", "x12", "v0", "v1", "v2", "v3", "cc", "memory")

#define R(kind, width, function, p0, p1, p2, insn) \
    case __LINE__:                                 \
        RUN(insn);                                 \
        break;

static void answer(const FpuQuestion *q, FpuAnswer *a)
{
    switch (q->op) {
#include "fpu-a64-ops.h"
    }
}

static int read_all(void *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(0, (char *)buf + done, len - done);
        if (n <= 0) {
            return 0;
        }
        done += n;
    }
    return 1;
}

int main(void)
{
    FpuQuestion questions[FPU_A64_BATCH];
    FpuAnswer answers[FPU_A64_BATCH];

    while (read_all(questions, sizeof(questions))) {
        for (int i = 0; i < FPU_A64_BATCH; i++) {
            answer(&questions[i], &answers[i]);
        }
        if (write(1, answers, sizeof(answers)) != sizeof(answers)) {
            return 1;
        }
    }
    return 0;
}
