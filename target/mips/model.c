/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU models. Values are those of the cores' Software User's Manuals (MD00016 4K, MD00343
 * 24K, MD00497 34K, MD00519 74K, MD00012 5K), with caches whose ways are a page, so that no guest
 * works around aliases that are not there.
 */
#include "target/mips/model.h"

static const MipsModel model_4kc = {
    .name = "4Kc",
    .doc = "MIPS32 4Kc, release 1",
    .prid = 0x00018000,
    .config = { CONFIG_M | CONFIG_R1_32, CONFIG1(16) & ~CONFIG_M },
    .features = FEATURES_R1,
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_ONE,
};

static const MipsModel model_24kc = {
    .name = "24Kc",
    .doc = "MIPS32 24Kc, release 2",
    .prid = 0x00019300,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_CA, CONFIG_M, CONFIG3_VINT },
    .features = FEATURES_M16,
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_FOUR,
};

static const MipsModel model_24kf = {
    .name = "24Kf",
    .doc = "MIPS32 24Kf, release 2, floating point",
    .prid = 0x00019300,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_CA | CONFIG1_FP, CONFIG_M,
                CONFIG3_VINT },
    .features = FEATURES_M16 | FEATURES_FP,
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_FOUR,
    .fir = FIR_FULL | 0x93 << 8,
};

static const MipsModel model_34kf = {
    .name = "34Kf",
    .doc = "MIPS32 34Kf, release 2, floating point, DSP",
    .prid = 0x00019500,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_CA | CONFIG1_FP, CONFIG_M,
                CONFIG3_ULRI | CONFIG3_VINT | CONFIG3_DSPP },
    .features = FEATURES_M16 | FEATURES_FP | FEAT(DSP),
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_FOUR,
    .fir = FIR_FULL | 0x95 << 8,
};

static const MipsModel model_74kf = {
    .name = "74Kf",
    .doc = "MIPS32 74Kf, release 2, floating point, DSP 2",
    .prid = 0x00019700,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_CA | CONFIG1_FP, CONFIG_M,
                CONFIG3_ULRI | CONFIG3_VINT | CONFIG3_DSPP | CONFIG3_DSP2P },
    .features = FEATURES_M16 | FEATURES_FP | FEAT(DSP) | FEAT(DSP2),
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_FOUR,
    .fir = FIR_FULL | 0x97 << 8,
};

static const MipsModel model_24kec = {
    .name = "24KEc",
    .doc = "MIPS32 24KEc, release 2, DSP",
    .prid = 0x00019600,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16) | CONFIG1_CA, CONFIG_M,
                CONFIG3_DSPP | CONFIG3_VINT },
    .features = FEATURES_M16 | FEAT(DSP),
    .tlb_entries = 16,
    .pa_bits = 32,
    .watch = WATCH_FOUR,
};

/* microMIPS and MIPS32; MIPS32 out of reset. */
static const MipsModel model_m14k = {
    .name = "M14K",
    .doc = "MIPS32 M14K, release 3, microMIPS, fixed mapping",
    .prid = 0x00019b00,
    .config = { CONFIG_M | (CONFIG_R2_32 & ~CONFIG_MT) | CONFIG_FIXED | CONFIG_FIXED_UNCACHED,
                CONFIG1(1), CONFIG_M, CONFIG3_ULRI | CONFIG3_ISA_BOTH | CONFIG3_VINT },
    .features = (FEATURES_M16 | FEAT(MICROMIPS)) & ~FEAT(TLB),
    .pa_bits = 32,
};

static const MipsModel model_m14kc = {
    .name = "M14Kc",
    .doc = "MIPS32 M14Kc, release 3, microMIPS",
    .prid = 0x00019c00,
    .config = { CONFIG_M | CONFIG_R2_32, CONFIG1(16), CONFIG_M,
                CONFIG3_ULRI | CONFIG3_ISA_BOTH | CONFIG3_VINT },
    .features = FEATURES_M16 | FEAT(MICROMIPS),
    .tlb_entries = 16,
    .pa_bits = 32,
};

const MipsModel *const mips_models[] = {
    &model_4kc,
    &model_24kc,
    &model_24kf,
    &model_34kf,
    &model_74kf,
    &mips_models_64[0],
    &mips_models_64[1],
    &mips_models_64[2],
    &mips_models_64[3],
    &mips_models_64[4],
    &mips_models_64[5],
    &model_24kec,
    &mips_model_p5600,
    &mips_models_loongson[0],
    &mips_models_loongson[1],
    &model_m14k,
    &model_m14kc,
    &mips_models_64[6],
    &mips_models_64[7],
    NULL,
};

static const DeviceType model_types[] = {
    MIPS_CPU_TYPE("4Kc"),  MIPS_CPU_TYPE("24Kc"),  MIPS_CPU_TYPE("24Kf"), MIPS_CPU_TYPE("34Kf"),
    MIPS_CPU_TYPE("74Kf"), MIPS_CPU_TYPE("24KEc"), MIPS_CPU_TYPE("M14K"), MIPS_CPU_TYPE("M14Kc"),
};

const DeviceType *const mips_cpu_types[] = {
    &model_types[0],
    &model_types[1],
    &model_types[2],
    &model_types[3],
    &model_types[4],
    &mips_cpu_types_64[0],
    &mips_cpu_types_64[1],
    &mips_cpu_types_64[2],
    &mips_cpu_types_64[3],
    &mips_cpu_types_64[4],
    &mips_cpu_types_64[5],
    &model_types[5],
    &mips_cpu_type_p5600,
    &mips_cpu_types_loongson[0],
    &mips_cpu_types_loongson[1],
    &model_types[6],
    &model_types[7],
    &mips_cpu_types_64[6],
    &mips_cpu_types_64[7],
    NULL,
};
