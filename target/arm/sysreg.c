/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is computed from the tables of system registers, and the registers of EL2 and EL3.
 * Spec: Arm ARM DDI 0487, D19.2.
 */
#include "target/arm/sysreg.h"

#include "target/arm/exception.h"

#define SCTLR_UMA (1ull << 9)
#define SCTLR_DZE (1ull << 14)
#define SCTLR_UCT (1ull << 15)
#define SCTLR_UCI (1ull << 26)

enum { CNTKCTL_PCTEN = 1, CNTKCTL_VCTEN = 2, CNTKCTL_VTEN = 1 << 8, CNTKCTL_PTEN = 1 << 9 };

#define EL2(name, op1, crn, crm, op2, m)                                          \
    {                                                                             \
        name, SYSID(3, op1, crn, crm, op2), SYS_RW(2), SYS_AT(m), SYS_NEEDS(EL2), \
            .flags = SYS_LEAVES                                                   \
    }
#define EL3(name, crn, crm, op2, m)                                             \
    {                                                                           \
        name, SYSID(3, 6, crn, crm, op2), SYS_RW(3), SYS_AT(m), SYS_NEEDS(EL3), \
            .flags = SYS_LEAVES                                                 \
    }

const ArmSysReg arm_sys_el2[] = {
    EL2("VPIDR_EL2", 4, 0, 0, 0, vpidr[0]),
    EL2("VMPIDR_EL2", 4, 0, 0, 5, vmpidr[0]),
    EL2("SCTLR_EL2", 4, 1, 0, 0, sctlr[2]),
    EL2("ACTLR_EL2", 4, 1, 0, 1, actlr[2]),
    EL2("HCR_EL2", 4, 1, 1, 0, hcr[0]),
    EL2("MDCR_EL2", 4, 1, 1, 1, mdcr[2]),
    EL2("CPTR_EL2", 4, 1, 1, 2, cptr[2]),
    EL2("HSTR_EL2", 4, 1, 1, 3, hstr[0]),
    EL2("TTBR0_EL2", 4, 2, 0, 0, ttbr0[2]),
    EL2("TCR_EL2", 4, 2, 0, 2, tcr[2]),
    EL2("VTTBR_EL2", 4, 2, 1, 0, vttbr[0]),
    EL2("VTCR_EL2", 4, 2, 1, 2, vtcr[0]),
    EL2("AFSR0_EL2", 4, 5, 1, 0, afsr0[2]),
    EL2("AFSR1_EL2", 4, 5, 1, 1, afsr1[2]),
    EL2("ESR_EL2", 4, 5, 2, 0, esr[2]),
    EL2("FAR_EL2", 4, 6, 0, 0, far[2]),
    EL2("HPFAR_EL2", 4, 6, 0, 4, hpfar[0]),
    EL2("MAIR_EL2", 4, 10, 2, 0, mair[2]),
    EL2("AMAIR_EL2", 4, 10, 3, 0, amair[2]),
    EL2("VBAR_EL2", 4, 12, 0, 0, vbar[2]),
    EL2("TPIDR_EL2", 4, 13, 0, 2, tpidr[2]),
    { "SPSR_EL2", SYSID(3, 4, 4, 0, 0), SYS_RW(2), SYS_IN(spsr_el[2], 3), SYS_NEEDS(EL2) },
    { "ELR_EL2", SYSID(3, 4, 4, 0, 1), SYS_RW(2), SYS_IN(elr_el[2], 3), SYS_NEEDS(EL2) },
    { "SP_EL1", SYSID(3, 4, 4, 1, 0), SYS_RW(2), SYS_IN(sp_el[1], 3), SYS_NEEDS(EL2) },
    EL3("SCTLR_EL3", 1, 0, 0, sctlr[3]),
    EL3("SCR_EL3", 1, 1, 0, scr[0]),
    EL3("CPTR_EL3", 1, 1, 2, cptr[3]),
    EL3("MDCR_EL3", 1, 3, 1, mdcr[3]),
    EL3("TTBR0_EL3", 2, 0, 0, ttbr0[3]),
    EL3("TCR_EL3", 2, 0, 2, tcr[3]),
    EL3("ESR_EL3", 5, 2, 0, esr[3]),
    EL3("FAR_EL3", 6, 0, 0, far[3]),
    EL3("MAIR_EL3", 10, 2, 0, mair[3]),
    EL3("VBAR_EL3", 12, 0, 0, vbar[3]),
    EL3("TPIDR_EL3", 13, 0, 2, tpidr[3]),
    { "SPSR_EL3", SYSID(3, 6, 4, 0, 0), SYS_RW(3), SYS_IN(spsr_el[3], 3), SYS_NEEDS(EL3) },
    { "ELR_EL3", SYSID(3, 6, 4, 0, 1), SYS_RW(3), SYS_IN(elr_el[3], 3), SYS_NEEDS(EL3) },
    { "SP_EL2", SYSID(3, 6, 4, 1, 0), SYS_RW(3), SYS_IN(sp_el[2], 3), SYS_NEEDS(EL3) },
    { 0 },
};

const ArmSysReg *const arm_sys_tables[] = {
    arm_sys_el1, arm_sys_pstate, arm_sys_ops, arm_sys_timer,
    arm_sys_id,  arm_sys_debug,  arm_sys_el2, NULL,
};

/* What every unnamed register of the identification space is. */
static const ArmSysReg sysreg_id_zero = {
    "reserved",
    0,
    SYS_RO(1),
    .flags = SYS_NOP | SYS_HIDDEN | SYS_ID,
};

const ArmSysReg *arm_sys_find(const ArmCpu *c, uint32_t id)
{
    bool id_space = id >> 7 == SYSID(3, 0, 0, 0, 0) >> 7 && (id >> 3 & 15) != 0;

    for (const ArmSysReg *const *t = arm_sys_tables; *t; t++) {
        for (const ArmSysReg *r = *t; r->name; r++) {
            if (r->id == id) {
                return !r->need || arm_has(c, r->need - 1) ? r : NULL;
            }
        }
    }
    return id_space ? &sysreg_id_zero : NULL;
}

uint64_t arm_sys_read(ArmCpu *c, const ArmSysReg *r)
{
    if (r->read) {
        return r->read(c, r);
    }
    return r->at ? *(const uint64_t *)((const char *)c + r->at) | r->set : 0;
}

void arm_sys_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    if (r->write) {
        r->write(c, r, val);
    } else if (r->at) {
        *(uint64_t *)((char *)c + r->at) = r->mask ? val & r->mask : val;
    }
}

void arm_sys_reset(ArmCpu *c)
{
    memset(&c->sys, 0, sizeof(c->sys));
    for (const ArmSysReg *const *t = arm_sys_tables; *t; t++) {
        for (const ArmSysReg *r = *t; r->name; r++) {
            if (r->reset) {
                *(uint64_t *)((char *)c + r->at) = r->reset;
            }
        }
    }
}

bool arm_sys_traps(const ArmCpu *c, unsigned trap)
{
    uint64_t sctlr = c->sys.sctlr[1], k = c->sys.cntkctl[0];

    switch (trap) {
    case SYS_TRAP_UCI:
        return !(sctlr & SCTLR_UCI);
    case SYS_TRAP_UCT:
        return !(sctlr & SCTLR_UCT);
    case SYS_TRAP_DZE:
        return !(sctlr & SCTLR_DZE);
    case SYS_TRAP_UMA:
        return !(sctlr & SCTLR_UMA);
    case SYS_TRAP_VCT:
        return !(k & CNTKCTL_VCTEN);
    case SYS_TRAP_PCT:
        return !(k & CNTKCTL_PCTEN);
    case SYS_TRAP_FRQ:
        return !(k & (CNTKCTL_VCTEN | CNTKCTL_PCTEN));
    case SYS_TRAP_VT:
        return !(k & CNTKCTL_VTEN);
    case SYS_TRAP_PT:
        return !(k & CNTKCTL_PTEN);
    default:
        return false;
    }
}
