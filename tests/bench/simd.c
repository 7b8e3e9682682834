/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of Advanced SIMD and cryptography instructions, run inside a guest whose CPU has them
 * (neoverse-n1, max). Prints "NAME NANOSECONDS CHECKSUM" for each, as kernels.c does; the second
 * argument names one kernel.
 */
#pragma GCC target("arch=armv8.2-a+crypto+crc+dotprod")

#include <arm_acle.h>
#include <arm_neon.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))

enum { BYTES = 16384 };

static uint8_t in[BYTES + 64], in2[BYTES + 64], out[BYTES + 64];

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t sum_out(void)
{
    uint64_t sum = 0, x;

    for (unsigned i = 0; i < BYTES; i += 8) {
        memcpy(&x, out + i, 8);
        sum = (sum << 5 | sum >> 59) ^ x;
    }
    return sum;
}

/* ---- the C library's vector loops ---- */

static NOINLINE uint64_t k_memcpy(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memcpy(out + (i & 15), in + (i & 31), BYTES);
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

static NOINLINE uint64_t k_memset(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memset(out + (i & 15), (int)(i | 1), BYTES - 64);
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

static NOINLINE uint64_t k_strlen(unsigned n)
{
    uint64_t sum = 0;

    memset(out, 'x', BYTES);
    out[BYTES - 1] = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += strlen((char *)out + (i & 63) * 8);
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

static NOINLINE uint64_t k_memchr(unsigned n)
{
    uint64_t sum = 0;

    memset(out, 'x', BYTES);
    out[BYTES - 1] = 'y';
    for (unsigned i = 0; i < n; i++) {
        sum += (uint64_t)((uint8_t *)memchr(out + (i & 63), 'y', BYTES) - out);
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

static NOINLINE uint64_t k_memcmp(unsigned n)
{
    uint64_t sum = 0;

    memcpy(out, in, BYTES);
    out[BYTES - 1] ^= 1;
    for (unsigned i = 0; i < n; i++) {
        sum += memcmp(out, in, BYTES) > 0;
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

/* ---- integer filters ---- */

/* Three taps over bytes, rounded: 1 2 1. */
static NOINLINE uint64_t k_blur8(unsigned n)
{
    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 16) {
            uint8x16_t a = vld1q_u8(in + i), b = vld1q_u8(in + i + 1), c = vld1q_u8(in + i + 2);
            uint16x8_t lo = vaddl_u8(vget_low_u8(a), vget_low_u8(c));
            uint16x8_t hi = vaddl_high_u8(a, c);

            lo = vaddq_u16(lo, vshll_n_u8(vget_low_u8(b), 1));
            hi = vaddq_u16(hi, vshll_high_n_u8(b, 1));
            vst1q_u8(out + i, vrshrn_high_n_u16(vrshrn_n_u16(lo, 2), hi, 2));
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* Fixed-point gain with saturation over 16-bit samples. */
static NOINLINE uint64_t k_gain16(unsigned n)
{
    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 16) {
            int16x8_t a = vld1q_s16((int16_t *)(in + i)), b = vld1q_s16((int16_t *)(in2 + i));
            int16x8_t x = vqrdmulhq_n_s16(a, 23170);

            x = vqaddq_s16(x, vqdmulhq_s16(b, vdupq_n_s16(12000)));
            vst1q_s16((int16_t *)(out + i), x);
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* Four taps over 16-bit samples with 32-bit sums. */
static NOINLINE uint64_t k_fir16(unsigned n)
{
    const int16x4_t taps = { 1200, -3400, 5600, 700 };

    while (n--) {
        for (unsigned i = 0; i < BYTES - 32; i += 16) {
            const int16_t *p = (const int16_t *)(in + i);
            int16x8_t a = vld1q_s16(p), b = vld1q_s16(p + 1), c = vld1q_s16(p + 2);
            int16x8_t d = vld1q_s16(p + 3);
            int32x4_t lo = vmull_lane_s16(vget_low_s16(a), taps, 0);
            int32x4_t hi = vmull_high_lane_s16(a, taps, 0);

            lo = vmlal_lane_s16(lo, vget_low_s16(b), taps, 1);
            hi = vmlal_high_lane_s16(hi, b, taps, 1);
            lo = vmlal_lane_s16(lo, vget_low_s16(c), taps, 2);
            hi = vmlal_high_lane_s16(hi, c, taps, 2);
            lo = vmlal_lane_s16(lo, vget_low_s16(d), taps, 3);
            hi = vmlal_high_lane_s16(hi, d, taps, 3);
            vst1q_s16((int16_t *)(out + i), vqshrn_high_n_s32(vqshrn_n_s32(lo, 12), hi, 12));
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* Sum of absolute differences. */
static NOINLINE uint64_t k_sad8(unsigned n)
{
    uint64_t sum = 0;

    while (n--) {
        uint32x4_t acc = vdupq_n_u32(0);

        for (unsigned i = 0; i < BYTES; i += 16) {
            uint8x16_t d = vabdq_u8(vld1q_u8(in + i), vld1q_u8(in2 + i));

            acc = vpadalq_u16(acc, vpaddlq_u8(d));
        }
        sum += vaddvq_u32(acc);
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

static NOINLINE uint64_t k_dot8(unsigned n)
{
    uint64_t sum = 0;

    while (n--) {
        int32x4_t acc = vdupq_n_s32(0), acc2 = acc;

        for (unsigned i = 0; i < BYTES; i += 32) {
            acc = vdotq_s32(acc, vld1q_s8((int8_t *)in + i), vld1q_s8((int8_t *)in2 + i));
            acc2 =
                vdotq_s32(acc2, vld1q_s8((int8_t *)in + i + 16), vld1q_s8((int8_t *)in2 + i + 16));
        }
        sum += (uint32_t)vaddvq_s32(vaddq_s32(acc, acc2));
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

/* Three bytes a pixel to four, channels exchanged. */
static NOINLINE uint64_t k_rgb(unsigned n)
{
    while (n--) {
        for (unsigned i = 0; i < BYTES / 64; i++) {
            uint8x16x3_t p = vld3q_u8(in + i * 48);
            uint8x16x4_t q = { { p.val[2], p.val[1], p.val[0], vdupq_n_u8(255) } };

            vst4q_u8(out + i * 64, q);
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* Bits set, leading zeros, bits reversed. */
static NOINLINE uint64_t k_bits(unsigned n)
{
    uint64_t sum = 0;

    while (n--) {
        uint16x8_t acc = vdupq_n_u16(0);

        for (unsigned i = 0; i < BYTES; i += 16) {
            uint8x16_t a = vld1q_u8(in + i);

            acc = vpadalq_u8(acc, vcntq_u8(vbicq_u8(a, vrbitq_u8(a))));
            acc = vaddq_u16(acc, vclzq_u16(vreinterpretq_u16_u8(a)));
        }
        sum += vaddlvq_u16(acc);
        __asm__ volatile("" ::: "memory");
    }
    return sum;
}

/* Table of 16 entries by nibbles, as in hexadecimal printing. */
static NOINLINE uint64_t k_hex(unsigned n)
{
    const uint8x16_t digits = vld1q_u8((const uint8_t *)"0123456789abcdef");

    while (n--) {
        for (unsigned i = 0; i < BYTES / 2; i += 16) {
            uint8x16_t a = vld1q_u8(in + i);
            uint8x16x2_t q = { { vqtbl1q_u8(digits, vshrq_n_u8(a, 4)),
                                 vqtbl1q_u8(digits, vandq_u8(a, vdupq_n_u8(15))) } };

            vst2q_u8(out + i * 2, q);
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* What the compiler makes of plain loops. */
static NOINLINE __attribute__((optimize("O3"))) uint64_t k_auto(unsigned n)
{
    uint32_t *a = (uint32_t *)in, *b = (uint32_t *)in2, *c = (uint32_t *)out;

    while (n--) {
        for (unsigned i = 0; i < BYTES / 4; i++) {
            uint32_t x = a[i] * 5 + (b[i] >> 3);

            c[i] = x > b[i] ? x ^ a[i] : x + 77;
        }
        __asm__ volatile("" ::: "memory");
    }
    return sum_out();
}

/* ---- cryptography ---- */

/* AES-128 in counter mode, four blocks at a time, made-up round keys. */
static NOINLINE uint64_t k_aes(unsigned n)
{
    uint8x16_t key[11];
    uint64x2_t one = { 1, 0 }, counter = { 7, 9 };

    for (unsigned i = 0; i < 11; i++) {
        key[i] = vld1q_u8(in2 + 16 * i);
    }
    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 64) {
            uint8x16_t b[4];

            for (unsigned k = 0; k < 4; k++) {
                b[k] = vreinterpretq_u8_u64(counter);
                counter = vaddq_u64(counter, one);
            }
            for (unsigned r = 0; r < 9; r++) {
                for (unsigned k = 0; k < 4; k++) {
                    b[k] = vaesmcq_u8(vaeseq_u8(b[k], key[r]));
                }
            }
            for (unsigned k = 0; k < 4; k++) {
                b[k] = veorq_u8(vaeseq_u8(b[k], key[9]), key[10]);
                vst1q_u8(out + i + 16 * k, veorq_u8(b[k], vld1q_u8(in + i + 16 * k)));
            }
        }
    }
    return sum_out();
}

static NOINLINE uint64_t k_sha256(unsigned n)
{
    static uint32_t constant[64];
    uint32x4_t abcd = vdupq_n_u32(0x6a09e667), efgh = vdupq_n_u32(0x510e527f);

    for (unsigned i = 0; i < 64; i++) {
        constant[i] = i * 0x9e3779b9u;
    }
    while (n--) {
        for (unsigned at = 0; at < BYTES; at += 64) {
            uint32x4_t w[4], old_abcd = abcd, old_efgh = efgh;

            for (unsigned k = 0; k < 4; k++) {
                w[k] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(in + at + 16 * k)));
            }
            for (unsigned r = 0; r < 16; r++) {
                uint32x4_t wk = vaddq_u32(w[r & 3], vld1q_u32(&constant[4 * r]));
                uint32x4_t t = abcd;

                abcd = vsha256hq_u32(abcd, efgh, wk);
                efgh = vsha256h2q_u32(efgh, t, wk);
                w[r & 3] = vsha256su1q_u32(vsha256su0q_u32(w[r & 3], w[(r + 1) & 3]),
                                           w[(r + 2) & 3], w[(r + 3) & 3]);
            }
            abcd = vaddq_u32(abcd, old_abcd);
            efgh = vaddq_u32(efgh, old_efgh);
        }
    }
    return vgetq_lane_u64(vreinterpretq_u64_u32(veorq_u32(abcd, efgh)), 0);
}

static NOINLINE uint64_t k_sha1(unsigned n)
{
    uint32x4_t abcd = vdupq_n_u32(0x67452301);
    uint32_t e = 0xc3d2e1f0;

    while (n--) {
        for (unsigned at = 0; at < BYTES; at += 64) {
            uint32x4_t w[4];

            for (unsigned k = 0; k < 4; k++) {
                w[k] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(in + at + 16 * k)));
            }
            for (unsigned r = 0; r < 20; r++) {
                uint32x4_t wk = vaddq_u32(w[r & 3], vdupq_n_u32(0x5a827999 + r / 5));
                uint32_t next = vsha1h_u32(vgetq_lane_u32(abcd, 0));

                abcd = r < 5    ? vsha1cq_u32(abcd, e, wk)
                       : r < 10 ? vsha1pq_u32(abcd, e, wk)
                                : vsha1mq_u32(abcd, e, wk);
                e = next;
                w[r & 3] = vsha1su1q_u32(vsha1su0q_u32(w[r & 3], w[(r + 1) & 3], w[(r + 2) & 3]),
                                         w[(r + 3) & 3]);
            }
        }
    }
    return vgetq_lane_u64(vreinterpretq_u64_u32(abcd), 0) ^ e;
}

/* Multiplication in GF(2^128) without the reduction, as GHASH does it. */
static NOINLINE uint64_t k_pmull(unsigned n)
{
    uint64x2_t acc = { 1, 2 }, key = { 0x1234567890abcdef, 0xfedcba0987654321 };

    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 16) {
            poly64x2_t x =
                vreinterpretq_p64_u64(veorq_u64(acc, vreinterpretq_u64_u8(vld1q_u8(in + i))));
            poly64x2_t k = vreinterpretq_p64_u64(key);
            uint64x2_t hi = vreinterpretq_u64_p128(vmull_high_p64(x, k));
            uint64x2_t lo =
                vreinterpretq_u64_p128(vmull_p64(vgetq_lane_p64(x, 0), vgetq_lane_p64(k, 0)));

            acc = veorq_u64(hi, vextq_u64(lo, lo, 1));
        }
    }
    return vgetq_lane_u64(acc, 0) ^ vgetq_lane_u64(acc, 1);
}

static NOINLINE uint64_t k_crc32(unsigned n)
{
    uint32_t c = ~0u;

    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 8) {
            uint64_t x;

            memcpy(&x, in + i, 8);
            c = __crc32d(c, x);
        }
    }
    return c;
}

static NOINLINE uint64_t k_crc32c(unsigned n)
{
    uint32_t c = ~0u;

    while (n--) {
        for (unsigned i = 0; i < BYTES; i += 8) {
            uint64_t x;

            memcpy(&x, in + i, 8);
            c = __crc32cd(c, x);
        }
    }
    return c;
}

static const struct {
    const char *name;
    uint64_t (*run)(unsigned n);
    unsigned n;
} kernels[] = {
    { "memcpy", k_memcpy, 60000 }, { "memset", k_memset, 60000 }, { "strlen", k_strlen, 30000 },
    { "memchr", k_memchr, 30000 }, { "memcmp", k_memcmp, 30000 }, { "blur8", k_blur8, 10000 },
    { "gain16", k_gain16, 10000 }, { "fir16", k_fir16, 5000 },    { "sad8", k_sad8, 15000 },
    { "dot8", k_dot8, 15000 },     { "rgb", k_rgb, 15000 },       { "bits", k_bits, 10000 },
    { "hex", k_hex, 15000 },       { "auto", k_auto, 8000 },      { "aes", k_aes, 5000 },
    { "sha256", k_sha256, 1500 },  { "sha1", k_sha1, 1500 },      { "pmull", k_pmull, 10000 },
    { "crc32i", k_crc32, 10000 },  { "crc32c", k_crc32c, 10000 },
};

int main(int argc, char **argv)
{
    double scale = argc > 1 ? atof(argv[1]) : 1;
    uint32_t s = 1;

    for (unsigned i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)((s = s * 1664525 + 1013904223) >> 24);
        in2[i] = (uint8_t)((s = s * 1664525 + 1013904223) >> 24);
    }
    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        unsigned n = (unsigned)(kernels[i].n * scale);
        uint64_t start, sum;

        if (argc > 2 && strcmp(argv[2], kernels[i].name)) {
            continue;
        }
        start = now_ns();
        sum = kernels[i].run(n ? n : 1);
        printf("%s %llu %llx\n", kernels[i].name, (unsigned long long)(now_ns() - start),
               (unsigned long long)sum);
        fflush(stdout);
    }
    return 0;
}
