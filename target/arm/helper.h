/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run-time helpers that generated A64 code calls. Each has the form of IrHelper.fn; operands are
 * zero-extended. Context: the vCPU's thread.
 */
#ifndef TARGET_ARM_HELPER_H
#define TARGET_ARM_HELPER_H

#include <stdint.h>

#include "accel/tcg/ir/keeps.h"

typedef struct Cpu Cpu;

/* Record a synchronous exception of the current instruction (translate.c). */
uint64_t arm_helper_raise(Cpu *cpu, uint64_t syndrome, uint64_t target_el, uint64_t next_insn);
uint64_t arm_helper_pc_unaligned(Cpu *cpu, uint64_t pc);
uint64_t arm_helper_sp_unaligned(Cpu *cpu);
/* An indirect branch came to what is no landing pad for its BTYPE. */
uint64_t arm_helper_branch_target(Cpu *cpu);

/* Exception return of the current EL to @elr: restores PSTATE from SPSR; result: the new PC. */
uint64_t arm_helper_eret(Cpu *cpu, uint64_t elr);
/* HVC and SMC of immediate @imm: PSCI where it is the conduit, else an exception. */
uint64_t arm_helper_hvc(Cpu *cpu, uint64_t imm);
uint64_t arm_helper_smc(Cpu *cpu, uint64_t imm);
/* Halt until an interrupt or event; may raise (SCTLR.nTWI, nTWE). */
uint64_t arm_helper_wfi(Cpu *cpu);
uint64_t arm_helper_wfe(Cpu *cpu);
uint64_t arm_helper_yield(Cpu *cpu);
/* Set the event register of every vCPU. */
uint64_t arm_helper_sev(Cpu *cpu);
/* Wait for the TLB maintenance this vCPU has broadcast. */
uint64_t arm_helper_dsb(Cpu *cpu);

/* Pointer authentication; @key is an A64_KEY_*. */
/* pauth.c: by key; IR_HELPER_KEEPS. */
IR_KEEPS uint64_t arm_helper_pacia(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_pacib(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_pacda(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_pacdb(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_autia(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_autib(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_autda(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_autdb(Cpu *cpu, uint64_t ptr, uint64_t modifier);
IR_KEEPS uint64_t arm_helper_xpac(Cpu *cpu, uint64_t ptr, uint64_t is_data);
IR_KEEPS uint64_t arm_helper_pacga(Cpu *cpu, uint64_t x, uint64_t y);

#endif
