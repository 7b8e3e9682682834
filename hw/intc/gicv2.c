/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv2: distributor and CPU interfaces for up to eight CPUs, without the security and
 * virtualization extensions, as a GIC-400 with 32 priority levels has them.
 * Spec: Arm Generic Interrupt Controller Architecture version 2.0, IHI 0048B, ch. 3 and 4.
 */
#include "core/device.h"

enum {
    MAX_CPUS = 8,
    MAX_IRQS = 1020,
    WORDS = 32, /* of 32 interrupts; word 0 of a CPU lies behind them */
    ALL_WORDS = WORDS + MAX_CPUS,
    ID_SPURIOUS = 1023,
    ID_OTHER_GROUP = 1022,
    PRIO_IDLE = 0xff,
    PRIO_MASK = 0xf8,
    BPR_MIN = 2,

    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100,
    GICD_ICENABLER = 0x180,
    GICD_ISPENDR = 0x200,
    GICD_ICPENDR = 0x280,
    GICD_ISACTIVER = 0x300,
    GICD_ICACTIVER = 0x380,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,

    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR0 = 0xd0,
    GICC_NSAPR0 = 0xe0,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,

    CTLR_GRP0 = 1 << 0,
    CTLR_GRP1 = 1 << 1,
    CTLR_ACK = 1 << 2,
    CTLR_FIQ = 1 << 3,
    CTLR_CBPR = 1 << 4,
    CTLR_EOIMODE = 1 << 9,
    CTLR_ALL = 0x27f,
};

typedef struct Gicv2 {
    Device dev;
    uint32_t num_cpu, num_irq;
    uint32_t ctlr;
    /* Bit per interrupt; gicv2_word finds the word. */
    uint32_t enabled[ALL_WORDS], pending[ALL_WORDS], active[ALL_WORDS], level[ALL_WORDS];
    uint32_t group[ALL_WORDS], edge[ALL_WORDS];
    uint8_t prio[MAX_CPUS * 32 + MAX_IRQS]; /* banked ones first, by CPU */
    uint8_t target[MAX_IRQS];               /* mask of CPUs; SPIs only */
    uint8_t sgi_from[MAX_CPUS * 16];        /* mask of sources that wait, by receiver and SGI */
    uint32_t cc_ctlr[MAX_CPUS], pmr[MAX_CPUS], bpr[MAX_CPUS], abpr[MAX_CPUS];
    uint32_t apr[MAX_CPUS], nsapr[MAX_CPUS]; /* bit per active priority level of group 0 and 1 */
    Irq irq[MAX_CPUS], fiq[MAX_CPUS];
} Gicv2;

/* The most urgent pending interrupt of a CPU. */
typedef struct Best {
    unsigned id;
    unsigned prio;
    unsigned group;
} Best;

static unsigned gicv2_word(unsigned cpu, unsigned w)
{
    return w ? w : WORDS + cpu;
}

static uint8_t *gicv2_prio(Gicv2 *s, unsigned cpu, unsigned id)
{
    return &s->prio[id < 32 ? cpu * 32 + id : MAX_CPUS * 32 + id - 32];
}

static bool gicv2_bit(const uint32_t *words, unsigned cpu, unsigned id)
{
    return words[gicv2_word(cpu, id / 32)] >> (id % 32) & 1;
}

static void gicv2_bit_put(uint32_t *words, unsigned cpu, unsigned id, bool on)
{
    uint32_t *w = &words[gicv2_word(cpu, id / 32)];

    *w = on ? *w | 1u << (id % 32) : *w & ~(1u << (id % 32));
}

static bool gicv2_is_for(const Gicv2 *s, unsigned cpu, unsigned id)
{
    return id < 32 || s->num_cpu == 1 || (s->target[id] >> cpu & 1);
}

/* Pending state of a word: the latch, and the line where the interrupt is level-sensitive. */
static uint32_t gicv2_pending_word(const Gicv2 *s, unsigned i)
{
    return s->pending[i] | (s->level[i] & ~s->edge[i]);
}

static Best gicv2_best(Gicv2 *s, unsigned cpu)
{
    Best best = { ID_SPURIOUS, PRIO_IDLE, 0 };

    for (unsigned w = 0; w * 32 < s->num_irq; w++) {
        unsigned i = gicv2_word(cpu, w);
        uint32_t cand = gicv2_pending_word(s, i) & s->enabled[i] & ~s->active[i];

        cand &= (s->ctlr & CTLR_GRP0 ? ~s->group[i] : 0) | (s->ctlr & CTLR_GRP1 ? s->group[i] : 0);
        for (; cand; cand &= cand - 1) {
            unsigned id = w * 32 + __builtin_ctz(cand);
            unsigned prio;

            if (id >= s->num_irq || !gicv2_is_for(s, cpu, id)) {
                continue;
            }
            prio = *gicv2_prio(s, cpu, id);
            if (prio < best.prio) {
                best = (Best){ id, prio, s->group[i] >> (id % 32) & 1 };
            }
        }
    }
    return best;
}

/* The bits of a priority that decide about preemption in @group. */
static unsigned gicv2_group_mask(const Gicv2 *s, unsigned cpu, unsigned group)
{
    unsigned bpr = s->bpr[cpu];

    if (group && !(s->cc_ctlr[cpu] & CTLR_CBPR)) {
        bpr = s->abpr[cpu] ? s->abpr[cpu] - 1 : 0;
    }
    return (0xffu << (bpr + 1)) & PRIO_MASK;
}

static unsigned gicv2_running(const Gicv2 *s, unsigned cpu)
{
    uint32_t all = s->apr[cpu] | s->nsapr[cpu];

    return all ? (unsigned)__builtin_ctz(all) << 3 : PRIO_IDLE;
}

static bool gicv2_can_signal(const Gicv2 *s, unsigned cpu, const Best *b)
{
    return b->id < ID_OTHER_GROUP && b->prio < s->pmr[cpu] &&
           (s->cc_ctlr[cpu] & (b->group ? CTLR_GRP1 : CTLR_GRP0)) &&
           (b->prio & gicv2_group_mask(s, cpu, b->group)) < gicv2_running(s, cpu);
}

static void gicv2_settle(Device *dev)
{
    Gicv2 *s = device_as(dev, Gicv2);

    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        Best b = gicv2_best(s, cpu);
        bool on = gicv2_can_signal(s, cpu, &b);
        bool is_fiq = !b.group && (s->cc_ctlr[cpu] & CTLR_FIQ);

        irq_set(&s->irq[cpu], on && !is_fiq);
        irq_set(&s->fiq[cpu], on && is_fiq);
    }
}

static void gicv2_line(Gicv2 *s, unsigned cpu, unsigned id, bool level)
{
    if (id >= s->num_irq) {
        return;
    }
    if (level && gicv2_bit(s->edge, cpu, id) && !gicv2_bit(s->level, cpu, id)) {
        gicv2_bit_put(s->pending, cpu, id, true);
    }
    gicv2_bit_put(s->level, cpu, id, level);
}

static void gicv2_spi(Device *dev, unsigned n, bool level)
{
    gicv2_line(device_as(dev, Gicv2), 0, 32 + n, level);
}

static void gicv2_ppi(Device *dev, unsigned n, bool level)
{
    gicv2_line(device_as(dev, Gicv2), n / 16, 16 + n % 16, level);
}

/* ---- CPU interface ---- */

static uint32_t gicv2_acknowledge(Gicv2 *s, unsigned cpu, bool aliased)
{
    Best b = gicv2_best(s, cpu);
    uint32_t source = 0;
    uint32_t level;

    if (!gicv2_can_signal(s, cpu, &b)) {
        return ID_SPURIOUS;
    }
    if (aliased && !b.group) {
        return ID_SPURIOUS;
    }
    if (!aliased && b.group && !(s->cc_ctlr[cpu] & CTLR_ACK)) {
        return ID_OTHER_GROUP;
    }
    level = 1u << ((b.prio & gicv2_group_mask(s, cpu, b.group)) >> 3);
    *(b.group ? &s->nsapr[cpu] : &s->apr[cpu]) |= level;
    gicv2_bit_put(s->active, cpu, b.id, true);
    if (b.id < 16) {
        uint8_t *from = &s->sgi_from[cpu * 16 + b.id];

        source = *from ? __builtin_ctz(*from) : 0;
        *from &= *from - 1;
        gicv2_bit_put(s->pending, cpu, b.id, *from != 0);
    } else {
        gicv2_bit_put(s->pending, cpu, b.id, false);
    }
    return b.id | source << 10;
}

static uint32_t gicv2_highest(Gicv2 *s, unsigned cpu, bool aliased)
{
    Best b = gicv2_best(s, cpu);

    if (b.id >= ID_OTHER_GROUP || (aliased && !b.group)) {
        return ID_SPURIOUS;
    }
    if (!aliased && b.group && !(s->cc_ctlr[cpu] & CTLR_ACK)) {
        return ID_OTHER_GROUP;
    }
    return b.id < 16
               ? b.id | (uint32_t)__builtin_ctz(s->sgi_from[cpu * 16 + b.id] | 0x100) % 8 << 10
               : b.id;
}

static void gicv2_deactivate(Gicv2 *s, unsigned cpu, uint32_t val)
{
    unsigned id = val & 0x3ff;

    if (id < s->num_irq) {
        gicv2_bit_put(s->active, cpu, id, false);
    }
}

static void gicv2_end(Gicv2 *s, unsigned cpu, uint32_t val)
{
    unsigned id = val & 0x3ff;
    uint32_t *apr = &s->apr[cpu], *nsapr = &s->nsapr[cpu];

    if (id >= s->num_irq) {
        return;
    }
    if (*nsapr && (!*apr || __builtin_ctz(*nsapr) < __builtin_ctz(*apr))) {
        *nsapr &= *nsapr - 1;
    } else if (*apr) {
        *apr &= *apr - 1;
    }
    if (!(s->cc_ctlr[cpu] & CTLR_EOIMODE)) {
        gicv2_deactivate(s, cpu, val);
    }
}

static MemResult gicv2_cpu_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    Gicv2 *s = device_as(dev, Gicv2);
    unsigned cpu = attrs.requester;

    *val = 0;
    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    switch (off) {
    case GICC_CTLR:
        *val = s->cc_ctlr[cpu];
        break;
    case GICC_PMR:
        *val = s->pmr[cpu];
        break;
    case GICC_BPR:
        *val = s->bpr[cpu];
        break;
    case GICC_IAR:
        *val = gicv2_acknowledge(s, cpu, false);
        break;
    case GICC_AIAR:
        *val = gicv2_acknowledge(s, cpu, true);
        break;
    case GICC_RPR:
        *val = gicv2_running(s, cpu);
        break;
    case GICC_HPPIR:
        *val = gicv2_highest(s, cpu, false);
        break;
    case GICC_AHPPIR:
        *val = gicv2_highest(s, cpu, true);
        break;
    case GICC_ABPR:
        *val = s->abpr[cpu];
        break;
    case GICC_APR0:
        *val = s->apr[cpu];
        break;
    case GICC_NSAPR0:
        *val = s->nsapr[cpu];
        break;
    case GICC_IIDR:
        *val = 0x0202143b; /* GIC-400: architecture 2, Arm */
        break;
    default:
        guest_error(dev, "read of the CPU interface at 0x%" G_GINT64_MODIFIER "x", off);
        break;
    }
    return MEM_OK;
}

static MemResult gicv2_cpu_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    Gicv2 *s = device_as(dev, Gicv2);
    unsigned cpu = attrs.requester;

    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    switch (off) {
    case GICC_CTLR:
        s->cc_ctlr[cpu] = val & CTLR_ALL;
        break;
    case GICC_PMR:
        s->pmr[cpu] = val & PRIO_MASK;
        break;
    case GICC_BPR:
        s->bpr[cpu] = max_u64(val & 7, BPR_MIN);
        break;
    case GICC_EOIR:
    case GICC_AEOIR:
        gicv2_end(s, cpu, val);
        break;
    case GICC_ABPR:
        s->abpr[cpu] = max_u64(val & 7, BPR_MIN + 1);
        break;
    case GICC_APR0:
        s->apr[cpu] = val;
        break;
    case GICC_NSAPR0:
        s->nsapr[cpu] = val;
        break;
    case GICC_APR0 + 4 ... GICC_APR0 + 12:
    case GICC_NSAPR0 + 4 ... GICC_NSAPR0 + 12:
        break; /* not implemented with 32 levels: write ignored */
    case GICC_DIR:
        if (s->cc_ctlr[cpu] & CTLR_EOIMODE) {
            gicv2_deactivate(s, cpu, val);
        }
        break;
    default:
        guest_error(dev, "write of the CPU interface at 0x%" G_GINT64_MODIFIER "x", off);
        break;
    }
    return MEM_OK;
}

/* ---- Distributor ---- */

static void gicv2_sgi_send(Gicv2 *s, unsigned cpu, uint32_t val)
{
    unsigned filter = val >> 24 & 3, id = val & 15;
    unsigned targets = filter == 0   ? val >> 16 & 0xff
                       : filter == 1 ? ~(1u << cpu)
                       : filter == 2 ? 1u << cpu
                                     : 0;

    for (unsigned to = 0; to < s->num_cpu; to++) {
        if (targets >> to & 1) {
            s->sgi_from[to * 16 + id] |= 1u << cpu;
            gicv2_bit_put(s->pending, to, id, true);
        }
    }
}

/* One byte of the arrays of a bit an interrupt. */
static uint8_t gicv2_bits_read(Gicv2 *s, unsigned cpu, unsigned bank, unsigned i, unsigned shift)
{
    switch (bank) {
    case GICD_IGROUPR:
        return s->group[i] >> shift;
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        return (s->enabled[i] | (i >= WORDS ? 0xffff : 0)) >> shift;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        return gicv2_pending_word(s, i) >> shift;
    default:
        return s->active[i] >> shift;
    }
}

static void gicv2_bits_write(Gicv2 *s, unsigned bank, unsigned i, unsigned shift, uint8_t val)
{
    uint32_t bits = (uint32_t)val << shift;
    uint32_t not_sgi = i >= WORDS ? 0xffff0000 : 0xffffffff;

    switch (bank) {
    case GICD_IGROUPR:
        s->group[i] = (s->group[i] & ~(0xffu << shift)) | bits;
        break;
    case GICD_ISENABLER:
        s->enabled[i] |= bits;
        break;
    case GICD_ICENABLER:
        s->enabled[i] &= ~(bits & not_sgi);
        break;
    case GICD_ISPENDR: /* SGIs go by SPENDSGIR */
        s->pending[i] |= bits & not_sgi;
        break;
    case GICD_ICPENDR:
        s->pending[i] &= ~(bits & not_sgi);
        break;
    case GICD_ISACTIVER:
        s->active[i] |= bits;
        break;
    default:
        s->active[i] &= ~bits;
        break;
    }
}

static uint8_t gicv2_dist_byte(Gicv2 *s, unsigned cpu, unsigned off)
{
    unsigned id;

    if (off >= GICD_IGROUPR && off < GICD_IPRIORITYR) {
        unsigned w = off % 0x80 / 4;

        if (w * 32 >= s->num_irq) {
            return 0;
        }
        return gicv2_bits_read(s, cpu, off & ~0x7fu, gicv2_word(cpu, w), off % 4 * 8);
    }
    if (off >= GICD_IPRIORITYR && off < GICD_IPRIORITYR + MAX_IRQS) {
        id = off - GICD_IPRIORITYR;
        return id < s->num_irq ? *gicv2_prio(s, cpu, id) : 0;
    }
    if (off >= GICD_ITARGETSR && off < GICD_ITARGETSR + MAX_IRQS) {
        id = off - GICD_ITARGETSR;
        if (id >= s->num_irq || s->num_cpu == 1) {
            return 0;
        }
        return id < 32 ? 1u << cpu : s->target[id];
    }
    if (off >= GICD_ICFGR && off < GICD_ICFGR + 0x100) {
        uint8_t v = 0;

        id = (off - GICD_ICFGR) * 4;
        for (unsigned k = 0; k < 4; k++) {
            v |= id + k < s->num_irq && gicv2_bit(s->edge, cpu, id + k) ? 2u << (k * 2) : 0;
        }
        return v;
    }
    if (off >= GICD_CPENDSGIR && off < GICD_CPENDSGIR + 32) {
        return s->sgi_from[cpu * 16 + off % 16];
    }
    switch (off & ~3u) { /* identification of a GIC-400 */
    case 0xfd0:
        return off & 3 ? 0 : 0x04;
    case 0xfe0:
        return off & 3 ? 0 : 0x90;
    case 0xfe4:
        return off & 3 ? 0 : 0xb4;
    case 0xfe8:
        return off & 3 ? 0 : 0x2b;
    case 0xff0:
        return off & 3 ? 0 : 0x0d;
    case 0xff4:
        return off & 3 ? 0 : 0xf0;
    case 0xff8:
        return off & 3 ? 0 : 0x05;
    case 0xffc:
        return off & 3 ? 0 : 0xb1;
    default:
        return 0;
    }
}

static MemResult gicv2_dist_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    Gicv2 *s = device_as(dev, Gicv2);
    unsigned cpu = attrs.requester;

    *val = 0;
    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    switch (off) {
    case GICD_CTLR:
        *val = s->ctlr;
        return MEM_OK;
    case GICD_TYPER:
        *val = (s->num_irq / 32 - 1) | (s->num_cpu - 1) << 5;
        return MEM_OK;
    case GICD_IIDR:
        *val = 0x0200143b;
        return MEM_OK;
    }
    for (unsigned i = 0; i < size; i++) {
        *val |= (uint64_t)gicv2_dist_byte(s, cpu, off + i) << (8 * i);
    }
    return MEM_OK;
}

static void gicv2_dist_put(Gicv2 *s, unsigned cpu, unsigned off, uint8_t val)
{
    unsigned id;

    if (off >= GICD_IGROUPR && off < GICD_IPRIORITYR) {
        unsigned w = off % 0x80 / 4;

        if (w * 32 < s->num_irq) {
            gicv2_bits_write(s, off & ~0x7fu, gicv2_word(cpu, w), off % 4 * 8, val);
        }
    } else if (off >= GICD_IPRIORITYR && off < GICD_IPRIORITYR + MAX_IRQS) {
        id = off - GICD_IPRIORITYR;
        if (id < s->num_irq) {
            *gicv2_prio(s, cpu, id) = val & PRIO_MASK;
        }
    } else if (off >= GICD_ITARGETSR + 32 && off < GICD_ITARGETSR + MAX_IRQS) {
        id = off - GICD_ITARGETSR;
        if (id < s->num_irq) {
            s->target[id] = val & bits_mask(s->num_cpu);
        }
    } else if (off >= GICD_ICFGR + 8 && off < GICD_ICFGR + 0x100) {
        id = (off - GICD_ICFGR) * 4;
        for (unsigned k = 0; k < 4 && id + k < s->num_irq; k++) {
            gicv2_bit_put(s->edge, cpu, id + k, val >> (k * 2 + 1) & 1);
        }
    } else if (off >= GICD_CPENDSGIR && off < GICD_SPENDSGIR + 16) {
        uint8_t *from = &s->sgi_from[cpu * 16 + off % 16];

        *from = off < GICD_SPENDSGIR ? *from & ~val : *from | (val & bits_mask(s->num_cpu));
        gicv2_bit_put(s->pending, cpu, off % 16, *from != 0);
    }
}

static MemResult gicv2_dist_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    Gicv2 *s = device_as(dev, Gicv2);
    unsigned cpu = attrs.requester;

    if (cpu >= s->num_cpu) {
        return MEM_OK;
    }
    if (off == GICD_CTLR) {
        s->ctlr = val & (CTLR_GRP0 | CTLR_GRP1);
    } else if (off == GICD_SGIR && size == 4) {
        gicv2_sgi_send(s, cpu, val);
    } else {
        for (unsigned i = 0; i < size; i++) {
            gicv2_dist_put(s, cpu, off + i, val >> (8 * i));
        }
    }
    return MEM_OK;
}

static bool gicv2_start(Device *dev, GError **err)
{
    Gicv2 *s = device_as(dev, Gicv2);

    if (s->num_irq % 32) {
        return error_set(err, "gicv2: num-irq=%u is no multiple of 32", s->num_irq);
    }
    return true;
}

static void gicv2_reset(Device *dev, ResetType type)
{
    Gicv2 *s = device_as(dev, Gicv2);

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        s->enabled[WORDS + cpu] = 0xffff; /* SGIs are always enabled and edge-triggered */
        s->edge[WORDS + cpu] = 0xffff;
        s->bpr[cpu] = BPR_MIN;
        s->abpr[cpu] = BPR_MIN + 1;
    }
}

/* Levels of lines are kept: the pins still have them. */
static const Field gicv2_fields[] = {
    { "num-cpu", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv2, num_cpu, 4), .def = 1, .min = 1,
      .max = MAX_CPUS, .doc = "CPUs" },
    { "num-irq", FIELD_PROP, TYPE_U32, FIELD_AT(Gicv2, num_irq, 4), .def = 288, .min = 32,
      .max = 992, .doc = "interrupts, SGIs and PPIs included; a multiple of 32" },
    STATE_U32(Gicv2, ctlr, .max = 3),
    STATE_ARRAY(Gicv2, enabled),
    STATE_ARRAY(Gicv2, pending),
    STATE_ARRAY(Gicv2, active),
    STATE_ARRAY(Gicv2, level, .no_reset = true),
    STATE_ARRAY(Gicv2, group),
    STATE_ARRAY(Gicv2, edge),
    STATE_ARRAY(Gicv2, prio),
    STATE_ARRAY(Gicv2, target),
    STATE_ARRAY(Gicv2, sgi_from),
    STATE_ARRAY(Gicv2, cc_ctlr),
    STATE_ARRAY(Gicv2, pmr),
    STATE_ARRAY(Gicv2, bpr, .max = 7),
    STATE_ARRAY(Gicv2, abpr, .max = 7),
    STATE_ARRAY(Gicv2, apr),
    STATE_ARRAY(Gicv2, nsapr),
    PIN_IN("spi", gicv2_spi, .count = MAX_IRQS - 32, .doc = "shared interrupts, from id 32"),
    PIN_IN("ppi", gicv2_ppi, .count = MAX_CPUS * 16, .doc = "16 a CPU, from id 16"),
    PIN_OUT(Gicv2, irq),
    PIN_OUT(Gicv2, fiq),
};

static const RegionType gicv2_regions[] = {
    { .name = "distributor",
      .size = 0x1000,
      .read = gicv2_dist_read,
      .write = gicv2_dist_write,
      .access_max = 4 },
    { .name = "cpu",
      .size = 0x2000,
      .read = gicv2_cpu_read,
      .write = gicv2_cpu_write,
      .access_min = 4,
      .access_max = 4 },
};

const DeviceType device_arm_gic = {
    .name = "arm_gic",
    .doc = "Arm GICv2 interrupt controller",
    .size = sizeof(Gicv2),
    .regions = gicv2_regions,
    .n_regions = ARRAY_SIZE(gicv2_regions),
    .fields = TABLE(gicv2_fields),
    .start = gicv2_start,
    .reset = gicv2_reset,
    .settle = gicv2_settle,
};
