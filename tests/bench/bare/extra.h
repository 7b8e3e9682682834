/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels beside those of kernels.h: what a system's code does, for counting alone. */
#ifndef TESTS_BENCH_BARE_EXTRA_H
#define TESTS_BENCH_BARE_EXTRA_H

#include <stdint.h>

#define NOINLINE __attribute__((noinline))

/* A machine of eight instructions, decoded by a switch. */
static NOINLINE uint64_t vm(unsigned n)
{
    static const uint8_t prog[] = { 1, 3, 2, 0, 5, 4, 6, 2, 7, 1, 5, 0, 3, 7, 4, 6 };
    uint64_t r[4] = { 1, 2, 3, 4 };

    for (unsigned i = 0; i < n; i++) {
        uint64_t *d = &r[i & 3], *s = &r[(i >> 2) & 3];

        switch (prog[i & 15]) {
        case 0:
            *d += *s;
            break;
        case 1:
            *d ^= *s << 7;
            break;
        case 2:
            *d = *d * 33 + 1;
            break;
        case 3:
            *d = *s > *d ? *s - *d : *d;
            break;
        case 4:
            *d >>= *s & 15;
            break;
        case 5:
            *d |= 0x1111;
            break;
        case 6:
            *d = ~*d;
            break;
        default:
            *d -= 17;
            break;
        }
    }
    return r[0] ^ r[1] ^ r[2] ^ r[3];
}

static NOINLINE uint64_t strings(unsigned n)
{
    static char text[512];
    uint64_t sum = 0;

    for (unsigned i = 0; i < sizeof(text) - 1; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
    while (n--) {
        const char *p = text;
        unsigned len = 0, upper = 0;

        while (*p) {
            char c = *p++;

            upper += c >= 'm' && c <= 't';
            len++;
        }
        for (unsigned i = 0; i + 4 < len; i++) {
            sum += text[i] == 'q' && text[i + 1] == 'x' && text[i + 2] == 'e';
        }
        sum += upper + len;
    }
    return sum;
}

static NOINLINE uint64_t sha256(unsigned n)
{
    static const uint32_t k[8] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
                                   0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5 };
    uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

#define ROR(x, c) ((x) >> (c) | (x) << (32 - (c)))
    while (n--) {
        for (unsigned i = 0; i < 64; i++) {
            uint32_t t1 = h[7] + (ROR(h[4], 6) ^ ROR(h[4], 11) ^ ROR(h[4], 25)) +
                          ((h[4] & h[5]) ^ (~h[4] & h[6])) + k[i & 7] + i;
            uint32_t t2 = (ROR(h[0], 2) ^ ROR(h[0], 13) ^ ROR(h[0], 22)) +
                          ((h[0] & h[1]) ^ (h[0] & h[2]) ^ (h[1] & h[2]));

            h[7] = h[6];
            h[6] = h[5];
            h[5] = h[4];
            h[4] = h[3] + t1;
            h[3] = h[2];
            h[2] = h[1];
            h[1] = h[0];
            h[0] = t1 + t2;
        }
    }
#undef ROR
    return (uint64_t)h[0] << 32 | h[4];
}

static NOINLINE uint64_t divide(unsigned n)
{
    uint64_t sum = 0;

    for (unsigned i = 1; i <= n; i++) {
        uint64_t a = i * 7919ull, b = 5040;

        while (b) {
            uint64_t t = a % b;

            a = b;
            b = t;
        }
        sum += a + (uint64_t)((int32_t)i * -77 / (int32_t)(i | 5));
    }
    return sum;
}

/* Numbers of 256 bits, as ciphers and signatures use them. */
static NOINLINE uint64_t wide(unsigned n)
{
    uint64_t a[4] = { 1, 2, 3, 4 }, b[4] = { 0x9e3779b97f4a7c15, 7, ~0ull, 1ull << 60 }, hi = 0;

    while (n--) {
        __asm__ volatile("adds %0, %0, %4\n\tadcs %1, %1, %5\n\tadcs %2, %2, %6\n\tadc %3, %3, %7"
                         : "+&r"(a[0]), "+&r"(a[1]), "+&r"(a[2]), "+&r"(a[3])
                         : "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3])
                         : "cc");
        __asm__ volatile("subs %0, %0, %4\n\tsbcs %1, %1, %5\n\tsbcs %2, %2, %6\n\tsbc %3, %3, %7"
                         : "+&r"(b[0]), "+&r"(b[1]), "+&r"(b[2]), "+&r"(b[3])
                         : "r"(a[3]), "r"(a[2]), "r"(a[1]), "r"(a[0])
                         : "cc");
        __asm__ volatile("mul x8, %1, %2\n\tumulh x9, %1, %2\n\tadds %0, %0, x8\n\tadc %0, x9, %0"
                         : "+&r"(hi)
                         : "r"(a[1]), "r"(b[1])
                         : "x8", "x9", "cc");
    }
    return a[0] ^ b[3] ^ hi;
}

static NOINLINE uint64_t bits(unsigned n)
{
    uint64_t x = 88172645463325252ull, sum = 0;

    while (n--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sum += (unsigned)__builtin_clzll(x) + (unsigned)__builtin_ctzll(x) + (x >> 9 & 0x1ff);
        sum ^= __builtin_bswap64(x) & 0xff00ff;
        sum = x & 64 ? sum + 3 : sum - (x >> 60);
    }
    return sum;
}

static NOINLINE uint64_t copy(unsigned n)
{
    static uint64_t a[512], b[512];

    for (unsigned i = 0; i < 512; i++) {
        a[i] = i * 0x9e3779b97f4a7c15;
    }
    while (n--) {
        for (unsigned i = 0; i < 512; i += 4) {
            __asm__ volatile("ldp x8, x9, [%0]\n\tldp x10, x11, [%0, #16]\n\t"
                             "stp x8, x9, [%1]\n\tstp x10, x11, [%1, #16]"
                             :
                             : "r"(&a[i]), "r"(&b[(i + n) & 508])
                             : "x8", "x9", "x10", "x11", "memory");
        }
    }
    return b[17] ^ b[300];
}

static NOINLINE uint64_t atomics(unsigned n)
{
    static uint64_t lock, count;
    uint64_t old, tmp;

    while (n--) {
        __asm__ volatile("1: ldaxr %0, [%2]\n\tadd %0, %0, #1\n\tstlxr %w1, %0, [%2]\n\t"
                         "cbnz %w1, 1b"
                         : "=&r"(old), "=&r"(tmp)
                         : "r"(&lock)
                         : "memory");
        __asm__ volatile(".arch armv8.1-a\n\tldadd %1, %0, [%2]\n\tcasal %0, %1, [%3]"
                         : "=&r"(old)
                         : "r"(old), "r"(&count), "r"(&lock)
                         : "memory");
    }
    return lock ^ count;
}

/* A system call's way in and out. */
static NOINLINE uint64_t calls(unsigned n)
{
    uint64_t sum = 0;

    while (n--) {
        __asm__ volatile("svc #1" ::: "memory");
        sum += n;
    }
    return sum;
}

static NOINLINE uint64_t filter8(unsigned n)
{
    static uint8_t a[4096], b[4096];

    for (unsigned i = 0; i < 4096; i++) {
        a[i] = (uint8_t)(i * 13);
    }
    while (n--) {
        for (unsigned i = 0; i < 4094; i++) {
            b[i] = (uint8_t)((a[i] + 2 * a[i + 1] + a[i + 2] + 2) >> 2);
        }
        a[n & 4095] ^= b[77];
    }
    return b[1234] + b[77] * 256u;
}

#endif
