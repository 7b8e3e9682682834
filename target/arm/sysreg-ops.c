/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System instructions: cache and TLB maintenance, address translation.
 * Caches are coherent here, and stores to code are noticed: maintenance only checks.
 * Spec: Arm ARM DDI 0487, C5.3 to C5.5, D8.14 (TLB maintenance), D19.2.117 (PAR_EL1).
 */
#include "target/arm/sysreg.h"

#include "accel/tcg/ir/ir.h"
#include "accel/tcg/tcg.h"
#include "target/arm/exception.h"
#include "target/arm/mmu.h"

enum { OPS_E10_MODES = 1 << ARM_MODE_E10_0 | 1 << ARM_MODE_E10_1 | 1 << ARM_MODE_E10_1_PAN };

/* ---- AT ---- */

static void sysreg_at(ArmCpu *c, const ArmSysReg *r, uint64_t va)
{
    unsigned op2 = r->id & 7, crm = r->id >> 3 & 15;
    bool write = op2 & 1;
    unsigned mode = op2 & 2 ? ARM_MODE_E10_0 : ARM_MODE_E10_1;
    ArmTranslation t;
    unsigned fsc;

    if (crm == 9 && c->pan) {
        mode = ARM_MODE_E10_1_PAN;
    }
    if (arm_mmu_translate(c, va, write ? ACCESS_WRITE : ACCESS_READ, mode, false, &t, &fsc)) {
        c->sys.par[0] = (t.tlb.phys & 0xfffffffff000ull) | (uint64_t)t.mair << 56 | 1ull << 11 |
                        1ull << 9 | (uint64_t)t.sh << 7;
    } else {
        c->sys.par[0] = 1ull << 11 | (uint64_t)fsc << 1 | 1;
    }
}

/* ---- TLBI ---- */

/* op2 is 5 or 7: only the last level of the walk has changed. */
static unsigned sysreg_tlbi_how(const ArmSysReg *r)
{
    return TCG_FLUSH_ANY_TAG | (r->id & 4 ? TCG_FLUSH_LEAF : 0);
}

static GuestVirt sysreg_tlbi_va(uint64_t arg)
{
    return (uint64_t)((int64_t)(arg << 20) >> 8);
}

static void sysreg_tlbi_all(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_modes(&c->cpu, OPS_E10_MODES);
}

static void sysreg_tlbi_all_is(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_modes_all_cpus(&c->cpu, OPS_E10_MODES);
}

/* With TCR_EL1.AS clear the upper half of the ASID is ignored, as in TTBRn_EL1. */
static uint64_t sysreg_tlbi_asid(const ArmCpu *c, uint64_t val)
{
    return val >> 48 & (c->sys.tcr[1] >> 36 & 1 ? 0xffff : 0xff);
}

static void sysreg_tlbi_asid_local(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_space(&c->cpu, OPS_E10_MODES, sysreg_tlbi_asid(c, val));
}

static void sysreg_tlbi_asid_is(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_space_all_cpus(&c->cpu, OPS_E10_MODES, sysreg_tlbi_asid(c, val));
}

/* By address: op2 is 3 or 7: of all ASIDs. */
static uint64_t sysreg_tlbi_space(const ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    return r->id & 2 ? TCG_ANY_SPACE : sysreg_tlbi_asid(c, val);
}

static void sysreg_tlbi_va_local(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_range_of(&c->cpu, sysreg_tlbi_space(c, r, val), sysreg_tlbi_va(val), 1,
                           OPS_E10_MODES, sysreg_tlbi_how(r));
}

static void sysreg_tlbi_va_is(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    tcg_tlb_flush_range_of_all_cpus(&c->cpu, sysreg_tlbi_space(c, r, val), sysreg_tlbi_va(val), 1,
                                    OPS_E10_MODES, sysreg_tlbi_how(r));
}

/* BaseADDR in granules, SCALE, NUM, TG (D8.14.5). False: no granule, reserved. */
static bool sysreg_tlbi_range(uint64_t val, GuestVirt *va, uint64_t *bytes)
{
    static const uint8_t page_bits[4] = { 0, 12, 14, 16 };
    unsigned bits = page_bits[val >> 46 & 3];
    unsigned num = val >> 39 & 31, scale = val >> 44 & 3;

    *va = (uint64_t)((int64_t)(val << 27) >> 27) << bits;
    *bytes = (uint64_t)(num + 1) << (5 * scale + 1) << bits;
    return bits != 0;
}

static void sysreg_tlbi_range_local(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    GuestVirt va;
    uint64_t bytes;

    if (sysreg_tlbi_range(val, &va, &bytes)) {
        tcg_tlb_flush_range_of(&c->cpu, sysreg_tlbi_space(c, r, val), va, bytes, OPS_E10_MODES,
                               sysreg_tlbi_how(r));
    }
}

static void sysreg_tlbi_range_is(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    GuestVirt va;
    uint64_t bytes;

    if (sysreg_tlbi_range(val, &va, &bytes)) {
        tcg_tlb_flush_range_of_all_cpus(&c->cpu, sysreg_tlbi_space(c, r, val), va, bytes,
                                        OPS_E10_MODES, sysreg_tlbi_how(r));
    }
}

/* ---- cache maintenance by address: faults as the access it stands for ---- */

static void sysreg_cache_va(ArmCpu *c, const ArmSysReg *r, uint64_t va)
{
    bool write = r->id == SYSID(1, 0, 7, 6, 1); /* DC IVAC destroys data */
    unsigned mode = arm_mmu_mode(c);
    TlbResult t;

    arm_tlb_fill(&c->cpu, va, write ? ACCESS_WRITE : ACCESS_READ, mode, ARM_MO_CACHE, false, &t);
}

/* There is nothing to clean or fetch; the points of persistence are where memory is. */
#define CACHE_EL1(name, crm, op2)                                                \
    {                                                                            \
        name, SYSID(1, 0, 7, crm, op2), SYS_WO(1), .flags = SYS_NOP | SYS_HIDDEN \
    }
#define CACHE_VA(name, op1, el, crm, op2, ...)                                      \
    {                                                                               \
        name, SYSID(1, op1, 7, crm, op2), SYS_WO(el),                               \
            .write = sysreg_cache_va, .flags = SYS_RAISES | SYS_HIDDEN, __VA_ARGS__ \
    }
#define ADDR_TRANS(name, crm, op2, ...)                                                     \
    {                                                                                       \
        name, SYSID(1, 0, 7, crm, op2), SYS_WO(1), .write = sysreg_at, .flags = SYS_HIDDEN, \
                                                   __VA_ARGS__                              \
    }
#define TLBI(name, crn, crm, op2, fn)                                                              \
    {                                                                                              \
        name, SYSID(1, 0, crn, crm, op2), SYS_WO(1), .write = fn, .flags = SYS_LEAVES | SYS_HIDDEN \
    }

/* One row for each operation by address, ASID or all, of a shareability domain. */
#define TLBI_SET(suffix, crn, crm, all, asid, va)                                                  \
    TLBI("TLBI VMALLE1" suffix, crn, crm, 0, all), TLBI("TLBI VAE1" suffix, crn, crm, 1, va),      \
        TLBI("TLBI ASIDE1" suffix, crn, crm, 2, asid), TLBI("TLBI VAAE1" suffix, crn, crm, 3, va), \
        TLBI("TLBI VALE1" suffix, crn, crm, 5, va), TLBI("TLBI VAALE1" suffix, crn, crm, 7, va)
#define TLBI_RANGES(suffix, crm, fn)                                                     \
    TLBI("TLBI RVAE1" suffix, 8, crm, 1, fn), TLBI("TLBI RVAAE1" suffix, 8, crm, 3, fn), \
        TLBI("TLBI RVALE1" suffix, 8, crm, 5, fn), TLBI("TLBI RVAALE1" suffix, 8, crm, 7, fn)

const ArmSysReg arm_sys_ops[] = {
    CACHE_EL1("IC IALLUIS", 1, 0),
    CACHE_EL1("IC IALLU", 5, 0),
    CACHE_EL1("DC ISW", 6, 2),
    CACHE_EL1("DC CSW", 10, 2),
    CACHE_EL1("DC CISW", 14, 2),
    CACHE_VA("DC IVAC", 0, 1, 6, 1, 0),
    CACHE_VA("IC IVAU", 3, 0, 5, 1, .trap = SYS_TRAP_UCI),
    CACHE_VA("DC CVAC", 3, 0, 10, 1, .trap = SYS_TRAP_UCI),
    CACHE_VA("DC CVAU", 3, 0, 11, 1, .trap = SYS_TRAP_UCI),
    CACHE_VA("DC CVAP", 3, 0, 12, 1, .trap = SYS_TRAP_UCI, SYS_NEEDS(DPB)),
    CACHE_VA("DC CVADP", 3, 0, 13, 1, .trap = SYS_TRAP_UCI, SYS_NEEDS(DPB2)),
    CACHE_VA("DC CIVAC", 3, 0, 14, 1, .trap = SYS_TRAP_UCI),
    /* DC ZVA is the translator's. */
    { "DC ZVA", SYSID(1, 3, 7, 4, 1), SYS_WO(0), .trap = SYS_TRAP_DZE,
      .flags = SYS_NOP | SYS_HIDDEN },
    ADDR_TRANS("AT S1E1R", 8, 0, 0),
    ADDR_TRANS("AT S1E1W", 8, 1, 0),
    ADDR_TRANS("AT S1E0R", 8, 2, 0),
    ADDR_TRANS("AT S1E0W", 8, 3, 0),
    ADDR_TRANS("AT S1E1RP", 9, 0, SYS_NEEDS(PAN2)),
    ADDR_TRANS("AT S1E1WP", 9, 1, SYS_NEEDS(PAN2)),
    TLBI_SET("", 8, 7, sysreg_tlbi_all, sysreg_tlbi_asid_local, sysreg_tlbi_va_local),
    TLBI_SET("IS", 8, 3, sysreg_tlbi_all_is, sysreg_tlbi_asid_is, sysreg_tlbi_va_is),
    TLBI_SET("OS", 8, 1, sysreg_tlbi_all_is, sysreg_tlbi_asid_is, sysreg_tlbi_va_is),
    TLBI_RANGES("", 6, sysreg_tlbi_range_local),
    TLBI_RANGES("IS", 2, sysreg_tlbi_range_is),
    TLBI_RANGES("OS", 5, sysreg_tlbi_range_is),
    /* Prediction restriction: nothing is predicted across contexts. */
    { "CFP RCTX", SYSID(1, 3, 7, 3, 4), SYS_WO(1), .flags = SYS_NOP | SYS_HIDDEN,
      SYS_NEEDS(SPECRES) },
    { "DVP RCTX", SYSID(1, 3, 7, 3, 5), SYS_WO(1), .flags = SYS_NOP | SYS_HIDDEN,
      SYS_NEEDS(SPECRES) },
    { "CPP RCTX", SYSID(1, 3, 7, 3, 7), SYS_WO(1), .flags = SYS_NOP | SYS_HIDDEN,
      SYS_NEEDS(SPECRES) },
    { 0 },
};
