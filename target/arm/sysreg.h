/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers and instructions: one row each. Translation, reset, debugger and monitor are
 * computed from the rows. Spec: Arm ARM DDI 0487, C5 (system instructions), D19 (registers).
 */
#ifndef TARGET_ARM_SYSREG_H
#define TARGET_ARM_SYSREG_H

#include "target/arm/cpu.h"

/* The number of a register; also the regid of core/intc.h. */
#define SYSID(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum { SYS_NEVER = 4 }; /* as the least EL: no such access */

/* What an access at EL0 needs beside the row's levels; else it traps with EC 0x18. */
typedef enum ArmSysTrap {
    SYS_TRAP_NONE,
    SYS_TRAP_UCI, /* SCTLR.UCI */
    SYS_TRAP_UCT, /* SCTLR.UCT */
    SYS_TRAP_DZE, /* SCTLR.DZE */
    SYS_TRAP_UMA, /* SCTLR.UMA */
    SYS_TRAP_VCT, /* CNTKCTL.EL0VCTEN */
    SYS_TRAP_PCT, /* CNTKCTL.EL0PCTEN */
    SYS_TRAP_FRQ, /* either */
    SYS_TRAP_VT,  /* CNTKCTL.EL0VTEN */
    SYS_TRAP_PT,  /* CNTKCTL.EL0PTEN */
    SYS_TRAP_FP,  /* FP and SIMD are on, at every level */
    SYS_TRAP_NO_EL0,
} ArmSysTrap;

enum {
    SYS_LEAVES = 1 << 0, /* a write may change how code is translated, or masks: leave the block */
    SYS_RAISES = 1 << 1, /* the functions may raise */
    SYS_NOP = 1 << 2,    /* nothing happens; reads give 0 */
    SYS_HIDDEN = 1 << 3, /* no state of its own: not shown to debuggers */
    SYS_ID = 1 << 4,     /* identification space: EL0 reads trap as registers (FEAT_IDST) */
};

typedef struct ArmSysReg ArmSysReg;

struct ArmSysReg {
    const char *name;
    uint32_t id;
    uint8_t read_el, write_el; /* least EL, or SYS_NEVER */
    uint8_t trap;              /* ArmSysTrap */
    uint8_t flags;
    uint8_t size;  /* log2 of the bytes stored; of rows with storage */
    uint8_t need;  /* 1 + ArmFeature without which it is absent */
    uint32_t at;   /* offset in ArmCpu, or 0 */
    uint64_t mask; /* bits that can be written; 0: all */
    uint64_t set;  /* bits that read as one */
    uint64_t reset;
    uint64_t (*read)(ArmCpu *c, const ArmSysReg *r);
    void (*write)(ArmCpu *c, const ArmSysReg *r, uint64_t val);
};

/* The tables, by group; each ends with a row without a name. */
extern const ArmSysReg arm_sys_el1[], arm_sys_id[], arm_sys_pstate[], arm_sys_ops[], arm_sys_el2[],
    arm_sys_timer[], arm_sys_debug[];
extern const ArmSysReg *const arm_sys_tables[];

/* The row of @id that @c has, or NULL. */
const ArmSysReg *arm_sys_find(const ArmCpu *c, uint32_t id);
/* Plain access as by MRS and MSR at the register's own level: for tests and debuggers. */
uint64_t arm_sys_read(ArmCpu *c, const ArmSysReg *r);
void arm_sys_write(ArmCpu *c, const ArmSysReg *r, uint64_t val);
void arm_sys_reset(ArmCpu *c);
/* Whether EL0 must not do what needs @trap. */
bool arm_sys_traps(const ArmCpu *c, unsigned trap);

/* FPCR and FPSR between their architectural form and the FpEnv. */
void arm_fpcr_write(ArmCpu *c, uint64_t val);
uint64_t arm_fpsr_read(const ArmCpu *c);
void arm_fpsr_write(ArmCpu *c, uint64_t val);

/* Generic timer (timer.c). */
enum { ARM_TIMER_TICK_BITS = 4 }; /* log2 of the ns between two counts */
void arm_timer_fired(Device *dev, unsigned n);
void arm_timer_settle(ArmCpu *c);
void arm_timer_update(ArmCpu *c, unsigned n);

#define SYS_AT(m)       .at = offsetof(ArmCpu, sys.m), .size = 3
#define SYS_IN(m, log2) .at = offsetof(ArmCpu, m), .size = (log2)
#define SYS_IDREG(m)    .at = offsetof(ArmCpu, id.m), .size = 3
#define SYS_RW(el)      .read_el = (el), .write_el = (el)
#define SYS_RO(el)      .read_el = (el), .write_el = SYS_NEVER
#define SYS_WO(el)      .read_el = SYS_NEVER, .write_el = (el)
#define SYS_NEEDS(f)    .need = 1 + ARM_FEAT_##f

#endif
