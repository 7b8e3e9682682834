/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds fpu/ against an AArch64 processor, or an emulator of one:
 *     fpu-a64 GUEST RUNNER [CASES-PER-INSTRUCTION [SEED]]
 * GUEST is fpu-a64-guest, run by RUNNER (qemu-aarch64). Exit 77 (skipped) where either is absent.
 */
#include "tests/diff/fpu-a64.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fpu/fpu.h"

typedef enum Kind {
    ONE,
    TWO,
    THREE,    /* p0: a's sign flipped; p1: c's */
    COMPARE,  /* to NZCV */
    BOOL,     /* to a mask */
    INTEGRAL, /* p0: rounding; p1: exact */
    SIZED,    /* p0: rounding; p1: bits */
    TO_SINT,  /* p0: rounding; p1: bits; p2: fraction bits */
    TO_UINT,
    TO_SINT_V, /* the same to v3 */
    TO_UINT_V,
    FROM_SINT, /* p0: bits; p1: fraction bits */
    FROM_UINT,
    FROM_SINT_V, /* the same from v0 */
    FROM_UINT_V,
    CVT_16_32,
    CVT_16_64,
    CVT_32_16,
    CVT_32_64,
    CVT_64_16,
    CVT_64_32,
    JS,
    UNSIGNED,
    NARROW, /* p0: a's sign flipped; width 0: bfloat16 */
    DOT,
    MATRIX,
} Kind;

enum { ENV = 100 };

/* The functions of one shape, for each width. */
typedef uint16_t One16(uint16_t, FpEnv *);
typedef uint32_t One32(uint32_t, FpEnv *);
typedef uint64_t One64(uint64_t, FpEnv *);
typedef uint16_t Two16(uint16_t, uint16_t, FpEnv *);
typedef uint32_t Two32(uint32_t, uint32_t, FpEnv *);
typedef uint64_t Two64(uint64_t, uint64_t, FpEnv *);
typedef uint16_t Three16(uint16_t, uint16_t, uint16_t, FpEnv *);
typedef uint32_t Three32(uint32_t, uint32_t, uint32_t, FpEnv *);
typedef uint64_t Three64(uint64_t, uint64_t, uint64_t, FpEnv *);
typedef FpCompare Compare16(uint16_t, uint16_t, FpEnv *);
typedef FpCompare Compare32(uint32_t, uint32_t, FpEnv *);
typedef FpCompare Compare64(uint64_t, uint64_t, FpEnv *);
typedef bool Bool16(uint16_t, uint16_t, FpEnv *);
typedef bool Bool32(uint32_t, uint32_t, FpEnv *);
typedef bool Bool64(uint64_t, uint64_t, FpEnv *);
typedef uint16_t Integral16(uint16_t, FpRound, bool, FpEnv *);
typedef uint32_t Integral32(uint32_t, FpRound, bool, FpEnv *);
typedef uint64_t Integral64(uint64_t, FpRound, bool, FpEnv *);
typedef uint32_t Sized32(uint32_t, unsigned, FpRound, FpEnv *);
typedef uint64_t Sized64(uint64_t, unsigned, FpRound, FpEnv *);
typedef int64_t ToSint16(uint16_t, unsigned, unsigned, FpRound, FpEnv *);
typedef int64_t ToSint32(uint32_t, unsigned, unsigned, FpRound, FpEnv *);
typedef int64_t ToSint64(uint64_t, unsigned, unsigned, FpRound, FpEnv *);
typedef uint64_t ToUint16(uint16_t, unsigned, unsigned, FpRound, FpEnv *);
typedef uint64_t ToUint32(uint32_t, unsigned, unsigned, FpRound, FpEnv *);
typedef uint64_t ToUint64(uint64_t, unsigned, unsigned, FpRound, FpEnv *);
typedef uint16_t FromSint16(int64_t, unsigned, FpRound, FpEnv *);
typedef uint32_t FromSint32(int64_t, unsigned, FpRound, FpEnv *);
typedef uint64_t FromSint64(int64_t, unsigned, FpRound, FpEnv *);
typedef uint16_t FromUint16(uint64_t, unsigned, FpRound, FpEnv *);
typedef uint32_t FromUint32(uint64_t, unsigned, FpRound, FpEnv *);
typedef uint64_t FromUint64(uint64_t, unsigned, FpRound, FpEnv *);
typedef uint32_t Cvt16To32(uint16_t, FpEnv *);
typedef uint64_t Cvt16To64(uint16_t, FpEnv *);
typedef uint16_t Cvt32To16(uint32_t, FpEnv *);
typedef uint64_t Cvt32To64(uint32_t, FpEnv *);
typedef uint16_t Cvt64To16(uint64_t, FpEnv *);
typedef uint32_t Cvt64To32(uint64_t, FpEnv *);
typedef uint32_t Unsigned(uint32_t);
typedef uint32_t Narrow(uint16_t, uint16_t, uint32_t, FpEnv *);

typedef void Fn(void); /* cast back by the kind and width */

typedef struct Op {
    unsigned number;
    Kind kind;
    unsigned width;
    Fn *fn;
    int p0, p1, p2;
    const char *insn;
} Op;

#define R(kind, width, function, p0, p1, p2, insn) \
    { __LINE__, kind, width, (Fn *)function, p0, p1, p2, insn },

static const Op ops[] = {
#include "tests/diff/fpu-a64-ops.h"
};

#define BY_WIDTH(type, ...)                                          \
    (op->width == 16   ? (uint64_t)((type##16 *)op->fn)(__VA_ARGS__) \
     : op->width == 32 ? (uint64_t)((type##32 *)op->fn)(__VA_ARGS__) \
                       : (uint64_t)((type##64 *)op->fn)(__VA_ARGS__))

static uint64_t diff_sign(unsigned width)
{
    return 1ull << (width - 1);
}

static uint64_t diff_low(uint64_t v, unsigned bits)
{
    return v & (~0ull >> (64 - bits));
}

static uint64_t diff_convert(const Op *op, uint64_t a, FpEnv *env)
{
    switch (op->kind) {
    case CVT_16_32:
        return ((Cvt16To32 *)op->fn)(a, env);
    case CVT_16_64:
        return ((Cvt16To64 *)op->fn)(a, env);
    case CVT_32_16:
        return ((Cvt32To16 *)op->fn)(a, env);
    case CVT_32_64:
        return ((Cvt32To64 *)op->fn)(a, env);
    case CVT_64_16:
        return ((Cvt64To16 *)op->fn)(a, env);
    default:
        return ((Cvt64To32 *)op->fn)(a, env);
    }
}

static uint64_t diff_integer(const Op *op, uint64_t a, FpEnv *env)
{
    unsigned up = 64 - (unsigned)op->p0;

    switch (op->kind) {
    case TO_SINT:
    case TO_SINT_V:
        return diff_low(BY_WIDTH(ToSint, a, op->p1, op->p2, op->p0, env), op->p1);
    case TO_UINT:
    case TO_UINT_V:
        return BY_WIDTH(ToUint, a, op->p1, op->p2, op->p0, env);
    case FROM_SINT:
    case FROM_SINT_V:
        return BY_WIDTH(FromSint, (int64_t)(a << up) >> up, op->p1, env->round, env);
    default:
        return BY_WIDTH(FromUint, a << up >> up, op->p1, env->round, env);
    }
}

static void diff_narrow(const Op *op, const FpuQuestion *q, FpuAnswer *r, FpEnv *env)
{
    uint64_t a = q->a[0] ^ (op->p0 ? 0x8000 : 0);
    uint32_t acc[4], ra[4], rb[4];

    switch (op->kind) {
    case NARROW:
        r->v[0] = ((Narrow *)op->fn)(a, q->b[0], q->c[0], env);
        break;
    case DOT:
        r->v[0] = fp_bfdot(q->c[0], a, q->b[0]);
        r->v[0] |= (uint64_t)fp_bfdot(q->c[0] >> 32, a >> 32, q->b[0] >> 32) << 32;
        break;
    default:
        memcpy(acc, q->c, sizeof(acc));
        memcpy(ra, q->a, sizeof(ra));
        memcpy(rb, q->b, sizeof(rb));
        fp_bfmmla(acc, ra, rb);
        memcpy(r->v, acc, sizeof(acc));
    }
}

static uint64_t diff_arith(const Op *op, const FpuQuestion *q, FpEnv *env)
{
    uint64_t a = q->a[0], b = q->b[0], c = q->c[0], flip = diff_sign(op->width);
    unsigned round = op->p0 == ENV ? env->round : op->p0;

    switch (op->kind) {
    case ONE:
        return BY_WIDTH(One, a, env);
    case TWO:
        return BY_WIDTH(Two, a, b, env);
    case THREE:
        a ^= op->p0 ? flip : 0;
        c ^= op->p1 ? flip : 0;
        return BY_WIDTH(Three, a, b, c, env);
    case BOOL:
        return BY_WIDTH(Bool, a, b, env) ? diff_low(~0ull, op->width) : 0;
    case INTEGRAL:
        return BY_WIDTH(Integral, a, round, op->p1, env);
    case SIZED:
        return op->width == 32 ? ((Sized32 *)op->fn)(a, op->p1, round, env)
                               : ((Sized64 *)op->fn)(a, op->p1, round, env);
    default:
        return ((Unsigned *)op->fn)(a);
    }
}

/* What fpu/ says. */
static void diff_ours(const Op *op, const FpuQuestion *q, FpuAnswer *r)
{
    static const uint32_t nzcv[] = { 8u << 28, 6u << 28, 2u << 28, 3u << 28 };
    bool fz = (q->fpcr >> 24) & 1, fz16 = (q->fpcr >> 19) & 1, exact;
    FpEnv env = {
        .round = (q->fpcr >> 22) & 3,
        .default_nan = (q->fpcr >> 25) & 1,
        .flush_inputs = fz,
        .flush_outputs = fz,
        .flush_inputs16 = fz16,
        .flush_outputs16 = fz16,
        .alt_half = (q->fpcr >> 26) & 1,
    };

    memset(r, 0, sizeof(*r));
    if (op->kind == COMPARE) {
        r->nzcv = nzcv[BY_WIDTH(Compare, q->a[0], q->b[0], &env)];
    } else if (op->kind == JS) {
        r->x = fp64_to_int32_js(q->a[0], &exact, &env);
        r->nzcv = exact ? 4u << 28 : 0;
    } else if (op->kind == TO_SINT || op->kind == TO_UINT) {
        r->x = diff_integer(op, q->a[0], &env);
    } else if (op->kind >= TO_SINT_V && op->kind <= FROM_UINT_V) {
        r->v[0] = diff_integer(op, q->a[0], &env);
    } else if (op->kind >= CVT_16_32 && op->kind <= CVT_64_32) {
        r->v[0] = diff_convert(op, q->a[0], &env);
    } else if (op->kind >= NARROW) {
        diff_narrow(op, q, r, &env);
    } else {
        r->v[0] = diff_arith(op, q, &env);
    }
    r->fpsr = env.flags;
}

static uint64_t diff_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* A bit pattern of a format, mostly close to where something happens. */
static uint64_t diff_pattern(unsigned width, unsigned frac, uint64_t *state)
{
    uint64_t r = diff_random(state), s = diff_random(state);
    unsigned exp_bits = width - 1 - frac, bias = (1u << (exp_bits - 1)) - 1;
    unsigned exp_max = 2 * bias + 1, exp;
    uint64_t fraction, mask = (1ull << frac) - 1;

    switch (r & 15) {
    case 0:
        return diff_low(s, width);
    case 1: /* zero, one, infinity */
        exp = (unsigned[]){ 0, exp_max, bias, 0 }[(r >> 8) & 3];
        return (r >> 16 & 1) << (width - 1) | (uint64_t)exp << frac;
    case 2:
        exp = exp_max;
        break;
    case 3:
    case 4:
        exp = (r >> 8) & 3;
        break;
    case 5:
        exp = exp_max - 1 - ((r >> 8) & 3);
        break;
    case 6: /* around the ends of integers */
        exp = bias + (unsigned[]){ 15, 16, 31, 32, 63, 64, 52, 30 }[(r >> 8) & 7];
        break;
    case 7:
    case 8: /* around one and the last bit's place */
        exp = bias + ((r >> 8) & 7) - 3 + (r & 2048 ? frac : 0);
        break;
    default:
        exp = bias - 2 * frac + (r >> 8) % (4 * frac);
    }
    exp = exp > exp_max ? (r >> 32) % exp_max : exp;
    switch ((r >> 40) & 7) {
    case 0:
        fraction = 0;
        break;
    case 1:
        fraction = mask;
        break;
    case 2:
        fraction = 1ull << (s >> 8) % frac;
        break;
    case 3:
        fraction = mask ^ 1ull << (s >> 8) % frac;
        break;
    case 4: /* short, so that products are exact */
        fraction = (s << (frac - (s >> 58) % frac)) & mask;
        break;
    default:
        fraction = s & mask;
    }
    return (r >> 63) << (width - 1) | (uint64_t)exp << frac | fraction;
}

static uint64_t diff_operand(const Op *op, unsigned which, uint64_t *state)
{
    static const unsigned frac[] = { [16] = 10, [32] = 23, [64] = 52 };
    uint64_t v = 0, r;

    switch (op->kind) {
    case FROM_SINT:
    case FROM_UINT:
    case FROM_SINT_V:
    case FROM_UINT_V:
        r = diff_random(state);
        v = diff_random(state) >> (r & 63);
        v = r & 64 ? ~0ull << ((r >> 8) & 63) : v;
        v += r & 128 ? (r >> 16) & 3 : 0;
        v = r & 256 ? -v : v;
        return op->kind == FROM_SINT_V || op->kind == FROM_UINT_V ? v & 0xffff : v;
    case UNSIGNED:
        return (uint32_t)diff_random(state) >> (diff_random(state) & 3);
    case NARROW:
        return which == 2 ? diff_pattern(32, 23, state)
                          : diff_pattern(16, op->width ? 10 : 7, state);
    case DOT:
    case MATRIX:
        if (which == 2) {
            return diff_pattern(32, 23, state) | diff_pattern(32, 23, state) << 32;
        }
        for (unsigned i = 0; i < 4; i++) {
            v = v << 16 | diff_pattern(16, 7, state);
        }
        return v;
    default:
        return diff_pattern(op->width, frac[op->width], state);
    }
}

static void diff_ask(const Op *op, FpuQuestion *q, uint64_t *state)
{
    uint64_t r = diff_random(state);

    memset(q, 0, sizeof(*q));
    q->op = op->number;
    q->fpcr = (r & 3) << 22 | (r >> 8 & 1 & r >> 9) << 24 | (r >> 10 & 1 & r >> 11) << 25 |
              (r >> 12 & 1 & r >> 13) << 26 | (r >> 14 & 1 & r >> 15) << 19;
    q->a[0] = diff_operand(op, 0, state);
    q->b[0] = diff_operand(op, 1, state);
    q->c[0] = diff_operand(op, 2, state);
    if (op->kind == MATRIX) {
        q->a[1] = diff_operand(op, 0, state);
        q->b[1] = diff_operand(op, 1, state);
        q->c[1] = diff_operand(op, 2, state);
    } else if (op->width && op->kind <= BOOL && (r >> 20 & 3) == 0) {
        /* Close to the other operand: cancellation, equality. */
        q->b[0] = diff_low(q->a[0] + (r >> 24) % 3 - 1, op->width) ^ (r >> 32 << (op->width - 1));
        q->b[0] = diff_low(q->b[0], op->width);
    }
    if (op->kind == THREE && (r >> 40 & 3) == 0) {
        /* Close to minus the product. */
        FpEnv env = { .round = r >> 42 & 3 };
        uint64_t product = op->width == 16   ? fp16_mul(q->a[0], q->b[0], &env)
                           : op->width == 32 ? fp32_mul(q->a[0], q->b[0], &env)
                                             : fp64_mul(q->a[0], q->b[0], &env);
        q->c[0] = diff_low((product ^ diff_sign(op->width)) + (r >> 48) % 3 - 1, op->width);
    }
}

static pid_t diff_start(const char *guest, const char *runner, int *to, int *from)
{
    int in[2], out[2];

    if (pipe(in) || pipe(out)) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execlp(runner, runner, "-cpu", "max", guest, (char *)NULL);
        _exit(126);
    }
    close(in[0]);
    close(out[1]);
    *to = in[1];
    *from = out[0];
    return pid;
}

static bool diff_exchange(int to, int from, const FpuQuestion *q, FpuAnswer *a)
{
    const size_t ask = FPU_A64_BATCH * sizeof(*q), expect = FPU_A64_BATCH * sizeof(*a);

    for (size_t done = 0; done < ask;) {
        ssize_t n = write(to, (const char *)q + done, ask - done);
        if (n <= 0) {
            return false;
        }
        done += n;
    }
    for (size_t done = 0; done < expect;) {
        ssize_t n = read(from, (char *)a + done, expect - done);
        if (n <= 0) {
            return false;
        }
        done += n;
    }
    return true;
}

/*
 * The bits of the result that count: other lanes hold results too, and some emulators leave the
 * sign above a 16-bit integer.
 */
static uint64_t diff_result_mask(const Op *op)
{
    switch (op->kind) {
    case TO_SINT_V:
    case TO_UINT_V:
        return UINT16_MAX;
    case UNSIGNED:
    case NARROW:
        return UINT32_MAX;
    default:
        return UINT64_MAX;
    }
}

/* Whether NZCV counts. A subnormal that FJCVTZS flushes clears Z, which not every oracle knows. */
static bool diff_gives_nzcv(const Op *op, const FpuAnswer *ours)
{
    return op->kind == COMPARE || (op->kind == JS && !(ours->fpsr & FP_INPUT_DENORMAL));
}

static bool diff_same(const Op *op, const FpuQuestion *q, const FpuAnswer *theirs, unsigned *shown)
{
    FpuAnswer ours;
    uint64_t mask = diff_result_mask(op);

    diff_ours(op, q, &ours);
    if (((ours.v[0] ^ theirs->v[0]) & mask) == 0 && ours.v[1] == theirs->v[1] &&
        ours.x == theirs->x && ours.fpsr == (theirs->fpsr & 0x9f) &&
        (!diff_gives_nzcv(op, &ours) || ours.nzcv == theirs->nzcv)) {
        return true;
    }
    if ((*shown)++ < 4) {
        printf("%s\n  fpcr %08" PRIx64 " a %016" PRIx64 ":%016" PRIx64 " b %016" PRIx64
               ":%016" PRIx64 " c %016" PRIx64 ":%016" PRIx64 "\n",
               op->insn, q->fpcr, q->a[1], q->a[0], q->b[1], q->b[0], q->c[1], q->c[0]);
        printf("  ours   v %016" PRIx64 ":%016" PRIx64 " x %016" PRIx64 " fpsr %02x nzcv %x\n",
               ours.v[1], ours.v[0], ours.x, ours.fpsr, ours.nzcv >> 28);
        printf("  theirs v %016" PRIx64 ":%016" PRIx64 " x %016" PRIx64 " fpsr %02x nzcv %x\n",
               theirs->v[1], theirs->v[0], theirs->x, theirs->fpsr, theirs->nzcv >> 28);
    }
    return false;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: fpu-a64 GUEST RUNNER [CASES-PER-INSTRUCTION [SEED]]\n";
    FpuQuestion q[FPU_A64_BATCH];
    FpuAnswer a[FPU_A64_BATCH];
    uint64_t cases = 0, wrong = 0;
    int to = -1, from = -1;

    if (argc < 3) {
        fputs(usage, stderr);
        return 2;
    }
    if (!*argv[1] || !*argv[2] || access(argv[1], X_OK)) {
        puts("no cross compiler or no runner for AArch64: skipped");
        return 77;
    }
    uint64_t per_op = argc > 3 ? strtoull(argv[3], NULL, 0) : 4096;
    uint64_t state = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
    pid_t pid = diff_start(argv[1], argv[2], &to, &from);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        unsigned shown = 0;
        for (uint64_t done = 0; done < per_op; done += FPU_A64_BATCH) {
            for (unsigned j = 0; j < FPU_A64_BATCH; j++) {
                diff_ask(&ops[i], &q[j], &state);
            }
            if (pid < 0 || !diff_exchange(to, from, q, a)) {
                fprintf(stderr, "the guest gave up at %s\n", ops[i].insn);
                return 1;
            }
            for (unsigned j = 0; j < FPU_A64_BATCH; j++) {
                wrong += !diff_same(&ops[i], &q[j], &a[j], &shown);
            }
            cases += FPU_A64_BATCH;
        }
    }
    close(to);
    waitpid(pid, NULL, 0);
    printf("%zu instructions, %" PRIu64 " cases, %" PRIu64 " differ\n",
           sizeof(ops) / sizeof(ops[0]), cases, wrong);
    return wrong != 0;
}
