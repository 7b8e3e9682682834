/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/fp-matrix-mpfr.h"

#ifdef HAVE_MPFR

#include "fpu/mpfr-ref.h"

#include <string.h>

enum { FPCR_OTHERS = 1 << 24 | 1 << 26 | 1 << 19 /* FZ, AHP, FZ16 */, ROUND_ENV = 15 };

/* Scalar instructions by the names of their patterns, without a suffix. */
static const struct {
    const char *name;
    uint8_t op, round;
    int8_t sign_a, sign_c; /* of FMA */
} rows[] = {
    { "fadd_s", OP_ADD, ROUND_ENV, 0, 0 },        { "fsub_s", OP_SUB, ROUND_ENV, 0, 0 },
    { "fmul_s", OP_MUL, ROUND_ENV, 0, 0 },        { "fdiv_s", OP_DIV, ROUND_ENV, 0, 0 },
    { "fsqrt_s", OP_SQRT, ROUND_ENV, 0, 0 },      { "fmadd_s", OP_FMA, ROUND_ENV, 0, 0 },
    { "fmsub_s", OP_FMA, ROUND_ENV, 1, 0 },       { "fnmadd_s", OP_FMA, ROUND_ENV, 1, 1 },
    { "fnmsub_s", OP_FMA, ROUND_ENV, 0, 1 },      { "frintn_s", OP_INTEGRAL, FP_RNE, 0, 0 },
    { "frintp_s", OP_INTEGRAL, FP_RUP, 0, 0 },    { "frintm_s", OP_INTEGRAL, FP_RDN, 0, 0 },
    { "frintz_s", OP_INTEGRAL, FP_RTZ, 0, 0 },    { "frinta_s", OP_INTEGRAL, FP_RNA, 0, 0 },
    { "frinti_s", OP_INTEGRAL, ROUND_ENV, 0, 0 }, { "frintx_s", OP_INTEGRAL, ROUND_ENV, 0, 0 },
    { "scvtf_x", OP_FROM_SINT, ROUND_ENV, 0, 0 }, { "ucvtf_x", OP_FROM_UINT, ROUND_ENV, 0, 0 },
    { "fcvts", OP_TO_SINT, ROUND_ENV, 0, 0 },     { "fcvtu", OP_TO_UINT, ROUND_ENV, 0, 0 },
    { "fcvtas", OP_TO_SINT, FP_RNA, 0, 0 },       { "fcvtau", OP_TO_UINT, FP_RNA, 0, 0 },
    { "fcvt", OP_TO16, ROUND_ENV, 0, 0 },
};

static const MpfrFormat *fm_format(unsigned type)
{
    return type == 0 ? &mpfr_formats[1] : type == 1 ? &mpfr_formats[2] : &mpfr_formats[0];
}

static bool fm_finite(const MpfrFormat *f, uint64_t v)
{
    unsigned max = 2 * (unsigned)f->bias + 1;

    return (v >> (f->prec - 1) & max) != max;
}

/* Operands and formats. */
static void fm_case(MpfrCase *t, uint32_t insn, const FmOperands *in)
{
    const MpfrFormat *f = fm_format(insn >> 22 & 3);
    uint64_t mask = ~0ull >> (64 - f->width);
    bool wide = insn >> 31;

    if (t->op == OP_FROM_SINT || t->op == OP_FROM_UINT) {
        t->out = f;
        t->a = wide                    ? in->v[0][0]
               : t->op == OP_FROM_SINT ? (uint64_t)(int64_t)(int32_t)in->v[0][0]
                                       : (uint32_t)in->v[0][0];
        return;
    }
    t->in = t->out = f;
    t->a = in->v[0][0] & mask;
    t->b = in->v[1][0] & mask;
    t->c = in->v[2][0] & mask;
    t->bits = wide ? 64 : 32;
    if (t->op == OP_TO16) { /* any format: opc is bits 16..15 */
        t->out = fm_format(insn >> 15 & 3);
        t->op = (MpfrOp)(OP_TO16 + (t->out - mpfr_formats));
    }
}

static bool fm_operands_are_finite(const MpfrCase *t)
{
    unsigned n = t->op <= OP_DIV ? 2 : t->op == OP_FMA ? 3 : 1;

    return !t->in || (fm_finite(t->in, t->a) && (n < 2 || fm_finite(t->in, t->b)) &&
                      (n < 3 || fm_finite(t->in, t->c)));
}

bool fm_mpfr(const char *name, uint32_t insn, uint32_t fpcr, uint32_t fpsr, const FmOperands *in,
             FmResult *want)
{
    size_t length = strcspn(name, "."), k;
    MpfrCase t = { 0 };
    MpfrResult r;

    for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        if (strlen(rows[k].name) == length && !strncmp(rows[k].name, name, length)) {
            break;
        }
    }
    if (k == sizeof(rows) / sizeof(rows[0]) || fpcr & FPCR_OTHERS) {
        return false;
    }
    t.op = (MpfrOp)rows[k].op;
    t.env.round = rows[k].round == ROUND_ENV ? fpcr >> 22 & 3 : rows[k].round;
    fm_case(&t, insn, in);
    if (!fm_operands_are_finite(&t)) {
        return false;
    }
    t.a ^= rows[k].sign_a ? 1ull << (t.in->width - 1) : 0;
    t.c ^= rows[k].sign_c ? 1ull << (t.in->width - 1) : 0;
    if (t.op == OP_TO_SINT || t.op == OP_TO_UINT) {
        t.frac = strstr(name, ".fix") ? 64 - (insn >> 10 & 63) : 0;
        if (rows[k].round == ROUND_ENV) {
            t.env.round = insn >> 19 & 3;
        }
    } else if (!t.in && !strstr(name, ".i")) {
        t.frac = 64 - (insn >> 10 & 63);
    }
    r = t.op >= OP_TO_SINT ? mpfr_integer(&t) : mpfr_rounded(&t);
    if (t.op == OP_INTEGRAL && strncmp(name, "frintx", 6)) {
        r.flags &= (uint8_t)~FP_INEXACT;
    }
    if (t.op == OP_TO_SINT || t.op == OP_TO_UINT) {
        want->x10 = t.bits == 32 ? (uint32_t)r.bits : r.bits;
    } else {
        uint64_t *v = t.in ? want->v3 : want->v10;

        v[0] = r.bits;
        v[1] = 0;
    }
    want->flags = (want->flags & ~0xffull) | fpsr | r.flags;
    return true;
}

#else

bool fm_mpfr(const char *name, uint32_t insn, uint32_t fpcr, uint32_t fpsr, const FmOperands *in,
             FmResult *want)
{
    return false;
}

#endif
