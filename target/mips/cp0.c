/* SPDX-License-Identifier: Apache-2.0 */
/* Coprocessor 0's registers, Count and Compare. Spec: Vol. III, chapter 9. */
#include "target/mips/cp0.h"

#include "accel/tcg/tcg.h"
#include "target/mips/eva.h"
#include "target/mips/helper.h"
#include "target/mips/model.h"
#include "target/mips/tlb.h"
#include "target/mips/watch.h"

#include <string.h>

#define ALL 0xffffffffffffffffull
#define W32 0xffffffffull

enum { CP0_NS_PER_US = 1000, CP0_HZ_PER_MHZ = 1000000, PAGEMASK_16M = 0x1ffe000, LLADDR_LLB = 1 };

/* ---- Count and Compare ---- */

static uint32_t cp0_ticks(const MipsCpu *c)
{
    uint64_t now = (uint64_t)machine_now_ns(c->cpu.dev.machine);
    uint64_t mhz = c->count_hz / CP0_HZ_PER_MHZ;

    return (uint32_t)((unsigned __int128)now * mhz / CP0_NS_PER_US);
}

static uint32_t cp0_count(const MipsCpu *c)
{
    return c->cp0[CP0_CAUSE] & CAUSE_DC ? c->count_base : c->count_base + cp0_ticks(c);
}

void mips_timer_update(MipsCpu *c)
{
    uint64_t mhz = c->count_hz / CP0_HZ_PER_MHZ;
    uint32_t count = cp0_count(c);
    uint64_t left = (uint32_t)(c->cp0[CP0_COMPARE] - count);

    /* 0 where it is a whole turn, or never */
    __atomic_store_n(&c->timer_from,
                     c->cp0[CP0_CAUSE] & CAUSE_DC ? 0 : (uint64_t)count << 32 | left,
                     __ATOMIC_RELAXED);
    if (c->cp0[CP0_CAUSE] & CAUSE_DC) {
        timer_cancel(&c->timer[0]);
        return;
    }
    left = left ? left : 1ull << 32;
    timer_arm_at_ns(&c->timer[0], machine_now_ns(c->cpu.dev.machine) +
                                      (int64_t)((left * CP0_NS_PER_US + mhz - 1) / mhz));
}

void mips_timer_fired(Device *dev, unsigned n)
{
    MipsCpu *c = device_as(dev, MipsCpu);

    cpu_set_line(&c->cpu, MIPS_LINE_TIMER, true);
    mips_timer_update(c);
}

/* TI is there as soon as software has seen that Count met Compare (Vol. III, 9.23), not when the
 * loop gets round to the timer: Linux tries whether it works by looking for a fraction of a
 * microsecond. */
static uint32_t cp0_look_at_count(MipsCpu *c)
{
    uint64_t from = __atomic_load_n(&c->timer_from, __ATOMIC_RELAXED);
    uint32_t count = cp0_count(c);

    if ((uint32_t)from && count - (uint32_t)(from >> 32) >= (uint32_t)from) {
        device_enter(&c->cpu.dev);
        if (from == c->timer_from) {
            mips_timer_fired(&c->cpu.dev, 0);
        }
        device_leave(&c->cpu.dev);
    }
    return count;
}

static uint64_t cp0_read_count(MipsCpu *c)
{
    return cp0_look_at_count(c);
}

static void cp0_write_count(MipsCpu *c, uint64_t val)
{
    device_enter(&c->cpu.dev);
    c->count_base = 0;
    c->count_base = (uint32_t)val - cp0_count(c);
    mips_timer_update(c);
    device_leave(&c->cpu.dev);
}

static void cp0_write_compare(MipsCpu *c, uint64_t val)
{
    device_enter(&c->cpu.dev);
    c->cp0[CP0_COMPARE] = val;
    cpu_set_line(&c->cpu, MIPS_LINE_TIMER, false);
    mips_timer_update(c);
    device_leave(&c->cpu.dev);
}

/* ---- interrupts ---- */

uint32_t mips_cause_ip(const MipsCpu *c)
{
    uint32_t lines = cpu_lines(&c->cpu);

    return (lines & 0xff) | (lines >> MIPS_LINE_TIMER & 1) << 7;
}

/* Translated code computes the same (mips-sys.c). */
static uint64_t cp0_read_cause(MipsCpu *c)
{
    uint64_t v;

    v = c->cp0[CP0_CAUSE] & ~(uint64_t)(0xff << CAUSE_IP_SHIFT);

    v |= (uint64_t)mips_cause_ip(c) << CAUSE_IP_SHIFT;
    if (cpu_lines(&c->cpu) >> MIPS_LINE_TIMER & 1 && mips_cpu_has(c, MIPS_FEAT_R2)) {
        v |= CAUSE_TI;
    }
    return v;
}

static void cp0_write_cause(MipsCpu *c, uint64_t val)
{
    bool stopped = c->cp0[CP0_CAUSE] & CAUSE_DC, stop;

    val &= c->cp0[CP0_CAUSE] | ~(uint64_t)CAUSE_WP; /* only cleared by software */
    val &= mips_cpu_has(c, MIPS_FEAT_R2)   ? ~0ull
           : mips_cpu_has(c, MIPS_FEAT_R1) ? ~(uint64_t)CAUSE_DC
                                           : ~(uint64_t)(CAUSE_DC | CAUSE_IV | CAUSE_WP);
    stop = val & CAUSE_DC;
    if (stopped != stop) {
        uint32_t count = cp0_count(c);

        device_enter(&c->cpu.dev);
        c->cp0[CP0_CAUSE] = val;
        c->count_base = 0;
        c->count_base = count - cp0_count(c);
        mips_timer_update(c);
        device_leave(&c->cpu.dev);
    }
    c->cp0[CP0_CAUSE] = val & ~(uint64_t)(0xff << CAUSE_IP_SHIFT);
    cpu_set_line(&c->cpu, 0, val >> CAUSE_IP_SHIFT & 1);
    cpu_set_line(&c->cpu, 1, val >> (CAUSE_IP_SHIFT + 1) & 1);
    if (mips_cpu_has(c, MIPS_FEAT_R1)) {
        cpu_set_line(&c->cpu, MIPS_LINE_WATCH, val & CAUSE_WP);
    }
}

/* ---- TLB ---- */

void mips_space_changed(MipsCpu *c)
{
    tcg_space_switch(&c->cpu, MIPS_ALL_MODES, c->cp0[CP0_ENTRYHI] & 0xff);
}

static void cp0_write_entryhi(MipsCpu *c, uint64_t val)
{
    uint64_t old = c->cp0[CP0_ENTRYHI];

    val &= c->vpn2_mask | 0xff | (mips_cpu_has(c, MIPS_FEAT_TLBINV) ? ENTRYHI_EHINV : 0);
    c->cp0[CP0_ENTRYHI] = val;
    if ((old ^ val) & 0xff) {
        mips_space_changed(c);
    }
}

static uint64_t cp0_read_random(MipsCpu *c)
{
    unsigned n = mips_tlb_size(c), wired = (unsigned)c->cp0[CP0_WIRED];

    if (wired >= n) {
        return n - 1;
    }
    c->random_state = c->random_state * 1664525 + 1013904223;
    return wired + (c->random_state >> 16) % (n - wired);
}

static void cp0_write_wired(MipsCpu *c, uint64_t val)
{
    unsigned last = mips_tlb_size(c) ? mips_tlb_size(c) - 1 : 0;

    c->cp0[CP0_WIRED] = MIN(val, last);
}

static void cp0_write_index(MipsCpu *c, uint64_t val)
{
    c->cp0[CP0_INDEX] = (c->cp0[CP0_INDEX] & INDEX_P) | (val & (MIPS_TLB_MAX - 1));
}

/* The page frame's number has as many bits as addresses, and RI and XI are behind it. */
static uint64_t cp0_entrylo(const MipsCpu *c, uint64_t val)
{
    bool wide = mips_cpu_has(c, MIPS_FEAT_M64);
    uint64_t mask = (1ull << (MIN(c->model->pa_bits, wide ? 64 : 36) - 6)) - 1;

    /* PageGrain.RIE and XIE stand where RI and XI do on a CPU of 32 bits. */
    mask |= (c->cp0[CP0_PAGEGRAIN] & (PAGEGRAIN_RIE | PAGEGRAIN_XIE)) << (wide ? 32 : 0);
    return val & mask;
}

static void cp0_write_entrylo0(MipsCpu *c, uint64_t val)
{
    c->cp0[CP0_ENTRYLO0] = cp0_entrylo(c, val);
}

static void cp0_write_entrylo1(MipsCpu *c, uint64_t val)
{
    c->cp0[CP0_ENTRYLO1] = cp0_entrylo(c, val);
}

/* What of it there is hangs on RI and XI and on large addresses. Release 6 has RI and XI always. */
static void cp0_write_pagegrain(MipsCpu *c, uint64_t val)
{
    uint64_t can = 0;

    if (mips_cpu_has(c, MIPS_FEAT_RIXI) && !mips_cpu_has(c, MIPS_FEAT_R6)) {
        can |= PAGEGRAIN_RIE | PAGEGRAIN_XIE | PAGEGRAIN_IEC;
    }
    can |= mips_cpu_has(c, MIPS_FEAT_XPA) ? PAGEGRAIN_ELPA : 0;
    c->cp0[CP0_PAGEGRAIN] = (c->cp0[CP0_PAGEGRAIN] & ~can) | (val & can);
}

/* Vol. III, 9.10 (HWREna): those that RDHWR knows, and UserLocal where there is one. */
static void cp0_write_hwrena(MipsCpu *c, uint64_t val)
{
    uint64_t can = 0xf;

    can |= c->cp0[CP0_CONFIG3] & CONFIG3_ULRI ? 1u << 29 : 0;
    can |= mips_cpu_has(c, MIPS_FEAT_LEXT) ? 3u << 30 : 0;
    c->cp0[CP0_HWRENA] = val & can;
}

/* MAAR (Vol. III, 9.49): speculation, of which there is none here; software reads what it wrote. */
static uint64_t cp0_maar_mask(const MipsCpu *c)
{
    uint64_t mask = ((1ull << (c->model->pa_bits - 4)) - 1) & ~0xfffull;

    return mask | 3 | (mips_cpu_has(c, MIPS_FEAT_M64) ? 1ull << 63 : 0);
}

static uint64_t cp0_read_maar(MipsCpu *c)
{
    return c->maar[c->cp0[CP0_MAARI] % MIPS_MAARS];
}

static void cp0_write_maar(MipsCpu *c, uint64_t val)
{
    c->maar[c->cp0[CP0_MAARI] % MIPS_MAARS] = val & cp0_maar_mask(c);
}

/* All ones ask for the last; what else is beyond it changes nothing. */
static void cp0_write_maari(MipsCpu *c, uint64_t val)
{
    if ((val & 0x3f) == 0x3f) {
        c->cp0[CP0_MAARI] = MIPS_MAARS - 1;
    } else if (val < MIPS_MAARS) {
        c->cp0[CP0_MAARI] = val;
    }
}

static void cp0_write_xcontext(MipsCpu *c, uint64_t val)
{
    uint64_t base = ~0ull << (c->model->seg_bits - 13 + 6); /* PTEBase */

    c->cp0[CP0_XCONTEXT] = (c->cp0[CP0_XCONTEXT] & ~base) | (val & base);
}

/* A mask of pairs of ones from bit 13 up (Vol. III, table 9.11); others make the smallest page. */
static void cp0_write_pagemask(MipsCpu *c, uint64_t val)
{
    uint64_t m = val >> 13;
    bool good = !(m & (m + 1)) && !(__builtin_popcountll(m) & 1);

    if (!mips_cpu_has(c, MIPS_FEAT_R1)) {
        good &= val <= PAGEMASK_16M;
    }

    c->cp0[CP0_PAGEMASK] = good ? val : 0;
}

static uint64_t cp0_read_zero(MipsCpu *c)
{
    return 0;
}

/* ---- the table ---- */

#define STATUS_WRITABLE                                                                        \
    (STATUS_IE | STATUS_EXL | STATUS_ERL | 3u << STATUS_KSU_SHIFT | 0xffu << STATUS_IM_SHIFT | \
     STATUS_NMI | STATUS_SR | STATUS_BEV | STATUS_CU0 | STATUS_CU1)
#define STATUS_WRITABLE_64 (STATUS_UX | STATUS_SX | STATUS_KX | STATUS_PX)
#define CAUSE_WRITABLE     (3u << CAUSE_IP_SHIFT | CAUSE_WP | CAUSE_IV | CAUSE_DC)

static uint64_t cp0_status_writable(const MipsCpu *c)
{
    uint64_t can = STATUS_WRITABLE;

    can |= mips_cpu_has(c, MIPS_FEAT_M64) ? STATUS_WRITABLE_64 : 0;
    /* Release 6 has no other registers than those of FR. */
    can |= mips_cpu_has(c, MIPS_FEAT_FPU64) && !mips_cpu_has(c, MIPS_FEAT_R6) ? STATUS_FR : 0;
    can |= mips_cpu_has(c, MIPS_FEAT_DSP) ? STATUS_MX : 0;
    can |= mips_cpu_has(c, MIPS_FEAT_MMI) ? STATUS_CU2 : 0;
    can &= mips_cpu_has(c, MIPS_FEAT_FPU) ? ~0ull : ~(uint64_t)STATUS_CU1;
    return can;
}

static void cp0_write_status(MipsCpu *c, uint64_t val)
{
    uint64_t can = cp0_status_writable(c), old = c->cp0[CP0_STATUS];

    c->cp0[CP0_STATUS] = (old & ~can) | (val & can);
    if ((c->cp0[CP0_STATUS] ^ old) & (STATUS_UX | STATUS_SX | STATUS_KX)) {
        tcg_tlb_flush_modes(&c->cpu, MIPS_ALL_MODES); /* segments come or go */
    }
}

/* Vol. III, IntCtl.VS: there where interrupts have vectors. */
static void cp0_write_intctl(MipsCpu *c, uint64_t val)
{
    c->cp0[CP0_INTCTL] = c->cp0[CP0_CONFIG3] & CONFIG3_VINT ? val : c->cp0[CP0_INTCTL];
}

/* Vol. III, LLAddr: LLB says whether SC may still store, and software clears it. No address. */
static uint64_t cp0_read_lladdr(MipsCpu *c)
{
    return mips_cpu_has(c, MIPS_FEAT_LLB) && tcg_is_exclusive(&c->cpu) ? LLADDR_LLB : 0;
}

static void cp0_write_lladdr(MipsCpu *c, uint64_t val)
{
    if (mips_cpu_has(c, MIPS_FEAT_LLB) && !(val & LLADDR_LLB)) {
        tcg_clrex(&c->cpu);
    }
}

static void cp0_write_config3(MipsCpu *c, uint64_t val)
{
    if (mips_cpu_has(c, MIPS_FEAT_MICROMIPS)) {
        c->cp0[CP0_CONFIG3] = val;
    }
}

static void cp0_write_config5(MipsCpu *c, uint64_t val)
{
    uint64_t can = mips_cpu_has(c, MIPS_FEAT_MSA) ? CONFIG5_MSAEN : 0;

    can |= mips_cpu_has(c, MIPS_FEAT_EVA) ? CONFIG5_CV | CONFIG5_K : 0;
    can |= c->model->fir & FIR_UFRP ? CONFIG5_UFR : 0;
    c->cp0[CP0_CONFIG5] = (c->cp0[CP0_CONFIG5] & ~can) | (val & can);
}

static void cp0_write_segctl(MipsCpu *c, unsigned reg, uint64_t val)
{
    if (mips_cpu_has(c, MIPS_FEAT_EVA)) {
        c->cp0[reg] = val;
        mips_eva_changed(c);
    }
}

static void cp0_write_segctl0(MipsCpu *c, uint64_t val)
{
    cp0_write_segctl(c, CP0_SEGCTL0, val);
}

static void cp0_write_segctl1(MipsCpu *c, uint64_t val)
{
    cp0_write_segctl(c, CP0_SEGCTL1, val);
}

static void cp0_write_segctl2(MipsCpu *c, uint64_t val)
{
    cp0_write_segctl(c, CP0_SEGCTL2, val);
}

/* Config4.KScrExist says which there are. */
static void cp0_write_kscratch(MipsCpu *c, unsigned n, uint64_t val)
{
    if (c->cp0[CP0_CONFIG4] >> (16 + 2 + n) & 1) {
        c->cp0[CP0_KSCRATCH + n] = val;
    }
}

#define KSCRATCH(n)                                             \
    static void cp0_write_kscratch##n(MipsCpu *c, uint64_t val) \
    {                                                           \
        cp0_write_kscratch(c, n, val);                          \
    }

KSCRATCH(0)
KSCRATCH(1)
KSCRATCH(2)
KSCRATCH(3)
KSCRATCH(4)
KSCRATCH(5)

#define WATCH(n)                                               \
    static void cp0_write_watchlo##n(MipsCpu *c, uint64_t val) \
    {                                                          \
        mips_watch_write_lo(c, n, val);                        \
    }                                                          \
    static void cp0_write_watchhi##n(MipsCpu *c, uint64_t val) \
    {                                                          \
        mips_watch_write_hi(c, n, val);                        \
    }                                                          \
    /* Not as stored alone: an access changes it. */           \
    static uint64_t cp0_read_watchhi##n(MipsCpu *c)            \
    {                                                          \
        return c->cp0[CP0_WATCHHI + n];                        \
    }

WATCH(0)
WATCH(1)
WATCH(2)
WATCH(3)

#define WATCHLO(n, name)                                                       \
    {                                                                          \
        name, CP0_WATCHLO + n, ALL, NULL, cp0_write_watchlo##n, .leaves = true \
    }
#define WATCHHI(n, name)                                                                      \
    {                                                                                         \
        name, CP0_WATCHHI + n, W32, cp0_read_watchhi##n, cp0_write_watchhi##n, .leaves = true \
    }

#define SEGCTL_WRITABLE 0xfe7ffe7f

const MipsCp0Reg mips_cp0_regs[] = {
    { "Index", CP0_INDEX, ALL, NULL, cp0_write_index },
    { "Random", CP0_RANDOM, 0, cp0_read_random },
    { "EntryLo0", CP0_ENTRYLO0, ALL, NULL, cp0_write_entrylo0 },
    { "EntryLo1", CP0_ENTRYLO1, ALL, NULL, cp0_write_entrylo1 },
    { "Context", CP0_CONTEXT, ~0x7fffffull },
    { "UserLocal", CP0_USERLOCAL, ALL },
    { "PageMask", CP0_PAGEMASK, 0x1fffe000, NULL, cp0_write_pagemask },
    { "PageGrain", CP0_PAGEGRAIN, ALL, NULL, cp0_write_pagegrain },
    { "SegCtl0", CP0_SEGCTL0, SEGCTL_WRITABLE, NULL, cp0_write_segctl0, .leaves = true },
    { "SegCtl1", CP0_SEGCTL1, SEGCTL_WRITABLE, NULL, cp0_write_segctl1, .leaves = true },
    { "SegCtl2", CP0_SEGCTL2, SEGCTL_WRITABLE, NULL, cp0_write_segctl2, .leaves = true },
    { "Wired", CP0_WIRED, MIPS_TLB_MAX - 1, NULL, cp0_write_wired },
    { "HWREna", CP0_HWRENA, 0xe000000f, NULL, cp0_write_hwrena, .leaves = true },
    { "BadVAddr", CP0_BADVADDR, 0 },
    { "BadInstr", CP0_BADINSTR, 0 },
    { "BadInstrP", CP0_BADINSTRP, 0 },
    { "Count", CP0_COUNT, W32, cp0_read_count, cp0_write_count, .leaves = true },
    { "EntryHi", CP0_ENTRYHI, ~0x1b00ull, NULL, cp0_write_entryhi, .leaves = true },
    { "Compare", CP0_COMPARE, W32, NULL, cp0_write_compare, .leaves = true },
    { "Status", CP0_STATUS, W32, NULL, cp0_write_status, .leaves = true },
    { "IntCtl", CP0_INTCTL, 0x3e0, NULL, cp0_write_intctl },
    { "SRSCtl", CP0_SRSCTL, 0 },
    { "Cause", CP0_CAUSE, CAUSE_WRITABLE, cp0_read_cause, cp0_write_cause, .leaves = true },
    { "EPC", CP0_EPC, ALL },
    { "PRId", CP0_PRID, 0 },
    { "EBase", CP0_EBASE, 0x3ffff000 },
    { "Config", CP0_CONFIG, 7 },
    { "Config1", CP0_CONFIG1, 0 },
    { "Config2", CP0_CONFIG2, 0 },
    { "Config3", CP0_CONFIG3, CONFIG3_ISA_ON_EXC, NULL, cp0_write_config3 },
    { "Config4", CP0_CONFIG4, 0 },
    { "Config5", CP0_CONFIG5, ALL, NULL, cp0_write_config5, .leaves = true },
    { "Config7", CP0_CONFIG7, 0x10 },
    { "LLAddr", CP0_LLADDR, LLADDR_LLB, cp0_read_lladdr, cp0_write_lladdr },
    { "MAAR", CP0_MAAR, ALL, cp0_read_maar, cp0_write_maar },
    { "MAARI", CP0_MAARI, 0x3f, NULL, cp0_write_maari },
    WATCHLO(0, "WatchLo"),
    WATCHLO(1, "WatchLo1"),
    WATCHLO(2, "WatchLo2"),
    WATCHLO(3, "WatchLo3"),
    WATCHHI(0, "WatchHi"),
    WATCHHI(1, "WatchHi1"),
    WATCHHI(2, "WatchHi2"),
    WATCHHI(3, "WatchHi3"),
    { "XContext", CP0_XCONTEXT, ALL, NULL, cp0_write_xcontext },
    { "Debug", CP0_DEBUG, 0 },
    { "DEPC", CP0_DEPC, ALL },
    { "PerfCtl", CP0_PERFCTL, 0, cp0_read_zero },
    { "ErrCtl", CP0_ERRCTL, W32 },
    { "TagLo", CP0_TAGLO, W32 },
    { "TagHi", CP0_TAGHI, W32 },
    { "ErrorEPC", CP0_ERROREPC, ALL },
    { "DESAVE", CP0_DESAVE, ALL },
    { "KScratch1", CP0_KSCRATCH, ALL, NULL, cp0_write_kscratch0 },
    { "KScratch2", CP0_KSCRATCH + 1, ALL, NULL, cp0_write_kscratch1 },
    { "KScratch3", CP0_KSCRATCH + 2, ALL, NULL, cp0_write_kscratch2 },
    { "KScratch4", CP0_KSCRATCH + 3, ALL, NULL, cp0_write_kscratch3 },
    { "KScratch5", CP0_KSCRATCH + 4, ALL, NULL, cp0_write_kscratch4 },
    { "KScratch6", CP0_KSCRATCH + 5, ALL, NULL, cp0_write_kscratch5 },
    { 0 },
};

/* What came with a release: Vol. III, table 9.1. */
static bool cp0_exists(const MipsCpu *c, unsigned reg)
{
    if (reg >= CP0_WATCHLO && reg < CP0_WATCHHI + 8) {
        return (reg & 7) < mips_watch_pairs(c);
    }
    switch (reg) {
    case CP0_INDEX:
    case CP0_RANDOM:
    case CP0_WIRED:
        return mips_cpu_has(c, MIPS_FEAT_TLB);
    case CP0_BADINSTR:
    case CP0_BADINSTRP:
        return mips_cpu_has(c, MIPS_FEAT_BADI);
    case CP0_MAAR:
    case CP0_MAARI:
        return mips_cpu_has(c, MIPS_FEAT_MAAR);
    case CP0_USERLOCAL:
        return c->model->config[3] & CONFIG3_ULRI;
    case CP0_PAGEGRAIN:
    case CP0_HWRENA:
    case CP0_INTCTL:
    case CP0_SRSCTL:
    case CP0_EBASE:
        return mips_cpu_has(c, MIPS_FEAT_R2);
    case CP0_DEBUG:
    case CP0_DEPC:
    case CP0_DESAVE:
    case CP0_PERFCTL:
        return mips_cpu_has(c, MIPS_FEAT_R1);
    case CP0_XCONTEXT:
        return mips_cpu_has(c, MIPS_FEAT_M64);
    default: /* the R4000 has no selects */
        return !(reg & 7) || mips_cpu_has(c, MIPS_FEAT_R1);
    }
}

/* The table is in the order of numbers. */
static const MipsCp0Reg *cp0_find(unsigned reg)
{
    unsigned low = 0, high = G_N_ELEMENTS(mips_cp0_regs) - 1;

    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (mips_cp0_regs[mid].reg < reg) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return mips_cp0_regs[low].name && mips_cp0_regs[low].reg == reg ? &mips_cp0_regs[low] : NULL;
}

bool mips_cp0_is_plain(const MipsCpu *c, unsigned reg)
{
    const MipsCp0Reg *r = cp0_find(reg);

    return r && !r->read && cp0_exists(c, reg);
}

bool mips_cp0_is_simple(const MipsCpu *c, unsigned reg, uint64_t *writable)
{
    const MipsCp0Reg *r = cp0_find(reg);
    bool m64 = mips_cpu_has(c, MIPS_FEAT_M64);

    if (!r || !cp0_exists(c, reg)) {
        return false;
    }
    *writable = r->writable;
    if ((r->write == cp0_write_entrylo0 || r->write == cp0_write_entrylo1) &&
        !mips_cpu_has(c, MIPS_FEAT_RIXI)) { /* else it hangs on PageGrain */
        *writable = cp0_entrylo(c, ALL);    /* no other bit is ever set */
    } else if (r->write == cp0_write_status && !m64) {
        *writable &= cp0_status_writable(c);
    } else if (r->write) {
        return false;
    }
    *writable &= m64 ? ALL : W32;
    return true;
}

bool mips_cp0_leaves(unsigned reg)
{
    const MipsCp0Reg *r = cp0_find(reg);

    return r && r->leaves;
}

uint64_t mips_cp0_read(MipsCpu *c, unsigned reg)
{
    const MipsCp0Reg *r = cp0_find(reg);

    if (!r || !cp0_exists(c, reg)) {
        return 0; /* reserved: reads as 0 here (UNPREDICTABLE) */
    }
    return r->read ? r->read(c) : c->cp0[reg];
}

void mips_cp0_write(MipsCpu *c, unsigned reg, uint64_t val)
{
    const MipsCp0Reg *r = cp0_find(reg);

    if (!r || !cp0_exists(c, reg)) {
        return;
    }
    val = (c->cp0[reg] & ~r->writable) | (val & r->writable);
    if (!mips_cpu_has(c, MIPS_FEAT_M64)) {
        val &= W32;
    }
    if (r->write) {
        r->write(c, val);
    } else {
        c->cp0[reg] = val;
    }
}

void mips_cp0_reset(MipsCpu *c)
{
    const MipsModel *m = c->model;

    memset(c->cp0, 0, sizeof(c->cp0));
    c->cp0[CP0_STATUS] = STATUS_BEV | STATUS_ERL;
    c->cp0[CP0_PRID] = m->prid;
    c->cp0[CP0_CONFIG] = m->config[0] | (c->big_endian ? 1 << 15 : 0);
    for (unsigned i = 1; i < G_N_ELEMENTS(m->config); i++) {
        c->cp0[CP0_CONFIG + i] = m->config[i];
    }
    if (c->eic && c->cp0[CP0_CONFIG3] & CONFIG3_VINT) {
        c->cp0[CP0_CONFIG3] |= CONFIG3_VEIC;
    }
    c->cp0[CP0_CONFIG1] |= mips_cpu_has(c, MIPS_FEAT_R1) && m->watch[0] ? CONFIG1_WR : 0;
    for (unsigned n = 0; mips_cpu_has(c, MIPS_FEAT_R1) && n + 1 < mips_watch_pairs(c); n++) {
        c->cp0[CP0_WATCHHI + n] = 1u << 31; /* M: there is another pair */
    }
    mips_watch_loaded(c);
    c->cp0[CP0_EBASE] = 0x80000000u | (uint32_t)(c->cpu.index & 0x3ff);
    if (mips_cpu_has(c, MIPS_FEAT_M64)) {
        c->cp0[CP0_EBASE] |= 0xffffffff00000000ull;
    }
    if (mips_cpu_has(c, MIPS_FEAT_EVA)) {
        mips_eva_reset(c);
    }
    if (mips_cpu_has(c, MIPS_FEAT_R6)) {
        c->cp0[CP0_PAGEGRAIN] = PAGEGRAIN_RIE | PAGEGRAIN_XIE | PAGEGRAIN_IEC;
        c->cp0[CP0_STATUS] |= mips_cpu_has(c, MIPS_FEAT_FPU64) ? STATUS_FR : 0;
    }
    memset(c->maar, 0, sizeof(c->maar));
    c->cp0[CP0_INTCTL] = 7u << 29; /* IPTI: the timer is IP7 */
    c->cp0[CP0_RANDOM] = mips_tlb_size(c) - 1;
    c->count_base = 0;
    c->random_state = 1;
}

/* ---- helpers ---- */

uint64_t mips_helper_mfc0(Cpu *cpu, uint64_t reg)
{
    return mips_cp0_read(mips_cpu(cpu), (unsigned)reg);
}

uint64_t mips_helper_mtc0(Cpu *cpu, uint64_t reg, uint64_t val)
{
    mips_cp0_write(mips_cpu(cpu), (unsigned)reg, val);
    return 0;
}

/* The upper half of a register that has one on a CPU of 32 bits (Vol. III, 9.1.1); else it is 0. */
uint64_t mips_helper_mfhc0(Cpu *cpu, uint64_t reg)
{
    return mips_cp0_read(mips_cpu(cpu), (unsigned)reg) >> 32;
}

uint64_t mips_helper_mthc0(Cpu *cpu, uint64_t reg, uint64_t val)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t *to = reg == CP0_ENTRYLO0 || reg == CP0_ENTRYLO1 ? &c->cp0[reg] : NULL;
    uint64_t can = (1ull << (c->model->pa_bits - 36)) - 1;

    if (reg == CP0_MAAR) {
        to = &c->maar[c->cp0[CP0_MAARI] % MIPS_MAARS];
        can = (1ull << (c->model->pa_bits - 4)) - 1;
        can = can >> 32 | 1u << 31;
    } else if (!(c->cp0[CP0_PAGEGRAIN] & PAGEGRAIN_ELPA)) {
        can = 0;
    }
    if (to) {
        *to = (uint32_t)*to | (val & can) << 32;
    }
    return 0;
}

uint64_t mips_helper_rdhwr(Cpu *cpu, uint64_t reg, uint64_t sel)
{
    MipsCpu *c = mips_cpu(cpu);

    switch (reg) {
    case 0: /* CPUNum */
        return (uint64_t)c->cpu.index;
    case 1: /* SYNCI_Step: 0, nothing is cached */
        return 0;
    case 2:
        return cp0_look_at_count(c);
    case 3: /* CCRes: Count goes at half the speed */
        return 2;
    default:
        return 0;
    }
}
