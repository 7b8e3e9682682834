/* SPDX-License-Identifier: Apache-2.0 */
/* Run-time helpers that generated MIPS code calls; the form of IrHelper.fn. */
#ifndef TARGET_MIPS_HELPER_H
#define TARGET_MIPS_HELPER_H

#include <stdint.h>

typedef struct Cpu Cpu;

/* Record an exception of the current instruction. */
uint64_t mips_helper_raise(Cpu *cpu, uint64_t code, uint64_t coprocessor);
uint64_t mips_helper_pc_unaligned(Cpu *cpu, uint64_t pc);
/* Coprocessor 0; @reg is number * 8 + select. */
uint64_t mips_helper_mfc0(Cpu *cpu, uint64_t reg);
uint64_t mips_helper_mtc0(Cpu *cpu, uint64_t reg, uint64_t val);
uint64_t mips_helper_rdhwr(Cpu *cpu, uint64_t reg, uint64_t sel);
uint64_t mips_helper_tlbr(Cpu *cpu);
uint64_t mips_helper_tlbwi(Cpu *cpu);
uint64_t mips_helper_tlbwr(Cpu *cpu);
uint64_t mips_helper_tlbp(Cpu *cpu);
uint64_t mips_helper_tlbinv(Cpu *cpu);
uint64_t mips_helper_tlbinvf(Cpu *cpu);
uint64_t mips_helper_mfhc0(Cpu *cpu, uint64_t reg);
uint64_t mips_helper_mthc0(Cpu *cpu, uint64_t reg, uint64_t val);
uint64_t mips_helper_eretnc(Cpu *cpu); /* result: the new pc */
uint64_t mips_helper_watch_fetch(Cpu *cpu, uint64_t pc, uint64_t bytes);
uint64_t mips_helper_wait(Cpu *cpu);
/* LWL, LWR, SWL, SWR, LDL, ... at @addr; @how: MIPS_UNALIGNED_* below, MMU mode << 8. */
uint64_t mips_helper_store_part(Cpu *cpu, uint64_t addr, uint64_t val, uint64_t how);

enum {
    MIPS_PART_RIGHT = 1,
    MIPS_PART_64 = 2,
    MIPS_PART_BE = 4,
    MIPS_PART_MODE_SHIFT = 8,
};

/* Floating point; @op: MIPS_FP_* of fp.h. */
uint64_t mips_helper_fp(Cpu *cpu, uint64_t op, uint64_t a, uint64_t b);
uint64_t mips_helper_fp3(Cpu *cpu, uint64_t op_and_c_hi, uint64_t a, uint64_t b, uint64_t c);
/* Release 6; @op: MIPS_FP6_*; @add: the third operand. */
uint64_t mips_helper_fp6(Cpu *cpu, uint64_t op, uint64_t a, uint64_t b, uint64_t add);
uint64_t mips_helper_cfc1(Cpu *cpu, uint64_t reg);
uint64_t mips_helper_ctc1(Cpu *cpu, uint64_t reg, uint64_t val);

#endif
