/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models of 64 bits and of release 6. Values are those of the cores' Software User's Manuals
 * (MD00012 5K, MD00298 20Kc, MIPS R4000 User's Manual); caches and what is not modelled: as in
 * model.c.
 */
#include "target/mips/model.h"

#define FEATURES_64 (FEATURES_R1 | FEAT(M64))

#define FEATURES_R6                                                                         \
    (FEAT(TLB) | FEAT(MIPS4) | FEAT(R1) | FEAT(R2) | FEAT(R6) | FEAT(RIXI) | FEAT(TLBINV) | \
     FEAT(LLB) | FEAT(BADI))

enum {
    CONFIG_R6_32 = 2 << 10 | 1 << 7 | 2, /* AR: release 6 */
    CONFIG_R6_64 = 2 << 13 | 2 << 10 | 1 << 7 | 2,
    CONFIG5_XNP = 1 << 13, /* no LLX and SCX pairs */
    FIR_HAS2008 = 1 << 23,
    FCR31_2008 = 1 << 19 | 1 << 18, /* ABS2008, NAN2008 */
    /* The R4000's Config: direct-mapped caches of 8 KiB, lines of 32 bytes, no second-level one. */
    CONFIG_R4000 = 1 << 17 | 1 << 9 | 1 << 6 | 1 << 5 | 1 << 4 | 2,
};

const MipsModel mips_models_64[MIPS_MODELS_64] = {
    {
        .name = "5Kc",
        .doc = "MIPS64 5Kc, release 1",
        .prid = 0x00018100,
        .config = { CONFIG_M | CONFIG_R1_64, CONFIG1(32) & ~CONFIG_M },
        .features = FEATURES_64,
        .tlb_entries = 32,
        .seg_bits = 42,
        .pa_bits = 36,
        .watch = WATCH_ONE,
    },
    {
        .name = "5Kf",
        .doc = "MIPS64 5Kf, release 1, floating point",
        .prid = 0x00018100,
        .config = { CONFIG_M | CONFIG_R1_64, (CONFIG1(32) | CONFIG1_FP) & ~CONFIG_M },
        .features = FEATURES_64 | FEATURES_FP,
        .tlb_entries = 32,
        .seg_bits = 42,
        .pa_bits = 36,
        .watch = WATCH_ONE,
        .fir = 1 << 17 | 1 << 16 | 0x81 << 8,
    },
    {
        .name = "20Kc",
        .doc = "MIPS64 20Kc, release 1, floating point",
        .prid = 0x000182a0,
        .config = { CONFIG_M | CONFIG_R1_64, (CONFIG1(48) | CONFIG1_FP) & ~CONFIG_M },
        .features = FEATURES_64 | FEATURES_FP | FEAT(PS),
        .tlb_entries = 48,
        .seg_bits = 40,
        .pa_bits = 36,
        .fir = 1 << 18 | 1 << 17 | 1 << 16 | 0x82 << 8,
    },
    {
        .name = "5KEf",
        .doc = "MIPS64 5KEf, release 2, floating point",
        .prid = 0x00018900,
        .config = { CONFIG_M | CONFIG_R2_64, CONFIG1(32) | CONFIG1_FP, CONFIG_M, CONFIG3_ULRI },
        .features = FEATURES_64 | FEAT(R2) | FEATURES_FP,
        .tlb_entries = 32,
        .seg_bits = 42,
        .pa_bits = 36,
        .watch = WATCH_ONE,
        .fir = FIR_FULL | 0x89 << 8,
    },
    {
        .name = "MIPS64R2-generic",
        .doc = "MIPS64 release 2, floating point",
        .prid = 0x00010000,
        .config = { CONFIG_M | CONFIG_R2_64, CONFIG1(64) | CONFIG1_FP, CONFIG_M, CONFIG3_ULRI },
        .features = FEATURES_64 | FEAT(R2) | FEATURES_FP | FEAT(PS),
        .tlb_entries = 64,
        .seg_bits = 42,
        .pa_bits = 36,
        .fir = FIR_FULL | 1 << 18,
    },
    {
        .name = "R4000",
        .doc = "MIPS III R4000",
        .prid = 0x00000400,
        .config = { CONFIG_R4000 },
        .features = FEAT(LEGACY) | FEAT(TLB) | FEAT(M64) | (FEATURES_FP & ~FEAT(COP1X)),
        .tlb_entries = 48,
        .seg_bits = 40,
        .pa_bits = 36,
        .watch = { 3 },
        .fir = 0x500,
    },
    {
        .name = "mips32r6-generic",
        .doc = "MIPS32 release 6, floating point",
        .prid = 0x00010000,
        .config = { CONFIG_M | CONFIG_R6_32, CONFIG1(16) | CONFIG1_FP, CONFIG_M,
                    CONFIG_M | CONFIG3_ULRI | CONFIG3_RXI | CONFIG3_VINT | CONFIG3_BADI,
                    CONFIG_M | CONFIG4_IE_BOTH | CONFIG4_KSCREXIST, CONFIG5_XNP | CONFIG5_LLB },
        .features = FEATURES_R6 | FEATURES_FP,
        .tlb_entries = 16,
        .pa_bits = 32,
        .fir = FIR_FULL | FIR_HAS2008,
        .fcr31 = FCR31_2008,
    },
    {
        .name = "I6400",
        .doc = "MIPS64 I6400, release 6, floating point",
        .prid = 0x0001a900,
        .config = { CONFIG_M | CONFIG_R6_64, CONFIG1(64) | CONFIG1_FP, CONFIG_M,
                    CONFIG_M | CONFIG3_ULRI | CONFIG3_RXI | CONFIG3_VINT | CONFIG3_LPA |
                        CONFIG3_MSAP | CONFIG3_BADI,
                    CONFIG_M | CONFIG4_IE_BOTH | CONFIG4_KSCREXIST,
                    CONFIG5_XNP | CONFIG5_MRP | CONFIG5_LLB },
        .features = FEATURES_R6 | FEAT(M64) | FEATURES_FP | FEAT(MSA) | FEAT(MAAR),
        .tlb_entries = 64,
        .seg_bits = 48,
        .pa_bits = 48,
        .watch = WATCH_FOUR,
        .fir = FIR_FULL | FIR_HAS2008 | 0xa9 << 8,
        .msair = 3 << 8,
        .fcr31 = FCR31_2008,
    },
};

const DeviceType mips_cpu_types_64[MIPS_MODELS_64] = {
    MIPS_CPU_TYPE("5Kc"),
    MIPS_CPU_TYPE("5Kf"),
    MIPS_CPU_TYPE("20Kc"),
    MIPS_CPU_TYPE("5KEf"),
    MIPS_CPU_TYPE("MIPS64R2-generic"),
    MIPS_CPU_TYPE("R4000"),
    MIPS_CPU_TYPE("mips32r6-generic"),
    MIPS_CPU_TYPE("I6400"),
};
