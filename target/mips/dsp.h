/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DSP ASE at run time. Spec: Volume IV-e (MD00374).
 *
 * Lists of operations for the translators (mips-dsp.c) and the functions behind them (dsp.c).
 */
#ifndef TARGET_MIPS_DSP_H
#define TARGET_MIPS_DSP_H

#include "target/mips/cpu.h"

/* DSPControl. */
enum {
    DSP_POS = 0x3f << 0,
    DSP_SCOUNT_SHIFT = 7,
    DSP_SCOUNT = 0x3f << DSP_SCOUNT_SHIFT,
    DSP_C = 1 << 13,
    DSP_EFI = 1 << 14,
    DSP_OUFLAG = 0xff << 16,
    DSP_CCOND_SHIFT = 24,
    DSP_CCOND = 0xf << DSP_CCOND_SHIFT,
    /* ouflag: 16 to 19 are the accumulators' */
    DSP_OU_AC = 1 << 16,
    DSP_OU_ADD = 1 << 20,
    DSP_OU_MUL = 1 << 21,
    DSP_OU_SHIFT = 1 << 22,
    DSP_OU_EXTR = 1 << 23,
};

/* The register result follows from two operands (rs, rt) alone. */
/* clang-format off */
#define MIPS_DSP_PURE(X)                                                                           \
    X(modsub) X(raddu_w_qb) X(cmpgu_eq_qb) X(cmpgu_lt_qb) X(cmpgu_le_qb) X(precrq_qb_ph)           \
    X(precr_qb_ph) X(packrl_ph) X(precrq_ph_w) X(replv_qb) X(precequ_ph_qbl) X(precequ_ph_qbr)     \
    X(precequ_ph_qbla) X(precequ_ph_qbra) X(replv_ph) X(preceq_w_phl) X(preceq_w_phr) X(bitrev)    \
    X(preceu_ph_qbl) X(preceu_ph_qbr) X(preceu_ph_qbla) X(preceu_ph_qbra) X(shrl_qb) X(shra_qb)    \
    X(shra_r_qb) X(shra_ph) X(shra_r_ph) X(shrl_ph) X(shra_r_w) X(adduh_qb) X(subuh_qb)            \
    X(adduh_r_qb) X(subuh_r_qb) X(addqh_ph) X(subqh_ph) X(addqh_r_ph) X(subqh_r_ph) X(addqh_w)     \
    X(subqh_w) X(addqh_r_w) X(subqh_r_w)
/* clang-format on */

/* It uses DSPControl too. */
/* clang-format off */
#define MIPS_DSP_STATE(X)                                                                          \
    X(addu_qb) X(subu_qb) X(addu_s_qb) X(subu_s_qb) X(muleu_s_ph_qbl) X(muleu_s_ph_qbr)            \
    X(addu_ph) X(subu_ph) X(addq_ph) X(subq_ph) X(addu_s_ph) X(subu_s_ph) X(addq_s_ph)             \
    X(subq_s_ph) X(addsc) X(addwc) X(addq_s_w) X(subq_s_w) X(muleq_s_w_phl) X(muleq_s_w_phr)       \
    X(mulq_s_ph) X(mulq_rs_ph) X(pick_qb) X(pick_ph) X(precrqu_s_qb_ph) X(precrq_rs_ph_w)          \
    X(cmpgdu_eq_qb) X(cmpgdu_lt_qb) X(cmpgdu_le_qb) X(cmpu_eq_qb) X(cmpu_lt_qb) X(cmpu_le_qb)      \
    X(cmp_eq_ph) X(cmp_lt_ph) X(cmp_le_ph) X(absq_s_qb) X(absq_s_ph) X(absq_s_w) X(shll_qb)        \
    X(shll_ph) X(shll_s_ph) X(shll_s_w) X(mul_ph) X(mul_s_ph) X(mulq_s_w) X(mulq_rs_w) X(insv)
/* clang-format on */

/* The new accumulator, of the old one, rs, rt and the accumulator's number. */
/* clang-format off */
#define MIPS_DSP_ACC_PURE(X)                                                                       \
    X(dpa_w_ph) X(dps_w_ph) X(mulsa_w_ph) X(dpau_h_qbl) X(dpau_h_qbr) X(dpax_w_ph) X(dpsx_w_ph)    \
    X(dpsu_h_qbl) X(dpsu_h_qbr)
/* clang-format on */
/* clang-format off */
#define MIPS_DSP_ACC(X)                                                                            \
    X(dpaq_s_w_ph) X(dpsq_s_w_ph) X(mulsaq_s_w_ph) X(dpaq_sa_l_w) X(dpsq_sa_l_w) X(maq_sa_w_phl)   \
    X(maq_sa_w_phr) X(maq_s_w_phl) X(maq_s_w_phr) X(dpaqx_s_w_ph) X(dpsqx_s_w_ph)                  \
    X(dpaqx_sa_w_ph) X(dpsqx_sa_w_ph)
/* clang-format on */

/* A register's value of an accumulator and a number of bits. */
/* clang-format off */
#define MIPS_DSP_EXTRACT(X)                                                                        \
    X(extr_w) X(extr_r_w) X(extr_rs_w) X(extr_s_h) X(extp) X(extpdp)
/* clang-format on */

#define MIPS_DSP_DECLARE2(name) uint64_t mips_dsp_##name(Cpu *cpu, uint64_t rs, uint64_t rt);
#define MIPS_DSP_DECLARE_ACC(name) \
    uint64_t mips_dsp_##name(Cpu *cpu, uint64_t acc, uint64_t rs, uint64_t rt, uint64_t ac);
#define MIPS_DSP_DECLARE_EXTRACT(name) \
    uint64_t mips_dsp_##name(Cpu *cpu, uint64_t acc, uint64_t count);

MIPS_DSP_PURE(MIPS_DSP_DECLARE2)
MIPS_DSP_STATE(MIPS_DSP_DECLARE2)
MIPS_DSP_ACC_PURE(MIPS_DSP_DECLARE_ACC)
MIPS_DSP_ACC(MIPS_DSP_DECLARE_ACC)
MIPS_DSP_EXTRACT(MIPS_DSP_DECLARE_EXTRACT)

#endif
