/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIMD architecture. Spec: Volume IV-j (MD00866), chapter 4. What the intermediate
 * representation has no operation for is in msa.c and msa-fp.c.
 */
#include "target/mips/msa.h"

#include "target/mips/mips-decode.h"
#include "target/mips/model.h"
#include "target/mips/translate.h"

enum { MSACSR = 1 };

static const IrHelper msa_int = { "msa", (void (*)(void))mips_helper_msa, IR_VOID, 3,
                                  IR_HELPER_WRITES };
static const IrHelper msa_fp = { "msa_fp", (void (*)(void))mips_helper_msa_fp, IR_VOID, 2,
                                 IR_HELPER_RAISES | IR_HELPER_WRITES };
static const IrHelper msa_control = { "ctcmsa", (void (*)(void))mips_helper_ctcmsa, IR_VOID, 2,
                                      IR_HELPER_RAISES | IR_HELPER_WRITES };

/*
 * Vol. IV-j, 3.5: with floating-point registers of 32 bits MSA is reserved; where Config5.MSAEn is
 * clear, the MSA Disabled exception. False: there is nothing more to translate, *reserved what the
 * translator returns.
 */
static bool msa_check(Trans *t, bool *ok)
{
    *ok = true;
    if (t->mode_word & MIPS_MW_CP1 && !(t->mode_word & MIPS_MW_FR)) {
        *ok = false;
        return false;
    }
    if (!(t->mode_word & MIPS_MW_MSA)) {
        mips_trans_raise(t, EXC_MSADIS, 0);
        return false;
    }
    return true;
}

#define MSA_BEGIN               \
    bool msa_ok;                \
                                \
    if (!msa_check(t, &msa_ok)) \
        return msa_ok;

static IrVal msa_get(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_V128, offsetof(MipsCpu, f) + reg * (uint32_t)sizeof(IrV128), 4);
}

static void msa_set(Trans *t, unsigned reg, IrVal v)
{
    ir_set(t->ir, offsetof(MipsCpu, f) + reg * (uint32_t)sizeof(IrV128), 4, v);
}

/* Every lane @value. */
static IrVal msa_const(Trans *t, unsigned df, uint64_t value)
{
    static const uint64_t repeat[4] = { 0x0101010101010101, 0x0001000100010001, 0x0000000100000001,
                                        1 };
    uint64_t v = (value & (~0ull >> (64 - (8u << df)))) * repeat[df & 3];

    return ir_vconst(t->ir, (IrV128){ .u64 = { v, v } });
}

static IrDesc msa_desc(unsigned df, unsigned variant)
{
    return ir_desc_with_variant(ir_desc(df, IR_W128), variant);
}

/* ---- operations of the intermediate representation ---- */

static IrVal msa_op2(Trans *t, IrOpcode op, unsigned df, unsigned variant, IrVal a, IrVal b)
{
    return ir_v2(t->ir, op, msa_desc(df, variant), a, b);
}

/* wd = ws op wt */
#define OP3(name, op, variant)                                                                   \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a)                                            \
    {                                                                                            \
        MSA_BEGIN                                                                                \
        msa_set(t, a->wd, msa_op2(t, op, a->df, variant, msa_get(t, a->ws), msa_get(t, a->wt))); \
        return true;                                                                             \
    }
/* wd = wt op ws */
#define OP3_REVERSE(name, op, variant)                                                           \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a)                                            \
    {                                                                                            \
        MSA_BEGIN                                                                                \
        msa_set(t, a->wd, msa_op2(t, op, a->df, variant, msa_get(t, a->wt), msa_get(t, a->ws))); \
        return true;                                                                             \
    }
/* wd = ws op an immediate in every lane */
#define OP_IMM(name, args, op, variant)                                   \
    bool mips_msa_##name(Trans *t, const args *a)                         \
    {                                                                     \
        MSA_BEGIN                                                         \
        msa_set(t, a->wd,                                                 \
                msa_op2(t, op, a->df, variant, msa_get(t, a->ws),         \
                        msa_const(t, a->df, (uint64_t)(int64_t)a->imm))); \
        return true;                                                      \
    }

OP3(addv, IR_VADD, 0)
OP3(subv, IR_VSUB, 0)
OP3(max_s, IR_VSMAX, 0)
OP3(max_u, IR_VUMAX, 0)
OP3(min_s, IR_VSMIN, 0)
OP3(min_u, IR_VUMIN, 0)
OP3(ceq, IR_VCMP, IR_EQ)
OP3(clt_s, IR_VCMP, IR_LTS)
OP3(clt_u, IR_VCMP, IR_LTU)
OP3(cle_s, IR_VCMP, IR_LES)
OP3(cle_u, IR_VCMP, IR_LEU)
OP3(adds_s, IR_VQADD, 1)
OP3(adds_u, IR_VQADD, 0)
OP3(subs_s, IR_VQSUB, 1)
OP3(subs_u, IR_VQSUB, 0)
OP3(ave_s, IR_VHADD, 1)
OP3(ave_u, IR_VHADD, 0)
OP3(aver_s, IR_VHADD, 3)
OP3(aver_u, IR_VHADD, 2)
OP3(asub_s, IR_VABD, 1)
OP3(asub_u, IR_VABD, 0)
OP3(mulv, IR_VMUL, 0)
OP3_REVERSE(pckev, IR_VUZP, 0)
OP3_REVERSE(pckod, IR_VUZP, 1)
OP3_REVERSE(ilvr, IR_VZIP, 0)
OP3_REVERSE(ilvl, IR_VZIP, 1)
OP3_REVERSE(ilvev, IR_VTRN, 0)
OP3_REVERSE(ilvod, IR_VTRN, 1)
OP_IMM(addvi, ArgsMsau5, IR_VADD, 0)
OP_IMM(subvi, ArgsMsau5, IR_VSUB, 0)
OP_IMM(maxi_s, ArgsMsai5, IR_VSMAX, 0)
OP_IMM(maxi_u, ArgsMsau5, IR_VUMAX, 0)
OP_IMM(mini_s, ArgsMsai5, IR_VSMIN, 0)
OP_IMM(mini_u, ArgsMsau5, IR_VUMIN, 0)
OP_IMM(ceqi, ArgsMsai5, IR_VCMP, IR_EQ)
OP_IMM(clti_s, ArgsMsai5, IR_VCMP, IR_LTS)
OP_IMM(clti_u, ArgsMsau5, IR_VCMP, IR_LTU)
OP_IMM(clei_s, ArgsMsai5, IR_VCMP, IR_LES)
OP_IMM(clei_u, ArgsMsau5, IR_VCMP, IR_LEU)

static bool msa_multiply_add(Trans *t, const ArgsMsa3 *a, IrOpcode op)
{
    MSA_BEGIN
    IrVal p = msa_op2(t, IR_VMUL, a->df, 0, msa_get(t, a->ws), msa_get(t, a->wt));

    msa_set(t, a->wd, msa_op2(t, op, a->df, 0, msa_get(t, a->wd), p));
    return true;
}

bool mips_msa_maddv(Trans *t, const ArgsMsa3 *a)
{
    return msa_multiply_add(t, a, IR_VADD);
}

bool mips_msa_msubv(Trans *t, const ArgsMsa3 *a)
{
    return msa_multiply_add(t, a, IR_VSUB);
}

bool mips_msa_nlzc(Trans *t, const ArgsMsa2 *a)
{
    MSA_BEGIN
    msa_set(t, a->wd, ir_v1(t->ir, IR_VCLZ, msa_desc(a->df, 0), msa_get(t, a->ws)));
    return true;
}

bool mips_msa_nloc(Trans *t, const ArgsMsa2 *a)
{
    MSA_BEGIN
    IrVal v = ir_v1(t->ir, IR_VNOT, msa_desc(a->df, 0), msa_get(t, a->ws));

    msa_set(t, a->wd, ir_v1(t->ir, IR_VCLZ, msa_desc(a->df, 0), v));
    return true;
}

/* ---- shifts and single bits ---- */

/* Counts are modulo the lane. */
static IrVal msa_count(Trans *t, const ArgsMsa3 *a)
{
    return msa_op2(t, IR_VAND, 0, 0, msa_get(t, a->wt), msa_const(t, a->df, (8u << a->df) - 1));
}

/* By VSHLV's @variant; right: by negative counts. */
static bool msa_shift(Trans *t, const ArgsMsa3 *a, bool right, unsigned variant)
{
    MSA_BEGIN
    IrVal n = msa_count(t, a);

    if (right) {
        n = ir_v1(t->ir, IR_VNEG, msa_desc(a->df, 0), n);
    }
    msa_set(t, a->wd, msa_op2(t, IR_VSHLV, a->df, variant, msa_get(t, a->ws), n));
    return true;
}

#define SHIFT(name, right, variant)                   \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a) \
    {                                                 \
        return msa_shift(t, a, right, variant);       \
    }

SHIFT(sll, false, 0)
SHIFT(srl, true, 0)
SHIFT(sra, true, 1)
SHIFT(srlr, true, 2)
SHIFT(srar, true, 3)

static bool msa_shift_imm(Trans *t, const ArgsMsabit *a, IrOpcode op, unsigned variant)
{
    MSA_BEGIN
    IrVal v = msa_get(t, a->ws);

    if (a->m) {
        IrDesc d = ir_desc_with_variant(ir_desc_imm(a->df, IR_W128, (uint16_t)a->m), variant);

        v = ir_v1(t->ir, op, d, v);
    }
    msa_set(t, a->wd, v);
    return true;
}

#define SHIFT_IMM(name, op, variant)                    \
    bool mips_msa_##name(Trans *t, const ArgsMsabit *a) \
    {                                                   \
        return msa_shift_imm(t, a, op, variant);        \
    }

SHIFT_IMM(slli, IR_VSHLI, 0)
SHIFT_IMM(srli, IR_VSHRI, 0)
SHIFT_IMM(srai, IR_VSARI, 0)
SHIFT_IMM(srlri, IR_VRSHRI, 0)
SHIFT_IMM(srari, IR_VRSHRI, 1)

/* VANDC, VOR, VXOR with one bit of each lane. */
#define ONE_BIT(name, op)                                                                    \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a)                                        \
    {                                                                                        \
        MSA_BEGIN                                                                            \
        IrVal bit = msa_op2(t, IR_VSHLV, a->df, 0, msa_const(t, a->df, 1), msa_count(t, a)); \
                                                                                             \
        msa_set(t, a->wd, msa_op2(t, op, 0, 0, msa_get(t, a->ws), bit));                     \
        return true;                                                                         \
    }                                                                                        \
    bool mips_msa_##name##i(Trans *t, const ArgsMsabit *a)                                   \
    {                                                                                        \
        MSA_BEGIN                                                                            \
        msa_set(t, a->wd,                                                                    \
                msa_op2(t, op, 0, 0, msa_get(t, a->ws), msa_const(t, a->df, 1ull << a->m))); \
        return true;                                                                         \
    }

ONE_BIT(bclr, IR_VANDC)
ONE_BIT(bset, IR_VOR)
ONE_BIT(bneg, IR_VXOR)

/* ---- bits ---- */

enum { BITS_AND, BITS_OR, BITS_NOR, BITS_XOR, BITS_BMNZ, BITS_BMZ, BITS_BSEL };

static IrVal msa_bits(Trans *t, unsigned how, IrVal d, IrVal s, IrVal w)
{
    IrDesc desc = msa_desc(0, 0);

    switch (how) {
    case BITS_AND:
        return ir_v2(t->ir, IR_VAND, desc, s, w);
    case BITS_OR:
        return ir_v2(t->ir, IR_VOR, desc, s, w);
    case BITS_NOR:
        return ir_v1(t->ir, IR_VNOT, desc, ir_v2(t->ir, IR_VOR, desc, s, w));
    case BITS_XOR:
        return ir_v2(t->ir, IR_VXOR, desc, s, w);
    case BITS_BMNZ: /* bits of ws where wt has ones */
        return ir_v3(t->ir, IR_VBSL, desc, w, s, d);
    case BITS_BMZ:
        return ir_v3(t->ir, IR_VBSL, desc, w, d, s);
    default: /* bits of wt where wd has ones */
        return ir_v3(t->ir, IR_VBSL, desc, d, w, s);
    }
}

#define BITS_V(name, how)                                                                   \
    bool mips_msa_##name##_v(Trans *t, const ArgsMsavec *a)                                 \
    {                                                                                       \
        MSA_BEGIN                                                                           \
        msa_set(t, a->wd,                                                                   \
                msa_bits(t, how, msa_get(t, a->wd), msa_get(t, a->ws), msa_get(t, a->wt))); \
        return true;                                                                        \
    }
#define BITS_B(name, how)                                                                         \
    bool mips_msa_##name##_b(Trans *t, const ArgsMsai8 *a)                                        \
    {                                                                                             \
        MSA_BEGIN                                                                                 \
        msa_set(t, a->wd,                                                                         \
                msa_bits(t, how, msa_get(t, a->wd), msa_get(t, a->ws), msa_const(t, 0, a->imm))); \
        return true;                                                                              \
    }

BITS_V(and, BITS_AND)
BITS_V(or, BITS_OR)
BITS_V(nor, BITS_NOR)
BITS_V(xor, BITS_XOR)
BITS_V(bmnz, BITS_BMNZ)
BITS_V(bmz, BITS_BMZ)
BITS_V(bsel, BITS_BSEL)
BITS_B(andi, BITS_AND)
BITS_B(ori, BITS_OR)
BITS_B(nori, BITS_NOR)
BITS_B(xori, BITS_XOR)
BITS_B(bmnzi, BITS_BMNZ)
BITS_B(bmzi, BITS_BMZ)
BITS_B(bseli, BITS_BSEL)

/* ---- lanes ---- */

bool mips_msa_ldi(Trans *t, const ArgsMsaldi *a)
{
    MSA_BEGIN
    msa_set(t, a->wd, msa_const(t, a->df, (uint64_t)(int64_t)a->imm));
    return true;
}

bool mips_msa_move_v(Trans *t, const ArgsMsamove *a)
{
    MSA_BEGIN
    msa_set(t, a->wd, msa_get(t, a->ws));
    return true;
}

/* Lanes of each group of four by two bits of the immediate: a table of bytes. */
bool mips_msa_shf(Trans *t, const ArgsMsashf *a)
{
    MSA_BEGIN
    IrV128 table;

    for (unsigned i = 0; i < 16; i++) {
        unsigned lane = i >> a->df, from = (lane & ~3u) | (a->imm >> lane % 4 * 2 & 3);

        table.u8[i] = (uint8_t)(from << a->df | (i & ((1u << a->df) - 1)));
    }
    msa_set(t, a->wd, msa_op2(t, IR_VTBL, 0, 0, msa_get(t, a->ws), ir_vconst(t->ir, table)));
    return true;
}

bool mips_msa_splati(Trans *t, const ArgsMsaelm *a)
{
    MSA_BEGIN
    msa_set(t, a->wd,
            ir_v1(t->ir, IR_VDUPLANE, ir_desc_imm(a->df, IR_W128, a->n), msa_get(t, a->ws)));
    return true;
}

/* Lane 0 of ws. */
bool mips_msa_insve(Trans *t, const ArgsMsaelm *a)
{
    MSA_BEGIN
    msa_set(t, a->wd,
            ir_v2(t->ir, IR_VINSLANE, ir_desc_imm(a->df, IR_W128, a->n), msa_get(t, a->wd),
                  msa_get(t, a->ws)));
    return true;
}

static bool msa_copy(Trans *t, const ArgsMsacopy *a, bool sign)
{
    MSA_BEGIN
    IrVal v = ir_vextract(t->ir, t->is64 ? IR_I64 : IR_I32, a->df, a->n, sign, msa_get(t, a->ws));

    if (t->is64) {
        mips_set_r(t, a->rd, v);
    } else {
        mips_set_r32(t, a->rd, v);
    }
    return true;
}

bool mips_msa_copy_s(Trans *t, const ArgsMsacopy *a)
{
    return msa_copy(t, a, true);
}

bool mips_msa_copy_u(Trans *t, const ArgsMsacopy *a)
{
    return msa_copy(t, a, false);
}

static IrVal msa_scalar(Trans *t, unsigned df, unsigned reg)
{
    return df == 3 ? mips_r(t, reg) : mips_r32(t, reg);
}

bool mips_msa_insert(Trans *t, const ArgsMsains *a)
{
    MSA_BEGIN
    msa_set(t, a->wd,
            ir_vinsert(t->ir, a->df, a->n, msa_get(t, a->wd), msa_scalar(t, a->df, a->rs)));
    return true;
}

bool mips_msa_fill(Trans *t, const ArgsMsafill *a)
{
    MSA_BEGIN
    msa_set(t, a->wd, ir_vdup(t->ir, a->df, IR_W128, msa_scalar(t, a->df, a->rs)));
    return true;
}

bool mips_msa_fill_d(Trans *t, const ArgsMsafill *a)
{
    return mips_is_64(t) && mips_msa_fill(t, a);
}

/* ---- helpers ---- */

static bool msa_call(Trans *t, MsaOp op, unsigned df, unsigned wd, unsigned ws, uint64_t wt,
                     IrVal imm)
{
    MSA_BEGIN
    uint64_t regs = wd << MSA_WD_SHIFT | ws << MSA_WS_SHIFT | wt | (uint64_t)df << MSA_DF_SHIFT;

    ir_call(t->ir, &msa_int, ir_i64(t->ir, op), ir_i64(t->ir, regs), imm, IR_NONE);
    return true;
}

static bool msa_call3(Trans *t, MsaOp op, unsigned df, const ArgsMsa3 *a)
{
    return msa_call(t, op, df, a->wd, a->ws, (uint64_t)a->wt << MSA_WT_SHIFT, ir_i64(t->ir, 0));
}

#define CALL3(name)                                   \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a) \
    {                                                 \
        return msa_call3(t, MSA_##name, a->df, a);    \
    }
/* 16-bit and 32-bit lanes */
#define CALL_Q(name)                                    \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a)   \
    {                                                   \
        return msa_call3(t, MSA_##name, a->df + 1u, a); \
    }
#define CALL_BIT(name, op)                                                               \
    bool mips_msa_##name(Trans *t, const ArgsMsabit *a)                                  \
    {                                                                                    \
        return msa_call(t, MSA_##op, a->df, a->wd, a->ws, MSA_IMM, ir_i64(t->ir, a->m)); \
    }
#define CALL_REG(name)                                         \
    bool mips_msa_##name(Trans *t, const ArgsMsareg *a)        \
    {                                                          \
        return msa_call(t, MSA_##name, a->df, a->wd, a->ws, 0, \
                        ir_zext64(t->ir, mips_r32(t, a->rt))); \
    }

CALL3(add_a)
CALL3(adds_a)
CALL3(max_a)
CALL3(min_a)
CALL3(subsus_u)
CALL3(subsuu_s)
CALL3(div_s)
CALL3(div_u)
CALL3(mod_s)
CALL3(mod_u)
CALL3(binsl)
CALL3(binsr)
CALL3(vshf)
MIPS_MSA_PAIRS(CALL3)
CALL_Q(mul_q)
CALL_Q(madd_q)
CALL_Q(msub_q)
CALL_Q(mulr_q)
CALL_Q(maddr_q)
CALL_Q(msubr_q)
CALL_BIT(binsli, binsl)
CALL_BIT(binsri, binsr)
CALL_BIT(sat_s, sat_s)
CALL_BIT(sat_u, sat_u)
CALL_REG(sld)
CALL_REG(splat)

bool mips_msa_pcnt(Trans *t, const ArgsMsa2 *a)
{
    return msa_call(t, MSA_pcnt, a->df, a->wd, a->ws, 0, ir_i64(t->ir, 0));
}

bool mips_msa_sldi(Trans *t, const ArgsMsaelm *a)
{
    return msa_call(t, MSA_sld, a->df, a->wd, a->ws, 0, ir_i64(t->ir, a->n));
}

/* ---- floating point ---- */

static bool msa_float(Trans *t, MsaOp op, unsigned df, unsigned wd, unsigned ws, unsigned wt)
{
    MSA_BEGIN
    uint64_t regs =
        wd << MSA_WD_SHIFT | ws << MSA_WS_SHIFT | wt << MSA_WT_SHIFT | (uint64_t)df << MSA_DF_SHIFT;

    ir_call(t->ir, &msa_fp, ir_i64(t->ir, op), ir_i64(t->ir, regs), IR_NONE, IR_NONE);
    return true;
}

#define FLOAT3(name)                                                      \
    bool mips_msa_##name(Trans *t, const ArgsMsa3 *a)                     \
    {                                                                     \
        return msa_float(t, MSA_##name, a->df + 2u, a->wd, a->ws, a->wt); \
    }
#define FLOAT2(name)                                                  \
    bool mips_msa_##name(Trans *t, const ArgsMsa2 *a)                 \
    {                                                                 \
        return msa_float(t, MSA_##name, a->df + 2u, a->wd, a->ws, 0); \
    }

MIPS_MSA_FP3(FLOAT3)
MIPS_MSA_FP_COMPARE(FLOAT3)
MIPS_MSA_FP2(FLOAT2)

bool mips_msa_cfcmsa(Trans *t, const ArgsMsacfc *a)
{
    MSA_BEGIN
    if (a->cs == MSACSR) {
        mips_set_r32(t, a->rd, ir_get(t->ir, IR_I32, offsetof(MipsCpu, msacsr), 2));
    } else {
        /* MSAIR: which implementation; no partition */
        mips_set_r32(t, a->rd, ir_i32(t->ir, a->cs ? 0 : t->cpu->model->msair));
    }
    return true;
}

bool mips_msa_ctcmsa(Trans *t, const ArgsMsactc *a)
{
    MSA_BEGIN
    ir_call(t->ir, &msa_control, ir_i64(t->ir, a->cd), ir_zext64(t->ir, mips_r32(t, a->rs)),
            IR_NONE, IR_NONE);
    return true;
}

/* ---- memory: lanes one behind another, lane 0 first, each in the CPU's byte order ---- */

static IrMemOp msa_memop(const Trans *t)
{
    return 4 | t->mode << IR_MO_MODE_SHIFT;
}

static IrVal msa_swap(Trans *t, unsigned df, IrVal v)
{
    return df && t->mode_word & MIPS_MW_BE ? ir_v1(t->ir, IR_VREV, msa_desc(0, df), v) : v;
}

bool mips_msa_ld(Trans *t, const ArgsMsamem *a)
{
    MSA_BEGIN
    IrVal at = mips_addr(t, a->base, (int64_t)a->offset * (1 << a->df));

    msa_set(t, a->wd, msa_swap(t, a->df, ir_ld(t->ir, IR_V128, msa_memop(t), at)));
    return true;
}

bool mips_msa_st(Trans *t, const ArgsMsamem *a)
{
    MSA_BEGIN
    IrVal at = mips_addr(t, a->base, (int64_t)a->offset * (1 << a->df));

    ir_st(t->ir, msa_memop(t), at, msa_swap(t, a->df, msa_get(t, a->wd)));
    return true;
}

/* ---- branches ---- */

static IrVal msa_any(Trans *t, IrVal v)
{
    return ir_or(t->ir, ir_vextract(t->ir, IR_I64, 3, 0, false, v),
                 ir_vextract(t->ir, IR_I64, 3, 1, false, v));
}

/* Where v `cmp` 0. */
static bool msa_branch(Trans *t, IrVal v, IrCmp cmp, int64_t offset)
{
    t->indirect = t->near_known = false;
    t->target = t->delta + 4 + offset;
    t->slot = SLOT_IF;
    t->cmp = cmp;
    t->a = v;
    t->b = ir_i64(t->ir, 0);
    return true;
}

/* BZ: any lane is zero. BNZ: none is. */
static bool msa_branch_df(Trans *t, const ArgsMsabr *a, IrCmp cmp)
{
    MSA_BEGIN
    if (t->in_slot) {
        return false;
    }
    return msa_branch(
        t, msa_any(t, msa_op2(t, IR_VCMP, a->df, IR_EQ, msa_get(t, a->wt), msa_const(t, a->df, 0))),
        cmp, a->offset);
}

bool mips_msa_bz(Trans *t, const ArgsMsabr *a)
{
    return msa_branch_df(t, a, IR_NE);
}

bool mips_msa_bnz(Trans *t, const ArgsMsabr *a)
{
    return msa_branch_df(t, a, IR_EQ);
}

static bool msa_branch_v(Trans *t, const ArgsMsabrv *a, IrCmp cmp)
{
    MSA_BEGIN
    return !t->in_slot && msa_branch(t, msa_any(t, msa_get(t, a->wt)), cmp, a->offset);
}

bool mips_msa_bz_v(Trans *t, const ArgsMsabrv *a)
{
    return msa_branch_v(t, a, IR_EQ);
}

bool mips_msa_bnz_v(Trans *t, const ArgsMsabrv *a)
{
    return msa_branch_v(t, a, IR_NE);
}

/* ---- LSA, DLSA: registers alone ---- */

bool mips_lsa(Trans *t, const ArgsMsalsa *a)
{
    mips_set_r32(t, a->rd,
                 ir_add(t->ir, ir_shli(t->ir, mips_r32(t, a->rs), a->sa), mips_r32(t, a->rt)));
    return true;
}

bool mips_dlsa(Trans *t, const ArgsMsalsa *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, ir_add(t->ir, ir_shli(t->ir, mips_r(t, a->rs), a->sa), mips_r(t, a->rt)));
    return true;
}
