/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's side of fp-matrix.c: an AArch64 Linux program that runs each FmAsk it reads. */
#include "fp-matrix.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static FmAsk ask;
static FmResult results[FM_BATCH];

static int transfer(int fd, void *p, size_t bytes, int out)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = out ? write(fd, (char *)p + done, bytes - done)
                        : read(fd, (char *)p + done, bytes - done);

        if (n <= 0) {
            return 0;
        }
        done += (size_t)n;
    }
    return 1;
}

static void run(const void *code)
{
    register const void *x0 __asm__("x0") = ask.in;
    register void *x1 __asm__("x1") = results;
    register uint64_t x2 __asm__("x2") = ask.n;
    register uint64_t x4 __asm__("x4") = ask.fpsr;
    register uint64_t x5 __asm__("x5") = ask.nzcv;
    register const void *x6 __asm__("x6") = code;
    register uint64_t x7 __asm__("x7") = ask.fpcr;

    __asm__ volatile("msr fpcr, x7\n\tblr x6\n\tmsr fpcr, xzr"
                     : "+r"(x0), "+r"(x1), "+r"(x2)
                     : "r"(x4), "r"(x5), "r"(x6), "r"(x7)
                     : "x9", "x10", "x11", "x12", "x30", "v0", "v1", "v2", "v3", "v9", "v10", "cc",
                       "memory");
}

int main(void)
{
    char *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        return 1;
    }
    while (transfer(0, &ask, sizeof(ask), 0)) {
        if (memcmp(page, ask.code, sizeof(ask.code))) {
            memcpy(page, ask.code, sizeof(ask.code));
            __builtin___clear_cache(page, page + sizeof(ask.code));
        }
        run(page);
        if (!transfer(1, results, sizeof(results), 1)) {
            return 1;
        }
    }
    return 0;
}
