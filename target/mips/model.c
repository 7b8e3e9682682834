/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU models. Values are those of the cores' Software User's Manuals (MD00016 4K, MD00343
 * 24K, MD00497 34K, MD00519 74K, MD00012 5K), with caches whose ways are a page, so that no guest
 * works around aliases that are not there, and without what is not modelled (MIPS16e, DSP).
 */
#include "target/mips/model.h"

#define FEAT(name) (1ull << MIPS_FEAT_##name)

enum {
    CONFIG_M = 1u << 31,
    CONFIG_R1_32 = 1 << 7 | 2,           /* MT: TLB; K0: uncached */
    CONFIG_R2_32 = 1 << 10 | 1 << 7 | 2, /* AR: release 2 */
    CONFIG_R1_64 = 2 << 13 | 1 << 7 | 2, /* AT: MIPS64 */
    CONFIG_R2_64 = 2 << 13 | 1 << 10 | 1 << 7 | 2,
    /* 128 sets of 4 ways of 32 bytes, both caches */
    CONFIG1_CACHES = 1 << 22 | 4 << 19 | 3 << 16 | 1 << 13 | 4 << 10 | 3 << 7,
    CONFIG1_FP = 1 << 0,
    CONFIG1_EP = 1 << 1,
    CONFIG3_ULRI = 1 << 13,
    /* FIR: F64, L, W, D, S */
    FIR_FULL = 1 << 22 | 1 << 21 | 1 << 20 | 1 << 17 | 1 << 16,
};

#define CONFIG1(entries) (CONFIG_M | (unsigned)((entries)-1) << 25 | CONFIG1_CACHES | CONFIG1_EP)

#define FEATURES_R1 (FEAT(LEGACY) | FEAT(TLB))
#define FEATURES_R2 (FEATURES_R1 | FEAT(R2))
#define FEATURES_FP (FEAT(FPU) | FEAT(FPU64))

static const MipsModel model_4kc = {
    .name = "4Kc",
    .doc = "MIPS32 4Kc, release 1",
    .prid = 0x00018000,
    .config = { CONFIG_M | CONFIG_R1_32, CONFIG1(16) & ~CONFIG_M },
    .features = FEATURES_R1,
    .tlb_entries = 16,
    .pa_bits = 32,
};

static const MipsModel model_24kc = {
    .name = "24Kc",
    .doc = "MIPS32 24Kc, release 2",
    .prid = 0x00019300,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16), CONFIG_M, 0 },
    .features = FEATURES_R2,
    .tlb_entries = 16,
    .pa_bits = 32,
};

static const MipsModel model_24kf = {
    .name = "24Kf",
    .doc = "MIPS32 24Kf, release 2, floating point",
    .prid = 0x00019300,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_FP, CONFIG_M, 0 },
    .features = FEATURES_R2 | FEATURES_FP,
    .tlb_entries = 16,
    .pa_bits = 32,
    .fir = FIR_FULL | 0x93 << 8,
};

static const MipsModel model_34kf = {
    .name = "34Kf",
    .doc = "MIPS32 34Kf, release 2, floating point",
    .prid = 0x00019500,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_FP, CONFIG_M, CONFIG3_ULRI },
    .features = FEATURES_R2 | FEATURES_FP,
    .tlb_entries = 16,
    .pa_bits = 32,
    .fir = FIR_FULL | 0x95 << 8,
};

static const MipsModel model_74kf = {
    .name = "74Kf",
    .doc = "MIPS32 74Kf, release 2, floating point",
    .prid = 0x00019700,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_FP, CONFIG_M, CONFIG3_ULRI },
    .features = FEATURES_R2 | FEATURES_FP,
    .tlb_entries = 16,
    .pa_bits = 32,
    .fir = FIR_FULL | 0x97 << 8,
};

const MipsModel *const mips_models[] = {
    &model_4kc, &model_24kc, &model_24kf, &model_34kf, &model_74kf, NULL,
};

#define TYPE(model)                                                                    \
    {                                                                                  \
        .name = model "-mips-cpu", .doc = "MIPS CPU " model, .base = &device_mips_cpu, \
        .size = sizeof(MipsCpu), .start = mips_cpu_start,                              \
    }

static const DeviceType model_types[] = {
    TYPE("4Kc"), TYPE("24Kc"), TYPE("24Kf"), TYPE("34Kf"), TYPE("74Kf"),
};

const DeviceType *const mips_cpu_types[] = {
    &model_types[0], &model_types[1], &model_types[2], &model_types[3], &model_types[4], NULL,
};
