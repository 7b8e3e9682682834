/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses: segments and the TLB, whose entries the guest writes.
 * Spec: Vol. III, 4.3 (segments), 4.11 (translation), 6.2 (exceptions); Volume II-A, TLB*.
 */
#include "target/mips/tlb.h"

#include "accel/tcg/tcg.h"
#include "target/mips/cp0.h"
#include "target/mips/eva.h"
#include "target/mips/helper.h"
#include "target/mips/model.h"
#include "target/mips/translate.h"
#include "target/mips/watch.h"

enum {
    LO_G = 1 << 0,
    LO_V = 1 << 1,
    LO_D = 1 << 2,
    LO_PFN_SHIFT = 6,
    LO_LOW = 30, /* on a CPU of 32 bits RI and XI are there, and PFNX from bit 32 on (XPA) */
    PAIR_MASK = 0x1fff,
    KEPT_MOST = 0x1ffff, /* of a pair of 64 KiB */
};

#define SEGMENT_BYTES (512ull << 20)
#define REGION_MASK   (3ull << 62)
#define COMPAT_BYTES  (1ull << 31) /* of the compatibility segments at the end of R = 3 */

unsigned mips_tlb_size(const MipsCpu *c)
{
    return c->model->tlb_entries;
}

/* Vol. III, 9.29 (EntryHi): R and VPN2, as many bits as segments have. */
uint64_t mips_tlb_vpn2_mask(const MipsModel *m)
{
    uint64_t vpn2 = (1ull << (m->features >> MIPS_FEAT_M64 & 1 ? m->seg_bits : 32)) - 1;

    return (m->features >> MIPS_FEAT_M64 & 1 ? REGION_MASK : 0) | (vpn2 & ~(uint64_t)PAIR_MASK);
}

unsigned mips_mmu_mode(const MipsCpu *c)
{
    uint64_t s = c->cp0[CP0_STATUS];

    if (s & STATUS_ERL) {
        return MIPS_MODE_ERROR;
    }
    if (s & STATUS_EXL) {
        return MIPS_MODE_KERNEL;
    }
    switch (s >> STATUS_KSU_SHIFT & 3) {
    case 0:
        return MIPS_MODE_KERNEL;
    case 1:
        return MIPS_MODE_SUPER;
    default:
        return MIPS_MODE_USER;
    }
}

/* ---- exceptions ---- */

static void tlb_raise(MipsCpu *c, unsigned code, uint64_t va, bool is_tlb, bool refill)
{
    c->exc = (MipsException){
        .code = (uint8_t)code,
        .refill = refill,
        .has_va = true,
        .is_tlb = is_tlb,
        .va = va,
    };
    c->cpu.raised = true;
}

void mips_unaligned(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop)
{
    tlb_raise(mips_cpu(cpu), access == ACCESS_WRITE ? EXC_ADES : EXC_ADEL, va, false, false);
    mips_watch(cpu, va, MIPS_NO_PA, ir_memop_bytes(memop), access); /* which goes before it */
}

uint64_t mips_helper_pc_unaligned(Cpu *cpu, uint64_t pc)
{
    tlb_raise(mips_cpu(cpu), EXC_ADEL, pc, false, false);
    return 0;
}

/* The boards' bridges answer what nobody claims: reads give 0. */
bool mips_bus_error(Cpu *cpu, GuestVirt va, GuestPhys pa, MemAccess access, unsigned mode,
                    uint32_t memop)
{
    return false;
}

/* ---- segments ---- */

typedef enum SegmentKind { SEGMENT_ERROR, SEGMENT_MAPPED, SEGMENT_DIRECT } SegmentKind;

/* Vol. III, 4.3 and 4.4: the compatibility segments; @va within 32 bits. */
static SegmentKind segment_32(uint32_t va, unsigned mode, uint64_t *pa)
{
    if (va < 0x80000000u) {
        *pa = va;
        return mode == MIPS_MODE_ERROR ? SEGMENT_DIRECT : SEGMENT_MAPPED;
    }
    if (mode == MIPS_MODE_USER) {
        return SEGMENT_ERROR;
    }
    if (va >= 0xc0000000u && va < 0xe0000000u) { /* ksseg */
        return SEGMENT_MAPPED;
    }
    if (mode == MIPS_MODE_SUPER) {
        return SEGMENT_ERROR;
    }
    if (va >= 0xe0000000u) {
        return SEGMENT_MAPPED;
    }
    *pa = va & 0x1fffffff; /* kseg0, kseg1 */
    return SEGMENT_DIRECT;
}

/*
 * Vol. III, 9.39 (Status.KX, SX, UX): each enables the segments of its mode, whoever refers to
 * them. The R4000's User's Manual, 4.2: it is the bit of the present mode that enables all of them.
 */
static bool segment_is_enabled(const MipsCpu *c, unsigned mode, uint64_t bit)
{
    static const uint64_t own[] = {
        [MIPS_MODE_USER] = STATUS_UX,
        [MIPS_MODE_SUPER] = STATUS_SX,
        [MIPS_MODE_KERNEL] = STATUS_KX,
        [MIPS_MODE_ERROR] = STATUS_KX,
    };

    return c->cp0[CP0_STATUS] & (mips_cpu_has(c, MIPS_FEAT_R1) ? bit : own[mode]);
}

static SegmentKind segment_64(const MipsCpu *c, uint64_t va, unsigned mode, uint64_t *pa)
{
    uint64_t limit = 1ull << c->model->seg_bits;
    bool kernel = mode == MIPS_MODE_KERNEL || mode == MIPS_MODE_ERROR;

    switch (va >> 62) {
    case 0: /* xuseg */
        if (va < COMPAT_BYTES) {
            return segment_32((uint32_t)va, mode, pa);
        }
        if (va >= limit || !segment_is_enabled(c, mode, STATUS_UX)) {
            return SEGMENT_ERROR;
        }
        return SEGMENT_MAPPED;
    case 1: /* xsseg */
        if (mode == MIPS_MODE_USER || (va & ~REGION_MASK) >= limit ||
            !segment_is_enabled(c, mode, STATUS_SX)) {
            return SEGMENT_ERROR;
        }
        return SEGMENT_MAPPED;
    case 2: /* xkphys */
        if (!kernel || !segment_is_enabled(c, mode, STATUS_KX) ||
            (va & 0x07ffffffffffffffull) >> c->model->pa_bits) {
            return SEGMENT_ERROR;
        }
        *pa = va & 0x07ffffffffffffffull;
        return SEGMENT_DIRECT;
    default:
        if (va >= 0xffffffff80000000ull) {
            return segment_32((uint32_t)va, mode, pa);
        }
        if (!kernel || !segment_is_enabled(c, mode, STATUS_KX) ||
            (va & ~REGION_MASK) >= limit - COMPAT_BYTES) {
            return SEGMENT_ERROR;
        }
        return SEGMENT_MAPPED;
    }
}

static SegmentKind tlb_segment(const MipsCpu *c, uint64_t va, unsigned mode, uint64_t *pa)
{
    SegmentKind kind = mips_cpu_has(c, MIPS_FEAT_M64) ? segment_64(c, va, mode, pa)
                                                      : segment_32((uint32_t)va, mode, pa);

    if (mips_cpu_has(c, MIPS_FEAT_EVA)) {
        MipsEvaKind k = mips_eva_segment(c, (uint32_t)va, mode, pa);

        return k == MIPS_EVA_ERROR    ? SEGMENT_ERROR
               : k == MIPS_EVA_MAPPED ? SEGMENT_MAPPED
                                      : SEGMENT_DIRECT;
    }
    if (kind == SEGMENT_MAPPED && !mips_cpu_has(c, MIPS_FEAT_TLB)) {
        /* Fixed mapping, Vol. III, appendix A.1: 40000000h further; the upper segments as they are.
         */
        *pa = (uint32_t)va < 0x80000000u ? va + 0x40000000 : va;
        return SEGMENT_DIRECT;
    }
    return kind;
}

/* ---- lookup ---- */

static const MipsTlbEntry *tlb_find(const MipsCpu *c, uint64_t va, uint16_t asid)
{
    uint64_t vpn2 = va & c->vpn2_mask;

    for (unsigned i = 0; i < c->model->tlb_entries; i++) {
        const MipsTlbEntry *e = &c->tlb[i];

        if (e->vpn2 == (vpn2 & ~e->mask) && (e->global || e->asid == asid) && !e->invalid) {
            return e;
        }
    }
    return NULL;
}

/* What the engine keeps of the pages of @e is no longer right. */
static void tlb_forget(MipsCpu *c, const MipsTlbEntry *e)
{
    uint64_t va = e->vpn2;

    if (mips_cpu_has(c, MIPS_FEAT_M64) && va >= REGION_MASK) {
        uint64_t limit = 1ull << c->model->seg_bits;

        if ((va & ~REGION_MASK) >= limit - COMPAT_BYTES) {
            va |= ~(limit - 1); /* the compatibility segments */
        }
    }
    if (e->invalid || !((e->lo[0] | e->lo[1]) & LO_V)) {
        return;
    }
    tcg_tlb_flush_range_of(&c->cpu, e->global ? TCG_ANY_SPACE : e->asid, va, e->mask + 1,
                           MIPS_ALL_MODES, TCG_FLUSH_LEAF);
}

/*
 * Entries that TLBWR replaced stay in use, so a guest whose memory is larger than the TLB reaches
 * pays for a refill once, as if the TLB were of MIPS_TLB_KEPT entries more. Software cannot tell as
 * long as nothing stays that it may rely on being gone. It does not know which entry TLBWR takes;
 * so an address is gone for it when TLBP does not find it, when each entry that is not wired has
 * been overwritten by TLBWI, or when TLBR has shown none. What a kept entry does not allow is a
 * refill, not an exception of the entry: handlers of those expect TLBP to find it.
 *
 * Pages of the size that most have are found by their address, some of other sizes in a short list:
 * a kernel with large pages among small ones pays for neither twice.
 */
static MipsTlbEntry *kept_at(MipsCpu *c, uint64_t va)
{
    uint64_t n = (va & c->vpn2_mask) >> (__builtin_ctzll(~c->kept_mask) & 63);

    return &c->kept[(n ^ n >> 13) % MIPS_TLB_KEPT];
}

static bool kept_is(const MipsTlbEntry *e, uint64_t vpn2, bool global, uint16_t asid)
{
    return e->mask && e->vpn2 == (vpn2 & ~e->mask) && (global || e->global || e->asid == asid);
}

static MipsTlbEntry *kept_find(MipsCpu *c, uint64_t va, bool global, uint16_t asid)
{
    uint64_t vpn2 = va & c->vpn2_mask;
    MipsTlbEntry *e = kept_at(c, va);

    if (c->n_kept && kept_is(e, vpn2, global, asid)) {
        return e;
    }
    for (unsigned i = 0; i < MIPS_TLB_KEPT_LARGE && c->n_kept_large; i++) {
        if (kept_is(&c->kept_large[i], vpn2, global, asid)) {
            return &c->kept_large[i];
        }
    }
    return NULL;
}

static void kept_remove(MipsCpu *c, MipsTlbEntry *e)
{
    bool large = e >= c->kept_large && e < c->kept_large + MIPS_TLB_KEPT_LARGE;

    tlb_forget(c, e);
    e->mask = 0;
    c->n_kept -= !large;
    c->n_kept_large -= large;
}

static void kept_add(MipsCpu *c, const MipsTlbEntry *e)
{
    MipsTlbEntry *k;
    bool large;

    if (e->invalid || !((e->lo[0] | e->lo[1]) & LO_V)) {
        tlb_forget(c, e);
        return;
    }
    if (!c->n_kept && e->mask <= KEPT_MOST) {
        c->kept_mask = e->mask;
    }
    large = e->mask != c->kept_mask;
    k = large ? &c->kept_large[c->next_kept_large++ % MIPS_TLB_KEPT_LARGE] : kept_at(c, e->vpn2);
    if (k->mask) {
        kept_remove(c, k);
    }
    *k = *e;
    c->n_kept += !large;
    c->n_kept_large += large;
}

/* The guest has newer word of what @e maps. */
static void kept_replace(MipsCpu *c, const MipsTlbEntry *e)
{
    MipsTlbEntry *k;

    if (e->mask <= c->kept_mask || !c->n_kept) {
        while ((c->n_kept | c->n_kept_large) && (k = kept_find(c, e->vpn2, e->global, e->asid))) {
            kept_remove(c, k);
        }
    } else if (e->mask / (c->kept_mask + 1) < MIPS_TLB_KEPT) {
        for (uint64_t at = 0; at <= e->mask; at += c->kept_mask + 1) {
            k = kept_at(c, e->vpn2 + at);
            if (kept_is(k, e->vpn2 + at, e->global, e->asid)) {
                kept_remove(c, k);
            }
        }
    } else {
        mips_tlb_drop(c);
    }
    for (unsigned i = 0; i < MIPS_TLB_KEPT_LARGE && c->n_kept_large; i++) {
        k = &c->kept_large[i];
        if (k->mask && !((k->vpn2 ^ e->vpn2) & ~(k->mask | e->mask)) &&
            (k->global || e->global || k->asid == e->asid)) {
            kept_remove(c, k);
        }
    }
}

void mips_tlb_drop(MipsCpu *c)
{
    for (unsigned i = 0; c->n_kept && i < MIPS_TLB_KEPT; i++) {
        if (c->kept[i].mask) {
            kept_remove(c, &c->kept[i]);
        }
    }
    for (unsigned i = 0; c->n_kept_large && i < MIPS_TLB_KEPT_LARGE; i++) {
        if (c->kept_large[i].mask) {
            kept_remove(c, &c->kept_large[i]);
        }
    }
    c->kept_wi = 0;
}

/* TLBWI has written entry @index. */
static void kept_note_written(MipsCpu *c, unsigned index)
{
    unsigned wired = c->cp0[CP0_WIRED] & (MIPS_TLB_MAX - 1);
    uint64_t all = UINT64_MAX >> (64 - mips_tlb_size(c)) & UINT64_MAX << wired;

    c->kept_wi |= 1ull << index;
    if ((c->kept_wi & all) == all) {
        mips_tlb_drop(c);
    }
}

static bool tlb_fail(MipsCpu *c, bool probe, unsigned code, uint64_t va, bool is_tlb, bool refill)
{
    if (!probe) {
        tlb_raise(c, code, va, is_tlb, refill);
    }
    return false;
}

/* Vol. III, 9.5 (EntryLo): the inhibiting bits, which are there where PageGrain lets them be. */
static uint64_t tlb_ri(const MipsCpu *c)
{
    return mips_cpu_has(c, MIPS_FEAT_M64) ? 1ull << 63 : 1u << 31;
}

/* What of EntryLo keeps the access from being done. */
static uint64_t tlb_inhibits(const MipsCpu *c, MemAccess access)
{
    return access == ACCESS_READ ? tlb_ri(c) : access == ACCESS_FETCH ? tlb_ri(c) >> 1 : 0;
}

static uint64_t tlb_frame(const MipsCpu *c, uint64_t lo)
{
    if (mips_cpu_has(c, MIPS_FEAT_M64)) {
        lo &= (tlb_ri(c) >> 1) - 1;
    } else {
        lo = (lo & ((1u << LO_LOW) - 1)) | lo >> 32 << LO_LOW;
    }
    return lo >> LO_PFN_SHIFT << 12;
}

static unsigned tlb_inhibit_code(const MipsCpu *c, MemAccess access)
{
    if (!(c->cp0[CP0_PAGEGRAIN] & PAGEGRAIN_IEC)) {
        return EXC_TLBL;
    }
    return access == ACCESS_FETCH ? EXC_TLBXI : EXC_TLBRI;
}

/* A kept entry that allows the access. */
static const MipsTlbEntry *tlb_kept(MipsCpu *c, uint64_t va, MemAccess access, uint16_t asid)
{
    uint64_t need = access == ACCESS_WRITE ? LO_V | LO_D : LO_V,
             mask = need | tlb_inhibits(c, access);
    MipsTlbEntry *e = c->n_kept | c->n_kept_large ? kept_find(c, va, false, asid) : NULL;

    return e && (e->lo[(va & ((e->mask >> 1) + 1)) != 0] & mask) == need ? e : NULL;
}

static bool tlb_mapped(MipsCpu *c, uint64_t va, MemAccess access, bool probe, TlbResult *out)
{
    uint16_t asid = c->cp0[CP0_ENTRYHI] & 0xff;
    const MipsTlbEntry *e = tlb_find(c, va, asid);
    unsigned code = access == ACCESS_WRITE ? EXC_TLBS : EXC_TLBL;
    uint64_t page, lo;

    if (!e) {
        e = tlb_kept(c, va, access, asid);
    }
    if (!e) {
        return tlb_fail(c, probe, code, va, true, true);
    }
    page = (e->mask >> 1) + 1;
    lo = e->lo[(va & page) != 0];
    if (!(lo & LO_V)) {
        return tlb_fail(c, probe, code, va, true, false);
    }
    if (access == ACCESS_WRITE && !(lo & LO_D)) {
        return tlb_fail(c, probe, EXC_MOD, va, true, false);
    }
    if (lo & tlb_inhibits(c, access)) {
        return tlb_fail(c, probe, tlb_inhibit_code(c, access), va, true, false);
    }
    *out = (TlbResult){
        .phys = (tlb_frame(c, lo) & ~(page - 1)) | (va & (page - 1)),
        .page_bytes = page,
        .prot = (lo & tlb_ri(c) ? 0 : TLB_READ) | (lo & tlb_ri(c) >> 1 ? 0 : TLB_EXEC) |
                (lo & LO_D ? TLB_WRITE : 0),
        .global = e->global,
    };
    return true;
}

static bool tlb_translate(MipsCpu *c, GuestVirt va, MemAccess access, unsigned mode, bool probe,
                          TlbResult *out)
{
    uint64_t pa = 0;

    switch (tlb_segment(c, va, mode, &pa)) {
    case SEGMENT_ERROR:
        return tlb_fail(c, probe, access == ACCESS_WRITE ? EXC_ADES : EXC_ADEL, va, false, false);
    case SEGMENT_MAPPED:
        return tlb_mapped(c, va, access, probe, out);
    default:
        *out = (TlbResult){
            .phys = pa,
            .page_bytes = SEGMENT_BYTES,
            .prot = TLB_READ | TLB_WRITE | TLB_EXEC,
            .global = true,
            .code_attr = MIPS_CODE_UNMAPPED,
        };
        return true;
    }
}

bool mips_tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                   bool probe, TlbResult *out)
{
    MipsCpu *c = mips_cpu(cpu);

    if (tlb_translate(c, va, access, mode, probe, out)) {
        if (c->watching) {
            mips_watch_page(c, va, access, out);
        }
        return true;
    }
    if (memop & MIPS_MO_PART && !probe) {
        c->exc.va = mips_cpu_has(c, MIPS_FEAT_M64) ? c->part_va : (uint32_t)c->part_va;
    }
    if (c->watching && !probe) { /* a Watch exception goes before those of the address */
        mips_watch(cpu, va, MIPS_NO_PA, access == ACCESS_FETCH ? 1 : ir_memop_bytes(memop), access);
    }
    return false;
}

bool mips_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out)
{
    TlbResult r;

    if (!mips_tlb_fill(cpu, va, ACCESS_READ, MIPS_MODE_KERNEL, 0, true, &r)) {
        return false;
    }
    *out = r.phys;
    return true;
}

/* ---- instructions ---- */

static bool tlb_is_same(const MipsTlbEntry *a, const MipsTlbEntry *b)
{
    return a->vpn2 == b->vpn2 && a->mask == b->mask && a->lo[0] == b->lo[0] &&
           a->lo[1] == b->lo[1] && a->asid == b->asid && a->global == b->global &&
           a->invalid == b->invalid;
}

static void tlb_write(MipsCpu *c, unsigned index, bool keep)
{
    MipsTlbEntry *e = &c->tlb[index], new = { 0 };

    new.mask = c->cp0[CP0_PAGEMASK] | PAIR_MASK;
    new.vpn2 = c->cp0[CP0_ENTRYHI] & c->vpn2_mask & ~new.mask;
    new.asid = c->cp0[CP0_ENTRYHI] & 0xff;
    new.lo[0] = c->cp0[CP0_ENTRYLO0];
    new.lo[1] = c->cp0[CP0_ENTRYLO1];
    new.global = new.lo[0] & new.lo[1] & LO_G;
    new.invalid = !keep && c->cp0[CP0_ENTRYHI] & ENTRYHI_EHINV;
    if (tlb_is_same(e, &new)) {
        return;
    }
    if (keep) {
        kept_add(c, e);
    } else {
        tlb_forget(c, e);
    }
    if (c->n_kept | c->n_kept_large) {
        kept_replace(c, &new);
    }
    *e = new;
}

uint64_t mips_helper_tlbwi(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned index = c->cp0[CP0_INDEX] & (MIPS_TLB_MAX - 1);

    if (index < mips_tlb_size(c)) {
        tlb_write(c, index, false);
        kept_note_written(c, index);
    }
    return 0;
}

uint64_t mips_helper_tlbwr(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);

    tlb_write(c, (unsigned)mips_cp0_read(c, CP0_RANDOM), true);
    return 0;
}

uint64_t mips_helper_tlbr(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);
    unsigned index = c->cp0[CP0_INDEX] & (MIPS_TLB_MAX - 1);
    const MipsTlbEntry *e;
    uint64_t g;

    if (index >= mips_tlb_size(c)) {
        return 0;
    }
    mips_tlb_drop(c);
    e = &c->tlb[index];
    g = e->global ? LO_G : 0;
    c->cp0[CP0_PAGEMASK] = e->mask & ~(uint64_t)PAIR_MASK;
    c->cp0[CP0_ENTRYLO0] = (e->lo[0] & ~(uint64_t)LO_G) | g;
    c->cp0[CP0_ENTRYLO1] = (e->lo[1] & ~(uint64_t)LO_G) | g;
    mips_cp0_write(c, CP0_ENTRYHI, e->vpn2 | e->asid | (e->invalid ? ENTRYHI_EHINV : 0));
    return 0;
}

/* Volume II-A, TLBINV and TLBINVF: all entries are of the VTLB here. */
static void tlb_invalidate(MipsCpu *c, bool all)
{
    mips_tlb_drop(c);
    for (unsigned i = 0; i < mips_tlb_size(c); i++) {
        MipsTlbEntry *e = &c->tlb[i];

        if (all || (!e->global && e->asid == (c->cp0[CP0_ENTRYHI] & 0xff))) {
            tlb_forget(c, e);
            e->invalid = 1;
        }
    }
}

uint64_t mips_helper_tlbinv(Cpu *cpu)
{
    tlb_invalidate(mips_cpu(cpu), false);
    return 0;
}

uint64_t mips_helper_tlbinvf(Cpu *cpu)
{
    tlb_invalidate(mips_cpu(cpu), true);
    return 0;
}

uint64_t mips_helper_tlbp(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t hi = c->cp0[CP0_ENTRYHI];
    const MipsTlbEntry *e = tlb_find(c, hi, hi & 0xff);

    MipsTlbEntry *k;

    while (!e && (c->n_kept | c->n_kept_large) && (k = kept_find(c, hi, false, hi & 0xff))) {
        kept_remove(c, k);
    }
    c->cp0[CP0_INDEX] = e ? (uint64_t)(e - c->tlb) : INDEX_P;
    return 0;
}
