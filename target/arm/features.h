/* SPDX-License-Identifier: Apache-2.0 */
/* Architecture features a CPU model has or lacks; the generated decoder tests them. */
#ifndef TARGET_ARM_FEATURES_H
#define TARGET_ARM_FEATURES_H

#include <stdint.h>

/* ARM_FEATURES(F): F(NAME, "needs" word of the .insn files) */
/* clang-format off */
#define ARM_FEATURES(F)                                                                           \
    F(LSE, "lse")                                                                                 \
    F(LSE2, "lse2") F(RDM, "rdm") F(CRC32, "crc32") F(AES, "aes") F(PMULL, "pmull")               \
        F(SHA1, "sha1") F(SHA256, "sha256") F(SHA512, "sha512") F(SHA3, "sha3") F(SM3, "sm3")     \
            F(SM4, "sm4") F(PAN, "pan") F(PAN2, "pan2") F(UAO, "uao") F(FP16, "fp16")             \
                F(FHM, "fhm") F(DOTPROD, "dotprod") F(JSCVT, "jscvt") F(FCMA, "fcma")             \
                    F(LRCPC, "lrcpc") F(LRCPC2, "lrcpc2") F(FLAGM, "flagm") F(FLAGM2, "flagm2")   \
                        F(FRINTTS, "frintts") F(SB, "sb") F(SSBS, "ssbs") F(SPECRES, "specres")   \
                            F(DPB, "dpb") F(DPB2, "dpb2") F(I8MM, "i8mm") F(BF16, "bf16")         \
                                F(PAUTH, "pauth") F(BTI, "bti") F(DIT, "dit") F(HAFDBS, "hafdbs") \
                                    F(LOR, "lor") F(VHE, "vhe") F(EL2, "el2") F(EL3, "el3")       \
                                        F(PMU, "pmu") F(TTST, "ttst")
/* clang-format on */

typedef enum ArmFeature {
#define F(name, word) ARM_FEAT_##name,
    ARM_FEATURES(F)
#undef F
        ARM_N_FEATURES
} ArmFeature;

#endif
