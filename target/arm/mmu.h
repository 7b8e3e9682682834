/* SPDX-License-Identifier: Apache-2.0 */
/* Address translation. Spec: Arm ARM DDI 0487, D8 (AArch64 virtual memory system). */
#ifndef TARGET_ARM_MMU_H
#define TARGET_ARM_MMU_H

#include "target/arm/cpu.h"

/* Fault status codes (xFSC) without the level. */
enum {
    ARM_FSC_ADDRESS_SIZE = 0x00,
    ARM_FSC_TRANSLATION = 0x04,
    ARM_FSC_ACCESS_FLAG = 0x08,
    ARM_FSC_PERMISSION = 0x0c,
    ARM_FSC_EXTERNAL = 0x10,
    ARM_FSC_EXTERNAL_WALK = 0x14,
    ARM_FSC_ALIGNMENT = 0x21,
};

/* Bits of the memop's target part. */
enum { ARM_MO_CACHE = 1 << 16 /* cache maintenance: ESR.CM and WnR */ };

typedef struct ArmTranslation {
    TlbResult tlb;
    uint8_t mair; /* attributes, as MAIR_ELx */
    uint8_t sh;   /* shareability */
    bool guarded; /* GP */
} ArmTranslation;

/*
 * Translate @va for @access in @mode. On a fault returns false with *@fsc. @update: set access
 * flag and dirty state where the hardware manages them. Context: VCPU_THREAD.
 */
bool arm_mmu_translate(ArmCpu *c, GuestVirt va, MemAccess access, unsigned mode, bool update,
                       ArmTranslation *out, unsigned *fsc);

/* MMU mode of data accesses now, and of LDTR and STTR. */
unsigned arm_mmu_mode(const ArmCpu *c);
unsigned arm_mmu_unpriv_mode(const ArmCpu *c);
/* Exception level whose registers control @mode. */
unsigned arm_mode_el(unsigned mode);
/* Whether bits 63..56 of an address are ignored (bit 55 chooses the range). */
bool arm_tbi(const ArmCpu *c, GuestVirt va, bool is_fetch);
/* Lowest bit of the part of @va that does not address anything (64 - TxSZ, in its limits). */
unsigned arm_va_bits(const ArmCpu *c, bool upper);

/* log2 of the granule of a range: TCR_ELx.TG0, or TG1 of TCR_EL1. */
static inline uint8_t arm_page_bits(uint64_t tcr, bool upper)
{
    /* a byte for each value: 12, 16, 14, 12 and 12, 14, 12, 16 */
    return (uint8_t)(upper ? 0x100c0e0c >> (tcr >> 30 & 3) * 8 : 0x0c0e100c >> (tcr >> 14 & 3) * 8);
}

/* The sizes' limits; a TxSZ beyond the least address size faults, one before the greatest counts
 * as it. */
static inline unsigned arm_clamp_tsz(const ArmCpu *c, unsigned tsz, unsigned page_bits, bool *bad)
{
    unsigned max = !arm_has(c, ARM_FEAT_TTST) ? 39 : page_bits == 16 ? 47 : 48;

    if (tsz > max) {
        *bad = true;
        return max;
    }
    return tsz < 16 ? 16 : tsz;
}

/* Of Target. */
bool arm_tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                  bool probe, TlbResult *out);
void arm_unaligned(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop);
bool arm_bus_error(Cpu *cpu, GuestVirt va, GuestPhys pa, MemAccess access, unsigned mode,
                   uint32_t memop);
bool arm_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out);

#endif
