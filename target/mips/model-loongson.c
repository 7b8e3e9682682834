/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models of Loongson 3. Values are those of the Loongson 3A1000 and 3A3000/3A4000 Processor
 * User Manuals: first-level caches of 64 KiB, a shared one behind them.
 */
#include "target/mips/model.h"

enum {
    CONFIG2_SHARED = 7 << 8 | 4 << 4 | 3, /* 4 ways of 8192 sets of 32 bytes */
    CONFIG3_3A4000 = CONFIG3_LPA | CONFIG3_ULRI | CONFIG3_MSAP,
    CONFIG4_3A4000 = 0x1c << 16, /* KScratch1 to 3; Linux takes the width of ASIDs from there */
    FIR_LOONGSON = 0x7 << 20 | 0x7 << 16 | 0x05 << 8 | 0x01,
};

/* 512 sets of 4 ways of 32 bytes, both */
#define CONFIG1_LOONGSON \
    (CONFIG_M | 63u << 25 | 3 << 22 | 4 << 19 | 3 << 16 | 3 << 13 | 4 << 10 | 3 << 7 | CONFIG1_FP)

#define FEATURES_3A1000 (FEATURES_R2 | FEAT(M64) | FEATURES_FP | FEAT(LEXT) | FEAT(MMI))

const MipsModel mips_models_loongson[MIPS_MODELS_LOONGSON] = {
    {
        .name = "Loongson-3A1000",
        .doc = "Loongson 3A1000 (GS464)",
        .prid = 0x00006305,
        .config = { CONFIG_M | CONFIG_R2_64, CONFIG1_LOONGSON, CONFIG_M | CONFIG2_SHARED,
                    CONFIG3_LPA },
        .features = FEATURES_3A1000,
        .tlb_entries = 64,
        .seg_bits = 48,
        .pa_bits = 48,
        .fir = FIR_LOONGSON,
    },
    {
        .name = "Loongson-3A4000",
        .doc = "Loongson 3A4000 (GS464V), MSA",
        .prid = 0x0014c000,
        .config = { CONFIG_M | CONFIG_R2_64, CONFIG1_LOONGSON, CONFIG_M | CONFIG2_SHARED,
                    CONFIG_M | CONFIG3_3A4000, CONFIG_M | CONFIG4_3A4000 },
        .features = FEATURES_3A1000 | FEAT(LEXT2) | FEAT(MSA),
        .tlb_entries = 64,
        .seg_bits = 48,
        .pa_bits = 48,
        .fir = FIR_LOONGSON | 1 << 22,
        .msair = 0x0140,
    },
};

const DeviceType mips_cpu_types_loongson[MIPS_MODELS_LOONGSON] = {
    MIPS_CPU_TYPE("Loongson-3A1000"),
    MIPS_CPU_TYPE("Loongson-3A4000"),
};
