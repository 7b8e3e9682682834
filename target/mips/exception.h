/* SPDX-License-Identifier: Apache-2.0 */
/* Exception entry, interrupts. Spec: Vol. III, chapter 6. */
#ifndef TARGET_MIPS_EXCEPTION_H
#define TARGET_MIPS_EXCEPTION_H

#include "target/mips/cpu.h"

void mips_exception_enter(Cpu *cpu);
bool mips_interrupt_enter(Cpu *cpu);
bool mips_has_work(const Cpu *cpu);
/* Target.jump_pc: with bit 0 of @addr the jump is to the other instruction set. */
uint64_t mips_jump_pc(Cpu *cpu, uint64_t addr);
/* Target.restore: @restart: bytes of the branch whose delay slot it is. */
void mips_restore(Cpu *cpu, uint32_t restart);

#endif
