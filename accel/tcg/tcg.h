/* SPDX-License-Identifier: Apache-2.0 */
/* What targets may ask of the translator at run time (beside ir.h at translation time). */
#ifndef ACCEL_TCG_TCG_H
#define ACCEL_TCG_TCG_H

#include "core/types.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Cpu Cpu;

/* All Context: the vCPU's own thread. A mode mask has bit n for MMU mode n. */
void tcg_tlb_flush_modes(Cpu *cpu, uint32_t modes);
/* Drop one page (any size of mapping that holds it); bits 63..56 of tags are ignored when
 * @any_tag. */
void tcg_tlb_flush_page(Cpu *cpu, GuestVirt va, uint32_t modes, bool any_tag);
/* The same on every vCPU of the machine; complete when each has passed a poll: waited for by
 * tcg_tlb_sync (a DSB). */
void tcg_tlb_flush_modes_all_cpus(Cpu *cpu, uint32_t modes);
void tcg_tlb_flush_page_all_cpus(Cpu *cpu, GuestVirt va, uint32_t modes, bool any_tag);
void tcg_tlb_sync(Cpu *cpu);

/* Data access from a helper, as a load or store of the guest in @mode (fault recorded: false). */
bool tcg_read(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t *value);
bool tcg_write(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t value);

/* Physical access of a page walk: 4 or 8 bytes, aligned; false: bus error. */
bool tcg_phys_read(Cpu *cpu, GuestPhys pa, bool secure, unsigned bytes, uint64_t *value);
/* Atomic update of a descriptor in RAM: store @desired if memory holds @expected; *was := what
 * it held. False: not RAM. */
bool tcg_phys_cas64(Cpu *cpu, GuestPhys pa, bool secure, uint64_t expected, uint64_t desired,
                    uint64_t *was);

/* Leave the current block after this helper and look for interrupts (masks changed). */
void tcg_exit_soon(Cpu *cpu);
/* Disarm the exclusive monitor. */
void tcg_clrex(Cpu *cpu);
/* Halt (WFI/WFE): the run loop sleeps until target->has_work or a request. */
void tcg_halt(Cpu *cpu);

#endif
