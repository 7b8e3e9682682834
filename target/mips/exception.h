/* SPDX-License-Identifier: Apache-2.0 */
/* Exception entry, interrupts. Spec: Vol. III, chapter 6. */
#ifndef TARGET_MIPS_EXCEPTION_H
#define TARGET_MIPS_EXCEPTION_H

#include "target/mips/cpu.h"

void mips_exception_enter(Cpu *cpu);
bool mips_interrupt_enter(Cpu *cpu);
bool mips_has_work(const Cpu *cpu);
/* Target.restore: @restart 1: of an instruction in a delay slot. */
void mips_restore(Cpu *cpu, uint32_t restart);

#endif
