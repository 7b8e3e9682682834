/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIMD architecture at run time. Spec: Volume IV-j (MD00866).
 *
 * What the intermediate representation has no operation for: one function for whole vectors,
 * mips_helper_msa, of an operation and the numbers of its registers.
 */
#ifndef TARGET_MIPS_MSA_H
#define TARGET_MIPS_MSA_H

#include "target/mips/cpu.h"

/* MSACSR, Vol. IV-j, 3.4.2. */
enum {
    MSACSR_RM = 3,
    MSACSR_FLAGS_SHIFT = 2,
    MSACSR_ENABLES_SHIFT = 7,
    MSACSR_CAUSE_SHIFT = 12,
    MSACSR_NX = 1 << 18,
    MSACSR_FS = 1 << 24,
    MSACSR_WRITABLE = 0x0107ffff,
};

/* Each lane of the result follows from the same lanes of wd, ws and wt. */
/* clang-format off */
#define MIPS_MSA_LANES(X)                                                                          \
    X(add_a) X(adds_a) X(max_a) X(min_a) X(subsus_u) X(subsuu_s) X(div_s) X(div_u) X(mod_s)        \
    X(mod_u) X(binsl) X(binsr) X(pcnt) X(sat_s) X(sat_u) X(mul_q) X(madd_q) X(msub_q) X(mulr_q)    \
    X(maddr_q) X(msubr_q)
/* clang-format on */

/* Of pairs of lanes of half the size. */
/* clang-format off */
#define MIPS_MSA_PAIRS(X)                                                                          \
    X(dotp_s) X(dotp_u) X(dpadd_s) X(dpadd_u) X(dpsub_s) X(dpsub_u) X(hadd_s) X(hadd_u)            \
    X(hsub_s) X(hsub_u)
/* clang-format on */

/* clang-format off */
#define MIPS_MSA_MOVES(X)                                                                          \
    X(vshf) X(sld) X(splat)
/* clang-format on */

/* Floating point; comparisons in the order of their encodings. */
/* clang-format off */
#define MIPS_MSA_FP3(X)                                                                            \
    X(fadd) X(fsub) X(fmul) X(fdiv) X(fmadd) X(fmsub) X(fexp2) X(fexdo) X(ftq) X(fmin) X(fmin_a)   \
    X(fmax) X(fmax_a)
/* clang-format on */
/* clang-format off */
#define MIPS_MSA_FP_COMPARE(X)                                                                     \
    X(fcaf) X(fcun) X(fceq) X(fcueq) X(fclt) X(fcult) X(fcle) X(fcule) X(fsaf) X(fsun) X(fseq)     \
    X(fsueq) X(fslt) X(fsult) X(fsle) X(fsule) X(fcor) X(fcune) X(fcne) X(fsor) X(fsune) X(fsne)
/* clang-format on */
/* clang-format off */
#define MIPS_MSA_FP2(X)                                                                            \
    X(fclass) X(ftrunc_s) X(ftrunc_u) X(fsqrt) X(frsqrt) X(frcp) X(frint) X(flog2) X(fexupl)       \
    X(fexupr) X(ffql) X(ffqr) X(ftint_s) X(ftint_u) X(ffint_s) X(ffint_u)
/* clang-format on */

#define MIPS_MSA_OP(name) MSA_##name,
typedef enum MsaOp {
    MIPS_MSA_LANES(MIPS_MSA_OP) MIPS_MSA_PAIRS(MIPS_MSA_OP) MIPS_MSA_MOVES(MIPS_MSA_OP)
        MIPS_MSA_FP3(MIPS_MSA_OP) MIPS_MSA_FP_COMPARE(MIPS_MSA_OP) MIPS_MSA_FP2(MIPS_MSA_OP)
            MSA_N_OPS
} MsaOp;

/* The second operand of mips_helper_msa. */
enum {
    MSA_WD_SHIFT = 0,
    MSA_WS_SHIFT = 8,
    MSA_WT_SHIFT = 16,
    MSA_DF_SHIFT = 24,
    MSA_IMM = 1 << 26, /* lanes of wt are @imm */
};

uint64_t mips_helper_msa(Cpu *cpu, uint64_t op, uint64_t regs, uint64_t imm);
uint64_t mips_helper_msa_fp(Cpu *cpu, uint64_t op, uint64_t regs);
uint64_t mips_helper_ctcmsa(Cpu *cpu, uint64_t reg, uint64_t val);

#endif
