/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the GICv3 share. */
#ifndef HW_INTC_GICV3_PRIV_H
#define HW_INTC_GICV3_PRIV_H

#include "core/cpu.h"
#include "core/device.h"
#include "core/intc.h"

enum {
    MAX_CPUS = 128,
    MAX_IRQS = 1020,
    WORDS = 32, /* of 32 interrupts; word 0 of a CPU lies behind them */
    ALL_WORDS = WORDS + MAX_CPUS,
    ID_SPECIAL = 1020,
    ID_SPURIOUS = 1023,
    PRIO_IDLE = 0xff,
    PRIO_MASK = 0xf8, /* 32 levels */
    BPR0_MIN = 2,
    BPR1_MIN = 3,
    REDIST_BYTES = 0x20000,
    SGI_FRAME = 0x10000,

    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_ICENABLER = 0x0180,
    GICD_ISPENDR = 0x0200,
    GICD_ICPENDR = 0x0280,
    GICD_ISACTIVER = 0x0300,
    GICD_ICACTIVER = 0x0380,
    GICD_IPRIORITYR = 0x0400,
    GICD_ITARGETSR = 0x0800, /* RES0 with affinity routing */
    GICD_ICFGR = 0x0c00,
    GICD_IROUTER = 0x6000,
    GIC_PIDR = 0xffd0, /* PIDR4 to CIDR3 */

    GICR_CTLR = 0x0000,
    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_WAKER = 0x0014,

    CTLR_GRP0 = 1 << 0,
    CTLR_GRP1 = 1 << 1,
    CTLR_ARE = 1 << 4,
    CTLR_DS = 1 << 6,
    WAKER_SLEEP = 1 << 1,
    WAKER_ASLEEP = 1 << 2,
    ICC_CTLR_CBPR = 1 << 0,
    ICC_CTLR_EOIMODE = 1 << 1,
};

#define ROUTE_ANY BIT(31)

typedef struct Gicv3 {
    Device dev;
    uint32_t num_cpu, num_irq;
    uint32_t ctlr;
    /* Bit per interrupt; gicv3_word finds the word. */
    uint32_t enabled[ALL_WORDS], pending[ALL_WORDS], active[ALL_WORDS], level[ALL_WORDS];
    uint32_t group[ALL_WORDS], edge[ALL_WORDS];
    uint8_t prio[MAX_CPUS * 32 + MAX_IRQS]; /* banked ones first, by CPU */
    uint64_t route[MAX_IRQS];
    uint32_t waker[MAX_CPUS];
    uint32_t pmr[MAX_CPUS], bpr0[MAX_CPUS], bpr1[MAX_CPUS], icc_ctlr[MAX_CPUS];
    uint32_t igrpen0[MAX_CPUS], igrpen1[MAX_CPUS];
    uint32_t ap0r[MAX_CPUS], ap1r[MAX_CPUS]; /* bit per active priority level */
    CpuIntc intc;
    Irq irq[MAX_CPUS], fiq[MAX_CPUS];
} Gicv3;

/* The most urgent pending interrupt of a CPU. */
typedef struct GicBest {
    unsigned id, prio, group;
} GicBest;

static inline unsigned gicv3_word(unsigned cpu, unsigned w)
{
    return w ? w : WORDS + cpu;
}

/* Aff3.Aff2.Aff1.Aff0 of a CPU: sixteen to a cluster, as SGIs can address them. */
static inline uint32_t gicv3_affinity(unsigned cpu)
{
    return (cpu / 16) << 8 | cpu % 16;
}

bool gicv3_bit(const uint32_t *words, unsigned cpu, unsigned id);
void gicv3_bit_put(uint32_t *words, unsigned cpu, unsigned id, bool on);
uint8_t *gicv3_prio(Gicv3 *s, unsigned cpu, unsigned id);
uint32_t gicv3_pending_word(const Gicv3 *s, unsigned i);
GicBest gicv3_best(Gicv3 *s, unsigned cpu);
unsigned gicv3_group_mask(const Gicv3 *s, unsigned cpu, unsigned group);
unsigned gicv3_running(const Gicv3 *s, unsigned cpu);
bool gicv3_can_signal(const Gicv3 *s, unsigned cpu, const GicBest *b);

/* ICC_* registers: gicv3-cpu.c */
extern const CpuIntcOps gicv3_intc_ops;

#endif
