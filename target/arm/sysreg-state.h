/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage of the system registers. One list makes the struct and the rows of saved state; which
 * register lies where is said by the table of sysreg*.c. Arrays of 4 are indexed by EL.
 */
#ifndef TARGET_ARM_SYSREG_STATE_H
#define TARGET_ARM_SYSREG_STATE_H

#include <stdint.h>

/* F(name, elements) */
/* clang-format off */
#define ARM_SYS_FIELDS(F)                                                                          \
    F(sctlr, 4)                                                                                    \
    F(actlr, 4)                                                                                    \
    F(cpacr, 1) F(cptr, 4) F(ttbr0, 4) F(ttbr1, 4) F(tcr, 4) F(mair, 4) F(amair, 4) F(afsr0, 4)    \
        F(afsr1, 4) F(esr, 4) F(far, 4) F(hpfar, 1) F(par, 1) F(vbar, 4) F(contextidr, 4)          \
            F(tpidr, 4) F(tpidrro, 1) F(hcr, 1) F(vttbr, 1) F(vtcr, 1) F(hstr, 1) F(mdcr, 4)       \
                F(scr, 1) F(vpidr, 1) F(vmpidr, 1) F(csselr, 1) F(mdscr, 1) F(oslock, 1)           \
                    F(osdlr, 1) F(oseccr, 1) F(osdtr, 2) F(dbgbvr, 16) F(dbgbcr, 16) F(dbgwvr, 16) \
                        F(dbgwcr, 16) F(dbgclaim, 1) F(apkey, 10) F(lorsa, 1) F(lorea, 1)          \
                            F(lorn, 1) F(lorc, 1) F(cntkctl, 1) F(cnthctl, 1) F(cntfrq, 1)         \
                                F(cntvoff, 1) F(cnt_ctl, 4) F(cnt_cval, 4) F(disr, 1) F(vdisr, 1)  \
                                    F(vsesr, 1) F(impdef, 8)
/* clang-format on */

typedef struct ArmSysState {
#define F(name, n) uint64_t name[n];
    ARM_SYS_FIELDS(F)
#undef F
} ArmSysState;

/* Identification registers: constants of the CPU, filled when it is made. */
/* clang-format off */
#define ARM_ID_FIELDS(F)                                                                \
    F(midr)                                                                             \
    F(mpidr)                                                                            \
    F(revidr) F(ctr) F(dczid) F(clidr) F(aa64pfr0) F(aa64pfr1) F(aa64dfr0) F(aa64isar0) \
        F(aa64isar1) F(aa64isar2) F(aa64mmfr0) F(aa64mmfr1) F(aa64mmfr2) F(zero)
/* clang-format on */

typedef struct ArmIdRegs {
#define F(name) uint64_t name;
    ARM_ID_FIELDS(F)
#undef F
    uint32_t ccsidr[8]; /* by CSSELR: level << 1 | instruction */
} ArmIdRegs;

#endif
