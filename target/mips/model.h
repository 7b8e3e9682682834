/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: what they have and how they name themselves. */
#ifndef TARGET_MIPS_MODEL_H
#define TARGET_MIPS_MODEL_H

#include "target/mips/cpu.h"

struct MipsModel {
    const char *name;
    const char *doc;
    uint32_t prid;
    uint64_t config[8]; /* Config to Config7 */
    uint64_t features;
    uint8_t tlb_entries;
    uint8_t seg_bits, pa_bits;
    uint8_t watch[MIPS_WATCHES]; /* conditions of each pair of watch registers */
    uint32_t fir;                /* FIR (floating-point control register 0) */
    uint32_t msair;              /* MSAIR (MSA control register 0) */
    uint32_t fcr31;              /* FCSR at reset: NAN2008, ABS2008 */
    uint32_t fcr31_writable;     /* beside what every FPU has */
};

/* Parts of the configuration registers. */
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
    CONFIG1_CA = 1 << 2, /* MIPS16e */
    CONFIG1_WR = 1 << 3, /* watch registers */
    CONFIG_MT = 7 << 7,
    CONFIG_FIXED = 3 << 7,
    CONFIG3_LPA = 1 << 7,
    CONFIG3_DSPP = 1 << 10,
    CONFIG3_DSP2P = 1 << 11,
    CONFIG3_RXI = 1 << 12,
    CONFIG3_ULRI = 1 << 13,
    CONFIG3_ISA_BOTH = 2 << 14,
    CONFIG3_SC = 1 << 25,
    CONFIG3_BADI = 1 << 27 | 1 << 26, /* BP, BI: BadInstrP, BadInstr */
    CONFIG3_MSAP = 1 << 28,
    CONFIG4_KSCREXIST = 0xfc << 16,
    CONFIG4_IE_BOTH = 2 << 29, /* TLBINV, TLBINVF; all ones (3) without sets */
    CONFIG5_NFEXISTS = 1 << 0,
    CONFIG5_MRP = 1 << 3,
    CONFIG5_MVH = 1 << 5,
    /* K23 and KU of a fixed mapping: uncached. */
    CONFIG_FIXED_UNCACHED = 2 << 28 | 2 << 25,
    FIR_UFRP = 1 << 28, /* programs may change Status.FR: CTC1 to UFR and UNFR */
    /* FIR: F64, L, W, D, S */
    FIR_FULL = 1 << 22 | 1 << 21 | 1 << 20 | 1 << 17 | 1 << 16,
};

#define CONFIG1(entries) (CONFIG_M | (unsigned)((entries)-1) << 25 | CONFIG1_CACHES | CONFIG1_EP)

#define FEAT(name) (1ull << MIPS_FEAT_##name)

#define FEATURES_R1  (FEAT(LEGACY) | FEAT(TLB) | FEAT(MIPS4) | FEAT(R1))
#define FEATURES_R2  (FEATURES_R1 | FEAT(R2))
#define FEATURES_M16 (FEATURES_R2 | FEAT(ISA16))
#define FEATURES_FP  (FEAT(FPU) | FEAT(FPU64) | FEAT(COP1X))

/* Watch registers: one pair for all, or two for code and two for data. */
#define WATCH_ONE \
    {             \
        7         \
    }
#define WATCH_FOUR \
    {              \
        4, 4, 3, 3 \
    }

/* DeviceType.start of every model (cpu.c). */
bool mips_cpu_start(Device *dev, GError **err);

#define MIPS_CPU_TYPE(model)                                                           \
    {                                                                                  \
        .name = model "-mips-cpu", .doc = "MIPS CPU " model, .base = &device_mips_cpu, \
        .size = sizeof(MipsCpu), .start = mips_cpu_start,                              \
    }

/* Those of 64 bits (model-64.c). */
enum { MIPS_MODELS_64 = 8 };
extern const MipsModel mips_models_64[MIPS_MODELS_64];
extern const DeviceType mips_cpu_types_64[MIPS_MODELS_64];

extern const MipsModel mips_model_p5600; /* model-p5600.c */
extern const DeviceType mips_cpu_type_p5600;

/* Those of Loongson (model-loongson.c). */
enum { MIPS_MODELS_LOONGSON = 2 };
extern const MipsModel mips_models_loongson[MIPS_MODELS_LOONGSON];
extern const DeviceType mips_cpu_types_loongson[MIPS_MODELS_LOONGSON];

extern const MipsModel *const mips_models[]; /* NULL-terminated */

#endif
