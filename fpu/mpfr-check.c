/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds fpu/ against MPFR: every operation whose result is a rounded real number, in all six
 * rounding modes and both kinds of tininess, on finite operands with many subnormals.
 *     fpu-mpfr [CASES-PER-OPERATION [SEED]]
 */
#include "fpu/mpfr-ref.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <mpfr.h>

static const char *const op_names[] = { "add",     "sub",        "mul",       "div",
                                        "sqrt",    "fma",        "to fp16",   "to fp32",
                                        "to fp64", "from sint",  "from uint", "to sint",
                                        "to uint", "to integral" };

static uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* A finite number, its exponent often at an end or about the middle. */
static uint64_t check_operand(const MpfrFormat *f, uint64_t *state)
{
    uint64_t r = check_random(state), s = check_random(state);
    unsigned frac_bits = f->prec - 1, exp_max = 2 * f->bias + 1, exp;
    uint64_t mask = (1ull << frac_bits) - 1, frac = s & mask;

    switch (r & 7) {
    case 0:
    case 1:
        exp = (r >> 8) & 3;
        break;
    case 2:
        exp = exp_max - 1 - ((r >> 8) & 3);
        break;
    case 3:
        exp = (r >> 8) % exp_max;
        break;
    default:
        exp = f->bias - frac_bits / 2 + (r >> 8) % frac_bits;
    }
    if (r & 0x1000000) { /* long runs of equal bits */
        frac = (mask >> (s >> 58) % f->prec) ^ ((r >> 30 & 1) ? mask : 0) ^ (r >> 31 & 3);
        frac &= mask;
    }
    return (r >> 63) << (f->width - 1) | (uint64_t)exp << frac_bits | frac;
}

static uint64_t check_ours16(const MpfrCase *t, FpEnv *e)
{
    uint16_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp16_add(a, b, e);
    case OP_SUB:
        return fp16_sub(a, b, e);
    case OP_MUL:
        return fp16_mul(a, b, e);
    case OP_DIV:
        return fp16_div(a, b, e);
    case OP_SQRT:
        return fp16_sqrt(a, e);
    case OP_FMA:
        return fp16_fma(a, b, c, e);
    case OP_TO32:
        return fp16_to_fp32(a, e);
    case OP_TO64:
        return fp16_to_fp64(a, e);
    case OP_TO_SINT:
        return fp16_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp16_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp16_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours32(const MpfrCase *t, FpEnv *e)
{
    uint32_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp32_add(a, b, e);
    case OP_SUB:
        return fp32_sub(a, b, e);
    case OP_MUL:
        return fp32_mul(a, b, e);
    case OP_DIV:
        return fp32_div(a, b, e);
    case OP_SQRT:
        return fp32_sqrt(a, e);
    case OP_FMA:
        return fp32_fma(a, b, c, e);
    case OP_TO16:
        return fp32_to_fp16(a, e);
    case OP_TO64:
        return fp32_to_fp64(a, e);
    case OP_TO_SINT:
        return fp32_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp32_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp32_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours64(const MpfrCase *t, FpEnv *e)
{
    uint64_t a = t->a, b = t->b, c = t->c;

    switch (t->op) {
    case OP_ADD:
        return fp64_add(a, b, e);
    case OP_SUB:
        return fp64_sub(a, b, e);
    case OP_MUL:
        return fp64_mul(a, b, e);
    case OP_DIV:
        return fp64_div(a, b, e);
    case OP_SQRT:
        return fp64_sqrt(a, e);
    case OP_FMA:
        return fp64_fma(a, b, c, e);
    case OP_TO16:
        return fp64_to_fp16(a, e);
    case OP_TO32:
        return fp64_to_fp32(a, e);
    case OP_TO_SINT:
        return fp64_to_sint(a, t->bits, t->frac, e->round, e);
    case OP_TO_UINT:
        return fp64_to_uint(a, t->bits, t->frac, e->round, e);
    default:
        return fp64_round_to_int(a, e->round, true, e);
    }
}

static uint64_t check_ours_from(const MpfrCase *t, FpEnv *e)
{
    bool is_signed = t->op == OP_FROM_SINT;

    switch (t->out->width) {
    case 16:
        return is_signed ? fp16_from_sint(t->a, t->frac, e->round, e)
                         : fp16_from_uint(t->a, t->frac, e->round, e);
    case 32:
        return is_signed ? fp32_from_sint(t->a, t->frac, e->round, e)
                         : fp32_from_uint(t->a, t->frac, e->round, e);
    default:
        return is_signed ? fp64_from_sint(t->a, t->frac, e->round, e)
                         : fp64_from_uint(t->a, t->frac, e->round, e);
    }
}

static MpfrResult check_ours(const MpfrCase *t)
{
    FpEnv env = t->env;
    MpfrResult out = { 0 };

    if (!t->in) {
        out.bits = check_ours_from(t, &env);
    } else if (t->in->width == 16) {
        out.bits = check_ours16(t, &env);
    } else {
        out.bits = t->in->width == 32 ? check_ours32(t, &env) : check_ours64(t, &env);
    }
    out.flags = env.flags;
    return out;
}

static void check_make(MpfrCase *t, uint64_t *state)
{
    uint64_t r = check_random(state);
    bool integral = t->op >= OP_TO_SINT;

    t->env = (FpEnv){ .round = r % (integral ? 5 : 6), .tiny_after_rounding = r >> 8 & 1 };
    if (t->env.round == FP_RNA && t->out->width == 64 && (r >> 9 & 7)) {
        t->env.round = FP_RNE; /* the check is slow */
    }
    if (!t->in) {
        t->a = check_random(state) >> (r >> 16 & 63);
        t->a = r >> 24 & 1 ? -t->a : t->a;
        t->frac = (r >> 32) % 65;
        return;
    }
    t->a = check_operand(t->in, state);
    t->b = check_operand(t->in, state);
    t->c = check_operand(t->in, state);
    if ((r >> 16 & 7) == 0) {
        t->b = t->a ^ (r >> 20 & 3) ^ (r >> 24 & 1) << (t->in->width - 1);
        t->b &= ~0ull >> (64 - t->in->width);
    }
    t->bits = (unsigned[]){ 16, 32, 64, 64 }[r >> 40 & 3];
    t->frac = t->op == OP_TO_SINT || t->op == OP_TO_UINT ? (r >> 44) % 65 : 0;
}

/* Which operations a format has: none to itself. */
static bool check_exists(MpfrOp op, const MpfrFormat *f)
{
    return op < OP_TO16 || op > OP_TO64 || &mpfr_formats[op - OP_TO16] != f;
}

static uint64_t check_run(MpfrCase *t, uint64_t cases, uint64_t *state)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < cases; i++) {
        check_make(t, state);
        MpfrResult ours = check_ours(t);
        MpfrResult theirs = t->op >= OP_TO_SINT ? mpfr_integer(t) : mpfr_rounded(t);
        if ((ours.bits != theirs.bits || ours.flags != theirs.flags) && wrong++ < 4) {
            printf("%s fp%u a %016" PRIx64 " b %016" PRIx64 " c %016" PRIx64
                   " round %d after %d frac %u bits %u: ours %016" PRIx64 " %02x theirs %016" PRIx64
                   " %02x\n",
                   op_names[t->op], t->in ? t->in->width : t->out->width, t->a, t->b, t->c,
                   t->env.round, t->env.tiny_after_rounding, t->frac, t->bits, ours.bits,
                   ours.flags, theirs.bits, theirs.flags);
        }
    }
    return wrong;
}

int main(int argc, char **argv)
{
    uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000;
    uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t wrong = 0, done = 0;

    for (MpfrOp op = 0; op < OP_COUNT; op++) {
        for (unsigned i = 0; i < 3; i++) {
            const MpfrFormat *f = &mpfr_formats[i];
            bool from = op == OP_FROM_SINT || op == OP_FROM_UINT;
            MpfrCase t = { .op = op, .in = from ? NULL : f, .out = f };
            if (!check_exists(op, f)) {
                continue;
            }
            if (op >= OP_TO16 && op <= OP_TO64) {
                t.out = &mpfr_formats[op - OP_TO16];
            }
            wrong += check_run(&t, cases, &state);
            done += cases;
        }
    }
    mpfr_free_cache();
    printf("%" PRIu64 " cases, %" PRIu64 " differ\n", done, wrong);
    return wrong != 0;
}
