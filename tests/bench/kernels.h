/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU-bound kernels, one a class of code; each gives a checksum. They need <string.h> alone, so
 * that kernels.c runs them as a program and bare/main.c without a system.
 */
#ifndef TESTS_BENCH_KERNELS_H
#define TESTS_BENCH_KERNELS_H

#include <stdint.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

typedef struct Record {
    struct Record *next;
    int kind, value;
    char text[32];
} Record;

static NOINLINE int dhry_compare(const char *a, const char *b)
{
    return strcmp(a, b) > 0;
}

static NOINLINE uint64_t dhry(unsigned n)
{
    Record a, b;
    uint64_t sum = 0;

    memset(&a, 0, sizeof(a));
    strcpy(a.text, "DHRYSTONE PROGRAM, SOME STRING");
    for (unsigned i = 0; i < n; i++) {
        b = a;
        b.next = &a;
        b.value = (int)i;
        b.text[5] = (char)('A' + i % 26);
        a.kind = dhry_compare(a.text, b.text);
        a.value += a.kind ? b.value / 3 : b.value;
        sum += (unsigned)a.value;
    }
    return sum;
}

static NOINLINE uint64_t crc(unsigned n)
{
    static uint32_t table[256];
    static uint8_t data[4096];
    uint32_t c = ~0u;

    for (unsigned i = 0; i < 256; i++) {
        uint32_t r = i;

        for (int k = 0; k < 8; k++) {
            r = r & 1 ? r >> 1 ^ 0xedb88320 : r >> 1;
        }
        table[i] = r;
    }
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    while (n--) {
        for (unsigned i = 0; i < sizeof(data); i++) {
            c = table[(c ^ data[i]) & 255] ^ c >> 8;
        }
    }
    return c;
}

static NOINLINE uint64_t sort(unsigned n)
{
    static int v[4096];
    uint64_t sum = 0;
    uint32_t s = 1;

    while (n--) {
        for (int i = 0; i < 4096; i++) {
            v[i] = (int)(s = s * 1664525 + 1013904223);
        }
        for (int gap = 2048; gap; gap /= 2) {
            for (int i = gap; i < 4096; i++) {
                int t = v[i], j = i;

                for (; j >= gap && v[j - gap] > t; j -= gap) {
                    v[j] = v[j - gap];
                }
                v[j] = t;
            }
        }
        sum += (unsigned)v[17];
    }
    return sum;
}

static NOINLINE uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static NOINLINE uint64_t matmul(unsigned n)
{
    static double a[64][64], b[64][64], c[64][64];
    double sum = 0;

    for (int i = 0; i < 64; i++) {
        for (int j = 0; j < 64; j++) {
            a[i][j] = i + j * 0.5;
            b[i][j] = i - j * 0.25;
        }
    }
    while (n--) {
        for (int i = 0; i < 64; i++) {
            for (int j = 0; j < 64; j++) {
                double s = 0;

                for (int k = 0; k < 64; k++) {
                    s += a[i][k] * b[k][j];
                }
                c[i][j] = s;
            }
        }
        sum += c[3][5];
        a[1][2] += 1e-3;
    }
    return (uint64_t)sum;
}

static NOINLINE uint64_t saxpy(unsigned n)
{
    static float x[4096], y[4096];

    for (int i = 0; i < 4096; i++) {
        x[i] = (float)i;
        y[i] = (float)(4096 - i);
    }
    while (n--) {
        for (int i = 0; i < 4096; i++) {
            y[i] = y[i] * 0.5f + x[i] * 1.25f;
        }
    }
    return (uint64_t)y[100];
}

static NOINLINE uint64_t nbody(unsigned n)
{
    double p[3] = { 1, 0, 0 }, v[3] = { 0, 0.9, 0.1 };

    while (n--) {
        double r2 = p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
        double inv = 1 / (r2 * __builtin_sqrt(r2));

        for (int k = 0; k < 3; k++) {
            v[k] -= p[k] * inv * 1e-3;
            p[k] += v[k] * 1e-3;
        }
    }
    return (uint64_t)(p[0] * 1e6 + 1e7);
}

typedef uint64_t (*Op)(uint64_t acc, uint64_t arg);

static NOINLINE uint64_t op_add(uint64_t a, uint64_t b)
{
    return a + b;
}

static NOINLINE uint64_t op_xor(uint64_t a, uint64_t b)
{
    return a ^ b << 3;
}

static NOINLINE uint64_t op_mul(uint64_t a, uint64_t b)
{
    return a * (b | 1);
}

static NOINLINE uint64_t interp(unsigned n)
{
    static Op const ops[4] = { op_add, op_xor, op_mul, op_add };
    uint64_t acc = 1;

    for (unsigned i = 0; i < n; i++) {
        acc = ops[(i * 7 + (i >> 3)) & 3](acc, i);
    }
    return acc;
}

static NOINLINE uint64_t list(unsigned n)
{
    static Record node[1024];
    uint64_t sum = 0;
    Record *r;

    for (int i = 0; i < 1024; i++) {
        node[i].next = &node[(i * 367 + 1) % 1024];
        node[i].value = i;
    }
    for (r = node; n--; r = r->next) {
        sum += (unsigned)r->value;
    }
    return sum;
}

static NOINLINE uint64_t regs(unsigned n)
{
    uint64_t a = 1, b = 2, c = 3, d = 4;

    while (n--) {
        a += b ^ c;
        b = (b << 7 | b >> 57) + d;
        c ^= a >> 3;
        d -= c;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
    }
    return a ^ b ^ c ^ d;
}

typedef struct Kernel {
    const char *name;
    uint64_t (*run)(unsigned n);
    unsigned n;
} Kernel;

static const Kernel kernels[] = {
    { "dhry", dhry, 6000000 },   { "crc32", crc, 12000 },        { "sort", sort, 160 },
    { "fib", fib, 36 },          { "interp", interp, 20000000 }, { "list", list, 30000000 },
    { "regs", regs, 60000000 },  { "matmul", matmul, 60 },       { "saxpy", saxpy, 4000 },
    { "nbody", nbody, 2000000 },
};

#endif
