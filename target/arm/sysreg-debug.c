/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug registers: storage, so that kernels can probe and save them; breakpoints and watchpoints
 * of the guest do not fire. Spec: Arm ARM DDI 0487, D19.3.
 */
#include "target/arm/sysreg.h"

enum { OSLAR_OSLK = 1, OSLSR_OSLM = 8, OSLSR_OSLK = 2 };

static void sysreg_oslar_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.oslock[0] = val & OSLAR_OSLK;
}

static uint64_t sysreg_oslsr_read(ArmCpu *c, const ArmSysReg *r)
{
    return OSLSR_OSLM | (c->sys.oslock[0] ? OSLSR_OSLK : 0);
}

static void sysreg_claimset_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.dbgclaim[0] |= val & 0xff;
}

static uint64_t sysreg_claimset_read(ArmCpu *c, const ArmSysReg *r)
{
    return 0xff;
}

static void sysreg_claimclr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->sys.dbgclaim[0] &= ~val;
}

static uint64_t sysreg_claimclr_read(ArmCpu *c, const ArmSysReg *r)
{
    return c->sys.dbgclaim[0];
}

#define BREAKPOINT(n)                                                           \
    { "DBGBVR" #n "_EL1", SYSID(2, 0, 0, n, 4), SYS_RW(1), SYS_AT(dbgbvr[n]) }, \
    {                                                                           \
        "DBGBCR" #n "_EL1", SYSID(2, 0, 0, n, 5), SYS_RW(1), SYS_AT(dbgbcr[n])  \
    }
#define WATCHPOINT(n)                                                           \
    { "DBGWVR" #n "_EL1", SYSID(2, 0, 0, n, 6), SYS_RW(1), SYS_AT(dbgwvr[n]) }, \
    {                                                                           \
        "DBGWCR" #n "_EL1", SYSID(2, 0, 0, n, 7), SYS_RW(1), SYS_AT(dbgwcr[n])  \
    }

const ArmSysReg arm_sys_debug[] = {
    { "OSDTRRX_EL1", SYSID(2, 0, 0, 0, 2), SYS_RW(1), SYS_AT(osdtr[0]) },
    { "MDCCINT_EL1", SYSID(2, 0, 0, 2, 0), SYS_RW(1), .flags = SYS_NOP },
    { "MDSCR_EL1", SYSID(2, 0, 0, 2, 2), SYS_RW(1), SYS_AT(mdscr[0]) },
    { "OSDTRTX_EL1", SYSID(2, 0, 0, 3, 2), SYS_RW(1), SYS_AT(osdtr[1]) },
    { "OSECCR_EL1", SYSID(2, 0, 0, 6, 2), SYS_RW(1), SYS_AT(oseccr[0]) },
    { "MDRAR_EL1", SYSID(2, 0, 1, 0, 0), SYS_RO(1), .flags = SYS_NOP },
    { "OSLAR_EL1", SYSID(2, 0, 1, 0, 4), SYS_WO(1), .write = sysreg_oslar_write },
    { "OSLSR_EL1", SYSID(2, 0, 1, 1, 4), SYS_RO(1), .read = sysreg_oslsr_read },
    { "OSDLR_EL1", SYSID(2, 0, 1, 3, 4), SYS_RW(1), SYS_AT(osdlr[0]), .mask = 1 },
    { "DBGPRCR_EL1", SYSID(2, 0, 1, 4, 4), SYS_RW(1), .flags = SYS_NOP },
    { "DBGCLAIMSET_EL1", SYSID(2, 0, 7, 8, 6), SYS_RW(1), .read = sysreg_claimset_read,
      .write = sysreg_claimset_write },
    { "DBGCLAIMCLR_EL1", SYSID(2, 0, 7, 9, 6), SYS_RW(1), .read = sysreg_claimclr_read,
      .write = sysreg_claimclr_write },
    { "DBGAUTHSTATUS_EL1", SYSID(2, 0, 7, 14, 6), SYS_RO(1), .flags = SYS_NOP },
    { "MDCCSR_EL0", SYSID(2, 3, 0, 1, 0), SYS_RO(0), .flags = SYS_NOP },
    BREAKPOINT(0),
    BREAKPOINT(1),
    BREAKPOINT(2),
    BREAKPOINT(3),
    BREAKPOINT(4),
    BREAKPOINT(5),
    WATCHPOINT(0),
    WATCHPOINT(1),
    WATCHPOINT(2),
    WATCHPOINT(3),
    { 0 },
};
