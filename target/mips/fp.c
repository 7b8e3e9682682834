/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point at run time: every operation exact, its exceptions in FCSR's Cause and Flags, and
 * raised where FCSR enables them. Spec: Volume I-A, 5.6 (FCSR), 5.8 (exceptions).
 */
#include "target/mips/fp.h"

#include "target/mips/helper.h"
#include "target/mips/model.h"

enum {
    FMT_S = 16,
    FMT_D = 17,
    FMT_W = 20,
    FMT_PS = 22,
    CAUSE_I = 1,
    CAUSE_U = 2,
    CAUSE_O = 4,
    CAUSE_Z = 8,
    CAUSE_V = 16,
};

#define FCSR_CONDITIONS 0xfe800000u
#define FCSR_WRITABLE   (0xfe800000u | FCSR_FS | 0x3ffffu) /* and MipsModel.fcr31_writable */

void mips_fp_set_control(MipsCpu *c, uint32_t val)
{
    static const uint8_t round[4] = { FP_RNE, FP_RTZ, FP_RUP, FP_RDN };
    FpEnv *e = &c->fp.env;

    c->fcr31 = val;
    c->fp_last_op = 0;
    *e = (FpEnv){
        .round = round[val & FCSR_RM],
        .nan_rule = val & FCSR_NAN2008 ? FP_NAN_MIPS_2008 : FP_NAN_MIPS_LEGACY,
        /* Which quiet NaN comes of one is left open before the 2008 encoding: as QEMU has it. */
        .default_nan = !(val & FCSR_NAN2008),
        .flush_outputs = val & FCSR_FS,
        .flush_inputs = val & FCSR_FS,
        .flush_inexact = true,
        .tiny_after_rounding = true,
    };
}

static unsigned fp_cause(uint8_t flags)
{
    return (flags & FP_INVALID ? CAUSE_V : 0) | (flags & FP_DIVZERO ? CAUSE_Z : 0) |
           (flags & FP_OVERFLOW ? CAUSE_O : 0) | (flags & FP_UNDERFLOW ? CAUSE_U : 0) |
           (flags & FP_INEXACT ? CAUSE_I : 0);
}

/* What translated code has raised goes to FCSR; the operation to come has env.flags for itself. */
static FpEnv *fp_begin(MipsCpu *c)
{
    c->fcr31 |= fp_cause(c->fp.env.flags) << FCSR_FLAGS_SHIFT;
    c->fp.env.flags = 0;
    c->fp_last_op = 0;
    return &c->fp.env;
}

/* Cause is the last operation's; false: it traps, and neither flags nor the result change. */
static bool fp_done(MipsCpu *c)
{
    unsigned cause = fp_cause(c->fp.env.flags);

    c->fp.env.flags = 0;
    c->fcr31 = (c->fcr31 & ~(0x3fu << FCSR_CAUSE_SHIFT)) | cause << FCSR_CAUSE_SHIFT;
    if (cause & (c->fcr31 >> FCSR_ENABLES_SHIFT & 0x1f)) {
        mips_helper_raise(&c->cpu, EXC_FPE, 0);
        return false;
    }
    c->fcr31 |= cause << FCSR_FLAGS_SHIFT;
    return true;
}

static uint64_t fp_to_int(unsigned op, bool is_d, uint64_t a, FpEnv *e)
{
    static const uint8_t rounds[4] = { FP_RNE, FP_RTZ, FP_RUP, FP_RDN };
    unsigned bits = op == MIPS_FP_CVT_L || op >= MIPS_FP_ROUND_L ? 64 : 32;
    FpRound r = (FpRound)e->round;
    int64_t v;

    if (op >= MIPS_FP_ROUND_W) {
        r = (FpRound)rounds[(op - MIPS_FP_ROUND_W) & 3];
    }
    v = is_d ? fp64_to_sint(a, bits, 0, r, e) : fp32_to_sint((uint32_t)a, bits, 0, r, e);
    return bits == 32 ? (uint32_t)v : (uint64_t)v;
}

static uint64_t fp_convert(unsigned op, unsigned fmt, uint64_t a, FpEnv *e)
{
    FpRound r = (FpRound)e->round;

    if (fmt == FMT_S) {
        return fp32_to_fp64((uint32_t)a, e);
    }
    if (fmt == FMT_D) {
        return fp64_to_fp32(a, e);
    }
    if (fmt == FMT_W) {
        a = (uint64_t)(int64_t)(int32_t)a;
    }
    return op == MIPS_FP_CVT_S ? fp32_from_sint((int64_t)a, 0, r, e)
                               : fp64_from_sint((int64_t)a, 0, r, e);
}

static uint64_t fp_single(unsigned op, uint32_t a, uint32_t b, FpEnv *e)
{
    switch (op) {
    case MIPS_FP_ADD:
        return fp32_add(a, b, e);
    case MIPS_FP_SUB:
        return fp32_sub(a, b, e);
    case MIPS_FP_MUL:
        return fp32_mul(a, b, e);
    case MIPS_FP_DIV:
        return fp32_div(a, b, e);
    case MIPS_FP_SQRT:
        return fp32_sqrt(a, e);
    case MIPS_FP_RECIP:
        return fp32_div(0x3f800000, a, e);
    default:
        return fp32_div(0x3f800000, fp32_sqrt(a, e), e);
    }
}

static uint64_t fp_double(unsigned op, uint64_t a, uint64_t b, FpEnv *e)
{
    const uint64_t one = 0x3ff0000000000000;

    switch (op) {
    case MIPS_FP_ADD:
        return fp64_add(a, b, e);
    case MIPS_FP_SUB:
        return fp64_sub(a, b, e);
    case MIPS_FP_MUL:
        return fp64_mul(a, b, e);
    case MIPS_FP_DIV:
        return fp64_div(a, b, e);
    case MIPS_FP_SQRT:
        return fp64_sqrt(a, e);
    case MIPS_FP_RECIP:
        return fp64_div(one, a, e);
    default:
        return fp64_div(one, fp64_sqrt(a, e), e);
    }
}

/* Volume II-A, C.cond.fmt: bit 0 unordered, 1 equal, 2 less; bit 3: every NaN is invalid. */
static bool fp_compare(uint64_t op, bool is_d, uint64_t a, uint64_t b, FpEnv *e)
{
    unsigned cond = op >> MIPS_FP_COND_SHIFT & 15;
    bool signalling = cond & 8;
    FpCompare r;

    if (is_d) {
        r = signalling ? fp64_compare_signaling(a, b, e) : fp64_compare(a, b, e);
    } else {
        r = signalling ? fp32_compare_signaling((uint32_t)a, (uint32_t)b, e)
                       : fp32_compare((uint32_t)a, (uint32_t)b, e);
    }
    return (cond & 1 && r == FP_UNORDERED) || (cond & 2 && r == FP_EQUAL) ||
           (cond & 4 && r == FP_LESS);
}

/* Up to release 5 product and sum are rounded each (Volume II-A, MADD.fmt). */
static uint64_t fp_madd(uint64_t op, bool is_d, const uint64_t *arg, FpEnv *e)
{
    unsigned what = (op & 0xff) - MIPS_FP_MADD;
    uint64_t v, sign = is_d ? 1ull << 63 : 1u << 31;

    if (is_d) {
        v = fp64_mul(arg[0], arg[1], e);
        v = what & 1 ? fp64_sub(v, arg[2], e) : fp64_add(v, arg[2], e);
    } else {
        uint32_t p = fp32_mul((uint32_t)arg[0], (uint32_t)arg[1], e);

        v = what & 1 ? fp32_sub(p, (uint32_t)arg[2], e) : fp32_add(p, (uint32_t)arg[2], e);
    }
    return what & 2 ? v ^ sign : v;
}

/* The result; of a comparison, whether it holds. */
static uint64_t fp_do_one(uint64_t op, const uint64_t *arg, FpEnv *e)
{
    unsigned what = op & 0xff, fmt = op >> MIPS_FP_FMT_SHIFT & 0x1f;
    bool is_d = fmt == FMT_D;

    if (what >= MIPS_FP_MADD) {
        return fp_madd(op, is_d, arg, e);
    }
    if (what == MIPS_FP_COMPARE) {
        return fp_compare(op, is_d, arg[0], arg[1], e);
    }
    if (what == MIPS_FP_NOTHING) {
        return 0;
    }
    if (what == MIPS_FP_CVT_S || what == MIPS_FP_CVT_D) {
        return fp_convert(what, fmt, arg[0], e);
    }
    if (what >= MIPS_FP_CVT_W) {
        return fp_to_int(what, is_d, arg[0], e);
    }
    return is_d ? fp_double(what, arg[0], arg[1], e)
                : fp_single(what, (uint32_t)arg[0], (uint32_t)arg[1], e);
}

/* Of paired singles both halves; of their comparison bit 0 is the lower one's. */
static uint64_t fp_do(uint64_t op, const uint64_t *arg, FpEnv *e)
{
    bool compares = (op & 0xff) == MIPS_FP_COMPARE;
    uint64_t single = FMT_S << MIPS_FP_FMT_SHIFT | (op & ~(0x1full << MIPS_FP_FMT_SHIFT)), v = 0;

    if ((op >> MIPS_FP_FMT_SHIFT & 0x1f) != FMT_PS) {
        return fp_do_one(op, arg, e);
    }
    for (unsigned half = 0; half < 2; half++) {
        uint64_t part[3];

        for (unsigned k = 0; k < 3; k++) {
            part[k] = (uint32_t)(arg[k] >> half * 32);
        }
        v |= fp_do_one(single, part, e) << (compares ? half : half * 32);
    }
    return v;
}

uint32_t mips_fp_control(const MipsCpu *c)
{
    uint32_t v = c->fcr31 | fp_cause(c->fp.env.flags) << FCSR_FLAGS_SHIFT;

    if (c->fp_last_op) {
        FpEnv e = c->fp.env;

        e.flags = 0;
        fp_do(c->fp_last_op, c->fp_last, &e);
        v = (v & ~(0x3fu << FCSR_CAUSE_SHIFT)) | fp_cause(e.flags) << FCSR_CAUSE_SHIFT;
    }
    return v;
}

static void fp_set_condition(MipsCpu *c, unsigned cc, bool holds)
{
    unsigned bit = mips_fcc_bit(cc);

    c->fcr31 = (c->fcr31 & ~(1u << bit)) | (uint32_t)holds << bit;
}

uint64_t mips_helper_fp(Cpu *cpu, uint64_t op, uint64_t a, uint64_t b)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned cc = op >> MIPS_FP_CC_SHIFT & 7;
    uint64_t v = fp_do(op, (uint64_t[]){ a, b, 0 }, fp_begin(c));
    bool paired = (op >> MIPS_FP_FMT_SHIFT & 0x1f) == FMT_PS;

    if (fp_done(c) && (op & 0xff) == MIPS_FP_COMPARE) {
        fp_set_condition(c, cc, v & 1);
        if (paired) {
            fp_set_condition(c, (cc + 1) & 7, v >> 1 & 1);
        }
    }
    return v;
}

uint64_t mips_helper_fp3(Cpu *cpu, uint64_t op, uint64_t a, uint64_t b, uint64_t add)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t v = fp_do(op, (uint64_t[]){ a, b, add }, fp_begin(c));

    fp_done(c);
    return v;
}

/* FIR, FCCR, FEXR, FENR, FCSR (Volume I-A, 5.6). */
/* UFR and UNFR (Volume II-A, CTC1): programs change Status.FR where Config5.UFR lets them. */
enum { FCR_UFR = 1, FCR_UNFR = 4 };

static bool fp_may_switch(const MipsCpu *c)
{
    return c->cp0[CP0_CONFIG5] & CONFIG5_UFR;
}

static void fp_switch(MipsCpu *c, bool fr)
{
    if (!fp_may_switch(c)) {
        mips_helper_raise(&c->cpu, EXC_RI, 0);
        return;
    }
    c->cp0[CP0_STATUS] = (c->cp0[CP0_STATUS] & ~(uint64_t)STATUS_FR) | (fr ? STATUS_FR : 0);
}

uint64_t mips_helper_cfc1(Cpu *cpu, uint64_t reg)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t v = mips_fp_control(c);

    switch (reg) {
    case 0:
        return c->model->fir;
    case FCR_UFR:
        if (c->model->fir & FIR_UFRP) {
            return fp_may_switch(c) ? (c->cp0[CP0_STATUS] & STATUS_FR) != 0
                                    : mips_helper_raise(cpu, EXC_RI, 0);
        }
        return 0;
    case 25:
        return (v >> 24 & 0xfe) | (v >> 23 & 1);
    case 26:
        return v & 0x3f07c;
    case 28:
        return (v & 0xf83) | (v >> 22 & 4);
    case 31:
        return v;
    default:
        return 0;
    }
}

uint64_t mips_helper_ctc1(Cpu *cpu, uint64_t reg, uint64_t val64)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t v = mips_fp_control(c), val = (uint32_t)val64, can;

    switch (reg) {
    case FCR_UFR:
    case FCR_UNFR:
        if (c->model->fir & FIR_UFRP) {
            fp_switch(c, reg == FCR_UNFR);
        }
        return 0;
    case 25:
        v = (v & 0x017fffff) | (val & 0xfe) << 24 | (val & 1) << 23;
        break;
    case 26:
        v = (v & ~0x3f07cu) | (val & 0x3f07c);
        break;
    case 28:
        v = (v & ~(0xf83u | FCSR_FS)) | (val & 0xf83) | (val & 4) << 22;
        break;
    case 31:
        can = FCSR_WRITABLE | c->model->fcr31_writable;
        v = (v & ~can) | (val & can);
        break;
    default:
        return 0;
    }
    if (mips_cpu_has(c, MIPS_FEAT_R6)) { /* no condition codes */
        v &= ~FCSR_CONDITIONS;
    }
    mips_fp_set_control(c, v);
    /* An exception that is enabled and caused by what is written traps at once. */
    if ((v >> FCSR_CAUSE_SHIFT & 0x1f & (v >> FCSR_ENABLES_SHIFT)) || v & FCSR_CAUSE_E) {
        mips_helper_raise(cpu, EXC_FPE, 0);
    }
    return 0;
}
