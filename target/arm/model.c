/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU models. Values are those of the cores' Technical Reference Manuals (Cortex-A53 r0p4,
 * Cortex-A57 r1p0, Cortex-A72 r0p3, Neoverse N1 r4p1), less what is not modelled: AArch32 (the
 * EL fields of ID_AA64PFR0_EL1 say AArch64 only), the performance monitors, statistical
 * profiling. EL2 and EL3 are taken out where a CPU is made without them.
 */
#include "target/arm/model.h"

#define FEAT(name) (1ull << ARM_FEAT_##name)

enum {
    MODEL_CLIDR_2_LEVELS = 0x0a200023,
    MODEL_DCZID_64 = 4,
    MODEL_CRYPTO_ISAR0 = 0x00011120, /* AES, PMULL, SHA1, SHA256, CRC32 */
    MODEL_DFR0 = 0x10305006,         /* ARMv8 debug, 6 breakpoints, 4 watchpoints, 2 contexts */
};

#define FEATURES_V8 (FEAT(CRC32) | FEAT(AES) | FEAT(PMULL) | FEAT(SHA1) | FEAT(SHA256))
#define FEATURES_N1                                                                          \
    (FEATURES_V8 | FEAT(LSE) | FEAT(RDM) | FEAT(PAN) | FEAT(PAN2) | FEAT(UAO) | FEAT(FP16) | \
     FEAT(DOTPROD) | FEAT(LRCPC) | FEAT(SSBS) | FEAT(DPB) | FEAT(HAFDBS) | FEAT(LOR))
#define FEATURES_MAX                                                                             \
    (FEATURES_N1 | FEAT(LSE2) | FEAT(SHA512) | FEAT(SHA3) | FEAT(SM3) | FEAT(SM4) | FEAT(FHM) |  \
     FEAT(JSCVT) | FEAT(FCMA) | FEAT(LRCPC2) | FEAT(FLAGM) | FEAT(FLAGM2) | FEAT(FRINTTS) |      \
     FEAT(SB) | FEAT(SPECRES) | FEAT(DPB2) | FEAT(I8MM) | FEAT(BF16) | FEAT(PAUTH) | FEAT(BTI) | \
     FEAT(DIT) | FEAT(TTST))

static const ArmModel model_a53 = {
    .name = "cortex-a53",
    .doc = "Arm Cortex-A53, ARMv8.0",
    .id = { .midr = 0x410fd034,
            .ctr = 0x84448004,
            .dczid = MODEL_DCZID_64,
            .clidr = MODEL_CLIDR_2_LEVELS,
            .aa64pfr0 = 0x1111,
            .aa64dfr0 = MODEL_DFR0,
            .aa64isar0 = MODEL_CRYPTO_ISAR0,
            .aa64mmfr0 = 0x00001122,
            .ccsidr = { 0x700fe01a, 0x201fe00a, 0x707fe07a } },
    .features = FEATURES_V8,
};

static const ArmModel model_a57 = {
    .name = "cortex-a57",
    .doc = "Arm Cortex-A57, ARMv8.0",
    .id = { .midr = 0x411fd070,
            .ctr = 0x8444c004,
            .dczid = MODEL_DCZID_64,
            .clidr = MODEL_CLIDR_2_LEVELS,
            .aa64pfr0 = 0x1111,
            .aa64dfr0 = MODEL_DFR0,
            .aa64isar0 = MODEL_CRYPTO_ISAR0,
            .aa64mmfr0 = 0x00001124,
            .ccsidr = { 0x701fe00a, 0x201fe012, 0x70ffe07a } },
    .features = FEATURES_V8,
};

static const ArmModel model_a72 = {
    .name = "cortex-a72",
    .doc = "Arm Cortex-A72, ARMv8.0",
    .id = { .midr = 0x410fd083,
            .ctr = 0x8444c004,
            .dczid = MODEL_DCZID_64,
            .clidr = MODEL_CLIDR_2_LEVELS,
            .aa64pfr0 = 0x1111,
            .aa64dfr0 = MODEL_DFR0,
            .aa64isar0 = MODEL_CRYPTO_ISAR0,
            .aa64mmfr0 = 0x00001124,
            .ccsidr = { 0x701fe00a, 0x201fe012, 0x707fe07a } },
    .features = FEATURES_V8,
};

static const ArmModel model_n1 = {
    .name = "neoverse-n1",
    .doc = "Arm Neoverse N1, ARMv8.2",
    .id = { .midr = 0x414fd0c1,
            .ctr = 0x8444c004,
            .dczid = MODEL_DCZID_64,
            .clidr = 0x82000023,
            .aa64pfr0 = 0x1100000010111111,
            .aa64pfr1 = 0x20,
            .aa64dfr0 = 0x10305008,
            .aa64isar0 = 0x0000100010211120,
            .aa64isar1 = 0x0000000000100001,
            .aa64mmfr0 = 0x00101125,
            .aa64mmfr1 = 0x10212022, /* VH needs EL2 */
            .aa64mmfr2 = 0x00001011,
            .ccsidr = { 0x701fe01a, 0x201fe01a, 0x70ffe03a } },
    .features = FEATURES_N1,
};

static const ArmModel model_max = {
    .name = "max",
    .doc = "everything that is modelled, ARMv8.5 and parts of later versions",
    .id = { .midr = 0x000f0510,
            .ctr = 0x8444c004,
            .dczid = MODEL_DCZID_64,
            .clidr = MODEL_CLIDR_2_LEVELS,
            /* CSV3, CSV2, DIT, RAS, FP16 */
            .aa64pfr0 = 0x1101000010111111,
            .aa64pfr1 = 0x21, /* SSBS2, BTI */
            .aa64dfr0 = 0x10305006,
            /* TLB range, FlagM2, FHM, DotProd, SM4, SM3, SHA3, RDM, LSE, CRC32, SHA512, SHA1, PMULL
             */
            .aa64isar0 = 0x0221111110212120,
            /* I8MM, DGH, BF16, SPECRES, SB, FRINTTS, LRCPC2, FCMA, JSCVT, DPB2; PAuth is added */
            .aa64isar1 = 0x0011111100211002,
            .aa64mmfr0 = 0x00101125,
            .aa64mmfr1 = 0x10312022, /* XNX, PAN3, LOR, HPDS, 16-bit VMID, HAFDBS */
            /* E0PD, BBM 2, TTL, IDST, LSE2, TTST, IESB, UAO, CnP */
            .aa64mmfr2 = 0x1021001110001011,
            .ccsidr = { 0x701fe00a, 0x201fe012, 0x70ffe07a } },
    .features = FEATURES_MAX,
    .has_pauth_props = true,
};

const ArmModel *const arm_models[] = {
    &model_a53, &model_a57, &model_a72, &model_n1, &model_max, NULL,
};

#define TYPE(model)                                                                 \
    {                                                                               \
        .name = model "-arm-cpu", .doc = "Arm CPU " model, .base = &device_arm_cpu, \
        .size = sizeof(ArmCpu), .start = arm_cpu_start,                             \
    }

static const DeviceType model_types[] = {
    TYPE("cortex-a53"), TYPE("cortex-a57"), TYPE("cortex-a72"), TYPE("neoverse-n1"), TYPE("max"),
};

const DeviceType *const arm_cpu_types[] = {
    &model_types[0], &model_types[1], &model_types[2], &model_types[3], &model_types[4], NULL,
};
