/* SPDX-License-Identifier: Apache-2.0 */
/* What targets may ask of the translator at run time (beside ir.h at translation time). */
#ifndef ACCEL_TCG_TCG_H
#define ACCEL_TCG_TCG_H

#include "core/types.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Cpu Cpu;

/*
 * The software TLB keeps what the target's tlb_fill answered, by address, MMU mode and address
 * space, until it is told otherwise. Context of all: the vCPU's own thread. A mode mask has bit n
 * for MMU mode n.
 *
 * A space is named by the target by what its TLB tells spaces apart with (Arm and RISC-V: ASID and
 * whatever else it is tagged with; MIPS: ASID; x86: CR3 or PCID). Pages that tlb_fill calls global
 * are in every space of their modes; the others belong to the space that was current when they
 * were filled, do not count while another is, and count again when it is back. After reset or a
 * load of state the target need not say where it is; names are any numbers but UINT64_MAX.
 *
 * A target whose guests fill the TLB themselves (MIPS) answers tlb_fill from its own table of
 * entries, or records its refill exception. It has only to tell which addresses an entry covered
 * before it changes or drops one (TLBWI, TLBWR, TLBINV): tcg_tlb_flush_range over both halves,
 * which costs a probe for each page and no scan. It need not tell of entries that become valid: no
 * answer is kept for those that were not.
 */
void tcg_space_switch(Cpu *cpu, uint32_t modes, uint64_t space);

/* All of these modes, in every space. */
void tcg_tlb_flush_modes(Cpu *cpu, uint32_t modes);
/* The pages of one space that are not global; @modes and @space as they were switched to. */
void tcg_tlb_flush_space(Cpu *cpu, uint32_t modes, uint64_t space);

#define TCG_ANY_SPACE UINT64_MAX

enum {
    TCG_FLUSH_ANY_TAG = 1, /* whatever bits 63..56 of the address were at the access */
    TCG_FLUSH_LEAF = 2,    /* tables on the way have not changed: tcg_walk_epoch stays */
};

/* Addresses in every space, with any size of mapping that holds one of them. */
void tcg_tlb_flush_page(Cpu *cpu, GuestVirt va, uint32_t modes, unsigned how);
void tcg_tlb_flush_range(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes, unsigned how);
/* Pages of @space (as it was switched to) and global ones; others with the same addresses may stay.
 * TCG_ANY_SPACE: as above. */
void tcg_tlb_flush_range_of(Cpu *cpu, uint64_t space, GuestVirt va, uint64_t bytes, uint32_t modes,
                            unsigned how);
/* The same on every vCPU of the machine; complete when each has passed a poll: waited for by
 * tcg_tlb_sync (a DSB). */
void tcg_tlb_flush_modes_all_cpus(Cpu *cpu, uint32_t modes);
void tcg_tlb_flush_space_all_cpus(Cpu *cpu, uint32_t modes, uint64_t space);
void tcg_tlb_flush_page_all_cpus(Cpu *cpu, GuestVirt va, uint32_t modes, unsigned how);
void tcg_tlb_flush_range_all_cpus(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes,
                                  unsigned how);
void tcg_tlb_flush_range_of_all_cpus(Cpu *cpu, uint64_t space, GuestVirt va, uint64_t bytes,
                                     uint32_t modes, unsigned how);
void tcg_tlb_sync(Cpu *cpu);
/* What a target remembers of tables of translations is stale when this number has changed. */
uint64_t tcg_walk_epoch(Cpu *cpu);

/* Data access from a helper, as a load or store of the guest in @mode (fault recorded: false). */
bool tcg_read(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t *value);
bool tcg_write(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t value);
/*
 * @n (1 to 8) bytes that lie in one aligned word of 8, the first in memory the least significant of
 * @value. Done where the fast tables hold the page; false: nothing was done, take tcg_write.
 */
bool tcg_write_direct(Cpu *cpu, GuestVirt va, unsigned mode, unsigned n, uint64_t value);

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
/* Is it armed? */
bool tcg_is_exclusive(const Cpu *cpu);
/* Halt (WFI/WFE): the run loop sleeps until target->has_work or a request. */
void tcg_halt(Cpu *cpu);

#endif
