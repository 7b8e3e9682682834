/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs on an AArch64 processor (or another emulator of one): executes the instructions it reads
 * from standard input in the states that come with them, answers with the states after.
 */
#include "simd-a64.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* run(state, code): load the state, jump to the code, which ends with "br x29", store the state. */
void run(SimdState *s, const uint32_t *code);

__asm__(".text\n"
        ".global run\n"
        "run:\n"
        "stp x19, x20, [sp, #-160]!\n"
        "stp x21, x22, [sp, #16]\n"
        "stp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\n"
        "stp x27, x28, [sp, #64]\n"
        "stp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\n"
        "stp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n"
        "mov x28, x0\n"
        "mov x30, x1\n"
        ".irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30\n"
        "ldr q\\n, [x28, #(16 * \\n)]\n"
        ".endr\n"
        ".irp n, 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\n"
        "ldr q\\n, [x28, #(16 * \\n)]\n"
        ".endr\n"
        "ldr x0, [x28, #736]\n"
        "msr fpcr, x0\n"
        "ldr x0, [x28, #744]\n"
        "msr fpsr, x0\n"
        "ldr x0, [x28, #752]\n"
        "msr nzcv, x0\n"
        ".irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26\n"
        "ldr x\\n, [x28, #(512 + 8 * \\n)]\n"
        ".endr\n"
        ".irp n, 1,3,5,7,9,11,13,15,17,19,21,23,25,27\n"
        "ldr x\\n, [x28, #(512 + 8 * \\n)]\n"
        ".endr\n"
        "adr x29, 1f\n"
        "br x30\n"
        "1:\n"
        ".irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26\n"
        "str x\\n, [x28, #(512 + 8 * \\n)]\n"
        ".endr\n"
        ".irp n, 1,3,5,7,9,11,13,15,17,19,21,23,25,27\n"
        "str x\\n, [x28, #(512 + 8 * \\n)]\n"
        ".endr\n"
        "mrs x0, nzcv\n"
        "str x0, [x28, #752]\n"
        "mrs x0, fpsr\n"
        "str x0, [x28, #744]\n"
        "msr fpcr, xzr\n"
        ".irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30\n"
        "str q\\n, [x28, #(16 * \\n)]\n"
        ".endr\n"
        ".irp n, 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\n"
        "str q\\n, [x28, #(16 * \\n)]\n"
        ".endr\n"
        "ldp x21, x22, [sp, #16]\n"
        "ldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\n"
        "ldp x27, x28, [sp, #64]\n"
        "ldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\n"
        "ldp d10, d11, [sp, #112]\n"
        "ldp d12, d13, [sp, #128]\n"
        "ldp d14, d15, [sp, #144]\n"
        "ldp x19, x20, [sp], #160\n"
        "ret\n");

_Static_assert(offsetof(SimdState, x) == 512 && offsetof(SimdState, fpcr) == 736, "run() knows");

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

static int write_all(const void *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(1, (const char *)buf + done, len - done);
        if (n <= 0) {
            return 0;
        }
        done += n;
    }
    return 1;
}

static volatile sig_atomic_t faulted;

/* Go on after the instruction as if it had done nothing. */
static void fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    faulted = sig;
    uc->uc_mcontext.pc = uc->uc_mcontext.regs[29];
}

int main(void)
{
    enum { BR_X29 = 0xd61f03a0 };
    SimdState s[SIMD_A64_BATCH];
    uint8_t *mem = mmap((void *)SIMD_A64_MEM_BASE, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    uint32_t *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };

    sigaction(SIGILL, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    if (mem == MAP_FAILED || code == MAP_FAILED) {
        return 1;
    }
    while (read_all(s, sizeof(s))) {
        for (int i = 0; i < SIMD_A64_BATCH; i++) {
            code[2 * i] = s[i].insn;
            code[2 * i + 1] = BR_X29;
        }
        __builtin___clear_cache((char *)code, (char *)(code + 2 * SIMD_A64_BATCH));
        for (int i = 0; i < SIMD_A64_BATCH; i++) {
            memcpy(mem, s[i].mem, SIMD_A64_MEM);
            faulted = 0;
            run(&s[i], code + 2 * i);
            s[i].fault = faulted;
            memcpy(s[i].mem, mem, SIMD_A64_MEM);
        }
        if (!write_all(s, sizeof(s))) {
            return 1;
        }
    }
    return 0;
}
