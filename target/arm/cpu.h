/* SPDX-License-Identifier: Apache-2.0 */
/* State of an Arm CPU. Spec: Arm Architecture Reference Manual for A-profile, DDI 0487. */
#ifndef TARGET_ARM_CPU_H
#define TARGET_ARM_CPU_H

#include "accel/tcg/ir/ir-ref.h"
#include "core/cpu.h"
#include "core/target.h"
#include "target/arm/features.h"
#include "target/arm/sysreg-state.h"

/* MMU modes: indices of the software TLB, one for each translation regime and privilege. */
enum {
    ARM_MODE_E10_0,     /* EL1&0 regime, unprivileged */
    ARM_MODE_E10_1,     /* EL1&0 regime, privileged */
    ARM_MODE_E10_1_PAN, /* the same with PSTATE.PAN set */
    ARM_MODE_E2,
    ARM_MODE_E3,
    ARM_N_MODES
};

/* The exception recorded by whoever raises; entered by the run loop. */
typedef struct ArmException {
    uint32_t kind;     /* ARM_EXC_* of exception.h */
    uint32_t syndrome; /* ESR_ELx as it will be */
    uint64_t far;      /* FAR_ELx, where has_far */
    bool has_far;
    uint8_t target_el;
    bool next_insn; /* return address: after this instruction (SVC) */
} ArmException;

/* Input lines of the CPU: bits of cpu.irq_lines, pins of these names. */
enum { ARM_LINE_IRQ, ARM_LINE_FIQ, ARM_LINE_VIRQ, ARM_LINE_VFIQ };

/* Timers of the generic timer: index of cnt_ctl, of pins "timer" and of the device tree's PPIs. */
enum { ARM_TIMER_PHYS, ARM_TIMER_VIRT, ARM_TIMER_HYP, ARM_TIMER_SEC, ARM_N_TIMERS };

enum { ARM_CONDUIT_DISABLED, ARM_CONDUIT_SMC, ARM_CONDUIT_HVC };

enum { ARM_WAIT_NONE, ARM_WAIT_WFI };

typedef struct ArmModel ArmModel;

enum { ARM_WALK_SIZE = 64 };

/* What the registers TCR_ELx say of the half that an address lies in. */
typedef struct ArmWalkParams {
    uint64_t ttbr;
    uint8_t page_bits; /* 12, 14, 16 */
    uint8_t va_bits;   /* 64 - TxSZ */
    uint8_t pa_bits;
    bool disabled; /* EPDn, E0PDn, reserved values */
    bool tbi, ha, hd, hpd;
} ArmWalkParams;

/* A table that a walk went through. */
typedef struct ArmWalkTable {
    uint64_t root; /* address | regime | half */
    uint64_t
        prefix; /* the bits of the address above what the table covers, and its level; 0: free */
    uint64_t table, attrs;
} ArmWalkTable;

/* Caches of the MMU beside the TLB: dropped when tcg_walk_epoch has changed. */
typedef struct ArmWalkCache {
    uint64_t epoch, tcr;
    uint8_t params_valid; /* bit: index */
    ArmWalkParams params[8];
    ArmWalkTable table[ARM_WALK_SIZE];
} ArmWalkCache;

/* Shape of signed pointers at an EL; follows from TCR_ELx (pauth.c). */
typedef struct ArmPauthLayout {
    uint64_t tcr;         /* that it was made for */
    uint64_t upper[2][2]; /* [fetch][upper range]: bits beyond the address, tags left out */
    bool any_tbi[2];
    uint8_t el; /* 0: not made yet */
} ArmPauthLayout;

enum { ARM_PAC_BITS = 9 };

/* A code of QARMA and what it was computed of. */
typedef struct ArmPacEntry {
    uint64_t data, modifier, hi, lo, pac;
    uint64_t used;
} ArmPacEntry;

typedef struct ArmCpu {
    Cpu cpu; /* first */

    uint64_t x[31];
    uint64_t sp; /* of the current EL and SPSel; the others in sp_el[] */
    uint64_t pc;
    uint32_t flags; /* NZCV, boundary format of ir.h */
    uint32_t btype; /* PSTATE.BTYPE */
    IrV128 v[32];
    IrFpState fp;      /* follows from fpcr; sticky flags are FPSR's */
    uint64_t sp_el[4]; /* SP_ELx where not the current one */
    uint64_t elr_el[4], spsr_el[4];
    uint64_t fpcr;  /* as written, RES0 bits clear */
    uint8_t el;     /* PSTATE.EL */
    uint8_t sp_sel; /* PSTATE.SP */
    uint8_t daif;   /* D, A, I, F in bits 3..0 */
    uint8_t pan, uao, ssbs, dit, il, ss, tco;
    uint8_t event; /* event register of WFE */

    uint64_t features; /* ARM_FEAT_* of features.h, one bit each */
    ArmException exc;
    ArmWalkCache walk;

    ArmSysState sys; /* which register lies where: the table of sysreg*.c */
    ArmIdRegs id;
    uint8_t waiting; /* ARM_WAIT_*: why the CPU halts */
    uint8_t spins;   /* YIELD instructions, modulo 256 */
    uint32_t fpsr;   /* while saved; else in fp */
    ArmPauthLayout pauth;
    ArmPacEntry pac[1 << ARM_PAC_BITS];

    Timer timer[ARM_N_TIMERS];
    Irq timer_irq[ARM_N_TIMERS];

    /* Properties; defaults and names in cpu.c. */
    const ArmModel *model;
    bool prop_pauth, prop_pauth_impdef, prop_sve, prop_el2, prop_el3, prop_pmu;
    uint64_t rvbar, mp_affinity, cntfrq;
    unsigned int psci_conduit;

    const struct ArmSysReg *sys_kept[64]; /* rows that the translator found */
} ArmCpu;

extern const KvmTarget kvm_target_arm; /* on AArch64 hosts */

static inline ArmCpu *arm_cpu(Cpu *cpu)
{
    return (ArmCpu *)cpu;
}

static inline bool arm_has(const ArmCpu *c, ArmFeature f)
{
    return c->features >> f & 1;
}

/* Index in sp_el of the stack pointer in use. */
static inline unsigned arm_sp_index(const ArmCpu *c)
{
    return c->sp_sel ? c->el : 0;
}

/* The CPU models as device types, NULL-terminated: "cortex-a57-arm-cpu" and so on. */
extern const DeviceType *const arm_cpu_types[];
/* What all of them are. */
extern const DeviceType device_arm_cpu;

/*
 * Make (not realize) CPU @index of @m from the text of -cpu, "cortex-a57,pauth=off". Errors:
 * unknown model (nearest names) or property.
 */
ArmCpu *arm_cpu_new(Machine *m, const char *text, unsigned index, GError **err);
/* Text of `-cpu help`; the caller frees. */
char *arm_cpu_help(void);

extern const Target target_aarch64;

#endif
