/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a counted boot (.ci job 70) runs in the guest: floating point in every rounding mode on all
 * sorts of operands, its flags, vectors, integers, and two processes at once. It prints a hash of
 * the results; the machine's state says the rest.
 */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 64, ROUNDS = 300 };

static uint64_t hash = 0xcbf29ce484222325, seed = 88172645463325252;

static void mix(double d)
{
    uint64_t u;

    memcpy(&u, &d, sizeof(u));
    hash = (hash ^ u) * 0x100000001b3;
}

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Exponents from 2^-600 to 2^600; now and then any bits at all. */
static double operand(void)
{
    uint64_t u = next(), e = 1023 - 600 + (u >> 40) % 1200;
    double d;

    u = u & 255 ? (u & 0x800fffffffffffff) | e << 52 : next();
    memcpy(&d, &u, sizeof(d));
    return d;
}

static void doubles(const double *a, const double *b)
{
    for (int i = 0; i < N - 1; i++) {
        mix(a[i] + b[i]);
        mix(a[i] * b[i + 1]);
        mix(a[i] / b[i]);
        mix(sqrt(fabs(a[i])));
        mix(fma(a[i], b[i], a[i + 1]));
        mix((double)(float)a[i]);
        mix(fmin(a[i], b[i]));
        mix(rint(b[i] / 3));
        mix(a[i] < b[i]);
    }
}

static void floats(float *f)
{
    for (int i = 0; i < N - 1; i++) {
        mix((double)(int32_t)f[i]);
        mix((double)(uint64_t)fabsf(f[i]));
        mix((double)(f[i] * f[i + 1]));
    }
    for (int i = 0; i < N - 1; i++) { /* a vector loop */
        f[i] = f[i] * 1.5f + f[i + 1];
    }
    for (int i = 0; i < N; i++) {
        mix((double)f[i]);
    }
}

int main(void)
{
    static const int mode[4] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    double a[N], b[N];
    float f[N];
    pid_t child = fork();

    seed += child != 0;
    for (int r = 0; r < ROUNDS; r++) {
        fesetround(mode[r & 3]);
        for (int i = 0; i < N; i++) {
            a[i] = operand();
            b[i] = (double)(int64_t)next();
            f[i] = (float)(int32_t)next() / 3.0f;
        }
        doubles(a, b);
        floats(f);
        mix(fetestexcept(FE_ALL_EXCEPT));
        if (r % 7 == 0) {
            feclearexcept(FE_ALL_EXCEPT);
        }
    }
    for (int i = 0; i < 2000; i++) {
        mix(sin(i * 0.1));
        mix(pow(1.0001, i));
        mix(exp(-i / 100.0));
    }
    if (child) {
        waitpid(child, NULL, 0);
    }
    printf("counted: %016llx\n", (unsigned long long)hash);
    return 0;
}
