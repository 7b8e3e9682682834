/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point programs of fixed work: fp NAME prints a checksum. */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static uint64_t sum_bits(const void *p, size_t bytes)
{
    const uint8_t *b = p;
    uint64_t h = 0xcbf29ce484222325;

    while (bytes--) {
        h = (h ^ *b++) * 0x100000001b3;
    }
    return h;
}

/* Five bodies, as the planets go. */
static NOINLINE uint64_t nbody(void)
{
    double p[5][3], v[5][3], m[5] = { 39.47, 0.037, 0.011, 0.0017, 0.002 };

    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 3; k++) {
            p[i][k] = i * (k + 1) * 1.7 - k;
            v[i][k] = (i - 2) * 0.3 + k * 0.1;
        }
    }
    for (int step = 0; step < 300000; step++) {
        for (int i = 0; i < 5; i++) {
            for (int j = i + 1; j < 5; j++) {
                double d[3], r2 = 1e-3, mag;

                for (int k = 0; k < 3; k++) {
                    d[k] = p[i][k] - p[j][k];
                    r2 += d[k] * d[k];
                }
                mag = 1e-3 / (r2 * sqrt(r2));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * m[j] * mag;
                    v[j][k] += d[k] * m[i] * mag;
                }
            }
        }
        for (int i = 0; i < 5; i++) {
            for (int k = 0; k < 3; k++) {
                p[i][k] += 1e-3 * v[i][k];
            }
        }
    }
    return sum_bits(p, sizeof(p));
}

/* Gaussian elimination with pivots, as in Linpack. */
static NOINLINE uint64_t linpack(void)
{
    enum { N = 200 };
    static double a[N][N], x[N];
    uint64_t sum = 0;

    for (int round = 0; round < 40; round++) {
        uint32_t s = 1325 + 2 * (uint32_t)round; /* odd: an even one repeats soon */

        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                s = s * 3125 & 65535;
                a[i][j] = ((double)s - 32768) / 16384;
            }
            x[i] = i;
        }
        for (int k = 0; k < N; k++) {
            int best = k;

            for (int i = k + 1; i < N; i++) {
                best = fabs(a[i][k]) > fabs(a[best][k]) ? i : best;
            }
            for (int j = 0; j < N; j++) {
                double t = a[k][j];

                a[k][j] = a[best][j];
                a[best][j] = t;
            }
            for (int i = k + 1; i < N; i++) {
                double f = a[i][k] / a[k][k];

                for (int j = k; j < N; j++) {
                    a[i][j] -= f * a[k][j];
                }
                x[i] -= f * x[k];
            }
        }
        sum ^= sum_bits(x, sizeof(x));
    }
    return sum;
}

static NOINLINE uint64_t fft(void)
{
    enum { N = 4096 };
    static double re[N], im[N], wr[N / 2], wi[N / 2];

    for (int i = 0; i < N; i++) {
        re[i] = (i * 37 % 101) * 0.01;
    }
    for (int i = 0; i < N / 2; i++) {
        wr[i] = cos(2 * M_PI * i / N);
        wi[i] = sin(2 * M_PI * i / N);
    }
    for (int round = 0; round < 700; round++) {
        for (int i = 1, j = 0; i < N; i++) {
            int bit = N >> 1;

            for (; j & bit; bit >>= 1) {
                j ^= bit;
            }
            j ^= bit;
            if (i < j) {
                double t = re[i], u = im[i];

                re[i] = re[j];
                im[i] = im[j];
                re[j] = t;
                im[j] = u;
            }
        }
        for (int len = 2; len <= N; len <<= 1) {
            for (int i = 0; i < N; i += len) {
                for (int k = 0; k < len / 2; k++) {
                    int a = i + k, b = a + len / 2, w = k * (N / len);
                    double tr = re[b] * wr[w] - im[b] * wi[w];
                    double ti = re[b] * wi[w] + im[b] * wr[w];

                    re[b] = re[a] - tr;
                    im[b] = im[a] - ti;
                    re[a] += tr;
                    im[a] += ti;
                }
            }
        }
        for (int i = 0; i < N; i++) {
            re[i] *= 1.0 / 64;
            im[i] *= 1.0 / 64;
        }
    }
    return sum_bits(re, sizeof(re));
}

#define MATMUL(name, type, rounds)                               \
    static NOINLINE uint64_t name(void)                          \
    {                                                            \
        enum { N = 128 };                                        \
        static type a[N][N], b[N][N], c[N][N];                   \
                                                                 \
        for (int i = 0; i < N; i++) {                            \
            for (int j = 0; j < N; j++) {                        \
                a[i][j] = (type)(i * 7 % 13 - j * 0.25);         \
                b[i][j] = (type)(j * 5 % 11 - i * 0.125);        \
            }                                                    \
        }                                                        \
        for (int round = 0; round < (rounds); round++) {         \
            memset(c, 0, sizeof(c));                             \
            for (int i = 0; i < N; i++) {                        \
                for (int k = 0; k < N; k++) {                    \
                    for (int j = 0; j < N; j++) {                \
                        c[i][j] += a[i][k] * b[k][j];            \
                    }                                            \
                }                                                \
            }                                                    \
            a[round & 127][3] += c[5][round & 127] * (type)1e-6; \
        }                                                        \
        return sum_bits(c, sizeof(c));                           \
    }

MATMUL(matmul32, float, 80)
MATMUL(matmul64, double, 50)

static NOINLINE uint64_t mandelbrot(void)
{
    uint64_t sum = 0;

    for (int y = 0; y < 640; y++) {
        for (int x = 0; x < 720; x++) {
            double cr = x / 240.0 - 2, ci = y / 320.0 - 1, r = 0, i = 0;
            int n = 0;

            for (; n < 200 && r * r + i * i < 4; n++) {
                double t = r * r - i * i + cr;

                i = 2 * r * i + ci;
                r = t;
            }
            sum = sum * 31 + (uint64_t)n;
        }
    }
    return sum;
}

/* What libm costs: polynomials, conversions, comparisons. */
static NOINLINE uint64_t functions(void)
{
    double sum = 0;

    for (int i = 1; i < 700000; i++) {
        double x = i * 1e-3;

        sum += sin(x) + exp(-x * 0.1) + log(x) + pow(x, 0.3) + floor(x);
    }
    return sum_bits(&sum, sizeof(sum));
}

static NOINLINE uint64_t saxpy(void)
{
    static float x[8192], y[8192];

    for (int i = 0; i < 8192; i++) {
        x[i] = (float)i;
        y[i] = (float)(4096 - i);
    }
    for (int n = 0; n < 15000; n++) {
        for (int i = 0; i < 8192; i++) {
            y[i] = y[i] * 0.5f + x[i] * 1.25f;
        }
    }
    return sum_bits(y, sizeof(y));
}

/* Float and integer in turn: audio with saturation. */
static NOINLINE uint64_t audio(void)
{
    static float in[4096];
    static int16_t out[4096];
    float y1 = 0, y2 = 0;

    for (int i = 0; i < 4096; i++) {
        in[i] = (float)((i * 7919) % 2000 - 1000);
    }
    for (int n = 0; n < 4000; n++) {
        for (int i = 0; i < 4096; i++) {
            float y = 0.2f * in[i] + 1.6f * y1 - 0.7f * y2;
            long v = lrintf(y);

            y2 = y1;
            y1 = y;
            out[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
        }
    }
    return sum_bits(out, sizeof(out));
}

static NOINLINE uint64_t copy(void)
{
    static uint8_t a[1 << 20], b[1 << 20];

    for (size_t i = 0; i < sizeof(a); i++) {
        a[i] = (uint8_t)(i * 31 >> 3);
    }
    for (unsigned n = 0; n < 8000; n++) {
        memcpy(b + (n & 63), a + (n & 15), sizeof(a) - 64);
        a[n * 17 & 0xffff] ^= b[n * 13 & 0xffff];
    }
    return sum_bits(b, 4096);
}

static const struct {
    const char *name;
    uint64_t (*run)(void);
} programs[] = {
    { "nbody", nbody },       { "linpack", linpack },   { "fft", fft },
    { "matmul32", matmul32 }, { "matmul64", matmul64 }, { "mandelbrot", mandelbrot },
    { "libm", functions },    { "saxpy", saxpy },       { "audio", audio },
    { "memcpy", copy },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (argc > 1 && !strcmp(argv[1], programs[i].name)) {
            printf("%llx\n", (unsigned long long)programs[i].run());
            return 0;
        }
    }
    fprintf(stderr, "fp: which program?\n");
    return 1;
}
