/* SPDX-License-Identifier: Apache-2.0 */
/* Watch registers: WatchLo and WatchHi. */
#ifndef TARGET_MIPS_WATCH_H
#define TARGET_MIPS_WATCH_H

#include "target/mips/cpu.h"

/* Conditions, as WatchLo and WatchHi have them. */
enum { MIPS_WATCH_W = 1 << 0, MIPS_WATCH_R = 1 << 1, MIPS_WATCH_I = 1 << 2 };

unsigned mips_watch_pairs(const MipsCpu *c);
/* What MTC0 writes. */
void mips_watch_write_lo(MipsCpu *c, unsigned n, uint64_t val);
void mips_watch_write_hi(MipsCpu *c, unsigned n, uint64_t val);
/* Registers are as a reset or a saved state has them. */
void mips_watch_loaded(MipsCpu *c);
/* The translation of @va is kept; say whether anything in the page is watched. */
void mips_watch_page(const MipsCpu *c, uint64_t va, MemAccess access, TlbResult *out);
/* Target.watch. An access that fails for another reason: @pa is MIPS_NO_PA. */
bool mips_watch(Cpu *cpu, GuestVirt va, GuestPhys pa, unsigned bytes, MemAccess access);

#define MIPS_NO_PA UINT64_MAX

#endif
