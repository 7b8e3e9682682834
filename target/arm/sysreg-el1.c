/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers of EL1 (and EL0): control, translation, exceptions, keys.
 * Spec: Arm ARM DDI 0487, D19.2.
 */
#include "target/arm/sysreg.h"

#include "accel/tcg/tcg.h"

enum {
    SYSREG_E10_MODES = 1 << ARM_MODE_E10_0 | 1 << ARM_MODE_E10_1 | 1 << ARM_MODE_E10_1_PAN,
};

#define TCR_A1 (1ull << 22)
#define TCR_AS (1ull << 36)

/* Bits of SCTLR_EL1 that do something here, or must read back. */
#define SCTLR_ALWAYS                                                                            \
    (1ull << 0 | 1ull << 1 | 1ull << 2 | 1ull << 3 | 1ull << 4 | 1ull << 9 | 1ull << 12 |       \
     1ull << 14 | 1ull << 15 | 1ull << 16 | 1ull << 18 | 1ull << 19 | 1ull << 24 | 1ull << 25 | \
     1ull << 26)
/* RES1 without the features that give them a meaning. */
#define SCTLR_RES1 (1ull << 11 | 1ull << 20 | 1ull << 22 | 1ull << 28 | 1ull << 29)

static void sysreg_sctlr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    uint64_t mask = SCTLR_ALWAYS, old = c->sys.sctlr[1];

    mask |= arm_has(c, ARM_FEAT_PAN) ? 1ull << 23 : 0;
    mask |= c->id.aa64mmfr2 >> 12 & 15 ? 1ull << 21 : 0; /* IESB */
    mask |= arm_has(c, ARM_FEAT_LSE2) ? 1ull << 6 : 0;
    mask |= arm_has(c, ARM_FEAT_PAUTH) ? 1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13 : 0;
    mask |= arm_has(c, ARM_FEAT_BTI) ? 1ull << 35 | 1ull << 36 : 0;
    mask |= arm_has(c, ARM_FEAT_SSBS) ? 1ull << 44 : 0;
    mask |= (c->id.aa64mmfr1 >> 20 & 15) >= 3 ? 1ull << 57 : 0; /* EPAN */
    val = (val & mask) | SCTLR_RES1 | (arm_has(c, ARM_FEAT_PAN) ? 0 : 1ull << 23);
    c->sys.sctlr[1] = val;
    /* M, WXN, EE and EPAN change what a walk gives; software tends to invalidate only for M. */
    if ((old ^ val) & (1ull << 0 | 1ull << 19 | 1ull << 25 | 1ull << 57)) {
        tcg_tlb_flush_modes(&c->cpu, SYSREG_E10_MODES);
    }
}

/* Entries of one ASID may outlive a change of the table's address (D8.16.1): the ASID alone names
 * a space. */
static void sysreg_new_space(ArmCpu *c)
{
    uint64_t ttbr = c->sys.tcr[1] & TCR_A1 ? c->sys.ttbr1[1] : c->sys.ttbr0[1];

    tcg_space_switch(&c->cpu, SYSREG_E10_MODES,
                     ttbr >> 48 & (c->sys.tcr[1] & TCR_AS ? 0xffff : 0xff));
}

static void sysreg_ttbr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    *(uint64_t *)((char *)c + r->at) = val;
    sysreg_new_space(c);
}

/* Attributes and layout may be cached: another value always gets walks of its own. */
static void sysreg_walk_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    uint64_t *p = (uint64_t *)((char *)c + r->at);

    if (*p != val) {
        *p = val;
        tcg_tlb_flush_modes(&c->cpu, SYSREG_E10_MODES);
        sysreg_new_space(c); /* TCR_EL1 says where the ASID is */
    }
}

static void sysreg_cpacr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.cpacr[0] = val & (3ull << 20);
}

static void sysreg_csselr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.csselr[0] = val & 15;
}

static uint64_t sysreg_ccsidr_read(ArmCpu *c, const ArmSysReg *r)
{
    uint64_t sel = c->sys.csselr[0];

    return sel < G_N_ELEMENTS(c->id.ccsidr) ? c->id.ccsidr[sel] : 0;
}

static uint64_t sysreg_isr_read(ArmCpu *c, const ArmSysReg *r)
{
    uint32_t lines = cpu_lines(&c->cpu);

    return (lines >> ARM_LINE_IRQ & 1) << 7 | (lines >> ARM_LINE_FIQ & 1) << 6;
}

static void sysreg_lorc_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.lorc[0] = val & 0x3fd;
}

#define KEY(name, crm, op2, n)                                                        \
    {                                                                                 \
        name, SYSID(3, 0, 2, crm, op2), SYS_RW(1), SYS_AT(apkey[n]), SYS_NEEDS(PAUTH) \
    }

const ArmSysReg arm_sys_el1[] = {
    { "SCTLR_EL1", SYSID(3, 0, 1, 0, 0), SYS_RW(1), SYS_AT(sctlr[1]), .write = sysreg_sctlr_write,
      .reset = SCTLR_RES1 | 1ull << 23, .flags = SYS_LEAVES },
    { "ACTLR_EL1", SYSID(3, 0, 1, 0, 1), SYS_RW(1), .flags = SYS_NOP },
    { "CPACR_EL1", SYSID(3, 0, 1, 0, 2), SYS_RW(1), SYS_AT(cpacr[0]), .write = sysreg_cpacr_write,
      .flags = SYS_LEAVES },
    { "TTBR0_EL1", SYSID(3, 0, 2, 0, 0), SYS_RW(1), SYS_AT(ttbr0[1]), .write = sysreg_ttbr_write,
      .flags = SYS_LEAVES },
    { "TTBR1_EL1", SYSID(3, 0, 2, 0, 1), SYS_RW(1), SYS_AT(ttbr1[1]), .write = sysreg_ttbr_write,
      .flags = SYS_LEAVES },
    { "TCR_EL1", SYSID(3, 0, 2, 0, 2), SYS_RW(1), SYS_AT(tcr[1]), .write = sysreg_walk_write,
      .flags = SYS_LEAVES },
    { "MAIR_EL1", SYSID(3, 0, 10, 2, 0), SYS_RW(1), SYS_AT(mair[1]), .write = sysreg_walk_write,
      .flags = SYS_LEAVES },
    { "AMAIR_EL1", SYSID(3, 0, 10, 3, 0), SYS_RW(1), .flags = SYS_NOP },
    { "AFSR0_EL1", SYSID(3, 0, 5, 1, 0), SYS_RW(1), SYS_AT(afsr0[1]) },
    { "AFSR1_EL1", SYSID(3, 0, 5, 1, 1), SYS_RW(1), SYS_AT(afsr1[1]) },
    { "ESR_EL1", SYSID(3, 0, 5, 2, 0), SYS_RW(1), SYS_AT(esr[1]), .mask = 0xffffffff },
    { "FAR_EL1", SYSID(3, 0, 6, 0, 0), SYS_RW(1), SYS_AT(far[1]) },
    { "PAR_EL1", SYSID(3, 0, 7, 4, 0), SYS_RW(1), SYS_AT(par[0]) },
    { "VBAR_EL1", SYSID(3, 0, 12, 0, 0), SYS_RW(1), SYS_AT(vbar[1]), .mask = ~0x7ffull },
    { "RVBAR_EL1", SYSID(3, 0, 12, 0, 1), SYS_RO(1), SYS_IN(rvbar, 3) },
    { "RMR_EL1", SYSID(3, 0, 12, 0, 2), SYS_RW(1), .flags = SYS_NOP },
    { "ISR_EL1", SYSID(3, 0, 12, 1, 0), SYS_RO(1), .read = sysreg_isr_read, .flags = SYS_HIDDEN },
    { "DISR_EL1", SYSID(3, 0, 12, 1, 1), SYS_RW(1), SYS_AT(disr[0]) },
    { "CONTEXTIDR_EL1", SYSID(3, 0, 13, 0, 1), SYS_RW(1), SYS_AT(contextidr[1]),
      .mask = 0xffffffff },
    { "TPIDR_EL0", SYSID(3, 3, 13, 0, 2), SYS_RW(0), SYS_AT(tpidr[0]) },
    { "TPIDRRO_EL0", SYSID(3, 3, 13, 0, 3), .read_el = 0, .write_el = 1, SYS_AT(tpidrro[0]) },
    { "TPIDR_EL1", SYSID(3, 0, 13, 0, 4), SYS_RW(1), SYS_AT(tpidr[1]) },
    { "SPSR_EL1", SYSID(3, 0, 4, 0, 0), SYS_RW(1), SYS_IN(spsr_el[1], 3), .mask = 0xffffffff },
    { "ELR_EL1", SYSID(3, 0, 4, 0, 1), SYS_RW(1), SYS_IN(elr_el[1], 3) },
    { "CSSELR_EL1", SYSID(3, 2, 0, 0, 0), SYS_RW(1), SYS_AT(csselr[0]),
      .write = sysreg_csselr_write },
    { "CCSIDR_EL1", SYSID(3, 1, 0, 0, 0), SYS_RO(1), .read = sysreg_ccsidr_read },
    KEY("APIAKEYLO_EL1", 1, 0, 0),
    KEY("APIAKEYHI_EL1", 1, 1, 1),
    KEY("APIBKEYLO_EL1", 1, 2, 2),
    KEY("APIBKEYHI_EL1", 1, 3, 3),
    KEY("APDAKEYLO_EL1", 2, 0, 4),
    KEY("APDAKEYHI_EL1", 2, 1, 5),
    KEY("APDBKEYLO_EL1", 2, 2, 6),
    KEY("APDBKEYHI_EL1", 2, 3, 7),
    KEY("APGAKEYLO_EL1", 3, 0, 8),
    KEY("APGAKEYHI_EL1", 3, 1, 9),
    { "LORSA_EL1", SYSID(3, 0, 10, 4, 0), SYS_RW(1), SYS_AT(lorsa[0]), SYS_NEEDS(LOR) },
    { "LOREA_EL1", SYSID(3, 0, 10, 4, 1), SYS_RW(1), SYS_AT(lorea[0]), SYS_NEEDS(LOR) },
    { "LORN_EL1", SYSID(3, 0, 10, 4, 2), SYS_RW(1), SYS_AT(lorn[0]), SYS_NEEDS(LOR) },
    { "LORC_EL1", SYSID(3, 0, 10, 4, 3), SYS_RW(1), SYS_AT(lorc[0]), .write = sysreg_lorc_write,
      SYS_NEEDS(LOR) },
    { "LORID_EL1", SYSID(3, 0, 10, 4, 7), SYS_RO(1), .flags = SYS_NOP, SYS_NEEDS(LOR) },
    /* RAS: no error records. */
    { "ERRIDR_EL1", SYSID(3, 0, 5, 3, 0), SYS_RO(1), .flags = SYS_NOP },
    { "ERRSELR_EL1", SYSID(3, 0, 5, 3, 1), SYS_RW(1), .flags = SYS_NOP },
    /* Implementation defined registers of the Cortex-A cores that firmware writes. */
    { "CPUACTLR_EL1", SYSID(3, 1, 15, 2, 0), SYS_RW(1), SYS_AT(impdef[0]) },
    { "CPUECTLR_EL1", SYSID(3, 1, 15, 2, 1), SYS_RW(1), SYS_AT(impdef[1]) },
    { "CPUMERRSR_EL1", SYSID(3, 1, 15, 2, 2), SYS_RW(1), SYS_AT(impdef[2]) },
    { "L2MERRSR_EL1", SYSID(3, 1, 15, 2, 3), SYS_RW(1), SYS_AT(impdef[3]) },
    { "L2CTLR_EL1", SYSID(3, 1, 11, 0, 2), SYS_RW(1), SYS_AT(impdef[4]) },
    { "L2ECTLR_EL1", SYSID(3, 1, 11, 0, 3), SYS_RW(1), SYS_AT(impdef[5]) },
    { "L2ACTLR_EL1", SYSID(3, 1, 15, 0, 0), SYS_RW(1), SYS_AT(impdef[6]) },
    { 0 },
};
