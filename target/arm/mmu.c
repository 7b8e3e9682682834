/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of address translation, VMSAv8-64: 4, 16 and 64 KiB granules, 48-bit addresses.
 * Spec: Arm ARM DDI 0487, D8.2 (translation process), D8.3 (descriptors), D8.4 (permissions),
 * D8.5 (hardware updates), D8.12 (faults), D24.2.40 (ESR_ELx).
 */
#include "target/arm/mmu.h"

#include "accel/tcg/ir/ir.h"
#include "accel/tcg/tcg.h"
#include "target/arm/exception.h"
#include "target/arm/translate.h"

#define SCTLR_M    (1ull << 0)
#define SCTLR_WXN  (1ull << 19)
#define SCTLR_EE   (1ull << 25)
#define SCTLR_EPAN (1ull << 57)

#define DESC_VALID      (1ull << 0)
#define DESC_TABLE      (1ull << 1)
#define DESC_USER       (1ull << 6)
#define DESC_READ_ONLY  (1ull << 7)
#define DESC_AF         (1ull << 10)
#define DESC_NG         (1ull << 11)
#define DESC_GP         (1ull << 50)
#define DESC_DBM        (1ull << 51)
#define DESC_PXN        (1ull << 53)
#define DESC_UXN        (1ull << 54)
#define TABLE_PXN       (1ull << 59)
#define TABLE_UXN       (1ull << 60)
#define TABLE_NO_USER   (1ull << 61)
#define TABLE_READ_ONLY (1ull << 62)

enum { MMU_WALK_TRIES = 64, MMU_PA_BITS_MAX = 48 };

unsigned arm_mode_el(unsigned mode)
{
    return mode == ARM_MODE_E3 ? 3 : mode == ARM_MODE_E2 ? 2 : 1;
}

unsigned arm_mmu_mode(const ArmCpu *c)
{
    switch (c->el) {
    case 0:
        return ARM_MODE_E10_0;
    case 1:
        return c->pan ? ARM_MODE_E10_1_PAN : ARM_MODE_E10_1;
    case 2:
        return ARM_MODE_E2;
    default:
        return ARM_MODE_E3;
    }
}

unsigned arm_mmu_unpriv_mode(const ArmCpu *c)
{
    return c->el == 1 && !c->uao ? ARM_MODE_E10_0 : arm_mmu_mode(c);
}

static uint8_t mmu_pa_bits(unsigned ps)
{
    static const uint8_t bits[8] = { 32, 36, 40, 42, 44, 48, 48, 48 };

    return bits[ps & 7];
}

static ArmWalkParams mmu_params_el1(const ArmCpu *c, bool upper, unsigned mode, bool is_fetch)
{
    uint64_t tcr = c->sys.tcr[1];
    ArmWalkParams p = { .ttbr = upper ? c->sys.ttbr1[1] : c->sys.ttbr0[1] };
    bool hafdbs = arm_has(c, ARM_FEAT_HAFDBS);

    p.page_bits = arm_page_bits(tcr, upper);
    p.disabled = tcr >> (upper ? 23 : 7) & 1;
    if (mode == ARM_MODE_E10_0 && c->id.aa64mmfr2 >> 60 && tcr >> (upper ? 56 : 55) & 1) {
        p.disabled = true; /* E0PD */
    }
    p.va_bits = 64 - arm_clamp_tsz(c, tcr >> (upper ? 16 : 0) & 63, p.page_bits, &p.disabled);
    p.pa_bits = mmu_pa_bits(tcr >> 32 & 7);
    p.tbi = tcr >> (upper ? 38 : 37) & 1;
    if (is_fetch && arm_has(c, ARM_FEAT_PAUTH) && tcr >> (upper ? 52 : 51) & 1) {
        p.tbi = false; /* TBID */
    }
    p.ha = hafdbs && tcr >> 39 & 1;
    p.hd = p.ha && tcr >> 40 & 1;
    p.hpd = c->id.aa64mmfr1 >> 12 & 15 && tcr >> (upper ? 42 : 41) & 1;
    return p;
}

static ArmWalkParams mmu_params(const ArmCpu *c, bool upper, unsigned mode, bool is_fetch)
{
    unsigned el = arm_mode_el(mode);

    if (el == 1) {
        return mmu_params_el1(c, upper, mode, is_fetch);
    }

    uint64_t tcr = c->sys.tcr[el];
    ArmWalkParams p = { .ttbr = c->sys.ttbr0[el], .page_bits = arm_page_bits(tcr, false) };

    p.va_bits = 64 - arm_clamp_tsz(c, tcr & 63, p.page_bits, &p.disabled);
    p.pa_bits = mmu_pa_bits(tcr >> 16 & 7);
    p.tbi = tcr >> 20 & 1 && !(is_fetch && arm_has(c, ARM_FEAT_PAUTH) && tcr >> 29 & 1);
    p.ha = arm_has(c, ARM_FEAT_HAFDBS) && tcr >> 21 & 1;
    p.hd = p.ha && tcr >> 22 & 1;
    p.hpd = c->id.aa64mmfr1 >> 12 & 15 && tcr >> 24 & 1;
    return p;
}

/* The same, remembered: for the vCPU's own fills. */
static ArmWalkParams mmu_params_cached(ArmCpu *c, bool upper, unsigned mode, bool is_fetch)
{
    ArmWalkCache *w = &c->walk;
    unsigned i = upper << 2 | (mode == ARM_MODE_E10_0) << 1 | is_fetch;

    if (arm_mode_el(mode) != 1) {
        return mmu_params(c, upper, mode, is_fetch);
    }
    if (w->tcr != c->sys.tcr[1]) {
        w->tcr = c->sys.tcr[1];
        w->params_valid = 0;
        memset(w->table, 0, sizeof(w->table));
    }
    if (!(w->params_valid >> i & 1)) {
        w->params[i] = mmu_params_el1(c, upper, mode, is_fetch);
        w->params_valid |= 1u << i;
    }
    w->params[i].ttbr = upper ? c->sys.ttbr1[1] : c->sys.ttbr0[1];
    return w->params[i];
}

bool arm_tbi(const ArmCpu *c, GuestVirt va, bool is_fetch)
{
    return mmu_params(c, va >> 55 & 1, arm_mmu_mode(c), is_fetch).tbi;
}

unsigned arm_va_bits(const ArmCpu *c, bool upper)
{
    return mmu_params(c, upper, arm_mmu_mode(c), false).va_bits;
}

static bool mmu_fault(unsigned *fsc, unsigned kind, unsigned level)
{
    *fsc = kind | level;
    return false;
}

/* ---- stage 1 off ---- */

static bool mmu_flat(const ArmCpu *c, GuestVirt va, MemAccess access, bool tbi, ArmTranslation *out,
                     unsigned *fsc)
{
    unsigned pa_bits = mmu_pa_bits(c->id.aa64mmfr0 & 15);

    if (tbi) {
        va &= (1ull << 56) - 1;
    }
    if (va >> pa_bits) {
        return mmu_fault(fsc, ARM_FSC_ADDRESS_SIZE, 0);
    }
    *out = (ArmTranslation){
        .tlb = { .phys = va,
                 .page_bytes = GUEST_PAGE_SIZE,
                 .prot = TLB_READ | TLB_WRITE | TLB_EXEC,
                 .device = access != ACCESS_FETCH,
                 .aligned = true, /* ARM_MW_MMU_OFF */
                 .global = true },
        .sh = 2,
    };
    return true;
}

/* ---- permissions of a leaf ---- */

static unsigned mmu_leaf_prot(const ArmCpu *c, uint64_t desc, uint64_t tables, unsigned mode)
{
    unsigned el = arm_mode_el(mode);
    uint64_t sctlr = c->sys.sctlr[el];
    bool two_levels = el == 1;
    bool user = two_levels && desc & DESC_USER && !(tables & TABLE_NO_USER);
    bool write = !(desc & DESC_READ_ONLY) && !(tables & TABLE_READ_ONLY);
    bool uxn = desc & DESC_UXN || tables & TABLE_UXN;
    bool pxn = desc & DESC_PXN || tables & TABLE_PXN;
    unsigned prot;

    if (mode == ARM_MODE_E10_0) {
        prot = user ? TLB_READ | (write ? TLB_WRITE : 0) : 0;
        prot |= uxn ? 0 : TLB_EXEC;
    } else {
        prot = TLB_READ | (write ? TLB_WRITE : 0);
        if (!two_levels) {
            prot |= uxn ? 0 : TLB_EXEC;
        } else if (!pxn && !(user && write)) {
            prot |= TLB_EXEC;
        }
    }
    if (sctlr & SCTLR_WXN && prot & TLB_WRITE) {
        prot &= ~TLB_EXEC;
    }
    if (mode == ARM_MODE_E10_1_PAN) {
        bool epan = sctlr & SCTLR_EPAN && (c->id.aa64mmfr1 >> 20 & 15) >= 3;

        if (user || (epan && !uxn)) {
            prot &= ~(unsigned)(TLB_READ | TLB_WRITE);
        }
    }
    return prot;
}

/* ---- the walk ---- */

typedef struct MmuLeaf {
    uint64_t desc, tables; /* @tables: the or of the tables' attributes */
    GuestPhys desc_pa;
    GuestPhys base;
    unsigned level, shift;
} MmuLeaf;

static bool mmu_read_desc(ArmCpu *c, GuestPhys pa, bool be, uint64_t *desc)
{
    if (!tcg_phys_read(&c->cpu, pa, false, 8, desc)) {
        return false;
    }
    if (be) {
        *desc = __builtin_bswap64(*desc);
    }
    return true;
}

static bool mmu_block_allowed(unsigned page_bits, unsigned level)
{
    return level == 2 || (level == 1 && page_bits == 12);
}

/*
 * Tables are remembered by the root they were found from, below the first level. They may be until
 * software invalidates by more than the last level (D8.16.1); valid descriptors alone are.
 */
static ArmWalkTable *mmu_walk_slot(ArmCpu *c, uint64_t root, uint64_t prefix)
{
    return &c->walk.table[(prefix >> 2 ^ prefix >> 8 ^ root >> 12) % ARM_WALK_SIZE];
}

typedef struct MmuWalk {
    const ArmWalkParams *p;
    GuestVirt va; /* the bits that are translated */
    uint64_t root;
    bool be, cached;
} MmuWalk;

static unsigned mmu_shift(const MmuWalk *w, unsigned level)
{
    return w->p->page_bits + (3 - level) * (w->p->page_bits - 3u);
}

static uint64_t mmu_walk_prefix(const MmuWalk *w, unsigned level)
{
    return w->va >> mmu_shift(w, level - 1) << 2 | level;
}

/* The table of the last level possible that is known; the level, or 0. */
static unsigned mmu_walk_find(ArmCpu *c, const MmuWalk *w, unsigned first, uint64_t *table,
                              uint64_t *attrs)
{
    if (!w->cached) {
        return 0;
    }
    if (c->walk.epoch != tcg_walk_epoch(&c->cpu)) {
        c->walk.epoch = tcg_walk_epoch(&c->cpu);
        memset(c->walk.table, 0, sizeof(c->walk.table));
    }
    for (unsigned level = 3; level > first && level > 1; level--) {
        uint64_t prefix = mmu_walk_prefix(w, level);
        const ArmWalkTable *t = mmu_walk_slot(c, w->root, prefix);

        if (t->prefix == prefix && t->root == w->root) {
            *table = t->table;
            *attrs = t->attrs;
            return level;
        }
    }
    return 0;
}

static void mmu_walk_keep(ArmCpu *c, const MmuWalk *w, unsigned level, uint64_t table,
                          uint64_t attrs)
{
    uint64_t prefix = mmu_walk_prefix(w, level);

    if (w->cached && level > 1) {
        *mmu_walk_slot(c, w->root, prefix) = (ArmWalkTable){ w->root, prefix, table, attrs };
    }
}

static bool mmu_find_leaf(ArmCpu *c, const MmuWalk *w, MmuLeaf *leaf, unsigned *fsc)
{
    const ArmWalkParams *p = w->p;
    unsigned stride = p->page_bits - 3;
    unsigned levels = (p->va_bits - p->page_bits + stride - 1) / stride;
    unsigned level = 4 - levels, known;
    unsigned bits = p->va_bits - p->page_bits - (levels - 1) * stride; /* of the first index */
    uint64_t addr_mask = ((1ull << MMU_PA_BITS_MAX) - 1) & ~((1ull << p->page_bits) - 1);
    GuestPhys table = p->ttbr & ((1ull << MMU_PA_BITS_MAX) - 1) & ~((8ull << bits) - 1) & ~1ull;

    if (table >> p->pa_bits) {
        return mmu_fault(fsc, ARM_FSC_ADDRESS_SIZE, 0);
    }
    leaf->tables = 0;
    known = mmu_walk_find(c, w, level, &table, &leaf->tables);
    if (known) {
        level = known;
        bits = stride;
    }
    for (;; level++, bits = stride) {
        unsigned shift = mmu_shift(w, level);
        uint64_t index = w->va >> shift & ((1ull << bits) - 1);
        uint64_t desc;

        leaf->desc_pa = table + index * 8;
        if (!mmu_read_desc(c, leaf->desc_pa, w->be, &desc)) {
            return mmu_fault(fsc, ARM_FSC_EXTERNAL_WALK, level);
        }
        if (!(desc & DESC_VALID)) {
            return mmu_fault(fsc, ARM_FSC_TRANSLATION, level);
        }
        if (level < 3 && desc & DESC_TABLE) {
            table = desc & addr_mask;
            if (table >> p->pa_bits) {
                return mmu_fault(fsc, ARM_FSC_ADDRESS_SIZE, level);
            }
            leaf->tables |= p->hpd ? 0 : desc;
            mmu_walk_keep(c, w, level + 1, table, leaf->tables);
            continue;
        }
        if (level == 3 ? !(desc & DESC_TABLE) : !mmu_block_allowed(p->page_bits, level)) {
            return mmu_fault(fsc, ARM_FSC_TRANSLATION, level);
        }
        leaf->desc = desc;
        leaf->level = level;
        leaf->shift = shift;
        leaf->base = desc & addr_mask & ~((1ull << shift) - 1);
        if (leaf->base >> p->pa_bits) {
            return mmu_fault(fsc, ARM_FSC_ADDRESS_SIZE, level);
        }
        return true;
    }
}

typedef enum MmuUpdate { MMU_UPDATED, MMU_RETRY, MMU_NO_RAM } MmuUpdate;

static MmuUpdate mmu_update_desc(ArmCpu *c, const MmuLeaf *leaf, bool be, uint64_t desc)
{
    uint64_t was, expected = be ? __builtin_bswap64(leaf->desc) : leaf->desc;

    if (!tcg_phys_cas64(&c->cpu, leaf->desc_pa, false, expected,
                        be ? __builtin_bswap64(desc) : desc, &was)) {
        return MMU_NO_RAM;
    }
    return was == expected ? MMU_UPDATED : MMU_RETRY;
}

/* Access flag and dirty state of @leaf for @access; *@prot of the result. False: a fault, or (with
 * *@retry) somebody else changed the descriptor. */
static bool mmu_use_leaf(ArmCpu *c, const ArmWalkParams *p, MmuLeaf *leaf, unsigned need,
                         unsigned mode, bool be, bool update, unsigned *prot, bool *retry,
                         unsigned *fsc)
{
    uint64_t desc = leaf->desc;

    if (!(desc & DESC_AF)) {
        if (!p->ha) {
            return mmu_fault(fsc, ARM_FSC_ACCESS_FLAG, leaf->level);
        }
        desc |= DESC_AF;
    }
    *prot = mmu_leaf_prot(c, desc, leaf->tables, mode);
    if (p->hd && desc & DESC_DBM && desc & DESC_READ_ONLY && need == TLB_WRITE) {
        unsigned dirty = mmu_leaf_prot(c, desc & ~DESC_READ_ONLY, leaf->tables, mode);

        if (dirty & TLB_WRITE) {
            desc &= ~DESC_READ_ONLY;
            *prot = dirty;
        }
    }
    if ((*prot & need) != need) {
        return mmu_fault(fsc, ARM_FSC_PERMISSION, leaf->level);
    }
    if (desc != leaf->desc && update) {
        switch (mmu_update_desc(c, leaf, be, desc)) {
        case MMU_UPDATED:
            break;
        case MMU_RETRY:
            *retry = true;
            return false;
        case MMU_NO_RAM:
            return mmu_fault(fsc, ARM_FSC_EXTERNAL_WALK, leaf->level);
        }
    }
    leaf->desc = desc;
    return true;
}

static void mmu_result(const ArmCpu *c, GuestVirt va, const MmuLeaf *leaf, unsigned mode,
                       unsigned prot, ArmTranslation *out)
{
    unsigned el = arm_mode_el(mode);
    uint8_t attr = c->sys.mair[el] >> ((leaf->desc >> 2 & 7) * 8) & 0xff;

    *out = (ArmTranslation){
        .tlb = { .phys = leaf->base | (va & ((1ull << leaf->shift) - 1)),
                 .page_bytes = 1ull << leaf->shift,
                 .prot = (uint8_t)prot,
                 .device = !(attr & 0xf0),
                 .global = el != 1 || !(leaf->desc & DESC_NG) },
        .mair = attr,
        .sh = attr & 0xf0 ? leaf->desc >> 8 & 3 : 2,
        .guarded = (leaf->desc & DESC_GP) != 0,
    };
}

bool arm_mmu_translate(ArmCpu *c, GuestVirt va, MemAccess access, unsigned mode, bool update,
                       ArmTranslation *out, unsigned *fsc)
{
    unsigned el = arm_mode_el(mode);
    bool upper = el == 1 && va >> 55 & 1;
    bool is_fetch = access == ACCESS_FETCH;
    bool be = (c->sys.sctlr[el] & SCTLR_EE) != 0;
    unsigned need = is_fetch ? TLB_EXEC : access == ACCESS_WRITE ? TLB_WRITE : TLB_READ;
    ArmWalkParams p =
        update ? mmu_params_cached(c, upper, mode, is_fetch) : mmu_params(c, upper, mode, is_fetch);
    MmuWalk w = { .p = &p, .be = be, .cached = update };
    int64_t top;

    if (!(c->sys.sctlr[el] & SCTLR_M)) {
        return mmu_flat(c, va, access, p.tbi, out, fsc);
    }
    /* Bits above the range all equal bit 55 (0 where there is one range). */
    top = p.tbi ? (int64_t)(va << 8) >> 8 >> p.va_bits : (int64_t)va >> p.va_bits;
    if (p.disabled || top != (upper ? -1 : 0)) {
        return mmu_fault(fsc, ARM_FSC_TRANSLATION, 0);
    }
    w.va = va & ((1ull << p.va_bits) - 1);
    w.root = (p.ttbr & ((1ull << MMU_PA_BITS_MAX) - 1) & ~15ull) | el << 1 | upper;
    for (unsigned i = 0; i < MMU_WALK_TRIES; i++) {
        MmuLeaf leaf;
        unsigned prot;
        bool retry = false;

        if (!mmu_find_leaf(c, &w, &leaf, fsc)) {
            return false;
        }
        if (mmu_use_leaf(c, &p, &leaf, need, mode, be, update, &prot, &retry, fsc)) {
            mmu_result(c, va, &leaf, mode, prot, out);
            return true;
        }
        if (!retry) {
            return false;
        }
    }
    return mmu_fault(fsc, ARM_FSC_EXTERNAL_WALK, 3);
}

/* ---- faults ---- */

static void mmu_abort(ArmCpu *c, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                      unsigned fsc)
{
    unsigned target = arm_mode_el(mode);
    uint32_t iss = fsc;
    unsigned ec;

    if (target < c->el) {
        target = c->el;
    }
    ec = (access == ACCESS_FETCH ? ARM_EC_FETCH_LOWER : ARM_EC_DATA_LOWER) + (target == c->el);
    if (access == ACCESS_WRITE) {
        iss |= 1 << 6;
    }
    if (access != ACCESS_FETCH && memop & ARM_MO_CACHE) {
        iss |= 1 << 8 | 1 << 6;
    }
    arm_raise_far(c, arm_syndrome(ec, iss), va, target);
}

bool arm_tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                  bool probe, TlbResult *out)
{
    ArmCpu *c = arm_cpu(cpu);
    ArmTranslation t;
    unsigned fsc;

    if (arm_mmu_translate(c, va, access, mode, !probe, &t, &fsc)) {
        *out = t.tlb;
        if (access == ACCESS_FETCH && t.guarded && arm_has(c, ARM_FEAT_BTI)) {
            out->code_attr = ARM_CODE_GUARDED;
        }
        return true;
    }
    if (!probe) {
        mmu_abort(c, va, access, mode, memop, fsc);
    }
    return false;
}

void arm_unaligned(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop)
{
    mmu_abort(arm_cpu(cpu), va, access, mode, memop, ARM_FSC_ALIGNMENT);
}

bool arm_bus_error(Cpu *cpu, GuestVirt va, GuestPhys pa, MemAccess access, unsigned mode,
                   uint32_t memop)
{
    mmu_abort(arm_cpu(cpu), va, access, mode, memop, ARM_FSC_EXTERNAL);
    return true;
}

bool arm_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out)
{
    ArmCpu *c = arm_cpu(cpu);
    unsigned mode = c->el == 1 ? ARM_MODE_E10_1 : arm_mmu_mode(c);
    ArmTranslation t;
    unsigned fsc;

    if (!arm_mmu_translate(c, va, ACCESS_READ, mode, false, &t, &fsc) &&
        !arm_mmu_translate(c, va, ACCESS_FETCH, mode, false, &t, &fsc)) {
        return false;
    }
    *out = t.tlb.phys;
    return true;
}
