/* SPDX-License-Identifier: Apache-2.0 */
/* What a MIPS CPU may have beside MIPS32 release 1. */
#ifndef TARGET_MIPS_FEATURES_H
#define TARGET_MIPS_FEATURES_H

typedef enum MipsFeature {
    MIPS_FEAT_R2,     /* release 2 and later */
    MIPS_FEAT_LEGACY, /* what release 6 took away */
    MIPS_FEAT_M64,    /* 64-bit registers */
    MIPS_FEAT_FPU,
    MIPS_FEAT_FPU64, /* 64-bit floating-point registers (FR = 1) and formats */
    MIPS_FEAT_TLB,   /* a TLB; else fixed mapping */
    MIPS_FEAT_RIXI,
    MIPS_FEAT_LEXT,      /* Loongson EXT */
    MIPS_FEAT_LEXT2,     /* Loongson EXT2, CPUCFG */
    MIPS_FEAT_MMI,       /* Loongson MMI */
    MIPS_FEAT_LCSR,      /* Loongson CSR: where the board has the registers */
    MIPS_FEAT_ISA16,     /* a compressed instruction set: MIPS16e unless MICROMIPS */
    MIPS_FEAT_MICROMIPS, /* with ISA16 */
    MIPS_FEAT_DSP,
    MIPS_FEAT_MSA,
    MIPS_FEAT_DSP2,   /* revision 2 of the DSP ASE */
    MIPS_FEAT_MIPS4,  /* MIPS IV and later */
    MIPS_FEAT_R1,     /* release 1 and later: not MIPS I to V */
    MIPS_FEAT_PS,     /* paired single */
    MIPS_FEAT_EVA,    /* EVA and segmentation control */
    MIPS_FEAT_R6,     /* release 6 */
    MIPS_FEAT_COP1X,  /* MADD, LWXC1 and so on: MIPS IV, MIPS64, MIPS32 from release 2 on */
    MIPS_FEAT_XPA,    /* MTHC0, MFHC0: more physical addresses than 36 bits, on a CPU of 32 */
    MIPS_FEAT_TLBINV, /* TLBINV, TLBINVF, EntryHi.EHINV */
    MIPS_FEAT_LLB,    /* LLAddr.LLB, ERETNC: Config5.LLB */
    MIPS_FEAT_BADI,   /* BadInstr, BadInstrP: Config3.BI and BP */
    MIPS_FEAT_MAAR,   /* MAAR, MAARI: stored alone */
} MipsFeature;

#endif
