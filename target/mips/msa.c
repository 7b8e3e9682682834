/* SPDX-License-Identifier: Apache-2.0 */
/* MSA's integer operations at run time. Spec: Volume IV-j (MD00866), chapter 4. */
#include "target/mips/msa.h"

#include "target/mips/helper.h"

#include <string.h>

static int64_t lane_s(const IrV128 *v, unsigned df, unsigned i)
{
    switch (df) {
    case 0:
        return v->s8[i];
    case 1:
        return v->s16[i];
    case 2:
        return v->s32[i];
    default:
        return v->s64[i];
    }
}

static uint64_t lane_u(const IrV128 *v, unsigned df, unsigned i)
{
    return (uint64_t)lane_s(v, df, i) & (~0ull >> (64 - (8u << df)));
}

static void lane_put(IrV128 *v, unsigned df, unsigned i, uint64_t x)
{
    switch (df) {
    case 0:
        v->u8[i] = (uint8_t)x;
        break;
    case 1:
        v->u16[i] = (uint16_t)x;
        break;
    case 2:
        v->u32[i] = (uint32_t)x;
        break;
    default:
        v->u64[i] = x;
        break;
    }
}

static uint64_t lane_mask(unsigned df)
{
    return ~0ull >> (64 - (8u << df));
}

static int64_t lane_max(unsigned df)
{
    return (int64_t)(lane_mask(df) >> 1);
}

/* ---- lane by lane: d, s and t are sign-extended ---- */

typedef uint64_t MsaLane(int64_t d, int64_t s, int64_t t, unsigned df);

#define LANE(name) static uint64_t msa_##name(int64_t d, int64_t s, int64_t t, unsigned df)
#define U(x)       ((uint64_t)(x)&lane_mask(df))

static uint64_t msa_abs(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

LANE(add_a)
{
    return msa_abs(s) + msa_abs(t);
}

LANE(adds_a)
{
    uint64_t max = (uint64_t)lane_max(df), a = MIN(msa_abs(s), max), b = MIN(msa_abs(t), max);

    return MIN(a + b, max);
}

LANE(max_a)
{
    return (uint64_t)(msa_abs(s) > msa_abs(t) ? s : t);
}

LANE(min_a)
{
    return (uint64_t)(msa_abs(s) < msa_abs(t) ? s : t);
}

/* Unsigned less signed, to unsigned. */
LANE(subsus_u)
{
    uint64_t a = U(s), v;

    if (t >= 0) {
        return a > (uint64_t)t ? a - (uint64_t)t : 0;
    }
    return __builtin_add_overflow(a, msa_abs(t), &v) || v > lane_mask(df) ? lane_mask(df) : v;
}

/* Unsigned less unsigned, to signed. */
LANE(subsuu_s)
{
    uint64_t a = U(s), b = U(t), max = (uint64_t)lane_max(df);

    return a >= b ? MIN(a - b, max) : 0 - MIN(b - a, max + 1);
}

/* By zero is UNPREDICTABLE. */
LANE(div_s)
{
    if (!t) {
        return s >= 0 ? ~0ull : 1;
    }
    return t == -1 ? 0 - (uint64_t)s : (uint64_t)(s / t);
}

LANE(div_u)
{
    return U(t) ? U(s) / U(t) : ~0ull;
}

LANE(mod_s)
{
    return !t ? (uint64_t)s : t == -1 ? 0 : (uint64_t)(s % t);
}

LANE(mod_u)
{
    return U(t) ? U(s) % U(t) : (uint64_t)s;
}

/* The upper t + 1 bits of s. */
LANE(binsl)
{
    unsigned bits = 8u << df, n = ((unsigned)t & (bits - 1)) + 1;
    uint64_t keep = n == bits ? 0 : ~0ull >> (64 - bits + n);

    return ((uint64_t)d & keep) | ((uint64_t)s & ~keep);
}

LANE(binsr)
{
    unsigned n = ((unsigned)t & ((8u << df) - 1)) + 1;
    uint64_t take = ~0ull >> (64 - n);

    return ((uint64_t)d & ~take) | ((uint64_t)s & take);
}

LANE(pcnt)
{
    uint64_t v = U(s), n = 0;

    for (; v; v &= v - 1) {
        n++;
    }
    return n;
}

/* To t + 1 bits. */
LANE(sat_s)
{
    int64_t max = (int64_t)(~0ull >> (64 - (unsigned)t - 1) >> 1);

    return (uint64_t)(s > max ? max : s < -max - 1 ? -max - 1 : s);
}

LANE(sat_u)
{
    uint64_t max = ~0ull >> (64 - (unsigned)t - 1);

    return MIN(U(s), max);
}

/* Fixed point: of @v, with twice the fraction bits, saturated. df is 1 or 2. */
static uint64_t msa_fixed(int64_t v, unsigned df, bool rounded)
{
    unsigned fraction = (8u << df) - 1;
    int64_t max = lane_max(df);

    v = (v + (rounded ? 1ll << (fraction - 1) : 0)) >> fraction;
    return (uint64_t)(v > max ? max : v < -max - 1 ? -max - 1 : v);
}

static int64_t msa_scaled(int64_t d, unsigned df)
{
    return d * (1ll << ((8u << df) - 1));
}

LANE(mul_q)
{
    return msa_fixed(s * t, df, false);
}

LANE(mulr_q)
{
    return msa_fixed(s * t, df, true);
}

LANE(madd_q)
{
    return msa_fixed(msa_scaled(d, df) + s * t, df, false);
}

LANE(maddr_q)
{
    return msa_fixed(msa_scaled(d, df) + s * t, df, true);
}

LANE(msub_q)
{
    return msa_fixed(msa_scaled(d, df) - s * t, df, false);
}

LANE(msubr_q)
{
    return msa_fixed(msa_scaled(d, df) - s * t, df, true);
}

#define LANE_ENTRY(name) [MSA_##name] = msa_##name,
static MsaLane *const msa_lanes[MSA_N_OPS] = { MIPS_MSA_LANES(LANE_ENTRY) };

/* ---- pairs of lanes of half the size ---- */

static uint64_t msa_half(const IrV128 *v, unsigned df, unsigned i, bool is_signed)
{
    return is_signed ? (uint64_t)lane_s(v, df - 1, i) : lane_u(v, df - 1, i);
}

/* Odd and even lanes' products; the odd lane of ws and the even one of wt. */
static uint64_t msa_pair(unsigned op, uint64_t d, const IrV128 *s, const IrV128 *t, unsigned df,
                         unsigned i)
{
    bool is_signed = op == MSA_dotp_s || op == MSA_dpadd_s || op == MSA_dpsub_s ||
                     op == MSA_hadd_s || op == MSA_hsub_s;
    uint64_t s1 = msa_half(s, df, 2 * i + 1, is_signed), s0 = msa_half(s, df, 2 * i, is_signed);
    uint64_t t1 = msa_half(t, df, 2 * i + 1, is_signed), t0 = msa_half(t, df, 2 * i, is_signed);
    uint64_t dot = s1 * t1 + s0 * t0;

    switch (op) {
    case MSA_dotp_s:
    case MSA_dotp_u:
        return dot;
    case MSA_dpadd_s:
    case MSA_dpadd_u:
        return d + dot;
    case MSA_dpsub_s:
    case MSA_dpsub_u:
        return d - dot;
    case MSA_hadd_s:
    case MSA_hadd_u:
        return s1 + t0;
    default:
        return s1 - t0;
    }
}

/* ---- moves ---- */

/* Lanes of wt, then of ws, by wd's numbers; zero where bit 6 or 7 of one is set. */
static IrV128 msa_vshf(const IrV128 *d, const IrV128 *s, const IrV128 *t, unsigned df)
{
    unsigned n = 16u >> df;
    IrV128 v = { 0 };

    for (unsigned i = 0; i < n; i++) {
        uint64_t k = lane_u(d, df, i), from = (k & 0x3f) % (2 * n);

        if (!(k & 0xc0)) {
            lane_put(&v, df, i,
                     from < n ? lane_u(t, df, (unsigned)from) : lane_u(s, df, (unsigned)from - n));
        }
    }
    return v;
}

/* Each row of 16 >> df bytes: wd's above ws's, moved down by @by bytes. */
static IrV128 msa_sld(const IrV128 *d, const IrV128 *s, unsigned df, uint64_t by)
{
    unsigned row = 16u >> df;
    IrV128 v;

    for (unsigned i = 0; i < 16; i++) {
        unsigned at = i % row + (unsigned)(by % row), base = i - i % row;

        v.u8[i] = at < row ? s->u8[base + at] : d->u8[base + at - row];
    }
    return v;
}

uint64_t mips_helper_msa(Cpu *cpu, uint64_t op, uint64_t regs, uint64_t imm)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned df = regs >> MSA_DF_SHIFT & 3, n = 16u >> df;
    IrV128 *out = &c->f[regs >> MSA_WD_SHIFT & 31], d = *out, v;
    IrV128 s = c->f[regs >> MSA_WS_SHIFT & 31], t = c->f[regs >> MSA_WT_SHIFT & 31];

    for (unsigned i = 0; regs & MSA_IMM && i < n; i++) {
        lane_put(&t, df, i, imm);
    }
    if (op == MSA_vshf) {
        v = msa_vshf(&d, &s, &t, df);
    } else if (op == MSA_sld) {
        v = msa_sld(&d, &s, df, imm);
    } else {
        for (unsigned i = 0; i < n; i++) {
            uint64_t x;

            if (op == MSA_splat) {
                x = lane_u(&s, df, (unsigned)(imm % n));
            } else if (msa_lanes[op]) {
                x = msa_lanes[op](lane_s(&d, df, i), lane_s(&s, df, i), lane_s(&t, df, i), df);
            } else {
                x = msa_pair((unsigned)op, lane_u(&d, df, i), &s, &t, df, i);
            }
            lane_put(&v, df, i, x);
        }
    }
    *out = v;
    return 0;
}
