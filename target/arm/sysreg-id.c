/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identification registers. What the table does not name in their space (op0 = 3, op1 = 0,
 * CRn = 0) reads as zero, as the architecture says of unallocated ones.
 * Spec: Arm ARM DDI 0487, D19.2, C5.1.2.
 */
#include "target/arm/sysreg.h"

enum { ID_PFR0_GIC_SHIFT = 24 };

/* System register access to the interrupt controller is seen in ID_AA64PFR0_EL1. */
static uint64_t sysreg_pfr0_read(ArmCpu *c, const ArmSysReg *r)
{
    bool gic = c->cpu.intc && c->cpu.intc->ops && c->cpu.intc->ops->sysreg_read;

    return c->id.aa64pfr0 | (uint64_t)gic << ID_PFR0_GIC_SHIFT;
}

static uint64_t sysreg_dczid_read(ArmCpu *c, const ArmSysReg *r)
{
    bool prohibited = c->el == 0 && arm_sys_traps(c, SYS_TRAP_DZE);

    return c->id.dczid | (uint64_t)prohibited << 4;
}

#define ID(name, crm, op2, field)                                                    \
    {                                                                                \
        name, SYSID(3, 0, 0, crm, op2), SYS_RO(1), SYS_IDREG(field), .flags = SYS_ID \
    }

const ArmSysReg arm_sys_id[] = {
    ID("MIDR_EL1", 0, 0, midr),
    ID("MPIDR_EL1", 0, 5, mpidr),
    ID("REVIDR_EL1", 0, 6, revidr),
    { "ID_AA64PFR0_EL1", SYSID(3, 0, 0, 4, 0), SYS_RO(1), .read = sysreg_pfr0_read,
      .flags = SYS_ID },
    ID("ID_AA64PFR1_EL1", 4, 1, aa64pfr1),
    ID("ID_AA64DFR0_EL1", 5, 0, aa64dfr0),
    ID("ID_AA64ISAR0_EL1", 6, 0, aa64isar0),
    ID("ID_AA64ISAR1_EL1", 6, 1, aa64isar1),
    ID("ID_AA64ISAR2_EL1", 6, 2, aa64isar2),
    ID("ID_AA64MMFR0_EL1", 7, 0, aa64mmfr0),
    ID("ID_AA64MMFR1_EL1", 7, 1, aa64mmfr1),
    ID("ID_AA64MMFR2_EL1", 7, 2, aa64mmfr2),
    { "CLIDR_EL1", SYSID(3, 1, 0, 0, 1), SYS_RO(1), SYS_IDREG(clidr), .flags = SYS_ID },
    { "AIDR_EL1", SYSID(3, 1, 0, 0, 7), SYS_RO(1), .flags = SYS_NOP | SYS_ID },
    { "CTR_EL0", SYSID(3, 3, 0, 0, 1), SYS_RO(0), SYS_IDREG(ctr), .trap = SYS_TRAP_UCT },
    { "DCZID_EL0", SYSID(3, 3, 0, 0, 7), SYS_RO(0), .read = sysreg_dczid_read },
    { 0 },
};
