/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and the TLB. Spec: Vol. III, chapter 4 and 9. */
#ifndef TARGET_MIPS_TLB_H
#define TARGET_MIPS_TLB_H

#include "target/mips/cpu.h"

unsigned mips_tlb_size(const MipsCpu *c);
/* Bits of an address that EntryHi holds: R and VPN2. */
uint64_t mips_tlb_vpn2_mask(const MipsModel *m);
bool mips_tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                   bool probe, TlbResult *out);
void mips_unaligned(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop);
bool mips_bus_error(Cpu *cpu, GuestVirt va, GuestPhys pa, MemAccess access, unsigned mode,
                    uint32_t memop);
bool mips_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out);
/* Forget the replaced entries that are kept: from here on the TLB is what the guest made it. */
void mips_tlb_drop(MipsCpu *c);
/* MMU mode of the present state. */
unsigned mips_mmu_mode(const MipsCpu *c);

#endif
