/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watch registers. Spec: Vol. III, WatchLo and WatchHi, Watch Exception; MIPS R4000 User's Manual,
 * chapter 5, where the address is a physical one.
 *
 * A page of which something is watched has no entry in the tables that translated code looks at
 * (TlbResult.watched), and code on it asks before each instruction (MIPS_CODE_WATCHED); where
 * nothing is watched that costs nothing. What depends on more than the address, the address
 * space above all, is decided at the access.
 */
#include "target/mips/watch.h"

#include "accel/tcg/tcg.h"
#include "target/mips/helper.h"
#include "target/mips/model.h"
#include "target/mips/translate.h"

enum {
    KINDS = MIPS_WATCH_I | MIPS_WATCH_R | MIPS_WATCH_W,
    DOUBLEWORD = 7,
    HI_MASK = 0xff8,
    HI_ASID_SHIFT = 16,
    HI_G = 1 << 30,
    R4000_PADDR1 = 0xf, /* bits 35 to 32 of the address */
    PAGE = 4096,
};
#define HI_M (1u << 31)

/* The R4000's compares physical addresses, and knows neither code nor spaces. */
static bool watch_is_physical(const MipsCpu *c)
{
    return !mips_cpu_has(c, MIPS_FEAT_R1);
}

unsigned mips_watch_pairs(const MipsCpu *c)
{
    unsigned n = 0;

    while (n < MIPS_WATCHES && c->model->watch[n]) {
        n++;
    }
    return n;
}

static uint64_t watch_address(const MipsCpu *c, unsigned n)
{
    uint64_t at = c->cp0[CP0_WATCHLO + n] & ~(uint64_t)DOUBLEWORD;

    return watch_is_physical(c) ? (uint32_t)at | c->cp0[CP0_WATCHHI + n] << 32 : at;
}

void mips_watch_loaded(MipsCpu *c)
{
    uint64_t on = 0;

    for (unsigned n = 0; n < mips_watch_pairs(c); n++) {
        on |= c->cp0[CP0_WATCHLO + n] & KINDS;
    }
    c->watching = on != 0;
}

static void watch_set(MipsCpu *c, unsigned reg, unsigned n, uint64_t val)
{
    bool flush = (c->cp0[CP0_WATCHLO + n] & KINDS) != 0;

    c->cp0[reg + n] = val;
    flush |= (c->cp0[CP0_WATCHLO + n] & KINDS) != 0;
    mips_watch_loaded(c);
    if (flush) {
        tcg_tlb_flush_modes(&c->cpu, MIPS_ALL_MODES);
    }
}

/* Conditions that the pair does not have read as zero, which is how kernels find those it has. */
void mips_watch_write_lo(MipsCpu *c, unsigned n, uint64_t val)
{
    watch_set(c, CP0_WATCHLO, n, val & (c->model->watch[n] | ~(uint64_t)DOUBLEWORD));
}

/* From release 2 on bits 2 to 0 say which condition held, and are cleared by writing ones. */
void mips_watch_write_hi(MipsCpu *c, unsigned n, uint64_t val)
{
    uint64_t held = c->cp0[CP0_WATCHHI + n] & KINDS & ~val;

    if (watch_is_physical(c)) {
        watch_set(c, CP0_WATCHHI, n, val & R4000_PADDR1);
        return;
    }
    val &= HI_G | 0xff << HI_ASID_SHIFT | HI_MASK;
    val |= n + 1 < mips_watch_pairs(c) ? HI_M : 0;
    watch_set(c, CP0_WATCHHI, n, val | held);
}

/* ---- where to look ---- */

void mips_watch_page(const MipsCpu *c, uint64_t va, MemAccess access, TlbResult *out)
{
    uint64_t kinds = access == ACCESS_FETCH ? MIPS_WATCH_I : MIPS_WATCH_R | MIPS_WATCH_W;
    uint64_t span = out->page_bytes - 1;

    for (unsigned n = 0; n < mips_watch_pairs(c); n++) {
        uint64_t off = watch_address(c, n) ^ (watch_is_physical(c) ? out->phys : va);

        if (!(c->cp0[CP0_WATCHLO + n] & KINDS) || off & ~span) {
            continue;
        }
        out->page_bytes = PAGE; /* so that the rest of the mapping is asked for by pages */
        if (!(off & ~(uint64_t)(PAGE - 1)) && c->cp0[CP0_WATCHLO + n] & kinds) {
            out->watched |= access != ACCESS_FETCH;
            out->code_attr |= access == ACCESS_FETCH ? MIPS_CODE_WATCHED : 0;
        }
    }
}

/* ---- accesses ---- */

static bool watch_hits(const MipsCpu *c, unsigned n, uint64_t first, unsigned bytes)
{
    uint64_t hi = c->cp0[CP0_WATCHHI + n], mask = DOUBLEWORD, at = watch_address(c, n);

    if (!watch_is_physical(c)) {
        mask |= hi & HI_MASK;
        if (!(hi & HI_G) && ((hi >> HI_ASID_SHIFT ^ c->cp0[CP0_ENTRYHI]) & 0xff)) {
            return false;
        }
    }
    for (uint64_t a = first & ~(uint64_t)DOUBLEWORD; a < first + bytes; a += DOUBLEWORD + 1) {
        if (!((a ^ at) & ~mask)) {
            return true;
        }
    }
    return false;
}

/*
 * With EXL or ERL set the exception waits for both to be clear: Cause.WP, which software has to
 * clear, and on an R4000, which has no such bit, the line alone.
 */
bool mips_watch(Cpu *cpu, GuestVirt va, GuestPhys pa, unsigned bytes, MemAccess access)
{
    static const uint8_t kinds[] = {
        [ACCESS_READ] = MIPS_WATCH_R, [ACCESS_WRITE] = MIPS_WATCH_W, [ACCESS_FETCH] = MIPS_WATCH_I
    };
    MipsCpu *c = mips_cpu(cpu);
    uint64_t first = watch_is_physical(c) ? pa : va;
    bool hit = false;

    for (unsigned n = 0; c->watching && first != MIPS_NO_PA && n < mips_watch_pairs(c); n++) {
        if (c->cp0[CP0_WATCHLO + n] & kinds[access] && watch_hits(c, n, first, bytes)) {
            c->cp0[CP0_WATCHHI + n] |= mips_cpu_has(c, MIPS_FEAT_R2) ? kinds[access] : 0;
            hit = true;
        }
    }
    if (!hit) {
        return false;
    }
    if (c->cp0[CP0_STATUS] & (STATUS_EXL | STATUS_ERL)) {
        c->cp0[CP0_CAUSE] |= mips_cpu_has(c, MIPS_FEAT_R1) ? CAUSE_WP : 0;
        cpu_set_line(cpu, MIPS_LINE_WATCH, true);
        return false;
    }
    c->exc = (MipsException){ .code = EXC_WATCH };
    cpu->raised = true;
    return true;
}

uint64_t mips_helper_watch_fetch(Cpu *cpu, uint64_t pc, uint64_t bytes)
{
    mips_watch(cpu, pc, MIPS_NO_PA, (unsigned)bytes, ACCESS_FETCH);
    return 0;
}
