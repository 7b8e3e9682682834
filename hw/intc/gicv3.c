/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 with affinity routing and one security state: distributor, redistributors, and the CPU
 * interfaces as system registers; LPIs and the ITS in files of their own. No virtualization
 * extensions.
 * Spec: Arm Generic Interrupt Controller Architecture Specification v3 and v4, IHI 0069, ch. 12.
 */
#include "hw/intc/gicv3-priv.h"

bool gicv3_bit(const uint32_t *words, unsigned cpu, unsigned id)
{
    return words[gicv3_word(cpu, id / 32)] >> (id % 32) & 1;
}

void gicv3_bit_put(uint32_t *words, unsigned cpu, unsigned id, bool on)
{
    uint32_t *w = &words[gicv3_word(cpu, id / 32)];

    *w = on ? *w | 1u << (id % 32) : *w & ~(1u << (id % 32));
}

uint8_t *gicv3_prio(Gicv3 *s, unsigned cpu, unsigned id)
{
    return &s->prio[id < 32 ? cpu * 32 + id : MAX_CPUS * 32 + id - 32];
}

/* Pending state of a word: the latch, and the line where the interrupt is level-sensitive. */
uint32_t gicv3_pending_word(const Gicv3 *s, unsigned i)
{
    return s->pending[i] | (s->level[i] & ~s->edge[i]);
}

/* The CPU that IROUTER @route names, or -1. "Any" is the first one. */
static int gicv3_route_cpu(const Gicv3 *s, uint64_t route)
{
    uint32_t affinity = (route & 0xffffff) | (route >> 32 & 0xff) << 24;

    if (route & ROUTE_ANY) {
        return 0;
    }
    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        if (gicv3_affinity(cpu) == affinity) {
            return cpu;
        }
    }
    return -1;
}

static uint32_t gicv3_candidates(const Gicv3 *s, unsigned i)
{
    uint32_t cand = gicv3_pending_word(s, i) & s->enabled[i] & ~s->active[i];

    return cand &
           ((s->ctlr & CTLR_GRP0 ? ~s->group[i] : 0) | (s->ctlr & CTLR_GRP1 ? s->group[i] : 0));
}

static void gicv3_consider(Gicv3 *s, unsigned cpu, unsigned id, unsigned group, GicBest *best)
{
    unsigned prio = *gicv3_prio(s, cpu, id);

    if (prio < best->prio) {
        *best = (GicBest){ id, prio, group };
    }
}

GicBest gicv3_best(Gicv3 *s, unsigned cpu)
{
    GicBest best = { ID_SPURIOUS, PRIO_IDLE, 0 };

    for (unsigned w = 0; w * 32 < s->num_irq; w++) {
        unsigned i = gicv3_word(cpu, w);

        for (uint32_t cand = gicv3_candidates(s, i); cand; cand &= cand - 1) {
            unsigned bit = __builtin_ctz(cand), id = w * 32 + bit;

            if (id < s->num_irq && (w == 0 || gicv3_route_cpu(s, s->route[id]) == (int)cpu)) {
                gicv3_consider(s, cpu, id, s->group[i] >> bit & 1, &best);
            }
        }
    }
    if (s->has_lpi && s->ctlr & CTLR_GRP1) {
        gicv3_lpi_consider(s, cpu, &best);
    }
    return best;
}

/* The bits of a priority that decide about preemption in @group. */
unsigned gicv3_group_mask(const Gicv3 *s, unsigned cpu, unsigned group)
{
    unsigned bpr = s->bpr0[cpu];

    if (group && !(s->icc_ctlr[cpu] & ICC_CTLR_CBPR)) {
        bpr = s->bpr1[cpu] - 1;
    }
    return (0xffu << (bpr + 1)) & PRIO_MASK;
}

unsigned gicv3_running(const Gicv3 *s, unsigned cpu)
{
    uint32_t all = s->ap0r[cpu] | s->ap1r[cpu];

    return all ? (unsigned)__builtin_ctz(all) << 3 : PRIO_IDLE;
}

bool gicv3_can_signal(const Gicv3 *s, unsigned cpu, const GicBest *b)
{
    return b->id != ID_SPURIOUS && b->prio < s->pmr[cpu] &&
           (b->group ? s->igrpen1[cpu] : s->igrpen0[cpu]) &&
           (b->prio & gicv3_group_mask(s, cpu, b->group)) < gicv3_running(s, cpu);
}

static void gicv3_settle(Device *dev)
{
    Gicv3 *s = device_as(dev, Gicv3);

    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        GicBest b = gicv3_best(s, cpu);
        /* Whatever GICR_WAKER says: without secure firmware before it, EDK2 never clears it. */
        bool on = gicv3_can_signal(s, cpu, &b);

        irq_set(&s->irq[cpu], on && b.group);
        irq_set(&s->fiq[cpu], on && !b.group);
    }
}

static void gicv3_line(Gicv3 *s, unsigned cpu, unsigned id, bool level)
{
    if (id >= s->num_irq) {
        return;
    }
    if (level && gicv3_bit(s->edge, cpu, id) && !gicv3_bit(s->level, cpu, id)) {
        gicv3_bit_put(s->pending, cpu, id, true);
    }
    gicv3_bit_put(s->level, cpu, id, level);
}

static void gicv3_spi(Device *dev, unsigned n, bool level)
{
    gicv3_line(device_as(dev, Gicv3), 0, 32 + n, level);
}

static void gicv3_ppi(Device *dev, unsigned n, bool level)
{
    gicv3_line(device_as(dev, Gicv3), n / 16, 16 + n % 16, level);
}

/* ---- Registers of the distributor and of SGI frames ---- */

static uint8_t gicv3_bits_read(const Gicv3 *s, unsigned bank, unsigned i, unsigned shift)
{
    switch (bank) {
    case GICD_IGROUPR:
        return s->group[i] >> shift;
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        return s->enabled[i] >> shift;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        return gicv3_pending_word(s, i) >> shift;
    default:
        return s->active[i] >> shift;
    }
}

static void gicv3_bits_write(Gicv3 *s, unsigned bank, unsigned i, unsigned shift, uint8_t val)
{
    uint32_t bits = (uint32_t)val << shift;

    switch (bank) {
    case GICD_IGROUPR:
        s->group[i] = (s->group[i] & ~(0xffu << shift)) | bits;
        break;
    case GICD_ISENABLER:
        s->enabled[i] |= bits;
        break;
    case GICD_ICENABLER:
        s->enabled[i] &= ~bits;
        break;
    case GICD_ISPENDR:
        s->pending[i] |= bits;
        break;
    case GICD_ICPENDR:
        s->pending[i] &= ~bits;
        break;
    case GICD_ISACTIVER:
        s->active[i] |= bits;
        break;
    default:
        s->active[i] &= ~bits;
        break;
    }
}

/* One byte at @off of an array of interrupts; word 0 is @cpu's, and absent where @spis. */
static uint8_t gicv3_byte_read(Gicv3 *s, unsigned cpu, unsigned off, bool spis)
{
    unsigned first = spis ? 32 : 0, end = spis ? s->num_irq : 32, id, v = 0;

    if (off >= GICD_IGROUPR && off < GICD_IPRIORITYR) {
        id = off % 0x80 * 8;
        return id >= first && id < end
                   ? gicv3_bits_read(s, off & ~0x7fu, gicv3_word(cpu, id / 32), id % 32)
                   : 0;
    }
    if (off >= GICD_IPRIORITYR && off < GICD_ITARGETSR) {
        id = off - GICD_IPRIORITYR;
        return id >= first && id < end ? *gicv3_prio(s, cpu, id) : 0;
    }
    if (off >= GICD_ICFGR && off < GICD_ICFGR + 0x100) {
        id = (off - GICD_ICFGR) * 4;
        for (unsigned k = 0; k < 4 && id >= first && id + k < end; k++) {
            v |= gicv3_bit(s->edge, cpu, id + k) ? 2u << (k * 2) : 0;
        }
    }
    return v;
}

static void gicv3_byte_write(Gicv3 *s, unsigned cpu, unsigned off, bool spis, uint8_t val)
{
    unsigned first = spis ? 32 : 0, end = spis ? s->num_irq : 32, id;

    if (off >= GICD_IGROUPR && off < GICD_IPRIORITYR) {
        id = off % 0x80 * 8;
        if (id >= first && id < end) {
            gicv3_bits_write(s, off & ~0x7fu, gicv3_word(cpu, id / 32), id % 32, val);
        }
    } else if (off >= GICD_IPRIORITYR && off < GICD_ITARGETSR) {
        id = off - GICD_IPRIORITYR;
        if (id >= first && id < end) {
            *gicv3_prio(s, cpu, id) = val & PRIO_MASK;
        }
    } else if (off >= GICD_ICFGR && off < GICD_ICFGR + 0x100) {
        id = (off - GICD_ICFGR) * 4;
        for (unsigned k = 0; k < 4; k++) { /* SGIs are by edge for ever */
            if (id + k >= max_u64(first, 16) && id + k < end) {
                gicv3_bit_put(s->edge, cpu, id + k, val >> (k * 2 + 1) & 1);
            }
        }
    }
}

/* PIDR and CIDR: a distributor or redistributor of architecture 3. */
static uint32_t gicv3_id_read(uint64_t off, uint32_t pidr0)
{
    switch (off) {
    case 0xffd0:
        return 0x44;
    case 0xffe0:
        return pidr0;
    case 0xffe4:
        return 0xb4;
    case 0xffe8:
        return 0x3b;
    case 0xfff0:
        return 0x0d;
    case 0xfff4:
        return 0xf0;
    case 0xfff8:
        return 0x05;
    case 0xfffc:
        return 0xb1;
    default:
        return 0;
    }
}

static MemResult gicv3_dist_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    Gicv3 *s = device_as(dev, Gicv3);
    uint64_t id = (off - GICD_IROUTER) / 8;

    *val = 0;
    if (off >= GIC_PIDR) {
        *val = gicv3_id_read(off, 0x92);
    } else if (off >= GICD_IROUTER + 32 * 8 && id < s->num_irq) {
        *val = s->route[id] >> (off % 8 * 8);
    } else if (off == GICD_CTLR) {
        *val = s->ctlr | CTLR_ARE | CTLR_DS;
    } else if (off == GICD_TYPER) { /* 10-bit ids, no range of CPU 0 */
        *val = (s->num_irq / 32 - 1) | 9 << 19;
        if (s->has_lpi) { /* 16-bit ids */
            *val = (s->num_irq / 32 - 1) | GICD_TYPER_LPIS | 15 << 19;
        }
    } else if (off == GICD_IIDR) {
        *val = 0x43b;
    } else if (off < 0x1000) {
        for (unsigned i = 0; i < size; i++) {
            *val |= (uint64_t)gicv3_byte_read(s, 0, off + i, true) << (8 * i);
        }
    }
    return MEM_OK;
}

static MemResult gicv3_dist_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    Gicv3 *s = device_as(dev, Gicv3);
    uint64_t id = (off - GICD_IROUTER) / 8;

    if (off >= GICD_IROUTER + 32 * 8 && off < GIC_PIDR) {
        if (id < s->num_irq && size >= 4) {
            s->route[id] = bits_deposit(s->route[id], off % 8 * 8, size * 8, val) & 0xff80ffffffull;
        }
    } else if (off == GICD_CTLR) {
        s->ctlr = val & (CTLR_GRP0 | CTLR_GRP1);
    } else if (off > GICD_IIDR && off < 0x1000) {
        for (unsigned i = 0; i < size; i++) {
            gicv3_byte_write(s, 0, off + i, true, val >> (8 * i));
        }
    }
    return MEM_OK;
}

/* The last of each region says so, by which software ends its search there. */
static uint64_t gicv3_redist_typer(const Gicv3 *s, unsigned cpu)
{
    bool last = cpu == s->num_cpu - 1 || cpu == LOW_CPUS - 1;

    return (uint64_t)gicv3_affinity(cpu) << 32 | cpu << 8 | (last ? GICR_TYPER_LAST : 0) |
           (s->has_lpi ? GICR_TYPER_PLPIS : 0);
}

static MemResult gicv3_redist_load(Gicv3 *s, unsigned cpu, uint64_t off, unsigned size,
                                   uint64_t *val)
{
    *val = 0;
    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    if (off >= SGI_FRAME) {
        for (unsigned i = 0; i < size; i++) {
            *val |= (uint64_t)gicv3_byte_read(s, cpu, off - SGI_FRAME + i, false) << (8 * i);
        }
    } else if (off >= GIC_PIDR) {
        *val = gicv3_id_read(off, 0x93);
    } else if (off == GICR_IIDR) {
        *val = 0x43b;
    } else if (off >= GICR_TYPER && off < GICR_TYPER + 8) {
        *val = gicv3_redist_typer(s, cpu) >> (off % 8 * 8);
    } else if (off == GICR_WAKER) {
        *val = s->waker[cpu] | (s->waker[cpu] & WAKER_SLEEP ? WAKER_ASLEEP : 0);
    } else if (s->has_lpi) {
        *val = gicv3_lpi_read(s, cpu, off, size);
    }
    return MEM_OK;
}

static MemResult gicv3_redist_store(Gicv3 *s, unsigned cpu, uint64_t off, unsigned size,
                                    uint64_t val)
{
    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    if (off >= SGI_FRAME) {
        for (unsigned i = 0; i < size; i++) {
            gicv3_byte_write(s, cpu, off - SGI_FRAME + i, false, val >> (8 * i));
        }
    } else if (off == GICR_WAKER) {
        s->waker[cpu] = val & WAKER_SLEEP;
    } else if (s->has_lpi) {
        gicv3_lpi_write(s, cpu, off, size, val);
    }
    return MEM_OK;
}

static MemResult gicv3_redist_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t *val)
{
    return gicv3_redist_load(device_as(dev, Gicv3), (unsigned)(off / REDIST_BYTES),
                             off % REDIST_BYTES, size, val);
}

static MemResult gicv3_redist_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t val)
{
    return gicv3_redist_store(device_as(dev, Gicv3), (unsigned)(off / REDIST_BYTES),
                              off % REDIST_BYTES, size, val);
}

static MemResult gicv3_high_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    return gicv3_redist_load(device_as(dev, Gicv3), LOW_CPUS + (unsigned)(off / REDIST_BYTES),
                             off % REDIST_BYTES, size, val);
}

static MemResult gicv3_high_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    return gicv3_redist_store(device_as(dev, Gicv3), LOW_CPUS + (unsigned)(off / REDIST_BYTES),
                              off % REDIST_BYTES, size, val);
}

static bool gicv3_start(Device *dev, GError **err)
{
    Gicv3 *s = device_as(dev, Gicv3);

    if (s->num_irq % 32) {
        return error_set(err, "gicv3: num-irq=%u is no multiple of 32", s->num_irq);
    }
    if (s->has_lpi) {
        gicv3_lpi_init(s);
    }
    s->intc = (CpuIntc){ &gicv3_intc_ops, dev };
    for (unsigned i = 0; i < s->num_cpu && i < machine_n_cpus(dev->machine); i++) {
        cpu_intc_attach(machine_cpu(dev->machine, i), &s->intc);
    }
    return true;
}

static void gicv3_reset(Device *dev, ResetType type)
{
    Gicv3 *s = device_as(dev, Gicv3);

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        s->edge[WORDS + cpu] = 0xffff; /* SGIs */
        s->waker[cpu] = WAKER_SLEEP;
        s->bpr0[cpu] = BPR0_MIN;
        s->bpr1[cpu] = BPR1_MIN;
    }
    if (s->has_lpi) {
        gicv3_lpi_reset(s);
    }
}

static bool gicv3_loaded(Device *dev, GError **err)
{
    Gicv3 *s = device_as(dev, Gicv3);

    if (s->has_lpi) {
        gicv3_lpi_rebuild(s);
    }
    return true;
}

static const Field gicv3_fields[] = {
    { "num-cpu", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv3, num_cpu, 4), .def = 1, .min = 1,
      .max = MAX_CPUS, .doc = "CPUs" },
    { "num-irq", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv3, num_irq, 4), .def = 288, .min = 32,
      .max = 992, .doc = "interrupts, SGIs and PPIs included; a multiple of 32" },
    { "has-lpi", FIELD_PROP, TYPE_BOOL, FIELD_AT(Gicv3, has_lpi, 1), .def = 0,
      .doc = "interrupts by message: LPIs and the translation service (ITS)" },
    STATE_U32(Gicv3, ctlr, .max = 3),
    STATE_ARRAY(Gicv3, enabled),
    STATE_ARRAY(Gicv3, pending),
    STATE_ARRAY(Gicv3, active),
    STATE_ARRAY(Gicv3, level, .no_reset = true),
    STATE_ARRAY(Gicv3, group),
    STATE_ARRAY(Gicv3, edge),
    STATE_ARRAY(Gicv3, prio),
    STATE_ARRAY(Gicv3, route),
    STATE_ARRAY(Gicv3, waker),
    STATE_ARRAY(Gicv3, pmr),
    STATE_ARRAY(Gicv3, bpr0, .max = 7),
    STATE_ARRAY(Gicv3, bpr1, .max = 7),
    STATE_ARRAY(Gicv3, icc_ctlr),
    STATE_ARRAY(Gicv3, igrpen0),
    STATE_ARRAY(Gicv3, igrpen1),
    STATE_ARRAY(Gicv3, ap0r),
    STATE_ARRAY(Gicv3, ap1r),
    STATE_ARRAY(Gicv3, redist_ctlr, .optional = true, .max = GICR_CTLR_LPIS),
    STATE_ARRAY(Gicv3, propbaser, .optional = true),
    STATE_ARRAY(Gicv3, pendbaser, .optional = true),
    SCRATCH(Gicv3, n_lpi_words),
    STATE_ARRAY_DYN(Gicv3, lpi_pending, n_lpi_words, .optional = true),
    SCRATCH(Gicv3, lpis),
    STATE_U32(Gicv3, its_ctlr, .optional = true, .max = 1),
    STATE_U32(Gicv3, its_cwriter, .optional = true, .max = 0xfffff),
    STATE_U32(Gicv3, its_creadr, .optional = true, .max = 0xfffff),
    STATE_U64(Gicv3, its_cbaser, .optional = true),
    STATE_ARRAY(Gicv3, its_baser, .optional = true),
    SCRATCH(Gicv3, intc),
    PIN_IN("spi", gicv3_spi, .count = MAX_IRQS - 32, .doc = "shared interrupts, from id 32"),
    PIN_IN("ppi", gicv3_ppi, .count = MAX_CPUS * 16, .doc = "16 a CPU, from id 16"),
    PIN_OUT(Gicv3, irq),
    PIN_OUT(Gicv3, fiq),
};

static const RegionType gicv3_regions[] = {
    { .name = "distributor", .size = 0x10000, .read = gicv3_dist_read, .write = gicv3_dist_write },
    { .name = "redistributors",
      .size = LOW_CPUS * REDIST_BYTES,
      .read = gicv3_redist_read,
      .write = gicv3_redist_write },
    { .name = "its", .size = ITS_BYTES, .read = gicv3_its_read, .write = gicv3_its_write },
    { .name = "redistributors-high",
      .size = (MAX_CPUS - LOW_CPUS) * REDIST_BYTES,
      .read = gicv3_high_read,
      .write = gicv3_high_write },
};

const DeviceType device_arm_gicv3 = {
    .name = "arm-gicv3",
    .doc = "Arm GICv3 interrupt controller",
    .size = sizeof(Gicv3),
    .regions = gicv3_regions,
    .n_regions = ARRAY_SIZE(gicv3_regions),
    .fields = TABLE(gicv3_fields),
    .start = gicv3_start,
    .reset = gicv3_reset,
    .loaded = gicv3_loaded,
    .settle = gicv3_settle,
};
