/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU interface of the GICv3: system registers ICC_*_EL1.
 * Spec: IHI 0069, ch. 12.2 (AArch64 system registers of the CPU interface).
 */
#include "hw/intc/gicv3-priv.h"

#define ICC(crn, crm, op2) (3u << 14 | 0u << 11 | (crn) << 7 | (crm) << 3 | (op2))

enum {
    ICC_PMR = ICC(4, 6, 0),
    ICC_IAR0 = ICC(12, 8, 0),
    ICC_EOIR0 = ICC(12, 8, 1),
    ICC_HPPIR0 = ICC(12, 8, 2),
    ICC_BPR0 = ICC(12, 8, 3),
    ICC_AP0R0 = ICC(12, 8, 4),
    ICC_AP1R0 = ICC(12, 9, 0),
    ICC_DIR = ICC(12, 11, 1),
    ICC_RPR = ICC(12, 11, 3),
    ICC_SGI1R = ICC(12, 11, 5),
    ICC_ASGI1R = ICC(12, 11, 6),
    ICC_SGI0R = ICC(12, 11, 7),
    ICC_IAR1 = ICC(12, 12, 0),
    ICC_EOIR1 = ICC(12, 12, 1),
    ICC_HPPIR1 = ICC(12, 12, 2),
    ICC_BPR1 = ICC(12, 12, 3),
    ICC_CTLR = ICC(12, 12, 4),
    ICC_SRE = ICC(12, 12, 5),
    ICC_IGRPEN0 = ICC(12, 12, 6),
    ICC_IGRPEN1 = ICC(12, 12, 7),
};

static unsigned icc_acknowledge(Gicv3 *s, unsigned cpu, unsigned group)
{
    GicBest b = gicv3_best(s, cpu);
    uint32_t level;

    if (!gicv3_can_signal(s, cpu, &b) || b.group != group) {
        return ID_SPURIOUS;
    }
    level = 1u << ((b.prio & gicv3_group_mask(s, cpu, group)) >> 3);
    *(group ? &s->ap1r[cpu] : &s->ap0r[cpu]) |= level;
    if (b.id >= LPI_FIRST) { /* has no active state */
        gicv3_lpi_put(s, cpu, b.id, false);
        return b.id;
    }
    gicv3_bit_put(s->active, cpu, b.id, true);
    gicv3_bit_put(s->pending, cpu, b.id, false);
    return b.id;
}

static unsigned icc_highest(Gicv3 *s, unsigned cpu, unsigned group)
{
    GicBest b = gicv3_best(s, cpu);

    return b.id != ID_SPURIOUS && b.group == group ? b.id : ID_SPURIOUS;
}

static void icc_deactivate(Gicv3 *s, unsigned cpu, uint64_t val)
{
    unsigned id = val & 0xffffff;

    if (id < s->num_irq) {
        gicv3_bit_put(s->active, cpu, id, false);
    }
}

static void icc_end(Gicv3 *s, unsigned cpu, unsigned group, uint64_t val)
{
    uint32_t *mine = group ? &s->ap1r[cpu] : &s->ap0r[cpu];
    uint32_t other = group ? s->ap0r[cpu] : s->ap1r[cpu];

    unsigned id = val & 0xffffff;

    if (id >= s->num_irq && !(s->has_lpi && id >= LPI_FIRST && id < LPI_END)) {
        return;
    }
    if (*mine && (!other || __builtin_ctz(*mine) <= __builtin_ctz(other))) {
        *mine &= *mine - 1;
    }
    if (!(s->icc_ctlr[cpu] & ICC_CTLR_EOIMODE)) {
        icc_deactivate(s, cpu, val);
    }
}

/* Affinities as SGIs name them: Aff3 in 55:48, Aff2 in 39:32, Aff1 in 23:16. */
static void icc_send_sgi(Gicv3 *s, unsigned from, unsigned group, uint64_t val)
{
    unsigned id = val >> 24 & 15;
    uint32_t cluster = (val >> 16 & 0xff) | (val >> 32 & 0xff) << 8 | (val >> 48 & 0xff) << 16;
    unsigned base = (val >> 44 & 15) * 16;

    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        uint32_t affinity = gicv3_affinity(cpu);
        unsigned low = (affinity & 0xff) - base;
        bool hit =
            val & BIT(40) ? cpu != from : affinity >> 8 == cluster && low < 16 && (val >> low & 1);

        if (hit && gicv3_bit(s->group, cpu, id) == group) {
            gicv3_bit_put(s->pending, cpu, id, true);
        }
    }
}

/* False: no such register. */
static bool icc_get(Gicv3 *s, unsigned cpu, uint32_t reg, uint64_t *val)
{
    switch (reg) {
    case ICC_PMR:
        *val = s->pmr[cpu];
        return true;
    case ICC_IAR0:
    case ICC_IAR1:
        *val = icc_acknowledge(s, cpu, reg == ICC_IAR1);
        return true;
    case ICC_HPPIR0:
    case ICC_HPPIR1:
        *val = icc_highest(s, cpu, reg == ICC_HPPIR1);
        return true;
    case ICC_BPR0:
        *val = s->bpr0[cpu];
        return true;
    case ICC_BPR1:
        *val = s->icc_ctlr[cpu] & ICC_CTLR_CBPR ? min_u64(s->bpr0[cpu] + 1, 7) : s->bpr1[cpu];
        return true;
    case ICC_AP0R0:
        *val = s->ap0r[cpu];
        return true;
    case ICC_AP1R0:
        *val = s->ap1r[cpu];
        return true;
    case ICC_RPR:
        *val = gicv3_running(s, cpu);
        return true;
    case ICC_CTLR: /* five priority bits, 16-bit ids, Aff3 */
        *val = s->icc_ctlr[cpu] | 4 << 8 | 1 << 15;
        return true;
    case ICC_SRE: /* system registers alone; no bypass */
        *val = 7;
        return true;
    case ICC_IGRPEN0:
        *val = s->igrpen0[cpu];
        return true;
    case ICC_IGRPEN1:
        *val = s->igrpen1[cpu];
        return true;
    default:
        return false;
    }
}

static bool icc_put(Gicv3 *s, unsigned cpu, uint32_t reg, uint64_t val)
{
    switch (reg) {
    case ICC_PMR:
        s->pmr[cpu] = val & PRIO_MASK;
        return true;
    case ICC_EOIR0:
    case ICC_EOIR1:
        icc_end(s, cpu, reg == ICC_EOIR1, val);
        return true;
    case ICC_BPR0:
        s->bpr0[cpu] = max_u64(val & 7, BPR0_MIN);
        return true;
    case ICC_BPR1:
        if (!(s->icc_ctlr[cpu] & ICC_CTLR_CBPR)) {
            s->bpr1[cpu] = max_u64(val & 7, BPR1_MIN);
        }
        return true;
    case ICC_AP0R0:
        s->ap0r[cpu] = val;
        return true;
    case ICC_AP1R0:
        s->ap1r[cpu] = val;
        return true;
    case ICC_DIR:
        if (s->icc_ctlr[cpu] & ICC_CTLR_EOIMODE) {
            icc_deactivate(s, cpu, val);
        }
        return true;
    case ICC_SGI0R:
    case ICC_SGI1R:
    case ICC_ASGI1R: /* with one security state: as the group of the name */
        icc_send_sgi(s, cpu, reg == ICC_SGI1R, val);
        return true;
    case ICC_CTLR:
        s->icc_ctlr[cpu] = val & (ICC_CTLR_CBPR | ICC_CTLR_EOIMODE);
        return true;
    case ICC_SRE:
        return true;
    case ICC_IGRPEN0:
        s->igrpen0[cpu] = val & 1;
        return true;
    case ICC_IGRPEN1:
        s->igrpen1[cpu] = val & 1;
        return true;
    default:
        return false;
    }
}

static bool icc_read(CpuIntc *intc, Cpu *cpu, uint32_t regid, uint64_t *val)
{
    bool ok;

    device_enter(intc->dev);
    ok = icc_get(device_as(intc->dev, Gicv3), cpu->index, regid, val);
    device_leave(intc->dev);
    return ok;
}

static bool icc_write(CpuIntc *intc, Cpu *cpu, uint32_t regid, uint64_t val)
{
    bool ok;

    device_enter(intc->dev);
    ok = icc_put(device_as(intc->dev, Gicv3), cpu->index, regid, val);
    device_leave(intc->dev);
    return ok;
}

const CpuIntcOps gicv3_intc_ops = {
    .name = "gicv3",
    .sysreg_read = icc_read,
    .sysreg_write = icc_write,
};
