/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels of kernels.h, run inside a guest (or on the host). Prints "NAME NANOSECONDS CHECKSUM"
 * for each; the checksum shows that the work was done right.
 */
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    double scale = argc > 1 ? atof(argv[1]) : 1;

    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        unsigned n = kernels[i].run == fib ? kernels[i].n : (unsigned)(kernels[i].n * scale);
        uint64_t start = now_ns(), sum = kernels[i].run(n ? n : 1);

        printf("%s %llu %llx\n", kernels[i].name, (unsigned long long)(now_ns() - start),
               (unsigned long long)sum);
        fflush(stdout);
    }
    return 0;
}
