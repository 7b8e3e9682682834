/* SPDX-License-Identifier: Apache-2.0 */
/* The DSP ASE. Spec: Volume IV-e (MD00374). What an instruction computes is in dsp.c. */
#include "target/mips/dsp.h"

#include "target/mips/mips-decode.h"
#include "target/mips/translate.h"

#define CONTROL offsetof(MipsCpu, dspcontrol)

/* Status.MX enables it (Vol. IV-e, 4.2); else the DSP Disabled exception, and false. */
static bool dsp_check(Trans *t)
{
    if (!(t->mode_word & MIPS_MW_MX)) {
        mips_trans_raise(t, EXC_DSPDIS, 0);
        return false;
    }
    return true;
}

/* ---- two operands and a result ---- */

static bool dsp_call2(Trans *t, const IrHelper *h, unsigned rd, IrVal rs, IrVal rt)
{
    if (dsp_check(t)) {
        IrVal v = ir_call(t->ir, h, ir_zext64(t->ir, rs), ir_zext64(t->ir, rt), IR_NONE, IR_NONE);

        mips_set_r32(t, rd, ir_trunc(t->ir, v));
    }
    return true;
}

static bool dsp_3(Trans *t, const IrHelper *h, const ArgsDsp3 *a)
{
    return dsp_call2(t, h, a->rd, mips_r32(t, a->rs), mips_r32(t, a->rt));
}

static bool dsp_u(Trans *t, const IrHelper *h, const ArgsDspu *a)
{
    return dsp_call2(t, h, a->rd, ir_i32(t->ir, 0), mips_r32(t, a->rt));
}

static bool dsp_2(Trans *t, const IrHelper *h, const ArgsDsp2 *a)
{
    return dsp_call2(t, h, 0, mips_r32(t, a->rs), mips_r32(t, a->rt));
}

static bool dsp_i(Trans *t, const IrHelper *h, const ArgsDspi *a)
{
    return dsp_call2(t, h, a->rd, ir_i32(t->ir, a->sa), mips_r32(t, a->rt));
}

#define HELPER_PURE(name)                                                                          \
    static const IrHelper dsp_##name = { "dsp_" #name, (void (*)(void))mips_dsp_##name, IR_I64, 2, \
                                         IR_HELPER_PURE };
#define HELPER_STATE(name)                                                                         \
    static const IrHelper dsp_##name = { "dsp_" #name, (void (*)(void))mips_dsp_##name, IR_I64, 2, \
                                         IR_HELPER_WRITES };
#define HELPER_ACC_PURE(name)                                                                      \
    static const IrHelper dsp_##name = { "dsp_" #name, (void (*)(void))mips_dsp_##name, IR_I64, 4, \
                                         IR_HELPER_PURE };
#define HELPER_ACC(name)                                                                           \
    static const IrHelper dsp_##name = { "dsp_" #name, (void (*)(void))mips_dsp_##name, IR_I64, 4, \
                                         IR_HELPER_WRITES };

MIPS_DSP_PURE(HELPER_PURE)
MIPS_DSP_STATE(HELPER_STATE)
MIPS_DSP_ACC_PURE(HELPER_ACC_PURE)
MIPS_DSP_ACC(HELPER_ACC)
MIPS_DSP_EXTRACT(HELPER_STATE)

#define TRANS_3(name)                             \
    bool mips_##name(Trans *t, const ArgsDsp3 *a) \
    {                                             \
        return dsp_3(t, &dsp_##name, a);          \
    }
#define TRANS_2(name)                             \
    bool mips_##name(Trans *t, const ArgsDsp2 *a) \
    {                                             \
        return dsp_2(t, &dsp_##name, a);          \
    }
#define TRANS_U(name)                             \
    bool mips_##name(Trans *t, const ArgsDspu *a) \
    {                                             \
        return dsp_u(t, &dsp_##name, a);          \
    }
#define TRANS_I(name, helper)                     \
    bool mips_##name(Trans *t, const ArgsDspi *a) \
    {                                             \
        return dsp_i(t, &dsp_##helper, a);        \
    }
#define TRANS_V(name, helper)                     \
    bool mips_##name(Trans *t, const ArgsDsp3 *a) \
    {                                             \
        return dsp_3(t, &dsp_##helper, a);        \
    }

/* clang-format off */
#define LIST_3(X)                                                                                  \
    X(addu_qb) X(subu_qb) X(addu_s_qb) X(subu_s_qb) X(muleu_s_ph_qbl) X(muleu_s_ph_qbr)            \
    X(addu_ph) X(subu_ph) X(addq_ph) X(subq_ph) X(addu_s_ph) X(subu_s_ph) X(addq_s_ph)             \
    X(subq_s_ph) X(addsc) X(addwc) X(modsub) X(addq_s_w) X(subq_s_w) X(muleq_s_w_phl)              \
    X(muleq_s_w_phr) X(mulq_s_ph) X(mulq_rs_ph) X(cmpgu_eq_qb) X(cmpgu_lt_qb) X(cmpgu_le_qb)       \
    X(pick_qb) X(pick_ph) X(precrq_qb_ph) X(precr_qb_ph) X(packrl_ph) X(precrqu_s_qb_ph)           \
    X(precrq_ph_w) X(precrq_rs_ph_w) X(cmpgdu_eq_qb) X(cmpgdu_lt_qb) X(cmpgdu_le_qb) X(adduh_qb)   \
    X(subuh_qb) X(adduh_r_qb) X(subuh_r_qb) X(addqh_ph) X(subqh_ph) X(addqh_r_ph) X(subqh_r_ph)    \
    X(mul_ph) X(mul_s_ph) X(addqh_w) X(subqh_w) X(addqh_r_w) X(subqh_r_w) X(mulq_s_w)              \
    X(mulq_rs_w)
/* clang-format on */
/* clang-format off */
#define LIST_2(X)                                                                                  \
    X(cmpu_eq_qb) X(cmpu_lt_qb) X(cmpu_le_qb) X(cmp_eq_ph) X(cmp_lt_ph) X(cmp_le_ph)
/* clang-format on */
/* clang-format off */
#define LIST_U(X)                                                                                  \
    X(absq_s_qb) X(replv_qb) X(precequ_ph_qbl) X(precequ_ph_qbr) X(precequ_ph_qbla)                \
    X(precequ_ph_qbra) X(absq_s_ph) X(replv_ph) X(preceq_w_phl) X(preceq_w_phr) X(absq_s_w)        \
    X(bitrev) X(preceu_ph_qbl) X(preceu_ph_qbr) X(preceu_ph_qbla) X(preceu_ph_qbra)
/* clang-format on */
/* By an immediate and by a register. */
/* clang-format off */
#define LIST_SHIFT(X)                                                                              \
    X(shll_qb, shllv_qb) X(shrl_qb, shrlv_qb) X(shra_qb, shrav_qb) X(shra_r_qb, shrav_r_qb)        \
    X(shll_ph, shllv_ph) X(shra_ph, shrav_ph) X(shll_s_ph, shllv_s_ph) X(shra_r_ph, shrav_r_ph)    \
    X(shrl_ph, shrlv_ph) X(shll_s_w, shllv_s_w) X(shra_r_w, shrav_r_w)
/* clang-format on */
#define TRANS_SHIFT(name, by_register) TRANS_I(name, name) TRANS_V(by_register, name)

LIST_3(TRANS_3)
LIST_2(TRANS_2)
LIST_U(TRANS_U)
LIST_SHIFT(TRANS_SHIFT)

bool mips_raddu_w_qb(Trans *t, const ArgsDsprs *a)
{
    return dsp_call2(t, &dsp_raddu_w_qb, a->rd, mips_r32(t, a->rs), ir_i32(t->ir, 0));
}

static bool dsp_repl(Trans *t, unsigned rd, uint32_t v)
{
    if (dsp_check(t)) {
        mips_set_r32(t, rd, ir_i32(t->ir, v));
    }
    return true;
}

bool mips_repl_qb(Trans *t, const ArgsDspimm *a)
{
    return dsp_repl(t, a->rd, (uint32_t)(a->imm & 0xff) * 0x01010101);
}

bool mips_repl_ph(Trans *t, const ArgsDspimm *a)
{
    return dsp_repl(t, a->rd, (((a->imm ^ 0x200u) - 0x200u) & 0xffff) * 0x00010001);
}

/* ---- results in rt ---- */

/* The halfwords of rt and rs >> sa, rounded or not. */
static bool dsp_precr_sra(Trans *t, const ArgsDspsra *a, bool rounded)
{
    IrVal high, low;

    if (!dsp_check(t)) {
        return true;
    }
    high = ir_sext64(t->ir, mips_r32(t, a->rt));
    low = ir_sext64(t->ir, mips_r32(t, a->rs));
    if (rounded && a->sa) {
        high = ir_addi(t->ir, high, 1ll << (a->sa - 1));
        low = ir_addi(t->ir, low, 1ll << (a->sa - 1));
    }
    high = ir_trunc(t->ir, ir_sari(t->ir, high, a->sa));
    low = ir_trunc(t->ir, ir_sari(t->ir, low, a->sa));
    mips_set_r32(t, a->rt, ir_deposit(t->ir, low, high, 16, 16));
    return true;
}

bool mips_precr_sra_ph_w(Trans *t, const ArgsDspsra *a)
{
    return dsp_precr_sra(t, a, false);
}

bool mips_precr_sra_r_ph_w(Trans *t, const ArgsDspsra *a)
{
    return dsp_precr_sra(t, a, true);
}

bool mips_append(Trans *t, const ArgsDspsra *a)
{
    if (dsp_check(t) && a->sa) {
        mips_set_r32(t, a->rt,
                     ir_deposit(t->ir, ir_shli(t->ir, mips_r32(t, a->rt), a->sa),
                                mips_r32(t, a->rs), 0, a->sa));
    }
    return true;
}

bool mips_prepend(Trans *t, const ArgsDspsra *a)
{
    if (dsp_check(t) && a->sa) {
        mips_set_r32(t, a->rt, ir_extr(t->ir, mips_r32(t, a->rs), mips_r32(t, a->rt), a->sa));
    }
    return true;
}

/* By 0 and 2 bytes it is UNPREDICTABLE: nothing. */
bool mips_balign(Trans *t, const ArgsDspsra *a)
{
    if (dsp_check(t) && a->sa & 1) {
        mips_set_r32(t, a->rt,
                     ir_extr(t->ir, mips_r32(t, a->rt), mips_r32(t, a->rs), 32 - a->sa * 8));
    }
    return true;
}

bool mips_insv(Trans *t, const ArgsDsp2 *a)
{
    return dsp_call2(t, &dsp_insv, a->rt, mips_r32(t, a->rs), mips_r32(t, a->rt));
}

/* ---- accumulators ---- */

static uint32_t dsp_at(size_t base, unsigned ac)
{
    return (uint32_t)base + ac * (uint32_t)sizeof(uint64_t);
}

static IrVal dsp_half(Trans *t, size_t base, unsigned ac)
{
    return ir_get(t->ir, IR_I64, dsp_at(base, ac), 3);
}

static IrVal dsp_acc(Trans *t, unsigned ac)
{
    return ir_deposit(t->ir, dsp_half(t, offsetof(MipsCpu, lo), ac),
                      dsp_half(t, offsetof(MipsCpu, hi), ac), 32, 32);
}

static void dsp_set_acc(Trans *t, unsigned ac, IrVal v)
{
    ir_set(t->ir, dsp_at(offsetof(MipsCpu, hi), ac), 3,
           mips_extend(t, ir_trunc(t->ir, ir_shri(t->ir, v, 32))));
    ir_set(t->ir, dsp_at(offsetof(MipsCpu, lo), ac), 3, mips_extend(t, ir_trunc(t->ir, v)));
}

static bool dsp_accumulate(Trans *t, const IrHelper *h, const ArgsDspac *a)
{
    if (dsp_check(t)) {
        dsp_set_acc(t, a->ac,
                    ir_call(t->ir, h, dsp_acc(t, a->ac), ir_zext64(t->ir, mips_r32(t, a->rs)),
                            ir_zext64(t->ir, mips_r32(t, a->rt)), ir_i64(t->ir, a->ac)));
    }
    return true;
}

#define TRANS_ACC(name)                            \
    bool mips_##name(Trans *t, const ArgsDspac *a) \
    {                                              \
        return dsp_accumulate(t, &dsp_##name, a);  \
    }

MIPS_DSP_ACC_PURE(TRANS_ACC)
MIPS_DSP_ACC(TRANS_ACC)

static bool dsp_extract(Trans *t, const IrHelper *h, unsigned rt, unsigned ac, IrVal count)
{
    if (dsp_check(t)) {
        IrVal v = ir_call(t->ir, h, dsp_acc(t, ac), ir_zext64(t->ir, count), IR_NONE, IR_NONE);

        mips_set_r32(t, rt, ir_trunc(t->ir, v));
    }
    return true;
}

#define TRANS_EXTRACT(name, by_register)                                        \
    bool mips_##name(Trans *t, const ArgsDspext *a)                             \
    {                                                                           \
        return dsp_extract(t, &dsp_##name, a->rt, a->ac, ir_i32(t->ir, a->rs)); \
    }                                                                           \
    bool mips_##by_register(Trans *t, const ArgsDspac *a)                       \
    {                                                                           \
        return dsp_extract(t, &dsp_##name, a->rt, a->ac, mips_r32(t, a->rs));   \
    }

TRANS_EXTRACT(extr_w, extrv_w)
TRANS_EXTRACT(extr_r_w, extrv_r_w)
TRANS_EXTRACT(extr_rs_w, extrv_rs_w)
TRANS_EXTRACT(extr_s_h, extrv_s_h)
TRANS_EXTRACT(extp, extpv)
TRANS_EXTRACT(extpdp, extpdpv)

bool mips_shilo(Trans *t, const ArgsDspsh *a)
{
    if (dsp_check(t) && a->shift) {
        IrVal v = dsp_acc(t, a->ac);

        dsp_set_acc(t, a->ac,
                    a->shift > 0 ? ir_shri(t->ir, v, (unsigned)a->shift)
                                 : ir_shli(t->ir, v, (unsigned)-a->shift));
    }
    return true;
}

/* The low six bits of rs, signed: right where positive. */
bool mips_shilov(Trans *t, const ArgsDspmt *a)
{
    if (dsp_check(t)) {
        IrVal n = ir_sext(t->ir, mips_r(t, a->rs), 6), v = dsp_acc(t, a->ac);
        IrVal c = ir_setcond(t->ir, IR_I32, IR_LTS, n, ir_i64(t->ir, 0));

        dsp_set_acc(t, a->ac,
                    ir_select(t->ir, c, ir_op2(t->ir, IR_SHL, v, ir_neg(t->ir, n)),
                              ir_op2(t->ir, IR_SHR, v, n)));
    }
    return true;
}

/* LO goes to HI, rs to LO, pos grows by 32 (where it is more than that, UNPREDICTABLE: stays). */
bool mips_mthlip(Trans *t, const ArgsDspmt *a)
{
    if (dsp_check(t)) {
        IrVal control = ir_get(t->ir, IR_I32, CONTROL, 2);
        IrVal lo = dsp_half(t, offsetof(MipsCpu, lo), a->ac);
        IrVal pos = ir_andi(t->ir, control, DSP_POS);
        IrVal over = ir_setcond(t->ir, IR_I32, IR_GTU, pos, ir_i32(t->ir, 32));

        pos = ir_select(t->ir, over, pos, ir_addi(t->ir, pos, 32));
        ir_set(t->ir, dsp_at(offsetof(MipsCpu, hi), a->ac), 3, lo);
        ir_set(t->ir, dsp_at(offsetof(MipsCpu, lo), a->ac), 3, mips_r(t, a->rs));
        ir_set(t->ir, CONTROL, 2, ir_deposit(t->ir, control, pos, 0, 6));
    }
    return true;
}

static bool dsp_product(Trans *t, const ArgsDspmul *a, bool sign, IrOpcode op)
{
    IrVal x, y, p;

    if (!dsp_check(t)) {
        return true;
    }
    x = mips_r32(t, a->rs);
    y = mips_r32(t, a->rt);
    p = sign ? ir_mul(t->ir, ir_sext64(t->ir, x), ir_sext64(t->ir, y))
             : ir_mul(t->ir, ir_zext64(t->ir, x), ir_zext64(t->ir, y));
    dsp_set_acc(t, a->ac, op == IR_NOP ? p : ir_op2(t->ir, op, dsp_acc(t, a->ac), p));
    return true;
}

#define PRODUCT(name, sign, op)                     \
    bool mips_##name(Trans *t, const ArgsDspmul *a) \
    {                                               \
        return dsp_product(t, a, sign, op);         \
    }

PRODUCT(mult_ac, true, IR_NOP)
PRODUCT(multu_ac, false, IR_NOP)
PRODUCT(madd_ac, true, IR_ADD)
PRODUCT(maddu_ac, false, IR_ADD)
PRODUCT(msub_ac, true, IR_SUB)
PRODUCT(msubu_ac, false, IR_SUB)

static bool dsp_move_from(Trans *t, const ArgsDspmf *a, size_t base)
{
    if (dsp_check(t)) {
        mips_set_r(t, a->rd, dsp_half(t, base, a->ac));
    }
    return true;
}

bool mips_mfhi_ac(Trans *t, const ArgsDspmf *a)
{
    return dsp_move_from(t, a, offsetof(MipsCpu, hi));
}

bool mips_mflo_ac(Trans *t, const ArgsDspmf *a)
{
    return dsp_move_from(t, a, offsetof(MipsCpu, lo));
}

static bool dsp_move_to(Trans *t, const ArgsDspmt *a, size_t base)
{
    if (dsp_check(t)) {
        ir_set(t->ir, dsp_at(base, a->ac), 3, mips_r(t, a->rs));
    }
    return true;
}

bool mips_mthi_ac(Trans *t, const ArgsDspmt *a)
{
    return dsp_move_to(t, a, offsetof(MipsCpu, hi));
}

bool mips_mtlo_ac(Trans *t, const ArgsDspmt *a)
{
    return dsp_move_to(t, a, offsetof(MipsCpu, lo));
}

/* ---- DSPControl ---- */

/* Bits of RDDSP's and WRDSP's masks: pos, scount, c, ouflag, ccond, EFI. */
static uint32_t dsp_mask(unsigned mask)
{
    static const uint32_t parts[] = { DSP_POS, DSP_SCOUNT, DSP_C, DSP_OUFLAG, DSP_CCOND, DSP_EFI };
    uint32_t v = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        v |= mask >> i & 1 ? parts[i] : 0;
    }
    return v;
}

bool mips_rddsp(Trans *t, const ArgsDsprd *a)
{
    if (dsp_check(t)) {
        mips_set_r32(t, a->rd,
                     ir_andi(t->ir, ir_get(t->ir, IR_I32, CONTROL, 2), dsp_mask(a->mask)));
    }
    return true;
}

bool mips_wrdsp(Trans *t, const ArgsDspwr *a)
{
    if (dsp_check(t)) {
        uint32_t mask = dsp_mask(a->mask);
        IrVal old = ir_andi(t->ir, ir_get(t->ir, IR_I32, CONTROL, 2), ~mask);

        ir_set(t->ir, CONTROL, 2, ir_or(t->ir, old, ir_andi(t->ir, mips_r32(t, a->rs), mask)));
    }
    return true;
}

bool mips_bposge32(Trans *t, const ArgsDspbr *a)
{
    if (t->in_slot) {
        return false;
    }
    if (dsp_check(t)) {
        IrVal pos = ir_andi(t->ir, ir_get(t->ir, IR_I32, CONTROL, 2), DSP_POS);

        t->indirect = t->near_known = false;
        t->target = t->delta + 4 + a->offset;
        t->slot = SLOT_IF;
        t->cmp = IR_GEU;
        t->a = pos;
        t->b = ir_i32(t->ir, 32);
    }
    return true;
}

/* ---- loads ---- */

static bool dsp_load(Trans *t, const ArgsDspidx *a, unsigned size, uint32_t extra)
{
    if (dsp_check(t)) {
        IrVal sum = ir_add(t->ir, mips_r(t, a->base), mips_r(t, a->index));

        mips_set_r32(t, a->rd,
                     ir_ld(t->ir, IR_I32, mips_memop(t, size, extra), mips_addr_of(t, sum)));
    }
    return true;
}

bool mips_lwx(Trans *t, const ArgsDspidx *a)
{
    return dsp_load(t, a, 2, 0);
}

bool mips_lhx(Trans *t, const ArgsDspidx *a)
{
    return dsp_load(t, a, 1, IR_MO_SIGN);
}

bool mips_lbux(Trans *t, const ArgsDspidx *a)
{
    return dsp_load(t, a, 0, 0);
}
