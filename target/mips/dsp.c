/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DSP ASE at run time. Spec: Volume IV-e (MD00374), chapter 6: one function for each
 * instruction of its name, operands and results of 32 bits.
 */
#include "target/mips/dsp.h"

typedef int64_t DspLane(MipsCpu *c, int64_t a, int64_t b);

static void dsp_flag(MipsCpu *c, uint32_t flag)
{
    c->dspcontrol |= flag;
}

/* ---- lanes ---- */

static int64_t lane_u(uint64_t v, unsigned bits, unsigned i)
{
    return (int64_t)(v >> i * bits & ((1u << bits) - 1));
}

static int64_t lane_s(uint64_t v, unsigned bits, unsigned i)
{
    return (int64_t)(v << (64 - bits - i * bits)) >> (64 - bits);
}

static uint64_t lane_put(int64_t v, unsigned bits, unsigned i)
{
    return ((uint64_t)v & (~0ull >> (64 - bits))) << i * bits;
}

/* @f of each pair of lanes of 32 bits in all. */
static uint64_t dsp_lanes(Cpu *cpu, unsigned bits, bool is_signed, DspLane *f, uint64_t a,
                          uint64_t b)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 32 / bits; i++) {
        int64_t x = is_signed ? lane_s(a, bits, i) : lane_u(a, bits, i);
        int64_t y = is_signed ? lane_s(b, bits, i) : lane_u(b, bits, i);

        v |= lane_put(f(mips_cpu(cpu), x, y), bits, i);
    }
    return v;
}

/* The result @v of @bits, wrapped or saturated where it does not fit, which sets @flag. */
static int64_t dsp_fit_s(MipsCpu *c, int64_t v, unsigned bits, bool saturate, uint32_t flag)
{
    int64_t max = (int64_t)((1ull << (bits - 1)) - 1), min = -max - 1;

    if (v >= min && v <= max) {
        return v;
    }
    dsp_flag(c, flag);
    return !saturate ? v : v < 0 ? min : max;
}

static int64_t dsp_fit_u(MipsCpu *c, int64_t v, unsigned bits, bool saturate, uint32_t flag)
{
    int64_t max = (int64_t)((1ull << bits) - 1);

    if (v >= 0 && v <= max) {
        return v;
    }
    dsp_flag(c, flag);
    return !saturate ? v : v < 0 ? 0 : max;
}

/* ---- sums ---- */

#define LANES(name, bits, is_signed, expression)                     \
    static int64_t lane_##name(MipsCpu *c, int64_t a, int64_t b)     \
    {                                                                \
        return expression;                                           \
    }                                                                \
    uint64_t mips_dsp_##name(Cpu *cpu, uint64_t rs, uint64_t rt)     \
    {                                                                \
        return dsp_lanes(cpu, bits, is_signed, lane_##name, rs, rt); \
    }
#define FUNCTION(name) uint64_t mips_dsp_##name(Cpu *cpu, uint64_t rs, uint64_t rt)

LANES(addu_qb, 8, false, dsp_fit_u(c, a + b, 8, false, DSP_OU_ADD))
LANES(subu_qb, 8, false, dsp_fit_u(c, a - b, 8, false, DSP_OU_ADD))
LANES(addu_s_qb, 8, false, dsp_fit_u(c, a + b, 8, true, DSP_OU_ADD))
LANES(subu_s_qb, 8, false, dsp_fit_u(c, a - b, 8, true, DSP_OU_ADD))
LANES(addu_ph, 16, false, dsp_fit_u(c, a + b, 16, false, DSP_OU_ADD))
LANES(subu_ph, 16, false, dsp_fit_u(c, a - b, 16, false, DSP_OU_ADD))
LANES(addu_s_ph, 16, false, dsp_fit_u(c, a + b, 16, true, DSP_OU_ADD))
LANES(subu_s_ph, 16, false, dsp_fit_u(c, a - b, 16, true, DSP_OU_ADD))
LANES(addq_ph, 16, true, dsp_fit_s(c, a + b, 16, false, DSP_OU_ADD))
LANES(subq_ph, 16, true, dsp_fit_s(c, a - b, 16, false, DSP_OU_ADD))
LANES(addq_s_ph, 16, true, dsp_fit_s(c, a + b, 16, true, DSP_OU_ADD))
LANES(subq_s_ph, 16, true, dsp_fit_s(c, a - b, 16, true, DSP_OU_ADD))
LANES(addq_s_w, 32, true, dsp_fit_s(c, a + b, 32, true, DSP_OU_ADD))
LANES(subq_s_w, 32, true, dsp_fit_s(c, a - b, 32, true, DSP_OU_ADD))
LANES(adduh_qb, 8, false, (a + b) >> 1)
LANES(subuh_qb, 8, false, (a - b) >> 1)
LANES(adduh_r_qb, 8, false, (a + b + 1) >> 1)
LANES(subuh_r_qb, 8, false, (a - b + 1) >> 1)
LANES(addqh_ph, 16, true, (a + b) >> 1)
LANES(subqh_ph, 16, true, (a - b) >> 1)
LANES(addqh_r_ph, 16, true, (a + b + 1) >> 1)
LANES(subqh_r_ph, 16, true, (a - b + 1) >> 1)
LANES(addqh_w, 32, true, (a + b) >> 1)
LANES(subqh_w, 32, true, (a - b) >> 1)
LANES(addqh_r_w, 32, true, (a + b + 1) >> 1)
LANES(subqh_r_w, 32, true, (a - b + 1) >> 1)
LANES(absq_s_qb, 8, true, dsp_fit_s(c, b < 0 ? -b : b, 8, true, DSP_OU_ADD))
LANES(absq_s_ph, 16, true, dsp_fit_s(c, b < 0 ? -b : b, 16, true, DSP_OU_ADD))
LANES(absq_s_w, 32, true, dsp_fit_s(c, b < 0 ? -b : b, 32, true, DSP_OU_ADD))

FUNCTION(addsc)
{
    uint64_t sum = (uint32_t)rs + (uint64_t)(uint32_t)rt;
    MipsCpu *c = mips_cpu(cpu);

    c->dspcontrol = (c->dspcontrol & ~(uint32_t)DSP_C) | (sum >> 32 ? DSP_C : 0);
    return sum;
}

FUNCTION(addwc)
{
    MipsCpu *c = mips_cpu(cpu);
    int64_t sum = (int64_t)(int32_t)rs + (int32_t)rt + (c->dspcontrol & DSP_C ? 1 : 0);

    return (uint64_t)dsp_fit_s(c, sum, 32, false, DSP_OU_ADD);
}

FUNCTION(modsub)
{
    uint32_t value = (uint32_t)rs;

    return value ? value - (rt & 0xff) : rt >> 8 & 0xffff;
}

FUNCTION(raddu_w_qb)
{
    return (rs & 0xff) + (rs >> 8 & 0xff) + (rs >> 16 & 0xff) + (rs >> 24 & 0xff);
}

/* ---- products ---- */

/* The fractional product: twice a * b; that of -1 and -1 does not fit. */
static int64_t dsp_mulq(MipsCpu *c, int64_t a, int64_t b, unsigned bits, uint32_t flag)
{
    int64_t least = -(int64_t)(1ull << (bits - 1));

    if (a == least && b == least) {
        dsp_flag(c, flag);
        return (int64_t)(~0ull >> (65 - 2 * bits));
    }
    return a * b * 2;
}

static int64_t dsp_mulq_rounded(MipsCpu *c, int64_t a, int64_t b, unsigned bits)
{
    int64_t least = -(int64_t)(1ull << (bits - 1));

    if (a == least && b == least) {
        dsp_flag(c, DSP_OU_MUL);
        return -(least + 1);
    }
    return (a * b * 2 + (int64_t)(1ull << (bits - 1))) >> bits;
}

LANES(mul_ph, 16, true, dsp_fit_s(c, a *b, 16, false, DSP_OU_MUL))
LANES(mul_s_ph, 16, true, dsp_fit_s(c, a *b, 16, true, DSP_OU_MUL))
LANES(mulq_s_ph, 16, true, dsp_mulq(c, a, b, 16, DSP_OU_MUL) >> 16)
LANES(mulq_rs_ph, 16, true, dsp_mulq_rounded(c, a, b, 16))
LANES(mulq_s_w, 32, true, dsp_mulq(c, a, b, 32, DSP_OU_MUL) >> 32)
LANES(mulq_rs_w, 32, true, dsp_mulq_rounded(c, a, b, 32))

static uint64_t dsp_muleu(Cpu *cpu, uint64_t bytes, uint64_t rt)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 2; i++) {
        int64_t p = lane_u(bytes, 8, i) * lane_u(rt, 16, i);

        v |= lane_put(dsp_fit_u(mips_cpu(cpu), p, 16, true, DSP_OU_MUL), 16, i);
    }
    return v;
}

FUNCTION(muleu_s_ph_qbl)
{
    return dsp_muleu(cpu, rs >> 16, rt);
}

FUNCTION(muleu_s_ph_qbr)
{
    return dsp_muleu(cpu, rs, rt);
}

FUNCTION(muleq_s_w_phl)
{
    return (uint64_t)dsp_mulq(mips_cpu(cpu), lane_s(rs, 16, 1), lane_s(rt, 16, 1), 16, DSP_OU_MUL);
}

FUNCTION(muleq_s_w_phr)
{
    return (uint64_t)dsp_mulq(mips_cpu(cpu), lane_s(rs, 16, 0), lane_s(rt, 16, 0), 16, DSP_OU_MUL);
}

/* ---- comparisons ---- */

enum { CMP_EQ, CMP_LT, CMP_LE };

static unsigned dsp_compare(uint64_t a, uint64_t b, unsigned bits, bool is_signed, unsigned how)
{
    unsigned v = 0;

    for (unsigned i = 0; i < 32 / bits; i++) {
        int64_t x = is_signed ? lane_s(a, bits, i) : lane_u(a, bits, i);
        int64_t y = is_signed ? lane_s(b, bits, i) : lane_u(b, bits, i);

        v |= (unsigned)(how == CMP_EQ ? x == y : how == CMP_LT ? x < y : x <= y) << i;
    }
    return v;
}

static uint64_t dsp_set_ccond(Cpu *cpu, unsigned v, unsigned mask)
{
    MipsCpu *c = mips_cpu(cpu);

    c->dspcontrol = (c->dspcontrol & ~(mask << DSP_CCOND_SHIFT)) | v << DSP_CCOND_SHIFT;
    return v;
}

#define COMPARE(name, how)                                                 \
    FUNCTION(cmpgu_##name##_qb)                                            \
    {                                                                      \
        return dsp_compare(rs, rt, 8, false, how);                         \
    }                                                                      \
    FUNCTION(cmpgdu_##name##_qb)                                           \
    {                                                                      \
        return dsp_set_ccond(cpu, dsp_compare(rs, rt, 8, false, how), 15); \
    }                                                                      \
    FUNCTION(cmpu_##name##_qb)                                             \
    {                                                                      \
        return dsp_set_ccond(cpu, dsp_compare(rs, rt, 8, false, how), 15); \
    }                                                                      \
    FUNCTION(cmp_##name##_ph)                                              \
    {                                                                      \
        return dsp_set_ccond(cpu, dsp_compare(rs, rt, 16, true, how), 3);  \
    }

COMPARE(eq, CMP_EQ)
COMPARE(lt, CMP_LT)
COMPARE(le, CMP_LE)

static uint64_t dsp_pick(Cpu *cpu, uint64_t rs, uint64_t rt, unsigned bits)
{
    uint32_t cond = mips_cpu(cpu)->dspcontrol >> DSP_CCOND_SHIFT;
    uint64_t v = 0;

    for (unsigned i = 0; i < 32 / bits; i++) {
        v |= lane_put(lane_u(cond >> i & 1 ? rs : rt, bits, i), bits, i);
    }
    return v;
}

FUNCTION(pick_qb)
{
    return dsp_pick(cpu, rs, rt, 8);
}

FUNCTION(pick_ph)
{
    return dsp_pick(cpu, rs, rt, 16);
}

/* ---- sizes of lanes ---- */

static uint64_t dsp_bytes(uint64_t b3, uint64_t b2, uint64_t b1, uint64_t b0)
{
    return (b3 & 0xff) << 24 | (b2 & 0xff) << 16 | (b1 & 0xff) << 8 | (b0 & 0xff);
}

static uint64_t dsp_halves(uint64_t high, uint64_t low)
{
    return (high & 0xffff) << 16 | (low & 0xffff);
}

FUNCTION(precrq_qb_ph)
{
    return dsp_bytes(rs >> 24, rs >> 8, rt >> 24, rt >> 8);
}

FUNCTION(precr_qb_ph)
{
    return dsp_bytes(rs >> 16, rs, rt >> 16, rt);
}

FUNCTION(packrl_ph)
{
    return dsp_halves(rs, rt >> 16);
}

FUNCTION(precrq_ph_w)
{
    return dsp_halves(rs >> 16, rt >> 16);
}

static uint64_t dsp_byte_of_half(Cpu *cpu, int64_t half)
{
    if (half < 0 || half > 0x7f80) {
        dsp_flag(mips_cpu(cpu), DSP_OU_SHIFT);
        return half < 0 ? 0 : 0xff;
    }
    return (uint64_t)half >> 7;
}

FUNCTION(precrqu_s_qb_ph)
{
    return dsp_bytes(
        dsp_byte_of_half(cpu, lane_s(rs, 16, 1)), dsp_byte_of_half(cpu, lane_s(rs, 16, 0)),
        dsp_byte_of_half(cpu, lane_s(rt, 16, 1)), dsp_byte_of_half(cpu, lane_s(rt, 16, 0)));
}

static uint64_t dsp_half_rounded(Cpu *cpu, uint64_t v)
{
    int64_t sum = (int64_t)(int32_t)v + 0x8000;

    return (uint64_t)dsp_fit_s(mips_cpu(cpu), sum >> 16, 16, true, DSP_OU_SHIFT);
}

FUNCTION(precrq_rs_ph_w)
{
    return dsp_halves(dsp_half_rounded(cpu, rs), dsp_half_rounded(cpu, rt));
}

FUNCTION(replv_qb)
{
    return (rt & 0xff) * 0x01010101;
}

FUNCTION(replv_ph)
{
    return (rt & 0xffff) * 0x00010001;
}

#define PRECISION(name, high, low)                                                    \
    FUNCTION(precequ_ph_##name)                                                       \
    {                                                                                 \
        return dsp_halves((rt >> (high)*8 & 0xff) << 7, (rt >> (low)*8 & 0xff) << 7); \
    }                                                                                 \
    FUNCTION(preceu_ph_##name)                                                        \
    {                                                                                 \
        return dsp_halves(rt >> (high)*8 & 0xff, rt >> (low)*8 & 0xff);               \
    }

PRECISION(qbl, 3, 2)
PRECISION(qbr, 1, 0)
PRECISION(qbla, 3, 1)
PRECISION(qbra, 2, 0)

FUNCTION(preceq_w_phl)
{
    return rt & 0xffff0000;
}

FUNCTION(preceq_w_phr)
{
    return rt << 16;
}

FUNCTION(bitrev)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 16; i++) {
        v |= (rt >> i & 1) << (15 - i);
    }
    return v;
}

/* INSV: the lowest scount bits of rs to place pos. It is UNPREDICTABLE where they do not fit. */
FUNCTION(insv)
{
    uint32_t control = mips_cpu(cpu)->dspcontrol;
    unsigned pos = control & DSP_POS, size = control >> DSP_SCOUNT_SHIFT & 0x3f;
    uint64_t mask;

    if (pos + size > 32) {
        pos &= 31;
        size &= 31;
    }
    if (!size || pos + size > 33) {
        return rt;
    }
    mask = (~0ull >> (64 - size)) << pos;
    return (rt & ~mask) | (rs << pos & mask);
}

/* ---- shifts of rt by rs ---- */

#define SHIFTS(name, bits, is_signed, expression)                                   \
    static int64_t lane_##name(MipsCpu *c, int64_t b, unsigned n)                   \
    {                                                                               \
        return expression;                                                          \
    }                                                                               \
    FUNCTION(name)                                                                  \
    {                                                                               \
        uint64_t v = 0;                                                             \
                                                                                    \
        for (unsigned i = 0; i < 32 / (bits); i++) {                                \
            int64_t x = is_signed ? lane_s(rt, bits, i) : lane_u(rt, bits, i);      \
                                                                                    \
            v |= lane_put(lane_##name(mips_cpu(cpu), x, rs & ((bits)-1)), bits, i); \
        }                                                                           \
        return v;                                                                   \
    }

static int64_t dsp_shift_rounded(int64_t v, unsigned n)
{
    return n ? ((v >> (n - 1)) + 1) >> 1 : v;
}

SHIFTS(shll_qb, 8, false, dsp_fit_u(c, b << n, 8, false, DSP_OU_SHIFT))
SHIFTS(shll_ph, 16, true, dsp_fit_s(c, b *(int64_t)(1ull << n), 16, false, DSP_OU_SHIFT))
SHIFTS(shll_s_ph, 16, true, dsp_fit_s(c, b *(int64_t)(1ull << n), 16, true, DSP_OU_SHIFT))
SHIFTS(shll_s_w, 32, true, dsp_fit_s(c, b *(int64_t)(1ull << n), 32, true, DSP_OU_SHIFT))
SHIFTS(shrl_qb, 8, false, b >> n)
SHIFTS(shrl_ph, 16, false, b >> n)
SHIFTS(shra_qb, 8, true, b >> n)
SHIFTS(shra_ph, 16, true, b >> n)
SHIFTS(shra_r_qb, 8, true, dsp_shift_rounded(b, n))
SHIFTS(shra_r_ph, 16, true, dsp_shift_rounded(b, n))
SHIFTS(shra_r_w, 32, true, dsp_shift_rounded(b, n))

/* ---- accumulators ---- */

#define ACC(name) \
    uint64_t mips_dsp_##name(Cpu *cpu, uint64_t acc, uint64_t rs, uint64_t rt, uint64_t ac)
#define HS      lane_s(rs, 16, 1)
#define LS      lane_s(rs, 16, 0)
#define HT      lane_s(rt, 16, 1)
#define LT      lane_s(rt, 16, 0)
#define Q(a, b) dsp_mulq(mips_cpu(cpu), a, b, 16, DSP_OU_AC << ac)

#define ACC_IS(name, expression)             \
    ACC(name)                                \
    {                                        \
        return acc + (uint64_t)(expression); \
    }

/* Bytes of both, from byte @from. */
static int64_t dsp_dot_bytes(uint64_t rs, uint64_t rt, unsigned from)
{
    return lane_u(rs, 8, from) * lane_u(rt, 8, from) +
           lane_u(rs, 8, from + 1) * lane_u(rt, 8, from + 1);
}

ACC_IS(dpa_w_ph, HS *HT + LS * LT)
ACC_IS(dps_w_ph, -(HS *HT + LS * LT))
ACC_IS(dpax_w_ph, HS *LT + LS * HT)
ACC_IS(dpsx_w_ph, -(HS *LT + LS * HT))
ACC_IS(mulsa_w_ph, HS *HT - LS * LT)
ACC_IS(dpau_h_qbl, dsp_dot_bytes(rs, rt, 2))
ACC_IS(dpau_h_qbr, dsp_dot_bytes(rs, rt, 0))
ACC_IS(dpsu_h_qbl, -dsp_dot_bytes(rs, rt, 2))
ACC_IS(dpsu_h_qbr, -dsp_dot_bytes(rs, rt, 0))
ACC_IS(dpaq_s_w_ph, Q(HS, HT) + Q(LS, LT))
ACC_IS(dpsq_s_w_ph, -(Q(HS, HT) + Q(LS, LT)))
ACC_IS(mulsaq_s_w_ph, Q(HS, HT) - Q(LS, LT))
ACC_IS(dpaqx_s_w_ph, Q(HS, LT) + Q(LS, HT))
ACC_IS(dpsqx_s_w_ph, -(Q(HS, LT) + Q(LS, HT)))
ACC_IS(maq_s_w_phl, Q(HS, HT))
ACC_IS(maq_s_w_phr, Q(LS, LT))

/* MAQ_SA: to 32 bits by bits 32 and 31 alone, whatever is above. */
static uint64_t dsp_acc_low(Cpu *cpu, uint64_t acc, int64_t v, uint64_t ac)
{
    uint64_t sum = acc + (uint64_t)v;

    if ((sum >> 32 ^ sum >> 31) & 1) {
        dsp_flag(mips_cpu(cpu), DSP_OU_AC << ac);
        return (uint64_t)(sum >> 32 & 1 ? INT32_MIN : INT32_MAX);
    }
    return (uint64_t)(int32_t)sum;
}

/* DPAQX_SA, DPSQX_SA: the sum of 64 bits, saturated to 32. */
static uint64_t dsp_acc_fit(Cpu *cpu, uint64_t acc, int64_t v, uint64_t ac)
{
    int64_t sum = (int64_t)(acc + (uint64_t)v);

    return (uint64_t)dsp_fit_s(mips_cpu(cpu), sum, 32, true, DSP_OU_AC << ac);
}

ACC(dpaqx_sa_w_ph)
{
    return dsp_acc_fit(cpu, acc, Q(HS, LT) + Q(LS, HT), ac);
}

ACC(dpsqx_sa_w_ph)
{
    return dsp_acc_fit(cpu, acc, -(Q(HS, LT) + Q(LS, HT)), ac);
}

ACC(maq_sa_w_phl)
{
    return dsp_acc_low(cpu, acc, Q(HS, HT), ac);
}

ACC(maq_sa_w_phr)
{
    return dsp_acc_low(cpu, acc, Q(LS, LT), ac);
}

static uint64_t dsp_acc_word(Cpu *cpu, uint64_t acc, uint64_t rs, uint64_t rt, uint64_t ac,
                             bool subtract)
{
    MipsCpu *c = mips_cpu(cpu);
    int64_t p = dsp_mulq(c, (int32_t)rs, (int32_t)rt, 32, DSP_OU_AC << ac), v;
    bool clipped = subtract ? __builtin_sub_overflow((int64_t)acc, p, &v)
                            : __builtin_add_overflow((int64_t)acc, p, &v);

    if (clipped) {
        dsp_flag(c, DSP_OU_AC << ac);
        return (int64_t)acc < 0 ? 1ull << 63 : ~0ull >> 1;
    }
    return (uint64_t)v;
}

ACC(dpaq_sa_l_w)
{
    return dsp_acc_word(cpu, acc, rs, rt, ac, false);
}

ACC(dpsq_sa_l_w)
{
    return dsp_acc_word(cpu, acc, rs, rt, ac, true);
}

/* ---- extraction ---- */

#define EXTRACT(name) uint64_t mips_dsp_##name(Cpu *cpu, uint64_t acc, uint64_t count)

/*
 * The accumulator moved right by @count, with one more bit below; whether that or what it is
 * rounded to exceeds 32 bits.
 */
static __int128 dsp_extract(Cpu *cpu, uint64_t acc, uint64_t count, bool *over)
{
    __int128 v = ((__int128)(int64_t)acc * 2) >> (count & 31);
    __int128 whole = v >> 1, rounded = (v + 1) >> 1;

    *over = rounded != (int32_t)rounded;
    if (*over || whole != (int32_t)whole) {
        dsp_flag(mips_cpu(cpu), DSP_OU_EXTR);
    }
    return v;
}

EXTRACT(extr_w)
{
    bool over;

    return (uint64_t)(dsp_extract(cpu, acc, count, &over) >> 1);
}

EXTRACT(extr_r_w)
{
    bool over;

    return (uint64_t)((dsp_extract(cpu, acc, count, &over) + 1) >> 1);
}

EXTRACT(extr_rs_w)
{
    bool over;
    __int128 v = dsp_extract(cpu, acc, count, &over);

    return (uint64_t)(!over ? (v + 1) >> 1 : v < 0 ? INT32_MIN : INT32_MAX);
}

EXTRACT(extr_s_h)
{
    return (uint64_t)dsp_fit_s(mips_cpu(cpu), (int64_t)acc >> (count & 31), 16, true, DSP_OU_EXTR);
}

/* @count + 1 bits below and at pos; false, EFI: there are not so many. */
static bool dsp_extract_bits(Cpu *cpu, uint64_t acc, uint64_t count, uint64_t *v)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned pos = c->dspcontrol & DSP_POS, size = count & 31;

    *v = 0;
    if (pos < size) {
        dsp_flag(c, DSP_EFI);
        return false;
    }
    c->dspcontrol &= ~(uint32_t)DSP_EFI;
    *v = acc >> (pos - size) & (~0ull >> (63 - size));
    return true;
}

EXTRACT(extp)
{
    uint64_t v;

    dsp_extract_bits(cpu, acc, count, &v);
    return v;
}

EXTRACT(extpdp)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t v;

    if (dsp_extract_bits(cpu, acc, count, &v)) {
        c->dspcontrol = (c->dspcontrol & ~(uint32_t)DSP_POS) |
                        ((c->dspcontrol - (uint32_t)(count & 31) - 1) & DSP_POS);
    }
    return v;
}
